//! Iterators: over items that are known one by one, or over the positions of a run-time length.

use super::body::{Eval, Reader, Stop};
use super::methods::Callable;
use super::value::{Elements, Place, Stream, Tensor, Truth, Value};
use crate::ir::{Affine, Expr, Symbol};
use crate::ops::Op;
use proc_macro2::Span;
use syn::spanned::Spanned;

/// The methods of iterators that the front reads.
pub(super) const ITERATOR_METHODS: [&str; 31] = [
    "iter",
    "iter_mut",
    "into_iter",
    "enumerate",
    "zip",
    "rev",
    "skip",
    "take",
    "step_by",
    "chain",
    "windows",
    "chunks",
    "chunks_exact",
    "map",
    "flat_map",
    "for_each",
    "sum",
    "product",
    "fold",
    "collect",
    "all",
    "any",
    "count",
    "len",
    "last",
    "first",
    "nth",
    "next",
    "min",
    "max",
    "outer_iter",
];

impl Reader<'_> {
    /// What a loop or an adaptor goes through: items, or a stream.
    pub(super) fn iterable(&mut self, e: &syn::Expr) -> Eval {
        let value = self.argument(e)?;
        self.iterated(value, e.span())
    }

    pub(super) fn iterated(&mut self, value: Value, span: Span) -> Eval {
        match value {
            Value::Range(from, to) => {
                let (from, to) = (self.lengths.resolve(&from), self.lengths.resolve(&to));
                if let (Some(from), Some(to)) = (from.known(), to.known()) {
                    if to - from > 1_000_000 {
                        return self.fail(span, format!("{} rounds are too many to write out", to - from), "loop over a run-time length");
                    }
                    return Ok(Value::Array((from..to).map(|k| Value::Int(Affine::from(k))).collect()));
                }
                if to.plus(&from, -1).indices().next().is_some() {
                    let help = "write it as a `for` loop";
                    return self.fail(span, "how long this iterator is depends on the index of another", help);
                }
                let index = self.program.index(to.plus(&from, -1));
                let item = Box::new(Value::Int(from.plus(&Affine::from(index), 1)));
                Ok(Value::Stream(Stream { indices: vec![index], item }))
            }
            Value::Tensor(t) if t.ndarray && t.shape.len() != 1 => {
                let (indices, e) = self.each(&t);
                Ok(Value::Stream(Stream { indices, item: Box::new(Value::Float(e)) }))
            }
            Value::Tensor(t) => self.outer(t, span),
            Value::Reference(place) => self.references(&place, span),
            Value::Opaque(e) => {
                self.fail(e.span(), "cannot go through a constant of unknown type", "bind it with its type first: `let k: &[f64] = &…;`")
            }
            other => Ok(other),
        }
    }

    /// The items along the first axis.
    fn outer(&mut self, t: Tensor, span: Span) -> Eval {
        if let Some(n) = self.lengths.resolve(&t.shape[0]).known() {
            if let Elements::List(_) = t.elements {
                let at = |k| vec![Affine::from(k)];
                return Ok(Value::Array((0..n).map(|k| self.element_of(Value::Tensor(t.clone()), &at(k), span)).collect::<Eval<_>>()?));
            }
        }
        let index = self.program.index(t.shape[0].clone());
        let item = self.element_of(Value::Tensor(t), &[Affine::from(index)], span)?;
        Ok(Value::Stream(Stream { indices: vec![index], item: Box::new(item) }))
    }

    /// The items of an array that stands in a pattern.
    pub(super) fn rows(&mut self, t: &Tensor, span: Span) -> Eval<Vec<Value>> {
        match self.lengths.resolve(&t.shape[0]).known() {
            Some(n) => (0..n).map(|k| self.element_of(Value::Tensor(t.clone()), &[Affine::from(k)], span)).collect(),
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
            Value::Tensor(t) if t.shape.len() == 1 => match self.lengths.resolve(&t.shape[0]).known() {
                Some(n) => Ok(Value::Array((0..n).map(|k| part(Affine::from(k))).collect())),
                None => {
                    let index = self.program.index(t.shape[0].clone());
                    Ok(Value::Stream(Stream { indices: vec![index], item: Box::new(part(Affine::from(index))) }))
                }
            },
            Value::Tensor(t) if t.ndarray => {
                let indices = self.program.axes(&t.shape);
                let mut part = place.clone();
                part.path.push(indices.iter().map(|i| Affine::from(*i)).collect());
                Ok(Value::Stream(Stream { indices, item: Box::new(Value::Reference(part)) }))
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
            Value::Truth(Truth::Open(e)) => Value::Truth(Truth::Open(self.program.arena.substitute(*e, &with))),
            Value::Int(a) => Value::Int(a.substitute(with)),
            Value::Array(items) => Value::Array(items.iter().map(|v| self.substituted(v, with)).collect()),
            Value::Tuple(items) => Value::Tuple(items.iter().map(|v| self.substituted(v, with)).collect()),
            Value::Some(v) => Value::Some(Box::new(self.substituted(v, with))),
            Value::Range(a, b) => Value::Range(a.substitute(with), b.substitute(with)),
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
                Value::Tensor(Tensor { shape, elements, ndarray: t.ndarray })
            }
            other => other.clone(),
        }
    }

    /// A method of an iterator, a range or a fixed array; `None` if there is none of this name.
    pub(super) fn iterator_method(&mut self, receiver: &Value, name: &str, call: &syn::ExprMethodCall, span: Span) -> Eval<Option<Value>> {
        if !ITERATOR_METHODS.contains(&name) {
            return Ok(None);
        }
        let value = self.iterated(receiver.clone(), span)?;
        match value {
            Value::Array(items) => self.list_method(items, name, call, span).map(Some),
            Value::Stream(stream) => self.stream_method(stream, name, call, span).map(Some),
            other => self.fail(span, format!("no method named `{name}` for {}", other.kind()), ""),
        }
    }

    fn count_argument(&mut self, call: &syn::ExprMethodCall) -> Eval<usize> {
        let Some(e) = call.args.first() else { return self.fail(call.span(), "this method takes an argument", "") };
        let n = self.integer(e)?;
        match self.lengths.resolve(&n).known() {
            Some(n) if n >= 0 => Ok(n as usize),
            _ => self.fail(e.span(), "this number is not known at compile time", "write a literal"),
        }
    }

    fn list_method(&mut self, mut items: Vec<Value>, name: &str, call: &syn::ExprMethodCall, span: Span) -> Eval {
        let mut f = || self.callable(&call.args[0]);
        Ok(match (name, call.args.len()) {
            ("iter" | "into_iter" | "collect" | "outer_iter", 0) => Value::Array(items),
            ("iter_mut", 0) => return self.fail(span, "cannot change these items", "call `iter_mut` on a variable"),
            ("enumerate", 0) => {
                let pair = |(k, v)| Value::Tuple(vec![Value::Int(Affine::from(k as i64)), v]);
                Value::Array(items.into_iter().enumerate().map(pair).collect())
            }
            ("rev", 0) => {
                items.reverse();
                Value::Array(items)
            }
            ("zip", 1) => {
                let others = match self.iterable(&call.args[0])? {
                    Value::Array(others) => others,
                    Value::Stream(stream) if stream.indices.len() == 1 => {
                        // the stream is as long as the list, or longer
                        (0..items.len()).map(|k| self.moved(&stream, &[Affine::from(k as i64)])).collect()
                    }
                    other => return self.fail(call.args[0].span(), format!("cannot go through {}", other.kind()), ""),
                };
                Value::Array(items.into_iter().zip(others).map(|(a, b)| Value::Tuple(vec![a, b])).collect())
            }
            ("chain", 1) => match self.iterable(&call.args[0])? {
                Value::Array(others) => Value::Array(items.into_iter().chain(others).collect()),
                other => return self.fail(call.args[0].span(), format!("cannot append {}", other.kind()), ""),
            },
            ("skip", 1) => {
                let n = self.count_argument(call)?;
                Value::Array(items.into_iter().skip(n).collect())
            }
            ("take", 1) => {
                items.truncate(self.count_argument(call)?);
                Value::Array(items)
            }
            ("step_by" | "windows" | "chunks" | "chunks_exact", 1) => {
                let n = self.count_argument(call)?;
                if n == 0 {
                    return self.fail(call.args.span(), "this number must not be 0", "");
                }
                let group = |items: &[Value]| Value::Array(items.to_vec());
                Value::Array(match name {
                    "step_by" => items.into_iter().step_by(n).collect(),
                    "windows" => items.windows(n).map(group).collect(),
                    "chunks" => items.chunks(n).map(group).collect(),
                    _ => items.chunks_exact(n).map(group).collect(),
                })
            }
            ("map", 1) => {
                let f = f()?;
                Value::Array(items.into_iter().map(|item| self.invoke(&f, vec![item], span)).collect::<Eval<_>>()?)
            }
            ("flat_map", 1) => {
                let f = f()?;
                let mut all = Vec::new();
                for item in items {
                    let inner = self.invoke(&f, vec![item], span)?;
                    match self.iterated(inner, span)? {
                        Value::Array(inner) => all.extend(inner),
                        other => return self.fail(span, format!("cannot go through {}", other.kind()), ""),
                    }
                }
                Value::Array(all)
            }
            ("for_each", 1) => {
                let f = f()?;
                for item in items {
                    self.invoke(&f, vec![item], span)?;
                }
                Value::unit()
            }
            ("sum" | "product", 0) => {
                let (op, empty) = if name == "sum" { (Op::Add, 0) } else { (Op::Mul, 1) };
                let mut items = items.into_iter();
                let Some(mut total) = items.next() else { return Ok(Value::Float(self.program.arena.constant(empty))) };
                for item in items {
                    total = self.apply(op, total, item, span)?;
                }
                total
            }
            ("fold", 2) => {
                let mut total = self.expr(&call.args[0])?;
                let f = self.callable(&call.args[1])?;
                for item in items {
                    total = self.invoke(&f, vec![total, item], span)?;
                }
                total
            }
            ("all" | "any", 1) => {
                let f = f()?;
                let (op, start) = if name == "all" { (Op::And, true) } else { (Op::Or, false) };
                let mut truth = Truth::Known(start);
                for item in items {
                    match self.invoke(&f, vec![item], span)? {
                        Value::Truth(t) => truth = self.both(op, truth, t),
                        other => return self.fail(span, format!("expected a condition, found {}", other.kind()), ""),
                    }
                }
                Value::Truth(truth)
            }
            ("len" | "count", 0) => Value::Int(Affine::from(items.len() as i64)),
            ("first" | "next" | "last" | "nth", _) => {
                let item = match name {
                    "last" => items.pop(),
                    "nth" => {
                        let n = self.count_argument(call)?;
                        items.into_iter().nth(n)
                    }
                    _ => items.into_iter().next(),
                };
                match item {
                    Some(item) => Value::Some(Box::new(item)),
                    None => return self.fail(span, "there is no such item", ""),
                }
            }
            _ => return self.fail(span, format!("`{name}` with {} arguments is not supported here", call.args.len()), ""),
        })
    }

    fn stream_method(&mut self, stream: Stream, name: &str, call: &syn::ExprMethodCall, span: Span) -> Eval {
        let single = stream.indices.len() == 1;
        let first = stream.indices[0];
        let length = self.program.length(first).clone();
        let with = |item: Value| Value::Stream(Stream { indices: stream.indices.clone(), item: Box::new(item) });
        Ok(match (name, call.args.len()) {
            ("iter" | "into_iter" | "outer_iter", 0) => Value::Stream(stream),
            ("iter_mut", 0) => return self.fail(span, "cannot change these items", "call `iter_mut` on a variable"),
            ("enumerate", 0) if single => with(Value::Tuple(vec![Value::Int(Affine::from(first)), (*stream.item).clone()])),
            ("zip", 1) => match self.iterable(&call.args[0])? {
                Value::Stream(other) if single && self.shorter_by(&stream, &other) != 0 => {
                    // the shorter one decides
                    let by = self.shorter_by(&stream, &other);
                    let index = if by < 0 { first } else { other.indices[0] };
                    let at = [Affine::from(index)];
                    let (a, b) = (self.moved(&stream, &at), self.moved(&other, &at));
                    Value::Stream(Stream { indices: vec![index], item: Box::new(Value::Tuple(vec![a, b])) })
                }
                Value::Stream(other) if other.indices.len() == stream.indices.len() => {
                    for (i, j) in stream.indices.iter().zip(&other.indices) {
                        let (m, n) = (self.program.length(*i).clone(), self.program.length(*j).clone());
                        self.equal_lengths(&m, &n, span)?;
                    }
                    let to: Vec<Affine> = stream.indices.iter().map(|i| Affine::from(*i)).collect();
                    let other = self.moved(&other, &to);
                    with(Value::Tuple(vec![(*stream.item).clone(), other]))
                }
                other => {
                    return self.fail(call.args[0].span(), format!("cannot pair this with {}", other.kind()), "give both a run-time length")
                }
            },
            ("rev", 0) if single => {
                let item = self.moved(&stream, &[length.plus(&Affine::from(1), -1).plus(&Affine::from(first), -1)]);
                with(item)
            }
            ("skip", 1) if single => {
                let n = self.integer(&call.args[0])?;
                let index = self.program.index(length.plus(&n, -1));
                let item = self.moved(&stream, &[Affine::from(index).plus(&n, 1)]);
                Value::Stream(Stream { indices: vec![index], item: Box::new(item) })
            }
            ("windows", 1) if single => {
                let n = self.count_argument(call)? as i64;
                let index = self.program.index(length.plus(&Affine::from(n - 1), -1));
                let items = (0..n).map(|k| self.moved(&stream, &[Affine::from(index).plus(&Affine::from(k), 1)])).collect();
                Value::Stream(Stream { indices: vec![index], item: Box::new(Value::Array(items)) })
            }
            ("map", 1) => {
                let f = self.callable(&call.args[0])?;
                let item = self.invoke(&f, vec![(*stream.item).clone()], span)?;
                with(item)
            }
            ("sum", 0) => {
                let mut body = self.float_item(&stream, span)?;
                for i in stream.indices.iter().rev() {
                    body = self.program.sum_over(*i, body);
                }
                self.reduction(Vec::new(), body, true)
            }
            ("product" | "fold", _) => {
                let (start, f) = match name {
                    "fold" if call.args.len() == 2 => (self.expr(&call.args[0])?, self.callable(&call.args[1])?),
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
                Value::Tensor(self.tensor(stream.indices, item, true))
            }
            ("len" | "count", 0) if single => Value::Int(length),
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
        match value {
            Value::Float(e) => Ok(e),
            Value::Opaque(e) => self.opaque_float(&e),
            Value::Poison => Err(Stop::Reported),
            other => self.fail(span, format!("expected a float, found {}", other.kind()), ""),
        }
    }
}
