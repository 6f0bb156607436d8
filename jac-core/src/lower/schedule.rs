//! Where every operation is computed.

use super::{Factor, Stmt};
use crate::ir::{Affine, Expr, Index, Map, Node, Program, Set, Tensor};
use crate::ops::{Intrinsic, Op};

/// Expressions of more operations are cut into several statements.
const LONGEST: u32 = 10;

/// What a scope is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The function's body.
    Top,
    /// A loop.
    Loop(Index),
    /// An `if` around stores.
    Guard(Expr),
    /// The loop of a sum.
    Sum(Index),
    /// The arm of a branch.
    Arm,
}

/// What a scope holds, besides the operations that are scheduled into it.
#[derive(Clone, PartialEq, Debug)]
pub enum Item {
    Allocate(Tensor),
    Fill(Tensor, Expr),
    Literal(Tensor, Vec<Expr>),
    Scalar(Tensor, Expr),
    Carry(Tensor, Expr),
    Advance(Tensor, Tensor),
    Product(Tensor, [Factor; 2]),
    Factor(Tensor, &'static str),
    Intrinsic(Tensor, Intrinsic, Vec<Tensor>),
    Store { tensor: Tensor, at: Vec<Affine>, value: Expr, add: bool },
    Child(usize),
}

#[derive(Debug)]
struct Scope {
    kind: Kind,
    parent: usize,
    depth: usize,
    items: Vec<Item>,
}

/// The scopes of a function; scope 0 is its body.
#[derive(Debug)]
pub struct Tree {
    scopes: Vec<Scope>,
    /// Whether there is a library for products of matrices of this program's floats.
    pub products: bool,
    /// Parts of expressions that have a tensor of their own, over axes of the given lengths.
    pub stored: Map<(Vec<Affine>, Expr), Tensor>,
}

impl Tree {
    /// A function without statements.
    pub fn new(products: bool) -> Tree {
        let top = Scope { kind: Kind::Top, parent: 0, depth: 0, items: Vec::new() };
        Tree { scopes: vec![top], products, stored: Map::default() }
    }

    /// Adds a scope inside `parent`.
    pub fn child(&mut self, parent: usize, kind: Kind) -> usize {
        let child = self.scope(parent, kind);
        self.scopes[parent].items.push(Item::Child(child));
        child
    }

    /// Factors a matrix, unless that is done.
    pub fn factor(&mut self, t: Tensor, kind: &'static str) {
        let item = Item::Factor(t, kind);
        if !self.scopes[0].items.contains(&item) {
            self.item(0, item);
        }
    }

    /// Adds an item to a scope.
    pub fn item(&mut self, scope: usize, item: Item) {
        self.scopes[scope].items.push(item);
    }

    fn scope(&mut self, parent: usize, kind: Kind) -> usize {
        let depth = self.scopes[parent].depth + 1;
        self.scopes.push(Scope { kind, parent, depth, items: Vec::new() });
        self.scopes.len() - 1
    }

    fn common(&self, mut a: usize, mut b: usize) -> usize {
        while a != b {
            if self.scopes[a].depth >= self.scopes[b].depth {
                a = self.scopes[a].parent;
            } else {
                b = self.scopes[b].parent;
            }
        }
        a
    }

    /// The expressions that the items of a scope use directly, with the scope.
    fn roots(&self) -> Vec<(usize, Expr)> {
        let mut roots = Vec::new();
        for (k, scope) in self.scopes.iter().enumerate() {
            if let Kind::Guard(c) = scope.kind {
                roots.push((scope.parent, c));
            }
            for item in &scope.items {
                match item {
                    Item::Literal(_, es) => roots.extend(es.iter().map(|e| (k, *e))),
                    Item::Scalar(_, e) | Item::Carry(_, e) | Item::Fill(_, e) | Item::Store { value: e, .. } => roots.push((k, *e)),
                    _ => {}
                }
            }
        }
        roots
    }

    /// Gives every sum a loop of its own; equal sums share one.
    fn name_sums(&mut self, program: &mut Program) {
        let roots: Vec<Expr> = self.expressions().map(|e| *e).collect();
        let named = program.named_sums(&roots);
        self.expressions().zip(named).for_each(|(e, named)| *e = named);
    }

    /// The expressions of all scopes.
    fn expressions(&mut self) -> impl Iterator<Item = &mut Expr> {
        self.scopes.iter_mut().flat_map(|scope| {
            let guard = match &mut scope.kind {
                Kind::Guard(c) => Some(c),
                _ => None,
            };
            guard.into_iter().chain(scope.items.iter_mut().flat_map(|item| match item {
                Item::Literal(_, es) => es.as_mut_slice(),
                Item::Scalar(_, e) | Item::Carry(_, e) | Item::Fill(_, e) | Item::Store { value: e, .. } => std::slice::from_mut(e),
                _ => &mut [],
            }))
        })
    }

    /// Schedules every operation; the tree is used up.
    pub fn schedule(mut self, program: &mut Program) -> (Vec<Stmt>, Map<Expr, String>) {
        self.name_sums(program);
        let program = &*program;
        let roots = self.roots();
        let order = program.arena.reachable(roots.iter().map(|r| r.1));
        let mut scheduler = Scheduler {
            program,
            place: vec![None; program.arena.len()],
            uses: vec![0; program.arena.len()],
            arms: Map::default(),
            local: vec![false; program.arena.len()],
            done: vec![false; program.arena.len()],
            locals: Map::default(),
            taken: program
                .tensors
                .iter()
                .map(|t| format!("__{}", t.name))
                .chain(program.sizes.iter().map(|s| format!("__{}", s.name)))
                .collect(),
            fresh: 0,
        };
        scheduler.place(&mut self, &roots, &order);
        scheduler.choose_locals(&self, &order);
        let body = scheduler.scope(&self, 0);
        (body, scheduler.locals)
    }
}

struct Scheduler<'a> {
    program: &'a Program,
    /// The scope in which a node is computed.
    place: Vec<Option<usize>>,
    uses: Vec<u32>,
    /// The scopes of a branch's arms or of a sum's loop.
    arms: Map<Expr, Vec<usize>>,
    /// Whether a node has a variable of its own.
    local: Vec<bool>,
    done: Vec<bool>,
    locals: Map<Expr, String>,
    taken: Set<String>,
    fresh: usize,
}

impl Scheduler<'_> {
    fn place(&mut self, tree: &mut Tree, roots: &[(usize, Expr)], order: &[Expr]) {
        let arena = &self.program.arena;
        let free = arena.free_table(order);
        for (scope, e) in roots {
            self.use_at(tree, *e, *scope);
        }
        for &e in order.iter().rev() {
            let Some(mut at) = self.place[e.at()] else { continue };
            // out of the loops whose index it does not need
            while let Kind::Loop(i) | Kind::Sum(i) = tree.scopes[at].kind {
                if free[&e].contains(&i) {
                    break;
                }
                at = tree.scopes[at].parent;
            }
            // a guard is passed only together with a loop around it
            self.place[e.at()] = Some(at);
            match &arena[e] {
                Node::Apply(Op::Select, args) => {
                    let arms = vec![tree.scope(at, Kind::Arm), tree.scope(at, Kind::Arm)];
                    self.use_at(tree, args[0], at);
                    self.use_at(tree, args[1], arms[0]);
                    self.use_at(tree, args[2], arms[1]);
                    self.arms.insert(e, arms);
                }
                Node::Named(i, body) => {
                    let inner = tree.scope(at, Kind::Sum(*i));
                    self.use_at(tree, *body, inner);
                    self.arms.insert(e, vec![inner]);
                }
                node => {
                    for c in node.children() {
                        self.use_at(tree, *c, at);
                    }
                }
            }
        }
    }

    fn use_at(&mut self, tree: &Tree, e: Expr, scope: usize) {
        self.uses[e.at()] += 1;
        let place = &mut self.place[e.at()];
        *place = Some(place.map_or(scope, |known| tree.common(known, scope)));
    }

    /// Decides which nodes are computed into a variable; the others stand where they are used.
    fn choose_locals(&mut self, tree: &Tree, order: &[Expr]) {
        let arena = &self.program.arena;
        let mut users: Map<Expr, usize> = Map::default();
        for &e in order {
            let here = self.place[e.at()];
            for (k, c) in arena[e].children().iter().enumerate() {
                let used_in = match (&arena[e], self.arms.get(&e)) {
                    (Node::Named(..), Some(arms)) => Some(arms[0]),
                    (_, Some(arms)) if k > 0 => Some(arms[k - 1]),
                    _ => here,
                };
                if used_in != self.place[c.at()] {
                    *users.entry(*c).or_default() += 1;
                }
            }
        }
        for (scope, item) in tree.scopes.iter().enumerate().flat_map(|(k, s)| s.items.iter().map(move |i| (k, i))) {
            let es: &[Expr] = match item {
                Item::Literal(_, es) => es,
                Item::Scalar(_, e) | Item::Carry(_, e) | Item::Fill(_, e) | Item::Store { value: e, .. } => std::slice::from_ref(e),
                _ => &[],
            };
            for e in es {
                if self.place[e.at()] != Some(scope) {
                    *users.entry(*e).or_default() += 1;
                }
            }
        }
        let mut size: Map<Expr, u32> = Map::default();
        let mut occupied: Set<usize> = Set::default();
        for &e in order {
            let node = &arena[e];
            let inline: u32 = node.children().iter().map(|c| if self.local[c.at()] { 0 } else { size[c] }).sum();
            size.insert(e, inline + u32::from(!node.children().is_empty()));
            let trivial = match node {
                Node::Apply(Op::Neg, args) => arena[args[0]].children().is_empty(),
                Node::Apply(..) => false,
                Node::Named(..) => {
                    self.local[e.at()] = true;
                    occupied.extend(self.place[e.at()]);
                    continue;
                }
                _ => true,
            };
            if trivial {
                continue;
            }
            let moved = users.get(&e).is_some();
            let named = self.program.names.contains_key(&e) && !self.is_truth(e);
            let blocks = self.arms.get(&e).is_some_and(|arms| arms.iter().any(|arm| occupied.contains(arm)));
            self.local[e.at()] = self.uses[e.at()] > 1 || moved || named || blocks || inline >= LONGEST;
            if self.local[e.at()] {
                occupied.extend(self.place[e.at()]);
            }
        }
    }

    fn is_truth(&self, e: Expr) -> bool {
        self.program.arena.as_apply(e).is_some_and(|(op, _)| op.entry().truth)
    }

    fn scope(&mut self, tree: &Tree, scope: usize) -> Vec<Stmt> {
        let mut out = Vec::new();
        for item in &tree.scopes[scope].items {
            let roots = subtree_roots(tree, item);
            self.before(scope, &roots, &mut out);
            match item {
                Item::Allocate(t) => out.push(Stmt::Allocate(*t)),
                Item::Fill(t, e) => out.push(Stmt::Fill(*t, *e)),
                Item::Literal(t, es) => out.push(Stmt::Literal(*t, es.clone())),
                Item::Scalar(t, e) => out.push(Stmt::Scalar(*t, *e)),
                Item::Carry(t, e) => out.push(Stmt::Carry(*t, *e)),
                Item::Advance(t, next) => out.push(Stmt::Advance(*t, *next)),
                Item::Product(t, factors) => out.push(Stmt::Product(*t, *factors)),
                Item::Factor(t, kind) => out.push(Stmt::Factor(*t, kind)),
                Item::Intrinsic(t, f, arguments) => out.push(Stmt::Intrinsic(*t, *f, arguments.clone())),
                Item::Store { tensor, at, value, add } => {
                    out.push(Stmt::Store { tensor: *tensor, at: at.clone(), value: *value, add: *add })
                }
                Item::Child(child) => {
                    let body = self.scope(tree, *child);
                    out.push(match tree.scopes[*child].kind {
                        Kind::Guard(c) => Stmt::Guard(c, body),
                        Kind::Loop(i) => Stmt::Loop(i, body),
                        kind => unreachable!("{kind:?} is no child of its own"),
                    });
                }
            }
        }
        out
    }

    /// The operations of `scope` that `roots` need and that are not computed yet.
    fn before(&mut self, scope: usize, roots: &[Expr], out: &mut Vec<Stmt>) {
        let arena = &self.program.arena;
        let mut seen: Set<Expr> = Set::default();
        let mut stack: Vec<Expr> = roots.to_vec();
        while let Some(e) = stack.pop() {
            if !self.done[e.at()] && seen.insert(e) {
                stack.extend(arena[e].children());
            }
        }
        let mut needed: Vec<Expr> = seen.into_iter().filter(|e| self.place[e.at()] == Some(scope)).collect();
        needed.sort_unstable();
        for &e in &needed {
            if std::mem::replace(&mut self.done[e.at()], true) || !self.local[e.at()] {
                continue;
            }
            let statement = match &arena[e] {
                Node::Apply(Op::Select, args) => {
                    let arms = self.arms[&e].clone();
                    let mut bodies = [Vec::new(), Vec::new()];
                    for (k, body) in bodies.iter_mut().enumerate() {
                        self.before(arms[k], &[args[k + 1]], body);
                    }
                    let [then, otherwise] = bodies;
                    Stmt::Branch(e, then, otherwise)
                }
                Node::Named(_, body) => {
                    let inner = self.arms[&e][0];
                    let mut statements = Vec::new();
                    self.before(inner, &[*body], &mut statements);
                    Stmt::Total(e, statements)
                }
                Node::Apply(op @ (Op::Sin | Op::Cos), args) => {
                    let other = if *op == Op::Sin { Op::Cos } else { Op::Sin };
                    let twin = needed
                        .iter()
                        .copied()
                        .find(|n| self.local[n.at()] && !self.done[n.at()] && arena.as_apply(*n) == Some((other, args)));
                    match twin {
                        Some(twin) => {
                            self.done[twin.at()] = true;
                            self.name(twin);
                            let (sin, cos) = if *op == Op::Sin { (e, twin) } else { (twin, e) };
                            Stmt::SinCos(sin, cos)
                        }
                        None => Stmt::Let(e),
                    }
                }
                _ => Stmt::Let(e),
            };
            self.name(e);
            out.push(statement);
        }
    }

    fn name(&mut self, e: Expr) {
        let name = match self.program.names.get(&e) {
            Some(user) => {
                let plain: String = user.trim_start_matches("r#").into();
                std::iter::once(format!("__{plain}")).chain((2..).map(|k| format!("__{plain}_{k}"))).find(|n| !self.taken.contains(n))
            }
            None => {
                self.fresh += 1;
                (self.fresh..).map(|k| format!("__t{k}")).find(|n| !self.taken.contains(n))
            }
        };
        let name = name.expect("some name is free");
        self.taken.insert(name.clone());
        self.locals.insert(e, name);
    }
}

/// The expressions that an item and all that is inside it use.
fn subtree_roots(tree: &Tree, item: &Item) -> Vec<Expr> {
    match item {
        Item::Literal(_, es) => es.clone(),
        Item::Scalar(_, e) | Item::Carry(_, e) | Item::Fill(_, e) | Item::Store { value: e, .. } => vec![*e],
        Item::Child(child) => {
            let scope = &tree.scopes[*child];
            let mut roots: Vec<Expr> = scope.items.iter().flat_map(|i| subtree_roots(tree, i)).collect();
            if let Kind::Guard(c) = scope.kind {
                roots.push(c);
            }
            roots
        }
        _ => Vec::new(),
    }
}
