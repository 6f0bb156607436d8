//! The terms of a derivative as strands: for each column, or row, the elements that a term has there.

use super::{Condition, Unordered};
use crate::ir::{affines, placed, positions, Affine, Arena, Body, Expr, Index, Map, Node, Program, Symbol, Tensor, Term};
use crate::ops::Op;

/// A block as terms over indices of its own, or element by element.
pub enum Source {
    /// The terms over the axes, those of the rows and then those of the columns.
    Terms(Vec<Index>, Vec<Term>),
    /// The elements, row-major.
    Elements(Vec<usize>, Vec<Expr>),
}

/// What a term has in a column: an element, or one at every position of an axis.
#[derive(Clone, Debug)]
pub struct Strand {
    /// The row.
    pub at: Vec<Position>,
    /// Where in the columns it is.
    pub conditions: Vec<Condition>,
    /// The value, without what only says where it is.
    pub value: Expr,
}

/// A position along an axis of the rows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Position {
    /// One, by the column.
    At(Affine),
    /// All of them: the index stands for them in the value.
    All(Index),
}

impl Source {
    /// A block as terms.
    pub fn of(program: &mut Program, tensor: Tensor) -> Source {
        let shape = program.info(tensor).shape.clone();
        let body = program.definition(tensor).map(|d| d.body.clone());
        if let Some(Body::Elements(es)) = body {
            return Source::Elements(crate::ir::lengths(&shape), es);
        }
        let axes = program.axes(&shape);
        let at = affines(&axes);
        let e = match body {
            Some(Body::Each(indices, e)) => program.arena.substitute(e, &placed(&indices, &at)),
            _ => program.arena.insert(Node::Access(tensor, at)),
        };
        let e = opened(program, e);
        let e = unmasked(&mut program.arena, e, &mut Map::default());
        let terms = program.expand(e);
        let terms = program.collect(terms);
        Source::Terms(axes, terms)
    }

    /// What it has at the given positions of the columns' axes, behind `rows` axes of rows. Along the axes of rows of known lengths,
    /// each position is one of its own; `lower` says that only rows are wanted that are not before the column.
    pub fn strands(&self, program: &mut Program, view: &View) -> Result<Vec<Strand>, Unordered> {
        let mut out = Vec::new();
        for at in positions(&view.listed).filter(|at| view.only.as_ref().is_none_or(|only| only == at)) {
            match self {
                Source::Elements(shape, es) => {
                    let numbers: Option<Vec<usize>> = view.major.iter().map(|a| Some(a.known()? as usize)).collect();
                    let major = numbers.ok_or_else(|| Unordered("a long axis is given element by element".into()))?;
                    let all = if view.transposed { [major, at.clone()] } else { [at.clone(), major] }.concat();
                    let value = es[all.iter().zip(shape).fold(0, |flat, (k, n)| flat * n + k)];
                    if !program.arena.is(value, 0) {
                        let at = at.iter().map(|k| Position::At(Affine::from(*k as i64))).collect();
                        out.push(Strand { at, conditions: Vec::new(), value });
                    }
                }
                Source::Terms(axes, terms) => {
                    let count = axes.len() - view.major.len();
                    let (major, minor): (&[Index], &[Index]) = match view.transposed {
                        true => (&axes[..view.major.len()], &axes[view.major.len()..]),
                        false => (&axes[count..], &axes[..count]),
                    };
                    let mut listed = at.iter();
                    let fixed = minor.iter().map(|i| {
                        let known = view.is_listed(program.length(*i));
                        known.then(|| Affine::from(*listed.next().expect("a position for each axis") as i64))
                    });
                    let fixed: Vec<Option<Affine>> = fixed.collect();
                    let given = minor.iter().zip(&fixed).filter_map(|(i, a)| Some((*i, a.clone()?)));
                    let (from, to): (Vec<Index>, Vec<Affine>) = given.chain(major.iter().copied().zip(view.major.iter().cloned())).unzip();
                    for term in terms {
                        let mut term = term.clone();
                        term.place(&mut program.arena, &from, &to);
                        for term in program.collect(vec![term]) {
                            out.push(strand(program, term, minor, &fixed)?);
                        }
                    }
                }
            }
        }
        Ok(out)
    }
}

/// The columns that are looked at: all terms are in an index along one axis, if any.
pub struct View {
    /// The positions along the axes of the columns.
    pub major: Vec<Affine>,
    /// The lengths of those axes of the rows along which every position is one of its own.
    pub listed: Vec<usize>,
    /// Of those positions, the one that is looked at; all of them without it.
    pub only: Option<Vec<usize>>,
    /// Longer axes of rows have strands along them, if they are no run-time ones anyway.
    pub longest: i64,
    /// Whether the columns are the rows of the matrix.
    pub transposed: bool,
}

impl View {
    /// Whether every position of an axis is one of its own.
    pub fn is_listed(&self, length: &Affine) -> bool {
        is_listed(length, self.longest)
    }
}

/// Whether an axis is short.
pub fn is_listed(length: &Affine, longest: i64) -> bool {
    length.known().is_some_and(|n| n <= longest)
}

/// The strand of a term in which the columns' positions stand.
fn strand(program: &mut Program, mut term: Term, minor: &[Index], fixed: &[Option<Affine>]) -> Result<Strand, Unordered> {
    let mut at: Vec<Option<Affine>> = fixed.to_vec();
    let mut sums = term.name_sums(program);
    let solved = solve(program, &mut term, minor, &mut at, &mut sums);
    let free: Vec<Index> = minor.iter().zip(&at).filter(|(_, a)| a.is_none()).map(|(i, _)| *i).collect();
    let is_open = |a: &Affine| a.indices().any(|i| free.contains(&i) || sums.contains(&i));
    let mentions = |test: &Condition, open: &dyn Fn(&Affine) -> bool| test.leaves().into_iter().any(|(a, _)| open(a));
    if solved.iter().any(|test| matches!(test, Condition::Zero(a) if is_open(a))) || at.iter().flatten().any(is_open) {
        return Err(Unordered("an entry's position is a multiple of an index".into()));
    }
    let mut conditions = solved;
    for (guard, condition) in decided(program, &mut term) {
        match mentions(&condition, &|a| a.indices().any(|i| sums.contains(&i))) {
            true => term.guards.push(guard),
            false => conditions.push(condition),
        }
    }
    if conditions.iter().any(|test| mentions(test, &is_open)) {
        return Err(Unordered("how many entries a column has depends on the column".into()));
    }
    check(program, &term)?;
    term.sum_over(program, &sums);
    let at = minor.iter().zip(at).map(|(i, a)| a.map_or(Position::All(*i), Position::At)).collect();
    Ok(Strand { at, conditions, value: term.to_expr(program) })
}

/// Removes the deltas of a term: positions along axes, where `at` has none yet, and indices of sums become what they must be, and
/// it returns what must hold beside that. A sum that is gone is no longer among `sums`.
pub fn solve(program: &mut Program, term: &mut Term, axes: &[Index], at: &mut [Option<Affine>], sums: &mut Vec<Index>) -> Vec<Condition> {
    let mut conditions: Vec<Condition> = Vec::new();
    let decided = decided(program, term);
    // what numbers or other lengths decide may be read nowhere, and then be anywhere
    let is_read = term.guards.is_empty() && !decided.iter().any(|(_, c)| c.is_of_lengths());
    for (guard, condition) in decided {
        match condition {
            Condition::Zero(difference) => term.deltas.push((difference, Affine::default())),
            _ => term.guards.push(guard),
        }
    }
    // a delta over the index of a sum removes the sum where that is in its range
    while let Some((position, axis)) = term.deltas.pop() {
        let difference = position.plus(&axis, -1);
        let unsolved = axes.iter().zip(&*at).filter(|(_, a)| a.is_none()).map(|(i, _)| i).rev();
        let solved = sums.iter().chain(unsolved).find_map(|i| Some((*i, difference.solve_for(Symbol::Index(*i))?)));
        let Some((i, value)) = solved else {
            conditions.push(Condition::Zero(difference));
            continue;
        };
        // a position that is read is inside the axis that it is compared with
        let is_inside = is_read && axis.as_index() == Some(i);
        if !is_inside && !program.is_inside(&value, program.length(i), &[]) {
            let last = program.length(i).plus(&Affine::from(1), -1);
            conditions.extend([value.clone(), last.plus(&value, -1)].map(Condition::Natural));
        }
        let (index, own) = ([i], [value]);
        let place = placed(&index, &own);
        term.substitute(&mut program.arena, &place);
        at.iter_mut().flatten().for_each(|a| *a = a.substitute(&place));
        conditions.iter_mut().for_each(|test| *test = test.substitute(&place));
        sums.retain(|j| *j != i);
        if let Some(axis) = axes.iter().position(|j| *j == i) {
            at[axis] = Some(own[0].clone());
        }
    }
    conditions
}

/// Takes from a term those guards that integers decide.
pub fn decided(program: &Program, term: &mut Term) -> Vec<(Expr, Condition)> {
    let guards: Vec<Expr> = std::mem::take(&mut term.guards).into_iter().flat_map(|c| conjuncts(program, c)).collect();
    let mut decided = Vec::new();
    for guard in guards {
        match Condition::read(&program.arena, guard) {
            Some(test) => decided.push((guard, test)),
            None => term.guards.push(guard),
        }
    }
    decided
}

/// Checks that no factor of a term has structural zeros.
pub fn check(program: &Program, term: &Term) -> Result<(), Unordered> {
    match term.factors.iter().any(|e| has_structure(program, *e)) {
        true => Err(Unordered("entries are decided inside a branch or a function".into())),
        false => Ok(()),
    }
}

/// The conditions that have to hold for one.
fn conjuncts(program: &Program, c: Expr) -> Vec<Expr> {
    match program.arena.as_apply(c) {
        Some((Op::And, &[a, b])) => [conjuncts(program, a), conjuncts(program, b)].concat(),
        _ => vec![c],
    }
}

/// Whether an expression has structural zeros.
fn has_structure(program: &Program, e: Expr) -> bool {
    let arena = &program.arena;
    arena.reachable([e]).into_iter().any(|e| match &arena[e] {
        Node::Delta(..) => true,
        Node::Bracket(c) => Condition::read(&program.arena, *c).is_some(),
        _ => false,
    })
}

/// The expression with brackets in the place of the branches that integers decide and that it is linear in.
fn unmasked(arena: &mut Arena, e: Expr, done: &mut Map<Expr, Expr>) -> Expr {
    if let Some(known) = done.get(&e) {
        return *known;
    }
    let linear = match arena[e].clone() {
        Node::Apply(Op::Select, args) if compares_integers(arena, args[0]) => {
            let not = arena.fold(Op::Not, &[args[0]]);
            let arms = [(args[0], args[1]), (not, args[2])].map(|(c, arm)| {
                let arm = unmasked(arena, arm, done);
                let bracket = arena.rebuild(Node::Bracket(c));
                arena.mul(bracket, arm)
            });
            arena.add(arms[0], arms[1])
        }
        Node::Apply(op @ (Op::Add | Op::Sub | Op::Mul | Op::Neg), args) => {
            let args: Vec<Expr> = args.iter().map(|a| unmasked(arena, *a, done)).collect();
            arena.fold(op, &args)
        }
        Node::Apply(Op::Div, args) => {
            let numerator = unmasked(arena, args[0], done);
            arena.fold(Op::Div, &[numerator, args[1]])
        }
        Node::Sum(length, body) => {
            let body = unmasked(arena, body, done);
            arena.rebuild(Node::Sum(length, body))
        }
        _ => e,
    };
    done.insert(e, linear);
    linear
}

/// Whether a condition compares nothing but integers.
fn compares_integers(arena: &Arena, c: Expr) -> bool {
    match arena.as_apply(c) {
        Some((Op::And | Op::Or | Op::Not, args)) => args.iter().all(|a| compares_integers(arena, *a)),
        Some((Op::Lt | Op::Le | Op::Eq, args)) => args.iter().all(|a| arena.as_position(*a).is_some()),
        _ => arena.as_const(c).is_some(),
    }
}

/// The expression with the bodies of the definitions that have structural zeros in their places.
fn opened(program: &mut Program, mut e: Expr) -> Expr {
    loop {
        let reads = Body::Each(Vec::new(), e).reads(&program.arena);
        let structured = reads.into_iter().find_map(|t| match &program.definition(t)?.body {
            Body::Each(indices, body) if has_structure(program, *body) => Some((t, indices.clone(), *body)),
            _ => None,
        });
        let Some((t, indices, body)) = structured else { return e };
        e = program.arena.map(&[e], |arena, e, node| match node {
            Node::Access(u, at) if u == t => arena.substitute(body, &placed(&indices, &at)),
            node if arena[e] == node => e,
            node => arena.rebuild(node),
        })[0];
    }
}
