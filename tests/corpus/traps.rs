//! Constructs that are easy to read wrongly.

use jac_runtime::jacobian;
use ndarray::{array, s, Array1, Array2, Axis};

#[jacobian]
pub fn declared_later(x: f64, y: f64) -> f64 {
    let z;
    if x > y {
        z = x * x;
    } else {
        z = y.sin();
    }
    z * x
}

#[jacobian]
pub fn return_from_a_loop(x: &[f64; 4]) -> f64 {
    let mut sum = 0.0;
    for k in 0..4 {
        if sum > 1.0 {
            return sum * x[k];
        }
        sum += x[k] * x[k];
    }
    sum
}

#[jacobian]
pub fn return_from_both_arms(x: f64, y: f64) -> f64 {
    let a = x * y;
    if a > 0.0 {
        if x > 0.5 {
            return a * a;
        }
        return a.exp();
    } else {
        return a - y;
    }
}

#[jacobian]
pub fn return_in_a_closure(x: f64, y: f64) -> f64 {
    let f = |v: f64| {
        if v < 0.0 {
            return v * v;
        }
        v * x
    };
    f(y) + f(-y) * y
}

#[jacobian]
pub fn elements_under_a_branch(x: &[f64; 3]) -> [f64; 3] {
    let mut y = *x;
    for k in 0..3 {
        if x[k] < 0.0 {
            y[k] *= x[(k + 1) % 3];
        } else if x[k] > 1.0 {
            y[k] = x[0];
            y[(k + 2) % 3] += 1.0;
        }
    }
    y
}

#[jacobian]
pub fn patterns(m: &[[f64; 2]; 2]) -> (f64, f64) {
    let [[a, b], [c, d]] = *m;
    let ((p, q), _) = ((a * d, b * c), a);
    let [first, ..] = [p - q, p + q, p * q];
    let (mut u, v) = (first, q);
    u += v;
    let v = {
        let v = v * u;
        v + a
    };
    (u, v)
}

#[jacobian]
pub fn shadowed_capture(x: f64) -> f64 {
    let a = x * 2.0;
    let f = |v: f64| v * a;
    let a = x * x;
    f(a) + a
}

#[jacobian]
pub fn nested_functions(x: f64, y: f64) -> f64 {
    fn square(v: f64) -> f64 {
        v * v
    }
    fn norm(a: f64, b: f64) -> f64 {
        (a * a + b * b + 1.0).sqrt()
    }
    square(norm(x, y) * x) + square(y)
}

#[jacobian]
pub fn tables(x: &[f64; 4]) -> f64 {
    let order = [2, 0, 3, 1];
    let weights = [[1.0, 0.5], [-2.0, 0.0]];
    let mut sum = 0.0;
    for (i, row) in [(0usize, weights[0]), (1, weights[1])] {
        for j in 0..2 {
            sum += row[j] * x[order[2 * i + j]] * x[i];
        }
    }
    sum
}

#[jacobian]
pub fn swapped(x: f64, y: f64) -> [f64; 2] {
    let (mut a, mut b) = (x, y);
    for _ in 0..3 {
        (a, b) = (b * x, a + y);
    }
    [a, b]
}

#[jacobian]
pub fn zero_times(x: f64, y: f64) -> [f64; 3] {
    let zero = 0.0;
    [zero * x + y, x * y * 0.0, x - x + y]
}

#[jacobian]
pub fn conditions(x: f64, y: f64, flag: f64) -> f64 {
    let inside = x * x + y * y < 1.0;
    let right = if flag > 0.0 { x > 0.0 } else { y >= 0.0 };
    if inside && right || x == y {
        x * y
    } else if inside != right {
        x - y
    } else {
        y
    }
}

/// shapes: x = [3, 4]
#[jacobian]
pub fn layer_norm(x: &Array2<f64>) -> Array2<f64> {
    let mean = x.mean_axis(Axis(1)).unwrap().insert_axis(Axis(1));
    let centred = x - &mean;
    let variance = (&centred * &centred).mean_axis(Axis(1)).unwrap();
    let scale = variance.mapv(|v| 1.0 / (v + 0.01).sqrt()).insert_axis(Axis(1));
    &centred * &scale
}

/// shapes: a = [3, 3]
#[jacobian]
pub fn trace_of_a_square(a: &Array2<f64>) -> f64 {
    a.dot(a).diag().sum()
}

/// shapes: a = [4], b = [4]
#[jacobian]
pub fn sliced_pieces(a: &Array1<f64>, b: &Array1<f64>) -> f64 {
    let head = a.slice(s![..-1]);
    let tail = a.slice(s![1..]);
    let both = &head * &tail;
    both.dot(&b.slice(s![1..])) + b[0] * a[3]
}

/// shapes: m = [2, 3]
#[jacobian]
pub fn outer_of_rows(m: &Array2<f64>) -> Array2<f64> {
    let first = m.row(0).insert_axis(Axis(1));
    let second = m.slice(s![1..2, ..]);
    &first * &second
}

/// shapes: x = [3], w = [3, 3]
#[jacobian]
pub fn recurrent(x: &Array1<f64>, w: &Array2<f64>) -> Array1<f64> {
    let mut h = x.to_owned();
    for _ in 0..3 {
        h = (w.dot(&h) + x).mapv(|v| v.tanh());
    }
    h
}

/// shapes: x = [4]
#[jacobian]
pub fn reduction_inside_a_map(x: &Array1<f64>) -> Array1<f64> {
    x.mapv(|v| (x * v).sum() * v)
}

/// shapes: x = [3]
#[jacobian]
pub fn literal_and_open(x: &Array1<f64>) -> Array1<f64> {
    let rotation = array![[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]];
    rotation.dot(x) * x
}

/// shapes: x = [3], y = [3]
#[jacobian]
pub fn whole_array_branch(x: &Array1<f64>, y: &Array1<f64>) -> Array1<f64> {
    let mut z = x * y;
    if x.sum() > 0.5 {
        z += x;
    } else {
        z = y * 2.0;
    }
    z
}

/// shapes: x = [5]
#[jacobian(shape(x = [5]))]
pub fn every_other(x: &Array1<f64>) -> Array1<f64> {
    let even = x.slice(s![..;2]);
    let odd = x.slice(s![1..;2]);
    let mut y = Array1::zeros(3);
    y[0] = odd.sum();
    y[1] = even[0] * odd[1];
    y + &even
}

/// shapes: x = [3]
#[jacobian]
pub fn two_results_of_one(x: &Array1<f64>) -> (Array1<f64>, Array1<f64>, f64) {
    let y = x.mapv(|v| v * v);
    (y.clone(), y.clone(), y.sum())
}
