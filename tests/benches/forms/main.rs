//! Forms of the derivative beside the function, beside each other and beside hand-written code, in one run:
//! normal equations, products, and memory that is brought up to date.
//!
//! `cargo bench -p jac-tests --bench forms`, optionally with a part of a row's name.

#![allow(dead_code)] // of the functions only the derivatives are called
#![allow(clippy::needless_range_loop)] // loops as one writes them by hand

mod relative;
mod rollout;

use criterion::{BenchmarkId, Criterion};
use jac_runtime::jacobian;
use ndarray::{Array1, Array2, Array3};
use std::hint::black_box;
use std::time::Duration;

/// An exponential with an offset, at the times `t`.
#[jacobian(value, normal, wrt(a, b, c))]
fn decay(t: &[f64], y: &[f64], a: f64, b: f64, c: f64) -> Vec<f64> {
    t.iter().zip(y).map(|(t, y)| a * (-b * t).exp() + c - y).collect()
}

/// Its normal equations by hand: the residuals, `JᵀJ` and `Jᵀr`.
fn decay_by_hand(t: &[f64], y: &[f64], a: f64, b: f64, c: f64) -> (Vec<f64>, [[f64; 3]; 3], [f64; 3]) {
    let mut r = Vec::with_capacity(t.len());
    let (mut squares, mut products) = ([[0.0; 3]; 3], [0.0; 3]);
    for (t, y) in t.iter().zip(y) {
        let e = (-b * t).exp();
        let residual = a * e + c - y;
        let row = [e, -a * t * e, 1.0];
        for i in 0..3 {
            products[i] += row[i] * residual;
            for j in 0..=i {
                squares[i][j] += row[i] * row[j];
            }
        }
        r.push(residual);
    }
    for i in 0..3 {
        for j in i + 1..3 {
            squares[i][j] = squares[j][i];
        }
    }
    (r, squares, products)
}

/// A reaction with diffusion on a line.
#[jacobian(into, update)]
fn reaction(u: &Array1<f64>, k: f64) -> Array1<f64> {
    let n = u.len();
    Array1::from_shape_fn(n, |i| {
        let left = if i > 0 { u[i - 1] } else { 0.0 };
        let right = if i + 1 < n { u[i + 1] } else { 0.0 };
        k * (left - 2.0 * u[i] + right) + u[i] * (1.0 - u[i] * u[i])
    })
}

/// What changes of its Jacobian by `u` and by `k`, by hand.
fn reaction_by_hand(u: &Array1<f64>, k: f64, (by_u, by_k): &mut (Array2<f64>, Array1<f64>)) {
    let n = u.len();
    let u = u.as_slice().unwrap();
    let (by_u, by_k) = (by_u.as_slice_mut().unwrap(), by_k.as_slice_mut().unwrap());
    for i in 0..n {
        by_u[i * n + i] = 1.0 - 2.0 * k - 3.0 * u[i] * u[i];
        let mut neighbours = 0.0;
        if i > 0 {
            by_u[i * n + i - 1] = k;
            neighbours += u[i - 1];
        }
        if i + 1 < n {
            by_u[i * n + i + 1] = k;
            neighbours += u[i + 1];
        }
        by_k[i] = neighbours - 2.0 * u[i];
    }
}

/// The same by `u` alone, which has three non-zeros a row.
#[jacobian(jvp, vjp, sparse, wrt(u))]
fn diffusion(u: &Array1<f64>, k: f64) -> Array1<f64> {
    let n = u.len();
    Array1::from_shape_fn(n, |i| {
        let left = if i > 0 { u[i - 1] } else { 0.0 };
        let right = if i + 1 < n { u[i + 1] } else { 0.0 };
        k * (left - 2.0 * u[i] + right) + u[i] * (1.0 - u[i] * u[i])
    })
}

/// Its non-zeros by hand, column by column.
fn diffusion_by_hand(u: &[f64], k: f64, values: &mut [f64]) {
    let diagonal = |u: f64| 1.0 - 2.0 * k - 3.0 * u * u;
    let (n, last) = (u.len(), values.len() - 2);
    values[..2].copy_from_slice(&[diagonal(u[0]), k]);
    for (column, u) in values[2..last].chunks_exact_mut(3).zip(&u[1..n - 1]) {
        column.copy_from_slice(&[k, diagonal(*u), k]);
    }
    values[last..].copy_from_slice(&[k, diagonal(u[n - 1])]);
}

/// Rosenbrock's function of eight variables.
#[jacobian(into, update, hessian, hvp)]
fn valley(x: &[f64; 8]) -> f64 {
    (0..7).map(|i| 100.0 * (x[i + 1] - x[i] * x[i]).powi(2) + (1.0 - x[i]).powi(2)).sum()
}

fn valley_by_hand(x: &[f64; 8], h: &mut [[f64; 8]; 8]) {
    for i in 0..7 {
        h[i][i] = 1200.0 * x[i] * x[i] - 400.0 * x[i + 1] + 2.0 + if i > 0 { 200.0 } else { 0.0 };
        h[i][i + 1] = -400.0 * x[i];
        h[i + 1][i] = h[i][i + 1];
    }
}

fn time<T>(c: &mut Criterion, row: &str, size: usize, way: &str, mut run: impl FnMut() -> T) {
    c.bench_with_input(BenchmarkId::new(format!("{row}/{way}"), size), &size, |b, _| b.iter(|| black_box(run())));
}

fn main() {
    let mut c =
        Criterion::default().configure_from_args().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    for n in [100, 10_000] {
        let t: Vec<f64> = (0..n).map(|k| 3.0 * k as f64 / n as f64).collect();
        let y: Vec<f64> = t.iter().map(|t| 1.5 * (-0.7 * t).exp() + 0.1).collect();
        let (t, y, [a, b, o]) = (black_box(t), black_box(y), black_box([1.2, 0.8, 0.2]));
        let (_, ((aa, ab, ac), (_, bb, bc), (_, _, cc)), (ga, gb, gc)) = decay_normal(&t, &y, a, b, o);
        let (_, squares, products) = decay_by_hand(&t, &y, a, b, o);
        let pairs =
            [(aa, squares[0][0]), (ab, squares[0][1]), (ac, squares[0][2]), (bb, squares[1][1]), (bc, squares[1][2]), (cc, squares[2][2])];
        for (ours, theirs) in pairs.into_iter().chain([ga, gb, gc].into_iter().zip(products)) {
            assert!((ours - theirs).abs() <= 1e-10 * (1.0 + theirs.abs()), "{ours} {theirs}");
        }
        time(&mut c, "normal", n, "function", || decay(&t, &y, a, b, o));
        time(&mut c, "normal", n, "value and Jacobian", || decay_value_and_jacobian(&t, &y, a, b, o));
        time(&mut c, "normal", n, "normal equations", || decay_normal(&t, &y, a, b, o));
        time(&mut c, "normal", n, "by hand", || decay_by_hand(&t, &y, a, b, o));
    }
    for n in [64, 1000] {
        let u = black_box(Array1::from_shape_fn(n, |i| (i as f64 * 0.1).sin()));
        let k = black_box(0.3);
        let (mut ours, mut theirs) = (reaction_jacobian(&u, 0.1), reaction_jacobian(&u, 0.2));
        reaction_jacobian_update(&u, k, &mut ours);
        reaction_by_hand(&u, k, &mut theirs);
        let apart = (&ours.0 - &theirs.0).mapv(f64::abs).sum() + (&ours.1 - &theirs.1).mapv(f64::abs).sum();
        assert!(apart < 1e-10, "{apart}");
        time(&mut c, "stencil", n, "function", || reaction(&u, k));
        time(&mut c, "stencil", n, "into", || reaction_jacobian_into(&u, k, &mut ours));
        time(&mut c, "stencil", n, "update", || reaction_jacobian_update(&u, k, &mut ours));
        time(&mut c, "stencil", n, "update by hand", || reaction_by_hand(&u, k, &mut theirs));
    }
    for n in [64, 1000, 5000] {
        let u = black_box(Array1::from_shape_fn(n, |i| (i as f64 * 0.1).sin()));
        let k = black_box(0.3);
        let (mut ours, mut theirs) = (vec![0.0; 3 * n - 2], vec![0.0; 3 * n - 2]);
        diffusion_jacobian_values(&u, k, &mut ours);
        diffusion_by_hand(u.as_slice().unwrap(), k, &mut theirs);
        assert!(ours.iter().zip(&theirs).all(|(a, b)| (a - b).abs() < 1e-12));
        time(&mut c, "sparse", n, "function", || diffusion(&u, k));
        time(&mut c, "sparse", n, "values", || diffusion_jacobian_values(&u, k, &mut ours));
        time(&mut c, "sparse", n, "values by hand", || diffusion_by_hand(u.as_slice().unwrap(), k, &mut theirs));
        time(&mut c, "sparse", n, "pattern", || diffusion_jacobian_pattern(&u, k));
    }
    let x = black_box([0.5, -1.0, 2.0, 0.25, 1.0, 1.0, -0.5, 3.0]);
    let (mut ours, mut theirs) = (valley_hessian(&x), valley_hessian(&x));
    valley_hessian_update(&x, &mut ours);
    valley_by_hand(&x, &mut theirs);
    for (a, b) in ours.iter().flatten().zip(theirs.iter().flatten()) {
        assert!((a - b).abs() < 1e-9, "{a} {b}");
    }
    time(&mut c, "valley", 8, "function", || valley(&x));
    time(&mut c, "valley", 8, "hvp", || valley_hvp(&x, &x));
    time(&mut c, "valley", 8, "hessian", || valley_hessian(&x));
    time(&mut c, "valley", 8, "hessian into", || valley_hessian_into(&x, &mut ours));
    time(&mut c, "valley", 8, "hessian update", || valley_hessian_update(&x, &mut ours));
    time(&mut c, "valley", 8, "update by hand", || valley_by_hand(&x, &mut theirs));
    for n in [50, 400] {
        let (x0, h) = (black_box([0.1, 0.2, 0.3, 0.4]), black_box(0.02));
        let u: Vec<f64> = black_box((0..n).map(|k| (k as f64 * 0.1).sin()).collect());
        let zeros = || (Array2::zeros((n, 4)), (Array3::zeros((n, 4, 4)), Array3::zeros((n, 4, n))));
        let ((mut value, mut ours), (mut all, mut theirs)) = (zeros(), zeros());
        rollout::cart::trajectory_value_and_jacobian_into(&x0, &u, h, &mut value, &mut ours);
        rollout::trajectory_by_hand(&x0, &u, h, &mut all, &mut theirs.0, &mut theirs.1);
        assert!(ours.1.iter().zip(&theirs.1).all(|(a, b)| (a - b).abs() < 1e-9 * (1.0 + b.abs())));
        time(&mut c, "trajectory", n, "function", || rollout::cart::trajectory(&x0, &u, h));
        time(&mut c, "trajectory", n, "into", || {
            rollout::cart::trajectory_value_and_jacobian_into(&x0, &u, h, &mut value, &mut ours);
        });
        time(&mut c, "trajectory", n, "by hand", || {
            rollout::trajectory_by_hand(&x0, &u, h, &mut all, &mut theirs.0, &mut theirs.1);
        });
        time(&mut c, "end of a rollout", n, "function", || rollout::cart::end(&x0, &u, h));
        time(&mut c, "end of a rollout", n, "value and jacobian", || rollout::cart::end_value_and_jacobian(&x0, &u, h));
        time(&mut c, "end of a rollout", n, "by hand", || rollout::end_by_hand(&x0, &u, h));
    }
    c.final_summary();
    relative::table();
}
