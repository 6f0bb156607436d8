//! What a function costs to compile, over its size: the time of the macro, and that of rustc on
//! the generated code, alone and optimised.
//!
//! `cargo run --release --example compile_cost`: the macro as optimised as jac's own workspace has
//! it. Without `--release`, `CARGO_PROFILE_DEV_PACKAGE_JAC_CORE_OPT_LEVEL=0` and the same for
//! `EGG` give what users' unoptimised builds have.

use quote::quote;
use std::process::Command;
use std::time::Instant;

/// A long sum of small terms: every partial derivative has few operations.
fn rosenbrock(n: usize) -> proc_macro2::TokenStream {
    let last = n - 1;
    quote! {
        pub fn f(x: &[f64; #n]) -> f64 {
            let mut total = 0.0;
            for i in 0..#last {
                let (a, b) = (1.0 - x[i], x[i + 1] - x[i] * x[i]);
                total += a * a + 100.0 * b * b;
            }
            total
        }
    }
}

/// A long chain: every partial derivative has to do with every operation.
fn arm(n: usize) -> proc_macro2::TokenStream {
    quote! {
        pub fn f(q: &[f64; #n]) -> [f64; 3] {
            let mut r = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
            let mut p = [0.0; 3];
            for i in 0..#n {
                let (s, c) = q[i].sin_cos();
                for k in 0..3 {
                    let (x, y, z) = (r[k][0] * c + r[k][1] * s, r[k][1] * c - r[k][0] * s, r[k][2]);
                    p[k] += 0.3 * x + 0.1 * z;
                    r[k] = [x, 0.6 * y + 0.8 * z, 0.6 * z - 0.8 * y];
                }
            }
            p
        }
    }
}

/// A stencil: few entries of a large Jacobian are not zero.
fn diffusion(n: usize) -> proc_macro2::TokenStream {
    let last = n - 1;
    quote! {
        pub fn f(u: &[f64; #n]) -> [f64; #n] {
            let mut y = [0.0; #n];
            for i in 1..#last {
                y[i] = u[i - 1] - 2.0 * u[i] + u[i + 1] + u[i] * (1.0 - u[i] * u[i]) * u[i + 1];
            }
            y
        }
    }
}

type Family = (&'static str, fn(usize) -> proc_macro2::TokenStream, &'static [usize]);

const FAMILIES: [Family; 3] = [
    ("rosenbrock", rosenbrock, &[10, 30, 100, 300, 750, 1600]),
    ("arm", arm, &[2, 4, 12, 35, 90, 140, 220]),
    ("diffusion", diffusion, &[8, 24, 80, 240, 600]),
];

fn main() {
    let directory = std::env::temp_dir().join(format!("jac-compile-cost-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory for rustc's output");
    println!("| function | size | operations before | after | macro, ms | a 100 operations, ms | rustc -O, ms | a 100 operations, ms |");
    println!("|---|---|---|---|---|---|---|---|");
    for (name, function, sizes) in FAMILIES {
        for &n in sizes {
            let start = Instant::now();
            let compiled = jac_core::compile(quote!(value), function(n));
            let macro_time = start.elapsed().as_secs_f64() * 1e3;
            let Some(stages) = compiled.stages else {
                println!("| `{name}` | {n} | refused: {} | | {macro_time:.0} | | | |", compiled.diagnostics[0].message);
                continue;
            };
            let report = stages.value_and_jacobian().1;
            let file = directory.join("f.rs");
            let mut generated: syn::File = syn::parse2(compiled.tokens).expect("Rust");
            // what `check!` calls needs the runtime
            generated.items.pop();
            // a function to be inlined would be compiled only where it is called
            let source = quote!(#generated).to_string().replace("# [inline]", "");
            std::fs::write(&file, source).expect("a file for rustc");
            let start = Instant::now();
            let rustc = Command::new("rustc")
                .args(["--edition=2021", "--crate-type=lib", "--cap-lints=allow", "-O", "--out-dir"])
                .arg(&directory)
                .arg(&file)
                .status();
            let rustc_time = start.elapsed().as_secs_f64() * 1e3;
            assert!(rustc.is_ok_and(|s| s.success()), "rustc on {name} {n}");
            let per = |time: f64| time * 100.0 / report.before as f64;
            println!(
                "| `{name}` | {n} | {} | {} | {macro_time:.0} | {:.1} | {rustc_time:.0} | {:.1} |",
                report.before,
                report.after,
                per(macro_time),
                per(rustc_time),
            );
        }
    }
    let _ = std::fs::remove_dir_all(&directory);
}
