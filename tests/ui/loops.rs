use jac_runtime::jacobian;

#[jacobian]
fn halve(x: f64) -> f64 {
    let mut y = x;
    while y > 1.0 {
        y /= 2.0;
    }
    y
}

#[jacobian]
fn endless(x: f64) -> f64 {
    let mut y = x;
    loop {
        y *= 0.5;
        if y < 1.0 {
            break;
        }
    }
    y
}

#[jacobian]
fn left_early(x: &[f64]) -> f64 {
    let mut s = 0.0;
    for v in x {
        if *v < 0.0 {
            break;
        }
        s += v;
    }
    s
}

#[jacobian]
fn argmax(x: &[f64; 3]) -> f64 {
    let mut best = 0;
    for k in 1..3 {
        if x[k] > x[best] {
            best = k;
        }
    }
    x[best]
}

#[jacobian]
fn uneven_step(x: &[f64], n: usize) -> f64 {
    let mut k = 0;
    let mut s = 0.0;
    for i in 0..n {
        s += x[k];
        k += i;
    }
    s
}

#[jacobian]
fn carried_inside(x: &[f64], n: usize) -> f64 {
    let mut s = 0.0;
    for i in 0..n {
        let mut y = x[i];
        for _ in 0..n {
            y = y.sin();
        }
        s += y;
    }
    s
}

#[jacobian]
fn growing(x: &[f64], n: usize) -> f64 {
    let mut list = Vec::new();
    for i in 0..n {
        list.push(x[i]);
        list.push(1.0);
    }
    list[0]
}

fn main() {}
