//! What holds of every kernel.

use super::{Buffer, Home, Init, Kernel, Layout, Local, Stmt, Value};
use crate::ir::{Affine, Index, Set, Symbol};

/// Checks that a kernel is well formed: what is read is in scope, positions have the rank of their buffer and use indices of
/// the loops around, operators have their arguments, and only what may change is written.
///
/// # Errors
/// What is not.
pub fn verify(kernel: &Kernel<'_>) -> Result<(), String> {
    let mut verifier = Verifier { kernel, open: Set::default(), locals: Set::default(), sums: Set::default(), buffers: Set::default() };
    let there = |b: &Buffer| matches!(kernel.info(*b).home, Home::Input | Home::Returned);
    verifier.buffers = (0..kernel.buffers.len() as u32).map(Buffer).filter(there).collect();
    verifier.block(&kernel.body)?;
    match kernel.results().find(|b| !verifier.buffers.contains(b)) {
        Some(b) => Err(format!("the result `{}` is never begun", kernel.info(b).name)),
        None => Ok(()),
    }
}

struct Verifier<'k> {
    kernel: &'k Kernel<'k>,
    open: Set<Index>,
    locals: Set<Local>,
    sums: Set<Local>,
    buffers: Set<Buffer>,
}

type Check = Result<(), String>;

impl Verifier<'_> {
    fn block(&mut self, body: &[Stmt]) -> Check {
        body.iter().try_for_each(|s| self.statement(s))
    }

    /// Statements whose variables end with them, but for those kept.
    fn scope(&mut self, body: &[Stmt], value: Option<&Value>, kept: &[Local]) -> Check {
        let (locals, sums, buffers) = (self.locals.clone(), self.sums.clone(), self.buffers.clone());
        self.block(body)?;
        value.map_or(Ok(()), |value| self.value(value))?;
        kept.iter().try_for_each(|local| self.known(*local))?;
        (self.locals, self.sums, self.buffers) = (locals, sums, buffers);
        self.locals.extend(kept);
        Ok(())
    }

    fn statement(&mut self, statement: &Stmt) -> Check {
        let scoped = matches!(statement, Stmt::Branch(..));
        if !scoped {
            statement.values().into_iter().try_for_each(|value| self.value(value))?;
        }
        match statement {
            Stmt::Let(local, _) => self.define(*local),
            Stmt::SinCos(both, _) => both.iter().try_for_each(|local| self.define(*local)),
            Stmt::Branch(local, condition, arms) => {
                self.value(condition)?;
                arms.iter().try_for_each(|(inner, value)| self.scope(inner, Some(value), &[]))?;
                self.define(*local)
            }
            Stmt::Sum(local) => {
                self.sums.insert(*local);
                self.define(*local)
            }
            Stmt::Add(local, _) => match self.sums.contains(local) {
                true => Ok(()),
                false => Err(format!("`{}` is added to and is no sum", self.kernel.locals[local.0 as usize].name)),
            },
            Stmt::Dot(local, rows) => {
                rows.iter().try_for_each(|row| self.used(*row))?;
                self.define(*local)
            }
            Stmt::For(i, inner) => {
                self.affine(self.kernel.program.length(*i))?;
                if !self.open.insert(*i) {
                    return Err(format!("the loop of i{} is inside itself", i.0));
                }
                self.scope(inner, None, &[])?;
                self.open.swap_remove(i);
                Ok(())
            }
            Stmt::If(_, inner) => self.scope(inner, None, &[]),
            Stmt::Piece(inner, results) => self.scope(inner, None, results),
            Stmt::Declare(b, init) => self.declare(*b, init),
            Stmt::Together(all) => all.iter().try_for_each(|b| self.declare(*b, &Init::Zeros)),
            Stmt::Clear(b) => self.writable(*b),
            Stmt::Store { to, at, .. } => {
                self.writable(*to)?;
                self.place(*to, at)
            }
            Stmt::Swap(both) => both.iter().try_for_each(|b| self.writable(*b)),
            Stmt::Assign(to, from) => {
                self.used(*from)?;
                match self.kernel.info(*to).carried {
                    true => self.used(*to),
                    false => Err(format!("`{}` is assigned and no loop carries it", self.kernel.info(*to).name)),
                }
            }
            Stmt::Product(to, factors) => {
                factors.iter().try_for_each(|(b, _)| self.used(*b))?;
                self.used(*to)
            }
            Stmt::Factor(b, _) => self.used(*b),
            Stmt::Intrinsic(to, f, arguments) => {
                arguments.iter().try_for_each(|b| self.used(*b))?;
                if f.entry().result.is_empty() {
                    self.buffers.insert(*to);
                }
                self.used(*to)
            }
        }
    }

    fn define(&mut self, local: Local) -> Check {
        self.locals.insert(local);
        Ok(())
    }

    fn declare(&mut self, b: Buffer, init: &Init) -> Check {
        let info = self.kernel.info(b);
        match (&info.home, init) {
            (Home::View { of, at, .. }, _) => {
                self.used(*of)?;
                at.iter().try_for_each(|a| self.affine(a))?;
                if self.kernel.info(*of).layout != Layout::Flat {
                    return Err(format!("`{}` is a part of what does not lie flat", info.name));
                }
            }
            (Home::Rows(of) | Home::Next(of), _) => self.used(*of)?,
            (Home::Local, Init::Unset) => return Err(format!("`{}` begins as nothing", info.name)),
            _ => {}
        }
        self.buffers.insert(b);
        Ok(())
    }

    fn used(&self, b: Buffer) -> Check {
        match self.buffers.contains(&b) {
            true => Ok(()),
            false => Err(format!("`{}` is used where it is not in scope", self.kernel.info(b).name)),
        }
    }

    fn writable(&self, b: Buffer) -> Check {
        let info = self.kernel.info(b);
        match info.home {
            Home::Input | Home::View { mutable: false, .. } | Home::Rows(_) => {
                Err(format!("`{}` is written and may not change", info.name))
            }
            _ => self.used(b),
        }
    }

    fn known(&self, local: Local) -> Check {
        match self.locals.contains(&local) {
            true => Ok(()),
            false => Err(format!("`{}` is read where it is not in scope", self.kernel.locals[local.0 as usize].name)),
        }
    }

    fn affine(&self, a: &Affine) -> Check {
        let open = |s: &Symbol| match s {
            Symbol::Index(i) => self.open.contains(i),
            Symbol::Size(_) => true,
            Symbol::Bound(_) => false,
        };
        match a.terms().iter().all(|(s, _)| open(s)) {
            true => Ok(()),
            false => Err("the index of a loop is read outside it".to_owned()),
        }
    }

    fn place(&self, b: Buffer, at: &[Affine]) -> Check {
        let info = self.kernel.info(b);
        if at.len() != info.shape.len() {
            return Err(format!("`{}` has {} axes, and is read or written at {} positions", info.name, info.shape.len(), at.len()));
        }
        at.iter().try_for_each(|a| self.affine(a))
    }

    fn value(&self, value: &Value) -> Check {
        match value {
            Value::Const(_) => Ok(()),
            Value::Integer(a) => self.affine(a),
            Value::Local(local) => self.known(*local),
            Value::Read(b, at) => {
                self.used(*b)?;
                self.place(*b, at)
            }
            Value::Apply(op, args) => {
                if args.len() != op.entry().arity {
                    return Err(format!("`{}` of {} arguments", op.name(), args.len()));
                }
                args.iter().try_for_each(|a| self.value(a))
            }
        }
    }
}
