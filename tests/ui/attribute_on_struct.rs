use jac_runtime::jacobian;

#[jacobian]
struct Pendulum {
    length: f64,
}

fn main() {}
