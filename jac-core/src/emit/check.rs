//! What `check!` calls: a function beside the others that takes the function's own arguments and hands all of them,
//! as closures over plain numbers, to the runtime.

use super::types::{place, Parts};
use super::{attributes, local};
use crate::interface::{Interface, Numbers, Param, ParamKind, Request, Results, Side, Step, Ty};
use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};
use syn::Type;

/// The name of the function that `check!` calls for `function`.
pub fn name(function: &Ident) -> Ident {
    format_ident!("{}_jacobian_check", function)
}

/// Generates it; `associated` says whether the function stands in an `impl`. `body` is that of a stub.
pub fn function(interface: &Interface, associated: bool, body: Option<&TokenStream>) -> TokenStream {
    let interface = &interface.as_written();
    let sig = &interface.item.sig;
    let (name, vis, attributes) = (name(&sig.ident), &interface.item.vis, attributes(interface));
    let (generics, _, condition) = sig.generics.split_for_impl();
    let receiver = interface.receiver.iter().map(|r| quote!(#r));
    let params = interface.params.iter().map(|p| {
        let (ident, ty) = (&p.ident, &p.ty);
        quote!(#ident: #ty)
    });
    let params = receiver.chain(params);
    let body = body.cloned().unwrap_or_else(|| match &interface.generic {
        _ if interface.has_matrices() => {
            quote!(::core::panic!("`check!` of a function of nalgebra's types: call it by a function of arrays"))
        }
        Some(generic) if generic.numbers != Numbers::Cast => {
            quote!(::core::panic!("`check!` of a function over a type that is no `num_traits::Float`: call it by a function over `f64`"))
        }
        _ => Check { interface, associated }.body(),
    });
    quote! {
        #[doc(hidden)]
        #(#attributes)*
        #[allow(dead_code, unused, clippy::all, clippy::pedantic, clippy::nursery)]
        #[inline]
        #[track_caller]
        #vis fn #name #generics (#(#params),*) #condition {
            #body
        }
    }
}

struct Check<'a> {
    interface: &'a Interface,
    associated: bool,
}

impl Check<'_> {
    fn body(&self) -> TokenStream {
        let (runtime, function) = (&self.interface.runtime, self.interface.item.sig.ident.to_string());
        let [x, seeds, float, number, v] = ["__x", "__seeds", "__float", "__number", "__v"].map(local);
        let (type_of_float, epsilon) = (&self.interface.float, self.epsilon());
        let (to, from) = match &self.interface.generic {
            Some(_) => (quote!(#type_of_float::from(#v).unwrap()), quote!(#v.to_f64().unwrap())),
            None => (quote!(#v as #type_of_float), quote!(*#v as ::core::primitive::f64)),
        };
        let inputs = self.inputs();
        let names = inputs.iter().map(|p| p.ident.to_string());
        let fixed = inputs.iter().map(|p| self.interface.at.iter().any(|at| at.param.ident == p.ident));
        let point = inputs.iter().map(|p| {
            if let Some(at) = self.interface.at.iter().find(|at| at.param.ident == p.ident) {
                let (values, ident) = (&at.values, &p.ident);
                let count = count(ty(p), &quote!(#ident));
                return match values.as_slice() {
                    [x] => quote!(::std::vec![#x; #count]),
                    all => quote!(::std::vec![#(#all),*]),
                };
            }
            let (ident, ty) = (&p.ident, ty(p));
            let elements = if matches!((ty, &p.kind), (Ty::Scalar, ParamKind::Float(_, _, true))) {
                quote!(::core::iter::once(#ident))
            } else {
                elements(ty, &quote!(#ident), false)
            };
            quote!(#runtime::__private::flat(#elements, #number))
        });
        let value = self.value(&quote!(::core::option::Option::None));
        let [first, others @ ..] = self.interface.requests.as_slice() else { return TokenStream::new() };
        let jacobian = self.generated(*first);
        let lower = self.interface.normal.lower;
        let weight = match self.interface.normal.loss {
            Some((loss, scale)) => {
                let code: TokenStream = loss.code.parse().expect("tokens");
                quote!(::core::option::Option::Some({
                    fn weight(s: ::core::primitive::f64) -> ::core::primitive::f64 {
                        let c: ::core::primitive::f64 = #scale;
                        #code
                    }
                    weight
                }))
            }
            None => quote!(::core::option::Option::None),
        };
        // tests compare batches with the functions of a point
        let others = others.iter().filter(|request| !request.is_batch()).map(|request| {
            let (run, name, value) = (self.generated(*request), format!("{function}_{}", request.suffix()), request.form.value);
            // the entries are compared as the blocks that they are of
            let steps = request.form.dense().unwrap_or(request.form).steps.iter().map(|step| format_ident!("{step:?}"));
            quote! {
                #runtime::__private::Other {
                    name: #name,
                    value: #value,
                    steps: &[#(#runtime::__private::Step::#steps),*],
                    normal: #runtime::__private::Normal { lower: #lower, weight: #weight },
                    run: &|#x: &[::std::vec::Vec<::core::primitive::f64>], #seeds: &[::std::vec::Vec<::core::primitive::f64>]| { #run },
                },
            }
        });
        let parts = self.values().into_iter().map(|(place, ty)| self.flat(&place, &ty));
        quote! {
            use #runtime::__private::{OfClone as _, OfOthers as _};
            let #float = |#v: ::core::primitive::f64| -> #type_of_float { #to };
            let #number = |#v: &#type_of_float| -> ::core::primitive::f64 { #from };
            #runtime::__private::check(&#runtime::__private::Subject {
                name: #function,
                inputs: &[#(#names),*],
                point: ::std::vec![#(#point),*],
                fixed: &[#(#fixed),*],
                epsilon: #epsilon,
                value: &|#x: &[::std::vec::Vec<::core::primitive::f64>], #seeds: &[::std::vec::Vec<::core::primitive::f64>]| {
                    #value
                    ::core::option::Option::Some(::std::vec![#(#parts),*])
                },
                jacobian: &|#x: &[::std::vec::Vec<::core::primitive::f64>], #seeds: &[::std::vec::Vec<::core::primitive::f64>]| { #jacobian },
                others: &[#(#others)*],
            });
        }
    }

    /// The distance from 1 to the next number.
    fn epsilon(&self) -> TokenStream {
        let float = &self.interface.float;
        match &self.interface.generic {
            Some(_) => quote!(#float::epsilon().to_f64().unwrap()),
            None => quote!(<#float>::EPSILON as ::core::primitive::f64),
        }
    }

    /// The parameters that it is differentiated by, in their order.
    fn inputs(&self) -> Vec<&Param> {
        self.interface.differentiated().collect()
    }

    /// Copies of what the function is given, of which the inputs are those at the point.
    fn holders(&self) -> TokenStream {
        let inputs = self.inputs();
        let holders = self.interface.params.iter().enumerate().map(|(k, p)| {
            let input = inputs.iter().position(|q| q.ident == p.ident);
            if input.is_none() && !matches!(p.kind, ParamKind::Out(..)) {
                return TokenStream::new();
            }
            self.holder(&holder(k), p, &input.map(|w| (local("__x"), w)))
        });
        holders.collect()
    }

    /// An owned copy of a parameter, with the numbers of a list of parts put in.
    fn holder(&self, name: &Ident, p: &Param, numbers: &Option<(Ident, usize)>) -> TokenStream {
        let (ident, runtime, float) = (&p.ident, &self.interface.runtime, local("__float"));
        let owned = match (ty(p), is_reference(p)) {
            (Ty::Scalar | Ty::Array(_), true) => quote!(*#ident),
            (Ty::Scalar | Ty::Array(_), false) => quote!(#ident),
            (Ty::Nd(_) | Ty::List(_), _) => quote!(#ident.to_owned()),
            (Ty::Slice, _) => quote!(#ident.to_vec()),
            (Ty::Matrix(_), _) => quote!(#ident.clone_owned()),
        };
        let elements = elements(ty(p), &quote!(#name), true);
        let fill = numbers.as_ref().map(|(from, k)| {
            let k = Literal::usize_unsuffixed(*k);
            quote!(#runtime::__private::fill(#elements, &#from[#k], #float);)
        });
        quote!(let mut #name = #owned; #fill)
    }

    /// The arguments: of the function itself, or without out-parameters.
    fn arguments(&self, own: bool) -> Vec<TokenStream> {
        let inputs = self.inputs();
        let is_fixed = |p: &Param| !own && self.interface.at.iter().any(|at| at.param.ident == p.ident);
        let argument = |(k, p): (usize, &Param)| match &p.kind {
            ParamKind::Out(..) => own.then(|| lent(p, &holder(k), true)),
            _ if inputs.iter().any(|q| q.ident == p.ident) => Some(lent(p, &holder(k), false)),
            _ => {
                let (ident, copied) = (&p.ident, self.copied(&p.ident));
                Some(if is_reference(p) { quote!(#ident) } else { copied })
            }
        };
        self.interface.params.iter().enumerate().filter(|(_, p)| !is_fixed(p)).filter_map(argument).collect()
    }

    /// A copy of what is passed by value; at run time it is said if there is none.
    fn copied(&self, ident: &Ident) -> TokenStream {
        let runtime = &self.interface.runtime;
        quote!((&#runtime::__private::Copied(&#ident)).copied())
    }

    fn call(&self, name: &Ident, arguments: &[TokenStream]) -> TokenStream {
        let generics = super::generic_arguments(self.interface);
        match &self.interface.receiver {
            Some(r) if matches!(r.kind, syn::ReceiverKind::Reference(..)) => quote!(self.#name #generics(#(#arguments),*)),
            Some(_) => {
                let copied = self.copied(&format_ident!("self"));
                quote!(#copied.#name #generics(#(#arguments),*))
            }
            None if self.associated => quote!(Self::#name #generics(#(#arguments),*)),
            None => quote!(#name #generics(#(#arguments),*)),
        }
    }

    /// Takes a result out of what is around it, or returns `none`.
    fn unwrapped(&self, name: &TokenStream, call: &TokenStream, none: &TokenStream) -> TokenStream {
        match &self.interface.wrapper {
            Some(wrapper) => {
                let constructor = &wrapper.constructor;
                quote!(let #constructor(#name) = #call else { return #none };)
            }
            None => quote!(let #name = #call;),
        }
    }

    /// Calls the function itself.
    fn value(&self, none: &TokenStream) -> TokenStream {
        let holders = self.holders();
        let (y, call) = (local("__y"), self.call(&self.interface.item.sig.ident, &self.arguments(true)));
        let unwrapped = self.unwrapped(&quote!(#y), &call, none);
        quote!(#holders #unwrapped)
    }

    /// Where its results are after that, and their types.
    fn values(&self) -> Vec<(TokenStream, Ty)> {
        let y = local("__y");
        let outs = self.interface.params.iter().enumerate().filter(|(_, p)| matches!(p.kind, ParamKind::Out(..)));
        let outs: Vec<TokenStream> = outs.map(|(k, _)| holder(k)).map(|name| quote!(#name)).collect();
        let returned = self.interface.outputs.len() - outs.len();
        let places = (0..returned).map(|k| place(&quote!(#y), k, self.returns_tuple())).chain(outs);
        places.zip(self.interface.outputs.iter().cloned()).collect()
    }

    /// Whether the function returns a tuple; with out-parameters the generated functions may, where it does not.
    fn returns_tuple(&self) -> bool {
        let syn::ReturnType::Type(_, ty) = &self.interface.item.sig.output else { return false };
        let inner = match (&self.interface.wrapper, crate::front::stripped(ty)) {
            (Some(_), Type::Path(path)) => crate::front::first_argument(&path.path),
            (_, ty) => Some(ty),
        };
        matches!(inner, Some(Type::Tuple(parts)) if !parts.elems.is_empty())
    }

    fn flat(&self, place: &TokenStream, ty: &Ty) -> TokenStream {
        let (runtime, number, elements) = (&self.interface.runtime, local("__number"), elements(ty, place, false));
        quote!(#runtime::__private::flat(#elements, #number))
    }

    /// What a function returns at a point beside this one, or if that is nothing, here.
    fn beside(&self, result: &Ident, call: &TokenStream, none: &TokenStream) -> TokenStream {
        let (runtime, x, there, holders) = (&self.interface.runtime, local("__x"), local("__there"), self.holders());
        let moved = quote!(let #there = #runtime::__private::beside(#x); let #x = &#there[..]; #holders);
        match &self.interface.wrapper {
            None => quote!(let mut #result = { #moved #call };),
            Some(wrapper) => {
                let constructor = &wrapper.constructor;
                quote! {
                    let #there = { #moved #call };
                    let mut #result = match #there {
                        #constructor(#there) => #there,
                        _ => {
                            let #constructor(#there) = #call else { return #none };
                            #there
                        }
                    };
                    #holders
                }
            }
        }
    }

    /// Calls a generated function; the parts of its result, values first.
    fn generated(&self, request: Request) -> TokenStream {
        let (runtime, float) = (&self.interface.runtime, local("__float"));
        let none = quote!(::core::option::Option::None);
        let name = |request: Request| format_ident!("{}_{}", self.interface.item.sig.ident, request.suffix());
        let mut arguments = self.arguments(false);
        let (result, seeds) = (local("__r"), local("__seeds"));
        let mut before = TokenStream::new();
        let mut given = 0..;
        let mut seed = || given.next().unwrap_or_default();
        for step in request.form.steps {
            match step {
                Step::Jacobian | Step::Normal | Step::Diagonal | Step::BlockDiagonal | Step::NormalDiagonal | Step::Sparse => {}
                Step::Jvp => {
                    for p in self.inputs() {
                        let k = seed();
                        let tangent = local(&format!("__t{k}"));
                        before.extend(self.holder(&tangent, p, &Some((seeds.clone(), k))));
                        arguments.push(lent(p, &tangent, false));
                    }
                }
                Step::Vjp | Step::WeightedNormal => {
                    before.extend(self.value(&none));
                    for (place, ty) in self.values() {
                        let k = seed();
                        let (cotangent, seed) = (local(&format!("__c{k}")), Literal::usize_unsuffixed(k));
                        let elements = elements(&ty, &quote!(#cotangent), true);
                        before.extend(quote! {
                            let mut #cotangent = ::core::clone::Clone::clone(&#place);
                            #runtime::__private::fill(#elements, &#seeds[#seed], #float);
                        });
                        arguments.push(if matches!(ty, Ty::Scalar) { quote!(#cotangent) } else { quote!(&#cotangent) });
                    }
                }
            }
        }
        // a call of the function took what is passed by value
        before.extend(self.holders());
        if request.form.dense().is_some() {
            return self.scattered(request, &before, arguments);
        }
        let returned = self.call(&name(Request { results: Results::Returned, ..request }), &arguments);
        if request.results == Results::Updated {
            before.extend(self.beside(&result, &returned, &none));
        } else {
            before.extend(self.unwrapped(&quote!(mut #result), &returned, &none));
        }
        let groups = Parts::groups(self.interface, request.form, request.form.value);
        let whole = |k: usize| place(&quote!(#result), k, groups.len() > 1);
        let parts = || groups.iter().enumerate().flat_map(|(k, group)| group.places(&whole(k)).into_iter().zip(group.tys()));
        if request.results == Results::Written {
            for (place, ty) in parts() {
                let elements = elements(&ty, &place, true);
                before.extend(quote!(#runtime::__private::fill_all(#elements, ::core::primitive::f64::NAN, #float);));
            }
        }
        if !request.returns() {
            arguments.extend((0..groups.len()).map(|k| {
                let memory = whole(k);
                quote!(&mut #memory)
            }));
            before.extend(self.unwrapped(&quote!(()), &self.call(&name(request), &arguments), &none));
        }
        let mut flats: Vec<TokenStream> = parts().map(|(place, ty)| self.flat(&place, &ty)).collect();
        let matrices = flats.split_off(if request.form.value { self.interface.outputs.len() } else { 0 });
        let axes = request.form.matrices();
        if !self.interface.stack || axes.is_empty() {
            return quote!(#before ::core::option::Option::Some(::std::vec![#(#flats,)* #(#matrices),*]));
        }
        // as the blocks that they are made of
        let (x, rows, columns, parts) = (local("__x"), local("__rows"), local("__columns"), local("__parts"));
        let counted = axes.iter().any(|axes| axes[0] == Side::Results).then(|| self.counted(&rows, &none));
        let matrices = matrices.iter().zip(axes).map(|(matrix, axes)| {
            let rows = match axes {
                [Side::Results, _] => quote!(&#rows),
                [Side::Inputs, _] => quote!(&#columns),
                _ => quote!(&[1]),
            };
            quote!(#parts.extend(#runtime::__private::unstacked(&#matrix, #rows, &#columns));)
        });
        quote! {
            let #columns: ::std::vec::Vec<::core::primitive::usize> = #x.iter().map(|x| x.len()).collect();
            #counted
            #before
            let mut #parts = ::std::vec![#(#flats),*];
            #(#matrices)*
            ::core::option::Option::Some(#parts)
        }
    }
}

impl Check<'_> {
    /// Calls a function that writes entries; the value, if that is written too, and the blocks that they are of. `before` is what
    /// the arguments need.
    fn scattered(&self, request: Request, before: &TokenStream, mut arguments: Vec<TokenStream>) -> TokenStream {
        let (runtime, x, result, pattern) = (&self.interface.runtime, local("__x"), local("__r"), local("__pattern"));
        let (float, number, rows, columns, parts) =
            (local("__float"), local("__number"), local("__rows"), local("__columns"), local("__parts"));
        let none = quote!(::core::option::Option::None);
        let name = |results| format_ident!("{}_{}", self.interface.item.sig.ident, Request { results, ..request }.suffix());
        let symmetric = request.form.order() > 1;
        let counted = match symmetric {
            true => quote!(let #rows = #columns.clone();),
            false => self.counted(&rows, &none),
        };
        let own = if self.interface.fixed { Vec::new() } else { self.arguments(false) };
        let found = self.pattern(&super::pattern::name(self.interface, request.form), &own);
        let (memory, value, filled) = if request.form.value { self.memory(&none) } else { Default::default() };
        arguments.extend(memory);
        arguments.push(quote!(&mut #result[..]));
        let write = |results| self.unwrapped(&quote!(()), &self.call(&name(results), &arguments), &none);
        let mut written = write(Results::Written);
        if request.results == Results::Updated {
            // at a point beside this one, unless there is nothing, and here what changes
            let (there, call, update) = (local("__there"), self.call(&name(Results::Written), &arguments), write(Results::Updated));
            written.extend(quote! {
                { let #there = #runtime::__private::beside(#x); let #x = &#there[..]; #before let _ = #call; }
                #before
                #update
            });
        }
        let holders = self.holders();
        quote! {
            let #columns: ::std::vec::Vec<::core::primitive::usize> = #x.iter().map(|x| x.len()).collect();
            #holders
            #counted
            #holders
            let #pattern = #found;
            let mut #result = ::std::vec![#float(::core::primitive::f64::NAN); #pattern.nnz()];
            #filled
            #before
            #written
            let #result = #runtime::__private::flat(#result.iter(), #number);
            let mut #parts = ::std::vec![#(#value),*];
            #parts.extend(#runtime::__private::scattered(&#pattern, &#result, &#rows, &#columns, #symmetric));
            ::core::option::Option::Some(#parts)
        }
    }

    /// The number of elements of each result.
    fn counted(&self, rows: &Ident, none: &TokenStream) -> TokenStream {
        let value = self.value(none);
        let lengths = self.values().into_iter().map(|(place, ty)| self.flat(&place, &ty));
        quote!(let #rows = { #value ::std::vec![#(#lengths.len()),*] };)
    }

    /// Memory for the value as an argument, the numbers in it, and what makes it, filled with NaN.
    fn memory(&self, none: &TokenStream) -> (Option<TokenStream>, Vec<TokenStream>, TokenStream) {
        let (runtime, float, memory) = (&self.interface.runtime, local("__float"), local("__m"));
        let (value, holders) = (self.value(none), self.holders());
        let whole = self.values().into_iter().map(|(place, _)| quote!(::core::clone::Clone::clone(&#place))).collect();
        let whole = super::types::tuple(whole, self.interface.tuple);
        let places = self.values().into_iter().enumerate().map(|(k, (_, ty))| (place(&quote!(#memory), k, self.interface.tuple), ty));
        let fill = places.clone().map(|(place, ty)| {
            let elements = elements(&ty, &place, true);
            quote!(#runtime::__private::fill_all(#elements, ::core::primitive::f64::NAN, #float);)
        });
        let made = quote!(let mut #memory = { #value #whole }; #(#fill)* #holders);
        (Some(quote!(&mut #memory)), places.map(|(place, ty)| self.flat(&place, &ty)).collect(), made)
    }

    /// Calls the function that returns a pattern; of known lengths it has no receiver.
    fn pattern(&self, name: &Ident, arguments: &[TokenStream]) -> TokenStream {
        match (self.interface.fixed, self.interface.receiver.is_some() || self.associated) {
            (false, _) => self.call(name, arguments),
            (true, true) => quote!(Self::#name()),
            (true, false) => quote!(#name()),
        }
    }
}

/// The copy of a parameter.
fn holder(k: usize) -> Ident {
    local(&format!("__h{k}"))
}

/// How many elements there are.
fn count(ty: &Ty, place: &TokenStream) -> TokenStream {
    let elements = elements(ty, place, false);
    quote!(#elements.count())
}

fn is_reference(p: &Param) -> bool {
    matches!(p.ty, Type::Reference(_))
}

fn ty(p: &Param) -> &Ty {
    match &p.kind {
        ParamKind::Float(ty, ..) | ParamKind::Out(ty, _) => ty,
        _ => &Ty::Scalar,
    }
}

/// The copy of a parameter as it is passed.
fn lent(p: &Param, holder: &Ident, out: bool) -> TokenStream {
    let class = match crate::front::stripped(&p.ty) {
        Type::Path(path) => path.path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default(),
        _ => String::new(),
    };
    let special = match class.as_str() {
        c if c.starts_with("ArrayViewMut") => Some(quote!(#holder.view_mut())),
        c if c.starts_with("ArrayView") => Some(quote!(#holder.view())),
        c if c.starts_with("ArcArray") => Some(quote!(#holder.to_shared())),
        _ => None,
    };
    match (special, is_reference(p)) {
        (Some(view), true) if out => quote!(&mut #view),
        (Some(view), true) => quote!(&#view),
        (Some(view), false) => view,
        (None, true) if out => quote!(&mut #holder),
        (None, true) => quote!(&#holder),
        (None, false) => quote!(::core::clone::Clone::clone(&#holder)),
    }
}

/// An iterator over the elements of an array, row-major.
fn elements(ty: &Ty, place: &TokenStream, mutable: bool) -> TokenStream {
    let (iter, reference) = if mutable { (quote!(iter_mut), quote!(&mut)) } else { (quote!(iter), quote!(&)) };
    match ty {
        Ty::Scalar => quote!(::core::iter::once(#reference #place)),
        Ty::Array(lengths) => {
            let flatten = lengths.iter().skip(1).map(|_| quote!(.flatten()));
            quote!(#place.#iter() #(#flatten)*)
        }
        _ => quote!(#place.#iter()),
    }
}
