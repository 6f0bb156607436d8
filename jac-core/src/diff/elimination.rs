//! Known lengths: vertex elimination on the linearised graph of scalars.
//!
//! Every edge of the graph carries a local partial derivative. Eliminating a vertex joins its
//! incoming edges to its outgoing ones; when no intermediate vertex is left, the edges are the
//! Jacobian (Griewank & Walther, *Evaluating Derivatives*, chapter 9). The order decides the cost
//! and no order is always best, so several are tried and the cheapest is kept.

use super::{block_name, norms, partials};
use crate::ir::{Affine, Block, Body, Definition, Expr, Map, Node, Program, Role, Set};
use std::collections::BTreeSet;
use std::ops::Range;

/// The entries of the Jacobian that are not zero, by output and input.
type Entries = Map<(usize, Expr), Expr>;

/// The orders of elimination.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Order {
    Reverse,
    Forward,
    Markowitz,
}

/// A vertex: a node of the arena, or an output.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Vertex {
    Node(Expr),
    Output(usize),
}

#[derive(Clone, Default)]
struct Graph {
    /// For each vertex the vertices it depends on, with the local partial.
    below: Map<Vertex, Map<Vertex, Expr>>,
    /// For each vertex those that depend on it.
    above: Map<Vertex, Set<Vertex>>,
}

impl Graph {
    fn connect(&mut self, program: &mut Program, from: Vertex, to: Vertex, weight: Expr) {
        if program.arena.is(weight, 0) {
            return;
        }
        let edges = self.below.entry(from).or_default();
        let sum = match edges.get(&to) {
            Some(known) => program.arena.add(*known, weight),
            None => weight,
        };
        edges.insert(to, sum);
        self.above.entry(to).or_default().insert(from);
    }

    /// Removes a vertex; returns the number of products.
    fn eliminate(&mut self, program: &mut Program, v: Vertex) -> usize {
        let below = self.below.swap_remove(&v).unwrap_or_default();
        let above = self.above.swap_remove(&v).unwrap_or_default();
        for to in below.keys() {
            if let Some(set) = self.above.get_mut(to) {
                set.shift_remove(&v);
            }
        }
        for from in &above {
            let Some(upper) = self.below.get_mut(from).and_then(|edges| edges.shift_remove(&v)) else { continue };
            for (to, lower) in &below {
                let weight = program.arena.mul(upper, *lower);
                self.connect(program, *from, *to, weight);
            }
        }
        below.len() * above.len()
    }

    fn markowitz(&self, v: Vertex) -> usize {
        self.below.get(&v).map_or(0, Map::len) * self.above.get(&v).map_or(0, Set::len)
    }
}

/// Differentiates the outputs at the positions `of` of an unrolled program by every parameter in
/// `wrt`, in several orders of elimination; the results differ in what they cost, the cheapest as they stand first.
pub fn differentiate(mut program: Program, of: Range<usize>) -> Vec<Program> {
    program.regular = norms::regular(&program);
    let elements = |output: usize| program.definition(program.outputs[output]).map(|d| d.body.roots().to_vec()).unwrap_or_default();
    let outputs: Vec<(usize, Vec<Expr>)> = of.map(|output| (output, elements(output))).collect();
    let roots: Vec<Expr> = outputs.iter().flat_map(|(_, es)| es).copied().collect();
    let (graph, inner) = linearise(&mut program, &roots);
    let mut found: Vec<(u64, Entries)> = Vec::new();
    let mut work = usize::MAX;
    for order in [Order::Reverse, Order::Forward, Order::Markowitz] {
        // an order that does several times the work of another does not end up cheaper
        let Some((entries, done)) = run(&mut program, graph.clone(), &inner, order, work.saturating_mul(3)) else { continue };
        work = work.min(done.max(1000));
        let cost = program.arena.cost(entries.values().chain(&roots).copied()).time();
        if found.iter().all(|(_, known)| *known != entries) {
            found.push((cost, entries));
        }
    }
    found.sort_by_key(|(cost, _)| *cost);
    found.into_iter().map(|(_, entries)| with_blocks(program.clone(), &outputs, &entries)).collect()
}

/// Defines the blocks of the Jacobian by their entries.
fn with_blocks(mut program: Program, outputs: &[(usize, Vec<Expr>)], entries: &Entries) -> Program {
    let zero = program.arena.constant(0);
    let mut first = 0;
    for (output, elements) in outputs {
        for input in program.wrt.clone() {
            let name = block_name(&program, *output, input);
            let y = program.info(program.outputs[*output]).shape.clone();
            let x = program.info(input).shape.clone();
            let positions = leaves(&mut program, &x, input);
            let mut block = Vec::new();
            for row in first..first + elements.len() {
                block.extend(positions.iter().map(|leaf| entries.get(&(row, *leaf)).copied().unwrap_or(zero)));
            }
            let block = unbracketed(&mut program, &block);
            let shape: Vec<Affine> = y.into_iter().chain(x).collect();
            let body = Body::of(block, shape.len());
            let tensor = program.tensor(&name, shape, Role::Defined);
            program.definitions.push(Definition { tensor, body });
            program.blocks.push(Block { output: *output, input, tensor });
        }
        first += elements.len();
    }
    program
}

/// The elements of a parameter, as expressions.
fn leaves(program: &mut Program, shape: &[Affine], input: crate::ir::Tensor) -> Vec<Expr> {
    let shape = crate::ir::lengths(shape);
    let at: Vec<Vec<usize>> = crate::ir::positions(&shape).collect();
    at.into_iter().map(|at| program.arena.insert(Node::Access(input, at.into_iter().map(|k| Affine::from(k as i64)).collect()))).collect()
}

/// The graph of local partials, and its intermediate vertices in the order of evaluation.
fn linearise(program: &mut Program, roots: &[Expr]) -> (Graph, Vec<Expr>) {
    let mut graph = Graph::default();
    let mut inner = Vec::new();
    let mut active: Set<Expr> = Set::default();
    for e in program.arena.reachable(roots.iter().copied()) {
        if let Some(partials) = program.partials.get(&e).cloned() {
            for (a, weight) in partials {
                if !active.contains(&a) {
                    continue;
                }
                if active.insert(e) {
                    inner.push(e);
                }
                graph.connect(program, Vertex::Node(e), Vertex::Node(a), weight);
            }
            continue;
        }
        match program.arena[e].clone() {
            Node::Access(t, _) if program.wrt.contains(&t) => {
                active.insert(e);
            }
            Node::Apply(op, args) if args.iter().any(|a| active.contains(a)) => {
                active.insert(e);
                inner.push(e);
                for (a, weight) in partials(program, e, op, &args, |a| active.contains(a)) {
                    graph.connect(program, Vertex::Node(e), Vertex::Node(a), weight);
                }
            }
            _ => {}
        }
    }
    let one = program.arena.constant(1);
    for (row, e) in roots.iter().enumerate() {
        if active.contains(e) {
            graph.connect(program, Vertex::Output(row), Vertex::Node(*e), one);
        }
    }
    (graph, inner)
}

/// Eliminates every intermediate vertex; `None` once that takes more than `most` products.
fn run(program: &mut Program, mut graph: Graph, inner: &[Expr], order: Order, most: usize) -> Option<(Entries, usize)> {
    let mut work = 0;
    let mut eliminate = |graph: &mut Graph, v: Vertex| {
        work += graph.eliminate(program, v);
        work <= most
    };
    let done = match order {
        Order::Reverse => inner.iter().rev().all(|e| eliminate(&mut graph, Vertex::Node(*e))),
        Order::Forward => inner.iter().all(|e| eliminate(&mut graph, Vertex::Node(*e))),
        Order::Markowitz => by_degree(&mut graph, inner, eliminate),
    };
    if !done {
        return None;
    }
    let mut entries = Map::default();
    for (from, edges) in &graph.below {
        if let Vertex::Output(row) = from {
            for (to, weight) in edges {
                if let Vertex::Node(leaf) = to {
                    entries.insert((*row, *leaf), *weight);
                }
            }
        }
    }
    Some((entries, work))
}

/// Eliminates the vertex of the least Markowitz degree first, of several the one evaluated first.
fn by_degree(graph: &mut Graph, inner: &[Expr], mut eliminate: impl FnMut(&mut Graph, Vertex) -> bool) -> bool {
    let mut degrees: Map<Vertex, usize> = inner.iter().map(|e| Vertex::Node(*e)).map(|v| (v, graph.markowitz(v))).collect();
    let position: Map<Vertex, usize> = inner.iter().enumerate().map(|(k, e)| (Vertex::Node(*e), k)).collect();
    let mut queue: BTreeSet<(usize, usize)> = degrees.iter().map(|(v, d)| (*d, position[v])).collect();
    while let Some((_, at)) = queue.pop_first() {
        let v = Vertex::Node(inner[at]);
        degrees.swap_remove(&v);
        let below = graph.below.get(&v).into_iter().flat_map(Map::keys);
        let near: Vec<Vertex> = below.chain(graph.above.get(&v).into_iter().flatten()).copied().collect();
        if !eliminate(graph, v) {
            return false;
        }
        for n in near {
            if let Some(degree) = degrees.get_mut(&n) {
                let new = graph.markowitz(n);
                queue.remove(&(*degree, position[&n]));
                queue.insert((new, position[&n]));
                *degree = new;
            }
        }
    }
    true
}

/// Brackets that are left stand for 1 and 0.
fn unbracketed(program: &mut Program, roots: &[Expr]) -> Vec<Expr> {
    program.arena.map(roots, |arena, e, node| match node {
        Node::Bracket(c) => {
            let (one, zero) = (arena.constant(1), arena.constant(0));
            arena.select(c, one, zero)
        }
        node if arena[e] == node => e,
        node => arena.rebuild(node),
    })
}
