//! Exact constants: rational numbers, rounded once, when code is emitted. Those of very many digits, as 0.9¹⁰⁰ has, are rounded before, but to
//! so many more digits than a float has that nothing shows of it.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, Signed, ToPrimitive, Zero};
use std::fmt;

/// Numerators and denominators of more bits are rounded: the work on a constant would grow with each product.
const LONGEST: u64 = 256;
/// To so many bits: a float has 53, and after a thousand roundings there are 150 left that are right.
const DIGITS: u64 = 160;

/// An exact rational number. A literal `0.1` is the `f64` it denotes, not one tenth.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Constant(BigRational);

impl From<i64> for Constant {
    fn from(n: i64) -> Self {
        Constant(BigRational::from_integer(BigInt::from(n)))
    }
}

impl Constant {
    /// The exact value of a finite `f64`; `None` for infinities and NaN.
    pub fn from_f64(x: f64) -> Option<Self> {
        BigRational::from_float(x).map(Constant)
    }

    /// The nearest `f64`.
    pub fn to_f64(&self) -> f64 {
        self.0.to_f64().unwrap_or(f64::NAN)
    }

    /// The integer, if it is one that fits.
    pub fn to_integer(&self) -> Option<i64> {
        if self.0.is_integer() {
            self.0.numer().to_i64()
        } else {
            None
        }
    }

    /// Numerator and denominator.
    pub fn parts(&self) -> (&BigInt, &BigInt) {
        (self.0.numer(), self.0.denom())
    }

    /// Whether it is 0.
    pub fn is_zero(&self) -> bool {
        self.0.is_zero()
    }

    /// Whether it is 1.
    pub fn is_one(&self) -> bool {
        self.0.is_one()
    }

    /// Whether it is below 0.
    pub fn is_negative(&self) -> bool {
        self.0.is_negative()
    }

    /// `self + other`.
    #[must_use]
    pub fn add(&self, other: &Self) -> Self {
        Constant(&self.0 + &other.0).rounded()
    }

    /// `self · other`.
    #[must_use]
    pub fn mul(&self, other: &Self) -> Self {
        Constant(&self.0 * &other.0).rounded()
    }

    /// `-self`.
    #[must_use]
    pub fn neg(&self) -> Self {
        Constant(-&self.0)
    }

    /// `1 / self`, unless it is 0.
    pub fn recip(&self) -> Option<Self> {
        (!self.is_zero()).then(|| Constant(self.0.recip()))
    }

    /// `selfⁿ`, unless it is 0 and `n` negative.
    pub fn pow(&self, n: i32) -> Option<Self> {
        if n < 0 {
            return self.recip()?.pow(n.checked_neg()?);
        }
        let (mut power, mut square) = (Constant::from(1), self.clone());
        for bit in 0..u32::BITS - n.leading_zeros() {
            if n >> bit & 1 == 1 {
                power = power.mul(&square);
            }
            square = square.mul(&square);
        }
        Some(power)
    }

    /// The same, with fewer digits if there are very many.
    fn rounded(self) -> Self {
        let (numerator, denominator) = (self.0.numer(), self.0.denom());
        if numerator.bits() <= LONGEST && denominator.bits() <= LONGEST {
            return self;
        }
        let shift = DIGITS as i64 + denominator.bits() as i64 - numerator.bits() as i64;
        let (numerator, denominator) = match u64::try_from(shift) {
            Ok(shift) => (numerator << shift, denominator.clone()),
            Err(_) => (numerator.clone(), denominator << shift.unsigned_abs()),
        };
        let digits = numerator / denominator;
        // a power of two is all that both can share
        let even = digits.trailing_zeros().unwrap_or_default() as i64;
        let (digits, shift) = (digits >> even, shift - even);
        let one = BigInt::one();
        Constant(match u64::try_from(shift) {
            Ok(shift) => BigRational::new_raw(digits, one << shift),
            Err(_) => BigRational::new_raw(digits << shift.unsigned_abs(), one),
        })
    }

    /// Whether it is 0 or a normal number of `f64`: rounding it loses neither range nor digits.
    pub fn is_normal(&self) -> bool {
        self.is_zero() || self.to_f64().is_normal()
    }

    /// Whether rounding to `f64` changes nothing.
    pub fn is_f64(&self) -> bool {
        Constant::from_f64(self.to_f64()).as_ref() == Some(self)
    }
}

/// Integers plainly, other `f64` values as the shortest decimal that reads back, the rest as `p//q`.
impl fmt::Display for Constant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_integer() && self.0.numer().bits() <= 63 {
            write!(f, "{}", self.0.numer())
        } else if self.is_f64() {
            write!(f, "{:?}", self.to_f64())
        } else {
            write!(f, "{}//{}", self.0.numer(), self.0.denom())
        }
    }
}

impl std::str::FromStr for Constant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is no number");
        if let Some((p, q)) = text.split_once("//") {
            let (p, q): (BigInt, BigInt) = (p.parse().map_err(|_| bad())?, q.parse().map_err(|_| bad())?);
            if q.is_zero() {
                return Err(bad());
            }
            return Ok(Constant(BigRational::new(p, q)));
        }
        if text.contains(['.', 'e', 'E']) {
            return text.parse().ok().and_then(Constant::from_f64).ok_or_else(bad);
        }
        text.parse().map(|n| Constant(BigRational::from_integer(n))).map_err(|_| bad())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn very_long_ones_have_digits_to_spare() {
        let (mut product, mut sum) = (Constant::from(1), Constant::from(0));
        let (third, by) = (Constant::from(3).recip().unwrap(), Constant::from_f64(0.9).unwrap());
        let exact = |n: i32| BigRational::from_float(0.9).unwrap().pow(n);
        for n in 1..100 {
            product = product.mul(&by);
            sum = sum.add(&product).mul(&third);
            assert!(product.parts().0.bits() <= LONGEST && sum.parts().1.bits() <= LONGEST);
            let error = (&product.0 / exact(n) - BigRational::one()).abs();
            assert!(error < BigRational::from_float(2.0_f64.powi(-150)).unwrap(), "{n}");
            assert_eq!(by.pow(n).unwrap().to_f64(), product.to_f64());
            assert_eq!(product.to_string().parse::<Constant>().unwrap(), product);
        }
        let negative = by.pow(-90).unwrap().neg();
        assert!((negative.to_f64() + 0.9_f64.powi(-90)).abs() < 1e-9 && negative.is_negative());
    }

    #[test]
    fn rounds_once_and_reads_back() {
        for x in [0.1, 1.0 / 3.0, 5e-324, 1e-310, f64::MAX, 1e22, -2.5, 1e300, 0.30000000000000004] {
            let c = Constant::from_f64(x).unwrap();
            assert_eq!(c.to_f64().to_bits(), x.to_bits());
            assert_eq!(c.to_string().parse::<Constant>().unwrap(), c);
        }
        let third = Constant::from(3).recip().unwrap();
        assert_eq!(third.to_f64(), 1.0 / 3.0);
        assert_eq!(third.to_string(), "1//3");
        assert_eq!(third.to_string().parse::<Constant>().unwrap(), third);
    }
}
