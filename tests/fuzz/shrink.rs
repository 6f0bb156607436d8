//! Makes a program that fails smaller: fewer and simpler choices, as long as it still fails.

use super::choices::{Choices, Random};
use super::run::source;
use super::write::{self, Program};
use std::collections::BTreeSet;

/// How many smaller programs are tried at once, and how often.
const TRIED: usize = 24;
const ROUNDS: usize = 25;

/// The smallest that is found. `failing` says which of some programs fail.
pub fn shrink(program: Program, mut failing: impl FnMut(&[Program]) -> Vec<bool>) -> Program {
    let mut best = program;
    let mut random = Random(7);
    let mut misses = 0;
    for _ in 0..ROUNDS {
        let tried = smaller(&best, &mut random);
        let fails = failing(&tried);
        let found = tried.into_iter().zip(fails).filter(|(_, fails)| *fails).map(|(p, _)| p).min_by_key(|p| source(p).len());
        match found {
            Some(p) => (best, misses) = (p, 0),
            None => misses += 1,
        }
        if misses == 3 {
            break;
        }
    }
    best
}

/// Programs of fewer or lower choices, whose source is shorter; the boldest first.
fn smaller(program: &Program, random: &mut Random) -> Vec<Program> {
    let length = source(program).len();
    let mut seen = BTreeSet::new();
    let mut out: Vec<Program> = Vec::new();
    for _ in 0..TRIED * 12 {
        let mut made = program.made.clone();
        for _ in 0..=random.below(2) {
            change(&mut made, &program.spans, random);
        }
        let candidate = write::program(Choices::given(made));
        let text = source(&candidate);
        if text.len() < length && seen.insert(text) {
            out.push(candidate);
        }
    }
    out.sort_by_key(|p| source(p).len());
    // some bold ones and some careful ones
    let step = out.len().div_ceil(TRIED).max(1);
    out.into_iter().step_by(step).collect()
}

fn change(made: &mut Vec<u32>, spans: &[(usize, usize)], random: &mut Random) {
    if made.is_empty() {
        return;
    }
    let (from, to) = if spans.is_empty() || random.below(4) == 0 {
        let at = random.below(made.len());
        (at, at + 1 + random.below(3))
    } else {
        spans[random.below(spans.len())]
    };
    let (from, to) = (from.min(made.len()), to.min(made.len()));
    match random.below(3) {
        0 => drop(made.drain(from..to)),
        1 => made[from..to].iter_mut().for_each(|c| *c = 0),
        // the first choice of a span says what it is
        _ if from < to => {
            made[from] = 0;
            made.drain(from + 1..to);
        }
        _ => {}
    }
}
