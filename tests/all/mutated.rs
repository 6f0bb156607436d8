//! Functions with a token missing or doubled: whatever they mean, the compiler does not panic.

use crate::common::{without_attribute, Random};
use crate::corpus;
use proc_macro2::{Group, TokenStream, TokenTree};

/// Of each function; ten times as many were tried once.
const MUTATIONS: usize = 15;

fn count(tokens: &TokenStream) -> usize {
    let inner = |t: TokenTree| match t {
        TokenTree::Group(g) => 1 + count(&g.stream()),
        _ => 1,
    };
    tokens.clone().into_iter().map(inner).sum()
}

/// The tokens with the one at position `at`, in depth-first order, left out or doubled.
fn mutated(tokens: TokenStream, at: &mut usize, double: bool) -> TokenStream {
    let mut out = TokenStream::new();
    for tree in tokens {
        let here = *at == 0;
        *at = at.wrapping_sub(1);
        if here && !double {
            continue;
        }
        if here {
            out.extend([tree.clone()]);
        }
        out.extend([match tree {
            TokenTree::Group(g) => TokenTree::Group(Group::new(g.delimiter(), mutated(g.stream(), at, double))),
            tree => tree,
        }]);
    }
    out
}

#[test]
fn mutated_functions_do_not_panic() {
    let mut random = Random(7);
    let mut failures = Vec::new();
    for case in corpus::cases() {
        let item: TokenStream = without_attribute(case.item).parse().expect("tokens");
        let options: TokenStream = case.options.parse().expect("tokens");
        let n = count(&item);
        if n > 500 {
            continue;
        }
        for _ in 0..MUTATIONS {
            let (mut at, double) = (random.below(n), random.unit() < 0.3);
            let changed = mutated(item.clone(), &mut at, double);
            let text = changed.to_string();
            let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| jac_core::compile(options.clone(), changed)));
            if run.is_err() {
                failures.push(text);
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
