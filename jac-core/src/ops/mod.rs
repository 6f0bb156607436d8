//! The operator table: all that jac knows of one operator stands in one entry.
//!
//! An entry is data. The other passes read it and never match on an operator they could look up:
//! the front finds methods by name, the text form prints and parses by [`Syntax`], the interpreter
//! calls `value`, differentiation parses `derivative`, the e-graph collects `rules`, costs add up
//! `cost`, emission follows `syntax`, and the documentation prints `doc`. To add an operator, add
//! an entry; the table tests then cover it.

mod intrinsics;
mod losses;
mod table;

pub use intrinsics::{Build, Intrinsic, Rule, MOST_ROWS};
pub use losses::{Loss, LOSSES};
pub use table::Op;

/// How an operator is written, in the text form and in Rust.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Syntax {
    /// `a + b`, with its binding strength.
    Infix(&'static str, u8),
    /// `-a`.
    Prefix(&'static str),
    /// `a.sin()` in Rust, `sin(a)` in text.
    Method,
    /// `if a { b } else { c }` in Rust, `select(a, b, c)` in text.
    Select,
    /// `a` in Rust, `keep(a)` in text.
    Keep,
}

/// Where an operator is defined, as a function of the reals.
#[derive(Clone, Copy, Debug)]
pub enum Domain {
    /// Everywhere.
    Total,
    /// Where the given argument is not zero.
    Nonzero(usize),
    /// Where the first argument lies in the open interval.
    Open(f64, f64),
    /// Where the first argument lies in the closed interval.
    Closed(f64, f64),
    /// Depends on both arguments (a power, `atan2`).
    Joint(fn(f64, f64) -> bool),
}

impl Domain {
    /// Whether the operator is defined at `args`.
    pub fn contains(self, args: &[f64]) -> bool {
        match self {
            Domain::Total => true,
            Domain::Nonzero(k) => args[k] != 0.0,
            Domain::Open(lo, hi) => lo < args[0] && args[0] < hi,
            Domain::Closed(lo, hi) => (lo..=hi).contains(&args[0]),
            Domain::Joint(holds) => holds(args[0], args[1]),
        }
    }
}

/// What negating the argument does to the result of a unary function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Parity {
    /// `f(-a) = -f(a)`.
    Odd,
    /// `f(-a) = f(a)`.
    Even,
    /// Neither.
    Neither,
}

/// One operator.
#[derive(Debug)]
pub struct Operator {
    /// Its name: the method in Rust and the function in the text form.
    pub name: &'static str,
    /// How it is written.
    pub syntax: Syntax,
    /// The function of C's `math.h` that it is, with the constants that come before its arguments; of one written with
    /// symbols nothing.
    pub c: &'static str,
    /// The number of arguments.
    pub arity: usize,
    /// Whether the result is a truth value.
    pub truth: bool,
    /// Whether IEEE 754 prescribes the result to the last bit, so that constants may be folded.
    pub exact: bool,
    /// Where it is defined.
    pub domain: Domain,
    /// What negating the argument does.
    pub parity: Parity,
    /// Its value; truth values are 1 and 0.
    pub value: fn(&[f64]) -> f64,
    /// The partial derivative with respect to each argument, in the text form, over the arguments
    /// `a`, `b`, `c` and the result `y`.
    pub derivative: &'static [&'static str],
    /// Its price beside an addition, which costs 1 (reciprocal throughput on current x86 and ARM
    /// cores, rounded; the elementary functions as their libm timings).
    pub cost: u32,
    /// Rewrite rules, `name: pattern => pattern`, optionally `if positive(?a)` or `if nonzero(?a)`.
    pub rules: &'static [&'static str],
    /// One line for the documentation.
    pub doc: &'static str,
}

impl Operator {
    /// Whether a rule says that its two arguments may change places.
    pub fn commutes(&self) -> bool {
        self.rules.iter().any(|rule| rule.contains("-comm: "))
    }

    /// How long its result takes to be ready, in the units of `cost`: half cycles. `2·cost + 6` is
    /// 4 cycles for `+`, `-` and `*`, 13 for `/` and 15 for a root, as Intel's and AMD's tables have
    /// them (Fog, *Instruction tables*; uops.info), and about 43 for a function of libm.
    pub fn latency(&self) -> u32 {
        match self.cost {
            0 => 0,
            cost => 2 * cost + 6,
        }
    }
}

/// A method that is short for an expression over the arguments `a`, `b`.
#[derive(Debug)]
pub struct Synonym {
    /// The method's name in Rust.
    pub name: &'static str,
    /// The number of arguments, the receiver included.
    pub arity: usize,
    /// What it stands for, in the text form.
    pub means: &'static str,
}

/// Methods of `f64` that are no operators of their own.
pub const SYNONYMS: &[Synonym] = &[
    Synonym { name: "recip", arity: 1, means: "1 / a" },
    Synonym { name: "powf", arity: 2, means: "pow(a, b)" },
    Synonym { name: "powi", arity: 2, means: "pow(a, b)" },
    Synonym { name: "log", arity: 2, means: "ln(a) / ln(b)" },
    Synonym { name: "fract", arity: 1, means: "a - trunc(a)" },
    Synonym { name: "to_degrees", arity: 1, means: "a * 57.29577951308232" },
    Synonym { name: "to_radians", arity: 1, means: "a * 0.017453292519943295" },
    Synonym { name: "rem_euclid", arity: 2, means: "select(a % b < 0, a % b + abs(b), a % b)" },
    Synonym { name: "div_euclid", arity: 2, means: "select(a % b < 0, trunc(a / b) - signum(b), trunc(a / b))" },
    Synonym { name: "midpoint", arity: 2, means: "0.5 * a + 0.5 * b" },
    Synonym { name: "clamp", arity: 3, means: "min(max(a, b), c)" },
];

impl Op {
    /// The operator called `name` in the text form.
    pub fn named(name: &str) -> Option<Op> {
        Op::ALL.iter().copied().find(|op| op.name() == name)
    }

    /// The infix operator written `symbol`.
    pub fn infix(symbol: &str) -> Option<Op> {
        Op::ALL.iter().copied().find(|op| matches!(op.entry().syntax, Syntax::Infix(s, _) if s == symbol))
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.entry().name
    }
}
