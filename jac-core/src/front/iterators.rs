//! Iterators over items that are known one by one.
//!
//! They are lazy, as Rust's are: an adapter computes an item when it is asked for it, so that what closures
//! change happens in Rust's order and as often, and what cuts an iteration short leaves the rest alone. An item
//! may be there under a condition on floats (behind a `filter`): then what is done with it is done there only.

use super::body::{Eval, Reader, Stop};
use super::control::unchanged;
use super::integers::IntType;
use super::methods::Callable;
use super::value::{Place, Truth, Value};
use crate::ir::Expr;
use crate::ops::Op;
use proc_macro2::Span;
use std::collections::VecDeque;

/// An iterator over items that are known one by one.
#[derive(Clone, Debug)]
pub enum Iter {
    /// Items that are there.
    Items(VecDeque<Item>),
    /// Integers from one up to, and without, another.
    Counter(i64, i64, Option<IntType>),
    /// `repeat(value)`.
    Repeat(Value),
    /// What is left of the iterator in a variable.
    Of(Place),
    /// `map(f)`.
    Map(Box<Iter>, Callable),
    /// `inspect(f)`.
    Inspect(Box<Iter>, Callable),
    /// `filter(f)`.
    Filter(Box<Iter>, Callable),
    /// `filter_map(f)`.
    FilterMap(Box<Iter>, Callable),
    /// `take_while(f)`, and when the items up to now were taken.
    TakeWhile(Box<Iter>, Callable, Truth),
    /// `skip_while(f)`, and when the items up to now were skipped.
    SkipWhile(Box<Iter>, Callable, Truth),
    /// `scan(state, f)`, and when it has not ended.
    Scan(Box<Iter>, Callable, Value, Truth),
    /// `enumerate()`, and the number of the next item.
    Enumerate(Box<Iter>, i64),
    /// `zip(other)`.
    Zip(Box<Iter>, Box<Iter>),
    /// `chain(other)`.
    Chain(Box<Iter>, Box<Iter>),
    /// `rev()`.
    Rev(Box<Iter>),
    /// `skip(n)`.
    Skip(Box<Iter>, usize),
    /// `take(n)`.
    Take(Box<Iter>, usize),
    /// `step_by(n)`, and whether the first item is to come.
    StepBy(Box<Iter>, usize, bool),
    /// `flat_map(f)` or `flatten()`, and what is left of the inner iterator.
    Flat(Box<Iter>, Option<Callable>, Option<Box<Iter>>),
    /// `peekable()`, and the item that was looked at.
    Peekable(Box<Iter>, Option<Option<Item>>),
    /// `cycle()`: the iterator as it was, and what is left of this round.
    Cycle(Box<Iter>, Box<Iter>),
}

/// An item.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its value.
    pub value: Value,
    /// The condition under which it is there; `None` is always.
    pub when: Option<Expr>,
    /// Whether others may follow where it is not there, so that they have other numbers.
    pub sparse: bool,
}

impl From<Value> for Item {
    fn from(value: Value) -> Self {
        Item { value, when: None, sparse: false }
    }
}

impl Iter {
    /// An iterator over values.
    pub fn of(items: impl IntoIterator<Item = Value>) -> Iter {
        Iter::Items(items.into_iter().map(Item::from).collect())
    }

    /// How many items it holds.
    pub fn held(&self) -> usize {
        match self {
            Iter::Items(items) => items.len(),
            Iter::Counter(..) | Iter::Repeat(_) | Iter::Of(_) => 1,
            Iter::Map(inner, _)
            | Iter::Inspect(inner, _)
            | Iter::Filter(inner, _)
            | Iter::FilterMap(inner, _)
            | Iter::TakeWhile(inner, ..)
            | Iter::SkipWhile(inner, ..)
            | Iter::Scan(inner, ..)
            | Iter::Enumerate(inner, _)
            | Iter::Rev(inner)
            | Iter::Skip(inner, _)
            | Iter::Take(inner, _)
            | Iter::StepBy(inner, ..)
            | Iter::Flat(inner, ..)
            | Iter::Peekable(inner, _) => inner.held(),
            Iter::Zip(a, b) | Iter::Chain(a, b) | Iter::Cycle(a, b) => a.held().saturating_add(b.held()),
        }
    }

    /// Whether the same items are left.
    pub fn same(&self, other: &Iter) -> bool {
        match (self, other) {
            (Iter::Items(a), Iter::Items(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.when == b.when && unchanged(&a.value, &b.value))
            }
            (Iter::Counter(a, b, _), Iter::Counter(c, d, _)) => (a, b) == (c, d),
            (Iter::Repeat(a), Iter::Repeat(b)) => unchanged(a, b),
            (Iter::Of(a), Iter::Of(b)) => a == b,
            (Iter::Map(a, f), Iter::Map(b, g))
            | (Iter::Inspect(a, f), Iter::Inspect(b, g))
            | (Iter::Filter(a, f), Iter::Filter(b, g))
            | (Iter::FilterMap(a, f), Iter::FilterMap(b, g)) => f.same(g) && a.same(b),
            (Iter::Rev(a), Iter::Rev(b)) => a.same(b),
            (Iter::Zip(a, c), Iter::Zip(b, d)) | (Iter::Chain(a, c), Iter::Chain(b, d)) | (Iter::Cycle(a, c), Iter::Cycle(b, d)) => {
                a.same(b) && c.same(d)
            }
            (Iter::Enumerate(a, m), Iter::Enumerate(b, n)) => m == n && a.same(b),
            (Iter::Skip(a, m), Iter::Skip(b, n)) | (Iter::Take(a, m), Iter::Take(b, n)) => m == n && a.same(b),
            (Iter::StepBy(a, m, first), Iter::StepBy(b, n, other)) => m == n && first == other && a.same(b),
            (Iter::Peekable(a, None), Iter::Peekable(b, None)) => a.same(b),
            _ => false,
        }
    }
}

type Next = Eval<Option<Item>>;

impl Reader<'_> {
    /// The next item.
    pub(super) fn next(&mut self, iter: &mut Iter, span: Span) -> Next {
        self.spend(1, span)?;
        match iter {
            Iter::Items(items) => Ok(items.pop_front()),
            Iter::Counter(at, end, ty) => {
                let here = *at;
                *at += i64::from(here < *end);
                Ok((here < *end).then_some(Item::from(self.counted(here, *ty, span)?)))
            }
            Iter::Repeat(value) => Ok(Some(value.clone().into())),
            Iter::Of(place) => {
                let place = place.clone();
                self.advance(&place, span, Self::next)
            }
            Iter::Map(..) | Iter::Inspect(..) | Iter::Filter(..) | Iter::FilterMap(..) => self.next_mapped(iter, span, Self::next),
            Iter::TakeWhile(inner, f, taken) => {
                if *taken == Truth::Known(false) {
                    return Ok(None);
                }
                let Some(item) = self.next(inner, span)? else { return Ok(None) };
                let asked = self.under(item.clone(), *taken);
                let holds = self.question(f, &asked, span)?;
                let holds = self.or_absent(&item, holds);
                *taken = self.both(Op::And, *taken, holds);
                Ok((*taken != Truth::Known(false)).then(|| self.under(item, *taken)))
            }
            Iter::SkipWhile(inner, f, skipped) => loop {
                let Some(item) = self.next(inner, span)? else { return Ok(None) };
                if *skipped == Truth::Known(false) {
                    return Ok(Some(item));
                }
                let asked = self.under(item.clone(), *skipped);
                let holds = self.question(f, &asked, span)?;
                let holds = self.or_absent(&item, holds);
                *skipped = self.both(Op::And, *skipped, holds);
                if *skipped != Truth::Known(true) {
                    let kept = self.not(*skipped);
                    return Ok(Some(self.sparse(item, kept)));
                }
            },
            Iter::Scan(inner, f, state, goes_on) => self.next_scanned(inner, f, state, goes_on, span),
            Iter::Enumerate(inner, at) => {
                let Some(item) = self.next(inner, span)? else { return Ok(None) };
                self.countable(&item, span)?;
                *at += 1;
                Ok(Some(Item { value: Value::Tuple(vec![Value::position(*at - 1), item.value]), ..item }))
            }
            Iter::Zip(a, b) => {
                let Some(first) = self.next(a, span)? else { return Ok(None) };
                let second = match first.when {
                    None => self.next(b, span)?,
                    Some(c) => self.where_open(c, |r| r.next(b, span))?,
                };
                let Some(second) = second else { return Ok(None) };
                self.paired(first, second, span).map(Some)
            }
            Iter::Chain(a, b) => match self.next(a, span)? {
                Some(item) => Ok(Some(item)),
                None => self.next(b, span),
            },
            Iter::Rev(inner) => self.next_back(inner, span),
            Iter::Skip(inner, n) => {
                for _ in 0..std::mem::take(n) {
                    let Some(item) = self.next(inner, span)? else { return Ok(None) };
                    self.countable(&item, span)?;
                }
                self.next(inner, span)
            }
            Iter::Take(_, 0) => Ok(None),
            Iter::Take(inner, n) => {
                *n -= 1;
                let Some(item) = self.next(inner, span)? else { return Ok(None) };
                self.countable(&item, span)?;
                Ok(Some(item))
            }
            Iter::StepBy(inner, n, first) => {
                let skipped = if std::mem::take(first) { 0 } else { *n - 1 };
                for _ in 0..skipped {
                    let Some(item) = self.next(inner, span)? else { return Ok(None) };
                    self.countable(&item, span)?;
                }
                self.next(inner, span)
            }
            Iter::Flat(outer, f, inner) => self.next_flat(outer, f.as_ref(), inner, span),
            Iter::Peekable(inner, peeked) => match peeked.take() {
                Some(item) => Ok(item),
                None => self.next(inner, span),
            },
            Iter::Cycle(whole, left) => match self.next(left, span)? {
                Some(item) => Ok(Some(item)),
                None => {
                    left.clone_from(whole);
                    self.next(left, span)
                }
            },
        }
    }

    /// The last item that is left.
    pub(super) fn next_back(&mut self, iter: &mut Iter, span: Span) -> Next {
        self.spend(1, span)?;
        match iter {
            Iter::Items(items) => Ok(items.pop_back().map(|item| Item { sparse: item.when.is_some(), ..item })),
            Iter::Counter(at, end, ty) if *end < i64::MAX => {
                let some = at < end;
                *end -= i64::from(some);
                Ok(some.then_some(Item::from(self.counted(*end, *ty, span)?)))
            }
            Iter::Of(place) => {
                let place = place.clone();
                self.advance(&place, span, Self::next_back)
            }
            Iter::Map(..) | Iter::Inspect(..) | Iter::Filter(..) | Iter::FilterMap(..) => self.next_mapped(iter, span, Self::next_back),
            Iter::Enumerate(inner, at) => {
                let left = self.left(inner, span)?;
                let Some(item) = self.next_back(inner, span)? else { return Ok(None) };
                let number = *at + left as i64 - 1;
                Ok(Some(Value::Tuple(vec![Value::position(number), item.value]).into()))
            }
            Iter::Zip(a, b) => {
                let (m, n) = (self.left(a, span)?, self.left(b, span)?);
                for _ in n..m {
                    self.next_back(a, span)?;
                }
                for _ in m..n {
                    self.next_back(b, span)?;
                }
                let Some(first) = self.next_back(a, span)? else { return Ok(None) };
                let Some(second) = self.next_back(b, span)? else { return Ok(None) };
                self.paired(first, second, span).map(Some)
            }
            Iter::Chain(a, b) => match self.next_back(b, span)? {
                Some(item) => Ok(Some(item)),
                None => self.next_back(a, span),
            },
            Iter::Rev(inner) => self.next(inner, span),
            Iter::Skip(inner, n) => match self.left(inner, span)? > *n {
                true => self.next_back(inner, span),
                false => Ok(None),
            },
            Iter::Take(inner, n) => {
                for _ in *n..self.left(inner, span)? {
                    self.next_back(inner, span)?;
                }
                *n = n.saturating_sub(1);
                self.next_back(inner, span)
            }
            Iter::StepBy(inner, n, first) => {
                let left = self.left(inner, span)?;
                let beyond = if *first { left.saturating_sub(1) % *n } else { left % *n };
                if !*first && left < *n {
                    return Ok(None);
                }
                for _ in 0..beyond {
                    self.next_back(inner, span)?;
                }
                self.next_back(inner, span)
            }
            _ => self.fail(span, "this iterator cannot be gone through from its end", "write it as a `for` loop over positions"),
        }
    }

    /// How many items are left, for adapters that count from the end.
    pub(super) fn left(&mut self, iter: &Iter, span: Span) -> Eval<usize> {
        Ok(match iter {
            Iter::Items(items) if items.iter().all(|i| i.when.is_none()) => items.len(),
            Iter::Counter(at, end, _) if *end < i64::MAX => usize::try_from(end - at).unwrap_or(0),
            Iter::Of(place) => match self.load(place, span)? {
                Value::Iter(inner) => self.left(&inner, span)?,
                other => return self.fail(span, format!("cannot go through {}", other.kind()), ""),
            },
            Iter::Map(inner, _) | Iter::Inspect(inner, _) | Iter::Enumerate(inner, _) | Iter::Rev(inner) => self.left(inner, span)?,
            Iter::Zip(a, b) => match (&**a, &**b) {
                (a, Iter::Repeat(_) | Iter::Counter(_, i64::MAX, _)) | (Iter::Repeat(_) | Iter::Counter(_, i64::MAX, _), a) => {
                    self.left(a, span)?
                }
                (a, b) => self.left(a, span)?.min(self.left(b, span)?),
            },
            Iter::Chain(a, b) => self.left(a, span)?.saturating_add(self.left(b, span)?),
            Iter::Skip(inner, n) => self.left(inner, span)?.saturating_sub(*n),
            Iter::Take(inner, n) => match &**inner {
                Iter::Repeat(_) | Iter::Counter(_, i64::MAX, _) | Iter::Cycle(..) => *n,
                inner => self.left(inner, span)?.min(*n),
            },
            Iter::StepBy(inner, n, first) => {
                let left = self.left(inner, span)?;
                if *first {
                    left.div_ceil(*n)
                } else {
                    left / *n
                }
            }
            Iter::Peekable(inner, peeked) => match peeked {
                None => self.left(inner, span)?,
                Some(None) => 0,
                Some(Some(_)) => self.left(inner, span)?.saturating_add(1),
            },
            _ => return self.fail(span, "how long this iterator is is not known before it is gone through", "write it as a `for` loop"),
        })
    }

    fn counted(&mut self, at: i64, ty: Option<IntType>, span: Span) -> Eval {
        self.int(i128::from(at), ty, span).map(Value::Int)
    }

    /// Items may be counted only if nothing follows one that is not there.
    fn countable(&mut self, item: &Item, span: Span) -> Eval<()> {
        if !item.sparse {
            return Ok(());
        }
        self.fail(span, "how many items there are before this one depends on floats", "go through all of them and guard with an `if`")
    }

    /// Advances the iterator in a variable.
    fn advance(&mut self, place: &Place, span: Span, step: fn(&mut Self, &mut Iter, Span) -> Next) -> Next {
        let current = match place.path.is_empty() {
            true => std::mem::replace(&mut self.slots[place.slot], Value::Poison),
            false => self.load(place, span)?,
        };
        match current {
            Value::Iter(mut inner) => {
                let item = step(self, &mut inner, span)?;
                self.store(place, Value::Iter(inner), span)?;
                Ok(item)
            }
            other => self.fail(span, format!("cannot go through {}", other.kind()), ""),
        }
    }

    /// An item that is there only where a further condition holds.
    pub(super) fn under(&mut self, item: Item, condition: Truth) -> Item {
        let when = match (item.when, open(condition)) {
            (Some(a), Some(b)) if a != b => Some(self.program.arena.apply(Op::And, vec![a, b])),
            (a, b) => a.or(b),
        };
        Item { when, ..item }
    }

    /// As `under`, where others may follow.
    fn sparse(&mut self, item: Item, condition: Truth) -> Item {
        let sparse = item.sparse || open(condition).is_some();
        Item { sparse, ..self.under(item, condition) }
    }

    /// A condition on an item, which one that is not there cannot break.
    fn or_absent(&mut self, item: &Item, holds: Truth) -> Truth {
        let Some(when) = item.when else { return holds };
        let absent = self.not(Truth::Open(when));
        self.both(Op::Or, absent, holds)
    }

    /// Both items, where both are there.
    fn paired(&mut self, a: Item, b: Item, span: Span) -> Eval<Item> {
        self.countable(&a, span)?;
        self.countable(&b, span)?;
        let there = a.when.map_or(Truth::Known(true), Truth::Open);
        let pair = Item { value: Value::Tuple(vec![a.value, b.value]), ..b };
        Ok(self.under(pair, there))
    }

    /// Calls a closure with an item, where the item is there.
    pub(super) fn with_item(&mut self, f: &Callable, before: Vec<Value>, item: &Item, span: Span) -> Eval {
        let mut arguments = before;
        arguments.push(item.value.clone());
        match item.when {
            None => self.invoke(f, arguments, span),
            Some(c) => self.where_open(c, |r| r.invoke(f, arguments, span)),
        }
    }

    /// Does something where a condition holds; what it changes is changed there only.
    pub(super) fn where_open<T>(&mut self, c: Expr, run: impl FnOnce(&mut Self) -> Eval<T>) -> Eval<T> {
        let mut value = None;
        let then = |r: &mut Self| {
            value = Some(run(r)?);
            Ok(Value::unit())
        };
        self.both_arms(c, then, |_| Ok(Value::unit()))?;
        value.ok_or(Stop::Jumped)
    }

    /// What a closure answers about an item.
    pub(super) fn question(&mut self, f: &Callable, item: &Item, span: Span) -> Eval<Truth> {
        match self.with_item(f, Vec::new(), item, span)? {
            Value::Truth(t) => Ok(t),
            Value::Opaque(e) => self.opaque_truth(&e),
            other => self.fail(span, format!("expected a condition, found {}", other.kind()), ""),
        }
    }

    /// The next item of an adapter that treats each item alone.
    fn next_mapped(&mut self, iter: &mut Iter, span: Span, step: fn(&mut Self, &mut Iter, Span) -> Next) -> Next {
        match iter {
            Iter::Map(inner, f) => {
                let Some(item) = step(self, inner, span)? else { return Ok(None) };
                let value = self.with_item(f, Vec::new(), &item, span)?;
                Ok(Some(Item { value, ..item }))
            }
            Iter::Inspect(inner, f) => {
                let Some(item) = step(self, inner, span)? else { return Ok(None) };
                self.with_item(f, Vec::new(), &item, span)?;
                Ok(Some(item))
            }
            Iter::Filter(inner, f) => loop {
                let Some(item) = step(self, inner, span)? else { return Ok(None) };
                let kept = self.question(f, &item, span)?;
                if kept != Truth::Known(false) {
                    return Ok(Some(self.sparse(item, kept)));
                }
            },
            Iter::FilterMap(inner, f) => loop {
                let Some(item) = step(self, inner, span)? else { return Ok(None) };
                match self.with_item(f, Vec::new(), &item, span)? {
                    Value::Option(Truth::Known(false), _) => {}
                    Value::Option(there, value) => return Ok(Some(self.sparse(Item { value: *value, ..item }, there))),
                    other => return self.fail(span, format!("expected an option, found {}", other.kind()), ""),
                }
            },
            _ => self.fail(span, "cannot go through this", ""),
        }
    }

    fn next_scanned(&mut self, inner: &mut Iter, f: &Callable, state: &mut Value, goes_on: &mut Truth, span: Span) -> Next {
        if *goes_on == Truth::Known(false) {
            return Ok(None);
        }
        let Some(item) = self.next(inner, span)? else { return Ok(None) };
        let asked = self.under(item.clone(), *goes_on);
        let slot = self.hidden(state.clone());
        let reference = Value::Reference(Place { slot, path: Vec::new() });
        let made = self.with_item(f, vec![reference], &asked, span)?;
        *state = self.hidden_value(slot);
        match made {
            Value::Option(there, value) => {
                let there = self.or_absent(&item, there);
                *goes_on = self.both(Op::And, *goes_on, there);
                let item = self.under(Item { value: *value, ..item }, *goes_on);
                Ok((*goes_on != Truth::Known(false)).then_some(item))
            }
            other => self.fail(span, format!("expected an option, found {}", other.kind()), ""),
        }
    }

    fn next_flat(&mut self, outer: &mut Iter, f: Option<&Callable>, inner: &mut Option<Box<Iter>>, span: Span) -> Next {
        loop {
            if let Some(current) = inner {
                if let Some(item) = self.next(current, span)? {
                    return Ok(Some(item));
                }
            }
            let Some(item) = self.next(outer, span)? else { return Ok(None) };
            if item.when.is_some() {
                return self.fail(span, "items of which each makes several depend on floats", "write it as a `for` loop");
            }
            let made = match f {
                Some(f) => self.invoke(f, vec![item.value], span)?,
                None => item.value,
            };
            *inner = Some(Box::new(match made {
                Value::Option(Truth::Known(there), value) => Iter::of(there.then_some(*value)),
                Value::Option(Truth::Open(c), value) => Iter::Items(VecDeque::from([Item { value: *value, when: Some(c), sparse: true }])),
                made => self.iter(made, span)?,
            }));
        }
    }

    /// All items that are left, one after another.
    pub(super) fn each_item(&mut self, mut iter: Iter, span: Span, run: &mut dyn FnMut(&mut Self, Item) -> Eval<()>) -> Eval<()> {
        while let Some(item) = self.next(&mut iter, span)? {
            run(self, item)?;
        }
        Ok(())
    }

    /// All items that are left, in a list.
    pub(super) fn collected(&mut self, iter: Iter, span: Span) -> Eval<Vec<Value>> {
        let mut items = Vec::new();
        self.each_item(iter, span, &mut |r, item| {
            if item.when.is_some() {
                let help = "sum or fold the items, or put a number in the place of those that are left out";
                return r.fail(span, "how many items there are depends on floats", help);
            }
            items.push(item.value);
            Ok(())
        })?;
        Ok(items)
    }

    /// Runs what is read once and stands for many elements: it must not change variables, as it would in
    /// Rust once an element.
    pub(super) fn without_effect<T>(&mut self, span: Span, run: impl FnOnce(&mut Self) -> Eval<T>) -> Eval<T> {
        self.copy_slots(span)?;
        let before = self.slots.clone();
        let value = run(self)?;
        if before.iter().zip(&self.slots).all(|(a, b)| unchanged(a, b)) {
            return Ok(value);
        }
        self.effect(span)
    }

    /// The error for a closure that changes a variable where it cannot.
    pub(super) fn effect<T>(&mut self, span: Span) -> Eval<T> {
        let help = "write a `for` loop over the elements";
        self.fail(span, "a closure over a run-time length changes a variable outside it", help)
    }
}

/// The condition that is decided at run time.
fn open(truth: Truth) -> Option<Expr> {
    match truth {
        Truth::Open(e) => Some(e),
        Truth::Known(_) => None,
    }
}
