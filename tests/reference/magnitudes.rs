//! Magnitudes up to 1e±150, mixed ones, differences of nearly equal numbers, and dilute mixtures.

use jac_runtime::jacobian;

#[jacobian(value)]
pub fn mag_normalise(v: &[f64; 3]) -> [f64; 3] {
    let n = (v[0] * v[0] + v[1] * v[1] + v[2] * v[2]).sqrt();
    v.map(|a| a / n)
}

#[jacobian(value)]
pub fn mag_gravity(x: &[f64; 3]) -> [f64; 3] {
    let r = (x[0] * x[0] + x[1] * x[1] + x[2] * x[2]).sqrt();
    let k = -1.0 / (r * r * r);
    [k * x[0], k * x[1], k * x[2]]
}

#[jacobian(value)]
pub fn mag_distance(a: &[f64; 2], b: &[f64; 2]) -> f64 {
    let d = [a[0] - b[0], a[1] - b[1]];
    (d[0] * d[0] + d[1] * d[1]).sqrt()
}

#[jacobian(value)]
pub fn mag_cosine(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    let dot = |p: &[f64; 3], q: &[f64; 3]| p[0] * q[0] + p[1] * q[1] + p[2] * q[2];
    dot(a, b) / (dot(a, a).sqrt() * dot(b, b).sqrt())
}

/// Activity coefficients of a binary mixture (Wilson).
#[jacobian(value)]
pub fn mag_wilson(x: &[f64; 2]) -> [f64; 2] {
    let (a, b) = (x[0] + 0.35 * x[1], 1.7 * x[0] + x[1]);
    let d = 0.35 / a - 1.7 / b;
    [(x[1] * d - a.ln()).exp(), (-(x[0] * d) - b.ln()).exp()]
}

/// One of a mixture (NRTL).
#[jacobian(value)]
pub fn mag_nrtl(x1: f64, x2: f64) -> f64 {
    let (a, b) = (x1 + 0.81 * x2, x2 + 0.677 * x1);
    let q = 0.81 / a;
    (x2 * x2 * (0.7 * q * q + 0.8801 / (b * b))).exp()
}

#[jacobian(value)]
pub fn mag_rational(v0: f64, v2: f64) -> f64 {
    let v3 = v2 - v0;
    let v6 = 1.0 / v2;
    v3 * v6 / v2 / (v3 - v6)
}

/// Excess quantities of a ternary mixture, by amounts (Margules).
#[jacobian(value)]
pub fn mag_margules(n: &[f64; 3]) -> [f64; 2] {
    let t = n[0] + n[1] + n[2];
    let x = n.map(|a| a / t);
    let g = 0.7 * x[0] * x[1] + 1.1 * x[1] * x[2] + 0.3 * x[0] * x[2];
    [x[0].ln() + (1.0 - x[0]) * g, x[1] * (1.0 - x[0]) * g]
}

#[jacobian(value)]
pub fn mag_relative(x: f64, y: f64) -> f64 {
    (x - y) / (x + y)
}

#[jacobian(value)]
pub fn mag_lens(f: f64, d: f64) -> f64 {
    1.0 / (1.0 / f - 1.0 / d)
}

#[jacobian(value)]
pub fn mag_inhibition(vmax: f64, s: f64, km: f64, i: f64, ki: f64) -> f64 {
    vmax * s / (km * (1.0 + i / ki) + s)
}

/// Pressure of a gas (Redlich and Kwong).
#[jacobian(value)]
pub fn mag_redlich(t: f64, v: f64) -> f64 {
    8.314 * t / (v - 0.02) - 1.7 / (t.sqrt() * v * (v + 0.02))
}

/// The small root of a quadratic equation.
#[jacobian(value)]
pub fn mag_root(b: f64, c: f64) -> f64 {
    2.0 * c / (b + (b * b - 4.0 * c).sqrt())
}

#[jacobian(value)]
pub fn mag_shares(x: &[f64; 4]) -> [f64; 4] {
    let t = x[0] + x[1] + x[2] + x[3];
    x.map(|a| a / t)
}
