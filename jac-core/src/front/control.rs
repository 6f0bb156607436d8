//! Control flow: branches, loops of known length, and what leaves them early.
//!
//! A loop of known length is run. Under a condition that is open, both arms are evaluated on the
//! same state and what they leave behind is joined by selects. A `return`, `break` or `continue` in
//! such an arm is recorded as a jump, with its condition and the state it carries; where it lands,
//! it is joined with what goes on without it.

use super::body::{Eval, Reader, Stop};
use super::integers::IntType;
use super::streams::Source;
use super::types::strip;
use super::value::{Closure, Elements, Struct, Tensor, Truth, Value};
use crate::ir::{Affine, Expr, Symbol};
use crate::ops::Op;
use proc_macro2::Span;
use std::rc::Rc;
use syn::spanned::Spanned;

/// Calls may not nest deeper.
const DEEPEST_CALL: usize = 64;

/// Where a jump lands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Target {
    /// Behind the call.
    Return,
    /// Behind the loop of this number.
    Break(usize),
    /// At the end of a round of the loop of this number.
    Continue(usize),
}

/// Control that left early.
#[derive(Debug)]
pub(super) struct Jump {
    target: Target,
    /// When it does; `None` is always.
    condition: Option<Expr>,
    /// The value it takes along.
    value: Value,
    /// The variables as it found them.
    slots: Vec<Value>,
}

impl Jump {
    /// Whether it lands there.
    pub(super) fn is_to(&self, target: Target) -> bool {
        self.target == target
    }
}

impl Reader<'_> {
    /// Leaves for `target`.
    pub(super) fn jump(&mut self, target: Target, value: Value) -> Eval {
        if self.staying.is_some_and(|n| target == Target::Break(n) || target == Target::Return) {
            // not in this round
            return Err(Stop::Jumped);
        }
        self.copy_slots(self.here)?;
        self.jumps.push(Jump { target, condition: None, value, slots: self.slots.clone() });
        Err(Stop::Jumped)
    }

    /// Joins the jumps to `target`, of those since `from`, with what is left when none is taken. Only
    /// the first `kept` variables are seen from there: the others belong to what was left.
    pub(super) fn land(&mut self, target: Target, from: usize, kept: usize, tail: Eval) -> Eval {
        let mut landed: Vec<Jump> = Vec::new();
        let mut pending: Vec<Jump> = Vec::new();
        for mut jump in self.jumps.split_off(from) {
            if jump.target == target {
                landed.push(jump);
                continue;
            }
            // it is taken only where none of those before it was
            for earlier in &landed {
                if let Some(c) = earlier.condition {
                    let not = self.program.arena.fold(Op::Not, &[c]);
                    jump.condition = Some(self.and(jump.condition, not));
                }
            }
            pending.push(jump);
        }
        self.jumps.extend(pending);
        let mut value = match tail {
            Err(Stop::Jumped) => match landed.pop() {
                // what is left when all other conditions fail is the last of them
                Some(last) => {
                    self.slots = last.slots;
                    last.value
                }
                None => return Err(Stop::Jumped),
            },
            tail => tail?,
        };
        for jump in landed.into_iter().rev() {
            match jump.condition {
                Some(c) => {
                    self.join_slots(c, jump.slots, kept)?;
                    value = self.branch_value(c, jump.value, value)?;
                }
                None => {
                    self.slots = jump.slots;
                    value = jump.value;
                }
            }
        }
        Ok(value)
    }

    /// The first `kept` variables are those of `slots` where `c` holds.
    fn join_slots(&mut self, c: Expr, slots: Vec<Value>, kept: usize) -> Eval<()> {
        let kept = kept.max(self.pinned).min(self.slots.len());
        self.copy(&slots[..kept.min(slots.len())], self.here)?;
        for (k, jumped) in slots.into_iter().enumerate().take(kept) {
            if !unchanged(&jumped, &self.slots[k]) {
                let here = self.slots[k].clone();
                self.slots[k] = self.joined_variable(c, jumped, here)?;
            }
        }
        Ok(())
    }

    /// What a variable holds after a branch: where that is no value, it may still be assigned, or left alone.
    fn joined_variable(&mut self, c: Expr, a: Value, b: Value) -> Eval {
        if let (unjoined @ Value::Unjoined(_), _) | (_, unjoined @ Value::Unjoined(_)) = (&a, &b) {
            return Ok(unjoined.clone());
        }
        let found = self.diagnostics.count();
        match self.branch_value(c, a, b) {
            Err(Stop::Reported) if !self.exhausted && self.diagnostics.count() == found + 1 => {
                Ok(self.diagnostics.retract().map_or(Value::Poison, |d| Value::Unjoined(Rc::new(d))))
            }
            joined => joined,
        }
    }

    fn and(&mut self, a: Option<Expr>, b: Expr) -> Expr {
        match a {
            Some(a) => self.program.arena.apply(Op::And, vec![a, b]),
            None => b,
        }
    }

    /// Runs the body of a function or closure: its early returns end here.
    pub(super) fn body(&mut self, run: impl FnOnce(&mut Self) -> Eval) -> Eval {
        let outer = std::mem::take(&mut self.jumps);
        let labels = std::mem::take(&mut self.labels);
        let (returned, staying) = (self.returned.take(), self.staying.take());
        let kept = self.slots.len();
        let tail = run(self);
        let value = self.land(Target::Return, 0, kept, tail);
        self.jumps = outer;
        self.labels = labels;
        (self.returned, self.staying) = (returned, staying);
        self.forget(kept, &value);
        value
    }

    /// What comes of reading something that is then undone.
    pub(super) fn tried<T>(&mut self, run: impl FnOnce(&mut Self) -> Eval<T>) -> Option<T> {
        let (slots, scope, labels) = (self.slots.clone(), self.scope.clone(), self.labels.clone());
        let (jumps, found, pinned, branches) = (self.jumps.len(), self.diagnostics.count(), self.pinned, self.branches);
        let value = run(self).ok();
        (self.slots, self.scope, self.labels) = (slots, scope, labels);
        self.jumps.truncate(jumps);
        while self.diagnostics.count() > found {
            self.diagnostics.retract();
        }
        (self.pinned, self.branches) = (pinned, branches);
        value
    }

    // ---- branches ----

    pub(super) fn branch(&mut self, branch: &syn::ExprIf, expected: Option<&syn::Type>) -> Eval {
        let otherwise = |r: &mut Self| match &branch.else_branch {
            Some((_, e)) => r.expr_of(e, expected.cloned()),
            None => Ok(Value::unit()),
        };
        let block = |r: &mut Self| {
            r.expected = expected.cloned();
            r.block(&branch.then_branch)
        };
        if let syn::Expr::Let(condition) = &*branch.cond {
            let value = self.expr(&condition.expr)?;
            let truth = self.matches(&condition.pat, &value)?;
            let then = |r: &mut Self| {
                r.scoped(|r| {
                    r.bind(&condition.pat, value)?;
                    block(r)
                })
            };
            return self.decide(truth, then, otherwise);
        }
        let truth = self.truth(&branch.cond)?;
        self.decide(truth, block, otherwise)
    }

    pub(super) fn truth(&mut self, e: &syn::Expr) -> Eval<Truth> {
        match self.referent(e)? {
            Value::Truth(t) => Ok(t),
            Value::Opaque(e) => self.opaque_truth(&e),
            other => self.fail(e.span(), format!("expected a condition, found {}", other.kind()), ""),
        }
    }

    pub(super) fn decide(&mut self, truth: Truth, then: impl FnOnce(&mut Self) -> Eval, otherwise: impl FnOnce(&mut Self) -> Eval) -> Eval {
        match truth {
            Truth::Known(true) => then(self),
            Truth::Known(false) => otherwise(self),
            Truth::Open(c) => self.both_arms(c, then, otherwise),
        }
    }

    pub(super) fn match_value(&mut self, value: &Value, arms: &[syn::Arm], expected: Option<&syn::Type>, span: Span) -> Eval {
        let Some((arm, rest)) = arms.split_first() else {
            return self.fail(span, "no arm of this `match` is taken", "");
        };
        let (pattern, guard) = match &arm.pat {
            syn::Pat::Guard(p) => (&*p.pat, Some(&p.guard)),
            pattern => (pattern, None),
        };
        let mut truth = self.matches(pattern, value)?;
        if let (Some(guard), true) = (guard, truth != Truth::Known(false)) {
            let guard = self.scoped(|r| {
                r.bind(pattern, value.clone())?;
                r.truth(guard)
            })?;
            truth = self.both(Op::And, truth, guard);
        }
        let taken = |r: &mut Self| {
            r.scoped(|r| {
                r.bind(pattern, value.clone())?;
                r.expr_of(&arm.body, expected.cloned())
            })
        };
        if rest.is_empty() && truth != Truth::Known(false) {
            // rustc has seen that the arms are exhaustive
            return taken(self);
        }
        self.decide(truth, taken, |r| r.match_value(value, rest, expected, span))
    }

    /// Evaluates both arms on the same state and joins what they left behind.
    pub(super) fn both_arms(&mut self, c: Expr, then: impl FnOnce(&mut Self) -> Eval, otherwise: impl FnOnce(&mut Self) -> Eval) -> Eval {
        self.copy_slots(self.here)?;
        let before = self.slots.clone();
        let kept = before.len();
        let jumps = self.jumps.len();
        self.branches += 1;
        let a = then(self);
        let after_then = std::mem::replace(&mut self.slots, before);
        self.guard_jumps(jumps, c);
        let jumps = self.jumps.len();
        let b = otherwise(self);
        let not = self.program.arena.fold(Op::Not, &[c]);
        self.guard_jumps(jumps, not);
        // constants that the arms leave are read by what joins them
        let joined = match (a, b) {
            (Err(Stop::Reported), _) | (_, Err(Stop::Reported)) => Err(Stop::Reported),
            (Err(Stop::Jumped), Err(Stop::Jumped)) => Err(Stop::Jumped),
            (Err(Stop::Jumped), Ok(value)) => Ok(value),
            (Ok(value), Err(Stop::Jumped)) => {
                self.slots = after_then;
                Ok(value)
            }
            (Ok(a), Ok(b)) => self.join_slots(c, after_then, kept).and_then(|()| self.branch_value(c, a, b)),
        };
        self.branches -= 1;
        joined
    }

    fn guard_jumps(&mut self, from: usize, c: Expr) {
        for k in from..self.jumps.len() {
            let inner = self.jumps[k].condition;
            self.jumps[k].condition = Some(match inner {
                None => c,
                Some(inner) => self.program.arena.apply(Op::And, vec![c, inner]),
            });
        }
    }

    /// `if c { a } else { b }` for values of any kind.
    pub(super) fn branch_value(&mut self, c: Expr, a: Value, b: Value) -> Eval {
        match (a, b) {
            (a, b) if unchanged(&a, &b) => Ok(a),
            (Value::Float(a), Value::Float(b)) => Ok(Value::Float(self.program.arena.apply(Op::Select, vec![c, a, b]))),
            (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
                Ok(Value::Array(a.into_iter().zip(b).map(|(a, b)| self.branch_value(c, a, b)).collect::<Eval<_>>()?))
            }
            (Value::Tuple(a), Value::Tuple(b)) if a.len() == b.len() => {
                Ok(Value::Tuple(a.into_iter().zip(b).map(|(a, b)| self.branch_value(c, a, b)).collect::<Eval<_>>()?))
            }
            (Value::Tensor(a), Value::Tensor(b)) => self.branch_tensor(c, a, b),
            (Value::Truth(a), Value::Truth(b)) => {
                // (c && a) || (!c && b)
                let open = Truth::Open(c);
                let not = self.not(open);
                let (x, y) = (self.both(Op::And, open, a), self.both(Op::And, not, b));
                Ok(Value::Truth(self.both(Op::Or, x, y)))
            }
            (Value::Option(there, a), Value::Option(here, b)) => {
                let either = self.branch_value(c, Value::Truth(there), Value::Truth(here))?;
                let Value::Truth(either) = either else { return Ok(either) };
                let value = match (there, here) {
                    (Truth::Known(false), _) => *b,
                    (_, Truth::Known(false)) => *a,
                    _ => self.branch_value(c, *a, *b)?,
                };
                Ok(Value::Option(either, Box::new(value)))
            }
            (Value::Int(a), Value::Int(b)) if a.at == b.at && a.ty.is_none_or(|ty| b.ty.is_none_or(|other| ty == other)) => {
                Ok(Value::Int(super::integers::Int { ty: a.ty.or(b.ty), cast: a.cast || b.cast, ..a }))
            }
            (a @ (Value::Word(_) | Value::Words(..)), b @ (Value::Word(_) | Value::Words(..))) => {
                let cases = |value: Value| match value {
                    Value::Words(cases, last) => Some((cases, last)),
                    Value::Word(word) => Some((Vec::new(), word)),
                    _ => None,
                };
                let (Some((first, then)), Some((rest, otherwise))) = (cases(a), cases(b)) else { return Err(Stop::Reported) };
                let inside = |r: &mut Self, e: Expr| r.program.arena.fold(Op::And, &[c, e]);
                let mut all: Vec<(Expr, Rc<syn::Expr>)> = first.into_iter().map(|(e, word)| (inside(self, e), word)).collect();
                all.push((c, then));
                all.extend(rest);
                Ok(Value::Words(all, otherwise))
            }
            (Value::Struct(a), Value::Struct(b)) if a.fields.iter().map(|f| &f.0).eq(b.fields.iter().map(|f| &f.0)) => {
                let ty = a.ty.or(b.ty);
                let mut fields = Vec::new();
                for ((name, x), (_, y)) in a.fields.into_iter().zip(b.fields) {
                    fields.push((name, self.branch_value(c, x, y)?));
                }
                Ok(Value::Struct(Struct { ty, fields }))
            }
            (a @ (Value::Whole(_) | Value::Int(_)), b @ (Value::Whole(_) | Value::Int(_)))
                if [&a, &b].iter().all(|v| !matches!(v, Value::Int(int) if int.cast)) =>
            {
                let sides = [self.whole_number(a, self.here)?, self.whole_number(b, self.here)?];
                Ok(Value::Whole(self.program.arena.apply(Op::Select, vec![c, sides[0], sides[1]])))
            }
            (Value::Opaque(a), Value::Opaque(b)) => {
                let (a, b) = (self.opaque_float(&a)?, self.opaque_float(&b)?);
                self.branch_value(c, Value::Float(a), Value::Float(b))
            }
            (Value::Opaque(a), b @ (Value::Float(_) | Value::Int(_) | Value::Truth(_) | Value::Tensor(_))) => {
                let a = self.like(a, &b)?;
                self.branch_value(c, a, b)
            }
            (a @ (Value::Float(_) | Value::Int(_) | Value::Truth(_) | Value::Tensor(_)), Value::Opaque(b)) => {
                let b = self.like(b, &a)?;
                self.branch_value(c, a, b)
            }
            (Value::Poison, _) | (_, Value::Poison) => Err(Stop::Reported),
            // a variable without a value in one arm has none afterwards
            (Value::Tuple(unset), value) | (value, Value::Tuple(unset)) if unset.is_empty() => Ok(value),
            (a, b) => {
                let help = match (&a, &b) {
                    (Value::Int(_), Value::Int(_)) => "an integer must not depend on a condition on floats: keep the floats themselves",
                    _ => "both arms must leave the same kind of value",
                };
                self.fail(self.here, format!("the arms of a branch leave {} and {}", a.kind(), b.kind()), help)
            }
        }
    }

    // ---- loops ----

    /// The number of the loop that a label, or its absence, means.
    pub(super) fn labelled(&mut self, label: Option<&syn::Lifetime>, span: Span) -> Eval<usize> {
        let name = label.map(|l| l.ident.to_string());
        let found = self.labels.iter().rev().find(|(known, _)| name.is_none() || *known == name).map(|(_, number)| *number);
        match found {
            Some(number) => Ok(number),
            None => self.fail(span, "no loop to leave here", "a loop over a run-time length has no `break` or `continue`"),
        }
    }

    /// The error for a loop of which no round differs from the one before in what decides when it ends.
    fn endless(&mut self, left_on_floats: bool, span: Span) -> Eval {
        if left_on_floats {
            let help = "write `for _ in 0..N`, with the most rounds there may be, and `break` in it";
            return self.fail(span, "this loop is left on a condition on floats, so its rounds cannot be counted", help);
        }
        let help = "change what its condition reads in every round, as in `k += 1`, or leave it by `break`";
        self.fail(span, "this loop never ends", help)
    }

    /// Whether what is read under two values takes the same way: they are equal where they are known at
    /// compile time, and differ only in floats and conditions that are not.
    pub(super) fn decides_alike(&self, a: &Value, b: &Value) -> bool {
        let floats = |a: Expr, b: Expr| a == b || [a, b].iter().all(|e| self.program.arena.as_const(*e).is_none());
        match (a, b) {
            (Value::Float(a), Value::Float(b)) | (Value::Whole(a), Value::Whole(b)) => floats(*a, *b),
            (Value::Truth(Truth::Open(_)), Value::Truth(Truth::Open(_))) => true,
            (Value::Array(a), Value::Array(b)) | (Value::Tuple(a), Value::Tuple(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| self.decides_alike(a, b))
            }
            (Value::Struct(a), Value::Struct(b)) => {
                a.fields.len() == b.fields.len() && a.fields.iter().zip(&b.fields).all(|((_, x), (_, y))| self.decides_alike(x, y))
            }
            (Value::Option(s, a), Value::Option(t, b)) => {
                self.decides_alike(&Value::Truth(*s), &Value::Truth(*t)) && self.decides_alike(a, b)
            }
            (Value::Tensor(a), Value::Tensor(b)) if a.shape == b.shape => match (&a.elements, &b.elements) {
                (Elements::List(a), Elements::List(b)) => a.iter().zip(b).all(|(a, b)| floats(*a, *b)),
                _ => true,
            },
            _ => unchanged(a, b),
        }
    }

    /// Runs the rounds of a loop of known length; `round` says whether there was one. Those of
    /// a loop that is `watched` must change what decides when it ends.
    fn rounds(
        &mut self,
        label: Option<&syn::Label>,
        watched: bool,
        span: Span,
        mut round: impl FnMut(&mut Self, usize) -> Eval<bool>,
    ) -> Eval {
        let number = self.loops;
        self.loops += 1;
        self.labels.push((label.map(|l| l.name.ident.to_string()), number));
        let (from, kept) = (self.jumps.len(), self.slots.len());
        let mut end = Ok(Value::unit());
        for k in 0.. {
            let start = self.jumps.len();
            if watched {
                self.copy_slots(span)?;
            }
            let before = watched.then(|| self.slots.clone());
            let tail = match round(self, k) {
                Ok(true) => Ok(Value::unit()),
                Ok(false) => break,
                Err(stop) => Err(stop),
            };
            end = self.land(Target::Continue(number), start, kept, tail);
            self.slots.truncate(kept.max(self.pinned));
            if end.is_ok() {
                end = self.spend(1, span).map(|()| Value::unit());
            }
            if end.is_err() {
                break;
            }
            if before.is_some_and(|before| before.iter().zip(&self.slots).all(|(a, b)| self.decides_alike(a, b))) {
                end = self.endless(self.jumps.len() > from, span);
                break;
            }
        }
        self.labels.pop();
        self.land(Target::Break(number), from, kept, end)
    }

    pub(super) fn for_loop(&mut self, each: &syn::ExprForLoop) -> Eval {
        let over = match self.expr(&each.expr)? {
            Value::Range(from, Some(to), ty) if to.plus(&from, -1).indices().next().is_some() => {
                return self.uneven_loop(each, &from, &to, ty);
            }
            over => {
                let is_open = match &over {
                    Value::Range(from, Some(to), _) => self.lengths.resolve(&to.plus(from, -1)).known().is_none(),
                    over => matches!(over, Value::Tensor(_) | Value::Stream(_)),
                };
                let may_be_open = is_open || self.kept == super::Loops::Kept;
                if may_be_open {
                    if let Some(value) = self.counted_for(each, &over)? {
                        return Ok(value);
                    }
                }
                self.iterated(over, each.expr.span())?
            }
        };
        let mut iter = match over {
            Source::Known(iter) => iter,
            Source::Open(stream) => {
                if let Some(label) = &each.label {
                    return self.fail(label.span(), "a label on a loop over a run-time length", "write the loop without a label");
                }
                return self.open_loop(&stream, each.expr.span(), &mut |r, item| {
                    let item = r.done_with(&stream.pending, item, each.expr.span())?;
                    r.scoped(|r| {
                        r.bind(&each.pat, item)?;
                        r.block(&each.body).map(drop)
                    })
                });
            }
        };
        self.rounds(each.label.as_ref(), false, each.expr.span(), |r, _| {
            let Some(item) = r.next(&mut iter, each.expr.span())? else { return Ok(false) };
            let run = |r: &mut Self| {
                r.scoped(|r| {
                    r.bind(&each.pat, item.value)?;
                    r.block(&each.body)
                })
            };
            match item.when {
                None => run(r),
                Some(c) => r.both_arms(c, run, |_| Ok(Value::unit())),
            }
            .map(|_| true)
        })
    }

    /// `for j in i + 1..n`, inside a loop over `i`: over all `j` there may be, where the range has them.
    fn uneven_loop(&mut self, each: &syn::ExprForLoop, from: &Affine, to: &Affine, ty: Option<IntType>) -> Eval {
        let (first, end) = (self.bound(from, -1), self.bound(to, 1));
        let stream = match self.iterated(Value::Range(first.clone(), Some(end), ty), each.expr.span())? {
            Source::Open(stream) => stream,
            Source::Known(_) => return self.fail(each.expr.span(), "how long this loop is depends on the index of another", ""),
        };
        let at = first.plus(&Affine::from(stream.indices[0]), 1);
        let (here, low, high) =
            (self.program.arena.integer(at), self.program.arena.integer(from.clone()), self.program.arena.integer(to.clone()));
        let above = self.program.arena.apply(Op::Le, vec![low, here]);
        let below = self.program.arena.apply(Op::Lt, vec![here, high]);
        let inside = self.program.arena.apply(Op::And, vec![above, below]);
        self.open_loop(&stream, each.expr.span(), &mut |r, item| {
            let run = |r: &mut Self| {
                r.scoped(|r| {
                    r.bind(&each.pat, item)?;
                    r.block(&each.body)
                })
            };
            r.both_arms(inside, run, |_| Ok(Value::unit())).map(drop)
        })
    }

    /// The least (`sign` −1) or largest value that a position takes over the loops around.
    fn bound(&self, a: &Affine, sign: i64) -> Affine {
        let mut out = a.clone();
        for (symbol, c) in a.terms() {
            if let Symbol::Index(i) = symbol {
                let last = self.program.length(*i).plus(&Affine::from(1), -1);
                out = out.plus(&Affine::from(*symbol), -c);
                if c * sign > 0 {
                    out = out.plus(&last, *c);
                }
            }
        }
        self.lengths.resolve(&out)
    }

    fn unbounded<T>(&mut self, span: Span) -> Eval<T> {
        let help =
            "make it a statement of the annotated function itself, or write `for _ in 0..N`, with the most rounds there may be, and \
                    `break` in it";
        self.fail(span, "how long this loop runs is not known at compile time", help)
    }

    /// `while let`.
    fn while_matched(&mut self, each: &syn::ExprWhile, condition: &syn::ExprLet) -> Eval {
        self.rounds(each.label.as_ref(), true, each.cond.span(), |r, _| {
            let value = r.expr(&condition.expr)?;
            match r.matches(&condition.pat, &value)? {
                Truth::Known(true) => r.scoped(|r| {
                    r.bind(&condition.pat, value)?;
                    r.block(&each.body).map(|_| true)
                }),
                Truth::Known(false) => Ok(false),
                Truth::Open(_) => r.unbounded(each.cond.span()),
            }
        })
    }

    pub(super) fn while_loop(&mut self, each: &syn::ExprWhile) -> Eval {
        if let syn::Expr::Let(condition) = &*each.cond {
            return self.while_matched(each, condition);
        }
        if let Some(value) = self.counted_while(each)? {
            return Ok(value);
        }
        self.rounds(each.label.as_ref(), true, each.cond.span(), |r, _| match r.truth(&each.cond)? {
            Truth::Known(true) => r.block(&each.body).map(|_| true),
            Truth::Known(false) => Ok(false),
            Truth::Open(_) => r.unbounded(each.cond.span()),
        })
    }

    pub(super) fn endless_loop(&mut self, each: &syn::ExprLoop) -> Eval {
        if let Some(value) = self.counted_endless(each)? {
            return Ok(value);
        }
        self.rounds(each.label.as_ref(), true, each.loop_token.span, |r, _| r.block(&each.body).map(|_| true))
    }

    // ---- calls ----

    /// Calls a closure.
    pub(super) fn call_closure(&mut self, closure: &Closure, arguments: Vec<Value>, span: Span) -> Eval {
        if closure.inputs.len() != arguments.len() {
            return self.fail(span, format!("expected {} arguments, found {}", closure.inputs.len(), arguments.len()), "");
        }
        if self.calls == DEEPEST_CALL {
            let help = "recursive functions are not supported: write a loop";
            return self.fail(span, format!("calls nest deeper than {DEEPEST_CALL}"), help);
        }
        self.calls += 1;
        let outer = std::mem::replace(&mut self.scope, closure.scope.clone());
        let floats = std::mem::replace(&mut self.types.floats, closure.types.clone());
        // a closure sees what the function around it brings in
        let own = if closure.elsewhere.is_some() { Vec::new() } else { self.uses.clone() };
        let uses = std::mem::replace(&mut self.uses, own);
        let home = closure.home.clone().or_else(|| self.helpers.home.clone());
        let home = std::mem::replace(&mut self.types.home, home);
        let abroad = self.abroad.clone();
        if let (None, Some(name)) = (&abroad, &closure.elsewhere) {
            self.abroad = Some((span, name.clone()));
        }
        let value = self.body(|r| {
            r.argument_lengths(closure, &arguments);
            for (pattern, argument) in closure.inputs.iter().zip(arguments) {
                r.bind(pattern, argument)?;
            }
            r.returned.clone_from(&closure.output);
            r.expected.clone_from(&closure.output);
            let value = r.expr(&closure.body)?;
            match &closure.output {
                Some(ty) => r.typed(value, ty),
                None => Ok(value),
            }
        });
        (self.scope, self.types.floats, self.types.home, self.abroad, self.uses) = (outer, floats, home, abroad, uses);
        self.calls -= 1;
        value
    }

    /// Const generics of a function are lengths of its arguments.
    fn argument_lengths(&mut self, closure: &Closure, arguments: &[Value]) {
        for ident in &closure.lengths {
            let found = closure.inputs.iter().zip(arguments).find_map(|(pattern, value)| match pattern {
                syn::Pat::Type(typed) => self.length_in(&typed.ty, value, ident),
                _ => None,
            });
            if let Some(length) = found {
                self.declare(ident.to_string(), Value::position(length));
            }
        }
    }

    /// The length that `name` stands for in a type, of which a value is.
    fn length_in(&mut self, ty: &syn::Type, value: &Value, name: &syn::Ident) -> Option<Affine> {
        let syn::Type::Array(array) = strip(ty) else { return None };
        let (length, first) = match value {
            Value::Array(items) => (Affine::from(items.len() as i64), items.first().cloned()),
            Value::Tensor(t) => {
                let rest = t.shape.get(1..).filter(|rest| !rest.is_empty());
                let inner = rest.map(|rest| Value::Tensor(Tensor { shape: rest.to_vec(), ..t.clone() }));
                (t.shape.first()?.clone(), inner)
            }
            Value::Reference(place) => {
                let value = self.load(&place.clone(), Span::call_site()).ok()?;
                return self.length_in(ty, &value, name);
            }
            _ => return None,
        };
        match &array.len {
            syn::Expr::Path(p) if p.path.is_ident(name) => Some(length),
            _ => self.length_in(&array.elem, &first?, name),
        }
    }

    pub(super) fn closure(&mut self, name: &str) -> Option<Rc<Closure>> {
        match self.slot(name).map(|slot| &self.slots[slot]) {
            Some(Value::Closure(c)) => Some(Rc::clone(c)),
            Some(_) => None,
            None => self.helpers.functions.get(name).map(Rc::clone),
        }
    }
}

/// Whether two values are the same.
pub(super) fn unchanged(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => a == b,
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Truth(a), Value::Truth(b)) => a == b,
        (Value::Array(a), Value::Array(b)) | (Value::Tuple(a), Value::Tuple(b)) | (Value::Growing(a), Value::Growing(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| unchanged(a, b))
        }
        (Value::Tensor(a), Value::Tensor(b)) => match (&a.elements, &b.elements) {
            (Elements::Each(i, a), Elements::Each(j, b)) => i == j && a == b,
            (Elements::List(a), Elements::List(b)) => a == b,
            _ => false,
        },
        (Value::Closure(a), Value::Closure(b)) => Rc::ptr_eq(a, b),
        (Value::Option(s, a), Value::Option(t, b)) => s == t && unchanged(a, b),
        (Value::Iter(a), Value::Iter(b)) => a.same(b),
        (Value::Opaque(a), Value::Opaque(b)) | (Value::Word(a), Value::Word(b)) => Rc::ptr_eq(a, b) || a == b,
        (Value::Whole(a), Value::Whole(b)) => a == b,
        (Value::Words(a, x), Value::Words(b, y)) => a == b && x == y,
        (Value::Struct(a), Value::Struct(b)) => {
            a.fields.len() == b.fields.len() && a.fields.iter().zip(&b.fields).all(|((m, x), (n, y))| m == n && unchanged(x, y))
        }
        (Value::Reference(a), Value::Reference(b)) => a == b,
        (Value::Range(a, b, _), Value::Range(c, d, _)) => (a, b) == (c, d),
        (Value::Slices(a), Value::Slices(b)) => a == b,
        (Value::Axis(a), Value::Axis(b)) => a == b,
        (Value::Unjoined(_), Value::Unjoined(_)) | (Value::Poison, Value::Poison) => true,
        _ => false,
    }
}
