//! Runs the fuzzer: see `tests/fuzz`.

#[path = "../fuzz/mod.rs"]
mod fuzz;

use fuzz::run::{compile, program, source, Answer, Outcome, Workshop};
use std::collections::BTreeMap;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let option = |name: &str, default: u64| args.iter().position(|a| a == name).and_then(|k| args.get(k + 1)?.parse().ok()).unwrap_or(default);
    let (seed, batch) = (option("--seed", 1), option("--batch", 100));
    if args.iter().any(|a| a == "--print") {
        for k in 0..batch {
            let p = program(seed + k);
            println!("// {}\n{}", seed + k, source(&p));
            match compile(&p) {
                Answer::Compiled(_, t) => println!("// compiled in {t:?}"),
                Answer::Refused(e) => println!("// REFUSED {e}"),
                Answer::Panicked(e) => println!("// PANICKED {e}"),
            }
        }
        return;
    }
    let mut refused: BTreeMap<String, usize> = BTreeMap::new();
    let programs: Vec<_> = (0..batch).map(|k| (format!("p{}", seed + k), program(seed + k))).collect();
    let mut ready = Vec::new();
    for (name, p) in &programs {
        match compile(p) {
            Answer::Compiled(tokens, _) => ready.push((name.clone(), p, tokens)),
            Answer::Refused(e) => *refused.entry(e).or_default() += 1,
            Answer::Panicked(e) => println!("{name} PANIC {e}\n{}", source(p)),
        }
    }
    let start = std::time::Instant::now();
    let workshop = Workshop::new("campaign", 24);
    let borrowed: Vec<_> = ready.iter().map(|(n, p, t)| (n.clone(), *p, t)).collect();
    let outcomes = workshop.run(&borrowed, 2);
    let (mut points, mut skipped) = (0, 0);
    for (name, outcome) in &outcomes {
        match outcome {
            Outcome::Right(p, s) => (points, skipped) = (points + p, skipped + s),
            other => println!("{name} {other:?}\n{}", source(&programs.iter().find(|p| p.0 == *name).unwrap().1)),
        }
    }
    println!("{} ready, {points} points, {skipped} skipped, {:?}; refused {refused:#?}", ready.len(), start.elapsed());
}
