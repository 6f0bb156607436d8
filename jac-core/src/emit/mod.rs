//! Emission: from plans to the tokens of Rust functions.
//!
//! Generated variables carry the span `mixed_site` and a name that begins with two underscores, so
//! that neither a variable nor a `const` of the user's can meet them; tokens of the user's keep
//! their spans.

mod body;
pub mod check;
mod expressions;
mod memory;
pub mod pattern;
mod strict;
mod types;
mod words;

use crate::interface::{Interface, Param, ParamKind, Request, Results, Step, Ty};
use crate::ir::{Program, Tensor};
use crate::lower::Plan;
use crate::simplify::Report;
use crate::sparse::Layout;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};

/// Generates one function from its plan.
///
/// `seeds` are the tangents, cotangents or weights, `layout` says where the entries of a sparse form are.
pub fn function(
    interface: &Interface,
    request: Request,
    seeds: &[Tensor],
    plan: &Plan,
    layout: Option<&Layout>,
    report: Report,
) -> TokenStream {
    let (mut interface, mut memory) = with_params(interface, request, seeds);
    let mut before = TokenStream::new();
    if let Some(layout) = layout {
        let ranks: Vec<usize> = plan.program.outputs.iter().map(|t| plan.program.info(*t).shape.len()).collect();
        // one list is stored into as it is
        interface.parts = if ranks == [1] { Vec::new() } else { ranks };
        let name = format!("{}_{}", interface.item.sig.ident, request.suffix());
        if let Some((parts, whole)) = pattern::parts(&interface, &name, &memory[0], layout, plan) {
            (before, memory) = (parts, vec![whole]);
        }
        let flags = pattern::flags(&interface, layout, &plan.program);
        interface.constants.extend(flags);
    }
    let mut docs = words::docs(&interface, request, &plan.program, report);
    // what a condition guards is no mistake, though rustc may see that it would be one elsewhere
    docs.extend((!plan.program.lazy.is_empty()).then(|| quote!(#[allow(unconditional_panic)])));
    let body = match request.form.value && interface.strict {
        true => strict::body(&interface, request, &memory, plan),
        false => body::body(&interface, request, &memory, plan),
    };
    signature(&interface, request, &docs, &quote!(#before #body))
}

/// The interface with the parameters behind the function's own: tangents have the types of the inputs, as written,
/// cotangents and weights those of the outputs, by reference, and memory of the caller those of the results. With it the names of
/// the last: of the value, if it is returned, and of the derivative.
fn with_params(interface: &Interface, request: Request, seeds: &[Tensor]) -> (Interface, Vec<Ident>) {
    let mut interface = interface.clone();
    // stubs have no program
    let mut seeds = seeds.iter().copied().chain(std::iter::repeat(Tensor(u32::MAX)));
    let mut seed = || seeds.next().expect("there is no end");
    for step in request.form.steps {
        let params = match step {
            Step::Jacobian | Step::Sparse => Vec::new(),
            Step::Jvp => tangents(&interface, &mut seed),
            Step::Vjp => like_outputs(&interface, "cotangent", &mut seed),
            Step::Normal => Vec::new(),
            Step::WeightedNormal => like_outputs(&interface, "weights", &mut seed),
        };
        interface.params.extend(params);
    }
    let mut memory = Vec::new();
    if !request.returns() {
        let names = request.form.value.then_some("value").into_iter().chain(request.form.names.iter().copied());
        for (stem, ty) in names.zip(types::group_types(&interface, request.form, request.form.value)) {
            let ident = free_name(&interface, stem);
            let float = &interface.float;
            let ty = if request.form.dense().is_some() { quote!([#float]) } else { ty };
            memory.push(ident.clone());
            interface.params.push(Param { ident, ty: syn::Type::Verbatim(quote!(&mut #ty)), kind: ParamKind::Other, source: None });
        }
    }
    (interface, memory)
}

fn free_name(interface: &Interface, stem: &str) -> Ident {
    let free = |name: &Ident| interface.params.iter().all(|p| p.ident != *name);
    (0..).map(|k| format_ident!("{stem}{}", "_".repeat(k))).find(free).expect("some name is free")
}

fn tangents(interface: &Interface, seed: &mut dyn FnMut() -> Tensor) -> Vec<Param> {
    let input = |x: &Tensor| interface.params.iter().find(|p| matches!(&p.kind, ParamKind::Float(_, t, _) if t == x));
    let mut tangent = |p: &Param| {
        let ParamKind::Float(ty, _, reference) = &p.kind else { return None };
        let stem = p.ident.to_string();
        let ident = free_name(interface, &format!("{}_tangent", stem.trim_start_matches("r#")));
        Some(Param { ident, ty: p.ty.clone(), kind: ParamKind::Float(ty.clone(), seed(), *reference), source: None })
    };
    interface.wrt.iter().filter_map(input).filter_map(&mut tangent).collect()
}

/// Parameters with the types of the results.
fn like_outputs(interface: &Interface, name: &str, seed: &mut dyn FnMut() -> Tensor) -> Vec<Param> {
    let mut like = |(k, y): (usize, &Ty)| {
        let stem = if interface.outputs.len() == 1 { name.to_owned() } else { format!("{name}_{k}") };
        let (ty, reference) = types::borrowed(interface, y);
        let kind = ParamKind::Float(y.clone(), seed(), reference);
        Param { ident: free_name(interface, &stem), ty: syn::Type::Verbatim(ty), kind, source: None }
    };
    interface.outputs.iter().enumerate().map(&mut like).collect()
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
    for request in &interface.requests {
        let (interface, _) = with_params(interface, *request, &[]);
        out.extend(signature(&interface, *request, &hidden, body));
    }
    for request in interface.requests.iter().filter(|r| r.form.dense().is_some() && r.results == Results::Written) {
        out.extend(pattern::stub(interface, request.form, body));
    }
    out.extend(ir_signature(interface, &quote!("")));
    out.extend(check::function(interface, false, Some(&quote!(::core::unimplemented!()))));
    out
}

fn signature(interface: &Interface, request: Request, docs: &[TokenStream], body: &TokenStream) -> TokenStream {
    let item = &interface.item;
    let name = format_ident!("{}_{}", item.sig.ident, request.suffix());
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
    let returned = types::result_type(interface, request);
    let output = match request.returns() || interface.wrapper.is_some() {
        true => quote!(-> #returned),
        false => TokenStream::new(),
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
