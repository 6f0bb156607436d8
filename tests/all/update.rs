//! Memory that was written before: only what changes is written again.

use jac_runtime::jacobian;
use ndarray::{Array1, Array2};

#[jacobian(update)]
fn rosenbrock(x: &[f64; 3]) -> [f64; 2] {
    [10.0 * (x[1] - x[0] * x[0]), 1.0 - x[2]]
}

/// Zeros stay, the diagonals change.
#[jacobian(update, into)]
fn diffusion(u: &Array1<f64>, k: f64) -> Array1<f64> {
    let n = u.len();
    Array1::from_shape_fn(n, |i| {
        let left = if i > 0 { u[i - 1] } else { 0.0 };
        let right = if i + 1 < n { u[i + 1] } else { 0.0 };
        k * (left - 2.0 * u[i] + right) + u[i] * u[i]
    })
}

/// What is stored depends on numbers: a position may be zero now.
#[jacobian(update)]
fn pruned(x: &[f64]) -> Vec<f64> {
    let mut y = x.to_vec();
    for i in 1..x.len() {
        if x[i] > 0.0 {
            y[i] = x[i - 1] * x[i];
        }
    }
    y
}

/// The entry that is not zero is where `k` says.
#[jacobian(update)]
fn chosen(x: &[f64], k: usize) -> f64 {
    x[k].sin()
}

#[jacobian(update, value, strict)]
fn generic<const N: usize>(x: [f64; N]) -> Option<[f64; N]> {
    let mut y = [0.0; N];
    for i in 0..N {
        y[i] = if i > 0 { x[i].exp() + 2.0 * x[i - 1] } else { x[i] };
    }
    Some(y)
}

#[jacobian(update, hessian, value, jvp, normal)]
fn valley(x: &[f64; 2]) -> f64 {
    100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]).powi(2)
}

#[test]
fn zeros_and_constants_stay() {
    // NaN where something is written, and what is there where not
    let mut kept = [[f64::NAN; 3]; 2];
    rosenbrock_jacobian_update(&[2.0, 3.0, 4.0], &mut kept);
    assert_eq!(kept[0][0], -40.0);
    assert!([kept[0][1], kept[0][2], kept[1][0], kept[1][1], kept[1][2]].iter().all(|x| x.is_nan()), "{kept:?}");
    let n = 6;
    let mut kept = (Array2::from_elem((n, n), f64::NAN), Array1::from_elem(n, f64::NAN));
    let u = Array1::from_shape_fn(n, |i| i as f64);
    diffusion_jacobian_update(&u, 0.5, &mut kept);
    let (by_u, by_k) = diffusion_jacobian(&u, 0.5);
    for ((i, j), x) in kept.0.indexed_iter() {
        assert!(if i.abs_diff(j) > 1 { x.is_nan() } else { *x == by_u[[i, j]] }, "{:?}", kept.0);
    }
    assert_eq!(kept.1, by_k);
}

#[test]
fn memory_that_was_written_is_as_if_it_were_written_again() {
    let points = [[0.5, -1.0, 2.0], [-0.25, 3.0, -1.0], [1.0, 1.0, 1.0], [-1.0, -2.0, -3.0]];
    let mut of_slice = pruned_jacobian(&points[0]);
    let mut of_generic = generic_value_and_jacobian(points[0]).unwrap();
    let mut hessian = valley_hessian(&[0.0, 0.0]);
    let (mut value, mut squares, mut products) = valley_normal(&[0.0, 0.0]);
    let mut at = chosen_jacobian(&points[0], 0);
    for (k, x) in points.iter().enumerate() {
        pruned_jacobian_update(x, &mut of_slice);
        assert_eq!(of_slice, pruned_jacobian(x));
        let (y, j) = &mut of_generic;
        generic_value_and_jacobian_update(*x, y, j).unwrap();
        assert_eq!(of_generic, generic_value_and_jacobian(*x).unwrap());
        valley_hessian_update(&[x[0], x[1]], &mut hessian);
        assert_eq!(hessian, valley_hessian(&[x[0], x[1]]));
        valley_normal_update(&[x[0], x[1]], &mut value, &mut squares, &mut products);
        assert_eq!((value, squares, products), valley_normal(&[x[0], x[1]]));
        chosen_jacobian_update(x, k % 3, &mut at);
        assert_eq!(at, chosen_jacobian(x, k % 3));
    }
}

#[test]
fn updates_pass_their_check() {
    jac_runtime::check!(rosenbrock, &[2.0, 3.0, 4.0]);
    jac_runtime::check!(diffusion, &Array1::from_vec(vec![0.1, 0.2, -0.5]), 0.5);
    jac_runtime::check!(pruned, &[0.5, -1.0, 2.0]);
    jac_runtime::check!(generic, [0.5, -1.0]);
    jac_runtime::check!(valley, &[0.5, -1.0]);
    jac_runtime::check!(chosen, &[0.5, -1.0], 1);
}
