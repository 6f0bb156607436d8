//! Parameters and results: from Rust's types to tensors, and back.

use super::body::{Eval, Reader, Stop};
use super::integers::Int;
use super::value::{Elements, Library, Tensor, Truth, Value};
use crate::interface::{ParamKind, Ty};
use crate::ir::{self, Affine, Body, Definition, Expr, Node, Program, Role, Set, Symbol};
use proc_macro2::Span;

impl Reader<'_> {
    pub(super) fn param(&mut self, kind: &ParamKind, span: Span) -> Eval {
        Ok(match kind {
            ParamKind::Float(ty, tensor, _) | ParamKind::Out(ty, tensor) => {
                let shape = self.program.info(*tensor).shape.clone();
                let known: Option<Vec<usize>> = shape.iter().map(|n| self.short(n).map(|n| n as usize)).collect();
                match (ty, known) {
                    (Ty::Array(_), Some(known)) => {
                        let count = known.iter().try_fold(1, |count: i64, n| count.checked_mul(*n as i64));
                        self.written_out(count.unwrap_or(i64::MAX), span)?;
                        self.array_param(*tensor, &known, &mut Vec::new())
                    }
                    (Ty::Matrix(_), _) => self.matrix_param(*tensor),
                    (Ty::Scalar, _) => Value::Float(self.program.arena.insert(Node::Access(*tensor, Vec::new()))),
                    _ => Value::Tensor(self.whole(*tensor, if matches!(ty, Ty::Nd(_)) { Library::Ndarray } else { Library::Core })),
                }
            }
            ParamKind::Truth(tensor, _) => Value::Truth(Truth::Open(self.program.arena.insert(Node::Access(*tensor, Vec::new())))),
            ParamKind::Integer(size, _) => Value::Int(Int { at: Affine::from(*size), ty: None, cast: false }),
            ParamKind::Other => Value::Poison,
        })
    }

    fn array_param(&mut self, tensor: ir::Tensor, shape: &[usize], at: &mut Vec<Affine>) -> Value {
        if at.len() == shape.len() {
            return Value::Float(self.program.arena.insert(Node::Access(tensor, at.clone())));
        }
        let mut items = Vec::new();
        for k in 0..shape[at.len()] {
            at.push(Affine::from(k as i64));
            items.push(self.array_param(tensor, shape, at));
            at.pop();
        }
        Value::Array(items)
    }

    /// The tensor whose elements are those of a parameter or definition.
    pub(super) fn whole(&mut self, tensor: ir::Tensor, library: Library) -> Tensor {
        let shape = self.program.info(tensor).shape.clone();
        let indices = self.program.axes(&shape);
        let at = indices.iter().map(|i| Affine::from(*i)).collect();
        let body = self.program.arena.insert(Node::Access(tensor, at));
        Tensor { shape, elements: Elements::Each(indices, body), library }
    }

    pub(super) fn output(&mut self, name: &str, ty: &Ty, value: Value, span: Span) -> Eval<ir::Tensor> {
        let value = match (ty, self.read_through(value)?) {
            (Ty::Array(lengths), Value::Generator(f)) => {
                let length: syn::Expr = syn::parse2(lengths[0].clone()).unwrap_or_else(|_| syn::parse_quote!(0));
                self.generated(&f, &length)?
            }
            (_, value) => value,
        };
        match (ty, value.definite()) {
            (Ty::Scalar, Value::Float(e)) => Ok(self.program.define(name, Vec::new(), e)),
            (Ty::Scalar, Value::Opaque(e)) => {
                let e = self.opaque_float(&e)?;
                Ok(self.program.define(name, Vec::new(), e))
            }
            (Ty::Array(_) | Ty::Slice, value @ Value::Array(_)) => {
                let mut elements = Vec::new();
                let mut shape = Vec::new();
                self.flatten(&value, 0, &mut shape, &mut elements, span)?;
                let count: i64 = shape.iter().filter_map(Affine::known).product();
                if shape.len() != ty.rank() || count != elements.len() as i64 {
                    return self.fail(span, "the elements do not fill an array of the result's type", "");
                }
                Ok(self.define_elements(name, shape, elements))
            }
            (Ty::Matrix(m), Value::Tensor(t)) if t.library == Library::Nalgebra => {
                let t = if m.lengths.len() == 1 { self.as_column(&t) } else { t };
                let t = self.flexible_to_output(t);
                match &t.elements {
                    Elements::List(es) => Ok(self.define_elements(name, t.shape.clone(), es.clone())),
                    Elements::Each(..) => {
                        let (indices, e) = self.each(&t);
                        Ok(self.program.define(name, indices, e))
                    }
                }
            }
            (Ty::Array(_) | Ty::Nd(_) | Ty::Slice, Value::Tensor(t)) if t.shape.len() == ty.rank() => {
                let t = self.flexible_to_output(t);
                match &t.elements {
                    Elements::List(es) => Ok(self.define_elements(name, t.shape.clone(), es.clone())),
                    Elements::Each(indices, e) => match self.as_definition(indices, *e) {
                        Some(t) if !self.program.outputs.contains(&t) => Ok(t),
                        _ => {
                            // every definition has indices of its own
                            let (indices, e) = self.each(&t);
                            Ok(self.program.define(name, indices, e))
                        }
                    },
                }
            }
            (_, Value::Poison) => Err(Stop::Reported),
            (_, other) => self.fail(span, format!("cannot return {} here", other.kind()), ""),
        }
    }

    fn flexible_to_output(&mut self, t: Tensor) -> Tensor {
        Tensor { shape: t.shape.iter().map(|n| self.lengths.resolve(n)).collect(), ..t }
    }

    /// The definition that `body` merely reads, element for element.
    fn as_definition(&self, indices: &[ir::Index], body: Expr) -> Option<ir::Tensor> {
        match &self.program.arena[body] {
            Node::Access(t, at) if self.program.info(*t).role == Role::Defined => {
                // of a state all rounds are there, and one more
                let whole = |(i, n): (&ir::Index, &Affine)| self.lengths.resolve(self.program.length(*i)) == self.lengths.resolve(n);
                let same = at.len() == indices.len() && at.iter().zip(indices).all(|(a, i)| a.as_index() == Some(*i));
                (same && indices.iter().zip(&self.program.info(*t).shape).all(whole)).then_some(*t)
            }
            _ => None,
        }
    }

    pub(super) fn define_elements(&mut self, name: &str, shape: Vec<Affine>, elements: Vec<Expr>) -> ir::Tensor {
        let tensor = self.program.tensor(name, shape, Role::Defined);
        self.program.definitions.push(Definition { tensor, body: Body::Elements(elements) });
        tensor
    }

    pub(super) fn flatten(&mut self, value: &Value, depth: usize, shape: &mut Vec<Affine>, out: &mut Vec<Expr>, span: Span) -> Eval<()> {
        match value {
            Value::Float(e) => {
                out.push(*e);
                Ok(())
            }
            Value::Array(items) => {
                if shape.len() == depth {
                    shape.push(Affine::from(items.len() as i64));
                }
                items.iter().try_for_each(|item| self.flatten(item, depth + 1, shape, out, span))
            }
            Value::Opaque(e) => {
                let e = self.opaque_float(e)?;
                out.push(e);
                Ok(())
            }
            Value::Reference(place) => {
                let value = self.load(place, span)?;
                self.flatten(&value, depth, shape, out, span)
            }
            Value::Poison => Err(Stop::Reported),
            other => self.fail(span, format!("expected floats, found {}", other.kind()), ""),
        }
    }

    /// Whether a result needs the tensor.
    pub(super) fn reads(&self, tensor: ir::Tensor) -> bool {
        let mut program = self.program.clone();
        program.prune();
        program.arena.reachable(program.roots()).iter().any(|e| matches!(program.arena[*e], Node::Access(t, _) if t == tensor))
    }

    /// Puts the lengths that were found equal everywhere and names the rest.
    pub(super) fn finish(mut self) -> Program {
        let lengths = &self.lengths;
        let program = &mut self.program;
        for n in program.indices.iter_mut().chain(program.tensors.iter_mut().flat_map(|t| &mut t.shape)) {
            *n = lengths.resolve(n);
        }
        let resolve = |s: Symbol| match s {
            Symbol::Size(n) => Some(lengths.resolve(&Affine::from(n))),
            Symbol::Index(_) | Symbol::Bound(_) => None,
        };
        let roots: Vec<Expr> = program.roots().into_iter().map(|e| program.arena.substitute(e, &resolve)).collect();
        program.set_roots(&roots);
        program.settle_comparisons();
        let names = program.tensors.iter().map(|t| &t.name).chain(program.sizes.iter().map(|s| &s.name));
        let taken: Set<String> = names.cloned().collect();
        let mut free = (1..).map(|k| format!("t{k}")).filter(|n| !taken.contains(n));
        for tensor in program.tensors.iter_mut().filter(|t| t.name.starts_with("__")) {
            tensor.name = free.next().expect("some name is free");
        }
        let mut used: Vec<ir::Size> = Vec::new();
        for n in program.tensors.iter().flat_map(|t| &t.shape).chain(&program.indices) {
            used.extend(n.sizes());
        }
        for size in used {
            if program.sizes[size.0 as usize].name.is_empty() {
                let taken = |name: &str| program.sizes.iter().any(|s| s.name == name) || program.tensors.iter().any(|t| t.name == name);
                let letters = ["n", "m", "p", "q", "r", "s"].map(str::to_owned);
                let name = letters.into_iter().chain((1..).map(|k| format!("n{k}"))).find(|n| !taken(n)).expect("some name is free");
                program.sizes[size.0 as usize].name = name;
            }
        }
        program.prune();
        self.program
    }
}
