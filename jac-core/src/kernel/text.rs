//! The text form of kernels, for people and tests.

use super::{Buffer, Home, Init, Kernel, Layout, Local, Stmt, Value};
use crate::ir::{Affine, Symbol};
use crate::ops::Syntax;
use std::fmt::Write as _;

impl Kernel<'_> {
    /// The kernel as text: its buffers, then its statements, a line each.
    pub fn to_text(&self) -> String {
        let mut out = format!("kernel {}\n", self.program.name);
        let mut used = vec![false; self.buffers.len()];
        self.results().for_each(|b| used[b.0 as usize] = true);
        super::each_statement(&self.body, &mut |statement| {
            let (read, written) = statement.wholes();
            let reads = statement.values().into_iter().flat_map(Value::reads).map(|(b, _)| b);
            let stored = if let Stmt::Store { to, .. } = statement { Some(*to) } else { None };
            reads.chain(read).chain(written).chain(stored).for_each(|b| used[b.0 as usize] = true);
        });
        for (k, info) in self.buffers.iter().enumerate().filter(|(k, _)| used[*k]) {
            let layout = match info.layout {
                Layout::Scalar => "scalar",
                Layout::Nested => "nested",
                Layout::Columns => "columns",
                Layout::Moved => "moved",
                Layout::Flat => "flat",
                Layout::Library => "library",
            };
            let home = match &info.home {
                Home::Input => "input".to_owned(),
                Home::Local => "local".to_owned(),
                Home::Returned => "returned".to_owned(),
                Home::Memory => "memory".to_owned(),
                Home::Array => "array".to_owned(),
                Home::Matrix => "matrix".to_owned(),
                Home::View { of, at, mutable } => {
                    format!("{} {}{}", if *mutable { "part" } else { "view" }, self.name(*of), self.places(at))
                }
                Home::Rows(of) => format!("rows {}", self.name(*of)),
                Home::Next(of) => format!("next {}", self.name(*of)),
            };
            let carried = if info.carried { " carried" } else { "" };
            let _ = writeln!(out, "buffer {}: {} {layout} {home}{carried}", self.name(Buffer(k as u32)), self.places(&info.shape));
        }
        self.statements(&self.body, 0, &mut out);
        out
    }

    fn statements(&self, body: &[Stmt], depth: usize, out: &mut String) {
        for statement in body {
            self.statement(statement, depth, out);
        }
    }

    fn statement(&self, statement: &Stmt, depth: usize, out: &mut String) {
        let indent = "  ".repeat(depth);
        let line = match statement {
            Stmt::Let(local, value) => format!("let {} = {}", self.local(*local), self.value(value, 0)),
            Stmt::SinCos([sin, cos], value) => {
                format!("let {}, {} = sin_cos({})", self.local(*sin), self.local(*cos), self.value(value, 0))
            }
            Stmt::Branch(local, condition, arms) => {
                let _ = writeln!(out, "{indent}let {} = if {} {{", self.local(*local), self.value(condition, 0));
                for (k, (inner, value)) in arms.iter().enumerate() {
                    self.statements(inner, depth + 1, out);
                    let end = if k == 0 { "} else {" } else { "}" };
                    let _ = writeln!(out, "{indent}  {}\n{indent}{end}", self.value(value, 0));
                }
                return;
            }
            Stmt::Sum(local) => format!("sum {}", self.local(*local)),
            Stmt::Add(local, value) => format!("{} += {}", self.local(*local), self.value(value, 0)),
            Stmt::Dot(local, [a, b]) => format!("let {} = dot({}, {})", self.local(*local), self.name(*a), self.name(*b)),
            Stmt::For(i, inner) => {
                let (i, length) = (self.affine(&Affine::from(*i)), self.affine(self.program.length(*i)));
                return self.block(&format!("for {i} < {length}"), inner, depth, out);
            }
            Stmt::If(condition, inner) => return self.block(&format!("if {}", self.value(condition, 0)), inner, depth, out),
            Stmt::Piece(inner, results) => {
                let results: Vec<&str> = results.iter().map(|r| self.local(*r)).collect();
                return self.block(&format!("piece {}", results.join(", ")), inner, depth, out);
            }
            Stmt::Declare(b, init) => {
                let init = match init {
                    Init::Zeros => " = zeros".to_owned(),
                    Init::Unset => String::new(),
                    Init::Fill(value) => format!(" = {}", self.value(value, 0)),
                    Init::Values(values) => {
                        format!(" = [{}]", values.iter().map(|v| self.value(v, 0)).collect::<Vec<String>>().join(", "))
                    }
                };
                format!("new {}{init}", self.name(*b))
            }
            Stmt::Together(all) => format!("new {} = zeros", self.names(all)),
            Stmt::Clear(b) => format!("clear {}", self.name(*b)),
            Stmt::Store { to, at, value, add } => {
                format!("{}{} {} {}", self.name(*to), self.places(at), if *add { "+=" } else { "=" }, self.value(value, 0))
            }
            Stmt::Swap([a, b]) => format!("swap {}, {}", self.name(*a), self.name(*b)),
            Stmt::Assign(to, from) => format!("{} = {}", self.name(*to), self.name(*from)),
            Stmt::Product(to, factors) => {
                let [a, b] = factors.map(|(b, transposed)| format!("{}{}", self.name(b), if transposed { "ᵀ" } else { "" }));
                format!("{} = {a}·{b}", self.name(*to))
            }
            Stmt::Factor(b, kind) => format!("factor {} by {kind}", self.name(*b)),
            Stmt::Intrinsic(to, f, arguments) => format!("{} = {}({})", self.name(*to), f.entry().name, self.names(arguments)),
        };
        let _ = writeln!(out, "{indent}{line}");
    }

    fn block(&self, head: &str, inner: &[Stmt], depth: usize, out: &mut String) {
        let indent = "  ".repeat(depth);
        let _ = writeln!(out, "{indent}{head} {{");
        self.statements(inner, depth + 1, out);
        let _ = writeln!(out, "{indent}}}");
    }

    fn local(&self, local: Local) -> &str {
        &self.locals[local.0 as usize].name
    }

    fn name(&self, b: Buffer) -> &str {
        &self.info(b).name
    }

    fn names(&self, all: &[Buffer]) -> String {
        all.iter().map(|b| self.name(*b)).collect::<Vec<&str>>().join(", ")
    }

    fn affine(&self, a: &Affine) -> String {
        a.display(&|s| match s {
            Symbol::Index(i) => format!("i{}", i.0),
            Symbol::Size(n) => self.program.size_name(n).to_owned(),
            Symbol::Bound(k) => format!("#{k}"),
        })
    }

    fn places(&self, at: &[Affine]) -> String {
        format!("[{}]", at.iter().map(|a| self.affine(a)).collect::<Vec<String>>().join(", "))
    }

    /// A value, in parentheses if it binds less strongly.
    fn value(&self, value: &Value, strength: u8) -> String {
        let (text, own) = match value {
            Value::Const(x) => (x.to_string(), 9),
            Value::Integer(a) => (format!("float({})", self.affine(a)), 9),
            Value::Read(b, at) if at.is_empty() => (self.name(*b).to_owned(), 9),
            Value::Read(b, at) => (format!("{}{}", self.name(*b), self.places(at)), 9),
            Value::Local(local) => (self.local(*local).to_owned(), 9),
            Value::Apply(op, args) => match (op.entry().syntax, args.as_slice()) {
                (Syntax::Infix(symbol, own), [a, b]) => (format!("{} {symbol} {}", self.value(a, own), self.value(b, own + 1)), own),
                (Syntax::Prefix(symbol), [a]) => (format!("{symbol}{}", self.value(a, 8)), 7),
                _ => {
                    let args: Vec<String> = args.iter().map(|a| self.value(a, 0)).collect();
                    (format!("{}({})", op.name(), args.join(", ")), 9)
                }
            },
        };
        if own < strength {
            format!("({text})")
        } else {
            text
        }
    }
}
