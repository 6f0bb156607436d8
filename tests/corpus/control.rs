//! Branches, loops of known length, and what leaves them early.

use jac_runtime::jacobian;

/// integer: mode = 12
#[jacobian]
pub fn matched(x: f64, y: f64, mode: usize) -> f64 {
    match mode {
        0 => x * y,
        1 | 2 => x.sin() + y,
        n if n > 10 => y * y,
        _ => x / (1.0 + y * y),
    }
}

#[jacobian]
pub fn matched_floats(x: f64, y: f64) -> f64 {
    let z = match (x, y) {
        (a, b) if a > b => a * a,
        (_, b) if b > 0.5 => b.exp(),
        _ => x * y,
    };
    z * 2.0
}

/// range: 0.3..1.2
#[jacobian]
pub fn breaks(x: &[f64; 5]) -> f64 {
    let mut sum = 0.0;
    for k in 0..5 {
        if x[k] < 0.4 {
            continue;
        }
        sum += x[k] * x[k];
        if sum > 1.5 {
            break;
        }
        sum *= 1.1;
    }
    sum
}

/// range: 0.3..1.2
#[jacobian]
pub fn leaves_two_loops(x: &[f64; 3], y: &[f64; 3]) -> [f64; 2] {
    let mut sum = 0.0;
    let mut product = 1.0;
    'outer: for a in x {
        for b in y {
            if a * b > 1.0 {
                break 'outer;
            }
            if *b < 0.5 {
                continue 'outer;
            }
            sum += a * b;
        }
        product *= *a;
    }
    [sum, product]
}

#[jacobian]
pub fn return_after_break(x: &[f64; 4]) -> f64 {
    let mut s = 0.0;
    for k in 0..4 {
        if x[k] > 1.0 {
            break;
        }
        s += x[k];
        if s < -1.0 {
            return s * s;
        }
    }
    s.sin()
}

#[jacobian]
pub fn counted(x: f64) -> f64 {
    let mut n = 0;
    let mut y = x;
    while n < 4 {
        y = 0.5 * (y + x / (1.0 + y * y));
        n += 1;
    }
    let z = loop {
        n -= 1;
        y = y.sin();
        if n == 1 {
            break y * 2.0;
        }
    };
    z + y
}

#[jacobian]
pub fn closure_that_returns(x: f64, y: f64) -> f64 {
    let mut seen = 1.0;
    let mut f = |v: f64| {
        if v > 0.3 {
            return v * v;
        }
        seen = v * y;
        v
    };
    let a = f(x) + f(y);
    a * seen
}

#[jacobian]
pub fn known_iterators(x: &[f64; 4], w: &[f64; 4]) -> [f64; 9] {
    let dot: f64 = x.iter().zip(w.iter()).map(|(a, b)| a * b).sum();
    let alternating: f64 = x.iter().enumerate().map(|(i, a)| if i % 2 == 0 { *a } else { -a }).sum();
    let product: f64 = x.iter().skip(1).product();
    let folded = w.iter().rev().fold(0.0, |acc, a| acc * x[0] + a);
    let pairs: f64 = x.windows(2).map(|p| (p[1] - p[0]) * (p[1] - p[0])).sum();
    let squares: [f64; 4] = x.map(|a| a * a);
    let made: [f64; 3] = std::array::from_fn(|i| x[i] * w[i + 1]);
    let listed: Vec<f64> = x.iter().step_by(2).chain(w.iter().take(1)).copied().collect();
    let mut total = 0.0;
    x.iter().zip(w).for_each(|(a, b)| total += a / (1.0 + b * b));
    [dot, alternating, product, folded, pairs, squares[2] + squares[3], made[0] * made[2], listed[1] * listed[2], total]
}

#[jacobian]
pub fn changed_through_references(x: &[f64; 3], k: f64) -> [f64; 3] {
    let mut y = *x;
    for v in y.iter_mut() {
        *v = v.sin() * k;
    }
    for (i, v) in y.iter_mut().enumerate() {
        *v += x[(i + 1) % 3];
    }
    fn double(v: &mut f64) {
        *v *= 2.0;
    }
    double(&mut y[1]);
    let [a, .., c] = &mut y;
    core::mem::swap(a, c);
    y.swap(0, 1);
    y
}

/// differences only
#[jacobian]
pub fn nested_functions_see_each_other(x: f64) -> f64 {
    const SCALE: f64 = 1.5;
    fn outer(v: f64) -> f64 {
        inner(v, 2) + inner(v, 3)
    }
    fn inner(v: f64, n: i32) -> f64 {
        v.powi(n) * SCALE
    }
    outer(x)
}

#[jacobian]
pub fn checked(x: f64, y: f64) -> Option<[f64; 2]> {
    let z = x * y;
    Some([z, z.exp()])
}

#[jacobian(value)]
pub fn out_parameter(t: f64, y: &[f64; 2], dy: &mut [f64; 2]) {
    dy[0] = y[1];
    dy[1] = t * y[0].sin() - y[1];
}
