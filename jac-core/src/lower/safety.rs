//! Where an access may be evaluated.
//!
//! `if 1 <= i { x[i - 1] }` reads `x[i - 1]` only where `i` is not 0, and a loop that does not run reads
//! nothing. So an operation may leave a branch or a loop only if every access in it is in range outside, too:
//! if the [`Facts`] there tell what it [`Needs`]. [`check`] is the invariant of
//! lowering: **no access is evaluated where it is not known to be in range, unless its value is used there
//! whatever happens.** What is left then are the accesses of the function itself, which panics where they do.

use super::schedule::Kind;
use super::{Plan, Stmt};
use crate::ir::{runs, Affine, Expr, Facts, Index, Map, Needs, Node, Program, Set};
use crate::ops::Op;

/// Whether the scope is that around the loop of `i`, for what all its iterations need.
pub fn is_entry(program: &Program, kind: Kind, i: Index) -> bool {
    matches!(kind, Kind::Guard(c) if is_runs(program, c, i))
}

/// Whether the guarded statements are but a loop that the guard says runs.
pub fn is_entry_of(program: &Program, condition: Expr, body: &[Stmt]) -> bool {
    matches!(body, [Stmt::Loop(i, _)] if is_runs(program, condition, *i))
}

fn is_runs(program: &Program, condition: Expr, i: Index) -> bool {
    let Some((Op::Lt, &[zero, length])) = program.arena.as_apply(condition) else { return false };
    program.arena.is(zero, 0) && program.arena.as_position(length).as_ref() == Some(program.length(i))
}

/// Puts sums inside `if 0 < n` where something that all terms share can be read only then: it is read once.
pub fn enter_sums(program: &mut Program, roots: &[Expr]) -> Vec<Expr> {
    let order = program.arena.reachable(roots.iter().copied());
    let needs = Needs::of(program, &order);
    if needs.is_empty() {
        return roots.to_vec();
    }
    let worth = |program: &Program, i: Index, body: Expr| {
        let shared = |e: &Expr| !program.arena.mentions(*e, i) && !needs.hold(program, *e, &Facts::default());
        program.arena.reachable([body]).iter().any(shared)
    };
    let entered: Set<Expr> =
        order.iter().copied().filter(|e| matches!(program.arena[*e], Node::Named(i, body) if worth(program, i, body))).collect();
    let conditions: Map<Index, Option<Expr>> = entered
        .iter()
        .filter_map(|e| match program.arena[*e] {
            Node::Named(i, _) => Some(i),
            _ => None,
        })
        .collect::<Vec<Index>>()
        .into_iter()
        .map(|i| {
            let length = program.length(i).clone();
            (i, runs(&mut program.arena, &length))
        })
        .collect();
    program.arena.map(roots, |arena, e, node| match node {
        Node::Named(i, _) if entered.contains(&e) => {
            let sum = arena.insert(node);
            match conditions[&i] {
                Some(condition) => {
                    let zero = arena.constant(0);
                    arena.apply(Op::Select, vec![condition, sum, zero])
                }
                None => sum,
            }
        }
        node if arena[e] == node => e,
        node => arena.insert(node),
    })
}

/// The accesses in some expressions that may be out of range, with what must be 0 or more for them not to be.
pub fn exposed(program: &Program, needs: &Needs, mut expressions: Vec<Expr>) -> Map<Expr, Vec<Affine>> {
    let mut seen: Set<Expr> = Set::default();
    let mut out = Map::default();
    while let Some(e) = expressions.pop() {
        if needs.are_none(e) || !seen.insert(e) {
            continue;
        }
        match &program.arena[e] {
            // a constant from outside has no condition that could be asked for
            Node::Access(t, _) if program.lazy.contains(t) => {}
            Node::Access(..) => _ = out.insert(e, needs.get(e).to_vec()),
            node => expressions.extend(node.children()),
        }
    }
    out
}

/// Puts accesses behind the conditions that given integers are 0 or more, so that they may stand anywhere. Where an
/// access is out of range its value is not used, unless the function itself panics.
pub fn guarded(program: &mut Program, roots: &[Expr], conditions: &Map<Expr, Vec<Affine>>) -> Vec<Expr> {
    program.arena.map(roots, |arena, e, node| {
        let inner = if arena[e] == node { e } else { arena.insert(node) };
        let Some(conditions) = conditions.get(&e) else { return inner };
        let zero = arena.constant(0);
        conditions.iter().fold(inner, |inner, need| {
            let need = arena.integer(need.clone());
            let condition = arena.apply(Op::Le, vec![zero, need]);
            arena.apply(Op::Select, vec![condition, inner, zero])
        })
    })
}

/// Checks the invariant of lowering.
///
/// # Errors
/// An access that is evaluated where it is not known to be in range, and not used whatever happens.
pub fn check(plan: &Plan) -> Result<(), String> {
    let needs = Needs::of(&plan.program, &plan.program.arena.reachable(plan.body.iter().flat_map(Stmt::expressions)));
    if needs.is_empty() {
        return Ok(());
    }
    Checker { plan, needs }.block((&plan.body, &[], &Facts::default()), &Set::default())
}

struct Checker<'a> {
    plan: &'a Plan,
    needs: Needs,
}

/// What a block evaluates.
#[derive(Default)]
struct Seen {
    /// Whatever happens.
    certain: Set<Expr>,
    /// Where a condition holds, and where it does not.
    arms: Map<Expr, [Set<Expr>; 2]>,
}

impl Seen {
    /// Adds what the arms of a branch evaluate. What is evaluated where a condition holds and where it does not is certain,
    /// even if these are arms of two branches.
    fn arms(&mut self, program: &Program, e: Expr, evaluated: Vec<Set<Expr>>) {
        let Some((op, args)) = program.arena.as_apply(e) else { return };
        let sides = self.arms.entry(args[0]).or_default();
        let first = usize::from(op == Op::Or);
        sides[first..].iter_mut().zip(evaluated).for_each(|(side, more)| side.extend(more));
        let [holds, not] = sides;
        self.certain.extend(holds.intersection(not));
    }
}

impl Checker<'_> {
    /// Checks statements, where what is `around` them is evaluated whatever happens.
    fn block(&self, (body, results, facts): (&[Stmt], &[Expr], &Facts), around: &Set<Expr>) -> Result<(), String> {
        let mut certain = self.certain(body, results, facts);
        certain.extend(around);
        for statement in flat(body) {
            let defined = statement.defined();
            if !defined.is_empty() && !defined.iter().any(|e| certain.contains(e)) {
                let evaluated = statement.evaluated(&self.plan.program);
                if let Some(e) = evaluated.into_iter().find(|e| !self.holds(*e, facts, &certain)) {
                    let name = &self.plan.locals[&defined[0]];
                    return Err(format!("`{name}` may not be used, and may read out of range: {:?}", self.needs.get(e)));
                }
            }
            for (inner, results, facts) in self.inner(statement, facts) {
                self.block((inner, &results, &facts), &certain)?;
            }
        }
        Ok(())
    }

    /// What is evaluated whatever happens: by what the block returns and stores, and by what computes that.
    fn certain(&self, body: &[Stmt], results: &[Expr], facts: &Facts) -> Set<Expr> {
        let program = &self.plan.program;
        let mut seen = Seen::default();
        results.iter().for_each(|e| self.read(*e, &mut seen));
        for statement in flat(body).into_iter().rev() {
            let defined = statement.defined();
            if !defined.is_empty() && !defined.iter().any(|e| seen.certain.contains(e)) {
                continue;
            }
            statement.evaluated(program).into_iter().for_each(|e| self.read(e, &mut seen));
            let runs = |i: Index| facts.tell(program, &program.length(i).plus(&Affine::from(1), -1));
            let always = match statement {
                Stmt::Loop(i, _) => runs(*i),
                Stmt::Total(e, _) => matches!(program.arena[*e], Node::Named(i, _) if runs(i)),
                _ => false,
            };
            let blocks = self.inner(statement, facts).into_iter().map(|(body, results, facts)| self.certain(body, &results, &facts));
            match statement {
                Stmt::Branch(e, ..) => seen.arms(program, *e, blocks.collect()),
                _ if always => blocks.for_each(|block| seen.certain.extend(block)),
                _ => {}
            }
        }
        seen.certain
    }

    /// The blocks in a statement, with what they return and what is known in them.
    fn inner<'s>(&self, statement: &'s Stmt, facts: &Facts) -> Vec<(&'s [Stmt], Vec<Expr>, Facts)> {
        let program = &self.plan.program;
        let running = |i: Index| {
            let mut inside = facts.clone();
            inside.runs(program, i);
            inside
        };
        match statement {
            Stmt::Branch(e, then, otherwise) => {
                let args = program.arena[*e].children();
                // of `&&` and `||` there is one operand behind the first
                let arms = [(then, args[1], true), (otherwise, args[args.len() - 1], false)];
                let there = arms.into_iter().filter(|(arm, ..)| args.len() > 2 || !arm.is_empty());
                there.map(|(arm, value, holds)| (&arm[..], vec![value], self.where_true(facts, args[0], holds))).collect()
            }
            Stmt::Guard(c, inner) => vec![(inner, Vec::new(), self.where_true(facts, *c, true))],
            Stmt::Loop(i, inner) => vec![(inner, Vec::new(), running(*i))],
            Stmt::Total(e, inner) => match program.arena[*e] {
                Node::Named(i, body) => vec![(inner, vec![body], running(i))],
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    fn where_true(&self, facts: &Facts, condition: Expr, holds: bool) -> Facts {
        let mut facts = facts.clone();
        facts.assume(&self.plan.program, condition, holds);
        facts
    }

    /// Adds what an expression evaluates whatever happens.
    fn read(&self, e: Expr, seen: &mut Seen) {
        let program = &self.plan.program;
        let mut waiting = vec![e];
        while let Some(e) = waiting.pop() {
            if !seen.certain.insert(e) || self.plan.locals.contains_key(&e) {
                continue;
            }
            waiting.extend(at_once(program, e));
            if let Some((Op::Select | Op::And | Op::Or, args)) = program.arena.as_apply(e) {
                let of = |arm: &Expr| {
                    let mut inner = Seen::default();
                    self.read(*arm, &mut inner);
                    inner.certain
                };
                seen.arms(program, e, args[1..].iter().map(of).collect());
            }
        }
    }

    /// Whether what an expression reads is in range, without the variables that are there already.
    fn holds(&self, e: Expr, facts: &Facts, certain: &Set<Expr>) -> bool {
        let program = &self.plan.program;
        if self.plan.locals.contains_key(&e) || certain.contains(&e) || self.needs.hold(program, e, facts) {
            return true;
        }
        let inner = |e: Expr, condition: Expr, holds: bool| self.holds(e, &self.where_true(facts, condition, holds), certain);
        match program.arena.as_apply(e) {
            None => false,
            Some((Op::Select, &[c, a, b])) => self.holds(c, facts, certain) && inner(a, c, true) && inner(b, c, false),
            Some((op @ (Op::And | Op::Or), &[a, b])) => self.holds(a, facts, certain) && inner(b, a, op == Op::And),
            Some((_, args)) => args.iter().all(|a| self.holds(*a, facts, certain)),
        }
    }
}

/// The statements that are run one after the other: those of pieces, and each of the totals of a loop.
fn flat(body: &[Stmt]) -> Vec<&Stmt> {
    let mut out = Vec::new();
    for statement in body {
        match statement {
            Stmt::Group(inner, _) | Stmt::Totals(inner) => out.extend(flat(inner)),
            other => out.push(other),
        }
    }
    out
}

/// The operands that are evaluated whenever the expression is.
pub fn at_once(program: &Program, e: Expr) -> &[Expr] {
    match &program.arena[e] {
        Node::Apply(Op::Select | Op::And | Op::Or, args) => &args[..1],
        Node::Named(..) => &[],
        node => node.children(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::parse;
    use crate::lower::lower;

    const GUARDED: &str = "fn f(x: [n], a: []) -> y\ny[i: n] = select(1 <= float(i), exp(x[i-1]) * exp(exp(x[i-1]) * a), a)\n";

    #[test]
    fn what_is_lowered_keeps_to_its_guards() {
        let plan = lower(parse(GUARDED).unwrap(), true);
        assert_eq!(check(&plan), Ok(()));
    }

    #[test]
    fn an_access_in_front_of_its_guard_is_found() {
        let mut plan = lower(parse(GUARDED).unwrap(), true);
        assert!(move_out(&mut plan.body), "{:?}", plan.body);
        assert!(check(&plan).is_err());
    }

    #[test]
    fn what_both_arms_read_is_read_in_front_of_them() {
        // a copy for each arm would double with each of these
        let steps: String = (1..20).map(|k| format!("    let t{k} = select(a < {k}, sin(t{}), cos(t{}))\n", k - 1, k - 1)).collect();
        let plan = lower(parse(&format!("fn f(p: [m], a: []) -> y\ny =\n    let t0 = exp(p[2])\n{steps}    t19\n")).unwrap(), true);
        assert_eq!(check(&plan), Ok(()));
        assert!(plan.locals.len() < 60, "{}", plan.locals.len());
    }

    /// Moves what the arm of a branch computes in front of it.
    fn move_out(body: &mut Vec<Stmt>) -> bool {
        for k in 0..body.len() {
            match &mut body[k] {
                Stmt::Branch(_, then, _) if !then.is_empty() => {
                    let moved = std::mem::take(then);
                    body.splice(k..k, moved);
                    return true;
                }
                Stmt::Loop(_, inner) | Stmt::Guard(_, inner) => {
                    let moved = move_out(inner);
                    if moved {
                        return true;
                    }
                }
                _ => {}
            }
        }
        false
    }

    #[test]
    fn what_all_iterations_read_is_read_where_there_is_one() {
        let plan = lower(parse("fn f(x: [n], p: [m]) -> y\ny[i: n] = x[i] * exp(p[2])\n").unwrap(), true);
        assert_eq!(check(&plan), Ok(()));
        let guarded = plan.body.iter().any(|s| matches!(s, Stmt::Guard(_, inner) if matches!(inner[..], [Stmt::Let(_), Stmt::Loop(..)])));
        assert!(guarded, "{:?}", plan.body);
    }
}
