//! What generated code allocates: the result and the intermediates that the formulas name, each
//! once and nothing else. A binary of its own, as the allocator that counts is global.

#![allow(dead_code)] // of the functions only the derivatives are called

use jac_runtime::{jacobian, linalg};
use ndarray::{Array1, Array2};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

#[jacobian(into)]
fn sum(x: &Array2<f64>) -> f64 {
    x.sum()
}

#[jacobian(into)]
fn square(m: &Array2<f64>) -> Array2<f64> {
    m.dot(m)
}

#[jacobian(into, wrt(x))]
fn quadratic(x: &Array2<f64>, a: &Array2<f64>) -> Array2<f64> {
    x.t().dot(a).dot(x)
}

#[jacobian(into, wrt(x))]
fn sandwich(a: &Array2<f64>, x: &Array2<f64>, b: &Array2<f64>) -> Array2<f64> {
    a.dot(x).dot(b)
}

#[jacobian(into, jvp, vjp)]
fn layer(a: &Array2<f64>, x: &Array1<f64>, b: &Array1<f64>) -> Array1<f64> {
    (a.dot(x) + b).mapv(f64::tanh)
}

#[jacobian(into)]
fn inverse(x: &Array2<f64>) -> Array2<f64> {
    linalg::inv(x)
}

#[jacobian(vjp)]
fn solved(a: &Array2<f64>, b: &Array1<f64>) -> f64 {
    linalg::solve(a, b).sum()
}

#[jacobian(vjp, hessian)]
fn energy(x: &Array1<f64>) -> f64 {
    x.iter().map(|v| v.powi(4)).sum()
}

/// What `run` allocates at most at a time, in numbers of eight bytes, and in how many blocks all in all. The thread of the
/// test harness is counted too, so the least of several runs is taken.
fn allocates<T>(mut run: impl FnMut() -> T) -> [usize; 2] {
    let mut once = || {
        let profiler = dhat::Profiler::builder().testing().build();
        let result = run();
        let stats = dhat::HeapStats::get();
        drop((profiler, result));
        [stats.max_bytes / 8, stats.total_blocks as usize]
    };
    (0..5).map(|_| once()).reduce(|a, b| [a[0].min(b[0]), a[1].min(b[1])]).unwrap_or_default()
}

#[test]
fn results_and_named_intermediates_are_all_that_is_allocated() {
    let n = 6;
    let (a, x, b) = (Array2::from_elem((n, n), 0.5), Array2::from_elem((n, n), 0.25), Array2::from_elem((n, n), 2.0));
    let (v, w) = (Array1::from_elem(n, 0.5), Array1::from_elem(n, 0.25));
    let [n1, n2, n3, n4] = [n, n * n, n * n * n, n * n * n * n];

    assert_eq!(allocates(|| sum_jacobian(&x)), [n2, 1]);
    assert_eq!(allocates(|| square_jacobian(&x)), [n4, 1]);
    // Xᵀ·A, Xᵀ·Aᵀ, and what ndarray packs while it multiplies
    let [one, blocks] = allocates(|| x.t().dot(&a));
    let (packed, blocks) = (one - n2, blocks - 1);
    assert_eq!(allocates(|| quadratic_jacobian(&x, &a)), [n4 + 2 * n2 + packed, 3 + 2 * blocks]);
    // Bᵀ
    assert_eq!(allocates(|| sandwich_jacobian(&a, &x, &b)), [n4 + n2, 2]);
    assert_eq!(allocates(|| layer_jacobian(&a, &v, &w)), [n3 + 2 * n2, 3]);

    let mut j = sum_jacobian(&x);
    assert_eq!(allocates(|| sum_jacobian_into(&x, &mut j)), [0, 0]);
    let mut j = square_jacobian(&x);
    assert_eq!(allocates(|| square_jacobian_into(&x, &mut j)), [0, 0]);
    assert_eq!(allocates(|| quadratic_jacobian_into(&x, &a, &mut j)), [2 * n2 + packed, 2 + 2 * blocks]);
    let mut j = layer_jacobian(&a, &v, &w);
    assert_eq!(allocates(|| layer_jacobian_into(&a, &v, &w, &mut j)), [0, 0]);

    // no product forms the Jacobian
    assert_eq!(allocates(|| layer_jvp(&a, &v, &w, &a, &v, &w)), [2 * n1, 2]);
    assert_eq!(allocates(|| layer_vjp(&a, &v, &w, &v)), [n1 + n2 + 2 * n1, 4]);
    assert_eq!(allocates(|| energy_vjp(&v, 1.0)), [n1, 1]);
    assert_eq!(allocates(|| energy_hessian(&v)), [n2, 1]);

    // the factored matrix with its permutation, X⁻¹ and X⁻ᵀ
    let s = &x + &Array2::<f64>::eye(n);
    let factored = n2 + 2 * n1;
    assert_eq!(allocates(|| inverse_jacobian(&s)), [n4 + factored + 2 * n2, 6]);
    let mut j = inverse_jacobian(&s);
    assert_eq!(allocates(|| inverse_jacobian_into(&s, &mut j))[0], factored + 2 * n2);
    // a gradient forms no inverse: the solution, that of the adjoint system, and what is solved there
    assert!(allocates(|| solved_jacobian(&s, &v))[0] < factored + 4 * n2);

    // an argument that is not in standard layout is copied
    let columns = x.clone().reversed_axes();
    assert_eq!(allocates(|| square_jacobian(&columns)), [n4 + n2, 2]);
}
