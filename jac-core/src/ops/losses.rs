//! Robust losses: what normal equations may be weighed by.
//!
//! Of a residual `r` and a scale `c` the loss is `ρ(s)` with `s = r²`, and its weight `ρ′(s)`, as in Triggs, McLauchlan,
//! Hartley & Fitzgibbon, *Bundle Adjustment – A Modern Synthesis* (2000), section 4.3, without the term of `ρ″`: that is what
//! Gauss–Newton steps of `½·Σ ρ` take (iteratively reweighted least squares). All are `s` near 0, and `c` is where they turn from it.

/// A loss, a row of the table.
#[derive(PartialEq, Debug)]
pub struct Loss {
    /// Its name.
    pub name: &'static str,
    /// `ρ(s)`, in the text form, over `s` and `c`: what the self-check differentiates.
    pub value: &'static str,
    /// `ρ′(s)`, in the text form: what is generated.
    pub weight: &'static str,
    /// `ρ′(s)` in Rust, over `s` and `c` of type `f64`: what `check!` computes.
    pub code: &'static str,
}

/// Every loss.
pub static LOSSES: [Loss; 6] = [
    Loss {
        name: "huber",
        value: "select(s <= c * c, s, 2 * c * sqrt(s) - c * c)",
        weight: "select(s <= c * c, 1, c / sqrt(s))",
        code: "if s <= c * c { 1.0 } else { c / s.sqrt() }",
    },
    Loss {
        name: "soft_l1",
        value: "2 * c * c * (sqrt(1 + s / (c * c)) - 1)",
        weight: "1 / sqrt(1 + s / (c * c))",
        code: "1.0 / (1.0 + s / (c * c)).sqrt()",
    },
    Loss { name: "cauchy", value: "c * c * ln(1 + s / (c * c))", weight: "1 / (1 + s / (c * c))", code: "1.0 / (1.0 + s / (c * c))" },
    Loss {
        name: "geman_mcclure",
        value: "s / (1 + s / (c * c))",
        weight: "1 / ((1 + s / (c * c)) * (1 + s / (c * c)))",
        code: "(1.0 + s / (c * c)).powi(-2)",
    },
    Loss { name: "welsch", value: "c * c * (1 - exp(-(s / (c * c))))", weight: "exp(-(s / (c * c)))", code: "(-s / (c * c)).exp()" },
    Loss {
        name: "tukey",
        value: "select(s <= c * c, c * c / 3 * (1 - (1 - s / (c * c)) * (1 - s / (c * c)) * (1 - s / (c * c))), c * c / 3)",
        weight: "select(s <= c * c, (1 - s / (c * c)) * (1 - s / (c * c)), 0)",
        code: "if s <= c * c { (1.0 - s / (c * c)).powi(2) } else { 0.0 }",
    },
];
