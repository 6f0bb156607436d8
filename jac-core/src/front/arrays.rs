//! Operations on whole arrays, as index patterns.

use super::body::{Eval, Reader, Stop};
use super::limits::MOST_ELEMENTS;
use super::value::{Elements, Library, Slice, Tensor, Truth, Value};
use crate::ir::{lengths, positions, Affine, Expr, Index, Node, Symbol};
use crate::ops::Op;
use proc_macro2::Span;

impl Reader<'_> {
    /// The element of `t` at the given positions.
    pub(super) fn element(&mut self, t: &Tensor, at: &[Affine]) -> Expr {
        let known: Option<Vec<usize>> = at.iter().zip(&t.shape).map(|(a, n)| a.known().zip(n.known()).map(|(a, _)| a as usize)).collect();
        match (&t.elements, known) {
            (Elements::Each(indices, body), _) => {
                let indices = indices.clone();
                let at = at.to_vec();
                self.program.arena.substitute(*body, &|s| match s {
                    Symbol::Index(i) => indices.iter().position(|j| *j == i).map(|k| at[k].clone()),
                    Symbol::Bound(_) | Symbol::Size(_) => None,
                })
            }
            (Elements::List(es), Some(known)) => {
                let flat = known.iter().zip(&t.shape).fold(0, |flat, (a, n)| flat * n.known().unwrap_or(0) as usize + a);
                es[flat]
            }
            (Elements::List(es), None) if es.iter().all(|e| self.is_closed(&[], *e)) => {
                let tensor = self.define_elements("__t", t.shape.clone(), es.clone());
                self.program.arena.insert(Node::Access(tensor, at.to_vec()))
            }
            (Elements::List(es), None) => self.among(&es.clone(), &t.shape, at),
        }
    }

    /// The element at a position that is not known, of some that depend on a loop around: one branch for each.
    fn among(&mut self, elements: &[Expr], shape: &[Affine], at: &[Affine]) -> Expr {
        let mut value = None;
        for (place, e) in positions(&lengths(shape)).zip(elements) {
            let equal = at.iter().zip(place).map(|(a, k)| {
                let sides = [a.clone(), Affine::from(k as i64)].map(|side| self.program.arena.integer(side));
                self.program.arena.fold(Op::Eq, &sides)
            });
            let all = equal.collect::<Vec<Expr>>().into_iter().reduce(|a, b| self.program.arena.fold(Op::And, &[a, b]));
            value = all.zip(value).map_or(Some(*e), |(here, value)| Some(self.program.arena.select(here, *e, value)));
        }
        value.unwrap_or_else(|| self.program.arena.constant(0))
    }

    /// The tensor as one expression over fresh indices.
    pub(super) fn each(&mut self, t: &Tensor) -> (Vec<Index>, Expr) {
        let t = match &t.elements {
            Elements::List(es) if es.iter().all(|e| self.is_closed(&[], *e)) => {
                let tensor = self.define_elements("__t", t.shape.clone(), es.clone());
                self.whole(tensor, t.library)
            }
            _ => t.clone(),
        };
        let indices = self.program.axes(&t.shape);
        let at: Vec<Affine> = indices.iter().map(|i| Affine::from(*i)).collect();
        let body = self.element(&t, &at);
        (indices, body)
    }

    pub(super) fn tensor(&mut self, indices: Vec<Index>, body: Expr, library: Library) -> Tensor {
        let shape = indices.iter().map(|i| self.program.length(*i).clone()).collect();
        Tensor { shape, elements: Elements::Each(indices, body), library }
    }

    /// Whether no index but the given ones is free in `body`.
    fn is_closed(&self, indices: &[Index], body: Expr) -> bool {
        self.program.arena.free_indices(body).iter().all(|i| indices.contains(i))
    }

    fn computes(&self, body: Expr) -> bool {
        matches!(self.program.arena[body], Node::Apply(..) | Node::Sum(..))
    }

    /// A tensor whose elements are read more than once: computed once, if computing is needed.
    fn settled(&mut self, t: Tensor) -> Tensor {
        match &t.elements {
            Elements::Each(indices, body) if self.computes(*body) && self.is_closed(indices, *body) => {
                let (indices, body) = (indices.clone(), *body);
                let tensor = self.program.define("__t", indices, body);
                self.whole(tensor, t.library)
            }
            _ => t,
        }
    }

    /// A tensor bound to a name by the user: a definition of that name, if it computes.
    pub(super) fn named_tensor(&mut self, name: &str, t: Tensor) -> Tensor {
        let t = self.settled(t);
        if let Elements::Each(_, body) = &t.elements {
            if let Node::Access(definition, _) = &self.program.arena[*body] {
                let definition = *definition;
                self.rename(definition, name);
            }
        }
        t
    }

    /// A reduction: a definition of its own, unless it depends on an index around it.
    pub(super) fn reduction(&mut self, indices: Vec<Index>, body: Expr, library: Library) -> Value {
        if !self.is_closed(&indices, body) {
            return if indices.is_empty() { Value::Float(body) } else { Value::Tensor(self.tensor(indices, body, library)) };
        }
        let scalar = indices.is_empty();
        let tensor = self.program.define("__t", indices, body);
        if scalar {
            Value::Float(self.program.arena.insert(Node::Access(tensor, Vec::new())))
        } else {
            Value::Tensor(self.whole(tensor, library))
        }
    }

    // ---- elementwise ----

    /// Applies a unary operator to a float or to every element.
    pub(super) fn elementwise(&mut self, op: Op, value: Value, span: Span) -> Eval {
        self.map(value, span, &mut |r, e| Ok(r.folded(op, vec![e])))
    }

    /// Applies `f` to a float or to every element.
    pub(super) fn map(&mut self, value: Value, span: Span, f: &mut dyn FnMut(&mut Self, Expr) -> Eval<Expr>) -> Eval {
        match value {
            Value::Float(e) => f(self, e).map(Value::Float),
            Value::Tensor(Tensor { shape, elements: Elements::List(es), library }) => {
                let es = es.into_iter().map(|e| f(self, e)).collect::<Eval<_>>()?;
                Ok(Value::Tensor(Tensor { shape, elements: Elements::List(es), library }))
            }
            Value::Tensor(t) => {
                let (indices, body) = self.each(&t);
                let body = self.without_effect(span, |r| f(r, body))?;
                Ok(Value::Tensor(self.tensor(indices, body, t.library)))
            }
            Value::Poison => Err(Stop::Reported),
            other => self.fail(span, format!("expected a float or an ndarray, found {}", other.kind()), ""),
        }
    }

    /// Applies a binary operator element by element, with ndarray's broadcasting: axes are aligned
    /// at the end, and an axis of length 1 is repeated. Lengths known only at run time are taken as
    /// equal, which the generated code checks.
    pub(super) fn broadcast(&mut self, op: Op, a: Value, b: Value, span: Span) -> Eval {
        let (a, b) = match (a, b) {
            (Value::Tensor(a), Value::Tensor(b)) => (a, b),
            (a, Value::Float(s)) => return self.map(a, span, &mut |r, e| Ok(r.folded(op, vec![e, s]))),
            (Value::Float(s), b) => return self.map(b, span, &mut |r, e| Ok(r.folded(op, vec![s, e]))),
            (a, _) => return self.fail(span, format!("cannot apply `{}` to {}", op.name(), a.kind()), ""),
        };
        if a.library != b.library || a.library == Library::Core {
            return self.fail(span, "fixed arrays have no arithmetic", "write a loop, or use ndarray");
        }
        if let (Elements::List(x), Elements::List(y)) = (&a.elements, &b.elements) {
            if a.shape == b.shape {
                let es = x.iter().zip(y).map(|(x, y)| self.folded(op, vec![*x, *y])).collect();
                return Ok(Value::Tensor(Tensor { shape: a.shape, elements: Elements::List(es), library: a.library }));
            }
        }
        let rank = a.shape.len().max(b.shape.len());
        let mut shape = Vec::new();
        for axis in 0..rank {
            let length = |t: &Tensor| (axis + t.shape.len()).checked_sub(rank).map(|k| t.shape[k].clone());
            shape.push(match (length(&a), length(&b)) {
                (Some(m), Some(n)) => self.common_length(&m, &n, span)?,
                (Some(n), None) | (None, Some(n)) => n,
                (None, None) => unreachable!("the axis is within the larger rank"),
            });
        }
        let indices = self.program.axes(&shape);
        let operand = |r: &mut Self, t: &Tensor| {
            let at: Vec<Affine> = t
                .shape
                .iter()
                .zip(&indices[rank - t.shape.len()..])
                .map(|(n, i)| if r.lengths.resolve(n).known() == Some(1) { Affine::from(0) } else { Affine::from(*i) })
                .collect();
            r.element(t, &at)
        };
        let (x, y) = (operand(self, &a), operand(self, &b));
        let body = self.folded(op, vec![x, y]);
        Ok(Value::Tensor(self.tensor(indices, body, a.library)))
    }

    fn common_length(&mut self, m: &Affine, n: &Affine, span: Span) -> Eval<Affine> {
        let (m, n) = (self.lengths.resolve(m), self.lengths.resolve(n));
        match (m.known(), n.known()) {
            (Some(1), _) => Ok(n),
            (_, Some(1)) => Ok(m),
            _ => self.equal_lengths(&m, &n, span).map(|()| self.lengths.resolve(&m)),
        }
    }

    /// Two axes that must have one length.
    pub(super) fn equal_lengths(&mut self, m: &Affine, n: &Affine, span: Span) -> Eval<()> {
        if self.lengths.unify(m, n) {
            return Ok(());
        }
        let text = |r: &Self, a: &Affine| r.program.affine(&r.lengths.resolve(a), &|_| "an index".to_owned());
        let (m, n) = (text(self, m), text(self, n));
        let error = self.error(span, format!("expected length {m}, found {n}"));
        if m.parse::<i64>().is_err() || n.parse::<i64>().is_err() {
            error.help(format!("if they are equal, give them one name in `shape(…)`: `{m}` for both"));
        }
        Err(Stop::Reported)
    }

    pub(super) fn branch_tensor(&mut self, c: Expr, a: Tensor, b: Tensor) -> Eval {
        let same_rank = a.shape.len() == b.shape.len();
        if !same_rank {
            return self.fail(Span::call_site(), "the arms of an `if` have arrays of different rank", "");
        }
        for (m, n) in a.shape.iter().zip(&b.shape) {
            self.equal_lengths(m, n, Span::call_site())?;
        }
        if let (Elements::List(x), Elements::List(y)) = (&a.elements, &b.elements) {
            let es =
                x.iter().zip(y).map(|(x, y)| if x == y { *x } else { self.program.arena.apply(Op::Select, vec![c, *x, *y]) }).collect();
            return Ok(Value::Tensor(Tensor { elements: Elements::List(es), ..a }));
        }
        let (indices, x) = self.each(&a);
        let at: Vec<Affine> = indices.iter().map(|i| Affine::from(*i)).collect();
        let y = self.element(&b, &at);
        let body = self.program.arena.apply(Op::Select, vec![c, x, y]);
        Ok(Value::Tensor(self.tensor(indices, body, a.library)))
    }

    // ---- index patterns ----

    /// Picks positions and ranges along the axes; axes that are not mentioned stay whole.
    pub(super) fn slice(&mut self, t: Tensor, slices: &[Slice], span: Span) -> Eval {
        let mut shape = Vec::new();
        let mut along: Vec<(Option<Affine>, i64, bool)> = Vec::new();
        let mut axes = t.shape.iter();
        for slice in slices {
            if matches!(slice, Slice::New) {
                shape.push(Affine::from(1));
                along.push((None, 0, true));
                continue;
            }
            let Some(length) = axes.next() else {
                return self.fail(span, format!("more positions than the {} axes there are", t.shape.len()), "");
            };
            let length = self.lengths.resolve(length);
            let from_end = |a: &Affine| if a.known().is_some_and(|k| k < 0) { length.plus(a, 1) } else { a.clone() };
            match slice {
                Slice::At(a) => {
                    let a = self.lengths.resolve(&from_end(a));
                    if let (Some(a), Some(n)) = (a.known(), length.known()) {
                        if !(0..n).contains(&a) {
                            return self.fail(span, format!("position {a} of an axis of length {n}"), "");
                        }
                    }
                    along.push((Some(a), 0, false));
                }
                Slice::Range(from, to, step) => {
                    let from = from_end(from);
                    let to = to.as_ref().map_or_else(|| length.clone(), from_end);
                    let span_of = self.lengths.resolve(&to.plus(&from, -1));
                    let count = match (span_of.known(), step.abs()) {
                        (_, 1) => span_of.clone(),
                        (Some(n), s) => Affine::from((n + s - 1) / s),
                        (None, _) => {
                            return self.fail(
                                span,
                                "a step other than 1 needs a known length",
                                "fix the length: `#[jacobian(shape(x = [6]))]`",
                            )
                        }
                    };
                    if count.known().is_some_and(|n| n < 0) || matches!((to.known(), length.known()), (Some(t), Some(n)) if t > n) {
                        return self.fail(span, "this range is not inside the axis", "");
                    }
                    if count.is_indexed() {
                        let help = "write a loop over the positions, such as `for j in i..x.len() { s += x[j]; }`";
                        return self.fail(span, "how long this slice is depends on the index of a loop", help);
                    }
                    let first = if *step > 0 { from } else { to.plus(&Affine::from(1), -1) };
                    shape.push(count);
                    along.push((Some(first), *step, true));
                }
                Slice::New => unreachable!("handled above"),
            }
        }
        for length in axes {
            shape.push(length.clone());
            along.push((Some(Affine::from(0)), 1, true));
        }
        let indices = self.program.axes(&shape);
        let mut kept = indices.iter();
        let mut at = Vec::new();
        for (first, step, keeps) in along {
            let index = if keeps { kept.next().map(|i| Affine::from(*i)) } else { None };
            if let Some(first) = first {
                at.push(first.plus(&index.unwrap_or_default(), step));
            }
        }
        if shape.is_empty() {
            return Ok(Value::Float(self.element(&t, &at)));
        }
        if let (Elements::List(_), Some(known)) = (&t.elements, shape.iter().map(Affine::known).collect::<Option<Vec<_>>>()) {
            let known: Vec<usize> = known.iter().map(|n| *n as usize).collect();
            let es = positions(&known)
                .map(|position| {
                    let here = |s: Symbol| match s {
                        Symbol::Index(i) => indices.iter().position(|j| *j == i).map(|k| Affine::from(position[k] as i64)),
                        Symbol::Bound(_) | Symbol::Size(_) => None,
                    };
                    let at: Vec<Affine> = at.iter().map(|a| a.substitute(here)).collect();
                    self.element(&t, &at)
                })
                .collect();
            return Ok(Value::Tensor(Tensor { shape, elements: Elements::List(es), library: t.library }));
        }
        let body = self.element(&t, &at);
        Ok(Value::Tensor(self.tensor(indices, body, t.library)))
    }

    /// The tensor with its axes in another order: axis `k` of the result is axis `order[k]`.
    pub(super) fn permuted(&mut self, t: &Tensor, order: &[usize]) -> Tensor {
        let shape: Vec<Affine> = order.iter().map(|k| t.shape[*k].clone()).collect();
        let indices = self.program.axes(&shape);
        let mut at = vec![Affine::default(); order.len()];
        for (i, k) in indices.iter().zip(order) {
            at[*k] = Affine::from(*i);
        }
        let body = self.element(t, &at);
        self.tensor(indices, body, t.library)
    }

    /// The main diagonal of a matrix.
    pub(super) fn diagonal(&mut self, t: &Tensor, span: Span) -> Eval {
        let (m, n) = (t.shape[0].clone(), t.shape[1].clone());
        self.equal_lengths(&m, &n, span)?;
        let i = self.program.index(m);
        let body = self.element(t, &[Affine::from(i), Affine::from(i)]);
        Ok(Value::Tensor(self.tensor(vec![i], body, t.library)))
    }

    // ---- reductions ----

    pub(super) fn dot(&mut self, a: Tensor, b: Tensor, span: Span) -> Eval {
        let (p, q) = (a.shape.len(), b.shape.len());
        if !(1..=2).contains(&p) || !(1..=2).contains(&q) {
            return self.fail(span, format!("`dot` of arrays of rank {p} and {q}"), "both have rank 1 or 2");
        }
        self.equal_lengths(&a.shape[p - 1], &b.shape[0], span)?;
        let library = a.library;
        let (a, b) = (self.settled(a), self.settled(b));
        let k = self.program.index(a.shape[p - 1].clone());
        let rows = self.program.axes(&a.shape[..p - 1]);
        let columns = self.program.axes(&b.shape[1..]);
        let at = |before: &[Index], after: &[Index]| -> Vec<Affine> {
            before.iter().chain([&k]).chain(after).map(|i| Affine::from(*i)).collect()
        };
        let x = self.element(&a, &at(&rows, &[]));
        let y = self.element(&b, &at(&[], &columns));
        let product = self.program.arena.apply(Op::Mul, vec![x, y]);
        let body = self.program.sum_over(k, product);
        let indices = rows.into_iter().chain(columns).collect();
        Ok(self.reduction(indices, body, library))
    }

    /// The sum over one axis, or over all.
    pub(super) fn sum(&mut self, t: &Tensor, axis: Option<usize>, span: Span) -> Eval {
        if axis.is_some_and(|k| k >= t.shape.len()) {
            return self.fail(span, format!("an array of rank {} has no such axis", t.shape.len()), "");
        }
        if let (Elements::List(es), None) = (&t.elements, axis) {
            return Ok(Value::Float(self.chain(Op::Add, 0, &es.clone())));
        }
        let (mut indices, mut body) = self.each(t);
        let over: Vec<Index> = match axis {
            Some(k) => vec![indices.remove(k)],
            None => std::mem::take(&mut indices),
        };
        for i in over.into_iter().rev() {
            body = self.program.sum_over(i, body);
        }
        Ok(self.reduction(indices, body, t.library))
    }

    /// `e₀ ∘ e₁ ∘ …`, or `empty` without elements.
    pub(super) fn chain(&mut self, op: Op, empty: i64, es: &[Expr]) -> Expr {
        match es.split_first() {
            None => self.program.arena.constant(empty),
            Some((first, rest)) => rest.iter().fold(*first, |sum, e| self.folded(op, vec![sum, *e])),
        }
    }

    /// Whether an axis has elements.
    pub(super) fn is_filled(&mut self, length: &Affine) -> Truth {
        let length = self.lengths.resolve(length);
        match length.known() {
            Some(n) => Truth::Known(n > 0),
            None => {
                let args = vec![self.program.arena.integer(Affine::from(0)), self.program.arena.integer(length)];
                Truth::Open(self.program.arena.apply(Op::Lt, args))
            }
        }
    }

    /// Whether there are elements along an axis, or along all.
    pub(super) fn is_filled_along(&mut self, t: &Tensor, axis: Option<usize>) -> Truth {
        let axes = axis.map_or(0..t.shape.len(), |k| k..k + 1);
        let mut filled = Truth::Known(true);
        for n in &t.shape[axes] {
            let here = self.is_filled(n);
            filled = self.both(Op::And, filled, here);
        }
        filled
    }

    /// The number of elements along one axis, or of all, as a float.
    pub(super) fn count(&mut self, t: &Tensor, axis: Option<usize>) -> Expr {
        let lengths = match axis {
            Some(k) => &t.shape[k..=k],
            None => &t.shape[..],
        };
        let lengths: Vec<Affine> = lengths.iter().map(|n| self.lengths.resolve(n)).collect();
        let factors: Vec<Expr> = lengths.into_iter().map(|n| self.program.arena.integer(n)).collect();
        self.chain(Op::Mul, 1, &factors)
    }

    // ---- elements ----

    /// The tensor after `t[at] = e`.
    pub(super) fn set_element(&mut self, t: Tensor, at: &[Affine], e: Expr, span: Span) -> Eval<Tensor> {
        if at.len() != t.shape.len() {
            return self.fail(span, format!("{} positions for an array of rank {}", at.len(), t.shape.len()), "");
        }
        let at: Vec<Affine> = at.iter().map(|a| self.lengths.resolve(a)).collect();
        let known_at: Option<Vec<i64>> = at.iter().map(Affine::known).collect();
        let known_shape: Option<Vec<usize>> = t.shape.iter().map(|n| self.lengths.resolve(n).known().map(|n| n as usize)).collect();
        if let (Some(known_at), Some(shape)) = (&known_at, known_shape) {
            if known_at.iter().zip(&shape).any(|(a, n)| !(0..*n as i64).contains(a)) {
                return self.fail(span, format!("position {known_at:?} of an array of shape {shape:?}"), "");
            }
            if shape.iter().product::<usize>() <= MOST_ELEMENTS {
                let mut es = self.listed(&t, &shape);
                let flat = known_at.iter().zip(&shape).fold(0, |flat, (a, n)| flat * n + *a as usize);
                es[flat] = e;
                let shape = shape.iter().map(|n| Affine::from(*n as i64)).collect();
                return Ok(Tensor { shape, elements: Elements::List(es), library: t.library });
            }
        }
        let (indices, body) = self.each(&t);
        let mut here = None;
        for (i, a) in indices.iter().zip(&at) {
            let args = vec![self.program.arena.integer(Affine::from(*i)), self.program.arena.integer(a.clone())];
            let equal = self.program.arena.apply(Op::Eq, args);
            here = Some(match here {
                None => equal,
                Some(all) => self.program.arena.apply(Op::And, vec![all, equal]),
            });
        }
        let Some(here) = here else { return Ok(Tensor { elements: Elements::Each(Vec::new(), e), ..t }) };
        let body = self.program.arena.apply(Op::Select, vec![here, e, body]);
        Ok(self.tensor(indices, body, t.library))
    }

    pub(super) fn listed(&mut self, t: &Tensor, shape: &[usize]) -> Vec<Expr> {
        match &t.elements {
            Elements::List(es) => es.clone(),
            Elements::Each(..) => positions(shape)
                .map(|at| {
                    let at: Vec<Affine> = at.iter().map(|k| Affine::from(*k as i64)).collect();
                    self.element(t, &at)
                })
                .collect(),
        }
    }

    /// An ndarray from nested arrays of floats.
    pub(super) fn nested(&mut self, value: &Value, span: Span) -> Eval {
        let mut shape = Vec::new();
        let mut es = Vec::new();
        self.flatten(value, 0, &mut shape, &mut es, span)?;
        let count: i64 = shape.iter().filter_map(Affine::known).product();
        if count != es.len() as i64 {
            return self.fail(span, "the rows have different lengths", "");
        }
        Ok(Value::Tensor(Tensor { shape, elements: Elements::List(es), library: Library::Ndarray }))
    }

    /// An ndarray with the same element everywhere.
    pub(super) fn filled(&mut self, shape: &[Affine], e: Expr) -> Tensor {
        let indices = self.program.axes(shape);
        self.tensor(indices, e, Library::Ndarray)
    }

    /// The identity matrix.
    pub(super) fn identity(&mut self, n: &Affine) -> Tensor {
        let indices = self.program.axes(&[n.clone(), n.clone()]);
        let (i, j) = (Affine::from(indices[0]), Affine::from(indices[1]));
        let args = vec![self.program.arena.insert(Node::Integer(i)), self.program.arena.insert(Node::Integer(j))];
        let equal = self.program.arena.apply(Op::Eq, args);
        let (one, zero) = (self.program.arena.constant(1), self.program.arena.constant(0));
        let body = self.program.arena.apply(Op::Select, vec![equal, one, zero]);
        self.tensor(indices, body, Library::Ndarray)
    }
}
