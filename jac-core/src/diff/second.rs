//! What second derivatives are taken of.
//!
//! A function that is smooth may be made of parts that are not: `cos |z|`, softplus as `max(z, 0) + ln(1 + exp(-|z|))`, `n · n`
//! of a length `n`. By the rules their first derivatives are right at 0, where that of `|z|` and of `n` is 0. The second
//! would lack `(|z|′)² = 1`. So here the derivative of `|z|` at 0 is the one from the right: where a function is smooth,
//! that of every side is right. And the square of a root is what the root is taken of.

use super::{factors, norms};
use crate::ir::{Arena, Expr, Map, Node, Program};
use crate::ops::Op;

/// Products of more factors are left as they are.
const FACTORS: usize = 32;

/// The function to take second derivatives of, if it is not the function itself.
pub fn prepare(program: &Program) -> Option<Program> {
    let mut program = program.clone();
    let roots = program.roots();
    let has_kinks = program.arena.reachable(roots.iter().copied()).iter().any(|e| matches!(program.arena[*e], Node::Apply(Op::Abs, _)));
    program.one_sided = has_kinks;
    let mut squared = roots.clone();
    if !program.strict {
        let products = |arena: &Arena, e: Expr| matches!(arena[e], Node::Apply(Op::Mul, _)).then(|| factors(arena, e));
        squared = program.arena.map(&roots, |arena, e, node| {
            let new = if arena[e] == node { e } else { arena.insert(node) };
            let even = match arena.as_apply(new) {
                Some((Op::Pow, &[n, k])) => even_power(arena, n, k),
                _ => products(arena, new).filter(|all| all.len() <= FACTORS).and_then(|all| squares(arena, &all)),
            };
            even.unwrap_or(new)
        });
        program.set_roots(&squared);
    }
    (has_kinks || squared != roots).then_some(program)
}

/// What `e` is the root of, squared.
fn square(arena: &mut Arena, e: Expr) -> Option<Expr> {
    match arena.as_apply(e)? {
        (Op::Hypot, &[a, b]) => {
            let [a, b] = [a, b].map(|x| arena.apply(Op::Mul, vec![x, x]));
            Some(arena.apply(Op::Add, vec![a, b]))
        }
        (op, args) => norms::root(arena, op, args),
    }
}

/// An even power of a root.
fn even_power(arena: &mut Arena, e: Expr, exponent: Expr) -> Option<Expr> {
    let n = arena.as_const(exponent)?.to_integer().filter(|n| *n != 0 && n % 2 == 0)?;
    let of = square(arena, e)?;
    let half = arena.constant(n / 2);
    Some(if n == 2 { of } else { arena.apply(Op::Pow, vec![of, half]) })
}

/// The product of the factors, if roots are among them twice.
fn squares(arena: &mut Arena, all: &[Expr]) -> Option<Expr> {
    let mut times: Map<Expr, usize> = Map::default();
    all.iter().for_each(|f| *times.entry(*f).or_default() += 1);
    let mut left = Vec::new();
    let mut found = false;
    for (f, n) in times {
        match if n > 1 { square(arena, f) } else { None } {
            Some(of) => {
                found = true;
                left.extend(std::iter::repeat_n(of, n / 2).chain((n % 2 == 1).then_some(f)));
            }
            None => left.extend(std::iter::repeat_n(f, n)),
        }
    }
    found.then(|| left.into_iter().reduce(|a, b| arena.apply(Op::Mul, vec![a, b]))).flatten()
}
