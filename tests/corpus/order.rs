//! Closures that change what they capture, in Rust's order and as often; integers with the width of their
//! types; arms and vectors of different kinds and lengths.

use jac_runtime::jacobian;

/// const: N = 3
#[jacobian]
pub fn filled_by_map<const N: usize>(a: &[f64; N]) -> [f64; N] {
    let mut out = [0.0; N];
    a.iter().zip(out.iter_mut()).map(|(x, o)| (x * x, o)).map(|(y, o)| *o = y).count();
    out
}

/// What `take` leaves out is not computed.
#[jacobian]
pub fn taken_of_a_log(x: &[f64; 4]) -> f64 {
    let mut log = 0.0;
    let sum: f64 = x
        .iter()
        .map(|v| {
            log += v * v;
            v.sin()
        })
        .take(2)
        .sum();
    sum * log
}

#[jacobian]
pub fn numbered_from_the_end(x: &[f64; 3]) -> [f64; 3] {
    let mut n = 0.0;
    let y: Vec<f64> = x
        .iter()
        .rev()
        .map(|v| {
            n += 1.0;
            v * n
        })
        .collect();
    [y[0] * y[1], y[1] - y[2] * n, y[2] / (1.5 + y[0] * y[0])]
}

/// Adapters run element by element: what one closure changes, the next one reads.
#[jacobian]
pub fn interleaved(x: &[f64; 3]) -> f64 {
    let (mut sum, mut trace) = (0.0, 1.0);
    for (k, v) in x.iter().map(|v| v * v).enumerate() {
        sum += v;
        trace = trace * 0.5 + sum * k as f64;
    }
    let last = x.iter().map(|v| sum * v).skip(1).step_by(2).last().unwrap();
    trace * last
}

/// An iterator goes on where it was left.
#[jacobian]
pub fn taken_one_by_one(x: &[f64; 4]) -> f64 {
    let mut it = x.iter();
    let a = it.next().unwrap();
    let b: f64 = it.by_ref().take(2).map(|v| v * 2.0).sum();
    let mut rest = 0.0;
    while let Some(v) = it.next() {
        rest += v.exp();
    }
    a * b + rest
}

#[jacobian]
pub fn filtered(x: &[f64; 4]) -> f64 {
    let mut count = 0.0;
    let sum: f64 = x.iter().filter(|v| **v > 0.3).inspect(|_| count += 1.0).map(|v| v * v).sum();
    let until: f64 = x.iter().take_while(|v| **v < 0.8).map(|v| v.sin()).sum();
    sum * count + until
}

#[jacobian]
pub fn scanned_and_searched(x: &[f64; 4]) -> f64 {
    let products: f64 = x
        .iter()
        .scan(1.0, |state, v| {
            *state *= 1.0 + v * v;
            Some(*state)
        })
        .sum();
    let mut looked_at = 0.0;
    let found = x.iter().any(|v| {
        looked_at += v * 0.5;
        *v > 0.5
    });
    products * if found { looked_at } else { looked_at * looked_at }
}

/// shapes: x = [4]
#[jacobian]
pub fn changed_along_a_slice(x: &[f64]) -> f64 {
    let mut sum = 0.3;
    let total: f64 = x
        .iter()
        .map(|v| {
            sum += v;
            sum * v
        })
        .sum();
    sum * total
}

/// shapes: x = [4]
#[jacobian]
pub fn squares_in_a_vector(x: &[f64]) -> Vec<f64> {
    let n = x.len();
    let mut y = vec![0.0; n];
    for i in 0..n {
        y[i] = x[i] * x[i];
    }
    y
}

/// shapes: x = [4]
#[jacobian]
pub fn pushed_along_a_slice(x: &[f64]) -> Vec<f64> {
    let mut sums = Vec::with_capacity(x.len());
    let mut sum = 0.0;
    for v in x {
        sum = 0.5 * sum + v * v;
        sums.push(sum);
    }
    sums
}

/// shapes: x = [3]
#[jacobian]
pub fn first_or_two(x: &[f64]) -> f64 {
    let first = x.first().copied().unwrap_or(2.0);
    first * x.iter().map(|v| v - first).sum::<f64>() + x.last().map_or(0.5, |v| v * v)
}

#[jacobian]
pub fn locals_of_the_arms(x: f64, y: f64) -> f64 {
    let mut p = y;
    if x > 0.0 {
        let a = [x, y];
        let b = 2;
        p = a[0] * a[1] * b as f64;
    } else {
        let a = 2;
        let b = [x; 3];
        for i in 0..a {
            p += b[i] * y;
        }
    }
    if p > 0.5 {
        let k = 3;
        return p * k as f64;
    }
    let v = (x, [y, x]);
    v.0 * v.1[0] + p
}

#[jacobian]
pub fn lengths_that_types_tell(x: &[f64; 3]) -> [f64; 3] {
    fn both(v: [f64; 3]) -> [f64; 3] {
        std::array::from_fn(|i| v[i] * v[2 - i])
    }
    let a = std::array::from_fn::<f64, 2, _>(|i| x[i] * x[i + 1]);
    let mut b = both(std::array::from_fn(|i| x[i] + a[0]));
    if b[0] > b[1] {
        b = std::array::from_fn(|i| b[i] * a[1]);
    }
    if b[2] > 0.2 {
        std::array::from_fn(|i| b[i].sin())
    } else {
        std::array::from_fn(|i| b[i] * b[0])
    }
}

#[jacobian]
pub fn constants_of_the_arms(x: f64, y: f64) -> f64 {
    let k: f64 = if x > y { 1.5 } else { 0.5 };
    k.sqrt() * x * y
}

/// A linear congruential generator, whose products wrap.
#[jacobian]
pub fn weighted_at_random(x: &[f64; 3]) -> f64 {
    let mut seed = 12_345_u32;
    let mut sum = 0.0;
    for v in x {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        sum += v * v * (seed >> 16) as f64 / 65_536.0;
    }
    sum
}

/// differences only
#[jacobian]
pub fn narrow_integers(x: &[f64; 4]) -> f64 {
    let mut sum = 0.0;
    for i in 0..16_u8 {
        let k = usize::from(i.wrapping_mul(37)) & 3;
        if (i >> 2) & 1 == 1 {
            sum += x[k] * x[0];
        } else {
            sum -= x[k] * f64::from(i as i8 - 8);
        }
    }
    let n = 200_u8;
    let kept = n.checked_add(100).unwrap_or(7);
    sum * f64::from(kept) + x[1] * f64::from(n.saturating_add(100)) + x[2] * (-1_i32 as u32 >> 28) as f64
}

#[jacobian]
pub fn lengths_of_arguments(x: &[f64; 3]) -> f64 {
    fn dot<const N: usize>(a: &[f64; N], b: [f64; N]) -> f64 {
        let mut sum = 0.0;
        for i in 0..N {
            sum += a[i] * b[i];
        }
        sum
    }
    dot(x, *x) + dot(&[x[0], x[1]], [1.0, x[2]])
}

#[jacobian]
pub fn a_stack(x: &[f64; 2]) -> f64 {
    let mut stack = vec![x[0], x[1]];
    while stack.len() < 5 {
        let n = stack.len();
        let next = stack[n - 1] * 0.5 + stack[n - 2] * stack[0];
        stack.push(next);
    }
    let last = stack.pop().unwrap();
    last * stack[stack.len() - 1]
}

#[jacobian]
pub fn closures_that_outlive_their_block(x: &[f64; 2]) -> f64 {
    let mut scale: Box<dyn Fn(f64) -> f64> = Box::new(|v| v);
    let mut sum = 0.0;
    for k in 0..2 {
        sum += scale(x[k]);
        let factor = x[k] * 2.0;
        scale = Box::new(move |v| v * factor);
    }
    sum + scale(x[0])
}
