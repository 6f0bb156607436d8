//! The function's signature: which Rust types are tensors, and of what shape.

use super::attribute::{AxisLength, Options};
use super::lengths::Lengths;
use crate::diag::{did_you_mean, Diagnostics};
use crate::interface::{Interface, Param, ParamKind, Ty};
use crate::ir::{Affine, Float, Program, Role, Size, SizeKind, SizeVar};
use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, ToTokens};
use std::collections::BTreeMap;
use syn::spanned::Spanned;
use syn::{FnArg, GenericArgument, GenericParam, PathArguments, ReturnType, Type};

const INTEGERS: [&str; 12] = ["usize", "isize", "u8", "u16", "u32", "u64", "u128", "i8", "i16", "i32", "i64", "i128"];

/// A type as far as a signature tells.
enum Seen {
    Float(Ty, (Float, TokenStream), Option<TokenStream>),
    Integer,
    Truth,
    Other,
}

/// Reads the signature into `program` and the interface. The patterns of the parameters are
/// returned beside it, for the body to bind.
pub fn read(
    item: &syn::ItemFn,
    options: &Options,
    program: &mut Program,
    lengths: &mut Lengths,
    diagnostics: &mut Diagnostics,
) -> Interface {
    let sig = &item.sig;
    let unsupported = [
        (sig.asyncness.map(|t| t.span()), "an `async` function"),
        (matches!(sig.safety, syn::Safety::Unsafe(_)).then(|| sig.fn_token.span()), "an `unsafe` function"),
        (sig.variadic.as_ref().map(Spanned::span), "a variadic function"),
    ];
    for (span, what) in unsupported {
        if let Some(span) = span {
            diagnostics.error(span, format!("{what} has no Jacobian")).help("put the arithmetic in a plain `fn` and call that");
        }
    }
    let mut reader = Reader { program, lengths, diagnostics, items: BTreeMap::new(), named: BTreeMap::new(), float: None, ndarray: None };
    for generic in &sig.generics.params {
        match generic {
            GenericParam::Const(c) => {
                reader.item_length(&c.ident.to_token_stream());
            }
            GenericParam::Type(t) => {
                let error = reader.diagnostics.error(t.ident.span(), format!("cannot differentiate over the type parameter `{}`", t.ident));
                error.help("write `f64` or `f32`");
            }
            GenericParam::Lifetime(_) => {}
        }
    }
    let mut params = Vec::new();
    for (k, input) in sig.inputs.iter().enumerate() {
        match input {
            FnArg::Receiver(receiver) => {
                let error = reader.diagnostics.error(receiver.span(), "cannot differentiate a method");
                error.help("write a free function that takes the fields it needs");
            }
            FnArg::Typed(typed) => params.push(reader.param(k, typed, options)),
        }
    }
    for (name, axes) in &options.shape {
        reader.check_shape_option(name, axes.len(), &params);
    }
    let (outputs, tuple) = reader.outputs(&sig.output, sig.ident.span());
    let Reader { items, float, ndarray, .. } = reader;
    let (float, float_tokens) = float.unwrap_or_else(|| (Float::F64, quote!(f64)));
    program.float = float;
    let ndarray = ndarray.unwrap_or_else(|| quote!(::ndarray));
    wrt(options, &params, program, diagnostics, sig.ident.span());
    Interface {
        item: item.clone(),
        params,
        outputs,
        tuple,
        wrt: program.wrt.clone(),
        float: float_tokens,
        items,
        ndarray,
        runtime: options.runtime.clone(),
        value: options.value,
    }
}

fn wrt(options: &Options, params: &[Param], program: &mut Program, diagnostics: &mut Diagnostics, function: Span) {
    let float = |p: &Param| match p.kind {
        ParamKind::Float(_, tensor, _) => Some(tensor),
        _ => None,
    };
    match &options.wrt {
        None => program.wrt = params.iter().filter_map(float).collect(),
        Some(names) => {
            for name in names {
                match params.iter().find(|p| p.ident == *name) {
                    None => {
                        let known: Vec<String> = params.iter().map(|p| p.ident.to_string()).collect();
                        let error = diagnostics.error(name.span(), format!("no parameter named `{name}`"));
                        if let Some(near) = did_you_mean(&name.to_string(), known.iter().map(String::as_str)) {
                            error.help(format!("a parameter with a similar name exists: `{near}`"));
                        }
                    }
                    Some(p) => match float(p) {
                        Some(t) if program.wrt.contains(&t) => {
                            diagnostics.error(name.span(), format!("`{name}` is named twice"));
                        }
                        Some(t) => program.wrt.push(t),
                        None => {
                            let ty = p.ty.to_token_stream();
                            diagnostics.error(name.span(), format!("cannot differentiate by `{name}`")).note(format!("its type is `{ty}`"));
                        }
                    },
                }
            }
        }
    }
    if program.wrt.is_empty() && diagnostics.is_empty() {
        let error = diagnostics.error(function, "no parameter to differentiate by");
        error.help("give the function a parameter of type `f64`, `[f64; N]` or an ndarray of them");
    }
}

struct Reader<'a> {
    program: &'a mut Program,
    lengths: &'a mut Lengths,
    diagnostics: &'a mut Diagnostics,
    items: BTreeMap<Size, TokenStream>,
    named: BTreeMap<String, Size>,
    float: Option<(Float, TokenStream)>,
    ndarray: Option<TokenStream>,
}

impl Reader<'_> {
    /// The length that a const generic or item stands for.
    fn item_length(&mut self, tokens: &TokenStream) -> Affine {
        let name: String = tokens.to_string().chars().filter(|c| c.is_alphanumeric() || *c == '_').collect();
        if let Some(size) = self.named.get(&name) {
            return Affine::from(*size);
        }
        let size = self.new_size(&name, SizeKind::Item);
        self.items.insert(size, tokens.clone());
        self.named.insert(name, size);
        Affine::from(size)
    }

    fn new_size(&mut self, name: &str, kind: SizeKind) -> Size {
        self.program.sizes.push(SizeVar { name: name.to_owned(), kind });
        Size(self.program.sizes.len() as u32 - 1)
    }

    fn param(&mut self, position: usize, typed: &syn::PatType, options: &Options) -> Param {
        if let Some(attribute) = typed.attrs.iter().find(|a| a.path().is_ident("cfg") || a.path().is_ident("cfg_attr")) {
            let error = self.diagnostics.error(attribute.span(), "conditional compilation inside the function");
            error.help("put `#[cfg]` on whole functions");
        }
        let ident = match &*typed.pat {
            syn::Pat::Ident(p) => p.ident.clone(),
            _ => format_ident!("__p{position}", span = Span::mixed_site()),
        };
        let reference = matches!(&*typed.ty, Type::Reference(_));
        if let Type::Reference(r) = &*typed.ty {
            if let Some(token) = r.mutability {
                let error = self.diagnostics.error(token.span(), format!("`{ident}` is an out-parameter"));
                error.help("return the result instead");
            }
        }
        let name = ident.to_string();
        let name = name.trim_start_matches("r#");
        let kind = match self.see(&typed.ty) {
            Seen::Float(ty, float, ndarray) => {
                self.note_float(float, typed.ty.span());
                if ndarray.is_some() {
                    self.ndarray = ndarray;
                }
                let shape = self.shape(&ident, &ty, options);
                let tensor = self.program.tensor(name, shape, Role::Param);
                ParamKind::Float(ty, tensor, reference)
            }
            Seen::Truth => ParamKind::Truth(self.program.tensor(name, Vec::new(), Role::Truth), reference),
            Seen::Integer => ParamKind::Integer(self.new_size(name, SizeKind::Integer), reference),
            Seen::Other => ParamKind::Other,
        };
        Param { ident, ty: (*typed.ty).clone(), kind }
    }

    fn shape(&mut self, ident: &syn::Ident, ty: &Ty, options: &Options) -> Vec<Affine> {
        match ty {
            Ty::Scalar => Vec::new(),
            Ty::Array(lengths) => lengths
                .iter()
                .map(|tokens| match syn::parse2::<syn::LitInt>(tokens.clone()).ok().and_then(|l| l.base10_parse::<i64>().ok()) {
                    Some(n) => Affine::from(n),
                    None => self.item_length(tokens),
                })
                .collect(),
            Ty::Nd(rank) => {
                let given = options.shape.iter().find(|(name, _)| name == ident).map(|(_, axes)| axes.as_slice());
                (0..*rank)
                    .map(|axis| match given.and_then(|axes| axes.get(axis)) {
                        Some(AxisLength::Fixed(n)) => Affine::from(*n),
                        Some(AxisLength::Named(name)) => {
                            let key = name.to_string();
                            match self.named.get(&key) {
                                Some(size) => Affine::from(*size),
                                None => {
                                    let size = self.new_size(&key, SizeKind::Axis);
                                    self.named.insert(key, size);
                                    Affine::from(size)
                                }
                            }
                        }
                        _ => {
                            let size = self.new_size("", SizeKind::Axis);
                            self.lengths.flexible(size);
                            Affine::from(size)
                        }
                    })
                    .collect()
            }
        }
    }

    fn check_shape_option(&mut self, name: &syn::Ident, axes: usize, params: &[Param]) {
        match params.iter().find(|p| p.ident == *name).map(|p| &p.kind) {
            None => {
                self.diagnostics.error(name.span(), format!("no parameter named `{name}`"));
            }
            Some(ParamKind::Float(Ty::Nd(rank), ..)) if *rank == axes => {}
            Some(ParamKind::Float(Ty::Nd(rank), ..)) => {
                self.diagnostics.error(name.span(), format!("`{name}` has {rank} axes, {axes} lengths given"));
            }
            Some(_) => {
                self.diagnostics.error(name.span(), format!("the shape of `{name}` stands in its type")).help("leave it out");
            }
        }
    }

    fn note_float(&mut self, (float, tokens): (Float, TokenStream), span: Span) {
        if self.float.get_or_insert((float, tokens)).0 != float {
            let error = self.diagnostics.error(span, "`f32` and `f64` in one function");
            error.help("use one of them throughout");
        }
    }

    fn outputs(&mut self, output: &ReturnType, function: Span) -> (Vec<Ty>, bool) {
        let ReturnType::Type(_, ty) = output else {
            if self.diagnostics.is_empty() {
                self.diagnostics.error(function, "the function returns nothing").help("return what is to be differentiated");
            }
            return (Vec::new(), false);
        };
        let (types, tuple): (Vec<&Type>, bool) = match strip(ty) {
            Type::Tuple(tuple) => (tuple.elems.iter().collect(), true),
            single => (vec![single], false),
        };
        let mut outputs = Vec::new();
        for ty in types {
            if let Some(what) = borrowed(ty) {
                self.diagnostics.error(ty.span(), format!("the result is {what}")).help("return an owned array: `.to_owned()`");
                continue;
            }
            match self.see(ty) {
                Seen::Float(shape, float, ndarray) => {
                    self.note_float(float, ty.span());
                    if ndarray.is_some() {
                        self.ndarray = ndarray;
                    }
                    outputs.push(shape);
                }
                _ => {
                    let tokens = ty.to_token_stream();
                    let error = self.diagnostics.error(ty.span(), format!("cannot differentiate a result of type `{tokens}`"));
                    error.help("return `f64`, `[f64; N]`, an ndarray `Array`, or a tuple of these");
                }
            }
        }
        (outputs, tuple)
    }

    fn see(&mut self, ty: &Type) -> Seen {
        match strip(ty) {
            Type::Array(array) => {
                let length = array.len.to_token_stream();
                match self.see(&array.elem) {
                    Seen::Float(Ty::Scalar, float, _) => Seen::Float(Ty::Array(vec![length]), float, None),
                    Seen::Float(Ty::Array(mut lengths), float, _) => {
                        lengths.insert(0, length);
                        Seen::Float(Ty::Array(lengths), float, None)
                    }
                    _ => Seen::Other,
                }
            }
            Type::Path(path) => {
                let Some(last) = path.path.segments.last() else { return Seen::Other };
                let name = last.ident.to_string();
                match name.as_str() {
                    "f64" => return Seen::Float(Ty::Scalar, (Float::F64, path.to_token_stream()), None),
                    "f32" => return Seen::Float(Ty::Scalar, (Float::F32, path.to_token_stream()), None),
                    "bool" => return Seen::Truth,
                    _ if INTEGERS.contains(&name.as_str()) => return Seen::Integer,
                    _ => {}
                }
                self.ndarray_type(&path.path, &name)
            }
            _ => Seen::Other,
        }
    }

    fn ndarray_type(&mut self, path: &syn::Path, name: &str) -> Seen {
        let Some(last) = path.segments.last() else { return Seen::Other };
        let PathArguments::AngleBracketed(arguments) = &last.arguments else { return Seen::Other };
        let types: Vec<&Type> = arguments
            .args
            .iter()
            .filter_map(|a| match a {
                GenericArgument::Type(t) => Some(t),
                _ => None,
            })
            .collect();
        let float = match types.first().map(|t| self.see(t)) {
            Some(Seen::Float(Ty::Scalar, float, _)) => float,
            _ => return Seen::Other,
        };
        let digits = |text: &str| text.parse::<usize>().ok().filter(|rank| *rank <= 6);
        let stem = ["ArrayView", "ArrayRef", "ArcArray", "Array"].iter().find_map(|stem| name.strip_prefix(stem));
        let rank = match (stem, types.get(1)) {
            (Some(rank), None) if !rank.is_empty() => digits(rank),
            (Some(""), Some(dimension)) => dimension.to_token_stream().to_string().rsplit("Ix").next().and_then(digits),
            _ => None,
        };
        let Some(rank) = rank else { return Seen::Other };
        let mut prefix = path.clone();
        prefix.segments.pop();
        prefix.segments.pop_punct();
        let prefix = (!prefix.segments.is_empty()).then(|| prefix.to_token_stream());
        Seen::Float(Ty::Nd(rank), float, prefix)
    }
}

/// What a result is that the generated code cannot build.
fn borrowed(ty: &Type) -> Option<&'static str> {
    match ty {
        Type::Reference(_) => Some("a reference"),
        Type::Path(path) => {
            let name = path.path.segments.last()?.ident.to_string();
            ["ArrayView", "ArrayRef", "ArcArray"].iter().any(|stem| name.starts_with(stem)).then_some("a view")
        }
        _ => None,
    }
}

fn strip(ty: &Type) -> &Type {
    match ty {
        Type::Reference(r) => strip(&r.elem),
        Type::Paren(p) => strip(&p.elem),
        Type::Group(g) => strip(&g.elem),
        other => other,
    }
}
