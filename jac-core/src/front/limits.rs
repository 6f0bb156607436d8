//! What reading a function may cost.
//!
//! Loops of known length are run and calls are written in, so that a short function may be much work. It is
//! counted, in evaluated expressions and copied values, and bounded: the count is the same on every machine.

use super::body::{Eval, Reader, Stop};
use super::value::{Elements, Tensor, Value};
use super::Loops;
use crate::ir::Affine;
use proc_macro2::Span;

/// A function may cost this much: several times what the longest function costs whose code may be emitted, which
/// has 20,000 operations. It takes an unoptimised macro a second.
const MOST_WORK: usize = 120_000;

/// So many values are copied in the time that an expression takes to be evaluated.
const COPIES: usize = 16;

/// The expressions of a function may be this many: later passes refuse half as many operations.
const MOST_EXPRESSIONS: usize = 200_000;

/// Where long loops may be kept, so many are enough to try that, and twice the work: about three for each of the operations that
/// the pipeline runs.
const SHORT: usize = 15_000;

/// And its arrays: loops are not differentiated over a third as many operations.
const MOST_TENSORS: usize = 6_000;

/// Where long loops and arrays are kept, those are long that have so many rounds or elements: coordinates, quaternions and the states
/// of a model have fewer.
const LONG: i64 = 16;

/// Arrays with more elements are not written out.
pub(super) const MOST_ELEMENTS: usize = 20_000;

impl Reader<'_> {
    /// Counts work before it is done; once it is too much, reading ends.
    pub(super) fn spend(&mut self, work: usize, span: Span) -> Eval<()> {
        if self.exhausted {
            return Err(Stop::Reported);
        }
        self.work = self.work.saturating_add(work);
        let (expressions, tensors) = (self.program.arena.len(), self.program.tensors.len());
        let [work, most] = if self.kept == Loops::RunIfShort { [2 * SHORT, SHORT] } else { [MOST_WORK, MOST_EXPRESSIONS] };
        if self.work <= work && expressions <= most && tensors <= MOST_TENSORS {
            return Ok(());
        }
        self.exhausted = true;
        let help = "use fewer rounds; where data are long, pass them as `&[f64]` or ndarray and loop over their length";
        self.error(span, "too much to write out: loops of known length are unrolled, and calls written in").help(help).too_long();
        Err(Stop::Reported)
    }

    /// Counts the copying of values before it is done.
    pub(super) fn copy<'v>(&mut self, values: impl IntoIterator<Item = &'v Value>, span: Span) -> Eval<()> {
        let count = values.into_iter().map(size).fold(self.copied, usize::saturating_add);
        self.copied = count % COPIES;
        self.spend(count / COPIES, span)
    }

    /// Counts the copying of all variables before it is done.
    pub(super) fn copy_slots(&mut self, span: Span) -> Eval<()> {
        let slots = std::mem::take(&mut self.slots);
        let counted = self.copy(&slots, span);
        self.slots = slots;
        counted
    }

    /// A length that is known, and short enough to be written out where longer ones are loops.
    pub(super) fn short(&self, length: &Affine) -> Option<i64> {
        self.lengths.resolve(length).known().filter(|n| self.kept != Loops::Kept || *n < LONG)
    }

    /// A length as the number of elements that are written out one by one.
    pub(super) fn written_out(&mut self, length: i64, span: Span) -> Eval<usize> {
        match usize::try_from(length) {
            Ok(n) if n <= MOST_ELEMENTS => self.spend(n, span).map(|()| n),
            Ok(n) => {
                let help = "pass long data as `&[f64]` or ndarray, so that the generated code has loops";
                self.error(span, format!("{n} elements are too many to write out")).help(help).too_long();
                Err(Stop::Reported)
            }
            Err(_) => self.fail(span, format!("a length of {length}"), ""),
        }
    }

    /// Leaves a scope: the variables behind the first `kept` are gone, unless the value sees them.
    pub(super) fn forget(&mut self, kept: usize, value: &Eval) {
        if value.as_ref().is_ok_and(sees_variables) {
            self.pinned = self.pinned.max(self.slots.len());
        }
        self.slots.truncate(kept.max(self.pinned));
    }
}

/// How many values stand in one.
fn size(value: &Value) -> usize {
    match value {
        Value::Array(items) | Value::Tuple(items) | Value::Zip(items) => items.iter().map(size).fold(1, usize::saturating_add),
        Value::Option(_, inner) => size(inner),
        Value::Struct(s) => s.fields.iter().map(|(_, v)| size(v)).fold(1, usize::saturating_add),
        Value::Tensor(Tensor { elements: Elements::List(es), .. }) => es.len(),
        Value::Iter(iter) => iter.held(),
        _ => 1,
    }
}

/// Whether a value refers to variables.
pub(super) fn sees_variables(value: &Value) -> bool {
    match value {
        Value::Array(items) | Value::Tuple(items) | Value::Zip(items) => items.iter().any(sees_variables),
        Value::Closure(f) | Value::Generator(f) => !f.scope.is_empty(),
        Value::Option(_, inner) => sees_variables(inner),
        Value::Struct(s) => s.fields.iter().any(|(_, v)| sees_variables(v)),
        Value::Stream(stream) => sees_variables(&stream.item),
        Value::Reference(_) | Value::Iter(_) => true,
        _ => false,
    }
}
