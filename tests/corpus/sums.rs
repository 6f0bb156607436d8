//! Sums over run-time lengths that meet sums over the same, and reads that only a condition makes valid.

use jac_runtime::jacobian;
use ndarray::Array1;

/// A sum that begins at a parameter, used beside itself.
/// shapes: x = [4]
#[jacobian(value)]
pub fn saturated(x: &[f64], a: f64) -> f64 {
    let mut s = a;
    for v in x {
        s += v.sin();
    }
    s / (s * s + 1.0)
}

/// integer: n = 4
#[jacobian(value)]
pub fn counted_waves(a: f64, n: usize) -> f64 {
    let mut s = 0.0;
    for i in 0..n {
        s += (i as f64 * a).sin();
    }
    s * s.sin()
}

/// range: 0.1..0.5
/// shapes: a = [4]
#[jacobian(value)]
pub fn entropic(a: &[f64]) -> f64 {
    let mut m = 0.0;
    for v in a {
        m += v;
    }
    m * m.exp()
}

/// shapes: a = [4]
#[jacobian(value)]
pub fn folded(a: &[f64]) -> f64 {
    let m = a.iter().fold(0.5, |s, v| s + v * v);
    m / (1.0 + m * m)
}

/// The variance about a mean that a loop sums, and the mean.
/// shapes: a = [4]
#[jacobian(value)]
pub fn moments(a: &[f64]) -> [f64; 2] {
    let mut sum = 0.0;
    for v in a {
        sum += v;
    }
    let mean = sum / a.len() as f64;
    let mut squares = 0.0;
    for v in a {
        squares += (v - mean) * (v - mean);
    }
    [mean, (squares / a.len() as f64).sqrt() * sum]
}

/// A sum of products of sums.
/// shapes: x = [3], y = [4]
#[jacobian(value)]
pub fn sums_within_sums(x: &[f64], y: &[f64]) -> f64 {
    let mut total = 0.0;
    for a in x {
        let mut inner = 0.0;
        for b in y {
            inner += (a * b).cos();
        }
        for b in y {
            total += inner * inner.sin() * b;
        }
    }
    total * total
}

/// shapes: x = [4]
#[jacobian(value)]
pub fn shifted_products(x: &Array1<f64>, t: f64) -> Array1<f64> {
    let mut v = x.to_owned();
    for i in 1..x.len() {
        v[i] = x[i - 1] * x[i];
    }
    &v * t + &v
}

/// shapes: x = [4]
#[jacobian(value)]
pub fn weighted_products(x: &Array1<f64>) -> Array1<f64> {
    let mut v = x.to_owned();
    for i in 1..x.len() {
        v[i] = x[i - 1] * x[i];
    }
    let q = v.mapv(|e| (e * 0.5).exp()).sum().ln();
    x * q + x
}

/// shapes: x = [4]
#[jacobian(value)]
pub fn growth_factors(x: &Array1<f64>) -> Array1<f64> {
    let mut y = Array1::zeros(x.len());
    for i in 1..x.len() {
        y[i] = (x[i] - x[i - 1]).exp();
    }
    y
}

/// shapes: y = [4]
#[jacobian(value)]
pub fn last_of_a_loop(y: &[f64], z: f64) -> f64 {
    let mut m = z;
    for i in 1..y.len() {
        m = if z >= y[0] && y[i - 1] > 0.1 { z.tanh() } else { y[0] };
    }
    m
}

/// shapes: x = [4]
#[jacobian(value, shape(x = [n]))]
pub fn first_of_a_stencil(t: f64, x: &Array1<f64>) -> Array1<f64> {
    let mut v = x.to_owned();
    for i in 1..x.len() {
        v[i] = x[i - 1] * x[i];
    }
    let q = v[0] * v[2] * t;
    &v * q + x
}

/// What all terms read is read once, and only if there is a term.
/// shapes: x = [4]
#[jacobian(value)]
pub fn relative(x: &[f64], scale: f64) -> f64 {
    let mut s = scale;
    for v in x {
        s += (v - x[0]) * (scale * x[0]).exp() + v.sin() / (1.0 + x[0] * x[0]);
    }
    s
}

/// An array that is zero as it is written.
/// shapes: x = [4], y = [4]
#[jacobian(value)]
pub fn nothing(x: &Array1<f64>, y: &Array1<f64>) -> Array1<f64> {
    let zero: Array1<f64> = y - y;
    let v = x / &zero.mapv(|e| e * e + 1.0);
    &v * v[0] + &zero
}
