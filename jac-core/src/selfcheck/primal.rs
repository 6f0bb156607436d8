//! The function itself, on any numbers: an interpreter of programs as the front returns them.

use super::matrices;
use super::number::{apply, Real};
use super::{Fuel, Point};
use crate::ir::{positions, units, Affine, Arena, Body, Expr, Index, Map, Node, Program, Symbol, Tensor};
use crate::ops::Op;

/// Sums within sums share nothing here: functions that would take more steps are not run.
const LONGEST: usize = 1_000_000;

/// What a function consists of.
#[derive(Default)]
struct Size {
    steps: usize,
    /// The comparisons of an index with a place.
    places: usize,
}

/// Expressions in the order of evaluation, each over the slots of its operands.
struct Block<'p> {
    steps: Vec<Step<'p>>,
    results: Vec<usize>,
}

enum Step<'p> {
    Number(f64),
    Node(&'p Node, Vec<usize>),
    /// A comparison of positions for equality, and its place among them.
    Place(Affine, Affine, usize),
    Sum(&'p Affine, Block<'p>),
}

impl<'p> Block<'p> {
    fn new(arena: &'p Arena, roots: &[Expr], size: &mut Size) -> Block<'p> {
        let mut seen: Map<Expr, usize> = Map::default();
        let mut stack = roots.to_vec();
        while let Some(e) = stack.pop() {
            if seen.insert(e, 0).is_none() && !matches!(arena[e], Node::Sum(..)) {
                stack.extend(arena[e].children());
            }
        }
        size.steps += seen.len();
        if size.steps > LONGEST {
            return Block { steps: Vec::new(), results: Vec::new() };
        }
        seen.sort_unstable_keys();
        seen.values_mut().enumerate().for_each(|(k, slot)| *slot = k);
        let step = |e: &Expr| match &arena[*e] {
            Node::Const(c) => Step::Number(c.to_f64()),
            Node::Sum(length, body) => Step::Sum(length, Block::new(arena, &[*body], size)),
            node => match place(arena, node) {
                Some((a, b)) => {
                    size.places += 1;
                    Step::Place(a, b, size.places - 1)
                }
                None => Step::Node(node, node.children().iter().map(|c| seen[c]).collect()),
            },
        };
        Block { steps: seen.keys().map(step).collect(), results: roots.iter().map(|e| seen[e]).collect() }
    }
}

/// The sides of a condition that an index is at a place, which an assignment to one element leaves behind.
fn place(arena: &Arena, node: &Node) -> Option<(Affine, Affine)> {
    let Node::Apply(Op::Eq, args) = node else { return None };
    Some((arena.as_position(args[0])?, arena.as_position(args[1])?))
}

/// A program, made ready to be run at several points.
pub struct Primal<'p> {
    program: &'p Program,
    size: Size,
    blocks: Vec<Vec<Block<'p>>>,
}

impl<'p> Primal<'p> {
    /// Makes a program ready.
    pub fn new(program: &'p Program) -> Primal<'p> {
        let arena = &program.arena;
        let mut size = Size::default();
        let blocks = program.definitions.iter().map(|d| match &d.body {
            Body::Recurrence { parts, .. } => parts.iter().map(|e| Block::new(arena, &[*e], &mut size)).collect(),
            body => vec![Block::new(arena, body.roots(), &mut size)],
        });
        Primal { program, blocks: blocks.collect(), size }
    }

    /// The elements of the outputs, and whether the point is certain to be in the function's domain; `None` where
    /// there is no more fuel.
    ///
    /// Where the function reads outside an array it panics, and all that is computed from such an element does not exist; a
    /// branch that is not taken may read what it likes. The front leaves out what no result needs, and an assignment to
    /// an element becomes a condition. So where what is not finite is not used, a loop without rounds would read
    /// what is not there in every round, or an index never is at the place that it is compared with, the function itself
    /// may panic, and the point is not certain.
    pub fn run<R: Real>(&self, point: &Point, inputs: Map<Tensor, Vec<R>>, fuel: &mut Fuel) -> Option<(Vec<Vec<R>>, bool)> {
        if self.size.steps > LONGEST {
            return None;
        }
        let tensors = (0..self.program.tensors.len() as u32).map(Tensor);
        let shapes = tensors.map(|t| self.program.shape_at(t, |n| point.position(n, |_| 0))).collect();
        let indices = vec![None; self.program.indices.len()];
        let met = vec![false; self.size.places];
        let mut machine =
            Machine { program: self.program, point, shapes, indices, sums: Vec::new(), tensors: inputs, met, certain: true, fuel };
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
                Body::Elements(_) => {
                    let values = machine.block(&own[0][0])?;
                    machine.found(values)
                }
                Body::Each(indices, _) => {
                    let shape = machine.shapes[tensor.0 as usize].clone();
                    machine.each(indices, &shape, &own[0][0])?
                }
            };
            machine.define(tensor, values);
        }
        let certain = machine.certain && machine.met.iter().all(|met| *met);
        let outputs = self.program.outputs.iter().map(|t| machine.tensors.get(t).cloned()).collect::<Option<_>>()?;
        Some((outputs, certain))
    }
}

struct Machine<'a, R> {
    program: &'a Program,
    point: &'a Point,
    shapes: Vec<Vec<usize>>,
    /// Where the indices are; `None` in a round that the function does not run.
    indices: Vec<Option<i64>>,
    /// The same of the sums around, which have no names, outermost first.
    sums: Vec<Option<i64>>,
    tensors: Map<Tensor, Vec<R>>,
    /// Which comparisons of an index with a place have held.
    met: Vec<bool>,
    certain: bool,
    fuel: &'a mut Fuel,
}

/// A value, and whether the function has it: none is computed from what is outside an array.
#[derive(Clone, Copy)]
struct Value<R> {
    number: R,
    exists: bool,
}

impl<R: Real> Value<R> {
    fn of(number: R) -> Value<R> {
        Value { number, exists: true }
    }

    fn outside() -> Value<R> {
        Value { number: R::new(f64::NAN), exists: false }
    }

    fn is(self, truth: bool) -> bool {
        self.exists && self.number.rounded().decided() == Some(truth)
    }
}

impl<R: Real> Machine<'_, R> {
    /// Where `a` is, if the indices in it are known.
    fn affine(&self, a: &Affine) -> Option<i64> {
        let at = |s: Symbol| match s {
            Symbol::Index(i) => self.indices[i.0 as usize],
            Symbol::Bound(k) => self.sums[self.sums.len() - 1 - k as usize],
            Symbol::Size(n) => Some(self.point.sizes[n.0 as usize]),
        };
        let known = a.terms().iter().all(|(s, _)| at(*s).is_some());
        known.then(|| self.point.position(a, |s| at(s).unwrap_or_default()))
    }

    fn each(&mut self, indices: &[Index], shape: &[usize], block: &Block) -> Option<Vec<R>> {
        let mut values = Vec::new();
        for at in positions(shape) {
            indices.iter().zip(&at).for_each(|(i, k)| self.indices[i.0 as usize] = Some(*k as i64));
            values.extend(self.block(block)?);
        }
        if values.is_empty() {
            self.probe(indices, block)?;
        }
        Some(self.found(values))
    }

    /// Elements of a definition: where one does not exist, the function may panic.
    fn found(&mut self, values: Vec<Value<R>>) -> Vec<R> {
        self.certain &= values.iter().all(|x| x.exists);
        values.into_iter().map(|x| x.number).collect()
    }

    fn define(&mut self, t: Tensor, values: Vec<R>) {
        self.certain &= values.iter().all(|x| x.rounded().value.is_finite());
        self.tensors.entry(t).or_default().extend(values);
    }

    /// Finds out whether any round would read outside an array: one at indices that are not known.
    fn probe(&mut self, indices: &[Index], block: &Block) -> Option<()> {
        indices.iter().for_each(|i| self.indices[i.0 as usize] = None);
        let values = self.block(block)?;
        self.certain &= values.iter().all(|x| x.exists && x.number.rounded().value.is_finite());
        Some(())
    }

    /// A loop that carries state: what a round makes is behind what is there.
    fn recurrences(&mut self, over: Index, unit: &[crate::ir::Definition], blocks: &[Vec<Block>]) -> Option<()> {
        let rounds = self.affine(self.program.length(over)).unwrap_or_default().max(0);
        for round in -1..rounds {
            for (d, blocks) in unit.iter().zip(blocks) {
                let Body::Recurrence { indices, .. } = &d.body else { continue };
                let shape = self.shapes[d.tensor.0 as usize][1..].to_vec();
                self.indices[over.0 as usize] = Some(round);
                let values = self.each(indices, &shape, &blocks[usize::from(round >= 0)])?;
                self.define(d.tensor, values);
            }
        }
        if rounds == 0 {
            blocks.iter().try_for_each(|parts| self.probe(&[over], &parts[1]))?;
        }
        Some(())
    }

    fn block(&mut self, block: &Block) -> Option<Vec<Value<R>>> {
        self.fuel.take(block.steps.len())?;
        let mut values: Vec<Value<R>> = Vec::with_capacity(block.steps.len());
        for step in &block.steps {
            let value = match step {
                Step::Number(x) => Value::of(R::new(*x)),
                Step::Node(node, operands) => self.node(node, operands, &values),
                Step::Sum(length, body) => self.sum(length, body)?,
                Step::Place(a, b, k) => {
                    let sides = self.affine(a).zip(self.affine(b));
                    let holds = sides.is_some_and(|(a, b)| a == b);
                    // one without an index is a condition like any other
                    let indexed = [a, b].into_iter().any(Affine::is_indexed);
                    self.met[*k] |= holds || !indexed;
                    Value::of(R::new(f64::from(u8::from(holds))))
                }
            };
            values.push(value);
        }
        Some(block.results.iter().map(|k| values[*k]).collect())
    }

    /// A sum; one without rounds has the value 0 if a round could be.
    fn sum(&mut self, length: &Affine, body: &Block) -> Option<Value<R>> {
        let rounds = self.affine(length).unwrap_or_default();
        let mut sum = Value::of(R::new(0.0));
        self.sums.push(None);
        for at in 0..rounds {
            *self.sums.last_mut()? = Some(at);
            let term = self.block(body)?[0];
            sum = Value { number: sum.number + term.number, exists: sum.exists && term.exists };
        }
        if rounds <= 0 {
            let term = self.block(body)?[0];
            sum.exists = term.exists && term.number.rounded().value.is_finite();
        }
        self.sums.pop();
        Some(sum)
    }

    fn node(&self, node: &Node, operands: &[usize], values: &[Value<R>]) -> Value<R> {
        // where an index is not known, neither is what depends on it
        let at = |a: &Affine| self.affine(a).unwrap_or(1);
        match node {
            Node::Integer(a) => Value::of(R::new(at(a) as f64)),
            Node::Access(t, place) => self.access(*t, place),
            Node::Delta(a, b) => Value::of(R::new(f64::from(u8::from(at(a) == at(b))))),
            Node::Bracket(_) => values[operands[0]],
            Node::Apply(op, _) => {
                let number = match *operands {
                    [a] => apply(*op, &[values[a].number]),
                    [a, b] => apply(*op, &[values[a].number, values[b].number]),
                    _ => apply(*op, &operands.iter().map(|k| values[*k].number).collect::<Vec<R>>()),
                };
                Value { number, exists: exists(*op, operands, values) }
            }
            Node::Const(_) | Node::Sum(..) => unreachable!("steps of their own"),
            Node::Named(..) => unreachable!("a program that verifies has no named sum"),
        }
    }

    fn access(&self, t: Tensor, place: &[Affine]) -> Value<R> {
        let (mut flat, mut known) = (0, true);
        for (a, n) in place.iter().zip(&self.shapes[t.0 as usize]) {
            match self.affine(a).map(usize::try_from) {
                None => known = false,
                Some(Ok(k)) if k < *n => flat = flat * n + k,
                Some(_) => return Value::outside(),
            }
        }
        if !known {
            return Value::of(R::new(1.0));
        }
        self.tensors.get(&t).and_then(|all| all.get(flat)).map_or(Value::outside(), |x| Value::of(*x))
    }
}

/// Whether an operator has a value, where Rust evaluates no more than it needs.
fn exists<R: Real>(op: Op, operands: &[usize], values: &[Value<R>]) -> bool {
    let operand = |k: usize| values[operands[k]];
    match op {
        Op::Select => operand(0).exists && operand(if operand(0).number.rounded().value != 0.0 { 1 } else { 2 }).exists,
        Op::And | Op::Or if operand(0).is(op == Op::Or) => true,
        _ => operands.iter().all(|k| values[*k].exists),
    }
}
