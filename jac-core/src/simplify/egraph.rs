//! Equality saturation with egg, in windows.
//!
//! Associativity and commutativity never saturate on a whole function, so the arithmetic is cut
//! into windows of a few dozen operations. All values of a window that are used outside it are its
//! roots. Extraction starts from the window as it was and improves it by moves whose saving counts
//! shared nodes once, so a window never gets dearer.

use crate::ir::{Constant, Expr, Map, Node, Program, Set};
use crate::ops::{Domain, Op};
use egg::{Analysis, Condition, ConditionalApplier, DidMerge, EGraph, FromOp, Id, Language, Pattern, Rewrite, Runner, Subst, Var};
use std::sync::OnceLock;
use std::time::Duration;

/// Operations in a window.
const WINDOW: usize = 32;
/// Rounds of rewriting in a window.
const ROUNDS: usize = 6;
/// The least and most e-nodes of one window.
const WINDOW_NODES: (usize, usize) = (160, 1000);

/// An e-node.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
enum Term {
    Const(Constant),
    /// A value from outside the window.
    Leaf(u32),
    Apply(Op, Vec<Id>),
}

impl Language for Term {
    type Discriminant = (u8, Option<Op>);

    fn discriminant(&self) -> Self::Discriminant {
        match self {
            Term::Const(_) => (0, None),
            Term::Leaf(_) => (1, None),
            Term::Apply(op, _) => (2, Some(*op)),
        }
    }

    fn matches(&self, other: &Self) -> bool {
        match (self, other) {
            (Term::Apply(a, x), Term::Apply(b, y)) => a == b && x.len() == y.len(),
            (a, b) => a == b,
        }
    }

    fn children(&self) -> &[Id] {
        match self {
            Term::Apply(_, args) => args,
            _ => &[],
        }
    }

    fn children_mut(&mut self) -> &mut [Id] {
        match self {
            Term::Apply(_, args) => args,
            _ => &mut [],
        }
    }
}

impl std::fmt::Display for Term {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Term::Const(c) => c.fmt(f),
            Term::Leaf(k) => write!(f, "v{k}"),
            Term::Apply(op, _) => f.write_str(op.name()),
        }
    }
}

impl FromOp for Term {
    type Error = String;

    fn from_op(op: &str, children: Vec<Id>) -> Result<Self, String> {
        if let Some(known) = Op::named(op) {
            return Ok(Term::Apply(known, children));
        }
        op.parse().map(Term::Const)
    }
}

/// What is known of a class.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Fact {
    constant: Option<Constant>,
    /// Proven not to be zero.
    nonzero: bool,
    /// Proven to be defined everywhere.
    total: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Facts;

impl Analysis<Term> for Facts {
    type Data = Fact;

    fn make(egraph: &mut EGraph<Term, Self>, node: &Term, _: Id) -> Fact {
        let fact = |id: &Id| &egraph[*id].data;
        match node {
            Term::Const(c) => Fact { constant: Some(c.clone()), nonzero: !c.is_zero(), total: true },
            Term::Leaf(_) => Fact { constant: None, nonzero: false, total: false },
            Term::Apply(op, args) => {
                let constant = fold(*op, &args.iter().filter_map(|a| fact(a).constant.as_ref()).collect::<Vec<_>>());
                let nonzero = match op {
                    Op::Exp | Op::Exp2 | Op::Cosh => true,
                    Op::Mul | Op::Div => fact(&args[0]).nonzero && fact(&args[1]).nonzero,
                    Op::Neg | Op::Abs | Op::Keep => fact(&args[0]).nonzero,
                    _ => constant.as_ref().is_some_and(|c| !c.is_zero()),
                };
                let total = matches!(op.entry().domain, Domain::Total) && args.iter().all(|a| fact(a).total);
                Fact { constant, nonzero, total }
            }
        }
    }

    fn merge(&mut self, a: &mut Fact, b: Fact) -> DidMerge {
        debug_assert!(
            a.constant.is_none() || b.constant.is_none() || a.constant == b.constant,
            "two constants in one class: {:?} and {:?}",
            a.constant,
            b.constant
        );
        let joined = Fact {
            constant: a.constant.clone().or_else(|| b.constant.clone()),
            nonzero: a.nonzero || b.nonzero,
            total: a.total || b.total,
        };
        let did = DidMerge(joined != *a, joined != b);
        *a = joined;
        did
    }

    fn modify(egraph: &mut EGraph<Term, Self>, id: Id) {
        if let Some(c) = egraph[id].data.constant.clone() {
            let constant = egraph.add(Term::Const(c));
            egraph.union(id, constant);
        }
    }
}

/// The exact value of a rational operation on constants.
fn fold(op: Op, args: &[&Constant]) -> Option<Constant> {
    let folded = match (op, args) {
        (Op::Add, [a, b]) => a.add(b),
        (Op::Sub, [a, b]) => a.add(&b.neg()),
        (Op::Mul, [a, b]) => a.mul(b),
        (Op::Div, [a, b]) => a.mul(&b.recip()?),
        (Op::Neg, [a]) => a.neg(),
        _ => return None,
    };
    // exact constants grow without bound under rewriting
    let small = folded.parts().0.bits() < 2200 && folded.parts().1.bits() < 2200;
    (small && folded.is_normal()).then_some(folded)
}

/// A side condition of a rule.
struct Guard {
    kind: &'static str,
    var: Var,
}

impl Condition<Term, Facts> for Guard {
    fn check(&self, egraph: &mut EGraph<Term, Facts>, _: Id, subst: &Subst) -> bool {
        let fact = &egraph[subst[self.var]].data;
        match self.kind {
            "nonzero" => fact.nonzero,
            _ => fact.total,
        }
    }
}

/// A rule of the operator table: `name: pattern => pattern [if guard(?v)]`.
fn rule(text: &'static str) -> Rewrite<Term, Facts> {
    let parts = || -> Option<_> {
        let (name, rest) = text.split_once(": ")?;
        let (left, right) = rest.split_once(" => ")?;
        let (right, guard) = match right.split_once(" if ") {
            Some((right, guard)) => (right, Some(guard)),
            None => (right, None),
        };
        Some((name, left.parse::<Pattern<Term>>().ok()?, right.parse::<Pattern<Term>>().ok()?, guard))
    };
    let (name, left, right, guard) = parts().unwrap_or_else(|| panic!("malformed rule `{text}`"));
    let rewrite = match guard {
        None => Rewrite::new(name, left, right),
        Some(guard) => {
            let (kind, var) = guard.split_once('(').unwrap_or_else(|| panic!("malformed guard in `{text}`"));
            let var = var.trim_end_matches(')').parse().unwrap_or_else(|_| panic!("malformed variable in `{text}`"));
            Rewrite::new(name, left, ConditionalApplier { condition: Guard { kind, var }, applier: right })
        }
    };
    rewrite.unwrap_or_else(|e| panic!("rule `{text}`: {e}"))
}

/// The rules of all operators.
fn rules() -> &'static [Rewrite<Term, Facts>] {
    static RULES: OnceLock<Vec<Rewrite<Term, Facts>>> = OnceLock::new();
    RULES.get_or_init(|| Op::ALL.iter().flat_map(|op| op.entry().rules).map(|text| rule(text)).collect())
}

/// Rewrites the roots, window by window, with at most about `budget` e-nodes, shared out among the
/// windows: unoptimised, egg makes about 7000 a second.
pub fn rewrite(program: &mut Program, roots: &[Expr], budget: usize) -> Vec<Expr> {
    let order = program.arena.postorder(roots);
    let operations: Vec<Expr> = order.into_iter().filter(|e| program.arena.as_apply(*e).is_some()).collect();
    let windows = operations.len().div_ceil(WINDOW).max(1);
    let nodes = (budget / windows).clamp(WINDOW_NODES.0, WINDOW_NODES.1);
    let mut last_use: Map<Expr, usize> = Map::default();
    for (k, e) in operations.iter().enumerate() {
        for c in program.arena[*e].children() {
            last_use.insert(*c, k / WINDOW);
        }
    }
    for e in roots {
        last_use.insert(*e, usize::MAX);
    }
    let mut new: Map<Expr, Expr> = Map::default();
    for (k, window) in operations.chunks(WINDOW).enumerate() {
        if k * nodes < budget * 2 {
            let outputs: Vec<Expr> = window.iter().copied().filter(|e| last_use.get(e).is_some_and(|last| *last > k)).collect();
            let built = rewrite_window(program, window, &outputs, &new, nodes);
            for (old, built) in outputs.into_iter().zip(built) {
                if let Some(name) = program.names.get(&old).cloned() {
                    program.names.entry(built).or_insert(name);
                }
                new.insert(old, built);
            }
        } else {
            for &e in window {
                let node = program.arena[e].with_children(|c| new.get(&c).copied().unwrap_or(c));
                let built = program.arena.insert(node);
                new.insert(e, built);
            }
        }
    }
    roots.iter().map(|e| new.get(e).copied().unwrap_or(*e)).collect()
}

fn rewrite_window(program: &mut Program, window: &[Expr], outputs: &[Expr], new: &Map<Expr, Expr>, nodes: usize) -> Vec<Expr> {
    let mut egraph: EGraph<Term, Facts> = EGraph::new(Facts);
    let mut leaves: Set<Expr> = Set::default();
    let mut ids: Map<Expr, Id> = Map::default();
    let mut inserted: Vec<(Id, Term)> = Vec::new();
    for &e in window {
        let Node::Apply(op, args) = program.arena[e].clone() else { continue };
        let mut children = Vec::new();
        for a in args {
            let id = match ids.get(&a) {
                Some(id) => *id,
                None => {
                    let outside = new.get(&a).copied().unwrap_or(a);
                    let term = match program.arena.as_const(outside) {
                        Some(c) => Term::Const(c.clone()),
                        None => Term::Leaf(leaves.insert_full(outside).0 as u32),
                    };
                    let id = egraph.add(term.clone());
                    inserted.push((id, term));
                    id
                }
            };
            children.push(id);
        }
        let term = Term::Apply(op, children);
        let id = egraph.add(term.clone());
        inserted.push((id, term));
        ids.insert(e, id);
    }
    let runner = Runner::default()
        .with_egraph(egraph)
        .with_iter_limit(ROUNDS)
        .with_node_limit(nodes)
        // the default limit is a clock's; nothing here may depend on one
        .with_time_limit(Duration::MAX)
        .run(rules());
    let egraph = runner.egraph;
    let goals: Vec<Id> = outputs.iter().map(|e| egraph.find(ids[e])).collect();
    let choice = Extraction::new(&egraph, &inserted, &goals).improve();
    let mut built: Map<Id, Expr> = Map::default();
    for id in choice.order() {
        let e = match &choice.chosen[&id] {
            Term::Const(c) => program.arena.insert(Node::Const(c.clone())),
            Term::Leaf(k) => leaves[*k as usize],
            Term::Apply(op, args) => {
                let args: Vec<Expr> = args.iter().map(|a| built[&egraph.find(*a)]).collect();
                program.arena.apply(*op, args)
            }
        };
        built.insert(id, e);
    }
    goals.iter().map(|id| built[id]).collect()
}

/// A node chosen for every class.
struct Extraction<'a> {
    egraph: &'a EGraph<Term, Facts>,
    goals: &'a [Id],
    chosen: Map<Id, Term>,
}

fn price(term: &Term) -> u64 {
    match term {
        Term::Apply(op, _) => u64::from(op.entry().cost),
        _ => 0,
    }
}

impl<'a> Extraction<'a> {
    /// The window as it was; classes that are new get the node of the least tree.
    fn new(egraph: &'a EGraph<Term, Facts>, inserted: &[(Id, Term)], goals: &'a [Id]) -> Self {
        let mut chosen: Map<Id, Term> = Map::default();
        for (id, term) in inserted {
            let term = term.clone().map_children(|c| egraph.find(c));
            chosen.entry(egraph.find(*id)).or_insert(term);
        }
        let mut least: Map<Id, u64> = Map::default();
        // least trees by relaxation, as in egg's own extractor, in the order of class ids
        let mut classes: Vec<Id> = egraph.classes().map(|c| c.id).collect();
        classes.sort();
        let mut changed = true;
        let mut standing: Map<Id, Term> = Map::default();
        while changed {
            changed = false;
            for &id in &classes {
                for node in &egraph[id].nodes {
                    let tree: Option<u64> = node.children().iter().map(|c| least.get(&egraph.find(*c)).copied()).sum();
                    let Some(tree) = tree.map(|t| t + price(node) + 1) else { continue };
                    if least.get(&id).is_none_or(|known| tree < *known) {
                        least.insert(id, tree);
                        standing.insert(id, node.clone());
                        changed = true;
                    }
                }
            }
        }
        for (id, node) in standing {
            chosen.entry(id).or_insert(node);
        }
        Extraction { egraph, goals, chosen }
    }

    /// The chosen classes, operands first; `None` where the choice runs in a circle.
    fn visit(&self) -> Option<Vec<Id>> {
        let mut state: Map<Id, bool> = Map::default();
        let mut order = Vec::new();
        let mut stack: Vec<(Id, bool)> = self.goals.iter().rev().map(|id| (*id, false)).collect();
        while let Some((id, ready)) = stack.pop() {
            if ready {
                state.insert(id, true);
                order.push(id);
                continue;
            }
            match state.get(&id) {
                Some(true) => continue,
                Some(false) => return None,
                None => {}
            }
            state.insert(id, false);
            stack.push((id, true));
            for c in self.chosen[&id].children() {
                let c = self.egraph.find(*c);
                match state.get(&c) {
                    Some(true) => {}
                    Some(false) => return None,
                    None => stack.push((c, false)),
                }
            }
        }
        Some(order)
    }

    fn order(&self) -> Vec<Id> {
        self.visit().expect("only acyclic choices are kept")
    }

    fn cost(&self) -> Option<u64> {
        self.visit().map(|order| order.iter().map(|id| price(&self.chosen[id])).sum())
    }

    /// Tries every other node of every class in use, and keeps what lowers the cost of all goals.
    fn improve(mut self) -> Self {
        let Some(mut least) = self.cost() else { return self };
        for _ in 0..3 {
            let before = least;
            for id in self.order() {
                for node in &self.egraph[id].nodes {
                    let node = node.clone().map_children(|c| self.egraph.find(c));
                    if node == self.chosen[&id] {
                        continue;
                    }
                    let old = self.chosen.insert(id, node);
                    match self.cost() {
                        Some(cost) if cost < least => least = cost,
                        _ => {
                            if let Some(old) = old {
                                self.chosen.insert(id, old);
                            }
                        }
                    }
                }
            }
            if least == before {
                break;
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::parse;

    fn rewritten(expression: &str) -> String {
        let mut program = parse(&format!("fn f(x: [], y: [], z: []) -> w\nw = {expression}\n")).unwrap();
        let roots = program.roots();
        let roots = rewrite(&mut program, &roots, 2400);
        program.set_roots(&roots);
        program.to_text().lines().last().unwrap().trim_start_matches("w = ").to_owned()
    }

    #[test]
    fn rules_parse() {
        assert!(rules().len() > 50);
    }

    #[test]
    fn rewrites() {
        assert_eq!(rewritten("x*y + x*z"), "x * (y + z)");
        assert_eq!(rewritten("sin(-x) + sin(x)"), "0");
        assert_eq!(rewritten("x/z + y/z"), "(x + y) / z");
        assert_eq!(rewritten("exp(ln(x))"), "x");
    }

    #[test]
    fn no_proof_that_nought_is_one() {
        // `x/x → 1` with `0/x → 0` would make them equal
        let text = rewritten("(x - x)/(x - x)");
        assert!(text.contains('/'), "{text}");
    }
}
