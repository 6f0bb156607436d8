//! Programs of the fuzzer, of one seed: compiled by jac and by rustc, compared with hyper-dual numbers.

use crate::fuzz::run::{compile, program, source, Answer, Outcome, Workshop};
use std::fmt::Write;

/// More run in the example of the same name: see TESTING.md.
const PROGRAMS: u64 = 240;
/// Points a program.
const POINTS: usize = 12;

#[test]
fn programs_as_users_write_them() {
    let programs: Vec<_> = (0..PROGRAMS).map(|seed| (format!("p{seed}"), program(seed))).collect();
    let (mut ready, mut failures, mut refused) = (Vec::new(), String::new(), 0);
    for (name, program) in &programs {
        match compile(program) {
            Answer::Compiled(tokens, _) => ready.push((name.clone(), program, tokens)),
            Answer::Refused(_) => refused += 1,
            Answer::Panicked(e) => _ = writeln!(failures, "{name}: the macro panics: {e}\n{}", source(program)),
        }
    }
    let borrowed: Vec<_> = ready.iter().map(|(name, program, tokens)| (name.clone(), *program, tokens)).collect();
    let (mut points, mut skipped) = (0, 0);
    for (name, outcome) in Workshop::new("tests", POINTS).run(&borrowed, 2) {
        match outcome {
            Outcome::Right(compared, left_out) => (points, skipped) = (points + compared, skipped + left_out),
            bad => {
                let program = &programs.iter().find(|p| p.0 == name).expect("it was asked for").1;
                let _ = writeln!(failures, "{name}: {bad:?}\n{}", source(program));
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
    // a writer of what nobody may write, or of points that say nothing, tests nothing
    assert!(4 * refused < PROGRAMS, "{refused} of {PROGRAMS} are refused");
    assert!(points > 5 * skipped, "{skipped} points are skipped, {points} compared");
}

#[test]
fn a_program_is_made_again_from_its_choices() {
    for seed in 0..50 {
        let first = program(seed);
        let again = crate::fuzz::write::program(crate::fuzz::choices::Choices::given(first.made.clone()));
        assert_eq!(source(&first), source(&again));
        assert_eq!(first.made, again.made);
    }
}

/// The fuzzer is worth what it finds: of a program that jac reads as another, it says that it is wrong.
#[test]
fn a_wrong_derivative_is_found() {
    let mut programs = (0..).map(program).filter(|p| p.path == "f" && p.item.contains("sin"));
    let workshop = Workshop::new("wrong", POINTS);
    let mut found = 0;
    let chosen: Vec<_> = programs.by_ref().take(12).collect();
    let mut ready = Vec::new();
    for (k, right) in chosen.iter().enumerate() {
        let mut wrong = right.clone();
        wrong.item = right.item.replacen(".sin()", ".cos()", 1);
        if let Answer::Compiled(tokens, _) = compile(&wrong) {
            ready.push((format!("w{k}"), wrong, tokens));
        }
    }
    let borrowed: Vec<_> = ready.iter().map(|(name, program, tokens)| (name.clone(), program, tokens)).collect();
    for outcome in workshop.run(&borrowed, 1).into_values() {
        found += usize::from(matches!(outcome, Outcome::Wrong(_)));
    }
    // what is computed is not always what is returned
    assert!(4 * found > borrowed.len(), "{found} of {}", borrowed.len());
}
