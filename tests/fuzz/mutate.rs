//! Broken sources: tokens left out, doubled, swapped, and replaced by others.

use super::choices::Random;
use proc_macro2::{Group, TokenStream, TokenTree};
use std::panic::{catch_unwind, AssertUnwindSafe};

/// Tokens that are put where others stood: numbers at the ends of their types, and words that change the meaning.
const OTHERS: [&str; 34] = [
    "0",
    "1",
    "2",
    "1.0",
    "0.5",
    "-",
    "+",
    "*",
    "/",
    "&",
    "mut",
    "x",
    "len",
    "usize",
    "i32",
    "f64",
    "9223372036854775807",
    "18446744073709551615",
    "2147483647",
    "1e308",
    "1e-320",
    "return",
    "break",
    "continue",
    "while",
    "loop",
    "..",
    "..=",
    "=",
    "==",
    "self",
    "sum",
    "0.1",
    "1000000",
];

/// One mutation of a source; none if the result has no tokens.
pub fn mutated(source: &TokenStream, random: &mut Random) -> TokenStream {
    let mut out = source.clone();
    for _ in 0..=random.below(3) {
        let n = count(&out);
        let donor = nth(&out, &mut random.below(n.max(1)));
        let change = match random.below(10) {
            // mostly by a token of the same kind, so that what comes out is still a function
            5.. => {
                let at = random.below(n.max(1));
                let old = nth(&out, &mut { at });
                let same: Vec<TokenTree> =
                    all(&out).into_iter().chain(others()).filter(|t| old.as_ref().is_some_and(|o| alike(o, t))).collect();
                if !same.is_empty() {
                    let other = same[random.below(same.len())].clone();
                    out = changed(out, &mut { at }, &Change::Replace(other));
                }
                continue;
            }
            0 => Change::Drop,
            1 => Change::Double,
            2 => Change::Swap,
            3 => donor.map_or(Change::Drop, Change::Replace),
            _ => others().nth(random.below(OTHERS.len())).map_or(Change::Drop, Change::Replace),
        };
        out = changed(out, &mut random.below(n.max(1)), &change);
    }
    out
}

fn others() -> impl Iterator<Item = TokenTree> {
    OTHERS.iter().filter_map(|o| o.parse::<TokenStream>().ok()).flatten()
}

enum Change {
    Drop,
    Double,
    /// With the one after it.
    Swap,
    Replace(TokenTree),
}

fn count(tokens: &TokenStream) -> usize {
    let inner = |t: TokenTree| match t {
        TokenTree::Group(g) => 1 + count(&g.stream()),
        _ => 1,
    };
    tokens.clone().into_iter().map(inner).sum()
}

fn all(tokens: &TokenStream) -> Vec<TokenTree> {
    let with_inner = |t: TokenTree| match &t {
        TokenTree::Group(g) => all(&g.stream()),
        _ => vec![t],
    };
    tokens.clone().into_iter().flat_map(with_inner).collect()
}

/// Both identifiers, both numbers, or both operators.
fn alike(a: &TokenTree, b: &TokenTree) -> bool {
    let operator = |t: &TokenTree| matches!(t, TokenTree::Punct(p) if "+-*/<>".contains(p.as_char()));
    matches!((a, b), (TokenTree::Ident(_), TokenTree::Ident(_)) | (TokenTree::Literal(_), TokenTree::Literal(_)))
        || operator(a) && operator(b)
}

/// The token at a position in depth-first order.
fn nth(tokens: &TokenStream, at: &mut usize) -> Option<TokenTree> {
    for tree in tokens.clone() {
        if *at == 0 {
            return Some(tree);
        }
        *at -= 1;
        if let TokenTree::Group(g) = &tree {
            if let Some(found) = nth(&g.stream(), at) {
                return Some(found);
            }
        }
    }
    None
}

fn changed(tokens: TokenStream, at: &mut usize, change: &Change) -> TokenStream {
    let mut out: Vec<TokenTree> = Vec::new();
    let mut held: Option<TokenTree> = None;
    for tree in tokens {
        let here = *at == 0;
        *at = at.wrapping_sub(1);
        let next = match tree {
            tree if here => match change {
                Change::Drop => continue,
                Change::Double => {
                    out.push(tree.clone());
                    tree
                }
                Change::Swap => {
                    held = Some(tree);
                    continue;
                }
                Change::Replace(other) => other.clone(),
            },
            TokenTree::Group(g) => TokenTree::Group(Group::new(g.delimiter(), changed(g.stream(), at, change))),
            tree => tree,
        };
        out.push(next);
        out.extend(held.take());
    }
    out.extend(held);
    out.into_iter().collect()
}

/// What the compiler makes of a broken source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reply {
    /// It is no longer broken, or never was.
    Compiled,
    /// An error that says why.
    Refused,
    /// It panics, or says that it would have.
    Panicked,
}

/// Compiles a broken source.
pub fn reply(options: &TokenStream, item: &TokenStream) -> Reply {
    let (options, item) = (options.clone(), item.clone());
    match catch_unwind(AssertUnwindSafe(|| jac_core::compile(options, item))) {
        Ok(compiled) if compiled.diagnostics.iter().any(|d| d.text().starts_with("internal error")) => Reply::Panicked,
        Ok(compiled) if compiled.diagnostics.is_empty() && compiled.stages.is_some() => Reply::Compiled,
        Ok(_) => Reply::Refused,
        Err(_) => Reply::Panicked,
    }
}

/// The functions of the corpus: options and item.
pub fn corpus() -> Vec<(TokenStream, TokenStream)> {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut files: Vec<_> = std::fs::read_dir(directory).expect("the corpus").map(|f| f.expect("a file").path()).collect();
    files.sort();
    let mut out = Vec::new();
    for path in files {
        let file = syn::parse_file(&std::fs::read_to_string(path).expect("a file")).expect("the corpus is Rust");
        for item in file.items {
            let syn::Item::Fn(mut f) = item else { continue };
            let Some(attribute) = f.attrs.iter().find(|a| a.path().is_ident("jacobian")).cloned() else { continue };
            f.attrs.clear();
            let options = match attribute.meta {
                syn::Meta::List(list) => list.tokens,
                _ => TokenStream::new(),
            };
            let item = quote::ToTokens::to_token_stream(&f);
            if count(&item) < 400 {
                out.push((options, item));
            }
        }
    }
    out
}
