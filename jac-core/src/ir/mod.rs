//! The intermediate representation: index notation.
//!
//! A [`Program`] is a list of definitions `t[i, j] := body`. A body is a *scalar* expression over
//! the indices: exact [`Constant`]s, accesses `t[e, …]` with [`Affine`] positions, Kronecker
//! deltas, sums over an index, and operators of the table. A scalar is a tensor of rank 0. So a
//! matrix product, a transpose, a slice or a broadcast is an index pattern and no operator, and
//! one rule differentiates them all: `∂t[e]/∂t[k] = δ(e, k)`.
//!
//! *What a value is.* A number of the program's float type, or a truth value (the result of a
//! comparison). *When it is evaluated.* Definitions in their order; a branch (`select`) evaluates
//! only the arm it takes. *What may refer to what.* An expression refers to parameters, to earlier
//! definitions, to the indices of its definition, and to those of the sums around it, which have no names:
//! [`Symbol::Bound`] counts the sums in between. *Zeros.* A delta
//! or bracket that does not hold is a structural zero: it annihilates whatever it multiplies.
//!
//! The same program exists in three forms: in memory, as text ([`parse`], [`Program::to_text`]) and as
//! numbers ([`eval`]). `ir` knows nothing of Rust's syntax.

mod affine;
mod constant;
mod cost;
mod eval;
mod expr;
mod instance;
mod program;
mod range;
mod reach;
mod term;
mod text;
mod verify;

pub use affine::{affines, is_affine, placed, Affine, Index, Size, Symbol};
pub use constant::Constant;
pub use cost::Cost;
pub use eval::{eval, Inputs};
pub use expr::{Arena, Expr, Map, Node, Set, Tensor};
pub use program::{
    is_natural, lengths, positions, units, At, Block, Body, Dear, Definition, Float, Program, Role, SizeKind, SizeVar, TensorInfo,
};
pub use range::{in_order, may_stand, runs, Facts, Needs};
pub use reach::{reached, Reach};
pub use term::Term;
pub use text::{parse, rule, template, Notation};
pub use verify::verify;
