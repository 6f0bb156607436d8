//! The pipe: the one place that sees all passes.

use crate::diag::{Diagnostic, Diagnostics, Refusal};
use crate::diff::products::{self, Product};
use crate::effort::Effort;
use crate::emit;
use crate::front::{self, Helpers, Home, Loops, Origin};
use crate::interface::{Form, Interface, Normal, Request, Results, Step};
use crate::ir::{self, Affine, At, Program, Tensor};
use crate::kernel::{self, Signature};
use crate::lower;
use crate::selfcheck::{Disagreement, Selfcheck};
use crate::simplify::{self, Report};
use crate::sparse::{self, Layout};
use crate::{diff, rounds, unroll, windows};
use proc_macro2::{Span, TokenStream, TokenTree};
use quote::quote;
use std::time::{Duration, Instant};
use syn::spanned::Spanned;

/// Functions that unroll to more expressions are refused.
const LARGEST: usize = 200_000;
/// Brackets may not nest deeper.
const DEEPEST: usize = 150;
/// Jacobians of more entries are not unrolled.
const LARGEST_RESULT: usize = 1_000_000;
/// Loops over more operations are not differentiated as loops: nothing in them repeats.
const LARGEST_LOOPED: usize = 2_000;
/// Straight-line code of more operations and entries, before simplification, is refused: the macro
/// and rustc would take minutes over it.
const LARGEST_CODE: usize = 20_000;
/// And of more than these after it.
const LARGEST_EMITTED: usize = 10_000;
/// Functions of more operations are differentiated with their long loops as loops, if they have any: written out, they take
/// seconds, and code that runs through once is not faster than loops that stay in the cache.
const LARGEST_RUN: usize = 5_000;

/// What became of a function.
#[derive(Debug)]
pub struct Compiled {
    /// The function with what was generated beside it, or with its errors.
    pub tokens: TokenStream,
    /// The mistakes that were found.
    pub diagnostics: Vec<Diagnostic>,
    /// What the passes made of it, if there was no mistake.
    pub stages: Option<Stages>,
}

/// A function on its way through the pipe.
#[derive(Debug)]
pub struct Stages {
    /// The function, as read.
    pub primal: Program,
    /// The function and its derivative, before simplification.
    pub derivative: Program,
    /// The derivative alone, simplified: what `f_jacobian` computes.
    pub jacobian: Program,
    /// What simplification did to it.
    pub report: Report,
    /// The function and its derivative, simplified together: what `f_value_and_jacobian` computes.
    /// Only if that is asked for.
    pub both: Option<(Program, Report)>,
    /// The other forms that are asked for, each simplified.
    pub others: Vec<Derived>,
    /// What disagreed with the function once it was simplified, and is emitted as it was before.
    pub withdrawn: Vec<Disagreement>,
    /// Of each function that is emitted, the points at which it was compared with the function as read.
    pub compared: Vec<(Request, usize)>,
    /// What comparing took: to be measured, nothing depends on it.
    pub checking: Duration,
}

/// A form of the derivative that is not the Jacobian, on its way through the pipe.
#[derive(Debug)]
pub struct Derived {
    /// Which one it is.
    pub form: &'static Form,
    /// What computes it, simplified: the results are the value, if it is returned, and the derivative.
    pub program: Program,
    /// The tangents or cotangents, behind the function's own parameters.
    pub seeds: Vec<Tensor>,
    /// What simplification did to it.
    pub report: Report,
    /// Where the entries of a sparse matrix are.
    pub layout: Option<Layout>,
}

impl Stages {
    /// The function and its derivative, simplified together.
    pub fn value_and_jacobian(&self) -> (Program, Report) {
        self.both.clone().unwrap_or_else(|| simplified(self.derivative.clone(), Effort::Default))
    }
}

/// Compiles what stands under `#[jacobian(attribute)]`: a function, or a module or `impl` whose
/// functions see each other and of which those marked `#[jacobian]` are differentiated.
///
/// The result holds the original tokens untouched, whatever happens.
pub fn compile(attribute: TokenStream, item: TokenStream) -> Compiled {
    compile_at(attribute, item, None)
}

/// The same of an item that stands at `origin`: what it calls and names is looked for in the sources of its crate, too.
pub fn compile_from(attribute: TokenStream, item: TokenStream, origin: &Origin) -> Compiled {
    compile_at(attribute, item, Some(origin))
}

fn compile_at(attribute: TokenStream, item: TokenStream, origin: Option<&Origin>) -> Compiled {
    let (whole, span) = (item.clone(), item.clone().into_iter().next().map_or_else(Span::call_site, |t| t.span()));
    caught(span, || compile_item(attribute, item, origin)).unwrap_or_else(|diagnostics| failed(whole, None, diagnostics))
}

/// A program as a function of C99.
///
/// # Errors
/// What C has no words for.
pub fn to_c(name: &str, program: &Program) -> Result<String, String> {
    let plan = lower::lower(program.clone(), false);
    emit::c::function(name, &kernel::kernel(&plan, &emit::c::layouts(&plan.program)))
}

/// `check!(function, arguments…)`: calls what was generated for it beside the function.
pub fn check(arguments: TokenStream) -> TokenStream {
    let parse = |input: syn::parse::ParseStream| {
        Ok::<_, syn::Error>((input.parse::<syn::Expr>()?, input.parse::<Option<syn::Token![,]>>()?, input.parse::<TokenStream>()?))
    };
    let span = arguments.clone().into_iter().next().map_or_else(Span::call_site, |t| t.span());
    match syn::parse::Parser::parse2(parse, arguments) {
        Ok((syn::Expr::Path(mut function), _, arguments)) => {
            if let Some(last) = function.path.segments.last_mut() {
                last.ident = emit::check::name(&last.ident);
            }
            quote!(#function(#arguments))
        }
        _ => {
            let mut diagnostics = Diagnostics::default();
            let error = diagnostics.error(span, "no path of a function to check");
            error.help("write `check!(function, arguments…)`, with the arguments of the function itself");
            diagnostics.into_vec().iter().map(Diagnostic::to_tokens).collect()
        }
    }
}

fn compile_item(attribute: TokenStream, item: TokenStream, origin: Option<&Origin>) -> Compiled {
    let mut diagnostics = Diagnostics::default();
    if let Some(span) = too_deep(&item) {
        let error = diagnostics.error(span, format!("the function nests deeper than {DEEPEST} brackets"));
        error.help("bind parts of it with `let`");
        return failed(item, None, diagnostics);
    }
    let home = |name: &str| origin.map(|origin| Home::of(origin, name, &item));
    if let Ok(function) = syn::parse2::<syn::ItemFn>(item.clone()) {
        let helpers = Helpers::at(home(&function.sig.ident.to_string()));
        return compile_function(attribute, item, &function, &helpers);
    }
    // what does not parse at all is for rustc to say
    match syn::parse2::<syn::Item>(item.clone()) {
        Ok(syn::Item::Mod(module)) if module.content.is_some() => {
            let helpers = Helpers::at(home(&module.ident.to_string()));
            compile_module(&attribute, module, helpers)
        }
        Ok(syn::Item::Impl(block)) => compile_impl(&attribute, block, Helpers::at(home(""))),
        Ok(other) => {
            let error = diagnostics.error(other.span(), "`#[jacobian]` on an item that is not a function");
            error.help("put it on a function, or on a `mod { … }` or `impl` around functions");
            failed(item, None, diagnostics)
        }
        Err(_) => failed(item, None, diagnostics),
    }
}

/// Compiles a function. A panic on the way is a mistake of jac's, and becomes an error at the function.
fn compile_function(attribute: TokenStream, item: TokenStream, function: &syn::ItemFn, helpers: &Helpers) -> Compiled {
    let mut interface = None;
    let compile = |interface: &mut Option<Interface>| compile_caught(attribute, item.clone(), function, helpers, interface);
    caught(function.sig.ident.span(), || compile(&mut interface)).unwrap_or_else(|diagnostics| {
        let stubs = |interface: Option<&Interface>| failed(item.clone(), interface, diagnostics.clone());
        // the signature alone may be what is not understood
        caught(function.sig.ident.span(), || stubs(interface.as_ref())).unwrap_or_else(|_| stubs(None))
    })
}

/// What `f` returns, or the error at `span` that it is too much for a pass, or panicked.
fn caught<T>(span: Span, f: impl FnOnce() -> T) -> Result<T, Diagnostics> {
    // what `f` leaves half done is not used again
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).map_err(|panic| {
        let mut diagnostics = Diagnostics::default();
        if let Some(refusal) = panic.downcast_ref::<Refusal>() {
            diagnostics.error(span, refusal.message).help(refusal.help);
            return diagnostics;
        }
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        let error = diagnostics.error(span, format!("internal error of jac: {}", text.lines().next().unwrap_or_default()));
        error.help("this is a mistake of jac's, not yours: please report it with the function");
        diagnostics
    })
}

fn compile_caught(
    attribute: TokenStream,
    item: TokenStream,
    function: &syn::ItemFn,
    helpers: &Helpers,
    interface: &mut Option<Interface>,
) -> Compiled {
    let mut attempt = |loops| compile_read(attribute.clone(), item.clone(), function, (helpers, loops), interface);
    let short = attempt(Loops::RunIfShort);
    if !short.diagnostics.iter().any(|d| d.too_long) {
        return short;
    }
    let kept = attempt(Loops::Kept);
    if kept.stages.is_some() {
        return kept;
    }
    attempt(Loops::Run)
}

fn compile_read(
    attribute: TokenStream,
    item: TokenStream,
    function: &syn::ItemFn,
    (helpers, loops): (&Helpers, Loops),
    interface: &mut Option<Interface>,
) -> Compiled {
    let mut diagnostics = Diagnostics::default();
    let mut read = front::read(attribute, function, helpers, loops, &mut diagnostics);
    if let Some(primal) = &read.program {
        let lengths = primal.outputs.iter().chain(&primal.wrt).flat_map(|t| &primal.info(*t).shape);
        read.interface.fixed = lengths.into_iter().all(|n| n.known().is_some());
    }
    *interface = Some(read.interface.clone());
    let too_many = |primal: &Program| loops == Loops::Kept && read.interface.fixed && entries(primal, &primal.outputs) > LARGEST_RESULT;
    if read.program.as_ref().is_some_and(too_many) {
        return failed(item, Some(&read.interface), diagnostics);
    }
    let Some(mut primal) = read.program else { return failed(item, Some(&read.interface), diagnostics) };
    if loops == Loops::RunIfShort && primal.operations() > LARGEST_RUN {
        refuse(function, &format!("{} operations", primal.operations()), &mut diagnostics);
        return failed(item, Some(&read.interface), diagnostics);
    }
    let as_read = primal.clone();
    primal.find_all_symmetric();
    windows::narrow(&mut primal);
    rounds::share(&mut primal);
    verified(&primal);
    let effort = read.interface.effort;
    let wanted = |r: &&Request| r.returns() || r.form.dense().is_some() && r.results == Results::Written;
    let forms = || read.interface.requests.iter().filter(wanted).map(|r| r.form);
    let derivations = Derivations::new(function, primal, loops, &read.interface, &mut diagnostics);
    let Some(derivations) = derivations else { return failed(item, Some(&read.interface), diagnostics) };
    let mut others: Vec<Derived> = Vec::new();
    for form in forms().filter(|form| !is_jacobian(form)) {
        if let Some(dense) = form.dense() {
            let from = others.iter().find(|d| d.form == dense).map(|d| (d.program.clone(), d.seeds.clone(), d.report));
            let from = from.or_else(|| is_jacobian(dense).then(|| derivations.first(dense)));
            let Some((mut program, seeds, report)) = from else { continue };
            match compressed(&mut program, form, &read.interface) {
                Ok(layout) => {
                    // what integers decide is no constant
                    read.interface.fixed &= layout.sizes().is_empty();
                    others.push(Derived { form, program, seeds, report, layout: Some(layout) });
                }
                Err(unordered) => unsorted(function, form, &unordered, &mut diagnostics),
            }
            continue;
        }
        let Some((derivative, seeds)) = derivations.derive(form, Stage::Simplified, &mut diagnostics) else { continue };
        let (program, report) = simplified(derivative, effort);
        others.push(Derived { form, program, seeds, report, layout: None });
    }
    let reports = derivations.both.iter().map(|b| b.1).chain(others.iter().map(|p| p.report)).chain([derivations.report]);
    let largest = reports.map(|r| r.after).max().unwrap_or_default();
    if largest > LARGEST_EMITTED {
        refuse(function, &format!("{largest} operations"), &mut diagnostics);
    }
    if !diagnostics.is_empty() {
        return failed(item, Some(&read.interface), diagnostics);
    }
    let mut emitter = Emitter::new(&read.interface, &as_read);
    for form in forms() {
        let other = others.iter().find(|d| d.form == form);
        let (seeds, program, report): (&[Tensor], _, _) = match (other, &derivations.both) {
            (Some(other), _) => (&other.seeds, &other.program, other.report),
            (None, Some((both, report))) if form.value => (&[], both, *report),
            _ => (&[], &derivations.jacobian, derivations.report),
        };
        let unsimplified = || {
            let of = form.dense().unwrap_or(form);
            let mut program = derivations.derive(of, Stage::Derived, &mut Diagnostics::default())?.0;
            let layout = form.dense().map(|_| compressed(&mut program, form, &read.interface));
            Some((program, layout.transpose().ok()?))
        };
        emitter.emit(form, seeds, (program, other.and_then(|d| d.layout.as_ref())), &unsimplified, report);
    }
    let Emitter { returning, writing, withdrawn, compared, wrong, refused, checking, .. } = emitter;
    if let Some(wrong) = wrong {
        disagree(function, &wrong, &mut diagnostics);
        return failed(item, Some(&read.interface), diagnostics);
    }
    if let (Some(why), Some(span)) = (refused, read.interface.batch) {
        diagnostics.error(span, format!("no `batch` of this function: {why}")).help(
            "call it point by point; data that all points share is not differentiated by: `wrt(p), batch(p)` for the parameters that differ",
        );
        return failed(item, Some(&read.interface), diagnostics);
    }
    let mut tokens = item;
    tokens.extend([returning, writing]);
    tokens.extend(emit::ir_function(&read.interface, &derivations.jacobian));
    tokens.extend(emit::check::function(&read.interface, helpers.associated, None));
    let Derivations { primal, derivative, jacobian, report, both, .. } = derivations;
    let stages = Stages { primal, derivative, jacobian, report, both, others, withdrawn, compared, checking };
    Compiled { tokens, diagnostics: Vec::new(), stages: Some(stages) }
}

/// The parameters that are set to constants.
fn constants(interface: &Interface) -> Vec<At> {
    interface.at.iter().map(|at| (at.tensor, at.values.clone())).collect()
}

/// The program at constants.
fn fixed(mut program: Program, at: &[At], span: Span, diagnostics: &mut Diagnostics) -> Option<Program> {
    if at.is_empty() {
        return Some(program);
    }
    match diff::at::fix(&mut program, at) {
        Ok(()) => {
            verified(&program);
            Some(program)
        }
        Err(what) => {
            let error = diagnostics.error(span, format!("no derivative at these constants: {what}"));
            error.help("where it has a limit, write that: `if x < 1e-8 { limit } else { … }`");
            None
        }
    }
}

/// Keeps the entries of a sparse form that are not zero.
fn compressed(program: &mut Program, form: &Form, interface: &Interface) -> Result<Layout, sparse::Unordered> {
    let layout = sparse::compress(program, interface.order, form.order() > 1)?;
    verified(program);
    Ok(layout)
}

/// The error for entries that are not told apart.
fn unsorted(function: &syn::ItemFn, form: &Form, unordered: &sparse::Unordered, diagnostics: &mut Diagnostics) {
    let name = &function.sig.ident;
    let message = format!("`{name}_{}`: it is not known where the entries are: {}", form.suffix, unordered.0);
    diagnostics.error(name.span(), message).help("fix the lengths, as `shape(x = [8])` does, or leave `sparse` out");
}

/// Whether the form is the Jacobian, alone or with the value.
fn is_jacobian(form: &Form) -> bool {
    *form.steps == [Step::Jacobian]
}

/// Whether forms are derived from what is simplified already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Derived,
    Simplified,
}

/// What the forms of the derivative are derived from.
struct Derivations<'a> {
    function: &'a syn::ItemFn,
    effort: Effort,
    loops: Loops,
    normal: Normal,
    /// Where the forms are asked for.
    asked: Vec<(&'static Form, Span)>,
    primal: Program,
    /// The parameters that are set to constants in what is derived, and where that is asked for.
    at: Vec<At>,
    at_span: Span,
    /// What second derivatives are taken of, if it is not the function.
    smooth: Option<Program>,
    /// The function and its derivative.
    derivative: Program,
    /// The two, simplified together, if that is asked for.
    both: Option<(Program, Report)>,
    /// The derivative alone, simplified, and what that did to it.
    jacobian: Program,
    report: Report,
    /// The derivative that second derivatives are taken of, before simplification and after it, if it is not these.
    gradient: Option<(Program, Program)>,
}

impl<'a> Derivations<'a> {
    /// Differentiates a function once, and once more if second derivatives are asked for that the Jacobian is not good for.
    fn new(
        function: &'a syn::ItemFn,
        primal: Program,
        loops: Loops,
        interface: &Interface,
        diagnostics: &mut Diagnostics,
    ) -> Option<Derivations<'a>> {
        let effort = interface.effort;
        let (whole, _) = differentiate(&primal, products::jacobian, function, (effort, loops), diagnostics)?;
        let at = constants(interface);
        let at_span = interface.at.first().map_or_else(Span::call_site, |at| at.span);
        let derivative = fixed(whole.clone(), &at, at_span, diagnostics)?;
        let forms = || interface.requests.iter().map(|r| r.form);
        let both = forms().any(|form| is_jacobian(form) && form.value).then(|| simplified(derivative.clone(), effort));
        let (jacobian, report) = match &both {
            // what the value needs was simplified with it; what is left may still get a little cheaper
            Some((both, _)) => {
                let before = without_value(derivative.clone()).operations();
                let (jacobian, report) = simplified(without_value(both.clone()), Effort::Low);
                (jacobian, Report { before, ..report })
            }
            None => simplified(without_value(derivative.clone()), effort),
        };
        let smooth = if forms().any(|form| form.order() > 1) { diff::second::prepare(&primal) } else { None };
        let (normal, asked) = (interface.normal, interface.asked.clone());
        let mut derivations = Derivations {
            function,
            effort,
            loops,
            normal,
            asked,
            at,
            at_span,
            primal,
            smooth,
            derivative,
            both,
            jacobian,
            report,
            gradient: None,
        };
        if forms().any(Form::is_of_scalars) {
            let gradient = derivations.gradient(diagnostics).or_else(|| (!derivations.at.is_empty()).then_some(whole)).map(without_value);
            derivations.gradient = gradient.map(|plain| (plain.clone(), simplified(plain, effort).0));
        }
        Some(derivations)
    }

    /// The Jacobian, simplified, that a sparse form keeps the entries of. Beside the value it is simplified once, so that both
    /// forms have the same entries.
    fn first(&self, form: &Form) -> (Program, Vec<Tensor>, Report) {
        let (program, report) = match &self.both {
            Some((both, report)) if form.value => (both.clone(), *report),
            Some((both, _)) => (without_value(both.clone()), self.report),
            None => (self.jacobian.clone(), self.report),
        };
        (program, Vec::new(), report)
    }

    /// The derivative that second derivatives are taken of, if it is not the Jacobian.
    fn gradient(&self, diagnostics: &mut Diagnostics) -> Option<Program> {
        // by the rules of intrinsics, not of their elements
        if self.primal.definitions.iter().any(|d| matches!(d.body, ir::Body::Intrinsic(..))) {
            let product = products::jacobian(self.second().clone());
            return Some(diff::definitions::differentiate(product.program, product.of));
        }
        let smooth = self.smooth.as_ref()?;
        Some(differentiate(smooth, products::jacobian, self.function, (self.effort, self.loops), diagnostics)?.0)
    }

    /// What second derivatives are taken of.
    fn second(&self) -> &Program {
        self.smooth.as_ref().unwrap_or(&self.primal)
    }

    /// What computes a form, and its seeds.
    fn derive(&self, form: &Form, stage: Stage, diagnostics: &mut Diagnostics) -> Option<(Program, Vec<Tensor>)> {
        let (program, seeds) = self.derive_anywhere(form, stage, diagnostics)?;
        Some((fixed(program, &self.at, self.at_span, diagnostics)?, seeds))
    }

    /// The same, but parameters that are to be constants are still read.
    fn derive_anywhere(&self, form: &Form, stage: Stage, diagnostics: &mut Diagnostics) -> Option<(Program, Vec<Tensor>)> {
        let values = self.primal.outputs.len();
        let mut taken = |from: &Program, what: What| differentiate(from, what, self.function, (self.effort, self.loops), diagnostics);
        let (program, seeds) = match form.steps {
            [Step::Jacobian] => (self.derivative.clone(), Vec::new()),
            [first] => taken(&self.primal, once(*first))?,
            [Step::Jacobian, last] if !last.differentiates() => {
                let mut rows = self.derivative.clone();
                let weights = match last {
                    Step::Diagonal => {
                        diff::normal::diagonal(&mut rows);
                        Vec::new()
                    }
                    Step::BlockDiagonal => {
                        if let Err(coupled) = diff::rows::block_diagonal(&mut rows) {
                            let span = self.asked.iter().find(|(asked, _)| *asked == form).map_or_else(Span::call_site, |(_, span)| *span);
                            let error =
                                diagnostics.error(span, format!("`block_diagonal` of a function whose rows depend on others: {coupled}"));
                            error.help("for what is not zero elsewhere there is `sparse`");
                            return None;
                        }
                        Vec::new()
                    }
                    Step::NormalDiagonal => {
                        diff::normal::squares(&mut rows, &self.normal);
                        Vec::new()
                    }
                    _ => diff::normal::equations(&mut rows, *last == Step::WeightedNormal, &self.normal),
                };
                verified(&rows);
                (rows, weights)
            }
            [Step::Jacobian, last] => {
                let plain = || without_value(self.derivative.clone());
                let from = match (stage, &self.gradient) {
                    (Stage::Derived, gradient) => &gradient.as_ref().map_or_else(plain, |(plain, _)| plain.clone()),
                    (Stage::Simplified, gradient) => gradient.as_ref().map_or(&self.jacobian, |(_, simplified)| simplified),
                };
                return taken(from, again(*last));
            }
            [first, last] => {
                let (derivative, mut seeds) = taken(self.second(), once(*first))?;
                let plain = without_values(derivative, values);
                let from = if stage == Stage::Derived { plain } else { simplified(plain, self.effort).0 };
                let (derivative, more) = taken(&from, again(*last))?;
                seeds.extend(more);
                return Some((derivative, seeds));
            }
            steps => unreachable!("no form has the steps {steps:?}"),
        };
        Some((if form.value { program } else { without_values(program, values) }, seeds))
    }
}

/// A generated function, and the number of points at which it was compared.
struct Emitted {
    request: Request,
    points: usize,
    tokens: TokenStream,
}

/// The functions of a form, and that which says where its entries are.
struct Attempt {
    pattern: TokenStream,
    /// Where the entries are that the pattern tells.
    layout: Option<Layout>,
    functions: Vec<Emitted>,
}

/// Lowers and emits what agrees with the function as it was read.
struct Emitter<'a> {
    interface: &'a Interface,
    check: Selfcheck<'a>,
    /// The functions that return their results, and those that write them into memory of the caller.
    returning: TokenStream,
    writing: TokenStream,
    withdrawn: Vec<Disagreement>,
    compared: Vec<(Request, usize)>,
    /// Where the entries are of the last sparse form that has a pattern.
    layout: Option<Layout>,
    wrong: Option<Disagreement>,
    /// Why there is no batch.
    refused: Option<String>,
    checking: Duration,
}

impl<'a> Emitter<'a> {
    fn new(interface: &'a Interface, as_read: &'a Program) -> Emitter<'a> {
        let start = Instant::now();
        let check = Selfcheck::new(as_read, interface.requests.iter().map(|r| r.form), interface.normal, &constants(interface));
        let (returning, writing) = (TokenStream::new(), TokenStream::new());
        let (withdrawn, compared) = (Vec::new(), Vec::new());
        let (layout, wrong, refused, checking) = (None, None, None, start.elapsed());
        Emitter { interface, check, returning, writing, withdrawn, compared, layout, wrong, refused, checking }
    }

    /// Emits the functions of a form, which have one plan: of what is simplified, or as it was before that if the other disagrees.
    fn emit(
        &mut self,
        form: &'static Form,
        seeds: &[Tensor],
        (program, layout): (&Program, Option<&Layout>),
        unsimplified: &dyn Fn() -> Option<(Program, Option<Layout>)>,
        report: Report,
    ) {
        match self.attempt(form, seeds, program, layout, report) {
            Ok(emitted) => self.emitted(emitted),
            Err(disagreement) => {
                let plain = unsimplified().filter(|(p, _)| code(p) <= LARGEST_EMITTED);
                let report = Report { after: plain.as_ref().map_or(0, |(p, _)| p.operations()), ..report };
                match plain.and_then(|(program, layout)| self.attempt(form, seeds, &program, layout.as_ref(), report).ok()) {
                    Some(emitted) => {
                        self.emitted(emitted);
                        self.withdrawn.push(disagreement);
                    }
                    None => _ = self.wrong.get_or_insert(disagreement),
                }
            }
        }
    }

    /// The functions of a form, each with the number of points at which it was compared. `layout` says where the entries of a
    /// sparse form are.
    fn attempt(
        &mut self,
        form: &'static Form,
        seeds: &[Tensor],
        program: &Program,
        layout: Option<&Layout>,
        report: Report,
    ) -> Result<Attempt, Disagreement> {
        // beside the function that writes the entries
        let own = layout.filter(|_| form.has_pattern());
        let pattern = own.map(|layout| emit::pattern::function(self.interface, form, layout, program)).unwrap_or_default();
        if layout.is_some() && own.is_none() && layout != self.layout.as_ref() {
            let (what, point) = ("the entries are not those of the pattern".to_owned(), "every point".to_owned());
            return Err(Disagreement { form, what, point });
        }
        let values = self.interface.outputs.len();
        let program = match form.value && self.interface.strict {
            // the value is that of the function, which is called
            true => without_values(program.clone(), values),
            false => program.clone(),
        };
        let values = if form.value && !self.interface.strict { values } else { 0 };
        let mut plan = lower::lower(program, self.has_products());
        let matrices = if self.interface.stack { lower::matrices(form, &plan.program, values) } else { Vec::new() };
        if !matrices.is_empty() {
            lower::stack(&mut plan, values, &matrices);
        }
        let mut functions = Vec::new();
        for request in self.interface.requests.iter().filter(|r| r.form == form) {
            let function = emit::Function::new(self.interface, *request, seeds, layout, &plan);
            let signature = function.memory(&plan.program);
            let kernel = kernel::kernel(&plan, &signature);
            if let Some(why) = request.is_batch().then(|| emit::lanes::refused(&kernel)).flatten() {
                self.refused.get_or_insert(why);
                continue;
            }
            let before = Signature { results: Results::Written, ..signature };
            let before = (request.results == Results::Updated).then(|| kernel::kernel(&plan, &before));
            let start = Instant::now();
            let points = self.check.compare(form, values, seeds, &kernel, before.as_ref(), (layout, &matrices));
            self.checking += start.elapsed();
            functions.push(Emitted { request: *request, points: points?, tokens: function.print(&kernel, report) });
        }
        Ok(Attempt { pattern, layout: own.cloned(), functions })
    }

    fn emitted(&mut self, Attempt { pattern, layout, functions }: Attempt) {
        self.writing.extend(pattern);
        self.layout = layout.or(self.layout.take());
        for Emitted { request, points, tokens } in functions {
            self.compared.push((request, points));
            let out = if request.returns() { &mut self.returning } else { &mut self.writing };
            out.extend(tokens);
        }
    }

    /// Whether products of matrices are those of a library, which sums in an order of its own.
    fn has_products(&self) -> bool {
        self.interface.generic.is_none() && !self.interface.strict && !self.interface.has_matrices()
    }
}

/// The error for generated code that disagrees with the function.
fn disagree(function: &syn::ItemFn, wrong: &Disagreement, diagnostics: &mut Diagnostics) {
    let (name, suffix) = (&function.sig.ident, wrong.form.suffix);
    let error = diagnostics.error(name.span(), format!("`{name}_{suffix}` would disagree with the function: {}", wrong.what));
    error.note(format!("at {}", wrong.point));
    error.help("this is a mistake of jac's, not yours: please report it with the function");
}

fn compile_module(attribute: &TokenStream, mut module: syn::ItemMod, mut helpers: Helpers) -> Compiled {
    let items = module.content.take().map(|(_, items)| items).unwrap_or_default();
    for item in &items {
        match item {
            syn::Item::Fn(f) => helpers.function(f),
            syn::Item::Const(c) => helpers.constant(&c.ident, &c.expr),
            _ => {}
        }
    }
    let functions = items.into_iter().map(|item| match item {
        syn::Item::Fn(f) => Ok(f),
        other => Err(quote!(#other)),
    });
    let (content, generated, diagnostics) = compile_marked(attribute, module.ident.span(), functions, &helpers);
    let syn::ItemMod { attrs, vis, ident, .. } = &module;
    let (outer, inner): (Vec<_>, Vec<_>) = attrs.iter().partition(|a| matches!(a.style, syn::AttrStyle::Outer));
    Compiled { tokens: quote!(#(#outer)* #vis mod #ident { #(#inner)* #content #generated }), diagnostics, stages: None }
}

fn compile_impl(attribute: &TokenStream, mut block: syn::ItemImpl, mut helpers: Helpers) -> Compiled {
    helpers.associated = true;
    helpers.generics(&block.generics);
    let items: Vec<Result<syn::ItemFn, TokenStream>> = std::mem::take(&mut block.items)
        .into_iter()
        .map(|item| match item {
            syn::ImplItem::Fn(f) => {
                let f = quote!(#f);
                syn::parse2(f.clone()).map_err(|_| f)
            }
            other => Err(quote!(#other)),
        })
        .collect();
    items.iter().flatten().for_each(|f| helpers.function(f));
    let (content, generated, diagnostics) = compile_marked(attribute, block.impl_token.span, items, &helpers);
    let syn::ItemImpl { attrs, self_ty, generics, .. } = &block;
    let (parameters, _, condition) = generics.split_for_impl();
    let tokens = match &block.trait_ {
        None => quote!(#(#attrs)* impl #parameters #self_ty #condition { #content #generated }),
        // what is generated is not part of the trait
        Some((path, _)) => quote! {
            #(#attrs)* impl #parameters #path for #self_ty #condition { #content }
            impl #parameters #self_ty #condition { #generated }
        },
    };
    Compiled { tokens, diagnostics, stages: None }
}

/// The items of a module or `impl`, and what is generated from the marked functions.
fn compile_marked(
    attribute: &TokenStream,
    span: Span,
    items: impl IntoIterator<Item = Result<syn::ItemFn, TokenStream>>,
    helpers: &Helpers,
) -> (TokenStream, TokenStream, Vec<Diagnostic>) {
    let mut out = TokenStream::new();
    let mut generated = TokenStream::new();
    let mut diagnostics = Diagnostics::default();
    let mut found = Vec::new();
    let mut marked = 0;
    if !attribute.is_empty() {
        diagnostics.error(span, "options on a `mod` or `impl`").help("write them on the functions inside");
    }
    for item in items {
        let mut function = match item {
            Ok(function) => function,
            Err(tokens) => {
                out.extend(tokens);
                continue;
            }
        };
        let ours = function.attrs.iter().position(|a| a.path().segments.last().is_some_and(|s| s.ident == "jacobian"));
        let Some(ours) = ours else {
            out.extend(quote!(#function));
            continue;
        };
        marked += 1;
        let options = match function.attrs.remove(ours).meta {
            syn::Meta::List(list) => list.tokens,
            _ => TokenStream::new(),
        };
        out.extend(quote!(#function));
        let compiled = compile_function(options, TokenStream::new(), &function, helpers);
        generated.extend(compiled.tokens);
        found.extend(compiled.diagnostics);
    }
    if marked == 0 {
        diagnostics.error(span, "no function here is marked `#[jacobian]`").help("mark those that are to be differentiated");
    }
    let own = diagnostics.into_vec();
    generated.extend(own.iter().map(Diagnostic::to_tokens));
    found.extend(own);
    (out, generated, found)
}

/// The program without its outputs.
fn without_value(mut program: Program) -> Program {
    program.outputs.clear();
    program.prune();
    program
}

/// The program without its first outputs.
fn without_values(mut program: Program, count: usize) -> Program {
    program.outputs.drain(..count);
    program.prune();
    program
}

fn simplified(mut program: Program, effort: Effort) -> (Program, Report) {
    let report = simplify::simplify(&mut program, effort);
    verified(&program);
    (program, report)
}

/// The bracket that is nested too deeply, if there is one: parsing it could overflow the stack.
fn too_deep(tokens: &TokenStream) -> Option<Span> {
    let mut level = vec![tokens.clone()];
    for _ in 0..DEEPEST {
        let mut next = Vec::new();
        for tree in level.into_iter().flatten() {
            if let TokenTree::Group(group) = tree {
                next.push(group.stream());
            }
        }
        level = next;
    }
    level.into_iter().flatten().find(|t| matches!(t, TokenTree::Group(_))).map(|t| t.span())
}

/// What is derived from a program.
type What = fn(Program) -> Product;

/// How a step is taken from the function.
fn once(step: Step) -> What {
    match step {
        Step::Jacobian => products::jacobian,
        Step::Jvp => products::jvp,
        Step::Vjp => products::vjp,
        step => unreachable!("{step:?} is taken from a derivative"),
    }
}

/// How a step is taken from a gradient.
fn again(step: Step) -> What {
    match step {
        Step::Jacobian => products::hessian,
        Step::Jvp => products::hvp,
        step => unreachable!("no form takes {step:?} from a gradient"),
    }
}

/// Differentiates: unrolled where all lengths are known and the code stays short enough, else in
/// loops. With the derivative are its seeds.
fn differentiate(
    primal: &Program,
    what: What,
    function: &syn::ItemFn,
    (effort, loops): (Effort, Loops),
    diagnostics: &mut Diagnostics,
) -> Option<(Program, Vec<Tensor>)> {
    let product = what(primal.clone());
    let unrolled =
        if product.program.is_known() && loops != Loops::Kept { differentiate_unrolled(&product, effort) } else { Err(String::new()) };
    let too_large = match unrolled {
        Ok(derivative) => return Some((derivative, product.seeds)),
        Err(count) => count,
    };
    if product.program.operations() <= LARGEST_LOOPED {
        let derivative = product.finish(diff::definitions::differentiate(product.program.clone(), product.of.clone()));
        verified(&derivative);
        if code(&derivative) <= LARGEST_CODE {
            return Some((derivative, product.seeds));
        }
    }
    if too_large.is_empty() {
        // its lengths are open already
        let message = format!("too large: more than {LARGEST_LOOPED} operations in its loops");
        let error = diagnostics.error(function.sig.ident.span(), message);
        error.help("split the function, or ask for less: `jvp` or `vjp` in place of `hessian`, `wrt(…)` of what is needed");
    } else {
        refuse(function, &too_large, diagnostics);
    }
    None
}

/// The number of entries of the Jacobian of some outputs of known lengths.
fn entries(program: &Program, outputs: &[Tensor]) -> usize {
    let elements = |ts: &[Tensor]| -> usize {
        ts.iter().map(|t| program.info(*t).shape.iter().filter_map(Affine::known).product::<i64>() as usize).sum()
    };
    elements(outputs).saturating_mul(elements(&program.wrt))
}

/// The derivative without loops, or what there is too much of.
fn differentiate_unrolled(product: &Product, effort: Effort) -> Result<Program, String> {
    let within = |count: usize, limit: usize, what: &str| if count <= limit { Ok(()) } else { Err(format!("{count} {what}")) };
    let program = &product.program;
    within(entries(program, &program.outputs[product.of.clone()]), LARGEST_RESULT, "entries in the Jacobian")?;
    let unrolled = unroll::unroll(program.clone(), LARGEST).map_err(|count| format!("{count} expressions"))?;
    verified(&unrolled);
    within(unrolled.operations(), LARGEST_CODE, "operations")?;
    let derivatives = diff::elimination::differentiate(unrolled, product.of.clone());
    let mut derivatives: Vec<Program> = derivatives.into_iter().map(|d| product.finish(d)).collect();
    let shortest = derivatives.iter().map(code).min().unwrap_or_default();
    within(shortest, LARGEST_CODE, "operations and entries")?;
    derivatives.retain(|d| code(d) <= LARGEST_CODE);
    let derivative = cheapest(derivatives, effort);
    verified(&derivative);
    Ok(derivative)
}

/// The error for a function whose code would be too long.
fn refuse(function: &syn::ItemFn, count: &str, diagnostics: &mut Diagnostics) {
    let error = diagnostics.error(function.sig.ident.span(), format!("too large to unroll: {count}"));
    error
        .help("leave the lengths open (`const N: usize`, slices, or ndarray without `shape`), so that the generated code has loops")
        .too_long();
}

/// The derivative that is the cheapest: which order is best shows only after simplification, and
/// one that is far behind after its first stages does not catch up.
fn cheapest(mut derivatives: Vec<Program>, effort: Effort) -> Program {
    if effort != Effort::Low && derivatives.len() > 1 {
        derivatives.sort_by_cached_key(simplify::estimate);
    }
    derivatives.swap_remove(0)
}

/// The length of the code for a program: its operations, and the entries that are not zero.
fn code(program: &Program) -> usize {
    program.operations() + program.roots().iter().filter(|e| !program.arena.is(**e, 0)).count()
}

/// The original with the errors, and stubs of what would have been generated.
fn failed(item: TokenStream, interface: Option<&Interface>, diagnostics: Diagnostics) -> Compiled {
    let diagnostics = diagnostics.into_vec();
    let (deferred, ours): (Vec<_>, Vec<_>) = diagnostics.iter().partition(|d| d.deferred);
    let errors: TokenStream = ours.iter().map(|d| d.to_tokens()).collect();
    let body = match (ours.is_empty(), deferred.first()) {
        (true, Some(first)) => first.to_deferred_tokens(),
        _ => quote!(::core::unimplemented!()),
    };
    let readable = interface.filter(|i| !i.outputs.is_empty() && !i.wrt.is_empty());
    let stubs = readable.map(|i| emit::stubs(i, &body)).unwrap_or_default();
    Compiled { tokens: quote!(#item #errors #stubs), diagnostics, stages: None }
}

/// A program between two passes is well formed; if not, that is a bug in jac.
fn verified(program: &Program) {
    debug_assert_eq!(ir::verify(program), Ok(()), "{}", program.to_text());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interface::FORMS;

    /// A function as read, and the derivative of another in the place of its own.
    fn read(item: &TokenStream) -> (Interface, Program, Program) {
        let function: syn::ItemFn = syn::parse2(item.clone()).unwrap();
        let read = front::read(TokenStream::new(), &function, &Helpers::default(), Loops::Run, &mut Diagnostics::default());
        let primal = read.program.unwrap();
        let derivative = differentiate(&primal, products::jacobian, &function, (Effort::Low, Loops::Run), &mut Diagnostics::default());
        (read.interface, primal, without_value(derivative.unwrap().0))
    }

    #[test]
    fn what_disagrees_is_withdrawn_or_refused() {
        let (interface, primal, right) = read(&quote!(
            fn f(x: f64) -> f64 {
                x * x * x
            }
        ));
        let (_, _, wrong) = read(&quote!(
            fn f(x: f64) -> f64 {
                x * x
            }
        ));
        let emitted = |program: &Program, before: &Program| {
            let mut emitter = Emitter::new(&interface, &primal);
            emitter.emit(&FORMS[0], &[], (program, None), &|| Some((before.clone(), None)), Report::default());
            (emitter.returning.to_string(), emitter.withdrawn.len(), emitter.compared.len(), emitter.wrong)
        };
        let (agreed, withdrawn, compared, refused) = emitted(&right, &wrong);
        assert!(agreed.contains("fn f_jacobian"));
        assert_eq!((withdrawn, compared, refused), (0, 1, None));
        let (again, withdrawn, compared, refused) = emitted(&wrong, &right);
        assert!(again.contains("fn f_jacobian"));
        assert_eq!((withdrawn, compared, refused), (1, 1, None));
        let (nothing, withdrawn, compared, refused) = emitted(&wrong, &wrong);
        assert_eq!((nothing.as_str(), withdrawn, compared), ("", 0, 0));
        let mut diagnostics = Diagnostics::default();
        disagree(&interface.item, &refused.unwrap(), &mut diagnostics);
        let text = diagnostics.into_vec()[0].text();
        let parts = ["`f_jacobian` would disagree with the function: the derivative of element 0 of the result by `x` is ", " instead of "];
        assert!(parts.iter().chain(&["note: at x = ", "please report it"]).all(|part| text.contains(part)), "{text}");
    }

    #[test]
    fn every_form_is_compared_though_it_is_the_only_one() {
        for form in &FORMS {
            let asked = [form.dense().and_then(|dense| dense.option), form.option];
            let options: TokenStream = asked.into_iter().flatten().collect::<Vec<&str>>().join(", ").parse().unwrap();
            let scalar = quote!(
                fn f(x: &[f64; 2]) -> f64 {
                    (x[0] * x[1]).sin() + x[0]
                }
            );
            let square = quote!(
                fn f(x: &[f64; 2]) -> [f64; 2] {
                    [(x[0] * x[1]).sin(), x[0]]
                }
            );
            let apart = quote!(
                fn f(x: &[f64; 2]) -> [f64; 2] {
                    [x[0].sin(), x[1] * x[1]]
                }
            );
            let item = match form.steps.last() {
                Some(Step::Diagonal) => square,
                Some(Step::BlockDiagonal) => apart,
                _ => scalar,
            };
            let compiled = compile(options, item);
            let compared = compiled.stages.unwrap().compared;
            assert!(compared.iter().any(|(r, points)| r.form == form && *points > 0), "{compared:?}");
        }
    }

    #[test]
    fn a_derivative_at_constants_is_compared_where_a_length_is_zero() {
        let compiled = compile(
            quote!(wrt(xi), at(xi = 0), jvp),
            quote!(
                fn f(xi: &[f64; 2], x: f64) -> [f64; 2] {
                    let n = (xi[0] * xi[0] + xi[1] * xi[1]).sqrt();
                    let s = if n < 1e-8 { 1.0 } else { n.sin() / n };
                    [x * n.cos() + s * xi[0], x * s * xi[1]]
                }
            ),
        );
        let stages = compiled.stages.unwrap();
        assert!(stages.compared.iter().all(|(_, points)| *points > 0), "{:?}", stages.compared);
        assert!(stages.jacobian.to_text().ends_with("J[0, 0] = 1\nJ[1, 1] = x\nblock J: 0 by xi\n"), "{}", stages.jacobian.to_text());
    }

    #[test]
    fn a_panic_is_an_error_at_the_function_beside_stubs() {
        let item = quote!(
            fn f(x: f64) -> f64 {
                x * x
            }
        );
        let function: syn::ItemFn = syn::parse2(item.clone()).unwrap();
        let interface = front::read(quote!(value), &function, &Helpers::default(), Loops::Run, &mut Diagnostics::default()).interface;
        let diagnostics = caught::<()>(function.sig.ident.span(), || panic!("{} is no index\nbacktrace", 3)).unwrap_err();
        let compiled = failed(item.clone(), Some(&interface), diagnostics);
        let text = compiled.diagnostics[0].text();
        assert!(text.starts_with("internal error of jac: 3 is no index\nhelp: "), "{text}");
        let tokens = compiled.tokens.to_string();
        assert!(tokens.starts_with(&item.to_string()), "{tokens}");
        for part in ["compile_error", "fn f_jacobian", "fn f_value_and_jacobian"] {
            assert!(tokens.contains(part), "no {part} in {tokens}");
        }
    }
}
