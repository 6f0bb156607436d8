//! What functions call and name that does not stand beside them: in other modules and files of this crate, under other names,
//! in other `impl`s.

mod geo;
mod tables;

use crate::common::close;
use geo::{transform as apply, *};
use jac_core::diag::Diagnostic;
use jac_core::Origin;
use jac_runtime::{check, jacobian};
use std::f64::consts::PI;
use std::path::{Path, PathBuf};
use tables::{Real, Vec3, GAIN, WEIGHTS};

fn square(x: f64) -> f64 {
    x * x
}

mod helper {
    pub mod deep {
        pub fn cube(x: f64) -> f64 {
            super::super::square(x) * x * FACTOR
        }
        const FACTOR: f64 = 0.5;
    }
}

#[jacobian(value)]
fn calls(x: f64, y: f64) -> f64 {
    square(x) * GAIN + apply(y, 2.0) + helper::deep::cube(x) + self::square(y) * PI
}

#[jacobian]
fn aliases(v: &Vec3) -> Real {
    let mut s = 0.0;
    for (w, x) in WEIGHTS.iter().zip(v) {
        s += w * x * x;
    }
    s + norm(*v) + tables::TABLE[1][0] * v[2]
}

#[jacobian]
fn lengths(x: &[f64; tables::N]) -> f64 {
    x.iter().map(|x| shifted_square(*x)).sum::<f64>() * tables::nested::SCALE
}

/// Constants that are more than numbers are read at run time, as they stand.
#[jacobian]
fn made_constants(x: f64) -> f64 {
    x * MADE + x * x * PLACE.1
}

const MADE: f64 = made();
const PLACE: Place = Place("here", 2.0);

struct Place(#[allow(dead_code)] &'static str, f64);

const fn made() -> f64 {
    let mut sum = 0.0;
    let mut k = 0;
    while k < 3 {
        sum += 0.5;
        k += 1;
    }
    sum
}

#[jacobian]
fn functions_as_values(x: &[f64]) -> f64 {
    x.iter().copied().map(square).map(geo::shifted_square).fold(0.0, geo::larger)
}

pub struct Filter {
    pub coefficients: Vec<f64>,
    pub gain: f64,
    pub inner: Gauss,
}

impl Filter {
    const OFFSET: f64 = 0.25;

    fn scaled(&self, x: f64) -> f64 {
        self.gain * x + Self::OFFSET
    }
}

#[jacobian]
impl Filter {
    #[jacobian(value)]
    pub fn apply(&self, x: f64) -> f64 {
        let mut s = 0.0;
        for (k, c) in self.coefficients.iter().enumerate() {
            s += c * x.powi(k as i32);
        }
        self.scaled(s) + self.inner.density(x) + self.far(x)
    }
}

impl Filter {
    /// An attribute on the method alone.
    #[jacobian]
    pub fn alone(&self, x: f64) -> f64 {
        self.scaled(x) * Self::OFFSET + self.apply(x) + self.inner.area(x)
    }
}

/// A method that a trait has for all types.
trait Shape {
    const FACTOR: f64;
    fn area(&self, x: f64) -> f64 {
        Self::FACTOR * x * x
    }
}

impl Shape for Gauss {
    const FACTOR: f64 = 3.0;
}

#[test]
fn what_stands_elsewhere_is_read_where_it_is_called() {
    check!(calls, 0.3, 0.7);
    check!(aliases, &[1.0, 2.0, 3.0]);
    check!(lengths, &[1.0, 2.0]);
    check!(functions_as_values, &[0.3, 0.9, 0.5]);
    check!(made_constants, 0.3);
    close("made_constants", &[made_constants_jacobian(0.5)], &[3.5]);
    // all lengths and constants are known
    let three: [f64; 3] = aliases_jacobian(&[0.0, 3.0, 4.0]);
    close("aliases", &three, &[0.0, 2.0 * 0.5 * 3.0 + 0.6, 2.0 * 3.0 * 4.0 + 0.8 + 3.0]);
    close("lengths", &lengths_jacobian(&[1.0, 2.0]), &[3.0, 6.0]);
    assert!(!calls_jacobian_ir().contains("GAIN"), "{}", calls_jacobian_ir());
    let filter = Filter { coefficients: vec![1.0, 2.0, 3.0], gain: 2.0, inner: Gauss { mean: 0.5, deviation: 2.0 } };
    check!(Filter::apply, &filter, 0.3);
    check!(Filter::alone, &filter, 0.3);
    let slope = |f: &dyn Fn(f64) -> f64, x: f64| (f(x + 1e-6) - f(x - 1e-6)) / 2e-6;
    let differences = [slope(&|x| filter.apply(x), 0.3), slope(&|x| filter.alone(x), 0.3)];
    let found = [filter.apply_jacobian(0.3), filter.alone_jacobian(0.3)];
    assert!(found.iter().zip(&differences).all(|(a, b)| (a - b).abs() < 1e-7), "{found:?} {differences:?}");
}

/// A crate of the given files; the item is the first function that is marked.
fn compiled(name: &str, files: &[(&str, &str)]) -> (Option<jac_core::Stages>, String) {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut origin: Option<(PathBuf, String)> = None;
    for (path, text) in files.iter().chain(&[("Cargo.toml", "[package]\nname = \"elsewhere\"\n")]) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        std::fs::write(&path, text).expect("the file is written");
        if let Some((_, item)) = text.split_once("#[jacobian]") {
            origin.get_or_insert((path, item.split("\n\n").next().unwrap_or_default().to_owned()));
        }
    }
    let (file, item) = origin.expect("a function is marked");
    let compiled = jac_core::compile_from("".parse().expect("tokens"), item.parse().expect("tokens"), &Origin { file, line: 1 });
    let text = compiled.diagnostics.iter().map(Diagnostic::text).collect::<Vec<String>>().join("\n");
    (compiled.stages, text)
}

#[test]
fn names_are_looked_up_as_rust_does() {
    let (stages, errors) = compiled(
        "names",
        &[
            ("src/lib.rs", "mod a;\nmod b { pub use crate::a::inner::*; pub use super::a::twice as double; }\n#[path = \"odd.rs\"]\nmod c;\n"),
            ("src/a/mod.rs", "pub mod inner;\npub fn twice(x: f64) -> f64 { 2.0 * x }\nuse crate::b;\n#[jacobian]\nfn f(x: f64) -> f64 { b::double(x) + b::offset() + crate::c::third(x) + inner::chosen(x) }\n"),
            ("src/a/inner.rs", "pub fn offset() -> f64 { K }\npub(crate) const K: f64 = { 1.0 + 0.5 };\nuse super::twice as chosen_too;\npub fn chosen(x: f64) -> f64 { use std::f64::consts::TAU; chosen_too(x) * TAU }\n"),
            ("src/odd.rs", "type T = f64;\npub fn third(x: T) -> T { x / 3 as T }\n"),
        ],
    );
    let text = stages.unwrap_or_else(|| panic!("{errors}")).primal.to_text();
    assert_eq!(text, "fn f(x: []) wrt x -> y\nlet t1 = 2 * x\ny = t1 + 1.5 + x / 3 + t1 * 6.283185307179586\n");
}

#[test]
fn what_cannot_be_read_elsewhere_is_said_at_the_call() {
    let error = |name: &str, item: &str, other: &str| {
        let lib = format!("mod other {{\n{other}\n}}\nuse other::*;\n#[jacobian]\n{item}\n");
        compiled(name, &[("src/lib.rs", &lib)]).1
    };
    let foreign = error("foreign", "fn f(x: f64) -> f64 { g(x) }", "pub fn g(x: f64) -> f64 { special::gamma(x) }");
    assert!(foreign.starts_with("cannot see the function `special::gamma` from here\nnote: in `g`, "), "{foreign}");
    assert!(foreign.contains("src/lib.rs"), "{foreign}");
    let conditional = "#[cfg(unix)] pub fn g(x: f64) -> f64 { x }\n#[cfg(not(unix))] pub fn g(x: f64) -> f64 { 2.0 * x }";
    let conditional = error("conditional", "fn f(x: f64) -> f64 { other::g(x) }", conditional);
    assert!(conditional.starts_with("which function `g` is depends on a `cfg`"), "{conditional}");
    let private = "pub struct S { k: f64 }\nimpl S { pub fn times(&self, x: f64) -> f64 { self.k * x } }";
    let private = error("private", "fn f(s: &S, x: f64) -> f64 { s.times(x) }", private);
    assert!(private.starts_with("the field `k` of `S` is private"), "{private}");
    let missing = error("missing", "fn f(x: f64) -> f64 { other::h(x) }", "");
    assert!(missing.starts_with("cannot see the function `other::h` from here"), "{missing}");
    let endless = error("endless", "fn f(x: f64) -> f64 { g(x) }", "pub fn g(x: f64) -> f64 { g(x) * 0.5 }");
    assert!(endless.contains("nest deeper"), "{endless}");
    let cyclic = error("cyclic", "fn f(x: f64) -> f64 { g(x) }", "pub use super::other2::g;");
    assert!(cyclic.starts_with("cannot see the function `g` from here"), "{cyclic}");
}
