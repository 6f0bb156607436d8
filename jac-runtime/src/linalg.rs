//! Linear algebra that `#[jacobian]` knows the derivatives of, for arrays of ndarray.
//!
//! ```
//! use jac_runtime::{jacobian, linalg};
//! use ndarray::{array, Array1, Array2};
//!
//! #[jacobian(wrt(b))]
//! fn equilibrium(a: &Array2<f64>, b: &Array1<f64>) -> Array1<f64> {
//!     linalg::solve(a, b)
//! }
//!
//! let a = array![[2.0, 0.0], [1.0, 4.0]];
//! let jacobian = equilibrium_jacobian(&a, &array![1.0, 2.0]);
//! assert_eq!(jacobian, linalg::inv(&a));
//! ```
//!
//! Write them with their module, `linalg::inv(&a)`: the macro sees no imports. They are ordinary
//! functions, over `f32` and `f64`. A derivative factors a matrix once, whatever it then needs of
//! it: the inverse, the determinant, solutions.
//!
//! The factorisations are [nalgebra](https://docs.rs/nalgebra)'s: LU with partial pivoting
//! ([`inv`], [`det`], [`ln_det`], [`solve`]) and Cholesky's. A matrix of known size up to 4×4 has
//! no factorisation in generated code but its cofactors, so that the derivative of [`det`] is right
//! at singular matrices too.

use nalgebra::{DMatrix, DMatrixView, DMatrixViewMut, Dyn};
use ndarray::{Array, Array2, ArrayRef, ArrayRef2, Dimension};

/// The floats there is linear algebra for: `f32` and `f64`.
pub trait Real: sealed::Sealed + nalgebra::RealField + Copy {}

impl Real for f32 {}
impl Real for f64 {}

mod sealed {
    pub trait Sealed {}

    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// Generated code reads it, so that no other module called `linalg` is taken for this one.
#[doc(hidden)]
pub const IS_JAC_RUNTIME: () = ();

/// The inverse of a matrix of shape `[n, n]`.
///
/// Derivative: `∂Y[i,j]/∂A[k,l] = −Y[i,k]·Y[l,j]` for `Y = A⁻¹`.
///
/// # Panics
/// If the matrix is not square, or singular: a pivot is exactly zero.
#[must_use]
pub fn inv<F: Real>(a: &ArrayRef2<F>) -> Array2<F> {
    let mut out = Array2::zeros(a.raw_dim());
    lu("inv", a).inv(slice(&mut out));
    out
}

/// The determinant of a matrix of shape `[n, n]`.
///
/// Derivative: `∂d/∂A[k,l] = d·A⁻¹[l,k]`, which panics where the matrix is singular, but for sizes
/// known to the macro up to 4×4, whose cofactors are right everywhere.
///
/// # Panics
/// If the matrix is not square.
#[must_use]
pub fn det<F: Real>(a: &ArrayRef2<F>) -> F {
    lu("det", a).det()
}

/// The logarithm of the absolute value of the determinant of a matrix of shape `[n, n]`; `-inf` if it is singular.
/// It neither overflows nor underflows where the determinant would.
///
/// Derivative: `A⁻¹[l,k]`, which panics where the matrix is singular.
///
/// # Panics
/// If the matrix is not square.
#[must_use]
pub fn ln_det<F: Real>(a: &ArrayRef2<F>) -> F {
    lu("ln_det", a).ln_det()
}

/// The solution `X` of `A·X = B`, for `A` of shape `[n, n]` and `B` of shape `[n]` or `[n, m]`.
///
/// Derivatives: `∂X[i,j]/∂A[k,l] = −A⁻¹[i,k]·X[l,j]` and `∂X[i,j]/∂B[k,l] = A⁻¹[i,k]·δ(j,l)`; a
/// gradient and a Jacobian-vector product solve again and form no inverse.
///
/// # Panics
/// If `A` is not square or singular, or if the axes `n` differ.
#[must_use]
pub fn solve<F: Real, D: Dimension>(a: &ArrayRef2<F>, b: &ArrayRef<F, D>) -> Array<F, D> {
    let mut out = Array::zeros(b.raw_dim());
    let b = b.as_standard_layout();
    let b = b.as_slice().expect("an array in standard layout");
    let lu = lu("solve", a);
    assert!(matches!(out.ndim(), 1 | 2), "`solve`: the right side has rank {}, expected 1 or 2", out.ndim());
    assert!(out.shape()[0] == lu.n(), "`solve`: the right side has {} rows, expected {}", out.shape()[0], lu.n());
    lu.solve(b, slice(&mut out));
    out
}

/// The lower triangular `L` with `L·Lᵀ = A`, for a positive definite `A` of shape `[n, n]`. Of a
/// matrix that is not symmetric, that of its symmetric part `(A + Aᵀ)/2`.
///
/// Derivative: `dL = L·Φ(L⁻¹·dA·L⁻ᵀ)`, where `Φ` keeps the lower triangle of the symmetric part and
/// half the diagonal (Murray, *Differentiation of the Cholesky decomposition*, 2016); by an element
/// of `A` it is that of the symmetric part, as PyTorch's.
///
/// # Panics
/// If the matrix is not square, or not positive definite.
#[must_use]
pub fn cholesky<F: Real>(a: &ArrayRef2<F>) -> Array2<F> {
    let n = order("cholesky", a);
    let mut out = Array2::zeros(a.raw_dim());
    let a = a.as_standard_layout();
    Cholesky::new(a.as_slice().expect("an array in standard layout"), n).cholesky(slice(&mut out));
    out
}

/// The trace of a matrix of shape `[n, n]`: the sum of its diagonal.
///
/// # Panics
/// If the matrix is not square.
#[must_use]
pub fn trace<F: Real>(a: &ArrayRef2<F>) -> F {
    order("trace", a);
    a.diag().iter().fold(F::zero(), |sum, x| sum + *x)
}

/// The Euclidean norm of an array of any shape: of a matrix, Frobenius'.
///
/// Its derivative at zero is 0, the least of its subgradients.
#[must_use]
pub fn norm<F: Real, D: Dimension>(a: &ArrayRef<F, D>) -> F {
    a.iter().fold(F::zero(), |sum, x| sum + *x * *x).sqrt()
}

fn order<F>(function: &str, a: &ArrayRef2<F>) -> usize {
    let (rows, columns) = a.dim();
    assert!(rows == columns, "`{function}`: the matrix has shape [{rows}, {columns}], expected a square one");
    rows
}

fn lu<F: Real>(function: &str, a: &ArrayRef2<F>) -> Lu<F> {
    let n = order(function, a);
    let a = a.as_standard_layout();
    Lu::new(a.as_slice().expect("an array in standard layout"), n)
}

fn slice<F, D: Dimension>(out: &mut Array<F, D>) -> &mut [F] {
    out.as_slice_mut().expect("a new array is in standard layout")
}

fn row_major<F: Real>(m: &DMatrix<F>, out: &mut [F]) {
    DMatrixViewMut::from_slice(out, m.ncols(), m.nrows()).tr_copy_from(m);
}

fn from_row_major<F: Real>(a: &[F], n: usize, m: usize) -> DMatrix<F> {
    DMatrixView::from_slice(a, m, n).transpose()
}

/// `P·A = L·U`; the slices are row-major.
#[doc(hidden)]
#[derive(Debug)]
pub struct Lu<F: Real>(nalgebra::LU<F, Dyn, Dyn>);

impl<F: Real> Lu<F> {
    #[must_use]
    pub fn new(a: &[F], n: usize) -> Self {
        Lu(from_row_major(a, n, n).lu())
    }

    fn n(&self) -> usize {
        self.0.lu_internal().nrows()
    }

    /// `X = U⁻¹·L⁻¹·P` as LAPACK's `getri`, 4/3·n³ operations, most of them products of matrices;
    /// the library's `try_inverse` solves for the whole identity, zeros and all, in 2·n³.
    #[track_caller]
    pub fn inv(&self, out: &mut [F]) {
        const PANEL: usize = 8;
        let (n, lu, zero, one) = (self.n(), self.0.lu_internal(), F::zero(), F::one());
        assert!(self.0.is_invertible(), "a singular matrix has no inverse");
        let panels = || (0..n).step_by(PANEL).map(|first| (first, n.min(first + PANEL)));
        let mut x = DMatrix::zeros(n, n);
        // U⁻¹ from the left: column j is -U⁻¹·u/u[j], where u is U's, above its diagonal
        for (first, end) in panels() {
            let (left, mut panel) = x.columns_range_pair_mut(..first, first..end);
            panel.rows_mut(0, first).gemm(one, &left.rows(0, first), &lu.view((0, first), (first, end - first)), zero);
            for j in first..end {
                let (left, mut column) = panel.columns_range_pair_mut(..j - first, j - first);
                let scale = one / lu[(j, j)];
                column.rows_mut(0, j).gemv(-scale, &left.rows(0, j), &lu.column(j).rows_range(first..j), -scale);
                column[j] = scale;
            }
        }
        // X·L = U⁻¹ from the right: column j is that of U⁻¹ less the later ones of X times L's
        for (first, end) in panels().rev() {
            let (mut panel, right) = x.columns_range_pair_mut(first..end, end..);
            panel.gemm(-one, &right, &lu.view((end, first), (n - end, end - first)), one);
            for j in (first..end).rev() {
                let (mut column, right) = panel.columns_range_pair_mut(j - first, j + 1 - first..);
                column.gemv(-one, &right, &lu.column(j).rows_range(j + 1..end), one);
            }
        }
        self.0.p().inv_permute_columns(&mut x);
        row_major(&x, out);
    }

    #[must_use]
    pub fn det(&self) -> F {
        self.0.determinant()
    }

    #[must_use]
    pub fn ln_det(&self) -> F {
        let lu = self.0.lu_internal();
        (0..self.n()).fold(F::zero(), |sum, i| sum + lu[(i, i)].abs().ln())
    }

    /// `A⁻¹·b`, for any number of columns.
    #[track_caller]
    pub fn solve(&self, b: &[F], out: &mut [F]) {
        self.columns(b, out, |x| assert!(self.0.solve_mut(x), "a singular matrix has no solution"));
    }

    /// `A⁻ᵀ·b`, for any number of columns.
    #[track_caller]
    pub fn tr_solve(&self, b: &[F], out: &mut [F]) {
        let l = self.0.l();
        self.columns(b, out, |x| {
            let solved = self.0.lu_internal().tr_solve_upper_triangular_mut(x) && l.tr_solve_lower_triangular_mut(x);
            assert!(solved, "a singular matrix has no solution");
            self.0.p().inv_permute_rows(x);
        });
    }

    #[track_caller]
    fn columns(&self, b: &[F], out: &mut [F], solve: impl FnOnce(&mut DMatrix<F>)) {
        let n = self.n();
        let mut x = from_row_major(b, n, b.len().checked_div(n).unwrap_or_default());
        solve(&mut x);
        row_major(&x, out);
    }
}

/// `(A + Aᵀ)/2 = L·Lᵀ`; the slices are row-major.
#[doc(hidden)]
#[derive(Debug)]
pub struct Cholesky<F: Real>(nalgebra::Cholesky<F, Dyn>);

impl<F: Real> Cholesky<F> {
    #[track_caller]
    #[must_use]
    pub fn new(a: &[F], n: usize) -> Self {
        let symmetric = DMatrix::from_column_slice(n, n, a).symmetric_part();
        Cholesky(symmetric.cholesky().expect("the matrix is not positive definite"))
    }

    pub fn cholesky(&self, out: &mut [F]) {
        row_major(&self.0.l(), out);
    }
}
