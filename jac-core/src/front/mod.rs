//! The front: from a function's tokens to a program.
//!
//! The body is read by evaluating it on symbols: a variable holds the expression that its value
//! is, a loop with known bounds is run, an assignment puts another expression in the variable's
//! place. rustc has checked the same function, so the front takes types on trust and asks only
//! what it can express. Whatever it cannot is a diagnostic at the smallest span.

mod arrays;
mod attribute;
mod body;
mod lengths;
mod methods;
mod signature;
mod value;

pub use attribute::Options;

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

/// Reads an annotated function.
pub fn read(attribute: TokenStream, item: &syn::ItemFn, diagnostics: &mut Diagnostics) -> Function {
    let options = attribute::parse(attribute, diagnostics);
    let mut program = Program::default();
    program.name = item.sig.ident.to_string();
    let mut lengths = lengths::Lengths::default();
    let interface = signature::read(item, &options, &mut program, &mut lengths, diagnostics);
    if !diagnostics.is_empty() {
        return Function { interface, program: None };
    }
    let program = body::read(&interface, program, lengths, diagnostics);
    Function { interface, program }
}
