//! Functions with tokens left out, doubled, swapped and replaced: whatever they mean, the compiler does not panic.
//!
//! How long it takes and how much memory is measured by the example `fuzz`: see TESTING.md.

use crate::fuzz::choices::Random;
use crate::fuzz::mutate::{corpus, mutated, reply, Reply};
use crate::fuzz::run;
use crate::fuzz::write::{render, Mode};
use proc_macro2::TokenStream;

const MUTATIONS: usize = 3000;

#[test]
fn mutated_functions_do_not_panic() {
    let mut sources: Vec<(TokenStream, TokenStream)> = corpus();
    assert!(sources.len() > 100, "only {} functions in the corpus", sources.len());
    let written = (0..60).map(run::program).filter(|p| run::source(p).len() < 1500);
    sources.extend(written.map(|p| {
        let item = render(&p.item, Mode::Jac(p.float));
        (p.options.parse().expect("tokens"), item.parse().expect("tokens"))
    }));
    let mut random = Random(7);
    let (mut failures, mut compiled) = (Vec::new(), 0);
    for _ in 0..MUTATIONS {
        let (options, item) = &sources[random.below(sources.len())];
        let changed = mutated(item, &mut random);
        match reply(options, &changed) {
            Reply::Compiled => compiled += 1,
            Reply::Refused => {}
            Reply::Panicked => failures.push(format!("#[jacobian({options})] {changed}")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    // sources that are broken beyond reading reach only the parser
    assert!(20 * compiled > MUTATIONS, "only {compiled} of {MUTATIONS} get to the end");
}
