//! Which accesses are in range, and where.
//!
//! [`Needs`] is what must hold for an expression to be evaluated, [`Facts`] what is known to hold in a place.

use super::affine::{Affine, Index, Symbol};
use super::expr::{Arena, Expr, Map, Node, Set, Tensor};
use super::program::{is_natural, Body, Definition, Program, SizeKind, SizeVar};
use crate::ops::Op;

/// Of expressions, what must be 0 or more for their accesses to be in range, as far as it is not so anyway.
#[derive(Debug)]
pub struct Needs {
    of: Map<Expr, Vec<Affine>>,
}

/// What is known to be 0 or more.
#[derive(Clone, Default, Debug)]
pub struct Facts {
    natural: Vec<Affine>,
}

impl Facts {
    /// A condition holds, or it does not.
    pub fn assume(&mut self, program: &Program, condition: Expr, holds: bool) {
        let arena = &program.arena;
        let mut waiting = vec![(condition, holds)];
        while let Some((c, holds)) = waiting.pop() {
            let Some((op, args)) = arena.as_apply(c) else { continue };
            match (op, holds) {
                (Op::Not, _) => waiting.push((args[0], !holds)),
                (Op::And, true) | (Op::Or, false) => waiting.extend(args.iter().map(|a| (*a, holds))),
                _ => {
                    let [Some(a), Some(b)] = [0, 1].map(|k| args.get(k).and_then(|e| arena.as_position(*e))) else { continue };
                    self.natural.extend(natural(op, holds, &a, &b));
                    if (op, holds) == (Op::Eq, false) {
                        // a length that is not 0 is 1 or more
                        let apart = [a.plus(&b, -1), b.plus(&a, -1)];
                        let one = Affine::from(1);
                        self.natural.extend(apart.iter().filter(|d| self.tell(program, d)).map(|d| d.plus(&one, -1)).collect::<Vec<_>>());
                    }
                }
            }
        }
    }

    /// The loop of an index runs.
    pub fn runs(&mut self, program: &Program, i: Index) {
        self.natural.push(program.length(i).plus(&Affine::from(1), -1));
    }

    /// Where the loops of all these indices run.
    pub fn inside(program: &Program, indices: &[Index]) -> Facts {
        let mut facts = Facts::default();
        indices.iter().for_each(|i| facts.runs(program, *i));
        facts
    }

    /// What follows of a condition on positions, if anything does.
    pub fn decide(&self, program: &Program, condition: Expr) -> Option<bool> {
        let (op, args) = program.arena.as_apply(condition)?;
        if op == Op::Not {
            return self.decide(program, args[0]).map(|holds| !holds);
        }
        let [a, b] = [0, 1].map(|k| args.get(k).and_then(|e| program.arena.as_position(*e)));
        let (a, b) = (a?, b?);
        if op == Op::Eq {
            // that two are equal follows from no single fact
            let apart = [a.plus(&b, -1), b.plus(&a, -1)].map(|d| d.plus(&Affine::from(1), -1));
            return apart.iter().any(|need| self.tell(program, need)).then_some(false);
        }
        let follows = |holds: &bool| natural(op, *holds, &a, &b).iter().all(|need| self.tell(program, need));
        matches!(op, Op::Lt | Op::Le).then(|| [true, false].into_iter().find(follows)).flatten()
    }

    /// Whether it follows that an integer is 0 or more.
    pub fn tell(&self, program: &Program, need: &Affine) -> bool {
        let follows = |a: Affine| is_certain(&program.sizes, &program.least(a, &[]));
        follows(need.clone()) || self.natural.iter().any(|known| follows(need.plus(known, -1)))
    }
}

/// What is 0 or more where a comparison of two integers holds, or does not.
fn natural(op: Op, holds: bool, a: &Affine, b: &Affine) -> Vec<Affine> {
    let (above, below) = (b.plus(a, -1), a.plus(b, -1));
    let less_one = |a: Affine| a.plus(&Affine::from(1), -1);
    match (op, holds) {
        (Op::Lt, true) => vec![less_one(above)],
        (Op::Lt, false) => vec![below],
        (Op::Le, true) => vec![above],
        (Op::Le, false) => vec![less_one(below)],
        (Op::Eq, true) => vec![above, below],
        _ => Vec::new(),
    }
}

/// Whether an integer over lengths and indices is 0 or more, where integer parameters may be anything.
pub(super) fn is_certain(sizes: &[SizeVar], a: &Affine) -> bool {
    let is_integer = |s: &Symbol| matches!(s, Symbol::Size(n) if sizes[n.0 as usize].kind == SizeKind::Integer);
    is_natural(a) && !a.terms().iter().any(|(s, _)| is_integer(s))
}

impl Needs {
    /// Of all nodes of `order`, in which operands come first.
    pub fn of(program: &Program, order: &[Expr]) -> Needs {
        let mut needs = Needs { of: Map::default() };
        for &e in order {
            let found = needs.find(program, e);
            if !found.is_empty() {
                needs.of.insert(e, found.into_iter().collect());
            }
        }
        needs
    }

    /// Whether all expressions may be evaluated anywhere.
    pub fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    /// Whether an expression may be evaluated anywhere.
    pub fn are_none(&self, e: Expr) -> bool {
        !self.of.contains_key(&e)
    }

    /// Whether an expression may be evaluated where the facts hold.
    pub fn hold(&self, program: &Program, e: Expr, facts: &Facts) -> bool {
        self.get(e).iter().all(|need| facts.tell(program, need))
    }

    /// What an expression needs.
    pub fn get(&self, e: Expr) -> &[Affine] {
        self.of.get(&e).map_or(&[], Vec::as_slice)
    }

    fn find(&self, program: &Program, e: Expr) -> Set<Affine> {
        let arena = &program.arena;
        let where_true = |e: Expr, condition: Expr, holds: bool| {
            let mut facts = Facts::default();
            facts.assume(program, condition, holds);
            self.get(e).iter().filter(|need| !facts.tell(program, need)).cloned().collect::<Vec<Affine>>()
        };
        match &arena[e] {
            // nothing tells where it may be evaluated
            Node::Access(t, _) if program.lazy.contains(t) => [Affine::from(-1)].into_iter().collect(),
            Node::Access(t, at) => {
                let axes = at.iter().zip(&program.info(*t).shape);
                let bounds = axes.flat_map(|(a, n)| [a.clone(), n.plus(&Affine::from(1), -1).plus(a, -1)]);
                bounds.filter(|bound| !Facts::default().tell(program, bound)).collect()
            }
            Node::Apply(Op::Select, args) => {
                let arms = [(args[1], true), (args[2], false)].map(|(arm, holds)| where_true(arm, args[0], holds));
                self.get(args[0]).iter().cloned().chain(arms.into_iter().flatten()).collect()
            }
            Node::Apply(op @ (Op::And | Op::Or), args) => {
                self.get(args[0]).iter().cloned().chain(where_true(args[1], args[0], *op == Op::And)).collect()
            }
            Node::Named(i, body) => self.of_sum(program, *body, Symbol::Index(*i), program.length(*i)),
            Node::Sum(length, body) => {
                let nearer = |s: Symbol| match s {
                    Symbol::Bound(k) => Some(Affine::from(Symbol::Bound(k - 1))),
                    Symbol::Index(_) | Symbol::Size(_) => None,
                };
                self.of_sum(program, *body, Symbol::Bound(0), length).iter().map(|need| need.substitute(nearer)).collect()
            }
            node => node.children().iter().flat_map(|c| self.get(*c).iter().cloned()).collect(),
        }
    }
    /// What the terms of a sum need at all positions of its index: at the one where there is least.
    fn of_sum(&self, program: &Program, body: Expr, i: Symbol, length: &Affine) -> Set<Affine> {
        let last = length.plus(&Affine::from(1), -1);
        let facts = Facts { natural: vec![last.clone()] };
        let least = |need: &Affine| {
            let extreme = if need.coefficient(i) > 0 { Affine::default() } else { last.clone() };
            need.substitute(|s| (s == i).then(|| extreme.clone()))
        };
        self.get(body).iter().filter(|need| !facts.tell(program, need)).map(least).filter(|need| !facts.tell(program, need)).collect()
    }
}

impl Program {
    /// Replaces the comparisons of positions that are true, or false, wherever there is such a position.
    pub fn settle_comparisons(&mut self) {
        let roots = self.roots();
        let facts = Facts::default();
        let decided = |e: Expr| facts.decide(self, e).map(|holds| (e, holds));
        let decided: Map<Expr, bool> = self.arena.reachable(roots.iter().copied()).into_iter().filter_map(decided).collect();
        let settled = self.put_truths(&roots, &decided);
        self.set_roots(&settled);
    }

    /// Expressions with constants for conditions, and what follows.
    fn put_truths(&mut self, roots: &[Expr], truths: &Map<Expr, bool>) -> Vec<Expr> {
        if truths.is_empty() {
            return roots.to_vec();
        }
        self.arena.map(roots, |arena, old, node| match truths.get(&old) {
            Some(holds) => arena.constant(i64::from(*holds)),
            None if arena[old] == node => old,
            None => arena.rebuild(node),
        })
    }

    /// Takes the brackets out of definitions that hold, or do not, wherever there are elements. Those that say where a
    /// delta is valid stay: it is to be read at its position, whatever its axis is.
    pub fn settle_conditions(&mut self) {
        for k in 0..self.definitions.len() {
            let body = match self.definitions[k].body.clone() {
                Body::Each(indices, e) => {
                    let facts = Facts::inside(self, &indices);
                    Body::Each(indices, self.settled(e, &facts))
                }
                Body::Recurrence { over, indices, parts: [first, next] } => {
                    let mut facts = Facts::inside(self, &indices);
                    let is_read_in_rounds = self.is_read_in_rounds(self.definitions[k].tensor, over);
                    if is_read_in_rounds {
                        facts.runs(self, over);
                    }
                    let first = self.settled(first, &facts);
                    facts.runs(self, over);
                    Body::Recurrence { over, indices, parts: [first, self.settled(next, &facts)] }
                }
                other => other,
            };
            self.definitions[k].body = body;
        }
    }

    /// Whether a state is read only where its loop runs: by rounds, and by what has an axis of that length.
    fn is_read_in_rounds(&self, state: Tensor, over: Index) -> bool {
        let length = self.length(over);
        let reads = |roots: &[Expr]| {
            self.arena.reachable(roots.iter().copied()).iter().any(|e| matches!(self.arena[*e], Node::Access(t, _) if t == state))
        };
        let free = |d: &Definition| match &d.body {
            Body::Each(indices, e) => indices.iter().any(|i| self.length(*i) == length) || !reads(&[*e]),
            Body::Recurrence { over: other, parts: [first, next], .. } => {
                !reads(&[*first]) && (self.length(*other) == length || !reads(&[*next]))
            }
            Body::Elements(es) => !reads(es.as_slice()),
            Body::Intrinsic(_, arguments) => !arguments.contains(&state),
        };
        self.results().all(|t| t != state) && self.definitions.iter().all(free)
    }

    /// A sum of terms without the brackets that facts decide.
    fn settled(&mut self, e: Expr, facts: &Facts) -> Expr {
        let mut seen: Set<Expr> = Set::default();
        let mut waiting = vec![e];
        while let Some(n) = waiting.pop() {
            if let (true, Some((Op::Add | Op::Sub | Op::Neg, args))) = (seen.insert(n), self.arena.as_apply(n)) {
                waiting.extend(args);
            }
        }
        let mut order: Vec<Expr> = seen.into_iter().collect();
        order.sort_unstable();
        let mut settled: Map<Expr, Expr> = Map::default();
        for n in order {
            let new = match self.arena.as_apply(n) {
                Some((op @ (Op::Add | Op::Sub | Op::Neg), args)) => {
                    let args: Vec<Expr> = args.iter().map(|a| settled[a]).collect();
                    self.arena.fold(op, &args)
                }
                _ => self.settled_term(n, facts),
            };
            settled.insert(n, new);
        }
        settled[&e]
    }

    fn settled_term(&mut self, e: Expr, facts: &Facts) -> Expr {
        let of_deltas = self.lengths_of_deltas(e);
        let decided = |n: Expr| match self.arena[n] {
            Node::Bracket(c) if self.arena.symbols(c).is_disjoint(&of_deltas) => facts.decide(self, c).map(|holds| (n, holds)),
            _ => None,
        };
        let decided: Map<Expr, bool> = self.arena.reachable([e]).into_iter().filter_map(decided).collect();
        self.put_truths(&[e], &decided)[0]
    }

    /// What the positions and axes of deltas depend on.
    fn lengths_of_deltas(&self, e: Expr) -> Set<Symbol> {
        let mut out: Set<Symbol> = Set::default();
        for n in self.arena.reachable([e]) {
            let Node::Delta(a, b) = &self.arena[n] else { continue };
            for (s, _) in a.terms().iter().chain(b.terms()) {
                out.insert(*s);
                if let Symbol::Index(i) = s {
                    out.extend(self.length(*i).terms().iter().map(|(s, _)| *s));
                }
            }
        }
        out
    }
}

/// The condition that a loop of this length runs, unless it is known to.
pub fn runs(arena: &mut Arena, length: &Affine) -> Option<Expr> {
    if length.known().is_some_and(|n| n > 0) {
        return None;
    }
    let args = vec![arena.constant(0), arena.integer(length.clone())];
    Some(arena.apply(Op::Lt, args))
}

/// Whether an expression may be evaluated where the facts hold.
pub fn may_stand(program: &Program, e: Expr, facts: &Facts) -> bool {
    Needs::of(program, &program.arena.reachable([e])).hold(program, e, facts)
}

/// The conditions in an order in which each may be evaluated where those before it hold.
pub fn in_order(program: &Program, conditions: &[Expr]) -> Vec<Expr> {
    let mut left = conditions.to_vec();
    if left.len() < 2 {
        return left;
    }
    let needs = Needs::of(program, &program.arena.reachable(left.iter().copied()));
    let mut facts = Facts::default();
    let mut out = Vec::new();
    while !left.is_empty() {
        let next = left.remove(left.iter().position(|c| needs.hold(program, *c, &facts)).unwrap_or(0));
        facts.assume(program, next, true);
        out.push(next);
    }
    out
}
