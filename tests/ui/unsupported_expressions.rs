use jac_runtime::jacobian;

#[jacobian]
fn f(x: f64, k: i32) -> f64 {
    match k {
        0 => x,
        _ => x * x,
    }
}

#[jacobian]
fn g(x: f64) -> f64 {
    let a = x as i32;
    a as f64
}

#[jacobian]
fn h(x: &[f64; 3], k: usize) -> f64 {
    x[k] + x[5]
}

#[jacobian]
fn i(x: f64) -> f64 {
    x * f64::INFINITY
}

fn main() {}
