//! Loops that carry state: what a round would compute again and again, it computes once.
//!
//! Before: a program as read, in which whatever a round assigns to a variable stands wherever the
//! variable is read. After: a part that the loops around it do not all change, or that stands in
//! several loops, is a state of its own, `t[i + 1, j] := part`, which what comes after it in the
//! round reads at `i + 1`. So the derivatives find the intermediate results that the user had.

use crate::ir::{units, Affine, Body, Definition, Expr, Index, Map, Node, Program, Set, Symbol, Tensor};
use crate::ops::Op;

/// Parts with an operation of so many half cycles, or a sum, are worth memory.
const EXPENSIVE: u32 = 20;

/// Gives what the rounds of loops compute more than once states of their own.
pub fn share(program: &mut Program) {
    if program.definitions.iter().all(|d| d.body.over().is_none()) {
        return;
    }
    let definitions = std::mem::take(&mut program.definitions);
    for unit in units(&definitions) {
        match unit[0].body.over() {
            Some(over) => share_round(program, over, unit.to_vec()),
            None => program.definitions.extend_from_slice(unit),
        }
    }
}

/// Where a part stands: the indices of the loops around it, outermost first.
struct Place {
    part: Expr,
    around: Vec<Index>,
    /// Those of them on which it depends.
    free: Vec<Index>,
    /// Whether it is in the arm of a branch, where it may not be what it is elsewhere: out of range.
    guarded: bool,
}

impl Place {
    /// Whether a loop around it, inside one that it depends on, does not change it.
    fn is_repeated(&self) -> bool {
        let depth = self.around.iter().rposition(|i| self.free.contains(i)).map_or(0, |k| k + 1);
        self.around[..depth].iter().any(|i| !self.free.contains(i))
    }
}

/// One loop; the new states come before those that read them.
fn share_round(program: &mut Program, over: Index, mut group: Vec<Definition>) {
    let carried = group.len();
    let named = program.named_sums(&nexts(&group));
    set_nexts(&mut group, &named);
    // an element that was just written is read through a branch on its position
    let decided = program.arena.map(&nexts(&group), |arena, e, node| match node {
        Node::Apply(op, args) => arena.decided(op, &args).unwrap_or_else(|| arena.apply(op, args)),
        node if arena[e] == node => e,
        node => arena.insert(node),
    });
    set_nexts(&mut group, &decided);
    while let Some((part, free)) = find_repeated(program, over, &group) {
        let name = program.names.get(&part).cloned().unwrap_or_else(|| "t".to_owned());
        let definition = program.of_round(&name, over, &free, part);
        let (tensor, after) = (definition.tensor, Affine::from(over).after());
        let mut roots = nexts(&group);
        let found: Map<Expr, Vec<Affine>> = program
            .arena
            .reachable(roots.iter().copied())
            .into_iter()
            .filter_map(|e| Some((e, std::iter::once(after.clone()).chain(instance(program, part, &free, e)?).collect())))
            .collect();
        roots = program.arena.map(&roots, |arena, e, node| match found.get(&e) {
            Some(at) => arena.insert(Node::Access(tensor, at.clone())),
            None if arena[e] == node => e,
            None => arena.insert(node),
        });
        set_nexts(&mut group, &roots);
        group.push(definition);
    }
    let nameless = program.nameless_sums(&nexts(&group));
    set_nexts(&mut group, &nameless);
    // a part that was found inside another is what the other reads
    let mut waiting = group.split_off(carried);
    while !waiting.is_empty() {
        let own: Set<Tensor> = waiting.iter().map(|d| d.tensor).collect();
        let ready = |d: &Definition| d.body.reads(&program.arena).iter().all(|t| !own.contains(t));
        let (now, later): (Vec<_>, Vec<_>) = waiting.into_iter().partition(ready);
        assert!(!now.is_empty(), "a part is no part of itself");
        program.definitions.extend(now);
        waiting = later;
    }
    program.definitions.extend(group);
}

/// The values after a round.
fn nexts(group: &[Definition]) -> Vec<Expr> {
    group.iter().map(|d| d.body.roots()[1]).collect()
}

fn set_nexts(group: &mut [Definition], nexts: &[Expr]) {
    for (d, next) in group.iter_mut().zip(nexts) {
        if let Body::Recurrence { parts, .. } = &mut d.body {
            parts[1] = *next;
        }
    }
}

/// The largest part that would be computed more than once, and the indices on which it depends.
fn find_repeated(program: &Program, over: Index, group: &[Definition]) -> Option<(Expr, Vec<Index>)> {
    let mut places: Vec<Place> = group.iter().flat_map(|d| expensive_parts(program, d)).collect();
    places.sort_by_cached_key(|p| std::cmp::Reverse(program.arena.reachable([p.part]).len()));
    let worth = |p: &&Place| {
        let elsewhere = || places.iter().any(|q| q.part != p.part && instance(program, p.part, &p.free, q.part).is_some());
        !p.guarded && !p.free.is_empty() && program.arena.mentions(p.part, over) && (p.is_repeated() || elsewhere())
    };
    places.iter().find(worth).map(|p| (p.part, p.free.clone()))
}

/// The parts of the value after a round that take long.
fn expensive_parts(program: &Program, definition: &Definition) -> Vec<Place> {
    let Body::Recurrence { indices, parts: [_, next], .. } = &definition.body else { return Vec::new() };
    let arena = &program.arena;
    let mut around: Map<Expr, (Vec<Index>, bool)> = Map::default();
    around.insert(*next, (indices.clone(), false));
    let mut out = Vec::new();
    let order = arena.reachable([*next]);
    let mut expensive: Set<Expr> = Set::default();
    for &e in &order {
        let own = match &arena[e] {
            Node::Named(..) => true,
            Node::Apply(op, _) => op.entry().cost >= EXPENSIVE,
            _ => false,
        };
        if own || arena[e].children().iter().any(|c| expensive.contains(c)) {
            expensive.insert(e);
        }
    }
    for &part in order.iter().rev() {
        let (outer, guarded) = around[&part].clone();
        for (k, c) in arena[part].children().iter().enumerate() {
            let branch = k > 0 && arena.as_apply(part).is_some_and(|(op, _)| op == Op::Select);
            let inner = match &arena[part] {
                Node::Named(i, _) => outer.iter().copied().chain([*i]).collect(),
                _ => outer.clone(),
            };
            around.entry(*c).or_insert((inner, guarded || branch));
        }
        if expensive.contains(&part) {
            let free = outer.iter().copied().filter(|i| arena.mentions(part, *i)).collect();
            out.push(Place { part, around: outer, free, guarded });
        }
    }
    out
}

/// The positions at which `e` is what `part` is over the indices `free`.
fn instance(program: &Program, part: Expr, free: &[Index], e: Expr) -> Option<Vec<Affine>> {
    let mut matching = Matching {
        program,
        positions: free.iter().map(|i| (*i, None)).collect(),
        bound: Map::default(),
        safe: Set::default(),
        same: Set::default(),
    };
    if !matching.expressions(part, e) {
        return None;
    }
    let inner: Vec<&Affine> = matching.bound.values().collect();
    let known = |(i, position): (&Index, &Option<Affine>)| {
        let position = position.clone()?;
        let outside = position.indices().all(|j| !inner.iter().any(|a| a.as_index() == Some(j)));
        let same_range = position.as_index().is_some_and(|j| program.length(j) == program.length(*i));
        (outside && (same_range || matching.safe.contains(i))).then_some(position)
    };
    matching.positions.iter().map(known).collect()
}

struct Matching<'a> {
    program: &'a Program,
    positions: Map<Index, Option<Affine>>,
    bound: Map<Index, Affine>,
    /// The indices that range over an axis of what is read: what the other reads there exists.
    safe: Set<Index>,
    same: Set<(Expr, Expr)>,
}

impl Matching<'_> {
    fn expressions(&mut self, a: Expr, b: Expr) -> bool {
        let arena = &self.program.arena;
        let mut waiting = vec![(a, b)];
        while let Some((a, b)) = waiting.pop() {
            if !self.same.insert((a, b)) {
                continue;
            }
            let same = match (&arena[a], &arena[b]) {
                (Node::Access(t, at), Node::Access(u, other)) => {
                    let axes = at.iter().zip(&self.program.info(*t).shape);
                    self.safe.extend(axes.filter_map(|(a, n)| a.as_index().filter(|i| self.program.length(*i) == n)));
                    t == u && at.iter().zip(other).all(|(a, b)| self.affine(a, b))
                }
                (Node::Integer(a), Node::Integer(b)) => self.affine(a, b),
                (Node::Named(i, _), Node::Named(j, _)) => {
                    self.bound.insert(*i, Affine::from(*j));
                    self.program.length(*i) == self.program.length(*j)
                }
                (Node::Apply(op, _), Node::Apply(other, _)) => op == other,
                (a, b) => a == b,
            };
            if !same {
                return false;
            }
            waiting.extend(arena[a].children().iter().copied().zip(arena[b].children().iter().copied()));
        }
        true
    }

    /// Finds where the part's index is that is not known yet.
    fn affine(&mut self, a: &Affine, b: &Affine) -> bool {
        let unknown: Vec<Index> = a.indices().filter(|i| matches!(self.positions.get(i), Some(None))).collect();
        if let [i] = *unknown.as_slice() {
            let factor = a.coefficient(Symbol::Index(i));
            let rest = self.placed(&a.plus(&Affine::from(i), -factor));
            if factor.abs() == 1 {
                self.positions.insert(i, Some(b.plus(&rest, -1).times(factor)));
            }
        }
        self.placed(a) == *b
    }

    fn placed(&self, a: &Affine) -> Affine {
        a.substitute(|s| match s {
            Symbol::Index(i) => self.positions.get(&i).cloned().flatten().or_else(|| self.bound.get(&i).cloned()),
            Symbol::Bound(_) | Symbol::Size(_) => None,
        })
    }
}
