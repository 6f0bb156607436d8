//! Statements and expressions as tokens.

use super::expressions::WEAKEST;
use super::local;
use super::memory::Row;
use super::types::Parts;
use crate::interface::{Interface, ParamKind, Request, Ty};
use crate::ir::{Affine, Expr, Float, Index, Map, Node, Program, Set, Size, Symbol, Tensor};
use crate::lower::{Plan, Stmt};
use crate::ops::Op;
use proc_macro2::{Ident, Literal, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

/// The body of a generated function; `memory` are the parameters that take the results, if it returns none.
pub fn body(interface: &Interface, request: Request, memory: &[Ident], plan: &Plan) -> TokenStream {
    let program = &plan.program;
    let groups = Parts::groups(interface, request.form, interface.computes_value(request));
    let tys = program.results().zip(groups.iter().flat_map(Parts::tys)).collect();
    let mut emitter = Emitter {
        interface,
        request,
        plan,
        program,
        tys,
        groups,
        places: Map::default(),
        destinations: Map::default(),
        clears: Map::default(),
        blocks: Map::default(),
        slices: Map::default(),
        matrices: Map::default(),
        rows: Vec::new(),
        factors: Map::default(),
        marches: Map::default(),
        wholes: Map::default(),
        indices: Map::default(),
    };
    let placed = if request.returns() { emitter.place() } else { None };
    let mut out = emitter.imports();
    out.extend(emitter.constants());
    out.extend(emitter.lengths());
    out.extend(emitter.slices());
    out.extend(placed.clone());
    let assigned = (!request.returns()).then(|| emitter.destinations(memory));
    if plan.body.iter().any(|s| matches!(s, Stmt::Group(..))) {
        let piece = local("__piece");
        out.extend(quote! {
            #[inline(never)]
            fn #piece<R>(compute: impl ::core::ops::FnOnce() -> R) -> R {
                compute()
            }
        });
    }
    out.extend(emitter.statements(&plan.body));
    let result = match (&placed, assigned) {
        (Some(_), _) => {
            let name = local("__out");
            quote!(#name)
        }
        (None, Some(assigned)) => {
            for (t, place) in assigned {
                let value = emitter.returned(t);
                out.extend(quote!(#place = #value;));
            }
            quote!(())
        }
        (None, None) => emitter.results(&|t| emitter.returned(t)),
    };
    out.extend(match &interface.wrapper {
        Some(wrapper) => {
            let constructor = &wrapper.constructor;
            quote!(#constructor(#result))
        }
        None if request.returns() => result,
        None => TokenStream::new(),
    });
    out
}

/// What statements are emitted from.
pub(super) struct Emitter<'a> {
    pub interface: &'a Interface,
    pub request: Request,
    pub plan: &'a Plan,
    pub program: &'a Program,
    /// The Rust types of the results.
    pub tys: Map<Tensor, Ty>,
    /// How the results are put together: the value, if it is computed, and the derivative.
    pub groups: Vec<Parts>,
    /// The parts of the result that are computed in place: in what is returned, or in arrays of the caller.
    pub places: Map<Tensor, TokenStream>,
    /// The ndarrays of the caller that are filled in place.
    pub destinations: Map<Tensor, TokenStream>,
    /// The loops that fill a block of a destination with zeros, and its position.
    pub clears: Map<Index, Vec<(Tensor, Vec<Affine>)>>,
    /// The blocks that the loops around filled with zeros, and how many leading axes they lie behind.
    pub blocks: Map<Tensor, (Ident, usize)>,
    /// The parameters that were made slices.
    pub slices: Map<Tensor, Ident>,
    /// What matrix products read as ndarrays: parameters, and what products made.
    pub matrices: Map<Tensor, Ident>,
    /// The rows that the loops around walk along.
    pub rows: Vec<Row>,
    /// The results that are ndarrays from the start.
    pub wholes: Map<Tensor, Ident>,
    /// The tensors whose rows come from an iterator.
    pub marches: Map<Tensor, Ident>,
    /// The matrices that are factored.
    pub factors: Map<(Tensor, &'static str), Ident>,
    pub indices: Map<Index, Ident>,
}

impl Emitter<'_> {
    /// What the function imports: its constants may need it.
    fn imports(&self) -> TokenStream {
        let imports = self.interface.item.block.stmts.iter().filter_map(|stmt| match stmt {
            syn::Stmt::Item(syn::Item::Use(u)) if !self.interface.constants.is_empty() || !self.interface.modules.is_empty() => {
                Some(quote!(#[allow(unused_imports)] #u))
            }
            _ => None,
        });
        // another module of that name would be another function
        let modules = self.interface.modules.iter().map(|module| quote_spanned!(module.span()=> let () = #module::IS_JAC_RUNTIME;));
        imports.chain(modules).collect()
    }

    /// Decides which results are stored into the caller's memory directly; the others are returned,
    /// with where to assign them.
    fn destinations(&mut self, memory: &[Ident]) -> Vec<(Tensor, TokenStream)> {
        // without a name there is no memory for the value: `strict` takes it from the function
        let unnamed = memory.len() - self.groups.len();
        let places = self.groups.iter().zip(&memory[unnamed..]).flat_map(|(parts, name)| {
            let whole = matches!(parts, Parts::One(_));
            parts.places(&quote!(#name)).into_iter().map(move |place| (place, whole))
        });
        let places: Vec<(TokenStream, bool)> = places.collect();
        let mut assigned = Vec::new();
        for (t, (place, whole)) in self.program.results().zip(places) {
            let made = self.plan.body.iter().any(|s| matches!(s, Stmt::Allocate(u) | Stmt::Fill(u, _) | Stmt::Literal(u, _) if *u == t));
            let once = self.program.results().filter(|u| *u == t).count() == 1;
            let alone = made && once && !self.plan.carried.contains(&t);
            match self.ty(t) {
                Ty::Nd(1..) | Ty::Slice if alone => _ = self.destinations.insert(t, place),
                Ty::Array(_) if alone && self.is_kept(t) => _ = self.places.insert(t, if whole { quote!((*#place)) } else { place }),
                _ => assigned.push((t, if whole { quote!(*#place) } else { place })),
            }
        }
        self.plan_clears();
        assigned
    }

    /// Evaluates the constants from outside.
    fn constants(&self) -> TokenStream {
        let reads: Set<Tensor> = self.program.definitions.iter().flat_map(|d| d.body.reads(&self.program.arena)).collect();
        let read = |tensor: Tensor| reads.contains(&tensor);
        let mut out = TokenStream::new();
        for c in &self.interface.constants {
            let used = match &c.kind {
                ParamKind::Float(Ty::Scalar, tensor, _) | ParamKind::Truth(tensor, _) => read(*tensor),
                ParamKind::Integer(size, _) => self.uses(*size),
                _ => true,
            };
            let (ident, ty, source) = (&c.ident, &c.ty, &c.source);
            let lazy = matches!(&c.kind, ParamKind::Float(_, t, _) | ParamKind::Truth(t, _) if self.program.lazy.contains(t));
            match (used, lazy) {
                (false, _) => {}
                (true, true) => out.extend(quote!(let #ident = || -> #ty { #source };)),
                (true, false) => out.extend(quote!(let #ident: #ty = #source;)),
            }
        }
        out
    }

    pub(super) fn usize(&self, k: i64) -> TokenStream {
        let literal = Literal::i64_unsuffixed(k);
        quote!(#literal)
    }

    pub(super) fn size(&self, s: Size) -> TokenStream {
        match self.interface.items.get(&s) {
            Some(tokens) => tokens.clone(),
            None => {
                let name = local(&format!("__{}", self.program.size_name(s)));
                quote!(#name)
            }
        }
    }

    /// Reads the run-time lengths and checks every axis of every ndarray parameter.
    fn lengths(&self) -> TokenStream {
        let mut out = TokenStream::new();
        let mut source: Map<Size, String> = Map::default();
        for p in self.interface.inputs() {
            if let ParamKind::Integer(size, reference) = &p.kind {
                let (name, ident) = (self.size(*size), &p.ident);
                let value = if *reference { quote!(*#ident) } else { quote!(#ident) };
                let is_usize = matches!(&p.ty, syn::Type::Path(t) if t.path.is_ident("usize"));
                let message = format!("`{}`: `{ident}` is used as a length or position and must not be negative", self.program.name);
                let value = match is_usize {
                    true => value,
                    false => quote!(<::core::primitive::usize as ::core::convert::TryFrom<_>>::try_from(#value).expect(#message)),
                };
                if self.measures(*size) {
                    out.extend(quote!(let #name = #value;));
                }
                source.insert(*size, format!("`{ident}`"));
            }
        }
        let arrays = || {
            self.interface.inputs().filter_map(|p| match &p.kind {
                ParamKind::Float(ty @ (Ty::Nd(_) | Ty::Slice), tensor, _) => Some((&p.ident, *tensor, matches!(ty, Ty::Slice))),
                _ => None,
            })
        };
        let length = |ident: &Ident, axis: usize, slice: bool| {
            let axis = Literal::usize_unsuffixed(axis);
            if slice {
                quote!(#ident.len())
            } else {
                quote!(#ident.shape()[#axis])
            }
        };
        let mut read: Vec<(Tensor, usize)> = Vec::new();
        for (ident, t, slice) in arrays() {
            for (axis, n) in self.program.info(t).shape.iter().enumerate() {
                let Some(size) = n.as_size() else { continue };
                if source.contains_key(&size) || self.interface.items.contains_key(&size) {
                    continue;
                }
                let name = self.size(size);
                let value = length(ident, axis, slice);
                out.extend(quote!(let #name = #value;));
                source.insert(size, format!("axis {axis} of `{ident}`"));
                read.push((t, axis));
            }
        }
        for (ident, t, slice) in arrays() {
            for (axis, n) in self.program.info(t).shape.iter().enumerate() {
                if read.contains(&(t, axis)) {
                    continue;
                }
                let expected = self.affine(n);
                let runtime = &self.interface.runtime;
                let value = length(ident, axis, slice);
                let axis = Literal::usize_unsuffixed(axis);
                let function = self.program.name.as_str();
                let param = ident.to_string();
                let why = n.as_size().and_then(|s| source.get(&s)).map_or_else(String::new, |s| format!("the length of {s}"));
                out.extend(quote! {
                    #runtime::__private::check_length(#function, #param, #axis, #value, #expected, #why);
                });
            }
        }
        out
    }

    /// Whether an integer is part of a length or position.
    fn measures(&self, size: Size) -> bool {
        let mentions = |a: &Affine| a.coefficient(Symbol::Size(size)) != 0;
        let arena = &self.program.arena;
        let position = |e: Expr| !matches!(arena[e], Node::Integer(_)) && arena[e].affines().iter().any(mentions);
        self.program.indices.iter().any(mentions)
            || self.program.tensors.iter().flat_map(|t| &t.shape).any(mentions)
            || arena.reachable(self.program.roots()).into_iter().any(position)
    }

    fn uses(&self, size: Size) -> bool {
        let mentions = |a: &Affine| a.coefficient(Symbol::Size(size)) != 0;
        self.program.indices.iter().any(mentions)
            || self.program.tensors.iter().flat_map(|t| &t.shape).any(mentions)
            || self.program.arena.reachable(self.program.roots()).iter().any(|e| self.program.arena[*e].affines().iter().any(mentions))
    }

    fn statements(&mut self, statements: &[Stmt]) -> TokenStream {
        statements.iter().map(|s| self.statement(s)).collect()
    }

    pub(super) fn variable(&self, e: Expr) -> Ident {
        local(&self.plan.locals[&e])
    }

    fn statement(&mut self, statement: &Stmt) -> TokenStream {
        match statement {
            Stmt::Let(e) => {
                let (name, ty, value) = (self.variable(*e), self.annotation(*e), self.compute(*e, WEAKEST));
                quote!(let #name #ty = #value;)
            }
            Stmt::SinCos(sin, cos) => {
                let (s, c) = (self.variable(*sin), self.variable(*cos));
                let argument = self.receiver(self.program.arena[*sin].children()[0]);
                quote!(let (#s, #c) = #argument.sin_cos();)
            }
            Stmt::Branch(e, then, otherwise) => {
                let args = self.program.arena[*e].children().to_vec();
                let (name, ty) = (self.variable(*e), self.annotation(*e));
                let condition = self.condition(args[0], WEAKEST);
                let (then, otherwise) = (self.statements(then), self.statements(otherwise));
                let (a, b) = match self.program.arena.as_apply(*e) {
                    Some((Op::And, _)) => (self.condition(args[1], WEAKEST), quote!(false)),
                    Some((Op::Or, _)) => (quote!(true), self.condition(args[1], WEAKEST)),
                    _ => (self.expr(args[1], WEAKEST), self.expr(args[2], WEAKEST)),
                };
                quote!(let #name #ty = if #condition { #then #a } else { #otherwise #b };)
            }
            Stmt::Total(e, inner) => {
                let Node::Named(i, body) = self.program.arena[*e].clone() else { unreachable!("the sums of a plan are loops") };
                match self.dot(i, inner, body) {
                    Some((rows, dot)) => {
                        let name = self.variable(*e);
                        quote!(#rows let #name = #dot;)
                    }
                    None => self.totals(std::slice::from_ref(statement)),
                }
            }
            Stmt::Totals(all) => self.totals(all),
            Stmt::Group(inner, results) => {
                let inner = self.statements(inner);
                let names: Vec<Ident> = results.iter().map(|e| self.variable(*e)).collect();
                let piece = local("__piece");
                quote!(let (#(#names,)*) = #piece(|| { #inner (#(#names,)*) });)
            }
            Stmt::Scalar(t, e) => {
                let value = self.expr(*e, WEAKEST);
                self.scalar(*t, &value)
            }
            Stmt::Carry(t, e) => {
                let (name, value) = (self.tensor(*t), self.expr(*e, WEAKEST));
                let float = self.interface.float.clone();
                quote!(let mut #name: #float = #value;)
            }
            Stmt::Advance(t, next) => {
                let (name, next) = (self.tensor(*t), self.tensor(*next));
                quote!(#name = #next;)
            }
            Stmt::Product(t, factors) => self.matrix_product(*t, factors),
            Stmt::Factor(t, kind) => self.factor_matrix(*t, kind),
            Stmt::Intrinsic(t, f, arguments) => self.intrinsic(*t, *f, arguments),
            Stmt::Allocate(t) => self.allocate(*t, None),
            Stmt::Fill(t, e) => self.allocate(*t, Some(*e)),
            Stmt::Literal(t, es) => self.literal(*t, es),
            Stmt::Loop(i, inner) => {
                if inner.iter().all(|s| self.is_known(s)) {
                    return TokenStream::new();
                }
                let marches = if self.indices.is_empty() { self.march(*i, inner) } else { TokenStream::new() };
                let inner = self.around(*i, inner);
                quote!(#marches #inner)
            }
            Stmt::Guard(c, inner) => {
                let condition = self.condition(*c, WEAKEST);
                let inner = self.statements(inner);
                quote!(if #condition { #inner })
            }
            Stmt::Store { .. } if self.is_known(statement) => TokenStream::new(),
            Stmt::Store { tensor, at, value, add } => {
                let target = self.element(*tensor, at);
                let value = self.expr(*value, WEAKEST);
                if *add {
                    self.add(&target, &value)
                } else {
                    quote!(#target = #value;)
                }
            }
        }
    }

    /// The loop of an index around statements.
    fn around(&mut self, i: Index, inner: &[Stmt]) -> TokenStream {
        let outside = self.rows.len();
        let rows = self.take_rows(i, inner, None);
        let (index, range) = self.open(i);
        let clear = self.clear(i, inner);
        let inner_rows = self.take_rows(i, inner, None);
        let inner = self.statements(inner);
        self.indices.swap_remove(&i);
        self.rows.truncate(outside);
        for (t, _) in self.clears.get(&i).into_iter().flatten() {
            self.blocks.swap_remove(t);
        }
        quote!(#rows for #index in #range { #clear #inner_rows #inner })
    }

    /// Totals over one length, in one loop.
    fn totals(&mut self, all: &[Stmt]) -> TokenStream {
        let (arena, zero, outside) = (&self.program.arena, self.zero(), self.rows.len());
        let parts: Vec<(Index, Expr, &[Stmt], Ident)> = all
            .iter()
            .map(|s| match s {
                Stmt::Total(e, inner) => match arena[*e] {
                    Node::Named(i, body) => (i, body, inner.as_slice(), self.variable(*e)),
                    _ => unreachable!("the sums of a plan are loops"),
                },
                _ => unreachable!("only totals share a loop"),
            })
            .collect();
        let mut out = TokenStream::new();
        for (i, body, inner, name) in &parts {
            out.extend(quote!(let mut #name = #zero;));
            out.extend(self.take_rows(*i, inner, Some(*body)));
        }
        let (index, range) = self.open(parts[0].0);
        let mut round = TokenStream::new();
        for (i, body, inner, name) in &parts {
            self.indices.insert(*i, index.clone());
            round.extend(self.take_rows(*i, inner, Some(*body)));
            round.extend(self.statements(inner));
            let body = self.expr(*body, WEAKEST);
            round.extend(self.add(&quote!(#name), &body));
        }
        parts.iter().for_each(|(i, ..)| _ = self.indices.swap_remove(i));
        self.rows.truncate(outside);
        quote!(#out for #index in #range { #round })
    }

    /// `Σ_i a[i]·b[i]` along two rows of a length that is not known.
    fn dot(&mut self, i: Index, inner: &[Stmt], body: Expr) -> Option<(TokenStream, TokenStream)> {
        let (Op::Mul, &[a, b]) = self.program.arena.as_apply(body)? else { return None };
        let known = self.program.length(i).known().is_some() || self.interface.generic.is_some();
        if known || !inner.is_empty() || self.interface.strict {
            return None;
        }
        let outside = self.rows.len();
        let rows = self.take_rows(i, inner, Some(body));
        let row = |e: Expr| match &self.program.arena[e] {
            Node::Access(t, at) if at.last().and_then(Affine::as_index) == Some(i) => self.row(*t, at),
            _ => None,
        };
        let pair = row(a).zip(row(b));
        self.rows.truncate(outside);
        let ((a, b), runtime, zero) = (pair?, &self.interface.runtime, self.zero());
        Some((rows, quote!(#runtime::__private::dot(#zero, #a, #b))))
    }

    /// Names an index and gives its range.
    fn open(&mut self, i: Index) -> (Ident, TokenStream) {
        let letters = ["i", "j", "k", "l", "p", "q", "r", "s"].map(str::to_owned).into_iter();
        let mut names = letters.chain((1..).map(|k| format!("i{k}"))).map(|n| format!("__{n}"));
        let name = local(&names.find(|n| !self.is_taken(n)).expect("some name is free"));
        let length = self.count(self.program.length(i));
        self.indices.insert(i, name.clone());
        (name, quote!(0..#length))
    }

    /// Whether a generated variable has this name.
    pub(super) fn is_taken(&self, name: &str) -> bool {
        let given = |stem: &str| name.strip_prefix("__") == Some(stem);
        self.indices.values().any(|i| i == name)
            || self.rows.iter().any(|r| r.is_named(name))
            || self.marches.values().chain(self.factors.values()).chain(self.blocks.values().map(|b| &b.0)).any(|n| n == name)
            || self.slices.values().chain(self.matrices.values()).chain(self.wholes.values()).any(|n| n == name)
            || self.plan.locals.values().any(|l| l == name)
            || self.program.tensors.iter().any(|t| given(&t.name))
            || self.program.sizes.iter().any(|s| given(&s.name))
    }

    /// `target += value;`
    fn add(&self, target: &TokenStream, value: &TokenStream) -> TokenStream {
        match self.interface.generic {
            // not every float type can be added to in place
            Some(_) => quote!(#target = #target + #value;),
            None => quote!(#target += #value;),
        }
    }

    /// Declares a scalar.
    pub(super) fn scalar(&self, t: Tensor, value: &TokenStream) -> TokenStream {
        let name = self.tensor(t);
        match self.ty(t) {
            Ty::Nd(0) => {
                let ndarray = &self.interface.ndarray;
                quote!(let #name = #ndarray::arr0(#value);)
            }
            _ if self.places.contains_key(&t) => quote!(#name = #value;),
            _ => {
                let float = self.interface.float.clone();
                quote!(let #name: #float = #value;)
            }
        }
    }

    pub(super) fn zero(&self) -> TokenStream {
        zero(self.interface, self.program.float)
    }
}

/// The number 0 of the function's float type.
pub(super) fn zero(interface: &Interface, float: Float) -> TokenStream {
    if let Some(generic) = &interface.generic {
        let ident = &generic.ident;
        return quote!(#ident::zero());
    }
    match float {
        Float::F64 => quote!(0.0_f64),
        Float::F32 => quote!(0.0_f32),
    }
}
