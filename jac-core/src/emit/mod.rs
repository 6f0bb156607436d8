//! Emission: from kernels to the tokens of Rust functions.
//!
//! A target: it prints what is decided.
//!
//! Generated variables carry the span `mixed_site` and a name that begins with two underscores, so
//! that neither a variable nor a `const` of the user's can meet them; tokens of the user's keep
//! their spans.

mod body;
pub mod c;
pub mod check;
mod expressions;
pub mod lanes;
mod matrices;
mod memory;
pub mod pattern;
mod strict;
mod types;
mod words;

use crate::interface::{Interface, Param, ParamKind, Request, Results, Step, Ty};
use crate::ir::{Program, Tensor};
use crate::kernel::{Kernel, Layout, Signature};
use crate::lower::Plan;
use crate::simplify::Report;
use crate::sparse;
use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{format_ident, quote, ToTokens};

/// A function that is to be generated.
#[derive(Debug)]
pub struct Function<'a> {
    /// The function's interface, with the parameters that stand behind its own.
    interface: Interface,
    request: Request,
    /// The tangents, cotangents or weights.
    seeds: &'a [Tensor],
    /// The parameters that take the results.
    memory: Vec<Ident>,
    /// What stands around the body of a sparse form.
    around: Option<pattern::Around>,
}

impl<'a> Function<'a> {
    /// The function of a request, for a plan. `seeds` are the tangents, cotangents or weights, `layout` says where the entries of
    /// a sparse form are.
    pub fn new(interface: &Interface, request: Request, seeds: &'a [Tensor], layout: Option<&sparse::Layout>, plan: &Plan) -> Function<'a> {
        let (mut interface, mut memory) = with_params(interface, request, seeds);
        let mut around = None;
        if let Some(layout) = layout {
            let values = if interface.computes_value(request) { interface.outputs.len() } else { 0 };
            let lists = &plan.program.outputs[values..];
            let ranks: Vec<usize> = lists.iter().map(|t| plan.program.info(*t).shape.len()).collect();
            // one list is stored into as it is
            interface.parts = if ranks == [1] && layout.sorted.is_none() { Vec::new() } else { ranks };
            let name = format!("{}_{}", interface.item.sig.ident, request.suffix());
            let entries = memory.last_mut().expect("a sparse form stores its entries");
            around = pattern::around(&interface, &name, entries, layout, lists, plan);
            if let Some(around) = &around {
                *entries = around.memory.clone();
            }
            let flags = pattern::flags(&interface, layout, &plan.program);
            interface.constants.extend(flags);
        }
        Function { interface, request, seeds, memory, around }
    }

    /// What Rust says of the memory that it gets and returns.
    pub fn memory(&self, program: &Program) -> Signature {
        let layout = |ty: &Ty| match ty {
            Ty::Scalar => Layout::Scalar,
            Ty::Array(_) => Layout::Nested,
            Ty::Nd(_) | Ty::List(_) => Layout::Library,
            Ty::Slice => Layout::Flat,
            Ty::Matrix(m) if !m.is_fixed() => Layout::Moved,
            Ty::Matrix(m) if m.lengths.len() == 1 => Layout::Nested,
            Ty::Matrix(_) => Layout::Columns,
        };
        let inputs = self.interface.inputs().filter_map(|p| match &p.kind {
            ParamKind::Float(ty, t, _) => Some((*t, layout(ty))),
            ParamKind::Truth(t, _) => Some((*t, Layout::Scalar)),
            _ => None,
        });
        let groups = types::Parts::groups(&self.interface, self.request.form, self.interface.computes_value(self.request));
        let results = program.results().zip(groups.iter().flat_map(types::Parts::tys)).map(|(t, ty)| (t, layout(&ty)));
        Signature {
            layouts: inputs.chain(results).collect(),
            // those of a point are variables, which lanes of slices are made of
            results: match self.request.results {
                _ if self.request.is_batch() => Results::Returned,
                // nothing is left of what was computed in an order of its own
                Results::Updated if self.around.as_ref().is_some_and(|a| a.after.is_some()) => Results::Written,
                results => results,
            },
            in_place: self.interface.wrapper.is_none(),
            // a batch is wide enough
            reorders: self.interface.generic.is_none() && !self.interface.strict && !self.request.is_batch(),
        }
    }

    /// Generates it from its kernel, whose memory lies as [`Function::memory`] says.
    pub fn print(&self, kernel: &Kernel<'_>, report: Report) -> TokenStream {
        let Function { interface, request, seeds, memory, around } = self;
        let mut docs = words::docs(interface, *request, kernel.program, report);
        // what a condition guards is no mistake, though rustc may see that it would be one elsewhere
        docs.extend((!kernel.program.lazy.is_empty()).then(|| quote!(#[allow(unconditional_panic)])));
        let body = match request.results {
            _ if request.is_batch() => lanes::body(interface, *request, seeds, memory, kernel),
            _ if request.form.value && interface.strict => strict::body(interface, *request, memory, kernel),
            _ => body::body(interface, *request, memory, kernel),
        };
        let body = match around {
            None => body,
            Some(pattern::Around { before, after: None, .. }) => quote!(#before #body),
            Some(pattern::Around { before, after: Some(after), .. }) => {
                let done = local("__done");
                quote!(#before let #done = { #body }; #after #done)
            }
        };
        signature(interface, *request, &docs, &body)
    }
}

/// The interface with the parameters behind the function's own: tangents have the types of the inputs, as written,
/// cotangents and weights those of the outputs, by reference, and memory of the caller those of the results. With it the names of
/// the last: of the value, if it is returned, and of the derivative.
fn with_params(interface: &Interface, request: Request, seeds: &[Tensor]) -> (Interface, Vec<Ident>) {
    let (own, mut interface) = (interface.params.len(), interface.clone());
    // stubs have no program
    let mut seeds = seeds.iter().copied().chain(std::iter::repeat(Tensor(u32::MAX)));
    let mut seed = || seeds.next().expect("there is no end");
    for step in request.form.steps {
        let params = match step {
            Step::Jacobian | Step::Normal | Step::Diagonal | Step::BlockDiagonal | Step::NormalDiagonal | Step::Sparse => Vec::new(),
            Step::Jvp => tangents(&interface, &mut seed),
            Step::Vjp => like_outputs(&interface, "cotangent", &mut seed),
            Step::WeightedNormal => like_outputs(&interface, "weights", &mut seed),
        };
        interface.params.extend(params);
    }
    let mut memory = Vec::new();
    if !request.returns() {
        let names = request.form.value.then_some("value").into_iter().chain(request.form.names.iter().copied());
        let types = match request.results {
            Results::Columns => types::columns(&interface, request.form, request.form.value),
            _ => types::group_types(&interface, request.form, request.form.value),
        };
        if request.is_batch() {
            for k in 0..interface.params.len() {
                // what stands behind the function's own parameters are tangents and the like
                let ParamKind::Float(ty, t, _) = &interface.params[k].kind else { continue };
                if interface.varied.contains(t) || k >= own {
                    let ty = match request.results {
                        Results::Columns => types::of_slices(&interface, ty, false),
                        _ => {
                            let point = types::block_type(&interface, ty);
                            quote!(&[#point])
                        }
                    };
                    interface.params[k].ty = syn::Type::Verbatim(ty);
                }
            }
        }
        let parts = types::Parts::groups(&interface, request.form, request.form.value);
        let lifetime = lifetime();
        for ((stem, ty), parts) in names.zip(types).zip(parts) {
            let ident = free_name(&interface, stem);
            let float = &interface.float;
            let is_list = request.form.dense().is_some() && request.form.names.contains(&stem);
            let ty = if is_list { quote!([#float]) } else { ty };
            memory.push(ident.clone());
            let ty = match request.results {
                Results::Columns => ty,
                Results::Batched => quote!(&mut [#ty]),
                _ => types::viewed(&interface, request, &parts, &quote!(#lifetime)).unwrap_or_else(|| quote!(&mut #ty)),
            };
            interface.params.push(Param { ident, ty: syn::Type::Verbatim(ty), kind: ParamKind::Other, source: None });
        }
    }
    (interface, memory)
}

fn free_name(interface: &Interface, stem: &str) -> Ident {
    let free = |name: &Ident| interface.params.iter().all(|p| p.ident != *name);
    (0..).map(|k| format_ident!("{stem}{}", "_".repeat(k))).find(free).expect("some name is free")
}

fn tangents(interface: &Interface, seed: &mut dyn FnMut() -> Tensor) -> Vec<Param> {
    let mut tangent = |p: &Param| {
        let ParamKind::Float(ty, _, reference) = &p.kind else { return None };
        let stem = p.ident.to_string();
        let ident = free_name(interface, &format!("{}_tangent", stem.trim_start_matches("r#")));
        Some(Param { ident, ty: p.ty.clone(), kind: ParamKind::Float(ty.clone(), seed(), *reference), source: None })
    };
    interface.differentiated().filter_map(&mut tangent).collect()
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
    for request in interface.requests.iter().filter(|r| r.form.has_pattern() && r.results == Results::Written) {
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
    let mut generics = item.sig.generics.clone();
    let lifetime = lifetime();
    let groups = types::Parts::groups(interface, request.form, request.form.value);
    if groups.iter().any(|parts| types::view(interface, request, parts, &quote!(#lifetime)).is_some()) {
        if let Some(generic) = &interface.generic {
            let float = &generic.ident;
            generics.make_where_clause().predicates.push(syn::parse_quote!(#float: #lifetime));
        }
        generics.params.insert(0, syn::GenericParam::Lifetime(syn::LifetimeParam::new(lifetime)));
    }
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let attributes = attributes(interface);
    let params = params(interface);
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

/// The generic arguments of the function inside itself, if there are some that its arguments do not tell.
fn generic_arguments(interface: &Interface) -> Option<TokenStream> {
    let sig = &interface.item.sig;
    let declared: Vec<&Ident> = sig.generics.params.iter().filter_map(generic_name).collect();
    if declared.is_empty() {
        return None;
    }
    let told: Vec<Ident> = identifiers(sig.inputs.to_token_stream());
    let untold = declared.iter().any(|name| !told.contains(name));
    untold.then(|| quote!(::<#(#declared),*>))
}

/// The name of a type or a constant that a function is generic over.
fn generic_name(param: &syn::GenericParam) -> Option<&Ident> {
    match param {
        syn::GenericParam::Type(t) => Some(&t.ident),
        syn::GenericParam::Const(c) => Some(&c.ident),
        syn::GenericParam::Lifetime(_) => None,
    }
}

/// The identifiers among tokens.
fn identifiers(tokens: TokenStream) -> Vec<Ident> {
    let of = |tree| match tree {
        TokenTree::Ident(ident) => vec![ident],
        TokenTree::Group(group) => identifiers(group.stream()),
        TokenTree::Punct(_) | TokenTree::Literal(_) => Vec::new(),
    };
    tokens.into_iter().flat_map(of).collect()
}

/// The parameters as they are declared, `self` first. Out-parameters are results.
fn params(interface: &Interface) -> impl Iterator<Item = TokenStream> + '_ {
    let receiver = interface.receiver.iter().map(|r| quote!(#r));
    let others = interface.params.iter().filter(|p| !matches!(p.kind, ParamKind::Out(..)));
    receiver.chain(others.map(|Param { ident, ty, .. }| quote!(#ident: #ty)))
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

/// The lifetime of memory of the caller.
fn lifetime() -> syn::Lifetime {
    syn::Lifetime::new("'__memory", Span::mixed_site())
}

/// A generated variable.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}
