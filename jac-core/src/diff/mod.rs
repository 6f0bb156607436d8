//! Differentiation.
//!
//! Before: a program that verifies. After: its Jacobian's blocks are defined, of shape
//! `output.shape ++ input.shape`, beside what they need. Programs of known lengths, unrolled to
//! scalars, go through [`elimination`]; others through [`definitions`]. [`products`] are derivatives of
//! other programs. Lengths, which have no derivative where they are 0, are known to `norms`.

pub mod definitions;
pub mod elimination;
mod norms;
pub mod products;

use crate::ir::{template, Expr, Program, Tensor};
use crate::ops::Op;

/// The partial derivative of `op(args)`, whose value is `e`, with respect to its argument `k`.
fn partial(program: &mut Program, e: Expr, op: Op, args: &[Expr], k: usize) -> Expr {
    let mut bindings: Vec<(&str, Expr)> = ["a", "b", "c"].into_iter().zip(args.iter().copied()).collect();
    let mut value = e;
    if norms::is_length(program, op, args) && !program.regular.contains(&e) {
        let (zero, one) = (program.arena.constant(0), program.arena.constant(1));
        let at_zero = program.arena.apply(Op::Eq, vec![e, zero]);
        value = program.arena.select(at_zero, one, e);
    }
    bindings.push(("y", value));
    template(program, op.entry().derivative[k], &bindings)
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
