use jac_runtime::jacobian;
use nalgebra::{Matrix3, Vector3};

#[jacobian]
fn mutable_view(x: &Vector3<f64>) -> Matrix3<f64> {
    let mut m = Matrix3::zeros();
    let mut part = m.fixed_view_mut::<3, 1>(0, 0);
    part += x;
    m
}

#[jacobian(batch)]
fn batch_of_vectors(x: &Vector3<f64>) -> f64 {
    x.norm()
}

#[jacobian(wrt(x), at(x = 1.0))]
fn counted_at_a_constant(x: f64, a: f64) -> f64 {
    let mut y = x;
    while (y * y - a).abs() > 1e-9 {
        y = 0.5 * (y + a / y);
    }
    y
}

#[jacobian]
fn loop_in_a_closure(a: f64) -> f64 {
    let root = |a: f64| {
        let mut y = a;
        while (y * y - a).abs() > 1e-9 {
            y = 0.5 * (y + a / y);
        }
        y
    };
    root(a)
}

#[jacobian]
fn position_by_a_float(x: &[f64; 4], t: f64) -> f64 {
    x[t as usize]
}

#[jacobian]
fn no_float<T: Copy + AsRef<[f64]>>(x: T) -> f64 {
    x.as_ref()[0]
}

#[jacobian]
fn nothing_at_all(x: f64) -> Option<f64> {
    let _ = x;
    None
}

fn main() {}
