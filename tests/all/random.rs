//! Random programs: simplified is as good as unsimplified, the cost never rises, and both ways of
//! differentiating agree.

use crate::common::{compile, Random};
use jac_core::ir::{eval, Inputs, Program, Size, Symbol, Tensor};
use std::fmt::Write;

/// A random function of three scalars, `lines` statements long.
fn scalar_function(random: &mut Random, lines: usize) -> String {
    let mut text = "fn f(x: f64, y: f64, z: f64) -> [f64; 2] { let v0 = x; let v1 = y; let v2 = z;".to_owned();
    for k in 3..lines + 3 {
        // what was computed lately is used more often
        let mut pick = || k - 1 - random.below(k.min(5));
        let (a, b, c) = (pick(), pick(), pick());
        let _ = match random.below(14) {
            0 | 1 => write!(text, "let v{k} = v{a} + v{b};"),
            2 => write!(text, "let v{k} = v{a} - v{b};"),
            3..=5 => write!(text, "let v{k} = v{a} * v{b};"),
            6 => write!(text, "let v{k} = v{a} / (v{b} * v{b} + 1.5);"),
            7 => write!(text, "let v{k} = v{a}.sin() * v{b};"),
            8 => write!(text, "let v{k} = (v{a} * 0.5).cos();"),
            9 => write!(text, "let v{k} = (v{a} * v{a} + 0.25).sqrt();"),
            10 => write!(text, "let v{k} = if v{a} > v{b} {{ v{c} * v{a} }} else {{ v{b} - v{c} }};"),
            11 => write!(text, "let v{k} = -v{a} * 3.0 + v{b} * 2.0;"),
            12 => write!(text, "let v{k} = (v{a}.tanh() - v{b}).abs();"),
            _ => write!(text, "let v{k} = v{a}.powi(2) + (v{b} * 0.25).exp().ln_1p();"),
        };
    }
    let last = lines + 2;
    let _ = write!(text, "[v{last} * v{}, v{} + v{last}] }}", last - 1, last - 2);
    text
}

/// A random function of a square matrix and a vector.
fn array_function(random: &mut Random, lines: usize) -> String {
    let mut text =
        "fn f(m: &Array2<f64>, x: &Array1<f64>) -> Array1<f64> { let v0 = x.to_owned(); let v1 = m.dot(x); let s0 = x.sum();".to_owned();
    let (mut vectors, mut scalars) = (2, 1);
    for _ in 0..lines {
        let (a, b, s) = (vectors - 1 - random.below(2), random.below(vectors), random.below(scalars));
        let _ = match random.below(12) {
            0 => write!(text, "let v{vectors} = &v{a} + &v{b};"),
            1 => write!(text, "let v{vectors} = &v{a} * &v{b};"),
            2 => write!(text, "let v{vectors} = &v{a} - s{s};"),
            3 => write!(text, "let v{vectors} = m.dot(&v{a});"),
            4 => write!(text, "let v{vectors} = v{a}.dot(m) * 0.5;"),
            5 => write!(text, "let v{vectors} = v{a}.mapv(|e| e.tanh() + s{s});"),
            6 => write!(text, "let v{vectors} = v{a}.slice(s![..;-1]).to_owned();"),
            7 => write!(text, "let v{vectors} = m.diag().to_owned() * &v{a};"),
            8 => write!(text, "let v{vectors} = v{a}.mapv(|e| if e > 0.0 {{ e }} else {{ 0.1 * e }});"),
            9 => write!(text, "let v{vectors} = m.row(0).to_owned() - &v{a};"),
            10 => write!(text, "let v{vectors} = m.sum_axis(Axis(0)) * s{s} + &v{a};"),
            _ => {
                scalars += 1;
                write!(text, "let s{} = v{a}.dot(&v{b}) / (1.0 + s{s} * s{s}); let v{vectors} = &v{a} / 2.0;", scalars - 1)
            }
        };
        vectors += 1;
    }
    let _ = write!(text, "let last = &v{} + s{}; last }}", vectors - 1, scalars - 1);
    text
}

fn values(program: &Program, x: &[Vec<f64>], length: i64) -> Vec<f64> {
    let params: Vec<Tensor> = program.params().collect();
    let inputs = Inputs {
        tensors: params.into_iter().zip(x.iter().cloned()).collect(),
        sizes: (0..program.sizes.len() as u32).map(|k| (Size(k), length)).collect(),
    };
    let values = eval(program, &inputs);
    program.results().flat_map(|t| values[&t].clone()).collect()
}

/// Asserts that two evaluations agree, relative to the size of what they compute.
fn agree(source: &str, what: &str, a: &[f64], b: &[f64]) {
    assert_eq!(a.len(), b.len(), "{what}: {source}");
    let scale = a.iter().chain(b).filter(|v| v.is_finite()).fold(1.0_f64, |m, v| m.max(v.abs()));
    for (a, b) in a.iter().zip(b) {
        // large values are arguments of sines, where nothing is left to compare
        if a.is_finite() && b.is_finite() && scale < 1e6 {
            assert!((a - b).abs() <= 1e-8 * scale, "{what}: {a} and {b} in {source}");
        }
    }
}

#[test]
fn scalar_programs() {
    let mut random = Random(1);
    for round in 0..150 {
        let source = scalar_function(&mut random, 3 + round % 30);
        let compiled = compile("value", &source);
        let again = compile("value", &source);
        assert_eq!(compiled.tokens.to_string(), again.tokens.to_string(), "{source}");
        let stages = compiled.stages.unwrap_or_else(|| panic!("{source}"));
        let (both, _) = stages.value_and_jacobian();
        assert!(both.cost().time() <= stages.derivative.cost().time(), "dearer than before: {source}");
        for _ in 0..4 {
            let x: Vec<Vec<f64>> = (0..3).map(|_| vec![3.0 * random.unit() - 1.5]).collect();
            agree(&source, "simplified", &values(&stages.derivative, &x, 0), &values(&both, &x, 0));
        }
    }
}

#[test]
fn array_programs_by_definitions_and_by_elimination() {
    let mut random = Random(2);
    for round in 0..120 {
        let source = array_function(&mut random, 1 + round % 8);
        println!("{source}");
        let open = compile("value", &source).stages.unwrap_or_else(|| panic!("{source}"));
        let fixed = compile("value, shape(m = [3, 3], x = [3])", &source).stages.unwrap_or_else(|| panic!("{source}"));
        assert!(!open.primal.is_known() && fixed.primal.is_known());
        let (open_both, fixed_both) = (open.value_and_jacobian().0, fixed.value_and_jacobian().0);
        for _ in 0..2 {
            let mut draw = |n: usize| (0..n).map(|_| 2.0 * random.unit() - 1.0).collect::<Vec<f64>>();
            let x = [draw(9), draw(3)];
            let reference = values(&fixed.derivative, &x, 3);
            agree(&source, "by definitions", &reference, &values(&open.derivative, &x, 3));
            agree(&source, "by definitions, simplified", &reference, &values(&open_both, &x, 3));
            agree(&source, "by elimination, simplified", &reference, &values(&fixed_both, &x, 3));
        }
    }
}

#[test]
fn lengths_of_an_open_program_are_those_of_its_parameters() {
    let source = "fn f(a: &Array2<f64>, x: &Array1<f64>) -> Array1<f64> { a.dot(x) }";
    let program = compile("", source).stages.expect("no mistake").primal;
    let lengths: Vec<_> = program.params().flat_map(|t| program.info(t).shape.clone()).collect();
    assert_eq!(lengths[1], lengths[2]);
    assert!(matches!(lengths[0].terms(), [(Symbol::Size(_), 1)]) && lengths[0] != lengths[1]);
}

#[test]
fn derivatives_grow_with_the_function_and_not_faster() {
    let functions: [fn(usize) -> String; 4] = [
        |n| format!("fn f(x: f64) -> f64 {{ let mut y = x; for _ in 0..{n} {{ y = y * y - 0.1; }} y }}"),
        |n| {
            let body = "if y > 1.0 { y = y * 0.5; } else if y < -1.0 { y = 0.0; } else { y = y.max(0.0) + z; } y = y * x + (x * y).abs();";
            format!("fn f(x: f64, z: f64) -> f64 {{ let mut y = z; for _ in 0..{n} {{ {body} }} y }}")
        },
        |n| format!("fn f(x: &Array1<f64>) -> Array1<f64> {{ x.mapv(|v| {{ let mut a = v; for _ in 0..{n} {{ a = a * a - 0.1; }} a }}) }}"),
        |n| {
            let body = "for _ in 0..N { a = if a > 0.5 { a * s } else { a + v }; }".replace('N', &n.to_string());
            format!("fn f(x: &Array1<f64>, s: f64) -> Array1<f64> {{ x.mapv(|v| {{ let mut a = v; {body} a }}) }}")
        },
    ];
    for function in functions {
        let operations = |n: usize| compile("", &function(n)).stages.expect("no mistake").derivative.operations();
        let (short, long) = (operations(10), operations(40));
        assert!(long < 6 * short, "{short} operations for 10 rounds, {long} for 40: {}", function(10));
    }
}
