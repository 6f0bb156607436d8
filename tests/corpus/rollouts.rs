//! Loops whose states are results: trajectories, running sums, and rollouts that are too long to write out.

use jac_runtime::jacobian;
use ndarray::{Array1, Array2};

/// shapes: x0 = [2], u = [5]
#[jacobian]
pub fn trajectory_of_a_pendulum(x0: &[f64; 2], u: &[f64], h: f64) -> Array2<f64> {
    let mut all = Array2::zeros((u.len(), 2));
    let mut x = *x0;
    for k in 0..u.len() {
        let a = u[k] - x[0].sin() - 0.1 * x[1];
        x = [x[0] + h * x[1], x[1] + h * a];
        for i in 0..2 {
            all[[k, i]] = x[i];
        }
    }
    all
}

/// shapes: x = [5]
#[jacobian]
pub fn running_sums(x: &[f64]) -> Vec<f64> {
    let mut sums = vec![0.0; x.len()];
    let mut s = 0.0;
    for i in 0..x.len() {
        s += x[i] * x[i];
        sums[i] = s;
    }
    sums
}

/// shapes: x = [5]
#[jacobian]
pub fn remaining_products(x: &[f64]) -> Vec<f64> {
    let n = x.len();
    let mut left = vec![0.0; n];
    let mut p = 1.0;
    for k in 0..n {
        left[n - 1 - k] = p;
        p *= x[n - 1 - k];
    }
    left
}

/// shapes: x = [5]
#[jacobian]
pub fn exponential_filter(x: &[f64], a: f64) -> Vec<f64> {
    let mut out = Vec::new();
    let mut y = 0.0;
    for v in x {
        y = a * y + (1.0 - a) * v.sin();
        out.push(y);
    }
    out
}

/// What the round before read is no state.
/// shapes: x = [5]
#[jacobian]
pub fn second_differences(x: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; x.len()];
    let mut before = 0.0;
    let mut last = 1.0;
    for i in 0..x.len() {
        out[i] = x[i] * before - 2.0 * last + before;
        before = last;
        last = x[i];
    }
    out
}

/// shapes: x = [4], u = [3]
#[jacobian]
pub fn heat_over_time(x: &Array1<f64>, u: &Array1<f64>, c: f64) -> Array2<f64> {
    let n = x.len();
    let mut all = Array2::zeros((u.len(), n));
    let mut t = x.clone();
    for k in 0..u.len() {
        let mut next = Array1::zeros(n);
        for i in 0..n {
            let left = if i > 0 { t[i - 1] } else { u[k] };
            let right = if i + 1 < n { t[i + 1] } else { 0.0 };
            next[i] = t[i] + c * (left - 2.0 * t[i] + right);
        }
        t = next;
        for i in 0..n {
            all[[k, i]] = t[i] * t[i];
        }
    }
    all
}

/// Each pair once, and what one gains the other loses.
/// shapes: x = [5]
#[jacobian]
pub fn forces_of_pairs(x: &[f64], k: f64) -> Vec<f64> {
    let n = x.len();
    let mut f = vec![0.0; n];
    for i in 0..n {
        for j in i + 1..n {
            let d = x[i] - x[j];
            let force = k * d * (-d * d).exp();
            f[i] += force;
            f[j] -= force;
        }
    }
    f
}

/// Too long to be written out: it stays a loop.
#[jacobian]
pub fn long_rollout(x0: &[f64; 4], u: &[f64; 50]) -> [f64; 4] {
    let swing = |x: [f64; 4], u: f64| -> [f64; 4] {
        let (s, c) = (x[2].sin(), x[2].cos());
        let d = 1.0 + 0.1 * s * s;
        let a = (u + 0.1 * s * (0.5 * x[3] * x[3] + 9.81 * c)) / d;
        let b = (-u * c - 0.05 * x[3] * x[3] * c * s - 1.1 * 9.81 * s) / (0.5 * d);
        [x[1], a, x[3], b]
    };
    let h = 0.02;
    let mut x = *x0;
    for k in 0..50 {
        let k1 = swing(x, u[k]);
        let k2 = swing(std::array::from_fn(|i| x[i] + 0.5 * h * k1[i]), u[k]);
        let k3 = swing(std::array::from_fn(|i| x[i] + 0.5 * h * k2[i]), u[k]);
        let k4 = swing(std::array::from_fn(|i| x[i] + h * k3[i]), u[k]);
        for i in 0..4 {
            x[i] += h / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]);
        }
    }
    x
}

/// The same of sums over pairs of elements of a fixed array.
#[jacobian]
pub fn many_pairs(x: &[f64; 100]) -> f64 {
    let mut s = 0.0;
    for i in 0..100 {
        for j in 0..100 {
            s += (x[i] * x[j]).sin();
        }
    }
    s
}

/// What was before each round, and nothing of it after.
/// shapes: x = [5]
#[jacobian]
pub fn sums_before(x: &[f64], a: f64) -> Vec<f64> {
    let mut all = vec![0.0; x.len()];
    let mut s = a;
    for k in 0..x.len() {
        all[k] = s;
        s += x[k] * x[k];
    }
    all
}

/// Two results, of what is behind a round alone.
/// shapes: x = [5]
#[jacobian]
pub fn products_of_states(x: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let n = x.len();
    let (mut a, mut b) = (vec![0.0; n], vec![0.0; n]);
    let (mut s, mut p) = (0.0, 1.0);
    for k in 0..n {
        s += x[k];
        p *= x[k];
        a[k] = s * p;
        b[k] = if s > p { s.sin() } else { x[k] };
    }
    (a, b)
}
