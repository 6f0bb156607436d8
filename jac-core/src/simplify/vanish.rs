//! States of loops that stay 0, as the derivative by what a function does not depend on in the end: the largest element that
//! is subtracted and added again.

use crate::ir::{Body, Definition, Expr, Node, Program, Set, Tensor};

/// Puts 0 where states are read that begin as 0 and that no round changes.
pub fn vanish(program: &mut Program) {
    let results: Set<Tensor> = program.results().collect();
    let begins = |d: &Definition| match &d.body {
        Body::Recurrence { parts: [first, _], .. } => program.arena.is(*first, 0) && !results.contains(&d.tensor),
        _ => false,
    };
    let mut zero: Set<Tensor> = program.definitions.iter().filter(|d| begins(d)).map(|d| d.tensor).collect();
    // what holds a state that changes may change
    while let Some(changed) = changed(program, &zero) {
        zero.swap_remove(&changed);
    }
    if zero.is_empty() {
        return;
    }
    let roots = without(program, &program.roots(), &zero);
    program.set_roots(&roots);
    program.prune();
}

/// One of the states that is not 0 after a round, if all of them were before.
fn changed(program: &mut Program, zero: &Set<Tensor>) -> Option<Tensor> {
    let next = |d: &Definition| match &d.body {
        Body::Recurrence { parts: [_, next], .. } if zero.contains(&d.tensor) => Some((d.tensor, *next)),
        _ => None,
    };
    let all: Vec<(Tensor, Expr)> = program.definitions.iter().filter_map(next).collect();
    all.into_iter().find(|(_, next)| !is_zero(program, *next, zero)).map(|(t, _)| t)
}

fn is_zero(program: &mut Program, e: Expr, zero: &Set<Tensor>) -> bool {
    let without = without(program, &[e], zero)[0];
    program.arena.is(without, 0)
}

/// The expressions with 0 in the place of some tensors.
fn without(program: &mut Program, roots: &[Expr], zero: &Set<Tensor>) -> Vec<Expr> {
    program.arena.map(roots, |arena, e, node| match &node {
        Node::Access(t, _) if zero.contains(t) => arena.constant(0),
        same if arena[e] == *same => e,
        _ => arena.rebuild(node),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::parse;

    #[test]
    fn states_that_stay_zero_are_left_out() {
        let head = "fn f(x: [n]) wrt x -> y\nloop i: n\n";
        let text = |states: &str, y: &str| {
            let mut program = parse(&format!("{head}{states}{y}")).unwrap();
            vanish(&mut program);
            program.to_text()
        };
        let both = "first s = 0\nnext s = select(x[i] < 1, 0.5 * s[i], 0)\nfirst t = 0\nnext t = t[i] - s[i] * x[i]\n";
        assert_eq!(text(both, "y[i: n] = s[i] + t[i+1] + x[i]\n"), "fn f(x: [n]) wrt x -> y\ny[i: n] = x[i]\n");
        let one = "first s = 0\nnext s = s[i] + x[i]\nfirst t = 0\nnext t = t[i] - s[i] * x[i]\n";
        assert!(text(one, "y[i: n] = t[i]\n").contains("next t"));
    }
}
