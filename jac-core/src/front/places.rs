//! Places: what can be assigned to.

use super::body::{Eval, Reader, Stop};
use super::limits::sees_variables;
use super::value::{Library, Place, Value};
use crate::ir::Affine;
use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::UnOp;

impl Reader<'_> {
    pub(super) fn assign(&mut self, target: &syn::Expr, value: Value) -> Eval<()> {
        let parts = match target {
            syn::Expr::Tuple(tuple) => Some(&tuple.elems),
            syn::Expr::Array(array) => Some(&array.elems),
            syn::Expr::Infer(_) => return Ok(()),
            _ => None,
        };
        if let Some(parts) = parts {
            return match value {
                Value::Tuple(items) | Value::Array(items) if items.len() == parts.len() => {
                    parts.iter().zip(items).try_for_each(|(t, item)| self.assign(t, item))
                }
                other => self.fail(target.span(), format!("cannot take {} apart", other.kind()), ""),
            };
        }
        if let syn::Expr::Path(p) = target {
            let slot = p.path.get_ident().and_then(|i| self.slot(&i.to_string()));
            if slot.is_some_and(|slot| matches!(self.slots[slot], Value::Reference(_))) {
                return self.fail(p.span(), "a reference that is made to point elsewhere", "assign through it: `*r = …`");
            }
        }
        let view = self.view(target)?;
        self.assign_view(view, value, target.span())
    }

    /// Puts a value into a place.
    pub(super) fn store(&mut self, place: &Place, value: Value, span: Span) -> Eval<()> {
        if sees_variables(&value) {
            // the variables that it sees live as long as it
            self.pinned = self.pinned.max(self.slots.len());
        }
        let value = if place.path.is_empty() {
            let name = self.scope.iter().find(|(_, s)| *s == place.slot).map(|(n, _)| n.clone()).unwrap_or_default();
            self.name(&name, value)
        } else {
            let current = std::mem::replace(&mut self.slots[place.slot], Value::Poison);
            self.update(current, &place.path, value, span)?
        };
        self.slots[place.slot] = value;
        Ok(())
    }

    /// What a place holds.
    pub(super) fn load(&mut self, place: &Place, span: Span) -> Eval {
        let slots = std::mem::take(&mut self.slots);
        // what lies beside it is not copied
        let mut found = &slots[place.slot];
        let mut path = place.path.iter();
        while let (Value::Array(_) | Value::Tuple(_) | Value::Struct(_), Some([at])) = (found, path.as_slice().first().map(Vec::as_slice)) {
            let known = self.lengths.resolve(at).known().and_then(|k| usize::try_from(k).ok());
            let part = |k: usize| match found {
                Value::Array(items) | Value::Tuple(items) => items.get(k),
                Value::Struct(s) => s.fields.get(k).map(|(_, v)| v),
                _ => None,
            };
            match known.and_then(part) {
                Some(item) => found = item,
                None => break,
            }
            path.next();
        }
        let counted = self.copy(Some(found), span);
        let mut value = found.clone();
        self.slots = slots;
        counted?;
        for at in path {
            value = self.element_of(value, at, span)?;
        }
        Ok(value)
    }

    /// The content behind a reference; any other value as it is.
    pub(super) fn read_through(&mut self, value: Value) -> Eval {
        match value {
            Value::Reference(place) => self.load(&place, Span::call_site()),
            value => Ok(value),
        }
    }

    pub(super) fn place(&mut self, target: &syn::Expr) -> Eval<Place> {
        match target {
            syn::Expr::Path(p) => match p.path.get_ident().and_then(|i| self.slot(&i.to_string())) {
                Some(slot) => Ok(match &self.slots[slot] {
                    Value::Reference(place) => place.clone(),
                    _ => Place { slot, path: Vec::new() },
                }),
                None => self.fail(p.span(), "cannot assign to this", ""),
            },
            syn::Expr::Paren(p) => self.place(&p.expr),
            syn::Expr::Group(p) => self.place(&p.expr),
            syn::Expr::Unary(u) if matches!(u.op, UnOp::Deref(_)) => self.place(&u.expr),
            syn::Expr::Reference(r) if r.mutability.is_some() => self.place(&r.expr),
            syn::Expr::Index(index) => {
                let mut place = self.place(&index.expr)?;
                let at = self.expr(&index.index)?;
                if let Value::Range(..) = at {
                    return self.fail(index.index.span(), "a range is no place to assign to", "assign to its elements in a loop");
                }
                place.path.push(self.positions(&at, index.index.span())?);
                Ok(place)
            }
            syn::Expr::Field(syn::ExprField { base, member: syn::Member::Unnamed(at), .. }) => {
                let mut place = self.place(base)?;
                place.path.push(vec![Affine::from(i64::from(at.index))]);
                Ok(place)
            }
            syn::Expr::Field(syn::ExprField { base, member: syn::Member::Named(name), .. }) => {
                let mut place = self.place(base)?;
                match self.load(&place, target.span())? {
                    Value::Tensor(t) if t.library == Library::Nalgebra => {
                        if name != "coords" {
                            match self.field_position(&t, &name.to_string()) {
                                Some(at) => place.path.push(at),
                                None => return self.fail(name.span(), format!("no element `{name}`"), ""),
                            }
                        }
                        Ok(place)
                    }
                    Value::Struct(s) => match s.position(&name.to_string()) {
                        Some(k) => {
                            place.path.push(vec![Affine::from(k as i64)]);
                            Ok(place)
                        }
                        None => self.fail(name.span(), format!("no field `{name}`"), ""),
                    },
                    _ => self.fail(target.span(), "cannot assign to this", "assign to a variable or an element of one"),
                }
            }
            syn::Expr::MethodCall(call) if matches!(call.method.to_string().as_str(), "view_mut" | "as_mut" | "as_mut_slice") => {
                self.place(&call.receiver)
            }
            other => self.fail(other.span(), "cannot assign to this", "assign to a variable or an element of one"),
        }
    }

    fn update(&mut self, whole: Value, path: &[Vec<Affine>], value: Value, span: Span) -> Eval {
        let Some((at, rest)) = path.split_first() else { return Ok(value) };
        match whole {
            Value::Array(mut items) => {
                let k = self.position(at, items.len(), span)?;
                let item = std::mem::replace(&mut items[k], Value::Poison);
                items[k] = self.update(item, rest, value, span)?;
                Ok(Value::Array(items))
            }
            Value::Struct(mut s) => {
                let k = self.position(at, s.fields.len(), span)?;
                let item = std::mem::replace(&mut s.fields[k].1, Value::Poison);
                s.fields[k].1 = self.update(item, rest, value, span)?;
                Ok(Value::Struct(s))
            }
            Value::Tuple(mut items) => {
                let k = self.position(at, items.len(), span)?;
                let item = std::mem::replace(&mut items[k], Value::Poison);
                items[k] = self.update(item, rest, value, span)?;
                Ok(Value::Tuple(items))
            }
            Value::Tensor(t) => {
                let at: Vec<Affine> = path.iter().flatten().cloned().collect();
                let at = if t.library == Library::Nalgebra { self.matrix_positions(&t, &at, span)? } else { at };
                let value = match value {
                    Value::Opaque(e) => Value::Float(self.opaque_float(&e)?),
                    value => value,
                };
                match value {
                    Value::Float(e) => self.set_element(t, &at, e, span).map(Value::Tensor),
                    other => self.fail(span, format!("cannot assign {} to an element", other.kind()), ""),
                }
            }
            Value::Poison => Err(Stop::Reported),
            other => self.fail(span, format!("cannot index {}", other.kind()), ""),
        }
    }
}
