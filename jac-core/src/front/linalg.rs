//! Calls of `linalg::inv` and its kin.

use super::body::{Eval, Reader};
use super::value::{Elements, Library, Tensor, Value};
use crate::ir::{self, Affine, Map, Node};
use crate::ops::{Intrinsic, Op, MOST_ROWS};
use proc_macro2::Span;
use syn::spanned::Spanned;

/// The intrinsics that functions of `jac_runtime::linalg` are; those of a transpose are the derivatives'
/// own.
pub(super) fn intrinsics() -> impl Iterator<Item = Intrinsic> {
    Intrinsic::ALL.iter().copied().filter(|f| f.entry().of_symmetric.is_none())
}

/// Whether `jac_runtime::linalg` has a function of that name.
pub(super) fn is_function(name: &str) -> bool {
    matches!(name, "trace" | "norm") || intrinsics().any(|f| f.entry().method.1 == name)
}

impl Reader<'_> {
    /// The function `name` of the module that `path` begins with.
    pub(super) fn linalg(&mut self, name: &str, arguments: Vec<Value>, path: &syn::ExprPath) -> Eval {
        let span = path.span();
        if self.types.generic.is_some() {
            return self.fail(span, "linear algebra over a type parameter", "write `f64` or `f32`");
        }
        let module = super::types::without_last(&path.path);
        if !self.modules.contains(&module) {
            self.modules.push(module);
        }
        let mut tensors = Vec::new();
        for argument in arguments {
            match self.as_tensor(argument, span)? {
                Value::Tensor(t) if t.library == Library::Ndarray => tensors.push(t),
                other => return self.fail(span, format!("expected an ndarray, found {}", other.kind()), ""),
            }
        }
        let ranks: Vec<usize> = tensors.iter().map(|t| t.shape.len()).collect();
        let takes = |f: &Intrinsic| f.entry().arguments.iter().map(|axes| axes.len()).eq(ranks.iter().copied());
        let found = intrinsics().find(|f| f.entry().method.1 == name && takes(f));
        let f = match (name, ranks.as_slice(), found) {
            ("norm", [_], _) => {
                let squares = self.map(Value::Tensor(tensors.remove(0)), span, &mut |r, e| Ok(r.folded(Op::Mul, vec![e, e])))?;
                let Value::Tensor(squares) = squares else { return Ok(squares) };
                let sum = self.sum(&squares, None, span)?;
                return self.elementwise(Op::Sqrt, sum, span);
            }
            ("trace", [2], _) => {
                let Value::Tensor(diagonal) = self.diagonal(&tensors[0], span)? else { return Ok(Value::Poison) };
                return self.sum(&diagonal, None, span);
            }
            (_, _, Some(f)) => f,
            _ => return self.fail(span, format!("`{name}` of arrays of rank {ranks:?}"), "a matrix has rank 2, a right side 1 or 2"),
        };
        let mut lengths: Map<&str, Affine> = Map::default();
        for (n, name) in tensors.iter().flat_map(|t| t.shape.clone()).zip(f.entry().arguments.iter().copied().flatten()) {
            match lengths.get(name).cloned() {
                Some(known) => self.equal_lengths(&known, &n, span)?,
                None => _ = lengths.insert(name, n),
            }
        }
        let order = self.lengths.resolve(&tensors[0].shape[0]).known();
        if let Some(n @ 1..) = order.filter(|n| f.entry().natural && *n <= MOST_ROWS as i64) {
            let elements = self.listed(&tensors[0], &[n as usize; 2]);
            let made = self.program.arena.intrinsic(f, &elements, &[], n as usize);
            return Ok(match made.as_slice() {
                [e] if f.entry().result.is_empty() => Value::Float(*e),
                _ => Value::Tensor(Tensor { shape: vec![Affine::from(n); 2], elements: Elements::List(made), library: Library::Ndarray }),
            });
        }
        let arguments = tensors.iter().map(|t| self.stored(t, span)).collect::<Eval<Vec<ir::Tensor>>>()?;
        let tensor = self.program.intrinsic("__t", f, arguments);
        Ok(match f.entry().result {
            [] => Value::Float(self.program.arena.insert(Node::Access(tensor, Vec::new()))),
            _ => Value::Tensor(self.whole(tensor, Library::Ndarray)),
        })
    }

    /// The parameter or definition that an array is.
    fn stored(&mut self, t: &Tensor, span: Span) -> Eval<ir::Tensor> {
        if let Elements::Each(indices, body) = &t.elements {
            let (indices, body) = (indices.clone(), *body);
            if !self.program.arena.free_indices(body).iter().all(|i| indices.contains(i)) {
                return self.fail(
                    span,
                    "linear algebra on a matrix that changes in a loop over a run-time length",
                    "move it out of the loop",
                );
            }
            if let Node::Access(tensor, at) = &self.program.arena[body] {
                let same = at.iter().map(Affine::as_index).eq(indices.iter().map(|i| Some(*i)));
                let shape = |r: &Self, shape: &[Affine]| shape.iter().map(|n| r.lengths.resolve(n)).collect::<Vec<_>>();
                if same && shape(self, &t.shape) == shape(self, &self.program.info(*tensor).shape) {
                    return Ok(*tensor);
                }
            }
        }
        if let Elements::List(es) = &t.elements {
            return Ok(self.define_elements("__t", t.shape.clone(), es.clone()));
        }
        let (indices, body) = self.each(t);
        Ok(self.program.define("__t", indices, body))
    }
}
