//! Patterns: binding names, and the conditions of a `match`.

use super::body::{Eval, Reader};
use super::opaque::receiver;
use super::value::{is_constant, Library, Truth, Value};
use crate::ops::Op;
use proc_macro2::Span;
use quote::ToTokens;
use std::rc::Rc;
use syn::spanned::Spanned;
use syn::Pat;

impl Reader<'_> {
    /// Binds the names of a pattern that is known to match.
    pub(super) fn bind(&mut self, pattern: &Pat, value: Value) -> Eval<()> {
        match pattern {
            Pat::Ident(p) => {
                if let (Some(token), Some(_)) = (p.by_ref, p.mutability) {
                    return self.fail(token.span(), "a mutable reference in a pattern is not supported", "assign to the variable itself");
                }
                if let Some((_, inner)) = &p.subpat {
                    self.bind(inner, value.clone())?;
                }
                let name = p.ident.to_string();
                let value = self.name(&name, value);
                self.declare(name, value);
                Ok(())
            }
            Pat::Wild(_) | Pat::Lit(_) | Pat::Range(_) | Pat::Path(_) | Pat::Rest(_) => Ok(()),
            Pat::Type(p) => {
                let value = self.typed(value, &p.ty)?;
                self.bind(&p.pat, value)
            }
            Pat::Paren(p) => self.bind(&p.pat, value),
            Pat::Reference(p) => {
                let value = self.read_through(value)?;
                self.bind(&p.pat, value)
            }
            Pat::TupleStruct(p) => match value {
                Value::Option(_, inner) if p.elems.len() == 1 => self.bind(&p.elems[0], *inner),
                Value::Opaque(e) => self.bind_parts(pattern, &e),
                Value::Struct(s) if s.fields.len() == p.elems.len() => {
                    p.elems.iter().zip(s.fields).try_for_each(|(p, (_, field))| self.bind(p, field))
                }
                other => self.fail(pattern.span(), format!("this pattern does not match {}", other.kind()), ""),
            },
            Pat::Tuple(_) | Pat::Slice(_) => {
                for (p, item) in self.parts(pattern, value)? {
                    self.bind(p, item)?;
                }
                Ok(())
            }
            Pat::Struct(p) if p.path.segments.len() > 1 && matches!(value, Value::Opaque(_)) => {
                let Value::Opaque(e) = value else { return Ok(()) };
                self.bind_parts(pattern, &e)
            }
            Pat::Struct(p) if matches!(value, Value::Struct(_)) => {
                let Value::Struct(s) = value else { return Ok(()) };
                for field in &p.fields {
                    let name = field.member.to_token_stream().to_string();
                    let Some(k) = s.position(&name) else {
                        return self.fail(field.span(), format!("no field `{name}`"), "");
                    };
                    self.bind(&field.pat, s.fields[k].1.clone())?;
                }
                Ok(())
            }
            Pat::Struct(p) => {
                let Value::Opaque(e) = value else {
                    return self.fail(p.span(), format!("this pattern does not match {}", value.kind()), "");
                };
                let e = receiver(&e);
                for field in &p.fields {
                    let member = &field.member;
                    self.bind(&field.pat, Value::Opaque(Rc::new(syn::parse_quote!(#e.#member))))?;
                }
                Ok(())
            }
            Pat::Or(p) if p.cases.iter().all(|p| !binds(p)) => Ok(()),
            Pat::Or(_) if matches!(value, Value::Opaque(_)) => {
                let Value::Opaque(e) = value else { return Ok(()) };
                self.bind_parts(pattern, &e)
            }
            Pat::Or(p) => self.fail(p.span(), "names in an `|` pattern are not supported", "write an arm for each alternative"),
            other => self.fail(other.span(), "this pattern is not supported", "bind names, tuples and arrays of names"),
        }
    }

    /// Binds the names of a pattern of a variant: rustc takes the constant apart.
    fn bind_parts(&mut self, pattern: &Pat, e: &syn::Expr) -> Eval<()> {
        let e = receiver(e);
        let mut names = Vec::new();
        named(pattern, &mut names);
        for name in names {
            let part = syn::parse_quote!((*match &#e { #pattern => #name, _ => ::core::unreachable!() }));
            self.declare(name.to_string(), Value::Opaque(Rc::new(part)));
        }
        Ok(())
    }

    /// The parts of a tuple or array with the patterns that stand for them.
    fn parts<'p>(&mut self, pattern: &'p Pat, value: Value) -> Eval<Vec<(&'p Pat, Value)>> {
        let (Pat::Tuple(syn::PatTuple { elems, .. }) | Pat::Slice(syn::PatSlice { elems, .. })) = pattern else {
            return Ok(Vec::new());
        };
        if let Value::Reference(place) = value {
            let Value::Array(items) = self.references(&place, pattern.span())? else {
                return self.fail(pattern.span(), "this pattern needs an array of known length", "");
            };
            return self.parts(pattern, Value::Array(items));
        }
        let items = match value {
            Value::Tuple(items) | Value::Array(items) => items,
            Value::Poison => vec![Value::Poison; elems.len()],
            Value::Opaque(e) if !elems.iter().any(|p| matches!(p, Pat::Rest(_))) => {
                let e = receiver(&e);
                let tuple = matches!(pattern, Pat::Tuple(_));
                let part = |k: usize| {
                    let k = syn::Index::from(k);
                    Value::Opaque(Rc::new(if tuple { syn::parse_quote!(#e.#k) } else { syn::parse_quote!(#e[#k]) }))
                };
                (0..elems.len()).map(part).collect()
            }
            Value::Tensor(t) if t.library == Library::Core => self.rows(&t, pattern.span())?,
            other => return self.fail(pattern.span(), format!("this pattern does not match {}", other.kind()), ""),
        };
        let rest = |p: &Pat| {
            matches!(p, Pat::Rest(_)) || matches!(p, Pat::Ident(p) if matches!(&p.subpat, Some((_, p)) if matches!(**p, Pat::Rest(_))))
        };
        let at = elems.iter().position(rest);
        let fits = if at.is_some() { elems.len() - 1 <= items.len() } else { elems.len() == items.len() };
        if !fits {
            return self.fail(pattern.span(), format!("this pattern does not match {} parts", items.len()), "");
        }
        let skip = items.len() + 1 - elems.len();
        let mut items = items.into_iter();
        let mut out = Vec::new();
        for p in elems {
            if rest(p) {
                let middle: Vec<Value> = items.by_ref().take(skip).collect();
                out.push((p, Value::Array(middle)));
            } else {
                out.push((p, items.next().expect("lengths were compared")));
            }
        }
        Ok(out)
    }

    /// Whether a value matches a pattern.
    pub(super) fn matches(&mut self, pattern: &Pat, value: &Value) -> Eval<Truth> {
        match pattern {
            Pat::Path(p) if matches!(value, Value::Word(_) | Value::Words(..)) => {
                let named = self.path(p)?;
                self.equal(value.clone(), named, p.span())
            }
            // a variant that is imported, and no name
            Pat::Ident(p) if matches!(value, Value::Word(_) | Value::Words(..)) && p.subpat.is_none() && is_capital(&p.ident) => {
                let named = self.imported_variant(&p.ident)?;
                self.equal(value.clone(), named, p.span())
            }
            Pat::Ident(p) if matches!(value, Value::Opaque(_)) && p.subpat.is_none() && is_capital(&p.ident) && p.ident != "None" => {
                let Value::Opaque(e) = value else { return Ok(Truth::Known(false)) };
                self.opaque_truth(&syn::parse_quote!(::core::matches!(#e, #pattern)))
            }
            Pat::TupleStruct(_) | Pat::Struct(_) if matches!(value, Value::Struct(_)) => Ok(Truth::Known(true)),
            Pat::TupleStruct(_) | Pat::Struct(_) | Pat::Or(_) if matches!(value, Value::Opaque(_)) && binds(pattern) => {
                let Value::Opaque(e) = value else { return Ok(Truth::Known(false)) };
                let e = receiver(e);
                self.opaque_truth(&syn::parse_quote!(::core::matches!(&#e, #pattern)))
            }
            // rustc knows the type
            Pat::Path(_) | Pat::TupleStruct(_) | Pat::Struct(_) | Pat::Or(_) | Pat::Lit(_) | Pat::Range(_)
                if matches!(value, Value::Opaque(_)) && !binds(pattern) =>
            {
                let Value::Opaque(e) = value else { return Ok(Truth::Known(false)) };
                self.opaque_truth(&syn::parse_quote!(::core::matches!(#e, #pattern)))
            }
            Pat::Ident(p) if p.ident == "None" => match value {
                Value::Option(there, _) => Ok(self.not(*there)),
                other => self.fail(p.span(), format!("this pattern does not match {}", other.kind()), ""),
            },
            Pat::Ident(p) if names_constant(p) => {
                let constant = self.path(&syn::parse_quote!(#p))?;
                self.equal(value.clone(), constant, p.span())
            }
            Pat::Ident(p) => match &p.subpat {
                Some((_, inner)) => self.matches(inner, value),
                None => Ok(Truth::Known(true)),
            },
            Pat::Wild(_) | Pat::Rest(_) => Ok(Truth::Known(true)),
            Pat::Paren(p) => self.matches(&p.pat, value),
            Pat::Reference(p) => self.matches(&p.pat, value),
            Pat::Type(p) => self.matches(&p.pat, value),
            Pat::Lit(p) => {
                let literal = self.literal(&p.lit)?;
                self.equal(value.clone(), literal, p.span())
            }
            Pat::Path(p) => {
                let constant = self.path(p)?;
                self.equal(value.clone(), constant, p.span())
            }
            Pat::Range(p) => self.within(p, value, p.span()),
            Pat::Or(p) => {
                let mut truth = Truth::Known(false);
                for case in &p.cases {
                    let matched = self.matches(case, value)?;
                    truth = self.both(Op::Or, truth, matched);
                }
                Ok(truth)
            }
            Pat::Tuple(_) | Pat::Slice(_) => {
                let mut truth = Truth::Known(true);
                for (p, item) in self.parts(pattern, value.clone())? {
                    let matched = self.matches(p, &item)?;
                    truth = self.both(Op::And, truth, matched);
                }
                Ok(truth)
            }
            Pat::TupleStruct(p) => {
                let name = p.path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default();
                match (name.as_str(), value) {
                    ("Some" | "Ok", Value::Option(Truth::Known(false), _)) => Ok(Truth::Known(false)),
                    ("Some" | "Ok", Value::Option(there, inner)) if p.elems.len() == 1 => {
                        let inner = self.matches(&p.elems[0], inner)?;
                        Ok(self.both(Op::And, *there, inner))
                    }
                    ("Err", Value::Option(there, _)) => Ok(self.not(*there)),
                    (_, other) => self.fail(p.span(), format!("this pattern does not match {}", other.kind()), "compare numbers"),
                }
            }
            other => self.fail(other.span(), "this pattern is not supported", "compare with literals, ranges and constants"),
        }
    }

    /// Whether a value is in a range, of a pattern or an expression.
    pub(super) fn within(&mut self, range: &syn::ExprRange, value: &Value, span: Span) -> Eval<Truth> {
        let mut truth = Truth::Known(true);
        if let Some(start) = &range.start {
            let start = self.referent(start)?;
            let above = self.compare(Op::Le, start, value.clone(), span)?;
            truth = self.both(Op::And, truth, above);
        }
        if let Some(end) = &range.end {
            let op = if matches!(range.limits, syn::RangeLimits::Closed(_)) { Op::Le } else { Op::Lt };
            let end = self.referent(end)?;
            let below = self.compare(op, value.clone(), end, span)?;
            truth = self.both(Op::And, truth, below);
        }
        Ok(truth)
    }

    pub(super) fn equal(&mut self, a: Value, b: Value, span: Span) -> Eval<Truth> {
        self.compare(Op::Eq, a, b, span)
    }

    fn compare(&mut self, op: Op, a: Value, b: Value, span: Span) -> Eval<Truth> {
        match self.apply(op, a, b, span)? {
            Value::Truth(t) => Ok(t),
            other => self.fail(span, format!("cannot compare with {}", other.kind()), ""),
        }
    }

    /// Poisons every name of a pattern, so that its uses are not reported again.
    pub(super) fn poison(&mut self, pattern: &Pat) {
        match pattern {
            Pat::Ident(p) => self.declare(p.ident.to_string(), Value::Poison),
            Pat::Type(p) => self.poison(&p.pat),
            Pat::Paren(p) => self.poison(&p.pat),
            Pat::Reference(p) => self.poison(&p.pat),
            Pat::Struct(p) => p.fields.iter().for_each(|f| self.poison(&f.pat)),
            Pat::TupleStruct(syn::PatTupleStruct { elems, .. })
            | Pat::Tuple(syn::PatTuple { elems, .. })
            | Pat::Slice(syn::PatSlice { elems, .. }) => elems.iter().for_each(|p| self.poison(p)),
            _ => {}
        }
    }
}

/// Whether a pattern compares with a constant: a single capital may be a name.
fn names_constant(p: &syn::PatIdent) -> bool {
    let name = p.ident.to_string();
    p.subpat.is_none() && name.len() > 1 && is_constant(&name)
}

/// Whether a name begins as types, variants and constants do.
fn is_capital(name: &syn::Ident) -> bool {
    name.to_string().starts_with(char::is_uppercase)
}

/// The names that a pattern binds.
fn named(pattern: &Pat, out: &mut Vec<syn::Ident>) {
    match pattern {
        Pat::Ident(p) if !is_capital(&p.ident) => {
            out.push(p.ident.clone());
            if let Some((_, inner)) = &p.subpat {
                named(inner, out);
            }
        }
        Pat::Paren(p) => named(&p.pat, out),
        Pat::Reference(p) => named(&p.pat, out),
        Pat::Tuple(syn::PatTuple { elems, .. })
        | Pat::Slice(syn::PatSlice { elems, .. })
        | Pat::TupleStruct(syn::PatTupleStruct { elems, .. }) => elems.iter().for_each(|p| named(p, out)),
        Pat::Struct(p) => p.fields.iter().for_each(|f| named(&f.pat, out)),
        // the same names in each
        Pat::Or(p) => p.cases.iter().take(1).for_each(|p| named(p, out)),
        _ => {}
    }
}

/// Whether a pattern binds a name.
fn binds(pattern: &Pat) -> bool {
    match pattern {
        Pat::Ident(p) => !names_constant(p),
        Pat::Paren(p) => binds(&p.pat),
        Pat::Reference(p) => binds(&p.pat),
        Pat::Tuple(syn::PatTuple { elems, .. })
        | Pat::Slice(syn::PatSlice { elems, .. })
        | Pat::TupleStruct(syn::PatTupleStruct { elems, .. }) => elems.iter().any(binds),
        Pat::Or(p) => p.cases.iter().any(binds),
        Pat::Struct(p) => p.fields.iter().any(|f| binds(&f.pat)),
        _ => false,
    }
}
