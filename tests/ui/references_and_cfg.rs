use jac_runtime::jacobian;

#[jacobian]
fn f(x: f64) -> f64 {
    let mut y = [x, x];
    let r = &mut y;
    r[0] = 2.0 * x;
    y[0] * y[1]
}

#[jacobian]
fn g(x: f64) -> f64 {
    #[cfg(debug_assertions)]
    let x = 2.0 * x;
    x * x
}

#[jacobian]
fn h(x: f64) -> f64 {
    x * (0.1f32 as f64)
}

fn main() {}
