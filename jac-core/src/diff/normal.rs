//! Normal equations, as Gauss–Newton and Levenberg–Marquardt steps solve them: `JᵀJ` and `Jᵀr`, with weights `JᵀWJ` and `JᵀWr`.
//!
//! The rows of the Jacobian are multiplied as terms: a delta in them removes the sum over the rows, so that blocks of a sparse
//! Jacobian meet only their own rows, and what the elements of a row have in common is computed once. The Jacobian is not
//! stored, except for a block of run-time lengths without any structure, for which a library's product of matrices is
//! faster.

use super::products::like;
use crate::ir::{affines, lengths, placed, positions, Affine, Body, Definition, Expr, Index, Node, Program, Role, Tensor, Term};

/// Turns a program with its derivative into its results, followed by the blocks of `JᵀJ`, those of each input with each, and of
/// `Jᵀr`. Returns the weights, which become parameters, if there are to be any.
pub fn equations(derivative: &mut Program, weighted: bool) -> Vec<Tensor> {
    let results = derivative.outputs.clone();
    let weights: Vec<Tensor> = match weighted {
        true => results.iter().map(|y| like(derivative, *y, "weights")).collect(),
        false => Vec::new(),
    };
    let wrt = derivative.wrt.clone();
    let name = |program: &Program, stem: &str, inputs: &[Tensor]| match wrt.len() {
        1 => stem.to_owned(),
        _ => inputs.iter().fold(stem.to_owned(), |name, x| name + "_" + &program.info(*x).name),
    };
    let mut defined = Vec::new();
    for a in &wrt {
        for b in &wrt {
            let name = name(derivative, "JtJ", &[*a, *b]);
            defined.push(product(derivative, &name, *a, Some(*b), &weights));
        }
    }
    for a in &wrt {
        let name = name(derivative, "Jtr", &[*a]);
        defined.push(product(derivative, &name, *a, None, &weights));
    }
    derivative.outputs.extend(defined);
    derivative.blocks.clear();
    derivative.prune();
    weights
}

/// Defines `Σ J_a·J_b` over all results, or `Σ J_a·r`.
fn product(program: &mut Program, name: &str, a: Tensor, b: Option<Tensor>, weights: &[Tensor]) -> Tensor {
    let shape: Vec<Affine> = [Some(a), b].into_iter().flatten().flat_map(|x| program.info(x).shape.clone()).collect();
    let body = match elements(program, a, b, weights) {
        Some(elements) => Body::of(elements, shape.len()),
        None => {
            let axes = program.axes(&shape);
            let e = by_terms(program, &axes, a, b, weights);
            Body::Each(axes, e)
        }
    };
    let tensor = program.tensor(name, shape, Role::Defined);
    program.definitions.push(Definition { tensor, body });
    if Some(a) == b {
        program.find_symmetric(tensor);
    }
    tensor
}

/// The block of a result and an input.
fn block(program: &Program, output: usize, input: Tensor) -> Tensor {
    let found = program.blocks.iter().find(|b| b.output == output && b.input == input);
    found.expect("a block for every result and input").tensor
}

/// The elements of a tensor, if it is given by them.
fn given(program: &Program, t: Tensor) -> Option<Vec<Expr>> {
    match &program.definition(t)?.body {
        Body::Elements(es) => Some(es.clone()),
        Body::Each(indices, e) if indices.is_empty() => Some(vec![*e]),
        _ => None,
    }
}

/// The elements one by one, if all that they are made of is given so.
fn elements(program: &mut Program, a: Tensor, b: Option<Tensor>, weights: &[Tensor]) -> Option<Vec<Expr>> {
    let of_each = |program: &Program, pick: &dyn Fn(usize) -> Tensor| -> Option<Vec<Vec<Expr>>> {
        (0..program.outputs.len()).map(|output| given(program, pick(output))).collect()
    };
    let left = of_each(program, &|output| block(program, output, a))?;
    let right = match b {
        Some(b) => of_each(program, &|output| block(program, output, b))?,
        None => of_each(program, &|output| program.outputs[output])?,
    };
    let count = |x: Tensor| lengths(&program.info(x).shape).iter().product::<usize>();
    let (rows, columns) = (count(a), b.map_or(1, count));
    let mut out: Vec<Expr> = Vec::with_capacity(rows * columns);
    for (i, j) in (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j))) {
        if b == Some(a) && j < i {
            out.push(out[j * columns + i]);
            continue;
        }
        let mut sum = program.arena.constant(0);
        for (output, (left, right)) in left.iter().zip(&right).enumerate() {
            let shape = lengths(&program.info(program.outputs[output]).shape);
            for (k, at) in positions(&shape).enumerate() {
                let mut term = program.arena.mul(left[k * rows + i], right[k * columns + j]);
                if let Some(weight) = weights.get(output) {
                    let at = at.into_iter().map(|k| Affine::from(k as i64)).collect();
                    let weight = program.arena.insert(Node::Access(*weight, at));
                    term = program.arena.mul(term, weight);
                }
                sum = program.arena.add(sum, term);
            }
        }
        out.push(sum);
    }
    Some(out)
}

/// The element at the axes, as a sum of terms.
fn by_terms(program: &mut Program, axes: &[Index], a: Tensor, b: Option<Tensor>, weights: &[Tensor]) -> Expr {
    let (left, right) = axes.split_at(program.info(a).shape.len());
    let mut terms = Vec::new();
    for output in 0..program.outputs.len() {
        let shape = program.info(program.outputs[output]).shape.clone();
        let rows = program.axes(&shape);
        let value = |program: &mut Program, t: Tensor| Term::dense(program.arena.insert(Node::Access(t, affines(&rows))));
        let of_a = block_terms(program, output, a, &rows, left);
        let of_b = match b {
            Some(b) => block_terms(program, output, b, &rows, right),
            None => vec![value(program, program.outputs[output])],
        };
        let weight = weights.get(output).map(|w| value(program, *w));
        for (l, r) in of_a.iter().flat_map(|l| of_b.iter().map(move |r| (l, r))) {
            let mut term = l.times(r, &mut program.arena);
            if let Some(weight) = &weight {
                term = term.times(weight, &mut program.arena);
            }
            term.sum_over(program, &rows);
            terms.push(term);
        }
    }
    let terms = program.collect(terms);
    program.sum(&terms)
}

/// The terms of a block at a row and the axes of the input; those of a block without structure are it itself.
fn block_terms(program: &mut Program, output: usize, input: Tensor, rows: &[Index], axes: &[Index]) -> Vec<Term> {
    let tensor = block(program, output, input);
    let at = [affines(rows), affines(axes)].concat();
    let whole = |program: &mut Program| vec![Term::dense(program.arena.insert(Node::Access(tensor, at.clone())))];
    let Some(Body::Each(indices, e)) = program.definition(tensor).map(|d| d.body.clone()) else { return whole(program) };
    let here = program.arena.substitute(e, &placed(&indices, &at));
    let terms = program.expand(here);
    let open = |axes: &[Index]| axes.iter().any(|i| program.is_run_time(program.length(*i)));
    let is_dense = terms.iter().any(|t| t.deltas.is_empty()) && open(rows) && open(axes);
    let is_read = matches!(program.arena[here], Node::Access(..));
    match is_dense && !is_read {
        true => whole(program),
        false => terms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{parse, verify};

    fn made(text: &str, weighted: bool) -> String {
        let mut program = parse(text).unwrap();
        equations(&mut program, weighted);
        assert_eq!(verify(&program), Ok(()));
        program.to_text()
    }

    #[test]
    fn deltas_remove_the_sum_over_the_rows() {
        let diagonal = "fn f(x: [n]) wrt x -> y\ny[i: n] = sin(x[i])\nJ[i: n, j: n] = delta(i, j) * cos(x[i])\nblock J: 0 by x\n";
        let text = made(diagonal, false);
        assert!(
            text.contains("JtJ[i: n, j: n] =\n    let t1 = cos(x[i])\n    delta(i, j) * (t1 * t1)\nJtr[i: n] = cos(x[i]) * y[i]\n"),
            "{text}"
        );
    }

    #[test]
    fn a_block_without_structure_stays_a_matrix() {
        let dense =
            "fn f(a: [m, n], x: [n]) wrt x -> y\ny[i: m] = sum[j: n](a[i, j] * x[j])\nJ[i: m, j: n] = a[i, j] * 2\nblock J: 0 by x\n";
        let text = made(dense, false);
        assert!(text.contains("J[i: m, j: n]"), "{text}");
        let weighted = made(dense, true);
        assert!(weighted.contains("y_weights"), "{weighted}");
    }
}
