//! Loops over a run-time length: sums, maps, and state that is carried from round to round.

use jac_runtime::jacobian;
use ndarray::{Array1, Array2};

/// shapes: x = [4], y = [4]
#[jacobian]
pub fn weighted_sum(x: &Array1<f64>, y: &Array1<f64>) -> f64 {
    let mut s = 1.0;
    for i in 0..x.len() {
        s += x[i] * y[i] * (i as f64 + 1.0);
    }
    s
}

/// shapes: x = [5]
#[jacobian]
pub fn guarded_sums(x: &[f64]) -> [f64; 2] {
    let mut positive = 0.0;
    let mut negative = 0.0;
    for v in x {
        if *v > 0.0 {
            positive += v * v;
        } else {
            negative -= v.sin();
        }
    }
    [positive, negative]
}

/// shapes: x = [5]
#[jacobian]
pub fn stencil(x: &Array1<f64>, k: f64) -> Array1<f64> {
    let n = x.len();
    let mut y = Array1::zeros(n);
    y[0] = x[0];
    y[n - 1] = x[n - 1] * k;
    for i in 1..n - 1 {
        y[i] = x[i - 1] - 2.0 * x[i] + k * x[i + 1] * x[i];
    }
    y
}

/// shapes: a = [3, 4], x = [4]
#[jacobian]
pub fn matrix_vector_by_loops(a: &Array2<f64>, x: &Array1<f64>) -> Array1<f64> {
    let mut y = Array1::zeros(a.nrows());
    for i in 0..a.nrows() {
        let mut s = 0.0;
        for j in 0..a.ncols() {
            s += a[[i, j]] * x[j];
        }
        y[i] = s.tanh();
    }
    y
}

/// shapes: x = [3]
#[jacobian]
pub fn outer_by_loops(x: &Array1<f64>) -> Array2<f64> {
    let n = x.len();
    let mut m = Array2::zeros((n, n));
    for i in 0..n {
        for j in 0..n {
            m[[i, j]] = x[i] * x[j];
        }
        m[[i, i]] += 1.0;
    }
    m
}

/// shapes: c = [5]
#[jacobian]
pub fn horner(c: &Array1<f64>, x: f64) -> f64 {
    let mut y = 0.0;
    for k in 0..c.len() {
        y = y * x + c[k];
    }
    y
}

/// shapes: x = [5]
#[jacobian]
pub fn running_mean(x: &Array1<f64>) -> Array1<f64> {
    let mut y = Array1::zeros(x.len());
    let mut state = 0.0;
    for (i, v) in x.iter().enumerate() {
        state = 0.9 * state + 0.1 * v * v;
        y[i] = state;
    }
    y
}

/// integer: steps = 6
#[jacobian(value)]
pub fn integrate(x0: &[f64; 2], k: f64, steps: usize) -> [f64; 2] {
    let h = 0.1;
    let mut x = *x0;
    for _ in 0..steps {
        let a = -k * x[0].sin();
        x[1] += h * a;
        x[0] += h * x[1];
    }
    x
}

/// shapes: x = [4]
#[jacobian]
pub fn product_and_extreme(x: &[f64]) -> [f64; 3] {
    let product: f64 = x.iter().product();
    let largest = x.iter().fold(-100.0, |m: f64, v| m.max(*v));
    let last = {
        let mut last = 0.0;
        for v in x.iter() {
            last = v * v;
        }
        last
    };
    [product, largest, last]
}

/// shapes: x = [4], y = [4]
#[jacobian]
pub fn iterators_over_slices(x: &[f64], y: &[f64]) -> f64 {
    let n = x.len() as f64;
    let mean = x.iter().sum::<f64>() / n;
    let covariance: f64 = x.iter().zip(y.iter()).map(|(a, b)| (a - mean) * b).sum();
    let differences: f64 = x.windows(2).map(|w| (w[1] - w[0]).powi(2)).sum();
    let weighted: f64 = y.iter().enumerate().map(|(i, v)| v / (1.0 + i as f64)).sum();
    let reversed: f64 = x.iter().rev().zip(y).map(|(a, b)| a * b).sum();
    covariance + differences * weighted + reversed
}

/// const: N = 4
#[jacobian]
pub fn generic_length<const N: usize>(x: &[f64; N]) -> [f64; N] {
    let mut y = [0.0; N];
    let mut total = 0.0;
    for i in 0..N {
        total += x[i];
        y[i] = x[i] * total;
    }
    y
}

/// shapes: x = [4]
#[jacobian]
pub fn changed_in_place(x: &Array1<f64>) -> Array1<f64> {
    let mut y = x.to_owned();
    for v in y.iter_mut() {
        *v = v.exp();
    }
    y[1] *= 2.0;
    y
}

/// shapes: q = [3, 2]
#[jacobian]
pub fn pairwise(q: &Array2<f64>) -> f64 {
    let mut energy = 0.0;
    for i in 0..q.nrows() {
        for j in 0..q.nrows() {
            if i != j {
                let dx = q[[i, 0]] - q[[j, 0]];
                let dy = q[[i, 1]] - q[[j, 1]];
                energy += 1.0 / (dx * dx + dy * dy + 0.1).sqrt();
            }
        }
    }
    energy
}

/// shapes: x = [4], dy = [4]
#[jacobian(value)]
pub fn filled(x: &[f64], dy: &mut [f64]) {
    for i in 0..x.len() {
        dy[i] = x[i] * x[i];
    }
}

/// Terms of one sum that become loops of their own share nothing that depends on its index.
/// shapes: x = [4], y = [4]
#[jacobian]
pub fn several_loops_of_one_sum(b: &[f64; 2], x: &[f64], y: &[f64]) -> f64 {
    let mut total = 0.0;
    for (v, label) in x.iter().zip(y) {
        let eta = b[0] + b[1] * v;
        total += label * eta - -if eta > 0.0 { eta + (-eta).exp().ln_1p() } else { eta.exp().ln_1p() };
    }
    total
}

/// shapes: x = [3]
#[jacobian]
pub fn the_same_twice(x: &ndarray::Array1<f64>) -> (Array1<f64>, Array1<f64>) {
    let y = x.mapv(|v| v);
    (y.clone(), y)
}

/// shapes: m = [3, 3]
/// integer: n = 3
#[jacobian(value)]
pub fn matrix_power(m: &Array2<f64>, n: usize) -> Array2<f64> {
    let mut p = m.t().to_owned();
    for _ in 0..n {
        p = p.dot(m);
    }
    p
}

/// integer: n = 4
#[jacobian]
pub fn carried_tuple(x: f64, n: usize) -> (f64, f64) {
    let mut s = (x, 1.0);
    for k in 0..n {
        s = (s.0 * 0.5 + s.1 * x, s.1 * (k as f64 + x));
    }
    s
}

/// shapes: x = [4]
#[jacobian]
pub fn uneven_pairs(x: &[f64]) -> f64 {
    let n = x.len();
    let mut s = 0.0;
    for i in 0..n {
        for j in i + 1..n {
            s += (x[i] - x[j]) * x[j];
        }
        for j in 0..i {
            s += x[j] * x[i] * x[i];
        }
    }
    s
}

/// shapes: x = [3]
#[jacobian]
pub fn upper_triangle(x: &Array1<f64>) -> Array2<f64> {
    let n = x.len();
    let mut m = Array2::zeros((n, n));
    for i in 0..n {
        for j in i..n {
            m[[i, j]] = x[i] * x[j];
        }
        if i > 0 {
            m[[i, 0]] = x[i];
        }
    }
    m
}

/// shapes: x = [4], dy = [4]
#[jacobian]
pub fn prefix(x: &[f64], dy: &mut [f64]) {
    let mut y = ndarray::Array1::zeros(x.len());
    y[0] = x[0];
    for i in 1..x.len() {
        y[i] = y[i - 1] * 0.5 + x[i] * x[i];
    }
    for i in 0..x.len() {
        dy[i] = y[i];
    }
}

/// shapes: x = [6]
/// integer: n = 3
#[jacobian]
pub fn two_by_two(x: &[f64], n: usize) -> f64 {
    let mut s = 0.0;
    let mut k = 0;
    for _ in 0..n {
        s += x[k] * x[k + 1];
        k += 2;
    }
    s * x[k - 1]
}

/// shapes: x = [4], r = [4]
/// range: 0.5..1.5
#[jacobian]
pub fn backwards(x: &[f64], r: &[f64]) -> f64 {
    let mut y = 0.0;
    for i in (0..x.len()).rev() {
        y = (r[i] - y) / x[i];
    }
    y
}

/// The gradient of a recurrent network goes backward through its rounds.
/// shapes: w = [3, 3], u = [3, 2], b = [3], x = [4, 2]
#[jacobian(value)]
pub fn network_over_time(w: &Array2<f64>, u: &Array2<f64>, b: &Array1<f64>, x: &Array2<f64>) -> f64 {
    let mut h = Array1::zeros(b.len());
    let mut loss = 0.0;
    for t in 0..x.nrows() {
        h = (w.dot(&h) + u.dot(&x.row(t)) + b).mapv(f64::tanh);
        loss += h.dot(&h) - h[0];
    }
    (1.0 + loss * loss).ln() + h.sum()
}

/// shapes: x = [5]
#[jacobian]
pub fn innovations(a: f64, x: &Array1<f64>) -> f64 {
    let mut s = 0.0;
    let mut before = 1.0;
    for i in 0..x.len() {
        let e = x[i] - a * before;
        before = x[i];
        s += e * e;
    }
    s.sqrt()
}

/// The results are not scalars: their derivatives go backward side by side.
/// shapes: a = [3, 3], x = [3], u = [4, 3]
#[jacobian]
pub fn driven(a: &Array2<f64>, x: &Array1<f64>, u: &Array2<f64>) -> Array1<f64> {
    let mut x = x.to_owned();
    for k in 0..u.nrows() {
        x = a.dot(&x).mapv(f64::sin) + u.row(k);
    }
    x * 2.0
}

/// Several results, a branch on the state, and a state of which a later loop reads every round.
/// shapes: x = [6], k = [6]
#[jacobian]
pub fn switched(x: &Array1<f64>, k: &Array1<f64>) -> (f64, f64) {
    let mut level: Array1<f64> = Array1::zeros(x.len() + 1);
    let mut turns = 1.0;
    for i in 0..x.len() {
        level[i + 1] = if level[i] > 0.2 { level[i] * x[i] - 0.3 } else { level[i] + k[i].exp() };
        turns *= level[i + 1];
    }
    let mut sum = 0.0;
    for i in 1..level.len() {
        sum += level[i] * level[i - 1] / k[i - 1];
    }
    (sum, turns + level[x.len()])
}

/// shapes: x = [5]
/// range: 0.5..1.5
#[jacobian]
pub fn continued_fraction(x: &Array1<f32>, start: f32) -> f32 {
    let mut y = start;
    for i in 1..x.len() {
        y = x[i] + 0.5 / (y * y + 1.0);
    }
    y.ln()
}

/// The sweep of a tridiagonal system, forward and back.
/// shapes: a = [5], b = [5], r = [5]
/// range: 0.5..1.5
#[jacobian]
pub fn tridiagonal(a: &Array1<f64>, b: &Array1<f64>, r: &Array1<f64>) -> f64 {
    let n = r.len();
    let mut c: Array1<f64> = Array1::zeros(n);
    let mut x: Array1<f64> = Array1::zeros(n);
    let mut pivot = 3.0 + b[0];
    x[0] = r[0] / pivot;
    for i in 1..n {
        c[i] = a[i - 1] / pivot;
        pivot = 3.0 + b[i] - a[i] * c[i];
        x[i] = (r[i] - a[i] * x[i - 1]) / pivot;
    }
    for i in (0..n - 1).rev() {
        x[i] = x[i] - c[i + 1] * x[i + 1];
    }
    x.dot(&x)
}

/// A covariance that is carried along: each round has two products of matrices.
/// shapes: f = [3, 3], q = [3, 3], z = [4]
#[jacobian(value)]
pub fn propagated(f: &Array2<f64>, q: &Array2<f64>, z: &Array1<f64>) -> Array2<f64> {
    let mut p = q.to_owned();
    for k in 0..z.len() {
        p = f.dot(&p).dot(&f.t()) + q * z[k];
    }
    p
}

/// What a round computes for several states, at one position and all.
/// shapes: w = [3, 2], v = [2, 3], x = [2]
/// integer: n = 3
#[jacobian]
pub fn residual_blocks(w: &Array2<f64>, v: &Array2<f64>, x: &Array1<f64>, n: usize) -> (f64, f64) {
    let mut h = x.to_owned();
    let mut first = 0.0;
    let mut largest = 0.0;
    for _ in 0..n {
        let g = w.dot(&h).mapv(f64::tanh);
        h = &h + &v.dot(&g);
        first += g[0] * h[1];
        largest += g.mapv(f64::exp).sum().ln();
    }
    (h.dot(&h) + first, largest)
}

/// A gated recurrent network: each round has three intermediate results.
/// shapes: w = [3, 3], u = [3, 3], x = [4, 3]
#[jacobian]
pub fn gated(w: &Array2<f64>, u: &Array2<f64>, x: &Array2<f64>) -> f64 {
    let mut h = Array1::ones(w.nrows());
    for t in 0..x.nrows() {
        let r = (w.dot(&h) + x.row(t)).mapv(|v| 1.0 / (1.0 + (-v).exp()));
        let c = u.dot(&(&r * &h)).mapv(f64::tanh);
        h = &r * &h + r.mapv(|v| 1.0 - v) * &c;
    }
    h.dot(&h)
}

/// shapes: wi = [2, 2], wf = [2, 2], wc = [2, 2], x = [3, 2]
#[jacobian]
pub fn long_short_term(wi: &Array2<f64>, wf: &Array2<f64>, wc: &Array2<f64>, x: &Array2<f64>) -> Array1<f64> {
    let mut h = Array1::zeros(wi.nrows());
    let mut c = Array1::zeros(wi.nrows());
    for row in x.outer_iter() {
        let i = (wi.dot(&h) + row).mapv(|v| 1.0 / (1.0 + (-v).exp()));
        let f = (wf.dot(&h) + row).mapv(|v| 1.0 / (1.0 + (-v).exp()));
        let g = (wc.dot(&h) + row).mapv(f64::tanh);
        c = &f * &c + &i * &g;
        h = c.mapv(f64::tanh) * &i;
    }
    h
}

/// Gradient descent with momentum, and what comes of its rate.
/// shapes: a = [3, 2], b = [3]
/// integer: n = 4
#[jacobian]
pub fn descent(a: &Array2<f64>, b: &Array1<f64>, rate: f64, n: usize) -> f64 {
    let mut x: Array1<f64> = Array1::zeros(a.ncols());
    let mut v: Array1<f64> = Array1::zeros(a.ncols());
    for _ in 0..n {
        let g = a.t().dot(&(a.dot(&x) - b));
        v = &v * 0.9 - &g * rate;
        x = &x + &v;
    }
    let r = a.dot(&x) - b;
    r.dot(&r)
}

/// Steps of a Riccati equation, with an update of rank one in place.
/// shapes: f = [3, 3], q = [3, 3], h = [3]
/// integer: n = 3
#[jacobian]
pub fn riccati(f: &Array2<f64>, q: &Array2<f64>, h: &Array1<f64>, n: usize) -> f64 {
    let mut p = q.dot(&q.t());
    let mut s = 0.0;
    for _ in 0..n {
        p = f.dot(&p).dot(&f.t()) * 0.1 + q.dot(&q.t());
        let ph = p.dot(h);
        let v = h.dot(&ph) + 3.0;
        for i in 0..h.len() {
            for j in 0..h.len() {
                p[[i, j]] -= ph[i] * ph[j] / v;
            }
        }
        s += v.ln();
    }
    s
}

/// The likelihood of a scalar Kalman filter.
/// shapes: z = [5]
#[jacobian]
pub fn filter_likelihood(z: &Array1<f64>, q: f64, r: f64, a: f64, c: f64, d: f64) -> f64 {
    let mut x = 0.0;
    let mut p = 1.0;
    let mut s = 0.0;
    for i in 0..z.len() {
        x = a * x + d;
        p = a * a * p + q * q;
        let y = z[i] - c * x;
        let v = c * c * p + r * r + 0.1;
        let k = p * c / v;
        x += k * y;
        p = (1.0 - k * c) * p;
        s += v.ln() + y * y / v;
    }
    s
}

/// A state that the round normalises, reads at its number and as a whole.
/// shapes: w = [3, 3], x = [3]
#[jacobian]
pub fn normalised_rounds(w: &Array2<f64>, x: &Array1<f64>) -> f64 {
    let mut h = x.to_owned();
    let mut e = 0.0;
    for i in 0..w.nrows() {
        let z = w.dot(&h).mapv(f64::exp);
        let total = z.sum();
        h = &z / total + &w.row(i) * h[i];
        e += h[0] * total.ln();
    }
    e + h.dot(x)
}

/// A state that takes the next element of what is given is no copy of it.
/// shapes: x = [5]
#[jacobian]
pub fn shifted(x: &Array1<f64>) -> f64 {
    let mut s = 0.0;
    let mut before = x[0];
    for i in 0..x.len() - 1 {
        s += before * before * x[i];
        before = x[i + 1];
    }
    s * before
}

/// What stands behind a condition on its position is not computed once for the round: the last has no neighbour.
/// shapes: a = [4, 3], x = [2]
#[jacobian]
pub fn driven_by_neighbours(a: &Array2<f64>, x: &[f64]) -> f64 {
    let mut s = x.to_vec();
    for r in 0..a.nrows() {
        for j in 0..s.len() {
            let mut pull = 0.0;
            for i in 0..a.ncols() {
                if i + 1 < a.ncols() {
                    pull += a[[r, i + 1]].sin() * x[j];
                }
            }
            s[j] = pull + 0.5 * s[j];
        }
    }
    s.iter().sum()
}

/// An element is assigned and then changed, each round the one of its number, under conditions.
/// shapes: x = [5]
#[jacobian]
pub fn changed_under_conditions(x: &[f64], c: f64) -> Vec<f64> {
    let n = x.len();
    let mut out = vec![0.0; n];
    for i in 0..n {
        out[i] = -2.0 * x[i];
        if i > 0 {
            out[i] += x[i - 1] * c;
        }
        if i + 1 < n {
            out[i] *= x[i + 1];
        }
    }
    out
}

/// Both arms assign it; the first element is one of its own.
/// shapes: u = [5]
#[jacobian]
pub fn upwind(u: &[f64], c: f64) -> Vec<f64> {
    let n = u.len();
    let mut out = vec![1.5; n];
    out[0] = u[0] * c;
    for i in 1..n {
        if u[i] > 0.7 {
            out[i] = c * u[i] * (u[i] - u[i - 1]);
        } else {
            out[i] *= u[i];
        }
    }
    out
}

/// From the end, with what stood there before the loop.
/// shapes: x = [4]
#[jacobian]
pub fn from_the_end(x: &[f64]) -> Vec<f64> {
    let n = x.len();
    let mut out = x.to_vec();
    for i in 0..n {
        if x[i] > 0.6 {
            out[n - 1 - i] += x[i] * x[i];
        }
        out[n - 1 - i] *= 2.0;
    }
    out
}

/// Neighbours are no positions of their own: what one round writes the next one changes.
/// shapes: x = [5]
#[jacobian]
pub fn fluxes(x: &[f64]) -> Vec<f64> {
    let n = x.len();
    let mut out = vec![0.0; n];
    for i in 0..n - 1 {
        let flux = x[i + 1] * x[i];
        out[i] = out[i] - flux;
        out[i + 1] = flux * x[i];
    }
    out
}

/// shapes: y = [3, 4]
#[jacobian]
pub fn changed_in_a_table(y: &Array2<f64>) -> Array2<f64> {
    let (n, m) = y.dim();
    let mut out = Array2::zeros((n, m));
    for i in 0..n {
        for j in 0..m {
            out[[i, j]] = y[[i, j]] * y[[i, j]];
            if i > 0 {
                out[[i, j]] += y[[i - 1, j]];
            }
            if j > 0 {
                out[[i, j]] -= y[[i, j - 1]];
            } else {
                out[[i, j]] *= 1.5;
            }
        }
    }
    out
}
