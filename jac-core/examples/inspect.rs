//! Shows what jac makes of the annotated functions of a file: the program as read, the simplified
//! derivative, the generated code, and the time it took.
//!
//! `cargo run -p jac-core --example inspect -- FILE [FUNCTION] [--brief]`, or with `--target c` all of it as C99.

use quote::ToTokens;
use std::time::Instant;

/// A module or `impl` under the attribute, of which only the generated code is shown.
fn show_group(mut item: syn::Item, origin: &jac_core::Origin) -> Result<(), Box<dyn std::error::Error>> {
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
    let compiled = jac_core::compile_from(options, item.to_token_stream(), origin);
    for mistake in &compiled.diagnostics {
        println!("error: {}", mistake.text());
    }
    println!("{}", prettyplease::unparse(&syn::parse2(compiled.tokens)?));
    Ok(())
}

/// All forms that are asked for, as C; what C has no words for is said in a comment.
fn show_c(name: &str, stages: &jac_core::Stages) {
    let both = stages.both.iter().map(|(program, _)| ("value_and_jacobian", program));
    let others = stages.others.iter().map(|d| (d.form.suffix, &d.program));
    for (suffix, program) in [("jacobian", &stages.jacobian)].into_iter().chain(both).chain(others) {
        match jac_core::to_c(&format!("{name}_{suffix}"), program) {
            Ok(text) => println!("{text}"),
            Err(why) => println!("/* no {name}_{suffix}: {why} */\n"),
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let brief = arguments.iter().position(|a| a == "--brief").map(|at| arguments.remove(at)).is_some();
    let target = arguments.iter().position(|a| a == "--target").map(|at| arguments.drain(at..(at + 2).min(arguments.len())).next_back());
    let to_c = match target.flatten().as_deref() {
        None | Some("rust") => false,
        Some("c") => true,
        Some(other) => return Err(format!("no target `{other}`: there are `rust` and `c`").into()),
    };
    if to_c {
        println!("{}", jac_core::emit::c::HEADER);
    }
    let path = arguments.first().ok_or("which file?")?;
    // lines are not known here: the text of a function tells which it is
    let origin = jac_core::Origin { file: path.into(), line: 0 };
    let file = syn::parse_file(&std::fs::read_to_string(path)?)?;
    for item in file.items {
        let mut function = match item {
            syn::Item::Fn(function) => function,
            group => {
                show_group(group, &origin)?;
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
        let compiled = jac_core::compile_from(attribute, function.to_token_stream(), &origin);
        let time = start.elapsed();
        for mistake in &compiled.diagnostics {
            println!("error: {}", mistake.text());
        }
        let Some(stages) = compiled.stages else { continue };
        if to_c {
            show_c(&name, &stages);
            continue;
        }
        let (both, report) = stages.value_and_jacobian();
        println!(
            "{name}: {} -> {} operations{}, value and Jacobian; weighted {} -> {}, chain {} -> {}; {:.1} ms",
            report.before,
            report.after,
            both.dear_operations(),
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
