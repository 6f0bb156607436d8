//! Functions of whole matrices: what no index pattern over scalars can say.
//!
//! An entry is data, as in the operator table: the front finds it by name, the text form prints
//! and parses it, the interpreter calls `value`, differentiation parses `rules`, and emission calls
//! the method of the factorisation. Formulas: Petersen & Pedersen, *The Matrix Cookbook* (2012),
//! chapter 2; of Cholesky's factor: Murray, *Differentiation of the Cholesky decomposition* (2016).

use super::Op;

/// Makes scalar operations, which are known by number.
pub trait Build {
    /// A constant.
    fn constant(&mut self, value: f64) -> u32;
    /// An operator applied.
    fn apply(&mut self, op: Op, args: &[u32]) -> u32;
}

/// Straight-line code for the elements of `f(a, b)`, for `a` of shape `[n, n]`.
pub type Elements = fn(&mut dyn Build, &[u32], &[u32], usize) -> Vec<u32>;

/// The derivative of an intrinsic by one argument, each as lines of the text form, of which the last
/// is an expression over the axes `i`, `j` of the result `y` and `k`, `l` of the argument. They read
/// the arguments `a` and `b`; lengths are called as in `arguments`.
#[derive(Debug)]
pub struct Rule {
    /// The partial derivative.
    pub partial: &'static str,
    /// The product with the tangent `t` of the argument, over `i`, `j`.
    pub forward: &'static str,
    /// The product with the cotangent `c` of the result, over `k`, `l`.
    pub backward: &'static str,
}

/// A function of whole matrices.
#[derive(Debug)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// The lengths of the axes of each argument; the first argument is the matrix that is factored.
    pub arguments: &'static [&'static [&'static str]],
    /// The lengths of the axes of the result.
    pub result: &'static [&'static str],
    /// Its value, for a matrix of shape `[n, n]`, row-major, and the other argument.
    pub value: fn(&[f64], &[f64], usize) -> Vec<f64>,
    /// Its derivative by each argument.
    pub rules: &'static [Rule],
    /// Its elements as straight-line code, for a matrix of up to [`MOST_ROWS`] rows.
    pub elements: Elements,
    /// The one that does the same for a symmetric matrix.
    pub of_symmetric: Option<Intrinsic>,
    /// Whether those are differentiated, not the rules followed: then they are right at singular
    /// matrices too.
    pub natural: bool,
    /// The factorisation that it is computed from, and the method, in `jac_runtime::linalg`.
    pub method: (&'static str, &'static str),
    /// The matrices on which the method panics, for the documentation of generated code.
    pub panics: Option<&'static str>,
    /// One line for the documentation.
    pub doc: &'static str,
}

/// Matrices of more rows have no straight-line code.
pub const MOST_ROWS: usize = 4;

macro_rules! intrinsics {
    ($($name:ident: $entry:expr;)*) => {
        /// A function of whole matrices, a row of the table.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub enum Intrinsic {
            $(#[doc = "A row of the table."] $name,)*
        }

        impl Intrinsic {
            /// Every one, in the order of the table.
            pub const ALL: &'static [Intrinsic] = &[$(Intrinsic::$name),*];

            /// What is known of it.
            pub fn entry(self) -> &'static Entry {
                static TABLE: &[Entry] = &[$($entry),*];
                &TABLE[self as usize]
            }
        }
    };
}

intrinsics! {
    Inv: Entry {
        name: "inv",
        arguments: &[&["n", "n"]],
        result: &["n", "n"],
        value: |a, _, n| solved(a, &identity(n), n).0,
        rules: &[Rule {
            partial: "-(y[i, k] * y[l, j])",
            forward: "m[p: n, j: n] = sum[q: n](t[p, q] * y[q, j]); -(sum[p: n](y[i, p] * m[p, j]))",
            backward: "m[p: n, l: n] = sum[q: n](c[p, q] * y[l, q]); -(sum[p: n](y[p, k] * m[p, l]))",
        }],
        elements: |f, a, _, n| inverse(f, a, n),
        of_symmetric: None,
        natural: false,
        method: ("Lu", "inv"),
        panics: Some("singular"),
        doc: "The inverse of a matrix.",
    };
    Det: Entry {
        name: "det",
        arguments: &[&["n", "n"]],
        result: &[],
        value: |a, _, n| vec![determinant(a, n)],
        rules: &[Rule { partial: "u = inv(a); y * u[l, k]", forward: "", backward: "" }],
        elements: |f, a, _, n| vec![minor(f, a, n, &rows(n), &rows(n))],
        of_symmetric: None,
        natural: true,
        method: ("Lu", "det"),
        panics: None,
        doc: "The determinant of a matrix.",
    };
    LnDet: Entry {
        name: "ln_det",
        arguments: &[&["n", "n"]],
        result: &[],
        value: |a, _, n| vec![determinant(a, n).abs().ln()],
        rules: &[Rule { partial: "u = inv(a); u[l, k]", forward: "", backward: "" }],
        elements: |f, a, _, n| {
            let det = minor(f, a, n, &rows(n), &rows(n));
            let abs = f.apply(Op::Abs, &[det]);
            vec![f.apply(Op::Ln, &[abs])]
        },
        of_symmetric: None,
        natural: false,
        method: ("Lu", "ln_det"),
        panics: None,
        doc: "The logarithm of the absolute value of a determinant.",
    };
    Solve: Entry {
        name: "solve",
        arguments: &[&["n", "n"], &["n"]],
        result: &["n"],
        value: |a, b, n| solved(a, b, n).0,
        rules: &[
            Rule {
                partial: "u = inv(a); -(u[i, k] * y[l])",
                forward: "r[p: n] = sum[q: n](t[p, q] * y[q]); s = solve(a, r); -s[i]",
                backward: "s = tr_solve(a, c); -(s[k] * y[l])",
            },
            Rule { partial: "u = inv(a); u[i, k]", forward: "s = solve(a, t); s[i]", backward: "s = tr_solve(a, c); s[k]" },
        ],
        elements: |f, a, b, n| product(f, a, b, n, false),
        of_symmetric: None,
        natural: false,
        method: ("Lu", "solve"),
        panics: Some("singular"),
        doc: "The solution of a linear system.",
    };
    TrSolve: Entry {
        name: "tr_solve",
        arguments: &[&["n", "n"], &["n"]],
        result: &["n"],
        value: |a, b, n| solved(&transposed(a, n), b, n).0,
        rules: &[
            Rule {
                partial: "u = inv(a); -(y[k] * u[l, i])",
                forward: "r[p: n] = sum[q: n](t[q, p] * y[q]); s = tr_solve(a, r); -s[i]",
                backward: "s = solve(a, c); -(y[k] * s[l])",
            },
            Rule { partial: "u = inv(a); u[k, i]", forward: "s = tr_solve(a, t); s[i]", backward: "s = solve(a, c); s[k]" },
        ],
        elements: |f, a, b, n| product(f, a, b, n, true),
        of_symmetric: Some(Intrinsic::Solve),
        natural: false,
        method: ("Lu", "tr_solve"),
        panics: Some("singular"),
        doc: "The solution of a linear system with the transpose.",
    };
    SolveColumns: Entry {
        name: "solve_columns",
        arguments: &[&["n", "n"], &["n", "m"]],
        result: &["n", "m"],
        value: |a, b, n| solved(a, b, n).0,
        rules: &[
            Rule {
                partial: "u = inv(a); -(u[i, k] * y[l, j])",
                forward: "r[p: n, j: m] = sum[q: n](t[p, q] * y[q, j]); s = solve_columns(a, r); -s[i, j]",
                backward: "s = tr_solve_columns(a, c); -(sum[q: m](s[k, q] * y[l, q]))",
            },
            Rule {
                partial: "u = inv(a); u[i, k] * delta(l, j)",
                forward: "s = solve_columns(a, t); s[i, j]",
                backward: "s = tr_solve_columns(a, c); s[k, l]",
            },
        ],
        elements: |f, a, b, n| product(f, a, b, n, false),
        of_symmetric: None,
        natural: false,
        method: ("Lu", "solve"),
        panics: Some("singular"),
        doc: "The solutions of a linear system for the columns of a matrix.",
    };
    TrSolveColumns: Entry {
        name: "tr_solve_columns",
        arguments: &[&["n", "n"], &["n", "m"]],
        result: &["n", "m"],
        value: |a, b, n| solved(&transposed(a, n), b, n).0,
        rules: &[
            Rule {
                partial: "u = inv(a); -(y[k, j] * u[l, i])",
                forward: "r[p: n, j: m] = sum[q: n](t[q, p] * y[q, j]); s = tr_solve_columns(a, r); -s[i, j]",
                backward: "s = solve_columns(a, c); -(sum[q: m](y[k, q] * s[l, q]))",
            },
            Rule {
                partial: "u = inv(a); u[k, i] * delta(l, j)",
                forward: "s = tr_solve_columns(a, t); s[i, j]",
                backward: "s = solve_columns(a, c); s[k, l]",
            },
        ],
        elements: |f, a, b, n| product(f, a, b, n, true),
        of_symmetric: Some(Intrinsic::SolveColumns),
        natural: false,
        method: ("Lu", "tr_solve"),
        panics: Some("singular"),
        doc: "The solutions of a linear system with the transpose for the columns of a matrix.",
    };
    // `x` is `L` with half its diagonal taken: `∂L[i,j] = Σ_{m ≥ j} L[i,m]·(L⁻¹·dA·L⁻ᵀ)[m,j]`, half of it where `m = j`
    Cholesky: Entry {
        name: "cholesky",
        arguments: &[&["n", "n"]],
        result: &["n", "n"],
        value: |a, _, n| cholesky(a, n),
        rules: &[Rule {
            partial: "u = inv(y); \
                x[i: n, j: n, k: n] = sum[q: n](y[i, q] * u[q, k] * select(float(q) < float(j), 0, select(float(q) == float(j), 0.25, 0.5))); \
                x[i, j, k] * u[j, l] + x[i, j, l] * u[j, k]",
            forward: "v[p: n, q: n] = t[p, q] + t[q, p]; w = solve_columns(y, v); z[p: n, q: n] = w[q, p]; x = solve_columns(y, z); \
                sum[q: n](y[i, q] * x[q, j] * select(float(q) < float(j), 0, select(float(q) == float(j), 0.25, 0.5)))",
            backward: "v[q: n, p: n] = select(float(q) < float(p), 0, select(float(q) == float(p), 0.25, 0.5)) * sum[r: n](y[r, q] * c[r, p]); \
                w = tr_solve_columns(y, v); z[p: n, q: n] = w[q, p]; x = tr_solve_columns(y, z); x[k, l] + x[l, k]",
        }],
        elements: |f, a, _, n| factored(f, a, n),
        of_symmetric: None,
        natural: true,
        method: ("Cholesky", "cholesky"),
        panics: Some("not positive definite"),
        doc: "The Cholesky factor of the symmetric part of a matrix.",
    };
}

impl Intrinsic {
    /// The one called `name`.
    pub fn named(name: &str) -> Option<Intrinsic> {
        Intrinsic::ALL.iter().copied().find(|f| f.entry().name == name)
    }
}

fn identity(n: usize) -> Vec<f64> {
    (0..n * n).map(|k| f64::from(u8::from(k % (n + 1) == 0))).collect()
}

fn transposed(a: &[f64], n: usize) -> Vec<f64> {
    (0..n * n).map(|k| a[k % n * n + k / n]).collect()
}

fn determinant(a: &[f64], n: usize) -> f64 {
    solved(a, &[], n).1
}

/// `A⁻¹·B` by Gauss–Jordan elimination with partial pivoting, and the determinant; NaN where a pivot is zero.
fn solved(a: &[f64], b: &[f64], n: usize) -> (Vec<f64>, f64) {
    let width = b.len().checked_div(n).unwrap_or_default();
    let mut rows: Vec<Vec<f64>> = (0..n).map(|i| a[i * n..][..n].iter().chain(&b[i * width..][..width]).copied().collect()).collect();
    let mut determinant = 1.0;
    for k in 0..n {
        let pivot = (k..n).max_by(|p, q| rows[*p][k].abs().total_cmp(&rows[*q][k].abs())).unwrap_or(k);
        if pivot != k {
            rows.swap(pivot, k);
            determinant = -determinant;
        }
        let row = rows[k].clone();
        determinant *= row[k];
        for (i, other) in rows.iter_mut().enumerate() {
            let factor = if i == k { 1.0 - row[k].recip() } else { other[k] / row[k] };
            other.iter_mut().zip(&row).for_each(|(x, y)| *x -= factor * y);
        }
    }
    (rows.iter().flat_map(|row| &row[n..]).copied().collect(), determinant)
}

/// Cholesky's factor of the symmetric part, row by row.
fn cholesky(a: &[f64], n: usize) -> Vec<f64> {
    let mut l = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| l[i * n + k] * l[j * n + k]).sum();
            let rest = (a[i * n + j] + a[j * n + i]) / 2.0 - dot;
            l[i * n + j] = if i == j { rest.sqrt() } else { rest / l[j * n + j] };
        }
    }
    l
}

fn rows(n: usize) -> Vec<usize> {
    (0..n).collect()
}

fn without(all: &[usize], k: usize) -> Vec<usize> {
    all.iter().copied().filter(|i| *i != k).collect()
}

/// The determinant of some rows and columns, expanded by the first two rows, so that what minors share
/// is computed once.
fn minor(f: &mut dyn Build, a: &[u32], n: usize, rows: &[usize], columns: &[usize]) -> u32 {
    let at = |i: usize, j: usize| a[i * n + j];
    match (rows, columns) {
        ([i], [j]) => at(*i, *j),
        ([p, q], [i, j]) => {
            let (left, right) = (f.apply(Op::Mul, &[at(*p, *i), at(*q, *j)]), f.apply(Op::Mul, &[at(*p, *j), at(*q, *i)]));
            f.apply(Op::Sub, &[left, right])
        }
        ([p, q, r], _) => {
            // of four rows, the minors of the first two and of the last two are shared
            let (row, others) = if [*q, *r] == [2, 3] { (*p, [*q, *r]) } else { (*r, [*p, *q]) };
            let mut terms = columns.iter().map(|j| {
                let rest = minor(f, a, n, &others, &without(columns, *j));
                f.apply(Op::Mul, &[at(row, *j), rest])
            });
            let terms = [0; 3].map(|_| terms.next().expect("three columns"));
            let difference = f.apply(Op::Sub, &[terms[0], terms[1]]);
            f.apply(Op::Add, &[difference, terms[2]])
        }
        ([p, q, r, s], _) => {
            // Laplace's expansion by complementary minors
            let mut sum = None;
            for (i, j) in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)] {
                let above = minor(f, a, n, &[*p, *q], &[columns[i], columns[j]]);
                let below = minor(f, a, n, &[*r, *s], &without(&without(columns, columns[i]), columns[j]));
                let term = f.apply(Op::Mul, &[above, below]);
                sum = Some(match sum {
                    None => term,
                    Some(sum) => f.apply(if (i + j) % 2 == 1 { Op::Add } else { Op::Sub }, &[sum, term]),
                });
            }
            sum.expect("there are six minors")
        }
        _ => unreachable!("a minor of one to {MOST_ROWS} rows"),
    }
}

/// The inverse: the cofactors over the determinant.
fn inverse(f: &mut dyn Build, a: &[u32], n: usize) -> Vec<u32> {
    let det = minor(f, a, n, &rows(n), &rows(n));
    let one = f.constant(1.0);
    let reciprocal = f.apply(Op::Div, &[one, det]);
    if n == 1 {
        return vec![reciprocal];
    }
    let mut out = Vec::new();
    for (i, j) in (0..n).flat_map(|i| (0..n).map(move |j| (i, j))) {
        let cofactor = minor(f, a, n, &without(&rows(n), j), &without(&rows(n), i));
        let signed = if (i + j) % 2 == 0 { cofactor } else { f.apply(Op::Neg, &[cofactor]) };
        out.push(f.apply(Op::Mul, &[signed, reciprocal]));
    }
    out
}

/// `A⁻¹·B` or `A⁻ᵀ·B`.
fn product(f: &mut dyn Build, a: &[u32], b: &[u32], n: usize, transpose: bool) -> Vec<u32> {
    let inverse = inverse(f, a, n);
    let width = b.len() / n;
    let mut out = Vec::new();
    for (i, j) in (0..n).flat_map(|i| (0..width).map(move |j| (i, j))) {
        let mut sum = None;
        for k in 0..n {
            let left = if transpose { inverse[k * n + i] } else { inverse[i * n + k] };
            let term = f.apply(Op::Mul, &[left, b[k * width + j]]);
            sum = Some(sum.map_or(term, |sum| f.apply(Op::Add, &[sum, term])));
        }
        out.extend(sum);
    }
    out
}

/// Cholesky's factor of the symmetric part.
fn factored(f: &mut dyn Build, a: &[u32], n: usize) -> Vec<u32> {
    let (zero, half) = (f.constant(0.0), f.constant(0.5));
    let mut l = vec![zero; n * n];
    for (i, j) in (0..n).flat_map(|i| (0..=i).map(move |j| (i, j))) {
        let sum = f.apply(Op::Add, &[a[i * n + j], a[j * n + i]]);
        let mut rest = if i == j { a[i * n + i] } else { f.apply(Op::Mul, &[half, sum]) };
        for k in 0..j {
            let product = f.apply(Op::Mul, &[l[i * n + k], l[j * n + k]]);
            rest = f.apply(Op::Sub, &[rest, product]);
        }
        l[i * n + j] = if i == j { f.apply(Op::Sqrt, &[rest]) } else { f.apply(Op::Div, &[rest, l[j * n + j]]) };
    }
    l
}
