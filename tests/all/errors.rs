//! Mistakes: one test a message in `ui/`, and what is emitted besides the error.

use crate::common::compile;

#[test]
#[cfg_attr(miri, ignore)]
fn every_mistake_has_its_message() {
    trybuild::TestCases::new().compile_fail("ui/*.rs");
}

#[test]
fn the_original_and_stubs_are_emitted_with_the_error() {
    let compiled = compile("value", "fn f(x: f64) -> f64 { x.to_bits() as f64 }");
    assert_eq!(compiled.diagnostics.len(), 1);
    let text = compiled.tokens.to_string();
    let file: syn::File = syn::parse_str(&text).expect("it parses");
    let names: Vec<String> = file
        .items
        .iter()
        .filter_map(|i| match i {
            syn::Item::Fn(f) => Some(f.sig.ident.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(names, ["f", "f_jacobian", "f_value_and_jacobian", "f_jacobian_ir", "f_jacobian_check"]);
    assert!(text.contains("compile_error"));
}

#[test]
fn several_mistakes_are_reported_at_once_and_each_once() {
    let compiled = compile("", "fn f(x: f64) -> f64 { let a = x.to_bits(); let b = a * 2.0; let c = x.total_cmp(); b + c + a }");
    let messages: Vec<&str> = compiled.diagnostics.iter().map(|d| d.message.as_str()).collect();
    assert_eq!(messages, ["no method named `to_bits` for a float", "no method named `total_cmp` for a float"]);
}

/// What rustc says of these besides is another in each of its releases.
#[test]
fn what_has_no_type_has_a_message() {
    let message = |source: &str| compile("", source).diagnostics.first().map(|d| d.message.clone()).unwrap_or_default();
    assert_eq!(message("fn f(x: f64) -> f64 { 2 * x }"), "cannot apply `*` to an integer and a float");
    let slice = "fn f(x: &[f64]) -> f64 { let mut s = 0.0; for i in 0..x.len() { s += x[i..].iter().sum::<f64>(); } s }";
    assert_eq!(message(slice), "how long this slice is depends on the index of a loop");
    assert_eq!(message("fn f(x: f64) -> f64 { let u = [x; 3]; let mut i = 0; u[i += 1] }"), "0 positions for one axis");
    assert_eq!(message("fn f(x: f64) -> (f64, f64) { x }"), "expected a tuple of 2 results, found a float");
    assert_eq!(message("fn f(x: &Array2<f64>) -> Array2<f64> { Array2::from_diag(x) }"), "expected an array of one axis");
}

#[test]
fn an_array_of_too_many_axes_is_one_mistake() {
    let source = "fn f(m: &Array2<f64>) -> Array2<f64> { let mut y = m.clone(); y.row_mut(0).assign(m); y.mapv_inplace(|v| v * v); y }";
    let messages: Vec<String> = compile("", source).diagnostics.into_iter().map(|d| d.message).collect();
    assert_eq!(messages, ["an array of 2 dimensions does not fit into 1"]);
}

#[test]
fn large_numbers_take_neither_time_nor_memory() {
    let rounds =
        "fn f(x: &Array1<f64>, w: &Array2<f64>) -> Array1<f64> { let mut h = x.to_owned(); for _ in 0..1000000 { h = w.dot(&h) + x; } h }";
    let filled = "fn f(x: &Array1<f64>) -> Array2<f64> { let n = x.len(); let mut m = Array2::zeros((n, n)); \
                  for i in 0.. { for j in 0..n { m[[i, j]] = x[j]; } } m }";
    assert!(compile("", filled).diagnostics[0].message.starts_with("too much to write out"), "{filled}");
    // what is too much to write out stays a loop
    assert!(compile("", rounds).diagnostics.is_empty());
    // 2³¹ rows are a type like others, of which no points are made to try it at
    let rows =
        "fn f(m: &Array2<f64>, x: &Array1<f64>) -> Array2<f64> { let mut y = m.clone(); y.slice_mut(s![1, ..2147483647]).assign(x); y }";
    assert!(compile("", rows).diagnostics.is_empty());
}

#[test]
fn what_rustc_reports_is_left_to_it_but_never_compiles() {
    let compiled = compile("", "fn f(x: f64) -> f64 { x.tahn() }");
    let text = compiled.tokens.to_string();
    assert!(!text.contains("compile_error") && text.contains("const { :: core :: panic !"), "{text}");
}

#[test]
fn what_is_no_function_is_left_alone() {
    let compiled = compile("", "struct S;");
    assert!(compiled.tokens.to_string().starts_with("struct S ;"));
    assert_eq!(compiled.diagnostics.len(), 1);
}

#[test]
fn half_typed_functions_do_not_panic() {
    for body in ["", "x.", "let", "x +", "[x, ", "if x", "x[", "x.sin(", "s![", "for i in 0.. { x }", "return", "{}"] {
        let Ok(item) = format!("fn f(x: f64) -> f64 {{ {body} }}").parse() else { continue };
        let _ = jac_core::compile(proc_macro2::TokenStream::new(), item);
    }
}

#[test]
fn deep_nesting_is_a_mistake_and_no_crash() {
    let nested = |depth: usize| format!("fn f(x: f64) -> f64 {{ {}x{} }}", "(".repeat(depth), ")".repeat(depth));
    assert!(compile("", &nested(100)).diagnostics.is_empty());
    for depth in [200, 400] {
        let compiled = compile("", &nested(depth));
        assert!(compiled.diagnostics[0].message.contains("nests deeper"), "{}", compiled.diagnostics[0].message);
    }
}

#[test]
fn long_sums_and_chains_are_no_nesting() {
    let sum = format!("fn f(x: f64) -> f64 {{ x{} }}", " + x * x".repeat(400));
    assert!(compile("", &sum).diagnostics.is_empty());
    let chain = "fn f(x: f64) -> f64 { let mut y = x; for _ in 0..1500 { y = y.sin() + x; } y }";
    assert!(compile("", chain).diagnostics.is_empty());
}
