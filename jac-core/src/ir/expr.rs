//! Scalar expressions: hash-consed nodes in an arena.
//!
//! Children always stand before their parents, so a pass over an expression is a loop over
//! ascending ids and never recurses, however deep the user's code was.

use super::affine::{Affine, Index, Size, Symbol};
use super::constant::Constant;
use crate::ops::{Build, Domain, Intrinsic, Op};
use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;

/// A set that remembers the order of insertion.
pub type Set<T> = IndexSet<T, FxBuildHasher>;
/// A map that remembers the order of insertion.
pub type Map<K, V> = indexmap::IndexMap<K, V, FxBuildHasher>;

/// A node of the arena.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Expr(pub u32);

impl Expr {
    /// The position in the arena.
    pub fn at(self) -> usize {
        self.0 as usize
    }
}

/// A parameter or a defined tensor of the program.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Tensor(pub u32);

/// A scalar expression.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Node {
    /// An exact constant.
    Const(Constant),
    /// An integer, converted to floating point.
    Integer(Affine),
    /// An element of a tensor.
    Access(Tensor, Vec<Affine>),
    /// Kronecker's delta: 1 where both are equal, else a structural 0, which annihilates even a NaN.
    Delta(Affine, Affine),
    /// Iverson's bracket of a truth value: 1, or a structural 0.
    Bracket(Expr),
    /// The sum over an index without a name, of the given length: in its body the index is
    /// [`Symbol::Bound`], so that nothing can capture it and equal sums are one node.
    Sum(Affine, Expr),
    /// The sum over an index that has a name, which no sum inside it has: what [`super::Program::named_sums`]
    /// makes for printing and [`super::Program::named_alike`] for loops. No program holds one between two passes.
    Named(Index, Expr),
    /// An operator of the table.
    Apply(Op, Vec<Expr>),
}

impl Node {
    /// The operands.
    pub fn children(&self) -> &[Expr] {
        match self {
            Node::Bracket(e) | Node::Sum(_, e) | Node::Named(_, e) => std::slice::from_ref(e),
            Node::Apply(_, args) => args,
            Node::Const(_) | Node::Integer(_) | Node::Access(..) | Node::Delta(..) => &[],
        }
    }

    /// The same node over other operands.
    #[must_use]
    pub fn with_children(&self, mut f: impl FnMut(Expr) -> Expr) -> Node {
        match self {
            Node::Bracket(e) => Node::Bracket(f(*e)),
            Node::Sum(n, e) => Node::Sum(n.clone(), f(*e)),
            Node::Named(i, e) => Node::Named(*i, f(*e)),
            Node::Apply(op, args) => Node::Apply(*op, args.iter().map(|e| f(*e)).collect()),
            leaf => leaf.clone(),
        }
    }

    /// The affine expressions in it.
    pub fn affines(&self) -> &[Affine] {
        match self {
            Node::Integer(a) => std::slice::from_ref(a),
            Node::Access(_, at) => at,
            _ => &[],
        }
    }

    /// These, the sides of a delta and the length of a sum.
    fn all_affines(&self) -> impl Iterator<Item = &Affine> {
        let others = match self {
            Node::Delta(a, b) => [Some(a), Some(b)],
            Node::Sum(length, _) => [Some(length), None],
            _ => [None; 2],
        };
        self.affines().iter().chain(others.into_iter().flatten())
    }
}

/// Operations are moved into the arms of masks that are nested no deeper than this.
const MASKS: u32 = 2;
/// Sums and products of more masks are multiplied as they are.
const MOST_MASKS: usize = 2000;

/// What products with a node have to know.
#[derive(Clone, Copy, Debug, Default)]
struct Traits {
    /// It may be 0 because no branch that leads to it is taken.
    masked: bool,
    /// It may be no finite number, outside the domain of an operation in it.
    partial: bool,
}

/// The symbols with a name that are free in an expression, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Mentions {
    indices: Vec<Index>,
    sizes: Vec<Size>,
}

/// The nodes of a program.
#[derive(Clone, Debug, Default)]
pub struct Arena {
    nodes: Set<Node>,
    /// Of each node, to how many sums around it it refers: 0 if it means the same everywhere.
    loose: Vec<u32>,
    /// Of each node, which of `mentions` is free in it.
    free: Vec<u32>,
    mentions: Set<Mentions>,
    /// Of each node, what products with it have to know.
    traits: Vec<Traits>,
    /// The matrices of which `t[i, j] = t[j, i]`: their accesses are in one order.
    symmetric: Set<Tensor>,
}

impl std::ops::Index<Expr> for Arena {
    type Output = Node;

    fn index(&self, e: Expr) -> &Node {
        &self.nodes[e.at()]
    }
}

impl Build for Arena {
    fn constant(&mut self, value: f64) -> u32 {
        let c = Constant::from_f64(value).expect("a finite constant");
        self.insert(Node::Const(c)).0
    }

    fn apply(&mut self, op: Op, args: &[u32]) -> u32 {
        Arena::apply(self, op, args.iter().copied().map(Expr).collect()).0
    }
}

impl Arena {
    /// The number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Makes it known that `t[i, j] = t[j, i]`; nodes that are there stay as they are.
    pub fn set_symmetric(&mut self, t: Tensor) {
        self.symmetric.insert(t);
    }

    /// Whether that is known.
    pub fn is_symmetric(&self, t: Tensor) -> bool {
        self.symmetric.contains(&t)
    }

    /// Adds a node as it is; equal nodes are one. A bracket of what is known is a number.
    pub fn insert(&mut self, mut node: Node) -> Expr {
        if let Node::Bracket(c) = node {
            if let Some(known) = self.as_const(c) {
                let bit = i64::from(!known.is_zero());
                return self.constant(bit);
            }
        }
        if let Node::Access(t, at) = &mut node {
            if self.symmetric.contains(t) {
                at.sort();
            }
        }
        let (at, new) = self.nodes.insert_full(node);
        if new {
            self.loose.push(self.count_loose(&self.nodes[at]));
            let free = self.mentions_of(&self.nodes[at]);
            self.free.push(self.mentions.insert_full(free).0 as u32);
            self.traits.push(self.traits_of(&self.nodes[at]));
        }
        Expr(u32::try_from(at).expect("fewer than 2³² nodes"))
    }

    fn traits_of(&self, node: &Node) -> Traits {
        let masked = |e: &Expr| self.traits[e.at()].masked || self.is(*e, 0);
        let children = node.children();
        let inner = children.iter().any(|c| self.traits[c.at()].partial);
        match node {
            Node::Apply(op, args) => Traits {
                masked: match op {
                    Op::Select => self.is(args[1], 0) || self.is(args[2], 0) || masked(&args[1]) && masked(&args[2]),
                    Op::Add | Op::Sub => args.iter().all(masked),
                    Op::Mul => args.iter().any(masked),
                    Op::Neg | Op::Div => masked(&args[0]),
                    _ => false,
                },
                partial: inner || !matches!(op.entry().domain, Domain::Total),
            },
            _ => Traits { masked: false, partial: inner },
        }
    }

    fn count_loose(&self, node: &Node) -> u32 {
        match node {
            Node::Sum(_, body) => self.loose(*body).saturating_sub(1),
            Node::Delta(a, b) => a.loose().max(b.loose()),
            node => {
                let own = node.affines().iter().map(Affine::loose);
                own.chain(node.children().iter().map(|c| self.loose(*c))).max().unwrap_or(0)
            }
        }
    }

    fn mentioned(&self, e: Expr) -> &Mentions {
        &self.mentions[self.free[e.at()] as usize]
    }

    fn mentions_of(&self, node: &Node) -> Mentions {
        let mut found = Mentions::default();
        for (symbol, _) in node.all_affines().flat_map(Affine::terms) {
            match symbol {
                Symbol::Index(i) => found.indices.push(*i),
                Symbol::Size(n) => found.sizes.push(*n),
                Symbol::Bound(_) => {}
            }
        }
        for c in node.children() {
            found.indices.extend(&self.mentioned(*c).indices);
            found.sizes.extend(&self.mentioned(*c).sizes);
        }
        if let Node::Named(i, _) = node {
            found.indices.retain(|j| j != i);
        }
        found.indices.sort_unstable();
        found.indices.dedup();
        found.sizes.sort_unstable();
        found.sizes.dedup();
        found
    }

    /// To how many sums around it an expression refers: 0 if it means the same everywhere.
    pub fn loose(&self, e: Expr) -> u32 {
        self.loose[e.at()]
    }

    /// Whether an expression may be no finite number, outside the domain of an operation in it.
    pub fn is_partial(&self, e: Expr) -> bool {
        self.traits[e.at()].partial
    }

    /// The sum over an index of the given length, which has a name in `body` and none in the result.
    pub fn sum(&mut self, i: Index, length: Affine, body: Expr) -> Expr {
        let body = self.bind(&[i], body);
        self.insert(Node::Sum(length, body))
    }

    /// The body of sums over the given indices, the first outermost.
    pub fn bind(&mut self, indices: &[Index], body: Expr) -> Expr {
        let count = indices.len() as u32;
        self.substitute(body, &|s| match s {
            Symbol::Index(i) => {
                let at = indices.iter().rposition(|j| *j == i)?;
                Some(Affine::from(Symbol::Bound(count - 1 - at as u32)))
            }
            Symbol::Bound(k) => Some(Affine::from(Symbol::Bound(k + count))),
            Symbol::Size(_) => None,
        })
    }

    /// The body of sums at the given positions, the first that of the outermost: the inverse of [`Arena::bind`].
    pub fn open(&mut self, body: Expr, at: &[Affine]) -> Expr {
        let count = at.len() as u32;
        self.rebind(body, &|k| match k.checked_sub(count) {
            Some(outer) => Affine::from(Symbol::Bound(outer)),
            None => at[(count - 1 - k) as usize].clone(),
        })
    }

    /// Replaces the indices of the sums around the expression.
    pub fn rebind(&mut self, root: Expr, with: &dyn Fn(u32) -> Affine) -> Expr {
        if self.loose(root) == 0 {
            return root;
        }
        self.substitute(root, &|s| match s {
            Symbol::Bound(k) => Some(with(k)),
            Symbol::Index(_) | Symbol::Size(_) => None,
        })
    }

    /// Applies an operator without simplifying: the operations of the user.
    pub fn apply(&mut self, op: Op, args: Vec<Expr>) -> Expr {
        debug_assert_eq!(op.entry().arity, args.len(), "{}", op.name());
        self.insert(Node::Apply(op, args))
    }

    /// A constant.
    pub fn constant(&mut self, c: impl Into<Constant>) -> Expr {
        self.insert(Node::Const(c.into()))
    }

    /// An integer as a float: a constant, if it is known.
    pub fn integer(&mut self, a: Affine) -> Expr {
        match a.known() {
            Some(n) => self.constant(n),
            None => self.insert(Node::Integer(a)),
        }
    }

    /// Kronecker's delta, decided where it can be.
    pub fn delta(&mut self, a: &Affine, b: &Affine) -> Expr {
        match a.plus(b, -1).known() {
            Some(0) => self.constant(1),
            Some(_) => self.constant(0),
            None => self.insert(Node::Delta(a.clone(), b.clone())),
        }
    }

    /// The elements of `f(a, b)`, as straight-line code, for `a` of shape `[n, n]`.
    pub fn intrinsic(&mut self, f: Intrinsic, a: &[Expr], b: &[Expr], n: usize) -> Vec<Expr> {
        let numbers = |es: &[Expr]| es.iter().map(|e| e.0).collect::<Vec<_>>();
        (f.entry().elements)(self, &numbers(a), &numbers(b), n).into_iter().map(Expr).collect()
    }

    /// The constant, if the node is one.
    pub fn as_const(&self, e: Expr) -> Option<&Constant> {
        match &self[e] {
            Node::Const(c) => Some(c),
            _ => None,
        }
    }

    /// Whether the node is the constant `n`.
    pub fn is(&self, e: Expr, n: i64) -> bool {
        self.as_const(e).is_some_and(|c| c.to_integer() == Some(n))
    }

    /// The operator and operands, if the node is an application.
    pub fn as_apply(&self, e: Expr) -> Option<(Op, &[Expr])> {
        match &self[e] {
            Node::Apply(op, args) => Some((*op, args)),
            _ => None,
        }
    }

    /// `a + b` with exact constants folded and structural zeros dropped. Two masks of the same
    /// condition are joined.
    pub fn add(&mut self, a: Expr, b: Expr) -> Expr {
        self.add_at(a, b, 0)
    }

    fn add_at(&mut self, a: Expr, b: Expr, level: u32) -> Expr {
        if self.is(a, 0) {
            return b;
        }
        if self.is(b, 0) {
            return a;
        }
        if let (Some(x), Some(y)) = (self.as_const(a), self.as_const(b)) {
            let sum = x.add(y);
            if sum.is_normal() {
                return self.constant(sum);
            }
        }
        if let (Some((c, [p, q])), Some((d, [r, s]))) = (self.mask(a), self.mask(b)) {
            if c == d && level < MASKS {
                let (then, other) = (self.add_at(p, r, level + 1), self.add_at(q, s, level + 1));
                return self.select(c, then, other);
            }
        }
        if let Some((Op::Neg, &[b])) = self.as_apply(b) {
            return self.apply(Op::Sub, vec![a, b]);
        }
        if let Some((Op::Neg, &[a])) = self.as_apply(a) {
            return self.apply(Op::Sub, vec![b, a]);
        }
        self.apply(Op::Add, vec![a, b])
    }

    /// `a - b`, as [`Arena::add`].
    pub fn sub(&mut self, a: Expr, b: Expr) -> Expr {
        if a == b {
            return self.constant(0);
        }
        let b = self.neg(b);
        self.add(a, b)
    }

    /// `-a`; moves inwards over constants, products and differences.
    pub fn neg(&mut self, a: Expr) -> Expr {
        self.neg_at(a, 0)
    }

    fn neg_at(&mut self, a: Expr, level: u32) -> Expr {
        match self[a].clone() {
            Node::Const(c) => self.constant(c.neg()),
            Node::Integer(n) => self.integer(n.times(-1)),
            Node::Apply(Op::Neg, args) => args[0],
            Node::Apply(Op::Sub, args) => self.apply(Op::Sub, vec![args[1], args[0]]),
            _ => match self.mask(a) {
                Some((c, [p, q])) if level < MASKS => {
                    let (p, q) = (self.neg_at(p, level + 1), self.neg_at(q, level + 1));
                    self.select(c, p, q)
                }
                _ => self.apply(Op::Neg, vec![a]),
            },
        }
    }

    /// `a · b` with structural zeros and ones folded. A mask, a branch with a structural zero in an
    /// arm, takes the other factor into its arms: `(if c {1} else {0}) · w` is `if c {w} else {0}`,
    /// so that a NaN in `w` does not get past a branch that was not taken.
    pub fn mul(&mut self, a: Expr, b: Expr) -> Expr {
        self.mul_at(a, b, 0)
    }

    fn mul_at(&mut self, a: Expr, b: Expr, level: u32) -> Expr {
        if self.is(a, 0) || self.is(b, 0) {
            return self.constant(0);
        }
        if self.is(a, 1) {
            return b;
        }
        if self.is(b, 1) {
            return a;
        }
        if self.is(a, -1) {
            return self.neg(b);
        }
        if self.is(b, -1) {
            return self.neg(a);
        }
        if let (Some(x), Some(y)) = (self.as_const(a), self.as_const(b)) {
            let product = x.mul(y);
            // what overflows alone may be in range once it is multiplied further
            if product.is_normal() {
                return self.constant(product);
            }
        }
        for (mask, w) in [(a, b), (b, a)] {
            if let Some((c, [p, q])) = self.mask(mask) {
                // a condition beside this one may be what makes it valid
                if self.has_conditions(w) {
                    break;
                }
                if level < MASKS {
                    let (p, q) = (self.mul_at(p, w, level + 1), self.mul_at(q, w, level + 1));
                    return self.select(c, p, q);
                }
                // branches within branches would be copied again and again: ask once whether any of them is taken (and
                // not whether the mask is 0: what is 0 by chance has a derivative)
                let whole = if self.traits[w.at()].partial { self.any_is_on(mask) } else { None };
                let mut on = whole.unwrap_or_else(|| self.is_on(mask, &mut Map::default()));
                let other = if self.traits[mask.at()].partial { self.any_is_on(w) } else { None };
                if let Some(other) = other {
                    on = self.fold(Op::And, &[on, other]);
                }
                let zero = self.constant(0);
                let product = self.apply(Op::Mul, vec![mask, w]);
                return self.select(on, product, zero);
            }
        }
        // a sum of masks is none, but where all of them are off the other factor is not computed either
        if !self.has_conditions(a) && !self.has_conditions(b) {
            let on = [(a, b), (b, a)].map(|(masked, w)| if self.traits[w.at()].partial { self.any_is_on(masked) } else { None });
            if let Some(on) = on.into_iter().flatten().reduce(|x, y| self.fold(Op::And, &[x, y])) {
                let (product, zero) = (self.apply(Op::Mul, vec![a, b]), self.constant(0));
                return self.select(on, product, zero);
            }
        }
        if let Some((Op::Neg, &[a])) = self.as_apply(a) {
            let product = self.mul_at(a, b, level);
            return self.neg(product);
        }
        if let Some((Op::Neg, &[b])) = self.as_apply(b) {
            let product = self.mul_at(a, b, level);
            return self.neg(product);
        }
        self.apply(Op::Mul, vec![a, b])
    }

    /// `a / b`, with constants folded.
    pub fn div(&mut self, a: Expr, b: Expr) -> Expr {
        if self.is(a, 0) && !self.is(b, 0) || self.is(b, 1) {
            return a;
        }
        if let (Some(x), Some(y)) = (self.as_const(a), self.as_const(b).and_then(Constant::recip)) {
            let quotient = x.mul(&y);
            if quotient.is_normal() {
                return self.constant(quotient);
            }
        }
        if let Some((Op::Neg, &[a])) = self.as_apply(a) {
            let quotient = self.div(a, b);
            return self.neg(quotient);
        }
        self.apply(Op::Div, vec![a, b])
    }

    /// `a` to the power `b`, with the exponents 0 and 1 folded.
    pub fn pow(&mut self, a: Expr, b: Expr) -> Expr {
        if self.is(b, 0) {
            return self.constant(1);
        }
        if self.is(b, 1) {
            return a;
        }
        let folded = self.as_const(b).and_then(Constant::to_integer).and_then(|n| i32::try_from(n).ok());
        if let (Some(c), Some(n)) = (self.as_const(a), folded) {
            if let Some(power) = c.pow(n).filter(|p| n.abs() < 64 && p.is_normal()) {
                return self.constant(power);
            }
        }
        self.apply(Op::Pow, vec![a, b])
    }

    /// A branch, decided where both arms are one.
    pub fn select(&mut self, condition: Expr, then: Expr, otherwise: Expr) -> Expr {
        if then == otherwise {
            return then;
        }
        if let Some(c) = self.as_const(condition) {
            return if c.is_zero() { otherwise } else { then };
        }
        if let Some((Op::Not, &[c])) = self.as_apply(condition) {
            return self.select(c, otherwise, then);
        }
        // a branch inside a branch on the same condition is decided
        let arm = |arena: &Arena, e: Expr, taken: usize| match arena.as_apply(e) {
            Some((Op::Select, args)) if args[0] == condition => args[1 + taken],
            _ => e,
        };
        let (then, otherwise) = (arm(self, then, 0), arm(self, otherwise, 1));
        self.apply(Op::Select, vec![condition, then, otherwise])
    }

    /// The condition and arms of a mask: a branch with a structural zero in an arm. A bracket is none, as it says where
    /// the deltas beside it are valid. The condition is no negation.
    fn mask(&self, e: Expr) -> Option<(Expr, [Expr; 2])> {
        let (c, [p, q]) = match self.as_apply(e) {
            Some((Op::Select, &[c, p, q])) if self.is_masked(p) || self.is_masked(q) => (c, [p, q]),
            _ => return None,
        };
        match self.as_apply(c) {
            Some((Op::Not, &[c])) => Some((c, [q, p])),
            _ => Some((c, [p, q])),
        }
    }

    /// The condition that a mask, or a sum or product of masks, has no structural zero, if it is short; `None` of all else.
    fn any_is_on(&mut self, e: Expr) -> Option<Expr> {
        if !self.traits[e.at()].masked {
            return None;
        }
        let mut on: Map<Expr, Expr> = Map::default();
        for n in self.masks_in(e)? {
            let one = self.constant(1);
            let of = |e: &Expr| on.get(e).copied().unwrap_or(one);
            let condition = match self[n].clone() {
                Node::Apply(Op::Select, args) => {
                    let zero = self.constant(0);
                    let [p, q] = [args[1], args[2]].map(|e| if self.is(e, 0) { zero } else { of(&e) });
                    self.taken(args[0], p, q)
                }
                Node::Apply(Op::Mul, args) => {
                    let args = [of(&args[0]), of(&args[1])];
                    self.fold(Op::And, &args)
                }
                Node::Apply(Op::Add | Op::Sub, args) => {
                    let args = [of(&args[0]), of(&args[1])];
                    self.fold(Op::Or, &args)
                }
                Node::Apply(_, args) => of(&args[0]),
                _ => one,
            };
            on.insert(n, condition);
        }
        on.get(&e).copied()
    }

    /// The masks that an expression is a sum or product of, and the sums and products, operands first; `None` if they are
    /// many.
    fn masks_in(&self, e: Expr) -> Option<Vec<Expr>> {
        let mut seen: Set<Expr> = Set::default();
        let mut waiting = vec![e];
        while let Some(n) = waiting.pop() {
            if !self.traits[n.at()].masked || !seen.insert(n) {
                continue;
            }
            if seen.len() > MOST_MASKS {
                return None;
            }
            match self.as_apply(n) {
                None => {}
                Some((Op::Select, args)) => waiting.extend(&args[1..]),
                Some((Op::Div, args)) => waiting.push(args[0]),
                Some((_, args)) => waiting.extend(args),
            }
        }
        let mut order: Vec<Expr> = seen.into_iter().collect();
        order.sort_unstable();
        Some(order)
    }

    /// The condition that a mask has no structural zero.
    fn is_on(&mut self, mask: Expr, known: &mut Map<Expr, Expr>) -> Expr {
        if self.is(mask, 0) {
            return mask;
        }
        if let Some(on) = known.get(&mask) {
            return *on;
        }
        let Some((c, [p, q])) = self.mask(mask) else { return self.constant(1) };
        let (p, q) = (self.is_on(p, known), self.is_on(q, known));
        let on = self.taken(c, p, q);
        known.insert(mask, on);
        on
    }

    /// The condition `if c { p } else { q }`.
    fn taken(&mut self, c: Expr, p: Expr, q: Expr) -> Expr {
        let not = self.fold(Op::Not, &[c]);
        match (self.is(p, 1), self.is(q, 1)) {
            (true, _) => self.fold(Op::Or, &[c, q]),
            (_, true) => self.fold(Op::Or, &[not, p]),
            _ => {
                let (then, otherwise) = (self.fold(Op::And, &[c, p]), self.fold(Op::And, &[not, q]));
                self.fold(Op::Or, &[then, otherwise])
            }
        }
    }

    /// Whether a product has deltas or brackets among its factors.
    fn has_conditions(&self, e: Expr) -> bool {
        let mut waiting = vec![e];
        while let Some(e) = waiting.pop() {
            match &self[e] {
                Node::Delta(..) | Node::Bracket(_) => return true,
                Node::Apply(Op::Mul | Op::Neg, args) => waiting.extend(args),
                Node::Apply(Op::Div, args) => waiting.push(args[0]),
                _ => {}
            }
        }
        false
    }

    fn is_masked(&self, e: Expr) -> bool {
        let mut arm = e;
        loop {
            match self.as_apply(arm) {
                Some((Op::Select, args)) if self.is(args[1], 0) => return true,
                Some((Op::Select, args)) => arm = args[2],
                _ => return self.is(arm, 0),
            }
        }
    }

    /// Applies an operator, folding what [`Arena::add`] and its kin fold.
    pub fn fold(&mut self, op: Op, args: &[Expr]) -> Expr {
        match (op, args) {
            (Op::Add, &[a, b]) => self.add(a, b),
            (Op::Sub, &[a, b]) => self.sub(a, b),
            (Op::Mul, &[a, b]) => self.mul(a, b),
            (Op::Div, &[a, b]) => self.div(a, b),
            (Op::Neg, &[a]) => self.neg(a),
            (Op::Pow, &[a, b]) => self.pow(a, b),
            (Op::Select, &[c, a, b]) => self.select(c, a, b),
            _ => match (op, self.as_apply(args[0])) {
                (Op::Not, Some((Op::Not, args))) => args[0],
                _ => self.decided(op, args).unwrap_or_else(|| self.apply(op, args.to_vec())),
            },
        }
    }

    /// Adds a node, folding applications and deltas.
    pub fn rebuild(&mut self, node: Node) -> Expr {
        match node {
            Node::Apply(op, args) => self.fold(op, &args),
            Node::Integer(a) => self.integer(a),
            Node::Delta(a, b) => self.delta(&a, &b),
            Node::Sum(_, body) | Node::Named(_, body) if self.is(body, 0) => body,
            node => self.insert(node),
        }
    }

    /// The nodes that `roots` need, themselves included, ascending (operands first).
    pub fn reachable(&self, roots: impl IntoIterator<Item = Expr>) -> Vec<Expr> {
        let mut seen: Set<Expr> = Set::default();
        let mut stack: Vec<Expr> = roots.into_iter().collect();
        while let Some(e) = stack.pop() {
            if seen.insert(e) {
                stack.extend(self[e].children());
            }
        }
        let mut order: Vec<Expr> = seen.into_iter().collect();
        order.sort_unstable();
        order
    }

    /// The nodes that `roots` need, operands first, each as late as its first use needs it: in the order of
    /// reading, the same for equal programs, however they were made.
    pub fn postorder(&self, roots: &[Expr]) -> Vec<Expr> {
        let mut done: Set<Expr> = Set::default();
        let mut stack: Vec<(Expr, bool)> = roots.iter().rev().map(|e| (*e, false)).collect();
        while let Some((e, ready)) = stack.pop() {
            if ready {
                done.insert(e);
            } else if !done.contains(&e) {
                stack.push((e, true));
                stack.extend(self[e].children().iter().rev().map(|c| (*c, false)));
            }
        }
        done.into_iter().collect()
    }

    /// Rebuilds `roots` bottom-up: `with` is given every node over already rebuilt operands.
    pub fn map(&mut self, roots: &[Expr], mut with: impl FnMut(&mut Arena, Expr, Node) -> Expr) -> Vec<Expr> {
        let order = self.reachable(roots.iter().copied());
        let mut new: Map<Expr, Expr> = Map::default();
        for e in order {
            let node = self[e].with_children(|c| new[&c]);
            let built = with(self, e, node);
            new.insert(e, built);
        }
        roots.iter().map(|e| new[e]).collect()
    }

    /// The expression with other parts in the place of some.
    pub fn replace(&mut self, root: Expr, parts: &Map<Expr, Expr>) -> Expr {
        self.replace_all(&[root], parts)[0]
    }

    /// The expressions with other parts in the place of some.
    pub fn replace_all(&mut self, roots: &[Expr], parts: &Map<Expr, Expr>) -> Vec<Expr> {
        if parts.is_empty() {
            return roots.to_vec();
        }
        self.map(roots, |arena, e, node| match parts.get(&e) {
            Some(new) => *new,
            None if arena[e] == node => e,
            None => arena.insert(node),
        })
    }

    /// The expression with the operands of commutative operators in one order.
    pub fn ordered(&mut self, root: Expr) -> Expr {
        self.map(&[root], |arena, _, mut node| {
            if let Node::Apply(op, args) = &mut node {
                if op.entry().commutes() {
                    args.sort();
                }
            }
            arena.insert(node)
        })[0]
    }

    /// Replaces symbols in every affine expression under `root`; folds what becomes known. The index of a
    /// sum under `root` is no symbol there: it has no name, and what replaces a symbol cannot refer to it.
    pub fn substitute(&mut self, root: Expr, with: &dyn Fn(Symbol) -> Option<Affine>) -> Expr {
        self.substitute_at(root, 0, with, &mut Map::default())
    }

    /// Inside `depth` sums under the expression for which `with` is meant.
    fn substitute_at(
        &mut self,
        root: Expr,
        depth: u32,
        with: &dyn Fn(Symbol) -> Option<Affine>,
        done: &mut Map<(Expr, u32), Expr>,
    ) -> Expr {
        let replace = |s: Symbol| match s {
            Symbol::Bound(k) => with(Symbol::Bound(k.checked_sub(depth)?)).map(|a| a.lifted(depth)),
            free => with(free).map(|a| a.lifted(depth)),
        };
        let stays = |arena: &Arena, e: Expr| {
            let Mentions { indices, sizes } = arena.mentioned(e);
            let mut named = indices.iter().map(|i| Symbol::Index(*i)).chain(sizes.iter().map(|n| Symbol::Size(*n)));
            arena.loose(e) <= depth && named.all(|s| with(s).is_none())
        };
        for e in self.down_to([root], |e| matches!(self[e], Node::Sum(..)) || stays(self, e)) {
            if done.contains_key(&(e, depth)) {
                continue;
            }
            let built = match self[e].clone() {
                _ if stays(self, e) => e,
                Node::Integer(a) => self.integer(a.substitute(replace)),
                Node::Access(t, at) => self.insert(Node::Access(t, at.iter().map(|a| a.substitute(replace)).collect())),
                Node::Delta(a, b) => self.delta(&a.substitute(replace), &b.substitute(replace)),
                Node::Sum(n, body) => {
                    let body = self.substitute_at(body, depth + 1, with, done);
                    self.rebuild(Node::Sum(n.substitute(replace), body))
                }
                node => match node.with_children(|c| done[&(c, depth)]) {
                    Node::Apply(op, args) => self.decided(op, &args).unwrap_or_else(|| self.apply(op, args)),
                    other => self.rebuild(other),
                },
            };
            done.insert((e, depth), built);
        }
        done[&(root, depth)]
    }

    /// How many sums stand around one another in an expression, at most.
    pub fn depth_of_sums(&self, root: Expr) -> usize {
        let mut depths: Map<Expr, usize> = Map::default();
        for e in self.reachable([root]) {
            let inner = self[e].children().iter().map(|c| depths[c]).max().unwrap_or(0);
            depths.insert(e, inner + usize::from(matches!(self[e], Node::Sum(..))));
        }
        depths[&root]
    }

    /// The nodes that `roots` need, ascending, without those inside sums.
    pub fn outside_sums(&self, roots: impl IntoIterator<Item = Expr>) -> Vec<Expr> {
        self.down_to(roots, |e| matches!(self[e], Node::Sum(..)))
    }

    /// The nodes that `roots` need, ascending, without those that only an `end` needs.
    fn down_to(&self, roots: impl IntoIterator<Item = Expr>, end: impl Fn(Expr) -> bool) -> Vec<Expr> {
        let mut seen: Set<Expr> = Set::default();
        let mut stack: Vec<Expr> = roots.into_iter().collect();
        while let Some(e) = stack.pop() {
            if seen.insert(e) && !end(e) {
                stack.extend(self[e].children());
            }
        }
        let mut order: Vec<Expr> = seen.into_iter().collect();
        order.sort_unstable();
        order
    }

    /// What a comparison of positions, or a branch on it, is known to be.
    pub fn decided(&mut self, op: Op, args: &[Expr]) -> Option<Expr> {
        let known = |k: usize| self.as_const(args[k]).map(|c| !c.is_zero());
        match op {
            Op::Select => return known(0).map(|holds| if holds { args[1] } else { args[2] }),
            Op::And | Op::Or => {
                if let Some((neutral, other)) =
                    [(0, 1), (1, 0)].into_iter().find_map(|(k, other)| Some((known(k)? == (op == Op::And), other)))
                {
                    return Some(args[if neutral { other } else { 1 - other }]);
                }
                // `a && b && b`
                let has = |of: Expr| of == args[1] || self.as_apply(of).is_some_and(|(inner, of)| inner == op && of.contains(&args[1]));
                return has(args[0]).then_some(args[0]);
            }
            Op::Not => return known(0).map(|holds| self.constant(i64::from(!holds))),
            _ => {}
        }
        let holds: fn(i64) -> bool = match op {
            Op::Eq => |d| d == 0,
            Op::Lt => |d| d < 0,
            Op::Le => |d| d <= 0,
            _ => return None,
        };
        let [a, b] = args else { return None };
        if let (Some(x), Some(y)) = (self.as_const(*a), self.as_const(*b)) {
            let sign = match x.cmp(y) {
                std::cmp::Ordering::Less => -1,
                std::cmp::Ordering::Equal => 0,
                std::cmp::Ordering::Greater => 1,
            };
            return Some(self.constant(i64::from(holds(sign))));
        }
        let difference = self.as_position(*a)?.plus(&self.as_position(*b)?, -1).known()?;
        Some(self.constant(i64::from(holds(difference))))
    }

    /// Whether the free index `i` occurs under `e`.
    pub fn mentions(&self, e: Expr, i: Index) -> bool {
        self.free_indices(e).binary_search(&i).is_ok()
    }

    /// The free symbols under `e`: index variables, lengths, and the indices of sums around it.
    pub fn symbols(&self, e: Expr) -> Set<Symbol> {
        let mut found: Set<Symbol> = Set::default();
        let mut seen: Set<(Expr, u32)> = Set::default();
        let mut stack = vec![(e, 0)];
        while let Some((e, depth)) = stack.pop() {
            if !seen.insert((e, depth)) {
                continue;
            }
            found.extend(self[e].all_affines().flat_map(Affine::terms).filter_map(|(s, _)| match s {
                Symbol::Bound(k) => k.checked_sub(depth).map(Symbol::Bound),
                free => Some(*free),
            }));
            let inner = depth + u32::from(matches!(self[e], Node::Sum(..)));
            stack.extend(self[e].children().iter().map(|c| (*c, inner)));
        }
        found
    }

    /// The index variables under `e`, ascending, without those of named sums there.
    pub fn free_indices(&self, e: Expr) -> &[Index] {
        &self.mentioned(e).indices
    }

    /// The integer, if the node is one.
    pub fn as_position(&self, e: Expr) -> Option<Affine> {
        match &self[e] {
            Node::Integer(a) => Some(a.clone()),
            Node::Const(c) => c.to_integer().map(Affine::from),
            _ => None,
        }
    }

    /// The sides of a condition `position == index`, the index second.
    pub fn equal_positions(&self, condition: Expr) -> Option<(Affine, Affine)> {
        let Some((Op::Eq, &[a, b])) = self.as_apply(condition) else { return None };
        let (a, b) = (self.as_position(a)?, self.as_position(b)?);
        let index = |a: &Affine| a.as_symbol().filter(|s| !matches!(s, Symbol::Size(_)));
        match (index(&a), index(&b)) {
            (_, Some(_)) => Some((a, b)),
            (Some(_), None) => Some((b, a)),
            (None, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Either factor may be no number where the branches of the other are not taken.
    #[test]
    fn a_product_of_masks_is_computed_where_both_are_on() {
        let mut arena = Arena::default();
        let [x, y, z] = [0, 1, 2].map(|t| arena.insert(Node::Access(Tensor(t), Vec::new())));
        let [zero, one] = [0, 1].map(|c| arena.constant(c));
        let [c, d, e] = [x, y, z].map(|x| arena.apply(Op::Lt, vec![zero, x]));
        let mask = |arena: &mut Arena, c| arena.apply(Op::Select, vec![c, one, zero]);
        let [by_c, by_d, by_e] = [c, d, e].map(|c| mask(&mut arena, c));
        let root = arena.apply(Op::Sqrt, vec![x]);
        let first = arena.apply(Op::Mul, vec![by_c, root]);
        let either = arena.apply(Op::Add, vec![by_d, by_e]);
        let log = arena.apply(Op::Ln, vec![y]);
        let second = arena.apply(Op::Mul, vec![either, log]);
        for (a, b) in [(first, second), (second, first)] {
            let product = arena.mul(a, b);
            let Some((Op::Select, &[on, _, off])) = arena.as_apply(product) else { panic!("no branch") };
            assert_eq!(off, zero);
            let asked = arena.reachable([on]);
            assert!([c, d, e].iter().all(|c| asked.contains(c)));
        }
    }
}
