use jac_runtime::jacobian;

#[jacobian(valu)]
fn f(x: f64) -> f64 {
    x * x
}

#[jacobian(tape)]
fn g(x: f64) -> f64 {
    x * x
}

#[jacobian(effort = "highest")]
fn h(x: f64) -> f64 {
    x * x
}

#[jacobian(effort)]
fn k(x: f64) -> f64 {
    x * x
}

fn main() {
    let _ = (f_jacobian(1.0), g_jacobian(1.0), h_jacobian(1.0), k_jacobian(1.0));
}
