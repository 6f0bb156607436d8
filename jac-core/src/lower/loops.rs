//! From a definition to loop nests.

use super::schedule::{Item, Kind, Tree};
use crate::ir::{Affine, Body, Definition, Expr, Index, Map, Node, Program, Symbol, Term};
use crate::ops::Op;

/// More elements than this are stored one by one instead of written as a literal.
const LARGEST_LITERAL: usize = 64;

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
        let map: Map<Index, Affine> = self.loops.iter().copied().zip(own.iter().map(|i| Affine::from(*i))).collect();
        let with = |s: Symbol| match s {
            Symbol::Index(i) => map.get(&i).cloned(),
            Symbol::Size(_) => None,
        };
        Nest {
            loops: own.to_vec(),
            at: self.at.iter().map(|a| a.substitute(with)).collect(),
            guards: self.guards.iter().map(|c| program.arena.substitute(*c, &with)).collect(),
            value: program.arena.substitute(self.value, &with),
        }
    }
}

/// Puts the loops of a definition into the tree.
pub fn definition(program: &mut Program, tree: &mut Tree, definition: &Definition) {
    let tensor = definition.tensor;
    match &definition.body {
        Body::Elements(es) if program.info(tensor).shape.is_empty() => tree.item(0, Item::Scalar(tensor, es[0])),
        Body::Elements(es) if es.len() <= LARGEST_LITERAL => tree.item(0, Item::Literal(tensor, es.clone())),
        Body::Elements(es) => {
            tree.item(0, Item::Allocate(tensor));
            let shape: Vec<usize> = program.info(tensor).shape.iter().map(|n| n.known().unwrap_or(0) as usize).collect();
            for (at, value) in crate::ir::positions(&shape).zip(es) {
                if !program.arena.is(*value, 0) {
                    let at = at.into_iter().map(|k| Affine::from(k as i64)).collect();
                    tree.item(0, Item::Store { tensor, at, value: *value, add: false });
                }
            }
        }
        Body::Each(indices, e) => {
            let terms = program.expand(*e);
            if indices.is_empty() {
                let values: Vec<Expr> = terms.iter().map(|t| dense(program, t)).collect();
                let sum = values.into_iter().fold(None, |sum, v| Some(sum.map_or(v, |s| program.arena.add(s, v))));
                let value = sum.unwrap_or_else(|| program.arena.constant(0));
                tree.item(0, Item::Scalar(tensor, value));
                return;
            }
            tree.item(0, Item::Allocate(tensor));
            let nests = joined(program, terms, indices);
            let add = nests.len() > 1;
            let mut open: Map<Vec<Index>, (Vec<Index>, usize)> = Map::default();
            for nest in nests {
                // nests over the same indices share their loops; no two loops share an index
                let (own, mut scope) = open
                    .entry(nest.loops.clone())
                    .or_insert_with(|| {
                        let own: Vec<Index> = nest.loops.iter().map(|i| program.index(program.length(*i).clone())).collect();
                        let scope = own.iter().fold(0, |scope, i| tree.child(scope, Kind::Loop(*i)));
                        (own, scope)
                    })
                    .clone();
                let nest = nest.over(program, &own);
                for c in nest.guards {
                    scope = tree.child(scope, Kind::Guard(c));
                }
                tree.item(scope, Item::Store { tensor, at: nest.at, value: nest.value, add });
            }
        }
    }
}

/// The nests of all terms, those that write the same positions joined.
fn joined(program: &mut Program, terms: Vec<Term>, indices: &[Index]) -> Vec<Nest> {
    let mut nests: Vec<Nest> = Vec::new();
    for term in terms {
        let nest = nest(program, term, indices);
        match nests.iter_mut().find(|n| n.loops == nest.loops && n.at == nest.at && n.guards == nest.guards) {
            Some(same) => same.value = program.arena.add(same.value, nest.value),
            None => nests.push(nest),
        }
    }
    nests
}

/// Solves the deltas of a term for indices of the result, as far as they determine them.
fn nest(program: &mut Program, mut term: Term, indices: &[Index]) -> Nest {
    let mut at: Vec<Affine> = indices.iter().map(|i| Affine::from(*i)).collect();
    let mut free: Vec<Index> = indices.to_vec();
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
                term.substitute(program, &with);
                guards = guards.into_iter().map(|c| program.arena.substitute(c, &with)).collect();
            }
            None => {
                let args = vec![program.arena.integer(position), program.arena.integer(axis)];
                guards.push(program.arena.apply(Op::Eq, args));
            }
        }
    }
    guards.append(&mut term.guards);
    // a summed index that a written position or a guard mentions is a loop of its own
    let outer: Vec<Index> = term
        .sums
        .iter()
        .copied()
        .filter(|i| at.iter().any(|a| a.coefficient(Symbol::Index(*i)) != 0) || guards.iter().any(|c| program.arena.mentions(*c, *i)))
        .collect();
    term.sums.retain(|i| !outer.contains(i));
    let value = dense(program, &term);
    Nest { loops: free.into_iter().chain(outer).collect(), at, guards, value }
}

/// A term as a scalar expression; deltas and brackets that are left become branches.
fn dense(program: &mut Program, term: &Term) -> Expr {
    let e = term.to_expr(program);
    program.arena.map(&[e], |arena, old, node| {
        let condition = match &node {
            Node::Delta(a, b) => {
                let args = vec![arena.integer(a.clone()), arena.integer(b.clone())];
                arena.apply(Op::Eq, args)
            }
            Node::Bracket(c) => *c,
            Node::Apply(Op::Mul, args) => return arena.mul(args[0], args[1]),
            same if arena[old] == *same => return old,
            _ => return arena.insert(node),
        };
        let (one, zero) = (arena.constant(1), arena.constant(0));
        arena.apply(Op::Select, vec![condition, one, zero])
    })[0]
}
