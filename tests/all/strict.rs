//! `strict`: the value is bit for bit the function's, and nothing is reassociated.
#![allow(clippy::needless_range_loop, clippy::op_ref)] // functions as users write them

use crate::common::Random;
use jac_runtime::{check, jacobian, linalg};
use ndarray::{array, Array1, Array2};

#[jacobian(strict, value, jvp, vjp)]
fn kahan(x: &[f64; 4]) -> f64 {
    let (mut s, mut c) = (0.0, 0.0);
    for i in 0..4 {
        let y = x[i] - c;
        let t = s + y;
        c = (t - s) - y;
        s = t;
    }
    s
}

#[jacobian(strict, value, jvp, vjp)]
fn to_nearest(x: f64) -> f64 {
    let r = (x + 6_755_399_441_055_744.0) - 6_755_399_441_055_744.0;
    (x - r) * (x - r)
}

#[jacobian(strict, value, jvp, vjp)]
fn signed_zero(x: f64, y: f64) -> (f64, f64) {
    ((-(x - y)).atan2(-1.0 - y * y), 0.0 * x + y * 1.0)
}

#[jacobian(strict, value, jvp, vjp)]
fn powers(x: f64, y: f64) -> [f64; 4] {
    [x.powi(7) + y.powi(-3), x.abs().powf(1.5), x.mul_add(y, x * y), x.hypot(y) / 3.0 / 7.0]
}

#[jacobian(strict, value, jvp, vjp)]
fn polynomial_f32(x: f32) -> f32 {
    0.1 + x * (0.2 + x * (0.7 - x / 3.0)) + x * 0.1 * 0.3
}

#[jacobian(strict, value, jvp, vjp)]
fn product_and_sum(m: &Array2<f64>, x: &Array1<f64>) -> Array1<f64> {
    let y = m.dot(x);
    let total = y.iter().map(|v| v * v).sum::<f64>();
    y.mapv(|v| v / total.sqrt())
}

#[jacobian(strict, value, vjp)]
fn sum_of_slice(x: &[f64]) -> f64 {
    x.iter().map(|v| v.sin() * v).sum::<f64>() - x.iter().sum::<f64>()
}

#[jacobian(strict, value, jvp)]
fn solved(m: Array2<f64>, b: Array1<f64>) -> Array1<f64> {
    linalg::solve(&m, &b)
}

#[jacobian(strict, value, jvp)]
fn wrapped(x: f64, y: f64) -> Result<f64, String> {
    Ok(x / y / y)
}

#[jacobian(strict, value)]
fn filled(x: f64, out: &mut [f64; 2]) -> f64 {
    out[0] = x * 0.1 * 0.1;
    out[1] = x.sin().mul_add(x, 1.0);
    x + 0.1 + 0.2
}

#[jacobian(strict, value)]
fn generic<T: num_traits::Float>(x: T, y: T) -> T {
    (x + y) + (x - y) * x.sin() - x / y
}

struct Spring {
    stiffness: f64,
}

#[jacobian]
impl Spring {
    #[jacobian(strict, value)]
    fn energy(&self, x: f64) -> f64 {
        let d = x - Self::rest();
        0.5 * self.stiffness * d * d
    }

    fn rest() -> f64 {
        0.3
    }
}

fn same(ours: f64, theirs: f64) -> bool {
    ours.to_bits() == theirs.to_bits() || ours.is_nan() && theirs.is_nan()
}

/// Ordinary numbers, zeros of both signs, infinities, subnormal and extreme ones.
fn numbers(random: &mut Random) -> f64 {
    let special =
        [0.0, -0.0, 1.0, -1.0, 1e-16, 5e-324, -1e-310, 1e308, f64::INFINITY, f64::NEG_INFINITY, 0.1, 1.0 + f64::EPSILON, 1e16, 2.5];
    match random.below(3) {
        0 => special[random.below(special.len())],
        1 => 4.0 * random.unit() - 2.0,
        _ => (2.0 * random.unit() - 1.0) * 10f64.powi(random.below(40) as i32 - 20),
    }
}

#[test]
fn values_have_the_bits_of_the_function() {
    let mut random = Random(11);
    for _ in 0..3000 {
        let mut next = || numbers(&mut random);
        let x = [next(), next(), next(), next()];
        let [a, b, c, d] = x;
        for ours in [kahan_value_and_jacobian(&x).0, kahan_jvp(&x, &[1.0; 4]).0, kahan_vjp(&x, 1.0).0] {
            assert!(same(ours, kahan(&x)), "kahan at {x:?}: {ours}");
        }
        for ours in [to_nearest_value_and_jacobian(a).0, to_nearest_jvp(a, 1.0).0, to_nearest_vjp(a, 1.0).0] {
            assert!(same(ours, to_nearest(a)), "to_nearest at {a}: {ours}");
        }
        let theirs = signed_zero(a, b);
        for ours in [signed_zero_value_and_jacobian(a, b).0, signed_zero_jvp(a, b, 1.0, 0.0).0, signed_zero_vjp(a, b, 1.0, 0.0).0] {
            assert!(same(ours.0, theirs.0) && same(ours.1, theirs.1), "signed_zero at {a}, {b}: {ours:?}, not {theirs:?}");
        }
        let theirs = powers(a, b);
        for ours in [powers_value_and_jacobian(a, b).0, powers_jvp(a, b, 1.0, 0.0).0, powers_vjp(a, b, &[1.0; 4]).0] {
            assert!(ours.iter().zip(theirs).all(|(ours, theirs)| same(*ours, theirs)), "powers at {a}, {b}: {ours:?}, not {theirs:?}");
        }
        let (ours, theirs) = (polynomial_f32_value_and_jacobian(a as f32).0, polynomial_f32(a as f32));
        assert!(ours.to_bits() == theirs.to_bits() || ours.is_nan() && theirs.is_nan(), "polynomial_f32 at {a}");
        let (m, v) = (array![[a, b, c], [c, a, d]], array![d, c, b]);
        let theirs = product_and_sum(&m, &v);
        let cotangent = array![1.0, 2.0];
        let (by_jvp, by_vjp) = (product_and_sum_jvp(&m, &v, &m, &v).0, product_and_sum_vjp(&m, &v, &cotangent).0);
        for ours in [product_and_sum_value_and_jacobian(&m, &v).0, by_jvp, by_vjp] {
            assert!(ours.iter().zip(&theirs).all(|(ours, theirs)| same(*ours, *theirs)), "product_and_sum at {m}, {v}");
        }
        for length in 0..=4 {
            let x = &x[..length];
            assert!(same(sum_of_slice_value_and_jacobian(x).0, sum_of_slice(x)), "sum_of_slice at {x:?}");
            assert!(same(sum_of_slice_vjp(x, 1.0).0, sum_of_slice(x)), "sum_of_slice at {x:?}");
        }
        match (wrapped_value_and_jacobian(a, b), wrapped(a, b)) {
            (Ok((ours, _)), Ok(theirs)) => assert!(same(ours, theirs), "wrapped at {a}, {b}"),
            (ours, theirs) => assert_eq!(ours.err(), theirs.err(), "wrapped at {a}, {b}"),
        }
        let mut out = [0.0; 2];
        let theirs = filled(a, &mut out);
        let (ours, filled) = filled_value_and_jacobian(a).0;
        assert!(same(ours, theirs) && same(filled[0], out[0]) && same(filled[1], out[1]), "filled at {a}");
        assert!(same(generic_value_and_jacobian(a, b).0, generic(a, b)), "generic at {a}, {b}");
        let spring = Spring { stiffness: b };
        assert!(same(spring.energy_value_and_jacobian(a).0, spring.energy(a)), "energy at {a}, {b}");
    }
}

#[test]
fn what_the_default_loses_is_kept() {
    let x = [1.0, 1e-16, 1e-16, 1e-16];
    assert!(kahan_value_and_jacobian(&x).0 > 1.0);
    assert!((to_nearest_value_and_jacobian(2.3).0 - 0.09).abs() < 1e-15);
    assert!(signed_zero_value_and_jacobian(1.0, 1.0).0 .0 < 0.0);
}

#[test]
fn derivatives_are_those_of_the_function() {
    check!(kahan, &[1.0, 0.5, -2.0, 3.0]);
    check!(signed_zero, 0.7, 1.9);
    check!(powers, 0.7, 1.9);
    check!(product_and_sum, &array![[1.0, 2.0, 0.5], [0.3, -1.0, 0.7]], &array![0.2, 0.4, -0.8]);
    check!(sum_of_slice, &[0.3, 0.9, -1.7]);
    check!(solved, array![[2.0, 1.0], [0.5, 3.0]], array![1.0, -1.0]);
    check!(generic, 0.7, 1.9);
    let (m, b) = (array![[2.0, 1.0], [0.5, 3.0]], array![1.0, -1.0]);
    assert_eq!(solved_value_and_jacobian(m.clone(), b.clone()).0, solved(m.clone(), b.clone()));
    assert_eq!(solved_jvp(m.clone(), b.clone(), m.clone(), b.clone()).0, solved(m, b));
}

/// Sums and products stand as they are written, in the derivative too.
#[test]
fn nothing_is_reassociated() {
    let source = "fn f(x: f64, y: f64, z: f64) -> f64 { (x + y) + z * x + z * y }";
    let text = |options: &str| {
        let compiled = crate::common::compile(options, source);
        compiled.stages.expect("no mistake").both.expect("asked for").0.to_text()
    };
    assert!(text("strict, value").contains("t1 + z * x + z * y"), "{}", text("strict, value"));
    assert!(!text("value").contains("z * x + z * y"), "{}", text("value"));
}
