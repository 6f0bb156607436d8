//! Lengths: roots of sums of squares, and `hypot`.
//!
//! Where a length is 0 it has no derivative; 0 is the least of its subgradients, as for `abs`, and the one
//! that makes even functions of a length right. The derivative of the sum of squares is 0 there, so it is
//! enough that the factor `1 / y` before it is finite: `y` is replaced by 1 where it is 0.
//!
//! Code that cannot be asked at 0 is spared that: where the function divides by the length anyway, or
//! computes it only in a branch that excludes 0.

use super::{factors, multiplicities};
use crate::ir::{Affine, Arena, Constant, Expr, Map, Node, Program, Role, Set, Tensor};
use crate::ops::Op;

/// Factors are looked for in products of no more than this many.
pub(super) const FACTORS: usize = 32;
/// Products of sums are multiplied out to no more than this many terms.
const TERMS: usize = 64;
/// Conditions are read no deeper than this.
const CONDITIONS: u32 = 8;

/// The condition that `op(args)`, whose value is `e`, is a length that is 0, together with the derivative of what the root
/// is taken of. Squares may be weighted by what may be negative, as in `k·x·x + y·y`: then all that is squared has to be 0.
pub(super) fn vanishing(program: &mut Program, e: Expr, op: Op, args: &[Expr]) -> Option<Expr> {
    let length = Length::of(program, op, args)?;
    let zero = program.arena.constant(0);
    let is_zero = program.arena.apply(Op::Eq, vec![e, zero]);
    let Length::Weighted(squares) = length else { return Some(is_zero) };
    let squares = squares.sum(program)?;
    let all = program.arena.apply(Op::Eq, vec![squares, zero]);
    Some(program.arena.apply(Op::And, vec![is_zero, all]))
}

/// What `op(args)` is the square root of, however that is written.
pub(super) fn root(arena: &Arena, op: Op, args: &[Expr]) -> Option<Expr> {
    let half = |e: Expr| arena.as_const(e).is_some_and(|c| c.to_f64() == 0.5);
    (op == Op::Sqrt || op == Op::Pow && half(args[1])).then(|| args[0])
}

enum Length {
    /// It is 0 only where the derivative of what the root is taken of is 0, too.
    Plain,
    /// That holds where all the squares are 0.
    Weighted(Squares),
}

impl Length {
    fn of(program: &Program, op: Op, args: &[Expr]) -> Option<Length> {
        if op == Op::Hypot {
            return Some(Length::Plain);
        }
        match root(&program.arena, op, args)? {
            a if is_sum_of_squares(program, scaled(program, a)) => Some(Length::Plain),
            a => Squares::of(program, a).map(Length::Weighted),
        }
    }
}

/// What is squared in an expression that has two of these as factors everywhere: where they are 0, it is, and its derivative.
struct Squares {
    bases: Set<Expr>,
    /// With their lengths, sums of such expressions.
    sums: Vec<(Affine, Squares)>,
}

impl Squares {
    fn of(program: &Program, e: Expr) -> Option<Squares> {
        let terms = products(program, e, 0)?;
        let squared = |term: &Map<Expr, usize>| term.iter().filter(|(_, n)| **n > 1).map(|(f, _)| *f).collect::<Vec<_>>();
        let bases: Set<Expr> = terms.iter().flat_map(squared).collect();
        let mut sums = Vec::new();
        for term in &terms {
            let known: usize = term.iter().filter(|(f, _)| bases.contains(*f)).map(|(_, n)| n).sum();
            if known < 2 {
                sums.push(term.keys().find_map(|f| match &program.arena[*f] {
                    Node::Sum(length, body) => Some((length.clone(), Squares::of(program, *body)?)),
                    _ => None,
                })?);
            }
        }
        Some(Squares { bases, sums })
    }

    /// The sum of the squares.
    fn sum(self, program: &mut Program) -> Option<Expr> {
        let mut squares: Vec<Expr> = self.bases.into_iter().map(|b| program.arena.apply(Op::Mul, vec![b, b])).collect();
        for (length, inner) in self.sums {
            let body = inner.sum(program)?;
            squares.push(program.arena.insert(Node::Sum(length, body)));
        }
        squares.into_iter().reduce(|a, b| program.arena.apply(Op::Add, vec![a, b]))
    }
}

/// The products that an expression is the sum of: their factors, with how often each is one. Signs, constants and what it is
/// divided by are left out; what is squared is not multiplied out. `None` of many.
fn products(program: &Program, e: Expr, depth: usize) -> Option<Vec<Map<Expr, usize>>> {
    let arena = &program.arena;
    let one = |e: Expr, n: usize| Some(vec![Map::from_iter([(e, n)])]);
    let inner = |e: Expr| products(program, e, depth + 1);
    let Some((op, args)) = arena.as_apply(e).filter(|_| depth < TERMS) else {
        return match &arena[e] {
            Node::Const(c) if c.is_zero() => Some(Vec::new()),
            Node::Const(_) => Some(vec![Map::default()]),
            _ => one(e, 1),
        };
    };
    let terms = match (op, args) {
        (Op::Neg | Op::Keep, &[a]) | (Op::Div, &[a, _]) => inner(a)?,
        (Op::Add | Op::Sub, &[a, b]) => inner(a)?.into_iter().chain(inner(b)?).collect(),
        (Op::MulAdd, &[a, b, c]) => multiplied(&[a, b], &inner)?.into_iter().chain(inner(c)?).collect(),
        (Op::Mul, _) => multiplied(&factors(arena, e), &inner)?,
        (Op::Pow, &[a, n]) => match arena.as_const(n).and_then(Constant::to_integer) {
            Some(n) if n > 0 => one(a, n as usize)?,
            _ => one(e, 1)?,
        },
        _ => one(e, 1)?,
    };
    (terms.len() <= TERMS).then_some(terms)
}

fn multiplied(factors: &[Expr], inner: &dyn Fn(Expr) -> Option<Vec<Map<Expr, usize>>>) -> Option<Vec<Map<Expr, usize>>> {
    let mut out = vec![Map::default()];
    for (f, n) in multiplicities(factors) {
        let terms = if n > 1 { vec![Map::from_iter([(f, n)])] } else { inner(f)? };
        if out.len() * terms.len() > TERMS {
            return None;
        }
        let both = |a: &Map<Expr, usize>| {
            let mut products = terms.clone();
            products.iter_mut().for_each(|p| a.iter().for_each(|(f, n)| *p.entry(*f).or_default() += n));
            products
        };
        out = out.iter().flat_map(both).collect();
    }
    Some(out)
}

/// The expression without what it is multiplied with or divided by and does not vary, whatever its sign.
fn scaled(program: &Program, mut e: Expr) -> Expr {
    loop {
        e = match program.arena.as_apply(e) {
            Some((Op::Mul, &[a, b])) if is_fixed(program, a) => b,
            Some((Op::Mul, &[a, b])) if is_fixed(program, b) => a,
            Some((Op::Div, &[a, _])) => a,
            Some((Op::Keep, &[a])) => a,
            _ => return e,
        }
    }
}

/// Whether a leaf does not depend on what is differentiated by.
fn is_fixed(program: &Program, e: Expr) -> bool {
    match &program.arena[e] {
        Node::Const(_) | Node::Integer(_) => true,
        Node::Access(t, _) => program.info(*t).role == Role::Param && !program.wrt.contains(t),
        _ => false,
    }
}

/// Whether the expression is nowhere negative, and its derivative 0 wherever it is. What a loop carries is, if what it
/// begins with is, and what follows on what is.
fn is_sum_of_squares(program: &Program, root: Expr) -> bool {
    let arena = &program.arena;
    // with each whether it is the whole value, wherever it is taken: then it may be negative if it does not vary
    let mut stack = vec![(root, true)];
    let mut seen: Set<(Expr, bool)> = Set::default();
    let mut states: Set<(Tensor, bool)> = Set::default();
    while let Some((e, whole)) = stack.pop() {
        if !seen.insert((e, whole)) {
            continue;
        }
        match (&arena[e], arena.as_apply(e)) {
            (Node::Sum(_, body), _) => stack.push((*body, false)),
            (Node::Const(c), _) if c.is_zero() => {}
            _ if whole && e != root && is_fixed(program, e) => {}
            (Node::Access(t, _), _) => match program.definition(*t).map(|d| d.body.roots()) {
                Some(roots) if !roots.is_empty() => {
                    if states.insert((*t, whole)) {
                        stack.extend(roots.iter().map(|e| (*e, whole)));
                    }
                }
                _ => return false,
            },
            (_, Some((Op::Add, args))) => stack.extend(args.iter().map(|a| (*a, false))),
            (_, Some((Op::MulAdd, &[a, b, c]))) if a == b => stack.push((c, false)),
            // nowhere 0
            (_, Some((Op::Max, args))) if args.iter().any(|a| is_positive(arena, *a)) => return false,
            (_, Some((Op::Select, &[_, a, b]) | (Op::Min | Op::Max, &[a, b]))) => stack.extend([(a, whole), (b, whole)]),
            (_, Some((Op::Div, &[a, b]))) if is_positive(arena, b) => stack.push((a, whole)),
            (_, Some((Op::Div, args))) => stack.extend(args.iter().map(|a| (*a, false))),
            (_, Some((Op::Keep, args))) => stack.push((args[0], whole)),
            (_, Some((Op::Pow, &[a, n]))) => match arena.as_const(n).and_then(Constant::to_integer) {
                Some(n) if n > 0 && n % 2 == 0 => {}
                Some(n) if n > 0 => stack.push((a, false)),
                _ => return false,
            },
            (_, Some((Op::Mul, _))) => match unpaired(arena, e) {
                Some(rest) if !rest.contains(&e) => stack.extend(rest.into_iter().map(|e| (e, false))),
                _ => return false,
            },
            _ => return false,
        }
    }
    true
}

fn is_positive(arena: &Arena, e: Expr) -> bool {
    arena.as_const(e).is_some_and(|c| !c.is_negative() && !c.is_zero())
}

/// The factors of a product that do not stand in it an even number of times, positive constants left out.
fn unpaired(arena: &Arena, product: Expr) -> Option<Vec<Expr>> {
    let mut times: Map<Expr, usize> = Map::default();
    let mut stack = vec![product];
    let mut count = 0;
    while let Some(e) = stack.pop() {
        match arena.as_apply(e) {
            Some((Op::Mul, args)) => stack.extend(args),
            _ if is_positive(arena, e) => {}
            _ => *times.entry(e).or_default() += 1,
        }
        count += 1;
        if count > FACTORS {
            return None;
        }
    }
    let squared = times.values().any(|n| *n > 1);
    let rest: Vec<Expr> = times.into_iter().filter(|(_, n)| n % 2 == 1).map(|(e, _)| e).collect();
    (squared || !rest.is_empty()).then_some(rest)
}

/// The lengths in the program that need no care at 0.
pub(super) fn regular(program: &Program) -> Set<Expr> {
    let arena = &program.arena;
    let roots = program.roots();
    let order = arena.reachable(roots.iter().copied());
    let lengths: Vec<Expr> =
        order.iter().copied().filter(|e| arena.as_apply(*e).and_then(|(op, args)| Length::of(program, op, args)).is_some()).collect();
    if lengths.is_empty() {
        return Set::default();
    }
    let mut users: Map<Expr, Vec<Expr>> = Map::default();
    for &e in &order {
        for c in arena[e].children() {
            users.entry(*c).or_default().push(e);
        }
    }
    let roots: Set<Expr> = roots.into_iter().collect();
    let regular = |n: &Expr| {
        is_only_divided_by(arena, &users, &roots, *n)
            || is_behind_condition(arena, &order, &roots, *n)
            || are_all_singular(arena, &order, &roots, *n)
    };
    lengths.into_iter().filter(regular).collect()
}

/// Whether all that is made of `n` are quotients and logarithms of it: these have no finite derivative at 0.
fn is_only_divided_by(arena: &Arena, users: &Map<Expr, Vec<Expr>>, roots: &Set<Expr>, n: Expr) -> bool {
    let mut stack = vec![n];
    let mut seen: Set<Expr> = Set::default();
    while let Some(e) = stack.pop() {
        if !seen.insert(e) {
            continue;
        }
        let users = users.get(&e).map_or(&[][..], Vec::as_slice);
        if roots.contains(&e) || users.is_empty() {
            return false;
        }
        for user in users {
            match arena.as_apply(*user) {
                Some((Op::Div, args)) if args[0] != e => {}
                Some((Op::Ln | Op::Log2 | Op::Log10, _)) => {}
                Some((Op::Pow, args)) if args[0] == e && args[1] != e => match arena.as_const(args[1]) {
                    Some(n) if n.is_negative() => {}
                    Some(n) if !n.is_zero() => stack.push(*user),
                    _ => return false,
                },
                Some((Op::Mul | Op::Neg | Op::Keep, _)) => stack.push(*user),
                _ => return false,
            }
        }
    }
    true
}

/// Whether no root that depends on `n` is finite where it is 0, branches aside.
fn are_all_singular(arena: &Arena, order: &[Expr], roots: &Set<Expr>, n: Expr) -> bool {
    let (mut depends, mut zero, mut singular): (Set<Expr>, Set<Expr>, Set<Expr>) = Default::default();
    depends.insert(n);
    zero.insert(n);
    for &e in order {
        if arena[e].children().iter().any(|c| depends.contains(c)) {
            depends.insert(e);
        }
        let Some((op, args)) = arena.as_apply(e) else { continue };
        let (is_zero, is_singular) = match (op, args) {
            (Op::Div, &[a, b]) => (false, zero.contains(&b) || singular.contains(&a)),
            (Op::Ln | Op::Log2 | Op::Log10, &[a]) => (false, zero.contains(&a)),
            (Op::Mul, &[a, b]) => (zero.contains(&a) || zero.contains(&b), singular.contains(&a) || singular.contains(&b)),
            (Op::Add | Op::Sub, &[a, b]) => (false, singular.contains(&a) || singular.contains(&b)),
            (Op::Neg | Op::Keep, &[a]) => (zero.contains(&a), singular.contains(&a)),
            (Op::Pow, &[a, k]) => match (zero.contains(&a), arena.as_const(k)) {
                (true, Some(k)) => (!k.is_negative() && !k.is_zero(), k.is_negative()),
                _ => (false, false),
            },
            _ => (false, false),
        };
        if is_singular {
            singular.insert(e);
        } else if is_zero {
            zero.insert(e);
        }
    }
    roots.iter().all(|r| singular.contains(r) || !depends.contains(r))
}

/// Whether `n` is computed only in arms of branches that are not taken where it is 0.
fn is_behind_condition(arena: &Arena, order: &[Expr], roots: &Set<Expr>, n: Expr) -> bool {
    let of = arena.as_apply(n).and_then(|(op, args)| root(arena, op, args)).unwrap_or(n);
    let decides = |c: Expr| [true, false].map(|holds| excludes_zero(arena, c, holds, [n, of], CONDITIONS));
    let open: Map<Expr, [bool; 2]> = order
        .iter()
        .filter_map(|e| arena.as_apply(*e))
        .filter(|(op, _)| *op == Op::Select)
        .map(|(_, args)| (args[0], decides(args[0])))
        .collect();
    if !open.values().flatten().any(|closed| *closed) {
        return false;
    }
    let mut stack: Vec<Expr> = roots.iter().copied().collect();
    let mut seen: Set<Expr> = Set::default();
    while let Some(e) = stack.pop() {
        if e == n {
            return false;
        }
        if !seen.insert(e) {
            continue;
        }
        match arena.as_apply(e) {
            Some((Op::Select, &[c, a, b])) => {
                let [then, otherwise] = open[&c];
                stack.push(c);
                stack.extend((!then).then_some(a));
                stack.extend((!otherwise).then_some(b));
            }
            _ => stack.extend(arena[e].children()),
        }
    }
    true
}

/// Whether a condition, where it holds or where it does not, says that the length, or its square, is not 0.
fn excludes_zero(arena: &Arena, condition: Expr, holds: bool, subjects: [Expr; 2], depth: u32) -> bool {
    let Some((op, args)) = arena.as_apply(condition) else { return false };
    let inner = |e: Expr, holds: bool| depth > 0 && excludes_zero(arena, e, holds, subjects, depth - 1);
    let is = |e: Expr| subjects.contains(&e);
    let at_least = |e: Expr, zero: bool| arena.as_const(e).is_some_and(|c| !c.is_negative() && (zero || !c.is_zero()));
    match (op, args, holds) {
        (Op::Not, &[a], _) => inner(a, !holds),
        (Op::And, &[a, b], true) | (Op::Or, &[a, b], false) => inner(a, holds) || inner(b, holds),
        (Op::And, &[a, b], false) | (Op::Or, &[a, b], true) => inner(a, holds) && inner(b, holds),
        (Op::Lt, &[a, b], true) => at_least(a, true) && is(b),
        (Op::Lt, &[a, b], false) => is(a) && at_least(b, false),
        (Op::Le, &[a, b], true) => at_least(a, false) && is(b),
        (Op::Le, &[a, b], false) => is(a) && at_least(b, true),
        (Op::Eq, &[a, b], false) => is(a) && arena.is(b, 0) || is(b) && arena.is(a, 0),
        _ => false,
    }
}
