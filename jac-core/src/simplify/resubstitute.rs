//! Resubstitution: a value from two others.
//!
//! `v = a ∘ b` for values `a` and `b` that are there anyway is found through fingerprints, however
//! far apart the three stand: that each entry of the Jacobian of an inverse is a product of two
//! entries of the inverse, or of a softmax a product of two of its results. What only `v` needed is
//! then no longer computed.
//!
//! Equal as rational functions is not yet equally accurate. A running error bound (Higham, *Accuracy
//! and Stability of Numerical Algorithms*, section 3.3) is carried along at sample points of very
//! different magnitudes, and a form whose bound is several times that of the old one is refused.

use super::gvn::{self, Numbering, Print};
use crate::ir::{Expr, Map, Node, Program};
use crate::ops::Op;

/// Sample points for the error bound.
const SAMPLES: usize = 12;
/// A new form may have this many times the error bound of the old one.
const WORSE: f64 = 8.0;

/// Recomputes values from others where that saves work, considering at most `pairs` pairs.
pub fn resubstitute(program: &mut Program, roots: &[Expr], pairs: usize) -> Vec<Expr> {
    let mut search = Search::new(program, roots);
    search.run(program, pairs);
    if search.found.is_empty() {
        return roots.to_vec();
    }
    let mut new: Map<Expr, Expr> = Map::default();
    for &e in &search.order {
        let built = match search.found.get(&e) {
            Some(form) => {
                let (a, b) = (new[&form.a], new[&form.b]);
                let value = program.arena.fold(form.op, &[a, b]);
                if form.negated {
                    program.arena.neg(value)
                } else {
                    value
                }
            }
            None => {
                let node = program.arena[e].with_children(|c| new[&c]);
                match program.arena[e] == node {
                    true => e,
                    false => program.arena.rebuild(node),
                }
            }
        };
        if let Some(name) = program.names.get(&e).cloned() {
            program.names.entry(built).or_insert(name);
        }
        new.insert(e, built);
    }
    roots.iter().map(|e| new[e]).collect()
}

/// `±(a ∘ b)`.
#[derive(Clone, Copy, Debug)]
struct Form {
    op: Op,
    a: Expr,
    b: Expr,
    negated: bool,
}

/// A value at a sample point, and a bound on its rounding error in units of the rounding unit.
#[derive(Clone, Copy, Debug)]
struct Sample {
    value: f64,
    error: f64,
}

struct Search {
    order: Vec<Expr>,
    numbering: Numbering,
    samples: Map<Expr, [Sample; SAMPLES]>,
    /// How many values need each node.
    uses: Vec<u32>,
    /// A node for each value or its negative, by the smaller of the two fingerprints.
    known: Map<Print, Expr>,
    /// Which fingerprints may be in `known`, by a bit each.
    filter: Vec<u64>,
    found: Map<Expr, Form>,
}

impl Search {
    fn new(program: &Program, roots: &[Expr]) -> Self {
        let order = program.arena.reachable(roots.iter().copied());
        let mut search = Search {
            numbering: Numbering::default(),
            samples: Map::default(),
            uses: vec![0; program.arena.len()],
            known: Map::default(),
            filter: vec![0; 1 << 10],
            found: Map::default(),
            order,
        };
        for e in search.order.clone() {
            for c in program.arena[e].children() {
                search.uses[c.at()] += 1;
            }
            search.numbering.visit(program, e, &program.arena[e]);
            let samples = search.sample(program, e);
            search.samples.insert(e, samples);
        }
        for e in roots {
            search.uses[e.at()] += 1;
        }
        search
    }

    fn run(&mut self, program: &Program, mut pairs: usize) {
        // what stands before, with its fingerprint and that of its reciprocal
        let mut before: Vec<(Expr, Print, Print)> = Vec::new();
        for v in self.order.clone() {
            let print = self.numbering.prints[&v];
            let op = program.arena.as_apply(v).map(|(op, _)| op.entry());
            if print == [0; 2] || program.arena.as_const(v).is_some() || op.is_some_and(|op| op.truth) {
                continue;
            }
            if self.uses[v.at()] == 0 {
                continue;
            }
            if op.is_some() && pairs >= before.len() {
                let freed = self.release(program, v);
                let form = if freed > u64::from(Op::Mul.entry().cost) {
                    pairs -= before.len();
                    self.form(program, v, print, &before)
                } else {
                    None
                };
                match form {
                    Some(form) => {
                        self.uses[form.a.at()] += 1;
                        self.uses[form.b.at()] += 1;
                        self.found.insert(v, form);
                    }
                    None => self.retain(program, v),
                }
            }
            let (key, _) = gvn::canonical(print);
            if self.known.insert(key, v).is_none() {
                self.filter[key[0] as usize >> 6 & 0x3ff] |= 1 << (key[0] & 63);
                before.push((v, print, print.map(gvn::inverse)));
            }
        }
    }

    /// Lets go of what `v` is computed from; returns the work this saves.
    fn release(&mut self, program: &Program, v: Expr) -> u64 {
        let mut freed = 0;
        let mut stack = vec![v];
        while let Some(e) = stack.pop() {
            let op = self.found.get(&e).map(|form| form.op).or_else(|| program.arena.as_apply(e).map(|(op, _)| op));
            freed += op.map_or(0, |op| u64::from(op.entry().cost));
            for c in self.operands(program, e) {
                self.uses[c.at()] -= 1;
                if self.uses[c.at()] == 0 {
                    stack.push(c);
                }
            }
        }
        freed
    }

    /// Undoes `release`.
    fn retain(&mut self, program: &Program, v: Expr) {
        let mut stack = vec![v];
        while let Some(e) = stack.pop() {
            for c in self.operands(program, e) {
                if self.uses[c.at()] == 0 {
                    stack.push(c);
                }
                self.uses[c.at()] += 1;
            }
        }
    }

    /// What a node is computed from, by now.
    fn operands(&self, program: &Program, e: Expr) -> Vec<Expr> {
        match self.found.get(&e) {
            Some(form) => vec![form.a, form.b],
            None => program.arena[e].children().to_vec(),
        }
    }

    /// A form of `v` over values that are there.
    fn form(&mut self, program: &Program, v: Expr, print: Print, before: &[(Expr, Print, Print)]) -> Option<Form> {
        for &(a, of_a, inverse) in before {
            if !self.is_there(program, a) {
                continue;
            }
            let product = |k: usize| gvn::mul(print[k], inverse[k]);
            let difference = |k: usize| gvn::add(print[k], gvn::neg(of_a[k]));
            let sum = |k: usize| gvn::add(print[k], of_a[k]);
            let wanted: [(Op, &dyn Fn(usize) -> u64); 3] = [(Op::Mul, &product), (Op::Sub, &difference), (Op::Add, &sum)];
            for (op, residue) in wanted {
                let Some((b, minus)) = self.lookup(residue) else { continue };
                if !self.is_there(program, b) || !self.numbering.contains(a, v) || !self.numbering.contains(b, v) {
                    continue;
                }
                let form = match (op, minus) {
                    (Op::Mul, negated) => Form { op, a, b, negated },
                    // v - a = ±b
                    (Op::Sub, false) => Form { op: Op::Add, a, b, negated: false },
                    (Op::Sub, true) => Form { op: Op::Sub, a, b, negated: false },
                    // v + a = ±b
                    (_, false) => Form { op: Op::Sub, a: b, b: a, negated: false },
                    (_, true) => Form { op: Op::Add, a, b, negated: true },
                };
                if let Some(samples) = self.as_accurate(v, &form) {
                    self.samples.insert(v, samples);
                    return Some(form);
                }
            }
        }
        None
    }

    /// Whether using a node costs nothing.
    fn is_there(&self, program: &Program, e: Expr) -> bool {
        self.uses[e.at()] > 0 || program.arena.as_apply(e).is_none()
    }

    /// The node with the given fingerprint, or its negative.
    fn lookup(&self, residue: impl Fn(usize) -> u64) -> Option<(Expr, bool)> {
        let first = residue(0);
        let key = first.min(gvn::neg(first));
        if self.filter[key as usize >> 6 & 0x3ff] & 1 << (key & 63) == 0 {
            return None;
        }
        let (key, minus) = gvn::canonical([first, residue(1)]);
        let e = *self.known.get(&key)?;
        let (_, stored_minus) = gvn::canonical(self.numbering.prints[&e]);
        Some((e, minus != stored_minus))
    }

    /// The samples of `v` in its new form, unless that is much less accurate.
    fn as_accurate(&self, v: Expr, form: &Form) -> Option<[Sample; SAMPLES]> {
        let (a, b, old) = (&self.samples[&form.a], &self.samples[&form.b], &self.samples[&v]);
        let mut samples = *old;
        for k in 0..SAMPLES {
            let new = rational(form.op, a[k], b[k]);
            if !old[k].value.is_finite() || !old[k].error.is_finite() {
                continue;
            }
            let size = old[k].value.abs();
            let same = (new.value.abs() - size).abs() <= (new.error + old[k].error) * f64::EPSILON * 4.0;
            if !same || new.error > WORSE * (old[k].error + size) {
                return None;
            }
            samples[k].error = new.error;
        }
        Some(samples)
    }

    /// What a node is at the sample points. Functions that are not rational are any values, the same
    /// for the same arguments, as in the fingerprints; so nothing depends on a library's last digits.
    fn sample(&self, program: &Program, e: Expr) -> [Sample; SAMPLES] {
        let seed = |e: Expr| self.numbering.prints[&e];
        std::array::from_fn(|k| {
            let at = |e: &Expr| self.samples[e][k];
            match &program.arena[e] {
                Node::Const(c) => Sample { value: c.to_f64(), error: 0.0 },
                Node::Apply(op @ (Op::Add | Op::Sub | Op::Mul | Op::Div), args) => rational(*op, at(&args[0]), at(&args[1])),
                Node::Apply(Op::Neg, args) => Sample { value: -at(&args[0]).value, ..at(&args[0]) },
                Node::Apply(Op::Keep, args) => at(&args[0]),
                Node::Apply(Op::Pow, args) if power(program, args).is_some() => {
                    let n = power(program, args).unwrap_or(0);
                    let raised = (0..n.unsigned_abs()).fold(Sample { value: 1.0, error: 0.0 }, |p, _| rational(Op::Mul, p, at(&args[0])));
                    let one = Sample { value: 1.0, error: 0.0 };
                    if n < 0 {
                        rational(Op::Div, one, raised)
                    } else {
                        raised
                    }
                }
                Node::Apply(op @ (Op::Sin | Op::Cos), args) => {
                    let (odd, flipped) = gvn::canonical(seed(args[0]));
                    let t = leaf(odd[0], k);
                    let (twice, rest) = if k >= SAMPLES - NEAR { (t - 1.0, 1.0) } else { (t, 1.0) };
                    let scale = 1.0 / (rest + twice * twice);
                    let value = match op {
                        Op::Sin if flipped => -2.0 * twice * scale,
                        Op::Sin => 2.0 * twice * scale,
                        _ => (rest - twice * twice) * scale,
                    };
                    function(value, args.iter().map(at))
                }
                Node::Apply(_, args) => function(leaf(seed(e)[0], k).abs(), args.iter().map(at)),
                _ => Sample { value: leaf(seed(e)[0], k), error: 0.0 },
            }
        })
    }
}

/// The exponent, if the power is a product.
fn power(program: &Program, args: &[Expr]) -> Option<i64> {
    program.arena.as_const(args[1])?.to_integer().filter(|n| n.abs() <= 64)
}

/// The last few sample points have all inputs near 1, where differences cancel.
const NEAR: usize = 4;

/// Any number: near ±1 at first, then of very different magnitudes, then close to 1.
fn leaf(seed: u64, k: usize) -> f64 {
    let bits = gvn::mix(seed ^ gvn::mix(k as u64));
    let fraction = f64::from_bits(0x3ff0_0000_0000_0000 | bits >> 12) - 1.0;
    let sign = if bits & 1 == 0 { 1.0 } else { -1.0 };
    if k < 4 {
        sign * (0.5 + fraction)
    } else if k < SAMPLES - NEAR {
        let exponent = (bits >> 1 & 0x1f) as i32 - 16;
        sign * (1.0 + fraction) * f64::from_bits(((1023 + exponent) as u64) << 52)
    } else {
        1.0 + sign * (0.5 + fraction) / 4096.0
    }
}

/// A function, with condition number 1.
fn function(value: f64, args: impl Iterator<Item = Sample>) -> Sample {
    let relative: f64 = args.map(|a| if a.error == 0.0 { 0.0 } else { a.error / a.value.abs() }).sum();
    Sample { value, error: value.abs() * (1.0 + relative) }
}

/// An arithmetic operation, and the bound on its error.
fn rational(op: Op, a: Sample, b: Sample) -> Sample {
    let value = (op.entry().value)(&[a.value, b.value]);
    let carried = match op {
        Op::Mul => a.error * b.value.abs() + b.error * a.value.abs(),
        Op::Div => (a.error + b.error * value.abs()) / b.value.abs(),
        _ => a.error + b.error,
    };
    Sample { value, error: carried + value.abs() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::parse;

    fn resubstituted(text: &str) -> String {
        let mut program = parse(text).unwrap();
        let roots = program.roots();
        let roots = resubstitute(&mut program, &roots, 10_000);
        program.set_roots(&roots);
        program.to_text().lines().skip(1).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn finds_products_of_other_values() {
        let text = "fn f(x: [], y: []) -> a, b, c\na = x / (x + y)\nb = y / (x + y)\nc = x * y / ((x + y) * (x + y))\n";
        assert_eq!(resubstituted(text), "let t1 = x + y; let t2 = x / t1; a = t2; let t3 = y / t1; b = t3; c = t2 * t3");
    }

    #[test]
    fn refuses_what_cancels() {
        // b = (a + b) - a would lose all digits of y·y where x is large
        let text = "fn f(x: [], y: []) -> a, b, c\na = x * x\nb = x * x + y * y * y\nc = y * y * y\n";
        assert!(resubstituted(text).ends_with("c = t2") || resubstituted(text).contains("y * y * y"), "{}", resubstituted(text));
    }
}
