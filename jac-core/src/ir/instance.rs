//! Expressions that are another at other positions.

use super::{Affine, Expr, Index, Map, Node, Program, Set, Symbol};

impl Program {
    /// The positions at which `e` is what `part` is over the indices `free`.
    pub fn instance(&self, part: Expr, free: &[Index], e: Expr) -> Option<Vec<Affine>> {
        let mut matching = Matching {
            program: self,
            positions: free.iter().map(|i| (*i, None)).collect(),
            bound: Map::default(),
            safe: Set::default(),
            same: Set::default(),
        };
        if !matching.expressions(part, e) {
            return None;
        }
        let inner: Vec<&Affine> = matching.bound.values().collect();
        let known = |(i, position): (&Index, &Option<Affine>)| {
            let position = position.clone()?;
            let outside = position.loose() == 0 && position.indices().all(|j| !inner.iter().any(|a| a.as_index() == Some(j)));
            let same_range = position.as_index().is_some_and(|j| self.length(j) == self.length(*i));
            (outside && (same_range || matching.safe.contains(i))).then_some(position)
        };
        matching.positions.iter().map(known).collect()
    }
}

struct Matching<'a> {
    program: &'a Program,
    positions: Map<Index, Option<Affine>>,
    bound: Map<Index, Affine>,
    /// The indices that range over an axis of what is read: what the other reads there exists.
    safe: Set<Index>,
    same: Set<(Expr, Expr)>,
}

impl Matching<'_> {
    fn expressions(&mut self, a: Expr, b: Expr) -> bool {
        let arena = &self.program.arena;
        let mut waiting = vec![(a, b)];
        while let Some((a, b)) = waiting.pop() {
            if !self.same.insert((a, b)) {
                continue;
            }
            let same = match (&arena[a], &arena[b]) {
                (Node::Access(t, at), Node::Access(u, other)) => {
                    let axes = at.iter().zip(&self.program.info(*t).shape);
                    self.safe.extend(axes.filter_map(|(a, n)| a.as_index().filter(|i| self.program.length(*i) == n)));
                    t == u && at.iter().zip(other).all(|(a, b)| self.affine(a, b))
                }
                (Node::Integer(a), Node::Integer(b)) => self.affine(a, b),
                (Node::Named(i, _), Node::Named(j, _)) => {
                    self.bound.insert(*i, Affine::from(*j));
                    self.program.length(*i) == self.program.length(*j)
                }
                (Node::Sum(n, _), Node::Sum(m, _)) => self.affine(n, m),
                (Node::Apply(op, _), Node::Apply(other, _)) => op == other,
                (a, b) => a == b,
            };
            if !same {
                return false;
            }
            waiting.extend(arena[a].children().iter().copied().zip(arena[b].children().iter().copied()));
        }
        true
    }

    /// Finds where the part's index is that is not known yet.
    fn affine(&mut self, a: &Affine, b: &Affine) -> bool {
        let unknown: Vec<Index> = a.indices().filter(|i| matches!(self.positions.get(i), Some(None))).collect();
        if let [i] = *unknown.as_slice() {
            let factor = a.coefficient(Symbol::Index(i));
            let rest = self.placed(&a.plus(&Affine::from(i), -factor));
            if factor.abs() == 1 {
                self.positions.insert(i, Some(b.plus(&rest, -1).times(factor)));
            }
        }
        self.placed(a) == *b
    }

    fn placed(&self, a: &Affine) -> Affine {
        a.substitute(|s| match s {
            Symbol::Index(i) => self.positions.get(&i).cloned().flatten().or_else(|| self.bound.get(&i).cloned()),
            Symbol::Bound(_) | Symbol::Size(_) => None,
        })
    }
}
