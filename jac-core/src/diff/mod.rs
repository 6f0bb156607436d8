//! Differentiation.
//!
//! Before: a program that verifies. After: its Jacobian's blocks are defined, of shape
//! `output.shape ++ input.shape`, beside what they need. Programs of known lengths, unrolled to
//! scalars, go through [`elimination`]; others through [`definitions`]. [`products`] are derivatives of
//! other programs.

pub mod definitions;
pub mod elimination;
pub mod products;

use crate::ir::{template, Expr, Program, Tensor};
use crate::ops::Op;

/// The partial derivative of `op(args)`, whose value is `e`, with respect to its argument `k`.
fn partial(program: &mut Program, e: Expr, op: Op, args: &[Expr], k: usize) -> Expr {
    let mut bindings: Vec<(&str, Expr)> = ["a", "b", "c"].into_iter().zip(args.iter().copied()).collect();
    bindings.push(("y", e));
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
