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
