//! The front: from a function's tokens to a program.
//!
//! The body is read by evaluating it on symbols: a variable holds the expression that its value
//! is, a loop with known bounds is run, an assignment puts another expression in the variable's
//! place. rustc has checked the same function, so the front takes types on trust and asks only
//! what it can express. Whatever it cannot is a diagnostic at the smallest span.

mod arrays;
mod attribute;
mod body;
mod carried;
mod consumers;
mod control;
mod counted;
mod elements;
mod floats;
mod helpers;
mod integers;
mod iterators;
mod language;
mod lengths;
mod limits;
mod linalg;
mod macros;
mod methods;
mod nalgebra;
mod names;
mod ndarray;
mod opaque;
mod operators;
mod options;
mod patterns;
mod places;
mod results;
mod signature;
mod source;
mod streams;
mod structs;
mod types;
mod value;
mod views;

pub use attribute::Options;
pub use helpers::Helpers;
pub use language::language;
pub use source::{Home, Origin};
pub use types::{first_type as first_argument, strip as stripped};

use crate::diag::Diagnostics;
use crate::interface::Interface;
use crate::ir::Program;
use proc_macro2::TokenStream;

/// A function, read.
#[derive(Debug)]
pub struct Function {
    /// Its Rust side.
    pub interface: Interface,
    /// Its meaning, if the body could be read.
    pub program: Option<Program>,
}

/// What becomes of loops of known length.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loops {
    /// They are run, and their rounds written out, unless that is long.
    RunIfShort,
    /// They are run, however long that is.
    Run,
    /// Long ones stay loops.
    Kept,
}

/// Reads an annotated function; `helpers` are the functions and constants beside it.
pub fn read(attribute: TokenStream, item: &syn::ItemFn, helpers: &Helpers, loops: Loops, diagnostics: &mut Diagnostics) -> Function {
    let options = attribute::parse(attribute, diagnostics);
    let mut program = Program { name: item.sig.ident.to_string(), ..Program::default() };
    let mut lengths = lengths::Lengths::default();
    let (mut interface, types) = signature::read(item, &options, helpers, &mut program, &mut lengths, diagnostics);
    interface.associated = helpers.associated;
    program.strict = interface.strict;
    if let Some(span) = options.strict {
        signature::callable(&interface, span, diagnostics);
    }
    let mut read = None;
    if diagnostics.is_empty() {
        read = body::read(&mut interface, program.clone(), lengths, types, (helpers, loops), diagnostics);
    }
    let known = read.as_ref().unwrap_or(&program);
    signature::fix(&options, &mut interface, known, diagnostics);
    if read.is_some() {
        signature::forms(&options, known, diagnostics);
    }
    let program = read.filter(|_| diagnostics.is_empty());
    Function { interface, program }
}
