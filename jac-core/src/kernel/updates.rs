//! What memory that the same function wrote before need not be given again: its zeros and constants.

use super::{each_statement, Buffer, Home, Init, Kernel, Local, Stmt, Value};
use crate::ir::Set;

/// Leaves out the stores of constants into results that were written before, at the same positions.
pub fn leave_out(kernel: &mut Kernel<'_>) {
    let kept: Set<Buffer> = kernel.results().filter(|b| kernel.info(*b).home == Home::Memory && is_steady(kernel, *b)).collect();
    if !kept.is_empty() {
        kernel.body = without_known(std::mem::take(&mut kernel.body), &kept);
    }
}

fn without_known(body: Vec<Stmt>, kept: &Set<Buffer>) -> Vec<Stmt> {
    let is_known = |value: &Value| value.as_const().is_some();
    let nested = |inner: Vec<Stmt>| {
        let was_empty = inner.is_empty();
        let inner = without_known(inner, kept);
        (!inner.is_empty() || was_empty).then_some(inner)
    };
    let left = body.into_iter().filter_map(|statement| match statement {
        Stmt::Declare(b, Init::Zeros) if kept.contains(&b) => Some(Stmt::Declare(b, Init::Unset)),
        Stmt::Declare(b, Init::Fill(value)) if kept.contains(&b) && is_known(&value) => Some(Stmt::Declare(b, Init::Unset)),
        Stmt::Store { to, value, .. } if kept.contains(&to) && is_known(&value) => None,
        Stmt::For(i, inner) => Some(Stmt::For(i, nested(inner)?)),
        Stmt::If(c, inner) => Some(Stmt::If(c, nested(inner)?)),
        Stmt::Piece(inner, results) => Some(Stmt::Piece(without_known(inner, kept), results)),
        other => Some(other),
    });
    left.collect()
}

/// Whether what is stored into a buffer is stored at positions that lengths alone determine, and nothing is added: a
/// sum begins with zeros.
pub fn is_steady(kernel: &Kernel<'_>, b: Buffer) -> bool {
    let mut fixed: Set<Local> = Set::default();
    let by_lengths = |value: &Value, fixed: &Set<Local>| {
        let mut steady = true;
        value.each(&mut |v| match v {
            Value::Integer(a) => steady &= kernel.is_by_lengths(a),
            Value::Local(local) => steady &= fixed.contains(local),
            Value::Read(..) => steady = false,
            Value::Const(_) | Value::Apply(..) => {}
        });
        steady
    };
    each_statement(&kernel.body, &mut |statement| match statement {
        Stmt::Let(local, value) if by_lengths(value, &fixed) => _ = fixed.insert(*local),
        _ => {}
    });
    let mut waiting: Vec<(&Stmt, bool)> = kernel.body.iter().map(|s| (s, true)).collect();
    while let Some((statement, steady)) = waiting.pop() {
        match statement {
            Stmt::For(i, inner) => {
                let steady = steady && kernel.is_by_lengths(kernel.program.length(*i));
                waiting.extend(inner.iter().map(|s| (s, steady)));
            }
            Stmt::If(c, inner) => {
                let steady = steady && by_lengths(c, &fixed);
                waiting.extend(inner.iter().map(|s| (s, steady)));
            }
            Stmt::Piece(inner, _) => waiting.extend(inner.iter().map(|s| (s, steady))),
            Stmt::Store { to, at, add, .. } if *to == b && (*add || !steady || !at.iter().all(|a| kernel.is_by_lengths(a))) => {
                return false
            }
            _ => {}
        }
    }
    true
}
