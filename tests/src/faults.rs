//! Deliberate faults in jac: each changes one text in one file, and should make some expansion disagree with its
//! function. `examples/faults.rs` plants them, one at a time.

/// A text that occurs once in a file of `jac-core/src`, and the wrong one.
#[derive(Debug)]
pub struct Fault {
    /// The file.
    pub file: &'static str,
    /// The text.
    pub right: &'static str,
    /// What is put in its place.
    pub wrong: &'static str,
}

const fn fault(file: &'static str, right: &'static str, wrong: &'static str) -> Fault {
    Fault { file, right, wrong }
}

/// What leaves the check of expansions alone in the compiler: the other one, of what each stage of simplification does to digits,
/// refuses most of what a fault in a stage makes wrong before it gets there.
pub const ALONE: &[Fault] = &[fault(
    "simplify/accuracy.rs",
    "changed.filter(|k| !self.is_as_accurate(self.originals[*k], roots[*k])).collect()",
    "changed.filter(|_| false).collect()",
)];

/// What makes the check try many more points, with steps for them: so it is seen whether a fault that was missed changes values.
pub const MORE_POINTS: &[Fault] = &[
    fault("selfcheck/mod.rs", "const POINTS: usize = 5;", "const POINTS: usize = 100;"),
    fault("selfcheck/mod.rs", "const STEPS: usize = 8_000;", "const STEPS: usize = 4_000_000;"),
    fault("selfcheck/points.rs", "const ATTEMPTS: usize = 24;", "const ATTEMPTS: usize = 600;"),
];

/// The faults, by pass. None is taken out because it was missed.
pub const FAULTS: &[Fault] = &[
    // the derivatives of operators
    fault("ops/table.rs", r#"derivative: ["cos(a)"]"#, r#"derivative: ["-cos(a)"]"#),
    fault("ops/table.rs", r#"derivative: ["1 / b", "-y / b"]"#, r#"derivative: ["1 / b", "y / b"]"#),
    fault("ops/table.rs", r#"derivative: ["1 / cosh(a) / cosh(a)"]"#, r#"derivative: ["1 / cosh(a)"]"#),
    fault(
        "ops/table.rs",
        r#""select(b == 0 && abs(a) <= 1e-30, 0, b * pow(a, b - 1))""#,
        r#""select(b == 0 && abs(a) <= 1e-30, 0, pow(a, b - 1))""#,
    ),
    fault("ops/table.rs", r#""select(b > a, 1, select(a == b, 0.5, 0))""#, r#""select(a > b, 1, select(a == b, 0.5, 0))""#),
    fault("ops/table.rs", r#"derivative: ["select(a > 0, 1, select(a < 0, -1, 0))"]"#, r#"derivative: ["1"]"#),
    // the rules of intrinsics
    fault("ops/intrinsics.rs", r#"partial: "-(y[i, k] * y[l, j])""#, r#"partial: "-(y[i, k] * y[j, l])""#),
    fault("ops/intrinsics.rs", r#"backward: "s = tr_solve(a, c); -(s[k] * y[l])""#, r#"backward: "s = tr_solve(a, c); -(s[l] * y[k])""#),
    fault("ops/intrinsics.rs", r#"partial: "u = inv(a); y * u[l, k]""#, r#"partial: "u = inv(a); y * u[k, l]""#),
    fault("ops/intrinsics.rs", "x[i, j, k] * u[j, l] + x[i, j, l] * u[j, k]", "x[i, j, k] * u[j, l]"),
    // vertex elimination
    fault("diff/elimination.rs", "Some(known) => program.arena.add(*known, weight),", "Some(_) => weight,"),
    fault("diff/elimination.rs", "for (to, lower) in &below {", "for (to, lower) in below.iter().skip(usize::from(below.len() > 2)) {"),
    fault("diff/elimination.rs", "first += elements.len();", "first += elements.len().min(1);"),
    fault("diff/elimination.rs", "Vertex::Output(row), Vertex::Node(*e), one", "Vertex::Output(row.min(1)), Vertex::Node(*e), one"),
    fault("diff/elimination.rs", "arena.select(c, one, zero)", "arena.select(c, zero, one)"),
    // products
    fault(
        "diff/products.rs",
        "let change = arena.apply(Op::Mul, vec![step, tangent]);",
        "let change = arena.apply(Op::Mul, vec![step, e]);",
    ),
    fault(
        "diff/products.rs",
        "Some(total.map_or(sum, |total| program.arena.apply(Op::Add, vec![total, sum])));",
        "Some(total.unwrap_or(sum));",
    ),
    // unrolling
    fault(
        "unroll.rs",
        "Some(sum) => program.arena.apply(Op::Add, vec![sum, term]),",
        "Some(sum) => program.arena.apply(Op::Sub, vec![sum, term]),",
    ),
    fault("unroll.rs", "if c.is_zero() { args[2] } else { args[1] }", "if c.is_zero() { args[1] } else { args[2] }"),
    fault("unroll.rs", "fold(0, |flat, (a, n)| flat * n + a)", "fold(0, |flat, (a, n)| flat * n + a.min(&1))"),
    fault("unroll.rs", "fold(0, |flat, (a, n)| flat * n + a)", "fold(0, |flat, (a, n)| flat + n * a)"),
    fault("unroll.rs", "for k in 0..length.known().unwrap_or(0) {", "for k in 1..length.known().unwrap_or(0) {"),
    fault("unroll.rs", "At { named: indices.iter().copied().zip(", "At { named: indices.iter().rev().copied().zip("),
    // equal values
    fault("simplify/gvn.rs", "Op::Sub => add(a, neg(b)),", "Op::Sub => add(a, b),"),
    fault("simplify/gvn.rs", "Op::Neg => neg(a),", "Op::Neg => a,"),
    fault("simplify/gvn.rs", "Some(n) => power(a, n.unsigned_abs()),", "Some(n) => power(a, n.unsigned_abs() / 2),"),
    fault("simplify/gvn.rs", "let opposite = program.arena.neg(known);", "let opposite = known;"),
    fault("simplify/gvn.rs", "mul(add(1, neg(mul(t, t))), scale)", "mul(add(1, mul(t, t)), scale)"),
    // factoring
    fault("simplify/factor/extract.rs", "Constant::from(if term.negative { -1 } else { 1 })", "Constant::from(1)"),
    fault("simplify/factor/extract.rs", "self.add(new, vec![x, y], false)", "self.add(new, vec![x], false)"),
    fault("simplify/factor/extract.rs", "self.remove(place.a);", ""),
    fault("simplify/factor/extract.rs", "l.1 ^= negative", "l.1 &= negative"),
    fault("simplify/factor/flatten.rs", "self.sum(args[1]).iter().map(|m| m.scaled(&Constant::from(-1)))", "self.sum(args[1])"),
    fault("simplify/factor/mod.rs", "literals.remove(k);", ""),
    fault("simplify/factor/mod.rs", "coefficient: self.coefficient.mul(&other.coefficient) }", "coefficient: self.coefficient.clone() }"),
    fault(
        "simplify/factor/write.rs",
        "(true, false) => (false, program.arena.sub(b, a)),",
        "(true, false) => (false, program.arena.sub(a, b)),",
    ),
    fault(
        "simplify/factor/write.rs",
        "literals = &literals[times..];",
        "literals = &literals[times.min(literals.len())..]; let times = 1;",
    ),
    fault("simplify/factor/write.rs", "let side = if first.reciprocal && !shared {", "let side = if first.reciprocal && shared {"),
    // other simplifications
    fault("simplify/constants.rs", "let constant = a.mul(&b);", "let constant = a;"),
    fault("simplify/constants.rs", ".map(|(c, rest)| (c.neg(), rest))", ""),
    fault("simplify/constants.rs", "map(|(c, rest)| (c, arena.mul(a, rest)))", "map(|(c, _)| (c, a))"),
    fault(
        "simplify/resubstitute.rs",
        "(Op::Mul, negated) => Form { op, a, b, negated },",
        "(Op::Mul, _) => Form { op, a, b, negated: false },",
    ),
    fault("ops/table.rs", "(sub ?a (neg ?b)) => (add ?a ?b)", "(sub ?a (neg ?b)) => (sub ?a ?b)"),
    fault("ops/table.rs", "(sub (mul ?a ?b) (mul ?a ?c)) => (mul ?a (sub ?b ?c))", "(sub (mul ?a ?b) (mul ?a ?c)) => (mul ?a (add ?b ?c))"),
    fault("ops/table.rs", "(div (div ?a ?b) ?c) => (div ?a (mul ?b ?c))", "(div (div ?a ?b) ?c) => (div ?a (mul ?b ?b))"),
    // scheduling
    fault("lower/schedule.rs", "Kind::Loop(i) if !free.contains(&i) => {", "Kind::Loop(i) if free.len() < 2 || !free.contains(&i) => {"),
    fault("lower/schedule.rs", "places[known] = tree.common(places[known], scope)", "places[known] = scope"),
    fault("lower/schedule.rs", "self.needs.hold(self.program, e, &facts) || self.is_certain(tree, e, scope)", "true"),
    fault("lower/schedule.rs", "let (sin, cos) = if *op == Op::Sin {", "let (sin, cos) = if *op == Op::Cos {"),
    fault(
        "lower/mod.rs",
        "Stmt::Scalar(t, _) | Stmt::Store { tensor: t, .. } | Stmt::Allocate(t) | Stmt::Fill(t, _) => !reads.contains(t),",
        "Stmt::Scalar(..) | Stmt::Store { .. } | Stmt::Allocate(_) | Stmt::Fill(..) => true,",
    ),
    fault("lower/mod.rs", "is_some_and(|last| *last >= end)", "is_some_and(|last| *last > end)"),
    // loops
    fault(
        "lower/loops.rs",
        ".then_some(Factor { tensor: *tensor, transposed })",
        ".then_some(Factor { tensor: *tensor, transposed: false })",
    ),
    fault("lower/loops.rs", "guards.append(&mut term.guards);", ""),
    fault("lower/loops.rs", "arena.apply(Op::Select, vec![condition, one, zero])", "arena.apply(Op::Select, vec![condition, zero, one])"),
    fault("lower/loops.rs", "in_order.sort_by_key(|d| level[&d.tensor]);", "in_order.reverse();"),
    fault("lower/loops.rs", "advances.push(Item::Advance(variable, new));", ""),
    fault("lower/loops.rs", "at: nest.at, value: nest.value, add });", "at: nest.at, value: nest.value, add: false });"),
    fault("lower/loops.rs", "let negated = program.arena.apply(Op::Neg, vec![outer]);", "let negated = outer;"),
    fault("lower/loops.rs", "&& self.loops.iter().all(|i| !program.arena.mentions(self.value, *i))", ""),
    // what rounds share
    fault(
        "ir/instance.rs",
        "at.iter().zip(other).all(|(a, b)| self.affine(a, b))",
        "at.iter().zip(other).skip(1).all(|(a, b)| self.affine(a, b))",
    ),
    fault("rounds.rs", "!p.guarded && !p.free.is_empty()", "!p.free.is_empty()"),
    fault("rounds.rs", "(definition.tensor, Affine::from(over).after());", "(definition.tensor, Affine::from(over));"),
    // what rounds reach, and what follows a loop
    fault("ir/reach.rs", "self.rest.plus(round, self.sign)", "self.rest.plus(round, self.sign).plus(&Affine::from(1), -1)"),
    fault("lower/followers.rs", "let backward = rounds.plus(&after, -1);", "let backward = rounds.plus(&now, -1);"),
    fault(
        "kernel/swaps.rs",
        "Stmt::Declare(b, Init::Zeros) if turned.contains(&b) => Stmt::Clear(b),",
        "Stmt::Declare(b, Init::Zeros) if turned.contains(&b) => return None,",
    ),
    // the chain rule on definitions
    fault("diff/definitions.rs", "rounds.plus(&Affine::from(1), -1).plus(&Affine::from(i), -1)", "Affine::from(i)"),
    fault("diff/definitions.rs", "parts[1].extend(terms);", ""),
    // counted as missed: the terms that stay hold a delta of the last position and an earlier one, so their value is 0
    fault("diff/definitions.rs", "others.terms.retain(|t| !outer.is_last(t, &rounds));", ""),
    fault("diff/definitions.rs", "if temporary.contains(&state) { at.after() } else { at }", "at"),
    fault("diff/definitions.rs", "let value = if n == e { result } else { n };", "let value = result;"),
    fault(
        "diff/definitions.rs",
        "if let Some(carried) = dependent.get(&source) {",
        "if let Some(carried) = dependent.get(&source).filter(|_| false) {",
    ),
    // products over unrelated indices
    fault("simplify/separate.rs", "let sum = products.iter().fold(zero,", "let sum = products.iter().take(1).fold(zero,"),
    fault("simplify/separate.rs", "product = program.arena.mul(product, access);", ""),
    // memory
    fault("kernel/clears.rs", "[Stmt::Declare(part, Init::Unset), Stmt::Clear(part)]", "[Stmt::Declare(part, Init::Unset)]"),
    fault("kernel/clears.rs", ".filter(|(.., add)| !add)", ".filter(|_| true)"),
    fault("kernel/updates.rs", "if *to == b && (*add || !steady ||", "if *to == b && (!steady ||"),
    fault("kernel/rows.rs", "r.of == of && r.from == from && r.at[..leading.len()] == *leading;", "r.of == of && r.from == from;"),
    fault("kernel/build.rs", "self.renamed.insert(i, over);", ""),
    fault("kernel/build.rs", "let held = usize::from(self.plan.carried.contains(t));", "let held = 0;"),
    // positions that are never equal, and what loops share
    fault("lower/loops.rs", "is_some_and(|apart| apart != 0)", "is_some_and(|apart| apart == 0)"),
    fault("lower/mod.rs", "s.defined().iter().any(|e| !known.contains(e)));", "s.defined().iter().any(|e| known.contains(e)));"),
];
