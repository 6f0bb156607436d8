use jac_runtime::jacobian;

#[jacobian(batch)]
fn open(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

#[jacobian(batch(x, k, z))]
fn named(x: [f64; 2], y: &[f64], k: usize) -> f64 {
    x[0] * y[0] + k as f64
}

#[jacobian(batch, strict)]
fn strict(x: [f64; 2]) -> Option<f64> {
    Some(x[0] / x[1])
}

#[jacobian(batch(x))]
fn partly(x: [f64; 2], y: &[f64]) -> f64 {
    let squares: Vec<f64> = y.iter().map(|y| x[0] * y + x[1]).collect();
    squares.iter().zip(squares.iter().rev()).map(|(a, b)| a * b).sum()
}

fn main() {}
