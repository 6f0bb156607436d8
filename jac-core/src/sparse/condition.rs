//! Conditions on integers: where a strand is in the columns, and where an entry is there.

use crate::ir::{Affine, Arena, Expr, Node, Symbol};
use crate::ops::Op;

/// A condition on integers.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Condition {
    /// This is 0 or more.
    Natural(Affine),
    /// This is 0.
    Zero(Affine),
    /// The first of these that is not 0 is positive, if there is one.
    Ordered(Vec<Affine>),
    /// All of these hold.
    All(Vec<Condition>),
    /// Some of these holds.
    Any(Vec<Condition>),
    /// This does not hold.
    Not(Box<Condition>),
}

impl Condition {
    /// A condition of the IR, if it compares nothing but integers, none of which is the index of a sum.
    pub fn read(arena: &Arena, c: Expr) -> Option<Condition> {
        let read = |c: &Expr| Condition::read(arena, *c);
        let difference = |a: Expr, b: Expr| {
            let sides = [arena.as_position(a)?, arena.as_position(b)?];
            sides.iter().all(|a| a.loose() == 0).then(|| sides[0].plus(&sides[1], -1))
        };
        match arena.as_apply(c) {
            Some((Op::And, args)) => args.iter().map(read).collect::<Option<_>>().map(Condition::All),
            Some((Op::Or, args)) => args.iter().map(read).collect::<Option<_>>().map(Condition::Any),
            Some((Op::Not, args)) => read(&args[0]).map(|c| Condition::Not(Box::new(c))),
            Some((Op::Lt, &[a, b])) => difference(b, a).map(|d| Condition::Natural(d.plus(&Affine::from(1), -1))),
            Some((Op::Le, &[a, b])) => difference(b, a).map(Condition::Natural),
            Some((Op::Eq, &[a, b])) => difference(a, b).map(Condition::Zero),
            // what always holds, or never does
            _ => arena.as_const(c).map(|c| Condition::Natural(Affine::from(if c.is_zero() { -1 } else { 0 }))),
        }
    }

    /// Whether lengths and integers alone decide it, and no position.
    pub fn is_of_lengths(&self) -> bool {
        self.leaves().iter().all(|(a, _)| a.indices().next().is_none())
    }

    /// The condition in the IR; that of an order has none.
    pub fn to_expr(&self, arena: &mut Arena) -> Option<Expr> {
        let zero = Affine::default();
        let mut compared = |op, a: &Affine| {
            let [zero, a] = [&zero, a].map(|a| arena.integer(a.clone()));
            arena.fold(op, &[zero, a])
        };
        match self {
            Condition::Natural(a) => Some(compared(Op::Le, a)),
            Condition::Zero(a) => Some(compared(Op::Eq, a)),
            Condition::Ordered(_) => None,
            Condition::Not(c) => {
                let c = c.to_expr(arena)?;
                Some(arena.fold(Op::Not, &[c]))
            }
            Condition::All(all) | Condition::Any(all) => {
                let op = if matches!(self, Condition::All(_)) { Op::And } else { Op::Or };
                let all: Vec<Expr> = all.iter().map(|c| c.to_expr(arena)).collect::<Option<_>>()?;
                all.into_iter().reduce(|a, b| arena.fold(op, &[a, b]))
            }
        }
    }

    /// A value where it holds, and 0 elsewhere; that of an order has no such.
    pub fn guard(&self, arena: &mut Arena, value: Expr) -> Option<Expr> {
        let c = self.to_expr(arena)?;
        let bracket = arena.rebuild(Node::Bracket(c));
        Some(arena.apply(Op::Mul, vec![bracket, value]))
    }

    /// Whether it holds, given the numbers that affine expressions are.
    pub fn holds(&self, number: &dyn Fn(&Affine) -> i64) -> bool {
        match self {
            Condition::Natural(a) => number(a) >= 0,
            Condition::Zero(a) => number(a) == 0,
            Condition::Ordered(all) => all.iter().map(number).find(|d| *d != 0).is_none_or(|d| d > 0),
            Condition::All(all) => all.iter().all(|c| c.holds(number)),
            Condition::Any(all) => all.iter().any(|c| c.holds(number)),
            Condition::Not(c) => !c.holds(number),
        }
    }

    /// The integers whose signs decide it, and whether only that between negative ones and others does.
    pub fn leaves(&self) -> Vec<(&Affine, bool)> {
        match self {
            Condition::Natural(a) => vec![(a, true)],
            Condition::Zero(a) => vec![(a, false)],
            Condition::Ordered(all) => all.iter().map(|a| (a, false)).collect(),
            Condition::All(all) | Condition::Any(all) => all.iter().flat_map(Condition::leaves).collect(),
            Condition::Not(c) => c.leaves(),
        }
    }

    /// The condition with other integers in the places of symbols.
    #[must_use]
    pub fn substitute(&self, place: &dyn Fn(Symbol) -> Option<Affine>) -> Condition {
        let each = |all: &[Condition]| all.iter().map(|c| c.substitute(place)).collect();
        match self {
            Condition::Natural(a) => Condition::Natural(a.substitute(place)),
            Condition::Zero(a) => Condition::Zero(a.substitute(place)),
            Condition::Ordered(all) => Condition::Ordered(all.iter().map(|a| a.substitute(place)).collect()),
            Condition::All(all) => Condition::All(each(all)),
            Condition::Any(all) => Condition::Any(each(all)),
            Condition::Not(c) => Condition::Not(Box::new(c.substitute(place))),
        }
    }
}
