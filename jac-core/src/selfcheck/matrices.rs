//! Functions of whole matrices over any numbers, by elimination: the derivatives come from the numbers.

use super::number::Real;
use crate::ops::{Intrinsic, Op};

/// The elements of `f(a, b)`, row-major, for `a` of shape `[n, n]`.
pub fn intrinsic<R: Real>(f: Intrinsic, a: &[R], b: &[R], n: usize) -> Vec<R> {
    let transposed = || (0..n * n).map(|k| a[k % n * n + k / n]).collect::<Vec<R>>();
    match f {
        Intrinsic::Inv => {
            let identity: Vec<R> = (0..n * n).map(|k| R::new(f64::from(u8::from(k % (n + 1) == 0)))).collect();
            eliminate(a, &identity, n).0
        }
        Intrinsic::Det => vec![eliminate(a, &[], n).1],
        Intrinsic::LnDet => vec![eliminate(a, &[], n).1.unary(Op::Abs).unary(Op::Ln)],
        Intrinsic::Solve | Intrinsic::SolveColumns => eliminate(a, b, n).0,
        Intrinsic::TrSolve | Intrinsic::TrSolveColumns => eliminate(&transposed(), b, n).0,
        Intrinsic::Cholesky => cholesky(a, n),
    }
}

/// `A⁻¹·B` by Gauss's elimination with pivots, and the determinant.
fn eliminate<R: Real>(a: &[R], b: &[R], n: usize) -> (Vec<R>, R) {
    let width = b.len().checked_div(n).unwrap_or_default();
    let mut rows: Vec<Vec<R>> = (0..n).map(|i| a[i * n..][..n].iter().chain(&b[i * width..][..width]).copied().collect()).collect();
    let mut determinant = R::new(1.0);
    for k in 0..n {
        let size = |row: &Vec<R>| row[k].rounded().value.abs();
        let pivot = (k..n).max_by(|p, q| size(&rows[*p]).total_cmp(&size(&rows[*q]))).unwrap_or(k);
        if pivot != k {
            rows.swap(pivot, k);
            determinant = -determinant;
        }
        let row = rows[k].clone();
        determinant = determinant * row[k];
        if size(&row) == 0.0 {
            // the rules for matrices of any size need the inverse
            determinant = determinant.unknown();
        }
        for other in &mut rows[k + 1..] {
            let factor = other[k] / row[k];
            for (x, y) in other.iter_mut().zip(&row).skip(k) {
                *x = *x - factor * *y;
            }
        }
    }
    for k in (0..n).rev() {
        for column in n..n + width {
            let rest = (k + 1..n).fold(rows[k][column], |rest, j| rest - rows[k][j] * rows[j][column]);
            rows[k][column] = rest / rows[k][k];
        }
    }
    (rows.iter().flat_map(|row| &row[n..]).copied().collect(), determinant)
}

/// Cholesky's factor of the symmetric part, column by column.
fn cholesky<R: Real>(a: &[R], n: usize) -> Vec<R> {
    let mut l = vec![R::new(0.0); n * n];
    for j in 0..n {
        for i in j..n {
            let mean = R::new(0.5) * (a[i * n + j] + a[j * n + i]);
            let rest = (0..j).fold(mean, |rest, k| rest - l[i * n + k] * l[j * n + k]);
            l[i * n + j] = if i == j { rest.unary(Op::Sqrt) } else { rest / l[j * n + j] };
        }
    }
    l
}
