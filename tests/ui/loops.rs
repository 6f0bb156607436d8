use jac_runtime::jacobian;

#[jacobian]
fn newton(x: f64) -> f64 {
    let mut y = x;
    while y > 1.0 {
        y = y / 2.0;
    }
    y
}

#[jacobian]
fn count(x: f64, n: usize) -> f64 {
    let mut y = x;
    for _ in 0..n {
        y *= x;
    }
    y
}

fn main() {}
