//! Where every operation is computed.

use super::safety;
use super::{Factor, Stmt};
use crate::diag::Refusal;
use crate::ir::{runs, Affine, Arena, Expr, Facts, Index, Map, Needs, Node, Program, Set, Tensor};
use crate::ops::{Intrinsic, Op};

/// Expressions of more operations are cut into several statements.
const LONGEST: u32 = 10;

/// Branches within branches could double what each arm computes at every level: what more scopes need is
/// computed around them, with each access in it behind the condition that it is in range.
const MOST_COPIES: usize = 4;
/// The same where no condition tells that an access is in range: the function itself panics where it is not, and
/// so do the copies.
const MOST_UNKNOWN: usize = 64;
/// The same where constants from outside are read, which may panic: they stand where the function reads them.
const MOST_OUTSIDE: usize = 256;
const OUTSIDE_IN_BRANCHES: Refusal = Refusal {
    message: "too many branches read what is indexed, or called, outside the function",
    help: "read it before the branches, as in `let w: f64 = self.w[0];`",
};

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
    /// Where a condition is known to hold, or not to: the arm of a branch, or what stands behind `&&` or `||`.
    Arm(Expr, bool),
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

    /// Gives every sum a loop of its own; equal sums share one. What sums over one length have in common is one
    /// expression, which is computed once if they come to share their loop.
    fn name_sums(&mut self, program: &mut Program) {
        let roots: Vec<Expr> = self.expressions().map(|e| *e).collect();
        let named = program.named_alike(&roots);
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
        let roots: Vec<Expr> = self.expressions().map(|e| *e).collect();
        let entered = safety::enter_sums(program, &roots);
        self.expressions().zip(entered).for_each(|(e, entered)| *e = entered);
        self.enter_loops(program);
        let scopes = self.scopes.len();
        loop {
            let roots = self.roots();
            let order = program.arena.reachable(roots.iter().map(|r| r.1));
            let mut scheduler = Scheduler::new(program, &order);
            scheduler.place(&mut self, &roots, &order);
            if scheduler.crowded.is_empty() {
                scheduler.choose_locals(&self, &order);
                let body = scheduler.scope(&self, 0);
                return (body, scheduler.locals);
            }
            let exposed = safety::exposed(scheduler.program, &scheduler.needs, scheduler.crowded);
            if exposed.is_empty() {
                OUTSIDE_IN_BRANCHES.raise();
            }
            let roots: Vec<Expr> = self.expressions().map(|e| *e).collect();
            let guarded = safety::guarded(program, &roots, &exposed);
            self.expressions().zip(guarded).for_each(|(e, guarded)| *e = guarded);
            self.scopes.truncate(scopes);
        }
    }

    /// Puts every loop inside `if 0 < n`, where what all iterations read may be read once.
    fn enter_loops(&mut self, program: &mut Program) {
        for child in 1..self.scopes.len() {
            let Scope { kind: Kind::Loop(i), parent, .. } = self.scopes[child] else { continue };
            let length = program.length(i).clone();
            let Some(condition) = runs(&mut program.arena, &length) else { continue };
            let entry = self.scope(parent, Kind::Guard(condition));
            self.scopes[entry].items.push(Item::Child(child));
            self.scopes[child].parent = entry;
            for item in self.scopes[parent].items.iter_mut().filter(|item| **item == Item::Child(child)) {
                *item = Item::Child(entry);
            }
        }
        // a scope stands one deeper than its parent
        let mut waiting = vec![0];
        while let Some(scope) = waiting.pop() {
            for k in 0..self.scopes[scope].items.len() {
                if let Item::Child(child) = self.scopes[scope].items[k] {
                    self.scopes[child].depth = self.scopes[scope].depth + 1;
                    waiting.push(child);
                }
            }
        }
    }

    /// What is known in a scope.
    fn facts(&self, program: &Program, mut scope: usize) -> Facts {
        let mut facts = Facts::default();
        loop {
            match self.scopes[scope].kind {
                Kind::Top => return facts,
                Kind::Loop(i) | Kind::Sum(i) => facts.runs(program, i),
                Kind::Guard(c) => facts.assume(program, c, true),
                Kind::Arm(c, holds) => facts.assume(program, c, holds),
            }
            scope = self.scopes[scope].parent;
        }
    }

    /// The scope of the innermost loop over one of some indices.
    fn home(&self, mut scope: usize, free: &[Index]) -> usize {
        if free.is_empty() {
            return 0;
        }
        while scope != 0 && !matches!(self.scopes[scope].kind, Kind::Loop(i) | Kind::Sum(i) if free.contains(&i)) {
            scope = self.scopes[scope].parent;
        }
        scope
    }

    /// The scopes, with that around both arms of a branch for the two: what each arm needs is needed in any case.
    fn covered(&self, mut scopes: Vec<usize>) -> Vec<usize> {
        let mut k = 0;
        while let Some(&scope) = scopes.get(k) {
            k += 1;
            let Scope { kind: Kind::Arm(c, holds), parent, .. } = self.scopes[scope] else { continue };
            let other = |s: &&usize| self.scopes[**s].parent == parent && self.scopes[**s].kind == Kind::Arm(c, !holds);
            if scopes.iter().any(|s| other(&s)) && !scopes.contains(&parent) {
                scopes.push(parent);
            }
        }
        let all = scopes.clone();
        scopes.retain(|s| !all.iter().any(|outer| outer != s && self.is_inside(*s, *outer)));
        scopes
    }

    fn is_inside(&self, mut scope: usize, outer: usize) -> bool {
        while self.scopes[scope].depth > self.scopes[outer].depth {
            scope = self.scopes[scope].parent;
        }
        scope == outer
    }
}

/// Decides where operations are computed.
///
/// An access that is in range only where a condition holds, or where a loop runs at all, is computed only there:
/// what reads it moves out of a scope only if what it needs is known outside, too. Where two scopes
/// need it and what is around both does not know that, each computes it, as each of two copies of a loop
/// computes what is inside.
struct Scheduler<'a> {
    program: &'a Program,
    /// What must hold where a node is computed.
    needs: Needs,
    /// What too many scopes would compute each.
    crowded: Vec<Expr>,
    /// The scopes in which nodes that need something are evaluated whatever happens.
    certain: Map<Expr, Set<usize>>,
    /// How often each node is used.
    uses: Vec<u32>,
    /// The scopes in which a node is computed, none of which is inside another; before that is decided, those
    /// in which it is used.
    places: Vec<Vec<usize>>,
    /// The scopes of a branch's arms or of a sum's loop, by where it is computed.
    arms: Map<(Expr, usize), Vec<usize>>,
    /// Whether a node has a variable of its own.
    local: Vec<bool>,
    done: Set<(Expr, usize)>,
    locals: Map<Expr, String>,
    taken: Set<String>,
    fresh: usize,
}

impl<'a> Scheduler<'a> {
    fn new(program: &'a Program, order: &[Expr]) -> Scheduler<'a> {
        let tensors = program.tensors.iter().map(|t| format!("__{}", t.name));
        Scheduler {
            program,
            needs: Needs::of(program, order),
            crowded: Vec::new(),
            certain: Map::default(),
            uses: vec![0; program.arena.len()],
            places: vec![Vec::new(); program.arena.len()],
            arms: Map::default(),
            local: vec![false; program.arena.len()],
            done: Set::default(),
            locals: Map::default(),
            taken: tensors.chain(program.sizes.iter().map(|s| format!("__{}", s.name))).collect(),
            fresh: 0,
        }
    }

    fn place(&mut self, tree: &mut Tree, roots: &[(usize, Expr)], order: &[Expr]) {
        self.note_certain(roots);
        for (scope, e) in roots {
            self.use_at(tree, *e, *scope);
        }
        for &e in order.iter().rev() {
            let used = std::mem::take(&mut self.places[e.at()]);
            let mut places: Vec<usize> = Vec::new();
            for scope in self.together(tree, e, used) {
                let at = self.outermost(tree, e, scope);
                if !places.iter().any(|other| tree.is_inside(at, *other)) {
                    places.retain(|other| !tree.is_inside(*other, at));
                    places.push(at);
                }
            }
            for &at in &places {
                self.use_operands(tree, e, at);
            }
            self.places[e.at()] = places;
        }
    }

    /// The scopes around the uses in which the node may be computed.
    fn together(&mut self, tree: &Tree, e: Expr, used: Vec<usize>) -> Vec<usize> {
        // a loop that is there twice has what is inside it twice
        let mut homes: Map<usize, Vec<usize>> = Map::default();
        for scope in used {
            homes.entry(tree.home(scope, self.program.arena.free_indices(e))).or_default().push(scope);
        }
        let mut out = Vec::new();
        for (_, used) in homes {
            let used = tree.covered(used);
            let Some(common) = used.iter().copied().reduce(|a, b| tree.common(a, b)) else { continue };
            let apart = !used.contains(&common) && !self.may_move(tree, e, common);
            match (apart, used.len() > MOST_COPIES) {
                (true, false) => out.extend(used),
                (true, true) => {
                    let facts: Vec<Facts> = used.iter().map(|scope| tree.facts(self.program, *scope)).collect();
                    let told = |need: &Affine| facts.iter().any(|facts| facts.tell(self.program, need));
                    let all = self.needs.get(e);
                    // no condition could be asked for a constant from outside
                    let most = if all.iter().any(|need| need.known().is_some()) { MOST_OUTSIDE } else { MOST_UNKNOWN };
                    if used.len() <= most && !all.iter().all(told) {
                        out.extend(used);
                        continue;
                    }
                    self.crowded.push(e);
                    out.push(common);
                }
                (false, _) => out.push(common),
            }
        }
        out
    }

    /// Whether a node may be computed in a scope: where its accesses are in range, or what has them is evaluated
    /// there whatever happens.
    fn may_move(&self, tree: &Tree, e: Expr, scope: usize) -> bool {
        if self.needs.are_none(e) {
            return true;
        }
        let facts = tree.facts(self.program, scope);
        let mut seen: Set<Expr> = Set::default();
        let mut waiting = vec![e];
        while let Some(e) = waiting.pop() {
            if !seen.insert(e) || self.needs.hold(self.program, e, &facts) || self.is_certain(tree, e, scope) {
                continue;
            }
            match &self.program.arena[e] {
                Node::Apply(_, args) => waiting.extend(args),
                _ => return false,
            }
        }
        true
    }

    /// Whether a node is evaluated in a scope or around it whatever happens.
    fn is_certain(&self, tree: &Tree, e: Expr, scope: usize) -> bool {
        self.certain.get(&e).is_some_and(|scopes| scopes.iter().any(|around| tree.is_inside(scope, *around)))
    }

    /// Notes the scopes in which nodes that may not be evaluated anywhere are evaluated whatever happens: by what is
    /// stored there, and by what computes that.
    fn note_certain(&mut self, roots: &[(usize, Expr)]) {
        for (scope, root) in roots {
            let mut waiting = vec![*root];
            while let Some(e) = waiting.pop() {
                if !self.needs.are_none(e) && self.certain.entry(e).or_default().insert(*scope) {
                    waiting.extend(safety::at_once(self.program, e));
                }
            }
        }
    }

    /// The scope out of the loops whose index the node does not need.
    fn outermost(&self, tree: &Tree, e: Expr, scope: usize) -> usize {
        let free = self.program.arena.free_indices(e);
        let mut at = scope;
        loop {
            // a guard is passed only together with a loop in it, or with a loop around it that decides it
            at = match tree.scopes[at].kind {
                Kind::Guard(_) | Kind::Arm(..) => match self.loop_that_decides(tree, at) {
                    Some((around, i)) if !free.contains(&i) && self.may_move(tree, e, tree.scopes[around].parent) => around,
                    _ => return at,
                },
                Kind::Loop(i) if !free.contains(&i) => {
                    let parent = tree.scopes[at].parent;
                    let is_entry = safety::is_entry(self.program, tree.scopes[parent].kind, i);
                    let outside = if is_entry { tree.scopes[parent].parent } else { parent };
                    match (self.may_move(tree, e, outside), is_entry) {
                        (true, _) => outside,
                        // every iteration computes it, and so does the first
                        (false, true) => return parent,
                        (false, false) => return at,
                    }
                }
                Kind::Sum(i) if !free.contains(&i) && self.may_move(tree, e, tree.scopes[at].parent) => tree.scopes[at].parent,
                _ => return at,
            };
        }
    }

    /// The nearest loop around conditions, if one of them is not the same in all its rounds.
    fn loop_that_decides(&self, tree: &Tree, mut at: usize) -> Option<(usize, Index)> {
        let mut conditions = Vec::new();
        loop {
            match tree.scopes[at].kind {
                Kind::Guard(c) | Kind::Arm(c, _) => conditions.push(c),
                Kind::Loop(i) | Kind::Sum(i) => return conditions.iter().any(|c| self.program.arena.mentions(*c, i)).then_some((at, i)),
                Kind::Top => return None,
            }
            at = tree.scopes[at].parent;
        }
    }

    fn use_operands(&mut self, tree: &mut Tree, e: Expr, at: usize) {
        let program = self.program;
        let node = &program.arena[e];
        let inner: Vec<Kind> = match node {
            Node::Apply(Op::Select, args) => vec![Kind::Arm(args[0], true), Kind::Arm(args[0], false)],
            Node::Apply(op @ (Op::And | Op::Or), args) if !self.needs.are_none(args[1]) => vec![Kind::Arm(args[0], *op == Op::And)],
            Node::Named(i, _) => vec![Kind::Sum(*i)],
            _ => Vec::new(),
        };
        let scopes: Vec<usize> = inner.into_iter().map(|kind| tree.scope(at, kind)).collect();
        // the first operands are computed here, the last in scopes of their own
        let here = node.children().len() - scopes.len();
        for (k, c) in node.children().iter().enumerate() {
            let scope = k.checked_sub(here).map_or(at, |k| scopes[k]);
            self.use_at(tree, *c, scope);
        }
        if !scopes.is_empty() {
            self.arms.insert((e, at), scopes);
        }
    }

    fn use_at(&mut self, tree: &Tree, e: Expr, scope: usize) {
        self.uses[e.at()] += 1;
        let places = &mut self.places[e.at()];
        let free = self.program.arena.free_indices(e);
        // what may be computed anywhere is computed around all its uses
        let anywhere = self.needs.are_none(e);
        match places.iter().position(|known| anywhere && tree.home(*known, free) == tree.home(scope, free)) {
            Some(known) => places[known] = tree.common(places[known], scope),
            None if places.contains(&scope) => {}
            None => places.push(scope),
        }
    }

    fn is_at(&self, e: Expr, scope: usize) -> bool {
        self.places[e.at()].contains(&scope)
    }

    /// Decides which nodes are computed into a variable; the others stand where they are used.
    fn choose_locals(&mut self, tree: &Tree, order: &[Expr]) {
        let arena = &self.program.arena;
        let mut moved: Set<Expr> = Set::default();
        for &e in order {
            let children = arena[e].children();
            for &at in &self.places[e.at()] {
                let arms = self.arms.get(&(e, at)).map_or(&[][..], Vec::as_slice);
                let here = children.len() - arms.len();
                let scopes = (0..children.len()).map(|k| k.checked_sub(here).map_or(at, |k| arms[k]));
                moved.extend(children.iter().zip(scopes).filter(|(c, scope)| !self.is_at(**c, *scope)).map(|(c, _)| *c));
            }
        }
        for (scope, item) in tree.scopes.iter().enumerate().flat_map(|(k, s)| s.items.iter().map(move |i| (k, i))) {
            let es: &[Expr] = match item {
                Item::Literal(_, es) => es,
                Item::Scalar(_, e) | Item::Carry(_, e) | Item::Fill(_, e) | Item::Store { value: e, .. } => std::slice::from_ref(e),
                _ => &[],
            };
            moved.extend(es.iter().copied().filter(|e| !self.is_at(*e, scope)));
        }
        let mut size: Map<Expr, u32> = Map::default();
        let mut occupied: Set<usize> = Set::default();
        for &e in order {
            let node = &arena[e];
            let inline: u32 = node.children().iter().map(|c| if self.local[c.at()] { 0 } else { size[c] }).sum();
            size.insert(e, inline + u32::from(!node.children().is_empty()));
            let trivial = match node {
                Node::Apply(Op::Neg, args) => arena[args[0]].children().is_empty(),
                // lengths are compared as fast as a variable is read
                Node::Apply(Op::Lt, args) if args.iter().all(|a| is_length(arena, *a)) => true,
                Node::Apply(..) => false,
                Node::Named(..) => {
                    self.local[e.at()] = true;
                    occupied.extend(&self.places[e.at()]);
                    continue;
                }
                _ => true,
            };
            if trivial {
                continue;
            }
            let named = self.program.names.contains_key(&e) && !self.is_truth(e);
            let arms = self.places[e.at()].iter().filter_map(|at| self.arms.get(&(e, *at)));
            let blocks = arms.flatten().any(|arm| occupied.contains(arm));
            self.local[e.at()] = self.uses[e.at()] > 1 || moved.contains(&e) || named || blocks || inline >= LONGEST;
            if self.local[e.at()] {
                occupied.extend(&self.places[e.at()]);
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
            self.before(tree, scope, &roots, &mut out);
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
                    let mut body = self.scope(tree, *child);
                    out.push(match tree.scopes[*child].kind {
                        // a loop that does not run needs no guard to say so
                        Kind::Guard(c) if safety::is_entry_of(self.program, c, &body) => body.swap_remove(0),
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
    fn before(&mut self, tree: &Tree, scope: usize, roots: &[Expr], out: &mut Vec<Stmt>) {
        let arena = &self.program.arena;
        let mut seen: Set<Expr> = Set::default();
        let mut stack: Vec<Expr> = roots.to_vec();
        while let Some(e) = stack.pop() {
            let is_done = |at: &usize| self.done.contains(&(e, *at)) && tree.is_inside(scope, *at);
            if !self.places[e.at()].iter().any(is_done) && seen.insert(e) {
                stack.extend(arena[e].children());
            }
        }
        let mut needed: Vec<Expr> = seen.into_iter().filter(|e| self.is_at(*e, scope)).collect();
        needed.sort_unstable();
        for &e in &needed {
            if !self.done.insert((e, scope)) || !self.local[e.at()] {
                continue;
            }
            let arms = self.arms.get(&(e, scope)).cloned().unwrap_or_default();
            let inner = |scheduler: &mut Self, arm: usize, value: Expr| {
                let mut statements = Vec::new();
                scheduler.before(tree, arm, &[value], &mut statements);
                statements
            };
            let statement = match &arena[e] {
                Node::Apply(Op::Select, args) => {
                    let [then, otherwise] = [0, 1].map(|k| inner(self, arms[k], args[k + 1]));
                    Stmt::Branch(e, then, otherwise)
                }
                Node::Apply(op @ (Op::And | Op::Or), args) if !arms.is_empty() => match (inner(self, arms[0], args[1]), op) {
                    (behind, _) if behind.is_empty() => Stmt::Let(e),
                    (behind, Op::And) => Stmt::Branch(e, behind, Vec::new()),
                    (behind, _) => Stmt::Branch(e, Vec::new(), behind),
                },
                Node::Named(_, body) => Stmt::Total(e, inner(self, arms[0], *body)),
                Node::Apply(op @ (Op::Sin | Op::Cos), args) => {
                    let other = if *op == Op::Sin { Op::Cos } else { Op::Sin };
                    let twin = needed
                        .iter()
                        .copied()
                        .find(|n| self.local[n.at()] && !self.done.contains(&(*n, scope)) && arena.as_apply(*n) == Some((other, args)));
                    match twin {
                        Some(twin) => {
                            self.done.insert((twin, scope));
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

    /// Names the variable of a node; where several scopes compute it, the name is the same.
    fn name(&mut self, e: Expr) {
        if self.locals.contains_key(&e) {
            return;
        }
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

fn is_length(arena: &Arena, e: Expr) -> bool {
    arena.as_position(e).is_some_and(|a| a.indices().next().is_none())
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
