//! The types of generated functions.

use super::local;
use crate::interface::{Interface, Kind, ParamKind, Ty};
use proc_macro2::{Literal, TokenStream};
use quote::quote;

/// What a generated function returns behind the value: rows of parts, and whether the rows, and the
/// parts of each, stand in a tuple.
pub(super) struct Parts {
    pub rows: Vec<Vec<Ty>>,
    tuples: [bool; 2],
}

impl Parts {
    pub fn of(interface: &Interface, kind: Kind) -> Parts {
        let inputs = differentiated(interface);
        let outputs = &interface.outputs;
        let several = inputs.len() > 1;
        let pairs = |rows: &[Ty]| rows.iter().map(|y| inputs.iter().map(|x| block_ty(y, x)).collect()).collect();
        let each = |tys: &[Ty]| tys.iter().map(|ty| vec![ty.clone()]).collect();
        match kind {
            Kind::Jacobian | Kind::ValueAndJacobian | Kind::Into => Parts { rows: pairs(outputs), tuples: [interface.tuple, several] },
            Kind::Hessian => Parts { rows: pairs(&inputs), tuples: [several, several] },
            Kind::Jvp => Parts { rows: each(outputs), tuples: [interface.tuple, false] },
            Kind::Vjp => Parts { rows: each(&inputs), tuples: [several, false] },
        }
    }

    /// The rows as one expression or type.
    pub fn nested(&self, mut part: impl FnMut(&Ty) -> TokenStream) -> TokenStream {
        let rows = self.rows.iter().map(|row| {
            let row = row.iter().map(&mut part).collect();
            tuple(row, self.tuples[1])
        });
        tuple(rows.collect(), self.tuples[0])
    }

    /// Where the parts stand in what holds them all.
    pub fn places(&self, all: &TokenStream) -> Vec<TokenStream> {
        let [rows, columns] = self.tuples;
        let row = |r: usize| (0..self.rows[r].len()).map(move |c| [r, c]);
        let all = |[r, c]: [usize; 2]| place(&place(all, r, rows), c, columns);
        (0..self.rows.len()).flat_map(row).map(all).collect()
    }
}

/// A part of what may be a tuple.
pub(super) fn place(of: &TokenStream, k: usize, tuple: bool) -> TokenStream {
    let k = Literal::usize_unsuffixed(k);
    if tuple {
        quote!(#of.#k)
    } else {
        of.clone()
    }
}

/// The type of all parts of a derivative.
pub fn parts_type(interface: &Interface, kind: Kind) -> TokenStream {
    Parts::of(interface, kind).nested(|ty| block_type(interface, ty))
}

/// The type that a generated function returns.
pub fn result_type(interface: &Interface, kind: Kind) -> TokenStream {
    let parts = parts_type(interface, kind);
    let bare = match kind {
        Kind::Into => quote!(()),
        _ if kind.has_value() => {
            let value = value_type(interface);
            quote!((#value, #parts))
        }
        _ => parts,
    };
    match &interface.wrapper {
        None => bare,
        Some(wrapper) => {
            let mut path = wrapper.ty.clone();
            let arguments = path.segments.last_mut().map(|s| &mut s.arguments);
            if let Some(syn::PathArguments::AngleBracketed(arguments)) = arguments {
                if let Some(first) = arguments.args.first_mut() {
                    *first = syn::GenericArgument::Type(syn::Type::Verbatim(bare));
                }
            }
            quote!(#path)
        }
    }
}

/// The type of the function's results: as written, and out-parameters by value.
fn value_type(interface: &Interface) -> TokenStream {
    let outs: Vec<TokenStream> = interface
        .params
        .iter()
        .filter_map(|p| match &p.kind {
            ParamKind::Out(Ty::Slice, _) => {
                let float = &interface.float;
                Some(quote!(::std::vec::Vec<#float>))
            }
            ParamKind::Out(ty, _) => Some(block_type(interface, ty)),
            _ => None,
        })
        .collect();
    let syn::ReturnType::Type(_, written) = &interface.item.sig.output else { return tuple(outs, interface.tuple) };
    let mut written = (**written).clone();
    if let (Some(_), syn::Type::Path(path)) = (&interface.wrapper, &written) {
        let inner = path.path.segments.last().and_then(|s| match &s.arguments {
            syn::PathArguments::AngleBracketed(arguments) => arguments.args.first().cloned(),
            _ => None,
        });
        if let Some(syn::GenericArgument::Type(inner)) = inner {
            written = inner;
        }
    }
    if outs.is_empty() {
        return quote!(#written);
    }
    let returned: Vec<TokenStream> = match &written {
        syn::Type::Tuple(parts) => parts.elems.iter().map(|ty| quote!(#ty)).collect(),
        single => vec![quote!(#single)],
    };
    tuple(returned.into_iter().chain(outs).collect(), interface.tuple)
}

pub(super) fn tuple(items: Vec<TokenStream>, tuple: bool) -> TokenStream {
    match (tuple, items.as_slice()) {
        (false, [single]) => single.clone(),
        (true, [single]) => quote!((#single,)),
        _ => quote!((#(#items),*)),
    }
}

fn differentiated(interface: &Interface) -> Vec<Ty> {
    interface
        .wrt
        .iter()
        .filter_map(|t| {
            interface.params.iter().find_map(|p| match &p.kind {
                ParamKind::Float(ty, tensor, _) if tensor == t => Some(ty.clone()),
                _ => None,
            })
        })
        .collect()
}

/// The shape law: the axes of the output, then those of the input.
fn block_ty(y: &Ty, x: &Ty) -> Ty {
    let array = |ty: &Ty| if matches!(ty, Ty::Slice) { Ty::Nd(1) } else { ty.clone() };
    let (y, x) = (&array(y), &array(x));
    match (y, x) {
        (Ty::Scalar, other) | (other, Ty::Scalar) => match other {
            Ty::Nd(0) => Ty::Scalar,
            other => other.clone(),
        },
        (Ty::Array(a), Ty::Array(b)) => Ty::Array(a.iter().chain(b).cloned().collect()),
        (a, b) if a.rank() + b.rank() == 0 => Ty::Scalar,
        (a, b) => Ty::Nd(a.rank() + b.rank()),
    }
}

/// The type of a parameter that takes a value of this type, and whether that is a reference.
pub fn borrowed(interface: &Interface, ty: &Ty) -> (TokenStream, bool) {
    let float = &interface.float;
    match ty {
        Ty::Scalar => (quote!(#float), false),
        Ty::Slice => (quote!(&[#float]), true),
        ty => {
            let ty = block_type(interface, ty);
            (quote!(&#ty), true)
        }
    }
}

pub(super) fn block_type(interface: &Interface, ty: &Ty) -> TokenStream {
    let float = interface.float.clone();
    match ty {
        Ty::Scalar => float,
        Ty::Array(lengths) => lengths.iter().rev().fold(float, |inner, n| quote!([#inner; #n])),
        Ty::Slice => quote!(::std::vec::Vec<#float>),
        Ty::Nd(rank) => {
            let class = array(interface, *rank);
            quote!(#class<#float>)
        }
    }
}

/// The ndarray type of a rank.
pub(super) fn array(interface: &Interface, rank: usize) -> TokenStream {
    let ndarray = &interface.ndarray;
    let name = local(&if rank <= 6 { format!("Array{rank}") } else { "ArrayD".to_owned() });
    quote!(#ndarray::#name)
}
