//! Statements and expressions.

use super::control::{Jump, Target};
use super::floats::in_float_type;
use super::helpers::Helpers;
use super::integers::Int;
use super::lengths::Lengths;
use super::types::strip;
use super::types::{Seen, Types};
use super::value::{Closure, Place, Truth, Value};
use super::Loops;
use crate::diag::{Diagnostic, Diagnostics, Reported};
use crate::interface::{Interface, Param, ParamKind, Ty};
use crate::ir::{self, Affine, Map, Node, Program, Role};
use proc_macro2::{Span, TokenTree};
use quote::ToTokens;
use std::rc::Rc;
use syn::spanned::Spanned;
use syn::{Block, Stmt};

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
    /// The functions and constants that were found elsewhere, by where and under which path they were looked for.
    pub(super) found: Map<String, Option<Rc<Closure>>>,
    pub(super) tables: Map<String, Value>,
    /// What `use` inside the function that is read brings in.
    pub(super) uses: Vec<(String, Vec<String>)>,
    /// While a function is read that stands elsewhere: where it is called, and which it is.
    pub(super) abroad: Option<(Span, String)>,
    /// What becomes of loops of known length.
    pub(super) kept: Loops,
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
    /// The branches, and loops that may have no round, around what is read.
    pub(super) branches: usize,
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
    pub(super) unread: Vec<(syn::Ident, syn::Type)>,
    /// The annotated function, which is what is read, its parameters, and the statement of it that is read.
    pub(super) own: Rc<syn::ItemFn>,
    pub(super) params: Vec<Param>,
    pub(super) statement: Option<usize>,
    /// Whether generated code takes many points at once.
    pub(super) batched: bool,
    /// The loop in which this round is not left, if it is known to be none of those that are.
    pub(super) staying: Option<usize>,
    /// The macros that were written out.
    pub(super) macros: usize,
    /// Where `None` stands first.
    pub(super) nothing: Option<Span>,
    /// Whether constants are read that are there only if the function has a result.
    pub(super) asks: bool,
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
    (helpers, kept): (&Helpers, Loops),
    diagnostics: &mut Diagnostics,
) -> Option<Program> {
    let own = Rc::new(interface.item.clone());
    let mut reader = Reader {
        program,
        lengths,
        diagnostics,
        types,
        helpers,
        found: Map::default(),
        tables: Map::default(),
        uses: Vec::new(),
        abroad: None,
        kept,
        constants: Vec::new(),
        modules: Vec::new(),
        slots: Vec::new(),
        scope: Vec::new(),
        outs: Vec::new(),
        jumps: Vec::new(),
        branches: 0,
        labels: Vec::new(),
        loops: 0,
        calls: 0,
        here: interface.item.sig.ident.span(),
        expected: None,
        returned: None,
        nothing: None,
        asks: false,
        macros: 0,
        own: Rc::clone(&own),
        params: interface.params.clone(),
        statement: None,
        batched: interface.batch.is_some(),
        staying: None,
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
                reader.unread.push((ident.clone(), param.ty.clone()));
                match (reader.types.see(&param.ty), &reader.types.generic) {
                    (Seen::Float(Ty::Scalar, ..), Some(generic)) => {
                        let is_reference = matches!(param.ty, syn::Type::Reference(_));
                        let number = if is_reference { quote::quote!(*#ident) } else { quote::quote!(#ident) };
                        let e = in_float_type(generic, &number);
                        Value::Float(reader.opaque_float(&e).ok()?)
                    }
                    _ => Value::Opaque(Rc::new(syn::parse_quote!(#ident))),
                }
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
        r.block(&own.block)
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
        Value::Option(Truth::Open(_), inner) if interface.wrapper.is_some() => {
            interface.asks = true;
            *inner
        }
        Value::Option(..) if interface.wrapper.is_some() => {
            let span = reader.nothing.unwrap_or(span);
            reader.error(span, "nothing as a result, whatever the arguments are").help("return `Ok(…)` or `Some(…)` somewhere");
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
        single if returned == 1 => vec![single],
        Value::Poison => return None,
        other => {
            reader.error(span, format!("expected a tuple of {returned} results, found {}", other.kind()));
            return None;
        }
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
    interface.asks |= reader.asks && interface.wrapper.is_some();
    let name = &interface.item.sig.ident;
    if let (true, Some(param)) = (interface.asks && interface.receiver.is_none(), interface.params.iter().find(|p| p.ident == *name)) {
        let error =
            reader.error(param.ident.span(), format!("a parameter with the name of the function, `{name}`, which may return nothing"));
        error.help("give it another name: the function is called, and says whether there is a result");
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
        match &self.abroad {
            None => self.diagnostics.error(span, message),
            Some((call, function)) => {
                let error = self.diagnostics.error(*call, message);
                error.note(format!("in {function}"));
                error
            }
        }
    }

    pub(super) fn fail<T>(&mut self, span: Span, message: impl Into<String>, help: &str) -> Eval<T> {
        let error = self.error(span, message);
        if !help.is_empty() {
            error.help(help);
        }
        Err(Stop::Reported)
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

    /// Keeps the user's name for what is bound to it; what has none keeps its own.
    pub(super) fn name(&mut self, name: &str, value: Value) -> Value {
        match value {
            Value::Float(e) => {
                match self.program.arena[e].clone() {
                    Node::Apply(..) if !name.is_empty() => {
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
        let unnamed = !name.is_empty() && self.program.info(t).role == Role::Defined && self.program.info(t).name.starts_with("__");
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
                    Stmt::Item(syn::Item::Use(item)) => r.uses.extend(super::source::imported(item)),
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
                    let closure = Closure { scope: seen.clone(), home: r.types.home.clone(), ..Closure::of(item) };
                    if let Some(slot) = r.slot(&item.sig.ident.to_string()) {
                        r.slots[slot] = Value::Closure(Rc::new(closure));
                    }
                }
            }
            let mut value = Value::unit();
            for (k, stmt) in block.stmts.iter().enumerate() {
                if std::ptr::eq(block, &*r.own.block) {
                    r.statement = Some(k);
                }
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
            Stmt::Macro(m) if !super::methods::is_read(&m.mac) => match self.expanded(&m.mac)? {
                Some(tokens) => {
                    let written = syn::parse::Parser::parse2(Block::parse_within, tokens);
                    let statements = self.parsed(written)?;
                    let mut value = None;
                    for statement in &statements {
                        value = self.statement(statement)?;
                    }
                    Ok(value.filter(|_| m.semi_token.is_none()))
                }
                None => self.macro_call(&m.mac).map(Some),
            },
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
            syn::Expr::Try(e) => self.or_leave(e),
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
                    types: self.types.floats.clone(),
                    changes_self: false,
                    body: (*closure.body).clone(),
                    scope,
                    home: self.types.home.clone(),
                    elsewhere: None,
                })))
            }
            syn::Expr::Macro(m) => self.macro_call(&m.mac),
            syn::Expr::Struct(s) => self.struct_literal(s),
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

    /// `e?`: where there is no value, the function or closure around returns.
    fn or_leave(&mut self, e: &syn::ExprTry) -> Eval {
        match self.referent(&e.expr)? {
            Value::Option(there, inner) => self.decide(there, |_| Ok(*inner), |r| r.jump(Target::Return, Value::none())),
            // the function itself is called before, and has said that it is there
            Value::Opaque(e) => {
                self.asks |= self.abroad.is_none();
                let is_option = matches!(&self.returned, Some(ty) if is_named(ty, "Option"));
                let some: syn::Path =
                    if is_option { syn::parse_quote!(::core::option::Option::Some) } else { syn::parse_quote!(::core::result::Result::Ok) };
                Ok(Value::Opaque(Rc::new(syn::parse_quote!(match #e { #some(there) => there, _ => ::core::unreachable!() }))))
            }
            other => self.fail(e.question_token.span(), format!("`?` on {}", other.kind()), "check for errors outside the function"),
        }
    }

    /// An expression, and where it is a mutable reference, what that refers to.
    pub(super) fn referent(&mut self, e: &syn::Expr) -> Eval {
        let value = self.expr(e)?;
        self.read_through(value)
    }

    pub(super) fn arguments<'e>(&mut self, es: impl IntoIterator<Item = &'e syn::Expr>) -> Eval<Vec<Value>> {
        es.into_iter().map(|e| self.expr(e)).collect()
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
}

/// Whether a type has this last name.
fn is_named(ty: &syn::Type, name: &str) -> bool {
    matches!(strip(ty), syn::Type::Path(p) if p.path.segments.last().is_some_and(|s| s.ident == name))
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
        syn::Expr::Unsafe(_) => ("an `unsafe` block", "write it with safe indexing"),
        syn::Expr::Await(_) | syn::Expr::Async(_) => ("`async` code", "await outside the function"),
        syn::Expr::Let(_) => ("`let` in a condition", "use a `match`"),
        _ => ("this expression", "docs/language.md lists what is"),
    }
}
