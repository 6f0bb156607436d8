//! Lowering: from definitions to loops and straight-line statements.
//!
//! Before: a program that verifies. After: a [`Plan`], in which every operation stands in the
//! scope where it is computed: as far out of the loops as its indices allow, inside the branch
//! that alone needs it, and just before its first use. A delta removes a loop.

mod loops;
mod schedule;

use crate::ir::{Affine, Expr, Index, Map, Node, Program, Symbol, Tensor};

/// A program as statements.
#[derive(Debug)]
pub struct Plan {
    /// The program that the expressions belong to.
    pub program: Program,
    /// The statements, in order.
    pub body: Vec<Stmt>,
    /// The names of the expressions that are computed once into a local variable.
    pub locals: Map<Expr, String>,
}

/// A statement.
#[derive(Clone, PartialEq, Debug)]
pub enum Stmt {
    /// `let t = e;`
    Let(Expr),
    /// `let (s, c) = a.sin_cos();`
    SinCos(Expr, Expr),
    /// `let t = if c { …; a } else { …; b };`
    Branch(Expr, Vec<Stmt>, Vec<Stmt>),
    /// `let mut t = 0.0; for i in … { …; t += e; }`
    Total(Expr, Vec<Stmt>),
    /// The scalar definition `t` is `e`.
    Scalar(Tensor, Expr),
    /// A tensor of zeros.
    Allocate(Tensor),
    /// A tensor of known lengths, given by its elements.
    Literal(Tensor, Vec<Expr>),
    /// `for i in 0..n { … }`
    Loop(Index, Vec<Stmt>),
    /// `if c { … }`
    Guard(Expr, Vec<Stmt>),
    /// `t[at] = e;` or `t[at] += e;`
    Store {
        /// What is written.
        tensor: Tensor,
        /// Where.
        at: Vec<Affine>,
        /// The value.
        value: Expr,
        /// Whether it is added to what is there.
        add: bool,
    },
}

/// Lowers a program.
pub fn lower(mut program: Program) -> Plan {
    distinct_sums(&mut program);
    let mut tree = schedule::Tree::default();
    for definition in program.definitions.clone() {
        loops::definition(&mut program, &mut tree, &definition);
    }
    let (body, locals) = tree.schedule(&program);
    Plan { program, body, locals }
}

/// Gives every sum an index of its own, so that an index belongs to one loop.
fn distinct_sums(program: &mut Program) {
    let roots = program.roots();
    let mut lengths = std::mem::take(&mut program.indices);
    let built = program.arena.map(&roots, |arena, e, node| match node {
        Node::Sum(i, body) => {
            lengths.push(lengths[i.0 as usize].clone());
            let own = Index(lengths.len() as u32 - 1);
            let body = arena.substitute(body, &|s| (s == Symbol::Index(i)).then(|| Affine::from(own)));
            arena.insert(Node::Sum(own, body))
        }
        node if arena[e] == node => e,
        node => arena.insert(node),
    });
    program.indices = lengths;
    program.set_roots(&built);
}
