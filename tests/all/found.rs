//! What the fuzzer found once, as short as it could be made: against central differences, and closed forms where
//! differences say nothing.

// the functions are as people write them, whatever lints say
#![allow(clippy::eq_op, clippy::len_zero, clippy::needless_range_loop)]

use crate::common::{close, differences};
use jac_runtime::jacobian;

const POINT: [f64; 4] = [0.7, -0.4, 1.3, 0.2];
const OTHER: [f64; 4] = [-0.3, 0.9, 0.4, -1.1];

#[jacobian(hessian)]
fn far_out(x: f64) -> f64 {
    (x * x * x).tanh()
}

#[test]
fn the_curvature_of_tanh_is_zero_far_out() {
    // by way of sinh and cosh it is ∞ times 0
    assert_eq!(far_out_hessian(10.0), 0.0);
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
    // v is 0 at (1, 1), and the clamp is at its kink, where its derivative is ½
    let h = 0.25_f64.hypot(1.0);
    let hessian = zero_by_chance_hessian(1.0, 1.0);
    close("zero_by_chance", [&hessian.0 .0, &hessian.1 .1], &[-2.0 / h - h, 2.0 * h]);
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
