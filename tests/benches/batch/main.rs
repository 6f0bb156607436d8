//! Many points at once beside the same functions point by point, in one run: as rows, and as a structure of arrays.
//!
//! `cargo bench -p jac-tests --bench batch`, with `RUSTFLAGS="-C target-cpu=x86-64-v3"` for AVX2.

use criterion::{BenchmarkId, Criterion};
use jac_runtime::jacobian;
use std::hint::black_box;
use std::time::Duration;

/// Fewer points than fill the first cache, and not a power of two, at which columns would lie in the same lines of it.
const POINTS: usize = 200;

/// A double pendulum: sines and cosines.
#[jacobian(batch)]
fn pendulum(v: &[f64; 4]) -> [f64; 4] {
    let [t1, t2, w1, w2] = *v;
    let (s, c) = (t1 - t2).sin_cos();
    let den = 3.0 + s * s - c * c;
    let first = -29.43 * t1.sin() - 9.81 * (t1 - 2.0 * t2).sin() - 2.0 * s * (w2 * w2 + w1 * w1 * c);
    let second = 2.0 * s * (w1 * w1 * 2.0 + 19.62 * t1.cos() + w2 * w2 * c);
    [w1, w2, first / den, second / den]
}

/// A point rotated by a quaternion that need not be of length 1, and projected: roots and quotients.
#[jacobian(batch)]
fn project(q: &[f64; 4], p: &[f64; 3]) -> [f64; 2] {
    let [w, x, y, z] = *q;
    let s = 2.0 / (w * w + x * x + y * y + z * z);
    let r = [
        p[0] - s * ((y * y + z * z) * p[0] - (x * y - w * z) * p[1] - (x * z + w * y) * p[2]),
        p[1] - s * ((x * x + z * z) * p[1] - (x * y + w * z) * p[0] - (y * z - w * x) * p[2]),
        p[2] - s * ((x * x + y * y) * p[2] - (x * z - w * y) * p[0] - (y * z + w * x) * p[1]) + 5.0,
    ];
    let (u, v) = (r[0] / r[2], r[1] / r[2]);
    let radius = (u * u + v * v).sqrt();
    [u * (1.0 + 0.1 * radius), v * (1.0 + 0.1 * radius)]
}

/// A polynomial of degree 7 in two variables: sums and products alone.
#[jacobian(hessian, batch)]
fn polynomial(x: &[f64; 2]) -> f64 {
    let [a, b] = *x;
    let (p, q) = (a * a - b + 0.3, a + b * b - 0.7);
    p * p * (1.0 + q * (0.5 + q * (0.25 - 0.125 * q))) + q * q * (1.0 + p * (0.2 + 0.1 * p)) + a * b * p * q
}

/// An exponential and a logarithm.
#[jacobian(batch)]
fn likelihood(x: &[f64; 3], m: &[f64; 3]) -> f64 {
    let mut s = 0.0;
    for i in 0..3 {
        s += (x[i] - m[i]).powi(2) * (0.3 * x[i]).exp();
    }
    (1.0 + s).ln() - 0.5 * s
}

fn points<const N: usize>(seed: f64) -> Vec<[f64; N]> {
    (0..POINTS).map(|p| std::array::from_fn(|k| (seed + 0.7 * p as f64 + 1.3 * k as f64).sin() * 0.8)).collect()
}

fn columns<const N: usize>(points: &[[f64; N]]) -> Vec<Vec<f64>> {
    (0..N).map(|k| points.iter().map(|p| p[k]).collect()).collect()
}

fn slices<const N: usize>(columns: &[Vec<f64>]) -> [&[f64]; N] {
    std::array::from_fn(|k| columns[k].as_slice())
}

/// The rows of a matrix, each number of which all points have in a slice.
fn rows<const R: usize, const C: usize>(columns: &mut [Vec<f64>]) -> [[&mut [f64]; C]; R] {
    let mut next = columns.iter_mut();
    std::array::from_fn(|_| std::array::from_fn(|_| next.next().expect("as many columns as entries").as_mut_slice()))
}

fn main() {
    let mut c =
        Criterion::default().configure_from_args().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    let mut time = |name: &str, how: &str, f: &mut dyn FnMut()| {
        let mut group = c.benchmark_group(name);
        group.bench_function(BenchmarkId::new(how, POINTS), |b| b.iter(&mut *f));
        group.finish();
    };
    let (v, p, m, x) = (points::<4>(0.1), points::<3>(0.2), points::<3>(0.3), points::<2>(0.4));
    let (vs, xs) = (columns(&v), columns(&x));

    let mut j = vec![[[0.0; 4]; 4]; POINTS];
    let mut js = vec![vec![0.0; POINTS]; 16];
    time("pendulum", "one by one", &mut || black_box(&v).iter().zip(&mut j).for_each(|(v, j)| *j = pendulum_jacobian(v)));
    time("pendulum", "batch", &mut || pendulum_jacobian_batch(black_box(&v), &mut j));
    time("pendulum", "structure of arrays", &mut || pendulum_jacobian_soa(slices(black_box(&vs)), rows(&mut js)));

    let mut j = vec![([[0.0; 4]; 2], [[0.0; 3]; 2]); POINTS];
    time("project", "one by one", &mut || {
        black_box(&v).iter().zip(&p).zip(&mut j).for_each(|((v, p), j)| *j = project_jacobian(v, p));
    });
    time("project", "batch", &mut || project_jacobian_batch(black_box(&v), black_box(&p), &mut j));

    let mut h = vec![[[0.0; 2]; 2]; POINTS];
    let mut hs = vec![vec![0.0; POINTS]; 4];
    time("polynomial", "one by one", &mut || black_box(&x).iter().zip(&mut h).for_each(|(x, h)| *h = polynomial_hessian(x)));
    time("polynomial", "batch", &mut || polynomial_hessian_batch(black_box(&x), &mut h));
    time("polynomial", "structure of arrays", &mut || polynomial_hessian_soa(slices(black_box(&xs)), rows(&mut hs)));

    let mut j = vec![([0.0; 3], [0.0; 3]); POINTS];
    time("likelihood", "one by one", &mut || {
        black_box(&p).iter().zip(&m).zip(&mut j).for_each(|((x, m), j)| *j = likelihood_jacobian(x, m));
    });
    time("likelihood", "batch", &mut || likelihood_jacobian_batch(black_box(&p), black_box(&m), &mut j));
    c.final_summary();
}
