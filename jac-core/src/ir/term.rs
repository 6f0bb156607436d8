//! The sum-of-terms view of an expression: what deltas are eliminated in and loops are made from.

use super::affine::{Affine, Index, Symbol};
use super::constant::Constant;
use super::expr::{Arena, Expr, Map, Node, Set};
use super::program::Program;
use crate::ops::Op;

/// `coefficient · Σ_sums · Π deltas · Π guards · Π factors`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Term {
    /// The constant factor.
    pub coefficient: Constant,
    /// The indices summed over.
    pub sums: Vec<Index>,
    /// Pairs that must be equal. In `(position, axis)` pairs from differentiation the position is
    /// always in the axis' range.
    pub deltas: Vec<(Affine, Affine)>,
    /// Conditions that must hold.
    pub guards: Vec<Expr>,
    /// The dense factors.
    pub factors: Vec<Expr>,
}

impl Default for Term {
    fn default() -> Self {
        Term { coefficient: Constant::from(1), sums: Vec::new(), deltas: Vec::new(), guards: Vec::new(), factors: Vec::new() }
    }
}

impl Term {
    /// The term that is one dense factor.
    pub fn dense(e: Expr) -> Term {
        Term { factors: vec![e], ..Term::default() }
    }

    /// The product of two terms; the bound indices must be distinct.
    #[must_use]
    pub fn times(&self, other: &Term) -> Term {
        let mut out = self.clone();
        out.coefficient = out.coefficient.mul(&other.coefficient);
        out.sums.extend(&other.sums);
        out.deltas.extend(other.deltas.iter().cloned());
        out.guards.extend(&other.guards);
        out.factors.extend(&other.factors);
        out
    }

    /// Replaces symbols everywhere, deltas and factors alike.
    pub fn substitute(&mut self, program: &mut Program, with: &dyn Fn(Symbol) -> Option<Affine>) {
        for (a, b) in &mut self.deltas {
            *a = a.substitute(with);
            *b = b.substitute(with);
        }
        for e in self.guards.iter_mut().chain(&mut self.factors) {
            *e = program.arena.substitute(*e, with);
        }
    }

    /// Replaces the bound indices by fresh ones, so that the term can stand beside itself.
    pub fn refresh(&mut self, program: &mut Program) {
        let fresh: Map<Index, Index> = self.sums.iter().map(|i| (*i, program.index(program.length(*i).clone()))).collect();
        self.sums = self.sums.iter().map(|i| fresh[i]).collect();
        self.substitute(program, &rename(&fresh));
    }

    /// The factors in groups that share no index, bound or among `also`; what has none is alone.
    pub fn groups(&self, arena: &Arena, also: &[Index]) -> Vec<(Vec<Index>, Term)> {
        let bound: Vec<Index> = also.iter().chain(&self.sums).copied().collect();
        let mut groups: Vec<(Vec<Index>, Term)> = bound.iter().map(|i| (vec![*i], Term::default())).collect();
        let mut put = |mentioned: Vec<Index>, piece: Term| {
            let (joined, apart): (Vec<_>, Vec<_>) =
                std::mem::take(&mut groups).into_iter().partition(|(indices, _)| indices.iter().any(|i| mentioned.contains(i)));
            let (indices, term) = joined
                .into_iter()
                .fold((Vec::new(), Term::default()), |(indices, term), (more, other)| ([indices, more].concat(), term.times(&other)));
            groups = apart;
            groups.push((indices, term.times(&piece)));
        };
        let among = |indices: &mut dyn Iterator<Item = Index>| indices.filter(|i| bound.contains(i)).collect::<Vec<Index>>();
        for (a, b) in &self.deltas {
            put(among(&mut a.indices().chain(b.indices())), Term { deltas: vec![(a.clone(), b.clone())], ..Term::default() });
        }
        for &c in &self.guards {
            put(among(&mut arena.free_indices(c).into_iter()), Term { guards: vec![c], ..Term::default() });
        }
        for &e in &self.factors {
            put(among(&mut arena.free_indices(e).into_iter()), Term::dense(e));
        }
        for (indices, term) in &mut groups {
            term.sums = self.sums.iter().copied().filter(|i| indices.contains(i)).collect();
        }
        // in the order of the indices, what has none first
        let first = |indices: &[Index]| bound.iter().position(|i| indices.contains(i)).map_or(0, |k| k + 1);
        groups.sort_by_key(|(indices, _)| first(indices));
        groups
    }

    /// The term as an expression; factors that do not depend on a summed index stand outside its
    /// sum, and sums over factors that share no index are a product of sums.
    pub fn to_expr(&self, program: &mut Program) -> Expr {
        let mut outer = program.arena.insert(Node::Const(self.coefficient.clone()));
        let mut structure = program.arena.constant(1);
        let mut sums = Vec::new();
        for (indices, group) in self.groups(&program.arena, &[]) {
            let arena = &mut program.arena;
            // structure and dense factors apart, so that the dense ones stay one expression
            let one = arena.constant(1);
            let (mut inner, mut dense) = (one, if indices.is_empty() { outer } else { one });
            for (a, b) in &group.deltas {
                let delta = arena.delta(a, b);
                inner = join(arena, inner, delta);
            }
            for &c in &group.guards {
                let bracket = arena.insert(Node::Bracket(c));
                inner = join(arena, inner, bracket);
            }
            dense = group.factors.iter().fold(dense, |p, e| arena.mul(p, *e));
            if indices.is_empty() {
                (structure, outer) = (join(arena, structure, inner), dense);
                continue;
            }
            inner = join(arena, inner, dense);
            for &i in group.sums.iter().rev() {
                if arena.mentions(inner, i) {
                    inner = arena.insert(Node::Sum(i, inner));
                } else {
                    let length = program.indices[i.0 as usize].clone();
                    let count = arena.integer(length);
                    inner = arena.mul(inner, count);
                }
            }
            sums.push(inner);
        }
        let arena = &mut program.arena;
        let outer = join(arena, structure, outer);
        sums.into_iter().fold(outer, |product, sum| join(arena, product, sum))
    }
}

/// `a · b` without pushing one into the other: brackets must stay outermost.
fn join(arena: &mut Arena, a: Expr, b: Expr) -> Expr {
    if arena.is(a, 1) {
        b
    } else if arena.is(b, 1) {
        a
    } else if arena.is(a, -1) {
        arena.neg(b)
    } else if arena.is(b, -1) {
        arena.neg(a)
    } else {
        arena.apply(Op::Mul, vec![a, b])
    }
}

fn rename(map: &Map<Index, Index>) -> impl Fn(Symbol) -> Option<Affine> + '_ {
    move |s| match s {
        Symbol::Index(i) => map.get(&i).map(|j| Affine::from(*j)),
        Symbol::Size(_) => None,
    }
}

impl Program {
    /// Writes an expression as a sum of terms. What holds no delta, bracket or sum stays whole.
    pub fn expand(&mut self, e: Expr) -> Vec<Term> {
        let order = self.arena.reachable([e]);
        let mut structured: Set<Expr> = Set::default();
        for &n in &order {
            let node = &self.arena[n];
            let inner = node.children().iter().any(|c| structured.contains(c));
            let carries = matches!(node, Node::Apply(Op::Add | Op::Sub | Op::Mul | Op::Div | Op::Neg, _) | Node::Sum(..)) && inner;
            if carries || matches!(node, Node::Delta(..) | Node::Bracket(_) | Node::Sum(..)) {
                structured.insert(n);
            }
        }
        let mut terms: Map<Expr, Vec<Term>> = Map::default();
        for n in order {
            let built = self.expand_node(n, &structured, &terms);
            terms.insert(n, built);
        }
        terms.swap_remove(&e).expect("the root is reachable")
    }

    fn expand_node(&mut self, n: Expr, structured: &Set<Expr>, terms: &Map<Expr, Vec<Term>>) -> Vec<Term> {
        let negated = |ts: &[Term]| -> Vec<Term> { ts.iter().map(|t| Term { coefficient: t.coefficient.neg(), ..t.clone() }).collect() };
        let node = self.arena[n].clone();
        match node {
            Node::Const(c) if c.is_zero() => Vec::new(),
            Node::Const(coefficient) => vec![Term { coefficient, ..Term::default() }],
            Node::Delta(a, b) => vec![Term { deltas: vec![(a, b)], ..Term::default() }],
            Node::Bracket(c) => match self.arena.equal_positions(c) {
                Some(delta) => vec![Term { deltas: vec![delta], ..Term::default() }],
                None => vec![Term { guards: vec![c], ..Term::default() }],
            },
            Node::Sum(i, body) => terms[&body]
                .iter()
                .map(|t| {
                    let mut t = t.clone();
                    t.sums.insert(0, i);
                    t
                })
                .collect(),
            Node::Apply(Op::Neg, args) => negated(&terms[&args[0]]),
            Node::Apply(Op::Mul, args) if structured.contains(&n) || args.iter().all(|a| terms[a].len() == 1) => {
                let mut out = Vec::new();
                for a in &terms[&args[0]] {
                    for b in &terms[&args[1]] {
                        let mut b = b.clone();
                        if b.sums.iter().any(|i| a.sums.contains(i)) {
                            b.refresh(self);
                        }
                        out.push(a.times(&b));
                    }
                }
                out
            }
            Node::Apply(op @ (Op::Add | Op::Sub), args) if structured.contains(&n) => {
                let mut out = terms[&args[0]].clone();
                out.extend(if op == Op::Add { terms[&args[1]].clone() } else { negated(&terms[&args[1]]) });
                out
            }
            Node::Apply(Op::Div, args) if structured.contains(&args[0]) => {
                let one = self.arena.constant(1);
                let recip = Term::dense(self.arena.div(one, args[1]));
                terms[&args[0]].iter().map(|t| t.times(&recip)).collect()
            }
            _ => vec![Term::dense(n)],
        }
    }

    /// Eliminates deltas over summed indices, brings terms into canonical form and collects equal
    /// ones. What is not eliminated stays a delta.
    pub fn collect(&mut self, terms: Vec<Term>) -> Vec<Term> {
        let mut collected: Map<Term, Constant> = Map::default();
        for mut term in terms {
            if !self.eliminate(&mut term) {
                continue;
            }
            self.canonical(&mut term);
            let coefficient = std::mem::replace(&mut term.coefficient, Constant::from(1));
            let sum = collected.entry(term).or_insert_with(|| Constant::from(0));
            *sum = sum.add(&coefficient);
        }
        collected.retain(|_, c| !c.is_zero());
        collected.into_iter().map(|(t, coefficient)| Term { coefficient, ..t }).collect()
    }

    /// The sum of the terms as an expression.
    pub fn sum(&mut self, terms: &[Term]) -> Expr {
        let mut sum = self.arena.constant(0);
        for t in terms {
            let e = t.to_expr(self);
            sum = self.arena.add(sum, e);
        }
        sum
    }

    /// Removes every delta it can; false where one never holds.
    fn eliminate(&mut self, term: &mut Term) -> bool {
        loop {
            let mut holds = true;
            term.deltas.retain(|(a, b)| match a.plus(b, -1).known() {
                Some(difference) => {
                    holds &= difference == 0;
                    false
                }
                None => true,
            });
            if !holds {
                return false;
            }
            let found = term.deltas.iter().enumerate().find_map(|(at, (position, axis))| {
                term.sums.iter().find_map(|&i| {
                    let other = if axis.as_index() == Some(i) {
                        position.clone()
                    } else {
                        let solved = position.plus(axis, -1).solve_for(Symbol::Index(i))?;
                        self.is_inside(&solved, self.length(i)).then_some(solved)?
                    };
                    (other.coefficient(Symbol::Index(i)) == 0).then_some((at, i, other))
                })
            });
            let Some((at, i, value)) = found else { return true };
            term.deltas.remove(at);
            term.sums.retain(|s| *s != i);
            term.substitute(self, &|s| (s == Symbol::Index(i)).then(|| value.clone()));
        }
    }

    /// Sorts deltas and factors, and replaces the summed indices by shared ones in the order that
    /// gives the smallest term.
    fn canonical(&mut self, term: &mut Term) {
        if term.sums.is_empty() {
            sort(term);
            return;
        }
        let mut best: Option<Term> = None;
        let sums = term.sums.clone();
        // factorial: beyond four bound indices the given order serves
        let orders = if sums.len() <= 4 { permutations(sums.len()) } else { vec![(0..sums.len()).collect()] };
        let pool: Vec<Index> = self.shared_indices(&sums);
        for order in orders {
            let map: Map<Index, Index> = order.iter().zip(&pool).map(|(k, p)| (sums[*k], *p)).collect();
            if map.iter().any(|(from, to)| self.length(*from) != self.length(*to)) {
                continue;
            }
            let mut candidate = term.clone();
            candidate.sums = pool.clone();
            candidate.substitute(self, &rename(&map));
            sort(&mut candidate);
            let key = |t: &Term| (t.deltas.clone(), t.guards.clone(), t.factors.clone());
            if best.as_ref().is_none_or(|b| key(&candidate) < key(b)) {
                best = Some(candidate);
            }
        }
        if let Some(best) = best {
            *term = best;
        }
    }

    /// For each of `sums`, sorted by length, an index of that length that all terms share.
    fn shared_indices(&mut self, sums: &[Index]) -> Vec<Index> {
        let mut lengths: Vec<Affine> = sums.iter().map(|i| self.length(*i).clone()).collect();
        lengths.sort();
        let mut out: Vec<Index> = Vec::new();
        for length in lengths {
            let known = self.shared.iter().copied().find(|i| *self.length(*i) == length && !out.contains(i));
            out.push(known.unwrap_or_else(|| {
                let i = self.index(length);
                self.shared.push(i);
                i
            }));
        }
        out
    }
}

fn sort(term: &mut Term) {
    term.deltas.sort();
    term.deltas.dedup();
    term.guards.sort();
    term.guards.dedup();
    term.factors.sort();
}

fn permutations(n: usize) -> Vec<Vec<usize>> {
    let mut out = vec![Vec::new()];
    for k in 0..n {
        out = out
            .into_iter()
            .flat_map(|p| {
                (0..=p.len()).map(move |at| {
                    let mut q = p.clone();
                    q.insert(at, k);
                    q
                })
            })
            .collect();
    }
    out
}
