//! The language traps against reference Jacobians of 50 digits.
//!
//! `data/lang.json` holds the points: inputs, the correctly rounded Jacobian with the remainder,
//! and the error bound of plain forward differentiation in `f64` for each entry. An entry passes
//! within 4 such bounds and 4 ulp.

use crate::corpus;
use serde_json::Value;

fn flat(v: &Value, out: &mut Vec<f64>) {
    match v {
        Value::Array(items) => items.iter().for_each(|i| flat(i, out)),
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

#[test]
fn every_entry_is_within_its_bound() {
    let points: Vec<Value> = serde_json::from_str(include_str!("../data/lang.json")).expect("the data");
    let cases = corpus::cases();
    let mut checked = 0;
    for point in &points {
        let name = point["name"].as_str().expect("a name");
        let case = cases.iter().find(|c| c.name == name).unwrap_or_else(|| panic!("{name} is in the corpus"));
        let jacobian = (case.jacobian)(&numbers(&point["inputs"]));
        // the data has all inputs in one row an output; ours has a block an input
        let counts: Vec<usize> = case.params.iter().map(jac_tests::Param::count).collect();
        let columns: usize = counts.iter().sum();
        let rows = jacobian.len() / columns;
        let (reference, rest, bound) = (numbers(&point["jac"]), numbers(&point["jac_lo"]), numbers(&point["ferr"]));
        let mut block = 0;
        let mut column = 0;
        for count in counts {
            for row in 0..rows {
                for k in 0..count {
                    let ours = jacobian[block + row * count + k];
                    let at = row * columns + column + k;
                    let error = ((ours - reference[at]) - rest[at]).abs();
                    assert!(
                        error <= 4.0 * bound[at] + 4.0 * ulp(reference[at]),
                        "{name}: row {row}, column {}: {ours}, not {}",
                        column + k,
                        reference[at]
                    );
                    checked += 1;
                }
            }
            block += rows * count;
            column += count;
        }
    }
    assert_eq!(points.len(), 22);
    assert!(checked > 100, "{checked} entries");
}
