//! Statements and expressions.

use super::lengths::Lengths;
use super::value::{Closure, Elements, Slice, Tensor, Truth, Value};
use crate::diag::{did_you_mean, Diagnostic, Diagnostics, Reported};
use crate::interface::{Interface, ParamKind, Ty};
use crate::ir::{self, Affine, Body, Constant, Definition, Expr, Float, Node, Program, Role, Symbol};
use crate::ops::Op;
use proc_macro2::{Span, TokenTree};
use quote::ToTokens;
use std::rc::Rc;
use syn::spanned::Spanned;
use syn::{BinOp, Block, Lit, Pat, Stmt, UnOp};

/// Unrolled loops may not make more expressions than this.
const LARGEST: usize = 400_000;

/// Expressions may not nest deeper; rustc itself gives up at about a thousand.
const DEEPEST: usize = 200;

/// Why the evaluation of an expression has no value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stop {
    /// A mistake was reported.
    Reported,
    /// The function returned.
    Returned,
}

impl From<Reported> for Stop {
    fn from(_: Reported) -> Self {
        Stop::Reported
    }
}

pub(super) type Eval<T = Value> = Result<T, Stop>;

/// A path to a variable or a part of one.
struct Place {
    slot: usize,
    path: Vec<(Value, Span)>,
}

pub(super) struct Reader<'a> {
    pub(super) program: Program,
    pub(super) lengths: Lengths,
    pub(super) diagnostics: &'a mut Diagnostics,
    slots: Vec<Value>,
    scope: Vec<(String, usize)>,
    /// Values returned early, under the condition that they are.
    returns: Vec<(Option<Expr>, Value)>,
    calls: usize,
    depth: usize,
}

/// Reads the body; `None` where a mistake was reported.
pub(super) fn read(interface: &Interface, program: Program, lengths: Lengths, diagnostics: &mut Diagnostics) -> Option<Program> {
    let mut reader =
        Reader { program, lengths, diagnostics, slots: Vec::new(), scope: Vec::new(), returns: Vec::new(), calls: 0, depth: 0 };
    let patterns = interface.item.sig.inputs.iter().filter_map(|input| match input {
        syn::FnArg::Typed(typed) => Some(&*typed.pat),
        syn::FnArg::Receiver(_) => None,
    });
    for (param, pattern) in interface.params.iter().zip(patterns) {
        let value = reader.param(&param.kind);
        reader.bind(pattern, value).ok()?;
    }
    let result = reader.body(|r| r.block(&interface.item.block));
    let value = match result {
        Ok(value) => value,
        Err(_) => return None,
    };
    let span = interface.item.block.stmts.last().map_or_else(|| interface.item.sig.ident.span(), Spanned::span);
    let values = match value {
        Value::Tuple(values) if interface.tuple => values,
        single => vec![single],
    };
    let count = values.len();
    for (k, (ty, value)) in interface.outputs.iter().zip(values).enumerate() {
        let name = if count == 1 { "y".to_owned() } else { format!("y{k}") };
        let output = reader.output(&name, ty, value, span).ok()?;
        reader.program.outputs.push(output);
    }
    reader.diagnostics.is_empty().then(|| reader.finish())
}

impl Reader<'_> {
    pub(super) fn error(&mut self, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.diagnostics.error(span, message)
    }

    pub(super) fn fail<T>(&mut self, span: Span, message: impl Into<String>, help: &str) -> Eval<T> {
        let error = self.error(span, message);
        if !help.is_empty() {
            error.help(help);
        }
        Err(Stop::Reported)
    }

    fn param(&mut self, kind: &ParamKind) -> Value {
        match kind {
            ParamKind::Float(ty, tensor, _) => {
                let shape = self.program.info(*tensor).shape.clone();
                let known: Option<Vec<usize>> = shape.iter().map(|n| n.known().map(|n| n as usize)).collect();
                match (ty, known) {
                    (Ty::Array(_), Some(known)) => self.array_param(*tensor, &known, &mut Vec::new()),
                    (Ty::Scalar, _) => Value::Float(self.program.arena.insert(Node::Access(*tensor, Vec::new()))),
                    _ => Value::Tensor(self.whole(*tensor, matches!(ty, Ty::Nd(_)))),
                }
            }
            ParamKind::Truth(tensor, _) => Value::Truth(Truth::Open(self.program.arena.insert(Node::Access(*tensor, Vec::new())))),
            ParamKind::Integer(size, _) => Value::Int(Affine::from(*size)),
            ParamKind::Other => Value::Poison,
        }
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
    pub(super) fn whole(&mut self, tensor: ir::Tensor, ndarray: bool) -> Tensor {
        let shape = self.program.info(tensor).shape.clone();
        let indices = self.program.axes(&shape);
        let at = indices.iter().map(|i| Affine::from(*i)).collect();
        let body = self.program.arena.insert(Node::Access(tensor, at));
        Tensor { shape, elements: Elements::Each(indices, body), ndarray }
    }

    /// Runs the body of a function or closure: its early returns end here.
    fn body(&mut self, run: impl FnOnce(&mut Self) -> Eval) -> Eval {
        let outer = std::mem::take(&mut self.returns);
        let tail = run(self);
        let mut returns = std::mem::replace(&mut self.returns, outer);
        let mut value = match tail {
            Ok(value) => value,
            Err(Stop::Reported) => return Err(Stop::Reported),
            // everything returned: what is left when all conditions fail is the last of them
            Err(Stop::Returned) => returns.pop().expect("a return was recorded").1,
        };
        for (condition, returned) in returns.into_iter().rev() {
            value = match condition {
                None => returned,
                Some(c) => self.branch_value(c, returned, value)?,
            };
        }
        Ok(value)
    }

    fn output(&mut self, name: &str, ty: &Ty, value: Value, span: Span) -> Eval<ir::Tensor> {
        match (ty, value) {
            (Ty::Scalar, Value::Float(e)) => Ok(self.program.define(name, Vec::new(), e)),
            (Ty::Array(_), value @ Value::Array(_)) => {
                let mut elements = Vec::new();
                let mut shape = Vec::new();
                self.flatten(&value, 0, &mut shape, &mut elements, span)?;
                Ok(self.define_elements(name, shape, elements))
            }
            (Ty::Array(_) | Ty::Nd(_), Value::Tensor(t)) => {
                let t = self.flexible_to_output(t);
                match &t.elements {
                    Elements::List(es) => Ok(self.define_elements(name, t.shape.clone(), es.clone())),
                    Elements::Each(indices, e) => match self.as_definition(indices, *e) {
                        Some(t) if !self.program.outputs.contains(&t) => Ok(t),
                        _ => Ok(self.program.define(name, indices.clone(), *e)),
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
                let same = at.len() == indices.len() && at.iter().zip(indices).all(|(a, i)| a.as_index() == Some(*i));
                same.then_some(*t)
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
            Value::Poison => Err(Stop::Reported),
            other => self.fail(span, format!("expected floats, found {}", other.kind()), ""),
        }
    }

    /// Puts the lengths that were found equal everywhere and names the rest.
    fn finish(mut self) -> Program {
        let lengths = &self.lengths;
        let program = &mut self.program;
        for n in program.indices.iter_mut().chain(program.tensors.iter_mut().flat_map(|t| &mut t.shape)) {
            *n = lengths.resolve(n);
        }
        let resolve = |s: Symbol| match s {
            Symbol::Size(n) => Some(lengths.resolve(&Affine::from(n))),
            Symbol::Index(_) => None,
        };
        let roots: Vec<Expr> = program.roots().into_iter().map(|e| program.arena.substitute(e, &resolve)).collect();
        program.set_roots(&roots);
        for k in 0..program.tensors.len() {
            if program.tensors[k].name.starts_with("__") {
                let taken = |name: &str| program.tensors.iter().any(|t| t.name == name) || program.sizes.iter().any(|s| s.name == name);
                let name = (1..).map(|k| format!("t{k}")).find(|n| !taken(n)).expect("some name is free");
                program.tensors[k].name = name;
            }
        }
        let mut used: Vec<ir::Size> = Vec::new();
        for n in program.tensors.iter().flat_map(|t| &t.shape).chain(&program.indices) {
            used.extend(n.terms().iter().filter_map(|(s, _)| match s {
                Symbol::Size(n) => Some(*n),
                Symbol::Index(_) => None,
            }));
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

    // ---- scopes ----

    fn declare(&mut self, name: String, value: Value) {
        self.slots.push(value);
        self.scope.push((name, self.slots.len() - 1));
    }

    fn slot(&self, name: &str) -> Option<usize> {
        self.scope.iter().rev().find(|(n, _)| n == name).map(|(_, slot)| *slot)
    }

    fn scoped<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.scope.len();
        let value = run(self);
        self.scope.truncate(outer);
        value
    }

    fn bind(&mut self, pattern: &Pat, value: Value) -> Eval<()> {
        match pattern {
            Pat::Ident(p) => {
                if let (Some(token), Some(_)) = (p.by_ref, p.mutability) {
                    return self.fail(token.span(), "a mutable reference is not supported", "assign to the variable itself");
                }
                if p.subpat.is_some() {
                    return self.fail(p.span(), "`@` patterns are not supported", "bind the value and its parts in two `let`s");
                }
                let name = p.ident.to_string();
                let value = self.name(&name, value);
                self.declare(name, value);
                Ok(())
            }
            Pat::Wild(_) => Ok(()),
            Pat::Type(p) => self.bind(&p.pat, value),
            Pat::Paren(p) => self.bind(&p.pat, value),
            Pat::Reference(p) => self.bind(&p.pat, value),
            Pat::Tuple(syn::PatTuple { elems, .. }) | Pat::Slice(syn::PatSlice { elems, .. }) => {
                let items = match value {
                    Value::Tuple(items) | Value::Array(items) => items,
                    Value::Poison => vec![Value::Poison; elems.len()],
                    other => return self.fail(pattern.span(), format!("this pattern does not match {}", other.kind()), ""),
                };
                let rest = elems.iter().position(|p| matches!(p, Pat::Rest(_)));
                let fits = if rest.is_some() { elems.len() - 1 <= items.len() } else { elems.len() == items.len() };
                if !fits {
                    return self.fail(pattern.span(), format!("this pattern does not match {} parts", items.len()), "");
                }
                let skip = rest.map_or(0, |_| items.len() + 1 - elems.len());
                let mut items = items.into_iter();
                for p in elems {
                    if matches!(p, Pat::Rest(_)) {
                        items.by_ref().take(skip).for_each(drop);
                    } else {
                        let item = items.next().expect("lengths were compared");
                        self.bind(p, item)?;
                    }
                }
                Ok(())
            }
            other => self.fail(other.span(), "this pattern is not supported", "bind names, tuples and arrays of names"),
        }
    }

    /// Poisons every name of a pattern, so that its uses are not reported again.
    fn poison(&mut self, pattern: &Pat) {
        match pattern {
            Pat::Ident(p) => self.declare(p.ident.to_string(), Value::Poison),
            Pat::Type(p) => self.poison(&p.pat),
            Pat::Paren(p) => self.poison(&p.pat),
            Pat::Reference(p) => self.poison(&p.pat),
            Pat::Tuple(syn::PatTuple { elems, .. }) | Pat::Slice(syn::PatSlice { elems, .. }) => elems.iter().for_each(|p| self.poison(p)),
            _ => {}
        }
    }

    /// Keeps the user's name for what is bound to it.
    fn name(&mut self, name: &str, value: Value) -> Value {
        match value {
            Value::Float(e) => {
                match self.program.arena[e].clone() {
                    Node::Apply(..) => {
                        self.program.names.entry(e).or_insert_with(|| name.to_owned());
                    }
                    Node::Access(t, at) if at.is_empty() => self.rename(t, name),
                    _ => {}
                }
                Value::Float(e)
            }
            Value::Tensor(t) => Value::Tensor(self.named_tensor(name, t)),
            other => other,
        }
    }

    /// Renames a definition that has no name from the user yet.
    pub(super) fn rename(&mut self, t: ir::Tensor, name: &str) {
        let unnamed = self.program.info(t).role == Role::Defined && self.program.info(t).name.starts_with("__");
        let taken = self.program.tensors.iter().any(|t| t.name == name);
        if unnamed && !taken {
            self.program.tensors[t.0 as usize].name = name.to_owned();
        }
    }

    // ---- statements ----

    pub(super) fn block(&mut self, block: &Block) -> Eval {
        self.scoped(|r| {
            let mut failed = false;
            let mut value = Value::Tuple(Vec::new());
            for (k, stmt) in block.stmts.iter().enumerate() {
                let last = k + 1 == block.stmts.len();
                match r.statement(stmt) {
                    Ok(Some(tail)) if last => value = tail,
                    Ok(_) => {}
                    Err(Stop::Returned) => return Err(Stop::Returned),
                    Err(Stop::Reported) => failed = true,
                }
            }
            if failed {
                Err(Stop::Reported)
            } else {
                Ok(value)
            }
        })
    }

    /// Evaluates a statement; `Some` is the value of an expression without a semicolon.
    fn statement(&mut self, stmt: &Stmt) -> Eval<Option<Value>> {
        if is_conditional(stmt) {
            return self.fail(stmt.span(), "conditional compilation inside the function", "put `#[cfg]` on whole functions");
        }
        match stmt {
            Stmt::Local(local) => {
                let Some(init) = &local.init else {
                    // declared here, assigned later
                    self.poison(&local.pat);
                    if let Some((_, slot)) = self.scope.last() {
                        self.slots[*slot] = Value::Tuple(Vec::new());
                    }
                    return Ok(None);
                };
                if let Some((token, _)) = &init.diverge {
                    return self.fail(token.span(), "`let … else` is not supported", "use an `if`");
                }
                match self.expr(&init.expr) {
                    Ok(value) => self.bind(&local.pat, value).map(|()| None),
                    Err(stop) => {
                        self.poison(&local.pat);
                        Err(stop)
                    }
                }
            }
            Stmt::Expr(e, semi) => {
                let value = self.expr(e)?;
                Ok(semi.is_none().then_some(value))
            }
            Stmt::Item(syn::Item::Const(item)) => {
                let value = self.expr(&item.expr)?;
                self.declare(item.ident.to_string(), value);
                Ok(None)
            }
            Stmt::Item(syn::Item::Use(_)) => Ok(None),
            Stmt::Item(syn::Item::Fn(item)) => {
                let inputs = item.sig.inputs.iter().filter_map(|input| match input {
                    syn::FnArg::Typed(typed) => Some((*typed.pat).clone()),
                    syn::FnArg::Receiver(_) => None,
                });
                let body = syn::Expr::Block(syn::ExprBlock { attrs: Vec::new(), label: None, block: (*item.block).clone() });
                let closure = Closure { inputs: inputs.collect(), body, scope: Vec::new() };
                self.declare(item.sig.ident.to_string(), Value::Closure(Rc::new(closure)));
                Ok(None)
            }
            Stmt::Item(item) => self.fail(item.span(), "this item is not supported here", "declare it outside the function"),
            Stmt::Macro(m) => {
                let value = self.macro_call(&m.mac)?;
                Ok(m.semi_token.is_none().then_some(value))
            }
        }
    }

    // ---- expressions ----

    pub(super) fn expr(&mut self, e: &syn::Expr) -> Eval {
        if self.depth == DEEPEST {
            return self.fail(e.span(), format!("expressions nest deeper than {DEEPEST}"), "bind parts of it with `let`");
        }
        self.depth += 1;
        let value = self.expression(e);
        self.depth -= 1;
        value
    }

    fn expression(&mut self, e: &syn::Expr) -> Eval {
        match e {
            syn::Expr::Lit(lit) => self.literal(&lit.lit),
            syn::Expr::Path(path) => self.path(path),
            syn::Expr::Paren(inner) => self.expr(&inner.expr),
            syn::Expr::Group(inner) => self.expr(&inner.expr),
            syn::Expr::Reference(inner) => match inner.mutability {
                Some(token) => self.fail(token.span(), "a mutable reference is not supported", "assign to the variable itself"),
                None => self.expr(&inner.expr),
            },
            syn::Expr::Block(block) if block.label.is_none() => self.block(&block.block),
            syn::Expr::Unary(unary) => self.unary(unary),
            syn::Expr::Binary(binary) => self.binary(binary),
            syn::Expr::Assign(assign) => {
                let value = self.expr(&assign.right)?;
                self.assign(&assign.left, value)?;
                Ok(Value::Tuple(Vec::new()))
            }
            syn::Expr::If(branch) => self.branch(branch),
            syn::Expr::ForLoop(each) => self.for_loop(each),
            syn::Expr::Array(array) => Ok(Value::Array(array.elems.iter().map(|e| self.expr(e)).collect::<Eval<_>>()?)),
            syn::Expr::Tuple(tuple) => Ok(Value::Tuple(tuple.elems.iter().map(|e| self.expr(e)).collect::<Eval<_>>()?)),
            syn::Expr::Repeat(repeat) => self.repeat(repeat),
            syn::Expr::Index(index) => {
                let base = self.expr(&index.expr)?;
                let at = self.expr(&index.index)?;
                self.index(base, &at, index.index.span())
            }
            syn::Expr::Field(field) => self.field(field),
            syn::Expr::Range(range) => {
                let from = range.start.as_ref().map_or(Ok(Affine::from(0)), |e| self.integer(e))?;
                let Some(end) = &range.end else {
                    return self.fail(range.span(), "this range has no end", "write both ends");
                };
                let to = self.integer(end)?;
                let inclusive = matches!(range.limits, syn::RangeLimits::Closed(_));
                Ok(Value::Range(from, to.plus(&Affine::from(1), i64::from(inclusive))))
            }
            syn::Expr::Cast(cast) => self.cast(cast),
            syn::Expr::Call(call) => self.call(call),
            syn::Expr::MethodCall(call) => self.method_call(call),
            syn::Expr::Closure(closure) => {
                let mut scope = self.scope.clone();
                if closure.capture.is_some() {
                    // `move` copies what the variables hold now
                    for (_, slot) in &mut scope {
                        self.slots.push(self.slots[*slot].clone());
                        *slot = self.slots.len() - 1;
                    }
                }
                let inputs = closure.inputs.iter().cloned().collect();
                Ok(Value::Closure(Rc::new(Closure { inputs, body: (*closure.body).clone(), scope })))
            }
            syn::Expr::Macro(m) => self.macro_call(&m.mac),
            syn::Expr::Return(r) => {
                let value = match &r.expr {
                    Some(e) => self.expr(e)?,
                    None => Value::Tuple(Vec::new()),
                };
                self.returns.push((None, value));
                Err(Stop::Returned)
            }
            other => {
                let (what, help) = unsupported(other);
                self.fail(other.span(), format!("{what} is not supported"), help)
            }
        }
    }

    fn literal(&mut self, lit: &Lit) -> Eval {
        let float = |r: &mut Self, x: Result<f64, syn::Error>, span: Span| match x.ok().and_then(|x| r.rounded(x)) {
            Some(e) => Ok(Value::Float(e)),
            None => r.fail(span, "this literal is not a finite number", ""),
        };
        match lit {
            Lit::Float(_) | Lit::Int(_) if self.foreign_suffix(lit) => {
                let help = "use one float type throughout";
                self.fail(lit.span(), format!("a literal of another type than `{}`", self.program.float.name()), help)
            }
            Lit::Float(l) => float(self, l.base10_parse(), l.span()),
            Lit::Int(l) if matches!(l.suffix(), "f64" | "f32") => {
                float(self, l.base10_digits().parse().map_err(|_| syn::Error::new(l.span(), "")), l.span())
            }
            Lit::Int(l) => match l.base10_parse::<i64>() {
                Ok(n) => Ok(Value::Int(Affine::from(n))),
                Err(_) => self.fail(l.span(), "this integer is too large", ""),
            },
            Lit::Bool(l) => Ok(Value::Truth(Truth::Known(l.value))),
            other => self.fail(other.span(), "this literal is no number", ""),
        }
    }

    /// Whether a literal says that it is a float of the other type.
    fn foreign_suffix(&self, lit: &Lit) -> bool {
        let suffix = match lit {
            Lit::Float(l) => l.suffix(),
            Lit::Int(l) => l.suffix(),
            _ => "",
        };
        suffix.starts_with('f') && suffix != self.program.float.name()
    }

    /// The constant that `x` is in the function's float type.
    fn rounded(&mut self, x: f64) -> Option<Expr> {
        let x = match self.program.float {
            Float::F64 => x,
            Float::F32 => f64::from(x as f32),
        };
        Constant::from_f64(x).map(|c| self.program.arena.constant(c))
    }

    pub(super) fn float_constant(&mut self, x: f64, span: Span) -> Eval<Expr> {
        match self.rounded(x) {
            Some(e) => Ok(e),
            None => self.fail(span, "infinity and NaN are not supported as constants", "return them from code outside the function"),
        }
    }

    fn path(&mut self, path: &syn::ExprPath) -> Eval {
        let segments: Vec<String> = path.path.segments.iter().map(|s| s.ident.to_string()).collect();
        if let [name] = segments.as_slice() {
            return match self.slot(name) {
                Some(slot) => match &self.slots[slot] {
                    Value::Poison if self.diagnostics.is_empty() => self.fail(
                        path.span(),
                        format!("`{name}` is of a type that jac does not read"),
                        "pass the floats that are needed as parameters of their own",
                    ),
                    Value::Poison => Err(Stop::Reported),
                    value => Ok(value.clone()),
                },
                None => {
                    let known: Vec<&str> = self.scope.iter().map(|(n, _)| n.as_str()).collect();
                    let near = did_you_mean(name, known).map(|n| format!("a variable with a similar name exists: `{n}`"));
                    let help = near.unwrap_or_else(|| {
                        "a constant from outside the function is not visible here: declare it inside, or pass it as a parameter".into()
                    });
                    self.fail(path.span(), format!("cannot see `{name}` from here"), &help)
                }
            };
        }
        let last = segments.last().map_or("", String::as_str);
        let module = segments.iter().any(|s| s == "consts");
        let single = self.program.float == Float::F32;
        let value = match last {
            "INFINITY" | "NEG_INFINITY" | "NAN" => f64::INFINITY,
            "EPSILON" if single => f64::from(f32::EPSILON),
            "MAX" if single => f64::from(f32::MAX),
            "MIN" if single => f64::from(f32::MIN),
            "MIN_POSITIVE" if single => f64::from(f32::MIN_POSITIVE),
            "EPSILON" => f64::EPSILON,
            "MAX" => f64::MAX,
            "MIN" => f64::MIN,
            "MIN_POSITIVE" => f64::MIN_POSITIVE,
            _ => match FLOAT_CONSTANTS.iter().find(|(name, _)| module && *name == last) {
                Some((_, x)) => *x,
                None => {
                    return self.fail(
                        path.span(),
                        format!("cannot see `{}` from here", segments.join("::")),
                        "declare it inside the function, or pass it as a parameter",
                    )
                }
            },
        };
        self.float_constant(value, path.span()).map(Value::Float)
    }

    fn unary(&mut self, unary: &syn::ExprUnary) -> Eval {
        let value = self.expr(&unary.expr)?;
        match (&unary.op, value) {
            (UnOp::Deref(_), value) => Ok(value),
            (UnOp::Neg(_), Value::Int(a)) => Ok(Value::Int(a.times(-1))),
            (UnOp::Neg(_), value) => self.elementwise(Op::Neg, value, unary.span()),
            (UnOp::Not(_), Value::Truth(t)) => Ok(Value::Truth(self.not(t))),
            (_, other) => self.fail(unary.op.span(), format!("cannot apply this operator to {}", other.kind()), ""),
        }
    }

    pub(super) fn not(&mut self, t: Truth) -> Truth {
        match t {
            Truth::Known(b) => Truth::Known(!b),
            Truth::Open(e) => Truth::Open(self.program.arena.fold(Op::Not, &[e])),
        }
    }

    fn both(&mut self, op: Op, a: Truth, b: Truth) -> Truth {
        match (op, a, b) {
            (Op::And, Truth::Known(true), other) | (Op::Or, Truth::Known(false), other) => other,
            (Op::And, other, Truth::Known(true)) | (Op::Or, other, Truth::Known(false)) => other,
            (_, Truth::Known(k), _) | (_, _, Truth::Known(k)) => Truth::Known(k),
            (_, Truth::Open(a), Truth::Open(b)) => Truth::Open(self.program.arena.apply(op, vec![a, b])),
        }
    }

    /// Evaluates a chain of binary operators from the left, without recursion: sums are long.
    fn binary(&mut self, binary: &syn::ExprBinary) -> Eval {
        let mut chain = vec![binary];
        while let syn::Expr::Binary(inner) = &*chain[chain.len() - 1].left {
            chain.push(inner);
        }
        let mut left = self.expr(&chain[chain.len() - 1].left)?;
        for link in chain.into_iter().rev() {
            left = self.binary_link(left, link)?;
        }
        Ok(left)
    }

    fn binary_link(&mut self, left: Value, binary: &syn::ExprBinary) -> Eval {
        let Some(BinaryOp { op, swap, not, assign }) = BinaryOp::of(&binary.op) else {
            return self.fail(binary.op.span(), "bit operations are not supported", "");
        };
        let right = match (op, &left) {
            // what is short-circuited is not looked at
            (Op::And, Value::Truth(Truth::Known(false))) | (Op::Or, Value::Truth(Truth::Known(true))) => return Ok(left),
            _ => self.expr(&binary.right)?,
        };
        let (a, b) = if swap { (right, left) } else { (left, right) };
        let mut value = self.apply(op, a, b, binary.op.span())?;
        if not {
            if let Value::Truth(t) = value {
                value = Value::Truth(self.not(t));
            }
        }
        if assign {
            self.assign(&binary.left, value)?;
            return Ok(Value::Tuple(Vec::new()));
        }
        Ok(value)
    }

    /// Applies a binary operator to values of any kind.
    pub(super) fn apply(&mut self, op: Op, a: Value, b: Value, span: Span) -> Eval {
        match (a, b) {
            (Value::Int(a), Value::Int(b)) => self.integer_op(op, &a, &b, span),
            (Value::Truth(a), Value::Truth(b)) if matches!(op, Op::And | Op::Or) => Ok(Value::Truth(self.both(op, a, b))),
            (Value::Truth(a), Value::Truth(b)) if op == Op::Eq => {
                let (not_a, not_b) = (self.not(a), self.not(b));
                let (both, neither) = (self.both(Op::And, a, b), self.both(Op::And, not_a, not_b));
                Ok(Value::Truth(self.both(Op::Or, both, neither)))
            }
            (Value::Float(a), Value::Float(b)) if op.entry().truth => {
                let e = self.folded(op, vec![a, b]);
                Ok(Value::Truth(match self.program.arena.as_const(e) {
                    Some(c) => Truth::Known(!c.is_zero()),
                    None => Truth::Open(e),
                }))
            }
            (Value::Float(a), Value::Float(b)) => Ok(Value::Float(self.folded(op, vec![a, b]))),
            (a @ (Value::Tensor(_) | Value::Float(_)), b @ (Value::Tensor(_) | Value::Float(_))) if !op.entry().truth => {
                self.broadcast(op, a, b, span)
            }
            (a, b) => self.fail(span, format!("cannot apply `{}` to {} and {}", op.name(), a.kind(), b.kind()), ""),
        }
    }

    /// Applies an operator to scalars; constants are folded in the function's float type where
    /// IEEE 754 prescribes the result.
    pub(super) fn folded(&mut self, op: Op, args: Vec<Expr>) -> Expr {
        if op.entry().exact {
            let constants: Option<Vec<f64>> = args.iter().map(|e| self.program.arena.as_const(*e).map(Constant::to_f64)).collect();
            if let Some(folded) = constants.and_then(|xs| self.rounded((op.entry().value)(&xs))) {
                return folded;
            }
        }
        self.program.arena.apply(op, args)
    }

    fn integer_op(&mut self, op: Op, a: &Affine, b: &Affine, span: Span) -> Eval {
        if op.entry().truth {
            let a = self.lengths.resolve(a);
            let b = self.lengths.resolve(b);
            let known = a.plus(&b, -1).known().map(|d| (op.entry().value)(&[d as f64, 0.0]) != 0.0);
            return Ok(Value::Truth(match known {
                Some(k) => Truth::Known(k),
                None => {
                    let args = vec![self.program.arena.integer(a), self.program.arena.integer(b)];
                    Truth::Open(self.program.arena.apply(op, args))
                }
            }));
        }
        let value = match (op, a.known(), b.known()) {
            (Op::Add, ..) => Some(a.plus(b, 1)),
            (Op::Sub, ..) => Some(a.plus(b, -1)),
            (Op::Mul, Some(k), _) => Some(b.times(k)),
            (Op::Mul, _, Some(k)) => Some(a.times(k)),
            (Op::Div, Some(a), Some(b)) => a.checked_div(b).map(Affine::from),
            (Op::Rem, Some(a), Some(b)) => a.checked_rem(b).map(Affine::from),
            _ => None,
        };
        match value {
            Some(v) => Ok(Value::Int(v)),
            None => self.fail(
                span,
                "this integer is not linear in lengths and parameters",
                "positions are sums of indices and lengths, times literals",
            ),
        }
    }

    pub(super) fn integer(&mut self, e: &syn::Expr) -> Eval<Affine> {
        match self.expr(e)? {
            Value::Int(a) => Ok(a),
            other => self.fail(e.span(), format!("expected an integer, found {}", other.kind()), ""),
        }
    }

    fn cast(&mut self, cast: &syn::ExprCast) -> Eval {
        let value = self.expr(&cast.expr)?;
        let syn::Type::Path(ty) = &*cast.ty else {
            return self.fail(cast.ty.span(), "cannot cast to this type", "");
        };
        let name = ty.path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default();
        let same = self.program.float.name() == name;
        match value {
            Value::Int(a) if same => {
                let a = self.lengths.resolve(&a);
                Ok(Value::Float(self.program.arena.integer(a)))
            }
            Value::Float(e) if same => Ok(Value::Float(e)),
            Value::Int(a) if a.known().is_some_and(|k| !fits(k, &name)) => {
                self.fail(cast.span(), format!("the value does not fit `{name}`"), "")
            }
            Value::Int(a) if name.starts_with(['u', 'i']) => Ok(Value::Int(a)),
            Value::Float(_) => {
                self.fail(cast.ty.span(), format!("cannot cast a float to `{name}`"), "a cast to another type has no derivative")
            }
            other => self.fail(cast.ty.span(), format!("cannot cast {} to `{name}`", other.kind()), ""),
        }
    }

    fn repeat(&mut self, repeat: &syn::ExprRepeat) -> Eval {
        let value = self.expr(&repeat.expr)?;
        // the length is a literal, a const item of the body or a const generic
        let length = match &*repeat.len {
            syn::Expr::Path(p) if p.path.get_ident().is_some_and(|i| self.slot(&i.to_string()).is_none()) => {
                let name = p.path.get_ident().map(ToString::to_string).unwrap_or_default();
                match self.program.sizes.iter().position(|s| s.name == name) {
                    Some(k) => Affine::from(ir::Size(k as u32)),
                    None => return self.fail(p.span(), format!("cannot see `{name}` from here"), "write the length as a literal"),
                }
            }
            e => self.integer(e)?,
        };
        if let Some(n) = length.known() {
            return Ok(Value::Array(vec![value; usize::try_from(n).unwrap_or(0)]));
        }
        let (mut shape, inner) = match value {
            Value::Float(e) => (Vec::new(), Elements::Each(Vec::new(), e)),
            Value::Tensor(t) => (t.shape, t.elements),
            other => return self.fail(repeat.span(), format!("cannot repeat {}", other.kind()), ""),
        };
        let Elements::Each(mut indices, body) = inner else {
            return self.fail(repeat.span(), "cannot repeat this array", "");
        };
        indices.insert(0, self.program.index(length.clone()));
        shape.insert(0, length);
        Ok(Value::Tensor(Tensor { shape, elements: Elements::Each(indices, body), ndarray: false }))
    }

    fn field(&mut self, field: &syn::ExprField) -> Eval {
        let base = self.expr(&field.base)?;
        match (&field.member, base) {
            (syn::Member::Unnamed(at), Value::Tuple(items)) if (at.index as usize) < items.len() => Ok(items[at.index as usize].clone()),
            (_, other) => {
                self.fail(field.span(), format!("cannot read a field of {}", other.kind()), "pass the field as a parameter of its own")
            }
        }
    }

    // ---- control flow ----

    fn branch(&mut self, branch: &syn::ExprIf) -> Eval {
        if let syn::Expr::Let(e) = &*branch.cond {
            return self.fail(e.span(), "`if let` is not supported", "use a comparison");
        }
        let condition = match self.expr(&branch.cond)? {
            Value::Truth(t) => t,
            other => return self.fail(branch.cond.span(), format!("expected a condition, found {}", other.kind()), ""),
        };
        let otherwise = |r: &mut Self| match &branch.else_branch {
            Some((_, e)) => r.expr(e),
            None => Ok(Value::Tuple(Vec::new())),
        };
        match condition {
            Truth::Known(true) => self.block(&branch.then_branch),
            Truth::Known(false) => otherwise(self),
            Truth::Open(c) => self.both_arms(c, |r| r.block(&branch.then_branch), otherwise),
        }
    }

    /// Evaluates both arms on the same state and joins what they left behind.
    fn both_arms(&mut self, c: Expr, then: impl FnOnce(&mut Self) -> Eval, otherwise: impl FnOnce(&mut Self) -> Eval) -> Eval {
        let before = self.slots.clone();
        let returns = self.returns.len();
        let a = then(self);
        let after_then = std::mem::replace(&mut self.slots, before.clone());
        self.guard_returns(returns, c);
        let returns = self.returns.len();
        let b = otherwise(self);
        let not = self.program.arena.fold(Op::Not, &[c]);
        self.guard_returns(returns, not);
        match (a, b) {
            (Err(Stop::Reported), _) | (_, Err(Stop::Reported)) => Err(Stop::Reported),
            (Err(Stop::Returned), Err(Stop::Returned)) => Err(Stop::Returned),
            (Err(Stop::Returned), Ok(value)) => Ok(value),
            (Ok(value), Err(Stop::Returned)) => {
                self.slots = after_then;
                Ok(value)
            }
            (Ok(a), Ok(b)) => {
                for (slot, was) in before.iter().enumerate() {
                    let (x, y) = (after_then[slot].clone(), self.slots[slot].clone());
                    if !unchanged(&x, was) || !unchanged(&y, was) {
                        self.slots[slot] = self.branch_value(c, x, y)?;
                    }
                }
                self.branch_value(c, a, b)
            }
        }
    }

    fn guard_returns(&mut self, from: usize, c: Expr) {
        for k in from..self.returns.len() {
            self.returns[k].0 = Some(match self.returns[k].0 {
                None => c,
                Some(inner) => self.program.arena.apply(Op::And, vec![c, inner]),
            });
        }
    }

    /// `if c { a } else { b }` for values of any kind.
    fn branch_value(&mut self, c: Expr, a: Value, b: Value) -> Eval {
        match (a, b) {
            (Value::Float(a), Value::Float(b)) if a == b => Ok(Value::Float(a)),
            (Value::Float(a), Value::Float(b)) => Ok(Value::Float(self.program.arena.apply(Op::Select, vec![c, a, b]))),
            (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
                Ok(Value::Array(a.into_iter().zip(b).map(|(a, b)| self.branch_value(c, a, b)).collect::<Eval<_>>()?))
            }
            (Value::Tuple(a), Value::Tuple(b)) if a.len() == b.len() => {
                Ok(Value::Tuple(a.into_iter().zip(b).map(|(a, b)| self.branch_value(c, a, b)).collect::<Eval<_>>()?))
            }
            (Value::Tensor(a), Value::Tensor(b)) => self.branch_tensor(c, a, b),
            (Value::Int(a), Value::Int(b)) if a == b => Ok(Value::Int(a)),
            (Value::Truth(a), Value::Truth(b)) => {
                // (c && a) || (!c && b)
                let open = Truth::Open(c);
                let not = self.not(open);
                let (x, y) = (self.both(Op::And, open, a), self.both(Op::And, not, b));
                Ok(Value::Truth(self.both(Op::Or, x, y)))
            }
            (Value::Poison, _) | (_, Value::Poison) => Err(Stop::Reported),
            // a variable without a value in one arm has none afterwards
            (Value::Tuple(unset), value) | (value, Value::Tuple(unset)) if unset.is_empty() => Ok(value),
            (a, b) => {
                let error = self.error(Span::call_site(), format!("the arms of an `if` leave {} and {}", a.kind(), b.kind()));
                error.help("integers that differ between arms are not supported");
                Err(Stop::Reported)
            }
        }
    }

    fn for_loop(&mut self, each: &syn::ExprForLoop) -> Eval {
        if let Some(label) = &each.label {
            return self.fail(label.span(), "labelled loops are not supported", "write the loop without a label");
        }
        let (from, to) = match self.expr(&each.expr)? {
            Value::Range(from, to) => (self.lengths.resolve(&from), self.lengths.resolve(&to)),
            Value::Array(items) => {
                for item in items {
                    self.scoped(|r| {
                        r.bind(&each.pat, item)?;
                        r.block(&each.body)
                    })?;
                }
                return Ok(Value::Tuple(Vec::new()));
            }
            other => return self.fail(each.expr.span(), format!("cannot loop over {}", other.kind()), "loop over a range of integers"),
        };
        let (Some(from), Some(to)) = (from.known(), to.known()) else {
            let help = "write it with whole arrays (`sum`, `dot`, `mapv`), or fix the length: `#[jacobian(shape(x = [3]))]`";
            return self.fail(each.expr.span(), "the bounds of this loop are not known at compile time", help);
        };
        for k in from..to {
            self.scoped(|r| {
                r.bind(&each.pat, Value::Int(Affine::from(k)))?;
                r.block(&each.body)
            })?;
            if self.program.arena.len() > LARGEST {
                let message =
                    format!("this loop unrolls to more than {LARGEST} expressions after {} of {} rounds", k - from + 1, to - from);
                return self.fail(each.expr.span(), message, "use whole-array operations on ndarray values");
            }
        }
        Ok(Value::Tuple(Vec::new()))
    }

    /// Calls a closure.
    pub(super) fn call_closure(&mut self, closure: &Closure, arguments: Vec<Value>, span: Span) -> Eval {
        if closure.inputs.len() != arguments.len() {
            return self.fail(span, format!("expected {} arguments, found {}", closure.inputs.len(), arguments.len()), "");
        }
        self.calls += 1;
        if self.calls > 64 {
            self.calls = 0;
            return self.fail(span, "calls nest too deeply", "recursive functions are not supported");
        }
        let outer = std::mem::replace(&mut self.scope, closure.scope.clone());
        let value = self.body(|r| {
            for (pattern, argument) in closure.inputs.iter().zip(arguments) {
                r.bind(pattern, argument)?;
            }
            r.expr(&closure.body)
        });
        self.scope = outer;
        self.calls = self.calls.saturating_sub(1);
        value
    }

    pub(super) fn closure(&mut self, name: &str) -> Option<Rc<Closure>> {
        match self.slot(name).map(|slot| &self.slots[slot]) {
            Some(Value::Closure(c)) => Some(Rc::clone(c)),
            _ => None,
        }
    }

    // ---- assignment ----

    fn assign(&mut self, target: &syn::Expr, value: Value) -> Eval<()> {
        if let syn::Expr::Tuple(tuple) = target {
            let Value::Tuple(items) = value else {
                return self.fail(target.span(), format!("cannot take {} apart", value.kind()), "");
            };
            return tuple.elems.iter().zip(items).try_for_each(|(t, item)| self.assign(t, item));
        }
        if matches!(target, syn::Expr::Infer(_)) {
            return Ok(());
        }
        let place = self.place(target)?;
        let current = self.slots[place.slot].clone();
        let value = if place.path.is_empty() {
            let name = self.scope.iter().find(|(_, s)| *s == place.slot).map(|(n, _)| n.clone()).unwrap_or_default();
            self.name(&name, value)
        } else {
            self.update(current, &place.path, value)?
        };
        self.slots[place.slot] = value;
        Ok(())
    }

    fn place(&mut self, target: &syn::Expr) -> Eval<Place> {
        match target {
            syn::Expr::Path(p) => match p.path.get_ident().and_then(|i| self.slot(&i.to_string())) {
                Some(slot) => Ok(Place { slot, path: Vec::new() }),
                None => self.fail(p.span(), "cannot assign to this", ""),
            },
            syn::Expr::Paren(p) => self.place(&p.expr),
            syn::Expr::Unary(u) if matches!(u.op, UnOp::Deref(_)) => self.place(&u.expr),
            syn::Expr::Index(index) => {
                let mut place = self.place(&index.expr)?;
                let at = self.expr(&index.index)?;
                place.path.push((at, index.index.span()));
                Ok(place)
            }
            syn::Expr::Field(syn::ExprField { base, member: syn::Member::Unnamed(at), .. }) => {
                let mut place = self.place(base)?;
                place.path.push((Value::Int(Affine::from(i64::from(at.index))), at.span()));
                Ok(place)
            }
            other => self.fail(other.span(), "cannot assign to this", "assign to a variable or an element of one"),
        }
    }

    fn update(&mut self, whole: Value, path: &[(Value, Span)], value: Value) -> Eval {
        let Some(((at, span), rest)) = path.split_first() else { return Ok(value) };
        match whole {
            Value::Array(mut items) => {
                let k = self.position(at, items.len(), *span)?;
                let item = std::mem::replace(&mut items[k], Value::Poison);
                items[k] = self.update(item, rest, value)?;
                Ok(Value::Array(items))
            }
            Value::Tuple(mut items) => {
                let k = self.position(at, items.len(), *span)?;
                let item = std::mem::replace(&mut items[k], Value::Poison);
                items[k] = self.update(item, rest, value)?;
                Ok(Value::Tuple(items))
            }
            Value::Tensor(t) => {
                let mut at = self.positions(at, *span)?;
                for (more, span) in rest {
                    at.extend(self.positions(more, *span)?);
                }
                match value {
                    Value::Float(e) => self.set_element(t, &at, e, *span).map(Value::Tensor),
                    other => self.fail(*span, format!("cannot assign {} to an element", other.kind()), ""),
                }
            }
            Value::Poison => Err(Stop::Reported),
            other => self.fail(*span, format!("cannot index {}", other.kind()), ""),
        }
    }

    /// A position in a fixed array.
    fn position(&mut self, at: &Value, length: usize, span: Span) -> Eval<usize> {
        match at {
            Value::Int(a) => match self.lengths.resolve(a).known() {
                Some(k) if (0..length as i64).contains(&k) => Ok(k as usize),
                Some(k) => self.fail(span, format!("position {k} of an array of length {length}"), ""),
                None => self.fail(
                    span,
                    "this position is not known at compile time",
                    "index by literals, loop variables and arithmetic on them",
                ),
            },
            other => self.fail(span, format!("cannot index by {}", other.kind()), ""),
        }
    }

    /// Positions along the axes of a tensor: `i`, `[i, j]` or `(i, j)`.
    pub(super) fn positions(&mut self, at: &Value, span: Span) -> Eval<Vec<Affine>> {
        match at {
            Value::Int(a) => Ok(vec![a.clone()]),
            Value::Array(items) | Value::Tuple(items) => {
                let mut out = Vec::new();
                for item in items {
                    out.extend(self.positions(item, span)?);
                }
                Ok(out)
            }
            other => self.fail(span, format!("cannot index by {}", other.kind()), ""),
        }
    }

    fn index(&mut self, base: Value, at: &Value, span: Span) -> Eval {
        match base {
            Value::Array(items) => match at {
                Value::Range(from, to) => match (from.known(), to.known()) {
                    (Some(a), Some(b)) if 0 <= a && a <= b && b <= items.len() as i64 => {
                        Ok(Value::Array(items[a as usize..b as usize].to_vec()))
                    }
                    _ => self.fail(span, "this range is not inside the array", ""),
                },
                at => {
                    let k = self.position(at, items.len(), span)?;
                    Ok(items[k].clone())
                }
            },
            Value::Tensor(t) => {
                let at = self.positions(at, span)?;
                let slices: Vec<Slice> = at.into_iter().map(Slice::At).collect();
                if t.ndarray && slices.len() != t.shape.len() {
                    return self.fail(
                        span,
                        format!("{} positions for an array of rank {}", slices.len(), t.shape.len()),
                        "a row is `row(i)`, a slice `slice(s![…])`",
                    );
                }
                self.slice(t, &slices, span)
            }
            other => self.fail(span, format!("cannot index {}", other.kind()), ""),
        }
    }
}

/// A binary operator of Rust by those of the table.
struct BinaryOp {
    op: Op,
    /// With the operands the other way round.
    swap: bool,
    /// With the result negated.
    not: bool,
    /// With the result assigned to the left operand.
    assign: bool,
}

impl BinaryOp {
    fn of(op: &BinOp) -> Option<BinaryOp> {
        let (op, swap, not, assign) = match op {
            BinOp::Add(_) => (Op::Add, false, false, false),
            BinOp::Sub(_) => (Op::Sub, false, false, false),
            BinOp::Mul(_) => (Op::Mul, false, false, false),
            BinOp::Div(_) => (Op::Div, false, false, false),
            BinOp::Rem(_) => (Op::Rem, false, false, false),
            BinOp::AddAssign(_) => (Op::Add, false, false, true),
            BinOp::SubAssign(_) => (Op::Sub, false, false, true),
            BinOp::MulAssign(_) => (Op::Mul, false, false, true),
            BinOp::DivAssign(_) => (Op::Div, false, false, true),
            BinOp::RemAssign(_) => (Op::Rem, false, false, true),
            BinOp::Lt(_) => (Op::Lt, false, false, false),
            BinOp::Gt(_) => (Op::Lt, true, false, false),
            BinOp::Le(_) => (Op::Le, false, false, false),
            BinOp::Ge(_) => (Op::Le, true, false, false),
            BinOp::Eq(_) => (Op::Eq, false, false, false),
            BinOp::Ne(_) => (Op::Eq, false, true, false),
            BinOp::And(_) => (Op::And, false, false, false),
            BinOp::Or(_) => (Op::Or, false, false, false),
            _ => return None,
        };
        Some(BinaryOp { op, swap, not, assign })
    }
}

fn unchanged(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => a == b,
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Truth(a), Value::Truth(b)) => a == b,
        (Value::Array(a), Value::Array(b)) | (Value::Tuple(a), Value::Tuple(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| unchanged(a, b))
        }
        (Value::Tensor(a), Value::Tensor(b)) => match (&a.elements, &b.elements) {
            (Elements::Each(i, a), Elements::Each(j, b)) => i == j && a == b,
            (Elements::List(a), Elements::List(b)) => a == b,
            _ => false,
        },
        (Value::Closure(a), Value::Closure(b)) => Rc::ptr_eq(a, b),
        (Value::Poison, Value::Poison)
        | (Value::Range(..), Value::Range(..))
        | (Value::Slices(_), Value::Slices(_))
        | (Value::Axis(_), Value::Axis(_)) => true,
        _ => false,
    }
}

/// Whether an integer is in the range of a type.
fn fits(k: i64, ty: &str) -> bool {
    match ty {
        "u8" => u8::try_from(k).is_ok(),
        "u16" => u16::try_from(k).is_ok(),
        "u32" => u32::try_from(k).is_ok(),
        "i8" => i8::try_from(k).is_ok(),
        "i16" => i16::try_from(k).is_ok(),
        "i32" => i32::try_from(k).is_ok(),
        "u64" | "u128" | "usize" => k >= 0,
        _ => true,
    }
}

/// Whether tokens begin with an attribute that may leave them out.
fn is_conditional(tokens: &impl ToTokens) -> bool {
    let mut tokens = tokens.to_token_stream().into_iter();
    match (tokens.next(), tokens.next()) {
        (Some(TokenTree::Punct(p)), Some(TokenTree::Group(g))) if p.as_char() == '#' => g.stream().to_string().starts_with("cfg"),
        _ => false,
    }
}

/// What a syntax the front does not read is called, and what to write instead.
fn unsupported(e: &syn::Expr) -> (&'static str, &'static str) {
    match e {
        syn::Expr::While(_) => ("a `while` loop", "write a `for` loop over a range"),
        syn::Expr::Loop(_) => ("a `loop`", "write a `for` loop over a range"),
        syn::Expr::Match(_) => ("a `match`", "write it with `if` and `else`"),
        syn::Expr::Break(_) => ("`break`", "let the range of the loop end where the loop does"),
        syn::Expr::Continue(_) => ("`continue`", "put the rest of the loop's body in an `if`"),
        syn::Expr::Try(_) => ("`?`", "handle the error outside the function"),
        syn::Expr::Struct(_) => ("a struct", "use a tuple or an array"),
        syn::Expr::Unsafe(_) => ("an `unsafe` block", "write it with safe indexing"),
        syn::Expr::Await(_) | syn::Expr::Async(_) => ("`async` code", "await outside the function"),
        syn::Expr::Let(_) => ("`let` in a condition", "use a comparison"),
        _ => ("this expression", "see the list of supported constructs in the README"),
    }
}

/// `core::f64::consts`.
#[rustfmt::skip]
const FLOAT_CONSTANTS: [(&str, f64); 19] = {
    use std::f64::consts as c;
    [
        ("PI", c::PI), ("TAU", c::TAU), ("E", c::E), ("SQRT_2", c::SQRT_2), ("LN_2", c::LN_2), ("LN_10", c::LN_10),
        ("LOG2_E", c::LOG2_E), ("LOG10_E", c::LOG10_E), ("LOG2_10", c::LOG2_10), ("LOG10_2", c::LOG10_2),
        ("FRAC_PI_2", c::FRAC_PI_2), ("FRAC_PI_3", c::FRAC_PI_3), ("FRAC_PI_4", c::FRAC_PI_4), ("FRAC_PI_6", c::FRAC_PI_6),
        ("FRAC_PI_8", c::FRAC_PI_8), ("FRAC_1_PI", c::FRAC_1_PI), ("FRAC_2_PI", c::FRAC_2_PI),
        ("FRAC_1_SQRT_2", c::FRAC_1_SQRT_2), ("FRAC_2_SQRT_PI", c::FRAC_2_SQRT_PI),
    ]
};
