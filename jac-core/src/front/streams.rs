//! Iterators over the positions of a run-time length: an item for all of them at once.

use super::body::{Eval, Reader, Stop};
use super::control::unchanged;
use super::integers::{Int, IntType};
use super::iterators::{Item, Iter};
use super::methods::Callable;
use super::value::{Elements, Library, Place, Stream, Struct, Tensor, Truth, Value};
use crate::ir::{Affine, Expr, Symbol};
use crate::ops::Op;
use proc_macro2::Span;
use quote::ToTokens;
use std::rc::Rc;
use syn::spanned::Spanned;

/// What a loop or an adapter goes through.
pub(super) enum Source {
    /// Items that are known one by one.
    Known(Iter),
    /// The positions of a run-time length.
    Open(Stream),
}

impl Reader<'_> {
    /// What a loop or an adapter goes through.
    pub(super) fn iterable(&mut self, e: &syn::Expr) -> Eval<Source> {
        let value = self.expr(e)?;
        self.settled_source(value, e.span())
    }

    /// What is gone through, where no closure waits for the items.
    pub(super) fn settled_source(&mut self, value: Value, span: Span) -> Eval<Source> {
        match self.iterated(value, span)? {
            Source::Open(stream) if !stream.pending.is_empty() => self.effect(span),
            source => Ok(source),
        }
    }

    pub(super) fn iterated(&mut self, value: Value, span: Span) -> Eval<Source> {
        match value {
            Value::Iter(iter) => Ok(Source::Known(*iter)),
            Value::Stream(stream) => Ok(Source::Open(stream)),
            Value::Array(items) => {
                self.spend(items.len(), span)?;
                Ok(Source::Known(Iter::of(items)))
            }
            Value::Range(from, to, ty) => self.range(&from, to.as_ref(), ty, span),
            Value::Tensor(t) if t.library == Library::Nalgebra => {
                let elements = self.matrix_elements(&t);
                self.iterated(elements, span)
            }
            Value::Tensor(t) if t.library == Library::Ndarray && t.shape.len() != 1 => {
                let (indices, e) = self.each(&t);
                Ok(Source::Open(Stream { indices, item: Box::new(Value::Float(e)), pending: Vec::new() }))
            }
            Value::Tensor(t) => {
                let items = self.outer(t, span)?;
                self.iterated(items, span)
            }
            Value::Reference(place) => match self.load(&place, span)? {
                Value::Iter(_) => Ok(Source::Known(Iter::Of(place))),
                _ => {
                    let items = self.references(&place, span)?;
                    self.iterated(items, span)
                }
            },
            Value::Option(Truth::Known(there), value) => Ok(Source::Known(Iter::of(there.then_some(*value)))),
            Value::Opaque(e) => match self.unread.iter().find(|(name, _)| matches!(&*e, syn::Expr::Path(p) if p.path.is_ident(name))) {
                Some((name, ty)) => {
                    let message = format!("cannot go through `{name}`, whose type `{}` is not read", ty.to_token_stream());
                    self.fail(span, message, "pass the numbers as `&[f64]`, `&[f64; N]` or an ndarray")
                }
                None => {
                    let help = "bind it with its type first: `let k: &[f64] = &…;`";
                    self.fail(e.span(), "cannot go through a constant of unknown type", help)
                }
            },
            Value::Generator(_) => self.unknown_length(span),
            Value::Poison => Err(Stop::Reported),
            other => self.fail(span, format!("cannot go through {}", other.kind()), "loop over a range, an array or an iterator"),
        }
    }

    /// An iterator over items that are known one by one.
    pub(super) fn iter(&mut self, value: Value, span: Span) -> Eval<Iter> {
        match self.iterated(value, span)? {
            Source::Known(iter) => Ok(iter),
            Source::Open(_) => {
                let help = "give both a run-time length, or fix the length: `&[f64; N]`";
                self.fail(span, "an iterator over a run-time length beside one of known items", help)
            }
        }
    }

    fn range(&mut self, from: &Affine, to: Option<&Affine>, ty: Option<IntType>, span: Span) -> Eval<Source> {
        let from = self.lengths.resolve(from);
        let to = to.map(|to| self.lengths.resolve(to));
        match (from.known(), to) {
            (Some(from), None) => Ok(Source::Known(Iter::Counter(from, i64::MAX, ty))),
            (None, None) => self.fail(span, "this range has no end", "write both ends"),
            (known, Some(to)) => {
                let length = to.plus(&from, -1);
                if let (Some(from), Some(length)) = (known, self.short(&length)) {
                    return Ok(Source::Known(Iter::Counter(from, from + length.max(0), ty)));
                }
                if length.indices().next().is_some() {
                    let help = "write it as a `for` loop";
                    return self.fail(span, "how long this iterator is depends on the index of another", help);
                }
                let index = self.program.index(length);
                let at = from.plus(&Affine::from(index), 1);
                let item = Value::Int(Int { at, ty, cast: false });
                Ok(Source::Open(Stream { indices: vec![index], item: Box::new(item), pending: Vec::new() }))
            }
        }
    }

    /// The items along the first axis.
    fn outer(&mut self, t: Tensor, span: Span) -> Eval {
        if let Some(n) = self.lengths.resolve(&t.shape[0]).known() {
            if let Elements::List(_) = t.elements {
                let at = |k| vec![Affine::from(k)];
                self.written_out(n, span)?;
                return Ok(Value::Array((0..n).map(|k| self.element_of(Value::Tensor(t.clone()), &at(k), span)).collect::<Eval<_>>()?));
            }
        }
        let index = self.program.index(t.shape[0].clone());
        let item = self.element_of(Value::Tensor(t), &[Affine::from(index)], span)?;
        Ok(Value::Stream(Stream { indices: vec![index], item: Box::new(item), pending: Vec::new() }))
    }

    /// The items of an array that stands in a pattern.
    pub(super) fn rows(&mut self, t: &Tensor, span: Span) -> Eval<Vec<Value>> {
        match self.lengths.resolve(&t.shape[0]).known() {
            Some(n) => {
                self.written_out(n, span)?;
                (0..n).map(|k| self.element_of(Value::Tensor(t.clone()), &[Affine::from(k)], span)).collect()
            }
            None => self.fail(span, "the length of this array is not known at compile time", ""),
        }
    }

    /// Mutable references to the items of a place.
    pub(super) fn references(&mut self, place: &Place, span: Span) -> Eval {
        let part = |at: Affine| {
            let mut part = place.clone();
            part.path.push(vec![at]);
            Value::Reference(part)
        };
        match self.load(place, span)? {
            Value::Array(items) | Value::Tuple(items) => Ok(Value::Array((0..items.len()).map(|k| part(Affine::from(k as i64))).collect())),
            Value::Tensor(t) if t.shape.len() == 1 => match self.short(&t.shape[0]) {
                Some(n) => {
                    self.written_out(n, span)?;
                    Ok(Value::Array((0..n).map(|k| part(Affine::from(k))).collect()))
                }
                None => {
                    let index = self.program.index(t.shape[0].clone());
                    Ok(Value::Stream(Stream { indices: vec![index], item: Box::new(part(Affine::from(index))), pending: Vec::new() }))
                }
            },
            Value::Tensor(t) if t.library == Library::Nalgebra => match self.matrix_places(&t) {
                Some(places) => {
                    let part = |at: &Vec<Affine>| {
                        let mut part = place.clone();
                        part.path.push(at.clone());
                        Value::Reference(part)
                    };
                    Ok(Value::Array(places.iter().map(part).collect()))
                }
                None => self.fail(span, "references to the elements of a matrix of unknown lengths", "write a loop over the positions"),
            },
            Value::Tensor(t) if t.library == Library::Ndarray => {
                let indices = self.program.axes(&t.shape);
                let mut part = place.clone();
                part.path.push(indices.iter().map(|i| Affine::from(*i)).collect());
                Ok(Value::Stream(Stream { indices, item: Box::new(Value::Reference(part)), pending: Vec::new() }))
            }
            other => self.fail(span, format!("cannot go through {}", other.kind()), ""),
        }
    }

    /// The item of a stream at another position.
    pub(super) fn moved(&mut self, stream: &Stream, to: &[Affine]) -> Value {
        let from = stream.indices.clone();
        self.substituted(&stream.item, &|s| match s {
            Symbol::Index(i) => from.iter().position(|j| *j == i).map(|k| to[k].clone()),
            Symbol::Bound(_) | Symbol::Size(_) => None,
        })
    }

    /// A value with other affine expressions for some symbols.
    pub(super) fn substituted(&mut self, value: &Value, with: &dyn Fn(Symbol) -> Option<Affine>) -> Value {
        match value {
            Value::Float(e) => Value::Float(self.program.arena.substitute(*e, &with)),
            Value::Whole(e) => Value::Whole(self.program.arena.substitute(*e, &with)),
            Value::Words(cases, last) => {
                let cases = cases.iter().map(|(c, word)| (self.program.arena.substitute(*c, &with), Rc::clone(word))).collect();
                Value::Words(cases, Rc::clone(last))
            }
            Value::Struct(s) => {
                let fields = s.fields.iter().map(|(name, v)| (name.clone(), self.substituted(v, with))).collect();
                Value::Struct(Struct { ty: s.ty.clone(), fields })
            }
            Value::Truth(Truth::Open(e)) => Value::Truth(Truth::Open(self.program.arena.substitute(*e, &with))),
            Value::Int(a) => Value::Int(Int { at: a.at.substitute(with), ..*a }),
            Value::Array(items) => Value::Array(items.iter().map(|v| self.substituted(v, with)).collect()),
            Value::Tuple(items) => Value::Tuple(items.iter().map(|v| self.substituted(v, with)).collect()),
            Value::Option(there, v) => {
                let there = match there {
                    Truth::Open(e) => Truth::Open(self.program.arena.substitute(*e, &with)),
                    known => *known,
                };
                Value::Option(there, Box::new(self.substituted(v, with)))
            }
            Value::Range(a, b, ty) => Value::Range(a.substitute(with), b.as_ref().map(|b| b.substitute(with)), *ty),
            Value::Reference(place) => Value::Reference(Place {
                slot: place.slot,
                path: place.path.iter().map(|at| at.iter().map(|a| a.substitute(with)).collect()).collect(),
            }),
            Value::Tensor(t) => {
                let elements = match &t.elements {
                    Elements::List(es) => Elements::List(es.iter().map(|e| self.program.arena.substitute(*e, &with)).collect()),
                    Elements::Each(indices, e) => Elements::Each(indices.clone(), self.program.arena.substitute(*e, &with)),
                };
                let shape = t.shape.iter().map(|n| n.substitute(with)).collect();
                Value::Tensor(Tensor { shape, elements, library: t.library })
            }
            other => other.clone(),
        }
    }

    /// A method of an iterator over a run-time length.
    pub(super) fn stream_method(&mut self, stream: Stream, name: &str, call: &syn::ExprMethodCall, span: Span) -> Eval {
        if !stream.pending.is_empty() {
            return self.one_by_one(stream, name, call, span);
        }
        let single = stream.indices.len() == 1;
        let first = stream.indices[0];
        let length = self.program.length(first).clone();
        let with = |item: Value| Value::Stream(Stream { indices: stream.indices.clone(), item: Box::new(item), pending: Vec::new() });
        Ok(match (name, call.args.len()) {
            ("iter" | "into_iter" | "outer_iter", 0) => Value::Stream(stream),
            ("iter_mut", 0) => return self.fail(span, "cannot change these items", "call `iter_mut` on a variable"),
            ("enumerate", 0) if single => with(Value::Tuple(vec![Value::position(first), (*stream.item).clone()])),
            ("zip", 1) => match self.iterable(&call.args[0])? {
                Source::Open(other) if single && self.shorter_by(&stream, &other) != 0 => {
                    // the shorter one decides
                    let by = self.shorter_by(&stream, &other);
                    let index = if by < 0 { first } else { other.indices[0] };
                    let at = [Affine::from(index)];
                    let (a, b) = (self.moved(&stream, &at), self.moved(&other, &at));
                    Value::Stream(Stream { indices: vec![index], item: Box::new(Value::Tuple(vec![a, b])), pending: Vec::new() })
                }
                Source::Open(other) if other.indices.len() == stream.indices.len() => {
                    for (i, j) in stream.indices.iter().zip(&other.indices) {
                        let (m, n) = (self.program.length(*i).clone(), self.program.length(*j).clone());
                        self.equal_lengths(&m, &n, span)?;
                    }
                    let to: Vec<Affine> = stream.indices.iter().map(|i| Affine::from(*i)).collect();
                    let other = self.moved(&other, &to);
                    with(Value::Tuple(vec![(*stream.item).clone(), other]))
                }
                Source::Known(Iter::Counter(from, i64::MAX, ty)) if single => {
                    let at = Affine::from(from).plus(&Affine::from(first), 1);
                    with(Value::Tuple(vec![(*stream.item).clone(), Value::Int(Int { at, ty, cast: false })]))
                }
                Source::Known(iter) if single => return self.beside_known(&stream, iter, span),
                _ => return self.fail(call.args[0].span(), "cannot pair these iterators", "give both a run-time length"),
            },
            ("rev", 0) if single => {
                let item = self.moved(&stream, &[length.plus(&Affine::from(1), -1).plus(&Affine::from(first), -1)]);
                with(item)
            }
            ("skip", 1) if single => {
                let n = self.integer(&call.args[0])?;
                let index = self.program.index(length.plus(&n, -1));
                let item = self.moved(&stream, &[Affine::from(index).plus(&n, 1)]);
                Value::Stream(Stream { indices: vec![index], item: Box::new(item), pending: Vec::new() })
            }
            ("windows", 1) if single => {
                let n = self.count_argument(call)? as i64;
                let index = self.program.index(length.plus(&Affine::from(n - 1), -1));
                let items = (0..n).map(|k| self.moved(&stream, &[Affine::from(index).plus(&Affine::from(k), 1)])).collect();
                Value::Stream(Stream { indices: vec![index], item: Box::new(Value::Array(items)), pending: Vec::new() })
            }
            ("map", 1) => {
                let f = self.callable(&call.args[0])?;
                self.copy_slots(span)?;
                let before = self.slots.clone();
                let item = self.invoke(&f, vec![(*stream.item).clone()], span)?;
                if before.iter().zip(&self.slots).all(|(a, b)| unchanged(a, b)) {
                    return Ok(with(item));
                }
                // it is to run once an item, in the loop that goes through them
                self.slots = before;
                Value::Stream(Stream { pending: vec![f], ..stream })
            }
            ("sum", 0) => {
                let mut body = self.float_item(&stream, span)?;
                for i in stream.indices.iter().rev() {
                    body = self.program.sum_over(*i, body);
                }
                self.reduction(Vec::new(), body, Library::Ndarray)
            }
            ("product" | "fold", _) => {
                let (start, f) = match name {
                    "fold" if call.args.len() == 2 => (self.referent(&call.args[0])?, self.callable(&call.args[1])?),
                    _ => (Value::Float(self.program.arena.constant(1)), Callable::Operator(Op::Mul)),
                };
                let slot = self.hidden(start);
                self.open_loop(&stream, span, &mut |r, item| {
                    let total = r.hidden_value(slot);
                    let next = r.invoke(&f, vec![total, item], span)?;
                    r.set_hidden(slot, next);
                    Ok(())
                })?;
                self.hidden_value(slot)
            }
            ("for_each", 1) => {
                let f = self.callable(&call.args[0])?;
                return self.open_loop(&stream, span, &mut |r, item| r.invoke(&f, vec![item], span).map(drop));
            }
            ("collect", 0) => {
                let item = self.float_item(&stream, span)?;
                Value::Tensor(self.tensor(stream.indices, item, Library::Ndarray))
            }
            ("len" | "count", 0) if single => {
                self.has_rounds(&length, span)?;
                Value::position(length)
            }
            _ => {
                let message = format!("`{name}` of an iterator over a run-time length is not supported");
                return self.fail(
                    span,
                    message,
                    "`map`, `zip`, `enumerate`, `rev`, `skip`, `windows`, `sum`, `product`, `fold` and `collect` are",
                );
            }
        })
    }

    /// A method of an iterator with closures that change variables: they run in the loop that it is.
    fn one_by_one(&mut self, mut stream: Stream, name: &str, call: &syn::ExprMethodCall, span: Span) -> Eval {
        let total = match (name, call.args.len()) {
            ("iter" | "into_iter" | "by_ref", 0) => return Ok(Value::Stream(stream)),
            ("map", 1) => {
                stream.pending.push(self.callable(&call.args[0])?);
                return Ok(Value::Stream(stream));
            }
            ("for_each", 1) => {
                stream.pending.push(self.callable(&call.args[0])?);
                None
            }
            ("count", 0) => None,
            ("sum", 0) => Some((Value::Float(self.program.arena.constant(0)), Callable::Operator(Op::Add))),
            ("product", 0) => Some((Value::Float(self.program.arena.constant(1)), Callable::Operator(Op::Mul))),
            ("fold", 2) => Some((self.referent(&call.args[0])?, self.callable(&call.args[1])?)),
            _ => return self.effect(span),
        };
        let count = self.program.length(stream.indices[0]).clone();
        let one_axis = stream.indices.len() == 1;
        let (slot, f) = match total {
            Some((start, f)) => (self.hidden(start), Some(f)),
            None => (self.hidden(Value::unit()), None),
        };
        self.open_loop(&stream, span, &mut |r, item| {
            let item = r.done_with(&stream.pending, item, span)?;
            if let Some(f) = &f {
                let next = r.invoke(f, vec![r.hidden_value(slot), item], span)?;
                r.set_hidden(slot, next);
            }
            Ok(())
        })?;
        Ok(match (f, name) {
            (Some(_), _) => self.hidden_value(slot),
            (None, "count") if one_axis => {
                self.has_rounds(&count, span)?;
                Value::position(count)
            }
            (None, _) => Value::unit(),
        })
    }

    /// An item after the closures that wait for it.
    pub(super) fn done_with(&mut self, pending: &[Callable], item: Value, span: Span) -> Eval {
        pending.iter().try_fold(item, |item, f| self.invoke(f, vec![item], span))
    }

    /// `(from..).zip(stream)`.
    pub(super) fn numbered(&mut self, stream: Stream, from: i64, ty: Option<IntType>, span: Span) -> Eval {
        let &[index] = stream.indices.as_slice() else {
            return self.fail(span, "cannot pair these iterators", "go through them by positions");
        };
        let at = Affine::from(from).plus(&Affine::from(index), 1);
        let item = Value::Tuple(vec![Value::Int(Int { at, ty, cast: false }), *stream.item]);
        Ok(Value::Stream(Stream { item: Box::new(item), ..stream }))
    }

    /// Known items with those of a run-time length beside them, as long as both last.
    pub(super) fn beside(&mut self, items: Vec<Value>, stream: &Stream) -> Vec<Item> {
        let length = self.program.length(stream.indices[0]).clone();
        let mut out = Vec::new();
        for (k, value) in items.into_iter().enumerate() {
            let at = Affine::from(k as i64);
            let other = self.moved(stream, std::slice::from_ref(&at));
            let args = vec![self.program.arena.integer(at), self.program.arena.integer(length.clone())];
            let when = Some(self.program.arena.apply(Op::Lt, args));
            out.push(Item { value: Value::Tuple(vec![value, other]), when, sparse: false });
        }
        out
    }

    /// `zip` of a run-time length with known items.
    fn beside_known(&mut self, stream: &Stream, iter: Iter, span: Span) -> Eval {
        let items = self.collected(iter, span)?;
        let mut pairs = self.beside(items, stream);
        for pair in &mut pairs {
            if let Value::Tuple(parts) = &mut pair.value {
                parts.reverse();
            }
        }
        Ok(Value::Iter(Box::new(Iter::Items(pairs.into()))))
    }

    /// By how much the second of two streams is shorter, if that is known; 0 if it is not.
    fn shorter_by(&self, a: &Stream, b: &Stream) -> i64 {
        let length = |s: &Stream| self.lengths.resolve(self.program.length(s.indices[0]));
        length(a).plus(&length(b), -1).known().unwrap_or(0)
    }

    fn float_item(&mut self, stream: &Stream, span: Span) -> Eval<Expr> {
        let item = self.read_through((*stream.item).clone())?;
        self.float(item, span)
    }

    /// A value as a float.
    pub(super) fn float(&mut self, value: Value, span: Span) -> Eval<Expr> {
        match value.definite() {
            Value::Float(e) => Ok(e),
            Value::Opaque(e) => self.opaque_float(&e),
            Value::Reference(place) => {
                let value = self.load(&place, span)?;
                self.float(value, span)
            }
            Value::Poison => Err(Stop::Reported),
            other => self.fail(span, format!("expected a float, found {}", other.kind()), ""),
        }
    }
}
