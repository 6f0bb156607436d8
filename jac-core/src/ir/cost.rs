//! What code costs: the one model that every pass asks.
//!
//! Two numbers, both in half cycles, the reciprocal throughput of an addition. `work` is how long
//! the operations keep a core busy, `chain` how long the longest chain of operations, each waiting
//! for the one before, takes to be ready. A core overlaps the two, so the time lies between the
//! larger and the sum. Throughput and latency of an operator stand in its entry in the table.

use super::expr::{Arena, Expr, Map, Set};
use super::program::Program;
use crate::ops::Op;

/// A sine beside a cosine of the same argument comes from one `sin_cos`.
const SECOND_OF_SIN_COS: u64 = 5;

/// The cost of computing some expressions together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cost {
    /// Operations, each by its reciprocal throughput, shared ones once.
    pub work: u64,
    /// The latency of the longest chain.
    pub chain: u64,
}

impl Cost {
    /// The predicted time, in eighths of a cycle.
    pub fn time(self) -> u64 {
        4 * self.work + self.chain
    }
}

impl Arena {
    /// The cost of the roots, computed together.
    pub fn cost(&self, roots: impl IntoIterator<Item = Expr>) -> Cost {
        let order = self.reachable(roots);
        let sines: Set<Expr> =
            order.iter().filter_map(|e| self.as_apply(*e)).filter(|(op, _)| *op == Op::Sin).map(|(_, args)| args[0]).collect();
        let mut cost = Cost::default();
        let mut ready: Map<Expr, u64> = Map::default();
        for e in order {
            let operands = self[e].children().iter().map(|c| ready[c]).max().unwrap_or(0);
            let mut at = operands;
            if let Some((op, args)) = self.as_apply(e) {
                let entry = op.entry();
                cost.work += if op == Op::Cos && sines.contains(&args[0]) { SECOND_OF_SIN_COS } else { u64::from(entry.cost) };
                at += u64::from(entry.latency());
            }
            cost.chain = cost.chain.max(at);
            ready.insert(e, at);
        }
        cost
    }
}

impl Program {
    /// The cost of all definitions.
    pub fn cost(&self) -> Cost {
        self.arena.cost(self.roots())
    }
}
