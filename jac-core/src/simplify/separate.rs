//! Products over unrelated indices are never stored: `d[i, j] = a[i]·Σ_k b[j,k]` becomes
//! `s[j] = Σ_k b[j,k]`, and `a[i]·s[j]` where `d` was read, so that sums over `d` come apart.

use crate::ir::{Affine, Body, Definition, Expr, Index, Node, Program, Role, Symbol, Tensor, Term};

/// Operations that cost this much are not repeated where their result is read.
const EXPENSIVE: u32 = 10;

/// Sums of more products are stored.
const MOST_TERMS: usize = 4;

/// Takes apart every definition whose terms are products of factors over fewer indices than it has.
pub fn separate(program: &mut Program) {
    let results: Vec<Tensor> = program.results().collect();
    let mut k = 0;
    while k < program.definitions.len() {
        let Definition { tensor, body } = program.definitions[k].clone();
        match body {
            Body::Each(indices, e) if !indices.is_empty() && !results.contains(&tensor) => match parts(program, &indices, e) {
                Some((made, products)) => {
                    let next = k + made.len();
                    program.definitions.splice(k..=k, made);
                    read(program, tensor, &indices, &products);
                    k = next;
                }
                None => k += 1,
            },
            _ => k += 1,
        }
    }
}

/// Definitions of lower rank, and the products of them that `e` is the sum of.
fn parts(program: &mut Program, indices: &[Index], e: Expr) -> Option<(Vec<Definition>, Vec<Expr>)> {
    let terms = program.expand(e);
    let separable = |t: &Term| {
        let used = |t: &Term| t.factors.iter().flat_map(|f| program.arena.free_indices(*f)).collect::<Vec<Index>>();
        let whole = |t: &Term| indices.iter().all(|i| used(t).contains(i));
        t.deltas.is_empty() && t.guards.is_empty() && !t.groups(&program.arena, indices).iter().any(|(_, t)| whole(t))
    };
    if terms.len() > MOST_TERMS || !terms.iter().all(separable) {
        return None;
    }
    let mut made = Vec::new();
    let products = terms.iter().map(|term| product(program, indices, term, &mut made)).collect();
    Some((made, products))
}

/// A term as a product of definitions of lower rank, which are `made`.
fn product(program: &mut Program, indices: &[Index], term: &Term, made: &mut Vec<Definition>) -> Expr {
    let mut product = program.arena.insert(Node::Const(term.coefficient.clone()));
    for (group, part) in term.groups(&program.arena, indices) {
        let value = part.to_expr(program);
        let dear = |e: &Expr| match &program.arena[*e] {
            Node::Sum(..) => true,
            Node::Apply(op, _) => op.entry().cost >= EXPENSIVE,
            _ => false,
        };
        let factor = if program.arena.reachable([value]).iter().any(dear) {
            let own: Vec<Index> = indices.iter().copied().filter(|i| group.contains(i)).collect();
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
    product
}

/// Puts the sum of the products, over `indices`, where the tensor is read.
fn read(program: &mut Program, tensor: Tensor, indices: &[Index], products: &[Expr]) {
    let mut roots = program.roots();
    for root in &mut roots {
        if !program.arena.reachable([*root]).iter().any(|e| matches!(&program.arena[*e], Node::Access(t, _) if *t == tensor)) {
            continue;
        }
        let mut terms = Vec::new();
        for mut term in program.expand(*root) {
            let factor = term.factors.iter().position(|e| matches!(&program.arena[*e], Node::Access(t, _) if *t == tensor));
            let Some(Node::Access(_, at)) = factor.map(|k| program.arena[term.factors.remove(k)].clone()) else {
                terms.push(term);
                continue;
            };
            // every product is a term of its own, so that the sums around it come apart
            for product in products {
                let mut term = term.clone();
                term.factors.push(program.arena.substitute(*product, &moved(indices, &at)));
                terms.push(term);
            }
        }
        let split = program.sum(&terms);
        let sum = products.iter().copied().reduce(|a, b| program.arena.add(a, b)).expect("a definition has terms");
        let inlined = program.arena.map(&[split], |arena, e, node| match &node {
            Node::Access(t, at) if *t == tensor => arena.substitute(sum, &moved(indices, at)),
            same if arena[e] == *same => e,
            _ => arena.insert(node),
        })[0];
        let terms = program.expand(inlined);
        *root = program.sum(&terms);
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
