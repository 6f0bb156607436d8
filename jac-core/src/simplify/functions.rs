//! Elementary functions of their own, to about ten digits: for sampling, where equal input must give equal
//! decisions on every machine, and libm's last digits differ from one to the next.
//!
//! Only operations that IEEE 754 prescribes are used.

use crate::ops::Op;
use std::f64::consts::{FRAC_PI_2, LN_10, LN_2, PI, TAU};

/// The value of an elementary function and its slope by each argument.
pub fn function(op: Op, a: f64, b: f64) -> (f64, [f64; 2]) {
    let one = |value: f64, slope: f64| (value, [slope, 0.0]);
    match op {
        Op::Exp => one(exp(a), exp(a)),
        Op::Exp2 => one(exp(a * LN_2), exp(a * LN_2) * LN_2),
        Op::ExpM1 => one(exp_m1(a), exp(a)),
        Op::Ln => one(ln(a), 1.0 / a),
        Op::Ln1p => one(ln_1p(a), 1.0 / (1.0 + a)),
        Op::Log2 => one(ln(a) / LN_2, 1.0 / (a * LN_2)),
        Op::Log10 => one(ln(a) / LN_10, 1.0 / (a * LN_10)),
        Op::Sin => one(sin(a), cos(a)),
        Op::Cos => one(cos(a), sin(a)),
        Op::Tan => {
            let tan = sin(a) / cos(a);
            one(tan, 1.0 + tan * tan)
        }
        Op::Asin => one(atan2(a, half_circle(a)), 1.0 / half_circle(a)),
        Op::Acos => one(atan2(half_circle(a), a), 1.0 / half_circle(a)),
        Op::Atan => one(atan(a), 1.0 / (1.0 + a * a)),
        Op::Sinh => one(sinh(a), cosh(a)),
        Op::Cosh => one(cosh(a), sinh(a)),
        Op::Tanh => {
            let e = exp_m1(2.0 * a);
            one(if e.is_infinite() { 1.0 } else { e / (e + 2.0) }, 1.0 / (cosh(a) * cosh(a)))
        }
        Op::Asinh => one(asinh(a), 1.0 / hypot(a, 1.0)),
        Op::Acosh => {
            let legs = (a - 1.0).sqrt() * (a + 1.0).sqrt();
            one(ln(a + legs), 1.0 / legs)
        }
        Op::Atanh => one(0.5 * ln_1p(2.0 * a / (1.0 - a)), 1.0 / ((1.0 - a) * (1.0 + a))),
        Op::Cbrt => {
            let cbrt = exp(ln(a.abs()) / 3.0).copysign(a);
            one(cbrt, cbrt / (3.0 * a))
        }
        Op::Hypot => {
            let length = hypot(a, b);
            (length, [a / length, b / length])
        }
        Op::Atan2 => {
            let length = hypot(a, b);
            (atan2(a, b), [b / length / length, a / length / length])
        }
        Op::Pow => {
            let power = if a > 0.0 { exp(b * ln(a)) } else { integer_power(a, b) };
            (power, [b * power / a, power * ln(a)])
        }
        _ => (f64::NAN, [f64::NAN; 2]),
    }
}

/// A power of what is not positive, which an integer exponent has.
fn integer_power(a: f64, b: f64) -> f64 {
    match (a == 0.0, b.fract() == 0.0) {
        (true, _) if b > 0.0 => 0.0,
        (true, _) => f64::INFINITY,
        (false, true) if b % 2.0 == 0.0 => exp(b * ln(-a)),
        (false, true) => -exp(b * ln(-a)),
        (false, false) => f64::NAN,
    }
}

/// `Σ xᵏ/k!`, from the given term on, for small `x`.
fn exponential_series(x: f64, first: i32) -> f64 {
    (first.max(1)..20).rev().fold(0.0, |sum, k| (sum + 1.0) * x / f64::from(k)) + if first == 0 { 1.0 } else { 0.0 }
}

fn exp(x: f64) -> f64 {
    if !(-746.0..=710.0).contains(&x) {
        return if x > 0.0 { f64::INFINITY } else { x * 0.0 };
    }
    let k = (x / LN_2).round();
    // in two steps, of which none is out of range
    let half = (k / 2.0).trunc();
    exponential_series(x - k * LN_2, 0) * two_to(half) * two_to(k - half)
}

fn two_to(k: f64) -> f64 {
    f64::from_bits(((k + 1023.0) as u64) << 52)
}

fn exp_m1(x: f64) -> f64 {
    if x.abs() < 0.3 {
        exponential_series(x, 1)
    } else {
        exp(x) - 1.0
    }
}

/// `2·atanh(t)`, for small `t`.
fn twice_atanh(t: f64) -> f64 {
    2.0 * t * (0..14).rev().fold(0.0, |sum, k| sum * t * t + 1.0 / f64::from(2 * k + 1))
}

fn ln(x: f64) -> f64 {
    if x <= 0.0 || !x.is_finite() {
        return match x {
            f64::INFINITY => x,
            0.0 => f64::NEG_INFINITY,
            _ => f64::NAN,
        };
    }
    let (scaled, shift) = if x < f64::MIN_POSITIVE { (x * two_to(60.0), -60.0) } else { (x, 0.0) };
    let exponent = (scaled.to_bits() >> 52) as f64 - 1023.0;
    let m = f64::from_bits(scaled.to_bits() & 0x000f_ffff_ffff_ffff | 0x3ff0_0000_0000_0000);
    // around 1, so that nothing cancels
    let (m, exponent) = if m > 1.5 { (m / 2.0, exponent + 1.0) } else { (m, exponent) };
    twice_atanh((m - 1.0) / (m + 1.0)) + (exponent + shift) * LN_2
}

fn ln_1p(x: f64) -> f64 {
    if x.abs() < 0.3 {
        twice_atanh(x / (2.0 + x))
    } else {
        ln(1.0 + x)
    }
}

/// The angle within half a turn of 0.
fn turned(x: f64) -> f64 {
    let r = x % TAU;
    if r > PI {
        r - TAU
    } else if r < -PI {
        r + TAU
    } else {
        r
    }
}

fn sin(x: f64) -> f64 {
    let r = turned(x);
    r * (1..14).rev().fold(0.0, |sum, k| (sum + 1.0) * -(r * r) / f64::from(2 * k * (2 * k + 1))) + r
}

fn cos(x: f64) -> f64 {
    let r = turned(x);
    (1..15).rev().fold(0.0, |sum, k| (sum + 1.0) * -(r * r) / f64::from(2 * k * (2 * k - 1))) + 1.0
}

fn atan(x: f64) -> f64 {
    if x.abs() > 1.0 {
        return FRAC_PI_2.copysign(x) - atan(1.0 / x);
    }
    // twice half the angle, twice
    let half = |t: f64| t / (1.0 + (1.0 + t * t).sqrt());
    let t = half(half(x));
    4.0 * t * (0..14).rev().fold(0.0, |sum, k| 1.0 / f64::from(2 * k + 1) - sum * t * t)
}

fn atan2(y: f64, x: f64) -> f64 {
    if x.abs() >= y.abs() {
        let near = atan(y / x);
        if x >= 0.0 {
            near
        } else {
            near + PI.copysign(y)
        }
    } else {
        FRAC_PI_2.copysign(y) - atan(x / y)
    }
}

fn half_circle(x: f64) -> f64 {
    ((1.0 - x) * (1.0 + x)).sqrt()
}

fn sinh(x: f64) -> f64 {
    let e = exp_m1(x.abs());
    (if e.is_infinite() { e } else { (e + e / (e + 1.0)) / 2.0 }).copysign(x)
}

fn cosh(x: f64) -> f64 {
    (exp(x) + exp(-x)) / 2.0
}

fn asinh(x: f64) -> f64 {
    let size = x.abs();
    let value = if size > 1e8 { ln(size) + LN_2 } else { ln_1p(size + size * size / (1.0 + hypot(size, 1.0))) };
    value.copysign(x)
}

fn hypot(x: f64, y: f64) -> f64 {
    let (large, small) = if x.abs() > y.abs() { (x.abs(), y.abs()) } else { (y.abs(), x.abs()) };
    if large == 0.0 || large.is_infinite() {
        return large;
    }
    let ratio = small / large;
    large * (1.0 + ratio * ratio).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_those_of_the_table() {
        let unary = Op::ALL.iter().filter(|op| op.entry().arity == 1 && op.entry().cost >= 40);
        for &op in unary {
            for size in [1e-300, 1e-12, 1e-3, 0.1, 0.29, 0.31, 0.7, 0.99, 1.01, 1.6, 3.0, 40.0, 650.0, 1e5, 1e200] {
                for x in [size, -size] {
                    let (ours, theirs) = (function(op, x, x).0, (op.entry().value)(&[x]));
                    // an angle that large has few digits here
                    let tolerance = if size > 1e4 && matches!(op, Op::Sin | Op::Cos | Op::Tan) { f64::INFINITY } else { 1e-10 };
                    let near = ours == theirs || ours.is_nan() && theirs.is_nan() || (ours - theirs).abs() <= tolerance * theirs.abs();
                    assert!(near || !ours.is_nan() && tolerance.is_infinite(), "{} of {x}: {ours}, not {theirs}", op.name());
                }
            }
        }
        for op in [Op::Atan2, Op::Hypot, Op::Pow] {
            for (x, y) in [(0.5, 2.0), (-0.5, 2.0), (3.0, -1.5), (-3.0, -2.0), (1e-200, 1e-200), (1e150, 2.0), (-2.0, 3.0), (0.0, 2.0)] {
                let (ours, theirs) = (function(op, x, y).0, (op.entry().value)(&[x, y]));
                assert!(ours == theirs || (ours - theirs).abs() <= 1e-9 * theirs.abs(), "{} of {x}, {y}: {ours}, not {theirs}", op.name());
            }
        }
    }
}
