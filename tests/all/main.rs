//! The tests of jac, one binary.

mod corpus {
    //! The corpus, compiled: see `build.rs`.
    use jac_tests::{blocks, linalg as dual_linalg, outputs, Case, Flat, Param, D};
    use ndarray::{Array1, Array2, Array3};
    include!(concat!(env!("OUT_DIR"), "/corpus.rs"));
}

mod batch;
mod c;
mod check;
mod common;
mod determinism;
mod elsewhere;
mod errors;
mod found;
#[path = "../fuzz/mod.rs"]
mod fuzz;
mod fuzzed;
mod gates;
mod hygiene;
mod identities;
mod into;
mod linalg;
mod matrices;

mod mutated;
mod numeric;
mod operators;
mod outside;
mod products;
mod random;
mod ranges;
mod reading;
mod readme;
mod reference;

mod runtime;
mod selfcheck;
mod snapshots;
mod sparse;
mod stack;
mod strict;
mod sums;
mod text;
mod update;
mod values;
