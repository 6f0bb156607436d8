//! The table of intrinsics, entry by entry; what `jac_runtime::linalg` computes; and what is emitted.

#![allow(dead_code)] // of some functions only the derivative is called

use crate::common::Random;
use jac_core::diff::definitions::differentiate;
use jac_core::diff::products::{self, Product};
use jac_core::ir::{eval, parse, verify, Expr, Inputs, Program, Size, Tensor};
use jac_core::ops::{Intrinsic, MOST_ROWS};
use jac_core::unroll::unroll;
use jac_runtime::{jacobian, linalg};
use jac_tests::{linalg as dual_linalg, D};
use ndarray::{array, s, Array1, Array2};

/// `y = f(a, b)`, in the text form; `order` is a number or the name of a length.
fn application(f: Intrinsic, order: &str, columns: &str) -> Program {
    let entry = f.entry();
    let shape = |names: &[&str]| names.iter().map(|n| if *n == "n" { order } else { columns }).collect::<Vec<_>>().join(", ");
    let names = &["a", "b"][..entry.arguments.len()];
    let params: Vec<String> = names.iter().zip(entry.arguments).map(|(name, axes)| format!("{name}: [{}]", shape(axes))).collect();
    let text = format!("fn f({}) wrt {} -> y\ny = {}({})\n", params.join(", "), names.join(", "), entry.name, names.join(", "));
    let program = parse(&text).unwrap_or_else(|e| panic!("{text}: {e}"));
    assert_eq!(program.to_text(), text);
    program
}

/// Matrices near a multiple of the identity, so that all of them have a Cholesky factor.
fn arguments(f: Intrinsic, n: usize, m: usize, random: &mut Random) -> Vec<Vec<f64>> {
    let count = |axes: &[&str]| axes.iter().map(|name| if *name == "n" { n } else { m }).product::<usize>();
    let entry = f.entry();
    let mut values: Vec<Vec<f64>> =
        entry.arguments.iter().map(|axes| (0..count(axes)).map(|_| 2.0 * random.unit() - 1.0).collect()).collect();
    (0..n).for_each(|i| values[0][i * (n + 1)] += 4.0);
    values
}

fn inputs(program: &Program, values: &[Vec<f64>], n: usize, m: usize) -> Inputs {
    let sizes = [n, m].iter().enumerate().map(|(k, n)| (Size(k as u32), *n as i64)).collect();
    Inputs { tensors: program.params().zip(values.iter().cloned()).collect(), sizes }
}

fn value(program: &Program, t: Tensor, values: &[Vec<f64>], n: usize, m: usize) -> Vec<f64> {
    eval(program, &inputs(program, values, n, m))[&t].clone()
}

/// The derivative of the only output along a direction, by central differences.
fn along(program: &Program, values: &[Vec<f64>], direction: &[Vec<f64>], n: usize, m: usize) -> Vec<f64> {
    let step = 1e-5;
    let moved = |h: f64| {
        let add = |(x, d): (&Vec<f64>, &Vec<f64>)| x.iter().zip(d).map(|(x, d)| x + h * d).collect::<Vec<f64>>();
        value(program, program.outputs[0], &values.iter().zip(direction).map(add).collect::<Vec<_>>(), n, m)
    };
    moved(step).iter().zip(moved(-step)).map(|(a, b)| (a - b) / (2.0 * step)).collect()
}

fn close(what: &str, ours: &[f64], theirs: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let scale = theirs.iter().fold(1.0_f64, |m, v| m.max(v.abs()));
    for (a, b) in ours.iter().zip(theirs) {
        assert!((a - b).abs() <= tolerance * scale, "{what}: {ours:?}, expected {theirs:?}");
    }
}

/// A derivative, with the results as its outputs.
fn derived(program: &Program, what: fn(Program) -> Product) -> Program {
    let product = what(program.clone());
    let derivative = product.finish(differentiate(product.program.clone(), product.of.clone()));
    assert_eq!(verify(&derivative), Ok(()), "{}", derivative.to_text());
    derivative
}

#[test]
fn every_rule_agrees_with_differences() {
    let (n, m) = (4, 3);
    for &f in Intrinsic::ALL {
        let name = f.entry().name;
        let mut random = Random(n as u64 + name.len() as u64);
        let values = arguments(f, n, m, &mut random);
        let mut noise =
            |like: &[Vec<f64>]| -> Vec<Vec<f64>> { like.iter().map(|v| v.iter().map(|_| random.unit() - 0.5).collect()).collect() };
        let program = application(f, "n", "m");
        let direction = noise(&values);
        let expected = along(&program, &values, &direction, n, m);

        let jacobian = derived(&program, products::jacobian);
        let columns: Vec<Vec<f64>> = jacobian.blocks.iter().map(|b| value(&jacobian, b.tensor, &values, n, m)).collect();
        let row = |i: usize| {
            let block = |(block, d): (&Vec<f64>, &Vec<f64>)| block[i * d.len()..].iter().zip(d).map(|(a, b)| a * b).sum::<f64>();
            columns.iter().zip(&direction).map(block).sum::<f64>()
        };
        close(name, &(0..expected.len()).map(row).collect::<Vec<f64>>(), &expected, 1e-8);

        let jvp = derived(&program, products::jvp);
        // the step is a parameter that nothing reads
        let with_tangents = [values.clone(), direction.clone(), vec![vec![0.0]]].concat();
        close(&format!("{name}, forward"), &value(&jvp, jvp.outputs[1], &with_tangents, n, m), &expected, 1e-8);

        let vjp = derived(&program, products::vjp);
        let cotangent = noise(std::slice::from_ref(&expected));
        let with_cotangent = [values.clone(), cotangent.clone()].concat();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let ours: f64 = vjp.outputs[1..].iter().zip(&direction).map(|(t, d)| dot(&value(&vjp, *t, &with_cotangent, n, m), d)).sum();
        close(&format!("{name}, backward"), &[ours], &[dot(&cotangent[0], &expected)], 1e-8);
    }
}

#[test]
fn products_with_solutions_form_no_inverse() {
    let forms = |f: Intrinsic, what: fn(Program) -> Product| derived(&application(f, "n", "m"), what).to_text().contains("inv(");
    for f in [Intrinsic::Solve, Intrinsic::TrSolve, Intrinsic::SolveColumns, Intrinsic::TrSolveColumns] {
        assert!(forms(f, products::jacobian));
        assert!(!forms(f, products::jvp) && !forms(f, products::vjp));
    }
}

#[test]
fn straight_line_code_agrees_with_elimination() {
    for &f in Intrinsic::ALL {
        for n in 1..=MOST_ROWS {
            let program = application(f, &n.to_string(), "2");
            let values = arguments(f, n, 2, &mut Random(n as u64));
            let straight = unroll(program.clone(), usize::MAX).expect("no limit");
            let [ours, theirs] = [&straight, &program].map(|p| value(p, p.outputs[0], &values, n, 2));
            close(f.entry().name, &ours, &theirs, 1e-13);
            // the elements' own partial derivatives, where the rules are followed instead
            let out = straight.definition(straight.outputs[0]).expect("an output").body.roots().to_vec();
            let known = |e: &Expr| straight.partials.contains_key(e);
            assert!(out.iter().all(|e| known(e) != f.entry().natural), "{}", f.entry().name);
        }
    }
}

#[test]
fn the_library_agrees_with_elimination() {
    let mut random = Random(5);
    for n in [1, 2, 3, 5, 8, 9, 16, 29] {
        let a = Array2::from_shape_fn((n, n), |(i, j)| random.unit() - 0.5 + if i == j { 3.0 } else { 0.0 });
        let b = Array2::from_shape_fn((n, 3), |_| random.unit());
        let duals = |m: &Array2<f64>| m.mapv(D::new);
        let (da, db) = (duals(&a), duals(&b));
        let flat = |m: Array2<D>| m.iter().map(|x| x.re()).collect::<Vec<f64>>();
        let ours = |m: Array2<f64>| m.iter().copied().collect::<Vec<f64>>();
        close("inv", &ours(linalg::inv(&a)), &flat(dual_linalg::inv(&da)), 1e-13);
        close("solve", &ours(linalg::solve(&a, &b)), &flat(dual_linalg::solve(&da, &db)), 1e-13);
        close("cholesky", &ours(linalg::cholesky(&a)), &flat(dual_linalg::cholesky(&da)), 1e-13);
        close("det", &[linalg::det(&a), linalg::ln_det(&a)], &[dual_linalg::det(&da).re(), dual_linalg::ln_det(&da).re()], 1e-13);
        // views that are not in standard layout
        close("inv of a transpose", &ours(linalg::inv(&a.t())), &ours(linalg::inv(&a).t().to_owned()), 1e-13);
        // every pivot elsewhere
        let (reversed, inverse) = (a.slice(s![..;-1, ..]), linalg::inv(&a));
        close("inv of rows in reverse", &ours(linalg::inv(&reversed)), &ours(inverse.slice(s![.., ..;-1]).to_owned()), 1e-13);
        let column = b.column(1);
        close("solve for a column", &linalg::solve(&a, &column).to_vec(), &linalg::solve(&a, &column.to_owned()).to_vec(), 0.0);
        assert_eq!(linalg::trace(&a.t()), a.diag().sum());
        close("norm", &[linalg::norm(&b.column(0)).powi(2)], &[b.column(0).dot(&b.column(0))], 1e-14);
    }
    let empty = Array2::<f64>::zeros((0, 0));
    assert_eq!((linalg::inv(&empty).len(), linalg::det(&empty), linalg::ln_det(&empty)), (0, 1.0, 0.0));
    assert_eq!(linalg::det(&array![[2.0_f32, 1.0], [1.0, 1.0]]), 1.0);
}

#[test]
fn singular_matrices() {
    let singular = array![[1.0, 2.0], [2.0, 4.0]];
    assert_eq!((linalg::det(&singular), linalg::ln_det(&singular)), (0.0, f64::NEG_INFINITY));
    let message = |f: &dyn Fn()| {
        let payload = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).expect_err("it panics");
        let text = payload.downcast_ref::<String>().cloned();
        text.or_else(|| payload.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap_or_default()
    };
    assert_eq!(message(&|| drop(linalg::inv(&singular))), "a singular matrix has no inverse");
    assert_eq!(message(&|| drop(linalg::solve(&singular, &array![1.0, 2.0]))), "a singular matrix has no solution");
    assert_eq!(message(&|| drop(linalg::cholesky(&-&singular))), "the matrix is not positive definite");
    assert_eq!(message(&|| drop(open_det_jacobian(&singular))), "a singular matrix has no inverse");
    assert!(message(&|| _ = linalg::det(&Array2::<f64>::zeros((2, 3)))).ends_with("expected a square one"));
    assert!(message(&|| drop(linalg::solve(&singular, &array![1.0]))).ends_with("expected 2"));
    // of known size: cofactors, at rank 1 and at rank 0 of 2, at rank 2 of 3 and of 4
    assert_eq!(det_2_jacobian(&singular), array![[4.0, -2.0], [-2.0, 1.0]]);
    assert_eq!(det_2_jacobian(&Array2::zeros((2, 2))), Array2::<f64>::zeros((2, 2)));
    let rows = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [5.0, 7.0, 9.0]];
    let cross = array![[3.0, -6.0, 3.0], [3.0, -6.0, 3.0], [-3.0, 6.0, -3.0]];
    assert_eq!(det_3_jacobian(&rows), cross);
    let mut four = Array2::zeros((4, 4));
    four.slice_mut(s![..3, ..3]).assign(&array![[2.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 5.0]]);
    let mut expected = Array2::zeros((4, 4));
    expected[[3, 3]] = 30.0;
    assert_eq!(det_4_jacobian(&four), expected);
}

#[jacobian]
fn open_det(x: &Array2<f64>) -> f64 {
    linalg::det(x)
}

#[jacobian(shape(x = [2, 2]))]
fn det_2(x: &Array2<f64>) -> f64 {
    linalg::det(x)
}

#[jacobian(shape(x = [3, 3]))]
fn det_3(x: &Array2<f64>) -> f64 {
    linalg::det(x)
}

#[jacobian(shape(x = [4, 4]))]
fn det_4(x: &Array2<f64>) -> f64 {
    linalg::det(x)
}

#[jacobian(value, into, jvp, vjp, hessian)]
fn log_density(s: &Array2<f64>, r: &Array1<f64>) -> f64 {
    use jac_runtime::linalg;
    let l = linalg::cholesky(s);
    -0.5 * r.dot(&linalg::solve(s, r)) - linalg::ln_det(&l)
}

#[jacobian(jvp, vjp)]
fn update(p: &Array2<f64>, z: &Array2<f64>) -> Array2<f64> {
    jac_runtime::linalg::solve(&(p + Array2::<f64>::eye(3) * 4.0), z)
}

#[jacobian]
fn single(x: &Array2<f32>) -> Array2<f32> {
    linalg::inv(x)
}

#[test]
fn emitted_products() {
    let s = array![[3.0, 0.5, -0.25], [0.5, 2.0, 0.125], [-0.25, 0.125, 1.5]];
    let r = array![1.0, -2.0, 0.5];
    let solved = linalg::solve(&s, &r);
    let inverse = linalg::inv(&s);
    // Petersen & Pedersen (61), (57) for symmetric s; the factor's determinant is the root of that of s
    let by_s = Array2::from_shape_fn((3, 3), |(k, l)| 0.5 * solved[k] * solved[l] - 0.5 * inverse[[l, k]]);
    let flat = |m: &Array2<f64>| m.iter().copied().collect::<Vec<f64>>();
    let (value, (ours, by_r)) = log_density_value_and_jacobian(&s, &r);
    close("value", &[value], &[log_density(&s, &r)], 1e-14);
    close("by s", &flat(&ours), &flat(&by_s), 1e-13);
    close("by r", &by_r.to_vec(), &(-&solved).to_vec(), 1e-13);
    let (mut into_s, mut into_r) = (Array2::zeros((3, 3)), Array1::zeros(3));
    let mut into = (into_s, into_r);
    log_density_jacobian_into(&s, &r, &mut into);
    (into_s, into_r) = into;
    assert_eq!((&into_s, &into_r), (&ours, &by_r));
    let (ds, dr) = (array![[0.1, 0.2, 0.3], [0.2, -0.4, 0.5], [0.3, 0.5, 0.6]], array![0.7, -0.8, 0.9]);
    let expected = (&by_s * &ds).sum() + by_r.dot(&dr);
    let (_, tangent) = log_density_jvp(&s, &r, &ds, &dr);
    close("jvp", &[tangent], &[expected], 1e-13);
    let (_, (vs, vr)) = log_density_vjp(&s, &r, 2.0);
    close("vjp", &flat(&vs), &flat(&(by_s * 2.0)), 1e-13);
    close("vjp", &vr.to_vec(), &(by_r * 2.0).to_vec(), 1e-13);
    let ((_, _), (_, by_rr)) = log_density_hessian(&s, &r);
    close("hessian", &flat(&by_rr), &flat(&-&inverse), 1e-13);
    let (x, dx) = update_jvp(&s, &ds, &ds, &s);
    let (_, (vp, vz)) = update_vjp(&s, &ds, &x);
    close("adjoint", &[(&x * &dx).sum()], &[(&vp * &ds).sum() + (&vz * &s).sum()], 1e-13);
    assert_eq!(single_jacobian(&array![[2.0]])[[0, 0, 0, 0]], -0.25);
}
