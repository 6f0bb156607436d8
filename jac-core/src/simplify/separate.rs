//! Products over unrelated indices are never stored: `d[i, j] = a[i]·Σ_k b[j,k]` becomes
//! `s[j] = Σ_k b[j,k]`, and `a[i]·s[j]` where `d` was read, so that sums over `d` come apart.

use crate::ir::{Affine, Body, Definition, Expr, Index, Node, Program, Role, Symbol, Tensor};

/// Operations that cost this much are not repeated where their result is read.
const EXPENSIVE: u32 = 10;

/// Takes apart every definition that is one term of factors over fewer indices than it has.
pub fn separate(program: &mut Program) {
    let results: Vec<Tensor> = program.results().collect();
    let mut k = 0;
    while k < program.definitions.len() {
        let Definition { tensor, body } = program.definitions[k].clone();
        match body {
            Body::Each(indices, e) if !indices.is_empty() && !results.contains(&tensor) => match parts(program, &indices, e) {
                Some((made, product)) => {
                    let next = k + made.len();
                    program.definitions.splice(k..=k, made);
                    read(program, tensor, &indices, product);
                    k = next;
                }
                None => k += 1,
            },
            _ => k += 1,
        }
    }
}

/// Definitions of lower rank, and the product of them that `e` is.
fn parts(program: &mut Program, indices: &[Index], e: Expr) -> Option<(Vec<Definition>, Expr)> {
    let terms = program.expand(e);
    let [term] = terms.as_slice() else { return None };
    let groups = term.groups(&program.arena, indices);
    let own = |group: &[Index]| indices.iter().copied().filter(|i| group.contains(i)).collect::<Vec<Index>>();
    let plain = term.deltas.is_empty() && term.guards.is_empty();
    let used = |t: &crate::ir::Term| t.factors.iter().flat_map(|f| program.arena.free_indices(*f)).collect::<Vec<Index>>();
    let whole = groups.iter().any(|(_, t)| own(&used(t)).len() == indices.len());
    if !plain || whole {
        return None;
    }
    let mut product = program.arena.insert(Node::Const(term.coefficient.clone()));
    let mut made = Vec::new();
    for (group, part) in groups {
        let value = part.to_expr(program);
        let reached = program.arena.reachable([value]);
        let dear = |e: &Expr| match &program.arena[*e] {
            Node::Sum(..) => true,
            Node::Apply(op, _) => op.entry().cost >= EXPENSIVE,
            _ => false,
        };
        let factor = if reached.iter().any(dear) {
            let own = own(&group);
            let shape = own.iter().map(|i| program.length(*i).clone()).collect();
            let tensor = program.tensor("part", shape, Role::Defined);
            let fresh: Vec<Index> = own.iter().map(|i| program.index(program.length(*i).clone())).collect();
            let at: Vec<Affine> = fresh.iter().map(|i| Affine::from(*i)).collect();
            let body = program.arena.substitute(value, &moved(&own, &at));
            made.push(Definition { tensor, body: Body::Each(fresh, body) });
            program.arena.insert(Node::Access(tensor, own.iter().map(|i| Affine::from(*i)).collect()))
        } else {
            value
        };
        product = program.arena.mul(product, factor);
    }
    Some((made, product))
}

/// Puts `product`, over `indices`, where the tensor is read.
fn read(program: &mut Program, tensor: Tensor, indices: &[Index], product: Expr) {
    let mut roots = program.roots();
    for root in &mut roots {
        let inlined = program.arena.map(&[*root], |arena, e, node| match &node {
            Node::Access(t, at) if *t == tensor => arena.substitute(product, &moved(indices, at)),
            same if arena[e] == *same => e,
            _ => arena.insert(node),
        })[0];
        if inlined != *root {
            let terms = program.expand(inlined);
            *root = program.sum(&terms);
        }
    }
    program.set_roots(&roots);
}

/// Positions in the place of indices.
fn moved<'a>(indices: &'a [Index], at: &'a [Affine]) -> impl Fn(Symbol) -> Option<Affine> + 'a {
    move |s| match s {
        Symbol::Index(i) => indices.iter().position(|j| *j == i).map(|k| at[k].clone()),
        Symbol::Size(_) => None,
    }
}
