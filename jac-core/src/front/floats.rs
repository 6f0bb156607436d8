//! Which type parameters stand for the float type: those that a trait of floats bounds.

use super::source::{Found, Home, Space};
use crate::interface::{Generic, Numbers};
use quote::ToTokens;

/// Traits may stand on one another only so often.
const DEEPEST: usize = 16;

/// What bounds say of a type parameter that they make a float type: how numbers become values of it, and whether these are copied
/// where they are read.
pub(super) fn bounded<'b>(bounds: impl IntoIterator<Item = &'b syn::TypeParamBound>, home: Option<&Home>) -> Option<(Numbers, bool)> {
    let mut found = None;
    let mut is_copy = false;
    for bound in bounds {
        let syn::TypeParamBound::Trait(bound) = bound else { continue };
        is_copy |= bound.path.segments.last().is_some_and(|s| s.ident == "Copy");
        if let Some((numbers, copies)) = of_trait(&bound.path, home, DEEPEST) {
            is_copy |= copies;
            found.get_or_insert(numbers);
        }
    }
    found.map(|numbers| (numbers, is_copy))
}

/// The type parameters of a function that stand for the float type where it is called: all but those that a trait tells otherwise.
pub(super) fn of_function(generics: &syn::Generics) -> Vec<syn::Ident> {
    let is_other = |t: &syn::TypeParam| {
        let own = t.bounds.iter();
        let predicates = generics.where_clause.iter().flat_map(|w| &w.predicates).filter_map(|p| match p {
            syn::WherePredicate::Type(p) if matches!(&p.bounded_ty, syn::Type::Path(path) if path.path.is_ident(&t.ident)) => {
                Some(&p.bounds)
            }
            _ => None,
        });
        own.chain(predicates.flatten()).any(|bound| match bound {
            syn::TypeParamBound::Trait(bound) => bound.path.segments.last().is_some_and(|s| {
                let name = s.ident.to_string();
                name.starts_with("Fn")
                    || matches!(name.as_str(), "Into" | "AsRef" | "Borrow" | "IntoIterator" | "Iterator" | "ToString" | "Display")
            }),
            _ => false,
        })
    };
    generics.type_params().filter(|t| !is_other(t)).map(|t| t.ident.clone()).collect()
}

/// An expression of type `f64` in the float type.
pub(super) fn in_float_type(generic: &Generic, e: &impl ToTokens) -> syn::Expr {
    let number = generic.number(&e.to_token_stream());
    syn::parse_quote!(#number)
}

/// What the traits of well-known crates say.
pub(super) fn known(name: &str) -> Option<(Numbers, bool)> {
    Some(match name {
        // num-traits and geo-types
        "Float" | "FloatCore" | "Real" | "CoordFloat" | "GeoFloat" => (Numbers::Cast, true),
        // simba, which nalgebra exports, and nalgebra-glm
        "RealField" | "ComplexField" => (Numbers::Primitive, false),
        "RealNumber" => (Numbers::Primitive, true),
        // num-dual
        "DualNum" => (Numbers::From, false),
        _ => return None,
    })
}

fn of_trait(path: &syn::Path, home: Option<&Home>, depth: usize) -> Option<(Numbers, bool)> {
    let depth = depth.checked_sub(1)?;
    let own = home.and_then(|home| match home.find(path, Space::Type) {
        Some(Found::Trait(item, home)) => Some((item, home)),
        _ => None,
    });
    // under the name of a well-known one, too
    let Some((item, home)) = own else { return known(&path.segments.last()?.ident.to_string()) };
    let mut is_copy = false;
    let mut found = None;
    for bound in &item.supertraits {
        let syn::TypeParamBound::Trait(bound) = bound else { continue };
        is_copy |= bound.path.segments.last().is_some_and(|s| s.ident == "Copy");
        if let Some((numbers, copies)) = of_trait(&bound.path, Some(&home), depth) {
            is_copy |= copies;
            found.get_or_insert(numbers);
        }
    }
    found.or_else(|| constructor(&item)).map(|numbers| (numbers, is_copy))
}

/// Of a trait with the functions of floats the one that makes values of numbers.
fn constructor(item: &syn::ItemTrait) -> Option<Numbers> {
    let functions = || {
        item.items.iter().filter_map(|item| match item {
            syn::TraitItem::Fn(f) => Some(&f.sig),
            _ => None,
        })
    };
    let has = |name: &str| functions().any(|sig| sig.ident == name && sig.receiver().is_some());
    let makes = |sig: &&syn::Signature| {
        let is_f64 = |ty: &syn::Type| matches!(ty, syn::Type::Path(p) if p.path.is_ident("f64"));
        let takes = sig.inputs.len() == 1 && matches!(sig.inputs.first(), Some(syn::FnArg::Typed(typed)) if is_f64(&typed.ty));
        let returns = matches!(&sig.output, syn::ReturnType::Type(_, ty) if matches!(&**ty, syn::Type::Path(p) if p.path.is_ident("Self")));
        takes && returns
    };
    (has("sqrt") || has("sin") || has("exp")).then(|| functions().find(makes).map(|sig| Numbers::Own(sig.ident.clone())))?
}
