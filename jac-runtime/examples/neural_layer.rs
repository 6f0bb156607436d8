//! A two-layer network: its Jacobian by its weights, checked against central differences, timed
//! beside num-dual, and used to train it by Gauss–Newton steps.
//!
//! `cargo run --release -p jac-runtime --example neural_layer`

use jac_runtime::jacobian;
use nalgebra_035::{DMatrix, DVector, Dyn, U1};
use ndarray::{array, Array1, Array2};
use num_dual::{DualDVec64, DualNum};
use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

/// What the network says to each row of `x`: one hidden layer, one output.
#[jacobian(value, wrt(w, b, v, c))]
fn network(w: &Array2<f64>, b: &Array1<f64>, v: &Array1<f64>, c: f64, x: &Array2<f64>) -> Array1<f64> {
    let hidden = (x.dot(&w.t()) + b).mapv(f64::tanh);
    hidden.dot(v) + c
}

const SAMPLES: usize = 60;
const INPUTS: usize = 2;
const HIDDEN: usize = 8;
const WEIGHTS: usize = HIDDEN * INPUTS + HIDDEN + HIDDEN + 1;

/// The weights in one row: `w`, `b`, `v`, `c`.
struct Weights {
    w: Array2<f64>,
    b: Array1<f64>,
    v: Array1<f64>,
    c: f64,
}

impl Weights {
    fn from_row(row: &[f64]) -> Weights {
        let (w, rest) = row.split_at(HIDDEN * INPUTS);
        let (b, rest) = rest.split_at(HIDDEN);
        let w = Array2::from_shape_fn((HIDDEN, INPUTS), |(i, j)| w[i * INPUTS + j]);
        Weights { w, b: b.iter().copied().collect(), v: rest[..HIDDEN].iter().copied().collect(), c: rest[HIDDEN] }
    }

    fn value(&self, x: &Array2<f64>) -> Array1<f64> {
        network(&self.w, &self.b, &self.v, self.c, x)
    }

    /// The outputs, and the Jacobian with a row a sample and a column a weight.
    fn value_and_jacobian(&self, x: &Array2<f64>) -> (Array1<f64>, DMatrix<f64>) {
        let (y, (by_w, by_b, by_v, by_c)) = network_value_and_jacobian(&self.w, &self.b, &self.v, self.c, x);
        let jacobian = DMatrix::from_fn(SAMPLES, WEIGHTS, |s, k| match k.checked_sub(HIDDEN * INPUTS) {
            None => by_w[[s, k / INPUTS, k % INPUTS]],
            Some(k) if k < HIDDEN => by_b[[s, k]],
            Some(k) if k < 2 * HIDDEN => by_v[[s, k - HIDDEN]],
            Some(_) => by_c[s],
        });
        (y, jacobian)
    }
}

/// The network over any kind of number.
fn generic<T: DualNum<Primitive = f64>>(row: &[T], x: &Array2<f64>) -> Vec<T> {
    let (w, rest) = row.split_at(HIDDEN * INPUTS);
    let (b, rest) = rest.split_at(HIDDEN);
    let (v, c) = (&rest[..HIDDEN], &rest[HIDDEN]);
    let unit = |k: usize, x: ndarray::ArrayView1<f64>| {
        let sum = (0..INPUTS).fold(b[k].clone(), |sum, j| sum + w[k * INPUTS + j].clone() * x[j]);
        sum.tanh() * v[k].clone()
    };
    x.rows().into_iter().map(|x| (0..HIDDEN).fold(c.clone(), |sum, k| sum + unit(k, x))).collect()
}

fn by_duals(row: &[f64], x: &Array2<f64>) -> DMatrix<f64> {
    let duals: Vec<DualDVec64> = row.iter().enumerate().map(|(k, v)| DualDVec64::from_re(*v).derivative(WEIGHTS, k)).collect();
    let outputs = generic(&duals, x);
    let rows: Vec<_> = outputs.into_iter().map(|y| y.eps.unwrap_generic(Dyn(WEIGHTS), U1)).collect();
    DMatrix::from_fn(SAMPLES, WEIGHTS, |s, k| rows[s][k])
}

fn by_differences(row: &[f64], x: &Array2<f64>) -> DMatrix<f64> {
    let h = 6e-6;
    let mut at = row.to_vec();
    let columns: Vec<Array1<f64>> = (0..WEIGHTS)
        .map(|k| {
            let mut side = |to: f64| {
                at[k] = to;
                Weights::from_row(&at).value(x)
            };
            let column = (side(row[k] + h) - side(row[k] - h)) / (2.0 * h);
            at[k] = row[k];
            column
        })
        .collect();
    DMatrix::from_fn(SAMPLES, WEIGHTS, |s, k| columns[k][s])
}

/// The median time of a call, in microseconds.
fn time<T>(run: impl Fn() -> T) -> f64 {
    let mut times: Vec<f64> = (0..201)
        .map(|_| {
            let start = Instant::now();
            black_box(run());
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// A step of Gauss–Newton with damping: solves (JᵀJ + λI)·d = −Jᵀ·r.
fn step(jacobian: &DMatrix<f64>, residuals: &DVector<f64>, damping: f64) -> Option<DVector<f64>> {
    let normal = jacobian.tr_mul(jacobian) + DMatrix::identity(WEIGHTS, WEIGHTS) * damping;
    normal.cholesky().map(|c| c.solve(&-jacobian.tr_mul(residuals)))
}

fn main() -> ExitCode {
    let x = Array2::from_shape_fn((SAMPLES, INPUTS), |(s, j)| (array![0.37, 0.61][j] * (s as f64 + 1.0)).fract() * 4.0 - 2.0);
    let wanted: Array1<f64> = x.rows().into_iter().map(|x| (1.5 * x[0]).sin() * (-0.3 * x[1] * x[1]).exp()).collect();
    let mut row: Vec<f64> = (0..WEIGHTS).map(|k| (7.0 * k as f64 + 1.0).sin()).collect();

    let (_, ours) = Weights::from_row(&row).value_and_jacobian(&x);
    let against_duals = (&ours - by_duals(&row, &x)).amax();
    let against_differences = (&ours - by_differences(&row, &x)).amax();
    println!("{SAMPLES} samples, {WEIGHTS} weights: a Jacobian of {} entries", SAMPLES * WEIGHTS);
    println!("largest difference from num-dual {against_duals:.1e}, from central differences {against_differences:.1e}");
    if against_duals > 1e-13 || against_differences > 1e-8 {
        return ExitCode::FAILURE;
    }

    let weights = Weights::from_row(&row);
    let network = time(|| weights.value(black_box(&x)));
    let jac = time(|| network_value_and_jacobian(&weights.w, &weights.b, &weights.v, weights.c, black_box(&x)));
    let duals = time(|| by_duals(black_box(&row), &x));
    let differences = time(|| by_differences(black_box(&row), &x));
    println!(
        "the network alone {network:.1} µs; value and Jacobian: jac {jac:.1} µs, num-dual {duals:.1} µs, differences {differences:.1} µs"
    );

    let mut damping = 1e-2;
    let loss = |row: &[f64]| (Weights::from_row(row).value(&x) - &wanted).mapv(|r| r * r).sum();
    let first = loss(&row);
    println!("\nstep  loss");
    for k in 1..=40 {
        let (y, jacobian) = Weights::from_row(&row).value_and_jacobian(&x);
        let residuals = DVector::from_iterator(SAMPLES, y - &wanted);
        let Some(d) = step(&jacobian, &residuals, damping) else { return ExitCode::FAILURE };
        let moved: Vec<f64> = row.iter().zip(&d).map(|(w, d)| w + d).collect();
        // a step that does not help is taken again, shorter
        if loss(&moved) < loss(&row) {
            row = moved;
            damping /= 3.0;
        } else {
            damping *= 4.0;
        }
        if k % 8 == 0 {
            println!("{k:4}  {:.3e}", loss(&row));
        }
    }
    match loss(&row) < 1e-3 * first {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
