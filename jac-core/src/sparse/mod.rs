//! Sparse matrices: the entries that are not zero, in one list.
//!
//! A derivative of known lengths is given element by element, and those that are not the constant 0 are its entries. In one of
//! run-time lengths the deltas say where entries are: for a given column (or row) each term has one element at a row that is
//! affine in the column, or one at every row. `strands` reads that off, and `pieces` cuts the columns into ranges in which the
//! same terms are there in the same order. Within a range an entry's position in the list is affine, so that the list is an
//! ordinary definition, which is lowered and emitted like any other. Nothing is coloured or probed, and nothing is computed that
//! is no entry. Where there are no such ranges (triangles, columns over three run-time axes, diagonals of run-time lengths),
//! `unsorted` lists the entries term by term, and they are sorted when the function runs.

mod condition;
mod pieces;
mod strands;
mod triangles;
mod unsorted;

pub use condition::Condition;

use crate::ir::{positions, Affine, Body, Definition, Expr, Index, Map, Program, Role, Size, Symbol, Tensor};
use std::ops::Add;

/// The order of the entries.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Order {
    /// Column by column, the rows ascending.
    #[default]
    Columns,
    /// Row by row, the columns ascending.
    Rows,
    /// Block by block, results outermost, and in each row by row.
    Blocks,
    /// Diagonal by diagonal from the lower left corner, the rows ascending.
    Diagonals,
}

/// Where the entries of a matrix are, in their order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Layout {
    /// The shapes of what the rows are the elements of, one after the other.
    pub rows: Vec<Vec<Affine>>,
    /// The same of the columns.
    pub columns: Vec<Vec<Affine>>,
    /// Whether the matrix is symmetric, and only its lower triangle is there.
    pub symmetric: bool,
    /// The entries.
    pub parts: Vec<Part>,
    /// The integers that say which ranges of columns there are.
    pub flags: Vec<Flag>,
    /// If there, `parts` lists what is computed in an order of its own: those whose conditions hold are sorted in this one, and
    /// what is there twice is added.
    pub sorted: Option<Order>,
}

/// Some entries, in their order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Part {
    /// One.
    Entry {
        /// Its row.
        row: Place,
        /// Its column.
        column: Place,
        /// What must hold for it to be there.
        when: Vec<Condition>,
    },
    /// Those of each position of an index, of which there are so many.
    Loop(Index, Affine, Vec<Part>),
}

/// A row or column: an element of a result or input.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// Which result or input.
    pub group: usize,
    /// Which element.
    pub at: Vec<Affine>,
}

/// An integer that lengths decide.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Flag {
    /// The integer.
    pub size: Size,
    /// What it is.
    pub is: Decided,
}

/// What an integer is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decided {
    /// 1 where these are 0 or more, and 0 elsewhere.
    Whether(Vec<Affine>),
    /// This, and 0 where it is negative.
    Length(Affine),
}

/// Why entries have no order that is known when the function is compiled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unordered(pub String);

impl Unordered {
    /// The reason in the words of the matrix, where rows were taken for columns.
    fn seen(self, transposed: bool) -> Unordered {
        Unordered(if transposed { self.0.replace("column", "row") } else { self.0 })
    }
}

/// The blocks of a matrix.
struct Matrix {
    rows: Vec<Vec<Affine>>,
    columns: Vec<Vec<Affine>>,
    /// Row-major.
    blocks: Vec<Tensor>,
    symmetric: bool,
}

/// Turns a program that computes a Jacobian, or second derivatives as results, into one whose results are the entries that are
/// not zero: one list, or several that lie one behind the other. Values of the function beside a Jacobian stay in front of them.
///
/// # Errors
/// If the order of the entries depends on more than is known.
pub fn compress(program: &mut Program, order: Order, second: bool) -> Result<Layout, Unordered> {
    let matrix = Matrix::of(program, second);
    let values = if second { Vec::new() } else { std::mem::take(&mut program.outputs) };
    let layout = match elements(program, &matrix) {
        Some(entries) => listed(program, matrix, order, entries),
        None => {
            triangles::guard(program, &matrix.blocks);
            let mut ranges = program.clone();
            match pieces::compress(&mut ranges, &matrix, order) {
                Ok(layout) => {
                    *program = ranges;
                    layout
                }
                Err(_) => unsorted::compress(program, &matrix, order)?,
            }
        }
    };
    program.blocks.clear();
    program.outputs.splice(0..0, values);
    program.prune();
    Ok(layout)
}

impl Matrix {
    fn of(program: &Program, second: bool) -> Matrix {
        let columns: Vec<Vec<Affine>> = program.wrt.iter().map(|x| program.info(*x).shape.clone()).collect();
        if second {
            return Matrix { rows: columns.clone(), columns, blocks: program.outputs.clone(), symmetric: true };
        }
        let blocks: Vec<Tensor> = program.blocks.iter().map(|b| b.tensor).collect();
        let rows = blocks.iter().step_by(columns.len().max(1));
        let own = |t: &Tensor| {
            let shape = &program.info(*t).shape;
            shape[..shape.len() - columns[0].len()].to_vec()
        };
        Matrix { rows: rows.map(own).collect(), columns, blocks, symmetric: false }
    }

    /// Whether all lengths are known.
    fn is_fixed(&self) -> bool {
        self.rows.iter().chain(&self.columns).flatten().all(|n| n.known().is_some())
    }

    fn block(&self, row: usize, column: usize) -> Tensor {
        self.blocks[row * self.columns.len() + column]
    }
}

/// An entry of known position.
struct Known {
    row: (usize, Vec<usize>),
    column: (usize, Vec<usize>),
    value: Expr,
}

/// The elements that are not zero, if all that there is is given element by element.
fn elements(program: &Program, matrix: &Matrix) -> Option<Vec<Known>> {
    let mut entries = Vec::new();
    for (group, shape) in matrix.rows.iter().enumerate() {
        for (other, columns) in matrix.columns.iter().enumerate() {
            let elements = match &program.definition(matrix.block(group, other))?.body {
                Body::Elements(es) => es.as_slice(),
                Body::Each(indices, e) if indices.is_empty() => std::slice::from_ref(e),
                _ => return None,
            };
            let all = [shape.as_slice(), columns].concat();
            for (at, value) in positions(&crate::ir::lengths(&all)).zip(elements) {
                if !program.arena.is(*value, 0) {
                    let (row, column) = at.split_at(shape.len());
                    entries.push(Known { row: (group, row.to_vec()), column: (other, column.to_vec()), value: *value });
                }
            }
        }
    }
    Some(entries)
}

/// The list of entries of known positions.
fn listed(program: &mut Program, matrix: Matrix, order: Order, mut entries: Vec<Known>) -> Layout {
    if matrix.symmetric {
        entries.retain(|e| e.row >= e.column);
    }
    let flat = |shapes: &[Vec<Affine>], (group, at): &(usize, Vec<usize>)| {
        let shapes: Vec<Vec<usize>> = shapes.iter().map(|s| crate::ir::lengths(s)).collect();
        let before: usize = shapes[..*group].iter().map(|s| s.iter().product::<usize>()).sum();
        (before + at.iter().zip(&shapes[*group]).fold(0, |sum, (k, n)| sum * n + k)) as i64
    };
    entries.sort_by_cached_key(|e| match order {
        Order::Columns => (0, e.column.clone(), e.row.clone()),
        Order::Rows => (0, e.row.clone(), e.column.clone()),
        Order::Blocks => (0, (e.row.0, vec![e.column.0]), (0, [e.row.1.as_slice(), &e.column.1].concat())),
        Order::Diagonals => (flat(&matrix.columns, &e.column) - flat(&matrix.rows, &e.row), e.row.clone(), e.column.clone()),
    });
    let place = |(group, at): &(usize, Vec<usize>)| Place { group: *group, at: at.iter().map(|k| Affine::from(*k as i64)).collect() };
    let parts = entries.iter().map(|e| Part::Entry { row: place(&e.row), column: place(&e.column), when: Vec::new() }).collect();
    let tensor = program.tensor("values", vec![Affine::from(entries.len() as i64)], Role::Defined);
    program.definitions.push(Definition { tensor, body: Body::Elements(entries.iter().map(|e| e.value).collect()) });
    program.outputs = vec![tensor];
    Layout { rows: matrix.rows, columns: matrix.columns, symmetric: matrix.symmetric, parts, flags: Vec::new(), sorted: None }
}

impl Layout {
    /// The values of the flags behind those of all other sizes.
    pub fn add_flags(&self, sizes: &mut Vec<i64>) {
        for flag in &self.flags {
            let number = |a: &Affine| value(a, &|s| sizes[s.0 as usize], &Map::default());
            let is = match &flag.is {
                Decided::Whether(conditions) => i64::from(conditions.iter().all(|c| number(c) >= 0)),
                Decided::Length(length) => number(length).max(0),
            };
            sizes.resize(sizes.len().max(flag.size.0 as usize + 1), 0);
            sizes[flag.size.0 as usize] = is;
        }
    }

    /// The lengths and integers that it depends on, in the order in which they can be computed.
    pub fn sizes(&self) -> Vec<Size> {
        let mut found = std::collections::BTreeSet::new();
        let mut add = |a: &Affine| found.extend(a.sizes());
        self.rows.iter().chain(&self.columns).flatten().for_each(&mut add);
        let mut waiting: Vec<&Part> = self.parts.iter().collect();
        while let Some(part) = waiting.pop() {
            match part {
                Part::Entry { row, column, when } => {
                    row.at.iter().chain(&column.at).for_each(&mut add);
                    when.iter().flat_map(Condition::leaves).for_each(|(a, _)| add(a));
                }
                Part::Loop(_, length, inner) => {
                    add(length);
                    waiting.extend(inner);
                }
            }
        }
        for flag in &self.flags {
            match &flag.is {
                Decided::Whether(conditions) => conditions.iter().for_each(&mut add),
                Decided::Length(length) => add(length),
            }
        }
        // those that lengths decide were made after these
        found.into_iter().collect()
    }

    /// The number of elements of each group of rows, or columns, at some lengths.
    pub fn counts(groups: &[Vec<Affine>], size: &dyn Fn(Size) -> i64) -> Vec<usize> {
        let length = |n: &Affine| usize::try_from(value(n, size, &Map::default())).unwrap_or(0);
        groups.iter().map(|shape| shape.iter().map(length).product()).collect()
    }

    /// The number of values that are computed at some lengths.
    pub fn count(&self, size: &dyn Fn(Size) -> i64) -> usize {
        fn of(parts: &[Part], size: &dyn Fn(Size) -> i64) -> usize {
            let part = |part: &Part| match part {
                Part::Entry { .. } => 1,
                Part::Loop(_, length, inner) => {
                    usize::try_from(value(length, size, &Map::default())).unwrap_or(0).saturating_mul(of(inner, size))
                }
            };
            parts.iter().map(part).fold(0, usize::saturating_add)
        }
        of(&self.parts, size)
    }

    /// The entries at some lengths: the element of a group that each row and column is.
    pub fn entries(&self, size: &dyn Fn(Size) -> i64) -> Vec<[(usize, usize); 2]> {
        let mut entries: Vec<[(usize, usize); 2]> = self.listed(size).into_iter().flatten().collect();
        let Some(order) = self.sorted else { return entries };
        let flat = |groups: &[Vec<Affine>], (group, at): (usize, usize)| Layout::counts(&groups[..group], size).iter().sum::<usize>() + at;
        entries.sort_by_cached_key(|[row, column]| match order {
            Order::Columns => ([column.0, column.1, row.0], row.1),
            Order::Rows => ([row.0, row.1, column.0], column.1),
            Order::Blocks => ([row.0, column.0, row.1], column.1),
            Order::Diagonals => {
                let (row, column) = (flat(&self.rows, *row), flat(&self.columns, *column));
                let rows = Layout::counts(&self.rows, size).iter().sum::<usize>();
                ([rows + column - row, row, 0], 0)
            }
        });
        entries.dedup();
        entries
    }

    /// Of each value that is computed the entry that it belongs to, if that is there.
    fn listed(&self, size: &dyn Fn(Size) -> i64) -> Vec<Option<[(usize, usize); 2]>> {
        let mut out = Vec::new();
        self.walk(&self.parts, size, &mut Map::default(), &mut out);
        out
    }

    fn walk(&self, parts: &[Part], size: &dyn Fn(Size) -> i64, at: &mut Map<Index, i64>, out: &mut Vec<Option<[(usize, usize); 2]>>) {
        for part in parts {
            match part {
                Part::Loop(i, length, inner) => {
                    for k in 0..value(length, size, at) {
                        at.insert(*i, k);
                        self.walk(inner, size, at, out);
                    }
                    at.swap_remove(i);
                }
                Part::Entry { when, .. } if !when.iter().all(|c| c.holds(&|a| value(a, size, at))) => out.push(None),
                Part::Entry { row, column, .. } => {
                    let flat = |shapes: &[Vec<Affine>], place: &Place| {
                        let axes = place.at.iter().zip(&shapes[place.group]);
                        let flat = axes.fold(0, |sum, (a, n)| sum * value(n, size, at) + value(a, size, at));
                        (place.group, flat as usize)
                    };
                    out.push(Some([flat(&self.rows, row), flat(&self.columns, column)]));
                }
            }
        }
    }

    /// The matrix of some values at some lengths, as blocks, row-major; what is not there is `zero`. An entry that is there twice
    /// is an error, as is one outside; what is sorted is added.
    ///
    /// # Errors
    /// What is wrong.
    pub fn scatter<F: Copy + Add<Output = F>>(&self, values: &[F], zero: F, size: &dyn Fn(Size) -> i64) -> Result<Vec<Vec<F>>, String> {
        let (rows, columns) = (Layout::counts(&self.rows, size), Layout::counts(&self.columns, size));
        let mut blocks: Vec<Vec<F>> = rows.iter().flat_map(|m| columns.iter().map(move |n| vec![zero; m * n])).collect();
        let mut seen: Vec<Vec<bool>> = blocks.iter().map(|b| vec![false; b.len()]).collect();
        let listed = self.listed(size);
        if listed.len() != values.len() {
            return Err(format!("there are {} values for {} entries", values.len(), listed.len()));
        }
        for (entry, value) in listed.into_iter().zip(values) {
            let Some([(a, i), (b, j)]) = entry else { continue };
            let block = a * columns.len() + b;
            let is_inside = i < rows[a] && j < columns[b];
            let twice = is_inside && std::mem::replace(&mut seen[block][i * columns[b] + j], true);
            if !is_inside || twice && self.sorted.is_none() {
                return Err(format!("the entry ({i}, {j}) of block {block} is outside it, or there twice"));
            }
            let place = &mut blocks[block][i * columns[b] + j];
            *place = if twice { *place + *value } else { *value };
            let sum = *place;
            if self.symmetric {
                blocks[b * columns.len() + a][j * columns[a] + i] = sum;
            }
        }
        Ok(blocks)
    }
}

/// An affine expression in numbers.
fn value(a: &Affine, size: &dyn Fn(Size) -> i64, at: &Map<Index, i64>) -> i64 {
    let symbol = |s: &Symbol| match s {
        Symbol::Size(n) => size(*n),
        Symbol::Index(i) => at[i],
        Symbol::Bound(_) => unreachable!("no position of an entry is in a sum"),
    };
    a.terms().iter().fold(a.constant(), |sum, (s, c)| sum + c * symbol(s))
}

#[cfg(test)]
mod tests;
