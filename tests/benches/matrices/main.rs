//! Jacobians of matrix functions whose sizes are known at run time: jac beside hand-written loops,
//! num-dual and central differences, and beside the floor, which is to write as many numbers once;
//! each into fresh memory and into memory used before. All are first compared with each other.
//! Then gradients beside the scalar functions that they are of.
//!
//! `cargo bench -p jac-tests --bench matrices`, optionally with a part of a function's name.

#![allow(dead_code)] // of the functions only the derivatives are called

mod hand;

use criterion::{BenchmarkId, Criterion};
use jac_runtime::{jacobian, linalg};
use nalgebra::{Dyn, U1};
use ndarray::{Array, Array1, Array2, Dimension};
use num_dual::{DualDVec64, DualNum};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[jacobian(into)]
fn sum(x: &Array2<f64>) -> f64 {
    x.sum()
}

#[jacobian(into, wrt(x))]
fn a_x(a: &Array2<f64>, x: &Array2<f64>) -> Array2<f64> {
    a.dot(x)
}

#[jacobian(into)]
fn m_m(m: &Array2<f64>) -> Array2<f64> {
    m.dot(m)
}

#[jacobian(into, wrt(x))]
fn x_a_x(x: &Array2<f64>, a: &Array2<f64>) -> Array2<f64> {
    x.t().dot(a).dot(x)
}

#[jacobian(into, wrt(x))]
fn a_x_b(a: &Array2<f64>, x: &Array2<f64>, b: &Array2<f64>) -> Array2<f64> {
    a.dot(x).dot(b)
}

#[jacobian(into)]
fn layer(a: &Array2<f64>, x: &Array1<f64>, b: &Array1<f64>) -> Array1<f64> {
    (a.dot(x) + b).mapv(f64::tanh)
}

#[jacobian(into)]
fn inverse(x: &Array2<f64>) -> Array2<f64> {
    linalg::inv(x)
}

#[jacobian(into, value)]
fn ln_det(x: &Array2<f64>) -> f64 {
    linalg::ln_det(x)
}

#[jacobian(value)]
fn log_likelihood(sigma: &Array2<f64>, residual: &Array1<f64>) -> f64 {
    -0.5 * (linalg::ln_det(sigma) + residual.dot(&linalg::solve(sigma, residual)))
}

/// The loss of a recurrent network of `n` states, over 32 steps.
#[jacobian(value)]
fn over_time(w: &Array2<f64>, x: &Array2<f64>) -> f64 {
    let mut h = Array1::zeros(w.nrows());
    let mut loss = 0.0;
    for row in x.outer_iter() {
        h = (w.dot(&h) + row).mapv(f64::tanh);
        loss += h.dot(&h);
    }
    loss
}

/// The negative log-likelihood of a series of `n` returns under GARCH(1, 1).
#[jacobian(value)]
fn garch(omega: f64, alpha: f64, beta: f64, r: &Array1<f64>) -> f64 {
    let mut variance = omega / (1.0 - alpha - beta);
    let mut nll = 0.0;
    for v in r {
        nll += 0.5 * (variance.ln() + v * v / variance);
        variance = omega + alpha * v * v + beta * variance;
    }
    nll
}

/// The sizes that are timed; num-dual and differences only where they take less than seconds.
const SIZES: [usize; 3] = [4, 16, 64];
const LARGEST_BY_DUALS: usize = 16;

fn matrix(n: usize, m: usize, seed: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, m), |(i, j)| ((seed + 31 * i + 17 * j) as f64).sin())
}

/// Everything that a result holds, in order.
trait Parts {
    fn parts(&self) -> Vec<f64>;
}

impl<D: Dimension> Parts for Array<f64, D> {
    fn parts(&self) -> Vec<f64> {
        self.iter().copied().collect()
    }
}

impl<A: Parts, B: Parts, C: Parts> Parts for (A, B, C) {
    fn parts(&self) -> Vec<f64> {
        [self.0.parts(), self.1.parts(), self.2.parts()].concat()
    }
}

/// A function of all the numbers that it is differentiated by, over any kind of number.
trait Function {
    fn call<T: DualNum<Primitive = f64>>(&self, x: &[T]) -> Vec<T>;
}

/// The rows of a matrix product: `a` is n × m, `b` is m × p.
fn product<T: DualNum<Primitive = f64>>(a: &[T], b: &[T], m: usize, p: usize) -> Vec<T> {
    let element = |k: usize| {
        let terms = (0..m).map(|l| a[k / p * m + l].clone() * b[l * p + k % p].clone());
        terms.reduce(|s, t| s + t).expect("no empty matrix")
    };
    (0..a.len() / m * p).map(element).collect()
}

fn constants<T: DualNum<Primitive = f64>>(a: &Array2<f64>) -> Vec<T> {
    a.iter().map(|v| T::from(*v)).collect()
}

struct Sum;
struct Left(Array2<f64>);
struct Square(usize);
struct Quadratic(Array2<f64>);
struct Sandwich(Array2<f64>, Array2<f64>);
struct Layer(usize);
struct Inverse(usize);
struct LnDet(usize);

impl Function for Sum {
    fn call<T: DualNum<Primitive = f64>>(&self, x: &[T]) -> Vec<T> {
        vec![x.iter().cloned().reduce(|s, t| s + t).expect("no empty matrix")]
    }
}

impl Function for Left {
    fn call<T: DualNum<Primitive = f64>>(&self, x: &[T]) -> Vec<T> {
        product(&constants(&self.0), x, self.0.ncols(), x.len() / self.0.ncols())
    }
}

impl Function for Square {
    fn call<T: DualNum<Primitive = f64>>(&self, x: &[T]) -> Vec<T> {
        product(x, x, self.0, self.0)
    }
}

impl Function for Quadratic {
    fn call<T: DualNum<Primitive = f64>>(&self, x: &[T]) -> Vec<T> {
        let n = self.0.nrows();
        let transposed: Vec<T> = (0..n * n).map(|k| x[k % n * n + k / n].clone()).collect();
        product(&product(&transposed, &constants(&self.0), n, n), x, n, n)
    }
}

impl Function for Sandwich {
    fn call<T: DualNum<Primitive = f64>>(&self, x: &[T]) -> Vec<T> {
        let n = self.0.nrows();
        product(&product(&constants(&self.0), x, n, n), &constants(&self.1), n, n)
    }
}

impl Function for Layer {
    fn call<T: DualNum<Primitive = f64>>(&self, x: &[T]) -> Vec<T> {
        let n = self.0;
        let z = product(&x[..n * n], &x[n * n..n * n + n], n, 1);
        z.into_iter().zip(&x[n * n + n..]).map(|(z, b)| (z + b.clone()).tanh()).collect()
    }
}

/// The inverse and the determinant, by elimination with pivots on the diagonal.
fn eliminate<T: DualNum<Primitive = f64>>(x: &[T], n: usize) -> (Vec<T>, T) {
    let width = 2 * n;
    let unit = |i: usize, j: usize| T::from(f64::from(u8::from(i == j)));
    let mut rows: Vec<T> = (0..n).flat_map(|i| x[i * n..][..n].iter().cloned().chain((0..n).map(move |j| unit(i, j)))).collect();
    let mut det = T::from(1.0);
    for k in 0..n {
        let pivot = rows[k * width + k].clone();
        det *= pivot.clone();
        for j in 0..width {
            rows[k * width + j] = rows[k * width + j].clone() / pivot.clone();
        }
        for i in (0..n).filter(|i| *i != k) {
            let factor = rows[i * width + k].clone();
            for j in 0..width {
                rows[i * width + j] = rows[i * width + j].clone() - factor.clone() * rows[k * width + j].clone();
            }
        }
    }
    ((0..n * n).map(|k| rows[k / n * width + n + k % n].clone()).collect(), det)
}

impl Function for Inverse {
    fn call<T: DualNum<Primitive = f64>>(&self, x: &[T]) -> Vec<T> {
        eliminate(x, self.0).0
    }
}

impl Function for LnDet {
    fn call<T: DualNum<Primitive = f64>>(&self, x: &[T]) -> Vec<T> {
        vec![eliminate(x, self.0).1.ln()]
    }
}

/// The Jacobian by one pass over dual numbers with a tangent an input; an entry after the other of
/// the first input's block, then of the next.
fn by_duals(f: &impl Function, x: &[f64], widths: &[usize]) -> Vec<f64> {
    let duals: Vec<DualDVec64> = x.iter().enumerate().map(|(i, v)| DualDVec64::from_re(*v).derivative(x.len(), i)).collect();
    let rows: Vec<_> = f.call(&duals).into_iter().map(|y| y.eps.unwrap_generic(Dyn(x.len()), U1)).collect();
    in_blocks(rows.len(), widths, |r, c| rows[r][c])
}

fn by_differences(f: &impl Function, x: &[f64], widths: &[usize]) -> Vec<f64> {
    let h = 6e-6;
    let mut at = x.to_vec();
    let columns: Vec<Vec<f64>> = (0..x.len())
        .map(|k| {
            at[k] = x[k] + h;
            let up = f.call(&at);
            at[k] = x[k] - h;
            let down = f.call(&at);
            at[k] = x[k];
            up.iter().zip(&down).map(|(u, d)| (u - d) / (2.0 * h)).collect()
        })
        .collect();
    in_blocks(columns[0].len(), widths, |r, c| columns[c][r])
}

fn in_blocks(rows: usize, widths: &[usize], entry: impl Fn(usize, usize) -> f64) -> Vec<f64> {
    let mut out = Vec::new();
    let mut first = 0;
    for width in widths {
        for r in 0..rows {
            out.extend((first..first + width).map(|c| entry(r, c)));
        }
        first += width;
    }
    out
}

fn agree(name: &str, what: &str, ours: &[f64], theirs: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), theirs.len(), "{name}: {what}");
    for (a, b) in ours.iter().zip(theirs) {
        assert!((a - b).abs() <= tolerance * (1.0 + b.abs()), "{name}: {a}, by {what} {b}");
    }
}

/// The ways to a Jacobian of one function at one size.
struct Ways<H, HI, J, JI, F> {
    name: &'static str,
    size: usize,
    hand: H,
    hand_into: HI,
    jac: J,
    jac_into: JI,
    function: F,
    /// The numbers that it is differentiated by, and how many each input has.
    x: Vec<f64>,
    widths: Vec<usize>,
}

const WAYS: [&str; 8] = ["floor", "hand", "jac", "floor into", "hand into", "jac into", "num-dual", "differences"];

fn measure<J: Parts>(c: &mut Criterion, ways: Ways<impl Fn() -> J, impl Fn(&mut J), impl Fn() -> J, impl Fn(&mut J), impl Function>) {
    let Ways { name, size, hand, hand_into, jac, jac_into, function, x, widths } = ways;
    let small = size <= LARGEST_BY_DUALS;
    let expected = jac().parts();
    let mut soiled = hand();
    agree(name, "hand", &expected, &soiled.parts(), 1e-12);
    hand_into(&mut soiled);
    agree(name, "hand into", &expected, &soiled.parts(), 1e-12);
    jac_into(&mut soiled);
    agree(name, "jac into", &expected, &soiled.parts(), 0.0);
    if small {
        agree(name, "num-dual", &expected, &by_duals(&function, &x, &widths), 1e-12);
        agree(name, "differences", &expected, &by_differences(&function, &x, &widths), 1e-8);
    }
    let mut group = c.benchmark_group(format!("{name} {size}"));
    let id = BenchmarkId::from_parameter;
    let length = expected.len();
    group.bench_function(id(WAYS[0]), |b| b.iter(|| black_box(vec![black_box(1.0_f64); length])));
    group.bench_function(id(WAYS[1]), |b| b.iter(|| black_box(hand())));
    group.bench_function(id(WAYS[2]), |b| b.iter(|| black_box(jac())));
    let mut used = expected;
    group.bench_function(id(WAYS[3]), |b| b.iter(|| black_box(&mut used).fill(black_box(0.0))));
    drop(used);
    group.bench_function(id(WAYS[4]), |b| b.iter(|| hand_into(black_box(&mut soiled))));
    group.bench_function(id(WAYS[5]), |b| b.iter(|| jac_into(black_box(&mut soiled))));
    if small {
        group.bench_function(id(WAYS[6]), |b| b.iter(|| black_box(by_duals(&function, black_box(&x), &widths))));
        group.bench_function(id(WAYS[7]), |b| b.iter(|| black_box(by_differences(&function, black_box(&x), &widths))));
    }
    group.finish();
}

const GRADIENT: [&str; 2] = ["function", "value and gradient"];

/// A scalar function beside its value with the gradient by all that it is given.
fn compare<G>(c: &mut Criterion, name: &str, n: usize, function: impl Fn() -> f64, gradient: impl Fn() -> (f64, G)) {
    agree(name, "the function itself", &[gradient().0], &[function()], 1e-12);
    let mut group = c.benchmark_group(format!("{name} {n}"));
    group.bench_function(BenchmarkId::from_parameter(GRADIENT[0]), |b| b.iter(|| black_box(function())));
    group.bench_function(BenchmarkId::from_parameter(GRADIENT[1]), |b| b.iter(|| black_box(gradient())));
    group.finish();
}

fn main() {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("criterion-matrices");
    let mut c = Criterion::default()
        .output_directory(&directory)
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .configure_from_args();
    for n in SIZES {
        let (a, x, b) = (matrix(n, n, 1), matrix(n, n, 2), matrix(n, n, 3));
        let (v, w) = (x.row(0).to_owned(), b.row(0).to_owned());
        let flat: Vec<f64> = x.iter().copied().collect();
        let shape = (n, n, n, n);
        // what is passed may not be known to the compiler
        let (a, x, b, v, w) = (black_box(a), black_box(x), black_box(b), black_box(v), black_box(w));
        let made = |fill: &dyn Fn(&mut ndarray::Array4<f64>)| {
            let mut j = hand::zeroed(shape);
            fill(&mut j);
            j
        };
        measure(
            &mut c,
            Ways {
                name: "sum",
                size: n,
                hand: || Array2::ones((n, n)),
                hand_into: hand::sum,
                jac: || sum_jacobian(&x),
                jac_into: |j: &mut Array2<f64>| sum_jacobian_into(&x, j),
                function: Sum,
                x: flat.clone(),
                widths: vec![n * n],
            },
        );
        measure(
            &mut c,
            Ways {
                name: "A·X",
                size: n,
                hand: || made(&|j| hand::a_x(&a, j, true)),
                hand_into: |j: &mut _| hand::a_x(&a, j, false),
                jac: || a_x_jacobian(&a, &x),
                jac_into: |j: &mut _| a_x_jacobian_into(&a, &x, j),
                function: Left(a.clone()),
                x: flat.clone(),
                widths: vec![n * n],
            },
        );
        measure(
            &mut c,
            Ways {
                name: "M·M",
                size: n,
                hand: || made(&|j| hand::m_m(&x, j, true)),
                hand_into: |j: &mut _| hand::m_m(&x, j, false),
                jac: || m_m_jacobian(&x),
                jac_into: |j: &mut _| m_m_jacobian_into(&x, j),
                function: Square(n),
                x: flat.clone(),
                widths: vec![n * n],
            },
        );
        measure(
            &mut c,
            Ways {
                name: "XᵀAX",
                size: n,
                hand: || made(&|j| hand::x_a_x(&x, &a, j, true)),
                hand_into: |j: &mut _| hand::x_a_x(&x, &a, j, false),
                jac: || x_a_x_jacobian(&x, &a),
                jac_into: |j: &mut _| x_a_x_jacobian_into(&x, &a, j),
                function: Quadratic(a.clone()),
                x: flat.clone(),
                widths: vec![n * n],
            },
        );
        measure(
            &mut c,
            Ways {
                name: "A·X·B",
                size: n,
                hand: || made(&|j| hand::a_x_b(&a, &b, j)),
                hand_into: |j: &mut _| hand::a_x_b(&a, &b, j),
                jac: || a_x_b_jacobian(&a, &x, &b),
                jac_into: |j: &mut _| a_x_b_jacobian_into(&a, &x, &b, j),
                function: Sandwich(a.clone(), b.clone()),
                x: flat.clone(),
                widths: vec![n * n],
            },
        );
        let zeroed = || (hand::zeroed((n, n, n)), hand::zeroed((n, n)), hand::zeroed((n, n)));
        measure(
            &mut c,
            Ways {
                name: "tanh(A·x + b)",
                size: n,
                hand: || {
                    let mut j = zeroed();
                    hand::layer(&a, &v, &w, &mut j, true);
                    j
                },
                hand_into: |j: &mut _| hand::layer(&a, &v, &w, j, false),
                jac: || layer_jacobian(&a, &v, &w),
                jac_into: |j: &mut _| layer_jacobian_into(&a, &v, &w, j),
                function: Layer(n),
                x: a.iter().chain(&v).chain(&w).copied().collect(),
                widths: vec![n * n, n, n],
            },
        );
        // well conditioned
        let s = &x + &(Array2::<f64>::eye(n) * (2.0 * n as f64));
        let flat: Vec<f64> = s.iter().copied().collect();
        let s = black_box(s);
        measure(
            &mut c,
            Ways {
                name: "X⁻¹",
                size: n,
                hand: || made(&|j| hand::inverse(&s, j)),
                hand_into: |j: &mut _| hand::inverse(&s, j),
                jac: || inverse_jacobian(&s),
                jac_into: |j: &mut _| inverse_jacobian_into(&s, j),
                function: Inverse(n),
                x: flat.clone(),
                widths: vec![n * n],
            },
        );
        measure(
            &mut c,
            Ways {
                name: "ln det X",
                size: n,
                hand: || {
                    let mut j = hand::zeroed((n, n));
                    hand::ln_det(&s, &mut j);
                    j
                },
                hand_into: |j: &mut _| hand::ln_det(&s, j),
                jac: || ln_det_jacobian(&s),
                jac_into: |j: &mut _| ln_det_jacobian_into(&s, j),
                function: LnDet(n),
                x: flat,
                widths: vec![n * n],
            },
        );
        compare(&mut c, SCALARS[0], n, || ln_det(&s), || ln_det_value_and_jacobian(&s));
        compare(&mut c, SCALARS[1], n, || log_likelihood(&s, &v), || log_likelihood_value_and_jacobian(&s, &v));
        let (w, rows) = (&x / n as f64, Array2::from_shape_fn((32, n), |(i, j)| (i as f64 - 2.0 * j as f64).sin()));
        compare(&mut c, SCALARS[2], n, || over_time(&w, &rows), || over_time_value_and_jacobian(&w, &rows));
        let [o, a, b] = black_box([0.1, 0.2, 0.7]);
        compare(&mut c, SCALARS[3], n, || garch(o, a, b, &v), || garch_value_and_jacobian(o, a, b, &v));
    }
    c.final_summary();
    report(&directory);
}

/// The names of the functions, as the report lists them.
const FUNCTIONS: [&str; 8] = ["sum", "A·X", "M·M", "XᵀAX", "A·X·B", "tanh(A·x + b)", "X⁻¹", "ln det X"];

/// Those whose gradient is timed beside the function.
const SCALARS: [&str; 4] = ["gradient of ln det", "gradient of log_likelihood", "gradient of a recurrent network", "gradient of GARCH"];

/// Prints the tables of `BENCHMARKS.md`.
fn report(directory: &Path) {
    let median = |name: &str, n: usize, way: &str| -> Option<f64> {
        let group = format!("{name} {n}");
        let estimates = std::fs::read_to_string(directory.join(group).join(way).join("new/estimates.json")).ok()?;
        let estimates: serde_json::Value = serde_json::from_str(&estimates).ok()?;
        estimates["median"]["point_estimate"].as_f64()
    };
    let shown = |t: Option<f64>| t.map_or("–".to_owned(), |t| format!("{:.2}", t / 1e3));
    let over = |t: Option<f64>, by: Option<f64>| t.zip(by).map_or("–".to_owned(), |(t, by)| format!("{:.2}", t / by));
    let header = "hand, µs | jac, µs | jac / hand | jac / floor";
    println!("\n| | n | {header} | into: {header} | num-dual / hand | differences / hand |\n|---|---|{}", "---|".repeat(10));
    for name in FUNCTIONS {
        for n in SIZES {
            let t = WAYS.map(|way| median(name, n, way));
            if t[2].is_none() {
                continue;
            }
            println!(
                "| {name} | {n} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
                shown(t[1]),
                shown(t[2]),
                over(t[2], t[1]),
                over(t[2], t[0]),
                shown(t[4]),
                shown(t[5]),
                over(t[5], t[4]),
                over(t[5], t[3]),
                over(t[6], t[1]),
                over(t[7], t[1]),
            );
        }
    }
    println!(
        "\n| time grows as n to the power of | from 4 to 16 | from 16 to 64 | into: from 4 to 16 | from 16 to 64 |\n|---|---|---|---|---|"
    );
    for name in FUNCTIONS {
        let growth = |way: &str, from: usize, to: usize| {
            let times = median(name, from, way).zip(median(name, to, way));
            times.map_or("–".to_owned(), |(a, b)| format!("{:.1}", (b / a).ln() / (to as f64 / from as f64).ln()))
        };
        let [a, b, c, d] = [("jac", 4, 16), ("jac", 16, 64), ("jac into", 4, 16), ("jac into", 16, 64)].map(|(w, f, t)| growth(w, f, t));
        println!("| {name} | {a} | {b} | {c} | {d} |");
    }
    println!("\n| | n | function, µs | value and gradient, µs | ratio |\n|---|---|---|---|---|");
    for name in SCALARS {
        for n in SIZES {
            let [function, gradient] = GRADIENT.map(|way| median(name, n, way));
            if gradient.is_some() {
                println!("| {name} | {n} | {} | {} | {} |", shown(function), shown(gradient), over(gradient, function));
            }
        }
    }
}
