//! The types of generated functions.

use super::local;
use crate::interface::{Form, Interface, Matrix, Param, ParamKind, Request, Side, Step, Ty};
use proc_macro2::{Literal, TokenStream};
use quote::quote;

/// The parts of a derivative as they are nested in tuples.
pub(super) enum Parts {
    /// A scalar or an array.
    One(Ty),
    /// A tuple.
    Tuple(Vec<Parts>),
}

impl Parts {
    /// The derivative in a form, by what the steps make of the results: a group, or several that stand beside each other.
    fn of(interface: &Interface, form: &Form) -> Vec<Parts> {
        let inputs = differentiated(interface);
        let by_input = |part: &dyn Fn(&Ty) -> Parts| Parts::group(inputs.iter().map(part).collect(), inputs.len() > 1);
        let like_inputs = || by_input(&|x| Parts::One(x.clone()));
        let block = |y: &Ty, x: &Ty| Parts::One(block_ty(y, x));
        let results = vec![Parts::values(interface)];
        let groups = form.steps.iter().fold(results, |groups, step| match step {
            Step::Jacobian => groups.into_iter().map(|parts| parts.each(&|y| by_input(&|x| block(y, x)))).collect(),
            Step::Jvp => groups,
            Step::Vjp | Step::Diagonal | Step::NormalDiagonal => vec![like_inputs()],
            Step::BlockDiagonal => {
                vec![Parts::values(interface).each(&|y| by_input(&|x| block(y, &row_ty(x))))]
            }
            Step::Normal | Step::WeightedNormal => vec![by_input(&|a| by_input(&|b| block(a, b))), like_inputs()],
            Step::Sparse if interface.parts.is_empty() => vec![Parts::One(Ty::Slice)],
            Step::Sparse => vec![Parts::Tuple(interface.parts.iter().map(|rank| Parts::One(Ty::List(*rank))).collect())],
        });
        if !interface.stack || form.matrices().is_empty() {
            return groups;
        }
        let side = |side: &Side| match side {
            Side::Results => interface.outputs.as_slice(),
            Side::Inputs => &inputs,
        };
        form.matrices().iter().map(|axes| Parts::One(stacked(&axes.iter().map(side).collect::<Vec<_>>()))).collect()
    }

    /// What a function returns: the value, if that is asked for, and the derivative.
    pub fn groups(interface: &Interface, form: &Form, value: bool) -> Vec<Parts> {
        let value = value.then(|| Parts::values(interface));
        value.into_iter().chain(Parts::of(interface, form)).collect()
    }

    /// The results of the function.
    fn values(interface: &Interface) -> Parts {
        Parts::group(interface.outputs.iter().cloned().map(Parts::One).collect(), interface.tuple)
    }

    fn group(mut parts: Vec<Parts>, tuple: bool) -> Parts {
        match parts.pop() {
            Some(one) if !tuple && parts.is_empty() => one,
            last => Parts::Tuple(parts.into_iter().chain(last).collect()),
        }
    }

    fn each(self, part: &dyn Fn(&Ty) -> Parts) -> Parts {
        match self {
            Parts::One(ty) => part(&ty),
            Parts::Tuple(parts) => Parts::Tuple(parts.into_iter().map(|p| p.each(part)).collect()),
        }
    }

    /// The types of the parts, one after the other.
    pub fn tys(&self) -> Vec<Ty> {
        match self {
            Parts::One(ty) => vec![ty.clone()],
            Parts::Tuple(parts) => parts.iter().flat_map(Parts::tys).collect(),
        }
    }

    /// All of them as one expression or type.
    pub fn nested(&self, part: &mut dyn FnMut(&Ty) -> TokenStream) -> TokenStream {
        match self {
            Parts::One(ty) => part(ty),
            Parts::Tuple(parts) => tuple(parts.iter().map(|p| p.nested(part)).collect(), true),
        }
    }

    /// Where the parts stand in what holds them all.
    pub fn places(&self, all: &TokenStream) -> Vec<TokenStream> {
        match self {
            Parts::One(_) => vec![all.clone()],
            Parts::Tuple(parts) => parts.iter().enumerate().flat_map(|(k, p)| p.places(&place(all, k, true))).collect(),
        }
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

/// The types of what a function computes: of the value, if that is asked for, and of each group of the derivative.
pub fn group_types(interface: &Interface, form: &Form, value: bool) -> Vec<TokenStream> {
    let groups = Parts::of(interface, form).into_iter().map(|parts| parts.nested(&mut |ty| block_type(interface, ty)));
    value.then(|| value_type(interface)).into_iter().chain(groups).collect()
}

/// The types of the same for many points, a slice for each number.
pub fn columns(interface: &Interface, form: &Form, value: bool) -> Vec<TokenStream> {
    let groups = Parts::groups(interface, form, value);
    groups.iter().map(|parts| parts.nested(&mut |ty| of_slices(interface, ty, true))).collect()
}

/// A number or a nested array, of each of whose numbers there are many in a slice.
pub fn of_slices(interface: &Interface, ty: &Ty, mutable: bool) -> TokenStream {
    let float = &interface.float;
    let slice = if mutable { quote!(&mut [#float]) } else { quote!(&[#float]) };
    block_type(&Interface { float: slice, ..interface.clone() }, ty)
}

/// What memory of the caller becomes, if the request takes views and there are ndarrays among the results: views of these that may be
/// written, in any layout, and references to all else.
pub fn view(interface: &Interface, request: Request, parts: &Parts, lifetime: &TokenStream) -> Option<TokenStream> {
    let (ndarray, float) = (&interface.ndarray, &interface.float);
    let part = |ty: &Ty| match ty {
        Ty::Nd(rank @ 1..) => {
            let class = local(&if *rank <= 6 { format!("ArrayViewMut{rank}") } else { "ArrayViewMutD".to_owned() });
            quote!(#ndarray::#class<#lifetime, #float>)
        }
        ty => {
            let ty = block_type(interface, ty);
            quote!(&#lifetime mut #ty)
        }
    };
    if !request.takes_views() || !parts.tys().iter().any(is_array) {
        return None;
    }
    Some(match parts {
        Parts::One(ty) => part(ty),
        Parts::Tuple(_) => {
            let runtime = &interface.runtime;
            parts.nested(&mut |ty| {
                let part = part(ty);
                quote!(#runtime::Part<#part>)
            })
        }
    })
}

/// The type of a parameter for such memory.
pub fn viewed(interface: &Interface, request: Request, parts: &Parts, lifetime: &TokenStream) -> Option<TokenStream> {
    let view = view(interface, request, parts, lifetime)?;
    let runtime = &interface.runtime;
    Some(match parts {
        Parts::One(_) => quote!(impl ::core::convert::Into<#view>),
        Parts::Tuple(_) => quote!(impl #runtime::Memory<#view>),
    })
}

/// Whether memory of the caller for a result of a type may be a view.
pub fn is_array(ty: &Ty) -> bool {
    matches!(ty, Ty::Nd(1..))
}

/// The type of all that a function computes.
pub fn groups_type(interface: &Interface, form: &Form, value: bool) -> TokenStream {
    let types = group_types(interface, form, value);
    let several = types.len() > 1;
    tuple(types, several)
}

/// The type that a generated function returns.
pub fn result_type(interface: &Interface, request: Request) -> TokenStream {
    let bare = match request.returns() {
        true => groups_type(interface, request.form, request.form.value),
        false => quote!(()),
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
    let ty = |p: &Param| match &p.kind {
        ParamKind::Float(ty, ..) => Some(ty.clone()),
        _ => None,
    };
    interface.differentiated().filter_map(ty).collect()
}

/// The shape law: the axes of the output, then those of the input.
fn block_ty(y: &Ty, x: &Ty) -> Ty {
    if let (Ty::Matrix(matrix), _) | (_, Ty::Matrix(matrix)) = (y, x) {
        let lengths = |ty: &Ty| match ty {
            Ty::Scalar => Vec::new(),
            Ty::Array(lengths) => lengths.iter().cloned().map(Some).collect(),
            Ty::Matrix(matrix) => matrix.lengths.clone(),
            Ty::Slice | Ty::Nd(_) | Ty::List(_) => vec![None; ty.rank()],
        };
        let all = [lengths(y), lengths(x)].concat();
        let fixed: Option<Vec<TokenStream>> = all.iter().cloned().collect();
        return match (all.len(), fixed) {
            (1 | 2, Some(_)) => Ty::Matrix(Matrix { lengths: all, is_point: false, ..matrix.clone() }),
            (1 | 2, None) => Ty::Matrix(Matrix { lengths: vec![None; all.len()], is_point: false, ..matrix.clone() }),
            (_, Some(lengths)) => Ty::Array(lengths),
            (rank, None) => Ty::Nd(rank),
        };
    }
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

/// An array of an axis for each list of types, along which their elements follow one another: a nested one where its lengths
/// can be written on stable Rust.
fn stacked(axes: &[&[Ty]]) -> Ty {
    let lengths: Option<Vec<TokenStream>> = axes.iter().map(|tys| total(tys)).collect();
    lengths.map_or(Ty::Nd(axes.len()), Ty::Array)
}

/// The number of elements of some types: a sum of literals, or one name.
fn total(tys: &[Ty]) -> Option<TokenStream> {
    if let [Ty::Array(lengths)] = tys {
        if let [length] = lengths.as_slice() {
            return Some(length.clone());
        }
    }
    let number = |length: &TokenStream| syn::parse2::<syn::LitInt>(length.clone()).ok()?.base10_parse::<usize>().ok();
    let count = |ty: &Ty| match ty {
        Ty::Scalar => Some(1),
        Ty::Array(lengths) => lengths.iter().map(number).product(),
        Ty::Matrix(matrix) => matrix.lengths.iter().map(|n| number(n.as_ref()?)).product(),
        _ => None,
    };
    let total = Literal::usize_unsuffixed(tys.iter().map(count).sum::<Option<usize>>()?);
    Some(quote!(#total))
}

/// The type of an element along the first axis.
fn row_ty(ty: &Ty) -> Ty {
    match ty {
        Ty::Array(lengths) if lengths.len() > 1 => Ty::Array(lengths[1..].to_vec()),
        Ty::Nd(rank) if *rank > 1 => Ty::Nd(rank - 1),
        _ => Ty::Scalar,
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
        Ty::List(_) => quote!([#float]),
        Ty::Nd(rank) => {
            let class = array(interface, *rank);
            quote!(#class<#float>)
        }
        Ty::Matrix(matrix) => super::matrices::class(matrix, &float),
    }
}

/// The length of a parameter along an axis, when the function runs.
pub(super) fn length(ident: &proc_macro2::Ident, ty: &Ty, axis: usize) -> TokenStream {
    match ty {
        Ty::Slice => quote!(#ident.len()),
        Ty::Matrix(matrix) if matrix.lengths.len() == 1 => quote!(#ident.len()),
        Ty::Matrix(_) if axis == 0 => quote!(#ident.nrows()),
        Ty::Matrix(_) => quote!(#ident.ncols()),
        _ => {
            let axis = Literal::usize_unsuffixed(axis);
            quote!(#ident.shape()[#axis])
        }
    }
}

/// The ndarray type of a rank.
pub(super) fn array(interface: &Interface, rank: usize) -> TokenStream {
    let ndarray = &interface.ndarray;
    let name = local(&if rank <= 6 { format!("Array{rank}") } else { "ArrayD".to_owned() });
    quote!(#ndarray::#name)
}
