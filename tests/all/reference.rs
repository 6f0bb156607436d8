//! Functions with reference Jacobians of 50 digits, exactly as people wrote them.
//!
//! `data/reference.json` holds the points: inputs, the correctly rounded values and Jacobian with
//! the remainders, and the error bounds of plain forward differentiation in `f64`, entry by entry.
//! An entry passes within 4 such bounds and 4 ulp. `data/edge.json` holds kinks, poles and one-sided
//! points: `policy` is the value that most would wish for, `ours` what we give instead by the
//! `convention` of that name in `docs/language.md`.

use crate::corpus;
use serde_json::Value;

fn flat(v: &Value, out: &mut Vec<f64>) {
    match v {
        Value::Array(items) => items.iter().for_each(|i| flat(i, out)),
        // no bound is known
        Value::Null => out.push(f64::INFINITY),
        Value::String(text) => out.push(text.parse().expect("a number in words")),
        v => out.push(v.as_f64().expect("a number")),
    }
}

fn numbers(v: &Value) -> Vec<f64> {
    let mut out = Vec::new();
    flat(v, &mut out);
    out
}

fn ulp(x: f64) -> f64 {
    let x = x.abs().max(f64::MIN_POSITIVE);
    f64::from_bits(x.to_bits() + 1) - x
}

/// Entries with their references, remainders and bounds.
struct Reference {
    high: Vec<f64>,
    low: Vec<f64>,
    bound: Vec<f64>,
}

impl Reference {
    fn of(point: &Value, key: &str) -> Option<Reference> {
        let part = |suffix: &str| point.get(format!("{key}{suffix}")).map(numbers);
        Some(Reference { high: part("")?, low: part("_lo")?, bound: part("_ferr")? })
    }

    fn check(&self, at: usize, ours: f64, name: &str, inputs: &Value, failures: &mut Vec<String>) {
        let (high, low) = (self.high[at], self.low[at]);
        let error = if ours == high { low.abs() } else { ((ours - high) - low).abs() };
        let error = if error.is_nan() { f64::INFINITY } else { error };
        if error > 4.0 * self.bound[at] + 4.0 * ulp(high) {
            failures.push(format!("{name} at {inputs}, entry {at}: {ours:e}, not {high:e}"));
        }
    }
}

#[test]
fn every_entry_is_within_its_bound() {
    let points: Vec<Value> = serde_json::from_str(include_str!("../data/reference.json")).expect("the data");
    let cases = corpus::references();
    let mut failures = Vec::new();
    let mut checked = 0;
    for point in &points {
        let name = point["name"].as_str().expect("a name");
        let case = cases.iter().find(|c| c.name == name).unwrap_or_else(|| panic!("{name} is in the corpus"));
        let inputs = numbers(&point["inputs"]);
        let both = case.both.as_ref().expect("asked for")(&inputs);
        let jacobian = (case.jacobian)(&inputs);
        // the data has all inputs in one row an output; ours has a block an input
        let counts: Vec<usize> = case.params.iter().map(jac_tests::Param::count).collect();
        let columns: usize = counts.iter().sum();
        let rows = jacobian.len() / columns;
        if let Some(values) = Reference::of(point, "f") {
            for (at, y) in both[..rows].iter().enumerate() {
                values.check(at, *y, &format!("value of {name}"), &point["inputs"], &mut failures);
                checked += 1;
            }
        }
        let reference = Reference::of(point, "jac").expect("a Jacobian");
        for (what, entries) in [("f_jacobian", &jacobian[..]), ("f_value_and_jacobian", &both[rows..])] {
            let mut entries = entries.iter();
            let mut first = 0;
            for count in &counts {
                for row in 0..rows {
                    for k in 0..*count {
                        let ours = *entries.next().expect("an entry for each reference");
                        reference.check(row * columns + first + k, ours, &format!("{what} of {name}"), &point["inputs"], &mut failures);
                        checked += 1;
                    }
                }
                first += count;
            }
        }
    }
    assert!(failures.is_empty(), "{} of {checked} entries:\n{}", failures.len(), failures.join("\n"));
    assert!(checked > 15_000, "{checked} entries");
}

#[test]
fn special_points_follow_the_conventions() {
    let points: Vec<Value> = serde_json::from_str(include_str!("../data/edge.json")).expect("the data");
    let cases = corpus::references();
    let mut failures = Vec::new();
    for point in &points {
        let name = point["name"].as_str().expect("a name");
        let case = cases.iter().find(|c| c.name == name).unwrap_or_else(|| panic!("{name} is in the corpus"));
        let ours = (case.jacobian)(&numbers(&point["x"]));
        let promised = point.get("ours").unwrap_or(&point["policy"]);
        for (k, (ours, promised)) in ours.iter().zip(numbers(promised)).enumerate() {
            let near = *ours == promised || ours.is_nan() && promised.is_nan() || (ours - promised).abs() <= 1e-14 * promised.abs();
            if !near {
                failures.push(format!("{name} at {}, column {k}: {ours}, not {promised}", point["x"]));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(points.len(), 83);
}
