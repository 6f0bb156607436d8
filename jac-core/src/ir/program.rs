//! Programs: a list of tensor definitions.

use super::affine::{affines, placed, Affine, Index, Size, Symbol};
use super::constant::Constant;
use super::expr::{Arena, Expr, Map, Node, Set, Tensor};
use crate::ops::{Intrinsic, Op, MOST_ROWS};

/// The floating-point type of a program.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Float {
    /// `f64`.
    #[default]
    F64,
    /// `f32`.
    F32,
}

impl Float {
    /// Whether the constant is 0 or a normal number of this type: rounding it loses neither range nor digits.
    pub fn holds(self, constant: &Constant) -> bool {
        match self {
            Float::F64 => constant.is_normal(),
            Float::F32 => constant.is_zero() || (constant.to_f64() as f32).is_normal(),
        }
    }
}

impl Float {
    /// Its name in Rust.
    pub fn name(self) -> &'static str {
        match self {
            Float::F64 => "f64",
            Float::F32 => "f32",
        }
    }
}

/// Where a run-time length comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SizeKind {
    /// The axis of a parameter: it is read from the first one that has exactly this length.
    Axis,
    /// An integer parameter.
    Integer,
    /// A const generic or a `const` item, in scope wherever the function is.
    Item,
}

/// A length or integer known only at run time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SizeVar {
    /// Its name in the text form.
    pub name: String,
    /// Where it comes from.
    pub kind: SizeKind,
}

/// What a tensor is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// A parameter of floats.
    Param,
    /// A parameter of type `bool`.
    Truth,
    /// Defined by the program.
    Defined,
}

/// A parameter or a definition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TensorInfo {
    /// Its name, unique in the program.
    pub name: String,
    /// The length of each axis; empty for a scalar.
    pub shape: Vec<Affine>,
    /// What it is.
    pub role: Role,
}

/// What a tensor's elements are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Body {
    /// One expression for all elements, over the given indices.
    Each(Vec<Index>, Expr),
    /// One expression an element, in row-major order; every axis has a known length.
    Elements(Vec<Expr>),
    /// `t[0, j] := parts[0]` and `t[i + 1, j] := parts[1]`, which reads recurrences over the same
    /// index at `i`, and those before it at `i + 1`. Neighbouring definitions with one `over` are one
    /// loop; behind it they are read at any position up to the last, the length of `over`.
    Recurrence {
        /// The number of the round.
        over: Index,
        /// The axes behind the first.
        indices: Vec<Index>,
        /// The first value, and the value after a round.
        parts: [Expr; 2],
    },
    /// A function of whole matrices.
    Intrinsic(Intrinsic, Vec<Tensor>),
}

impl Body {
    /// The body of a tensor of known lengths; a scalar is one expression over no index.
    pub fn of(elements: Vec<Expr>, rank: usize) -> Body {
        match elements.as_slice() {
            [e] if rank == 0 => Body::Each(Vec::new(), *e),
            _ => Body::Elements(elements),
        }
    }

    /// The expressions in it.
    pub fn roots(&self) -> &[Expr] {
        match self {
            Body::Each(_, e) => std::slice::from_ref(e),
            Body::Elements(es) => es,
            Body::Recurrence { parts, .. } => parts,
            Body::Intrinsic(..) => &[],
        }
    }

    /// The tensors that it reads, in the order of first use.
    pub fn reads(&self, arena: &Arena) -> Set<Tensor> {
        let mut found: Set<Tensor> = arena
            .reachable(self.roots().iter().copied())
            .into_iter()
            .filter_map(|e| match &arena[e] {
                Node::Access(t, _) => Some(*t),
                _ => None,
            })
            .collect();
        if let Body::Intrinsic(_, arguments) = self {
            found.extend(arguments);
        }
        found
    }

    /// The index of the rounds, of a recurrence.
    pub fn over(&self) -> Option<Index> {
        match self {
            Body::Recurrence { over, .. } => Some(*over),
            _ => None,
        }
    }
}

/// `t[i, j] := body`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Definition {
    /// What is defined.
    pub tensor: Tensor,
    /// Its elements.
    pub body: Body,
}

/// The block of one output and one input in a derivative program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Block {
    /// The position among the function's outputs.
    pub output: usize,
    /// The parameter differentiated by.
    pub input: Tensor,
    /// The tensor of partial derivatives, of shape `y.shape ++ x.shape`.
    pub tensor: Tensor,
}

/// A parameter that is set to constants, and the values of its elements, or of all of them if there is one.
pub type At = (Tensor, Vec<f64>);

/// A function, or its derivative, as tensor definitions.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// The function's name.
    pub name: String,
    /// Its floating-point type.
    pub float: Float,
    /// The expressions.
    pub arena: Arena,
    /// Run-time lengths.
    pub sizes: Vec<SizeVar>,
    /// The length of each index variable.
    pub indices: Vec<Affine>,
    /// Parameters first, in order, then what is defined.
    pub tensors: Vec<TensorInfo>,
    /// The parameters to differentiate by.
    pub wrt: Vec<Tensor>,
    /// In the order of evaluation.
    pub definitions: Vec<Definition>,
    /// The function's results.
    pub outputs: Vec<Tensor>,
    /// The Jacobian's blocks, outputs outermost; empty before differentiation.
    pub blocks: Vec<Block>,
    /// The user's names of scalars.
    pub names: Map<Expr, String>,
    /// Of unrolled intrinsics, the partial derivatives by the elements of their arguments, which say
    /// more than those of the operations.
    pub partials: Map<Expr, Vec<(Expr, Expr)>>,
    /// Whether nothing may be reassociated.
    pub strict: bool,
    /// Whether derivatives at kinks are those of one side, as second derivatives have them, and not the mean of both.
    pub one_sided: bool,
    /// The lengths, roots of sums of squares, whose derivative is never asked for where they are 0.
    pub regular: Set<Expr>,
    /// The constants from outside that may be evaluated only where the function does: an index in them may be out of
    /// range.
    pub lazy: Set<Tensor>,
}

impl Program {
    /// A new index variable over `length` positions.
    pub fn index(&mut self, length: Affine) -> Index {
        self.indices.push(length);
        Index(self.indices.len() as u32 - 1)
    }

    /// The sum of `body` over an index.
    pub fn sum_over(&mut self, i: Index, body: Expr) -> Expr {
        let length = self.length(i).clone();
        self.arena.sum(i, length, body)
    }

    /// The expressions with a name for the index of every sum, which no other sum has; equal sums stay one.
    pub fn named_sums(&mut self, roots: &[Expr]) -> Vec<Expr> {
        self.name_all_sums(roots, &mut |program, length, _| program.index(length))
    }

    /// The same, but sums over one length that are as deep have one name: what they have in common is one expression.
    pub fn named_alike(&mut self, roots: &[Expr]) -> Vec<Expr> {
        let mut names: Map<(Affine, usize), Index> = Map::default();
        self.name_all_sums(roots, &mut |program, length, body| {
            // so none has the name of one inside it
            let depth = program.arena.depth_of_sums(body);
            *names.entry((length.clone(), depth)).or_insert_with(|| program.index(length))
        })
    }

    fn name_all_sums(&mut self, roots: &[Expr], name: &mut dyn FnMut(&mut Program, Affine, Expr) -> Index) -> Vec<Expr> {
        let mut named: Map<Expr, Expr> = Map::default();
        roots.iter().map(|e| self.name_sums(*e, &mut named, name)).collect()
    }

    fn name_sums(&mut self, root: Expr, named: &mut Map<Expr, Expr>, name: &mut dyn FnMut(&mut Program, Affine, Expr) -> Index) -> Expr {
        for e in self.arena.outside_sums([root]) {
            if named.contains_key(&e) {
                continue;
            }
            let built = match self.arena[e].clone() {
                Node::Sum(length, body) => {
                    let i = name(self, length, body);
                    let body = self.arena.open(body, &[Affine::from(i)]);
                    let body = self.name_sums(body, named, name);
                    self.arena.insert(Node::Named(i, body))
                }
                node => self.arena.insert(node.with_children(|c| named[&c])),
            };
            if let Some(name) = self.names.get(&e).filter(|_| built != e).cloned() {
                self.names.entry(built).or_insert(name);
            }
            named.insert(e, built);
        }
        named[&root]
    }

    /// The inverse of [`Program::named_sums`].
    pub fn nameless_sums(&mut self, roots: &[Expr]) -> Vec<Expr> {
        let lengths = &self.indices;
        self.arena.map(roots, |arena, e, node| match node {
            Node::Named(i, body) => arena.sum(i, lengths[i.0 as usize].clone(), body),
            node if arena[e] == node => e,
            node => arena.insert(node),
        })
    }

    /// Fresh index variables over the axes of a shape.
    pub fn axes(&mut self, shape: &[Affine]) -> Vec<Index> {
        shape.iter().map(|n| self.index(n.clone())).collect()
    }

    /// The length of an index.
    pub fn length(&self, i: Index) -> &Affine {
        &self.indices[i.0 as usize]
    }

    /// Whether a length is neither a number nor in scope as a const generic or item.
    pub fn is_run_time(&self, length: &Affine) -> bool {
        match (length.known(), length.as_size()) {
            (Some(_), _) => false,
            (None, Some(s)) => self.sizes[s.0 as usize].kind != SizeKind::Item,
            (None, None) => true,
        }
    }

    /// Whether a position is inside an axis whatever the values of its indices. `sums` are the lengths of
    /// the sums around it, the outermost first.
    pub fn is_inside(&self, position: &Affine, length: &Affine, sums: &[Affine]) -> bool {
        self.outside(position, length, sums).next().is_none()
    }

    /// What has to be 0 or more, over lengths alone, for a position to be inside an axis whatever the
    /// values of its indices, and is not known to be.
    pub fn outside<'a>(&'a self, position: &Affine, length: &Affine, sums: &'a [Affine]) -> impl Iterator<Item = Affine> + 'a {
        let last = length.plus(&Affine::from(1), -1);
        let bounds = [position.clone(), last.plus(position, -1)].map(|bound| self.least(bound, sums));
        bounds.into_iter().filter(|least| !is_natural(least))
    }

    /// The least value over all positions of the indices; those of sums that are not among `sums` are left.
    pub fn least(&self, mut value: Affine, sums: &[Affine]) -> Affine {
        let length = |s: Symbol| match s {
            Symbol::Index(i) => Some(self.length(i)),
            Symbol::Bound(k) => sums.iter().rev().nth(k as usize),
            Symbol::Size(_) => None,
        };
        while let Some((symbol, length)) = value.terms().iter().find_map(|(s, _)| Some((*s, length(*s)?.clone()))) {
            let extreme = match value.coefficient(symbol) > 0 {
                true => Affine::default(),
                false => length.plus(&Affine::from(1), -1),
            };
            value = value.substitute(|s| (s == symbol).then(|| extreme.clone()));
        }
        value
    }

    /// What is known of a tensor.
    pub fn info(&self, t: Tensor) -> &TensorInfo {
        &self.tensors[t.0 as usize]
    }

    /// The lengths of a tensor's axes, from those of run-time lengths: none is less than 0, and a recurrence has
    /// its first value where its loop does not run, however far behind its beginning that ends.
    pub fn shape_at(&self, t: Tensor, length: impl Fn(&Affine) -> i64) -> Vec<usize> {
        let mut shape: Vec<i64> = self.info(t).shape.iter().map(length).collect();
        if shape.first().is_some_and(|n| *n < 1) && self.definition(t).is_some_and(|d| d.body.over().is_some()) {
            shape[0] = 1;
        }
        shape.into_iter().map(|n| n.max(0) as usize).collect()
    }

    /// The name of a run-time length.
    pub fn size_name(&self, s: Size) -> &str {
        &self.sizes[s.0 as usize].name
    }

    /// The name, made unique by a number.
    fn unique(&self, name: &str) -> String {
        let names = self.tensors.iter().map(|t| &t.name).chain(self.sizes.iter().map(|s| &s.name));
        // of so many numbers one is free
        let mut numbers = vec![false; self.tensors.len() + self.sizes.len() + 3];
        let mut taken = false;
        for suffix in names.filter_map(|n| n.strip_prefix(name)) {
            taken |= suffix.is_empty();
            if let Some(number) = suffix.parse::<usize>().ok().and_then(|k| numbers.get_mut(k)) {
                *number = true;
            }
        }
        match numbers.iter().skip(2).position(|number| !number) {
            Some(free) if taken => format!("{name}{}", free + 2),
            _ => name.to_owned(),
        }
    }

    /// Gives a tensor another name, made unique by a number.
    pub fn rename(&mut self, t: Tensor, name: &str) {
        self.tensors[t.0 as usize].name.clear();
        self.tensors[t.0 as usize].name = self.unique(name);
    }

    /// A new tensor, its name made unique by a number.
    pub fn tensor(&mut self, name: &str, shape: Vec<Affine>, role: Role) -> Tensor {
        let name = self.unique(name);
        self.tensors.push(TensorInfo { name, shape, role });
        Tensor(self.tensors.len() as u32 - 1)
    }

    /// Defines a new tensor by one expression for all elements.
    pub fn define(&mut self, name: &str, indices: Vec<Index>, body: Expr) -> Tensor {
        let shape = indices.iter().map(|i| self.length(*i).clone()).collect();
        let tensor = self.tensor(name, shape, Role::Defined);
        self.definitions.push(Definition { tensor, body: Body::Each(indices, body) });
        tensor
    }

    /// The definition of what a round of a loop computes beside its states: `t[over + 1, free] := next`. It
    /// has indices of its own in place of `free`.
    pub fn of_round(&mut self, name: &str, over: Index, free: &[Index], next: Expr) -> Definition {
        let indices: Vec<Index> = free.iter().map(|i| self.index(self.length(*i).clone())).collect();
        let rounds = self.length(over).after();
        let shape = std::iter::once(rounds).chain(indices.iter().map(|i| self.length(*i).clone())).collect();
        let tensor = self.tensor(name, shape, Role::Defined);
        let next = self.arena.substitute(next, &placed(free, &affines(&indices)));
        Definition { tensor, body: Body::Recurrence { over, indices, parts: [self.arena.constant(0), next] } }
    }

    /// The parameters.
    pub fn params(&self) -> impl Iterator<Item = Tensor> + '_ {
        (0..self.tensors.len() as u32).map(Tensor).filter(|t| self.info(*t).role != Role::Defined)
    }

    /// The definition of a tensor; `None` for a parameter.
    pub fn definition(&self, t: Tensor) -> Option<&Definition> {
        self.definitions.iter().find(|d| d.tensor == t)
    }

    /// The positions at which expressions read a tensor.
    pub fn accesses(&self, roots: impl IntoIterator<Item = Expr>, tensor: Tensor) -> impl Iterator<Item = Vec<Affine>> + '_ {
        self.arena.reachable(roots).into_iter().filter_map(move |e| match &self.arena[e] {
            Node::Access(t, at) if *t == tensor => Some(at.clone()),
            _ => None,
        })
    }

    /// What the program returns: outputs and blocks.
    pub fn results(&self) -> impl Iterator<Item = Tensor> + '_ {
        self.outputs.iter().copied().chain(self.blocks.iter().map(|b| b.tensor))
    }

    /// The expressions of all definitions.
    pub fn roots(&self) -> Vec<Expr> {
        self.definitions.iter().flat_map(|d| d.body.roots().iter().copied()).collect()
    }

    /// Replaces the expressions of all definitions, in the order of [`Program::roots`].
    pub fn set_roots(&mut self, roots: &[Expr]) {
        let mut next = roots.iter().copied();
        for definition in &mut self.definitions {
            match &mut definition.body {
                Body::Each(_, e) => *e = next.next().expect("a root for each"),
                Body::Elements(es) => es.fill_with(|| next.next().expect("a root for each")),
                Body::Recurrence { parts, .. } => parts.fill_with(|| next.next().expect("a root for each")),
                Body::Intrinsic(..) => {}
            }
        }
    }

    /// Reads another tensor instead, and drops the definition.
    pub fn replace(&mut self, dropped: Tensor, kept: Tensor) {
        let roots = self.roots();
        let built = self.arena.map(&roots, |arena, e, node| match node {
            Node::Access(t, at) if t == dropped => arena.insert(Node::Access(kept, at)),
            node if arena[e] == node => e,
            node => arena.insert(node),
        });
        self.set_roots(&built);
        for definition in &mut self.definitions {
            if let Body::Intrinsic(_, arguments) = &mut definition.body {
                arguments.iter_mut().filter(|t| **t == dropped).for_each(|t| *t = kept);
            }
        }
        self.definitions.retain(|d| d.tensor != dropped);
    }

    /// Whether the indices, each once, range over the tensor.
    pub fn is_whole(&self, t: Tensor, indices: &[Index]) -> bool {
        let distinct: Set<&Index> = indices.iter().collect();
        distinct.len() == indices.len() && indices.iter().map(|i| self.length(*i)).eq(&self.info(t).shape)
    }

    /// Drops definitions that no result needs.
    pub fn prune(&mut self) {
        let mut needed: Vec<bool> = vec![false; self.tensors.len()];
        for t in self.results().collect::<Vec<_>>() {
            needed[t.0 as usize] = true;
        }
        // recurrences of one loop may read each other both ways
        let mut before = 0;
        while before < needed.iter().filter(|n| **n).count() {
            before = needed.iter().filter(|n| **n).count();
            for definition in self.definitions.iter().rev() {
                if needed[definition.tensor.0 as usize] {
                    definition.body.reads(&self.arena).iter().for_each(|t| needed[t.0 as usize] = true);
                }
            }
        }
        self.definitions.retain(|d| needed[d.tensor.0 as usize]);
    }

    /// Whether every axis and every sum that is left has a known length, and every definition can be unrolled.
    pub fn is_known(&self) -> bool {
        let tensors = self.params().chain(self.definitions.iter().map(|d| d.tensor));
        let sums = self.arena.reachable(self.roots()).into_iter().filter_map(|e| match &self.arena[e] {
            Node::Sum(length, _) => Some(length),
            Node::Named(i, _) => Some(self.length(*i)),
            _ => None,
        });
        let lengths = tensors.flat_map(|t| &self.info(t).shape).chain(sums).all(|n| n.known().is_some());
        let short = |t: &Tensor| self.info(*t).shape[0].known().is_some_and(|n| (1..=MOST_ROWS as i64).contains(&n));
        lengths
            && self.definitions.iter().all(|d| match &d.body {
                Body::Recurrence { .. } => false,
                Body::Intrinsic(_, arguments) => short(&arguments[0]),
                _ => true,
            })
    }

    /// The lengths of a tensor by the names that an intrinsic gives them.
    pub fn named_lengths(&self, f: Intrinsic, arguments: &[Tensor]) -> Map<&'static str, Affine> {
        let names = f.entry().arguments.iter().copied().flatten().copied();
        names.zip(arguments.iter().flat_map(|t| self.info(*t).shape.clone())).collect()
    }

    /// The intrinsic that does the same for these arguments at the least cost.
    pub fn suited(&self, f: Intrinsic, arguments: &[Tensor]) -> Intrinsic {
        f.entry().of_symmetric.filter(|_| self.arena.is_symmetric(arguments[0])).unwrap_or(f)
    }

    /// The definition of a new tensor by an intrinsic, or the one there is.
    pub fn intrinsic(&mut self, name: &str, f: Intrinsic, arguments: Vec<Tensor>) -> Tensor {
        let body = Body::Intrinsic(f, arguments);
        if let Some(known) = self.definitions.iter().find(|d| d.body == body) {
            return known.tensor;
        }
        let Body::Intrinsic(_, arguments) = &body else { unreachable!("just made") };
        let lengths = self.named_lengths(f, arguments);
        let shape = f.entry().result.iter().map(|n| lengths[n].clone()).collect();
        let tensor = self.tensor(name, shape, Role::Defined);
        self.definitions.push(Definition { tensor, body });
        self.find_symmetric(tensor);
        tensor
    }

    /// Makes it known of every matrix that is symmetric as it is written, and of its inverse.
    pub fn find_all_symmetric(&mut self) {
        for t in self.definitions.iter().map(|d| d.tensor).collect::<Vec<_>>() {
            if self.find_symmetric(t) {
                let roots = self.roots();
                let built = self.arena.map(&roots, |arena, _, node| arena.insert(node));
                self.set_roots(&built);
            }
        }
    }

    /// Whether a matrix is found to be symmetric: the definition is the same under the transposition.
    /// What reads it from now on knows.
    pub fn find_symmetric(&mut self, t: Tensor) -> bool {
        let symmetric = match self.definition(t).map(|d| d.body.clone()) {
            Some(Body::Each(indices, e)) => match *indices.as_slice() {
                [i, j] if self.length(i) == self.length(j) => {
                    let with = |s: Symbol| match s {
                        Symbol::Index(k) if k == i => Some(Affine::from(j)),
                        Symbol::Index(k) if k == j => Some(Affine::from(i)),
                        _ => None,
                    };
                    let transposed = self.arena.substitute(e, &with);
                    let [a, b] = [e, transposed].map(|e| self.arena.ordered(e));
                    a == b
                }
                _ => false,
            },
            Some(Body::Intrinsic(Intrinsic::Inv, arguments)) => self.arena.is_symmetric(arguments[0]),
            _ => false,
        };
        if symmetric {
            self.arena.set_symmetric(t);
        }
        symmetric
    }

    /// The operations of all definitions as written, each shared node once (a sum's body once).
    pub fn operations(&self) -> usize {
        let reached = self.arena.reachable(self.roots());
        reached.iter().filter(|e| self.arena.as_apply(**e).is_some_and(|(op, _)| op.entry().cost > 0)).count()
    }

    /// How many of them are not additions, multiplications and the like.
    pub fn dear_operations(&self) -> Dear {
        let reached = self.arena.reachable(self.roots());
        let mut dear = Dear::default();
        for (op, _) in reached.iter().filter_map(|e| self.arena.as_apply(*e)) {
            match op {
                Op::Div | Op::Rem => dear.divisions += 1,
                Op::Select => dear.selects += 1,
                _ => dear.functions += usize::from(op.entry().cost > Op::Div.entry().cost),
            }
        }
        dear
    }
}

/// Operations that a total says nothing of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Dear {
    /// Divisions and remainders.
    pub divisions: usize,
    /// Roots and elementary functions.
    pub functions: usize,
    /// Branches.
    pub selects: usize,
}

impl std::fmt::Display for Dear {
    /// Those that there are, in parentheses behind a total.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all = [(self.divisions, "division"), (self.functions, "elementary function"), (self.selects, "select")];
        let parts: Vec<String> =
            all.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}{}", if *n == 1 { "" } else { "s" })).collect();
        match parts.is_empty() {
            true => Ok(()),
            false => write!(f, " ({})", parts.join(", ")),
        }
    }
}

/// Whether a sum of lengths and indices is 0 or more, as all of these are.
pub fn is_natural(value: &Affine) -> bool {
    value.constant() >= 0 && value.terms().iter().all(|(_, c)| *c >= 0)
}

/// Definitions as they are evaluated: one by one, the recurrences of one loop together.
pub fn units(definitions: &[Definition]) -> impl Iterator<Item = &[Definition]> {
    definitions.chunk_by(|a, b| a.body.over().is_some() && a.body.over() == b.body.over())
}

/// The lengths of a shape that is known.
pub fn lengths(shape: &[Affine]) -> Vec<usize> {
    shape.iter().map(|n| n.known().unwrap_or(0) as usize).collect()
}

/// Row-major positions of a shape of known lengths.
pub fn positions(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> + '_ {
    let count: usize = shape.iter().product();
    (0..count).map(move |mut flat| {
        let mut at = vec![0; shape.len()];
        for (position, length) in at.iter_mut().zip(shape).rev() {
            *position = flat % length;
            flat /= length;
        }
        at
    })
}
