//! One matrix in place of blocks: rows are the elements of all results, columns those of all inputs.
//!
//! What stores into a block stores into the matrix instead, at the block's place in it. A block that is made as a whole, or read
//! again, stays what it is and is copied at the end.

use super::loops::LARGEST_LITERAL;
use super::{Plan, Stmt};
use crate::interface::{Form, Side};
use crate::ir::{affines, lengths, positions, Affine, Expr, Map, Node, Program, Role, Set, Tensor};

/// A matrix of blocks, or without rows a vector of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Matrix {
    /// The shapes of what the rows are the elements of, one after the other.
    pub rows: Vec<Vec<Affine>>,
    /// The same of the columns.
    pub columns: Vec<Vec<Affine>>,
    /// What it is called.
    name: &'static str,
}

/// The matrices that the results of a form become, behind `values` of the function.
pub fn matrices(form: &Form, program: &Program, values: usize) -> Vec<Matrix> {
    let columns: Vec<Vec<Affine>> = program.wrt.iter().map(|x| program.info(*x).shape.clone()).collect();
    // of the first block of each row
    let own = |block: Tensor| {
        let shape = &program.info(block).shape;
        shape[..shape.len() - columns[0].len()].to_vec()
    };
    let rows = |axes: &[Side]| match axes {
        [Side::Results, _] => program.results().skip(values).step_by(columns.len()).map(own).collect(),
        [Side::Inputs, _] => columns.clone(),
        _ => Vec::new(),
    };
    let all = form.matrices().iter().zip(form.names);
    all.map(|(axes, name)| Matrix { rows: rows(axes), columns: columns.clone(), name }).collect()
}

impl Matrix {
    /// Its number of blocks.
    pub fn blocks(&self) -> usize {
        self.rows.len().max(1) * self.columns.len()
    }

    fn shape(&self) -> Vec<Affine> {
        let total = |groups: &[Vec<Affine>]| groups.iter().fold(Affine::default(), |sum, shape| sum.plus(&count(shape), 1));
        let rows = (!self.rows.is_empty()).then(|| total(&self.rows));
        rows.into_iter().chain([total(&self.columns)]).collect()
    }

    /// The blocks of a matrix, row-major, as its elements are: `length` says how long axes are.
    pub fn unstacked<T: Clone>(&self, all: &[T], length: &dyn Fn(&Affine) -> usize) -> Vec<Vec<T>> {
        let counts = |groups: &[Vec<Affine>]| groups.iter().map(|shape| shape.iter().map(length).product()).collect::<Vec<usize>>();
        let (rows, columns) = (if self.rows.is_empty() { vec![1] } else { counts(&self.rows) }, counts(&self.columns));
        let (width, mut left) = (columns.iter().sum::<usize>(), all);
        let mut blocks = Vec::new();
        for height in rows {
            let (own, rest) = left.split_at(height * width);
            left = rest;
            let mut first = 0;
            for count in &columns {
                blocks.push((0..height).flat_map(|row| own[row * width + first..][..*count].iter().cloned()).collect());
                first += count;
            }
        }
        blocks
    }

    /// Where an element of a block is.
    fn place(&self, block: usize, at: &[Affine]) -> Vec<Affine> {
        let along = |groups: &[Vec<Affine>], group: usize, at: &[Affine]| {
            let before = groups[..group].iter().fold(Affine::default(), |sum, shape| sum.plus(&count(shape), 1));
            before.plus(&flat(&groups[group], at), 1)
        };
        let (row, column) = (block / self.columns.len(), block % self.columns.len());
        let (outer, inner) = at.split_at(self.rows.get(row).map_or(0, Vec::len));
        let first = (!self.rows.is_empty()).then(|| along(&self.rows, row, outer));
        first.into_iter().chain([along(&self.columns, column, inner)]).collect()
    }
}

fn number(length: &Affine) -> i64 {
    length.known().expect("only the first axis has a length that is no number")
}

/// The number of elements of a shape.
fn count(shape: &[Affine]) -> Affine {
    let Some((first, rest)) = shape.split_first() else { return Affine::from(1) };
    first.times(rest.iter().map(number).product())
}

/// The place of an element in row-major order.
fn flat(shape: &[Affine], at: &[Affine]) -> Affine {
    shape
        .iter()
        .zip(at)
        .enumerate()
        .fold(Affine::default(), |sum, (axis, (n, a))| if axis == 0 { a.clone() } else { a.plus(&sum, number(n)) })
}

/// Makes matrices of the results behind `values` of the function.
pub fn stack(plan: &mut Plan, values: usize, matrices: &[Matrix]) {
    let mut results: Vec<Tensor> = plan.program.results().collect();
    let mut blocks = results.split_off(values).into_iter();
    for matrix in matrices {
        let own: Vec<Tensor> = blocks.by_ref().take(matrix.blocks()).collect();
        let all = plan.program.tensor(matrix.name, matrix.shape(), Role::Defined);
        fill(plan, matrix, all, &own, &results);
        results.push(all);
    }
    plan.program.outputs = results;
    plan.program.blocks.clear();
}

/// Fills a matrix; `others` are results besides.
fn fill(plan: &mut Plan, matrix: &Matrix, all: Tensor, blocks: &[Tensor], others: &[Tensor]) {
    let kept = kept(plan, blocks, others);
    let of = |t: &Tensor| blocks.iter().position(|b| b == t && !kept.contains(t));
    let program = &mut plan.program;
    if let Some(elements) = elements(program, &plan.body, matrix, blocks, &kept) {
        plan.body.retain(|s| !matches!(s, Stmt::Literal(t, _) | Stmt::Scalar(t, _) if of(t).is_some()));
        plan.body.push(Stmt::Literal(all, elements));
        return;
    }
    let mut body = vec![Stmt::Allocate(all)];
    body.extend(redirected(program, std::mem::take(&mut plan.body), &|t| Some((all, matrix, of(&t)?))));
    for (block, tensor) in blocks.iter().enumerate().filter(|(_, t)| kept.contains(*t)) {
        let shape = program.info(*tensor).shape.clone();
        body.push(everywhere(program, &shape, &mut |program, at| {
            let value = program.arena.insert(Node::Access(*tensor, at.to_vec()));
            Stmt::Store { tensor: all, at: matrix.place(block, at), value, add: false }
        }));
    }
    plan.body = body;
}

/// The blocks that stay what they are: what is a result twice, or read, or made as a whole.
fn kept(plan: &Plan, blocks: &[Tensor], others: &[Tensor]) -> Set<Tensor> {
    let mut kept: Set<Tensor> = blocks.iter().copied().filter(|b| others.contains(b)).collect();
    kept.extend(blocks.iter().enumerate().filter(|(k, b)| blocks[..*k].contains(b)).map(|(_, b)| *b));
    let expressions: Vec<Expr> = plan.body.iter().flat_map(Stmt::expressions).collect();
    kept.extend(plan.program.arena.reachable(expressions).into_iter().filter_map(|e| match &plan.program.arena[e] {
        Node::Access(t, _) => Some(*t),
        _ => None,
    }));
    let mut waiting: Vec<&Stmt> = plan.body.iter().collect();
    while let Some(statement) = waiting.pop() {
        match statement {
            Stmt::Carry(t, _) | Stmt::Factor(t, _) => kept.extend([*t]),
            Stmt::Advance(t, from) => kept.extend([*t, *from]),
            Stmt::Product(t, factors) => kept.extend(factors.iter().map(|f| f.tensor).chain([*t])),
            Stmt::Intrinsic(t, _, arguments) => kept.extend(arguments.iter().copied().chain([*t])),
            Stmt::Loop(_, inner) | Stmt::Guard(_, inner) | Stmt::Group(inner, _) => waiting.extend(inner),
            _ => {}
        }
    }
    kept
}

/// The elements of a small matrix, if all of its blocks are given by theirs.
fn elements(program: &mut Program, body: &[Stmt], matrix: &Matrix, blocks: &[Tensor], kept: &Set<Tensor>) -> Option<Vec<Expr>> {
    let shape = matrix.shape();
    let count = shape.iter().map(Affine::known).product::<Option<i64>>().filter(|n| *n <= LARGEST_LITERAL as i64)?;
    let mut given: Map<Tensor, Vec<Expr>> = Map::default();
    for statement in body {
        match statement {
            Stmt::Literal(t, es) => _ = given.insert(*t, es.clone()),
            Stmt::Scalar(t, e) => _ = given.insert(*t, vec![*e]),
            _ => {}
        }
    }
    let mut elements = vec![program.arena.constant(0); count as usize];
    for (block, tensor) in blocks.iter().enumerate() {
        let own = if kept.contains(tensor) { None } else { Some(given.get(tensor)?) };
        for (k, at) in positions(&lengths(&program.info(*tensor).shape)).enumerate() {
            let at = constants(&at);
            let place = number(&flat(&shape, &matrix.place(block, &at)));
            elements[place as usize] = match own {
                Some(own) => own[k],
                None => program.arena.insert(Node::Access(*tensor, at)),
            };
        }
    }
    Some(elements)
}

/// The statements with what is stored into blocks stored into a matrix: `of` says into which, and which of its blocks it is.
fn redirected<'m>(program: &mut Program, body: Vec<Stmt>, of: &dyn Fn(Tensor) -> Option<(Tensor, &'m Matrix, usize)>) -> Vec<Stmt> {
    let mut out = Vec::new();
    for statement in body {
        match statement {
            Stmt::Allocate(t) if of(t).is_some() => {}
            Stmt::Store { tensor, at, value, add } => out.push(match of(tensor) {
                Some((all, matrix, block)) => Stmt::Store { tensor: all, at: matrix.place(block, &at), value, add },
                None => Stmt::Store { tensor, at, value, add },
            }),
            Stmt::Scalar(t, e) | Stmt::Fill(t, e) if of(t).is_some() => {
                let (all, matrix, block) = of(t).expect("it is a block");
                let shape = program.info(t).shape.clone();
                let store = |at: &[Affine]| Stmt::Store { tensor: all, at: matrix.place(block, at), value: e, add: false };
                out.push(everywhere(program, &shape, &mut |_, at| store(at)));
            }
            Stmt::Literal(t, es) if of(t).is_some() => {
                let (all, matrix, block) = of(t).expect("it is a block");
                let shape = lengths(&program.info(t).shape);
                let places = positions(&shape).map(|at| matrix.place(block, &constants(&at)));
                let stores = places.zip(es).filter(|(_, e)| !program.arena.is(*e, 0));
                out.extend(stores.map(|(at, value)| Stmt::Store { tensor: all, at, value, add: false }));
            }
            Stmt::Group(inner, used) => out.push(Stmt::Group(redirected(program, inner, of), used)),
            Stmt::Loop(i, inner) => out.push(Stmt::Loop(i, redirected(program, inner, of))),
            Stmt::Guard(c, inner) => out.push(Stmt::Guard(c, redirected(program, inner, of))),
            other => out.push(other),
        }
    }
    out
}

fn constants(at: &[usize]) -> Vec<Affine> {
    at.iter().map(|k| Affine::from(*k as i64)).collect()
}

/// A statement at each position of a shape.
fn everywhere(program: &mut Program, shape: &[Affine], statement: &mut dyn FnMut(&mut Program, &[Affine]) -> Stmt) -> Stmt {
    let indices = program.axes(shape);
    let inner = statement(program, &affines(&indices));
    indices.iter().rev().fold(inner, |inner, i| Stmt::Loop(*i, vec![inner]))
}
