//! Kinks, poles, one-sided and hidden derivatives.

use jac_runtime::{jacobian, linalg};
use ndarray::{Array1, Array2, Axis};

#[jacobian]
pub fn edge_abs0(x: f64) -> f64 {
    x.abs()
}

#[jacobian]
pub fn edge_abs_neg0(x: f64) -> f64 {
    x.abs()
}

#[jacobian]
pub fn edge_relu0(x: f64) -> f64 {
    x.max(0.0)
}

#[jacobian]
pub fn edge_max_tie(x: f64, y: f64) -> f64 {
    x.max(y)
}

#[jacobian]
pub fn edge_min_tie(x: f64, y: f64) -> f64 {
    x.min(y)
}

#[jacobian]
pub fn edge_max_same(x: f64) -> f64 {
    x.max(x)
}

#[jacobian]
pub fn edge_abs_pow(x: f64) -> f64 {
    x.abs().powf(1.5)
}

#[jacobian]
pub fn edge_sqrt0(x: f64) -> f64 {
    x.sqrt()
}

#[jacobian]
pub fn edge_sqrt_sq0(x: f64) -> f64 {
    (x * x).sqrt()
}

#[jacobian]
pub fn edge_sq_sqrt0(x: f64) -> f64 {
    x.sqrt() * x.sqrt()
}

#[jacobian]
pub fn edge_x_sqrt0(x: f64) -> f64 {
    x * x.sqrt()
}

#[jacobian]
pub fn edge_powf15_0(x: f64) -> f64 {
    x.powf(1.5)
}

#[jacobian]
pub fn edge_powf05_0(x: f64) -> f64 {
    x.powf(0.5)
}

#[jacobian]
pub fn edge_powi2_0(x: f64) -> f64 {
    x.powi(2)
}

#[jacobian]
pub fn edge_powi1_0(x: f64) -> f64 {
    x.powi(1)
}

#[jacobian]
pub fn edge_powi0_0(x: f64) -> f64 {
    x.powi(0)
}

#[jacobian]
pub fn edge_powf0_0(x: f64) -> f64 {
    x.powf(0.0)
}

#[jacobian]
pub fn edge_powf_dy_x0(x: f64, y: f64) -> f64 {
    x.powf(y)
}

#[jacobian]
pub fn edge_powf_neg_base(x: f64, y: f64) -> f64 {
    x.powf(y)
}

#[jacobian]
pub fn edge_powf_neg_const(x: f64) -> f64 {
    x.powf(3.0)
}

#[jacobian]
pub fn edge_powim1_0(x: f64) -> f64 {
    x.powi(-1)
}

#[jacobian]
pub fn edge_norm2_0(x: f64, y: f64) -> f64 {
    (x * x + y * y).sqrt()
}

#[jacobian]
pub fn edge_hypot_0(x: f64, y: f64) -> f64 {
    x.hypot(y)
}

#[jacobian]
pub fn edge_norm_sq_0(x: f64, y: f64) -> f64 {
    (x * x + y * y).sqrt().powi(2)
}

#[jacobian]
pub fn edge_atan2_0(x: f64, y: f64) -> f64 {
    x.atan2(y)
}

#[jacobian]
pub fn edge_atan2_axis(x: f64, y: f64) -> f64 {
    x.atan2(y)
}

#[jacobian]
pub fn edge_xlnx_0(x: f64) -> f64 {
    x * x.ln()
}

#[jacobian]
pub fn edge_xlogy_0(x: f64) -> f64 {
    x * 23.0_f64.ln()
}

#[jacobian]
pub fn edge_xlogy_guard(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x * 23.0_f64.ln() }
}

#[jacobian]
pub fn edge_eq_branch(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x }
}

#[jacobian]
pub fn edge_eq_branch1(x: f64) -> f64 {
    if x == 1.0 { 1.0 } else { x * x }
}

#[jacobian]
pub fn edge_where_sqrt_neg(x: f64) -> f64 {
    if x > 0.0 { x.sqrt() } else { 0.0 }
}

#[jacobian]
pub fn edge_where_sqrt_0(x: f64) -> f64 {
    if x < 1.0 { x } else { x.sqrt() }
}

#[jacobian]
pub fn edge_sqrt_max(x: f64, y: f64) -> f64 {
    0.0_f64.max(x * x - y * y).sqrt()
}

#[jacobian]
pub fn edge_where_div(x: f64, y: f64) -> f64 {
    if y > 1.0 { x / y } else { 0.0 }
}

#[jacobian]
pub fn edge_x_over_x(x: f64) -> f64 {
    x / x
}

#[jacobian]
pub fn edge_sinc_raw_0(x: f64) -> f64 {
    x.sin() / x
}

#[jacobian]
pub fn edge_sinc_guard_0(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { x.sin() / x }
}

#[jacobian]
pub fn edge_recip_recip_0(x: f64) -> f64 {
    1.0 / (1.0 / x)
}

#[jacobian]
pub fn edge_lae_tie(x: f64, y: f64) -> f64 {
    x.max(y) + (-(x - y).abs()).exp().ln_1p()
}

#[jacobian]
pub fn edge_softplus_1000(x: f64) -> f64 {
    x.exp().ln_1p()
}

#[jacobian]
pub fn edge_logistic_m1000(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[jacobian]
pub fn edge_logistic_40(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[jacobian]
pub fn edge_expexp_1000(x: f64) -> f64 {
    x.exp() * (-x).exp()
}

#[jacobian]
pub fn edge_tanh_25(x: f64) -> f64 {
    x.tanh()
}

#[jacobian]
pub fn edge_acos_1(x: f64) -> f64 {
    x.acos()
}

#[jacobian]
pub fn edge_asin_1(x: f64) -> f64 {
    x.asin()
}

#[jacobian]
pub fn edge_acosh_1(x: f64) -> f64 {
    x.acosh()
}

#[jacobian]
pub fn edge_atanh_1(x: f64) -> f64 {
    x.atanh()
}

#[jacobian]
pub fn edge_cbrt_0(x: f64) -> f64 {
    x.cbrt()
}

#[jacobian]
pub fn edge_zero_mul_inf(x: f64) -> f64 {
    0.0 * x
}

#[jacobian]
pub fn edge_x_minus_x_inf(x: f64) -> f64 {
    x - x
}

#[jacobian]
pub fn edge_nan_in(x: f64) -> f64 {
    x * x
}

#[jacobian]
pub fn edge_recip_neg0(x: f64) -> f64 {
    1.0 / x
}

#[jacobian]
pub fn edge_prod_break(x: f64, y: f64, z: f64) -> f64 {
    let mut p = x;
    if p == 0.0 {
        return p;
    }
    p = p * y;
    if p == 0.0 {
        return p;
    }
    p * z
}

#[jacobian]
pub fn edge_norm_sum_zero(x: f64, y: f64) -> f64 {
    (x * x).sqrt() + y
}

#[jacobian]
pub fn edge_sign_0(x: f64) -> f64 {
    x.abs() / x
}

#[jacobian]
pub fn edge_kink_compose(x: f64) -> f64 {
    x.max(0.0) - (-x).max(0.0)
}

#[jacobian]
pub fn edge_abs_compose(x: f64) -> f64 {
    x.max(0.0) + x.min(0.0)
}

#[jacobian]
pub fn edge_cos_norm_0(w: &[f64; 3]) -> f64 {
    (w[0] * w[0] + w[1] * w[1] + w[2] * w[2]).sqrt().cos()
}

/// shapes: w = [3]
#[jacobian]
pub fn edge_cos_norm_slice(w: &[f64]) -> f64 {
    w.iter().map(|a| a * a).sum::<f64>().sqrt().cos()
}

/// shapes: m = [2, 3]
#[jacobian]
pub fn edge_row_norms(m: &Array2<f64>) -> Array1<f64> {
    m.map_axis(Axis(1), |r| r.dot(&r).sqrt())
}

/// shapes: x = [3]
#[jacobian]
pub fn edge_linalg_norm(x: &Array1<f64>) -> f64 {
    linalg::norm(x)
}

#[jacobian]
pub fn edge_cos_hypot(x: f64, y: f64) -> f64 {
    x.hypot(y).cos()
}

#[jacobian]
pub fn edge_sinc_below(w: &[f64; 3]) -> f64 {
    let n = w.iter().map(|a| a.powi(2)).sum::<f64>().sqrt();
    if n < 1e-8 {
        1.0 - n * n / 6.0
    } else {
        n.sin() / n
    }
}

#[jacobian]
pub fn edge_sinc_equal(w: &[f64; 3]) -> f64 {
    let n = (w[0] * w[0] + w[1] * w[1] + w[2] * w[2]).sqrt();
    if n == 0.0 {
        1.0
    } else {
        n.sin() / n
    }
}

#[jacobian]
pub fn edge_sinc_inside(w: &[f64; 3]) -> f64 {
    let n2 = w[0] * w[0] + w[1] * w[1] + w[2] * w[2];
    if n2 > 1e-16 {
        let n = n2.sqrt();
        n.sin() / n
    } else {
        1.0 - n2 / 6.0
    }
}

#[jacobian]
pub fn edge_norm_weighted(x: f64, y: f64) -> f64 {
    (2.0 * x * x + y.powi(2) / 4.0).sqrt()
}

#[jacobian(wrt(x))]
pub fn edge_norm_scaled(x: &[f64; 2], scale: f64) -> f64 {
    (scale * (x[0].powi(4) + x[1].mul_add(x[1], 0.0))).sqrt()
}

#[jacobian]
pub fn edge_norm_in_denominator(v: &[f64; 2]) -> [f64; 2] {
    let n = (v[0] * v[0] + v[1] * v[1]).sqrt() + 0.001;
    [v[0] / n, v[1] / n]
}

#[jacobian]
pub fn edge_quaternion_exp(w: &[f64; 3]) -> [f64; 4] {
    let theta2 = w[0] * w[0] + w[1] * w[1] + w[2] * w[2];
    let theta = theta2.sqrt();
    let half = 0.5 * theta;
    let k = if theta > 1e-6 { half.sin() / theta } else { 0.5 - theta2 / 48.0 };
    [half.cos(), k * w[0], k * w[1], k * w[2]]
}

#[jacobian]
pub fn edge_so3_exp(w: &[f64; 3]) -> [f64; 9] {
    let t = (w[0].powi(2) + w[1].powi(2) + w[2].powi(2)).sqrt();
    let (a, b) = if t < f64::EPSILON { (1.0, 0.5) } else { (t.sin() / t, (1.0 - t.cos()) / (t * t)) };
    let [x, y, z] = *w;
    [
        1.0 - b * (y * y + z * z),
        b * x * y - a * z,
        b * x * z + a * y,
        b * x * y + a * z,
        1.0 - b * (x * x + z * z),
        b * y * z - a * x,
        b * x * z - a * y,
        b * y * z + a * x,
        1.0 - b * (x * x + y * y),
    ]
}

#[jacobian]
pub fn edge_norm_minus_constant(x: f64, y: f64) -> f64 {
    let d = (x * x + y * y).sqrt() - 2.0;
    d * d
}

/// integer: n = 0
#[jacobian]
pub fn edge_powi_n0(x: f64, n: i32) -> f64 {
    x.powi(n)
}

/// integer: n = 1
#[jacobian]
pub fn edge_powi_n1(x: f64, n: i32) -> f64 {
    x.powi(n)
}

#[jacobian]
pub fn edge_powf_00(x: f64, y: f64) -> f64 {
    x.powf(y)
}

#[jacobian]
pub fn edge_powf_y0(x: f64, y: f64) -> f64 {
    x.powf(y)
}

#[jacobian]
pub fn edge_powf_0_negative(x: f64, y: f64) -> f64 {
    x.powf(y)
}

#[jacobian]
pub fn edge_zero_to_the(y: f64) -> f64 {
    0.0_f64.powf(y)
}
