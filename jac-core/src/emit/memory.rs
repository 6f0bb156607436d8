//! Buffers as tokens.
//!
//! Nested ones are arrays. All others lie flat, row-major, in a `Vec` that the allocator zeroed, or in the slice of a
//! parameter, and become ndarrays at the end.

use super::body::Printer;
use super::expressions::WEAKEST;
use super::local;
use super::types::{array, block_type, Parts};
use crate::interface::{Interface, Matrix, ParamKind, Request, Ty};
use crate::ir::{lengths, positions, Affine};
use crate::kernel::{each_statement, Buffer, Home, Init, Layout, Stmt};
use crate::ops::Intrinsic;
use proc_macro2::{Ident, TokenStream};
use quote::quote;

impl Printer<'_> {
    /// What holds a buffer.
    pub(super) fn name(&self, b: Buffer) -> TokenStream {
        if let Some(place) = self.places.get(&b) {
            return place.clone();
        }
        let info = self.kernel.info(b);
        if info.home != Home::Input {
            let name = local(&format!("__{}", info.name));
            return quote!(#name);
        }
        if let Some(slice) = self.slices.get(&b) {
            return quote!(#slice);
        }
        match self.param(b) {
            Some((ident, true)) => quote!(*#ident),
            Some((ident, false)) => quote!(#ident),
            None => unreachable!("what is read is a parameter or declared"),
        }
    }

    /// The parameter that is a buffer, and whether it is a number behind a reference.
    pub(super) fn param(&self, b: Buffer) -> Option<(&Ident, bool)> {
        self.interface.inputs().find_map(|p| match &p.kind {
            ParamKind::Float(Ty::Scalar, t, reference) | ParamKind::Truth(t, reference) if b == (*t).into() => Some((&p.ident, *reference)),
            ParamKind::Float(_, t, _) if b == (*t).into() => Some((&p.ident, false)),
            _ => None,
        })
    }

    pub(super) fn is_reference(&self, b: Buffer) -> bool {
        self.param(b).is_some_and(|(_, reference)| reference)
    }

    /// The results, of the given parts.
    pub(super) fn results(&self, groups: &[Parts], part: &dyn Fn(Buffer) -> TokenStream) -> TokenStream {
        let mut results = self.kernel.results();
        let mut next = |_: &Ty| part(results.next().expect("a result for each part"));
        super::types::tuple(groups.iter().map(|parts| parts.nested(&mut next)).collect(), groups.len() > 1)
    }

    /// Where results lie in memory of the caller. Those that are not written in place are returned, with where to assign them, and
    /// whether that is a view.
    pub(super) fn destinations(&mut self, groups: &[Parts], memory: &[Ident]) -> Vec<(Buffer, TokenStream, bool)> {
        // without a name there is no memory for the value: `strict` takes it from the function
        let unnamed = memory.len() - groups.len();
        let (interface, request) = (self.interface, self.request);
        let places = groups.iter().zip(&memory[unnamed..]).flat_map(|(parts, name)| places(interface, request, parts, name));
        let mut assigned = Vec::new();
        for (b, (place, held)) in self.kernel.results().zip(places) {
            let info = self.kernel.info(b);
            let value = if held == Held::Referred { quote!(*#place) } else { place.clone() };
            let numbers = self.tys.get(&b).map(super::matrices::numbers).unwrap_or_default();
            match (&info.home, info.layout) {
                (Home::Memory, Layout::Flat) => _ = self.destinations.insert(b, place),
                (Home::Memory, _) if held == Held::Referred => _ = self.places.insert(b, quote!((#value) #numbers)),
                (Home::Memory, _) => _ = self.places.insert(b, quote!(#value #numbers)),
                _ => assigned.push((b, value, held == Held::Viewed)),
            }
        }
        assigned
    }

    /// The parameters that are views of memory of the caller.
    pub(super) fn views(&self, groups: &[Parts], memory: &[Ident]) -> TokenStream {
        let unnamed = memory.len() - groups.len();
        views(self.interface, self.request, groups, &memory[unnamed..])
    }

    /// Gives memory of the caller, which may be a view, a result that was computed elsewhere.
    pub(super) fn assign(&self, (b, place, is_view): (Buffer, TokenStream, bool)) -> TokenStream {
        let value = self.returned(b);
        match is_view {
            true => assigned(self.interface, self.request, &place, &value),
            false => quote!(#place = #value;),
        }
    }

    /// Copies results back that were computed in memory of standard layout, to where they are wanted in another.
    pub(super) fn copy_back(&self) -> TokenStream {
        let ndarray = &self.interface.ndarray;
        let copies = self.copies.iter().map(|(b, copy)| {
            let (place, shape) = (&self.destinations[b], self.nd_shape(*b));
            quote! {
                if !#place.is_standard_layout() {
                    #place.assign(&#ndarray::ArrayView::from_shape(#shape, &#copy[..]).unwrap());
                }
            }
        });
        copies.collect()
    }

    /// A result as a part of what is returned.
    pub(super) fn returned(&self, b: Buffer) -> TokenStream {
        let name = self.name(b);
        if let Some(Ty::Matrix(matrix)) = self.tys.get(&b) {
            return self.made(b, matrix, &name);
        }
        let Some(Ty::Nd(rank @ 1..)) = self.tys.get(&b) else { return name };
        let again = self.kernel.results().filter(|u| *u == b).count() > 1;
        let clone = again.then(|| quote!(.clone()));
        if let Some(whole) = self.arrays.get(&b) {
            return quote!(#whole #clone);
        }
        let (class, shape) = (array(self.interface, *rank), self.nd_shape(b));
        quote!(#class::from_shape_vec(#shape, #name #clone).unwrap())
    }

    /// A value of nalgebra that is made of a buffer's numbers.
    fn made(&self, b: Buffer, matrix: &Matrix, numbers: &TokenStream) -> TokenStream {
        let again = !matrix.is_fixed() && self.kernel.results().filter(|u| *u == b).count() > 1;
        let clone = again.then(|| quote!(.clone()));
        let shape: Vec<TokenStream> = match matrix.is_fixed() {
            true => matrix.lengths.iter().flatten().cloned().collect(),
            false => self.kernel.info(b).shape.iter().map(|n| self.count(n)).collect(),
        };
        super::matrices::made(matrix, &self.interface.float, &quote!(#numbers #clone), &shape)
    }

    /// What a result begins as that is written in place.
    pub(super) fn begun(&self, b: Buffer) -> TokenStream {
        let zeros = self.repeated(b, &self.zero());
        match self.tys.get(&b) {
            Some(Ty::Matrix(matrix)) => self.made(b, matrix, &zeros),
            _ => zeros,
        }
    }

    /// The lengths of a buffer as ndarray takes them.
    fn nd_shape(&self, b: Buffer) -> TokenStream {
        let lengths: Vec<TokenStream> = self.kernel.info(b).shape.iter().map(|n| self.count(n)).collect();
        let ndarray = &self.interface.ndarray;
        match lengths.as_slice() {
            [n] => n.clone(),
            ns if ns.len() <= 6 => quote!((#(#ns),*)),
            ns => quote!(#ndarray::IxDyn(&[#(#ns),*])),
        }
    }

    /// The lengths of a nested buffer.
    fn array_lengths(&self, b: Buffer) -> Vec<TokenStream> {
        let length = |n: &Affine| n.as_size().and_then(|size| self.interface.items.get(&size).cloned());
        let info = self.kernel.info(b);
        let mut lengths: Vec<TokenStream> = info.shape.iter().map(|n| length(n).unwrap_or_else(|| self.affine(n))).collect();
        if info.layout == Layout::Columns {
            lengths.reverse();
        }
        lengths
    }

    /// A number or a nested buffer that is the same everywhere.
    pub(super) fn repeated(&self, b: Buffer, value: &TokenStream) -> TokenStream {
        match self.kernel.info(b).layout {
            Layout::Nested | Layout::Columns => repeated(&Ty::Array(self.array_lengths(b)), value.clone()),
            _ => value.clone(),
        }
    }

    /// The type of a local variable that holds a buffer.
    fn local_type(&self, b: Buffer) -> TokenStream {
        let ty = match self.kernel.info(b).layout {
            Layout::Nested | Layout::Columns => Ty::Array(self.array_lengths(b)),
            Layout::Flat | Layout::Moved => Ty::Slice,
            Layout::Scalar | Layout::Library => Ty::Scalar,
        };
        block_type(self.interface, &ty)
    }

    /// The parameters that loops read, as slices. One that is not in standard layout is copied.
    /// Where a matrix product reads the parameter too, whatever its layout, the slice has its own name.
    pub(super) fn slices(&mut self) -> TokenStream {
        let mut factors = Vec::new();
        each_statement(&self.kernel.body, &mut |s| {
            if let Stmt::Product(_, all) = s {
                factors.extend(all.map(|(b, _)| b));
            }
        });
        let mut out = TokenStream::new();
        for p in self.interface.inputs() {
            if let ParamKind::Float(ty @ Ty::Matrix(matrix), t, _) = &p.kind {
                let (b, ident) = (Buffer::from(*t), &p.ident);
                if !self.read.contains(&b) {
                    continue;
                }
                let stem = ident.to_string();
                let own = self.fresh_name(&format!("__{}_numbers", stem.trim_start_matches("r#").trim_start_matches("__")));
                let numbers = super::matrices::numbers(ty);
                out.extend(match (matrix.is_fixed(), matrix.lengths.len()) {
                    (true, _) => quote!(let #own = &#ident #numbers;),
                    (false, 1) => quote!(let #own = #ident.as_slice();),
                    // row by row
                    (false, _) => {
                        let transposed = self.fresh_name(&format!("{own}_transposed"));
                        quote!(let #transposed = #ident.transpose(); let #own = #transposed.as_slice();)
                    }
                });
                self.slices.insert(b, own);
                continue;
            }
            let ParamKind::Float(Ty::Nd(1..), t, _) = &p.kind else { continue };
            let (b, ident) = (Buffer::from(*t), &p.ident);
            let is_factor = factors.contains(&b);
            if is_factor {
                self.arrays.insert(b, ident.clone());
            }
            if self.kernel.info(b).layout == Layout::Flat {
                let stem = ident.to_string();
                let stem = stem.trim_start_matches("r#");
                let copy = self.fresh_name(&format!("__{stem}_copy"));
                let slice = if is_factor { self.fresh_name(&format!("__{stem}_slice")) } else { ident.clone() };
                let runtime = &self.interface.runtime;
                out.extend(quote! {
                    let mut #copy = ::std::vec::Vec::new();
                    let #slice = #runtime::__private::contiguous(#ident.as_slice(), &mut #copy, || #ident.iter());
                });
                self.slices.insert(b, slice);
            }
        }
        out
    }

    /// A buffer begins.
    pub(super) fn declare(&mut self, b: Buffer, init: &Init) -> TokenStream {
        let value = match init {
            Init::Fill(value) => Some(self.value(value, WEAKEST)),
            Init::Zeros => Some(self.zero()),
            Init::Unset | Init::Values(_) => None,
        };
        let name = self.name(b);
        match (&self.kernel.info(b).home, init) {
            (Home::Returned, Init::Fill(_)) => {
                let all = self.repeated(b, &value.expect("it is filled"));
                quote!(#name = #all;)
            }
            (Home::Memory, _) => match self.destinations.get(&b) {
                Some(place) => {
                    let place = place.clone();
                    self.borrow(b, &place, value.as_ref())
                }
                None => {
                    let all = value.map(|value| self.repeated(b, &value));
                    all.map_or_else(TokenStream::new, |all| quote!(#name = #all;))
                }
            },
            // a product makes a matrix; what is returned began as zeros
            (Home::Matrix | Home::Returned | Home::Input, _) => TokenStream::new(),
            (Home::Array, _) => self.whole(b, init, &value.expect("it is the same everywhere")),
            (Home::View { of, at, mutable }, _) => self.view(b, *of, at, *mutable),
            (Home::Rows(of), _) => {
                let (of, length) = (self.name(*of), self.kernel.info(b).shape.last().expect("rows have a length"));
                let count = self.count(length);
                let count = if length.known().is_some() { count } else { quote!(#count.max(1)) };
                quote!(let mut #name = #of.chunks_exact_mut(#count);)
            }
            (Home::Next(rows), _) => {
                let (rows, count) = (self.name(*rows), self.count(&self.kernel.info(b).shape[0]));
                quote!(let #name = &mut #rows.next().unwrap_or_default()[..#count];)
            }
            (Home::Local, init) => self.declare_local(b, init, value),
        }
    }

    fn declare_local(&self, b: Buffer, init: &Init, value: Option<TokenStream>) -> TokenStream {
        let (name, ty, info) = (self.name(b), self.local_type(b), self.kernel.info(b));
        let mutable = self.assigned.contains(&b).then(|| quote!(mut));
        if let Init::Values(values) = init {
            let values: Vec<TokenStream> = values.iter().map(|v| self.value(v, WEAKEST)).collect();
            let all = self.listed(b, &values);
            return quote!(let #name: #ty = #all;);
        }
        let value = value.expect("a local buffer begins as something");
        if info.layout == Layout::Library {
            let ndarray = &self.interface.ndarray;
            return quote!(let #name = #ndarray::arr0(#value););
        }
        let all = self.filled(b, &value);
        match init {
            Init::Zeros => quote!(let mut #name = #all;),
            _ => quote!(let #mutable #name: #ty = #all;),
        }
    }

    /// A buffer of its own that is the same everywhere.
    pub(super) fn filled(&self, b: Buffer, value: &TokenStream) -> TokenStream {
        if self.kernel.info(b).layout == Layout::Flat {
            let size = self.elements(b);
            return quote!(::std::vec![#value; #size]);
        }
        self.repeated(b, value)
    }

    /// A buffer of its own with these elements.
    pub(super) fn listed(&self, b: Buffer, values: &[TokenStream]) -> TokenStream {
        let info = self.kernel.info(b);
        match info.layout {
            Layout::Flat => quote!(::std::vec![#(#values),*]),
            Layout::Columns => {
                let shape = lengths(&info.shape);
                let columns: Vec<TokenStream> =
                    positions(&[shape[1], shape[0]]).map(|at| values[at[1] * shape[1] + at[0]].clone()).collect();
                nest(&columns, &[shape[1], shape[0]])
            }
            _ => nest(values, &lengths(&info.shape)),
        }
    }

    /// A result that is an ndarray from the start; what is stored into is its slice.
    fn whole(&mut self, b: Buffer, init: &Init, value: &TokenStream) -> TokenStream {
        let (name, shape) = (self.name(b), self.nd_shape(b));
        let class = array(self.interface, self.kernel.info(b).shape.len());
        let whole = self.array_name(b);
        let slice = (*init == Init::Zeros || self.read.contains(&b)).then(|| quote!(let #name = #whole.as_slice_mut().unwrap();));
        let mutable = slice.is_some().then(|| quote!(mut));
        quote!(let #mutable #whole = #class::from_elem(#shape, #value); #slice)
    }

    /// Names the library's array behind a slice.
    fn array_name(&mut self, b: Buffer) -> Ident {
        let name = self.fresh_name(&format!("__{}_array", self.kernel.info(b).name.trim_start_matches("r#")));
        self.arrays.insert(b, name.clone());
        name
    }

    /// A part of a buffer.
    fn view(&self, b: Buffer, of: Buffer, at: &[Affine], mutable: bool) -> TokenStream {
        let (name, source, shape) = (self.name(b), self.name(of), &self.kernel.info(b).shape);
        let is_first = at.iter().all(|a| a.known() == Some(0));
        // what begins in a row may be empty and begin behind its end
        let is_inside = at.len() < self.kernel.info(of).shape.len();
        let start = (!is_first).then(|| {
            let start = match at.split_last() {
                Some((from, [])) if !is_inside => self.affine(from),
                Some((from, leading)) if !is_inside => {
                    let (row, from) = (self.flat(of, leading), self.affine(from));
                    quote!(#row + #from)
                }
                _ => self.flat(of, at),
            };
            match (is_inside, mutable) {
                (true, _) => quote!([#start ..]),
                (false, false) => quote!(.get(#start ..).unwrap_or_default()),
                (false, true) => quote!(.get_mut(#start ..).unwrap_or_default()),
            }
        });
        let size = match shape.as_slice() {
            [n] => self.count(n),
            shape => self.product(shape),
        };
        let mutable = mutable.then(|| quote!(mut));
        quote!(let #name = &#mutable #source #start[..#size];)
    }

    /// The number of elements of a flat buffer.
    fn elements(&self, b: Buffer) -> TokenStream {
        let info = self.kernel.info(b);
        let Some(rounds) = &info.rounds else { return self.product(&info.shape) };
        // there is a first value where there are no rounds
        let (rounds, rest) = (self.count(rounds), self.product(&info.shape[1..]));
        match info.shape.len() {
            1 => quote!(#rounds + 1),
            _ => quote!((#rounds + 1) * #rest),
        }
    }

    /// Buffers of one size in one allocation.
    pub(super) fn allocate_together(&mut self, all: &[Buffer], zero: &TokenStream) -> TokenStream {
        let (name, size, count) = (self.fresh_name("__rounds"), self.elements(all[0]), self.usize(all.len() as i64));
        let size_of_all = match self.kernel.info(all[0]).shape.len() {
            1 => quote!(#count * (#size)),
            _ => quote!(#count * #size),
        };
        let mut out = quote!(let mut #name = ::std::vec![#zero; #size_of_all];);
        for b in all {
            let own = self.name(*b);
            out.extend(quote!(let (#own, #name) = #name.split_at_mut(#size);));
        }
        out
    }

    /// The memory of a result that the caller passes, filled with a value if there is one. In another layout than the standard
    /// one it is a copy.
    fn borrow(&mut self, b: Buffer, place: &TokenStream, fill: Option<&TokenStream>) -> TokenStream {
        let (runtime, function) = (self.interface.runtime.clone(), format!("{}_{}", self.kernel.program.name, self.request.suffix()));
        let parameter = place.to_string().replace(' ', "");
        let name = self.name(b);
        let mut before = TokenStream::new();
        let (dim, axes, slice) = match self.tys.get(&b) {
            Some(Ty::Slice) => (quote!(#place.len()), quote!(&[#place.len()]), quote!(&mut #place[..])),
            Some(Ty::List(_)) => (quote!(#place.dim()), quote!(#place.shape()), quote!(#place.as_slice_mut().unwrap())),
            _ => {
                let copy = self.fresh_name(&format!("__{}_copy", self.kernel.info(b).name.trim_start_matches("r#")));
                self.copies.insert(b, copy.clone());
                before = quote!(let mut #copy = ::std::vec::Vec::new(););
                let slice = quote! {
                    if #place.is_standard_layout() {
                        #place.as_slice_mut().unwrap()
                    } else {
                        #copy.extend(#place.iter().copied());
                        &mut #copy[..]
                    }
                };
                (quote!(#place.dim()), quote!(#place.shape()), slice)
            }
        };
        let (shape, lengths) = (self.nd_shape(b), self.kernel.info(b).shape.iter().map(|n| self.count(n)));
        let fill = fill.map(|value| quote!(#name.fill(#value);));
        quote! {
            if #dim != #shape {
                #runtime::__private::wrong_shape(#function, #parameter, #axes, &[#(#lengths),*]);
            }
            #before
            let #name = #slice;
            #fill
        }
    }

    /// A matrix product, of matrices in any layout, into one in standard layout.
    pub(super) fn matrix_product(&mut self, b: Buffer, factors: &[(Buffer, bool); 2]) -> TokenStream {
        let (name, ndarray) = (self.name(b), self.interface.ndarray.clone());
        let [left, right] = factors.map(|(factor, transposed)| match (self.arrays.get(&factor), transposed) {
            (Some(matrix), false) => quote!(#matrix.view()),
            (Some(matrix), true) => quote!(#matrix.t()),
            (None, transposed) => {
                let (slice, shape) = (self.as_slice(factor, false), self.nd_shape(factor));
                let transpose = transposed.then(|| quote!(.reversed_axes()));
                quote!(#ndarray::ArrayView2::from_shape(#shape, #slice).unwrap() #transpose)
            }
        });
        let (shape, zero, one) = (self.nd_shape(b), self.zero(), self.number(1.0, WEAKEST));
        let multiply = quote!(#ndarray::linalg::general_mat_mul);
        if self.kernel.info(b).home != Home::Matrix {
            return quote! {
                #multiply(#one, &#left, &#right, #zero, &mut #ndarray::ArrayViewMut2::from_shape(#shape, &mut #name[..]).unwrap());
            };
        }
        let matrix = self.array_name(b);
        let slice = self.read.contains(&b).then(|| quote!(let #name = #matrix.as_slice().unwrap();));
        quote! {
            let mut #matrix = #ndarray::Array2::from_shape_simple_fn(#shape, || #zero);
            #multiply(#one, &#left, &#right, #zero, &mut #matrix);
            #slice
        }
    }

    /// A buffer as one slice, row-major.
    fn as_slice(&self, b: Buffer, mutable: bool) -> TokenStream {
        let (name, info) = (self.name(b), self.kernel.info(b));
        let reference = if mutable { quote!(&mut) } else { quote!(&) };
        match info.layout {
            Layout::Nested if info.shape.len() == 2 => {
                let flattened = if mutable { quote!(as_flattened_mut) } else { quote!(as_flattened) };
                quote!(#name.#flattened())
            }
            _ => quote!(#reference #name[..]),
        }
    }

    /// Factors a matrix.
    pub(super) fn factor_matrix(&mut self, b: Buffer, kind: &'static str) -> TokenStream {
        let info = self.kernel.info(b);
        let name = self.fresh_name(&format!("__{}_{}", info.name.trim_start_matches("r#"), kind.to_lowercase()));
        self.factors.insert((b, kind), name.clone());
        let (runtime, class, slice, n) = (&self.interface.runtime, local(kind), self.as_slice(b, false), self.affine(&info.shape[0]));
        quote!(let #name = #runtime::linalg::#class::new(#slice, #n);)
    }

    /// Computes a buffer from a factored matrix.
    pub(super) fn intrinsic(&self, b: Buffer, f: Intrinsic, arguments: &[Buffer]) -> TokenStream {
        let (kind, method) = f.entry().method;
        let (factors, method) = (&self.factors[&(arguments[0], kind)], local(method));
        let others = arguments[1..].iter().map(|t| self.as_slice(*t, false));
        if f.entry().result.is_empty() {
            return self.scalar(b, &quote!(#factors.#method(#(#others),*)));
        }
        let out = self.as_slice(b, true);
        quote!(#factors.#method(#(#others,)* #out);)
    }

    /// Declares a number.
    fn scalar(&self, b: Buffer, value: &TokenStream) -> TokenStream {
        let name = self.name(b);
        match self.kernel.info(b).home {
            Home::Returned => quote!(#name = #value;),
            _ => self.declare_local(b, &Init::Unset, Some(value.clone())),
        }
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

    /// An element of a buffer.
    pub(super) fn element(&self, b: Buffer, at: &[Affine]) -> TokenStream {
        let name = self.name(b);
        let (ndarray, positions) = (&self.interface.ndarray, at.iter().map(|a| self.affine(a)));
        match self.kernel.info(b).layout {
            Layout::Scalar => name,
            Layout::Nested => quote!(#name #([#positions])*),
            Layout::Columns => {
                let reversed = positions.rev();
                quote!(#name #([#reversed])*)
            }
            Layout::Flat | Layout::Moved => {
                let at = self.flat(b, at);
                quote!(#name[#at])
            }
            Layout::Library => match at.len() {
                0 => quote!(#name[()]),
                1 => quote!(#name #([#positions])*),
                2..=6 => quote!(#name[[#(#positions),*]]),
                _ => quote!(#name[#ndarray::IxDyn(&[#(#positions),*])]),
            },
        }
    }

    /// The row-major position of an element, or of fewer positions than axes that of the first one behind them. An axis
    /// behind the first is checked where its position is not known to be inside, as another row would be meant otherwise.
    fn flat(&self, b: Buffer, at: &[Affine]) -> TokenStream {
        let info = self.kernel.info(b);
        let mut out = TokenStream::new();
        let mut atom = true;
        for (axis, n) in info.shape.iter().enumerate() {
            let length = self.factor(n);
            let before = match (out.is_empty(), atom) {
                (true, _) => TokenStream::new(),
                (_, true) => quote!(#out * #length),
                _ => quote!((#out) * #length),
            };
            atom = true;
            let is_inside = |a: &Affine| self.kernel.is_inside(b, axis, a);
            let Some(a) = at.get(axis).filter(|a| a.known() != Some(0) || !is_inside(a)) else {
                out = before;
                continue;
            };
            let plus = (!before.is_empty()).then(|| quote!(+));
            let position = if axis == 0 && info.rounds.as_ref() == Some(a) { self.count(a) } else { self.affine(a) };
            let simple = a.as_index().is_some() || a.as_size().is_some() || a.known().is_some();
            atom = before.is_empty() && simple;
            out = if axis > 0 && !is_inside(a) {
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
}

/// Makes parameters that may be of several types views.
pub(super) fn views(interface: &Interface, request: Request, groups: &[Parts], memory: &[Ident]) -> TokenStream {
    let views = groups.iter().zip(memory).filter_map(|(parts, name)| {
        let view = super::types::view(interface, request, parts, &quote!('_))?;
        let runtime = &interface.runtime;
        let made = match parts {
            Parts::One(_) => quote!(::core::convert::Into::into(#name)),
            Parts::Tuple(_) => quote!(#runtime::Memory::parts(#name)),
        };
        Some(quote!(let mut #name: #view = #made;))
    });
    views.collect()
}

/// How memory of the caller holds a result.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// As it is, in what is referred to.
    There,
    /// It is referred to.
    Referred,
    /// A view of it is there.
    Viewed,
}

/// Where the results of a group stand in memory of the caller.
pub(super) fn places(interface: &Interface, request: Request, parts: &Parts, name: &Ident) -> Vec<(TokenStream, Held)> {
    let viewed = super::types::view(interface, request, parts, &quote!('_)).is_some();
    let held = |ty: &Ty| match parts {
        _ if viewed && super::types::is_array(ty) => Held::Viewed,
        Parts::Tuple(_) if !viewed => Held::There,
        _ => Held::Referred,
    };
    let places = parts.places(&quote!(#name)).into_iter().map(|place| match parts {
        Parts::Tuple(_) if viewed => quote!(#place.0),
        _ => place,
    });
    places.zip(parts.tys().iter().map(held)).collect()
}

/// `place.assign(&value)` of arrays of one shape.
pub(super) fn assigned(interface: &Interface, request: Request, place: &TokenStream, value: &TokenStream) -> TokenStream {
    let (runtime, parameter) = (&interface.runtime, place.to_string());
    let (function, value_name) = (format!("{}_{}", interface.item.sig.ident, request.suffix()), local("__assigned"));
    quote! {
        let #value_name = #value;
        if #place.dim() != #value_name.dim() {
            #runtime::__private::wrong_shape(#function, #parameter, #place.shape(), #value_name.shape());
        }
        #place.assign(&#value_name);
    }
}

/// A nested array literal.
pub(super) fn nest(values: &[TokenStream], shape: &[usize]) -> TokenStream {
    match shape {
        [] => values.iter().cloned().collect(),
        [_] => quote!([#(#values),*]),
        [rows, rest @ ..] => {
            let size: usize = rest.iter().product();
            let rows = (0..*rows).map(|r| nest(&values[r * size..(r + 1) * size], rest));
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
