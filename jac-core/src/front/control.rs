//! Control flow: branches, loops of known length, and what leaves them early.
//!
//! A loop of known length is run. Under a condition that is open, both arms are evaluated on the
//! same state and what they leave behind is joined by selects. A `return`, `break` or `continue` in
//! such an arm is recorded as a jump, with its condition and the state it carries; where it lands,
//! it is joined with what goes on without it.

use super::body::{Eval, Reader, Stop};
use super::value::{Closure, Elements, Truth, Value};
use crate::ir::{Affine, Expr, Symbol};
use crate::ops::Op;
use proc_macro2::Span;
use std::rc::Rc;
use syn::spanned::Spanned;

/// Unrolled loops may not make more expressions than this.
const LARGEST: usize = 400_000;

/// A loop may not have more rounds than this.
const MOST_ROUNDS: usize = 100_000;

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

impl Reader<'_> {
    /// Leaves for `target`.
    pub(super) fn jump(&mut self, target: Target, value: Value) -> Eval {
        self.jumps.push(Jump { target, condition: None, value, slots: self.slots.clone() });
        Err(Stop::Jumped)
    }

    /// Joins the jumps to `target`, of those since `from`, with what is left when none is taken.
    pub(super) fn land(&mut self, target: Target, from: usize, tail: Eval) -> Eval {
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
                    self.join_slots(c, jump.slots)?;
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

    /// The variables are those of `slots` where `c` holds.
    fn join_slots(&mut self, c: Expr, slots: Vec<Value>) -> Eval<()> {
        for (k, jumped) in slots.into_iter().enumerate().take(self.slots.len()) {
            if !unchanged(&jumped, &self.slots[k]) {
                let here = self.slots[k].clone();
                self.slots[k] = self.branch_value(c, jumped, here)?;
            }
        }
        Ok(())
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
        let tail = run(self);
        let value = self.land(Target::Return, 0, tail);
        self.jumps = outer;
        self.labels = labels;
        value
    }

    // ---- branches ----

    pub(super) fn branch(&mut self, branch: &syn::ExprIf) -> Eval {
        let otherwise = |r: &mut Self| match &branch.else_branch {
            Some((_, e)) => r.expr(e),
            None => Ok(Value::unit()),
        };
        if let syn::Expr::Let(condition) = &*branch.cond {
            let value = self.expr(&condition.expr)?;
            let truth = self.matches(&condition.pat, &value)?;
            let then = |r: &mut Self| {
                r.scoped(|r| {
                    r.bind(&condition.pat, value)?;
                    r.block(&branch.then_branch)
                })
            };
            return self.decide(truth, then, otherwise);
        }
        let truth = self.truth(&branch.cond)?;
        self.decide(truth, |r| r.block(&branch.then_branch), otherwise)
    }

    pub(super) fn truth(&mut self, e: &syn::Expr) -> Eval<Truth> {
        match self.expr(e)? {
            Value::Truth(t) => Ok(t),
            Value::Opaque(e) => self.opaque_truth(&e),
            other => self.fail(e.span(), format!("expected a condition, found {}", other.kind()), ""),
        }
    }

    fn decide(&mut self, truth: Truth, then: impl FnOnce(&mut Self) -> Eval, otherwise: impl FnOnce(&mut Self) -> Eval) -> Eval {
        match truth {
            Truth::Known(true) => then(self),
            Truth::Known(false) => otherwise(self),
            Truth::Open(c) => self.both_arms(c, then, otherwise),
        }
    }

    pub(super) fn match_value(&mut self, value: &Value, arms: &[syn::Arm], span: Span) -> Eval {
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
                r.expr(&arm.body)
            })
        };
        if rest.is_empty() && truth != Truth::Known(false) {
            // rustc has seen that the arms are exhaustive
            return taken(self);
        }
        self.decide(truth, taken, |r| r.match_value(value, rest, span))
    }

    /// Evaluates both arms on the same state and joins what they left behind.
    fn both_arms(&mut self, c: Expr, then: impl FnOnce(&mut Self) -> Eval, otherwise: impl FnOnce(&mut Self) -> Eval) -> Eval {
        let before = self.slots.clone();
        let jumps = self.jumps.len();
        let a = then(self);
        let after_then = std::mem::replace(&mut self.slots, before);
        self.guard_jumps(jumps, c);
        let jumps = self.jumps.len();
        let b = otherwise(self);
        let not = self.program.arena.fold(Op::Not, &[c]);
        self.guard_jumps(jumps, not);
        match (a, b) {
            (Err(Stop::Reported), _) | (_, Err(Stop::Reported)) => Err(Stop::Reported),
            (Err(Stop::Jumped), Err(Stop::Jumped)) => Err(Stop::Jumped),
            (Err(Stop::Jumped), Ok(value)) => Ok(value),
            (Ok(value), Err(Stop::Jumped)) => {
                self.slots = after_then;
                Ok(value)
            }
            (Ok(a), Ok(b)) => {
                self.join_slots(c, after_then)?;
                self.branch_value(c, a, b)
            }
        }
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
            (Value::Some(a), Value::Some(b)) => Ok(Value::Some(Box::new(self.branch_value(c, *a, *b)?))),
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

    /// Runs the rounds of a loop of known length; `round` says whether there was one.
    fn rounds(&mut self, label: Option<&syn::Label>, span: Span, mut round: impl FnMut(&mut Self, usize) -> Eval<bool>) -> Eval {
        let number = self.loops;
        self.loops += 1;
        self.labels.push((label.map(|l| l.name.ident.to_string()), number));
        let from = self.jumps.len();
        let mut end = Ok(Value::unit());
        for k in 0.. {
            let start = self.jumps.len();
            let tail = match round(self, k) {
                Ok(true) => Ok(Value::unit()),
                Ok(false) => break,
                Err(stop) => Err(stop),
            };
            end = self.land(Target::Continue(number), start, tail);
            if end.is_err() {
                break;
            }
            if self.program.arena.len() > LARGEST || k >= MOST_ROUNDS {
                let message = format!("this loop makes more than {LARGEST} expressions, or {MOST_ROUNDS} rounds");
                let help = "its rounds are written out: if it ends on a condition on floats, write `for _ in 0..N` with few rounds, \
                            else loop over a run-time length";
                end = self.fail(span, message, help);
                break;
            }
        }
        self.labels.pop();
        self.land(Target::Break(number), from, end)
    }

    pub(super) fn for_loop(&mut self, each: &syn::ExprForLoop) -> Eval {
        let over = match self.argument(&each.expr)? {
            Value::Range(from, to) if to.plus(&from, -1).indices().next().is_some() => return self.uneven_loop(each, &from, &to),
            over => self.iterated(over, each.expr.span())?,
        };
        let items = match over {
            Value::Array(items) => items,
            Value::Stream(stream) => {
                if let Some(label) = &each.label {
                    return self.fail(label.span(), "a label on a loop over a run-time length", "write the loop without a label");
                }
                return self.open_loop(&stream, each.expr.span(), &mut |r, item| {
                    r.scoped(|r| {
                        r.bind(&each.pat, item)?;
                        r.block(&each.body).map(drop)
                    })
                });
            }
            other => return self.fail(each.expr.span(), format!("cannot loop over {}", other.kind()), "loop over a range or an array"),
        };
        let mut items = items.into_iter();
        self.rounds(each.label.as_ref(), each.expr.span(), |r, _| {
            let Some(item) = items.next() else { return Ok(false) };
            r.scoped(|r| {
                r.bind(&each.pat, item)?;
                r.block(&each.body).map(|_| true)
            })
        })
    }

    /// `for j in i + 1..n`, inside a loop over `i`: over all `j` there may be, where the range has them.
    fn uneven_loop(&mut self, each: &syn::ExprForLoop, from: &Affine, to: &Affine) -> Eval {
        let (first, end) = (self.bound(from, -1), self.bound(to, 1));
        let stream = match self.iterated(Value::Range(first.clone(), end), each.expr.span())? {
            Value::Stream(stream) => stream,
            other => return self.fail(each.expr.span(), format!("cannot go through {}", other.kind()), "loop over a range"),
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

    pub(super) fn while_loop(&mut self, each: &syn::ExprWhile) -> Eval {
        self.rounds(each.label.as_ref(), each.cond.span(), |r, _| match r.truth(&each.cond)? {
            Truth::Known(true) => r.block(&each.body).map(|_| true),
            Truth::Known(false) => Ok(false),
            Truth::Open(_) => {
                let help = "write `for _ in 0..N`, with the most rounds there may be, and `break` in it";
                r.fail(each.cond.span(), "how long this loop runs is not known at compile time", help)
            }
        })
    }

    pub(super) fn endless_loop(&mut self, each: &syn::ExprLoop) -> Eval {
        self.rounds(each.label.as_ref(), each.loop_token.span, |r, _| r.block(&each.body).map(|_| true))
    }

    // ---- calls ----

    /// Calls a closure.
    pub(super) fn call_closure(&mut self, closure: &Closure, arguments: Vec<Value>, span: Span) -> Eval {
        if closure.inputs.len() != arguments.len() {
            return self.fail(span, format!("expected {} arguments, found {}", closure.inputs.len(), arguments.len()), "");
        }
        self.calls += 1;
        if self.calls > 64 {
            self.calls = 0;
            return self.fail(span, "calls nest too deeply", "recursive functions are not supported");
        }
        let outer = std::mem::replace(&mut self.scope, closure.scope.clone());
        let value = self.body(|r| {
            for (pattern, argument) in closure.inputs.iter().zip(arguments) {
                r.bind(pattern, argument)?;
            }
            let value = r.expr(&closure.body)?;
            match &closure.output {
                Some(ty) => r.typed(value, ty),
                None => Ok(value),
            }
        });
        self.scope = outer;
        self.calls = self.calls.saturating_sub(1);
        value
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
        (Value::Array(a), Value::Array(b)) | (Value::Tuple(a), Value::Tuple(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| unchanged(a, b))
        }
        (Value::Tensor(a), Value::Tensor(b)) => match (&a.elements, &b.elements) {
            (Elements::Each(i, a), Elements::Each(j, b)) => i == j && a == b,
            (Elements::List(a), Elements::List(b)) => a == b,
            _ => false,
        },
        (Value::Closure(a), Value::Closure(b)) => Rc::ptr_eq(a, b),
        (Value::Some(a), Value::Some(b)) => unchanged(a, b),
        (Value::Opaque(a), Value::Opaque(b)) => Rc::ptr_eq(a, b),
        (Value::Reference(a), Value::Reference(b)) => a == b,
        (Value::Range(a, b), Value::Range(c, d)) => (a, b) == (c, d),
        (Value::Slices(a), Value::Slices(b)) => a == b,
        (Value::Axis(a), Value::Axis(b)) => a == b,
        (Value::Poison, Value::Poison) => true,
        _ => false,
    }
}
