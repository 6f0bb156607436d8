//! What the front reads, as a page of the documentation.

use super::consumers::ITERATOR_METHODS;
use super::linalg::intrinsics;
use super::methods::{ARRAY_CONSTRUCTORS, ARRAY_METHODS, MACROS};
use super::nalgebra::{CONSTRUCTORS as MATRIX_CONSTRUCTORS, METHODS as MATRIX_METHODS};
use super::views::CHANGING;
use crate::ops::{Op, Syntax, SYNONYMS};

/// Syntax, with what becomes of it.
const SYNTAX: &[(&str, &str)] = &[
    ("`let`, `let mut`, shadowing, `let … else` on an option", "names stay in the generated code"),
    ("tuple, array, struct, reference, `@`, `|`, range and literal patterns", "`..` in tuples and arrays; names in `|` patterns are an error"),
    ("`=`, `+=`, `-=`, `*=`, `/=`, `%=`", "on variables, elements, tuple fields and through references"),
    ("`if`, `else if`, `if let`, `match` with guards", "a real branch: the arm not taken is never evaluated"),
    ("`for` over ranges, arrays, slices and iterators of known length", "unrolled, with `break`, `continue` and labels; where the code would be too long, loops of 16 rounds or more, and arrays as long, as those of run-time lengths"),
    ("`while`, `while let`, `loop`, `break value`", "unrolled where the number of rounds is known at compile time"),
    (
        "`while`, `loop` and `for` with `break` or `return`, on conditions on floats",
        "as a statement of the annotated function itself: the function is run once to count the rounds, and the derivative is that of as many; elsewhere an error at once",
    ),
    ("iterators over known items", "lazy, as Rust's: closures run in Rust's order and as often; behind `filter` an item is there under a condition"),
    ("iterators over a run-time length", "an item for all positions at once; a closure in `map` that changes variables makes a loop of it, where the items are summed or folded; to collect them write a `for` loop"),
    ("integers", "of the width of their types: what overflows is an error, `wrapping_add` and its kin wrap"),
    ("`vec![x; n]`, `Vec::new()` with `push`", "also over run-time lengths; what grows in such a loop is not read there"),
    ("`for` over a run-time length", "sums, maps and stencils become index notation; other state is carried, with its derivative, in a loop; `continue`, but no `break` or `return`"),
    ("`return`, also inside loops of known length", "joined by the conditions that lead there"),
    ("`Ok(…)`, `Some(…)`, `Err(…)`, `None`, `?`, `unwrap`, `expect`", "the generated function returns the same wrapper; where there may be no result it calls the function first, and returns what that says"),
    ("structs of the crate's own inside the function: literals, fields, methods, operators, patterns", "a value of its fields; parameters and results of them are not read: pass the fields"),
    ("variants of enums, characters and strings", "compared as written, also where a condition on floats chooses them; patterns take apart what is only read: `if let Some(x) = option`"),
    ("macros of the crate's own by `macro_rules!`", "written out where they are called"),
    ("closures, nested `fn`s, `move`", "written in where they are called; recursion that integers end is followed, other is an error"),
    ("functions, `const`s and methods beside the function", "under `#[jacobian]` on an inline `mod` or an `impl`"),
    (
        "functions, methods, `const`s, `static` tables and type aliases elsewhere in the crate",
        "found in its sources, from Rust 1.88 on; `cfg` of which two variants are there, macros and other crates are not read",
    ),
    ("`const`s from outside in capitals, fields, `self.field`, calls on them", "constants, evaluated on entry; the type comes from the use or from `let k: T = …`"),
    ("`&mut` to variables, `iter_mut`, `mem::swap`", "references are followed; pointing one elsewhere is an error"),
    ("`as` between integers and to the float type", "a cast that may change a run-time integer is an error"),
    ("`as` from floats to integers", "an integer that depends on floats: a step, with derivative 0; it is no position and no length"),
    ("`a[i]`, `a[i][j]`, `a[[i, j]]`, `a[i..j]`", "positions are sums of indices and lengths, times literals; a slice is as long in every round of a loop over a run-time length"),
    ("`zip` and sums of arrays of run-time lengths", "the lengths must be equal: the generated function panics where they are not, though `zip` would stop at the shorter"),
    ("`T: Float`, `RealField`, `CoordFloat`, `DualNum<f64>` and traits of the crate's own that stand on these, or have `sqrt`, `sin` or `exp` and a function of an `f64`", "the generics stay in the generated code, written by that trait's own means; other type parameters are passed on, and an `f64` beside a type parameter is a constant"),
    ("`&mut [f64; N]`, `&mut [f64]`, `&mut Array1<f64>` parameters", "out-parameters are results; every element must be assigned, and none read before; a state goes in by `&` and out by another parameter"),
];

/// Conventions where a derivative does not exist or is not finite, by name.
const CONVENTIONS: &[(&str, &str, &str)] = &[
    ("kink", "`abs′(0) = 0`; a tie of `max` or `min` splits ½ : ½", "as JAX and PyTorch; the mean of both sides, so that kinks that cancel do. Second derivatives have the slopes of one side, the same for all kinks at a place, so that they are right where a function is smooth though its parts are not: `cos |z|`, `|z| · |z|`, `x.max(-x).powi(2)`, softplus as `z.max(0.0) + (-z.abs()).exp().ln_1p()`; where it is not smooth they are those of a side"),
    ("step", "`floor`, `ceil`, `round`, `trunc`, `signum`: 0", "the derivative wherever there is one"),
    ("branch", "the derivative is that of the branch taken, `if x == 0.0 { 0.0 } else { x }` included", "a branch is a decision of the program's author, as in JAX and PyTorch; where the derivative matters do not compare a variable with a single point, and keep the terms of first order in the arm of an ε-guard: `if w.abs() > 1e-6 { (w * t).sin() / w } else { t - w * w * t * t * t / 6.0 }`"),
    ("length", "√ of a sum of squares, also weighted (`(k * x * x + y * y).sqrt()`), as `powf(0.5)`, `hypot`, `linalg::norm`: 0 where they are 0; `√x` of a plain `x`, and `x.powf(p)` of a parameter `p`, keep `√′(0) = ∞`", "the least subgradient, as `abs′(0) = 0`; so even functions of a length, `cos ‖w‖` or `sin ‖w‖ / ‖w‖` under its guard, have their derivative 0 at 0. Second derivatives are right there for what is a function of the square: `n * n`, `n.powi(4)`, `1.0 - n * n / 6.0` in the arm of a guard; `n.cos()` needs the guard. Squares that underflow are 0"),
    ("power", "`x.powi(n)` at n = 0 and `x.powf(y)` at y = 0: 0 by `x`, also at x = 0; `x.powf(y)` by `y` at x = 0: 0 if y ≥ 0", "as JAX and PyTorch, for exponents known at compile time or not"),
    ("0/0", "`x·√x` at 0: NaN, in that column only", "each factor's limit is taken alone, ∞·0 is NaN; guard the point with a branch"),
    ("widened", "`x / x` and `1 / (1 / x)` have the derivatives of 1 and `x` everywhere", "a rewrite may widen the domain of definition, never narrow it"),
    ("overflow", "where an intermediate value overflows the derivative may be NaN: `exp(x).ln_1p()` at 1000, `1 / (1 + exp(-x))` at −800; in `f32` from 89 on", "∞ in the function as written is ∞ in its derivative, as in JAX and PyTorch, even where the function's value comes back from it; use a form that does not overflow: `0.5 + 0.5 * tanh(x / 2)`"),
    ("edge", "one-sided at the ends of a domain: `sqrt′(0) = ∞`, `asin′(1) = ∞`, `acos′(1) = −∞`", "the limit from inside"),
    ("value", "may differ from the function's by rounding, and by the sign of a zero; compensated sums and rounding by a large constant may be undone", "sums and products are rewritten as over the reals, where sampling shows no loss of digits or range against the derivative as written; `strict` rewrites nothing, and its value is the function's bit for bit"),
];

/// The page `docs/language.md`, from the operator table and the tables of the front.
#[must_use]
pub fn language() -> String {
    let mut out = String::from("# What a function may contain\n\n");
    out += "Generated by `cargo run -p jac-core --example language > docs/language.md`.\n";
    out += "Anything that is not listed is an error at the offending token that says what to write instead.\n\n";
    out += "## Types\n\n";
    out += "`f64`, `f32` or a type parameter that a trait of floats bounds, one of them throughout; nested fixed arrays of\n";
    out += "them by value or reference, slices and `Vec`s of them alone (not of arrays), and ndarray's `Array`, `ArrayView`, `ArrayRef` and `ArcArray` of rank 0 to 6.\n";
    out += "nalgebra's vectors, matrices and points, of fixed lengths or of lengths known at run time (`SVector`, `SMatrix`, `DVector`, `DMatrix`,\n`Point` and their other names).\n";
    out += "Integers and `bool`s are parameters that are not differentiated; of any other type the fields are constants.\n\n";
    out += "## Syntax\n\n| written | what becomes of it |\n|---|---|\n";
    for (written, meaning) in SYNTAX {
        out += &format!("| {} | {meaning} |\n", written.replace('|', "\\|"));
    }
    out += "\n## Methods of floats\n\nAlso as `f64::sin(x)` and, with one argument, on whole ndarrays.\n\n";
    out += "| method | derivative by `a`, `b`, `c`; `y` is the result |\n|---|---|\n";
    for op in Op::ALL.iter().filter(|op| matches!(op.entry().syntax, Syntax::Method) && **op != Op::Pow) {
        let derivatives: Vec<String> = op.entry().derivative.iter().map(|d| format!("`{d}`")).collect();
        out += &format!("| `{}` | {} |\n", op.name(), derivatives.join(", ").replace('|', "\\|"));
    }
    out += "\n| method | means |\n|---|---|\n";
    for synonym in SYNONYMS {
        out += &format!("| `{}` | `{}` |\n", synonym.name, synonym.means.replace('|', "\\|"));
    }
    out += "| `sin_cos` | `(sin(a), cos(a))` |\n";
    for (heading, names) in [
        ("Iterators, ranges and arrays", &ITERATOR_METHODS[..]),
        ("ndarray", &ARRAY_METHODS[..]),
        ("Changing an array in place", &CHANGING[..]),
        ("Constructors of ndarray", &ARRAY_CONSTRUCTORS[..]),
        ("nalgebra", &MATRIX_METHODS[..]),
        ("Constructors of nalgebra", &MATRIX_CONSTRUCTORS[..]),
        ("Macros", &MACROS[..]),
    ] {
        let names: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
        out += &format!("\n## {heading}\n\n{}.\n", names.join(", "));
    }
    out += "\n## Linear algebra\n\nOf `jac_runtime::linalg`, with its feature `linalg`, as `linalg::inv(x)`: `trace`, `norm`, and\n\n";
    out += "| function | shapes | derivative by `a` and `b` |\n|---|---|---|\n";
    for entry in intrinsics().map(|f| f.entry()) {
        let shape = |axes: &[&str]| format!("[{}]", axes.join(", "));
        let arguments: Vec<String> = entry.arguments.iter().map(|a| shape(a)).collect();
        let derivatives: Vec<String> = entry.rules.iter().map(|r| format!("`{}`", r.partial)).collect();
        out += &format!(
            "| `{}` | {} → {} | {} |\n",
            entry.method.1,
            arguments.join(", "),
            shape(entry.result),
            derivatives.join(", ").replace('|', "\\|")
        );
    }
    out += "\nA matrix of known size up to 4×4 has its elements written out; a larger one is factored, and must not depend on a loop over a\nrun-time length.\n";
    out += "\n`assert!` and `println!` and their kin are left out of generated code; where a function panics there is no derivative.\n";
    out += "\n## Conventions\n\n| name | what | why |\n|---|---|---|\n";
    for (name, what, why) in CONVENTIONS {
        out += &format!("| {name} | {what} | {why} |\n");
    }
    out
}
