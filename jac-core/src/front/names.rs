//! Literals, and what names stand for.

use super::body::{Eval, Reader, Stop};
use super::integers::{Int, IntType};
use super::source::{Found, Home, Space};
use super::types::without_last;
use super::value::{is_constant, Closure, Truth, Value};
use crate::diag::did_you_mean;
use crate::ir::{Affine, Constant, Expr, Float};
use proc_macro2::Span;
use quote::ToTokens;
use std::rc::Rc;
use syn::spanned::Spanned;
use syn::Lit;

impl Reader<'_> {
    pub(super) fn literal(&mut self, lit: &Lit) -> Eval {
        let float = |r: &mut Self, x: Result<f64, syn::Error>, span: Span| match x.ok().and_then(|x| r.rounded(x)) {
            Some(e) => Ok(Value::Float(e)),
            None => r.fail(span, "this literal is not a finite number", ""),
        };
        match lit {
            Lit::Float(_) | Lit::Int(_) if self.foreign_suffix(lit) => {
                let help = "use one float type throughout";
                self.fail(lit.span(), format!("a literal of another type than `{}`", self.program.float.name()), help)
            }
            Lit::Float(l) => float(self, l.base10_parse(), l.span()),
            Lit::Int(l) if matches!(l.suffix(), "f64" | "f32") => {
                float(self, l.base10_digits().parse().map_err(|_| syn::Error::new(l.span(), "")), l.span())
            }
            Lit::Int(l) => match l.base10_parse::<i64>() {
                Ok(n) => Ok(Value::Int(Int { at: Affine::from(n), ty: IntType::named(l.suffix()), cast: false })),
                Err(_) => self.fail(l.span(), "this integer is too large", ""),
            },
            Lit::Bool(l) => Ok(Value::Truth(Truth::Known(l.value))),
            other => Ok(Value::Word(Rc::new(syn::Expr::Lit(syn::ExprLit { attrs: Vec::new(), lit: other.clone() })))),
        }
    }

    /// Whether a literal says that it is a float of the other type.
    fn foreign_suffix(&self, lit: &Lit) -> bool {
        let suffix = match lit {
            Lit::Float(l) => l.suffix(),
            Lit::Int(l) => l.suffix(),
            _ => "",
        };
        suffix.starts_with('f') && suffix != self.program.float.name()
    }

    /// The constant that `x` is in the function's float type.
    pub(super) fn rounded(&mut self, x: f64) -> Option<Expr> {
        let x = match self.program.float {
            Float::F64 => x,
            Float::F32 => f64::from(x as f32),
        };
        Constant::from_f64(x).map(|c| self.program.arena.constant(c))
    }

    pub(super) fn float_constant(&mut self, x: f64, span: Span) -> Eval<Expr> {
        match self.rounded(x) {
            Some(e) => Ok(e),
            None => self.fail(span, "infinity and NaN are not supported as constants", "return them from code outside the function"),
        }
    }

    pub(super) fn path(&mut self, path: &syn::ExprPath) -> Eval {
        let segments: Vec<String> = path.path.segments.iter().map(|s| s.ident.to_string()).collect();
        let last = segments.last().map_or("", String::as_str);
        if let [name] = segments.as_slice() {
            if let Some(slot) = self.slot(name) {
                let slots = std::mem::take(&mut self.slots);
                let counted = self.copy(&slots[slot..=slot], path.span());
                self.slots = slots;
                counted?;
                return match &self.slots[slot] {
                    Value::Poison => Err(Stop::Reported),
                    Value::Unjoined(mistake) => {
                        let mistake = (**mistake).clone();
                        self.diagnostics.report(mistake);
                        self.slots[slot] = Value::Poison;
                        Err(Stop::Reported)
                    }
                    value => Ok(value.clone()),
                };
            }
            if let Some(e) = self.helpers.constants.get(name) {
                let outer = std::mem::take(&mut self.scope);
                let value = self.expr(e);
                self.scope = outer;
                return value;
            }
            if let Some(whole) = self.used(&path.path) {
                return self.path(&syn::ExprPath { path: whole, ..path.clone() });
            }
            if let (Some(value), false) = (self.constant_elsewhere(&path.path)?, name == "None") {
                return Ok(value);
            }
            if let Some(size) = self.types.named.get(name).filter(|size| self.types.items.contains_key(*size)) {
                return Ok(Value::position(*size));
            }
            if name == "None" {
                self.nothing.get_or_insert(path.span());
                return Ok(Value::none());
            }
            if !is_constant(name) {
                if let Some(f) = self.function_elsewhere(&path.path, path.span())? {
                    return Ok(Value::Closure(f));
                }
                let known: Vec<&str> = self.scope.iter().map(|(n, _)| n.as_str()).collect();
                let near = did_you_mean(name, known).map(|n| format!("a variable with a similar name exists: `{n}`"));
                let help = near.unwrap_or_else(|| "pass it as a parameter, or write it in capitals if it is a constant".into());
                return self.fail(path.span(), format!("cannot see `{name}` from here"), &help);
            }
        }
        let owner = segments.len().checked_sub(2).map_or("", |k| segments[k].as_str());
        if !matches!(owner, "" | "consts" | "f64" | "f32") && IntType::named(owner).is_none() {
            if let Some(value) = self.constant_elsewhere(&path.path)? {
                return Ok(value);
            }
        }
        if let Some(value) = self.integer_constant(owner, last, path.span())? {
            return Ok(value);
        }
        if self.is_float_type(owner) {
            if let Some(value) = self.float_constant_elsewhere(last, path.span())? {
                return Ok(value);
            }
        }
        if let Some(variant) = self.variant(path) {
            return Ok(variant);
        }
        let float_type = matches!(owner, "f64" | "f32");
        let limit = if float_type { self.float_limit(last) } else { None };
        let value = match limit {
            Some(x) => x,
            None => match FLOAT_CONSTANTS.iter().find(|(name, _)| owner == "consts" && *name == last) {
                Some((_, x)) => *x,
                None if is_constant(last) && self.abroad.is_none() => return Ok(Value::Opaque(Rc::new(syn::Expr::Path(path.clone())))),
                // what another place imports is not in scope here
                None if is_constant(last) => match self.types.home.as_ref().and_then(|home| home.find(&path.path, Space::Value)) {
                    Some(Found::External(names)) if names.len() > 1 => {
                        let whole = path_of(&names, path.span());
                        return Ok(Value::Opaque(Rc::new(syn::parse_quote!(::#whole))));
                    }
                    _ => return self.fail(path.span(), format!("cannot see `{}` from here", segments.join("::")), ""),
                },
                None => {
                    if let Some(f) = self.function_elsewhere(&path.path, path.span())? {
                        return Ok(Value::Closure(f));
                    }
                    let help = "declare it inside the function, or pass it as a parameter";
                    return self.fail(path.span(), format!("cannot see `{}` from here", segments.join("::")), help);
                }
            },
        };
        self.float_constant(value, path.span()).map(Value::Float)
    }
}

impl Reader<'_> {
    /// A constant of the float type, under the name that traits of floats give its function.
    pub(super) fn float_named(&self, name: &str) -> Option<f64> {
        match name {
            "epsilon" | "default_epsilon" => self.float_limit("EPSILON"),
            "max_value" => self.float_limit("MAX"),
            "min_value" => self.float_limit("MIN"),
            "min_positive_value" => self.float_limit("MIN_POSITIVE"),
            _ => {
                let upper = name.to_uppercase();
                FLOAT_CONSTANTS.iter().find(|(known, _)| *known == upper).map(|(_, x)| *x)
            }
        }
    }

    /// A constant of the float type itself.
    fn float_limit(&self, name: &str) -> Option<f64> {
        let [double, single] = match name {
            "EPSILON" => [f64::EPSILON, f64::from(f32::EPSILON)],
            "MAX" => [f64::MAX, f64::from(f32::MAX)],
            "MIN" => [f64::MIN, f64::from(f32::MIN)],
            "MIN_POSITIVE" => [f64::MIN_POSITIVE, f64::from(f32::MIN_POSITIVE)],
            _ => return None,
        };
        Some(if self.program.float == Float::F32 { single } else { double })
    }

    /// The path that a name stands for that a `use` inside the function brings in.
    fn used(&self, path: &syn::Path) -> Option<syn::Path> {
        let first = path.segments.first()?.ident.to_string();
        let (_, whole) = self.uses.iter().rev().find(|(name, whole)| *name == first && whole.len() > 1)?;
        let whole = path_of(whole, path.segments.first()?.ident.span());
        let rest = path.segments.iter().skip(1).map(|s| &s.ident);
        Some(syn::parse_quote!(#whole #(::#rest)*))
    }

    /// What tells a path in one place from the same path in another.
    fn key(&self, path: &syn::Path) -> String {
        let names: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        format!("{:?} {}", self.types.home, names.join("::"))
    }

    /// The function of the crate that a path leads to.
    pub(super) fn function_elsewhere(&mut self, path: &syn::Path, span: Span) -> Eval<Option<Rc<Closure>>> {
        let Some(home) = self.types.home.clone() else { return Ok(None) };
        let whole = self.used(path);
        let path = whole.as_ref().unwrap_or(path);
        let key = self.key(path);
        if let Some(known) = self.found.get(&key) {
            return Ok(known.clone());
        }
        let found = match home.find(path, Space::Value) {
            Some(Found::Function(f, types, home)) => Some(elsewhere(&f, types, home)),
            Some(Found::Several(_)) => {
                let name = path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default();
                let help = "write what it computes here, or give it a name of its own";
                return self.fail(span, format!("there are several functions `{name}`, and which is meant types tell"), help);
            }
            Some(Found::Conditional) => {
                let name = path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default();
                let help = "write what it computes here, or give the variants different names";
                return self.fail(span, format!("which function `{name}` is depends on a `cfg`"), help);
            }
            _ => None,
        };
        self.found.insert(key, found.clone());
        Ok(found)
    }

    /// The method of `self` of that name, wherever it stands in the crate.
    pub(super) fn method_elsewhere(&mut self, name: &str) -> Option<Rc<Closure>> {
        let (ty, home) = self.types.home.as_ref()?.owner()?;
        self.method_in(&home, &ty, name)
    }

    /// The method of a type, which is written at `home`.
    pub(super) fn method_in(&mut self, home: &Home, ty: &syn::Type, name: &str) -> Option<Rc<Closure>> {
        let key = format!("{home:?} {}.{name}", ty.to_token_stream());
        if let Some(known) = self.found.get(&key) {
            return known.clone();
        }
        let found = match home.associated(ty, name) {
            Some(Found::Function(f, types, home)) => Some(elsewhere(&f, types, home)),
            _ => None,
        };
        self.found.insert(key, found.clone());
        found
    }

    /// The variant of an enum of the crate's own that a path names, if it holds nothing.
    fn variant(&self, path: &syn::ExprPath) -> Option<Value> {
        let variant = path.path.segments.last()?;
        let is = |v: &syn::Variant| v.ident == variant.ident && matches!(v.fields, syn::Fields::Unit);
        let of = self.enum_around(&path.path)?;
        of.variants.iter().any(is).then(|| Value::Word(Rc::new(syn::Expr::Path(path.clone()))))
    }

    /// The enum of the crate's own of which a path names something.
    pub(super) fn enum_around(&self, path: &syn::Path) -> Option<syn::ItemEnum> {
        let owner = without_last(path);
        if owner.segments.is_empty() {
            return None;
        }
        match self.types.home.as_ref()?.find(&owner, Space::Type)? {
            Found::Type(item, _) => match &*item {
                syn::Item::Enum(item) => Some(item.clone()),
                _ => None,
            },
            _ => None,
        }
    }

    /// The variant, or the constant, that a name in a pattern is.
    pub(super) fn imported_variant(&mut self, name: &syn::Ident) -> Eval {
        if let Some(value) = self.constant_elsewhere(&syn::parse_quote!(#name))? {
            return Ok(value);
        }
        // under another name
        let whole = self.types.home.as_ref().and_then(|home| home.import(&name.to_string()));
        let own = whole.and_then(|path| path.last().cloned()).map_or_else(|| name.clone(), |own| syn::Ident::new(&own, name.span()));
        Ok(Value::Word(Rc::new(syn::parse_quote!(#own))))
    }

    /// The constant of a trait of the crate's own that the float type has.
    fn float_constant_elsewhere(&mut self, name: &str, span: Span) -> Eval<Option<Value>> {
        let (float, name) = (syn::Ident::new(self.program.float.name(), span), syn::Ident::new(name, span));
        self.constant_found(&syn::parse_quote!(#float::#name), |home| home.associated(&syn::parse_quote!(#float), &name.to_string()))
    }

    /// The methods of that name that a type has of several traits, or of one for several types.
    pub(super) fn methods_in(&mut self, home: &Home, ty: &syn::Type, name: &str) -> Vec<Rc<Closure>> {
        match home.associated(ty, name) {
            Some(Found::Function(f, types, home)) => vec![elsewhere(&f, types, home)],
            Some(Found::Several(all)) => all.into_iter().map(|(f, types, home)| elsewhere(&f, types, home)).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether a path leads to one of these crates, as far as it is known.
    pub(super) fn is_of(&self, path: &syn::Path, crates: &[&str]) -> bool {
        let written = || path.segments.iter().rev().skip(1).any(|s| crates.iter().any(|name| s.ident == name));
        match self.types.home.as_ref().and_then(|home| home.find(path, Space::Value)) {
            Some(Found::External(names)) => names.first().is_some_and(|first| crates.contains(&first.as_str())),
            Some(_) => false,
            None => written(),
        }
    }

    /// The value of the constant of the crate that a path leads to.
    fn constant_elsewhere(&mut self, path: &syn::Path) -> Eval<Option<Value>> {
        self.constant_found(path, |home| home.find(path, Space::Value))
    }

    /// The value of the constant that is found for a path.
    fn constant_found(&mut self, path: &syn::Path, find: impl FnOnce(&Home) -> Option<Found>) -> Eval<Option<Value>> {
        let Some(home) = self.types.home.clone() else { return Ok(None) };
        let key = self.key(path);
        if let Some(known) = self.tables.get(&key) {
            return Ok(Some(known.clone()));
        }
        match find(&home) {
            // what is more than numbers stays what it is, where it is in scope
            Some(Found::Constant(_, value, _)) if self.abroad.is_none() && !is_plain(&value) => Ok(None),
            Some(Found::Constant(ty, value, there)) => {
                let name = path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default();
                let what = format!("`{name}`, {}", there.describe());
                let closure = Closure {
                    inputs: Vec::new(),
                    output: Some(ty),
                    lengths: Vec::new(),
                    types: Vec::new(),
                    changes_self: false,
                    body: value,
                    scope: Vec::new(),
                    home: Some(there),
                    elsewhere: Some(what),
                };
                let before = self.diagnostics.count();
                match self.call_closure(&closure, Vec::new(), path.span()) {
                    Ok(value) => {
                        self.tables.insert(key, value.clone());
                        Ok(Some(value))
                    }
                    Err(Stop::Reported) if self.abroad.is_none() => {
                        while self.diagnostics.count() > before {
                            self.diagnostics.retract();
                        }
                        Ok(None)
                    }
                    Err(stop) => Err(stop),
                }
            }
            // an import of what is known by its own path
            Some(Found::External(names)) if names.len() > 1 && path.segments.len() == 1 => {
                if names[names.len() - 2] != "consts" {
                    return Ok(None);
                }
                let whole = path_of(&names, path.span());
                self.path(&syn::parse_quote!(#whole)).map(Some)
            }
            _ => Ok(None),
        }
    }
}

/// The path of these names.
fn path_of(names: &[String], span: Span) -> syn::Path {
    let names = names.iter().map(|n| syn::Ident::new(n, span));
    syn::parse_quote!(#(#names)::*)
}

/// Whether a constant is written as numbers, other constants, and lists of them.
fn is_plain(e: &syn::Expr) -> bool {
    match e {
        syn::Expr::Lit(lit) => matches!(lit.lit, Lit::Float(_) | Lit::Int(_) | Lit::Bool(_)),
        syn::Expr::Path(_) => true,
        syn::Expr::Array(array) => array.elems.iter().all(is_plain),
        syn::Expr::Tuple(tuple) => tuple.elems.iter().all(is_plain),
        syn::Expr::Repeat(repeat) => is_plain(&repeat.expr),
        syn::Expr::Paren(inner) => is_plain(&inner.expr),
        syn::Expr::Group(inner) => is_plain(&inner.expr),
        syn::Expr::Reference(inner) => is_plain(&inner.expr),
        syn::Expr::Unary(unary) => is_plain(&unary.expr),
        syn::Expr::Cast(cast) => is_plain(&cast.expr),
        syn::Expr::Binary(binary) => is_plain(&binary.left) && is_plain(&binary.right),
        _ => false,
    }
}

/// A function that stands elsewhere in the crate, to be read where it is called.
fn elsewhere(f: &syn::ItemFn, types: Vec<syn::Ident>, home: Home) -> Rc<Closure> {
    let what = format!("`{}`, {}", f.sig.ident, home.describe());
    let own = Closure::of(f);
    let types = own.types.iter().cloned().chain(types).collect();
    Rc::new(Closure { types, home: Some(home), elsewhere: Some(what), ..own })
}

/// `core::f64::consts`.
#[rustfmt::skip]
const FLOAT_CONSTANTS: [(&str, f64); 19] = {
    use std::f64::consts as c;
    [
        ("PI", c::PI), ("TAU", c::TAU), ("E", c::E), ("SQRT_2", c::SQRT_2), ("LN_2", c::LN_2), ("LN_10", c::LN_10),
        ("LOG2_E", c::LOG2_E), ("LOG10_E", c::LOG10_E), ("LOG2_10", c::LOG2_10), ("LOG10_2", c::LOG10_2),
        ("FRAC_PI_2", c::FRAC_PI_2), ("FRAC_PI_3", c::FRAC_PI_3), ("FRAC_PI_4", c::FRAC_PI_4), ("FRAC_PI_6", c::FRAC_PI_6),
        ("FRAC_PI_8", c::FRAC_PI_8), ("FRAC_1_PI", c::FRAC_1_PI), ("FRAC_2_PI", c::FRAC_2_PI),
        ("FRAC_1_SQRT_2", c::FRAC_1_SQRT_2), ("FRAC_2_SQRT_PI", c::FRAC_2_SQRT_PI),
    ]
};
