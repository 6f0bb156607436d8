//! Plants the faults of `src/faults.rs` in a copy of the compiler, one at a time, compiles the corpus with it, and says
//! what became of each (`Verdict`).
//!
//! `cargo run --release -p jac-tests --example faults -- [NUMBER…]`: all, or those.

use jac_tests::faults::{Fault, ALONE, FAULTS, MORE_POINTS};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc::{channel, RecvTimeoutError};
use std::time::{Duration, Instant};

/// A function that takes longer hangs: without a fault, the slowest takes a few seconds, unoptimised.
const PATIENCE: Duration = Duration::from_secs(30);
/// A compiler that hangs or ends so often is given up.
const STOPS: usize = 2;

/// What became of a fault.
enum Verdict {
    /// The check withdrew a simplification, or refused a function, and this is what it said.
    Seen(String),
    /// The code of these functions is not that of the healthy compiler, and nothing was said; nor with many more points, or
    /// this was.
    Missed(Vec<String>, Option<String>),
    /// All code is that of the healthy compiler: no fault as far as the corpus goes.
    NoOutput,
    /// It does not compile, hangs, ends, or refuses functions for other reasons, and no other code is wrong.
    Broken(String),
}

/// What a compiler did to the corpus.
#[derive(Default)]
struct Outcome {
    /// Of each function that was compiled, a digest of its code.
    digests: BTreeMap<String, String>,
    took: BTreeMap<String, Duration>,
    disagreement: Option<String>,
    /// The function at which it said so.
    at: String,
    /// Where it hung or ended.
    stops: Vec<String>,
}

fn main() -> ExitCode {
    let arguments: Vec<usize> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let copy = Copy { directory: target.join("faults"), corpus: corpus(root) };
    copy.refresh(root);
    copy.with(ALONE, || plant_all(&copy, &arguments))
}

/// Plants the faults of these numbers, or all.
fn plant_all(copy: &Copy, arguments: &[usize]) -> ExitCode {
    assert!(copy.build(), "the compiler does not compile");
    let healthy = copy.run(None);
    assert!(healthy.disagreement.is_none() && healthy.stops.is_empty(), "without a fault, none may be seen");
    // what is quick first: most faults show in small functions too
    let mut order: Vec<String> = healthy.digests.keys().cloned().collect();
    order.sort_by_key(|name| healthy.took[name]);
    let mut counts = [0; 4];
    for (k, fault) in FAULTS.iter().enumerate().filter(|(k, _)| arguments.is_empty() || arguments.contains(k)) {
        let start = Instant::now();
        let (verdict, at) = judged(copy, fault, &healthy, &order);
        // what showed one fault may show the next
        if let Some(at) = order.iter().position(|name| *name == at) {
            let name = order.remove(at);
            order.insert(0, name);
        }
        let (which, text) = match verdict {
            Verdict::Seen(text) => (0, format!("seen: {text}")),
            Verdict::Missed(functions, None) => (1, format!("MISSED: the code of {} differs, with more points too", list(&functions))),
            Verdict::Missed(functions, Some(text)) => {
                (1, format!("MISSED: the code of {} differs; with more points: {text}", list(&functions)))
            }
            Verdict::NoOutput => (2, "changes no code of the corpus".to_owned()),
            Verdict::Broken(text) => (3, format!("no working compiler: {text}")),
        };
        counts[which] += 1;
        println!("{k} ({:.0?}): {}: {} => {}: {text}", start.elapsed(), fault.file, fault.right, fault.wrong);
    }
    let [seen, missed, same, broken] = counts;
    println!("{seen} of {} seen; {same} change no code, {broken} leave no working compiler: not counted", seen + missed);
    ExitCode::from(u8::from(seen * 50 < (seen + missed) * 48))
}

fn list(functions: &[String]) -> String {
    match functions {
        [few @ .., last] if few.len() > 3 => format!("{}, {} … and {last}", few[..3].join(", "), functions.len() - 4),
        _ => functions.join(", "),
    }
}

/// Plants a fault, and says what becomes of it, and where it was seen.
fn judged(copy: &Copy, fault: &Fault, healthy: &Outcome, order: &[String]) -> (Verdict, String) {
    copy.with(std::slice::from_ref(fault), || {
        if !copy.build() {
            return (Verdict::Broken("it does not compile".to_owned()), String::new());
        }
        let faulty = copy.run(Some(order));
        if let Some(text) = faulty.disagreement {
            return (Verdict::Seen(text), faulty.at);
        }
        let refused = |name: &String| faulty.digests[name].trim_matches('0').is_empty();
        let (errors, others): (Vec<String>, Vec<String>) =
            faulty.digests.iter().filter(|(name, d)| healthy.digests[*name] != **d).map(|(name, _)| name.clone()).partition(refused);
        if !others.is_empty() {
            let more = copy.with(MORE_POINTS, || {
                assert!(copy.build(), "the same with other numbers does not compile");
                copy.run(Some(&others)).disagreement
            });
            return (Verdict::Missed(others, more), String::new());
        }
        let stops = faulty.stops.into_iter().chain((!errors.is_empty()).then(|| format!("it refuses {}", list(&errors))));
        let stops: Vec<String> = stops.collect();
        let verdict = if stops.is_empty() { Verdict::NoOutput } else { Verdict::Broken(stops.join(", ")) };
        (verdict, String::new())
    })
}

/// The corpus, but for what only takes time.
fn corpus(root: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir(root.join("tests/corpus")).expect("the corpus").flatten().map(|f| f.path());
    let mut all: Vec<PathBuf> = all.filter(|f| !f.ends_with("timed.rs")).collect();
    all.sort();
    all
}

/// A copy of the compiler in a workspace of its own.
struct Copy {
    directory: PathBuf,
    corpus: Vec<PathBuf>,
}

impl Copy {
    /// Copies the compiler. In the copy only the check of expansions finds faults: what debug builds assert would be found
    /// by luck.
    fn refresh(&self, root: &Path) {
        let _ = std::fs::remove_dir_all(self.directory.join("jac-core"));
        copy_directory(&root.join("jac-core"), &self.directory.join("jac-core"));
        let manifest = std::fs::read_to_string(root.join("Cargo.toml")).expect("a manifest");
        let members = manifest.lines().find(|l| l.starts_with("members")).expect("members").to_owned();
        let manifest = manifest.replace(&members, "members = [\"jac-core\"]").replace("jac-core.opt-level = 3", "jac-core.opt-level = 0");
        let profile = "[profile.dev]\ndebug = false\ndebug-assertions = false\noverflow-checks = false\n";
        std::fs::write(self.directory.join("Cargo.toml"), format!("{manifest}\n{profile}")).expect("a manifest");
        std::fs::copy(root.join("Cargo.lock"), self.directory.join("Cargo.lock")).expect("a lock file");
    }

    /// Runs `f` with faults planted.
    fn with<T>(&self, faults: &[Fault], f: impl FnOnce() -> T) -> T {
        let mut before: Vec<(PathBuf, String)> = Vec::new();
        for fault in faults {
            let file = self.directory.join("jac-core/src").join(fault.file);
            let source = std::fs::read_to_string(&file).expect("a source file");
            assert_eq!(source.matches(fault.right).count(), 1, "{fault:?}");
            std::fs::write(&file, source.replace(fault.right, fault.wrong)).expect("a copy to write to");
            before.push((file, source));
        }
        let result = f();
        before.iter().rev().for_each(|(file, source)| std::fs::write(file, source).expect("a copy to write to"));
        result
    }

    fn build(&self) -> bool {
        let mut cargo = Command::new("cargo");
        // the environment may name another target directory
        cargo.args(["build", "-q", "--example", "agreement", "--target-dir"]).arg(self.directory.join("target"));
        cargo.current_dir(&self.directory).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
    }

    /// Compiles the corpus, or functions of it in an order, until something is seen.
    fn run(&self, order: Option<&[String]>) -> Outcome {
        let mut outcome = Outcome::default();
        let mut rest: Option<Vec<String>> = order.map(<[String]>::to_vec);
        while outcome.stops.len() < STOPS {
            let Some((at, how)) = self.run_on(rest.as_deref(), &mut outcome) else { break };
            outcome.stops.push(format!("it {how} at {at}"));
            let names = rest.expect("the healthy compiler neither hangs nor ends");
            rest = Some(names.into_iter().skip_while(|name| *name != at).skip(1).collect());
        }
        outcome
    }

    /// Compiles functions one after the other; the one at which the compiler hangs or ends, if it does.
    fn run_on(&self, order: Option<&[String]>, outcome: &mut Outcome) -> Option<(String, &'static str)> {
        let mut agreement = Command::new(self.directory.join("target/debug/examples/agreement"));
        agreement.args(["--first", "--all", "--trace"]);
        if let Some(order) = order {
            let file = self.directory.join("order");
            std::fs::write(&file, order.join("\n")).expect("a file for the order");
            agreement.arg("--order").arg(file);
        }
        let mut child = agreement.args(&self.corpus).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the example");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, lines) = channel();
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let (mut at, mut began) = (String::new(), Instant::now());
        let hangs = loop {
            let line = match lines.recv_timeout(PATIENCE) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => break true,
                Err(RecvTimeoutError::Disconnected) => break false,
            };
            match line.split(' ').collect::<Vec<&str>>().as_slice() {
                ["begin", name] => (at, began) = ((*name).to_owned(), Instant::now()),
                ["end", name, digest] => {
                    outcome.digests.insert((*name).to_owned(), (*digest).to_owned());
                    outcome.took.insert((*name).to_owned(), began.elapsed());
                }
                _ if outcome.disagreement.is_none() && line.contains("disagree") && line.starts_with(&format!("{at}:")) => {
                    (outcome.disagreement, outcome.at) = (Some(line), at.clone());
                }
                _ => {}
            }
        };
        if hangs {
            let _ = child.kill();
        }
        let code = child.wait().ok().and_then(|status| status.code());
        match code {
            Some(0) => None,
            Some(1) if outcome.disagreement.is_some() => None,
            _ => Some((at, if hangs { "hangs" } else { "ends" })),
        }
    }
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
