//! Reads the corpus and writes, for every annotated function, what the numeric test calls: the
//! function itself, its generated Jacobian, and a twin over dual numbers.
//!
//! A doc comment of the function may say `shapes: a = [2, 3], x = [3]` (for ndarray parameters),
//! `range: 0.5..2` (of all inputs), `integer: n = 3`,
//! `const: N = 3` for a const generic, or `differences only` (no twin).

use proc_macro2::TokenStream;
use quote::{format_ident, quote, ToTokens};
use std::path::Path;
use syn::visit_mut::{self, VisitMut};

fn main() {
    let (modules, cases) = directory("corpus", true);
    let (more, references) = directory("reference", false);
    let out = quote! {
        #modules
        #more
        /// Every annotated function of the corpus.
        pub fn cases() -> Vec<Case> { vec![#cases] }
        /// Every function whose Jacobian is known to 50 digits.
        pub fn references() -> Vec<Case> { vec![#references] }
    };
    let out = prettyplease::unparse(&syn::parse2(out).unwrap());
    let target = Path::new(&std::env::var("OUT_DIR").unwrap()).join("corpus.rs");
    std::fs::write(target, out).unwrap();
}

/// The modules and the cases of all files in a directory.
fn directory(directory: &str, twins: bool) -> (TokenStream, TokenStream) {
    println!("cargo::rerun-if-changed={directory}");
    let mut files: Vec<_> = std::fs::read_dir(directory).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    let mut modules = TokenStream::new();
    let mut cases = TokenStream::new();
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let file = syn::parse_file(&text).unwrap();
        let name = format!("{directory}_{}", path.file_stem().unwrap().to_string_lossy());
        let (module, calls) = corpus_file(&name, &path, &file, twins);
        modules.extend(module);
        cases.extend(calls);
    }
    (modules, cases)
}

fn corpus_file(name: &str, path: &Path, file: &syn::File, twins_wanted: bool) -> (TokenStream, TokenStream) {
    let module = format_ident!("{name}");
    let (twins, batches) = (format_ident!("{name}_twins"), format_ident!("{name}_batches"));
    let mut batch_items = TokenStream::new();
    let absolute = std::fs::canonicalize(path).unwrap().to_string_lossy().into_owned();
    let mut twin_items = TokenStream::new();
    let mut cases = TokenStream::new();
    for item in &file.items {
        match item {
            syn::Item::Fn(f) => {
                let docs = docs(f);
                let twin = (twins_wanted && !docs.contains("differences only")).then(|| {
                    let mut twin = f.clone();
                    twin.attrs.retain(|a| !a.path().is_ident("jacobian"));
                    Twin.visit_item_fn_mut(&mut twin);
                    twin_items.extend(twin.to_token_stream());
                });
                let batched = twins_wanted.then(|| batched(f)).flatten();
                let attribute = f.attrs.iter().find(|a| a.path().is_ident("jacobian"));
                if let Some(attribute) = attribute {
                    let batches = batched.is_some().then_some(&batches);
                    cases.extend(case(&module, &twins, batches, f, attribute, &docs, twin.is_some()));
                }
                if twins_wanted && (batched.is_some() || attribute.is_none()) {
                    batch_items.extend(batched.unwrap_or_else(|| quote!(#f)));
                }
            }
            other => {
                twin_items.extend(other.to_token_stream());
                if twins_wanted {
                    batch_items.extend(other.to_token_stream());
                }
            }
        }
    }
    let modules = quote! {
        #[path = #absolute]
        #[allow(missing_docs, dead_code, unused_variables, clippy::all)]
        pub mod #module;
        #[allow(missing_docs, dead_code, unused_imports, unused_variables, clippy::all)]
        mod #twins { use super::{D, dual_linalg}; #twin_items }
        #[allow(missing_docs, dead_code, unused_imports, unused_variables, clippy::all)]
        mod #batches { #batch_items }
    };
    (modules, cases)
}

/// The function with the option `batch`, if it is one of numbers and arrays of literal lengths.
fn batched(f: &syn::ItemFn) -> Option<TokenStream> {
    let mut f = f.clone();
    let attribute = f.attrs.iter_mut().find(|a| a.path().is_ident("jacobian"))?;
    let options = match &attribute.meta {
        syn::Meta::List(list) => list.tokens.clone(),
        _ => TokenStream::new(),
    };
    fn is_fixed(ty: &syn::Type) -> bool {
        match ty {
            syn::Type::Array(a) => is_fixed(&a.elem),
            syn::Type::Reference(r) => r.mutability.is_none() && is_fixed(&r.elem),
            syn::Type::Tuple(t) => t.elems.iter().all(is_fixed),
            ty => ["f64", "f32", "usize", "i32", "bool"].contains(&ty.to_token_stream().to_string().as_str()),
        }
    }
    let inputs = f.sig.inputs.iter().all(|input| matches!(input, syn::FnArg::Typed(t) if is_fixed(&t.ty)));
    let output = matches!(&f.sig.output, syn::ReturnType::Type(_, ty) if is_fixed(ty));
    let strict = options.to_string().contains("strict");
    if !inputs || !output || strict || !f.sig.generics.params.is_empty() {
        return None;
    }
    *attribute = syn::parse_quote!(#[jacobian(batch, #options)]);
    Some(quote!(#f))
}

fn docs(f: &syn::ItemFn) -> String {
    let line = |a: &syn::Attribute| match &a.meta {
        syn::Meta::NameValue(syn::MetaNameValue { value: syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(s), .. }), .. }) => {
            Some(s.value())
        }
        _ => None,
    };
    f.attrs.iter().filter(|a| a.path().is_ident("doc")).filter_map(line).collect::<Vec<_>>().join("\n")
}

/// What stands after `key:` in the docs, up to the end of the line.
fn note<'d>(docs: &'d str, key: &str) -> Option<&'d str> {
    docs.lines().find_map(|l| l.trim().strip_prefix(key)?.strip_prefix(':')).map(str::trim)
}

fn case(
    module: &syn::Ident,
    twins: &syn::Ident,
    batches: Option<&syn::Ident>,
    f: &syn::ItemFn,
    attribute: &syn::Attribute,
    docs: &str,
    twin: bool,
) -> TokenStream {
    let ident = &f.sig.ident;
    let jacobian = format_ident!("{ident}_jacobian");
    let check = format_ident!("{ident}_jacobian_check");
    let options = match &attribute.meta {
        syn::Meta::List(list) => list.tokens.to_string(),
        _ => String::new(),
    };
    let shapes = note(docs, "shapes").unwrap_or("");
    let integers = note(docs, "integer").unwrap_or("");
    let wrt = options.find("wrt").map(|at| {
        let rest = &options[at..];
        rest[rest.find('(').unwrap() + 1..rest.find(')').unwrap()].split(',').map(|w| w.trim().to_owned()).collect::<Vec<_>>()
    });
    let range = note(docs, "range").unwrap_or("-1.5..1.5");
    let (low, high) = range.split_once("..").unwrap();
    let (low, high): (f64, f64) = (low.parse().unwrap(), high.parse().unwrap());
    let mut params = TokenStream::new();
    let mut reads = TokenStream::new();
    let mut twin_reads = TokenStream::new();
    // of a batch: the parameters that differ from point to point, and all as they are passed
    let (mut varied, mut columns, mut many) = (Vec::new(), Vec::new(), TokenStream::new());
    let mut arguments = TokenStream::new();
    // out-parameters: made before the call, results after it
    let mut all_arguments = TokenStream::new();
    let (mut outs, mut made, mut twin_made) = (TokenStream::new(), TokenStream::new(), TokenStream::new());
    for input in &f.sig.inputs {
        let syn::FnArg::Typed(typed) = input else { panic!("a free function") };
        let syn::Pat::Ident(name) = &*typed.pat else { panic!("a plain name") };
        let name = &name.ident;
        let text = name.to_string();
        let mut typed = typed.clone();
        if let Some((generic, n)) = note(docs, "const").and_then(|n| n.split_once(" = ")) {
            Constant(generic, syn::parse_str(n).unwrap()).visit_type_mut(&mut typed.ty);
        }
        let (ty, by_ref) = match &*typed.ty {
            syn::Type::Reference(r) => ((*r.elem).clone(), true),
            ty => (ty.clone(), false),
        };
        if let Some(value) = integers.strip_prefix(&format!("{text} =")) {
            let value: TokenStream = value.parse().unwrap();
            reads.extend(quote!(let #name = #value;));
            twin_reads.extend(quote!(let #name = #value;));
            arguments.extend(quote!(#name,));
            all_arguments.extend(quote!(#name,));
            many.extend(quote!(#value,));
            params.extend(quote!(Param { name: #text, shape: vec![], wrt: false, integer: Some(#value) },));
            continue;
        }
        let shape: TokenStream = match shapes.split("],").find_map(|s| s.trim().strip_prefix(&format!("{text} = ["))) {
            Some(shape) => shape.trim_end_matches(']').parse().unwrap(),
            None => {
                let lengths = lengths(&ty);
                quote!(#(#lengths),*)
            }
        };
        if matches!(&*typed.ty, syn::Type::Reference(r) if r.mutability.is_some()) {
            let mut owned = ty.clone();
            Views.visit_type_mut(&mut owned);
            let mut dual = owned.clone();
            Twin.visit_type_mut(&mut dual);
            made.extend(quote!(let mut #name = <#owned as Flat<_>>::read(&mut std::iter::repeat(0.0_f64), &[#shape]);));
            twin_made.extend(quote!(let mut #name = <#dual as Flat<_>>::read(&mut std::iter::repeat(D::new(0.0)), &[#shape]);));
            all_arguments.extend(quote!(&mut #name,));
            outs.extend(quote!(__out.extend(outputs(&#name));));
            continue;
        }
        let is_wrt = wrt.as_ref().is_none_or(|w| w.contains(&text));
        params.extend(quote!(Param { name: #text, shape: vec![#shape], wrt: #is_wrt, integer: None },));
        let mut owned = ty.clone();
        Views.visit_type_mut(&mut owned);
        let mut dual = owned.clone();
        Twin.visit_type_mut(&mut dual);
        reads.extend(quote!(let #name = <#owned as Flat<_>>::read(&mut __flat, &[#shape]);));
        twin_reads.extend(quote!(let #name = <#dual as Flat<_>>::read(&mut __flat, &[#shape]);));
        let view = ty.to_token_stream().to_string().contains("ArrayView");
        let argument = match (by_ref, view) {
            (true, _) => quote!(&#name,),
            (false, true) => quote!(#name.view(),),
            (false, false) => quote!(#name,),
        };
        varied.push(name.clone());
        let column = format_ident!("__{name}_of_points");
        many.extend(quote!(&#column,));
        columns.push(column);
        arguments.extend(argument.clone());
        all_arguments.extend(argument);
    }
    let dual = if twin {
        quote!(Some(Box::new(|x: &[D]| { let mut __flat = x.iter().copied(); #twin_reads #twin_made let mut __out = Vec::new(); __out.extend(outputs(&#twins::#ident(#all_arguments))); #outs __out })))
    } else {
        quote!(None)
    };
    let both = if options.contains("value") {
        let both = format_ident!("{ident}_value_and_jacobian");
        quote!(Some(Box::new(|x: &[f64]| { let mut __flat = x.iter().copied(); #reads blocks(&#module::#both(#arguments)) })))
    } else {
        quote!(None)
    };
    let batch = batches.map_or(quote!(None), |batches| {
        let function = format_ident!("{ident}_jacobian_batch");
        quote!(Some(Box::new(|points: &[Vec<f64>]| {
            #(let mut #columns = Vec::new();)*
            let mut memory = Vec::new();
            // what is there before is that of the point before
            for (point, before) in points.iter().zip(points.iter().cycle().skip(points.len() - 1)) {
                #[allow(unused_variables)] // integers are literals
                {
                    let mut __flat = point.iter().copied();
                    #reads
                    #(#columns.push(#varied);)*
                }
                let mut __flat = before.iter().copied();
                #reads
                memory.push(#module::#jacobian(#arguments));
            }
            #batches::#function(#many &mut memory);
            memory.iter().map(blocks).collect()
        })))
    });
    let source = f.to_token_stream();
    let item = quote!(#source).to_string();
    let single = f.sig.to_token_stream().to_string().contains("f32");
    quote! {
        Case {
            name: stringify!(#ident),
            options: #options,
            item: #item,
            single: #single,
            range: (#low, #high),
            params: vec![#params],
            value: Box::new(|x: &[f64]| { let mut __flat = x.iter().copied(); #reads #made let mut __out = Vec::new(); __out.extend(outputs(&#module::#ident(#all_arguments))); #outs __out }),
            jacobian: Box::new(|x: &[f64]| { let mut __flat = x.iter().copied(); #reads blocks(&#module::#jacobian(#arguments)) }),
            check: Box::new(|x: &[f64]| { let mut __flat = x.iter().copied(); #reads #made #module::#check(#all_arguments) }),
            both: #both,
            batch: #batch,
            dual: #dual,
        },
    }
}

fn lengths(ty: &syn::Type) -> Vec<TokenStream> {
    match ty {
        syn::Type::Array(a) => {
            let n = &a.len;
            std::iter::once(quote!(#n)).chain(lengths(&a.elem)).collect()
        }
        _ => Vec::new(),
    }
}

/// `ArrayView2<f64>` is read as `Array2<f64>`, and `[f64]` as `Vec<f64>`.
struct Views;

impl VisitMut for Views {
    fn visit_type_mut(&mut self, ty: &mut syn::Type) {
        if let syn::Type::Slice(slice) = ty {
            let element = &slice.elem;
            *ty = syn::parse_quote!(Vec<#element>);
        }
        visit_mut::visit_type_mut(self, ty);
    }

    fn visit_path_segment_mut(&mut self, segment: &mut syn::PathSegment) {
        let name = segment.ident.to_string();
        if let Some(rank) = name.strip_prefix("ArrayView") {
            segment.ident = format_ident!("Array{rank}");
        }
        if let syn::PathArguments::AngleBracketed(arguments) = &mut segment.arguments {
            let kept = arguments.args.iter().filter(|a| !matches!(a, syn::GenericArgument::Lifetime(_))).cloned().collect();
            arguments.args = kept;
        }
        visit_mut::visit_path_segment_mut(self, segment);
    }
}

/// A const generic gets a value.
struct Constant<'a>(&'a str, syn::Expr);

impl VisitMut for Constant<'_> {
    fn visit_expr_mut(&mut self, e: &mut syn::Expr) {
        if e.to_token_stream().to_string() == self.0 {
            *e = self.1.clone();
        }
    }
}

/// `f64` becomes a dual number, and so does every float literal.
struct Twin;

impl VisitMut for Twin {
    fn visit_expr_mut(&mut self, e: &mut syn::Expr) {
        match e {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Float(l), .. }) => {
                let value: f64 = l.base10_parse().unwrap();
                *e = syn::parse_quote!(D::new(#value));
            }
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(l), .. }) if l.suffix() == "f64" => {
                let value: f64 = l.base10_digits().parse().unwrap();
                *e = syn::parse_quote!(D::new(#value));
            }
            syn::Expr::Path(p) if p.path.segments.iter().any(|s| s.ident == "consts") => *e = syn::parse_quote!(D::new(#p)),
            syn::Expr::Cast(c) if c.ty.to_token_stream().to_string() == "f64" => {
                visit_mut::visit_expr_mut(self, &mut c.expr);
                *e = syn::parse_quote!(D::new(#c));
            }
            _ => visit_mut::visit_expr_mut(self, e),
        }
    }

    fn visit_macro_mut(&mut self, m: &mut syn::Macro) {
        if m.path.is_ident("array") || m.path.is_ident("vec") {
            // `vec![value; length]` reads as an array does
            let tokens = &m.tokens;
            if let Ok(mut repeat) = syn::parse2::<syn::ExprRepeat>(quote!([#tokens])) {
                self.visit_expr_mut(&mut repeat.expr);
                let (value, length) = (&repeat.expr, &repeat.len);
                m.tokens = quote!(#value; #length);
                return;
            }
            let parser = syn::punctuated::Punctuated::<syn::Expr, syn::Token![,]>::parse_terminated;
            let mut items = syn::parse::Parser::parse2(parser, m.tokens.clone()).unwrap();
            items.iter_mut().for_each(|e| self.visit_expr_mut(e));
            m.tokens = items.to_token_stream();
        }
    }

    fn visit_path_segment_mut(&mut self, segment: &mut syn::PathSegment) {
        if segment.ident == "f64" || segment.ident == "f32" {
            segment.ident = format_ident!("D");
        }
        if segment.ident == "linalg" {
            segment.ident = format_ident!("dual_linalg");
        }
        visit_mut::visit_path_segment_mut(self, segment);
    }
}
