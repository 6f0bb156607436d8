//! Tensors in memory.
//!
//! Tensors of known lengths are nested arrays. All others lie flat, row-major, in a `Vec` that the
//! allocator zeroed, or in the slice of a parameter, and become ndarrays at the end.

use super::body::Emitter;
use super::expressions::WEAKEST;
use super::local;
use super::types::{array, block_type, groups_type, place, tuple};
use crate::interface::{ParamKind, Results, Ty};
use crate::ir::{positions, Affine, Constant, Expr, Index, Node, Role, Set, SizeKind, Symbol, Tensor};
use crate::lower::{Factor, Stmt};
use crate::ops::Intrinsic;
use proc_macro2::{Ident, Literal, TokenStream};
use quote::quote;

/// A row that an innermost loop walks along: all of a position but the last axis.
pub(super) struct Row {
    tensor: Tensor,
    at: Vec<Affine>,
    name: Ident,
}

impl Row {
    pub fn is_named(&self, name: &str) -> bool {
        self.name == name
    }
}

impl Emitter<'_> {
    pub(super) fn tensor(&self, t: Tensor) -> TokenStream {
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
    pub(super) fn place(&mut self) -> Option<TokenStream> {
        let program = self.program;
        let results = || program.outputs.iter().copied().chain(program.blocks.iter().map(|b| b.tensor));
        let filled = self.plan.body.iter().any(|s| matches!(s, Stmt::Allocate(t) | Stmt::Fill(t, _) if results().any(|r| r == *t)));
        let fixed = results().all(|t| matches!(self.ty(t), Ty::Scalar | Ty::Array(_)) && !self.plan.carried.contains(&t));
        let twice = results().collect::<Set<_>>().len() < results().count();
        if self.interface.wrapper.is_some() || !fixed || twice || !filled {
            return None;
        }
        let name = local("__out");
        let groups = self.groups.iter().enumerate().map(|(k, parts)| parts.places(&place(&quote!(#name), k, self.groups.len() > 1)));
        self.places = program.results().zip(groups.flatten().collect::<Vec<_>>()).collect();
        let zeros = self.results(&|t| repeated(&self.ty(t), self.zero()));
        let ty = groups_type(self.interface, self.request.form, self.interface.computes_value(self.request));
        Some(quote!(let mut #name: #ty = #zeros;))
    }

    /// The results, of the given parts.
    pub(super) fn results(&self, part: &dyn Fn(Tensor) -> TokenStream) -> TokenStream {
        let mut results = self.program.results();
        let mut next = |_: &Ty| part(results.next().expect("a result for each part"));
        tuple(self.groups.iter().map(|parts| parts.nested(&mut next)).collect(), self.groups.len() > 1)
    }

    /// A tensor as a part of what is returned.
    pub(super) fn returned(&self, t: Tensor) -> TokenStream {
        let name = self.tensor(t);
        let Ty::Nd(rank @ 1..) = self.ty(t) else { return name };
        let again = self.program.results().filter(|u| *u == t).count() > 1;
        let clone = again.then(|| quote!(.clone()));
        if let Some(whole) = self.wholes.get(&t).or_else(|| self.matrices.get(&t)) {
            return quote!(#whole #clone);
        }
        let (class, shape) = (array(self.interface, rank), self.nd_shape(t));
        quote!(#class::from_shape_vec(#shape, #name #clone).unwrap())
    }

    /// Declares a result that is an ndarray from the start; what is stored into is its slice.
    fn whole(&mut self, t: Tensor, value: &TokenStream) -> Option<TokenStream> {
        let Ty::Nd(rank @ 1..) = self.ty(t) else { return None };
        let carried = self.plan.carried.contains(&t) || self.program.info(t).role != Role::Defined;
        if carried || self.program.results().filter(|u| *u == t).count() != 1 {
            return None;
        }
        let (name, class, shape) = (self.tensor(t), array(self.interface, rank), self.nd_shape(t));
        let whole = self.fresh_name(&format!("__{}_array", self.program.info(t).name.trim_start_matches("r#")));
        self.wholes.insert(t, whole.clone());
        let written = self.plan.body.iter().any(|s| matches!(s, Stmt::Allocate(u) if *u == t));
        let read = self.program.definitions.iter().any(|d| d.body.reads(&self.program.arena).contains(&t));
        let slice = (written || read).then(|| quote!(let #name = #whole.as_slice_mut().unwrap();));
        let mutable = slice.is_some().then(|| quote!(mut));
        Some(quote!(let #mutable #whole = #class::from_elem(#shape, #value); #slice))
    }

    /// The lengths of a tensor as ndarray takes them.
    fn nd_shape(&self, t: Tensor) -> TokenStream {
        let lengths: Vec<TokenStream> = self.shape(t).iter().map(|n| self.count(n)).collect();
        let ndarray = &self.interface.ndarray;
        match lengths.as_slice() {
            [n] => n.clone(),
            ns if ns.len() <= 6 => quote!((#(#ns),*)),
            ns => quote!(#ndarray::IxDyn(&[#(#ns),*])),
        }
    }

    /// How a tensor is laid out in Rust.
    pub(super) fn ty(&self, t: Tensor) -> Ty {
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

    /// The number of rounds of a recurrence of which all are held.
    fn rounds(&self, t: Tensor) -> Option<&Affine> {
        let over = self.program.definitions.iter().find(|d| d.tensor == t)?.body.over()?;
        (!self.plan.carried.contains(&t)).then(|| self.program.length(over))
    }

    /// The position in what is held of a tensor.
    pub(super) fn held<'p>(&self, t: Tensor, at: &'p [Affine]) -> &'p [Affine] {
        if self.plan.carried.contains(&t) {
            &at[1..]
        } else {
            at
        }
    }

    /// The parameters that loops read, as slices. One that is not in standard layout is copied.
    /// Where a matrix product reads the parameter too, whatever its layout, the slice has its own name.
    pub(super) fn slices(&mut self) -> TokenStream {
        let in_loops = self.in_loops();
        let factors = self.factors_of_products();
        let mut out = TokenStream::new();
        for p in self.interface.inputs() {
            let ParamKind::Float(Ty::Nd(1..), t, _) = &p.kind else { continue };
            let (ident, runtime) = (&p.ident, &self.interface.runtime);
            let stem = ident.to_string();
            let stem = stem.trim_start_matches("r#");
            if factors.contains(t) {
                self.matrices.insert(*t, ident.clone());
            }
            if in_loops.contains(t) {
                let copy = self.fresh_name(&format!("__{stem}_copy"));
                let slice = if factors.contains(t) { self.fresh_name(&format!("__{stem}_slice")) } else { ident.clone() };
                out.extend(quote! {
                    let mut #copy = ::std::vec::Vec::new();
                    let #slice = #runtime::__private::contiguous(#ident.as_slice(), &mut #copy, || #ident.iter());
                });
                self.slices.insert(*t, slice);
            }
        }
        out
    }

    /// What is read along loops, or by what takes slices.
    fn in_loops(&self) -> Set<Tensor> {
        let along = |at: &[Affine]| at.iter().any(|a| a.indices().next().is_some());
        let mut found: Set<Tensor> =
            self.accesses(&self.plan.body, None).reads.into_iter().filter(|(_, at)| along(at)).map(|(t, _)| t).collect();
        for statement in &self.plan.body {
            match statement {
                Stmt::Factor(t, _) => _ = found.insert(*t),
                Stmt::Intrinsic(_, _, arguments) => found.extend(arguments),
                _ => {}
            }
        }
        found
    }

    /// Whether elements of a tensor are read, or all of it by what takes slices.
    fn reads_elements(&self, t: Tensor) -> bool {
        self.in_loops().contains(&t) || self.accesses(&self.plan.body, None).reads.iter().any(|(u, _)| *u == t)
    }

    fn factors_of_products(&self) -> Set<Tensor> {
        let factors = |s: &Stmt| match s {
            Stmt::Product(_, factors) => factors.map(|f| f.tensor).to_vec(),
            _ => Vec::new(),
        };
        self.plan.body.iter().flat_map(factors).collect()
    }

    /// Declares a tensor that is the same everywhere, by default zero.
    pub(super) fn allocate(&mut self, t: Tensor, fill: Option<Expr>) -> TokenStream {
        let value = fill.map_or_else(|| self.zero(), |e| self.expr(e, WEAKEST));
        let known = self.is_result_kept(t) && fill.is_none_or(|e| self.program.arena.as_const(e).is_some());
        if let Some(place) = self.destinations.get(&t) {
            return self.borrow(t, place, fill.filter(|_| !known).map(|_| value));
        }
        if known {
            return TokenStream::new();
        }
        if self.is_own_matrix(t) {
            return TokenStream::new();
        }
        if let Some(declared) = self.whole(t, &value) {
            return declared;
        }
        match self.histories(t).as_slice() {
            [] | [_] => {}
            all @ [first, ..] if *first == t => return self.allocate_together(all),
            _ => return TokenStream::new(),
        }
        let ty = self.ty(t);
        let all = match &ty {
            Ty::Nd(1..) | Ty::Slice => {
                let size = self.elements(t);
                quote!(::std::vec![#value; #size])
            }
            ty => repeated(ty, value),
        };
        let name = self.tensor(t);
        let ty = block_type(self.interface, &if matches!(ty, Ty::Nd(1..)) { Ty::Slice } else { ty });
        match (self.places.contains_key(&t), fill) {
            (true, None) => TokenStream::new(),
            (true, Some(_)) => quote!(#name = #all;),
            (false, None) => quote!(let mut #name = #all;),
            (false, Some(_)) => {
                let mutable = self.plan.carried.contains(&t).then(|| quote!(mut));
                quote!(let #mutable #name: #ty = #all;)
            }
        }
    }

    /// The number of elements that are held of a tensor of run-time lengths.
    fn elements(&self, t: Tensor) -> TokenStream {
        let Some(rounds) = self.rounds(t) else { return self.product(self.shape(t)) };
        // there is a first value where there are no rounds
        let (rounds, rest) = (self.count(rounds), self.product(&self.shape(t)[1..]));
        match self.shape(t).len() {
            1 => quote!(#rounds + 1),
            _ => quote!((#rounds + 1) * #rest),
        }
    }

    /// The states of a loop of which all rounds are held, if this is one, that are as large.
    fn histories(&self, t: Tensor) -> Vec<Tensor> {
        let over = |t: Tensor| self.program.definition(t).and_then(|d| d.body.over()).filter(|_| matches!(self.ty(t), Ty::Nd(1..)));
        let Some(own) = over(t).filter(|_| self.rounds(t).is_some()) else { return Vec::new() };
        let alike = |u: &Tensor| {
            over(*u) == Some(own) && self.shape(*u) == self.shape(t) && self.rounds(*u).is_some() && self.program.results().all(|r| r != *u)
        };
        let allocated = self.plan.body.iter().filter_map(|s| match s {
            Stmt::Allocate(u) => Some(*u),
            _ => None,
        });
        allocated.filter(alike).collect()
    }

    /// Tensors of one size in one allocation.
    fn allocate_together(&self, all: &[Tensor]) -> TokenStream {
        let (name, size, zero, count) = (self.fresh_name("__rounds"), self.elements(all[0]), self.zero(), self.usize(all.len() as i64));
        let size_of_all = match self.shape(all[0]).len() {
            1 => quote!(#count * (#size)),
            _ => quote!(#count * #size),
        };
        let mut out = quote!(let mut #name = ::std::vec![#zero; #size_of_all];);
        for t in all {
            let own = self.tensor(*t);
            out.extend(quote!(let (#own, #name) = #name.split_at_mut(#size);));
        }
        out
    }

    /// The memory of a tensor that the caller passes, with zeros where nothing will be stored.
    fn borrow(&self, t: Tensor, place: &TokenStream, fill: Option<TokenStream>) -> TokenStream {
        let (runtime, function) = (&self.interface.runtime, format!("{}_{}", self.program.name, self.request.suffix()));
        let parameter = place.to_string().replace(' ', "");
        let (shape, lengths) = (self.nd_shape(t), self.shape(t).iter().map(|n| self.count(n)));
        let message = format!("`{function}`: `{parameter}` must be in standard layout");
        let (dim, axes, slice) = match self.ty(t) {
            Ty::Slice => (quote!(#place.len()), quote!(&[#place.len()]), quote!(&mut #place[..])),
            _ => (quote!(#place.dim()), quote!(#place.shape()), quote!(#place.as_slice_mut().expect(#message))),
        };
        let name = self.tensor(t);
        let mut out = quote! {
            if #dim != #shape {
                #runtime::__private::wrong_shape(#function, #parameter, #axes, &[#(#lengths),*]);
            }
            let #name = #slice;
        };
        let cleared = || self.is_kept(t) || self.covered(t) || self.clears.values().flatten().any(|(u, _)| *u == t);
        if let Some(value) = fill.or_else(|| (!cleared()).then(|| self.zero())) {
            out.extend(quote!(#name.fill(#value);));
        }
        out
    }

    /// A matrix product, of matrices in any layout, into one in standard layout.
    pub(super) fn matrix_product(&mut self, t: Tensor, factors: &[Factor; 2]) -> TokenStream {
        let (name, ndarray) = (self.tensor(t), &self.interface.ndarray);
        let [a, b] = factors.map(|f| match (self.matrices.get(&f.tensor), f.transposed) {
            (Some(matrix), false) => quote!(#matrix.view()),
            (Some(matrix), true) => quote!(#matrix.t()),
            (None, transposed) => {
                let (slice, shape) = (self.as_slice(f.tensor, false), self.nd_shape(f.tensor));
                let transpose = transposed.then(|| quote!(.reversed_axes()));
                quote!(#ndarray::ArrayView2::from_shape(#shape, #slice).unwrap() #transpose)
            }
        });
        let (shape, zero, one) = (self.nd_shape(t), self.zero(), self.number(&Constant::from(1), WEAKEST));
        let multiply = quote!(#ndarray::linalg::general_mat_mul);
        if !self.is_own_matrix(t) {
            return quote! {
                #multiply(#one, &#a, &#b, #zero, &mut #ndarray::ArrayViewMut2::from_shape(#shape, &mut #name[..]).unwrap());
            };
        }
        let matrix = self.fresh_name(&format!("__{}_array", self.program.info(t).name.trim_start_matches("r#")));
        let slice = self.reads_elements(t).then(|| quote!(let #name = #matrix.as_slice().unwrap();));
        let out = quote! {
            let mut #matrix = #ndarray::Array2::from_shape_simple_fn(#shape, || #zero);
            #multiply(#one, &#a, &#b, #zero, &mut #matrix);
            #slice
        };
        self.matrices.insert(t, matrix);
        out
    }

    /// Whether a matrix product makes its own ndarray.
    fn is_own_matrix(&self, t: Tensor) -> bool {
        let product = self.plan.body.iter().any(|s| matches!(s, Stmt::Product(u, _) if *u == t));
        product && !self.destinations.contains_key(&t) && !self.places.contains_key(&t)
    }

    /// A tensor as one slice, row-major.
    fn as_slice(&self, t: Tensor, mutable: bool) -> TokenStream {
        let (name, ty) = self.source(t).expect("what is read is a parameter or defined");
        let reference = if mutable { quote!(&mut) } else { quote!(&) };
        match ty {
            Ty::Array(lengths) if lengths.len() == 2 => {
                let flattened = if mutable { quote!(as_flattened_mut) } else { quote!(as_flattened) };
                quote!(#name.#flattened())
            }
            _ => quote!(#reference #name[..]),
        }
    }

    /// Factors a matrix.
    pub(super) fn factor_matrix(&mut self, t: Tensor, kind: &'static str) -> TokenStream {
        let name = self.fresh_name(&format!("__{}_{}", self.program.info(t).name.trim_start_matches("r#"), kind.to_lowercase()));
        self.factors.insert((t, kind), name.clone());
        let (runtime, class, slice, n) =
            (&self.interface.runtime, local(kind), self.as_slice(t, false), self.affine(&self.program.info(t).shape[0]));
        quote!(let #name = #runtime::linalg::#class::new(#slice, #n);)
    }

    /// Computes a tensor from a factored matrix.
    pub(super) fn intrinsic(&self, t: Tensor, f: Intrinsic, arguments: &[Tensor]) -> TokenStream {
        let (kind, method) = f.entry().method;
        let (factors, method) = (&self.factors[&(arguments[0], kind)], local(method));
        let others = arguments[1..].iter().map(|t| self.as_slice(*t, false));
        if f.entry().result.is_empty() {
            return self.scalar(t, &quote!(#factors.#method(#(#others),*)));
        }
        let out = self.as_slice(t, true);
        quote!(#factors.#method(#(#others,)* #out);)
    }

    /// Whether memory of the caller has the zeros and constants of a result already: it was written before, and then as now
    /// at the same positions. What is added to begins with zeros.
    pub(super) fn is_kept(&self, t: Tensor) -> bool {
        self.request.results == Results::Updated && self.is_steady(t)
    }

    /// Whether what is stored into a tensor is stored at positions that lengths alone determine, and nothing is added.
    fn is_steady(&self, t: Tensor) -> bool {
        let arena = &self.program.arena;
        let by_lengths = |a: &Affine| {
            let integer = |s: &Symbol| matches!(s, Symbol::Size(n) if self.program.sizes[n.0 as usize].kind == SizeKind::Integer);
            !a.terms().iter().any(|(s, _)| integer(s))
        };
        let mut waiting: Vec<(&Stmt, bool)> = self.plan.body.iter().map(|s| (s, true)).collect();
        while let Some((statement, steady)) = waiting.pop() {
            match statement {
                Stmt::Loop(i, inner) => {
                    let steady = steady && by_lengths(self.program.length(*i));
                    waiting.extend(inner.iter().map(|s| (s, steady)));
                }
                Stmt::Guard(c, inner) => {
                    let reached = arena.reachable([*c]);
                    let reads =
                        |e: &Expr| matches!(arena[*e], Node::Access(..) | Node::Named(..)) || !arena[*e].affines().iter().all(by_lengths);
                    let steady = steady && !reached.iter().any(reads);
                    waiting.extend(inner.iter().map(|s| (s, steady)));
                }
                Stmt::Group(inner, _) => waiting.extend(inner.iter().map(|s| (s, steady))),
                Stmt::Store { tensor, at, add, .. } if *tensor == t && (*add || !steady || !at.iter().all(by_lengths)) => return false,
                _ => {}
            }
        }
        true
    }

    /// Whether a statement stores what is there already.
    pub(super) fn is_known(&self, statement: &Stmt) -> bool {
        match statement {
            Stmt::Store { tensor, value, add: false, .. } => self.program.arena.as_const(*value).is_some() && self.is_result_kept(*tensor),
            Stmt::Loop(_, inner) | Stmt::Guard(_, inner) => !inner.is_empty() && inner.iter().all(|s| self.is_known(s)),
            _ => false,
        }
    }

    fn is_result_kept(&self, t: Tensor) -> bool {
        (self.places.contains_key(&t) || self.destinations.contains_key(&t)) && self.is_kept(t)
    }

    /// Whether one statement stores every element of the tensor without reading it.
    fn covered(&self, t: Tensor) -> bool {
        if self.plan.body.iter().any(|s| matches!(s, Stmt::Product(u, _) | Stmt::Intrinsic(u, ..) if *u == t)) {
            return true;
        }
        self.stores(t).iter().any(|(loops, at, add)| {
            let along = |(a, n): (&Affine, &Affine)| a.as_index().is_some_and(|i| loops.contains(&i) && self.program.length(i) == n);
            let distinct: Set<&Affine> = at.iter().collect();
            !add && distinct.len() == at.len() && at.iter().zip(self.shape(t)).all(along)
        })
    }

    /// The stores into a tensor: the loops directly around one another down to each, the position,
    /// and whether it adds. Inside a branch the loops end.
    fn stores(&self, t: Tensor) -> Vec<(Vec<Index>, Vec<Affine>, bool)> {
        let mut found = Vec::new();
        let mut stack: Vec<(&Stmt, Vec<Index>, bool)> = self.plan.body.iter().map(|s| (s, Vec::new(), true)).collect();
        while let Some((statement, loops, certain)) = stack.pop() {
            match statement {
                Stmt::Loop(i, inner) => {
                    let loops: Vec<Index> = if certain { loops.iter().copied().chain([*i]).collect() } else { loops };
                    stack.extend(inner.iter().map(|s| (s, loops.clone(), certain)));
                }
                Stmt::Guard(_, inner) => stack.extend(inner.iter().map(|s| (s, loops.clone(), false))),
                Stmt::Store { tensor, at, add, .. } if *tensor == t => found.push((loops, at.clone(), *add || !certain)),
                _ => {}
            }
        }
        found
    }

    /// Decides where in the loops the caller's memory is filled with zeros: with the block of two
    /// or more last axes that is then written, while it is in the cache.
    pub(super) fn plan_clears(&mut self) {
        let tensors: Vec<Tensor> = self.destinations.keys().copied().collect();
        for t in tensors {
            if self.covered(t) || self.is_kept(t) {
                continue;
            }
            let (stores, shape) = (self.stores(t), self.shape(t));
            let along = |k: usize| {
                let (loops, at, _) = stores.first()?;
                let i = *loops.get(k)?;
                let same = |(loops, at, _): &(Vec<Index>, Vec<Affine>, bool)| loops.get(k) == Some(&i) && at[k].as_index() == Some(i);
                (k + 2 < at.len() && self.program.length(i) == &shape[k] && stores.iter().all(same)).then_some(i)
            };
            let leading: Vec<Index> = (0..).map_while(along).collect();
            if let Some(last) = leading.last() {
                self.clears.entry(*last).or_default().push((t, leading.iter().map(|i| Affine::from(*i)).collect()));
            }
        }
    }

    /// Fills what the iteration of a loop is about to write, which lies in one block.
    pub(super) fn clear(&mut self, i: Index, inner: &[Stmt]) -> TokenStream {
        let mut out = TokenStream::new();
        for (t, leading) in self.clears.get(&i).cloned().unwrap_or_default() {
            let (tensor, zero, shape) = (self.tensor(t), self.zero(), self.shape(t));
            let start = self.flat(t, 0, &leading);
            let size = self.product(&shape[leading.len()..]);
            let block = quote!(#tensor[#start ..][..#size]);
            if self.accesses(inner, None).reads.iter().any(|(u, _)| *u == t) {
                out.extend(quote!(#block.fill(#zero);));
                continue;
            }
            let name = self.fresh_name(&format!("__{}_block", self.program.info(t).name.trim_start_matches("r#")));
            out.extend(quote!(let #name = &mut #block; #name.fill(#zero);));
            self.blocks.insert(t, (name, leading.len()));
        }
        out
    }

    /// What the positions of a tensor on the flat lie in, behind how many of its axes.
    fn base(&self, t: Tensor, source: TokenStream) -> (TokenStream, usize) {
        self.blocks.get(&t).map_or((source, 0), |(name, axes)| (quote!(#name), *axes))
    }

    /// The number of elements.
    fn product(&self, lengths: &[Affine]) -> TokenStream {
        let factors = lengths.iter().map(|n| match n.sides().1 == Affine::default() {
            true => self.factor(n),
            // a length that would be negative is 0
            false => self.count(n),
        });
        factors.reduce(|a, b| quote!(#a * #b)).unwrap_or_else(|| quote!(1))
    }

    /// A length as a factor.
    fn factor(&self, n: &Affine) -> TokenStream {
        let tokens = self.affine(n);
        if n.as_size().is_some() || n.known().is_some() {
            tokens
        } else {
            quote!((#tokens))
        }
    }

    pub(super) fn literal(&mut self, t: Tensor, es: &[Expr]) -> TokenStream {
        let name = self.tensor(t);
        let shape = crate::ir::lengths(&self.program.info(t).shape);
        let values = || es.iter().map(|e| self.expr(*e, WEAKEST)).collect::<Vec<TokenStream>>();
        let in_place = self.places.contains_key(&t) || self.destinations.contains_key(&t);
        match self.ty(t) {
            Ty::Array(_) if !in_place => {
                let nested = nest(values(), &shape);
                let float = self.interface.float.clone();
                let ty = shape.iter().rev().fold(float, |inner, n| {
                    let n = Literal::usize_unsuffixed(*n);
                    quote!([#inner; #n])
                });
                quote!(let #name: #ty = #nested;)
            }
            Ty::Nd(1..) | Ty::Slice if !in_place => {
                let (values, float) = (values(), &self.interface.float);
                quote!(let #name: ::std::vec::Vec<#float> = ::std::vec![#(#values),*];)
            }
            _ => {
                let mut out = self.allocate(t, None);
                for (at, e) in positions(&shape).zip(es) {
                    let known =
                        if self.is_result_kept(t) { self.program.arena.as_const(*e).is_some() } else { self.program.arena.is(*e, 0) };
                    if !known {
                        let at: Vec<Affine> = at.into_iter().map(|k| Affine::from(k as i64)).collect();
                        let (target, value) = (self.element(t, &at), self.expr(*e, WEAKEST));
                        out.extend(quote!(#target = #value;));
                    }
                }
                out
            }
        }
    }

    pub(super) fn element(&self, t: Tensor, at: &[Affine]) -> TokenStream {
        let affines = || at.iter().map(|a| self.affine(a));
        if let Some(name) = self.row(t, at) {
            let last = affines().next_back();
            return quote!(#name[#last]);
        }
        let (name, ty) = self.source(t).expect("what is read is a parameter or defined");
        if self.is_flat(t, &ty) {
            let (name, axes) = self.base(t, name);
            let at = self.flat(t, axes, &at[axes..]);
            return quote!(#name[#at]);
        }
        let (ndarray, at) = (&self.interface.ndarray, affines());
        match ty {
            Ty::Scalar => name,
            Ty::Array(_) => quote!(#name #([#at])*),
            Ty::Nd(0) => quote!(#name[()]),
            Ty::Nd(1) | Ty::Slice => quote!(#name #([#at])*),
            Ty::Nd(rank) if rank <= 6 => quote!(#name[[#(#at),*]]),
            Ty::Nd(_) => quote!(#name[#ndarray::IxDyn(&[#(#at),*])]),
        }
    }

    /// What holds a tensor, and its type.
    fn source(&self, t: Tensor) -> Option<(TokenStream, Ty)> {
        if self.program.info(t).role == Role::Defined {
            return Some((self.tensor(t), self.ty(t)));
        }
        self.interface.inputs().find_map(|p| {
            let ident = &p.ident;
            match &p.kind {
                ParamKind::Float(Ty::Scalar, tensor, true) | ParamKind::Truth(tensor, true) if *tensor == t => {
                    Some((quote!(*#ident), Ty::Scalar))
                }
                ParamKind::Truth(tensor, false) if *tensor == t => Some((quote!(#ident), Ty::Scalar)),
                ParamKind::Float(ty, tensor, _) if *tensor == t => {
                    let name = self.slices.get(&t).unwrap_or(ident);
                    Some((quote!(#name), ty.clone()))
                }
                _ => None,
            }
        })
    }

    /// Whether a tensor of this type lies in one slice.
    fn is_flat(&self, t: Tensor, ty: &Ty) -> bool {
        match ty {
            Ty::Nd(1..) => self.program.info(t).role == Role::Defined || self.slices.contains_key(&t),
            Ty::Slice => true,
            _ => false,
        }
    }

    /// The row-major position behind the first axes, or of fewer positions than axes the first one of the block. An axis
    /// behind the first is checked where its position is not known to be inside, as another row
    /// would be meant otherwise.
    fn flat(&self, t: Tensor, behind: usize, at: &[Affine]) -> TokenStream {
        let shape = &self.shape(t)[behind..];
        let rounds = self.rounds(t).filter(|_| behind == 0);
        let mut out = TokenStream::new();
        let mut atom = true;
        for (axis, n) in shape.iter().enumerate() {
            let length = self.factor(n);
            let before = match (out.is_empty(), atom) {
                (true, _) => TokenStream::new(),
                (_, true) => quote!(#out * #length),
                _ => quote!((#out) * #length),
            };
            atom = true;
            let Some(a) = at.get(axis).filter(|a| a.known() != Some(0) || !self.program.is_inside(a, n, &[])) else {
                out = before;
                continue;
            };
            let plus = (!before.is_empty()).then(|| quote!(+));
            let position = if axis == 0 && rounds == Some(a) { self.count(a) } else { self.affine(a) };
            let simple = a.as_index().is_some() || a.as_size().is_some() || a.known().is_some();
            atom = before.is_empty() && simple;
            out = if axis > 0 && !self.program.is_inside(a, n, &[]) {
                let runtime = &self.interface.runtime;
                quote!(#before #plus #runtime::__private::position(#position, #length))
            } else if simple || before.is_empty() {
                quote!(#before #plus #position)
            } else {
                quote!(#before #plus (#position))
            };
        }
        if out.is_empty() {
            quote!(0)
        } else {
            out
        }
    }

    /// Takes the rows that loops walk along out of them, as far as their other positions are known,
    /// so that the compiler knows their lengths.
    pub(super) fn take_rows(&mut self, i: Index, inner: &[Stmt], root: Option<Expr>) -> TokenStream {
        let accesses = self.accesses(inner, root);
        let mut out = TokenStream::new();
        for (t, at) in accesses.reads.iter().filter(|(t, _)| !accesses.written.contains(t)) {
            if let Some(j) = at.last().and_then(Affine::as_index) {
                out.extend(self.take_row(j, *t, at, false));
            }
        }
        if accesses.innermost {
            for (t, at) in &accesses.writes {
                // what is written may not be borrowed a second time
                if accesses.uses(*t) == 1 {
                    out.extend(self.take_row(i, *t, at, true));
                }
            }
        }
        out
    }

    /// The row along which a position walks, if it is declared.
    pub(super) fn row(&self, t: Tensor, at: &[Affine]) -> Option<Ident> {
        self.rows.iter().find(|r| r.tensor == t && r.at == at).map(|r| r.name.clone())
    }

    /// Declares the row along which a position walks with an index, if all else is known here.
    fn take_row(&mut self, i: Index, t: Tensor, at: &[Affine], write: bool) -> Option<TokenStream> {
        let (source, ty) = self.source(t)?;
        let length = self.program.length(i);
        let leading = at.split_last()?.1;
        let open = leading.iter().chain([length]).flat_map(Affine::indices).all(|j| self.indices.contains_key(&j));
        let known = self.row(t, at).is_some();
        if known || !open || self.indices.contains_key(&i) || !self.is_flat(t, &ty) || !self.is_row(i, t, at) {
            return None;
        }
        let same = |r: &&Row| {
            let index = r.at.last().and_then(Affine::as_index);
            r.tensor == t && r.at[..leading.len()] == *leading && index.is_some_and(|j| self.program.length(j) == length)
        };
        if let Some(name) = self.rows.iter().find(same).map(|r| r.name.clone()) {
            self.rows.push(Row { tensor: t, at: at.to_vec(), name });
            return None;
        }
        let (source, axes) = self.base(t, source);
        let first = leading[axes..].iter().all(|a| a.known() == Some(0));
        let start = (!first).then(|| {
            let start = self.flat(t, axes, &leading[axes..]);
            quote!([#start ..])
        });
        let (name, count, mutable) = (self.row_name(t), self.count(length), write.then(|| quote!(mut)));
        self.rows.push(Row { tensor: t, at: at.to_vec(), name: name.clone() });
        if let Some(rows) = self.marches.get(&t).filter(|_| write) {
            return Some(quote!(let #name = &mut #rows.next().unwrap_or_default()[..#count];));
        }
        Some(quote!(let #name = &#mutable #source #start[..#count];))
    }

    /// The tensors whose rows are written one after the other by the outermost loop `i`, each once: an
    /// iterator gives the next row for less than its position costs.
    pub(super) fn march(&mut self, i: Index, inner: &[Stmt]) -> TokenStream {
        let mut out = TokenStream::new();
        for t in self.accesses(inner, None).writes.into_iter().map(|w| w.0).collect::<Set<Tensor>>() {
            let (stores, shape) = (self.stores(t), self.shape(t));
            let [(loops, at, false)] = stores.as_slice() else { continue };
            let in_order = |((j, a), n): ((&Index, &Affine), &Affine)| a.as_index() == Some(*j) && self.program.length(*j) == n;
            let whole = loops.len() == shape.len() && loops.iter().zip(at).zip(shape).all(in_order);
            let last = loops.iter().skip(1).try_fold(inner, |inner, j| inner.iter().find_map(|s| s.as_loop(*j)));
            let row = last.map(|last| self.accesses(last, None)).is_some_and(|last| last.innermost && last.uses(t) == 1);
            if loops.len() < 2 || loops[0] != i || !whole || !row || self.accesses(inner, None).uses(t) > 1 || !self.is_flat(t, &self.ty(t))
            {
                continue;
            }
            let (name, tensor) = (self.fresh_name(&format!("__{}_rows", self.program.info(t).name)), self.tensor(t));
            let length = &shape[shape.len() - 1];
            let count = self.count(length);
            let count = if length.known().is_some() { count } else { quote!(#count.max(1)) };
            out.extend(quote!(let mut #name = #tensor.chunks_exact_mut(#count);));
            self.marches.insert(t, name);
        }
        out
    }

    /// Whether a position walks along the last axis with an index, inside the array.
    fn is_row(&self, i: Index, t: Tensor, at: &[Affine]) -> bool {
        let fixed = |a: &Affine| a.coefficient(Symbol::Index(i)) == 0;
        at.split_last().is_some_and(|(last, leading)| last.as_index() == Some(i) && leading.iter().all(fixed))
            && at.iter().zip(self.shape(t)).all(|(a, n)| self.program.is_inside(a, n, &[]))
    }

    fn row_name(&self, t: Tensor) -> Ident {
        self.fresh_name(&format!("__{}_row", self.program.info(t).name.trim_start_matches("r#")))
    }

    fn fresh_name(&self, stem: &str) -> Ident {
        let stem = stem.to_owned();
        let mut names = std::iter::once(stem.clone()).chain((2..).map(|k| format!("{stem}_{k}")));
        local(&names.find(|n| !self.is_taken(n)).expect("some name is free"))
    }

    /// What the body of a loop reads and writes.
    fn accesses(&self, inner: &[Stmt], root: Option<Expr>) -> Accesses {
        let arena = &self.program.arena;
        let mut found = Accesses { innermost: true, ..Accesses::default() };
        let mut exprs: Vec<Expr> = root.into_iter().collect();
        let mut waiting: Vec<&Stmt> = inner.iter().rev().collect();
        while let Some(statement) = waiting.pop() {
            found.innermost &=
                matches!(statement, Stmt::Let(_) | Stmt::SinCos(..) | Stmt::Branch(..) | Stmt::Guard(..) | Stmt::Store { .. });
            match statement {
                Stmt::Let(e) | Stmt::SinCos(e, _) => exprs.extend(arena[*e].children()),
                Stmt::Branch(e, then, otherwise) => {
                    exprs.extend(arena[*e].children());
                    waiting.extend(then.iter().chain(otherwise));
                }
                Stmt::Total(e, inner) => {
                    exprs.extend(arena[*e].children());
                    waiting.extend(inner);
                }
                Stmt::Guard(c, inner) => {
                    exprs.push(*c);
                    waiting.extend(inner);
                }
                Stmt::Loop(_, inner) | Stmt::Group(inner, _) | Stmt::Totals(inner) => waiting.extend(inner),
                Stmt::Store { tensor, at, value, .. } => {
                    found.writes.push((*tensor, at.clone()));
                    found.written.insert(*tensor);
                    exprs.push(*value);
                }
                Stmt::Scalar(t, e) | Stmt::Carry(t, e) | Stmt::Fill(t, e) => {
                    found.written.insert(*t);
                    exprs.push(*e);
                }
                Stmt::Literal(t, es) => {
                    found.written.insert(*t);
                    exprs.extend(es);
                }
                Stmt::Advance(t, _) | Stmt::Product(t, _) | Stmt::Allocate(t) | Stmt::Intrinsic(t, ..) => _ = found.written.insert(*t),
                Stmt::Factor(..) => {}
            }
        }
        let mut seen: Set<Expr> = Set::default();
        while let Some(e) = exprs.pop() {
            if self.plan.locals.contains_key(&e) || !seen.insert(e) {
                continue;
            }
            match &arena[e] {
                Node::Access(t, at) => found.reads.push((*t, self.held(*t, at).to_vec())),
                node => exprs.extend(node.children()),
            }
        }
        found
    }
}

/// What statements read and write.
#[derive(Default)]
struct Accesses {
    reads: Vec<(Tensor, Vec<Affine>)>,
    writes: Vec<(Tensor, Vec<Affine>)>,
    /// What is written or declared in any way.
    written: Set<Tensor>,
    /// Whether there are no loops among the statements, and none makes a tensor.
    innermost: bool,
}

impl Accesses {
    /// How often a tensor is read and written.
    fn uses(&self, t: Tensor) -> usize {
        self.reads.iter().chain(&self.writes).filter(|(u, _)| *u == t).count()
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

/// A scalar or array that is the same everywhere.
pub(super) fn repeated(ty: &Ty, value: TokenStream) -> TokenStream {
    match ty {
        Ty::Array(lengths) => lengths.iter().rev().fold(value, |inner, n| quote!([#inner; #n])),
        _ => value,
    }
}
