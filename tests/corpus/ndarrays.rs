//! What users of ndarray call.

use jac_runtime::jacobian;
use ndarray::{array, concatenate, s, stack, Array, Array1, Array2, Axis, Zip};

/// shapes: x = [3], y = [3]
#[jacobian]
pub fn zipped(x: &Array1<f64>, y: &Array1<f64>) -> Array1<f64> {
    let a = Zip::from(x).and(y).map_collect(|a, b| a * b * b);
    let mut out = Array1::zeros(x.len());
    Zip::from(&mut out).and(&a).and(x).for_each(|o, a, b| *o = a + b.sin());
    out
}

/// shapes: m = [2, 3]
#[jacobian]
pub fn zipped_matrices(m: &Array2<f64>) -> Array2<f64> {
    let mut out = Array2::zeros(m.raw_dim());
    Zip::from(&mut out).and(m).for_each(|o, v| *o = v * v);
    Zip::from(&mut out).and(m).for_each(|o, v| *o += v.exp());
    out
}

/// shapes: m = [3, 2], x = [3]
#[jacobian]
pub fn joined(m: &Array2<f64>, x: &Array1<f64>) -> Array2<f64> {
    let doubled = x * 2.0;
    let pair = stack![Axis(1), *x, doubled];
    let wide = concatenate![Axis(1), *m, pair];
    wide
}

/// shapes: x = [2], y = [3]
#[jacobian]
pub fn concatenated(x: &Array1<f64>, y: &Array1<f64>) -> Array1<f64> {
    let z = ndarray::concatenate(Axis(0), &[x.view(), y.view()]).unwrap();
    &z * &z
}

/// shapes: m = [3, 4]
/// differences only
#[jacobian]
pub fn reductions(m: &Array2<f64>) -> Array1<f64> {
    let norms = m.map_axis(Axis(1), |row| row.dot(&row).sqrt());
    let spread = m.column(0).std(1.0) + m.row(1).var(0.0);
    norms * spread
}

/// shapes: x = [3]
/// differences only
#[jacobian]
pub fn made(x: &Array1<f64>) -> Array2<f64> {
    let d = Array2::from_diag(x);
    let f = Array2::from_shape_fn((3, 3), |(i, j)| if i == j { 1.0 } else { x[i] * (j as f64) });
    let g = Array::from_iter(x.iter().map(|v| v * v));
    let t = Array1::linspace(0.0, 1.0, 3);
    d.dot(&f) + &(g * t)
}

/// shapes: m = [2, 3], x = [3]
#[jacobian]
pub fn written_in_parts(m: &Array2<f64>, x: &Array1<f64>) -> Array2<f64> {
    let mut out = m.clone();
    out.row_mut(0).assign(x);
    out.column_mut(2).fill(2.0);
    out.slice_mut(s![1, ..2]).scaled_add(0.5, &x.slice(s![1..]));
    out.mapv_inplace(|v| v * v);
    out
}

/// shapes: x = [6]
#[jacobian(shape(x = [6]))]
pub fn reshaped(x: &Array1<f64>) -> Array2<f64> {
    let m = x.to_shape((2, 3)).unwrap();
    let p = m.permuted_axes([1, 0]);
    p.dot(&p.t())
}

/// shapes: m = [3, 2]
#[jacobian]
pub fn row_by_row(m: &Array2<f64>) -> f64 {
    let mut total = 0.0;
    for row in m.rows() {
        total += row[0] * row[1] / (1.0 + row.dot(&row));
    }
    for column in m.axis_iter(Axis(1)) {
        total += column.sum().sin();
    }
    total
}

/// shapes: x = [3]
#[jacobian]
pub fn with_literals(x: &Array1<f64>) -> Array1<f64> {
    let a = array![[1.0, 2.0, 0.0], [0.0, 1.0, -1.0], [0.5, 0.0, 3.0]];
    let y = a.dot(x);
    y.mapv(|v| if v > 0.0 { v } else { 0.1 * v })
}
