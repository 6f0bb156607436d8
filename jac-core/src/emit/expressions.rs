//! Expressions as tokens.

use super::body::Emitter;
use super::local;
use crate::interface::{ParamKind, Ty};
use crate::ir::{Affine, Constant, Expr, Float, Node, Role, Size, SizeKind, Symbol};
use crate::ops::{Op, Syntax};
use proc_macro2::{Literal, TokenStream};
use quote::quote;

/// Binding strengths of Rust's expressions.
const ATOM: u8 = 9;
const PREFIX: u8 = 7;
pub(super) const WEAKEST: u8 = 0;

impl Emitter<'_> {
    /// The number of rounds of a loop: none where the range is empty, as in Rust.
    pub(super) fn count(&self, a: &Affine) -> TokenStream {
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
    pub(super) fn affine(&self, a: &Affine) -> TokenStream {
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

    pub(super) fn symbol(&self, s: Symbol) -> TokenStream {
        match s {
            Symbol::Index(i) => {
                let name = &self.indices[&i];
                quote!(#name)
            }
            Symbol::Bound(_) => unreachable!("the sums of a plan are loops"),
            Symbol::Size(n) => self.size(n),
        }
    }

    /// An integer as a float; each symbol is converted alone, so that a difference may be negative.
    pub(super) fn integer(&self, a: &Affine, strength: u8) -> TokenStream {
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

    pub(super) fn number(&self, c: &Constant, strength: u8) -> TokenStream {
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

    /// The expression, or the variable it was computed into.
    pub(super) fn expr(&self, e: Expr, strength: u8) -> TokenStream {
        if self.plan.locals.contains_key(&e) {
            let name = self.variable(e);
            return quote!(#name);
        }
        self.compute(e, strength)
    }

    /// The receiver of a method call; a literal gets its type.
    pub(super) fn receiver(&self, e: Expr) -> TokenStream {
        match self.program.arena.as_const(e) {
            Some(c) if self.interface.generic.is_some() => self.number(c, ATOM),
            Some(c) => {
                let number = self.number(c, WEAKEST);
                let float = self.interface.float.clone();
                quote!((#number as #float))
            }
            None if self.tells_type(e) => self.expr(e, ATOM),
            None => {
                let (value, float) = (self.expr(e, ATOM), self.interface.float.clone());
                quote!((#value as #float))
            }
        }
    }

    /// Whether rustc sees the type of an expression where it stands: literals alone have none, and a method
    /// of such a value is an error.
    fn tells_type(&self, e: Expr) -> bool {
        self.plan.locals.contains_key(&e) || self.computes_typed(e)
    }

    /// As `tells_type`, of what is computed into a variable.
    fn computes_typed(&self, e: Expr) -> bool {
        match &self.program.arena[e] {
            Node::Const(_) => self.interface.generic.is_some(),
            Node::Integer(a) => !a.terms().is_empty(),
            Node::Apply(Op::Select, args) => args[1..].iter().any(|a| self.tells_type(*a)),
            Node::Apply(op, args) => {
                op.entry().truth || matches!(op.entry().syntax, Syntax::Method) || args.iter().any(|a| self.tells_type(*a))
            }
            Node::Access(..) | Node::Delta(..) | Node::Bracket(_) | Node::Sum(..) | Node::Named(..) => true,
        }
    }

    /// `: f64`, where the value of a variable does not tell its type.
    pub(super) fn annotation(&self, e: Expr) -> TokenStream {
        match self.computes_typed(e) {
            true => TokenStream::new(),
            false => {
                let float = self.interface.float.clone();
                quote!(: #float)
            }
        }
    }

    pub(super) fn compute(&self, e: Expr, strength: u8) -> TokenStream {
        match &self.program.arena[e] {
            Node::Const(c) => self.number(c, strength),
            Node::Integer(a) => self.integer(a, strength),
            Node::Access(t, at) if self.program.lazy.contains(t) => {
                let constant = self.element(*t, at);
                quote!(#constant())
            }
            Node::Access(t, at) => {
                let element = self.element(*t, self.held(*t, at));
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
            Node::Delta(..) | Node::Bracket(_) | Node::Sum(..) | Node::Named(..) => unreachable!("lowered to branches and loops"),
        }
    }

    /// A truth value, of which constants are 0 and 1.
    pub(super) fn condition(&self, e: Expr, strength: u8) -> TokenStream {
        match self.program.arena.as_const(e) {
            Some(c) if c.is_zero() => quote!(false),
            Some(_) => quote!(true),
            None => self.expr(e, strength),
        }
    }

    pub(super) fn operation(&self, op: Op, args: &[Expr], strength: u8) -> TokenStream {
        match op.entry().syntax {
            Syntax::Infix(symbol, own) => {
                let operator: TokenStream = symbol.parse().expect("an operator of Rust");
                // positions are compared as integers
                let integers: Option<Vec<Affine>> =
                    op.entry().truth.then(|| args.iter().map(|a| self.program.arena.as_position(*a)).collect()).flatten();
                let (left, right) = match integers.as_deref() {
                    Some([a, b]) => self.compared(a, b),
                    _ if matches!(op, Op::And | Op::Or) => (self.condition(args[0], own), self.condition(args[1], own + 1)),
                    _ => (self.expr(args[0], if own == 3 { own + 1 } else { own }), self.expr(args[1], own + 1)),
                };
                parenthesise(quote!(#left #operator #right), own, strength)
            }
            Syntax::Prefix(symbol) => {
                let operator: TokenStream = symbol.parse().expect("an operator of Rust");
                let inner = if op == Op::Not { self.condition(args[0], PREFIX + 1) } else { self.expr(args[0], PREFIX + 1) };
                parenthesise(quote!(#operator #inner), PREFIX, strength)
            }
            Syntax::Select => {
                let (c, a, b) = (self.condition(args[0], WEAKEST), self.expr(args[1], WEAKEST), self.expr(args[2], WEAKEST));
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

    pub(super) fn power(&self, args: &[Expr]) -> TokenStream {
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

    /// Both sides of a comparison of integers, without a difference that could be negative.
    pub(super) fn compared(&self, a: &Affine, b: &Affine) -> (TokenStream, TokenStream) {
        let difference = a.plus(b, -1);
        let (left, right) = difference.sides();
        // a parameter may be negative
        let signed = difference.terms().iter().any(|(s, _)| match s {
            Symbol::Size(n) => self.program.sizes[n.0 as usize].kind == SizeKind::Integer,
            Symbol::Index(_) | Symbol::Bound(_) => false,
        });
        let tokens = |a: &Affine| if signed { self.signed(a) } else { self.affine(a) };
        (tokens(&left), tokens(&right))
    }

    /// A sum of integers as `i128`, which holds every integer parameter.
    pub(super) fn signed(&self, a: &Affine) -> TokenStream {
        let mut out = TokenStream::new();
        for (symbol, c) in a.terms() {
            let name = match symbol {
                Symbol::Size(n) => self.raw_integer(*n).unwrap_or_else(|| self.symbol(*symbol)),
                Symbol::Index(_) | Symbol::Bound(_) => self.symbol(*symbol),
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
    pub(super) fn raw_integer(&self, size: Size) -> Option<TokenStream> {
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
