//! nalgebra: types, constructors and methods of vectors, matrices and points.
//!
//! All are tensors of two axes; a vector or point has one column. Single positions count down the columns, as in nalgebra.

use super::body::{Eval, Reader};
use super::floats::in_float_type;
use super::types::{without_last, Seen};
use super::value::{Elements, Library, Place, Slice, Stream, Tensor, Truth, Value};
use crate::interface::{Matrix, Ty};
use crate::ir::{positions, Affine, Expr, Index};
use crate::ops::{Intrinsic, Op, MOST_ROWS};
use proc_macro2::{Span, TokenStream};
use quote::{quote, ToTokens};
use std::rc::Rc;
use syn::spanned::Spanned;

/// The constructors that are read.
pub(super) const CONSTRUCTORS: [&str; 18] = [
    "new",
    "zeros",
    "identity",
    "origin",
    "from_element",
    "repeat",
    "from_row_slice",
    "from_column_slice",
    "from_slice",
    "from_vec",
    "from_iterator",
    "from_fn",
    "from_diagonal",
    "from_diagonal_element",
    "from_rows",
    "from_columns",
    "from",
    "x",
];

/// The methods that are read.
pub(super) const METHODS: [&str; 62] = [
    "len",
    "nrows",
    "ncols",
    "shape",
    "is_empty",
    "dot",
    "tr_dot",
    "cross",
    "norm",
    "magnitude",
    "norm_squared",
    "magnitude_squared",
    "normalize",
    "into_scalar",
    "transpose",
    "adjoint",
    "tr_mul",
    "determinant",
    "trace",
    "try_inverse",
    "component_mul",
    "component_div",
    "map",
    "zip_map",
    "fold",
    "iter",
    "sum",
    "mean",
    "row",
    "column",
    "rows",
    "columns",
    "fixed_rows",
    "fixed_columns",
    "fixed_view",
    "fixed_slice",
    "view",
    "slice",
    "diagonal",
    "cross_matrix",
    "scale",
    "unscale",
    "abs",
    "push",
    "xy",
    "xyz",
    "kronecker",
    "metric_distance",
    "lerp",
    "add",
    "sub",
    "mul",
    "neg",
    "as_slice",
    "clone_owned",
    "max",
    "min",
    "amax",
    "set_column",
    "set_row",
    "copy_from",
    "fill",
];

/// The vector, matrix or point that a path names, if nalgebra has such a type: its arguments stand behind the float type.
pub(super) fn type_of(path: &syn::Path, library: &TokenStream, length: &dyn Fn(&syn::Expr) -> TokenStream) -> Option<Matrix> {
    let last = path.segments.last()?;
    let name = last.ident.to_string();
    // nalgebra-glm puts a `T` in front
    let name = name.strip_prefix('T').filter(|rest| rest.starts_with("Vec") || rest.starts_with("Mat")).unwrap_or(&name);
    let arguments: Vec<syn::GenericArgument> = match &last.arguments {
        syn::PathArguments::AngleBracketed(all) => {
            all.args.iter().filter(|a| !matches!(a, syn::GenericArgument::Lifetime(_))).cloned().collect()
        }
        _ => Vec::new(),
    };
    let argument = |k: usize| arguments.get(k).map(|a| dimension(a, length));
    let number = |text: &str| {
        let n = text.parse::<usize>().ok().filter(|n| (1..=6).contains(n))?;
        let n = proc_macro2::Literal::usize_unsuffixed(n);
        Some(Some(quote!(#n)))
    };
    let one = || Some(quote!(1));
    let make = |lengths: Vec<Option<TokenStream>>, is_point: bool| Matrix { library: library.clone(), lengths, is_point };
    Some(match name {
        "DVector" => make(vec![None], false),
        "DMatrix" => make(vec![None, None], false),
        "RowDVector" => make(vec![one(), None], false),
        "SVector" | "OVector" | "Vec" => make(vec![argument(1)?], false),
        "RowSVector" => make(vec![one(), argument(1)?], false),
        "SMatrix" | "OMatrix" | "Mat" => make(vec![argument(1)?, argument(2)?], false),
        "OPoint" | "Point" => make(vec![argument(1)?], true),
        _ => {
            let (lengths, is_point) = if let Some(n) = name.strip_prefix("RowVector") {
                (vec![one(), number(n)?], false)
            } else if let Some(n) = name.strip_prefix("Vector").or_else(|| name.strip_prefix("Vec")) {
                (vec![number(n)?], false)
            } else if let Some(n) = name.strip_prefix("Point") {
                (vec![number(n)?], true)
            } else {
                let both = name.strip_prefix("Matrix").or_else(|| name.strip_prefix("Mat"))?;
                match both.split_once('x') {
                    Some((r, c)) => (vec![number(r)?, number(c)?], false),
                    None => (vec![number(both)?, number(both)?], false),
                }
            };
            make(lengths, is_point)
        }
    })
}

/// A length in the arguments of a type; none if it is known only at run time.
fn dimension(argument: &syn::GenericArgument, length: &dyn Fn(&syn::Expr) -> TokenStream) -> Option<TokenStream> {
    match argument {
        syn::GenericArgument::Const(e) => Some(length(e)),
        syn::GenericArgument::Type(syn::Type::Path(p)) => {
            let last = p.path.segments.last()?;
            let name = last.ident.to_string();
            if let Some(n) = numbered(&name) {
                return Some(quote!(#n));
            }
            match name.as_str() {
                "Dyn" | "Dynamic" => None,
                "Const" => match &last.arguments {
                    syn::PathArguments::AngleBracketed(all) => dimension(all.args.first()?, length),
                    _ => None,
                },
                _ => Some(length(&syn::Expr::Path(syn::ExprPath { attrs: Vec::new(), qself: None, path: p.path.clone() }))),
            }
        }
        _ => None,
    }
}

/// The number that the name of a type is: `U3`, of older versions.
fn numbered(name: &str) -> Option<proc_macro2::Literal> {
    name.strip_prefix('U')?.parse().ok().map(proc_macro2::Literal::usize_unsuffixed)
}

/// Whether a crate is nalgebra, by the names it is given.
pub(super) fn is_library(name: &str) -> bool {
    name.contains("nalgebra") || name == "na"
}

/// The library that a path leads to, if its types are nalgebra's: as the annotated function may write it.
pub(super) fn library(path: &syn::Path, found: Option<&[String]>) -> Option<TokenStream> {
    let prefix = without_last(path);
    let written = prefix.segments.iter().any(|s| is_library(&s.ident.to_string()));
    match found {
        // an import, or a path from another crate
        Some(names) => {
            let end = names.iter().position(|name| is_library(name))?;
            if written {
                return Some(prefix.to_token_stream());
            }
            let names = names[..=end].iter().map(|n| syn::Ident::new(n, Span::call_site()));
            Some(quote!(#(::#names)*))
        }
        None if written => Some(prefix.to_token_stream()),
        // by a glob, or nobody knows
        None if prefix.segments.is_empty() => Some(quote!(::nalgebra)),
        None => None,
    }
}

/// The position of a named coordinate.
pub(super) fn coordinate(name: &str) -> Option<i64> {
    ["x", "y", "z", "w", "a", "b"].iter().position(|n| *n == name).map(|k| k as i64)
}

impl Reader<'_> {
    /// A matrix of these elements, row-major.
    fn matrix(rows: usize, columns: usize, es: Vec<Expr>) -> Value {
        let shape = vec![Affine::from(rows as i64), Affine::from(columns as i64)];
        Value::Tensor(Tensor { shape, elements: Elements::List(es), library: Library::Nalgebra })
    }

    /// The lengths of a tensor, if they are known.
    fn known_shape(&self, t: &Tensor) -> Option<[usize; 2]> {
        let known = |k: usize| self.lengths.resolve(t.shape.get(k)?).known().and_then(|n| usize::try_from(n).ok());
        Some([known(0)?, known(1)?])
    }

    /// A parameter or constant of one or two axes as a matrix.
    pub(super) fn matrix_param(&mut self, tensor: crate::ir::Tensor) -> Value {
        let t = self.whole(tensor, Library::Nalgebra);
        let t = self.as_matrix(t);
        self.shortened(t)
    }

    /// A tensor of one axis as a column.
    fn as_matrix(&mut self, t: Tensor) -> Tensor {
        if t.shape.len() != 1 {
            return Tensor { library: Library::Nalgebra, ..t };
        }
        if let Elements::List(es) = t.elements {
            return Tensor { shape: vec![t.shape[0].clone(), Affine::from(1)], elements: Elements::List(es), library: Library::Nalgebra };
        }
        let indices = self.program.axes(&[t.shape[0].clone(), Affine::from(1)]);
        let e = self.element(&t, &[Affine::from(indices[0])]);
        self.tensor(indices, e, Library::Nalgebra)
    }

    /// A column as a tensor of one axis.
    pub(super) fn as_column(&mut self, t: &Tensor) -> Tensor {
        if let Elements::List(es) = &t.elements {
            let n = es.len() as i64;
            return Tensor { shape: vec![Affine::from(n)], elements: Elements::List(es.clone()), library: Library::Nalgebra };
        }
        let is_row = self.lengths.resolve(&t.shape[0]).known() == Some(1);
        let length = t.shape[usize::from(is_row)].clone();
        let i = self.program.index(length);
        let at = if is_row { [Affine::from(0), Affine::from(i)] } else { [Affine::from(i), Affine::from(0)] };
        let e = self.element(t, &at);
        self.tensor(vec![i], e, Library::Nalgebra)
    }

    /// Positions in a matrix: a single one counts down the columns.
    pub(super) fn matrix_positions(&mut self, t: &Tensor, at: &[Affine], span: Span) -> Eval<Vec<Affine>> {
        let [k] = at else { return Ok(at.to_vec()) };
        let known = |r: &Self, axis: usize| r.lengths.resolve(&t.shape[axis]).known();
        match (known(self, 0), known(self, 1), self.lengths.resolve(k).known()) {
            (_, Some(1), _) => Ok(vec![k.clone(), Affine::from(0)]),
            (Some(1), _, _) => Ok(vec![Affine::from(0), k.clone()]),
            (Some(rows @ 1..), _, Some(k)) => Ok(vec![Affine::from(k % rows), Affine::from(k / rows)]),
            _ => self.fail(span, "a single position in a matrix whose rows are not known", "write both: `m[(i, j)]`"),
        }
    }

    /// The value of a field: a coordinate, an element `m12`, the coordinates of a point.
    pub(super) fn matrix_field(&mut self, t: Tensor, name: &str, span: Span) -> Eval {
        if name == "coords" {
            return Ok(Value::Tensor(t));
        }
        let Some(at) = self.field_position(&t, name) else {
            return self.no_method(name, "a matrix", METHODS, span);
        };
        self.element_of(Value::Tensor(t), &at, span)
    }

    /// Where a named element is.
    pub(super) fn field_position(&self, t: &Tensor, name: &str) -> Option<Vec<Affine>> {
        let is_row = self.lengths.resolve(&t.shape[0]).known() == Some(1);
        let at = match coordinate(name) {
            Some(k) if is_row => [0, k],
            Some(k) => [k, 0],
            None => {
                let digits: Vec<i64> = name.strip_prefix('m')?.chars().map(|c| c.to_digit(10).map(i64::from)).collect::<Option<_>>()?;
                let [r, c] = digits.as_slice() else { return None };
                [r - 1, c - 1]
            }
        };
        Some(at.into_iter().map(Affine::from).collect())
    }

    /// The product of two matrices.
    pub(super) fn matrix_product(&mut self, a: Tensor, b: Tensor, span: Span) -> Eval {
        self.equal_lengths(&a.shape[1], &b.shape[0], span)?;
        if let (Some([rows, inner]), Some([_, columns])) = (self.known_shape(&a), self.known_shape(&b)) {
            if rows * columns * inner <= super::limits::MOST_ELEMENTS {
                self.spend(rows * columns * inner, span)?;
                let (x, y) = (self.listed(&a, &[rows, inner]), self.listed(&b, &[inner, columns]));
                let mut es = Vec::new();
                for at in positions(&[rows, columns]) {
                    let terms: Vec<Expr> =
                        (0..inner).map(|k| self.program.arena.mul(x[at[0] * inner + k], y[k * columns + at[1]])).collect();
                    es.push(self.total(&terms));
                }
                return Ok(Self::matrix(rows, columns, es));
            }
        }
        self.dot(a, b, span)
    }

    /// The sum of some terms, of which zeros are none.
    fn total(&mut self, terms: &[Expr]) -> Expr {
        let Some((first, rest)) = terms.split_first() else { return self.program.arena.constant(0) };
        rest.iter().fold(*first, |sum, e| self.program.arena.add(sum, *e))
    }

    /// A macro of nalgebra: `vector![…]`, `matrix![a, b; c, d]` and their kin.
    pub(super) fn matrix_macro(&mut self, mac: &syn::Macro) -> Eval {
        let rows: Vec<TokenStream> = split(&mac.tokens, ';');
        let mut es: Vec<Vec<Expr>> = Vec::new();
        for row in rows.iter().filter(|row| !row.is_empty()) {
            let items = syn::parse::Parser::parse2(syn::punctuated::Punctuated::<syn::Expr, syn::Token![,]>::parse_terminated, row.clone());
            let items = self.parsed(items)?;
            es.push(items.iter().map(|e| self.expr(e).and_then(|v| self.float(v, e.span()))).collect::<Eval<_>>()?);
        }
        let is_matrix = mac.path.segments.last().is_some_and(|s| s.ident.to_string().ends_with("matrix"));
        let columns = es.first().map_or(0, Vec::len);
        if es.iter().any(|row| row.len() != columns) {
            return self.fail(mac.path.span(), "the rows have different lengths", "");
        }
        let rows = if is_matrix { es.len() } else { columns };
        Ok(Self::matrix(rows, if is_matrix { columns } else { 1 }, es.concat()))
    }

    /// A function of nalgebra: one of a type, a distance, a unit vector, a conversion between float types.
    pub(super) fn matrix_call(
        &mut self,
        call: &syn::ExprCall,
        path: &syn::Path,
        arguments: &[Value],
        expected: Option<&syn::Type>,
    ) -> Eval<Option<Value>> {
        let segments: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        let Some((name, owners)) = segments.split_last() else { return Ok(None) };
        let (owner, span) = (owners.last().map_or("", String::as_str), call.func.span());
        if let Some(ty) = self.matrix_owner(path, expected) {
            return self.matrix_function(&ty, name, arguments.to_vec(), call).map(Some);
        }
        let is_matrix = matches!(arguments, [Value::Tensor(t), ..] if t.library == Library::Nalgebra);
        Ok(Some(match (owner, name.as_str(), arguments) {
            ("Unit" | "UnitVector2" | "UnitVector3", "new_normalize", [Value::Tensor(t)]) if is_matrix => {
                self.normalized(t.clone(), span)?
            }
            ("Unit" | "UnitVector2" | "UnitVector3", "new_unchecked", [t]) if is_matrix => t.clone(),
            (_, "distance", [a, b @ Value::Tensor(_)]) if is_matrix && self.is_of(path, &["nalgebra", "na"]) => {
                self.distance(a.clone(), b.clone(), span)?
            }
            (_, "convert" | "convert_ref", [value]) if self.is_of(path, &["nalgebra", "na", "simba"]) => {
                match (value, &self.types.generic) {
                    (_, None) => return Ok(None),
                    (Value::Int(a), _) => Value::Float(self.integer_as_float(&a.clone(), span)?),
                    (Value::Opaque(e), Some(generic)) => Value::Opaque(Rc::new(in_float_type(generic, e))),
                    (value, _) => value.clone(),
                }
            }
            _ => return Ok(None),
        }))
    }

    /// The type of nalgebra that a function is of: by its own path, another name of it, or what is expected.
    fn matrix_owner(&self, path: &syn::Path, expected: Option<&syn::Type>) -> Option<Matrix> {
        let owner = without_last(path);
        if owner.segments.is_empty() {
            return None;
        }
        let of = |ty: &syn::Type| match self.types.see(ty) {
            Seen::Float(Ty::Matrix(m), ..) => Some(m),
            _ => None,
        };
        let ty: syn::Type = syn::parse_quote!(#owner);
        of(&ty).or_else(|| self.types.matrix(&owner)).or_else(|| {
            let is_bare = matches!(owner.segments.last()?.ident.to_string().as_str(), "SVector" | "SMatrix" | "OVector" | "OMatrix");
            of(expected.filter(|_| is_bare)?)
        })
    }

    /// A function of a type: `Vector3::new(x, y, z)`.
    pub(super) fn matrix_function(&mut self, ty: &Matrix, name: &str, arguments: Vec<Value>, call: &syn::ExprCall) -> Eval {
        let span = call.func.span();
        let given: Vec<Option<Affine>> =
            ty.lengths.iter().map(|n| n.as_ref().map(|n| self.types.known_length(&mut self.program, n))).collect();
        let mut rest = arguments.into_iter();
        // run-time lengths stand in front, but where a list tells them
        let told =
            matches!(name, "from" | "from_vec" | "from_rows" | "from_columns" | "from_diagonal") && given.iter().all(Option::is_none);
        let counted = told && name == "from_vec" && given.len() == 2;
        let mut shape = Vec::new();
        for (k, n) in given.iter().enumerate() {
            let counts = n.is_none() && (!told || counted);
            shape.push(match n {
                Some(n) => n.clone(),
                None if counts => {
                    let Some(value) = rest.next() else { return self.fail(span, format!("`{name}` without a length"), "") };
                    self.length_of_value(value, call.args.get(k).map_or(span, Spanned::span))?
                }
                None => Affine::from(0),
            });
        }
        if shape.len() == 1 {
            shape.push(Affine::from(1));
        }
        let known: Option<Vec<usize>> = shape.iter().map(|n| self.lengths.resolve(n).known().map(|n| n as usize)).collect();
        let arguments: Vec<Value> = rest.map(|v| self.read_through(v)).collect::<Eval<_>>()?;
        let constant = |r: &mut Self, e: Expr| {
            let t = r.filled(&shape, e);
            r.shortened(Tensor { library: Library::Nalgebra, ..t })
        };
        match (name, arguments.as_slice()) {
            ("zeros" | "origin" | "default", []) => {
                let zero = self.program.arena.constant(0);
                Ok(constant(self, zero))
            }
            ("identity", []) => {
                let one = self.program.arena.constant(1);
                self.scaled_identity(&shape, one)
            }
            ("from_diagonal_element", [value]) => {
                let e = self.float(value.clone(), span)?;
                self.scaled_identity(&shape, e)
            }
            ("from_element" | "repeat", [value]) => {
                let e = self.float(value.clone(), span)?;
                Ok(constant(self, e))
            }
            ("x" | "y" | "z" | "w", []) | ("x_axis" | "y_axis" | "z_axis", []) => {
                let Some(known) = known else { return self.fail(span, "a vector of unknown length", "") };
                let k = coordinate(&name[..1]).unwrap_or(0) as usize;
                let es = (0..known[0]).map(|i| self.program.arena.constant(i64::from(i == k))).collect();
                Ok(Self::matrix(known[0], 1, es))
            }
            ("from_fn", [f]) => {
                let Value::Closure(f) = f else { return self.fail(span, "expected a closure", "") };
                let (indices, known) =
                    (self.program.axes(&shape), known.filter(|n| n.iter().product::<usize>() <= super::limits::MOST_ELEMENTS));
                let f = Rc::clone(f);
                match known {
                    Some(known) => {
                        let mut es = Vec::new();
                        for at in positions(&known) {
                            let at = at.iter().map(|k| Value::position(*k as i64)).collect();
                            let value = self.call_closure(&f, at, span)?;
                            es.push(self.float(value, span)?);
                        }
                        Ok(Self::matrix(known[0], known[1], es))
                    }
                    None => {
                        let at = indices.iter().map(|i| Value::position(Affine::from(*i))).collect();
                        let value = self.without_effect(span, |r| r.call_closure(&f, at, span))?;
                        let e = self.float(value, span)?;
                        Ok(Value::Tensor(self.tensor(indices, e, Library::Nalgebra)))
                    }
                }
            }
            ("from_diagonal", [Value::Tensor(t)]) => {
                let n = t.shape[0].clone();
                let indices = self.program.axes(&[n.clone(), n]);
                let column = self.as_column(t);
                let e = self.element(&column, &[Affine::from(indices[0])]);
                Ok(self.on_diagonal(indices, e))
            }
            ("from_rows" | "from_columns", [Value::Array(parts)]) => {
                let mut lists = Vec::new();
                for part in parts.clone() {
                    let Value::Tensor(t) = self.read_through(part)? else { return self.fail(span, "expected vectors", "") };
                    let Some([r, c]) = self.known_shape(&t) else { return self.fail(span, "vectors of unknown length", "") };
                    lists.push(self.listed(&t, &[r, c]));
                }
                let (count, length) = (lists.len(), lists.first().map_or(0, Vec::len));
                let by_rows = Self::matrix(count, length, lists.concat());
                match (name, by_rows) {
                    ("from_columns", Value::Tensor(t)) => Ok(Value::Tensor(self.transposed(&t))),
                    (_, whole) => Ok(whole),
                }
            }
            // row by row
            (
                "new" | "from_row_slice" | "from_slice" | "from_column_slice" | "from_vec" | "from" | "from_iterator" | "from_row_iterator",
                [_, ..],
            ) => {
                let by_columns = matches!(name, "from_column_slice" | "from_vec" | "from" | "from_iterator" | "from_slice");
                if let [single] = arguments.as_slice() {
                    match single {
                        // a vector from a point, or a matrix from another
                        Value::Tensor(t) if t.library == Library::Nalgebra => return Ok(Value::Tensor(t.clone())),
                        Value::Tensor(t) if t.shape.len() == 1 && shape[1].known() == Some(1) => {
                            if !told {
                                self.equal_lengths(&shape[0], &t.shape[0], span)?;
                            }
                            let t = self.as_matrix(t.clone());
                            return Ok(self.shortened(t));
                        }
                        _ => {}
                    }
                }
                let mut es = Vec::new();
                for value in arguments {
                    self.elements_of(value, &mut es, span)?;
                }
                let (rows, columns) = match known {
                    _ if told && given.len() == 1 => (es.len(), 1),
                    Some(known) => (known[0], known[1]),
                    None => return self.fail(span, "a matrix of unknown lengths from a list of known length", ""),
                };
                if es.len() != rows * columns {
                    return self.fail(span, format!("{} elements for a matrix of {rows} × {columns}", es.len()), "");
                }
                match by_columns && columns > 1 {
                    true => {
                        let Value::Tensor(t) = Self::matrix(columns, rows, es) else { return Ok(Value::Poison) };
                        Ok(Value::Tensor(self.transposed(&t)))
                    }
                    false => Ok(Self::matrix(rows, columns, es)),
                }
            }
            _ => self.no_method(name, "a type of nalgebra", CONSTRUCTORS, span),
        }
    }

    /// The floats in a value, in order.
    fn elements_of(&mut self, value: Value, out: &mut Vec<Expr>, span: Span) -> Eval<()> {
        match self.read_through(value)? {
            Value::Array(items) | Value::Tuple(items) => items.into_iter().try_for_each(|v| self.elements_of(v, out, span)),
            Value::Tensor(t) => {
                let shape: Option<Vec<usize>> = t.shape.iter().map(|n| self.lengths.resolve(n).known().map(|n| n as usize)).collect();
                match shape {
                    Some(shape) => out.extend(self.listed(&t, &shape)),
                    None => return self.fail(span, "a list of unknown length", ""),
                }
                Ok(())
            }
            value @ (Value::Iter(_) | Value::Range(..)) => match self.settled_source(value, span)? {
                super::streams::Source::Known(iter) => self.each_item(iter, span, &mut |r, item| {
                    let e = r.float(item.value, span)?;
                    out.push(e);
                    Ok(())
                }),
                super::streams::Source::Open(_) => self.fail(span, "an iterator of unknown length", ""),
            },
            value => {
                out.push(self.float(value, span)?);
                Ok(())
            }
        }
    }

    fn length_of_value(&mut self, value: Value, span: Span) -> Eval<Affine> {
        match self.read_through(value)? {
            Value::Int(a) => self.as_position(&a, span),
            Value::Opaque(e) => self.opaque_integer(&e),
            other => self.fail(span, format!("expected a length, found {}", other.kind()), ""),
        }
    }

    fn scaled_identity(&mut self, shape: &[Affine], e: Expr) -> Eval {
        let indices = self.program.axes(shape);
        Ok(self.on_diagonal(indices, e))
    }

    /// The matrix of `e` on the diagonal.
    fn on_diagonal(&mut self, indices: Vec<Index>, e: Expr) -> Value {
        let sides = indices.iter().map(|i| self.program.arena.integer(Affine::from(*i))).collect();
        let equal = self.program.arena.apply(Op::Eq, sides);
        let zero = self.program.arena.constant(0);
        let e = self.program.arena.apply(Op::Select, vec![equal, e, zero]);
        let t = self.tensor(indices, e, Library::Nalgebra);
        self.shortened(t)
    }

    /// A matrix of known, short lengths as a list of its elements.
    fn shortened(&mut self, t: Tensor) -> Value {
        match self.known_shape(&t) {
            Some(shape) if shape[0] * shape[1] <= super::limits::MOST_ELEMENTS && self.short(&t.shape[0]).is_some() => {
                let es = self.listed(&t, &shape);
                Self::matrix(shape[0], shape[1], es)
            }
            _ => Value::Tensor(t),
        }
    }

    fn transposed(&mut self, t: &Tensor) -> Tensor {
        if let (Elements::List(es), Some([rows, columns])) = (&t.elements, self.known_shape(t)) {
            let es = positions(&[columns, rows]).map(|at| es[at[1] * columns + at[0]]).collect();
            let shape = vec![t.shape[1].clone(), t.shape[0].clone()];
            return Tensor { shape, elements: Elements::List(es), library: Library::Nalgebra };
        }
        self.permuted(t, &[1, 0])
    }

    /// A part of a matrix.
    fn part(&mut self, t: Tensor, rows: [Affine; 2], columns: [Affine; 2], span: Span) -> Eval {
        let slices = [rows, columns].map(|[from, count]| Slice::Range(from.clone(), Some(from.plus(&count, 1)), 1));
        self.slice(t, &slices, span)
    }

    /// The inner product of all elements.
    fn inner(&mut self, a: Tensor, b: Tensor, span: Span) -> Eval {
        let product = self.broadcast(Op::Mul, Value::Tensor(a), Value::Tensor(b), span)?;
        let Value::Tensor(product) = product else { return Ok(product) };
        self.sum(&product, None, span)
    }

    fn length_squared(&mut self, t: Tensor, span: Span) -> Eval<Expr> {
        let value = self.inner(t.clone(), t, span)?;
        self.float(value, span)
    }

    fn normalized(&mut self, t: Tensor, span: Span) -> Eval {
        let square = self.length_squared(t.clone(), span)?;
        let length = self.folded(Op::Sqrt, vec![square]);
        self.broadcast(Op::Div, Value::Tensor(t), Value::Float(length), span)
    }

    /// A method of a vector, matrix or point.
    pub(super) fn matrix_method(&mut self, t: Tensor, name: &str, call: &syn::ExprMethodCall, span: Span) -> Eval {
        let int = |a: &Affine| Value::position(a.clone());
        if matches!(name, "map" | "fold" | "iter" | "into_iter" | "zip_map" | "apply") {
            return self.matrix_by_elements(t, name, call, span);
        }
        let arguments: Vec<Value> = self.arguments(&call.args)?.into_iter().map(|v| self.read_through(v)).collect::<Eval<_>>()?;
        let arguments = self.typed_like(arguments, name)?;
        if name.ends_with("_mut") {
            let help = "assign to it at once: `m.fixed_view_mut::<2, 2>(0, 0).copy_from(&part)`, `m.row_mut(0).add_assign(&row)`";
            return self.fail(span, format!("`{name}` as a value of its own"), help);
        }
        let generic = |k: usize| turbofish(call, k);
        match (name, arguments.as_slice()) {
            ("len", []) => match self.known_shape(&t) {
                Some([r, c]) => Ok(Value::position((r * c) as i64)),
                None => {
                    let n = if self.lengths.resolve(&t.shape[1]).known() == Some(1) { &t.shape[0] } else { &t.shape[1] };
                    Ok(int(n))
                }
            },
            ("nrows", []) => Ok(int(&t.shape[0])),
            ("ncols", []) => Ok(int(&t.shape[1])),
            ("shape", []) => Ok(Value::Tuple(t.shape.iter().map(int).collect())),
            ("is_empty", []) => {
                let filled = self.is_filled_along(&t, None);
                Ok(Value::Truth(self.not(filled)))
            }
            ("x" | "y" | "z" | "w", []) => self.matrix_field(t, name, span),
            ("coords" | "clone_owned" | "into_owned" | "as_view" | "into_inner" | "to_vector", []) => Ok(Value::Tensor(t)),
            ("as_slice" | "to_vec" | "as_ref", []) => Ok(self.matrix_elements(&t)),
            ("dot" | "tr_dot", [Value::Tensor(other)]) => match name {
                "tr_dot" => {
                    let transposed = self.transposed(&t);
                    self.inner(transposed, other.clone(), span)
                }
                _ => self.inner(t, other.clone(), span),
            },
            ("norm" | "magnitude", []) => {
                let square = self.length_squared(t, span)?;
                Ok(Value::Float(self.folded(Op::Sqrt, vec![square])))
            }
            ("norm_squared" | "magnitude_squared", []) => self.length_squared(t, span).map(Value::Float),
            ("metric_distance", [Value::Tensor(_)]) => {
                let other = arguments.into_iter().next().unwrap_or(Value::Poison);
                self.distance(Value::Tensor(t), other, span)
            }
            ("normalize", []) => self.normalized(t, span),
            ("cross", [Value::Tensor(other)]) => {
                let (Some([_, columns]), Some(_)) = (self.known_shape(&t), self.known_shape(other)) else {
                    return self.fail(span, "`cross` of vectors of unknown length", "");
                };
                let (a, b) = (self.as_column(&t), self.as_column(other));
                let (a, b) = (self.listed(&a, &[3]), self.listed(&b, &[3]));
                if a.len() != 3 || b.len() != 3 {
                    return self.fail(span, "`cross` of vectors that have not three elements", "");
                }
                let mut es = Vec::new();
                for k in 0..3 {
                    let (i, j) = ((k + 1) % 3, (k + 2) % 3);
                    let (x, y) = (self.program.arena.mul(a[i], b[j]), self.program.arena.mul(a[j], b[i]));
                    es.push(self.program.arena.sub(x, y));
                }
                Ok(if columns == 3 { Self::matrix(1, 3, es) } else { Self::matrix(3, 1, es) })
            }
            ("cross_matrix", []) => {
                let column = self.as_column(&t);
                let v = self.listed(&column, &[3]);
                let zero = self.program.arena.constant(0);
                let [x, y, z] = [v[0], v[1], v[2]];
                let [nx, ny, nz] = [x, y, z].map(|e| self.program.arena.neg(e));
                Ok(Self::matrix(3, 3, vec![zero, nz, y, z, zero, nx, ny, x, zero]))
            }
            ("into_scalar" | "to_scalar", []) => {
                let first = [Affine::from(0), Affine::from(0)];
                Ok(Value::Float(self.element(&t, &first)))
            }
            ("transpose" | "adjoint", []) => Ok(Value::Tensor(self.transposed(&t))),
            ("tr_mul", [Value::Tensor(other)]) => {
                let transposed = self.transposed(&t);
                self.matrix_product(transposed, other.clone(), span)
            }
            ("component_mul", [other @ Value::Tensor(_)]) => self.broadcast(Op::Mul, Value::Tensor(t), other.clone(), span),
            ("component_div", [other @ Value::Tensor(_)]) => self.broadcast(Op::Div, Value::Tensor(t), other.clone(), span),
            ("add", [other]) => self.apply(Op::Add, Value::Tensor(t), other.clone(), span),
            ("sub", [other]) => self.apply(Op::Sub, Value::Tensor(t), other.clone(), span),
            ("mul", [other]) => self.apply(Op::Mul, Value::Tensor(t), other.clone(), span),
            ("neg", []) => self.elementwise(Op::Neg, Value::Tensor(t), span),
            ("abs", []) => self.elementwise(Op::Abs, Value::Tensor(t), span),
            ("scale", [by]) => {
                let by = self.float(by.clone(), span)?;
                self.broadcast(Op::Mul, Value::Tensor(t), Value::Float(by), span)
            }
            ("unscale", [by]) => {
                let by = self.float(by.clone(), span)?;
                self.broadcast(Op::Div, Value::Tensor(t), Value::Float(by), span)
            }
            ("lerp", [Value::Tensor(_), by]) => {
                // (1 − t)·a + t·b
                let by = self.float(by.clone(), span)?;
                let one = self.program.arena.constant(1);
                let rest = self.program.arena.sub(one, by);
                let a = self.broadcast(Op::Mul, Value::Tensor(t), Value::Float(rest), span)?;
                let b = self.broadcast(Op::Mul, arguments[0].clone(), Value::Float(by), span)?;
                self.broadcast(Op::Add, a, b, span)
            }
            ("sum", []) => self.sum(&t, None, span),
            ("mean", []) => match self.mean(&t, None, span)? {
                Value::Option(_, mean) => Ok(*mean),
                mean => Ok(mean),
            },
            ("max" | "min" | "amax" | "amin", []) => {
                let Some(shape) = self.known_shape(&t) else {
                    return self.fail(span, format!("`{name}` of a matrix of unknown lengths"), "write a loop");
                };
                let mut es = self.listed(&t, &shape);
                if name.starts_with('a') {
                    es = es.into_iter().map(|e| self.folded(Op::Abs, vec![e])).collect();
                }
                let op = if name.ends_with("max") { Op::Max } else { Op::Min };
                Ok(Value::Float(self.chain(op, 0, &es)))
            }
            ("trace", []) => {
                let Value::Tensor(diagonal) = self.diagonal(&t, span)? else { return Ok(Value::Poison) };
                self.sum(&diagonal, None, span)
            }
            ("diagonal", []) => {
                let Value::Tensor(diagonal) = self.diagonal(&t, span)? else { return Ok(Value::Poison) };
                let column = self.as_matrix(diagonal);
                Ok(self.shortened(column))
            }
            ("determinant" | "try_inverse", []) => {
                let Some([n @ 1..=MOST_ROWS, columns]) = self.known_shape(&t) else {
                    let help = "`jac_runtime::linalg` has it for ndarray, of any size";
                    return self.fail(span, format!("`{name}` of a matrix that has not at most {MOST_ROWS} rows, or unknown ones"), help);
                };
                if n != columns {
                    return self.fail(span, format!("`{name}` of a matrix that is not square"), "");
                }
                let own = if name == "determinant" { "det" } else { "inv" };
                let elements = self.listed(&t, &[n, n]);
                let made = self.intrinsic_of(own, &elements, n);
                Ok(match made.as_slice() {
                    [e] if own == "det" => Value::Float(*e),
                    _ => {
                        // as nalgebra does: none where the determinant is 0
                        let det = self.intrinsic_of("det", &elements, n);
                        let zero = self.program.arena.constant(0);
                        let singular = self.folded(Op::Eq, vec![det[0], zero]);
                        let there = match self.program.arena.as_const(singular) {
                            Some(c) => Truth::Known(c.is_zero()),
                            None => Truth::Open(self.program.arena.fold(Op::Not, &[singular])),
                        };
                        Value::Option(there, Box::new(Self::matrix(n, n, made)))
                    }
                })
            }
            ("row" | "column", [k]) => {
                let k = self.length_of_value(k.clone(), span)?;
                let (one, zero) = (Affine::from(1), Affine::from(0));
                let [rows, columns] = [t.shape[0].clone(), t.shape[1].clone()];
                match name {
                    "row" => self.part(t, [k, one], [zero, columns], span),
                    _ => self.part(t, [zero, rows], [k, one], span),
                }
            }
            ("rows" | "columns" | "fixed_rows" | "fixed_columns", [from, ..]) => {
                let from = self.length_of_value(from.clone(), span)?;
                let count = match (generic(0), arguments.get(1)) {
                    (Some(n), _) => self.array_length(&n)?,
                    (None, Some(n)) => self.length_of_value(n.clone(), span)?,
                    (None, None) => return self.fail(span, format!("`{name}` without a number"), ""),
                };
                let (zero, [rows, columns]) = (Affine::from(0), [t.shape[0].clone(), t.shape[1].clone()]);
                match name {
                    "rows" | "fixed_rows" => self.part(t, [from, count], [zero, columns], span),
                    _ => self.part(t, [zero, rows], [from, count], span),
                }
            }
            ("fixed_view" | "fixed_slice", [i, j]) => {
                let (i, j) = (self.length_of_value(i.clone(), span)?, self.length_of_value(j.clone(), span)?);
                let (Some(rows), Some(columns)) = (generic(0), generic(1)) else {
                    return self.fail(span, format!("`{name}` without its lengths"), "write them: `m.fixed_view::<3, 3>(0, 0)`");
                };
                let (rows, columns) = (self.array_length(&rows)?, self.array_length(&columns)?);
                self.part(t, [i, rows], [j, columns], span)
            }
            ("view" | "slice", [Value::Tuple(from), Value::Tuple(count)]) if from.len() == 2 && count.len() == 2 => {
                let mut all = Vec::new();
                for value in from.iter().chain(count) {
                    all.push(self.length_of_value(value.clone(), span)?);
                }
                self.part(t, [all[0].clone(), all[2].clone()], [all[1].clone(), all[3].clone()], span)
            }
            ("xy" | "xyz" | "xz" | "yz", []) => {
                let column = self.as_column(&t);
                let n = column.shape[0].known().unwrap_or(0) as usize;
                let all = self.listed(&column, &[n]);
                let at: Option<Vec<usize>> = name.chars().map(|c| coordinate(&c.to_string()).map(|k| k as usize)).collect();
                let es: Option<Vec<Expr>> = at.into_iter().flatten().map(|k| all.get(k).copied()).collect();
                match es {
                    Some(es) => Ok(Self::matrix(es.len(), 1, es)),
                    None => self.fail(span, format!("no `{name}` of a vector of {n}"), ""),
                }
            }
            ("kronecker", [Value::Tensor(other)]) => {
                let (Some([m, n]), Some([p, q])) = (self.known_shape(&t), self.known_shape(other)) else {
                    return self.fail(span, "`kronecker` of matrices of unknown lengths", "");
                };
                let (a, b) = (self.listed(&t, &[m, n]), self.listed(other, &[p, q]));
                let es = positions(&[m * p, n * q])
                    .map(|at| self.program.arena.mul(a[(at[0] / p) * n + at[1] / q], b[(at[0] % p) * q + at[1] % q]))
                    .collect();
                Ok(Self::matrix(m * p, n * q, es))
            }
            _ => self.no_method(name, "a vector or matrix of nalgebra", METHODS, span),
        }
    }

    /// A function of a whole matrix, by its elements.
    fn intrinsic_of(&mut self, name: &str, elements: &[Expr], n: usize) -> Vec<Expr> {
        let is_own = |f: &Intrinsic| f.entry().method.1 == name && f.entry().of_symmetric.is_none();
        let f = Intrinsic::ALL.iter().copied().find(is_own).expect("`det` and `inv` are there");
        self.program.arena.intrinsic(f, elements, &[], n)
    }

    /// The elements, column by column, as a list.
    pub(super) fn matrix_elements(&mut self, t: &Tensor) -> Value {
        let transposed = self.transposed(t);
        match self.known_shape(&transposed) {
            Some(shape) => Value::Array(self.listed(&transposed, &shape).into_iter().map(Value::Float).collect()),
            None if transposed.shape.iter().any(|n| self.lengths.resolve(n).known() == Some(1)) => {
                let column = self.as_column(&transposed);
                Value::Tensor(Tensor { library: Library::Core, ..column })
            }
            None => {
                let (indices, e) = self.each(&transposed);
                Value::Stream(Stream { indices, item: Box::new(Value::Float(e)), pending: Vec::new() })
            }
        }
    }

    /// The positions of the elements, column by column, if they are known.
    pub(super) fn matrix_places(&self, t: &Tensor) -> Option<Vec<Vec<Affine>>> {
        let [rows, columns] = self.known_shape(t)?;
        Some(positions(&[columns, rows]).map(|at| vec![Affine::from(at[1] as i64), Affine::from(at[0] as i64)]).collect())
    }

    /// A vector with one element more.
    pub(super) fn matrix_pushed(&mut self, t: &Tensor, item: Value, span: Span) -> Eval {
        let e = self.float(item, span)?;
        let Some([n, 1]) = self.known_shape(t) else { return self.fail(span, "`push` to what is no vector of known length", "") };
        let mut es = self.listed(t, &[n, 1]);
        es.push(e);
        Ok(Self::matrix(n + 1, 1, es))
    }

    /// Whether a place holds a matrix.
    pub(super) fn holds_matrix(&mut self, place: &Place, span: Span) -> Eval<bool> {
        Ok(matches!(self.load(place, span)?, Value::Tensor(t) if t.library == Library::Nalgebra))
    }

    /// Arguments that are constants of unknown type, as matrices where a method takes one.
    fn typed_like(&mut self, arguments: Vec<Value>, name: &str) -> Eval<Vec<Value>> {
        let takes = matches!(
            name,
            "dot"
                | "tr_dot"
                | "cross"
                | "component_mul"
                | "component_div"
                | "add"
                | "sub"
                | "mul"
                | "tr_mul"
                | "metric_distance"
                | "kronecker"
                | "lerp"
        );
        let mut out = Vec::new();
        for argument in arguments {
            out.push(match argument {
                Value::Opaque(e) if takes => self.declared_value(&e)?.unwrap_or(Value::Opaque(e)),
                other => other,
            });
        }
        Ok(out)
    }

    /// The distance of two points.
    pub(super) fn distance(&mut self, a: Value, b: Value, span: Span) -> Eval {
        let Value::Tensor(difference) = self.apply(Op::Sub, a, b, span)? else {
            return self.fail(span, "expected vectors or points", "");
        };
        let square = self.length_squared(difference, span)?;
        Ok(Value::Float(self.folded(Op::Sqrt, vec![square])))
    }

    /// What goes through the elements, column by column.
    fn matrix_by_elements(&mut self, t: Tensor, name: &str, call: &syn::ExprMethodCall, span: Span) -> Eval {
        match (name, call.args.len()) {
            ("map", 1) => {
                let f = self.callable(&call.args[0])?;
                let at = call.args[0].span();
                self.map(Value::Tensor(t), span, &mut |r, e| {
                    let value = r.invoke(&f, vec![Value::Float(e)], at)?;
                    r.float(value, at)
                })
            }
            ("zip_map", 2) => {
                let (other, f, at) = (self.referent(&call.args[0])?, self.callable(&call.args[1])?, call.args[1].span());
                let (Value::Tensor(other), Some(shape)) = (other, self.known_shape(&t)) else {
                    return self.fail(span, "`zip_map` of matrices of unknown lengths", "write a loop");
                };
                let (a, b) = (self.listed(&t, &shape), self.listed(&other, &shape));
                let mut es = Vec::new();
                for (a, b) in a.into_iter().zip(b) {
                    let value = self.invoke(&f, vec![Value::Float(a), Value::Float(b)], at)?;
                    es.push(self.float(value, at)?);
                }
                Ok(Self::matrix(shape[0], shape[1], es))
            }
            _ => {
                let items = self.matrix_elements(&t);
                match self.iterator_method(items, name, call, span)? {
                    Some(value) => Ok(value),
                    None => self.no_method(name, "a vector or matrix of nalgebra", METHODS, span),
                }
            }
        }
    }
}

/// A number in the angle brackets of a method: `fixed_rows::<3>`.
pub(super) fn turbofish(call: &syn::ExprMethodCall, k: usize) -> Option<syn::Expr> {
    let arguments = call.turbofish.as_ref().map(|t| &t.args)?;
    match arguments.iter().nth(k)? {
        syn::GenericArgument::Const(e) => Some(e.clone()),
        syn::GenericArgument::Type(syn::Type::Path(p)) => {
            let path = &p.path;
            Some(numbered(&path.segments.last()?.ident.to_string()).map_or_else(|| syn::parse_quote!(#path), |n| syn::parse_quote!(#n)))
        }
        _ => None,
    }
}

/// Tokens cut at a mark.
fn split(tokens: &TokenStream, mark: char) -> Vec<TokenStream> {
    let mut parts = vec![TokenStream::new()];
    for tree in tokens.clone() {
        match &tree {
            proc_macro2::TokenTree::Punct(p) if p.as_char() == mark => parts.push(TokenStream::new()),
            _ => parts.last_mut().expect("there is one").extend([tree]),
        }
    }
    parts
}
