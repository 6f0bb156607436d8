//! The entries. Formulas for derivatives: Abramowitz & Stegun, chapters 4.1 to 4.6, in the forms
//! that keep their accuracy at the ends of the domain.

use super::{Domain, Operator, Parity, Syntax};
use Domain::{Closed, Joint, Nonzero, Open, Total};
use Parity::{Even, Neither, Odd};
use Syntax::{Infix, Keep, Method, Prefix, Select};

const INF: f64 = f64::INFINITY;

fn truth(b: bool) -> f64 {
    f64::from(u8::from(b))
}

/// The name in C: that in Rust, if no other is given.
const fn c_name(name: &'static str, syntax: Syntax, given: &[&'static str]) -> &'static str {
    match (given, syntax) {
        ([c, ..], _) => c,
        ([], Method) => name,
        ([], Infix(..) | Prefix(_) | Select | Keep) => "",
    }
}

macro_rules! operators {
    ($($op:ident: $name:literal $syntax:expr, $arity:literal $(, c: $c:literal)? $(, truth: $truth:literal)? $(, exact: $exact:literal)?, domain: $domain:expr, parity: $parity:expr,
        value: $value:expr, derivative: $derivative:expr, cost: $cost:literal, rules: $rules:expr, $doc:literal;)*) => {
        /// An operator, a row of the table.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub enum Op {
            $(#[doc = $doc] $op,)*
        }

        impl Op {
            /// Every operator, in the order of the table.
            pub const ALL: &'static [Op] = &[$(Op::$op),*];

            /// What is known of it.
            pub fn entry(self) -> &'static Operator {
                static TABLE: &[Operator] = &[$(Operator {
                    name: $name, syntax: $syntax, c: c_name($name, $syntax, &[$($c)?]), arity: $arity, truth: false $(|| $truth)?, exact: false $(|| $exact)?, domain: $domain, parity: $parity,
                    value: $value, derivative: &$derivative, cost: $cost, rules: &$rules, doc: $doc,
                }),*];
                &TABLE[self as usize]
            }
        }
    };
}

#[rustfmt::skip]
operators! {
    Add: "add" Infix("+", 4), 2, exact: true, domain: Total, parity: Neither, value: |x| x[0] + x[1], derivative: ["1", "1"], cost: 1, rules: [
        "add-comm: (add ?a ?b) => (add ?b ?a)",
        "add-assoc: (add (add ?a ?b) ?c) => (add ?a (add ?b ?c))",
        "add-zero: (add ?a 0) => ?a",
        "add-same: (add ?a ?a) => (mul 2 ?a)",
        "add-neg: (add ?a (neg ?b)) => (sub ?a ?b)",
        "factor: (add (mul ?a ?b) (mul ?a ?c)) => (mul ?a (add ?b ?c))",
        "factor-one: (add ?a (mul ?a ?b)) => (mul ?a (add 1 ?b))",
    ], "Sum.";
    Sub: "sub" Infix("-", 4), 2, exact: true, domain: Total, parity: Neither, value: |x| x[0] - x[1], derivative: ["1", "-1"], cost: 1, rules: [
        "sub-same: (sub ?a ?a) => 0",
        "sub-zero: (sub ?a 0) => ?a",
        "zero-sub: (sub 0 ?a) => (neg ?a)",
        "sub-neg: (sub ?a (neg ?b)) => (add ?a ?b)",
        "sub-swap: (neg (sub ?a ?b)) => (sub ?b ?a)",
        "sub-add-cancel: (sub (add ?a ?b) ?a) => ?b",
        "factor-sub: (sub (mul ?a ?b) (mul ?a ?c)) => (mul ?a (sub ?b ?c))",
        "factor-sub-one: (sub ?a (mul ?a ?b)) => (mul ?a (sub 1 ?b))",
        "factor-one-sub: (sub (mul ?a ?b) ?a) => (mul ?a (sub ?b 1))",
    ], "Difference.";
    Mul: "mul" Infix("*", 5), 2, exact: true, domain: Total, parity: Neither, value: |x| x[0] * x[1], derivative: ["b", "a"], cost: 1, rules: [
        "mul-comm: (mul ?a ?b) => (mul ?b ?a)",
        "mul-assoc: (mul (mul ?a ?b) ?c) => (mul ?a (mul ?b ?c))",
        "mul-one: (mul ?a 1) => ?a",
        "mul-zero: (mul ?a 0) => 0 if total(?a)",
        "mul-minus-one: (mul ?a -1) => (neg ?a)",
        "mul-neg: (mul ?a (neg ?b)) => (neg (mul ?a ?b))",
        "mul-div: (mul ?a (div ?b ?c)) => (div (mul ?a ?b) ?c)",
    ], "Product (Hadamard on arrays).";
    Div: "div" Infix("/", 5), 2, exact: true, domain: Nonzero(1), parity: Neither, value: |x| x[0] / x[1], derivative: ["1 / b", "-y / b"], cost: 10, rules: [
        "div-one: (div ?a 1) => ?a",
        "div-same: (div ?a ?a) => 1 if nonzero(?a)",
        "div-neg: (div (neg ?a) ?b) => (neg (div ?a ?b))",
        "div-by-neg: (div ?a (neg ?b)) => (neg (div ?a ?b))",
        "div-div: (div (div ?a ?b) ?c) => (div ?a (mul ?b ?c))",
        "add-div: (add (div ?a ?c) (div ?b ?c)) => (div (add ?a ?b) ?c)",
        "sub-div: (sub (div ?a ?c) (div ?b ?c)) => (div (sub ?a ?b) ?c)",
        "share-recip: (div ?a ?b) => (mul ?a (div 1 ?b))",
    ], "Quotient.";
    Neg: "neg" Prefix("-"), 1, exact: true, domain: Total, parity: Odd, value: |x| -x[0], derivative: ["-1"], cost: 0, rules: [
        "neg-neg: (neg (neg ?a)) => ?a",
        "add-neg-both: (add (neg ?a) (neg ?b)) => (neg (add ?a ?b))",
        "neg-factor: (mul (neg ?a) ?b) => (neg (mul ?a ?b))",
    ], "Negation; free, it folds into its neighbours.";
    Pow: "pow" Method, 2, domain: Joint(|a, b| a > 0.0 || a == 0.0 && b >= 0.0 || a < 0.0 && b.fract() == 0.0), parity: Neither,
        value: |x| x[0].powf(x[1]), derivative: ["select(b == 0 && abs(a) <= 1e-30, 0, b * pow(a, b - 1))", "select(0 <= b && a == 0, 0, y * ln(a))"], cost: 60, rules: [],
        "Power: `powi` and `powf`; a constant integer exponent becomes products. Derivatives at a base or exponent of 0 are 0, as JAX and PyTorch have them.";
    Sqrt: "sqrt" Method, 1, exact: true, domain: Closed(0.0, INF), parity: Neither, value: |x| x[0].sqrt(), derivative: ["0.5 / y"], cost: 12, rules: [
        "sqrt-square: (mul (sqrt ?a) (sqrt ?a)) => ?a",
    ], "Square root; its derivative at 0 is +inf, but that of the root of a sum of squares is 0.";
    Cbrt: "cbrt" Method, 1, domain: Total, parity: Odd, value: |x| x[0].cbrt(), derivative: ["1 / (3 * (y * y))"], cost: 40, rules: [], "Cube root.";
    Exp: "exp" Method, 1, domain: Total, parity: Neither, value: |x| x[0].exp(), derivative: ["y"], cost: 40, rules: [
        "exp-zero: (exp 0) => 1",
        "recip-exp: (div 1 (exp ?a)) => (exp (neg ?a))",
    ], "Exponential.";
    Exp2: "exp2" Method, 1, domain: Total, parity: Neither, value: |x| x[0].exp2(), derivative: ["y * 0.6931471805599453"], cost: 40, rules: [], "Power of two.";
    ExpM1: "exp_m1" Method, 1, c: "expm1", domain: Total, parity: Neither, value: |x| x[0].exp_m1(), derivative: ["exp(a)"], cost: 40, rules: [], "`exp(a) - 1`, accurate near 0.";
    Ln: "ln" Method, 1, c: "log", domain: Open(0.0, INF), parity: Neither, value: |x| x[0].ln(), derivative: ["1 / a"], cost: 40, rules: [
        "ln-one: (ln 1) => 0",
        "exp-ln: (exp (ln ?a)) => ?a",
    ], "Natural logarithm.";
    Ln1p: "ln_1p" Method, 1, c: "log1p", domain: Open(-1.0, INF), parity: Neither, value: |x| x[0].ln_1p(), derivative: ["1 / (1 + a)"], cost: 40, rules: [], "`ln(1 + a)`, accurate near 0.";
    Log2: "log2" Method, 1, domain: Open(0.0, INF), parity: Neither, value: |x| x[0].log2(), derivative: ["1 / (a * 0.6931471805599453)"], cost: 40, rules: [], "Logarithm to base 2.";
    Log10: "log10" Method, 1, domain: Open(0.0, INF), parity: Neither, value: |x| x[0].log10(), derivative: ["1 / (a * 2.302585092994046)"], cost: 40, rules: [], "Logarithm to base 10.";
    Sin: "sin" Method, 1, domain: Total, parity: Odd, value: |x| x[0].sin(), derivative: ["cos(a)"], cost: 40, rules: [
        "sin-neg: (sin (neg ?a)) => (neg (sin ?a))",
        "sin-zero: (sin 0) => 0",
        "pythagoras: (add (mul (sin ?a) (sin ?a)) (mul (cos ?a) (cos ?a))) => 1",
    ], "Sine; beside a cosine of the same argument both come from one `sin_cos`.";
    Cos: "cos" Method, 1, domain: Total, parity: Even, value: |x| x[0].cos(), derivative: ["-sin(a)"], cost: 40, rules: [
        "cos-neg: (cos (neg ?a)) => (cos ?a)",
        "cos-zero: (cos 0) => 1",
        "pythagoras-cos: (sub 1 (mul (cos ?a) (cos ?a))) => (mul (sin ?a) (sin ?a))",
        "pythagoras-sin: (sub 1 (mul (sin ?a) (sin ?a))) => (mul (cos ?a) (cos ?a))",
    ], "Cosine.";
    Tan: "tan" Method, 1, domain: Total, parity: Odd, value: |x| x[0].tan(), derivative: ["1 + y * y"], cost: 40, rules: [], "Tangent.";
    Asin: "asin" Method, 1, domain: Closed(-1.0, 1.0), parity: Odd, value: |x| x[0].asin(), derivative: ["1 / sqrt((1 - a) * (1 + a))"], cost: 40, rules: [], "Arc sine.";
    Acos: "acos" Method, 1, domain: Closed(-1.0, 1.0), parity: Neither, value: |x| x[0].acos(), derivative: ["-1 / sqrt((1 - a) * (1 + a))"], cost: 40, rules: [], "Arc cosine.";
    Atan: "atan" Method, 1, domain: Total, parity: Odd, value: |x| x[0].atan(), derivative: ["1 / (1 + a * a)"], cost: 40, rules: [], "Arc tangent.";
    Sinh: "sinh" Method, 1, domain: Total, parity: Odd, value: |x| x[0].sinh(), derivative: ["cosh(a)"], cost: 40, rules: [], "Hyperbolic sine.";
    Cosh: "cosh" Method, 1, domain: Total, parity: Even, value: |x| x[0].cosh(), derivative: ["sinh(a)"], cost: 40, rules: [], "Hyperbolic cosine.";
    Tanh: "tanh" Method, 1, domain: Total, parity: Odd, value: |x| x[0].tanh(), derivative: ["1 / cosh(a) / cosh(a)"], cost: 40, rules: [
        "tanh-neg: (tanh (neg ?a)) => (neg (tanh ?a))",
    ], "Hyperbolic tangent; its derivative by 1/cosh², since 1 - tanh² cancels.";
    Asinh: "asinh" Method, 1, domain: Total, parity: Odd, value: |x| x[0].asinh(), derivative: ["1 / hypot(a, 1)"], cost: 40, rules: [], "Inverse hyperbolic sine.";
    Acosh: "acosh" Method, 1, domain: Closed(1.0, INF), parity: Neither, value: |x| x[0].acosh(), derivative: ["1 / (sqrt(a - 1) * sqrt(a + 1))"], cost: 40, rules: [], "Inverse hyperbolic cosine.";
    Atanh: "atanh" Method, 1, domain: Open(-1.0, 1.0), parity: Odd, value: |x| x[0].atanh(), derivative: ["1 / ((1 - a) * (1 + a))"], cost: 40, rules: [], "Inverse hyperbolic tangent.";
    Atan2: "atan2" Method, 2, domain: Joint(|a, b| a != 0.0 || b != 0.0), parity: Neither, value: |x| x[0].atan2(x[1]),
        derivative: ["keep(b / hypot(a, b)) / hypot(a, b)", "-(keep(a / hypot(a, b)) / hypot(a, b))"], cost: 50, rules: [], "Angle of the point (b, a); derivatives by two quotients, since hypot² can overflow; NaN at the origin.";
    Hypot: "hypot" Method, 2, domain: Total, parity: Neither, value: |x| x[0].hypot(x[1]), derivative: ["a / y", "b / y"], cost: 30, rules: [], "Length of (a, b); its derivative at the origin is 0.";
    Abs: "abs" Method, 1, c: "fabs", exact: true, domain: Total, parity: Even, value: |x| x[0].abs(), derivative: ["select(a > 0, 1, select(a < 0, -1, 0))"], cost: 1, rules: [
        "abs-neg: (abs (neg ?a)) => (abs ?a)",
        "abs-abs: (abs (abs ?a)) => (abs ?a)",
        "abs-square: (mul (abs ?a) (abs ?a)) => (mul ?a ?a)",
    ], "Absolute value; its derivative at 0 is 0.";
    Signum: "signum" Method, 1, c: "copysign(1.0, ", exact: true, domain: Total, parity: Odd, value: |x| x[0].signum(), derivative: ["0"], cost: 1, rules: [], "Sign; derivative 0.";
    Copysign: "copysign" Method, 2, exact: true, domain: Total, parity: Neither, value: |x| x[0].copysign(x[1]),
        derivative: ["select(a == 0, 0, signum(a) * signum(b))", "0"], cost: 1, rules: [], "`a` with the sign of `b`; its derivative at a = 0 is 0.";
    Floor: "floor" Method, 1, exact: true, domain: Total, parity: Neither, value: |x| x[0].floor(), derivative: ["0"], cost: 1, rules: [], "Largest integer not above; derivative 0.";
    Ceil: "ceil" Method, 1, exact: true, domain: Total, parity: Neither, value: |x| x[0].ceil(), derivative: ["0"], cost: 1, rules: [], "Smallest integer not below; derivative 0.";
    Round: "round" Method, 1, exact: true, domain: Total, parity: Odd, value: |x| x[0].round(), derivative: ["0"], cost: 1, rules: [], "Nearest integer; derivative 0.";
    Trunc: "trunc" Method, 1, exact: true, domain: Total, parity: Odd, value: |x| x[0].trunc(), derivative: ["0"], cost: 1, rules: [], "Integer part; derivative 0.";
    Rem: "rem" Infix("%", 5), 2, exact: true, domain: Nonzero(1), parity: Neither, value: |x| x[0] % x[1], derivative: ["1", "-trunc(a / b)"], cost: 20, rules: [], "Remainder of the truncated quotient.";
    Max: "max" Method, 2, c: "fmax", exact: true, domain: Total, parity: Neither, value: |x| x[0].max(x[1]),
        derivative: ["select(a > b, 1, select(a == b, 0.5, 0))", "select(b > a, 1, select(a == b, 0.5, 0))"], cost: 1, rules: [
        "max-same: (max ?a ?a) => ?a",
    ], "The larger; at a tie the derivative is split ½ : ½.";
    Min: "min" Method, 2, c: "fmin", exact: true, domain: Total, parity: Neither, value: |x| x[0].min(x[1]),
        derivative: ["select(a < b, 1, select(a == b, 0.5, 0))", "select(b < a, 1, select(a == b, 0.5, 0))"], cost: 1, rules: [
        "min-same: (min ?a ?a) => ?a",
    ], "The smaller; at a tie the derivative is split ½ : ½.";
    MulAdd: "mul_add" Method, 3, c: "fma", exact: true, domain: Total, parity: Neither, value: |x| x[0].mul_add(x[1], x[2]), derivative: ["b", "a", "1"], cost: 2, rules: [], "`a * b + c`, rounded once.";
    Keep: "keep" Keep, 1, domain: Total, parity: Odd, value: |x| x[0], derivative: ["1"], cost: 0, rules: [], "Its argument, which is not reassociated with what is around it.";
    Select: "select" Select, 3, domain: Total, parity: Neither, value: |x| if x[0] != 0.0 { x[1] } else { x[2] },
        derivative: ["0", "[a]", "[!a]"], cost: 1, rules: [
        "select-same: (select ?c ?a ?a) => ?a",
    ], "A branch: the arm not taken is not evaluated, and the derivative is that of the arm taken.";
    Lt: "lt" Infix("<", 3), 2, truth: true, exact: true, domain: Total, parity: Neither, value: |x| truth(x[0] < x[1]), derivative: ["0", "0"], cost: 1, rules: [], "Less.";
    Le: "le" Infix("<=", 3), 2, truth: true, exact: true, domain: Total, parity: Neither, value: |x| truth(x[0] <= x[1]), derivative: ["0", "0"], cost: 1, rules: [], "Less or equal.";
    Eq: "eq" Infix("==", 3), 2, truth: true, exact: true, domain: Total, parity: Neither, value: |x| truth(x[0] == x[1]), derivative: ["0", "0"], cost: 1, rules: [
        "eq-comm: (eq ?a ?b) => (eq ?b ?a)",
    ], "Equal.";
    And: "and" Infix("&&", 2), 2, truth: true, exact: true, domain: Total, parity: Neither, value: |x| truth(x[0] != 0.0 && x[1] != 0.0), derivative: ["0", "0"], cost: 0, rules: [], "Both.";
    Or: "or" Infix("||", 1), 2, truth: true, exact: true, domain: Total, parity: Neither, value: |x| truth(x[0] != 0.0 || x[1] != 0.0), derivative: ["0", "0"], cost: 0, rules: [], "Either.";
    Not: "not" Prefix("!"), 1, truth: true, exact: true, domain: Total, parity: Neither, value: |x| truth(x[0] == 0.0), derivative: ["0"], cost: 0, rules: [], "Negation of a truth value.";
}
