//! Hyper-dual numbers with a bound of their rounding errors.
//!
//! A number is `v + a·ε₁ + b·ε₂ + ab·ε₁ε₂`, so one run of a function has its derivative along two directions and the
//! second derivative along both. With each part goes a bound of its error in units of rounding, carried by the same
//! rules: at a point where the function is badly conditioned the bound is large, and nothing is said about it.

use std::cell::Cell;
use std::cmp::Ordering;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Rem, RemAssign, Sub, SubAssign};

#[derive(Clone, Copy, Debug)]
pub struct H {
    /// The value, the two tangents and the second derivative.
    pub p: [f64; 4],
    /// Bounds of their errors, in units of rounding.
    pub e: [f64; 4],
}

thread_local! {
    /// The unit of rounding of the functions that are compared.
    pub(crate) static UNIT: Cell<f64> = const { Cell::new(f64::EPSILON) };
    /// Whether this run came to a kink.
    pub(crate) static AT_KINK: Cell<bool> = const { Cell::new(false) };
    /// Whether a decision of this run hangs on rounding.
    pub(crate) static UNSTABLE: Cell<bool> = const { Cell::new(false) };
}

/// A constant.
pub const fn c(v: f64) -> H {
    H { p: [v, 0.0, 0.0, 0.0], e: [0.0; 4] }
}

/// A product in which a structural zero annihilates.
fn times(a: f64, b: f64) -> f64 {
    if a == 0.0 || b == 0.0 {
        0.0
    } else {
        a * b
    }
}

/// Whether the floats of the functions that are compared have this number.
fn fits(v: f64) -> bool {
    UNIT.get() == f64::EPSILON || f64::from(v as f32) == v
}

/// A function of two numbers: its value, the two first derivatives and the three second ones.
struct Local {
    f: f64,
    d: [f64; 2],
    dd: [f64; 3],
    exact: bool,
}

impl Local {
    fn at(&self, mut x: H, mut y: H) -> H {
        x.round_constant();
        y.round_constant();
        let ([fx, fy], [fxx, fxy, fyy]) = (self.d, self.dd);
        // 0 times what overflowed: whether the 0 is structural is not seen here
        let lost = |f: f64, t: &H| f == 0.0 && t.p.iter().any(|p| !p.is_finite());
        if lost(fx, &x) || lost(fy, &y) || !x.is_in_range() || !y.is_in_range() {
            UNSTABLE.set(true);
        }
        let first = |k: usize| times(fx, x.p[k]) + times(fy, y.p[k]);
        let pair = |f: f64, a: f64, b: f64| times(f, times(a, b));
        let ([_, xa, xb, xab], [_, ya, yb, yab]) = (x.p, y.p);
        let second = [pair(fxx, xa, xb), pair(fxy, xa, yb), pair(fxy, ya, xb), pair(fyy, ya, yb)];
        let p = [self.f, first(1), first(2), first(3) + second.iter().sum::<f64>()];
        // how wrong the derivatives are because the values are
        let (dx, dy) = (times(fxx.abs(), x.e[0]) + times(fxy.abs(), y.e[0]), times(fxy.abs(), x.e[0]) + times(fyy.abs(), y.e[0]));
        let error = |k: usize| {
            let inherited = times(fx.abs(), x.e[k]) + times(fy.abs(), y.e[k]) + times(dx, x.p[k].abs()) + times(dy, y.p[k].abs());
            inherited + times(fx, x.p[k]).abs() + times(fy, y.p[k]).abs()
        };
        let both = |f: f64, a: usize, s: &H, b: usize, t: &H| times(f.abs(), times(s.e[a], t.p[b].abs()) + times(s.p[a].abs(), t.e[b]));
        let of_second = both(fxx, 1, &x, 2, &x) + both(fxy, 1, &x, 2, &y) + both(fxy, 1, &y, 2, &x) + both(fyy, 1, &y, 2, &y);
        // third derivatives are not known; they are about as large as the second ones
        let third = (fxx.abs() + fxy.abs() + fyy.abs()) * (x.e[0] + y.e[0]) * (xa.abs() + ya.abs()) * (xb.abs() + yb.abs());
        // what narrower floats do not have is 0 there
        let underflow = if self.f != 0.0 && UNIT.get() > f64::EPSILON && self.f.abs() < f64::from(f32::MIN_POSITIVE) {
            f64::from(f32::MIN_POSITIVE) / UNIT.get()
        } else {
            0.0
        };
        let rounding = if self.exact { 0.0 } else { self.f.abs() } + underflow;
        let value = times(fx.abs(), x.e[0]) + times(fy.abs(), y.e[0]) + rounding;
        let _ = (xab, yab);
        H { p, e: [value, error(1), error(2), error(3) + of_second + third + second.iter().map(|s| s.abs()).sum::<f64>()] }
    }
}

impl H {
    pub fn new(v: f64, a: f64, b: f64) -> H {
        H { p: [v, a, b, 0.0], e: [0.0; 4] }
    }

    fn v(self) -> f64 {
        self.p[0]
    }

    /// Whether narrower floats would not have overflowed.
    fn is_in_range(&self) -> bool {
        UNIT.get() == f64::EPSILON || self.p.iter().all(|p| p.is_infinite() || p.abs() <= f64::from(f32::MAX))
    }

    /// A number that these have exactly is rounded in the functions that are compared, if their floats are narrower.
    fn round_constant(&mut self) {
        if self.e[0] == 0.0 && !fits(self.p[0]) {
            self.e[0] = self.p[0].abs();
        }
    }

    fn chain(self, f: f64, d: f64, dd: f64) -> H {
        // slopes tell nothing of what is that far off: `tanh` of it is 1 or -1, and flat at both
        if UNIT.get() * 1e3 * self.e[0] > 0.1_f64.max(0.01 * self.v().abs()) {
            UNSTABLE.set(true);
        }
        Local { f, d: [d, 0.0], dd: [dd, 0.0, 0.0], exact: false }.at(self, c(0.0))
    }

    /// A decision between the values of two numbers hangs on rounding if they are as near as their errors allow,
    /// and not equal beyond doubt.
    fn decide(self, other: H) -> Option<Ordering> {
        let slack = UNIT.get() * 1e3 * (self.e[0] + other.e[0]);
        let apart = (self.v() - other.v()).abs();
        if apart <= slack && slack > 0.0 || apart.is_nan() && self.v() != other.v() {
            UNSTABLE.set(true);
        }
        self.v().partial_cmp(&other.v())
    }

    fn mean(self, other: H) -> H {
        self.chosen(other, 0.5)
    }

    fn chosen(self, other: H, weight: f64) -> H {
        let mix = |a: f64, b: f64| weight * a + (1.0 - weight) * b;
        H { p: std::array::from_fn(|k| mix(self.p[k], other.p[k])), e: std::array::from_fn(|k| mix(self.e[k], other.e[k])) }
    }

    /// A function that is constant between jumps.
    fn step(self, f: fn(f64) -> f64) -> H {
        let slack = UNIT.get() * 1e3 * self.e[0];
        if slack > 0.0 && f(self.v() - slack) != f(self.v() + slack) {
            UNSTABLE.set(true);
        }
        H { e: [0.0; 4], ..c(f(self.v())) }
    }

    pub fn sin(self) -> H {
        let (s, k) = self.v().sin_cos();
        self.chain(s, k, -s)
    }
    pub fn cos(self) -> H {
        let (s, k) = self.v().sin_cos();
        self.chain(k, -s, -k)
    }
    pub fn sin_cos(self) -> (H, H) {
        (self.sin(), self.cos())
    }
    pub fn tan(self) -> H {
        let t = self.v().tan();
        self.chain(t, 1.0 + t * t, 2.0 * t * (1.0 + t * t))
    }
    pub fn asin(self) -> H {
        let w = (1.0 - self.v()) * (1.0 + self.v());
        self.chain(self.v().asin(), 1.0 / w.sqrt(), self.v() / (w * w.sqrt()))
    }
    pub fn acos(self) -> H {
        let w = (1.0 - self.v()) * (1.0 + self.v());
        self.chain(self.v().acos(), -1.0 / w.sqrt(), -self.v() / (w * w.sqrt()))
    }
    pub fn atan(self) -> H {
        let w = 1.0 + self.v() * self.v();
        self.chain(self.v().atan(), 1.0 / w, -2.0 * self.v() / (w * w))
    }
    pub fn sinh(self) -> H {
        self.chain(self.v().sinh(), self.v().cosh(), self.v().sinh())
    }
    pub fn cosh(self) -> H {
        self.chain(self.v().cosh(), self.v().sinh(), self.v().cosh())
    }
    pub fn tanh(self) -> H {
        let (t, k) = (self.v().tanh(), self.v().cosh());
        self.chain(t, 1.0 / k / k, -2.0 * t / k / k)
    }
    pub fn asinh(self) -> H {
        let w = self.v().hypot(1.0);
        self.chain(self.v().asinh(), 1.0 / w, -self.v() / (w * w * w))
    }
    pub fn acosh(self) -> H {
        let w = ((self.v() - 1.0) * (self.v() + 1.0)).sqrt();
        self.chain(self.v().acosh(), 1.0 / w, -self.v() / (w * w * w))
    }
    pub fn atanh(self) -> H {
        let w = (1.0 - self.v()) * (1.0 + self.v());
        self.chain(self.v().atanh(), 1.0 / w, 2.0 * self.v() / (w * w))
    }
    pub fn exp(self) -> H {
        let y = self.v().exp();
        self.chain(y, y, y)
    }
    pub fn exp2(self) -> H {
        let (y, l) = (self.v().exp2(), std::f64::consts::LN_2);
        self.chain(y, y * l, y * l * l)
    }
    pub fn exp_m1(self) -> H {
        let y = self.v().exp();
        self.chain(self.v().exp_m1(), y, y)
    }
    pub fn ln(self) -> H {
        self.chain(self.v().ln(), 1.0 / self.v(), -1.0 / (self.v() * self.v()))
    }
    pub fn ln_1p(self) -> H {
        let w = 1.0 + self.v();
        self.chain(self.v().ln_1p(), 1.0 / w, -1.0 / (w * w))
    }
    pub fn log2(self) -> H {
        let l = std::f64::consts::LN_2;
        self.chain(self.v().log2(), 1.0 / (self.v() * l), -1.0 / (self.v() * self.v() * l))
    }
    pub fn log10(self) -> H {
        let l = std::f64::consts::LN_10;
        self.chain(self.v().log10(), 1.0 / (self.v() * l), -1.0 / (self.v() * self.v() * l))
    }
    pub fn log(self, base: H) -> H {
        self.ln() / base.ln()
    }
    pub fn sqrt(self) -> H {
        let y = self.v().sqrt();
        self.chain(y, 0.5 / y, -0.25 / (y * y * y))
    }
    pub fn cbrt(self) -> H {
        let y = self.v().cbrt();
        self.chain(y, 1.0 / (3.0 * y * y), -2.0 / (9.0 * y.powi(5)))
    }
    pub fn recip(self) -> H {
        c(1.0) / self
    }
    pub fn powi(self, n: i32) -> H {
        self.power(f64::from(n), self.v().powi(n))
    }
    /// To a constant power: the coefficient that is 0 annihilates.
    fn power(self, n: f64, value: f64) -> H {
        let d = times(n, self.v().powf(n - 1.0));
        let dd = if n * (n - 1.0) == 0.0 { 0.0 } else { n * (n - 1.0) * self.v().powf(n - 2.0) };
        self.chain(value, if n == 0.0 { 0.0 } else { d }, dd)
    }
    pub fn powf(self, n: H) -> H {
        let (x, y, f) = (self.v(), n.v(), self.v().powf(n.v()));
        if n.p[1..] == [0.0; 3] && n.e[0] == 0.0 {
            return self.power(y, f);
        }
        let l = x.ln();
        let below = x.powf(y - 1.0);
        Local { f, d: [y * below, f * l], dd: [y * (y - 1.0) * x.powf(y - 2.0), below * (1.0 + y * l), f * l * l], exact: false }
            .at(self, n)
    }
    pub fn hypot(self, other: H) -> H {
        let (x, y) = (self.v(), other.v());
        let r = x.hypot(y);
        let (s, k) = (x / r, y / r);
        Local { f: r, d: [s, k], dd: [k * k / r, -s * k / r, s * s / r], exact: false }.at(self, other)
    }
    pub fn atan2(self, x: H) -> H {
        let (y, x_) = (self.v(), x.v());
        if y == 0.0 && x_ <= 0.0 {
            UNSTABLE.set(true); // the sign of a zero decides
        }
        let r = x_.hypot(y);
        let (s, k) = (y / r, x_ / r);
        let (a, b) = (k / r, s / r);
        Local { f: y.atan2(x_), d: [a, -b], dd: [-2.0 * a * b, b * b - a * a, 2.0 * a * b], exact: false }.at(self, x)
    }
    pub fn mul_add(self, a: H, b: H) -> H {
        self * a + b
    }
    pub fn abs(self) -> H {
        match self.decide(c(0.0)) {
            Some(Ordering::Less) => -self,
            Some(Ordering::Equal) => {
                AT_KINK.set(true);
                H { p: [0.0; 4], ..self }
            }
            _ => self,
        }
    }
    pub fn max(self, other: H) -> H {
        match self.decide(other) {
            Some(Ordering::Greater) => self,
            Some(Ordering::Less) => other,
            Some(Ordering::Equal) => self.at_tie(other),
            None => c(f64::NAN),
        }
    }
    pub fn min(self, other: H) -> H {
        match self.decide(other) {
            Some(Ordering::Less) => self,
            Some(Ordering::Greater) => other,
            Some(Ordering::Equal) => self.at_tie(other),
            None => c(f64::NAN),
        }
    }
    fn at_tie(self, other: H) -> H {
        AT_KINK.set(true);
        self.mean(other)
    }
    pub fn clamp(self, low: H, high: H) -> H {
        self.max(low).min(high)
    }
    pub fn signum(self) -> H {
        self.signed();
        c(self.v().signum())
    }
    /// The sign is asked for: that of a zero, and what is nearly one, hangs on rounding.
    fn signed(self) {
        if self.v().abs() <= UNIT.get() * 1e3 * self.e[0] || self.v() == 0.0 {
            UNSTABLE.set(true);
        }
    }
    pub fn copysign(self, sign: H) -> H {
        sign.signed();
        let a = self.abs();
        if sign.v() < 0.0 {
            -a
        } else {
            a
        }
    }
    pub fn floor(self) -> H {
        self.step(f64::floor)
    }
    pub fn ceil(self) -> H {
        self.step(f64::ceil)
    }
    pub fn round(self) -> H {
        self.step(f64::round)
    }
    pub fn trunc(self) -> H {
        self.step(f64::trunc)
    }
    pub fn fract(self) -> H {
        self - self.trunc()
    }
    pub fn to_radians(self) -> H {
        self * c(std::f64::consts::PI / 180.0)
    }
    pub fn to_degrees(self) -> H {
        self * c(180.0 / std::f64::consts::PI)
    }
    pub fn rem_euclid(self, b: H) -> H {
        let r = self % b;
        if r < c(0.0) {
            r + b.abs()
        } else {
            r
        }
    }
    pub fn is_finite(self) -> bool {
        self.v().is_finite()
    }
    pub fn is_nan(self) -> bool {
        self.v().is_nan()
    }
}

impl Add for H {
    type Output = H;
    fn add(self, o: H) -> H {
        let (a, b) = (self.v(), o.v());
        let f = a + b;
        let big = f - a;
        let exact = fits(f) && (a - (f - big)) + (b - big) == 0.0;
        Local { f, d: [1.0, 1.0], dd: [0.0; 3], exact }.at(self, o)
    }
}
impl Neg for H {
    type Output = H;
    fn neg(self) -> H {
        H { p: self.p.map(|x| -x), e: self.e }
    }
}
impl Neg for &H {
    type Output = H;
    fn neg(self) -> H {
        -*self
    }
}
impl Sub for H {
    type Output = H;
    fn sub(self, o: H) -> H {
        self + -o
    }
}
impl Mul for H {
    type Output = H;
    fn mul(self, o: H) -> H {
        let f = self.v() * o.v();
        let exact = fits(f) && self.v().mul_add(o.v(), -f) == 0.0;
        Local { f, d: [o.v(), self.v()], dd: [0.0, 1.0, 0.0], exact }.at(self, o)
    }
}
impl Div for H {
    type Output = H;
    fn div(self, o: H) -> H {
        let (x, y) = (self.v(), o.v());
        let f = x / y;
        let exact = fits(f) && f.mul_add(y, -x) == 0.0;
        Local { f, d: [1.0 / y, -f / y], dd: [0.0, -1.0 / (y * y), 2.0 * f / (y * y)], exact }.at(self, o)
    }
}
impl Rem for H {
    type Output = H;
    fn rem(self, o: H) -> H {
        self - (self / o).trunc() * o
    }
}

macro_rules! by_reference {
    ($($trait:ident $f:ident $assign:ident $g:ident;)*) => { $(
        impl $trait<&H> for H { type Output = H; fn $f(self, o: &H) -> H { $trait::$f(self, *o) } }
        impl $trait<H> for &H { type Output = H; fn $f(self, o: H) -> H { $trait::$f(*self, o) } }
        impl $trait<&H> for &H { type Output = H; fn $f(self, o: &H) -> H { $trait::$f(*self, *o) } }
        impl $assign for H { fn $g(&mut self, o: H) { *self = $trait::$f(*self, o); } }
        impl $assign<&H> for H { fn $g(&mut self, o: &H) { *self = $trait::$f(*self, *o); } }
    )* };
}
by_reference! { Add add AddAssign add_assign; Sub sub SubAssign sub_assign; Mul mul MulAssign mul_assign; Div div DivAssign div_assign; Rem rem RemAssign rem_assign; }

impl PartialEq for H {
    fn eq(&self, o: &H) -> bool {
        self.decide(*o) == Some(Ordering::Equal)
    }
}
impl PartialOrd for H {
    fn partial_cmp(&self, o: &H) -> Option<Ordering> {
        self.decide(*o)
    }
}
impl std::iter::Sum for H {
    fn sum<I: Iterator<Item = H>>(items: I) -> H {
        items.fold(c(0.0), |a, b| a + b)
    }
}
impl<'a> std::iter::Sum<&'a H> for H {
    fn sum<I: Iterator<Item = &'a H>>(items: I) -> H {
        items.copied().sum()
    }
}
impl std::iter::Product for H {
    fn product<I: Iterator<Item = H>>(items: I) -> H {
        items.fold(c(1.0), |a, b| a * b)
    }
}
impl<'a> std::iter::Product<&'a H> for H {
    fn product<I: Iterator<Item = &'a H>>(items: I) -> H {
        items.copied().product()
    }
}
impl num_traits::Zero for H {
    fn zero() -> H {
        c(0.0)
    }
    fn is_zero(&self) -> bool {
        self.p == [0.0; 4]
    }
}
impl num_traits::One for H {
    fn one() -> H {
        c(1.0)
    }
}
impl num_traits::FromPrimitive for H {
    fn from_i64(n: i64) -> Option<H> {
        Some(c(n as f64))
    }
    fn from_u64(n: u64) -> Option<H> {
        Some(c(n as f64))
    }
}
impl ndarray::ScalarOperand for H {}
