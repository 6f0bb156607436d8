//! `jac_runtime::linalg` over dual numbers, by elimination without a library: what the derivatives
//! of the real one are checked against.

use super::D;
use ndarray::{s, Array, Array1, Array2, ArrayBase, Data, Dimension};

/// `[A B]` reduced to `[1 A⁻¹B]`, and the pivots' product.
fn reduced(a: &Array2<D>, b: &Array2<D>) -> (Array2<D>, D) {
    let n = a.nrows();
    let mut rows = ndarray::concatenate![ndarray::Axis(1), *a, *b];
    let mut det = D::new(1.0);
    for k in 0..n {
        let largest = (k..n).max_by(|p, q| rows[[*p, k]].re().abs().total_cmp(&rows[[*q, k]].re().abs())).unwrap_or(k);
        if largest != k {
            for j in 0..rows.ncols() {
                rows.swap([largest, j], [k, j]);
            }
            det = -det;
        }
        let pivot = rows[[k, k]];
        det *= pivot;
        for j in 0..rows.ncols() {
            rows[[k, j]] /= pivot;
        }
        for i in (0..n).filter(|i| *i != k) {
            let factor = rows[[i, k]];
            for j in 0..rows.ncols() {
                rows[[i, j]] = rows[[i, j]] - factor * rows[[k, j]];
            }
        }
    }
    (rows.slice(s![.., n..]).to_owned(), det)
}

/// The inverse.
pub fn inv(a: &Array2<D>) -> Array2<D> {
    reduced(a, &Array2::from_shape_fn(a.dim(), |(i, j)| D::new(f64::from(u8::from(i == j))))).0
}

/// The determinant.
pub fn det(a: &Array2<D>) -> D {
    reduced(a, &Array2::from_shape_fn((a.nrows(), 0), |_| D::new(0.0))).1
}

/// The logarithm of its absolute value.
pub fn ln_det(a: &Array2<D>) -> D {
    det(a).abs().ln()
}

/// The solution of a linear system.
pub fn solve<N: Dimension>(a: &Array2<D>, b: &Array<D, N>) -> Array<D, N> {
    let columns = b.len() / a.nrows();
    let flat: Array1<D> = b.iter().copied().collect();
    let matrix = flat.into_shape_with_order((a.nrows(), columns)).expect("a vector or matrix");
    let (x, _) = reduced(a, &matrix);
    Array::from_shape_vec(b.raw_dim(), x.iter().copied().collect()).expect("the shape of `b`")
}

/// The lower Cholesky factor of the symmetric part.
pub fn cholesky(a: &Array2<D>) -> Array2<D> {
    let n = a.nrows();
    let mut l = Array2::from_elem((n, n), D::new(0.0));
    for j in 0..n {
        for i in j..n {
            let mut rest = (a[[i, j]] + a[[j, i]]) * D::new(0.5);
            for k in 0..j {
                rest -= l[[i, k]] * l[[j, k]];
            }
            l[[i, j]] = if i == j { rest.sqrt() } else { rest / l[[j, j]] };
        }
    }
    l
}

/// The trace.
pub fn trace(a: &Array2<D>) -> D {
    a.diag().iter().copied().sum()
}

/// The Euclidean norm.
pub fn norm<S: Data<Elem = D>, N: Dimension>(a: &ArrayBase<S, N>) -> D {
    a.iter().map(|x| *x * *x).sum::<D>().sqrt()
}
