//! Where the entries of a sparse matrix are.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::ops::Add;

/// The positions of the entries of a sparse matrix that may differ from zero, in the order in which a generated
/// `f_jacobian_values` or `f_hessian_values` writes their values.
///
/// A Jacobian has a row for each element of the results, one result behind the other and each row-major, and a column for
/// each element of the inputs likewise. Of a Hessian, whose rows and columns are the elements of the inputs, only the lower
/// triangle is there.
///
/// The order is by columns unless the attribute says something else, so that the values are those of a CSC matrix as they
/// are:
///
/// ```
/// use jac_runtime::jacobian;
///
/// #[jacobian(sparse)]
/// fn residuals(x: &[f64; 3]) -> [f64; 2] {
///     [x[0] * x[1], x[2].sin()]
/// }
///
/// let pattern = residuals_jacobian_pattern();
/// let mut values = vec![0.0; pattern.nnz()];
/// residuals_jacobian_values(&[2.0, 3.0, 0.0], &mut values);
/// let entries: Vec<_> = pattern.triplets().zip(&values).collect();
/// assert_eq!(entries, [((0, 0), &3.0), ((0, 1), &2.0), ((1, 2), &1.0)]);
/// let csc = pattern.csc();
/// assert_eq!((csc.pointers, csc.indices), (vec![0, 1, 2, 3], vec![0, 0, 1]));
/// ```
///
/// The matrix types of other crates, with `p` for the pattern, `c` for `p.csc()` and `values` in the order by columns:
///
/// ```text
/// nalgebra-sparse   CscMatrix::try_from_csc_data(p.rows(), p.columns(), c.pointers, c.indices, values)?
/// faer              SparseColMat::new(SymbolicSparseColMat::new_checked(p.rows(), p.columns(), c.pointers, None, c.indices), values)
/// sprs              CsMat::new_csc((p.rows(), p.columns()), c.pointers, c.indices, values)
/// triplets          p.triplets().zip(&values).map(|((row, column), value)| (row, column, *value))
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Pattern {
    rows: usize,
    columns: usize,
    row_indices: Cow<'static, [usize]>,
    column_indices: Cow<'static, [usize]>,
}

/// A pattern compressed by columns or rows, as CSC and CSR matrices hold it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Compressed {
    /// Where the entries of each column, or row, begin in `indices`, and behind them where the last ends: one more than there
    /// are columns, or rows.
    pub pointers: Vec<usize>,
    /// The rows of the entries column by column, ascending, or their columns row by row.
    pub indices: Vec<usize>,
    /// For each of `indices`, the position of its value among the values in the order of the pattern.
    pub order: Vec<usize>,
}

/// The entries on a diagonal.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Diagonal {
    /// Column minus row: 0 for the main diagonal, positive above it.
    pub offset: isize,
    /// The rows of the entries, ascending.
    pub rows: Vec<usize>,
    /// For each of `rows`, the position of its value among the values in the order of the pattern.
    pub order: Vec<usize>,
}

impl Pattern {
    /// The pattern of a matrix from the positions of its entries, in the order of their values.
    ///
    /// # Panics
    /// If there are not as many rows as columns, or an entry is outside the matrix.
    #[must_use]
    pub fn new(rows: usize, columns: usize, row_indices: Vec<usize>, column_indices: Vec<usize>) -> Pattern {
        assert!(row_indices.len() == column_indices.len(), "{} rows for {} columns", row_indices.len(), column_indices.len());
        for (row, column) in row_indices.iter().zip(&column_indices) {
            assert!(*row < rows && *column < columns, "the entry ({row}, {column}) is outside a matrix of shape {rows} × {columns}");
        }
        Pattern { rows, columns, row_indices: Cow::Owned(row_indices), column_indices: Cow::Owned(column_indices) }
    }

    /// What generated code makes of constants.
    #[doc(hidden)]
    #[must_use]
    pub const fn from_constants(rows: usize, columns: usize, row_indices: &'static [usize], column_indices: &'static [usize]) -> Pattern {
        Pattern { rows, columns, row_indices: Cow::Borrowed(row_indices), column_indices: Cow::Borrowed(column_indices) }
    }

    /// The number of rows of the matrix.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns of the matrix.
    #[must_use]
    pub const fn columns(&self) -> usize {
        self.columns
    }

    /// The number of entries: the length of the values.
    #[must_use]
    pub fn nnz(&self) -> usize {
        self.row_indices.len()
    }

    /// The row of each entry, in the order of the values.
    #[must_use]
    pub fn row_indices(&self) -> &[usize] {
        &self.row_indices
    }

    /// The column of each entry, in the order of the values.
    #[must_use]
    pub fn column_indices(&self) -> &[usize] {
        &self.column_indices
    }

    /// The row and column of each entry, in the order of the values.
    pub fn triplets(&self) -> impl ExactSizeIterator<Item = (usize, usize)> + '_ {
        self.row_indices.iter().copied().zip(self.column_indices.iter().copied())
    }

    /// The pattern by columns. In O(non-zeros + columns), or O(non-zeros · log) if the entries are in another order.
    #[must_use]
    pub fn csc(&self) -> Compressed {
        compressed(self.columns, &self.column_indices, &self.row_indices)
    }

    /// The pattern by rows. In O(non-zeros + rows), or O(non-zeros · log) if the entries are in another order.
    #[must_use]
    pub fn csr(&self) -> Compressed {
        compressed(self.rows, &self.row_indices, &self.column_indices)
    }

    /// The diagonals that have entries, from the lower left corner to the upper right one.
    #[must_use]
    pub fn diagonals(&self) -> Vec<Diagonal> {
        let mut entries: Vec<(isize, usize, usize)> =
            self.triplets().enumerate().map(|(at, (row, column))| (column as isize - row as isize, row, at)).collect();
        entries.sort_unstable();
        let diagonals = entries.chunk_by(|a, b| a.0 == b.0);
        let diagonal = |entries: &[(isize, usize, usize)]| Diagonal {
            offset: entries[0].0,
            rows: entries.iter().map(|e| e.1).collect(),
            order: entries.iter().map(|e| e.2).collect(),
        };
        diagonals.map(diagonal).collect()
    }
}

impl Compressed {
    /// The values in this order, from those in the order of the pattern.
    ///
    /// # Panics
    /// If there are fewer values than entries.
    #[must_use]
    pub fn gather<F: Copy>(&self, values: &[F]) -> Vec<F> {
        self.order.iter().map(|at| values[*at]).collect()
    }
}

/// The entries of a matrix whose values are computed in an order of their own.
#[doc(hidden)]
#[derive(Debug)]
pub struct Sorted {
    rows: usize,
    columns: usize,
    /// The block, row and column of each value that is computed, if it belongs to an entry.
    places: Vec<Option<[usize; 3]>>,
    /// The values that do, in the order asked for, each with whether it is the first of its entry.
    order: Vec<(usize, bool)>,
    /// The number of entries.
    count: usize,
}

impl Sorted {
    /// Sorts by a number below `limit`, and then by another one.
    fn new(
        rows: usize,
        columns: usize,
        places: Vec<Option<[usize; 3]>>,
        limit: usize,
        major: impl Fn([usize; 3]) -> usize,
        minor: impl Fn([usize; 3]) -> usize,
    ) -> Sorted {
        let mut firsts = alloc::vec![0; limit + 1];
        for place in places.iter().flatten() {
            let [_, row, column] = *place;
            assert!(row < rows && column < columns, "the entry ({row}, {column}) is outside a matrix of shape {rows} × {columns}");
            firsts[major(*place) + 1] += 1;
        }
        for k in 0..limit {
            firsts[k + 1] += firsts[k];
        }
        let mut sorted = alloc::vec![(0, 0); firsts[limit]];
        let mut next = firsts.clone();
        for (at, place) in places.iter().enumerate() {
            if let Some(place) = place {
                let next = &mut next[major(*place)];
                sorted[*next] = (minor(*place), at);
                *next += 1;
            }
        }
        let mut order = Vec::with_capacity(sorted.len());
        let mut count = 0;
        for ends in firsts.windows(2) {
            let own = &mut sorted[ends[0]..ends[1]];
            own.sort_unstable();
            for k in 0..own.len() {
                let is_first = k == 0 || own[k].0 != own[k - 1].0;
                count += usize::from(is_first);
                order.push((own[k].1, is_first));
            }
        }
        Sorted { rows, columns, places, order, count }
    }

    #[must_use]
    pub fn by_columns(rows: usize, columns: usize, places: Vec<Option<[usize; 3]>>) -> Sorted {
        Sorted::new(rows, columns, places, columns, |[_, _, column]| column, |[_, row, _]| row)
    }

    #[must_use]
    pub fn by_rows(rows: usize, columns: usize, places: Vec<Option<[usize; 3]>>) -> Sorted {
        Sorted::new(rows, columns, places, rows, |[_, row, _]| row, |[_, _, column]| column)
    }

    #[must_use]
    pub fn by_blocks(rows: usize, columns: usize, places: Vec<Option<[usize; 3]>>) -> Sorted {
        let count = places.iter().flatten().map(|[block, ..]| block + 1).max().unwrap_or(0);
        Sorted::new(rows, columns, places, count, |[block, ..]| block, |[_, row, column]| row * columns + column)
    }

    #[must_use]
    pub fn by_diagonals(rows: usize, columns: usize, places: Vec<Option<[usize; 3]>>) -> Sorted {
        Sorted::new(rows, columns, places, rows + columns, |[_, row, column]| column + rows - row, |[_, row, _]| row)
    }

    /// The number of entries.
    #[must_use]
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Where they are.
    #[must_use]
    pub fn pattern(&self) -> Pattern {
        let first = |(at, is_first): &(usize, bool)| self.places[*at].filter(|_| *is_first);
        let (rows, columns) = self.order.iter().filter_map(first).map(|[_, row, column]| (row, column)).unzip();
        Pattern::new(self.rows, self.columns, rows, columns)
    }

    /// Writes the values of the entries, of which there must be as many, from those that were computed.
    pub fn gather<F: Copy + Add<Output = F>>(&self, computed: &[F], values: &mut [F]) {
        let mut next = 0;
        for (at, is_first) in &self.order {
            next += usize::from(*is_first);
            let value = &mut values[next - 1];
            *value = if *is_first { computed[*at] } else { *value + computed[*at] };
        }
    }
}

/// The entries by their major positions, of which there are `count`, and then by the minor ones.
fn compressed(count: usize, major: &[usize], minor: &[usize]) -> Compressed {
    let mut pointers = alloc::vec![0; count + 1];
    for at in major {
        pointers[at + 1] += 1;
    }
    for k in 0..count {
        pointers[k + 1] += pointers[k];
    }
    let key = |k: &usize| (major[*k], minor[*k]);
    let mut order: Vec<usize> = (0..major.len()).collect();
    if !order.is_sorted_by_key(key) {
        order.sort_unstable_by_key(key);
    }
    Compressed { pointers, indices: order.iter().map(|k| minor[*k]).collect(), order }
}

/// The blocks of a matrix, row-major and zero where there is no entry: `rows` and `columns` are the numbers of elements of the
/// results and inputs. Of a symmetric matrix the entries stand for those above the diagonal, too.
#[doc(hidden)]
#[must_use]
pub fn scattered(pattern: &Pattern, values: &[f64], rows: &[usize], columns: &[usize], symmetric: bool) -> Vec<Vec<f64>> {
    let mut blocks: Vec<Vec<f64>> = rows.iter().flat_map(|m| columns.iter().map(move |n| alloc::vec![0.0; m * n])).collect();
    let place = |lengths: &[usize], mut at: usize| {
        for (group, length) in lengths.iter().enumerate() {
            match at.checked_sub(*length) {
                Some(behind) => at = behind,
                None => return (group, at),
            }
        }
        panic!("position {at} is behind the last element")
    };
    for ((row, column), value) in pattern.triplets().zip(values) {
        let mut put = |row: usize, column: usize| {
            let ((a, i), (b, j)) = (place(rows, row), place(columns, column));
            // an entry that is there twice would hide the other
            blocks[a * columns.len() + b][i * columns[b] + j] += *value;
        };
        put(row, column);
        if symmetric && row != column {
            put(column, row);
        }
    }
    blocks
}

/// The blocks of a matrix, row-major, as its elements are: `rows` and `columns` are the numbers of elements of the results and
/// inputs.
#[doc(hidden)]
#[must_use]
pub fn unstacked(matrix: &[f64], rows: &[usize], columns: &[usize]) -> Vec<Vec<f64>> {
    let (width, mut left, mut blocks) = (columns.iter().sum::<usize>(), matrix, Vec::new());
    for height in rows {
        let (own, rest) = left.split_at(height * width);
        left = rest;
        let mut first = 0;
        for count in columns {
            blocks.push((0..*height).flat_map(|row| &own[row * width + first..][..*count]).copied().collect());
            first += count;
        }
    }
    blocks
}

/// A part of a list of entries as an array of a given number of axes: what generated code stores into.
macro_rules! list {
    ($name:ident, $rank:literal, $dim:ty, |$shape:ident| $as_dim:expr) => {
        #[doc(hidden)]
        #[derive(Debug)]
        pub struct $name<'a, F> {
            shape: [usize; $rank],
            slice: &'a mut [F],
        }

        impl<'a, F> $name<'a, F> {
            #[inline]
            #[must_use]
            pub fn new(shape: [usize; $rank], slice: &'a mut [F]) -> Self {
                Self { shape, slice }
            }

            #[inline]
            #[must_use]
            pub fn dim(&self) -> $dim {
                let $shape = self.shape;
                $as_dim
            }

            #[inline]
            #[must_use]
            pub fn shape(&self) -> &[usize] {
                &self.shape
            }

            #[inline]
            pub fn as_slice_mut(&mut self) -> Option<&mut [F]> {
                Some(self.slice)
            }
        }
    };
}

list!(List1, 1, usize, |shape| shape[0]);
list!(List2, 2, (usize, usize), |shape| (shape[0], shape[1]));
list!(List3, 3, (usize, usize, usize), |shape| (shape[0], shape[1], shape[2]));
list!(List4, 4, (usize, usize, usize, usize), |shape| (shape[0], shape[1], shape[2], shape[3]));
list!(List5, 5, (usize, usize, usize, usize, usize), |shape| (shape[0], shape[1], shape[2], shape[3], shape[4]));
list!(List6, 6, (usize, usize, usize, usize, usize, usize), |shape| (shape[0], shape[1], shape[2], shape[3], shape[4], shape[5]));

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn values_are_sorted_and_what_belongs_together_is_added() {
        // blocks of one row and two columns, beside each other
        let all = || vec![Some([1, 0, 2]), None, Some([0, 0, 1]), Some([0, 0, 0]), Some([1, 0, 2]), Some([2, 1, 0])];
        let found = |sorted: Sorted| {
            let mut values = vec![0.0; sorted.len()];
            sorted.gather(&[1.0, 9.0, 2.0, 3.0, 4.0, 5.0], &mut values);
            (sorted.pattern().triplets().collect::<Vec<_>>(), values)
        };
        assert_eq!(found(Sorted::by_columns(2, 4, all())), (vec![(0, 0), (1, 0), (0, 1), (0, 2)], vec![3.0, 5.0, 2.0, 5.0]));
        assert_eq!(found(Sorted::by_rows(2, 4, all())), (vec![(0, 0), (0, 1), (0, 2), (1, 0)], vec![3.0, 2.0, 5.0, 5.0]));
        assert_eq!(found(Sorted::by_blocks(2, 4, all())).0, [(0, 0), (0, 1), (0, 2), (1, 0)]);
        assert_eq!(found(Sorted::by_diagonals(2, 4, all())).0, [(1, 0), (0, 0), (0, 1), (0, 2)]);
    }

    /// By columns `[[1, 0, 2], [0, 3, 0], [4, 0, 0]]`.
    fn pattern() -> Pattern {
        Pattern::new(3, 3, vec![0, 2, 1, 0], vec![0, 0, 1, 2])
    }

    #[test]
    fn columns_come_as_they_are_and_rows_are_sorted() {
        let csc = pattern().csc();
        assert_eq!((csc.pointers, csc.indices, csc.order), (vec![0, 2, 3, 4], vec![0, 2, 1, 0], vec![0, 1, 2, 3]));
        let csr = pattern().csr();
        assert_eq!(csr.gather(&[1.0, 4.0, 3.0, 2.0]), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!((csr.pointers, csr.indices), (vec![0, 2, 3, 4], vec![0, 2, 1, 0]));
    }

    #[test]
    fn empty_columns_have_equal_pointers() {
        let csc = Pattern::new(2, 4, vec![1], vec![2]).csc();
        assert_eq!(csc.pointers, [0, 0, 0, 1, 1]);
        assert_eq!(Pattern::new(0, 0, vec![], vec![]).csr().pointers, [0]);
    }

    #[test]
    fn diagonals_go_from_the_lower_left_to_the_upper_right() {
        let diagonals = pattern().diagonals();
        let found: Vec<_> = diagonals.iter().map(|d| (d.offset, &d.rows[..], &d.order[..])).collect();
        assert_eq!(found, [(-2, &[2][..], &[1][..]), (0, &[0, 1], &[0, 2]), (2, &[0], &[3])]);
    }

    #[test]
    #[should_panic(expected = "the entry (3, 0) is outside a matrix of shape 3 × 3")]
    fn an_entry_outside_is_refused() {
        let _ = Pattern::new(3, 3, vec![3], vec![0]);
    }

    #[test]
    fn blocks_are_filled_and_mirrored() {
        let pattern = Pattern::new(3, 3, vec![0, 2], vec![0, 0]);
        let blocks = scattered(&pattern, &[1.0, 5.0], &[1, 2], &[1, 2], true);
        assert_eq!(blocks, [vec![1.0], vec![0.0, 5.0], vec![0.0, 5.0], vec![0.0; 4]]);
    }
}
