//! Columns of a run-time number in ranges, in each of which the same entries are there in the same order.
//!
//! In a few first columns and a few last ones entries may be missing that those in between have. How many follows from where the
//! signs of the differences change that decide anything; with fewer columns than that, each number of them is a case of its own.
//! So a band matrix has a list for the first columns, one for those in between and one for the last, and a short one for each
//! small number of columns. Which of them there are, flags say: lengths that are 0 or 1.
//!
//! What holds in a range is found out by numbers, for a column in it and a length that is long enough.
//!
//! Rows and columns are meant the other way round where the order is by rows.

use super::strands::{is_listed, Position, Source, Strand, View};
use super::{Condition, Decided, Flag, Layout, Matrix, Order, Part, Place, Unordered};
use crate::ir::{is_natural, positions, Affine, Expr, Index, Map, Program, Size, SizeKind, SizeVar, Symbol};
use crate::ops::Op;
use std::collections::BTreeMap;

/// Along axes of no more positions each is one of its own.
const LISTED: i64 = 16;
/// Matrices in which more columns at both ends are special are refused, as each number of columns up to that is a case.
const MOST_ENDS: i64 = 16;
/// A run-time length that is long enough for all ends.
const ENOUGH: i64 = 1_000;
/// So are those with more entries to write out.
const MOST_ENTRIES: usize = 2_000;

/// Defines the entries, as lists that lie one behind the other.
pub fn compress(program: &mut Program, matrix: &Matrix, order: Order) -> Result<Layout, Unordered> {
    if order == Order::Diagonals {
        return Err(Unordered("diagonals are for known lengths".into()));
    }
    let transposed = order != Order::Columns;
    let mut sources: BTreeMap<(usize, usize), Source> = BTreeMap::new();
    for row in 0..matrix.rows.len() {
        for column in 0..matrix.columns.len() {
            if !matrix.symmetric || row >= column {
                let source = Source::of(program, matrix.block(row, column));
                sources.insert((row, column), source);
            }
        }
    }
    let (majors, minors) = if transposed { (&matrix.rows, &matrix.columns) } else { (&matrix.columns, &matrix.rows) };
    let mut build = Build {
        program,
        matrix,
        sources: &sources,
        transposed,
        only: None,
        outputs: Vec::new(),
        parts: Vec::new(),
        flags: Vec::new(),
        count: 0,
    };
    let all: Vec<usize> = (0..minors.len()).collect();
    let groups: Vec<(usize, Vec<usize>)> = match order {
        Order::Blocks => (0..majors.len()).flat_map(|m| all.iter().map(move |k| (m, vec![*k]))).collect(),
        _ => (0..majors.len()).map(|m| (m, all.clone())).collect(),
    };
    for (major, minors) in groups {
        if majors[major].iter().any(|n| !is_listed(n, LISTED)) {
            build.group(major, &minors).map_err(|why| why.seen(build.transposed))?;
            continue;
        }
        // few columns: along each, the rows are what is cut in pieces
        for column in positions(&crate::ir::lengths(&majors[major])) {
            for minor in &minors {
                build.only = Some(column.clone());
                build.transposed = !transposed;
                build.group(*minor, &[major]).map_err(|why| why.seen(build.transposed))?;
            }
        }
        (build.only, build.transposed) = (None, transposed);
    }
    let Build { outputs, parts, flags, .. } = build;
    program.outputs = outputs;
    let (rows, columns) = (matrix.rows.clone(), matrix.columns.clone());
    Ok(Layout { rows, columns, symmetric: matrix.symmetric, parts, flags, sorted: None })
}

struct Build<'a> {
    program: &'a mut Program,
    matrix: &'a Matrix,
    sources: &'a BTreeMap<(usize, usize), Source>,
    transposed: bool,
    /// Of the rows the one that is looked at, if not all are.
    only: Option<Vec<usize>>,
    outputs: Vec<crate::ir::Tensor>,
    parts: Vec<Part>,
    flags: Vec<Flag>,
    /// The entries that were written out.
    count: usize,
}

/// All that may be in the columns of a group: for each position along the short axes in between the long ones, and behind them,
/// the strands of each group of rows.
struct Columns {
    group: usize,
    between: Vec<Vec<Behind>>,
}

/// The positions along the axes of a column, and the strands of each group of rows there.
type Behind = (Vec<Affine>, Vec<(usize, Vec<Strand>)>);

/// An axis of a run-time length, or a long one.
struct Axis {
    index: Index,
    length: Affine,
    /// The run-time length that it is made from.
    size: Option<Size>,
    /// The special positions at its beginning, and at its end.
    ends: [i64; 2],
}

/// Positions along an axis at which the same holds.
struct Piece {
    /// They are as many as this, at an index; without it, there is one for each of `each`.
    index: Option<Index>,
    each: Vec<Along>,
}

/// A position along an axis, and as a number, with a length for which that is so.
#[derive(Clone)]
struct Along {
    index: Index,
    at: Affine,
    number: i64,
    size: Option<(Size, i64)>,
}

/// Entries of a column that lie one behind the other.
struct Run {
    /// Where the first is in the list.
    first: Affine,
    /// How many lie between two of one row of `values`.
    stride: i64,
    /// For each position of this index.
    along: Option<Index>,
    /// And of this one, with how much there is for each of its positions.
    around: Option<(Index, i64)>,
    /// Their values, and rows; one that is added to another is no entry of its own.
    entries: Vec<(i64, Expr, Option<Place>)>,
}

impl Build<'_> {
    /// The columns of a group.
    fn group(&mut self, group: usize, minors: &[usize]) -> Result<(), Unordered> {
        let majors = if self.transposed { &self.matrix.rows } else { &self.matrix.columns };
        let shape = majors[group].clone();
        let long: Vec<usize> = (0..shape.len()).filter(|k| !is_listed(&shape[*k], LISTED)).collect();
        if long.len() > 2 {
            return Err(Unordered("columns are those of more than two axes whose lengths are not known".into()));
        }
        let indices: Vec<Index> = long.iter().map(|k| self.program.index(shape[*k].clone())).collect();
        // the short axes: before the first long one, in between, and behind
        let starts = [long.first().map_or(0, |k| *k), long.last().map_or(0, |k| *k)];
        let axes = |from: usize, to: usize| -> Vec<usize> {
            let short = (from..to).filter(|k| !long.contains(k));
            short.map(|k| shape[k].known().unwrap_or(0) as usize).collect()
        };
        let (before, between, behind) = (axes(0, starts[0]), axes(starts[0], starts[1]), axes(starts[1], shape.len()));
        for first in positions(&before) {
            let mut columns = Columns { group, between: Vec::new() };
            for middle in positions(&between) {
                let mut all = Vec::new();
                for last in positions(&behind) {
                    let mut short = first.iter().chain(&middle).chain(&last).map(|k| Affine::from(*k as i64));
                    let mut long_ones = indices.iter().map(|i| Affine::from(*i));
                    let position = |k: usize| if long.contains(&k) { long_ones.next() } else { short.next() };
                    let at: Vec<Affine> = (0..shape.len()).filter_map(position).collect();
                    let mut strands = Vec::new();
                    for minor in minors {
                        strands.push((*minor, self.strands(group, *minor, &at)?));
                    }
                    all.push((at, strands));
                }
                columns.between.push(all);
            }
            let mut axes = indices.iter().map(|i| self.axis(&columns, *i, &indices)).collect::<Result<Vec<Axis>, Unordered>>()?;
            // axes of one length are long enough together
            let least = |axis: &Axis| axis.ends[0] + axis.ends[1] - axis.length.constant();
            for k in 0..axes.len() {
                let all = axes.iter().filter(|a| a.size.is_some() && a.size == axes[k].size).map(least).max();
                let more = all.map_or(0, |all| all - least(&axes[k]));
                axes[k].ends[0] += more;
            }
            let mut pieces = axes.iter().map(|a| self.pieces(a)).collect::<Result<Vec<Vec<Piece>>, Unordered>>()?;
            let whole = || vec![Piece { index: None, each: Vec::new() }];
            let [inner, outer] = [pieces.pop(), pieces.pop()];
            let (outer, inner) = match (outer, inner) {
                (Some(outer), inner) => (outer, inner),
                (None, Some(only)) => (only, None),
                (None, None) => (whole(), None),
            };
            for piece in &outer {
                self.define(&columns, piece, inner.as_deref())?;
            }
        }
        Ok(())
    }

    /// What the columns at a position have in a group of rows.
    fn strands(&mut self, major: usize, minor: usize, at: &[Affine]) -> Result<Vec<Strand>, Unordered> {
        let (row, column) = if self.transposed { (major, minor) } else { (minor, major) };
        let Some(source) = self.sources.get(&(row, column)) else { return Ok(Vec::new()) };
        let shape = if self.transposed { &self.matrix.columns[column] } else { &self.matrix.rows[row] };
        // an element by element has positions along every axis
        let longest = if matches!(source, Source::Elements(..)) { i64::MAX } else { LISTED };
        let listed = shape.iter().filter(|n| is_listed(n, longest)).filter_map(|n| Some(n.known()? as usize)).collect();
        let mut strands = source
            .strands(self.program, &View { major: at.to_vec(), listed, only: self.only.clone(), longest, transposed: self.transposed })?;
        let majors = if self.transposed { &self.matrix.rows } else { &self.matrix.columns };
        let own: Vec<Size> = majors[major].iter().flat_map(Affine::sizes).collect();
        strands.iter_mut().for_each(|strand| self.guard(strand, &own));
        if self.matrix.symmetric && row == column {
            for strand in &mut strands {
                let mut differences = Vec::new();
                for (own, other) in strand.at.iter().zip(at) {
                    match own {
                        Position::At(a) if self.transposed => differences.push(other.plus(a, -1)),
                        Position::At(a) => differences.push(a.plus(other, -1)),
                        // what was different before it decides
                        Position::All(_) if differences.iter().any(|d: &Affine| d.known().is_some_and(|d| d != 0)) => break,
                        Position::All(_) => return Err(Unordered("how many entries a column has depends on the column".into())),
                    }
                }
                strand.conditions.push(Condition::Ordered(differences));
            }
        }
        Ok(strands)
    }

    /// Conditions on lengths that are not of the columns' axes decide the value: the entry is there, and may be 0.
    fn guard(&mut self, strand: &mut Strand, own: &[Size]) {
        let foreign = |a: &Affine| a.sizes().any(|n| !own.contains(&n));
        for condition in std::mem::take(&mut strand.conditions) {
            let leaves = condition.leaves();
            let decides = leaves.iter().any(|(a, _)| foreign(a)) && !leaves.iter().any(|(a, _)| a.is_indexed());
            match decides.then(|| condition.guard(&mut self.program.arena, strand.value)).flatten() {
                Some(value) => strand.value = value,
                None => strand.conditions.push(condition),
            }
        }
    }

    /// Where the columns along an axis begin to be like each other, and where that ends.
    fn axis(&self, columns: &Columns, index: Index, all: &[Index]) -> Result<Axis, Unordered> {
        let several = || Unordered("which entries there are depends on several lengths or axes at once".into());
        let length = self.program.length(index).clone();
        let size = match length.terms() {
            [] => None,
            [(Symbol::Size(n), 1)] => Some(*n),
            _ => return Err(Unordered("the length of an axis is not that of a parameter".into())),
        };
        let mut axis = Axis { index, length, size, ends: [0, 0] };
        let sizes: Vec<Size> =
            all.iter().filter_map(|i| self.program.length(*i).terms().first()).filter_map(|(s, _)| size_of(*s)).collect();
        let own = Symbol::Index(index);
        let mut change = |difference: &Affine, behind: &[i64]| {
            // what other axes decide is for them
            let others = difference.indices().any(|i| i != index && all.contains(&i));
            let foreign = difference.terms().iter().all(|(s, _)| size_of(*s).is_some_and(|n| Some(n) != size && sizes.contains(&n)));
            if others && difference.coefficient(own) == 0 || foreign && !difference.terms().is_empty() {
                return Ok(());
            }
            axis.change(difference, behind).ok_or_else(several)
        };
        for (_, strands) in columns.between.iter().flatten().flat_map(|(_, groups)| groups) {
            for strand in strands {
                for (difference, is_natural) in strand.conditions.iter().flat_map(Condition::leaves) {
                    // from where it holds on, or behind what it holds up to
                    let changes: &[i64] = match is_natural {
                        true if difference.coefficient(own) > 0 => &[0],
                        true => &[1],
                        false => &[0, 1],
                    };
                    change(difference, changes)?;
                }
            }
            // where one passes the other, their order changes
            for (k, a) in strands.iter().enumerate() {
                for b in &strands[..k] {
                    let pairs = a.at.iter().zip(&b.at).filter_map(|pair| match pair {
                        (Position::At(a), Position::At(b)) => Some(a.plus(b, -1)),
                        _ => None,
                    });
                    for difference in pairs {
                        change(&difference, &[0, 1])?;
                    }
                }
            }
        }
        Ok(axis)
    }

    /// The positions along an axis, cut where something changes.
    fn pieces(&mut self, axis: &Axis) -> Result<Vec<Piece>, Unordered> {
        let [low, high] = axis.ends;
        let ends = low + high;
        if ends > MOST_ENDS {
            return Err(Unordered(format!("{ends} columns at the ends differ from those in between")));
        }
        let less = |k: i64| axis.length.plus(&Affine::from(k), -1);
        let mut out = Vec::new();
        let mut add = |index: Option<Index>, each: Vec<Along>| {
            if !each.is_empty() {
                out.push(Piece { index, each });
            }
        };
        let between = |build: &mut Self, size: Option<(Size, i64)>| {
            let index = build.program.index(less(ends));
            (index, vec![Along { index: axis.index, at: Affine::from(index).plus(&Affine::from(low), 1), number: low + 3, size }])
        };
        let Some(size) = axis.size else {
            let n = axis.length.known().unwrap_or(0);
            let known = |k: i64| Along { index: axis.index, at: Affine::from(k), number: k, size: None };
            if n <= ends {
                add(None, (0..n).map(known).collect());
                return Ok(out);
            }
            add(None, (0..low).map(known).collect());
            let (index, each) = between(self, None);
            add(Some(index), each);
            add(None, (n - high..n).map(known).collect());
            return Ok(out);
        };
        // the size for a length
        let sized = |length: i64| Some((size, length - axis.length.constant()));
        let along = |at: Affine, number: i64, length: i64| Along { index: axis.index, at, number, size: sized(length) };
        for n in 0..ends {
            // there is no negative size, and nothing where there is no column
            if n >= axis.length.constant().max(1) {
                let is_this = self.flagged(vec![less(n), less(n).times(-1)]);
                add(Some(is_this), (0..n).map(|k| along(Affine::from(k), k, n)).collect());
            }
        }
        let enough = ENOUGH + axis.length.constant();
        if low > 0 {
            let is_long = self.flagged(vec![less(ends)]);
            add(Some(is_long), (0..low).map(|k| along(Affine::from(k), k, enough)).collect());
        }
        let (index, each) = between(self, sized(enough));
        add(Some(index), each);
        if high > 0 {
            let is_long = self.flagged(vec![less(ends)]);
            add(Some(is_long), (1..=high).rev().map(|k| along(less(k), enough - k, enough)).collect());
        }
        Ok(out)
    }

    /// An index that has one position where these are 0 or more, and otherwise none.
    fn flagged(&mut self, conditions: Vec<Affine>) -> Index {
        let length = self.decided(Decided::Whether(conditions));
        self.program.index(length)
    }

    /// An integer that lengths decide.
    fn decided(&mut self, is: Decided) -> Affine {
        if let Some(flag) = self.flags.iter().find(|f| f.is == is) {
            return Affine::from(flag.size);
        }
        let size = Size(self.program.sizes.len() as u32);
        let names = || self.program.sizes.iter().map(|s| &s.name).chain(self.program.tensors.iter().map(|t| &t.name));
        let stem = if matches!(is, Decided::Whether(_)) { "is" } else { "length" };
        let name = (1..).map(|k| format!("{stem}_{k}")).find(|name| names().all(|n| n != name)).expect("some name is free");
        self.program.sizes.push(SizeVar { name, kind: SizeKind::Integer });
        self.flags.push(Flag { size, is });
        Affine::from(size)
    }

    /// Defines the list of the entries of some columns: at a piece of an axis, and along all of another inside it, if there is one.
    fn define(&mut self, columns: &Columns, outer: &Piece, inner: Option<&[Piece]>) -> Result<(), Unordered> {
        let mut runs: Vec<Run> = Vec::new();
        let mut length = Affine::default();
        let mut parts = Vec::new();
        // an axis of its own, unless what it has is cut in pieces
        let alone = match inner {
            Some([piece]) if piece.each.len() == 1 && outer.each.len() == 1 && columns.between.len() == 1 => piece.index,
            _ => None,
        };
        let nothing = || vec![Piece { index: None, each: Vec::new() }];
        let around: Vec<Option<&Along>> = if outer.each.is_empty() { vec![None] } else { outer.each.iter().map(Some).collect() };
        let of_nothing = nothing();
        for first in around {
            for behind in &columns.between {
                for piece in inner.unwrap_or(&of_nothing) {
                    let from = runs.len();
                    let mut width = Affine::default();
                    let mut own_parts = Vec::new();
                    let each: Vec<Option<&Along>> = if piece.each.is_empty() { vec![None] } else { piece.each.iter().map(Some).collect() };
                    for second in each {
                        let column: Vec<&Along> = first.into_iter().chain(second).collect();
                        if contradictory(&column) {
                            continue;
                        }
                        self.cells(columns.group, behind, &column, &mut width, &mut runs, &mut own_parts)?;
                    }
                    if width == Affine::default() {
                        runs.truncate(from);
                        continue;
                    }
                    match piece.index {
                        Some(index) if Some(index) != alone => {
                            let Some(stride) = width.known() else {
                                return Err(Unordered("columns of run-time lengths are cut in pieces".into()));
                            };
                            for run in &mut runs[from..] {
                                run.first = run.first.plus(&length, 1);
                                run.around = Some((index, stride));
                            }
                            let count = self.program.length(index).clone();
                            // what is behind stands where it is, though there be nothing here
                            let all = if is_natural(&count) { count.clone() } else { self.decided(Decided::Length(count.clone())) };
                            length = length.plus(&all, stride);
                            parts.push(Part::Loop(index, count, own_parts));
                        }
                        _ => {
                            runs[from..].iter_mut().for_each(|run| run.first = run.first.plus(&length, 1));
                            length = length.plus(&width, 1);
                            parts.extend(own_parts);
                        }
                    }
                }
            }
        }
        if length == Affine::default() {
            return Ok(());
        }
        self.count += runs.iter().map(|r| r.entries.len()).sum::<usize>();
        if self.count > MOST_ENTRIES {
            return Err(Unordered(format!("it takes more than {MOST_ENTRIES} formulas")));
        }
        let along = self.program.index(length);
        let value = self.value(&runs, along);
        let indices: Vec<Index> = outer.index.into_iter().chain(alone).chain([along]).collect();
        let tensor = self.program.define("values", indices, value);
        self.outputs.push(tensor);
        for index in [alone, outer.index].into_iter().flatten() {
            parts = vec![Part::Loop(index, self.program.length(index).clone(), parts)];
        }
        self.parts.extend(parts);
        Ok(())
    }

    /// The entries of a column at given positions along the long axes.
    fn cells(
        &mut self,
        group: usize,
        behind: &[Behind],
        column: &[&Along],
        length: &mut Affine,
        runs: &mut Vec<Run>,
        parts: &mut Vec<Part>,
    ) -> Result<(), Unordered> {
        for (at, strands) in behind {
            let place = Place { group, at: at.iter().map(|a| a.substitute(|s| at_column(column, s))).collect() };
            for (group, strands) in strands {
                let first = runs.len();
                self.column(strands, *group, column, length, runs)?;
                for run in &runs[first..] {
                    let entry = |row: &Place| match self.transposed {
                        true => Part::Entry { row: place.clone(), column: row.clone(), when: Vec::new() },
                        false => Part::Entry { row: row.clone(), column: place.clone(), when: Vec::new() },
                    };
                    let entries: Vec<Part> = run.entries.iter().filter_map(|(_, _, row)| row.as_ref().map(entry)).collect();
                    match run.along {
                        Some(i) => parts.push(Part::Loop(i, self.program.length(i).clone(), entries)),
                        None => parts.extend(entries),
                    }
                }
            }
        }
        Ok(())
    }

    /// The list's element at an index.
    fn value(&mut self, runs: &[Run], along: Index) -> Expr {
        let length = self.program.length(along).clone();
        if let [Run { along: Some(i), around: None, stride: 1, entries, .. }] = runs {
            if let ([(0, e, _)], true) = (entries.as_slice(), *self.program.length(*i) == length) {
                let with = |s: Symbol| (s == Symbol::Index(*i)).then(|| Affine::from(along));
                return self.program.arena.substitute(*e, &with);
            }
        }
        let mut sum = self.program.arena.constant(0);
        for run in runs {
            for (k, e, _) in &run.entries {
                let first = run.first.plus(&Affine::from(*k), 1);
                let at = run.along.map_or(first.clone(), |i| first.plus(&Affine::from(i), run.stride));
                let at = run.around.map_or(at.clone(), |(i, stride)| at.plus(&Affine::from(i), stride));
                let delta = self.program.arena.delta(&at, &Affine::from(along));
                let mut value = if self.program.arena.is(delta, 1) { *e } else { self.program.arena.apply(Op::Mul, vec![delta, *e]) };
                for i in run.along.into_iter().chain(run.around.map(|(i, _)| i)) {
                    value = self.program.sum_over(i, value);
                }
                sum = if self.program.arena.is(sum, 0) { value } else { self.program.arena.apply(Op::Add, vec![sum, value]) };
            }
        }
        sum
    }

    /// The entries of a column in a group of rows, behind those that there are.
    fn column(
        &mut self,
        strands: &[Strand],
        group: usize,
        column: &[&Along],
        length: &mut Affine,
        runs: &mut Vec<Run>,
    ) -> Result<(), Unordered> {
        let number = |a: &Affine| {
            let symbol = |s: &Symbol| match s {
                Symbol::Index(i) => column.iter().find(|a| a.index == *i).map_or(0, |a| a.number),
                Symbol::Size(n) => column.iter().filter_map(|a| a.size).find(|(m, _)| m == n).map_or(ENOUGH, |(_, size)| size),
                Symbol::Bound(_) => 0,
            };
            a.terms().iter().fold(a.constant(), |sum, (s, c)| sum + c * symbol(s))
        };
        let at_column = |s: Symbol| at_column(column, s);
        let there: Vec<&Strand> = strands.iter().filter(|l| l.conditions.iter().all(|c| c.holds(&number))).collect();
        let axis = |l: &Strand| l.at.iter().position(|p| matches!(p, Position::All(_)));
        let all: Vec<usize> = there.iter().filter_map(|l| axis(l)).collect();
        if all.iter().any(|k| *k != all[0]) || there.iter().any(|l| l.at.iter().filter(|p| matches!(p, Position::All(_))).count() > 1) {
            return Err(Unordered("a column is filled along several axes whose lengths are not known".into()));
        }
        // the elements, by their positions before the axis that is filled and behind it
        let numbers = |positions: &[Position]| -> Vec<i64> {
            let of = |p: &Position| match p {
                Position::At(a) => number(a),
                Position::All(_) => 0,
            };
            positions.iter().map(of).collect()
        };
        let split = all.first().copied();
        let mut clusters: BTreeMap<Vec<i64>, Vec<&Strand>> = BTreeMap::new();
        for strand in &there {
            clusters.entry(numbers(&strand.at[..split.unwrap_or(strand.at.len())])).or_default().push(strand);
        }
        for cluster in clusters.into_values() {
            let behind = |l: &Strand| split.map_or(Vec::new(), |k| numbers(&l.at[k + 1..]));
            let (filling, single): (Vec<&Strand>, Vec<&Strand>) = cluster.into_iter().partition(|l| axis(l).is_some());
            let place = |l: &Strand| {
                let at = l.at.iter().map(|p| match p {
                    Position::At(a) => a.substitute(at_column),
                    Position::All(i) => Affine::from(*i),
                });
                Place { group, at: at.collect() }
            };
            let mut sums: Map<Vec<i64>, (Expr, Place)> = Map::default();
            let among = if filling.is_empty() { &single } else { &filling };
            for strand in among {
                let key = if filling.is_empty() { numbers(&strand.at) } else { behind(strand) };
                let value = self.program.arena.substitute(strand.value, &at_column);
                match sums.get_mut(&key) {
                    Some((sum, _)) => *sum = self.program.arena.add(*sum, value),
                    None => _ = sums.insert(key, (value, place(strand))),
                }
            }
            sums.retain(|_, (sum, _)| !self.program.arena.is(*sum, 0));
            sums.sort_keys();
            let first = length.clone();
            let stride = sums.len() as i64;
            let entries = sums.values().enumerate().map(|(k, (sum, row))| (k as i64, *sum, Some(row.clone()))).collect();
            let Some(Position::All(i)) = filling.first().map(|l| &l.at[split.expect("an axis that is filled")]) else {
                *length = length.plus(&Affine::from(stride), 1);
                runs.push(Run { first, stride, along: None, around: None, entries });
                continue;
            };
            *length = length.plus(self.program.length(*i), stride);
            runs.push(Run { first: first.clone(), stride, along: Some(*i), around: None, entries });
            for strand in single {
                let k = sums.get_index_of(&behind(strand));
                let (Some(k), Position::At(a)) = (k, &strand.at[split.expect("an axis that is filled")]) else {
                    return Err(Unordered("a column is filled along one axis, and has single entries between those".into()));
                };
                let at = first.plus(&a.substitute(at_column), stride);
                let value = self.program.arena.substitute(strand.value, &at_column);
                runs.push(Run { first: at, stride, along: None, around: None, entries: vec![(k as i64, value, None)] });
            }
        }
        Ok(())
    }
}

/// What stands for a symbol in a column.
fn at_column(column: &[&Along], s: Symbol) -> Option<Affine> {
    column.iter().find(|a| Symbol::Index(a.index) == s).map(|a| a.at.clone())
}

/// Whether one length would be two numbers: there is no such column.
fn contradictory(column: &[&Along]) -> bool {
    let sizes: Vec<(Size, i64)> = column.iter().filter_map(|a| a.size).collect();
    sizes.iter().any(|a| sizes.iter().any(|b| a.0 == b.0 && a.1 != b.1))
}

fn size_of(s: Symbol) -> Option<Size> {
    match s {
        Symbol::Size(n) => Some(n),
        Symbol::Index(_) | Symbol::Bound(_) => None,
    }
}

impl Axis {
    /// Takes into account that something changes where a difference is 0, or so far behind it; `None` if that is not near an end.
    fn change(&mut self, difference: &Affine, behind: &[i64]) -> Option<()> {
        let own = Symbol::Index(self.index);
        let others = difference.terms().iter().filter(|(s, _)| *s != own && Some(*s) != self.size.map(Symbol::Size));
        if others.count() > 0 {
            return None;
        }
        let by_size = self.size.map_or(0, |n| difference.coefficient(Symbol::Size(n)));
        let constant = difference.constant();
        match (difference.coefficient(own), by_size) {
            (0, 0) => {}
            // by the length alone: from some length on it stays as it is
            (0, by_size) => {
                let last = (constant.abs() + by_size.abs() - 1) / by_size.abs() + self.length.constant().abs() + 1;
                self.ends[0] = self.ends[0].max(last - self.ends[1]);
            }
            (by_column @ (1 | -1), by_size) => {
                // where it is 0: a number, or so far before the end
                let (at, size) = (-constant * by_column, -by_size * by_column);
                for behind in behind {
                    let change = at + behind;
                    match (size, self.size, self.length.known()) {
                        (0, None, Some(n)) if 2 * change > n => self.ends[1] = self.ends[1].max(n - change),
                        (0, ..) => self.ends[0] = self.ends[0].max(change),
                        (1, Some(_), _) => self.ends[1] = self.ends[1].max(self.length.constant() - change),
                        _ => return None,
                    }
                }
            }
            _ => return None,
        }
        Some(())
    }
}
