//! Unknown lengths: the chain rule on tensor definitions.
//!
//! The derivative of one definition by another is a sum of terms, deltas times dense factors, by
//! the one rule `∂t[e]/∂t[k] = δ(e, k)`. Terms are composed along the program, forward from the
//! inputs or, where the results are scalars, backward from them. A delta that meets a sum removes
//! it, so nothing is multiplied by a matrix that is mostly zeros; a dense derivative that really is
//! summed over becomes a definition of its own and is computed once.

use super::{block_name, norms, partials};
use crate::ir::{
    affines, in_order, is_natural, may_stand, rule, runs, units, Affine, Block, Body, Constant, Definition, Expr, Facts, Index, Map, Node,
    Program, Role, Set, Tensor, Term,
};
use crate::ops::{Op, Rule};
use std::cmp::Reverse;
use std::ops::Range;

/// The derivative of one tensor by another: terms over the indices of both.
#[derive(Clone)]
struct Derivative {
    /// The indices of the far end: an input when going forward, an output when going backward.
    far: Vec<Index>,
    /// The indices of the near end, where the chain goes on.
    near: Vec<Index>,
    terms: Vec<Term>,
    /// The dense terms as a definition, over `far ++ near`.
    stored: Option<Tensor>,
    /// All terms as a definition, where `far` is a scalar.
    whole: Option<(Term, Tensor)>,
}

impl Derivative {
    /// The terms at a position of the near end.
    fn at(&self, program: &mut Program, position: impl Iterator<Item = Affine>) -> Vec<Term> {
        let mut terms = self.terms.clone();
        let position: Vec<Affine> = position.collect();
        terms.iter_mut().for_each(|t| t.place(&mut program.arena, &self.near, &position));
        terms
    }

    /// Whether a term is there at one position of the first axis alone.
    fn is_last(&self, term: &Term, position: &Affine) -> bool {
        term.deltas.iter().any(|(a, b)| a == position && b.as_index() == Some(self.near[0]))
    }
}

/// The derivatives by so few scalars are carried forward through a loop.
const FEW_INPUTS: i64 = 4;

/// Differentiates the outputs at the positions `of` by every parameter in `wrt`.
pub fn differentiate(mut program: Program, of: Range<usize>) -> Program {
    program.regular = norms::regular(&program);
    let definitions = std::mem::take(&mut program.definitions);
    let rank = |ts: &[Tensor]| ts.iter().map(|t| program.info(*t).shape.len()).sum::<usize>();
    let recurrent = definitions.iter().any(|d| d.body.over().is_some());
    let elements = |t: &Tensor| program.info(*t).shape.iter().map(Affine::known).product::<Option<i64>>();
    let count = program.wrt.iter().map(elements).sum::<Option<i64>>();
    // going backward through a loop needs the states of all its rounds: not for a few inputs
    let few = recurrent && count.is_some_and(|n| n <= FEW_INPUTS);
    let backward = !few && rank(&program.outputs[of.clone()]) < rank(&program.wrt);
    let mut blocks: Map<(usize, Tensor), Derivative> = Map::default();
    if backward {
        program.definitions.clone_from(&definitions);
        let mut partials = Partials::default();
        for output in of.clone() {
            let tensor = program.outputs[output];
            let mut reached = backward_from(&mut program, &definitions, tensor, &mut partials);
            for input in program.wrt.clone() {
                if let Some(derivative) = reached.swap_remove(&input) {
                    blocks.insert((output, input), derivative);
                }
            }
        }
    } else {
        let mut partials = count.is_none_or(|n| n > FEW_INPUTS).then(Partials::default);
        for input in program.wrt.clone() {
            let mut reached: Map<Tensor, Derivative> = Map::default();
            let identity = identity(&mut program, input);
            reached.insert(input, identity);
            for unit in units(&definitions) {
                for definition in unit {
                    if !program.definitions.iter().any(|d| d.tensor == definition.tensor) {
                        program.definitions.push(definition.clone());
                    }
                }
                let definition = &unit[0];
                if let Some(over) = definition.body.over() {
                    forward_through(&mut program, over, unit, &mut reached, partials.as_mut());
                    continue;
                }
                if let Some(derivative) = forward_to(&mut program, definition, &mut reached) {
                    reached.insert(definition.tensor, derivative);
                }
            }
            for output in of.clone() {
                if let Some(d) = reached.get(&program.outputs[output]).cloned() {
                    // the near end is the output now
                    blocks.insert((output, input), Derivative { far: d.near, near: d.far, ..d });
                }
            }
        }
        sort_definitions(&mut program);
    }
    for output in of {
        for input in program.wrt.clone() {
            let name = block_name(&program, output, input);
            let (indices, body) = match blocks.swap_remove(&(output, input)) {
                Some(d) => {
                    let mut terms = program.collect(d.terms);
                    let from: Vec<Index> = d.far.into_iter().chain(d.near).collect();
                    let to: Vec<Index> = from.iter().map(|i| program.index(program.length(*i).clone())).collect();
                    // every definition has indices of its own
                    rename(&mut program, &mut terms, &from, &to);
                    let terms = program.collect(terms);
                    (to, program.sum(&terms))
                }
                None => {
                    let y = program.info(program.outputs[output]).shape.clone();
                    let x = program.info(input).shape.clone();
                    let shape: Vec<Affine> = y.into_iter().chain(x).collect();
                    (program.axes(&shape), program.arena.constant(0))
                }
            };
            let tensor = program.define(&name, indices, body);
            program.blocks.push(Block { output, input, tensor });
        }
    }
    if merge_intrinsics(&mut program) {
        sort_definitions(&mut program);
    }
    program
}

/// A rule may have defined what the function defines later; whether one had.
fn merge_intrinsics(program: &mut Program) -> bool {
    let twin = |program: &Program| {
        let all: Vec<&Definition> = program.definitions.iter().filter(|d| matches!(d.body, Body::Intrinsic(..))).collect();
        let of = |(k, d): (usize, &&Definition)| Some((d.tensor, all[k + 1..].iter().find(|e| e.body == d.body)?.tensor));
        let (first, second) = all.iter().enumerate().find_map(of)?;
        Some(if program.outputs.contains(&first) { (second, first) } else { (first, second) })
    };
    let mut merged = false;
    while let Some((dropped, kept)) = twin(program) {
        program.replace(dropped, kept);
        merged = true;
    }
    merged
}

/// Stored derivatives may have been defined before what they read; puts definitions in order, the
/// recurrences of one loop beside each other.
fn sort_definitions(program: &mut Program) {
    let mut waiting: Vec<Vec<Definition>> = Vec::new();
    for definition in std::mem::take(&mut program.definitions) {
        let over = definition.body.over();
        match waiting.iter_mut().find(|unit| over.is_some() && unit[0].body.over() == over) {
            Some(unit) => unit.push(definition),
            None => waiting.push(vec![definition]),
        }
    }
    let mut placed: Set<Tensor> = program.params().collect();
    while !waiting.is_empty() {
        let before = waiting.len();
        let mut rest = Vec::new();
        for unit in waiting {
            let own: Vec<Tensor> = unit.iter().map(|d| d.tensor).collect();
            let reads = |d: &Definition| d.body.reads(&program.arena).iter().all(|t| placed.contains(t) || own.contains(t));
            let ready = unit.iter().all(reads);
            if ready {
                placed.extend(own);
                program.definitions.extend(unit);
            } else {
                rest.push(unit);
            }
        }
        assert!(rest.len() < before, "definitions do not depend on themselves");
        waiting = rest;
    }
}

/// The derivatives of the states of a loop by one input, as states of the same loop:
/// `ds[i + 1] = Σ ∂next/∂s′ · ds′[i] + ∂next/∂x`.
///
/// With many elements to differentiate by, the partial derivatives are held: each is computed once in a round.
fn forward_through(
    program: &mut Program,
    over: Index,
    group: &[Definition],
    reached: &mut Map<Tensor, Derivative>,
    mut partials: Option<&mut Partials>,
) {
    let Some(far) = reached.values().next().map(|d| d.far.clone()) else { return };
    let mut dependent: Map<Tensor, Tensor> = Map::default();
    loop {
        let known = dependent.len();
        for d in group {
            let depends = d.body.reads(&program.arena).iter().any(|t| reached.contains_key(t) || dependent.contains_key(t));
            if depends && !dependent.contains_key(&d.tensor) {
                let mut shape = program.info(d.tensor).shape.clone();
                shape.extend(far.iter().map(|i| program.length(*i).clone()));
                let name = format!("d_{}", program.info(d.tensor).name);
                let tensor = program.tensor(&name, shape, Role::Defined);
                dependent.insert(d.tensor, tensor);
            }
        }
        if dependent.len() == known {
            break;
        }
    }
    for d in group {
        let (Some(tensor), Body::Recurrence { indices, parts, .. }) = (dependent.get(&d.tensor).copied(), &d.body) else { continue };
        let own: Vec<Index> = indices.iter().chain(&far).map(|i| program.index(program.length(*i).clone())).collect();
        let mut derivatives = [program.arena.constant(0); 2];
        for (k, (derivative, part)) in derivatives.iter_mut().zip(parts).enumerate() {
            let mut terms = Vec::new();
            for source in Body::Each(Vec::new(), *part).reads(&program.arena) {
                let shape = program.info(source).shape.clone();
                let middle = program.axes(&shape);
                let local = tangent(program, *part, *part, source, &middle);
                if let Some(carried) = dependent.get(&source) {
                    let at = middle.iter().chain(&far).map(|i| Affine::from(*i)).collect();
                    let factor = Term::dense(program.arena.insert(Node::Access(*carried, at)));
                    for l in local {
                        let mut product = l.times(&factor, &mut program.arena);
                        product.sum_over(program, &middle);
                        terms.push(product);
                    }
                } else if let Some(mut inner) = reached.get(&source).cloned() {
                    terms.extend(compose(program, &local, &mut inner, &middle, source));
                    reached.insert(source, inner);
                }
            }
            let from: Vec<Index> = indices.iter().chain(&far).copied().collect();
            let mut terms = program.collect(terms);
            if let (1, false, Some(partials)) = (k, far.is_empty(), &mut partials) {
                terms = partials.hold(program, d.tensor, &d.body, terms);
            }
            rename(program, &mut terms, &from, &own);
            let terms = program.collect(terms);
            *derivative = program.sum(&terms);
        }
        let body = Body::Recurrence { over, indices: own, parts: derivatives };
        program.definitions.push(Definition { tensor, body });
    }
    for (state, tensor) in dependent {
        let shape = program.info(state).shape.clone();
        let near = program.axes(&shape);
        let at = near.iter().chain(&far).map(|i| Affine::from(*i)).collect();
        let term = Term::dense(program.arena.insert(Node::Access(tensor, at)));
        reached.insert(state, Derivative { far: far.clone(), near, terms: vec![term], stored: None, whole: None });
    }
}

/// `∂t/∂t`: a delta for each axis.
fn identity(program: &mut Program, t: Tensor) -> Derivative {
    let shape = program.info(t).shape.clone();
    let (near, far) = (program.axes(&shape), program.axes(&shape));
    let deltas = near.iter().zip(&far).map(|(i, k)| (Affine::from(*i), Affine::from(*k))).collect();
    Derivative { far, near, terms: vec![Term { deltas, ..Term::default() }], stored: None, whole: None }
}

fn forward_to(program: &mut Program, definition: &Definition, reached: &mut Map<Tensor, Derivative>) -> Option<Derivative> {
    let mut terms = Vec::new();
    let mut far = None;
    let mut near = None;
    for source in definition.body.reads(&program.arena) {
        let Some(mut inner) = reached.get(&source).cloned() else { continue };
        let shape = program.info(source).shape.clone();
        let middle = program.axes(&shape);
        far.get_or_insert_with(|| inner.far.clone());
        if has_rule(&definition.body, source, &inner, |rule| rule.forward) {
            let own = program.info(definition.tensor).shape.clone();
            let near = near.get_or_insert_with(|| program.axes(&own));
            let t = whole(program, &mut inner, source);
            terms.extend(ruled(program, definition, source, near, &[], ("t", &t), |rule| rule.forward));
        } else {
            let (indices, mut local) = derive(program, definition, source, &middle);
            let near = near.get_or_insert_with(|| indices.clone());
            rename(program, &mut local, &indices, near);
            terms.extend(compose(program, &local, &mut inner, &middle, source));
        }
        reached.insert(source, inner);
    }
    let terms = program.collect(terms);
    match (far, near) {
        (Some(far), Some(near)) if !terms.is_empty() => Some(Derivative { far, near, terms, stored: None, whole: None }),
        _ => None,
    }
}

fn backward_from(program: &mut Program, definitions: &[Definition], output: Tensor, partials: &mut Partials) -> Map<Tensor, Derivative> {
    let mut reached: Map<Tensor, Derivative> = Map::default();
    let start = identity(program, output);
    let far = start.far.clone();
    reached.insert(output, start);
    for unit in units(definitions).collect::<Vec<_>>().into_iter().rev() {
        if let Some(over) = unit[0].body.over() {
            backward_through(program, over, unit, &far, &mut reached, partials);
            continue;
        }
        let definition = &unit[0];
        let Some(mut outer) = reached.get(&definition.tensor).cloned() else { continue };
        for source in definition.body.reads(&program.arena) {
            let near = near(program, &reached, source);
            let terms = if has_rule(&definition.body, source, &outer, |rule| rule.backward) {
                let c = whole(program, &mut outer, definition.tensor);
                ruled(program, definition, source, &[], &near, ("c", &c), |rule| rule.backward)
            } else {
                let (indices, local) = derive(program, definition, source, &near);
                compose(program, &local, &mut outer, &indices, definition.tensor)
            };
            add(program, &mut reached, source, &far, near, terms);
        }
        reached.insert(definition.tensor, outer);
    }
    reached
}

/// The indices at which the derivative by a tensor is gathered.
fn near(program: &mut Program, reached: &Map<Tensor, Derivative>, source: Tensor) -> Vec<Index> {
    match reached.get(&source) {
        Some(d) => d.near.clone(),
        None => {
            let shape = program.info(source).shape.clone();
            program.axes(&shape)
        }
    }
}

/// Adds terms to the derivative by a tensor.
fn add(program: &mut Program, reached: &mut Map<Tensor, Derivative>, source: Tensor, far: &[Index], near: Vec<Index>, terms: Vec<Term>) {
    let nothing = || Derivative { far: far.to_vec(), near, terms: Vec::new(), stored: None, whole: None };
    let entry = reached.entry(source).or_insert_with(nothing);
    let all = std::mem::take(&mut entry.terms).into_iter().chain(terms).collect();
    let all = program.collect(all);
    if let Some(entry) = reached.get_mut(&source) {
        entry.terms = all;
    }
}

/// What the loop computes anyway, or would again behind it: partial derivatives of a round that cost more
/// than they take to read are states of the loop, of which all rounds are held.
#[derive(Default)]
struct Partials {
    held: Map<Expr, Tensor>,
}

/// Whether a number takes longer to compute again than to read.
fn is_costly(program: &Program, e: Expr) -> bool {
    let a_division = Op::Div.entry().cost.into();
    let is_sum = |e: &Expr| matches!(program.arena[*e], Node::Sum(..));
    program.arena.cost([e]).work >= a_division || program.arena.reachable([e]).iter().any(is_sum)
}

impl Partials {
    /// Replaces what depends on the round and the state's indices alone; terms that differ in nothing else
    /// become one.
    fn hold(&mut self, program: &mut Program, state: Tensor, body: &Body, terms: Vec<Term>) -> Vec<Term> {
        let Body::Recurrence { over, indices, parts: [_, next] } = body else { return terms };
        let mut groups: Map<Term, Vec<Term>> = Map::default();
        for mut t in terms {
            let free = |e: &Expr| program.arena.free_indices(*e).iter().all(|i| i == over || indices.contains(i));
            let own = |e: &Expr| program.arena.loose(*e) == 0 && free(e);
            let (own, rest) = std::mem::take(&mut t.factors).into_iter().partition(own);
            let coefficient = std::mem::replace(&mut t.coefficient, Constant::from(1));
            groups.entry(Term { factors: rest, ..t }).or_default().push(Term { coefficient, factors: own, ..Term::default() });
        }
        let mut out = Vec::new();
        for (rest, own) in groups {
            let mut own = own;
            if own.len() > 1 {
                own = vec![Term::dense(program.sum(&own))];
            }
            let mut own = own.swap_remove(0);
            if let Some(product) = own.factors.iter().copied().reduce(|a, b| program.arena.mul(a, b)) {
                let product = with_guards(program, product, *over, indices, &rest.guards);
                if is_costly(program, product) {
                    let result = after_round(program, state, *over, indices);
                    let read = program.arena.map(&[product], |arena, e, node| if e == *next { result } else { arena.insert(node) })[0];
                    own.factors = vec![if is_costly(program, read) { self.read(program, state, *over, indices, product) } else { read }];
                }
            }
            out.push(rest.times(&own, &mut program.arena));
        }
        out
    }

    /// What is held of a partial derivative of a state that is over `indices`.
    fn read(&mut self, program: &mut Program, state: Tensor, over: Index, indices: &[Index], partial: Expr) -> Expr {
        let free = program.arena.free_indices(partial);
        let indices: Vec<Index> = indices.iter().copied().filter(|i| free.contains(i)).collect();
        if let Some(known) = self.held.get(&partial) {
            return after_round(program, *known, over, &indices);
        }
        let name = format!("partial_{}", program.info(state).name);
        let definition = program.of_round(&name, over, &indices, partial);
        let tensor = definition.tensor;
        let behind = program.definitions.iter().rposition(|d| d.body.over() == Some(over)).map_or(0, |k| k + 1);
        program.definitions.insert(behind, definition);
        self.held.insert(partial, tensor);
        after_round(program, tensor, over, &indices)
    }
}

/// An expression over a round and the indices of a state, behind those conditions of its term that make it valid.
fn with_guards(program: &mut Program, e: Expr, over: Index, indices: &[Index], guards: &[Expr]) -> Expr {
    let inside = Facts::inside(program, &[&[over], indices].concat());
    if may_stand(program, e, &inside) {
        return e;
    }
    let own = |c: &Expr| {
        let free = program.arena.free_indices(*c);
        program.arena.loose(*c) == 0 && free.iter().all(|i| *i == over || indices.contains(i))
    };
    let guards: Vec<Expr> = in_order(program, guards).into_iter().filter(own).collect();
    behind(program, e, guards)
}

/// An expression behind conditions, the first of which is asked first; 0 where one does not hold.
fn behind(program: &mut Program, e: Expr, conditions: Vec<Expr>) -> Expr {
    let zero = program.arena.constant(0);
    conditions.into_iter().rev().fold(e, |e, c| program.arena.select(c, e, zero))
}

/// The value of a state after a round.
fn after_round(program: &mut Program, state: Tensor, over: Index, indices: &[Index]) -> Expr {
    let at = std::iter::once(Affine::from(over).after()).chain(indices.iter().map(|i| Affine::from(*i))).collect();
    program.arena.insert(Node::Access(state, at))
}

/// The derivatives of the outputs by a state of a loop.
enum Cotangent {
    /// One for each round, as the state of a loop that runs backward.
    Each(Tensor),
    /// The same at all rounds, over the indices of the output and of the state.
    Same(Term),
}

/// Whether a round adds to a state what does not depend on it: `s[i + 1, j] = s[i, j] + …`.
fn is_added_to(program: &mut Program, state: Tensor, over: Index, indices: &[Index], next: Expr) -> bool {
    let shape = program.info(state).shape.clone();
    let axes = program.axes(&shape);
    let own = std::iter::once(&over).chain(indices);
    let deltas = own.zip(&axes).map(|(a, b)| (Affine::from(*a), Affine::from(*b))).collect();
    tangent(program, next, next, state, &axes) == [Term { deltas, ..Term::default() }]
}

/// The derivative by the last value of a state, over `far` and the indices of the state.
fn last(program: &mut Program, state: Tensor, outer: &Derivative, rounds: &Affine, indices: &[Index]) -> Term {
    let terms = outer.at(program, std::iter::once(rounds.clone()).chain(indices.iter().map(|i| Affine::from(*i))));
    let mut terms = program.collect(terms);
    if let [term] = terms.as_slice() {
        let plain = |e: &Expr| program.arena[*e].children().is_empty();
        if term.sums.is_empty() && term.factors.iter().all(plain) {
            return terms.swap_remove(0);
        }
    }
    let from: Vec<Index> = outer.far.iter().chain(indices).copied().collect();
    let own: Vec<Index> = from.iter().map(|i| program.index(program.length(*i).clone())).collect();
    rename(program, &mut terms, &from, &own);
    let body = program.sum(&terms);
    let name = format!("d_{}", program.info(state).name);
    let tensor = program.define(&name, own, body);
    Term::dense(program.arena.insert(Node::Access(tensor, from.into_iter().map(Affine::from).collect())))
}

/// The derivatives of the outputs by the states of a loop of N rounds, as the states of a loop that
/// runs backward through it: `c[0] = ∂y/∂s[N]` and
/// `c[r + 1] = Σ c′[r] · ∂s′[N − r]/∂s[N − 1 − r] + ∂y/∂s[N − 1 − r]`, where the last term is that of what
/// reads other rounds than the last. Any other tensor has a part in every round that reads it.
fn backward_through(
    program: &mut Program,
    over: Index,
    group: &[Definition],
    far: &[Index],
    reached: &mut Map<Tensor, Derivative>,
    partials: &mut Partials,
) {
    let states: Map<Tensor, (&[Index], [Expr; 2])> = group
        .iter()
        .filter_map(|d| match &d.body {
            Body::Recurrence { indices, parts, .. } => Some((d.tensor, (indices.as_slice(), *parts))),
            _ => None,
        })
        .collect();
    let mut live: Set<Tensor> = states.keys().copied().filter(|s| reached.contains_key(s)).collect();
    let mut known = 0;
    while known < live.len() {
        let (_, [_, next]) = states[&live[known]];
        let reads = Body::Each(Vec::new(), next).reads(&program.arena);
        live.extend(reads.into_iter().filter(|t| states.contains_key(t)));
        known += 1;
    }
    let rounds = program.length(over).clone();
    let round = program.index(rounds.clone());
    let before = |i: Index| rounds.plus(&Affine::from(1), -1).plus(&Affine::from(i), -1);
    // what the rest of a round reads of it has a derivative of its own in every round
    let now = Affine::from(over);
    let read_after = |e: Expr| match &program.arena[e] {
        Node::Access(t, at) if states.contains_key(t) && at[0] != now => Some(*t),
        _ => None,
    };
    let nexts = states.values().map(|(_, [_, next])| *next);
    let temporary: Set<Tensor> = program.arena.reachable(nexts).into_iter().filter_map(read_after).collect();
    // the derivatives of the last temporaries come first
    let from_last = |t: &Tensor| temporary.contains(t).then(|| Reverse(states.get_index_of(t)));
    live.sort_by_key(|t| (!temporary.contains(t), from_last(t)));
    let mut cotangents: Map<Tensor, Cotangent> = Map::default();
    for state in &live {
        let (indices, [_, next]) = states[state];
        let readers = live.iter().filter(|s| Body::Each(Vec::new(), states[*s].1[1]).reads(&program.arena).contains(state));
        let alone = readers.eq(std::iter::once(state));
        let outer = reached.get(state).filter(|d| alone && !temporary.contains(state) && d.terms.iter().all(|t| d.is_last(t, &rounds)));
        let same = outer.cloned().filter(|_| is_added_to(program, *state, over, indices, next));
        let cotangent = match same {
            Some(outer) => Cotangent::Same(last(program, *state, &outer, &rounds, indices)),
            None => {
                let info = program.info(*state).clone();
                let mut shape = info.shape;
                shape.splice(1..1, far.iter().map(|i| program.length(*i).clone()));
                Cotangent::Each(program.tensor(&format!("d_{}", info.name), shape, Role::Defined))
            }
        };
        cotangents.insert(*state, cotangent);
    }
    let factor = |program: &mut Program, state: Tensor, at: Affine| match &cotangents[&state] {
        Cotangent::Same(term) => term.clone(),
        Cotangent::Each(tensor) => {
            let at = if temporary.contains(&state) { at.after() } else { at };
            let rest = far.iter().chain(states[&state].0).map(|i| Affine::from(*i));
            Term::dense(program.arena.insert(Node::Access(*tensor, std::iter::once(at).chain(rest).collect())))
        }
    };
    let mut part = |program: &mut Program, state: Tensor, k: usize, by: Tensor, axes: &[Index], at: Affine| {
        let (indices, parts) = states[&state];
        let cotangent = factor(program, state, at);
        let mut terms = tangent(program, parts[k], parts[k], by, axes);
        if k == 1 {
            let body = Body::Recurrence { over, indices: indices.to_vec(), parts };
            terms = partials.hold(program, state, &body, terms);
        }
        for t in &mut terms {
            *t = t.times(&cotangent, &mut program.arena);
            t.sum_over(program, indices);
        }
        terms
    };
    let mut definitions = Vec::new();
    for (state, cotangent) in &cotangents {
        let Cotangent::Each(tensor) = cotangent else { continue };
        let shape = program.info(*state).shape[1..].to_vec();
        let axes = program.axes(&shape);
        let own: Vec<Index> = far.iter().map(|i| program.index(program.length(*i).clone())).chain(axes.iter().copied()).collect();
        let mut parts = [Vec::new(), Vec::new()];
        let is_temporary = temporary.contains(state);
        if let Some(outer) = reached.get(state).cloned() {
            let elements = || axes.iter().map(|i| Affine::from(*i));
            let mut others = outer.clone();
            let mut at = before(round);
            if is_temporary {
                at = at.after();
            } else {
                parts[0].extend(outer.at(program, std::iter::once(rounds.clone()).chain(elements())));
                others.terms.retain(|t| !outer.is_last(t, &rounds));
            }
            parts[1].extend(others.at(program, std::iter::once(at).chain(elements())));
        }
        let position = program.index(program.info(*state).shape[0].clone());
        let at = std::iter::once(position).chain(axes.iter().copied()).collect::<Vec<Index>>();
        let read = if is_temporary { now.after() } else { now.clone() };
        for reader in &live {
            let mut terms = part(program, *reader, 1, *state, &at, Affine::from(round));
            for t in &mut terms {
                t.place(&mut program.arena, &[position], std::slice::from_ref(&read));
                t.place(&mut program.arena, &[over], &[before(round)]);
            }
            parts[1].extend(terms);
        }
        let from: Vec<Index> = far.iter().chain(&axes).copied().collect();
        let parts = parts.map(|terms| {
            let mut terms = program.collect(terms);
            rename(program, &mut terms, &from, &own);
            let terms = program.collect(terms);
            program.sum(&terms)
        });
        definitions.push(Definition { tensor: *tensor, body: Body::Recurrence { over: round, indices: own, parts } });
    }
    program.definitions.extend(definitions);
    for state in &live {
        for (k, at) in [rounds.clone(), before(over)].into_iter().enumerate() {
            for source in Body::Each(Vec::new(), states[state].1[k]).reads(&program.arena) {
                if states.contains_key(&source) {
                    continue;
                }
                let near = near(program, reached, source);
                let mut terms = part(program, *state, k, source, &near, at.clone());
                if k == 1 {
                    terms.iter_mut().for_each(|t| t.sum_over(program, &[over]));
                } else if !is_natural(&rounds) {
                    // there is no last round where the range ends before it begins
                    let any = runs(&mut program.arena, &rounds);
                    terms.iter_mut().for_each(|t| t.guards.extend(any));
                }
                add(program, reached, source, far, near, terms);
            }
        }
    }
}

/// `Σ_middle local · inner`. The dense terms of `inner` are stored as a definition where they are
/// really summed over and cost something.
fn compose(program: &mut Program, local: &[Term], inner: &mut Derivative, middle: &[Index], through: Tensor) -> Vec<Term> {
    let mut out = Vec::new();
    for l in local {
        let mentions = |i: &Index| l.deltas.iter().any(|(a, b)| a.as_index() == Some(*i) || b.as_index() == Some(*i));
        let pointwise = middle.iter().all(mentions);
        let mut terms = Vec::new();
        for t in inner.terms.clone() {
            let sparse = t.deltas.iter().any(|(a, b)| a.indices().chain(b.indices()).any(|i| inner.near.contains(&i)));
            let cheap = t.sums.is_empty() && t.factors.iter().all(|e| program.arena[*e].children().is_empty()) && t.factors.len() <= 1;
            if pointwise || sparse || cheap {
                terms.push(t);
            }
        }
        if terms.len() < inner.terms.len() {
            let stored = stored(program, inner, &terms, through);
            let at = inner.far.iter().chain(&inner.near).map(|i| Affine::from(*i)).collect();
            let access = program.arena.insert(Node::Access(stored, at));
            terms.push(Term::dense(access));
        }
        for t in &mut terms {
            let mut copy = vec![t.clone()];
            rename(program, &mut copy, &inner.near.clone(), middle);
            let mut product = l.times(&copy[0], &mut program.arena);
            product.sum_over(program, middle);
            out.push(product);
        }
    }
    program.collect(out)
}

/// The definition of the dense terms of `inner`: those that are not in `kept`.
fn stored(program: &mut Program, inner: &mut Derivative, kept: &[Term], through: Tensor) -> Tensor {
    if let Some(t) = inner.stored {
        return t;
    }
    let dense: Vec<Term> = inner.terms.iter().filter(|t| !kept.contains(t)).cloned().collect();
    let fresh_far: Vec<Index> = inner.far.iter().map(|i| program.index(program.length(*i).clone())).collect();
    let fresh_near: Vec<Index> = inner.near.iter().map(|i| program.index(program.length(*i).clone())).collect();
    let mut terms = dense;
    let from: Vec<Index> = inner.far.iter().chain(&inner.near).copied().collect();
    let to: Vec<Index> = fresh_far.iter().chain(&fresh_near).copied().collect();
    rename(program, &mut terms, &from, &to);
    let body = program.sum(&terms);
    let name = format!("d_{}", program.info(through).name);
    let tensor = program.define(&name, to, body);
    program.find_symmetric(tensor);
    inner.stored = Some(tensor);
    tensor
}

/// Whether the derivative of an intrinsic by one of its arguments need not be formed: along a direction,
/// or of a scalar, there is a cheaper rule.
fn has_rule(body: &Body, by: Tensor, derivative: &Derivative, which: fn(&Rule) -> &'static str) -> bool {
    let Body::Intrinsic(f, arguments) = body else { return false };
    let mut rules = arguments.iter().zip(f.entry().rules).filter(|(a, _)| **a == by).map(|(_, rule)| rule);
    // deltas shorten the sums with a partial derivative that is there without a factorisation
    let is_sparse = derivative.terms.iter().all(|t| !t.deltas.is_empty());
    derivative.far.is_empty() && rules.all(|rule| !which(rule).is_empty() && (!is_sparse || rule.partial.contains(';')))
}

/// The derivative of an intrinsic along a direction, or of a scalar by one of its arguments.
fn ruled(
    program: &mut Program,
    definition: &Definition,
    by: Tensor,
    own: &[Index],
    axes: &[Index],
    (name, seed): (&str, &(Term, Tensor)),
    which: fn(&Rule) -> &'static str,
) -> Vec<Term> {
    let Body::Intrinsic(f, arguments) = &definition.body else { return Vec::new() };
    let (factor, tensor) = seed;
    let mut terms = Vec::new();
    for (k, _) in arguments.iter().enumerate().filter(|(_, a)| **a == by) {
        let e = rule(program, which(&f.entry().rules[k]), definition.tensor, (*f, arguments), [own, axes], Some((name, *tensor)));
        terms.extend(program.expand(e).iter().map(|t| t.times(factor, &mut program.arena)));
    }
    terms
}

/// A derivative whose far end is a scalar, as a tensor and a factor that is the same everywhere.
fn whole(program: &mut Program, derivative: &mut Derivative, through: Tensor) -> (Term, Tensor) {
    if let Some(known) = &derivative.whole {
        return known.clone();
    }
    let own: Vec<Index> = derivative.near.iter().map(|i| program.index(program.length(*i).clone())).collect();
    let mut terms = derivative.terms.clone();
    rename(program, &mut terms, &derivative.near, &own);
    let mut even = Term::default();
    if let [term] = terms.as_mut_slice() {
        even.coefficient = std::mem::replace(&mut term.coefficient, Constant::from(1));
        let varies = |e: &Expr| program.arena.loose(*e) > 0 || program.arena.free_indices(*e).iter().any(|i| own.contains(i));
        (term.factors, even.factors) = term.factors.iter().partition(|e| varies(e));
    }
    let body = program.sum(&terms);
    let tensor = match &program.arena[body] {
        Node::Access(t, at) if at.iter().map(Affine::as_index).eq(own.iter().map(|i| Some(*i))) && program.is_whole(*t, &own) => *t,
        _ => {
            let name = format!("d_{}", program.info(through).name);
            let tensor = program.define(&name, own, body);
            program.find_symmetric(tensor);
            tensor
        }
    };
    derivative.whole = Some((even.clone(), tensor));
    (even, tensor)
}

/// Replaces indices in terms.
fn rename(program: &mut Program, terms: &mut [Term], from: &[Index], to: &[Index]) {
    let to = affines(to);
    terms.iter_mut().for_each(|t| t.place(&mut program.arena, from, &to));
}

/// The derivative of a definition by one of the tensors it reads, over fresh indices of its own
/// and the given `axes` of the tensor.
fn derive(program: &mut Program, definition: &Definition, by: Tensor, axes: &[Index]) -> (Vec<Index>, Vec<Term>) {
    match &definition.body {
        Body::Recurrence { .. } => unreachable!("the recurrences of a loop are differentiated together"),
        Body::Intrinsic(f, arguments) => {
            let shape = program.info(definition.tensor).shape.clone();
            let own = program.axes(&shape);
            let mut terms = Vec::new();
            for (k, _) in arguments.iter().enumerate().filter(|(_, a)| **a == by) {
                let e = rule(program, f.entry().rules[k].partial, definition.tensor, (*f, arguments), [&own, axes], None);
                terms.extend(program.expand(e));
            }
            (own, program.collect(terms))
        }
        Body::Each(indices, e) => {
            let own: Vec<Index> = indices.iter().map(|i| program.index(program.length(*i).clone())).collect();
            let at = indices.iter().map(|i| Affine::from(*i)).collect();
            let result = program.arena.insert(Node::Access(definition.tensor, at));
            let mut terms = tangent(program, *e, result, by, axes);
            rename(program, &mut terms, indices, &own);
            let terms = program.collect(terms);
            (own, terms)
        }
        Body::Elements(es) => {
            let shape = program.info(definition.tensor).shape.clone();
            let known = crate::ir::lengths(&shape);
            let own = program.axes(&shape);
            let mut terms = Vec::new();
            for (at, e) in crate::ir::positions(&known).zip(es) {
                for mut t in tangent(program, *e, *e, by, axes) {
                    t.deltas.extend(at.iter().zip(&own).map(|(k, i)| (Affine::from(*k as i64), Affine::from(*i))));
                    terms.push(t);
                }
            }
            let terms = program.collect(terms);
            (own, terms)
        }
    }
}

/// Terms of one structure are joined into one dense factor where there are many: a chain of
/// products would double their number at every link.
fn condensed(program: &mut Program, terms: Vec<Term>) -> Vec<Term> {
    type Structure = (Vec<Affine>, Vec<(Affine, Affine)>);
    let mut groups: Map<Structure, Vec<Term>> = Map::default();
    for t in terms {
        groups.entry((t.sums.clone(), t.deltas.clone())).or_default().push(t);
    }
    let mut out = Vec::new();
    for ((sums, deltas), group) in groups {
        if group.len() <= 3 {
            out.extend(group);
            continue;
        }
        // what holds for all says where the deltas do, and that their positions are in range
        let mut guards: Vec<Expr> = group[0].guards.iter().copied().filter(|c| group.iter().all(|t| t.guards.contains(c))).collect();
        let inside = deltas.iter().map(|(at, axis)| match axis.as_index() {
            Some(i) => program.in_range(at, &program.length(i).clone(), &sums),
            None => Some(Vec::new()),
        });
        let Some(inside) = inside.collect::<Option<Vec<Vec<Expr>>>>() else {
            out.extend(group);
            continue;
        };
        guards.extend(inside.concat());
        let mut dense = program.arena.constant(0);
        for t in group {
            let mut product = program.arena.insert(Node::Const(t.coefficient));
            for e in t.factors {
                product = program.arena.mul(product, e);
            }
            let own = in_order(program, &t.guards).into_iter().filter(|c| !guards.contains(c)).collect();
            let product = behind(program, product, own);
            dense = program.arena.add(dense, product);
        }
        out.push(Term { sums, deltas, guards, factors: vec![dense], ..Term::default() });
    }
    out
}

/// Derivatives with more terms, or more sums around one, leave the sums in their factors whole: as four sums are the
/// most of which terms are brought into one order.
const MOST_TERMS: usize = 64;
const MOST_SUMS: usize = 4;
/// The same before terms of one structure are joined.
const MOST_PRODUCTS: usize = 256;

/// The derivative of a scalar expression by the tensor `by` at `axes`. Where a derivative is written
/// in terms of the expression's own value, that is `result`.
///
/// Sums in its factors are opened where that makes it no longer, as their terms cancel: the derivative of
/// `Σ (x − mean)²` is one.
fn tangent(program: &mut Program, e: Expr, result: Expr, by: Tensor, axes: &[Index]) -> Vec<Term> {
    let whole = tangent_by(program, e, result, (by, axes), false).unwrap_or_default();
    if !program.arena.reachable([e]).iter().any(|n| matches!(program.arena[*n], Node::Sum(..))) {
        return whole;
    }
    match tangent_by(program, e, result, (by, axes), true) {
        Some(opened) if terms_and_sums(program, &opened) <= terms_and_sums(program, &whole) => opened,
        _ => whole,
    }
}

/// The same, with the sums in factors opened or whole; `None` if they are opened and it gets too long.
fn tangent_by(program: &mut Program, e: Expr, result: Expr, (by, axes): (Tensor, &[Index]), opened: bool) -> Option<Vec<Term>> {
    let mut tangents: Map<Expr, Vec<Term>> = Map::default();
    for n in program.arena.reachable([e]) {
        let terms = match program.arena[n].clone() {
            Node::Access(t, at) if t == by => {
                let deltas = at.into_iter().zip(axes).map(|(a, k)| (a, Affine::from(*k))).collect();
                vec![Term { deltas, ..Term::default() }]
            }
            Node::Sum(length, body) => {
                let mut terms = tangents.get(&body).cloned().unwrap_or_default();
                terms.iter_mut().for_each(|t| t.sums.insert(0, length.clone()));
                terms
            }
            Node::Apply(op, args) => {
                let mut out = Vec::new();
                let value = if n == e { result } else { n };
                for (a, local) in partials(program, value, op, &args, |a| tangents.contains_key(a)) {
                    let inner = &tangents[&a];
                    if opened && program.count_terms(local).saturating_mul(inner.len()) > MOST_PRODUCTS {
                        return None;
                    }
                    for l in if opened { program.expand(local) } else { program.expand_around_sums(local) } {
                        for t in inner {
                            let product = l.times(t, &mut program.arena);
                            if product.coefficient != Constant::from(0) {
                                out.push(product);
                            }
                        }
                    }
                }
                out
            }
            _ => Vec::new(),
        };
        if !terms.is_empty() {
            let terms = condensed(program, terms);
            if opened && (terms.len() > MOST_TERMS || terms.iter().any(|t| t.sums.len() > MOST_SUMS)) {
                return None;
            }
            tangents.insert(n, terms);
        }
    }
    Some(tangents.swap_remove(&e).unwrap_or_default())
}

/// How many terms there are, and sums around them, once they are collected.
fn terms_and_sums(program: &mut Program, terms: &[Term]) -> usize {
    program.collect(terms.to_vec()).iter().map(|t| 1 + t.sums.len()).sum()
}
