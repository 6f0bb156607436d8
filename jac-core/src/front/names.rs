//! Literals, and what names stand for.

use super::body::{Eval, Reader, Stop};
use super::integers::{Int, IntType};
use super::value::{is_constant, Truth, Value};
use crate::diag::did_you_mean;
use crate::ir::{Affine, Constant, Expr, Float};
use proc_macro2::Span;
use std::rc::Rc;
use syn::spanned::Spanned;
use syn::Lit;

impl Reader<'_> {
    pub(super) fn literal(&mut self, lit: &Lit) -> Eval {
        let float = |r: &mut Self, x: Result<f64, syn::Error>, span: Span| match x.ok().and_then(|x| r.rounded(x)) {
            Some(e) => Ok(Value::Float(e)),
            None => r.fail(span, "this literal is not a finite number", ""),
        };
        match lit {
            Lit::Float(_) | Lit::Int(_) if self.foreign_suffix(lit) => {
                let help = "use one float type throughout";
                self.fail(lit.span(), format!("a literal of another type than `{}`", self.program.float.name()), help)
            }
            Lit::Float(l) => float(self, l.base10_parse(), l.span()),
            Lit::Int(l) if matches!(l.suffix(), "f64" | "f32") => {
                float(self, l.base10_digits().parse().map_err(|_| syn::Error::new(l.span(), "")), l.span())
            }
            Lit::Int(l) => match l.base10_parse::<i64>() {
                Ok(n) => Ok(Value::Int(Int { at: Affine::from(n), ty: IntType::named(l.suffix()), cast: false })),
                Err(_) => self.fail(l.span(), "this integer is too large", ""),
            },
            Lit::Bool(l) => Ok(Value::Truth(Truth::Known(l.value))),
            other => self.fail(other.span(), "this literal is no number", ""),
        }
    }

    /// Whether a literal says that it is a float of the other type.
    fn foreign_suffix(&self, lit: &Lit) -> bool {
        let suffix = match lit {
            Lit::Float(l) => l.suffix(),
            Lit::Int(l) => l.suffix(),
            _ => "",
        };
        suffix.starts_with('f') && suffix != self.program.float.name()
    }

    /// The constant that `x` is in the function's float type.
    pub(super) fn rounded(&mut self, x: f64) -> Option<Expr> {
        let x = match self.program.float {
            Float::F64 => x,
            Float::F32 => f64::from(x as f32),
        };
        Constant::from_f64(x).map(|c| self.program.arena.constant(c))
    }

    pub(super) fn float_constant(&mut self, x: f64, span: Span) -> Eval<Expr> {
        match self.rounded(x) {
            Some(e) => Ok(e),
            None => self.fail(span, "infinity and NaN are not supported as constants", "return them from code outside the function"),
        }
    }

    pub(super) fn path(&mut self, path: &syn::ExprPath) -> Eval {
        let segments: Vec<String> = path.path.segments.iter().map(|s| s.ident.to_string()).collect();
        let last = segments.last().map_or("", String::as_str);
        if let [name] = segments.as_slice() {
            if let Some(slot) = self.slot(name) {
                let slots = std::mem::take(&mut self.slots);
                let counted = self.copy(&slots[slot..=slot], path.span());
                self.slots = slots;
                counted?;
                return match &self.slots[slot] {
                    Value::Poison => Err(Stop::Reported),
                    Value::Unjoined(mistake) => {
                        let mistake = (**mistake).clone();
                        self.diagnostics.report(mistake);
                        self.slots[slot] = Value::Poison;
                        Err(Stop::Reported)
                    }
                    value => Ok(value.clone()),
                };
            }
            if let Some(e) = self.helpers.constants.get(name) {
                let outer = std::mem::take(&mut self.scope);
                let value = self.expr(e);
                self.scope = outer;
                return value;
            }
            if let Some(size) = self.types.named.get(name).filter(|size| self.types.items.contains_key(*size)) {
                return Ok(Value::position(*size));
            }
            if name == "None" {
                self.nothing.get_or_insert(path.span());
                return Ok(Value::none());
            }
            if !is_constant(name) {
                let known: Vec<&str> = self.scope.iter().map(|(n, _)| n.as_str()).collect();
                let near = did_you_mean(name, known).map(|n| format!("a variable with a similar name exists: `{n}`"));
                let help = near.unwrap_or_else(|| "pass it as a parameter, or write it in capitals if it is a constant".into());
                return self.fail(path.span(), format!("cannot see `{name}` from here"), &help);
            }
        }
        let owner = segments.len().checked_sub(2).map_or("", |k| segments[k].as_str());
        if let Some(value) = self.integer_constant(owner, last, path.span())? {
            return Ok(value);
        }
        let float_type = matches!(owner, "f64" | "f32");
        let single = self.program.float == Float::F32;
        let value = match last {
            "EPSILON" if float_type && single => f64::from(f32::EPSILON),
            "MAX" if float_type && single => f64::from(f32::MAX),
            "MIN" if float_type && single => f64::from(f32::MIN),
            "MIN_POSITIVE" if float_type && single => f64::from(f32::MIN_POSITIVE),
            "EPSILON" if float_type => f64::EPSILON,
            "MAX" if float_type => f64::MAX,
            "MIN" if float_type => f64::MIN,
            "MIN_POSITIVE" if float_type => f64::MIN_POSITIVE,
            _ => match FLOAT_CONSTANTS.iter().find(|(name, _)| owner == "consts" && *name == last) {
                Some((_, x)) => *x,
                None if is_constant(last) => return Ok(Value::Opaque(Rc::new(syn::Expr::Path(path.clone())))),
                None => {
                    let help = "declare it inside the function, or pass it as a parameter";
                    return self.fail(path.span(), format!("cannot see `{}` from here", segments.join("::")), help);
                }
            },
        };
        self.float_constant(value, path.span()).map(Value::Float)
    }
}

/// `core::f64::consts`.
#[rustfmt::skip]
const FLOAT_CONSTANTS: [(&str, f64); 19] = {
    use std::f64::consts as c;
    [
        ("PI", c::PI), ("TAU", c::TAU), ("E", c::E), ("SQRT_2", c::SQRT_2), ("LN_2", c::LN_2), ("LN_10", c::LN_10),
        ("LOG2_E", c::LOG2_E), ("LOG10_E", c::LOG10_E), ("LOG2_10", c::LOG2_10), ("LOG10_2", c::LOG10_2),
        ("FRAC_PI_2", c::FRAC_PI_2), ("FRAC_PI_3", c::FRAC_PI_3), ("FRAC_PI_4", c::FRAC_PI_4), ("FRAC_PI_6", c::FRAC_PI_6),
        ("FRAC_PI_8", c::FRAC_PI_8), ("FRAC_1_PI", c::FRAC_1_PI), ("FRAC_2_PI", c::FRAC_2_PI),
        ("FRAC_1_SQRT_2", c::FRAC_1_SQRT_2), ("FRAC_2_SQRT_PI", c::FRAC_2_SQRT_PI),
    ]
};
