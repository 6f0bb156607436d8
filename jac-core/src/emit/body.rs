//! The statements of a kernel as tokens.

use super::expressions::WEAKEST;
use super::local;
use super::types::{groups_type, place, Parts};
use crate::interface::{Interface, ParamKind, Request, Ty};
use crate::ir::{Affine, Float, Index, Map, Set, Size, Symbol, Tensor};
use crate::kernel::{each_statement, Buffer, Home, Kernel, Stmt, Value};
use proc_macro2::{Ident, Literal, TokenStream};
use quote::{quote, quote_spanned};
use std::collections::BTreeSet;
use syn::spanned::Spanned;

/// The body of a generated function; `memory` are the parameters that take the results, if it returns none.
pub fn body(interface: &Interface, request: Request, memory: &[Ident], kernel: &Kernel<'_>) -> TokenStream {
    let groups = Parts::groups(interface, request.form, interface.computes_value(request));
    let tys: Vec<Ty> = groups.iter().flat_map(Parts::tys).collect();
    let mut printer = Printer::new(interface, request, kernel, kernel.results().zip(tys).collect());
    let mut out = printer.imports();
    if interface.asks {
        let (made, call) = super::strict::call(interface, kernel, true);
        out.extend(quote!({ #made let _ = #call?; }));
    }
    out.extend(printer.constants());
    out.extend(printer.lengths());
    out.extend(printer.slices());
    let all = local("__out");
    let in_place = kernel.results().any(|b| kernel.info(b).home == Home::Returned);
    if in_place {
        let places = groups.iter().enumerate().flat_map(|(k, parts)| parts.places(&place(&quote!(#all), k, groups.len() > 1)));
        let zeros = printer.results(&groups, &|b| printer.begun(b));
        let numbers = |b: Buffer| printer.tys.get(&b).map(super::matrices::numbers).unwrap_or_default();
        let places = kernel.results().zip(places).map(|(b, place)| {
            let numbers = numbers(b);
            (b, quote!(#place #numbers))
        });
        printer.places = places.collect();
        let ty = groups_type(interface, request.form, interface.computes_value(request));
        out.extend(quote!(let mut #all: #ty = #zeros;));
    }
    let assigned = if request.returns() { Vec::new() } else { printer.destinations(&groups, memory) };
    if !request.returns() {
        out.extend(printer.views(&groups, memory));
    }
    if kernel.body.iter().any(|s| matches!(s, Stmt::Piece(..))) {
        let piece = local("__piece");
        out.extend(quote! {
            #[inline(never)]
            fn #piece<R>(compute: impl ::core::ops::FnOnce() -> R) -> R {
                compute()
            }
        });
    }
    out.extend(printer.statements(&kernel.body));
    out.extend(printer.copy_back());
    let result = match (in_place, request.returns()) {
        (true, _) => quote!(#all),
        (false, true) => printer.results(&groups, &|b| printer.returned(b)),
        (false, false) => {
            out.extend(assigned.into_iter().map(|assigned| printer.assign(assigned)).collect::<TokenStream>());
            quote!(())
        }
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

/// What statements are printed with.
pub(super) struct Printer<'a> {
    pub interface: &'a Interface,
    pub request: Request,
    pub kernel: &'a Kernel<'a>,
    /// The Rust types of the results.
    pub tys: Map<Buffer, Ty>,
    /// Where results lie that are written in place: in what is returned, or in memory of the caller.
    pub places: Map<Buffer, TokenStream>,
    /// The arrays of the caller that results are stored into through a slice.
    pub destinations: Map<Buffer, TokenStream>,
    /// The copies of those that are in another layout than the standard one.
    pub copies: Map<Buffer, Ident>,
    /// The parameters that are read through a slice, or an array, of another name.
    pub slices: Map<Buffer, Ident>,
    /// The library's arrays behind slices: parameters that products of matrices read, results, and what products make.
    pub arrays: Map<Buffer, Ident>,
    /// The matrices that are factored.
    pub factors: Map<(Buffer, &'static str), Ident>,
    /// What is assigned as a whole once it is there.
    pub assigned: Set<Buffer>,
    /// What is read, element by element or as a whole.
    pub read: Set<Buffer>,
    /// The integers in positions, and those that are floats.
    positions: Set<Size>,
    integers: Set<Size>,
    /// The variables of the loops around.
    indices: Map<Index, Ident>,
    /// The names that are given.
    taken: BTreeSet<String>,
}

impl<'a> Printer<'a> {
    pub(super) fn new(interface: &'a Interface, request: Request, kernel: &'a Kernel<'a>, tys: Map<Buffer, Ty>) -> Printer<'a> {
        let (mut read, mut assigned, mut positions, mut integers) = (Set::default(), Set::default(), Set::default(), Set::default());
        let sizes = |a: &Affine, into: &mut Set<Size>| into.extend(a.sizes());
        each_statement(&kernel.body, &mut |statement| {
            if let Stmt::Assign(to, _) | Stmt::Swap([to, _]) = statement {
                assigned.insert(*to);
            }
            for value in statement.values() {
                value.each(&mut |v| match v {
                    Value::Read(b, at) => {
                        read.insert(*b);
                        at.iter().for_each(|a| sizes(a, &mut positions));
                    }
                    Value::Integer(a) => sizes(a, &mut integers),
                    Value::Const(_) | Value::Local(_) | Value::Apply(..) => {}
                });
            }
            match statement {
                Stmt::Store { at, .. } => at.iter().for_each(|a| sizes(a, &mut positions)),
                Stmt::Factor(b, _) => _ = read.insert(*b),
                Stmt::Intrinsic(_, _, arguments) => read.extend(arguments),
                Stmt::Dot(_, rows) => read.extend(rows),
                _ => {}
            }
        });
        for b in &kernel.buffers {
            if let Home::View { at, .. } = &b.home {
                at.iter().for_each(|a| sizes(a, &mut positions));
            }
        }
        // what is read of a part is read of the whole
        for b in (0..kernel.buffers.len() as u32).rev().map(Buffer) {
            if let Home::View { of, .. } | Home::Rows(of) | Home::Next(of) = kernel.info(b).home {
                if read.contains(&b) {
                    read.insert(of);
                }
            }
        }
        let names = kernel.buffers.iter().map(|b| &b.name).chain(kernel.locals.iter().map(|l| &l.name));
        let taken = names.chain(kernel.program.sizes.iter().map(|s| &s.name)).map(|n| format!("__{n}")).collect();
        Printer {
            interface,
            request,
            kernel,
            tys,
            places: Map::default(),
            destinations: Map::default(),
            copies: Map::default(),
            slices: Map::default(),
            arrays: Map::default(),
            factors: Map::default(),
            assigned,
            read,
            positions,
            integers,
            indices: Map::default(),
            taken,
        }
    }

    /// What the function imports: its constants may need it.
    pub(super) fn imports(&self) -> TokenStream {
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

    /// Evaluates the constants from outside.
    pub(super) fn constants(&self) -> TokenStream {
        let read = |tensor: Tensor| self.read.contains(&Buffer::from(tensor));
        let mut out = TokenStream::new();
        for c in &self.interface.constants {
            let used = match &c.kind {
                ParamKind::Float(Ty::Scalar, tensor, _) | ParamKind::Truth(tensor, _) => read(*tensor),
                ParamKind::Integer(size, _) => self.uses(*size),
                _ => true,
            };
            let (ident, ty, source) = (&c.ident, &c.ty, &c.source);
            let lazy = matches!(&c.kind, ParamKind::Float(_, t, _) | ParamKind::Truth(t, _) if self.kernel.program.lazy.contains(t));
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
                let name = local(&format!("__{}", self.kernel.program.size_name(s)));
                quote!(#name)
            }
        }
    }

    /// Reads the run-time lengths and checks every axis of every ndarray parameter.
    pub(super) fn lengths(&self) -> TokenStream {
        let mut out = TokenStream::new();
        let mut source: Map<Size, String> = Map::default();
        for p in self.interface.inputs() {
            if let ParamKind::Integer(size, reference) = &p.kind {
                let (name, ident) = (self.size(*size), &p.ident);
                let value = if *reference { quote!(*#ident) } else { quote!(#ident) };
                let is_usize = matches!(&p.ty, syn::Type::Path(t) if t.path.is_ident("usize"));
                let message = format!("`{}`: `{ident}` is used as a length or position and must not be negative", self.kernel.program.name);
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
                ParamKind::Float(ty @ (Ty::Nd(_) | Ty::Slice), tensor, _) => Some((&p.ident, *tensor, ty)),
                ParamKind::Float(ty @ Ty::Matrix(matrix), tensor, _) if !matrix.is_fixed() => Some((&p.ident, *tensor, ty)),
                _ => None,
            })
        };
        let mut read: Vec<(Tensor, usize)> = Vec::new();
        for (ident, t, ty) in arrays() {
            for (axis, n) in self.kernel.program.info(t).shape.iter().enumerate() {
                let Some(size) = n.as_size() else { continue };
                if source.contains_key(&size) || self.interface.items.contains_key(&size) {
                    continue;
                }
                let name = self.size(size);
                let value = super::types::length(ident, ty, axis);
                out.extend(quote!(let #name = #value;));
                source.insert(size, format!("axis {axis} of `{ident}`"));
                read.push((t, axis));
            }
        }
        for (ident, t, ty) in arrays() {
            for (axis, n) in self.kernel.program.info(t).shape.iter().enumerate() {
                if read.contains(&(t, axis)) {
                    continue;
                }
                let expected = self.count(n);
                let runtime = &self.interface.runtime;
                let value = super::types::length(ident, ty, axis);
                let axis = Literal::usize_unsuffixed(axis);
                let function = self.kernel.program.name.as_str();
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
        let program = self.kernel.program;
        let lengths = program.indices.iter().chain(program.tensors.iter().flat_map(|t| &t.shape));
        self.positions.contains(&size) || lengths.into_iter().any(|a| a.coefficient(Symbol::Size(size)) != 0)
    }

    fn uses(&self, size: Size) -> bool {
        self.integers.contains(&size) || self.measures(size)
    }

    fn statements(&mut self, statements: &[Stmt]) -> TokenStream {
        statements.iter().map(|s| self.statement(s)).collect()
    }

    pub(super) fn statement(&mut self, statement: &Stmt) -> TokenStream {
        match statement {
            Stmt::Let(local, value) => {
                let (name, ty, value) = (self.variable(*local), self.annotation(&[value]), self.value(value, WEAKEST));
                quote!(let #name #ty = #value;)
            }
            Stmt::SinCos([sin, cos], argument) => {
                let (s, c, argument) = (self.variable(*sin), self.variable(*cos), self.receiver(argument));
                quote!(let (#s, #c) = #argument.sin_cos();)
            }
            Stmt::Branch(local, condition, [then, otherwise]) => {
                let name = self.variable(*local);
                let truth = self.kernel.locals[local.0 as usize].truth;
                let ty = if truth { TokenStream::new() } else { self.annotation(&[&then.1, &otherwise.1]) };
                let condition = self.condition(condition, WEAKEST);
                let mut arm = |(inner, value): &(Vec<Stmt>, Value)| {
                    let inner = self.statements(inner);
                    let value = if truth { self.condition(value, WEAKEST) } else { self.value(value, WEAKEST) };
                    quote!(#inner #value)
                };
                let (then, otherwise) = (arm(then), arm(otherwise));
                quote!(let #name #ty = if #condition { #then } else { #otherwise };)
            }
            Stmt::Sum(local) => {
                let (name, zero) = (self.variable(*local), self.zero());
                quote!(let mut #name = #zero;)
            }
            Stmt::Add(local, value) => {
                let (name, value) = (self.variable(*local), self.value(value, WEAKEST));
                self.add(&quote!(#name), &value)
            }
            Stmt::Dot(local, rows) => {
                let (name, runtime, zero) = (self.variable(*local), &self.interface.runtime, self.zero());
                let [a, b] = rows.map(|row| self.name(row));
                quote!(let #name = #runtime::__private::dot(#zero, #a, #b);)
            }
            Stmt::For(i, inner) => {
                let (index, length) = (self.open(*i), self.count(self.kernel.program.length(*i)));
                let inner = self.statements(inner);
                self.close(*i);
                quote!(for #index in 0..#length { #inner })
            }
            Stmt::If(condition, inner) => {
                let condition = self.condition(condition, WEAKEST);
                let inner = self.statements(inner);
                quote!(if #condition { #inner })
            }
            Stmt::Piece(inner, results) => {
                let inner = self.statements(inner);
                let names: Vec<Ident> = results.iter().map(|e| self.variable(*e)).collect();
                let piece = local("__piece");
                quote!(let (#(#names,)*) = #piece(|| { #inner (#(#names,)*) });)
            }
            Stmt::Declare(b, init) => self.declare(*b, init),
            Stmt::Together(all) => {
                let zero = self.zero();
                self.allocate_together(all, &zero)
            }
            Stmt::Clear(b) => {
                let (name, zero) = (self.name(*b), self.zero());
                quote!(#name.fill(#zero);)
            }
            Stmt::Store { to, at, value, add } => {
                let target = self.element(*to, at);
                let value = self.value(value, WEAKEST);
                if *add {
                    self.add(&target, &value)
                } else {
                    quote!(#target = #value;)
                }
            }
            Stmt::Swap([a, b]) => {
                let (a, b) = (self.name(*a), self.name(*b));
                quote!(::core::mem::swap(&mut #a, &mut #b);)
            }
            Stmt::Assign(to, from) => {
                let (to, from) = (self.name(*to), self.name(*from));
                quote!(#to = #from;)
            }
            Stmt::Product(b, factors) => self.matrix_product(*b, factors),
            Stmt::Factor(b, kind) => self.factor_matrix(*b, kind),
            Stmt::Intrinsic(b, f, arguments) => self.intrinsic(*b, *f, arguments),
        }
    }

    /// Names the variable of a loop.
    pub(super) fn open(&mut self, i: Index) -> Ident {
        let letters = ["i", "j", "k", "l", "p", "q", "r", "s"].map(str::to_owned).into_iter();
        let mut names = letters.chain((1..).map(|k| format!("i{k}"))).map(|n| format!("__{n}"));
        let is_free = |n: &String| !self.taken.contains(n) && !self.indices.values().any(|i| i == n);
        let name = local(&names.find(is_free).expect("some name is free"));
        self.indices.insert(i, name.clone());
        name
    }

    pub(super) fn close(&mut self, i: Index) {
        self.indices.swap_remove(&i);
    }

    pub(super) fn index(&self, i: Index) -> &Ident {
        &self.indices[&i]
    }

    /// A name that no other variable has, from now on given.
    pub(super) fn fresh_name(&mut self, stem: &str) -> Ident {
        let mut names = std::iter::once(stem.to_owned()).chain((2..).map(|k| format!("{stem}_{k}")));
        let name = names.find(|n| !self.taken.contains(n)).expect("some name is free");
        self.taken.insert(name.clone());
        local(&name)
    }

    /// `target += value;`
    fn add(&self, target: &TokenStream, value: &TokenStream) -> TokenStream {
        match self.interface.generic {
            // not every float type can be added to in place
            Some(_) => quote!(#target = #target + #value;),
            None => quote!(#target += #value;),
        }
    }

    pub(super) fn zero(&self) -> TokenStream {
        zero(self.interface, self.kernel.float())
    }
}

/// The number 0 of the function's float type.
pub(super) fn zero(interface: &Interface, float: Float) -> TokenStream {
    if let Some(generic) = &interface.generic {
        return generic.zero();
    }
    match float {
        Float::F64 => quote!(0.0_f64),
        Float::F32 => quote!(0.0_f32),
    }
}
