//! Expressions as sums of monomials.

use super::{Literal, Monomial, Network, Value, Var, Variant, LONGEST};
use crate::ir::{Constant, Expr, Map, Node, Program};
use crate::ops::Op;

/// A product of sums is multiplied out to no more monomials than this.
const EXPANDED: usize = 12;

/// Flattens what the roots need.
pub fn flatten(program: &Program, roots: &[Expr], variant: Variant) -> Network {
    let order = program.arena.reachable(roots.iter().copied());
    let mut uses = vec![0; program.arena.len()];
    for e in &order {
        for c in program.arena[*e].children() {
            uses[c.at()] += 1;
        }
    }
    for e in roots {
        uses[e.at()] += 1;
    }
    let mut flattener =
        Flattener { program, uses, variant, values: Vec::new(), names: Map::default(), vars: Map::default(), flat: Map::default() };
    for e in order {
        let flat = flattener.flatten(e);
        flattener.flat.insert(e, flat);
    }
    let roots = roots.iter().map(|e| flattener.var(*e)).collect();
    let Flattener { values, names, .. } = flattener;
    Network { values, roots, names }
}

/// Reads the arena into a network.
struct Flattener<'a> {
    program: &'a Program,
    uses: Vec<u32>,
    variant: Variant,
    values: Vec<Value>,
    names: Map<Var, String>,
    vars: Map<Expr, Var>,
    flat: Map<Expr, Vec<Monomial>>,
}

impl Flattener<'_> {
    fn add(&mut self, value: Value) -> Var {
        self.values.push(value);
        self.values.len() as Var - 1
    }

    /// The node as a value of its own.
    fn var(&mut self, e: Expr) -> Var {
        if let Some(v) = self.vars.get(&e) {
            return *v;
        }
        self.collect(e);
        let value = match self.flat.get(&e).map(Vec::as_slice) {
            Some([m]) if m.coefficient.is_one() && m.literals.len() == 1 && !m.literals[0].reciprocal => {
                let v = m.literals[0].var;
                self.vars.insert(e, v);
                return v;
            }
            Some(monomials) => Value::Sum(monomials.to_vec()),
            None => Value::Leaf(e),
        };
        let v = self.add(value);
        if let Some(name) = self.program.names.get(&e) {
            self.names.insert(v, name.clone());
        }
        self.vars.insert(e, v);
        v
    }

    /// Collects like terms of a node.
    fn collect(&mut self, e: Expr) {
        if let Some(flat) = self.flat.get_mut(&e) {
            if flat.len() > 1 {
                *flat = collected(std::mem::take(flat));
            }
        }
    }

    /// The node as a sum, its shared parts as values of their own. What is used once is moved, so
    /// that a long sum is not copied at every addition.
    fn sum(&mut self, e: Expr) -> Vec<Monomial> {
        if self.uses[e.at()] <= 1 {
            return self.flat.get_mut(&e).map(std::mem::take).unwrap_or_default();
        }
        self.collect(e);
        match self.flat[&e].as_slice() {
            [] => Vec::new(),
            [m] if m.price() == 0 || self.variant.through_products && m.literals.len() <= LONGEST => vec![m.clone()],
            _ => vec![Monomial::var(self.var(e))],
        }
    }

    /// The node as one monomial.
    fn monomial(&mut self, e: Expr) -> Monomial {
        self.collect(e);
        match self.flat[&e].as_slice() {
            [] => Monomial::constant(Constant::from(0)),
            [m] if m.literals.len() <= LONGEST => self.sum(e).pop().expect("one monomial"),
            _ => Monomial::var(self.var(e)),
        }
    }

    fn flatten(&mut self, e: Expr) -> Vec<Monomial> {
        let node = self.program.arena[e].clone();
        match node {
            Node::Const(c) if c.is_zero() => Vec::new(),
            Node::Const(c) => vec![Monomial::constant(c)],
            Node::Apply(Op::Add, args) => {
                let mut out = self.sum(args[0]);
                out.extend(self.sum(args[1]));
                out
            }
            Node::Apply(Op::Sub, args) => {
                let mut out = self.sum(args[0]);
                out.extend(self.sum(args[1]).iter().map(|m| m.scaled(&Constant::from(-1))));
                out
            }
            Node::Apply(Op::Neg, args) => self.sum(args[0]).iter().map(|m| m.scaled(&Constant::from(-1))).collect(),
            Node::Apply(Op::Mul, args) if self.expands(&args) => {
                let (a, b) = (self.sum(args[0]), self.sum(args[1]));
                a.iter().flat_map(|x| b.iter().map(|y| x.times(y))).collect()
            }
            Node::Apply(Op::Mul, args) => {
                let product = self.monomial(args[0]).times(&self.monomial(args[1]));
                nonzero(product)
            }
            Node::Apply(Op::Div, args) => {
                let divisor = self.monomial(args[1]);
                let inverse = divisor.inverse().unwrap_or_else(|| {
                    let var = self.var(args[1]);
                    Monomial { literals: vec![Literal { var, reciprocal: true }], coefficient: Constant::from(1) }
                });
                nonzero(self.monomial(args[0]).times(&inverse))
            }
            Node::Apply(Op::Pow, args) => {
                let exponent =
                    self.program.arena.as_const(args[1]).and_then(Constant::to_integer).filter(|n| n.unsigned_abs() <= LONGEST as u64);
                match exponent {
                    Some(0) => vec![Monomial::constant(Constant::from(1))],
                    Some(n) => {
                        let base = self.base(args[0], n);
                        let power = (1..n.abs()).fold(base.clone(), |p, _| p.times(&base));
                        match (n < 0, power.inverse()) {
                            (false, _) => vec![power],
                            (true, Some(inverse)) => vec![inverse],
                            (true, None) => self.opaque(Op::Pow, &args),
                        }
                    }
                    None => self.opaque(Op::Pow, &args),
                }
            }
            Node::Apply(op, args) => self.opaque(op, &args),
            _ => vec![Monomial::var(self.leaf(e))],
        }
    }

    /// The node as one monomial whose `n`-th power is not too long. That is decided before the node is
    /// read, since reading it may take it.
    fn base(&mut self, e: Expr, n: i64) -> Monomial {
        self.collect(e);
        match self.flat[&e].as_slice() {
            [m] if m.literals.len() as u64 * n.unsigned_abs() > LONGEST as u64 => Monomial::var(self.var(e)),
            _ => self.monomial(e),
        }
    }

    /// Whether a product is multiplied out.
    fn expands(&mut self, args: &[Expr]) -> bool {
        if !self.variant.expand {
            return false;
        }
        let mut lengths = [0; 2];
        for (n, e) in lengths.iter_mut().zip(args) {
            self.collect(*e);
            let length = self.flat[e].len();
            *n = if self.uses[e.at()] <= 1 || length == 1 { length } else { 1 };
            if length > 1 && self.is_exact(*e) {
                return false;
            }
        }
        let longest = self.flat[&args[0]].iter().chain(&self.flat[&args[1]]).map(|m| m.literals.len()).max().unwrap_or(0);
        lengths.iter().max() > Some(&1) && lengths[0] * lengths[1] <= EXPANDED && longest <= LONGEST
    }

    /// Whether a sum keeps its digits where it cancels: `1 - x` does, `x·x - y` has lost them before.
    fn is_exact(&self, e: Expr) -> bool {
        let exact = |l: &Literal| !l.reciprocal && matches!(self.values[l.var as usize], Value::Leaf(_));
        self.flat[&e].len() == 2 && self.flat[&e].iter().all(|m| m.literals.len() <= 1 && m.literals.iter().all(exact))
    }

    fn leaf(&mut self, e: Expr) -> Var {
        let v = self.add(Value::Leaf(e));
        self.vars.insert(e, v);
        v
    }

    fn opaque(&mut self, op: Op, args: &[Expr]) -> Vec<Monomial> {
        let args = args
            .iter()
            .map(|a| match self.program.arena.as_const(*a) {
                Some(_) => self.leaf(*a),
                None => self.var(*a),
            })
            .collect();
        vec![Monomial::var(self.add(Value::Opaque(op, args)))]
    }
}

fn nonzero(m: Monomial) -> Vec<Monomial> {
    if m.coefficient.is_zero() {
        Vec::new()
    } else {
        vec![m]
    }
}

/// Like terms collected.
fn collected(monomials: Vec<Monomial>) -> Vec<Monomial> {
    let mut sum: Map<Vec<Literal>, Constant> = Map::default();
    for m in monomials {
        let entry = sum.entry(m.literals).or_insert_with(|| Constant::from(0));
        *entry = entry.add(&m.coefficient);
    }
    sum.retain(|_, c| !c.is_zero());
    sum.into_iter().map(|(literals, coefficient)| Monomial { literals, coefficient }).collect()
}
