//! Runs the fuzzer (see `tests/fuzz` and TESTING.md):
//!
//! ```text
//! cargo run --release -p jac-tests --example fuzz -- --seconds 600 --seed 1     # programs
//! cargo run --release -p jac-tests --example fuzz -- --mutations 100000 --seed 1  # broken sources
//! cargo run --release -p jac-tests --example fuzz -- --print --seed 1 --batch 10  # shows programs
//! ```

#[path = "../fuzz/mod.rs"]
mod fuzz;

use fuzz::choices::{Choices, Random};
use fuzz::mutate::{self, Reply};
use fuzz::run::{self, compile, source, Answer, Outcome, Workshop};
use fuzz::shrink::shrink;
use fuzz::write::{self, Program};
use proc_macro2::TokenStream;
use std::collections::BTreeMap;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Points tried a program.
const POINTS: usize = 24;
/// What the compiler may take for one source.
const LONGEST: Duration = Duration::from_secs(2);
/// And in memory.
const KILOBYTES: usize = 1 << 20;

struct Options(Vec<String>);

impl Options {
    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|a| a == name)
    }
    fn number(&self, name: &str, default: u64) -> u64 {
        self.0.iter().position(|a| a == name).and_then(|k| self.0.get(k + 1)?.parse().ok()).unwrap_or(default)
    }
}

/// The options, of which the first ones are followed by a number.
const WITH_NUMBER: [&str; 8] = ["--seconds", "--seed", "--from", "--programs", "--batch", "--mutations", "--mutations-from", "--to"];
const PLAIN: [&str; 4] = ["--no-shrink", "--no-build", "--print", "--expand"];

fn main() -> ExitCode {
    let options = Options(std::env::args().skip(1).collect());
    let mut given = options.0.iter();
    while let Some(option) = given.next() {
        let number = WITH_NUMBER.contains(&&**option);
        if number && given.next().is_some_and(|n| n.parse::<u64>().is_ok()) || PLAIN.contains(&&**option) {
            continue;
        }
        eprintln!("`{option}`: the options are {} with a number, and {}; see TESTING.md", WITH_NUMBER.join(", "), PLAIN.join(", "));
        return ExitCode::FAILURE;
    }
    let failures = if options.has("--print") {
        print(&options)
    } else if options.has("--mutations-from") {
        mutations(options.number("--mutations-from", 0), options.number("--to", 0))
    } else if options.has("--mutations") {
        supervised(options.number("--seed", 1) << 32, options.number("--mutations", 100_000))
    } else {
        campaign(&options)
    };
    if failures == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn print(options: &Options) -> usize {
    let seed = options.number("--seed", 1);
    for k in seed..seed + options.number("--batch", 10) {
        let program = run::program(k);
        println!("// {k}\n{}", source(&program));
        match compile(&program) {
            Answer::Compiled(tokens, took) if options.has("--expand") => println!("// {took:?}\n{tokens}"),
            Answer::Compiled(_, took) => println!("// compiled in {took:?}"),
            Answer::Refused(e) => println!("// REFUSED {e}"),
            Answer::Panicked(e) => println!("// PANICKED {e}"),
        }
    }
    0
}

/// What a campaign has seen.
#[derive(Default)]
struct Seen {
    programs: usize,
    points: usize,
    skipped: usize,
    refused: BTreeMap<String, usize>,
    invalid: usize,
    failures: usize,
    slow: usize,
    /// In jac, and in rustc and the programs.
    spent: [Duration; 2],
}

/// Batches of programs, until the time is over or there are as many as asked for.
fn campaign(options: &Options) -> usize {
    let seconds = options.number("--seconds", 60);
    let (batch, most) = (options.number("--batch", 300), options.number("--programs", u64::MAX) as usize);
    // seeds of different campaigns are far from each other
    let mut next = options.number("--from", options.number("--seed", 1) * 1_000_000);
    let start = Instant::now();
    let workshop = Workshop::new(&format!("campaign{}", options.number("--seed", 1)), POINTS);
    let mut seen = Seen::default();
    std::panic::set_hook(Box::new(|_| {}));
    while start.elapsed().as_secs() < seconds && seen.programs < most {
        batch_of(next, batch, &workshop, &mut seen, options);
        next += batch;
        let Seen { programs, points, skipped, invalid, failures, .. } = &seen;
        let refused: usize = seen.refused.values().sum();
        let [jac, rustc] = seen.spent.map(|t| t.as_secs());
        println!(
            "{} s ({jac} in jac, {rustc} in rustc and the programs): {programs} programs, {points} points compared, {skipped} skipped; \
             {refused} refused, {invalid} invalid; {failures} failures",
            start.elapsed().as_secs()
        );
    }
    let mut refused: Vec<_> = seen.refused.iter().collect();
    refused.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
    for (message, n) in refused {
        println!("refused {n}: {}", message.replace('\n', " | "));
    }
    println!("slower than {LONGEST:?}: {}", seen.slow);
    seen.failures
}

/// The message without names, to count by.
fn kind(message: &str) -> String {
    message.split('`').enumerate().map(|(k, part)| if k % 2 == 0 { part } else { "_" }).collect()
}

/// Compiles on two threads.
fn answers(programs: &[(String, Program)]) -> Vec<(usize, Answered)> {
    let middle = programs.len() / 2;
    let part = |range: std::ops::Range<usize>| -> Vec<(usize, Answered)> { range.map(|k| (k, Answered::of(&programs[k].1))).collect() };
    std::thread::scope(|s| {
        let spawn = |range| std::thread::Builder::new().stack_size(32 << 20).spawn_scoped(s, move || part(range)).expect("a thread");
        let (a, b) = (spawn(0..middle), spawn(middle..programs.len()));
        let mut all = a.join().expect("it ends");
        all.extend(b.join().expect("it ends"));
        all
    })
}

/// An answer as text: tokens belong to their thread.
enum Answered {
    Compiled(String, Duration),
    Refused(String),
    Panicked(String),
}

impl Answered {
    fn of(program: &Program) -> Answered {
        match compile(program) {
            Answer::Compiled(tokens, took) => Answered::Compiled(tokens.to_string(), took),
            Answer::Refused(e) => Answered::Refused(e),
            Answer::Panicked(e) => Answered::Panicked(e),
        }
    }
}

fn batch_of(seed: u64, batch: u64, workshop: &Workshop, seen: &mut Seen, options: &Options) {
    let whole = options.has("--no-shrink");
    let programs: Vec<(String, Program)> = (seed..seed + batch).map(|k| (format!("p{k}"), run::program(k))).collect();
    let mut ready: Vec<(String, &Program, TokenStream)> = Vec::new();
    let start = Instant::now();
    let answers = answers(&programs);
    seen.spent[0] += start.elapsed();
    for (k, answer) in answers {
        let (name, program) = &programs[k];
        match answer {
            Answered::Compiled(tokens, took) => {
                if took > LONGEST {
                    seen.slow += 1;
                    println!("SLOW {name}: {took:?}\n{}", source(program));
                }
                match tokens.parse() {
                    Ok(tokens) => ready.push((name.clone(), program, tokens)),
                    Err(e) => println!("FAILURE {name}: what was generated has no tokens: {e}"),
                }
            }
            Answered::Refused(e) => *seen.refused.entry(kind(&e)).or_default() += 1,
            Answered::Panicked(e) => {
                seen.failures += 1;
                let small = if whole { program.clone() } else { shrink(program.clone(), |all| all.iter().map(panics).collect()) };
                println!("FAILURE {name}: the macro panics: {e}\n{}", source(&small));
            }
        }
    }
    if options.has("--no-build") {
        seen.programs += ready.len();
        return;
    }
    let borrowed: Vec<_> = ready.iter().map(|(n, p, t)| (n.clone(), *p, t)).collect();
    let start = Instant::now();
    let ran = workshop.run(&borrowed, 2);
    seen.spent[1] += start.elapsed();
    for (name, outcome) in ran {
        let program = &programs.iter().find(|p| p.0 == name).expect("it was asked for").1;
        match outcome {
            Outcome::Right(points, skipped) => {
                seen.programs += 1;
                seen.points += points;
                seen.skipped += skipped;
            }
            Outcome::Invalid(e) => {
                seen.invalid += 1;
                println!("INVALID {name}: {e}\n{}", source(program));
            }
            bad => {
                seen.programs += 1;
                seen.failures += 1;
                let small = if whole { program.clone() } else { shrink(program.clone(), |all| fails(workshop, all)) };
                println!("FAILURE {name}: {}", told(&bad));
                if small.made != program.made {
                    println!("shrunk: {}", told(&outcomes(workshop, std::slice::from_ref(&small)).pop().unwrap_or(Outcome::Lost)));
                }
                println!("{}", source(&small));
            }
        }
    }
}

fn panics(program: &Program) -> bool {
    matches!(compile(program), Answer::Panicked(_))
}

fn told(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Wrong(all) => all.join("\n    "),
        other => format!("{other:?}"),
    }
}

/// What becomes of programs; of those that are refused, nothing.
fn outcomes(workshop: &Workshop, programs: &[Program]) -> Vec<Outcome> {
    let named: Vec<(String, Program)> =
        programs.iter().enumerate().map(|(k, p)| (format!("s{k}"), write::program(Choices::given(p.made.clone())))).collect();
    let tokens: Vec<(usize, TokenStream)> = named
        .iter()
        .enumerate()
        .filter_map(|(k, (_, p))| match compile(p) {
            Answer::Compiled(tokens, _) => Some((k, tokens)),
            _ => None,
        })
        .collect();
    let ready: Vec<_> = tokens.iter().map(|(k, t)| (named[*k].0.clone(), &named[*k].1, t)).collect();
    let mut found = workshop.run(&ready, 2);
    named.iter().map(|(name, _)| found.remove(name).unwrap_or(Outcome::Right(0, 0))).collect()
}

fn fails(workshop: &Workshop, programs: &[Program]) -> Vec<bool> {
    outcomes(workshop, programs).iter().map(|o| !matches!(o, Outcome::Right(..) | Outcome::Invalid(_))).collect()
}

/// The sources that are broken: programs of the fuzzer and the functions of the corpus.
fn sources() -> Vec<(TokenStream, TokenStream)> {
    let mut all: Vec<(TokenStream, TokenStream)> = (0..300)
        .map(run::program)
        .filter(|p| source(p).len() < 2500)
        .filter_map(|p| Some((p.options.parse().ok()?, write::render(&p.item, write::Mode::Jac(p.float)).parse().ok()?)))
        .collect();
    all.extend(mutate::corpus());
    all
}

/// Mutations in this process; prints what takes too long. The parent limits the memory.
fn mutations(from: u64, to: u64) -> usize {
    std::panic::set_hook(Box::new(|_| {}));
    static CURRENT: AtomicU64 = AtomicU64::new(0);
    let (done, watched) = mpsc::channel::<()>();
    // what hangs is ended from another thread
    std::thread::spawn(move || {
        let mut last = (u64::MAX, Instant::now());
        while let Err(mpsc::RecvTimeoutError::Timeout) = watched.recv_timeout(Duration::from_millis(200)) {
            let now = CURRENT.load(Ordering::Relaxed);
            if now != last.0 {
                last = (now, Instant::now());
            } else if last.1.elapsed() > 10 * LONGEST {
                println!("AT {now} HANGS");
                std::process::exit(3);
            }
        }
    });
    let work = move || {
        let (sources, mut failures, mut compiled) = (sources(), 0, 0);
        for k in from..to {
            CURRENT.store(k, Ordering::Relaxed);
            let (options, item) = mutation(&sources, k);
            let start = Instant::now();
            match mutate::reply(&options, &item) {
                Reply::Compiled => compiled += 1,
                Reply::Refused => {}
                Reply::Panicked => {
                    failures += 1;
                    println!("FAILURE {k}: the macro panics\n{options}\n{item}");
                }
            }
            if start.elapsed() > LONGEST {
                failures += 1;
                println!("FAILURE {k}: took {:?}\n{options}\n{item}", start.elapsed());
            }
            println!("AT {k}");
        }
        println!("{compiled} of {} compile", to - from);
        failures
    };
    let failures = std::thread::Builder::new().stack_size(8 << 20).spawn(work).expect("a thread").join().expect("it ends");
    drop(done);
    failures
}

fn mutation(sources: &[(TokenStream, TokenStream)], k: u64) -> (TokenStream, TokenStream) {
    let mut random = Random(k.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bf0_3635);
    random.below(2);
    let (options, item) = &sources[random.below(sources.len())];
    (options.clone(), mutate::mutated(item, &mut random))
}

/// Mutations in processes that may take no more than a gigabyte.
fn supervised(from: u64, count: u64) -> usize {
    let me = std::env::current_exe().expect("this program").to_string_lossy().into_owned();
    let (mut at, mut failures, start) = (from, 0, Instant::now());
    let sources = sources();
    while at < from + count {
        let to = (at + 5000).min(from + count);
        let command = format!("ulimit -v {KILOBYTES}; exec '{me}' --mutations-from {at} --to {to}");
        let output = Command::new("sh").args(["-c", &command]).output().expect("a shell");
        let text = String::from_utf8_lossy(&output.stdout);
        let last = text.lines().rev().find_map(|l| l.strip_prefix("AT ")?.split(' ').next()?.parse::<u64>().ok());
        text.lines().filter(|l| !l.starts_with("AT ")).for_each(|l| println!("{l}"));
        failures += text.lines().filter(|l| l.starts_with("FAILURE")).count();
        let hung = text.contains("HANGS");
        let reached = last.map_or(at, |l| if hung { l } else { l + 1 });
        if reached < to {
            let (options, item) = mutation(&sources, reached);
            failures += 1;
            println!("FAILURE {reached}: {}\n{options}\n{item}", if hung { "hangs" } else { "takes more than 1 GB, or aborts" });
            at = reached + 1;
        } else {
            at = to;
        }
        println!("{} s: {} mutations, {failures} failures", start.elapsed().as_secs(), at - from);
    }
    failures
}
