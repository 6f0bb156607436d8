//! What the README shows is what the compiler does.

use crate::common::compile;

const README: &str = include_str!("../../README.md");

/// The code block after the line `<!-- name -->`.
fn block(name: &str) -> &'static str {
    let from = README.find(&format!("<!-- {name} -->")).unwrap_or_else(|| panic!("the README has a block `{name}`"));
    let block = &README[from..];
    let start = block.find("```").and_then(|at| block[at..].find('\n').map(|line| at + line + 1)).expect("a block opens");
    let end = block[start..].find("\n```\n").expect("a block closes") + start + 1;
    &block[start..end]
}

fn function_of(block: &str) -> (String, String) {
    let file: syn::File = syn::parse_str(block).expect("the block parses");
    let function = file.items.into_iter().find_map(|i| match i {
        syn::Item::Fn(f) => Some(f),
        _ => None,
    });
    let mut function = function.expect("a function");
    let attribute = function.attrs.remove(0);
    let options = match attribute.meta {
        syn::Meta::List(list) => list.tokens.to_string(),
        _ => String::new(),
    };
    (options, quote::ToTokens::to_token_stream(&function).to_string())
}

#[test]
fn the_expansion_is_the_real_one() {
    let example = include_str!("../../jac-runtime/examples/range_bearing.rs");
    assert!(example.contains(block("first").trim_start()), "the README shows the example");
    // which `check.rs` compiles and runs
    assert!(example.contains(block("check")), "the README shows the example's test");
    let (options, item) = function_of(block("first"));
    let compiled = compile(&options, &item);
    let mut generated: syn::File = syn::parse2(compiled.tokens).expect("the expansion parses");
    // the user's own function, the text of the derivative, and what `check!` calls
    generated.items.remove(0);
    generated.items.truncate(generated.items.len() - 2);
    let text = prettyplease::unparse(&generated);
    assert_eq!(block("expansion"), text, "the README's block should be:\n{text}");
}

#[test]
fn the_closed_forms_are_the_real_ones() {
    for (function, closed) in [("matrices", "closed form"), ("linalg", "linalg closed form")] {
        let (options, item) = function_of(block(function));
        let stages = compile(&options, &item).stages.expect("no mistake");
        assert_eq!(block(closed).trim(), stages.jacobian.to_formulas().join("\n"));
    }
}

#[test]
fn the_page_on_the_language_is_that_of_the_tables() {
    let page = include_str!("../../docs/language.md");
    assert_eq!(page, jac_core::front::language(), "`cargo run -p jac-core --example language > docs/language.md`");
    // every departure of the special points is explained there
    let points: Vec<serde_json::Value> = serde_json::from_str(include_str!("../data/edge.json")).expect("the data");
    for point in points.iter().filter(|p| p.get("ours").is_some()) {
        let name = point["convention"].as_str().expect("a reason");
        assert!(page.contains(&format!("\n| {name} | ")), "{name}");
    }
}

#[test]
fn the_other_examples_compile() {
    for name in ["carried", "sparse"] {
        let (options, item) = function_of(block(name));
        assert!(compile(&options, &item).diagnostics.is_empty());
    }
    let file: syn::File = syn::parse_str(block("method")).expect("the block parses");
    let mut found = file.items.into_iter().filter_map(|i| match i {
        syn::Item::Impl(block) => Some(block),
        _ => None,
    });
    let mut methods = found.next().expect("an impl");
    methods.attrs.clear();
    let compiled = compile("", &quote::ToTokens::to_token_stream(&methods).to_string());
    assert!(compiled.diagnostics.is_empty(), "{:?}", compiled.diagnostics);
    assert!(compiled.tokens.to_string().contains("fn rate_jacobian (& self"));
}
