//! What `check!` runs: all functions that were generated for one, against differences and each other.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// The parts of an input or a result: the elements of each, row-major.
pub type Parts = Vec<Vec<f64>>;

/// By how small a part of each number a point was moved, and what something is there and as far on the other side.
type Nudged = (f64, [Parts; 2]);

/// A function at inputs, with seeds: its results, values first. `None` where it returns none.
pub type Run<'a> = &'a dyn Fn(&[Vec<f64>], &[Vec<f64>]) -> Option<Parts>;

/// A step from a function to a form of its derivative.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// All partial derivatives.
    Jacobian,
    /// The derivative along tangents, which are seeds.
    Jvp,
    /// The cotangents, which are seeds, times all partial derivatives.
    Vjp,
    /// Normal equations: `JᵀJ` and `Jᵀr`.
    Normal,
    /// Normal equations with weights, which are seeds: `JᵀWJ` and `JᵀWr`.
    WeightedNormal,
    /// The diagonal of a square Jacobian.
    Diagonal,
    /// The blocks on the diagonal of a Jacobian.
    BlockDiagonal,
    /// The diagonal of `JᵀJ`.
    NormalDiagonal,
}

/// What normal equations are like.
#[derive(Clone, Copy, Default)]
pub struct Normal {
    /// Whether `JᵀJ` is 0 above its diagonal.
    pub lower: bool,
    /// The weight of a residual by its square.
    pub weight: Option<fn(f64) -> f64>,
}

/// A function that was generated beside the Jacobian. One that writes into memory of the caller is given memory full of
/// NaN.
pub struct Other<'a> {
    /// Its name.
    pub name: &'static str,
    /// Whether it returns the value, too.
    pub value: bool,
    /// What it computes.
    pub steps: &'static [Step],
    /// If it computes normal equations, what these are like.
    pub normal: Normal,
    /// The function.
    pub run: Run<'a>,
}

/// A function with all that was generated for it.
pub struct Subject<'a> {
    /// The function's name.
    pub name: &'static str,
    /// The parameters that it is differentiated by.
    pub inputs: &'a [&'static str],
    /// Their values.
    pub point: Parts,
    /// Which of them are constants of the generated functions: these stay.
    pub fixed: &'a [bool],
    /// The distance from 1 to the next number of its floats.
    pub epsilon: f64,
    /// The function.
    pub value: Run<'a>,
    /// Its Jacobian.
    pub jacobian: Run<'a>,
    /// The others.
    pub others: &'a [Other<'a>],
}

impl Subject<'_> {
    fn stays(&self, input: usize) -> bool {
        self.fixed.get(input).copied().unwrap_or_default()
    }
}

/// Something that is passed by value, to be copied if it can be.
pub struct Copied<'a, T>(pub &'a T);

/// Copies what is `Clone`.
pub trait OfClone {
    /// What is copied.
    type Of;
    /// The copy.
    fn copied(&self) -> Self::Of;
}

/// Stands in for [`OfClone`] where that does not apply: method look-up comes here one reference later.
pub trait OfOthers {
    /// What is not copied.
    type Of;
    /// Panics.
    fn copied(&self) -> Self::Of;
}

impl<T: Clone> OfClone for Copied<'_, T> {
    type Of = T;

    fn copied(&self) -> T {
        self.0.clone()
    }
}

impl<T> OfOthers for &Copied<'_, T> {
    type Of = T;

    fn copied(&self) -> T {
        panic!(
            "`check!` calls the function many times, and so needs `Clone` for `{}`, which is passed by value",
            core::any::type_name::<T>()
        )
    }
}

/// The elements of an array as `f64`.
pub fn flat<'a, F: 'a>(elements: impl Iterator<Item = &'a F>, number: impl Fn(&F) -> f64) -> Vec<f64> {
    elements.map(number).collect()
}

/// Puts numbers into an array.
pub fn fill<'a, F: 'a>(elements: impl Iterator<Item = &'a mut F>, numbers: &[f64], float: impl Fn(f64) -> F) {
    elements.zip(numbers).for_each(|(element, x)| *element = float(*x));
}

/// A point beside another, at which the functions have other values.
pub fn beside(point: &[Vec<f64>]) -> Parts {
    point.iter().map(|x| x.iter().map(|x| x * 1.001).collect()).collect()
}

/// Puts one number into all of an array.
pub fn fill_all<'a, F: 'a>(elements: impl Iterator<Item = &'a mut F>, x: f64, float: impl Fn(f64) -> F) {
    elements.for_each(|element| *element = float(x));
}

/// The points around the given one at which the functions are compared, besides.
const AROUND: u64 = 4;
/// How far these are away, as a part of each number, or of a tenth.
const DISTANCE: f64 = 0.02;
/// Steps of the differences: the last is 3e-6 of the number, where a function that lost three digits still shows seven.
const STEPS: usize = 14;
/// How many times smaller than the one before each step is. Not 2: half of many periods is often whole periods again, and what
/// is periodic would look slow at all steps.
const SMALLER: f64 = 2.1;
/// The first step, as a part of the number, or of a tenth.
const FIRST: f64 = 0.05;
/// How many steps below the first of an extrapolation are looked at: by then what converges comes 20 times
/// nearer, and what jumps, 20 times further.
const BELOW: usize = 4;
/// The part of the largest derivative of a column that rounding may leave in the others.
const LOST: f64 = 0.01;
/// How far a point is moved to see how much rounding of it would change the results, as a part of each number: the first
/// is large beside the last digit of an `f32`, the last beside that of an `f64`; what turns fast moves far at small ones alone.
/// Those from the least step on, each a fifth of the one before, show what turns faster than differences see.
const NUDGES: [f64; 11] = [1e-5, 3e-6, 6e-7, 1.2e-7, 2.4e-8, 5e-9, 1e-9, 2e-10, 4e-11, 1e-12, 1e-14];
/// A difference is trusted up to this many times its estimated error.
const TRUST: f64 = 16.0;
/// The units of the last place that a function may lose to rounding: three digits.
const NOISE: f64 = 1000.0;
/// The part of a value that may be lost to rounding where there is no input to move, which would show how much is.
const UNSEEN: f64 = 0.01;
/// How much extrapolation may enlarge rounding errors: the product of (2.1ᵏ + 1) / (2.1ᵏ - 1) over all k.
const ENLARGED: f64 = 7.0;

/// Compares the functions at the point and around it.
///
/// # Panics
/// If two of them disagree, or the function has no finite value at the point.
#[track_caller]
pub fn check(subject: &Subject<'_>) {
    for k in 0..=AROUND {
        let mut random = Random(k);
        let mut near = |stays: bool, x: &f64| if k == 0 || stays { *x } else { x + DISTANCE * random.sign() * x.abs().max(0.1) };
        let parts = subject.point.iter().enumerate();
        let point: Parts = parts.map(|(i, x)| x.iter().map(|x| near(subject.stays(i), x)).collect()).collect();
        match At::new(subject, point) {
            Some(at) => {
                if let Err(what) = at.compare(k) {
                    panic!("{what}\n  at {}", at.describe());
                }
            }
            None if k == 0 => panic!("`{}` has no finite value at the point where it is checked", subject.name),
            None => {}
        }
    }
}

/// Numbers that look random and are the same on every machine: Knuth's generator.
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Between ½ and 1, of either sign.
    fn sign(&mut self) -> f64 {
        let size = 0.5 + 0.5 * self.unit();
        if self.unit() < 0.5 {
            -size
        } else {
            size
        }
    }
}

/// A number that differences give, and an estimate of its error.
#[derive(Clone, Copy)]
struct Estimate {
    value: f64,
    error: f64,
}

/// The one-sided difference quotients of one result at one step, forward and backward.
struct Quotients {
    step: f64,
    sides: [f64; 2],
    /// The largest of the values, and what rounding of the point changes in them, in units of it.
    size: f64,
}

/// The derivative at `x` that the quotients tend to, each side extrapolated to a step of 0 (Ridders 1982): of all
/// estimates that the smaller steps bear out the one with the least error.
///
/// Without one the error is infinite: where the function jumps, has a kink or turns faster than the steps, differences
/// tell nothing, however well some of them agree.
fn limit(x: f64, epsilon: f64, quotients: &[Quotients]) -> Estimate {
    let mut best = Estimate { value: 0.0, error: f64::INFINITY };
    let grain = grain(epsilon, quotients);
    let tables = [0, 1].map(|side| extrapolated(quotients.iter().map(|q| q.sides[side])));
    for first in 0..quotients.len().saturating_sub(BELOW) {
        let size = quotients[first..].iter().fold(0.0_f64, |size, q| size.max(q.size));
        for last in first + 2..quotients.len() {
            let order = last - first;
            let value = tables.iter().map(|t| t[last][order]).sum::<f64>() / 2.0;
            // both sides, and of each the extrapolations that leave out the first step or the last
            let agreeing = tables.iter().flat_map(|t| [t[last][order], t[last][order - 1], t[last - 1][order - 1]]);
            // `max` would pass over what is no number
            let apart = agreeing.fold(0.0, |apart, t| if (t - value).abs() <= apart { apart } else { (t - value).abs() });
            // the values are rounded, and so is where they are taken
            let rounding = |q: &Quotients| (epsilon * (size + (x * value).abs())).max(grain) / q.step;
            // at the two smallest steps it is seen: after one extrapolation nothing else is left
            let seen = tables.iter().flat_map(|t| t.iter().zip(quotients).rev().take(2)).map(|(t, q)| (t[1] - value).abs() * q.step);
            let seen = seen.fold(rounding(&quotients[last]), |most, seen| most.max(seen / quotients[last].step));
            let error = apart + ENLARGED * seen;
            let distance = |q: &Quotients| (q.sides[0] - value).abs().max((q.sides[1] - value).abs());
            let start = &quotients[first];
            // it is an extrapolation only if it comes much nearer than the quotients
            let converged = TRUST * error <= distance(start) + NOISE * rounding(start);
            // the quotients of a function whose derivative is continuous come nearer as the step does, up to rounding; twice
            // that is left for higher derivatives
            let nearer = |q: &Quotients| distance(q) <= 2.0 * distance(start) * q.step / start.step + NOISE * rounding(q);
            if error < best.error && converged && quotients[first..].iter().all(nearer) {
                best = Estimate { value, error };
            }
        }
    }
    best
}

/// How much the values change at once if they do not change over some steps: what is left of 1 in `x.powi(14).cos() - 1.0`
/// has its digits. Jumps that are more than rounding of the values, or of 1, are no matter of digits.
fn grain(epsilon: f64, quotients: &[Quotients]) -> f64 {
    let changes = || quotients.iter().flat_map(|q| q.sides.map(|side| side.abs() * q.step));
    if !changes().any(|change| change == 0.0) {
        return 0.0;
    }
    let size = quotients.iter().fold(1.0_f64, |size, q| size.max(q.size));
    changes().filter(|change| *change > 0.0).fold(TRUST * epsilon * size, f64::min)
}

/// Row `j` has the extrapolations from the steps up to the `j`th, by order: each takes one more power of the step away.
fn extrapolated(quotients: impl Iterator<Item = f64>) -> Vec<Vec<f64>> {
    let mut rows: Vec<Vec<f64>> = Vec::new();
    for quotient in quotients {
        let mut row = alloc::vec![quotient];
        let mut factor = 1.0;
        for wide in rows.last().into_iter().flatten() {
            factor *= SMALLER;
            row.push((factor * row[row.len() - 1] - wide) / (factor - 1.0));
        }
        rows.push(row);
    }
    rows
}

/// How far an element moves as all numbers of the point do, at each nudge.
fn moves(value: f64, (part, k): (usize, usize), moved: &[Nudged]) -> impl Iterator<Item = (f64, f64)> + '_ {
    let moves = moved.iter().filter_map(move |(nudge, [above, _])| Some((*nudge, (element(above, part, k)? - value).abs())));
    moves.filter(|(_, far)| far.is_finite())
}

fn element(parts: &Parts, part: usize, k: usize) -> Option<f64> {
    parts.get(part).and_then(|p| p.get(k)).copied()
}

/// How fast an element changes as all numbers of the point do, in proportion.
fn sensitivity(value: f64, at: (usize, usize), moved: &[Nudged]) -> f64 {
    moves(value, at, moved).map(|(nudge, far)| far / nudge).fold(0.0, f64::max)
}

/// How much of a derivative the differences cannot see: where it lies off the middle of what is beside it by less than their
/// least step, as in `x + 1e-12 * sin(1e8 * x)`. What they see is straight there.
fn ripple(derivative: f64, (part, k): (usize, usize), moved: &[Nudged]) -> f64 {
    let least = (1..STEPS).fold(FIRST, |step, _| step / SMALLER);
    let bends = moved.iter().filter(|(nudge, _)| *nudge < least).filter_map(|(_, [above, below])| {
        let (above, below) = (element(above, part, k)?, element(below, part, k)?);
        Some((above - derivative + (below - derivative)).abs())
    });
    bends.filter(|bend| bend.is_finite()).fold(0.0, f64::max)
}

/// The functions where every number of a point is changed by a small part, and where it is changed the other way.
struct Near {
    part: f64,
    points: [Parts; 2],
    values: [Parts; 2],
    jacobians: [Parts; 2],
}

impl Near {
    /// What another function is there.
    fn run(&self, run: Run<'_>, seeds: &[Vec<f64>]) -> Option<Nudged> {
        Some((self.part, [run(&self.points[0], seeds)?, run(&self.points[1], seeds)?]))
    }
}

/// The functions at one point.
struct At<'a> {
    subject: &'a Subject<'a>,
    /// What the parts of the point are called.
    inputs: &'a [&'static str],
    point: Parts,
    value: Parts,
    jacobian: Parts,
    nudged: Vec<Near>,
}

impl<'a> At<'a> {
    fn new(subject: &'a Subject<'a>, point: Parts) -> Option<At<'a>> {
        let both = |x: &Parts| {
            let value = (subject.value)(x, &[]).filter(|y| y.iter().flatten().all(|y| y.is_finite()))?;
            let jacobian = (subject.jacobian)(x, &[])?;
            Some((value, jacobian))
        };
        let (value, jacobian) = both(&point)?;
        let mut random = Random(7);
        let lengths = |parts: &Parts| parts.iter().map(Vec::len).collect::<Vec<usize>>();
        let nudged = NUDGES.iter().filter_map(|part| {
            let mut by = |i: usize| if subject.stays(i) { 0.0 } else { part * random.sign() };
            let directions: Parts = point.iter().enumerate().map(|(i, x)| x.iter().map(|_| by(i)).collect()).collect();
            let moved = |(x, by): (&Vec<f64>, &Vec<f64>), side: f64| x.iter().zip(by).map(|(x, by)| x * (1.0 + side * by)).collect();
            let points = [1.0, -1.0].map(|side| point.iter().zip(&directions).map(|pair| moved(pair, side)).collect::<Parts>());
            let [above, below] = [both(&points[0])?, both(&points[1])?];
            let is_alike = |(y, j): &(Parts, Parts)| lengths(y) == lengths(&value) && lengths(j) == lengths(&jacobian);
            let alike = is_alike(&above) && is_alike(&below);
            alike.then_some(Near { part: *part, points, values: [above.0, below.0], jacobians: [above.1, below.1] })
        });
        let nudged = nudged.collect();
        Some(At { subject, inputs: subject.inputs, point, value, jacobian, nudged })
    }

    fn compare(&self, seed: u64) -> Result<(), String> {
        let name = self.subject.name;
        let lengths: Vec<usize> = self.value.iter().map(Vec::len).collect();
        let moved = |of: &dyn Fn(&Parts) -> Parts| {
            self.nudged.iter().map(|near| (near.part, near.jacobians.each_ref().map(of))).collect::<Vec<_>>()
        };
        let values_moved: Vec<Nudged> = self.nudged.iter().map(|near| (near.part, near.values.clone())).collect();
        let of = (self.subject.value, &values_moved[..]);
        self.differences(&format!("{name}_jacobian"), of, &lengths, (&self.jacobian, &moved(&Parts::clone)))?;
        for other in self.subject.others {
            let (run, form) = (other.run, other.name);
            let is_second = other.steps.len() > 1 && matches!(other.steps[1], Step::Jacobian | Step::Jvp);
            if is_second && self.subject.fixed.contains(&true) {
                // differences of the Jacobian need it beside the constants, too
                continue;
            }
            let mut random = Random(seed.wrapping_add(0x9e37_79b9));
            let mut like = |parts: &Parts| -> Parts { parts.iter().map(|x| x.iter().map(|_| random.sign()).collect()).collect() };
            let (mut tangents, cotangents) = (like(&self.point), like(&self.value));
            if other.steps.len() > 1 {
                // differences are along the tangents: each input is to move by a part of its size
                let numbers = tangents.iter_mut().flatten().zip(self.point.iter().flatten());
                numbers.for_each(|(tangent, x)| *tangent *= x.abs().max(0.1));
            }
            let seeds = match other.steps {
                steps if steps.contains(&Step::Jvp) => &tangents,
                steps if steps.contains(&Step::Vjp) || steps.contains(&Step::WeightedNormal) => &cotangents,
                _ => &Vec::new(),
            };
            let results = run(&self.point, seeds).ok_or_else(|| format!("`{form}` returns nothing where `{name}` returns a value"))?;
            let values = if other.value { self.value.len() } else { 0 };
            let (values, rest) = results.split_at(values.min(results.len()));
            let scales: Parts = self.value.iter().map(|y| y.iter().map(|y| y.abs()).collect()).collect();
            self.same(form, "the value", values, (&self.value[..values.len()], &scales, &values_moved))?;
            // what is like the inputs by each of them
            let inputs: Vec<usize> = self.point.iter().map(Vec::len).collect();
            let second = || self.nudged.iter().filter_map(|near| near.run(run, seeds)).collect::<Vec<Nudged>>();
            match other.steps {
                [Step::Jacobian] => {
                    let scales: Parts = self.jacobian.iter().map(|j| j.iter().map(|j| j.abs()).collect()).collect();
                    self.same(form, "the Jacobian", rest, (&self.jacobian, &scales, &moved(&Parts::clone)))?;
                }
                [Step::Jvp] => {
                    let (expected, scales) = self.product(&self.jacobian, &tangents, false);
                    let moved = moved(&|j| self.product(j, &tangents, false).0);
                    self.same(form, "the tangent", rest, (&expected, &scales, &moved))?;
                }
                [Step::Vjp] => {
                    let (expected, scales) = self.product(&self.jacobian, &cotangents, true);
                    let moved = moved(&|j| self.product(j, &cotangents, true).0);
                    self.same(form, "the cotangent", rest, (&expected, &scales, &moved))?;
                }
                [Step::Jacobian, Step::Jacobian] => {
                    let of = (self.subject.jacobian, &moved(&Parts::clone)[..]);
                    self.differences(form, of, &inputs, (rest, &second()))?;
                }
                [Step::Vjp, Step::Jacobian] => {
                    let pulled = |j: &Parts| self.product(j, &cotangents, true).0;
                    let gradient = |x: &[Vec<f64>], _: &[Vec<f64>]| Some(pulled(&(self.subject.jacobian)(x, &[])?));
                    let of = (&gradient as Run<'_>, &moved(&pulled)[..]);
                    self.differences(form, of, &inputs, (rest, &second()))?;
                }
                [Step::Jacobian, last @ (Step::Normal | Step::WeightedNormal | Step::Diagonal | Step::BlockDiagonal | Step::NormalDiagonal)] =>
                {
                    let normal = |j: &Parts, y: &Parts| match last {
                        Step::Diagonal => self.diagonal(j),
                        Step::BlockDiagonal => self.block_diagonal(j, rest),
                        last => self.normal(j, y, (*last, seeds, other.normal)),
                    };
                    let (expected, scales) = normal(&self.jacobian, &self.value);
                    let at = |near: &Near| (near.part, [0, 1].map(|side| normal(&near.jacobians[side], &near.values[side]).0));
                    let moved: Vec<Nudged> = self.nudged.iter().map(at).collect();
                    let what = match last {
                        Step::Diagonal | Step::BlockDiagonal => "the diagonal",
                        _ => "the normal equations",
                    };
                    self.same(form, what, rest, (&expected, &scales, &moved))?;
                }
                [Step::Jacobian, Step::Jvp] => {
                    let gradient = |step: &[Vec<f64>], _: &[Vec<f64>]| (self.subject.jacobian)(&self.beside(&tangents, step[0][0]), &[]);
                    let of = (&gradient as Run<'_>, &moved(&Parts::clone)[..]);
                    self.along_a_line().differences(form, of, &inputs, (rest, &second()))?;
                }
                steps => return Err(format!("`{form}`: nothing is known of the steps {steps:?}")),
            }
        }
        Ok(())
    }

    /// The point plus the tangents times what the factor is above 1.
    fn beside(&self, tangents: &Parts, factor: f64) -> Parts {
        let moved = |(x, t): (&Vec<f64>, &Vec<f64>)| x.iter().zip(t).map(|(x, t)| x + (factor - 1.0) * t).collect();
        self.point.iter().zip(tangents).map(moved).collect()
    }

    /// The same, but for a function of one number, which is 1 at the point: how far to go along tangents.
    fn along_a_line(&self) -> At<'a> {
        let (point, nudged) = (alloc::vec![alloc::vec![1.0]], Vec::new());
        At { subject: self.subject, inputs: &["the tangents"], point, value: self.value.clone(), jacobian: self.jacobian.clone(), nudged }
    }

    /// Compares a derivative with differences of the function `of`, whose results have these lengths. With both is what
    /// they are at nudged points.
    fn differences(
        &self,
        name: &str,
        of: (Run<'_>, &[Nudged]),
        lengths: &[usize],
        (found, moved): (&[Vec<f64>], &[Nudged]),
    ) -> Result<(), String> {
        let inputs = self.point.len();
        if found.len() != lengths.len() * inputs {
            return Err(format!("`{name}` has {} parts, not {}", found.len(), lengths.len() * inputs));
        }
        for (i, input) in self.point.iter().enumerate() {
            for k in 0..input.len() {
                let column = self.column(of, i, k, lengths);
                // what the function itself loses to rounding is seen in none of the differences
                let values = self.value.iter().flatten().map(|y| y.abs() / input[k].abs().max(0.1));
                let derivatives = column.iter().flatten().filter(|e| e.error.is_finite()).map(|e| e.value.abs());
                let largest = values.chain(derivatives).fold(0.0_f64, f64::max);
                for (((at, part), length), estimates) in found.iter().enumerate().skip(i).step_by(inputs).zip(lengths).zip(&column) {
                    if part.len() != length * input.len() {
                        return Err(format!("`{name}` has {} entries by `{}`, not {}", part.len(), self.inputs[i], length * input.len()));
                    }
                    for (row, estimate) in estimates.iter().enumerate() {
                        let entry = part[row * input.len() + k];
                        let place = (at, row * input.len() + k);
                        let lost = NOISE * self.subject.epsilon * sensitivity(entry, place, moved) + TRUST * ripple(entry, place, moved);
                        let tolerance = TRUST * estimate.error + self.slack(estimate.value.abs() + LOST * largest) + lost;
                        let difference = (entry - estimate.value).abs();
                        if tolerance.is_finite() && (difference > tolerance || difference.is_nan()) {
                            return Err(format!(
                                "`{name}`: the derivative of element {row} by element {k} of `{}` is {entry:?}, but differences give {:?} ± {:.1e}",
                                self.inputs[i], estimate.value, estimate.error
                            ));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// What another order of operations may change in a number of this size. No more than half of the digits are ever told
    /// apart: of `q * (3.0 * q.atan()).cos()` only a last bit of the cosine is left for large `q`, with a slope of its own.
    fn slack(&self, size: f64) -> f64 {
        // what is less than the root of the least normal number may be of products that have underflowed
        let (digits, least) = if self.subject.epsilon > 1e-10 { (0.5, 1.1e-19) } else { (6e-8, 1.5e-154) };
        digits * size + least
    }

    /// What differences tell of the derivatives of all results by one number.
    fn column(&self, (of, moved): (Run<'_>, &[Nudged]), i: usize, k: usize, lengths: &[usize]) -> Vec<Vec<Estimate>> {
        let x = self.point[i][k];
        let at = |x: f64| {
            let mut point = self.point.clone();
            point[i][k] = x;
            of(&point, &[])
        };
        let centre = at(x);
        let mut steps: Vec<(f64, Parts, Parts)> = Vec::new();
        let mut step = FIRST * x.abs().max(0.1);
        for _ in 0..STEPS {
            match (at(x + step), at(x - step)) {
                (Some(above), Some(below)) => steps.push((step, above, below)),
                // only what is nearer than that counts
                _ => steps.clear(),
            }
            step /= SMALLER;
        }
        let entry = |parts: &Parts, part: usize, row: usize| parts.get(part).and_then(|p| p.get(row)).copied().unwrap_or(f64::NAN);
        let estimate = |part: usize, row: usize| {
            let y = centre.as_ref().map_or(f64::NAN, |c| entry(c, part, row));
            let speed = sensitivity(y, (part, row), moved);
            let quotients = steps.iter().map(|(step, above, below)| {
                let (above, below) = (entry(above, part, row), entry(below, part, row));
                let size = y.abs().max(above.abs()).max(below.abs()) + speed;
                Quotients { step: *step, sides: [(above - y) / step, (y - below) / step], size }
            });
            limit(x, self.subject.epsilon, &quotients.collect::<Vec<_>>())
        };
        lengths.iter().enumerate().map(|(part, n)| (0..*n).map(|row| estimate(part, row)).collect()).collect()
    }

    /// `J·t` or `Jᵀ·c`, and the sum of the absolute values of its terms.
    fn product(&self, jacobian: &Parts, weights: &Parts, transposed: bool) -> (Parts, Parts) {
        let of: &Parts = if transposed { &self.point } else { &self.value };
        let mut sums: Parts = of.iter().map(|x| alloc::vec![0.0; x.len()]).collect();
        let mut scales = sums.clone();
        for (o, y) in self.value.iter().enumerate() {
            for (i, x) in self.point.iter().enumerate() {
                let block = &jacobian[o * self.point.len() + i];
                for (row, column) in (0..y.len()).flat_map(|row| (0..x.len()).map(move |column| (row, column))) {
                    let entry = block[row * x.len() + column];
                    let (to, weight) = if transposed { ((i, column), weights[o][row]) } else { ((o, row), weights[i][column]) };
                    sums[to.0][to.1] += entry * weight;
                    scales[to.0][to.1] += (entry * weight).abs();
                }
            }
        }
        (sums, scales)
    }

    /// The diagonal of the Jacobian's one block, and the absolute values.
    fn diagonal(&self, jacobian: &Parts) -> (Parts, Parts) {
        let diagonal: Vec<f64> = jacobian[0].iter().step_by(self.point[0].len() + 1).copied().collect();
        let sizes = diagonal.iter().map(|x| x.abs()).collect();
        (alloc::vec![diagonal], alloc::vec![sizes])
    }

    /// The blocks on the diagonals of the blocks of the Jacobian, and the absolute values. How many rows there are is told by how
    /// much was found.
    fn block_diagonal(&self, jacobian: &Parts, found: &[Vec<f64>]) -> (Parts, Parts) {
        let inputs = self.point.len();
        let of_block = |(k, block): (usize, &Vec<f64>)| -> Vec<f64> {
            let (columns, count) = (self.point[k % inputs].len(), found.get(k).map_or(0, Vec::len));
            let rows = block.len().checked_div(count).unwrap_or(0).max(1);
            let (height, width) = ((block.len() / columns.max(1) / rows).max(1), columns / rows);
            let lines = block.chunks(columns.max(1)).enumerate();
            lines.flat_map(|(line, all)| all[line / height * width..][..width].iter().copied()).collect()
        };
        let diagonals: Parts = jacobian.iter().enumerate().map(of_block).collect();
        let sizes = diagonals.iter().map(|block| block.iter().map(|x| x.abs()).collect()).collect();
        (diagonals, sizes)
    }

    /// `JᵀWJ` by pairs of inputs and `JᵀWr` by inputs, or the diagonals of `JᵀWJ`, and the sums of the absolute values of their
    /// terms. The weights are given, those of the loss, or 1.
    fn normal(&self, jacobian: &Parts, value: &Parts, (step, weights, how): (Step, &Parts, Normal)) -> (Parts, Parts) {
        let inputs = self.point.len();
        let weight = |o: usize, row: usize| match (weights.get(o), how.weight) {
            (Some(weights), _) => weights[row],
            (None, Some(weight)) => weight(value[o][row] * value[o][row]),
            (None, None) => 1.0,
        };
        let total = |factor: &dyn Fn(usize, usize) -> f64| {
            let rows = value.iter().enumerate().flat_map(|(o, y)| (0..y.len()).map(move |row| (o, row)));
            rows.map(|(o, row)| weight(o, row) * factor(o, row)).fold((0.0, 0.0), |(sum, size), term| (sum + term, size + term.abs()))
        };
        let entry = |o: usize, row: usize, i: usize, k: usize| jacobian[o * inputs + i][row * self.point[i].len() + k];
        let columns = |i: usize| 0..self.point[i].len();
        let square = |i: usize, j: usize| {
            let entries = columns(i).flat_map(|k| columns(j).map(move |l| (k, l)));
            let is_there = |k: usize, l: usize| !how.lower || (j, l) <= (i, k);
            let all = entries.map(|(k, l)| match is_there(k, l) {
                true => total(&|o, row| entry(o, row, i, k) * entry(o, row, j, l)),
                false => (0.0, 0.0),
            });
            all.unzip::<f64, f64, Vec<f64>, Vec<f64>>()
        };
        if step == Step::NormalDiagonal {
            let square = |i: usize| columns(i).map(|k| total(&|o, row| entry(o, row, i, k) * entry(o, row, i, k))).unzip();
            return (0..inputs).map(square).unzip();
        }
        let product = |i: usize| columns(i).map(|k| total(&|o, row| entry(o, row, i, k) * value[o][row])).unzip();
        let squares = (0..inputs).flat_map(|i| (0..inputs).map(move |j| (i, j))).map(|(i, j)| square(i, j));
        squares.chain((0..inputs).map(product)).unzip()
    }

    /// Compares two that should differ by rounding only. Terms may have cancelled inside both, of which the results show
    /// nothing: these are taken to be as large as the values, what is compared beside them, and 1. `moved` is what is
    /// expected at nudged points: of `sin(1e9 * x)` both have lost nine digits.
    fn same(
        &self,
        name: &str,
        what: &str,
        found: &[Vec<f64>],
        (expected, scales, moved): (&[Vec<f64>], &[Vec<f64>], &[Nudged]),
    ) -> Result<(), String> {
        let lengths = |parts: &[Vec<f64>]| parts.iter().map(Vec::len).collect::<Vec<usize>>();
        if lengths(found) != lengths(expected) {
            return Err(format!("`{name}`: {what} has the lengths {:?}, not {:?}", lengths(found), lengths(expected)));
        }
        let values = self.value.iter().flatten().fold(1.0_f64, |a, b| a.max(b.abs()));
        let unknown = if self.point.iter().all(Vec::is_empty) { UNSEEN * values } else { 0.0 };
        for (part, (found, expected)) in found.iter().zip(expected).enumerate() {
            let largest = scales[part].iter().filter(|a| a.is_finite()).fold(values, |a, b| a.max(*b));
            for (k, (found, expected)) in found.iter().zip(expected).enumerate() {
                let moved = NOISE * self.subject.epsilon * sensitivity(*expected, (part, k), moved);
                // of what has no digit left not even the size is known: `sin(1e17 * x).powi(12)` is small at most points
                let lost = if moved > 0.1 * expected.abs() { NOISE * NOISE * moved } else { moved };
                let tolerance = self.slack(scales[part][k]) + NOISE * self.subject.epsilon * largest + lost + unknown;
                let difference = (found - expected).abs();
                let both_nan = found.is_nan() && expected.is_nan() || found == expected;
                if !both_nan && (difference > tolerance || difference.is_nan()) {
                    let other = if what == "the value" { self.subject.name } else { "the Jacobian" };
                    return Err(format!(
                        "`{name}`: element {k} of part {part} of {what} is {found:?}, but {other} gives {expected:?} ± {tolerance:.1e}"
                    ));
                }
            }
        }
        Ok(())
    }

    fn describe(&self) -> String {
        let inputs = self.subject.inputs.iter().zip(&self.point).map(|(name, x)| match x.as_slice() {
            [x] => format!("{name} = {x:?}"),
            all => format!("{name} = {all:?}"),
        });
        inputs.collect::<Vec<String>>().join(", ")
    }
}
