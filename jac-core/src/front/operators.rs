//! Operators and casts.

use super::body::{Eval, Reader, Stop};
use super::integers::IntType;
use super::types::Seen;
use super::value::{Library, Truth, Value};
use crate::interface::Ty;
use crate::ir::{Constant, Expr};
use crate::ops::{Op, Syntax};
use proc_macro2::Span;
use std::rc::Rc;
use syn::spanned::Spanned;
use syn::{BinOp, UnOp};

impl Reader<'_> {
    pub(super) fn unary(&mut self, unary: &syn::ExprUnary) -> Eval {
        let value = match (&unary.op, self.expr(&unary.expr)?) {
            // what a reference of the function's own refers to needs no `*` more, even if it is read outside
            (UnOp::Deref(_), Value::Reference(place)) => return self.load(&place, unary.op.span()),
            (_, value) => self.read_through(value)?,
        };
        match (&unary.op, value) {
            (UnOp::Deref(_), Value::Opaque(e)) => Ok(Value::Opaque(match &*e {
                syn::Expr::Reference(r) => Rc::new((*r.expr).clone()),
                e => Rc::new(syn::parse_quote!(*#e)),
            })),
            (UnOp::Deref(_), value) => Ok(value),
            (UnOp::Neg(_), Value::Opaque(e)) => Ok(Value::Opaque(Rc::new(syn::parse_quote!((-#e))))),
            (UnOp::Not(_), Value::Opaque(e)) => {
                let truth = self.opaque_truth(&e)?;
                Ok(Value::Truth(self.not(truth)))
            }
            (UnOp::Neg(_), Value::Int(a)) => self.negated(&a, unary.span()),
            (UnOp::Neg(_), Value::Struct(s)) => self.struct_method(s, "neg", Vec::new(), unary.span()),
            (UnOp::Neg(_), Value::Whole(e)) => Ok(Value::Whole(self.folded(Op::Neg, vec![e]))),
            (UnOp::Not(_), Value::Int(a)) => self.complement(&a, unary.span()),
            (UnOp::Neg(_), value) => self.elementwise(Op::Neg, value, unary.span()),
            (UnOp::Not(_), Value::Truth(t)) => Ok(Value::Truth(self.not(t))),
            (_, other) => self.fail(unary.op.span(), format!("cannot apply this operator to {}", other.kind()), ""),
        }
    }

    pub(super) fn not(&mut self, t: Truth) -> Truth {
        match t {
            Truth::Known(b) => Truth::Known(!b),
            Truth::Open(e) => Truth::Open(self.program.arena.fold(Op::Not, &[e])),
        }
    }

    pub(super) fn both(&mut self, op: Op, a: Truth, b: Truth) -> Truth {
        match (op, a, b) {
            (Op::And, Truth::Known(true), other) | (Op::Or, Truth::Known(false), other) => other,
            (Op::And, other, Truth::Known(true)) | (Op::Or, other, Truth::Known(false)) => other,
            (_, Truth::Known(k), _) | (_, _, Truth::Known(k)) => Truth::Known(k),
            (_, Truth::Open(a), Truth::Open(b)) => Truth::Open(self.program.arena.apply(op, vec![a, b])),
        }
    }

    /// Evaluates a chain of binary operators from the left, without recursion: sums are long.
    pub(super) fn binary(&mut self, binary: &syn::ExprBinary) -> Eval {
        let mut chain = vec![binary];
        while let syn::Expr::Binary(inner) = &*chain[chain.len() - 1].left {
            chain.push(inner);
        }
        let mut left = self.expr(&chain[chain.len() - 1].left)?;
        for link in chain.into_iter().rev() {
            left = self.binary_link(left, link)?;
        }
        Ok(left)
    }

    fn binary_link(&mut self, left: Value, binary: &syn::ExprBinary) -> Eval {
        let Some(BinaryOp { op, swap, not, assign }) = BinaryOp::of(&binary.op) else {
            let right = self.expr(&binary.right)?;
            let value = self.bit_op(&binary.op, left, right, binary.op.span())?;
            return match binary.op {
                BinOp::BitAnd(_) | BinOp::BitOr(_) | BinOp::BitXor(_) | BinOp::Shl(_) | BinOp::Shr(_) => Ok(value),
                _ => self.assign(&binary.left, value).map(|()| Value::unit()),
            };
        };
        let right = match (op, &left) {
            // what is short-circuited is not looked at
            (Op::And, Value::Truth(Truth::Known(false))) | (Op::Or, Value::Truth(Truth::Known(true))) => return Ok(left),
            _ => self.expr(&binary.right)?,
        };
        let (a, b) = if swap { (right, left) } else { (left, right) };
        let mut value = self.apply(op, a, b, binary.op.span())?;
        if not {
            if let Value::Truth(t) = value {
                value = Value::Truth(self.not(t));
            }
        }
        if assign {
            self.here = binary.span();
            self.assign(&binary.left, value)?;
            return Ok(Value::unit());
        }
        Ok(value)
    }

    /// Applies a binary operator to values of any kind.
    pub(super) fn apply(&mut self, op: Op, a: Value, b: Value, span: Span) -> Eval {
        let (a, b) = match (self.read_through(a)?.definite(), self.read_through(b)?.definite()) {
            (Value::Opaque(x), Value::Opaque(y)) => match op.entry().syntax {
                // both types are unknown: rustc computes it
                Syntax::Infix(symbol, _) if !op.entry().truth => {
                    let symbol: syn::BinOp = syn::parse_str(symbol).expect("an operator of Rust");
                    return Ok(Value::Opaque(Rc::new(syn::parse_quote!((#x #symbol #y)))));
                }
                _ if matches!(op, Op::And | Op::Or) => (Value::Truth(self.opaque_truth(&x)?), Value::Truth(self.opaque_truth(&y)?)),
                Syntax::Infix(symbol, _) => {
                    let symbol: syn::BinOp = syn::parse_str(symbol).expect("an operator of Rust");
                    return self.opaque_truth(&syn::parse_quote!((#x #symbol #y))).map(Value::Truth);
                }
                _ => (Value::Opaque(x), Value::Opaque(y)),
            },
            (Value::Opaque(x), Value::Word(y)) | (Value::Word(y), Value::Opaque(x)) if op == Op::Eq => {
                return self.opaque_truth(&syn::parse_quote!((#x == #y))).map(Value::Truth);
            }
            (Value::Opaque(x), b) => (self.like(x, &b)?, b),
            (a, Value::Opaque(y)) => {
                let y = self.like(y, &a)?;
                (a, y)
            }
            both => both,
        };
        match (a, b) {
            (Value::Words(cases, last), Value::Word(word)) | (Value::Word(word), Value::Words(cases, last)) if op == Op::Eq => {
                let mut truth = Truth::Known(same_word(&last, &word));
                for (c, case) in cases.into_iter().rev() {
                    let (holds, here) = (Truth::Open(c), Truth::Known(same_word(&case, &word)));
                    let not = self.not(holds);
                    let (first, rest) = (self.both(Op::And, holds, here), self.both(Op::And, not, truth));
                    truth = self.both(Op::Or, first, rest);
                }
                Ok(Value::Truth(truth))
            }
            (Value::Struct(a), b) if !op.entry().truth => self.struct_op(op, a, b, span),
            (Value::Word(x), Value::Word(y)) if op == Op::Eq => Ok(Value::Truth(Truth::Known(same_word(&x, &y)))),
            (Value::Int(a), Value::Int(b)) => self.integer_op(op, &a, &b, span),
            (a @ (Value::Whole(_) | Value::Int(_)), b @ (Value::Whole(_) | Value::Int(_))) => {
                let (a, b) = (self.whole_number(a, span)?, self.whole_number(b, span)?);
                self.whole_op(op, a, b, span)
            }
            (Value::Truth(a), Value::Truth(b)) if matches!(op, Op::And | Op::Or) => Ok(Value::Truth(self.both(op, a, b))),
            (Value::Truth(a), Value::Truth(b)) if op == Op::Eq => {
                let (not_a, not_b) = (self.not(a), self.not(b));
                let (both, neither) = (self.both(Op::And, a, b), self.both(Op::And, not_a, not_b));
                Ok(Value::Truth(self.both(Op::Or, both, neither)))
            }
            (Value::Float(a), Value::Float(b)) if op.entry().truth => {
                let e = self.folded(op, vec![a, b]);
                Ok(Value::Truth(match self.program.arena.as_const(e) {
                    Some(c) => Truth::Known(!c.is_zero()),
                    None => Truth::Open(e),
                }))
            }
            (Value::Float(a), Value::Float(b)) => Ok(Value::Float(self.folded(op, vec![a, b]))),
            (Value::Tensor(a), Value::Tensor(b)) if op == Op::Mul && [&a, &b].iter().all(|t| t.library == Library::Nalgebra) => {
                self.matrix_product(a, b, span)
            }
            (a @ (Value::Tensor(_) | Value::Float(_)), b @ (Value::Tensor(_) | Value::Float(_))) if !op.entry().truth => {
                self.broadcast(op, a, b, span)
            }
            (Value::Poison, _) | (_, Value::Poison) => Err(Stop::Reported),
            (Value::Generator(_), _) | (_, Value::Generator(_)) => self.unknown_length(span),
            (a, b) => {
                let name = match op.entry().syntax {
                    Syntax::Infix(symbol, _) => symbol,
                    _ => op.name(),
                };
                let mixed = [&a, &b].iter().any(|v| matches!(v, Value::Int(_)))
                    && [&a, &b].iter().any(|v| matches!(v, Value::Float(_) | Value::Tensor(_)));
                let help = if mixed { "write an integer literal as a float, `2.0`, and convert others by `as f64`" } else { "" };
                self.fail(span, format!("cannot apply `{name}` to {} and {}", a.kind(), b.kind()), help)
            }
        }
    }

    /// An integer as the float that it is.
    pub(super) fn whole_number(&mut self, value: Value, span: Span) -> Eval<Expr> {
        match value {
            Value::Int(a) => self.integer_as_float(&a, span),
            Value::Whole(e) => Ok(e),
            other => self.fail(span, format!("expected an integer, found {}", other.kind()), ""),
        }
    }

    /// An operator on integers that depend on floats.
    fn whole_op(&mut self, op: Op, a: Expr, b: Expr, span: Span) -> Eval {
        let value = self.folded(op, vec![a, b]);
        match op {
            Op::Add | Op::Sub | Op::Mul | Op::Rem => Ok(Value::Whole(value)),
            Op::Div => Ok(Value::Whole(self.folded(Op::Trunc, vec![value]))),
            _ if op.entry().truth => Ok(Value::Truth(match self.program.arena.as_const(value) {
                Some(c) => Truth::Known(!c.is_zero()),
                None => Truth::Open(value),
            })),
            _ => self.fail(span, format!("cannot apply `{}` to an integer that depends on floats", op.name()), ""),
        }
    }

    /// A float cast to an integer: as Rust does, towards zero, and not beyond the largest. The derivative is 0.
    pub(super) fn whole_of_float(&mut self, e: Expr, ty: IntType) -> Value {
        let mut value = self.folded(Op::Trunc, vec![e]);
        // of 64 bits no float is near the largest that is not beyond all use
        for (op, bound) in [(Op::Max, ty.least()), (Op::Min, ty.largest())] {
            if bound.abs() < 1 << 53 {
                let bound = self.program.arena.constant(bound as i64);
                value = self.folded(op, vec![value, bound]);
            }
        }
        Value::Whole(value)
    }

    /// Applies an operator to scalars; constants are folded in the function's float type where
    /// IEEE 754 prescribes the result.
    pub(super) fn folded(&mut self, op: Op, args: Vec<Expr>) -> Expr {
        if op.entry().exact {
            let constants: Option<Vec<f64>> = args.iter().map(|e| self.program.arena.as_const(*e).map(Constant::to_f64)).collect();
            if let Some(folded) = constants.and_then(|xs| self.rounded((op.entry().value)(&xs))) {
                return folded;
            }
        }
        self.program.arena.apply(op, args)
    }

    pub(super) fn cast(&mut self, cast: &syn::ExprCast) -> Eval {
        let value = self.expr(&cast.expr)?;
        let syn::Type::Path(ty) = &*cast.ty else {
            return self.fail(cast.ty.span(), "cannot cast to this type", "");
        };
        let name = ty.path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default();
        let seen = self.types.see(&cast.ty);
        let same = matches!(&seen, Seen::Float(Ty::Scalar, (float, _), _) if *float == self.program.float);
        let ty = if let Seen::Integer(ty) = seen { Some(ty) } else { None };
        match (self.read_through(value)?, ty) {
            (Value::Opaque(e), _) => {
                let ty = &cast.ty;
                let e = Value::Opaque(Rc::new(syn::parse_quote!((#e as #ty))));
                self.typed(e, ty)
            }
            (Value::Truth(Truth::Known(b)), Some(ty)) => self.int(i128::from(b), Some(ty), cast.span()).map(Value::Int),
            (Value::Int(a), Some(ty)) => self.cast_integer(&a, ty, cast.span()),
            (Value::Int(a), None) if same => self.integer_as_float(&a, cast.span()).map(Value::Float),
            (Value::Float(e), None) if same => Ok(Value::Float(e)),
            (Value::Float(e), Some(ty)) => match self.program.arena.as_const(e).map(Constant::to_f64) {
                Some(x) => self.cast_float(x, ty, cast.span()),
                None => Ok(self.whole_of_float(e, ty)),
            },
            (Value::Whole(e), Some(ty)) => Ok(self.whole_of_float(e, ty)),
            (Value::Whole(e), None) if same => Ok(Value::Float(e)),
            (Value::Float(_), None) => {
                self.fail(cast.ty.span(), format!("cannot cast a float to `{name}`"), "a cast to another type has no derivative")
            }
            (other, _) => self.fail(cast.ty.span(), format!("cannot cast {} to `{name}`", other.kind()), ""),
        }
    }
}

/// Whether two literals, or two variants of one enum, are the same.
fn same_word(a: &syn::Expr, b: &syn::Expr) -> bool {
    match (a, b) {
        (syn::Expr::Path(a), syn::Expr::Path(b)) => a.path.segments.last().map(|s| &s.ident) == b.path.segments.last().map(|s| &s.ident),
        (syn::Expr::Lit(a), syn::Expr::Lit(b)) => match (&a.lit, &b.lit) {
            (syn::Lit::Char(a), syn::Lit::Char(b)) => a.value() == b.value(),
            (syn::Lit::Str(a), syn::Lit::Str(b)) => a.value() == b.value(),
            (syn::Lit::Byte(a), syn::Lit::Byte(b)) => a.value() == b.value(),
            (syn::Lit::ByteStr(a), syn::Lit::ByteStr(b)) => a.value() == b.value(),
            (a, b) => a == b,
        },
        _ => false,
    }
}

/// A binary operator of Rust by those of the table.
struct BinaryOp {
    op: Op,
    /// With the operands the other way round.
    swap: bool,
    /// With the result negated.
    not: bool,
    /// With the result assigned to the left operand.
    assign: bool,
}

impl BinaryOp {
    fn of(op: &BinOp) -> Option<BinaryOp> {
        let (op, swap, not, assign) = match op {
            BinOp::Add(_) => (Op::Add, false, false, false),
            BinOp::Sub(_) => (Op::Sub, false, false, false),
            BinOp::Mul(_) => (Op::Mul, false, false, false),
            BinOp::Div(_) => (Op::Div, false, false, false),
            BinOp::Rem(_) => (Op::Rem, false, false, false),
            BinOp::AddAssign(_) => (Op::Add, false, false, true),
            BinOp::SubAssign(_) => (Op::Sub, false, false, true),
            BinOp::MulAssign(_) => (Op::Mul, false, false, true),
            BinOp::DivAssign(_) => (Op::Div, false, false, true),
            BinOp::RemAssign(_) => (Op::Rem, false, false, true),
            BinOp::Lt(_) => (Op::Lt, false, false, false),
            BinOp::Gt(_) => (Op::Lt, true, false, false),
            BinOp::Le(_) => (Op::Le, false, false, false),
            BinOp::Ge(_) => (Op::Le, true, false, false),
            BinOp::Eq(_) => (Op::Eq, false, false, false),
            BinOp::Ne(_) => (Op::Eq, false, true, false),
            BinOp::And(_) => (Op::And, false, false, false),
            BinOp::Or(_) => (Op::Or, false, false, false),
            _ => return None,
        };
        Some(BinaryOp { op, swap, not, assign })
    }
}
