//! Scalars and fixed arrays.

use jac_runtime::jacobian;

#[jacobian]
pub fn polar(r: f64, phi: f64) -> [f64; 2] {
    [r * phi.cos(), r * phi.sin()]
}

#[jacobian(value)]
pub fn robot_arm(q: &[f64; 3], lengths: &[f64; 3]) -> [f64; 2] {
    let mut p = [0.0, 0.0];
    let mut angle = 0.0;
    for i in 0..3 {
        angle += q[i];
        p[0] += lengths[i] * angle.cos();
        p[1] += lengths[i] * angle.sin();
    }
    p
}

/// range: 0.3..2
#[jacobian]
pub fn functions(x: f64, y: f64) -> [f64; 12] {
    [
        x.sqrt() + y.cbrt(),
        (x / 4.0).asin() * (y / 4.0).acos(),
        x.atan() + y.tan() * 0.1,
        x.sinh() * y.cosh() - x.tanh(),
        x.asinh() + (1.0 + y).acosh() + (x / 4.0).atanh(),
        x.exp2() * y.exp_m1(),
        x.ln_1p() + y.log2() * x.log10(),
        x.powi(5) / y.powi(3) + x.powf(1.5),
        x.powf(y),
        y.atan2(x) + x.hypot(y),
        x.recip() + y.log(3.0),
        x.mul_add(y, 2.0),
    ]
}

#[jacobian]
pub fn absolute(x: f64, y: f64) -> [f64; 3] {
    [(x * y).abs(), x.max(y) * x, x.min(y * y)]
}

#[jacobian]
pub fn branches(x: f64, y: f64) -> f64 {
    let mut z = x * y;
    if x > y && y < 1.0 {
        z += x.sin();
    } else if !(x < -0.5) {
        z *= y;
    }
    z * z
}

/// A root under a branch that guards it: the other arm must not leak a NaN.
#[jacobian]
pub fn guarded_root(x: f64, y: f64) -> f64 {
    let root = if x > 0.0 { x.sqrt() } else { 0.0 };
    root * y + y
}

#[jacobian]
pub fn several(x: f64, v: &[f64; 2]) -> (f64, [f64; 2], [[f64; 2]; 2]) {
    let a = x * v[0];
    (a + v[1], [a, v[1] * v[1]], [[x, v[0]], [v[0] * v[1], a * a]])
}

#[jacobian]
pub fn nothing_depends(x: f64, v: &[f64; 2]) -> [f64; 2] {
    let _ = x;
    [1.0, v[0] - v[0]]
}

#[jacobian]
pub fn closures(x: &[f64; 3]) -> [f64; 3] {
    let scale = x[0] * x[1];
    let f = |v: f64, k: f64| scale * v + k;
    x.map(|v| f(v, 1.0) * v)
}

/// integer: n = 3
/// range: 0.3..2
#[jacobian]
pub fn integers(x: f64, n: i32) -> f64 {
    x.powi(n) * n as f64 + x / (n + 1) as f64
}

/// range: 0.3..2
/// differences only
#[jacobian]
pub fn single_precision(x: &[f32; 2]) -> f32 {
    (x[0] * x[1]).sin() + 0.1 * x[0].exp()
}

/// const: N = 3
#[jacobian]
pub fn generic<const N: usize>(x: &[f64; N]) -> [f64; N] {
    *x
}

/// differences only
#[jacobian]
pub fn constants(x: f64) -> f64 {
    const SCALE: f64 = 2.5;
    x * std::f64::consts::PI + SCALE * x * x
}

#[jacobian]
pub fn matrix_inverse(m: &[[f64; 2]; 2]) -> [[f64; 2]; 2] {
    let det = m[0][0] * m[1][1] - m[0][1] * m[1][0];
    [[m[1][1] / det, -m[0][1] / det], [-m[1][0] / det, m[0][0] / det]]
}

/// range: -0.5..0.5
#[jacobian]
pub fn squarings(x: f64, y: f64) -> f64 {
    let mut a = x * 0.5 + y;
    for _ in 0..10 {
        a = a * a - 0.1;
    }
    a
}

#[jacobian]
pub fn product_of_all(x: &[f64; 6]) -> f64 {
    let mut p = 1.0;
    for i in 0..6 {
        p *= x[i];
    }
    p
}

#[jacobian]
pub fn nested(m: &[[f64; 2]; 3], t: f64) -> [f64; 2] {
    let mut sums = [0.0; 2];
    for row in m.iter() {
        for k in 0..2 {
            sums[k] += row[k] * t;
        }
    }
    let [a, b] = sums;
    let (p, q) = (a * b, a - b);
    [p / (q * q + 1.0), if p > 0.0 { p } else { q }]
}

#[jacobian]
pub fn moved_closure(x: f64, y: f64) -> f64 {
    let mut a = x;
    let f = move |v: f64| v * a;
    a *= y;
    f(y) + a
}

#[jacobian]
pub fn counting_closure(x: &[f64; 3]) -> f64 {
    let mut total = 0.0;
    let mut add = |v: f64| total += v * v;
    for k in 0..3 {
        add(x[k]);
    }
    total
}

#[jacobian]
pub fn short_circuit(x: &[f64; 2]) -> f64 {
    let mut sum = 0.0;
    for k in 0..3usize {
        if k < 2 && x[k] > 0.0 {
            sum += x[k] * x[1];
        }
    }
    sum
}

/// differences only
/// range: -3.1..-0.2
#[jacobian]
pub fn remainders_and_classes(x: f64, y: f64) -> [f64; 4] {
    let kept = if (x * y).is_finite() && !x.is_nan() { x * y } else { 0.0 };
    let signed = if x.is_sign_negative() { -x * y } else { y };
    [x.rem_euclid(y), x.div_euclid(y) * x, x.midpoint(y) * x, kept + signed]
}
