use jac_runtime::jacobian;

#[jacobian]
fn f(x: f64) -> f64 {
    let y = x.tahn();
    y * y
}

fn main() {
    let _ = f_jacobian(1.0);
}
