//! The function itself, on any numbers: an interpreter of programs as the front returns them.

use super::matrices;
use super::number::{apply, Real};
use super::{Fuel, Point};
use crate::ir::{positions, units, Affine, Arena, Body, Expr, Index, Map, Node, Program, Symbol, Tensor};

/// Expressions in the order of evaluation, each over the slots of its operands.
struct Block<'p> {
    steps: Vec<Step<'p>>,
    results: Vec<usize>,
}

enum Step<'p> {
    Number(f64),
    Node(&'p Node, Vec<usize>),
    Sum(Index, Block<'p>),
}

impl<'p> Block<'p> {
    fn new(arena: &'p Arena, roots: &[Expr]) -> Block<'p> {
        let mut seen: Map<Expr, usize> = Map::default();
        let mut stack = roots.to_vec();
        while let Some(e) = stack.pop() {
            if seen.insert(e, 0).is_none() && !matches!(arena[e], Node::Sum(..)) {
                stack.extend(arena[e].children());
            }
        }
        seen.sort_unstable_keys();
        seen.values_mut().enumerate().for_each(|(k, slot)| *slot = k);
        let step = |e: &Expr| match &arena[*e] {
            Node::Const(c) => Step::Number(c.to_f64()),
            Node::Sum(i, body) => Step::Sum(*i, Block::new(arena, &[*body])),
            node => Step::Node(node, node.children().iter().map(|c| seen[c]).collect()),
        };
        Block { steps: seen.keys().map(step).collect(), results: roots.iter().map(|e| seen[e]).collect() }
    }
}

/// A program, made ready to be run at several points.
pub struct Primal<'p> {
    program: &'p Program,
    blocks: Vec<Vec<Block<'p>>>,
}

impl<'p> Primal<'p> {
    /// Makes a program ready.
    pub fn new(program: &'p Program) -> Primal<'p> {
        let arena = &program.arena;
        let blocks = program.definitions.iter().map(|d| match &d.body {
            Body::Recurrence { parts, .. } => parts.iter().map(|e| Block::new(arena, &[*e])).collect(),
            body => vec![Block::new(arena, body.roots())],
        });
        Primal { program, blocks: blocks.collect() }
    }

    /// The elements of the outputs; `None` where there is no more fuel. A read outside an array is NaN.
    pub fn run<R: Real>(&self, point: &Point, inputs: Map<Tensor, Vec<R>>, fuel: &mut Fuel) -> Option<Vec<Vec<R>>> {
        let shapes = self.program.tensors.iter().map(|t| t.shape.iter().map(|n| point.length(n)).collect()).collect();
        let indices = vec![0; self.program.indices.len()];
        let mut machine = Machine { program: self.program, point, shapes, indices, tensors: inputs, fuel };
        let mut blocks = self.blocks.as_slice();
        for unit in units(&self.program.definitions) {
            let (own, rest) = blocks.split_at(unit.len());
            blocks = rest;
            let tensor = unit[0].tensor;
            let values = match &unit[0].body {
                Body::Recurrence { over, .. } => {
                    machine.recurrences(*over, unit, own)?;
                    continue;
                }
                Body::Intrinsic(f, arguments) => {
                    let values: Vec<&[R]> = arguments.iter().map(|t| machine.tensors[t].as_slice()).collect();
                    let n = machine.shapes[arguments[0].0 as usize][0];
                    machine.fuel.take(n * n * n + n)?;
                    matrices::intrinsic(*f, values[0], values.get(1).copied().unwrap_or_default(), n)
                }
                Body::Elements(_) => machine.block(&own[0][0])?,
                Body::Each(indices, _) => {
                    let shape = machine.shapes[tensor.0 as usize].clone();
                    machine.each(indices, &shape, &own[0][0])?
                }
            };
            machine.tensors.insert(tensor, values);
        }
        self.program.outputs.iter().map(|t| machine.tensors.get(t).cloned()).collect()
    }
}

struct Machine<'a, R> {
    program: &'a Program,
    point: &'a Point,
    shapes: Vec<Vec<usize>>,
    indices: Vec<i64>,
    tensors: Map<Tensor, Vec<R>>,
    fuel: &'a mut Fuel,
}

impl<R: Real> Machine<'_, R> {
    fn affine(&self, a: &Affine) -> i64 {
        self.point.position(a, |s| match s {
            Symbol::Index(i) => self.indices[i.0 as usize],
            Symbol::Size(n) => self.point.sizes[n.0 as usize],
        })
    }

    fn each(&mut self, indices: &[Index], shape: &[usize], block: &Block) -> Option<Vec<R>> {
        let mut values = Vec::new();
        for at in positions(shape) {
            indices.iter().zip(&at).for_each(|(i, k)| self.indices[i.0 as usize] = *k as i64);
            values.extend(self.block(block)?);
        }
        Some(values)
    }

    /// A loop that carries state: what a round makes is behind what is there.
    fn recurrences(&mut self, over: Index, unit: &[crate::ir::Definition], blocks: &[Vec<Block>]) -> Option<()> {
        let rounds = self.affine(self.program.length(over)).max(0);
        for round in -1..rounds {
            for (d, blocks) in unit.iter().zip(blocks) {
                let Body::Recurrence { indices, .. } = &d.body else { continue };
                let shape = self.shapes[d.tensor.0 as usize][1..].to_vec();
                self.indices[over.0 as usize] = round;
                let values = self.each(indices, &shape, &blocks[usize::from(round >= 0)])?;
                self.tensors.entry(d.tensor).or_default().extend(values);
            }
        }
        Some(())
    }

    fn block(&mut self, block: &Block) -> Option<Vec<R>> {
        self.fuel.take(block.steps.len())?;
        let mut values: Vec<R> = Vec::with_capacity(block.steps.len());
        for step in &block.steps {
            let value = match step {
                Step::Number(x) => R::new(*x),
                Step::Node(node, operands) => self.node(node, operands, &values),
                Step::Sum(i, body) => {
                    let mut sum = R::new(0.0);
                    for at in 0..self.affine(self.program.length(*i)) {
                        self.indices[i.0 as usize] = at;
                        sum = sum + self.block(body)?[0];
                    }
                    sum
                }
            };
            values.push(value);
        }
        Some(block.results.iter().map(|k| values[*k]).collect())
    }

    fn node(&self, node: &Node, operands: &[usize], values: &[R]) -> R {
        match node {
            Node::Integer(a) => R::new(self.affine(a) as f64),
            Node::Access(t, at) => {
                let mut flat = 0;
                for (a, n) in at.iter().zip(&self.shapes[t.0 as usize]) {
                    match usize::try_from(self.affine(a)) {
                        Ok(k) if k < *n => flat = flat * n + k,
                        _ => return R::new(f64::NAN),
                    }
                }
                self.tensors.get(t).and_then(|all| all.get(flat)).copied().unwrap_or(R::new(f64::NAN))
            }
            Node::Delta(a, b) => R::new(f64::from(u8::from(self.affine(a) == self.affine(b)))),
            Node::Bracket(_) => values[operands[0]],
            Node::Apply(op, _) => match operands {
                [a] => apply(*op, &[values[*a]]),
                [a, b] => apply(*op, &[values[*a], values[*b]]),
                _ => apply(*op, &operands.iter().map(|k| values[*k]).collect::<Vec<R>>()),
            },
            Node::Const(_) | Node::Sum(..) => unreachable!("steps of their own"),
        }
    }
}
