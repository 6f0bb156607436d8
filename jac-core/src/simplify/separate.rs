//! Products over unrelated indices are never stored: `d[i, j] = a[i]·Σ_k b[j,k]` becomes
//! `s[j] = Σ_k b[j,k]`, and `a[i]·s[j]` where `d` was read, so that sums over `d` come apart.

use crate::ir::{Affine, Body, Definition, Expr, Index, Map, Node, Program, Role, Set, Symbol, Tensor, Term};

/// Operations that cost this much are not repeated where their result is read.
const EXPENSIVE: u32 = 10;

/// Sums of more products are stored.
const MOST_TERMS: usize = 4;

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
            _ => k += 1,
        }
    }
    known.read(program);
}

/// The sums that are defined, each over indices that stand for those of its definition.
#[derive(Default)]
struct Known {
    stand_ins: Vec<Index>,
    /// The tensor, and the stand-ins for its axes.
    tensors: Map<Expr, (Tensor, Vec<Index>)>,
}

impl Known {
    /// The expression over stand-ins, the operands of commutative operators in one order; and those for
    /// the given indices.
    fn key(&mut self, program: &mut Program, e: Expr, indices: &[Index]) -> (Expr, Vec<Index>) {
        let mut taken: Vec<Index> = Vec::new();
        for i in indices {
            let length = program.length(*i).clone();
            let free = self.stand_ins.iter().copied().find(|k| !taken.contains(k) && *program.length(*k) == length);
            let stand_in = free.unwrap_or_else(|| {
                self.stand_ins.push(program.index(length));
                self.stand_ins[self.stand_ins.len() - 1]
            });
            taken.push(stand_in);
        }
        let at: Vec<Affine> = taken.iter().map(|i| Affine::from(*i)).collect();
        let moved = program.arena.substitute(e, &moved(indices, &at));
        let terms = program.expand(moved);
        let terms = program.collect(terms);
        let canonical = program.sum(&terms);
        (program.arena.ordered(canonical), taken)
    }

    fn insert(&mut self, program: &mut Program, tensor: Tensor, indices: &[Index], e: Expr) {
        let (key, axes) = self.key(program, e, indices);
        if let Node::Sum(..) = program.arena[key] {
            self.tensors.entry(key).or_insert((tensor, axes));
        }
    }

    /// The access to the definition of a sum over the given indices, in some order.
    fn find(&mut self, program: &mut Program, e: Expr, indices: &[Index]) -> Option<Expr> {
        let mut own = indices.to_vec();
        for _ in 0..own.len().clamp(1, 2) {
            let (key, stand_ins) = self.key(program, e, &own);
            if let Some((t, axes)) = self.tensors.get(&key) {
                let at: Option<Vec<Affine>> =
                    axes.iter().map(|axis| Some(Affine::from(own[stand_ins.iter().position(|s| s == axis)?]))).collect();
                return at.map(|at| program.arena.insert(Node::Access(*t, at)));
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
            if let Body::Each(_, e) = &mut definition.body {
                let mut sums: Map<Expr, Expr> = Map::default();
                for s in program.arena.reachable([*e]) {
                    if matches!(program.arena[s], Node::Sum(..)) {
                        let free: Vec<Index> = program.arena.free_indices(s).into_iter().collect();
                        let found = self.find(program, s, &free);
                        let earlier = |a: &Expr| matches!(&program.arena[*a], Node::Access(t, _) if defined.contains(t));
                        sums.extend(found.filter(earlier).map(|access| (s, access)));
                    }
                }
                if !sums.is_empty() {
                    *e = program.arena.map(&[*e], |arena, e, node| match sums.get(&e) {
                        Some(access) => *access,
                        None if arena[e] == node => e,
                        None => arena.insert(node),
                    })[0];
                }
            }
            defined.insert(definition.tensor);
            program.definitions.push(definition);
        }
    }
}

/// Definitions of lower rank, and the products of them that `e` is the sum of.
fn parts(program: &mut Program, known: &mut Known, indices: &[Index], e: Expr) -> Option<(Vec<Definition>, Vec<Expr>)> {
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
    let products = terms.iter().map(|term| product(program, known, indices, term, &mut made)).collect();
    Some((made, products))
}

/// A term as a product of definitions of lower rank, which are `made`.
fn product(program: &mut Program, known: &mut Known, indices: &[Index], term: &Term, made: &mut Vec<Definition>) -> Expr {
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
            if let Some(access) = known.find(program, value, &own) {
                product = program.arena.mul(product, access);
                continue;
            }
            let shape = own.iter().map(|i| program.length(*i).clone()).collect();
            let tensor = program.tensor("part", shape, Role::Defined);
            let fresh: Vec<Index> = own.iter().map(|i| program.index(program.length(*i).clone())).collect();
            let at: Vec<Affine> = fresh.iter().map(|i| Affine::from(*i)).collect();
            let body = program.arena.substitute(value, &moved(&own, &at));
            known.insert(program, tensor, &fresh, body);
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
