//! Emission: from plans to the tokens of Rust functions.
//!
//! Generated variables carry the span `mixed_site` and a name that begins with two underscores, so
//! that neither a variable nor a `const` of the user's can meet them; tokens of the user's keep
//! their spans.

mod body;
pub mod check;
mod expressions;
mod memory;
mod strict;
mod types;
mod words;

use crate::interface::{Interface, Kind, Param, ParamKind, Ty};
use crate::ir::{Program, Tensor};
use crate::lower::Plan;
use crate::simplify::Report;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};

/// Generates one function from its plan.
///
/// `seeds` are the tangents or cotangents of a product.
pub fn function(interface: &Interface, kind: Kind, seeds: &[Tensor], plan: &Plan, report: Report) -> TokenStream {
    let mut interface = interface.clone();
    interface.params.extend(seed_params(&interface, kind, seeds));
    let mut docs = words::docs(&interface, kind, &plan.program, report);
    // what a condition guards is no mistake, though rustc may see that it would be one elsewhere
    docs.extend((!plan.program.lazy.is_empty()).then(|| quote!(#[allow(unconditional_panic)])));
    let destination = (kind == Kind::Into).then(|| interface.params.last().map(|p| p.ident.clone())).flatten();
    let body = match kind.has_value() && interface.strict {
        true => strict::body(&interface, kind, plan),
        false => body::body(&interface, kind, destination.as_ref(), plan),
    };
    signature(&interface, kind, &docs, &body)
}

/// The parameters behind the function's own: tangents have the types of the inputs, as written,
/// cotangents those of the outputs, by reference.
fn seed_params(interface: &Interface, kind: Kind, seeds: &[Tensor]) -> Vec<Param> {
    let name = |stem: &str| {
        let free = |name: &Ident| interface.params.iter().all(|p| p.ident != *name);
        (0..).map(|k| format_ident!("{stem}{}", "_".repeat(k))).find(free).expect("some name is free")
    };
    // stubs have no program
    let seed = |k: usize| seeds.get(k).copied().unwrap_or(Tensor(u32::MAX));
    match kind {
        Kind::Jvp => {
            let inputs = interface
                .wrt
                .iter()
                .filter_map(|x| interface.params.iter().find(|p| matches!(&p.kind, ParamKind::Float(_, t, _) if t == x)));
            let tangent = |(k, p): (usize, &Param)| {
                let ParamKind::Float(ty, _, reference) = &p.kind else { return None };
                let stem = p.ident.to_string();
                let ident = name(&format!("{}_tangent", stem.trim_start_matches("r#")));
                Some(Param { ident, ty: p.ty.clone(), kind: ParamKind::Float(ty.clone(), seed(k), *reference), source: None })
            };
            inputs.enumerate().filter_map(tangent).collect()
        }
        Kind::Vjp => {
            let cotangent = |(k, y): (usize, &Ty)| {
                let ident = if interface.outputs.len() == 1 { name("cotangent") } else { name(&format!("cotangent_{k}")) };
                let (ty, reference) = types::borrowed(interface, y);
                Param { ident, ty: syn::Type::Verbatim(ty), kind: ParamKind::Float(y.clone(), seed(k), reference), source: None }
            };
            interface.outputs.iter().enumerate().map(cotangent).collect()
        }
        Kind::Into => {
            let ty = types::parts_type(interface, kind);
            let ident = name("jacobian");
            vec![Param { ident, ty: syn::Type::Verbatim(quote!(&mut #ty)), kind: ParamKind::Other, source: None }]
        }
        _ => Vec::new(),
    }
}

/// Generates `f_jacobian_ir`.
pub fn ir_function(interface: &Interface, program: &Program) -> TokenStream {
    let text = program.to_text();
    ir_signature(interface, &quote!(#text))
}

/// What stands in for the generated functions after a mistake, so that calls to them are no
/// mistakes of their own.
pub fn stubs(interface: &Interface, body: &TokenStream) -> TokenStream {
    let hidden = [quote!(#[doc(hidden)])];
    let mut out = TokenStream::new();
    for kind in kinds(interface) {
        let mut interface = interface.clone();
        interface.params.extend(seed_params(&interface, kind, &[]));
        out.extend(signature(&interface, kind, &hidden, body));
    }
    out.extend(ir_signature(interface, &quote!("")));
    out.extend(check::function(interface, false, Some(&quote!(::core::unimplemented!()))));
    out
}

/// The functions that are asked for.
fn kinds(interface: &Interface) -> impl Iterator<Item = Kind> + '_ {
    let value = interface.value.then_some(Kind::ValueAndJacobian);
    [Kind::Jacobian].into_iter().chain(value).chain(interface.products.iter().copied())
}

fn signature(interface: &Interface, kind: Kind, docs: &[TokenStream], body: &TokenStream) -> TokenStream {
    let item = &interface.item;
    let name = format_ident!("{}_{}", item.sig.ident, kind.suffix());
    let vis = &item.vis;
    let (impl_generics, _, where_clause) = item.sig.generics.split_for_impl();
    let attributes = attributes(interface);
    let receiver = interface.receiver.iter().map(|r| quote!(#r));
    // out-parameters are results
    let params = interface.params.iter().filter(|p| !matches!(p.kind, ParamKind::Out(..))).map(|p| {
        let (ident, ty) = (&p.ident, &p.ty);
        quote!(#ident: #ty)
    });
    let params = receiver.chain(params);
    let returned = types::result_type(interface, kind);
    let output = match kind == Kind::Into && interface.wrapper.is_none() {
        true => TokenStream::new(),
        false => quote!(-> #returned),
    };
    let must_use = (!output.is_empty()).then(|| quote!(#[must_use]));
    quote! {
        #(#docs)*
        #(#attributes)*
        #[allow(unused_variables, clippy::all, clippy::pedantic, clippy::nursery)]
        #must_use
        #[inline]
        #vis fn #name #impl_generics (#(#params),*) #output #where_clause {
            #body
        }
    }
}

fn ir_signature(interface: &Interface, text: &TokenStream) -> TokenStream {
    let item = &interface.item;
    let name = format_ident!("{}_jacobian_ir", item.sig.ident);
    let vis = &item.vis;
    let attributes = attributes(interface);
    let doc = format!(" The derivative of [`{0}`] in jac's intermediate representation, for snapshot tests.", item.sig.ident);
    quote! {
        #[doc = #doc]
        #(#attributes)*
        #[must_use]
        #[allow(dead_code)]
        #vis const fn #name() -> &'static ::core::primitive::str {
            #text
        }
    }
}

/// The attributes of the user's function that hold for what is generated, too: conditions, and lints that
/// are switched off.
fn attributes(interface: &Interface) -> impl Iterator<Item = TokenStream> + '_ {
    interface.item.attrs.iter().filter_map(|a| match &a.meta {
        meta if meta.path().is_ident("cfg") || meta.path().is_ident("allow") => Some(quote!(#a)),
        // nothing need be there to be expected
        syn::Meta::List(list) if list.path.is_ident("expect") => {
            let lints = &list.tokens;
            Some(quote!(#[allow(#lints)]))
        }
        _ => None,
    })
}

/// A generated variable.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}
