//! Unrolling: a program of known lengths becomes one of scalars.
//!
//! Before: every length is known. After: only the outputs are defined, each by its elements, over
//! accesses to parameters at constant positions; no index variable is left. Shared expressions
//! stay shared.

use crate::ir::{lengths, positions, rule, Affine, Body, Constant, Definition, Expr, Index, Map, Node, Program, Role, Symbol, Tensor};
use crate::ops::{Intrinsic, Op};
use std::collections::VecDeque;

/// Unrolls the program.
///
/// # Errors
/// The number of expressions, once it exceeds `limit`.
pub fn unroll(mut program: Program, limit: usize) -> Result<Program, usize> {
    let mut waiting: VecDeque<Definition> = std::mem::take(&mut program.definitions).into();
    let mut elements: Map<Tensor, Vec<Expr>> = Map::default();
    let mut rules: Vec<Rule> = Vec::new();
    while let Some(definition) = waiting.pop_front() {
        let info = program.info(definition.tensor).clone();
        let shape = lengths(&info.shape);
        let mut values = Vec::new();
        match &definition.body {
            Body::Recurrence { .. } => unreachable!("a program with recurrences is not unrolled"),
            Body::Intrinsic(f, arguments) => {
                let n = lengths(&program.info(arguments[0]).shape)[0];
                let [a, b] = [0, 1].map(|k| arguments.get(k).map(|t| elements_of(&mut program, *t, &elements)).unwrap_or_default());
                values = program.arena.intrinsic(*f, &a, &b, n);
                if !f.entry().natural {
                    rules.extend((0..arguments.len()).map(|k| Rule::new(&mut program, definition.tensor, *f, arguments, k)));
                    // what the rules read is unrolled next
                    let read = std::mem::take(&mut program.definitions);
                    read.into_iter().rev().for_each(|d| waiting.push_front(d));
                }
            }
            Body::Elements(es) => {
                for e in es {
                    values.push(instantiate(&mut program, *e, &At::default(), &elements));
                }
            }
            Body::Each(indices, e) => {
                for at in positions(&shape) {
                    let env = At { named: indices.iter().copied().zip(at.iter().map(|k| *k as i64)).collect(), sums: Vec::new() };
                    values.push(instantiate(&mut program, *e, &env, &elements));
                    if program.arena.len() > limit {
                        return Err(program.arena.len());
                    }
                }
            }
        }
        let is_output = program.outputs.contains(&definition.tensor);
        let automatic = info.name.strip_prefix('t').is_some_and(|n| n.parse::<u32>().is_ok());
        if !is_output && !automatic {
            for (at, e) in positions(&shape).zip(&values) {
                if let Node::Apply(..) = program.arena[*e] {
                    let suffix: String = at.iter().map(|k| format!("_{k}")).collect();
                    program.names.entry(*e).or_insert(format!("{}{suffix}", info.name));
                }
            }
        }
        elements.insert(definition.tensor, values);
    }
    let mut told = Told::default();
    for rule in rules {
        rule.apply(&mut program, &elements, &mut told);
        if program.arena.len() > limit {
            return Err(program.arena.len());
        }
    }
    let body = |t: &Tensor| Body::of(elements[t].clone(), program.info(*t).shape.len());
    program.definitions = program.outputs.iter().map(|t| Definition { tensor: *t, body: body(t) }).collect();
    Ok(program)
}

/// The elements of a tensor.
fn elements_of(program: &mut Program, t: Tensor, elements: &Map<Tensor, Vec<Expr>>) -> Vec<Expr> {
    if let Some(known) = elements.get(&t) {
        return known.clone();
    }
    let shape = lengths(&program.info(t).shape);
    let at: Vec<Vec<Affine>> = positions(&shape).map(|at| at.into_iter().map(|k| Affine::from(k as i64)).collect()).collect();
    at.into_iter().map(|at| program.arena.insert(Node::Access(t, at))).collect()
}

/// Whose partial derivatives an expression has: those of the first element that it is. Others may be the same
/// expression, as two elements of the inverse of `[[a, b], [b, a]]` are.
type Told = Map<Expr, (Tensor, Vec<usize>)>;

/// The derivative of an intrinsic by one of its arguments.
struct Rule {
    result: Tensor,
    argument: Tensor,
    own: Vec<Index>,
    axes: Vec<Index>,
    partial: Expr,
}

impl Rule {
    fn new(program: &mut Program, result: Tensor, f: Intrinsic, arguments: &[Tensor], k: usize) -> Rule {
        let [own, axes] = [result, arguments[k]].map(|t| {
            let shape = program.info(t).shape.clone();
            program.axes(&shape)
        });
        let partial = rule(program, f.entry().rules[k].partial, result, (f, arguments), [&own, &axes], None);
        Rule { result, argument: arguments[k], own, axes, partial }
    }

    /// Tells the partial derivatives of every element.
    fn apply(&self, program: &mut Program, elements: &Map<Tensor, Vec<Expr>>, told: &mut Told) {
        let [own, axes] = [self.result, self.argument].map(|t| {
            let shape = lengths(&program.info(t).shape);
            positions(&shape).zip(elements_of(program, t, elements)).collect::<Vec<_>>()
        });
        for (at, y) in &own {
            if *told.entry(*y).or_insert_with(|| (self.result, at.clone())) != (self.result, at.clone()) {
                continue;
            }
            for (by, a) in &axes {
                let named = self.own.iter().chain(&self.axes).copied().zip(at.iter().chain(by).map(|k| *k as i64)).collect();
                let here = At { named, sums: Vec::new() };
                let partial = instantiate(program, self.partial, &here, elements);
                program.partials.entry(*y).or_default().push((*a, partial));
            }
        }
    }
}

/// The positions of indices, and of those of the sums around, the innermost last.
#[derive(Clone, Default)]
struct At {
    named: Map<Index, i64>,
    sums: Vec<i64>,
}

/// The expression with indices at the given positions, definitions put in and sums written out.
fn instantiate(program: &mut Program, root: Expr, env: &At, elements: &Map<Tensor, Vec<Expr>>) -> Expr {
    let at = |a: &Affine| {
        a.substitute(|s| match s {
            Symbol::Index(i) => env.named.get(&i).map(|k| Affine::from(*k)),
            Symbol::Bound(k) => env.sums.iter().rev().nth(k as usize).map(|k| Affine::from(*k)),
            Symbol::Size(_) => None,
        })
    };
    let mut new: Map<Expr, Expr> = Map::default();
    for e in program.arena.outside_sums([root]) {
        let node = program.arena[e].clone();
        let built = match node {
            Node::Const(_) => e,
            Node::Integer(a) => program.arena.integer(at(&a)),
            Node::Access(t, positions) => {
                let positions: Vec<Affine> = positions.iter().map(at).collect();
                let shape = lengths(&program.info(t).shape);
                let inside = |(a, n): (&Affine, &usize)| a.known().and_then(|a| usize::try_from(a).ok()).filter(|a| a < n);
                // out of range it stands in the arm of a branch that is dropped
                let at: Option<Vec<usize>> = positions.iter().zip(&shape).map(inside).collect();
                if let (Role::Defined, Some(at)) = (program.info(t).role, at) {
                    let flat = at.iter().zip(&shape).fold(0, |flat, (a, n)| flat * n + a);
                    elements[&t][flat]
                } else {
                    program.arena.insert(Node::Access(t, positions))
                }
            }
            Node::Delta(a, b) => program.arena.delta(&at(&a), &at(&b)),
            Node::Bracket(c) => program.arena.rebuild(Node::Bracket(new[&c])),
            Node::Sum(length, body) => {
                let mut env = env.clone();
                let mut sum = None;
                for k in 0..length.known().unwrap_or(0) {
                    env.sums.push(k);
                    let term = instantiate(program, body, &env, elements);
                    env.sums.pop();
                    sum = Some(match sum {
                        None => term,
                        Some(sum) => program.arena.apply(Op::Add, vec![sum, term]),
                    });
                }
                sum.unwrap_or_else(|| program.arena.constant(0))
            }
            Node::Named(..) => unreachable!("a program that verifies has no named sum"),
            Node::Apply(op, args) => {
                let args: Vec<Expr> = args.iter().map(|a| new[a]).collect();
                decided(program, op, &args).unwrap_or_else(|| program.arena.apply(op, args))
            }
        };
        if let Some(name) = program.names.get(&e).cloned() {
            program.names.entry(built).or_insert(name);
        }
        new.insert(e, built);
    }
    new[&root]
}

/// Conditions on positions are decided once the positions are constants.
fn decided(program: &mut Program, op: Op, args: &[Expr]) -> Option<Expr> {
    if op == Op::Select {
        return program.arena.as_const(args[0]).map(|c| if c.is_zero() { args[2] } else { args[1] });
    }
    if !op.entry().truth {
        return None;
    }
    let known: Option<Vec<f64>> = args.iter().map(|a| program.arena.as_const(*a).map(Constant::to_f64)).collect();
    let holds = (op.entry().value)(&known?) != 0.0;
    Some(program.arena.constant(i64::from(holds)))
}
