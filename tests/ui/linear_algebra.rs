use jac_runtime::jacobian;
use jac_runtime::linalg::inv;
use ndarray::{Array1, Array2};

#[jacobian]
fn imported(x: &Array2<f64>) -> Array2<f64> {
    inv(x)
}

#[jacobian]
fn ranks(x: &Array2<f64>, b: &Array1<f64>) -> f64 {
    jac_runtime::linalg::det(b)
}

#[jacobian(shape(x = [2, 3]))]
fn not_square(x: &Array2<f64>) -> f64 {
    jac_runtime::linalg::det(x)
}

#[jacobian]
fn in_a_loop(x: &Array2<f64>) -> f64 {
    let mut total = 0.0;
    let mut scale = 1.0;
    for i in 0..x.nrows() {
        total += jac_runtime::linalg::det(&(x * scale));
        scale *= x[[i, i]];
    }
    total
}

fn main() {}
