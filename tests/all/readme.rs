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
    let (options, item) = function_of(block("first"));
    let compiled = compile(&options, &item);
    let mut generated: syn::File = syn::parse2(compiled.tokens).expect("the expansion parses");
    // the user's own function, and the text of the derivative
    generated.items.remove(0);
    generated.items.pop();
    let text = prettyplease::unparse(&generated);
    assert_eq!(block("expansion"), text, "the README's block should be:\n{text}");
}

#[test]
fn the_closed_form_is_the_real_one() {
    let (options, item) = function_of(block("matrices"));
    let stages = compile(&options, &item).stages.expect("no mistake");
    let formula = stages.jacobian.to_formulas().pop().expect("a formula");
    assert_eq!(block("closed form").trim(), formula);
}
