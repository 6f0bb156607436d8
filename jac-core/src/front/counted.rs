//! Loops that end when they end: on conditions on floats.
//!
//! How many rounds such a loop has is counted by the function itself: generated code runs its body once, with a counter in the loop.
//! With that number it is a loop over a run-time length, of which the last round may be left in the middle: that one is read by
//! itself. So a derivative is that of the rounds that were taken.

use super::body::{Eval, Reader, Stop};
use super::control::Target;
use super::integers::Int;
use super::streams::Source;
use super::value::{Stream, Truth, Value};
use super::Loops;
use crate::interface::{Param, ParamKind};
use crate::ir::Affine;
use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{format_ident, quote, ToTokens};
use std::rc::Rc;
use syn::spanned::Spanned;

/// What a counted loop goes through.
enum Through<'e> {
    /// Nothing: `loop`.
    Nothing,
    /// Nothing, but a condition, which may change variables, is evaluated before each round, and once more.
    While(&'e syn::Expr),
    /// The integers from a first one.
    Range(Affine),
    /// An item for each position.
    Items(Stream),
}

/// A loop of which the rounds are counted.
struct Counted<'e> {
    /// Which statement of the function it is.
    statement: usize,
    /// The same with a counter in it.
    run: TokenStream,
    through: Through<'e>,
    body: &'e syn::Block,
    pattern: Option<&'e syn::Pat>,
    label: Option<&'e syn::Label>,
    span: Span,
}

impl Reader<'_> {
    /// Whether a loop is a statement of the annotated function itself, so that its rounds can be counted, and which.
    fn own_statement<T>(&self, each: &T) -> Option<usize> {
        let is_here = self.abroad.is_none() && self.calls == 0 && self.labels.is_empty() && self.branches == 0 && self.outs.is_empty();
        let k = self.statement.filter(|_| is_here && !self.batched)?;
        let syn::Stmt::Expr(e, _) = &self.own.block.stmts[k] else { return None };
        let own = match e {
            syn::Expr::While(own) => std::ptr::from_ref(own).cast::<T>(),
            syn::Expr::Loop(own) => std::ptr::from_ref(own).cast(),
            syn::Expr::ForLoop(own) => std::ptr::from_ref(own).cast(),
            _ => return None,
        };
        std::ptr::eq(own, each).then_some(k)
    }

    /// `while condition { … }` whose condition is on floats.
    pub(super) fn counted_while(&mut self, each: &syn::ExprWhile) -> Eval<Option<Value>> {
        let Some(k) = self.own_statement(each) else { return Ok(None) };
        // from the first round on, or from the second
        let is_open = |r: &mut Self| match r.truth(&each.cond)? {
            Truth::Known(true) => {
                r.tried_round(&each.body, each.label.as_ref())?;
                Ok(matches!(r.truth(&each.cond)?, Truth::Open(_)))
            }
            truth => Ok(matches!(truth, Truth::Open(_))),
        };
        if self.kept != Loops::Kept && self.tried(is_open) != Some(true) {
            return Ok(None);
        }
        let (label, condition, body) = (&each.label, &each.cond, &each.body.stmts);
        let run = quote! {
            #label while { let __goes_on = #condition; __run.1 = __goes_on; __goes_on } { __run.0 += 1; #(#body)* }
        };
        self.counted_loop(Counted {
            statement: k,
            run,
            through: Through::While(&each.cond),
            body: &each.body,
            pattern: None,
            label: each.label.as_ref(),
            span: each.cond.span(),
        })
        .map(Some)
    }

    /// `loop { … }`
    pub(super) fn counted_endless(&mut self, each: &syn::ExprLoop) -> Eval<Option<Value>> {
        let Some(k) = self.own_statement(each).filter(|_| leaves(&each.body)) else { return Ok(None) };
        let is_on_floats = |r: &mut Self| {
            let before = r.slots.clone();
            r.tried_round(&each.body, each.label.as_ref())?;
            Ok(before.iter().zip(&r.slots).all(|(a, b)| r.decides_alike(a, b)))
        };
        if self.kept != Loops::Kept && self.tried(is_on_floats) != Some(true) {
            return Ok(None);
        }
        let (label, body) = (&each.label, &each.body.stmts);
        let run = quote!(#label loop { __run.0 += 1; __run.1 = true; #(#body)* });
        self.counted_loop(Counted {
            statement: k,
            run,
            through: Through::Nothing,
            body: &each.body,
            pattern: None,
            label: each.label.as_ref(),
            span: each.loop_token.span,
        })
        .map(Some)
    }

    /// `for item in over { … }` that is left early.
    pub(super) fn counted_for(&mut self, each: &syn::ExprForLoop, over: &Value) -> Eval<Option<Value>> {
        let Some(k) = self.own_statement(each).filter(|_| leaves(&each.body)) else { return Ok(None) };
        let through = match over {
            Value::Range(from, Some(_), _) => Through::Range(from.clone()),
            Value::Stream(stream) => Through::Items(stream.clone()),
            Value::Tensor(_) => match self.iterated(over.clone(), each.expr.span())? {
                Source::Open(stream) => Through::Items(stream),
                Source::Known(_) => return Ok(None),
            },
            _ => return Ok(None),
        };
        if matches!(&through, Through::Items(stream) if stream.indices.len() != 1 || !stream.pending.is_empty()) {
            return Ok(None);
        }
        let (label, pattern, expr, body) = (&each.label, &each.pat, &each.expr, &each.body.stmts);
        let run = quote! {
            let mut __items = ::core::iter::IntoIterator::into_iter(#expr);
            #label while let ::core::option::Option::Some(__item) = {
                let __next = ::core::iter::Iterator::next(&mut __items);
                __run.1 = __next.is_some();
                __next
            } {
                __run.0 += 1;
                let #pattern = __item;
                #(#body)*
            }
        };
        self.counted_loop(Counted {
            statement: k,
            run,
            through,
            body: &each.body,
            pattern: Some(&each.pat),
            label: each.label.as_ref(),
            span: each.expr.span(),
        })
        .map(Some)
    }

    /// Reads a loop.
    fn counted_loop(&mut self, each: Counted<'_>) -> Eval {
        let Counted { statement, run, through, body, pattern, label, span } = each;
        let counter = self.counter(statement, &run);
        let full: syn::Expr = syn::parse_quote!(#counter.0);
        let rounds = self.opaque_integer(&full)?;
        let index = self.program.index(rounds.clone());
        let item_at = |r: &mut Self, at: Affine| match &through {
            Through::Nothing | Through::While(_) => Value::unit(),
            Through::Range(from) => Value::Int(Int { at: from.plus(&at, 1), ty: None, cast: false }),
            Through::Items(stream) => r.moved(stream, &[at]),
        };
        let item = item_at(self, Affine::from(index));
        let stream = Stream { indices: vec![index], item: Box::new(item), pending: Vec::new() };
        // the rounds that are not left
        let staying = self.staying.replace(self.loops);
        let result = self.open_loop(&stream, span, &mut |r, item| {
            r.staying = Some(r.loops - 1);
            r.scoped(|r| {
                r.begins(&through)?;
                if let Some(pattern) = pattern {
                    r.bind(pattern, item)?;
                }
                r.block(body).map(drop)
            })
        });
        self.staying = staying;
        result?;
        // the one that is
        let left: syn::Expr = syn::parse_quote!(#counter.1);
        let Truth::Open(left) = self.opaque_truth(&left)? else { return Ok(Value::unit()) };
        let last = item_at(self, rounds);
        let partial = |r: &mut Self| {
            r.begins(&through)?;
            r.left_round(body, pattern, label, last)
        };
        if matches!(through, Through::Nothing) {
            return partial(self);
        }
        self.both_arms(left, partial, |r| r.begins(&through).map(|()| Value::unit()))
    }

    /// Reads a round that is undone.
    fn tried_round(&mut self, body: &syn::Block, label: Option<&syn::Label>) -> Eval<()> {
        self.labels.push((label.map(|l| l.name.ident.to_string()), usize::MAX));
        self.block(body).map(drop)
    }

    /// What is done before a round.
    fn begins(&mut self, through: &Through<'_>) -> Eval<()> {
        match through {
            Through::While(condition) => self.truth(condition).map(drop),
            _ => Ok(()),
        }
    }

    /// A round in which a loop is left.
    fn left_round(&mut self, body: &syn::Block, pattern: Option<&syn::Pat>, label: Option<&syn::Label>, item: Value) -> Eval {
        let number = self.loops;
        self.loops += 1;
        self.labels.push((label.map(|l| l.name.ident.to_string()), number));
        let (from, kept) = (self.jumps.len(), self.slots.len());
        let tail = self.scoped(|r| {
            if let Some(pattern) = pattern {
                r.bind(pattern, item)?;
            }
            // a round that comes to its end is none of these
            r.block(body).and_then(|_| Err(Stop::Jumped))
        });
        self.labels.pop();
        // nor is one that goes on
        self.jumps.retain(|jump| !jump.is_to(Target::Continue(number)));
        self.land(Target::Break(number), from, kept, tail)
    }

    /// The constant `(rounds, left)`: how many rounds are not left in the middle, and whether there is one that is.
    fn counter(&mut self, k: usize, run: &TokenStream) -> syn::Ident {
        let ident = format_ident!("__run_{}", self.constants.len(), span = Span::mixed_site());
        let own = Rc::clone(&self.own);
        let mut bound = TokenStream::new();
        let typed = own.sig.inputs.iter().filter_map(|input| match input {
            syn::FnArg::Typed(typed) => Some(typed),
            syn::FnArg::Receiver(_) => None,
        });
        for (typed, param) in typed.zip(&self.params) {
            let (pattern, name) = (&typed.pat, &param.ident);
            let is_plain = matches!(*typed.ty, syn::Type::Reference(_)) || !matches!(param.kind, ParamKind::Other | ParamKind::Float(..));
            let clone = (!is_plain).then(|| quote!(.clone()));
            bound.extend(quote!(let #pattern = #name #clone;));
        }
        let (before, after) = (&own.block.stmts[..k], &own.block.stmts[k + 1..]);
        let output = match &own.sig.output {
            syn::ReturnType::Default => quote!(()),
            syn::ReturnType::Type(_, ty) => quote!(#ty),
        };
        let source = quote!({
            let mut __run = (0_usize, false);
            let _ = (|| -> #output {
                #bound
                #(#before)*
                #run
                #(#after)*
            })();
            (__run.0 - ::core::primitive::usize::from(__run.1), __run.1)
        });
        let ty = syn::parse_quote!((::core::primitive::usize, ::core::primitive::bool));
        self.constants.push(Param { ident: ident.clone(), ty, kind: ParamKind::Other, source: Some(source) });
        ident
    }
}

/// Whether a body has a `break` or `return`, perhaps of a loop inside.
fn leaves(body: &syn::Block) -> bool {
    fn any(tokens: TokenStream) -> bool {
        tokens.into_iter().any(|tree| match tree {
            TokenTree::Ident(ident) => ident == "break" || ident == "return",
            TokenTree::Group(group) => any(group.stream()),
            _ => false,
        })
    }
    any(body.to_token_stream())
}
