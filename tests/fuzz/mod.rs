//! A fuzzer of source as users write it.
//!
//! [`write`] makes a program from a list of [`choices`]: a function under `#[jacobian]` in the language of
//! docs/language.md, valid Rust and defined everywhere. It is compiled by jac, and a second time over hyper-dual
//! numbers (`numbers`, the crate that the programs are linked with), and [`run`] builds hundreds of such pairs as one
//! crate and compares them at many points. [`shrink`] makes what fails smaller. [`mutate`] breaks sources: whatever
//! they mean, the compiler must answer.

#![allow(dead_code)] // the example and the tests use different parts

pub mod choices;
pub mod mutate;
pub mod run;
pub mod shrink;
pub mod write;
