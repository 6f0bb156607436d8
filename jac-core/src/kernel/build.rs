//! From statements over expressions to statements over values.
//!
//! What was computed into a variable is read from it; all else is a tree. Sums that share a loop share its index.

use super::{Buffer, BufferInfo, Home, Init, Kernel, Layout, Local, LocalInfo, Signature, Stmt, Value};
use crate::ir::{Affine, Expr, Index, Map, Node, Program, Role, Symbol, Tensor};
use crate::lower::{self, Plan};
use crate::ops::Op;

/// Locals of more elements are on the heap: threads of Rust's have stacks of 2 MiB, which several of these share with the caller.
const LARGEST_ON_STACK: i64 = 8_192;

/// The kernel of a plan, in which no buffer has a home yet but those of parameters.
pub fn build<'p>(plan: &'p Plan, signature: &Signature) -> Kernel<'p> {
    let mut builder = Builder { plan, program: &plan.program, locals: Map::default(), infos: Vec::new(), renamed: Map::default() };
    let body = builder.statements(&plan.body);
    let buffers = (0..plan.program.tensors.len() as u32).map(|t| buffer(plan, signature, Tensor(t))).collect();
    Kernel { program: &plan.program, buffers, locals: builder.infos, body }
}

fn buffer(plan: &Plan, signature: &Signature, t: Tensor) -> BufferInfo {
    let (program, carried) = (&plan.program, plan.carried.contains(&t));
    let info = program.info(t);
    let shape = info.shape[usize::from(carried)..].to_vec();
    let over = program.definition(t).and_then(|d| d.body.over());
    let layout = match (signature.layouts.get(&t), shape.as_slice()) {
        // what is computed becomes a library's array in the end
        (Some(Layout::Library), [_, ..]) if info.role == Role::Defined => Layout::Flat,
        (Some(Layout::Library), _) => Layout::Library,
        (Some(Layout::Moved), [_, ..]) => Layout::Flat,
        (_, []) => Layout::Scalar,
        (Some(layout), _) => *layout,
        (None, shape) if shape.iter().any(|n| program.is_run_time(n)) || is_large(shape) => Layout::Flat,
        (None, _) => Layout::Nested,
    };
    BufferInfo {
        name: info.name.clone(),
        shape,
        layout,
        home: if info.role == Role::Defined { Home::Local } else { Home::Input },
        rounds: over.filter(|_| !carried).map(|over| program.length(over).clone()),
        carried,
        lazy: program.lazy.contains(&t),
    }
}

/// Whether a local of known lengths is too large for the stack.
fn is_large(shape: &[Affine]) -> bool {
    let count = shape.iter().try_fold(1_i64, |count, n| count.checked_mul(n.known()?));
    count.is_none_or(|count| count > LARGEST_ON_STACK)
}

struct Builder<'p> {
    plan: &'p Plan,
    program: &'p Program,
    locals: Map<Expr, Local>,
    infos: Vec<LocalInfo>,
    /// The indices of sums in the loop of another.
    renamed: Map<Index, Index>,
}

impl Builder<'_> {
    fn statements(&mut self, statements: &[lower::Stmt]) -> Vec<Stmt> {
        let mut out = Vec::new();
        statements.iter().for_each(|s| self.statement(s, &mut out));
        out
    }

    fn statement(&mut self, statement: &lower::Stmt, out: &mut Vec<Stmt>) {
        out.push(match statement {
            lower::Stmt::Let(e) => Stmt::Let(self.local(*e), self.computed(*e)),
            lower::Stmt::SinCos(sin, cos) => {
                let argument = self.value(self.program.arena[*sin].children()[0]);
                Stmt::SinCos([self.local(*sin), self.local(*cos)], argument)
            }
            lower::Stmt::Branch(e, then, otherwise) => {
                let (op, args) = self.program.arena.as_apply(*e).expect("a branch is an operation");
                let condition = self.value(args[0]);
                let arms = [then, otherwise].map(|arm| self.statements(arm));
                let truth = |holds: bool| Value::Const(f64::from(u8::from(holds)));
                // of `&&` and `||`, only one arm has an operand
                let values = match op {
                    Op::And => [self.value(args[1]), truth(false)],
                    Op::Or => [truth(true), self.value(args[1])],
                    _ => [self.value(args[1]), self.value(args[2])],
                };
                let [then, otherwise] = arms;
                let [a, b] = values;
                Stmt::Branch(self.local(*e), condition, [(then, a), (otherwise, b)])
            }
            lower::Stmt::Total(..) => return self.sums(std::slice::from_ref(statement), out),
            lower::Stmt::Totals(all) => return self.sums(all, out),
            lower::Stmt::Group(inner, results) => {
                let inner = self.statements(inner);
                Stmt::Piece(inner, results.iter().map(|e| self.local(*e)).collect())
            }
            lower::Stmt::Scalar(t, e) | lower::Stmt::Carry(t, e) | lower::Stmt::Fill(t, e) => {
                Stmt::Declare((*t).into(), Init::Fill(self.value(*e)))
            }
            lower::Stmt::Advance(t, next) => Stmt::Assign((*t).into(), (*next).into()),
            lower::Stmt::Product(t, factors) => Stmt::Product((*t).into(), factors.map(|f| (f.tensor.into(), f.transposed))),
            lower::Stmt::Factor(t, kind) => Stmt::Factor((*t).into(), kind),
            lower::Stmt::Intrinsic(t, f, arguments) => Stmt::Intrinsic((*t).into(), *f, arguments.iter().map(|t| (*t).into()).collect()),
            lower::Stmt::Allocate(t) => Stmt::Declare((*t).into(), Init::Zeros),
            lower::Stmt::Literal(t, es) => Stmt::Declare((*t).into(), Init::Values(es.iter().map(|e| self.value(*e)).collect())),
            lower::Stmt::Loop(i, inner) => Stmt::For(*i, self.statements(inner)),
            lower::Stmt::Guard(c, inner) => {
                let condition = self.value(*c);
                Stmt::If(condition, self.statements(inner))
            }
            lower::Stmt::Store { tensor, at, value, add } => {
                Stmt::Store { to: (*tensor).into(), at: self.places(at), value: self.value(*value), add: *add }
            }
        });
    }

    /// Sums over one length, in one loop.
    fn sums(&mut self, all: &[lower::Stmt], out: &mut Vec<Stmt>) {
        let mut over = None;
        let mut round = Vec::new();
        for sum in all {
            let lower::Stmt::Total(e, inner) = sum else { unreachable!("only totals share a loop") };
            let Node::Named(i, body) = self.program.arena[*e] else { unreachable!("the sums of a plan are loops") };
            let over = *over.get_or_insert(i);
            let local = self.local(*e);
            out.push(Stmt::Sum(local));
            self.renamed.insert(i, over);
            let inner = self.statements(inner);
            round.extend(inner);
            round.push(Stmt::Add(local, self.value(body)));
            self.renamed.swap_remove(&i);
        }
        out.extend(over.map(|over| Stmt::For(over, round)));
    }

    fn local(&mut self, e: Expr) -> Local {
        let (plan, infos) = (self.plan, &mut self.infos);
        *self.locals.entry(e).or_insert_with(|| {
            let name = plan.locals[&e].trim_start_matches("__").to_owned();
            let truth = plan.program.arena.as_apply(e).is_some_and(|(op, _)| op.entry().truth);
            infos.push(LocalInfo { name, truth });
            Local(infos.len() as u32 - 1)
        })
    }

    fn place(&self, a: &Affine) -> Affine {
        match self.renamed.is_empty() {
            true => a.clone(),
            false => a.substitute(|s| match s {
                Symbol::Index(i) => self.renamed.get(&i).map(|i| Affine::from(*i)),
                Symbol::Bound(_) | Symbol::Size(_) => None,
            }),
        }
    }

    fn places(&self, at: &[Affine]) -> Vec<Affine> {
        at.iter().map(|a| self.place(a)).collect()
    }

    fn value(&mut self, e: Expr) -> Value {
        match self.plan.locals.contains_key(&e) {
            true => Value::Local(self.local(e)),
            false => self.computed(e),
        }
    }

    fn computed(&mut self, e: Expr) -> Value {
        match &self.program.arena[e] {
            Node::Const(c) => Value::Const(c.to_f64()),
            Node::Integer(a) => Value::Integer(self.place(a)),
            // of a state that a loop carries, one round is held
            Node::Access(t, at) => {
                let held = usize::from(self.plan.carried.contains(t));
                Value::Read(Buffer::from(*t), self.places(&at[held..]))
            }
            Node::Apply(op, args) => Value::Apply(*op, args.iter().map(|a| self.value(*a)).collect()),
            Node::Delta(..) | Node::Bracket(_) | Node::Sum(..) | Node::Named(..) => unreachable!("lowered to branches and loops"),
        }
    }
}
