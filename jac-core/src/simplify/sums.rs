//! Sums as numbers: while scalar arithmetic is simplified, each sum in it is an element of a tensor that nothing defines.
//!
//! The stages never look into a leaf, so what is around a sum is simplified as if the sum were a parameter; what is
//! inside one is an expression of its own.

use crate::ir::{Affine, Expr, Map, Node, Program, Role};

/// The leaves that stand for sums.
pub struct Leaves {
    of: Map<Expr, Expr>,
    tensors: usize,
}

impl Leaves {
    /// A leaf for every sum in these expressions: at the indices that the sum depends on.
    pub fn new(program: &mut Program, roots: &[Expr]) -> Leaves {
        let tensors = program.tensors.len();
        let mut of: Map<Expr, Expr> = Map::default();
        for e in program.arena.reachable(roots.iter().copied()) {
            if let Node::Sum(..) = program.arena[e] {
                let at: Vec<Affine> = program.arena.symbols(e).into_iter().map(Affine::from).collect();
                let shape = vec![Affine::default(); at.len()];
                let tensor = program.tensor("sum", shape, Role::Defined);
                of.insert(e, program.arena.insert(Node::Access(tensor, at)));
            }
        }
        Leaves { of, tensors }
    }

    /// Expressions with leaves for their sums.
    pub fn take(&self, program: &mut Program, roots: &[Expr]) -> Vec<Expr> {
        program.arena.replace_all(roots, &self.of)
    }

    /// Puts `new[k]`, which holds leaves, in the place of `old[k]` in every definition, and sums in the place of leaves.
    pub fn put_back(self, program: &mut Program, old: &[Expr], new: &[Expr]) {
        let replacement: Map<Expr, Expr> = old.iter().copied().zip(new.iter().copied()).collect();
        let mut sums: Map<Expr, Expr> = Map::default();
        let roots = program.roots();
        let mut built = program.arena.map(&roots, |arena, e, node| {
            let built = if arena[e] == node { e } else { arena.insert(node) };
            if let Some(leaf) = self.of.get(&e) {
                sums.insert(*leaf, built);
            }
            replacement.get(&e).copied().unwrap_or(built)
        });
        // a sum that is put back may hold leaves of others
        while !sums.is_empty() && program.arena.reachable(built.iter().copied()).iter().any(|e| sums.contains_key(e)) {
            built = program.arena.replace_all(&built, &sums);
        }
        program.set_roots(&built);
        program.tensors.truncate(self.tensors);
    }
}
