//! Loops over a run-time length.
//!
//! The body is read once, on variables that stand for what the rounds before left behind. A variable
//! to which something is added becomes a sum over the loop's index; an array whose elements are
//! written one by one, a map. What is left carries state from round to round: a recurrence, which
//! stays a loop in the generated code.

use super::body::{Eval, Reader};
use super::control::{unchanged, Target};
use super::integers::Int;
use super::value::{Elements, Library, Stream, Tensor, Value};
use crate::ir::{self, Affine, Body, Definition, Expr, Facts, Index, Node, Role, Symbol};
use crate::ops::Op;
use proc_macro2::Span;

/// A float, or an array of floats, that the body changes.
struct State {
    /// Its values after each number of rounds: the first axis is the number of rounds.
    tensor: ir::Tensor,
    /// The indices of its elements.
    axes: Vec<Index>,
    /// An element before a round.
    before: Expr,
    /// Before the first round.
    init: Expr,
    /// After a round.
    after: Expr,
}

impl State {
    fn of(tensor: ir::Tensor, axes: Vec<Index>, before: Expr, init: Expr) -> State {
        State { tensor, axes, before, init, after: before }
    }
}

type Round<'a, 'b> = &'a mut dyn FnMut(&mut Reader<'b>, Value) -> Eval<()>;

impl<'b> Reader<'b> {
    /// Reads a loop over the positions of `stream`.
    pub(super) fn open_loop(&mut self, stream: &Stream, span: Span, round: Round<'_, 'b>) -> Eval {
        let before = self.slots.clone();
        let mut changed: Vec<usize> = Vec::new();
        let mut steps: Vec<(usize, i64)> = Vec::new();
        loop {
            // the variables that are known to change stand for the rounds before
            let mut states: Vec<State> = Vec::new();
            for &slot in &changed {
                let value = before[slot].clone();
                self.slots[slot] = match (value, steps.iter().find(|(s, _)| *s == slot)) {
                    (Value::Int(a), Some((_, step))) => Value::Int(Int { at: a.at.plus(&Affine::from(stream.indices[0]), *step), ..a }),
                    (value, _) => self.placeholder(value, stream, &mut states, span)?,
                };
            }
            let start = self.slots.clone();
            let (tensors, definitions) = (self.program.tensors.len(), self.program.definitions.len());
            self.one_round(stream, span, round)?;
            let mut found = false;
            for (slot, was) in start.iter().enumerate() {
                if changed.contains(&slot) || unchanged(&self.slots[slot], was) {
                    continue;
                }
                found = true;
                changed.push(slot);
                if let (Value::Int(a), Value::Int(b)) = (was, &self.slots[slot]) {
                    match b.at.plus(&a.at, -1).known() {
                        Some(step) if stream.indices.len() == 1 => steps.push((slot, step)),
                        _ => {
                            return self.fail(
                                span,
                                "an integer in this loop does not grow by a fixed step",
                                "loop over the positions themselves",
                            )
                        }
                    }
                }
            }
            for (slot, step) in &steps {
                let grown = match (&start[*slot], &self.slots[*slot]) {
                    (Value::Int(a), Value::Int(b)) => b.at.plus(&a.at, -1).known() == Some(*step),
                    _ => false,
                };
                if !found && !grown {
                    return self.fail(span, "an integer in this loop does not grow by a fixed step", "loop over the positions themselves");
                }
            }
            if found {
                // the round is read again: nothing of this time keeps a name, but the constants from outside, which stay
                self.slots.clone_from(&before);
                self.program.definitions.truncate(definitions);
                for t in (tensors..self.program.tensors.len()).map(|t| ir::Tensor(t as u32)) {
                    if !self.is_constant(t) {
                        self.program.rename(t, "__t");
                    }
                }
                continue;
            }
            return self.close_loop(stream, span, &before, &changed, &steps, states);
        }
    }

    /// Reads the body once.
    fn one_round(&mut self, stream: &Stream, span: Span, round: Round<'_, 'b>) -> Eval<()> {
        let number = self.loops;
        self.loops += 1;
        let labels = std::mem::replace(&mut self.labels, vec![(None, number)]);
        let (from, kept) = (self.jumps.len(), self.slots.len());
        self.branches += 1;
        let tail = round(self, (*stream.item).clone()).map(|()| Value::unit());
        self.branches -= 1;
        self.labels = labels;
        self.land(Target::Continue(number), from, kept, tail)?;
        self.slots.truncate(kept.max(self.pinned));
        if self.jumps.len() > from {
            return self.fail(
                span,
                "this loop over a run-time length is left early",
                "make it a statement of the annotated function itself, guard the rest of its body with an `if`, or fix the length",
            );
        }
        Ok(())
    }

    /// What stands for a variable during a round.
    fn placeholder(&mut self, value: Value, stream: &Stream, states: &mut Vec<State>, span: Span) -> Eval {
        let time = stream.indices[0];
        let rounds = self.program.length(time).after();
        match value {
            // what is pushed to it is a map over the rounds
            Value::Array(items) if items.is_empty() => Ok(Value::Growing(Vec::new())),
            Value::Opaque(e) => {
                let e = self.opaque_float(&e)?;
                self.placeholder(Value::Float(e), stream, states, span)
            }
            Value::Float(init) => {
                let tensor = self.program.tensor("__s", vec![rounds], Role::Defined);
                let before = self.program.arena.insert(Node::Access(tensor, vec![Affine::from(time)]));
                states.push(State::of(tensor, Vec::new(), before, init));
                Ok(Value::Float(before))
            }
            Value::Tensor(t) => {
                let (axes, init) = self.each(&t);
                let mut shape = vec![rounds];
                shape.extend(t.shape.iter().cloned());
                let tensor = self.program.tensor("__s", shape, Role::Defined);
                let at = std::iter::once(time).chain(axes.iter().copied()).map(Affine::from).collect();
                let before = self.program.arena.insert(Node::Access(tensor, at));
                states.push(State::of(tensor, axes.clone(), before, init));
                Ok(Value::Tensor(Tensor { shape: t.shape, elements: Elements::Each(axes, before), library: t.library }))
            }
            Value::Array(items) => {
                Ok(Value::Array(items.into_iter().map(|v| self.placeholder(v, stream, states, span)).collect::<Eval<_>>()?))
            }
            Value::Tuple(items) => {
                Ok(Value::Tuple(items.into_iter().map(|v| self.placeholder(v, stream, states, span)).collect::<Eval<_>>()?))
            }
            other => {
                let message = format!("this loop over a run-time length changes {}", other.kind());
                self.fail(span, message, "only floats and arrays of them may change in it, or fix the length")
            }
        }
    }

    /// Decides what each state is, and gives the variables their values after the loop.
    fn close_loop(
        &mut self,
        stream: &Stream,
        span: Span,
        before: &[Value],
        changed: &[usize],
        steps: &[(usize, i64)],
        mut states: Vec<State>,
    ) -> Eval {
        let mut next = 0;
        for &slot in changed {
            let value = self.slots[slot].clone();
            self.take_after(&value, &before[slot], &mut states, &mut next, span)?;
        }
        let count = self.program.length(stream.indices[0]).clone();
        let mut grown: Vec<(usize, Expr)> = Vec::new();
        for &slot in changed {
            if let Value::Growing(pushed) = self.slots[slot].clone() {
                grown.push((slot, self.pushed(pushed, stream, span)?));
            }
        }
        if let [time] = *stream.indices.as_slice() {
            self.delayed(time, &mut states, &mut grown);
        }
        let tensors: Vec<ir::Tensor> = states.iter().map(|s| s.tensor).collect();
        let mut finals: Vec<Option<Expr>> = Vec::new();
        let mut alone: Vec<bool> = Vec::new();
        for k in 0..states.len() {
            let others = (0..states.len()).filter(|j| *j != k).map(|j| states[j].after);
            let readers = others.chain(grown.iter().map(|(_, e)| *e)).collect();
            alone.push(!self.mentioned(readers, &tensors).contains(&states[k].tensor));
            finals.push(if alone[k] { self.closed_form(stream, &states[k], &tensors)? } else { None });
        }
        if let [time] = *stream.indices.as_slice() {
            self.histories(time, &mut states, &mut grown, &mut finals, &alone);
        }
        let carried: Vec<usize> = (0..states.len()).filter(|k| finals[*k].is_none()).collect();
        if !carried.is_empty() {
            self.recurrence(stream, &states, &carried, span)?;
        }
        for &k in &carried {
            let s = &states[k];
            let at = std::iter::once(count.clone()).chain(s.axes.iter().map(|i| Affine::from(*i))).collect();
            let last = self.program.arena.insert(Node::Access(s.tensor, at));
            // where the range ends before it begins, nothing is done
            let empty = !ir::is_natural(&self.lengths.resolve(&count));
            finals[k] = Some(match empty.then(|| ir::runs(&mut self.program.arena, &count)).flatten() {
                None => last,
                Some(any) => self.program.arena.apply(Op::Select, vec![any, last, s.init]),
            });
        }
        let mut next = 0;
        self.slots = before.to_vec();
        for &slot in changed {
            let first = next;
            let value = match (&before[slot], steps.iter().find(|(s, _)| *s == slot)) {
                (Value::Int(a), Some((_, step))) => {
                    self.has_rounds(&count, span)?;
                    Value::Int(Int { at: a.at.plus(&count, *step), ..a.clone() })
                }
                (Value::Array(was), _) if was.is_empty() => self.grown(&grown, slot, stream),
                (value, _) => self.after_loop(value, &states, &finals, &mut next),
            };
            let name = self.scope.iter().find(|(_, s)| *s == slot).map(|(n, _)| n.clone()).unwrap_or_default();
            for k in (first..next).filter(|k| carried.contains(k) && !name.is_empty()) {
                let own = if next - first > 1 { format!("{name}_{}", k - first) } else { name.clone() };
                self.rename(states[k].tensor, &own);
            }
            self.slots[slot] = self.name(&name, value);
        }
        Ok(Value::unit())
    }

    /// A number that a round leaves for the next, as `previous = x[i]`, is read where it was: it is no state. What takes long is
    /// not computed a second time.
    fn delayed(&mut self, time: Index, states: &mut [State], grown: &mut [(usize, Expr)]) {
        let tensors: Vec<ir::Tensor> = states.iter().map(|s| s.tensor).collect();
        let is_free = |r: &Self, s: &State| {
            let is_cheap = r.program.arena.cost([s.after]).work < Op::Div.entry().cost.into();
            s.axes.is_empty() && is_cheap && r.mentioned(vec![s.after], &tensors).is_empty()
        };
        let mut done: Vec<ir::Tensor> = Vec::new();
        while let Some(k) = (0..states.len()).find(|k| !done.contains(&states[*k].tensor) && is_free(self, &states[*k])) {
            let s = &states[k];
            done.push(s.tensor);
            let round = Affine::from(time).plus(&Affine::from(1), -1);
            let left = self.program.arena.substitute(s.after, &|symbol| (symbol == Symbol::Index(time)).then(|| round.clone()));
            let args = vec![self.program.arena.constant(0), self.program.arena.integer(Affine::from(time))];
            let is_later = self.program.arena.apply(Op::Lt, args);
            let value = self.program.arena.apply(Op::Select, vec![is_later, left, s.init]);
            let read = [(s.before, value)].into_iter().collect();
            for e in states.iter_mut().map(|s| &mut s.after).chain(grown.iter_mut().map(|(_, e)| e)) {
                *e = self.program.arena.replace(*e, &read);
            }
        }
    }

    /// An array that no state reads may hold what the states are in each round, as a trajectory does: it is a map of these. What
    /// a round leaves in them is read there, and not computed once more.
    fn histories(&mut self, time: Index, states: &mut [State], grown: &mut [(usize, Expr)], finals: &mut [Option<Expr>], alone: &[bool]) {
        let tensors: Vec<ir::Tensor> = states.iter().map(|s| s.tensor).collect();
        let carried: Vec<(ir::Tensor, Vec<Index>, Expr)> = (0..states.len())
            .filter(|k| finals[*k].is_none() && !self.mentioned(vec![states[*k].after], &tensors).is_empty())
            .map(|k| (states[k].tensor, states[k].axes.clone(), states[k].after))
            .collect();
        let read = |r: &mut Self, e: Expr, own: Option<ir::Tensor>| {
            let parts = r.program.arena.reachable([e]);
            let found: ir::Map<Expr, Expr> = parts
                .into_iter()
                .filter_map(|part| {
                    let left = |(t, axes, after): &(ir::Tensor, Vec<Index>, Expr)| {
                        let at = r.program.instance(*after, axes, part).filter(|_| own != Some(*t))?;
                        Some((*t, std::iter::once(Affine::from(time).after()).chain(at).collect()))
                    };
                    let (t, at) = carried.iter().find_map(left)?;
                    Some((part, r.program.arena.insert(Node::Access(t, at))))
                })
                .collect();
            r.program.arena.replace(e, &found)
        };
        for k in 0..states.len() {
            if finals[k].is_some() || !alone[k] || states[k].axes.is_empty() {
                continue;
            }
            let (own, after) = (states[k].tensor, states[k].after);
            states[k].after = read(self, after, Some(own));
            finals[k] = self.mapped(&states[k], &[time], &[own]).or_else(|| self.strided(&states[k], &[time], &[own]));
            if finals[k].is_none() {
                states[k].after = after;
            }
        }
        for (_, e) in grown {
            *e = read(self, *e, None);
        }
    }

    /// Notes what a round leaves in the variables.
    fn take_after(&mut self, value: &Value, before: &Value, states: &mut [State], next: &mut usize, span: Span) -> Eval<()> {
        match (value, before) {
            (Value::Int(_), Value::Int(_)) => Ok(()),
            (Value::Growing(_), Value::Array(was)) if was.is_empty() => Ok(()),
            (Value::Array(items), Value::Array(was)) | (Value::Tuple(items), Value::Tuple(was)) if items.len() == was.len() => {
                items.iter().zip(was).try_for_each(|(v, w)| self.take_after(v, w, states, next, span))
            }
            (Value::Float(_) | Value::Opaque(_), Value::Float(_) | Value::Opaque(_)) => {
                states[*next].after = self.float(value.clone(), span)?;
                *next += 1;
                Ok(())
            }
            (Value::Tensor(t), Value::Tensor(was)) if t.shape.len() == was.shape.len() => {
                for (m, n) in t.shape.iter().zip(&was.shape) {
                    self.equal_lengths(m, n, span)?;
                }
                let at: Vec<Affine> = states[*next].axes.iter().map(|i| Affine::from(*i)).collect();
                states[*next].after = self.element(t, &at);
                *next += 1;
                Ok(())
            }
            (value, before) => {
                let message = match (value, before) {
                    (Value::Array(_), Value::Array(_)) => "the length of an array changes in this loop".to_owned(),
                    _ => format!("this loop over a run-time length makes {} of {}", value.kind(), before.kind()),
                };
                let help = match (value, before) {
                    (Value::Array(_), Value::Array(_)) => "make it of its length first, `vec![0.0; n]`, and assign its elements",
                    _ => "a variable keeps its shape from round to round",
                };
                self.fail(span, message, help)
            }
        }
    }

    /// The number of rounds as an integer: it is none where the range is the other way round, which the
    /// difference of its ends is not.
    pub(super) fn has_rounds(&mut self, count: &Affine, span: Span) -> Eval<()> {
        if ir::is_natural(&self.lengths.resolve(count)) {
            return Ok(());
        }
        let help = "count from 0, or write the number itself, as in `x.len() - 1`";
        self.fail(span, "what is counted here may be less than none", help)
    }

    /// What a round pushes to a vector.
    fn pushed(&mut self, pushed: Vec<Value>, stream: &Stream, span: Span) -> Eval<Expr> {
        let mut pushed = pushed.into_iter();
        match (pushed.next(), pushed.next(), stream.indices.len()) {
            (Some(item), None, 1) => {
                self.has_rounds(&self.program.length(stream.indices[0]).clone(), span)?;
                self.float(item, span)
            }
            _ => {
                let help = "push one float in every round, or make it of its length first: `vec![0.0; n]`";
                self.fail(span, "the length of a vector changes otherwise than by one in this loop", help)
            }
        }
    }

    /// A vector after the loop that pushed to it.
    fn grown(&mut self, grown: &[(usize, Expr)], slot: usize, stream: &Stream) -> Value {
        let Some((_, item)) = grown.iter().find(|(s, _)| *s == slot) else { return Value::Array(Vec::new()) };
        let time = stream.indices[0];
        let index = self.program.index(self.program.length(time).clone());
        let body = self.program.arena.substitute(*item, &|s| (s == Symbol::Index(time)).then(|| Affine::from(index)));
        Value::Tensor(self.tensor(vec![index], body, Library::Core))
    }

    /// The value of a variable after the loop.
    fn after_loop(&mut self, before: &Value, states: &[State], finals: &[Option<Expr>], next: &mut usize) -> Value {
        match before {
            Value::Array(items) => Value::Array(items.iter().map(|v| self.after_loop(v, states, finals, next)).collect()),
            Value::Tuple(items) => Value::Tuple(items.iter().map(|v| self.after_loop(v, states, finals, next)).collect()),
            Value::Tensor(t) => {
                let k = *next;
                *next += 1;
                let e = finals[k].expect("every state has a value after the loop");
                // the axes may stand in a recurrence, whose indices are its own
                let axes = self.program.axes(&t.shape);
                let from = states[k].axes.clone();
                let e = self.program.arena.substitute(e, &|s| match s {
                    Symbol::Index(i) => from.iter().position(|j| *j == i).map(|k| Affine::from(axes[k])),
                    Symbol::Bound(_) | Symbol::Size(_) => None,
                });
                Value::Tensor(Tensor { shape: t.shape.clone(), elements: Elements::Each(axes, e), library: t.library })
            }
            _ => {
                *next += 1;
                Value::Float(finals[*next - 1].expect("every state has a value after the loop"))
            }
        }
    }

    /// The states that expressions read.
    fn mentioned(&self, roots: Vec<Expr>, states: &[ir::Tensor]) -> Vec<ir::Tensor> {
        let reached = self.program.arena.reachable(roots);
        let read = reached.iter().filter_map(|e| match &self.program.arena[*e] {
            Node::Access(t, _) if states.contains(t) => Some(*t),
            _ => None,
        });
        read.collect()
    }

    /// The value after the loop of a state that needs no recurrence: a sum, a map, or what the last
    /// round assigns.
    fn closed_form(&mut self, stream: &Stream, s: &State, states: &[ir::Tensor]) -> Eval<Option<Expr>> {
        if s.after == s.before {
            return Ok(Some(s.init));
        }
        if !s.axes.is_empty() {
            if let Some(mapped) = self.mapped(s, &stream.indices, states) {
                return Ok(Some(mapped));
            }
        }
        if let Some(mut added) = self.added(s, s.after) {
            if self.mentioned(vec![added], states).is_empty() {
                for i in stream.indices.iter().rev() {
                    added = self.program.sum_over(*i, added);
                }
                return Ok(Some(self.program.arena.add(s.init, added)));
            }
        }
        if !s.axes.is_empty() {
            return Ok(self.strided(s, &stream.indices, states));
        }
        let &[time] = stream.indices.as_slice() else { return Ok(None) };
        let count = self.program.length(time).clone();
        {
            if !self.mentioned(vec![s.after], states).is_empty() {
                return Ok(None);
            }
            let end = count.plus(&Affine::from(1), -1);
            let last = self.program.arena.substitute(s.after, &|symbol| (symbol == Symbol::Index(time)).then(|| end.clone()));
            let args = vec![self.program.arena.constant(0), self.program.arena.integer(count)];
            let any = self.program.arena.apply(Op::Lt, args);
            Ok(Some(self.program.arena.apply(Op::Select, vec![any, last, s.init])))
        }
    }

    /// What a round adds to the state, if it does nothing else: `after = before + added`.
    fn added(&mut self, s: &State, e: Expr) -> Option<Expr> {
        self.added_at(s, e, &[], &Facts::default())
    }

    /// The same where axes are at some positions, and conditions hold.
    fn added_at(&mut self, s: &State, e: Expr, fixed: &[(Index, Affine)], facts: &Facts) -> Option<Expr> {
        if e == s.before {
            return Some(self.program.arena.constant(0));
        }
        let reads = |r: &Self, e: Expr| !r.mentioned(vec![e], &[s.tensor]).is_empty();
        let Node::Apply(op, args) = self.program.arena[e].clone() else { return None };
        match (op, args.as_slice()) {
            (Op::Add, &[a, b]) if !reads(self, b) => {
                let added = self.added_at(s, a, fixed, facts)?;
                Some(self.program.arena.add(added, b))
            }
            (Op::Add, &[a, b]) if !reads(self, a) => {
                let added = self.added_at(s, b, fixed, facts)?;
                Some(self.program.arena.add(a, added))
            }
            (Op::Sub, &[a, b]) if !reads(self, b) => {
                let added = self.added_at(s, a, fixed, facts)?;
                Some(match self.program.arena.is(added, 0) {
                    true => self.program.arena.apply(Op::Neg, vec![b]),
                    false => self.program.arena.apply(Op::Sub, vec![added, b]),
                })
            }
            (Op::Select, &[c, a, b]) if !reads(self, c) => {
                if let Some(holds) = facts.decide(&self.program, c) {
                    return self.added_at(s, if holds { a } else { b }, fixed, facts);
                }
                let mut known = fixed.to_vec();
                self.fixed(c, &s.axes, &mut known);
                self.also_fixed(c, &mut known);
                let a = self.at_positions(s, &known, a);
                let [then, otherwise] = [true, false].map(|holds| {
                    let mut facts = facts.clone();
                    facts.assume(&self.program, c, holds);
                    facts
                });
                let (a, b) = (self.added_at(s, a, &known, &then)?, self.added_at(s, b, fixed, &otherwise)?);
                Some(self.program.arena.apply(Op::Select, vec![c, a, b]))
            }
            _ => None,
        }
    }

    /// Where two positions are equal, an axis that is at one of them is at the other.
    fn also_fixed(&self, c: Expr, known: &mut Vec<(Index, Affine)>) {
        let (a, b) = match self.program.arena.as_apply(c) {
            Some((Op::And, &[a, b])) => return [a, b].into_iter().for_each(|c| self.also_fixed(c, known)),
            Some((Op::Eq, &[a, b])) => (a, b),
            _ => return,
        };
        let (Some(a), Some(b)) = (self.program.arena.as_position(a), self.program.arena.as_position(b)) else { return };
        let also: Vec<(Index, Affine)> = known
            .iter()
            .filter_map(|(axis, p)| match p {
                p if *p == a => Some((*axis, b.clone())),
                p if *p == b => Some((*axis, a.clone())),
                _ => None,
            })
            .collect();
        known.extend(also);
    }

    /// The positions that a condition fixes: `axis = position` in a conjunction.
    fn fixed(&self, c: Expr, axes: &[Index], out: &mut Vec<(Index, Affine)>) -> bool {
        match &self.program.arena[c] {
            Node::Apply(Op::And, args) => self.fixed(args[0], axes, out) & self.fixed(args[1], axes, out),
            Node::Apply(Op::Eq, args) => {
                let position = |k: usize| self.program.arena.as_position(args[k]);
                let (Some(a), Some(b)) = (position(0), position(1)) else { return false };
                for (a, b) in [(&a, &b), (&b, &a)] {
                    if let Some(i) = a.as_index().filter(|i| axes.contains(i)) {
                        out.push((i, b.clone()));
                        return true;
                    }
                }
                false
            }
            _ => false,
        }
    }

    /// Under `axis = position`, reading the state at `position` is reading it at `axis`.
    fn at_own_position(&mut self, s: &State, c: Expr, e: Expr) -> Expr {
        let mut fixed = Vec::new();
        self.fixed(c, &s.axes, &mut fixed);
        self.at_positions(s, &fixed, e)
    }

    /// The same where axes are at some positions.
    fn at_positions(&mut self, s: &State, fixed: &[(Index, Affine)], e: Expr) -> Expr {
        if fixed.is_empty() {
            return e;
        }
        let own = |axis: &Index, a: &Affine| fixed.iter().any(|(i, p)| i == axis && p == a).then(|| Affine::from(*axis));
        let (tensor, axes) = (s.tensor, s.axes.clone());
        self.program.arena.map(&[e], |arena, old, node| match node {
            Node::Access(t, at) if t == tensor => {
                let own = at[1..].iter().zip(&axes).map(|(a, axis)| own(axis, a).unwrap_or_else(|| a.clone()));
                let at = at[..1].iter().cloned().chain(own).collect();
                arena.insert(Node::Access(t, at))
            }
            same if arena[old] == same => old,
            node => arena.insert(node),
        })[0]
    }

    /// The same in all branches that decide what a round leaves.
    fn at_own_positions(&mut self, s: &State, e: Expr, done: &mut ir::Map<Expr, Expr>) -> Expr {
        if let Some(known) = done.get(&e) {
            return *known;
        }
        let Some((Op::Select, &[c, a, b])) = self.program.arena.as_apply(e) else { return e };
        let (a, b) = (self.at_own_positions(s, a, done), self.at_own_positions(s, b, done));
        let a = self.at_own_position(s, c, a);
        let own = self.program.arena.apply(Op::Select, vec![c, a, b]);
        done.insert(e, own);
        own
    }

    /// An array whose every element is written in at most one round: the one in which an axis' position is `±time + c`.
    fn mapped(&mut self, s: &State, times: &[Index], states: &[ir::Tensor]) -> Option<Expr> {
        let left = self.at_own_positions(s, s.after, &mut ir::Map::default());
        let found = self.compared(s);
        let moves = |p: &Affine, time: Index| p.coefficient(Symbol::Index(time)).abs() == 1;
        let moving = |time: Index| -> Vec<(Index, Affine)> {
            let mut all: Vec<(Index, Affine)> = Vec::new();
            for (_, axis, p) in found.iter().filter(|(.., p)| moves(p, time)) {
                if !all.contains(&(*axis, p.clone())) {
                    all.push((*axis, p.clone()));
                }
            }
            all
        };
        let is = |e: Expr, place: &[(Index, Affine)]| found.iter().any(|(c, i, p)| *c == e && place.iter().any(|(j, q)| (i, p) == (j, q)));
        // a place has a position for each loop; of several along one axis each element is at one in any round
        let all: Vec<Vec<(Index, Affine)>> = times.iter().map(|time| moving(*time)).collect();
        let choices: Vec<Vec<Vec<(Index, Affine)>>> = match all.as_slice() {
            [own] => {
                let along = |axis: &Index| own.iter().filter(|(i, _)| i == axis).map(|at| vec![at.clone()]).collect();
                s.axes.iter().map(along).collect()
            }
            _ => vec![vec![all.into_iter().map(|own| (own.len() == 1).then(|| own[0].clone())).collect::<Option<_>>()?]],
        };
        // elsewhere nothing is written, be it along one axis
        let places = choices.into_iter().find(|places| {
            let elsewhere = |k: usize, e: Expr| places.iter().any(|place| is(e, &place[k..=k])).then_some(false);
            !places.is_empty() && (0..times.len()).all(|k| self.decided(left, &|e| elsewhere(k, e)) == s.before)
        })?;
        if places.len() > 1 && !self.are_apart(s, left, &found, &places.iter().map(|place| place[0].clone()).collect::<Vec<_>>()) {
            return None;
        }
        let written: Vec<Expr> =
            (0..places.len()).map(|k| self.decided(left, &|e| places.iter().position(|place| is(e, place)).map(|l| l == k))).collect();
        let mut value = s.init;
        for (place, mut after) in places.iter().zip(written) {
            // solved for the rounds
            let (mut guards, mut first) = (Vec::new(), Affine::from(times[0]));
            for (&time, (axis, position)) in times.iter().zip(place) {
                let count = self.program.length(time).clone();
                let sign = position.coefficient(Symbol::Index(time));
                let offset = position.plus(&Affine::from(time), -sign);
                let round = Affine::from(*axis).plus(&offset, -1).times(sign);
                let with = |symbol: Symbol| (symbol == Symbol::Index(time)).then(|| round.clone());
                after = self.program.arena.substitute(after, &with);
                first = first.substitute(with);
                let last = self.lengths.resolve(&count.plus(&Affine::from(1), -1));
                let from_either_end = offset.known() == Some(0) && sign == 1 || self.lengths.resolve(&offset) == last && sign == -1;
                let whole = from_either_end && {
                    let length = self.program.length(*axis).clone();
                    // an out-parameter is as long as what is written to it
                    let is_out = matches!(&self.program.arena[s.init], Node::Access(t, _) if self.outs.contains(t));
                    self.lengths.resolve(&length) == self.lengths.resolve(&count) || is_out && self.lengths.unify(&length, &count)
                };
                if !whole {
                    let (zero, end) = (self.program.arena.constant(0), self.program.arena.integer(count));
                    let at = self.program.arena.integer(round.clone());
                    guards.push(self.program.arena.apply(Op::Le, vec![zero, at]));
                    guards.push(self.program.arena.apply(Op::Lt, vec![at, end]));
                }
            }
            // before its round, an element is as it was before the loop
            let unwritten: Vec<Affine> = std::iter::once(first).chain(s.axes.iter().map(|i| Affine::from(*i))).collect();
            let unwritten = self.program.arena.insert(Node::Access(s.tensor, unwritten));
            while let Some((Op::Select, &[c, a, b])) = self.program.arena.as_apply(after) {
                if b != unwritten {
                    break;
                }
                guards.push(c);
                after = a;
            }
            after = self.program.arena.replace(after, &[(unwritten, value)].into_iter().collect());
            if !self.mentioned(guards.iter().copied().chain([after]).collect(), states).is_empty() {
                return None;
            }
            value = match guards.into_iter().reduce(|a, b| self.program.arena.apply(Op::And, vec![a, b])) {
                Some(guard) => self.program.arena.apply(Op::Select, vec![guard, after, value]),
                None => after,
            };
        }
        Some(value)
    }

    /// An array of zeros, of which each element is written in at most one round as the positions `k·time + c` leave different rests:
    /// the sum over the rounds of what they write.
    fn strided(&mut self, s: &State, times: &[Index], states: &[ir::Tensor]) -> Option<Expr> {
        let &[time] = times else { return None };
        if !self.program.arena.is(s.init, 0) {
            return None;
        }
        let mut found = self.compared(s);
        found.retain(|(.., p)| p.coefficient(Symbol::Index(time)) != 0);
        let (_, axis, first) = found.first()?.clone();
        let stride = first.coefficient(Symbol::Index(time));
        let rest = |p: &Affine| p.plus(&first, -1).known().map(|d| d.rem_euclid(stride.abs()));
        let mut places: Vec<(i64, Affine)> = Vec::new();
        for (_, own, p) in &found {
            let rest = rest(p).filter(|_| *own == axis)?;
            if places.iter().any(|(other, q)| *other == rest && q != p) {
                return None;
            }
            if !places.iter().any(|(other, _)| *other == rest) {
                places.push((rest, p.clone()));
            }
        }
        let at = |e: Expr| found.iter().find(|(c, ..)| *c == e).map(|(.., p)| p.clone());
        if self.decided(s.after, &|e| at(e).map(|_| false)) != s.before {
            return None;
        }
        let mut written = self.program.arena.constant(0);
        for (_, position) in places {
            let after = self.decided(s.after, &|e| at(e).map(|p| p == position));
            let (tensor, before, zero) = (s.tensor, s.before, s.init);
            let own = 1 + s.axes.iter().position(|i| *i == axis)?;
            // no round before has written there
            let after = self.program.arena.map(&[after], |arena, old, node| match &node {
                _ if old == before => zero,
                Node::Access(t, at) if *t == tensor && at[own] == position => zero,
                same if arena[old] == *same => old,
                _ => arena.insert(node),
            })[0];
            if !self.mentioned(vec![after], states).is_empty() {
                return None;
            }
            let args = vec![self.program.arena.integer(Affine::from(axis)), self.program.arena.integer(position)];
            let here = self.program.arena.apply(Op::Eq, args);
            written = self.program.arena.apply(Op::Select, vec![here, after, written]);
        }
        Some(self.program.sum_over(time, written))
    }

    /// The conditions that an axis of a state is at a position which decide what a round leaves in it.
    fn compared(&self, s: &State) -> Vec<(Expr, Index, Affine)> {
        let mut found: Vec<(Expr, Index, Affine)> = Vec::new();
        let (mut seen, mut waiting) = (ir::Set::<Expr>::default(), vec![s.after]);
        while let Some(e) = waiting.pop() {
            let Some((Op::Select, &[c, a, b])) = self.program.arena.as_apply(e).filter(|_| seen.insert(e)) else { continue };
            waiting.extend([b, a]);
            for c in self.program.arena.reachable([c]) {
                let mut own = Vec::new();
                let is_equality = matches!(self.program.arena.as_apply(c), Some((Op::Eq, _)));
                if is_equality && self.fixed(c, &s.axes, &mut own) && !found.iter().any(|(known, ..)| *known == c) {
                    found.extend(own.into_iter().map(|(axis, p)| (c, axis, p)));
                }
            }
        }
        found
    }

    /// An expression in which some conditions hold, and others do not.
    fn decided(&mut self, e: Expr, holds: &dyn Fn(Expr) -> Option<bool>) -> Expr {
        self.program.arena.map(&[e], |arena, old, node| match (holds(old), node) {
            (Some(holds), _) => arena.constant(i64::from(holds)),
            (None, node) if arena[old] == node => old,
            (None, Node::Apply(op @ (Op::And | Op::Or | Op::Not | Op::Select), args)) => arena.fold(op, &args),
            (None, node) => arena.insert(node),
        })[0]
    }

    /// Whether what is written at several positions is never the same element, as some axis tells by its positions.
    fn are_apart(&mut self, s: &State, left: Expr, found: &[(Expr, Index, Affine)], places: &[(Index, Affine)]) -> bool {
        s.axes.iter().any(|axis| {
            let own: Vec<&(Expr, Index, Affine)> = found.iter().filter(|(_, i, p)| i == axis && p.known().is_some()).collect();
            let positions = own.iter().map(|(.., p)| p.known()).chain([None]);
            positions.collect::<Vec<_>>().into_iter().all(|position| {
                let holds = |e: Expr| own.iter().find(|(c, ..)| *c == e).map(|(.., p)| p.known() == position);
                let after = self.decided(left, &holds);
                let reached = self.program.arena.reachable([after]);
                let is_left = |(axis, p): &&(Index, Affine)| found.iter().any(|(c, i, q)| (i, q) == (axis, p) && reached.contains(c));
                places.iter().filter(is_left).count() <= 1
            })
        })
    }

    /// Defines the states that are carried from round to round.
    fn recurrence(&mut self, stream: &Stream, states: &[State], carried: &[usize], span: Span) -> Eval<()> {
        let &[time] = stream.indices.as_slice() else {
            let help = "loop over the axes one by one, with ranges";
            return self.fail(span, "state is carried through the elements of an array of several axes", help);
        };
        let over = self.program.index(self.program.length(time).clone());
        for &k in carried {
            let s = &states[k];
            let mut map: Vec<(Index, Affine)> = vec![(time, Affine::from(over))];
            let axes = self.program.axes(&s.axes.iter().map(|i| self.program.length(*i).clone()).collect::<Vec<_>>());
            map.extend(s.axes.iter().copied().zip(axes.iter().map(|i| Affine::from(*i))));
            let with = |symbol: Symbol| match symbol {
                Symbol::Index(i) => map.iter().find(|(j, _)| *j == i).map(|(_, a)| a.clone()),
                Symbol::Bound(_) | Symbol::Size(_) => None,
            };
            let init = self.program.arena.substitute(s.init, &with);
            let next = self.program.arena.substitute(s.after, &with);
            let free = self.program.arena.free_indices(next);
            let outside = self.program.arena.free_indices(init);
            if free.iter().any(|i| *i != over && !axes.contains(i)) || outside.iter().any(|i| !axes.contains(i)) {
                let help = "fix the length of one of them, or write the inner one as a sum";
                return self.fail(span, "a loop that carries state inside another loop over a run-time length", help);
            }
            self.program
                .definitions
                .push(Definition { tensor: s.tensor, body: Body::Recurrence { over, indices: axes, parts: [init, next] } });
        }
        Ok(())
    }
}
