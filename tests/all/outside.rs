//! Functions that read what stands outside them: fields, constants, functions beside them, and a
//! float type that is a parameter. Each against central differences.

use jac_runtime::jacobian;
use ndarray::{array, Array1, Array2};
use num_traits::Float;

fn differences<const N: usize, const M: usize>(x: [f64; N], f: impl Fn(&[f64; N]) -> [f64; M]) -> [[f64; N]; M] {
    let mut out = [[0.0; N]; M];
    for k in 0..N {
        let at = |h: f64| {
            let mut x = x;
            x[k] += h;
            f(&x)
        };
        let (up, down) = (at(1e-5), at(-1e-5));
        for row in 0..M {
            out[row][k] = (up[row] - down[row]) / 2e-5;
        }
    }
    out
}

fn assert_near<const N: usize, const M: usize>(ours: [[f64; N]; M], other: [[f64; N]; M]) {
    for (a, b) in ours.iter().flatten().zip(other.iter().flatten()) {
        assert!((a - b).abs() <= 1e-8 * (1.0 + b.abs()), "{ours:?}, by differences {other:?}");
    }
}

const GRAVITY: f64 = 9.81;

mod config {
    pub const DRAG: f64 = 0.3;
    pub const STEPS: usize = 3;
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Linear,
    Quadratic,
}

struct Inertia {
    diagonal: [f64; 2],
}

struct Body {
    mass: f64,
    inertia: Inertia,
    gains: Vec<f64>,
    coupling: Array2<f64>,
    mode: Mode,
    powered: bool,
    stages: u32,
    pair: (f64, f64),
}

fn body() -> Body {
    Body {
        mass: 1.7,
        inertia: Inertia { diagonal: [0.4, 0.9] },
        gains: vec![0.5, -0.25],
        coupling: array![[1.0, 0.5], [-0.5, 2.0]],
        mode: Mode::Quadratic,
        powered: true,
        stages: 2,
        pair: (0.1, 0.2),
    }
}

#[jacobian(value)]
fn falling(x: &[f64; 2], body: &Body) -> [f64; 2] {
    let drag = if body.powered { config::DRAG } else { 0.0 };
    let Inertia { diagonal } = &body.inertia;
    let torque = body.inertia.diagonal[0] * x[0] - diagonal[1] * x[1];
    let mut v = x[1];
    for _ in 0..config::STEPS {
        v += 0.1 * (GRAVITY - drag * v * v.abs() / body.mass);
    }
    let resist = match body.mode {
        Mode::Linear => x[0],
        Mode::Quadratic => x[0] * x[0],
    };
    [torque * body.gains[0] + v.powi(2) * body.pair.1 + (body.stages as f64) * x[0], resist * f64::from(body.stages) + -body.gains[1] * v]
}

#[test]
fn fields_and_constants() {
    let (x, b) = ([0.3, -0.8], body());
    assert_near(falling_jacobian(&x, &b), differences(x, |x| falling(x, &b)));
    assert_eq!(falling_value_and_jacobian(&x, &b).0, falling(&x, &b));
    let other = Body { mode: Mode::Linear, powered: false, ..body() };
    assert_near(falling_jacobian(&x, &other), differences(x, |x| falling(x, &other)));
}

impl Body {
    const OFFSET: f64 = 0.25;

    #[jacobian]
    fn lone(&self, x: &[f64; 2]) -> [f64; 1] {
        let mass: f64 = self.effective_mass();
        let coupling: &Array2<f64> = &self.coupling;
        let v = coupling.dot(&array![x[0], x[1]]);
        [mass * v[0] * v[1] + Self::OFFSET]
    }

    fn effective_mass(&self) -> f64 {
        self.mass * 2.0
    }
}

#[jacobian]
impl Body {
    #[jacobian]
    fn energy(&self, x: &[f64; 2]) -> [f64; 1] {
        [self.kinetic(x[1]) + Self::potential(self.mass, x[0])]
    }

    fn kinetic(&self, v: f64) -> f64 {
        0.5 * self.mass * v * v * self.inertia.diagonal[1]
    }

    fn potential(mass: f64, height: f64) -> f64 {
        if height < 0.0 {
            return 0.0;
        }
        mass * GRAVITY * height
    }
}

#[test]
fn methods() {
    let (x, b) = ([0.3, -0.8], body());
    assert_near(b.lone_jacobian(&x), differences(x, |x| b.lone(x)));
    assert_near(b.energy_jacobian(&x), differences(x, |x| b.energy(x)));
    assert_eq!(b.energy_jacobian(&[-1.0, 2.0])[0][0], 0.0);
}

trait Model {
    fn residual(&self, x: &[f64; 2]) -> [f64; 2];
}

#[jacobian]
impl Model for Inertia {
    #[jacobian]
    fn residual(&self, x: &[f64; 2]) -> [f64; 2] {
        [self.diagonal[0] * x[0] * x[1], self.diagonal[1] - x[0].exp()]
    }
}

#[test]
fn methods_of_a_trait() {
    let (x, b) = ([0.3, -0.8], body());
    assert_near(b.inertia.residual_jacobian(&x), differences(x, |x| b.inertia.residual(x)));
}

#[jacobian]
mod helped {
    use super::GRAVITY;

    const COUNT: usize = 3;

    pub fn square(x: f64) -> f64 {
        x * x
    }

    fn rotate(x: &[f64; 2], angle: f64) -> [f64; 2] {
        let (s, c) = angle.sin_cos();
        [c * x[0] - s * x[1], s * x[0] + c * x[1]]
    }

    #[jacobian]
    pub fn turned(x: &[f64; 2]) -> [f64; 2] {
        let mut y = *x;
        for k in 0..COUNT {
            y = rotate(&y, square(x[0]) + k as f64);
        }
        [y[0] * GRAVITY, y[1]]
    }
}

#[test]
fn functions_beside_each_other() {
    let x = [0.3, -0.8];
    assert_near(helped::turned_jacobian(&x), differences(x, helped::turned));
}

#[jacobian(value)]
fn logistic<T: Float>(x: &[T; 2], k: T) -> [T; 2] {
    let half = T::from(0.5).unwrap();
    let y = T::one() / (T::one() + (-k * x[0]).exp());
    let mut s = T::zero();
    for v in x {
        s = s + *v * *v * half;
    }
    [y, Float::sqrt(s) * x[1].powi(3)]
}

#[test]
fn a_generic_float() {
    let x = [0.3, -0.8];
    let (by_x, _) = logistic_jacobian(&x, 1.3);
    assert_near(by_x, differences(x, |x| logistic(x, 1.3)));
    let (single, _) = logistic_jacobian(&[0.3_f32, -0.8], 1.3);
    assert!((f64::from(single[1][1]) - by_x[1][1]).abs() < 1e-5);
}

#[jacobian]
fn circle<T: Float + num_traits::FromPrimitive>(r: T, n: usize) -> T {
    use std::f64::consts::{PI, SQRT_2, TAU};
    let whole = r * r * T::from_f64(PI).unwrap();
    let around = r * T::from(TAU).unwrap() * T::from_usize(n).unwrap();
    whole + around * <T as num_traits::NumCast>::from(SQRT_2).expect("a number")
}

#[test]
fn constants_in_a_generic_function() {
    use std::f64::consts::{PI, SQRT_2, TAU};
    assert!((circle_jacobian(0.7, 3) - (1.4 * PI + 3.0 * TAU * SQRT_2)).abs() < 1e-12);
    assert!((circle_jacobian(0.7_f32, 3) - (1.4 * PI + 3.0 * TAU * SQRT_2) as f32).abs() < 1e-5);
}

#[deny(non_snake_case)]
mod names {
    use jac_runtime::jacobian;

    #[jacobian]
    #[allow(non_snake_case)]
    pub fn area(R: f64) -> f64 {
        R * R
    }
}

#[test]
fn lints_that_are_allowed_stay_allowed() {
    assert_eq!(names::area_jacobian(1.5), 3.0);
}

struct Filter<T> {
    gain: T,
}

#[jacobian]
impl<T: Float> Filter<T> {
    #[jacobian]
    fn step(&self, x: T, y: T) -> T {
        x * self.gain + y * (T::one() - self.gain)
    }
}

#[test]
fn a_generic_impl() {
    let filter = Filter { gain: 0.25 };
    assert_eq!(filter.step_jacobian(1.0, 2.0), (0.25, 0.75));
    assert_eq!(filter.step(1.0, 2.0), 1.75);
}

#[jacobian]
fn checked(x: &[f64; 2]) -> Result<[f64; 2], String> {
    let scale = f64::from(u8::try_from(3).map_err(|_| "too large".to_owned())?);
    Ok([x[0] * x[1] * scale, x[0].sin()])
}

#[test]
fn results_that_may_fail() {
    let x = [0.3, -0.8];
    assert_near(checked_jacobian(&x).unwrap(), differences(x, |x| checked(x).unwrap()));
}

#[jacobian]
fn signed(x: f64, n: i32) -> f64 {
    if n < 0 {
        x * x
    } else if n == 0 {
        x
    } else {
        x.powi(n) * n as f64
    }
}

#[test]
fn negative_integers() {
    assert_eq!(signed_jacobian(3.0, -2), 6.0);
    assert_eq!(signed_jacobian(3.0, 0), 1.0);
    assert_eq!(signed_jacobian(3.0, 2), 12.0);
    assert_eq!(signed(3.0, -2), 9.0);
}

#[jacobian]
fn decay(x: &Array1<f64>, n: i32) -> Array1<f64> {
    let mut y = x.clone();
    for _ in 0..n {
        y = &y * 0.5;
    }
    y
}

#[test]
fn a_negative_length_is_a_panic() {
    assert_eq!(decay_jacobian(&array![1.0], 3), array![[0.125]]);
    assert_eq!(decay(&array![1.0], -1), array![1.0]);
    assert!(std::panic::catch_unwind(|| decay_jacobian(&array![1.0], -1)).is_err());
}

#[jacobian]
fn chosen(x: f64, body: &Body) -> f64 {
    use self::config::DRAG;
    let k = if x > 0.0 { body.mass } else { body.pair.0 };
    let l = match body.stages {
        0 => 1.0,
        1 | 2 => DRAG,
        _ => body.mass,
    };
    k * x * l + x.max(body.pair.1)
}

#[test]
fn constants_in_branches() {
    let b = body();
    assert!((chosen_jacobian(0.7, &b) - (1.7 * config::DRAG + 1.0)).abs() < 1e-15);
    assert!((chosen_jacobian(-0.7, &b) - 0.1 * config::DRAG).abs() < 1e-15);
    assert!((chosen(0.7, &b) - (1.7 * 0.7 * config::DRAG + 0.7)).abs() < 1e-15);
}

#[jacobian]
fn inner_differences(x: &[f64]) -> f64 {
    let n = x.len();
    let mut s = x[0];
    for i in 1..n - 1 {
        s += x[i - 1] * x[i + 1];
    }
    let mut carried = 1.0;
    for i in 2..n {
        carried = carried * x[i] + x[i - 2];
    }
    s + carried
}

#[test]
fn empty_ranges_are_empty() {
    let by = |x: &[f64]| inner_differences_jacobian(x).to_vec();
    assert_eq!(by(&[3.0]), [1.0]);
    assert_eq!(by(&[3.0, 2.0]), [1.0, 0.0]);
    assert_eq!(by(&[3.0, 2.0, 5.0]), [1.0 + 5.0 + 1.0, 0.0, 3.0 + 1.0]);
    assert_eq!(inner_differences(&[3.0, 2.0, 5.0]), 3.0 + 15.0 + 5.0 + 3.0);
}

#[jacobian]
fn matched_out_of_order(x: &[f64], out: &mut [f64]) {
    let n = x.len();
    for i in 0..n {
        out[n - 1 - i] = x[i] * x[i];
    }
}

#[jacobian]
fn overwritten(x: &[f64; 3], n: usize) -> [f64; 3] {
    let mut y = [0.0; 3];
    for i in 0..n {
        y[0] = x[1] * (i as f64);
        y[1] += y[0] * x[0];
        y[2] = y[2] * 0.5 + y[1];
    }
    y
}

#[test]
fn elements_that_depend_on_each_other() {
    let x = [0.3, -0.8, 1.1];
    for n in [0, 1, 2, 5] {
        assert_near(overwritten_jacobian(&x, n), differences(x, |x| overwritten(x, n)));
    }
    let j = matched_out_of_order_jacobian(&x);
    assert_eq!(j, array![[0.0, 0.0, 2.2], [0.0, -1.6, 0.0], [0.6, 0.0, 0.0]]);
    let mut out = [0.0; 3];
    matched_out_of_order(&x, &mut out);
    assert!((out[0] - 1.21).abs() < 1e-15);
}

#[jacobian(value)]
fn squares(x: &[f64]) -> Vec<f64> {
    x.iter().map(|v| v * v).collect()
}

#[jacobian]
fn largest(x: &[f64]) -> f64 {
    let mut best = f64::NEG_INFINITY;
    for &v in x {
        best = best.max(v);
    }
    best
}

#[jacobian]
fn doubled<T>(x: &Array1<T>, k: T) -> Array1<T>
where
    T: Float + ndarray::ScalarOperand,
{
    x * k + x
}

#[test]
fn slices_and_vectors() {
    let (y, j): (Vec<f64>, Array2<f64>) = squares_value_and_jacobian(&[1.0, -3.0]);
    assert_eq!((y, j), (squares(&[1.0, -3.0]), array![[2.0, 0.0], [0.0, -6.0]]));
    assert_eq!(largest_jacobian(&[1.0, 7.0, -3.0]), array![0.0, 1.0, 0.0]);
    assert_eq!(largest(&[1.0, 7.0]), 7.0);
    let (by_x, by_k) = doubled_jacobian(&array![1.0_f32, 2.0], 3.0);
    assert_eq!((by_x, by_k), (array![[4.0, 0.0], [0.0, 4.0]], array![1.0, 2.0]));
    assert_eq!(doubled(&array![1.0], 3.0), array![4.0]);
}
