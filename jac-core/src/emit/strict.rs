//! Values under `strict`: those of the function itself, which is called.
//!
//! So they have its bits whatever it is made of, other crates' sums and products included. The derivative comes
//! first, which only borrows the arguments, then the call, which may take them. Once the call is inlined, rustc
//! computes what both have in common once.

use super::memory::repeated;
use super::types::{place, tuple, Parts};
use super::{body, local, memory};
use crate::interface::{Interface, ParamKind, Request, Ty};
use crate::kernel::Kernel;
use proc_macro2::{Ident, Literal, TokenStream};
use quote::quote;

/// The body of a generated function that returns the value, too; `kernel` computes the derivative alone, and `memory` are
/// the parameters that take the results, if it returns none.
pub fn body(interface: &Interface, request: Request, memory: &[Ident], kernel: &Kernel<'_>) -> TokenStream {
    let bare = Interface { wrapper: None, ..interface.clone() };
    let derivative = body::body(&bare, request, memory, kernel);
    let (parts, value) = (local("__parts"), local("__value"));
    let value = quote!(#value);
    let (made, call) = call(interface, kernel, false);
    let returned = returned(interface, &value);
    let failed = interface.wrapper.is_some().then(|| quote!(?));
    let groups = request.form.names.len();
    let (assigned, result) = match memory {
        [place, ..] => (written(interface, request, place, &returned), quote!(#parts)),
        [] => {
            let derivative = (0..groups).map(|k| place(&quote!(#parts), k, groups > 1));
            (TokenStream::new(), quote!((#returned, #(#derivative),*)))
        }
    };
    let result = match &interface.wrapper {
        Some(wrapper) => {
            let constructor = &wrapper.constructor;
            quote!(#constructor(#result))
        }
        None => result,
    };
    quote! {
        let #parts = { #derivative };
        #made
        let #value = #call #failed;
        #assigned
        #result
    }
}

/// Gives memory of the caller the value.
fn written(interface: &Interface, request: Request, place: &Ident, value: &TokenStream) -> TokenStream {
    let groups = Parts::groups(interface, request.form, true);
    let views = memory::views(interface, request, &groups[..1], std::slice::from_ref(place));
    if views.is_empty() {
        return quote!(*#place = #value;);
    }
    let all = local("__all");
    let places = memory::places(interface, request, &groups[0], place).into_iter().zip(groups[0].places(&quote!(#all)));
    let assigned = places.map(|((place, held), value)| match held {
        memory::Held::Viewed => memory::assigned(interface, request, &place, &value),
        _ => quote!(*#place = #value;),
    });
    quote!(let #all = #value; #views #(#assigned)*)
}

/// The call of the function, and the out-parameters that are made for it. If it `keeps` the arguments, it gets clones.
pub(super) fn call(interface: &Interface, kernel: &Kernel<'_>, keeps: bool) -> (TokenStream, TokenStream) {
    let own = interface.item.sig.inputs.iter().filter(|input| matches!(input, syn::FnArg::Typed(_))).count();
    let mut made = TokenStream::new();
    let owned = |r: &syn::Receiver| !matches!(r.kind, syn::ReceiverKind::Reference(..));
    let receiver = |r: &syn::Receiver| if keeps && owned(r) { quote!(self.clone()) } else { quote!(self) };
    let mut arguments: Vec<TokenStream> = interface.receiver.iter().map(receiver).collect();
    for (k, param) in interface.params.iter().take(own).enumerate() {
        let ident = &param.ident;
        arguments.push(match &param.kind {
            ParamKind::Out(ty, _) => {
                let out = out(k);
                let zeros = repeated(ty, body::zero(interface, kernel.float()));
                made.extend(quote!(let mut #out = #zeros;));
                quote!(&mut #out)
            }
            ParamKind::Truth(..) | ParamKind::Integer(..) | ParamKind::Float(Ty::Scalar | Ty::Array(_), ..) => quote!(#ident),
            _ if keeps && !matches!(param.ty, syn::Type::Reference(_)) => quote!(#ident.clone()),
            _ => quote!(#ident),
        });
    }
    let name = &interface.item.sig.ident;
    let path = if interface.associated { quote!(Self::#name) } else { quote!(#name) };
    let generics = super::generic_arguments(interface);
    (made, quote!(#path #generics(#(#arguments),*)))
}

fn out(k: usize) -> Ident {
    local(&format!("__out_{k}"))
}

/// The results in the order of the generated functions: what the function returned, then its out-parameters.
fn returned(interface: &Interface, value: &TokenStream) -> TokenStream {
    let is_out = |kind: &ParamKind| matches!(kind, ParamKind::Out(..));
    let outs: Vec<TokenStream> = interface
        .params
        .iter()
        .enumerate()
        .filter(|(_, p)| is_out(&p.kind))
        .map(|(k, _)| {
            let out = out(k);
            quote!(#out)
        })
        .collect();
    if outs.is_empty() {
        return quote!(#value);
    }
    let parts = (0..interface.outputs.len() - outs.len()).map(Literal::usize_unsuffixed);
    let own: Vec<TokenStream> = match interface.outputs.len() - outs.len() {
        1 => vec![quote!(#value)],
        _ => parts.map(|k| quote!(#value.#k)).collect(),
    };
    tuple(own.into_iter().chain(outs).collect(), interface.tuple)
}
