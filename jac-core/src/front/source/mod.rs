//! Where functions, constants and types are found that do not stand beside a function: in the sources of its crate, by Rust's
//! rules for names.
//!
//! A file is read when a name leads there, and no other. What a name leads to is read as if it stood in the function; nothing of
//! it is called, so what is private may be found.

mod modules;
mod paths;

pub use paths::{imported, Found, Space};

use modules::{Module, Modules};
use std::cell::OnceCell;
use std::fmt;
use std::path::PathBuf;
use std::rc::Rc;

/// Where an item stands: its file, as the compiler names it, and the line at which it begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
}

/// A place in the sources, from which names are looked up: that of the annotated item, or where something was found.
#[derive(Clone)]
pub struct Home {
    sources: Rc<Sources>,
    /// None for the annotated item, which is looked for when a name is.
    place: Option<Place>,
}

/// A module, and in it the `impl` or trait.
#[derive(Clone, PartialEq, Debug)]
struct Place {
    module: Module,
    owner: Option<Rc<Owner>>,
}

/// What `Self` is.
#[derive(PartialEq, Debug)]
struct Owner {
    ty: syn::Type,
    /// Where the type is written.
    module: Module,
}

struct Sources {
    origin: Origin,
    /// The name of the item, and what it is without spaces.
    item: (String, String),
    tree: OnceCell<Option<(Modules, Place)>>,
}

impl fmt::Debug for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((_, place)) = self.at() else { return write!(f, "nowhere") };
        let owner = place.owner.as_ref().map(|owner| quote::ToTokens::to_token_stream(&owner.ty).to_string());
        write!(f, "{}{}", place.module, owner.unwrap_or_default())
    }
}

impl Home {
    /// That of an annotated item with the given name, as it is written.
    pub fn of(origin: &Origin, name: &str, item: &proc_macro2::TokenStream) -> Home {
        let item = (name.to_owned(), dense(item));
        Home { sources: Rc::new(Sources { origin: origin.clone(), item, tree: OnceCell::new() }), place: None }
    }

    fn tree(&self) -> Option<&(Modules, Place)> {
        self.sources.tree.get_or_init(|| self.sources.read()).as_ref()
    }

    fn at(&self) -> Option<(&Modules, &Place)> {
        let (modules, origin) = self.tree()?;
        Some((modules, self.place.as_ref().unwrap_or(origin)))
    }

    fn moved(&self, module: Module, owner: Option<Rc<Owner>>) -> Home {
        Home { sources: Rc::clone(&self.sources), place: Some(Place { module, owner }) }
    }

    /// The rules of a macro of the crate: of this module, one around it, or any other if there is only one.
    pub fn macro_rules(&self, name: &str) -> Option<proc_macro2::TokenStream> {
        let (modules, place) = self.at()?;
        let of = |m: Module| {
            let items = modules.items(m);
            let is = |item: &syn::Item| match item {
                syn::Item::Macro(mac) if mac.ident.as_ref().is_some_and(|ident| ident == name) => Some(mac.mac.tokens.clone()),
                _ => None,
            };
            items.iter().find_map(is)
        };
        let around = std::iter::successors(Some(place.module), |m| modules.parent(*m));
        around.into_iter().find_map(of).or_else(|| {
            modules.descend(0);
            let mut all = (0..modules.count()).filter_map(of);
            all.next().filter(|_| all.next().is_none())
        })
    }

    /// The path that a `use` of this module gives a name.
    pub fn import(&self, name: &str) -> Option<Vec<String>> {
        let (modules, place) = self.at()?;
        let items = modules.items(place.module);
        items.iter().find_map(|item| match item {
            syn::Item::Use(u) => paths::imported(u).find(|(own, _)| own == name).map(|(_, path)| path),
            _ => None,
        })
    }

    /// The crates, by their paths, of which everything is imported here.
    pub fn globs(&self) -> Vec<Vec<String>> {
        let Some((modules, place)) = self.at() else { return Vec::new() };
        let items = modules.items(place.module);
        let uses = items.iter().filter_map(|item| match item {
            syn::Item::Use(u) => Some(u),
            _ => None,
        });
        uses.flat_map(paths::globs).collect()
    }

    /// Where that is, in words.
    pub fn describe(&self) -> String {
        self.at().map_or_else(String::new, |(modules, place)| modules.file(place.module).display().to_string())
    }
}

impl Sources {
    fn read(&self) -> Option<(Modules, Place)> {
        for (root, names) in modules::roots(&self.origin.file) {
            let Some(modules) = Modules::of(&root) else { continue };
            let is_file = |m: &Module| modules::same_file(&modules.file(*m), &self.origin.file);
            let down = names.iter().try_fold(0, |m, name| modules.child(m, name)).filter(is_file);
            let module = down.or_else(|| {
                // another path than the names tell
                modules.descend(0);
                (0..modules.count()).find(is_file)
            });
            if let Some(module) = module {
                let place = self.place(&modules, module);
                return Some((modules, place));
            }
        }
        None
    }

    /// The place in a file: where an item of that name and text stands, the one at the line if there are several.
    fn place(&self, modules: &Modules, module: Module) -> Place {
        let mut found = Vec::new();
        self.candidates(modules, module, &mut found);
        let exact: Vec<&(Place, bool)> = found.iter().filter(|(_, same)| *same).collect();
        let likely: Vec<&Place> =
            if exact.is_empty() { found.iter().map(|(p, _)| p).collect() } else { exact.into_iter().map(|(p, _)| p).collect() };
        let nth = if likely.len() > 1 && !self.item.0.is_empty() { self.before() } else { 0 };
        likely.get(nth.min(likely.len().saturating_sub(1))).map_or(Place { module, owner: None }, |place| (*place).clone())
    }

    /// How many functions of the name begin before the line.
    fn before(&self) -> usize {
        let text = std::fs::read_to_string(&self.origin.file).unwrap_or_default();
        let head = text.lines().take(self.origin.line.saturating_sub(1)).collect::<Vec<&str>>().join("\n");
        head.matches(&format!("fn {}", self.item.0)).count()
    }

    fn candidates(&self, modules: &Modules, module: Module, out: &mut Vec<(Place, bool)>) {
        let (name, text) = &self.item;
        let inside = |body: &syn::Block| text.contains(&dense(&quote::ToTokens::to_token_stream(body)));
        for item in modules.items(module).iter() {
            match item {
                syn::Item::Fn(f) if f.sig.ident == name.as_str() => out.push((Place { module, owner: None }, inside(&f.block))),
                syn::Item::Impl(block) => {
                    let owner = || Some(Rc::new(Owner { ty: (*block.self_ty).clone(), module }));
                    let has_functions = block.items.iter().any(|item| matches!(item, syn::ImplItem::Fn(_)));
                    let is_whole = name.is_empty()
                        && has_functions
                        && block.items.iter().all(|item| match item {
                            syn::ImplItem::Fn(f) => inside(&f.block),
                            _ => true,
                        });
                    if is_whole {
                        out.push((Place { module, owner: owner() }, true));
                    }
                    for inner in &block.items {
                        if let syn::ImplItem::Fn(f) = inner {
                            if f.sig.ident == name.as_str() {
                                out.push((Place { module, owner: owner() }, inside(&f.block)));
                            }
                        }
                    }
                }
                syn::Item::Mod(inner) if inner.content.is_some() => {
                    if let Some(child) = modules.child(module, &inner.ident.to_string()) {
                        if inner.ident == name.as_str() {
                            out.push((Place { module: child, owner: None }, true));
                        }
                        self.candidates(modules, child, out);
                    }
                }
                _ => {}
            }
        }
    }
}

/// Tokens without the spaces between them.
fn dense(tokens: &proc_macro2::TokenStream) -> String {
    tokens.to_string().split_whitespace().collect()
}
