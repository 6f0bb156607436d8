//! Constant factors of a product are one: `2·(0.5·x·y)` is `x·y`.

use crate::ir::{Arena, Constant, Expr, Map, Node, Program};
use crate::ops::Op;

/// Factors are looked for this deep in a product.
const DEPTH: u32 = 4;

/// Joins the constant factors of every product; what is used elsewhere too stays as it is.
pub fn join(program: &mut Program, roots: &[Expr]) -> Vec<Expr> {
    let mut uses: Map<Expr, u32> = Map::default();
    let order = program.arena.reachable(roots.iter().copied());
    for e in order.iter().flat_map(|e| program.arena[*e].children()).chain(roots) {
        *uses.entry(*e).or_default() += 1;
    }
    let float = program.float;
    program.arena.map(roots, |arena, e, node| {
        if let Node::Apply(Op::Mul, args) = &node {
            if let [Some((a, x)), Some((b, y))] = [0, 1].map(|k| split(arena, &uses, args[k], DEPTH)) {
                let constant = a.mul(&b);
                // `(1e200 * x) * 1e200` must not become `inf * x`
                if float.holds(&constant) {
                    let (constant, product) = (arena.insert(Node::Const(constant)), arena.mul(x, y));
                    return arena.mul(constant, product);
                }
            }
        }
        if arena[e] == node {
            e
        } else {
            arena.insert(node)
        }
    })
}

/// The constant factor of a product, if it has one, and the rest.
fn split(arena: &mut Arena, uses: &Map<Expr, u32>, e: Expr, depth: u32) -> Option<(Constant, Expr)> {
    if let Some(c) = arena.as_const(e).cloned() {
        return Some((c, arena.constant(1)));
    }
    if depth == 0 || uses.get(&e).is_some_and(|n| *n > 1) {
        return None;
    }
    match arena.as_apply(e)? {
        (Op::Neg, &[a]) => split(arena, uses, a, depth - 1).map(|(c, rest)| (c.neg(), rest)),
        (Op::Mul, &[a, b]) => {
            if let Some((c, rest)) = split(arena, uses, a, depth - 1) {
                return Some((c, arena.mul(rest, b)));
            }
            split(arena, uses, b, depth - 1).map(|(c, rest)| (c, arena.mul(a, rest)))
        }
        _ => None,
    }
}
