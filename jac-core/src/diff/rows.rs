//! The blocks on the diagonal of the Jacobian of a function whose rows are independent: row `i` of each result, along its first
//! axis, depends on row `i` of the inputs alone.
//!
//! That they are follows from the deltas: in every term of a block one holds that both rows are the same.

use super::normal::{block, element, finish, given};
use crate::ir::{affines, lengths, positions, Affine, Body, Definition, Expr, Index, Program, Role, Symbol, Tensor, Term};

/// Turns a program with its derivative, of results and inputs whose first axes have one length, into its results, followed by the
/// blocks: of each result by each input, of the shape of the result and then that of a row of the input. If a row depends on
/// another, says so.
pub fn block_diagonal(derivative: &mut Program) -> Result<(), String> {
    let (outputs, inputs) = (derivative.outputs.clone(), derivative.wrt.clone());
    let mut defined = Vec::new();
    for (output, y) in outputs.iter().enumerate() {
        for x in &inputs {
            defined.push(of_block(derivative, (output, *y), *x)?);
        }
    }
    derivative.outputs.extend(defined);
    finish(derivative);
    Ok(())
}

fn of_block(program: &mut Program, (output, y): (usize, Tensor), x: Tensor) -> Result<Tensor, String> {
    let (of_y, of_x) = (program.info(y).shape.clone(), program.info(x).shape.clone());
    let jacobian = block(program, output, x);
    let shape: Vec<Affine> = of_y.iter().chain(&of_x[1..]).cloned().collect();
    let body = match given(program, jacobian) {
        Some(elements) => Body::of(known(program, &elements, y, x)?, shape.len()),
        None => {
            let (at_y, at_x) = (program.axes(&of_y), program.axes(&of_x));
            let terms = terms(program, jacobian, &affines(&[&at_y[..], &at_x[..]].concat()));
            if let Some(term) = terms.iter().find(|term| !is_in_row(program, term, at_y[0], at_x[0])) {
                return Err(coupled(program, term, (y, at_y[0]), (x, at_x[0])));
            }
            let axes = [&at_y[..], &at_x[1..]].concat();
            let at = affines(&[&at_y[..], &at_y[..1], &at_x[1..]].concat());
            let terms = self::terms(program, jacobian, &at);
            let e = program.sum(&terms);
            Body::Each(axes, e)
        }
    };
    let names = [y, x].map(|t| program.info(t).name.clone());
    let name = if program.outputs.len() * program.wrt.len() == 1 { "blocks".to_owned() } else { format!("blocks_{}", names.join("_")) };
    let tensor = program.tensor(&name, shape, Role::Defined);
    program.definitions.push(Definition { tensor, body });
    Ok(tensor)
}

/// The elements of a block that are given one by one, those outside of the rows being zeros.
fn known(program: &Program, elements: &[Expr], y: Tensor, x: Tensor) -> Result<Vec<Expr>, String> {
    let shapes = [y, x].map(|t| lengths(&program.info(t).shape));
    let places = shapes.each_ref().map(|shape| positions(shape).collect::<Vec<_>>());
    let pairs = places[0].iter().flat_map(|a| places[1].iter().map(move |b| (a, b)));
    let mut out = Vec::new();
    for ((a, b), e) in pairs.zip(elements) {
        if a[0] == b[0] {
            out.push(*e);
        } else if program.arena.as_const(*e).is_none_or(|c| !c.is_zero()) {
            let at = |at: &[usize]| at.iter().map(|k| format!("[{k}]")).collect::<String>();
            return Err(format!("element {} of the result depends on `{}{}`", at(a), program.info(x).name, at(b)));
        }
    }
    Ok(out)
}

/// An element of a block as terms of which none is known to be zero.
fn terms(program: &mut Program, jacobian: Tensor, at: &[Affine]) -> Vec<Term> {
    let e = element(program, jacobian, at);
    let terms = program.expand(e);
    program.collect(terms)
}

/// Where the deltas of a term put the row of the input.
fn row(program: &mut Program, term: &Term, rows: [Index; 2]) -> Affine {
    let mut term = term.clone();
    program.solve_guards(&mut term);
    let mut place = Affine::from(rows[1]);
    let mut fixed = Affine::from(rows[0]);
    let mut open: Vec<Affine> = term.deltas.iter().map(|(a, b)| a.plus(b, -1)).collect();
    // each delta is solved for a symbol, the row of the input first and that of the result last, and put into the others
    while let Some(delta) = open.pop() {
        let [first, last] = [rows[1], rows[0]].map(Symbol::Index);
        let others = delta.terms().iter().map(|(s, _)| *s).filter(|s| *s != first && *s != last && !matches!(s, Symbol::Size(_)));
        let solved = [first].into_iter().chain(others).chain([last]).find_map(|s| Some((s, delta.solve_for(s)?)));
        let Some((symbol, value)) = solved else { continue };
        let with = |s: Symbol| (s == symbol).then(|| value.clone());
        [&mut place, &mut fixed].into_iter().chain(&mut open).for_each(|a| *a = a.substitute(with));
    }
    // as far from the row of the result as it is
    Affine::from(rows[0]).plus(&place, 1).plus(&fixed, -1)
}

fn is_in_row(program: &mut Program, term: &Term, of_y: Index, of_x: Index) -> bool {
    let is_only = program.length(of_x).known().is_some_and(|n| n <= 1);
    is_only || row(program, term, [of_y, of_x]) == Affine::from(of_y)
}

/// Which row a term couples with another, in words.
fn coupled(program: &mut Program, term: &Term, (y, of_y): (Tensor, Index), (x, of_x): (Tensor, Index)) -> String {
    let row = row(program, term, [of_y, of_x]);
    let input = program.info(x).name.clone();
    let result = match program.outputs.len() {
        1 => "the result".to_owned(),
        _ => format!("result `{}`", program.info(y).name),
    };
    if row.coefficient(Symbol::Index(of_x)) != 0 {
        return format!("row i of {result} depends on all rows of `{input}`");
    }
    let name = |s: Symbol| match s {
        Symbol::Index(i) if i == of_y => "i".to_owned(),
        Symbol::Size(s) => program.sizes[s.0 as usize].name.clone(),
        _ => "k".to_owned(),
    };
    format!("row i of {result} depends on row {} of `{input}`", row.display(&name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{parse, verify};

    fn made(text: &str) -> Result<String, String> {
        let mut program = parse(text).unwrap();
        block_diagonal(&mut program)?;
        assert_eq!(verify(&program), Ok(()));
        Ok(program.to_text())
    }

    #[test]
    fn a_delta_of_the_rows_is_left_out() {
        let text = made(
            "fn f(x: [n, 2]) wrt x -> y\ny[i: n, a: 2] = x[i, a] * x[i, 0]\nJ[i: n, a: 2, j: n, b: 2] = delta(i, j) * (delta(a, b) * x[i, 0] + delta(b, 0) * x[i, a])\nblock J: 0 by x\n",
        )
        .unwrap();
        assert!(text.contains("blocks[i: n, j: 2, k: 2] = ") && !text.contains("delta(i"), "{text}");
    }

    #[test]
    fn what_couples_rows_is_named() {
        let of = |body: &str| made(&format!("fn f(x: [n]) wrt x -> y\ny[i: n] = x[i]\nJ[i: n, j: n] = {body}\nblock J: 0 by x\n"));
        assert!(of("delta(i, j) * x[i]").is_ok());
        assert!(of("delta(i, 0) * delta(j, 0) * x[i]").is_ok());
        assert_eq!(of("delta(i - 1, j) * x[i]").unwrap_err(), "row i of the result depends on row i-1 of `x`");
        assert_eq!(of("x[j]").unwrap_err(), "row i of the result depends on all rows of `x`");
    }
}
