use jac_runtime::jacobian;

#[jacobian(wrt(thetta))]
fn f(theta: f64, n: i32) -> f64 {
    theta.powi(n)
}

#[jacobian(wrt(n))]
fn g(theta: f64, n: i32) -> f64 {
    theta.powi(n)
}

#[jacobian(wrt())]
fn h(theta: f64) -> f64 {
    theta
}

#[jacobian]
fn k(n: i32) -> f64 {
    n as f64
}

fn main() {}
