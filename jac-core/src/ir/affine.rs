//! Integer expressions that are affine in index variables and axis lengths.
//!
//! One type serves for positions (`i + 1`), lengths (`n - 1`) and integers that reach the
//! arithmetic (`i as f64`).

use std::fmt;

/// An index variable, bound by a definition or, in lowered code, by a loop; its length stands in
/// [`super::Program`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Index(pub u32);

/// A length or integer known only at run time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Size(pub u32);

/// What an affine expression is linear in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Symbol {
    /// An index variable.
    Index(Index),
    /// The index of a sum around the expression, which has no name: how many sums stand between the two
    /// (de Bruijn's index).
    Bound(u32),
    /// A run-time length or integer.
    Size(Size),
}

/// `constant + Σ coefficient · symbol`, in canonical form: symbols ascending, no zero coefficient.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Affine {
    terms: Vec<(Symbol, i64)>,
    constant: i64,
}

/// Positions in the place of indices.
pub fn placed<'a>(indices: &'a [Index], at: &'a [Affine]) -> impl Fn(Symbol) -> Option<Affine> + 'a {
    move |s| match s {
        Symbol::Index(i) => indices.iter().position(|j| *j == i).map(|k| at[k].clone()),
        Symbol::Bound(_) | Symbol::Size(_) => None,
    }
}

/// The indices as positions.
pub fn affines(indices: &[Index]) -> Vec<Affine> {
    indices.iter().map(|i| Affine::from(*i)).collect()
}

impl From<i64> for Affine {
    fn from(constant: i64) -> Self {
        Affine { terms: Vec::new(), constant }
    }
}

impl From<Index> for Affine {
    fn from(index: Index) -> Self {
        Affine { terms: vec![(Symbol::Index(index), 1)], constant: 0 }
    }
}

impl From<Size> for Affine {
    fn from(size: Size) -> Self {
        Affine { terms: vec![(Symbol::Size(size), 1)], constant: 0 }
    }
}

impl From<Symbol> for Affine {
    fn from(symbol: Symbol) -> Self {
        Affine { terms: vec![(symbol, 1)], constant: 0 }
    }
}

impl Affine {
    /// What is added and what is taken away, both without a negative part.
    pub fn sides(&self) -> (Affine, Affine) {
        let mut sides = [Affine::default(), Affine::default()];
        for (symbol, c) in self.terms() {
            let side = &mut sides[usize::from(*c < 0)];
            *side = side.plus(&Affine::from(*symbol), c.abs());
        }
        let side = &mut sides[usize::from(self.constant() < 0)];
        *side = side.plus(&Affine::from(self.constant().abs()), 1);
        sides.into()
    }

    /// The symbols with their coefficients, ascending.
    pub fn terms(&self) -> &[(Symbol, i64)] {
        &self.terms
    }

    /// The constant part.
    pub fn constant(&self) -> i64 {
        self.constant
    }

    /// The value, if no symbol occurs.
    pub fn known(&self) -> Option<i64> {
        self.terms.is_empty().then_some(self.constant)
    }

    /// The index variable, if the expression is exactly one.
    pub fn as_index(&self) -> Option<Index> {
        match (self.terms.as_slice(), self.constant) {
            ([(Symbol::Index(i), 1)], 0) => Some(*i),
            _ => None,
        }
    }

    /// Whether it differs from round to round of a loop or sum around it.
    pub fn is_indexed(&self) -> bool {
        self.terms.iter().any(|(s, _)| !matches!(s, Symbol::Size(_)))
    }

    /// The symbol, if the expression is exactly one.
    pub fn as_symbol(&self) -> Option<Symbol> {
        match (self.terms.as_slice(), self.constant) {
            ([(s, 1)], 0) => Some(*s),
            _ => None,
        }
    }

    /// The size variable, if the expression is exactly one.
    pub fn as_size(&self) -> Option<Size> {
        match (self.terms.as_slice(), self.constant) {
            ([(Symbol::Size(s), 1)], 0) => Some(*s),
            _ => None,
        }
    }

    /// The coefficient of `symbol`, zero where it does not occur.
    pub fn coefficient(&self, symbol: Symbol) -> i64 {
        self.terms.iter().find(|(s, _)| *s == symbol).map_or(0, |(_, c)| *c)
    }

    /// The index variables that occur.
    pub fn indices(&self) -> impl Iterator<Item = Index> + '_ {
        self.terms.iter().filter_map(|(s, _)| match s {
            Symbol::Index(i) => Some(*i),
            Symbol::Bound(_) | Symbol::Size(_) => None,
        })
    }

    /// The lengths and integers that occur.
    pub fn sizes(&self) -> impl Iterator<Item = Size> + '_ {
        self.terms.iter().filter_map(|(s, _)| match s {
            Symbol::Size(n) => Some(*n),
            Symbol::Bound(_) | Symbol::Index(_) => None,
        })
    }

    /// How many sums around the expression it refers to: one more than the farthest, 0 if to none.
    pub fn loose(&self) -> u32 {
        let bound = |(s, _): &(Symbol, i64)| match s {
            Symbol::Bound(k) => k + 1,
            Symbol::Index(_) | Symbol::Size(_) => 0,
        };
        self.terms.iter().map(bound).max().unwrap_or(0)
    }

    /// The same inside `depth` more sums.
    #[must_use]
    pub fn lifted(&self, depth: u32) -> Affine {
        match self.loose() {
            0 => self.clone(),
            _ => self.substitute(|s| match s {
                Symbol::Bound(k) => Some(Affine::from(Symbol::Bound(k + depth))),
                Symbol::Index(_) | Symbol::Size(_) => None,
            }),
        }
    }

    /// `self + factor · other`.
    #[must_use]
    pub fn plus(&self, other: &Affine, factor: i64) -> Affine {
        let mut terms = self.terms.clone();
        for &(symbol, coefficient) in &other.terms {
            match terms.binary_search_by_key(&symbol, |t| t.0) {
                Ok(at) => terms[at].1 += factor * coefficient,
                Err(at) => terms.insert(at, (symbol, factor * coefficient)),
            }
        }
        terms.retain(|t| t.1 != 0);
        Affine { terms, constant: self.constant + factor * other.constant }
    }

    /// `self + 1`.
    #[must_use]
    pub fn after(&self) -> Affine {
        self.plus(&Affine::from(1), 1)
    }

    /// `self · factor`.
    #[must_use]
    pub fn times(&self, factor: i64) -> Affine {
        Affine::default().plus(self, factor)
    }

    /// Every symbol for which `with` has an answer is replaced by it.
    #[must_use]
    pub fn substitute(&self, mut with: impl FnMut(Symbol) -> Option<Affine>) -> Affine {
        let mut out = Affine::from(self.constant);
        for &(symbol, coefficient) in &self.terms {
            let value = with(symbol).unwrap_or(Affine { terms: vec![(symbol, 1)], constant: 0 });
            out = out.plus(&value, coefficient);
        }
        out
    }

    /// `symbol` such that `self = 0`, if its coefficient is ±1.
    pub fn solve_for(&self, symbol: Symbol) -> Option<Affine> {
        let c = self.coefficient(symbol);
        (c.abs() == 1).then(|| {
            let alone = Affine { terms: vec![(symbol, 1)], constant: 0 };
            self.plus(&alone, -c).times(-c)
        })
    }

    /// Prints with the given names.
    pub fn display(&self, name: &dyn Fn(Symbol) -> String) -> String {
        let mut out = String::new();
        for &(symbol, c) in &self.terms {
            let sign = match (out.is_empty(), c < 0) {
                (true, false) => "",
                (true, true) => "-",
                (false, false) => "+",
                (false, true) => "-",
            };
            out += sign;
            if c.abs() != 1 {
                out += &format!("{}*", c.abs());
            }
            out += &name(symbol);
        }
        if out.is_empty() {
            return self.constant.to_string();
        }
        if self.constant != 0 {
            out += &format!("{:+}", self.constant);
        }
        out
    }
}

impl fmt::Display for Affine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.display(&|s| match s {
            Symbol::Index(i) => format!("i{}", i.0),
            Symbol::Bound(k) => format!("#{k}"),
            Symbol::Size(s) => format!("n{}", s.0),
        }))
    }
}

/// Whether the elements of a shape follow one another at positions that are affine: all axes but the first have lengths that are
/// numbers.
pub fn is_affine(shape: &[Affine]) -> bool {
    shape.iter().skip(1).all(|n| n.known().is_some())
}
