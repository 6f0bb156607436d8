//! The sum-of-terms view of an expression: what deltas are eliminated in and loops are made from.

use super::affine::{placed, Affine, Index, Symbol};
use super::constant::Constant;
use super::expr::{Arena, Expr, Map, Node, Set};
use super::program::Program;
use super::range::{in_order, is_certain, may_stand, runs, Facts};
use crate::ops::Op;

/// `coefficient · Σ_sums · Π deltas · Π guards · Π factors`. The indices summed over have no names: of `m`
/// sums the `k`-th is [`Symbol::Bound`]`(m - 1 - k)` in the deltas, guards and factors. So terms may be copied,
/// multiplied and compared without a thought of which index is whose.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Term {
    /// The constant factor.
    pub coefficient: Constant,
    /// The lengths of the sums, the outermost first.
    pub sums: Vec<Affine>,
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

    /// The product of two terms.
    #[must_use]
    pub fn times(&self, other: &Term, arena: &mut Arena) -> Term {
        // the other's sums are inside, and each sees those of this one around its own
        let (outer, inner) = (self.sums.len() as u32, other.sums.len() as u32);
        let mut out = self.clone();
        out.rebind(arena, &|k| bound(k + inner));
        let mut other = other.clone();
        other.rebind(arena, &|k| bound(if k < inner { k } else { k + outer }));
        out.coefficient = out.coefficient.mul(&other.coefficient);
        out.sums.append(&mut other.sums);
        out.deltas.append(&mut other.deltas);
        out.guards.append(&mut other.guards);
        out.factors.append(&mut other.factors);
        out
    }

    /// Replaces symbols everywhere, deltas and factors alike.
    pub fn substitute(&mut self, arena: &mut Arena, with: &dyn Fn(Symbol) -> Option<Affine>) {
        for (a, b) in &mut self.deltas {
            *a = a.substitute(with);
            *b = b.substitute(with);
        }
        for e in self.guards.iter_mut().chain(&mut self.factors) {
            *e = arena.substitute(*e, with);
        }
    }

    /// Replaces the indices of the sums, as those inside them see these.
    fn rebind(&mut self, arena: &mut Arena, with: &dyn Fn(u32) -> Affine) {
        let replace = |s: Symbol| match s {
            Symbol::Bound(k) => Some(with(k)),
            Symbol::Index(_) | Symbol::Size(_) => None,
        };
        for (a, b) in &mut self.deltas {
            *a = a.substitute(replace);
            *b = b.substitute(replace);
        }
        for e in self.guards.iter_mut().chain(&mut self.factors) {
            *e = arena.rebind(*e, with);
        }
    }

    /// Puts positions in the place of named indices.
    pub fn place(&mut self, arena: &mut Arena, indices: &[Index], at: &[Affine]) {
        let depth = self.sums.len() as u32;
        let at: Vec<Affine> = at.iter().map(|a| a.lifted(depth)).collect();
        self.substitute(arena, &placed(indices, &at));
    }

    /// Sums over indices that have been named, inside the sums that are there.
    pub fn sum_over(&mut self, program: &mut Program, indices: &[Index]) {
        let count = indices.len() as u32;
        self.rebind(&mut program.arena, &|k| bound(k + count));
        let at: Vec<Affine> = (0..count).rev().map(bound).collect();
        self.substitute(&mut program.arena, &placed(indices, &at));
        self.sums.extend(indices.iter().map(|i| program.length(*i).clone()));
    }

    /// Names the indices of all sums, which are gone then.
    pub fn name_sums(&mut self, program: &mut Program) -> Vec<Index> {
        let sums = std::mem::take(&mut self.sums);
        let named: Vec<Index> = sums.into_iter().map(|n| program.index(n)).collect();
        self.rebind(&mut program.arena, &|k| match (named.len() as u32).checked_sub(k + 1) {
            Some(at) => Affine::from(named[at as usize]),
            None => bound(k - named.len() as u32),
        });
        named
    }

    /// Drops the deltas and guards that always hold, or stand there twice; false where one never does, or two exclude
    /// each other.
    pub fn settle(&mut self, arena: &Arena) -> bool {
        let mut holds = true;
        let mut is_open = |known: Option<bool>| {
            holds &= known.unwrap_or(true);
            known.is_none()
        };
        self.deltas.retain(|(a, b)| is_open(a.plus(b, -1).known().map(|difference| difference == 0)));
        self.guards.retain(|c| is_open(arena.as_const(*c).map(|c| !c.is_zero())));
        let mut seen: Set<Expr> = Set::default();
        self.guards.retain(|c| seen.insert(*c));
        let denied = |c: &Expr| matches!(arena.as_apply(*c), Some((Op::Not, args)) if self.guards.contains(&args[0]));
        holds &= !self.guards.iter().any(denied);
        holds
    }

    /// The indices of the sums, as those inside them see these, the outermost first.
    fn bound(&self) -> Vec<Symbol> {
        (0..self.sums.len() as u32).rev().map(Symbol::Bound).collect()
    }

    /// The factors in groups that share no index, that of a sum or one among `also`; what has none is alone.
    pub fn groups(&self, arena: &mut Arena, also: &[Index]) -> Vec<(Vec<Index>, Term)> {
        let symbols: Vec<Symbol> = also.iter().map(|i| Symbol::Index(*i)).chain(self.bound()).collect();
        let mut groups: Vec<(Vec<Symbol>, Term)> = symbols.iter().map(|i| (vec![*i], Term::default())).collect();
        let mut put = |mentioned: Set<Symbol>, add: &mut dyn FnMut(&mut Term)| {
            let (joined, apart): (Vec<_>, Vec<_>) =
                std::mem::take(&mut groups).into_iter().partition(|(own, _)| own.iter().any(|i| mentioned.contains(i)));
            let (own, mut term) = joined.into_iter().fold((Vec::new(), Term::default()), |(own, mut term), (more, mut other)| {
                term.deltas.append(&mut other.deltas);
                term.guards.append(&mut other.guards);
                term.factors.append(&mut other.factors);
                ([own, more].concat(), term)
            });
            add(&mut term);
            groups = apart;
            groups.push((own, term));
        };
        for (a, b) in &self.deltas {
            let mentioned = a.terms().iter().chain(b.terms()).map(|(s, _)| *s).collect();
            put(mentioned, &mut |t| t.deltas.push((a.clone(), b.clone())));
        }
        for &c in &self.guards {
            put(arena.symbols(c), &mut |t| t.guards.push(c));
        }
        // where a guard or delta takes no term, what may be no number is not computed
        let conditions = self.deltas.iter().flat_map(|(a, b)| a.terms().iter().chain(b.terms())).map(|(s, _)| *s);
        let conditions = conditions.chain(self.guards.iter().flat_map(|c| arena.symbols(*c))).filter(|s| symbols.contains(s));
        let decides: Vec<Symbol> = conditions.collect();
        for &e in &self.factors {
            let mut mentioned = arena.symbols(e);
            if arena.is_partial(e) {
                mentioned.extend(&decides);
            }
            put(mentioned, &mut |t| t.factors.push(e));
        }
        // in the order of the indices, what has none first
        let first = |own: &[Symbol]| symbols.iter().position(|i| own.contains(i)).map_or(0, |k| k + 1);
        groups.sort_by_key(|(own, _)| first(own));
        let mut out = Vec::new();
        for (own, mut term) in groups {
            // the sums of the group, as those inside them saw them, the innermost first
            let inner: Vec<u32> = (0..self.sums.len() as u32).filter(|k| own.contains(&Symbol::Bound(*k))).collect();
            term.sums = inner.iter().rev().map(|k| self.sums[self.sums.len() - 1 - *k as usize].clone()).collect();
            let (all, left) = (self.sums.len() as u32, inner.len() as u32);
            term.rebind(arena, &|k| match inner.iter().position(|j| *j == k) {
                Some(at) => bound(at as u32),
                None => bound(k - all + left),
            });
            out.push((also.iter().copied().filter(|i| own.contains(&Symbol::Index(*i))).collect(), term));
        }
        out
    }

    /// The conditions that the sums have a term, if a factor that will stand outside may be evaluated only then.
    fn runs(&self, program: &mut Program) -> Vec<Expr> {
        let outside = |e: &Expr| program.arena.is_partial(*e) || !may_stand(program, *e, &Facts::default());
        let moves = |e: &Expr| program.arena.loose(*e) == 0 && outside(e);
        // a position that is read in no term may be outside its axis
        let beyond = |(position, axis): &(Affine, Affine)| {
            let length = axis.as_index().map(|i| program.length(i));
            position.loose() == 0 && length.is_some_and(|n| !program.is_inside(position, n, &[]))
        };
        if self.sums.is_empty() || !self.factors.iter().any(moves) && !self.deltas.iter().any(beyond) {
            return Vec::new();
        }
        let mut lengths = self.sums.clone();
        lengths.dedup();
        lengths.iter().filter_map(|n| runs(&mut program.arena, n)).filter(|c| !self.guards.contains(c)).collect()
    }

    /// The term as an expression; factors that do not depend on a summed index stand outside its
    /// sum, and sums over factors that share no index are a product of sums.
    pub fn to_expr(&self, program: &mut Program) -> Expr {
        let guards = [self.runs(program), in_order(program, &self.guards)].concat();
        let ordered = Term { guards, ..self.clone() };
        let Program { arena, sizes, .. } = program;
        let one = arena.constant(1);
        let mut outer = arena.insert(Node::Const(self.coefficient.clone()));
        let mut structure = one;
        let mut sums = Vec::new();
        for (_, group) in ordered.groups(arena, &[]) {
            // structure and dense factors apart, so that the dense ones stay one expression
            let alone = group.sums.is_empty();
            let (mut inner, mut dense) = (one, if alone { outer } else { one });
            for (a, b) in &group.deltas {
                let delta = arena.delta(a, b);
                inner = join(arena, inner, delta);
            }
            for &c in &group.guards {
                let bracket = arena.rebuild(Node::Bracket(c));
                inner = join(arena, inner, bracket);
            }
            dense = group.factors.iter().fold(dense, |p, e| arena.mul(p, *e));
            if alone {
                (structure, outer) = (join(arena, structure, inner), dense);
                continue;
            }
            inner = join(arena, inner, dense);
            for length in group.sums.iter().rev() {
                inner = if arena.symbols(inner).contains(&Symbol::Bound(0)) {
                    arena.insert(Node::Sum(length.clone(), inner))
                } else {
                    let same = arena.rebind(inner, &|k| bound(k - 1));
                    let count = arena.integer(length.clone());
                    let all = arena.mul(same, count);
                    // a range that ends before it begins is empty
                    match (!is_certain(sizes, length)).then(|| runs(arena, length)).flatten() {
                        None => all,
                        Some(condition) => {
                            let bracket = arena.insert(Node::Bracket(condition));
                            join(arena, bracket, all)
                        }
                    }
                };
            }
            sums.push(inner);
        }
        let outer = join(arena, structure, outer);
        sums.into_iter().fold(outer, |product, sum| join(arena, product, sum))
    }
}

/// The index of a sum with `k` others in between.
fn bound(k: u32) -> Affine {
    Affine::from(Symbol::Bound(k))
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

impl Program {
    /// Writes an expression as a sum of terms. What holds no delta, bracket or sum stays whole.
    pub fn expand(&mut self, e: Expr) -> Vec<Term> {
        let structured = self.structured(&self.arena.reachable([e]));
        self.expand_in(e, &structured)
    }

    /// The same, but all that is added up is taken apart, too, if that gives at most so many terms.
    pub fn multiply_out(&mut self, e: Expr, most: usize) -> Option<Vec<Term>> {
        let order = self.arena.reachable([e]);
        let mut structured = self.structured(&order);
        for &n in &order {
            let node = &self.arena[n];
            let is_linear = matches!(node, Node::Apply(Op::Add | Op::Sub | Op::Mul | Op::Div | Op::Neg, _));
            if matches!(node, Node::Apply(Op::Add | Op::Sub, _)) || is_linear && node.children().iter().any(|c| structured.contains(c)) {
                structured.insert(n);
            }
        }
        (self.count_of(e, &order, &structured) <= most).then(|| self.expand_in(e, &structured))
    }

    /// The same, but sums stay whole.
    pub fn expand_around_sums(&mut self, e: Expr) -> Vec<Term> {
        let mut outside = self.arena.outside_sums([e]);
        outside.retain(|n| !matches!(self.arena[*n], Node::Sum(..)));
        let structured = self.structured(&outside);
        self.expand_in(e, &structured)
    }

    /// The same, but what is added up in a factor stays whole, as the others would be computed for each of its terms,
    /// unless a delta is in it, a guard that is one, or a bracket outside its sums.
    pub fn expand_deltas(&mut self, e: Expr) -> Vec<Term> {
        let mut order = self.arena.reachable([e]);
        let deltas = self.holding_deltas(&order);
        let mut opened = deltas.clone();
        for &n in &order {
            let node = &self.arena[n];
            let inside = || !matches!(node, Node::Sum(..)) && node.children().iter().any(|c| opened.contains(c));
            if matches!(node, Node::Bracket(_)) || inside() {
                opened.insert(n);
            }
        }
        let (mut loops, mut whole): (Set<Expr>, Set<Expr>) = Default::default();
        let mut seen: Set<(Expr, bool)> = Set::default();
        let mut waiting = vec![(e, false)];
        while let Some((n, in_factor)) = waiting.pop() {
            if !seen.insert((n, in_factor)) {
                continue;
            }
            match &self.arena[n] {
                Node::Apply(Op::Add | Op::Sub, _) if in_factor && !opened.contains(&n) => _ = whole.insert(n),
                Node::Apply(Op::Add | Op::Sub, args) => waiting.extend(args.iter().map(|a| (*a, in_factor))),
                Node::Apply(Op::Mul, args) => waiting.extend(args.iter().map(|a| (*a, true))),
                Node::Apply(Op::Neg | Op::Div, args) => waiting.push((args[0], in_factor)),
                Node::Sum(_, body) => {
                    loops.insert(n);
                    waiting.push((*body, false));
                }
                _ => {}
            }
        }
        order.retain(|n| {
            let is_loop = deltas.contains(n) || loops.contains(n);
            !whole.contains(n) && (is_loop || !matches!(self.arena[*n], Node::Sum(..)))
        });
        let structured = self.structured(&order);
        self.expand_in(e, &structured)
    }

    /// What holds a delta, or a guard that is one, of expressions in which operands come first.
    pub fn holding_deltas(&self, order: &[Expr]) -> Set<Expr> {
        let mut holds: Set<Expr> = Set::default();
        for &n in order {
            let node = &self.arena[n];
            let is_delta = matches!(node, Node::Delta(..)) || self.arena.equal_positions(n).is_some();
            if is_delta || node.children().iter().any(|c| holds.contains(c)) {
                holds.insert(n);
            }
        }
        holds
    }

    /// Takes apart what is structured; what stays whole is not looked into.
    fn expand_in(&mut self, e: Expr, structured: &Set<Expr>) -> Vec<Term> {
        let mut needed: Set<Expr> = Set::default();
        let mut waiting = vec![e];
        while let Some(n) = waiting.pop() {
            if !needed.insert(n) {
                continue;
            }
            match &self.arena[n] {
                Node::Sum(_, body) if structured.contains(&n) => waiting.push(*body),
                Node::Apply(Op::Neg | Op::Mul, args) => waiting.extend(args),
                Node::Apply(Op::Add | Op::Sub, args) if structured.contains(&n) => waiting.extend(args),
                Node::Apply(Op::Div, args) if structured.contains(&args[0]) => waiting.push(args[0]),
                _ => {}
            }
        }
        let mut order: Vec<Expr> = needed.into_iter().collect();
        order.sort_unstable();
        let mut terms: Map<Expr, Vec<Term>> = Map::default();
        for n in order {
            let built = self.expand_node(n, structured, &terms);
            terms.insert(n, built);
        }
        terms.swap_remove(&e).expect("the root is needed")
    }

    /// How many terms [`Program::expand`] gives.
    pub fn count_terms(&self, e: Expr) -> usize {
        let order = self.arena.reachable([e]);
        let structured = self.structured(&order);
        self.count_of(e, &order, &structured)
    }

    fn count_of(&self, e: Expr, order: &[Expr], structured: &Set<Expr>) -> usize {
        let mut counts: Map<Expr, usize> = Map::default();
        for &n in order {
            let count = match &self.arena[n] {
                Node::Const(c) => usize::from(!c.is_zero()),
                Node::Sum(_, body) => counts[body],
                Node::Apply(Op::Neg, args) => counts[&args[0]],
                Node::Apply(Op::Div, args) if structured.contains(&args[0]) => counts[&args[0]],
                Node::Apply(Op::Mul, args) if structured.contains(&n) => counts[&args[0]].saturating_mul(counts[&args[1]]),
                Node::Apply(Op::Add | Op::Sub, args) if structured.contains(&n) => counts[&args[0]].saturating_add(counts[&args[1]]),
                _ => 1,
            };
            counts.insert(n, count);
        }
        counts[&e]
    }

    /// What holds a delta, a bracket or a sum that [`Program::expand`] takes out.
    fn structured(&self, order: &[Expr]) -> Set<Expr> {
        let mut structured: Set<Expr> = Set::default();
        for &n in order {
            let node = &self.arena[n];
            let inner = node.children().iter().any(|c| structured.contains(c));
            let carries = matches!(node, Node::Apply(Op::Add | Op::Sub | Op::Mul | Op::Div | Op::Neg, _) | Node::Sum(..)) && inner;
            if carries || matches!(node, Node::Delta(..) | Node::Bracket(_) | Node::Sum(..)) {
                structured.insert(n);
            }
        }
        structured
    }

    fn expand_node(&mut self, n: Expr, structured: &Set<Expr>, terms: &Map<Expr, Vec<Term>>) -> Vec<Term> {
        let negated = |ts: &[Term]| -> Vec<Term> { ts.iter().map(|t| Term { coefficient: t.coefficient.neg(), ..t.clone() }).collect() };
        let node = self.arena[n].clone();
        match node {
            Node::Const(c) if c.is_zero() => Vec::new(),
            Node::Const(coefficient) => vec![Term { coefficient, ..Term::default() }],
            Node::Delta(a, b) => vec![Term { deltas: vec![(a, b)], ..Term::default() }],
            Node::Bracket(c) => vec![Term { guards: vec![c], ..Term::default() }],
            Node::Sum(length, body) if structured.contains(&n) => {
                let around = |t: &Term| Term { sums: std::iter::once(&length).chain(&t.sums).cloned().collect(), ..t.clone() };
                terms[&body].iter().map(around).collect()
            }
            Node::Apply(Op::Neg, args) => negated(&terms[&args[0]]),
            Node::Apply(Op::Mul, args) if structured.contains(&n) || args.iter().all(|a| terms[a].len() == 1) => {
                let (a, b) = (&terms[&args[0]], &terms[&args[1]]);
                a.iter().flat_map(|a| b.iter().map(move |b| (a, b))).map(|(a, b)| a.times(b, &mut self.arena)).collect()
            }
            Node::Apply(op @ (Op::Add | Op::Sub), args) if structured.contains(&n) => {
                let mut out = terms[&args[0]].clone();
                out.extend(if op == Op::Add { terms[&args[1]].clone() } else { negated(&terms[&args[1]]) });
                out
            }
            Node::Apply(Op::Div, args) if structured.contains(&args[0]) => {
                let one = self.arena.constant(1);
                let recip = Term::dense(self.arena.div(one, args[1]));
                terms[&args[0]].iter().map(|t| t.times(&recip, &mut self.arena)).collect()
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
        self.join(&mut collected);
        collected.into_iter().map(|(t, coefficient)| Term { coefficient, ..t }).collect()
    }

    /// Makes one term of two that differ in that a condition holds in one of them and not in the other.
    fn join(&mut self, terms: &mut Map<Term, Constant>) {
        while let Some((parts, both, coefficient)) = self.joined(terms) {
            parts.iter().for_each(|part| _ = terms.shift_remove(part));
            let sum = terms.entry(both).or_insert_with(|| Constant::from(0));
            *sum = sum.add(&coefficient);
            terms.retain(|_, c| !c.is_zero());
        }
    }

    /// Two such terms, and the one that they are.
    fn joined(&mut self, terms: &Map<Term, Constant>) -> Option<([Term; 2], Term, Constant)> {
        for (term, coefficient) in terms {
            for (k, guard) in term.guards.iter().enumerate() {
                let Some((Op::Not, &[holds])) = self.arena.as_apply(*guard) else { continue };
                let mut other = term.clone();
                other.guards[k] = holds;
                self.canonical(&mut other);
                if terms.get(&other) == Some(coefficient) {
                    let mut both = term.clone();
                    both.guards.remove(k);
                    self.canonical(&mut both);
                    return Some(([term.clone(), other], both, coefficient.clone()));
                }
            }
        }
        None
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

    /// Makes deltas of guards that an index is at a place: inside its range, as deltas are, by guards of their own.
    pub fn solve_guards(&mut self, term: &mut Term) {
        for c in std::mem::take(&mut term.guards) {
            let length = |axis: &Affine| match axis.as_symbol()? {
                Symbol::Bound(k) => term.sums.iter().rev().nth(k as usize).cloned(),
                Symbol::Index(i) => Some(self.length(i).clone()),
                Symbol::Size(_) => None,
            };
            // of two indices, either may be the one that is always inside the other's range
            let sides = self.arena.equal_positions(c);
            let either = sides.into_iter().flat_map(|(at, axis)| [(at.clone(), axis.clone()), (axis, at)]);
            let either: Vec<(Affine, Affine, Affine)> = either.filter_map(|(at, axis)| Some((length(&axis)?, at, axis))).collect();
            let solved = either.into_iter().find_map(|(length, at, axis)| {
                let inside = self.in_range(&at, &length, &term.sums)?;
                Some((inside, at, axis))
            });
            match solved {
                Some((inside, at, axis)) => {
                    term.guards.extend(inside);
                    term.deltas.push((at, axis));
                }
                None => term.guards.push(c),
            }
        }
    }

    /// The conditions that a position is inside an axis, as far as that is not certain; `None` where they would differ from
    /// round to round.
    pub fn in_range(&mut self, at: &Affine, length: &Affine, sums: &[Affine]) -> Option<Vec<Expr>> {
        if self.is_inside(at, length, sums) {
            return Some(Vec::new());
        }
        if at.is_indexed() {
            return None;
        }
        let [zero, position, end] = [Affine::default(), at.clone(), length.clone()].map(|a| self.arena.integer(a));
        let conditions = [(Op::Le, [zero, position]), (Op::Lt, [position, end])];
        Some(conditions.map(|(op, args)| self.arena.fold(op, &args)).to_vec())
    }

    /// Removes every delta it can; false where one never holds.
    fn eliminate(&mut self, term: &mut Term) -> bool {
        loop {
            self.solve_guards(term);
            if !term.settle(&self.arena) {
                return false;
            }
            let found = term.deltas.iter().enumerate().find_map(|(at, (position, axis))| {
                term.bound().into_iter().zip(&term.sums).find_map(|(i, length)| {
                    let other = if axis.as_symbol() == Some(i) {
                        position.clone()
                    } else {
                        let solved = position.plus(axis, -1).solve_for(i)?;
                        self.is_inside(&solved, length, &term.sums).then_some(solved)?
                    };
                    (other.coefficient(i) == 0).then_some((at, i, other))
                })
            });
            let Some((at, Symbol::Bound(i), value)) = found else { return true };
            term.deltas.remove(at);
            let along: Vec<Affine> =
                term.deltas.iter().filter(|(_, axis)| axis.as_symbol() == Some(Symbol::Bound(i))).map(|(at, _)| at.clone()).collect();
            let before = term.sums.remove(term.sums.len() - 1 - i as usize);
            // the sums around the one that is gone are one nearer
            let nearer = |k: u32| bound(if k > i { k - 1 } else { k });
            let value = value.substitute(|s| match s {
                Symbol::Bound(k) => Some(nearer(k)),
                Symbol::Index(_) | Symbol::Size(_) => None,
            });
            let with = |k: u32| if k == i { value.clone() } else { nearer(k) };
            term.rebind(&mut self.arena, &with);
            // what was inside the range of the sum need not be inside that of the index in its place
            let length = match value.as_symbol() {
                Some(Symbol::Bound(k)) => term.sums.iter().rev().nth(k as usize).cloned(),
                Some(Symbol::Index(j)) => Some(self.length(j).clone()),
                _ => None,
            };
            let Some(length) = length.filter(|n| *n != before) else { continue };
            for position in along {
                let at = position.substitute(|s| if let Symbol::Bound(k) = s { Some(with(k)) } else { None });
                if !self.is_inside(&at, &length, &term.sums) {
                    let [zero, at, end] = [Affine::default(), at, length.clone()].map(|a| self.arena.integer(a));
                    term.guards.extend([(Op::Le, [zero, at]), (Op::Lt, [at, end])].map(|(op, args)| self.arena.fold(op, &args)));
                }
            }
        }
    }

    /// Sorts deltas and factors, and puts the sums in the order that gives the smallest term.
    fn canonical(&mut self, term: &mut Term) {
        sort(term);
        let count = term.sums.len();
        if count < 2 {
            return;
        }
        let mut lengths = term.sums.clone();
        lengths.sort();
        // factorial: beyond four sums the given order serves
        let orders = if count <= 4 { permutations(count) } else { vec![(0..count).collect()] };
        let fits = |order: &Vec<usize>| order.iter().map(|k| &term.sums[*k]).eq(&lengths);
        let moved = orders.into_iter().filter(fits).map(|order| {
            let mut moved = Term { sums: lengths.clone(), ..term.clone() };
            let new = |k: u32| order.iter().position(|old| *old + k as usize + 1 == count).map_or(k, |at| (count - 1 - at) as u32);
            moved.rebind(&mut self.arena, &|k| bound(new(k)));
            sort(&mut moved);
            moved
        });
        let best = moved.min_by(|a, b| (&a.deltas, &a.guards, &a.factors).cmp(&(&b.deltas, &b.guards, &b.factors)));
        if let Some(best) = best {
            *term = best;
        }
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
