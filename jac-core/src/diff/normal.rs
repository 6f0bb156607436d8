//! Normal equations, as Gauss–Newton and Levenberg–Marquardt steps solve them: `JᵀJ` and `Jᵀr`, with weights `JᵀWJ` and `JᵀWr`;
//! and the diagonals of `JᵀJ` and of a square `J`, as preconditioners and damping take them.
//!
//! The rows of the Jacobian are multiplied as terms: a delta in them removes the sum over the rows, so that blocks of a sparse
//! Jacobian meet only their own rows, and what the elements of a row have in common is computed once. The Jacobian is not
//! stored, except for the products of a block of run-time lengths without any structure, for which a library's product of
//! matrices is faster.

use super::products::like;
use crate::interface::Normal;
use crate::ir::{
    affines, lengths, placed, positions, template, Affine, Body, Constant, Definition, Expr, Index, Node, Program, Role, Tensor, Term,
};
use crate::ops::Op;

/// Turns a program with its derivative into its results, followed by the blocks of `JᵀJ`, those of each input with each, and of
/// `Jᵀr`. Returns the weights, which become parameters, if there are to be any.
pub fn equations(derivative: &mut Program, weighted: bool, how: &Normal) -> Vec<Tensor> {
    let results = derivative.outputs.clone();
    let weights: Vec<Tensor> = match weighted {
        true => results.iter().map(|y| like(derivative, *y, "weights")).collect(),
        false => weights(derivative, how),
    };
    let wrt = derivative.wrt.clone();
    let mut defined = Vec::new();
    for (k, a) in wrt.iter().enumerate() {
        for (l, b) in wrt.iter().enumerate() {
            let name = name(derivative, "JtJ", &[*a, *b]);
            let product = Product { a: *a, b: Some(*b), weights: &weights };
            defined.push(match how.lower {
                true if k < l => zeros(derivative, &name, &[*a, *b]),
                lower => product.define(derivative, &name, lower && k == l),
            });
        }
    }
    for a in &wrt {
        let name = name(derivative, "Jtr", &[*a]);
        defined.push(Product { a: *a, b: None, weights: &weights }.define(derivative, &name, false));
    }
    derivative.outputs.extend(defined);
    finish(derivative);
    if weighted {
        weights
    } else {
        Vec::new()
    }
}

/// Turns a program with its derivative into its results, followed by the diagonals of `JᵀJ`, one for each input.
pub fn squares(derivative: &mut Program, how: &Normal) {
    let weights = weights(derivative, how);
    let mut defined = Vec::new();
    for x in derivative.wrt.clone() {
        let name = name(derivative, "diagonal", &[x]);
        let body = match square_elements(derivative, x, &weights) {
            Some(elements) => Body::of(elements, derivative.info(x).shape.len()),
            None => {
                let axes = derivative.axes(&derivative.info(x).shape.clone());
                let e = square_terms(derivative, &axes, x, &weights);
                Body::Each(axes, e)
            }
        };
        defined.push(define(derivative, &name, &[x], body));
    }
    derivative.outputs.extend(defined);
    finish(derivative);
}

/// Turns a program with its derivative, of one result by one input of its shape, into its result, followed by the diagonal of
/// the Jacobian.
pub fn diagonal(derivative: &mut Program) {
    let x = derivative.wrt[0];
    let shape = derivative.info(x).shape.clone();
    let jacobian = block(derivative, 0, x);
    let body = match given(derivative, jacobian) {
        Some(elements) => {
            let count = elements.len().isqrt();
            Body::of(elements.into_iter().step_by(count + 1).collect(), shape.len())
        }
        None => {
            let axes = derivative.axes(&shape);
            let at = affines(&[axes.clone(), axes.clone()].concat());
            let e = element(derivative, jacobian, &at);
            let terms = derivative.expand(e);
            let terms = derivative.collect(terms);
            let e = derivative.sum(&terms);
            Body::Each(axes, e)
        }
    };
    let defined = define(derivative, "diagonal", &[x], body);
    derivative.outputs.push(defined);
    finish(derivative);
}

/// The name of a result, with those of the inputs if there are several.
fn name(program: &Program, stem: &str, inputs: &[Tensor]) -> String {
    match program.wrt.len() {
        1 => stem.to_owned(),
        _ => inputs.iter().fold(stem.to_owned(), |name, x| name + "_" + &program.info(*x).name),
    }
}

/// Defines a tensor with the axes of the inputs.
fn define(program: &mut Program, name: &str, inputs: &[Tensor], body: Body) -> Tensor {
    let shape = inputs.iter().flat_map(|x| program.info(*x).shape.clone()).collect();
    let tensor = program.tensor(name, shape, Role::Defined);
    program.definitions.push(Definition { tensor, body });
    tensor
}

fn zeros(program: &mut Program, name: &str, inputs: &[Tensor]) -> Tensor {
    let shape: Vec<Affine> = inputs.iter().flat_map(|x| program.info(*x).shape.clone()).collect();
    let zero = program.arena.constant(0);
    let body = match program.is_known() {
        true => Body::of(vec![zero; lengths(&shape).iter().product()], shape.len()),
        false => Body::Each(program.axes(&shape), zero),
    };
    define(program, name, inputs, body)
}

pub(super) fn finish(program: &mut Program) {
    program.blocks.clear();
    program.prune();
}

/// The weights of a robust loss as definitions, one for each result; none without a loss.
fn weights(program: &mut Program, how: &Normal) -> Vec<Tensor> {
    let Some((loss, scale)) = how.loss else { return Vec::new() };
    let weight = |program: &mut Program, r: Expr| {
        let c = Constant::from_f64(scale).expect("a finite number");
        let (s, c) = (program.arena.mul(r, r), program.arena.insert(Node::Const(c)));
        template(program, loss.weight, &[("s", s), ("c", c)])
    };
    let mut out = Vec::new();
    for y in program.outputs.clone() {
        let info = program.info(y).clone();
        let body = match given(program, y) {
            Some(elements) => Body::of(elements.into_iter().map(|r| weight(program, r)).collect(), info.shape.len()),
            None => {
                let axes = program.axes(&info.shape);
                let r = program.arena.insert(Node::Access(y, affines(&axes)));
                let e = weight(program, r);
                Body::Each(axes, e)
            }
        };
        out.push(define(program, &format!("{}_weight", info.name), &[y], body));
    }
    out
}

/// `Σ J_a·J_b` over all results, or `Σ J_a·r`, each term times a weight if there are any.
struct Product<'a> {
    a: Tensor,
    b: Option<Tensor>,
    weights: &'a [Tensor],
}

impl Product<'_> {
    /// Defines it, or of one input with itself what is on its diagonal and `lower`, and zeros above.
    fn define(&self, program: &mut Program, name: &str, lower: bool) -> Tensor {
        let inputs: Vec<Tensor> = [Some(self.a), self.b].into_iter().flatten().collect();
        let shape: Vec<Affine> = inputs.iter().flat_map(|x| program.info(*x).shape.clone()).collect();
        let body = match self.elements(program, lower) {
            Some(elements) => Body::of(elements, shape.len()),
            None => {
                let axes = program.axes(&shape);
                let mut e = self.by_terms(program, &axes);
                if lower {
                    // a product of matrices is made whole
                    if self.stores_rows(program) {
                        let own = program.axes(&shape);
                        e = self.by_terms(program, &own);
                        let whole = define(program, &format!("{name}_whole"), &inputs, Body::Each(own, e));
                        e = program.arena.insert(Node::Access(whole, affines(&axes)));
                    }
                    e = below(program, &axes, e);
                }
                Body::Each(axes, e)
            }
        };
        let tensor = define(program, name, &inputs, body);
        if Some(self.a) == self.b && !lower {
            program.find_symmetric(tensor);
        }
        tensor
    }

    /// The elements one by one, if all that they are made of is given so.
    fn elements(&self, program: &mut Program, lower: bool) -> Option<Vec<Expr>> {
        let left = of_each(program, |program, output| block(program, output, self.a))?;
        let right = match self.b {
            Some(b) => of_each(program, |program, output| block(program, output, b))?,
            None => of_each(program, |program, output| program.outputs[output])?,
        };
        let (rows, columns) = (count(program, self.a), self.b.map_or(1, |b| count(program, b)));
        let mut out: Vec<Expr> = Vec::with_capacity(rows * columns);
        for (i, j) in (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j))) {
            if lower && i < j {
                out.push(program.arena.constant(0));
                continue;
            }
            if self.b == Some(self.a) && j < i && !lower {
                out.push(out[j * columns + i]);
                continue;
            }
            let mut sum = program.arena.constant(0);
            for (output, (left, right)) in left.iter().zip(&right).enumerate() {
                for k in 0..count(program, program.outputs[output]) {
                    let term = program.arena.mul(left[k * rows + i], right[k * columns + j]);
                    let term = weighed(program, self.weights.get(output), k, term);
                    sum = program.arena.add(sum, term);
                }
            }
            out.push(sum);
        }
        Some(out)
    }

    /// The element at the axes, as a sum of terms.
    fn by_terms(&self, program: &mut Program, axes: &[Index]) -> Expr {
        let (left, right) = axes.split_at(program.info(self.a).shape.len());
        let mut terms = Vec::new();
        for output in 0..program.outputs.len() {
            let rows = program.axes(&program.info(program.outputs[output]).shape.clone());
            let of_a = block_terms(program, output, self.a, &rows, left);
            let of_b = match self.b {
                Some(b) => block_terms(program, output, b, &rows, right),
                None => vec![value(program, program.outputs[output], &rows)],
            };
            let weight = self.weights.get(output).map(|w| value(program, *w, &rows));
            for (l, r) in of_a.iter().flat_map(|l| of_b.iter().map(move |r| (l, r))) {
                let term = l.times(r, &mut program.arena);
                terms.push(summed(program, term, weight.as_ref(), &rows));
            }
        }
        let terms = program.collect(terms);
        program.sum(&terms)
    }

    /// Whether a block that it is made of is stored, for a library to multiply.
    fn stores_rows(&self, program: &mut Program) -> bool {
        (0..program.outputs.len()).any(|output| {
            let rows = program.axes(&program.info(program.outputs[output]).shape.clone());
            let axes = program.axes(&program.info(self.a).shape.clone());
            is_open(program, &rows) && is_open(program, &axes) && {
                let terms = block_terms(program, output, self.a, &rows, &axes);
                terms.iter().any(|t| t.deltas.is_empty())
            }
        })
    }
}

/// What is at or before the diagonal of the first half of the axes with the second, in the order of memory; 0 elsewhere.
fn below(program: &mut Program, axes: &[Index], e: Expr) -> Expr {
    let (rows, columns) = axes.split_at(axes.len() / 2);
    let mut condition: Option<Expr> = None;
    for (i, j) in rows.iter().zip(columns).rev() {
        let [i, j] = [i, j].map(|k| program.arena.integer(Affine::from(*k)));
        condition = Some(match condition {
            None => program.arena.fold(Op::Le, &[j, i]),
            Some(rest) => {
                let (before, same) = (program.arena.fold(Op::Lt, &[j, i]), program.arena.fold(Op::Eq, &[j, i]));
                let here = program.arena.fold(Op::And, &[same, rest]);
                program.arena.fold(Op::Or, &[before, here])
            }
        });
    }
    let Some(condition) = condition else { return e };
    let mut terms = program.expand(e);
    terms.iter_mut().for_each(|t| t.guards.insert(0, condition));
    program.sum(&terms)
}

/// The elements of the diagonal of `JᵀJ` for an input, if all that they are made of is given so.
fn square_elements(program: &mut Program, x: Tensor, weights: &[Tensor]) -> Option<Vec<Expr>> {
    let blocks = of_each(program, |program, output| block(program, output, x))?;
    let columns = count(program, x);
    let mut out = Vec::with_capacity(columns);
    for j in 0..columns {
        let mut sum = program.arena.constant(0);
        for (output, elements) in blocks.iter().enumerate() {
            for k in 0..count(program, program.outputs[output]) {
                let entry = elements[k * columns + j];
                let term = program.arena.mul(entry, entry);
                let term = weighed(program, weights.get(output), k, term);
                sum = program.arena.add(sum, term);
            }
        }
        out.push(sum);
    }
    Some(out)
}

/// The element of that diagonal at the axes. What is without a delta is squared as a whole, so that the sums in it are
/// summed once.
fn square_terms(program: &mut Program, axes: &[Index], x: Tensor, weights: &[Tensor]) -> Expr {
    let mut out = Vec::new();
    for output in 0..program.outputs.len() {
        let rows = program.axes(&program.info(program.outputs[output]).shape.clone());
        let at = affines(&[&rows[..], axes].concat());
        let here = element(program, block(program, output, x), &at);
        let terms = program.expand(here);
        let (dense, mut terms): (Vec<Term>, Vec<Term>) = terms.into_iter().partition(|t| t.deltas.is_empty() && t.guards.is_empty());
        if !dense.is_empty() {
            let whole = program.sum(&dense);
            terms.push(Term::dense(whole));
        }
        let weight = weights.get(output).map(|w| value(program, *w, &rows));
        for (l, r) in terms.iter().flat_map(|l| terms.iter().map(move |r| (l, r))) {
            let term = l.times(r, &mut program.arena);
            out.push(summed(program, term, weight.as_ref(), &rows));
        }
    }
    let terms = program.collect(out);
    program.sum(&terms)
}

/// A term times the weight of its row, summed over the rows.
fn summed(program: &mut Program, term: Term, weight: Option<&Term>, rows: &[Index]) -> Term {
    let mut term = weight.map_or_else(|| term.clone(), |weight| term.times(weight, &mut program.arena));
    term.sum_over(program, rows);
    term
}

/// The block of a result and an input.
pub(super) fn block(program: &Program, output: usize, input: Tensor) -> Tensor {
    let found = program.blocks.iter().find(|b| b.output == output && b.input == input);
    found.expect("a block for every result and input").tensor
}

/// The elements of a tensor, if it is given by them.
pub(super) fn given(program: &Program, t: Tensor) -> Option<Vec<Expr>> {
    match &program.definition(t)?.body {
        Body::Elements(es) => Some(es.clone()),
        Body::Each(indices, e) if indices.is_empty() => Some(vec![*e]),
        _ => None,
    }
}

/// The elements of a tensor for each result, if all are given so.
fn of_each(program: &Program, pick: impl Fn(&Program, usize) -> Tensor) -> Option<Vec<Vec<Expr>>> {
    (0..program.outputs.len()).map(|output| given(program, pick(program, output))).collect()
}

/// The number of elements of a tensor of known lengths.
fn count(program: &Program, t: Tensor) -> usize {
    lengths(&program.info(t).shape).iter().product()
}

/// A term times element `k` of the weights.
fn weighed(program: &mut Program, weights: Option<&Tensor>, k: usize, term: Expr) -> Expr {
    let Some(weights) = weights else { return term };
    let weight = given(program, *weights).map(|elements| elements[k]).unwrap_or_else(|| {
        let at = positions(&lengths(&program.info(*weights).shape)).nth(k).expect("an element");
        let at = at.into_iter().map(|k| Affine::from(k as i64)).collect();
        program.arena.insert(Node::Access(*weights, at))
    });
    program.arena.mul(term, weight)
}

/// An element of a tensor as a term.
fn value(program: &mut Program, t: Tensor, at: &[Index]) -> Term {
    Term::dense(program.arena.insert(Node::Access(t, affines(at))))
}

/// An element of a tensor by its definition, if that says it.
pub(super) fn element(program: &mut Program, t: Tensor, at: &[Affine]) -> Expr {
    match program.definition(t).map(|d| d.body.clone()) {
        Some(Body::Each(indices, e)) => program.arena.substitute(e, &placed(&indices, at)),
        _ => program.arena.insert(Node::Access(t, at.to_vec())),
    }
}

fn is_open(program: &Program, axes: &[Index]) -> bool {
    axes.iter().any(|i| program.is_run_time(program.length(*i)))
}

/// The terms of a block at a row and the axes of the input; those of a block without structure are it itself.
fn block_terms(program: &mut Program, output: usize, input: Tensor, rows: &[Index], axes: &[Index]) -> Vec<Term> {
    let tensor = block(program, output, input);
    let at = [affines(rows), affines(axes)].concat();
    let here = element(program, tensor, &at);
    let terms = program.expand(here);
    let is_dense = terms.iter().any(|t| t.deltas.is_empty()) && is_open(program, rows) && is_open(program, axes);
    let is_read = matches!(program.arena[here], Node::Access(..));
    match is_dense && !is_read {
        true => vec![Term::dense(program.arena.insert(Node::Access(tensor, at)))],
        false => terms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{parse, verify};

    fn made(text: &str, weighted: bool) -> String {
        let mut program = parse(text).unwrap();
        equations(&mut program, weighted, &Normal::default());
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

    const DIAGONAL: &str = "fn f(x: [n]) wrt x -> y\ny[i: n] = sin(x[i])\nJ[i: n, j: n] = delta(i, j) * cos(x[i])\nblock J: 0 by x\n";

    #[test]
    fn diagonals_of_structure_have_no_sum() {
        let mut program = parse(DIAGONAL).unwrap();
        diagonal(&mut program);
        assert!(program.to_text().contains("diagonal[i: n] = cos(x[i])\n"), "{}", program.to_text());
        let mut program = parse(DIAGONAL).unwrap();
        squares(&mut program, &Normal::default());
        let text = program.to_text();
        assert!(text.contains("let t1 = cos(x[i])\n    t1 * t1\n") && !text.contains("sum"), "{text}");
    }

    #[test]
    fn the_upper_triangle_is_not_computed() {
        let text = "fn f(a: [m, 2], x: [2]) wrt x -> y\ny[i: m] = sum[j: 2](a[i, j] * x[j])\nJ[i: m, j: 2] = a[i, j]\nblock J: 0 by x\n";
        let mut program = parse(text).unwrap();
        equations(&mut program, false, &Normal { lower: true, ..Normal::default() });
        assert_eq!(verify(&program), Ok(()));
        assert!(program.to_text().contains("JtJ[i: 2, j: 2] = [float(j) <= float(i)] * sum[k: m]("), "{}", program.to_text());
    }
}
