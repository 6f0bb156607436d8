//! Methods that change an array in place, and mutable views of parts of one.

use super::body::{Eval, Reader, Stop};
use super::methods::Callable;
use super::nalgebra::turbofish;
use super::value::{Elements, Library, Place, Slice, Tensor, Value};
use crate::ir::{positions, Affine, Expr};
use crate::ops::Op;
use proc_macro2::Span;
use syn::spanned::Spanned;

/// The methods that change their receiver.
pub(super) const CHANGING: [&str; 22] = [
    "assign",
    "clone_from",
    "copy_from_slice",
    "copy_from",
    "set_column",
    "set_row",
    "fill",
    "scaled_add",
    "mapv_inplace",
    "map_inplace",
    "add_assign",
    "sub_assign",
    "mul_assign",
    "div_assign",
    "swap",
    "push",
    "pop",
    "extend",
    "extend_from_slice",
    "clear",
    "iter_mut",
    "reverse",
];

/// A part of an array that can be assigned to.
pub(super) struct View {
    place: Place,
    slices: Vec<Slice>,
}

impl Reader<'_> {
    /// The view that an expression stands for: a place, or a mutable slice of one.
    pub(super) fn view(&mut self, e: &syn::Expr) -> Eval<View> {
        let call = match e {
            syn::Expr::MethodCall(call) => call,
            syn::Expr::Paren(p) => return self.view(&p.expr),
            syn::Expr::Unary(u) if matches!(u.op, syn::UnOp::Deref(_)) => return self.view(&u.expr),
            syn::Expr::Reference(r) => return self.view(&r.expr),
            e => return Ok(View { place: self.place(e)?, slices: Vec::new() }),
        };
        let name = call.method.to_string();
        let whole = || Slice::Range(Affine::from(0), None, 1);
        let slices = match (name.as_str(), call.args.len()) {
            ("slice_mut", 1) => match self.expr(&call.args[0])? {
                Value::Slices(slices) => slices,
                other => return self.fail(call.args[0].span(), format!("expected `s![…]`, found {}", other.kind()), ""),
            },
            ("row_mut" | "column_mut", 1) => {
                let at = self.integer(&call.args[0])?;
                let place = self.view(&call.receiver)?.place;
                // a row of nalgebra's is a matrix
                let is_matrix = self.holds_matrix(&place, call.method.span())?;
                let at = if is_matrix { Slice::Range(at.clone(), Some(at.after()), 1) } else { Slice::At(at) };
                if name == "row_mut" {
                    vec![at, whole()]
                } else {
                    vec![whole(), at]
                }
            }
            ("fixed_view_mut" | "fixed_slice_mut", 2) => {
                let mut slices = Vec::new();
                for k in 0..2 {
                    let from = self.integer(&call.args[k])?;
                    let Some(n) = turbofish(call, k) else {
                        return self.fail(call.method.span(), format!("`{name}` without its lengths"), "write them: `::<3, 3>`");
                    };
                    let n = self.array_length(&n)?;
                    slices.push(Slice::Range(from.clone(), Some(from.plus(&n, 1)), 1));
                }
                slices
            }
            ("rows_mut" | "fixed_rows_mut" | "columns_mut" | "fixed_columns_mut", 1..=2) => {
                let from = self.integer(&call.args[0])?;
                let n = match (turbofish(call, 0), call.args.get(1)) {
                    (Some(n), _) => self.array_length(&n)?,
                    (None, Some(n)) => self.integer(n)?,
                    (None, None) => return self.fail(call.method.span(), format!("`{name}` without a number"), ""),
                };
                let part = Slice::Range(from.clone(), Some(from.plus(&n, 1)), 1);
                if name.contains("rows") {
                    vec![part, whole()]
                } else {
                    vec![whole(), part]
                }
            }
            ("index_axis_mut", 2) => {
                let axis = self.axis(&call.args[0])?;
                let mut slices = vec![whole(); axis];
                slices.push(Slice::At(self.integer(&call.args[1])?));
                slices
            }
            _ => return Ok(View { place: self.place(e)?, slices: Vec::new() }),
        };
        let outer = self.view(&call.receiver)?;
        if !outer.slices.is_empty() {
            return self.fail(call.method.span(), "a view of a view is not supported", "slice once");
        }
        Ok(View { place: outer.place, slices })
    }

    /// A method that changes its receiver.
    pub(super) fn changing_method(&mut self, name: &str, call: &syn::ExprMethodCall, span: Span) -> Eval {
        let view = self.view(&call.receiver)?;
        if name == "iter_mut" && view.slices.is_empty() {
            return self.references(&view.place, span);
        }
        let mut arguments = self.arguments(&call.args)?;
        for a in &mut arguments {
            *a = self.read_through(std::mem::replace(a, Value::Poison))?;
        }
        let mut arguments = arguments.into_iter();
        let current = match view.place.path.is_empty() {
            // not copied: it is put back below
            true => std::mem::replace(&mut self.slots[view.place.slot], Value::Poison),
            false => self.load(&view.place, span)?,
        };
        let mut result = Value::unit();
        let value = match (name, arguments.next(), arguments.next(), current) {
            ("push", Some(item), None, Value::Array(mut items)) => {
                items.push(item);
                Value::Array(items)
            }
            ("push", Some(item), None, Value::Growing(mut items)) => {
                items.push(item);
                Value::Growing(items)
            }
            ("pop", None, None, Value::Array(mut items)) => {
                result = items.pop().map_or_else(Value::none, Value::some);
                Value::Array(items)
            }
            ("clear", None, None, Value::Array(_)) => Value::Array(Vec::new()),
            ("extend" | "extend_from_slice", Some(more), None, Value::Array(mut items)) => {
                let more = self.iter(more, span)?;
                items.extend(self.collected(more, span)?);
                Value::Array(items)
            }
            ("swap", Some(Value::Int(i)), Some(Value::Int(j)), Value::Array(mut items)) => {
                let (i, j) = (self.as_position(&i, span)?, self.as_position(&j, span)?);
                let (i, j) = (self.position(&[i], items.len(), span)?, self.position(&[j], items.len(), span)?);
                items.swap(i, j);
                Value::Array(items)
            }
            ("reverse", None, None, Value::Array(mut items)) => {
                items.reverse();
                Value::Array(items)
            }
            ("fill", Some(value), None, Value::Array(items)) => Value::Array(vec![value; items.len()]),
            ("clone_from" | "copy_from_slice", Some(value), None, _) if view.slices.is_empty() => value,
            ("push", Some(item), None, Value::Tensor(t)) if t.library == Library::Nalgebra => {
                // a longer vector, and this one stays
                let pushed = self.matrix_pushed(&t, item, span)?;
                result = pushed;
                Value::Tensor(t)
            }
            ("set_column" | "set_row", Some(Value::Int(k)), Some(v), Value::Tensor(t)) => {
                let k = self.as_position(&k, span)?;
                let part = Slice::Range(k.clone(), Some(k.after()), 1);
                let whole = Slice::Range(Affine::from(0), None, 1);
                let slices = if name == "set_row" { [part, whole] } else { [whole, part] };
                Value::Tensor(self.set_view(t, &slices, v, &mut |_, _, new| Ok(new), span)?)
            }
            (name, first, second, Value::Tensor(t)) => {
                let set = |r: &mut Self, f: &mut dyn FnMut(&mut Self, Expr, Expr) -> Eval<Expr>, v: Value| {
                    r.set_view(t.clone(), &view.slices, v, f, span).map(Value::Tensor)
                };
                match (name, first, second) {
                    ("assign" | "fill" | "copy_from_slice" | "copy_from", Some(v), None) => set(self, &mut |_, _, new| Ok(new), v)?,
                    ("scaled_add", Some(k), Some(v)) => {
                        let k = self.float(k, span)?;
                        set(
                            self,
                            &mut |r, old, new| {
                                let scaled = r.folded(Op::Mul, vec![k, new]);
                                Ok(r.folded(Op::Add, vec![old, scaled]))
                            },
                            v,
                        )?
                    }
                    ("mapv_inplace" | "map_inplace", Some(Value::Closure(f)), None) => {
                        let nothing = Value::Float(self.program.arena.constant(0));
                        let by_reference = name == "map_inplace";
                        set(
                            self,
                            &mut |r, old, _| {
                                if !by_reference {
                                    let value = r.invoke(&Callable::Closure(f.clone()), vec![Value::Float(old)], span)?;
                                    return r.float(value, span);
                                }
                                let slot = r.hidden(Value::Float(old));
                                let reference = Value::Reference(Place { slot, path: Vec::new() });
                                r.invoke(&Callable::Closure(f.clone()), vec![reference], span)?;
                                let value = r.hidden_value(slot);
                                r.float(value, span)
                            },
                            nothing,
                        )?
                    }
                    (_, Some(v), None) if name.ends_with("_assign") => {
                        let op = Op::named(name.trim_end_matches("_assign")).expect("an operator");
                        set(self, &mut |r, old, new| Ok(r.folded(op, vec![old, new])), v)?
                    }
                    _ => return self.fail(span, format!("these are not the arguments of `{name}`"), ""),
                }
            }
            (.., Value::Poison) => return Err(Stop::Reported),
            (.., other) => return self.fail(span, format!("no method named `{name}` for {}", other.kind()), ""),
        };
        self.store(&view.place, value, span)?;
        Ok(result)
    }

    /// Puts a value into a place, or into a part of an array there.
    pub(super) fn assign_view(&mut self, view: View, value: Value, span: Span) -> Eval<()> {
        if view.slices.is_empty() {
            return self.store(&view.place, value, span);
        }
        match self.load(&view.place, span)? {
            Value::Tensor(t) => {
                let t = self.set_view(t, &view.slices, value, &mut |_, _, new| Ok(new), span)?;
                self.store(&view.place, Value::Tensor(t), span)
            }
            other => self.fail(span, format!("cannot assign to a part of {}", other.kind()), ""),
        }
    }

    /// The tensor with other elements in a part of it: `f(old, new)`, `new` from `value`, which is
    /// repeated as ndarray does.
    fn set_view(
        &mut self,
        t: Tensor,
        slices: &[Slice],
        value: Value,
        f: &mut dyn FnMut(&mut Self, Expr, Expr) -> Eval<Expr>,
        span: Span,
    ) -> Eval<Tensor> {
        let mut slices = slices.to_vec();
        while slices.len() < t.shape.len() {
            slices.push(Slice::Range(Affine::from(0), None, 1));
        }
        // where the part begins, and its length where an axis stays
        let mut part: Vec<(Affine, Option<Affine>)> = Vec::new();
        for (slice, n) in slices.iter().zip(&t.shape) {
            let n = self.lengths.resolve(n);
            let from_end = |a: &Affine| if a.known().is_some_and(|k| k < 0) { n.plus(a, 1) } else { a.clone() };
            part.push(match slice {
                Slice::At(a) => (from_end(a), None),
                Slice::Range(from, to, 1) => {
                    let from = from_end(from);
                    let to = to.as_ref().map_or_else(|| n.clone(), from_end);
                    let count = self.lengths.resolve(&to.plus(&from, -1));
                    (from, Some(count))
                }
                _ => return self.fail(span, "this slice cannot be assigned to", "step by 1, without new axes"),
            });
        }
        let lengths: Vec<Affine> = part.iter().filter_map(|(_, n)| n.clone()).collect();
        let value = match value {
            Value::Tensor(v) => {
                if v.shape.len() > lengths.len() {
                    let (given, here) = (v.shape.len(), lengths.len());
                    return self.fail(span, format!("an array of {given} dimensions does not fit into {here}"), "");
                }
                for (m, n) in v.shape.iter().rev().zip(lengths.iter().rev()) {
                    if self.lengths.resolve(m).known() != Some(1) {
                        self.equal_lengths(n, m, span)?;
                    }
                }
                Value::Tensor(v)
            }
            value => Value::Float(self.float(value, span)?),
        };
        let new_at = |r: &mut Self, at: &[Affine]| match &value {
            Value::Tensor(v) => {
                let inside: Vec<Affine> = at.iter().zip(&part).filter_map(|(a, (from, n))| n.as_ref().map(|_| a.plus(from, -1))).collect();
                let own = &inside[inside.len().saturating_sub(v.shape.len())..];
                let own: Vec<Affine> = own
                    .iter()
                    .zip(&v.shape)
                    .map(|(a, n)| if r.lengths.resolve(n).known() == Some(1) { Affine::from(0) } else { a.clone() })
                    .collect();
                let v = v.clone();
                r.element(&v, &own)
            }
            Value::Float(e) => *e,
            _ => unreachable!("the value is a tensor or a float"),
        };
        if let Elements::List(es) = &t.elements {
            let shape = crate::ir::lengths(&t.shape);
            let known = |a: &Affine| a.known();
            if part.iter().all(|(from, n)| from.known().is_some() && n.as_ref().is_none_or(|n| n.known().is_some())) {
                let mut out = Vec::new();
                for (at, old) in positions(&shape).zip(es.clone()) {
                    let inside = at.iter().zip(&part).all(|(k, (from, n))| {
                        let from = known(from).unwrap_or(0);
                        let count = n.as_ref().map_or(1, |n| known(n).unwrap_or(0));
                        (from..from + count).contains(&(*k as i64))
                    });
                    let at: Vec<Affine> = at.iter().map(|k| Affine::from(*k as i64)).collect();
                    out.push(if inside {
                        let new = new_at(self, &at);
                        f(self, old, new)?
                    } else {
                        old
                    });
                }
                return Ok(Tensor { elements: Elements::List(out), ..t });
            }
        }
        let (indices, old) = self.each(&t);
        let at: Vec<Affine> = indices.iter().map(|i| Affine::from(*i)).collect();
        let new = new_at(self, &at);
        let new = self.without_effect(span, |r| f(r, old, new))?;
        let mut guard: Option<Expr> = None;
        for ((i, (from, n)), length) in indices.iter().zip(&part).zip(&t.shape) {
            let here = self.program.arena.integer(Affine::from(*i));
            let first = self.program.arena.integer(from.clone());
            let mut conditions = Vec::new();
            match n {
                None => conditions.push((Op::Eq, here, first)),
                Some(n) => {
                    if from.known() != Some(0) {
                        conditions.push((Op::Le, first, here));
                    }
                    let end = from.plus(n, 1);
                    if self.lengths.resolve(&end) != self.lengths.resolve(length) {
                        let end = self.program.arena.integer(end);
                        conditions.push((Op::Lt, here, end));
                    }
                }
            }
            for (op, a, b) in conditions {
                let c = self.program.arena.apply(op, vec![a, b]);
                guard = Some(match guard {
                    None => c,
                    Some(g) => self.program.arena.apply(Op::And, vec![g, c]),
                });
            }
        }
        let body = match guard {
            None => new,
            Some(c) => self.program.arena.apply(Op::Select, vec![c, new, old]),
        };
        let shape = t.shape.clone();
        Ok(Tensor { shape, elements: Elements::Each(indices, body), library: t.library })
    }
}
