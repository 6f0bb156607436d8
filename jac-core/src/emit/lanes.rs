//! Many points at once: a kernel of known lengths, each of whose numbers is a vector of numbers, one a point.
//!
//! The points of a block are read into lanes, the kernel's statements run on them, and the lanes of the results are written.
//! What depends on the point decides nothing: of a branch both arms are computed, and each lane takes its own.

use super::body::Printer;
use super::expressions::WEAKEST;
use super::local;
use super::types::Parts;
use crate::interface::{Interface, Param, ParamKind, Request, Results, Ty};
use crate::ir::{Float, Set, Tensor};
use crate::kernel::{each_statement, Buffer, Home, Init, Kernel, Local, Stmt, Value};
use crate::ops::{Op, Syntax};
use proc_macro2::{Ident, Literal, TokenStream};
use quote::quote;

/// What of a kernel has no lanes, in words.
pub fn refused(kernel: &Kernel<'_>) -> Option<String> {
    let is_open = |b: &Buffer| kernel.info(*b).shape.iter().any(|n| kernel.program.is_run_time(n));
    if let Some(b) = kernel.results().find(is_open) {
        return Some(format!("`{}` has a length that is known only at run time", kernel.info(b).name));
    }
    let mut found = None;
    each_statement(&kernel.body, &mut |statement| {
        if let Stmt::Product(b, _) | Stmt::Factor(b, _) | Stmt::Intrinsic(b, ..) = statement {
            found.get_or_insert_with(|| format!("`{}` needs a library for products or factors of matrices", kernel.info(*b).name));
        }
    });
    found.or_else(|| exposed(kernel, &kernel.body, false))
}

/// What may be outside and is read only where numbers say so, which are others in each lane.
fn exposed(kernel: &Kernel<'_>, body: &[Stmt], guarded: bool) -> Option<String> {
    body.iter().find_map(|statement| {
        let decides = |c: &Value| !matches!(c, Value::Apply(_, args) if args.iter().all(|a| a.as_position().is_some()));
        let guarded = guarded || matches!(statement, Stmt::If(c, _) | Stmt::Branch(_, c, _) if decides(c));
        let mut found = None;
        for value in statement.values() {
            let is_select = |v: &Value| matches!(v, Value::Apply(Op::Select, args) if decides(&args[0]));
            let mut selects = guarded;
            value.each(&mut |v| selects |= is_select(v));
            value.each(&mut |v| match v {
                Value::Read(b, at) if selects && !at.iter().enumerate().all(|(axis, at)| kernel.is_inside(*b, axis, at)) => {
                    let name = &kernel.info(*b).name;
                    found.get_or_insert_with(|| format!("`{name}` is read, perhaps outside, only where a condition on numbers holds"));
                }
                _ => {}
            });
        }
        found.or_else(|| statement.blocks().into_iter().find_map(|inner| exposed(kernel, inner, guarded)))
    })
}

/// The body of a function of many points; `memory` are the slices that take the results.
pub fn body(interface: &Interface, request: Request, seeds: &[Tensor], memory: &[Ident], kernel: &Kernel<'_>) -> TokenStream {
    let groups = Parts::groups(interface, request.form, request.form.value);
    let tys = groups.iter().flat_map(Parts::tys);
    let printer = Printer::new(interface, request, kernel, kernel.results().zip(tys).collect());
    let runtime = &interface.runtime;
    let vector = local(match kernel.float() {
        Float::F64 => "F64",
        Float::F32 => "F32",
    });
    let lanes = quote!(#runtime::lanes);
    let vector = quote!(#lanes::#vector);
    let width = quote!(<#vector as #lanes::Lane>::WIDTH);
    let params: Vec<(Ident, Buffer)> = interface.params.iter().filter_map(|p| varied(interface, seeds, p)).collect();
    let varied = params.iter().map(|(_, b)| *b).collect();
    let columns = request.results == Results::Columns;
    let mut body = Lanes { printer, lanes, vector, varied, columns, uniform: Set::default(), guard: None };
    let mut out: TokenStream =
        [body.printer.imports(), body.printer.constants(), body.printer.lengths(), body.printer.slices()].into_iter().collect();
    out.extend(memory.iter().filter(|_| columns).map(|name| quote!(let mut #name = #name;)));
    out.extend(body.count(&params, &groups, memory));
    let mut round: TokenStream = params.iter().map(|(name, b)| body.read(name, *b)).collect();
    for b in kernel.results().filter(|b| kernel.info(*b).home == Home::Returned) {
        let (name, zeros) = (body.printer.name(b), body.printer.repeated(b, &body.zero()));
        round.extend(quote!(let mut #name = #zeros;));
    }
    round.extend(body.statements(&kernel.body));
    round.extend(body.write(&groups, memory));
    let (count, first) = (local("__count"), local("__first"));
    quote! {
        #out
        for #first in (0..#count).step_by(#width) { #round }
    }
}

/// The parameter and its buffer, if it differs from point to point.
fn varied(interface: &Interface, seeds: &[Tensor], param: &Param) -> Option<(Ident, Buffer)> {
    match &param.kind {
        ParamKind::Float(_, t, _) if interface.varied.contains(t) || seeds.contains(t) => Some((param.ident.clone(), Buffer::from(*t))),
        _ => None,
    }
}

/// All floats of a number or a nested array.
fn flattened(place: &TokenStream, rank: usize, mutable: bool) -> TokenStream {
    let (as_flattened, from, reference) = match mutable {
        true => (quote!(as_flattened_mut), quote!(from_mut), quote!(&mut)),
        false => (quote!(as_flattened), quote!(from_ref), quote!(&)),
    };
    match rank {
        0 => quote!(::core::slice::#from(#reference #place)),
        1 => quote!((#reference #place[..])),
        _ => {
            let flatten = (1..rank).map(|_| quote!(.#as_flattened()));
            quote!(#place #(#flatten)*)
        }
    }
}

/// A truth value: the same for all points, or one a lane.
enum Truth {
    Uniform(TokenStream),
    Mask(TokenStream),
}

struct Lanes<'a> {
    printer: Printer<'a>,
    /// The path of the runtime's module.
    lanes: TokenStream,
    /// The type of vectors.
    vector: TokenStream,
    /// The parameters that differ from point to point.
    varied: Set<Buffer>,
    /// Whether each number of all points stands in a slice of its own, and not each point in an element of one.
    columns: bool,
    /// The truth values that are the same for all points.
    uniform: Set<Local>,
    /// The lanes in which the statements around take place, if not in all.
    guard: Option<Ident>,
}

impl Lanes<'_> {
    fn kernel(&self) -> &Kernel<'_> {
        self.printer.kernel
    }

    fn rank(&self, b: Buffer) -> usize {
        self.kernel().info(b).shape.len()
    }

    /// Whether a buffer, or what it is a part of, is the same for all points.
    fn is_shared(&self, b: Buffer) -> bool {
        match self.kernel().info(b).home {
            Home::View { of, .. } | Home::Rows(of) | Home::Next(of) => self.is_shared(of),
            Home::Input => !self.varied.contains(&b),
            _ => false,
        }
    }

    /// Counts the points, and checks that all slices are as long.
    fn count(&self, params: &[(Ident, Buffer)], groups: &[Parts], memory: &[Ident]) -> TokenStream {
        let (leader, b) = &params[0];
        let any = (0..self.rank(*b)).filter(|_| self.columns).map(|_| quote!([0]));
        let count = local("__count");
        let mut out = quote!(let #count = #leader #(#any)*.len(););
        let why = format!("the number of points, that of `{leader}`");
        let function = format!("{}_{}", self.kernel().program.name, self.printer.request.suffix());
        let runtime = &self.printer.interface.runtime;
        let mut check = |name: &Ident, rank: usize, place: &TokenStream| {
            let (slice, parameter) = (local("__slice"), name.to_string());
            let check = |of: TokenStream| quote!(#runtime::__private::check_length(#function, #parameter, 0, #of.len(), #count, #why););
            out.extend(if rank == 0 || !self.columns {
                check(place.clone())
            } else {
                let (all, check) = (flattened(place, rank, false), check(quote!(#slice)));
                quote!(for #slice in #all { #check })
            });
        };
        for (name, b) in params {
            check(name, self.rank(*b), &quote!(#name));
        }
        for (group, name) in groups.iter().zip(memory) {
            // of rows, each is a whole group
            let (tys, places) = (group.tys(), group.places(&quote!(#name)));
            let parts = tys.iter().map(Ty::rank).zip(places);
            let whole = [(0, quote!(#name))];
            let all: Vec<(usize, TokenStream)> = if self.columns { parts.collect() } else { whole.into() };
            all.iter().for_each(|(rank, place)| check(name, *rank, place));
        }
        out
    }

    /// Reads a parameter into lanes.
    fn read(&self, name: &Ident, b: Buffer) -> TokenStream {
        let (lanes, vector, point, read, first) = (&self.lanes, &self.vector, local("__point"), local("__lanes"), local("__first"));
        let (rank, zeros) = (self.rank(b), self.printer.repeated(b, &self.zero()));
        let all = flattened(&quote!(#read), rank, true);
        let reading = match (self.columns, rank) {
            (true, 0) => return quote!(let #name: #vector = #lanes::Lane::load(#name, #first);),
            (true, rank) => {
                let from = flattened(&quote!(#name), rank, false);
                quote!(for (#point, #read) in #from.iter().zip(#all) { *#read = #lanes::Lane::load(#point, #first); })
            }
            (false, rank) => {
                let floats = flattened(&quote!((*#point)), rank, false);
                quote!(#lanes::Lane::read(#name, #first, #all, |#point| #floats);)
            }
        };
        quote!(let #name = { let mut #read = #zeros; #reading #read };)
    }

    /// Writes the lanes of the results.
    fn write(&self, groups: &[Parts], memory: &[Ident]) -> TokenStream {
        let (lanes, point, read, first) = (&self.lanes, local("__point"), local("__lanes"), local("__first"));
        let mut results = self.kernel().results();
        let mut out = TokenStream::new();
        for (group, memory) in groups.iter().zip(memory) {
            let whole = if self.columns { quote!(#memory) } else { quote!((*#point)) };
            for (ty, place) in group.tys().iter().zip(group.places(&whole)) {
                let (name, rank) = (self.printer.name(results.next().expect("a result for each part")), ty.rank());
                let (all, part) = (flattened(&name, rank, false), flattened(&place, rank, true));
                out.extend(match (self.columns, rank) {
                    (true, 0) => quote!(#lanes::Lane::store(#name, #place, #first);),
                    (true, _) => quote!(for (#point, #read) in #part.iter_mut().zip(#all) { #lanes::Lane::store(*#read, #point, #first); }),
                    (false, _) => quote!(#lanes::Lane::write(#memory, #first, #all, |#point| #part);),
                });
            }
        }
        out
    }

    fn splat(&self, x: &TokenStream) -> TokenStream {
        let vector = &self.vector;
        quote!(#vector::splat(#x))
    }

    fn zero(&self) -> TokenStream {
        self.splat(&self.printer.zero())
    }

    fn statements(&mut self, body: &[Stmt]) -> TokenStream {
        body.iter().map(|s| self.statement(s)).collect()
    }

    fn statement(&mut self, statement: &Stmt) -> TokenStream {
        match statement {
            Stmt::Let(t, value) => {
                let name = self.printer.variable(*t);
                let value = if self.kernel().locals[t.0 as usize].truth {
                    match self.truth(value) {
                        Truth::Uniform(value) => {
                            self.uniform.insert(*t);
                            value
                        }
                        Truth::Mask(value) => value,
                    }
                } else {
                    self.value(value, WEAKEST)
                };
                quote!(let #name = #value;)
            }
            Stmt::SinCos([sin, cos], argument) => {
                let (s, c, lanes) = (self.printer.variable(*sin), self.printer.variable(*cos), &self.lanes);
                let argument = self.value(argument, WEAKEST);
                quote!(let (#s, #c) = #lanes::Functions::sin_cos(#argument);)
            }
            Stmt::Branch(t, condition, arms) => self.branch(*t, condition, arms),
            Stmt::Sum(t) => {
                let (name, zero) = (self.printer.variable(*t), self.zero());
                quote!(let mut #name = #zero;)
            }
            Stmt::Add(t, value) => {
                let name = self.printer.variable(*t);
                self.assign(&quote!(#name), value, true)
            }
            Stmt::For(i, inner) => {
                let (index, length) = (self.printer.open(*i), self.printer.count(self.kernel().program.length(*i)));
                let inner = self.statements(inner);
                self.printer.close(*i);
                quote!(for #index in 0..#length { #inner })
            }
            Stmt::If(condition, inner) => match self.truth(condition) {
                Truth::Uniform(condition) => {
                    let inner = self.statements(inner);
                    quote!(if #condition { #inner })
                }
                Truth::Mask(mask) => {
                    let guard = self.printer.fresh_name("__lanes");
                    let mask = self.guard.as_ref().map_or(quote!(#mask), |outer| quote!(#outer & #mask));
                    let outer = self.guard.replace(guard.clone());
                    let inner = self.statements(inner);
                    self.guard = outer;
                    quote!({ let #guard = #mask; #inner })
                }
            },
            // a block of points is a piece already
            Stmt::Piece(inner, _) => self.statements(inner),
            Stmt::Declare(b, init) => self.declare(*b, init),
            Stmt::Store { to, at, value, add } => {
                let target = self.printer.element(*to, at);
                self.assign(&target, value, *add)
            }
            Stmt::Swap(_) | Stmt::Assign(..) => self.printer.statement(statement),
            Stmt::Together(all) => {
                let zero = self.zero();
                self.printer.allocate_together(all, &zero)
            }
            Stmt::Clear(b) => {
                let (name, zero) = (self.printer.name(*b), self.zero());
                quote!(#name.fill(#zero);)
            }
            Stmt::Dot(..) | Stmt::Product(..) | Stmt::Factor(..) | Stmt::Intrinsic(..) => unreachable!("refused before, or not asked for"),
        }
    }

    fn branch(&mut self, t: Local, condition: &Value, arms: &[(Vec<Stmt>, Value); 2]) -> TokenStream {
        let (name, lanes, truth) = (self.printer.variable(t), self.lanes.clone(), self.kernel().locals[t.0 as usize].truth);
        let condition = self.truth(condition);
        let [then, otherwise] = arms.each_ref().map(|(inner, value)| {
            let inner = self.statements(inner);
            let value = if truth { self.mask(value) } else { self.value(value, WEAKEST) };
            quote!({ #inner #value })
        });
        match condition {
            Truth::Uniform(condition) => quote!(let #name = if #condition #then else #otherwise;),
            Truth::Mask(mask) => quote!(let #name = #lanes::Lane::select(#mask, #then, #otherwise);),
        }
    }

    /// `target = value;` or `target = target + value;`, in the lanes of the guard.
    fn assign(&mut self, target: &TokenStream, value: &Value, add: bool) -> TokenStream {
        let value = if add {
            let value = self.value(value, 5);
            quote!(#target + #value)
        } else {
            self.value(value, WEAKEST)
        };
        let lanes = &self.lanes;
        match &self.guard {
            Some(guard) => quote!(#target = #lanes::Lane::select(#guard, #value, #target);),
            None => quote!(#target = #value;),
        }
    }

    fn declare(&mut self, b: Buffer, init: &Init) -> TokenStream {
        if matches!(self.kernel().info(b).home, Home::View { .. } | Home::Rows(_) | Home::Next(_)) {
            return self.printer.declare(b, init);
        }
        let name = self.printer.name(b);
        let returned = self.kernel().info(b).home == Home::Returned;
        let value = match init {
            Init::Unset => return TokenStream::new(),
            Init::Zeros if returned => return TokenStream::new(),
            Init::Zeros => self.printer.filled(b, &self.zero()),
            Init::Fill(value) => {
                let value = self.value(value, WEAKEST);
                self.printer.filled(b, &value)
            }
            Init::Values(values) => {
                let values: Vec<TokenStream> = values.iter().map(|v| self.value(v, WEAKEST)).collect();
                self.printer.listed(b, &values)
            }
        };
        if returned {
            quote!(#name = #value;)
        } else {
            quote!(let mut #name = #value;)
        }
    }

    /// A vector of numbers.
    fn value(&self, value: &Value, strength: u8) -> TokenStream {
        match value {
            Value::Const(x) => self.splat(&self.printer.number(*x, WEAKEST)),
            Value::Integer(a) => self.splat(&self.printer.integer(a, WEAKEST)),
            Value::Local(t) => {
                let name = self.printer.variable(*t);
                quote!(#name)
            }
            Value::Read(b, _) if self.is_shared(*b) => self.splat(&self.printer.value(value, WEAKEST)),
            // what was behind a reference is a variable
            Value::Read(b, _) if self.printer.is_reference(*b) => {
                let (ident, _) = self.printer.param(*b).expect("it is a parameter");
                quote!(#ident)
            }
            Value::Read(b, at) => self.printer.element(*b, at),
            Value::Apply(op, _) if op.entry().truth => self.mask(value),
            Value::Apply(op, args) => self.operation(*op, args, strength),
        }
    }

    fn operation(&self, op: Op, args: &[Value], strength: u8) -> TokenStream {
        let lanes = &self.lanes;
        let parenthesise = |tokens: TokenStream, own: u8| if own < strength { quote!((#tokens)) } else { tokens };
        match op.entry().syntax {
            Syntax::Infix("%", _) => {
                let (a, b) = (self.value(&args[0], WEAKEST), self.value(&args[1], WEAKEST));
                quote!(#lanes::Functions::rem(#a, #b))
            }
            Syntax::Infix(symbol, own) => {
                let operator: TokenStream = symbol.parse().expect("an operator of Rust");
                let (a, b) = (self.value(&args[0], own), self.value(&args[1], own + 1));
                parenthesise(quote!(#a #operator #b), own)
            }
            Syntax::Prefix(symbol) => {
                let operator: TokenStream = symbol.parse().expect("an operator of Rust");
                let a = self.value(&args[0], 8);
                parenthesise(quote!(#operator #a), 7)
            }
            Syntax::Select => {
                let (a, b) = (self.value(&args[1], WEAKEST), self.value(&args[2], WEAKEST));
                match self.truth(&args[0]) {
                    Truth::Uniform(condition) => quote!((if #condition { #a } else { #b })),
                    Truth::Mask(mask) => quote!(#lanes::Lane::select(#mask, #a, #b)),
                }
            }
            Syntax::Keep => self.value(&args[0], strength),
            Syntax::Method => {
                let base = self.value(&args[0], WEAKEST);
                let exponent = args.get(1).and_then(Value::as_integer).and_then(|n| i32::try_from(n).ok());
                match (op, exponent, args.get(1)) {
                    (Op::Pow, Some(n), _) => {
                        let n = Literal::i32_unsuffixed(n);
                        quote!(#lanes::Lane::powi(#base, #n))
                    }
                    (Op::Pow, None, Some(Value::Integer(a))) => {
                        let n = self.printer.integer(a, 9);
                        quote!(#lanes::Lane::powi(#base, #n as ::core::primitive::i32))
                    }
                    _ => {
                        let name = local(if op == Op::Pow { "powf" } else { op.name() });
                        let rest = args[1..].iter().map(|a| self.value(a, WEAKEST));
                        quote!(#lanes::Functions::#name(#base #(, #rest)*))
                    }
                }
            }
        }
    }

    /// A truth value of each lane.
    fn mask(&self, value: &Value) -> TokenStream {
        match self.truth(value) {
            Truth::Mask(mask) => mask,
            Truth::Uniform(truth) => {
                let (lanes, vector) = (&self.lanes, &self.vector);
                quote!(<#vector as #lanes::Lane>::truth(#truth))
            }
        }
    }

    fn truth(&self, value: &Value) -> Truth {
        let lanes = &self.lanes;
        match value {
            Value::Const(_) | Value::Read(..) => Truth::Uniform(self.printer.condition(value, 9)),
            Value::Local(t) => {
                let name = self.printer.variable(*t);
                match self.uniform.contains(t) {
                    true => Truth::Uniform(quote!(#name)),
                    false => Truth::Mask(quote!(#name)),
                }
            }
            Value::Apply(Op::Select, args) => {
                let [c, a, b] = [0, 1, 2].map(|k| self.mask(&args[k]));
                Truth::Mask(quote!(#lanes::Lane::select(#c, #a, #b)))
            }
            Value::Apply(Op::Not, args) => match self.truth(&args[0]) {
                Truth::Uniform(truth) => Truth::Uniform(quote!(!#truth)),
                Truth::Mask(mask) => Truth::Mask(quote!((!#mask))),
            },
            Value::Apply(op @ (Op::And | Op::Or), args) => match (self.truth(&args[0]), self.truth(&args[1]), op) {
                (Truth::Uniform(a), Truth::Uniform(b), Op::And) => Truth::Uniform(quote!((#a && #b))),
                (Truth::Uniform(a), Truth::Uniform(b), _) => Truth::Uniform(quote!((#a || #b))),
                _ => {
                    let (a, b) = (self.mask(&args[0]), self.mask(&args[1]));
                    Truth::Mask(if *op == Op::And { quote!((#a & #b)) } else { quote!((#a | #b)) })
                }
            },
            Value::Apply(op, args) if args.iter().all(|a| a.as_position().is_some()) => {
                let condition = self.printer.operation(*op, args, 9);
                Truth::Uniform(condition)
            }
            Value::Apply(op, args) => {
                let (name, a, b) = (local(op.name()), self.value(&args[0], WEAKEST), self.value(&args[1], WEAKEST));
                Truth::Mask(quote!(#lanes::Lane::#name(#a, #b)))
            }
            Value::Integer(_) => unreachable!("an integer is no truth value"),
        }
    }
}
