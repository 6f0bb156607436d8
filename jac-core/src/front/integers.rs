//! Integers, with the width of their types.

use super::body::{Eval, Reader};
use super::value::{Truth, Value};
use crate::ir::{Affine, Expr};
use crate::ops::Op;
use proc_macro2::Span;
use syn::BinOp;

/// A type of integers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IntType {
    name: &'static str,
    bits: u32,
    signed: bool,
}

/// Rust's types of integers; `usize` has 64 bits where jac's programs run.
#[rustfmt::skip]
const TYPES: [IntType; 12] = [
    IntType { name: "usize", bits: 64, signed: false }, IntType { name: "isize", bits: 64, signed: true },
    IntType { name: "u8", bits: 8, signed: false },     IntType { name: "i8", bits: 8, signed: true },
    IntType { name: "u16", bits: 16, signed: false },   IntType { name: "i16", bits: 16, signed: true },
    IntType { name: "u32", bits: 32, signed: false },   IntType { name: "i32", bits: 32, signed: true },
    IntType { name: "u64", bits: 64, signed: false },   IntType { name: "i64", bits: 64, signed: true },
    IntType { name: "u128", bits: 128, signed: false }, IntType { name: "i128", bits: 128, signed: true },
];

/// Positions and run-time sums stay below this, so that sums of a few cannot overflow: no memory is as long.
const LARGEST_POSITION: i64 = 1 << 48;

impl IntType {
    /// The type of this name.
    pub fn named(name: &str) -> Option<IntType> {
        TYPES.into_iter().find(|ty| ty.name == name)
    }

    /// The type of positions and lengths.
    pub fn usize() -> IntType {
        TYPES[0]
    }

    pub(super) fn least(self) -> i128 {
        if self.signed {
            -(1 << (self.bits - 1).min(126))
        } else {
            0
        }
    }

    pub(super) fn largest(self) -> i128 {
        let bits = if self.signed { self.bits - 1 } else { self.bits };
        (1 << bits.min(126)) - 1
    }

    fn holds(self, value: i128) -> bool {
        (self.least()..=self.largest()).contains(&value)
    }

    /// The value that is left of one that is too large, as in a cast.
    fn wrapped(self, value: i128) -> i128 {
        if self.bits == 128 {
            return value;
        }
        let low = value.rem_euclid(1 << self.bits);
        if self.signed && low > self.largest() {
            low - (1 << self.bits)
        } else {
            low
        }
    }
}

/// An integer of the body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Int {
    /// Its value, over what is known at run time.
    pub at: Affine,
    /// Its type; that of a literal may follow from its use.
    pub ty: Option<IntType>,
    /// Whether a cast may have changed it at run time.
    pub cast: bool,
}

impl Int {
    /// The value, if it is known at compile time.
    pub fn known(&self) -> Option<i64> {
        self.at.known()
    }
}

impl Value {
    /// An integer of unknown type.
    pub fn int(k: i64) -> Value {
        Value::Int(Int { at: Affine::from(k), ty: None, cast: false })
    }

    /// A position or length.
    pub fn position(at: impl Into<Affine>) -> Value {
        Value::Int(Int { at: at.into(), ty: Some(IntType::usize()), cast: false })
    }
}

/// `a + factor · b`, if it is no larger than positions are.
fn checked_plus(a: &Affine, b: &Affine, factor: i64) -> Option<Affine> {
    let fits = |x: i64, y: i64| {
        let sum = i128::from(x) + i128::from(y) * i128::from(factor);
        sum.abs() <= i128::from(LARGEST_POSITION)
    };
    let terms = b.terms().iter().all(|(symbol, c)| fits(a.coefficient(*symbol), *c));
    (terms && fits(a.constant(), b.constant())).then(|| a.plus(b, factor))
}

impl Reader<'_> {
    /// An integer as a position or length.
    pub(super) fn as_position(&mut self, int: &Int, span: Span) -> Eval<Affine> {
        let large = |x: i64| x.checked_abs().is_none_or(|x| x > LARGEST_POSITION);
        if large(int.at.constant()) || int.at.terms().iter().any(|(_, c)| large(*c)) {
            return self.fail(span, "this integer is too large for a position or length", "");
        }
        Ok(int.at.clone())
    }

    /// An integer that was computed.
    pub(super) fn int(&mut self, value: i128, ty: Option<IntType>, span: Span) -> Eval<Int> {
        if let Some(ty) = ty.filter(|ty| !ty.holds(value)) {
            let help = "use a wider type, or `wrapping_add` and its kin where it is meant to wrap";
            return self.fail(span, format!("{value} overflows `{}`", ty.name), help);
        }
        match i64::try_from(value) {
            Ok(k) => Ok(Int { at: Affine::from(k), ty, cast: false }),
            Err(_) => self.fail(span, "integers beyond 64 bits with sign are not evaluated", "compute it outside the function"),
        }
    }

    /// A binary operator on integers.
    pub(super) fn integer_op(&mut self, op: Op, a: &Int, b: &Int, span: Span) -> Eval {
        let (a, b) = (Int { at: self.lengths.resolve(&a.at), ..*a }, Int { at: self.lengths.resolve(&b.at), ..*b });
        if op.entry().truth {
            return self.integer_comparison(op, &a, &b, span);
        }
        let ty = a.ty.or(b.ty);
        if let (Some(x), Some(y)) = (a.known(), b.known()) {
            if matches!(op, Op::Div | Op::Rem) && y == 0 {
                return self.fail(span, "an integer divided by zero", "");
            }
            let (x, y) = (i128::from(x), i128::from(y));
            let value = match op {
                Op::Add => x + y,
                Op::Sub => x - y,
                Op::Mul => x * y,
                Op::Div => x / y,
                Op::Rem => x % y,
                _ => return self.fail(span, format!("cannot apply `{}` to integers", op.name()), ""),
            };
            self.untyped_overflow(ty, [x, y], value, span)?;
            return self.int(value, ty, span).map(Value::Int);
        }
        let zero = Affine::default();
        let at = match (op, a.known(), b.known()) {
            (Op::Add, ..) => checked_plus(&a.at, &b.at, 1),
            (Op::Sub, ..) => checked_plus(&a.at, &b.at, -1),
            (Op::Mul, Some(k), _) => checked_plus(&zero, &b.at, k),
            (Op::Mul, _, Some(k)) => checked_plus(&zero, &a.at, k),
            _ => {
                let help = "positions are sums of indices and lengths, times literals";
                return self.fail(span, "this integer is not linear in lengths and parameters", help);
            }
        };
        match at {
            Some(at) => Ok(Value::Int(Int { at, ty, cast: a.cast || b.cast })),
            None => self.fail(span, "this integer is too large for a position or length", ""),
        }
    }

    /// Integers whose type is not seen are taken as `i32`, as rustc does, unless one is larger already.
    fn untyped_overflow(&mut self, ty: Option<IntType>, operands: [i128; 2], value: i128, span: Span) -> Eval<()> {
        let small = |x: &i128| i32::try_from(*x).is_ok();
        if ty.is_some() || small(&value) || !operands.iter().all(small) {
            return Ok(());
        }
        self.fail(span, format!("{value} overflows `i32`, and this integer has no other type here"), "write its type, as in `1u64`")
    }

    fn integer_comparison(&mut self, op: Op, a: &Int, b: &Int, span: Span) -> Eval {
        if let (Some(x), Some(y)) = (a.known(), b.known()) {
            let order = (i128::from(x) - i128::from(y)).signum() as f64;
            return Ok(Value::Truth(Truth::Known((op.entry().value)(&[order, 0.0]) != 0.0)));
        }
        if a.cast || b.cast {
            return self.changed_by_cast(span);
        }
        let Some(difference) = checked_plus(&a.at, &b.at, -1) else {
            return self.fail(span, "this integer is too large for a position or length", "");
        };
        if let Some(d) = difference.known() {
            return Ok(Value::Truth(Truth::Known((op.entry().value)(&[d as f64, 0.0]) != 0.0)));
        }
        let args = vec![self.program.arena.integer(a.at.clone()), self.program.arena.integer(b.at.clone())];
        Ok(Value::Truth(Truth::Open(self.program.arena.apply(op, args))))
    }

    fn changed_by_cast<T>(&mut self, span: Span) -> Eval<T> {
        let help = "cast to a type that holds every value, or pass the integer as the type that is needed";
        self.fail(span, "a cast of this integer may change its value at run time", help)
    }

    /// `&`, `|`, `^`, `<<` and `>>`.
    pub(super) fn bit_op(&mut self, op: &BinOp, a: Value, b: Value, span: Span) -> Eval {
        let (a, b) = match (self.read_through(a)?, self.read_through(b)?) {
            (Value::Truth(a), Value::Truth(b)) => {
                return Ok(Value::Truth(match op {
                    BinOp::BitAnd(_) | BinOp::BitAndAssign(_) => self.both(Op::And, a, b),
                    BinOp::BitOr(_) | BinOp::BitOrAssign(_) => self.both(Op::Or, a, b),
                    _ => {
                        let (not_a, not_b) = (self.not(a), self.not(b));
                        let (first, second) = (self.both(Op::And, a, not_b), self.both(Op::And, not_a, b));
                        self.both(Op::Or, first, second)
                    }
                }));
            }
            (Value::Int(a), Value::Int(b)) => (a, b),
            (a @ Value::Opaque(_), b) | (a, b @ Value::Opaque(_)) => {
                let Some((x, y)) = self.as_opaque(&a).zip(self.as_opaque(&b)) else {
                    return self.fail(span, format!("bit operations on {} and {} are not supported", a.kind(), b.kind()), "");
                };
                let symbol = match op {
                    BinOp::BitAndAssign(_) => syn::parse_quote!(&),
                    BinOp::BitOrAssign(_) => syn::parse_quote!(|),
                    BinOp::BitXorAssign(_) => syn::parse_quote!(^),
                    BinOp::ShlAssign(_) => syn::parse_quote!(<<),
                    BinOp::ShrAssign(_) => syn::parse_quote!(>>),
                    op => *op,
                };
                return Ok(Value::Opaque(std::rc::Rc::new(syn::parse_quote!((#x #symbol #y)))));
            }
            (a, b) => return self.fail(span, format!("bit operations on {} and {} are not supported", a.kind(), b.kind()), ""),
        };
        let (Some(x), Some(y)) = (a.known(), b.known()) else {
            return self.fail(span, "bit operations on integers that are known only at run time", "pass the result as a parameter");
        };
        let (x, y) = (i128::from(x), i128::from(y));
        let shift = matches!(op, BinOp::Shl(_) | BinOp::ShlAssign(_) | BinOp::Shr(_) | BinOp::ShrAssign(_));
        let ty = if shift { a.ty } else { a.ty.or(b.ty) };
        let bits = ty.map_or(32, |ty| ty.bits);
        if shift && !(0..i128::from(bits.min(64))).contains(&y) {
            return self.fail(span, format!("a shift by {y} of an integer of {bits} bits"), "write the type of the integer, as in `1u64`");
        }
        let value = match op {
            BinOp::BitAnd(_) | BinOp::BitAndAssign(_) => x & y,
            BinOp::BitOr(_) | BinOp::BitOrAssign(_) => x | y,
            BinOp::BitXor(_) | BinOp::BitXorAssign(_) => x ^ y,
            BinOp::Shr(_) | BinOp::ShrAssign(_) => x >> y,
            // what is shifted out is lost
            _ => ty.map_or(x << y, |ty| ty.wrapped(x << y)),
        };
        self.untyped_overflow(ty, [x, y], value, span)?;
        self.int(value, ty, span).map(Value::Int)
    }

    /// `-a`.
    pub(super) fn negated(&mut self, a: &Int, span: Span) -> Eval {
        match a.known() {
            Some(k) => self.int(-i128::from(k), a.ty, span).map(Value::Int),
            None => match checked_plus(&Affine::default(), &a.at, -1) {
                Some(at) => Ok(Value::Int(Int { at, ..a.clone() })),
                None => self.fail(span, "this integer is too large for a position or length", ""),
            },
        }
    }

    /// `!a`.
    pub(super) fn complement(&mut self, a: &Int, span: Span) -> Eval {
        match (a.known(), a.ty) {
            (Some(k), Some(ty)) => self.int(ty.wrapped(-1 - i128::from(k)), a.ty, span).map(Value::Int),
            _ => self.fail(span, "the complement of an integer that is not known, or has no type here", ""),
        }
    }

    /// `a as ty`.
    pub(super) fn cast_integer(&mut self, a: &Int, ty: IntType, span: Span) -> Eval {
        let at = self.lengths.resolve(&a.at);
        if let Some(k) = at.known() {
            return self.int(ty.wrapped(i128::from(k)), Some(ty), span).map(Value::Int);
        }
        let from = a.ty.unwrap_or(IntType::usize());
        let kept = ty.holds(from.least()) && ty.holds(from.largest());
        // lengths and positions are below 2³¹ wherever a program can hold the array
        let length = from == IntType::usize() && ty.bits >= 32;
        Ok(Value::Int(Int { at, ty: Some(ty), cast: a.cast || !kept && !length }))
    }

    /// `x as ty` of a constant.
    pub(super) fn cast_float(&mut self, x: f64, ty: IntType, span: Span) -> Eval {
        // as Rust does: towards zero, NaN to 0, and what is too large to the largest
        let value = (x as i128).clamp(ty.least(), ty.largest());
        self.int(value, Some(ty), span).map(Value::Int)
    }

    /// An integer as a float.
    pub(super) fn integer_as_float(&mut self, a: &Int, span: Span) -> Eval<Expr> {
        let at = self.lengths.resolve(&a.at);
        match at.known() {
            Some(k) => {
                let x = match self.program.float {
                    crate::ir::Float::F64 => k as f64,
                    crate::ir::Float::F32 => f64::from(k as f32),
                };
                self.float_constant(x, span)
            }
            None if a.cast => self.changed_by_cast(span),
            None => Ok(self.program.arena.integer(at)),
        }
    }

    /// A type beside an integer: it is of that type.
    pub(super) fn typed_integer(&mut self, a: Int, ty: IntType, span: Span) -> Eval {
        match (a.ty, a.known()) {
            (None, Some(k)) => self.int(i128::from(k), Some(ty), span).map(Value::Int),
            (None, None) => Ok(Value::Int(Int { ty: Some(ty), ..a })),
            _ => Ok(Value::Int(a)),
        }
    }

    /// `T::MAX`, `T::MIN` and `T::BITS`.
    pub(super) fn integer_constant(&mut self, owner: &str, name: &str, span: Span) -> Eval<Option<Value>> {
        let Some(ty) = IntType::named(owner) else { return Ok(None) };
        let (value, ty) = match name {
            "MAX" => (ty.largest(), Some(ty)),
            "MIN" => (ty.least(), Some(ty)),
            "BITS" => (i128::from(ty.bits), IntType::named("u32")),
            _ => return Ok(None),
        };
        match i64::try_from(value) {
            Ok(_) => self.int(value, ty, span).map(|i| Some(Value::Int(i))),
            Err(_) => Ok(None),
        }
    }

    /// A function of an integer type: `i32::from(k)`, `usize::pow(2, k)`.
    pub(super) fn integer_function(&mut self, owner: &str, name: &str, mut arguments: Vec<Value>, span: Span) -> Eval {
        let Some(ty) = IntType::named(owner) else { return self.fail(span, format!("no type named `{owner}`"), "") };
        let first = arguments.remove(0);
        let first = match self.read_through(first)? {
            Value::Opaque(e) => Value::Int(Int { at: self.opaque_integer(&e)?, ty: None, cast: false }),
            first => first,
        };
        match (name, first) {
            ("from", Value::Truth(Truth::Known(b))) => self.int(i128::from(b), Some(ty), span).map(Value::Int),
            ("from", Value::Int(a)) => self.cast_integer(&a, ty, span),
            ("try_from", Value::Int(a)) => match a.known() {
                Some(k) if !ty.holds(i128::from(k)) => Ok(Value::none()),
                _ => {
                    let cast = self.cast_integer(&a, ty, span)?;
                    // where it does not fit the function has no value here, or panics
                    let Value::Int(int) = cast else { return Ok(cast) };
                    Ok(Value::some(Value::Int(Int { cast: a.cast, ..int })))
                }
            },
            (_, Value::Int(a)) => {
                let a = self.typed_integer(a, ty, span)?;
                let Value::Int(a) = a else { return Ok(a) };
                self.integer_method(&a, name, &arguments, span)
            }
            (_, other) => self.fail(span, format!("`{owner}::{name}` of {}", other.kind()), ""),
        }
    }

    /// A method of integers.
    pub(super) fn integer_method(&mut self, a: &Int, name: &str, arguments: &[Value], span: Span) -> Eval {
        let mut others = Vec::new();
        for argument in arguments {
            match argument {
                Value::Int(b) => others.push(b.clone()),
                other => return self.fail(span, format!("`{name}` of an integer and {}", other.kind()), ""),
            }
        }
        let own = !matches!(name, "pow" | "wrapping_pow" | "checked_pow" | "saturating_pow");
        let ty = a.ty.or(others.first().filter(|_| own).and_then(|b| b.ty));
        let known: Option<Vec<i128>> = others.iter().map(|b| b.known().map(i128::from)).collect();
        let (Some(x), Some(known)) = (self.lengths.resolve(&a.at).known().map(i128::from), known) else {
            return self.fail(span, format!("cannot evaluate `{name}` of an integer at compile time"), "pass the result as a parameter");
        };
        let truth = match (name, known.as_slice()) {
            ("is_positive", []) => Some(x > 0),
            ("is_negative", []) => Some(x < 0),
            ("is_power_of_two", []) => Some(x > 0 && x & (x - 1) == 0),
            ("is_multiple_of", [y]) => Some(if *y == 0 { x == 0 } else { x % y == 0 }),
            _ => None,
        };
        if let Some(truth) = truth {
            return Ok(Value::Truth(Truth::Known(truth)));
        }
        let (manner, stem) =
            ["wrapping_", "checked_", "saturating_"].iter().find_map(|m| name.strip_prefix(m).map(|stem| (*m, stem))).unwrap_or(("", name));
        let Some(value) = exact(stem, x, &known) else {
            return self.fail(span, format!("cannot evaluate `{name}` of an integer at compile time"), "compute it outside the function");
        };
        if manner.is_empty() {
            let counted = matches!(name, "count_ones" | "trailing_zeros" | "ilog2" | "ilog10");
            let ty = if counted { IntType::named("u32") } else { ty };
            self.untyped_overflow(ty, [x, 0], value, span)?;
            return self.int(value, ty, span).map(Value::Int);
        }
        let Some(ty) = ty else {
            return self.fail(span, format!("`{name}` of an integer whose type is not seen"), "write its type, as in `1u64`");
        };
        let value = match manner {
            "wrapping_" => ty.wrapped(value),
            "saturating_" => value.clamp(ty.least(), ty.largest()),
            _ if !ty.holds(value) => return Ok(Value::Option(Truth::Known(false), Box::new(Value::unit()))),
            _ => value,
        };
        let value = Value::Int(self.int(value, Some(ty), span)?);
        Ok(if manner == "checked_" { Value::Option(Truth::Known(true), Box::new(value)) } else { value })
    }
}

/// The value of a method as in mathematics; `None` where it has none, or is not known.
fn exact(name: &str, x: i128, others: &[i128]) -> Option<i128> {
    match (name, others) {
        ("abs" | "unsigned_abs", []) => Some(x.abs()),
        ("neg", []) => Some(-x),
        ("signum", []) => Some(x.signum()),
        ("count_ones", []) if x >= 0 => Some(i128::from(x.count_ones())),
        ("trailing_zeros", []) if x > 0 => Some(i128::from(x.trailing_zeros())),
        ("ilog2", []) => x.checked_ilog2().map(i128::from),
        ("ilog10", []) => x.checked_ilog10().map(i128::from),
        ("isqrt", []) if x >= 0 => Some(x.isqrt()),
        ("next_power_of_two", []) if x >= 0 => (x as u128).checked_next_power_of_two().and_then(|p| i128::try_from(p).ok()),
        ("pow", [n]) => u32::try_from(*n).ok().and_then(|n| x.checked_pow(n)),
        ("add", [y]) => Some(x + y),
        ("sub", [y]) => Some(x - y),
        ("mul", [y]) => Some(x * y),
        ("div", [y]) => x.checked_div(*y),
        ("rem", [y]) => x.checked_rem(*y),
        ("min", [y]) => Some(x.min(*y)),
        ("max", [y]) => Some(x.max(*y)),
        ("clamp", [low, high]) if low <= high => Some(x.clamp(*low, *high)),
        ("abs_diff", [y]) => Some((x - y).abs()),
        ("rem_euclid", [y]) => x.checked_rem_euclid(*y),
        ("div_euclid", [y]) => x.checked_div_euclid(*y),
        ("div_ceil", [y]) if *y > 0 && x >= 0 => Some((x + y - 1) / y),
        ("next_multiple_of", [y]) if *y > 0 && x >= 0 => Some((x + y - 1) / y * y),
        _ => None,
    }
}
