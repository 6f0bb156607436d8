//! Rust types: which of them are tensors, and of what shape.

use super::attribute::AxisLength;
use super::integers::IntType;
use super::lengths::Lengths;
use super::source::{Found, Home, Space};
use crate::interface::{Generic, Matrix, Ty};
use crate::ir::{Affine, Float, Program, Size, SizeKind, SizeVar};
use proc_macro2::TokenStream;
use quote::ToTokens;
use std::collections::BTreeMap;
use syn::{GenericArgument, PathArguments, Type};

/// A type as far as its tokens tell.
pub(super) enum Seen {
    /// Floats of a layout, with the float type and, for an ndarray type, the path before it.
    Float(Ty, (Float, TokenStream), Option<TokenStream>),
    Integer(IntType),
    Truth,
    Other,
}

/// Names of types may stand for one another only so often.
const MOST_ALIASES: usize = 16;

/// What the types of a function have told so far.
#[derive(Debug, Default)]
pub(super) struct Types {
    /// What a const generic or `const` item is written as.
    pub items: BTreeMap<Size, TokenStream>,
    /// The lengths that have a name.
    pub named: BTreeMap<String, Size>,
    /// The floating-point type, as written.
    pub float: Option<(Float, TokenStream)>,
    /// The path of the user's ndarray.
    pub ndarray: Option<TokenStream>,
    /// The type parameter that stands for the float type.
    pub generic: Option<Generic>,
    /// The type parameters that stand for no float type.
    pub others: Vec<syn::Ident>,
    /// Where names of types are looked up.
    pub home: Option<Home>,
    /// The type parameters of the function that is read, if it is not the annotated one: they are the float type.
    pub floats: Vec<syn::Ident>,
    /// The names of types that were followed to here.
    aliases: usize,
}

impl Types {
    /// What is known before anything is seen, in a place.
    pub fn at(home: Option<Home>) -> Types {
        Types { home, ..Types::default() }
    }

    /// Whether a float type is another than the type parameter that stands for it.
    pub fn is_other_float(&self, float: &TokenStream) -> bool {
        self.generic.as_ref().is_some_and(|generic| generic.ident != float.to_string())
    }

    /// The length that a const generic or item stands for.
    pub fn item_length(&mut self, program: &mut Program, tokens: &TokenStream) -> Affine {
        let name: String = tokens.to_string().chars().filter(|c| c.is_alphanumeric() || *c == '_').collect();
        if let Some(size) = self.named.get(&name) {
            return Affine::from(*size);
        }
        let size = new_size(program, &name, SizeKind::Item);
        self.items.insert(size, tokens.clone());
        self.named.insert(name, size);
        Affine::from(size)
    }

    /// The lengths of the axes of a parameter; `given` are those of the `shape` option.
    pub fn shape(&mut self, program: &mut Program, lengths: &mut Lengths, given: Option<&[AxisLength]>, ty: &Ty) -> Vec<Affine> {
        if let Ty::Array(lengths) = ty {
            return lengths.iter().map(|tokens| self.known_length(program, tokens)).collect();
        }
        let fixed: Vec<Option<Affine>> = match ty {
            Ty::Matrix(m) => m.lengths.iter().map(|n| n.as_ref().map(|n| self.known_length(program, n))).collect(),
            _ => Vec::new(),
        };
        let mut axis_length = |axis: usize| match given.and_then(|axes| axes.get(axis)) {
            Some(AxisLength::Fixed(n)) => Affine::from(*n),
            Some(AxisLength::Named(name)) => {
                let key = name.to_string();
                let size = self.named.entry(key.clone()).or_insert_with(|| new_size(program, &key, SizeKind::Axis));
                Affine::from(*size)
            }
            _ => {
                let size = new_size(program, "", SizeKind::Axis);
                lengths.flexible(size);
                Affine::from(size)
            }
        };
        (0..ty.rank()).map(|axis| fixed.get(axis).cloned().flatten().unwrap_or_else(|| axis_length(axis))).collect()
    }

    /// What a type is.
    pub fn see(&self, ty: &Type) -> Seen {
        match strip(ty) {
            Type::Array(array) => {
                let length = self.length(&array.len);
                match self.see(&array.elem) {
                    Seen::Float(Ty::Scalar, float, _) => Seen::Float(Ty::Array(vec![length]), float, None),
                    Seen::Float(Ty::Array(mut lengths), float, _) => {
                        lengths.insert(0, length);
                        Seen::Float(Ty::Array(lengths), float, None)
                    }
                    _ => Seen::Other,
                }
            }
            Type::Slice(slice) => match self.see(&slice.elem) {
                Seen::Float(Ty::Scalar, float, _) => Seen::Float(Ty::Slice, float, None),
                _ => Seen::Other,
            },
            Type::Path(path) => {
                let Some(last) = path.path.segments.last() else { return Seen::Other };
                let name = last.ident.to_string();
                if let (Some(generic), Some(ident)) = (&self.generic, path.path.get_ident()) {
                    if generic.ident == *ident {
                        return Seen::Float(Ty::Scalar, (Float::F64, ident.to_token_stream()), None);
                    }
                }
                if path.path.get_ident().is_some_and(|ident| self.floats.contains(ident)) {
                    return Seen::Float(Ty::Scalar, self.float.clone().unwrap_or((Float::F64, quote::quote!(f64))), None);
                }
                match name.as_str() {
                    "f64" => Seen::Float(Ty::Scalar, (Float::F64, path.to_token_stream()), None),
                    "f32" => Seen::Float(Ty::Scalar, (Float::F32, path.to_token_stream()), None),
                    "bool" => Seen::Truth,
                    "Vec" => match first_type(&path.path).map(|t| self.see(t)) {
                        Some(Seen::Float(Ty::Scalar, float, _)) => Seen::Float(Ty::Slice, float, None),
                        _ => Seen::Other,
                    },
                    _ => match IntType::named(&name).map_or_else(|| self.ndarray_type(&path.path, &name), Seen::Integer) {
                        Seen::Other => match self.nalgebra_type(&path.path) {
                            Seen::Other => self.aliased(&path.path),
                            seen => seen,
                        },
                        seen => seen,
                    },
                }
            }
            _ => Seen::Other,
        }
    }

    /// The type that another name stands for.
    pub fn meant(&self, path: &syn::Path) -> Option<Type> {
        let (mut ty, mut home) = self.home.as_ref()?.alias(path)?;
        for _ in 0..MOST_ALIASES {
            let Type::Path(path) = &ty else { break };
            let Some((next, there)) = home.alias(&path.path) else { break };
            (ty, home) = (next, there);
        }
        Some(ty)
    }

    /// What another name of a type stands for.
    fn aliased(&self, path: &syn::Path) -> Seen {
        let Some((ty, home)) = self.home.as_ref().and_then(|home| home.alias(path)) else { return Seen::Other };
        // a name may stand for itself in another place only so often
        if self.aliases == MOST_ALIASES {
            return Seen::Other;
        }
        let there = Types {
            home: Some(home),
            generic: self.generic.clone(),
            float: self.float.clone(),
            floats: self.floats.clone(),
            aliases: self.aliases + 1,
            ..Types::default()
        };
        there.see(&ty)
    }

    /// A length as it is written, or the number that it is elsewhere in the crate.
    fn length(&self, length: &syn::Expr) -> TokenStream {
        let is_literal = matches!(length, syn::Expr::Lit(_));
        match self.home.as_ref().filter(|_| !is_literal).and_then(|home| home.integer(length)) {
            Some(n) if n >= 0 => proc_macro2::Literal::i64_unsuffixed(n).to_token_stream(),
            _ => length.to_token_stream(),
        }
    }

    fn ndarray_type(&self, path: &syn::Path, name: &str) -> Seen {
        let Some(last) = path.segments.last() else { return Seen::Other };
        let types = type_arguments(last);
        let float = match types.first().map(|t| self.see(t)) {
            Some(Seen::Float(Ty::Scalar, float, _)) => float,
            _ => return Seen::Other,
        };
        let digits = |text: &str| text.parse::<usize>().ok().filter(|rank| *rank <= 6);
        let stem = ["ArrayViewMut", "ArrayView", "ArrayRef", "ArcArray", "Array"].iter().find_map(|stem| name.strip_prefix(stem));
        let rank = match (stem, types.get(1)) {
            (Some(rank), None) if !rank.is_empty() => digits(rank),
            (Some(""), Some(dimension)) => dimension.to_token_stream().to_string().rsplit("Ix").next().and_then(digits),
            _ => None,
        };
        let Some(rank) = rank else { return Seen::Other };
        let prefix = without_last(path);
        let prefix = (!prefix.segments.is_empty()).then(|| prefix.to_token_stream());
        Seen::Float(Ty::Nd(rank), float, prefix)
    }

    fn nalgebra_type(&self, path: &syn::Path) -> Seen {
        let Some(matrix) = self.matrix(path) else { return Seen::Other };
        match path.segments.last().and_then(|last| type_arguments(last).first().map(|t| self.see(t))) {
            Some(Seen::Float(Ty::Scalar, float, _)) => Seen::Float(Ty::Matrix(matrix), float, None),
            _ => Seen::Other,
        }
    }

    /// The type of nalgebra that a path names.
    pub fn matrix(&self, path: &syn::Path) -> Option<Matrix> {
        let length = |e: &syn::Expr| self.length(e);
        // most names are none of it
        super::nalgebra::type_of(path, &TokenStream::new(), &length)?;
        let found = self.home.as_ref().and_then(|home| home.find(path, Space::Type));
        let names = match &found {
            Some(Found::External(names)) => Some(names.as_slice()),
            Some(_) => return None,
            // of a macro, perhaps; nalgebra's only by a glob
            None if self.home.is_some() && path.segments.len() == 1 => {
                let globs = self.home.as_ref().map(Home::globs).unwrap_or_default();
                let from = globs.into_iter().find(|path| path.iter().any(|name| super::nalgebra::is_library(name)))?;
                let library = super::nalgebra::library(path, Some(&from))?;
                return super::nalgebra::type_of(path, &library, &length);
            }
            None => None,
        };
        let library = super::nalgebra::library(path, names)?;
        super::nalgebra::type_of(path, &library, &length)
    }

    /// A length that stands in a type.
    pub fn known_length(&mut self, program: &mut Program, tokens: &TokenStream) -> Affine {
        let literal = syn::parse2::<syn::LitInt>(tokens.clone()).ok().and_then(|n| n.base10_parse::<i64>().ok());
        literal.map_or_else(|| self.item_length(program, tokens), Affine::from)
    }

    /// Notes the float type of one part of the signature; false if another was seen before.
    pub fn note(&mut self, (float, tokens): (Float, TokenStream), ndarray: Option<TokenStream>) -> bool {
        if ndarray.is_some() {
            self.ndarray = ndarray;
        }
        let same = |known: &(Float, TokenStream)| known.0 == float && (self.generic.is_none() || known.1.to_string() == tokens.to_string());
        match &self.float {
            Some(known) => same(known),
            None => {
                self.float = Some((float, tokens));
                true
            }
        }
    }
}

pub(super) fn new_size(program: &mut Program, name: &str, kind: SizeKind) -> Size {
    program.sizes.push(SizeVar { name: name.to_owned(), kind });
    Size(program.sizes.len() as u32 - 1)
}

/// The path before the last name.
pub(super) fn without_last(path: &syn::Path) -> syn::Path {
    let mut before = path.clone();
    before.segments.pop();
    before.segments.pop_punct();
    before
}

/// The type without references and parentheses.
pub fn strip(ty: &Type) -> &Type {
    match ty {
        Type::Reference(r) => strip(&r.elem),
        Type::Paren(p) => strip(&p.elem),
        Type::Group(g) => strip(&g.elem),
        other => other,
    }
}

fn type_arguments(segment: &syn::PathSegment) -> Vec<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return Vec::new() };
    let types = arguments.args.iter().filter_map(|a| match a {
        GenericArgument::Type(t) => Some(t),
        _ => None,
    });
    types.collect()
}

/// The first type in the angle brackets of a path.
pub fn first_type(path: &syn::Path) -> Option<&Type> {
    type_arguments(path.segments.last()?).first().copied()
}
