//! The functions and constants that stand beside an annotated function, in its module or `impl`.

use super::source::Home;
use super::value::Closure;
use crate::ir::Map;
use std::rc::Rc;

/// What an annotated function sees beside itself.
#[derive(Debug, Default)]
pub struct Helpers {
    pub(super) functions: Map<String, Rc<Closure>>,
    pub(super) constants: Map<String, syn::Expr>,
    pub(super) generics: Option<syn::Generics>,
    /// Where what does not stand beside it is looked for.
    pub home: Option<Home>,
    /// Whether they stand in an `impl`.
    pub associated: bool,
}

impl Helpers {
    /// Nothing beside it, but what is found from a place.
    pub fn at(home: Option<Home>) -> Helpers {
        Helpers { home, ..Helpers::default() }
    }

    /// Makes a function callable from those beside it.
    pub fn function(&mut self, item: &syn::ItemFn) {
        self.functions.insert(item.sig.ident.to_string(), Rc::new(Closure::of(item)));
    }

    /// The generics of the `impl` around.
    pub fn generics(&mut self, generics: &syn::Generics) {
        self.generics = Some(generics.clone());
    }

    /// Makes the value of a constant known to the functions beside it.
    pub fn constant(&mut self, ident: &syn::Ident, value: &syn::Expr) {
        self.constants.insert(ident.to_string(), value.clone());
    }
}
