//! Products with the Jacobian that never form it, and second derivatives.
//!
//! Each is the derivative of another program, so that one pass differentiates all: `J·t` is the
//! derivative of `f(x + s·t)` by the scalar `s` at 0, `Jᵀ·c` the gradient of `Σ c·f(x)`, and the
//! Hessian the Jacobian of a gradient.

use super::second::factor_denominators;
use crate::ir::{Affine, Arena, Body, Expr, Index, Map, Node, Program, Role, Tensor};
use crate::ops::Op;
use std::ops::Range;

/// A program to differentiate in place of the function, and what to make of its derivative.
#[derive(Debug)]
pub struct Product {
    /// The program.
    pub program: Program,
    /// The positions of the outputs to differentiate.
    pub of: Range<usize>,
    /// The tangents or cotangents, parameters of the program behind the function's own.
    pub seeds: Vec<Tensor>,
    /// The parameters that the function is differentiated by.
    wrt: Vec<Tensor>,
    /// The scalar of a JVP.
    step: Option<Tensor>,
    /// How many outputs of the program are results.
    values: usize,
    /// What the others are called; those of a Jacobian stay blocks.
    names: Option<Vec<String>>,
}

/// The Jacobian itself.
pub fn jacobian(program: Program) -> Product {
    let (values, wrt) = (program.outputs.len(), program.wrt.clone());
    Product { program, of: 0..values, seeds: Vec::new(), wrt, step: None, values, names: None }
}

/// The Jacobian-vector product: tangents of the shapes of the inputs, one for each in `wrt`; the
/// results are the function's, then their derivatives along the tangents.
pub fn jvp(mut program: Program) -> Product {
    let wrt = program.wrt.clone();
    let seeds: Vec<Tensor> = wrt.iter().map(|x| like(&mut program, *x, "tangent")).collect();
    let step = program.tensor("step", Vec::new(), Role::Param);
    let moving: Map<Tensor, Tensor> = wrt.iter().copied().zip(seeds.iter().copied()).collect();
    let roots = program.roots();
    let moved = program.arena.map(&roots, |arena, e, node| match &node {
        Node::Access(t, at) if moving.contains_key(t) => {
            let tangent = arena.insert(Node::Access(moving[t], at.clone()));
            let step = arena.insert(Node::Access(step, Vec::new()));
            let change = arena.apply(Op::Mul, vec![step, tangent]);
            arena.apply(Op::Add, vec![e, change])
        }
        same if arena[e] == *same => e,
        _ => arena.insert(node),
    });
    program.set_roots(&moved);
    move_arguments(&mut program, &moving, step);
    program.wrt = vec![step];
    let names = program.outputs.iter().map(|y| format!("{}_tangent", program.info(*y).name)).collect();
    Product { of: 0..program.outputs.len(), values: program.outputs.len(), program, seeds, wrt, step: Some(step), names: Some(names) }
}

/// The vector-Jacobian product: cotangents of the shapes of the outputs, one for each; the results
/// are the function's, then the cotangents of the inputs in `wrt`.
pub fn vjp(mut program: Program) -> Product {
    let outputs = program.outputs.clone();
    let seeds: Vec<Tensor> = outputs.iter().map(|y| like(&mut program, *y, "cotangent")).collect();
    let mut total: Option<Expr> = None;
    for (y, seed) in outputs.iter().zip(&seeds) {
        let shape = program.info(*y).shape.clone();
        let axes: Vec<Index> = program.axes(&shape);
        let at: Vec<Affine> = axes.iter().map(|i| Affine::from(*i)).collect();
        let value = program.arena.insert(Node::Access(*y, at.clone()));
        let weight = program.arena.insert(Node::Access(*seed, at));
        let product = program.arena.apply(Op::Mul, vec![weight, value]);
        let sum = axes.iter().rev().fold(product, |sum, i| program.sum_over(*i, sum));
        total = Some(total.map_or(sum, |total| program.arena.apply(Op::Add, vec![total, sum])));
    }
    let total = total.unwrap_or_else(|| program.arena.constant(0));
    let total = program.define("weighted", Vec::new(), total);
    program.outputs.push(total);
    let wrt = program.wrt.clone();
    let names = wrt.iter().map(|x| format!("{}_cotangent", program.info(*x).name)).collect();
    Product { of: outputs.len()..outputs.len() + 1, values: outputs.len(), program, seeds, wrt, step: None, names: Some(names) }
}

/// The Hessian, from the gradient of a scalar: the results are the blocks of each input by each.
pub fn hessian(gradient: Program) -> Product {
    let derivative = as_function(gradient);
    let wrt = derivative.wrt.clone();
    let inputs: Vec<String> = wrt.iter().map(|x| derivative.info(*x).name.clone()).collect();
    let name = |a: &String, b: &String| if wrt.len() == 1 { "H".to_owned() } else { format!("H_{a}_{b}") };
    let names: Vec<String> = inputs.iter().flat_map(|a| inputs.iter().map(move |b| name(a, b))).collect();
    Product { of: 0..derivative.outputs.len(), values: 0, program: derivative, seeds: Vec::new(), wrt, step: None, names: Some(names) }
}

/// The Hessian-vector product, from the gradient of a scalar; the results are the derivatives of the gradient along the
/// tangents, one for each input.
pub fn hvp(gradient: Program) -> Product {
    let mut product = jvp(as_function(gradient));
    let wrt = product.wrt.iter().map(|x| product.program.info(*x).name.clone());
    let names = wrt.map(|x| if product.wrt.len() == 1 { "hvp".to_owned() } else { format!("hvp_{x}") }).collect();
    product.names = Some(names);
    product.values = 0;
    product
}

/// The derivative as a function of its own: the blocks are outputs.
fn as_function(mut derivative: Program) -> Program {
    factor_denominators(&mut derivative);
    let blocks: Vec<Tensor> = derivative.blocks.drain(..).map(|b| b.tensor).collect();
    derivative.outputs.extend(blocks);
    derivative.prune();
    derivative
}

impl Product {
    /// The derivative of the program, as the program that computes the product: what was
    /// differentiated for it alone is dropped, and the blocks are outputs.
    pub fn finish(&self, mut derivative: Program) -> Program {
        let Some(names) = &self.names else { return derivative };
        if let Some(step) = self.step {
            stop(&mut derivative, step);
        }
        derivative.outputs.truncate(self.values);
        let products: Vec<Tensor> = derivative.blocks.drain(..).map(|b| b.tensor).collect();
        for (t, name) in products.iter().zip(names) {
            derivative.rename(*t, name);
        }
        derivative.outputs.extend(products);
        derivative.wrt.clone_from(&self.wrt);
        derivative.prune();
        derivative
    }
}

/// Intrinsics read whole tensors: those that move become definitions.
fn move_arguments(program: &mut Program, moving: &Map<Tensor, Tensor>, step: Tensor) {
    let definitions = std::mem::take(&mut program.definitions);
    for mut definition in definitions {
        if let Body::Intrinsic(_, arguments) = &mut definition.body {
            for x in arguments.iter_mut().filter(|x| moving.contains_key(*x)) {
                let shape = program.info(*x).shape.clone();
                let axes = program.axes(&shape);
                let at: Vec<Affine> = axes.iter().map(|i| Affine::from(*i)).collect();
                let [value, tangent] = [*x, moving[&*x]].map(|t| program.arena.insert(Node::Access(t, at.clone())));
                let step = program.arena.insert(Node::Access(step, Vec::new()));
                let change = program.arena.apply(Op::Mul, vec![step, tangent]);
                let moved = program.arena.apply(Op::Add, vec![value, change]);
                let name = format!("moved_{}", program.info(*x).name);
                *x = program.define(&name, axes, moved);
            }
        }
        program.definitions.push(definition);
    }
}

/// Intrinsics read a tensor itself, not its copy.
fn drop_copies(program: &mut Program) {
    let copied = |program: &Program| {
        program.definitions.iter().find_map(|d| match &d.body {
            Body::Each(indices, e) if !program.results().any(|t| t == d.tensor) => match &program.arena[*e] {
                Node::Access(t, at)
                    if at.iter().map(Affine::as_index).eq(indices.iter().map(|i| Some(*i))) && program.is_whole(*t, indices) =>
                {
                    Some((d.tensor, *t))
                }
                _ => None,
            },
            _ => None,
        })
    };
    while let Some((copy, of)) = copied(program) {
        program.replace(copy, of);
    }
}

/// Sets the step of a JVP to 0.
fn stop(program: &mut Program, step: Tensor) {
    let roots = program.roots();
    // behind the step, what differentiation defined: there a zero annihilates
    let derived: Vec<bool> = program.definitions.iter().flat_map(|d| d.body.roots().iter().map(move |_| d.tensor > step)).collect();
    let stepped = |arena: &Arena, e: Expr| {
        arena.as_apply(e).is_some_and(|(op, args)| op == Op::Mul && arena[args[0]] == Node::Access(step, Vec::new()))
    };
    let values = program.arena.map(&roots, |arena, e, node| match &node {
        Node::Apply(Op::Add, args) if stepped(arena, args[1]) => args[0],
        same if arena[e] == *same => e,
        _ => arena.insert(node),
    });
    let folded = program.arena.map(&roots, |arena, e, node| match &node {
        Node::Access(t, _) if *t == step => arena.constant(0),
        same if arena[e] == *same => e,
        _ => arena.rebuild(node),
    });
    let stopped: Vec<Expr> =
        derived.iter().zip(values.iter().zip(&folded)).map(|(derived, (v, f))| if *derived { *f } else { *v }).collect();
    program.set_roots(&stopped);
    drop_copies(program);
}

/// A new parameter of another tensor's shape, named after it.
pub(super) fn like(program: &mut Program, of: Tensor, suffix: &str) -> Tensor {
    let info = program.info(of).clone();
    program.tensor(&format!("{}_{suffix}", info.name), info.shape, Role::Param)
}
