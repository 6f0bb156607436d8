//! Sums over products of several factors are summed in the order that takes the fewest operations:
//! `Σ_k Σ_l a[i,k]·b[k,l]·c[l,j]` is `part[i,l] = Σ_k a[i,k]·b[k,l]`, and then `Σ_l part[i,l]·c[l,j]`.
//!
//! An index is summed over as soon as all factors that it is in have been multiplied, as in the elimination of
//! variables; of all orders, the one is taken whose loops have the fewest rounds. What is summed within fewer loops than it
//! stands in is a definition of its own. Where it saves loops, a tensor that is a sum of products is read as that,
//! so that its factors are summed apart.

use super::separate::Known;
use crate::ir::{
    affines, may_stand, placed, Affine, Body, Constant, Definition, Expr, Facts, Index, Map, Node, Program, Role, Set, Tensor, Term,
};

/// Sums of more terms, and terms of more sums or factors, stay as they are.
const MOST_TERMS: usize = 12;
const MOST_SUMS: usize = 5;
const MOST_FACTORS: usize = 10;
/// What a length that is not known is taken to be.
const LENGTH: f64 = 64.0;
/// How many times fewer rounds are worth another order.
const GAIN: f64 = 4.0;

/// Brings the sums of all definitions that are no loops into a cheaper order, where there is one.
pub fn contract(program: &mut Program) {
    let mut made = Made::default();
    let mut k = 0;
    while k < program.definitions.len() {
        let Definition { tensor, body } = program.definitions[k].clone();
        if let Body::Each(indices, e) = body {
            let around = indices.is_empty().then(Vec::new);
            let new = made.cheaper(program, e, around.as_deref());
            if new != e {
                program.definitions[k].body = Body::Each(indices.clone(), new);
                let own = std::mem::take(&mut made.definitions);
                let count = own.len();
                program.definitions.splice(k..k, own);
                k += count;
            }
            if !indices.is_empty() {
                made.known.insert(program, tensor, &indices, new);
            }
            made.products.extend(products(program, new).then_some((tensor, (indices, new))));
        }
        k += 1;
    }
    program.prune();
}

/// Whether an expression is a few products of elements, or of anything and a delta, without a sum: it may be read in the
/// place of a tensor.
fn products(program: &mut Program, e: Expr) -> bool {
    if program.count_terms(e) > MOST_TERMS {
        return false;
    }
    let terms = program.expand(e);
    let is_element = |e: &Expr| matches!(program.arena[*e], Node::Access(..));
    let is_sum = |e: &Expr| matches!(program.arena[*e], Node::Sum(..));
    terms.iter().all(|t| {
        let plain = !t.deltas.is_empty() || t.factors.len() > 1 && t.factors.iter().all(is_element);
        plain && t.sums.is_empty() && t.guards.is_empty() && !program.arena.reachable(t.factors.iter().copied()).iter().any(is_sum)
    })
}

/// What has been found so far.
#[derive(Default)]
struct Made {
    known: Known,
    /// The definitions that the one at hand reads.
    definitions: Vec<Definition>,
    /// The tensors that are products.
    products: Map<Tensor, (Vec<Index>, Expr)>,
}

impl Made {
    /// The same value for fewer rounds. `around` are the indices of the sums around it, where nothing is taken out of these: in
    /// a scalar.
    fn cheaper(&mut self, program: &mut Program, root: Expr, around: Option<&[Index]>) -> Expr {
        let mut new: Map<Expr, Expr> = Map::default();
        for s in program.arena.outside_sums([root]) {
            let Node::Sum(length, body) = program.arena[s].clone() else { continue };
            let rounds = rounds(program, s, around);
            let alternatives = [s, self.by_products(program, s)].into_iter().flat_map(|e| [(e, false), (e, true)]);
            let found = alternatives.filter_map(|(e, apart)| contractions(program, e, apart));
            let best = found.min_by(|(_, a), (_, b)| a.total_cmp(b)).filter(|(_, cost)| cost * GAIN <= rounds);
            let built = match best {
                Some((contractions, _)) => self.sum(program, contractions),
                None => {
                    let i = program.index(length);
                    let body = program.arena.open(body, &[Affine::from(i)]);
                    let inner: Option<Vec<Index>> = around.map(|all| [all, &[i]].concat());
                    let body = self.cheaper(program, body, inner.as_deref());
                    program.sum_over(i, body)
                }
            };
            if built != s {
                new.insert(s, built);
            }
        }
        program.arena.replace(root, &new)
    }

    /// The expression with products in the place of the tensors that are products.
    fn by_products(&self, program: &mut Program, e: Expr) -> Expr {
        let mut e = e;
        loop {
            let read = program.arena.map(&[e], |arena, old, node| match &node {
                Node::Access(t, at) => match self.products.get(t) {
                    Some((indices, product)) => arena.substitute(*product, &placed(indices, at)),
                    None => old,
                },
                same if arena[old] == *same => old,
                _ => arena.insert(node),
            })[0];
            if std::mem::replace(&mut e, read) == read {
                return e;
            }
        }
    }

    /// The sum of terms, each summed in its order.
    fn sum(&mut self, program: &mut Program, contractions: Vec<Contraction>) -> Expr {
        let mut sum = program.arena.constant(0);
        for contraction in contractions {
            let term = self.product(program, contraction);
            sum = program.arena.add(sum, term);
        }
        sum
    }

    fn product(&mut self, program: &mut Program, contraction: Contraction) -> Expr {
        let Contraction { coefficient, mut factors, order, free } = contraction;
        for (k, i) in order.iter().enumerate() {
            let (own, rest): (Vec<Expr>, Vec<Expr>) = factors.into_iter().partition(|e| program.arena.mentions(*e, *i));
            let mut term = Term { factors: own, ..Term::default() };
            term.sum_over(program, &[*i]);
            let mut value = term.to_expr(program);
            let own: Vec<Index> = program.arena.free_indices(value).to_vec();
            let next = order[k + 1..].iter().find(|i| own.contains(i));
            let loops: Vec<Index> = match next {
                Some(i) => {
                    rest.iter().filter(|e| program.arena.mentions(**e, *i)).flat_map(|e| program.arena.free_indices(*e)).copied().collect()
                }
                None => free.clone(),
            };
            // within more loops it would be summed again and again
            let again = loops.iter().any(|i| !own.contains(i)) && matches!(program.arena[value], Node::Sum(..));
            if again && may_stand(program, value, &Facts::inside(program, &own)) {
                value = self.defined(program, value, own);
            }
            factors = rest;
            factors.push(value);
        }
        let coefficient = program.arena.insert(Node::Const(coefficient));
        factors.into_iter().fold(coefficient, |product, e| program.arena.mul(product, e))
    }

    /// The access to a definition of the value over the indices.
    fn defined(&mut self, program: &mut Program, value: Expr, indices: Vec<Index>) -> Expr {
        if let Some(access) = self.known.find(program, value, &indices, |_| true) {
            return access;
        }
        let fresh: Vec<Index> = indices.iter().map(|i| program.index(program.length(*i).clone())).collect();
        let shape = indices.iter().map(|i| program.length(*i).clone()).collect();
        let tensor = program.tensor("part", shape, Role::Defined);
        let body = program.arena.substitute(value, &placed(&indices, &affines(&fresh)));
        self.known.insert(program, tensor, &fresh, body);
        self.definitions.push(Definition { tensor, body: Body::Each(fresh, body) });
        program.arena.insert(Node::Access(tensor, affines(&indices)))
    }
}

/// A product to be summed over its indices in an order.
struct Contraction {
    coefficient: Constant,
    factors: Vec<Expr>,
    /// The indices of the sums, the one first that is summed over first.
    order: Vec<Index>,
    /// The indices that are left.
    free: Vec<Index>,
}

/// The terms of an expression, each in its best order, and the rounds of their loops; `None` if there are too many of them or
/// they are not made of numbers alone. What is added up in a factor may be taken `apart`, too.
fn contractions(program: &mut Program, e: Expr, apart: bool) -> Option<(Vec<Contraction>, f64)> {
    let terms = match apart {
        true => program.multiply_out(e, MOST_TERMS)?,
        false => (program.count_terms(e) <= MOST_TERMS).then(|| program.expand(e))?,
    };
    let terms = program.collect(terms);
    let contractions: Vec<(Contraction, f64)> = terms.into_iter().map(|term| contraction(program, term)).collect::<Option<_>>()?;
    let rounds = contractions.iter().map(|(_, rounds)| rounds).sum();
    Some((contractions.into_iter().map(|(contraction, _)| contraction).collect(), rounds))
}

fn contraction(program: &mut Program, mut term: Term) -> Option<(Contraction, f64)> {
    let is_small = term.sums.len() <= MOST_SUMS && term.factors.len() <= MOST_FACTORS;
    (is_small && term.deltas.is_empty() && term.guards.is_empty()).then_some(())?;
    let sums = term.name_sums(program);
    let factors = term.factors;
    factors.iter().all(|e| may_move(program, *e, &sums)).then_some(())?;
    let all: Set<Index> = factors.iter().flat_map(|e| program.arena.free_indices(*e)).chain(&sums).copied().collect();
    let free: Vec<Index> = all.iter().copied().filter(|i| !sums.contains(i)).collect();
    let lengths: Vec<f64> = all.iter().map(|i| length(program, *i)).collect();
    (all.len() <= u32::BITS as usize).then_some(())?;
    let set = |is_in: &dyn Fn(Index) -> bool| (0..all.len()).filter(|k| is_in(all[*k])).fold(0_u32, |set, k| set | 1 << k);
    let sets: Vec<u32> = factors.iter().map(|e| set(&|i| program.arena.mentions(*e, i))).collect();
    let (rounds, order) = best_order(set(&|i| sums.contains(&i)), &sets, &lengths);
    let order = order.into_iter().map(|k| all[k]).collect();
    Some((Contraction { coefficient: term.coefficient, factors, order, free }, rounds))
}

/// Whether a factor may be evaluated outside the sums that it does not depend on.
fn may_move(program: &Program, e: Expr, sums: &[Index]) -> bool {
    let own = program.arena.free_indices(e);
    // where it is evaluated at all, these sums have terms
    let runs = |i: &Index| own.iter().any(|k| program.length(*k) == program.length(*i));
    let partial = program.arena.is_partial(e) && !sums.iter().all(|i| own.contains(i) || runs(i));
    !partial && may_stand(program, e, &Facts::inside(program, own))
}

/// In which order to sum over the indices in the set `left`, given those of each factor, and the rounds that it takes.
fn best_order(left: u32, factors: &[u32], lengths: &[f64]) -> (f64, Vec<usize>) {
    let mut best = (if left == 0 { 0.0 } else { f64::INFINITY }, Vec::new());
    for k in (0..lengths.len()).filter(|k| left & 1 << k != 0) {
        let (with, mut rest): (Vec<u32>, Vec<u32>) = factors.iter().partition(|f| *f & 1 << k != 0);
        let loops = with.into_iter().fold(1 << k, |all, f| all | f);
        rest.push(loops & !(1 << k));
        let rounds: f64 = (0..lengths.len()).filter(|i| loops & 1 << i != 0).map(|i| lengths[i]).product();
        let (more, order) = best_order(left & !(1 << k), &rest, lengths);
        if rounds + more < best.0 {
            best = (rounds + more, std::iter::once(k).chain(order).collect());
        }
    }
    best
}

/// The rounds of the loops of a sum and the sums in it, each within the loops that it depends on, and within those
/// `around` it if it is not taken out of these.
fn rounds(program: &mut Program, s: Expr, around: Option<&[Index]>) -> f64 {
    let Node::Sum(n, body) = program.arena[s].clone() else { return 0.0 };
    let i = program.index(n);
    let body = program.arena.open(body, &[Affine::from(i)]);
    let free = program.arena.free_indices(body).iter();
    let loops: Set<Index> = free.chain(around.unwrap_or_default()).chain([&i]).copied().collect();
    let own: f64 = loops.iter().map(|i| length(program, *i)).product();
    let inner: Option<Vec<Index>> = around.map(|all| [all, &[i]].concat());
    own + program.arena.outside_sums([body]).into_iter().map(|s| rounds(program, s, inner.as_deref())).sum::<f64>()
}

fn length(program: &Program, i: Index) -> f64 {
    program.length(i).known().map_or(LENGTH, |n| n.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{parse, verify};

    fn contracted(text: &str) -> String {
        let mut program = parse(text).unwrap();
        contract(&mut program);
        assert_eq!(verify(&program), Ok(()));
        program.to_text()
    }

    #[test]
    fn three_matrices_are_two_products() {
        let head = "fn f(a: [n, n], b: [n, n], c: [n, n]) wrt a -> y\n";
        let text = contracted(&format!("{head}y[i: n, j: n] = sum[k: n](sum[l: n](a[i, k] * (b[k, l] * c[l, j])))\n"));
        let expected = "part[i: n, j: n] = sum[k: n](c[k, i] * b[j, k])\ny[i: n, j: n] = sum[k: n](a[i, k] * part[j, k])\n";
        assert_eq!(text, format!("{head}{expected}"));
    }

    #[test]
    fn a_product_is_read_where_its_factors_are_summed_apart() {
        let head = "fn f(a: [n, n], x: [n, n]) wrt a -> y\n";
        let text = contracted(&format!(
            "{head}t[i: n, j: n, k: n] = x[j, i] * x[k, i]\ny[i: n, j: n] = sum[k: n](sum[l: n](a[j, k] * t[i, k, l]))\n"
        ));
        assert!(!text.contains("t[i: n, j: n, k: n]"), "{text}");
        assert!(text.contains("part[i: n] = sum[j: n](x[j, i])"), "{text}");
    }

    #[test]
    fn sums_in_a_good_order_stay() {
        let head = "fn f(a: [n, n], x: [n]) wrt x -> y\n";
        for body in ["sum[j: n](a[i, j] * x[j])", "sum[j: n](exp(a[i, j] * x[j]))"] {
            let text = format!("{head}y[i: n] = {body}\n");
            assert_eq!(contracted(&text), text);
        }
    }

    #[test]
    fn what_may_be_no_number_is_not_computed_where_nothing_is_summed() {
        let text = "fn f(a: [n], x: [m]) wrt a -> y\ny[i: m] = sum[j: n](a[j] * (1 / x[i]) * a[0])\n";
        assert_eq!(contracted(text), text);
    }
}
