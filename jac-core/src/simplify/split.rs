//! Sums come apart where their parts depend on less than they do together: `Σ_j (a[j] + x[i]·b[j])` is `Σ_j a[j] + x[i]·Σ_j b[j]`,
//! two numbers in the place of one for each `i`.

use crate::ir::{Affine, Expr, Index, Map, Node, Program, Set, Term};

/// Sums of more products stay as they are.
const MOST_TERMS: usize = 8;

/// Takes apart every sum, where that leaves no part that depends on as much.
pub fn split(program: &mut Program) {
    let mut roots = program.roots();
    for root in &mut roots {
        let mut apart: Map<Expr, Expr> = Map::default();
        for s in program.arena.outside_sums([*root]) {
            if let Some(parts) = parts(program, s) {
                apart.insert(s, parts);
            }
        }
        *root = program.arena.replace(*root, &apart);
    }
    program.set_roots(&roots);
}

/// The sum of the parts of a sum.
fn parts(program: &mut Program, s: Expr) -> Option<Expr> {
    let Node::Sum(length, body) = program.arena[s].clone() else { return None };
    if program.arena.free_indices(s).is_empty() {
        return None;
    }
    let k = program.index(length);
    let body = program.arena.open(body, &[Affine::from(k)]);
    let terms = program.multiply_out(body, MOST_TERMS)?;
    let is_plain = |t: &Term| t.sums.is_empty() && t.deltas.is_empty() && t.guards.is_empty();
    if terms.len() < 2 || !terms.iter().all(is_plain) {
        return None;
    }
    // what does not depend on the index of the sum stands outside
    let mut groups: Map<Vec<Expr>, Vec<Term>> = Map::default();
    for mut term in terms {
        let (inner, mut outer): (Vec<Expr>, Vec<Expr>) = term.factors.iter().partition(|e| program.arena.mentions(**e, k));
        outer.sort_unstable();
        term.factors = inner;
        groups.entry(outer).or_default().push(term);
    }
    let shared: Vec<Expr> = groups.keys().next()?.iter().copied().filter(|e| groups.keys().all(|outer| outer.contains(e))).collect();
    let of = |e: &Expr| program.arena.free_indices(*e).to_vec();
    let inner = |terms: &[Term]| -> Set<Index> { terms.iter().flat_map(|t| t.factors.iter().flat_map(of)).filter(|i| *i != k).collect() };
    let together: Set<Index> =
        groups.iter().flat_map(|(outer, terms)| outer.iter().filter(|e| !shared.contains(e)).flat_map(of).chain(inner(terms))).collect();
    if !groups.values().all(|terms| inner(terms).len() < together.len()) {
        return None;
    }
    let mut sum = program.arena.constant(0);
    for (outer, terms) in groups {
        let inner = program.sum(&terms);
        let part = program.sum_over(k, inner);
        let part = outer.into_iter().fold(part, |product, e| program.arena.mul(product, e));
        sum = program.arena.add(sum, part);
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::parse;

    fn after(text: &str) -> String {
        let mut program = parse(text).unwrap();
        split(&mut program);
        program.to_text()
    }

    #[test]
    fn sums_come_apart_where_no_part_depends_on_as_much() {
        let head = "fn f(x: [n], a: [n], b: [n, n]) wrt x -> y\n";
        let mixed = after(&format!("{head}y[i: n] = sum[j: n](exp(a[j]) * (2 + x[i] * a[j]))\n"));
        assert_eq!(mixed, format!("{head}y[i: n] = sum[j: n](2 * exp(a[j])) + sum[j: n](exp(a[j]) * a[j]) * x[i]\n"));
        // one that has to be summed for each element anyway stays whole
        for whole in ["y[i: n] = sum[j: n](b[i, j] + x[i] * a[j])\n", "y[i: n] = sum[j: n](x[i] * (a[j] + a[j] * a[j]))\n"] {
            assert_eq!(after(&format!("{head}{whole}")), format!("{head}{whole}"));
        }
    }
}
