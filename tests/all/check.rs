//! The user's own check: it works for every signature, and fails where a derivative is wrong.
#![allow(clippy::needless_range_loop, clippy::op_ref)] // functions as users write them

use crate::{common, corpus};
use jac_runtime::__private::{check, Normal, Other, Run, Step, Subject};
use jac_runtime::check;
use jac_runtime::jacobian;
use ndarray::{array, s, Array1, Array2, ArrayView1, ArrayView2};
use num_traits::Float;
use std::panic::{catch_unwind, AssertUnwindSafe};

#[path = "../../jac-runtime/examples/range_bearing.rs"]
#[allow(dead_code)]
mod readme;

/// Every function of the corpus passes, at points of its range.
#[test]
fn the_corpus_passes() {
    for case in corpus::cases() {
        let x = common::point(&case, 7);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (case.check)(&x))) {
            panic!("{}: {:?}", case.name, panic.downcast_ref::<String>());
        }
    }
}

mod shapes {
    //! Functions of every kind of signature, elsewhere than the test.
    use super::*;

    #[jacobian(value, into, jvp, vjp, hessian)]
    pub fn energy(q: &[f64; 3], mass: f64) -> f64 {
        0.5 * mass * (q[0] * q[0] + q[1].sin() * q[2])
    }

    #[jacobian(value, into, jvp, vjp, wrt(b, m))]
    pub fn mixed(n: usize, up: bool, a: [f64; 2], b: &f64, m: [[f64; 2]; 2], weights: &[f64]) -> ([f64; 2], f64) {
        let scale = if up { n as f64 } else { 1.0 };
        ([scale * m[0][0] * b + a[0], m[1][1] * m[0][1]], b.exp() + weights.iter().sum::<f64>() * m[1][0])
    }

    #[jacobian(value, into, jvp, vjp, hessian)]
    pub fn arrays(a: &Array2<f64>, x: Array1<f64>, y: ArrayView1<f64>, z: &ArrayView2<'_, f64>, v: Vec<f64>) -> f64 {
        let w = a.dot(&x) * &y;
        let mut total = w.sum() + z.sum();
        for i in 0..v.len() {
            total += v[i] * v[i] * z[[0, 0]];
        }
        total
    }

    #[jacobian(value, into, jvp, vjp)]
    pub fn written(x: &[f64], out: &mut [f64], total: &mut f64) {
        for i in 0..x.len() {
            out[i] = x[i].exp();
        }
        *total = x.iter().sum();
    }

    #[jacobian(value, into, jvp, vjp)]
    pub fn positive(x: f64, y: [f64; 2]) -> Option<(f64, [f64; 2])> {
        Some((x.sqrt() * y[0], [y[1] * x, y[0]]))
    }

    #[jacobian(value, into, jvp, vjp, hessian)]
    pub fn single(x: f32, y: &[f32; 2]) -> f32 {
        (x * y[0]).sin() + y[1]
    }

    #[jacobian(value, into, jvp, vjp, hessian)]
    pub fn generic<T: Float, const N: usize>(x: &[T; N], y: T) -> T {
        let mut total = y * y;
        for i in 0..N {
            total = total + x[i] * x[i] * y;
        }
        total
    }

    /// Not `Clone`.
    pub struct Settings {
        pub gain: f64,
    }

    #[jacobian]
    pub fn by_value(x: f64, settings: Settings) -> f64 {
        x * x * settings.gain
    }
}

#[derive(Clone, Copy)]
struct Pendulum {
    length: f64,
}

#[jacobian]
impl Pendulum {
    #[jacobian(value, into, jvp, vjp)]
    fn rate(&self, state: &[f64; 2]) -> Result<[f64; 2], String> {
        Ok([state[1], -9.81 / self.length * state[0].sin()])
    }

    #[jacobian(value)]
    fn stretched(self, by: f64) -> f64 {
        self.length * by.exp()
    }

    #[jacobian(hessian)]
    fn period(length: f64) -> f64 {
        (length / 9.81).sqrt()
    }
}

#[test]
fn every_signature_can_be_checked() {
    check!(shapes::energy, &[0.3, 0.7, -0.2], 2.0);
    check!(shapes::mixed, 3, true, [0.1, 0.2], &0.4, [[0.5, 0.6], [0.7, 0.8]], &[1.0, 2.0]);
    let (a, x, y) = (array![[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]], array![0.7, 0.8], array![0.9, 1.0, 1.1, 1.2, 1.3]);
    check!(shapes::arrays, &a, x, y.slice(s![..;2]), &a.view(), vec![0.1, 0.2, 0.3]);
    check!(shapes::written, &[0.1, 0.2, 0.3], &mut [0.0; 3], &mut 0.0);
    check!(shapes::positive, 0.5, [0.1, 0.2],);
    check!(shapes::single, 0.5, &[0.1, 0.2]);
    check!(shapes::generic::<f64, 3>, &[0.1, 0.2, 0.3], 0.5);
    check!(shapes::generic, &[0.1_f32, 0.2], 0.5);
    let pendulum = Pendulum { length: 1.5 };
    check!(Pendulum::rate, &pendulum, &[0.3, 0.4]);
    check!(Pendulum::stretched, pendulum, 0.4);
    check!(Pendulum::period, 0.4);
    jac_runtime::check!(shapes::energy, &[0.0, 0.0, 0.0], 1.0);
}

fn failure(f: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(f)).expect_err("it fails");
    panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap_or_default()
}

#[test]
fn what_cannot_be_checked_says_why() {
    let text = failure(|| check!(shapes::by_value, 1.0, shapes::Settings { gain: 2.0 }));
    assert!(text.contains("needs `Clone`") && text.contains("Settings"), "{text}");
    let text = failure(|| check!(shapes::positive, -1.0, [0.1, 0.2]));
    assert!(text.contains("no finite value"), "{text}");
}

fn other<'a>(name: &'static str, value: bool, steps: &'static [Step], run: Run<'a>) -> Other<'a> {
    Other { name, value, steps, normal: Normal::default(), run }
}

/// `f(x, y) = (x₀·y, x₁²)` with one derivative that is wrong by a factor, from one of the functions.
fn wrong(which: &str, factor: f64) -> String {
    let of = |name: &str| if which == name { factor } else { 1.0 };
    let (j, v, i, t, c) = (of("jacobian"), of("value"), of("into"), of("jvp"), of("vjp"));
    let jacobian = |x: &[Vec<f64>], f: f64| vec![vec![x[1][0], 0.0, 0.0, 2.0 * x[0][1] * f], vec![x[0][0], 0.0]];
    let value = |x: &[Vec<f64>]| vec![vec![x[0][0] * x[1][0], x[0][1] * x[0][1]]];
    failure(|| {
        check(&Subject {
            name: "f",
            inputs: &["x", "y"],
            point: vec![vec![0.3, 0.7], vec![1.2]],
            fixed: &[],
            epsilon: f64::EPSILON,
            value: &|x, _| Some(value(x)),
            jacobian: &|x, _| Some(jacobian(x, j)),
            others: &[
                other("f_value_and_jacobian", true, &[Step::Jacobian], &|x, _| Some([value(x), jacobian(x, v)].concat())),
                other("f_jacobian_into", false, &[Step::Jacobian], &|x, _| Some(jacobian(x, i))),
                other("f_jvp", true, &[Step::Jvp], &|x, s| {
                    let tangent = vec![x[1][0] * s[0][0] + x[0][0] * s[1][0], 2.0 * x[0][1] * s[0][1] * t];
                    Some(vec![value(x).remove(0), tangent])
                }),
                other("f_vjp", true, &[Step::Vjp], &|x, s| {
                    Some(vec![value(x).remove(0), vec![x[1][0] * s[0][0], 2.0 * x[0][1] * s[0][1] * c], vec![x[0][0] * s[0][0]]])
                }),
            ],
        });
        panic!("passes");
    })
}

#[test]
fn a_wrong_derivative_fails_with_both_numbers() {
    assert_eq!(wrong("none", 1.0), "passes");
    for factor in [1.0 + 1e-6, -1.0, 0.0, f64::NAN] {
        let text = wrong("jacobian", factor);
        assert!(text.starts_with("`f_jacobian`: the derivative of element 1 by element 1 of `x` is "), "{text}");
        assert!(text.contains("but differences give 1.4") || text.contains("but differences give 1.39999"), "{text}");
        assert!(text.contains(" ± ") && text.contains("at x = [0.3, 0.7], y = 1.2"), "{text}");
        for (which, name) in [("value", "f_value_and_jacobian"), ("into", "f_jacobian_into"), ("jvp", "f_jvp"), ("vjp", "f_vjp")] {
            let text = wrong(which, factor);
            assert!(text.starts_with(&format!("`{name}`: element ")) && text.contains(" ± "), "{text}");
        }
    }
}

/// The Hessian of `x³` with a wrong factor.
#[test]
fn a_wrong_hessian_fails() {
    let text = failure(|| {
        check(&Subject {
            name: "f",
            inputs: &["x"],
            point: vec![vec![0.5]],
            fixed: &[],
            epsilon: f64::EPSILON,
            value: &|x, _| Some(vec![vec![x[0][0].powi(3)]]),
            jacobian: &|x, _| Some(vec![vec![3.0 * x[0][0] * x[0][0]]]),
            others: &[other("f_hessian", false, &[Step::Jacobian, Step::Jacobian], &|x, _| Some(vec![vec![5.0 * x[0][0]]]))],
        });
    });
    assert!(text.starts_with("`f_hessian`: the derivative of element 0 by element 0 of `x` is 2.5, but differences give "), "{text}");
}

/// Of no numbers nothing tells how many digits a value has.
#[test]
fn where_no_input_can_move_values_are_roughly_the_same() {
    let verdict = |found: f64| {
        let run = move |_: &[Vec<f64>], _: &[Vec<f64>]| Some(vec![vec![found], vec![]]);
        let others = [other("f_value_and_jacobian", true, &[Step::Jacobian], &run)];
        let (name, point, epsilon) = ("f", vec![vec![]], f64::EPSILON);
        let run = || {
            let (value, jacobian): (Run<'_>, Run<'_>) = (&|_, _| Some(vec![vec![1.469149289903604]]), &|_, _| Some(vec![vec![]]));
            check(&Subject { name, inputs: &["x"], point: point.clone(), fixed: &[], epsilon, value, jacobian, others: &others });
        };
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_ok()
    };
    assert!(verdict(1.469149311920623));
    assert!(!verdict(1.5));
}

/// A function of one number, its derivative, and where it is checked.
type Row = (&'static str, fn(f64) -> f64, fn(f64) -> f64, &'static [f64]);

/// What the check says of a function of one number and a derivative.
fn verdict((_, f, derivative, _): &Row, x: f64, change: fn(f64) -> f64) -> Option<String> {
    let run = || {
        check(&Subject {
            name: "f",
            inputs: &["x"],
            point: vec![vec![x]],
            fixed: &[],
            epsilon: f64::EPSILON,
            value: &|x, _| Some(vec![vec![f(x[0][0])]]),
            jacobian: &|x, _| Some(vec![vec![change(derivative(x[0][0]))]]),
            others: &[],
        });
    };
    catch_unwind(AssertUnwindSafe(run)).err().and_then(|panic| panic.downcast_ref::<String>().cloned())
}

/// Where differences mislead, the check does not accuse what is right: jumps, kinks, poles and what is fast.
#[test]
fn differences_that_mislead_are_no_failure() {
    let rows: [Row; 17] = [
        ("a step of a staircase", |x| 3.0 * x + (2e8 * x + 1e17) * (3.0 * (2e8 * x + 1e17).atan()).cos(), |_| 3.0, &[0.5, 0.75, 1.0, 2.0]),
        ("what is left of 1", |x| x.powi(14).cos() - 1.0, |x| -14.0 * x.powi(13) * x.powi(14).sin(), &[0.26, 0.1, 0.5]),
        ("a step at each 1/336", |x| (336.0 * x).floor(), |_| 0.0, &[0.1, 0.37, 0.5, 1.0, 1.7]),
        ("a saw", |x| (20.0 * x).fract(), |_| 20.0, &[0.05, 0.31, 0.5, 1.0]),
        ("a step on a curve", |x| x * x + 1e-3 * (1e3 * x).floor(), |x| 2.0 * x, &[0.1, 0.37, 0.5, 1.7]),
        ("steps below all differences", |x| 1e-8 * (1e8 * x).floor(), |_| 0.0, &[0.1, 0.37, 0.5, 1.7]),
        ("a branch", |x| if x < 0.5 { x } else { 3.0 + x * x }, |x| if x < 0.5 { 1.0 } else { 2.0 * x }, &[0.499, 0.4999999, 0.5]),
        ("a small kink", |x| x * x + 1e-6 * x.abs(), |x| 2.0 * x + 1e-6 * x.signum(), &[0.0, 1e-9, 1e-5]),
        ("sin(400 x)", |x| (400.0 * x).sin(), |x| 400.0 * (400.0 * x).cos(), &[0.1, 0.5, 1.0, 2.0]),
        ("sin(10⁹ x)", |x| x + (1e9 * x).sin(), |x| 1.0 + 1e9 * (1e9 * x).cos(), &[0.1, 0.5, 0.9, 1.0, 2.0]),
        ("a ripple", |x| x + 1e-12 * (1e8 * x).sin(), |x| 1.0 + 1e-4 * (1e8 * x).cos(), &[0.1, 0.5, 0.9, 1.0, 2.0]),
        ("a slower one", |x| x * x + 1e-11 * (2e6 * x).sin(), |x| 2.0 * x + 2e-5 * (2e6 * x).cos(), &[0.1, 0.5, 0.9, 1.0, 1.7]),
        ("one between", |x| x.powi(4) + 1e-12 * (1e7 * x).sin(), |x| 4.0 * x.powi(3) + 1e-5 * (1e7 * x).cos(), &[0.3, 0.5, 0.9, 1.0]),
        ("1/x near its pole", |x| 1.0 / x, |x| -1.0 / (x * x), &[1e-2, 1e-3, 1e-5, 1e-9]),
        ("a wave that quickens", |x| (1.0 / x).sin(), |x| -(1.0 / x).cos() / (x * x), &[1e-1, 1e-3, 1e-6]),
        ("a root beside its end", |x| x.abs().sqrt(), |x| 0.5 * x.signum() / x.abs().sqrt(), &[1e-3, 1e-7, -1e-9]),
        ("lost digits", |x| (x.sin() + 1e3) - 1e3, f64::cos, &[1e-3, 0.045, 1.0]),
    ];
    for row in &rows {
        for x in row.3 {
            assert_eq!(verdict(row, *x, |d| d), None, "{}", row.0);
        }
    }
}

/// Of a value that has no digits left, two may differ by all of it.
#[test]
fn what_has_no_digits_is_not_compared() {
    let seen = |wrong: f64| {
        failure(|| {
            let noise = |x: f64| (1e16 * x).sin().powi(12);
            let slope = |x: f64| 12e16 * (1e16 * x).sin().powi(11) * (1e16 * x).cos();
            check(&Subject {
                name: "f",
                inputs: &["x"],
                point: vec![vec![0.4]],
                fixed: &[],
                epsilon: f64::EPSILON,
                value: &|x, _| Some(vec![vec![noise(x[0][0])]]),
                jacobian: &|x, _| Some(vec![vec![slope(x[0][0])]]),
                others: &[other("f_value_and_jacobian", true, &[Step::Jacobian], &|x, _| Some(vec![vec![wrong], vec![slope(x[0][0])]]))],
            });
            panic!("passes");
        })
    };
    assert_eq!(seen(0.9), "passes");
    assert!(seen(1e9).starts_with("`f_value_and_jacobian`: element 0 of part 0 of the value is 1000000000.0"));
}

/// Mistakes of 1 % are found, beside kinks, steps and poles too if these are not within the smallest differences.
#[test]
fn mistakes_of_a_hundredth_are_found() {
    let rows: [Row; 9] = [
        ("a cube", |x| x * x * x - x, |x| 3.0 * x * x - 1.0, &[0.0, 0.1, 1.0, 100.0]),
        ("an exponential", |x| (30.0 * x).exp(), |x| 30.0 * (30.0 * x).exp(), &[-1.0, 0.1, 1.0]),
        ("a line", |x| 3.0 * x + 1.0, |_| 3.0, &[-1.0, 0.0, 1e6]),
        ("sin(400 x)", |x| (400.0 * x).sin(), |x| 400.0 * (400.0 * x).cos(), &[0.1, 1.0, 2.0]),
        ("1/x near its pole", |x| 1.0 / x, |x| -1.0 / (x * x), &[1.0, 1e-2, 1e-3]),
        ("a root", |x| x.sqrt(), |x| 0.5 / x.sqrt(), &[0.1, 1.0, 1e6]),
        ("a branch", |x| if x < 0.5 { x } else { 3.0 + x * x }, |x| if x < 0.5 { 1.0 } else { 2.0 * x }, &[0.3, 0.49, 0.51]),
        ("a saw", |x| (20.0 * x).fract(), |_| 20.0, &[0.04, 0.31]),
        ("a tangent", |x| (50.0 * x).tan(), |x| 50.0 / (50.0 * x).cos().powi(2), &[0.1, 0.5, 1.0]),
    ];
    for row in &rows {
        for x in row.3 {
            assert_eq!(verdict(row, *x, |d| d), None, "{}", row.0);
            for change in [|d| 1.01 * d, |d: f64| -d, |_| 0.0] {
                let text = verdict(row, *x, change).unwrap_or_else(|| panic!("{} at {x} passes", row.0));
                assert!(text.starts_with("`f_jacobian`: the derivative of element 0 by element 0 of `x` is "), "{text}");
            }
        }
    }
}

/// Of `sin² x + cos² x`, where the products keep rounding errors of terms that cancel in the Jacobian, and of a wrong product.
#[test]
fn what_cancels_is_compared_with_what_cancelled() {
    let product = |residue: f64| {
        failure(|| {
            check(&Subject {
                name: "f",
                inputs: &["x"],
                point: vec![vec![0.3]],
                fixed: &[],
                epsilon: f64::EPSILON,
                value: &|_, _| Some(vec![vec![1.0]]),
                jacobian: &|_, _| Some(vec![vec![0.0]]),
                others: &[
                    other("f_jvp", true, &[Step::Jvp], &|_, _| Some(vec![vec![1.0], vec![residue]])),
                    other("f_vjp", true, &[Step::Vjp], &|_, _| Some(vec![vec![1.0], vec![residue]])),
                    other("f_hessian", false, &[Step::Jacobian, Step::Jacobian], &|_, _| Some(vec![vec![residue]])),
                ],
            });
            panic!("passes");
        })
    };
    assert_eq!(product(1.1e-16), "passes");
    assert!(product(0.01).starts_with("`f_jvp`: element 0 of part 0 of the tangent is 0.01, but the Jacobian gives 0.0 ± "));
}
