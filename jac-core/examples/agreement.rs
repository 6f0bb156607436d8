//! Compiles the annotated functions of some files, and says which expansions disagree with their functions,
//! and which could be told apart from rounding at no point.
//!
//! `cargo run -p jac-core --example agreement -- [OPTION…] FILE…`
//!
//! | option | |
//! |---|---|
//! | `--all` | every kind of function is generated |
//! | `--first` | ends at the first function that disagrees |
//! | `--order LIST` | only the functions that the file LIST names, in its order |
//! | `--trace` | says where each function begins, and at its end a digest of the code that is emitted |
//! | `--cost` | says what the check took of the time, and where that is more than it may be |
//!
//! It exits with 1 if any disagrees. `tests/examples/faults.rs` runs it over a compiler with a fault in it.

use jac_core::interface::FORMS;
use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use std::time::{Duration, Instant};

/// What the check may take of a function's time: a tenth, or so much if that is more.
const GRANTED: Duration = Duration::from_millis(5);

/// How often that has to be so.
const REPEATED: usize = 4;

struct Function {
    attribute: TokenStream,
    item: syn::ItemFn,
}

#[derive(Default)]
struct Counts {
    functions: usize,
    forms: usize,
    blind: usize,
    disagree: usize,
    dear: usize,
    whole: Duration,
    checking: Duration,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut paths: Vec<String> = std::env::args().skip(1).collect();
    let order = paths.iter().position(|a| a == "--order").map(|at| paths.drain(at..at + 2).next_back().expect("a file"));
    let mut flag = |name: &str| paths.iter().position(|a| a == name).map(|at| paths.remove(at)).is_some();
    let (first, all, trace, cost) = (flag("--first"), flag("--all"), flag("--trace"), flag("--cost"));
    let mut functions = Vec::new();
    for path in paths {
        let file = syn::parse_file(&std::fs::read_to_string(path)?)?;
        functions.extend(file.items.into_iter().filter_map(annotated));
    }
    if let Some(order) = order {
        let names = std::fs::read_to_string(order)?;
        let place = |f: &Function| names.lines().position(|name| f.item.sig.ident == name);
        functions.retain(|f| place(f).is_some());
        functions.sort_by_key(place);
    }
    let mut counts = Counts::default();
    for function in functions {
        let name = function.item.sig.ident.to_string();
        if trace {
            println!("begin {name}");
        }
        let (compiled, took) = compile(&function, all);
        report(&name, &compiled, &mut counts);
        if cost {
            counts.whole += took;
            counts.checking += checking(&compiled);
            counts.dear += usize::from(is_dear(&name, &function, all, (checking(&compiled), took)));
        }
        if trace {
            println!("end {name} {:016x}", digest(&compiled));
        }
        if first && counts.disagree > 0 {
            std::process::exit(1);
        }
    }
    let Counts { functions, forms, blind, disagree, dear, whole, checking } = counts;
    println!("{functions} functions, {forms} generated, {blind} at no point, {disagree} disagree");
    if cost {
        println!("{checking:.2?} of {whole:.2?} are the check's; it takes more than it may of {dear}");
    }
    std::process::exit(i32::from(disagree > 0));
}

fn annotated(item: syn::Item) -> Option<Function> {
    let syn::Item::Fn(mut item) = item else { return None };
    let at = item.attrs.iter().position(|a| a.path().is_ident("jacobian"))?;
    let attribute = match item.attrs.remove(at).meta {
        syn::Meta::List(list) => list.tokens,
        _ => TokenStream::new(),
    };
    Some(Function { attribute, item })
}

/// Says what there is to say of a function.
fn report(name: &str, compiled: &jac_core::Compiled, counts: &mut Counts) {
    counts.functions += 1;
    for mistake in &compiled.diagnostics {
        println!("{name}: {}", mistake.text());
        counts.disagree += usize::from(mistake.message.contains("would disagree"));
    }
    for (kind, points) in compiled.stages.iter().flat_map(|s| &s.compared) {
        counts.forms += 1;
        if *points == 0 {
            println!("{name}_{}: not told apart from rounding", kind.suffix());
            counts.blind += 1;
        }
    }
    for withdrawn in compiled.stages.iter().flat_map(|s| &s.withdrawn) {
        let suffix = withdrawn.form.suffix;
        println!("{name}: `{name}_{suffix}` disagrees before it is withdrawn: {}, at {}", withdrawn.what, withdrawn.point);
        counts.disagree += 1;
    }
}

/// What the check took.
fn checking(compiled: &jac_core::Compiled) -> Duration {
    compiled.stages.as_ref().map_or(Duration::ZERO, |stages| stages.checking)
}

/// Whether the check takes more than it may, again and again: what other processes take is not its time.
fn is_dear(name: &str, function: &Function, all: bool, mut cost: (Duration, Duration)) -> bool {
    for _ in 0..REPEATED {
        if cost.0 <= GRANTED.max(cost.1 / 10) {
            return false;
        }
        let (compiled, took) = compile(function, all);
        cost = (checking(&compiled), took);
    }
    println!("{name}: the check takes {:.2?} of {:.2?}", cost.0, cost.1);
    true
}

/// Compiles a function, and says how long that took; `all` asks for everything that can be generated for it.
fn compile(Function { attribute, item }: &Function, all: bool) -> (jac_core::Compiled, Duration) {
    let given: Vec<String> = attribute.to_string().split(',').map(|option| option.trim().to_owned()).collect();
    let with = |more: &[&str]| {
        let more = more.iter().filter(|option| !given.iter().any(|g| g == **option)).map(|option| format!(", {option}"));
        let options = format!("{attribute}{}", more.collect::<String>());
        let options = options.trim_start_matches(", ").parse().expect("options");
        let item = item.to_token_stream();
        let start = Instant::now();
        let compiled = jac_core::compile(options, item);
        (compiled, start.elapsed())
    };
    if !all {
        return with(&[]);
    }
    // those that a function has not are said by an error of their own
    let mut asked: Vec<&str> = FORMS.iter().filter_map(|form| form.option).chain(["into", "update"]).collect();
    loop {
        let compiled = with(&asked);
        let before = asked.len();
        let says = |part: &str| compiled.0.diagnostics.iter().any(|d| d.message.contains(part));
        let is_refused = |option: &str| match option {
            "jacobian_diagonal" => says("not square"),
            "block_diagonal" => says("`block_diagonal` of a function"),
            option => says(&format!("`{option}` of a function")),
        };
        asked.retain(|option| !is_refused(option));
        if asked.len() == before {
            return compiled;
        }
    }
}

/// A number that tells emissions apart, 0 for errors: FNV-1a, which is the same on every machine. What documents the
/// code does not count.
fn digest(compiled: &jac_core::Compiled) -> u64 {
    if !compiled.diagnostics.is_empty() {
        return 0;
    }
    let text = code(compiled.tokens.clone());
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The text of tokens without documentation.
fn code(tokens: TokenStream) -> String {
    let mut out = String::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(tree) = tokens.next() {
        let is_doc = |next: &TokenTree| matches!(next, TokenTree::Group(g) if g.stream().to_string().starts_with("doc "));
        match tree {
            TokenTree::Punct(p) if p.as_char() == '#' && tokens.next_if(is_doc).is_some() => {}
            TokenTree::Group(group) => out.extend([format!("{:?}", group.delimiter()), code(group.stream()), ";".to_owned()]),
            other => out.extend([other.to_string(), " ".to_owned()]),
        }
    }
    out
}
