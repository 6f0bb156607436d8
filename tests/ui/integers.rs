use jac_runtime::jacobian;

#[jacobian]
fn below_zero(x: &[f64], y: f64) -> f64 {
    let n = 0;
    x[n - 1usize] * y
}

#[jacobian]
fn too_wide(x: f64) -> f64 {
    let k = 255u8;
    let j = k + 1;
    x * j as f64
}

#[jacobian]
fn of_no_type(x: f64) -> f64 {
    let mut k = 1;
    for _ in 0..40 {
        k *= 3;
    }
    x * k as f64
}

#[jacobian]
fn beyond_positions(x: &[f64]) -> f64 {
    let mut s = 0.0;
    for i in 0..x.len() {
        s += x[i * 4_611_686_018_427_387_904];
    }
    s
}

#[jacobian]
fn narrowed(x: f64, n: usize) -> f64 {
    x * (n as u8) as f64
}

#[jacobian]
fn without_its_sign(x: f64, n: i32) -> f64 {
    x * (n as usize) as f64
}

#[jacobian]
fn shifted(x: f64) -> f64 {
    let k = 1u8;
    x * (k << 9) as f64
}

fn main() {}
