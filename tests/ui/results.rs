use jac_runtime::jacobian;

#[jacobian]
fn f(x: f64) -> Vec<f64> {
    vec![x]
}

#[jacobian]
fn g(x: f64) {
    let _ = x;
}

fn main() {}
