//! Plants the faults of `src/faults.rs` in a copy of the compiler, one at a time, compiles the corpus with it, and says
//! which of them the check of expansions saw: it withdrew a simplification, or refused the function.
//!
//! `cargo run --release -p jac-tests --example faults -- [NUMBER…]`: all, or those; about half a minute a fault on one core.

use jac_tests::faults::FAULTS;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// A faulty compiler that takes longer hangs: without a fault it takes half a minute, unoptimised.
const PATIENCE: Duration = Duration::from_secs(300);

fn main() -> ExitCode {
    let arguments: Vec<usize> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let copy = target.join("faults");
    copy_compiler(root, &copy);
    let functions = functions(root);
    let healthy = run(&copy, &functions);
    assert!(healthy.starts_with("missed"), "without a fault, none may be seen: {healthy}");
    let (mut seen, mut planted) = (0, 0);
    for (k, fault) in FAULTS.iter().enumerate().filter(|(k, _)| arguments.is_empty() || arguments.contains(k)) {
        let file = copy.join("jac-core/src").join(fault.file);
        let source = std::fs::read_to_string(&file).expect("a source file");
        assert_eq!(source.matches(fault.right).count(), 1, "fault {k}: {fault:?}");
        std::fs::write(&file, source.replace(fault.right, fault.wrong)).expect("a copy to write to");
        let verdict = run(&copy, &functions);
        std::fs::write(&file, source).expect("a copy to write to");
        planted += 1;
        seen += usize::from(verdict.starts_with("seen"));
        println!("{k}: {}: {} => {}: {verdict}", fault.file, fault.right, fault.wrong);
    }
    println!("{seen} of {planted} seen");
    ExitCode::from(u8::from(seen * 50 < planted * 48))
}

/// Copies the compiler into a workspace of its own, in which only the check of expansions finds faults: what
/// debug builds assert would be found by luck.
fn copy_compiler(root: &Path, copy: &Path) {
    let _ = std::fs::remove_dir_all(copy.join("jac-core"));
    copy_directory(&root.join("jac-core"), &copy.join("jac-core"));
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).expect("a manifest");
    let members = manifest.lines().find(|l| l.starts_with("members")).expect("members").to_owned();
    let manifest = manifest.replace(&members, "members = [\"jac-core\"]").replace("jac-core.opt-level = 3", "jac-core.opt-level = 0");
    let profile = "[profile.dev]\ndebug = false\ndebug-assertions = false\noverflow-checks = false\n";
    std::fs::write(copy.join("Cargo.toml"), format!("{manifest}\n{profile}")).expect("a manifest");
    std::fs::copy(root.join("Cargo.lock"), copy.join("Cargo.lock")).expect("a lock file");
}

fn copy_directory(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("a directory").flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy_directory(&from, &to);
        } else {
            std::fs::copy(from, to).expect("a copy");
        }
    }
}

/// The corpus, but for what only takes time.
fn functions(root: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir(root.join("tests/corpus")).expect("the corpus").flatten().map(|f| f.path());
    let mut all: Vec<PathBuf> = all.filter(|f| !f.ends_with("timed.rs")).collect();
    all.sort();
    all
}

/// Builds the copy, compiles the functions with it, and says what the check saw.
fn run(copy: &Path, functions: &[PathBuf]) -> String {
    let mut cargo = Command::new("cargo");
    // the environment may name another target directory
    cargo.args(["build", "-q", "--example", "agreement", "--target-dir"]).arg(copy.join("target")).current_dir(copy);
    if !cargo.status().is_ok_and(|s| s.success()) {
        return "no fault: it does not compile".to_owned();
    }
    let output = copy.join("output");
    let file = std::fs::File::create(&output).expect("a file for the output");
    let mut agreement = Command::new(copy.join("target/debug/examples/agreement"));
    let mut child = agreement.args(["--first", "--all"]).args(functions).stdout(file).stderr(Stdio::null()).spawn().expect("the example");
    let start = Instant::now();
    let status = loop {
        match child.try_wait().expect("a child") {
            Some(status) => break status,
            None if start.elapsed() > PATIENCE => {
                let _ = child.kill();
                let _ = child.wait();
                return "missed: it hangs".to_owned();
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    let text = std::fs::read_to_string(&output).unwrap_or_default();
    match (status.code(), text.lines().find(|l| l.contains("disagree"))) {
        (Some(1), Some(line)) => format!("seen: {line}"),
        (Some(0), _) if text.contains("internal error") => "missed: internal errors".to_owned(),
        (Some(0), _) => "missed".to_owned(),
        (code, _) => format!("missed: it ends with {code:?}"),
    }
}
