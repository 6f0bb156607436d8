//! Results that follow a loop: `y[i] := f(s[i + 1])`, of which each round has computed a row.
//!
//! They are written in the loop, so that the states need not be held at all rounds to be read behind it.

use crate::ir::{placed, Affine, Body, Definition, Expr, Index, Node, Program, Set, Symbol, Tensor};

/// A result of which a round of a loop writes a row.
pub struct Follower {
    /// The result.
    pub tensor: Tensor,
    /// The axis along which the rounds go, and the position on it.
    pub axis: usize,
    pub at: Affine,
    /// The indices of the other axes.
    pub indices: Vec<Index>,
    /// An element.
    pub value: Expr,
}

/// The results among `later` definitions that follow the loop of `run`, and read nothing else that is not `known` before it.
pub fn followers(program: &mut Program, over: Index, run: &[Definition], later: &[Definition]) -> Vec<Follower> {
    let states: Set<Tensor> = run.iter().map(|d| d.tensor).collect();
    let unknown: Set<Tensor> = later.iter().map(|d| d.tensor).collect();
    let results: Set<Tensor> = program.results().collect();
    let mut found = Vec::new();
    for definition in later.iter().filter(|d| results.contains(&d.tensor)) {
        let Body::Each(indices, e) = &definition.body else { continue };
        let reads = definition.body.reads(&program.arena);
        let is_simple = !program.arena.reachable([*e]).iter().any(|e| matches!(program.arena[*e], Node::Sum(..)));
        if !is_simple || reads.iter().any(|t| unknown.contains(t)) || !reads.iter().any(|t| states.contains(t)) {
            continue;
        }
        let follow = |axis: usize| {
            let at = position(program, over, indices[axis], *e, &states)?;
            Some((axis, at))
        };
        let Some((axis, at)) = (0..indices.len()).find_map(follow) else { continue };
        let value = program.arena.substitute(*e, &placed(&indices[axis..=axis], std::slice::from_ref(&at)));
        let rest = indices.iter().copied().filter(|i| *i != indices[axis]).collect();
        found.push(Follower { tensor: definition.tensor, axis, at, indices: rest, value });
    }
    found
}

/// Where the index of an axis is in a round, if all that is read of the states is what they are before that round or after it.
fn position(program: &Program, over: Index, index: Index, e: Expr, states: &Set<Tensor>) -> Option<Affine> {
    let rounds = program.length(over);
    if program.length(index) != rounds {
        return None;
    }
    let (now, after) = (Affine::from(over), Affine::from(over).after());
    let backward = rounds.plus(&after, -1);
    let is_of_round = |at: &Affine| {
        states.iter().flat_map(|t| program.accesses([e], *t)).all(|read| {
            let read = read[0].substitute(|s| (s == Symbol::Index(index)).then(|| at.clone()));
            read == now || read == after
        })
    };
    [now.clone(), backward].into_iter().find(is_of_round)
}
