//! Macros of the crate's own, by example: `macro_rules!`.
//!
//! What a macro writes is read as if it stood where the macro is called. Names that the macro itself declares are given others,
//! as rustc tells them from those of the caller.

use super::body::{Eval, Reader};
use crate::ir::Map;
use proc_macro2::{Delimiter, Group, Ident, Spacing, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;

/// What stands for a name of a pattern: tokens, or as many as a repetition has rounds.
#[derive(Clone, Debug)]
enum Bound {
    One(TokenStream),
    Many(Vec<Map<String, Bound>>),
}

type Bindings = Map<String, Bound>;

impl Reader<'_> {
    /// Whether the crate has a macro of that name.
    pub(super) fn is_own_macro(&self, name: &str) -> bool {
        self.types.home.as_ref().is_some_and(|home| home.macro_rules(name).is_some())
    }

    /// What a macro of the crate writes; none if there is no such macro.
    pub(super) fn expanded(&mut self, mac: &syn::Macro) -> Eval<Option<TokenStream>> {
        let Some(name) = mac.path.segments.last().map(|s| s.ident.to_string()) else { return Ok(None) };
        let Some(rules) = self.types.home.as_ref().and_then(|home| home.macro_rules(&name)) else { return Ok(None) };
        self.spend(1, mac.span())?;
        self.macros += 1;
        match expand(&rules, &mac.tokens, self.macros) {
            Some(tokens) => Ok(Some(tokens)),
            None => {
                let help = "write out what it stands for";
                self.fail(mac.path.span(), format!("no rule of the macro `{name}!` fits here, or one is not read"), help)
            }
        }
    }
}

/// What the first rule that fits writes.
fn expand(rules: &TokenStream, input: &TokenStream, number: usize) -> Option<TokenStream> {
    let mut trees = rules.clone().into_iter();
    loop {
        let TokenTree::Group(pattern) = trees.next()? else { return None };
        // `=>`
        trees.next()?;
        trees.next()?;
        let TokenTree::Group(body) = trees.next()? else { return None };
        let _ = trees.next();
        let pattern: Vec<TokenTree> = pattern.stream().into_iter().collect();
        let matched = |stream: ParseStream| {
            let mut bindings = Bindings::default();
            fits(&pattern, stream, &mut bindings)?;
            Ok(bindings)
        };
        if let Ok(bindings) = matched.parse2(input.clone()) {
            let own = declared(body.stream());
            return write(body.stream(), &bindings, &own, number);
        }
    }
}

/// A part of a pattern.
enum Part<'p> {
    /// `$name:kind`
    Name(String, String),
    /// `$(…) separator op`
    Repeated(Vec<TokenTree>, Option<TokenTree>, char),
    Token(&'p TokenTree),
}

/// The next part of a pattern, and how many tokens it takes.
fn part(pattern: &[TokenTree]) -> Option<(Part<'_>, usize)> {
    let is = |k: usize, c: char| matches!(pattern.get(k), Some(TokenTree::Punct(p)) if p.as_char() == c);
    if !is(0, '$') {
        return Some((Part::Token(pattern.first()?), 1));
    }
    match pattern.get(1)? {
        TokenTree::Ident(name) if is(2, ':') => match pattern.get(3)? {
            TokenTree::Ident(kind) => Some((Part::Name(name.to_string(), kind.to_string()), 4)),
            _ => None,
        },
        TokenTree::Group(group) => {
            let (separator, at) = match pattern.get(2)? {
                TokenTree::Punct(p) if matches!(p.as_char(), '*' | '+' | '?') => (None, 2),
                other => (Some(other.clone()), 3),
            };
            match pattern.get(at)? {
                TokenTree::Punct(op) => Some((Part::Repeated(group.stream().into_iter().collect(), separator, op.as_char()), at + 1)),
                _ => None,
            }
        }
        _ => None,
    }
}

fn mismatch(input: ParseStream<'_>) -> syn::Error {
    input.error("no match")
}

/// Matches what is there with a pattern, all of it.
fn fits(pattern: &[TokenTree], input: ParseStream<'_>, bindings: &mut Bindings) -> syn::Result<()> {
    starts(pattern, input, bindings)?;
    if input.is_empty() {
        Ok(())
    } else {
        Err(mismatch(input))
    }
}

/// Matches the beginning of what is there.
fn starts(mut pattern: &[TokenTree], input: ParseStream<'_>, bindings: &mut Bindings) -> syn::Result<()> {
    while !pattern.is_empty() {
        let (next, taken) = part(pattern).ok_or_else(|| mismatch(input))?;
        pattern = &pattern[taken..];
        match next {
            Part::Name(name, kind) => {
                let tokens = fragment(&kind, input)?;
                bindings.insert(name, Bound::One(tokens));
            }
            Part::Token(TokenTree::Group(group)) => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                let TokenTree::Group(found) = input.parse::<TokenTree>()? else { return Err(mismatch(input)) };
                if found.delimiter() != group.delimiter() {
                    return Err(mismatch(input));
                }
                let matched = |stream: ParseStream| fits(&inner, stream, bindings);
                matched.parse2(found.stream())?;
            }
            Part::Token(token) => {
                if input.is_empty() || input.parse::<TokenTree>()?.to_string() != token.to_string() {
                    return Err(mismatch(input));
                }
            }
            Part::Repeated(inner, separator, op) => {
                let rounds = repeated(&inner, separator.as_ref(), op, pattern, input)?;
                let mut names = Vec::new();
                named(&inner, &mut names);
                for name in names {
                    bindings.insert(name, Bound::Many(rounds.clone()));
                }
            }
        }
    }
    Ok(())
}

/// The rounds of a repetition.
fn repeated(
    inner: &[TokenTree],
    separator: Option<&TokenTree>,
    op: char,
    after: &[TokenTree],
    input: ParseStream<'_>,
) -> syn::Result<Vec<Bindings>> {
    let mut rounds = Vec::new();
    let most = if op == '?' { 1 } else { usize::MAX };
    while rounds.len() < most && !input.is_empty() {
        let ahead = input.fork();
        if let (false, Some(separator)) = (rounds.is_empty(), separator) {
            let is_separator = ahead.parse::<TokenTree>().is_ok_and(|t| t.to_string() == separator.to_string());
            // one at the end belongs to what follows
            if !is_separator || ahead.is_empty() {
                break;
            }
        }
        let mut bindings = Bindings::default();
        let tried = ahead.fork();
        if starts(inner, &tried, &mut bindings).is_err() {
            break;
        }
        // what follows begins here, unless it takes what comes anyway
        if let Some(TokenTree::Punct(p)) = after.first() {
            let begins = ahead.fork().parse::<TokenTree>().is_ok_and(|t| t.to_string() == p.to_string());
            if p.as_char() != '$' && begins {
                break;
            }
        }
        if !rounds.is_empty() && separator.is_some() {
            input.parse::<TokenTree>()?;
        }
        let mut bindings = Bindings::default();
        starts(inner, input, &mut bindings)?;
        rounds.push(bindings);
    }
    if op == '+' && rounds.is_empty() {
        return Err(mismatch(input));
    }
    Ok(rounds)
}

/// The names that a pattern binds.
fn named(pattern: &[TokenTree], out: &mut Vec<String>) {
    let mut rest = pattern;
    while let Some((next, taken)) = part(rest) {
        match next {
            Part::Name(name, _) => out.push(name),
            Part::Repeated(inner, ..) => named(&inner, out),
            Part::Token(TokenTree::Group(group)) => named(&group.stream().into_iter().collect::<Vec<_>>(), out),
            Part::Token(_) => {}
        }
        rest = &rest[taken..];
    }
}

/// A fragment of a kind, as one token where it would fall apart.
fn fragment(kind: &str, input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let whole = |tokens: TokenStream| TokenTree::Group(Group::new(Delimiter::None, tokens)).into();
    Ok(match kind {
        "expr" => {
            let e = input.parse::<syn::Expr>()?;
            TokenTree::Group(Group::new(Delimiter::Parenthesis, e.to_token_stream())).into()
        }
        "ident" => input.call(Ident::parse_any)?.to_token_stream(),
        "tt" => input.parse::<TokenTree>()?.into(),
        "literal" => {
            let minus: Option<syn::Token![-]> = input.parse()?;
            let literal = input.parse::<syn::Lit>()?;
            let mut out = minus.to_token_stream();
            literal.to_tokens(&mut out);
            out
        }
        "ty" => input.parse::<syn::Type>()?.to_token_stream(),
        "path" => input.parse::<syn::Path>()?.to_token_stream(),
        "block" => input.parse::<syn::Block>()?.to_token_stream(),
        "pat" | "pat_param" => whole(syn::Pat::parse_single(input)?.to_token_stream()),
        "stmt" => input.parse::<syn::Stmt>()?.to_token_stream(),
        "lifetime" => input.parse::<syn::Lifetime>()?.to_token_stream(),
        _ => return Err(mismatch(input)),
    })
}

/// The names that a body itself declares: behind `let`, `for` and in the parameters of closures.
fn declared(body: TokenStream) -> Vec<String> {
    let trees: Vec<TokenTree> = body.into_iter().collect();
    let mut out = Vec::new();
    for (k, tree) in trees.iter().enumerate() {
        match tree {
            TokenTree::Group(group) => out.extend(declared(group.stream())),
            TokenTree::Ident(ident) if ident == "let" || ident == "for" => {
                let names =
                    trees[k + 1..].iter().take_while(|t| !matches!(t, TokenTree::Punct(p) if matches!(p.as_char(), '=' | ';' | ':')));
                names.take_while(|t| !matches!(t, TokenTree::Ident(i) if i == "in")).for_each(|t| identifiers(t, &mut out));
            }
            TokenTree::Punct(p) if p.as_char() == '|' => {
                let names = trees[k + 1..].iter().take_while(|t| !matches!(t, TokenTree::Punct(p) if p.as_char() == '|'));
                let names: Vec<&TokenTree> = names.collect();
                // an operator has operands that are no names alone
                if names.iter().all(|t| matches!(t, TokenTree::Ident(_) | TokenTree::Punct(_))) {
                    names.into_iter().for_each(|t| identifiers(t, &mut out));
                }
            }
            _ => {}
        }
    }
    out
}

fn identifiers(tree: &TokenTree, out: &mut Vec<String>) {
    match tree {
        TokenTree::Ident(ident) if !matches!(ident.to_string().as_str(), "mut" | "ref" | "if" | "in") => out.push(ident.to_string()),
        TokenTree::Group(group) => group.stream().into_iter().for_each(|t| identifiers(&t, out)),
        _ => {}
    }
}

/// The body with what the names stand for, and other names in the place of `own`.
fn write(body: TokenStream, bindings: &Bindings, own: &[String], number: usize) -> Option<TokenStream> {
    let trees: Vec<TokenTree> = body.into_iter().collect();
    let mut out = TokenStream::new();
    let mut k = 0;
    while k < trees.len() {
        let dollar = matches!(&trees[k], TokenTree::Punct(p) if p.as_char() == '$');
        match (dollar, &trees[k], trees.get(k + 1)) {
            (true, _, Some(TokenTree::Ident(name))) if name == "crate" => {
                out.extend([TokenTree::Ident(Ident::new("crate", name.span()))]);
                k += 2;
            }
            (true, _, Some(TokenTree::Ident(name))) => {
                match bindings.get(&name.to_string())? {
                    Bound::One(tokens) => out.extend(tokens.clone()),
                    Bound::Many(_) => return None,
                }
                k += 2;
            }
            (true, _, Some(TokenTree::Group(group))) => {
                let (separator, op_at) = match trees.get(k + 2)? {
                    TokenTree::Punct(p) if matches!(p.as_char(), '*' | '+' | '?') => (None, k + 2),
                    other => (Some(other.clone()), k + 3),
                };
                let mut used = Vec::new();
                used_names(group.stream(), &mut used);
                let rounds = used.iter().find_map(|name| match bindings.get(name)? {
                    Bound::Many(rounds) => Some(rounds.clone()),
                    Bound::One(_) => None,
                })?;
                for (r, round) in rounds.iter().enumerate() {
                    if let (true, Some(separator)) = (r > 0, &separator) {
                        out.extend([separator.clone()]);
                    }
                    let mut inner = bindings.clone();
                    inner.extend(round.clone());
                    out.extend(write(group.stream(), &inner, own, number)?);
                }
                k = op_at + 1;
            }
            (_, TokenTree::Group(group), _) => {
                let mut written = Group::new(group.delimiter(), write(group.stream(), bindings, own, number)?);
                written.set_span(group.span());
                out.extend([TokenTree::Group(written)]);
                k += 1;
            }
            (_, TokenTree::Ident(ident), _) if own.contains(&ident.to_string()) && !is_member(&trees, k) => {
                out.extend([TokenTree::Ident(Ident::new(&format!("{ident}__{number}"), Span::mixed_site()))]);
                k += 1;
            }
            (_, tree, _) => {
                out.extend([tree.clone()]);
                k += 1;
            }
        }
    }
    Some(out)
}

/// Whether an identifier stands behind a single `.`: a field or method.
fn is_member(trees: &[TokenTree], k: usize) -> bool {
    let dot = |t: &TokenTree| matches!(t, TokenTree::Punct(p) if p.as_char() == '.' && p.spacing() == Spacing::Alone);
    let before = k.checked_sub(1).map(|k| &trees[k]);
    let range = k.checked_sub(2).map(|k| &trees[k]).is_some_and(|t| matches!(t, TokenTree::Punct(p) if p.as_char() == '.'));
    before.is_some_and(dot) && !range
}

/// The names behind a `$` in a body.
fn used_names(body: TokenStream, out: &mut Vec<String>) {
    let trees: Vec<TokenTree> = body.into_iter().collect();
    for (k, tree) in trees.iter().enumerate() {
        match (tree, trees.get(k + 1)) {
            (TokenTree::Punct(p), Some(TokenTree::Ident(name))) if p.as_char() == '$' => out.push(name.to_string()),
            (TokenTree::Group(group), _) => used_names(group.stream(), out),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a macro writes for an input, without spaces.
    fn written(rules: &str, input: &str) -> Option<String> {
        let tokens = expand(&rules.parse().unwrap(), &input.parse().unwrap(), 1)?;
        Some(tokens.to_string().split_whitespace().collect())
    }

    #[test]
    fn fragments_and_repetitions_are_written_out() {
        let horner = "($x:expr, $a:expr) => { $a }; ($x:expr, $a:expr, $($rest:expr),+) => { $a + $x * horner!($x, $($rest),+) }";
        assert_eq!(written(horner, "t, 1.0").unwrap(), "(1.0)");
        assert_eq!(written(horner, "t + 1.0, 1.0, 2.0, 3.0").unwrap(), "(1.0)+(t+1.0)*horner!((t+1.0),(2.0),(3.0))");
        let zeros = "($($name:ident),* $(,)?) => { $(let mut $name = 0.0;)* }";
        assert_eq!(written(zeros, "a, b,").unwrap(), "letmuta=0.0;letmutb=0.0;");
        assert_eq!(written("(@one $x:tt) => { $x }", "@one y").unwrap(), "y");
        assert_eq!(written("(@one $x:tt) => { $x }", "@two y"), None);
    }

    #[test]
    fn names_that_a_macro_declares_are_its_own() {
        let square = "($x:expr) => {{ let t = $x; t * t }}";
        assert_eq!(written(square, "t").unwrap(), "{lett__1=(t);t__1*t__1}");
    }
}
