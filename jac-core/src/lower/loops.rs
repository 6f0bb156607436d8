//! From a definition to loop nests.

use super::followers::Follower;
use super::schedule::{Item, Kind, Tree};
use super::{Factor, Held};
use crate::ir::{
    affines, in_order, is_natural, may_stand, placed, reached, runs, Affine, Body, Definition, Expr, Facts, Index, Map, Node, Program,
    Reach, Role, Set, Symbol, Tensor, Term,
};
use crate::ops::Op;
use std::cmp::Reverse;

/// Results of more elements than this are stored one by one, where they are computed, instead of
/// written as literals: moving them costs more than computing them.
pub const LARGEST_LITERAL: usize = 64;

/// A term as loops: for each of `loops`, where the guards hold, `t[at] += value`.
struct Nest {
    loops: Vec<Index>,
    at: Vec<Affine>,
    guards: Vec<Expr>,
    value: Expr,
}

impl Nest {
    /// The same nest over other loop indices.
    fn over(self, program: &mut Program, own: &[Index]) -> Nest {
        let at = affines(own);
        let with = placed(&self.loops, &at);
        Nest {
            loops: own.to_vec(),
            at: self.at.iter().map(|a| a.substitute(&with)).collect(),
            guards: self.guards.iter().map(|c| program.arena.substitute(*c, &with)).collect(),
            value: program.arena.substitute(self.value, &with),
        }
    }
}

impl Nest {
    /// `t[i] = Σ_k a[k,i]·…` row by row of `a`: `for k { for i { t[i] += a[k,i]·… } }`, and `t[i,j]` where no
    /// matrix is read along a row of its own and it is not a product of matrices.
    fn along_rows(mut self, program: &mut Program) -> Nest {
        let (Some(last), true) = (self.loops.last().copied(), self.guards.is_empty()) else { return self };
        // of one loop also `c·Σ` and `−Σ`: what the elements share is multiplied row by row
        let mut sum = self.value;
        let mut around: Vec<(Op, Option<Expr>)> = Vec::new();
        while let (true, Some((op, args))) = (self.loops.len() == 1 && !program.strict, program.arena.as_apply(sum)) {
            match (op, args) {
                (Op::Neg, &[inner]) => (sum, _) = (inner, around.push((op, None))),
                (Op::Mul, &[a, b]) => {
                    let (factor, inner) = if program.arena.mentions(a, last) { (b, a) } else { (a, b) };
                    if program.arena.mentions(factor, last) {
                        return self;
                    }
                    (sum, _) = (inner, around.push((op, Some(factor))));
                }
                _ => return self,
            }
        }
        let Node::Sum(length, inner) = program.arena[sum].clone() else { return self };
        let k = program.index(length);
        let mut inner = program.arena.open(inner, &[Affine::from(k)]);
        for (op, factor) in around {
            inner = program.arena.fold(op, &factor.into_iter().chain([inner]).collect::<Vec<Expr>>());
        }
        let program = &*program;
        let reached = program.arena.reachable([inner]);
        let by_columns = reached.iter().any(|e| is_strided(program, *e, k) && program.arena.mentions(*e, last));
        let by_rows = || reached.iter().any(|e| is_along(program, *e, k));
        let free = |n: &Affine| n.indices().next().is_none();
        let simple = !reached.iter().any(|e| matches!(program.arena[*e], Node::Sum(..)));
        let plain = self.loops.iter().chain([&k]).all(|i| free(program.length(*i)));
        let rank_one = || self.loops.len() == 2 && !by_rows() && self.product(program).is_none();
        if by_columns && simple && plain && (self.loops.len() == 1 || rank_one()) {
            self.loops.insert(0, k);
            self.value = inner;
        }
        self
    }

    /// Whether it writes no position twice: every loop is along an axis of its own.
    fn injective(&self) -> bool {
        self.loops.iter().all(|i| self.at.iter().any(|a| a.as_index() == Some(*i)))
    }

    /// Whether it writes one value everywhere in the tensor.
    fn is_even(&self, program: &Program, tensor: Tensor) -> bool {
        let shape = &program.info(tensor).shape;
        let whole = |(a, n): (&Affine, &Affine)| a.as_index().is_some_and(|i| program.length(i) == n);
        self.guards.is_empty()
            && self.at.iter().zip(shape).all(whole)
            && [self.loops.len(), shape.len()] == [self.at.len(); 2]
            && self.injective()
            && self.loops.iter().all(|i| !program.arena.mentions(self.value, *i))
            // without a loop it is computed though there may be nothing to write
            && may_stand(program, self.value, &Facts::default())
    }

    /// The factors, if it is a product of two matrices of run-time lengths: `t[i,j] = Σ_k a·b`.
    fn product(&self, program: &Program) -> Option<[Factor; 2]> {
        let [i, j] = *self.loops else { return None };
        let Node::Sum(length, inner) = &program.arena[self.value] else { return None };
        let Some((Op::Mul, &[a, b])) = program.arena.as_apply(*inner) else { return None };
        // an index, as a position and with its length
        let [i, j] = [i, j].map(|i| (Affine::from(i), program.length(i)));
        let k = (Affine::from(Symbol::Bound(0)), length);
        type Axis<'a> = (Affine, &'a Affine);
        let run_time = |axes: [&Axis; 2]| axes.iter().any(|a| program.is_run_time(a.1));
        let factor = |e: Expr, rows: &Axis, columns: &Axis| {
            let Node::Access(tensor, at) = &program.arena[e] else { return None };
            let shape = &program.info(*tensor).shape;
            let axes = |axes: [&Axis; 2]| at.iter().zip(shape).eq(axes.map(|a| (&a.0, a.1))) && run_time(axes);
            let transposed = axes([columns, rows]);
            (transposed || axes([rows, columns])).then_some(Factor { tensor: *tensor, transposed })
        };
        let plain = self.guards.is_empty() && self.at == [i.0.clone(), j.0.clone()] && run_time([&i, &j]);
        let pair = |a, b| Some([factor(a, &i, &k)?, factor(b, &k, &j)?]);
        plain.then(|| pair(a, b).or_else(|| pair(b, a))).flatten()
    }

    /// Whether no position is written by both, as with `[i, i]` and `[j, j + 1]`: along two axes with the same indices they are
    /// not equally far apart, or along one without an index apart at all.
    fn is_apart(&self, other: &Nest) -> bool {
        let parts = |a: &Affine| match a.indices().collect::<Vec<Index>>().as_slice() {
            [] => Some((None, a.clone())),
            [i] if a.coefficient(Symbol::Index(*i)) == 1 => Some((Some(*i), a.plus(&Affine::from(*i), -1))),
            _ => None,
        };
        let mut distances: Map<(Option<Index>, Option<Index>), Affine> = Map::default();
        self.at.iter().zip(&other.at).filter_map(|(a, b)| parts(a).zip(parts(b))).any(|((i, a), (j, b))| {
            let distance = a.plus(&b, -1);
            let before = match (i, j) {
                (None, None) => Affine::default(),
                _ => distances.entry((i, j)).or_insert_with(|| distance.clone()).clone(),
            };
            i.is_some() == j.is_some() && distance.plus(&before, -1).known().is_some_and(|apart| apart != 0)
        })
    }

    /// Whether it writes a position before the other nest does: in the loops that they share, both
    /// stay at one position of an axis, and the other's own loops are among those opened later.
    fn writes_before(&self, other: &Nest, later: Index) -> bool {
        let along = |i: Index| self.at.iter().zip(&other.at).any(|(a, b)| a.as_index() == Some(i) && b.as_index() == Some(i));
        let own = other.loops.iter().find(|i| !self.loops.contains(i));
        own.is_none_or(|i| *i >= later) && self.loops.iter().filter(|i| other.loops.contains(i)).all(|i| along(*i))
    }
}

/// Whether the definitions are few enough elements to be written as literals.
pub fn literal(definitions: &[Definition]) -> bool {
    let elements = definitions.iter().map(|d| match &d.body {
        Body::Elements(es) => es.len(),
        _ => 0,
    });
    elements.sum::<usize>() <= LARGEST_LITERAL
}

/// Puts the loops of some definitions into the tree. Those that do not read each other share their
/// outer loops, and what is needed only inside these is computed there. `later` are the definitions
/// behind them.
pub fn definitions(program: &mut Program, tree: &mut Tree, definitions: &[Definition], later: &[Definition], literal: bool) {
    let mut waiting = Fused::default();
    for (k, definition) in definitions.iter().enumerate() {
        let tensor = definition.tensor;
        if waiting.tensors.iter().any(|t| reads(program, definition, *t)) {
            waiting = waiting.open(program, tree, 0, &[&definitions[k..], later].concat());
        }
        match &definition.body {
            Body::Each(indices, e) if !indices.is_empty() => {
                let nests = nests(program, indices, *e);
                let product = matches!(nests.as_slice(), [nest] if tree.products && nest.product(program).is_some());
                let even = matches!(nests.as_slice(), [nest] if nest.is_even(program, tensor));
                if product || even {
                    waiting.make(program, tree, definition);
                }
                if product || even || program.results().any(|t| t == tensor) {
                    waiting.add(program, tree, 0, tensor, nests);
                } else {
                    waiting.deferred.push(definition.clone());
                }
                continue;
            }
            _ => waiting.make(program, tree, definition),
        }
        let without = without_structure(program, &definition.body);
        match without.as_ref().unwrap_or(&definition.body) {
            Body::Elements(es) if literal => tree.item(0, Item::Literal(tensor, es.clone())),
            Body::Elements(es) => {
                tree.item(0, Item::Allocate(tensor));
                let shape = crate::ir::lengths(&program.info(tensor).shape);
                for (at, value) in crate::ir::positions(&shape).zip(es) {
                    if !program.arena.is(*value, 0) {
                        let at = at.into_iter().map(|k| Affine::from(k as i64)).collect();
                        tree.item(0, Item::Store { tensor, at, value: *value, add: false });
                    }
                }
            }
            Body::Each(_, e) => {
                let value = total(program, *e);
                tree.item(0, Item::Scalar(tensor, value));
            }
            Body::Intrinsic(f, arguments) => {
                tree.factor(arguments[0], f.entry().method.0);
                if !program.info(tensor).shape.is_empty() {
                    tree.item(0, Item::Allocate(tensor));
                }
                tree.item(0, Item::Intrinsic(tensor, *f, arguments.clone()));
            }
            Body::Recurrence { .. } => unreachable!("the recurrences of a loop are lowered together"),
        }
    }
    let mut left = waiting.open(program, tree, 0, later);
    for definition in later {
        left.make(program, tree, definition);
    }
}

/// Elements with branches in the place of conditions that lengths decide, if there are some.
fn without_structure(program: &mut Program, body: &Body) -> Option<Body> {
    let Body::Elements(es) = body else { return None };
    let is_structure = |e: &Expr| matches!(program.arena[*e], Node::Bracket(_) | Node::Delta(..));
    let has_structure = program.arena.reachable(es.iter().copied()).iter().any(is_structure);
    has_structure.then(|| Body::Elements(es.iter().map(|e| total(program, *e)).collect()))
}

fn reads(program: &Program, definition: &Definition, tensor: Tensor) -> bool {
    definition.body.reads(&program.arena).contains(&tensor)
}

/// The state of the same loop that a state takes the value of after a round, if it does nothing else.
pub fn copied(program: &Program, definition: &Definition) -> Option<Tensor> {
    let Body::Recurrence { over, indices, parts: [_, next] } = &definition.body else { return None };
    let Node::Access(source, at) = &program.arena[*next] else { return None };
    let own = std::iter::once(Affine::from(*over).after()).chain(indices.iter().map(|i| Affine::from(*i)));
    let is_state = program.definition(*source).is_some_and(|d| d.body.over() == Some(*over));
    let same = is_state && at.iter().cloned().eq(own) && program.info(*source).shape == program.info(definition.tensor).shape;
    same.then_some(*source)
}

/// The loop of some recurrences: all next values, in their order, then what follows from them, then all states. Returns the
/// variables of which the last round is held besides.
pub fn recurrences(
    program: &mut Program,
    tree: &mut Tree,
    over: Index,
    group: &[Definition],
    followers: &[Follower],
    held: &Map<Tensor, Held>,
) -> impl Iterator<Item = Tensor> {
    for follower in followers {
        tree.item(0, Item::Allocate(follower.tensor));
    }
    // what a state is after a round, where that is not held
    let mut news: Map<Tensor, Tensor> = Map::default();
    let states = || {
        group.iter().filter_map(|d| match &d.body {
            Body::Recurrence { indices, parts, .. } => Some((d.tensor, indices, *parts)),
            _ => None,
        })
    };
    // a scalar of which all rounds are held is in a variable besides, so that no round waits for memory
    let mut variables: Map<Tensor, Tensor> = Map::default();
    for (tensor, indices, [first, _]) in states().filter(|s| held[&s.0] != Held::Round) {
        let fresh: Vec<Index> = indices.iter().map(|i| program.index(program.length(*i).clone())).collect();
        let first = program.arena.substitute(first, &placed(indices, &affines(&fresh)));
        let mut variable = tensor;
        if held[&tensor] == Held::All {
            tree.item(0, Item::Allocate(tensor));
            round(program, tree, 0, tensor, Affine::default(), &fresh, first);
            if !indices.is_empty() || !group.iter().any(|d| reads(program, d, tensor)) {
                continue;
            }
            let info = program.info(tensor).clone();
            variable = program.tensor(&format!("{}_now", info.name), info.shape, Role::Defined);
            variables.insert(tensor, variable);
        }
        if indices.is_empty() {
            let value = total(program, first);
            tree.item(0, Item::Carry(variable, value));
        } else {
            each(program, tree, 0, tensor, &fresh, first);
        }
    }
    let reach = reached(program);
    let scope = tree.child(0, Kind::Loop(over));
    let mut together = Fused::default();
    let mut advances = Vec::new();
    let mut moved: Set<Tensor> = Set::default();
    // what reads nothing of this round comes first, then what reads that
    let after = Affine::from(over).after();
    let reads_after = |program: &Program, e: Expr, t: Tensor| program.accesses([e], t).any(|at| at[0] == after);
    let mut level: Map<Tensor, usize> = Map::default();
    for (tensor, _, [_, next]) in states() {
        let read = level.iter().filter(|(t, _)| reads_after(program, next, **t)).map(|(_, k)| k + 1).max();
        level.insert(tensor, read.unwrap_or(0));
    }
    let mut in_order: Vec<&Definition> = group.iter().collect();
    in_order.sort_by_key(|d| level[&d.tensor]);
    let mut reached = 0;
    for definition in in_order {
        let Body::Recurrence { indices, parts: [_, next], .. } = &definition.body else { continue };
        let (tensor, next) = (definition.tensor, *next);
        if std::mem::replace(&mut reached, level[&tensor]) < level[&tensor] {
            std::mem::take(&mut together).open(program, tree, scope, &[]);
        }
        if held[&tensor] == Held::Round {
            if indices.is_empty() {
                let value = total(program, next);
                tree.item(scope, Item::Scalar(tensor, value));
            } else {
                let nests = nests(program, indices, next);
                together.add(program, tree, scope, tensor, nests);
            }
            continue;
        }
        if let Some(source) = copied(program, definition).filter(|s| held[s] == Held::Round && held[&tensor] == Held::Last) {
            if moved.insert(source) {
                news.insert(tensor, source);
                advances.push(Item::Advance(tensor, source));
                continue;
            }
        }
        let next = program.arena.map(&[next], |arena, e, node| match node {
            Node::Access(t, at) if variables.contains_key(&t) && at[0] != after => arena.insert(Node::Access(variables[&t], at)),
            node if arena[e] == node => e,
            node => arena.insert(node),
        })[0];
        let all = held[&tensor] == Held::All;
        if all && !indices.is_empty() {
            let (indices, next) = up_to_reach(program, reach.get(&tensor), over, indices, next);
            let nests = nests_at(program, &after, &indices, next);
            together.write(program, tensor, nests);
            continue;
        }
        let mut value = next;
        let variable = variables.get(&tensor).copied().or((!all).then_some(tensor));
        if let Some(variable) = variable {
            let info = program.info(tensor).clone();
            // what is read once more behind is read at the round, as nothing else says that it is of it
            let is_followed = followers.iter().any(|f| reads_after(program, f.value, tensor));
            let shape = if is_followed { info.shape.clone() } else { info.shape[1..].to_vec() };
            let new = program.tensor(&format!("next_{}", info.name), shape, Role::Defined);
            if is_followed {
                news.insert(tensor, new);
            }
            advances.push(Item::Advance(variable, new));
            if indices.is_empty() {
                let next = total(program, next);
                tree.item(scope, Item::Scalar(new, next));
                let at = if is_followed { vec![after.clone()] } else { Vec::new() };
                value = program.arena.insert(Node::Access(new, at));
            } else {
                let (indices, next) = up_to_reach(program, reach.get(&tensor), over, indices, next);
                let nests = nests(program, &indices, next);
                together.add(program, tree, scope, new, nests);
            }
        }
        if all {
            round(program, tree, scope, tensor, after.clone(), &[], value);
        }
    }
    together.open(program, tree, scope, &[]);
    let mut together = Fused { nested: true, ..Fused::default() };
    for follower in followers {
        let value = program.arena.map(&[follower.value], |arena, e, node| match node {
            Node::Access(t, at) if news.contains_key(&t) && at[0] == after => arena.insert(Node::Access(news[&t], at)),
            Node::Access(t, at) if variables.contains_key(&t) => arena.insert(Node::Access(variables[&t], at)),
            node if arena[e] == node => e,
            node => arena.insert(node),
        })[0];
        let mut nests = nests(program, &follower.indices, value);
        nests.iter_mut().for_each(|n| n.at.insert(follower.axis, follower.at.clone()));
        together.write(program, follower.tensor, nests);
    }
    together.open(program, tree, scope, &[]);
    for advance in advances {
        tree.item(scope, advance);
    }
    variables.into_values().chain(news.into_values())
}

/// The indices of a state and what a round makes of it, as far as the round reaches: behind that are zeros.
fn up_to_reach(program: &mut Program, reach: Option<&Reach>, over: Index, indices: &[Index], next: Expr) -> (Vec<Index>, Expr) {
    let plain = (indices.to_vec(), next);
    let Some(reach) = reach.filter(|reach| reach.sign > 0) else { return plain };
    let own = indices[reach.axis - 1];
    // what is there rounds later has the loop of what is there at once
    let reach = if reach.rest.known().is_some_and(|rest| rest < 0) { &Reach { rest: Affine::default(), ..reach.clone() } } else { reach };
    let (end, last) = (reach.end(&Affine::from(over).after()), reach.end(program.length(over)));
    if !is_natural(&reach.rest) || !is_natural(&program.length(own).plus(&last, -1)) {
        return plain;
    }
    let shorter = program.index(end);
    let next = program.arena.substitute(next, &placed(&[own], &[Affine::from(shorter)]));
    (indices.iter().map(|i| if *i == own { shorter } else { *i }).collect(), next)
}

/// Writes one round of a recurrence of which all are held.
fn round(program: &mut Program, tree: &mut Tree, base: usize, tensor: Tensor, at: Affine, indices: &[Index], e: Expr) {
    if program.arena.is(e, 0) {
        return; // as the allocator left it
    }
    if indices.is_empty() {
        let value = total(program, e);
        return tree.item(base, Item::Store { tensor, at: vec![at], value, add: false });
    }
    let nests = nests_at(program, &at, indices, e);
    let mut alone = Fused::default();
    alone.write(program, tensor, nests);
    alone.open(program, tree, base, &[]);
}

/// The nests that fill a tensor at a position of its first axis.
fn nests_at(program: &mut Program, at: &Affine, indices: &[Index], e: Expr) -> Vec<Nest> {
    let mut nests = nests(program, indices, e);
    nests.iter_mut().for_each(|n| n.at.insert(0, at.clone()));
    nests
}

/// A scalar as one expression.
fn total(program: &mut Program, e: Expr) -> Expr {
    let terms = program.expand_deltas(e);
    let values: Vec<Expr> = terms.iter().map(|t| dense(program, t, &[])).collect();
    let sum = values.into_iter().fold(None, |sum, v| Some(sum.map_or(v, |s| program.arena.add(s, v))));
    sum.unwrap_or_else(|| program.arena.constant(0))
}

/// Puts the loops that fill a tensor into the scope `base`.
fn each(program: &mut Program, tree: &mut Tree, base: usize, tensor: Tensor, indices: &[Index], e: Expr) {
    let nests = nests(program, indices, e);
    let mut alone = Fused::default();
    alone.add(program, tree, base, tensor, nests);
    alone.open(program, tree, base, &[]);
}

/// The nests that fill a tensor.
fn nests(program: &mut Program, indices: &[Index], e: Expr) -> Vec<Nest> {
    let e = without_choices(program, e);
    let terms = program.expand_deltas(e);
    joined(program, terms, indices)
}

/// Sums to which each round adds at one position or a few, `Σ_k (if i = k { a } else { 0 })`, with brackets in the place of branches:
/// one that is a delta removes the loop.
fn without_choices(program: &mut Program, e: Expr) -> Expr {
    let arena = &program.arena;
    let is_choice = |c: Expr| arena.loose(c) > 0 && arena.equal_positions(c).is_some_and(|(a, b)| a.loose() == 0 || b.loose() == 0);
    let (mut open, mut scattered): (Set<Expr>, Set<Expr>) = Default::default();
    for n in arena.reachable([e]) {
        let is_open = match &arena[n] {
            Node::Apply(Op::Select, args) => {
                let is_scattered = is_choice(args[0]) && (arena.is(args[2], 0) || scattered.contains(&args[2]));
                if is_scattered {
                    scattered.insert(n);
                }
                is_scattered || args[1..].iter().any(|a| open.contains(a))
            }
            Node::Apply(Op::Add | Op::Sub | Op::Mul, args) => args.iter().any(|a| open.contains(a)),
            Node::Apply(Op::Neg | Op::Div, args) => open.contains(&args[0]),
            Node::Sum(_, body) => open.contains(body),
            _ => false,
        };
        if is_open {
            open.insert(n);
        }
    }
    if open.is_empty() {
        return e;
    }
    program.arena.map(&[e], |arena, old, node| match node {
        Node::Apply(Op::Select, args) if open.contains(&old) => {
            let not = arena.fold(Op::Not, &args[..1]);
            let arms = [(args[0], args[1]), (not, args[2])].map(|(c, arm)| {
                let bracket = arena.insert(Node::Bracket(c));
                if arena.is(arm, 0) {
                    arm
                } else {
                    arena.mul(bracket, arm)
                }
            });
            arena.add(arms[0], arms[1])
        }
        node if arena[old] == node => old,
        node => arena.insert(node),
    })[0]
}

/// Nests that are opened together: they share their outer loops where these have equal lengths, so
/// that memory is written in order and what several of them need is computed once.
#[derive(Default)]
struct Fused {
    /// Definitions that may be needed only inside these loops.
    deferred: Vec<Definition>,
    /// What they fill.
    tensors: Vec<Tensor>,
    nests: Vec<(Tensor, Nest, bool)>,
    /// Whether there is a loop around them all.
    nested: bool,
    /// The index of each loop, by the loop around it, its length, and of an innermost one how it
    /// writes.
    loops: Map<Place, Index>,
}

/// Where a loop stands.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Place {
    around: Option<Index>,
    length: Affine,
    writes: Option<Writes>,
}

/// How an innermost loop writes: those that differ would keep each other from being vectorised.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Writes {
    /// Along the last axis. Two rows of one tensor are not written together, and those of two tensors
    /// only to compute something once: the tensor whose loop it is.
    Row(usize, Tensor),
    /// In some other way.
    Scattered,
}

impl Fused {
    /// Adds the nests that fill a tensor.
    fn add(&mut self, program: &mut Program, tree: &mut Tree, base: usize, tensor: Tensor, nests: Vec<Nest>) {
        self.tensors.push(tensor);
        match nests.as_slice() {
            [] => return tree.item(base, Item::Fill(tensor, program.arena.constant(0))),
            [nest] if nest.is_even(program, tensor) => return tree.item(base, Item::Fill(tensor, nest.value)),
            _ => tree.item(base, Item::Allocate(tensor)),
        }
        if let [nest] = nests.as_slice() {
            if let Some(factors) = nest.product(program).filter(|_| tree.products) {
                return tree.item(base, Item::Product(tensor, factors));
            }
        }
        self.write(program, tensor, nests);
    }

    /// Adds nests that write into memory of zeros.
    fn write(&mut self, program: &mut Program, tensor: Tensor, mut nests: Vec<Nest>) {
        // what is added to them comes after the others
        nests.sort_by_key(|nest| Reverse(nest.loops.len()));
        let mut rows = 0;
        let first = self.nests.len();
        let mut later = None;
        for nest in nests {
            let mut own: Vec<Index> = Vec::new();
            for (depth, i) in nest.loops.iter().enumerate() {
                let innermost = (depth > 0 || self.nested) && depth + 1 == nest.loops.len();
                let writes = innermost.then(|| match nest.at.last().and_then(Affine::as_index) {
                    Some(last) if last == *i => {
                        rows += 1;
                        Writes::Row(rows, self.sharing(program, &nest, &own).unwrap_or(tensor))
                    }
                    _ => Writes::Scattered,
                });
                let place = Place { around: own.last().copied(), length: program.length(*i).clone(), writes };
                own.push(*self.loops.entry(place).or_insert_with(|| program.index(program.length(*i).clone())));
            }
            let nest = nest.over(program, &own);
            let same = |n: &Nest| n.loops == nest.loops && n.at == nest.at && n.guards == nest.guards;
            match self.nests[first..].iter_mut().find(|(_, n, _)| !program.strict && same(n)) {
                Some((_, before, _)) => before.value = program.arena.add(before.value, nest.value),
                None => self.nests.push((tensor, nest, true)),
            }
            later.get_or_insert(Index(program.indices.len() as u32));
        }
        // the first to write a position need not add
        let new = &self.nests[first..];
        let alone = |k: usize| new.iter().enumerate().all(|(j, (_, other, _))| j == k || new[k].1.is_apart(other));
        let is_first =
            |k: usize| k == 0 && later.is_some_and(|later| new[1..].iter().all(|(_, other, _)| new[0].1.writes_before(other, later)));
        let adds: Vec<bool> = (0..new.len()).map(|k| !new[k].1.injective() || !is_first(k) && !alone(k)).collect();
        self.nests[first..].iter_mut().zip(adds).for_each(|((_, _, add), adds)| *add = adds);
    }

    /// The tensor in whose innermost loop something is computed that a nest needs too, if its outer loops are
    /// the given ones.
    fn sharing(&self, program: &mut Program, nest: &Nest, outer: &[Index]) -> Option<Tensor> {
        let computed = |program: &Program, value: Expr, i: Index| {
            let worth = |e: &Expr| match &program.arena[*e] {
                Node::Apply(Op::Neg, _) => false,
                Node::Apply(..) => true,
                Node::Access(t, _) => program.info(*t).role == Role::Defined,
                _ => false,
            };
            let reached = program.arena.reachable([value]).into_iter();
            reached.filter(|e| worth(e) && program.arena.mentions(*e, i)).collect::<Set<Expr>>()
        };
        self.nests.iter().find_map(|(tensor, other, _)| {
            let (innermost, around) = other.loops.split_last()?;
            if around != outer || program.length(*innermost) != program.length(*nest.loops.last()?) {
                return None;
            }
            let value = program.arena.substitute(nest.value, &placed(&nest.loops, &affines(&other.loops)));
            let (ours, theirs) = (computed(program, value, *innermost), computed(program, other.value, *innermost));
            ours.iter().any(|e| theirs.contains(e)).then_some(*tensor)
        })
    }

    /// Opens the loops. `later` are the definitions that come after; what only they need is left.
    fn open(mut self, program: &mut Program, tree: &mut Tree, base: usize, later: &[Definition]) -> Fused {
        let mut left = Fused::default();
        let mut made: Vec<Definition> = Vec::new();
        for definition in std::mem::take(&mut self.deferred).into_iter().rev() {
            let tensor = definition.tensor;
            let needed = |others: &[Definition]| others.iter().any(|d| reads(program, d, tensor));
            let in_nest = |n: &Nest| program.accesses(n.guards.iter().copied().chain([n.value]), tensor).next().is_some();
            let here = self.nests.iter().any(|(_, n, _)| in_nest(n));
            if !here && !needed(&made) {
                left.deferred.insert(0, definition);
            } else if needed(later) || needed(&made) || needed(&left.deferred) || !self.inline(program, &definition) {
                made.insert(0, definition);
            }
        }
        for definition in made {
            left.make(program, tree, &definition);
            fill(program, tree, &definition);
        }
        for (_, nest, _) in &mut self.nests {
            if !program.strict {
                nest.value = outer_reciprocals(program, nest.value);
                nest.value = outer_negation(program, nest.value, nest.loops.last());
                nest.value = outer_product(program, nest.value, nest.loops.last());
            }
            if base == 0 {
                nest.value = precompute(program, tree, nest.value, &nest.loops);
            }
        }
        let mut scopes: Map<Index, usize> = Map::default();
        for (tensor, nest, add) in self.nests {
            let mut scope = base;
            for i in &nest.loops {
                scope = *scopes.entry(*i).or_insert_with(|| tree.child(scope, Kind::Loop(*i)));
            }
            for c in nest.guards {
                scope = tree.child(scope, Kind::Guard(c));
            }
            tree.item(scope, Item::Store { tensor, at: nest.at, value: nest.value, add });
        }
        left
    }

    /// Gives the deferred definitions that another one reads loops of their own.
    fn make(&mut self, program: &mut Program, tree: &mut Tree, reader: &Definition) {
        while let Some(k) = self.deferred.iter().rposition(|d| reads(program, reader, d.tensor)) {
            let definition = self.deferred.remove(k);
            self.make(program, tree, &definition);
            fill(program, tree, &definition);
        }
    }

    /// Puts a definition into the nests that read it, if all of them read it at the indices of the
    /// same outer loops: there it is computed once for each position.
    fn inline(&mut self, program: &mut Program, definition: &Definition) -> bool {
        let Body::Each(indices, e) = &definition.body else { return false };
        let mut own: Option<Vec<Index>> = None;
        for (_, nest, _) in &self.nests {
            if nest.guards.iter().any(|c| program.accesses([*c], definition.tensor).next().is_some()) {
                return false;
            }
            for at in program.accesses([nest.value], definition.tensor) {
                let plain: Option<Vec<Index>> = at.iter().map(Affine::as_index).collect();
                let outer = plain.filter(|at| nest.loops.starts_with(at) && own.as_ref().is_none_or(|own| own == at));
                match outer {
                    Some(at) => own = Some(at),
                    None => return false,
                }
            }
        }
        let Some(own) = own else { return false };
        let same = |(i, j): (&Index, &Index)| program.length(*i) == program.length(*j);
        if !indices.iter().zip(&own).all(same) {
            return false;
        }
        let at_own = program.arena.substitute(*e, &placed(indices, &affines(&own)));
        let value = total(program, at_own);
        for (_, nest, _) in &mut self.nests {
            nest.value = program.arena.map(&[nest.value], |arena, e, node| match &node {
                Node::Access(t, _) if *t == definition.tensor => value,
                same if arena[e] == *same => e,
                _ => arena.insert(node),
            })[0];
        }
        true
    }
}

/// The loops of one definition.
fn fill(program: &mut Program, tree: &mut Tree, definition: &Definition) {
    if let Body::Each(indices, e) = &definition.body {
        each(program, tree, 0, definition.tensor, indices, *e);
    }
}

/// The nests of all terms, those that write the same positions joined.
fn joined(program: &mut Program, terms: Vec<Term>, indices: &[Index]) -> Vec<Nest> {
    let mut nests: Vec<Nest> = Vec::new();
    for term in terms {
        let Some(nest) = nest(program, term, indices) else { continue };
        match nests.iter_mut().find(|n| n.loops == nest.loops && n.at == nest.at && n.guards == nest.guards) {
            Some(same) => same.value = program.arena.add(same.value, nest.value),
            None => nests.push(nest),
        }
    }
    nests
}

/// Solves the deltas of a term for indices of the result, as far as they determine them; `None` where the
/// term is 0 everywhere.
fn nest(program: &mut Program, mut term: Term, indices: &[Index]) -> Option<Nest> {
    let mut at: Vec<Affine> = indices.iter().map(|i| Affine::from(*i)).collect();
    let mut free: Vec<Index> = indices.to_vec();
    let sums = term.name_sums(program);
    program.solve_guards(&mut term);
    term.settle(&program.arena).then_some(())?;
    let mut left = std::mem::take(&mut term.deltas);
    let mut guards = Vec::new();
    while let Some((position, axis)) = left.pop() {
        // the position is in the axis' range, so the axis may always be replaced by it
        let solved = match (axis.as_index(), position.as_index()) {
            (Some(k), _) if free.contains(&k) && position.coefficient(Symbol::Index(k)) == 0 => Some((k, position.clone())),
            (Some(k), Some(i)) if free.contains(&i) && program.length(k) == program.length(i) && i != k => Some((i, axis.clone())),
            _ => None,
        };
        match solved {
            Some((index, value)) => {
                free.retain(|i| *i != index);
                let with = |s: Symbol| (s == Symbol::Index(index)).then(|| value.clone());
                at.iter_mut().for_each(|a| *a = a.substitute(with));
                for (a, b) in &mut left {
                    *a = a.substitute(with);
                    *b = b.substitute(with);
                }
                term.substitute(&mut program.arena, &with);
                guards = guards.into_iter().map(|c| program.arena.substitute(c, &with)).collect();
            }
            None => {
                let args = vec![program.arena.integer(position), program.arena.integer(axis)];
                guards.push(program.arena.decided(Op::Eq, &args).unwrap_or_else(|| program.arena.apply(Op::Eq, args)));
            }
        }
    }
    guards.append(&mut term.guards);
    term.guards = guards;
    term.settle(&program.arena).then_some(())?;
    let mut guards = in_order(program, &std::mem::take(&mut term.guards));
    // a summed index that a written position or a guard mentions is a loop of its own
    let named =
        |i: &Index| at.iter().any(|a| a.coefficient(Symbol::Index(*i)) != 0) || guards.iter().any(|c| program.arena.mentions(*c, *i));
    let (outer, inner): (Vec<Index>, Vec<Index>) = sums.into_iter().partition(named);
    // what is written only if a sum has terms may be nowhere else
    let inside = |(a, i): (&Affine, &Index)| program.is_inside(a, program.length(*i), &[]);
    if !inner.is_empty() && !at.iter().zip(indices).all(inside) {
        let lengths: Set<Affine> = inner.iter().map(|i| program.length(*i).clone()).collect();
        let run: Vec<Expr> = lengths.iter().filter_map(|n| runs(&mut program.arena, n)).collect();
        guards.splice(0..0, run);
    }
    term.sum_over(program, &inner);
    let mut loops: Vec<Index> = free.into_iter().chain(outer).collect();
    let value = dense(program, &term, &loops);
    let mut known = Facts::inside(program, &loops);
    let mut holds = true;
    guards.retain(|c| {
        let decided = known.decide(program, *c);
        holds &= decided != Some(false);
        known.assume(program, *c, true);
        decided.is_none()
    });
    holds.then_some(())?;
    // memory is written in order
    if loops.iter().all(|i| program.length(*i).indices().next().is_none()) {
        let axis = |i: Index| at.iter().position(|a| a.coefficient(Symbol::Index(i)) != 0);
        loops.sort_by_key(|i| axis(*i).unwrap_or(usize::MAX));
    }
    Some(Nest { loops, at, guards, value }.along_rows(program))
}

/// A term as a scalar expression inside loops; deltas and brackets that are left become branches.
fn dense(program: &mut Program, term: &Term, loops: &[Index]) -> Expr {
    let e = term.to_expr(program);
    let facts = Facts::inside(program, loops);
    let reached = program.arena.reachable([e]);
    let holds = |e: &Expr| matches!(program.arena[*e], Node::Bracket(c) if facts.decide(program, c) == Some(true));
    let settled: Set<Expr> = reached.into_iter().filter(holds).collect();
    program.arena.map(&[e], |arena, old, node| {
        let condition = match &node {
            Node::Delta(a, b) => {
                let args = vec![arena.integer(a.clone()), arena.integer(b.clone())];
                arena.apply(Op::Eq, args)
            }
            Node::Bracket(_) if settled.contains(&old) => return arena.constant(1),
            Node::Bracket(c) => *c,
            Node::Apply(Op::Mul, args) => return arena.mul(args[0], args[1]),
            same if arena[old] == *same => return old,
            _ => return arena.insert(node),
        };
        let (one, zero) = (arena.constant(1), arena.constant(0));
        arena.apply(Op::Select, vec![condition, one, zero])
    })[0]
}

/// Puts expensive parts that do not depend on a loop around them into tensors of their own: in
/// `for i { for j { a[i] * exp(x[j]) } }` the exponentials are computed once for every `j`.
fn precompute(program: &mut Program, tree: &mut Tree, value: Expr, loops: &[Index]) -> Expr {
    let order = program.arena.outside_sums([value]);
    // what is inside a part that is moved as a whole, or in the arm of a branch, stays
    let mut open: Set<Expr> = [value].into_iter().collect();
    let mut moved: Map<Expr, Expr> = Map::default();
    for &e in order.iter().rev() {
        if !open.contains(&e) {
            continue;
        }
        let free = program.arena.free_indices(e);
        let depth = loops.iter().rposition(|i| free.contains(i)).map_or(0, |k| k + 1);
        let waste = loops[..depth].iter().filter(|i| !free.contains(*i)).count();
        // tensors hold numbers: of a comparison, what is compared is moved
        let truth = program.arena.as_apply(e).is_some_and(|(op, _)| op.entry().truth);
        let expensive = waste > 0 && !truth && price(program, e) >= EXPENSIVE;
        // with something around it a product of matrices is one of a library, too
        let product = tree.products && e != value && depth == loops.len() && waste == 0 && {
            let nest = Nest { loops: loops.to_vec(), at: affines(loops), guards: Vec::new(), value: e };
            nest.product(program).is_some()
        };
        if expensive || product || waste > 1 && depth == loops.len() && is_strided(program, e, loops[depth - 1]) {
            let indices: Vec<Index> = loops.iter().copied().filter(|i| free.contains(i)).collect();
            if may_stand(program, e, &Facts::inside(program, &indices)) {
                let tensor = stored(program, tree, e, &indices);
                moved.insert(e, program.arena.insert(Node::Access(tensor, affines(&indices))));
                continue;
            }
        }
        match program.arena[e].clone() {
            Node::Sum(length, body) => {
                let k = program.index(length);
                let body = program.arena.open(body, &[Affine::from(k)]);
                // it is summed outside the loops that it does not depend on
                let new = precompute(program, tree, body, &[&loops[..depth], &[k]].concat());
                if new != body {
                    moved.insert(e, program.sum_over(k, new));
                }
            }
            Node::Apply(Op::Select, args) => _ = open.insert(args[0]),
            node => open.extend(node.children()),
        }
    }
    program.arena.replace(value, &moved)
}

/// Whether `e` reads a matrix across its rows as the index runs. A copy of the transpose is read
/// along them.
fn is_strided(program: &Program, e: Expr, i: Index) -> bool {
    let run_time = |t: Tensor| program.info(t).shape.iter().any(|n| program.is_run_time(n));
    match &program.arena[e] {
        Node::Access(t, at) => {
            let plain: Option<Vec<Index>> = at.iter().map(Affine::as_index).collect();
            plain.is_some_and(|at| at.len() > 1 && at.last() != Some(&i) && at[..at.len() - 1].contains(&i)) && run_time(*t)
        }
        _ => false,
    }
}

/// Whether `e` reads a matrix along a row as the index runs.
fn is_along(program: &Program, e: Expr, i: Index) -> bool {
    matches!(&program.arena[e], Node::Access(_, at) if at.len() > 1 && at[at.len() - 1].coefficient(Symbol::Index(i)) != 0)
}

/// From this cost on a part is worth a tensor.
const EXPENSIVE: u32 = 10;

/// The dearest operation under `e` that depends on all the indices that `e` does; the others are
/// computed further out in any case.
fn price(program: &Program, e: Expr) -> u32 {
    let free = program.arena.free_indices(e).len();
    let inner = |n: &&Expr| program.arena.free_indices(**n).len() == free;
    if let Node::Sum(..) = program.arena[e] {
        return EXPENSIVE;
    }
    let operations = program.arena.outside_sums([e]);
    operations.iter().filter(inner).filter_map(|n| program.arena.as_apply(*n)).map(|(op, _)| op.entry().cost).max().unwrap_or(0)
}

/// `a / b` becomes `a * (1 / b)` where `b` needs fewer loops than `a`, so that the division is done
/// outside the innermost one; `(1 / b) * (1 / b)` becomes `1 / (b * b)`, which then may be the same.
fn outer_reciprocals(program: &mut Program, value: Expr) -> Expr {
    program.arena.map(&[value], |arena, e, node| {
        let one = arena.constant(1);
        match &node {
            Node::Apply(Op::Div, args) if !arena.free_indices(args[0]).iter().all(|i| arena.mentions(args[1], *i)) => {
                let reciprocal = arena.apply(Op::Div, vec![one, args[1]]);
                arena.apply(Op::Mul, vec![args[0], reciprocal])
            }
            Node::Apply(Op::Mul, args) if args[0] == args[1] => match arena.as_apply(args[0]) {
                Some((Op::Div, &[numerator, b])) if numerator == one => {
                    let square = arena.apply(Op::Mul, vec![b, b]);
                    arena.apply(Op::Div, vec![one, square])
                }
                _ => arena.insert(node),
            },
            same if arena[e] == *same => e,
            _ => arena.insert(node),
        }
    })[0]
}

/// `−(a·b)` is `(−a)·b` for an `a` that is the same all along the innermost loop: it is negated once.
fn outer_negation(program: &mut Program, value: Expr, innermost: Option<&Index>) -> Expr {
    let Some((Op::Neg, &[product])) = program.arena.as_apply(value) else { return value };
    let (Some((Op::Mul, &[a, b])), Some(i)) = (program.arena.as_apply(product), innermost) else { return value };
    let (outer, inner) = if program.arena.mentions(a, *i) { (b, a) } else { (a, b) };
    if program.arena.mentions(outer, *i) {
        return value;
    }
    let negated = program.arena.apply(Op::Neg, vec![outer]);
    program.arena.apply(Op::Mul, vec![negated, inner])
}

/// `a·(b·c)` with `a` and `c` the same all along the innermost loop is `(a·c)·b`: of a product, what does
/// not vary is multiplied once.
fn outer_product(program: &mut Program, value: Expr, innermost: Option<&Index>) -> Expr {
    let Some(i) = innermost else { return value };
    let mut factors = Vec::new();
    let mut waiting = vec![value];
    while let Some(e) = waiting.pop() {
        match program.arena.as_apply(e) {
            Some((Op::Mul, args)) if program.arena.mentions(e, *i) => waiting.extend(args.iter().rev()),
            _ => factors.push(e),
        }
    }
    let (inner, outer): (Vec<Expr>, Vec<Expr>) = factors.into_iter().partition(|e| program.arena.mentions(*e, *i));
    if inner.is_empty() || outer.len() < 2 {
        return value;
    }
    let mut product = |es: Vec<Expr>| es.into_iter().reduce(|a, b| program.arena.apply(Op::Mul, vec![a, b]));
    match (product(outer), product(inner)) {
        (Some(outer), Some(inner)) => program.arena.apply(Op::Mul, vec![outer, inner]),
        _ => value,
    }
}

/// The tensor that holds `e` for every position of `indices`; equal parts share one.
fn stored(program: &mut Program, tree: &mut Tree, e: Expr, indices: &[Index]) -> Tensor {
    let shape: Vec<Affine> = indices.iter().map(|i| program.length(*i).clone()).collect();
    let key = (shape.clone(), program.arena.bind(indices, e));
    if let Some(tensor) = tree.stored.get(&key) {
        return *tensor;
    }
    let tensor = program.tensor("part", shape, Role::Defined);
    tree.stored.insert(key, tensor);
    tree.item(0, Item::Allocate(tensor));
    let fresh: Vec<Index> = indices.iter().map(|i| program.index(program.length(*i).clone())).collect();
    let nest = Nest { loops: indices.to_vec(), at: affines(indices), guards: Vec::new(), value: e }.over(program, &fresh);
    if let Some(factors) = nest.product(program).filter(|_| tree.products) {
        tree.item(0, Item::Product(tensor, factors));
        return tensor;
    }
    let scope = fresh.iter().fold(0, |scope, i| tree.child(scope, Kind::Loop(*i)));
    tree.item(scope, Item::Store { tensor, at: nest.at, value: nest.value, add: false });
    tensor
}
