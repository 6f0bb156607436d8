//! Global value numbering by fingerprint.
//!
//! Every node is evaluated over the integers modulo 2⁶¹ − 1 at two fixed pseudo-random points.
//! Functions that are not rational are opaque: their residue is a hash of their arguments'
//! residues, so they are equal only where their arguments are. Two nodes with equal fingerprints
//! are equal as rational functions of inputs and opaque values, up to a chance of about degree/2⁶¹
//! a point (Schwartz–Zippel). Of two equal nodes the one with the larger domain stays; if neither
//! domain contains the other, both do.

use crate::ir::{Constant, Expr, Map, Node, Program, Set};
use crate::ops::{Domain, Op, Parity};
use std::rc::Rc;

const PRIME: u64 = (1 << 61) - 1;

/// A value at two points.
pub(super) type Print = [u64; 2];

/// Replaces equal values by one of them, and values equal to small constants by those.
pub fn number(program: &mut Program, roots: &[Expr]) -> Vec<Expr> {
    let mut numbering = Numbering::default();
    for n in [0, 1, -1, 2, -2] {
        let e = program.arena.constant(n);
        numbering.choose(program, e);
    }
    let order = program.arena.reachable(roots.iter().copied());
    let mut new: Map<Expr, Expr> = Map::default();
    for e in order {
        let node = program.arena[e].with_children(|c| new[&c]);
        let built = match &program.arena[e] {
            same if *same == node => e,
            _ => program.arena.rebuild(node),
        };
        let chosen = numbering.choose(program, built);
        if let Some(name) = program.names.get(&e).cloned() {
            program.names.entry(chosen).or_insert(name);
        }
        new.insert(e, chosen);
    }
    roots.iter().map(|e| new[e]).collect()
}

#[derive(Default)]
pub(super) struct Numbering {
    pub(super) prints: Map<Expr, Print>,
    /// Under which conditions a node is defined: numbers of `(operator, arguments)` pairs, ascending. Most nodes share
    /// those of an operand.
    domains: Map<Expr, Rc<[u32]>>,
    conditions: Set<(Op, Vec<Print>)>,
    /// The node that stands for each value.
    chosen: Map<Print, Expr>,
}

impl Numbering {
    /// The node that stands for the value of `e`.
    fn choose(&mut self, program: &mut Program, e: Expr) -> Expr {
        self.see(program, e);
        let print = self.prints[&e];
        if program.arena.as_apply(e).is_none() {
            self.chosen.entry(print).or_insert(e);
            return e;
        }
        if let Some(&known) = self.chosen.get(&print) {
            return self.merge(program, print, known, e);
        }
        let negated = [neg(print[0]), neg(print[1])];
        if let Some(&known) = self.chosen.get(&negated) {
            if self.contains(known, e) && !is_difference(program, e) && program.arena.as_apply(e).is_some_and(|(op, _)| op != Op::Neg) {
                let opposite = program.arena.neg(known);
                self.see(program, opposite);
                return opposite;
            }
        }
        self.chosen.insert(print, e);
        e
    }

    /// Takes the fingerprints of what folding made on the way to a node, and has none yet.
    fn see(&mut self, program: &Program, e: Expr) {
        let mut missing: Set<Expr> = Set::default();
        let mut stack = vec![e];
        while let Some(n) = stack.pop() {
            if !self.prints.contains_key(&n) && missing.insert(n) {
                stack.extend(program.arena[n].children());
            }
        }
        missing.sort_unstable();
        for n in missing {
            let node = program.arena[n].clone();
            self.visit(program, n, &node);
        }
    }

    fn merge(&mut self, program: &Program, print: Print, known: Expr, e: Expr) -> Expr {
        match (self.contains(known, e), self.contains(e, known)) {
            // equal domains: the first stays, unless it is a difference that may cancel
            (true, true) if is_difference(program, known) && !is_difference(program, e) => {
                self.chosen.insert(print, e);
                e
            }
            (true, _) => known,
            (false, true) => {
                self.chosen.insert(print, e);
                e
            }
            (false, false) => e,
        }
    }

    /// Whether `a` is defined wherever `b` is.
    pub(super) fn contains(&self, a: Expr, b: Expr) -> bool {
        let of_b = &self.domains[&b];
        self.domains[&a].iter().all(|c| of_b.binary_search(c).is_ok())
    }

    pub(super) fn visit(&mut self, program: &Program, e: Expr, node: &Node) {
        let of_operands = node.children().iter().map(|c| self.domains[c].clone()).reduce(|a, b| union(&a, &b));
        let mut domain: Rc<[u32]> = of_operands.unwrap_or_default();
        let mut own: Vec<u32> = Vec::new();
        let print = match node {
            Node::Const(c) => [residue(c), residue(c)],
            Node::Apply(op, args) => {
                let args: Vec<Print> = args.iter().map(|a| self.prints[a]).collect();
                let mut condition = |about| own.push(self.conditions.insert_full((*op, about)).0 as u32);
                match op.entry().domain {
                    Domain::Total => {}
                    // a product is not zero where none of its factors is
                    Domain::Nonzero(k) => {
                        let Node::Apply(_, es) = node else { unreachable!("an application") };
                        factors(program, es[k]).into_iter().for_each(|f| condition(vec![canonical(self.prints[&f]).0]));
                    }
                    _ => condition(args.clone()),
                }
                let exponent = match node {
                    Node::Apply(Op::Pow, es) => program.arena.as_const(es[1]).and_then(Constant::to_integer).filter(|n| n.abs() <= 1000),
                    _ => None,
                };
                [value(*op, &args, 0, exponent), value(*op, &args, 1, exponent)]
            }
            leaf => {
                let text = format!("{leaf:?}");
                let seed = text.bytes().fold(0x9e37_79b9_7f4a_7c15, |h, b| mix(h ^ u64::from(b)));
                [mix(seed) % PRIME, mix(seed ^ 0x5bd1_e995) % PRIME]
            }
        };
        if !own.is_empty() {
            own.sort_unstable();
            own.dedup();
            domain = union(&domain, &own.into());
        }
        self.prints.insert(e, print);
        self.domains.insert(e, domain);
    }
}

/// The union of two ascending lists: one of them, where it has the other.
fn union(a: &Rc<[u32]>, b: &Rc<[u32]>) -> Rc<[u32]> {
    let (long, short) = if a.len() < b.len() { (b, a) } else { (a, b) };
    if Rc::ptr_eq(a, b) || short.iter().all(|c| long.binary_search(c).is_ok()) {
        return long.clone();
    }
    let mut all = [&long[..], &short[..]].concat();
    all.sort_unstable();
    all.dedup();
    all.into()
}

/// The factors of a product; the product itself, if there are many.
fn factors(program: &Program, e: Expr) -> Vec<Expr> {
    let mut found = Vec::new();
    let mut stack = vec![e];
    while let Some(f) = stack.pop() {
        match program.arena.as_apply(f) {
            Some((Op::Mul, args)) => stack.extend(args),
            Some((Op::Neg | Op::Keep, args)) => stack.push(args[0]),
            Some((Op::Pow, args)) if program.arena.as_const(args[1]).and_then(Constant::to_integer).is_some_and(|n| n > 0) => {
                stack.push(args[0])
            }
            _ if program.arena.as_const(f).is_some_and(|c| !c.is_zero()) => {}
            _ => found.push(f),
        }
        if found.len() + stack.len() > 16 {
            return vec![e];
        }
    }
    found
}

/// Whether the value comes from an addition, and so may have lost digits to cancellation.
fn is_difference(program: &Program, e: Expr) -> bool {
    matches!(program.arena.as_apply(e), Some((Op::Add | Op::Sub, _)))
}

fn value(op: Op, args: &[Print], point: usize, exponent: Option<i64>) -> u64 {
    let a = args[0][point];
    let b = args.get(1).map_or(0, |b| b[point]);
    match op {
        Op::Add => add(a, b),
        Op::Sub => add(a, neg(b)),
        Op::Mul => mul(a, b),
        Op::Neg => neg(a),
        Op::Div if b != 0 => mul(a, inverse(b)),
        Op::MulAdd => add(mul(a, b), args[2][point]),
        Op::Pow if exponent.is_some_and(|n| n >= 0 || a != 0) => match exponent {
            Some(n) if n < 0 => power(inverse(a), n.unsigned_abs()),
            Some(n) => power(a, n.unsigned_abs()),
            None => 0,
        },
        // (sin, cos) is a rational point of the unit circle, so that sin² + cos² = 1 holds
        Op::Sin | Op::Cos => {
            let (odd, flipped) = canonical(args[0]);
            let t = mix(odd[0] ^ mix(odd[1] ^ point as u64)) % PRIME;
            let t = if flipped { neg(t) } else { t };
            let scale = inverse(add(1, mul(t, t)).max(1));
            if op == Op::Sin {
                mul(add(t, t), scale)
            } else {
                mul(add(1, neg(mul(t, t))), scale)
            }
        }
        _ => {
            let parity = op.entry().parity;
            let (key, flipped) = match parity {
                Parity::Neither => (args.to_vec(), false),
                Parity::Odd | Parity::Even => {
                    let (c, flipped) = canonical(args[0]);
                    (vec![c], flipped)
                }
            };
            let mut h = mix(op as u64 ^ 0xabcd_ef01 ^ ((point as u64) << 32));
            for p in &key {
                h = mix(h ^ p[0]);
                h = mix(h ^ p[1]);
            }
            let h = h % PRIME;
            if flipped && parity == Parity::Odd {
                neg(h)
            } else {
                h
            }
        }
    }
}

/// The smaller of `±p`, and whether it was negated.
pub(super) fn canonical(p: Print) -> (Print, bool) {
    let n = [neg(p[0]), neg(p[1])];
    if n < p {
        (n, true)
    } else {
        (p, false)
    }
}

fn residue(c: &Constant) -> u64 {
    let (p, q) = c.parts();
    let reduce = |n: &num_bigint::BigInt| {
        let prime = num_bigint::BigInt::from(PRIME);
        let r = ((n % &prime) + &prime) % &prime;
        u64::try_from(r).expect("reduced below 2⁶¹")
    };
    mul(reduce(p), inverse(reduce(q)))
}

pub(super) fn add(a: u64, b: u64) -> u64 {
    (a + b) % PRIME
}

pub(super) fn neg(a: u64) -> u64 {
    (PRIME - a) % PRIME
}

pub(super) fn mul(a: u64, b: u64) -> u64 {
    (u128::from(a) * u128::from(b) % u128::from(PRIME)) as u64
}

fn power(a: u64, mut n: u64) -> u64 {
    let (mut square, mut out) = (a, 1);
    while n > 0 {
        if n & 1 == 1 {
            out = mul(out, square);
        }
        square = mul(square, square);
        n >>= 1;
    }
    out
}

pub(super) fn inverse(a: u64) -> u64 {
    power(a, PRIME - 2)
}

/// The finaliser of SplitMix64 (Steele, Lea & Flood 2014).
pub(super) fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::parse;

    fn numbered(expression: &str) -> String {
        let mut program = parse(&format!("fn f(x: [], y: []) -> z\nz = {expression}\n")).unwrap();
        let roots = program.roots();
        let roots = number(&mut program, &roots);
        program.set_roots(&roots);
        let text = program.to_text();
        text.lines().skip(1).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn finds_equal_values() {
        assert_eq!(numbered("sin(x)*sin(x) + cos(x)*cos(x)"), "z = 1");
        assert_eq!(numbered("(x + y)*(x - y) - x*x + y*y"), "z = 0");
        assert_eq!(numbered("x*y/y"), "z = x");
    }

    #[test]
    fn a_root_is_not_its_argument() {
        assert_eq!(numbered("sqrt((x + y)*(x + y))"), "let t1 = x + y; z = sqrt(t1 * t1)");
        assert_eq!(numbered("ln(x*y) - ln(x) - ln(y)"), "z = ln(x * y) - ln(x) - ln(y)");
    }

    #[test]
    fn zero_over_zero_stays() {
        assert_eq!(numbered("(x - x)/(x - x)"), "z = 0 / 0");
    }
}
