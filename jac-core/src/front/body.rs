//! Statements and expressions.

use super::control::{Jump, Target};
use super::helpers::Helpers;
use super::integers::{Int, IntType};
use super::lengths::Lengths;
use super::opaque::receiver;
use super::streams::Source;
use super::types::strip;
use super::types::Types;
use super::value::{is_constant, Closure, Elements, Place, Slice, Tensor, Truth, Value};
use crate::diag::{did_you_mean, Diagnostic, Diagnostics, Reported};
use crate::interface::{Interface, Param, ParamKind, Ty};
use crate::ir::{self, Affine, Body, Constant, Definition, Expr, Float, Node, Program, Role, Symbol};
use crate::ops::{Op, Syntax};
use proc_macro2::{Span, TokenTree};
use quote::ToTokens;
use std::rc::Rc;
use syn::spanned::Spanned;
use syn::{BinOp, Block, Lit, Stmt, UnOp};

/// Expressions may not nest deeper; rustc itself gives up at about a thousand.
const DEEPEST: usize = 200;

/// Why the evaluation of an expression has no value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stop {
    /// A mistake was reported.
    Reported,
    /// Control left for another place.
    Jumped,
}

impl From<Reported> for Stop {
    fn from(_: Reported) -> Self {
        Stop::Reported
    }
}

pub(super) type Eval<T = Value> = Result<T, Stop>;

pub(super) struct Reader<'a> {
    pub(super) program: Program,
    pub(super) lengths: Lengths,
    pub(super) diagnostics: &'a mut Diagnostics,
    pub(super) types: Types,
    /// The functions beside this one.
    pub(super) helpers: &'a Helpers,
    /// The constants from outside that were read.
    pub(super) constants: Vec<Param>,
    /// The modules that functions of linear algebra were called from.
    pub(super) modules: Vec<syn::Path>,
    /// The variables' values.
    pub(super) slots: Vec<Value>,
    pub(super) scope: Vec<(String, usize)>,
    /// The old contents of the out-parameters.
    pub(super) outs: Vec<ir::Tensor>,
    /// What left early and has not landed.
    pub(super) jumps: Vec<Jump>,
    /// The loops around, with their labels.
    pub(super) labels: Vec<(Option<String>, usize)>,
    /// The number of loops seen.
    pub(super) loops: usize,
    pub(super) calls: usize,
    /// The statement that is read.
    pub(super) here: Span,
    /// The type that is expected of the next expression, where it is written.
    pub(super) expected: Option<syn::Type>,
    /// The type that the function or closure around returns, where it is written.
    pub(super) returned: Option<syn::Type>,
    /// The parameters of other types, which are constants here.
    pub(super) unread: Vec<(syn::Ident, String)>,
    /// Where `None` stands first.
    nothing: Option<Span>,
    /// The variables before this one stay when a scope ends.
    pub(super) pinned: usize,
    /// The work done so far.
    pub(super) work: usize,
    /// The values copied that were not counted as work yet.
    pub(super) copied: usize,
    /// Whether that was too much.
    pub(super) exhausted: bool,
    depth: usize,
}

/// Reads the body; `None` where a mistake was reported. Constants are added to the interface.
pub(super) fn read(
    interface: &mut Interface,
    program: Program,
    lengths: Lengths,
    types: Types,
    helpers: &Helpers,
    diagnostics: &mut Diagnostics,
) -> Option<Program> {
    let mut reader = Reader {
        program,
        lengths,
        diagnostics,
        types,
        helpers,
        constants: Vec::new(),
        modules: Vec::new(),
        slots: Vec::new(),
        scope: Vec::new(),
        outs: Vec::new(),
        jumps: Vec::new(),
        labels: Vec::new(),
        loops: 0,
        calls: 0,
        here: interface.item.sig.ident.span(),
        expected: None,
        returned: None,
        nothing: None,
        unread: Vec::new(),
        pinned: 0,
        work: 0,
        copied: 0,
        exhausted: false,
        depth: 0,
    };
    if interface.receiver.is_some() {
        reader.declare("self".into(), Value::Opaque(Rc::new(syn::parse_quote!(self))));
    }
    let patterns = interface.item.sig.inputs.iter().filter_map(|input| match input {
        syn::FnArg::Typed(typed) => Some(&*typed.pat),
        syn::FnArg::Receiver(_) => None,
    });
    let mut outs = Vec::new();
    for (param, pattern) in interface.params.iter().zip(patterns) {
        let value = match &param.kind {
            ParamKind::Other => {
                let ident = &param.ident;
                reader.unread.push((ident.clone(), param.ty.to_token_stream().to_string()));
                Value::Opaque(Rc::new(syn::parse_quote!(#ident)))
            }
            kind => {
                let value = reader.param(kind, pattern.span()).ok()?;
                reader.typed(value, &param.ty).ok()?
            }
        };
        reader.bind(pattern, value).ok()?;
        if let ParamKind::Out(_, old) = &param.kind {
            outs.push((param.ident.clone(), *old, reader.slots.len() - 1));
            reader.outs.push(*old);
        }
    }
    let value = reader.body(|r| {
        if let syn::ReturnType::Type(_, ty) = &interface.item.sig.output {
            r.returned = Some((**ty).clone());
        }
        r.expected.clone_from(&r.returned);
        r.block(&interface.item.block)
    });
    let value = match value {
        Ok(value) => value,
        Err(stop) => {
            if stop == Stop::Jumped && reader.diagnostics.is_empty() {
                reader.error(interface.item.sig.ident.span(), "this function never returns").help("return a value");
            }
            return None;
        }
    };
    let span = interface.item.block.stmts.last().map_or_else(|| interface.item.sig.ident.span(), Spanned::span);
    let value = match value {
        Value::Option(Truth::Known(true), inner) if interface.wrapper.is_some() => *inner,
        Value::Option(..) if interface.wrapper.is_some() => {
            let span = reader.nothing.unwrap_or(span);
            reader.error(span, "nothing as a result").help("check the arguments before the call: `Some(…)` at the end is fine");
            return None;
        }
        _ if interface.wrapper.is_some() => {
            reader.error(span, "the result must be an `Ok` or `Some` at the end").help("check for errors outside the function");
            return None;
        }
        value => value,
    };
    let returned = interface.outputs.len() - outs.len();
    let mut values = match value {
        Value::Tuple(values) if values.len() == returned && (returned != 1 || interface.tuple) => values,
        single => vec![single],
    };
    values.extend(outs.iter().map(|(_, _, slot)| reader.slots[*slot].clone()));
    let count = values.len();
    for (k, (ty, value)) in interface.outputs.iter().zip(values).enumerate() {
        let name = if count == 1 { "y".to_owned() } else { format!("y{k}") };
        let output = reader.output(&name, ty, value, span).ok()?;
        reader.program.outputs.push(output);
    }
    for (ident, old, _) in &outs {
        if reader.reads(*old) {
            let error = reader.error(ident.span(), format!("`{ident}` is read, or not filled, before all of it is assigned"));
            error.help("assign every element; equal lengths get one name: `#[jacobian(shape(x = [n], y = [n]))]`");
        }
    }
    interface.constants = std::mem::take(&mut reader.constants);
    interface.modules = std::mem::take(&mut reader.modules);
    interface.items.clone_from(&reader.types.items);
    if let Some(ndarray) = &reader.types.ndarray {
        interface.ndarray.clone_from(ndarray);
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

    pub(super) fn param(&mut self, kind: &ParamKind, span: Span) -> Eval {
        Ok(match kind {
            ParamKind::Float(ty, tensor, _) | ParamKind::Out(ty, tensor) => {
                let shape = self.program.info(*tensor).shape.clone();
                let known: Option<Vec<usize>> = shape.iter().map(|n| n.known().map(|n| n as usize)).collect();
                match (ty, known) {
                    (Ty::Array(_), Some(known)) => {
                        let count = known.iter().try_fold(1, |count: i64, n| count.checked_mul(*n as i64));
                        self.written_out(count.unwrap_or(i64::MAX), span)?;
                        self.array_param(*tensor, &known, &mut Vec::new())
                    }
                    (Ty::Scalar, _) => Value::Float(self.program.arena.insert(Node::Access(*tensor, Vec::new()))),
                    _ => Value::Tensor(self.whole(*tensor, matches!(ty, Ty::Nd(_)))),
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
    pub(super) fn whole(&mut self, tensor: ir::Tensor, ndarray: bool) -> Tensor {
        let shape = self.program.info(tensor).shape.clone();
        let indices = self.program.axes(&shape);
        let at = indices.iter().map(|i| Affine::from(*i)).collect();
        let body = self.program.arena.insert(Node::Access(tensor, at));
        Tensor { shape, elements: Elements::Each(indices, body), ndarray }
    }

    fn output(&mut self, name: &str, ty: &Ty, value: Value, span: Span) -> Eval<ir::Tensor> {
        let value = match (ty, self.read_through(value)?) {
            (Ty::Array(lengths), Value::Generator(f)) => {
                let length: syn::Expr = syn::parse2(lengths[0].clone()).unwrap_or_else(|_| syn::parse_quote!(0));
                self.generated(&f, &length)?
            }
            (_, value) => value,
        };
        match (ty, value) {
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
    fn reads(&self, tensor: ir::Tensor) -> bool {
        let mut program = self.program.clone();
        program.prune();
        program.arena.reachable(program.roots()).iter().any(|e| matches!(program.arena[*e], Node::Access(t, _) if t == tensor))
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
            Symbol::Index(_) | Symbol::Bound(_) => None,
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
                Symbol::Index(_) | Symbol::Bound(_) => None,
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

    pub(super) fn declare(&mut self, name: String, value: Value) {
        self.slots.push(value);
        self.scope.push((name, self.slots.len() - 1));
    }

    pub(super) fn slot(&self, name: &str) -> Option<usize> {
        self.scope.iter().rev().find(|(n, _)| n == name).map(|(_, slot)| *slot)
    }

    pub(super) fn scoped<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.scope.len();
        let value = run(self);
        self.scope.truncate(outer);
        value
    }

    /// A variable without a name.
    pub(super) fn hidden(&mut self, value: Value) -> usize {
        self.slots.push(value);
        self.slots.len() - 1
    }

    pub(super) fn hidden_value(&self, slot: usize) -> Value {
        self.slots[slot].clone()
    }

    pub(super) fn set_hidden(&mut self, slot: usize, value: Value) {
        self.slots[slot] = value;
    }

    /// Keeps the user's name for what is bound to it.
    pub(super) fn name(&mut self, name: &str, value: Value) -> Value {
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
        let kept = self.slots.len();
        let expected = self.expected.take();
        let value = self.scoped(|r| {
            let mut failed = false;
            // items are seen from the whole block
            let items = r.scope.len();
            for stmt in &block.stmts {
                match stmt {
                    Stmt::Item(syn::Item::Fn(item)) => r.declare(item.sig.ident.to_string(), Value::Poison),
                    Stmt::Item(syn::Item::Const(item)) => {
                        let value = r.expr(&item.expr)?;
                        let value = r.typed(value, &item.ty)?;
                        r.declare(item.ident.to_string(), value);
                    }
                    _ => {}
                }
            }
            let seen: Vec<(String, usize)> = r.scope[items..].to_vec();
            for stmt in &block.stmts {
                if let Stmt::Item(syn::Item::Fn(item)) = stmt {
                    let closure = Closure { scope: seen.clone(), ..Closure::of(item) };
                    if let Some(slot) = r.slot(&item.sig.ident.to_string()) {
                        r.slots[slot] = Value::Closure(Rc::new(closure));
                    }
                }
            }
            let mut value = Value::unit();
            for (k, stmt) in block.stmts.iter().enumerate() {
                let last = k + 1 == block.stmts.len();
                if last {
                    r.expected.clone_from(&expected);
                }
                match r.statement(stmt) {
                    Ok(Some(tail)) if last => value = tail,
                    Ok(_) => {}
                    Err(Stop::Jumped) => return Err(Stop::Jumped),
                    Err(Stop::Reported) => failed = true,
                }
            }
            if failed {
                Err(Stop::Reported)
            } else {
                Ok(value)
            }
        });
        self.forget(kept, &value);
        value
    }

    /// Evaluates a statement; `Some` is the value of an expression without a semicolon.
    fn statement(&mut self, stmt: &Stmt) -> Eval<Option<Value>> {
        if is_conditional(stmt) {
            return self.fail(stmt.span(), "conditional compilation inside the function", "put `#[cfg]` on whole functions");
        }
        self.here = stmt.span();
        match stmt {
            Stmt::Local(local) => {
                let Some(init) = &local.init else {
                    // declared here, assigned later
                    self.poison(&local.pat);
                    if let Some((_, slot)) = self.scope.last() {
                        self.slots[*slot] = Value::unit();
                    }
                    return Ok(None);
                };
                if let Some((token, otherwise)) = &init.diverge {
                    let value = match self.expr(&init.expr) {
                        Ok(value) => value,
                        Err(stop) => {
                            self.poison(&local.pat);
                            return Err(stop);
                        }
                    };
                    return match self.matches(&local.pat, &value)? {
                        Truth::Known(true) => self.bind(&local.pat, value).map(|()| None),
                        Truth::Known(false) => self.expr(otherwise).map(|_| None),
                        Truth::Open(_) => self.fail(token.span(), "`let … else` on a condition on floats", "use an `if`"),
                    };
                }
                if let syn::Pat::Type(typed) = &local.pat {
                    self.expected = Some((*typed.ty).clone());
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
            Stmt::Item(syn::Item::Use(_)) => Ok(None),
            // declared when the block was opened
            Stmt::Item(syn::Item::Fn(_) | syn::Item::Const(_)) => Ok(None),
            Stmt::Item(item) => self.fail(item.span(), "this item is not supported here", "declare it outside the function"),
            Stmt::Macro(m) => {
                let value = self.macro_call(&m.mac)?;
                Ok(m.semi_token.is_none().then_some(value))
            }
        }
    }

    // ---- expressions ----

    /// Evaluates an expression of which a type is expected.
    pub(super) fn expr_of(&mut self, e: &syn::Expr, expected: Option<syn::Type>) -> Eval {
        self.expected = expected;
        self.expr(e)
    }

    pub(super) fn expr(&mut self, e: &syn::Expr) -> Eval {
        if self.depth == DEEPEST {
            let help = match self.calls {
                0 => "bind parts of it with `let`",
                _ => "recursive functions are not supported: write a loop",
            };
            return self.fail(e.span(), format!("expressions nest deeper than {DEEPEST}"), help);
        }
        self.spend(1, e.span())?;
        self.depth += 1;
        let expected = self.expected.take();
        let value = self.expression(e, expected);
        self.depth -= 1;
        value
    }

    /// Evaluates an expression; the type that is expected of it is passed on to its last parts.
    fn expression(&mut self, e: &syn::Expr, expected: Option<syn::Type>) -> Eval {
        match e {
            syn::Expr::Lit(lit) => self.literal(&lit.lit),
            syn::Expr::Path(path) => self.path(path),
            syn::Expr::Paren(inner) => self.expr_of(&inner.expr, expected),
            syn::Expr::Group(inner) => self.expr_of(&inner.expr, expected),
            syn::Expr::Reference(inner) => match inner.mutability {
                Some(_) if is_temporary(&inner.expr) => {
                    let value = self.expr(&inner.expr)?;
                    let slot = self.hidden(value);
                    Ok(Value::Reference(Place { slot, path: Vec::new() }))
                }
                Some(_) => self.place(&inner.expr).map(Value::Reference),
                None => match self.expr_of(&inner.expr, expected.as_ref().map(strip).cloned())? {
                    Value::Opaque(e) => Ok(Value::Opaque(Rc::new(syn::parse_quote!(&#e)))),
                    value => Ok(value),
                },
            },
            syn::Expr::Block(block) if block.label.is_none() => {
                self.expected = expected;
                self.block(&block.block)
            }
            syn::Expr::Try(e) => match self.referent(&e.expr)? {
                Value::Option(Truth::Known(false), _) => {
                    self.fail(e.question_token.span(), "nothing as a result", "check for errors outside the function")
                }
                Value::Option(_, inner) => Ok(*inner),
                other => self.fail(e.question_token.span(), format!("`?` on {}", other.kind()), "check for errors outside the function"),
            },
            syn::Expr::Match(m) => {
                let value = self.expr(&m.expr)?;
                self.match_value(&value, &m.arms, expected.as_ref(), m.span())
            }
            syn::Expr::While(each) => self.while_loop(each),
            syn::Expr::Loop(each) => self.endless_loop(each),
            syn::Expr::Break(b) => {
                let target = Target::Break(self.labelled(b.label.as_ref(), b.span())?);
                let value = b.expr.as_ref().map_or(Ok(Value::unit()), |e| self.expr(e))?;
                self.jump(target, value)
            }
            syn::Expr::Continue(c) => {
                let target = Target::Continue(self.labelled(c.label.as_ref(), c.span())?);
                self.jump(target, Value::unit())
            }
            syn::Expr::Unary(unary) => self.unary(unary),
            syn::Expr::Binary(binary) => self.binary(binary),
            syn::Expr::Assign(assign) => {
                let value = self.expr(&assign.right)?;
                let value = self.generated_like(value, &assign.left)?;
                self.here = assign.span();
                self.assign(&assign.left, value)?;
                Ok(Value::unit())
            }
            syn::Expr::If(branch) => self.branch(branch, expected.as_ref()),
            syn::Expr::ForLoop(each) => self.for_loop(each),
            syn::Expr::Array(array) => {
                let element = match &expected {
                    Some(syn::Type::Array(ty)) => Some((*ty.elem).clone()),
                    _ => None,
                };
                Ok(Value::Array(array.elems.iter().map(|e| self.expr_of(e, element.clone())).collect::<Eval<_>>()?))
            }
            syn::Expr::Tuple(tuple) => {
                let part = |k: usize| match &expected {
                    Some(syn::Type::Tuple(ty)) => ty.elems.get(k).cloned(),
                    _ => None,
                };
                Ok(Value::Tuple(tuple.elems.iter().enumerate().map(|(k, e)| self.expr_of(e, part(k))).collect::<Eval<_>>()?))
            }
            syn::Expr::Repeat(repeat) => self.repeat(repeat),
            syn::Expr::Index(index) => {
                let at = self.expr(&index.index)?;
                if let (Some(slot), false) = (self.array_variable(&index.expr), matches!(at, Value::Range(..))) {
                    return self.element_in(slot, &at, index.index.span());
                }
                let base = self.referent(&index.expr)?;
                self.index(base, &at, index.index.span())
            }
            syn::Expr::Field(field) => self.field(field),
            syn::Expr::Range(range) => {
                let zero = Int { at: Affine::from(0), ty: None, cast: false };
                let from = range.start.as_ref().map_or(Ok(zero), |e| self.integer_value(e))?;
                let to = range.end.as_ref().map(|e| self.integer_value(e)).transpose()?;
                let ty = from.ty.or(to.as_ref().and_then(|to| to.ty));
                let from = self.as_position(&from, range.span())?;
                let to = to.map(|to| self.as_position(&to, range.span())).transpose()?;
                let inclusive = matches!(range.limits, syn::RangeLimits::Closed(_));
                let to = to.map(|to| to.plus(&Affine::from(1), i64::from(inclusive)));
                Ok(Value::Range(from, to, ty))
            }
            syn::Expr::Cast(cast) => self.cast(cast),
            syn::Expr::Call(call) => self.call(call, expected.as_ref()),
            syn::Expr::MethodCall(call) => {
                if is_length_preserving(call) {
                    self.expected = expected;
                }
                self.method_call(call)
            }
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
                Ok(Value::Closure(Rc::new(Closure {
                    inputs,
                    output: closure_output(closure),
                    lengths: Vec::new(),
                    body: (*closure.body).clone(),
                    scope,
                })))
            }
            syn::Expr::Macro(m) => self.macro_call(&m.mac),
            syn::Expr::Return(r) => {
                let returned = self.returned.clone();
                let value = r.expr.as_ref().map_or(Ok(Value::unit()), |e| self.expr_of(e, returned))?;
                self.jump(Target::Return, value)
            }
            other => {
                let (what, help) = unsupported(other);
                self.fail(other.span(), format!("{what} is not supported"), help)
            }
        }
    }

    pub(super) fn literal(&mut self, lit: &Lit) -> Eval {
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
                Ok(n) => Ok(Value::Int(Int { at: Affine::from(n), ty: IntType::named(l.suffix()), cast: false })),
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

    pub(super) fn path(&mut self, path: &syn::ExprPath) -> Eval {
        let segments: Vec<String> = path.path.segments.iter().map(|s| s.ident.to_string()).collect();
        let last = segments.last().map_or("", String::as_str);
        if let [name] = segments.as_slice() {
            if let Some(slot) = self.slot(name) {
                let slots = std::mem::take(&mut self.slots);
                let counted = self.copy(&slots[slot..=slot], path.span());
                self.slots = slots;
                counted?;
                return match &self.slots[slot] {
                    Value::Poison => Err(Stop::Reported),
                    Value::Unjoined(mistake) => {
                        let mistake = (**mistake).clone();
                        self.diagnostics.report(mistake);
                        self.slots[slot] = Value::Poison;
                        Err(Stop::Reported)
                    }
                    value => Ok(value.clone()),
                };
            }
            if let Some(e) = self.helpers.constants.get(name) {
                let outer = std::mem::take(&mut self.scope);
                let value = self.expr(e);
                self.scope = outer;
                return value;
            }
            if let Some(size) = self.types.named.get(name).filter(|size| self.types.items.contains_key(*size)) {
                return Ok(Value::position(*size));
            }
            if name == "None" {
                self.nothing.get_or_insert(path.span());
                return Ok(Value::none());
            }
            if !is_constant(name) {
                let known: Vec<&str> = self.scope.iter().map(|(n, _)| n.as_str()).collect();
                let near = did_you_mean(name, known).map(|n| format!("a variable with a similar name exists: `{n}`"));
                let help = near.unwrap_or_else(|| "pass it as a parameter, or write it in capitals if it is a constant".into());
                return self.fail(path.span(), format!("cannot see `{name}` from here"), &help);
            }
        }
        let owner = segments.len().checked_sub(2).map_or("", |k| segments[k].as_str());
        if let Some(value) = self.integer_constant(owner, last, path.span())? {
            return Ok(value);
        }
        let float_type = matches!(owner, "f64" | "f32");
        let single = self.program.float == Float::F32;
        let value = match last {
            "EPSILON" if float_type && single => f64::from(f32::EPSILON),
            "MAX" if float_type && single => f64::from(f32::MAX),
            "MIN" if float_type && single => f64::from(f32::MIN),
            "MIN_POSITIVE" if float_type && single => f64::from(f32::MIN_POSITIVE),
            "EPSILON" if float_type => f64::EPSILON,
            "MAX" if float_type => f64::MAX,
            "MIN" if float_type => f64::MIN,
            "MIN_POSITIVE" if float_type => f64::MIN_POSITIVE,
            _ => match FLOAT_CONSTANTS.iter().find(|(name, _)| owner == "consts" && *name == last) {
                Some((_, x)) => *x,
                None if is_constant(last) => return Ok(Value::Opaque(Rc::new(syn::Expr::Path(path.clone())))),
                None => {
                    let help = "declare it inside the function, or pass it as a parameter";
                    return self.fail(path.span(), format!("cannot see `{}` from here", segments.join("::")), help);
                }
            },
        };
        self.float_constant(value, path.span()).map(Value::Float)
    }

    /// An expression, and where it is a mutable reference, what that refers to.
    pub(super) fn referent(&mut self, e: &syn::Expr) -> Eval {
        let value = self.expr(e)?;
        self.read_through(value)
    }

    pub(super) fn arguments<'e>(&mut self, es: impl IntoIterator<Item = &'e syn::Expr>) -> Eval<Vec<Value>> {
        es.into_iter().map(|e| self.expr(e)).collect()
    }

    /// The variable that an expression is, if it holds a fixed array.
    fn array_variable(&self, e: &syn::Expr) -> Option<usize> {
        let syn::Expr::Path(p) = e else { return None };
        let slot = self.slot(&p.path.get_ident()?.to_string())?;
        matches!(self.slots[slot], Value::Array(_)).then_some(slot)
    }

    /// An element of a variable; the variable is not copied.
    fn element_in(&mut self, slot: usize, at: &Value, span: Span) -> Eval {
        let at = self.positions(at, span)?;
        let Value::Array(items) = &self.slots[slot] else { return self.fail(span, "cannot index this", "") };
        let length = items.len();
        let k = self.position(&at[..at.len().min(1)], length, span)?;
        let Value::Array(items) = &self.slots[slot] else { return self.fail(span, "cannot index this", "") };
        let item = items[k].clone();
        if at.len() > 1 {
            return self.element_of(item, &at[1..], span);
        }
        self.read_through(item)
    }

    fn unary(&mut self, unary: &syn::ExprUnary) -> Eval {
        let value = self.referent(&unary.expr)?;
        match (&unary.op, value) {
            (UnOp::Deref(_), Value::Opaque(e)) => Ok(Value::Opaque(match &*e {
                syn::Expr::Reference(r) => Rc::new((*r.expr).clone()),
                e => Rc::new(syn::parse_quote!(*#e)),
            })),
            (UnOp::Deref(_), value) => Ok(value),
            (UnOp::Neg(_), Value::Opaque(e)) => Ok(Value::Opaque(Rc::new(syn::parse_quote!((-#e))))),
            (UnOp::Not(_), Value::Opaque(e)) => {
                let truth = self.opaque_truth(&e)?;
                Ok(Value::Truth(self.not(truth)))
            }
            (UnOp::Neg(_), Value::Int(a)) => self.negated(&a, unary.span()),
            (UnOp::Not(_), Value::Int(a)) => self.complement(&a, unary.span()),
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

    pub(super) fn both(&mut self, op: Op, a: Truth, b: Truth) -> Truth {
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
            let right = self.expr(&binary.right)?;
            let value = self.bit_op(&binary.op, left, right, binary.op.span())?;
            return match binary.op {
                BinOp::BitAnd(_) | BinOp::BitOr(_) | BinOp::BitXor(_) | BinOp::Shl(_) | BinOp::Shr(_) => Ok(value),
                _ => self.assign(&binary.left, value).map(|()| Value::unit()),
            };
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
            self.here = binary.span();
            self.assign(&binary.left, value)?;
            return Ok(Value::unit());
        }
        Ok(value)
    }

    /// Applies a binary operator to values of any kind.
    pub(super) fn apply(&mut self, op: Op, a: Value, b: Value, span: Span) -> Eval {
        let (a, b) = match (self.read_through(a)?, self.read_through(b)?) {
            (Value::Opaque(x), Value::Opaque(y)) => match op.entry().syntax {
                // both types are unknown: rustc computes it
                Syntax::Infix(symbol, _) if !op.entry().truth => {
                    let symbol: syn::BinOp = syn::parse_str(symbol).expect("an operator of Rust");
                    return Ok(Value::Opaque(Rc::new(syn::parse_quote!((#x #symbol #y)))));
                }
                _ if matches!(op, Op::And | Op::Or) => (Value::Truth(self.opaque_truth(&x)?), Value::Truth(self.opaque_truth(&y)?)),
                Syntax::Infix(symbol, _) => {
                    let symbol: syn::BinOp = syn::parse_str(symbol).expect("an operator of Rust");
                    return self.opaque_truth(&syn::parse_quote!((#x #symbol #y))).map(Value::Truth);
                }
                _ => (Value::Opaque(x), Value::Opaque(y)),
            },
            (Value::Opaque(x), b) => (self.like(x, &b)?, b),
            (a, Value::Opaque(y)) => {
                let y = self.like(y, &a)?;
                (a, y)
            }
            both => both,
        };
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
            (Value::Poison, _) | (_, Value::Poison) => Err(Stop::Reported),
            (Value::Generator(_), _) | (_, Value::Generator(_)) => self.unknown_length(span),
            (a, b) => {
                let name = match op.entry().syntax {
                    Syntax::Infix(symbol, _) => symbol,
                    _ => op.name(),
                };
                let mixed = [&a, &b].iter().any(|v| matches!(v, Value::Int(_)))
                    && [&a, &b].iter().any(|v| matches!(v, Value::Float(_) | Value::Tensor(_)));
                let help = if mixed { "write an integer literal as a float, `2.0`, and convert others by `as f64`" } else { "" };
                self.fail(span, format!("cannot apply `{name}` to {} and {}", a.kind(), b.kind()), help)
            }
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

    /// An expression that is a position or length.
    pub(super) fn integer(&mut self, e: &syn::Expr) -> Eval<Affine> {
        let int = self.integer_value(e)?;
        self.as_position(&int, e.span())
    }

    fn integer_value(&mut self, e: &syn::Expr) -> Eval<Int> {
        match self.referent(e)? {
            Value::Int(a) => Ok(a),
            Value::Opaque(e) => Ok(Int { at: self.opaque_integer(&e)?, ty: None, cast: false }),
            Value::Poison => Err(Stop::Reported),
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
        let ty = IntType::named(&name);
        match (self.read_through(value)?, ty) {
            (Value::Opaque(e), _) => {
                let ty = &cast.ty;
                let e = Value::Opaque(Rc::new(syn::parse_quote!((#e as #ty))));
                self.typed(e, ty)
            }
            (Value::Truth(Truth::Known(b)), Some(ty)) => self.int(i128::from(b), Some(ty), cast.span()).map(Value::Int),
            (Value::Int(a), Some(ty)) => self.cast_integer(&a, ty, cast.span()),
            (Value::Int(a), None) if same => self.integer_as_float(&a, cast.span()).map(Value::Float),
            (Value::Float(e), None) if same => Ok(Value::Float(e)),
            (Value::Float(e), Some(ty)) => match self.program.arena.as_const(e).map(Constant::to_f64) {
                Some(x) => self.cast_float(x, ty, cast.span()),
                None => self.fail(cast.ty.span(), format!("cannot cast a float to `{name}`"), "a cast to another type has no derivative"),
            },
            (Value::Float(_), None) => {
                self.fail(cast.ty.span(), format!("cannot cast a float to `{name}`"), "a cast to another type has no derivative")
            }
            (other, _) => self.fail(cast.ty.span(), format!("cannot cast {} to `{name}`", other.kind()), ""),
        }
    }

    /// The length of an array type or expression: a literal, a const generic or a `const` item.
    fn array_length(&mut self, e: &syn::Expr) -> Eval<Affine> {
        match self.referent(e)? {
            Value::Int(a) => self.as_position(&a, e.span()),
            Value::Opaque(e) => Ok(self.types.item_length(&mut self.program, &e.to_token_stream())),
            other => self.fail(e.span(), format!("expected an integer, found {}", other.kind()), ""),
        }
    }

    /// `std::array::from_fn(f)` of a length.
    pub(super) fn generated(&mut self, f: &Closure, length: &syn::Expr) -> Eval {
        let length = self.array_length(length)?;
        match self.iterated(Value::Range(Affine::from(0), Some(length), Some(IntType::usize())), self.here)? {
            Source::Known(positions) => {
                let count = self.left(&positions, self.here)?;
                self.written_out(count as i64, self.here)?;
                let mut items = Vec::new();
                self.each_item(positions, self.here, &mut |r, k| {
                    items.push(r.call_closure(f, vec![k.value], r.here)?);
                    Ok(())
                })?;
                Ok(Value::Array(items))
            }
            Source::Open(stream) => {
                let item = self.without_effect(self.here, |r| r.call_closure(f, vec![*stream.item], r.here))?;
                let item = self.float(item, self.here)?;
                Ok(Value::Tensor(self.tensor(stream.indices, item, false)))
            }
        }
    }

    /// The error for `array::from_fn` where nothing tells its length.
    pub(super) fn unknown_length<T>(&mut self, span: Span) -> Eval<T> {
        self.fail(span, "an array of unknown length", "write it: `std::array::from_fn::<_, 3, _>(…)`, or `let a: [f64; 3] = …`")
    }

    /// `a = array::from_fn(f)`: as long as what was there.
    fn generated_like(&mut self, value: Value, target: &syn::Expr) -> Eval {
        let Value::Generator(f) = value else { return Ok(value) };
        let place = self.place(target)?;
        match self.load(&place, target.span())? {
            Value::Array(items) => {
                let n = items.len();
                self.generated(&f, &syn::parse_quote!(#n))
            }
            _ => self.unknown_length(target.span()),
        }
    }

    fn repeat(&mut self, repeat: &syn::ExprRepeat) -> Eval {
        let value = self.referent(&repeat.expr)?;
        let length = self.array_length(&repeat.len)?;
        self.repeated(value, length, repeat.span())
    }

    /// `[value; length]`.
    pub(super) fn repeated(&mut self, value: Value, length: Affine, span: Span) -> Eval {
        let length = self.lengths.resolve(&length);
        if let Some(n) = length.known() {
            let n = self.written_out(n, span)?;
            self.copy(std::iter::repeat_n(&value, n), span)?;
            return Ok(Value::Array(vec![value; n]));
        }
        let (mut shape, inner) = match value {
            Value::Float(e) => (Vec::new(), Elements::Each(Vec::new(), e)),
            Value::Tensor(t) => (t.shape, t.elements),
            Value::Opaque(e) => (Vec::new(), Elements::Each(Vec::new(), self.opaque_float(&e)?)),
            other => return self.fail(span, format!("cannot repeat {} over a run-time length", other.kind()), ""),
        };
        let Elements::Each(mut indices, body) = inner else {
            return self.fail(span, "cannot repeat this array", "");
        };
        indices.insert(0, self.program.index(length.clone()));
        shape.insert(0, length);
        Ok(Value::Tensor(Tensor { shape, elements: Elements::Each(indices, body), ndarray: false }))
    }

    fn field(&mut self, field: &syn::ExprField) -> Eval {
        let base = self.referent(&field.base)?;
        match (&field.member, base) {
            (syn::Member::Unnamed(at), Value::Tuple(mut items)) if (at.index as usize) < items.len() => {
                let item = items.swap_remove(at.index as usize);
                self.read_through(item)
            }
            (member, Value::Opaque(e)) => {
                let e = receiver(&e);
                Ok(Value::Opaque(Rc::new(syn::parse_quote!(#e.#member))))
            }
            (_, Value::Poison) => Err(Stop::Reported),
            (_, other) => {
                self.fail(field.span(), format!("cannot read a field of {}", other.kind()), "pass the field as a parameter of its own")
            }
        }
    }

    /// A position in a fixed array.
    pub(super) fn position(&mut self, at: &[Affine], length: usize, span: Span) -> Eval<usize> {
        let [at] = at else { return self.fail(span, format!("{} positions for one axis", at.len()), "") };
        match self.lengths.resolve(at).known() {
            Some(k) if (0..length as i64).contains(&k) => Ok(k as usize),
            Some(k) => self.fail(span, format!("position {k} of an array of length {length}"), ""),
            None => self.fail(
                span,
                "this position is not known at compile time",
                "index by literals, loop variables and arithmetic on them, or pass the array as a slice `&[f64]`",
            ),
        }
    }

    /// Positions along the axes of a tensor: `i`, `[i, j]` or `(i, j)`.
    pub(super) fn positions(&mut self, at: &Value, span: Span) -> Eval<Vec<Affine>> {
        match at {
            Value::Int(a) => Ok(vec![self.as_position(a, span)?]),
            Value::Opaque(e) => Ok(vec![self.opaque_integer(e)?]),
            Value::Reference(place) => {
                let at = self.load(place, span)?;
                self.positions(&at, span)
            }
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

    /// The element, or the part, of a value at some positions.
    pub(super) fn element_of(&mut self, value: Value, at: &[Affine], span: Span) -> Eval {
        let Some((first, rest)) = at.split_first() else { return Ok(value) };
        match value {
            Value::Array(mut items) | Value::Tuple(mut items) => {
                let k = self.position(std::slice::from_ref(first), items.len(), span)?;
                let item = items.swap_remove(k);
                self.element_of(item, rest, span)
            }
            Value::Tensor(t) => {
                let slices: Vec<Slice> = at.iter().cloned().map(Slice::At).collect();
                self.slice(t, &slices, span)
            }
            Value::Reference(place) => {
                let value = self.load(&place, span)?;
                self.element_of(value, at, span)
            }
            Value::Poison => Err(Stop::Reported),
            other => self.fail(span, format!("cannot index {}", other.kind()), ""),
        }
    }

    fn index(&mut self, base: Value, at: &Value, span: Span) -> Eval {
        match (base, at) {
            (Value::Opaque(e), at) => match self.as_opaque(at) {
                Some(at) => {
                    let e = receiver(&e);
                    Ok(Value::Opaque(Rc::new(syn::parse_quote!(#e[#at]))))
                }
                None => {
                    let help = "bind it with its type first: `let k: &[f64] = &…;`";
                    self.fail(span, "a position that is not known in a constant of unknown type", help)
                }
            },
            (Value::Array(items), Value::Range(from, to, _)) => {
                let (from, to) = (self.lengths.resolve(from), to.as_ref().map(|to| self.lengths.resolve(to)));
                match (from.known(), to.map_or(Some(items.len() as i64), |to| to.known())) {
                    (Some(a), Some(b)) if 0 <= a && a <= b && b <= items.len() as i64 => {
                        Ok(Value::Array(items[a as usize..b as usize].to_vec()))
                    }
                    _ => self.fail(span, "this range is not inside the array", ""),
                }
            }
            (Value::Tensor(t), Value::Range(from, to, _)) if !t.ndarray => {
                self.slice(t, &[Slice::Range(from.clone(), to.clone(), 1)], span)
            }
            (Value::Generator(_), _) => self.unknown_length(span),
            (Value::Tensor(t), at) => {
                let at = self.positions(at, span)?;
                if t.ndarray && at.len() != t.shape.len() {
                    return self.fail(
                        span,
                        format!("{} positions for an array of rank {}", at.len(), t.shape.len()),
                        "a row is `row(i)`, a slice `slice(s![…])`",
                    );
                }
                self.element_of(Value::Tensor(t), &at, span)
            }
            (base, at) => {
                let at = self.positions(at, span)?;
                let item = self.element_of(base, &at, span)?;
                self.read_through(item)
            }
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

/// Whether an expression makes a value that no variable holds.
fn is_temporary(e: &syn::Expr) -> bool {
    match e {
        syn::Expr::Paren(p) => is_temporary(&p.expr),
        syn::Expr::Array(_) | syn::Expr::Tuple(_) | syn::Expr::Repeat(_) | syn::Expr::Lit(_) | syn::Expr::Call(_) | syn::Expr::Macro(_) => {
            true
        }
        syn::Expr::MethodCall(call) => {
            matches!(call.method.to_string().as_str(), "clone" | "to_owned" | "to_vec" | "iter" | "map" | "collect")
        }
        _ => false,
    }
}

/// The type that a closure says it returns.
fn closure_output(closure: &syn::ExprClosure) -> Option<syn::Type> {
    match &closure.output {
        syn::ReturnType::Type(_, ty) => Some((**ty).clone()),
        syn::ReturnType::Default => None,
    }
}

/// Whether the array that a method makes is as long as its receiver.
fn is_length_preserving(call: &syn::ExprMethodCall) -> bool {
    matches!(call.method.to_string().as_str(), "map" | "clone" | "to_owned" | "to_vec")
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
        syn::Expr::Struct(_) => ("a struct", "use a tuple or an array"),
        syn::Expr::Unsafe(_) => ("an `unsafe` block", "write it with safe indexing"),
        syn::Expr::Await(_) | syn::Expr::Async(_) => ("`async` code", "await outside the function"),
        syn::Expr::Let(_) => ("`let` in a condition", "use a `match`"),
        _ => ("this expression", "docs/language.md lists what is"),
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
