//! The Jacobians as written by hand: flat memory, the non-zeros in memory order, no index checked
//! twice. Each fills memory that may hold anything (`into`); [`zeroed`] makes fresh memory, in which
//! only the non-zeros are written.

use jac_runtime::linalg;
use ndarray::{Array, Array1, Array2, Array3, Array4, Dimension, ShapeBuilder};

/// Memory that the allocator zeroed.
pub fn zeroed<D: Dimension>(shape: impl ShapeBuilder<Dim = D>) -> Array<f64, D> {
    Array::zeros(shape)
}

fn flat<D: Dimension>(a: &Array<f64, D>) -> &[f64] {
    a.as_slice().expect("standard layout")
}

fn flat_mut<D: Dimension>(a: &mut Array<f64, D>) -> &mut [f64] {
    a.as_slice_mut().expect("standard layout")
}

pub fn sum(j: &mut Array2<f64>) {
    flat_mut(j).fill(1.0);
}

/// `clean`: whether `j` holds zeros.
pub fn a_x(a: &Array2<f64>, j: &mut Array4<f64>, clean: bool) {
    let (n, m) = a.dim();
    let p = j.dim().1;
    let a = flat(a);
    for (i, rows) in flat_mut(j).chunks_exact_mut(p * m * p).enumerate().take(n) {
        for (c, block) in rows.chunks_exact_mut(m * p).enumerate() {
            if !clean {
                block.fill(0.0);
            }
            for (row, a) in block.chunks_exact_mut(p).zip(&a[i * m..][..m]) {
                row[c] = *a;
            }
        }
    }
}

pub fn m_m(m: &Array2<f64>, j: &mut Array4<f64>, clean: bool) {
    let n = m.nrows();
    let m = flat(m);
    for (i, rows) in flat_mut(j).chunks_exact_mut(n * n * n).enumerate() {
        for (c, block) in rows.chunks_exact_mut(n * n).enumerate() {
            if !clean {
                block.fill(0.0);
            }
            for (l, x) in block[i * n..][..n].iter_mut().enumerate() {
                *x = m[l * n + c];
            }
            for (row, x) in block.chunks_exact_mut(n).zip(&m[i * n..][..n]) {
                row[c] += *x;
            }
        }
    }
}

pub fn x_a_x(x: &Array2<f64>, a: &Array2<f64>, j: &mut Array4<f64>, clean: bool) {
    let (n, m) = x.dim();
    // (Xᵀ·A)[i, k], and (A·X)[k, j] as its transpose
    let left = x.t().dot(a);
    let right = x.t().dot(&a.t());
    let (left, right) = (left.as_standard_layout(), right.as_standard_layout());
    let (left, right) = (left.as_slice().expect("standard layout"), right.as_slice().expect("standard layout"));
    for (i, rows) in flat_mut(j).chunks_exact_mut(m * n * m).enumerate() {
        for (c, block) in rows.chunks_exact_mut(n * m).enumerate() {
            if !clean {
                block.fill(0.0);
            }
            for ((row, r), l) in block.chunks_exact_mut(m).zip(&right[c * n..][..n]).zip(&left[i * n..][..n]) {
                row[i] = *r;
                row[c] += *l;
            }
        }
    }
}

pub fn a_x_b(a: &Array2<f64>, b: &Array2<f64>, j: &mut Array4<f64>) {
    let ((n, m), (p, q)) = (a.dim(), b.dim());
    // the columns of B as rows
    let columns = b.t().as_standard_layout().into_owned();
    let (a, columns) = (flat(a), flat(&columns));
    for (i, rows) in flat_mut(j).chunks_exact_mut(q * m * p).enumerate().take(n) {
        for (c, block) in rows.chunks_exact_mut(m * p).enumerate() {
            let column = &columns[c * p..][..p];
            for (row, a) in block.chunks_exact_mut(p).zip(&a[i * m..][..m]) {
                for (x, b) in row.iter_mut().zip(column) {
                    *x = a * b;
                }
            }
        }
    }
}

pub fn layer(a: &Array2<f64>, x: &Array1<f64>, b: &Array1<f64>, j: &mut (Array3<f64>, Array2<f64>, Array2<f64>), clean: bool) {
    let (n, m) = a.dim();
    let (a, x, b) = (flat(a), flat(x), flat(b));
    let (by_a, by_x, by_b) = (flat_mut(&mut j.0), flat_mut(&mut j.1), flat_mut(&mut j.2));
    for i in 0..n {
        if !clean {
            by_a[i * n * m..][..n * m].fill(0.0);
            by_b[i * n..][..n].fill(0.0);
        }
        let row = &a[i * m..][..m];
        let z: f64 = row.iter().zip(x).map(|(a, x)| a * x).sum::<f64>() + b[i];
        let c = z.cosh();
        let slope = 1.0 / (c * c);
        for (y, x) in by_a[(i * n + i) * m..][..m].iter_mut().zip(x) {
            *y = x * slope;
        }
        for (y, a) in by_x[i * m..][..m].iter_mut().zip(row) {
            *y = a * slope;
        }
        by_b[i * n + i] = slope;
    }
}

pub fn inverse(x: &Array2<f64>, j: &mut Array4<f64>) {
    let n = x.nrows();
    let inverse = linalg::inv(x);
    let transposed = inverse.t().as_standard_layout().into_owned();
    let (inverse, transposed) = (flat(&inverse), flat(&transposed));
    let mut rows = flat_mut(j).chunks_exact_mut(n);
    for a in inverse.chunks_exact(n) {
        for b in transposed.chunks_exact(n) {
            for a in a {
                for (x, b) in rows.next().expect("n⁴ entries").iter_mut().zip(b) {
                    *x = -a * b;
                }
            }
        }
    }
}

pub fn ln_det(x: &Array2<f64>, j: &mut Array2<f64>) {
    j.assign(&linalg::inv(x).t());
}
