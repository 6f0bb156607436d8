//! What does not depend on the parameters that are differentiated by: fields of structs, constants
//! from outside, calls on them.
//!
//! Such an expression stays Rust until its use tells its type; then it becomes a constant that the
//! generated function evaluates on entry, or where the function reads it if that might panic elsewhere.

use super::body::{Eval, Reader};
use super::integers::Int;
use super::source::Home;
use super::types::{new_size, Seen};
use super::value::{Closure, Library, Truth, Value};
use crate::interface::{Param, ParamKind, Ty};
use crate::ir::{self, Affine, Expr, Node, Role, SizeKind};
use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, ToTokens};
use std::rc::Rc;
use syn::parse_quote;
use syn::spanned::Spanned;

impl Reader<'_> {
    /// The Rust that an argument is, if it is a constant.
    pub(super) fn as_opaque(&mut self, value: &Value) -> Option<syn::Expr> {
        match value {
            Value::Opaque(e) | Value::Word(e) => Some((**e).clone()),
            Value::Int(a) => {
                let k = a.known()?;
                let literal = proc_macro2::Literal::i64_unsuffixed(k.abs());
                Some(if k < 0 { parse_quote!(-#literal) } else { parse_quote!(#literal) })
            }
            // of a type parameter there are no literals
            Value::Float(e) if self.types.generic.is_none() => {
                let x = self.program.arena.as_const(*e)?.to_f64();
                let literal = proc_macro2::Literal::f64_unsuffixed(x.abs());
                Some(if x < 0.0 { parse_quote!(-#literal) } else { parse_quote!(#literal) })
            }
            Value::Truth(Truth::Known(b)) => Some(parse_quote!(#b)),
            _ => None,
        }
    }

    /// The constant as a float.
    pub(super) fn opaque_float(&mut self, e: &syn::Expr) -> Eval<Expr> {
        let mut e = e;
        while let syn::Expr::Reference(r) = e {
            e = &r.expr;
        }
        let float = self.float_type();
        let ty: syn::Type = parse_quote!(#float);
        // an item cannot be of the type parameter
        let converted = match (&self.types.generic, e) {
            (Some(generic), syn::Expr::Path(p)) if p.qself.is_none() => {
                let first = p.path.segments.first().map(|s| &s.ident);
                let is_item = p.path.segments.last().is_some_and(|s| super::value::is_constant(&s.ident.to_string()))
                    && first.is_some_and(|first| *first != generic.ident && first != "Self");
                is_item.then(|| super::floats::in_float_type(generic, e))
            }
            _ => None,
        };
        let e = converted.as_ref().unwrap_or(e);
        let tensor = self.constant(e, &ty, |r, name| ParamKind::Float(Ty::Scalar, r.program.tensor(name, Vec::new(), Role::Param), false));
        match tensor {
            ParamKind::Float(_, tensor, _) => Ok(self.read_here(tensor)),
            _ => self.fail(e.span(), "this constant is used as a float and as something else", "bind it with `let` and its type"),
        }
    }

    /// The constant as an integer.
    pub(super) fn opaque_integer(&mut self, e: &syn::Expr) -> Eval<Affine> {
        let ty: syn::Type = parse_quote!(_);
        match self.constant(e, &ty, |r, name| ParamKind::Integer(new_size(&mut r.program, name, SizeKind::Integer), false)) {
            ParamKind::Integer(size, _) => Ok(Affine::from(size)),
            _ => self.fail(e.span(), "this constant is used as an integer and as something else", "bind it with `let` and its type"),
        }
    }

    /// The constant as a truth value.
    pub(super) fn opaque_truth(&mut self, e: &syn::Expr) -> Eval<Truth> {
        let ty: syn::Type = parse_quote!(::core::primitive::bool);
        match self.constant(e, &ty, |r, name| ParamKind::Truth(r.program.tensor(name, Vec::new(), Role::Truth), false)) {
            ParamKind::Truth(tensor, _) => Ok(Truth::Open(self.read_here(tensor))),
            _ => self.fail(e.span(), "this constant is used as a condition and as something else", "bind it with `let` and its type"),
        }
    }

    /// The constant as a value of the same kind as another.
    pub(super) fn like(&mut self, e: Rc<syn::Expr>, other: &Value) -> Eval {
        Ok(match other {
            Value::Int(int) => Value::Int(Int { at: self.opaque_integer(&e)?, ty: int.ty, cast: false }),
            Value::Truth(_) => Value::Truth(self.opaque_truth(&e)?),
            Value::Tensor(t) if t.library == Library::Nalgebra => match self.declared_value(&e)? {
                Some(value) => value,
                None => Value::Float(self.opaque_float(&e)?),
            },
            Value::Float(_) | Value::Tensor(_) => Value::Float(self.opaque_float(&e)?),
            _ => Value::Opaque(e),
        })
    }

    /// A value whose type stands beside it: a constant of unknown type gets it.
    pub(super) fn typed(&mut self, value: Value, ty: &syn::Type) -> Eval {
        let value = match value {
            Value::Option(..) if matches!(self.types.see(ty), Seen::Float(Ty::Scalar, ..)) => value.definite(),
            value => value,
        };
        let e = match value {
            Value::Opaque(e) => e,
            Value::Generator(f) => match super::types::strip(ty) {
                syn::Type::Array(array) => {
                    let length = array.len.clone();
                    return self.generated(&f, &length);
                }
                _ => return Ok(Value::Generator(f)),
            },
            Value::Int(int) => {
                return match self.types.see(ty) {
                    Seen::Integer(ty) => self.typed_integer(int, ty, self.here),
                    _ => Ok(Value::Int(int)),
                }
            }
            Value::Array(items) => return self.typed_items(items, ty),
            Value::Tuple(items) => match super::types::strip(ty) {
                syn::Type::Tuple(tuple) if tuple.elems.len() == items.len() => {
                    let items = items.into_iter().zip(&tuple.elems).map(|(v, ty)| self.typed(v, ty)).collect::<Eval<_>>()?;
                    return Ok(Value::Tuple(items));
                }
                _ => return Ok(Value::Tuple(items)),
            },
            other => return Ok(other),
        };
        match self.types.see(ty) {
            Seen::Float(Ty::Scalar, ..) => Ok(Value::Float(self.opaque_float(&e)?)),
            Seen::Integer(ty) => Ok(Value::Int(Int { at: self.opaque_integer(&e)?, ty: Some(ty), cast: false })),
            Seen::Truth => Ok(Value::Truth(self.opaque_truth(&e)?)),
            Seen::Float(layout, _, ndarray) => {
                if ndarray.is_some() {
                    self.types.ndarray = ndarray;
                }
                let kind = self.constant(&e, ty, |r, name| {
                    let shape = r.types.shape(&mut r.program, &mut r.lengths, None, &layout);
                    ParamKind::Float(layout.clone(), r.program.tensor(name, shape, Role::Param), false)
                });
                self.param(&kind, e.span())
            }
            Seen::Other => Ok(Value::Opaque(e)),
        }
    }

    /// The type that is declared for a constant from outside, and where that is written: of `self`, parameters and their fields.
    fn declared_type(&self, e: &syn::Expr) -> Option<(syn::Type, Home)> {
        let home = self.helpers.home.as_ref()?;
        match e {
            syn::Expr::Path(p) if p.path.is_ident("self") => home.owner(),
            syn::Expr::Path(p) => {
                let (_, ty) = self.unread.iter().find(|(name, _)| p.path.is_ident(name))?;
                Some((ty.clone(), home.clone()))
            }
            syn::Expr::Field(f) => {
                let (ty, home) = self.declared_type(&f.base)?;
                let field = home.field(&ty, &f.member.to_token_stream().to_string())?;
                Some((field.ty, field.home))
            }
            syn::Expr::Paren(p) => self.declared_type(&p.expr),
            syn::Expr::Reference(r) => self.declared_type(&r.expr),
            _ => None,
        }
    }

    /// A constant from outside as the list or array that its declaration says it is.
    pub(super) fn declared_value(&mut self, e: &syn::Expr) -> Eval<Option<Value>> {
        let Some((ty, home)) = self.declared_type(e) else { return Ok(None) };
        let outer = self.types.home.replace(home);
        let seen = self.types.see(&ty);
        self.types.home = outer;
        let Seen::Float(layout @ (Ty::Array(_) | Ty::Slice | Ty::Nd(1..) | Ty::Matrix(_)), (float, _), _) = seen else { return Ok(None) };
        if float != self.program.float {
            return Ok(None);
        }
        let e = receiver(e);
        let kind = self.constant(&parse_quote!(&#e), &parse_quote!(_), |r, name| {
            let shape = r.types.shape(&mut r.program, &mut r.lengths, None, &layout);
            ParamKind::Float(layout.clone(), r.program.tensor(name, shape, Role::Param), false)
        });
        self.param(&kind, e.span()).map(Some)
    }

    /// The method of that name of the type that is declared for a constant from outside.
    pub(super) fn method_of_declared(&mut self, e: &syn::Expr, name: &str) -> Option<Rc<Closure>> {
        let (ty, home) = self.declared_type(e)?;
        self.method_in(&home, &ty, name)
    }

    /// If a field cannot be seen from the annotated function, that in words.
    pub(super) fn private_field(&self, e: &syn::Expr, member: &syn::Member) -> Option<String> {
        let (ty, home) = self.declared_type(e)?;
        let name = member.to_token_stream().to_string();
        let field = home.field(&ty, &name)?;
        let is_seen = field.home.shows(&field.visibility, self.helpers.home.as_ref()?);
        (!is_seen).then(|| format!("the field `{name}` of `{}` is private", super::types::strip(&ty).to_token_stream()))
    }

    /// An array whose type stands beside it.
    fn typed_items(&mut self, items: Vec<Value>, ty: &syn::Type) -> Eval {
        // floats have their type already
        let plain = |v: &Value| matches!(v, Value::Float(_));
        let element = match super::types::strip(ty) {
            syn::Type::Array(array) => &array.elem,
            syn::Type::Slice(slice) => &slice.elem,
            syn::Type::Path(path) => match (self.types.see(ty), super::types::first_type(&path.path)) {
                (Seen::Float(Ty::Nd(_), ..), _) => return self.nested(&Value::Array(items), self.here),
                (_, Some(element)) => element,
                _ => return Ok(Value::Array(items)),
            },
            _ => return Ok(Value::Array(items)),
        };
        if items.iter().all(plain) {
            return Ok(Value::Array(items));
        }
        self.spend(items.len(), self.here)?;
        Ok(Value::Array(items.into_iter().map(|v| self.typed(v, element)).collect::<Eval<_>>()?))
    }

    /// Whether the function comes here whatever happens.
    fn is_certain(&self) -> bool {
        self.branches == 0 && self.jumps.is_empty()
    }

    /// A constant from outside, read in this place: if that is certain to happen, it may be evaluated on entry.
    fn read_here(&mut self, tensor: ir::Tensor) -> Expr {
        if self.is_certain() {
            self.program.lazy.swap_remove(&tensor);
        }
        self.program.arena.insert(Node::Access(tensor, Vec::new()))
    }

    /// Whether a tensor is a constant from outside.
    pub(super) fn is_constant(&self, tensor: ir::Tensor) -> bool {
        let is = |c: &Param| matches!(&c.kind, ParamKind::Float(_, t, _) | ParamKind::Truth(t, _) if *t == tensor);
        self.constants.iter().any(is)
    }

    /// The constant `e`, declared at its first use.
    fn constant(&mut self, e: &syn::Expr, ty: &syn::Type, kind: impl FnOnce(&mut Self, &str) -> ParamKind) -> ParamKind {
        let source = e.to_token_stream();
        let text = source.to_string();
        if let Some(known) = self.constants.iter().find(|c| c.source.as_ref().is_some_and(|s| s.to_string() == text)) {
            return known.kind.clone();
        }
        let name = constant_name(e);
        let kind = kind(self, &name);
        // what might panic is evaluated only behind the conditions of this place
        if let (ParamKind::Float(Ty::Scalar, tensor, _) | ParamKind::Truth(tensor, _), false) = (&kind, self.is_certain() || is_field(e)) {
            self.program.lazy.insert(*tensor);
        }
        let ident = match &kind {
            ParamKind::Float(_, tensor, _) | ParamKind::Truth(tensor, _) | ParamKind::Out(_, tensor) => {
                format_ident!("__{}", self.program.info(*tensor).name, span = Span::mixed_site())
            }
            _ => format_ident!("__{name}_{}", self.constants.len(), span = Span::mixed_site()),
        };
        self.constants.push(Param { ident, ty: ty.clone(), kind: kind.clone(), source: Some(source) });
        kind
    }

    pub(super) fn float_type(&self) -> TokenStream {
        self.types.float.as_ref().map_or_else(|| quote!(f64), |(_, tokens)| tokens.clone())
    }
}

/// Whether reading it cannot panic: a path, or a field of one.
fn is_field(e: &syn::Expr) -> bool {
    match e {
        syn::Expr::Path(_) | syn::Expr::Lit(_) => true,
        syn::Expr::Field(f) => is_field(&f.base),
        syn::Expr::Paren(p) => is_field(&p.expr),
        syn::Expr::Reference(r) => is_field(&r.expr),
        _ => false,
    }
}

/// An expression as what a field, index or method is taken of: without a reference, in parentheses
/// where it needs them.
pub(super) fn receiver(e: &syn::Expr) -> syn::Expr {
    match e {
        syn::Expr::Reference(r) => receiver(&r.expr),
        syn::Expr::Unary(_) | syn::Expr::Cast(_) | syn::Expr::Binary(_) => parse_quote!((#e)),
        e => e.clone(),
    }
}

/// A name for a constant: the last name in it.
fn constant_name(e: &syn::Expr) -> String {
    match e {
        syn::Expr::Field(f) => match &f.member {
            syn::Member::Named(name) => name.to_string(),
            syn::Member::Unnamed(at) => format!("{}_{}", constant_name(&f.base), at.index),
        },
        syn::Expr::Path(p) => p.path.segments.last().map_or_else(|| "c".to_owned(), |s| s.ident.to_string()),
        syn::Expr::MethodCall(call) if call.method == "unwrap" => constant_name(&call.receiver),
        syn::Expr::MethodCall(call) => call.method.to_string(),
        syn::Expr::Call(call) => match (constant_name(&call.func), call.args.first()) {
            (name, Some(argument)) if name.starts_with("from") => constant_name(argument),
            (name, _) => name,
        },
        syn::Expr::Index(index) => match &*index.index {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(k), .. }) => format!("{}_{}", constant_name(&index.expr), k.base10_digits()),
            _ => constant_name(&index.expr),
        },
        syn::Expr::Reference(r) => constant_name(&r.expr),
        syn::Expr::Paren(p) => constant_name(&p.expr),
        syn::Expr::Unary(u) => constant_name(&u.expr),
        syn::Expr::Cast(c) => constant_name(&c.expr),
        _ => "c".to_owned(),
    }
    .trim_start_matches("r#")
    .to_owned()
}
