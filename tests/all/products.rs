//! Products and Hessians: by the interpreter over the whole corpus, against the Jacobian, and a
//! few functions as emitted.

use crate::common::{compile, inputs, point, without_attribute, Random};
use crate::corpus;
use jac_core::interface::Form;
use jac_core::ir::{eval, Map, Tensor};
use jac_core::ops::Op;
use jac_core::pipeline::Derived;
use jac_core::Stages;
use jac_runtime::jacobian;
use jac_tests::Case;
use ndarray::{array, s, Array1, Array2, ArrayView1};

/// Compiles a function of the corpus with more options.
fn stages(case: &Case, more: &str) -> Stages {
    small(case, more).unwrap_or_else(|| panic!("{}: too large", case.name))
}

/// The same; `None` of what is too large.
fn small(case: &Case, more: &str) -> Option<Stages> {
    let own = Some(case.options).filter(|own| !own.is_empty());
    let added = more.split(", ").filter(|option| !case.options.contains(option));
    let options: Vec<&str> = own.into_iter().chain(added).collect();
    let compiled = compile(&options.join(", "), &without_attribute(case.item));
    let errors: Vec<String> = compiled.diagnostics.iter().map(jac_core::diag::Diagnostic::text).collect();
    assert!(errors.iter().all(|e| e.starts_with("too large")), "{}: {errors:?}", case.name);
    compiled.stages
}

/// The Jacobian's blocks at a point.
fn blocks(case: &Case, stages: &Stages, x: &[f64]) -> Vec<(usize, Tensor, Vec<f64>)> {
    let values = eval(&stages.jacobian, &inputs(case, &stages.jacobian, x));
    stages.jacobian.blocks.iter().map(|b| (b.output, b.input, values[&b.tensor].clone())).collect()
}

fn derived<'a>(stages: &'a Stages, form: &str) -> &'a Derived {
    stages.others.iter().find(|d| Form::asked_by(form) == Some(d.form)).expect("it was asked for")
}

/// Evaluates a product: what it returns, tensor by tensor.
fn product(case: &Case, derived: &Derived, x: &[f64], seeds: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut inputs = inputs(case, &derived.program, x);
    inputs.tensors.extend(derived.seeds.iter().copied().zip(seeds.iter().cloned()));
    let values = eval(&derived.program, &inputs);
    derived.program.outputs.iter().map(|t| values[t].clone()).collect()
}

fn close(case: &Case, what: &str, ours: &[f64], theirs: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), theirs.len(), "{}: {what}", case.name);
    let scale = theirs.iter().fold(1.0_f64, |m, v| m.max(v.abs()));
    for (a, b) in ours.iter().zip(theirs) {
        assert!((a - b).abs() <= tolerance * scale, "{}: {what} {a}, expected {b}", case.name);
    }
}

#[test]
fn products_are_the_jacobian_times_a_vector() {
    for case in corpus::cases() {
        let stages = stages(&case, "jvp, vjp, pushforward, pullback");
        let mut random = Random(case.name.len() as u64);
        let mut vector = |n: usize| (0..n).map(|_| 2.0 * random.unit() - 1.0).collect::<Vec<f64>>();
        for seed in 0..2 {
            let x = point(&case, seed);
            let value = (case.value)(&x);
            let blocks = blocks(&case, &stages, &x);
            let wrt = stages.jacobian.wrt.clone();
            let count = |input: Tensor| {
                let (output, _, entries) = blocks.iter().find(|b| b.1 == input).expect("a block for each input");
                entries.len() / value[*output].len().max(1)
            };
            let tangents: Vec<Vec<f64>> = wrt.iter().map(|t| vector(count(*t))).collect();
            let cotangents: Vec<Vec<f64>> = value.iter().map(|y| vector(y.len())).collect();
            let mut forward: Vec<Vec<f64>> = value.iter().map(|y| vec![0.0; y.len()]).collect();
            let mut backward: Map<Tensor, Vec<f64>> = wrt.iter().map(|t| (*t, vec![0.0; count(*t)])).collect();
            for (output, input, entries) in &blocks {
                let tangent = &tangents[wrt.iter().position(|t| t == input).expect("an input")];
                for (row, line) in entries.chunks(tangent.len().max(1)).enumerate() {
                    for (column, entry) in line.iter().enumerate() {
                        forward[*output][row] += entry * tangent[column];
                        backward[input][column] += entry * cotangents[*output][row];
                    }
                }
            }
            let tolerance = if case.single { 1e-5 } else { 1e-11 };
            let (forward, backward) = (forward.concat(), backward.into_values().collect::<Vec<_>>().concat());
            for (form, alone, seeds, expected) in [("jvp", "pushforward", &tangents, forward), ("vjp", "pullback", &cotangents, backward)] {
                let ours = product(&case, derived(&stages, form), &x, seeds);
                let (values, products) = ours.split_at(value.len());
                close(&case, &format!("{form}: value"), &values.concat(), &value.concat(), tolerance);
                close(&case, form, &products.concat(), &expected, tolerance);
                close(&case, alone, &product(&case, derived(&stages, alone), &x, seeds).concat(), &expected, tolerance);
            }
        }
    }
}

#[test]
fn normal_equations_are_products_of_the_jacobian() {
    let mut checked = 0;
    // every sixth, as each is compiled for three forms
    for case in corpus::cases().into_iter().step_by(6) {
        let Some(stages) = small(&case, "normal, weighted_normal, normal_diagonal") else { continue };
        checked += 1;
        let x = point(&case, 0);
        let value = (case.value)(&x);
        let blocks = blocks(&case, &stages, &x);
        let inputs = stages.jacobian.wrt.len();
        let mut random = Random(case.name.len() as u64);
        let mut like =
            |parts: &[Vec<f64>]| -> Vec<Vec<f64>> { parts.iter().map(|y| y.iter().map(|_| 2.0 * random.unit() - 1.0).collect()).collect() };
        let weights = like(&value);
        let tolerance = if case.single { 1e-4 } else { 1e-11 };
        let columns = |i: usize| {
            let (output, _, entries) = &blocks[i];
            let all = if value[*output].is_empty() { None } else { Some(entries.len() / value[*output].len()) };
            all.unwrap_or_default()
        };
        if (0..inputs).any(|i| value[blocks[i].0].is_empty()) {
            continue;
        }
        let entry = |o: usize, row: usize, i: usize, k: usize| blocks[o * inputs + i].2[row * columns(i) + k];
        let total = |weighted: bool, term: &dyn Fn(usize, usize) -> f64| {
            let rows = value.iter().enumerate().flat_map(|(o, y)| (0..y.len()).map(move |row| (o, row)));
            rows.map(|(o, row)| if weighted { weights[o][row] } else { 1.0 } * term(o, row)).sum::<f64>()
        };
        for (form, weighted) in [("normal", false), ("weighted_normal", true)] {
            let seeds = if weighted { weights.clone() } else { Vec::new() };
            let ours = product(&case, derived(&stages, form), &x, &seeds);
            let (values, rest) = ours.split_at(value.len());
            let (squares, products) = rest.split_at(inputs * inputs);
            close(&case, &format!("{form}: value"), &values.concat(), &value.concat(), tolerance);
            for (i, j) in (0..inputs).flat_map(|i| (0..inputs).map(move |j| (i, j))) {
                let positions = (0..columns(i)).flat_map(|k| (0..columns(j)).map(move |l| (k, l)));
                let expected: Vec<f64> =
                    positions.map(|(k, l)| total(weighted, &|o, row| entry(o, row, i, k) * entry(o, row, j, l))).collect();
                close(&case, form, &squares[i * inputs + j], &expected, tolerance);
            }
            for (i, found) in products.iter().enumerate() {
                let expected: Vec<f64> = (0..columns(i)).map(|k| total(weighted, &|o, row| entry(o, row, i, k) * value[o][row])).collect();
                close(&case, form, found, &expected, tolerance);
            }
        }
        for (i, found) in product(&case, derived(&stages, "normal_diagonal"), &x, &[]).iter().enumerate() {
            let expected: Vec<f64> = (0..columns(i)).map(|k| total(false, &|o, row| entry(o, row, i, k).powi(2))).collect();
            close(&case, "normal_diagonal", found, &expected, tolerance);
        }
    }
    assert!(checked > 45, "only {checked} functions are small enough");
}

/// Of every twenty-fourth function: with a loss, of the lower triangle alone.
#[test]
fn lower_triangles_with_a_loss_are_those_with_its_weights() {
    let mut checked = 0;
    for case in corpus::cases().into_iter().step_by(24) {
        let Some(weighted) = small(&case, "weighted_normal") else { continue };
        let Some(stages) = small(&case, "normal, lower, loss = cauchy(0.5)") else { continue };
        checked += 1;
        let x = point(&case, 0);
        let value = (case.value)(&x);
        let weights: Vec<Vec<f64>> = value.iter().map(|y| y.iter().map(|r| 1.0 / (1.0 + r * r / 0.25)).collect()).collect();
        let ours = product(&case, derived(&stages, "normal"), &x, &[]);
        let whole = product(&case, derived(&weighted, "weighted_normal"), &x, &weights);
        let (tolerance, inputs) = (if case.single { 1e-4 } else { 1e-10 }, stages.jacobian.wrt.len());
        for (k, (found, expected)) in ours.iter().zip(&whole).enumerate() {
            let mut expected = expected.clone();
            // behind the values come the blocks of each input with each
            if let Some(block) = k.checked_sub(value.len()).filter(|block| *block < inputs * inputs) {
                let (i, j) = (block / inputs, block % inputs);
                let columns = ours[value.len() + inputs * inputs + j].len().max(1);
                expected.iter_mut().enumerate().filter(|(at, _)| (i, at / columns) < (j, at % columns)).for_each(|(_, e)| *e = 0.0);
            }
            close(&case, "lower", found, &expected, tolerance);
        }
    }
    assert!(checked > 10, "only {checked} functions are small enough");
}

#[test]
fn the_diagonal_of_a_square_jacobian_is_its_diagonal() {
    let mut checked = 0;
    for case in corpus::cases() {
        let read = crate::common::stages(&case).primal;
        let shape = |t: &Tensor| read.info(*t).shape.clone();
        if !matches!((read.outputs.as_slice(), read.wrt.as_slice()), ([y], [x]) if shape(y) == shape(x)) {
            continue;
        }
        let Some(stages) = small(&case, "jacobian_diagonal") else { continue };
        checked += 1;
        let x = point(&case, 0);
        let block = blocks(&case, &stages, &x).swap_remove(0).2;
        let ours = product(&case, derived(&stages, "jacobian_diagonal"), &x, &[]).swap_remove(0);
        let expected: Vec<f64> = block.iter().step_by(ours.len() + 1).copied().collect();
        close(&case, "diagonal", &ours, &expected, if case.single { 1e-4 } else { 1e-11 });
    }
    assert!(checked > 20, "only {checked} functions have a square Jacobian");
}

#[test]
fn a_weighted_hessian_is_the_derivative_of_the_pullback() {
    let mut checked = 0;
    for case in corpus::cases() {
        let x = point(&case, 1);
        if case.single || x.len() > 8 {
            continue;
        }
        let Some(stages) = small(&case, "pullback, weighted_hessian") else { continue };
        checked += 1;
        let mut random = Random(case.name.len() as u64);
        let weights: Vec<Vec<f64>> = (case.value)(&x).iter().map(|y| y.iter().map(|_| 2.0 * random.unit() - 1.0).collect()).collect();
        let pullback = derived(&stages, "pullback");
        let ours = product(&case, derived(&stages, "weighted_hessian"), &x, &weights);
        let base = product(&case, pullback, &x, &weights);
        let starts = starts(&case, &stages);
        for (a, rows) in base.iter().enumerate() {
            for (b, input) in stages.jacobian.wrt.iter().enumerate() {
                let columns = base[b].len();
                let at = |c: usize, step: f64| {
                    let mut x = x.clone();
                    x[starts[input] + c] += step;
                    product(&case, pullback, &x, &weights).swap_remove(a)
                };
                let h = 1e-5;
                let differences: Vec<[Vec<f64>; 2]> = (0..columns).map(|c| [at(c, h), at(c, -h)]).collect();
                let slope = |row: usize| differences.iter().map(move |[up, down]| (up[row] - down[row]) / (2.0 * h));
                let expected: Vec<f64> = (0..rows.len()).flat_map(slope).collect();
                close(&case, "weighted hessian by differences", &ours[a * base.len() + b], &expected, 1e-6);
            }
        }
    }
    assert!(checked > 100, "only {checked} functions are small enough");
}

/// The position of every input's first element in the flat point.
fn starts(case: &Case, stages: &Stages) -> Map<Tensor, usize> {
    let mut first = 0;
    let mut starts: Map<Tensor, usize> = Map::default();
    for (p, t) in case.params.iter().filter(|p| p.integer.is_none()).zip(stages.jacobian.params()) {
        starts.insert(t, first);
        first += p.count();
    }
    starts
}

/// Whether the HVP is the Hessian, given by its blocks, times tangents.
fn times_tangents(case: &Case, stages: &Stages, hessian: &[Vec<f64>], x: &[f64]) {
    let program = &derived(stages, "hessian").program;
    let inputs = inputs(case, program, x);
    let mut random = Random(case.name.len() as u64 + 1);
    let tangents: Vec<Vec<f64>> =
        program.wrt.iter().map(|t| inputs.tensors[t].iter().map(|_| 2.0 * random.unit() - 1.0).collect()).collect();
    let products = product(case, derived(stages, "hvp"), x, &tangents);
    for (rows, found) in hessian.chunks(tangents.len()).zip(products) {
        let mut expected = vec![0.0; found.len()];
        for (block, tangent) in rows.iter().zip(&tangents) {
            for (sum, row) in expected.iter_mut().zip(block.chunks(tangent.len().max(1))) {
                *sum += row.iter().zip(tangent).map(|(h, t)| h * t).sum::<f64>();
            }
        }
        close(case, "HVP", &found, &expected, 1e-10);
    }
}

#[test]
fn a_hessian_is_the_derivative_of_the_gradient() {
    let mut checked = 0;
    for case in corpus::cases() {
        let x = point(&case, 1);
        let value = (case.value)(&x);
        if !matches!(value.as_slice(), [y] if y.len() == 1) || !scalar(&case) || case.single {
            continue;
        }
        checked += 1;
        let stages = stages(&case, "hessian, hvp");
        let wrt = &stages.jacobian.wrt;
        let ours = product(&case, derived(&stages, "hessian"), &x, &[]);
        times_tangents(&case, &stages, &ours, &x);
        let gradient = |x: &[f64]| -> Vec<Vec<f64>> { blocks(&case, &stages, x).into_iter().map(|b| b.2).collect() };
        let base = gradient(&x);
        let starts = starts(&case, &stages);
        for (a, rows) in base.iter().enumerate() {
            for (b, input) in wrt.iter().enumerate() {
                let block = &ours[a * wrt.len() + b];
                let columns = base[b].len();
                assert_eq!(block.len(), rows.len() * columns, "{}", case.name);
                let mut expected = vec![0.0; block.len()];
                for c in 0..columns {
                    let h = 1e-5;
                    let at = |step: f64| {
                        let mut x = x.clone();
                        x[starts[input] + c] += step;
                        gradient(&x).swap_remove(a)
                    };
                    for (r, (up, down)) in at(h).iter().zip(at(-h)).enumerate() {
                        expected[r * columns + c] = (up - down) / (2.0 * h);
                    }
                }
                close(&case, "hessian by differences", block, &expected, 1e-6);
            }
        }
    }
    assert!(checked > 20, "only {checked} functions have a scalar result");
}

/// Whether the only output is a scalar, not an array of one element.
fn scalar(case: &Case) -> bool {
    let stages = crate::common::stages(case);
    stages.primal.outputs.len() == 1 && stages.primal.info(stages.primal.outputs[0]).shape.is_empty()
}

#[test]
fn a_gradient_costs_at_most_three_times_the_function() {
    for case in corpus::cases().iter().filter(|case| scalar(case)) {
        let stages = crate::common::stages(case);
        // loops count once, whatever their length, and both arms of a branch, of which one is taken
        let arena = &stages.jacobian.arena;
        let branches = arena.reachable(stages.jacobian.roots()).iter().any(|e| matches!(arena.as_apply(*e), Some((Op::Select, _))));
        if !stages.derivative.is_known() || branches {
            continue;
        }
        let mut function = stages.derivative.clone();
        function.blocks.clear();
        function.prune();
        let (function, gradient) = (function.cost().work, stages.jacobian.cost().work);
        assert!(gradient <= 3 * function, "{}: {gradient} half cycles, the function {function}", case.name);
    }
}

#[jacobian(jvp, vjp, hessian)]
fn energy(x: [f64; 2], k: f64) -> f64 {
    k * (x[0] * x[1]).sin() + x[0] * x[0]
}

#[jacobian(jvp, vjp)]
fn layer(a: &Array2<f64>, x: ArrayView1<'_, f64>, b: &[f64]) -> (Array1<f64>, f64) {
    let mut y = a.dot(&x);
    for i in 0..b.len() {
        y[i] += b[i];
    }
    let y = y.mapv(f64::tanh);
    let total = y.sum();
    (y, total)
}

#[jacobian(wrt(x), jvp, vjp)]
fn rotate<T: num_traits::Float>(x: &[T; 2], angle: T, out: &mut [T; 2]) {
    out[0] = angle.cos() * x[0] - angle.sin() * x[1];
    out[1] = angle.sin() * x[0] + angle.cos() * x[1];
}

#[jacobian(jvp, vjp, hessian)]
fn guarded(x: f64, x_tangent: f64) -> Result<f64, String> {
    Ok(x.exp() * x_tangent)
}

#[jacobian(wrt(w), vjp, hessian)]
fn least_squares(w: &Array1<f64>, x: &Array2<f64>, y: &Array1<f64>) -> f64 {
    let r = x.dot(w) - y;
    r.dot(&r)
}

#[test]
fn emitted_products() {
    let (x, k) = ([0.3, -1.2], 2.0);
    let (jx, jk) = energy_jacobian(x, k);
    let (y, along) = energy_jvp(x, k, [0.5, 0.25], -1.0);
    assert_eq!(y, energy(x, k));
    assert!((along - (jx[0] * 0.5 + jx[1] * 0.25 - jk)).abs() < 1e-15);
    let (y, (cx, ck)) = energy_vjp(x, k, 3.0);
    assert_eq!(y, energy(x, k));
    assert!((cx[0] - 3.0 * jx[0]).abs() + (cx[1] - 3.0 * jx[1]).abs() + (ck - 3.0 * jk).abs() < 1e-14);
    let ((hxx, hxk), (hkx, hkk)) = energy_hessian(x, k);
    let (s, c) = (x[0] * x[1]).sin_cos();
    let expected = [[2.0 - k * x[1] * x[1] * s, k * c - k * x[0] * x[1] * s], [k * c - k * x[0] * x[1] * s, -k * x[0] * x[0] * s]];
    assert!(hxx.as_flattened().iter().zip(expected.as_flattened()).all(|(a, b)| (a - b).abs() < 1e-14));
    assert!((hxk[0] - x[1] * c).abs() + (hxk[1] - x[0] * c).abs() < 1e-15);
    assert_eq!((hxk, hkk), (hkx, 0.0));
}

#[test]
fn emitted_products_over_arrays() {
    let (a, x, b) = (array![[0.5, -0.25, 1.0], [0.75, 0.5, -1.5]], array![0.2, 0.4, -0.6], [0.1, -0.3]);
    let ((jya, jyx, jyb), (jta, jtx, jtb)) = layer_jacobian(&a, x.view(), &b);
    let (da, dx, db) = (array![[1.0, 2.0, 3.0], [-1.0, 0.5, 0.0]], array![0.3, 0.1, -0.7], [1.5, -2.5]);
    let ((y, total), (dy, dtotal)) = layer_jvp(&a, x.view(), &b, &da, dx.view(), &db);
    assert_eq!((y, total), layer(&a, x.view(), &b));
    for i in 0..2 {
        let by_a: f64 = (0..2).flat_map(|r| (0..3).map(move |c| (r, c))).map(|(r, c)| jya[[i, r, c]] * da[[r, c]]).sum();
        let expected = by_a + jyx.row(i).dot(&dx) + jyb.row(i).dot(&Array1::from(db.to_vec()));
        assert!((dy[i] - expected).abs() < 1e-14);
    }
    let expected = (&jta * &da).sum() + jtx.dot(&dx) + jtb.dot(&Array1::from(db.to_vec()));
    assert!((dtotal - expected).abs() < 1e-14);
    let cy = array![0.7, -0.2];
    let (_, (ca, cx, cb)) = layer_vjp(&a, x.view(), &b, &cy, 2.0);
    let expected = cy.dot(&jyx) + 2.0 * &jtx;
    assert!((&cx - &expected).iter().all(|d| d.abs() < 1e-14));
    assert_eq!(ca.dim(), (2, 3));
    assert_eq!(cb.len(), 2);
    let expected = cy.dot(&jyb) + 2.0 * &jtb;
    assert!(cb.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-14));
}

/// The loss of a recurrent network: states of which a round reads what it has just computed.
#[jacobian(jvp, vjp, hessian)]
fn over_time(w: &Array2<f64>, x: &Array2<f64>, scale: f64) -> f64 {
    let mut h = Array1::zeros(w.nrows());
    let mut loss = scale;
    for row in x.outer_iter() {
        h = (w.dot(&h) + row).mapv(f64::tanh);
        loss += scale * h.dot(&h) * h[0];
    }
    loss * loss
}

/// Rounds that begin behind the first element: none at one element.
#[jacobian(vjp, hessian)]
fn chained(x: &[f64]) -> f64 {
    let mut y = x[0];
    for i in 1..x.len() {
        y = (y * x[i]).sin() + x[i - 1];
    }
    y * y
}

#[test]
fn emitted_products_of_loops() {
    let w = array![[0.5, -0.25], [0.75, 0.4]];
    let rows = array![[0.3, -0.6], [0.2, 0.9], [-0.7, 0.1], [0.4, 0.8]];
    for rounds in 0..=rows.nrows() {
        let x = rows.slice(s![..rounds, ..]).to_owned();
        let (jw, jx, js) = over_time_jacobian(&w, &x, 0.7);
        let (dw, dx) = (array![[1.0, -2.0], [0.5, 0.25]], x.mapv(|v| 1.0 - v));
        let (y, along) = over_time_jvp(&w, &x, 0.7, &dw, &dx, -1.5);
        assert_eq!(y, over_time(&w, &x, 0.7));
        assert!((along - ((&jw * &dw).sum() + (&jx * &dx).sum() - 1.5 * js)).abs() < 1e-13);
        let (y, (cw, cx, cs)) = over_time_vjp(&w, &x, 0.7, 2.0);
        assert_eq!(y, over_time(&w, &x, 0.7));
        assert!((cw - 2.0 * &jw).iter().chain((cx - 2.0 * &jx).iter()).all(|d| d.abs() < 1e-13) && (cs - 2.0 * js).abs() < 1e-13);
        // the Hessian along a direction is the derivative of the gradient along it
        let ((hww, hwx, hws), _, _) = over_time_hessian(&w, &x, 0.7);
        let step = 1e-5;
        let at = |t: f64| over_time_jacobian(&(&w + t * &dw), &(&x + t * &dx), 0.7 - 1.5 * t).0;
        let expected = (at(step) - at(-step)) / (2.0 * step);
        for ((i, j), e) in expected.indexed_iter() {
            let by_w: f64 = dw.indexed_iter().map(|((k, l), d)| hww[[i, j, k, l]] * d).sum();
            let by_x: f64 = dx.indexed_iter().map(|((k, l), d)| hwx[[i, j, k, l]] * d).sum();
            assert!((by_w + by_x - 1.5 * hws[[i, j]] - e).abs() < 1e-7, "{rounds} rounds");
        }
    }
    for x in [&[0.4][..], &[0.4, -0.9], &[0.4, -0.9, 1.3, 0.2]] {
        let (gradient, hessian) = (chained_jacobian(x), chained_hessian(x));
        assert!(chained_vjp(x, 3.0).1.iter().zip(&gradient).all(|(c, g)| (c - 3.0 * g).abs() < 1e-14));
        for k in 0..x.len() {
            let at = |t: f64| {
                let mut x = x.to_vec();
                x[k] += t;
                (chained(&x), chained_jacobian(&x))
            };
            let ((above, up), (below, down)) = (at(1e-5), at(-1e-5));
            assert!(((above - below) / 2e-5 - gradient[k]).abs() < 1e-8);
            assert!((0..x.len()).all(|i| ((up[i] - down[i]) / 2e-5 - hessian[[i, k]]).abs() < 1e-8));
        }
    }
}

#[test]
fn emitted_products_of_other_signatures() {
    let x = [0.3_f64, 0.9];
    let j = rotate_jacobian(&x, 0.4);
    let (_, along) = rotate_jvp(&x, 0.4, &[1.0, 2.0]);
    assert!((along[0] - (j[0][0] + 2.0 * j[0][1])).abs() < 1e-15);
    let (value, back) = rotate_vjp(&x, 0.4, &[1.0, 2.0]);
    let mut out = [0.0; 2];
    rotate(&x, 0.4, &mut out);
    assert_eq!(value, out);
    assert!((back[1] - (j[0][1] + 2.0 * j[1][1])).abs() < 1e-15);
    // a parameter of the user's may have the name of a tangent
    let (y, along) = guarded_jvp(1.0, 2.0, 1.0, 0.0).expect("no error");
    assert_eq!((y, along), (1.0_f64.exp() * 2.0, 1.0_f64.exp() * 2.0));
    assert_eq!(guarded(1.0, 2.0), Ok(y));
    assert_eq!(guarded_hessian(0.0, 2.0).expect("no error"), ((2.0, 1.0), (1.0, 0.0)));
}

#[test]
fn the_hessian_of_least_squares_is_twice_the_gram_matrix() {
    let (w, x, y) = (array![0.5, -1.0], array![[1.0, 2.0], [3.0, -1.0], [0.5, 0.25]], array![1.0, 0.0, -1.0]);
    let h = least_squares_hessian(&w, &x, &y);
    assert_eq!(h, 2.0 * x.t().dot(&x));
    let (value, gradient) = least_squares_vjp(&w, &x, &y, 1.0);
    assert_eq!(value, least_squares(&w, &x, &y));
    assert_eq!(gradient, least_squares_jacobian(&w, &x, &y));
}

#[jacobian(wrt(a, b), into, normal, weighted_normal, weighted_hessian, pushforward, pullback)]
fn residuals(t: &[f64], y: &[f64], a: f64, b: f64) -> Vec<f64> {
    t.iter().zip(y).map(|(t, y)| a * (b * t).exp() - y).collect()
}

#[jacobian(into, strict, normal, weighted_normal, pullback)]
fn pair(x: [f64; 2], m: &Array2<f64>) -> Option<([f64; 2], Array1<f64>)> {
    Some(([x[0] * x[1], x[0].sin()], m.dot(&array![x[0], x[1]])))
}

#[test]
fn the_blocks_of_independent_rows_are_those_of_the_jacobian() {
    let (mut checked, mut coupled) = (0, 0);
    for case in corpus::cases() {
        let read = crate::common::stages(&case).primal;
        let mut lengths = read.outputs.iter().chain(&read.wrt).map(|t| read.info(*t).shape.first());
        let rows = lengths.next().flatten();
        if rows.is_none() || !lengths.all(|n| n == rows) {
            continue;
        }
        let own = Some(case.options).filter(|own| !own.is_empty());
        let options: Vec<&str> = own.into_iter().chain(["block_diagonal"]).collect();
        let compiled = compile(&options.join(", "), &without_attribute(case.item));
        let Some(stages) = compiled.stages else {
            let errors: Vec<String> = compiled.diagnostics.iter().map(jac_core::diag::Diagnostic::text).collect();
            let known =
                |e: &String| e.starts_with("`block_diagonal` of a function whose rows depend on others") || e.starts_with("too large");
            assert!(errors.iter().all(known), "{}: {errors:?}", case.name);
            coupled += 1;
            continue;
        };
        checked += 1;
        let x = point(&case, 0);
        let found = product(&case, derived(&stages, "block_diagonal"), &x, &[]);
        let given = inputs(&case, &stages.jacobian, &x);
        for (found, (_, input, block)) in found.iter().zip(blocks(&case, &stages, &x)) {
            let columns = given.tensors[&input].len();
            let rows = block.len() / found.len().max(1);
            let (height, width) = (block.len() / columns / rows, columns / rows);
            let mut expected = Vec::new();
            for (line, all) in block.chunks(columns).enumerate() {
                let own = line / height * width..(line / height + 1) * width;
                expected.extend(&all[own.clone()]);
                assert!(all.iter().enumerate().all(|(k, e)| own.contains(&k) || *e == 0.0), "{}", case.name);
            }
            close(&case, "blocks", found, &expected, if case.single { 1e-4 } else { 1e-11 });
        }
    }
    assert!(checked > 20 && coupled > 20, "{checked} functions of independent rows, and {coupled} others");
}

/// Rows of a batch, each of which a small function is computed of, with what all of them share.
#[jacobian(wrt(x, s), shape(x = [n, 3], s = [n]), into, block_diagonal)]
fn spread(x: &Array2<f64>, s: &Array1<f64>, w: &[f64; 3]) -> (Array2<f64>, Array1<f64>) {
    let n = x.nrows();
    let norms = Array1::from_shape_fn(n, |i| x[[i, 0]] * w[0] + x[[i, 1]] * x[[i, 2]] * w[1]);
    (Array2::from_shape_fn((n, 2), |(i, k)| (norms[i] * s[i]).sin() + x[[i, k]] * w[2]), norms.mapv(f64::exp))
}

#[jacobian(into, block_diagonal)]
fn pairs(x: &[[f64; 2]; 3]) -> [[f64; 2]; 3] {
    x.map(|[a, b]| [a * b, (a - b).exp()])
}

#[jacobian(block_diagonal)]
fn apart(x: &[f64]) -> Vec<f64> {
    x.iter().map(|x| x.sin() * x).collect()
}

#[test]
fn blocks_of_independent_rows_agree_as_emitted() {
    for n in [0, 1, 4] {
        let x = Array2::from_shape_fn((n, 3), |(i, k)| (0.3 + i as f64 + 0.7 * k as f64).sin());
        let s = Array1::from_shape_fn(n, |i| 0.5 + 0.1 * i as f64);
        let w = [0.4, -1.0, 2.0];
        jac_runtime::check!(spread, &x, &s, &w);
        let ((by_x, by_s), (norm_by_x, norm_by_s)) = spread_jacobian_block_diagonal(&x, &s, &w);
        assert_eq!((by_x.dim(), by_s.dim(), norm_by_x.dim(), norm_by_s.dim()), ((n, 2, 3), (n, 2), (n, 3), n));
        let own: Vec<f64> = x.column(0).to_vec();
        jac_runtime::check!(apart, &own);
        assert_eq!(apart_jacobian_block_diagonal(&own), apart_jacobian(&own).diag());
    }
    let x = [[0.1, 0.2], [-0.4, 1.0], [2.0, 0.7]];
    jac_runtime::check!(pairs, &x);
    let mut blocks = [[[f64::NAN; 2]; 2]; 3];
    pairs_jacobian_block_diagonal_into(&x, &mut blocks);
    assert_eq!(blocks, std::array::from_fn(|i| pairs_jacobian(&x)[i].map(|row| row[i])));
}

#[test]
fn rows_that_depend_on_others_are_an_error() {
    let text = |item: &str| compile("block_diagonal", item).diagnostics.iter().map(jac_core::diag::Diagnostic::text).collect::<String>();
    let says = |item: &str, what: &str| {
        let found = text(item);
        assert!(found.contains(what), "{found}");
    };
    says("fn f(x: f64) -> f64 { x }", "`block_diagonal` of a function without rows in common");
    says("fn f(x: &[f64; 3]) -> [f64; 2] { [x[0], x[1]] }", "`block_diagonal` of a function without rows in common");
    says("fn f(x: &[f64; 2]) -> [f64; 2] { [x[0], x[0] * x[1]] }", "element [1] of the result depends on `x[0]`");
    says(
        "fn f(x: &[f64]) -> Vec<f64> { (0..x.len()).map(|i| if i > 0 { x[i] * x[i - 1] } else { x[i] }).collect() }",
        "depends on row i-1 of `x`",
    );
    says(
        "fn f(x: &[f64]) -> Vec<f64> { let s: f64 = x.iter().map(|x| x.exp()).sum(); x.iter().map(|x| x / s).collect() }",
        "row i of the result depends on all rows of `x`",
    );
}

/// A curve with an outlier among the data, by robust steps.
#[jacobian(wrt(p), into, loss = geman_mcclure(0.1), lower, normal, normal_diagonal)]
fn robust(p: &[f64; 2], t: &[f64], y: &[f64]) -> Vec<f64> {
    t.iter().zip(y).map(|(t, y)| p[0] * (p[1] * t).exp() - y).collect()
}

#[jacobian(wrt(x), update, loss = huber(0.3), normal, jacobian_diagonal, normal_diagonal)]
fn diffusion(x: &Array1<f64>, k: f64) -> Array1<f64> {
    let n = x.len();
    Array1::from_shape_fn(n, |i| {
        let left = if i > 0 { x[i - 1] } else { 0.0 };
        let right = if i + 1 < n { x[i + 1] } else { 0.0 };
        x[i] * x[i] + k * (left - 2.0 * x[i] + right)
    })
}

/// A rotation by `q`, moved by the tangent `xi`: the derivative is by that, at 0.
#[jacobian(value, into, wrt(xi), at(xi = 0), jvp, vjp, normal)]
fn moved(q: &[f64; 4], xi: &[f64; 3], v: &[f64; 3]) -> [f64; 3] {
    let n = (xi[0] * xi[0] + xi[1] * xi[1] + xi[2] * xi[2]).sqrt();
    let s = if n < 1e-8 { 0.5 } else { (0.5 * n).sin() / n };
    let d = [(0.5 * n).cos(), s * xi[0], s * xi[1], s * xi[2]];
    let w = q[0] * d[0] - q[1] * d[1] - q[2] * d[2] - q[3] * d[3];
    let x = q[0] * d[1] + q[1] * d[0] + q[2] * d[3] - q[3] * d[2];
    let y = q[0] * d[2] - q[1] * d[3] + q[2] * d[0] + q[3] * d[1];
    let z = q[0] * d[3] + q[1] * d[2] - q[2] * d[1] + q[3] * d[0];
    let (a, b, c) = (2.0 * (y * v[2] - z * v[1]), 2.0 * (z * v[0] - x * v[2]), 2.0 * (x * v[1] - y * v[0]));
    [v[0] + w * a + y * c - z * b, v[1] + w * b + z * a - x * c, v[2] + w * c + x * b - y * a]
}

#[jacobian(wrt(x, s), at(s = [1.0, -2.0]), hessian)]
fn scaled(x: &Array1<f64>, s: [f64; 2]) -> f64 {
    x.iter().map(|x| (s[0] * x).sin() * s[1] * s[1]).sum::<f64>()
}

#[test]
fn robust_steps_fit_a_curve_in_spite_of_an_outlier() {
    let t: Vec<f64> = (0..20).map(|k| 0.1 * f64::from(k)).collect();
    let mut y: Vec<f64> = t.iter().map(|t| 1.5 * (-0.7 * t).exp()).collect();
    y[7] += 3.0;
    let mut p = [1.45, -0.65];
    for _ in 0..40 {
        let (_, [[aa, upper], [ba, bb]], [ga, gb]) = robust_normal(&p, &t, &y);
        assert_eq!(upper, 0.0);
        let det = aa * bb - ba * ba;
        p = [p[0] - (bb * ga - ba * gb) / det, p[1] - (aa * gb - ba * ga) / det];
    }
    assert!((p[0] - 1.5).abs() < 1e-3 && (p[1] + 0.7).abs() < 1e-3, "{p:?}");
}

#[test]
fn diagonals_losses_and_constants_agree_as_emitted() {
    jac_runtime::check!(robust, &[1.4, -0.6], &[0.1, 0.5, 1.5], &[1.0, 3.0, -0.25]);
    for x in [array![], array![0.4], array![0.4, -1.2, 0.7, 2.0]] {
        jac_runtime::check!(diffusion, &x, 0.3);
        assert_eq!(diffusion_jacobian_diagonal(&x, 0.3), diffusion_jacobian(&x, 0.3).diag());
    }
    let (q, v) = ([0.5, -0.5, 0.5, 0.5], [0.3, -1.0, 2.0]);
    jac_runtime::check!(moved, &q, &[0.0; 3], &v);
    let j = moved_jacobian(&q, &v);
    let step = 1e-6;
    for k in 0..3 {
        let at = |by: f64| moved(&q, &std::array::from_fn(|i| if i == k { by } else { 0.0 }), &v);
        let (up, down) = (at(step), at(-step));
        assert!((0..3).all(|i| ((up[i] - down[i]) / (2.0 * step) - j[i][k]).abs() < 1e-8), "{j:?}");
    }
    jac_runtime::check!(scaled, &array![0.2, -0.7], [1.0, -2.0]);
    let ((hxx, _), (_, hss)) = scaled_hessian(&array![0.5]);
    assert!((hxx[[0, 0]] + 4.0 * 0.5_f64.sin()).abs() < 1e-12);
    assert!((hss[1][1] - 2.0 * 0.5_f64.sin()).abs() < 1e-12);
}

#[test]
fn constants_that_divide_by_zero_are_an_error() {
    let text = |options: &str, body: &str| {
        let item = format!("fn f(xi: &[f64; 2], x: f64) -> f64 {{ {body} }}");
        let found = compile(options, &item).diagnostics;
        found.iter().map(jac_core::diag::Diagnostic::text).collect::<String>()
    };
    let unguarded = text("wrt(xi), at(xi = 0)", "x * xi[0].sin() / xi[0]");
    assert!(unguarded.starts_with("no derivative at these constants: a division by 0\nhelp: where it has a limit"), "{unguarded}");
    assert_eq!(text("wrt(xi), at(xi = [0.5, 0])", "x * xi[0].sin() / xi[0] + xi[1]"), "");
    assert!(text("at(xi = [1, 2, 3])", "x * xi[0]").starts_with("3 numbers for `xi`, which has 2"));
    assert!(text("at(y = 0)", "x * xi[0]").starts_with("no parameter named `y`"));
    assert!(text("strict, at(xi = 0)", "x * xi[0]").starts_with("`at` beside `strict`"));
    assert!(text("normal, loss = tukeys(1.0)", "x * xi[0]").starts_with("no loss named `tukeys`"));
    assert!(text("weighted_normal, loss = tukey(1.0)", "x * xi[0]").starts_with("`weighted_normal` beside `loss`"));
    assert!(text("jacobian_diagonal", "x * xi[0]").starts_with("the diagonal of a Jacobian that is not square"));
}

#[test]
fn gauss_newton_steps_with_normal_equations_fit_a_curve() {
    let t: Vec<f64> = (0..20).map(|k| 0.1 * f64::from(k)).collect();
    let y: Vec<f64> = t.iter().map(|t| 1.5 * (-0.7 * t).exp()).collect();
    let (mut a, mut b) = (1.0, 0.0);
    for _ in 0..12 {
        let (r, ((aa, ab), (ba, bb)), (ga, gb)) = residuals_normal(&t, &y, a, b);
        assert_eq!((r.len(), ab), (20, ba));
        let det = aa * bb - ab * ba;
        (a, b) = (a - (bb * ga - ab * gb) / det, b - (aa * gb - ba * ga) / det);
    }
    assert!((a - 1.5).abs() < 1e-12 && (b + 0.7).abs() < 1e-12, "{a} {b}");
}

#[test]
fn all_forms_agree_with_the_jacobian_as_emitted() {
    let (t, y) = ([0.1, 0.5, 1.5], [1.0, 0.5, -0.25]);
    jac_runtime::check!(residuals, &t, &y, 1.25, -0.5);
    let m = array![[1.0, 2.0], [-0.5, 0.25], [3.0, -1.0]];
    jac_runtime::check!(pair, [0.75, -1.5], &m);
    // without rows there is nothing to add up
    let (r, squares, products) = residuals_normal(&[], &[], 1.0, 2.0);
    assert_eq!((r, squares, products), (Vec::new(), ((0.0, 0.0), (0.0, 0.0)), (0.0, 0.0)));
}
