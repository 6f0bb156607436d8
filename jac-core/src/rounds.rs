//! Loops that carry state: what a round would compute again and again, it computes once.
//!
//! Before: a program as read, in which whatever a round assigns to a variable stands wherever the
//! variable is read. After: a part that the loops around it do not all change, or that stands in
//! several loops, is a state of its own, `t[i + 1, j] := part`, which what comes after it in the
//! round reads at `i + 1`. So the derivatives find the intermediate results that the user had.

use crate::ir::{units, Affine, Body, Definition, Expr, Index, Map, Node, Program, Set, Tensor};
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
            .filter_map(|e| Some((e, std::iter::once(after.clone()).chain(program.instance(part, &free, e)?).collect())))
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
        let elsewhere = || places.iter().any(|q| q.part != p.part && program.instance(p.part, &p.free, q.part).is_some());
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
