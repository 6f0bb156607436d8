//! Products over unrelated indices are never stored: `d[i, j] = a[i]·Σ_k b[j,k]` becomes
//! `s[j] = Σ_k b[j,k]`, and `a[i]·s[j]` where `d` was read, so that sums over `d` come apart.

use crate::ir::{affines, may_stand, placed, Affine, Body, Definition, Expr, Facts, Index, Map, Node, Program, Role, Set, Tensor, Term};

/// Operations that cost this much are not repeated where their result is read.
const EXPENSIVE: u32 = 10;

/// Sums of more products are stored.
const MOST_TERMS: usize = 4;
/// Sums of more products are not looked up among those that are defined: what they are compared by grows with the
/// square of them.
const MOST_COMPARED: usize = 64;

/// Takes apart every definition whose terms are products of factors over fewer indices than it has.
pub fn separate(program: &mut Program) {
    // results and what intrinsics read stay whole
    let mut whole: Set<Tensor> = program.results().collect();
    for definition in &program.definitions {
        if let Body::Intrinsic(_, arguments) = &definition.body {
            whole.extend(arguments);
        }
    }
    let mut known = Known::default();
    let mut k = 0;
    while k < program.definitions.len() {
        let Definition { tensor, body } = program.definitions[k].clone();
        match body {
            Body::Each(indices, e) if !indices.is_empty() && !whole.contains(&tensor) => match parts(program, &mut known, &indices, e) {
                Some((made, products)) => {
                    let next = k + made.len();
                    program.definitions.splice(k..=k, made);
                    read(program, tensor, &indices, &products);
                    k = next;
                }
                None => {
                    known.insert(program, tensor, &indices, e);
                    k += 1;
                }
            },
            // a sum of its own
            Body::Each(indices, e) if !whole.contains(&tensor) => {
                known.insert(program, tensor, &indices, e);
                k += 1;
            }
            _ => k += 1,
        }
    }
    known.read(program);
}

/// The sums that are defined.
#[derive(Default)]
pub(super) struct Known {
    /// The tensor, by the lengths of its axes and its elements as if these were sums: no index has a name.
    tensors: Map<(Vec<Affine>, Expr), Tensor>,
}

impl Known {
    /// The expression over the given indices, without their names, the operands of commutative operators in
    /// one order; `None` for long sums, which are not compared.
    fn key(program: &mut Program, e: Expr, indices: &[Index]) -> Option<(Vec<Affine>, Expr)> {
        if program.count_terms(e) > MOST_COMPARED {
            return None;
        }
        // an order of operands is the same for all names only where there are none
        let nameless = program.arena.bind(indices, e);
        let terms = program.expand(nameless);
        let terms = program.collect(terms);
        let canonical = program.sum(&terms);
        Some((indices.iter().map(|i| program.length(*i).clone()).collect(), program.arena.ordered(canonical)))
    }

    /// Adds a definition, if it is a sum.
    pub(super) fn insert(&mut self, program: &mut Program, tensor: Tensor, indices: &[Index], e: Expr) {
        if let Some(key) = Known::key(program, e, indices).filter(|key| matches!(program.arena[key.1], Node::Sum(..))) {
            self.tensors.entry(key).or_insert(tensor);
        }
    }

    /// The access to a definition among those `of` a kind that is a sum over the given indices, in some order.
    pub(super) fn find(&self, program: &mut Program, e: Expr, indices: &[Index], of: impl Fn(Tensor) -> bool) -> Option<Expr> {
        let mut own = indices.to_vec();
        for _ in 0..own.len().clamp(1, 2) {
            let fits = |(lengths, _): &(Vec<Affine>, Expr)| lengths.iter().eq(own.iter().map(|i| program.length(*i)));
            if self.tensors.keys().any(fits) {
                if let Some(t) = self.tensors.get(&Known::key(program, e, &own)?).filter(|t| of(**t)) {
                    return Some(program.arena.insert(Node::Access(*t, affines(&own))));
                }
            }
            own.reverse();
        }
        None
    }

    /// Reads what is defined wherever it is summed again later.
    fn read(&mut self, program: &mut Program) {
        let definitions = std::mem::take(&mut program.definitions);
        let mut defined: Set<Tensor> = program.params().collect();
        for mut definition in definitions {
            match &mut definition.body {
                Body::Each(_, e) => *e = self.read_in(program, *e, &defined),
                Body::Recurrence { parts, .. } => *parts = parts.map(|e| self.read_in(program, e, &defined)),
                Body::Elements(_) | Body::Intrinsic(..) => {}
            }
            defined.insert(definition.tensor);
            program.definitions.push(definition);
        }
    }
}

impl Known {
    /// The expression with accesses in the place of sums that are defined.
    fn read_in(&self, program: &mut Program, root: Expr, defined: &Set<Tensor>) -> Expr {
        let mut read: Map<Expr, Expr> = Map::default();
        for s in program.arena.outside_sums([root]) {
            let Node::Sum(length, body) = program.arena[s].clone() else { continue };
            let free: Vec<Index> = program.arena.free_indices(s).to_vec();
            let new = self.find(program, s, &free, |t| defined.contains(&t)).unwrap_or_else(|| {
                let k = program.index(length);
                let body = program.arena.open(body, &[Affine::from(k)]);
                let body = self.read_in(program, body, defined);
                program.sum_over(k, body)
            });
            if new != s {
                read.insert(s, new);
            }
        }
        program.arena.replace(root, &read)
    }
}

/// Definitions of lower rank, and the products of them that `e` is the sum of.
fn parts(program: &mut Program, known: &mut Known, indices: &[Index], e: Expr) -> Option<(Vec<Definition>, Vec<Expr>)> {
    let terms = program.expand(e);
    if terms.len() > MOST_TERMS || !terms.iter().all(|t| is_separable(program, t, indices)) {
        return None;
    }
    let mut made = Vec::new();
    let products = terms.iter().map(|term| product(program, known, indices, term, &mut made)).collect();
    Some((made, products))
}

/// Whether no group of factors that share an index depends on all of `indices`.
fn is_separable(program: &mut Program, term: &Term, indices: &[Index]) -> bool {
    let plain = term.deltas.is_empty() && term.guards.is_empty();
    plain
        && term.groups(&mut program.arena, indices).iter().all(|(_, group)| {
            let used: Vec<Index> = group.factors.iter().flat_map(|f| program.arena.free_indices(*f)).copied().collect();
            !indices.iter().all(|i| used.contains(i))
        })
}

/// A term as a product of definitions of lower rank, which are `made`.
fn product(program: &mut Program, known: &mut Known, indices: &[Index], term: &Term, made: &mut Vec<Definition>) -> Expr {
    let mut product = program.arena.insert(Node::Const(term.coefficient.clone()));
    for (group, part) in term.groups(&mut program.arena, indices) {
        let value = part.to_expr(program);
        let dear = |e: &Expr| match &program.arena[*e] {
            Node::Sum(..) => true,
            Node::Apply(op, _) => op.entry().cost >= EXPENSIVE,
            _ => false,
        };
        let own: Vec<Index> = indices.iter().copied().filter(|i| group.contains(i)).collect();
        let is_dear = program.arena.reachable([value]).iter().any(dear);
        let factor = if is_dear && may_stand(program, value, &Facts::inside(program, &own)) {
            if let Some(access) = known.find(program, value, &own, |_| true) {
                product = program.arena.mul(product, access);
                continue;
            }
            let shape = own.iter().map(|i| program.length(*i).clone()).collect();
            let tensor = program.tensor("part", shape, Role::Defined);
            let fresh: Vec<Index> = own.iter().map(|i| program.index(program.length(*i).clone())).collect();
            let body = program.arena.substitute(value, &placed(&own, &affines(&fresh)));
            known.insert(program, tensor, &fresh, body);
            made.push(Definition { tensor, body: Body::Each(fresh, body) });
            program.arena.insert(Node::Access(tensor, affines(&own)))
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
                term.factors.push(program.arena.substitute(*product, &placed(indices, &at)));
                terms.push(term);
            }
        }
        let split = program.sum(&terms);
        let zero = program.arena.constant(0);
        let sum = products.iter().fold(zero, |sum, product| program.arena.add(sum, *product));
        let inlined = program.arena.map(&[split], |arena, e, node| match &node {
            Node::Access(t, at) if *t == tensor => arena.substitute(sum, &placed(indices, at)),
            same if arena[e] == *same => e,
            _ => arena.insert(node),
        })[0];
        let terms = program.expand(inlined);
        *root = program.sum(&terms);
    }
    program.set_roots(&roots);
}
