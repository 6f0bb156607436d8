//! The options of the attribute: `#[jacobian(wrt(x, y), value, jvp, sparse = "csr", shape(m = [n, n]), strict, effort = "high", crate = path)]`.

use crate::diag::{did_you_mean, Diagnostics};
use crate::effort::Effort;
use crate::interface::{Form, Normal, Request, Results, FORMS};
use crate::ops::LOSSES;
use crate::sparse::Order;
use proc_macro2::TokenStream;
use quote::{quote, ToTokens};
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{bracketed, parenthesized, Ident, Token};

/// One axis in `shape(…)`.
#[derive(Clone, Debug)]
pub enum AxisLength {
    /// Any length.
    Any,
    /// A name: axes of one name have one length.
    Named(Ident),
    /// A fixed length.
    Fixed(i64),
}

/// The options, as written.
#[derive(Clone, Debug)]
pub struct Options {
    /// The parameters to differentiate by, if named.
    pub wrt: Option<Vec<Ident>>,
    /// The axes of ndarray parameters.
    pub shape: Vec<(Ident, Vec<AxisLength>)>,
    /// The forms to generate beside the Jacobian, with where they are asked for.
    pub forms: Vec<(&'static Form, proc_macro2::Span)>,
    /// How each form is generated besides: what becomes of its results.
    pub results: Vec<Results>,
    /// Where batches are asked for, and the parameters that differ from point to point, if named.
    pub batch: Option<(proc_macro2::Span, Option<Vec<Ident>>)>,
    /// The parameters that are set to constants, with the numbers of each.
    pub at: Vec<(Ident, Vec<f64>)>,
    /// What normal equations are like.
    pub normal: Normal,
    /// The options that say so.
    pub of_normal: Vec<(&'static str, proc_macro2::Span)>,
    /// How hard to simplify.
    pub effort: Effort,
    /// Where it is asked that blocks stand in one matrix.
    pub stack: Option<proc_macro2::Span>,
    /// Where it is asked that nothing is reassociated.
    pub strict: Option<proc_macro2::Span>,
    /// The order of the entries of sparse matrices.
    pub order: Order,
    /// The path of the runtime crate.
    pub runtime: TokenStream,
}

/// The options that ask for no form, each with an example.
const OPTIONS: [(&str, &str); 12] = [
    ("wrt", "wrt(x, y)"),
    ("into", "into"),
    ("update", "update"),
    ("batch", "batch(x, y)"),
    ("shape", "shape(x = [n, 3])"),
    ("at", "at(xi = 0)"),
    ("loss", "loss = huber(1.0)"),
    ("lower", "lower"),
    ("stack", "stack"),
    ("strict", "strict"),
    ("effort", "effort = \"high\""),
    ("crate", "crate = path::to::jac_runtime"),
];
/// The orders of the entries, as `sparse = "…"` has them.
const ORDERS: [(&str, Order); 4] =
    [("csc", Order::Columns), ("csr", Order::Rows), ("triplets", Order::Blocks), ("diagonals", Order::Diagonals)];
const EFFORTS: [(&str, Effort); 3] = [("low", Effort::Low), ("default", Effort::Default), ("high", Effort::High)];

impl Options {
    /// The functions to generate: the Jacobian and the forms that are asked for, and all of them once more into memory
    /// of the caller.
    pub fn requests(&self) -> Vec<Request> {
        let given = |option: &str| self.forms.iter().any(|(f, _)| f.option == Some(option));
        let asked: Vec<&'static Form> = FORMS.iter().filter(|form| form.is_asked(&given)).collect();
        let is_sparse = |form: &&&'static Form| form.dense().is_some();
        let all = |results: Results| asked.iter().filter(move |f| !is_sparse(f)).map(move |form| Request { form, results });
        // the entries are always written into memory of the caller
        let sparse = |results: Results| asked.iter().filter(is_sparse).map(move |form| Request { form, results });
        let more = || self.results.iter().copied();
        let requests = all(Results::Returned).chain(more().flat_map(all)).chain(sparse(Results::Written));
        requests.chain(more().filter(|r| *r == Results::Updated).flat_map(sparse)).collect()
    }
}

/// Reads the tokens in the attribute's parentheses. A mistake leaves its option out.
pub fn parse(tokens: TokenStream, diagnostics: &mut Diagnostics) -> Options {
    let mut options = Options {
        wrt: None,
        shape: Vec::new(),
        forms: Vec::new(),
        results: Vec::new(),
        batch: None,
        at: Vec::new(),
        normal: Normal::default(),
        of_normal: Vec::new(),
        effort: Effort::Default,
        stack: None,
        strict: None,
        order: Order::Columns,
        runtime: quote!(::jac_runtime),
    };
    let mut seen: Vec<String> = Vec::new();
    let parser = |input: ParseStream| -> syn::Result<()> {
        while !input.is_empty() {
            let span = input.span();
            let name = if input.peek(Token![crate]) {
                input.parse::<Token![crate]>()?;
                "crate".to_owned()
            } else {
                input.parse::<Ident>()?.to_string()
            };
            if seen.contains(&name) {
                diagnostics.error(span, format!("duplicate option `{name}`"));
            }
            if let Err(error) = option(input, &name, span, &mut options, diagnostics) {
                let error = diagnostics.error(span, format!("option `{name}`: {error}"));
                if let Some((_, example)) = OPTIONS.iter().find(|(known, _)| *known == name) {
                    error.help(format!("it is written `{example}`"));
                }
                return input.parse::<TokenStream>().map(drop);
            }
            seen.push(name);
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(())
    };
    if let Err(error) = parser.parse2(tokens) {
        diagnostics.error(error.span(), error.to_string());
    }
    options
}

fn option(
    input: ParseStream,
    name: &str,
    span: proc_macro2::Span,
    options: &mut Options,
    diagnostics: &mut Diagnostics,
) -> syn::Result<()> {
    match name {
        "strict" => options.strict = Some(span),
        "stack" => options.stack = Some(span),
        "into" => options.results.push(Results::Written),
        "update" => options.results.push(Results::Updated),
        "batch" => {
            options.results.extend([Results::Batched, Results::Columns]);
            let named = if input.peek(syn::token::Paren) { names(input, name, span, diagnostics)? } else { None };
            options.batch = Some((span, named));
        }
        "lower" => {
            options.normal.lower = true;
            options.of_normal.push(("lower", span));
        }
        "at" => {
            let content;
            parenthesized!(content in input);
            while !content.is_empty() {
                let param: Ident = content.parse()?;
                content.parse::<Token![=]>()?;
                let mut values = Vec::new();
                numbers(&content, &mut values)?;
                options.at.push((param, values));
                if !content.is_empty() {
                    content.parse::<Token![,]>()?;
                }
            }
        }
        "loss" => {
            options.of_normal.push(("loss", span));
            input.parse::<Token![=]>()?;
            let name: Ident = input.parse()?;
            let content;
            parenthesized!(content in input);
            let scale = number(&content)?;
            match LOSSES.iter().find(|loss| name == loss.name) {
                Some(loss) if scale > 0.0 && scale.is_finite() => options.normal.loss = Some((loss, scale)),
                Some(_) => {
                    diagnostics.error(name.span(), "the scale of a loss is a positive number").help("write `loss = huber(1.0)`");
                }
                None => {
                    let names: Vec<String> = LOSSES.iter().map(|loss| format!("`{}`", loss.name)).collect();
                    let error = diagnostics.error(name.span(), format!("no loss named `{name}`"));
                    error.help(format!("the losses are {}; of any other, pass the weights to `weighted_normal`", names.join(", ")));
                }
            }
        }
        "wrt" => options.wrt = names(input, name, span, diagnostics)?.or(options.wrt.take()),
        "shape" => {
            let content;
            parenthesized!(content in input);
            while !content.is_empty() {
                let param: Ident = content.parse()?;
                content.parse::<Token![=]>()?;
                let axes;
                bracketed!(axes in content);
                let axes = axes.call(Punctuated::<AxisLength, Token![,]>::parse_terminated)?;
                options.shape.push((param, axes.into_iter().collect()));
                if !content.is_empty() {
                    content.parse::<Token![,]>()?;
                }
            }
        }
        "effort" => {
            input.parse::<Token![=]>()?;
            let level: syn::LitStr = input.parse()?;
            match EFFORTS.iter().find(|(name, _)| *name == level.value()) {
                Some((_, effort)) => options.effort = *effort,
                None => {
                    let error = diagnostics.error(level.span(), format!("no effort named `{}`", level.value()));
                    error.help("write \"low\", \"default\" or \"high\"");
                }
            }
        }
        "crate" => {
            input.parse::<Token![=]>()?;
            options.runtime = if let Ok(text) = input.parse::<syn::LitStr>() {
                text.parse::<syn::Path>()?.into_token_stream()
            } else {
                input.call(syn::Path::parse_mod_style)?.into_token_stream()
            };
        }
        other => {
            if let Some(form) = Form::asked_by(other) {
                options.forms.push((form, span));
                if form.dense().is_some() && input.peek(Token![=]) {
                    options.order = order(input, diagnostics)?;
                }
                return Ok(());
            }
            let unknown = other;
            let mut names: Vec<&str> = OPTIONS.iter().map(|o| o.0).chain(FORMS.iter().filter_map(|f| f.option)).collect();
            // those of one option stand together
            names.dedup();
            let error = diagnostics.error(span, format!("no option named `{unknown}`"));
            match did_you_mean(unknown, names.iter().copied()) {
                Some(near) => error.help(format!("an option with a similar name exists: `{near}`")),
                None => error.help(format!("the options are {}", names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", "))),
            };
            // skip what belongs to it
            if input.peek(syn::token::Paren) {
                let content;
                parenthesized!(content in input);
                content.parse::<TokenStream>()?;
            } else if input.peek(Token![=]) {
                input.parse::<Token![=]>()?;
                input.parse::<syn::Expr>()?;
            }
        }
    }
    Ok(())
}

/// The parameters that an option names, if they are names.
fn names(input: ParseStream, option: &str, span: proc_macro2::Span, diagnostics: &mut Diagnostics) -> syn::Result<Option<Vec<Ident>>> {
    let content;
    parenthesized!(content in input);
    // read whole, so that a part that is no name is one mistake
    let tokens: TokenStream = content.parse()?;
    let names: Vec<Ident> = match Punctuated::<Ident, Token![,]>::parse_terminated.parse2(tokens.clone()) {
        Ok(names) => names.into_iter().collect(),
        Err(_) => {
            let error = diagnostics.error(span, format!("`{option}({tokens})` does not name parameters"));
            error.help(format!("name whole parameters, `{option}(x, y)`; a field is passed as a parameter of its own"));
            return Ok(None);
        }
    };
    if names.is_empty() {
        let all = if option == "wrt" { "to differentiate by every parameter of floats" } else { "where every parameter of floats differs" };
        diagnostics.error(span, format!("`{option}()` names no parameter")).help(format!("leave it out {all}"));
    }
    Ok(Some(names))
}

/// A literal, or an array of those or of arrays.
fn numbers(input: ParseStream, out: &mut Vec<f64>) -> syn::Result<()> {
    if !input.peek(syn::token::Bracket) {
        out.push(number(input)?);
        return Ok(());
    }
    let content;
    bracketed!(content in input);
    while !content.is_empty() {
        numbers(&content, out)?;
        if !content.is_empty() {
            content.parse::<Token![,]>()?;
        }
    }
    Ok(())
}

/// A literal, which may be negative.
fn number(input: ParseStream) -> syn::Result<f64> {
    let sign = if input.parse::<Option<Token![-]>>()?.is_some() { -1.0 } else { 1.0 };
    let value: f64 = if input.peek(syn::LitInt) {
        input.parse::<syn::LitInt>()?.base10_parse()?
    } else {
        input.parse::<syn::LitFloat>()?.base10_parse()?
    };
    Ok(sign * value)
}

/// What stands behind `sparse`.
fn order(input: ParseStream, diagnostics: &mut Diagnostics) -> syn::Result<Order> {
    input.parse::<Token![=]>()?;
    let name: syn::LitStr = input.parse()?;
    let known = ORDERS.iter().find(|(known, _)| *known == name.value());
    if known.is_none() {
        let error = diagnostics.error(name.span(), format!("no order named `{}`", name.value()));
        error.help("write \"csc\", \"csr\", \"triplets\" or \"diagonals\"");
    }
    Ok(known.map_or(Order::Columns, |(_, order)| *order))
}

impl syn::parse::Parse for AxisLength {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        if input.peek(Token![_]) {
            input.parse::<Token![_]>()?;
            Ok(AxisLength::Any)
        } else if input.peek(syn::LitInt) {
            let literal: syn::LitInt = input.parse()?;
            Ok(AxisLength::Fixed(literal.base10_parse()?))
        } else if input.peek(Ident) {
            Ok(AxisLength::Named(input.parse()?))
        } else {
            let rest: proc_macro2::TokenTree = input.parse()?;
            Err(syn::Error::new(rest.span(), "expected a name, a length or `_`"))
        }
    }
}
