//! The modules of a crate, read from their files when something leads there.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// The number of a module that was read.
pub type Module = usize;

/// The tree of modules, as far as it was read. The first is the root.
#[derive(Default)]
pub struct Modules {
    all: RefCell<Vec<Read>>,
    /// Whether the paths of a `use` begin at the root, as in the edition of 2015.
    pub uses_root: bool,
}

struct Read {
    parent: Option<Module>,
    items: Rc<Vec<syn::Item>>,
    /// The file that it stands in, and where the files of its own modules are.
    file: PathBuf,
    directory: PathBuf,
    /// The modules that were asked for; none where there is no file.
    children: Vec<(String, Option<Module>)>,
}

impl Modules {
    /// The tree below the file of a root; none if it cannot be read.
    pub fn of(root: &Path) -> Option<Modules> {
        let package = root.ancestors().skip(1).find(|dir| dir.join("Cargo.toml").is_file());
        let manifest = package.and_then(|dir| std::fs::read_to_string(dir.join("Cargo.toml")).ok()).unwrap_or_default();
        let edition = manifest.lines().find_map(|line| line.trim().strip_prefix("edition"));
        let uses_root = !manifest.is_empty() && edition.is_none_or(|rest| rest.contains("2015"));
        let modules = Modules { uses_root, ..Modules::default() };
        let directory = root.parent()?.to_path_buf();
        modules.all.borrow_mut().push(read(None, root, directory)?);
        Some(modules)
    }

    /// The items of a module.
    pub fn items(&self, m: Module) -> Rc<Vec<syn::Item>> {
        Rc::clone(&self.all.borrow()[m].items)
    }

    /// The module around a module.
    pub fn parent(&self, m: Module) -> Option<Module> {
        self.all.borrow()[m].parent
    }

    /// The file that a module stands in.
    pub fn file(&self, m: Module) -> PathBuf {
        self.all.borrow()[m].file.clone()
    }

    /// How many have been read.
    pub fn count(&self) -> usize {
        self.all.borrow().len()
    }

    /// The module of that name inside another one.
    pub fn child(&self, m: Module, name: &str) -> Option<Module> {
        if let Some((_, known)) = self.all.borrow()[m].children.iter().find(|(n, _)| n == name) {
            return *known;
        }
        let found = self.declared(m, name);
        let mut all = self.all.borrow_mut();
        let number = found.map(|read| {
            all.push(read);
            all.len() - 1
        });
        all[m].children.push((name.to_owned(), number));
        number
    }

    /// Reads all modules inside one.
    pub fn descend(&self, m: Module) {
        for item in self.items(m).iter() {
            if let syn::Item::Mod(inner) = item {
                if let Some(child) = self.child(m, &inner.ident.to_string()) {
                    self.descend(child);
                }
            }
        }
    }

    fn declared(&self, m: Module, name: &str) -> Option<Read> {
        let (items, file, directory) = {
            let module = &self.all.borrow()[m];
            (Rc::clone(&module.items), module.file.clone(), module.directory.clone())
        };
        let declared = items.iter().find_map(|item| match item {
            syn::Item::Mod(inner) if inner.ident == name => Some(inner),
            _ => None,
        })?;
        if let Some((_, items)) = &declared.content {
            let directory = directory.join(name.trim_start_matches("r#"));
            return Some(Read { parent: Some(m), items: Rc::new(items.clone()), file, directory, children: Vec::new() });
        }
        let stem = name.trim_start_matches("r#");
        let given = path_attribute(&declared.attrs).and_then(|path| Some(file.parent()?.join(path)));
        let candidates = match given {
            Some(path) => vec![path],
            None => vec![directory.join(format!("{stem}.rs")), directory.join(stem).join("mod.rs")],
        };
        let found = candidates.into_iter().find(|path| path.is_file())?;
        let is_directory = found.file_name().is_some_and(|n| n == "mod.rs");
        let inner = if is_directory || path_attribute(&declared.attrs).is_some() {
            found.parent()?.to_path_buf()
        } else {
            found.with_extension("")
        };
        read(Some(m), &found, inner)
    }
}

fn read(parent: Option<Module>, file: &Path, directory: PathBuf) -> Option<Read> {
    let parsed = syn::parse_file(&std::fs::read_to_string(file).ok()?).ok()?;
    Some(Read { parent, items: Rc::new(parsed.items), file: file.to_path_buf(), directory, children: Vec::new() })
}

/// The file that `#[path = "…"]` names.
fn path_attribute(attributes: &[syn::Attribute]) -> Option<String> {
    attributes.iter().find_map(|a| match &a.meta {
        syn::Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(path), .. }) => Some(path.value()),
            _ => None,
        },
        _ => None,
    })
}

/// Whether an item is there in tests alone.
pub fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|a| matches!(&a.meta, syn::Meta::List(list) if list.path.is_ident("cfg") && list.tokens.to_string() == "test"))
}

/// Whether a condition says when an item is there.
pub fn is_conditional(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|a| a.path().is_ident("cfg"))
}

/// Whether two paths are of one file.
pub fn same_file(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// The root of the crate that a file belongs to, and the names of the modules from there to the file as its path tells them.
pub fn roots(file: &Path) -> Vec<(PathBuf, Vec<String>)> {
    let Some(package) = file.ancestors().skip(1).find(|dir| dir.join("Cargo.toml").is_file()) else {
        return vec![(file.to_path_buf(), Vec::new())];
    };
    let listed = |dir: &str| {
        let entries = std::fs::read_dir(package.join(dir)).into_iter().flatten().filter_map(Result::ok);
        let mut files: Vec<PathBuf> = entries.map(|e| if e.path().is_dir() { e.path().join("main.rs") } else { e.path() }).collect();
        files.retain(|path| path.extension().is_some_and(|e| e == "rs") && path.is_file());
        files.sort();
        files
    };
    let mut candidates = vec![package.join("src/lib.rs"), package.join("src/main.rs")];
    candidates.extend(targets(package));
    candidates.extend(["src/bin", "examples", "tests", "benches"].into_iter().flat_map(listed));
    candidates.retain(|path| path.is_file());
    if let Some(root) = candidates.iter().find(|root| same_file(root, file)) {
        return vec![(root.clone(), Vec::new())];
    }
    let names = |root: &PathBuf| {
        let below = file.strip_prefix(root.parent()?).ok()?.with_extension("");
        let mut names: Vec<String> = below.components().map(|c| c.as_os_str().to_string_lossy().into_owned()).collect();
        if names.last().is_some_and(|last| last == "mod") {
            names.pop();
        }
        Some(names)
    };
    candidates.iter().filter_map(|root| Some((root.clone(), names(root)?))).chain([(file.to_path_buf(), Vec::new())]).collect()
}

/// The files that a manifest names as roots.
fn targets(package: &Path) -> Vec<PathBuf> {
    let manifest = std::fs::read_to_string(package.join("Cargo.toml")).unwrap_or_default();
    let value = |line: &str| {
        line.trim().strip_prefix("path")?.trim_start().strip_prefix('=')?.trim().trim_matches('"').strip_suffix(".rs").map(str::to_owned)
    };
    manifest.lines().filter_map(value).map(|path| package.join(format!("{path}.rs"))).collect()
}
