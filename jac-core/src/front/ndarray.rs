//! Constructors and methods of ndarray that are more than an index pattern.

use super::body::{Eval, Reader};
use super::methods::Callable;
use super::streams::Source;
use super::value::{Elements, Library, Slice, Stream, Tensor, Value};
use crate::ir::{Affine, Expr, Index, Node};
use crate::ops::Op;
use proc_macro2::Span;
use syn::spanned::Spanned;

impl Reader<'_> {
    /// `Array2::zeros((m, n))` and its kin.
    pub(super) fn constructor(&mut self, name: &str, mut arguments: Vec<Value>, call: &syn::ExprCall) -> Eval {
        let span = call.args.span();
        let first = self.read_through(arguments.remove(0))?;
        match (name, first, arguments.first()) {
            ("from_diag", first, None) => {
                let v = match self.as_tensor(first, span)? {
                    Value::Tensor(v) if v.shape.len() == 1 => v,
                    _ => return self.fail(span, "expected an array of one axis", ""),
                };
                let n = v.shape[0].clone();
                let indices = self.program.axes(&[n.clone(), n]);
                let value = self.element(&v, &[Affine::from(indices[0])]);
                let body = self.where_equal(Affine::from(indices[0]), Affine::from(indices[1]), value);
                Ok(Value::Tensor(self.tensor(indices, body, Library::Ndarray)))
            }
            ("from_iter" | "from_vec", first, None) => match self.settled_source(first, span)? {
                Source::Open(stream) => {
                    let item = self.read_through(*stream.item)?;
                    let e = self.float(item, span)?;
                    Ok(Value::Tensor(self.tensor(stream.indices, e, Library::Ndarray)))
                }
                Source::Known(iter) => {
                    let items = self.collected(iter, span)?;
                    self.nested(&Value::Array(items), span)
                }
            },
            ("linspace", from, Some(_)) if arguments.len() == 2 => {
                let (from, to) = (self.float(from, span)?, self.float(arguments.remove(0), span)?);
                let n = match arguments.remove(0) {
                    Value::Int(n) => self.as_position(&n, span)?,
                    Value::Opaque(e) => self.opaque_integer(&e)?,
                    other => return self.fail(span, format!("expected an integer, found {}", other.kind()), ""),
                };
                let index = self.program.index(n.clone());
                let (i, last) = (self.program.arena.integer(Affine::from(index)), self.program.arena.integer(n.plus(&Affine::from(1), -1)));
                let width = self.folded(Op::Sub, vec![to, from]);
                let part = self.folded(Op::Mul, vec![i, width]);
                let part = self.folded(Op::Div, vec![part, last]);
                let body = self.folded(Op::Add, vec![from, part]);
                Ok(Value::Tensor(self.tensor(vec![index], body, Library::Ndarray)))
            }
            ("from_shape_fn", shape, Some(_)) => {
                let lengths = self.positions(&shape, span)?;
                let f = self.callable(&call.args[1])?;
                let indices = self.program.axes(&lengths);
                let at: Vec<Value> = indices.iter().map(|i| Value::position(*i)).collect();
                let at = if at.len() == 1 { at } else { vec![Value::Tuple(at)] };
                let value = self.invoke(&f, at, span)?;
                let body = self.float(value, span)?;
                Ok(Value::Tensor(self.tensor(indices, body, Library::Ndarray)))
            }
            ("eye", shape, None) => match self.positions(&shape, span)?.as_slice() {
                [n] => Ok(Value::Tensor(self.identity(n))),
                _ => self.fail(span, "`eye` takes one length", ""),
            },
            ("zeros" | "ones" | "default", shape, None) => {
                let lengths = self.positions(&shape, span)?;
                let fill = self.program.arena.constant(i64::from(name == "ones"));
                Ok(Value::Tensor(self.filled(&lengths, fill)))
            }
            ("from_elem", shape, Some(_)) => {
                let lengths = self.positions(&shape, span)?;
                let e = self.float(arguments.remove(0), span)?;
                Ok(Value::Tensor(self.filled(&lengths, e)))
            }
            _ => self.fail(span, format!("these are not the arguments of `{name}`"), ""),
        }
    }

    /// `e` where two positions are equal, else 0.
    fn where_equal(&mut self, a: Affine, b: Affine, e: Expr) -> Expr {
        let args = vec![self.program.arena.insert(Node::Integer(a)), self.program.arena.insert(Node::Integer(b))];
        let equal = self.program.arena.apply(Op::Eq, args);
        let zero = self.program.arena.constant(0);
        self.program.arena.apply(Op::Select, vec![equal, e, zero])
    }

    /// An array of floats as a tensor.
    pub(super) fn as_tensor(&mut self, value: Value, span: Span) -> Eval {
        match self.read_through(value)? {
            value @ Value::Array(_) => self.nested(&value, span),
            value => Ok(value),
        }
    }

    /// `stack` and `concatenate` along an axis.
    pub(super) fn joined(&mut self, name: &str, axis: usize, parts: Vec<Value>, span: Span) -> Eval {
        let mut tensors = Vec::new();
        for part in parts {
            match self.as_tensor(part, span)? {
                Value::Tensor(t) => tensors.push(t),
                other => return self.fail(span, format!("expected an ndarray, found {}", other.kind()), ""),
            }
        }
        let Some(first) = tensors.first().cloned() else { return self.fail(span, "there is nothing to join", "") };
        let stack = name == "stack";
        let rank = first.shape.len();
        if axis >= rank + usize::from(stack) || tensors.iter().any(|t| t.shape.len() != rank) {
            return self.fail(span, "the arrays have no such axis in common", "");
        }
        let mut total = Affine::default();
        let mut starts = Vec::new();
        for t in &tensors {
            for (k, (m, n)) in first.shape.iter().zip(&t.shape).enumerate() {
                if stack || k != axis {
                    self.equal_lengths(m, n, span)?;
                }
            }
            starts.push(total.clone());
            total = total.plus(&if stack { Affine::from(1) } else { t.shape[axis].clone() }, 1);
        }
        let mut shape = first.shape.clone();
        if stack {
            shape.insert(axis, total);
        } else {
            shape[axis] = total;
        }
        let indices = self.program.axes(&shape);
        let here = Affine::from(indices[axis]);
        let mut body = None;
        for (t, start) in tensors.iter().zip(starts).rev() {
            let mut at: Vec<Affine> = indices.iter().map(|i| Affine::from(*i)).collect();
            if stack {
                at.remove(axis);
            } else {
                at[axis] = here.plus(&start, -1);
            }
            let e = self.element(t, &at);
            body = Some(match body {
                None => e,
                Some(rest) => {
                    let end = start.plus(&if stack { Affine::from(1) } else { t.shape[axis].clone() }, 1);
                    let args = vec![self.program.arena.integer(here.clone()), self.program.arena.integer(end)];
                    let before = self.program.arena.apply(Op::Lt, args);
                    self.program.arena.apply(Op::Select, vec![before, e, rest])
                }
            });
        }
        let body = body.expect("there is a part");
        Ok(Value::Tensor(self.tensor(indices, body, Library::Ndarray)))
    }

    /// A method of an ndarray that is none of the index patterns; `None` if there is none of this name.
    pub(super) fn ndarray_method(&mut self, t: &Tensor, name: &str, call: &syn::ExprMethodCall, span: Span) -> Eval<Option<Value>> {
        let rank = t.shape.len();
        Ok(Some(match (name, call.args.len()) {
            ("map_axis" | "fold_axis", 2..) => {
                let axis = self.axis(&call.args[0])?;
                if axis >= rank || name == "fold_axis" {
                    return self.fail(span, format!("`{name}` over this axis is not supported"), "use `map_axis` over an axis there is");
                }
                let f = self.callable(&call.args[1])?;
                let others: Vec<Affine> = t.shape.iter().enumerate().filter(|(k, _)| *k != axis).map(|(_, n)| n.clone()).collect();
                let indices = self.program.axes(&others);
                let mut free = indices.iter();
                let whole = Slice::Range(Affine::from(0), None, 1);
                let slices: Vec<Slice> = (0..rank)
                    .map(|k| if k == axis { whole.clone() } else { Slice::At(free.next().map(|i| Affine::from(*i)).unwrap_or_default()) })
                    .collect();
                let lane = self.slice(t.clone(), &slices, span)?;
                let value = self.without_effect(span, |r| r.invoke(&f, vec![lane], span))?;
                let body = self.float(value, span)?;
                Value::Tensor(self.tensor(indices, body, Library::Ndarray))
            }
            ("var" | "std", 1) => {
                let less = self.expr(&call.args[0])?;
                let less = self.float(less, span)?;
                let count = self.count(t, None);
                let total = self.sum(t, None, span)?;
                let total = self.float(total, span)?;
                let mean = self.folded(Op::Div, vec![total, count]);
                let squares = self.map(Value::Tensor(t.clone()), span, &mut |r, e| {
                    let d = r.folded(Op::Sub, vec![e, mean]);
                    Ok(r.folded(Op::Mul, vec![d, d]))
                })?;
                let Value::Tensor(squares) = squares else { return Ok(None) };
                let sum = self.sum(&squares, None, span)?;
                let sum = self.float(sum, span)?;
                let freedom = self.folded(Op::Sub, vec![count, less]);
                let var = self.folded(Op::Div, vec![sum, freedom]);
                Value::Float(if name == "std" { self.folded(Op::Sqrt, vec![var]) } else { var })
            }
            ("permuted_axes", 1) => {
                let order = self.expr(&call.args[0])?;
                let order = self.positions(&order, span)?;
                let order: Option<Vec<usize>> = order.iter().map(|a| a.known().and_then(|k| usize::try_from(k).ok())).collect();
                match order {
                    Some(order) if (0..rank).all(|k| order.contains(&k)) && order.len() == rank => Value::Tensor(self.permuted(t, &order)),
                    _ => return self.fail(call.args.span(), "this is no order of the axes", ""),
                }
            }
            ("into_shape_with_order" | "to_shape" | "into_shape", 1) => {
                let shape = self.expr(&call.args[0])?;
                let shape = self.positions(&shape, span)?;
                Value::some(self.reshaped(t, &shape, span)?)
            }
            ("flatten", 0) | ("into_flat", 0) => {
                let count = t.shape.iter().map(|n| self.lengths.resolve(n).known()).product::<Option<i64>>();
                match count {
                    Some(n) => self.reshaped(t, &[Affine::from(n)], span)?,
                    None => return self.fail(span, "the lengths must be known", "fix them: `#[jacobian(shape(m = [2, 3]))]`"),
                }
            }
            ("raw_dim", 0) => Value::Tuple(t.shape.iter().map(|n| Value::position(n.clone())).collect()),
            ("len_of", 1) => {
                let axis = self.axis(&call.args[0])?;
                match t.shape.get(axis) {
                    Some(n) => Value::position(n.clone()),
                    None => return self.fail(span, format!("an array of rank {rank} has no such axis"), ""),
                }
            }
            ("is_empty", 0) if rank == 1 => {
                let (zero, n) = (Value::position(0), Value::position(t.shape[0].clone()));
                return self.apply(Op::Eq, n, zero, span).map(Some);
            }
            ("to_vec" | "as_slice" | "to_slice", 0) if rank == 1 => Value::Tensor(t.clone()),
            ("first" | "last", 0) if rank == 1 => {
                let at = if name == "first" { Affine::from(0) } else { t.shape[0].plus(&Affine::from(1), -1) };
                let there = self.is_filled(&t.shape[0]);
                let element = Value::Float(self.element(t, &[at]));
                Value::Option(there, Box::new(element))
            }
            _ => return Ok(None),
        }))
    }

    /// The elements in row-major order under another shape.
    fn reshaped(&mut self, t: &Tensor, shape: &[Affine], span: Span) -> Eval {
        let known = |r: &Self, shape: &[Affine]| shape.iter().map(|n| r.lengths.resolve(n).known()).collect::<Option<Vec<i64>>>();
        if let (Some(from), Some(to)) = (known(self, &t.shape), known(self, shape)) {
            if from.iter().product::<i64>() != to.iter().product::<i64>() {
                return self.fail(span, format!("{from:?} and {to:?} have different numbers of elements"), "");
            }
            let from: Vec<usize> = from.iter().map(|n| *n as usize).collect();
            let es = self.listed(t, &from);
            let shape = to.into_iter().map(Affine::from).collect();
            return Ok(Value::Tensor(Tensor { shape, elements: Elements::List(es), library: Library::Ndarray }));
        }
        // from one axis, the position is linear where the inner lengths are known
        if let ([_], Some(inner)) = (t.shape.as_slice(), known(self, shape.get(1..).unwrap_or_default())) {
            let indices: Vec<Index> = self.program.axes(shape);
            let mut at = Affine::from(indices[0]);
            for (i, n) in indices[1..].iter().zip(inner) {
                at = at.times(n).plus(&Affine::from(*i), 1);
            }
            let rows = shape.iter().skip(1).filter_map(Affine::known).product::<i64>();
            self.equal_lengths(&shape[0].times(rows), &t.shape[0].clone(), span)?;
            let body = self.element(t, &[at]);
            return Ok(Value::Tensor(self.tensor(indices, body, Library::Ndarray)));
        }
        self.fail(span, "reshaping needs known lengths", "fix them: `#[jacobian(shape(m = [2, 3]))]`")
    }

    /// `Zip::from(a).and(b)…`: the end of the chain.
    pub(super) fn zip_method(&mut self, mut parts: Vec<Value>, name: &str, call: &syn::ExprMethodCall, span: Span) -> Eval {
        match (name, call.args.len()) {
            ("and", 1) => {
                let next = self.expr(&call.args[0])?;
                parts.push(next);
                Ok(Value::Zip(parts))
            }
            ("map_collect" | "for_each", 1) => {
                let f = self.callable(&call.args[0])?;
                let stream = match self.together(parts, span)? {
                    Value::Stream(stream) => stream,
                    Value::Array(items) => {
                        let mut out = Vec::new();
                        for item in items {
                            let Value::Tuple(arguments) = item else { continue };
                            out.push(self.invoke(&f, arguments, span)?);
                        }
                        return if name == "for_each" { Ok(Value::unit()) } else { self.nested(&Value::Array(out), span) };
                    }
                    other => return Ok(other),
                };
                let call = |r: &mut Self, f: &Callable, item: Value| match item {
                    Value::Tuple(arguments) => r.invoke(f, arguments, span),
                    other => r.invoke(f, vec![other], span),
                };
                if name == "for_each" {
                    return self.open_loop(&stream, span, &mut |r, item| call(r, &f, item).map(drop));
                }
                let item = (*stream.item).clone();
                let value = self.without_effect(span, |r| call(r, &f, item))?;
                let body = self.float(value, span)?;
                Ok(Value::Tensor(self.tensor(stream.indices, body, Library::Ndarray)))
            }
            _ => self.fail(span, format!("`Zip` has no `{name}` here"), "`and`, `for_each` and `map_collect` are supported"),
        }
    }

    /// Several iterators side by side.
    fn together(&mut self, parts: Vec<Value>, span: Span) -> Eval {
        let mut streams: Vec<Stream> = Vec::new();
        let mut lists: Vec<Vec<Value>> = Vec::new();
        for part in parts {
            match self.settled_source(part, span)? {
                Source::Open(stream) => streams.push(stream),
                Source::Known(iter) => lists.push(self.collected(iter, span)?),
            }
        }
        if streams.is_empty() {
            let count = lists.iter().map(Vec::len).min().unwrap_or(0);
            let row = |k: usize| Value::Tuple(lists.iter().map(|l| l[k].clone()).collect());
            return Ok(Value::Array((0..count).map(row).collect()));
        }
        let indices = streams[0].indices.clone();
        if !lists.is_empty() || streams.iter().any(|s| s.indices.len() != indices.len()) {
            return self.fail(span, "these have different shapes", "give all of them the same shape");
        }
        let to: Vec<Affine> = indices.iter().map(|i| Affine::from(*i)).collect();
        let mut items = Vec::new();
        for s in &streams {
            for (i, j) in indices.iter().zip(&s.indices) {
                let (m, n) = (self.program.length(*i).clone(), self.program.length(*j).clone());
                self.equal_lengths(&m, &n, span)?;
            }
            items.push(self.moved(s, &to));
        }
        Ok(Value::Stream(Stream { indices, item: Box::new(Value::Tuple(items)), pending: Vec::new() }))
    }
}
