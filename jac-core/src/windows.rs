//! Loops along an array: what is carried from round to round are the few elements near the round's own position, not the array.
//!
//! Before: `next y[j] = select(j == i+1, … y[i, i] …, y[i, j])`, all elements in every round. After: `next last_y = … last_y[i] …`,
//! one number, and behind the loop `y[j] = last_y[j]`: an element stays what it was when the rounds had passed it.

use crate::ir::{affines, is_natural, placed, units, Affine, Arena, Body, Definition, Expr, Index, Node, Program, Role, Symbol, Tensor};
use crate::ops::Op;
use std::collections::BTreeSet;

/// Wider windows stay arrays: each of their elements would be a state of its own.
const WIDEST: i64 = 8;

/// Carries windows in the place of arrays.
pub fn narrow(program: &mut Program) {
    if program.definitions.iter().all(|d| d.body.over().is_none()) {
        return;
    }
    let all = std::mem::take(&mut program.definitions);
    let mut units: Vec<Vec<Definition>> = units(&all).map(<[Definition]>::to_vec).collect();
    for k in 0..units.len() {
        let (unit, later) = units[k..].split_first_mut().expect("a unit");
        let mut arrays: Vec<Definition> = Vec::new();
        let mut has_windows = false;
        while let Some(window) = Window::find(program, unit, &arrays.iter().chain(later.iter().flatten()).collect::<Vec<_>>()) {
            has_windows = true;
            let array = window.carry(program, unit);
            let readers = arrays.iter_mut().chain(later.iter_mut().flatten());
            if read_array(program, window.tensor, &array, readers) {
                arrays.push(array);
            }
        }
        if has_windows {
            *unit = settled(program, std::mem::take(unit));
        }
        unit.extend(arrays);
    }
    program.definitions = units.concat();
}

/// The definitions of a loop, those first that carry nothing: what they are after a round reads no state.
fn settled(program: &mut Program, mut unit: Vec<Definition>) -> Vec<Definition> {
    let mut maps: Vec<Definition> = Vec::new();
    loop {
        let states: Vec<Tensor> = unit.iter().map(|d| d.tensor).collect();
        let carries = |d: &Definition| states.iter().any(|t| program.accesses([d.body.roots()[1]], *t).next().is_some());
        let Some(k) = unit.iter().position(|d| !carries(d)) else { break };
        let Definition { tensor, body } = unit.remove(k);
        let Body::Recurrence { over, indices, parts: [first, next] } = body else { unreachable!("it is one of a loop") };
        let round = program.index(program.length(over).after());
        let before = Affine::from(round).plus(&Affine::from(1), -1);
        let left = program.arena.substitute(next, &placed(&[over], &[before]));
        let sides = [Affine::default(), Affine::from(round)].map(|side| program.arena.integer(side));
        let is_left = program.arena.fold(Op::Lt, &sides);
        let value = program.arena.fold(Op::Select, &[is_left, left, first]);
        maps.push(Definition { tensor, body: Body::Each(std::iter::once(round).chain(indices).collect(), value) });
    }
    maps.extend(unit);
    maps
}

/// Reads the array of a window where the last round's state was read; says whether anything reads the array itself. What is
/// cheap is read in its place.
fn read_array<'a>(program: &mut Program, state: Tensor, array: &Definition, readers: impl Iterator<Item = &'a mut Definition>) -> bool {
    let Body::Each(indices, value) = &array.body else { unreachable!("a map") };
    let is_cheap = program.arena.cost([*value]).work < Op::Div.entry().cost.into();
    for definition in readers {
        let roots = match &mut definition.body {
            Body::Each(_, e) => std::slice::from_mut(e),
            Body::Elements(es) => es.as_mut_slice(),
            Body::Recurrence { parts, .. } => parts.as_mut_slice(),
            Body::Intrinsic(..) => continue,
        };
        let built = program.arena.map(roots, |arena, e, node| match node {
            Node::Access(t, at) if t == state && is_cheap => arena.substitute(*value, &placed(indices, &at[1..])),
            Node::Access(t, at) if t == state => arena.insert(Node::Access(array.tensor, at[1..].to_vec())),
            node if arena[e] == node => e,
            node => arena.insert(node),
        });
        roots.copy_from_slice(&built);
    }
    !is_cheap
}

/// A state of which each round reads and writes elements near its own position, along one of its axes.
///
/// Positions are counted from the round's own, in the direction of the rounds: what is at 1 in a round is at 0 in the next one.
struct Window {
    tensor: Tensor,
    over: Index,
    /// The indices of its elements.
    indices: Vec<Index>,
    /// Its first value.
    first: Expr,
    /// The axis along which the rounds go, among `indices`.
    axis: usize,
    /// 1 if the rounds go forward, else −1.
    sign: i64,
    /// Where position 0 is in the first round.
    base: Affine,
    /// The positions that a round writes, ascending, and what it writes there.
    written: Vec<(i64, Expr)>,
    /// The lowest position that is carried.
    lowest: i64,
}

/// Where an element is that a round reads.
enum Read {
    /// At a position that is carried.
    Carried(i64),
    /// Where no round has written yet.
    First,
}

impl Window {
    /// A window in a loop of which what comes `later` reads only what the last round leaves.
    fn find(program: &mut Program, unit: &[Definition], later: &[&Definition]) -> Option<Window> {
        let over = unit[0].body.over()?;
        let reads_a_round = |program: &Program, t: Tensor, d: &Definition| match &d.body {
            Body::Intrinsic(_, arguments) => arguments.contains(&t),
            body => program.accesses(body.roots().iter().copied(), t).any(|at| at[0] != *program.length(over)),
        };
        for definition in unit {
            if !later.iter().any(|d| reads_a_round(program, definition.tensor, d)) {
                let axes = 0..program.info(definition.tensor).shape.len() - 1;
                let found = axes.into_iter().find_map(|axis| Window::along(program, unit, definition, axis));
                if found.is_some() {
                    return found;
                }
            }
        }
        None
    }

    /// A state as a window along an axis.
    fn along(program: &mut Program, unit: &[Definition], definition: &Definition, axis: usize) -> Option<Window> {
        let Body::Recurrence { over, indices, parts: [first, next] } = definition.body.clone() else { return None };
        let (own, tensor) = (indices[axis], definition.tensor);
        let arena = &mut program.arena;
        let places: Vec<Affine> = arena.reachable([next]).into_iter().filter_map(|e| equal_to(arena, e, own)).collect();
        let sign = places.first()?.coefficient(Symbol::Index(over));
        let base = places[0].plus(&Affine::from(over), -sign);
        if sign.abs() != 1 || base.is_indexed() || base.loose() > 0 {
            return None;
        }
        let all = std::iter::once(over).chain(indices.iter().copied()).map(Affine::from).collect();
        let elsewhere = unwritten(arena, next, own);
        if arena[elsewhere] != Node::Access(tensor, all) {
            return None;
        }
        let mut window = Window { tensor, over, indices, first, axis, sign, base, written: Vec::new(), lowest: 0 };
        let places: Option<BTreeSet<i64>> = places.iter().map(|p| window.offset(p)).collect();
        for offset in places? {
            let at = [window.position(&Affine::from(over), offset)];
            window.written.push((offset, arena.substitute(next, &placed(&[own], &at))));
        }
        window.lowest = window.written[0].0 - 1;
        let others = unit.iter().filter(|d| d.tensor != tensor).map(|d| d.body.roots()[1]);
        let roots: Vec<Expr> = window.written.iter().map(|(_, e)| *e).chain(others).collect();
        for at in program.accesses(roots, tensor) {
            if at[0] != Affine::from(over) {
                return None;
            }
            if let Read::Carried(offset) = window.read(&at[axis + 1])? {
                window.lowest = window.lowest.min(offset);
            }
        }
        (window.top() - window.lowest <= WIDEST).then_some(window)
    }

    /// Above this position, and at it, no round before has written.
    fn top(&self) -> i64 {
        self.written[self.written.len() - 1].0
    }

    /// Where a position is in a round.
    fn position(&self, round: &Affine, offset: i64) -> Affine {
        self.base.plus(round, self.sign).plus(&Affine::from(offset), self.sign)
    }

    /// Where a place is, counted from the round's position, if that is the same in all rounds.
    fn offset(&self, place: &Affine) -> Option<i64> {
        Some(place.plus(&self.position(&Affine::from(self.over), 0), -1).known()? * self.sign)
    }

    /// What is read at a place.
    fn read(&self, place: &Affine) -> Option<Read> {
        if let Some(offset) = self.offset(place) {
            return Some(if offset < self.top() { Read::Carried(offset) } else { Read::First });
        }
        // before all that the first round writes
        let from_base = place.plus(&self.base, -1).known()? * self.sign;
        (from_base < self.written[0].0).then_some(Read::First)
    }

    /// Replaces the state by a state for each position that is carried, and returns the array after the loop.
    fn carry(&self, program: &mut Program, unit: &mut Vec<Definition>) -> Definition {
        let name = program.info(self.tensor).name.clone();
        program.rename(self.tensor, "__t");
        let mut shape = program.info(self.tensor).shape.clone();
        let length = shape.remove(self.axis + 1);
        let mut state = |_| program.tensor(&format!("last_{name}"), shape.clone(), Role::Defined);
        let states: Vec<Tensor> = (self.lowest..self.top()).map(&mut state).collect();
        let nexts: Vec<Expr> = (self.lowest..self.top()).map(|offset| self.after(program, offset + 1)).collect();
        let own = unit.iter().position(|d| d.tensor == self.tensor).expect("the state is one of the loop");
        let new = (self.lowest..).zip(states.iter().zip(nexts)).map(|(offset, (tensor, next))| {
            let first = self.first(program, offset, &length);
            self.definition(program, *tensor, [first, next])
        });
        unit.splice(own..=own, new.collect::<Vec<_>>());
        for definition in unit.iter_mut() {
            let Body::Recurrence { parts, .. } = &mut definition.body else { continue };
            parts[1] = program.arena.map(&[parts[1]], |arena, e, node| match node {
                Node::Access(t, at) if t == self.tensor => match self.read(&at[self.axis + 1]).expect("it was looked at") {
                    Read::Carried(offset) => {
                        let state = states[(offset - self.lowest) as usize];
                        arena.insert(Node::Access(state, without(&at, self.axis + 1)))
                    }
                    Read::First => arena.substitute(self.first, &placed(&self.indices, &at[1..])),
                },
                node if arena[e] == node => e,
                node => arena.insert(node),
            })[0];
        }
        self.array(program, &name, &states)
    }

    /// What is at a position after a round.
    fn after(&self, program: &mut Program, offset: i64) -> Expr {
        if let Some((_, written)) = self.written.iter().find(|(at, _)| *at == offset) {
            return *written;
        }
        let mut at: Vec<Affine> = std::iter::once(self.over).chain(self.indices.iter().copied()).map(Affine::from).collect();
        at[self.axis + 1] = self.position(&Affine::from(self.over), offset);
        program.arena.insert(Node::Access(self.tensor, at))
    }

    /// What is at a position before the first round: 0 where that is outside the axis.
    fn first(&self, program: &mut Program, offset: i64, length: &Affine) -> Expr {
        let at = self.position(&Affine::default(), offset);
        let needs: Vec<Affine> = program.outside(&at, length, &[]).collect();
        let first = program.arena.substitute(self.first, &placed(&[self.indices[self.axis]], &[at]));
        let zero = program.arena.constant(0);
        where_all(program, &needs, first, zero)
    }

    /// A state over indices of its own.
    fn definition(&self, program: &mut Program, tensor: Tensor, parts: [Expr; 2]) -> Definition {
        let from = without(&self.indices, self.axis);
        let indices: Vec<Index> = from.iter().map(|i| program.index(program.length(*i).clone())).collect();
        let to = affines(&indices);
        let parts = parts.map(|e| program.arena.substitute(e, &placed(&from, &to)));
        Definition { tensor, body: Body::Recurrence { over: self.over, indices, parts } }
    }

    /// The array after the loop.
    fn array(&self, program: &mut Program, name: &str, states: &[Tensor]) -> Definition {
        let axes: Vec<Index> = self.indices.iter().map(|i| program.index(program.length(*i).clone())).collect();
        let at = affines(&axes);
        let (rounds, position) = (program.length(self.over).clone(), at[self.axis].clone());
        let element = |program: &mut Program, state: Tensor, round: Affine| {
            let others = without(&at, self.axis);
            program.arena.insert(Node::Access(state, std::iter::once(round).chain(others).collect()))
        };
        let mut value = program.arena.substitute(self.first, &placed(&self.indices, &at));
        // in the window of the last round, no round has passed these
        let passed = self.written[0].0 - 1;
        for (offset, state) in (self.lowest..).zip(states).filter(|(offset, _)| *offset > passed) {
            let last = element(program, *state, rounds.clone());
            let last = where_all(program, std::slice::from_ref(&rounds), last, value);
            let sides = [position.clone(), self.position(&rounds, offset)].map(|side| program.arena.integer(side));
            let is_there = program.arena.fold(Op::Eq, &sides);
            value = program.arena.fold(Op::Select, &[is_there, last, value]);
        }
        // below what rounds write
        let round = position.plus(&self.base, -1).times(self.sign).plus(&Affine::from(passed), -1);
        let needs = [round.clone(), rounds.plus(&round, -1)];
        let last = element(program, states[(passed - self.lowest) as usize], round);
        let value = where_all(program, &needs, last, value);
        let shape = axes.iter().map(|i| program.length(*i).clone()).collect();
        Definition { tensor: program.tensor(name, shape, Role::Defined), body: Body::Each(axes, value) }
    }
}

/// `then` where all needs that are not met anyway are 0 or more, and `otherwise` elsewhere.
fn where_all(program: &mut Program, needs: &[Affine], then: Expr, otherwise: Expr) -> Expr {
    let open: Vec<Affine> = needs.iter().filter(|need| !is_natural(&program.least((*need).clone(), &[]))).cloned().collect();
    open.into_iter().rev().fold(then, |then, need| {
        let args = [program.arena.constant(0), program.arena.integer(need)];
        let holds = program.arena.fold(Op::Le, &args);
        program.arena.fold(Op::Select, &[holds, then, otherwise])
    })
}

/// The position that a condition compares with an index, if it is for equality.
fn equal_to(arena: &Arena, e: Expr, own: Index) -> Option<Affine> {
    let Some((Op::Eq, &[a, b])) = arena.as_apply(e) else { return None };
    arena.as_position(a)?.plus(&arena.as_position(b)?, -1).solve_for(Symbol::Index(own))
}

/// The expression where an index is none of the positions that it is compared with.
fn unwritten(arena: &mut Arena, e: Expr, own: Index) -> Expr {
    arena.map(&[e], |arena, e, node| match node {
        _ if equal_to(arena, e, own).is_some() => arena.constant(0),
        Node::Apply(op, args) => arena.decided(op, &args).unwrap_or_else(|| arena.apply(op, args)),
        node if arena[e] == node => e,
        node => arena.insert(node),
    })[0]
}

/// All but one.
fn without<T: Clone>(all: &[T], k: usize) -> Vec<T> {
    [&all[..k], &all[k + 1..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{eval, parse, verify, Inputs, Size};

    /// A function of `x: [n]` whose loop of n − `less` rounds carries `y: [n]`, with a window in the place of the array.
    ///
    /// The values of both are the same at all small lengths.
    fn narrowed(less: i64, loops: &str) -> String {
        let rounds = format!("n-{less}");
        let text = format!("fn f(x: [n]) wrt x -> z\nloop i: {rounds}\n{loops}z[i: n] = y[{rounds}, i] * 2\n");
        let program = parse(&text).unwrap();
        let mut narrow = program.clone();
        super::narrow(&mut narrow);
        assert_eq!(verify(&narrow), Ok(()), "{}", narrow.to_text());
        for n in less..9 {
            let x = (0..n).map(|k| 0.3 + 0.7 * k as f64).collect();
            let inputs = Inputs {
                tensors: [(program.params().next().unwrap(), x)].into_iter().collect(),
                sizes: [(Size(0), n)].into_iter().collect(),
            };
            let values = |p: &Program| eval(p, &inputs)[&p.outputs[0]].clone();
            assert_eq!(values(&program), values(&narrow), "{n}: {}", narrow.to_text());
        }
        narrow.to_text()
    }

    const SUMS: &str = "first y[j: n] = select(float(j) == 0, x[0], 0)\n\
                        next y[j: n] = select(float(j) == float(i+1), y[i, i] * 0.5 + x[i+1], y[i, j])\n";

    #[test]
    fn an_element_that_reads_the_one_before_it_is_a_number() {
        let text = narrowed(1, SUMS);
        let carried = "next last_y = last_y[i] * 0.5 + x[i+1]\nz[i: n] = last_y[i] * 2\n";
        assert!(text.contains(carried), "{text}");
    }

    #[test]
    fn rounds_go_either_way() {
        let backward = "first y[j: n] = x[j]\nnext y[j: n] = select(float(j) == float(-i+n-2), y[i, -i+n-1] * y[i, -i+n-2], y[i, j])\n";
        let text = narrowed(1, backward);
        assert!(text.contains("next last_y = last_y[i] * x[-i+n-2]\nz[i: n] = last_y[-i+n-1] * 2\n"), "{text}");
    }

    #[test]
    fn what_is_read_further_back_is_carried_as_long() {
        let two = SUMS.replace("y[i, i] * 0.5", "y[i, i] * select(0 < float(i), y[i, i-1], 1)");
        let text = narrowed(1, &two);
        assert!(
            text.contains("next last_y2 = last_y2[i] * select(0 < float(i), last_y[i], 1) + x[i+1]\nz[i: n] = last_y2[i] * 2\n"),
            "{text}"
        );
    }

    #[test]
    fn what_a_round_writes_beyond_its_position_is_carried_on() {
        let spread = "first y[j: n] = x[j]\n\
                      next y[j: n] = select(float(j) == float(i), 3 * y[i, i], select(float(j) == float(i+1), y[i, i] * x[i+1], y[i, j]))\n";
        let text = narrowed(1, spread);
        assert!(text.contains("next last_y = 3 * last_y2[i]\nnext last_y2 = last_y2[i] * x[i+1]\n"), "{text}");
        // where fewer rounds than elements are, the others stay what they were
        narrowed(3, &spread.replace("x[i+1]", "0.5"));
    }

    #[test]
    fn a_condition_in_a_round_leaves_what_was_there() {
        let some = SUMS.replace("y[i, i] * 0.5 + x[i+1]", "select(x[i] < 1, y[i, i], y[i, i+1]) + y[i, 0]");
        let text = narrowed(1, &some.replace("select(float(j) == 0, x[0], 0)", "x[j] + 1"));
        assert!(text.contains("let t1 = x[0] + 1\nfirst last_y = select(0 <= float(n-1), t1, 0)\nnext last_y = select(x[i] < 1, last_y[i], x[i+1] + 1) + t1\n"), "{text}");
    }

    #[test]
    fn what_reads_no_state_is_a_map() {
        let next = "select(float(j) == float(i), y[i, i] - x[i], select(float(j) == float(i+1), x[i+1] * x[i], y[i, j]))";
        let text = narrowed(1, &format!("first y[j: n] = 0\nnext y[j: n] = {next}\n"));
        assert!(!text.contains("loop"), "{text}");
    }

    #[test]
    fn other_arrays_are_carried_whole() {
        for (from, to) in [
            // read or written at a place of its own
            ("y[i, i] * 0.5", "y[i, n-1]"),
            ("float(i+1)", "float(0)"),
            ("float(i+1)", "float(2*i)"),
            ("y[i, i] * 0.5", "sum[k: n](y[i, k])"),
            // changed everywhere
            ("x[i+1], y[i, j]", "x[i+1], y[i, j] * 2"),
            ("== float(i+1)", "<= float(i)"),
        ] {
            let text = narrowed(1, &SUMS.replacen(from, to, 1));
            assert!(!text.contains("last_y"), "{text}");
        }
    }
}
