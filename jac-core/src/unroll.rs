//! Unrolling: a program of known lengths becomes one of scalars.
//!
//! Before: every length is known. After: only the outputs are defined, each by its elements, over
//! accesses to parameters at constant positions; no index variable is left. Shared expressions
//! stay shared.

use crate::ir::{lengths, positions, Affine, Body, Constant, Definition, Expr, Index, Map, Node, Program, Role, Symbol, Tensor};
use crate::ops::Op;

/// Unrolls the program.
///
/// # Errors
/// The number of expressions, once it exceeds `limit`.
pub fn unroll(mut program: Program, limit: usize) -> Result<Program, usize> {
    let definitions = std::mem::take(&mut program.definitions);
    let mut elements: Map<Tensor, Vec<Expr>> = Map::default();
    for definition in definitions {
        let info = program.info(definition.tensor).clone();
        let shape = lengths(&info.shape);
        let mut values = Vec::new();
        match &definition.body {
            Body::Recurrence { .. } => unreachable!("a program with recurrences is not unrolled"),
            Body::Elements(es) => {
                for e in es {
                    values.push(instantiate(&mut program, *e, &Map::default(), &elements));
                }
            }
            Body::Each(indices, e) => {
                for at in positions(&shape) {
                    let env = indices.iter().copied().zip(at.iter().map(|k| *k as i64)).collect();
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
    let body = |t: &Tensor| Body::of(elements[t].clone(), program.info(*t).shape.len());
    program.definitions = program.outputs.iter().map(|t| Definition { tensor: *t, body: body(t) }).collect();
    Ok(program)
}

/// The expression with indices at the given positions, definitions put in and sums written out.
fn instantiate(program: &mut Program, root: Expr, env: &Map<Index, i64>, elements: &Map<Tensor, Vec<Expr>>) -> Expr {
    let at = |a: &Affine| {
        a.substitute(|s| match s {
            Symbol::Index(i) => env.get(&i).map(|k| Affine::from(*k)),
            Symbol::Size(_) => None,
        })
    };
    let mut new: Map<Expr, Expr> = Map::default();
    for e in outside_sums(program, root) {
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
            Node::Sum(i, body) => {
                let length = at(program.length(i)).known().unwrap_or(0);
                let mut sum = None;
                for k in 0..length {
                    let mut env = env.clone();
                    env.insert(i, k);
                    let term = instantiate(program, body, &env, elements);
                    sum = Some(match sum {
                        None => term,
                        Some(sum) => program.arena.apply(Op::Add, vec![sum, term]),
                    });
                }
                sum.unwrap_or_else(|| program.arena.constant(0))
            }
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

/// The nodes under `root`, ascending, without those inside its sums.
fn outside_sums(program: &Program, root: Expr) -> Vec<Expr> {
    let mut seen = crate::ir::Set::default();
    let mut stack = vec![root];
    while let Some(e) = stack.pop() {
        if seen.insert(e) && !matches!(program.arena[e], Node::Sum(..)) {
            stack.extend(program.arena[e].children());
        }
    }
    let mut order: Vec<Expr> = seen.into_iter().collect();
    order.sort();
    order
}
