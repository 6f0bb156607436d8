//! Innermost loops over one run-time length that compute the same things become one loop, in which each is computed once.
//!
//! The later loop moves up to the earlier one, with the statements in between that it needs. What the earlier one stores is
//! read by the later one at the same position at most, and so is a variable.

use super::{Buffer, Init, Kernel, Local, LocalInfo, Stmt, Value};
use crate::ir::{Affine, Index, Map, Set, Symbol};
use crate::ops::Op;

/// What loops share must cost as much as this, a division: a loop that only stores what is cheap is run in vectors, which
/// one that sums is not.
const WORTH: u32 = 10;

/// Joins loops.
pub fn loops(kernel: &mut Kernel<'_>) {
    let body = std::mem::take(&mut kernel.body);
    kernel.body = block(kernel, body);
}

fn block(kernel: &mut Kernel<'_>, body: Vec<Stmt>) -> Vec<Stmt> {
    let mut out: Vec<Stmt> = Vec::with_capacity(body.len());
    let mut taken: Set<Local> = Set::default();
    for statement in body {
        let mut new = Vec::new();
        let statement = match statement {
            Stmt::For(i, inner) => Stmt::For(i, block(kernel, inner)),
            Stmt::If(c, inner) => Stmt::If(c, block(kernel, inner)),
            Stmt::Piece(inner, results) => Stmt::Piece(block(kernel, inner), results),
            Stmt::Branch(local, c, arms) => {
                let mut arms = arms.map(|(inner, value)| (block(kernel, inner), value));
                new = sums_out_of(kernel, &c, &mut arms[0].0, &mut taken);
                Stmt::Branch(local, c, arms)
            }
            other => other,
        };
        for statement in new.into_iter().chain([statement]) {
            out.push(statement);
            let mut last = out.len() - 1;
            while let Some(partner) = partner(kernel, &out[..=last]) {
                last = partner.first + partner.moved.len();
                join(kernel, &mut out, partner);
            }
        }
    }
    out
}

/// Takes the sums out of the arm of a branch that is taken if their loops run, where they need nothing else of it: without it
/// they are 0. What was `taken` out of a branch before is not computed again.
fn sums_out_of(kernel: &Kernel<'_>, condition: &Value, arm: &mut Vec<Stmt>, taken: &mut Set<Local>) -> Vec<Stmt> {
    let Some(length) = condition.as_runs() else { return Vec::new() };
    let mut kept: Set<Local> = Set::default();
    let mut loops: Set<usize> = Set::default();
    let mut summed: Set<Local> = Set::default();
    for (k, statement) in arm.iter().enumerate() {
        let effects = Effects::of(statement);
        let own = as_innermost(kernel, statement).is_some_and(|(i, _)| *kernel.program.length(i) == length);
        let again = effects.defines.iter().filter(|local| taken.contains(*local)).count();
        let apart = again == 0 || again == effects.defines.len();
        if own && apart && effects.writes.is_empty() && !overlap(&effects.uses, &kept) {
            loops.insert(k);
            summed.extend(effects.defines);
        } else if !matches!(statement, Stmt::Sum(_)) {
            kept.extend(effects.defines);
        }
    }
    let mut out = Vec::new();
    let mut left = Vec::new();
    for (k, statement) in std::mem::take(arm).into_iter().enumerate() {
        let moves = loops.contains(&k) || matches!(&statement, Stmt::Sum(local) if summed.contains(local));
        if moves { &mut out } else { &mut left }.push(statement);
    }
    *arm = left;
    let is_new = |s: &Stmt| match s {
        Stmt::Sum(local) => !taken.contains(local),
        other => !overlap(&Effects::of(other).defines, taken),
    };
    out.retain(is_new);
    taken.extend(summed);
    out
}

/// An earlier loop that a loop may join, and the statements between them that must move in front of it.
struct Partner {
    first: usize,
    last: usize,
    moved: Vec<usize>,
}

fn partner(kernel: &Kernel<'_>, body: &[Stmt]) -> Option<Partner> {
    let (last, before) = body.split_last()?;
    let (own, inner) = as_innermost(kernel, last)?;
    let same = |i: Index| kernel.program.length(i) == kernel.program.length(own);
    let mut needed = Effects::of(last);
    let mut moved: Vec<usize> = Vec::new();
    for (k, statement) in before.iter().enumerate().rev() {
        let effects = Effects::of(statement);
        let defines = overlap(&effects.defines, &needed.uses);
        let writes = overlap(&effects.writes, &needed.writes) || overlap(&effects.reads, &needed.writes);
        if let Some((i, first)) = as_innermost(kernel, statement).filter(|(i, _)| same(*i) && !defines && !writes) {
            let free = moved.iter().all(|m| !overlap(&effects.writes, &Effects::of(&body[*m]).reads));
            if free && is_joined(first, i, inner, own) {
                moved.reverse();
                return Some(Partner { first: k, last: before.len(), moved });
            }
        }
        let declared = effects.declared.as_ref().is_some_and(|b| needed.reads.contains(b) || needed.writes.contains(b));
        if declared || defines {
            let moves = matches!(
                statement,
                Stmt::Let(..) | Stmt::SinCos(..) | Stmt::Branch(..) | Stmt::Sum(_) | Stmt::Declare(_, Init::Zeros | Init::Fill(_))
            );
            moves.then(|| moved.push(k))?;
            needed.extend(effects);
        } else if writes || overlap(&effects.writes, &needed.reads) {
            return None;
        }
    }
    None
}

/// The index and the round of a loop over a run-time length that holds no other loop.
fn as_innermost<'s>(kernel: &Kernel<'_>, statement: &'s Stmt) -> Option<(Index, &'s [Stmt])> {
    let Stmt::For(i, inner) = statement else { return None };
    let innermost = inner.iter().all(is_simple) && kernel.program.is_run_time(kernel.program.length(*i));
    innermost.then_some((*i, inner))
}

/// Whether a statement has neither loops nor sums in it.
fn is_simple(statement: &Stmt) -> bool {
    match statement {
        Stmt::Let(..) | Stmt::SinCos(..) | Stmt::Store { .. } | Stmt::Add(..) => true,
        Stmt::Branch(_, _, arms) => arms.iter().all(|(inner, _)| inner.iter().all(is_simple)),
        _ => false,
    }
}

/// Whether the rounds of two loops may be one, and share enough.
fn is_joined(first: &[Stmt], i: Index, second: &[Stmt], j: Index) -> bool {
    let mut second = second.to_vec();
    rename(&mut second, j, i);
    let mut numbers = Numbers::default();
    let Some(computed) = numbers.computed(first, i, &second) else { return false };
    let mut shared: Set<u32> = Set::default();
    let told = numbers.each(&second, &mut |n| _ = computed.contains(&n) && shared.insert(n));
    let sums = |body: &[Stmt]| !is_dot(body) && !body.iter().any(|s| matches!(s, Stmt::Store { .. }));
    let least = if sums(first) && sums(&second) { 1 } else { WORTH };
    told && shared.into_iter().map(|n| numbers.cost(n)).sum::<u32>() >= least
}

/// Whether a round adds the product of two elements to a sum, for which there is a faster way.
fn is_dot(body: &[Stmt]) -> bool {
    let is_read = |v: &Value| matches!(v, Value::Read(..));
    matches!(body, [Stmt::Add(_, Value::Apply(Op::Mul, factors))] if factors.iter().all(is_read))
}

fn join(kernel: &mut Kernel<'_>, body: &mut Vec<Stmt>, partner: Partner) {
    let empty = Stmt::For(Index(0), Vec::new());
    let (Stmt::For(j, mut second), Stmt::For(i, first)) = (body.remove(partner.last), std::mem::replace(&mut body[partner.first], empty))
    else {
        unreachable!("both are loops")
    };
    rename(&mut second, j, i);
    let mut numbers = Numbers::default();
    let computed = numbers.computed(&first, i, &second).expect("what may be joined");
    let mut known: Map<u32, Local> = Map::default();
    first.iter().flat_map(defined).for_each(|local| _ = known.entry(numbers.locals[&local]).or_insert(local));
    let mut reader = Reader { kernel, numbers: &mut numbers, computed: &computed, known, wanted: Map::default() };
    let second = reader.statements(second);
    let wanted = reader.wanted;
    let mut round = named(&mut numbers, first, &wanted);
    round.extend(second);
    body[partner.first] = Stmt::For(i, round);
    // later ones first, so that positions stay what they are
    let moved: Vec<Stmt> = partner.moved.iter().rev().map(|k| body.remove(*k)).collect();
    body.splice(partner.first..partner.first, moved.into_iter().rev());
}

/// The index of the second loop becomes that of the first.
fn rename(body: &mut [Stmt], from: Index, to: Index) {
    let place = |a: &mut Affine| *a = a.substitute(|s| (s == Symbol::Index(from)).then(|| Affine::from(to)));
    for statement in body {
        for value in statement.values_mut() {
            value.each_mut(&mut |v| match v {
                Value::Integer(a) => place(a),
                Value::Read(_, at) => at.iter_mut().for_each(place),
                _ => {}
            });
        }
        match statement {
            Stmt::Store { at, .. } => at.iter_mut().for_each(place),
            Stmt::Branch(_, _, arms) => arms.iter_mut().for_each(|(inner, _)| rename(inner, from, to)),
            _ => {}
        }
    }
}

/// The variables that a statement defines.
fn defined(statement: &Stmt) -> Vec<Local> {
    match statement {
        Stmt::Let(local, _) | Stmt::Branch(local, ..) | Stmt::Sum(local) | Stmt::Dot(local, _) => vec![*local],
        Stmt::SinCos(both, _) => both.to_vec(),
        Stmt::Piece(_, results) => results.clone(),
        _ => Vec::new(),
    }
}

fn overlap<T: std::hash::Hash + Eq>(a: &Set<T>, b: &Set<T>) -> bool {
    a.iter().any(|x| b.contains(x))
}

/// What a statement does to others.
#[derive(Default)]
struct Effects {
    /// The variables that it defines or adds to for those behind it.
    defines: Set<Local>,
    /// The variables that it needs.
    uses: Set<Local>,
    reads: Set<Buffer>,
    writes: Set<Buffer>,
    declared: Option<Buffer>,
}

impl Effects {
    fn of(statement: &Stmt) -> Effects {
        let mut found = Effects::default();
        let (mut inside, mut added): (Set<Local>, Set<Local>) = Default::default();
        statement.each(&mut |s| {
            for value in s.values() {
                value.each(&mut |v| match v {
                    Value::Local(local) => _ = found.uses.insert(*local),
                    Value::Read(b, _) => _ = found.reads.insert(*b),
                    _ => {}
                });
            }
            let (read, written) = s.wholes();
            found.reads.extend(read);
            found.writes.extend(written);
            inside.extend(defined(s));
            match s {
                Stmt::Add(local, _) => _ = added.insert(*local),
                Stmt::Store { to, .. } => _ = found.writes.insert(*to),
                Stmt::Together(all) => found.writes.extend(all),
                // some are factored where they are
                Stmt::Factor(b, _) => _ = found.writes.insert(*b),
                _ => {}
            }
        });
        found.uses.extend(&added);
        found.uses.retain(|local| !inside.contains(local));
        added.retain(|local| !inside.contains(local));
        found.defines = match statement {
            Stmt::For(..) | Stmt::If(..) => added,
            _ => inside.into_iter().chain(added).collect(),
        };
        if let Stmt::Declare(b, _) = statement {
            found.declared = Some(*b);
        }
        found
    }

    fn extend(&mut self, other: Effects) {
        self.uses.extend(other.uses);
        self.reads.extend(other.reads);
        self.writes.extend(other.writes);
    }
}

/// What a value is, by what its operands are.
#[derive(PartialEq, Eq, Hash)]
enum Key {
    Const(u64),
    Integer(Affine),
    Read(Buffer, Vec<Affine>),
    Outside(Local),
    Apply(Op, Vec<u32>),
}

/// Numbers of values: what is equal has one number.
#[derive(Default)]
struct Numbers {
    keys: Set<Key>,
    locals: Map<Local, u32>,
    /// What the first loop stores and the second may read.
    stored: Map<(Buffer, Vec<Affine>), u32>,
}

impl Numbers {
    /// What every round of the first loop computes; none if a round of the second, over the same index, reads what another one
    /// of the first stores.
    fn computed(&mut self, first: &[Stmt], i: Index, second: &[Stmt]) -> Option<Set<u32>> {
        let mut computed = Set::default();
        for statement in first {
            self.define(statement);
            for value in at_once(statement) {
                self.each_at_once(value, &mut |n| _ = computed.insert(n));
            }
            computed.extend(defined(statement).into_iter().map(|local| self.locals[&local]));
        }
        let (before, after) = (accesses(first), accesses(second));
        for (b, at, is_store) in after {
            let mut stores = before.iter().filter(|(c, ..)| *c == b);
            if is_store || !stores.clone().any(|(.., is_store)| *is_store) {
                continue;
            }
            // it is stored once, and at a position of the round's own
            let ((_, stored, _), None) = (stores.next()?, stores.next()) else { return None };
            let value = first.iter().find_map(|s| match s {
                Stmt::Store { to, value, add: false, .. } if *to == b => Some(value),
                _ => None,
            })?;
            if at != *stored || !at.iter().any(|a| a.as_index() == Some(i)) {
                return None;
            }
            let number = self.of(value);
            self.stored.insert((b, at.to_vec()), number);
        }
        Some(computed)
    }

    /// Numbers what a statement defines.
    fn define(&mut self, statement: &Stmt) {
        match statement {
            Stmt::Let(local, value) => {
                let n = self.of(value);
                self.locals.insert(*local, n);
            }
            Stmt::SinCos([sin, cos], argument) => {
                let n = self.of(argument);
                for (local, op) in [(sin, Op::Sin), (cos, Op::Cos)] {
                    let n = self.number(Key::Apply(op, vec![n]));
                    self.locals.insert(*local, n);
                }
            }
            Stmt::Branch(local, condition, arms) => {
                arms.iter().flat_map(|(inner, _)| inner).for_each(|s| self.define(s));
                let parts = [condition, &arms[0].1, &arms[1].1].map(|value| self.of(value));
                let n = self.number(Key::Apply(Op::Select, parts.to_vec()));
                self.locals.insert(*local, n);
            }
            _ => {}
        }
    }

    fn number(&mut self, key: Key) -> u32 {
        self.keys.insert_full(key).0 as u32
    }

    fn of(&mut self, value: &Value) -> u32 {
        let key = match value {
            Value::Const(x) => Key::Const(x.to_bits()),
            Value::Integer(a) => Key::Integer(a.clone()),
            Value::Read(b, at) => {
                let place = (*b, at.clone());
                if let Some(n) = self.stored.get(&place) {
                    return *n;
                }
                Key::Read(place.0, place.1)
            }
            Value::Local(local) => match self.locals.get(local) {
                Some(n) => return *n,
                None => Key::Outside(*local),
            },
            Value::Apply(op, args) => Key::Apply(*op, args.iter().map(|a| self.of(a)).collect()),
        };
        self.number(key)
    }

    /// Calls `see` with the numbers of a value and of what is evaluated in it in any case.
    fn each_at_once(&mut self, value: &Value, see: &mut dyn FnMut(u32)) {
        see(self.of(value));
        for a in operands_at_once(value) {
            self.each_at_once(a, see);
        }
    }

    /// Calls `see` with the numbers of all values. Returns whether no variable is another one than before.
    fn each(&mut self, body: &[Stmt], see: &mut dyn FnMut(u32)) -> bool {
        let mut same = true;
        for statement in body {
            if let Stmt::Branch(_, _, arms) = statement {
                same &= arms.iter().all(|(inner, _)| self.each(inner, see));
            }
            let before = self.known(statement);
            self.define(statement);
            same &= before.into_iter().zip(self.known(statement)).all(|(before, now)| before.is_none() || before == now);
            statement.values().into_iter().for_each(|value| value.each(&mut |v| see(self.of(v))));
            self.known(statement).into_iter().flatten().for_each(&mut *see);
        }
        same
    }

    /// The numbers of the variables that a statement defines.
    fn known(&self, statement: &Stmt) -> Vec<Option<u32>> {
        defined(statement).iter().map(|local| self.locals.get(local).copied()).collect()
    }

    fn key(&self, n: u32) -> &Key {
        &self.keys[n as usize]
    }

    /// What the operator costs that computes a number from others.
    fn cost(&self, n: u32) -> u32 {
        match self.key(n) {
            Key::Apply(op, _) => op.entry().cost,
            _ => 0,
        }
    }

    /// Whether a number is worth a variable: it takes an operation that costs something.
    fn is_worth(&self, n: u32) -> bool {
        let Key::Apply(op, args) = self.key(n) else { return false };
        op.entry().cost > 0 || args.iter().any(|a| self.is_worth(*a))
    }
}

/// The values of a statement that are evaluated in any case.
fn at_once(statement: &Stmt) -> Vec<&Value> {
    match statement {
        Stmt::Branch(_, condition, _) => vec![condition],
        other => other.values(),
    }
}

/// How many of the operands are evaluated in any case: of a branch, its condition.
fn always(op: Op, count: usize) -> usize {
    match op {
        Op::Select | Op::And | Op::Or => 1,
        _ => count,
    }
}

fn operands_at_once(value: &Value) -> &[Value] {
    match value {
        Value::Apply(op, args) => &args[..always(*op, args.len())],
        _ => &[],
    }
}

/// What statements read, and what they store.
fn accesses(body: &[Stmt]) -> Vec<(Buffer, &[Affine], bool)> {
    let mut found: Vec<(Buffer, &[Affine], bool)> = Vec::new();
    super::each_statement(body, &mut |s| {
        found.extend(s.values().into_iter().flat_map(Value::reads).map(|(b, at)| (b, at, false)));
        if let Stmt::Store { to, at, .. } = s {
            found.push((*to, at, true));
        }
    });
    found
}

/// Rewrites the second loop to read what the first one computes.
struct Reader<'r, 'p> {
    kernel: &'r mut Kernel<'p>,
    numbers: &'r mut Numbers,
    computed: &'r Set<u32>,
    /// The variables that there are in the round.
    known: Map<u32, Local>,
    /// Those that the first loop is to have besides.
    wanted: Map<u32, Local>,
}

impl Reader<'_, '_> {
    fn statements(&mut self, body: Vec<Stmt>) -> Vec<Stmt> {
        body.into_iter().filter_map(|statement| self.statement(statement)).collect()
    }

    fn statement(&mut self, mut statement: Stmt) -> Option<Stmt> {
        self.numbers.define(&statement);
        let locals = defined(&statement);
        let is_there = |local: &Local| {
            let n = self.numbers.locals[local];
            self.known.contains_key(&n) || self.computed.contains(&n) && self.numbers.is_worth(n)
        };
        if !locals.is_empty() && locals.iter().all(is_there) {
            for local in locals {
                let n = self.numbers.locals[&local];
                if !self.known.contains_key(&n) {
                    self.known.insert(n, local);
                    self.wanted.insert(n, local);
                }
            }
            return None;
        }
        if let Stmt::Branch(_, _, arms) = &mut statement {
            for (inner, _) in arms {
                *inner = self.statements(std::mem::take(inner));
            }
        }
        statement.values_mut().into_iter().for_each(|value| self.value(value));
        Some(statement)
    }

    fn value(&mut self, value: &mut Value) {
        let n = self.numbers.of(value);
        if let Some(local) = self.known.get(&n) {
            *value = Value::Local(*local);
            return;
        }
        let is_computed = self.computed.contains(&n) && self.numbers.is_worth(n);
        match (&mut *value, self.numbers.key(n)) {
            (Value::Read(..), Key::Const(x)) => *value = Value::Const(f64::from_bits(*x)),
            (Value::Read(b, at), _) if self.numbers.stored.contains_key(&(*b, at.clone())) => *value = self.wanted(n),
            (Value::Apply(..), _) if is_computed => *value = self.wanted(n),
            (Value::Apply(_, args), _) => args.iter_mut().for_each(|a| self.value(a)),
            _ => {}
        }
    }

    /// A new variable for what the first loop computes.
    fn wanted(&mut self, n: u32) -> Value {
        let truth = matches!(self.numbers.key(n), Key::Apply(op, _) if op.entry().truth);
        let mut names = (self.kernel.locals.len() + 1..).map(|k| format!("t{k}"));
        let name = names.find(|n| !self.kernel.is_taken(n)).expect("some name is free");
        self.kernel.locals.push(LocalInfo { name, truth });
        let local = Local(self.kernel.locals.len() as u32 - 1);
        self.numbers.locals.insert(local, n);
        self.known.insert(n, local);
        self.wanted.insert(n, local);
        Value::Local(local)
    }
}

/// Statements in which what is wanted is computed into its variable, where that is first evaluated in any case.
fn named(numbers: &mut Numbers, body: Vec<Stmt>, wanted: &Map<u32, Local>) -> Vec<Stmt> {
    let mut there: Set<u32> = Set::default();
    let mut out = Vec::with_capacity(body.len() + wanted.len());
    for mut statement in body {
        if let Stmt::Branch(_, condition, _) = &mut statement {
            name(numbers, condition, wanted, &mut there, &mut out);
        } else {
            let values = statement.values_mut();
            values.into_iter().for_each(|value| name(numbers, value, wanted, &mut there, &mut out));
        }
        out.push(statement);
    }
    out
}

fn name(numbers: &mut Numbers, value: &mut Value, wanted: &Map<u32, Local>, there: &mut Set<u32>, out: &mut Vec<Stmt>) {
    if let Value::Apply(op, args) = value {
        let always = always(*op, args.len());
        args[..always].iter_mut().for_each(|a| name(numbers, a, wanted, there, out));
    }
    let n = numbers.of(value);
    let Some(local) = wanted.get(&n) else { return };
    let value = std::mem::replace(value, Value::Local(*local));
    if there.insert(n) {
        out.push(Stmt::Let(*local, value));
    }
}
