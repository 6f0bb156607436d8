//! What each form of the derivative costs, in times of the function itself: all forms of one function are run in turn, so that
//! what else the machine does meets them alike, and the best of many rounds counts.

use super::{diffusion, diffusion_jacobian_values, diffusion_jvp, diffusion_vjp};
use jac_runtime::jacobian;
use ndarray::{Array1, Array2};
use std::hint::black_box;
use std::time::Instant;

/// A logistic regression: many parameters, and data.
#[jacobian(value, jvp, vjp, hvp, wrt(w))]
fn likelihood(w: &Array1<f64>, x: &Array2<f64>, y: &Array1<f64>) -> f64 {
    let z = x.dot(w);
    z.iter().zip(y).map(|(z, y)| z.exp().ln_1p() - y * z).sum()
}

/// The entropy of what a softmax makes of its argument.
#[jacobian(value, jvp, vjp, hvp)]
fn entropy(x: &Array1<f64>) -> f64 {
    let z: f64 = x.iter().map(|x| x.exp()).sum();
    x.iter()
        .map(|x| {
            let p = x.exp() / z;
            p * p.ln()
        })
        .sum()
}

/// Rosenbrock's function of many variables.
#[jacobian(value, jvp, vjp, hvp)]
fn rosenbrock(x: &Array1<f64>) -> f64 {
    (0..x.len() - 1).map(|i| 100.0 * (x[i + 1] - x[i] * x[i]).powi(2) + (1.0 - x[i]).powi(2)).sum()
}

/// A mixture of three normal distributions: logarithms of weights, means, logarithms of deviations.
#[jacobian(value, jvp, vjp, hvp, wrt(a, m, s))]
fn mixture(x: &[f64], a: &[f64; 3], m: &[f64; 3], s: &[f64; 3]) -> f64 {
    x.iter()
        .map(|x| {
            let mut sum = 0.0;
            for k in 0..3 {
                let z = (x - m[k]) * (-s[k]).exp();
                sum += (a[k] - s[k] - 0.5 * z * z).exp();
            }
            sum.ln()
        })
        .sum()
}

/// An exponential with an offset.
#[jacobian(value, jvp, vjp, normal, wrt(p))]
fn curve(t: &[f64], y: &[f64], p: &[f64; 3]) -> Vec<f64> {
    t.iter().zip(y).map(|(t, y)| p[0] * (-p[1] * t).exp() + p[2] - y).collect()
}

/// A camera that sees a point: rotation vector, translation, focal length and two coefficients of distortion.
#[jacobian(value, jvp, vjp, normal, wrt(camera, point))]
fn projected(camera: &[f64; 9], point: &[f64; 3], seen: &[f64; 2]) -> [f64; 2] {
    let w = [camera[0], camera[1], camera[2]];
    let angle = (w[0] * w[0] + w[1] * w[1] + w[2] * w[2]).sqrt();
    let (s, c) = angle.sin_cos();
    let axis = w.map(|w| w / angle);
    let along = (axis[0] * point[0] + axis[1] * point[1] + axis[2] * point[2]) * (1.0 - c);
    let cross = [axis[1] * point[2] - axis[2] * point[1], axis[2] * point[0] - axis[0] * point[2], axis[0] * point[1] - axis[1] * point[0]];
    let turned: [f64; 3] = std::array::from_fn(|k| point[k] * c + cross[k] * s + axis[k] * along + camera[3 + k]);
    let p = [-turned[0] / turned[2], -turned[1] / turned[2]];
    let r = p[0] * p[0] + p[1] * p[1];
    let scale = camera[6] * (1.0 + r * (camera[7] + r * camera[8]));
    [scale * p[0] - seen[0], scale * p[1] - seen[1]]
}

/// A pendulum under controls: the energy at the end, and what the controls cost.
#[jacobian(value, jvp, vjp, hvp, wrt(u))]
fn rollout(u: &Array1<f64>, start: &[f64; 2]) -> f64 {
    let [mut angle, mut speed] = *start;
    let mut cost = 0.0;
    for u in u {
        speed += 0.05 * (u - angle.sin());
        angle += 0.05 * speed;
        cost += u * u;
    }
    cost + speed * speed - angle.cos()
}

/// Runs all forms in turn for a while; a row of the best time of the first in µs, and of the others in times of it.
fn row(name: &str, forms: &mut [(&str, &mut dyn FnMut())]) {
    let mut repeat = 1;
    loop {
        let start = Instant::now();
        (0..repeat).for_each(|_| forms[0].1());
        if start.elapsed().as_micros() > 200 {
            break;
        }
        repeat *= 2;
    }
    let mut best = vec![f64::INFINITY; forms.len()];
    for _ in 0..200 {
        for (best, (_, run)) in best.iter_mut().zip(forms.iter_mut()) {
            let start = Instant::now();
            (0..repeat).for_each(|_| run());
            *best = best.min(start.elapsed().as_secs_f64() / f64::from(repeat));
        }
    }
    let others = forms[1..].iter().zip(&best[1..]).map(|((form, _), t)| format!("{form} {:.2}", t / best[0]));
    println!("| {name} | {:.3} | {} |", best[0] * 1e6, others.collect::<Vec<String>>().join(", "));
}

/// A closure for [`row`], of which the result is used.
macro_rules! run {
    ($form:expr) => {
        &mut || _ = black_box($form)
    };
}

/// Prints the table.
pub fn table() {
    println!("\n| function | µs | forms, in times of it |\n|---|---|---|");
    let n = 1000;
    let wave = |n: usize, step: f64| black_box(Array1::from_shape_fn(n, |i| (i as f64 * step).sin()));
    let (w, t) = (wave(20, 0.7), wave(20, 0.3));
    let x = black_box(Array2::from_shape_fn((n, 20), |(i, j)| ((i * 20 + j) as f64 * 0.37).cos()));
    let y = wave(n, 0.9).mapv(|y| f64::from(u8::from(y > 0.0)));
    row(
        "logistic likelihood of 20 parameters, 1000 rows",
        &mut [
            ("function", run!(likelihood(&w, &x, &y))),
            ("gradient", run!(likelihood_jacobian(&w, &x, &y))),
            ("value and gradient", run!(likelihood_value_and_jacobian(&w, &x, &y))),
            ("jvp", run!(likelihood_jvp(&w, &x, &y, &t))),
            ("vjp", run!(likelihood_vjp(&w, &x, &y, 1.5))),
            ("hvp", run!(likelihood_hvp(&w, &x, &y, &t))),
        ],
    );
    let (u, t) = (wave(n, 0.1), wave(n, 0.3));
    row(
        "entropy of a softmax of 1000",
        &mut [
            ("function", run!(entropy(&u))),
            ("gradient", run!(entropy_jacobian(&u))),
            ("value and gradient", run!(entropy_value_and_jacobian(&u))),
            ("jvp", run!(entropy_jvp(&u, &t))),
            ("vjp", run!(entropy_vjp(&u, 1.5))),
            ("hvp", run!(entropy_hvp(&u, &t))),
        ],
    );
    row(
        "Rosenbrock of 1000",
        &mut [
            ("function", run!(rosenbrock(&u))),
            ("gradient", run!(rosenbrock_jacobian(&u))),
            ("value and gradient", run!(rosenbrock_value_and_jacobian(&u))),
            ("jvp", run!(rosenbrock_jvp(&u, &t))),
            ("vjp", run!(rosenbrock_vjp(&u, 1.5))),
            ("hvp", run!(rosenbrock_hvp(&u, &t))),
        ],
    );
    let (data, [a, m, s]) = (u.to_vec(), black_box([[-1.0, -0.5, -1.5], [-0.6, 0.1, 0.7], [-1.0, -0.7, -1.2]]));
    row(
        "mixture of 3, 1000 points",
        &mut [
            ("function", run!(mixture(&data, &a, &m, &s))),
            ("gradient", run!(mixture_jacobian(&data, &a, &m, &s))),
            ("value and gradient", run!(mixture_value_and_jacobian(&data, &a, &m, &s))),
            ("jvp", run!(mixture_jvp(&data, &a, &m, &s, &m, &a, &a))),
            ("vjp", run!(mixture_vjp(&data, &a, &m, &s, 1.5))),
            ("hvp", run!(mixture_hvp(&data, &a, &m, &s, &m, &a, &a))),
        ],
    );
    let (times, seen) = (u.mapv(|u| u + 1.0).to_vec(), t.to_vec());
    let p = black_box([1.2, 0.8, 0.2]);
    row(
        "curve fit by 3, 1000 points",
        &mut [
            ("function", run!(curve(&times, &seen, &p))),
            ("Jacobian", run!(curve_jacobian(&times, &seen, &p))),
            ("value and Jacobian", run!(curve_value_and_jacobian(&times, &seen, &p))),
            ("jvp", run!(curve_jvp(&times, &seen, &p, &p))),
            ("vjp", run!(curve_vjp(&times, &seen, &p, &seen))),
            ("normal", run!(curve_normal(&times, &seen, &p))),
        ],
    );
    let mut values = vec![0.0; 3 * n - 2];
    row(
        "stencil of 1000",
        &mut [
            ("function", run!(diffusion(&u, 0.3))),
            ("jvp", run!(diffusion_jvp(&u, 0.3, &t))),
            ("vjp", run!(diffusion_vjp(&u, 0.3, &t))),
            ("sparse values", run!(diffusion_jacobian_values(&u, 0.3, &mut values))),
        ],
    );
    let (c, p, seen) =
        (black_box([0.1, -0.2, 0.3, 0.5, -0.5, 2.0, 500.0, -0.1, 0.02]), black_box([0.3, 0.4, 1.5]), black_box([10.0, 20.0]));
    row(
        "camera, 2×12",
        &mut [
            ("function", run!(projected(&c, &p, &seen))),
            ("Jacobian", run!(projected_jacobian(&c, &p, &seen))),
            ("value and Jacobian", run!(projected_value_and_jacobian(&c, &p, &seen))),
            ("jvp", run!(projected_jvp(&c, &p, &seen, &c, &p))),
            ("vjp", run!(projected_vjp(&c, &p, &seen, &seen))),
            ("normal", run!(projected_normal(&c, &p, &seen))),
        ],
    );
    let (u, t, start) = (wave(200, 0.1), wave(200, 0.3), black_box([0.4, -0.1]));
    row(
        "rollout of a pendulum, 200 rounds",
        &mut [
            ("function", run!(rollout(&u, &start))),
            ("gradient", run!(rollout_jacobian(&u, &start))),
            ("value and gradient", run!(rollout_value_and_jacobian(&u, &start))),
            ("jvp", run!(rollout_jvp(&u, &start, &t))),
            ("vjp", run!(rollout_vjp(&u, &start, 1.5))),
            ("hvp", run!(rollout_hvp(&u, &start, &t))),
        ],
    );
}
