//! Sums whose indices have no names: whatever is multiplied, collected or put inside another sum means the same.

use crate::common::Random;
use jac_core::ir::{eval, parse, verify, Body, Inputs, Node, Program, Size, Tensor};

/// A random expression in the text form, over the indices in scope; sums use few letters again and again.
fn expression(random: &mut Random, scope: &mut Vec<&'static str>, depth: usize) -> String {
    let part = |random: &mut Random, scope: &mut Vec<&'static str>| expression(random, scope, depth.saturating_sub(1));
    match random.below(if depth == 0 { 2 } else { 8 }) {
        0 if !scope.is_empty() => format!("x[{}]", scope[random.below(scope.len())]),
        0 | 1 => "a".to_owned(),
        2 | 3 => {
            let Some(index) = ["i", "j", "k", "l"].into_iter().find(|i| !scope.contains(i)) else { return "a".to_owned() };
            scope.push(index);
            let body = part(random, scope);
            scope.pop();
            format!("sum[{index}: n]({body})")
        }
        4 => format!("({} + {})", part(random, scope), part(random, scope)),
        5 => format!("({} - {})", part(random, scope), part(random, scope)),
        6 if scope.len() > 1 => {
            let delta = format!("delta({}, {})", scope[0], scope[scope.len() - 1]);
            format!("({delta} * {})", part(random, scope))
        }
        _ => format!("({} * {})", part(random, scope), part(random, scope)),
    }
}

fn value(program: &Program) -> Vec<f64> {
    let params: Vec<Tensor> = program.params().collect();
    let numbers = |t: &Tensor| if program.info(*t).shape.is_empty() { vec![0.7] } else { vec![0.3, -1.1, 0.8] };
    let inputs = Inputs { tensors: params.iter().map(|t| (*t, numbers(t))).collect(), sizes: [(Size(0), 3)].into_iter().collect() };
    eval(program, &inputs)[&program.outputs[0]].clone()
}

#[test]
fn terms_mean_what_they_are_of() {
    let mut random = Random(7);
    let mut several = 0;
    for _ in 0..400 {
        let body = expression(&mut random, &mut vec!["p"], 4);
        let text = format!("fn f(x: [n], a: []) -> y\ny[p: n] = {body} * {}\n", expression(&mut random, &mut vec!["p"], 3));
        let mut program = parse(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
        let before = value(&program);
        let Body::Each(_, e) = program.definitions[0].body else { panic!("one expression") };
        let terms = program.expand(e);
        several += usize::from(terms.iter().any(|t| t.sums.len() > 1));
        for collected in [false, true] {
            let terms = if collected { program.collect(terms.clone()) } else { terms.clone() };
            let sum = program.sum(&terms);
            program.set_roots(&[sum]);
            assert_eq!(verify(&program), Ok(()), "{text}");
            let after = value(&program);
            for (a, b) in before.iter().zip(&after) {
                assert!((a - b).abs() <= 1e-9 * (1.0 + a.abs()), "{before:?} became {after:?}: {text}{}", program.to_text());
            }
        }
        let read = parse(&program.to_text()).unwrap_or_else(|e| panic!("{e}: {}", program.to_text()));
        assert_eq!(read.to_text(), program.to_text());
    }
    assert!(several > 100, "{several} programs with sums within sums");
}

#[test]
fn names_do_not_tell_sums_apart() {
    let program = parse("fn f(x: [n]) -> y\ny = sum[i: n](x[i] * sum[j: n](x[j])) + sum[k: n](x[k] * sum[i: n](x[i]))\n").unwrap();
    let (_, args) = program.arena.as_apply(program.roots()[0]).expect("an addition");
    assert_eq!(args[0], args[1]);
}

#[test]
fn an_index_of_a_sum_that_is_not_there_is_refused() {
    let mut program = parse("fn f(x: [n]) -> y\ny = sum[i: n](x[i])\n").unwrap();
    let Node::Sum(_, body) = program.arena[program.roots()[0]].clone() else { panic!("a sum") };
    program.set_roots(&[body]);
    assert!(verify(&program).expect_err("it is broken").contains("a sum that is not there"));
    let named = {
        let mut program = parse("fn f(x: [n]) -> y\ny = sum[i: n](x[i])\n").unwrap();
        let roots = program.roots();
        let named = program.named_sums(&roots);
        program.set_roots(&named);
        program
    };
    assert!(verify(&named).expect_err("it is broken").contains("named index"));
}
