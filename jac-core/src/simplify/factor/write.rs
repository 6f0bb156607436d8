//! Sums of monomials as expressions.
//!
//! Sums and products are written as trees, what is ready first is combined first: that is the
//! least latency (Huffman's algorithm), and pairwise summation besides.

use super::{parts, Monomial, Network, Value, Var};
use crate::ir::{Expr, Map, Node, Program};
use crate::ops::Op;

/// Writes the network back as expressions; returns the roots.
pub fn write(network: Network, program: &mut Program) -> Vec<Expr> {
    let mut recips: Map<Var, u32> = Map::default();
    for value in &network.values {
        if let Value::Sum(monomials) = value {
            for l in monomials.iter().flat_map(|m| &m.literals).filter(|l| l.reciprocal) {
                *recips.entry(l.var).or_default() += 1;
            }
        }
    }
    let mut writer = Writer { program, recips, built: Map::default(), ready: Map::default() };
    let mut stack: Vec<Var> = network.roots.iter().rev().copied().collect();
    while let Some(v) = stack.pop() {
        if writer.built.contains_key(&v) {
            continue;
        }
        let needs: Vec<Var> = match &network.values[v as usize] {
            Value::Leaf(_) => Vec::new(),
            Value::Opaque(_, args) => args.clone(),
            Value::Sum(monomials) => monomials.iter().flat_map(|m| m.literals.iter().map(|l| l.var)).collect(),
        };
        let missing: Vec<Var> = needs.into_iter().filter(|n| !writer.built.contains_key(n)).collect();
        if !missing.is_empty() {
            stack.push(v);
            stack.extend(missing.into_iter().rev());
            continue;
        }
        let e = match &network.values[v as usize] {
            Value::Leaf(e) => *e,
            Value::Opaque(op, args) => {
                let args: Vec<Expr> = args.iter().map(|a| writer.built[a]).collect();
                writer.program.arena.fold(*op, &args)
            }
            Value::Sum(monomials) => writer.sum(monomials),
        };
        if let (Some(name), Node::Apply(..)) = (network.names.get(&v), &writer.program.arena[e]) {
            writer.program.names.entry(e).or_insert_with(|| name.clone());
        }
        writer.built.insert(v, e);
    }
    network.roots.iter().map(|v| writer.built[v]).collect()
}

struct Writer<'a> {
    program: &'a mut Program,
    /// How often the reciprocal of a value is used.
    recips: Map<Var, u32>,
    built: Map<Var, Expr>,
    /// When a node can be ready: the latency of the longest chain under it.
    ready: Map<Expr, u32>,
}

impl Writer<'_> {
    fn ready(&mut self, e: Expr) -> u32 {
        let mut stack = vec![e];
        while let Some(&n) = stack.last() {
            let node = &self.program.arena[n];
            let missing = node.children().iter().copied().filter(|c| !self.ready.contains_key(c));
            let before = stack.len();
            stack.extend(missing);
            if stack.len() == before {
                let operands = node.children().iter().map(|c| self.ready[c]).max().unwrap_or(0);
                let own = self.program.arena.as_apply(n).map_or(0, |(op, _)| op.entry().latency());
                self.ready.insert(n, operands + own);
                stack.pop();
            }
        }
        self.ready[&e]
    }

    /// Combines items, the two that are ready first first.
    fn tree<T: Copy>(&mut self, items: Vec<T>, expr: fn(T) -> Expr, combine: impl Fn(&mut Program, T, T) -> T) -> Option<T> {
        let mut queue: Vec<(u32, T)> = items.into_iter().map(|t| (self.ready(expr(t)), t)).collect();
        // latest first, of equal ones the last first
        queue.reverse();
        queue.sort_by_key(|(ready, _)| std::cmp::Reverse(*ready));
        while queue.len() > 1 {
            let ((_, a), (_, b)) = (queue.pop()?, queue.pop()?);
            let both = combine(self.program, a, b);
            let ready = self.ready(expr(both));
            let at = queue.partition_point(|(other, _)| *other > ready);
            queue.insert(at, (ready, both));
        }
        queue.pop().map(|(_, t)| t)
    }

    fn sum(&mut self, monomials: &[Monomial]) -> Expr {
        let items: Vec<(bool, Expr)> = monomials.iter().map(|m| (m.coefficient.is_negative(), self.monomial(m))).collect();
        let total = self.tree(
            items,
            |(_, e)| e,
            |program, (minus_a, a), (minus_b, b)| match (minus_a, minus_b) {
                (false, false) => (false, program.arena.add(a, b)),
                (true, true) => (true, program.arena.add(a, b)),
                (false, true) => (false, program.arena.sub(a, b)),
                (true, false) => (false, program.arena.sub(b, a)),
            },
        );
        match total {
            Some((false, e)) => e,
            Some((true, e)) => self.program.arena.neg(e),
            None => self.program.arena.constant(0),
        }
    }

    /// A monomial without its sign.
    fn monomial(&mut self, m: &Monomial) -> Expr {
        let (mut over, mut under) = (Vec::new(), Vec::new());
        let size = if m.coefficient.is_negative() { m.coefficient.neg() } else { m.coefficient.clone() };
        let mut coefficients: Vec<Expr> = Vec::new();
        for part in parts(size, self.program.float).into_iter().filter(|p| !p.is_one()) {
            coefficients.push(self.program.arena.insert(Node::Const(part)));
        }
        // several are out of range together
        if coefficients.len() == 1 {
            over.append(&mut coefficients);
        }
        let mut literals = m.literals.as_slice();
        while let Some(first) = literals.first() {
            let times = literals.iter().take_while(|l| *l == first).count();
            literals = &literals[times..];
            let mut e = self.built[&first.var];
            let shared = first.reciprocal && self.recips.get(&first.var).copied().unwrap_or(0) > 1;
            if shared {
                let one = self.program.arena.constant(1);
                e = self.program.arena.div(one, e);
            }
            let side = if first.reciprocal && !shared { &mut under } else { &mut over };
            side.push(power(self.program, e, times));
        }
        let product = |program: &mut Program, a, b| program.arena.apply(Op::Mul, vec![a, b]);
        let over = self.tree(over, |e| e, product);
        let over = coefficients.into_iter().fold(over, |over, c| over.map_or(Some(c), |over| Some(product(self.program, c, over))));
        let under = self.tree(under, |e| e, product);
        let one = self.program.arena.constant(1);
        match under {
            Some(under) => self.program.arena.apply(Op::Div, vec![over.unwrap_or(one), under]),
            None => over.unwrap_or(one),
        }
    }
}

/// `e` to a power, by squaring.
fn power(program: &mut Program, e: Expr, exponent: usize) -> Expr {
    let (mut square, mut left, mut power) = (e, exponent, program.arena.constant(1));
    while left > 0 {
        if left & 1 == 1 {
            power = program.arena.mul(power, square);
        }
        left >>= 1;
        if left > 0 {
            square = program.arena.mul(square, square);
        }
    }
    power
}
