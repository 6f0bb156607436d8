//! The slopes at kinks that second derivatives are taken with: those of one side, the same for all.
//!
//! `|z|`, `max` and `min` have a kink where a difference is 0. Where a function of several of them is smooth, the derivative of
//! every side is right, so long as all are of one side. It is the side on which the difference is positive once its first term
//! is: so `|z|`, `|−z|`, `max(z, 0)` and `min(0, −z)` agree.

use crate::ir::{Arena, Constant, Expr, Map, Node};
use crate::ops::Op;

/// Sums of more terms are told apart by their first ones.
const TERMS: usize = 64;
/// Products are taken apart so deep.
const FACTORS: usize = 8;

/// The partial derivative by argument `k` of what has a kink, of one side where it is; `None` of all else.
pub fn one_sided(arena: &mut Arena, op: Op, args: &[Expr], k: usize) -> Option<&'static str> {
    let rules = match op {
        Op::Abs => [["select(a < 0, -1, 1)"; 2], ["select(a > 0, 1, -1)"; 2]],
        Op::Max => [["select(a < b, 0, 1)", "select(a < b, 1, 0)"], ["select(a > b, 1, 0)", "select(a > b, 0, 1)"]],
        Op::Min => [["select(a < b, 1, 0)", "select(a < b, 0, 1)"], ["select(a > b, 0, 1)", "select(a > b, 1, 0)"]],
        _ => return None,
    };
    let side = usize::from(!is_positive(arena, args));
    Some(rules[side][k])
}

/// Whether a node has a kink.
pub fn has_kink(node: &Node) -> bool {
    matches!(node, Node::Apply(Op::Abs | Op::Max | Op::Min, _))
}

/// Whether the first term of `a`, or of `a − b`, has a positive factor.
fn is_positive(arena: &mut Arena, args: &[Expr]) -> bool {
    let one = Constant::from(1);
    let mut waiting: Vec<(Expr, Constant)> = args.iter().copied().zip([one.clone(), one.neg()]).collect();
    let mut terms: Map<Expr, Constant> = Map::default();
    while let Some((e, factor)) = waiting.pop().filter(|_| terms.len() < TERMS) {
        match arena.as_apply(e) {
            Some((Op::Add, &[a, b])) => waiting.extend([(a, factor.clone()), (b, factor)]),
            Some((Op::Sub, &[a, b])) => waiting.extend([(b, factor.neg()), (a, factor)]),
            Some((Op::Neg, &[a])) => waiting.push((a, factor.neg())),
            _ => {
                let (own, rest) = coefficient(arena, e, FACTORS);
                if let Some(rest) = rest {
                    let known = terms.entry(rest).or_insert_with(|| Constant::from(0));
                    *known = known.add(&factor.mul(&own));
                }
            }
        }
    }
    let first = terms.iter().filter(|(_, c)| !c.is_zero()).min_by_key(|(e, _)| **e);
    first.is_none_or(|(_, c)| !c.is_negative())
}

/// The constant factor of a product or quotient that is nested no deeper than `depth`, and what is left; nothing is left of a
/// constant.
fn coefficient(arena: &mut Arena, e: Expr, depth: usize) -> (Constant, Option<Expr>) {
    if let Some(c) = arena.as_const(e) {
        return (c.clone(), None);
    }
    let one = Constant::from(1);
    let Some((op, args)) = arena.as_apply(e).filter(|_| depth > 0).map(|(op, args)| (op, args.to_vec())) else { return (one, Some(e)) };
    match (op, args.as_slice()) {
        (Op::Neg, &[a]) => {
            let (c, rest) = coefficient(arena, a, depth - 1);
            (c.neg(), rest)
        }
        (Op::Mul, &[a, b]) => {
            let [(c, x), (d, y)] = [a, b].map(|e| coefficient(arena, e, depth - 1));
            let rest = match (x, y) {
                (Some(x), Some(y)) => Some(arena.apply(Op::Mul, vec![x, y])),
                (x, y) => x.or(y),
            };
            (c.mul(&d), rest)
        }
        (Op::Div, &[a, b]) => {
            let [(c, x), (d, y)] = [a, b].map(|e| coefficient(arena, e, depth - 1));
            let Some(inverse) = d.recip() else { return (one, Some(e)) };
            let rest = match (x, y) {
                (x, None) => x,
                (x, Some(y)) => {
                    let x = x.unwrap_or_else(|| arena.constant(1));
                    Some(arena.apply(Op::Div, vec![x, y]))
                }
            };
            (c.mul(&inverse), rest)
        }
        _ => (one, Some(e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::parse;

    #[test]
    fn kinks_at_one_place_are_taken_from_one_side() {
        let results = ["abs(x - y)", "abs(y * 0.5 - x * 0.5)", "max(x, y)", "max(y, x)", "min(0, -x)", "max(-(x * y), 0)"];
        let names: Vec<String> = (0..results.len()).map(|k| format!("z{k}")).collect();
        let definitions: String = results.iter().zip(&names).map(|(e, name)| format!("{name} = {e}\n")).collect();
        let mut program = parse(&format!("fn f(x: [], y: []) wrt x, y -> {}\n{definitions}", names.join(", "))).unwrap();
        let rules: Vec<Vec<&str>> = program
            .roots()
            .into_iter()
            .map(|root| {
                let (op, args) = program.arena.as_apply(root).map(|(op, args)| (op, args.to_vec())).unwrap();
                (0..args.len()).map(|k| one_sided(&mut program.arena, op, &args, k).unwrap()).collect()
            })
            .collect();
        let (first, second) = (vec!["select(a < b, 0, 1)", "select(a < b, 1, 0)"], vec!["select(a > b, 1, 0)", "select(a > b, 0, 1)"]);
        let expected = [
            vec!["select(a < 0, -1, 1)"],
            vec!["select(a > 0, 1, -1)"],
            first,
            second.clone(),
            // the smaller of 0 and −x is −x where x is positive
            vec!["select(a < b, 1, 0)", "select(a < b, 0, 1)"],
            second,
        ];
        assert_eq!(rules, expected);
    }
}
