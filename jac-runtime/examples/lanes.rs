//! The functions of lanes beside those of the standard library, in nanoseconds a number.
//!
//! `cargo run --release -p jac-runtime --features batch --example lanes`, with `RUSTFLAGS="-C target-cpu=x86-64-v3"` for AVX2.

use jac_runtime::lanes::{Functions, Lane, F32, F64};
use std::hint::black_box;
use std::time::Instant;

/// Few enough for the first cache, and not a power of two, at which arrays would lie in the same lines of it.
const NUMBERS: usize = 1000;
const ROUNDS: usize = 100;

/// The best time of many, in nanoseconds a number.
fn time(f: &dyn Fn()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        f();
        f();
        best = best.min(start.elapsed().as_secs_f64());
    }
    best * 1e9 / (2 * NUMBERS) as f64
}

/// Times a function of numbers between two on vectors of a type, and on floats.
macro_rules! times {
    ($vector:ident $float:ident, $low:literal $high:literal, |$x:ident| $lanes:expr, $std:expr) => {{
        let numbers: Vec<$float> =
            (0..NUMBERS).map(|k| ($low + ($high - $low) * ((k * 7919) % NUMBERS) as f64 / NUMBERS as f64) as $float).collect();
        let results = std::cell::RefCell::new(vec![0.0; NUMBERS]);
        let of_lanes = time(&|| {
            let (numbers, mut results) = (black_box(&numbers), results.borrow_mut());
            for k in (0..NUMBERS).step_by($vector::WIDTH) {
                let $x = <$vector as Lane>::load(numbers, k);
                Lane::store($lanes, &mut results, k);
            }
            black_box(&mut *results);
        });
        let of_floats = time(&|| {
            let (numbers, mut results) = (black_box(&numbers), results.borrow_mut());
            for ($x, y) in numbers.iter().zip(results.iter_mut()) {
                let $x = *$x;
                *y = $std;
            }
            black_box(&mut *results);
        });
        [of_lanes, of_floats]
    }};
}

fn report(name: &str, doubles: [f64; 2], singles: [f64; 2]) {
    let columns = [doubles, singles].map(|[lanes, std]| format!("{lanes:6.2} {std:6.2} {:5.2}x", std / lanes));
    println!("{name:8} f64 {}   f32 {}", columns[0], columns[1]);
}

macro_rules! unary {
    ($($name:ident $low:literal $high:literal)*) => {
        $(report(
            stringify!($name),
            times!(F64 f64, $low $high, |x| Functions::$name(x), x.$name()),
            times!(F32 f32, $low $high, |x| Functions::$name(x), x.$name()),
        );)*
    };
}

/// With another argument, that the standard library's is not compiled for.
macro_rules! binary {
    ($($name:ident $low:literal $high:literal $other:literal)*) => {
        $(report(
            stringify!($name),
            times!(F64 f64, $low $high, |x| Functions::$name(x, F64::splat($other)), x.$name(black_box($other))),
            times!(F32 f32, $low $high, |x| Functions::$name(x, F32::splat($other)), x.$name(black_box($other))),
        );)*
    };
}

fn main() {
    println!("            lanes    std");
    unary! {
        exp -20.0 20.0  exp2 -20.0 20.0  exp_m1 -5.0 5.0  ln 0.01 100.0  ln_1p -0.9 10.0  log2 0.01 100.0  log10 0.01 100.0
        sin -10.0 10.0  cos -10.0 10.0  tan -10.0 10.0  asin -1.0 1.0  acos -1.0 1.0  atan -4.0 4.0
        sinh -5.0 5.0  cosh -5.0 5.0  tanh -5.0 5.0  asinh -10.0 10.0  acosh 1.0 20.0  atanh -0.99 0.99
        cbrt 0.1 100.0  sqrt 0.1 100.0  round -10.0 10.0  signum -4.0 4.0
    }
    binary! { powf 0.1 10.0 1.7  atan2 -3.0 3.0 -0.9  hypot -3.0 3.0 -0.9 }
}
