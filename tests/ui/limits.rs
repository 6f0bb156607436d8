use jac_runtime::jacobian;

#[jacobian]
fn until_convergence(x: f64) -> f64 {
    let mut y = x;
    loop {
        let z = 0.5 * (y + x / y);
        if (z - y).abs() < 1e-12 {
            return z;
        }
        y = z;
    }
}

#[jacobian]
fn forgotten(x: f64) -> f64 {
    let mut y = x;
    let k = 0;
    while k < 10 {
        y *= 0.5;
    }
    y
}

#[jacobian]
fn without_end(x: f64) -> f64 {
    let mut y = x;
    loop {
        y += 1.0;
    }
}

#[jacobian]
fn grows_forever(x: f64) -> f64 {
    let mut list = vec![x];
    loop {
        list.push(x);
    }
}

#[jacobian]
fn never_exhausted(x: f64) -> f64 {
    std::iter::repeat(x).map(|v| v * x).sum()
}

#[jacobian]
fn large_parameter(x: &[f64; 4_294_967_296]) -> f64 {
    x[0]
}

#[jacobian]
fn large_array(x: f64) -> f64 {
    let y = [x; 4_294_967_296];
    y[0]
}

#[jacobian]
fn many_rounds(x: f64) -> f64 {
    let mut s = x;
    for i in 0..1_000_000 {
        s += i as f64 * x;
    }
    s
}

#[jacobian]
fn itself(x: f64) -> f64 {
    if x < 1.0 {
        x
    } else {
        itself(x * 0.5)
    }
}

#[jacobian]
fn nested_itself(x: f64) -> f64 {
    fn halve(x: f64) -> f64 {
        if x < 1.0 {
            x
        } else {
            halve(x * 0.5)
        }
    }
    halve(x)
}

fn main() {}
