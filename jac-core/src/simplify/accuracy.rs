//! Evidence of accuracy: what a rewrite does to digits and range.
//!
//! Equal over the reals is not yet equally good in floating point: `x/n·y/n` is in range where `1/n³`
//! is not, and `t/v` keeps the digits that `u/v - 1` loses. So expressions are evaluated at points of
//! ordinary, extreme, mixed and nearly equal magnitudes, in the arithmetic of the program's float type,
//! each value with a running bound on its rounding error (Higham, *Accuracy and Stability of Numerical
//! Algorithms*, section 3.3), gradual underflow included. A simplified root whose bound is several times
//! that of the root as differentiated, or that overflows where it did not, is refused.
//!
//! Defined tensors that a root reads are free values here; unrolled programs read none, so there all
//! values are those of one evaluation.

use super::functions::function;
use super::gvn::mix;
use crate::ir::{Constant, Expr, Float, Node, Program, Role};
use crate::ops::Op;

/// Sample points.
const POINTS: usize = 20;
/// A simplified root may have this many times the error bound of the original.
const WORSE: f64 = 8.0;
/// Integer exponents up to this one are products.
const LONGEST_POWER: i64 = 64;

/// A value at a sample point, and a bound on its rounding error, in units of the rounding unit.
#[derive(Clone, Copy, Debug)]
struct Sample {
    value: f64,
    error: f64,
}

/// The original roots, and what every node seen so far is at the sample points.
pub struct Evidence {
    originals: Vec<Expr>,
    samples: Vec<Option<Box<[Sample; POINTS]>>>,
    format: Format,
}

impl Evidence {
    /// Samples the original roots.
    pub fn new(program: &Program, originals: &[Expr]) -> Self {
        let mut evidence = Evidence { originals: originals.to_vec(), samples: Vec::new(), format: Format::of(program.float) };
        evidence.visit(program, originals);
        evidence
    }

    /// The positions of the roots that are less accurate than the originals there.
    pub fn worse(&mut self, program: &Program, roots: &[Expr]) -> Vec<usize> {
        self.visit(program, roots);
        let changed = (0..roots.len()).filter(|k| roots[*k] != self.originals[*k]);
        changed.filter(|k| !self.is_as_accurate(self.originals[*k], roots[*k])).collect()
    }

    fn is_as_accurate(&self, old: Expr, new: Expr) -> bool {
        let (Some(old), Some(new)) = (&self.samples[old.at()], &self.samples[new.at()]) else { return false };
        old.iter().zip(new.iter()).all(|(old, new)| self.format.is_as_accurate(*old, *new))
    }

    /// Samples what the roots need and was not seen before.
    fn visit(&mut self, program: &Program, roots: &[Expr]) {
        self.samples.resize(program.arena.len(), None);
        let mut stack: Vec<Expr> = roots.to_vec();
        while let Some(&e) = stack.last() {
            if self.samples[e.at()].is_none() {
                let before = stack.len();
                stack.extend(program.arena[e].children().iter().filter(|c| self.samples[c.at()].is_none()));
                if stack.len() > before {
                    continue;
                }
                self.samples[e.at()] = Some(Box::new(self.sample(program, e)));
            }
            stack.pop();
        }
    }

    fn sample(&self, program: &Program, e: Expr) -> [Sample; POINTS] {
        let exactly = |value: f64| Sample { value, error: 0.0 };
        match &program.arena[e] {
            Node::Const(c) => [self.format.constant(c); POINTS],
            Node::Apply(op, args) => {
                let exponent = if *op == Op::Pow { program.arena.as_const(args[1]).and_then(Constant::to_integer) } else { None };
                let of: Vec<&[Sample; POINTS]> = args.iter().filter_map(|a| self.samples[a.at()].as_deref()).collect();
                let mut out = [exactly(0.0); POINTS];
                for (k, out) in out.iter_mut().enumerate() {
                    *out = match (of.as_slice(), exponent) {
                        ([a, _], Some(n)) if n.abs() <= LONGEST_POWER => self.format.power(a[k], n),
                        ([a], _) => self.format.apply(*op, &[a[k]]),
                        ([a, b], _) => self.format.apply(*op, &[a[k], b[k]]),
                        ([a, b, c], _) => self.format.apply(*op, &[a[k], b[k], c[k]]),
                        _ => exactly(f64::NAN),
                    };
                }
                out
            }
            leaf => {
                let seed = format!("{leaf:?}").bytes().fold(0x9e37_79b9_7f4a_7c15, |h, b| mix(h ^ u64::from(b)));
                let truth = matches!(leaf, Node::Access(t, _) if program.info(*t).role == Role::Truth);
                let integer = matches!(leaf, Node::Integer(_));
                std::array::from_fn(|k| {
                    let bits = mix(seed ^ mix(k as u64));
                    exactly(match (truth, integer) {
                        (true, _) => (bits & 1) as f64,
                        (_, true) => (1 + bits % 16) as f64,
                        _ => self.format.leaf(bits, k),
                    })
                })
            }
        }
    }
}

/// A format of floating-point numbers: that of the program.
#[derive(Clone, Copy, Debug)]
struct Format {
    float: Float,
    /// The smallest normal number: what underflow loses at most, in units of the rounding unit.
    tiny: f64,
    /// The reciprocal of the rounding unit.
    digits: f64,
    /// Decimal exponents that are far from 1, and almost out of range once squared.
    far: i32,
    farthest: i32,
}

impl Format {
    fn of(float: Float) -> Format {
        match float {
            Float::F64 => Format { float, tiny: f64::MIN_POSITIVE, digits: 2.0 / f64::EPSILON, far: 12, farthest: 150 },
            Float::F32 => Format { float, tiny: f64::from(f32::MIN_POSITIVE), digits: 2.0 / f64::from(f32::EPSILON), far: 5, farthest: 18 },
        }
    }

    fn round(self, x: f64) -> f64 {
        match self.float {
            Float::F64 => x,
            Float::F32 => f64::from(x as f32),
        }
    }

    /// A value for an input at a sample point.
    fn leaf(self, bits: u64, k: usize) -> f64 {
        let fraction = f64::from_bits(0x3ff0_0000_0000_0000 | bits >> 12) - 1.0;
        let sign = if bits & 1 == 0 { 1.0 } else { -1.0 };
        let ordinary = 0.5 + fraction;
        let pick = (bits >> 1 & 0xff) as i32;
        let any = |decades: i32| decimal(pick % (2 * decades + 1) - decades);
        let x = match k {
            0..=2 => sign * ordinary,
            3 | 4 => ordinary,
            5 => 1.0 + sign * ordinary / 4096.0,
            6 => 1000.0 + sign * ordinary / 1024.0,
            7 => ordinary * decimal(3),
            8 => ordinary * decimal(-3),
            9 => ordinary * decimal(self.far),
            10 => ordinary * decimal(-self.far),
            11 => ordinary * decimal(self.farthest),
            12 => ordinary * decimal(-self.farthest),
            13 => sign * ordinary * any(3),
            14 => ordinary * any(3),
            15 => sign * ordinary * any(self.far),
            16 => ordinary * any(self.far),
            // some are dilute
            _ => ordinary * decimal(-self.far * (pick & 1)),
        };
        self.round(x)
    }

    fn constant(self, c: &Constant) -> Sample {
        let value = self.round(c.to_f64());
        Sample { value, error: if Constant::from_f64(value).as_ref() == Some(c) { 0.0 } else { value.abs() } }
    }

    /// The exact result of an operation on rounded operands, rounded: adds its own error to what is carried.
    fn rounded(self, value: f64, carried: f64) -> Sample {
        let value = self.round(value);
        let underflow = if value.abs() < self.tiny { self.tiny } else { 0.0 };
        Sample { value, error: carried + value.abs() + underflow }
    }

    fn apply(self, op: Op, args: &[Sample]) -> Sample {
        let a = args[0];
        let b = args.get(1).copied().unwrap_or(a);
        let exact = |value: f64| Sample { value, error: 0.0 };
        match op {
            Op::Keep => a,
            Op::Neg | Op::Abs => Sample { value: (op.entry().value)(&[a.value]), ..a },
            Op::Add | Op::Sub => {
                let value = (op.entry().value)(&[a.value, b.value]);
                // sums are exact where they underflow
                Sample { value: self.round(value), error: a.error + b.error + self.round(value).abs() }
            }
            Op::Mul => self.product(a, b),
            Op::Div => self.quotient(a, b),
            Op::MulAdd => {
                let value = a.value.mul_add(b.value, args[2].value);
                self.rounded(value, carry(a.error, b.value) + carry(b.error, a.value) + args[2].error)
            }
            Op::Sqrt => {
                let root = a.value.sqrt();
                self.rounded(root, if a.error == 0.0 { 0.0 } else { a.error / (2.0 * root) })
            }
            Op::Select => {
                if a.value != 0.0 {
                    b
                } else {
                    args[2]
                }
            }
            Op::Max | Op::Min => {
                let value = (op.entry().value)(&[a.value, b.value]);
                Sample { value, error: if value == a.value { a.error } else { b.error } }
            }
            Op::Floor | Op::Ceil | Op::Round | Op::Trunc | Op::Signum => exact((op.entry().value)(&[a.value])),
            Op::Copysign => Sample { value: a.value.copysign(b.value), ..a },
            Op::Rem => {
                let quotient = (a.value / b.value).trunc();
                Sample { value: a.value % b.value, error: a.error + carry(b.error, quotient) }
            }
            _ if op.entry().truth => {
                let values: Vec<f64> = args.iter().map(|a| a.value).collect();
                exact((op.entry().value)(&values))
            }
            _ => {
                let (value, slopes) = function(op, a.value, b.value);
                let carried = carry(a.error, slopes[0]) + if args.len() > 1 { carry(b.error, slopes[1]) } else { 0.0 };
                self.rounded(value, carried)
            }
        }
    }

    fn product(self, a: Sample, b: Sample) -> Sample {
        if a.value == 0.0 && a.error == 0.0 || b.value == 0.0 && b.error == 0.0 {
            return Sample { value: a.value * b.value, error: 0.0 };
        }
        self.rounded(a.value * b.value, carry(a.error, b.value) + carry(b.error, a.value))
    }

    fn quotient(self, a: Sample, b: Sample) -> Sample {
        let value = a.value / b.value;
        if a.value == 0.0 && a.error == 0.0 {
            return Sample { value, error: 0.0 };
        }
        if b.value.is_infinite() && a.value.is_finite() && a.error.is_finite() {
            // what is divided by what has overflowed underflows: 1 / cosh(x) is 0 far out
            return Sample { value, error: self.tiny };
        }
        self.rounded(value, (a.error + carry(b.error, value)) / b.value.abs())
    }

    /// An integer power, as the products that it is.
    fn power(self, base: Sample, exponent: i64) -> Sample {
        let one = Sample { value: 1.0, error: 0.0 };
        let raised = (1..exponent.unsigned_abs()).fold(base, |power, _| self.product(power, base));
        match exponent {
            0 => one,
            1.. => raised,
            _ => self.quotient(one, raised),
        }
    }

    /// Whether `new` may stand for `old`, as far as this point tells.
    fn is_as_accurate(self, old: Sample, new: Sample) -> bool {
        // what has underflowed is known to be small, if not how small
        if old.value.is_finite() && old.error <= self.tiny.sqrt() && !new.value.is_finite() {
            return false;
        }
        // where the original has no digits, none are lost
        if !old.value.is_finite() || !old.error.is_finite() || old.error > old.value.abs() * self.digits {
            return true;
        }
        let apart = (old.value - new.value).abs() * self.digits;
        let allowed = WORSE * (old.error + old.value.abs());
        new.value.is_finite() && new.error <= allowed.max(self.tiny) && apart <= 4.0 * (old.error + new.error).max(self.tiny)
    }
}

/// An error times a slope; what is exact stays so where the slope is infinite.
fn carry(error: f64, slope: f64) -> f64 {
    if error == 0.0 {
        0.0
    } else {
        error * slope.abs()
    }
}

/// A power of ten.
fn decimal(exponent: i32) -> f64 {
    let power = (0..exponent.unsigned_abs()).fold(1.0, |power, _| power * 10.0);
    if exponent < 0 {
        1.0 / power
    } else {
        power
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{parse, Map};

    /// A program of one root, of random rational operations on three inputs.
    fn random(seed: u64, float: &str) -> Program {
        let mut text = format!("{float}fn f(a: [], b: [], c: []) -> z\n");
        let mut names = ["a", "b", "c", "0.1", "3"].map(str::to_owned).to_vec();
        for k in 0..8_u64 {
            let bits = mix(seed ^ mix(k));
            let pick = |shift: u32| names[(bits >> shift) as usize % names.len()].clone();
            let (left, right) = (pick(8), pick(24));
            text += &format!("let v{k} = {left} {} {right}\n", ["+", "-", "*", "/"][bits as usize % 4]);
            names.push(format!("v{k}"));
        }
        parse(&(text + "z = v7\n")).unwrap_or_else(|e| panic!("{e}"))
    }

    /// The exact value of an expression of rational operations at a sample point; `None` where it divides by 0.
    fn exact(program: &Program, evidence: &Evidence, root: Expr, k: usize) -> Option<Constant> {
        let mut values: Map<Expr, Option<Constant>> = Map::default();
        for e in program.arena.reachable([root]) {
            let value = match program.arena.as_apply(e) {
                Some((op, args)) => {
                    let (a, b) = (values[&args[0]].clone(), values[args.get(1).unwrap_or(&args[0])].clone());
                    a.zip(b).and_then(|(a, b)| match op {
                        Op::Add => Some(a.add(&b)),
                        Op::Sub => Some(a.add(&b.neg())),
                        Op::Mul => Some(a.mul(&b)),
                        Op::Div => Some(a.mul(&b.recip()?)),
                        Op::Neg => Some(a.neg()),
                        _ => None,
                    })
                }
                None => match program.arena.as_const(e) {
                    Some(c) => Some(c.clone()),
                    None => Constant::from_f64(evidence.samples[e.at()].as_ref()?[k].value),
                },
            };
            values.insert(e, value);
        }
        values[&root].clone()
    }

    #[test]
    fn bounds_hold() {
        let mut checked = 0;
        for (seed, float) in (0..150).map(|seed| (seed, "")).chain((0..50).map(|seed| (seed, "f32 "))) {
            let program = random(seed, float);
            let root = program.roots()[0];
            let evidence = Evidence::new(&program, &[root]);
            let samples = evidence.samples[root.at()].as_deref().unwrap();
            for (k, sample) in samples.iter().enumerate() {
                let Some(exact) = exact(&program, &evidence, root, k) else { continue };
                if !sample.value.is_finite() || !sample.error.is_finite() || sample.error > sample.value.abs() * 1e6 {
                    continue;
                }
                let value = Constant::from_f64(sample.value).unwrap();
                let apart = value.add(&exact.neg()).to_f64().abs();
                // terms of second order are left out of the bound
                assert!(
                    apart * evidence.format.digits <= 1.01 * sample.error,
                    "{} at point {k}: {sample:?}, off by {apart:e}",
                    program.to_text()
                );
                checked += 1;
            }
        }
        assert!(checked > 1000, "{checked} points");
    }

    /// Whether the second output may stand for the first.
    fn accepted(params: &str, first: &str, second: &str) -> bool {
        let program = parse(&format!("fn f({params}) -> p, q\np = {first}\nq = {second}\n")).unwrap();
        let roots = program.roots();
        Evidence::new(&program, &roots[..1]).worse(&program, &roots[1..]).is_empty()
    }

    #[test]
    fn what_loses_digits_or_range_is_refused() {
        let xy = "x: [], y: []";
        assert!(!accepted(xy, "x / y / y / y", "x / (y * y * y)"), "y³ overflows");
        assert!(!accepted(xy, "(x - y) * (x + y)", "x * x - y * y"), "squares cancel");
        assert!(!accepted(xy, "x / (x + y)", "1 - y / (x + y)"), "x may be dilute");
        assert!(!accepted(xy, "sin(x) * sin(x) * y", "(1 - cos(x) * cos(x)) * y"));
        assert!(!accepted(xy, "exp(x - y)", "exp(x) / exp(y)"), "exponentials overflow");
        assert!(!accepted(xy, "sqrt(x) * sqrt(y)", "x * y"), "another value");
        let (apart, joined) = ("1 / (cosh(x) * cosh(x)) / (1 - y * y) + y", "1 / (cosh(x) * cosh(x) - y * y * (cosh(x) * cosh(x))) + y");
        assert!(!accepted(xy, apart, joined), "∞ - ∞");
    }

    #[test]
    fn what_only_moves_roundings_is_accepted() {
        let xyz = "x: [], y: [], z: []";
        assert!(accepted(xyz, "x * y + x * z", "x * (y + z)"));
        assert!(accepted(xyz, "(x + y) + z", "x + (y + z)"));
        assert!(accepted(xyz, "x / z + y / z", "(x + y) / z"));
        assert!(accepted(xyz, "x * x - y * y", "(x - y) * (x + y)"));
        assert!(accepted(xyz, "x / y", "x * (1 / y)"));
        assert!(accepted(xyz, "select(x < y, x, y) * z", "z * min(x, y)"));
    }
}
