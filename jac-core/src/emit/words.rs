//! The doc comment of a generated function: the closed form, in the user's own names.

use crate::interface::{Interface, ParamKind, Request, Results, Ty};
use crate::ir::{Body, Program, Set};
use crate::simplify::Report;
use proc_macro2::TokenStream;
use quote::quote;

/// Longer formulas are cut.
const LINES: usize = 40;
const WIDTH: usize = 200;

/// The `#[doc]` attributes, one a line.
pub fn docs(interface: &Interface, request: Request, program: &Program, report: Report) -> Vec<TokenStream> {
    let f = &interface.item.sig.ident;
    let by: Vec<String> = interface.wrt.iter().map(|t| format!("`{}`", program.info(*t).name)).collect();
    let first = request.form.doc.replace("{f}", &f.to_string()).replace("{by}", &by.join(", "));
    let mut lines = vec![first];
    if !interface.at.is_empty() {
        let constants = interface.at.iter().map(|at| match at.values.as_slice() {
            [x] => format!("`{} = {x}`", at.param.ident),
            all => format!("`{} = {all:?}`", at.param.ident),
        });
        lines.push(format!("At {}.", constants.collect::<Vec<String>>().join(", ")));
    }
    let value = request.form.value.then_some("value");
    if !request.returns() {
        let names: Vec<String> = value.into_iter().chain(request.form.names.iter().copied()).map(|name| format!("`{name}`")).collect();
        lines.push(String::new());
        lines.push(match request.results {
            Results::Updated => {
                let names = names.join(" and ");
                format!(
                    "Of {names}, written for arguments of the same lengths before, what may change is written: zeros and constants stay."
                )
            }
            Results::Batched => format!(
                "Of many points, an element of the slices each; it is written into {}. Elementary functions differ from those of a point \
                 by up to 2 units in the last place.",
                names.join(" and ")
            ),
            Results::Columns => format!(
                "Of many points, whose numbers stand in a slice each; it is written into {}. Elementary functions differ from those of a \
                 point by up to 2 units in the last place.",
                names.join(" and ")
            ),
            Results::Returned | Results::Written => format!("It is written into {}.", names.join(" and ")),
        });
    }
    lines.push(String::new());
    lines.push("```text".to_owned());
    let formulas = program.to_formulas();
    let shown = formulas.len().min(LINES);
    lines.extend(formulas[..shown].iter().map(|line| {
        if line.chars().count() > WIDTH {
            let cut: String = line.chars().take(WIDTH).collect();
            format!("{cut} …")
        } else {
            line.clone()
        }
    }));
    if shown < formulas.len() {
        lines.push(format!("… and {} lines more", formulas.len() - shown));
    }
    lines.push("```".to_owned());
    lines.push(String::new());
    let place = if program.is_known() { "" } else { " in the loops" };
    let (after, dear, before) = (report.after, program.dear_operations(), report.before);
    lines.push(format!("{after} operations{dear}{place}, {before} before simplification."));
    let mut panics: Set<String> = Set::default();
    if request.is_batch() {
        panics.insert("If the slices are not as long as each other.".to_owned());
    }
    if interface.params.iter().any(|p| matches!(p.kind, ParamKind::Float(Ty::Nd(1..) | Ty::Slice, ..))) {
        panics.insert("If the lengths of the arguments do not fit each other.".to_owned());
        if !request.returns() && request.form.dense().is_none() {
            panics.extend(request.form.names.iter().map(|name| format!("If `{name}` has other lengths.")));
        }
    }
    if request.form.dense().is_some() {
        panics.insert("If `values` has not one element for each entry.".to_owned());
    }
    for definition in &program.definitions {
        if let Body::Intrinsic(f, arguments) = &definition.body {
            let reason = |what| format!("If `{}` is {what}.", program.info(arguments[0]).name);
            panics.extend(f.entry().panics.map(reason));
        }
    }
    if !panics.is_empty() {
        lines.push(String::new());
        lines.push("# Panics".to_owned());
        lines.extend(panics);
    }
    lines
        .into_iter()
        .map(|line| {
            let line = if line.is_empty() { line } else { format!(" {line}") };
            quote!(#[doc = #line])
        })
        .collect()
}
