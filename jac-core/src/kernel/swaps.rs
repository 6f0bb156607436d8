//! Memory of rounds on the heap is allocated once, before the loop. What a round makes of a state takes its place, and the memory of
//! what it was is that of the next round.

use super::clears::is_covered;
use super::{Buffer, Home, Init, Kernel, Layout, Stmt};
use crate::ir::{Affine, Set};

/// Takes the allocations out of all loops.
pub fn turn(kernel: &mut Kernel<'_>) {
    let body = std::mem::take(&mut kernel.body);
    kernel.body = statements(kernel, body);
}

fn statements(kernel: &Kernel<'_>, body: Vec<Stmt>) -> Vec<Stmt> {
    let mut out = Vec::with_capacity(body.len());
    for statement in body {
        let statement = match statement {
            Stmt::For(i, inner) => {
                let inner = statements(kernel, inner);
                let turned = turned(kernel, &inner);
                out.extend(turned.iter().map(|b| Stmt::Declare(*b, Init::Zeros)));
                let written: Set<Buffer> = turned.iter().copied().filter(|b| is_covered(kernel, &inner, *b)).collect();
                Stmt::For(i, inner.into_iter().filter_map(|s| round(s, &turned, &written)).collect())
            }
            Stmt::If(c, inner) => Stmt::If(c, statements(kernel, inner)),
            Stmt::Piece(inner, results) => Stmt::Piece(statements(kernel, inner), results),
            other => other,
        };
        out.push(statement);
    }
    out
}

/// The buffers that a round begins as zeros, and that may begin as what is there.
fn turned(kernel: &Kernel<'_>, inner: &[Stmt]) -> Set<Buffer> {
    let is_on_heap = |b: Buffer| {
        let info = kernel.info(b);
        let run_time = info.shape.iter().any(|n| kernel.program.is_run_time(n)) && !info.shape.iter().any(Affine::is_indexed);
        run_time && info.layout == Layout::Flat && info.home == Home::Local && !info.lazy
    };
    let begun = inner.iter().filter_map(|s| match s {
        Stmt::Declare(b, Init::Zeros) => Some(*b),
        _ => None,
    });
    let is_moved = |b: Buffer| inner.iter().any(|s| matches!(s, Stmt::Assign(to, from) if *from == b && !is_on_heap(*to)));
    begun.filter(|b| is_on_heap(*b) && !is_moved(*b)).collect()
}

/// A statement of a round in which what is `turned` begins as what is there, and as zeros unless all of it is `written`.
fn round(statement: Stmt, turned: &Set<Buffer>, written: &Set<Buffer>) -> Option<Stmt> {
    Some(match statement {
        Stmt::Declare(b, Init::Zeros) if written.contains(&b) => return None,
        Stmt::Declare(b, Init::Zeros) if turned.contains(&b) => Stmt::Clear(b),
        Stmt::Assign(to, from) if turned.contains(&from) => Stmt::Swap([to, from]),
        other => other,
    })
}
