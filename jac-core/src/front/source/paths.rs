//! What a path leads to, by Rust's rules: items, `use` with other names and globs, `self`, `super`, `crate`, `Self`, what
//! stands in an `impl` or a trait.

use super::modules::{is_conditional, is_test, Module, Modules};
use super::{Home, Owner};
use std::rc::Rc;

/// Whether a name is of a value or of a type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Space {
    /// A function, a constant.
    Value,
    /// A type, a trait, a module.
    Type,
}

/// A field of a struct.
pub struct Field {
    /// Its type.
    pub ty: syn::Type,
    /// Who sees it.
    pub visibility: syn::Visibility,
    /// Where the struct is defined.
    pub home: Home,
}

/// A function of an `impl`, with the names of the type parameters around.
pub type Associated = (Rc<syn::ItemFn>, Vec<syn::Ident>, Home);

/// What a path leads to.
#[derive(Clone, Debug)]
pub enum Found {
    /// A function or method, with the names of the type parameters of the `impl` around.
    Function(Rc<syn::ItemFn>, Vec<syn::Ident>, Home),
    /// A constant, static or associated constant.
    Constant(syn::Type, syn::Expr, Home),
    /// Another name of a type.
    Alias(syn::Generics, syn::Type, Home),
    /// A struct, enum or union.
    Type(Rc<syn::Item>, Home),
    /// A trait.
    Trait(Rc<syn::ItemTrait>, Home),
    /// A module.
    Module(Module),
    /// Functions of several traits, or of one for several types: which is meant, types tell.
    Several(Vec<Associated>),
    /// What is of another crate, by its path from there.
    External(Vec<String>),
    /// Several items, of which the compiler takes one by a condition.
    Conditional,
}

impl Home {
    /// What a path leads to from here.
    pub fn find(&self, path: &syn::Path, space: Space) -> Option<Found> {
        let names: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        if path.leading_colon.is_some() {
            return Some(Found::External(names));
        }
        let (modules, place) = self.at()?;
        Search { home: self, modules, seen: Vec::new() }.resolve(place.module, place.owner.as_ref(), &names, space)
    }

    /// What stands under a name in the `impl`s of a type that is written here.
    pub fn associated(&self, ty: &syn::Type, name: &str) -> Option<Found> {
        let (modules, place) = self.at()?;
        Search { home: self, modules, seen: Vec::new() }.associated(ty, place.module, name)
    }

    /// The type that `Self` is here, and where it is written.
    pub fn owner(&self) -> Option<(syn::Type, Home)> {
        let owner = self.at()?.1.owner.clone()?;
        Some((owner.ty.clone(), self.moved(owner.module, None)))
    }

    /// The names of the fields of a struct that is written here, in their order.
    pub fn fields(&self, ty: &syn::Type) -> Option<Vec<String>> {
        let (modules, place) = self.at()?;
        let found = Search { home: self, modules, seen: Vec::new() }.type_of(ty, place.module)?;
        let Found::Type(item, _) = found else { return None };
        let syn::Item::Struct(item) = &*item else { return None };
        let name = |(k, f): (usize, &syn::Field)| f.ident.as_ref().map_or_else(|| k.to_string(), ToString::to_string);
        Some(item.fields.iter().enumerate().map(name).collect())
    }

    /// A field of a struct that is written here.
    pub fn field(&self, ty: &syn::Type, name: &str) -> Option<Field> {
        let (modules, place) = self.at()?;
        let Found::Type(item, home) = Search { home: self, modules, seen: Vec::new() }.type_of(ty, place.module)? else { return None };
        let syn::Item::Struct(item) = &*item else { return None };
        // of a generic struct the type is another one here
        let is_plain = item.generics.type_params().next().is_none();
        let named = |(k, f): &(usize, &syn::Field)| f.ident.as_ref().map_or(k.to_string() == name, |ident| ident == name);
        let (_, field) = item.fields.iter().enumerate().find(named)?;
        let ty = if is_plain { field.ty.clone() } else { syn::parse_quote!(_) };
        Some(Field { ty, visibility: field.vis.clone(), home })
    }

    /// Whether what stands here with a visibility is seen from another place.
    pub fn shows(&self, visibility: &syn::Visibility, from: &Home) -> bool {
        let (Some((modules, own)), Some((_, other))) = (self.at(), from.at()) else { return true };
        let within = |m: Module| std::iter::successors(Some(other.module), |k| modules.parent(*k)).any(|k| k == m);
        match visibility {
            syn::Visibility::Public(_) => true,
            syn::Visibility::Inherited => within(own.module),
            syn::Visibility::Restricted(to) if to.path.is_ident("super") => modules.parent(own.module).is_none_or(within),
            syn::Visibility::Restricted(to) if to.path.is_ident("self") => within(own.module),
            syn::Visibility::Restricted(_) => true,
        }
    }

    /// The type that another name stands for, and where that is written.
    pub fn alias(&self, path: &syn::Path) -> Option<(syn::Type, Home)> {
        let Found::Alias(generics, ty, home) = self.find(path, Space::Type)? else { return None };
        let given = path.segments.last().map(|s| &s.arguments);
        let arguments: Vec<proc_macro2::TokenStream> = match given {
            Some(syn::PathArguments::AngleBracketed(all)) => all.args.iter().map(quote::ToTokens::to_token_stream).collect(),
            _ => Vec::new(),
        };
        let names = generics.params.iter().filter_map(|p| match p {
            syn::GenericParam::Type(t) => {
                Some((t.ident.to_string(), t.default.as_ref().map(|(_, ty)| quote::ToTokens::to_token_stream(ty))))
            }
            syn::GenericParam::Const(c) => Some((c.ident.to_string(), None)),
            syn::GenericParam::Lifetime(_) => None,
        });
        let mut arguments = arguments.into_iter();
        let given: Vec<(String, Option<proc_macro2::TokenStream>)> =
            names.map(|(name, default)| (name, arguments.next().or(default))).collect();
        let tokens = replaced(quote::ToTokens::to_token_stream(&ty), &given);
        Some((syn::parse2(tokens).ok()?, home))
    }

    /// The integer that an expression of constants is.
    pub fn integer(&self, e: &syn::Expr) -> Option<i64> {
        self.integer_within(e, DEEPEST)
    }

    fn integer_within(&self, e: &syn::Expr, depth: usize) -> Option<i64> {
        let depth = depth.checked_sub(1)?;
        match e {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(l), .. }) => l.base10_parse().ok(),
            syn::Expr::Paren(inner) => self.integer_within(&inner.expr, depth),
            syn::Expr::Group(inner) => self.integer_within(&inner.expr, depth),
            syn::Expr::Cast(cast) => self.integer_within(&cast.expr, depth),
            syn::Expr::Block(block) => match block.block.stmts.as_slice() {
                [syn::Stmt::Expr(e, None)] => self.integer_within(e, depth),
                _ => None,
            },
            syn::Expr::Path(path) => match self.find(&path.path, Space::Value)? {
                Found::Constant(_, value, home) => home.integer_within(&value, depth),
                _ => None,
            },
            syn::Expr::Binary(b) => {
                let (x, y) = (self.integer_within(&b.left, depth)?, self.integer_within(&b.right, depth)?);
                match b.op {
                    syn::BinOp::Add(_) => x.checked_add(y),
                    syn::BinOp::Sub(_) => x.checked_sub(y),
                    syn::BinOp::Mul(_) => x.checked_mul(y),
                    syn::BinOp::Div(_) => x.checked_div(y),
                    syn::BinOp::Rem(_) => x.checked_rem(y),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

/// Constants may not be made of more constants than this, one by the other.
const DEEPEST: usize = 64;

/// The tokens with others in the place of names.
fn replaced(tokens: proc_macro2::TokenStream, given: &[(String, Option<proc_macro2::TokenStream>)]) -> proc_macro2::TokenStream {
    use proc_macro2::{Group, TokenTree};
    let replace = |tree: TokenTree| -> proc_macro2::TokenStream {
        match tree {
            TokenTree::Ident(ident) => match given.iter().find(|(name, _)| ident == name.as_str()) {
                Some((_, Some(tokens))) => tokens.clone(),
                _ => TokenTree::Ident(ident).into(),
            },
            TokenTree::Group(group) => TokenTree::Group(Group::new(group.delimiter(), replaced(group.stream(), given))).into(),
            other => other.into(),
        }
    };
    tokens.into_iter().flat_map(replace).collect()
}

/// The names that a `use` brings in, each with the path that it stands for.
pub fn imported(u: &syn::ItemUse) -> impl Iterator<Item = (String, Vec<String>)> {
    let mut all = Vec::new();
    imports(&u.tree, &mut Vec::new(), &mut all);
    all.into_iter().filter_map(|(name, path)| Some((name?, path)))
}

/// The paths of which a `use` imports everything.
pub fn globs(u: &syn::ItemUse) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    imports(&u.tree, &mut Vec::new(), &mut all);
    all.into_iter().filter(|(name, _)| name.is_none()).map(|(_, path)| path).collect()
}

/// The names that a `use` brings in: each with the path that it stands for; a glob has no name.
fn imports(tree: &syn::UseTree, path: &mut Vec<String>, out: &mut Vec<(Option<String>, Vec<String>)>) {
    match tree {
        syn::UseTree::Path(p) => {
            path.push(p.ident.to_string());
            imports(&p.tree, path, out);
            path.pop();
        }
        syn::UseTree::Name(name) if name.ident == "self" => out.push((path.last().cloned(), path.clone())),
        syn::UseTree::Name(name) => out.push((Some(name.ident.to_string()), [path.as_slice(), &[name.ident.to_string()]].concat())),
        syn::UseTree::Rename(rename) => {
            let own = (rename.ident != "self").then(|| rename.ident.to_string());
            out.push((Some(rename.rename.to_string()), path.iter().cloned().chain(own).collect()));
        }
        syn::UseTree::Glob(_) => out.push((None, path.clone())),
        syn::UseTree::Group(group) => group.items.iter().for_each(|tree| imports(tree, path, out)),
    }
}

struct Search<'a> {
    home: &'a Home,
    modules: &'a Modules,
    /// What is being looked for already.
    seen: Vec<(Module, String, Space)>,
}

impl Search<'_> {
    fn resolve(&mut self, from: Module, owner: Option<&Rc<Owner>>, names: &[String], space: Space) -> Option<Found> {
        let (first, mut rest) = names.split_first()?;
        let mut at = match (first.as_str(), rest) {
            ("crate", _) => Found::Module(0),
            ("self", _) => Found::Module(from),
            ("super", _) => Found::Module(self.modules.parent(from)?),
            ("Self", []) => return self.type_of(&owner?.ty, owner?.module),
            ("Self", [name]) => return self.associated(&owner?.ty, owner?.module, name),
            (name, []) => return self.lookup(from, name, space),
            (name, _) => match self.lookup(from, name, Space::Type) {
                Some(found) => found,
                None => Found::External(vec![name.to_owned()]),
            },
        };
        while let Some((name, more)) = rest.split_first() {
            let own = if more.is_empty() { space } else { Space::Type };
            at = match at {
                Found::Module(m) if name == "super" => Found::Module(self.modules.parent(m)?),
                Found::Module(m) => self.lookup(m, name, own)?,
                Found::External(path) => return Some(Found::External([path.as_slice(), rest].concat())),
                Found::Alias(_, ty, home) if more.is_empty() => return self.associated(&ty, home.at()?.1.module, name),
                Found::Type(item, home) if more.is_empty() => {
                    let ident = name_of(&item)?;
                    return self.associated(&syn::parse_quote!(#ident), home.at()?.1.module, name);
                }
                _ => return None,
            };
            rest = more;
        }
        Some(at)
    }

    /// What a name is in a module.
    fn lookup(&mut self, m: Module, name: &str, space: Space) -> Option<Found> {
        let key = (m, name.to_owned(), space);
        if self.seen.contains(&key) {
            return None;
        }
        self.seen.push(key);
        let found = self.declared(m, name, space).or_else(|| self.imported(m, name, space));
        self.seen.pop();
        found
    }

    /// What is declared under a name in a module.
    fn declared(&self, m: Module, name: &str, space: Space) -> Option<Found> {
        let items = self.modules.items(m);
        let mut found: Vec<(&[syn::Attribute], Found)> = Vec::new();
        let here = || self.home.moved(m, None);
        for item in items.iter() {
            let (attributes, is) = match (item, space) {
                (syn::Item::Fn(f), Space::Value) if f.sig.ident == name => {
                    (&f.attrs, Found::Function(Rc::new(f.clone()), Vec::new(), here()))
                }
                (syn::Item::Const(c), Space::Value) if c.ident == name => {
                    (&c.attrs, Found::Constant((*c.ty).clone(), (*c.expr).clone(), here()))
                }
                (syn::Item::Static(c), Space::Value) if c.ident == name && matches!(c.mutability, syn::StaticMutability::None) => {
                    (&c.attrs, Found::Constant((*c.ty).clone(), (*c.expr).clone(), here()))
                }
                (syn::Item::Type(t), Space::Type) if t.ident == name => {
                    (&t.attrs, Found::Alias(t.generics.clone(), (*t.ty).clone(), here()))
                }
                (syn::Item::Struct(s), Space::Type) if s.ident == name => (&s.attrs, Found::Type(Rc::new(item.clone()), here())),
                (syn::Item::Enum(e), Space::Type) if e.ident == name => (&e.attrs, Found::Type(Rc::new(item.clone()), here())),
                (syn::Item::Trait(t), Space::Type) if t.ident == name => (&t.attrs, Found::Trait(Rc::new(t.clone()), here())),
                (syn::Item::Mod(inner), Space::Type) if inner.ident == name => match self.modules.child(m, name) {
                    Some(child) => (&inner.attrs, Found::Module(child)),
                    None => continue,
                },
                _ => continue,
            };
            found.push((attributes, is));
        }
        if found.len() > 1 {
            found.retain(|(attributes, _)| !is_test(attributes));
        }
        if found.len() > 1 && found.iter().any(|(attributes, _)| is_conditional(attributes)) {
            return Some(Found::Conditional);
        }
        found.into_iter().next().map(|(_, is)| is)
    }

    /// What a module imports under a name.
    fn imported(&mut self, m: Module, name: &str, space: Space) -> Option<Found> {
        let items = self.modules.items(m);
        let mut all = Vec::new();
        for item in items.iter() {
            if let syn::Item::Use(u) = item {
                let mut own = Vec::new();
                imports(&u.tree, &mut Vec::new(), &mut own);
                all.extend(own.into_iter().map(|(name, path)| (name, path, u.leading_colon.is_some())));
            }
        }
        let (named, globs): (Vec<_>, Vec<_>) = all.into_iter().partition(|(name, ..)| name.is_some());
        let mut external = None;
        for (_, path, outside) in named.iter().filter(|(own, ..)| own.as_deref() == Some(name)) {
            let relative = matches!(path.first().map(String::as_str), Some("self" | "super"));
            let from = if self.modules.uses_root && !relative { 0 } else { m };
            let found = if *outside { Some(Found::External(path.clone())) } else { self.resolve(from, None, path, space) };
            match found {
                Some(Found::External(path)) => external = Some(Found::External(path)),
                Some(found) => return Some(found),
                None => {}
            }
        }
        if external.is_some() {
            return external;
        }
        globs.iter().filter(|(_, _, outside)| !outside).find_map(|(_, path, _)| match self.resolve(m, None, path, Space::Type)? {
            Found::Module(inner) => self.lookup(inner, name, space).filter(|found| !matches!(found, Found::External(_))),
            _ => None,
        })
    }

    /// The definition of a type.
    fn type_of(&mut self, ty: &syn::Type, m: Module) -> Option<Found> {
        let syn::Type::Path(path) = super::super::types::strip(ty) else { return None };
        let names: Vec<String> = path.path.segments.iter().map(|s| s.ident.to_string()).collect();
        match self.resolve(m, None, &names, Space::Type)? {
            Found::Alias(_, ty, home) => self.type_of(&ty, home.at()?.1.module),
            found => Some(found),
        }
    }

    /// What tells a type from all others: where it is defined, and its name; of those of the language the name alone.
    fn identity(&mut self, ty: &syn::Type, m: Module) -> Option<(Option<Module>, String)> {
        match self.type_of(ty, m) {
            Some(Found::Type(item, home)) => Some((Some(home.at()?.1.module), name_of(&item)?.to_string())),
            _ => match super::super::types::strip(ty) {
                syn::Type::Path(path) => Some((None, path.path.get_ident()?.to_string())),
                _ => None,
            },
        }
    }

    /// What stands under a name in the `impl`s of a type, or in the traits that these are of.
    fn associated(&mut self, ty: &syn::Type, m: Module, name: &str) -> Option<Found> {
        let identity = self.identity(ty, m)?;
        let mut order: Vec<Module> = identity.0.into_iter().chain([m]).collect();
        order.dedup();
        if let Some(found) = self.associated_in(&order, &identity, name) {
            return Some(found);
        }
        self.modules.descend(0);
        let all: Vec<Module> = (0..self.modules.count()).filter(|k| !order.contains(k)).collect();
        let found = self.associated_in(&all, &identity, name);
        found.or_else(|| self.inherited(&[order, all].concat(), &identity, name))
    }

    /// The `impl`s of a type among the items of a module.
    fn impls<'i>(&mut self, items: &'i [syn::Item], m: Module, identity: &(Option<Module>, String)) -> Vec<&'i syn::ItemImpl> {
        let blocks = items.iter().filter_map(|item| match item {
            syn::Item::Impl(block) if !is_test(&block.attrs) => Some(block),
            _ => None,
        });
        blocks.filter(|block| self.identity(&block.self_ty, m).as_ref() == Some(identity)).collect()
    }

    fn associated_in(&mut self, order: &[Module], identity: &(Option<Module>, String), name: &str) -> Option<Found> {
        let mut functions: Vec<(bool, Associated)> = Vec::new();
        for m in order {
            let items = self.modules.items(*m);
            for block in self.impls(&items, *m, identity) {
                let home = || self.home.moved(*m, Some(Rc::new(Owner { ty: (*block.self_ty).clone(), module: *m })));
                let types = || block.generics.type_params().map(|t| t.ident.clone()).collect();
                for item in &block.items {
                    match item {
                        syn::ImplItem::Fn(f) if f.sig.ident == name => {
                            let f: syn::ItemFn = syn::parse2(quote::quote!(#f)).ok()?;
                            functions.push((block.trait_.is_none(), (Rc::new(f), types(), home())));
                        }
                        syn::ImplItem::Const(c) if c.ident == name => {
                            return Some(Found::Constant(c.ty.clone(), c.expr.clone(), home()));
                        }
                        _ => {}
                    }
                }
            }
        }
        // what is the type's own comes before what traits have
        if functions.iter().any(|(is_own, _)| *is_own) {
            functions.retain(|(is_own, _)| *is_own);
        }
        let mut functions: Vec<_> = functions.into_iter().map(|(_, f)| f).collect();
        match functions.len() {
            0 => None,
            1 => functions.pop().map(|(f, types, home)| Found::Function(f, types, home)),
            _ => Some(Found::Several(functions)),
        }
    }

    /// What the traits of a type say for all types.
    fn inherited(&mut self, order: &[Module], identity: &(Option<Module>, String), name: &str) -> Option<Found> {
        for m in order {
            let items = self.modules.items(*m);
            for block in self.impls(&items, *m, identity) {
                let Some((path, _)) = &block.trait_ else { continue };
                let names: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
                let Some(Found::Trait(of, home)) = self.resolve(*m, None, &names, Space::Type) else { continue };
                let module = home.at()?.1.module;
                let home = self.home.moved(module, Some(Rc::new(Owner { ty: (*block.self_ty).clone(), module: *m })));
                for item in &of.items {
                    match item {
                        syn::TraitItem::Fn(f) if f.sig.ident == name && f.default.is_some() => {
                            let f: syn::ItemFn = syn::parse2(quote::quote!(#f)).ok()?;
                            return Some(Found::Function(Rc::new(f), Vec::new(), home));
                        }
                        syn::TraitItem::Const(c) if c.ident == name => {
                            let (_, value) = c.default.as_ref()?;
                            return Some(Found::Constant(c.ty.clone(), value.clone(), home));
                        }
                        _ => {}
                    }
                }
            }
        }
        None
    }
}

/// The name of a struct or enum.
fn name_of(item: &syn::Item) -> Option<&syn::Ident> {
    match item {
        syn::Item::Struct(s) => Some(&s.ident),
        syn::Item::Enum(e) => Some(&e.ident),
        _ => None,
    }
}
