//! Axis lengths found equal: unification of affine expressions.

use crate::ir::{Affine, Map, Set, Size, Symbol};

/// What is known of the lengths of a function's arrays.
#[derive(Clone, Debug, Default)]
pub struct Lengths {
    flexible: Set<Size>,
    solved: Map<Size, Affine>,
}

impl Lengths {
    /// Declares a length that the user did not name, so that it may turn out equal to others.
    pub fn flexible(&mut self, size: Size) {
        self.flexible.insert(size);
    }

    /// The expression with all that is known put in.
    pub fn resolve(&self, a: &Affine) -> Affine {
        let mut out = a.clone();
        loop {
            let next = out.substitute(|s| match s {
                Symbol::Size(n) => self.solved.get(&n).cloned(),
                Symbol::Index(_) | Symbol::Bound(_) => None,
            });
            if next == out {
                return out;
            }
            out = next;
        }
    }

    /// Makes two lengths equal; false if they cannot be.
    pub fn unify(&mut self, a: &Affine, b: &Affine) -> bool {
        let difference = self.resolve(a).plus(&self.resolve(b), -1);
        if let Some(known) = difference.known() {
            return known == 0;
        }
        // the youngest free length gives way, so that results are named after first uses
        let free = difference.terms().iter().rev().find_map(|(s, _)| match s {
            Symbol::Size(n) if self.flexible.contains(n) => difference.solve_for(*s).map(|value| (*n, value)),
            _ => None,
        });
        match free {
            Some((size, value)) => {
                self.solved.insert(size, value);
                true
            }
            None => false,
        }
    }
}
