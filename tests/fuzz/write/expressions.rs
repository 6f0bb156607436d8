//! Scalar expressions, defined wherever their operands are.

use super::{Callable, Float, Index, Len, Ty, Variant, Wrapper, Writer};

/// Numbers that an `f32` holds exactly, and a few that no float does.
const LITERALS: [&str; 12] = ["1.0", "0.5", "2.0", "0.25", "1.5", "3.0", "0.0", "0.1", "0.75", "0.3", "4.0", "1.2"];

impl Writer {
    pub(super) fn literal(&mut self) -> String {
        format!("‹{}›", self.c.of(&LITERALS))
    }

    /// What can be called a method on: no bare literal, whose type would be open.
    pub(super) fn receiver(&mut self, depth: usize) -> String {
        self.expr(depth).replace('›', "ƒ›")
    }

    /// A place to read: a variable or an element at a position that is valid.
    pub(super) fn atom(&mut self) -> String {
        let places = self.places(false);
        // what was declared last is used more often
        let n = places.len();
        match self.c.below(8) {
            0 if n == 0 => self.literal(),
            6 => self.literal(),
            7 if !self.integers.is_empty() => self.integer(),
            0..=3 if n > 4 => {
                let k = self.c.below(4);
                places[n - 1 - k].clone()
            }
            _ if n > 0 => self.c.of(&places),
            _ => self.literal(),
        }
    }

    /// An integer as a float, by itself or after a little arithmetic.
    fn integer(&mut self) -> String {
        let i = self.c.of(&self.integers.clone());
        let known = self.indices.iter().any(|j| j.text == i && matches!(j.len, Len::Known(_)));
        match self.c.below(10) {
            0 => format!("«({i} as i32 - 2)»"),
            1 => format!("«(({i} as i64 * 3) as i32)»"),
            2 if known => format!("«(({i} as u8 + 250).wrapping_add(7) as i8)»"),
            3 if known => format!("«({i} % 2)»"),
            4 if known => format!("«({i} / 2 + 1)»"),
            5 => format!("«({i} + 1)»"),
            _ => format!("«{i}»"),
        }
    }

    /// Scalars that may be read, or also written.
    pub(super) fn places(&mut self, written: bool) -> Vec<String> {
        let mut out = Vec::new();
        let fitting = |indices: &[Index], len: Len| -> Vec<String> {
            let fits = |i: &&Index| i.len == len || matches!((i.len, len), (Len::Known(a), Len::Known(b)) if a <= b);
            indices.iter().filter(fits).map(|i| i.text.clone()).collect()
        };
        let known = |n: usize| (0..n.min(3)).map(|k| k.to_string()).collect::<Vec<_>>();
        let axis = |len: Len| -> Vec<String> {
            let own = fitting(&self.indices, len);
            match len {
                Len::Known(n) => own.into_iter().chain(known(n)).collect(),
                Len::Open(_) => own,
            }
        };
        for v in self.vars.iter().filter(|v| v.mutable || !written) {
            let mut positions = vec![Vec::new()];
            for len in v.ty.axes() {
                let own = axis(len);
                positions = positions.iter().flat_map(|at| own.iter().map(|i| [at.clone(), vec![i.clone()]].concat())).collect();
            }
            // an array of many positions is not to hide the others
            let step = positions.len().div_ceil(12).max(1);
            out.extend(positions.iter().step_by(step).map(|at| v.ty.element(&v.text, at)));
        }
        out
    }

    /// An expression of at most this depth.
    pub(super) fn expr(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.span(Writer::atom);
        }
        let e = self.span(|w| w.expression(depth - 1));
        // a block at the start of a statement or an arm would end there
        if e.starts_with('{') {
            format!("({e})")
        } else {
            e
        }
    }

    fn expression(&mut self, d: usize) -> String {
        match self.c.below(31) {
            30 => self.optional(d),
            0 | 1 => self.atom(),
            2..=4 => format!("({} + {})", self.expr(d), self.expr(d)),
            5 | 6 => format!("({} - {})", self.expr(d), self.expr(d)),
            7..=10 => format!("({} * {})", self.expr(d), self.expr(d)),
            11 | 12 => self.quotient(d),
            13..=15 => self.unary(d),
            16 | 17 => self.guarded(d),
            18 => self.power(d),
            19 => self.binary(d),
            20 | 21 => {
                let (c, a, b) = (self.condition(d.min(1)), self.expr(d), self.expr(d));
                format!("(if {c} {{ {a} }} else {{ {b} }})")
            }
            22 => format!("(-{})", self.receiver(d)),
            23..=25 => self.reduction(d),
            26 => self.call(d),
            27 => self.block(d),
            28 => self.guarded_read(d),
            _ => self.matched(d),
        }
    }

    fn quotient(&mut self, d: usize) -> String {
        let a = self.expr(d);
        match self.c.below(3) {
            0 => format!("({a} / {})", self.c.of(&["‹2.0›", "‹1.5›", "‹3.0›", "‹0.7›"])),
            1 => {
                let b = self.name("t");
                let value = self.expr(d);
                format!("{{ let {b}: 𝔽 = {value}; {a} / ({b} * {b} + ‹1.0›) }}")
            }
            _ => format!("({a} / (‹1.5› + {}.sin()))", self.receiver(d)),
        }
    }

    fn unary(&mut self, d: usize) -> String {
        let a = self.receiver(d);
        let method = self.c.of(&["sin", "cos", "tanh", "atan", "abs", "asinh", "exp", "signum", "to_radians", "floor", "fract", "sin"]);
        match method {
            "exp" => format!("({a} * ‹0.25›).tanh().{}()", self.c.of(&["exp", "exp_m1", "exp2", "sinh", "cosh", "tan"])),
            // the sign of a product or a ratio hangs on rounding too often
            "signum" | "floor" if !a.chars().all(|ch| ch.is_ascii_alphanumeric() || ch == '[' || ch == ']') => format!("{a}.cos()"),
            m => format!("{a}.{m}()"),
        }
    }

    /// Functions with a domain, of what lies in it.
    fn guarded(&mut self, d: usize) -> String {
        let t = self.name("t");
        let a = self.expr(d);
        let e = match self.c.below(12) {
            0 | 1 => format!("({t} * {t} + ‹0.5›).sqrt()"),
            2 | 3 => format!("({t} * {t} + ‹1.0›).ln()"),
            4 => format!("({t} * {t}).ln_1p()"),
            5 => format!("({t} * {t} + ‹1.0›).recip()"),
            6 => format!("(‹0.5› * {t}.sin()).asin()"),
            7 => format!("(‹0.5› * {t}.cos()).acos()"),
            8 => format!("(‹0.75› * {t}.tanh()).atanh()"),
            9 => format!("({t} * {t} + ‹0.25›).cbrt()"),
            10 => format!("(‹1.0› + (-{t} * {t}).exp()).log2()"),
            _ => format!("(if {t} > ‹0.0› {{ {t}.sqrt() * {t} }} else {{ ‹0.0› }})"),
        };
        format!("{{ let {t}: 𝔽 = {a}; {e} }}")
    }

    fn power(&mut self, d: usize) -> String {
        let a = self.receiver(d);
        match self.c.below(6) {
            5 => {
                let n = self.c.of(&["2", "3", "8", "5", "7"]);
                format!("({} * {}).powi({n})", self.receiver(0), self.receiver(0))
            }
            0 => format!("{a}.powi(2)"),
            1 => format!("{a}.powi({})", self.c.of(&[3, 1, 0, 4, 8])),
            2 => {
                let n = self.c.of(&[2, 3, 8, 12]);
                format!("({a}.sin() * {}.cos()).powi({n})", self.receiver(d))
            }
            3 => {
                let n = self.c.of(&["-1", "-2", "-3", "5"]);
                format!("({a} * {a} + ‹1.0›).powi({n})")
            }
            _ => {
                let e = if self.c.below(2) == 0 {
                    self.c.of(&["‹1.5›", "‹2.0›", "‹0.5›", "‹-0.5›"]).to_owned()
                } else {
                    format!("{}.tanh()", self.receiver(d))
                };
                format!("({a} * {a} + ‹0.5›).powf({e})")
            }
        }
    }

    fn binary(&mut self, d: usize) -> String {
        let (a, b) = (self.receiver(d), self.expr(d));
        match self.c.below(if self.float == Float::Generic { 7 } else { 9 }) {
            0 => format!("{a}.max({b})"),
            1 => format!("{a}.min({b})"),
            2 => format!("{a}.max({})", self.c.of(&["‹0.0›", "‹0.5›", "‹-1.0›"])),
            3 => format!("({a} * {a} + ‹0.25›).hypot({b})"),
            4 => format!("{a}.atan2({} + ‹1.5›)", format_args!("{}.cos()", self.receiver(d))),
            5 => format!("{a}.mul_add({b}, {})", self.expr(d)),
            6 => format!("{a}.min({})", self.c.of(&["‹1.0›", "‹0.5›", "‹0.0›"])),
            7 => format!("{a}.clamp(‹-1.0›, ‹1.0›)"),
            _ => {
                let (s, k) = (self.name("s"), self.name("k"));
                format!("{{ let ({s}, {k}) = {a}.sin_cos(); {s} * {b} - {k} }}")
            }
        }
    }

    pub(super) fn condition(&mut self, d: usize) -> String {
        match self.c.below(9) {
            0..=3 => format!("{} {} {}", self.receiver(d), self.c.of(&[">", "<", ">=", "<="]), self.atom()),
            4 => format!("{} > ‹0.0›", self.receiver(d)),
            5 if !self.truths.is_empty() => self.c.of(&self.truths.clone()),
            6 if !self.indices.is_empty() => {
                let i = self.c.of(&self.indices.clone());
                // of a position in an open loop the remainder is not known
                let known = matches!(i.len, Len::Known(_)) && !i.text.contains(' ');
                format!("{} {}", i.text, self.c.of(&["> 0", "== 1", "< 2", "> 1", if known { "% 2 == 0" } else { ">= 2" }]))
            }
            7 => format!("{} > ‹0.25› && {} < ‹1.0›", self.receiver(0), self.receiver(0)),
            8 => format!("{} > ‹0.5› || {} < ‹0.0›", self.receiver(0), self.receiver(0)),
            _ => format!("{} > {}", self.receiver(d), self.literal()),
        }
    }

    fn block(&mut self, d: usize) -> String {
        self.scope(|w| {
            let t = w.name("b");
            let value = w.expr(d);
            w.declare(&t, Ty::Scalar, false);
            format!("{{ let {t}: 𝔽 = {value}; {} }}", w.expr(d))
        })
    }

    fn matched(&mut self, d: usize) -> String {
        let known = |k: &&String| self.open_loop == 0 || self.indices.iter().any(|i| i.text == **k && matches!(i.len, Len::Known(_)));
        let Some(k) = self.integers.iter().rev().find(known).cloned() else { return self.unary(d) };
        let (a, b, e) = (self.expr(d), self.expr(d), self.expr(d));
        match self.c.below(2) {
            0 => format!("(match {k} {{ 0 => {a}, 1 | 2 => {b}, _ => {e} }})"),
            _ => format!("(match {k} {{ 0 => {a}, q if q > 2 => {b}, _ => {e} }})"),
        }
    }

    /// An element by a method that returns an option.
    fn optional(&mut self, d: usize) -> String {
        let fits = |v: &&super::Var| matches!(v.ty, Ty::Fixed(_)) && !v.text.starts_with("self.");
        let arrays: Vec<String> = self.vars.iter().filter(fits).map(|v| v.text.clone()).collect();
        if arrays.is_empty() {
            return self.guarded_read(d);
        }
        let x = self.c.of(&arrays);
        let item = format!("{x}.{}", self.c.of(&["first()", "last()", "get(1)", "get(2)"]));
        match (self.c.below(4), self.wrapper, item.ends_with("(2)")) {
            (1, Wrapper::Option, false) if self.may_return && self.may_ask => format!("(*{item}?)"),
            (1, Wrapper::Result, false) if self.may_return && self.may_ask => format!("(*{item}.ok_or(\"empty\".to_owned())?)"),
            (2, _, false) => format!("(*{item}.unwrap())"),
            (3, ..) => format!("{item}.map_or({}, |o| *o * *o)", self.receiver(0)),
            _ => format!("(if let Some(o) = {item} {{ *o }} else {{ {} }})", self.expr(d.min(1))),
        }
    }

    /// An element that is there only under a guard.
    fn guarded_read(&mut self, d: usize) -> String {
        let lists: Vec<(String, Len)> = self
            .vars
            .iter()
            .filter_map(|v| match v.ty {
                Ty::List(n) | Ty::Nd1(n) => Some((v.text.clone(), n)),
                Ty::Fixed(n) => Some((v.text.clone(), Len::Known(n))),
                _ => None,
            })
            .collect();
        if lists.is_empty() {
            return self.unary(d);
        }
        let (x, len) = self.c.of(&lists);
        let indices: Vec<String> = self.indices.iter().filter(|i| i.len == len && !i.text.contains(' ')).map(|i| i.text.clone()).collect();
        let other = self.expr(d.min(1));
        let length = if self.c.below(2) == 0 || matches!(len, Len::Known(_)) { format!("{x}.len()") } else { self.length(len) };
        if indices.is_empty() {
            let k = self.c.below(2);
            return format!("(if {length} > {k} {{ {x}[{}] }} else {{ {other} }})", self.c.of(&[k.to_string(), format!("{length} - 1")]));
        }
        let i = self.c.of(&indices);
        match self.c.below(3) {
            0 => format!("(if {i} > 0 {{ {x}[{i} - 1] }} else {{ {other} }})"),
            1 => format!("(if {i} + 1 < {length} {{ {x}[{i} + 1] }} else {{ {other} }})"),
            _ => format!("(if {i} >= 1 && {i} + 1 < {length} {{ {x}[{i} + 1] - {x}[{i} - 1] }} else {{ {other} }})"),
        }
    }

    pub(super) fn call(&mut self, d: usize) -> String {
        if self.calls.is_empty() {
            return self.unary(d);
        }
        let Callable { name, arguments, body } = self.c.of(&self.calls.clone());
        let given: Vec<String> = (0..arguments).map(|_| self.expr(d.min(1))).collect();
        let call = format!("{name}({})", given.join(", "));
        match body {
            Some((params, body)) if self.variant == Variant::Inlined => {
                // the values first, as one tuple: an argument may have the name of a parameter
                let names = params.join(", ");
                let types = vec!["𝔽"; arguments].join(", ");
                let values = given.join(", ");
                // markers do not nest, so the two sources are told apart by lines of their own
                format!("⦃{call}⦄⦅({{ let ({names},): ({types},) = ({values},); {body} }})⦆")
            }
            _ => call,
        }
    }
}
