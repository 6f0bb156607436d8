//! The option `stack`: one matrix in place of blocks, for the whole corpus by the self-check, and of a few functions as emitted.

use crate::common::{compile, without_attribute};
use crate::corpus;
use jac_core::diag::Diagnostic;
use jac_runtime::{check, jacobian};
use ndarray::{array, Array1, Array2};

/// At least so many functions of the corpus have rows of known lengths.
const AT_LEAST: usize = 200;

#[test]
fn every_stacked_kernel_agrees_with_its_function() {
    let mut checked = 0;
    for case in corpus::cases() {
        let own = Some(case.options).filter(|own| !own.is_empty());
        let options: Vec<&str> = own.into_iter().chain(["stack, value, effort = \"low\""]).collect();
        let compiled = compile(&options.join(", "), &without_attribute(case.item));
        let errors: String = compiled.diagnostics.iter().map(Diagnostic::text).collect();
        if errors.starts_with("`stack` of `") || errors.starts_with("too large") || errors.starts_with("duplicate option") {
            continue;
        }
        let stages = compiled.stages.unwrap_or_else(|| panic!("{}: {errors}", case.name));
        assert!(stages.withdrawn.is_empty(), "{}: {:?}", case.name, stages.withdrawn);
        checked += 1;
    }
    assert!(checked >= AT_LEAST, "only {checked} functions");
}

/// Two results and two inputs of known lengths, and a matrix among them.
#[jacobian(stack, value, into, normal, lower, loss = cauchy(0.5), weighted_hessian)]
fn fixed(x: [f64; 2], m: &[[f64; 2]; 2], s: f64) -> ([f64; 2], f64) {
    let y = [m[0][0] * x[0] + m[0][1] * x[1], m[1][0] * x[0] + m[1][1] * x[1].sin()];
    (y, s * y[0] * y[1])
}

/// Results and inputs of run-time lengths: a diagonal, a dense column, a row, a product of matrices and a loop's state.
#[jacobian(stack, value, update, hessian, shape(w = [n, 2], x = [n]))]
fn energy(w: &Array2<f64>, x: &Array1<f64>, a: f64) -> f64 {
    let mut state = a;
    for i in 0..x.len() {
        state = 0.5 * state * x[i] + w[[i, 0]];
    }
    x.iter().map(|x| x * x * a).sum::<f64>() + w.column(1).dot(x) + state
}

#[jacobian(stack, into, update, normal)]
fn residuals(p: &[f64; 3], x: &[f64], scale: f64) -> (Vec<f64>, f64) {
    let y = x.iter().map(|x| p[0] * (p[1] * x).exp() * scale + x).collect();
    (y, p[2] * scale)
}

#[jacobian(stack)]
fn generic<const N: usize>(x: &[f64; N], s: f64) -> [f64; N] {
    std::array::from_fn(|i| s * x[i] * x[i])
}

#[jacobian(stack, batch)]
fn many(x: &[f64; 2], y: f64) -> [f64; 2] {
    [x[0] * y, (x[1] * y).sin()]
}

#[test]
fn matrices_agree_as_emitted() {
    check!(fixed, [0.3, -0.7], &[[1.0, 2.0], [-0.5, 0.25]], 1.5);
    let j: [[f64; 7]; 3] = fixed_jacobian([0.3, -0.7], &[[1.0, 2.0], [-0.5, 0.25]], 1.5);
    assert_eq!(j[0], [1.0, 2.0, 0.3, -0.7, 0.0, 0.0, 0.0]);
    let (_, jtj, _): (_, [[f64; 7]; 7], [f64; 7]) = fixed_normal([0.3, -0.7], &[[1.0, 2.0], [-0.5, 0.25]], 1.5);
    assert_eq!((jtj[0][6], jtj[2][5]), (0.0, 0.0));
    for n in [0, 1, 4] {
        let x: Vec<f64> = (0..n).map(|k| 0.4 - 0.3 * k as f64).collect();
        let w = Array2::from_shape_fn((n, 2), |(i, j)| 0.1 * i as f64 - 0.5 * j as f64);
        check!(energy, &w, &Array1::from(x.clone()), 0.7);
        let (hessian, count): (Array2<f64>, usize) = (energy_hessian(&w, &Array1::from(x.clone()), 0.7), 3 * n + 1);
        assert!(hessian.dim() == (count, count) && (&hessian - &hessian.t()).iter().all(|d| d.abs() < 1e-14));
        check!(residuals, &[1.2, -0.4, 0.9], &x, 1.1);
        let j: Array2<f64> = residuals_jacobian(&[1.2, -0.4, 0.9], &x, 1.1);
        let (_, jtj, jtr): (_, Array2<f64>, Array1<f64>) = residuals_normal(&[1.2, -0.4, 0.9], &x, 1.1);
        let mut r = residuals(&[1.2, -0.4, 0.9], &x, 1.1);
        r.0.push(r.1);
        assert!((j.t().dot(&j) - jtj).iter().chain(&(j.t().dot(&Array1::from(r.0)) - jtr)).all(|d| d.abs() < 1e-13));
        let mut wide = Array2::from_elem((n + 1, n + 7), 5.0);
        residuals_jacobian_into(&[1.2, -0.4, 0.9], &x, 1.1, wide.slice_mut(ndarray::s![.., 1..n + 5]));
        assert!(wide.slice(ndarray::s![.., 1..n + 5]) == j && wide.column(0).iter().all(|e| *e == 5.0));
    }
    check!(generic, &[0.5, -2.0, 3.0], 0.25);
    assert_eq!(generic_jacobian(&[0.5, -2.0], 3.0), array![[3.0, 0.0, 0.25], [0.0, -12.0, 4.0]]);
    let mut blocks = [[[f64::NAN; 3]; 2]; 3];
    many_jacobian_batch(&[[1.0, 2.0], [0.5, 0.1], [-1.0, 3.0]], &[0.5, 1.0, 2.0], &mut blocks);
    for (k, (x, y)) in [([1.0, 2.0], 0.5), ([0.5, 0.1], 1.0), ([-1.0, 3.0], 2.0)].into_iter().enumerate() {
        let expected = many_jacobian(&x, y);
        assert!(blocks[k].as_flattened().iter().zip(expected.as_flattened()).all(|(a, b)| (a - b).abs() < 1e-14));
    }
}

#[test]
fn rows_of_unknown_lengths_are_an_error() {
    let item = "fn f(m: &Array2<f64>, x: &Array1<f64>) -> Array1<f64> { m.dot(x) }";
    let text = |options: &str| compile(options, item).diagnostics.iter().map(Diagnostic::text).collect::<String>();
    assert_eq!(
        text("stack"),
        "`stack` of `m`, whose rows have a length that is known only at run time\n\
         help: say how long they are, as `shape(m = [n, 3])` does, or leave `stack` out"
    );
    assert_eq!(text("stack, shape(m = [n, 3], x = [3])"), "");
}
