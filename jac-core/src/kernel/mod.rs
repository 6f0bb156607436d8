//! Kernels: loops over buffers, with all decisions about memory made.
//!
//! Before: a [`Plan`], whose statements compute tensors. After: a [`Kernel`], whose statements read and write
//! [`Buffer`]s: where each lies, how its elements follow one another, what is cleared, which rows the loops walk
//! along. Targets only print kernels; the self-check runs them.
//!
//! `build` turns statements over expressions into statements over values; each of the passes behind it decides one
//! thing: `join` which loops are one, `storage` where buffers lie, `updates` what a result that was written before need not
//! be given again, `clears` where memory of the caller is filled with zeros, `rows` what loops walk along.

mod build;
mod clears;
mod join;
mod rows;
mod storage;
mod swaps;
mod text;
mod updates;
mod verify;

pub use verify::verify;

use crate::interface::Results;
use crate::ir::{Affine, Float, Index, Map, Program, SizeKind, Symbol, Tensor};
use crate::lower::Plan;
use crate::ops::{Intrinsic, Op};

/// What a target says of the memory that a function gets and returns.
#[derive(Clone, Debug)]
pub struct Signature {
    /// How parameters and results lie in memory.
    pub layouts: Map<Tensor, Layout>,
    /// What becomes of the results.
    pub results: Results,
    /// Whether what is returned may be declared as one variable and written in place.
    pub in_place: bool,
    /// Whether a sum of products along two rows may be computed in an order of the library's own.
    pub reorders: bool,
}

/// How the elements of a buffer follow one another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// One number.
    Scalar,
    /// Arrays in arrays, of lengths known to the compiler of the target.
    Nested,
    /// The same of a matrix, column by column.
    Columns,
    /// One after the other, to be moved into a type of a library once they are there.
    Moved,
    /// One after the other, the last axis fastest.
    Flat,
    /// In an array type of a library, which finds them by their positions.
    Library,
}

/// Where a buffer lies.
#[derive(Clone, PartialEq, Debug)]
pub enum Home {
    /// With the caller: a parameter, or a constant from outside. A flat one that is a library's array is read through
    /// its slice, or a copy if it has none.
    Input,
    /// On the stack, or on the heap if it is flat.
    Local,
    /// In the value that is returned: a result.
    Returned,
    /// In memory of the caller: a result.
    Memory,
    /// In a library's array, which becomes a result.
    Array,
    /// In a library's matrix, which a product makes.
    Matrix,
    /// In another buffer: the elements behind the leading positions, or with as many positions as axes those from there on. It
    /// may be empty and lie outside.
    View {
        /// What it is a part of.
        of: Buffer,
        /// The positions on the first axes.
        at: Vec<Affine>,
        /// Whether it is written.
        mutable: bool,
    },
    /// In another buffer, whose rows it gives one after the other.
    Rows(Buffer),
    /// The next one of those.
    Next(Buffer),
}

/// What elements are read from and written to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Buffer(pub u32);

/// What is known of a buffer.
#[derive(Clone, PartialEq, Debug)]
pub struct BufferInfo {
    /// Its name, that of its tensor unless it is a part of one.
    pub name: String,
    /// The length of each axis.
    pub shape: Vec<Affine>,
    /// How its elements follow one another.
    pub layout: Layout,
    /// Where it lies.
    pub home: Home,
    /// The length of the first axis is one more than this number of rounds, and 1 if that is negative.
    pub rounds: Option<Affine>,
    /// Whether a loop carries it: it is assigned as a whole.
    pub carried: bool,
    /// Whether it may be evaluated only where it is read.
    pub lazy: bool,
}

/// A variable that is assigned where it is declared, or a sum.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Local(pub u32);

/// What is known of a local variable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LocalInfo {
    /// Its name.
    pub name: String,
    /// Whether it is a truth value.
    pub truth: bool,
}

/// A value.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// A number: an exact constant, rounded once.
    Const(f64),
    /// An integer, as a float; in a comparison with another one as an integer.
    Integer(Affine),
    /// An element of a buffer.
    Read(Buffer, Vec<Affine>),
    /// A local variable.
    Local(Local),
    /// An operator applied.
    Apply(Op, Vec<Value>),
}

/// What a buffer begins as.
#[derive(Clone, PartialEq, Debug)]
pub enum Init {
    /// Zeros.
    Zeros,
    /// What is there: all of it will be written, or was.
    Unset,
    /// The same everywhere; of a scalar, its value.
    Fill(Value),
    /// Its elements.
    Values(Vec<Value>),
}

/// A statement.
#[derive(Clone, PartialEq, Debug)]
pub enum Stmt {
    /// `let t = e;`
    Let(Local, Value),
    /// `let (s, c) = a.sin_cos();`
    SinCos([Local; 2], Value),
    /// `let t = if c { …; a } else { …; b };`
    Branch(Local, Value, [(Vec<Stmt>, Value); 2]),
    /// `let mut t = 0.0;`: a sum begins.
    Sum(Local),
    /// `t += e;`: a sum grows.
    Add(Local, Value),
    /// A sum of the products of two rows.
    Dot(Local, [Buffer; 2]),
    /// `for i in 0..n { … }`
    For(Index, Vec<Stmt>),
    /// `if c { … }`
    If(Value, Vec<Stmt>),
    /// A piece of a long function, with what is used after it.
    Piece(Vec<Stmt>, Vec<Local>),
    /// A buffer begins. That of views is said by their homes.
    Declare(Buffer, Init),
    /// Buffers that are as large begin as zeros, in one allocation.
    Together(Vec<Buffer>),
    /// A buffer is filled with zeros.
    Clear(Buffer),
    /// `t[at] = e;` or `t[at] += e;`
    Store {
        /// What is written.
        to: Buffer,
        /// Where.
        at: Vec<Affine>,
        /// The value.
        value: Value,
        /// Whether it is added to what is there.
        add: bool,
    },
    /// A buffer takes what another one holds.
    Assign(Buffer, Buffer),
    /// Two buffers take what the other one holds.
    Swap([Buffer; 2]),
    /// A matrix becomes the product of two others, each of which may be meant transposed.
    Product(Buffer, [(Buffer, bool); 2]),
    /// A matrix is factored, in the way of that name.
    Factor(Buffer, &'static str),
    /// A buffer becomes what an intrinsic makes of its arguments, the first of which is factored.
    Intrinsic(Buffer, Intrinsic, Vec<Buffer>),
}

/// A function over buffers.
#[derive(Clone, Debug)]
pub struct Kernel<'p> {
    /// What it computes: lengths, names and results.
    pub program: &'p Program,
    /// The buffers; the first are those of the program's tensors.
    pub buffers: Vec<BufferInfo>,
    /// The local variables.
    pub locals: Vec<LocalInfo>,
    /// The statements, in order.
    pub body: Vec<Stmt>,
}

/// Above 2⁵³, not every integer is an `f64`.
const LARGEST_INTEGER: f64 = 9_007_199_254_740_992.0;

/// Decides all about memory.
pub fn kernel<'p>(plan: &'p Plan, signature: &Signature) -> Kernel<'p> {
    let mut kernel = build::build(plan, signature);
    join::loops(&mut kernel);
    storage::decide(&mut kernel, signature);
    if signature.results == Results::Updated {
        updates::leave_out(&mut kernel);
    }
    clears::place(&mut kernel);
    swaps::turn(&mut kernel);
    rows::take(&mut kernel, signature.reorders);
    debug_assert_eq!(verify(&kernel), Ok(()), "{}", kernel.to_text());
    kernel
}

impl From<Tensor> for Buffer {
    fn from(t: Tensor) -> Buffer {
        Buffer(t.0)
    }
}

impl Kernel<'_> {
    /// What is known of a buffer.
    pub fn info(&self, b: Buffer) -> &BufferInfo {
        &self.buffers[b.0 as usize]
    }

    fn info_mut(&mut self, b: Buffer) -> &mut BufferInfo {
        &mut self.buffers[b.0 as usize]
    }

    /// The buffers of the results, in order.
    pub fn results(&self) -> impl Iterator<Item = Buffer> + '_ {
        self.program.results().map(Buffer::from)
    }

    /// The floating-point type.
    pub fn float(&self) -> Float {
        self.program.float
    }

    /// Adds a part of a buffer. Its name ends in a number if something else has it, or one of the parts in scope.
    fn part(&mut self, of: Buffer, suffix: &str, home: Home, shape: Vec<Affine>, in_scope: &[Buffer]) -> Buffer {
        let stem = format!("{}_{suffix}", self.info(of).name.trim_start_matches("r#"));
        let mut names = std::iter::once(stem.clone()).chain((2..).map(|k| format!("{stem}_{k}")));
        let is_free = |n: &String| !self.is_taken(n) && in_scope.iter().all(|b| self.info(*b).name != *n);
        let name = names.find(is_free).expect("some name is free");
        self.buffers.push(BufferInfo { name, shape, layout: Layout::Flat, home, rounds: None, carried: false, lazy: false });
        Buffer(self.buffers.len() as u32 - 1)
    }

    /// Whether something else than parts of buffers has this name.
    fn is_taken(&self, name: &str) -> bool {
        self.program.tensors.iter().any(|t| t.name == name)
            || self.program.sizes.iter().any(|s| s.name == name)
            || self.locals.iter().any(|l| l.name == name)
    }

    /// Whether a position on an axis of a buffer is inside it, whatever the values of its indices.
    pub fn is_inside(&self, b: Buffer, axis: usize, at: &Affine) -> bool {
        self.program.is_inside(at, &self.info(b).shape[axis], &[])
    }

    /// Whether positions depend on lengths alone, and on no integer parameter.
    fn is_by_lengths(&self, a: &Affine) -> bool {
        let integer = |s: &Symbol| matches!(s, Symbol::Size(n) if self.program.sizes[n.0 as usize].kind == SizeKind::Integer);
        !a.terms().iter().any(|(s, _)| integer(s))
    }

    /// The stores into a buffer: the loops directly around one another down to each, the position,
    /// and whether it adds. Inside a branch the loops end.
    fn stores(&self, b: Buffer) -> Vec<(Vec<Index>, &[Affine], bool)> {
        stores(self.program, &self.body, b)
    }
}

/// As [`Kernel::stores`], of some statements. That a loop runs is no condition for what is inside it.
fn stores<'s>(program: &Program, body: &'s [Stmt], b: Buffer) -> Vec<(Vec<Index>, &'s [Affine], bool)> {
    let mut found = Vec::new();
    // with the loops around, whether they are directly around one another, and the loop that is known to run
    let mut stack: Vec<(&Stmt, Vec<Index>, bool, Option<Affine>)> = body.iter().map(|s| (s, Vec::new(), true, None)).collect();
    while let Some((statement, mut loops, certain, runs)) = stack.pop() {
        match statement {
            Stmt::For(i, inner) => {
                let runs = runs.filter(|length| length != program.length(*i));
                if certain {
                    loops.push(*i);
                }
                stack.extend(inner.iter().map(|s| (s, loops.clone(), certain, runs.clone())));
            }
            Stmt::Piece(inner, _) => stack.extend(inner.iter().map(|s| (s, loops.clone(), certain, runs.clone()))),
            Stmt::If(condition, inner) => {
                let length = condition.as_runs().filter(|_| runs.is_none());
                let certain = certain && length.is_some();
                stack.extend(inner.iter().map(|s| (s, loops.clone(), certain, length.clone())));
            }
            Stmt::Store { to, at, add, .. } if *to == b => found.push((loops, at.as_slice(), *add || !certain || runs.is_some())),
            _ => {}
        }
    }
    found
}

impl Stmt {
    /// The statements inside, block by block.
    pub fn blocks(&self) -> Vec<&[Stmt]> {
        match self {
            Stmt::For(_, inner) | Stmt::If(_, inner) | Stmt::Piece(inner, _) => vec![inner],
            Stmt::Branch(_, _, [then, otherwise]) => vec![&then.0, &otherwise.0],
            _ => Vec::new(),
        }
    }

    /// What is inside, if it is the loop of an index.
    fn as_loop(&self, i: Index) -> Option<&[Stmt]> {
        match self {
            Stmt::For(j, inner) if *j == i => Some(inner),
            _ => None,
        }
    }

    /// The values that it evaluates itself.
    pub fn values(&self) -> Vec<&Value> {
        match self {
            Stmt::Let(_, e) | Stmt::SinCos(_, e) | Stmt::Add(_, e) | Stmt::If(e, _) | Stmt::Store { value: e, .. } => vec![e],
            Stmt::Branch(_, c, [then, otherwise]) => vec![c, &then.1, &otherwise.1],
            Stmt::Declare(_, Init::Fill(e)) => vec![e],
            Stmt::Declare(_, Init::Values(es)) => es.iter().collect(),
            _ => Vec::new(),
        }
    }

    /// The same, to be changed.
    fn values_mut(&mut self) -> Vec<&mut Value> {
        match self {
            Stmt::Let(_, e) | Stmt::SinCos(_, e) | Stmt::Add(_, e) | Stmt::If(e, _) | Stmt::Store { value: e, .. } => vec![e],
            Stmt::Branch(_, c, [then, otherwise]) => vec![c, &mut then.1, &mut otherwise.1],
            Stmt::Declare(_, Init::Fill(e)) => vec![e],
            Stmt::Declare(_, Init::Values(es)) => es.iter_mut().collect(),
            _ => Vec::new(),
        }
    }

    /// Calls `see` with itself and all statements inside, the outer ones first.
    pub fn each<'s>(&'s self, see: &mut dyn FnMut(&'s Stmt)) {
        see(self);
        self.blocks().into_iter().flatten().for_each(|s| s.each(see));
    }

    /// The buffers that it takes or makes as a whole: what it reads, and what it writes.
    fn wholes(&self) -> (Vec<Buffer>, Option<Buffer>) {
        match self {
            Stmt::Assign(to, from) => (vec![*from], Some(*to)),
            // the other one is made in the loop, too
            Stmt::Swap([to, from]) => (vec![*from], Some(*to)),
            Stmt::Product(to, factors) => (factors.map(|f| f.0).to_vec(), Some(*to)),
            Stmt::Factor(matrix, _) => (vec![*matrix], None),
            Stmt::Intrinsic(to, _, arguments) => (arguments.clone(), Some(*to)),
            Stmt::Dot(_, rows) => (rows.to_vec(), None),
            Stmt::Declare(to, _) | Stmt::Clear(to) => (Vec::new(), Some(*to)),
            _ => (Vec::new(), None),
        }
    }
}

/// Calls `see` with all statements, the outer ones first.
pub fn each_statement<'s>(body: &'s [Stmt], see: &mut dyn FnMut(&'s Stmt)) {
    body.iter().for_each(|s| s.each(see));
}

impl Value {
    /// The constant that it is.
    pub fn as_const(&self) -> Option<f64> {
        match self {
            Value::Const(x) => Some(*x),
            _ => None,
        }
    }

    /// The length of the loops that the condition says run: `0 < n`.
    fn as_runs(&self) -> Option<Affine> {
        match self {
            Value::Apply(Op::Lt, sides) if sides[0].as_const() == Some(0.0) => sides[1].as_position(),
            _ => None,
        }
    }

    /// The integer that it is.
    pub fn as_position(&self) -> Option<Affine> {
        match self {
            Value::Integer(a) => Some(a.clone()),
            value => value.as_integer().map(Affine::from),
        }
    }

    /// The constant integer that it is.
    pub fn as_integer(&self) -> Option<i64> {
        self.as_const().filter(|x| x.fract() == 0.0 && x.abs() <= LARGEST_INTEGER).map(|x| x as i64)
    }

    /// Calls `see` with itself and all values inside.
    pub fn each<'v>(&'v self, see: &mut dyn FnMut(&'v Value)) {
        see(self);
        if let Value::Apply(_, args) = self {
            args.iter().for_each(|a| a.each(see));
        }
    }

    /// Calls `change` with itself and all values inside.
    fn each_mut(&mut self, change: &mut dyn FnMut(&mut Value)) {
        change(self);
        if let Value::Apply(_, args) = self {
            args.iter_mut().for_each(|a| a.each_mut(change));
        }
    }

    /// The elements that it reads.
    fn reads(&self) -> Vec<(Buffer, &[Affine])> {
        let mut found = Vec::new();
        self.each(&mut |value| {
            if let Value::Read(b, at) = value {
                found.push((*b, at.as_slice()));
            }
        });
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::parse;
    use crate::lower::lower;

    /// The statements of a program's kernel, with results in memory of the caller.
    fn statements(text: &str, results: Results) -> String {
        let plan = lower(parse(text).unwrap(), true);
        let layouts = plan.program.results().map(|t| (t, Layout::Flat)).collect();
        let signature = Signature { layouts, results, in_place: false, reorders: true };
        let text = kernel(&plan, &signature).to_text();
        text.lines().filter(|line| !line.starts_with("buffer ") && !line.starts_with("kernel ")).map(|line| format!("{line}\n")).collect()
    }

    const BAND: &str = "fn f(x: [n]) wrt x\nJ[i: n, j: n] = delta(i, j) * (2 * x[i]) + delta(i+1, j) * 3\nblock J: 0 by x\n";

    #[test]
    fn what_was_written_before_is_not_written_again() {
        let band = BAND.replace("delta(i+1, j) * 3", "delta(i+1, j) * [float(i+1) < float(n)] * 3");
        let all = statements(&band, Results::Written);
        assert!(all.starts_with("new J = zeros\n") && all.contains(" = 3\n"), "{all}");
        let update = statements(&band, Results::Updated);
        assert!(update.starts_with("new J\n") && !update.contains(" = 3\n") && update.contains("2 * x"), "{update}");
    }

    #[test]
    fn memory_of_the_caller_is_cleared_block_by_block_or_not_at_all() {
        let blocks = "fn f(x: [n, m]) wrt x\nJ[i: n, j: n, k: m] = delta(i, j) * x[i, k]\nblock J: 0 by x\n";
        let cleared = statements(blocks, Results::Written);
        assert!(cleared.starts_with("new J\n") && cleared.contains("{\n  new J_block\n  clear J_block\n"), "{cleared}");
        let dense = "fn f(x: [n]) wrt x\nJ[i: n, j: n] = x[i] * x[j]\nblock J: 0 by x\n";
        let covered = statements(dense, Results::Written);
        assert!(covered.starts_with("new J\n") && !covered.contains("clear"), "{covered}");
    }

    #[test]
    fn rows_are_taken_out_of_loops_and_products_of_two_are_the_librarys() {
        let product = "fn f(a: [m, n], x: [n]) wrt x -> y\ny[i: m] = sum[j: n](a[i, j] * x[j])\n";
        let text = statements(product, Results::Written);
        assert!(text.contains("dot(a_row, x_row)"), "{text}");
        assert!(text.find("new x_row") < text.find("for ") && text.find("for ") < text.find("new a_row"), "{text}");
    }

    #[test]
    fn rows_begin_where_a_loop_begins_to_read_and_short_ones_are_written_whole() {
        let stencil = "fn f(x: [n]) wrt x -> y\ny[i: n-2, k: 2] = delta(0, k) * (x[i] * x[i+2]) + delta(1, k) * x[i+1]\n";
        let text = statements(stencil, Results::Written);
        assert!(text.starts_with("new y\n") && text.contains("x_row"), "{text}");
        assert!(text.contains("y_row[0] = ") && text.contains("y_row[1] = x_row"), "{text}");
        let plan = lower(parse(stencil).unwrap(), true);
        let layouts = plan.program.results().map(|t| (t, Layout::Flat)).collect();
        let signature = Signature { layouts, results: Results::Written, in_place: false, reorders: true };
        let kernel = kernel(&plan, &signature);
        let from = |info: &BufferInfo| match &info.home {
            Home::View { of: Buffer(0), at, .. } => at.first().map(|a| a.known()),
            _ => None,
        };
        let begins: Vec<Option<i64>> = kernel.buffers.iter().filter_map(from).collect();
        assert!(begins.contains(&Some(1)) && begins.contains(&Some(2)), "{begins:?}");
    }

    #[test]
    fn a_result_that_follows_a_loop_is_written_in_it_and_its_rounds_allocate_nothing() {
        let carried = "fn f(x: [n]) wrt x\nloop i: n\nfirst d[j: n] = 0\nnext d[j: n] = delta(i, j) * x[i] + 2 * d[i, j]\n";
        let text = statements(&format!("{carried}J[i: n, j: n] = d[i+1, j]\nblock J: 0 by x\n"), Results::Written);
        let (before, round) = text.split_once("for ").unwrap();
        assert!(before.contains("new J\n") && before.contains("new next_d = zeros\n"), "{text}");
        assert!(!round.contains("= zeros") && round.contains("clear next_d") && round.contains("swap d, next_d"), "{text}");
        assert_eq!(text.matches("J_row[").count(), 1, "{text}");
        // what reads other rounds stands behind the loop, and all rounds are held
        let text = statements(&format!("{carried}J[i: n, j: n] = d[i+1, j] + d[n, j]\nblock J: 0 by x\n"), Results::Written);
        assert!(!text.contains("swap") && text.find("new J") > text.find("for "), "{text}");
    }

    #[test]
    fn loops_that_share_what_is_dear_are_one() {
        let sums = "J[k: 2] = delta(0, k) * sum[i: n](r[i] * exp(a * t[i])) + delta(1, k) * sum[i: n](r[i])\n";
        let head = "fn f(t: [n], a: []) wrt a -> r, J\n";
        let text = statements(&format!("{head}r[i: n] = exp(a * t[i]) - 2\n{sums}"), Results::Returned);
        assert_eq!((text.matches("for ").count(), text.matches("exp(").count()), (1, 1), "{text}");
        // what is stored is read from a variable
        assert!(!text.contains("r[") && text.contains("r_row[i"), "{text}");
        assert_eq!(text.matches("r_row[").count(), 1, "{text}");
        // a loop that is cheap is run in vectors
        let text = statements(&format!("{head}r[i: n] = a * t[i] - 2\n{sums}"), Results::Returned);
        assert_eq!(text.matches("for ").count(), 2, "{text}");
        // what another round stores is read behind the loop
        let text =
            statements(&format!("{head}r[i: n] = exp(a * t[i])\n{}", sums.replace("r[i] * exp", "r[n-1-i] * exp")), Results::Returned);
        assert_eq!(text.matches("for ").count(), 2, "{text}");
        // what is between the loops and needed by the second moves, unless it needs the first
        let text = statements(
            &format!("{head}r[i: n] = exp(a * t[i])\nlet s = exp(a)\nlet z = sum[i: n](r[i] * exp(a * t[i]) / s)\nJ = z * s\n"),
            Results::Returned,
        );
        assert_eq!(text.matches("for ").count(), 1, "{text}");
        let text = statements(
            &format!("{head}r[i: n] = exp(a * t[i])\nlet s = sum[i: n](r[i])\nJ[i: n] = exp(a * t[i]) / s\n"),
            Results::Returned,
        );
        assert_eq!(text.matches("for ").count(), 2, "{text}");
    }

    #[test]
    fn the_verifier_sees_what_is_out_of_scope_or_may_not_change() {
        let plan = lower(parse(BAND).unwrap(), true);
        let signature = Signature { layouts: Map::default(), results: Results::Returned, in_place: false, reorders: true };
        let right = kernel(&plan, &signature);
        assert_eq!(verify(&right), Ok(()));
        let (x, j) = (Buffer(0), right.results().next().unwrap());
        let store = |to, at: Vec<Affine>, value| Stmt::Store { to, at, value, add: false };
        let zero = || Affine::from(0);
        let wrong = [
            (store(x, vec![zero()], Value::Const(1.0)), "`x` is written and may not change"),
            (store(j, vec![zero()], Value::Const(1.0)), "`J` has 2 axes, and is read or written at 1 positions"),
            (store(j, vec![zero(), zero()], Value::Local(Local(0))), "`t` is read where it is not in scope"),
            (store(j, vec![zero(), Affine::from(Index(0))], Value::Const(1.0)), "the index of a loop is read outside it"),
            (Stmt::Add(Local(0), Value::Const(1.0)), "`t` is added to and is no sum"),
        ];
        for (statement, message) in wrong {
            let mut kernel = right.clone();
            kernel.locals = vec![LocalInfo { name: "t".to_owned(), truth: false }];
            kernel.body.push(statement);
            assert_eq!(verify(&kernel), Err(message.to_owned()));
        }
    }
}
