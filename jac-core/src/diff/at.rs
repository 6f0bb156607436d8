//! A derivative at constants: of `J` by `ξ` at `ξ = 0`, as on manifolds, what depends on `ξ` alone is computed here.
//!
//! Before: any program. After: no expression reads the parameters. What the constants decide is decided: of a
//! branch on them one arm is left. So a function that is written for its limit, `if θ < ε { … } else { sin θ / θ }`, has
//! its derivative; one that divides by 0 there has none, and that is an error.

use crate::ir::{lengths, positions, Affine, Arena, At, Body, Constant, Definition, Expr, Map, Node, Program, Role, Set, Tensor};
use crate::ops::Op;

/// Puts constants in the place of parameters.
///
/// # Errors
/// A result is infinite or no number there: by what, in words.
pub fn fix(program: &mut Program, at: &[At]) -> Result<(), String> {
    let mut known: Map<Tensor, Vec<Expr>> = Map::default();
    let mut copies: Map<Tensor, Tensor> = Map::default();
    for (t, values) in at {
        let info = program.info(*t).clone();
        let count = lengths(&info.shape).iter().product::<usize>();
        let values = (0..count).map(|k| values[k.min(values.len() - 1)]);
        let values: Vec<Expr> = values.map(|x| program.arena.constant(Constant::from_f64(x).expect("a finite number"))).collect();
        if is_read_whole(program, *t) {
            let copy = program.tensor(&info.name, info.shape.clone(), Role::Defined);
            for d in &mut program.definitions {
                if let Body::Intrinsic(_, arguments) = &mut d.body {
                    arguments.iter_mut().filter(|x| *x == t).for_each(|x| *x = copy);
                }
            }
            copies.insert(*t, copy);
            program.definitions.insert(0, Definition { tensor: copy, body: Body::of(values.clone(), info.shape.len()) });
            known.insert(copy, values.clone());
        }
        known.insert(*t, values);
    }
    let mut singular: Map<Expr, String> = Map::default();
    loop {
        let roots = program.roots();
        let shapes: Map<Tensor, Vec<usize>> = known.keys().map(|t| (*t, lengths(&program.info(*t).shape))).collect();
        // behind what is no number nothing is folded: `0 · (1 / 0)` is none
        let mut behind: Set<Expr> = singular.keys().copied().collect();
        let new = program.arena.map(&roots, |arena, _, node| {
            if let Node::Access(t, at) = &node {
                let element = known.get(t).and_then(|values| element(values, &shapes[t], at));
                let read = copies.get(t).copied().unwrap_or(*t);
                return element.unwrap_or_else(|| arena.insert(Node::Access(read, at.clone())));
            }
            let chosen = match &node {
                Node::Apply(Op::Select, args) => arena.as_const(args[0]).map(|c| args[if c.is_zero() { 2 } else { 1 }]),
                _ => None,
            };
            if let Some(arm) = chosen {
                return arm;
            }
            let follows = node.children().iter().any(|c| behind.contains(c));
            let value = match &node {
                Node::Apply(op, args) if !follows => value(arena, *op, args),
                _ => Value::Open,
            };
            let e = match value {
                Value::Number(c) => return arena.constant(c),
                Value::None(what) => {
                    let e = arena.insert(node);
                    singular.insert(e, what);
                    e
                }
                Value::Open if !follows => return arena.rebuild(node),
                Value::Open => arena.insert(node),
            };
            behind.insert(e);
            e
        });
        program.set_roots(&new);
        program.prune();
        // what is a constant now is read as one
        let mut found = false;
        for d in &program.definitions {
            let elements: &[Expr] = match &d.body {
                Body::Each(indices, e) if indices.is_empty() => std::slice::from_ref(e),
                Body::Elements(es) => es,
                _ => continue,
            };
            let constant = elements.iter().all(|e| program.arena.as_const(*e).is_some());
            if constant && !known.contains_key(&d.tensor) {
                known.insert(d.tensor, elements.to_vec());
                found = true;
            }
        }
        if !found {
            break;
        }
    }
    match unconditional(program).iter().find_map(|e| singular.get(e)) {
        None => Ok(()),
        Some(what) => Err(what.clone()),
    }
}

/// Whether a tensor is read at positions that are not known, or by a function of whole matrices.
fn is_read_whole(program: &Program, t: Tensor) -> bool {
    let open = |e: &Expr| matches!(&program.arena[*e], Node::Access(u, at) if *u == t && at.iter().any(|a| a.known().is_none()));
    let by_intrinsic = |d: &Definition| matches!(&d.body, Body::Intrinsic(_, arguments) if arguments.contains(&t));
    program.arena.reachable(program.roots()).iter().any(open) || program.definitions.iter().any(by_intrinsic)
}

/// The element at a position that is known.
fn element(values: &[Expr], shape: &[usize], at: &[Affine]) -> Option<Expr> {
    let at: Vec<usize> = at.iter().map(|a| a.known().and_then(|k| usize::try_from(k).ok())).collect::<Option<_>>()?;
    let k = positions(shape).position(|p| p == at)?;
    values.get(k).copied()
}

/// What an operator gives.
enum Value {
    /// An integer, exactly.
    Number(i64),
    /// Something infinite, or no number: of what.
    None(String),
    /// What is not known, or no integer.
    Open,
}

/// The value of an operator at constants, where it is exact: comparisons, and functions of −1, 0 and 1 that are integers there.
fn value(arena: &Arena, op: Op, args: &[Expr]) -> Value {
    if op == Op::Div && arena.is(args[1], 0) {
        return Value::None("a division by 0".to_owned());
    }
    let numbers: Option<Vec<f64>> = args.iter().map(|a| arena.as_const(*a).map(|c| c.to_f64())).collect();
    let Some(numbers) = numbers else { return Value::Open };
    let value = (op.entry().value)(&numbers);
    let small = || numbers.iter().all(|x| [-1.0, 0.0, 1.0].contains(x));
    let root = || op == Op::Sqrt && value * value == numbers[0] && value.abs() < 1e6;
    match () {
        () if !value.is_finite() => Value::None(format!("`{}` of {}", op.entry().name, numbers[0])),
        () if value.fract() == 0.0 && (op.entry().truth || small() || root()) => Value::Number(value as i64),
        () => Value::Open,
    }
}

/// What is evaluated whatever the branches are.
fn unconditional(program: &Program) -> Vec<Expr> {
    let mut seen: Set<Expr> = Set::default();
    let mut waiting = program.roots();
    while let Some(e) = waiting.pop() {
        if !seen.insert(e) {
            continue;
        }
        match &program.arena[e] {
            Node::Apply(Op::Select, args) => waiting.push(args[0]),
            node => waiting.extend(node.children()),
        }
    }
    seen.sort_unstable();
    seen.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{parse, verify};

    fn fixed(body: &str, values: &[f64]) -> Result<String, String> {
        let mut program = parse(&format!("fn f(x: [2], a: []) wrt x -> y\n{body}\n")).unwrap();
        let x = program.params().next().unwrap();
        fix(&mut program, &[(x, values.to_vec())])?;
        assert_eq!(verify(&program), Ok(()));
        let text = program.to_text();
        Ok(text.lines().skip(1).collect::<Vec<&str>>().join("; "))
    }

    #[test]
    fn what_the_constants_say_is_known() {
        assert_eq!(fixed("y = a * cos(x[0]) + sin(x[1]) / a + x[0]", &[0.0]), Ok("y = a".to_owned()));
        assert_eq!(fixed("y = a * x[0] + x[1]", &[2.0, 0.5]), Ok("y = a * 2 + 0.5".to_owned()));
        assert_eq!(fixed("y = select(x[0] < 0.001, a, sin(x[0]) / x[0])", &[0.0]), Ok("y = a".to_owned()));
        let summed = fixed("y = sum[i: 2](x[i] * a)", &[1.0, 3.0]);
        assert_eq!(summed, Ok("x2: [2]; x2[0] = 1; x2[1] = 3; y = sum[i: 2](x2[i] * a)".to_owned()));
    }

    #[test]
    fn a_division_by_zero_is_an_error_where_it_is_evaluated() {
        assert_eq!(fixed("y = a * (sin(x[0]) / x[0])", &[0.0]), Err("a division by 0".to_owned()));
        assert!(fixed("y = x[1] * (1 / x[0])", &[0.0]).is_err());
        assert_eq!(fixed("y = ln(x[0]) * a", &[0.0]), Err("`ln` of 0".to_owned()));
        assert!(fixed("y = select(a < 0, 1 / x[0], a)", &[0.0]).is_ok());
    }
}
