//! Whole arrays of lengths known only at run time.

use jac_runtime::jacobian;
use ndarray::{array, s, Array1, Array2, Array3, ArrayView1, ArrayView2, Axis};

/// shapes: m = [3, 4]
#[jacobian]
pub fn total(m: &Array2<f64>) -> f64 {
    m.sum()
}

/// shapes: a = [2, 3], b = [3, 4]
#[jacobian]
pub fn product(a: &Array2<f64>, b: &Array2<f64>) -> Array2<f64> {
    a.dot(b)
}

/// shapes: m = [3, 3]
#[jacobian]
pub fn square(m: &Array2<f64>) -> Array2<f64> {
    m.dot(m)
}

/// shapes: x = [4, 3], a = [4, 4]
#[jacobian]
pub fn congruence(x: &Array2<f64>, a: &Array2<f64>) -> Array2<f64> {
    x.t().dot(a).dot(x)
}

/// shapes: a = [3, 4], x = [4], b = [3]
#[jacobian]
pub fn layer(a: &Array2<f64>, x: &Array1<f64>, b: &Array1<f64>) -> Array1<f64> {
    (a.dot(x) + b).mapv(|z| z.tanh())
}

/// shapes: w = [3, 4], v = [2, 3], x = [4]
#[jacobian(wrt(w, x))]
pub fn two_layers(w: &Array2<f64>, v: &Array2<f64>, x: &Array1<f64>) -> Array1<f64> {
    let hidden = w.dot(x).mapv(|z| z.tanh());
    v.dot(&hidden).mapv(|z| 1.0 / (1.0 + (-z).exp()))
}

/// shapes: w = [3, 4], v = [2, 3], x = [4], y = [2]
#[jacobian(wrt(w, v))]
pub fn loss(w: &Array2<f64>, v: &Array2<f64>, x: &Array1<f64>, y: &Array1<f64>) -> f64 {
    let hidden = w.dot(x).mapv(f64::tanh);
    let error = v.dot(&hidden) - y;
    0.5 * error.dot(&error)
}

/// shapes: x = [5]
#[jacobian]
pub fn softmax_of_any_length(x: &Array1<f64>) -> Array1<f64> {
    let e = x.mapv(f64::exp);
    let total = e.sum();
    e / total
}

/// shapes: x = [5]
#[jacobian]
pub fn log_sum_exp(x: &Array1<f64>) -> f64 {
    x.mapv(|v| v.exp()).sum().ln()
}

/// shapes: x = [4], y = [4]
#[jacobian]
pub fn cosine(x: &Array1<f64>, y: &Array1<f64>) -> f64 {
    x.dot(y) / (x.dot(x).sqrt() * y.dot(y).sqrt())
}

/// shapes: x = [4]
#[jacobian]
pub fn normalised(x: &Array1<f64>) -> Array1<f64> {
    let norm = x.dot(x).sqrt();
    x / norm
}

/// shapes: x = [3, 4]
#[jacobian]
pub fn centred(x: &Array2<f64>) -> Array2<f64> {
    let mean = x.mean_axis(Axis(0)).unwrap();
    x - &mean
}

/// shapes: x = [5]
#[jacobian]
pub fn variance(x: &Array1<f64>) -> f64 {
    let mean = x.mean().unwrap();
    let d = x - mean;
    d.dot(&d) / x.len() as f64
}

/// shapes: x = [3, 4]
#[jacobian]
pub fn row_sums(x: &Array2<f64>) -> Array1<f64> {
    x.sum_axis(Axis(1))
}

/// shapes: x = [3], y = [4]
#[jacobian]
pub fn outer(x: &Array1<f64>, y: &Array1<f64>) -> Array2<f64> {
    let column = x.view().insert_axis(Axis(1));
    &column * y
}

/// shapes: x = [6]
#[jacobian]
pub fn second_difference(x: &Array1<f64>) -> Array1<f64> {
    let left = x.slice(s![..-2]);
    let middle = x.slice(s![1..-1]);
    let right = x.slice(s![2..]);
    &left - &middle - &middle + &right
}

/// shapes: x = [5]
#[jacobian]
pub fn reversed(x: &Array1<f64>) -> Array1<f64> {
    let r = x.slice(s![..;-1]);
    &r * x
}

/// shapes: m = [3, 3]
#[jacobian]
pub fn trace_and_diagonal(m: &Array2<f64>) -> (f64, Array1<f64>) {
    (m.diag().sum(), m.diag().mapv(|v| v * v))
}

/// shapes: m = [3, 4]
#[jacobian]
pub fn row_and_column(m: &Array2<f64>) -> f64 {
    m.row(0).dot(&m.row(1)) + m.column(2).sum() * m[[1, 3]]
}

/// shapes: m = [3, 3]
#[jacobian]
pub fn symmetric_part(m: &Array2<f64>) -> Array2<f64> {
    let t = m.t().to_owned();
    (m + &t) * 0.5
}

/// shapes: x = [4]
#[jacobian]
pub fn quadratic(x: ArrayView1<f64>, a: &[[f64; 4]; 4]) -> f64 {
    let m = array![[a[0][0], a[0][1], 0.0, 0.0], [a[1][0], 2.0, 0.0, 1.0], [0.0, 0.0, a[2][2], 0.0], [0.5, 0.0, 0.0, a[3][3]]];
    x.dot(&m.dot(&x))
}

/// shapes: a = [2, 3], x = [3]
#[jacobian]
pub fn views(a: ArrayView2<'_, f64>, x: ArrayView1<'_, f64>) -> Array1<f64> {
    let mut y = a.dot(&x);
    y += 1.0;
    y *= 2.0;
    y -= &a.column(0);
    y
}

/// shapes: x = [4]
#[jacobian]
pub fn relu(x: &Array1<f64>) -> Array1<f64> {
    x.mapv(|v| if v > 0.0 { v } else { 0.01 * v })
}

/// shapes: x = [3]
#[jacobian]
pub fn set_first(x: &Array1<f64>) -> Array1<f64> {
    let mut y = x.mapv(|v| v * v);
    y[0] = x[1] * x[2];
    y
}

/// shapes: b = [2], x = [5], y = [5]
/// range: 0.2..1
#[jacobian(wrt(b), shape(b = [2]), value)]
pub fn residual(b: &Array1<f64>, x: &Array1<f64>, y: &Array1<f64>) -> Array1<f64> {
    x.mapv(|x| b[0] * (1.0 - (-b[1] * x).exp())) - y
}

/// shapes: m = [2, 2], v = [2]
#[jacobian(shape(m = [2, 2], v = [2]))]
pub fn fixed_shape(m: &Array2<f64>, v: &Array1<f64>) -> Array1<f64> {
    let squared = m.dot(m);
    squared.dot(v).mapv(|x| x.sin())
}

/// shapes: x = [3]
#[jacobian]
pub fn scalar_and_array(s: f64, x: &Array1<f64>) -> Array1<f64> {
    let scaled = x * s;
    scaled.mapv(|v| v + s * s)
}

/// shapes: x = [4]
/// differences only
#[jacobian]
pub fn array_methods(x: &Array1<f64>) -> Array1<f64> {
    let up = x.exp();
    let wave = (x * 2.0).sin() + x.powi(3);
    2.0 * &up - 1.0 / (wave + 4.0)
}

/// shapes: x = [3], m = [3, 3]
#[jacobian]
pub fn polynomial_of_a_matrix(m: &Array2<f64>, x: &Array1<f64>) -> Array1<f64> {
    let mx = m.dot(x);
    let mmx = m.dot(&mx);
    x - &mx + &(&mmx * 0.5)
}

/// shapes: t = [2, 3, 4]
#[jacobian]
pub fn third_order(t: &Array3<f64>) -> Array2<f64> {
    t.sum_axis(Axis(2)).mapv(|v| v * v)
}
