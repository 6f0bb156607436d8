//! Numbers that know how far rounding may have taken them from what they stand for.

use crate::ops::Op;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// A number of the interpreters.
pub trait Real: Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self> {
    /// An exact number.
    fn new(x: f64) -> Self;
    /// What it is.
    fn rounded(self) -> Rounded;
    /// Whether it is exactly 0, and does not change with the parameters.
    fn is_zero(self) -> bool;
    /// A function of one argument.
    fn unary(self, op: Op) -> Self;
    /// `self` to the power `b`.
    fn power(self, b: Self) -> Self;
    /// The angle of the point `(x, self)`.
    fn angle(self, x: Self) -> Self;
    /// The length of `(self, b)`.
    fn length(self, b: Self) -> Self;
    /// The larger or the smaller.
    fn extreme(self, op: Op, b: Self) -> Self;
    /// A truth value as a number: it does not change with the parameters.
    fn truth(x: Rounded) -> Self;
    /// `a` where `self` holds, else `b`.
    fn select(self, a: Self, b: Self) -> Self;
    /// The same, of which nothing is certain.
    fn unknown(self) -> Self;
}

/// An operator of the table applied.
pub fn apply<R: Real>(op: Op, args: &[R]) -> R {
    match (op, args) {
        (Op::Add, &[a, b]) => a + b,
        (Op::Sub, &[a, b]) => a - b,
        (Op::Mul, &[a, b]) => a * b,
        (Op::Div, &[a, b]) => a / b,
        (Op::Neg, &[a]) => -a,
        (Op::Keep, &[a]) => a,
        (Op::MulAdd, &[a, b, c]) => a * b + c,
        (Op::Pow, &[a, b]) => a.power(b),
        (Op::Atan2, &[a, b]) => a.angle(b),
        (Op::Hypot, &[a, b]) => a.length(b),
        (Op::Max | Op::Min, &[a, b]) => a.extreme(op, b),
        (Op::Copysign, &[a, b]) => a.unary(Op::Abs) * b.unary(Op::Signum),
        (Op::Rem, &[a, b]) => a - (a / b).unary(Op::Trunc) * b,
        (Op::Select, &[c, a, b]) => c.select(a, b),
        (Op::Lt | Op::Le | Op::Eq | Op::And | Op::Or, &[a, b]) => R::truth(a.rounded().compare(op, b.rounded())),
        (Op::Not, &[a]) => R::truth(Rounded { value: 1.0 - a.rounded().value, ..a.rounded() }),
        (_, &[a]) => a.unary(op),
        _ => unreachable!("`{}` of {} arguments", op.name(), args.len()),
    }
}

/// The derivative of a function of one argument `x` whose value is `y`; not that of the table.
pub fn slope<R: Real>(op: Op, x: R, y: R) -> R {
    let one = R::new(1.0);
    match op {
        Op::Sqrt => R::new(0.5) / y,
        Op::Cbrt => y / (R::new(3.0) * x),
        Op::Exp => y,
        Op::Exp2 => y * R::new(std::f64::consts::LN_2),
        Op::ExpM1 => y + one,
        Op::Ln => one / x,
        Op::Ln1p => one / (x + one),
        Op::Log2 => R::new(std::f64::consts::LOG2_E) / x,
        Op::Log10 => R::new(std::f64::consts::LOG10_E) / x,
        Op::Sin => x.unary(Op::Cos),
        Op::Cos => -x.unary(Op::Sin),
        Op::Tan => one / (x.unary(Op::Cos) * x.unary(Op::Cos)),
        Op::Asin => one / (one - x * x).unary(Op::Sqrt),
        Op::Acos => -(one / (one - x * x).unary(Op::Sqrt)),
        Op::Atan => one / (one + x * x),
        Op::Sinh => x.unary(Op::Cosh),
        Op::Cosh => x.unary(Op::Sinh),
        Op::Tanh => one - y * y,
        Op::Asinh => one / (one + x * x).unary(Op::Sqrt),
        Op::Acosh => one / (x * x - one).unary(Op::Sqrt),
        Op::Atanh => one / (one - x * x),
        Op::Abs => R::truth(x.rounded().sign()),
        // what is constant between its steps
        _ => R::new(0.0),
    }
}

/// Half the distance from 1 to the next number: what an operation may be off, as a part of its result.
const UNIT: f64 = f64::EPSILON / 2.0;
/// Below this, results are no longer off by a part of themselves.
const TINY: f64 = 1e-290;
/// What the functions of libm are off, in units; those in use stay below two.
const OF_LIBRARY: f64 = 4.0;

/// A number, and a bound of what it is off to first order: the errors of what it was computed from,
/// carried along, and its own (Wilkinson's running error). The bound is infinite where a comparison
/// could have gone either way.
#[derive(Clone, Copy, Debug)]
pub struct Rounded {
    pub value: f64,
    pub error: f64,
}

/// An error carried along; what is exact stays so, however steep.
fn carried(slope: f64, error: f64) -> f64 {
    if error == 0.0 {
        0.0
    } else {
        slope.abs() * error
    }
}

impl Rounded {
    fn with(value: f64, carried: f64, own: f64) -> Rounded {
        let tiny = if value != 0.0 && value.abs() < TINY { TINY } else { 0.0 };
        let error = if value.is_finite() { carried + own + tiny } else { carried };
        Rounded { value, error: if error.is_nan() { f64::INFINITY } else { error } }
    }

    fn of_library(value: f64, carried: f64) -> Rounded {
        Rounded::with(value, carried, OF_LIBRARY * UNIT * value.abs())
    }

    /// The sign, 0 for 0.
    pub fn sign(self) -> Rounded {
        match self.value {
            0.0 if self.error == 0.0 => self,
            _ => self.unary(Op::Signum),
        }
    }

    /// Whether it is known to hold, or not to.
    pub fn decided(self) -> Option<bool> {
        (self.error == 0.0).then_some(self.value != 0.0)
    }

    fn compare(self, op: Op, b: Rounded) -> Rounded {
        let holds = |x: Rounded| x.value != 0.0;
        let decided = match op {
            Op::And | Op::Or => {
                let enough = op == Op::Or;
                let either = self.decided() == Some(enough) || b.decided() == Some(enough);
                either || self.decided().and(b.decided()).is_some()
            }
            _ => self.error + b.error == 0.0 || (self.value - b.value).abs() > self.error + b.error,
        };
        let value = match op {
            Op::And => holds(self) && holds(b),
            Op::Or => holds(self) || holds(b),
            Op::Lt => self.value < b.value,
            Op::Le => self.value <= b.value,
            _ => self.value == b.value,
        };
        Rounded { value: f64::from(u8::from(value)), error: if decided { 0.0 } else { f64::INFINITY } }
    }
}

impl Add for Rounded {
    type Output = Rounded;

    fn add(self, b: Rounded) -> Rounded {
        let sum = self.value + b.value;
        // Knuth's: what rounding took away, exactly
        let part = sum - self.value;
        let lost = (self.value - (sum - part)) + (b.value - part);
        Rounded::with(sum, self.error + b.error, lost.abs())
    }
}

impl Sub for Rounded {
    type Output = Rounded;

    fn sub(self, b: Rounded) -> Rounded {
        self + -b
    }
}

/// What is lost of a result below the normal numbers, unless a factor of it is 0.
fn vanished(result: f64, is_zero: bool) -> f64 {
    if result.abs() < f64::MIN_POSITIVE && !is_zero {
        f64::from_bits(1)
    } else {
        0.0
    }
}

impl Mul for Rounded {
    type Output = Rounded;

    fn mul(self, b: Rounded) -> Rounded {
        let product = self.value * b.value;
        let errors = carried(b.value, self.error) + carried(self.value, b.error) + self.error * b.error;
        let small = |x: f64| x.fract() == 0.0 && x.abs() < 1e7;
        let exact = product == 0.0 || self.value.abs() == 1.0 || b.value.abs() == 1.0 || small(self.value) && small(b.value);
        let own = if exact { 0.0 } else { UNIT * product.abs() };
        Rounded::with(product, errors, own + vanished(product, self.value == 0.0 || b.value == 0.0))
    }
}

impl Div for Rounded {
    type Output = Rounded;

    fn div(self, b: Rounded) -> Rounded {
        let quotient = self.value / b.value;
        let errors = carried(b.value.recip(), self.error) + carried(quotient / b.value, b.error);
        Rounded::with(quotient, errors, UNIT * quotient.abs() + vanished(quotient, self.value == 0.0))
    }
}

impl Neg for Rounded {
    type Output = Rounded;

    fn neg(self) -> Rounded {
        Rounded { value: -self.value, error: self.error }
    }
}

impl Real for Rounded {
    fn new(x: f64) -> Rounded {
        Rounded { value: x, error: 0.0 }
    }

    fn rounded(self) -> Rounded {
        self
    }

    fn is_zero(self) -> bool {
        self.value == 0.0 && self.error == 0.0
    }

    fn unary(self, op: Op) -> Rounded {
        let f = |x: f64| (op.entry().value)(&[x]);
        let value = f(self.value);
        match op {
            Op::Abs => Rounded { value, ..self },
            // the sign of a zero is not kept: a sum of nothing is -0
            Op::Signum if self.value == 0.0 => Rounded { value, error: f64::INFINITY },
            Op::Signum | Op::Floor | Op::Ceil | Op::Round | Op::Trunc => {
                let flat = [-self.error, self.error].iter().all(|e| f(self.value + e) == value);
                Rounded { value, error: if flat { 0.0 } else { f64::INFINITY } }
            }
            _ if self.error == 0.0 => Rounded::of_library(value, 0.0),
            _ => {
                let slope = slope(op, Rounded::new(self.value), Rounded::new(value)).value;
                Rounded::of_library(value, carried(slope, self.error))
            }
        }
    }

    fn power(self, b: Rounded) -> Rounded {
        let value = self.value.powf(b.value);
        let errors = carried(b.value * value / self.value, self.error) + carried(value * self.value.abs().ln(), b.error);
        // a power of an integer is a product of as many factors
        let factors = if b.value.fract() == 0.0 { b.value.abs() } else { 0.0 };
        Rounded::with(value, errors, (OF_LIBRARY + factors) * UNIT * value.abs())
    }

    fn angle(self, x: Rounded) -> Rounded {
        let square = self.value * self.value + x.value * x.value;
        let errors = carried(x.value / square, self.error) + carried(self.value / square, x.error);
        // it jumps by a turn at the negative axis
        let cut = x.value < 0.0 && self.value.abs() <= self.error && self.error > 0.0;
        Rounded::of_library(self.value.atan2(x.value), if cut { f64::INFINITY } else { errors })
    }

    fn length(self, b: Rounded) -> Rounded {
        let value = self.value.hypot(b.value);
        Rounded::of_library(value, carried(1.0, self.error) + carried(1.0, b.error))
    }

    fn extreme(self, op: Op, b: Rounded) -> Rounded {
        let value = (op.entry().value)(&[self.value, b.value]);
        let apart = (self.value - b.value).abs() > self.error + b.error;
        match apart {
            true if value == self.value => self,
            true => b,
            false => Rounded { value, error: self.error.max(b.error) },
        }
    }

    fn truth(x: Rounded) -> Rounded {
        x
    }

    fn select(self, a: Rounded, b: Rounded) -> Rounded {
        let taken = if self.value != 0.0 { a } else { b };
        match self.decided() {
            Some(_) => taken,
            None => taken.unknown(),
        }
    }

    fn unknown(self) -> Rounded {
        Rounded { error: f64::INFINITY, ..self }
    }
}

/// A dual number: a value and its derivative along a direction. Over dual numbers it is hyper-dual: the
/// derivative of the derivative is a second derivative, along two directions.
#[derive(Clone, Copy, Debug)]
pub struct Dual<R> {
    pub value: R,
    pub along: R,
}

impl<R: Real> Dual<R> {
    /// Carries a derivative along; what does not change stays so, however steep, but where there is no slope,
    /// nothing is known.
    fn chained(value: R, parts: [(R, R); 2]) -> Dual<R> {
        if parts.iter().any(|(slope, _)| !slope.rounded().value.is_finite()) {
            return Dual { value, along: R::new(0.0).unknown() };
        }
        let moving = parts.into_iter().filter(|(_, along)| !along.is_zero());
        let along = moving.map(|(slope, along)| slope * along).reduce(|a, b| a + b);
        Dual { value, along: along.unwrap_or(R::new(0.0)) }
    }
}

impl<R: Real> Add for Dual<R> {
    type Output = Self;

    fn add(self, b: Self) -> Self {
        Dual { value: self.value + b.value, along: self.along + b.along }
    }
}

impl<R: Real> Sub for Dual<R> {
    type Output = Self;

    fn sub(self, b: Self) -> Self {
        Dual { value: self.value - b.value, along: self.along - b.along }
    }
}

impl<R: Real> Mul for Dual<R> {
    type Output = Self;

    fn mul(self, b: Self) -> Self {
        Dual::chained(self.value * b.value, [(b.value, self.along), (self.value, b.along)])
    }
}

impl<R: Real> Div for Dual<R> {
    type Output = Self;

    fn div(self, b: Self) -> Self {
        let quotient = self.value / b.value;
        let inverse = R::new(1.0) / b.value;
        Dual::chained(quotient, [(inverse, self.along), (-(quotient * inverse), b.along)])
    }
}

impl<R: Real> Neg for Dual<R> {
    type Output = Self;

    fn neg(self) -> Self {
        Dual { value: -self.value, along: -self.along }
    }
}

impl<R: Real> Real for Dual<R> {
    fn new(x: f64) -> Self {
        Dual { value: R::new(x), along: R::new(0.0) }
    }

    fn rounded(self) -> Rounded {
        self.value.rounded()
    }

    fn is_zero(self) -> bool {
        self.value.is_zero() && self.along.is_zero()
    }

    fn unary(self, op: Op) -> Self {
        let value = self.value.unary(op);
        let steep = matches!(op, Op::Sqrt | Op::Cbrt | Op::Asin | Op::Acos | Op::Acosh);
        match self.along.is_zero() && !steep {
            true => Dual { value, along: R::new(0.0) },
            false => Dual::chained(value, [(slope(op, self.value, value), self.along), (R::new(0.0), R::new(0.0))]),
        }
    }

    fn power(self, b: Self) -> Self {
        let value = self.value.power(b.value);
        let by_base = b.value * self.value.power(b.value - R::new(1.0));
        let by_exponent = if b.along.is_zero() { R::new(0.0) } else { value * self.value.unary(Op::Ln) };
        Dual::chained(value, [(by_base, self.along), (by_exponent, b.along)])
    }

    fn angle(self, x: Self) -> Self {
        let square = self.value * self.value + x.value * x.value;
        Dual::chained(self.value.angle(x.value), [(x.value / square, self.along), (-(self.value / square), x.along)])
    }

    fn length(self, b: Self) -> Self {
        let value = self.value.length(b.value);
        Dual::chained(value, [(self.value / value, self.along), (b.value / value, b.along)])
    }

    fn extreme(self, op: Op, b: Self) -> Self {
        let value = self.value.extreme(op, b.value);
        let (first, second) = (self.rounded(), b.rounded());
        // a tie of numbers that are no results of rounding is split
        let along = if first.error + second.error == 0.0 && first.value == second.value {
            R::new(0.5) * (self.along + b.along)
        } else {
            let less = R::truth(first.compare(Op::Lt, second));
            if op == Op::Max {
                less.select(b.along, self.along)
            } else {
                less.select(self.along, b.along)
            }
        };
        Dual { value, along }
    }

    fn truth(x: Rounded) -> Self {
        Dual { value: R::truth(x), along: R::new(0.0) }
    }

    fn select(self, a: Self, b: Self) -> Self {
        Dual { value: self.value.select(a.value, b.value), along: self.value.select(a.along, b.along) }
    }

    fn unknown(self) -> Self {
        Dual { value: self.value.unknown(), along: self.along.unknown() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second derivatives that hyper-dual numbers have of each operator are those of differences.
    #[test]
    fn derivatives_are_those_of_differences() {
        for op in Op::ALL.iter().filter(|op| !op.entry().truth && **op != Op::Select) {
            for x in [[0.3, 0.7, 0.4], [1.7, 0.6, -0.2], [-0.4, 0.8, 0.3]] {
                let x = &x[..op.entry().arity];
                let value = |x: &[f64]| (op.entry().value)(x);
                if !value(x).is_finite() || *op == Op::Rem {
                    continue;
                }
                let direction = [0.5, -0.25, 1.0];
                let at = |s: f64| value(&x.iter().zip(direction).map(|(x, d)| x + s * d).collect::<Vec<f64>>());
                let args: Vec<Dual<Dual<Rounded>>> = x
                    .iter()
                    .zip(direction)
                    .map(|(x, d)| Dual {
                        value: Dual { value: Rounded::new(*x), along: Rounded::new(d) },
                        along: Dual { value: Rounded::new(d), along: Rounded::new(0.0) },
                    })
                    .collect();
                let found = apply(*op, &args);
                let h = 1e-4;
                let (first, second) = ((at(h) - at(-h)) / (2.0 * h), (at(h) - 2.0 * at(0.0) + at(-h)) / (h * h));
                let rounded = found.rounded();
                assert!((rounded.value - value(x)).abs() <= rounded.error, "{op:?} at {x:?}: {rounded:?}");
                assert!((found.along.value.value - first).abs() < 1e-6 * (1.0 + first.abs()), "{op:?} at {x:?}: {found:?}, {first}");
                assert!((found.along.along.value - second).abs() < 1e-5 * (1.0 + second.abs()), "{op:?} at {x:?}: {found:?}, {second}");
            }
        }
    }

    #[test]
    fn errors_are_bounded() {
        // the bound holds against the exact value, and is not wide
        let third = Rounded::new(1.0) / Rounded::new(3.0);
        let mut sum = Rounded::new(0.0);
        (0..3000).for_each(|_| sum = sum + third);
        assert!((sum.value - 1000.0).abs() <= sum.error && sum.error < 1e-9, "{sum:?}");
        let cancelled = sum - Rounded::new(1000.0);
        assert!(cancelled.value.abs() <= cancelled.error, "{cancelled:?}");
        // what was rounded is not compared to the last digit, what is exact is
        assert_eq!(cancelled.compare(Op::Eq, Rounded::new(0.0)).decided(), None);
        assert_eq!(Rounded::new(2.0).compare(Op::Eq, Rounded::new(2.0)).decided(), Some(true));
    }
}
