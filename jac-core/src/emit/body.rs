//! Statements and expressions as tokens.

use super::local;
use crate::interface::{Interface, Kind, ParamKind, Ty};
use crate::ir::{Affine, Constant, Expr, Float, Index, Map, Node, Program, Role, Set, Size, SizeKind, Symbol, Tensor};
use crate::lower::{Plan, Stmt};
use crate::ops::{Op, Syntax};
use proc_macro2::{Ident, Literal, TokenStream};
use quote::quote;

/// Binding strengths of Rust's expressions.
const ATOM: u8 = 9;
const PREFIX: u8 = 7;
const WEAKEST: u8 = 0;

/// What a generated function returns behind the value: rows of parts, and whether the rows, and the
/// parts of each, stand in a tuple.
struct Parts {
    rows: Vec<Vec<Ty>>,
    tuples: [bool; 2],
}

impl Parts {
    fn of(interface: &Interface, kind: Kind) -> Parts {
        let inputs = differentiated(interface);
        let outputs = &interface.outputs;
        let several = inputs.len() > 1;
        let pairs = |rows: &[Ty]| rows.iter().map(|y| inputs.iter().map(|x| block_ty(y, x)).collect()).collect();
        let each = |tys: &[Ty]| tys.iter().map(|ty| vec![ty.clone()]).collect();
        match kind {
            Kind::Jacobian | Kind::ValueAndJacobian => Parts { rows: pairs(outputs), tuples: [interface.tuple, several] },
            Kind::Hessian => Parts { rows: pairs(&inputs), tuples: [several, several] },
            Kind::Jvp => Parts { rows: each(outputs), tuples: [interface.tuple, false] },
            Kind::Vjp => Parts { rows: each(&inputs), tuples: [several, false] },
        }
    }

    /// The rows as one expression or type.
    fn nested(&self, mut part: impl FnMut(&Ty) -> TokenStream) -> TokenStream {
        let rows = self.rows.iter().map(|row| {
            let row = row.iter().map(&mut part).collect();
            tuple(row, self.tuples[1])
        });
        tuple(rows.collect(), self.tuples[0])
    }
}

/// The type that a generated function returns.
pub fn result_type(interface: &Interface, kind: Kind) -> TokenStream {
    let parts = Parts::of(interface, kind).nested(|ty| block_type(interface, ty));
    let bare = if kind.has_value() {
        let value = value_type(interface);
        quote!((#value, #parts))
    } else {
        parts
    };
    match &interface.wrapper {
        None => bare,
        Some(wrapper) => {
            let mut path = wrapper.ty.clone();
            let arguments = path.segments.last_mut().map(|s| &mut s.arguments);
            if let Some(syn::PathArguments::AngleBracketed(arguments)) = arguments {
                if let Some(first) = arguments.args.first_mut() {
                    *first = syn::GenericArgument::Type(syn::Type::Verbatim(bare));
                }
            }
            quote!(#path)
        }
    }
}

/// The type of the function's results: as written, and out-parameters by value.
fn value_type(interface: &Interface) -> TokenStream {
    let outs: Vec<TokenStream> = interface
        .params
        .iter()
        .filter_map(|p| match &p.kind {
            ParamKind::Out(Ty::Slice, _) => {
                let float = &interface.float;
                Some(quote!(::std::vec::Vec<#float>))
            }
            ParamKind::Out(ty, _) => Some(block_type(interface, ty)),
            _ => None,
        })
        .collect();
    let syn::ReturnType::Type(_, written) = &interface.item.sig.output else { return tuple(outs, interface.tuple) };
    let mut written = (**written).clone();
    if let (Some(_), syn::Type::Path(path)) = (&interface.wrapper, &written) {
        let inner = path.path.segments.last().and_then(|s| match &s.arguments {
            syn::PathArguments::AngleBracketed(arguments) => arguments.args.first().cloned(),
            _ => None,
        });
        if let Some(syn::GenericArgument::Type(inner)) = inner {
            written = inner;
        }
    }
    if outs.is_empty() {
        return quote!(#written);
    }
    let returned: Vec<TokenStream> = match &written {
        syn::Type::Tuple(parts) => parts.elems.iter().map(|ty| quote!(#ty)).collect(),
        single => vec![quote!(#single)],
    };
    tuple(returned.into_iter().chain(outs).collect(), interface.tuple)
}

fn tuple(items: Vec<TokenStream>, tuple: bool) -> TokenStream {
    match (tuple, items.as_slice()) {
        (false, [single]) => single.clone(),
        (true, [single]) => quote!((#single,)),
        _ => quote!((#(#items),*)),
    }
}

fn differentiated(interface: &Interface) -> Vec<Ty> {
    interface
        .wrt
        .iter()
        .filter_map(|t| {
            interface.params.iter().find_map(|p| match &p.kind {
                ParamKind::Float(ty, tensor, _) if tensor == t => Some(ty.clone()),
                _ => None,
            })
        })
        .collect()
}

/// The shape law: the axes of the output, then those of the input.
fn block_ty(y: &Ty, x: &Ty) -> Ty {
    let array = |ty: &Ty| if matches!(ty, Ty::Slice) { Ty::Nd(1) } else { ty.clone() };
    let (y, x) = (&array(y), &array(x));
    match (y, x) {
        (Ty::Scalar, other) | (other, Ty::Scalar) => match other {
            Ty::Nd(0) => Ty::Scalar,
            other => other.clone(),
        },
        (Ty::Array(a), Ty::Array(b)) => Ty::Array(a.iter().chain(b).cloned().collect()),
        (a, b) if a.rank() + b.rank() == 0 => Ty::Scalar,
        (a, b) => Ty::Nd(a.rank() + b.rank()),
    }
}

/// The type of a parameter that takes a value of this type, and whether that is a reference.
pub fn borrowed(interface: &Interface, ty: &Ty) -> (TokenStream, bool) {
    let float = &interface.float;
    match ty {
        Ty::Scalar => (quote!(#float), false),
        Ty::Slice => (quote!(&[#float]), true),
        ty => {
            let ty = block_type(interface, ty);
            (quote!(&#ty), true)
        }
    }
}

fn block_type(interface: &Interface, ty: &Ty) -> TokenStream {
    let float = interface.float.clone();
    match ty {
        Ty::Scalar => float,
        Ty::Array(lengths) => lengths.iter().rev().fold(float, |inner, n| quote!([#inner; #n])),
        Ty::Slice => quote!(::std::vec::Vec<#float>),
        Ty::Nd(rank) => {
            let ndarray = &interface.ndarray;
            let name = if *rank <= 6 { format!("Array{rank}") } else { "ArrayD".to_owned() };
            let name = local(&name);
            quote!(#ndarray::#name<#float>)
        }
    }
}

/// The body of a generated function.
pub fn body(interface: &Interface, kind: Kind, plan: &Plan) -> TokenStream {
    let parts = Parts::of(interface, kind);
    let mut tys: Map<Tensor, Ty> = Map::default();
    let values = if kind.has_value() { interface.outputs.as_slice() } else { &[] };
    for (t, ty) in plan.program.results().zip(values.iter().chain(parts.rows.iter().flatten())) {
        tys.insert(t, ty.clone());
    }
    let mut emitter = Emitter { interface, plan, program: &plan.program, tys, parts, places: Map::default(), indices: Map::default() };
    let placed = emitter.place(kind);
    // what the function imports, its constants may need
    let imports = interface.item.block.stmts.iter().filter_map(|stmt| match stmt {
        syn::Stmt::Item(syn::Item::Use(u)) if !interface.constants.is_empty() => Some(quote!(#[allow(unused_imports)] #u)),
        _ => None,
    });
    let mut out: TokenStream = imports.collect();
    out.extend(emitter.constants());
    out.extend(emitter.lengths());
    out.extend(placed.clone());
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
    let result = match &placed {
        Some(_) => {
            let name = local("__out");
            quote!(#name)
        }
        None => emitter.results(kind, &|t| emitter.tensor(t)),
    };
    out.extend(match &interface.wrapper {
        Some(wrapper) => {
            let constructor = &wrapper.constructor;
            quote!(#constructor(#result))
        }
        None => result,
    });
    out
}

struct Emitter<'a> {
    interface: &'a Interface,
    plan: &'a Plan,
    program: &'a Program,
    /// The Rust types of the results.
    tys: Map<Tensor, Ty>,
    /// How the results are put together.
    parts: Parts,
    /// The parts of the result that are computed in place.
    places: Map<Tensor, TokenStream>,
    indices: Map<Index, Ident>,
}

impl Emitter<'_> {
    fn tensor(&self, t: Tensor) -> TokenStream {
        match self.places.get(&t) {
            Some(place) => place.clone(),
            None => {
                let name = local(&format!("__{}", self.program.info(t).name));
                quote!(#name)
            }
        }
    }

    /// Declares the result as one variable, into which its parts are stored where they are
    /// computed, so that nothing of it is moved. Not for results that are literals, or on the heap.
    fn place(&mut self, kind: Kind) -> Option<TokenStream> {
        let program = self.program;
        let results = || program.outputs.iter().copied().chain(program.blocks.iter().map(|b| b.tensor));
        let filled = self.plan.body.iter().any(|s| matches!(s, Stmt::Allocate(t) if results().any(|r| r == *t)));
        let fixed = results().all(|t| matches!(self.ty(t), Ty::Scalar | Ty::Array(_)) && !self.plan.carried.contains(&t));
        let twice = results().collect::<Set<_>>().len() < results().count();
        if self.interface.wrapper.is_some() || !fixed || twice || !filled {
            return None;
        }
        let name = local("__out");
        let part = |of: &TokenStream, k: usize, many: bool| {
            let k = Literal::usize_unsuffixed(k);
            if many {
                quote!(#of.#k)
            } else {
                of.clone()
            }
        };
        let mut results = program.results();
        if kind.has_value() {
            for (k, t) in results.by_ref().take(self.interface.outputs.len()).enumerate() {
                self.places.insert(t, part(&quote!(#name.0), k, self.interface.tuple));
            }
        }
        let all = if kind.has_value() { quote!(#name.1) } else { quote!(#name) };
        let [rows, columns] = self.parts.tuples;
        for (r, row) in self.parts.rows.iter().enumerate() {
            for (c, t) in (0..row.len()).zip(results.by_ref()) {
                self.places.insert(t, part(&part(&all, r, rows), c, columns));
            }
        }
        let zeros = self.results(kind, &|t| self.zeros(&self.ty(t)));
        let ty = result_type(self.interface, kind);
        Some(quote!(let mut #name: #ty = #zeros;))
    }

    /// The results, of the given parts.
    fn results(&self, kind: Kind, part: &dyn Fn(Tensor) -> TokenStream) -> TokenStream {
        let mut results = self.program.results();
        let values: Vec<TokenStream> =
            if kind.has_value() { results.by_ref().take(self.interface.outputs.len()).map(part).collect() } else { Vec::new() };
        let parts = self.parts.nested(|_| results.next().map(part).unwrap_or_default());
        if kind.has_value() {
            let value = tuple(values, self.interface.tuple);
            quote!((#value, #parts))
        } else {
            parts
        }
    }

    fn zeros(&self, ty: &Ty) -> TokenStream {
        match ty {
            Ty::Array(lengths) => lengths.iter().rev().fold(self.zero(), |inner, n| quote!([#inner; #n])),
            _ => self.zero(),
        }
    }

    /// How a tensor is laid out in Rust.
    fn ty(&self, t: Tensor) -> Ty {
        if let Some(ty) = self.tys.get(&t) {
            return ty.clone();
        }
        let shape = self.shape(t);
        let fixed: Option<Vec<TokenStream>> = shape
            .iter()
            .map(|n| match (n.known(), n.as_size()) {
                (Some(k), _) => Some(self.usize(k)),
                (None, Some(size)) => self.interface.items.get(&size).cloned(),
                _ => None,
            })
            .collect();
        match fixed {
            Some(lengths) if lengths.is_empty() => Ty::Scalar,
            Some(lengths) => Ty::Array(lengths),
            None => Ty::Nd(shape.len()),
        }
    }

    /// The lengths of what is held of a tensor: of a state, one round.
    fn shape(&self, t: Tensor) -> &[Affine] {
        let shape = &self.program.info(t).shape;
        if self.plan.carried.contains(&t) {
            &shape[1..]
        } else {
            shape
        }
    }

    /// Evaluates the constants from outside.
    fn constants(&self) -> TokenStream {
        let reached = self.program.arena.reachable(self.program.roots());
        let read = |tensor: Tensor| reached.iter().any(|e| matches!(self.program.arena[*e], Node::Access(t, _) if t == tensor));
        let mut out = TokenStream::new();
        for c in &self.interface.constants {
            let used = match &c.kind {
                ParamKind::Float(Ty::Scalar, tensor, _) | ParamKind::Truth(tensor, _) => read(*tensor),
                ParamKind::Integer(size, _) => self.uses(*size),
                _ => true,
            };
            let (ident, ty, source) = (&c.ident, &c.ty, &c.source);
            if used {
                out.extend(quote!(let #ident: #ty = #source;));
            }
        }
        out
    }

    fn usize(&self, k: i64) -> TokenStream {
        let literal = Literal::i64_unsuffixed(k);
        quote!(#literal)
    }

    fn size(&self, s: Size) -> TokenStream {
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

    fn variable(&self, e: Expr) -> Ident {
        local(&self.plan.locals[&e])
    }

    fn statement(&mut self, statement: &Stmt) -> TokenStream {
        match statement {
            Stmt::Let(e) => {
                let (name, value) = (self.variable(*e), self.compute(*e, WEAKEST));
                quote!(let #name = #value;)
            }
            Stmt::SinCos(sin, cos) => {
                let (s, c) = (self.variable(*sin), self.variable(*cos));
                let argument = self.receiver(self.program.arena[*sin].children()[0]);
                quote!(let (#s, #c) = #argument.sin_cos();)
            }
            Stmt::Branch(e, then, otherwise) => {
                let args = self.program.arena[*e].children().to_vec();
                let name = self.variable(*e);
                let condition = self.expr(args[0], WEAKEST);
                let (then, otherwise) = (self.statements(then), self.statements(otherwise));
                let (a, b) = (self.expr(args[1], WEAKEST), self.expr(args[2], WEAKEST));
                quote!(let #name = if #condition { #then #a } else { #otherwise #b };)
            }
            Stmt::Total(e, inner) => {
                let Node::Sum(i, body) = self.program.arena[*e].clone() else { return TokenStream::new() };
                let name = self.variable(*e);
                let (index, range) = self.open(i);
                let inner = self.statements(inner);
                let body = self.expr(body, WEAKEST);
                self.indices.swap_remove(&i);
                let zero = self.zero();
                let step = self.add(&quote!(#name), &body);
                quote! {
                    let mut #name = #zero;
                    for #index in #range { #inner #step }
                }
            }
            Stmt::Group(inner, results) => {
                let inner = self.statements(inner);
                let names: Vec<Ident> = results.iter().map(|e| self.variable(*e)).collect();
                let piece = local("__piece");
                quote!(let (#(#names,)*) = #piece(|| { #inner (#(#names,)*) });)
            }
            Stmt::Scalar(t, e) => {
                let (name, value) = (self.tensor(*t), self.expr(*e, WEAKEST));
                match self.ty(*t) {
                    Ty::Nd(0) => {
                        let ndarray = &self.interface.ndarray;
                        quote!(let #name = #ndarray::arr0(#value);)
                    }
                    _ if self.places.contains_key(t) => quote!(#name = #value;),
                    _ => {
                        let float = self.interface.float.clone();
                        quote!(let #name: #float = #value;)
                    }
                }
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
            Stmt::Allocate(t) => self.allocate(*t),
            Stmt::Literal(t, es) => self.literal(*t, es),
            Stmt::Loop(i, inner) => {
                let (index, range) = self.open(*i);
                let inner = self.statements(inner);
                self.indices.swap_remove(i);
                quote!(for #index in #range { #inner })
            }
            Stmt::Guard(c, inner) => {
                let condition = self.expr(*c, WEAKEST);
                let inner = self.statements(inner);
                quote!(if #condition { #inner })
            }
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

    /// Names an index and gives its range.
    fn open(&mut self, i: Index) -> (Ident, TokenStream) {
        let used: Vec<String> = self.indices.values().map(ToString::to_string).collect();
        let letters = ["i", "j", "k", "l", "p", "q", "r", "s"].map(str::to_owned).into_iter();
        let free = letters.chain((1..).map(|k| format!("i{k}"))).map(|n| format!("__{n}"));
        let name = free.into_iter().find(|n| !used.contains(n)).expect("some name is free");
        let name = local(&name);
        let length = self.count(self.program.length(i));
        self.indices.insert(i, name.clone());
        (name, quote!(0..#length))
    }

    /// `target += value;`
    fn add(&self, target: &TokenStream, value: &TokenStream) -> TokenStream {
        match self.interface.generic {
            // not every float type can be added to in place
            Some(_) => quote!(#target = #target + #value;),
            None => quote!(#target += #value;),
        }
    }

    fn zero(&self) -> TokenStream {
        if let Some(generic) = &self.interface.generic {
            let ident = &generic.ident;
            return quote!(#ident::zero());
        }
        match self.program.float {
            Float::F64 => quote!(0.0_f64),
            Float::F32 => quote!(0.0_f32),
        }
    }

    fn allocate(&self, t: Tensor) -> TokenStream {
        if self.places.contains_key(&t) {
            return TokenStream::new();
        }
        let name = self.tensor(t);
        let zero = self.zero();
        match self.ty(t) {
            Ty::Scalar => quote!(let mut #name = #zero;),
            ty @ Ty::Array(_) => {
                let zeros = self.zeros(&ty);
                quote!(let mut #name = #zeros;)
            }
            Ty::Slice => {
                let n = self.affine(&self.shape(t)[0]);
                quote!(let mut #name = ::std::vec![#zero; #n];)
            }
            Ty::Nd(rank) => {
                let ndarray = &self.interface.ndarray;
                let float = self.interface.float.clone();
                let lengths: Vec<TokenStream> = self.shape(t).iter().map(|n| self.affine(n)).collect();
                let shape = match lengths.as_slice() {
                    [n] => n.clone(),
                    ns if rank <= 6 => quote!((#(#ns),*)),
                    ns => quote!(#ndarray::IxDyn(&[#(#ns),*])),
                };
                let class = local(&if rank <= 6 { format!("Array{rank}") } else { "ArrayD".to_owned() });
                quote!(let mut #name = #ndarray::#class::<#float>::zeros(#shape);)
            }
        }
    }

    fn literal(&self, t: Tensor, es: &[Expr]) -> TokenStream {
        let name = self.tensor(t);
        let shape = crate::ir::lengths(&self.program.info(t).shape);
        let placed = self.places.contains_key(&t);
        if let (Ty::Array(_), false) = (self.ty(t), placed) {
            let values = es.iter().map(|e| self.expr(*e, WEAKEST)).collect();
            let nested = nest(values, &shape);
            let float = self.interface.float.clone();
            let ty = shape.iter().rev().fold(float, |inner, n| {
                let n = Literal::usize_unsuffixed(*n);
                quote!([#inner; #n])
            });
            return quote!(let #name: #ty = #nested;);
        }
        let mut out = self.allocate(t);
        for (at, e) in crate::ir::positions(&shape).zip(es) {
            if !self.program.arena.is(*e, 0) {
                let at: Vec<Affine> = at.into_iter().map(|k| Affine::from(k as i64)).collect();
                let (target, value) = (self.element(t, &at), self.expr(*e, WEAKEST));
                out.extend(quote!(#target = #value;));
            }
        }
        out
    }

    /// The number of rounds of a loop: none where the range is empty, as in Rust.
    fn count(&self, a: &Affine) -> TokenStream {
        let (more, less) = a.sides();
        let added = self.affine(&more);
        if less == Affine::default() {
            return added;
        }
        let taken = self.affine(&less);
        match more.terms() {
            [(_, 1)] if more.constant() == 0 => quote!(#added.saturating_sub(#taken)),
            _ => quote!((#added).saturating_sub(#taken)),
        }
    }

    /// A position or length as `usize`; what is subtracted comes last.
    fn affine(&self, a: &Affine) -> TokenStream {
        let mut out = TokenStream::new();
        let mut push = |sign: i64, tokens: TokenStream| {
            let first = out.is_empty();
            out.extend(match (first, sign < 0) {
                (true, false) => tokens,
                (true, true) => quote!(0 - #tokens),
                (false, false) => quote!(+ #tokens),
                (false, true) => quote!(- #tokens),
            });
        };
        let (added, taken): (Vec<_>, Vec<_>) = a.terms().iter().partition(|(_, c)| *c > 0);
        let term = |(symbol, c): &(Symbol, i64)| {
            let name = self.symbol(*symbol);
            match c.abs() {
                1 => name,
                c => {
                    let c = self.usize(c);
                    quote!(#c * #name)
                }
            }
        };
        for t in &added {
            push(1, term(t));
        }
        if a.constant() > 0 || added.is_empty() && a.constant() == 0 {
            push(1, self.usize(a.constant()));
        }
        for t in &taken {
            push(-1, term(t));
        }
        if a.constant() < 0 {
            push(-1, self.usize(-a.constant()));
        }
        out
    }

    fn symbol(&self, s: Symbol) -> TokenStream {
        match s {
            Symbol::Index(i) => {
                let name = &self.indices[&i];
                quote!(#name)
            }
            Symbol::Size(n) => self.size(n),
        }
    }

    /// An integer as a float; each symbol is converted alone, so that a difference may be negative.
    fn integer(&self, a: &Affine, strength: u8) -> TokenStream {
        let float = self.interface.float.clone();
        let mut out = TokenStream::new();
        for (symbol, c) in a.terms() {
            let name = match symbol {
                // the parameter itself, which may be negative
                Symbol::Size(n) if self.program.sizes[n.0 as usize].kind == SizeKind::Integer => {
                    self.raw_integer(*n).unwrap_or_else(|| self.symbol(*symbol))
                }
                _ => self.symbol(*symbol),
            };
            let factor = self.number(&Constant::from(c.abs()), ATOM);
            let converted = match &self.interface.generic {
                Some(_) => quote!(#float::from(#name).unwrap()),
                None => quote!(#name as #float),
            };
            let term = if c.abs() == 1 { converted } else { quote!(#factor * (#converted)) };
            out = match (out.is_empty(), *c < 0) {
                (true, false) => term,
                (true, true) => quote!(-(#term)),
                (false, false) => quote!(#out + #term),
                (false, true) => quote!(#out - (#term)),
            };
        }
        if a.constant() != 0 {
            let c = self.number(&Constant::from(a.constant().abs()), ATOM);
            out = if a.constant() < 0 { quote!(#out - #c) } else { quote!(#out + #c) };
        }
        if strength > WEAKEST {
            quote!((#out))
        } else {
            out
        }
    }

    fn number(&self, c: &Constant, strength: u8) -> TokenStream {
        let negative = c.is_negative();
        let c = if negative { c.neg() } else { c.clone() };
        let x = c.to_f64();
        let text = match self.program.float {
            Float::F64 => format!("{x:?}"),
            Float::F32 => format!("{:?}", x as f32),
        };
        let finite = match self.program.float {
            Float::F64 => x.is_finite(),
            Float::F32 => (x as f32).is_finite(),
        };
        let float = self.interface.float.clone();
        let magnitude = match text.parse::<Literal>() {
            Ok(literal) if self.interface.generic.is_some() => match x {
                0.0 => quote!(#float::zero()),
                1.0 => quote!(#float::one()),
                _ => quote!(#float::from(#literal).unwrap()),
            },
            Ok(literal) if finite => quote!(#literal),
            _ => quote!(<#float>::INFINITY),
        };
        match (negative, strength > PREFIX) {
            (false, _) => magnitude,
            (true, false) => quote!(-#magnitude),
            (true, true) => quote!((-#magnitude)),
        }
    }

    fn element(&self, t: Tensor, at: &[Affine]) -> TokenStream {
        let at: Vec<TokenStream> = at.iter().map(|a| self.affine(a)).collect();
        let (name, ty) = match self.program.info(t).role {
            Role::Defined => {
                let name = self.tensor(t);
                (quote!(#name), self.ty(t))
            }
            _ => {
                let param = self.interface.inputs().find_map(|p| match &p.kind {
                    ParamKind::Float(ty, tensor, reference) if *tensor == t => Some((&p.ident, ty.clone(), *reference)),
                    ParamKind::Truth(tensor, reference) if *tensor == t => Some((&p.ident, Ty::Scalar, *reference)),
                    _ => None,
                });
                let Some((ident, ty, reference)) = param else { return TokenStream::new() };
                match ty {
                    Ty::Scalar if reference => return quote!(*#ident),
                    ty => (quote!(#ident), ty),
                }
            }
        };
        let ndarray = &self.interface.ndarray;
        match ty {
            Ty::Scalar => name,
            Ty::Array(_) => quote!(#name #([#at])*),
            Ty::Nd(0) => quote!(#name[()]),
            Ty::Nd(1) | Ty::Slice => quote!(#name #([#at])*),
            Ty::Nd(rank) if rank <= 6 => quote!(#name[[#(#at),*]]),
            Ty::Nd(_) => quote!(#name[#ndarray::IxDyn(&[#(#at),*])]),
        }
    }

    /// The expression, or the variable it was computed into.
    fn expr(&self, e: Expr, strength: u8) -> TokenStream {
        if self.plan.locals.contains_key(&e) {
            let name = self.variable(e);
            return quote!(#name);
        }
        self.compute(e, strength)
    }

    /// The receiver of a method call; a literal gets its type.
    fn receiver(&self, e: Expr) -> TokenStream {
        match self.program.arena.as_const(e) {
            Some(c) if self.interface.generic.is_some() => self.number(c, ATOM),
            Some(c) => {
                let number = self.number(c, WEAKEST);
                let float = self.interface.float.clone();
                quote!((#number as #float))
            }
            None => self.expr(e, ATOM),
        }
    }

    fn compute(&self, e: Expr, strength: u8) -> TokenStream {
        match &self.program.arena[e] {
            Node::Const(c) => self.number(c, strength),
            Node::Integer(a) => self.integer(a, strength),
            Node::Access(t, at) => {
                let at = if self.plan.carried.contains(t) { &at[1..] } else { at };
                let element = self.element(*t, at);
                let reads = self.program.info(*t).role != Role::Defined
                    && at.is_empty()
                    && self
                        .interface
                        .inputs()
                        .any(|p| matches!(&p.kind, ParamKind::Float(Ty::Scalar, u, true) | ParamKind::Truth(u, true) if u == t));
                parenthesise(element, if reads { PREFIX } else { ATOM }, strength)
            }
            Node::Apply(op, args) => self.operation(*op, args, strength),
            // lowering leaves no delta, bracket or sum outside a variable
            Node::Delta(..) | Node::Bracket(_) | Node::Sum(..) => TokenStream::new(),
        }
    }

    fn operation(&self, op: Op, args: &[Expr], strength: u8) -> TokenStream {
        match op.entry().syntax {
            Syntax::Infix(symbol, own) => {
                let operator: TokenStream = symbol.parse().unwrap_or_default();
                // positions are compared as integers
                let integers: Option<Vec<Affine>> = op.entry().truth.then(|| args.iter().map(|a| self.position(*a)).collect()).flatten();
                let (left, right) = match integers.as_deref() {
                    Some([a, b]) => self.compared(a, b),
                    _ => (self.expr(args[0], if own == 3 { own + 1 } else { own }), self.expr(args[1], own + 1)),
                };
                parenthesise(quote!(#left #operator #right), own, strength)
            }
            Syntax::Prefix(symbol) => {
                let operator: TokenStream = symbol.parse().unwrap_or_default();
                let inner = self.expr(args[0], PREFIX + 1);
                parenthesise(quote!(#operator #inner), PREFIX, strength)
            }
            Syntax::Select => {
                let (c, a, b) = (self.expr(args[0], WEAKEST), self.expr(args[1], WEAKEST), self.expr(args[2], WEAKEST));
                // a statement may not begin with an `if` that is meant as an operand
                parenthesise(quote!(if #c { #a } else { #b }), WEAKEST, strength)
            }
            Syntax::Keep => self.expr(args[0], strength),
            Syntax::Method if op == Op::Pow => self.power(args),
            Syntax::Method => {
                let name = local(op.name());
                let receiver = self.receiver(args[0]);
                let rest = args[1..].iter().map(|a| self.expr(*a, WEAKEST));
                quote!(#receiver.#name(#(#rest),*))
            }
        }
    }

    fn power(&self, args: &[Expr]) -> TokenStream {
        let base = self.receiver(args[0]);
        let exponent = self.program.arena.as_const(args[1]).and_then(Constant::to_integer).and_then(|n| i32::try_from(n).ok());
        match (exponent, &self.program.arena[args[1]]) {
            (Some(n), _) => {
                let n = Literal::i32_unsuffixed(n);
                quote!(#base.powi(#n))
            }
            (None, Node::Integer(a)) => {
                let n = self.integer(a, ATOM);
                quote!(#base.powi(#n as ::core::primitive::i32))
            }
            _ => {
                let b = self.expr(args[1], WEAKEST);
                quote!(#base.powf(#b))
            }
        }
    }

    /// The operand of a comparison as an integer, if it is one.
    fn position(&self, e: Expr) -> Option<Affine> {
        match &self.program.arena[e] {
            Node::Integer(a) => Some(a.clone()),
            Node::Const(c) => c.to_integer().map(Affine::from),
            _ => None,
        }
    }

    /// Both sides of a comparison of integers, without a difference that could be negative.
    fn compared(&self, a: &Affine, b: &Affine) -> (TokenStream, TokenStream) {
        let difference = a.plus(b, -1);
        let (left, right) = difference.sides();
        // a parameter may be negative
        let signed = difference.terms().iter().any(|(s, _)| match s {
            Symbol::Size(n) => self.program.sizes[n.0 as usize].kind == SizeKind::Integer,
            Symbol::Index(_) => false,
        });
        let tokens = |a: &Affine| if signed { self.signed(a) } else { self.affine(a) };
        (tokens(&left), tokens(&right))
    }

    /// A sum of integers as `i128`, which holds every integer parameter.
    fn signed(&self, a: &Affine) -> TokenStream {
        let mut out = TokenStream::new();
        for (symbol, c) in a.terms() {
            let name = match symbol {
                Symbol::Size(n) => self.raw_integer(*n).unwrap_or_else(|| self.symbol(*symbol)),
                Symbol::Index(_) => self.symbol(*symbol),
            };
            let c = self.usize(*c);
            let plus = (!out.is_empty()).then(|| quote!(+));
            out.extend(quote!(#plus #c * (#name as ::core::primitive::i128)));
        }
        if a.constant() != 0 || out.is_empty() {
            let c = self.usize(a.constant());
            let plus = (!out.is_empty()).then(|| quote!(+));
            out.extend(quote!(#plus #c));
        }
        out
    }

    /// An integer parameter as it is, which may be negative.
    fn raw_integer(&self, size: Size) -> Option<TokenStream> {
        self.interface.inputs().find_map(|p| match &p.kind {
            ParamKind::Integer(n, reference) if *n == size => {
                let ident = &p.ident;
                Some(if *reference { quote!(*#ident) } else { quote!(#ident) })
            }
            _ => None,
        })
    }
}

fn parenthesise(tokens: TokenStream, own: u8, strength: u8) -> TokenStream {
    if own < strength {
        quote!((#tokens))
    } else {
        tokens
    }
}

/// A nested array literal.
fn nest(values: Vec<TokenStream>, shape: &[usize]) -> TokenStream {
    match shape {
        [] => values.into_iter().collect(),
        [_] => quote!([#(#values),*]),
        [rows, rest @ ..] => {
            let size: usize = rest.iter().product();
            let rows = (0..*rows).map(|r| nest(values[r * size..(r + 1) * size].to_vec(), rest));
            quote!([#(#rows),*])
        }
    }
}
