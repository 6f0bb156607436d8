//! Methods of iterators over known items, and of arrays that are gone through.

use super::body::{Eval, Reader};
use super::iterators::{Item, Iter};
use super::streams::Source;
use super::value::{Truth, Value};
use crate::ir::Expr;
use crate::ops::Op;
use proc_macro2::Span;
use syn::spanned::Spanned;

/// The methods of iterators that the front reads.
pub(super) const ITERATOR_METHODS: [&str; 53] = [
    "iter",
    "iter_mut",
    "into_iter",
    "by_ref",
    "enumerate",
    "zip",
    "unzip",
    "rev",
    "skip",
    "skip_while",
    "take",
    "take_while",
    "step_by",
    "chain",
    "cycle",
    "windows",
    "chunks",
    "chunks_exact",
    "map",
    "flat_map",
    "flatten",
    "filter",
    "filter_map",
    "inspect",
    "scan",
    "peekable",
    "peek",
    "for_each",
    "sum",
    "product",
    "fold",
    "reduce",
    "collect",
    "all",
    "any",
    "find",
    "find_map",
    "position",
    "count",
    "len",
    "last",
    "first",
    "split_at",
    "split_first",
    "split_last",
    "get",
    "nth",
    "next",
    "next_back",
    "min",
    "max",
    "contains",
    "outer_iter",
];

/// The methods that leave the rest of an iterator for later.
pub(super) const ADVANCING: [&str; 11] =
    ["next", "next_back", "nth", "peek", "by_ref", "all", "any", "find", "find_map", "position", "try_fold"];

impl Reader<'_> {
    /// A method of an iterator, a range or a fixed array; `None` if there is none of this name.
    pub(super) fn iterator_method(&mut self, receiver: Value, name: &str, call: &syn::ExprMethodCall, span: Span) -> Eval<Option<Value>> {
        if !ITERATOR_METHODS.contains(&name) {
            return Ok(None);
        }
        if let Value::Array(items) = receiver {
            return self.array_iteration(items, name, call, span).map(Some);
        }
        match self.iterated(receiver, span)? {
            Source::Known(Iter::Counter(from, i64::MAX, ty)) if name == "zip" && call.args.len() == 1 => {
                match self.iterable(&call.args[0])? {
                    Source::Known(other) => {
                        let pairs = Iter::Zip(Box::new(Iter::Counter(from, i64::MAX, ty)), Box::new(other));
                        Ok(Some(Value::Iter(Box::new(pairs))))
                    }
                    Source::Open(stream) => self.numbered(stream, from, ty, span).map(Some),
                }
            }
            Source::Open(stream) => self.stream_method(stream, name, call, span).map(Some),
            Source::Known(iter) => match self.adapted(iter.clone(), name, call, span)? {
                Some(iter) => Ok(Some(Value::Iter(Box::new(iter)))),
                None => self.consumed(iter, name, call, span).map(Some),
            },
        }
    }

    pub(super) fn count_argument(&mut self, call: &syn::ExprMethodCall) -> Eval<usize> {
        let Some(e) = call.args.first() else { return self.fail(call.span(), "this method takes an argument", "") };
        let n = self.integer(e)?;
        match self.lengths.resolve(&n).known().map(usize::try_from) {
            Some(Ok(n)) => Ok(n),
            _ => self.fail(e.span(), "this number is not known at compile time", "write a literal"),
        }
    }

    /// A method of a fixed array.
    fn array_iteration(&mut self, items: Vec<Value>, name: &str, call: &syn::ExprMethodCall, span: Span) -> Eval {
        let group = |items: &[Value]| Value::Array(items.to_vec());
        let iter = |items: Vec<Value>| Value::Iter(Box::new(Iter::of(items)));
        match (name, call.args.len()) {
            ("iter_mut", 0) => self.fail(span, "cannot change these items", "call `iter_mut` on a variable"),
            ("windows" | "chunks" | "chunks_exact", 1) => {
                let n = self.count_argument(call)?;
                if n == 0 {
                    return self.fail(call.args.span(), "this number must not be 0", "");
                }
                self.spend(items.len().saturating_mul(if name == "windows" { n } else { 1 }), span)?;
                Ok(iter(match name {
                    "windows" => items.windows(n).map(group).collect(),
                    "chunks" => items.chunks(n).map(group).collect(),
                    _ => items.chunks_exact(n).map(group).collect(),
                }))
            }
            // of arrays it is not lazy
            ("map", 1) => {
                let f = self.callable(&call.args[0])?;
                Ok(Value::Array(items.into_iter().map(|item| self.invoke(&f, vec![item], span)).collect::<Eval<_>>()?))
            }
            ("len", 0) => Ok(Value::position(items.len() as i64)),
            ("first", 0) => Ok(items.into_iter().next().map_or_else(Value::none, Value::some)),
            ("last", 0) => Ok(items.into_iter().last().map_or_else(Value::none, Value::some)),
            ("split_at", 1) => {
                let at = self.count_argument(call)?;
                match items.split_at_checked(at) {
                    Some((front, back)) => Ok(Value::Tuple(vec![group(front), group(back)])),
                    None => self.fail(span, format!("position {at} of an array of length {}", items.len()), ""),
                }
            }
            ("split_first", 0) => Ok(items
                .split_first()
                .map_or_else(Value::none, |(first, rest)| Value::some(Value::Tuple(vec![first.clone(), group(rest)])))),
            ("split_last", 0) => {
                Ok(items.split_last().map_or_else(Value::none, |(last, rest)| Value::some(Value::Tuple(vec![last.clone(), group(rest)]))))
            }
            ("get", 1) => {
                let at = self.count_argument(call)?;
                Ok(items.into_iter().nth(at).map_or_else(Value::none, Value::some))
            }
            ("contains", 1) => {
                let sought = self.referent(&call.args[0])?;
                let mut found = Truth::Known(false);
                for item in items {
                    let equal = self.equal(item, sought.clone(), span)?;
                    found = self.both(Op::Or, found, equal);
                }
                Ok(Value::Truth(found))
            }
            _ => self.iterator_method(iter(items), name, call, span).map(|v| v.unwrap_or(Value::Poison)),
        }
    }

    /// The iterator that an adapter makes; `None` if the method is no adapter.
    fn adapted(&mut self, iter: Iter, name: &str, call: &syn::ExprMethodCall, span: Span) -> Eval<Option<Iter>> {
        let inner = Box::new(iter);
        Ok(Some(match (name, call.args.len()) {
            ("iter" | "into_iter" | "by_ref" | "outer_iter", 0) => *inner,
            ("enumerate", 0) => Iter::Enumerate(inner, 0),
            ("rev", 0) => Iter::Rev(inner),
            ("peekable", 0) => Iter::Peekable(inner, None),
            ("flatten", 0) => Iter::Flat(inner, None, None),
            ("cycle", 0) => Iter::Cycle(inner.clone(), inner),
            ("zip", 1) => match self.iterable(&call.args[0])? {
                Source::Known(other) => Iter::Zip(inner, Box::new(other)),
                Source::Open(stream) if stream.indices.len() == 1 => {
                    let items = self.collected(*inner, span)?;
                    Iter::Items(self.beside(items, &stream).into())
                }
                Source::Open(_) => return self.fail(call.args[0].span(), "cannot pair these iterators", "go through them by positions"),
            },
            ("chain", 1) => match self.iterable(&call.args[0])? {
                Source::Known(other) => Iter::Chain(inner, Box::new(other)),
                Source::Open(_) => {
                    let help = "go through one after the other";
                    return self.fail(call.args[0].span(), "an iterator over a run-time length behind one of known items", help);
                }
            },
            ("skip", 1) => Iter::Skip(inner, self.count_argument(call)?),
            ("take", 1) => Iter::Take(inner, self.count_argument(call)?),
            ("step_by", 1) => match self.count_argument(call)? {
                0 => return self.fail(call.args.span(), "this number must not be 0", ""),
                n => Iter::StepBy(inner, n, true),
            },
            ("scan", 2) => {
                let state = self.referent(&call.args[0])?;
                Iter::Scan(inner, self.callable(&call.args[1])?, state, Truth::Known(true))
            }
            ("map", 1) => Iter::Map(inner, self.callable(&call.args[0])?),
            ("inspect", 1) => Iter::Inspect(inner, self.callable(&call.args[0])?),
            ("filter", 1) => Iter::Filter(inner, self.callable(&call.args[0])?),
            ("filter_map", 1) => Iter::FilterMap(inner, self.callable(&call.args[0])?),
            ("take_while", 1) => Iter::TakeWhile(inner, self.callable(&call.args[0])?, Truth::Known(true)),
            ("skip_while", 1) => Iter::SkipWhile(inner, self.callable(&call.args[0])?, Truth::Known(true)),
            ("flat_map", 1) => Iter::Flat(inner, Some(self.callable(&call.args[0])?), None),
            _ => return Ok(None),
        }))
    }

    /// What a method that goes through an iterator makes of it.
    fn consumed(&mut self, mut iter: Iter, name: &str, call: &syn::ExprMethodCall, span: Span) -> Eval {
        let option = |item: Option<Item>| match item {
            None => Value::none(),
            Some(Item { value, when, .. }) => Value::Option(when.map_or(Truth::Known(true), Truth::Open), Box::new(value)),
        };
        match (name, call.args.len()) {
            ("next", 0) => Ok(option(self.next(&mut iter, span)?)),
            ("next_back", 0) => Ok(option(self.next_back(&mut iter, span)?)),
            ("peek", 0) => self.peeked(iter, span).map(option),
            ("nth", 1) => {
                let n = self.count_argument(call)?;
                let mut rest = Iter::Skip(Box::new(iter), n);
                Ok(option(self.next(&mut rest, span)?))
            }
            ("for_each", 1) => {
                let f = self.callable(&call.args[0])?;
                self.each_item(iter, span, &mut |r, item| r.with_item(&f, Vec::new(), &item, span).map(drop))?;
                Ok(Value::unit())
            }
            ("sum", 0) => self.accumulated(iter, Op::Add, call, span),
            ("product", 0) => self.accumulated(iter, Op::Mul, call, span),
            ("fold", 2) => {
                let mut total = self.referent(&call.args[0])?;
                let f = self.callable(&call.args[1])?;
                self.each_item(iter, span, &mut |r, item| {
                    let next = r.with_item(&f, vec![total.clone()], &item, span)?;
                    total = r.where_there(item.when, next, total.clone())?;
                    Ok(())
                })?;
                Ok(total)
            }
            ("reduce", 1) => {
                let f = self.callable(&call.args[0])?;
                let mut total: Option<Value> = None;
                self.each_item(iter, span, &mut |r, item| {
                    total = Some(match total.take() {
                        Some(before) => {
                            let next = r.with_item(&f, vec![before.clone()], &item, span)?;
                            r.where_there(item.when, next, before)?
                        }
                        None if item.when.is_none() => item.value,
                        None => return r.fail(span, "which item is the first depends on floats", "use `fold`, with a first value"),
                    });
                    Ok(())
                })?;
                Ok(total.map_or_else(Value::none, Value::some))
            }
            ("min" | "max", 0) => {
                let mut best: Option<Value> = None;
                for item in self.collected(iter, span)? {
                    let item = self.read_through(item)?;
                    best = Some(match (best.take(), item) {
                        (None, item) => item,
                        (Some(Value::Int(a)), Value::Int(b)) => self.integer_method(&a, name, &[Value::Int(b)], span)?,
                        (_, other) => {
                            let help = "of floats it is `fold(first, f64::max)` or `fold(first, f64::min)`";
                            return self.fail(span, format!("`{name}` of {}", other.kind()), help);
                        }
                    });
                }
                Ok(best.map_or_else(Value::none, Value::some))
            }
            ("collect", 0) => self.collected(iter, span).map(Value::Array),
            ("unzip", 0) => {
                let (mut first, mut second) = (Vec::new(), Vec::new());
                for item in self.collected(iter, span)? {
                    match item {
                        Value::Tuple(parts) if parts.len() == 2 => {
                            let mut parts = parts.into_iter();
                            first.extend(parts.next());
                            second.extend(parts.next());
                        }
                        other => return self.fail(span, format!("`unzip` of {}", other.kind()), ""),
                    }
                }
                Ok(Value::Tuple(vec![Value::Array(first), Value::Array(second)]))
            }
            ("any", 1) => self.searched(iter, call, span, |_, _, holds| (holds, Value::unit())).map(|(found, _)| Value::Truth(found)),
            ("all", 1) => {
                let (broken, _) = self.searched(iter, call, span, |r, _, holds| (r.not(holds), Value::unit()))?;
                Ok(Value::Truth(self.not(broken)))
            }
            ("find", 1) => self.searched(iter, call, span, |_, (_, item), holds| (holds, item)).map(|(_, found)| found),
            ("position", 1) => self.searched(iter, call, span, |_, (k, _), holds| (holds, Value::position(k))).map(|(_, found)| found),
            ("find_map", 1) => {
                let f = self.callable(&call.args[0])?;
                let mut mapped = Iter::FilterMap(Box::new(iter), f);
                Ok(option(self.next(&mut mapped, span)?))
            }
            ("len", 0) => self.left(&iter, span).map(|n| Value::position(n as i64)),
            ("count", 0) => {
                let mut count = 0;
                self.each_item(iter, span, &mut |r, item| {
                    count += 1;
                    match item.when {
                        None => Ok(()),
                        Some(_) => r.fail(span, "how many items there are depends on floats", "add up `1.0` for each of them"),
                    }
                })?;
                Ok(Value::position(count))
            }
            ("last", 0) => {
                let mut last = Value::none();
                self.each_item(iter, span, &mut |r, item| {
                    last = r.where_there(item.when, Value::some(item.value), last.clone())?;
                    Ok(())
                })?;
                Ok(last)
            }
            ("contains", 1) => {
                let (Iter::Counter(from, to, _), Some(k)) = (iter, self.integer(&call.args[0])?.known()) else {
                    return self.fail(
                        span,
                        "whether this range contains the integer is not known at compile time",
                        "compare with its ends",
                    );
                };
                Ok(Value::Truth(Truth::Known((from..to).contains(&k))))
            }
            _ => self.fail(span, format!("`{name}` with {} arguments is not supported here", call.args.len()), ""),
        }
    }

    /// A value where a condition holds, else another.
    fn where_there(&mut self, when: Option<Expr>, value: Value, otherwise: Value) -> Eval {
        match when {
            None => Ok(value),
            Some(c) => self.branch_value(c, value, otherwise),
        }
    }

    /// `sum` and `product`.
    fn accumulated(&mut self, iter: Iter, op: Op, call: &syn::ExprMethodCall, span: Span) -> Eval {
        let empty = i64::from(op == Op::Mul);
        let mut total: Option<Value> = None;
        self.each_item(iter, span, &mut |r, item| {
            let value = r.read_through(item.value)?;
            total = Some(match (total.take(), item.when) {
                (None, None) => value,
                (Some(before), None) => r.apply(op, before, value, span)?,
                (before, Some(c)) => {
                    let before = match (before, &value) {
                        (Some(before), _) => before,
                        (None, Value::Int(k)) => Value::Int(r.int(i128::from(empty), k.ty, span)?),
                        (None, _) => Value::Float(r.program.arena.constant(empty)),
                    };
                    let after = r.apply(op, before.clone(), value, span)?;
                    r.branch_value(c, after, before)?
                }
            });
            Ok(())
        })?;
        let ty = call.turbofish.as_ref().and_then(|t| match t.args.first() {
            Some(syn::GenericArgument::Type(ty)) => Some(ty.clone()),
            _ => None,
        });
        let total = total.unwrap_or_else(|| match &ty {
            Some(ty) if matches!(self.types.see(ty), super::types::Seen::Integer(_)) => Value::int(empty),
            _ => Value::Float(self.program.arena.constant(empty)),
        });
        match ty {
            Some(ty) => self.typed(total, &ty),
            None => Ok(total),
        }
    }

    /// The first item that is sought: whether there is one, and what is made of it. Items behind it are left
    /// alone.
    fn searched(
        &mut self,
        mut iter: Iter,
        call: &syn::ExprMethodCall,
        span: Span,
        mut answer: impl FnMut(&mut Self, (i64, Value), Truth) -> (Truth, Value),
    ) -> Eval<(Truth, Value)> {
        let f = self.callable(&call.args[0])?;
        let mut found = Truth::Known(false);
        let mut result = Value::none();
        for k in 0.. {
            let sought = self.not(found);
            let item = match sought {
                Truth::Known(false) => break,
                Truth::Known(true) => self.next(&mut iter, span)?,
                Truth::Open(c) => self.where_open(c, |r| r.next(&mut iter, span))?,
            };
            let Some(item) = item else { break };
            let here = self.under(item.clone(), sought);
            let holds = self.question(&f, &here, span)?;
            let (hit, value) = answer(self, (k, item.value.clone()), holds);
            let there = here.when.map_or(Truth::Known(true), Truth::Open);
            let hit = self.both(Op::And, there, hit);
            result = match hit {
                Truth::Known(false) => result,
                Truth::Known(true) => Value::some(value),
                Truth::Open(c) => self.branch_value(c, Value::some(value), result)?,
            };
            found = self.both(Op::Or, found, hit);
        }
        Ok((found, result))
    }

    /// The next item of a `peekable`, which stays.
    fn peeked(&mut self, iter: Iter, span: Span) -> Eval<Option<Item>> {
        let Iter::Of(place) = iter else {
            return self.fail(span, "`peek` at an iterator that is in no variable", "bind it with `let mut`");
        };
        match self.load(&place, span)? {
            Value::Iter(iter) => match *iter {
                Iter::Peekable(mut inner, peeked) => {
                    let item = match peeked {
                        Some(item) => item,
                        None => self.next(&mut inner, span)?,
                    };
                    self.store(&place, Value::Iter(Box::new(Iter::Peekable(inner, Some(item.clone())))), span)?;
                    Ok(item)
                }
                _ => self.fail(span, "`peek` at an iterator that is not `peekable`", ""),
            },
            other => self.fail(span, format!("cannot go through {}", other.kind()), ""),
        }
    }
}
