//! What second derivatives are taken of.
//!
//! A function that is smooth may be made of parts that are not: `cos |z|`, softplus as `max(z, 0) + ln(1 + exp(-|z|))`, `n · n`
//! of a length `n`. By the rules their first derivatives are right at 0, where that of `|z|` and of `n` is 0. The second
//! would lack `(|z|′)² = 1`. So here derivatives at kinks are those of one side: where a function is smooth, that of every
//! side is right. And the square of a root is what the root is taken of.

use super::norms::FACTORS;
use super::{argument_of_cosh, factors, kinks, multiplicities, norms};
use crate::ir::{Arena, Expr, Node, Program};
use crate::ops::Op;

/// The function to take second derivatives of, if it is not the function itself.
pub fn prepare(program: &Program) -> Option<Program> {
    let mut program = program.clone();
    let roots = program.roots();
    let has_kinks = program.arena.reachable(roots.iter().copied()).iter().any(|e| kinks::has_kink(&program.arena[*e]));
    program.one_sided = has_kinks;
    if !program.strict {
        let squared = program.arena.map(&roots, |arena, e, node| {
            let new = if arena[e] == node { e } else { arena.insert(node) };
            let even = match arena.as_apply(new) {
                Some((Op::Pow, &[n, k])) => even_power(arena, n, k),
                Some((Op::Mul, _)) => squares(arena, &factors(arena, new)),
                _ => None,
            };
            even.unwrap_or(new)
        });
        program.set_roots(&squared);
    }
    (has_kinks || program.roots() != roots).then_some(program)
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

/// The product of the factors, if roots are among them twice; `None` of many.
fn squares(arena: &mut Arena, all: &[Expr]) -> Option<Expr> {
    if all.len() > FACTORS {
        return None;
    }
    let mut left = Vec::new();
    let mut found = false;
    for (f, n) in multiplicities(all) {
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

/// The gradient to differentiate: sums in its denominators are written as products with the `cosh` that all of their terms
/// have as a factor. The sum of what overflows is not differentiated then, only `cosh`, of which that is known not to matter.
pub fn factor_denominators(program: &mut Program) {
    let roots = program.roots();
    let new = program.arena.map(&roots, |arena, e, node| {
        if let Node::Apply(Op::Div, args) = &node {
            let all: Vec<Expr> = factors(arena, args[1]).into_iter().flat_map(|f| without_cosh(arena, f)).collect();
            if let Some(product) = all.into_iter().reduce(|a, b| arena.apply(Op::Mul, vec![a, b])) {
                if product != args[1] {
                    return arena.apply(Op::Div, vec![args[0], product]);
                }
            }
        }
        if arena[e] == node {
            e
        } else {
            arena.insert(node)
        }
    });
    program.set_roots(&new);
}

/// A sum as all the `cosh` that are factors of each of its terms, and what is left.
fn without_cosh(arena: &mut Arena, e: Expr) -> Vec<Expr> {
    let (mut out, mut rest) = (Vec::new(), e);
    loop {
        let mut first = rest;
        while let Some((Op::Add | Op::Sub | Op::Neg, args)) = arena.as_apply(first) {
            first = args[0];
        }
        let all = if first == rest { Vec::new() } else { factors(arena, first) };
        let candidates: Vec<Expr> = all.into_iter().filter(|f| argument_of_cosh(arena, *f).is_some()).collect();
        let Some((f, left)) = candidates.into_iter().find_map(|f| Some((f, quotient(arena, rest, f, 0)?))) else { break };
        out.push(f);
        rest = left;
    }
    out.push(rest);
    out
}

/// The expression divided by one of its factors, if it is that and not nested deeply.
fn quotient(arena: &mut Arena, e: Expr, factor: Expr, depth: usize) -> Option<Expr> {
    if e == factor {
        return Some(arena.constant(1));
    }
    let (op, args) = arena.as_apply(e).filter(|_| depth < FACTORS).map(|(op, args)| (op, args.to_vec()))?;
    let mut inner = |k: usize| quotient(arena, args[k], factor, depth + 1);
    let new = match op {
        Op::Add | Op::Sub => vec![inner(0)?, inner(1)?],
        Op::Neg => vec![inner(0)?],
        Op::Div => vec![inner(0)?, args[1]],
        Op::Mul => match inner(0) {
            Some(a) => vec![a, args[1]],
            None => vec![args[0], inner(1)?],
        },
        _ => return None,
    };
    Some(arena.fold(op, &new))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::parse;

    #[test]
    fn what_all_terms_of_a_denominator_have_is_a_factor_of_it() {
        let head = "fn f(x: []) wrt x -> y\n";
        let sum = "let t1 = cosh(x)\nlet t2 = tanh(x)\ny = 3 / (t1 * t1 + t2 * t2 * (t1 * t1)) + 1 / (t1 + 1)\n";
        let mut program = parse(&format!("{head}{sum}")).unwrap();
        factor_denominators(&mut program);
        let product = "let t1 = cosh(x)\nlet t2 = tanh(x)\ny = 3 / (t1 * t1 * (1 + t2 * t2)) + 1 / (t1 + 1)\n";
        assert_eq!(program.to_text(), format!("{head}{product}"));
    }

    #[test]
    fn the_square_of_a_root_is_what_it_is_taken_of() {
        let head = "fn f(x: []) wrt x -> y\n";
        let program = parse(&format!("{head}let t1 = sqrt(x)\ny = t1 * 3 * t1 * x * t1 + pow(t1, 4)\n")).unwrap();
        let prepared = prepare(&program).unwrap();
        assert!(!prepared.one_sided);
        assert_eq!(prepared.to_text(), format!("{head}y = x * 3 * x * sqrt(x) + pow(x, 2)\n"));
        assert!(prepare(&parse(&format!("{head}y = sqrt(x) * 3\n")).unwrap()).is_none());
    }
}
