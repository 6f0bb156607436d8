//! Lengths 0, 1 and 2: what only a condition, or a loop that runs, makes valid is read only there.

use crate::common::{close, differences};
use crate::corpus::corpus_sums::*;
use ndarray::Array1;

const POINT: [f64; 4] = [0.7, -0.4, 1.3, 0.2];

macro_rules! slices {
    ($($f:ident($($rest:expr),*), $jacobian:ident, $both:ident;)*) => {
        $(for n in 0..=POINT.len() {
            let what = format!("{} of {n}", stringify!($f));
            let x = &POINT[..n];
            let (value, by_both) = $both(x $(, $rest)*);
            close(&what, &[value], &[$f(x $(, $rest)*)]);
            let expected = differences(|x| vec![$f(x $(, $rest)*)], x);
            close(&what, by_both.0.as_slice().unwrap(), &expected);
            close(&what, $jacobian(x $(, $rest)*).0.as_slice().unwrap(), &expected);
        })*
    };
}

macro_rules! arrays {
    ($($f:ident, $jacobian:ident, $both:ident;)*) => {
        $(for n in 0..=POINT.len() {
            let what = format!("{} of {n}", stringify!($f));
            let array = |x: &[f64]| Array1::from(x.to_vec());
            let (value, by_both) = $both(&array(&POINT[..n]));
            close(&what, &value.to_vec(), &$f(&array(&POINT[..n])).to_vec());
            let expected = differences(|x| $f(&array(x)).to_vec(), &POINT[..n]);
            close(&what, by_both.as_slice().unwrap(), &expected);
            close(&what, $jacobian(&array(&POINT[..n])).as_slice().unwrap(), &expected);
        })*
    };
}

#[test]
fn short_slices() {
    slices! {
        saturated(0.3), saturated_jacobian, saturated_value_and_jacobian;
        last_of_a_loop(0.9), last_of_a_loop_jacobian, last_of_a_loop_value_and_jacobian;
        relative(0.6), relative_jacobian, relative_value_and_jacobian;
    }
}

#[test]
fn short_arrays() {
    arrays! {
        growth_factors, growth_factors_jacobian, growth_factors_value_and_jacobian;
        weighted_products, weighted_products_jacobian, weighted_products_value_and_jacobian;
    }
}

#[test]
fn a_loop_that_does_not_run_reads_nothing() {
    let (by_x, by_scale) = relative_jacobian(&[], 2.0);
    assert_eq!((by_x.len(), by_scale), (0, 1.0));
}
