use jac_runtime::jacobian;

#[jacobian]
fn effect_over_a_length(x: &[f64]) -> f64 {
    let mut n = 0.0;
    x.iter()
        .map(|v| {
            n += 1.0;
            v * n
        })
        .rev()
        .sum()
}

#[jacobian]
fn how_many(x: &[f64; 3]) -> f64 {
    let kept: Vec<f64> = x.iter().copied().filter(|v| *v > 0.0).collect();
    kept.iter().sum()
}

#[jacobian]
fn which_number(x: &[f64; 3]) -> f64 {
    x.iter().filter(|v| **v > 0.0).enumerate().map(|(k, v)| k as f64 * v).sum()
}

#[jacobian]
fn of_no_length(x: &[f64; 3]) -> f64 {
    std::array::from_fn(|i| x[i]).iter().sum()
}

#[jacobian]
fn read_while_it_grows(x: &[f64]) -> f64 {
    let mut list = Vec::new();
    let mut s = 0.0;
    for v in x {
        list.push(v * v);
        s += list.len() as f64 * v;
    }
    s
}

#[jacobian]
fn of_a_slice(x: &[f64]) -> f64 {
    x[x.partition_point(|v| *v < 1.0)]
}

#[jacobian(wrt(y))]
fn points(x: &[[f64; 3]], y: f64) -> f64 {
    let mut s = y;
    for p in x {
        s += p[0] * y;
    }
    s
}

struct Pose {
    x: f64,
}

#[jacobian(wrt(s.x))]
fn by_a_field(s: &Pose) -> f64 {
    s.x
}

fn main() {}
