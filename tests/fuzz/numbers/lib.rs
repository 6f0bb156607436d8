//! What the programs of the fuzzer are linked with: hyper-dual numbers that look like floats, the flat form of
//! arguments and results, and the comparison of what jac generated with what the numbers say.

#![allow(missing_docs)] // read by the programs alone

mod check;
mod flat;
mod hyper;
mod linalg_of_hypers;

pub use check::{check, Asked, Input, Program};
pub use flat::{flat, In, Out};
pub use hyper::{c, H};

/// `jac_runtime::linalg` over hyper-dual numbers.
pub mod hl {
    pub use crate::linalg_of_hypers::*;
}
