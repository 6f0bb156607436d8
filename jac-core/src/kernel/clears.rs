//! Where memory of the caller is filled with zeros: nowhere if all of it is written, else with the block of two or more last
//! axes that the loops are about to write, while it is in the cache, else all at once.

use super::{stores, Buffer, Home, Init, Kernel, Stmt};
use crate::ir::{Affine, Index, Map, Set};

/// Clears the results in memory of the caller where that is best.
pub fn place(kernel: &mut Kernel<'_>) {
    let zeroed = kernel.body.iter().filter_map(|s| match s {
        Stmt::Declare(b, Init::Zeros) if kernel.info(*b).home == Home::Memory => Some(*b),
        _ => None,
    });
    let (covered, others): (Vec<Buffer>, Vec<Buffer>) = zeroed.partition(|b| is_covered(kernel, &kernel.body, *b));
    let mut unset: Set<Buffer> = covered.into_iter().collect();
    let mut blocks: Map<Index, Vec<Buffer>> = Map::default();
    for b in others {
        let leading = leading(kernel, b);
        if let Some(last) = leading.last() {
            unset.insert(b);
            let at: Vec<Affine> = leading.iter().map(|i| Affine::from(*i)).collect();
            let shape = kernel.info(b).shape[leading.len()..].to_vec();
            let part = kernel.part(b, "block", Home::View { of: b, at, mutable: true }, shape, &[]);
            blocks.entry(*last).or_default().push(part);
        }
    }
    for statement in &mut kernel.body {
        if let Stmt::Declare(b, init @ Init::Zeros) = statement {
            if unset.contains(b) {
                *init = Init::Unset;
            }
        }
    }
    for (i, parts) in blocks {
        for part in parts {
            let mut body = std::mem::take(&mut kernel.body);
            body.iter_mut().for_each(|s| clear_in(kernel, s, i, part));
            kernel.body = body;
        }
    }
}

/// Whether one of some statements stores every element of the buffer without reading it.
pub fn is_covered(kernel: &Kernel<'_>, body: &[Stmt], b: Buffer) -> bool {
    if body.iter().any(|s| matches!(s, Stmt::Product(u, _) | Stmt::Intrinsic(u, ..) if *u == b)) {
        return true;
    }
    let (program, shape) = (kernel.program, &kernel.info(b).shape);
    let stores: Vec<(Vec<Index>, &[Affine], bool)> = stores(program, body, b).into_iter().filter(|(.., add)| !add).collect();
    stores.iter().any(|(loops, at, _)| {
        let along = |(a, n): (&Affine, &Affine)| a.as_index().is_some_and(|i| loops.contains(&i) && program.length(i) == n);
        let leading = at.iter().zip(shape).take_while(|axis| along(*axis)).count();
        let distinct: Set<&Affine> = at[..leading].iter().collect();
        // of the axes behind, which are short, each position is stored by itself
        let rest: Option<usize> =
            shape[leading..].iter().try_fold(1_usize, |count, n| count.checked_mul(usize::try_from(n.known()?).ok()?));
        let beside = |(others, other, _): &&(Vec<Index>, &[Affine], bool)| others == loops && other[..leading] == at[..leading];
        let known = |at: &[Affine]| at[leading..].iter().map(Affine::known).collect::<Option<Vec<i64>>>();
        let stored: Set<Vec<i64>> = stores.iter().filter(beside).filter_map(|(_, at, _)| known(at)).collect();
        distinct.len() == leading && rest == Some(stored.len())
    })
}

/// The loops around all stores into a buffer that walk along its first axes.
fn leading(kernel: &Kernel<'_>, b: Buffer) -> Vec<Index> {
    let (stores, shape) = (kernel.stores(b), &kernel.info(b).shape);
    let along = |k: usize| {
        let (loops, at, _) = stores.first()?;
        let i = *loops.get(k)?;
        let same = |(loops, at, _): &(Vec<Index>, &[Affine], bool)| loops.get(k) == Some(&i) && at[k].as_index() == Some(i);
        (k + 2 < at.len() && kernel.program.length(i) == &shape[k] && stores.iter().all(same)).then_some(i)
    };
    (0..).map_while(along).collect()
}

/// Begins the loop of `i` with clearing the block that its round is about to write, and writes into that.
fn clear_in(kernel: &Kernel<'_>, statement: &mut Stmt, i: Index, part: Buffer) {
    match statement {
        Stmt::For(j, inner) if *j == i => {
            let Home::View { of, .. } = kernel.info(part).home else { unreachable!("a block is a part") };
            // what is read too is borrowed for no longer than clearing takes
            if !super::rows::Accesses::of(inner).reads.iter().any(|(b, _)| *b == of) {
                inner.iter_mut().for_each(|s| write_into(kernel, s, part));
            }
            inner.splice(0..0, [Stmt::Declare(part, Init::Unset), Stmt::Clear(part)]);
        }
        Stmt::For(_, inner) | Stmt::If(_, inner) | Stmt::Piece(inner, _) => {
            inner.iter_mut().for_each(|s| clear_in(kernel, s, i, part));
        }
        _ => {}
    }
}

fn write_into(kernel: &Kernel<'_>, statement: &mut Stmt, part: Buffer) {
    let Home::View { of, at: leading, .. } = &kernel.info(part).home else { unreachable!("a block is a part") };
    match statement {
        Stmt::Store { to, at, .. } if to == of => {
            *to = part;
            at.drain(..leading.len());
        }
        Stmt::For(_, inner) | Stmt::If(_, inner) | Stmt::Piece(inner, _) => inner.iter_mut().for_each(|s| write_into(kernel, s, part)),
        _ => {}
    }
}
