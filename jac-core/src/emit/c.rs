//! Kernels as C99: another target than Rust, for functions whose arrays have known lengths.
//!
//! `void f_jacobian(const double *x, double a, double *J)`: arrays are pointers to their elements, row-major, numbers are
//! passed by value, and results are written through pointers, in the order of the Rust function's. Compile without
//! contraction (`-ffp-contract=off`) to get the numbers that Rust gets. Names of the function's that C has for itself end
//! in an underscore.

use crate::interface::Results;
use crate::ir::{Affine, Float, Index, Map, Program, Role, SizeKind, Symbol, Tensor};
use crate::kernel::{Buffer, Home, Init, Kernel, Layout, Local, Signature, Stmt, Value};
use crate::ops::{Op, Syntax};
use std::fmt::Write as _;

/// What a file of such functions begins with.
pub const HEADER: &str = "#include <math.h>\n#include <stdbool.h>\n#include <stdint.h>\n";

/// What C says of the memory that a function gets: results are written, arrays are flat.
pub fn layouts(program: &Program) -> Signature {
    let layout = |t: Tensor| (t, if program.info(t).shape.is_empty() { Layout::Scalar } else { Layout::Flat });
    Signature {
        layouts: program.params().chain(program.definitions.iter().map(|d| d.tensor)).map(layout).collect(),
        results: Results::Written,
        in_place: false,
        reorders: false,
    }
}

/// A function of C.
///
/// # Errors
/// What of the kernel C has no words for: run-time lengths, products and factors of matrices, constants from outside.
pub fn function(name: &str, kernel: &Kernel<'_>) -> Result<String, String> {
    let program = kernel.program;
    if let Some(b) = kernel.buffers.iter().find(|b| b.shape.iter().any(|n| n.known().is_none())) {
        return Err(format!("`{}` has a length that is known only at run time", b.name));
    }
    let mut printer = Printer { kernel, names: Map::default(), indices: Map::default(), depth: 1, out: String::new() };
    let float = printer.float();
    let mut params = Vec::new();
    for size in &program.sizes {
        match size.kind {
            SizeKind::Integer => params.push(format!("int64_t {}", printer.name(&size.name))),
            SizeKind::Axis | SizeKind::Item => return Err(format!("`{}` is a length that is known only at run time", size.name)),
        }
    }
    for t in program.params() {
        let (info, name) = (program.info(t), printer.name(&program.info(t).name));
        if program.lazy.contains(&t) {
            return Err(format!("`{}` is a constant from outside", info.name));
        }
        params.push(match (info.role, info.shape.as_slice()) {
            (Role::Truth, _) => format!("bool {name}"),
            (_, []) => format!("{float} {name}"),
            _ => format!("const {float} *{name}"),
        });
    }
    // a result that is written in place has the name of its parameter
    let mut assigned = Vec::new();
    for (k, b) in kernel.results().enumerate() {
        let name = printer.name(&kernel.info(b).name);
        if kernel.info(b).home == Home::Memory {
            params.push(format!("{float} *{name}"));
        } else {
            let place = printer.name(&format!("{}_{k}_out", kernel.info(b).name));
            params.push(format!("{float} *{place}"));
            assigned.push((b, place));
        }
    }
    printer.statements(&kernel.body)?;
    for (b, place) in assigned {
        let name = printer.buffer(b);
        match kernel.info(b).layout {
            Layout::Scalar => printer.line(&format!("*{place} = {name};")),
            _ => printer.copy(&place, &name, printer.count(b)),
        }
    }
    Ok(format!("void {}({}) {{\n{}}}\n", mangled(name), params.join(", "), printer.out))
}

/// The words of C99, and of the headers above, that a variable may not hide.
const RESERVED: &str = "auto break case char const continue default do double else enum extern float for goto if inline int long \
                        register restrict return short signed sizeof static struct switch typedef union unsigned void volatile \
                        while bool true false main int64_t INFINITY NAN";

fn mangled(name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c.to_string() } else { format!("u{:x}_", u32::from(c)) };
    let name: String = name.trim_start_matches("r#").chars().map(letter).collect();
    let is_function = |op: &Op| {
        let function = op.entry().c.split('(').next().unwrap_or_default();
        name.strip_prefix(function).is_some_and(|rest| !function.is_empty() && matches!(rest, "" | "f"))
    };
    match RESERVED.split_whitespace().any(|word| word == name) || Op::ALL.iter().any(is_function) {
        true => name + "_",
        false => name,
    }
}

struct Printer<'k> {
    kernel: &'k Kernel<'k>,
    /// What names of the kernel are in C.
    names: Map<String, String>,
    indices: Map<Index, String>,
    depth: usize,
    out: String,
}

type Done = Result<(), String>;

impl Printer<'_> {
    fn float(&self) -> &'static str {
        match self.kernel.float() {
            Float::F64 => "double",
            Float::F32 => "float",
        }
    }

    /// The name in C, which differs from those of other names.
    fn name(&mut self, name: &str) -> String {
        if let Some(known) = self.names.get(name) {
            return known.clone();
        }
        let mut own = mangled(name);
        while self.names.values().any(|n| *n == own) {
            own.push('_');
        }
        self.names.insert(name.to_owned(), own.clone());
        own
    }

    fn buffer(&mut self, b: Buffer) -> String {
        let name = self.kernel.info(b).name.clone();
        // parts of a buffer may have one name, which Rust takes for the nearest
        let before = &self.kernel.buffers[..b.0 as usize];
        match before.iter().any(|other| other.name == name) {
            true => self.name(&format!("{name}_{}", b.0)),
            false => self.name(&name),
        }
    }

    fn local(&mut self, local: Local) -> String {
        let name = self.kernel.locals[local.0 as usize].name.clone();
        self.name(&name)
    }

    fn line(&mut self, line: &str) {
        let _ = writeln!(self.out, "{}{line}", "    ".repeat(self.depth));
    }

    fn block(&mut self, head: &str, inner: &[Stmt]) -> Done {
        self.line(&format!("{head} {{"));
        self.depth += 1;
        self.statements(inner)?;
        self.depth -= 1;
        self.line("}");
        Ok(())
    }

    /// The number of elements of a buffer.
    fn count(&self, b: Buffer) -> i64 {
        self.kernel.info(b).shape.iter().filter_map(Affine::known).product()
    }

    fn each(&mut self, count: i64, statement: impl Fn(&str) -> String) {
        let is_free = |k: &String| !self.names.values().any(|n| n == k);
        let k = (1..).map(|n| "k".repeat(n)).find(is_free).expect("some name is free");
        self.line(&format!("for (int64_t {k} = 0; {k} < {count}; {k}++) {}", statement(&k)));
    }

    fn copy(&mut self, to: &str, from: &str, count: i64) {
        self.each(count, |k| format!("{to}[{k}] = {from}[{k}];"));
    }

    fn statements(&mut self, body: &[Stmt]) -> Done {
        body.iter().try_for_each(|s| self.statement(s))
    }

    fn statement(&mut self, statement: &Stmt) -> Done {
        let float = self.float();
        match statement {
            Stmt::Let(local, value) => {
                let (ty, name, value) = (self.ty(*local), self.local(*local), self.value(value, 0));
                self.line(&format!("const {ty} {name} = {value};"));
            }
            Stmt::SinCos(both, argument) => {
                for (local, op) in both.iter().zip([Op::Sin, Op::Cos]) {
                    let (name, value) = (self.local(*local), self.operation(op, std::slice::from_ref(argument), 0));
                    self.line(&format!("const {float} {name} = {value};"));
                }
            }
            Stmt::Branch(local, condition, arms) => {
                let (ty, name, condition) = (self.ty(*local), self.local(*local), self.value(condition, 0));
                self.line(&format!("{ty} {name};"));
                self.line(&format!("if ({condition}) {{"));
                for (k, (inner, value)) in arms.iter().enumerate() {
                    self.depth += 1;
                    self.statements(inner)?;
                    let value = self.value(value, 0);
                    self.line(&format!("{name} = {value};"));
                    self.depth -= 1;
                    self.line(if k == 0 { "} else {" } else { "}" });
                }
            }
            Stmt::Sum(local) => {
                let (name, zero) = (self.local(*local), self.number(0.0));
                self.line(&format!("{float} {name} = {zero};"));
            }
            Stmt::Add(local, value) => {
                let (name, value) = (self.local(*local), self.value(value, 0));
                self.line(&format!("{name} += {value};"));
            }
            Stmt::For(i, inner) => {
                let length = self.affine(self.kernel.program.length(*i));
                let name = self.name(&format!("i{}", self.indices.len()));
                self.indices.insert(*i, name.clone());
                self.block(&format!("for (int64_t {name} = 0; {name} < {length}; {name}++)"), inner)?;
                self.indices.swap_remove(i);
            }
            Stmt::If(condition, inner) => {
                let condition = self.value(condition, 0);
                self.block(&format!("if ({condition})"), inner)?;
            }
            // names are unique in a block, and C has no limit to its length
            Stmt::Piece(inner, _) => self.statements(inner)?,
            Stmt::Declare(b, init) => self.declare(*b, init),
            Stmt::Clear(b) => self.fill(*b, 0.0),
            Stmt::Store { to, at, value, add } => {
                let (target, value) = (self.element(*to, at), self.value(value, 0));
                self.line(&format!("{target} {} {value};", if *add { "+=" } else { "=" }));
            }
            Stmt::Assign(to, from) => {
                let (to_name, from_name) = (self.buffer(*to), self.buffer(*from));
                match self.kernel.info(*to).layout {
                    Layout::Scalar => self.line(&format!("{to_name} = {from_name};")),
                    _ => self.copy(&to_name, &from_name, self.count(*to)),
                }
            }
            Stmt::Swap([state, _]) => return Err(format!("`{}` is a state of a run-time length", self.kernel.info(*state).name)),
            Stmt::Together(all) => all.iter().for_each(|b| self.declare(*b, &Init::Zeros)),
            Stmt::Dot(..) => return Err("a sum of products along rows of run-time lengths".to_owned()),
            Stmt::Product(b, _) | Stmt::Factor(b, _) | Stmt::Intrinsic(b, ..) => {
                return Err(format!("`{}` needs a library for products or factors of matrices", self.kernel.info(*b).name))
            }
        }
        Ok(())
    }

    fn ty(&self, local: Local) -> &'static str {
        if self.kernel.locals[local.0 as usize].truth {
            "bool"
        } else {
            self.float()
        }
    }

    fn fill(&mut self, b: Buffer, x: f64) {
        let (name, x, count) = (self.buffer(b), self.number(x), self.count(b));
        self.each(count, |k| format!("{name}[{k}] = {x};"));
    }

    fn declare(&mut self, b: Buffer, init: &Init) {
        let (float, name, count, info) = (self.float(), self.buffer(b), self.count(b), self.kernel.info(b));
        match (&info.home, init) {
            (Home::View { of, at, mutable }, _) => {
                let (of_name, start) = (self.buffer(*of), self.flat(*of, at));
                let constant = if *mutable { "" } else { "const " };
                self.line(&format!("{constant}{float} *{name} = {of_name} + {start};"));
            }
            (Home::Rows(of), _) => {
                let of = self.buffer(*of);
                self.line(&format!("{float} *{name} = {of};"));
            }
            (Home::Next(rows), _) => {
                let rows = self.buffer(*rows);
                self.line(&format!("{float} *{name} = {rows};"));
                self.line(&format!("{rows} += {count};"));
            }
            (Home::Memory, Init::Unset) => {}
            (Home::Memory, Init::Zeros) => self.fill(b, 0.0),
            (home, Init::Fill(value)) => {
                let value = self.value(value, 0);
                if info.layout == Layout::Scalar {
                    return self.line(&format!("{float} {name} = {value};"));
                }
                if *home != Home::Memory {
                    self.line(&format!("{float} {name}[{}];", count.max(1)));
                }
                self.each(count, |k| format!("{name}[{k}] = {value};"));
            }
            (_, Init::Values(values)) => {
                let values: Vec<String> = values.iter().map(|v| self.value(v, 0)).collect();
                self.line(&format!("const {float} {name}[{}] = {{{}}};", count.max(1), values.join(", ")));
            }
            (_, Init::Zeros | Init::Unset) => self.line(&format!("{float} {name}[{}] = {{0}};", count.max(1))),
        }
    }

    fn element(&mut self, b: Buffer, at: &[Affine]) -> String {
        let name = self.buffer(b);
        match self.kernel.info(b).layout {
            Layout::Scalar => name,
            _ => format!("{name}[{}]", self.flat(b, at)),
        }
    }

    /// The row-major position of an element, or of the first one behind fewer positions than axes.
    fn flat(&self, b: Buffer, at: &[Affine]) -> String {
        let shape: Vec<i64> = self.kernel.info(b).shape.iter().filter_map(Affine::known).collect();
        let mut flat = Affine::default();
        for (axis, n) in shape.iter().enumerate() {
            flat = flat.times(*n);
            if let Some(a) = at.get(axis) {
                flat = flat.plus(a, 1);
            }
        }
        self.affine(&flat)
    }

    fn symbol(&self, s: Symbol) -> String {
        match s {
            Symbol::Index(i) => self.indices[&i].clone(),
            Symbol::Size(n) => self.names[self.kernel.program.size_name(n)].clone(),
            Symbol::Bound(_) => unreachable!("the sums of a kernel are loops"),
        }
    }

    /// An integer.
    fn affine(&self, a: &Affine) -> String {
        let term = |(s, c): &(Symbol, i64)| match c {
            1 => self.symbol(*s),
            c => format!("{c} * {}", self.symbol(*s)),
        };
        let constant = (a.constant() != 0 || a.terms().is_empty()).then(|| a.constant().to_string());
        let terms: Vec<String> = a.terms().iter().map(term).chain(constant).collect();
        terms.join(" + ").replace("+ -", "- ")
    }

    fn number(&self, x: f64) -> String {
        let infinite = || if x < 0.0 { "-INFINITY".to_owned() } else { "INFINITY".to_owned() };
        match self.kernel.float() {
            _ if x.is_nan() => "NAN".to_owned(),
            Float::F64 if x.is_finite() => format!("{x:?}"),
            Float::F32 if (x as f32).is_finite() => format!("{:?}f", x as f32),
            Float::F64 | Float::F32 => infinite(),
        }
    }

    /// A value, in parentheses if it binds less strongly.
    fn value(&mut self, value: &Value, strength: u8) -> String {
        match value {
            Value::Const(x) if *x < 0.0 && strength > 0 => format!("({})", self.number(*x)),
            Value::Const(x) => self.number(*x),
            // each symbol is converted alone, as in Rust: a difference may be negative
            Value::Integer(a) => format!("({})({})", self.float(), self.affine(a)),
            Value::Local(local) => self.local(*local),
            Value::Read(b, at) => self.element(*b, at),
            Value::Apply(op, args) => self.operation(*op, args, strength),
        }
    }

    fn operation(&mut self, op: Op, args: &[Value], strength: u8) -> String {
        let entry = op.entry();
        let single = matches!(self.kernel.float(), Float::F32);
        let parenthesise = |text: String, own: u8| if own < strength { format!("({text})") } else { text };
        match entry.syntax {
            Syntax::Infix("%", _) => {
                let (a, b) = (self.value(&args[0], 0), self.value(&args[1], 0));
                format!("fmod{}({a}, {b})", if single { "f" } else { "" })
            }
            Syntax::Infix(symbol, own) => {
                // positions are compared as integers
                let integers: Option<Vec<String>> =
                    entry.truth.then(|| args.iter().map(|a| a.as_position().map(|a| self.affine(&a))).collect()).flatten();
                let text = match integers {
                    Some(sides) => format!("{} {symbol} {}", sides[0], sides[1]),
                    // compilers warn of `a && b || c`
                    None if op == Op::Or => format!("{} {symbol} {}", self.value(&args[0], 3), self.value(&args[1], 3)),
                    None => {
                        format!("{} {symbol} {}", self.value(&args[0], if own == 3 { own + 1 } else { own }), self.value(&args[1], own + 1))
                    }
                };
                parenthesise(text, own)
            }
            // `- -x` would read as a decrement
            Syntax::Prefix(symbol) => parenthesise(format!("{symbol}{}", self.value(&args[0], 9)), 7),
            Syntax::Select => {
                let (c, a, b) = (self.value(&args[0], 1), self.value(&args[1], 1), self.value(&args[2], 1));
                parenthesise(format!("{c} ? {a} : {b}"), 0)
            }
            Syntax::Keep => self.value(&args[0], strength),
            Syntax::Method => {
                let args: Vec<String> = args.iter().map(|a| self.value(a, 0)).collect();
                // a function of C may take constants before its arguments
                let (name, first) = entry.c.split_once('(').unwrap_or((entry.c, ""));
                format!("{name}{}({first}{})", if single { "f" } else { "" }, args.join(", "))
            }
        }
    }
}
