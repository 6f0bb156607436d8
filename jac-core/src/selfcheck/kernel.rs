//! Runs the statements of a kernel, as the generated code will: what is not in scope cannot be read, nor
//! what lies outside a buffer, nor what was not written.

use super::matrices;
use super::number::{apply, Real, Rounded};
use super::{Fuel, Point};
use crate::ir::{Affine, Index, Map, Symbol, Tensor};
use crate::kernel::{Buffer, Home, Init, Kernel, Local, Stmt, Value};
use crate::ops::Op;

/// Why a kernel has no result.
#[derive(Debug)]
pub enum Stop {
    /// It does what generated code may not.
    Fault(String),
    /// There is no more fuel.
    Exhausted,
}

type Run<T = ()> = Result<T, Stop>;

/// What a buffer is while it is in scope.
enum Slot {
    /// Elements of its own.
    Own(Vec<usize>, Vec<Rounded>),
    /// A part of another: where that begins, and how many of its rows were given.
    Part { shape: Vec<usize>, root: Buffer, start: usize, given: usize },
}

/// What a scope declared.
enum Declared {
    Local(Local),
    Buffer(Buffer),
}

/// The results of a kernel, in their order. `memory` is what memory of the caller holds before.
pub fn run(
    kernel: &Kernel<'_>,
    point: &Point,
    parameters: &Map<Tensor, Vec<Rounded>>,
    memory: &[Vec<Rounded>],
    fuel: &mut Fuel,
) -> Run<Vec<Vec<Rounded>>> {
    let mut machine = Machine {
        kernel,
        point,
        values: vec![None; kernel.locals.len()],
        slots: kernel.buffers.iter().map(|_| None).collect(),
        indices: vec![None; kernel.program.indices.len()],
        factored: Vec::new(),
        declared: Vec::new(),
        fuel,
    };
    for (t, elements) in parameters {
        let b = Buffer::from(*t);
        machine.slots[b.0 as usize] = Some(Slot::Own(machine.shape(b)?, elements.clone()));
    }
    for (k, b) in kernel.results().enumerate() {
        match kernel.info(b).home {
            Home::Returned => machine.fill(b, Rounded::new(0.0))?,
            Home::Memory => match memory.get(k) {
                Some(before) => machine.slots[b.0 as usize] = Some(Slot::Own(machine.shape(b)?, before.clone())),
                None => machine.fill(b, Rounded::new(f64::NAN))?,
            },
            _ => {}
        }
    }
    machine.declared.clear();
    machine.statements(&kernel.body)?;
    kernel.results().map(|b| machine.elements(b).map(<[Rounded]>::to_vec)).collect()
}

struct Machine<'a> {
    kernel: &'a Kernel<'a>,
    point: &'a Point,
    values: Vec<Option<Rounded>>,
    slots: Vec<Option<Slot>>,
    indices: Vec<Option<i64>>,
    factored: Vec<(Buffer, &'static str)>,
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
        for declared in self.declared.drain(outside..) {
            match declared {
                Declared::Local(local) => self.values[local.0 as usize] = None,
                Declared::Buffer(b) => self.slots[b.0 as usize] = None,
            }
        }
        result
    }

    fn statement(&mut self, statement: &Stmt) -> Run {
        match statement {
            Stmt::Let(local, value) => {
                let value = self.value(value)?;
                self.define(*local, value);
            }
            Stmt::SinCos([sin, cos], argument) => {
                let argument = self.value(argument)?;
                self.define(*sin, argument.unary(Op::Sin));
                self.define(*cos, argument.unary(Op::Cos));
            }
            Stmt::Branch(local, condition, [then, otherwise]) => {
                let condition = self.value(condition)?;
                let (inner, value) = if condition.value != 0.0 { then } else { otherwise };
                let value = self.scope(inner, |machine| machine.value(value))?;
                self.define(*local, condition.select(value, value));
            }
            Stmt::Sum(local) => self.define(*local, Rounded::new(0.0)),
            Stmt::Add(local, value) => {
                let value = self.value(value)?;
                let sum = &mut self.values[local.0 as usize];
                *sum = sum.map(|sum| sum + value);
            }
            Stmt::Dot(local, rows) => {
                let [a, b] = rows.map(|row| self.elements(row).map(<[Rounded]>::to_vec));
                let (a, b) = (a?, b?);
                self.burn(a.len())?;
                let sum = a.iter().zip(&b).fold(Rounded::new(0.0), |sum, (a, b)| sum + *a * *b);
                self.define(*local, sum);
            }
            Stmt::For(i, inner) => {
                for k in 0..self.affine(self.kernel.program.length(*i))? {
                    self.burn(1)?;
                    self.indices[i.0 as usize] = Some(k);
                    self.scope(inner, |_| Ok(()))?;
                }
                self.indices[i.0 as usize] = None;
            }
            Stmt::If(condition, inner) => {
                let condition = self.value(condition)?;
                if condition.value != 0.0 {
                    self.scope(inner, |_| Ok(()))?;
                }
            }
            Stmt::Piece(inner, results) => {
                let values: Vec<Rounded> = self.scope(inner, |machine| results.iter().map(|local| machine.local(*local)).collect())?;
                results.iter().zip(values).for_each(|(local, value)| self.define(*local, value));
            }
            Stmt::Declare(b, init) => self.declare(*b, init)?,
            Stmt::Together(all) => all.iter().try_for_each(|b| self.fill(*b, Rounded::new(0.0)))?,
            Stmt::Clear(b) => self.elements_mut(*b)?.fill(Rounded::new(0.0)),
            Stmt::Store { to, at, value, add } => {
                let value = self.value(value)?;
                let flat = self.flat(*to, at)?;
                let element = &mut self.elements_mut(*to)?[flat];
                *element = if *add { *element + value } else { value };
            }
            Stmt::Swap([a, b]) => {
                let elements = self.elements(*a)?.to_vec();
                let others = self.elements(*b)?.to_vec();
                self.elements_mut(*a)?.clone_from_slice(&others);
                self.elements_mut(*b)?.clone_from_slice(&elements);
            }
            Stmt::Assign(to, from) => {
                let elements = self.elements(*from)?.to_vec();
                self.elements_mut(*to)?.clone_from_slice(&elements);
            }
            Stmt::Product(to, factors) => self.product(*to, factors)?,
            Stmt::Factor(b, kind) => {
                self.elements(*b)?;
                self.factored.push((*b, kind));
            }
            Stmt::Intrinsic(to, f, arguments) => {
                if !self.factored.contains(&(arguments[0], f.entry().method.0)) {
                    return fault("a matrix is not factored where it is used");
                }
                let n = self.shape(arguments[0])?[0];
                self.burn(n * n * n)?;
                let b = arguments.get(1).map_or(Ok(&[] as &[Rounded]), |b| self.elements(*b))?;
                let values = matrices::intrinsic(*f, self.elements(arguments[0])?, b, n);
                if f.entry().result.is_empty() {
                    self.own(*to, Vec::new(), values);
                } else {
                    self.elements_mut(*to)?.clone_from_slice(&values);
                }
            }
        }
        Ok(())
    }

    fn declare(&mut self, b: Buffer, init: &Init) -> Run {
        match &self.kernel.info(b).home {
            Home::View { of, at, .. } => {
                let empty = self.shape(b)?.contains(&0);
                let (of, start) = (*of, if empty { 0 } else { self.start(*of, at)? });
                self.part(b, of, start)?;
            }
            Home::Rows(of) => self.part(b, *of, 0)?,
            Home::Next(rows) => {
                let width = self.shape(b)?[0];
                let Some(Slot::Part { given, .. }) = &mut self.slots[rows.0 as usize] else {
                    return fault(format!("`{}` is no iterator", self.kernel.info(*rows).name));
                };
                let start = *given * width;
                *given += 1;
                self.part(b, *rows, start)?;
            }
            Home::Memory if *init == Init::Unset => {}
            Home::Memory | Home::Returned | Home::Local | Home::Array | Home::Matrix | Home::Input => match init {
                Init::Zeros => self.fill(b, Rounded::new(0.0))?,
                // what is not written may not be read
                Init::Unset => self.fill(b, Rounded::new(f64::NAN))?,
                Init::Fill(value) => {
                    let value = self.value(value)?;
                    self.fill(b, value)?;
                }
                Init::Values(values) => {
                    let values = values.iter().map(|v| self.value(v)).collect::<Run<Vec<Rounded>>>()?;
                    let shape = self.shape(b)?;
                    self.own(b, shape, values);
                }
            },
        }
        Ok(())
    }

    /// A part of a buffer, which begins at a position in that.
    fn part(&mut self, b: Buffer, of: Buffer, start: usize) -> Run {
        let (root, offset, room) = match self.slot(of)? {
            Slot::Own(_, elements) => (of, 0, elements.len()),
            Slot::Part { root, start, shape, .. } => (*root, *start, shape.iter().product()),
        };
        let shape = self.shape(b)?;
        let size: usize = shape.iter().product();
        if start + size > room {
            return fault(format!("`{}` is longer than what it is a part of", self.kernel.info(b).name));
        }
        self.slots[b.0 as usize] = Some(Slot::Part { shape, root, start: offset + start, given: 0 });
        self.declared.push(Declared::Buffer(b));
        Ok(())
    }

    fn product(&mut self, to: Buffer, factors: &[(Buffer, bool); 2]) -> Run {
        let [a, b] = *factors;
        let shape = |machine: &Self, (b, transposed): (Buffer, bool)| {
            machine.shape(b).map(|shape| match (transposed, shape.as_slice()) {
                (false, &[rows, columns]) => [rows, columns, columns, 1],
                (true, &[rows, columns]) => [columns, rows, 1, columns],
                _ => [0; 4],
            })
        };
        let ([rows, inner, down, along], [other, columns, b_down, b_along]) = (shape(self, a)?, shape(self, b)?);
        if inner != other || self.shape(to)? != [rows, columns] {
            return fault("the shapes of a product of matrices do not agree");
        }
        self.burn(rows.saturating_mul(columns).saturating_mul(inner))?;
        let mut elements = Vec::with_capacity(rows * columns);
        let (a, b) = (self.elements(a.0)?, self.elements(b.0)?);
        for (i, j) in (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j))) {
            let terms = (0..inner).map(|k| a[i * down + k * along] * b[k * b_down + j * b_along]);
            elements.push(terms.fold(Rounded::new(0.0), |sum, term| sum + term));
        }
        self.elements_mut(to)?.clone_from_slice(&elements);
        Ok(())
    }

    fn fill(&mut self, b: Buffer, value: Rounded) -> Run {
        let shape = self.shape(b)?;
        let count = shape.iter().fold(1_usize, |count, n| count.saturating_mul(*n));
        self.burn(count / 16)?;
        self.own(b, shape, vec![value; count]);
        Ok(())
    }

    /// The lengths of a buffer here.
    fn shape(&self, b: Buffer) -> Run<Vec<usize>> {
        let info = self.kernel.info(b);
        let mut shape = info.shape.iter().map(|n| self.affine(n).map(|n| usize::try_from(n).unwrap_or(0))).collect::<Run<Vec<usize>>>()?;
        if let (Some(_), Some(first)) = (&info.rounds, shape.first_mut()) {
            *first = (*first).max(1);
        }
        Ok(shape)
    }

    fn define(&mut self, local: Local, value: Rounded) {
        self.values[local.0 as usize] = Some(value);
        self.declared.push(Declared::Local(local));
    }

    fn own(&mut self, b: Buffer, shape: Vec<usize>, elements: Vec<Rounded>) {
        self.slots[b.0 as usize] = Some(Slot::Own(shape, elements));
        self.declared.push(Declared::Buffer(b));
    }

    fn slot(&self, b: Buffer) -> Run<&Slot> {
        let unknown = || Stop::Fault(format!("`{}` is used where it is not in scope", self.kernel.info(b).name));
        self.slots[b.0 as usize].as_ref().ok_or_else(unknown)
    }

    /// Of what a buffer is a part, from where, and how many elements it has.
    fn range(&self, b: Buffer) -> Run<(Buffer, usize, usize)> {
        Ok(match self.slot(b)? {
            Slot::Own(_, elements) => (b, 0, elements.len()),
            Slot::Part { shape, root, start, .. } => (*root, *start, shape.iter().product()),
        })
    }

    fn elements(&self, b: Buffer) -> Run<&[Rounded]> {
        let (root, start, count) = self.range(b)?;
        match self.slot(root)? {
            Slot::Own(_, elements) => Ok(&elements[start..start + count]),
            Slot::Part { .. } => fault("a part of a part"),
        }
    }

    fn elements_mut(&mut self, b: Buffer) -> Run<&mut [Rounded]> {
        let (root, start, count) = self.range(b)?;
        match &mut self.slots[root.0 as usize] {
            Some(Slot::Own(_, elements)) => Ok(&mut elements[start..start + count]),
            _ => fault("a part of a part"),
        }
    }

    fn affine(&self, a: &Affine) -> Run<i64> {
        let mut known = true;
        let value = self.point.position(a, |s| match s {
            Symbol::Index(Index(i)) => self.indices[i as usize].unwrap_or_else(|| {
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

    /// The position of an element in a buffer.
    fn flat(&self, b: Buffer, at: &[Affine]) -> Run<usize> {
        let shape = match self.slot(b)? {
            Slot::Own(shape, _) | Slot::Part { shape, .. } => shape,
        };
        let mut flat = 0;
        for (a, n) in at.iter().zip(shape) {
            match usize::try_from(self.affine(a)?) {
                Ok(k) if k < *n => flat = flat * n + k,
                _ => return fault(format!("an element of `{}` outside it is read or written", self.kernel.info(b).name)),
            }
        }
        Ok(flat)
    }

    /// Where the elements behind the first positions begin.
    fn start(&self, of: Buffer, at: &[Affine]) -> Run<usize> {
        let shape = match self.slot(of)? {
            Slot::Own(shape, _) | Slot::Part { shape, .. } => shape,
        };
        let rest: usize = shape[at.len()..].iter().product();
        Ok(self.flat(of, at)? * rest)
    }

    fn burn(&mut self, steps: usize) -> Run {
        self.fuel.take(steps).ok_or(Stop::Exhausted)
    }

    fn local(&self, local: Local) -> Run<Rounded> {
        let unknown = || Stop::Fault(format!("`{}` is read where it is not computed", self.kernel.locals[local.0 as usize].name));
        self.values[local.0 as usize].ok_or_else(unknown)
    }

    fn value(&mut self, value: &Value) -> Run<Rounded> {
        Ok(match value {
            Value::Const(x) => Rounded::new(*x),
            Value::Integer(a) => Rounded::new(self.affine(a)? as f64),
            Value::Local(local) => self.local(*local)?,
            Value::Read(b, at) => {
                let flat = self.flat(*b, at)?;
                self.elements(*b)?[flat]
            }
            Value::Apply(Op::Select, args) => {
                self.burn(1)?;
                let condition = self.value(&args[0])?;
                let value = self.value(if condition.value != 0.0 { &args[1] } else { &args[2] })?;
                condition.select(value, value)
            }
            Value::Apply(op @ (Op::And | Op::Or), args) => {
                let first = self.value(&args[0])?;
                // the second operand is not evaluated where the first decides
                if (first.value != 0.0) == (*op == Op::Or) {
                    first
                } else {
                    let second = self.value(&args[1])?;
                    apply(*op, &[first, second])
                }
            }
            Value::Apply(op, args) => {
                self.burn(1)?;
                match args.as_slice() {
                    [a] => {
                        let a = self.value(a)?;
                        apply(*op, &[a])
                    }
                    [a, b] => {
                        let (a, b) = (self.value(a)?, self.value(b)?);
                        apply(*op, &[a, b])
                    }
                    args => {
                        let values = args.iter().map(|a| self.value(a)).collect::<Run<Vec<Rounded>>>()?;
                        apply(*op, &values)
                    }
                }
            }
        })
    }
}

fn fault<T>(what: impl Into<String>) -> Run<T> {
    Err(Stop::Fault(what.into()))
}
