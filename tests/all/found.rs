//! What the fuzzer found once, as short as it could be made: against central differences, and closed forms where
//! differences say nothing.

// the functions are as people write them, whatever lints say
#![allow(clippy::eq_op, clippy::len_zero, clippy::needless_range_loop)]

use crate::common::{close, differences};
use jac_runtime::{jacobian, linalg};
use ndarray::{array, Array2};

const POINT: [f64; 4] = [0.7, -0.4, 1.3, 0.2];
const OTHER: [f64; 4] = [-0.3, 0.9, 0.4, -1.1];

#[jacobian(hessian)]
fn far_out(x: f64) -> f64 {
    (x * x * x).tanh()
}

#[jacobian(hessian, effort = "high")]
fn flat_far_out(x: f64) -> f64 {
    (x * x * x).tanh().atan()
}

#[test]
fn the_curvature_of_tanh_is_zero_far_out() {
    // by way of sinh and cosh it is ∞ times 0
    assert_eq!(far_out_hessian(10.0), 0.0);
    assert_eq!(flat_far_out_hessian(8.0), 0.0);
    let (t, x) = (0.125_f64.tanh(), 0.5_f64);
    let slope = 1.0 - t * t;
    close("far_out", [&far_out_hessian(x)], &[6.0 * x * slope - 18.0 * x.powi(4) * t * slope]);
}

#[jacobian(hessian)]
fn zero_by_chance(x: f64, y: f64) -> f64 {
    let v = (0.25_f64.hypot(x) * (y - x)).sin();
    if y.floor() > 0.0 {
        return y * (v * x.clamp(-1.0, 1.0));
    }
    y.sin().asinh().atan()
}

#[test]
fn a_factor_that_is_zero_by_chance_has_a_derivative() {
    // v is 0 at (1, 1), and the clamp at its kink; second derivatives are those of the side where x is larger
    let h = 0.25_f64.hypot(1.0);
    let hessian = zero_by_chance_hessian(1.0, 1.0);
    close("zero_by_chance", [&hessian.0 .0, &hessian.1 .1], &[-2.0 / h, 2.0 * h]);
    close("zero_by_chance", [&hessian.0 .1], &[hessian.1 .0]);
}

#[jacobian(vjp)]
fn never_leaves(x: &[f64], y: f64) -> f64 {
    if (y - y) > 1.5 {
        return y;
    }
    x.iter().sum::<f64>() * y
}

#[test]
fn a_condition_that_folds_is_a_truth_value() {
    close("never_leaves", &never_leaves_jacobian(&POINT, 2.0).0, &[2.0; 4]);
    close("never_leaves", &never_leaves_vjp(&POINT, 2.0, 3.0).1 .0, &[6.0; 4]);
}

#[jacobian]
fn one_place(x: &[f64]) -> Vec<f64> {
    let s: f64 = x.iter().sum();
    (0..x.len()).map(|i| if i == 1 { s * s } else { 0.3 }).collect()
}

#[jacobian]
fn by_place(x: &[f64], y: f64) -> Vec<f64> {
    let at = |i: usize| match i {
        0 => x[i] * y,
        q if q > 2 => x[i],
        _ => i as f64,
    };
    (0..x.len()).map(at).collect()
}

#[jacobian]
fn products_of_guarded(x: &[f64], k: f64) -> f64 {
    (if x.len() > 1 { x[1] } else { k }) * (if x.len() > 0 { x[x.len() - 1] } else { k })
}

#[jacobian]
fn coupled_neighbours(x: &[f64], steps: usize) -> f64 {
    let mut s = x.to_vec();
    for _ in 0..steps {
        let old = s.clone();
        for j in 0..s.len() {
            let mut pull = 0.0;
            for i in 0..old.len() {
                if i + 1 < old.len() {
                    pull += old[i + 1].sin();
                }
            }
            s[j] = 0.3 * pull + old[j];
        }
    }
    s.iter().sum()
}

#[jacobian]
fn written_and_read_at_the_end(x: &[f64], z: f64) -> f64 {
    let mut y = vec![0.0; x.len()];
    for i in 1..x.len() {
        y[i] = (z * x[i - 1]).tanh();
    }
    (if x.len() > 0 { y[x.len() - 1] } else { 1.25 }) * z
}

#[jacobian(jvp)]
fn the_last_everywhere(x: &[f64]) -> Vec<f64> {
    let last = if x.len() > 0 { x[x.len() - 1] } else { 0.6 };
    (0..x.len()).map(|_| last * last).collect()
}

#[test]
fn positions_that_short_slices_do_not_have_are_not_touched() {
    for n in 0..=POINT.len() {
        let x = &POINT[..n];
        close("one_place", &one_place_jacobian(x), &differences(one_place, x));
        close("by_place", &by_place_jacobian(x, 0.5).0, &differences(|x| by_place(x, 0.5), x));
        close("products_of_guarded", &products_of_guarded_jacobian(x, 0.5).0, &differences(|x| vec![products_of_guarded(x, 0.5)], x));
        close("the_last_everywhere", &the_last_everywhere_jacobian(x), &differences(the_last_everywhere, x));
        assert_eq!(the_last_everywhere_jvp(x, &OTHER[..n]).1.len(), n);
        close("coupled_neighbours", &coupled_neighbours_jacobian(x, 3), &differences(|x| vec![coupled_neighbours(x, 3)], x));
        close(
            "written_and_read_at_the_end",
            &written_and_read_at_the_end_jacobian(x, 0.5).0,
            &differences(|x| vec![written_and_read_at_the_end(x, 0.5)], x),
        );
    }
}

/// The guard of `y[1]` is a condition on another length.
#[jacobian]
fn guarded_by_another(x: &[f64], y: &[f64], z: [f64; 3]) -> f64 {
    let a = z[1] - (if y.len() > 1 { y[1] } else { 0.25 });
    let pick = |v: f64| if x.len() > 1 { y[1] } else { v };
    let r = pick(a) * 0.5 - pick(if a < 0.75 { z[2] * z[1] } else { 1.5 }) * pick(a);
    (r + 1.0).sin()
}

#[test]
fn what_another_condition_makes_valid_is_computed_only_there() {
    let z = [0.2, 0.5, -0.3];
    for (n, m) in [(0, 0), (0, 1), (1, 1), (0, 2), (2, 2), (4, 3)] {
        let (x, y) = (&POINT[..n], &OTHER[..m]);
        let (_, by_y, by_z) = guarded_by_another_jacobian(x, y, z);
        close("by y", &by_y, &differences(|y| vec![guarded_by_another(x, y, z)], y));
        close("by z", &by_z, &differences(|z| vec![guarded_by_another(x, y, [z[0], z[1], z[2]])], &z));
    }
}

/// A read behind a condition on another slice, carried through a loop.
#[jacobian]
fn carried_behind_a_guard(z: &[f64], x: &[f64], y: &[f64]) -> f64 {
    let mut s = 0.5;
    for i in 0..y.len() {
        s = s * 1.5 - (if x.len() > 0 { x[0] } else { z[i] }) * y[i];
    }
    s
}

#[test]
fn a_loop_reads_another_slice_only_behind_its_guard() {
    for (z, x) in [(&POINT[..3], &OTHER[..0]), (&POINT[..1], &OTHER[..1])] {
        let y = &OTHER[1..];
        let (by_z, by_x, by_y) = carried_behind_a_guard_jacobian(z, x, y);
        close("by z", &by_z, &differences(|z| vec![carried_behind_a_guard(z, x, y)], z));
        close("by x", &by_x, &differences(|x| vec![carried_behind_a_guard(z, x, y)], x));
        close("by y", &by_y, &differences(|y| vec![carried_behind_a_guard(z, x, y)], y));
    }
}

struct Weights {
    w: Vec<f64>,
    scale: f64,
}

#[jacobian]
impl Weights {
    #[jacobian(value)]
    fn beyond_the_last(&self, x: &[f64]) -> f64 {
        let mut s = self.scale;
        for i in 0..3 {
            s += if i + 1 < self.w.len() { self.w[i + 1] * x[i] } else { s.sin() * self.scale };
        }
        for v in x {
            s += self.w[0] * v * v;
        }
        s
    }
}

#[test]
fn a_field_is_indexed_only_where_the_function_does() {
    for n in 1..4 {
        let model = Weights { w: POINT[..n].to_vec(), scale: 0.4 };
        close(
            "beyond_the_last",
            &model.beyond_the_last_value_and_jacobian(&OTHER).1,
            &differences(|x| vec![model.beyond_the_last(x)], &OTHER),
        );
    }
    // no round reads `w[0]`, and the first three read nothing of `x`
    let empty = Weights { w: Vec::new(), scale: 0.4 };
    assert_eq!(empty.beyond_the_last_value_and_jacobian(&[]).0, empty.beyond_the_last(&[]));
}

#[jacobian(hessian)]
fn root_as_a_power(x: f64, y: f64) -> f64 {
    (x.powi(2) + y.powi(2)).powf(0.5)
}

#[test]
fn a_length_is_one_as_a_power_too() {
    assert_eq!(root_as_a_power_jacobian(0.0, 0.0), (0.0, 0.0));
    let (by_x, by_y) = root_as_a_power_jacobian(3.0, 4.0);
    close("root_as_a_power", [&by_x, &by_y], &[0.6, 0.8]);
}

#[jacobian]
impl Weights {
    #[jacobian(value)]
    fn a_constant_in_a_loop(&self, x: &[f64], y: f64) -> f64 {
        let mut s = 0.3;
        for v in x {
            s = s * 0.5 + v.sin() - self.w[0] / 0.7;
        }
        s * y * (-self.w[0])
    }
}

#[test]
fn two_constants_never_have_one_name() {
    let model = Weights { w: vec![0.7], scale: 0.0 };
    let (value, _) = model.a_constant_in_a_loop_value_and_jacobian(&POINT, 0.3);
    close("a_constant_in_a_loop", [&value], &[model.a_constant_in_a_loop(&POINT, 0.3)]);
}

struct Bounds<T> {
    k: T,
}

#[jacobian]
impl<T: num_traits::Float> Bounds<T> {
    #[jacobian]
    fn clipped(&self, x: T) -> T {
        self.k.min(T::from(0.5).unwrap()) * x * x
    }
}

#[test]
fn a_literal_beside_a_generic_field_has_its_type() {
    assert_eq!(Bounds { k: 2.0 }.clipped_jacobian(3.0), 3.0);
    assert_eq!(Bounds { k: 2.0_f32 }.clipped_jacobian(3.0), 3.0);
}

#[jacobian(hessian)]
fn compared_in_an_inner_loop(g: &[f64]) -> f64 {
    let mut s = 0.3;
    for (i, v) in g.iter().enumerate() {
        for w in g {
            s -= v * w * w;
        }
        if g[i] / (g[i] * g[i] + 1.0) <= 0.1 {
            s += g[i] * s;
        }
    }
    s * s.sin()
}

#[test]
fn what_is_computed_before_its_loop_is_a_number() {
    let differences = differences(|x| compared_in_an_inner_loop_jacobian(x).to_vec(), &POINT);
    close("compared_in_an_inner_loop", &compared_in_an_inner_loop_hessian(&POINT), &differences);
}

#[jacobian(hessian)]
fn behind_two_masks(x: f64, y: f64) -> f64 {
    let root = if x > 0.0 { x.sqrt() * x } else { 0.0 };
    let b = if y > 0.25 { (root + y).sin() } else { root };
    let c = (b * b + 0.5).sqrt().max(y).max(0.1);
    let mut s = c * root;
    for _ in 0..2 {
        s = s * c / (1.0 + s * s) + root * b;
    }
    s
}

#[test]
fn a_sum_of_masks_keeps_what_is_behind_them_out() {
    for y in [0.1, 0.3, 0.9] {
        // the root is no number, and not used
        assert_eq!(behind_two_masks_hessian(-0.3, y), ((0.0, 0.0), (0.0, 0.0)));
        let ((xx, xy), (yx, yy)) = behind_two_masks_hessian(0.4, y);
        let gradient = |x: &[f64]| {
            let (a, b) = behind_two_masks_jacobian(x[0], x[1]);
            vec![a, b]
        };
        close("behind_two_masks", &[xx, xy, yx, yy], &differences(gradient, &[0.4, y]));
    }
}

#[jacobian(value, wrt(y))]
fn reads_an_element_of_a_product(x: &Array2<f64>, y: f64) -> f64 {
    let product = x.dot(x);
    product[[x.nrows() - 1, 0]] * y
}

#[test]
fn an_element_of_a_product_is_read_outside_loops() {
    let x = array![[1.0, 2.0], [3.0, 4.0]];
    assert_eq!(reads_an_element_of_a_product_value_and_jacobian(&x, 2.0), (30.0, 15.0));
}

#[jacobian(value, wrt(x))]
fn elements_of_products(a: &Array2<f64>, x: &[f64]) -> (Array2<f64>, f64) {
    let c = a.dot(a);
    let mut s = c[[1, 1]];
    for v in x {
        s = s * 0.5 + v * c[[0, 1]];
    }
    (c, s)
}

#[jacobian(value, hessian)]
fn an_element_in_a_hessian(a: &Array2<f64>) -> f64 {
    let b = a.dot(&a.t());
    b[[0, 0]].ln() + b.sum()
}

#[test]
fn elements_of_products_are_read_beside_the_whole() {
    let a = array![[1.0, 2.0], [3.0, 4.0]];
    let ((c, s), (dc, ds)) = elements_of_products_value_and_jacobian(&a, &[0.5, 2.0]);
    assert_eq!((c, s), (a.dot(&a), 28.0));
    assert_eq!((dc.sum(), ds.to_vec()), (0.0, vec![5.0, 10.0]));
    let gradient = |x: &[f64]| an_element_in_a_hessian_jacobian(&Array2::from_shape_vec((2, 2), x.to_vec()).unwrap()).into_iter().collect();
    let hessian: Vec<f64> = an_element_in_a_hessian_hessian(&a).into_iter().collect();
    close("an_element_in_a_hessian", &hessian, &differences(gradient, &[1.0, 2.0, 3.0, 4.0]));
}

/// Lengths whose squares have weights, and roots that are written as powers.
mod lengths {
    use jac_runtime::jacobian;
    use ndarray::Array1;

    #[jacobian]
    pub fn weighted(k: f64, x: f64, y: f64) -> f64 {
        (k * x * x + y * y).sqrt()
    }

    #[jacobian]
    pub fn mahalanobis(x: &[f64; 2], s: &[[f64; 2]; 2]) -> f64 {
        let mut total = 0.0;
        for i in 0..2 {
            for j in 0..2 {
                total += x[i] * s[i][j] * x[j];
            }
        }
        total.sqrt()
    }

    #[jacobian]
    pub fn haversine(a: &[f64; 2], b: &[f64; 2]) -> f64 {
        let (s, t) = (((a[0] - b[0]) / 2.0).sin(), ((a[1] - b[1]) / 2.0).sin());
        2.0 * (s * s + a[0].cos() * b[0].cos() * t * t).sqrt().asin()
    }

    #[jacobian]
    pub fn of_any_length(w: &Array1<f64>, x: &Array1<f64>) -> f64 {
        let mut total = 0.0;
        for i in 0..x.len() {
            total += w[i] * x[i] * x[i];
        }
        total.sqrt().cos()
    }

    #[jacobian(strict)]
    pub fn power(x: &[f64; 2]) -> f64 {
        (x[0] * x[0] + x[1] * x[1]).powf(0.5)
    }

    #[jacobian(strict)]
    pub fn power_of_any_length(x: &[f64]) -> f64 {
        x.iter().map(|v| v * v).sum::<f64>().powf(0.5).cos()
    }

    #[jacobian]
    pub fn no_length(x: f64, y: f64) -> f64 {
        (y * x * x - y * y * x).sqrt()
    }
}

#[test]
fn lengths_have_the_derivative_0_at_0() {
    assert_eq!(lengths::weighted_jacobian(2.0, 0.0, 0.0), (0.0, 0.0, 0.0));
    assert_eq!(lengths::weighted_jacobian(4.0, 1.0, 0.0), (0.25, 2.0, 0.0));
    // 0 by terms that cancel: the root has no finite derivative there
    assert!(!lengths::weighted_jacobian(-1.0, 1.0, 1.0).1.is_finite());
    assert!(!lengths::no_length_jacobian(1.0, 1.0).0.is_finite());
    assert_eq!(lengths::mahalanobis_jacobian(&[0.0; 2], &[[2.0, 0.3], [0.3, 1.0]]), ([0.0; 2], [[0.0; 2]; 2]));
    assert_eq!(lengths::haversine_jacobian(&[0.3, 0.7], &[0.3, 0.7]), ([0.0; 2], [0.0; 2]));
    let (w, x) = lengths::of_any_length_jacobian(&array![1.0, 2.0], &array![0.0, 0.0]);
    assert_eq!((w, x), (array![0.0, 0.0], array![0.0, 0.0]));
    assert_eq!(lengths::power_jacobian(&[0.0; 2]), [0.0; 2]);
    close("power", &lengths::power_jacobian(&[3.0, 4.0]), &[0.6, 0.8]);
    assert_eq!(lengths::power_of_any_length_jacobian(&[0.0; 2]), array![0.0, 0.0]);
}

/// Second derivatives where a part has a kink and the whole has none.
mod smooth {
    use jac_runtime::jacobian;

    #[jacobian(hessian)]
    pub fn softplus(z: f64) -> f64 {
        z.max(0.0) + (-z.abs()).exp().ln_1p()
    }

    #[jacobian(hessian, wrt(w))]
    pub fn log_likelihood(w: &[f64; 2], x: &[f64], y: &[f64]) -> f64 {
        let mut total = 0.0;
        for (x, y) in x.iter().zip(y) {
            let z = w[0] + w[1] * x;
            total += y * z - (z.max(0.0) + (-z.abs()).exp().ln_1p());
        }
        total
    }

    #[jacobian(hessian)]
    pub fn even(z: f64) -> f64 {
        z.abs().cos()
    }

    #[jacobian(hessian)]
    pub fn sinc(w: &[f64]) -> f64 {
        let n = w.iter().map(|a| a * a).sum::<f64>().sqrt();
        if n < 1e-8 {
            1.0 - n * n / 6.0
        } else {
            n.sin() / n
        }
    }

    #[jacobian(hessian)]
    pub fn powers(x: f64, y: f64) -> f64 {
        let n = x.hypot(y);
        let m = (x * x + 2.0 * y * y).sqrt();
        (-0.5 * n * n).exp() + m.powi(2) + n * (m * 2.0 * n) * m
    }
}

#[test]
fn second_derivatives_are_right_where_only_a_part_has_a_kink() {
    assert_eq!(smooth::softplus_hessian(0.0), 0.25);
    assert_eq!(smooth::softplus_jacobian(0.0), 0.5);
    assert_eq!(smooth::log_likelihood_hessian(&[0.0; 2], &[1.0, 3.0], &[1.0, 0.0]), [[-0.5, -1.0], [-1.0, -2.5]]);
    assert_eq!(smooth::even_hessian(0.0), -1.0);
    assert_eq!(smooth::sinc_hessian(&[0.0; 3]), array![[-1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, -1.0]] / 3.0);
    assert_eq!(smooth::powers_hessian(0.0, 0.0), ((1.0, 0.0), (0.0, 3.0)));
}

struct Options {
    w: Vec<f64>,
}

#[jacobian]
impl Options {
    #[jacobian(value)]
    fn the_third_if_there(&self, y: f64) -> f64 {
        let w = if self.w.len() > 2 { self.w[2] } else { 0.5 };
        w.min(3.0) * y
    }
}

#[test]
fn what_an_arm_leaves_is_read_in_the_arm() {
    assert_eq!(Options { w: vec![1.0, 2.0] }.the_third_if_there_value_and_jacobian(3.0), (1.5, 0.5));
}

/// Sums that take no term: what stands in them is not computed, wherever it is written afterwards.
mod sums_of_nothing {
    use jac_runtime::jacobian;

    #[jacobian(value, jvp, vjp, hessian, wrt(z))]
    pub fn mean_of_a_group(x: &[f64], z: f64) -> f64 {
        let mut n = 0.0;
        for v in x {
            if *v > 0.0 {
                n += 1.0;
            }
        }
        let mut s = 0.0;
        for v in x {
            if *v > 0.0 {
                s += v * z / n;
            }
        }
        s
    }

    #[jacobian(value, jvp, vjp, hessian, wrt(z))]
    pub fn logarithm_of_a_group(x: &[f64], z: f64) -> f64 {
        let mut s = 0.0;
        for v in x {
            if *v > 0.0 {
                s += v * z.ln();
            }
        }
        s
    }

    #[jacobian(value, jvp, vjp, hessian, wrt(z))]
    pub fn root_or_line(x: &[f64], z: f64) -> f64 {
        let mut s = 0.0;
        for i in 0..x.len() {
            if x[i] > 0.0 {
                s += z.sqrt() * x[i];
            } else {
                s += x[i] * z;
            }
        }
        s
    }

    #[jacobian(value, jvp, vjp, hessian)]
    pub fn over_the_largest(x: &[f64]) -> f64 {
        let m = x.iter().fold(0.0, |a: f64, b| a.max(*b));
        let mut s = 0.0;
        for v in x {
            if *v > 0.0 {
                s += v * v / m;
            }
        }
        s
    }

    #[jacobian(value, jvp, vjp, hessian)]
    pub fn mean_square(x: &[f64]) -> f64 {
        let n = x.len() as f64;
        let mut s = 0.0;
        for v in x {
            s += v * v / n;
        }
        s
    }

    #[jacobian(value, jvp, vjp, hessian)]
    pub fn shares(x: &[f64]) -> f64 {
        let z: f64 = x.iter().map(|v| v.exp()).sum();
        let mut h = 0.0;
        for v in x {
            h += v / z;
        }
        h
    }

    #[jacobian(value, jvp, vjp, hessian, wrt(z))]
    pub fn logarithm_in_a_sum(x: &[f64], z: f64) -> f64 {
        let mut s = 0.0;
        for v in x {
            s += v * z.ln();
        }
        s
    }

    #[jacobian(value, jvp, vjp, hessian, wrt(x))]
    pub fn class_variance(x: &[f64], lab: &[f64]) -> f64 {
        let (mut n, mut m, mut v) = (0.0, 0.0, 0.0);
        for i in 0..x.len() {
            if lab[i] > 0.5 {
                n += 1.0;
                m += x[i];
            }
        }
        for i in 0..x.len() {
            if lab[i] > 0.5 {
                v += (x[i] - m / n).powi(2) / n;
            }
        }
        v
    }
}

#[test]
fn sums_of_nothing_have_no_derivative_but_0() {
    use sums_of_nothing::*;
    for x in [&[-0.5, -0.2][..], &[]] {
        assert_eq!(mean_of_a_group_value_and_jacobian(x, 0.7), (0.0, 0.0));
        assert_eq!(mean_of_a_group_jvp(x, 0.7, 1.0), (0.0, 0.0));
        assert_eq!(mean_of_a_group_vjp(x, 0.7, 1.0), (0.0, 0.0));
        assert_eq!(mean_of_a_group_hessian(x, 0.7), 0.0);
        assert_eq!(logarithm_of_a_group_value_and_jacobian(x, 0.0), (0.0, 0.0));
        assert_eq!(logarithm_of_a_group_jvp(x, 0.0, 1.0), (0.0, 0.0));
        assert_eq!(logarithm_of_a_group_vjp(x, 0.0, 1.0), (0.0, 0.0));
        assert_eq!(logarithm_of_a_group_hessian(x, 0.0), 0.0);
        let zeros = vec![0.0; x.len()];
        assert_eq!(over_the_largest_value_and_jacobian(x).1.to_vec(), zeros);
        assert_eq!(over_the_largest_jvp(x, &vec![1.0; x.len()]), (0.0, 0.0));
        assert_eq!(over_the_largest_vjp(x, 1.0).1.to_vec(), zeros);
        assert_eq!(class_variance_value_and_jacobian(x, &zeros).1.to_vec(), zeros);
        assert_eq!(class_variance_jvp(x, &zeros, &vec![1.0; x.len()]), (0.0, 0.0));
        assert_eq!(class_variance_vjp(x, &zeros, 1.0).1.to_vec(), zeros);
    }
    let slope = -0.5 - 0.2;
    assert_eq!(root_or_line_value_and_jacobian(&[-0.5, -0.2], 0.0), (0.0, slope));
    assert_eq!(root_or_line_jvp(&[-0.5, -0.2], 0.0, 1.0), (0.0, slope));
    assert_eq!(root_or_line_vjp(&[-0.5, -0.2], 0.0, 1.0), (0.0, slope));
    assert_eq!(root_or_line_hessian(&[-0.5, -0.2], 0.0), 0.0);
    assert_eq!((mean_square_value_and_jacobian(&[]).0, mean_square_jvp(&[], &[]), mean_square_vjp(&[], 1.0).0), (0.0, (0.0, 0.0), 0.0));
    assert_eq!((shares_value_and_jacobian(&[]).0, shares_jvp(&[], &[]), shares_vjp(&[], 1.0).0), (0.0, (0.0, 0.0), 0.0));
    for z in [0.0, -1.0] {
        assert_eq!(logarithm_in_a_sum_value_and_jacobian(&[], z), (0.0, 0.0));
        assert_eq!(logarithm_in_a_sum_jvp(&[], z, 1.0), (0.0, 0.0));
        assert_eq!(logarithm_in_a_sum_vjp(&[], z, 1.0), (0.0, 0.0));
        assert_eq!(logarithm_in_a_sum_hessian(&[], z), 0.0);
    }
}

/// What both sides of a length need is read in front of them, behind an early return.
mod behind_a_return {
    use jac_runtime::jacobian;

    #[jacobian(jvp, vjp)]
    pub fn of_no_length(x: &[f64], z: f64) -> f64 {
        let n = x.len();
        let mut s = z;
        if n == 0 {
            return z;
        }
        s += z * z * x[0];
        if n >= 3 {
            s += x[n - 1] * x[2];
        }
        s
    }

    #[jacobian(jvp, vjp)]
    pub fn of_a_sign(x: &[f64], z: f64) -> f64 {
        let mut s = z;
        if z < 0.0 {
            return z;
        }
        s += z * z * x[0];
        if x.len() >= 3 {
            s += z;
        }
        s
    }
}

#[test]
fn what_both_sides_of_a_length_need_is_computed_once() {
    use behind_a_return::*;
    assert_eq!(of_no_length_jacobian(&[], 0.4).1, 1.0);
    assert_eq!(of_a_sign_jacobian(&[], -0.4).1, 1.0);
    for n in 1..5 {
        let x = [&POINT[..n], &[0.6]].concat();
        let split = |f: fn(&[f64], f64) -> f64| move |x: &[f64]| vec![f(&x[..x.len() - 1], x[x.len() - 1])];
        let joined = |(by_x, by_z): (ndarray::Array1<f64>, f64)| [by_x.to_vec(), vec![by_z]].concat();
        close("of_no_length", &joined(of_no_length_jacobian(&POINT[..n], 0.6)), &differences(split(of_no_length), &x));
        close("of_a_sign", &joined(of_a_sign_jacobian(&POINT[..n], 0.6)), &differences(split(of_a_sign), &x));
    }
}

struct Rate {
    k: f64,
}

#[jacobian]
impl Rate {
    #[jacobian]
    fn scanned_from_a_field(&self, x: f64) -> f64 {
        let states = (1..4).scan(self.k.sin(), |s, _| {
            *s = *s * 0.5 + 0.1;
            Some(*s * x)
        });
        let first = (0..1).scan(self.k, |s, _| Some(*s * x)).sum::<f64>();
        states.sum::<f64>() + first
    }
}

#[test]
fn a_field_may_be_the_state_of_a_scan() {
    let rate = Rate { k: 0.8 };
    close("scanned_from_a_field", &[rate.scanned_from_a_field_jacobian(0.5)], &[rate.scanned_from_a_field(1.0)]);
}

#[jacobian]
fn far_from_expanded(x: &[f64]) -> f64 {
    let mut s = 4.0;
    for v in x {
        s += v - 3.0;
    }
    let v = (s * s + 0.5).sqrt() * s;
    (v * v + 0.25).cbrt()
}

#[test]
fn products_of_sums_are_not_multiplied_out() {
    // s is 0, and nothing is left of it; of its terms multiplied out 1e-14 is
    assert_eq!(far_from_expanded_jacobian(&[1.0, 3.0, 1.0]).to_vec(), [0.0; 3]);
    let f = |x: &[f64]| vec![far_from_expanded(x)];
    close("far_from_expanded", &far_from_expanded_jacobian(&POINT), &differences(f, &POINT));
}

#[jacobian]
fn nearest_line(x: [f64; 2]) -> f64 {
    (x[0] * x[0]).min(x[1] * x[1]).sqrt()
}

#[jacobian(wrt(q))]
fn nearest_point(q: [f64; 2], x: &[f64], y: &[f64]) -> f64 {
    let mut best = f64::INFINITY;
    for (a, b) in x.iter().zip(y) {
        let d = (q[0] - a) * (q[0] - a) + (q[1] - b) * (q[1] - b);
        if d < best {
            best = d;
        }
    }
    best.sqrt()
}

#[jacobian]
fn norms_of_prefixes(x: &[f64]) -> Vec<f64> {
    let mut s = 0.0;
    let mut y = Vec::new();
    for v in x {
        s += v * v;
        y.push(s.sqrt());
    }
    y
}

#[test]
fn a_distance_is_a_length_where_it_is_the_least_of_several_or_carried() {
    assert_eq!(nearest_line_jacobian([0.0, 2.0]), [0.0, 0.0]);
    assert_eq!(nearest_line_jacobian([-3.0, 2.0]), [0.0, 1.0]);
    let (x, y) = ([0.5, 1.0, -2.0], [0.25, 3.0, 1.0]);
    assert_eq!(nearest_point_jacobian([1.0, 3.0], &x, &y), [0.0, 0.0]);
    close("nearest_point", &nearest_point_jacobian([4.0, 7.0], &x, &y), &[0.6, 0.8]);
    let j = norms_of_prefixes_jacobian(&[0.0, 3.0, 4.0]);
    close("norms_of_prefixes", &j, &[0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.6, 0.8]);
}

#[jacobian(hessian)]
fn equal_elements(x: f64, y: f64) -> f64 {
    let a = array![[x + 2.0, y], [y, x + 2.0]];
    let b = array![x, y];
    let s = linalg::solve(&a, &b);
    linalg::ln_det(&a) + s.dot(&s) + linalg::inv(&a).dot(&linalg::inv(&a.t()))[[0, 1]]
}

#[test]
fn elements_of_an_inverse_that_are_equal_have_one_derivative() {
    let gradient = |x: &[f64]| {
        let (a, b) = equal_elements_jacobian(x[0], x[1]);
        vec![a, b]
    };
    for [x, y] in [[0.7, -0.4], [1.3, 0.2]] {
        let ((xx, xy), (yx, yy)) = equal_elements_hessian(x, y);
        close("equal_elements", &[xx, xy, yx, yy], &differences(gradient, &[x, y]));
    }
}

#[jacobian(vjp)]
fn saturated_in_f32(x: &[f32], z: f32) -> Vec<f32> {
    let t = z * z * z * z;
    x.iter().map(|v| v + (0.75 * t.tanh()).atanh()).collect()
}

#[test]
fn what_overflows_in_f32_only_is_not_subtracted() {
    // cosh(81) is an `f32`, its square is not
    assert_eq!(saturated_in_f32_vjp(&[0.5, -1.0], 3.0, &[1.0, 2.0]).1, (vec![1.0, 2.0], 0.0));
}

#[jacobian]
fn squared_again(h: &[f64], a: f64) -> f64 {
    let r: f64 = h.iter().map(|v| (v * v).ln_1p()).sum();
    let mut s = 0.0;
    for _ in 0..4 {
        for _ in h {
            s += a.sin();
        }
        s -= r * r * s;
    }
    let v = (s * s + 0.5).sqrt();
    (r * v * v * v).tanh() / (r * r * v + 1.0)
}

#[test]
fn what_is_added_up_in_a_factor_stays_whole() {
    // its terms multiplied out took all memory
    let f = |x: &[f64]| vec![squared_again(&x[..3], x[3])];
    let (by_h, by_a) = squared_again_jacobian(&POINT[..3], POINT[3]);
    close("squared_again", &[by_h.to_vec(), vec![by_a]].concat(), &differences(f, &POINT));
}

/// A part that is smooth though it is made of kinks, in something that is not linear in it.
#[jacobian(hessian, hvp)]
fn square_of_softplus(z: f64) -> f64 {
    let s = z.max(0.0) + (-z.abs()).exp().ln_1p();
    s * s
}

#[jacobian(hessian)]
fn scaled_softplus(z: f64, w: f64) -> f64 {
    w * ((0.0_f64).max(-z) + (-z.abs()).exp().ln_1p())
}

#[jacobian(hessian)]
fn square_of_the_larger(x: [f64; 2]) -> f64 {
    let d = (x[0] - x[1]).max(x[1] - x[0]);
    d * d + x[0].min(x[1]) * x[0].max(x[1])
}

#[jacobian(hessian)]
fn sum_of_softplus(x: &[f64]) -> f64 {
    let mut s = 0.0;
    for &z in x {
        s += z.max(0.0) + (-z.abs()).exp().ln_1p();
    }
    s * s
}

#[test]
fn second_derivatives_of_what_is_smooth_are_right_at_the_kinks_of_its_parts() {
    let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{found}, not {expected}");
    let (value, slope, curvature) = (2.0_f64.ln(), 0.5, 0.25);
    near(square_of_softplus_hessian(0.0), 2.0 * (slope * slope + value * curvature));
    near(square_of_softplus_hvp(0.0, 3.0), 6.0 * (slope * slope + value * curvature));
    let ((zz, zw), (wz, ww)) = scaled_softplus_hessian(0.0, 3.0);
    [(zz, 3.0 * curvature), (zw, -slope), (wz, -slope), (ww, 0.0)].into_iter().for_each(|(found, expected)| near(found, expected));
    let h = square_of_the_larger_hessian([0.7, 0.7]);
    [(h[0][0], 2.0), (h[0][1], -1.0), (h[1][0], -1.0), (h[1][1], 2.0)].into_iter().for_each(|(found, expected)| near(found, expected));
    let s = value + 1.0 + (-1.0_f64).exp().ln_1p();
    let one = 1.0 / (1.0 + (-1.0_f64).exp());
    let h = sum_of_softplus_hessian(&[1.0, 0.0]);
    near(h[[0, 1]], 2.0 * one * slope);
    near(h[[1, 1]], 2.0 * (slope * slope + s * curvature));
    near(h[[0, 0]], 2.0 * (one * one + s * one * (1.0 - one)));
}

#[jacobian(vjp, pullback, weighted_normal, weighted_hessian)]
fn neighbours(x: &[f64]) -> Vec<f64> {
    x.windows(2).map(|w| w[1] * w[0]).collect()
}

#[test]
fn fewer_results_than_inputs_are_none_of_no_input() {
    assert_eq!(neighbours_vjp(&[], &[]), (vec![], vec![]));
    assert_eq!(neighbours_pullback(&[2.0], &[]), vec![0.0]);
    assert_eq!(neighbours_weighted_normal(&[], &[]).1.dim(), (0, 0));
    assert_eq!(neighbours_weighted_hessian(&[2.0], &[]), array![[0.0]]);
}
