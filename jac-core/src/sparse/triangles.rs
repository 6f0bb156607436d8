//! Entries that later rounds of a loop than theirs would have: where a derivative reads what is carried, it is a condition which
//! rounds have been, and a trajectory has a triangle of entries.

use crate::ir::{reached, Affine, Arena, Body, Expr, Node, Program, Reach, Tensor};
use crate::ops::Op;

/// Puts the conditions into some definitions, wherever they read what may not be reached.
pub fn guard(program: &mut Program, definitions: &[Tensor]) {
    let reached = reached(program);
    if reached.is_empty() {
        return;
    }
    let mut all = std::mem::take(&mut program.definitions);
    for definition in all.iter_mut().filter(|d| definitions.contains(&d.tensor)) {
        let Body::Each(_, root) = &mut definition.body else { continue };
        *root = program.arena.map(&[*root], |arena, old, node| match node {
            Node::Access(t, at) => {
                let own = reached.get(&t).map(|reach| condition(arena, &at, reach));
                let read = arena.insert(Node::Access(t, at));
                own.map_or(read, |own| arena.mul(own, read))
            }
            node if arena[old] == node => old,
            node => arena.rebuild(node),
        })[0];
    }
    program.definitions = all;
}

/// Whether a position is one that the rounds before it reach, as a bracket.
fn condition(arena: &mut Arena, at: &[Affine], reach: &Reach) -> Expr {
    let (position, end) = (&at[reach.axis], reach.end(&at[0]));
    let sides = if reach.sign > 0 { [position.clone(), end] } else { [end, position.clone()] };
    let sides = sides.map(|side| arena.integer(side)).to_vec();
    let is_reached = arena.fold(Op::Lt, &sides);
    match arena.as_const(is_reached) {
        Some(_) => is_reached,
        None => arena.insert(Node::Bracket(is_reached)),
    }
}
