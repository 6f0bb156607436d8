//! The interpreter: the reference meaning of a program, in `f64`.
//!
//! A structural zero (a delta or a bracket that does not hold) annihilates: its product with
//! anything, a NaN too, is a structural zero, and adding it changes nothing. All other arithmetic
//! is that of `f64`.

use super::affine::{Affine, Index, Size, Symbol};
use super::expr::{Expr, Map, Node, Tensor};
use super::program::{positions, units, Body, Definition, Program};
use crate::ops::Op;

/// Values for the parameters of a program.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// The elements of each parameter, in row-major order; truth values are 1 and 0.
    pub tensors: Map<Tensor, Vec<f64>>,
    /// The run-time lengths and integers.
    pub sizes: Map<Size, i64>,
}

/// A value, and whether it is a structural zero.
#[derive(Clone, Copy)]
struct Value(f64, bool);

const NOTHING: Value = Value(0.0, true);

/// The positions of the named indices, and of those of the sums around, the innermost last.
#[derive(Clone, Default)]
struct Env {
    named: Map<Index, i64>,
    sums: Vec<i64>,
}

impl FromIterator<(Index, i64)> for Env {
    fn from_iter<T: IntoIterator<Item = (Index, i64)>>(named: T) -> Self {
        Env { named: named.into_iter().collect(), sums: Vec::new() }
    }
}

struct Evaluator<'a> {
    program: &'a Program,
    inputs: &'a Inputs,
    tensors: Map<Tensor, Vec<f64>>,
}

/// Evaluates every definition; returns the elements of all tensors, in row-major order.
///
/// # Panics
/// On a program that does not verify, or a missing input. An access out of range is NaN.
pub fn eval(program: &Program, inputs: &Inputs) -> Map<Tensor, Vec<f64>> {
    let mut evaluator = Evaluator { program, inputs, tensors: inputs.tensors.clone() };
    for unit in units(&program.definitions) {
        let definition = &unit[0];
        let env = Env::default();
        let values = match &definition.body {
            Body::Recurrence { over, .. } => {
                evaluator.recurrences(*over, unit);
                continue;
            }
            Body::Intrinsic(f, arguments) => {
                let values: Vec<&[f64]> = arguments.iter().map(|t| evaluator.tensors[t].as_slice()).collect();
                let n = evaluator.shape(arguments[0])[0];
                (f.entry().value)(values[0], values.get(1).copied().unwrap_or_default(), n)
            }
            Body::Elements(elements) => evaluator.scope(elements, &env).into_iter().map(|v| v.0).collect(),
            Body::Each(indices, body) => {
                let shape = evaluator.shape(definition.tensor);
                positions(&shape)
                    .map(|at| {
                        let env = indices.iter().copied().zip(at.iter().map(|p| *p as i64)).collect();
                        evaluator.scope(&[*body], &env)[0].0
                    })
                    .collect()
            }
        };
        evaluator.tensors.insert(definition.tensor, values);
    }
    evaluator.tensors
}

impl Evaluator<'_> {
    fn affine(&self, a: &Affine, env: &Env) -> i64 {
        let value = a.substitute(|s| {
            Some(Affine::from(match s {
                Symbol::Index(i) => env.named[&i],
                Symbol::Bound(k) => env.sums[env.sums.len() - 1 - k as usize],
                Symbol::Size(n) => self.inputs.sizes[&n],
            }))
        });
        value.known().expect("every symbol has a value")
    }

    /// Runs a loop: all states of a round are computed from those of the round before.
    fn recurrences(&mut self, over: Index, group: &[Definition]) {
        let rounds = self.affine(self.program.length(over), &Env::default());
        for round in -1..rounds {
            for d in group {
                let Body::Recurrence { indices, parts, .. } = &d.body else { continue };
                let shape = self.shape(d.tensor);
                let part = parts[usize::from(round >= 0)];
                let values: Vec<f64> = positions(&shape[1..])
                    .map(|at| {
                        let axes = indices.iter().copied().zip(at.iter().map(|p| *p as i64));
                        let env = axes.chain([(over, round)]).collect();
                        self.scope(&[part], &env)[0].0
                    })
                    .collect();
                let all = self.tensors.entry(d.tensor).or_insert_with(|| vec![f64::NAN; shape.iter().product()]);
                let first = (round + 1) as usize * values.len();
                all[first..first + values.len()].copy_from_slice(&values);
            }
        }
    }

    fn shape(&self, t: Tensor) -> Vec<usize> {
        let empty = Env::default();
        self.program.shape_at(t, |n| self.affine(n, &empty))
    }

    /// The values of `roots`; a sum's body is evaluated once a position.
    fn scope(&self, roots: &[Expr], env: &Env) -> Vec<Value> {
        let arena = &self.program.arena;
        let mut seen = vec![false; arena.len()];
        let mut stack = roots.to_vec();
        while let Some(e) = stack.pop() {
            if !std::mem::replace(&mut seen[e.at()], true) && !matches!(arena[e], Node::Sum(..)) {
                stack.extend(arena[e].children());
            }
        }
        let mut values: Vec<Value> = vec![NOTHING; arena.len()];
        for k in 0..arena.len() {
            if seen[k] {
                values[k] = self.node(&arena[Expr(k as u32)], env, &values);
            }
        }
        roots.iter().map(|e| values[e.at()]).collect()
    }

    fn node(&self, node: &Node, env: &Env, values: &[Value]) -> Value {
        match node {
            Node::Const(c) => Value(c.to_f64(), false),
            Node::Integer(a) => Value(self.affine(a, env) as f64, false),
            Node::Access(t, at) => {
                let shape = self.shape(*t);
                let mut flat = 0;
                for (a, n) in at.iter().zip(&shape) {
                    let at = self.affine(a, env);
                    if !(0..*n as i64).contains(&at) {
                        // in the arm of a branch that is not taken, or else noticed by who reads it
                        return Value(f64::NAN, false);
                    }
                    flat = flat * n + at as usize;
                }
                Value(self.tensors[t][flat], false)
            }
            Node::Delta(a, b) if self.affine(a, env) == self.affine(b, env) => Value(1.0, false),
            Node::Delta(..) => NOTHING,
            Node::Bracket(c) if values[c.at()].0 != 0.0 => Value(1.0, false),
            Node::Bracket(_) => NOTHING,
            Node::Sum(length, body) => {
                let mut inner = env.clone();
                let terms = (0..self.affine(length, env)).map(|at| {
                    inner.sums.truncate(env.sums.len());
                    inner.sums.push(at);
                    self.scope(&[*body], &inner)[0]
                });
                terms.fold(NOTHING, |sum, term| apply(Op::Add, &[sum, term]))
            }
            Node::Named(..) => unreachable!("a program that verifies has no named sum"),
            Node::Apply(op, args) => {
                let args: Vec<Value> = args.iter().map(|a| values[a.at()]).collect();
                apply(*op, &args)
            }
        }
    }
}

fn apply(op: Op, args: &[Value]) -> Value {
    match (op, args) {
        (Op::Add, [Value(_, true), v]) | (Op::Add | Op::Sub, [v, Value(_, true)]) => *v,
        (Op::Sub, [Value(_, true), v]) => Value(-v.0, v.1),
        (Op::Mul, [Value(_, a), Value(_, b)]) if *a || *b => NOTHING,
        (Op::Div | Op::Neg, [Value(_, true), ..]) => NOTHING,
        (Op::Select, [c, a, b]) => *if c.0 != 0.0 { a } else { b },
        _ => {
            let plain: Vec<f64> = args.iter().map(|v| v.0).collect();
            Value((op.entry().value)(&plain), false)
        }
    }
}
