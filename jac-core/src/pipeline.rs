//! The pipe: the one place that sees all passes.

use crate::diag::{Diagnostic, Diagnostics};
use crate::emit::{self, Kind};
use crate::interface::Interface;
use crate::ir::{self, Program};
use crate::lower::{self, Plan};
use crate::simplify::{self, Report};
use crate::{diff, front, unroll};
use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;

/// Functions that unroll to more expressions are refused.
const LARGEST: usize = 200_000;

/// What became of a function.
#[derive(Debug)]
pub struct Compiled {
    /// The function with what was generated beside it, or with its errors.
    pub tokens: TokenStream,
    /// The mistakes that were found.
    pub diagnostics: Vec<Diagnostic>,
    /// What the passes made of it, if there was no mistake.
    pub stages: Option<Stages>,
}

/// A function on its way through the pipe.
#[derive(Debug)]
pub struct Stages {
    /// The function, as read.
    pub primal: Program,
    /// The function and its derivative, before simplification.
    pub derivative: Program,
    /// The function and its derivative, simplified.
    pub simplified: Program,
    /// What simplification did.
    pub report: Report,
}

/// Compiles a function with the attribute `#[jacobian(attribute)]`.
///
/// The result holds the original tokens untouched, whatever happens.
pub fn compile(attribute: TokenStream, item: TokenStream) -> Compiled {
    let mut diagnostics = Diagnostics::default();
    let function = match syn::parse2::<syn::ItemFn>(item.clone()) {
        Ok(function) => function,
        Err(_) => {
            // what does not parse at all is for rustc to say
            if let Ok(other) = syn::parse2::<syn::Item>(item.clone()) {
                let error = diagnostics.error(other.span(), "`#[jacobian]` on an item that is not a function");
                error.help("put it on a free function");
            }
            return failed(item, None, diagnostics);
        }
    };
    let read = front::read(attribute, &function, &mut diagnostics);
    let Some(primal) = read.program else { return failed(item, Some(&read.interface), diagnostics) };
    check(&primal);
    let Some(derivative) = differentiate(primal.clone(), &function, &mut diagnostics) else {
        return failed(item, Some(&read.interface), diagnostics);
    };
    let mut simplified = derivative.clone();
    let report = simplify::simplify(&mut simplified);
    check(&simplified);
    let mut tokens = item;
    for kind in emit::kinds(&read.interface) {
        let plan = plan(&simplified, kind);
        tokens.extend(emit::function(&read.interface, kind, &plan, operations(&derivative, &plan.program, kind)));
    }
    tokens.extend(emit::ir_function(&read.interface, &for_kind(&simplified, Kind::Jacobian)));
    Compiled { tokens, diagnostics: Vec::new(), stages: Some(Stages { primal, derivative, simplified, report }) }
}

/// Unrolls where all lengths are known, and differentiates.
fn differentiate(primal: Program, function: &syn::ItemFn, diagnostics: &mut Diagnostics) -> Option<Program> {
    let derivative = if primal.is_known() {
        match unroll::unroll(primal, LARGEST) {
            Ok(unrolled) => {
                check(&unrolled);
                diff::elimination::differentiate(unrolled)
            }
            Err(count) => {
                let error = diagnostics
                    .error(function.sig.ident.span(), format!("too large: the function unrolls to more than {count} expressions"));
                error.help("leave the lengths open (ndarray without `shape`), so that the generated code has loops");
                return None;
            }
        }
    } else {
        diff::definitions::differentiate(primal)
    };
    check(&derivative);
    Some(derivative)
}

fn for_kind(program: &Program, kind: Kind) -> Program {
    let mut program = program.clone();
    if kind == Kind::Jacobian {
        program.outputs.clear();
    }
    program.prune();
    program
}

fn plan(program: &Program, kind: Kind) -> Plan {
    lower::lower(for_kind(program, kind))
}

fn operations(before: &Program, after: &Program, kind: Kind) -> Report {
    Report { before: for_kind(before, kind).operations(), after: after.operations() }
}

/// The original with the errors, and stubs of what would have been generated.
fn failed(item: TokenStream, interface: Option<&Interface>, diagnostics: Diagnostics) -> Compiled {
    let diagnostics = diagnostics.into_vec();
    let (deferred, ours): (Vec<_>, Vec<_>) = diagnostics.iter().partition(|d| d.deferred);
    let errors: TokenStream = ours.iter().map(|d| d.to_tokens()).collect();
    let body = match (ours.is_empty(), deferred.first()) {
        (true, Some(first)) => first.to_deferred_tokens(),
        _ => quote!(::core::unimplemented!()),
    };
    let readable = interface.filter(|i| !i.outputs.is_empty() && !i.wrt.is_empty());
    let stubs = readable.map(|i| emit::stubs(i, &body)).unwrap_or_default();
    Compiled { tokens: quote!(#item #errors #stubs), diagnostics, stages: None }
}

/// A program between two passes is well formed; if not, that is a bug in jac.
fn check(program: &Program) {
    debug_assert_eq!(ir::verify(program), Ok(()), "{}", program.to_text());
}
