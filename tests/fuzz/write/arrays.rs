//! What iterates over arrays, and expressions that are arrays.

use super::{Float, Index, Len, Ty, Var, Writer};

/// What a loop or an iterator goes over: `for pattern in head`, and what it declares.
pub(super) struct Source {
    pub head: String,
    pub pattern: String,
    pub vars: Vec<(String, Ty)>,
    pub indices: Vec<(String, Len)>,
    /// Whether the number of rounds is known only at run time.
    pub open: bool,
    /// What the pattern is bound to in each round, if that can be written by hand.
    pub rounds: Vec<String>,
}

impl Source {
    /// The head as a receiver of methods.
    pub fn receiver(&self) -> String {
        if self.head.contains("..") && !self.head.starts_with('(') {
            format!("({})", self.head)
        } else {
            self.head.clone()
        }
    }
}

impl Writer {
    fn arrays(&self, fits: impl Fn(Ty) -> bool) -> Vec<Var> {
        self.vars.iter().filter(|v| fits(v.ty)).cloned().collect()
    }

    fn list(&mut self) -> Option<(Var, Len)> {
        let mut all = self.arrays(|t| matches!(t, Ty::List(_) | Ty::Fixed(_) | Ty::Nd1(_)));
        // fields are constants of a type that is not seen
        all.retain(|v| !v.text.starts_with("self."));
        if all.is_empty() {
            return None;
        }
        let v = self.c.of(&all);
        Some((v.clone(), length_of(v.ty)))
    }

    /// Something to go over, perhaps not all of it.
    pub(super) fn source(&mut self) -> Source {
        let whole = self.whole_source();
        // over run-time lengths these are mostly refused; rows are not copied
        let copied = whole.vars.iter().all(|(_, t)| matches!(t, Ty::Scalar | Ty::Fixed(_)));
        if !copied || whole.open && !self.c.once_in(40) || !whole.open && !self.c.once_in(4) {
            return whole;
        }
        let method = self.c.of(&["filter", "take_while", "skip_while"]);
        let condition = self.frozen(|w| {
            w.enter(&whole);
            w.condition(1)
        });
        let head = format!("{}.{method}(|&{}| {condition})", whole.receiver(), whole.pattern);
        Source { head, rounds: Vec::new(), ..whole }
    }

    /// Writes what an iterator holds on to: what changes meanwhile is not to be read in it.
    pub(super) fn frozen<T>(&mut self, write: impl FnOnce(&mut Writer) -> T) -> T {
        let fixed: Vec<Var> = self.vars.iter().filter(|v| !v.mutable).cloned().collect();
        let all = std::mem::replace(&mut self.vars, fixed);
        let out = self.scope(write);
        self.vars = all;
        out
    }

    /// Something to go over. Positions are asked for by index if it is for a loop of `for`.
    fn whole_source(&mut self) -> Source {
        let Some((x, len)) = self.list() else { return self.range(None) };
        let name = x.text.clone();
        let open = matches!(len, Len::Open(_));
        let one = |w: &mut Writer, head: String| {
            let v = w.name("v");
            let (pattern, text) = if w.c.below(2) == 0 { (v.clone(), format!("(*{v})")) } else { (format!("&{v}"), v) };
            Source { head, pattern, vars: vec![(text, Ty::Scalar)], indices: Vec::new(), open, rounds: Vec::new() }
        };
        // over run-time lengths some methods are refused today; now and then they are tried
        let rare = open && !self.c.once_in(12);
        match self.c.below(14) {
            0 | 1 => {
                let all = one(self, format!("{name}.iter()"));
                let rounds = match len {
                    Len::Known(n) => (0..n).map(|k| format!("&{name}[{k}]")).collect(),
                    Len::Open(_) => Vec::new(),
                };
                Source { rounds, ..all }
            }
            2 | 3 => self.range(Some((name, len))),
            4 | 5 => {
                let (i, v) = (self.name("i"), self.name("v"));
                let head = format!("{name}.iter().enumerate()");
                Source {
                    head,
                    pattern: format!("({i}, {v})"),
                    vars: vec![(format!("(*{v})"), Ty::Scalar)],
                    indices: vec![(i, len)],
                    open,
                    rounds: Vec::new(),
                }
            }
            6 | 7 => {
                let mut same = self.arrays(|t| matches!(t, Ty::List(_) | Ty::Fixed(_) | Ty::Nd1(_)) && length_of(t) == len);
                same.retain(|v| !v.text.starts_with("self."));
                let y = self.c.of(&same).text;
                let (a, b) = (self.name("a"), self.name("b"));
                let head = format!("{name}.iter().zip({y}.iter())");
                let (pattern, texts) = if self.c.below(2) == 0 {
                    (format!("({a}, {b})"), [format!("(*{a})"), format!("(*{b})")])
                } else {
                    (format!("(&{a}, &{b})"), [a, b])
                };
                Source {
                    head,
                    pattern,
                    vars: texts.into_iter().map(|t| (t, Ty::Scalar)).collect(),
                    indices: Vec::new(),
                    open,
                    rounds: Vec::new(),
                }
            }
            8 if !matches!(x.ty, Ty::Nd1(_)) => {
                let w = self.name("w");
                let (method, n) = self.c.of(&[("windows", 2), ("windows", 3), (if rare { "windows" } else { "chunks_exact" }, 2)]);
                let head = format!("{name}.{method}({n})");
                Source { head, pattern: w.clone(), vars: vec![(w, Ty::Fixed(n))], indices: Vec::new(), open, rounds: Vec::new() }
            }
            9 => one(self, format!("{name}.iter().rev()")),
            10 => one(self, format!("{name}.iter().skip(1)")),
            11 if !rare => one(self, format!("{name}.iter().take(2)")),
            12 if !rare => one(self, format!("{name}.iter().step_by(2)")),
            _ => self.rows(),
        }
    }

    /// The rows of a matrix, or numbers.
    fn rows(&mut self) -> Source {
        let matrices = self.arrays(|t| matches!(t, Ty::Nd2(..) | Ty::Fixed2(..)));
        if matrices.is_empty() {
            return self.range(None);
        }
        let m = self.c.of(&matrices);
        let row = self.name("r");
        match m.ty {
            Ty::Nd2(n, k) => {
                let method = self.c.of(&["outer_iter", "rows"]);
                // `rows` is no iterator, only something to iterate over
                let head = format!("{}.{method}(){}", m.text, if method == "rows" { ".into_iter()" } else { "" });
                let open = matches!(n, Len::Open(_));
                Source { head, pattern: row.clone(), vars: vec![(row, Ty::Nd1(k))], indices: Vec::new(), open, rounds: Vec::new() }
            }
            Ty::Fixed2(_, k) => {
                let head = format!("{}.iter()", m.text);
                Source { head, pattern: row.clone(), vars: vec![(row, Ty::Fixed(k))], indices: Vec::new(), open: false, rounds: Vec::new() }
            }
            _ => unreachable!("a matrix"),
        }
    }

    /// A range of positions of an array, of a length in scope, or a known one.
    pub(super) fn range(&mut self, of: Option<(String, Len)>) -> Source {
        let i = self.name("i");
        let (text, len) = match of {
            Some((x, len)) => (if self.c.below(2) == 0 { format!("{x}.len()") } else { self.length(len) }, len),
            None if !self.lengths.is_empty() && self.c.below(2) == 0 => {
                let (len, text) = self.c.of(&self.lengths.clone());
                (text, len)
            }
            None => {
                let n = 1 + self.c.below(4);
                (n.to_string(), Len::Known(n))
            }
        };
        let open = matches!(len, Len::Open(_));
        let own = vec![(i.clone(), len)];
        let inner = self.indices.iter().rev().find(|j| j.len == len && !j.text.contains(' ')).cloned();
        let positions = |from: usize| -> Vec<String> {
            match len {
                Len::Known(n) if text == n.to_string() => (from..n).map(|k| format!("{k}usize")).collect(),
                _ => Vec::new(),
            }
        };
        let mut rounds = Vec::new();
        let (head, indices) = match self.c.below(7) {
            0..=2 => {
                rounds = positions(0);
                (format!("0..{text}"), own)
            }
            3 => {
                rounds = positions(1);
                (format!("1..{text}"), vec![(i.clone(), len), (format!("{i} - 1"), len)])
            }
            4 => {
                rounds = positions(0).into_iter().rev().collect();
                (format!("(0..{text}).rev()"), own)
            }
            5 => match inner {
                Some(Index { text: j, .. }) => (if self.c.below(2) == 0 { format!("0..{j}") } else { format!("{j}..{text}") }, own),
                None => (format!("0..{text}"), own),
            },
            _ if open => (format!("0..{text}"), own),
            _ => (format!("(0..{text}).step_by(2)"), own),
        };
        Source { head, pattern: i, vars: Vec::new(), indices, open, rounds }
    }

    /// Declares what a source declares.
    pub(super) fn enter(&mut self, source: &Source) {
        for (text, ty) in &source.vars {
            self.declare(text, *ty, false);
        }
        for (text, len) in &source.indices {
            self.indices.push(Index { text: text.clone(), len: *len });
            if !text.contains(' ') {
                self.integers.push(text.clone());
            }
        }
    }

    /// A scalar from an array.
    pub(super) fn reduction(&mut self, d: usize) -> String {
        if self.float == Float::Generic {
            return self.folded(d);
        }
        match self.c.below(14) {
            12 => self.scanned(d),
            0..=4 => {
                let how = if self.c.below(6) == 5 { "product" } else { "sum" };
                self.scope(|w| {
                    let s = w.source();
                    w.enter(&s);
                    let head = s.receiver();
                    let e = w.expr(d);
                    // a product of many grows
                    let e = if how == "product" { format!("({} * ‹0.5›).cos()", e.replace('›', "ƒ›")) } else { e };
                    format!("{head}.map(|{}| {e}).{how}::<𝔽>()", s.pattern)
                })
            }
            5..=7 => self.folded(d),
            8 => match self.list() {
                Some((x, _)) => format!("{}.iter().sum::<𝔽>()", x.text),
                None => self.unary_of(d),
            },
            _ => self.ndarray_scalar(d),
        }
    }

    fn unary_of(&mut self, d: usize) -> String {
        format!("({} * ‹0.5›)", self.expr(d))
    }

    fn folded(&mut self, d: usize) -> String {
        self.scope(|w| {
            let start = w.expr(d.min(1));
            let source = w.source();
            w.enter(&source);
            let s = w.name("s");
            w.declare(&s, Ty::Scalar, false);
            let e = w.expr(d.min(2));
            let head = source.receiver();
            let next = match w.c.below(5) {
                0 | 1 => format!("{s} + {e}"),
                2 => format!("{s} * ‹0.5› + {e}"),
                3 => format!("{s}.max({e})"),
                _ => format!("({s} + {e}).sin()"),
            };
            // a literal's type is found from the whole only if nothing is called on it
            let start = start.replace('›', "ƒ›");
            format!("{head}.fold({start}, |{s}, {}| {next})", source.pattern)
        })
    }

    /// What a running state yields, added up or the last of it.
    fn scanned(&mut self, d: usize) -> String {
        self.scope(|w| {
            let start = w.expr(d.min(1)).replace('›', "ƒ›");
            let source = w.source();
            w.enter(&source);
            let s = w.name("s");
            let e = w.expr(d.min(1));
            w.declare(&format!("(*{s})"), Ty::Scalar, false);
            let next = w.c.of(&["* ‹0.5› +", "+", "-"]);
            let yielded = w.expr(d.min(1));
            let last = w.c.of(&[".sum::<𝔽>()", ".sum::<𝔽>()", ".last().unwrap_or(‹0.5›)", ".fold(‹0.25ƒ›, |p, q| p * ‹0.5› + q)"]);
            let kept = w.c.of(&["", "", "", ".skip(1)", ".take(2)", ".map(|o| o * o)"]);
            format!(
                "{}.scan({start}, |{s}, {}| {{ *{s} = *{s} {next} {e}; Some({yielded}) }}){kept}{last}",
                source.receiver(),
                source.pattern
            )
        })
    }

    fn ndarray_scalar(&mut self, d: usize) -> String {
        let vectors = self.arrays(|t| matches!(t, Ty::Nd1(_)));
        let matrices = self.arrays(|t| matches!(t, Ty::Nd2(..)));
        if vectors.is_empty() && matrices.is_empty() {
            return self.folded(d);
        }
        match self.c.below(5) {
            0 | 1 if !vectors.is_empty() => {
                let x = self.c.of(&vectors);
                let same = self.arrays(|t| t == x.ty);
                let y = self.c.of(&same).borrowed();
                format!("{}.dot({y})", x.text)
            }
            2 if !matrices.is_empty() => {
                let m = self.c.of(&matrices);
                let scalar = self.c.of(&["sum()", "diag().sum()", "t().sum()", "iter().map(|q| q * q).sum::<𝔽>()"]);
                // the diagonal is read of square matrices alone: their lengths are checked on entry
                let square = matches!(m.ty, Ty::Nd2(n, k) if n == k);
                format!("{}.{}", m.text, if scalar.starts_with("diag") && !square { "sum()" } else { scalar })
            }
            3 if self.linalg && !vectors.is_empty() => format!("⟨linalg¦hl⟩::norm(&({} + ‹0.25›))", self.vector(d, None).0),
            4 if self.linalg => match self.square() {
                Some((m, n)) => {
                    let n = self.length(n);
                    let f = self.c.of(&["det", "ln_det", "trace"]);
                    format!("⟨linalg¦hl⟩::{f}(&({m} * ‹0.3› + &(Array2::<𝔽>::eye({n}) * ‹2.0›)))")
                }
                None => self.folded(d),
            },
            _ => {
                let (v, _) = self.vector(d, None);
                format!("({v}).sum()")
            }
        }
    }

    fn square(&mut self) -> Option<(String, Len)> {
        let all = self.arrays(|t| matches!(t, Ty::Nd2(n, m) if n == m));
        if all.is_empty() {
            return None;
        }
        let v = self.c.of(&all);
        match v.ty {
            Ty::Nd2(n, _) => Some((v.borrowed(), n)),
            _ => None,
        }
    }

    /// An `Array1`, of the given length or any.
    pub(super) fn vector(&mut self, d: usize, of: Option<Len>) -> (String, Len) {
        self.span(|w| w.vector_inner(d, of))
    }

    fn vector_inner(&mut self, d: usize, of: Option<Len>) -> (String, Len) {
        let fits = |t: Ty| matches!(t, Ty::Nd1(n) if of.is_none_or(|l| l == n));
        let all = self.arrays(fits);
        if all.is_empty() {
            let len = of.or_else(|| self.lengths.first().map(|l| l.0)).unwrap_or(Len::Known(2));
            let text = self.length(len);
            let i = self.name("i");
            return self.scope(|w| {
                w.indices.push(Index { text: i.clone(), len });
                w.integers.push(i.clone());
                let e = w.expr(d.min(2));
                (format!("Array1::from_shape_fn({text}, |{i}| {e})"), len)
            });
        }
        let x = self.c.of(&all);
        let len = length_of(x.ty);
        let (x, r) = (x.text.clone(), x.borrowed());
        if d == 0 {
            return (format!("{x}.to_owned()"), len);
        }
        let e = match self.c.below(9) {
            0 => {
                let (y, _) = self.vector(d - 1, Some(len));
                format!("({r} {} &({y}))", self.c.of(&["+", "-", "*"]))
            }
            1 => {
                let s = self.receiver(d - 1);
                format!("({r} * ({s}))")
            }
            2 => format!("⟨2.0 * {r}¦{r} * c(2.0)⟩"),
            3 => self.mapped(&x, d),
            4 => format!("{x}.mapv(𝔽::{})", self.c.of(&["sin", "tanh", "cos", "exp"])),
            5 => match self.matrix_for(len) {
                Some((m, inner)) => format!("{m}.dot(&({}))", self.vector(d - 1, Some(inner)).0),
                None => self.mapped(&x, d),
            },
            6 if self.linalg => match self.arrays(|t| t == Ty::Nd2(len, len)).first() {
                Some(m) => {
                    let n = self.length(len);
                    let b = self.vector(d - 1, Some(len)).0;
                    format!("⟨linalg¦hl⟩::solve(&({} * ‹0.3› + &(Array2::<𝔽>::eye({n}) * ‹2.0›)), &({b}))", m.borrowed())
                }
                None => self.mapped(&x, d),
            },
            7 => format!("({r} + &{x}.mapv(|q| q * q))"),
            _ => format!("({r} / ({} * ‹0.0› + ‹1.5›))", self.receiver(0)),
        };
        (e, len)
    }

    fn mapped(&mut self, x: &str, d: usize) -> String {
        let q = self.name("q");
        self.scope(|w| {
            w.declare(&q, Ty::Scalar, false);
            let e = w.expr(d.min(2));
            format!("{x}.mapv(|{q}| {e})")
        })
    }

    /// A matrix with so many rows, perhaps a transpose, and the number of its columns.
    fn matrix_for(&mut self, rows: Len) -> Option<(String, Len)> {
        let mut all = Vec::new();
        for v in self.vars.iter() {
            if let Ty::Nd2(n, m) = v.ty {
                if n == rows {
                    all.push((v.text.clone(), m));
                }
                if m == rows {
                    all.push((format!("{}.t()", v.text), n));
                }
            }
        }
        (!all.is_empty()).then(|| self.c.of(&all))
    }

    /// An `Array2`.
    pub(super) fn matrix(&mut self, d: usize, of: Option<(Len, Len)>) -> (String, (Len, Len)) {
        let all = self.arrays(|t| matches!(t, Ty::Nd2(n, m) if of.is_none_or(|s| s == (n, m))));
        if all.is_empty() {
            let some = |w: &mut Writer| w.lengths.first().map_or(Len::Known(2), |l| l.0);
            let (n, m) = of.unwrap_or((some(self), some(self)));
            let (tn, tm) = (self.length(n), self.length(m));
            let (i, j) = (self.name("i"), self.name("j"));
            return self.scope(|w| {
                for (t, len) in [(&i, n), (&j, m)] {
                    w.indices.push(Index { text: t.clone(), len });
                    w.integers.push(t.clone());
                }
                let e = w.expr(d.min(2));
                (format!("Array2::from_shape_fn(({tn}, {tm}), |({i}, {j})| {e})"), (n, m))
            });
        }
        let v = self.c.of(&all);
        let Ty::Nd2(n, m) = v.ty else { unreachable!("a matrix") };
        let (x, r) = (v.text.clone(), v.borrowed());
        let e = match self.c.below(6) {
            0 => self.mapped(&x, d),
            1 if n == m => format!("{x}.dot({r})"),
            2 if n == m => format!("({r} + &{x}.t())"),
            3 => format!("({r} * ({}))", self.receiver(d.min(1))),
            5 if self.linalg && n == m => {
                let t = self.length(n);
                format!("⟨linalg¦hl⟩::cholesky(&({x}.dot(&{x}.t()) * ‹0.3› + &(Array2::<𝔽>::eye({t}) * ‹1.5›)))")
            }
            4 if self.linalg && n == m => {
                let t = self.length(n);
                format!("⟨linalg¦hl⟩::inv(&({r} * ‹0.3› + &(Array2::<𝔽>::eye({t}) * ‹2.0›)))")
            }
            _ => format!("({r} * {r})"),
        };
        (e, (n, m))
    }
}

/// The length of a list.
pub(super) fn length_of(ty: Ty) -> Len {
    match ty {
        Ty::Fixed(n) => Len::Known(n),
        Ty::List(n) | Ty::Nd1(n) => n,
        _ => unreachable!("a list"),
    }
}
