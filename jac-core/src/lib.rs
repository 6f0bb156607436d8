//! The compiler behind jac: from a function over scalars and matrices to its Jacobian.
//!
//! Users depend on `jac-runtime`, whose attribute calls [`compile`]. The modules in the order of
//! the pipe: [`front`] reads the function's tokens into a [`Program`](ir::Program) of the
//! intermediate representation [`ir`]; [`rounds`] shares what loops that carry state compute;
//! [`unroll`] writes programs of known lengths as scalars;
//! [`diff`] differentiates; [`simplify`] makes the result cheaper; [`sparse`] keeps the entries that are not zero, where that is
//! asked for; [`lower`] arranges it in loops and statements; [`kernel`] decides where all of it lies in memory; [`selfcheck`] runs
//! these kernels and compares them with the function; [`emit`] prints Rust. [`pipeline`] alone sees them all; [`ops`] is the table
//! of operators that they share, [`interface`] the Rust side of a program, [`effort`] how hard to try,
//! [`diag`] what is said to the user.
//!
//! ```
//! let compiled = jac_core::compile(
//!     "".parse()?,
//!     "fn area(r: f64) -> f64 { 3.14 * r * r }".parse()?,
//! );
//! let stages = compiled.stages.expect("no mistake");
//! assert_eq!(stages.jacobian.to_formulas().last().unwrap(), "J = 6.28·r");
//! # Ok::<(), proc_macro2::LexError>(())
//! ```

pub mod pipeline;

pub mod diag;
pub mod effort;
pub mod interface;
pub mod ir;
pub mod ops;

pub mod diff;
pub mod emit;
pub mod front;
pub mod kernel;
pub mod lower;
pub mod rounds;
pub mod selfcheck;
pub mod simplify;
pub mod sparse;
pub mod unroll;
pub mod windows;

pub use front::Origin;
pub use pipeline::{check, compile, compile_from, to_c, Compiled, Stages};
