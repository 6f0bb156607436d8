//! The verifier: what must hold between any two passes.

use super::affine::{Index, Symbol};
use super::expr::{Expr, Node, Set, Tensor};
use super::program::{Body, Program, Role};
use crate::ops::Op;

/// Checks that the program is well formed: every access has the tensor's rank and comes after its
/// definition, every index is bound, and by one definition, no expression refers to a sum that is not around it, the
/// lengths of sums do not vary, no sum has a named index, constant positions are in range, truth values stand where
/// they belong, and every result is defined.
///
/// That an index is captured, or one is shadowed, cannot be written: the index of a sum has no name.
///
/// # Errors
/// The first rule that is broken, naming the tensor.
pub fn verify(program: &Program) -> Result<(), String> {
    let mut defined: Vec<bool> = program.tensors.iter().map(|t| t.role != Role::Defined).collect();
    let mut owned: Set<Index> = Set::default();
    for (k, definition) in program.definitions.iter().enumerate() {
        let info = program.info(definition.tensor);
        let fail = |message: String| Err(format!("`{}`: {message}", info.name));
        let bound: Set<Index> = match &definition.body {
            Body::Each(indices, _) => {
                let shape: Vec<_> = indices.iter().map(|i| program.length(*i).clone()).collect();
                if shape != info.shape {
                    return fail("the indices do not range over the shape".into());
                }
                if !indices.iter().all(|i| owned.insert(*i)) {
                    return fail("an index belongs to two definitions".into());
                }
                indices.iter().copied().collect()
            }
            Body::Elements(elements) => {
                let count: Option<i64> = info.shape.iter().map(super::affine::Affine::known).product();
                if count != Some(elements.len() as i64) {
                    return fail(format!("{} elements do not fill the shape", elements.len()));
                }
                Set::default()
            }
            Body::Intrinsic(f, arguments) => {
                let entry = f.entry();
                if let Some(t) = arguments.iter().find(|t| !defined[t.0 as usize]) {
                    return fail(format!("`{}` is used before it is defined", program.info(*t).name));
                }
                let ranks = arguments.iter().map(|t| program.info(*t).shape.len());
                if !ranks.eq(entry.arguments.iter().map(|a| a.len())) {
                    return fail(format!("`{}` takes arguments of other ranks", entry.name));
                }
                let lengths = program.named_lengths(*f, arguments);
                let expected = |names: &[&str]| names.iter().map(|n| lengths[n].clone()).collect::<Vec<_>>();
                let fits = |(t, names): (&Tensor, &&[&str])| program.info(*t).shape == expected(names);
                if !arguments.iter().zip(entry.arguments).all(fits) || info.shape != expected(entry.result) {
                    return fail(format!("`{}` takes arguments of other lengths", entry.name));
                }
                Set::default()
            }
            Body::Recurrence { over, indices, parts: [first, _] } => {
                let rounds = program.length(*over).after();
                let shape: Vec<_> = std::iter::once(rounds).chain(indices.iter().map(|i| program.length(*i).clone())).collect();
                if shape != info.shape {
                    return fail("the indices do not range over the shape".into());
                }
                let begins = k == 0 || program.definitions[k - 1].body.over() != Some(*over);
                if !indices.iter().all(|i| owned.insert(*i)) || begins && !owned.insert(*over) {
                    return fail("an index belongs to two definitions".into());
                }
                if begins {
                    // the states of one loop read each other
                    for d in program.definitions[k..].iter().take_while(|d| d.body.over() == Some(*over)) {
                        if std::mem::replace(&mut defined[d.tensor.0 as usize], true) {
                            return Err(format!("`{}`: defined twice", program.info(d.tensor).name));
                        }
                    }
                }
                if program.arena.mentions(*first, *over) {
                    return fail("the first value depends on the round".into());
                }
                indices.iter().chain([over]).copied().collect()
            }
        };
        for root in definition.body.roots() {
            if let Err(message) = expression(program, *root, &bound, &defined) {
                return fail(message);
            }
        }
        if definition.body.over().is_none() && std::mem::replace(&mut defined[definition.tensor.0 as usize], true) {
            return fail("defined twice".into());
        }
    }
    match program.results().find(|t| !defined[t.0 as usize]) {
        Some(t) => Err(format!("`{}` is returned and not defined", program.info(t).name)),
        None => Ok(()),
    }
}

fn expression(program: &Program, root: Expr, bound: &Set<Index>, defined: &[bool]) -> Result<(), String> {
    let arena = &program.arena;
    for e in arena.reachable([root]) {
        match &arena[e] {
            Node::Access(t, at) => {
                let Tensor(k) = *t;
                let info = program.info(*t);
                if !defined[k as usize] {
                    return Err(format!("`{}` is used before it is defined", info.name));
                }
                if at.len() != info.shape.len() {
                    return Err(format!("`{}` has rank {}, {} positions given", info.name, info.shape.len(), at.len()));
                }
                for (a, n) in at.iter().zip(&info.shape) {
                    if let (Some(a), Some(n)) = (a.known(), n.known()) {
                        if !(0..n).contains(&a) {
                            return Err(format!("position {a} of `{}`, whose axis has length {n}", info.name));
                        }
                    }
                    if a.terms().iter().any(|(s, _)| matches!(s, Symbol::Size(n) if n.0 as usize >= program.sizes.len())) {
                        return Err("an unknown length".into());
                    }
                }
            }
            Node::Named(i, _) => return Err(format!("the sum over {} has a named index", i.0)),
            Node::Sum(length, _) if length.is_indexed() => {
                return Err("the length of a sum varies".into());
            }
            Node::Bracket(c) if !is_truth(program, *c) => return Err("a bracket around a number".into()),
            Node::Apply(op, args) => {
                if args.len() != op.entry().arity {
                    return Err(format!("`{}` with {} operands", op.name(), args.len()));
                }
                for (k, a) in args.iter().enumerate() {
                    let wants = matches!((op, k), (Op::And | Op::Or | Op::Not, _) | (Op::Select, 0));
                    if wants != is_truth(program, *a) && arena.as_const(*a).is_none() {
                        return Err(format!("operand {k} of `{}` mixes numbers and truth values", op.name()));
                    }
                }
            }
            _ => {}
        }
    }
    if arena.loose(root) > 0 {
        return Err("an index of a sum that is not there".into());
    }
    match arena.free_indices(root).iter().find(|i| !bound.contains(*i)) {
        Some(i) => Err(format!("index {} is not bound", i.0)),
        None => Ok(()),
    }
}

fn is_truth(program: &Program, e: Expr) -> bool {
    match &program.arena[e] {
        Node::Apply(op, _) => op.entry().truth,
        Node::Access(t, _) => program.info(*t).role == Role::Truth,
        _ => false,
    }
}
