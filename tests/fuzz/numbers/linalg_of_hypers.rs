//! Functions of whole matrices by elimination, without a library.

use crate::{c, H};
use ndarray::{s, Array, Array1, Array2, ArrayBase, Axis, Data, Dimension};

/// `[A B]` reduced to `[1 A⁻¹B]`, and the product of the pivots.
fn reduced(a: &Array2<H>, b: &Array2<H>) -> (Array2<H>, H) {
    let n = a.nrows();
    let mut rows = ndarray::concatenate![Axis(1), *a, *b];
    let mut det = c(1.0);
    for k in 0..n {
        let largest = (k..n).max_by(|p, q| rows[[*p, k]].p[0].abs().total_cmp(&rows[[*q, k]].p[0].abs())).unwrap_or(k);
        if largest != k {
            (0..rows.ncols()).for_each(|j| rows.swap([largest, j], [k, j]));
            det = -det;
        }
        let pivot = rows[[k, k]];
        det *= pivot;
        (0..rows.ncols()).for_each(|j| rows[[k, j]] /= pivot);
        for i in (0..n).filter(|i| *i != k) {
            let factor = rows[[i, k]];
            for j in 0..rows.ncols() {
                rows[[i, j]] = rows[[i, j]] - factor * rows[[k, j]];
            }
        }
    }
    (rows.slice(s![.., n..]).to_owned(), det)
}

pub fn inv(a: &Array2<H>) -> Array2<H> {
    reduced(a, &Array2::from_shape_fn(a.dim(), |(i, j)| c(f64::from(u8::from(i == j))))).0
}

pub fn det(a: &Array2<H>) -> H {
    reduced(a, &Array2::from_elem((a.nrows(), 0), c(0.0))).1
}

pub fn ln_det(a: &Array2<H>) -> H {
    det(a).abs().ln()
}

/// The lower triangle `L` of `L·Lᵀ = a`.
pub fn cholesky(a: &Array2<H>) -> Array2<H> {
    let n = a.nrows();
    let mut l = Array2::from_elem((n, n), c(0.0));
    for i in 0..n {
        for j in 0..=i {
            let rest = (0..j).fold(a[[i, j]], |s, k| s - l[[i, k]] * l[[j, k]]);
            l[[i, j]] = if i == j { rest.sqrt() } else { rest / l[[j, j]] };
        }
    }
    l
}

pub fn solve<N: Dimension>(a: &Array2<H>, b: &Array<H, N>) -> Array<H, N> {
    let columns = b.len() / a.nrows().max(1);
    let flat: Array1<H> = b.iter().copied().collect();
    let (x, _) = reduced(a, &flat.into_shape_with_order((a.nrows(), columns)).expect("a vector or matrix"));
    Array::from_shape_vec(b.raw_dim(), x.iter().copied().collect()).expect("the shape of `b`")
}

pub fn trace(a: &Array2<H>) -> H {
    a.diag().iter().copied().sum()
}

/// By convention a norm has the derivative 0 at 0.
pub fn norm<S: Data<Elem = H>, N: Dimension>(a: &ArrayBase<S, N>) -> H {
    a.iter().map(|x| *x * *x).sum::<H>().sqrt()
}
