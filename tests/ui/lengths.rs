use jac_runtime::jacobian;
use ndarray::{Array1, Array2};

#[jacobian(shape(a = [m, n], x = [k]))]
fn f(a: &Array2<f64>, x: &Array1<f64>) -> Array1<f64> {
    a.dot(x)
}

#[jacobian(shape(x = [3]))]
fn g(x: &Array1<f64>) -> f64 {
    x[3]
}

#[jacobian(shape(x = [3, 4], z = [2]))]
fn h(x: &Array1<f64>) -> f64 {
    x[0]
}

fn main() {}
