use jac_runtime::jacobian;

#[jacobian(hessian)]
fn polar(r: f64, phi: f64) -> [f64; 2] {
    [r * phi.cos(), r * phi.sin()]
}

#[jacobian(jvp(x))]
fn square(x: f64) -> f64 {
    x * x
}

fn main() {
    polar_hessian(1.0, 2.0);
}
