//! Cancellation, overflow, carried loops and squaring chains.

use jac_runtime::jacobian;

#[jacobian(value)]
pub fn trap_logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[jacobian(value)]
pub fn trap_softplus(x: f64) -> f64 {
    x.exp().ln_1p()
}

#[jacobian(value)]
pub fn trap_sqrt_diff(x: f64) -> f64 {
    (x * x + 1.0).sqrt() - x
}

#[jacobian(value)]
pub fn trap_one_minus_cos(x: f64) -> f64 {
    (1.0 - x.cos()) / (x * x)
}

#[jacobian(value)]
pub fn trap_sinc(x: f64) -> f64 {
    x.sin() / x
}

#[jacobian(value)]
pub fn trap_expm1_over_x(x: f64) -> f64 {
    x.exp_m1() / x
}

#[jacobian(value)]
pub fn trap_log_diff(x: f64, y: f64) -> f64 {
    x.ln() - y.ln()
}

#[jacobian(value)]
pub fn trap_x_pow_x(x: f64) -> f64 {
    x.powf(x)
}

#[jacobian(value)]
pub fn trap_norm3(x: &[f64; 3]) -> f64 {
    (x[0] * x[0] + x[1] * x[1] + x[2] * x[2]).sqrt()
}

#[jacobian(value)]
pub fn trap_quadratic_roots(b: f64, c: f64) -> [f64; 2] {
    let d = (b * b - 4.0 * c).sqrt();
    [(-b + d) / 2.0, (-b - d) / 2.0]
}

#[jacobian(value)]
pub fn trap_lse2_naive(x: f64, y: f64) -> f64 {
    (x.exp() + y.exp()).ln()
}

#[jacobian(value)]
pub fn trap_gauss_pdf(x: f64) -> f64 {
    (-0.5 * x * x).exp() / (2.0 * core::f64::consts::PI).sqrt()
}

#[jacobian(value)]
pub fn trap_xlnx(x: f64) -> f64 {
    x * x.ln()
}

#[jacobian(value)]
pub fn trap_wilkinson10(x: f64) -> f64 {
    let mut p = 1.0;
    for i in 1..11 {
        p = p * (x - (i as f64));
    }
    p
}

#[jacobian(value)]
pub fn trap_horner_cubed(x: f64) -> f64 {
    ((x - 3.0) * x + 3.0) * x - 1.0
}

#[jacobian(value)]
pub fn trap_rump(x: f64, y: f64) -> f64 {
    333.75 * y.powi(6) + x * x * (11.0 * x * x * y * y - y.powi(6) - 121.0 * y.powi(4) - 2.0) + 5.5 * y.powi(8) + x / (2.0 * y)
}

#[jacobian(value)]
pub fn trap_nested_trig(x: f64) -> f64 {
    (-x * x).exp().cos().sin().tan().cos().sin()
}

#[jacobian(value)]
pub fn trap_logistic_map(x: f64) -> f64 {
    let mut v = x;
    for i in 0..12 {
        v = 3.9 * v * (1.0 - v);
    }
    v
}

#[jacobian(value)]
pub fn trap_speelpenning(x: &[f64; 8]) -> f64 {
    let mut p = 1.0;
    for i in 0..8 {
        p = p * x[i];
    }
    p
}

#[jacobian(value)]
pub fn trap_square_chain(x: &[f64; 3]) -> f64 {
    let mut a = x[0] * x[1] + x[2];
    for i in 0..10 {
        a = a * a + 0.1 * x[0];
    }
    a
}
