//! Where buffers lie.
//!
//! A result is written where the caller wants it, if one statement begins it and it is one result only. All else is local:
//! of known lengths on the stack, of run-time lengths on the heap, the states of a loop that are as large in one allocation.

use super::{each_statement, updates, Buffer, Home, Init, Kernel, Layout, Signature, Stmt, Value};
use crate::interface::Results;
use crate::ir::{lengths, positions, Affine, Index, Map, Set, Tensor};

/// Gives every buffer its home.
pub fn decide(kernel: &mut Kernel<'_>, signature: &Signature) {
    flatten_inputs(kernel);
    let results: Vec<Buffer> = kernel.results().collect();
    let (mut begun, mut filled, mut products) = (Set::default(), Set::default(), Set::default());
    each_statement(&kernel.body, &mut |statement| match statement {
        Stmt::Declare(b, init) => {
            begun.insert(*b);
            if !matches!(init, Init::Values(_)) && !kernel.info(*b).shape.is_empty() {
                filled.insert(*b);
            }
        }
        Stmt::Product(b, _) => _ = products.insert(*b),
        _ => {}
    });
    let once = |b: Buffer| results.iter().filter(|r| **r == b).count() == 1;
    let alone = |kernel: &Kernel<'_>, b: Buffer| once(b) && !kernel.info(b).carried && kernel.info(b).home == Home::Local;
    let is_fixed = |kernel: &Kernel<'_>, b: Buffer| matches!(kernel.info(b).layout, Layout::Scalar | Layout::Nested | Layout::Columns);
    match signature.results {
        Results::Returned | Results::Batched | Results::Columns => {
            let all = results.iter().all(|b| alone(kernel, *b) && is_fixed(kernel, *b));
            if signature.in_place && all && results.iter().any(|b| filled.contains(b)) {
                results.iter().for_each(|b| kernel.info_mut(*b).home = Home::Returned);
            }
        }
        Results::Written | Results::Updated => {
            for b in results.iter().filter(|b| begun.contains(*b)) {
                let (layout, alone) = (kernel.info(*b).layout, alone(kernel, *b));
                let updated = signature.results == Results::Updated && updates::is_steady(kernel, *b);
                let is_moved = signature.layouts.get(&Tensor(b.0)) == Some(&Layout::Moved);
                if alone && !is_moved && (layout == Layout::Flat || matches!(layout, Layout::Nested | Layout::Columns) && updated) {
                    kernel.info_mut(*b).home = Home::Memory;
                }
            }
        }
    }
    for b in products {
        if kernel.info(b).home == Home::Local {
            kernel.info_mut(b).home = Home::Matrix;
        }
    }
    for b in &results {
        let is_library = signature.layouts.get(&Tensor(b.0)) == Some(&Layout::Library) && kernel.info(*b).layout == Layout::Flat;
        if is_library && alone(kernel, *b) && filled.contains(b) {
            kernel.info_mut(*b).home = Home::Array;
        }
    }
    share_allocations(kernel);
    store_elements(kernel);
}

/// What is read along loops, or by what takes slices, is read from a slice.
fn flatten_inputs(kernel: &mut Kernel<'_>) {
    let mut flat: Set<Buffer> = Set::default();
    let along = |at: &[Affine]| at.iter().any(|a| a.indices().next().is_some());
    each_statement(&kernel.body, &mut |statement| {
        for value in statement.values() {
            flat.extend(value.reads().into_iter().filter(|(_, at)| along(at)).map(|(b, _)| b));
        }
        if let Stmt::Factor(..) | Stmt::Intrinsic(..) = statement {
            flat.extend(statement.wholes().0);
        }
    });
    for b in flat {
        let info = kernel.info_mut(b);
        if info.home == Home::Input && info.layout == Layout::Library && !info.shape.is_empty() {
            info.layout = Layout::Flat;
        }
    }
}

/// The states of a loop of which all rounds are held, and that are as large, are allocated together.
fn share_allocations(kernel: &mut Kernel<'_>) {
    let results: Set<Buffer> = kernel.results().collect();
    let over = |b: Buffer| kernel.program.definition(Tensor(b.0)).and_then(|d| d.body.over());
    let mut groups: Map<(Index, &[Affine]), Vec<Buffer>> = Map::default();
    for statement in &kernel.body {
        let Stmt::Declare(b, Init::Zeros) = statement else { continue };
        let info = kernel.info(*b);
        if info.rounds.is_some() && info.home == Home::Local && info.layout == Layout::Flat && !results.contains(b) {
            groups.entry((over(*b).expect("there are rounds"), &info.shape)).or_default().push(*b);
        }
    }
    let groups: Vec<Vec<Buffer>> = groups.into_values().filter(|group| group.len() > 1).collect();
    let group = |b: Buffer| groups.iter().find(|group| group.contains(&b));
    let body = std::mem::take(&mut kernel.body).into_iter().filter_map(|statement| match statement {
        Stmt::Declare(b, Init::Zeros) => match group(b) {
            Some(all) => (all[0] == b).then(|| Stmt::Together(all.clone())),
            None => Some(statement),
        },
        other => Some(other),
    });
    kernel.body = body.collect();
}

/// The elements of a result that is written in place are stored one by one: those that are not zero into zeros, or all, if
/// that are fewer stores.
fn store_elements(kernel: &mut Kernel<'_>) {
    let body = std::mem::take(&mut kernel.body);
    let is_there = |b: Buffer| matches!(kernel.info(b).home, Home::Returned | Home::Memory);
    let store = |statement: Stmt| match statement {
        Stmt::Declare(b, Init::Values(values)) if is_there(b) => {
            let shape = lengths(&kernel.info(b).shape);
            let at = positions(&shape).map(|at| at.into_iter().map(|k| Affine::from(k as i64)).collect());
            let is_zero = |value: &Value| value.as_const() == Some(0.0);
            let zeros = values.iter().filter(|v| is_zero(v)).count();
            // what is returned begins as zeros anyway
            let all = kernel.info(b).home == Home::Memory && 2 * zeros <= values.len();
            let stores = at.zip(values).filter(|(_, value)| all || !is_zero(value));
            let stores = stores.map(|(at, value)| Stmt::Store { to: b, at, value, add: false });
            std::iter::once(Stmt::Declare(b, if all { Init::Unset } else { Init::Zeros })).chain(stores).collect()
        }
        other => vec![other],
    };
    kernel.body = body.into_iter().flat_map(store).collect();
}
