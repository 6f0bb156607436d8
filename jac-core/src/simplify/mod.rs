//! Simplification: the same values for fewer operations.
//!
//! Before and after: a program that verifies, with the same outputs and blocks. A rewrite may
//! widen the domain of definition (`x·y/y → x`), never narrow it. Every stage works on the dense
//! scalar expressions of all definitions together, so that what they share stays shared, and is
//! kept only if it did not make them dearer. Nothing here depends on a clock or on hash order.
//!
//! - [`gvn`] finds equal values by fingerprint;
//! - [`factor`] extracts common products and sums;
//! - [`egraph`] rewrites windows of a few dozen operations under the rules of the operator table.

pub mod egraph;
pub mod factor;
pub mod gvn;

use crate::ir::{Expr, Map, Node, Program, Set};
use crate::ops::Op;

/// What simplification did, for the header of the generated code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Operations before.
    pub before: usize,
    /// Operations after.
    pub after: usize,
}

/// Simplifies all definitions.
pub fn simplify(program: &mut Program) -> Report {
    program.prune();
    let before = program.operations();
    let roots = dense_roots(program);
    // no order of the stages is always best
    let v = |k: u32| factor::Variant { through_products: k & 2 > 0, expand: k & 1 > 0 };
    let which: Vec<u32> = std::env::var("WAYS").unwrap_or("0,1,2,3".into()).split(',').map(|w| w.parse().unwrap()).collect();
    let mut best = roots.clone();
    let mut least = u64::MAX;
    for k in which.iter().copied() {
        let f = || Box::new(move |p: &mut Program, r: &[Expr]| factor::factor(p, r, v(k)));
        let orders: [&[Stage]; 2] = [&[Box::new(gvn::number), f(), Box::new(gvn::number)], &[f(), Box::new(gvn::number), f()]];
        for order in orders {
            let (candidate, price) = run(program, order, &roots);
            if price < least {
                (best, least) = (candidate, price);
            }
        }
    }
    let (mut best, _) = run(program, &[Box::new(egraph::rewrite)], &best);
    for k in which {
        let f = || Box::new(move |p: &mut Program, r: &[Expr]| factor::factor(p, r, v(k)));
        best = run(program, &[f()], &best).0;
    }
    replace(program, &roots, &best);
    program.prune();
    Report { before, after: program.operations() }
}

/// A stage: expressions with the values of the given ones.
type Stage = Box<dyn Fn(&mut Program, &[Expr]) -> Vec<Expr>>;

/// Runs stages one after the other; each is kept only where it does not cost more.
fn run(program: &mut Program, stages: &[Stage], roots: &[Expr]) -> (Vec<Expr>, u64) {
    let mut best = roots.to_vec();
    let mut least = cost(program, &best);
    for stage in stages {
        let candidate = stage(program, &best);
        let price = cost(program, &candidate);
        if price <= least {
            (best, least) = (candidate, price);
        }
    }
    (best, least)
}

/// The weighted cost of the roots, shared nodes once; a sine beside a cosine of the same argument
/// is nearly free.
pub(crate) fn cost(program: &Program, roots: &[Expr]) -> u64 {
    let arena = &program.arena;
    let order = arena.reachable(roots.iter().copied());
    let sines: Set<Expr> =
        order.iter().filter_map(|e| arena.as_apply(*e)).filter(|(op, _)| *op == Op::Sin).map(|(_, args)| args[0]).collect();
    order
        .iter()
        .filter_map(|e| arena.as_apply(*e))
        .map(|(op, args)| match op {
            Op::Cos if sines.contains(&args[0]) => 5,
            _ => u64::from(op.entry().cost),
        })
        .sum()
}

/// The largest expressions without a delta, bracket or sum in them: the scalar arithmetic.
fn dense_roots(program: &Program) -> Vec<Expr> {
    let arena = &program.arena;
    let roots = program.roots();
    let mut structured: Set<Expr> = Set::default();
    let mut dense: Set<Expr> = Set::default();
    let order = arena.reachable(roots.iter().copied());
    for &e in &order {
        let node = &arena[e];
        if matches!(node, Node::Delta(..) | Node::Bracket(_) | Node::Sum(..)) || node.children().iter().any(|c| structured.contains(c)) {
            structured.insert(e);
        }
    }
    for e in order {
        if structured.contains(&e) {
            dense.extend(arena[e].children().iter().copied().filter(|c| !structured.contains(c)));
        }
    }
    dense.extend(roots.into_iter().filter(|e| !structured.contains(e)));
    dense.into_iter().collect()
}

/// Puts `new[k]` in the place of `old[k]` in every definition.
fn replace(program: &mut Program, old: &[Expr], new: &[Expr]) {
    let replacement: Map<Expr, Expr> = old.iter().copied().zip(new.iter().copied()).collect();
    let roots = program.roots();
    let built = program.arena.map(&roots, |arena, e, node| match replacement.get(&e) {
        Some(new) => *new,
        None if arena[e] == node => e,
        None => arena.insert(node),
    });
    program.set_roots(&built);
}
