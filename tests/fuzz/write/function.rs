//! The function: its signature, options and surroundings.

use super::super::choices::Choices;
use super::{Callable, Float, Kind, Len, Param, Pass, Program, Ty, Variant, Wrapper, Writer};

/// What stands around the function.
#[derive(Clone, Copy, PartialEq)]
enum Around {
    Nothing,
    Module,
    Method,
}

/// Of the four run-time lengths the one that is a const generic.
const GENERIC: Len = Len::Open(2);

pub(super) fn program(choices: Choices) -> Program {
    let mut w = Writer {
        c: choices,
        float: Float::Double,
        vars: Vec::new(),
        indices: Vec::new(),
        integers: Vec::new(),
        truths: Vec::new(),
        calls: Vec::new(),
        lengths: Vec::new(),
        results: Vec::new(),
        wrapper: Wrapper::Nothing,
        fresh: 0,
        open_loop: 0,
        loops: 0,
        budget: 14,
        may_return: true,
        may_ask: true,
        out_parameters: false,
        variant: Variant::None,
        linalg: false,
        at: None,
        varied: Vec::new(),
        loss: None,
    };
    w.float =
        w.c.of(&[Float::Double, Float::Double, Float::Double, Float::Double, Float::Double, Float::Double, Float::Single, Float::Generic]);
    w.variant = w.c.of(&[Variant::None, Variant::None, Variant::Renamed, Variant::Unrolled, Variant::Inlined, Variant::Reordered]);
    let around = w.c.of(&[Around::Nothing, Around::Nothing, Around::Nothing, Around::Nothing, Around::Module, Around::Method]);
    let around = if w.float == Float::Generic && around == Around::Module { Around::Nothing } else { around };
    w.linalg = w.float == Float::Double && w.c.below(4) == 3;
    let params = w.params(around);
    w.results = w.result_types(&params);
    let constant = (around == Around::Module).then(|| w.c.of(&["‹0.5›", "‹1.5›"]));
    let helper = if around == Around::Module { w.helper("helper") } else { String::new() };
    if constant.is_some() {
        w.declare("SCALE", Ty::Scalar, false);
    }
    for p in &params {
        w.declare_param(p);
    }
    let nested = if w.c.once_in(6) { w.helper("nested") } else { String::new() };
    w.wrapper = match w.c.below(12) {
        10 => Wrapper::Option,
        11 => Wrapper::Result,
        _ => Wrapper::Nothing,
    };
    w.out_parameters = w.wrapper == Wrapper::Nothing && w.results.len() == 1 && matches!(w.results[0], Ty::Fixed(_)) && w.c.once_in(3);
    w.may_return = !w.out_parameters;
    let most = w.c.of(&[3, 1, 2, 5, 7]);
    let statements = w.statements(most);
    let result = w.span(Writer::result);
    let body = format!("{nested}{statements}");
    let options = w.options(&params);
    assemble(w, params, around, constant, &helper, &body, &result, options)
}

#[allow(clippy::too_many_arguments)] // the parts of a source, put together once
fn assemble(
    w: Writer,
    mut params: Vec<Param>,
    around: Around,
    constant: Option<&str>,
    helper: &str,
    body: &str,
    result: &str,
    options: String,
) -> Program {
    let generics = match (w.float, params.iter().any(|p| p.kind == Kind::Floats(Ty::List(GENERIC)))) {
        (Float::Generic, _) if around == Around::Method => "",
        (Float::Generic, _) => "⟨<T: Float>¦⟩",
        (_, true) => "<const N: usize>",
        _ => "",
    };
    let mut arguments: Vec<String> =
        params.iter().filter(|p| p.pass != Pass::Field).map(|p| format!("{}: {}", p.name, written(p))).collect();
    if around == Around::Method {
        arguments.insert(0, "&self".to_owned());
    }
    let (returns, tail) = if w.out_parameters {
        let Ty::Fixed(n) = w.results[0] else { unreachable!("out-parameters are fixed arrays") };
        arguments.push(format!("out: &mut [𝔽; {n}]"));
        params.push(Param { name: "out".to_owned(), kind: Kind::Floats(w.results[0]), pass: Pass::Out, wrt: false });
        let all: String = (0..n).map(|k| format!("out[{k}] = result[{k}];\n")).collect();
        (String::new(), format!("let result: [𝔽; {n}] = {result};\n{all}"))
    } else {
        let types: Vec<String> = w.results.iter().map(|t| owned(*t)).collect();
        let inner = if types.len() == 1 { types[0].clone() } else { format!("({})", types.join(", ")) };
        let returns = match w.wrapper {
            Wrapper::Nothing => inner,
            Wrapper::Option => format!("Option<{inner}>"),
            Wrapper::Result => format!("Result<{inner}, String>"),
        };
        (format!(" -> {returns}"), result.to_owned())
    };
    let function = format!("pub fn f{generics}({}){returns} {{\n{body}{tail}\n}}\n", arguments.join(", "));
    let fields: Vec<String> = params
        .iter()
        .filter(|p| p.pass == Pass::Field)
        .map(|p| format!("pub {}: {}", p.name.trim_start_matches("self."), written(p)))
        .collect();
    let marked = format!("⟨#[jacobian({options})]¦⟩\n{function}");
    let (template, prelude, path) = match around {
        Around::Nothing => (function, String::new(), "f"),
        Around::Module => {
            let constant = format!("const SCALE: 𝔽 = {};\n", constant.unwrap_or("‹1.0›"));
            (format!("pub mod inner {{\nuse super::*;\n{constant}{helper}{marked}}}\n"), String::new(), "inner::f")
        }
        Around::Method => {
            let [declared, named] = if w.float == Float::Generic { ["⟨<T: Float>¦⟩", "⟨<T>¦⟩"] } else { [""; 2] };
            let model = format!("pub struct Model{named} {{ {} }}\n", fields.join(", "));
            (format!("impl{declared} Model{named} {{\n{marked}}}\n"), model, "me.f")
        }
    };
    let (mut item, plain) = (side(&template, true), side(&template, false));
    if w.variant == Variant::Renamed {
        item = renamed(&item);
    }
    Program {
        options: if around == Around::Nothing { options } else { String::new() },
        item,
        plain,
        prelude,
        path: path.to_owned(),
        params,
        results: w.results,
        wrapper: w.wrapper,
        float: w.float,
        at: w.at,
        varied: w.varied,
        loss: w.loss,
        made: w.c.made,
        spans: w.c.spans,
    }
}

impl Writer {
    fn helper(&mut self, name: &str) -> String {
        let (text, body) = self.scope(|w| {
            let outer = std::mem::take(&mut w.vars);
            w.declare("a", Ty::Scalar, false);
            w.declare("b", Ty::Scalar, false);
            let lengths = std::mem::take(&mut w.lengths);
            let integers = std::mem::take(&mut w.integers);
            let indices = std::mem::take(&mut w.indices);
            let truths = std::mem::take(&mut w.truths);
            let e = w.expr(3);
            w.lengths = lengths;
            w.integers = integers;
            w.indices = indices;
            w.truths = truths;
            w.vars = outer;
            let generics = if w.float == Float::Generic { "⟨<T: Float>¦⟩" } else { "" };
            (format!("fn {name}{generics}(a: 𝔽, b: 𝔽) -> 𝔽 {{ {e} }}\n"), e)
        });
        let body = Some((vec!["a".to_owned(), "b".to_owned()], body));
        self.calls.push(Callable { name: name.to_owned(), arguments: 2, body });
        text
    }

    fn params(&mut self, around: Around) -> Vec<Param> {
        let generic = self.float == Float::Generic;
        let mut out: Vec<Param> = Vec::new();
        let n = self.c.of(&[1, 2, 3, 1, 2, 3, 4, 5]);
        let const_generic = !generic && around == Around::Nothing && self.c.once_in(10);
        for k in 0..n {
            let kind = match self.c.below(if generic || const_generic { 6 } else { 17 }) {
                0 | 1 => Ty::Scalar,
                2 | 3 => Ty::Fixed(2 + self.c.below(3)),
                4 if !const_generic => Ty::Fixed2(2, 2 + self.c.below(2)),
                5 if !const_generic => Ty::Fixed3(1 + self.c.below(3), 2, 2),
                4 | 5 => Ty::Scalar,
                6..=10 => Ty::List(self.some_length(false)),
                11..=13 => Ty::Nd1(self.some_length(true)),
                16 => Ty::Nd3(self.some_length(true), self.some_length(true), self.some_length(true)),
                _ => Ty::Nd2(self.some_length(true), self.some_length(true)),
            };
            let pass = match kind {
                Ty::Scalar | Ty::Fixed(_) if self.c.below(3) > 0 => Pass::Value,
                Ty::Scalar => Pass::Value,
                Ty::Nd1(_) | Ty::Nd2(..) | Ty::Nd3(..) if self.c.once_in(4) => Pass::View,
                _ => Pass::Reference,
            };
            out.push(Param { name: ["x", "y", "z", "u", "h"][k].to_owned(), kind: Kind::Floats(kind), pass, wrt: true });
        }
        if const_generic {
            out.push(Param { name: "g".to_owned(), kind: Kind::Floats(Ty::List(GENERIC)), pass: Pass::Reference, wrt: true });
        }
        if around == Around::Method {
            for (name, ty) in [("self.k", Ty::Scalar), ("self.w", Ty::Fixed(2))] {
                out.insert(0, Param { name: name.to_owned(), kind: Kind::Floats(ty), pass: Pass::Field, wrt: false });
            }
        }
        if !generic && self.c.once_in(5) {
            out.push(Param { name: "n".to_owned(), kind: Kind::Length(0), pass: Pass::Value, wrt: false });
        }
        if self.c.once_in(8) {
            out.push(Param { name: "p".to_owned(), kind: Kind::Integer(4), pass: Pass::Value, wrt: false });
        }
        if self.c.once_in(10) {
            out.push(Param { name: "flag".to_owned(), kind: Kind::Truth, pass: Pass::Value, wrt: false });
        }
        let floats: Vec<usize> =
            (0..out.len()).filter(|k| matches!(out[*k].kind, Kind::Floats(_)) && out[*k].pass != Pass::Field).collect();
        if floats.len() > 1 && self.c.once_in(4) {
            let k = self.c.of(&floats);
            out[k].wrt = false;
        }
        out
    }

    fn some_length(&mut self, known: bool) -> Len {
        match self.c.below(9) {
            0..=4 => Len::Open(0),
            8 => Len::Open(3),
            7 if known => Len::Known(2 + self.c.below(2)),
            _ => Len::Open(1),
        }
    }

    fn result_types(&mut self, params: &[Param]) -> Vec<Ty> {
        let open = |k| params.iter().any(|p| lengths(p).any(|(l, _)| l == Len::Open(k)));
        let len = if open(0) {
            Len::Open(0)
        } else if let Some(k) = [1, 3].into_iter().find(|k| open(*k)) {
            Len::Open(k)
        } else {
            Len::Known(2)
        };
        let some = len != Len::Known(2);
        let one = |w: &mut Writer| match w.c.below(if w.float == Float::Generic { 6 } else { 12 }) {
            0..=3 => Ty::Scalar,
            4 => Ty::Fixed(2),
            5 => Ty::Fixed(3),
            6 | 7 if some => Ty::List(len),
            8 if some => Ty::Nd1(len),
            9 if some => Ty::Nd2(len, len),
            10 => Ty::Fixed2(2, 2),
            11 if some && w.c.below(2) == 0 => Ty::Nd3(len, Len::Known(2), Len::Known(2)),
            _ => Ty::Scalar,
        };
        let first = one(self);
        if self.c.once_in(6) {
            vec![first, one(self)]
        } else {
            vec![first]
        }
    }

    fn declare_param(&mut self, p: &Param) {
        match p.kind {
            Kind::Floats(ty) => {
                let reference = p.pass == Pass::Reference;
                self.declare(&p.name, ty, false);
                if let Some(v) = self.vars.last_mut() {
                    v.reference = reference;
                }
                let own: Vec<(Len, String)> = lengths(p).filter(|(l, _)| matches!(l, Len::Open(_))).collect();
                for (len, text) in own {
                    if !self.lengths.iter().any(|(l, _)| *l == len) {
                        self.lengths.push((len, if len == GENERIC { "N".to_owned() } else { text }));
                    }
                }
            }
            Kind::Length(k) => {
                // an array's own length comes first
                if !self.lengths.iter().any(|(l, _)| *l == Len::Open(k)) {
                    self.lengths.push((Len::Open(k), p.name.clone()));
                }
                self.integers.push(p.name.clone());
            }
            Kind::Integer(_) => self.integers.push(p.name.clone()),
            Kind::Truth => self.truths.push(p.name.clone()),
        }
    }

    fn options(&mut self, params: &[Param]) -> String {
        let mut options = Vec::new();
        let floats = params.iter().filter(|p| matches!(p.kind, Kind::Floats(_)) && p.pass != Pass::Field);
        if floats.clone().any(|p| !p.wrt) {
            let names: Vec<&str> = floats.clone().filter(|p| p.wrt).map(|p| p.name.as_str()).collect();
            options.push(format!("wrt({})", names.join(", ")));
        }
        let rare = [("pushforward", 12), ("pullback", 12), ("normal", 6), ("weighted_normal", 9), ("weighted_hessian", 9), ("update", 6)];
        for (option, n) in [("value", 2), ("jvp", 3), ("vjp", 3), ("into", 5), ("strict", 12)].into_iter().chain(rare) {
            if self.c.once_in(n) {
                options.push(option.to_owned());
            }
        }
        let has = |options: &[String], word: &str| options.iter().any(|o| o == word);
        if has(&options, "normal") && !has(&options, "weighted_normal") && self.c.below(2) == 1 {
            let (loss, scale) =
                (self.c.of(&["huber", "soft_l1", "cauchy", "geman_mcclure", "welsch", "tukey"]), self.c.of(&[1.0, 0.25, 2.0]));
            options.push(format!("loss = {loss}({scale:?})"));
            self.loss = Some((loss, scale));
        }
        // these have a length of their own in the type
        let known: Vec<&Param> = floats.clone().filter(|p| p.pass != Pass::View && p.of_known_lengths()).collect();
        if !has(&options, "strict") && known.len() > 1 && self.c.once_in(6) {
            let (fixed, value) = (self.c.of(&known), self.c.of(&[0.0, 1.0, 0.5, -0.25]));
            options.push(format!("at({} = {value:?})", fixed.name));
            self.at = Some((fixed.name.clone(), value));
        }
        let returned =
            self.wrapper == Wrapper::Nothing && self.results.iter().all(|ty| ty.axes().iter().all(|l| matches!(l, Len::Known(_))));
        let differentiated = floats.clone().filter(|p| p.wrt).all(Param::of_known_lengths);
        if returned && differentiated && self.float != Float::Generic && !has(&options, "strict") && self.c.below(3) > 0 {
            let at = self.at.as_ref().map(|at| at.0.clone());
            self.varied = known.iter().map(|p| p.name.clone()).filter(|name| Some(name) != at.as_ref()).collect();
            if self.varied.len() > 1 && self.c.once_in(3) {
                self.varied.remove(0);
            }
            if !self.varied.is_empty() {
                options.push(format!("batch({})", self.varied.join(", ")));
            }
        }
        if self.results == [Ty::Scalar] && self.c.below(3) > 0 {
            options.push("hessian".to_owned());
        }
        let floats_of = |p: &Param| if let Kind::Floats(ty) = p.kind { Some(ty) } else { None };
        let shapes = floats.clone().filter(|p| p.wrt).filter_map(floats_of).chain(self.results.iter().copied());
        let has_rows = shapes.map(Ty::axes).all(|axes| axes.iter().skip(1).all(|l| matches!(l, Len::Known(_))));
        if has_rows && self.c.once_in(4) {
            options.push("stack".to_owned());
        }
        let all = self.c.below(2) == 0;
        let shapes: Vec<String> = floats
            .filter_map(|p| match p.kind {
                Kind::Floats(ty @ (Ty::Nd1(_) | Ty::Nd2(..) | Ty::Nd3(..))) => {
                    let axes = ty.axes();
                    let known = axes.iter().any(|l| matches!(l, Len::Known(_)));
                    let names: Vec<String> = axes
                        .iter()
                        .map(|l| match l {
                            Len::Known(n) => n.to_string(),
                            Len::Open(k) => ["rows", "columns", "other", "layers"][*k].to_owned(),
                        })
                        .collect();
                    (known || all).then(|| format!("{} = [{}]", p.name, names.join(", ")))
                }
                _ => None,
            })
            .collect();
        if !shapes.is_empty() {
            options.push(format!("shape({})", shapes.join(", ")));
        }
        match self.c.below(8) {
            6 => options.push("effort = \"low\"".to_owned()),
            7 => options.push("effort = \"high\"".to_owned()),
            _ => {}
        }
        if self.c.once_in(5) {
            options.push(["sparse", "sparse = \"csr\"", "sparse = \"triplets\"", "sparse = \"diagonals\""][self.c.below(4)].to_owned());
        }
        options.join(", ")
    }
}

/// The lengths of a parameter's axes and how they are written.
fn lengths(p: &Param) -> impl Iterator<Item = (Len, String)> {
    let n = &p.name;
    let all = match p.kind {
        Kind::Floats(Ty::List(l) | Ty::Nd1(l)) => vec![(l, format!("{n}.len()"))],
        Kind::Floats(Ty::Nd2(a, b)) => vec![(a, format!("{n}.nrows()")), (b, format!("{n}.ncols()"))],
        Kind::Floats(Ty::Nd3(a, b, c)) => {
            vec![(a, format!("{n}.shape()[0]")), (b, format!("{n}.dim().1")), (c, format!("{n}.len_of(Axis(2))"))]
        }
        _ => Vec::new(),
    };
    all.into_iter()
}

fn owned(ty: Ty) -> String {
    match ty {
        Ty::Scalar => "𝔽".to_owned(),
        Ty::Fixed(n) => format!("[𝔽; {n}]"),
        Ty::Fixed2(n, m) => format!("[[𝔽; {m}]; {n}]"),
        Ty::List(_) => "Vec<𝔽>".to_owned(),
        Ty::Nd1(_) => "Array1<𝔽>".to_owned(),
        Ty::Nd2(..) => "Array2<𝔽>".to_owned(),
        Ty::Fixed3(n, m, k) => format!("[[[𝔽; {k}]; {m}]; {n}]"),
        Ty::Nd3(..) => "Array3<𝔽>".to_owned(),
    }
}

/// The type of a parameter.
fn written(p: &Param) -> String {
    match (p.kind, p.pass) {
        (Kind::Length(_), _) => "usize".to_owned(),
        (Kind::Integer(_), _) => "i32".to_owned(),
        (Kind::Truth, _) => "bool".to_owned(),
        (Kind::Floats(Ty::List(GENERIC)), _) => "&[𝔽; N]".to_owned(),
        (Kind::Floats(Ty::List(_)), _) => "&[𝔽]".to_owned(),
        (Kind::Floats(Ty::Nd1(_)), Pass::View) => "ArrayView1<𝔽>".to_owned(),
        (Kind::Floats(Ty::Nd2(..)), Pass::View) => "ArrayView2<𝔽>".to_owned(),
        (Kind::Floats(Ty::Nd3(..)), Pass::View) => "ArrayView3<𝔽>".to_owned(),
        (Kind::Floats(ty), Pass::Reference) => format!("&{}", owned(ty)),
        (Kind::Floats(ty), _) => owned(ty),
    }
}

/// Of `⦃plain⦄⦅transformed⦆` one side.
fn side(template: &str, transformed: bool) -> String {
    let mut out = String::new();
    // for each open bracket whether what it holds is kept
    let mut kept = vec![true];
    for ch in template.chars() {
        let all = kept.iter().all(|k| *k);
        match ch {
            '⦃' => kept.push(!transformed),
            '⦅' => kept.push(transformed),
            '⦄' | '⦆' => drop(kept.pop()),
            ch if all => out.push(ch),
            _ => {}
        }
    }
    out
}

/// Other names for what the function declares: all of them end in digits.
fn renamed(item: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for ch in item.chars().chain([' ']) {
        if ch.is_ascii_alphanumeric() || ch == '_' {
            word.push(ch);
            continue;
        }
        let local = word.trim_end_matches(|c: char| c.is_ascii_digit());
        let is_local = local.len() < word.len() && !local.is_empty() && local.chars().all(|c| c.is_ascii_lowercase());
        const KEPT: [&str; 16] =
            ["f64", "f32", "i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64", "i128", "u128", "exp2", "log2", "atan2", "log10"];
        let is_name = !KEPT.contains(&word.as_str());
        if is_local && is_name {
            out += &format!("q{}_{}", word[local.len()..].chars().rev().collect::<String>(), local.len());
            // different names stay different: the stem's letters follow
            out += local;
        } else {
            out += &word;
        }
        word.clear();
        out.push(ch);
    }
    out
}
