//! The entries term by term, in an order of their own: they are sorted when the function runs.
//!
//! What the deltas of a term leave open is a nest of loops, in which its row and column are affine. A list has a value for each
//! round of each nest; those of rounds that have no entry, as something decides that they have none, are 0 and belong to nothing.

use super::strands::{check, decided, solve, Source};
use super::{Condition, Layout, Matrix, Order, Part, Place, Unordered};
use crate::ir::{placed, positions, Affine, Body, Definition, Expr, Facts, Index, Map, Program, Role, Tensor, Term};

/// Lists have at most so many axes, as arrays of libraries have.
const MOST_AXES: usize = 6;

/// Defines the entries, as lists that lie one behind the other.
pub fn compress(program: &mut Program, matrix: &Matrix, order: Order) -> Result<Layout, Unordered> {
    let (mut outputs, mut parts) = (Vec::new(), Vec::new());
    for row in 0..matrix.rows.len() {
        for column in (0..matrix.columns.len()).filter(|column| !matrix.symmetric || row >= *column) {
            let mut add = |(tensor, part): (Tensor, Part)| {
                outputs.push(tensor);
                parts.push(part);
            };
            let groups = [row, column];
            match Source::of(program, matrix.block(row, column)) {
                Source::Elements(shape, es) => elements(program, matrix, groups, &shape, &es).into_iter().for_each(add),
                Source::Terms(axes, terms) => {
                    let mut nests: Map<Nest, Expr> = Map::default();
                    for term in terms {
                        let Some((nest, value)) = nest(program, matrix, groups, &axes, term)? else { continue };
                        let sum = nests.entry(nest).or_insert(program.arena.constant(0));
                        *sum = program.arena.add(*sum, value);
                    }
                    for (nest, value) in nests {
                        add(list(program, matrix, groups, nest, value));
                    }
                }
            }
        }
    }
    program.outputs = outputs;
    let (rows, columns) = (matrix.rows.clone(), matrix.columns.clone());
    Ok(Layout { rows, columns, symmetric: matrix.symmetric, parts, flags: Vec::new(), sorted: Some(order) })
}

/// Where a term has entries.
#[derive(PartialEq, Eq, Hash)]
struct Nest {
    /// The loops.
    indices: Vec<Index>,
    /// The row, and behind it the column.
    at: Vec<Affine>,
    /// What must hold.
    when: Vec<Condition>,
}

/// The nest of a term, and its values; nothing if it has no entry.
fn nest(
    program: &mut Program,
    matrix: &Matrix,
    groups: [usize; 2],
    axes: &[Index],
    mut term: Term,
) -> Result<Option<(Nest, Expr)>, Unordered> {
    let mut at: Vec<Option<Affine>> = vec![None; axes.len()];
    let mut sums = term.name_sums(program);
    let mut when = solve(program, &mut term, axes, &mut at, &mut sums);
    let at: Vec<Affine> = axes.iter().zip(at).map(|(i, a)| a.unwrap_or_else(|| Affine::from(*i))).collect();
    let decided = decided(program, &mut term);
    // a sum over positions is a loop
    let is_indexed = |i: &Index, a: &Affine| a.indices().any(|j| j == *i);
    let (summing, looping): (Vec<Index>, Vec<Index>) = sums.into_iter().partition(|i| !at.iter().any(|a| is_indexed(i, a)));
    let own = |c: &Condition| c.leaves().iter().any(|(a, _)| summing.iter().any(|i| is_indexed(i, a)));
    // in a matrix of known lengths others do not decide what is there
    let is_fixed = matrix.is_fixed();
    let mut lengths = Vec::new();
    for (guard, c) in decided {
        if is_fixed && c.is_of_lengths() {
            lengths.push(c);
        } else if own(&c) {
            term.guards.push(guard);
        } else {
            when.push(c);
        }
    }
    let (inner, mut when): (Vec<Condition>, Vec<Condition>) = when.into_iter().partition(own);
    for c in inner {
        term.guards.extend(c.to_expr(&mut program.arena));
    }
    check(program, &term)?;
    term.sum_over(program, &summing);
    if matrix.symmetric && groups[0] == groups[1] {
        let (row, column) = at.split_at(axes.len() / 2);
        let mut differences = row.iter().zip(column).map(|(i, j)| i.plus(j, -1));
        when.push(match differences.len() {
            1 => Condition::Natural(differences.next().expect("there is one")),
            _ => Condition::Ordered(differences.collect()),
        });
    }
    let open = axes.iter().copied().filter(|i| at.iter().any(|a| is_indexed(i, a)));
    let mut indices: Vec<Index> = open.chain(looping).collect();
    if indices.len() > MOST_AXES {
        return Err(Unordered(format!("entries depend on more than {MOST_AXES} indices")));
    }
    if indices.is_empty() {
        indices.push(program.index(Affine::from(1)));
    }
    let value = term.to_expr(program);
    let value = lengths.iter().fold(value, |value, c| c.guard(&mut program.arena, value).unwrap_or(value));
    Ok(needed(program, &indices, when).map(|when| (Nest { indices, at, when }, value)))
}

/// Those conditions that do not hold anyway inside loops; `None` if some never do.
fn needed(program: &mut Program, indices: &[Index], when: Vec<Condition>) -> Option<Vec<Condition>> {
    let mut facts = Facts::inside(program, indices);
    let mut needed = Vec::new();
    for c in when {
        let is_known = c.leaves().iter().all(|(a, _)| a.known().is_some());
        if is_known {
            if c.holds(&Affine::constant) {
                continue;
            }
            return None;
        }
        if let Condition::Natural(a) = &c {
            if facts.tell(program, a) {
                continue;
            }
            if facts.tell(program, &Affine::from(-1).plus(a, -1)) {
                return None;
            }
        }
        if let Some(holds) = c.to_expr(&mut program.arena) {
            facts.assume(program, holds, true);
        }
        needed.push(c);
    }
    Some(needed)
}

/// The list of the values of a nest.
fn list(program: &mut Program, matrix: &Matrix, groups: [usize; 2], nest: Nest, value: Expr) -> (Tensor, Part) {
    // no index belongs to two definitions
    let indices: Vec<Index> = nest.indices.iter().map(|i| program.index(program.length(*i).clone())).collect();
    let own: Vec<Affine> = indices.iter().map(|i| Affine::from(*i)).collect();
    let place = placed(&nest.indices, &own);
    let mut value = program.arena.substitute(value, &place);
    let at: Vec<Affine> = nest.at.iter().map(|a| a.substitute(&place)).collect();
    let when: Vec<Condition> = nest.when.iter().map(|c| c.substitute(&place)).collect();
    for c in &when {
        // elsewhere there may be nothing to be read
        value = c.guard(&mut program.arena, value).unwrap_or(value);
    }
    let (row, column) = at.split_at(matrix.rows[groups[0]].len());
    let place = |group, at: &[Affine]| Place { group, at: at.to_vec() };
    let mut part = Part::Entry { row: place(groups[0], row), column: place(groups[1], column), when };
    for i in indices.iter().rev() {
        part = Part::Loop(*i, program.length(*i).clone(), vec![part]);
    }
    (program.define("values", indices, value), part)
}

/// The list of elements that are not zero.
fn elements(program: &mut Program, matrix: &Matrix, groups: [usize; 2], shape: &[usize], es: &[Expr]) -> Option<(Tensor, Part)> {
    let rank = matrix.rows[groups[0]].len();
    let place = |group, at: &[usize]| Place { group, at: at.iter().map(|k| Affine::from(*k as i64)).collect() };
    let (mut values, mut parts) = (Vec::new(), Vec::new());
    for (at, value) in positions(shape).zip(es) {
        let (row, column) = at.split_at(rank);
        let is_above = matrix.symmetric && groups[0] == groups[1] && row < column;
        if !is_above && !program.arena.is(*value, 0) {
            values.push(*value);
            parts.push(Part::Entry { row: place(groups[0], row), column: place(groups[1], column), when: Vec::new() });
        }
    }
    if values.is_empty() {
        return None;
    }
    let tensor = program.tensor("values", vec![Affine::from(values.len() as i64)], Role::Defined);
    program.definitions.push(Definition { tensor, body: Body::Elements(values) });
    let once = program.index(Affine::from(1));
    Some((tensor, Part::Loop(once, Affine::from(1), parts)))
}
