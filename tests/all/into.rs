//! What is written into memory of the caller: the same numbers as are returned otherwise, whatever stood there before.

#![allow(dead_code)] // of most functions only the derivative is called

use jac_runtime::{check, jacobian};
use ndarray::{array, s, Array, Array1, Array2, Array4, ArrayView2, ArrayViewMut2, Dimension, ShapeBuilder};
use std::panic::{catch_unwind, AssertUnwindSafe};

#[jacobian(into)]
fn square(m: &Array2<f64>) -> Array2<f64> {
    m.dot(m)
}

#[jacobian(into)]
fn layer(a: &Array2<f64>, x: &Array1<f64>, b: &Array1<f64>) -> Array1<f64> {
    (a.dot(x) + b).mapv(f64::tanh)
}

#[jacobian(into)]
fn outer(x: &Array1<f64>, y: &Array1<f64>) -> Array2<f64> {
    Array2::from_shape_fn((x.len(), y.len()), |(i, j)| x[i] * y[j])
}

// written in part, and twice in places
#[jacobian(into)]
fn stencil(x: &Array1<f64>) -> Array1<f64> {
    let n = x.len();
    let mut y = Array1::zeros(n);
    for i in 1..n - 1 {
        y[i] = x[i - 1] * x[i + 1] - x[i] * x[i];
    }
    y
}

#[jacobian(into)]
fn polar(r: f64, phi: f64) -> [f64; 2] {
    [r * phi.cos(), r * phi.sin()]
}

#[jacobian(into)]
fn logarithm(x: f64) -> Result<f64, String> {
    Ok(x.ln())
}

#[jacobian(into)]
fn norms(x: &Array1<f64>, y: &[f64; 3]) -> (f64, [f64; 2]) {
    let s: f64 = x.iter().map(|v| v * v).sum();
    (s * y[0], [s, y[1] * y[2]])
}

fn matrix(n: usize, m: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, m), |(i, j)| ((3 * i + 7 * j) as f64).sin())
}

fn vector(n: usize) -> Array1<f64> {
    Array1::from_shape_fn(n, |i| (i as f64 + 0.5).cos())
}

fn soiled<D: Dimension>(like: &Array<f64, D>) -> Array<f64, D> {
    like.mapv(|_| f64::NAN)
}

#[test]
fn every_element_is_written() {
    for n in [0, 1, 2, 5] {
        let m = matrix(n, n);
        let expected = square_jacobian(&m);
        let mut j = soiled(&expected);
        square_jacobian_into(&m, &mut j);
        assert_eq!(j, expected);

        let (a, x, b) = (matrix(n, 3), vector(3), vector(n));
        let expected = layer_jacobian(&a, &x, &b);
        let mut j = (soiled(&expected.0), soiled(&expected.1), soiled(&expected.2));
        layer_jacobian_into(&a, &x, &b, &mut j);
        assert_eq!(j, expected);

        let expected = outer_jacobian(&x, &b);
        let mut j = (soiled(&expected.0), soiled(&expected.1));
        outer_jacobian_into(&x, &b, &mut j);
        assert_eq!(j, expected);
    }
    let expected = stencil_jacobian(&vector(6));
    let mut j = soiled(&expected);
    stencil_jacobian_into(&vector(6), &mut j);
    assert_eq!(j, expected);
}

#[test]
fn results_of_other_types_are_assigned() {
    let mut j = ([f64::NAN; 2], [f64::NAN; 2]);
    polar_jacobian_into(2.0, 0.3, &mut j);
    assert_eq!(j, polar_jacobian(2.0, 0.3));

    let mut j = f64::NAN;
    assert_eq!(logarithm_jacobian_into(4.0, &mut j), Ok(()));
    assert_eq!(j, 0.25);

    let (x, y) = (vector(4), [0.5, 1.5, -2.0]);
    let expected = norms_jacobian(&x, &y);
    let mut j = ((soiled(&expected.0 .0), [f64::NAN; 3]), (soiled(&expected.1 .0), [[f64::NAN; 3]; 2]));
    norms_jacobian_into(&x, &y, &mut j);
    assert_eq!(j, expected);
}

#[test]
fn what_does_not_fit_is_refused() {
    let message = |j: &mut Array4<f64>| {
        let refused = catch_unwind(AssertUnwindSafe(|| square_jacobian_into(&matrix(2, 2), j)));
        *refused.expect_err("a panic").downcast::<String>().expect("a message")
    };
    let wrong = message(&mut Array4::zeros((2, 2, 2, 3)));
    assert_eq!(wrong, "`square_jacobian_into`: `jacobian` has shape [2, 2, 2, 3], expected [2, 2, 2, 2]");
}

/// Rounds of a loop are not computed in place.
#[jacobian(into, update, wrt(m))]
fn powers(m: &Array2<f64>, n: usize) -> Array2<f64> {
    let mut p = Array2::eye(2);
    for _ in 0..n {
        p = p.dot(m);
    }
    p
}

#[jacobian(into, update, value, wrt(x))]
fn scaled<T: num_traits::Float>(x: &Array1<T>, k: T) -> Array1<T> {
    x.mapv(|x| x * x * k)
}

#[jacobian(into, value, strict)]
fn cubes(x: &Array1<f64>) -> Array1<f64> {
    x.mapv(|x| x * x * x)
}

#[test]
fn memory_may_lie_in_any_layout() {
    let (x, m) = (vector(6), matrix(2, 2));
    let mut columns = Array4::from_elem((2, 2, 2, 2).f(), f64::NAN);
    square_jacobian_into(&m, &mut columns);
    assert_eq!(columns, square_jacobian(&m));
    powers_jacobian_into(&m, 3, &mut columns);
    assert_eq!(columns, powers_jacobian(&m, 3));
    powers_jacobian_update(&m, 4, columns.view_mut());
    assert_eq!(columns, powers_jacobian(&m, 4));

    // with a leading dimension, and rows and columns of a larger array: what lies between stays
    let expected = stencil_jacobian(&x);
    let (n, ld) = (x.len(), x.len() + 3);
    let mut memory = vec![7.0; n * ld];
    stencil_jacobian_into(&x, ArrayViewMut2::from_shape((n, n).strides((1, ld)), &mut memory).unwrap());
    let view = ArrayView2::from_shape((n, n).strides((1, ld)), &memory).unwrap();
    assert_eq!(view, expected);
    assert_eq!(memory[n..ld], [7.0; 3]);
    let mut larger = Array2::from_elem((n + 2, 2 * n), 5.0);
    stencil_jacobian_into(&x, larger.slice_mut(s![1..=n, ..;2]));
    assert_eq!(larger.slice(s![1..=n, ..;2]), expected);
    assert_eq!((larger[[0, 0]], larger[[1, 1]], larger[[n + 1, 0]]), (5.0, 5.0, 5.0));

    let mut by_x = Array2::from_elem((n, n).f(), f64::NAN);
    let mut values = Array1::from_elem(2 * n, f64::NAN);
    scaled_value_and_jacobian_into(&x, 2.0, values.slice_mut(s![..;-2]), &mut by_x);
    assert_eq!((values.slice(s![..;-2]).to_owned(), by_x.clone()), scaled_value_and_jacobian(&x, 2.0));
    scaled_jacobian_update(&x, 3.0, &mut by_x);
    assert_eq!(by_x, scaled_jacobian(&x, 3.0));
    cubes_value_and_jacobian_into(&x, values.slice_mut(s![..;2]), &mut by_x);
    assert_eq!((values.slice(s![..;2]).to_owned(), by_x), (cubes(&x), cubes_jacobian(&x)));
}

#[jacobian(into, value, jvp, vjp)]
fn prefixes(x: &[f64], k: f64) -> Vec<f64> {
    let mut s = 0.0;
    let mut y = Vec::new();
    for v in x {
        s += k * v.sin();
        y.push(s);
    }
    y
}

#[jacobian(into, value, hessian, hvp, strict)]
fn bowl(x: &[f64; 2]) -> Result<f64, String> {
    Ok(x[0] * x[0] * x[1] + x[1].exp())
}

#[test]
fn every_form_is_written_too() {
    let (x, k) = ([0.3, -0.7, 1.1], 1.5);
    let (mut value, mut jacobian) = (vec![f64::NAN; 3], (Array2::from_elem((3, 3), f64::NAN), Array1::from_elem(3, f64::NAN)));
    prefixes_value_and_jacobian_into(&x, k, &mut value, &mut jacobian);
    assert_eq!((value, jacobian), prefixes_value_and_jacobian(&x, k));
    let (mut value, mut jvp) = (vec![f64::NAN; 3], vec![f64::NAN; 3]);
    prefixes_jvp_into(&x, k, &[1.0, 2.0, 3.0], 0.5, &mut value, &mut jvp);
    assert_eq!((value, jvp), prefixes_jvp(&x, k, &[1.0, 2.0, 3.0], 0.5));
    let (mut value, mut vjp) = (vec![f64::NAN; 3], (vec![f64::NAN; 3], f64::NAN));
    prefixes_vjp_into(&x, k, &[1.0, 2.0, 3.0], &mut value, &mut vjp);
    assert_eq!((value, vjp), prefixes_vjp(&x, k, &[1.0, 2.0, 3.0]));
    let short = catch_unwind(|| prefixes_jvp_into(&x, k, &[1.0; 3], 0.5, &mut vec![0.0; 3], &mut vec![0.0; 2]));
    assert!(short.is_err());
}

#[test]
fn second_derivatives_are_written_too() {
    let x = [0.4, 0.9];
    let (mut value, mut gradient, mut hessian, mut hvp) = (f64::NAN, [f64::NAN; 2], [[f64::NAN; 2]; 2], [f64::NAN; 2]);
    bowl_value_and_jacobian_into(&x, &mut value, &mut gradient).unwrap();
    assert_eq!((value, gradient), bowl_value_and_jacobian(&x).unwrap());
    bowl_hessian_into(&x, &mut hessian).unwrap();
    assert_eq!(hessian, bowl_hessian(&x).unwrap());
    bowl_hvp_into(&x, &[1.0, -2.0], &mut hvp).unwrap();
    assert_eq!(hvp, bowl_hvp(&x, &[1.0, -2.0]).unwrap());
    for (row, found) in hessian.iter().zip(hvp) {
        assert!((row[0] - 2.0 * row[1] - found).abs() < 1e-14);
    }
    jac_runtime::check!(bowl, &x);
    jac_runtime::check!(prefixes, &[0.3, -0.7, 1.1], 1.5);
}

#[jacobian(into, update, value)]
fn mixed(x: &Array1<f64>, p: &[f64; 2], k: f64) -> (Array1<f64>, f64) {
    (x * (p[0] * k), x.sum() * p[1])
}

#[jacobian(into, strict, value)]
fn strictly(x: &Array1<f64>, k: f64) -> (Array1<f64>, f64) {
    (x * k, k * k)
}

#[test]
fn tuples_of_results_are_written_through_views() {
    let x = array![1.0, 2.0, 3.0];
    let p = [0.5, 0.7];
    let expected = mixed_value_and_jacobian(&x, &p, 2.0);
    // as they are returned
    let mut value = (Array1::from_elem(3, f64::NAN), f64::NAN);
    let mut all = expected.1.clone();
    all.0 .0.fill(f64::NAN);
    all.1 .2 = f64::NAN;
    mixed_value_and_jacobian_into(&x, &p, 2.0, &mut value, &mut all);
    assert_eq!((value, all), expected);
    // by columns with a leading dimension, in every second element, and in variables of their own
    let (mut memory, mut spread) = (vec![f64::NAN; 12], Array2::from_elem((3, 4), f64::NAN));
    let (mut number, mut row, mut by_p, mut by_k) = (f64::NAN, Array1::zeros(3), [f64::NAN; 2], f64::NAN);
    let mut elements = Array1::from_elem(6, f64::NAN);
    let view = ArrayViewMut2::from_shape((3, 3).strides((1, 4)), &mut memory).unwrap();
    let by_x = (view, spread.slice_mut(s![.., ..;2]), elements.slice_mut(s![..;2]));
    let mut values = Array1::zeros(3);
    mixed_value_and_jacobian_into(&x, &p, 2.0, (values.view_mut(), &mut number), (by_x, (&mut row, &mut by_p, &mut by_k)));
    let ((by_x, by_p_expected, by_k_expected), last) = &expected.1;
    assert_eq!(ArrayView2::from_shape((3, 3).strides((1, 4)), &memory).unwrap(), by_x);
    assert_eq!(spread.slice(s![.., ..;2]), by_p_expected);
    assert!(spread.column(1).iter().all(|x| x.is_nan()));
    assert_eq!(elements.slice(s![..;2]), by_k_expected);
    assert_eq!((&row, &by_p, &by_k), (&last.0, &last.1, &last.2));
    assert_eq!((values, number), expected.0);
    check!(mixed, &x, &p, 2.0);
    check!(strictly, &x, 2.0);
}
