//! Calls: functions, methods and macros.

use super::body::{Eval, Reader, Stop};
use super::consumers::{ADVANCING, ITERATOR_METHODS};
use super::integers::IntType;
use super::iterators::Iter;
use super::linalg;
use super::opaque::receiver;
use super::value::{Closure, Library, Slice, Stream, Tensor, Truth, Value};
use super::views::CHANGING;
use crate::diag::did_you_mean;
use crate::interface::{Generic, Numbers};
use crate::ir::{self, Affine, Expr};
use crate::ops::{Op, Syntax, SYNONYMS};
use proc_macro2::Span;
use std::rc::Rc;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::Token;

/// Methods that give back their receiver.
const TRANSPARENT: [&str; 9] = ["clone", "to_owned", "view", "into_owned", "into", "copied", "cloned", "borrow", "as_ref"];

/// Methods of ndarray that the front reads, for suggestions and the documentation.
pub(super) const ARRAY_METHODS: [&str; 43] = [
    "t",
    "reversed_axes",
    "permuted_axes",
    "dot",
    "sum",
    "sum_axis",
    "mean",
    "mean_axis",
    "var",
    "std",
    "product",
    "fold",
    "map_axis",
    "row",
    "column",
    "rows",
    "columns",
    "outer_iter",
    "axis_iter",
    "diag",
    "insert_axis",
    "index_axis",
    "slice",
    "mapv",
    "map",
    "mapv_into",
    "len",
    "len_of",
    "nrows",
    "ncols",
    "shape",
    "dim",
    "raw_dim",
    "to_shape",
    "into_shape_with_order",
    "flatten",
    "first",
    "last",
    "clone",
    "to_owned",
    "into_owned",
    "view",
    "to_vec",
];

/// What makes an ndarray.
pub(super) const ARRAY_CONSTRUCTORS: [&str; 15] = [
    "zeros",
    "ones",
    "eye",
    "from_elem",
    "from_diag",
    "from_shape_fn",
    "from_iter",
    "from_vec",
    "linspace",
    "arr1",
    "arr2",
    "arr3",
    "stack",
    "concatenate",
    "Zip::from",
];

/// The macros that the front reads.
pub(super) const MACROS: [&str; 11] =
    ["array!", "vec!", "s!", "stack!", "concatenate!", "vector!", "matrix!", "dvector!", "dmatrix!", "point!", "matches!"];

/// Checks and prints of the function itself, which compute nothing.
const CHECKS: [&str; 8] = ["assert", "assert_eq", "assert_ne", "debug_assert", "debug_assert_eq", "debug_assert_ne", "println", "eprintln"];

/// Where the function panics there is no derivative.
const ENDS: [&str; 4] = ["panic", "unreachable", "unimplemented", "todo"];

/// Methods that `f64` has and jac does not read.
const UNSUPPORTED: [&str; 16] = [
    "abs_sub",
    "classify",
    "gamma",
    "is_normal",
    "is_subnormal",
    "ln_gamma",
    "maximum",
    "minimum",
    "next_down",
    "next_up",
    "round_ties_even",
    "to_be_bytes",
    "to_bits",
    "to_le_bytes",
    "to_ne_bytes",
    "total_cmp",
];

/// Methods that go through the elements of an ndarray or slice.
const ITERATING: [&str; 13] = [
    "iter",
    "into_iter",
    "windows",
    "chunks",
    "chunks_exact",
    "rows",
    "columns",
    "outer_iter",
    "axis_iter",
    "lanes",
    "fold",
    "product",
    "for_each",
];

/// The methods of a list of floats that go through it.
const LISTING: [&str; 7] = ["iter", "windows", "chunks", "chunks_exact", "first", "last", "dot"];

/// What is called by its name alone and is the language's.
const BUILT_IN: [&str; 4] = ["Ok", "Some", "Err", "Axis"];

/// What can be applied to values.
#[derive(Clone, Debug)]
pub(super) enum Callable {
    Closure(Rc<Closure>),
    Method(String),
    Operator(Op),
}

impl Callable {
    /// Whether both are one.
    pub(super) fn same(&self, other: &Callable) -> bool {
        match (self, other) {
            (Callable::Closure(a), Callable::Closure(b)) => Rc::ptr_eq(a, b),
            (Callable::Method(a), Callable::Method(b)) => a == b,
            (Callable::Operator(a), Callable::Operator(b)) => a == b,
            _ => false,
        }
    }
}

impl Reader<'_> {
    pub(super) fn callable(&mut self, e: &syn::Expr) -> Eval<Callable> {
        if let syn::Expr::Path(path) = e {
            let segments: Vec<String> = path.path.segments.iter().map(|s| s.ident.to_string()).collect();
            match segments.as_slice() {
                [name] => {
                    if let Some(closure) = self.closure(name) {
                        return Ok(Callable::Closure(closure));
                    }
                }
                [.., ty, name] if self.is_float_type(ty) => return Ok(Callable::Method(name.clone())),
                [ty, name] if ty == "Self" => {
                    if let Some(f) = self.helpers.functions.get(name) {
                        return Ok(Callable::Closure(Rc::clone(f)));
                    }
                }
                _ => {}
            }
            let is_variable = path.path.get_ident().is_some_and(|name| self.slot(&name.to_string()).is_some());
            if let Some(f) = if is_variable { None } else { self.function_elsewhere(&path.path, e.span())? } {
                return Ok(Callable::Closure(f));
            }
        }
        match self.referent(e)? {
            Value::Closure(closure) => Ok(Callable::Closure(closure)),
            other => self.fail(e.span(), format!("expected a closure, found {}", other.kind()), ""),
        }
    }

    pub(super) fn invoke(&mut self, callable: &Callable, mut arguments: Vec<Value>, span: Span) -> Eval {
        match callable {
            Callable::Closure(closure) => self.call_closure(closure, arguments, span),
            Callable::Operator(op) if arguments.len() == 2 => {
                let b = arguments.remove(1);
                self.apply(*op, arguments.remove(0), b, span)
            }
            Callable::Operator(op) => self.fail(span, format!("`{}` of {} arguments", op.name(), arguments.len()), ""),
            Callable::Method(name) if arguments.is_empty() => self.fail(span, format!("`{name}` without arguments"), ""),
            Callable::Method(name) => {
                let receiver = arguments.remove(0);
                self.float_method(receiver, name, arguments, span)
            }
        }
    }

    /// Whether a path's owner is the float type.
    pub(super) fn is_float_type(&self, owner: &str) -> bool {
        matches!(owner, "f64" | "f32" | "NumCast" | "FromPrimitive" | "SupersetOf" | "SubsetOf")
            || super::floats::known(owner).is_some()
            || self.types.generic.as_ref().is_some_and(|g| g.ident == owner)
            || self.types.floats.iter().any(|t| t == owner)
    }

    pub(super) fn call(&mut self, call: &syn::ExprCall, expected: Option<&syn::Type>) -> Eval {
        let syn::Expr::Path(path) = &*call.func else {
            let callable = self.callable(&call.func)?;
            let arguments = self.arguments(&call.args)?;
            return self.invoke(&callable, arguments, call.span());
        };
        let segments: Vec<String> = path.path.segments.iter().map(|s| s.ident.to_string()).collect();
        let name = segments.last().cloned().unwrap_or_default();
        let owner = segments.len().checked_sub(2).map_or("", |k| segments[k].as_str());
        let closure = match segments.as_slice() {
            [name] => self.closure(name),
            [owner, name] if owner == "Self" || owner == "self" => self.helpers.functions.get(name).cloned(),
            _ => None,
        };
        let is_known = closure.is_some()
            || matches!(owner, "f64" | "f32" | "Float" | "linalg")
            || BUILT_IN.contains(&name.as_str()) && owner.is_empty();
        if !is_known && segments == [self.program.name.as_str()] {
            return self.fail(call.func.span(), format!("`{name}` calls itself"), "recursive functions are not supported: write a loop");
        }
        let closure = if is_known { closure } else { self.function_elsewhere(&path.path, call.func.span())? };
        if let Some(closure) = closure {
            let arguments = self.arguments(&call.args)?;
            return self.call_closure(&closure, arguments, call.span());
        }
        if matches!(owner, "" | "Result") && name == "Err" {
            // what it says is for the function itself to say
            return Ok(Value::none());
        }
        let mut arguments = self.arguments(&call.args)?;
        let span = call.func.span();
        if self.is_float_type(owner) {
            for a in &mut arguments {
                *a = match (std::mem::replace(a, Value::Poison), name.as_str()) {
                    (Value::Opaque(e), name) if name.starts_with("from") || name == "powi" => Value::Opaque(e),
                    (Value::Opaque(e), _) => Value::Float(self.opaque_float(&e)?),
                    (a, _) => self.read_through(a)?,
                };
            }
            return self.float_function(owner, &name, arguments, call, span);
        }
        if let Some(value) = self.matrix_call(call, &path.path, &arguments, expected)? {
            return Ok(value);
        }
        if owner == "linalg" && linalg::is_function(&name) {
            return self.linalg(&name, arguments, path);
        }
        match (owner, name.as_str(), arguments.as_slice()) {
            ("" | "Result" | "Option", "Ok" | "Some", [_]) => Ok(Value::some(arguments.remove(0))),
            // of num-traits
            (_, "cast", [Value::Float(_)]) if self.is_of(&path.path, &["num_traits", "num"]) => Ok(Value::some(arguments.remove(0))),
            ("mem", "swap", [Value::Reference(a), Value::Reference(b)]) => {
                let (a, b) = (a.clone(), b.clone());
                let (x, y) = (self.load(&a, span)?, self.load(&b, span)?);
                self.store(&a, y, span)?;
                self.store(&b, x, span)?;
                Ok(Value::unit())
            }
            ("Vec", "new", []) | ("Vec", "with_capacity", [_]) => Ok(Value::Array(Vec::new())),
            ("array", "from_fn", [_]) => match self.callable(&call.args[0])? {
                Callable::Closure(f) => match (turbofish_length(path), expected) {
                    (Some(length), _) => self.generated(&f, &length),
                    (None, Some(syn::Type::Array(array))) => self.generated(&f, &array.len),
                    _ => Ok(Value::Generator(f)),
                },
                _ => self.fail(call.args[0].span(), "expected a closure", ""),
            },
            (ty, _, [_, ..]) if IntType::named(ty).is_some() => self.integer_function(ty, &name, arguments, span),
            ("Box", "new", [_]) => Ok(arguments.remove(0)),
            ("iter", "once", [_]) => Ok(Value::Iter(Box::new(Iter::of(arguments)))),
            ("iter", "empty", []) => Ok(Value::Iter(Box::new(Iter::of(None)))),
            ("iter", "repeat", [_]) => Ok(Value::Iter(Box::new(Iter::Repeat(arguments.remove(0))))),
            ("iter", "repeat_n", [_, Value::Int(_)]) => {
                let n = self.integer(&call.args[1])?;
                match n.known().map(usize::try_from) {
                    Some(Ok(n)) => Ok(Value::Iter(Box::new(Iter::Take(Box::new(Iter::Repeat(arguments.remove(0))), n)))),
                    _ => self.fail(call.args[1].span(), "this number is not known at compile time", "write a literal"),
                }
            }
            (_, "Axis", [Value::Int(k)]) => match k.known() {
                Some(k @ 0..=5) => Ok(Value::Axis(k as usize)),
                _ => self.fail(call.args.span(), "the axis must be a literal", ""),
            },
            (_, "arr1" | "arr2" | "arr3", [nested]) => self.nested(&nested.clone(), call.args.span()),
            (array, _, [_, ..]) if array.starts_with("Array") => self.constructor(&name, arguments, call),
            ("Zip", "from", [_]) => Ok(Value::Zip(arguments)),
            (_, "stack" | "concatenate", [Value::Axis(axis), Value::Array(parts)]) => {
                let (axis, parts) = (*axis, parts.clone());
                Ok(Value::some(self.joined(&name, axis, parts, span)?))
            }
            _ => {
                if let Some(made) = self.tuple_struct(&path.path, &arguments) {
                    return Ok(made);
                }
                let constants: Option<Vec<syn::Expr>> = arguments.iter().map(|a| self.as_opaque(a)).collect();
                let has_opaque = arguments.iter().any(|a| matches!(a, Value::Opaque(_)));
                if let (Some(arguments), true) = (constants, has_opaque) {
                    let f = &call.func;
                    return Ok(Value::Opaque(Rc::new(syn::parse_quote!(#f(#(#arguments),*)))));
                }
                if owner.is_empty() && linalg::is_function(&name) {
                    let help = format!("of `jac_runtime::linalg` it is `linalg::{name}(…)`, with the module");
                    return self.fail(span, format!("cannot see which function `{name}` is"), &help);
                }
                let help = match &self.types.home {
                    None => "write it inside this function, or put both into a `mod` or `impl` under `#[jacobian]`",
                    Some(_) => "it is of another crate, or of a macro: write what it computes in a function of this crate",
                };
                self.fail(span, format!("cannot see the function `{}` from here", segments.join("::")), help)
            }
        }
    }

    /// A function of the float type: `f64::from(n)`, `T::zero()`, `f64::max(a, b)`.
    fn float_function(&mut self, owner: &str, name: &str, mut arguments: Vec<Value>, call: &syn::ExprCall, span: Span) -> Eval {
        let generic = !matches!(owner, "f64" | "f32");
        let own = if generic && !arguments.is_empty() { self.item_of_float(name) } else { None };
        if let Some(f) = own {
            return self.call_closure(&f, arguments, span);
        }
        let found = |e: Expr| Ok(Value::some(Value::Float(e)));
        match (name, arguments.as_slice()) {
            ("zero" | "default", []) => Ok(Value::Float(self.program.arena.constant(0))),
            ("one", []) => Ok(Value::Float(self.program.arena.constant(1))),
            ("from", [Value::Int(a)]) if !generic => self.integer_as_float(&a.clone(), span).map(Value::Float),
            ("from", [Value::Float(_)]) if !generic => Ok(arguments.remove(0)),
            ("from", [Value::Opaque(e)]) if !generic => {
                let f = &call.func;
                Ok(Value::Opaque(Rc::new(syn::parse_quote!(#f(#e)))))
            }
            // `NumCast` and `FromPrimitive` return options
            (_, [Value::Int(a)]) if generic && name.starts_with("from") => found(self.integer_as_float(&a.clone(), span)?),
            (_, [Value::Float(e)]) if generic && name.starts_with("from") => found(*e),
            // converted where the generated function begins: its type may be any that has a conversion
            (_, [Value::Opaque(e)]) if generic && name.starts_with("from") => {
                // of a trait's function alone, rustc would not know for which type
                let (f, float) = (&call.func, self.float_type());
                let whole: syn::Expr = match &self.types.generic {
                    Some(Generic { numbers: Numbers::From, .. }) => syn::parse_quote!(#f(#e)),
                    _ => syn::parse_quote!({ let converted: ::core::option::Option<#float> = #f(#e); converted.unwrap() }),
                };
                found(self.opaque_float(&whole)?)
            }
            (_, []) if self.types.floats.iter().any(|t| t == owner) => match self.float_named(name) {
                Some(x) => self.float_constant(x, span).map(Value::Float),
                None => self.fail(span, format!("no function named `{owner}::{name}`"), ""),
            },
            (_, []) if generic => Ok(Value::Opaque(Rc::new(syn::Expr::Call(call.clone())))),
            (_, [_, ..]) => {
                let receiver = arguments.remove(0);
                self.float_method(receiver, name, arguments, span)
            }
            _ => self.fail(span, format!("no function named `{owner}::{name}`"), ""),
        }
    }

    pub(super) fn method_call(&mut self, call: &syn::ExprMethodCall) -> Eval {
        let name = call.method.to_string();
        let span = call.method.span();
        if let syn::Expr::Path(p) = &*call.receiver {
            if p.path.is_ident("self") {
                let own = self.helpers.functions.get(&name).cloned();
                if let Some(f) = own.or_else(|| self.method_elsewhere(&name)) {
                    let mut arguments = vec![self.expr(&call.receiver)?];
                    arguments.extend(self.arguments(&call.args)?);
                    return self.call_closure(&f, arguments, span);
                }
            }
        }
        if let ("contains", Some(range), 1) = (name.as_str(), float_range(&call.receiver), call.args.len()) {
            let x = self.referent(&call.args[0])?;
            return self.within(range, &x, span).map(Value::Truth);
        }
        if CHANGING.contains(&name.as_str()) {
            return self.changing_method(&name, call, span);
        }
        let receiver = match self.iterator_in_place(&name, &call.receiver)? {
            Some(iter) => iter,
            None => self.referent(&call.receiver)?,
        };
        // of a constant from outside these may lead to another type
        let converts = matches!(receiver, Value::Opaque(_)) && matches!(name.as_str(), "into" | "as_ref" | "borrow");
        if TRANSPARENT.contains(&name.as_str()) && call.args.is_empty() && !converts {
            return Ok(receiver);
        }
        self.method_of(receiver, &name, call, span)
    }

    fn method_of(&mut self, receiver: Value, name: &str, call: &syn::ExprMethodCall, span: Span) -> Eval {
        let name = name.to_owned();
        match receiver {
            Value::Struct(s) => self.struct_call(s, &name, call, span),
            Value::Opaque(e) | Value::Word(e) => self.opaque_method(&e, &name, call, span),
            Value::Whole(e) => {
                let mut arguments = Vec::new();
                for argument in self.arguments(&call.args)? {
                    arguments.push(match argument {
                        Value::Int(a) if name != "pow" => Value::Float(self.integer_as_float(&a, span)?),
                        Value::Whole(e) => Value::Float(e),
                        other => other,
                    });
                }
                let (method, rounds) = match name.as_str() {
                    "pow" => ("powi", false),
                    "div_euclid" => ("div_euclid", true),
                    other => (other, false),
                };
                match self.float_method(Value::Float(e), method, arguments, span)? {
                    Value::Float(e) if rounds => Ok(Value::Whole(self.folded(Op::Trunc, vec![e]))),
                    Value::Float(e) => Ok(Value::Whole(e)),
                    other => Ok(other),
                }
            }
            Value::Tensor(t) if t.library == Library::Nalgebra => self.matrix_method(t, &name, call, span),
            Value::Tensor(t) if ITERATING.contains(&name.as_str()) => match name.as_str() {
                "rows" | "outer_iter" | "columns" | "axis_iter" | "lanes" => self.outer_method(t, &name, call, span),
                _ => self.iterator_method(Value::Tensor(t), &name, call, span).map(|v| v.unwrap_or(Value::Poison)),
            },
            Value::Tensor(t) => self.array_method(t, &name, call, span),
            Value::Option(there, inner) => self.option_method(there, *inner, &name, call, span),
            Value::Array(items) if matches!(name.as_str(), "is_empty") => Ok(Value::Truth(Truth::Known(items.is_empty()))),
            Value::Array(items) if matches!(name.as_str(), "to_vec" | "as_slice" | "as_ref") => Ok(Value::Array(items)),
            receiver @ (Value::Array(_) | Value::Range(..) | Value::Stream(_) | Value::Iter(_)) => {
                let kind = receiver.kind();
                match self.iterator_method(receiver, &name, call, span)? {
                    Some(value) => Ok(value),
                    None => self.no_method(&name, kind, ITERATOR_METHODS, span),
                }
            }
            Value::Zip(parts) => self.zip_method(parts, &name, call, span),
            Value::Generator(_) => self.unknown_length(span),
            Value::Growing(_) => {
                let help = "make it of its length before the loop, `vec![0.0; n]`, and assign to its elements";
                self.fail(span, "a vector to which this loop pushes is not read in it", help)
            }
            Value::Tuple(_) | Value::Axis(_) | Value::Closure(_) | Value::Slices(_) => self.no_method(&name, receiver.kind(), [], span),
            Value::Poison => Err(Stop::Reported),
            receiver => {
                let arguments = self.arguments(&call.args)?;
                self.float_method(receiver, &name, arguments, span)
            }
        }
    }

    /// A method of a constant of unknown type: rustc calls it.
    fn opaque_method(&mut self, e: &syn::Expr, name: &str, call: &syn::ExprMethodCall, span: Span) -> Eval {
        if ITERATING.contains(&name) || LISTING.contains(&name) {
            if let Some(value @ (Value::Tensor(_) | Value::Array(_))) = self.declared_value(e)? {
                return self.method_of(value, name, call, span);
            }
        }
        let arguments = self.arguments(&call.args)?;
        let constants: Option<Vec<syn::Expr>> = arguments.iter().map(|a| self.as_opaque(a)).collect();
        if constants.is_none() || self.abroad.is_some() {
            if let Some(f) = self.method_of_declared(e, name) {
                let receiver = Value::Opaque(Rc::new(e.clone()));
                return self.call_closure(&f, std::iter::once(receiver).chain(arguments).collect(), span);
            }
        }
        if let Some(arguments) = constants {
            let e = receiver(e);
            let method = &call.method;
            let turbofish = &call.turbofish;
            return Ok(Value::Opaque(Rc::new(syn::parse_quote!(#e.#method #turbofish (#(#arguments),*)))));
        }
        if methods().iter().any(|(known, _)| *known == name) {
            let receiver = Value::Float(self.opaque_float(e)?);
            return self.float_method(receiver, name, arguments, span);
        }
        let help = "bind it with its type first: `let k: &Array2<f64> = &…;`";
        self.fail(span, format!("cannot see the method `{name}` of a constant of unknown type"), help)
    }

    /// The iterator in a variable, for a method that takes the next of its items and leaves the rest.
    fn iterator_in_place(&mut self, name: &str, receiver: &syn::Expr) -> Eval<Option<Value>> {
        let stands = matches!(receiver, syn::Expr::Path(_) | syn::Expr::Field(_) | syn::Expr::Index(_) | syn::Expr::Paren(_));
        if !stands || !ADVANCING.contains(&name) {
            return Ok(None);
        }
        let value = self.expr(receiver)?;
        let place = match value {
            Value::Reference(place) => place,
            Value::Iter(_) | Value::Range(..) => self.place(receiver)?,
            _ => return Ok(None),
        };
        match self.load(&place, receiver.span())? {
            Value::Iter(_) => {}
            range @ Value::Range(..) => {
                let iter = self.iter(range, receiver.span())?;
                self.store(&place, Value::Iter(Box::new(iter)), receiver.span())?;
            }
            _ => return Ok(None),
        }
        Ok(Some(Value::Iter(Box::new(Iter::Of(place)))))
    }

    pub(super) fn no_method<'k>(&mut self, name: &str, kind: &str, known: impl IntoIterator<Item = &'k str>, span: Span) -> Eval {
        let near = did_you_mean(name, known).map(|n| format!("a method with a similar name exists: `{n}`"));
        let help = near.unwrap_or_else(|| "docs/language.md lists the methods that are supported".into());
        self.fail(span, format!("no method named `{name}` for {kind}"), &help)
    }

    /// A method of `f64`, applied to a float, an integer or every element of an array.
    fn float_method(&mut self, receiver: Value, name: &str, arguments: Vec<Value>, span: Span) -> Eval {
        let receiver = match self.read_through(receiver)?.definite() {
            Value::Opaque(e) => Value::Float(self.opaque_float(&e)?),
            receiver => receiver,
        };
        if let Value::Int(a) = &receiver {
            return self.integer_method(a, name, &arguments, span);
        }
        if let (Value::Float(e), "sin_cos", 0) = (&receiver, name, arguments.len()) {
            let sin = self.folded(Op::Sin, vec![*e]);
            let cos = self.folded(Op::Cos, vec![*e]);
            return Ok(Value::Tuple(vec![Value::Float(sin), Value::Float(cos)]));
        }
        if let (Value::Float(e), 0) = (&receiver, arguments.len()) {
            if let Some(truth) = self.classified(*e, name) {
                return Ok(Value::Truth(truth));
            }
        }
        // of num-dual and num-traits
        let name = match (&self.types.generic, &receiver, name, arguments.len()) {
            (Some(_), Value::Float(_), "re", 0) => return Ok(receiver),
            (Some(_), Value::Float(_), "to_f64", 0) => return Ok(Value::some(receiver)),
            (Some(_), _, "powd", 1) => "powf",
            (_, Value::Float(e), "neg", 0) => return Ok(Value::Float(self.folded(Op::Neg, vec![*e]))),
            (_, Value::Float(e), "to_i64" | "to_i32" | "to_u32" | "to_u64" | "to_usize" | "to_isize", 0) => {
                let ty = IntType::named(&name[3..]).expect("a type of integers");
                let whole = self.whole_of_float(*e, ty);
                return Ok(Value::some(whole));
            }
            (_, _, name, _) => name,
        };
        let known = methods();
        if !known.iter().any(|(n, _)| *n == name) {
            if UNSUPPORTED.contains(&name) || !matches!(receiver, Value::Float(_)) {
                return self.no_method(name, receiver.kind(), known.iter().map(|(n, _)| *n), span);
            }
            if let Some(f) = self.item_of_float(name) {
                return self.call_closure(&f, std::iter::once(receiver).chain(arguments).collect(), span);
            }
            // rustc does not know it either, unless a trait of the user's has it
            let error = self.error(span, format!("no method named `{name}` for a float"));
            error.help("jac knows the methods of `f64` only").defer();
            return Err(Stop::Reported);
        }
        if !known.contains(&(name, arguments.len() + 1)) {
            return self.fail(span, format!("`{name}` with {} arguments", arguments.len()), "");
        }
        let mut rest: Vec<Expr> = Vec::new();
        for argument in arguments {
            rest.push(match self.read_through(argument)?.definite() {
                Value::Opaque(e) if name == "powi" => {
                    let n = self.opaque_integer(&e)?;
                    self.program.arena.integer(n)
                }
                Value::Opaque(e) => self.opaque_float(&e)?,
                Value::Float(e) => e,
                Value::Int(a) if name == "powi" => {
                    let at = self.as_position(&a, span)?;
                    self.program.arena.integer(at)
                }
                Value::Whole(_) => {
                    let help = "take the power in each arm, or `powf` of a float";
                    return self.fail(span, format!("`{name}` of an integer that depends on floats"), help);
                }
                other => return self.fail(span, format!("`{name}` of {}", other.kind()), ""),
            });
        }
        self.map(receiver, span, &mut |r, e| {
            let args: Vec<Expr> = std::iter::once(e).chain(rest.iter().copied()).collect();
            Ok(match Op::named(name).filter(|op| is_method(*op)) {
                Some(op) => r.folded(op, args),
                None => r.synonym(name, &args),
            })
        })
    }

    /// The function of a trait of the crate's own that the float type has.
    fn item_of_float(&mut self, name: &str) -> Option<Rc<Closure>> {
        let home = self.types.home.clone()?;
        let float = syn::Ident::new(self.program.float.name(), Span::call_site());
        self.method_in(&home, &syn::parse_quote!(#float), name)
    }

    /// `is_nan` and its kin.
    fn classified(&mut self, e: Expr, name: &str) -> Option<Truth> {
        let text = match name {
            // of num-traits
            "is_zero" => "a == 0",
            "is_one" => "a == 1",
            "is_nan" => "!(a == a)",
            "is_finite" => "abs(a) <= 1.7976931348623157e308",
            "is_infinite" => "1.7976931348623157e308 < abs(a)",
            "is_sign_negative" => "copysign(1, a) < 0",
            "is_sign_positive" => "0 < copysign(1, a)",
            _ => return None,
        };
        let truth = ir::template(&mut self.program, text, &[("a", e)]);
        Some(match self.program.arena.as_const(truth) {
            Some(c) => Truth::Known(!c.is_zero()),
            None => Truth::Open(truth),
        })
    }

    fn synonym(&mut self, name: &str, args: &[Expr]) -> Expr {
        let synonym = SYNONYMS.iter().find(|s| s.name == name).expect("a known method");
        if synonym.means == "pow(a, b)" {
            // of a sum of squares it is a length, as its root is
            let half = self.program.arena.as_const(args[1]).is_some_and(|c| c.to_f64() == 0.5);
            return match half && !self.program.strict {
                true => self.folded(Op::Sqrt, vec![args[0]]),
                false => self.program.arena.pow(args[0], args[1]),
            };
        }
        let bindings: Vec<(&str, Expr)> = ["a", "b", "c"].into_iter().zip(args.iter().copied()).collect();
        ir::template(&mut self.program, synonym.means, &bindings)
    }

    fn array_method(&mut self, t: Tensor, name: &str, call: &syn::ExprMethodCall, span: Span) -> Eval {
        let rank = t.shape.len();
        let int = |a: &Affine| Value::position(a.clone());
        match (name, call.args.len()) {
            ("t" | "reversed_axes", 0) => {
                let order: Vec<usize> = (0..rank).rev().collect();
                Ok(Value::Tensor(self.permuted(&t, &order)))
            }
            ("dot", 1) => match self.referent(&call.args[0])? {
                Value::Tensor(other) => self.dot(t, other, span),
                other => self.fail(call.args[0].span(), format!("expected an ndarray, found {}", other.kind()), ""),
            },
            ("sum", 0) => self.sum(&t, None, span),
            ("mean", 0) => self.mean(&t, None, span),
            ("sum_axis" | "mean_axis", 1) => {
                let axis = self.axis(&call.args[0])?;
                if name == "sum_axis" {
                    self.sum(&t, Some(axis), span)
                } else {
                    self.mean(&t, Some(axis), span)
                }
            }
            ("row" | "column", 1) if rank == 2 => {
                let at = Slice::At(self.integer(&call.args[0])?);
                let whole = Slice::Range(Affine::from(0), None, 1);
                let slices = if name == "row" { [at, whole] } else { [whole, at] };
                self.slice(t, &slices, span)
            }
            ("index_axis", 2) => {
                let axis = self.axis(&call.args[0])?;
                let at = self.integer(&call.args[1])?;
                let mut slices = vec![Slice::Range(Affine::from(0), None, 1); rank];
                match slices.get_mut(axis) {
                    Some(slice) => *slice = Slice::At(at),
                    None => return self.fail(call.args[0].span(), format!("an array of rank {rank} has no such axis"), ""),
                }
                self.slice(t, &slices, span)
            }
            ("insert_axis", 1) => {
                let axis = self.axis(&call.args[0])?;
                let mut slices = vec![Slice::Range(Affine::from(0), None, 1); rank];
                if axis > rank {
                    return self.fail(call.args[0].span(), format!("an array of rank {rank} has no such axis"), "");
                }
                slices.insert(axis, Slice::New);
                self.slice(t, &slices, span)
            }
            ("diag", 0) if rank == 2 => self.diagonal(&t, span),
            ("slice", 1) => match self.expr(&call.args[0])? {
                Value::Slices(slices) => self.slice(t, &slices, span),
                other => self.fail(call.args[0].span(), format!("expected `s![…]`, found {}", other.kind()), ""),
            },
            ("mapv" | "map" | "mapv_into", 1) => {
                let f = self.callable(&call.args[0])?;
                let at = call.args[0].span();
                self.map(Value::Tensor(t), span, &mut |r, e| match r.invoke(&f, vec![Value::Float(e)], at)? {
                    Value::Float(e) => Ok(e),
                    other => r.fail(at, format!("the closure returns {}", other.kind()), "it must return a float"),
                })
            }
            ("len", 0) => match t.shape.as_slice() {
                [n] => Ok(int(n)),
                shape => match shape.iter().map(|n| self.lengths.resolve(n).known()).product::<Option<i64>>() {
                    Some(n) => Ok(Value::position(n)),
                    None => self.fail(span, "`len` of an array of several axes of unknown length", "use `nrows()`, `ncols()` or `shape()`"),
                },
            },
            ("nrows", 0) if rank == 2 => Ok(int(&t.shape[0])),
            ("ncols", 0) if rank == 2 => Ok(int(&t.shape[1])),
            ("shape", 0) => Ok(Value::Array(t.shape.iter().map(int).collect())),
            ("dim", 0) if rank == 1 => Ok(int(&t.shape[0])),
            ("dim", 0) => Ok(Value::Tuple(t.shape.iter().map(int).collect())),
            _ => {
                if let Some(value) = self.ndarray_method(&t, name, call, span)? {
                    return Ok(value);
                }
                let unary = methods();
                if t.library == Library::Ndarray && unary.iter().any(|(n, _)| *n == name) {
                    let arguments = self.arguments(&call.args)?;
                    return self.float_method(Value::Tensor(t), name, arguments, span);
                }
                let known = ARRAY_METHODS.into_iter().chain(unary.iter().map(|(n, _)| *n));
                let kind = if t.library == Library::Ndarray { "an ndarray of this rank" } else { "a slice" };
                self.no_method(name, kind, known, span)
            }
        }
    }

    pub(super) fn axis(&mut self, e: &syn::Expr) -> Eval<usize> {
        match self.expr(e)? {
            Value::Axis(k) => Ok(k),
            other => self.fail(e.span(), format!("expected `Axis(…)`, found {}", other.kind()), ""),
        }
    }

    /// `rows`, `columns`, `outer_iter` and `axis_iter`: the parts along an axis, one after another.
    fn outer_method(&mut self, t: Tensor, name: &str, call: &syn::ExprMethodCall, span: Span) -> Eval {
        let axis = match (name, call.args.len()) {
            ("rows" | "outer_iter", 0) => 0,
            ("columns", 0) => 1,
            ("axis_iter", 1) => self.axis(&call.args[0])?,
            _ => return self.no_method(name, "an ndarray", ["rows", "columns", "outer_iter", "axis_iter"], span),
        };
        if axis >= t.shape.len() {
            return self.fail(span, format!("an array of rank {} has no such axis", t.shape.len()), "");
        }
        let index = self.program.index(t.shape[axis].clone());
        let part = |at: Affine| {
            let mut slices = vec![Slice::Range(Affine::from(0), None, 1); axis];
            slices.push(Slice::At(at));
            slices
        };
        if let Some(n) = self.lengths.resolve(&t.shape[axis]).known() {
            return Ok(Value::Array((0..n).map(|k| self.slice(t.clone(), &part(Affine::from(k)), span)).collect::<Eval<_>>()?));
        }
        let item = self.slice(t, &part(Affine::from(index)), span)?;
        Ok(Value::Stream(Stream { indices: vec![index], item: Box::new(item), pending: Vec::new() }))
    }

    pub(super) fn mean(&mut self, t: &Tensor, axis: Option<usize>, span: Span) -> Eval {
        let sum = self.sum(t, axis, span)?;
        let count = self.count(t, axis);
        let mean = self.map(sum, span, &mut |r, e| Ok(r.folded(Op::Div, vec![e, count])))?;
        let there = self.is_filled_along(t, axis);
        Ok(Value::Option(there, Box::new(mean)))
    }

    pub(super) fn macro_call(&mut self, mac: &syn::Macro) -> Eval {
        let name = mac.path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default();
        let span = mac.path.span();
        match name.as_str() {
            "vec" if repeats(&mac.tokens) => {
                let parts =
                    (|input: ParseStream| Ok((input.parse::<syn::Expr>()?, input.parse::<Token![;]>()?, input.parse::<syn::Expr>()?)))
                        .parse2(mac.tokens.clone());
                let (value, _, length) = self.parsed(parts)?;
                let value = self.expr(&value)?;
                let at = self.integer(&length)?;
                self.repeated(value, at, length.span())
            }
            "vector" | "dvector" | "matrix" | "dmatrix" | "point" if !self.is_own_macro(&name) => self.matrix_macro(mac),
            "array" | "vec" => {
                let items = Punctuated::<syn::Expr, Token![,]>::parse_terminated.parse2(mac.tokens.clone());
                let items = self.parsed(items)?;
                let nested = Value::Array(items.iter().map(|e| self.expr(e)).collect::<Eval<_>>()?);
                if name == "vec" {
                    return Ok(nested);
                }
                self.nested(&nested, span)
            }
            "stack" | "concatenate" => {
                let parts = Punctuated::<syn::Expr, Token![,]>::parse_terminated.parse2(mac.tokens.clone());
                let parts = self.parsed(parts)?;
                let mut parts = parts.iter();
                let Some(axis) = parts.next() else { return self.fail(span, "expected an axis", "") };
                let axis = self.axis(axis)?;
                let parts = parts.map(|e| self.expr(e)).collect::<Eval<_>>()?;
                self.joined(&name, axis, parts, span)
            }
            name if CHECKS.contains(&name) => Ok(Value::unit()),
            name if ENDS.contains(&name) => Err(Stop::Jumped),
            "s" => {
                let slices = (|input: ParseStream| {
                    let mut out = Vec::new();
                    while !input.is_empty() {
                        let e: syn::Expr = input.parse()?;
                        let step = if input.peek(Token![;]) {
                            input.parse::<Token![;]>()?;
                            Some(input.parse::<syn::Expr>()?)
                        } else {
                            None
                        };
                        out.push((e, step));
                        if !input.is_empty() {
                            input.parse::<Token![,]>()?;
                        }
                    }
                    Ok(out)
                })
                .parse2(mac.tokens.clone());
                let slices = self.parsed(slices)?;
                Ok(Value::Slices(slices.iter().map(|(e, step)| self.one_slice(e, step.as_ref())).collect::<Eval<_>>()?))
            }
            "matches" => {
                let parts = (|input: ParseStream| {
                    let e = input.parse::<syn::Expr>()?;
                    input.parse::<Token![,]>()?;
                    let pattern = syn::Pat::parse_multi_with_leading_vert(input)?;
                    let guard = if input.peek(Token![if]) {
                        input.parse::<Token![if]>()?;
                        Some(input.parse::<syn::Expr>()?)
                    } else {
                        None
                    };
                    let _: Option<Token![,]> = input.parse()?;
                    Ok((e, pattern, guard))
                })
                .parse2(mac.tokens.clone());
                let (e, pattern, guard) = self.parsed(parts)?;
                let value = self.expr(&e)?;
                let matched = self.matches(&pattern, &value)?;
                match guard {
                    Some(guard) if matched != Truth::Known(false) => self.scoped(|r| {
                        r.bind(&pattern, value)?;
                        let guard = r.truth(&guard)?;
                        Ok(Value::Truth(r.both(Op::And, matched, guard)))
                    }),
                    _ => Ok(Value::Truth(matched)),
                }
            }
            _ => match self.expanded(mac)? {
                Some(tokens) => match syn::parse2::<syn::Expr>(tokens.clone()) {
                    Ok(e) => self.expr(&e),
                    Err(_) => {
                        let block = self.parsed(syn::parse2::<syn::Block>(quote::quote!({ #tokens })))?;
                        self.block(&block)
                    }
                },
                None => {
                    let help = "`array!`, `vec!`, `s!`, `stack!`, `concatenate!`, nalgebra's and those of this crate are";
                    self.fail(span, format!("the macro `{name}!` is not supported"), help)
                }
            },
        }
    }

    pub(super) fn parsed<T>(&mut self, result: syn::Result<T>) -> Eval<T> {
        result.map_err(|e| {
            self.error(e.span(), e.to_string());
            Stop::Reported
        })
    }

    fn one_slice(&mut self, e: &syn::Expr, step: Option<&syn::Expr>) -> Eval<Slice> {
        let step = match step {
            None => 1,
            Some(e) => match self.integer(e)?.known() {
                Some(k) if k != 0 => k,
                _ => return self.fail(e.span(), "the step must be a literal other than 0", ""),
            },
        };
        match e {
            syn::Expr::Range(range) => {
                let from = range.start.as_ref().map_or(Ok(Affine::from(0)), |e| self.integer(e))?;
                let to = range.end.as_ref().map(|e| self.integer(e)).transpose()?;
                let closed = matches!(range.limits, syn::RangeLimits::Closed(_));
                let to = to.map(|a| a.plus(&Affine::from(1), i64::from(closed)));
                Ok(Slice::Range(from, to, step))
            }
            syn::Expr::Path(p) if p.path.segments.last().is_some_and(|s| s.ident == "NewAxis") => Ok(Slice::New),
            e => Ok(Slice::At(self.integer(e)?)),
        }
    }
}

/// The range that an expression is.
fn float_range(e: &syn::Expr) -> Option<&syn::ExprRange> {
    match e {
        syn::Expr::Paren(p) => float_range(&p.expr),
        syn::Expr::Range(range) => Some(range),
        _ => None,
    }
}

/// Whether a macro is one that the front knows itself.
pub(super) fn is_read(mac: &syn::Macro) -> bool {
    let read = || MACROS.iter().map(|name| name.trim_end_matches('!'));
    mac.path.segments.last().is_some_and(|s| read().chain(CHECKS).chain(ENDS).any(|name| s.ident == name))
}

/// Whether the tokens of a `vec!` are a value and how often it stands there.
fn repeats(tokens: &proc_macro2::TokenStream) -> bool {
    tokens.clone().into_iter().any(|t| matches!(t, proc_macro2::TokenTree::Punct(p) if p.as_char() == ';'))
}

/// The length in `from_fn::<_, 3, _>`.
fn turbofish_length(path: &syn::ExprPath) -> Option<syn::Expr> {
    let syn::PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else { return None };
    match arguments.args.iter().nth(1)? {
        syn::GenericArgument::Const(length) => Some(length.clone()),
        syn::GenericArgument::Type(syn::Type::Path(p)) => {
            Some(syn::Expr::Path(syn::ExprPath { attrs: Vec::new(), qself: None, path: p.path.clone() }))
        }
        _ => None,
    }
}

fn is_method(op: Op) -> bool {
    matches!(op.entry().syntax, Syntax::Method) && op != Op::Pow
}

/// The methods of floats, with the number of arguments, the receiver included.
pub(super) fn methods() -> Vec<(&'static str, usize)> {
    let operators = Op::ALL.iter().filter(|op| is_method(**op)).map(|op| (op.name(), op.entry().arity));
    operators.chain(SYNONYMS.iter().map(|s| (s.name, s.arity))).chain([("sin_cos", 1)]).collect()
}
