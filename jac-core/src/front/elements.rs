//! Elements of arrays, and arrays made of a length.

use super::body::{Eval, Reader, Stop};
use super::integers::IntType;
use super::opaque::receiver;
use super::streams::Source;
use super::value::{Closure, Elements, Library, Slice, Tensor, Value};
use crate::ir::Affine;
use proc_macro2::Span;
use quote::ToTokens;
use std::rc::Rc;
use syn::spanned::Spanned;

impl Reader<'_> {
    /// The length of an array type or expression: a literal, a const generic or a `const` item.
    pub(super) fn array_length(&mut self, e: &syn::Expr) -> Eval<Affine> {
        match self.referent(e)? {
            Value::Int(a) => self.as_position(&a, e.span()),
            Value::Opaque(e) => Ok(self.types.item_length(&mut self.program, &e.to_token_stream())),
            other => self.fail(e.span(), format!("expected an integer, found {}", other.kind()), ""),
        }
    }

    /// `std::array::from_fn(f)` of a length.
    pub(super) fn generated(&mut self, f: &Closure, length: &syn::Expr) -> Eval {
        let length = self.array_length(length)?;
        match self.iterated(Value::Range(Affine::from(0), Some(length), Some(IntType::usize())), self.here)? {
            Source::Known(positions) => {
                let count = self.left(&positions, self.here)?;
                self.written_out(count as i64, self.here)?;
                let mut items = Vec::new();
                self.each_item(positions, self.here, &mut |r, k| {
                    items.push(r.call_closure(f, vec![k.value], r.here)?);
                    Ok(())
                })?;
                Ok(Value::Array(items))
            }
            Source::Open(stream) => {
                let item = self.without_effect(self.here, |r| r.call_closure(f, vec![*stream.item], r.here))?;
                let item = self.float(item, self.here)?;
                Ok(Value::Tensor(self.tensor(stream.indices, item, Library::Core)))
            }
        }
    }

    /// The error for `array::from_fn` where nothing tells its length.
    pub(super) fn unknown_length<T>(&mut self, span: Span) -> Eval<T> {
        self.fail(span, "an array of unknown length", "write it: `std::array::from_fn::<_, 3, _>(…)`, or `let a: [f64; 3] = …`")
    }

    /// `a = array::from_fn(f)`: as long as what was there.
    pub(super) fn generated_like(&mut self, value: Value, target: &syn::Expr) -> Eval {
        let Value::Generator(f) = value else { return Ok(value) };
        let place = self.place(target)?;
        match self.load(&place, target.span())? {
            Value::Array(items) => {
                let n = items.len();
                self.generated(&f, &syn::parse_quote!(#n))
            }
            _ => self.unknown_length(target.span()),
        }
    }

    pub(super) fn repeat(&mut self, repeat: &syn::ExprRepeat) -> Eval {
        let value = self.referent(&repeat.expr)?;
        let length = self.array_length(&repeat.len)?;
        self.repeated(value, length, repeat.span())
    }

    /// `[value; length]`.
    pub(super) fn repeated(&mut self, value: Value, length: Affine, span: Span) -> Eval {
        let length = self.lengths.resolve(&length);
        if let Some(n) = self.short(&length) {
            let n = self.written_out(n, span)?;
            self.copy(std::iter::repeat_n(&value, n), span)?;
            return Ok(Value::Array(vec![value; n]));
        }
        let (mut shape, inner) = match value {
            Value::Float(e) => (Vec::new(), Elements::Each(Vec::new(), e)),
            Value::Tensor(t) => (t.shape, t.elements),
            Value::Opaque(e) => (Vec::new(), Elements::Each(Vec::new(), self.opaque_float(&e)?)),
            other => return self.fail(span, format!("cannot repeat {} over a run-time length", other.kind()), ""),
        };
        let Elements::Each(mut indices, body) = inner else {
            return self.fail(span, "cannot repeat this array", "");
        };
        indices.insert(0, self.program.index(length.clone()));
        shape.insert(0, length);
        Ok(Value::Tensor(Tensor { shape, elements: Elements::Each(indices, body), library: Library::Core }))
    }

    pub(super) fn field(&mut self, field: &syn::ExprField) -> Eval {
        let base = self.referent(&field.base)?;
        match (&field.member, base) {
            (syn::Member::Unnamed(at), Value::Tuple(mut items)) if (at.index as usize) < items.len() => {
                let item = items.swap_remove(at.index as usize);
                self.read_through(item)
            }
            (member, Value::Opaque(e)) => {
                if let Some(private) = self.abroad.as_ref().and_then(|_| self.private_field(&e, member)) {
                    let help = "pass the number as a parameter, or make the field visible here: `pub(crate)`";
                    return self.fail(field.span(), private, help);
                }
                let e = receiver(&e);
                Ok(Value::Opaque(Rc::new(syn::parse_quote!(#e.#member))))
            }
            (member, Value::Struct(s)) => {
                let name = member.to_token_stream().to_string();
                match s.position(&name) {
                    Some(k) => {
                        let value = s.fields.into_iter().nth(k).map_or(Value::Poison, |(_, v)| v);
                        self.read_through(value)
                    }
                    None => self.fail(field.span(), format!("no field `{name}`"), ""),
                }
            }
            (syn::Member::Named(name), Value::Tensor(t)) if t.library == Library::Nalgebra => {
                self.matrix_field(t, &name.to_string(), field.span())
            }
            (_, Value::Poison) => Err(Stop::Reported),
            (_, other) => {
                self.fail(field.span(), format!("cannot read a field of {}", other.kind()), "pass the field as a parameter of its own")
            }
        }
    }

    /// A position in a fixed array.
    pub(super) fn position(&mut self, at: &[Affine], length: usize, span: Span) -> Eval<usize> {
        let [at] = at else { return self.fail(span, format!("{} positions for one axis", at.len()), "") };
        match self.lengths.resolve(at).known() {
            Some(k) if (0..length as i64).contains(&k) => Ok(k as usize),
            Some(k) => self.fail(span, format!("position {k} of an array of length {length}"), ""),
            None => self.fail(
                span,
                "this position is not known at compile time",
                "index by literals, loop variables and arithmetic on them, or pass the array as a slice `&[f64]`",
            ),
        }
    }

    /// Positions along the axes of a tensor: `i`, `[i, j]` or `(i, j)`.
    pub(super) fn positions(&mut self, at: &Value, span: Span) -> Eval<Vec<Affine>> {
        match at {
            Value::Int(a) => Ok(vec![self.as_position(a, span)?]),
            Value::Opaque(e) => Ok(vec![self.opaque_integer(e)?]),
            Value::Reference(place) => {
                let at = self.load(place, span)?;
                self.positions(&at, span)
            }
            Value::Array(items) | Value::Tuple(items) => {
                let mut out = Vec::new();
                for item in items {
                    out.extend(self.positions(item, span)?);
                }
                Ok(out)
            }
            Value::Whole(_) => {
                let help = "keep the elements themselves, as in `if x[k] > best { best = x[k]; }`";
                self.fail(span, "cannot index by an integer that depends on floats", help)
            }
            other => self.fail(span, format!("cannot index by {}", other.kind()), ""),
        }
    }

    /// The element, or the part, of a value at some positions.
    pub(super) fn element_of(&mut self, value: Value, at: &[Affine], span: Span) -> Eval {
        let Some((first, rest)) = at.split_first() else { return Ok(value) };
        match value {
            Value::Array(mut items) | Value::Tuple(mut items) => {
                let k = self.position(std::slice::from_ref(first), items.len(), span)?;
                let item = items.swap_remove(k);
                self.element_of(item, rest, span)
            }
            Value::Struct(mut s) => {
                let k = self.position(std::slice::from_ref(first), s.fields.len(), span)?;
                let item = s.fields.swap_remove(k).1;
                self.element_of(item, rest, span)
            }
            Value::Tensor(t) => {
                let at = if t.library == Library::Nalgebra { self.matrix_positions(&t, at, span)? } else { at.to_vec() };
                let slices: Vec<Slice> = at.into_iter().map(Slice::At).collect();
                self.slice(t, &slices, span)
            }
            Value::Reference(place) => {
                let value = self.load(&place, span)?;
                self.element_of(value, at, span)
            }
            Value::Poison => Err(Stop::Reported),
            other => self.fail(span, format!("cannot index {}", other.kind()), ""),
        }
    }

    pub(super) fn index(&mut self, base: Value, at: &Value, span: Span) -> Eval {
        match (base, at) {
            (Value::Opaque(e), at) => match self.as_opaque(at) {
                Some(at) => {
                    let e = receiver(&e);
                    Ok(Value::Opaque(Rc::new(syn::parse_quote!(#e[#at]))))
                }
                None => {
                    if let Some(value @ (Value::Tensor(_) | Value::Array(_))) = self.declared_value(&e)? {
                        return self.index(value, at, span);
                    }
                    let help = "bind it with its type first: `let k: &[f64] = &…;`";
                    self.fail(span, "a position that is not known in a constant of unknown type", help)
                }
            },
            (Value::Array(items), Value::Range(from, to, _)) => {
                let (from, to) = (self.lengths.resolve(from), to.as_ref().map(|to| self.lengths.resolve(to)));
                match (from.known(), to.map_or(Some(items.len() as i64), |to| to.known())) {
                    (Some(a), Some(b)) if 0 <= a && a <= b && b <= items.len() as i64 => {
                        Ok(Value::Array(items[a as usize..b as usize].to_vec()))
                    }
                    _ => self.fail(span, "this range is not inside the array", ""),
                }
            }
            (Value::Tensor(t), Value::Range(from, to, _)) if t.library == Library::Core => {
                self.slice(t, &[Slice::Range(from.clone(), to.clone(), 1)], span)
            }
            (Value::Generator(_), _) => self.unknown_length(span),
            (Value::Tensor(t), at) => {
                let at = self.positions(at, span)?;
                if t.library == Library::Ndarray && at.len() != t.shape.len() {
                    return self.fail(
                        span,
                        format!("{} positions for an array of rank {}", at.len(), t.shape.len()),
                        "a row is `row(i)`, a slice `slice(s![…])`",
                    );
                }
                self.element_of(Value::Tensor(t), &at, span)
            }
            (base, at) => {
                let at = self.positions(at, span)?;
                let item = self.element_of(base, &at, span)?;
                self.read_through(item)
            }
        }
    }

    /// The variable that an expression is, if it holds a fixed array.
    pub(super) fn array_variable(&self, e: &syn::Expr) -> Option<usize> {
        let syn::Expr::Path(p) = e else { return None };
        let slot = self.slot(&p.path.get_ident()?.to_string())?;
        matches!(self.slots[slot], Value::Array(_)).then_some(slot)
    }

    /// An element of a variable; the variable is not copied.
    pub(super) fn element_in(&mut self, slot: usize, at: &Value, span: Span) -> Eval {
        let at = self.positions(at, span)?;
        let Value::Array(items) = &self.slots[slot] else { return self.fail(span, "cannot index this", "") };
        let length = items.len();
        let k = self.position(&at[..at.len().min(1)], length, span)?;
        let Value::Array(items) = &self.slots[slot] else { return self.fail(span, "cannot index this", "") };
        let item = items[k].clone();
        if at.len() > 1 {
            return self.element_of(item, &at[1..], span);
        }
        self.read_through(item)
    }
}
