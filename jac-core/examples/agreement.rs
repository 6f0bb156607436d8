//! Compiles the annotated functions of some files, and says which expansions disagree with their functions,
//! and which could be told apart from rounding at no point.
//!
//! `cargo run -p jac-core --example agreement -- [--first] [--all] FILE…`
//!
//! The functions that the variable `EXCEPT` names, with commas between them, are left out. It exits with 1 if any disagrees, with `--first` at once. With `--all`, every kind of function is generated. `tests/examples/faults.rs` runs it over a
//! compiler with a fault in it.

use quote::ToTokens;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut paths: Vec<String> = std::env::args().skip(1).collect();
    let mut flag = |name: &str| paths.iter().position(|a| a == name).map(|at| paths.remove(at)).is_some();
    let (first, all) = (flag("--first"), flag("--all"));
    let except = |name: &str| std::env::var("EXCEPT").is_ok_and(|names| names.split(',').any(|n| n == name));
    let (mut functions, mut forms, mut blind, mut disagree) = (0, 0, 0, 0);
    for path in paths {
        let file = syn::parse_file(&std::fs::read_to_string(path)?)?;
        for item in file.items {
            let syn::Item::Fn(mut function) = item else { continue };
            let Some(at) = function.attrs.iter().position(|a| a.path().is_ident("jacobian")) else { continue };
            let attribute = match function.attrs.remove(at).meta {
                syn::Meta::List(list) => list.tokens,
                _ => proc_macro2::TokenStream::new(),
            };
            let name = function.sig.ident.to_string();
            if except(&name) {
                continue;
            }
            let compiled = compile(&attribute, &function, all);
            functions += 1;
            for mistake in &compiled.diagnostics {
                println!("{name}: {}", mistake.text());
                disagree += usize::from(mistake.message.contains("would disagree"));
            }
            for (kind, points) in compiled.stages.iter().flat_map(|s| &s.compared) {
                forms += 1;
                if *points == 0 {
                    println!("{name}_{}: not told apart from rounding", kind.suffix());
                    blind += 1;
                }
            }
            for withdrawn in compiled.stages.iter().flat_map(|s| &s.withdrawn) {
                let suffix = withdrawn.kind.suffix();
                println!("{name}: `{name}_{suffix}` disagrees before it is withdrawn: {}, at {}", withdrawn.what, withdrawn.point);
                disagree += 1;
            }
            if first && disagree > 0 {
                std::process::exit(1);
            }
        }
    }
    println!("{functions} functions, {forms} generated, {blind} at no point, {disagree} disagree");
    std::process::exit(i32::from(disagree > 0));
}

/// Compiles a function; `all` asks for everything that can be generated for it.
fn compile(attribute: &proc_macro2::TokenStream, function: &syn::ItemFn, all: bool) -> jac_core::Compiled {
    let given: Vec<String> = attribute.to_string().split(',').map(|option| option.trim().to_owned()).collect();
    let with = |more: &[&str]| {
        let more = more.iter().filter(|option| !given.iter().any(|g| g == **option)).map(|option| format!(", {option}"));
        let options = format!("{attribute}{}", more.collect::<String>());
        let options = options.trim_start_matches(", ").parse().expect("options");
        jac_core::compile(options, function.to_token_stream())
    };
    if !all {
        return with(&[]);
    }
    let compiled = with(&["value", "jvp", "vjp", "hessian"]);
    if compiled.diagnostics.iter().any(|d| d.message.contains("Hessian")) {
        return with(&["value", "jvp", "vjp"]);
    }
    compiled
}
