//! Structs of the crate's own: literals, tuple structs, methods and operators.

use super::body::{Eval, Reader};
use super::source::Home;
use super::value::{Closure, Struct, Value};
use crate::ops::Op;
use proc_macro2::Span;
use quote::ToTokens;
use std::rc::Rc;
use syn::spanned::Spanned;

impl Reader<'_> {
    /// The type that a path names, with `Self` as what it is.
    fn struct_type(&self, path: &syn::Path) -> Option<(Rc<syn::Type>, Home)> {
        let home = self.types.home.clone()?;
        if path.is_ident("Self") {
            let (ty, home) = home.owner()?;
            return Some((Rc::new(ty), home));
        }
        Some((Rc::new(syn::parse_quote!(#path)), home))
    }

    /// `S { a, b: 1.0, ..base }`
    pub(super) fn struct_literal(&mut self, e: &syn::ExprStruct) -> Eval {
        if self.enum_around(&e.path).is_some() {
            return self.fail(e.span(), "a variant with fields is not supported", "pass what it holds as parameters");
        }
        let ty = self.struct_type(&e.path);
        let mut fields: Vec<(String, Value)> = Vec::new();
        for field in &e.fields {
            let name = field.member.to_token_stream().to_string();
            let declared = ty.as_ref().and_then(|(ty, home)| home.field(ty, &name));
            let value = self.expr_of(&field.expr, declared.as_ref().map(|f| f.ty.clone()))?;
            let value = self.read_through(value)?;
            let value = match declared {
                Some(f) => {
                    let outer = self.types.home.replace(f.home);
                    let typed = self.typed(value, &f.ty);
                    self.types.home = outer;
                    typed?
                }
                None => value,
            };
            fields.push((name, value));
        }
        if let Some(base) = &e.rest {
            let rest = match self.referent(base)? {
                Value::Struct(base) => base.fields,
                Value::Opaque(base) => {
                    let names = ty.as_ref().and_then(|(ty, home)| home.fields(ty)).unwrap_or_default();
                    let field = |name: String| {
                        let member = syn::Ident::new(&name, Span::call_site());
                        let value = Value::Opaque(Rc::new(syn::parse_quote!(#base.#member)));
                        (name, value)
                    };
                    names.into_iter().map(field).collect()
                }
                other => return self.fail(base.span(), format!("expected a struct, found {}", other.kind()), ""),
            };
            let own: Vec<String> = fields.iter().map(|(name, _)| name.clone()).collect();
            fields.extend(rest.into_iter().filter(|(name, _)| !own.contains(name)));
        }
        // in the order of the definition, so that two of one type are alike
        if let Some(order) = ty.as_ref().and_then(|(ty, home)| home.fields(ty)) {
            fields.sort_by_key(|(name, _)| order.iter().position(|own| own == name));
        }
        Ok(Value::Struct(Struct { ty, fields }))
    }

    /// `S(a, b)`, if that is a tuple struct of the crate's own.
    pub(super) fn tuple_struct(&mut self, path: &syn::Path, arguments: &[Value]) -> Option<Value> {
        let ty = self.struct_type(path)?;
        let names =
            ty.1.fields(&ty.0)
                .filter(|names| names.len() == arguments.len() && names.iter().enumerate().all(|(k, n)| *n == k.to_string()))?;
        Some(Value::Struct(Struct { ty: Some(ty), fields: names.into_iter().zip(arguments.iter().cloned()).collect() }))
    }

    /// A method of a struct.
    pub(super) fn struct_method(&mut self, s: Struct, name: &str, arguments: Vec<Value>, span: Span) -> Eval {
        let found = s.ty.clone().and_then(|(ty, home)| self.method_in(&home, &ty, name));
        match found {
            Some(f) => self.call_closure(&f, std::iter::once(Value::Struct(s)).chain(arguments).collect(), span),
            None => self.no_method(name, "this struct", [], span),
        }
    }

    /// A call of a method on what holds a struct: one that changes it gets a reference.
    pub(super) fn struct_call(&mut self, s: Struct, name: &str, call: &syn::ExprMethodCall, span: Span) -> Eval {
        let found = s.ty.clone().and_then(|(ty, home)| self.method_in(&home, &ty, name));
        let Some(f) = found else { return self.no_method(name, "this struct", [], span) };
        let receiver = if f.changes_self { Value::Reference(self.place(&call.receiver)?) } else { Value::Struct(s) };
        let arguments = self.arguments(&call.args)?;
        self.call_closure(&f, std::iter::once(receiver).chain(arguments).collect(), span)
    }

    /// An operator whose left side is a struct: the method of its trait.
    pub(super) fn struct_op(&mut self, op: Op, a: Struct, b: Value, span: Span) -> Eval {
        let name = match op {
            Op::Add => "add",
            Op::Sub => "sub",
            Op::Mul => "mul",
            Op::Div => "div",
            Op::Rem => "rem",
            _ => return self.fail(span, format!("cannot apply `{}` to a struct", op.name()), ""),
        };
        let Some((ty, home)) = a.ty.clone() else { return self.struct_method(a, name, vec![b], span) };
        let mut found = self.methods_in(&home, &ty, name);
        if found.len() > 1 {
            found.retain(|f| self.takes(f, &b));
        }
        match found.as_slice() {
            [f] => {
                let f = Rc::clone(f);
                self.call_closure(&f, vec![Value::Struct(a), b], span)
            }
            [] => self.no_method(name, "this struct", [], span),
            _ => {
                self.fail(span, format!("there are several `{name}` of this struct"), "call the method that is meant by a name of its own")
            }
        }
    }

    /// Whether the type of the second parameter of a method fits a value.
    fn takes(&self, f: &Closure, value: &Value) -> bool {
        let Some(syn::Pat::Type(typed)) = f.inputs.get(1) else { return false };
        let ty = super::types::strip(&typed.ty);
        let name = |ty: &syn::Type| match super::types::strip(ty) {
            syn::Type::Path(p) => p.path.segments.last().map(|s| s.ident.to_string()),
            _ => None,
        };
        match value {
            Value::Float(_) => matches!(self.types.see(ty), super::types::Seen::Float(crate::interface::Ty::Scalar, ..)),
            Value::Struct(s) => {
                let own = s.ty.as_ref().and_then(|(ty, _)| name(ty));
                let is_self = name(ty).is_some_and(|n| n == "Self");
                let given = if is_self { f.home.as_ref().and_then(|home| home.owner()).and_then(|(ty, _)| name(&ty)) } else { name(ty) };
                own.is_some() && own == given
            }
            _ => false,
        }
    }
}
