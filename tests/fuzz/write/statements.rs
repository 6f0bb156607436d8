//! Statements: each declares, changes or decides something.

use super::{Callable, Float, Index, Len, Ty, Var, Variant, Wrapper, Writer};

impl Writer {
    /// Some statements.
    pub(super) fn statements(&mut self, most: usize) -> String {
        let n = 1 + self.c.below(most);
        let mut out: Vec<String> = Vec::new();
        for _ in 0..n {
            if self.budget == 0 {
                break;
            }
            self.budget -= 1;
            let next = self.span(Writer::statement);
            out.push(next);
        }
        if self.variant == Variant::Reordered {
            return reordered(&out);
        }
        out.concat()
    }

    fn statement(&mut self) -> String {
        match self.c.below(27) {
            26 => self.through_references(),
            0..=3 => self.binding(),
            4 | 5 => self.assignment(),
            6..=9 => self.accumulator(),
            10 | 11 => self.repeated(),
            12 => self.decision(),
            13..=15 => self.new_array(),
            16 => self.stateful(),
            17 => self.closure(),
            18 => self.counted(),
            19 => self.returned(),
            20 | 21 => self.in_place(),
            22 => self.pair(),
            23 => self.running_map(),
            24 => self.shadowed(),
            _ => self.jumped(),
        }
    }

    fn binding(&mut self) -> String {
        let e = self.expr(3);
        let v = self.name("v");
        let mutable = self.c.below(3) == 0;
        self.declare(&v, Ty::Scalar, mutable);
        format!("let {}{v}: 𝔽 = {e};\n", if mutable { "mut " } else { "" })
    }

    fn shadowed(&mut self) -> String {
        let own = |t: &str| t.chars().all(|ch| ch.is_ascii_lowercase() || ch.is_ascii_digit());
        // a variable that changes is still to be changed by what follows
        let fits = |v: &&Var| v.ty == Ty::Scalar && !v.mutable && own(&v.text);
        let names: Vec<String> = self.vars.iter().filter(fits).map(|v| v.text.clone()).collect();
        if names.is_empty() {
            return self.binding();
        }
        let v = self.c.of(&names);
        let e = self.expr(2);
        self.declare(&v, Ty::Scalar, false);
        format!("let {v}: 𝔽 = {e};\n")
    }

    /// A new value that cannot grow without bound over many rounds.
    fn step(&mut self, place: &str) -> String {
        let e = self.expr(2);
        match self.c.below(8) {
            0..=2 => self.update(place, "+", &e),
            3 => format!("{place} = {place} * ‹0.5› + {e};\n"),
            4 => format!("{place} = ({place} + {e}).sin();\n"),
            5 => {
                let f = format!("({e}).cos()").replace('›', "ƒ›");
                self.update(place, "*", &f)
            }
            6 => self.update(place, "-", &e),
            _ => format!("{place} = {e};\n"),
        }
    }

    fn assignment(&mut self) -> String {
        let places = self.places(true);
        if places.is_empty() {
            return self.binding();
        }
        let p = self.c.of(&places);
        self.step(&p)
    }

    /// A loop that adds up, and something non-linear of the sum after it.
    fn accumulator(&mut self) -> String {
        let start = if self.c.below(2) == 0 { "‹0.0›".to_owned() } else { self.atom() };
        let s = self.name("s");
        self.declare(&s, Ty::Scalar, true);
        let body = self.repeated_over(Some(&s));
        let after = self.name("v");
        let e = match self.c.below(5) {
            0 => s.clone(),
            1 => format!("{s} / ({s} * {s} + ‹1.0›)"),
            2 => format!("{s} * {s}.sin()"),
            3 => format!("({s} * {s} + ‹0.5›).sqrt() * {}", self.atom()),
            _ => format!("{s}.tanh() * {}", self.expr(1)),
        };
        self.declare(&after, Ty::Scalar, false);
        format!("let mut {s}: 𝔽 = {start};\n{body}let {after}: 𝔽 = {e};\n")
    }

    fn repeated(&mut self) -> String {
        if self.places(true).is_empty() {
            return self.accumulator();
        }
        self.repeated_over(None)
    }

    /// A `for` loop that changes at least this.
    fn repeated_over(&mut self, must: Option<&str>) -> String {
        if self.loops >= 3 {
            return must.map(|s| self.step(s)).unwrap_or_default();
        }
        let source = self.source();
        self.loops += 1;
        self.open_loop += usize::from(source.open);
        let saved = std::mem::replace(&mut self.may_return, false);
        // what is iterated over is borrowed
        let mutable: Vec<bool> = self.vars.iter().map(|v| v.mutable).collect();
        let iterated: Vec<String> = if source.head.contains("..") { Vec::new() } else { identifiers(&source.head).collect() };
        self.vars.iter_mut().filter(|v| iterated.contains(&v.text)).for_each(|v| v.mutable = false);
        let body = self.scope(|w| {
            w.enter(&source);
            let before = if w.c.below(3) == 0 { w.statements(2) } else { String::new() };
            let skip = if w.c.once_in(6) { format!("if {} {{ continue; }}\n", w.condition(1)) } else { String::new() };
            let nested = if w.c.once_in(4) { w.repeated_over(must) } else { String::new() };
            let step = match must {
                Some(s) => w.step(s),
                None => w.assignment(),
            };
            let step = if w.c.once_in(5) {
                let condition = w.condition(1);
                let other = if w.c.below(2) == 0 { format!(" else {{ {} }}", w.assignment_or_nothing(must)) } else { String::new() };
                format!("if {condition} {{ {step} }}{other}\n")
            } else {
                step
            };
            format!("{before}{skip}{nested}{step}")
        });
        self.vars.iter_mut().zip(mutable).for_each(|(v, m)| v.mutable = m);
        self.may_return = saved;
        self.open_loop -= usize::from(source.open);
        self.loops -= 1;
        let text = format!("for {} in {} {{\n{body}}}\n", source.pattern, source.head);
        let by_hand = self.variant == Variant::Unrolled && !source.rounds.is_empty();
        if !by_hand || body.contains("continue") || body.contains("break") {
            return text;
        }
        let round = |item: &String| format!("{{ let {} = {item};\n{body} }}\n", source.pattern);
        let rounds: String = source.rounds.iter().map(round).collect();
        format!("⦃{text}⦄⦅{rounds}⦆")
    }

    fn assignment_or_nothing(&mut self, must: Option<&str>) -> String {
        match must {
            Some(s) => self.step(s),
            None => self.assignment(),
        }
    }

    fn decision(&mut self) -> String {
        let places = self.places(true);
        let condition = self.condition(1);
        if places.is_empty() {
            return self.binding();
        }
        let (p, q) = (self.c.of(&places), self.c.of(&places));
        let then = self.step(&p);
        let inner = self.scope(|w| if w.c.once_in(3) { w.statements(2) } else { String::new() });
        match self.c.below(3) {
            0 => format!("if {condition} {{\n{inner}{then}}}\n"),
            1 => format!("if {condition} {{\n{inner}{then}}} else {{\n{}}}\n", self.step(&q)),
            _ => {
                let second = self.condition(0);
                format!("if {condition} {{\n{inner}{then}}} else if {second} {{\n{}}} else {{\n{}}}\n", self.step(&q), self.step(&p))
            }
        }
    }

    fn new_array(&mut self) -> String {
        let x = self.name("x");
        let lengths = self.lengths.clone();
        let choice = self.c.below(if self.float == Float::Generic { 3 } else { 9 });
        match choice {
            0 | 1 => {
                let n = 2 + self.c.below(2);
                let items: Vec<String> = (0..n).map(|_| self.expr(2)).collect();
                self.declare(&x, Ty::Fixed(n), true);
                format!("let mut {x}: [𝔽; {n}] = [{}];\n", items.join(", "))
            }
            2 => {
                let n = 2 + self.c.below(2);
                let start = self.c.of(&["‹0.0›", "‹0.5›"]);
                self.declare(&x, Ty::Fixed(n), true);
                let fill = self.filled(&x, n.to_string(), Len::Known(n));
                format!("let mut {x}: [𝔽; {n}] = [{start}; {n}];\n{fill}")
            }
            3 | 4 => {
                let out = self.scope(|w| {
                    let s = w.source();
                    w.enter(&s);
                    let e = w.expr(2);
                    (s.open, s.receiver(), s.pattern, e)
                });
                let (open, head, pattern, e) = out;
                let full = !["skip", "take", "step_by", "windows", "chunks", "filter"].iter().any(|m| head.contains(m));
                // the length is known to be one of those in scope only for whole arrays
                let len = lengths.iter().find(|(l, t)| {
                    full && (head == format!("(0..{t})")
                        || self.vars.iter().any(|v| {
                            matches!(v.ty, Ty::List(n) | Ty::Nd1(n) if n == *l) && head.starts_with(&format!("{}.iter()", v.text))
                        }))
                });
                match len {
                    Some((len, _)) if open => self.declare(&x, Ty::List(*len), true),
                    _ => return self.array_of_matrix(&x),
                }
                format!("let mut {x}: Vec<𝔽> = {head}.map(|{pattern}| {e}).collect();\n")
            }
            5 if !lengths.is_empty() => {
                let (len, text) = self.c.of(&lengths);
                let start = self.c.of(&["‹0.0›", "‹1.0›"]);
                let vec = self.c.below(2) == 0;
                self.declare(&x, if vec { Ty::List(len) } else { Ty::Nd1(len) }, true);
                let fill = self.filled(&x, text.clone(), len);
                if vec {
                    format!("let mut {x}: Vec<𝔽> = vec![{start}; {text}];\n{fill}")
                } else {
                    format!("let mut {x} = Array1::<𝔽>::from_elem({text}, {start});\n{fill}")
                }
            }
            6 | 7 => {
                let (e, len) = self.vector(2, None);
                self.declare(&x, Ty::Nd1(len), true);
                format!("let mut {x}: Array1<𝔽> = {e};\n")
            }
            _ => self.array_of_matrix(&x),
        }
    }

    fn array_of_matrix(&mut self, x: &str) -> String {
        let (e, (n, m)) = self.matrix(1, None);
        self.declare(x, Ty::Nd2(n, m), true);
        format!("let mut {x}: Array2<𝔽> = {e};\n")
    }

    /// A loop that fills a list, perhaps not all of it, perhaps from what it has filled.
    fn filled(&mut self, x: &str, text: String, len: Len) -> String {
        let i = self.name("i");
        self.loops += 1;
        let open = usize::from(matches!(len, Len::Open(_)));
        self.open_loop += open;
        let start = self.c.below(2);
        let out = self.scope(|w| {
            w.indices.push(Index { text: i.clone(), len });
            w.integers.push(i.clone());
            if start == 1 {
                w.indices.push(Index { text: format!("{i} - 1"), len });
            }
            let e = w.expr(2);
            match w.c.below(5) {
                0 | 1 => format!("for {i} in {start}..{text} {{ {} }}\n", stored(&format!("{x}[{i}]"), &e)),
                2 => format!("for {i} in {start}..{text} {{ {} }}\n", w.update(&format!("{x}[{i}]"), "+", &e)),
                _ => {
                    let count = 1 + w.c.below(3);
                    let changes: String = (0..count).map(|_| w.changed_in_a_round(x, &i, &text, start)).collect();
                    format!("for {i} in {start}..{text} {{ {changes} }}\n")
                }
            }
        });
        self.open_loop -= open;
        self.loops -= 1;
        out
    }

    /// A change of an element whose position the round tells, perhaps under a condition.
    fn changed_in_a_round(&mut self, x: &str, i: &str, text: &str, start: usize) -> String {
        let place = match self.c.below(6) {
            3 if start == 1 => format!("{x}[{i} - 1]"),
            4 => format!("{x}[{text} - 1 - {i}]"),
            5 => format!("{x}[0]"),
            _ => format!("{x}[{i}]"),
        };
        let change = self.step(&place);
        match self.c.below(5) {
            0 | 1 => change,
            2 => format!("if {i} > 0 {{ {change} }}\n"),
            3 => format!("if {} {{ {change} }}\n", self.condition(1)),
            _ => format!("if {} {{ {change} }} else {{ {} }}\n", self.condition(1), self.step(&place)),
        }
    }

    /// A closure that changes what it captured, called some times.
    fn stateful(&mut self) -> String {
        let (s, step, v, r) = (self.name("s"), self.name("step"), self.name("v"), self.name("r"));
        let start = self.atom();
        let (first, second) = (self.expr(1), self.expr(1));
        let body = self.scope(|w| {
            w.declare(&v, Ty::Scalar, false);
            w.declare(&s, Ty::Scalar, false);
            let change = w.step(&s);
            format!("{change}{}", w.expr(1))
        });
        let calls = match self.c.below(4) {
            0 => format!("{step}({first}) + {step}({second})"),
            1 => format!("{step}({first}) * ‹0.5› - {step}({second}) * {step}({first})"),
            2 => format!("{{ let a: 𝔽 = {step}({first}); {step}(a) }}"),
            _ => format!("(if {} {{ {step}({first}) }} else {{ {step}({second}) * {step}(‹0.5›) }})", self.condition(0)),
        };
        self.declare(&s, Ty::Scalar, true);
        self.declare(&r, Ty::Scalar, false);
        format!("let mut {s}: 𝔽 = {start};\nlet mut {step} = |{v}: 𝔽| {{ {body} }};\nlet {r}: 𝔽 = {calls};\n")
    }

    /// An iterator with side effects.
    fn running_map(&mut self) -> String {
        if self.float == Float::Generic {
            return self.stateful();
        }
        let (s, r) = (self.name("s"), self.name("r"));
        let start = self.atom();
        let text = self.scope(|w| {
            let source = w.source();
            w.enter(&source);
            let e = w.expr(1);
            w.declare(&s, Ty::Scalar, false);
            let change = match w.c.below(3) {
                0 => w.update(&s, "+", &e),
                1 => format!("{s} = {s} * ‹0.5› + {e};"),
                _ => format!("{s} = ({s} + {e}).sin();"),
            };
            let e = w.expr(1);
            let (head, p) = (source.receiver(), source.pattern);
            match w.c.below(6) {
                4 => format!("let {r}: 𝔽 = {head}.map(|{p}| {{ {change} {e} }}).last().unwrap_or(‹0.5›);\n"),
                5 => format!("for _ in {head}.map(|{p}| {{ {change} {e} }}) {{}}\nlet {r}: 𝔽 = {s};\n"),
                0 | 1 => format!("let {r}: 𝔽 = {head}.map(|{p}| {{ {change} {e} }}).sum();\n"),
                2 => format!("{head}.for_each(|{p}| {{ {change} }});\nlet {r}: 𝔽 = {s};\n"),
                _ => format!("let {r} = {head}.map(|{p}| {{ {change} {e} }}).count() as u32;\nlet {r}: 𝔽 = «{r}»;\n"),
            }
        });
        self.declare(&s, Ty::Scalar, true);
        self.declare(&r, Ty::Scalar, false);
        format!("let mut {s}: 𝔽 = {start};\n{text}")
    }

    fn closure(&mut self) -> String {
        let f = self.name("g");
        let arguments = 1 + self.c.below(2);
        let params: Vec<String> = (0..arguments).map(|_| self.name("p")).collect();
        // what it captures must not change while it lives
        let fixed: Vec<_> = self.vars.iter().filter(|v| !v.mutable).cloned().collect();
        let all = std::mem::replace(&mut self.vars, fixed);
        let body = self.scope(|w| {
            params.iter().for_each(|p| w.declare(p, Ty::Scalar, false));
            w.expr(2)
        });
        self.vars = all;
        let typed: Vec<String> = params.iter().map(|p| format!("{p}: 𝔽")).collect();
        let text = format!("let {f} = |{}| {{ let r: 𝔽 = {body}; r }};\n", typed.join(", "));
        // a variable of the body may be shadowed before the call: then it cannot be written in there
        let pure = params.clone();
        let body = body.chars().any(|ch| ch == '[').then_some(()).map_or(Some((pure, body)), |()| None);
        let closed = body.filter(|(p, b)| identifiers(b).all(|i| p.contains(&i) || !self.vars.iter().any(|v| v.text == i)));
        self.calls.push(Callable { name: f, arguments, body: closed });
        text
    }

    /// A loop on an integer, with jumps.
    fn counted(&mut self) -> String {
        let k = self.name("k");
        if self.open_loop > 0 || self.loops >= 2 {
            return self.assignment();
        }
        self.loops += 1;
        let saved = std::mem::replace(&mut self.may_return, false);
        let n = 2 + self.c.below(3);
        let text = self.scope(|w| {
            w.integers.push(k.clone());
            let s = w.assignment();
            // where the counter ends must not hang on a float, or it is refused
            let jump = if w.c.once_in(12) { format!("if {} {{ break; }}\n", w.condition(1)) } else { String::new() };
            match w.c.below(3) {
                0 => format!("let mut {k} = 0;\nwhile {k} < {n} {{\n{s}{jump}{k} += 1;\n}}\n"),
                1 => format!("let mut {k} = {n};\nwhile {k} > 0 {{\n{k} -= 1;\n{jump}{s}}}\n"),
                _ => format!("let mut {k} = 0;\nloop {{\nif {k} >= {n} {{ break; }}\n{jump}{s}{k} += 1;\n}}\n"),
            }
        });
        self.may_return = saved;
        self.loops -= 1;
        text
    }

    /// Two loops of known length and a jump to the outer one.
    fn jumped(&mut self) -> String {
        if self.open_loop > 0 || self.loops > 0 || self.places(true).is_empty() {
            return self.assignment();
        }
        let (i, j) = (self.name("i"), self.name("j"));
        let (n, m) = (2 + self.c.below(2), 2 + self.c.below(2));
        let saved = std::mem::replace(&mut self.may_return, false);
        self.loops += 2;
        let enter = |w: &mut Writer, t: &str, n: usize| {
            w.indices.push(Index { text: t.to_owned(), len: Len::Known(n) });
            w.integers.push(t.to_owned());
        };
        let text = self.scope(|w| {
            enter(w, &i, n);
            let b = w.assignment();
            let (condition, jump, a) = w.scope(|w| {
                enter(w, &j, m);
                (w.condition(1), w.c.of(&["continue 'outer", "break 'outer", "break", "continue"]), w.assignment())
            });
            format!("'outer: for {i} in 0..{n} {{\nfor {j} in 0..{m} {{\nif {condition} {{ {jump}; }}\n{a}}}\n{b}}}\n")
        });
        self.loops -= 2;
        self.may_return = saved;
        text
    }

    fn returned(&mut self) -> String {
        if !self.may_return || self.open_loop > 0 {
            return self.binding();
        }
        let condition = self.condition(1);
        let result = self.scope(Writer::result);
        format!("if {condition} {{ return {result}; }}\n")
    }

    fn in_place(&mut self) -> String {
        let arrays: Vec<_> = self.vars.iter().filter(|v| v.mutable && v.ty != Ty::Scalar).cloned().collect();
        if arrays.is_empty() {
            return self.new_array();
        }
        let x = self.c.of(&arrays);
        let t = x.text.clone();
        let e = self.name("e");
        // the array is borrowed while its elements change
        let hidden: Vec<_> = self.vars.iter().filter(|v| v.text != t).cloned().collect();
        let all = std::mem::replace(&mut self.vars, hidden);
        let text = match x.ty {
            Ty::Fixed(n) if self.c.below(3) == 0 => format!("{t}.swap(0, {});\n", n - 1),
            Ty::Nd1(_) | Ty::Nd2(..) if self.c.below(2) == 0 => self.scope(|w| {
                w.declare(&e, Ty::Scalar, false);
                format!("{t}.mapv_inplace(|{e}| {});\n", w.expr(2))
            }),
            Ty::Fixed2(..) => String::new(),
            _ => {
                let open = usize::from(!matches!(x.ty, Ty::Fixed(_)));
                self.open_loop += open;
                let out = self.scope(|w| {
                    w.declare(&format!("(*{e})"), Ty::Scalar, false);
                    let change = w.step(&format!("*{e}"));
                    format!("for {e} in {t}.iter_mut() {{ {change} }}\n")
                });
                self.open_loop -= open;
                out
            }
        };
        self.vars = all;
        text
    }

    /// An array that is written through the references that an iterator yields.
    fn through_references(&mut self) -> String {
        let lists = |v: &&Var| matches!(v.ty, Ty::Fixed(_) | Ty::List(_)) && !v.text.starts_with("self.");
        let targets: Vec<Var> = self.vars.iter().filter(lists).filter(|v| v.mutable).cloned().collect();
        if targets.is_empty() {
            return self.new_array();
        }
        let x = self.c.of(&targets);
        let same: Vec<Var> = self.vars.iter().filter(lists).filter(|v| v.text != x.text && v.ty.axes() == x.ty.axes()).cloned().collect();
        if same.is_empty() {
            return self.in_place();
        }
        let (t, y) = (&x.text, self.c.of(&same).text);
        let (v, o) = (self.name("v"), self.name("o"));
        let e = self.frozen(|w| {
            w.declare(&format!("(*{v})"), Ty::Scalar, false);
            w.expr(2)
        });
        match self.c.below(3) {
            0 => format!("for ({o}, {v}) in {t}.iter_mut().zip({y}.iter()) {{ *{o} = {e}; }}\n"),
            1 => format!("{y}.iter().zip({t}.iter_mut()).map(|({v}, {o})| ({e}, {o})).map(|(e, o)| *o = e).count();\n"),
            _ => format!("{y}.iter().zip({t}.iter_mut()).for_each(|({v}, {o})| *{o} = *{o} * ‹0.5› + {e});\n"),
        }
    }

    fn pair(&mut self) -> String {
        let (a, b) = (self.name("v"), self.name("v"));
        let (x, y) = (self.expr(2), self.expr(2));
        let mutable = self.c.below(2) == 0;
        self.declare(&a, Ty::Scalar, mutable);
        self.declare(&b, Ty::Scalar, false);
        format!("let ({}{a}, {b}): (𝔽, 𝔽) = ({x}, {y});\n", if mutable { "mut " } else { "" })
    }

    /// The results.
    pub(super) fn result(&mut self) -> String {
        let results: Vec<Ty> = self.results.clone();
        let parts: Vec<String> = results.iter().map(|ty| self.result_of(*ty)).collect();
        let all = match parts.as_slice() {
            [one] => one.clone(),
            _ => format!("({})", parts.join(", ")),
        };
        match self.wrapper {
            Wrapper::Nothing => all,
            Wrapper::Option => format!("Some({all})"),
            Wrapper::Result => format!("Ok({all})"),
        }
    }

    fn result_of(&mut self, ty: Ty) -> String {
        match ty {
            Ty::Scalar => self.expr(3),
            Ty::Fixed(n) => format!("[{}]", (0..n).map(|_| self.expr(2)).collect::<Vec<_>>().join(", ")),
            Ty::List(len) => {
                let own: Vec<_> = self.vars.iter().filter(|v| v.ty == ty).map(|v| v.text.clone()).collect();
                if !own.is_empty() && self.c.below(3) > 0 {
                    return format!("{}.to_vec()", own[own.len() - 1]);
                }
                let (i, n) = (self.name("i"), self.length(len));
                self.scope(|w| {
                    w.indices.push(Index { text: i.clone(), len });
                    w.integers.push(i.clone());
                    format!("(0..{n}).map(|{i}| {}).collect::<Vec<𝔽>>()", w.expr(2))
                })
            }
            Ty::Nd1(len) => self.vector(2, Some(len)).0,
            Ty::Nd2(n, m) => self.matrix(1, Some((n, m))).0,
            Ty::Fixed2(n, m) => {
                let row = |w: &mut Writer| format!("[{}]", (0..m).map(|_| w.expr(1)).collect::<Vec<_>>().join(", "));
                format!("[{}]", (0..n).map(|_| row(self)).collect::<Vec<_>>().join(", "))
            }
            Ty::Fixed3(..) => unreachable!("no result"),
            Ty::Nd3(n, m, k) => {
                let names = [(self.name("i"), n), (self.name("i"), m), (self.name("i"), k)];
                let lengths: Vec<String> = names.iter().map(|(_, len)| self.length(*len)).collect();
                self.scope(|w| {
                    for (i, len) in &names {
                        w.indices.push(Index { text: i.clone(), len: *len });
                        w.integers.push(i.clone());
                    }
                    let [(i, _), (j, _), (l, _)] = &names;
                    format!("Array3::from_shape_fn(({}), |({i}, {j}, {l})| {})", lengths.join(", "), w.expr(2))
                })
            }
        }
    }
}

/// An assignment to an element; ndarray lets the value not be read from the array in one expression.
fn stored(place: &str, value: &str) -> String {
    let name = place.split('[').next().unwrap_or_default();
    if identifiers(value).any(|i| i == name) {
        format!("let value: 𝔽 = {value}; {place} = value;")
    } else {
        format!("{place} = {value};")
    }
}

/// The identifiers of a template.
pub(super) fn identifiers(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|ch: char| !ch.is_ascii_alphanumeric() && ch != '_')
        .filter(|s| s.starts_with(|ch: char| ch.is_ascii_alphabetic()))
        .map(str::to_owned)
}

/// Two statements that do not read or change what the other declares or changes, the other way round.
fn reordered(statements: &[String]) -> String {
    let mut out = String::new();
    let mut rest = statements;
    while let [a, b, ..] = rest {
        if independent(a, b) {
            out += &format!("⦃{a}{b}⦄⦅{b}{a}⦆");
            rest = &rest[2..];
            continue;
        }
        out += a;
        rest = &rest[1..];
    }
    out + &rest.concat()
}

/// Whether two statements may change places: `let`s that do not read each other, or any that have no variable of the
/// function in common. Its names end in digits, but for those of parameters, which change only where they are shadowed.
fn independent(a: &str, b: &str) -> bool {
    if let (Some(x), Some(y)) = (declared(a), declared(b)) {
        return !identifiers(b).any(|i| i == x) && !identifiers(a).any(|i| i == y);
    }
    let jumps = |s: &str| ["return", "break", "continue", "?"].iter().any(|word| s.contains(word));
    let shadows = |s: &str| ["x", "y", "z", "u", "h"].iter().any(|p| s.contains(&format!("let {p}: ")));
    let local = |i: &String| i.ends_with(|ch: char| ch.is_ascii_digit());
    let common = identifiers(a).filter(local).any(|i| identifiers(b).any(|j| i == j));
    !common && ![a, b].iter().any(|s| jumps(s) || shadows(s))
}

/// The name that a statement declares, if it does nothing else.
fn declared(statement: &str) -> Option<String> {
    let name = statement.strip_prefix("let ")?.split_once(": 𝔽 = ")?.0;
    let single = statement.matches('\n').count() == 1 && name.chars().all(|ch| ch.is_ascii_alphanumeric());
    single.then(|| name.to_owned())
}
