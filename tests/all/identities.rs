//! Known closed forms: what the corpus' functions of that name are held to. That the numbers are
//! right is checked with the rest of the corpus.

use crate::common::{compile, without_attribute};
use crate::corpus;

#[test]
fn every_closed_form_is_found() {
    let file = syn::parse_file(include_str!("../corpus/identities.rs")).expect("a Rust file");
    let mut held = 0;
    let mut other = Vec::new();
    for case in corpus::cases() {
        let of_case = |item: &syn::Item| match item {
            syn::Item::Fn(f) if f.sig.ident == case.name => Some(notes(f, "closed: ")),
            _ => None,
        };
        let Some(closed) = file.items.iter().find_map(of_case) else { continue };
        let stages = compile(case.options, &without_attribute(case.item)).stages.expect("no mistake");
        let program = stages.others.first().map_or(&stages.jacobian, |hessian| &hessian.program);
        let formulas: Vec<String> = program.to_formulas().iter().map(|line| line.trim_start().to_owned()).collect();
        if formulas != closed {
            other.push(format!("`{}`: {formulas:#?}, not {closed:#?}", case.name));
        }
        held += 1;
    }
    assert!(other.is_empty(), "{}", other.join("\n"));
    assert_eq!(held, file.items.iter().filter(|i| matches!(i, syn::Item::Fn(_))).count());
}

/// What stands behind the key in the lines of a function's documentation.
fn notes(f: &syn::ItemFn, key: &str) -> Vec<String> {
    let line = |a: &syn::Attribute| match &a.meta {
        syn::Meta::NameValue(syn::MetaNameValue { value: syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(s), .. }), .. }) => {
            s.value().trim().strip_prefix(key).map(|rest| rest.trim().to_owned())
        }
        _ => None,
    };
    f.attrs.iter().filter_map(line).collect()
}
