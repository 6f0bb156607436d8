//! The text form: every program prints, and what is printed parses back to the same program.
//!
//! ```text
//! fn layer(a: [m, n], x: [n]) wrt x -> y
//! z[i: m] = sum[j: n](a[i, j] * x[j])
//! y[i: m] = tanh(z[i])
//! ```
//!
//! A definition with an element a line (`t: [2]`, then `t[0] = …`) leaves out its zeros. A `let`
//! names a node that is used more than once; it does not change the meaning.

use super::affine::{Affine, Index, Size, Symbol};
use super::constant::Constant;
use super::expr::{Arena, Expr, Map, Node, Set, Tensor};
use super::program::{lengths, positions, units, Block, Body, Definition, Float, Program, Role, SizeKind, SizeVar, TensorInfo};
use crate::ops::{Intrinsic, Op, Syntax};
use std::borrow::Cow;
use std::fmt::Write;

/// Names of index variables, in the order they are given out.
const INDEX_NAMES: [&str; 11] = ["i", "j", "k", "l", "p", "q", "r", "s", "u", "v", "w"];

/// Binding strength of a method call or a name.
const ATOM: u8 = 9;
/// Binding strength of a prefix operator.
const PREFIX: u8 = 6;
/// Expressions nested deeper than this are cut into `let`s.
const DEPTH: u32 = 40;

/// How to print.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Notation {
    /// The text form, which parses back.
    Text,
    /// As a formula for people: `δ(i,k)·m[l,j]`.
    Formula,
}

impl Program {
    /// The text form.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        let generics: Vec<&str> = self.sizes.iter().filter(|s| s.kind == SizeKind::Item).map(|s| s.name.as_str()).collect();
        let mut params: Vec<String> = Vec::new();
        for t in self.params() {
            let info = self.info(t);
            let shape: Vec<String> = info.shape.iter().map(|n| self.affine(n, &|_| unreachable!("a length has no index"))).collect();
            params.push(match info.role {
                Role::Truth => format!("{}: bool", info.name),
                _ => format!("{}: [{}]", info.name, shape.join(", ")),
            });
        }
        params.extend(self.sizes.iter().filter(|s| s.kind == SizeKind::Integer).map(|s| format!("{}: int", s.name)));
        if self.float == Float::F32 {
            out += "f32 ";
        }
        out += "fn ";
        out += &self.name;
        if !generics.is_empty() {
            let _ = write!(out, "<{}>", generics.join(", "));
        }
        let _ = write!(out, "({})", params.join(", "));
        let names = |ts: &[Tensor]| ts.iter().map(|t| self.info(*t).name.clone()).collect::<Vec<_>>().join(", ");
        if !self.wrt.is_empty() {
            let _ = write!(out, " wrt {}", names(&self.wrt));
        }
        if !self.outputs.is_empty() {
            let _ = write!(out, " -> {}", names(&self.outputs));
        }
        out.push('\n');
        for line in Printer::new(&self.with_named_sums(), Notation::Text).definitions() {
            out += &line;
            out.push('\n');
        }
        for b in &self.blocks {
            let _ = writeln!(out, "block {}: {} by {}", self.info(b.tensor).name, b.output, self.info(b.input).name);
        }
        out
    }

    /// The definitions as formulas for people, a line each.
    pub fn to_formulas(&self) -> Vec<String> {
        Printer::new(&self.with_named_sums(), Notation::Formula).definitions()
    }

    /// The program as it is printed: with a name for the index of every sum.
    fn with_named_sums(&self) -> Cow<'_, Program> {
        let roots = self.roots();
        if !self.arena.reachable(roots.iter().copied()).iter().any(|e| matches!(self.arena[*e], Node::Sum(..))) {
            return Cow::Borrowed(self);
        }
        let mut named = self.clone();
        let roots = named.named_sums(&roots);
        named.set_roots(&roots);
        Cow::Owned(named)
    }

    /// Prints an affine expression in the program's names.
    pub fn affine(&self, a: &Affine, index: &dyn Fn(Index) -> String) -> String {
        a.display(&|s| match s {
            Symbol::Index(i) => index(i),
            Symbol::Bound(k) => format!("#{k}"),
            Symbol::Size(s) => self.size_name(s).to_owned(),
        })
    }
}

struct Printer<'a> {
    program: &'a Program,
    notation: Notation,
    uses: Vec<u32>,
    named: Map<Expr, String>,
    index_names: Map<Index, String>,
    taken: Set<String>,
    fresh: usize,
}

impl<'a> Printer<'a> {
    fn new(program: &'a Program, notation: Notation) -> Self {
        let mut uses = vec![0; program.arena.len()];
        let roots = program.roots();
        let order = program.arena.reachable(roots.iter().copied());
        for e in &order {
            for c in program.arena[*e].children() {
                uses[c.at()] += 1;
            }
        }
        for e in roots {
            uses[e.at()] += 1;
        }
        let defined = program.definitions.iter().map(|d| d.tensor);
        let taken = program
            .params()
            .chain(defined)
            .map(|t| program.info(t).name.clone())
            .chain(program.sizes.iter().map(|s| s.name.clone()))
            .collect();
        Printer { program, notation, uses, named: Map::default(), index_names: Map::default(), taken, fresh: 0 }
    }

    fn definitions(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        let keyword = if self.notation == Notation::Text { "let " } else { "" };
        for unit in units(&self.program.definitions) {
            let d = &unit[0];
            let info = self.program.info(d.tensor);
            let mut lets = Vec::new();
            match &d.body {
                Body::Each(indices, e) => {
                    self.each("", &info.name, indices, *e, &mut lines);
                    self.index_names.clear();
                }
                Body::Recurrence { over, .. } => {
                    let name = self.name_index(*over);
                    let binder = self.binder(*over, &name);
                    let loop_line = format!("loop {binder}");
                    let mut inside = Vec::new();
                    for (part, prefix) in [(0, "first "), (1, "next ")] {
                        for d in unit {
                            let Body::Recurrence { indices, parts, .. } = &d.body else { continue };
                            let name = self.program.info(d.tensor).name.clone();
                            self.each(prefix, &name, indices, parts[part], &mut inside);
                            self.index_names.retain(|i, _| i == over);
                        }
                    }
                    lines.push(loop_line);
                    lines.extend(inside);
                    self.index_names.clear();
                }
                Body::Intrinsic(f, arguments) => {
                    let arguments: Vec<&str> = arguments.iter().map(|t| self.program.info(*t).name.as_str()).collect();
                    lines.push(format!("{} = {}({})", info.name, f.entry().name, arguments.join(", ")));
                }
                Body::Elements(es) => {
                    self.scope(es, &Set::default(), &mut lets);
                    lines.extend(lets.drain(..).map(|(n, e)| format!("{keyword}{n} = {e}")));
                    let shape = lengths(&info.shape);
                    if self.notation == Notation::Text {
                        lines.push(format!("{}: [{}]", info.name, join(&shape)));
                    }
                    for (at, e) in positions(&shape).zip(es) {
                        if !self.program.arena.is(*e, 0) {
                            let at = if at.is_empty() && self.notation == Notation::Formula {
                                String::new()
                            } else {
                                format!("[{}]", join(&at))
                            };
                            lines.push(format!("{}{at} = {}", info.name, self.print(*e, 0)));
                        }
                    }
                }
            }
        }
        lines
    }

    /// The lines of `prefix name[indices] = e`.
    fn each(&mut self, prefix: &str, name: &str, indices: &[Index], e: Expr, lines: &mut Vec<String>) {
        let keyword = if self.notation == Notation::Text { "let " } else { "" };
        let mut lets = Vec::new();
        self.scope(&[e], &Set::default(), &mut lets);
        lines.extend(lets.drain(..).map(|(n, e)| format!("{keyword}{n} = {e}")));
        let names: Vec<String> = indices.iter().map(|i| self.name_index(*i)).collect();
        let binders: Vec<String> = indices.iter().zip(&names).map(|(i, n)| self.binder(*i, n)).collect();
        self.scope(&[e], &self.index_names.keys().copied().collect(), &mut lets);
        let body = self.print(e, 0);
        let head = if indices.is_empty() { name.to_owned() } else { format!("{name}[{}]", binders.join(", ")) };
        if lets.is_empty() {
            lines.push(format!("{prefix}{head} = {body}"));
        } else {
            lines.push(format!("{prefix}{head} ="));
            lines.extend(lets.iter().map(|(n, e)| format!("    {keyword}{n} = {e}")));
            lines.push(format!("    {body}"));
        }
    }

    fn binder(&self, i: Index, name: &str) -> String {
        match self.notation {
            Notation::Text => format!("{name}: {}", self.affine(self.program.length(i))),
            Notation::Formula => name.to_owned(),
        }
    }

    fn affine(&self, a: &Affine) -> String {
        self.program.affine(a, &|i| self.index_names.get(&i).cloned().unwrap_or_else(|| format!("?{}", i.0)))
    }

    fn name_index(&mut self, i: Index) -> String {
        let free = |n: &String| !self.taken.contains(n) && !self.index_names.values().any(|m| m == n);
        let name = INDEX_NAMES.iter().map(|n| (*n).to_owned()).chain((1..).map(|k| format!("i{k}"))).find(free).expect("some name is free");
        self.index_names.insert(i, name.clone());
        name
    }

    /// Names the nodes under `roots` that are worth a `let` here: shared, named by the user, or
    /// deep, and free of indices other than `available`.
    fn scope(&mut self, roots: &[Expr], available: &Set<Index>, lets: &mut Vec<(String, String)>) {
        let arena = &self.program.arena;
        let root_set: Set<Expr> = roots.iter().copied().collect();
        let mut depth: Map<Expr, u32> = Map::default();
        let order = arena.postorder(roots);
        // what depends on an index is shared within its scope only
        let mut inside: Map<Expr, u32> = Map::default();
        for e in order.iter().flat_map(|e| arena[*e].children()).chain(roots) {
            *inside.entry(*e).or_default() += 1;
        }
        for e in order {
            let inner = arena[e].children().iter().map(|c| depth[c]).max().unwrap_or(0);
            depth.insert(e, inner + 1);
            let Node::Apply(op, args) = &arena[e] else { continue };
            if self.named.contains_key(&e) {
                depth.insert(e, 0);
                continue;
            }
            // conditions of conditions may be long
            let joins = |e: &Expr| matches!(arena[*e], Node::Apply(Op::And | Op::Or, _));
            if op.entry().truth && !(joins(&e) && args.iter().any(joins)) || *op == Op::Neg && arena[args[0]].children().is_empty() {
                continue;
            }
            let user = self.program.names.get(&e);
            let uses = if self.program.arena.free_indices(e).is_empty() { self.uses[e.at()] } else { inside[&e] };
            let worth = uses > 1 || inner > DEPTH || user.is_some() && !root_set.contains(&e);
            if worth && self.program.arena.free_indices(e).iter().all(|i| available.contains(i)) {
                let text = self.print(e, 0);
                let name = self.fresh(user.map(String::as_str));
                lets.push((name.clone(), text));
                self.named.insert(e, name);
                depth.insert(e, 0);
            }
        }
    }

    fn fresh(&mut self, user: Option<&str>) -> String {
        if let Some(name) = user {
            let candidates = std::iter::once(name.to_owned()).chain((2..).map(|k| format!("{name}_{k}")));
            let mut open = candidates.filter(|n| {
                Op::named(n).is_none() && !["sum", "delta", "let", "float", "fn", "block", "loop", "first", "next"].contains(&n.as_str())
            });
            let name = open.find(|n| !self.taken.contains(n)).expect("some name is free");
            self.taken.insert(name.clone());
            return name;
        }
        loop {
            self.fresh += 1;
            let name = format!("t{}", self.fresh);
            if self.taken.insert(name.clone()) {
                return name;
            }
        }
    }

    fn print(&mut self, e: Expr, strength: u8) -> String {
        if let Some(name) = self.named.get(&e) {
            return name.clone();
        }
        let formula = self.notation == Notation::Formula;
        let program = self.program;
        match &program.arena[e] {
            Node::Const(c) => {
                let text = c.to_string();
                if formula {
                    return parenthesise(text.replace("//", "/"), if c.is_negative() { PREFIX } else { ATOM }, strength);
                }
                parenthesise(text, if c.is_negative() { PREFIX } else { ATOM }, strength)
            }
            Node::Integer(a) if formula => {
                parenthesise(self.affine(a), if a.terms().len() == 1 && a.constant() == 0 { ATOM } else { 4 }, strength)
            }
            Node::Integer(a) => format!("float({})", self.affine(a)),
            Node::Access(t, at) => {
                let at: Vec<String> = at.iter().map(|a| self.affine(a)).collect();
                let name = &program.info(*t).name;
                match (at.is_empty(), formula) {
                    (true, _) => name.clone(),
                    (false, true) => format!("{name}[{}]", at.join(",")),
                    (false, false) => format!("{name}[{}]", at.join(", ")),
                }
            }
            Node::Delta(a, b) => {
                let (mut x, mut y) = (self.affine(a), self.affine(b));
                // of two indices of one length, either may come first
                if a.as_index().zip(b.as_index()).is_some_and(|(i, j)| program.length(i) == program.length(j)) && y < x {
                    std::mem::swap(&mut x, &mut y);
                }
                if formula {
                    format!("δ({x},{y})")
                } else {
                    format!("delta({x}, {y})")
                }
            }
            Node::Bracket(c) => format!("[{}]", self.print(*c, 0)),
            Node::Sum(..) => unreachable!("sums are printed with names"),
            Node::Named(i, body) => {
                let name = self.name_index(*i);
                let binder = self.binder(*i, &name);
                let mut lets = Vec::new();
                let outer = self.named.len();
                let mut available: Set<Index> = self.index_names.keys().copied().collect();
                available.insert(*i);
                self.scope(&[*body], &available, &mut lets);
                let text = self.print(*body, 0);
                self.index_names.shift_remove(i);
                // another sum may be over the same index
                self.named.truncate(outer);
                let lets: String = lets.iter().map(|(n, e)| format!("let {n} = {e}; ")).collect();
                match formula {
                    true if lets.is_empty() => {
                        parenthesise(format!("Σ_{name} {}", self_parenthesised(&text, &program.arena, *body)), 5, strength)
                    }
                    _ => format!("sum[{binder}]({lets}{text})"),
                }
            }
            Node::Apply(op, args) => match op.entry().syntax {
                Syntax::Infix(symbol, own) => {
                    let left = self.print(args[0], own);
                    let right = self.print(args[1], own + 1);
                    let text = match (formula, symbol) {
                        (true, "*") => format!("{left}·{right}"),
                        (true, "/") => format!("{left}/{right}"),
                        (true, "-") => format!("{left} − {right}"),
                        _ => format!("{left} {symbol} {right}"),
                    };
                    parenthesise(text, own, strength)
                }
                Syntax::Prefix(symbol) => {
                    let symbol = if formula && symbol == "-" { "−" } else { symbol };
                    let inner = self.print(args[0], PREFIX);
                    parenthesise(format!("{symbol}{inner}"), PREFIX, strength)
                }
                Syntax::Keep if formula => self.print(args[0], strength),
                Syntax::Method | Syntax::Select | Syntax::Keep => {
                    if formula && *op == Op::Pow {
                        if let Some(n) = program.arena.as_const(args[1]).and_then(Constant::to_integer).filter(|n| (0..10).contains(n)) {
                            let digit = ["⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"][n as usize];
                            return format!("{}{digit}", self.print(args[0], ATOM));
                        }
                    }
                    let args: Vec<String> = args.iter().map(|a| self.print(*a, 0)).collect();
                    format!("{}({})", op.name(), args.join(", "))
                }
            },
        }
    }
}

fn self_parenthesised(text: &str, arena: &Arena, body: Expr) -> String {
    match arena.as_apply(body) {
        Some((Op::Add | Op::Sub, _)) => format!("({text})"),
        _ => text.to_owned(),
    }
}

fn parenthesise(text: String, own: u8, strength: u8) -> String {
    if own < strength {
        format!("({text})")
    } else {
        text
    }
}

fn join(at: &[usize]) -> String {
    at.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Parses a program from its text form.
///
/// # Errors
/// A message with the line it is about.
pub fn parse(text: &str) -> Result<Program, String> {
    let mut program = Program::default();
    let mut lines = text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()).peekable();
    let (_, head) = lines.next().ok_or("an empty text is no program")?;
    let rest = Header::parse(&mut program, head).map_err(|m| format!("line 1: {m}"))?;
    let mut scope = Scope::default();
    let mut blocks = Vec::new();
    while let Some((number, line)) = lines.next() {
        let mut body = Vec::new();
        while let Some((_, l)) = lines.next_if(|(_, l)| l.starts_with(' ')) {
            body.push(l);
        }
        line_of(&mut program, &mut scope, &mut blocks, line, &body).map_err(|m| format!("line {}: {m}", number + 1))?;
    }
    let find = |program: &Program, name: &str| {
        (0..program.tensors.len() as u32).map(Tensor).find(|t| program.info(*t).name == name).ok_or(format!("no tensor `{name}`"))
    };
    for name in rest.wrt {
        program.wrt.push(find(&program, &name)?);
    }
    for name in rest.outputs {
        program.outputs.push(find(&program, &name)?);
    }
    for (name, output, input) in blocks {
        program.blocks.push(Block { output, input: find(&program, &input)?, tensor: find(&program, &name)? });
    }
    Ok(program)
}

struct Header {
    wrt: Vec<String>,
    outputs: Vec<String>,
}

impl Header {
    fn parse(program: &mut Program, line: &str) -> Result<Header, String> {
        let mut p = Parser::new(program, line)?;
        if p.eat("f32") {
            p.program.float = Float::F32;
        }
        p.expect("fn")?;
        p.program.name = p.word()?;
        let size = |p: &mut Parser, name: String, kind| p.program.sizes.push(SizeVar { name, kind });
        if p.eat("<") {
            while !p.eat(">") {
                let name = p.word()?;
                size(&mut p, name, SizeKind::Item);
                p.eat(",");
            }
        }
        p.expect("(")?;
        while !p.eat(")") {
            let name = p.word()?;
            p.expect(":")?;
            if p.eat("int") {
                size(&mut p, name, SizeKind::Integer);
            } else if p.eat("bool") {
                p.program.tensors.push(TensorInfo { name, shape: Vec::new(), role: Role::Truth });
            } else {
                p.expect("[")?;
                let mut shape = Vec::new();
                while !p.eat("]") {
                    if let Some(Token::Word(w)) = p.peek() {
                        if !p.program.sizes.iter().any(|s| s.name == *w) {
                            let name = w.clone();
                            size(&mut p, name, SizeKind::Axis);
                        }
                    }
                    shape.push(p.affine()?);
                    p.eat(",");
                }
                p.program.tensors.push(TensorInfo { name, shape, role: Role::Param });
            }
            p.eat(",");
        }
        let mut rest = Header { wrt: Vec::new(), outputs: Vec::new() };
        if p.eat("wrt") {
            rest.wrt = p.words()?;
        }
        if p.eat("->") {
            rest.outputs = p.words()?;
        }
        p.end()?;
        Ok(rest)
    }
}

/// What the lines before have named.
#[derive(Default)]
struct Scope {
    lets: Map<String, Expr>,
    /// The index of the loop whose states are being defined.
    over: Option<(String, Index)>,
}

fn line_of(
    program: &mut Program,
    scope: &mut Scope,
    blocks: &mut Vec<(String, usize, String)>,
    line: &str,
    body: &[&str],
) -> Result<(), String> {
    let mut p = Parser::new(program, line)?;
    p.lets = std::mem::take(&mut scope.lets);
    if p.keyword("loop") {
        p.index()?;
        scope.over = p.indices.pop();
        p.end()?;
    } else if p.starts("first") || p.starts("next") {
        let first = p.eat("first") || !p.eat("next");
        let (label, over) = scope.over.clone().ok_or("a state outside a loop")?;
        p.indices.push((label, over));
        let name = p.word()?;
        let mut indices = p.binders()?;
        let known = p.program.tensors.iter().position(|t| t.name == name).map(|k| Tensor(k as u32));
        let definition = p.program.definitions.iter().position(|d| Some(d.tensor) == known);
        if let Some(Body::Recurrence { indices: own, .. }) = definition.map(|k| p.program.definitions[k].body.clone()) {
            // the second line is about the same indices
            for ((_, i), own) in p.indices[1..].iter_mut().zip(&own) {
                *i = *own;
            }
            indices = own;
        }
        let e = p.body(body)?;
        if first {
            let mut shape = vec![p.program.length(over).after()];
            shape.extend(indices.iter().map(|i| p.program.length(*i).clone()));
            p.program.tensors.push(TensorInfo { name, shape, role: Role::Defined });
            let tensor = Tensor(p.program.tensors.len() as u32 - 1);
            p.program.definitions.push(Definition { tensor, body: Body::Recurrence { over, indices, parts: [e, e] } });
        } else {
            match definition.map(|k| &mut p.program.definitions[k].body) {
                Some(Body::Recurrence { parts, .. }) => parts[1] = e,
                _ => return Err(format!("`{name}` has no first value")),
            }
        }
        p.end()?;
    } else if p.keyword("let") {
        p.binding()?;
        p.end()?;
    } else if p.keyword("block") {
        let name = p.word()?;
        p.expect(":")?;
        let output = p.integer()?;
        p.expect("by")?;
        blocks.push((name, output as usize, p.word()?));
        p.end()?;
    } else {
        let name = p.word()?;
        if p.eat(":") {
            p.expect("[")?;
            let mut shape = Vec::new();
            while !p.eat("]") {
                shape.push(Affine::from(p.integer()?));
                p.eat(",");
            }
            let count: i64 = shape.iter().filter_map(Affine::known).product();
            let zero = p.program.arena.constant(0);
            p.program.tensors.push(TensorInfo { name, shape, role: Role::Defined });
            let tensor = Tensor(p.program.tensors.len() as u32 - 1);
            p.program.definitions.push(Definition { tensor, body: Body::Elements(vec![zero; count as usize]) });
        } else if let Some(known) = p.program.tensors.iter().position(|t| t.name == name) {
            p.expect("[")?;
            let shape: Vec<i64> = p.program.tensors[known].shape.iter().filter_map(Affine::known).collect();
            let mut flat = 0;
            for n in shape {
                let at = p.integer()?;
                if !(0..n).contains(&at) {
                    return Err(format!("position {at} of {n}"));
                }
                flat = flat * n + at;
                p.eat(",");
            }
            p.expect("]")?;
            p.expect("=")?;
            let e = p.expr(0)?;
            let tensor = Tensor(known as u32);
            let definition = p.program.definitions.iter_mut().find(|d| d.tensor == tensor);
            match definition.map(|d| &mut d.body) {
                Some(Body::Elements(es)) => es[flat as usize] = e,
                _ => return Err(format!("`{name}` is not defined by elements")),
            }
        } else if let Some((f, arguments)) = p.intrinsic()? {
            p.program.intrinsic(&name, f, arguments);
        } else {
            let indices = p.binders()?;
            let e = p.body(body)?;
            let shape = indices.iter().map(|i| p.program.length(*i).clone()).collect();
            p.program.tensors.push(TensorInfo { name, shape, role: Role::Defined });
            let tensor = Tensor(p.program.tensors.len() as u32 - 1);
            p.program.definitions.push(Definition { tensor, body: Body::Each(indices, e) });
        }
        p.end()?;
    }
    scope.lets = std::mem::take(&mut p.lets);
    Ok(())
}

/// Parses a derivative of the operator table over the given arguments, folding as it goes.
///
/// # Panics
/// On a malformed template, which the table tests exclude.
pub fn template(program: &mut Program, text: &str, arguments: &[(&str, Expr)]) -> Expr {
    let mut p = Parser::new(program, text).expect("a template of known tokens");
    p.lets = arguments.iter().map(|(n, e)| ((*n).to_owned(), *e)).collect();
    p.fold = true;
    let e = p.expr(0).unwrap_or_else(|m| panic!("template `{text}`: {m}"));
    p.end().unwrap_or_else(|m| panic!("template `{text}`: {m}"));
    e
}

/// Parses a rule of the derivative of `y = f(arguments)`: adds the definitions that stand before the
/// last `;`, and returns the expression behind it, over the axes of `y` and of the argument. It may
/// read one tensor more, the tangent or cotangent.
///
/// # Panics
/// On a malformed rule, which the table tests exclude.
pub fn rule(
    program: &mut Program,
    text: &str,
    y: Tensor,
    (f, arguments): (Intrinsic, &[Tensor]),
    axes: [&[Index]; 2],
    seed: Option<(&str, Tensor)>,
) -> Expr {
    let tensors = ["a", "b"].into_iter().zip(arguments.iter().copied()).chain([("y", y)]).chain(seed);
    let lengths = program.named_lengths(f, arguments);
    let owner = program.info(y).name.clone();
    let names = [["i", "j"], ["k", "l"]].into_iter().zip(axes);
    let axes: Vec<(String, Index)> = names.flat_map(|(names, axes)| names.map(str::to_owned).into_iter().zip(axes.to_vec())).collect();
    let mut names: Map<String, Tensor> = tensors.map(|(n, t)| (n.to_owned(), t)).collect();
    let (before, last) = text.rsplit_once("; ").map_or((None, text), |(before, last)| (Some(before), last));
    let mut parse = |program: &mut Program, line: &str, axes: Option<Vec<(String, Index)>>| -> Result<Option<Expr>, String> {
        let mut p = Parser::new(program, line)?;
        p.aliases.clone_from(&names);
        p.lengths.clone_from(&lengths);
        p.fold = true;
        if let Some(axes) = axes {
            p.indices = axes;
            let e = p.expr(0)?;
            p.end()?;
            return Ok(Some(e));
        }
        let name = p.word()?;
        let tensor = match p.intrinsic()? {
            Some((f, arguments)) => {
                let f = p.program.suited(f, &arguments);
                let name = format!("{}_{}", f.entry().name, p.program.info(arguments[0]).name);
                p.program.intrinsic(&name, f, arguments)
            }
            None => {
                let indices = p.binders()?;
                p.expect("=")?;
                let e = p.expr(0)?;
                p.program.define(&format!("{owner}_{name}"), indices, e)
            }
        };
        p.end()?;
        names.insert(name, tensor);
        Ok(None)
    };
    let mut checked = |program: &mut Program, line: &str, axes| match parse(program, line, axes) {
        Ok(found) => found,
        Err(message) => panic!("rule `{line}`: {message}"),
    };
    for line in before.into_iter().flat_map(|lines| lines.split("; ")) {
        checked(program, line, None);
    }
    checked(program, last, Some(axes)).expect("an expression behind the definitions")
}

#[derive(Clone, PartialEq, Debug)]
enum Token {
    Word(String),
    Number(String),
    Mark(&'static str),
}

const MARKS: [&str; 25] =
    ["->", "<=", ">=", "==", "!=", "&&", "||", "<", ">", "(", ")", "[", "]", ",", ":", ";", "=", "+", "-", "*", "/", "%", "!", "{", "}"];

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while let Some(c) = rest.chars().next() {
        if c.is_ascii_digit() {
            let mut end = 0;
            let bytes = rest.as_bytes();
            while end < bytes.len() {
                let exponent = end > 0 && matches!(bytes[end - 1], b'e' | b'E') && matches!(bytes[end], b'-' | b'+');
                let ratio = rest[end..].starts_with("//");
                if ratio {
                    end += 2;
                } else if bytes[end].is_ascii_alphanumeric() || bytes[end] == b'.' || exponent {
                    end += 1;
                } else {
                    break;
                }
            }
            out.push(Token::Number(rest[..end].to_owned()));
            rest = rest[end..].trim_start();
        } else if c.is_alphabetic() || c == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            out.push(Token::Word(rest[..end].to_owned()));
            rest = rest[end..].trim_start();
        } else {
            let mark = MARKS.iter().find(|m| rest.starts_with(**m)).ok_or(format!("unexpected `{c}`"))?;
            out.push(Token::Mark(mark));
            rest = rest[mark.len()..].trim_start();
        }
    }
    Ok(out)
}

struct Parser<'a> {
    program: &'a mut Program,
    tokens: Vec<Token>,
    at: usize,
    lets: Map<String, Expr>,
    indices: Vec<(String, Index)>,
    /// Names of tensors and lengths that stand before the program's own.
    aliases: Map<String, Tensor>,
    lengths: Map<&'static str, Affine>,
    fold: bool,
    depth: u32,
}

impl<'a> Parser<'a> {
    fn new(program: &'a mut Program, text: &str) -> Result<Self, String> {
        Ok(Parser {
            program,
            tokens: tokens(text)?,
            at: 0,
            lets: Map::default(),
            indices: Vec::new(),
            aliases: Map::default(),
            lengths: Map::default(),
            fold: false,
            depth: 0,
        })
    }

    fn continue_with(&mut self, text: &str) -> Result<(), String> {
        self.tokens = tokens(text)?;
        self.at = 0;
        Ok(())
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn is_next(&self, text: &str) -> bool {
        match self.peek() {
            Some(Token::Word(w)) => w == text,
            Some(Token::Mark(m)) => *m == text,
            _ => false,
        }
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = self.is_next(text);
        self.at += usize::from(found);
        found
    }

    /// Whether a keyword comes next: a word follows it, as it does no name that is defined.
    fn starts(&self, keyword: &str) -> bool {
        self.is_next(keyword) && matches!(self.tokens.get(self.at + 1), Some(Token::Word(_)))
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let found = self.starts(keyword);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, text: &str) -> Result<(), String> {
        if self.eat(text) {
            Ok(())
        } else {
            Err(format!("expected `{text}`, found {:?}", self.peek()))
        }
    }

    fn word(&mut self) -> Result<String, String> {
        match self.peek().cloned() {
            Some(Token::Word(w)) => {
                self.at += 1;
                Ok(w)
            }
            other => Err(format!("expected a name, found {other:?}")),
        }
    }

    fn words(&mut self) -> Result<Vec<String>, String> {
        let mut out = vec![self.word()?];
        while self.eat(",") {
            out.push(self.word()?);
        }
        Ok(out)
    }

    fn integer(&mut self) -> Result<i64, String> {
        match self.peek() {
            Some(Token::Number(n)) => {
                let value = n.parse().map_err(|_| format!("`{n}` is no integer"))?;
                self.at += 1;
                Ok(value)
            }
            other => Err(format!("expected an integer, found {other:?}")),
        }
    }

    fn end(&self) -> Result<(), String> {
        match self.peek() {
            None => Ok(()),
            Some(t) => Err(format!("unexpected {t:?}")),
        }
    }

    fn binding(&mut self) -> Result<(), String> {
        let name = self.word()?;
        self.expect("=")?;
        let e = self.expr(0)?;
        self.lets.insert(name.clone(), e);
        if name.trim_start_matches('t').parse::<u32>().is_err() {
            self.program.names.entry(e).or_insert(name);
        }
        Ok(())
    }

    fn index(&mut self) -> Result<Index, String> {
        let name = self.word()?;
        self.expect(":")?;
        let length = self.affine()?;
        let i = self.program.index(length);
        self.indices.push((name, i));
        Ok(i)
    }

    /// `[i: n, j: m]`, or nothing.
    fn binders(&mut self) -> Result<Vec<Index>, String> {
        let mut indices = Vec::new();
        if self.eat("[") {
            while !self.eat("]") {
                indices.push(self.index()?);
                self.eat(",");
            }
        }
        Ok(indices)
    }

    /// `= e`, or `=` and lines of `let`s before it.
    fn body(&mut self, lines: &[&str]) -> Result<Expr, String> {
        self.expect("=")?;
        let Some((last, lets)) = lines.split_last() else { return self.expr(0) };
        self.end()?;
        for line in lets {
            self.continue_with(line)?;
            self.expect("let")?;
            self.binding()?;
            self.end()?;
        }
        self.continue_with(last)?;
        self.expr(0)
    }

    fn affine(&mut self) -> Result<Affine, String> {
        let mut sum = Affine::default();
        let mut first = true;
        loop {
            let sign = if self.eat("-") {
                -1
            } else if self.eat("+") || first {
                1
            } else {
                return Ok(sum);
            };
            first = false;
            let mut factor = sign;
            if let Some(Token::Number(_)) = self.peek() {
                factor *= self.integer()?;
                if !self.eat("*") {
                    sum = sum.plus(&Affine::from(factor), 1);
                    continue;
                }
            }
            let name = self.word()?;
            let index = self.indices.iter().rev().find(|(n, _)| *n == name).map(|(_, i)| Affine::from(*i));
            let size = || self.program.sizes.iter().position(|s| s.name == name).map(|k| Affine::from(Size(k as u32)));
            let known = self.lengths.get(name.as_str()).cloned();
            let value = index.or(known).or_else(size).ok_or(format!("no index or length `{name}`"))?;
            sum = sum.plus(&value, factor);
        }
    }

    fn apply(&mut self, op: Op, args: Vec<Expr>) -> Expr {
        if self.fold {
            let arena = &mut self.program.arena;
            let known = if op.entry().truth { arena.decided(op, &args) } else { None };
            known.unwrap_or_else(|| arena.fold(op, &args))
        } else {
            self.program.arena.apply(op, args)
        }
    }

    fn expr(&mut self, strength: u8) -> Result<Expr, String> {
        self.depth += 1;
        if self.depth > 500 {
            return Err("nested too deeply".into());
        }
        let mut left = self.prefix()?;
        while let Some(Token::Mark(m)) = self.peek().cloned() {
            // `>`, `>=` and `!=` are spelled with the operators there are
            let (symbol, swap, not) = match m {
                ">" => ("<", true, false),
                ">=" => ("<=", true, false),
                "!=" => ("==", false, true),
                m => (m, false, false),
            };
            let Some(op) = Op::infix(symbol) else { break };
            let Syntax::Infix(_, own) = op.entry().syntax else { break };
            if own < strength {
                break;
            }
            self.at += 1;
            let right = self.expr(own + 1)?;
            let args = if swap { vec![right, left] } else { vec![left, right] };
            left = self.apply(op, args);
            if not {
                left = self.apply(Op::Not, vec![left]);
            }
        }
        self.depth -= 1;
        Ok(left)
    }

    fn prefix(&mut self) -> Result<Expr, String> {
        for (mark, op) in [("-", Op::Neg), ("!", Op::Not)] {
            if self.eat(mark) {
                if let (Op::Neg, Some(Token::Number(n))) = (op, self.peek().cloned()) {
                    self.at += 1;
                    let c: Constant = format!("-{n}").parse()?;
                    return Ok(self.program.arena.insert(Node::Const(c)));
                }
                let inner = self.expr(PREFIX)?;
                return Ok(self.apply(op, vec![inner]));
            }
        }
        self.atom()
    }

    fn atom(&mut self) -> Result<Expr, String> {
        if self.eat("(") {
            let e = self.expr(0)?;
            self.expect(")")?;
            return Ok(e);
        }
        if self.eat("[") {
            let c = self.expr(0)?;
            self.expect("]")?;
            return Ok(self.program.arena.rebuild(Node::Bracket(c)));
        }
        if let Some(Token::Number(n)) = self.peek().cloned() {
            self.at += 1;
            let c: Constant = n.parse()?;
            return Ok(self.program.arena.insert(Node::Const(c)));
        }
        let name = self.word()?;
        if let Some(e) = self.lets.get(&name) {
            return Ok(*e);
        }
        // a tensor may be called `sum`, too
        let binds = matches!(self.tokens.get(self.at + 1..), Some([Token::Word(_), Token::Mark(":"), ..]));
        if name == "sum" && binds && self.eat("[") {
            let outer = self.lets.clone();
            let i = self.index()?;
            self.expect("]")?;
            self.expect("(")?;
            while self.eat("let") {
                self.binding()?;
                self.expect(";")?;
            }
            let body = self.expr(0)?;
            self.expect(")")?;
            self.indices.pop();
            self.lets = outer;
            return Ok(self.program.sum_over(i, body));
        }
        if name == "delta" && self.eat("(") {
            let a = self.affine()?;
            self.expect(",")?;
            let b = self.affine()?;
            self.expect(")")?;
            return Ok(self.program.arena.insert(Node::Delta(a, b)));
        }
        if name == "float" && self.eat("(") {
            let a = self.affine()?;
            self.expect(")")?;
            return Ok(self.program.arena.insert(Node::Integer(a)));
        }
        if let Some(op) = Op::named(&name).filter(|_| self.is_next("(")) {
            self.expect("(")?;
            let mut args = Vec::new();
            while !self.eat(")") {
                args.push(self.expr(0)?);
                self.eat(",");
            }
            if args.len() != op.entry().arity {
                return Err(format!("`{name}` takes {} arguments, found {}", op.entry().arity, args.len()));
            }
            return Ok(self.apply(op, args));
        }
        let tensor = self.named(&name)?;
        let mut at = Vec::new();
        if self.eat("[") {
            while !self.eat("]") {
                at.push(self.affine()?);
                self.eat(",");
            }
        }
        Ok(self.program.arena.insert(Node::Access(tensor, at)))
    }

    /// The tensor called `name`.
    fn named(&self, name: &str) -> Result<Tensor, String> {
        let own = || self.program.tensors.iter().position(|t| t.name == name).map(|k| Tensor(k as u32));
        self.aliases.get(name).copied().or_else(own).ok_or(format!("no `{name}` in scope"))
    }

    /// `= inv(a)`, if that comes next.
    fn intrinsic(&mut self) -> Result<Option<(Intrinsic, Vec<Tensor>)>, String> {
        let name = match self.tokens.get(self.at..).unwrap_or_default() {
            [Token::Mark("="), Token::Word(name), Token::Mark("("), ..] => name,
            _ => return Ok(None),
        };
        let Some(f) = Intrinsic::named(name) else { return Ok(None) };
        self.at += 3;
        let mut arguments = Vec::new();
        while !self.eat(")") {
            let name = self.word()?;
            arguments.push(self.named(&name)?);
            self.eat(",");
        }
        match arguments.len() == f.entry().arguments.len() {
            true => Ok(Some((f, arguments))),
            false => Err(format!("`{}` takes {} arguments", f.entry().name, f.entry().arguments.len())),
        }
    }
}
