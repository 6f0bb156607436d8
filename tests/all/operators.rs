//! The operator table, entry by entry.

use crate::common::Random;
use jac_core::ir::{eval, parse, Inputs};
use jac_core::ops::{Op, Operator, Parity, Syntax, SYNONYMS};

const NAMES: [&str; 3] = ["a", "b", "c"];

/// The operator applied to its arguments, in the text form.
fn application(entry: &Operator) -> String {
    let args = &NAMES[..entry.arity];
    match entry.syntax {
        Syntax::Infix(symbol, _) => format!("{} {symbol} {}", args[0], args[1]),
        Syntax::Prefix(symbol) => format!("{symbol}{}", args[0]),
        Syntax::Method | Syntax::Select | Syntax::Keep => format!("{}({})", entry.name, args.join(", ")),
    }
}

fn takes_truth(op: Op, argument: usize) -> bool {
    matches!((op, argument), (Op::And | Op::Or | Op::Not, _) | (Op::Select, 0))
}

fn header(op: Op) -> String {
    let params: Vec<String> =
        (0..op.entry().arity).map(|k| format!("{}: {}", NAMES[k], if takes_truth(op, k) { "bool" } else { "[]" })).collect();
    format!("fn f({})", params.join(", "))
}

/// Evaluates an expression of the text form at scalars.
fn value(op: Op, expression: &str, at: &[f64]) -> f64 {
    evaluated(&format!("{} -> z\nz = {expression}\n", header(op)), at)
}

/// The same where `y` stands for the operator's result.
fn value_with_result(op: Op, expression: &str, at: &[f64]) -> f64 {
    evaluated(&format!("{} -> z\nlet y = {}\nz = {expression}\n", header(op), application(op.entry())), at)
}

fn evaluated(text: &str, at: &[f64]) -> f64 {
    let mut program = parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
    let inputs = Inputs { tensors: program.params().zip(at).map(|(t, x)| (t, vec![*x])).collect(), ..Inputs::default() };
    let z = program.outputs.pop().expect("an output");
    eval(&program, &inputs)[&z][0]
}

fn points(op: Op, count: usize) -> Vec<Vec<f64>> {
    let mut random = Random(op as u64 + 7);
    let inside = |x: &[f64]| op.entry().domain.contains(x);
    let mut out = Vec::new();
    while out.len() < count {
        let x: Vec<f64> = (0..op.entry().arity)
            .map(|k| if takes_truth(op, k) { f64::from(u8::from(random.unit() < 0.5)) } else { 4.0 * random.unit() - 2.0 })
            .collect();
        // a step away from the edge of the domain
        let around = [-1e-4, 0.0, 1e-4].iter().all(|h| inside(&x.iter().map(|v| v + h).collect::<Vec<_>>()));
        let steep = op == Op::Pow && x[0] < 0.1 || op == Op::Rem && x[1].abs() < 0.3;
        if around && !steep {
            out.push(x);
        }
    }
    out
}

#[test]
fn derivatives_are_those_of_the_value() {
    for &op in Op::ALL {
        let entry = op.entry();
        assert_eq!(entry.derivative.len(), entry.arity, "{}", entry.name);
        if entry.truth {
            assert!(entry.derivative.iter().all(|d| *d == "0"), "{}", entry.name);
            continue;
        }
        for x in points(op, 40) {
            for k in 0..entry.arity {
                if takes_truth(op, k) {
                    continue;
                }
                let step = 1e-6;
                let at = |h: f64| {
                    let mut x = x.clone();
                    x[k] += h;
                    (entry.value)(&x)
                };
                let difference = (at(step) - at(-step)) / (2.0 * step);
                let ours = value_with_result(op, entry.derivative[k], &x);
                assert!(
                    (ours - difference).abs() <= 1e-6 * (1.0 + ours.abs()),
                    "{} by argument {k} at {x:?}: {ours}, differences {difference}",
                    entry.name
                );
            }
        }
    }
}

#[test]
fn applications_read_back() {
    for &op in Op::ALL {
        let expression = application(op.entry());
        let text = format!("{} -> z\nz = {expression}\n", header(op));
        assert_eq!(parse(&text).unwrap_or_else(|e| panic!("{expression}: {e}")).to_text(), text);
        for x in points(op, 5) {
            let (ours, theirs) = (value(op, &expression, &x), (op.entry().value)(&x));
            assert_eq!(ours.to_bits(), theirs.to_bits(), "{expression} at {x:?}");
        }
    }
}

#[test]
fn domains_are_where_values_are() {
    let mut random = Random(3);
    for &op in Op::ALL {
        for _ in 0..200 {
            let x: Vec<f64> = (0..op.entry().arity).map(|_| (8.0 * random.unit() - 4.0).round() / 2.0).collect();
            let defined = op.entry().domain.contains(&x);
            let y = (op.entry().value)(&x);
            if defined {
                assert!(!y.is_nan(), "{} at {x:?}", op.name());
            } else if !matches!(op, Op::Atan2) {
                assert!(!y.is_finite(), "{} at {x:?} is {y}", op.name());
            }
        }
    }
}

#[test]
fn parity_is_true() {
    let mut random = Random(5);
    for &op in Op::ALL {
        let f = |x: f64| (op.entry().value)(&[x]);
        for _ in 0..20 {
            let x = 0.9 * random.unit();
            match op.entry().parity {
                // libm's own functions keep it to the last digit or nearly so
                Parity::Odd => assert!((f(-x) + f(x)).abs() <= 1e-15 * f(x).abs(), "{}", op.name()),
                Parity::Even => assert!((f(-x) - f(x)).abs() <= 1e-15 * f(x).abs(), "{}", op.name()),
                Parity::Neither => {}
            }
        }
    }
}

#[test]
fn synonyms_mean_what_the_methods_do() {
    type Method = fn(&[f64]) -> f64;
    let methods: [(&str, Method); 11] = [
        ("recip", |x| x[0].recip()),
        ("powf", |x| x[0].powf(x[1])),
        ("powi", |x| x[0].powf(x[1])),
        ("log", |x| x[0].log(x[1])),
        ("fract", |x| x[0].fract()),
        ("to_degrees", |x| x[0].to_degrees()),
        ("to_radians", |x| x[0].to_radians()),
        ("rem_euclid", |x| x[0].rem_euclid(x[1])),
        ("div_euclid", |x| x[0].div_euclid(x[1])),
        ("midpoint", |x| 0.5 * (x[0] + x[1])),
        ("clamp", |x| x[0].max(x[1]).min(x[2])),
    ];
    assert_eq!(methods.len(), SYNONYMS.len());
    for (synonym, (name, f)) in SYNONYMS.iter().zip(methods) {
        assert_eq!(synonym.name, name);
        let op = [Op::Sin, Op::Add, Op::MulAdd][synonym.arity - 1];
        for x in [[0.7, 1.3, 2.0], [2.4, 0.6, 0.9]] {
            let ours = value(op, synonym.means, &x[..synonym.arity]);
            assert!((ours - f(&x)).abs() <= 1e-14 * ours.abs(), "{name}");
        }
    }
}

// ---- rules ----

/// A pattern of a rule.
#[derive(Debug)]
enum Pattern {
    Variable(char),
    Number(f64),
    Apply(Op, Vec<Pattern>),
}

fn pattern(tokens: &mut std::iter::Peekable<std::vec::IntoIter<String>>) -> Pattern {
    let token = tokens.next().expect("a token");
    if token == "(" {
        let op = tokens.next().and_then(|name| Op::named(&name)).expect("an operator");
        let mut args = Vec::new();
        while tokens.peek().is_some_and(|t| t != ")") {
            args.push(pattern(tokens));
        }
        tokens.next();
        assert_eq!(args.len(), op.entry().arity, "{}", op.name());
        return Pattern::Apply(op, args);
    }
    match token.strip_prefix('?') {
        Some(name) => Pattern::Variable(name.chars().next().expect("a name")),
        None => Pattern::Number(token.parse().expect("a number")),
    }
}

fn read(text: &str) -> Pattern {
    let tokens: Vec<String> = text.replace('(', " ( ").replace(')', " ) ").split_whitespace().map(str::to_owned).collect();
    pattern(&mut tokens.into_iter().peekable())
}

/// The value, if every part of it is defined.
fn evaluate(p: &Pattern, at: &dyn Fn(char) -> f64) -> Option<f64> {
    match p {
        Pattern::Variable(v) => Some(at(*v)),
        Pattern::Number(x) => Some(*x),
        Pattern::Apply(op, args) => {
            let args: Vec<f64> = args.iter().map(|a| evaluate(a, at)).collect::<Option<_>>()?;
            op.entry().domain.contains(&args).then(|| (op.entry().value)(&args)).filter(|y| y.is_finite())
        }
    }
}

#[test]
fn where_the_left_side_of_a_rule_is_defined_the_right_side_is_and_equals_it() {
    let mut names = std::collections::BTreeSet::new();
    for rule in Op::ALL.iter().flat_map(|op| op.entry().rules) {
        let (name, rest) = rule.split_once(": ").expect("a name");
        assert!(names.insert(name), "two rules `{name}`");
        let (left, right) = rest.split_once(" => ").expect("two sides");
        let (right, guard) = right.split_once(" if ").unwrap_or((right, ""));
        let (left, right) = (read(left), read(right));
        let mut random = Random(name.len() as u64);
        let special = [0.0, 1.0, -1.0, 2.0, -0.5, 1e-8, 1e8];
        let mut defined = 0;
        for round in 0..400 {
            let values: Vec<f64> =
                (0..26).map(|_| if round % 2 == 0 { special[random.below(special.len())] } else { 6.0 * random.unit() - 3.0 }).collect();
            let at = |v: char| values[(v as u8 - b'a') as usize];
            if guard.starts_with("nonzero") && at('a') == 0.0 {
                continue;
            }
            let Some(l) = evaluate(&left, &at) else { continue };
            defined += 1;
            let Some(r) = evaluate(&right, &at) else { panic!("{name}: the right side is undefined at {:?}", &values[..3]) };
            let scale = values[..3].iter().fold(l.abs().max(1.0), |m, v| m.max(v.abs().powi(3)));
            assert!((l - r).abs() <= 1e-12 * scale, "{name}: {l} is not {r} at {:?}", &values[..3]);
        }
        assert!(defined > 20, "{name} was checked at {defined} points only");
    }
}
