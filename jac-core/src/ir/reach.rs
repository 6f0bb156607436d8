//! What rounds of a loop have not reached yet.
//!
//! The derivative of a state by what a round reads of an input is carried: `d[i + 1, j] = … d[i, j] + δ(i, j)·…`. So before round
//! `i` it is a structural zero at all `j` of later rounds, which no delta says any more where `d` is read.

use super::{units, Affine, Body, Definition, Expr, Index, Map, Node, Program, Symbol, Tensor};
use crate::ops::Op;

/// The positions along an axis of a state that rounds `r` reach: `sign·r + rest`.
#[derive(Clone, Debug)]
pub struct Reach {
    /// The axis, the first one being that of the rounds.
    pub axis: usize,
    /// 1 or −1.
    pub sign: i64,
    /// A position that no round changes.
    pub rest: Affine,
}

impl Reach {
    /// The first position that no round before this one reaches.
    pub fn end(&self, round: &Affine) -> Affine {
        self.rest.plus(round, self.sign)
    }
}

/// The states that are zero beyond some position at first, and in each round reach one more along an axis.
pub fn reached(program: &Program) -> Map<Tensor, Reach> {
    let mut found = Map::default();
    for unit in units(&program.definitions) {
        let Some(over) = unit[0].body.over() else { continue };
        let mut states = Loop { program, over, sign: None, reached: Map::default() };
        let axes: Vec<(&Definition, usize)> =
            unit.iter().flat_map(|d| (0..program.info(d.tensor).shape.len() - 1).map(move |k| (d, k))).collect();
        // what is read is passed on a round later: nothing changes more often than there are states in between
        let mut is_settled = false;
        for _ in 0..=axes.len() {
            let before = states.reached.clone();
            for (d, k) in &axes {
                let own = states.of(d, *k);
                states.reached.insert((d.tensor, *k), own);
            }
            is_settled = states.reached == before;
            if is_settled {
                break;
            }
        }
        for ((t, k), place) in std::mem::take(&mut states.reached) {
            if let (Where::UpTo(rest), Some(sign), true) = (place, states.sign, is_settled) {
                found.entry(t).or_insert(Reach { axis: k + 1, sign, rest });
            }
        }
    }
    found
}

/// Where an expression may be other than zero along an axis, before a round.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Where {
    Nowhere,
    /// At the positions that the rounds before reach, as of [`Reach`].
    UpTo(Affine),
    Everywhere,
}

/// The states of a loop.
struct Loop<'p> {
    program: &'p Program,
    over: Index,
    /// In which direction the rounds go along the axis.
    sign: Option<i64>,
    /// Where the states are other than zero along each of their axes, as far as it is known.
    reached: Map<(Tensor, usize), Where>,
}

impl Loop<'_> {
    /// Where a state is other than zero along an axis.
    fn of(&mut self, definition: &Definition, axis: usize) -> Where {
        let Body::Recurrence { indices, parts: [first, next], .. } = &definition.body else { return Where::Everywhere };
        let after = self.of_value(*next, indices[axis], false);
        let before = self.of_value(*first, indices[axis], true);
        self.wider(&before, &after)
    }

    /// Where a value is, before all rounds (`is_first`) or after one.
    fn of_value(&mut self, value: Expr, own: Index, is_first: bool) -> Where {
        let arena = &self.program.arena;
        let mut found: Map<Expr, Where> = Map::default();
        for e in arena.reachable([value]) {
            let now = match &arena[e] {
                Node::Const(c) if c.is_zero() => Where::Nowhere,
                Node::Delta(a, b) => self.at(own, a, b, is_first),
                Node::Bracket(c) => arena.equal_positions(*c).map_or(Where::Everywhere, |(a, b)| self.at(own, &a, &b, is_first)),
                Node::Access(t, at) => self.read(own, *t, at),
                Node::Sum(_, body) | Node::Named(_, body) => found[body].clone(),
                Node::Apply(Op::Mul, args) => self.tighter(&found[&args[0]], &found[&args[1]]),
                Node::Apply(Op::Div, args) => found[&args[0]].clone(),
                Node::Apply(Op::Select, args) => self.wider(&found[&args[1]], &found[&args[2]]),
                Node::Apply(Op::Add | Op::Sub, args) => self.wider(&found[&args[0]], &found[&args[1]]),
                Node::Apply(Op::Neg, args) => found[&args[0]].clone(),
                Node::Const(_) | Node::Integer(_) | Node::Apply(..) => Where::Everywhere,
            };
            found.insert(e, now);
        }
        found.swap_remove(&value).unwrap_or(Where::Everywhere)
    }

    /// Where two positions are equal.
    fn at(&mut self, own: Index, a: &Affine, b: &Affine, is_first: bool) -> Where {
        let Some(position) = a.plus(b, -1).solve_for(Symbol::Index(own)) else { return Where::Everywhere };
        if let (true, Some(sign), false) = (is_first, self.sign, position.is_indexed()) {
            return Where::UpTo(position.plus(&Affine::from(sign), 1));
        }
        let sign = position.coefficient(Symbol::Index(self.over));
        let rest = position.plus(&Affine::from(self.over), -sign);
        if sign.abs() != 1 || rest.is_indexed() || *self.sign.get_or_insert(sign) != sign {
            return Where::Everywhere;
        }
        Where::UpTo(rest)
    }

    /// Where what is read of a tensor is other than zero.
    fn read(&self, own: Index, t: Tensor, at: &[Affine]) -> Where {
        let now = Affine::from(self.over);
        let later = match at.first() {
            Some(round) if *round == now => 1,
            Some(round) if *round == now.after() => 0,
            _ => return Where::Everywhere,
        };
        let axes = (1..at.len()).filter(|k| at[*k].as_index() == Some(own));
        let along = axes.map(|k| match self.reached.get(&(t, k - 1)) {
            Some(Where::UpTo(rest)) => Where::UpTo(rest.plus(&Affine::from(later * self.sign.unwrap_or_default()), -1)),
            Some(known) => known.clone(),
            // what is not a state is anywhere, and a state nowhere before it is seen
            None if self.program.definition(t).is_some_and(|d| d.body.over() == Some(self.over)) => Where::Nowhere,
            None => Where::Everywhere,
        });
        along.reduce(|a, b| self.tighter(&a, &b)).unwrap_or(Where::Everywhere)
    }

    /// Where either is other than zero.
    fn wider(&self, a: &Where, b: &Where) -> Where {
        match (a, b) {
            (Where::Nowhere, other) | (other, Where::Nowhere) => other.clone(),
            (Where::UpTo(a), Where::UpTo(b)) => match self.further(a, b) {
                Some(further) => Where::UpTo(if further { a.clone() } else { b.clone() }),
                None => Where::Everywhere,
            },
            _ => Where::Everywhere,
        }
    }

    /// Where both are other than zero.
    fn tighter(&self, a: &Where, b: &Where) -> Where {
        match (a, b) {
            (Where::Everywhere, other) | (other, Where::Everywhere) => other.clone(),
            (Where::UpTo(a), Where::UpTo(b)) => Where::UpTo(if self.further(a, b) == Some(true) { b.clone() } else { a.clone() }),
            _ => Where::Nowhere,
        }
    }

    /// Whether one reaches further than the other, if that is the same in all rounds.
    fn further(&self, a: &Affine, b: &Affine) -> Option<bool> {
        Some(a.plus(b, -1).known()? * self.sign? > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::parse;

    /// The axis and the first position that no round before the index of the loop reaches, of each state.
    fn found(states: &str) -> Vec<(String, usize, i64, i64)> {
        let program = parse(&format!("fn f(x: [n], a: []) wrt x -> y\nloop i: n\n{states}y = a\n")).unwrap();
        let state = |(t, reach): (Tensor, Reach)| {
            let rest = reach.rest.known().unwrap_or(i64::MAX);
            (program.info(t).name.clone(), reach.axis, reach.sign, rest)
        };
        reached(&program).into_iter().map(state).collect()
    }

    #[test]
    fn what_each_round_adds_at_its_own_position_is_reached_so_far() {
        let own = "first d[j: n] = 0\nnext d[j: n] = delta(i, j) * x[i] + a * d[i, j]\n";
        assert_eq!(found(own), [("d".into(), 1, 1, 0)]);
        let two = "first d[k: 2, j: n] = 0\nnext d[k: 2, j: n] = delta(i, j) * x[i] + delta(i-1, j) * [0 < float(i)] + a * d[i, 0, j]\n";
        assert_eq!(found(two), [("d".into(), 2, 1, 0)]);
        let start = "first d[j: n] = delta(0, j) * x[0]\nnext d[j: n] = delta(i+1, j) * x[i] + a * d[i, j]\n";
        assert_eq!(found(start), [("d".into(), 1, 1, 1)]);
        // what is there at first may be further than the first round
        assert_eq!(found(&start.replace("delta(0, j)", "delta(3, j)")), [("d".into(), 1, 1, 4)]);
        let backward = "first d[j: n] = 0\nnext d[j: n] = delta(-i+n-1, j) * x[i] + select(a < 0, d[i, j], 0)\n";
        assert_eq!(found(backward), [("d".into(), 1, -1, i64::MAX)]);
        // what another state passes on is there a round later, what it is after the round at once
        let pair = "first d[j: n] = 0\nfirst e[j: n] = 0\nnext d[j: n] = delta(i, j) + e[i, j]\nnext e[j: n] = a * d[i, j]\n";
        assert_eq!(found(pair), [("d".into(), 1, 1, 0), ("e".into(), 1, 1, -1)]);
        assert_eq!(found(&pair.replace("a * d[i, j]", "a * d[i+1, j]")), [("d".into(), 1, 1, 0), ("e".into(), 1, 1, 0)]);
    }

    #[test]
    fn what_is_anywhere_else_is_reached_everywhere() {
        for states in [
            "first d[j: n] = x[j]\nnext d[j: n] = delta(i, j) + d[i, j]\n",
            "first d[j: n] = 0\nnext d[j: n] = delta(i, j) + 1\n",
            "first d[j: n] = 0\nnext d[j: n] = delta(i, j) + cos(d[i, j])\n",
            "first d[j: n] = 0\nnext d[j: n] = delta(i, j) + delta(-i+n-1, j) + d[i, j]\n",
            "first d[j: n] = 0\nnext d[j: n] = delta(2*i, j) + d[i, j]\n",
            "first d[j: n] = 0\nnext d[j: n] = delta(i, j) + d[i, -j+n-1]\n",
            // one that depends on another that is everywhere
            "first d[j: n] = 0\nfirst e[j: n] = 1\nnext d[j: n] = delta(i, j) + e[i, j]\nnext e[j: n] = e[i, j]\n",
        ] {
            assert_eq!(found(states), [], "{states}");
        }
    }
}
