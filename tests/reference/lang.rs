//! Functions that a front end reads wrongly.

use jac_runtime::jacobian;

#[jacobian(value)]
pub fn lang_shadowing(x: &[f64; 2]) -> [f64; 2] {
    let a = x[0] * x[1];
    let b = a + 1.0;
    let a = a * b;
    let b = {
        let a = a + x[0];
        a * a
    };
    [a, b]
}

#[jacobian(value)]
pub fn lang_reassign(x: &[f64; 2]) -> [f64; 2] {
    let mut a = x[0];
    let b = a;
    a *= x[1];
    a += b;
    a /= 2.0;
    a -= x[0] * a;
    [a, b]
}

#[jacobian(value)]
pub fn lang_temp_names(j: &[f64; 2], jac: &[f64; 2], out: f64, d: f64, t0: f64, s0: f64, res: f64, tmp: f64) -> [f64; 3] {
    let v0 = j[0] * jac[1] + out;
    let v1 = v0 * d - t0 * s0;
    let dx = v1 * res;
    [dx + tmp, v0 * v1, j[1] * jac[0]]
}

#[jacobian(value)]
pub fn lang_fn_names(sin: f64, exp: f64) -> f64 {
    let cos = sin * exp;
    cos.sin() + exp.exp() * sin.cos()
}

#[jacobian(value)]
pub fn lang_unused_constant(x: &[f64; 3], unused: &[f64; 2]) -> [f64; 3] {
    [x[2], 7.5, x[0]]
}

#[jacobian(value)]
pub fn lang_permute(x: &[f64; 4]) -> [f64; 4] {
    let mut r = [0.0; 4];
    for i in 0..4 {
        r[i] = x[(3 * i + 1) % 4] * x[3 - i];
    }
    r
}

#[jacobian(value)]
pub fn lang_inplace(a: &[[f64; 2]; 2]) -> [[f64; 2]; 2] {
    let mut m = *a;
    m[0][0] += m[0][1] * m[1][0];
    m[0][1] = m[0][0] * 2.0;
    m[1][0] -= m[0][1];
    m[1][1] *= m[1][0];
    m
}

#[jacobian(value)]
pub fn lang_if_expr(x: f64) -> f64 {
    if x > 1.0 { x.sin() } else { x * x * x }
}

#[jacobian(value)]
pub fn lang_early_return(x: f64, y: f64) -> f64 {
    if x < 0.0 {
        return y * x.exp();
    }
    if x > y {
        return x * x - y;
    }
    x * y
}

#[jacobian(value)]
pub fn lang_literals(x: f64) -> f64 {
    x * 1_000.5 + 1e-3 * x * x + 0.1f64 + 2.5E+2 * x + 1e0_f64 + 0.1_f64 * x * x * x
}

#[jacobian(value)]
pub fn lang_const_fold(x: f64) -> f64 {
    (0.1 + 0.2) * x + 1.0 / 3.0 * x * x + (0.1 + 0.2 - 0.3) * 1e+17 * x * x * x
}

#[jacobian(value)]
pub fn lang_precedence(x: f64) -> f64 {
    -x.powi(2) + 2.0 * -x - -(-x) / 2.0 * x - (x - 1.0 - 2.0) + 8.0 / x / 2.0 - x * (x + 1.0) * -2.0
}

#[jacobian(value)]
pub fn lang_prefix(x: &[f64; 3]) -> [f64; 3] {
    let mut r = [0.0; 3];
    let mut a = 0.0;
    for i in 0..3 {
        a = a * 0.5 + x[i] * x[i];
        r[i] = a;
    }
    r
}

#[jacobian(value)]
pub fn lang_tuple_let(x: &[f64; 2]) -> f64 {
    let (a, b) = (x[0] * x[1], x[0] - x[1]);
    let [p, q] = *x;
    a * b + p / q
}
