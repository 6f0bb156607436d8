//! Value and full dense Jacobian of every kernel, in one process: jac, hand-written Rust, num-dual
//! and central differences. All four are first compared with each other at random points. The
//! report at the end holds the times, their ratios, and the operations of the generated code.
//!
//! `cargo bench -p jac-tests --bench kernels`, optionally with a part of a kernel's name.

#[allow(clippy::needless_range_loop)]
mod dual;
#[allow(clippy::needless_range_loop, clippy::type_complexity)]
mod hand;
#[path = "../../corpus/kernels.rs"]
#[allow(dead_code, missing_docs, clippy::all)]
mod kernels;
#[path = "../../corpus/timed.rs"]
#[allow(dead_code, missing_docs, clippy::all)]
mod timed;

use criterion::{BenchmarkId, Criterion};
use jac_tests::{blocks, Outputs};
use nalgebra::{Const, U1};
use num_dual::{Derivative, DualSVec64};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Function and Jacobian by one pass over dual numbers with a tangent an input.
fn by_duals<const N: usize, const M: usize>(f: impl Fn(&[DualSVec64<N>], &mut [DualSVec64<N>]), x: &[f64; N]) -> ([f64; M], [[f64; N]; M]) {
    let mut duals = x.map(DualSVec64::from_re);
    for (i, d) in duals.iter_mut().enumerate() {
        d.eps = Derivative::derivative_generic(Const::<N>, U1, i);
    }
    let mut out = [DualSVec64::from_re(0.0); M];
    f(&duals, &mut out);
    (out.map(|d| d.re), out.map(|d| d.eps.unwrap_generic(Const::<N>, U1).into()))
}

/// Function and Jacobian by central differences.
fn by_differences<const N: usize, const M: usize>(f: impl Fn(&[f64], &mut [f64]), x: &[f64; N]) -> ([f64; M], [[f64; N]; M]) {
    let mut value = [0.0; M];
    f(x, &mut value);
    let mut jacobian = [[0.0; N]; M];
    let mut at = *x;
    for k in 0..N {
        let h = 6e-6 * x[k].abs().max(1.0);
        let (mut up, mut down) = ([0.0; M], [0.0; M]);
        at[k] = x[k] + h;
        f(&at, &mut up);
        at[k] = x[k] - h;
        f(&at, &mut down);
        at[k] = x[k];
        for i in 0..M {
            jacobian[i][k] = (up[i] - down[i]) / (2.0 * h);
        }
    }
    (value, jacobian)
}

/// Value, then the Jacobian's blocks: the columns of each input of the given width.
fn in_blocks<const N: usize, const M: usize>((value, jacobian): &([f64; M], [[f64; N]; M]), widths: &[usize]) -> Vec<f64> {
    let mut out = value.to_vec();
    let mut first = 0;
    for width in widths {
        out.extend(jacobian.iter().flat_map(|row| &row[first..first + width]));
        first += width;
    }
    out
}

fn agree(kernel: &str, what: &str, ours: &[f64], theirs: &[f64], tolerance: f64) {
    let scale = theirs.iter().fold(1.0_f64, |m, v| m.max(v.abs()));
    assert_eq!(ours.len(), theirs.len(), "{kernel}: {what}");
    for (a, b) in ours.iter().zip(theirs) {
        assert!((a - b).abs() <= tolerance * scale, "{kernel}: {a}, by {what} {b}");
    }
}

/// A point that looks random and is the same on every machine.
fn point<const N: usize>(low: f64, high: f64) -> [f64; N] {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    std::array::from_fn(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        low + (high - low) * ((state >> 11) as f64 / (1u64 << 53) as f64)
    })
}

/// A kernel: its name, how the Jacobian is made by hand and by jac, and the function.
struct Kernel<H, J, D, F> {
    name: &'static str,
    widths: &'static [usize],
    hand: H,
    jac: J,
    dual: D,
    plain: F,
}

const WAYS: [&str; 4] = ["hand", "jac", "num-dual", "differences"];

fn measure<const N: usize, const M: usize, X, Y>(
    c: &mut Criterion,
    x: &[f64; N],
    kernel: Kernel<impl Fn() -> X, impl Fn() -> Y, impl Fn(&[DualSVec64<N>], &mut [DualSVec64<N>]), impl Fn(&[f64], &mut [f64])>,
) where
    X: Outputs<f64>,
    Y: Outputs<f64>,
{
    let Kernel { name, widths, hand, jac, dual, plain } = kernel;
    let ours = blocks(&jac());
    agree(name, "num-dual", &ours, &in_blocks(&by_duals::<N, M>(&dual, x), widths), 1e-12);
    agree(name, "hand", &ours, &blocks(&hand()), 1e-12);
    agree(name, "differences", &ours, &in_blocks(&by_differences::<N, M>(&plain, x), widths), 1e-6);
    let mut group = c.benchmark_group(name);
    let id = BenchmarkId::from_parameter;
    // the results stay where they are returned: a copy would cost both sides the same
    group.bench_function(id(WAYS[0]), |b| b.iter(|| _ = black_box(&hand())));
    group.bench_function(id(WAYS[1]), |b| b.iter(|| _ = black_box(&jac())));
    group.bench_function(id(WAYS[2]), |b| b.iter(|| _ = black_box(&by_duals::<N, M>(&dual, black_box(x)))));
    group.bench_function(id(WAYS[3]), |b| b.iter(|| _ = black_box(&by_differences::<N, M>(&plain, black_box(x)))));
    group.finish();
}

/// Cuts a flat point into the arguments.
fn rows<const R: usize, const C: usize>(x: &[f64]) -> [[f64; C]; R] {
    std::array::from_fn(|r| std::array::from_fn(|c| x[r * C + c]))
}

/// Calls a function with references to a tuple's fields.
macro_rules! apply {
    ($f:path, $t:ident, $a:expr) => {
        $f(black_box(&$t.0))
    };
    ($f:path, $t:ident, $a:expr, $b:expr) => {
        $f(black_box(&$t.0), black_box(&$t.1))
    };
    ($f:path, $t:ident, $a:expr, $b:expr, $c:expr) => {
        $f(black_box(&$t.0), black_box(&$t.1), black_box(&$t.2))
    };
}

macro_rules! kernel {
    ($c:ident, $name:literal, $n:literal => $m:literal, $widths:expr, ($low:literal, $high:literal), |$x:ident| ($($argument:expr),*), $hand:path, $jac:path, $dual:ident $(::<_, $k:literal>)?) => {{
        let $x = point::<$n>($low, $high);
        let arguments = ($($argument,)*);
        measure::<$n, $m, _, _>(&mut $c, &$x, Kernel {
            name: $name,
            widths: &$widths,
            hand: || apply!($hand, arguments, $($argument),*),
            jac: || apply!($jac, arguments, $($argument),*),
            dual: |x: &[DualSVec64<$n>], out: &mut [DualSVec64<$n>]| dual::$dual$(::<_, $k>)?(x, out),
            plain: |x: &[f64], out: &mut [f64]| dual::$dual$(::<_, $k>)?(x, out),
        });
    }};
}

fn main() {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("criterion");
    let mut c = Criterion::default()
        .output_directory(&directory)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_millis(1500))
        .configure_from_args();
    kernel!(c, "bal", 12 => 2, [9, 3], (0.3, 1.3), |x| (rows::<1, 9>(&x)[0], rows::<1, 3>(&x[9..])[0]), hand::bal, timed::bal_value_and_jacobian, bal);
    kernel!(c, "arm", 7 => 3, [7], (-1.5, 1.5), |x| (x), hand::arm, timed::arm_value_and_jacobian, arm);
    kernel!(c, "inverse3", 9 => 9, [9], (0.2, 1.5), |x| (rows::<3, 3>(&x)), hand::inverse3, timed::inverse3_value_and_jacobian, inverse3);
    kernel!(c, "inverse4", 16 => 16, [16], (-1.5, 1.5), |x| (rows::<4, 4>(&x)), hand::inverse4, timed::inverse4_value_and_jacobian, inverse4);
    kernel!(c, "chain3", 27 => 9, [9, 9, 9], (-1.5, 1.5), |x| (rows::<3, 3>(&x), rows::<3, 3>(&x[9..]), rows::<3, 3>(&x[18..])), hand::chain, timed::chain3_value_and_jacobian, chain::<_, 3>);
    kernel!(c, "chain4", 48 => 16, [16, 16, 16], (-1.5, 1.5), |x| (rows::<4, 4>(&x), rows::<4, 4>(&x[16..]), rows::<4, 4>(&x[32..])), hand::chain, timed::chain4_value_and_jacobian, chain::<_, 4>);
    kernel!(c, "rosen100", 100 => 1, [100], (-1.5, 1.5), |x| (x), hand::rosen100, timed::rosen100_value_and_jacobian, rosenbrock);
    kernel!(c, "pollu", 20 => 20, [20], (0.0, 1.0), |x| (x), hand::pollu, kernels::pollu_value_and_jacobian, pollu);
    kernel!(c, "brusselator", 64 => 64, [64], (0.5, 3.5), |x| (x), hand::brusselator, timed::brusselator_value_and_jacobian, brusselator);
    kernel!(c, "spherical_harmonics", 3 => 64, [3], (-1.0, 1.0), |x| (x), hand::spherical_harmonics, kernels::spherical_harmonics_value_and_jacobian, spherical_harmonics);
    kernel!(c, "softmax", 16 => 16, [16], (-1.5, 1.5), |x| (x), hand::softmax, timed::softmax_value_and_jacobian, softmax);
    kernel!(c, "geometric_mean", 17 => 1, [17], (0.5, 2.0), |x| (x), hand::geometric_mean, timed::geometric_mean_value_and_jacobian, geometric_mean);
    c.final_summary();
    report(&directory);
}

/// The functions whose operations are counted, with what CasADi 3.8 (`cse`), SymPy (`cse`),
/// SymForce 0.12 and wrenfold 0.5 generate for them.
const COUNTED: [(&str, [u32; 4]); 8] = [
    ("rosen10", [125, 133, 125, 131]),
    ("pollu", [153, 149, 153, 142]),
    ("bundle_adjustment", [282, 508, 489, 465]),
    ("sum_times_product", [276, 261, 261, 315]),
    ("spherical_harmonics", [471, 463, 459, 447]),
    ("ur5", [280, 153, 231, 151]),
    ("double_pendulum", [85, 82, 84, 95]),
    ("inverse_transform", [105, 95, 108, 123]),
];

/// Prints the tables of `BENCHMARKS.md`.
fn report(directory: &Path) {
    let sources = [include_str!("../../corpus/kernels.rs"), include_str!("../../corpus/timed.rs")];
    let files: Vec<syn::File> = sources.iter().map(|s| syn::parse_file(s).expect("a Rust file")).collect();
    let functions = || files.iter().flat_map(|f| &f.items).filter_map(|i| if let syn::Item::Fn(f) = i { Some(f) } else { None });
    let operations = |name: &str| {
        let mut function = functions().find(|f| f.sig.ident == name).expect("a function of the corpus").clone();
        let at = function.attrs.iter().position(|a| a.path().is_ident("jacobian")).expect("an annotated function");
        let options = function.attrs.remove(at).meta.require_list().expect("options").tokens.clone();
        let stages = jac_core::compile(options, quote::quote!(#function)).stages.expect("no mistake");
        stages.value_and_jacobian().1
    };
    println!("\n| operations | jac | before simplification | CasADi | SymPy | SymForce | wrenfold |\n|---|---|---|---|---|---|---|");
    for (name, [casadi, sympy, symforce, wrenfold]) in COUNTED {
        let counts = operations(name);
        println!("| `{name}` | {} | {} | {casadi} | {sympy} | {symforce} | {wrenfold} |", counts.after, counts.before);
    }
    println!("\n| time | hand, ns | jac, ns | jac | num-dual | differences | operations |\n|---|---|---|---|---|---|---|");
    for f in functions() {
        let name = f.sig.ident.to_string();
        let median = |way: &str| -> Option<f64> {
            let estimates = std::fs::read_to_string(directory.join(&name).join(way).join("new/estimates.json")).ok()?;
            let estimates: serde_json::Value = serde_json::from_str(&estimates).ok()?;
            estimates["median"]["point_estimate"].as_f64()
        };
        let times: Option<Vec<f64>> = WAYS.iter().map(|way| median(way)).collect();
        if let Some([hand, jac, dual, differences]) = times.as_deref() {
            let (by_jac, by_dual, by_differences) = (jac / hand, dual / hand, differences / hand);
            println!(
                "| `{name}` | {hand:.1} | {jac:.1} | {by_jac:.2} | {by_dual:.1} | {by_differences:.1} | {} |",
                operations(&name).after
            );
        }
    }
}
