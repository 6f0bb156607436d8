//! Builds programs as crates and runs them.

use super::choices::Choices;
use super::write::{self, render, Float, Kind, Len, Mode, Param, Pass, Program, Ty, Wrapper};
use proc_macro2::TokenStream;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// What jac said to a program.
pub enum Answer {
    /// The tokens.
    Compiled(TokenStream, Duration),
    /// The first error.
    Refused(String),
    /// It panicked, or found its own result wrong.
    Panicked(String),
}

/// Compiles as the macro does.
pub fn compile(program: &Program) -> Answer {
    let mode = Mode::Jac(program.float);
    let item: TokenStream = match render(&program.item, mode).parse() {
        Ok(item) => item,
        Err(e) => return Answer::Panicked(format!("the program has no tokens: {e}")),
    };
    let options: TokenStream = program.options.parse().expect("options are tokens");
    let start = Instant::now();
    match catch_unwind(AssertUnwindSafe(|| jac_core::compile(options, item))) {
        Ok(compiled) => match compiled.diagnostics.first() {
            // what the macro finds out about itself is a failure, too
            Some(error) if error.text().contains("mistake of jac's") => Answer::Panicked(error.text()),
            Some(error) => Answer::Refused(error.text()),
            None => Answer::Compiled(compiled.tokens, start.elapsed()),
        },
        Err(panic) => Answer::Panicked(panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic".to_owned())),
    }
}

/// The program as a user would have written it.
pub fn source(program: &Program) -> String {
    let mode = Mode::Jac(program.float);
    let attribute = match (&*program.path, &*program.options) {
        ("f", "") => "#[jacobian]\n".to_owned(),
        ("f", options) => format!("#[jacobian({options})]\n"),
        _ => "#[jacobian]\n".to_owned(),
    };
    let text = format!("{}{attribute}{}", render(&program.prelude, mode), render(&program.item, mode));
    match syn::parse_file(&text) {
        Ok(file) => prettyplease::unparse(&file),
        Err(_) => text,
    }
}

/// What became of a program.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// So many points were compared, so many skipped.
    Right(usize, usize),
    /// Which function is wrong, and how.
    Wrong(Vec<String>),
    /// rustc refuses what jac generated, and nothing else of the program.
    Uncompilable(String),
    /// rustc refuses the program itself: the writer's mistake.
    Invalid(String),
    /// The run ended before it.
    Lost,
}

/// Where crates are built.
pub struct Workshop {
    directory: PathBuf,
    manifest: PathBuf,
    points: usize,
}

impl Workshop {
    /// In a directory beside the other artefacts.
    pub fn new(name: &str, points: usize) -> Workshop {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).to_owned();
        let directory = manifest.join("../target/fuzz").join(name);
        std::fs::create_dir_all(&directory).expect("a directory for the programs");
        Workshop { directory: directory.canonicalize().expect("it exists"), manifest, points }
    }

    /// Builds and runs programs that jac has compiled, in crates of at most so many.
    pub fn run(&self, programs: &[(String, &Program, &TokenStream)], crates: usize) -> BTreeMap<String, Outcome> {
        let mut outcomes = BTreeMap::new();
        let mut left: Vec<&(String, &Program, &TokenStream)> = programs.iter().collect();
        let mut bad: BTreeMap<String, [Vec<String>; 2]> = BTreeMap::new();
        // rustc reports names, then types, then borrows: what it refuses is left out until it is content
        for _ in 0..6 {
            if left.is_empty() {
                break;
            }
            self.write(&left, crates);
            let errors = self.build();
            if errors.is_empty() {
                break;
            }
            let own = errors.iter().any(|(name, ..)| left.iter().any(|p| p.0 == *name));
            assert!(own, "not the programs' errors: {errors:?}");
            for (name, line, text) in errors {
                if let Some((_, program, tokens)) = left.iter().find(|p| p.0 == name) {
                    let (_, after) = module(&name, program, tokens);
                    bad.entry(name).or_default()[usize::from(line >= after)].push(text);
                }
            }
            left.retain(|p| !bad.contains_key(&p.0));
        }
        for (name, [jac, twin]) in bad {
            let outcome = match (jac.first(), twin.first()) {
                (Some(e), None) => Outcome::Uncompilable(e.clone()),
                (_, e) => Outcome::Invalid(e.cloned().unwrap_or_default()),
            };
            outcomes.insert(name, outcome);
        }
        self.execute(&left, crates, &mut outcomes);
        outcomes
    }

    fn write(&self, programs: &[&(String, &Program, &TokenStream)], crates: usize) {
        let tests = self.manifest.canonicalize().expect("it exists");
        let (numbers, runtime) = (tests.join("fuzz/numbers/lib.rs"), tests.join("../jac-runtime/src/lib.rs"));
        let members: Vec<String> = (0..crates).map(|k| format!("\"c{k}\"")).collect();
        let root = format!(
            "[workspace]\nmembers = [\"numbers\", {}]\nresolver = \"2\"\n[profile.dev]\ndebug = 0\nincremental = false\ncodegen-units = 4\n\
             [profile.dev.package.ndarray]\nopt-level = 1\n[profile.dev.package.fuzz-numbers]\nopt-level = 2\n",
            members.join(", ")
        );
        store(&self.directory.join("Cargo.toml"), &root);
        if !self.directory.join("Cargo.lock").exists() {
            let _ = std::fs::copy(tests.join("../Cargo.lock"), self.directory.join("Cargo.lock"));
        }
        let support = format!(
            "[package]\nname = \"fuzz-numbers\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[lib]\npath = {numbers:?}\n\
             [dependencies]\nndarray = \"0.17\"\nnum-traits = \"0.2\"\n"
        );
        store(&self.directory.join("numbers/Cargo.toml"), &support);
        // the runtime as it is, but without the macro: what it would write is already written
        let macros = "[package]\nname = \"jac-macro\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[lib]\nproc-macro = true\n";
        store(&self.directory.join("macro/Cargo.toml"), macros);
        let attribute = "use proc_macro::TokenStream;\n#[proc_macro_attribute]\npub fn jacobian(_: TokenStream, item: TokenStream) -> TokenStream { item }\n\
                         #[proc_macro]\npub fn check(_: TokenStream) -> TokenStream { TokenStream::new() }\n";
        store(&self.directory.join("macro/src/lib.rs"), attribute);
        let runtime = format!(
            "[package]\nname = \"jac-runtime\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[lib]\npath = {runtime:?}\n[features]\nlinalg = []\nbatch = []\n\
             [dependencies]\njac-macro = {{ path = \"../macro\" }}\nndarray = \"0.17\"\n\
             nalgebra = {{ version = \"0.34\", default-features = false, features = [\"std\"] }}\nwide = \"1\"\n"
        );
        store(&self.directory.join("runtime/Cargo.toml"), &runtime);
        for k in 0..crates {
            let home = self.directory.join(format!("c{k}"));
            let manifest = format!(
                "[package]\nname = \"c{k}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\nfuzz-numbers = {{ path = \"../numbers\" }}\n\
                 jac-runtime = {{ path = \"../runtime\", features = [\"linalg\", \"batch\"] }}\nndarray = \"0.17\"\nnum-traits = \"0.2\"\n"
            );
            store(&home.join("Cargo.toml"), &manifest);
            let own: Vec<_> = programs.iter().skip(k).step_by(crates).collect();
            let _ = std::fs::remove_dir_all(home.join("src"));
            let modules: String = own.iter().map(|p| format!("mod {};\n", p.0)).collect();
            let calls: String = own.iter().map(|p| format!("    check(&{}::PROGRAM, {});\n", p.0, self.points)).collect();
            store(&home.join("src/main.rs"), &format!("{ALLOW}use fuzz_numbers::check;\n{modules}fn main() {{\n{calls}}}\n"));
            for (name, program, tokens) in own {
                store(&home.join(format!("src/{name}.rs")), &module(name, program, tokens).0);
            }
        }
    }

    /// The errors: program, line and message.
    fn build(&self) -> Vec<(String, usize, String)> {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let output = Command::new(cargo)
            .current_dir(&self.directory)
            .args(["build", "--offline", "--keep-going", "--quiet", "--message-format=short", "--target-dir"])
            .arg(self.directory.join("target"))
            .env_remove("RUSTFLAGS")
            .output()
            .expect("cargo runs");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let errors: Vec<(String, usize, String)> = text.lines().filter_map(located).collect();
        assert!(output.status.success() || !errors.is_empty(), "cargo failed for another reason:\n{text}");
        errors
    }

    fn execute(&self, programs: &[&(String, &Program, &TokenStream)], crates: usize, outcomes: &mut BTreeMap<String, Outcome>) {
        let run = |k: usize| {
            let binary = self.directory.join("target/debug").join(format!("c{k}"));
            Command::new(binary).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).spawn().expect("the crate runs")
        };
        if programs.is_empty() {
            return;
        }
        let running: Vec<_> = (0..crates).map(run).collect();
        for child in running {
            let output = child.wait_with_output().expect("the crate ends");
            for line in String::from_utf8_lossy(&output.stdout).lines() {
                let words: Vec<&str> = line.splitn(3, ' ').collect();
                match words.as_slice() {
                    ["FAIL", name, text] => match outcomes.entry((*name).to_owned()).or_insert(Outcome::Wrong(Vec::new())) {
                        Outcome::Wrong(all) => all.push((*text).to_owned()),
                        _ => unreachable!("a program runs once"),
                    },
                    ["DONE", name, counts] => {
                        let counts: Vec<usize> = counts.split(' ').filter_map(|c| c.parse().ok()).collect();
                        outcomes.entry((*name).to_owned()).or_insert(Outcome::Right(counts[0], counts[1]));
                    }
                    _ => {}
                }
            }
        }
        for (name, ..) in programs {
            outcomes.entry(name.clone()).or_insert(Outcome::Lost);
        }
    }
}

// a function may index what is too short behind a condition
const ALLOW: &str = "#![allow(warnings, clippy::all, unconditional_panic)]\n";

/// Writes a file if it says something else.
fn store(path: &Path, text: &str) {
    if std::fs::read_to_string(path).is_ok_and(|old| old == text) {
        return;
    }
    std::fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
    std::fs::write(path, text).expect("the file is written");
}

/// `c0/src/p12.rs:34:5: error[E0308]: mismatched types`
fn located(line: &str) -> Option<(String, usize, String)> {
    let (place, message) = line.split_once(": error")?;
    let mut parts = place.split(':');
    let name = Path::new(parts.next()?).file_stem()?.to_str()?.to_owned();
    Some((name, parts.next()?.parse().ok()?, format!("error{message}")))
}

const USES: &str = "use fuzz_numbers::{c, flat, hl, Asked, In, Input, Out, Program, H};\nuse jac_runtime::linalg;\n\
                    use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView2, ArrayView3, Axis};\n";

/// The file of a program, and the line at which what jac compiled ends.
fn module(name: &str, program: &Program, tokens: &TokenStream) -> (String, usize) {
    let mode = Mode::Jac(program.float);
    let float = if program.float == Float::Single { "f32" } else { "f64" };
    let uses = if program.float == Float::Generic { "use num_traits::Float;\n" } else { "" };
    let tokens = tokens.to_string();
    let asked = asked(program, &tokens);
    let call = call(program, float, &asked, is_constant(&tokens));
    let tokens = tokens.replace(';', ";\n");
    let mut out = format!("{USES}mod jac {{\nuse super::*;\n{uses}{}{tokens}\n}}\n", render(&program.prelude, mode));
    let line = out.matches('\n').count() + 1;
    let _ = write!(out, "mod twin {{\nuse super::*;\n{}{}}}\n", render(&program.prelude, Mode::Twin), render(&program.plain, Mode::Twin));
    out += &call;
    out += &twin(program);
    let inputs: Vec<String> = program.params.iter().filter_map(|p| input(p, program)).collect();
    let asked: Vec<String> = asked.iter().map(|a| format!("Asked::{}", a.0)).collect();
    let (double, single) = if program.float == Float::Single { ("None", "Some(call)") } else { ("Some(call)", "None") };
    let _ = writeln!(
        out,
        "pub const PROGRAM: Program = Program {{ name: {name:?}, inputs: &[{}], asked: &[{}], strict: {}, stacked: {}, loss: {:?}, double: {double}, single: {single}, twin }};",
        inputs.join(", "),
        asked.join(", "),
        has_option(program, "strict"),
        has_option(program, "stack"),
        program.loss
    );
    (out, line)
}

fn input(p: &Param, program: &Program) -> Option<String> {
    let length = |l: Len| match l {
        Len::Known(n) => n.to_string(),
        Len::Open(2) => CONST_GENERIC.to_string(),
        Len::Open(k) => format!("-{}", k + 1),
    };
    let shape = match p.kind {
        Kind::Length(_) => return None,
        Kind::Integer(n) => return Some(format!("Input::Integer({n})")),
        Kind::Truth => return Some("Input::Integer(2)".to_owned()),
        Kind::Floats(_) if p.pass == Pass::Out => return None,
        Kind::Floats(ty) => ty.axes().into_iter().map(length).collect::<Vec<_>>(),
    };
    let fixed = program.at.as_ref().filter(|(name, _)| *name == p.name).map(|(_, value)| value);
    Some(format!("Input::Floats(&[{}], {}, {fixed:?})", shape.join(", "), p.wrt))
}

/// The value of a const generic.
const CONST_GENERIC: usize = 3;

/// Whether an option is among those of the attribute.
fn has_option(program: &Program, word: &str) -> bool {
    let options = format!("{} {}", program.options, program.item);
    let attribute = options.split("pub fn f").next().unwrap_or_default();
    attribute.split(|ch: char| !ch.is_ascii_alphanumeric() && ch != '_').any(|w| w == word)
}

/// Whether the pattern of the entries is one of known lengths, which takes no arguments.
fn is_constant(tokens: &str) -> bool {
    tokens.contains("fn f_jacobian_pattern () ->")
}

/// The functions that are there: what they are for the comparison, and their suffix.
fn asked(program: &Program, tokens: &str) -> Vec<(&'static str, &'static str)> {
    let has = |word: &str| has_option(program, word);
    let all = [
        ("ValueAndJacobian", "value_and_jacobian", has("value")),
        ("Jvp", "jvp", has("jvp")),
        ("Vjp", "vjp", has("vjp")),
        ("Hessian", "hessian", has("hessian")),
        ("Pushforward", "pushforward", has("pushforward")),
        ("Pullback", "pullback", has("pullback")),
        ("WeightedHessian", "weighted_hessian", has("weighted_hessian")),
        ("Normal", "normal", has("normal")),
        ("WeightedNormal", "weighted_normal", has("weighted_normal")),
        ("Into", "jacobian_into", has("into")),
        ("Update", "jacobian_update", has("update")),
        // a constant pattern of a method has no receiver
        ("Sparse", "jacobian_values", has("sparse") && !(is_constant(tokens) && program.path.starts_with("me."))),
        ("Batch", "jacobian_batch", !program.varied.is_empty()),
        ("HessianBatch", "hessian_batch", !program.varied.is_empty() && has("hessian")),
        ("Check", "jacobian_check", true),
    ];
    let more = all.iter().filter(|a| a.2).map(|a| (a.0, a.1));
    [("Value", ""), ("Jacobian", "jacobian")].into_iter().chain(more).collect()
}

/// How a value of a type is read from flat numbers.
fn read(ty: Ty, from: &str) -> String {
    let length = |l: Len| match l {
        Len::Known(n) => n.to_string(),
        Len::Open(k) => format!("lens[{k}]"),
    };
    match ty {
        Ty::Scalar => format!("{from}.scalar()"),
        Ty::Fixed(n) => format!("{from}.fixed::<{n}>()"),
        Ty::Fixed2(n, m) => format!("{from}.fixed2::<{n}, {m}>()"),
        Ty::List(Len::Open(2)) => format!("{from}.fixed::<{CONST_GENERIC}>()"),
        Ty::List(n) => format!("{from}.vec({})", length(n)),
        Ty::Nd1(n) => format!("{from}.arr1({})", length(n)),
        Ty::Fixed3(n, m, k) => format!("{from}.fixed3::<{n}, {m}, {k}>()"),
        Ty::Nd2(n, m) => format!("{from}.arr2({}, {})", length(n), length(m)),
        Ty::Nd3(n, m, k) => format!("{from}.arr3({}, {}, {})", length(n), length(m), length(k)),
    }
}

/// Statements that read the arguments, and the arguments, without out-parameters.
fn arguments(program: &Program, module: &str) -> (String, Vec<String>) {
    let (mut reads, mut given, mut fields, mut integers) = (String::new(), Vec::new(), Vec::new(), 0);
    for p in &program.params {
        let name = p.name.trim_start_matches("self.");
        let mut integer = |as_: &str| {
            integers += 1;
            format!("ints[{}]{as_}", integers - 1)
        };
        let value = match p.kind {
            Kind::Floats(_) if p.pass == Pass::Out => continue,
            Kind::Floats(ty) => read(ty, "reader"),
            Kind::Length(k) => format!("lens[{k}]"),
            Kind::Integer(_) => integer(" as i32"),
            Kind::Truth => integer(" == 1"),
        };
        let _ = writeln!(reads, "let {name} = {value};");
        match p.pass {
            Pass::Field => fields.push(format!("{name}: {name}")),
            pass => given.push(passed(name, pass)),
        }
    }
    if !fields.is_empty() {
        let _ = writeln!(reads, "let me = {module}::Model {{ {} }};", fields.join(", "));
    }
    (reads, given)
}

fn passed(name: &str, pass: Pass) -> String {
    match pass {
        Pass::Reference => format!("&{name}"),
        Pass::View => format!("{name}.view()"),
        _ => name.to_owned(),
    }
}

fn path(program: &Program, module: &str) -> String {
    if program.path.starts_with("me.") {
        program.path.clone()
    } else {
        format!("{module}::{}", program.path)
    }
}

fn call(program: &Program, float: &str, all: &[(&str, &str)], constant: bool) -> String {
    let (reads, all_given) = arguments(program, "jac");
    let f = path(program, "jac");
    // what is generated does not take what is set to a constant
    let names = program.params.iter().filter(|p| !matches!(p.pass, Pass::Out | Pass::Field)).map(|p| p.name.as_str());
    let is_taken = |(name, _): &(&str, &String)| program.at.as_ref().is_none_or(|at| at.0 != *name);
    let named: Vec<(&str, &String)> = names.zip(&all_given).filter(is_taken).collect();
    let args = named.iter().map(|(_, g)| g.as_str()).collect::<Vec<_>>().join(", ");
    let mut arms = String::new();
    for &(asked, suffix) in all {
        let seeds = |tys: &[(Ty, Pass)]| -> (String, String) {
            let reads = tys.iter().enumerate().map(|(k, (ty, _))| format!("let t{k} = {};", read(*ty, "seed_reader"))).collect();
            let passed = tys.iter().enumerate().map(|(k, (_, pass))| format!(", {}", passed(&format!("t{k}"), *pass))).collect();
            (reads, passed)
        };
        let body = match asked {
            "Value" => called(program, &f, &all_given, "0.0"),
            "Jvp" | "Pushforward" => {
                let floats = program.params.iter().filter(|p| p.wrt);
                let tys: Vec<(Ty, Pass)> =
                    floats.filter_map(|p| if let Kind::Floats(ty) = p.kind { Some((ty, p.pass)) } else { None }).collect();
                let (reads, passed) = seeds(&tys);
                format!("{reads} {f}_{suffix}({args}{passed}).put(&mut out_flat);")
            }
            "Vjp" | "Pullback" | "WeightedHessian" | "WeightedNormal" => {
                let by_reference = |ty: &Ty| (*ty, if *ty == Ty::Scalar { Pass::Value } else { Pass::Reference });
                let (reads, passed) = seeds(&program.results.iter().map(by_reference).collect::<Vec<_>>());
                format!("{reads} {f}_{suffix}({args}{passed}).put(&mut out_flat);")
            }
            "Update" => {
                // what is in the memory is of another point, and of this one if the function has no value there
                let block = if program.wrapper == Wrapper::Nothing { String::new() } else { format!(".or({f}_jacobian({args})).unwrap()") };
                let beside = format!("{{ let moved: Vec<{float}> = floats.iter().map(|x| x * 1.25).collect(); let mut reader = In::new(&moved, layout); {reads} {f}_jacobian({args})");
                match block.is_empty() {
                    true => format!("let mut block = {beside} }}; {f}_{suffix}({args}, &mut block); block.put(&mut out_flat);"),
                    false => format!("let there = {beside} }}; let mut block = there{block}; {f}_{suffix}({args}, &mut block).unwrap(); block.put(&mut out_flat);"),
                }
            }
            "Batch" | "HessianBatch" => {
                // points beside this one, which may take other branches
                let own: Vec<String> = program.varied.iter().map(|name| format!("own_{name}")).collect();
                let begin: String = own.iter().map(|own| format!("let mut {own} = Vec::new(); ")).collect();
                let push: String = program.varied.iter().zip(&own).map(|(name, own)| format!("{own}.push({name}); ")).collect();
                let moved = format!("let moved: Vec<{float}> = floats.iter().map(|x| if k == layout {{ *x }} else {{ x * (0.5 + k as {float}) - 0.25 }}).collect();");
                let slice = |(name, given): &(&str, &String)| match program.varied.iter().any(|v| v == name) {
                    true => format!("&own_{name}"),
                    false => (*given).clone(),
                };
                let given = named.iter().map(slice).collect::<Vec<_>>().join(", ");
                let one = suffix.trim_end_matches("_batch");
                format!(
                    "{begin} for k in 0..5 {{ {moved} let mut reader = In::new(&moved, layout); {reads} {push} }}\n\
                     let mut block = vec![{f}_{one}({args}); 5]; block.soil({float}::NAN); {f}_{suffix}({given}, &mut block); block[layout].put(&mut out_flat);"
                )
            }
            "Into" => {
                let block = if program.wrapper == Wrapper::Nothing { "" } else { ".unwrap()" };
                format!("let mut block = {f}_jacobian({args}){block}; block.soil({float}::NAN); {f}_{suffix}({args}, &mut block); block.put(&mut out_flat);")
            }
            "Sparse" => {
                let (done, given) = (if program.wrapper == Wrapper::Nothing { "" } else { ".unwrap()" }, if constant { "" } else { &args });
                format!(
                    "let pattern = {f}_jacobian_pattern({given}); let mut values = vec![{float}::NAN; pattern.nnz()];\n\
                     {f}_{suffix}({args}{}&mut values[..]){done};\nout_flat.resize(pattern.rows() * pattern.columns(), 0.0);\n\
                     for ((row, column), value) in pattern.triplets().zip(&values) {{ out_flat[row * pattern.columns() + column] += *value; }}",
                    if args.is_empty() { "" } else { ", " }
                )
            }
            "Check" => match program.params.iter().find(|p| p.pass == Pass::Out).map(|p| p.kind) {
                Some(Kind::Floats(Ty::Fixed(n))) => {
                    format!("{f}_{suffix}({}&mut [0.0; {n}]);", all_given.iter().map(|g| format!("{g}, ")).collect::<String>())
                }
                _ => format!("{f}_{suffix}({});", all_given.join(", ")),
            },
            _ => format!("{f}_{suffix}({args}).put(&mut out_flat);"),
        };
        let _ = writeln!(arms, "Asked::{asked} => {{ {body} }}");
    }
    format!(
        "fn call(asked: Asked, floats: &[{float}], seeds: &[{float}], lens: &[usize], ints: &[i64], layout: usize) -> Vec<{float}> {{\n\
         let mut reader = In::new(floats, layout); let mut seed_reader = In::new(seeds, layout);\n{reads}let mut out_flat: Vec<{float}> = Vec::new();\n\
         match asked {{\n{arms}_ => {{}}\n}}\nout_flat\n}}\n"
    )
}

/// The function itself: puts its results into `o`.
fn called(program: &Program, f: &str, given: &[String], zero: &str) -> String {
    match program.params.iter().find(|p| p.pass == Pass::Out).map(|p| p.kind) {
        Some(Kind::Floats(Ty::Fixed(n))) => {
            let args = given.iter().map(|g| format!("{g}, ")).collect::<String>();
            format!("let mut result = [{zero}; {n}]; {f}({args}&mut result); result.put(&mut out_flat);")
        }
        _ => format!("{f}({}).put(&mut out_flat);", given.join(", ")),
    }
}

fn twin(program: &Program) -> String {
    let (reads, given) = arguments(program, "twin");
    let f = path(program, "twin");
    let body = if program.results.len() == 1 {
        format!("let mut out_flat = Vec::new(); {} vec![out_flat]", called(program, &f, &given, "c(0.0)"))
    } else {
        let parts: Vec<String> = (0..program.results.len()).map(|k| format!("flat(&result.{k})")).collect();
        let inner = if program.wrapper == Wrapper::Nothing { "" } else { ".unwrap()" };
        format!("let result = {f}({}){inner}; vec![{}]", given.join(", "), parts.join(", "))
    };
    format!(
        "fn twin(floats: &[H], lens: &[usize], ints: &[i64]) -> Vec<Vec<H>> {{\nlet mut reader = In::new(floats, 0);\n{reads}{body}\n}}\n"
    )
}

/// The program of a seed.
pub fn program(seed: u64) -> Program {
    write::program(Choices::random(seed))
}
