//! How far the functions of `elementary.rs` and `wide` are from the numbers themselves.
//!
//! These are computed in two parts, of some 100 bits: exponentials, sines and cosines by their series, the others by a Newton
//! step of those from what the standard library says.

extern crate std;
use super::{Functions, Lane, F32, F64};
use core::array::from_fn;
use core::ops::{Add, Div, Mul, Sub};
use std::{format, println, string::String, vec, vec::Vec};

/// A number in two parts.
#[derive(Clone, Copy, Debug)]
struct Two(f64, f64);

impl Two {
    fn sum(a: f64, b: f64) -> Two {
        let sum = a + b;
        let of_b = sum - a;
        Two(sum, (a - (sum - of_b)) + (b - of_b))
    }

    fn product(a: f64, b: f64) -> Two {
        let product = a * b;
        Two(product, a.mul_add(b, -product))
    }

    fn sqrt(self) -> Two {
        if self.0 == 0.0 {
            return self;
        }
        let root = Two(self.0.sqrt(), 0.0);
        root + (self - root * root) / (root + root)
    }

    fn abs(self) -> Two {
        if self.0 < 0.0 {
            Two(0.0, 0.0) - self
        } else {
            self
        }
    }

    /// Twice, again and again, or halved.
    fn scaled(self, power: i32) -> Two {
        let half = 2.0_f64.powi(power / 2);
        let rest = 2.0_f64.powi(power - power / 2);
        Two(self.0 * half * rest, self.1 * half * rest)
    }

    /// `eˣ − 1` of what is below 0.01.
    fn small_exp_m1(self) -> Two {
        (1..=14).rev().fold(Two(0.0, 0.0), |sum, n| (sum + Two(1.0, 0.0)) * self / Two(f64::from(n), 0.0))
    }

    fn exp_m1(self) -> Two {
        if self.0.abs() < 0.3 {
            // (1 + t)² − 1 = t·(2 + t)
            return (0..5).fold(self.scaled(-5).small_exp_m1(), |t, _| t * (t + Two(2.0, 0.0)));
        }
        self.exp() - Two(1.0, 0.0)
    }

    fn exp(self) -> Two {
        let k = (self.0 / core::f64::consts::LN_2).round();
        let r = self - Two(k, 0.0) * LN_2;
        let t = (0..6).fold(r.scaled(-6).small_exp_m1(), |t, _| t * (t + Two(2.0, 0.0)));
        (t + Two(1.0, 0.0)).scaled(k as i32)
    }

    /// `ln(1 + x)`.
    fn ln_1p(self) -> Two {
        let y = Two(self.0.ln_1p(), 0.0);
        let e = y.exp_m1();
        y + (self - e) / (e + Two(1.0, 0.0))
    }

    fn ln(self) -> Two {
        if (self.0 - 1.0).abs() < 0.3 {
            return (self - Two(1.0, 0.0)).ln_1p();
        }
        let y = Two(self.0.ln(), 0.0);
        let e = y.exp();
        let step = (self - e) / e;
        y + step - step * step * Two(0.5, 0.0)
    }

    fn sin_cos(self) -> (Two, Two) {
        let k = (self.0 / core::f64::consts::FRAC_PI_2).round();
        let r = ((self - Two::product(k, HALF_PI[0])) - Two::product(k, HALF_PI[1])) - Two::product(k, HALF_PI[2]);
        let square = r * r;
        let series = |first: i32| {
            (0..14).rev().fold(Two(0.0, 0.0), |sum, n| {
                let below = f64::from((first + 2 * n + 1) * (first + 2 * n + 2));
                Two(1.0, 0.0) - sum * square / Two(below, 0.0)
            })
        };
        let (sin, cos, zero) = (r * series(1), series(0), Two(0.0, 0.0));
        match (k as i64).rem_euclid(4) {
            0 => (sin, cos),
            1 => (cos, zero - sin),
            2 => (zero - sin, zero - cos),
            _ => (zero - cos, sin),
        }
    }

    /// The angle of the point `(x, y)`.
    fn atan2(y: Two, x: Two) -> Two {
        let angle = Two(y.0.atan2(x.0), 0.0);
        let (sin, cos) = angle.sin_cos();
        angle + (y * cos - x * sin) / (x * cos + y * sin)
    }
}

impl Add for Two {
    type Output = Two;
    fn add(self, other: Two) -> Two {
        let (Two(sum, lost), Two(low, lower)) = (Two::sum(self.0, other.0), Two::sum(self.1, other.1));
        let Two(sum, lost) = Two::sum(sum, lost + low);
        Two::sum(sum, lost + lower)
    }
}

impl Sub for Two {
    type Output = Two;
    fn sub(self, other: Two) -> Two {
        self + Two(-other.0, -other.1)
    }
}

impl Mul for Two {
    type Output = Two;
    fn mul(self, other: Two) -> Two {
        let Two(product, lost) = Two::product(self.0, other.0);
        Two::sum(product, lost + (self.0 * other.1 + self.1 * other.0))
    }
}

impl Div for Two {
    type Output = Two;
    fn div(self, other: Two) -> Two {
        let first = self.0 / other.0;
        let rest = self - Two(first, 0.0) * other;
        let second = rest.0 / other.0;
        let rest = rest - Two(second, 0.0) * other;
        Two::sum(first, second) + Two(rest.0 / other.0, 0.0)
    }
}

const LN_2: Two = Two(core::f64::consts::LN_2, 2.319_046_813_846_299_6e-17);
const HALF_PI: [f64; 3] = [core::f64::consts::FRAC_PI_2, 6.123_233_995_736_766e-17, -1.497_384_904_859_169_8e-33];
const ONE: Two = Two(1.0, 0.0);

/// The function of a name.
fn exact(name: &str, x: f64, y: f64) -> Two {
    let (a, b) = (Two(x, 0.0), Two(y, 0.0));
    let half = Two(0.5, 0.0);
    match name {
        "exp" => a.exp(),
        "exp2" => (a * LN_2).exp(),
        "exp_m1" if x < -80.0 => Two(-1.0, 0.0),
        "exp_m1" => a.exp_m1(),
        "ln" => a.ln(),
        "ln_1p" => a.ln_1p(),
        "log2" => a.ln() / LN_2,
        "log10" => a.ln() / Two(10.0, 0.0).ln(),
        "sin" => a.sin_cos().0,
        "cos" => a.sin_cos().1,
        "tan" => a.sin_cos().0 / a.sin_cos().1,
        "asin" => Two::atan2(a, ((ONE - a) * (ONE + a)).sqrt()),
        "acos" => Two::atan2(((ONE - a) * (ONE + a)).sqrt(), a),
        "atan" if x.abs() > 1e100 => Two::atan2(a.scaled(-300), ONE.scaled(-300)),
        "atan" => Two::atan2(a, ONE),
        "sinh" => {
            let e = a.exp_m1();
            half * (e + e / (e + ONE))
        }
        "cosh" => half * (a.exp() + ONE / a.exp()),
        "tanh" => {
            let e = Two(2.0 * x.abs().min(80.0), 0.0).exp_m1();
            let size = e / (e + Two(2.0, 0.0));
            if x < 0.0 {
                Two(0.0, 0.0) - size
            } else {
                size
            }
        }
        "asinh" => {
            let size = a.abs();
            let size = (size + size * size / (ONE + (size * size + ONE).sqrt())).ln_1p();
            if x < 0.0 {
                Two(0.0, 0.0) - size
            } else {
                size
            }
        }
        "acosh" => {
            let t = a - ONE;
            (t + (t * (t + Two(2.0, 0.0))).sqrt()).ln_1p()
        }
        "atanh" => {
            let (size, sign) = (a.abs(), Two(1.0_f64.copysign(x), 0.0));
            half * sign * ((size + size) / (ONE - size)).ln_1p()
        }
        "cbrt" => {
            let y = Two(x.cbrt(), 0.0);
            y - (y * y * y - a) / (Two(3.0, 0.0) * y * y)
        }
        "powf" => (a.ln() * b).exp(),
        "atan2" => Two::atan2(a, b),
        "hypot" => (a * a + b * b).sqrt(),
        _ => unreachable!("no function `{name}`"),
    }
}

/// Random numbers between 0 and 1.
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// One of an interval: anywhere, small, of any magnitude, or near 1.
    fn inside(&mut self, low: f64, high: f64) -> f64 {
        let sign = if self.unit() < 0.5 { -1.0 } else { 1.0 };
        let x = match (self.unit() * 4.0) as u8 {
            0 => low + (high - low) * self.unit(),
            1 => 4.0 * self.unit() * sign,
            2 => (1e-15_f64.max(low).ln() * self.unit() + high.abs().ln() * self.unit()).exp() * sign,
            _ => sign * (1.0 + (self.unit() - 0.5) * 10.0_f64.powf(-3.0 * self.unit())),
        };
        x.clamp(low, high)
    }
}

/// The distance, in units in the last place of the expected number.
fn ulps(found: f64, expected: Two, digits: i32) -> f64 {
    if found == expected.0 && expected.1 == 0.0 || found.is_nan() && expected.0.is_nan() {
        return 0.0;
    }
    let exponent = ((expected.0.abs().to_bits() >> 52) as i32 - 1023).max(if digits == 53 { -1022 } else { -126 });
    let unit = Two(1.0, 0.0).scaled(exponent - digits + 1).0;
    (((found - expected.0) - expected.1) / unit).abs()
}

type Unary = (&'static str, fn(F64) -> F64, fn(f64) -> f64, fn(F32) -> F32, f64, f64);
type Binary = (&'static str, fn(F64, F64) -> F64, fn(f64, f64) -> f64, fn(F32, F32) -> F32, [f64; 2], [f64; 2]);

/// The functions with the intervals in which no lane goes by itself.
fn unary() -> Vec<Unary> {
    macro_rules! unary {
        ($($name:ident $low:literal $high:literal)*) => {
            vec![$((stringify!($name), Functions::$name, f64::$name, Functions::$name, $low, $high)),*]
        };
    }
    unary! {
        exp -700.0 700.0  exp2 -1000.0 1000.0  exp_m1 -1e300 700.0  ln 1e-300 1e300  ln_1p -0.999_999_999_999_999_9 1e300
        log2 1e-300 1e300  log10 1e-300 1e300  sin -1e5 1e5  cos -1e5 1e5  tan -1e5 1e5  asin -1.0 1.0  acos -1.0 1.0
        atan -1e300 1e300  sinh -700.0 700.0  cosh -700.0 700.0  tanh -1e300 1e300  asinh -1e150 1e150  acosh 1.0 1e150
        atanh -0.999_999_999_999_999_9 0.999_999_999_999_999_9  cbrt 1e-290 1e290
    }
}

fn binary() -> Vec<Binary> {
    vec![
        ("powf", Functions::powf, f64::powf, Functions::powf, [1e-290, 1e290], [-300.0, 300.0]),
        ("atan2", Functions::atan2, f64::atan2, Functions::atan2, [-1e140, 1e140], [-1e140, 1e140]),
        ("hypot", Functions::hypot, f64::hypot, Functions::hypot, [-1e140, 1e140], [-1e140, 1e140]),
    ]
}

/// How many arguments of each function.
const ARGUMENTS: usize = 40_000;

#[test]
fn functions_are_within_2_ulp() {
    let mut random = Random(88_172_645_463_325_252);
    let mut failures = Vec::<String>::new();
    let mut judge = |name: &str, arguments: [f64; 2], found: f64, expected: Two, digits: i32, worst: &mut (f64, [f64; 2])| {
        let error = ulps(found, expected, digits);
        if error > worst.0 || error.is_nan() {
            *worst = (error, arguments);
        }
        if (error > 2.0 || error.is_nan()) && failures.len() < 20 {
            failures.push(format!("{name}({arguments:?}) of {digits} digits is {found:e}, not {:e}: {error} ulp", expected.0));
        }
    };
    for (name, lanes, _, singles, low, high) in unary() {
        let mut worst = [(0.0, [0.0; 2]); 2];
        for _ in 0..ARGUMENTS / F64::WIDTH {
            let x: [f64; F64::WIDTH] = from_fn(|_| random.inside(low, high));
            for (x, found) in x.iter().zip(lanes(F64::new(x)).to_array()) {
                judge(name, [*x, 0.0], found, exact(name, *x, 0.0), 53, &mut worst[0]);
            }
        }
        for _ in 0..ARGUMENTS / F32::WIDTH / 4 {
            // where numbers of 24 digits lie, and the function does not overflow
            let (low, high) = (low.max(if low > 0.0 { 1e-30 } else { -80.0 }), high.min(80.0));
            let x: [f32; F32::WIDTH] = from_fn(|_| random.inside(low, high) as f32);
            for (x, found) in x.iter().map(|x| f64::from(*x)).zip(singles(F32::new(x)).to_array()) {
                if x > -1.0 && x.abs() != 1.0 || name != "atanh" && name != "ln_1p" {
                    judge(name, [x, 0.0], f64::from(found), exact(name, x, 0.0), 24, &mut worst[1]);
                }
            }
        }
        println!("{name:8} {:.3} ulp at {:e}, {:.3} ulp of f32 at {:e}", worst[0].0, worst[0].1[0], worst[1].0, worst[1].1[0]);
    }
    for (name, lanes, _, singles, [low, high], [low2, high2]) in binary() {
        let mut worst = [(0.0, [0.0; 2]); 2];
        for round in 0..ARGUMENTS / F64::WIDTH {
            let x: [f64; F64::WIDTH] = from_fn(|_| random.inside(low, high));
            let y: [f64; F64::WIDTH] = from_fn(|l| match name {
                "powf" => random.inside(low2, high2).clamp(-690.0 / x[l].ln().abs(), 690.0 / x[l].ln().abs()),
                // of about the same size, or not
                _ if round % 2 == 0 => x[l] * random.inside(-3.0, 3.0),
                _ => random.inside(low2, high2),
            });
            for l in 0..F64::WIDTH {
                let found = lanes(F64::new(x), F64::new(y)).to_array()[l];
                let expected = exact(name, x[l], y[l]);
                // the series are not made for what is smaller, nor for squares of what is larger
                if expected.0.abs() > 1e-250 && x[l].abs().max(y[l].abs()) < 1e140 || name == "powf" {
                    judge(name, [x[l], y[l]], found, expected, 53, &mut worst[0]);
                }
            }
        }
        for _ in 0..ARGUMENTS / F32::WIDTH / 4 {
            let x: [f32; F32::WIDTH] = from_fn(|_| random.inside(low.max(-80.0), high.min(80.0)) as f32);
            let y: [f32; F32::WIDTH] = from_fn(|_| random.inside(-4.0, 4.0) as f32);
            for (l, found) in singles(F32::new(x), F32::new(y)).to_array().into_iter().enumerate() {
                let (x, y) = (f64::from(x[l]), f64::from(y[l]));
                let expected = exact(name, x, y);
                if (1e-30..1e30).contains(&expected.0.abs()) {
                    judge(name, [x, y], f64::from(found), expected, 24, &mut worst[1]);
                }
            }
        }
        println!("{name:8} {:.3} ulp at {:?}, {:.3} ulp of f32 at {:?}", worst[0].0, worst[0].1, worst[1].0, worst[1].1);
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

/// As equal as two numbers are whose errors are at most 2 ulp and 1 ulp: signs of zero and what is not a number included.
fn agrees(found: f64, expected: f64, digits: i32) -> bool {
    let special = expected == 0.0 || !expected.is_finite();
    if special {
        found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan()
    } else {
        ulps(found, Two(expected, 0.0), digits) <= 3.0
    }
}

const SPECIAL: [f64; 40] = [
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    0.0,
    -0.0,
    0.25,
    -0.25,
    0.4375,
    0.5,
    -0.5,
    0.6875,
    1.0,
    -1.0,
    1.0 + f64::EPSILON,
    1.0 - f64::EPSILON,
    -1.0 + f64::EPSILON,
    1.5,
    -1.5,
    2.0,
    -2.0,
    3.0,
    1e-310,
    -1e-310,
    5e-324,
    f64::MIN_POSITIVE,
    1e-200,
    -1e-200,
    1e-20,
    -1e-20,
    1e200,
    -1e200,
    1e308,
    -1e308,
    800.0,
    -800.0,
    -745.0,
    709.7,
    22.0,
    1e9,
    0.5 - f64::EPSILON,
];

#[test]
fn at_special_points_functions_are_those_of_the_standard_library() {
    let other = |x: f64| F64::new(from_fn(|l| if l == 0 { x } else { 0.5 }));
    let single = |x: f64| F32::new(from_fn(|l| if l == 0 { x as f32 } else { 0.5 }));
    for (name, lanes, float, singles, ..) in unary() {
        for x in SPECIAL {
            let found = lanes(other(x)).to_array();
            assert!(agrees(found[0], float(x), 53), "{name}({x:e}) is {:e}, not {:e}", found[0], float(x));
            assert!(agrees(found[1], float(0.5), 53), "beside {name}({x})");
            // the width of f32 is not that of the interval
            let (x, found) = (f64::from(x as f32), singles(single(x)).to_array());
            let expected = float(x) as f32;
            let expected = if expected == 0.0 { expected.copysign(float(x) as f32) } else { expected };
            assert!(agrees(f64::from(found[0]), f64::from(expected), 24), "{name}({x:e}) of f32 is {:e}, not {expected:e}", found[0]);
        }
    }
    for (name, lanes, float, singles, ..) in binary() {
        for (x, y) in SPECIAL.iter().flat_map(|x| SPECIAL.iter().map(move |y| (*x, *y))) {
            let found = lanes(other(x), other(y)).to_array();
            assert!(agrees(found[0], float(x, y), 53), "{name}({x:e}, {y:e}) is {:e}, not {:e}", found[0], float(x, y));
            assert!(agrees(found[1], float(0.5, 0.5), 53), "beside {name}({x}, {y})");
            let (x, y, found) = (f64::from(x as f32), f64::from(y as f32), singles(single(x), single(y)).to_array());
            let expected = f64::from(float(x, y) as f32);
            assert!(agrees(f64::from(found[0]), expected, 24), "{name}({x:e}, {y:e}) of f32 is {:e}, not {expected:e}", found[0]);
        }
    }
}
