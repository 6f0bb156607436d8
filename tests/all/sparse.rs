//! The option `sparse`: the entries by the interpreter over the whole corpus, and a few functions as emitted.

use crate::common::{compile, inputs, point, without_attribute};
use crate::corpus;
use jac_core::interface::Form;
use jac_core::ir::{eval, Size};
use jac_core::sparse::Layout;
use jac_core::Stages;
use jac_runtime::{check, jacobian, Pattern};
use jac_tests::Case;
use ndarray::{Array1, Array2, Array3, Array4, ShapeBuilder};
use num_traits::Float;

/// Compiles a function of the corpus with its entries in an order; `None` if it is too large, or there is no such order.
fn stages(case: &Case, order: &str) -> Option<Stages> {
    let own = Some(case.options).filter(|own| !own.is_empty());
    let options: Vec<String> = own.into_iter().map(str::to_owned).chain([format!("sparse = \"{order}\"")]).collect();
    let compiled = compile(&options.join(", "), &without_attribute(case.item));
    let errors: Vec<String> = compiled.diagnostics.iter().map(jac_core::diag::Diagnostic::text).collect();
    let is_known = |e: &String| e.starts_with("too large") || e.contains("it is not known where the entries are");
    assert!(errors.iter().all(is_known), "{}: {errors:?}", case.name);
    compiled.stages
}

/// The entries of a function at a point, as the blocks that they are of, and which elements of these are entries.
fn entries(case: &Case, stages: &Stages, x: &[f64]) -> (Vec<Vec<f64>>, Vec<Vec<bool>>) {
    let form = Form::asked_by("sparse");
    let derived = stages.others.iter().find(|d| Some(d.form) == form).expect("it was asked for");
    let layout = derived.layout.as_ref().expect("it is sparse");
    let mut inputs = inputs(case, &stages.jacobian, x);
    let given = |n: usize| inputs.sizes.get(&Size(n as u32)).copied().unwrap_or_default();
    let mut sizes: Vec<i64> = (0..stages.jacobian.sizes.len()).map(given).collect();
    layout.add_flags(&mut sizes);
    inputs.sizes = sizes.iter().enumerate().map(|(n, size)| (Size(n as u32), *size)).collect();
    let values = eval(&derived.program, &inputs);
    let lists: Vec<f64> = derived.program.outputs.iter().flat_map(|t| values[t].clone()).collect();
    let size = |s: Size| sizes[s.0 as usize];
    let there = vec![1.0; lists.len()];
    let scattered = |e: String| -> ! { panic!("{}: {e}", case.name) };
    let blocks = layout.scatter(&lists, 0.0, &size).unwrap_or_else(|e| scattered(e));
    let there = layout.scatter(&there, 0.0, &size).unwrap_or_else(|e| scattered(e));
    (blocks, there.into_iter().map(|block| block.into_iter().map(|count| count > 0.0).collect()).collect())
}

#[test]
fn the_entries_are_those_of_the_jacobian_and_no_others() {
    let (mut checked, mut vanishing, mut carrying) = (0, Vec::new(), Vec::new());
    for order in ["csc", "csr", "diagonals"] {
        for case in corpus::cases() {
            let Some(stages) = stages(&case, order) else { continue };
            checked += 1;
            let mut seen: Vec<Vec<bool>> = Vec::new();
            let mut pattern = Vec::new();
            for seed in 0..8 {
                let x = point(&case, seed);
                let dense = eval(&stages.jacobian, &inputs(&case, &stages.jacobian, &x));
                let dense: Vec<&Vec<f64>> = stages.jacobian.blocks.iter().map(|b| &dense[&b.tensor]).collect();
                let (blocks, there) = entries(&case, &stages, &x);
                assert_eq!(blocks.len(), dense.len(), "{}", case.name);
                seen.resize_with(blocks.len(), Vec::new);
                for ((found, expected), seen) in blocks.iter().zip(&dense).zip(&mut seen) {
                    assert_eq!(found.len(), expected.len(), "{}", case.name);
                    seen.resize(found.len(), false);
                    for ((a, b), seen) in found.iter().zip(*expected).zip(seen) {
                        let scale = b.abs().max(1.0);
                        assert!((a - b).abs() <= 1e-9 * scale || a.is_nan() && b.is_nan(), "{}: {a}, expected {b}", case.name);
                        *seen |= *b != 0.0;
                    }
                }
                pattern = there;
            }
            // none is lost, as the blocks are equal; none is there in vain, but where a loop carries state and what goes in
            // spreads from place to place
            let vain = pattern.iter().flatten().zip(seen.iter().flatten()).any(|(there, seen)| *there && !seen);
            let carries = stages.jacobian.definitions.iter().any(|d| d.body.over().is_some());
            let all = if carries { &mut carrying } else { &mut vanishing };
            if vain && !all.contains(&case.name) {
                all.push(case.name);
            }
        }
    }
    assert!(checked > 800, "only {checked} functions have their entries in an order");
    // an entry in a branch that no point takes is 0 at all of them
    assert!(vanishing.len() < checked / 50, "entries that are 0 at all points: {vanishing:?}");
    // the first three have what branches, maxima and factors that start at 0 decide, and the others a state that each round spreads
    let spread = ["switched", "row_093", "long_short_term", "driven", "heat_over_time", "long_rollout"];
    carrying.retain(|name| !spread.contains(name));
    assert!(carrying.is_empty(), "entries that are 0 at all points, of loops that carry state: {carrying:?}");
}

#[jacobian(sparse, update, value)]
fn residuals(x: &[f64; 3], k: f64) -> ([f64; 2], f64) {
    ([x[0] * x[1], x[2].sin() + 2.0 * x[0]], k * k)
}

/// A constant that may be one in the user's code, too.
const RESIDUALS: Pattern = residuals_jacobian_pattern();

#[test]
fn known_entries_have_a_constant_pattern() {
    let pattern = RESIDUALS;
    assert_eq!((pattern.rows(), pattern.columns(), pattern.nnz()), (3, 4, 5));
    assert_eq!(pattern.triplets().collect::<Vec<_>>(), [(0, 0), (1, 0), (0, 1), (1, 2), (2, 3)]);
    let mut values = [f64::NAN; 5];
    residuals_jacobian_values(&[2.0, 3.0, 0.0], 4.0, &mut values);
    assert_eq!(values, [3.0, 2.0, 2.0, 1.0, 8.0]);
    residuals_jacobian_values_update(&[5.0, 3.0, 0.0], 4.0, &mut values);
    assert_eq!(values, [3.0, 2.0, 5.0, 1.0, 8.0]);
    let mut value = ([f64::NAN; 2], f64::NAN);
    residuals_value_and_jacobian_values(&[2.0, 3.0, 0.0], 4.0, &mut value, &mut values);
    assert_eq!((value, values), (([6.0, 4.0], 16.0), [3.0, 2.0, 2.0, 1.0, 8.0]));
    residuals_value_and_jacobian_values_update(&[5.0, 3.0, 0.0], 4.0, &mut value, &mut values);
    assert_eq!((value, values), (([15.0, 10.0], 16.0), [3.0, 2.0, 5.0, 1.0, 8.0]));
    check!(residuals, &[2.0, 3.0, 0.3], 4.0);
}

#[test]
#[should_panic(expected = "`residuals_jacobian_values`: `values` has shape [4], expected [5]")]
fn a_list_of_another_length_is_refused() {
    residuals_jacobian_values(&[2.0, 3.0, 0.0], 4.0, &mut [0.0; 4]);
}

#[jacobian(sparse = "csr", hessian, weighted_hessian, wrt(a, b))]
fn scalar(a: f64, b: &[f64; 2], c: f64) -> f64 {
    a * a * b[0] + b[1] * c * b[1]
}

#[test]
fn second_derivatives_have_their_lower_triangle() {
    let pattern = scalar_hessian_pattern();
    assert_eq!(pattern.triplets().collect::<Vec<_>>(), [(0, 0), (1, 0), (2, 2)]);
    let mut values = [0.0; 3];
    scalar_hessian_values(2.0, &[3.0, 1.0], 5.0, &mut values);
    assert_eq!(values, [6.0, 4.0, 10.0]);
    scalar_weighted_hessian_values(2.0, &[3.0, 1.0], 5.0, 2.0, &mut values);
    assert_eq!(values, [12.0, 8.0, 20.0]);
    check!(scalar, 2.0, &[3.0, 1.0], 5.0);
}

/// The heat equation on a rod between 0 and 1.
#[jacobian(sparse, value)]
fn rod(x: &[f64], k: f64) -> Vec<f64> {
    let n = x.len();
    let mut y = vec![0.0; n];
    for i in 0..n {
        let left = if i > 0 { x[i - 1] } else { 0.0 };
        let right = if i + 1 < n { x[i + 1] } else { 1.0 };
        y[i] = k * (left - 2.0 * x[i] + right).exp();
    }
    y
}

#[jacobian(sparse = "csr", hessian)]
fn rosenbrock(x: &[f64]) -> f64 {
    x.windows(2).map(|w| 100.0 * (w[1] - w[0] * w[0]).powi(2) + (1.0 - w[0]).powi(2)).sum()
}

#[jacobian(sparse, value)]
fn plate(u: &Array2<f64>) -> Array2<f64> {
    let (n, m) = u.dim();
    Array2::from_shape_fn((n, m), |(i, j)| {
        let mut s = -4.0 * u[[i, j]] * u[[i, j]];
        if i > 0 {
            s += u[[i - 1, j]];
        }
        if i + 1 < n {
            s += u[[i + 1, j]];
        }
        if j > 0 {
            s += u[[i, j - 1]];
        }
        if j + 1 < m {
            s += u[[i, j + 1]];
        }
        s
    })
}

/// Points of a plane seen from a camera: a block for each, and the camera's columns.
#[jacobian(sparse = "triplets")]
fn seen(points: &Array2<f64>, camera: &[f64; 3]) -> Array2<f64> {
    let mut out = Array2::zeros((points.nrows(), 2));
    for i in 0..points.nrows() {
        out[[i, 0]] = points[[i, 0]] * camera[0] + points[[i, 1]].sin();
        out[[i, 1]] = points[[i, 1]] * camera[1] * points[[i, 0]] + camera[2];
    }
    out
}

#[jacobian(sparse, wrt(x))]
fn product(a: &Array2<f64>, x: &Array2<f64>) -> Array2<f64> {
    a.dot(x)
}

#[jacobian(sparse)]
fn diagonal_plus_dense(a: &Array1<f64>, x: &Array1<f64>) -> Array1<f64> {
    let s = x.dot(x);
    a * x + s
}

#[test]
fn patterns_of_run_time_lengths_hold_at_all_small_ones() {
    let array = |shape| Array2::from_shape_fn(shape, |(i, j)| 0.3 + 0.2 * i as f64 - 0.1 * (j * i) as f64 + 0.05 * j as f64);
    for n in 0..7 {
        let x: Vec<f64> = (0..n).map(|k| 0.5 + 0.3 * k as f64).collect();
        let vector = Array1::from(x.clone());
        check!(rod, &x, 0.4);
        check!(diagonal_plus_dense, &(&vector + 1.0), &vector);
        check!(seen, &array((n, 2)), &[0.1, 0.2, 0.3]);
        if n > 0 {
            check!(rosenbrock, &x);
        }
        for m in 0..6 {
            check!(plate, &array((m, n)));
            check!(product, &array((m, n)), &array((n, 3)));
        }
    }
}

/// A matrix of values by a pattern.
fn filled(pattern: &Pattern, values: &[f64]) -> Array2<f64> {
    let mut out = Array2::zeros((pattern.rows(), pattern.columns()));
    for ((row, column), value) in pattern.triplets().zip(values) {
        out[[row, column]] = *value;
    }
    out
}

#[test]
fn a_stencil_has_five_entries_a_column_in_order() {
    let u = Array2::from_shape_fn((4, 5), |(i, j)| 1.0 + (i * 5 + j) as f64);
    let pattern = plate_jacobian_pattern(&u);
    // of 20 unknowns, without the neighbours that there are not
    assert_eq!(pattern.nnz(), 5 * 20 - 2 * 5 - 2 * 4);
    let csc = pattern.csc();
    assert!(csc.order.iter().copied().eq(0..pattern.nnz()), "it is by columns");
    let mut values = vec![f64::NAN; pattern.nnz()];
    plate_jacobian_values(&u, &mut values);
    let dense: Array4<f64> = plate_jacobian(&u);
    let dense = dense.into_shape_with_order((20, 20)).unwrap();
    assert_eq!(filled(&pattern, &values), dense);
    assert_eq!(dense.iter().filter(|x| **x != 0.0).count(), pattern.nnz());
    assert_eq!(pattern.diagonals().iter().map(|d| d.offset).collect::<Vec<_>>(), [-5, -1, 0, 1, 5]);
}

#[test]
fn the_hessian_of_a_chain_is_a_band() {
    let x = [1.0, 2.0, 3.0, 4.0];
    let pattern = rosenbrock_hessian_pattern(&x);
    assert_eq!(pattern.triplets().collect::<Vec<_>>(), [(0, 0), (1, 0), (1, 1), (2, 1), (2, 2), (3, 2), (3, 3)]);
    let mut values = [f64::NAN; 7];
    rosenbrock_hessian_values(&x, &mut values);
    let dense = rosenbrock_hessian(&x);
    assert!(pattern.triplets().zip(&values).all(|((i, j), value)| (dense[[i, j]] - value).abs() < 1e-9));
}

#[test]
#[should_panic(expected = "`rod_jacobian_values`: `values` has shape [6], expected [10]")]
fn lists_are_checked_against_the_lengths() {
    // seven by `x` and three by `k`
    rod_jacobian_values(&[1.0, 2.0, 3.0], 1.0, &mut [0.0; 6]);
}

struct Spring {
    stiffness: f64,
}

#[jacobian]
impl Spring {
    #[jacobian(sparse)]
    fn force(&self, x: &[f64; 2]) -> [f64; 2] {
        [self.stiffness * x[0], x[0] - x[1]]
    }

    #[jacobian(sparse, value)]
    fn forces(&self, x: &[f64]) -> Vec<f64> {
        x.iter().map(|x| self.stiffness * x * x).collect()
    }
}

#[test]
fn methods_have_patterns() {
    let spring = Spring { stiffness: 3.0 };
    assert_eq!(Spring::force_jacobian_pattern().nnz(), 3);
    check!(Spring::force, &spring, &[1.0, 2.0]);
    assert_eq!(spring.forces_jacobian_pattern(&[1.0, 2.0]).row_indices(), [0, 1]);
    check!(Spring::forces, &spring, &[1.0, 2.0]);
}

/// Neighbours in a box.
#[jacobian(sparse, update, value, into)]
fn room(u: &Array3<f64>, k: f64) -> Array3<f64> {
    let (n, m, l) = u.dim();
    Array3::from_shape_fn((n, m, l), |(i, j, p)| {
        let below = if i > 0 { u[[i - 1, j, p]] } else { k };
        let right = if j + 1 < m { u[[i, j + 1, p]] } else { 0.0 };
        let behind = if p + 1 < l { u[[i, j, p + 1]] } else { 0.0 };
        k * (below + right * behind - u[[i, j, p]].powi(2))
    })
}

#[jacobian(sparse, hessian, value)]
fn repulsion<T: Float>(x: &[T]) -> T {
    let mut energy = T::zero();
    for i in 0..x.len() {
        for j in 0..i {
            energy = energy + (x[i] - x[j]).powi(-2);
        }
    }
    energy
}

/// Everything before, and the first at the end again.
#[allow(clippy::needless_range_loop)] // as people write it
#[jacobian(sparse = "diagonals", wrt(x), value)]
fn triangle(x: &[f64], scale: f64) -> Option<Vec<f64>> {
    let n = x.len();
    let mut y = vec![0.0; n];
    for i in 0..n {
        for j in 0..i {
            y[i] += scale * x[j] * x[j];
        }
    }
    if n > 0 {
        y[n - 1] += x[0];
    }
    Some(y)
}

#[jacobian(sparse = "csr", wrt(x), value, update, strict)]
fn reversed(x: &[f64]) -> Vec<f64> {
    let n = x.len();
    (0..n).map(|i| x[i] * x[n - 1 - i]).collect()
}

/// Pairs one behind the other.
#[jacobian(sparse)]
fn pairs_in_a_row<const N: usize, const M: usize>(y: &[f64; M], a: f64) -> [f64; M] {
    let mut dy = [0.0; M];
    for i in 0..N {
        let (u, v) = (y[2 * i], y[2 * i + 1]);
        dy[2 * i] = a + u * u * v;
        if v > 0.8 {
            dy[2 * i + 1] = a * u - u * u * v;
        }
        dy[2 * i + 1] += v;
    }
    dy
}

/// What leaves a cell goes into the next one.
#[jacobian(sparse)]
fn fluxes(x: &[f64]) -> Vec<f64> {
    let n = x.len();
    let mut out = vec![0.0; n];
    for i in 0..n - 1 {
        let flux = x[i + 1] * x[i];
        out[i] -= flux;
        out[i + 1] += flux;
    }
    out
}

/// An element is changed under conditions.
#[jacobian(sparse)]
fn changed(x: &[f64], c: f64) -> Vec<f64> {
    let n = x.len();
    let mut out = vec![0.0; n];
    for i in 0..n {
        out[i] = -2.0 * x[i];
        if i > 0 {
            out[i] += x[i - 1] * c;
        }
        if i + 1 < n {
            out[i] += x[i + 1] * x[i];
        }
    }
    out
}

#[test]
fn arrays_changed_in_loops_have_the_pattern_of_what_is_written() {
    check!(pairs_in_a_row::<3, 7>, &[0.5, 0.6, 0.7, 0.9, 0.8, 1.1, 0.3], 0.4);
    for n in 1..6 {
        let x: Vec<f64> = (0..n).map(|k| 0.5 + 0.3 * k as f64).collect();
        check!(fluxes, &x);
        check!(changed, &x, 0.7);
        assert_eq!(fluxes_jacobian_pattern(&x).nnz(), if n > 1 { 3 * n - 2 } else { 0 });
        assert_eq!(changed_jacobian_pattern(&x, 0.7).nnz(), 3 * n - 2 + n - 1);
    }
}

#[test]
fn entries_in_no_known_order_are_sorted() {
    for n in 0..6 {
        let x: Vec<f64> = (0..n).map(|k| 0.5 + 0.3 * k as f64).collect();
        check!(triangle, &x, 0.7);
        check!(reversed, &x);
        check!(repulsion::<f64>, &x);
        for m in 0..4 {
            check!(room, &Array3::from_shape_fn((n, m, 3), |(i, j, k)| 0.3 + 0.2 * i as f64 - 0.1 * (j * i) as f64 + 0.05 * k as f64), 0.4);
        }
    }
    let x = [1.0, 2.0, 3.0];
    let pattern = triangle_jacobian_pattern(&x, 1.0);
    assert_eq!(pattern.triplets().collect::<Vec<_>>(), [(2, 0), (1, 0), (2, 1)]);
    let mut values = [f64::NAN; 3];
    triangle_jacobian_values(&x, 1.0, &mut values).unwrap();
    assert_eq!(values, [3.0, 2.0, 4.0]);
    let mut value = vec![f64::NAN; 3];
    triangle_value_and_jacobian_values(&x, 1.0, &mut value, &mut values).unwrap();
    assert_eq!(value, triangle(&x, 1.0).unwrap());
    let pattern = repulsion_hessian_pattern(&x);
    assert_eq!(pattern.triplets().collect::<Vec<_>>(), [(0, 0), (1, 0), (2, 0), (1, 1), (2, 1), (2, 2)]);
    let u = Array3::from_elem((2, 3, 2), 0.5);
    let pattern = room_jacobian_pattern(&u, 0.4);
    let csc = pattern.csc();
    assert!(csc.order.iter().copied().eq(0..pattern.nnz()), "it is by columns");
    let mut values = vec![f64::NAN; pattern.nnz()];
    room_jacobian_values(&(&u + 1.0), 0.3, &mut values);
    room_jacobian_values_update(&u, 0.4, &mut values);
    let mut expected = vec![f64::NAN; pattern.nnz()];
    room_jacobian_values(&u, 0.4, &mut expected);
    assert_eq!(values, expected);
    // the value into memory of another layout
    let mut value = Array3::from_elem((2, 3, 2).f(), f64::NAN);
    room_value_and_jacobian_values(&u, 0.4, &mut value, &mut values);
    assert_eq!((value, values), (room(&u, 0.4), expected));
}

#[test]
#[should_panic(expected = "`reversed_jacobian_values`: `values` has shape [6], expected [5]")]
fn sorted_lists_are_checked_against_the_lengths() {
    reversed_jacobian_values(&[1.0, 2.0, 3.0], &mut [0.0; 6]);
}

#[test]
fn orders_are_those_asked_for() {
    let layouts = |order: &str| {
        let stages = compile(&format!("sparse = \"{order}\""), "fn f(x: [f64; 2]) -> [f64; 2] { [x[1], x[0] * x[1]] }").stages;
        let derived = stages.expect("no mistake").others;
        derived.iter().find_map(|d| d.layout.as_ref().map(|l: &Layout| l.entries(&|_| 0))).expect("a layout")
    };
    let [across, below, right] = [[(0, 0), (0, 1)], [(0, 1), (0, 0)], [(0, 1), (0, 1)]];
    assert_eq!(layouts("csc"), [below, across, right]);
    assert_eq!(layouts("csr"), [across, below, right]);
    assert_eq!(layouts("triplets"), [across, below, right]);
    assert_eq!(layouts("diagonals"), [below, right, across]);
}
