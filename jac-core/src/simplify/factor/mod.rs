//! Factoring by algebraic kernel extraction, as in multi-level logic synthesis.
//!
//! The arithmetic is flattened to sums of monomials, in which a reciprocal is a literal of its
//! own. Then the best divisors are extracted, greedily and in rounds: products of two literals
//! that several monomials share, and sums of two monomials (double-cube divisors) that are left
//! when a common factor is taken out (Rajski & Vasudevamurthy 1992). What is left is written back
//! with each reciprocal that is used twice computed once.

mod extract;
mod flatten;
mod write;

use crate::ir::{Constant, Expr, Float, Map, Program};
use crate::ops::Op;

/// Monomials with more literals keep the products they had.
const LONGEST: usize = 12;

/// A value of the network.
type Var = u32;

/// A literal: a value or its reciprocal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
struct Literal {
    var: Var,
    reciprocal: bool,
}

/// `coefficient · Π literals`; a literal occurs as often as its power says.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
struct Monomial {
    literals: Vec<Literal>,
    coefficient: Constant,
}

impl Monomial {
    fn constant(coefficient: Constant) -> Self {
        Monomial { literals: Vec::new(), coefficient }
    }

    fn var(var: Var) -> Self {
        Monomial { literals: vec![Literal { var, reciprocal: false }], coefficient: Constant::from(1) }
    }

    fn times(&self, other: &Monomial) -> Self {
        let mut literals = self.literals.clone();
        literals.extend(&other.literals);
        literals.sort();
        // a value times its reciprocal is one: a widening of the domain
        let mut k = 0;
        while k + 1 < literals.len() {
            let twin = Literal { reciprocal: true, ..literals[k] };
            match literals.iter().position(|l| *l == twin) {
                Some(at) if !literals[k].reciprocal => {
                    literals.remove(at);
                    literals.remove(k);
                }
                _ => k += 1,
            }
        }
        Monomial { literals, coefficient: self.coefficient.mul(&other.coefficient) }
    }

    fn inverse(&self) -> Option<Self> {
        let literals = self.literals.iter().map(|l| Literal { reciprocal: !l.reciprocal, ..*l }).collect();
        Some(Monomial { literals, coefficient: self.coefficient.recip()? })
    }

    fn scaled(&self, by: &Constant) -> Self {
        Monomial { coefficient: self.coefficient.mul(by), ..self.clone() }
    }

    /// The multiplications it takes.
    fn price(&self) -> i64 {
        let unit = self.coefficient.is_one() || self.coefficient.neg().is_one();
        self.literals.len().saturating_sub(1) as i64 + i64::from(!unit && !self.literals.is_empty())
    }
}

/// How a value is computed.
#[derive(Clone, Debug)]
enum Value {
    Leaf(Expr),
    Opaque(Op, Vec<Var>),
    Sum(Vec<Monomial>),
}

/// Values, those that are computed from others after them or not.
#[derive(Debug)]
struct Network {
    values: Vec<Value>,
    roots: Vec<Var>,
    names: Map<Var, String>,
}

/// How the arithmetic is flattened. No way is always best.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Variant {
    /// Shared products are multiplied into the monomials they occur in.
    pub through_products: bool,
    /// Products of sums that are used once are multiplied out.
    pub expand: bool,
}

/// Extracts common products and sums; returns the roots.
pub fn factor(program: &mut Program, roots: &[Expr], variant: Variant) -> Vec<Expr> {
    let mut network = flatten::flatten(program, roots, variant);
    extract::extract(&mut network, program.float);
    write::write(network, program)
}

/// The factors of a coefficient: itself, unless it is out of the range of floats; `(x * 1e200) * 1e200`
/// must not become `x * inf`.
fn parts(coefficient: Constant, float: Float) -> Vec<Constant> {
    let step = match float {
        Float::F64 => 1000,
        Float::F32 => 100,
    };
    let mut left = coefficient;
    let mut out = Vec::new();
    while !float.holds(&left) && out.len() < 64 {
        let (p, q) = left.parts();
        let power = if p.bits() > q.bits() { step } else { -step };
        let Some((factor, inverse)) = Constant::from(2).pow(power).zip(Constant::from(2).pow(-power)) else { break };
        out.push(factor);
        left = left.mul(&inverse);
    }
    out.insert(0, left);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{eval, parse, Inputs};

    /// Powers of products on both sides of the longest monomial, whether something else reads the product
    /// or not.
    #[test]
    fn powers_of_products_keep_their_value() {
        let point = [1.1, 0.9, 1.3];
        for product in
            ["x", "x * y", "x * x", "x * x * y", "x * y * w * x", "x / y", "2 * x / (y * y)", "x * y + w", "x * y * w * x * y * w * x"]
        {
            for exponent in [-13.0, -12.0, -8.0, -7.0, -3.0, -1.0, 0.0, 1.0, 2.0, 5.0, 6.0, 8.0, 12.0, 13.0, 40.0, 0.5, -1.5, 2.5] {
                for shared in ["", " + x * y", " + w * (PRODUCT)"] {
                    let text = format!("z = pow({product}, {exponent}){}", shared.replace("PRODUCT", product));
                    let program = parse(&format!("fn f(x: [], y: [], w: []) -> z\n{text}\n")).unwrap();
                    let inputs = Inputs { tensors: program.params().zip(point.map(|x| vec![x])).collect(), ..Inputs::default() };
                    let z = program.outputs[0];
                    let value = eval(&program, &inputs)[&z][0];
                    for variant in crate::simplify::VARIANTS {
                        let mut factored = program.clone();
                        let roots = factored.roots();
                        let roots = factor(&mut factored, &roots, variant);
                        factored.set_roots(&roots);
                        let after = eval(&factored, &inputs)[&z][0];
                        assert!((after - value).abs() <= 1e-13 * value.abs(), "{text}: {after}, not {value}");
                    }
                }
            }
        }
    }
}
