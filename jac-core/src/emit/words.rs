//! The doc comment of a generated function: the closed form, in the user's own names.

use crate::interface::{Interface, Kind, ParamKind, Ty};
use crate::ir::{Body, Program, Set};
use crate::simplify::Report;
use proc_macro2::TokenStream;
use quote::quote;

/// Longer formulas are cut.
const LINES: usize = 40;
const WIDTH: usize = 200;

/// The `#[doc]` attributes, one a line.
pub fn docs(interface: &Interface, kind: Kind, program: &Program, report: Report) -> Vec<TokenStream> {
    let f = &interface.item.sig.ident;
    let by: Vec<String> = interface.wrt.iter().map(|t| format!("`{}`", program.info(*t).name)).collect();
    let mut lines = vec![match kind {
        Kind::Jacobian => format!("The Jacobian of [`{f}`] with respect to {}.", by.join(", ")),
        Kind::ValueAndJacobian => format!("The value of [`{f}`] and its Jacobian with respect to {}.", by.join(", ")),
        Kind::Into => format!("Writes the Jacobian of [`{f}`] with respect to {} into `jacobian`.", by.join(", ")),
        Kind::Jvp => format!("The value of [`{f}`] and its JVP: its Jacobian with respect to {} times the tangents.", by.join(", ")),
        Kind::Vjp => format!("The value of [`{f}`] and its VJP: the cotangents times its Jacobian with respect to {}.", by.join(", ")),
        Kind::Hessian => format!("The Hessian of [`{f}`]: its second derivatives with respect to {}.", by.join(", ")),
    }];
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
    if program.is_known() {
        lines.push(format!("{} operations, {} before simplification.", report.after, report.before));
    } else {
        lines.push(format!("{} operations in the loops, {} before simplification.", report.after, report.before));
    }
    let mut panics: Set<String> = Set::default();
    if interface.params.iter().any(|p| matches!(p.kind, ParamKind::Float(Ty::Nd(1..) | Ty::Slice, ..))) {
        panics.insert("If the lengths of the arguments do not fit each other.".to_owned());
        if kind == Kind::Into {
            panics.insert("If `jacobian` has other lengths or is not in standard layout.".to_owned());
        }
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
