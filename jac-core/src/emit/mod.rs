//! Emission: from plans to the tokens of Rust functions.
//!
//! Generated variables carry the span `mixed_site` and a name that begins with two underscores, so
//! that neither a variable nor a `const` of the user's can meet them; tokens of the user's keep
//! their spans.

mod body;
mod words;

pub use body::result_type;

use crate::interface::{Interface, ParamKind};
use crate::ir::Program;
use crate::lower::Plan;
use crate::simplify::Report;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};

/// Which function is generated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `f_jacobian`.
    Jacobian,
    /// `f_value_and_jacobian`.
    ValueAndJacobian,
}

impl Kind {
    /// The function's name beside the user's `f`.
    pub fn name(self, f: &Ident) -> Ident {
        match self {
            Kind::Jacobian => format_ident!("{f}_jacobian"),
            Kind::ValueAndJacobian => format_ident!("{f}_value_and_jacobian"),
        }
    }
}

/// Generates one function from its plan.
pub fn function(interface: &Interface, kind: Kind, plan: &Plan, report: Report) -> TokenStream {
    let docs = words::docs(interface, kind, &plan.program, report);
    let body = body::body(interface, kind, plan);
    signature(interface, kind, &docs, &body)
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
        out.extend(signature(interface, kind, &hidden, body));
    }
    out.extend(ir_signature(interface, &quote!("")));
    out
}

/// The functions that are asked for.
pub fn kinds(interface: &Interface) -> Vec<Kind> {
    if interface.value {
        vec![Kind::Jacobian, Kind::ValueAndJacobian]
    } else {
        vec![Kind::Jacobian]
    }
}

fn signature(interface: &Interface, kind: Kind, docs: &[TokenStream], body: &TokenStream) -> TokenStream {
    let item = &interface.item;
    let name = kind.name(&item.sig.ident);
    let vis = &item.vis;
    let (impl_generics, _, where_clause) = item.sig.generics.split_for_impl();
    let cfgs = cfgs(interface);
    let receiver = interface.receiver.iter().map(|r| quote!(#r));
    // out-parameters are results
    let params = interface.params.iter().filter(|p| !matches!(p.kind, ParamKind::Out(..))).map(|p| {
        let (ident, ty) = (&p.ident, &p.ty);
        quote!(#ident: #ty)
    });
    let params = receiver.chain(params);
    let output = result_type(interface, kind);
    quote! {
        #(#docs)*
        #(#cfgs)*
        #[allow(unused_variables, clippy::all, clippy::pedantic, clippy::nursery)]
        #[must_use]
        #[inline]
        #vis fn #name #impl_generics (#(#params),*) -> #output #where_clause {
            #body
        }
    }
}

fn ir_signature(interface: &Interface, text: &TokenStream) -> TokenStream {
    let item = &interface.item;
    let name = format_ident!("{}_jacobian_ir", item.sig.ident);
    let vis = &item.vis;
    let cfgs = cfgs(interface);
    let doc = format!(" The derivative of [`{0}`] in jac's intermediate representation, for snapshot tests.", item.sig.ident);
    quote! {
        #[doc = #doc]
        #(#cfgs)*
        #[must_use]
        #[allow(dead_code)]
        #vis const fn #name() -> &'static ::core::primitive::str {
            #text
        }
    }
}

fn cfgs(interface: &Interface) -> impl Iterator<Item = &syn::Attribute> {
    interface.item.attrs.iter().filter(|a| a.path().is_ident("cfg"))
}

/// A generated variable.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}
