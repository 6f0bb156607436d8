//! The writer of programs.
//!
//! It writes a template, of which two sources are made: what jac compiles, and its twin over hyper-dual numbers. What
//! differs is marked: `‹0.5›` is a literal, `«i»` an integer as a float, `𝔽` the float type, `⟨a¦b⟩` is `a` for jac and `b`
//! for the twin.

mod arrays;
mod expressions;
mod function;
mod statements;

use super::choices::Choices;

/// A program: what jac is to compile, and how to call it.
#[derive(Clone, Debug)]
pub struct Program {
    /// The options of the attribute.
    pub options: String,
    /// The item as a template, as jac compiles it.
    pub item: String,
    /// The item as a template, for the twin. It differs where a transformation by hand is tried that must not matter.
    pub plain: String,
    /// What stands before the item.
    pub prelude: String,
    /// The path of the function, without its name's suffix: `f`, `inner::f`, `me.f`.
    pub path: String,
    /// The parameters.
    pub params: Vec<Param>,
    /// The results.
    pub results: Vec<Ty>,
    /// What they are wrapped in.
    pub wrapper: Wrapper,
    /// The float type.
    pub float: Float,
    /// The parameter that is set to a constant, and the constant.
    pub at: Option<(String, f64)>,
    /// The parameters that differ from point to point of a batch; without one there is no batch.
    pub varied: Vec<String>,
    /// The robust loss of normal equations, and its scale.
    pub loss: Option<(&'static str, f64)>,
    /// What the choices were.
    pub made: Vec<u32>,
    /// Which choices belong together.
    pub spans: Vec<(usize, usize)>,
}

/// The float type that a program is written in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Float {
    Double,
    Single,
    Generic,
}

/// What a function wraps its results in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wrapper {
    Nothing,
    Option,
    Result,
}

/// A length: known, or the number of a run-time length.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Len {
    Known(usize),
    Open(usize),
}

/// A type of floats.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Ty {
    Scalar,
    Fixed(usize),
    Fixed2(usize, usize),
    /// A slice or `Vec`.
    List(Len),
    Nd1(Len),
    Nd2(Len, Len),
    Fixed3(usize, usize, usize),
    Nd3(Len, Len, Len),
}

impl Ty {
    /// The lengths of its axes.
    pub fn axes(self) -> Vec<Len> {
        match self {
            Ty::Scalar => Vec::new(),
            Ty::Fixed(n) => vec![Len::Known(n)],
            Ty::Fixed2(n, m) => vec![Len::Known(n), Len::Known(m)],
            Ty::Fixed3(n, m, k) => vec![Len::Known(n), Len::Known(m), Len::Known(k)],
            Ty::List(n) | Ty::Nd1(n) => vec![n],
            Ty::Nd2(n, m) => vec![n, m],
            Ty::Nd3(n, m, k) => vec![n, m, k],
        }
    }

    /// An element of what is called so.
    fn element(self, name: &str, at: &[String]) -> String {
        match self {
            Ty::Nd2(..) | Ty::Nd3(..) => format!("{name}[[{}]]", at.join(", ")),
            _ => at.iter().fold(name.to_owned(), |place, i| format!("{place}[{i}]")),
        }
    }
}

/// How a parameter is passed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Pass {
    Value,
    Reference,
    /// An ndarray view.
    View,
    /// `&mut`, a result.
    Out,
    /// A field of `self`.
    Field,
}

/// A parameter.
#[derive(Clone, Debug)]
pub struct Param {
    pub name: String,
    pub kind: Kind,
    pub pass: Pass,
    pub wrt: bool,
}

impl Param {
    /// Whether its type says how many floats it is.
    fn of_known_lengths(&self) -> bool {
        matches!(self.kind, Kind::Floats(Ty::Scalar | Ty::Fixed(_) | Ty::Fixed2(..) | Ty::Fixed3(..)))
    }
}

/// What a parameter is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Kind {
    Floats(Ty),
    /// A `usize` that is the number of a run-time length.
    Length(usize),
    /// An `i32` below the limit.
    Integer(usize),
    Truth,
}

/// Which source is made of a template.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Jac(Float),
    Twin,
}

impl Mode {
    /// The name of the float type.
    pub fn float(self) -> &'static str {
        match self {
            Mode::Jac(Float::Double) => "f64",
            Mode::Jac(Float::Single) => "f32",
            Mode::Jac(Float::Generic) => "T",
            Mode::Twin => "H",
        }
    }

    fn literal(self, text: &str) -> String {
        match self {
            Mode::Jac(Float::Generic) => format!("T::from({}).unwrap()", text.trim_end_matches('ƒ')),
            Mode::Jac(_) if text.ends_with('ƒ') => format!("{}_{}", text.trim_end_matches('ƒ'), self.float()),
            Mode::Jac(_) => text.to_owned(),
            Mode::Twin => format!("c({})", text.trim_end_matches('ƒ')),
        }
    }

    fn cast(self, text: &str) -> String {
        match self {
            Mode::Jac(Float::Generic) => format!("T::from({text}).unwrap()"),
            Mode::Jac(_) => format!("({text} as {})", self.float()),
            Mode::Twin => format!("c(({text}) as f64)"),
        }
    }
}

/// The source of a template.
pub fn render(template: &str, mode: Mode) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find(['‹', '«', '𝔽', '⟨']) {
        out.push_str(&rest[..at]);
        let mark = rest[at..].chars().next().unwrap_or_default();
        let inner = &rest[at + mark.len_utf8()..];
        let closing = |c: char| inner.find(c).expect("the mark is closed");
        let (text, after) = match mark {
            '‹' => (mode.literal(&inner[..closing('›')]), &inner[closing('›') + '›'.len_utf8()..]),
            '«' => (mode.cast(&inner[..closing('»')]), &inner[closing('»') + '»'.len_utf8()..]),
            '⟨' => {
                let both = &inner[..closing('⟩')];
                let (jac, twin) = both.split_once('¦').expect("two sides");
                (if mode == Mode::Twin { twin } else { jac }.replace('𝔽', mode.float()), &inner[closing('⟩') + '⟩'.len_utf8()..])
            }
            _ => (mode.float().to_owned(), inner),
        };
        out.push_str(&text);
        rest = after;
    }
    out + rest
}

/// A variable in scope.
#[derive(Clone, Debug)]
struct Var {
    /// As it is read: `x`, `(*v)`, `self.k`.
    text: String,
    ty: Ty,
    mutable: bool,
    /// Whether it is behind a reference.
    reference: bool,
}

impl Var {
    /// A reference to it.
    fn borrowed(&self) -> String {
        if self.reference {
            self.text.clone()
        } else {
            format!("&{}", self.text)
        }
    }
}

/// An integer that is a valid position on axes of a length.
#[derive(Clone, Debug)]
struct Index {
    text: String,
    len: Len,
}

/// A closure or helper that takes and returns scalars.
#[derive(Clone, Debug)]
struct Callable {
    name: String,
    arguments: usize,
    /// Its parameters and its body, to write it in where it is called; none if it has state.
    body: Option<(Vec<String>, String)>,
}

/// The state of the writer.
pub struct Writer {
    c: Choices,
    float: Float,
    /// Variables, innermost last.
    vars: Vec<Var>,
    indices: Vec<Index>,
    /// Integers that are floats after a cast.
    integers: Vec<String>,
    truths: Vec<String>,
    calls: Vec<Callable>,
    /// How a run-time length is written.
    lengths: Vec<(Len, String)>,
    results: Vec<Ty>,
    wrapper: Wrapper,
    /// The number of the next name.
    fresh: usize,
    /// Whether the statements stand in a loop over a run-time length, which allows no jump.
    open_loop: usize,
    /// How many loops stand around.
    loops: usize,
    /// The statements that may still be written.
    budget: usize,
    /// Whether `return` is possible here.
    may_return: bool,
    /// Whether `?` is the function's.
    may_ask: bool,
    out_parameters: bool,
    variant: Variant,
    /// Whether functions of whole matrices are written.
    linalg: bool,
    /// What the options say, as the program has it.
    at: Option<(String, f64)>,
    varied: Vec<String>,
    loss: Option<(&'static str, f64)>,
}

/// Which transformation that must not matter is applied to what jac compiles.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Variant {
    None,
    /// Loops of known length unrolled by hand.
    Unrolled,
    /// Closures and helpers written in by hand.
    Inlined,
    /// Independent statements in another order.
    Reordered,
    /// Other names.
    Renamed,
}

impl Writer {
    fn name(&mut self, stem: &str) -> String {
        self.fresh += 1;
        format!("{stem}{}", self.fresh)
    }

    /// Writes something whose choices belong together.
    fn span<T>(&mut self, write: impl FnOnce(&mut Writer) -> T) -> T {
        let start = self.c.made.len();
        let out = write(self);
        self.c.spans.push((start, self.c.made.len()));
        out
    }

    /// What is declared inside is gone afterwards.
    fn scope<T>(&mut self, write: impl FnOnce(&mut Writer) -> T) -> T {
        let marks = (self.vars.len(), self.indices.len(), self.integers.len(), self.calls.len());
        // it may be a closure, which `?` would leave
        let saved = std::mem::replace(&mut self.may_ask, false);
        let out = write(self);
        self.may_ask = saved;
        self.vars.truncate(marks.0);
        self.indices.truncate(marks.1);
        self.integers.truncate(marks.2);
        self.calls.truncate(marks.3);
        out
    }

    fn declare(&mut self, text: &str, ty: Ty, mutable: bool) {
        self.vars.push(Var { text: text.to_owned(), ty, mutable, reference: false });
    }

    /// `a op= b`, or as a type parameter has to write it. Elements of an ndarray are borrowed while they change, so
    /// what is read from the same array is read before.
    fn update(&self, place: &str, op: &str, value: &str) -> String {
        let name = place.split('[').next().unwrap_or_default();
        let same = place.contains('[') && statements::identifiers(value).any(|i| i == name);
        let (before, value) = if same { (format!("let value: 𝔽 = {value};\n"), "value") } else { (String::new(), value) };
        if self.float == Float::Generic {
            format!("{before}{place} = {place} {op} {value};\n")
        } else {
            format!("{before}{place} {op}= {value};\n")
        }
    }

    /// The text of a length, if there is one in scope.
    fn length(&self, len: Len) -> String {
        match len {
            Len::Known(n) => n.to_string(),
            open => self.lengths.iter().find(|(l, _)| *l == open).map(|(_, t)| t.clone()).expect("lengths of types in scope are in scope"),
        }
    }
}

/// The program of these choices.
pub fn program(choices: Choices) -> Program {
    function::program(choices)
}
