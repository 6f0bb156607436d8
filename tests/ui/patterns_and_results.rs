use jac_runtime::jacobian;

#[jacobian]
fn either(x: f64, n: usize) -> f64 {
    match (n, x) {
        (0, y) | (1, y) => y,
        _ => 0.0,
    }
}

#[jacobian]
fn fails(x: f64) -> Result<f64, String> {
    if x < 0.0 {
        return Err("negative".to_owned());
    }
    Ok(x)
}

#[jacobian]
fn different_arms(x: f64, n: usize) -> f64 {
    let k = if x > 0.0 { 1 } else { 2 };
    x.powi(k) * n as f64
}

#[jacobian]
fn cast(x: f64) -> f64 {
    let k = x as usize;
    k as f64 * x
}

#[jacobian]
fn redirected(x: f64) -> f64 {
    let (mut a, mut b) = (x, x * x);
    let mut r = &mut a;
    *r += 1.0;
    r = &mut b;
    *r += 1.0;
    a + b
}

#[jacobian]
fn never(_x: f64) -> f64 {
    panic!("not yet")
}

fn main() {}
