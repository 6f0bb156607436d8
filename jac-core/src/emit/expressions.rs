//! Values as tokens.

use super::body::Printer;
use super::local;
use crate::interface::{Numbers, ParamKind};
use crate::ir::{Affine, Float, Size, SizeKind, Symbol};
use crate::kernel::{Home, Local, Value};
use crate::ops::{Op, Syntax};
use proc_macro2::{Ident, Literal, TokenStream};
use quote::quote;

/// Binding strengths of Rust's expressions.
const ATOM: u8 = 9;
const PREFIX: u8 = 7;
pub(super) const WEAKEST: u8 = 0;

impl Printer<'_> {
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
                let name = self.index(i);
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
                Symbol::Size(n) if self.kernel.program.sizes[n.0 as usize].kind == SizeKind::Integer => {
                    self.raw_integer(*n).unwrap_or_else(|| self.symbol(*symbol))
                }
                _ => self.symbol(*symbol),
            };
            let factor = self.number(c.abs() as f64, ATOM);
            let converted = match &self.interface.generic {
                Some(generic) if generic.numbers == Numbers::Cast => generic.number(&name),
                Some(generic) => generic.number(&quote!(#name as ::core::primitive::f64)),
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
            let c = self.number(a.constant().abs() as f64, ATOM);
            out = if a.constant() < 0 { quote!(#out - #c) } else { quote!(#out + #c) };
        }
        if strength > WEAKEST {
            quote!((#out))
        } else {
            out
        }
    }

    pub(super) fn number(&self, x: f64, strength: u8) -> TokenStream {
        let (negative, x) = (x < 0.0, x.abs());
        let text = match self.kernel.program.float {
            Float::F64 => format!("{x:?}"),
            Float::F32 => format!("{:?}", x as f32),
        };
        let finite = match self.kernel.program.float {
            Float::F64 => x.is_finite(),
            Float::F32 => (x as f32).is_finite(),
        };
        let float = self.interface.float.clone();
        let magnitude = match text.parse::<Literal>() {
            Ok(literal) => match &self.interface.generic {
                Some(generic) if x == 0.0 => generic.zero(),
                Some(generic) if x == 1.0 => generic.one(),
                Some(generic) => generic.number(&quote!(#literal)),
                None if finite => quote!(#literal),
                None => quote!(<#float>::INFINITY),
            },
            _ => quote!(<#float>::INFINITY),
        };
        match (negative, strength > PREFIX) {
            (false, _) => magnitude,
            (true, false) => quote!(-#magnitude),
            (true, true) => quote!((-#magnitude)),
        }
    }

    /// The receiver of a method call; a literal gets its type.
    pub(super) fn receiver(&self, value: &Value) -> TokenStream {
        match value.as_const() {
            Some(c) if self.interface.generic.is_some() => self.number(c, ATOM),
            Some(c) => {
                let number = self.number(c, WEAKEST);
                let float = self.interface.float.clone();
                quote!((#number as #float))
            }
            None if self.tells_type(value) => self.value(value, ATOM),
            None => {
                let (value, float) = (self.value(value, ATOM), self.interface.float.clone());
                quote!((#value as #float))
            }
        }
    }

    /// Whether rustc sees the type of a value where it stands: literals alone have none, and a method
    /// of such a value is an error.
    fn tells_type(&self, value: &Value) -> bool {
        match value {
            Value::Const(_) => self.interface.generic.is_some(),
            Value::Integer(a) => !a.terms().is_empty(),
            Value::Apply(Op::Select, args) => args[1..].iter().any(|a| self.tells_type(a)),
            Value::Apply(op, args) => {
                op.entry().truth || matches!(op.entry().syntax, Syntax::Method) || args.iter().any(|a| self.tells_type(a))
            }
            Value::Read(..) | Value::Local(_) => true,
        }
    }

    /// `: f64`, where none of the values that a variable may have tells its type.
    pub(super) fn annotation(&self, values: &[&Value]) -> TokenStream {
        if values.iter().any(|value| self.tells_type(value)) {
            return TokenStream::new();
        }
        let float = self.interface.float.clone();
        quote!(: #float)
    }

    pub(super) fn variable(&self, local: Local) -> Ident {
        super::local(&format!("__{}", self.kernel.locals[local.0 as usize].name))
    }

    /// A value, in parentheses if it binds less strongly.
    pub(super) fn value(&self, value: &Value, strength: u8) -> TokenStream {
        match value {
            Value::Const(x) => self.number(*x, strength),
            Value::Integer(a) => self.integer(a, strength),
            Value::Local(local) => {
                let name = self.variable(*local);
                self.copied(quote!(#name))
            }
            Value::Read(b, at) => {
                let (element, info) = (self.element(*b, at), self.kernel.info(*b));
                if info.lazy {
                    return quote!(#element());
                }
                let behind_reference = info.home == Home::Input && at.is_empty() && self.is_reference(*b);
                let own = if behind_reference { PREFIX } else { ATOM };
                // what is cloned is a receiver
                self.copied(parenthesise(element, own, if self.is_copy() { strength } else { ATOM }))
            }
            Value::Apply(op, args) => self.operation(*op, args, strength),
        }
    }

    /// Whether the float type is one of num-dual's.
    fn is_dual(&self) -> bool {
        self.interface.generic.as_ref().is_some_and(|generic| generic.numbers == Numbers::From)
    }

    /// Whether values of the float type are copied where they are read.
    fn is_copy(&self) -> bool {
        self.interface.generic.as_ref().is_none_or(|generic| generic.is_copy)
    }

    /// What is read, cloned if that does not copy it.
    fn copied(&self, tokens: TokenStream) -> TokenStream {
        if self.is_copy() {
            tokens
        } else {
            quote!(#tokens.clone())
        }
    }

    /// A truth value, of which constants are 0 and 1.
    pub(super) fn condition(&self, value: &Value, strength: u8) -> TokenStream {
        match value.as_const() {
            Some(0.0) => quote!(false),
            Some(_) => quote!(true),
            None => self.value(value, strength),
        }
    }

    pub(super) fn operation(&self, op: Op, args: &[Value], strength: u8) -> TokenStream {
        match op.entry().syntax {
            Syntax::Infix(symbol, own) => {
                let operator: TokenStream = symbol.parse().expect("an operator of Rust");
                // positions are compared as integers
                let integers: Option<Vec<Affine>> = op.entry().truth.then(|| args.iter().map(Value::as_position).collect()).flatten();
                let (left, right) = match integers.as_deref() {
                    Some([a, b]) => self.compared(a, b),
                    // dual numbers are compared by their values
                    _ if self.is_dual() && op.entry().truth && !matches!(op, Op::And | Op::Or) => {
                        let [left, right] = [0, 1].map(|k| self.value(&args[k], ATOM));
                        (quote!(#left.re()), quote!(#right.re()))
                    }
                    _ if matches!(op, Op::And | Op::Or) => (self.condition(&args[0], own), self.condition(&args[1], own + 1)),
                    _ => (self.value(&args[0], if own == 3 { own + 1 } else { own }), self.value(&args[1], own + 1)),
                };
                parenthesise(quote!(#left #operator #right), own, strength)
            }
            Syntax::Prefix(symbol) => {
                let operator: TokenStream = symbol.parse().expect("an operator of Rust");
                let inner = if op == Op::Not { self.condition(&args[0], PREFIX + 1) } else { self.value(&args[0], PREFIX + 1) };
                parenthesise(quote!(#operator #inner), PREFIX, strength)
            }
            Syntax::Select => {
                let (c, a, b) = (self.condition(&args[0], WEAKEST), self.value(&args[1], WEAKEST), self.value(&args[2], WEAKEST));
                // a statement may not begin with an `if` that is meant as an operand
                parenthesise(quote!(if #c { #a } else { #b }), WEAKEST, strength)
            }
            Syntax::Keep => self.value(&args[0], strength),
            Syntax::Method if op == Op::Pow => self.power(args),
            Syntax::Method => {
                let name = local(op.name());
                let receiver = self.receiver(&args[0]);
                let rest = args[1..].iter().map(|a| self.value(a, WEAKEST));
                quote!(#receiver.#name(#(#rest),*))
            }
        }
    }

    pub(super) fn power(&self, args: &[Value]) -> TokenStream {
        let base = self.receiver(&args[0]);
        let exponent = args[1].as_integer().and_then(|n| i32::try_from(n).ok());
        match (exponent, &args[1]) {
            (Some(n), _) => {
                let n = Literal::i32_unsuffixed(n);
                quote!(#base.powi(#n))
            }
            (None, Value::Integer(a)) => {
                let n = self.integer(a, ATOM);
                quote!(#base.powi(#n as ::core::primitive::i32))
            }
            _ => {
                let b = self.value(&args[1], WEAKEST);
                let name = local(if self.is_dual() { "powd" } else { "powf" });
                quote!(#base.#name(#b))
            }
        }
    }

    /// Both sides of a comparison of integers, without a difference that could be negative.
    pub(super) fn compared(&self, a: &Affine, b: &Affine) -> (TokenStream, TokenStream) {
        let difference = a.plus(b, -1);
        let (left, right) = difference.sides();
        // a parameter may be negative
        let signed = difference.terms().iter().any(|(s, _)| match s {
            Symbol::Size(n) => self.kernel.program.sizes[n.0 as usize].kind == SizeKind::Integer,
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
