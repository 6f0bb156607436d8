//! Differentiation.
//!
//! Before: a program that verifies. After: its Jacobian's blocks are defined, of shape
//! `output.shape ++ input.shape`, beside what they need. Programs of known lengths, unrolled to
//! scalars, go through [`elimination`]; others through [`definitions`]. [`products`] are derivatives of
//! other programs, and [`normal`] equations are made of a derivative; of functions of independent
//! [`rows`] its blocks; [`at`] puts constants in the place of inputs. Lengths, which have no derivative where they are 0, are
//! known to `norms`; [`second`] says of what second derivatives are taken.

pub mod at;
pub mod definitions;
pub mod elimination;
mod kinks;
pub mod normal;
mod norms;
pub mod products;
pub mod rows;
pub mod second;

use crate::ir::{template, Arena, Expr, Map, Program, Tensor};
use crate::ops::Op;

/// What `op(args)`, whose value is `e`, depends on among what is `wanted`, with its derivative by each.
fn partials(program: &mut Program, e: Expr, op: Op, args: &[Expr], wanted: impl Fn(&Expr) -> bool) -> Vec<(Expr, Expr)> {
    let mut out = Vec::new();
    for (k, a) in args.iter().enumerate().filter(|(_, a)| wanted(a)) {
        // `u / cosh(a)`, of which the second derivative of tanh consists, is `-tanh(a)` times as steep as it is high; by way
        // of `cosh` it would be ∞ times 0 from 711 on
        let factors = if (op, k) == (Op::Div, 1) { factors(&program.arena, *a) } else { Vec::new() };
        if !factors.iter().any(|f| argument_of_cosh(&program.arena, *f).is_some()) {
            out.push((*a, partial(program, e, op, args, k)));
            continue;
        }
        for f in factors {
            let (by, rule) = argument_of_cosh(&program.arena, f).map_or((f, "-(y / a)"), |a| (a, "-(y * tanh(a))"));
            if wanted(&by) {
                out.push((by, template(program, rule, &[("a", by), ("y", e)])));
            }
        }
    }
    out
}

fn argument_of_cosh(arena: &Arena, e: Expr) -> Option<Expr> {
    arena.as_apply(e).filter(|(op, _)| *op == Op::Cosh).map(|(_, args)| args[0])
}

/// What an expression is the product of.
fn factors(arena: &Arena, e: Expr) -> Vec<Expr> {
    let (mut waiting, mut out) = (vec![e], Vec::new());
    while let Some(e) = waiting.pop() {
        match arena.as_apply(e) {
            Some((Op::Mul, args)) => waiting.extend(args.iter().rev()),
            _ => out.push(e),
        }
    }
    out
}

/// How often each factor is one.
fn multiplicities(factors: &[Expr]) -> Map<Expr, usize> {
    let mut times: Map<Expr, usize> = Map::default();
    factors.iter().for_each(|f| *times.entry(*f).or_default() += 1);
    times
}

/// The partial derivative of `op(args)`, whose value is `e`, with respect to its argument `k`.
fn partial(program: &mut Program, e: Expr, op: Op, args: &[Expr], k: usize) -> Expr {
    let mut bindings: Vec<(&str, Expr)> = ["a", "b", "c"].into_iter().zip(args.iter().copied()).collect();
    let (mut op, mut value) = (op, e);
    if !program.regular.contains(&e) {
        if let Some(vanishing) = norms::vanishing(program, e, op, args) {
            let one = program.arena.constant(1);
            value = program.arena.select(vanishing, one, e);
            // a root that is written as a power has its derivative by its value, too
            op = if op == Op::Pow { Op::Sqrt } else { op };
        }
    }
    bindings.push(("y", value));
    let one_sided = if program.one_sided { kinks::one_sided(&mut program.arena, op, args, k) } else { None };
    let rule = one_sided.unwrap_or(op.entry().derivative[k]);
    template(program, rule, &bindings)
}

/// What the block of one output and one input is called.
fn block_name(program: &Program, output: usize, input: Tensor) -> String {
    let mut name = "J".to_owned();
    if program.outputs.len() > 1 {
        name += &format!("_{}", program.info(program.outputs[output]).name);
    }
    if program.wrt.len() > 1 {
        name += &format!("_{}", program.info(input).name);
    }
    name
}
