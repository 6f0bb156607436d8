//! Simplification: the same values for fewer operations.
//!
//! Before and after: a program that verifies, with the same outputs and blocks. A rewrite may
//! widen the domain of definition (`x·y/y → x`), never narrow it. Every stage works on the dense
//! scalar expressions of all definitions together, so that what they share stays shared, and is
//! kept only if it did not make them dearer, nor any of them less accurate, at sample points of all magnitudes
//! ([`accuracy`]). Nothing here depends on a clock or on hash order.
//!
//! - [`separate`] takes apart products over unrelated indices, once, before the others;
//! - `split` takes apart sums whose parts depend on less than they do together;
//! - `contract` sums products in the order that takes the fewest operations, once;
//! - [`sums`] makes leaves of sums until the others are done;
//! - [`gvn`] finds equal values by fingerprint;
//! - [`factor`] extracts common products and sums;
//! - [`resubstitute`] computes a value from two others that are there anyway;
//! - [`egraph`] rewrites windows of a few dozen operations under the rules of the operator table;
//! - [`constants`] joins the constant factors that the others have brought together, at the end;
//! - `vanish` leaves out states of loops that stay 0.

pub mod accuracy;
pub mod constants;
mod contract;
pub mod egraph;
pub mod factor;
mod functions;
pub mod gvn;
pub mod resubstitute;
pub mod separate;
mod split;
pub mod sums;
mod vanish;

use crate::effort::Effort;
use crate::ir::{Expr, Node, Program, Set};
use accuracy::Evidence;
use factor::Variant;
use sums::Leaves;

/// What simplification did, for the header of the generated code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Operations before.
    pub before: usize,
    /// Operations after.
    pub after: usize,
}

/// What an effort amounts to.
struct Budget {
    /// Ways to flatten.
    variants: &'static [Variant],
    /// Pairs of values that resubstitution looks at.
    pairs: usize,
    /// E-nodes.
    nodes: usize,
    /// How often the last stages are repeated.
    rounds: usize,
}

/// The ways to flatten, the one that is best most often first.
const VARIANTS: [Variant; 4] = [
    Variant { through_products: true, expand: true },
    Variant { through_products: false, expand: true },
    Variant { through_products: true, expand: false },
    Variant { through_products: false, expand: false },
];

impl Budget {
    fn of(effort: Effort) -> Budget {
        match effort {
            Effort::Low => Budget { variants: &VARIANTS[..1], pairs: 0, nodes: 0, rounds: 0 },
            Effort::Default => Budget { variants: &VARIANTS[..2], pairs: 400_000, nodes: 1_600, rounds: 1 },
            Effort::High => Budget { variants: &VARIANTS, pairs: 10_000_000, nodes: 30_000, rounds: 6 },
        }
    }
}

/// For programs that cost more, all orders of the stages are tried at high effort only.
const FEW: u64 = 1_400;

/// Simplifies all definitions.
pub fn simplify(program: &mut Program, effort: Effort) -> Report {
    program.prune();
    let before = program.operations();
    if program.strict {
        return Report { before, after: before };
    }
    separate::separate(program);
    split::split(program);
    contract::contract(program);
    program.settle_conditions();
    let dense = dense_roots(program);
    let sums = Leaves::new(program, &dense);
    let roots = sums.take(program, &dense);
    let budget = Budget::of(effort);
    // no order of the stages is always best
    let evidence = &mut Evidence::new(program, &roots);
    let mut best = Candidate::new(program, roots.clone());
    best.try_stage(program, evidence, gvn::number);
    let orders: &[bool] = if best.price > FEW && effort != Effort::High { &[false] } else { &[true, false] };
    for variant in budget.variants {
        for numbered_first in orders {
            let mut candidate = Candidate::new(program, roots.clone());
            if *numbered_first {
                candidate.try_stage(program, evidence, gvn::number);
            }
            candidate.try_stage(program, evidence, |p, r| factor::factor(p, r, *variant));
            candidate.try_stage(program, evidence, gvn::number);
            if !*numbered_first && effort != Effort::Low {
                candidate.try_stage(program, evidence, |p, r| factor::factor(p, r, *variant));
            }
            best = best.cheaper(candidate);
        }
    }
    for _ in 0..budget.rounds {
        let before = best.price;
        best.try_stage(program, evidence, |p, r| resubstitute::resubstitute(p, r, budget.pairs));
        best.try_stage(program, evidence, |p, r| egraph::rewrite(p, r, budget.nodes));
        for variant in budget.variants {
            best.try_stage(program, evidence, |p, r| factor::factor(p, r, *variant));
        }
        if best.price == before {
            break;
        }
    }
    best.try_stage(program, evidence, constants::join);
    sums.put_back(program, &dense, &best.roots);
    vanish::vanish(program);
    program.prune();
    Report { before, after: program.operations() }
}

/// What a program costs once the first stages have simplified it: to choose among derivatives.
pub fn estimate(program: &Program) -> u64 {
    let mut program = program.clone();
    let dense = dense_roots(&program);
    let roots = Leaves::new(&mut program, &dense).take(&mut program, &dense);
    let mut candidate = Candidate::new(&program, roots);
    candidate.keep_cheaper(&mut program, gvn::number);
    candidate.keep_cheaper(&mut program, |p, r| factor::factor(p, r, VARIANTS[0]));
    candidate.price
}

/// Expressions with the values of the roots, and what they cost.
struct Candidate {
    roots: Vec<Expr>,
    price: u64,
}

impl Candidate {
    fn new(program: &Program, roots: Vec<Expr>) -> Self {
        let price = program.arena.cost(roots.iter().copied()).time();
        Candidate { roots, price }
    }

    /// Runs a stage, and keeps the result where it does not cost more.
    fn keep_cheaper(&mut self, program: &mut Program, stage: impl FnOnce(&mut Program, &[Expr]) -> Vec<Expr>) {
        let roots = stage(program, &self.roots);
        let result = Candidate::new(program, roots);
        if result.price <= self.price {
            *self = result;
        }
    }

    /// The same, and only where no digits or range are lost: a root that would lose some stays as it was.
    fn try_stage(&mut self, program: &mut Program, evidence: &mut Evidence, stage: impl FnOnce(&mut Program, &[Expr]) -> Vec<Expr>) {
        let roots = stage(program, &self.roots);
        let mut result = Candidate::new(program, roots);
        if result.price > self.price || result.roots == self.roots {
            return;
        }
        let worse = evidence.worse(program, &result.roots);
        if !worse.is_empty() {
            worse.into_iter().for_each(|k| result.roots[k] = self.roots[k]);
            result = Candidate::new(program, result.roots);
        }
        if result.price <= self.price {
            *self = result;
        }
    }

    fn cheaper(self, other: Candidate) -> Candidate {
        if other.price < self.price {
            other
        } else {
            self
        }
    }
}

/// The largest expressions without a delta in them, or a bracket outside the sums in them, and without a sum around them:
/// the scalar arithmetic.
fn dense_roots(program: &Program) -> Vec<Expr> {
    let arena = &program.arena;
    let roots = program.roots();
    let mut structured: Set<Expr> = Set::default();
    let mut dense: Set<Expr> = Set::default();
    let order = arena.reachable(roots.iter().copied());
    let deltas = program.holding_deltas(&order);
    for &e in &order {
        let is_structured = match &arena[e] {
            Node::Delta(..) | Node::Bracket(_) => true,
            Node::Sum(..) => deltas.contains(&e),
            node => node.children().iter().any(|c| structured.contains(c)),
        };
        if is_structured {
            structured.insert(e);
        }
    }
    for e in order {
        if structured.contains(&e) || matches!(arena[e], Node::Sum(..)) {
            dense.extend(arena[e].children().iter().copied().filter(|c| !structured.contains(c)));
        }
    }
    dense.extend(roots.into_iter().filter(|e| !structured.contains(e)));
    dense.into_iter().collect()
}
