//! Runs the statements of a plan, as the generated code will: what is not in scope cannot be read, nor
//! what lies outside an array.

use super::matrices;
use super::number::{apply, Real, Rounded};
use super::{Fuel, Point};
use crate::ir::{Affine, Expr, Index, Map, Node, Program, Symbol, Tensor};
use crate::lower::{Factor, Plan, Stmt};
use crate::ops::Op;

/// Why a plan has no result.
#[derive(Debug)]
pub enum Stop {
    /// It does what generated code may not.
    Fault(String),
    /// There is no more fuel.
    Exhausted,
}

type Run<T = ()> = Result<T, Stop>;

/// What a tensor holds.
struct Buffer {
    shape: Vec<usize>,
    elements: Vec<Rounded>,
}

/// What a scope declared.
enum Declared {
    Local(Expr),
    Tensor(Tensor),
}

/// The results of a plan, in their order.
pub fn run(plan: &Plan, point: &Point, parameters: &Map<Tensor, Vec<Rounded>>, fuel: &mut Fuel) -> Run<Vec<Vec<Rounded>>> {
    let program = &plan.program;
    let mut local = vec![false; program.arena.len()];
    plan.locals.keys().for_each(|e| local[e.at()] = true);
    let mut machine = Machine {
        plan,
        program,
        point,
        local,
        values: vec![None; program.arena.len()],
        tensors: program.tensors.iter().map(|_| None).collect(),
        indices: vec![None; program.indices.len()],
        factored: Vec::new(),
        declared: Vec::new(),
        fuel,
    };
    for (t, elements) in parameters {
        let shape = program.info(*t).shape.iter().map(|n| point.length(n)).collect();
        machine.tensors[t.0 as usize] = Some(Buffer { shape, elements: elements.clone() });
    }
    machine.statements(&plan.body)?;
    program.results().map(|t| machine.buffer(t).map(|b| b.elements.clone())).collect()
}

struct Machine<'a> {
    plan: &'a Plan,
    program: &'a Program,
    point: &'a Point,
    local: Vec<bool>,
    values: Vec<Option<Rounded>>,
    tensors: Vec<Option<Buffer>>,
    indices: Vec<Option<i64>>,
    factored: Vec<(Tensor, &'static str)>,
    declared: Vec<Declared>,
    fuel: &'a mut Fuel,
}

impl Machine<'_> {
    fn statements(&mut self, statements: &[Stmt]) -> Run {
        statements.iter().try_for_each(|s| self.statement(s))
    }

    /// Statements in a scope of their own, and what is computed at its end.
    fn scope<T>(&mut self, statements: &[Stmt], end: impl FnOnce(&mut Self) -> Run<T>) -> Run<T> {
        let outside = self.declared.len();
        self.statements(statements)?;
        let result = end(self);
        self.close(outside);
        result
    }

    fn close(&mut self, outside: usize) {
        for declared in self.declared.drain(outside..) {
            match declared {
                Declared::Local(e) => self.values[e.at()] = None,
                Declared::Tensor(t) => self.tensors[t.0 as usize] = None,
            }
        }
    }

    fn statement(&mut self, statement: &Stmt) -> Run {
        match statement {
            Stmt::Let(e) => {
                let value = self.compute(*e)?;
                self.define(*e, value);
            }
            Stmt::SinCos(sin, cos) => {
                let argument = self.expr(self.program.arena[*sin].children()[0])?;
                self.define(*sin, argument.unary(Op::Sin));
                self.define(*cos, argument.unary(Op::Cos));
            }
            Stmt::Branch(e, then, otherwise) => {
                let (op, args) = self.program.arena.as_apply(*e).expect("a branch is an operation");
                let condition = self.expr(args[0])?;
                // of `&&` and `||`, only one arm has an operand
                let (arm, result) = match (condition.value != 0.0, op) {
                    (true, Op::Or) | (false, Op::And) => (then, None),
                    (true, _) => (then, Some(args[1])),
                    (false, Op::Or) => (otherwise, Some(args[1])),
                    (false, _) => (otherwise, Some(args[2])),
                };
                let value = match result {
                    Some(result) => self.scope(arm, |machine| machine.expr(result))?,
                    None => Rounded::new(condition.value),
                };
                self.define(*e, condition.select(value, value));
            }
            Stmt::Total(..) => self.totals(std::slice::from_ref(statement))?,
            Stmt::Totals(all) => self.totals(all)?,
            Stmt::Group(inner, results) => {
                let values: Vec<Rounded> = self.scope(inner, |machine| results.iter().map(|e| machine.expr(*e)).collect())?;
                results.iter().zip(values).for_each(|(e, value)| self.define(*e, value));
            }
            Stmt::Scalar(t, e) | Stmt::Carry(t, e) => {
                let value = self.expr(*e)?;
                self.declare(*t, Vec::new(), vec![value]);
            }
            Stmt::Advance(t, next) => {
                let elements = self.buffer(*next)?.elements.clone();
                self.buffer_mut(*t)?.elements = elements;
            }
            Stmt::Product(t, factors) => self.product(*t, factors)?,
            Stmt::Factor(t, kind) => {
                self.buffer(*t)?;
                self.factored.push((*t, kind));
            }
            Stmt::Intrinsic(t, f, arguments) => {
                if !self.factored.contains(&(arguments[0], f.entry().method.0)) {
                    return fault("a matrix is not factored where it is used");
                }
                let n = self.buffer(arguments[0])?.shape[0];
                self.burn(n * n * n)?;
                let b = arguments.get(1).map_or(Ok(&[] as &[Rounded]), |t| self.buffer(*t).map(|b| b.elements.as_slice()))?;
                let values = matrices::intrinsic(*f, &self.buffer(arguments[0])?.elements, b, n);
                match f.entry().result {
                    [] => self.declare(*t, Vec::new(), values),
                    _ => self.buffer_mut(*t)?.elements = values,
                }
            }
            Stmt::Allocate(t) => self.fill(*t, Rounded::new(0.0))?,
            Stmt::Fill(t, e) => {
                let value = self.expr(*e)?;
                self.fill(*t, value)?;
            }
            Stmt::Literal(t, es) => {
                let values = es.iter().map(|e| self.expr(*e)).collect::<Run<Vec<Rounded>>>()?;
                let shape = self.shape(*t);
                self.declare(*t, shape, values);
            }
            Stmt::Loop(i, inner) => {
                for k in 0..self.affine(self.program.length(*i))? {
                    self.burn(1)?;
                    self.indices[i.0 as usize] = Some(k);
                    self.scope(inner, |_| Ok(()))?;
                }
                self.indices[i.0 as usize] = None;
            }
            Stmt::Guard(c, inner) => {
                let condition = self.expr(*c)?;
                if condition.value != 0.0 {
                    self.scope(inner, |_| Ok(()))?;
                }
            }
            Stmt::Store { tensor, at, value, add } => {
                let value = self.expr(*value)?;
                let flat = self.flat(*tensor, at)?;
                let element = &mut self.buffer_mut(*tensor)?.elements[flat];
                *element = if *add { *element + value } else { value };
            }
        }
        Ok(())
    }

    /// Sums over one length, in one loop: in a round, what one computes the next may read.
    fn totals(&mut self, all: &[Stmt]) -> Run {
        let parts: Vec<(Expr, Index, Expr, &[Stmt])> = all
            .iter()
            .filter_map(|s| match s {
                Stmt::Total(e, inner) => match self.program.arena[*e] {
                    Node::Named(i, body) => Some((*e, i, body, inner.as_slice())),
                    _ => None,
                },
                _ => None,
            })
            .collect();
        let Some(first) = parts.first() else { return fault("a total is no sum") };
        let mut sums = vec![Rounded::new(0.0); parts.len()];
        for k in 0..self.affine(self.program.length(first.1))? {
            self.burn(1)?;
            let outside = self.declared.len();
            for (sum, (_, i, body, inner)) in sums.iter_mut().zip(&parts) {
                self.indices[i.0 as usize] = Some(k);
                self.statements(inner)?;
                *sum = *sum + self.expr(*body)?;
            }
            self.close(outside);
        }
        for (sum, (e, i, ..)) in sums.into_iter().zip(parts) {
            self.indices[i.0 as usize] = None;
            self.define(e, sum);
        }
        Ok(())
    }

    fn product(&mut self, t: Tensor, factors: &[Factor; 2]) -> Run {
        let [a, b] = factors;
        let shape = |f: &Factor| {
            self.buffer(f.tensor).map(|b| match (f.transposed, b.shape.as_slice()) {
                (false, &[rows, columns]) => [rows, columns, columns, 1],
                (true, &[rows, columns]) => [columns, rows, 1, columns],
                _ => [0; 4],
            })
        };
        let ([rows, inner, down, along], [other, columns, b_down, b_along]) = (shape(a)?, shape(b)?);
        if inner != other || self.buffer(t)?.shape != [rows, columns] {
            return fault("the shapes of a product of matrices do not agree");
        }
        self.burn(rows.saturating_mul(columns).saturating_mul(inner))?;
        let mut elements = Vec::with_capacity(rows * columns);
        let (a, b) = (&self.buffer(a.tensor)?.elements, &self.buffer(b.tensor)?.elements);
        for (i, j) in (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j))) {
            let terms = (0..inner).map(|k| a[i * down + k * along] * b[k * b_down + j * b_along]);
            elements.push(terms.fold(Rounded::new(0.0), |sum, term| sum + term));
        }
        self.buffer_mut(t)?.elements = elements;
        Ok(())
    }

    fn fill(&mut self, t: Tensor, value: Rounded) -> Run {
        let shape = self.shape(t);
        let count = shape.iter().fold(1_usize, |count, n| count.saturating_mul(*n));
        self.burn(count / 16)?;
        self.declare(t, shape, vec![value; count]);
        Ok(())
    }

    /// The lengths of what is held of a tensor: of a state, one round.
    fn shape(&self, t: Tensor) -> Vec<usize> {
        let held = usize::from(self.plan.carried.contains(&t));
        self.program.shape_at(t, |n| self.point.position(n, |_| 0)).split_off(held)
    }

    fn define(&mut self, e: Expr, value: Rounded) {
        self.values[e.at()] = Some(value);
        self.declared.push(Declared::Local(e));
    }

    fn declare(&mut self, t: Tensor, shape: Vec<usize>, elements: Vec<Rounded>) {
        self.tensors[t.0 as usize] = Some(Buffer { shape, elements });
        self.declared.push(Declared::Tensor(t));
    }

    fn buffer(&self, t: Tensor) -> Run<&Buffer> {
        let unknown = || Stop::Fault(format!("`{}` is read where it is not computed", self.program.info(t).name));
        self.tensors[t.0 as usize].as_ref().ok_or_else(unknown)
    }

    fn buffer_mut(&mut self, t: Tensor) -> Run<&mut Buffer> {
        let name = &self.program.info(t).name;
        self.tensors[t.0 as usize].as_mut().ok_or_else(|| Stop::Fault(format!("`{name}` is written where it is not declared")))
    }

    fn affine(&self, a: &Affine) -> Run<i64> {
        let mut known = true;
        let value = self.point.position(a, |s| match s {
            Symbol::Index(i) => self.indices[i.0 as usize].unwrap_or_else(|| {
                known = false;
                0
            }),
            Symbol::Bound(_) => {
                known = false;
                0
            }
            Symbol::Size(n) => self.point.sizes[n.0 as usize],
        });
        if known {
            Ok(value)
        } else {
            fault("the index of a loop is read outside it")
        }
    }

    /// The position of an element in memory.
    fn flat(&self, t: Tensor, at: &[Affine]) -> Run<usize> {
        let shape = &self.buffer(t)?.shape;
        let held = at.len() - shape.len().min(at.len());
        let mut flat = 0;
        for (a, n) in at[held..].iter().zip(shape) {
            match usize::try_from(self.affine(a)?) {
                Ok(k) if k < *n => flat = flat * n + k,
                _ => return fault(format!("an element of `{}` outside it is read or written", self.program.info(t).name)),
            }
        }
        Ok(flat)
    }

    fn burn(&mut self, steps: usize) -> Run {
        self.fuel.take(steps).ok_or(Stop::Exhausted)
    }

    /// The value of an expression, or of the variable that it was computed into.
    fn expr(&mut self, e: Expr) -> Run<Rounded> {
        match self.values[e.at()] {
            Some(value) => Ok(value),
            None if self.local[e.at()] => {
                fault(format!("`{}` is read where it is not computed", self.plan.locals[&e].trim_start_matches('_')))
            }
            None => self.compute(e),
        }
    }

    fn compute(&mut self, e: Expr) -> Run<Rounded> {
        let program = self.program;
        Ok(match &program.arena[e] {
            Node::Const(c) => {
                let value = Rounded::new(c.to_f64());
                // not in a scope: it is the same everywhere
                self.values[e.at()] = Some(value);
                value
            }
            Node::Integer(a) => Rounded::new(self.affine(a)? as f64),
            Node::Access(t, at) => {
                let flat = self.flat(*t, at)?;
                self.buffer(*t)?.elements[flat]
            }
            Node::Apply(Op::Select, args) => {
                self.burn(1)?;
                let condition = self.expr(args[0])?;
                let value = self.expr(if condition.value != 0.0 { args[1] } else { args[2] })?;
                condition.select(value, value)
            }
            Node::Apply(op @ (Op::And | Op::Or), args) => {
                let first = self.expr(args[0])?;
                // the second operand is not evaluated where the first decides
                if (first.value != 0.0) == (*op == Op::Or) {
                    first
                } else {
                    let second = self.expr(args[1])?;
                    apply(*op, &[first, second])
                }
            }
            Node::Apply(op, args) => {
                self.burn(1)?;
                match args.as_slice() {
                    [a] => {
                        let a = self.expr(*a)?;
                        apply(*op, &[a])
                    }
                    [a, b] => {
                        let (a, b) = (self.expr(*a)?, self.expr(*b)?);
                        apply(*op, &[a, b])
                    }
                    args => {
                        let values = args.iter().map(|a| self.expr(*a)).collect::<Run<Vec<Rounded>>>()?;
                        apply(*op, &values)
                    }
                }
            }
            Node::Delta(..) | Node::Bracket(_) | Node::Sum(..) | Node::Named(..) => {
                return fault("a delta, a bracket or a sum is no expression of Rust")
            }
        })
    }
}

fn fault<T>(what: impl Into<String>) -> Run<T> {
    Err(Stop::Fault(what.into()))
}
