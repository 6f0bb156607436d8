//! One function for each method of `f64`.

use jac_runtime::jacobian;

#[jacobian(value)]
pub fn prim_sin(x: f64) -> f64 {
    x.sin()
}

#[jacobian(value)]
pub fn prim_cos(x: f64) -> f64 {
    x.cos()
}

#[jacobian(value)]
pub fn prim_tan(x: f64) -> f64 {
    x.tan()
}

#[jacobian(value)]
pub fn prim_asin(x: f64) -> f64 {
    x.asin()
}

#[jacobian(value)]
pub fn prim_acos(x: f64) -> f64 {
    x.acos()
}

#[jacobian(value)]
pub fn prim_atan(x: f64) -> f64 {
    x.atan()
}

#[jacobian(value)]
pub fn prim_sinh(x: f64) -> f64 {
    x.sinh()
}

#[jacobian(value)]
pub fn prim_cosh(x: f64) -> f64 {
    x.cosh()
}

#[jacobian(value)]
pub fn prim_tanh(x: f64) -> f64 {
    x.tanh()
}

#[jacobian(value)]
pub fn prim_asinh(x: f64) -> f64 {
    x.asinh()
}

#[jacobian(value)]
pub fn prim_acosh(x: f64) -> f64 {
    x.acosh()
}

#[jacobian(value)]
pub fn prim_atanh(x: f64) -> f64 {
    x.atanh()
}

#[jacobian(value)]
pub fn prim_exp(x: f64) -> f64 {
    x.exp()
}

#[jacobian(value)]
pub fn prim_exp2(x: f64) -> f64 {
    x.exp2()
}

#[jacobian(value)]
pub fn prim_exp_m1(x: f64) -> f64 {
    x.exp_m1()
}

#[jacobian(value)]
pub fn prim_ln(x: f64) -> f64 {
    x.ln()
}

#[jacobian(value)]
pub fn prim_ln_1p(x: f64) -> f64 {
    x.ln_1p()
}

#[jacobian(value)]
pub fn prim_log2(x: f64) -> f64 {
    x.log2()
}

#[jacobian(value)]
pub fn prim_log10(x: f64) -> f64 {
    x.log10()
}

#[jacobian(value)]
pub fn prim_sqrt(x: f64) -> f64 {
    x.sqrt()
}

#[jacobian(value)]
pub fn prim_cbrt(x: f64) -> f64 {
    x.cbrt()
}

#[jacobian(value)]
pub fn prim_recip(x: f64) -> f64 {
    1.0 / x
}

#[jacobian(value)]
pub fn prim_powi_m3(x: f64) -> f64 {
    x.powi(-3)
}

#[jacobian(value)]
pub fn prim_powi_0(x: f64) -> f64 {
    x.powi(0)
}

#[jacobian(value)]
pub fn prim_powi_1(x: f64) -> f64 {
    x.powi(1)
}

#[jacobian(value)]
pub fn prim_powi_2(x: f64) -> f64 {
    x.powi(2)
}

#[jacobian(value)]
pub fn prim_powi_7(x: f64) -> f64 {
    x.powi(7)
}

#[jacobian(value)]
pub fn prim_powi_31(x: f64) -> f64 {
    x.powi(31)
}

#[jacobian(value)]
pub fn prim_powf_const(x: f64) -> f64 {
    x.powf(2.5)
}

#[jacobian(value)]
pub fn prim_powf_half(x: f64) -> f64 {
    x.powf(0.5)
}

#[jacobian(value)]
pub fn prim_powf_neg(x: f64) -> f64 {
    x.powf(-1.7)
}

#[jacobian(value)]
pub fn prim_powf(x: f64, y: f64) -> f64 {
    x.powf(y)
}

#[jacobian(value)]
pub fn prim_atan2(x: f64, y: f64) -> f64 {
    x.atan2(y)
}

#[jacobian(value)]
pub fn prim_hypot(x: f64, y: f64) -> f64 {
    x.hypot(y)
}

#[jacobian(value)]
pub fn prim_mul(x: f64, y: f64) -> f64 {
    x * y
}

#[jacobian(value)]
pub fn prim_div(x: f64, y: f64) -> f64 {
    x / y
}

#[jacobian(value)]
pub fn prim_sub_mul(x: f64, y: f64) -> f64 {
    (x - y) * (x + y)
}

#[jacobian(value)]
pub fn prim_mul_add(x: f64, y: f64, z: f64) -> f64 {
    x.mul_add(y, z)
}

#[jacobian(value)]
pub fn prim_abs(x: f64) -> f64 {
    x.abs()
}

#[jacobian(value)]
pub fn prim_max(x: f64, y: f64) -> f64 {
    x.max(y)
}

#[jacobian(value)]
pub fn prim_min(x: f64, y: f64) -> f64 {
    x.min(y)
}
