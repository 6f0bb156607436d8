//! Lowering: from definitions to loops and straight-line statements.
//!
//! Before: a program that verifies. After: a [`Plan`], in which every operation stands in the
//! scope where it is computed: as far out of the loops as its indices allow, inside the branch
//! that alone needs it, and just before its first use. A delta removes a loop.

mod followers;
mod loops;
mod safety;
mod schedule;
mod stack;

pub use stack::{matrices, stack, Matrix};

use crate::ir::{affines, placed, units, Affine, Body, Definition, Expr, Index, Map, Node, Program, Set, Tensor};
use crate::ops::{Intrinsic, Op};

/// A program as statements.
#[derive(Debug)]
pub struct Plan {
    /// The program that the expressions belong to.
    pub program: Program,
    /// The statements, in order.
    pub body: Vec<Stmt>,
    /// The names of the expressions that are computed once into a local variable.
    pub locals: Map<Expr, String>,
    /// The states of loops of which only the last round is held, as nothing reads the others.
    pub carried: Set<Tensor>,
}

/// A statement.
#[derive(Clone, PartialEq, Debug)]
pub enum Stmt {
    /// `let t = e;`
    Let(Expr),
    /// `let (s, c) = a.sin_cos();`
    SinCos(Expr, Expr),
    /// `let t = if c { …; a } else { …; b };`
    Branch(Expr, Vec<Stmt>, Vec<Stmt>),
    /// `let mut t = 0.0; for i in … { …; t += e; }`
    Total(Expr, Vec<Stmt>),
    /// `let mut t = 0.0; let mut u = 0.0; for i in … { …; t += e; …; u += f; }`: totals, none of which
    /// waits for another.
    Totals(Vec<Stmt>),
    /// `let (a, b) = piece(|| { …; (a, b) });`: a piece of a long function, with what is used after.
    Group(Vec<Stmt>, Vec<Expr>),
    /// The scalar definition `t` is `e`.
    Scalar(Tensor, Expr),
    /// The state `t` begins as `e`.
    Carry(Tensor, Expr),
    /// The state `t` becomes what the other tensor holds.
    Advance(Tensor, Tensor),
    /// The matrix `t` becomes the product of two others.
    Product(Tensor, [Factor; 2]),
    /// The matrix `t` is factored, in the way of that name.
    Factor(Tensor, &'static str),
    /// The tensor becomes what an intrinsic makes of its arguments, the first of which is factored.
    Intrinsic(Tensor, Intrinsic, Vec<Tensor>),
    /// A tensor of zeros.
    Allocate(Tensor),
    /// A tensor that is the same everywhere.
    Fill(Tensor, Expr),
    /// A tensor of known lengths, given by its elements.
    Literal(Tensor, Vec<Expr>),
    /// `for i in 0..n { … }`
    Loop(Index, Vec<Stmt>),
    /// `if c { … }`
    Guard(Expr, Vec<Stmt>),
    /// `t[at] = e;` or `t[at] += e;`
    Store {
        /// What is written.
        tensor: Tensor,
        /// Where.
        at: Vec<Affine>,
        /// The value.
        value: Expr,
        /// Whether it is added to what is there.
        add: bool,
    },
}

/// A factor of a matrix product.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Factor {
    /// The matrix.
    pub tensor: Tensor,
    /// Whether its transpose is meant.
    pub transposed: bool,
}

/// Lowers a program. `products` says whether there is a library for products of matrices of its floats.
pub fn lower(mut program: Program, products: bool) -> Plan {
    let mut tree = schedule::Tree::new(products);
    merge_copies(&mut program);
    let definitions = program.definitions.clone();
    let literal = loops::literal(&definitions);
    let mut carried: Set<Tensor> = Set::default();
    let mut done: Set<Tensor> = Set::default();
    let mut waiting = definitions;
    while let Some(first) = waiting.first() {
        let over = first.body.over();
        let count = waiting.iter().take_while(|d| d.body.over() == over).count();
        let later = waiting.split_off(count);
        let run = std::mem::replace(&mut waiting, later);
        match over {
            None => loops::definitions(&mut program, &mut tree, &run, &waiting, literal),
            Some(over) => {
                let followers = followers::followers(&mut program, over, &run, &waiting);
                done.extend(followers.iter().map(|f| f.tensor));
                let held: Map<Tensor, Held> = run.iter().map(|d| (d.tensor, held(&program, over, &run, &done, d.tensor))).collect();
                carried.extend(held.iter().filter(|(_, held)| **held != Held::All).map(|(t, _)| *t));
                carried.extend(loops::recurrences(&mut program, &mut tree, over, &run, &followers, &held));
                waiting.retain(|d| !done.contains(&d.tensor));
            }
        }
    }
    let (body, locals) = tree.schedule(&mut program);
    let body = together(&program, &locals, body);
    let body = grouped(&program, &locals, body);
    let plan = Plan { program, body, locals, carried };
    debug_assert_eq!(safety::check(&plan), Ok(()), "{}", plan.program.to_text());
    plan
}

/// What is held of a recurrence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Held {
    /// All rounds.
    All,
    /// What the last round left, as its loop reads what the round before left, and all else the last.
    Last,
    /// What the round has computed, which the rest of the round reads.
    Round,
}

/// `followers` are written in the loop.
fn held(program: &Program, over: Index, run: &[Definition], followers: &Set<Tensor>, tensor: Tensor) -> Held {
    let others = program.definitions.iter().filter(|d| !followers.contains(&d.tensor));
    let (inside, outside): (Vec<&Definition>, Vec<&Definition>) = others.partition(|d| run.iter().any(|r| r.tensor == d.tensor));
    let at = |ds: &[&Definition], place: &Affine| {
        let roots = ds.iter().flat_map(|d| d.body.roots().iter().copied());
        program.accesses(roots, tensor).all(|at| at[0] == *place)
    };
    let (now, after) = (Affine::from(over), Affine::from(over).after());
    let is_result = program.results().any(|t| t == tensor);
    match () {
        () if at(&inside, &now) && at(&outside, program.length(over)) => Held::Last,
        () if at(&inside, &after) && outside.iter().all(|d| !d.body.reads(&program.arena).contains(&tensor)) && !is_result => Held::Round,
        () => Held::All,
    }
}

/// A state that takes the value of another one, both of which are held at all rounds, is the other.
fn merge_copies(program: &mut Program) {
    let copy = |program: &Program| {
        let units: Vec<&[Definition]> = units(&program.definitions).collect();
        units.into_iter().find_map(|unit| {
            let over = unit[0].body.over()?;
            unit.iter().find_map(|d| {
                let source = loops::copied(program, d)?;
                let all = [d.tensor, source].iter().all(|t| held(program, over, unit, &Set::default(), *t) == Held::All);
                all.then_some((d.tensor, source))
            })
        })
    };
    while let Some((state, source)) = copy(program) {
        let body = |t: Tensor| program.definition(t).map(|d| d.body.clone());
        let (Some(Body::Recurrence { indices, parts: [first, _], .. }), Some(Body::Recurrence { over, indices: own, parts: [_, next] })) =
            (body(state), body(source))
        else {
            unreachable!("both are recurrences")
        };
        let first = program.arena.substitute(first, &placed(&indices, &affines(&own)));
        program.definitions.retain(|d| d.tensor != state);
        if let Some(d) = program.definitions.iter_mut().find(|d| d.tensor == source) {
            *d = Definition { tensor: state, body: Body::Recurrence { over, indices: own, parts: [first, next] } };
        }
        program.replace(source, state);
    }
}

/// Puts totals over one length that do not need each other into one loop, where what they have in common is computed
/// once a round.
fn together(program: &Program, locals: &Map<Expr, String>, body: Vec<Stmt>) -> Vec<Stmt> {
    let mut out: Vec<Stmt> = Vec::new();
    for statement in body {
        let statement = match statement {
            Stmt::Loop(i, inner) => Stmt::Loop(i, together(program, locals, inner)),
            Stmt::Guard(c, inner) => Stmt::Guard(c, together(program, locals, inner)),
            Stmt::Branch(e, then, otherwise) => Stmt::Branch(e, together(program, locals, then), together(program, locals, otherwise)),
            other => other,
        };
        match companion(program, locals, &out, &statement).map(|k| &mut out[k]) {
            Some(first) => {
                let mut all = match std::mem::replace(first, Stmt::Totals(Vec::new())) {
                    Stmt::Totals(all) => all,
                    one => vec![one],
                };
                all.push(without_known(statement, &all));
                *first = Stmt::Totals(all);
            }
            None => out.push(statement),
        }
    }
    out
}

/// A total without the local variables that those before it in the loop define.
fn without_known(total: Stmt, before: &[Stmt]) -> Stmt {
    let known: Set<Expr> = before.iter().filter_map(Stmt::round).flatten().flat_map(Stmt::defined).collect();
    unknown(vec![total], &known).swap_remove(0)
}

/// The statements that define something else.
fn unknown(statements: Vec<Stmt>, known: &Set<Expr>) -> Vec<Stmt> {
    let new = statements.into_iter().filter(|s| s.defined().is_empty() || s.defined().iter().any(|e| !known.contains(e)));
    let inside = |s: Stmt| match s {
        Stmt::Total(e, inner) => Stmt::Total(e, unknown(inner, known)),
        Stmt::Branch(e, then, otherwise) => Stmt::Branch(e, unknown(then, known), unknown(otherwise, known)),
        other => other,
    };
    new.map(inside).collect()
}

/// The total before a statement in whose loop it can be computed too.
fn companion(program: &Program, locals: &Map<Expr, String>, before: &[Stmt], statement: &Stmt) -> Option<usize> {
    let length = statement.total_over(program)?;
    let uses = statement.uses(program, locals);
    let reads = statement.defined().into_iter().flat_map(|e| Body::Each(Vec::new(), e).reads(&program.arena)).collect::<Set<Tensor>>();
    for (k, other) in before.iter().enumerate().rev() {
        let passes = match other {
            Stmt::Let(_) | Stmt::SinCos(..) | Stmt::Branch(..) | Stmt::Total(..) | Stmt::Totals(_) => {
                other.defined().iter().all(|e| !uses.contains(e))
            }
            Stmt::Scalar(t, _) | Stmt::Store { tensor: t, .. } | Stmt::Allocate(t) | Stmt::Fill(t, _) => !reads.contains(t),
            _ => false,
        };
        if !passes {
            return None;
        }
        if other.total_over(program) == Some(length) {
            return Some(k);
        }
    }
    None
}

/// More statements than this in a row are cut into pieces, functions of their own: rustc's stack
/// overflows near three thousand `let`s, and LLVM takes more than twice the time for twice the code.
const LONGEST_PIECE: usize = 1000;

/// Cuts long runs of statements into pieces.
fn grouped(program: &Program, locals: &Map<Expr, String>, body: Vec<Stmt>) -> Vec<Stmt> {
    if body.len() <= LONGEST_PIECE {
        return body;
    }
    let mut last_use: Map<Expr, usize> = Map::default();
    for (k, statement) in body.iter().enumerate() {
        for e in statement.uses(program, locals) {
            last_use.insert(e, k);
        }
    }
    let longest = body.len().div_ceil(body.len().div_ceil(LONGEST_PIECE));
    let mut out = Vec::new();
    let mut piece: Vec<Stmt> = Vec::new();
    let close = |piece: &mut Vec<Stmt>, out: &mut Vec<Stmt>, end: usize| {
        let used = piece.iter().flat_map(Stmt::defined).filter(|e| last_use.get(e).is_some_and(|last| *last >= end)).collect();
        out.push(Stmt::Group(std::mem::take(piece), used));
    };
    for (k, statement) in body.into_iter().enumerate() {
        if statement.declares() {
            close(&mut piece, &mut out, k);
            out.push(statement);
            continue;
        }
        piece.push(statement);
        if piece.len() == longest {
            close(&mut piece, &mut out, k + 1);
        }
    }
    close(&mut piece, &mut out, usize::MAX);
    out.into_iter()
        .flat_map(|s| match s {
            Stmt::Group(inner, _) if inner.len() <= SHORTEST_PIECE => inner,
            other => vec![other],
        })
        .collect()
}

/// Fewer statements than this are no piece.
const SHORTEST_PIECE: usize = 20;

impl Stmt {
    /// The statements of a total's loop.
    fn round(&self) -> Option<&[Stmt]> {
        match self {
            Stmt::Total(_, inner) => Some(inner),
            _ => None,
        }
    }

    /// The local variables that it defines, if that is all it does.
    fn defined(&self) -> Vec<Expr> {
        match self {
            Stmt::Let(e) | Stmt::Branch(e, ..) | Stmt::Total(e, _) => vec![*e],
            Stmt::SinCos(s, c) => vec![*s, *c],
            Stmt::Totals(all) => all.iter().flat_map(Stmt::defined).collect(),
            _ => Vec::new(),
        }
    }

    /// The expressions in it and in what is inside.
    fn expressions(&self) -> Vec<Expr> {
        let inner = |body: &[Stmt]| body.iter().flat_map(Stmt::expressions).collect::<Vec<Expr>>();
        match self {
            Stmt::Let(e) | Stmt::Scalar(_, e) | Stmt::Carry(_, e) | Stmt::Fill(_, e) | Stmt::Store { value: e, .. } => vec![*e],
            Stmt::SinCos(s, c) => vec![*s, *c],
            Stmt::Literal(_, es) => es.clone(),
            Stmt::Branch(e, then, otherwise) => [vec![*e], inner(then), inner(otherwise)].concat(),
            Stmt::Total(e, body) | Stmt::Guard(e, body) => [vec![*e], inner(body)].concat(),
            Stmt::Group(body, _) | Stmt::Totals(body) | Stmt::Loop(_, body) => inner(body),
            Stmt::Allocate(_) | Stmt::Advance(..) | Stmt::Product(..) | Stmt::Factor(..) | Stmt::Intrinsic(..) => Vec::new(),
        }
    }

    /// The expressions that it evaluates itself, before what is inside.
    fn evaluated(&self, program: &Program) -> Vec<Expr> {
        match self {
            Stmt::Let(e) | Stmt::SinCos(e, _) | Stmt::Branch(e, ..) => safety::at_once(program, *e).to_vec(),
            Stmt::Scalar(_, e) | Stmt::Carry(_, e) | Stmt::Fill(_, e) | Stmt::Store { value: e, .. } | Stmt::Guard(e, _) => vec![*e],
            Stmt::Literal(_, es) => es.clone(),
            _ => Vec::new(),
        }
    }

    /// The run-time length of a total's loop, if nothing in it is a loop, nor it a product of two rows, for
    /// which there is a faster way.
    fn total_over<'p>(&self, program: &'p Program) -> Option<&'p Affine> {
        let (e, inner) = match self {
            Stmt::Totals(all) => return all[0].total_over(program),
            Stmt::Total(e, inner) => (*e, inner),
            _ => return None,
        };
        let Node::Named(i, body) = program.arena[e] else { return None };
        let along = |e: &Expr| matches!(&program.arena[*e], Node::Access(_, at) if at.last().and_then(Affine::as_index) == Some(i));
        let is_dot = program.arena.as_apply(body).is_some_and(|(op, args)| op == Op::Mul && args.iter().all(along));
        let simple = inner.iter().all(|s| matches!(s, Stmt::Let(_) | Stmt::SinCos(..) | Stmt::Branch(..)));
        (simple && !is_dot && program.is_run_time(program.length(i))).then(|| program.length(i))
    }

    /// Whether it declares a tensor, which what follows may use.
    fn declares(&self) -> bool {
        matches!(
            self,
            Stmt::Scalar(..)
                | Stmt::Carry(..)
                | Stmt::Allocate(_)
                | Stmt::Fill(..)
                | Stmt::Literal(..)
                | Stmt::Factor(..)
                | Stmt::Intrinsic(..)
        )
    }

    /// What is inside, if it is the loop of an index.
    pub fn as_loop(&self, i: Index) -> Option<&[Stmt]> {
        match self {
            Stmt::Loop(j, inner) if *j == i => Some(inner),
            _ => None,
        }
    }

    /// The local variables that it reads.
    fn uses(&self, program: &Program, locals: &Map<Expr, String>) -> Set<Expr> {
        let mut found: Set<Expr> = Set::default();
        let mut statements = vec![self];
        let mut stack: Vec<Expr> = Vec::new();
        while let Some(statement) = statements.pop() {
            match statement {
                Stmt::Let(e) | Stmt::SinCos(e, _) => stack.extend(program.arena[*e].children()),
                Stmt::Branch(e, then, otherwise) => {
                    stack.extend(program.arena[*e].children());
                    statements.extend(then.iter().chain(otherwise));
                }
                Stmt::Total(e, inner) => {
                    stack.extend(program.arena[*e].children());
                    statements.extend(inner);
                }
                Stmt::Group(inner, _) | Stmt::Loop(_, inner) | Stmt::Totals(inner) => statements.extend(inner),
                Stmt::Guard(c, inner) => {
                    stack.push(*c);
                    statements.extend(inner);
                }
                Stmt::Scalar(_, e) | Stmt::Carry(_, e) | Stmt::Fill(_, e) | Stmt::Store { value: e, .. } => stack.push(*e),
                Stmt::Literal(_, es) => stack.extend(es),
                Stmt::Allocate(_) | Stmt::Advance(..) | Stmt::Product(..) | Stmt::Factor(..) | Stmt::Intrinsic(..) => {}
            }
        }
        let mut seen: Set<Expr> = Set::default();
        while let Some(e) = stack.pop() {
            if locals.contains_key(&e) {
                found.insert(e);
            } else if seen.insert(e) {
                stack.extend(program.arena[e].children());
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::parse;

    /// Of every store, whether it adds, in order.
    fn adds(jacobian: &str) -> Vec<bool> {
        let text = format!("fn f(x: [n]) wrt x -> y\ny[i: n] = x[i]\nJ[i: n, j: n] = {jacobian}\nblock J: 0 by x\n");
        let mut waiting = lower(parse(&text).unwrap(), true).body;
        let mut found = Vec::new();
        while !waiting.is_empty() {
            match waiting.remove(0) {
                Stmt::Loop(_, inner) | Stmt::Guard(_, inner) => _ = waiting.splice(0..0, inner),
                Stmt::Store { at, add, .. } if at.len() == 2 => found.push(add),
                _ => {}
            }
        }
        found
    }

    #[test]
    fn what_lies_apart_is_stored_without_adding() {
        let band = "delta(i-1, j) * [0 < float(i)] * x[i] + delta(i, j) * (2 * x[i]) + delta(i+1, j) * [float(i+1) < float(n)] * x[i]";
        assert_eq!(adds(band), [false; 3]);
        assert_eq!(adds("delta(i, j) * x[i] + x[i] * x[j]"), [false, true]);
        assert_eq!(adds("x[i] * x[j] + delta(0, j) * [0 < float(n)] * x[i]"), [false, true]);
    }

    #[test]
    fn totals_over_one_length_share_their_loop_and_what_is_in_it() {
        let sums = "fn f(x: [n], a: []) wrt a -> y, z\nlet t = sum[i: n](exp(a * x[i]))\ny = t * 2\nz = sum[i: n](x[i] * exp(a * x[i]))\n";
        let plan = lower(parse(sums).unwrap(), true);
        let totals: Vec<&Stmt> = plan.body.iter().filter(|s| matches!(s, Stmt::Totals(_) | Stmt::Total(..))).collect();
        let [Stmt::Totals(all)] = totals.as_slice() else { panic!("{:?}", plan.body) };
        let [Stmt::Total(_, first), Stmt::Total(_, second)] = all.as_slice() else { panic!("{all:?}") };
        // the exponential is computed for the first
        assert!(!first.is_empty() && second.is_empty(), "{all:?}");
    }
}
