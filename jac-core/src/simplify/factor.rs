//! Factoring by algebraic kernel extraction, as in multi-level logic synthesis.
//!
//! The arithmetic is flattened to sums of monomials, in which a reciprocal is a literal of its
//! own. Then the best divisors are extracted, greedily and in rounds: products of two literals
//! that several monomials share, and sums of two monomials (double-cube divisors) that are left
//! when a common factor is taken out (Rajski & Vasudevamurthy 1992). What is left is written back
//! with each reciprocal that is used twice computed once.

use super::cost;
use crate::ir::{Constant, Expr, Float, Map, Node, Program, Set};
use crate::ops::Op;

/// Monomials with more literals keep the products they had.
const LONGEST: usize = 12;
/// Sums with more monomials are not searched for divisors pair by pair.
const WIDEST: usize = 80;
/// Rounds of extraction.
const ROUNDS: usize = 40;

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

    /// What is left without `literals`, each of which it has.
    fn without(&self, literals: &[Literal]) -> Self {
        let mut left = self.literals.clone();
        for l in literals {
            if let Some(at) = left.iter().position(|m| m == l) {
                left.remove(at);
            }
        }
        Monomial { literals: left, ..self.clone() }
    }
}

/// The literals that both have.
fn common(a: &Monomial, b: &Monomial) -> Vec<Literal> {
    let mut rest = b.literals.clone();
    a.literals
        .iter()
        .filter(|l| {
            let found = rest.iter().position(|m| m == *l);
            found.map(|at| rest.remove(at)).is_some()
        })
        .copied()
        .collect()
}

/// How a value is computed.
#[derive(Clone, Debug)]
enum Value {
    Leaf(Expr),
    Opaque(Op, Vec<Var>),
    Sum(Vec<Monomial>),
}

/// Extracts common products and sums; the cheapest of two ways to flatten.
pub fn factor(program: &mut Program, roots: &[Expr]) -> Vec<Expr> {
    let mut best: Option<(u64, Vec<Expr>)> = None;
    for through_products in [false, true] {
        let mut network = Network::new(program, roots, through_products);
        network.extract();
        let built = network.build(program);
        let price = cost(program, &built);
        if best.as_ref().is_none_or(|(least, _)| price < *least) {
            best = Some((price, built));
        }
    }
    best.map_or_else(|| roots.to_vec(), |(_, built)| built)
}

struct Network {
    values: Vec<Value>,
    roots: Vec<Var>,
    names: Map<Var, String>,
}

/// Reads the arena into a network.
struct Flattener<'a> {
    program: &'a Program,
    uses: Vec<u32>,
    through_products: bool,
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
            [m] if m.price() == 0 || self.through_products && m.literals.len() <= LONGEST => vec![m.clone()],
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
                    Some(n) => {
                        let mut base = self.monomial(args[0]);
                        if base.literals.len() as i64 * n.abs() > LONGEST as i64 {
                            base = Monomial::var(self.var(args[0]));
                        }
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

/// What can be extracted.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
enum Divisor {
    /// A product of two literals.
    Product(Literal, Literal),
    /// `a + b`, the first coefficient 1.
    Sum(Monomial, Monomial),
}

/// Where a divisor occurs: a value, and one or two of its monomials.
type Place = (Var, usize, Option<usize>);

impl Network {
    fn new(program: &Program, roots: &[Expr], through_products: bool) -> Self {
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
        let mut flattener = Flattener {
            program,
            uses,
            through_products,
            values: Vec::new(),
            names: Map::default(),
            vars: Map::default(),
            flat: Map::default(),
        };
        for e in order {
            let flat = flattener.flatten(e);
            flattener.flat.insert(e, flat);
        }
        let roots = roots.iter().map(|e| flattener.var(*e)).collect();
        Network { values: flattener.values, roots, names: flattener.names }
    }

    fn extract(&mut self) {
        for _ in 0..ROUNDS {
            let mut candidates = self.candidates();
            candidates.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
            let Some(best) = candidates.first().map(|c| c.0) else { return };
            let mut touched: Set<(Var, usize)> = Set::default();
            for (saving, divisor, places) in candidates {
                if saving * 2 < best {
                    break;
                }
                let free: Vec<Place> = places
                    .into_iter()
                    .filter(|(v, a, b)| !touched.contains(&(*v, *a)) && b.is_none_or(|b| !touched.contains(&(*v, b))))
                    .collect();
                if self.saving(&divisor, &free) >= saving {
                    self.apply(&divisor, &free, &mut touched);
                }
            }
            for value in &mut self.values {
                if let Value::Sum(monomials) = value {
                    // an emptied monomial was merged into another
                    monomials.retain(|m| !m.coefficient.is_zero());
                }
            }
        }
    }

    fn candidates(&self) -> Vec<(i64, Divisor, Vec<Place>)> {
        let mut found: Map<Divisor, Vec<Place>> = Map::default();
        for (v, value) in self.values.iter().enumerate() {
            let Value::Sum(monomials) = value else { continue };
            let v = v as Var;
            for (k, m) in monomials.iter().enumerate() {
                let mut seen: Set<(Literal, Literal)> = Set::default();
                for (x, a) in m.literals.iter().enumerate() {
                    for b in &m.literals[x + 1..] {
                        if seen.insert((*a, *b)) {
                            found.entry(Divisor::Product(*a, *b)).or_default().push((v, k, None));
                        }
                    }
                }
            }
            if monomials.len() > WIDEST {
                continue;
            }
            for a in 0..monomials.len() {
                for b in a + 1..monomials.len() {
                    let (divisor, _, _) = divide(&monomials[a], &monomials[b]);
                    found.entry(divisor).or_default().push((v, a, Some(b)));
                }
            }
        }
        found
            .into_iter()
            .map(|(divisor, places)| (self.saving(&divisor, &places), divisor, places))
            .filter(|(saving, ..)| *saving > 0)
            .collect()
    }

    /// The operations that extracting the divisor at the places saves.
    fn saving(&self, divisor: &Divisor, places: &[Place]) -> i64 {
        match divisor {
            Divisor::Product(..) => places.len() as i64 - 1,
            Divisor::Sum(p, q) => {
                let mut used: Set<(Var, usize)> = Set::default();
                let mut saved = 0;
                for (v, a, b) in places {
                    let (Value::Sum(monomials), Some(b)) = (&self.values[*v as usize], b) else { continue };
                    if !used.insert((*v, *a)) || !used.insert((*v, *b)) {
                        continue;
                    }
                    let (a, b) = (&monomials[*a], &monomials[*b]);
                    let (_, common, scale) = divide(a, b);
                    // the whole of a two-term sum is the divisor itself
                    let whole = monomials.len() == 2 && common.is_empty() && scale.is_one();
                    let outer = Monomial { literals: common, coefficient: scale }.times(&Monomial::var(Var::MAX));
                    saved += a.price() + b.price() + 1 - if whole { 0 } else { outer.price() };
                }
                saved - (p.price() + q.price() + 1)
            }
        }
    }

    fn apply(&mut self, divisor: &Divisor, places: &[Place], touched: &mut Set<(Var, usize)>) {
        let value = match divisor {
            Divisor::Product(a, b) => Value::Sum(vec![Monomial { literals: vec![*a, *b], coefficient: Constant::from(1) }]),
            Divisor::Sum(a, b) => Value::Sum(vec![a.clone(), b.clone()]),
        };
        let new = self.values.len() as Var;
        for (v, a, b) in places {
            if touched.contains(&(*v, *a)) || b.is_some_and(|b| touched.contains(&(*v, b))) {
                continue;
            }
            let Value::Sum(monomials) = &mut self.values[*v as usize] else { continue };
            match (divisor, b) {
                (Divisor::Product(x, y), _) => {
                    monomials[*a] = monomials[*a].without(&[*x, *y]).times(&Monomial::var(new));
                }
                (Divisor::Sum(..), Some(b)) => {
                    let (_, common, scale) = divide(&monomials[*a], &monomials[*b]);
                    monomials[*a] = Monomial { literals: common, coefficient: scale }.times(&Monomial::var(new));
                    monomials[*b] = Monomial::constant(Constant::from(0));
                    touched.insert((*v, *b));
                }
                (Divisor::Sum(..), None) => {}
            }
            touched.insert((*v, *a));
        }
        self.values.push(value);
        // what was just made is not searched in this round
        touched.extend((0..2).map(|k| (new, k)));
    }

    /// Writes the network back as expressions; returns the roots.
    fn build(self, program: &mut Program) -> Vec<Expr> {
        let mut recips: Map<Var, u32> = Map::default();
        for value in &self.values {
            if let Value::Sum(monomials) = value {
                for l in monomials.iter().flat_map(|m| &m.literals).filter(|l| l.reciprocal) {
                    *recips.entry(l.var).or_default() += 1;
                }
            }
        }
        let mut built: Map<Var, Expr> = Map::default();
        let mut stack: Vec<Var> = self.roots.iter().rev().copied().collect();
        while let Some(v) = stack.pop() {
            if built.contains_key(&v) {
                continue;
            }
            let needs: Vec<Var> = match &self.values[v as usize] {
                Value::Leaf(_) => Vec::new(),
                Value::Opaque(_, args) => args.clone(),
                Value::Sum(monomials) => monomials.iter().flat_map(|m| m.literals.iter().map(|l| l.var)).collect(),
            };
            let missing: Vec<Var> = needs.into_iter().filter(|n| !built.contains_key(n)).collect();
            if !missing.is_empty() {
                stack.push(v);
                stack.extend(missing.into_iter().rev());
                continue;
            }
            let e = match &self.values[v as usize] {
                Value::Leaf(e) => *e,
                Value::Opaque(op, args) => {
                    let args: Vec<Expr> = args.iter().map(|a| built[a]).collect();
                    program.arena.fold(*op, &args)
                }
                Value::Sum(monomials) => write_sum(program, monomials, &built, &recips),
            };
            if let (Some(name), Node::Apply(..)) = (self.names.get(&v), &program.arena[e]) {
                program.names.entry(e).or_insert_with(|| name.clone());
            }
            built.insert(v, e);
        }
        self.roots.iter().map(|v| built[v]).collect()
    }
}

/// `a + b` as `scale · common · divisor`.
fn divide(a: &Monomial, b: &Monomial) -> (Divisor, Vec<Literal>, Constant) {
    let shared = common(a, b);
    let (mut p, mut q) = (a.without(&shared), b.without(&shared));
    if q.literals < p.literals {
        std::mem::swap(&mut p, &mut q);
    }
    let scale = p.coefficient.clone();
    let recip = scale.recip().unwrap_or_else(|| Constant::from(1));
    (Divisor::Sum(p.scaled(&recip), q.scaled(&recip)), shared, scale)
}

fn write_sum(program: &mut Program, monomials: &[Monomial], built: &Map<Var, Expr>, recips: &Map<Var, u32>) -> Expr {
    let mut sum: Option<Expr> = None;
    // what is added comes first, so that nothing needs a negation
    let (positive, negative): (Vec<_>, Vec<_>) = monomials.iter().partition(|m| !m.coefficient.is_negative());
    for m in positive {
        let e = write_monomial(program, m, built, recips);
        sum = Some(match sum {
            None => e,
            Some(s) => program.arena.add(s, e),
        });
    }
    let mut subtracted: Option<Expr> = None;
    for m in negative {
        let e = write_monomial(program, &m.scaled(&Constant::from(-1)), built, recips);
        match sum {
            Some(s) => sum = Some(program.arena.sub(s, e)),
            None => {
                subtracted = Some(match subtracted {
                    None => e,
                    Some(s) => program.arena.add(s, e),
                });
            }
        }
    }
    match (sum, subtracted) {
        (Some(s), _) => s,
        (None, Some(s)) => program.arena.neg(s),
        (None, None) => program.arena.constant(0),
    }
}

/// The factors of a coefficient: itself, unless it is out of the range of floats; `(x * 1e200) * 1e200`
/// must not become `x * inf`.
fn parts(coefficient: &Constant, float: Float) -> Vec<Constant> {
    let in_range = |c: &Constant| match float {
        Float::F64 => c.is_normal(),
        Float::F32 => c.is_zero() || (c.to_f64() as f32).is_normal(),
    };
    let step = match float {
        Float::F64 => 1000,
        Float::F32 => 100,
    };
    let mut left = coefficient.clone();
    let mut out = Vec::new();
    while !in_range(&left) && out.len() < 64 {
        let (p, q) = left.parts();
        let power = if p.bits() > q.bits() { step } else { -step };
        let Some((factor, inverse)) = Constant::from(2).pow(power).zip(Constant::from(2).pow(-power)) else { break };
        out.push(factor);
        left = left.mul(&inverse);
    }
    out.insert(0, left);
    out
}

fn write_monomial(program: &mut Program, m: &Monomial, built: &Map<Var, Expr>, recips: &Map<Var, u32>) -> Expr {
    let float = program.float;
    let arena = &mut program.arena;
    let one = arena.constant(1);
    let (mut over, mut under) = (one, one);
    let mut literals = m.literals.as_slice();
    while let Some(first) = literals.first() {
        let times = literals.iter().take_while(|l| *l == first).count();
        literals = &literals[times..];
        let mut e = built[&first.var];
        let shared = first.reciprocal && recips.get(&first.var).copied().unwrap_or(0) > 1;
        if shared {
            e = arena.div(one, e);
        }
        // powers by squaring
        let (mut square, mut left, mut power) = (e, times, one);
        while left > 0 {
            if left & 1 == 1 {
                power = arena.mul(power, square);
            }
            left >>= 1;
            if left > 0 {
                square = arena.mul(square, square);
            }
        }
        let side = if first.reciprocal && !shared { &mut under } else { &mut over };
        *side = if arena.is(*side, 1) { power } else { arena.apply(Op::Mul, vec![*side, power]) };
    }
    for part in parts(&m.coefficient, float) {
        let coefficient = arena.insert(Node::Const(part));
        over = match () {
            () if arena.is(coefficient, 1) => over,
            () if arena.is(over, 1) => coefficient,
            () => arena.apply(Op::Mul, vec![coefficient, over]),
        };
    }
    if arena.is(under, 1) {
        over
    } else {
        arena.apply(Op::Div, vec![over, under])
    }
}
