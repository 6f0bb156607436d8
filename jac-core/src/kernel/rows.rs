//! What loops walk along: rows taken out of the loops, as far as their other positions are known, so that the compiler
//! knows their lengths; and iterators over rows, which give the next one for less than its position costs.

use super::{each_statement, stores, Buffer, Home, Init, Kernel, Layout, Stmt, Value};
use crate::ir::{is_natural, Affine, Index, Map, Set, Symbol};
use crate::ops::Op;

/// Takes rows out of loops. `reorders` says whether a sum of products along two of them may be the library's.
pub fn take(kernel: &mut Kernel<'_>, reorders: bool) {
    let body = std::mem::take(&mut kernel.body);
    let mut stored: Map<Buffer, usize> = Map::default();
    each_statement(&body, &mut |statement| {
        if let Stmt::Store { to, .. } = statement {
            *stored.entry(*to).or_default() += 1;
        }
    });
    let mut taker = Taker { kernel, reorders, stored, rows: Vec::new(), open: Set::default(), iterators: Map::default() };
    let body = taker.statements(body);
    kernel.body = body;
}

/// A row that is declared: of which buffer, the positions that lie in it, and where on the last axis it begins.
struct Row {
    of: Buffer,
    at: Vec<Affine>,
    from: Affine,
    row: Buffer,
}

struct Taker<'k, 'p> {
    kernel: &'k mut Kernel<'p>,
    reorders: bool,
    /// How many statements store into a buffer.
    stored: Map<Buffer, usize>,
    /// The rows of the loops around.
    rows: Vec<Row>,
    /// The indices of the loops around.
    open: Set<Index>,
    /// The iterators over rows of buffers.
    iterators: Map<Buffer, Buffer>,
}

impl Taker<'_, '_> {
    fn statements(&mut self, body: Vec<Stmt>) -> Vec<Stmt> {
        let mut out = Vec::with_capacity(body.len());
        for statement in body {
            match statement {
                Stmt::For(i, inner) => self.around(i, inner, &mut out),
                Stmt::If(mut c, inner) => {
                    self.rewrite(&mut c);
                    out.push(Stmt::If(c, self.statements(inner)));
                }
                Stmt::Piece(inner, results) => out.push(Stmt::Piece(self.statements(inner), results)),
                Stmt::Branch(local, mut c, arms) => {
                    self.rewrite(&mut c);
                    let arms = arms.map(|(inner, mut value)| {
                        self.rewrite(&mut value);
                        (self.statements(inner), value)
                    });
                    out.push(Stmt::Branch(local, c, arms));
                }
                mut other => {
                    other.values_mut().into_iter().for_each(|v| self.rewrite(v));
                    if let Stmt::Store { to, at, .. } = &mut other {
                        self.place(to, at);
                    }
                    out.push(other);
                }
            }
        }
        out
    }

    /// The loop of an index, with the rows that it walks along before it and those of loops inside at its beginning.
    fn around(&mut self, i: Index, mut inner: Vec<Stmt>, out: &mut Vec<Stmt>) {
        let outside = self.rows.len();
        if self.open.is_empty() {
            self.iterate(i, &inner, out);
        }
        if self.dot(i, &inner, out) {
            return;
        }
        self.take_rows(i, &inner, out);
        self.open.insert(i);
        let is_block = |s: &Stmt| matches!(s, Stmt::Clear(_)) || matches!(s, Stmt::Declare(_, Init::Unset));
        let blocks = inner.iter().take_while(|s| is_block(s)).count();
        let mut round: Vec<Stmt> = inner.drain(..blocks).collect();
        self.take_rows(i, &inner, &mut round);
        self.take_short_rows(i, &inner, &mut round);
        round.extend(self.statements(inner));
        self.open.swap_remove(&i);
        self.rows.truncate(outside);
        out.push(Stmt::For(i, round));
    }

    /// `Σ_i a[i]·b[i]` along two rows of a length that is not known, behind the statement that begins the sum.
    fn dot(&mut self, i: Index, inner: &[Stmt], out: &mut Vec<Stmt>) -> bool {
        let [Stmt::Add(sum, Value::Apply(Op::Mul, factors))] = inner else { return false };
        let [Value::Read(a, at_a), Value::Read(b, at_b)] = factors.as_slice() else { return false };
        let along = |at: &[Affine]| at.last().and_then(Affine::as_index) == Some(i);
        let known = self.kernel.program.length(i).known().is_some();
        if known || !self.reorders || !along(at_a) || !along(at_b) || out.last() != Some(&Stmt::Sum(*sum)) {
            return false;
        }
        let (outside, buffers) = (self.rows.len(), self.kernel.buffers.len());
        let mut declared = Vec::new();
        self.take_rows(i, inner, &mut declared);
        let rows = self.row(*a, at_a).zip(self.row(*b, at_b)).map(|(a, b)| (a.row, b.row));
        self.rows.truncate(outside);
        let Some((a, b)) = rows else {
            self.kernel.buffers.truncate(buffers);
            return false;
        };
        out.pop();
        out.extend(declared);
        out.push(Stmt::Dot(*sum, [a, b]));
        true
    }

    fn rewrite(&self, value: &mut Value) {
        if self.rows.is_empty() {
            return;
        }
        value.each_mut(&mut |value| {
            if let Value::Read(b, at) = value {
                self.place(b, at);
            }
        });
    }

    /// The row that a position lies in, if it is declared.
    fn row(&self, of: Buffer, at: &[Affine]) -> Option<&Row> {
        self.rows.iter().find(|r| r.of == of && r.at == at)
    }

    /// Reads or writes an element of a row in place of one of what that is a part of.
    fn place(&self, b: &mut Buffer, at: &mut Vec<Affine>) {
        if let (Some(row), Some(last)) = (self.row(*b, at), at.last()) {
            *at = vec![last.plus(&row.from, -1)];
            *b = row.row;
        }
    }

    /// The index of a loop inside with which a position walks, and where it begins.
    fn walk(&self, last: &Affine) -> Option<(Index, Affine)> {
        let i = last.indices().find(|j| !self.open.contains(j) && last.coefficient(Symbol::Index(*j)) == 1)?;
        let from = last.plus(&Affine::from(i), -1);
        (is_natural(&from) && from.indices().all(|j| self.open.contains(&j))).then_some((i, from))
    }

    /// Takes the rows that loops walk along out of them.
    fn take_rows(&mut self, i: Index, inner: &[Stmt], out: &mut Vec<Stmt>) {
        let accesses = Accesses::of(inner);
        for (b, at) in accesses.reads.iter().filter(|(b, _)| !accesses.written.contains(b)) {
            if let Some((j, from)) = at.last().and_then(|last| self.walk(last)) {
                self.take_row(j, from, *b, at, false, out);
            }
        }
        if accesses.innermost {
            for (b, at) in &accesses.writes {
                // what is written may not be borrowed a second time
                let alone = accesses.uses(*b) == 1 && !accesses.declared.contains(b);
                match at.last().and_then(|last| self.walk(last)) {
                    Some((j, from)) if alone && i == j => self.take_row(j, from, *b, at, true, out),
                    _ => {}
                }
            }
        }
    }

    /// Takes out the short rows of which a round writes several elements, at positions that are known.
    fn take_short_rows(&mut self, i: Index, inner: &[Stmt], out: &mut Vec<Stmt>) {
        let accesses = Accesses::of(inner);
        let written: Set<Buffer> = accesses.writes.iter().map(|w| w.0).collect();
        for b in written {
            let writes: Vec<&[Affine]> = accesses.writes.iter().filter(|w| w.0 == b).map(|w| w.1).collect();
            let Some((_, leading)) = writes[0].split_last() else { continue };
            let (info, program) = (self.kernel.info(b), self.kernel.program);
            let length = &info.shape[leading.len()];
            let inside = |at: &&[Affine]| at.iter().enumerate().all(|(axis, a)| self.kernel.is_inside(b, axis, a));
            let is_short = |at: &&[Affine]| at[..leading.len()] == *leading && at[leading.len()].known().is_some() && inside(at);
            let alone = accesses.uses(b) == writes.len() && !accesses.declared.contains(&b);
            let open = leading.iter().flat_map(Affine::indices).all(|j| self.open.contains(&j));
            let walks = leading.iter().any(|a| a.coefficient(Symbol::Index(i)) != 0);
            let short = writes.len() > 1 && writes.iter().all(is_short);
            if !accesses.innermost || info.layout != Layout::Flat || program.is_run_time(length) || !alone || !open || !walks || !short {
                continue;
            }
            let home = Home::View { of: b, at: leading.to_vec(), mutable: true };
            let (shape, in_scope) = (vec![length.clone()], self.in_scope());
            let row = self.kernel.part(b, "row", home, shape, &in_scope);
            self.rows.extend(writes.iter().map(|at| Row { of: b, at: at.to_vec(), from: Affine::default(), row }));
            out.push(Stmt::Declare(row, Init::Unset));
        }
    }

    /// The parts that must not have the name of another.
    fn in_scope(&self) -> Vec<Buffer> {
        self.rows.iter().map(|r| r.row).collect()
    }

    /// Declares the row along which a position walks with an index, if all else is known here.
    fn take_row(&mut self, i: Index, from: Affine, of: Buffer, at: &[Affine], mutable: bool, out: &mut Vec<Stmt>) {
        let length = self.kernel.program.length(i);
        let Some((_, leading)) = at.split_last() else { return };
        let open = leading.iter().chain([length]).flat_map(Affine::indices).all(|j| self.open.contains(&j));
        let flat = self.kernel.info(of).layout == Layout::Flat;
        if !open || self.open.contains(&i) || !flat || self.row(of, at).is_some() || !self.is_row(i, of, at) {
            return;
        }
        let same = |r: &&Row| {
            let index = r.at.last().and_then(|last| last.plus(&r.from, -1).as_index());
            let same = r.of == of && r.from == from && r.at[..leading.len()] == *leading;
            same && index.is_some_and(|j| self.kernel.program.length(j) == length)
        };
        if let Some(row) = self.rows.iter().find(same).map(|r| r.row) {
            self.rows.push(Row { of, at: at.to_vec(), from, row });
            return;
        }
        let home = match self.iterators.get(&of).filter(|_| mutable) {
            Some(rows) => Home::Next(*rows),
            None => {
                let from = (from != Affine::default()).then(|| from.clone());
                Home::View { of, at: leading.iter().cloned().chain(from).collect(), mutable }
            }
        };
        let in_scope = self.in_scope();
        let row = self.kernel.part(of, "row", home, vec![length.clone()], &in_scope);
        self.rows.push(Row { of, at: at.to_vec(), from, row });
        out.push(Stmt::Declare(row, Init::Unset));
    }

    /// Whether a position walks along the last axis with an index, inside the buffer.
    fn is_row(&self, i: Index, of: Buffer, at: &[Affine]) -> bool {
        let fixed = |a: &Affine| a.coefficient(Symbol::Index(i)) == 0;
        at.split_last().is_some_and(|(_, leading)| leading.iter().all(fixed))
            && at.iter().enumerate().all(|(axis, a)| self.kernel.is_inside(of, axis, a))
    }

    /// Declares iterators over the rows that are written one after the other by the outermost loop `i`, each once.
    fn iterate(&mut self, i: Index, inner: &[Stmt], out: &mut Vec<Stmt>) {
        let accesses = Accesses::of(inner);
        let written: Set<Buffer> = accesses.writes.iter().map(|w| w.0).collect();
        let once = |b: &Buffer| accesses.uses(*b) == 1 && self.stored[b] == 1 && !accesses.declared.contains(b);
        for of in written.into_iter().filter(once) {
            let info = self.kernel.info(of);
            let Some((loops, at, false)) = stores(self.kernel.program, inner, of).pop() else { continue };
            let loops: Vec<Index> = std::iter::once(i).chain(loops).collect();
            let program = self.kernel.program;
            let in_order = |((j, a), n): ((&Index, &Affine), &Affine)| a.as_index() == Some(*j) && program.length(*j) == n;
            let whole = loops.len() == info.shape.len() && loops.iter().zip(at).zip(&info.shape).all(in_order);
            let last = loops[1..].iter().try_fold(inner, |inner, j| inner.iter().find_map(|s| s.as_loop(*j)));
            let row = last.map(Accesses::of).is_some_and(|last| last.innermost && last.uses(of) == 1);
            if loops.len() < 2 || !whole || !row || info.layout != Layout::Flat {
                continue;
            }
            let shape = info.shape.clone();
            let rows = self.kernel.part(of, "rows", Home::Rows(of), shape, &[]);
            self.iterators.insert(of, rows);
            out.push(Stmt::Declare(rows, Init::Unset));
        }
    }
}

/// What statements read and write.
pub struct Accesses<'s> {
    /// The elements that are read.
    pub reads: Vec<(Buffer, &'s [Affine])>,
    writes: Vec<(Buffer, &'s [Affine])>,
    /// What is written or declared in any way.
    written: Set<Buffer>,
    /// What is declared.
    declared: Set<Buffer>,
    /// Whether there are no loops among the statements, and none makes a buffer.
    innermost: bool,
}

impl<'s> Accesses<'s> {
    /// What some statements read and write.
    pub fn of(body: &'s [Stmt]) -> Accesses<'s> {
        let mut found =
            Accesses { reads: Vec::new(), writes: Vec::new(), written: Set::default(), declared: Set::default(), innermost: true };
        each_statement(body, &mut |statement| {
            found.innermost &= matches!(
                statement,
                Stmt::Let(..) | Stmt::SinCos(..) | Stmt::Branch(..) | Stmt::If(..) | Stmt::Store { .. } | Stmt::Add(..)
            );
            found.reads.extend(statement.values().into_iter().flat_map(Value::reads));
            if let Stmt::Store { to, at, .. } = statement {
                found.writes.push((*to, at));
                found.written.insert(*to);
            }
            if let Stmt::Declare(b, _) = statement {
                found.declared.insert(*b);
            }
            found.written.extend(statement.wholes().1);
        });
        found
    }

    /// How often a buffer is read and written.
    fn uses(&self, b: Buffer) -> usize {
        self.reads.iter().chain(&self.writes).filter(|(u, _)| *u == b).count()
    }
}
