//! Every function of the corpus: the emitted Jacobian against dual numbers, central differences
//! and the interpreter, before and after simplification.

use crate::common::{inputs, point, stages};
use crate::corpus;
use jac_core::ir::{eval, Program};
use jac_tests::{Case, D};

const POINTS: u64 = 6;

/// The Jacobian by another way: for each output, for each input, the block.
fn blocks(case: &Case, outputs: &[usize], column: &mut dyn FnMut(usize) -> Vec<Vec<f64>>) -> Vec<f64> {
    let mut first = 0;
    let mut columns: Vec<(usize, usize)> = Vec::new();
    for p in &case.params {
        if p.wrt && p.integer.is_none() {
            columns.push((first, p.count()));
        }
        first += p.count();
    }
    let derivatives: Vec<Vec<Vec<Vec<f64>>>> = columns.iter().map(|(from, n)| (*from..from + n).map(&mut *column).collect()).collect();
    let mut out = Vec::new();
    for (o, count) in outputs.iter().enumerate() {
        for by in &derivatives {
            for row in 0..*count {
                out.extend(by.iter().map(|d| d[o][row]));
            }
        }
    }
    out
}

fn by_duals(case: &Case, x: &[f64]) -> Option<Vec<f64>> {
    let dual = case.dual.as_ref()?;
    let counts: Vec<usize> = (case.value)(x).iter().map(Vec::len).collect();
    Some(blocks(case, &counts, &mut |k| {
        let seeded: Vec<D> = x.iter().enumerate().map(|(j, v)| D::with_tangent(*v, f64::from(u8::from(j == k)))).collect();
        dual(&seeded).iter().map(|y| y.iter().map(|d| d.eps()).collect()).collect()
    }))
}

fn by_differences(case: &Case, x: &[f64]) -> Vec<f64> {
    let counts: Vec<usize> = (case.value)(x).iter().map(Vec::len).collect();
    let step: f64 = if case.single { 1e-2 } else { 1e-5 };
    blocks(case, &counts, &mut |k| {
        let at = |h: f64| {
            let mut x = x.to_vec();
            x[k] += h;
            (case.value)(&x)
        };
        let (up, down) = (at(step), at(-step));
        up.iter().zip(&down).map(|(u, d)| u.iter().zip(d).map(|(u, d)| (u - d) / (2.0 * step)).collect()).collect()
    })
}

fn by_interpreter(case: &Case, program: &Program, x: &[f64]) -> Vec<f64> {
    let values = eval(program, &inputs(case, program, x));
    program.blocks.iter().flat_map(|b| values[&b.tensor].clone()).collect()
}

/// Asserts that two Jacobians agree, relative to the size of their entries.
fn agree(case: &Case, what: &str, ours: &[f64], theirs: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), theirs.len(), "{}: {what}", case.name);
    let scale = theirs.iter().fold(1.0_f64, |m, v| m.max(v.abs()));
    for (k, (a, b)) in ours.iter().zip(theirs).enumerate() {
        assert!((a - b).abs() <= tolerance * scale, "{}: entry {k} is {a}, by {what} {b}", case.name);
    }
}

#[test]
fn the_emitted_jacobian_agrees_with_duals_differences_and_the_interpreter() {
    for case in corpus::cases() {
        let stages = stages(&case);
        for seed in 0..POINTS {
            let x = point(&case, seed);
            let ours = (case.jacobian)(&x);
            let exact = if case.single { 1e-5 } else { 1e-12 };
            if let Some(theirs) = by_duals(&case, &x) {
                agree(&case, "dual numbers", &ours, &theirs, exact);
            }
            agree(&case, "differences", &ours, &by_differences(&case, &x), if case.single { 1e-2 } else { 1e-6 });
            agree(&case, "the derivative before simplification", &ours, &by_interpreter(&case, &stages.derivative, &x), exact);
            agree(&case, "the derivative after simplification", &ours, &by_interpreter(&case, &stages.jacobian, &x), exact);
        }
    }
}

#[test]
fn the_program_means_what_the_function_does() {
    for case in corpus::cases() {
        let stages = stages(&case);
        let x = point(&case, 3);
        for program in [&stages.primal, &stages.derivative, &stages.value_and_jacobian().0] {
            let values = eval(program, &inputs(&case, program, &x));
            let ours: Vec<f64> = program.outputs.iter().flat_map(|t| values[t].clone()).collect();
            let theirs: Vec<f64> = (case.value)(&x).concat();
            agree(&case, "the function", &ours, &theirs, if case.single { 1e-5 } else { 1e-12 });
        }
    }
}
