//! The `#[jacobian]` attribute. Depend on `jac-runtime`, which re-exports it.

use proc_macro::TokenStream;

/// Generates the Jacobian of a function beside it.
///
/// ```ignore
/// use jac_runtime::jacobian;
///
/// #[jacobian]
/// fn polar(r: f64, phi: f64) -> [f64; 2] {
///     [r * phi.cos(), r * phi.sin()]
/// }
///
/// let (by_r, by_phi): ([f64; 2], [f64; 2]) = polar_jacobian(2.0, 0.5);
/// ```
///
/// *Shapes.* The block of an output `y` and an input `x` has the shape `y.shape ++ x.shape`; a
/// scalar adds no axis. It is a nested fixed array where all its axes are those of fixed arrays,
/// else an ndarray. Several inputs make a tuple of blocks, several outputs a tuple of those.
///
/// *Where.* On a function or method; on an `impl` or an inline `mod`, whose functions then see each
/// other and of which those marked `#[jacobian]` inside are differentiated. Out-parameters (`&mut` to
/// floats) are results and not arguments of what is generated; `Result` and `Option` around the
/// result stay. What a function may contain is listed in `docs/language.md`.
///
/// *Linear algebra.* `linalg::inv`, `det`, `ln_det`, `solve`, `cholesky`, `trace` and `norm` of
/// `jac_runtime::linalg` (its feature `linalg`), written with the module, have closed-form derivatives.
///
/// *Generated.* `f_jacobian(args)`, and `f_jacobian_ir()`, the derivative as text for snapshot
/// tests.
///
/// *Options.*
/// - `wrt(x, y)`: differentiate by these parameters only;
/// - `value`: generate `f_value_and_jacobian(args)` too, which returns `(y, J)`;
/// - `into`: generate `f_jacobian_into(args, &mut jacobian)` too, which writes all of a Jacobian of the
///   type that `f_jacobian` returns, or a view of such an ndarray in any layout; it panics unless ndarrays have the shape;
/// - `jvp`: generate `f_jvp(args, tangents…)` too, which returns `(y, J·t)` for tangents of the types
///   of the inputs, without forming J;
/// - `vjp`: generate `f_vjp(args, cotangents…)` too, which returns `(y, Jᵀ·c)` for cotangents of the
///   outputs' types (arrays by reference), without forming J;
/// - `hessian`: generate `f_hessian(args)` too, for a scalar result: blocks of the shapes
///   `x.shape ++ x'.shape`, of several inputs a tuple of tuples;
/// - `shape(m = [n, n], x = [3])`: name or fix the lengths of ndarray parameters; equal names are
///   equal lengths, and `_` is any length;
/// - `effort = "low"`, `"default"` or `"high"`: how hard to simplify;
/// - `crate = path`: where `jac-runtime` is, if it is renamed or re-exported.
#[proc_macro_attribute]
pub fn jacobian(attribute: TokenStream, item: TokenStream) -> TokenStream {
    match origin() {
        Some(origin) => jac_core::compile_from(attribute.into(), item.into(), &origin).tokens.into(),
        None => jac_core::compile(attribute.into(), item.into()).tokens.into(),
    }
}

/// Where the attribute stands, if the compiler says.
#[cfg(names_files)]
#[allow(clippy::incompatible_msrv)] // that is what the condition says
fn origin() -> Option<jac_core::Origin> {
    let span = proc_macro::Span::call_site();
    Some(jac_core::Origin { file: span.local_file()?, line: span.line() })
}

#[cfg(not(names_files))]
fn origin() -> Option<jac_core::Origin> {
    None
}

/// Compares all functions that were generated for one with differences and with each other, at a point and around it:
/// `check!(path::of::function, arguments…)`, with the arguments that the function itself takes. For a test.
///
/// ```ignore
/// #[test]
/// fn the_derivatives_agree() {
///     jac_runtime::check!(range_bearing, &[0.1, 0.2, 0.3], &[2.0, 1.0]);
/// }
/// ```
///
/// It panics with the entry, both numbers and an estimate of the error. A method is written
/// `check!(Pendulum::rate, &pendulum, &state)`.
#[proc_macro]
pub fn check(arguments: TokenStream) -> TokenStream {
    jac_core::check(arguments.into()).into()
}
