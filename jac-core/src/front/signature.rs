//! The function's signature.

use super::attribute::Options;
use super::helpers::Helpers;
use super::lengths::Lengths;
use super::types::{first_type, new_size, strip, Seen, Types};
use crate::diag::{did_you_mean, Diagnostics};
use crate::interface::{At, Generic, Interface, Param, ParamKind, Step, Ty, Wrapper};
use crate::ir::{Affine, Program, Role, SizeKind, Tensor};
use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, ToTokens};
use syn::spanned::Spanned;
use syn::{FnArg, GenericParam, ReturnType, Type};

/// Reads the signature into `program` and the interface; what the types told is returned beside it.
pub fn read(
    item: &syn::ItemFn,
    options: &Options,
    helpers: &Helpers,
    program: &mut Program,
    lengths: &mut Lengths,
    diagnostics: &mut Diagnostics,
) -> (Interface, Types) {
    let sig = &item.sig;
    let unsupported = [
        (sig.asyncness.map(|t| t.span()), "an `async` function"),
        (matches!(sig.safety, syn::Safety::Unsafe(_)).then(|| sig.fn_token.span()), "an `unsafe` function"),
        (sig.variadic.as_ref().map(Spanned::span), "a variadic function"),
    ];
    for (span, what) in unsupported {
        if let Some(span) = span {
            diagnostics.error(span, format!("{what} has no Jacobian")).help("put the arithmetic in a plain `fn` and call that");
        }
    }
    let mut reader = Reader { program, lengths, diagnostics, types: Types::at(helpers.home.clone()) };
    for generics in helpers.generics.iter().chain([&sig.generics]) {
        for generic in &generics.params {
            match generic {
                GenericParam::Const(c) => {
                    reader.types.item_length(reader.program, &c.ident.to_token_stream());
                }
                GenericParam::Type(t) => reader.type_parameter(t, generics),
                GenericParam::Lifetime(_) => {}
            }
        }
    }
    let mut params = Vec::new();
    let mut receiver = None;
    for (k, input) in sig.inputs.iter().enumerate() {
        match input {
            FnArg::Receiver(r) => {
                if let syn::ReceiverKind::Reference(.., Some(token)) = &r.kind {
                    let error = reader.diagnostics.error(token.span(), "a method that changes `self` has no Jacobian");
                    error.help("take `&self` and return the result");
                }
                receiver = Some(r.clone());
            }
            FnArg::Typed(typed) => params.push(reader.param(k, typed, options)),
        }
    }
    for (name, axes) in &options.shape {
        reader.check_shape_option(name, axes.len(), &params);
    }
    let (outputs, wrapper, tuple) = reader.outputs(&sig.output, &params, sig.ident.span());
    let types = reader.types;
    let float = types.float.clone().map_or_else(
        || quote!(f64),
        |(float, tokens)| {
            program.float = float;
            tokens
        },
    );
    wrt(options, &params, &types, program, diagnostics, sig.ident.span());
    for (form, span) in options.forms.iter().filter(|(form, _)| form.is_of_scalars()) {
        if !matches!(outputs.as_slice(), [Ty::Scalar | Ty::Nd(0)]) && !outputs.is_empty() {
            let error = diagnostics.error(*span, format!("`{}` of a function whose result is no scalar", form.suffix));
            error.help("return one `f64`, or ask for `weighted_hessian`: that of the result times weights");
        }
    }
    let is_matrix = |p: &Param| matches!(&p.kind, ParamKind::Float(Ty::Matrix(_), ..));
    if let (Some((span, _)), true) = (&options.batch, params.iter().any(is_matrix) || outputs.iter().any(|y| matches!(y, Ty::Matrix(_)))) {
        let error = diagnostics.error(*span, "`batch` of a function of nalgebra's types");
        error.help("take arrays, `&[f64; 3]`, in a function that calls this one");
    }
    let varied = varied(options, &params, types.generic.is_some(), wrapper.is_some(), diagnostics);
    let interface = Interface {
        item: item.clone(),
        receiver,
        params,
        constants: Vec::new(),
        modules: Vec::new(),
        outputs,
        tuple,
        wrapper,
        asks: false,
        wrt: program.wrt.clone(),
        float,
        generic: types.generic.clone(),
        items: types.items.clone(),
        ndarray: types.ndarray.clone().unwrap_or_else(|| quote!(::ndarray)),
        runtime: options.runtime.clone(),
        requests: options.requests(),
        asked: options.forms.clone(),
        varied,
        batch: options.batch.as_ref().map(|(span, _)| *span),
        at: Vec::new(),
        normal: options.normal,
        stack: options.stack.is_some(),
        order: options.order,
        fixed: false,
        parts: Vec::new(),
        effort: options.effort,
        strict: options.strict.is_some(),
        associated: false,
    };
    (interface, types)
}

/// Takes the parameters that are set to constants out of those of the generated functions.
pub(super) fn fix(options: &Options, interface: &mut Interface, program: &Program, diagnostics: &mut Diagnostics) {
    let named = |name: &syn::Ident| interface.params.iter().position(|p| p.ident == *name);
    let mut fixed: Vec<At> = Vec::new();
    for (name, values) in &options.at {
        let Some((place, param)) = named(name).map(|k| (k, interface.params[k].clone())) else {
            diagnostics.error(name.span(), format!("no parameter named `{name}`"));
            continue;
        };
        let ParamKind::Float(_, tensor, _) = param.kind else {
            diagnostics.error(name.span(), format!("`{name}` is no parameter of floats"));
            continue;
        };
        let shape = &program.info(tensor).shape;
        let Some(count) = shape.iter().map(Affine::known).product::<Option<i64>>() else {
            let error = diagnostics.error(name.span(), format!("the lengths of `{name}` are not known"));
            error.help(format!("take a fixed array, or say them: `shape({name} = [3])`"));
            continue;
        };
        if values.len() != 1 && values.len() as i64 != count || values.iter().any(|x| !x.is_finite()) {
            let error = diagnostics.error(name.span(), format!("{} numbers for `{name}`, which has {count}", values.len()));
            error.help(format!("write all of them, or one for all: `at({name} = 0)`"));
            continue;
        }
        if fixed.iter().any(|at| at.tensor == tensor) {
            diagnostics.error(name.span(), format!("`{name}` is named twice"));
            continue;
        }
        fixed.push(At { place, param, tensor, values: values.clone(), span: name.span() });
    }
    fixed.sort_by_key(|at| at.place);
    fixed.iter().rev().for_each(|at| _ = interface.params.remove(at.place));
    let is_counted = |c: &Param| c.ident.to_string().starts_with("__run_");
    if let (Some(at), true) = (fixed.first(), interface.asks || interface.constants.iter().any(is_counted)) {
        let error = diagnostics.error(at.span, "`at` of a function that is called by what is generated");
        error.help("it may return nothing, or has a loop that ends on a condition on floats: differentiate a function without");
    }
    if let (Some(at), true) = (fixed.first(), interface.strict) {
        diagnostics.error(at.span, "`at` beside `strict`").help("what constants decide is computed here, not in the order that is written");
    }
    interface.at = fixed;
}

/// Whether the forms that are asked for are there for the function.
pub(super) fn forms(options: &Options, program: &Program, diagnostics: &mut Diagnostics) {
    let asked = |step: Step| options.forms.iter().filter(move |(form, _)| form.steps.contains(&step));
    let shapes = |all: &[Tensor]| all.iter().map(|t| program.info(*t).shape.clone()).collect::<Vec<_>>();
    let is_square = program.wrt.len() == 1 && shapes(&program.outputs) == shapes(&program.wrt);
    for (_, span) in asked(Step::Diagonal).filter(|_| !is_square) {
        let error = diagnostics.error(*span, "the diagonal of a Jacobian that is not square");
        error.help("differentiate one result by one parameter of its shape; equal lengths of different names are said by `shape(x = [n], y = [n])`");
    }
    let mut lengths = program.outputs.iter().chain(&program.wrt).map(|t| program.info(*t).shape.first());
    let rows = lengths.next().flatten();
    for (_, span) in asked(Step::BlockDiagonal).filter(|_| rows.is_none() || !lengths.all(|n| n == rows)) {
        let error = diagnostics.error(*span, "`block_diagonal` of a function without rows in common: the first axes of its results and of what it is differentiated by are not one length");
        error.help(
            "name the inputs that have a row for each row of the result, `wrt(x)`; equal lengths of different names are said by \
             `shape(x = [n, 3], y = [n])`",
        );
    }
    if let Some(span) = options.stack {
        let open = program.outputs.iter().chain(&program.wrt).find(|t| !crate::ir::is_affine(&program.info(**t).shape));
        if let Some(t) = open {
            let name = &program.info(*t).name;
            let error = diagnostics.error(span, format!("`stack` of `{name}`, whose rows have a length that is known only at run time"));
            error.help(format!("say how long they are, as `shape({name} = [n, 3])` does, or leave `stack` out"));
        }
    }
    let is_normal = |step: &Step| matches!(step, Step::Normal | Step::WeightedNormal | Step::NormalDiagonal);
    let any = options.forms.iter().any(|(form, _)| form.steps.iter().any(is_normal));
    for (option, span) in options.of_normal.iter().filter(|_| !any) {
        diagnostics
            .error(*span, format!("`{option}` without `normal`"))
            .help("it says what the normal equations are like: ask for `normal`, too");
    }
    for (_, span) in asked(Step::WeightedNormal).filter(|_| options.normal.loss.is_some()) {
        diagnostics.error(*span, "`weighted_normal` beside `loss`").help("ask for `normal`, which weighs by the loss, or pass all weights");
    }
}

/// Whether generated code can call the function, as `strict` asks for where the value is returned.
pub(super) fn callable(interface: &Interface, strict: Span, diagnostics: &mut Diagnostics) {
    let has_value = interface.requests.iter().any(|request| request.form.value);
    let name = &interface.item.sig.ident;
    for param in interface.params.iter().filter(|_| has_value) {
        if matches!(param.kind, ParamKind::Out(Ty::Slice | Ty::Nd(_), _)) {
            let error = diagnostics.error(strict, format!("`strict` with the out-parameter `{}` of open length", param.ident));
            error.help("return the array instead");
        }
        if param.ident == *name && !interface.associated {
            let error =
                diagnostics.error(param.ident.span(), format!("a parameter with the name of the function, `{name}`, under `strict`"));
            error.help("give it another name: the value is that of the function, which is called");
        }
    }
}

/// The parameters that differ from point to point in a batch.
fn varied(options: &Options, params: &[Param], generic: bool, wrapped: bool, diagnostics: &mut Diagnostics) -> Vec<crate::ir::Tensor> {
    let Some((span, named)) = &options.batch else { return Vec::new() };
    let refused = [
        (generic, "a function over a float type", "write `f64` or `f32`"),
        (wrapped, "a function that may return nothing", "return the value itself"),
        (options.strict.is_some(), "a function under `strict`", "leave `strict` out: many points at once have functions of their own"),
    ];
    for (_, what, help) in refused.iter().filter(|(holds, ..)| *holds) {
        diagnostics.error(*span, format!("`batch` of {what}")).help(*help);
    }
    let mut found = Vec::new();
    let mut take = |p: &Param, span: Span, diagnostics: &mut Diagnostics| match &p.kind {
        ParamKind::Float(Ty::Scalar | Ty::Array(_), t, _) => found.push(*t),
        // reported already
        ParamKind::Float(Ty::Matrix(_), ..) => {}
        ParamKind::Float(..) => {
            let error = diagnostics.error(span, format!("`batch` over `{}`, whose length its type does not say", p.ident));
            error.help(
                "write it as `&[f64; N]`, or name the parameters that differ from point to point, `batch(x, y)`: the others are shared",
            );
        }
        _ => {
            diagnostics.error(span, format!("`batch` over `{}`, which is not of floats", p.ident)).help("leave it out: it is shared");
        }
    };
    match named {
        None => {
            for p in params.iter().filter(|p| matches!(p.kind, ParamKind::Float(..))) {
                take(p, *span, diagnostics);
            }
        }
        Some(names) => {
            for name in names {
                match params.iter().find(|p| p.ident == *name) {
                    Some(p) => take(p, name.span(), diagnostics),
                    None => _ = diagnostics.error(name.span(), format!("no parameter named `{name}`")),
                }
            }
        }
    }
    found
}

/// Whether a type is a type parameter, or a reference to one.
fn is_parameter(ty: &Type, parameter: &syn::Ident) -> bool {
    matches!(strip(ty), Type::Path(p) if p.path.is_ident(parameter))
}

fn wrt(options: &Options, params: &[Param], types: &Types, program: &mut Program, diagnostics: &mut Diagnostics, function: Span) {
    let float = |p: &Param| match p.kind {
        ParamKind::Float(_, tensor, _) => Some(tensor),
        _ => None,
    };
    match &options.wrt {
        None => program.wrt = params.iter().filter_map(float).collect(),
        Some(names) => {
            for name in names {
                match params.iter().find(|p| p.ident == *name) {
                    None => {
                        let known: Vec<String> = params.iter().map(|p| p.ident.to_string()).collect();
                        let error = diagnostics.error(name.span(), format!("no parameter named `{name}`"));
                        if let Some(near) = did_you_mean(&name.to_string(), known.iter().map(String::as_str)) {
                            error.help(format!("a parameter with a similar name exists: `{near}`"));
                        }
                    }
                    Some(p) => match float(p) {
                        Some(t) if program.wrt.contains(&t) => {
                            diagnostics.error(name.span(), format!("`{name}` is named twice"));
                        }
                        Some(t) => program.wrt.push(t),
                        None => {
                            let ty = p.ty.to_token_stream();
                            diagnostics.error(name.span(), format!("cannot differentiate by `{name}`")).note(format!("its type is `{ty}`"));
                        }
                    },
                }
            }
        }
    }
    if program.wrt.is_empty() && diagnostics.is_empty() {
        let other = params.iter().find_map(|p| types.others.iter().find(|t| is_parameter(&p.ty, t)));
        let error = diagnostics.error(function, "no parameter to differentiate by");
        error.help(match other {
            Some(t) => format!("a trait of floats makes `{t}` one: bound it by `num_traits::Float`, or write `f64`"),
            None => "give the function a parameter of type `f64`, `[f64; N]` or an ndarray of them".to_owned(),
        });
    }
}

struct Reader<'a> {
    program: &'a mut Program,
    lengths: &'a mut Lengths,
    diagnostics: &'a mut Diagnostics,
    types: Types,
}

impl Reader<'_> {
    fn param(&mut self, position: usize, typed: &syn::PatType, options: &Options) -> Param {
        if let Some(attribute) = typed.attrs.iter().find(|a| a.path().is_ident("cfg") || a.path().is_ident("cfg_attr")) {
            let error = self.diagnostics.error(attribute.span(), "conditional compilation inside the function");
            error.help("put `#[cfg]` on whole functions");
        }
        let ident = match &*typed.pat {
            syn::Pat::Ident(p) => p.ident.clone(),
            _ => format_ident!("__p{position}", span = Span::mixed_site()),
        };
        let reference = matches!(&*typed.ty, Type::Reference(_));
        let written = match &*typed.ty {
            Type::Reference(r) => r.mutability.map(|token| token.span()),
            Type::Path(p) => p.path.segments.last().filter(|s| s.ident.to_string().starts_with("ArrayViewMut")).map(Spanned::span),
            _ => None,
        };
        let name = ident.to_string();
        let name = name.trim_start_matches("r#");
        let kind = match self.types.see(&typed.ty) {
            Seen::Float(Ty::Matrix(_), ..) if written.is_some() => ParamKind::Other,
            // an `f64` beside a type parameter is a constant
            Seen::Float(Ty::Scalar, (_, ref float), _) if self.types.is_other_float(float) => ParamKind::Other,
            Seen::Float(ty, float, ndarray) => {
                self.note_float(float, ndarray, typed.ty.span());
                let given = options.shape.iter().find(|(name, _)| *name == ident).map(|(_, axes)| axes.as_slice());
                let shape = self.types.shape(self.program, self.lengths, given, &ty);
                if written.is_some() {
                    // read by no program: see `body::read`
                    let tensor = self.program.tensor(&format!("{name}_before"), shape, Role::Defined);
                    ParamKind::Out(ty, tensor)
                } else {
                    let tensor = self.program.tensor(name, shape, Role::Param);
                    ParamKind::Float(ty, tensor, reference)
                }
            }
            Seen::Truth => ParamKind::Truth(self.program.tensor(name, Vec::new(), Role::Truth), reference),
            Seen::Integer(_) => ParamKind::Integer(new_size(self.program, name, SizeKind::Integer), reference),
            Seen::Other => ParamKind::Other,
        };
        if let (Some(span), false) = (written, matches!(kind, ParamKind::Out(..))) {
            let error = self.diagnostics.error(span, format!("cannot differentiate what `{ident}` is changed to"));
            error.help("an out-parameter is a `&mut` to floats: `&mut [f64; N]` or `&mut Array1<f64>`");
        }
        Param { ident, ty: (*typed.ty).clone(), kind, source: None }
    }

    /// A type parameter that is bounded by a trait of floats stands for the float type.
    fn type_parameter(&mut self, t: &syn::TypeParam, generics: &syn::Generics) {
        let mut bounds: Vec<&syn::TypeParamBound> = t.bounds.iter().collect();
        for predicate in generics.where_clause.iter().flat_map(|w| &w.predicates) {
            if let syn::WherePredicate::Type(p) = predicate {
                if matches!(&p.bounded_ty, Type::Path(path) if path.path.is_ident(&t.ident)) {
                    bounds.extend(&p.bounds);
                }
            }
        }
        match super::floats::bounded(bounds, self.types.home.as_ref()) {
            Some((numbers, is_copy)) if self.types.generic.is_none() => {
                self.types.generic = Some(Generic { ident: t.ident.clone(), numbers, is_copy });
            }
            Some(_) => {
                self.diagnostics.error(t.ident.span(), "two float types in one function").help("use one of them throughout");
            }
            // its values are constants
            None => self.types.others.push(t.ident.clone()),
        }
    }

    fn check_shape_option(&mut self, name: &syn::Ident, axes: usize, params: &[Param]) {
        match params.iter().find(|p| p.ident == *name).map(|p| &p.kind) {
            None => {
                self.diagnostics.error(name.span(), format!("no parameter named `{name}`"));
            }
            Some(ParamKind::Float(Ty::Nd(rank), ..)) if *rank == axes => {}
            Some(ParamKind::Float(Ty::Matrix(m), ..)) if m.lengths.len() == axes && !m.is_fixed() => {}
            Some(ParamKind::Float(Ty::Nd(rank), ..)) => {
                self.diagnostics.error(name.span(), format!("`{name}` has {rank} axes, {axes} lengths given"));
            }
            Some(_) => {
                self.diagnostics.error(name.span(), format!("the shape of `{name}` stands in its type")).help("leave it out");
            }
        }
    }

    fn note_float(&mut self, float: (crate::ir::Float, TokenStream), ndarray: Option<TokenStream>, span: Span) {
        if !self.types.note(float, ndarray) {
            let error = self.diagnostics.error(span, "two float types in one function");
            error.help("use one of them throughout");
        }
    }

    /// The results: what is returned, then the out-parameters.
    fn outputs(&mut self, output: &ReturnType, params: &[Param], function: Span) -> (Vec<Ty>, Option<Wrapper>, bool) {
        let mut outputs = Vec::new();
        let mut wrapper = None;
        let mut tuple = false;
        if let ReturnType::Type(_, ty) = output {
            let mut ty = strip(ty).clone();
            if let Type::Path(path) = ty.clone() {
                // it may be another name of a tuple, an option or a result
                match self.types.meant(&path.path).unwrap_or_else(|| ty.clone()) {
                    Type::Path(meant) => {
                        if let (Some(constructor), Some(inner)) = (wrapper_of(&meant.path), first_type(&meant.path)) {
                            ty = strip(inner).clone();
                            // as it is written, if that says what is inside
                            let written = if first_type(&path.path).is_some() { path.path } else { meant.path.clone() };
                            wrapper = Some(Wrapper { ty: written, constructor });
                        }
                    }
                    tuple @ Type::Tuple(_) => ty = tuple,
                    _ => {}
                }
            }
            let ty = &ty;
            let types: Vec<&Type> = match ty {
                Type::Tuple(parts) => {
                    tuple = !parts.elems.is_empty();
                    parts.elems.iter().collect()
                }
                single => vec![single],
            };
            for ty in types {
                if let Some(what) = borrowed(ty) {
                    self.diagnostics.error(ty.span(), format!("the result is {what}")).help("return an owned array: `.to_owned()`");
                    continue;
                }
                match self.types.see(ty) {
                    Seen::Float(shape, float, ndarray) => {
                        self.note_float(float, ndarray, ty.span());
                        outputs.push(shape);
                    }
                    _ => {
                        let tokens = ty.to_token_stream();
                        let error = self.diagnostics.error(ty.span(), format!("cannot differentiate a result of type `{tokens}`"));
                        error.help("return `f64`, `[f64; N]`, an ndarray `Array`, or a tuple of these");
                    }
                }
            }
        }
        outputs.extend(params.iter().filter_map(|p| match &p.kind {
            ParamKind::Out(ty, _) => Some(ty.clone()),
            _ => None,
        }));
        if outputs.is_empty() && self.diagnostics.is_empty() {
            self.diagnostics.error(function, "the function returns nothing").help("return what is to be differentiated");
        }
        tuple |= outputs.len() > 1;
        (outputs, wrapper, tuple)
    }
}

/// What makes the value of a `Result` or `Option`, if a type is one.
fn wrapper_of(path: &syn::Path) -> Option<TokenStream> {
    match path.segments.last()?.ident.to_string().as_str() {
        "Result" => Some(quote!(::core::result::Result::Ok)),
        "Option" => Some(quote!(::core::option::Option::Some)),
        _ => None,
    }
}

/// What a result is that the generated code cannot build.
fn borrowed(ty: &Type) -> Option<&'static str> {
    match ty {
        Type::Reference(_) => Some("a reference"),
        Type::Path(path) => {
            let name = path.path.segments.last()?.ident.to_string();
            ["ArrayView", "ArrayRef", "ArcArray"].iter().any(|stem| name.starts_with(stem)).then_some("a view")
        }
        _ => None,
    }
}
