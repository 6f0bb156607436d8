//! Many points at once: the functions of the corpus against themselves point by point, and what surrounds the arithmetic.

use crate::common::point;
use crate::corpus;
use jac_runtime::jacobian;

/// At least so many functions of the corpus have known lengths and nothing that has no lanes.
const AT_LEAST: usize = 100;

fn near(found: f64, expected: f64, scale: f64, tolerance: f64) -> bool {
    found == expected || found.is_nan() && expected.is_nan() || (found - expected).abs() <= tolerance * scale
}

#[test]
fn every_batch_is_its_points_one_by_one() {
    let mut compared = 0;
    for case in corpus::cases() {
        let Some(batch) = &case.batch else { continue };
        compared += 1;
        // a whole block and a part of one, of either width
        for count in [1, 4, 11] {
            let points: Vec<Vec<f64>> = (0..count).map(|seed| point(&case, seed)).collect();
            for (x, found) in points.iter().zip(batch(&points)) {
                let expected = (case.jacobian)(x);
                let scale = expected.iter().filter(|e| e.is_finite()).fold(1.0_f64, |most, e| most.max(e.abs()));
                for (k, (found, expected)) in found.iter().zip(&expected).enumerate() {
                    // a few units in the last place of each elementary function, carried on
                    let tolerance = if case.single { 1e-4 } else { 1e-11 };
                    assert!(near(*found, *expected, scale, tolerance), "{}: entry {k} is {found}, not {expected}", case.name);
                }
            }
        }
    }
    assert!(compared >= AT_LEAST, "{compared} functions");
}

#[jacobian(value, jvp, batch(x, y))]
fn mixed(x: [f64; 2], y: &f64, focal: f64, flip: bool, k: usize) -> ([f64; 2], f64) {
    let f = if flip { -focal } else { focal };
    let d = if x[0] > *y { x[0].ln_1p() + 2.0 } else { x[1] * (k as f64) };
    ([f * d, x[0].atan2(*y) * f], (x[0] * x[0] + y * y).powf(1.5) * d)
}

#[test]
fn what_does_not_vary_is_shared_and_arrays_of_structures_are_structures_of_arrays() {
    for count in [0_usize, 1, 4, 9] {
        let x: Vec<[f64; 2]> = (0..count).map(|p| [0.3 + 0.1 * p as f64, 1.0 - 0.2 * p as f64]).collect();
        let y: Vec<f64> = (0..count).map(|p| 0.7 - 0.05 * p as f64).collect();
        let (mut value, mut jacobian) = (vec![([f64::NAN; 2], 0.0); count], Vec::new());
        jacobian.extend(x.iter().zip(&y).map(|(x, y)| mixed_jacobian(*x, y, 0.0, false, 1)));
        mixed_value_and_jacobian_batch(&x, &y, 1.25, true, 3, &mut value, &mut jacobian);
        let columns: Vec<Vec<f64>> = (0..2).map(|k| x.iter().map(|x| x[k]).collect()).collect();
        let [mut v0, mut v1, mut v2, mut t0, mut t1, mut t2] = [(); 6].map(|()| vec![f64::NAN; count]);
        let tangents = x.clone();
        mixed_jvp_soa(
            [&columns[0], &columns[1]],
            &y,
            1.25,
            true,
            3,
            [&columns[0], &columns[1]],
            &y,
            &y,
            ([&mut v0, &mut v1], &mut v2),
            ([&mut t0, &mut t1], &mut t2),
        );
        for p in 0..count {
            let (expected, blocks) = mixed_value_and_jacobian(x[p], &y[p], 1.25, true, 3);
            let near = |found: f64, expected: f64| near(found, expected, 1.0, 1e-13);
            assert!(near(value[p].0[0], expected.0[0]) && near(value[p].0[1], expected.0[1]) && near(value[p].1, expected.1));
            assert!(near(v0[p], expected.0[0]) && near(v1[p], expected.0[1]) && near(v2[p], expected.1));
            let (_, along) = mixed_jvp(x[p], &y[p], 1.25, true, 3, tangents[p], &y[p], y[p]);
            assert!(near(t0[p], along.0[0]) && near(t1[p], along.0[1]) && near(t2[p], along.1));
            let (found, (by_x, by_y, _)) = (&jacobian[p], &blocks.0);
            assert!((0..4).all(|k| near(found.0 .0[k / 2][k % 2], by_x[k / 2][k % 2])) && (0..2).all(|k| near(found.0 .1[k], by_y[k])));
            assert!((0..2).all(|k| near(found.1 .0[k], blocks.1 .0[k])) && near(found.1 .2, blocks.1 .2));
        }
    }
}

#[test]
#[should_panic(expected = "`mixed_value_and_jacobian_batch`: axis 0 of `jacobian`")]
fn slices_of_other_lengths_panic() {
    let mut jacobian = vec![mixed_jacobian([0.1, 0.2], &0.3, 1.0, false, 1); 2];
    mixed_value_and_jacobian_batch(&[[0.1, 0.2]; 3], &[0.3; 3], 1.0, false, 1, &mut [([0.0; 2], 0.0); 3], &mut jacobian);
}

/// All functions that a float has, each of an argument in its domain.
#[jacobian(value, batch)]
fn all(x: f64, y: f64) -> [f64; 36] {
    let (u, v) = (0.5 * x.sin(), 2.0 + y * y);
    [
        v.sqrt(),
        y.cbrt(),
        x.exp(),
        x.exp2(),
        x.exp_m1(),
        v.ln(),
        v.ln_1p(),
        v.log2(),
        v.log10(),
        x.sin(),
        x.cos(),
        u.tan(),
        u.asin(),
        u.acos(),
        y.atan(),
        x.sinh(),
        x.cosh(),
        y.tanh(),
        x.asinh(),
        v.acosh(),
        u.atanh(),
        x.atan2(y),
        x.hypot(y),
        x.abs() * y.signum(),
        x.copysign(y),
        x.floor() * y.ceil(),
        x.round() * y.trunc(),
        x % v,
        x.max(y),
        x.min(y),
        x.mul_add(y, -(x * y)),
        v.powf(x),
        y.powi(-3),
        x.sin_cos().1,
        x.fract() + y.clamp(-0.5, 0.5),
        x.rem_euclid(v),
    ]
}

/// A scalar function with a receiver, whose cotangents differ from point to point, too.
struct Scale(f64);

#[jacobian]
impl Scale {
    #[jacobian(vjp, batch(x))]
    fn of(&self, x: [f64; 3]) -> [[f64; 2]; 2] {
        [[x[0] * x[1] * self.0, x[2].sin()], [x[1] * x[1], self.0]]
    }
}

#[test]
fn every_function_has_lanes() {
    let (x, y): (Vec<f64>, Vec<f64>) = (0..9).map(|k| (0.37 * f64::from(k) - 1.4, 1.3 - 0.29 * f64::from(k))).unzip();
    let (mut values, mut jacobians) = (vec![[f64::NAN; 36]; 9], vec![([f64::NAN; 36], [f64::NAN; 36]); 9]);
    all_value_and_jacobian_batch(&x, &y, &mut values, &mut jacobians);
    for p in 0..9 {
        let (value, (by_x, by_y)) = all_value_and_jacobian(x[p], y[p]);
        let found = [values[p], jacobians[p].0, jacobians[p].1];
        for (k, (found, expected)) in found.as_flattened().iter().zip([value, by_x, by_y].as_flattened()).enumerate() {
            assert!(near(*found, *expected, expected.abs().max(1e-3), 1e-13), "entry {k} is {found}, not {expected}");
        }
    }
    let (points, cotangents) = ([[0.3, -0.7, 1.1], [1.0, 2.0, 0.1]], [[[1.0, 0.5], [-2.0, 3.0]], [[0.1, 0.0], [1.0, 1.0]]]);
    let (mut value, mut vjp) = ([[[0.0; 2]; 2]; 2], [[0.0; 3]; 2]);
    Scale(1.5).of_vjp_batch(&points, &cotangents, &mut value, &mut vjp);
    for p in 0..2 {
        let expected = Scale(1.5).of_vjp(points[p], &cotangents[p]);
        assert!(value[p] == expected.0 && (0..3).all(|k| near(vjp[p][k], expected.1[k], 1.0, 1e-14)));
    }
}

#[jacobian(value, wrt(p), batch(p))]
fn misfit(p: &[f64; 3], t: &[f64], y: &[f64]) -> f64 {
    let squares = |(t, y): (&f64, &f64)| {
        let r = y - p[0] * (-p[1] * t).exp();
        r * r * p[2] - p[2].ln()
    };
    t.iter().zip(y).map(squares).sum()
}

#[jacobian(wrt(p), hessian, batch(p))]
fn filtered(p: &[f64; 2], y: &[f64]) -> f64 {
    let (mut state, mut sum) = (p[1], 0.0);
    for y in y {
        state = p[0] * state + y;
        if state > 0.5 {
            sum += state * state;
        } else {
            sum -= state * p[1];
        }
    }
    sum
}

#[jacobian(wrt(p), batch(p))]
fn reversed(p: [f64; 2], y: &[f64]) -> f64 {
    let scaled: Vec<f64> = y.iter().map(|y| p[0] * y + p[1]).collect();
    scaled.iter().zip(scaled.iter().rev()).map(|(a, b)| (a * b).sin()).sum()
}

#[test]
fn data_of_run_time_lengths_is_shared() {
    for n in [0, 1, 2, 7] {
        let t: Vec<f64> = (0..n).map(|k| 0.3 * k as f64).collect();
        let y: Vec<f64> = (0..n).map(|k| 1.3 - 0.2 * k as f64).collect();
        for count in [1, 4, 9] {
            let three: Vec<[f64; 3]> = (0..count).map(|k| [1.0 + 0.1 * k as f64, 0.5, 0.7 + 0.2 * k as f64]).collect();
            let two: Vec<[f64; 2]> = (0..count).map(|k| [0.9 - 0.3 * k as f64, 0.2 * k as f64 - 0.4]).collect();
            let (mut values, mut gradients) = (vec![f64::NAN; count], vec![[f64::NAN; 3]; count]);
            misfit_value_and_jacobian_batch(&three, &t, &y, &mut values, &mut gradients);
            let (mut filtered, mut hessians, mut reversed) =
                (vec![[f64::NAN; 2]; count], vec![[[f64::NAN; 2]; 2]; count], vec![[0.0; 2]; count]);
            filtered_jacobian_batch(&two, &y, &mut filtered);
            filtered_hessian_batch(&two, &y, &mut hessians);
            reversed_jacobian_batch(&two, &y, &mut reversed);
            for k in 0..count {
                let close = |found: &[f64], expected: &[f64]| {
                    assert!(
                        found.iter().zip(expected).all(|(a, b)| near(*a, *b, b.abs().max(1.0), 1e-12)),
                        "{found:?} instead of {expected:?}"
                    );
                };
                let (value, gradient) = misfit_value_and_jacobian(&three[k], &t, &y);
                close(&[values[k]], &[value]);
                close(&gradients[k], &gradient);
                close(&filtered[k], &filtered_jacobian(&two[k], &y));
                close(hessians[k].as_flattened(), filtered_hessian(&two[k], &y).as_flattened());
                close(&reversed[k], &reversed_jacobian(two[k], &y));
            }
        }
    }
}
