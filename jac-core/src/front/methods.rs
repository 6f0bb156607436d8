//! Calls: functions, methods and macros.

use super::body::{Eval, Reader, Stop};
use super::value::{Closure, Slice, Tensor, Value};
use crate::diag::did_you_mean;
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
pub(super) const ARRAY_METHODS: [&str; 25] = [
    "t",
    "reversed_axes",
    "dot",
    "sum",
    "sum_axis",
    "mean",
    "mean_axis",
    "row",
    "column",
    "diag",
    "insert_axis",
    "index_axis",
    "slice",
    "mapv",
    "map",
    "mapv_into",
    "len",
    "nrows",
    "ncols",
    "shape",
    "dim",
    "clone",
    "to_owned",
    "into_owned",
    "view",
];

/// Methods that `f64` has and jac does not read.
const UNSUPPORTED: [&str; 24] = [
    "abs_sub",
    "classify",
    "div_euclid",
    "gamma",
    "is_finite",
    "is_infinite",
    "is_nan",
    "is_normal",
    "is_sign_negative",
    "is_sign_positive",
    "is_subnormal",
    "ln_gamma",
    "maximum",
    "midpoint",
    "minimum",
    "next_down",
    "next_up",
    "rem_euclid",
    "round_ties_even",
    "to_be_bytes",
    "to_bits",
    "to_le_bytes",
    "to_ne_bytes",
    "total_cmp",
];

/// What can be applied to values.
enum Callable {
    Closure(Rc<Closure>),
    Method(String),
}

impl Reader<'_> {
    fn callable(&mut self, e: &syn::Expr) -> Eval<Callable> {
        if let syn::Expr::Path(path) = e {
            let segments: Vec<String> = path.path.segments.iter().map(|s| s.ident.to_string()).collect();
            match segments.as_slice() {
                [name] => {
                    if let Some(closure) = self.closure(name) {
                        return Ok(Callable::Closure(closure));
                    }
                }
                [.., ty, name] if ty == "f64" || ty == "f32" => return Ok(Callable::Method(name.clone())),
                _ => {}
            }
        }
        match self.expr(e)? {
            Value::Closure(closure) => Ok(Callable::Closure(closure)),
            other => self.fail(e.span(), format!("expected a closure, found {}", other.kind()), ""),
        }
    }

    fn invoke(&mut self, callable: &Callable, mut arguments: Vec<Value>, span: Span) -> Eval {
        match callable {
            Callable::Closure(closure) => self.call_closure(closure, arguments, span),
            Callable::Method(name) if arguments.is_empty() => self.fail(span, format!("`{name}` without arguments"), ""),
            Callable::Method(name) => {
                let receiver = arguments.remove(0);
                self.float_method(receiver, name, arguments, span)
            }
        }
    }

    pub(super) fn call(&mut self, call: &syn::ExprCall) -> Eval {
        let syn::Expr::Path(path) = &*call.func else {
            let callable = self.callable(&call.func)?;
            let arguments = call.args.iter().map(|a| self.expr(a)).collect::<Eval<_>>()?;
            return self.invoke(&callable, arguments, call.span());
        };
        let segments: Vec<String> = path.path.segments.iter().map(|s| s.ident.to_string()).collect();
        let name = segments.last().cloned().unwrap_or_default();
        let owner = segments.len().checked_sub(2).map_or("", |k| segments[k].as_str());
        if let (1, Some(closure)) = (segments.len(), self.closure(&name)) {
            let arguments = call.args.iter().map(|a| self.expr(a)).collect::<Eval<_>>()?;
            return self.call_closure(&closure, arguments, call.span());
        }
        let mut arguments: Vec<Value> = call.args.iter().map(|a| self.expr(a)).collect::<Eval<_>>()?;
        let span = call.func.span();
        match (owner, name.as_str(), arguments.as_slice()) {
            (_, "Axis", [Value::Int(k)]) => match k.known() {
                Some(k @ 0..=5) => Ok(Value::Axis(k as usize)),
                _ => self.fail(call.args.span(), "the axis must be a literal", ""),
            },
            ("f64" | "f32", "from", [Value::Int(a)]) => Ok(Value::Float(self.program.arena.integer(a.clone()))),
            ("f64" | "f32", "from", [Value::Float(_)]) => Ok(arguments.remove(0)),
            ("f64" | "f32", _, [_, ..]) => {
                let receiver = arguments.remove(0);
                self.float_method(receiver, &name, arguments, span)
            }
            (_, "arr1" | "arr2" | "arr3" | "from_vec", [nested]) => self.nested(&nested.clone(), call.args.span()),
            (array, "zeros" | "ones" | "eye" | "from_elem", [shape, ..]) if array.starts_with("Array") => {
                let lengths = self.positions(shape, call.args.span())?;
                match (name.as_str(), arguments.get(1), lengths.as_slice()) {
                    ("eye", None, [n]) => Ok(Value::Tensor(self.identity(n))),
                    ("zeros" | "ones", None, lengths) => {
                        let fill = self.program.arena.constant(i64::from(name == "ones"));
                        Ok(Value::Tensor(self.filled(lengths, fill)))
                    }
                    ("from_elem", Some(Value::Float(e)), lengths) => Ok(Value::Tensor(self.filled(lengths, *e))),
                    _ => self.fail(call.args.span(), format!("these are not the arguments of `{name}`"), ""),
                }
            }
            _ => {
                let help = "write it as a closure or a nested `fn` inside this function";
                self.fail(span, format!("cannot see the function `{}` from here", segments.join("::")), help)
            }
        }
    }

    pub(super) fn method_call(&mut self, call: &syn::ExprMethodCall) -> Eval {
        let receiver = self.expr(&call.receiver)?;
        let name = call.method.to_string();
        let span = call.method.span();
        if TRANSPARENT.contains(&name.as_str()) && call.args.is_empty() {
            return Ok(receiver);
        }
        match receiver {
            Value::Tensor(t) => self.array_method(t, &name, call, span),
            Value::Some(inner) if matches!(name.as_str(), "unwrap" | "expect") => Ok(*inner),
            Value::Array(items) => match (name.as_str(), call.args.len()) {
                ("len", 0) => Ok(Value::Int(Affine::from(items.len() as i64))),
                ("map", 1) => {
                    let f = self.callable(&call.args[0])?;
                    let items = items.into_iter().map(|item| self.invoke(&f, vec![item], span)).collect::<Eval<_>>()?;
                    Ok(Value::Array(items))
                }
                ("iter" | "into_iter", 0) => Ok(Value::Array(items)),
                ("sum", 0) => {
                    let mut es = Vec::new();
                    self.flatten(&Value::Array(items), 0, &mut Vec::new(), &mut es, span)?;
                    Ok(Value::Float(self.chain(Op::Add, 0, &es)))
                }
                _ => self.no_method(&name, "an array", ["len", "map", "iter", "sum"], span),
            },
            Value::Tuple(_) | Value::Axis(_) | Value::Closure(_) | Value::Slices(_) | Value::Some(_) => {
                self.no_method(&name, receiver.kind(), [], span)
            }
            Value::Range(from, to) => match name.as_str() {
                "rev" => {
                    let (Some(from), Some(to)) = (from.known(), to.known()) else {
                        return self.fail(span, "the bounds of this range are not known at compile time", "");
                    };
                    Ok(Value::Array((from..to).rev().map(|k| Value::Int(Affine::from(k))).collect()))
                }
                _ => self.no_method(&name, "a range", ["rev"], span),
            },
            Value::Poison => Err(Stop::Reported),
            receiver => {
                let arguments = call.args.iter().map(|a| self.expr(a)).collect::<Eval<_>>()?;
                self.float_method(receiver, &name, arguments, span)
            }
        }
    }

    fn no_method<'k>(&mut self, name: &str, kind: &str, known: impl IntoIterator<Item = &'k str>, span: Span) -> Eval {
        let near = did_you_mean(name, known).map(|n| format!("a method with a similar name exists: `{n}`"));
        let help = near.unwrap_or_else(|| "the README lists the methods that are supported".into());
        self.fail(span, format!("no method named `{name}` for {kind}"), &help)
    }

    /// A method of `f64`, applied to a float, an integer or every element of an array.
    fn float_method(&mut self, receiver: Value, name: &str, arguments: Vec<Value>, span: Span) -> Eval {
        if let Value::Int(a) = &receiver {
            return self.integer_method(a, name, &arguments, span);
        }
        if let (Value::Float(e), "sin_cos", 0) = (&receiver, name, arguments.len()) {
            let sin = self.folded(Op::Sin, vec![*e]);
            let cos = self.folded(Op::Cos, vec![*e]);
            return Ok(Value::Tuple(vec![Value::Float(sin), Value::Float(cos)]));
        }
        let known = methods();
        if !known.iter().any(|(n, _)| *n == name) {
            if UNSUPPORTED.contains(&name) || !matches!(receiver, Value::Float(_)) {
                return self.no_method(name, receiver.kind(), known.iter().map(|(n, _)| *n), span);
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
            rest.push(match argument {
                Value::Float(e) => e,
                Value::Int(a) => self.program.arena.integer(a),
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

    fn synonym(&mut self, name: &str, args: &[Expr]) -> Expr {
        let synonym = SYNONYMS.iter().find(|s| s.name == name).expect("a known method");
        if synonym.means == "pow(a, b)" {
            return self.program.arena.pow(args[0], args[1]);
        }
        let bindings: Vec<(&str, Expr)> = ["a", "b", "c"].into_iter().zip(args.iter().copied()).collect();
        ir::template(&mut self.program, synonym.means, &bindings)
    }

    fn integer_method(&mut self, a: &Affine, name: &str, arguments: &[Value], span: Span) -> Eval {
        let other = match arguments {
            [] => None,
            [Value::Int(b)] => b.known(),
            _ => return self.fail(span, format!("`{name}` of an integer"), ""),
        };
        let value = match (name, a.known(), other) {
            ("abs", Some(a), None) => Some(a.abs()),
            ("pow", Some(a), Some(b)) => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
            ("min", Some(a), Some(b)) => Some(a.min(b)),
            ("max", Some(a), Some(b)) => Some(a.max(b)),
            ("saturating_sub", Some(a), Some(b)) => Some((a - b).max(0)),
            ("abs_diff", Some(a), Some(b)) => Some((a - b).abs()),
            _ => None,
        };
        match value {
            Some(v) => Ok(Value::Int(Affine::from(v))),
            None => self.fail(span, format!("cannot evaluate `{name}` of an integer at compile time"), ""),
        }
    }

    fn array_method(&mut self, t: Tensor, name: &str, call: &syn::ExprMethodCall, span: Span) -> Eval {
        let rank = t.shape.len();
        let int = |a: &Affine| Value::Int(a.clone());
        match (name, call.args.len()) {
            ("t" | "reversed_axes", 0) => {
                let order: Vec<usize> = (0..rank).rev().collect();
                Ok(Value::Tensor(self.permuted(&t, &order)))
            }
            ("dot", 1) => match self.expr(&call.args[0])? {
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
                    Some(n) => Ok(Value::Int(Affine::from(n))),
                    None => self.fail(span, "`len` of an array of several axes of unknown length", "use `nrows()`, `ncols()` or `shape()`"),
                },
            },
            ("nrows", 0) if rank == 2 => Ok(int(&t.shape[0])),
            ("ncols", 0) if rank == 2 => Ok(int(&t.shape[1])),
            ("shape", 0) => Ok(Value::Array(t.shape.iter().map(int).collect())),
            ("dim", 0) if rank == 1 => Ok(int(&t.shape[0])),
            ("dim", 0) => Ok(Value::Tuple(t.shape.iter().map(int).collect())),
            _ => {
                let unary = methods();
                if t.ndarray && unary.iter().any(|(n, _)| *n == name) {
                    let arguments = call.args.iter().map(|a| self.expr(a)).collect::<Eval<_>>()?;
                    return self.float_method(Value::Tensor(t), name, arguments, span);
                }
                let known = ARRAY_METHODS.into_iter().chain(unary.iter().map(|(n, _)| *n));
                self.no_method(name, "an ndarray of this rank", known, span)
            }
        }
    }

    fn axis(&mut self, e: &syn::Expr) -> Eval<usize> {
        match self.expr(e)? {
            Value::Axis(k) => Ok(k),
            other => self.fail(e.span(), format!("expected `Axis(…)`, found {}", other.kind()), ""),
        }
    }

    fn mean(&mut self, t: &Tensor, axis: Option<usize>, span: Span) -> Eval {
        let sum = self.sum(t, axis, span)?;
        let count = self.count(t, axis);
        let mean = self.map(sum, span, &mut |r, e| Ok(r.folded(Op::Div, vec![e, count])))?;
        Ok(Value::Some(Box::new(mean)))
    }

    pub(super) fn macro_call(&mut self, mac: &syn::Macro) -> Eval {
        let name = mac.path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default();
        let span = mac.path.span();
        match name.as_str() {
            "array" | "vec" => {
                let items = Punctuated::<syn::Expr, Token![,]>::parse_terminated.parse2(mac.tokens.clone());
                let items = self.parsed(items)?;
                let nested = Value::Array(items.iter().map(|e| self.expr(e)).collect::<Eval<_>>()?);
                if name == "vec" {
                    return Ok(nested);
                }
                self.nested(&nested, span)
            }
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
            _ => self.fail(span, format!("the macro `{name}!` is not supported"), "`array!`, `vec!` and `s!` are"),
        }
    }

    fn parsed<T>(&mut self, result: syn::Result<T>) -> Eval<T> {
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

fn is_method(op: Op) -> bool {
    matches!(op.entry().syntax, Syntax::Method) && op != Op::Pow
}

/// The methods of floats, with the number of arguments, the receiver included.
pub(super) fn methods() -> Vec<(&'static str, usize)> {
    let operators = Op::ALL.iter().filter(|op| is_method(**op)).map(|op| (op.name(), op.entry().arity));
    operators.chain(SYNONYMS.iter().map(|s| (s.name, s.arity))).chain([("sin_cos", 1)]).collect()
}
