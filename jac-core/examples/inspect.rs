//! Shows what jac makes of the annotated functions of a file: the program as read, the simplified
//! derivative, the generated code, and the time it took.
//!
//! `cargo run -p jac-core --example inspect -- FILE [FUNCTION] [--brief]`

use quote::ToTokens;
use std::time::Instant;

/// A module or `impl` under the attribute, of which only the generated code is shown.
fn show_group(mut item: syn::Item) -> Result<(), Box<dyn std::error::Error>> {
    let attributes = match &mut item {
        syn::Item::Mod(m) => &mut m.attrs,
        syn::Item::Impl(i) => &mut i.attrs,
        _ => return Ok(()),
    };
    let Some(at) = attributes.iter().position(|a| a.path().is_ident("jacobian")) else { return Ok(()) };
    let options = match attributes.remove(at).meta {
        syn::Meta::List(list) => list.tokens,
        _ => quote::quote!(),
    };
    let compiled = jac_core::compile(options, item.to_token_stream());
    for mistake in &compiled.diagnostics {
        println!("error: {}", mistake.text());
    }
    println!("{}", prettyplease::unparse(&syn::parse2(compiled.tokens)?));
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let brief = arguments.iter().position(|a| a == "--brief").map(|at| arguments.remove(at)).is_some();
    let path = arguments.first().ok_or("which file?")?;
    let file = syn::parse_file(&std::fs::read_to_string(path)?)?;
    for item in file.items {
        let mut function = match item {
            syn::Item::Fn(function) => function,
            group => {
                show_group(group)?;
                continue;
            }
        };
        let name = function.sig.ident.to_string();
        let Some(at) = function.attrs.iter().position(|a| a.path().is_ident("jacobian")) else { continue };
        if arguments.get(1).is_some_and(|wanted| *wanted != name) {
            continue;
        }
        let attribute = match function.attrs.remove(at).meta {
            syn::Meta::List(list) => list.tokens,
            _ => quote::quote!(),
        };
        let start = Instant::now();
        let compiled = jac_core::compile(attribute, function.to_token_stream());
        let time = start.elapsed();
        for mistake in &compiled.diagnostics {
            println!("error: {}", mistake.text());
        }
        let Some(stages) = compiled.stages else { continue };
        let (both, report) = stages.value_and_jacobian();
        println!(
            "{name}: {} -> {} operations, value and Jacobian; weighted {} -> {}, chain {} -> {}; {:.1} ms",
            report.before,
            report.after,
            stages.derivative.cost().work,
            both.cost().work,
            stages.derivative.cost().chain,
            both.cost().chain,
            time.as_secs_f64() * 1e3
        );
        if !brief {
            println!(
                "\n{}\n{}\n{}",
                stages.primal.to_text(),
                stages.jacobian.to_text(),
                prettyplease::unparse(&syn::parse2(compiled.tokens)?)
            );
        }
    }
    Ok(())
}
