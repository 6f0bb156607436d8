//! Every expansion checks itself: before it is emitted, what will run is run, and compared with the
//! function as it was read.
//!
//! The function is run on dual numbers (`primal`), hyper-dual ones for a Hessian, at a few points
//! (`points`) that depend on its signature alone. The kernels are run by an interpreter of their own
//! (`kernel`), which knows the scopes of the generated code. One random direction tests all columns of a
//! Jacobian at once. Every number carries a bound of its rounding error (`number`), so that what differs
//! by more is a mistake, and what cancels is no alarm. What this cannot see stands in ARCHITECTURE.md.

mod kernel;
mod matrices;
mod number;
mod points;
mod primal;

use crate::interface::{Form, Normal, Step};
use crate::ir::{parse, positions, At, Map, Program, Role, Tensor};
use crate::kernel::Kernel;
use crate::lower::Matrix;
use crate::sparse::Layout;
use kernel::Stop;
use number::{Dual, Real, Rounded};
use points::{Point, Random, ATTEMPTS};
use primal::Primal;

/// The number of points at which a function is compared.
const POINTS: usize = 5;
/// The steps that the interpreters take for each operation of a program, and those that every program is
/// granted: about 2 ms of an unoptimised build, or a fiftieth of the time that the macro takes.
const STEPS_AN_OPERATION: usize = 24;
const STEPS: usize = 8_000;
/// What a step on dual and hyper-dual numbers takes, in steps on plain ones, as measured.
const DUAL: usize = 3;
const HYPER_DUAL: usize = 8;
/// The error bounds are of first order, and libms differ: this many times as much is no disagreement.
const SAFETY: f64 = 16.0;
/// How far beside a constant the derivatives are taken that tell the one there.
const BESIDE: f64 = 1e-3;
/// The columns that are tried to find the entry that is wrong.
const COLUMNS: usize = 256;

/// Steps that may still be taken.
#[derive(Debug)]
struct Fuel(usize, usize);

impl Fuel {
    /// So many steps, each of the given price.
    fn new(steps: usize, price: usize) -> Fuel {
        Fuel(steps, price)
    }

    /// Runs with half of what there was at first: where one point takes more, others may take less.
    fn share<T>(&mut self, first: usize, run: impl FnOnce(&mut Fuel) -> T) -> T {
        let before = self.0.min(first / 2);
        let mut own = Fuel(before, self.1);
        let result = run(&mut own);
        self.0 -= before - own.0;
        result
    }

    fn take(&mut self, steps: usize) -> Option<()> {
        self.0 = self.0.checked_sub(steps.saturating_mul(self.1))?;
        Some(())
    }
}

/// Where generated code and function disagree.
#[derive(Clone, PartialEq, Debug)]
pub struct Disagreement {
    /// What is generated.
    pub form: &'static Form,
    /// What is wrong, in words.
    pub what: String,
    /// The values of the parameters.
    pub point: String,
}

/// A function with its derivatives at some points, by dual numbers.
pub struct Selfcheck<'p> {
    primal: Primal<'p>,
    program: &'p Program,
    normal: Normal,
    /// The parameters that are constants.
    at: Vec<Tensor>,
    references: Vec<Reference>,
}

/// The derivatives of the results by an element of an input.
struct Column {
    input: Tensor,
    element: usize,
    along: Vec<Vec<Rounded>>,
}

/// The derivatives at a point.
struct Reference {
    point: Point,
    /// Whether it is certain to be in the function's domain.
    certain: bool,
    parameters: Map<Tensor, Vec<Rounded>>,
    /// What the parameters move along.
    directions: [Map<Tensor, Vec<f64>>; 2],
    /// Of each output.
    cotangents: Vec<Vec<f64>>,
    values: Vec<Vec<Rounded>>,
    along: Vec<Vec<Rounded>>,
    /// The second derivatives along both directions.
    twice: Option<Vec<Vec<Rounded>>>,
    /// The first columns of the Jacobian, if its diagonal is wanted, or that of its square.
    columns: Vec<Column>,
    /// The weights of the rows by the robust loss, if there is one.
    weights: Vec<Vec<Rounded>>,
}

/// Two numbers that should be one: a value, or a derivative along the direction.
struct Claim {
    of: Part,
    found: Rounded,
    expected: Rounded,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// An element of an output.
    Value(usize, usize),
    /// The derivative of an element of an output.
    Derivative(usize, usize),
    /// The second derivative of an element of an output.
    Second(usize, usize),
    /// A sum over all outputs.
    Sum(&'static str),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Same,
    Different,
    /// Rounding could explain anything.
    Unknown,
}

impl Claim {
    fn verdict(&self) -> Verdict {
        let (found, expected) = (self.found, self.expected);
        let tolerance = SAFETY * (found.error + expected.error) + f64::MIN_POSITIVE;
        if !expected.value.is_finite() || !tolerance.is_finite() {
            return Verdict::Unknown;
        }
        let difference = (found.value - expected.value).abs();
        match () {
            () if difference > tolerance || difference.is_nan() => Verdict::Different,
            () if tolerance > 1e-3 * expected.value.abs() && !expected.is_zero() => Verdict::Unknown,
            () => Verdict::Same,
        }
    }
}

impl<'p> Selfcheck<'p> {
    /// Runs the function, as the front returned it, for what the forms are compared with; `at` says which parameters are
    /// constants.
    pub fn new(program: &'p Program, forms: impl Iterator<Item = &'static Form>, normal: Normal, at: &[At]) -> Selfcheck<'p> {
        let mut check =
            Selfcheck { primal: Primal::new(program), program, normal, at: at.iter().map(|(t, _)| *t).collect(), references: Vec::new() };
        let forms: Vec<&Form> = forms.collect();
        let second = forms.iter().any(|form| form.order() > 1);
        let has = |step: Step| forms.iter().any(|form| form.steps.contains(&step));
        let (columns, weights) = (has(Step::Diagonal) || has(Step::NormalDiagonal), has(Step::Normal) || has(Step::NormalDiagonal));
        let steps = STEPS + STEPS_AN_OPERATION * program.operations();
        let mut fuel = Fuel::new(steps, DUAL);
        let mut more = Fuel::new(2 * steps, HYPER_DUAL);
        let mut useful = 0;
        for attempt in 0..ATTEMPTS {
            let Some(mut point) = Point::attempt(program, attempt) else { continue };
            for (t, values) in at {
                point.tensors[t] = (0..point.tensors[t].len()).map(|k| values[k.min(values.len() - 1)]).collect();
            }
            let reference = fuel.share(steps, |fuel| check.reference(point, attempt as u64, fuel));
            let Some(mut reference) = reference else { continue };
            let along = || reference.along.iter().flatten();
            let finite = along().any(|r| r.value.is_finite() && r.error.is_finite());
            if along().next().is_some() && !finite {
                continue;
            }
            if second {
                reference.twice = more.share(2 * steps, |fuel| check.second(&reference.point, &reference.directions, fuel));
            }
            if columns {
                reference.columns = more.share(2 * steps, |fuel| check.columns(&reference.point, fuel));
            }
            if weights {
                reference.weights = check.weights(&reference.values);
            }
            useful += usize::from(finite && reference.certain);
            check.references.push(reference);
            if useful == POINTS {
                break;
            }
        }
        check
    }

    /// The function at a point, unless it is outside its domain.
    fn reference(&self, point: Point, seed: u64, fuel: &mut Fuel) -> Option<Reference> {
        let mut random = Random(seed.wrapping_add(0x9e37_79b9));
        let mut part = |_: &f64| random.part();
        let directions =
            [(); 2].map(|()| self.program.wrt.iter().map(|x| (*x, point.tensors[x].iter().map(&mut part).collect())).collect());
        let (values, along, certain) = self.along(&point, &directions[0], fuel)?;
        if values.iter().flatten().any(|y| !y.value.is_finite()) {
            return None;
        }
        let cotangents = values.iter().map(|y| y.iter().map(|y| part(&y.value)).collect()).collect();
        let parameters = point.tensors.iter().map(|(t, x)| (*t, exact(x))).collect();
        let (columns, weights) = (Vec::new(), Vec::new());
        Some(Reference { point, certain, parameters, directions, cotangents, values, along, twice: None, columns, weights })
    }

    /// The values, the derivatives along a direction, and whether the point is in the domain.
    #[allow(clippy::type_complexity)] // the three are named where they are taken apart
    fn along(
        &self,
        point: &Point,
        direction: &Map<Tensor, Vec<f64>>,
        fuel: &mut Fuel,
    ) -> Option<(Vec<Vec<Rounded>>, Vec<Vec<Rounded>>, bool)> {
        let (outputs, certain) = self.primal.run(point, moving(&exact_all(point), direction), fuel)?;
        let split = |f: fn(&Dual<Rounded>) -> Rounded| outputs.iter().map(|y| y.iter().map(f).collect()).collect();
        let (values, mut along): (_, Vec<Vec<Rounded>>) = (split(|y| y.value), split(|y| y.along));
        let is_known = |r: &Rounded| r.value.is_finite() && r.error.is_finite();
        if !self.at.is_empty() && !along.iter().flatten().all(is_known) {
            if let Some(limits) = self.limits(point, direction, fuel) {
                let all = along.iter_mut().flatten().zip(limits);
                all.filter(|(r, _)| !is_known(r)).for_each(|(r, limit)| *r = limit);
            }
        }
        Some((values, along, certain))
    }

    /// What the derivatives along a direction tend to at the constants, from both sides: dual numbers tell nothing where
    /// a length is 0 that the function is smooth in. The error is infinite where both sides do not come nearer to each other.
    fn limits(&self, point: &Point, direction: &Map<Tensor, Vec<f64>>, fuel: &mut Fuel) -> Option<Vec<Rounded>> {
        let mut beside = |by: f64| -> Option<Vec<Rounded>> {
            let (mut moved, mut random) = (point.clone(), Random(7));
            for t in &self.at {
                moved.tensors[t].iter_mut().for_each(|x| *x += by * random.part());
            }
            let (outputs, _) = self.primal.run(&moved, moving(&exact_all(&moved), direction), fuel)?;
            Some(outputs.iter().flatten().map(|y| y.along).collect())
        };
        let [above, below, far_above, far_below] = [BESIDE, -BESIDE, 2.0 * BESIDE, -2.0 * BESIDE].map(&mut beside);
        let (near, far) = (above?.into_iter().zip(below?), far_above?.into_iter().zip(far_below?));
        let limit = |((a, b), (c, d)): ((Rounded, Rounded), (Rounded, Rounded))| {
            let (middle, far) = ((a.value + b.value) / 2.0, (c.value + d.value) / 2.0);
            let rounding = a.error + b.error + c.error + d.error;
            let comes_nearer = (a.value - b.value).abs() <= 0.75 * (c.value - d.value).abs() + rounding;
            let error = if comes_nearer { (middle - far).abs() + rounding } else { f64::INFINITY };
            Rounded { value: middle, error }
        };
        Some(near.zip(far).map(limit).collect())
    }

    /// The second derivatives along two directions.
    fn second(&self, point: &Point, [first, second]: &[Map<Tensor, Vec<f64>>; 2], fuel: &mut Fuel) -> Option<Vec<Vec<Rounded>>> {
        let (outputs, _) = self.primal.run(point, moving(&moving(&exact_all(point), first), second), fuel)?;
        Some(outputs.iter().map(|y| y.iter().map(|y| y.along.along).collect()).collect())
    }

    /// The columns of the Jacobian, as many as can be had.
    fn columns(&self, point: &Point, fuel: &mut Fuel) -> Vec<Column> {
        let columns = self.program.wrt.iter().flat_map(|x| (0..point.tensors[x].len()).map(move |k| (*x, k)));
        let column = |(input, element): (Tensor, usize)| {
            let (_, along, _) = self.along(point, &self.unit(point, (input, element)), fuel)?;
            Some(Column { input, element, along })
        };
        columns.take(COLUMNS).map_while(column).collect()
    }

    /// The direction of an element of an input.
    fn unit(&self, point: &Point, (t, at): (Tensor, usize)) -> Map<Tensor, Vec<f64>> {
        let wrt = self.program.wrt.iter();
        wrt.map(|x| (*x, (0..point.tensors[x].len()).map(|k| f64::from(u8::from(*x == t && k == at))).collect())).collect()
    }

    /// The weights of the results by the loss: its derivative by dual numbers.
    fn weights(&self, values: &[Vec<Rounded>]) -> Vec<Vec<Rounded>> {
        let Some((loss, scale)) = self.normal.loss else { return Vec::new() };
        let text = format!("fn loss(s: [], c: []) wrt s -> y\ny = {}\n", loss.value);
        let program = parse(&text).expect("the table's tests parse it");
        let (primal, inputs) = (Primal::new(&program), program.params().collect::<Vec<Tensor>>());
        let weight = |r: &Rounded| {
            let tensors = [(inputs[0], vec![r.value * r.value]), (inputs[1], vec![scale])].into_iter().collect();
            let point = Point { tensors, sizes: Vec::new() };
            let s = vec![Dual { value: *r * *r, along: Rounded::new(1.0) }];
            let c = vec![Dual { value: Rounded::new(scale), along: Rounded::new(0.0) }];
            let run = primal.run(&point, [(inputs[0], s), (inputs[1], c)].into_iter().collect(), &mut Fuel::new(STEPS, 1));
            // what is not known agrees with everything
            run.map_or(Rounded { value: f64::NAN, error: f64::INFINITY }, |(y, _)| y[0][0].along)
        };
        values.iter().map(|y| y.iter().map(weight).collect()).collect()
    }

    /// The number of points at which a derivative could be told apart from rounding.
    ///
    /// # Errors
    /// What disagrees.
    ///
    /// `values` is the number of results that are the function's; `before` writes the memory that the kernel updates, if it
    /// does; `layout` says where the entries of a sparse form are, `matrices` what stands in one matrix.
    pub fn compare(
        &self,
        form: &'static Form,
        values: usize,
        seeds: &[Tensor],
        kernel: &Kernel<'_>,
        before: Option<&Kernel<'_>>,
        (layout, matrices): (Option<&Layout>, &[Matrix]),
    ) -> Result<usize, Disagreement> {
        let length = kernel.program.operations() + kernel.body.len();
        let steps = 2 * STEPS + STEPS_AN_OPERATION * length;
        let mut fuel = Fuel::new(steps, 1);
        let mut told = 0;
        for reference in &self.references {
            let disagreement = |what: String| Disagreement { form, what, point: self.describe(&reference.point) };
            let disagreement = &disagreement;
            let mut parameters = reference.parameters.clone();
            let weights = form.steps.iter().zip(&reference.directions).flat_map(|(step, direction)| match step {
                Step::Jacobian | Step::Normal | Step::Diagonal | Step::BlockDiagonal | Step::NormalDiagonal | Step::Sparse => Vec::new(),
                Step::Jvp => direction.values().collect(),
                Step::Vjp | Step::WeightedNormal => reference.cotangents.iter().collect::<Vec<_>>(),
            });
            parameters.extend(seeds.iter().zip(weights).map(|(t, w)| (*t, exact(w))));
            let mut point = reference.point.clone();
            layout.iter().for_each(|layout| layout.add_flags(&mut point.sizes));
            let memory = before.map(|before| {
                let elsewhere = parameters.iter().map(|(t, x)| (*t, self.elsewhere(*t, x))).collect();
                fuel.share(steps, |fuel| kernel::run(before, &point, &elsewhere, &[], fuel))
            });
            // what writes the memory is compared by itself
            let memory = match memory.transpose() {
                Ok(memory) => memory.unwrap_or_default(),
                Err(_) => continue,
            };
            let results = match fuel.share(steps, |fuel| kernel::run(kernel, &point, &parameters, &memory, fuel)) {
                Ok(results) => match layout {
                    // as the blocks that they are the entries of
                    Some(layout) => {
                        let size = |s: crate::ir::Size| point.sizes[s.0 as usize];
                        let (outputs, lists) = results.split_at(values);
                        let blocks = layout.scatter(&lists.concat(), Rounded::new(0.0), &size).map_err(disagreement)?;
                        [outputs.to_vec(), blocks].concat()
                    }
                    None if !matrices.is_empty() => {
                        let (outputs, rest) = results.split_at(values);
                        let blocks = matrices.iter().zip(rest).flat_map(|(m, all)| m.unstacked(all, &|n| point.length(n)));
                        outputs.iter().cloned().chain(blocks).collect()
                    }
                    None => results,
                },
                Err(Stop::Exhausted) => continue,
                Err(Stop::Fault(_)) if !reference.certain => continue,
                Err(Stop::Fault(what)) => return Err(disagreement(what)),
            };
            let claims = self.claims(form, values, reference, &results);
            let counts = |c: &&Claim| reference.certain || c.found.value.is_finite();
            if let Some(claim) = claims.iter().filter(counts).find(|c| c.verdict() == Verdict::Different) {
                return Err(disagreement(self.locate(form, values, reference, &results, claim)));
            }
            let known = |c: &Claim| !matches!(c.of, Part::Value(..)) && c.verdict() == Verdict::Same;
            told += usize::from(claims.iter().any(known));
        }
        Ok(told)
    }

    /// All that the results say about the function along the reference's directions.
    fn claims(&self, form: &'static Form, values: usize, reference: &Reference, results: &[Vec<Rounded>]) -> Vec<Claim> {
        let (outputs, rest) = results.split_at(values);
        let mut claims = Vec::new();
        for (o, (found, expected)) in outputs.iter().zip(&reference.values).enumerate() {
            let pairs = found.iter().zip(expected).enumerate();
            claims.extend(pairs.map(|(k, (found, expected))| Claim { of: Part::Value(o, k), found: *found, expected: *expected }));
        }
        let weights = |x: &Tensor| reference.directions[0][x].as_slice();
        let wrt = &self.program.wrt;
        // what is like the inputs, along the first direction, and like pairs of inputs, along that and another
        let gradient = |rest: &[Vec<Rounded>]| sum(wrt.iter().zip(rest).map(|(x, row)| dot(row, weights(x))));
        let quadratic = |rest: &[Vec<Rounded>], other: &Map<Tensor, Vec<f64>>| {
            let pairs = wrt.iter().flat_map(|a| wrt.iter().map(move |b| (a, b)));
            sum(rest.iter().zip(pairs).flat_map(|(all, (a, b))| {
                let second = other[b].as_slice();
                all.chunks(second.len().max(1)).zip(weights(a)).map(move |(row, weight)| dot(row, second) * Rounded::new(*weight))
            }))
        };
        // the blocks, each of so many rows on the diagonal of a block of the Jacobian, times the first direction
        let along = |rows: usize| {
            let mut sums: Vec<Vec<Rounded>> = reference.along.iter().map(|y| vec![Rounded::new(0.0); y.len()]).collect();
            let blocks = (0..self.program.outputs.len()).flat_map(|output| wrt.iter().map(move |input| (output, input)));
            for ((output, input), all) in blocks.zip(rest) {
                let (direction, height) = (weights(input), (sums[output].len() / rows).max(1));
                let width = direction.len() / rows;
                for (k, (sum, row)) in sums[output].iter_mut().zip(all.chunks(width.max(1))).enumerate() {
                    *sum = *sum + dot(row, &direction[k / height * width..][..width]);
                }
            }
            derivatives(&sums, &reference.along).collect::<Vec<Claim>>()
        };
        // the results times the cotangents
        let weighted = |of: &[Vec<Rounded>]| sum(of.iter().zip(&reference.cotangents).map(|(y, c)| dot(y, c)));
        match form.dense().map_or(form.steps, |dense| dense.steps) {
            [Step::Jacobian] => claims.extend(along(1)),
            [Step::Jvp] => claims.extend(derivatives(rest, &reference.along)),
            [Step::Vjp] => {
                let found = gradient(rest);
                claims.push(Claim { of: Part::Sum("the cotangent"), found, expected: weighted(&reference.along) });
            }
            [Step::Jacobian, Step::Jvp] => {
                let Some(twice) = &reference.twice else { return claims };
                claims.push(Claim { of: Part::Second(0, 0), found: gradient(rest), expected: twice[0][0] });
            }
            [Step::Jacobian, Step::Jacobian] => {
                let Some(twice) = &reference.twice else { return claims };
                claims.push(Claim { of: Part::Second(0, 0), found: quadratic(rest, &reference.directions[1]), expected: twice[0][0] });
            }
            [Step::Vjp, Step::Jacobian] => {
                let Some(twice) = &reference.twice else { return claims };
                let found = quadratic(rest, &reference.directions[1]);
                claims.push(Claim { of: Part::Sum("the second derivative"), found, expected: weighted(twice) });
            }
            [Step::Jacobian, last @ (Step::Normal | Step::WeightedNormal)] => {
                let (squares, products) = rest.split_at(wrt.len() * wrt.len());
                let weight = |o: usize, k: usize| match last {
                    Step::WeightedNormal => Rounded::new(reference.cotangents[o][k]),
                    _ => reference.weight(o, k),
                };
                let along_times = |other: &[Vec<Rounded>]| {
                    let all = reference.along.iter().zip(other).enumerate();
                    sum(all.flat_map(|(o, (y, other))| y.iter().zip(other).enumerate().map(move |(k, (a, b))| weight(o, k) * *a * *b)))
                };
                let mirrored = self.normal.lower.then(|| self.mirrored(squares, &reference.point));
                let squares = mirrored.as_deref().unwrap_or(squares);
                let (found, expected) = (quadratic(squares, &reference.directions[0]), along_times(&reference.along));
                claims.push(Claim { of: Part::Sum("the square of the Jacobian"), found, expected });
                let (found, expected) = (gradient(products), along_times(&reference.values));
                claims.push(Claim { of: Part::Sum("the value times the Jacobian"), found, expected });
            }
            [Step::Jacobian, Step::Diagonal] => {
                let claim =
                    |c: &Column| Claim { of: Part::Derivative(0, c.element), found: rest[0][c.element], expected: c.along[0][c.element] };
                claims.extend(reference.columns.iter().map(claim));
            }
            [Step::Jacobian, Step::BlockDiagonal] => {
                claims.extend(along(reference.point.length(&self.program.info(wrt[0]).shape[0]).max(1)));
            }
            [Step::Jacobian, Step::NormalDiagonal] => {
                for column in &reference.columns {
                    let input = wrt.iter().position(|x| *x == column.input).unwrap_or_default();
                    let rows = column.along.iter().enumerate().flat_map(|(o, y)| y.iter().enumerate().map(move |(k, y)| (o, k, *y)));
                    let expected = sum(rows.map(|(o, k, y)| reference.weight(o, k) * y * y));
                    claims.push(Claim {
                        of: Part::Sum("the square of a column of the Jacobian"),
                        found: rest[input][column.element],
                        expected,
                    });
                }
            }
            steps => unreachable!("no form has the steps {steps:?}"),
        }
        claims
    }

    /// Blocks of a lower triangle, those of each input with each: what is below the diagonal of all of them twice, and what is above
    /// it as it is.
    fn mirrored(&self, squares: &[Vec<Rounded>], point: &Point) -> Vec<Vec<Rounded>> {
        let wrt = self.program.wrt.iter().enumerate();
        let pairs = wrt.clone().flat_map(|a| wrt.clone().map(move |b| (a, b)));
        let blocks = squares.iter().zip(pairs).map(|(block, ((a, _), (b, x)))| {
            let columns = point.tensors[x].len().max(1);
            let entry = |(k, e): (usize, &Rounded)| if (b, k % columns) < (a, k / columns) { *e + *e } else { *e };
            block.iter().enumerate().map(entry).collect()
        });
        blocks.collect()
    }

    /// Says which entry it is: the parameters move one by one.
    fn locate(&self, form: &'static Form, values: usize, reference: &Reference, results: &[Vec<Rounded>], claim: &Claim) -> String {
        let numbers = |claim: &Claim| format!("{:?} instead of {:?}", claim.found.value, claim.expected.value);
        // the results of `f_jvp` and `f_hvp` are along the whole direction, and those of diagonals have been compared one by one
        let is_alone = |step: &Step| matches!(step, Step::Jvp | Step::Diagonal | Step::NormalDiagonal);
        if matches!(claim.of, Part::Value(..)) || form.steps.iter().any(is_alone) {
            return format!("{} is {}", self.name(claim.of), numbers(claim));
        }
        let columns = || self.program.wrt.iter().flat_map(|x| (0..reference.point.tensors[x].len()).map(move |k| (*x, k))).take(COLUMNS);
        let unit = |at| self.unit(&reference.point, at);
        let mut fuel = Fuel::new(COLUMNS * STEPS, 1);
        for first in columns() {
            let is_second = form.order() > 1;
            let seconds = if is_second { columns().collect() } else { vec![first] };
            for second in seconds {
                let directions = [unit(first), unit(second)];
                let Some((at, along, certain)) = self.along(&reference.point, &directions[0], &mut fuel) else { break };
                let twice = if is_second { self.second(&reference.point, &directions, &mut fuel) } else { None };
                let (point, parameters) = (reference.point.clone(), Map::default());
                let (cotangents, weights) = (reference.cotangents.clone(), reference.weights.clone());
                let columns = Vec::new();
                let own = Reference { point, certain, parameters, directions, cotangents, values: at, along, twice, columns, weights };
                let wrong = self.claims(form, values, &own, results).into_iter().find(|c| c.verdict() == Verdict::Different);
                if let Some(wrong) = wrong {
                    let by = |at: (Tensor, usize)| self.element(&reference.point, at);
                    let by = if is_second { format!("{} and {}", by(first), by(second)) } else { by(first) };
                    return format!("{} by {by} is {}", self.name(wrong.of), numbers(&wrong));
                }
            }
        }
        format!("{} is {}", self.name(claim.of), numbers(claim))
    }

    /// Other values of a parameter.
    fn elsewhere(&self, t: Tensor, x: &[Rounded]) -> Vec<Rounded> {
        let is_truth = self.program.tensors.get(t.0 as usize).is_some_and(|info| info.role == Role::Truth);
        x.iter().map(|x| Rounded::new(if is_truth { 1.0 - x.value } else { 0.5 * x.value + 0.25 })).collect()
    }

    fn name(&self, part: Part) -> String {
        let output = |o: usize, k: usize| match self.program.outputs.len() {
            1 => format!("element {k} of the result"),
            _ => format!("element {k} of result {o}"),
        };
        match part {
            Part::Value(o, k) => output(o, k),
            Part::Derivative(o, k) => format!("the derivative of {}", output(o, k)),
            Part::Second(o, k) => format!("the second derivative of {}", output(o, k)),
            Part::Sum(of) => of.to_owned(),
        }
    }

    /// An element of a parameter, in words.
    fn element(&self, point: &Point, (t, k): (Tensor, usize)) -> String {
        let info = self.program.info(t);
        let shape: Vec<usize> = info.shape.iter().map(|n| point.length(n)).collect();
        let at = positions(&shape).nth(k).unwrap_or_default();
        format!("`{}{}`", info.name, at.iter().map(|k| format!("[{k}]")).collect::<String>())
    }

    /// The values of the parameters, in words; of long ones the first.
    fn describe(&self, point: &Point) -> String {
        let sizes = self.program.sizes.iter().zip(&point.sizes).map(|(s, n)| format!("{} = {n}", s.name));
        let tensors = point.tensors.iter().map(|(t, values)| {
            let name = &self.program.info(*t).name;
            match (values.as_slice(), self.program.info(*t).shape.len()) {
                ([x], 0) => format!("{name} = {x:?}"),
                (all, _) if all.len() > 12 => format!("{name} = {:?} and so on", &all[..12]),
                (all, _) => format!("{name} = {all:?}"),
            }
        });
        tensors.chain(sizes).collect::<Vec<String>>().join(", ")
    }
}

impl Reference {
    /// The weight of a row by the robust loss; 1 without one.
    fn weight(&self, output: usize, row: usize) -> Rounded {
        self.weights.get(output).map_or(Rounded::new(1.0), |weights| weights[row])
    }
}

fn derivatives<'r>(found: &'r [Vec<Rounded>], expected: &'r [Vec<Rounded>]) -> impl Iterator<Item = Claim> + 'r {
    found.iter().zip(expected).enumerate().flat_map(|(o, (found, expected))| {
        let pairs = found.iter().zip(expected).enumerate();
        pairs.map(move |(k, (found, expected))| Claim { of: Part::Derivative(o, k), found: *found, expected: *expected })
    })
}

/// `Σ aᵢ·bᵢ`, of which most may be zeros.
fn dot(a: &[Rounded], b: &[f64]) -> Rounded {
    let terms = a.iter().zip(b).filter(|(a, _)| !a.is_zero());
    sum(terms.map(|(a, b)| *a * Rounded::new(*b)))
}

fn sum(terms: impl Iterator<Item = Rounded>) -> Rounded {
    terms.fold(Rounded::new(0.0), |sum, term| sum + term)
}

fn exact(values: &[f64]) -> Vec<Rounded> {
    values.iter().map(|x| Rounded::new(*x)).collect()
}

fn exact_all(point: &Point) -> Map<Tensor, Vec<Rounded>> {
    point.tensors.iter().map(|(t, x)| (*t, exact(x))).collect()
}

/// The parameters, of which some move along a direction.
fn moving<R: Real>(parameters: &Map<Tensor, Vec<R>>, direction: &Map<Tensor, Vec<f64>>) -> Map<Tensor, Vec<Dual<R>>> {
    let moving = |(t, values): (&Tensor, &Vec<R>)| {
        let along = |k: usize| R::new(direction.get(t).map_or(0.0, |d| d[k]));
        (*t, values.iter().enumerate().map(|(k, x)| Dual { value: *x, along: along(k) }).collect())
    };
    parameters.iter().map(moving).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interface::{Results, FORMS};
    use crate::ir::parse;
    use crate::kernel::Signature;
    use crate::lower::lower;

    const FUNCTION: &str = "fn f(x: [n], a: []) wrt x, a -> y\ny[i: n] = a * x[i] * x[i]\n";

    /// What is said of a Jacobian, given by its blocks.
    fn compared(function: &str, blocks: &str) -> Result<usize, Disagreement> {
        let (head, _) = function.split_once(" -> ").unwrap();
        let (function, jacobian) = (parse(function).unwrap(), parse(&format!("{head}\n{blocks}")).unwrap());
        let plan = lower(jacobian, true);
        let signature = Signature { layouts: Map::default(), results: Results::Returned, in_place: true, reorders: true };
        let check = Selfcheck::new(&function, [&FORMS[0]].into_iter(), Normal::default(), &[]);
        check.compare(&FORMS[0], 0, &[], &crate::kernel::kernel(&plan, &signature), None, (None, &[]))
    }

    fn blocks(by_x: &str, by_a: &str) -> String {
        format!("J_x[i: n, j: n] = {by_x}\nJ_a[i: n] = {by_a}\nblock J_x: 0 by x\nblock J_a: 0 by a\n")
    }

    #[test]
    fn the_right_jacobian_agrees_at_all_points() {
        let told = compared(FUNCTION, &blocks("delta(i, j) * (2 * a * x[i])", "x[i] * x[i]"));
        assert_eq!(told, Ok(POINTS));
    }

    #[test]
    fn a_wrong_one_is_named_by_its_entry() {
        let wrong = [
            ("delta(i, j) * (3 * a * x[i])", "x[i] * x[i]", "element 0 of the result by `x[0]` is "),
            ("delta(i, j) * (2 * a * x[0])", "x[i] * x[i]", "element 1 of the result by `x[1]` is "),
            (
                "delta(i, j) * (2 * a * x[i]) + select(float(i) == 1 && float(j) == 0, 1, 0)",
                "x[i] * x[i]",
                "element 1 of the result by `x[0]`",
            ),
            ("delta(i, j) * (2 * a * x[i])", "x[i] * x[i] + 0.000001", "by `a` is "),
        ];
        for (by_x, by_a, text) in wrong {
            let found = compared(FUNCTION, &blocks(by_x, by_a)).expect_err(by_x);
            assert!(found.what.contains(text) && found.what.contains(" instead of "), "{found:?}");
            assert!(found.point.contains("x = [") && found.point.contains("a = "), "{found:?}");
        }
    }

    #[test]
    fn reads_outside_an_array_are_seen_though_nothing_comes_of_them() {
        let found =
            compared(FUNCTION, &blocks("delta(i, j) * (2 * a * x[i])", "min(x[i] * x[i], exp(100 + abs(x[i+1])))")).expect_err("x[i+1]");
        assert_eq!(found.what, "an element of `x` outside it is read or written");
    }

    #[test]
    fn what_cancels_is_no_alarm() {
        // ten digits are lost in two ways
        let function = "fn f(x: []) wrt x -> y\ny = (x * x * 10000000000 + x * x) - x * x * 10000000000\n";
        assert!(compared(function, "J = (2 * x * 10000000000 + 2 * x) - 2 * x * 10000000000\nblock J: 0 by x\n").is_ok());
        assert!(compared(function, "J = 2 * x\nblock J: 0 by x\n").is_ok());
        assert!(compared(function, "J = 2.01 * x\nblock J: 0 by x\n").is_err());
    }

    #[test]
    fn kinks_are_no_alarm() {
        let function = "fn f(x: []) wrt x -> y\ny = abs(x - x * 3 + x + x)\n";
        assert_eq!(compared(function, "J = 1\nblock J: 0 by x\n"), Ok(0));
    }
}
