//! A program at many points: every generated function against hyper-dual numbers.

use crate::hyper::{AT_KINK, H, UNIT, UNSTABLE};
use std::panic::{catch_unwind, AssertUnwindSafe};

/// A parameter.
#[derive(Clone, Copy)]
pub enum Input {
    /// Floats of this shape, where a length that is known only at run time is −1, −2, …; and whether the function is
    /// differentiated by it, and the number that all of them are if they are a constant.
    Floats(&'static [i64], bool, Option<f64>),
    /// An integer below this one.
    Integer(i64),
}

/// The functions that may be there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asked {
    Value,
    Jacobian,
    ValueAndJacobian,
    Jvp,
    Vjp,
    Hessian,
    Pushforward,
    Pullback,
    WeightedHessian,
    Normal,
    WeightedNormal,
    Into,
    Update,
    /// The Jacobian and the Hessian as those of one point of several.
    Batch,
    HessianBatch,
    /// The entries that are not zero, as a matrix of all results by all inputs.
    Sparse,
    /// The user's own check, which returns nothing and panics where it finds a mistake.
    Check,
}

/// What is called, with its arguments: floats, tangents or cotangents, run-time lengths, integers and the layout of arrays.
pub type Call<T> = fn(Asked, &[T], &[T], &[usize], &[i64], usize) -> Vec<T>;

/// A program of the fuzzer.
pub struct Program {
    pub name: &'static str,
    pub inputs: &'static [Input],
    pub asked: &'static [Asked],
    /// Whether values are the function's, bit for bit.
    pub strict: bool,
    /// Whether blocks stand in one matrix.
    pub stacked: bool,
    /// The robust loss of normal equations, and its scale.
    pub loss: Option<(&'static str, f64)>,
    /// What jac compiled, in one of two widths.
    pub double: Option<Call<f64>>,
    pub single: Option<Call<f32>>,
    /// The same source over hyper-dual numbers: a list for each output.
    pub twin: fn(&[H], &[usize], &[i64]) -> Vec<Vec<H>>,
}

impl Program {
    fn call(&self, asked: Asked, point: &Point, seeds: &[f64]) -> Result<Vec<f64>, String> {
        let (n, i, l) = (&point.lengths, &point.integers, point.layout);
        catch_unwind(AssertUnwindSafe(|| match (self.double, self.single) {
            (Some(f), _) => f(asked, &point.x, seeds, n, i, l),
            (_, Some(f)) => {
                let narrow = |x: &[f64]| x.iter().map(|v| *v as f32).collect::<Vec<_>>();
                f(asked, &narrow(&point.x), &narrow(seeds), n, i, l).into_iter().map(f64::from).collect()
            }
            _ => Vec::new(),
        }))
        .map_err(|panic| panic.downcast_ref::<String>().map(|s| s.replace('\n', " | ")).unwrap_or_default())
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
    fn unit(&mut self) -> f64 {
        self.below(1 << 20) as f64 / f64::from(1 << 20)
    }
    /// Between −1 and 1, with a mantissa short enough for an `f32`.
    fn sign(&mut self) -> f64 {
        2.0 * self.unit() - 1.0
    }
}

struct Point {
    x: Vec<f64>,
    lengths: Vec<usize>,
    integers: Vec<i64>,
    layout: usize,
    /// Where in `x` the inputs that are differentiated by are.
    wrt: Vec<std::ops::Range<usize>>,
}

/// The run-time lengths that are tried, in turn.
const LENGTHS: [usize; 6] = [3, 0, 1, 2, 5, 4];

impl Point {
    fn number(k: usize, program: &Program) -> Point {
        let mut r = Random((k as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(program.name.len() as u64));
        r.below(2);
        let all_equal = k % 5 == 4;
        let length = |j: usize| LENGTHS[if all_equal { k / 5 } else { j } % 6];
        // the third is the length of a type, which is always the same
        let lengths = vec![length(k), length(k / 2 + 1), length(k / 3 + 3), length(k / 4 + 5)];
        let mut point = Point { x: Vec::new(), lengths, integers: Vec::new(), layout: (k / 2) % 4, wrt: Vec::new() };
        let few = [0.0, 1.0, -1.0, 0.5, 2.0, -0.5, 0.0, 1.0, 3.0];
        let all = if r.below(2) == 0 { r.sign() } else { few[r.below(9) as usize] };
        for input in program.inputs {
            match input {
                Input::Integer(limit) => point.integers.push((k as i64 + r.below(2) as i64) % limit),
                Input::Floats(shape, wrt, fixed) => {
                    let length = |n: &i64| if *n < 0 { point.lengths[(-n - 1) as usize] } else { *n as usize };
                    let count: usize = shape.iter().map(length).product();
                    let at = point.x.len();
                    for _ in 0..count {
                        let v = match k % 8 {
                            0 | 1 | 6 => 1.5 * r.sign(),
                            2 => all,
                            3 => 0.0,
                            4 => few[r.below(9) as usize],
                            5 if r.below(2) == 0 => all,
                            5 => 2.0 * r.sign(),
                            _ => r.sign() * [0.001, 1.0, 4.0][r.below(3) as usize],
                        };
                        point.x.push(fixed.unwrap_or(f64::from(v as f32)));
                    }
                    if *wrt {
                        point.wrt.push(at..at + count);
                    }
                }
            }
        }
        point
    }

    /// The second derivative along two directions at a kink: what it is on both sides of it, as far as that is one number.
    fn beside(
        &self,
        program: &Program,
        a: &dyn Fn(usize) -> f64,
        b: &dyn Fn(usize) -> f64,
        part: &dyn Fn(&[Vec<H>], usize) -> Vec<Vec<Entry>>,
    ) -> Option<Vec<Vec<Entry>>> {
        let moved = |by: f64| {
            let mut r = Random(99);
            let x = self.x.iter().map(|v| v + by * (0.25 + r.unit())).collect();
            let there =
                Point { x, lengths: self.lengths.clone(), integers: self.integers.clone(), layout: self.layout, wrt: self.wrt.clone() };
            there.run(program, a, b).map(|y| part(&y, 3))
        };
        let (right, left) = (moved(BESIDE), moved(-BESIDE));
        let both = |((v, _), (w, _)): (&Entry, &Entry)| {
            let (middle, apart) = ((v + w) / 2.0, (v - w).abs());
            // another number on each side tells nothing, nor does one that is lost in rounding
            let is_one = apart <= 1e-3 * middle.abs().max(1.0);
            if is_one {
                (middle, (apart + 1e-3 * middle.abs().max(1.0)) / (TOLERANCE * UNIT.get()))
            } else {
                (f64::NAN, f64::NAN)
            }
        };
        let (right, left) = (right?, left?);
        Some(right.iter().zip(&left).map(|(r, l)| r.iter().zip(l).map(both).collect()).collect())
    }

    /// The function along two directions, and whether a decision hung on rounding.
    fn run(&self, program: &Program, a: &dyn Fn(usize) -> f64, b: &dyn Fn(usize) -> f64) -> Option<Vec<Vec<H>>> {
        let x: Vec<H> = self.x.iter().enumerate().map(|(k, v)| H::new(*v, a(k), b(k))).collect();
        UNSTABLE.set(false);
        let y = catch_unwind(AssertUnwindSafe(|| (program.twin)(&x, &self.lengths, &self.integers))).ok()?;
        (!UNSTABLE.get()).then_some(y)
    }
}

/// What the numbers say an entry is, and the bound of its error in units of rounding.
type Entry = (f64, f64);

/// Everything there is to compare with.
struct Expected {
    value: Vec<Vec<Entry>>,
    /// By output, by the position in `x`, by element of the output.
    jacobian: Vec<Vec<Vec<Entry>>>,
    /// By two positions, by output, by its element.
    hessian: Vec<Vec<Vec<Vec<Entry>>>>,
}

impl Expected {
    fn at(point: &Point, program: &Program) -> Option<Expected> {
        let unit = |k: usize| move |i: usize| f64::from(u8::from(i == k));
        let n = point.x.len();
        let zero = |_: usize| 0.0;
        let y = point.run(program, &zero, &zero)?;
        let part = |y: &[Vec<H>], k: usize| -> Vec<Vec<Entry>> {
            // where there is no value there is no derivative
            let entry = |h: &H| if h.p[0].is_finite() { (h.p[k], h.e[k].max(h.p[k].abs())) } else { (f64::NAN, f64::NAN) };
            y.iter().map(|o| o.iter().map(entry).collect()).collect()
        };
        let value = part(&y, 0);
        let unknown = |y: &[Vec<H>]| y.iter().map(|o| vec![(f64::NAN, f64::NAN); o.len()]).collect();
        let mut jacobian = vec![Vec::new(); value.len()];
        let mut hessian = vec![vec![Vec::new(); n]; n];
        let second = [Asked::Hessian, Asked::WeightedHessian, Asked::HessianBatch].iter().any(|asked| program.asked.contains(asked));
        for i in 0..n {
            let lower = if second { 0 } else { i };
            for j in lower..=i {
                if second {
                    AT_KINK.set(false);
                    let y = point.run(program, &unit(i), &unit(j))?;
                    let entries = if AT_KINK.get() {
                        point.beside(program, &unit(i), &unit(j), &part).unwrap_or_else(|| unknown(&y))
                    } else {
                        part(&y, 3)
                    };
                    (hessian[i][j], hessian[j][i]) = (entries.clone(), entries);
                }
                if i == j {
                    let y = point.run(program, &unit(i), &unit(j))?;
                    jacobian.iter_mut().zip(part(&y, 1)).for_each(|(rows, o)| rows.push(o));
                }
            }
        }
        Some(Expected { value, jacobian, hessian })
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        let first = self.jacobian.iter().flatten().flatten();
        self.value.iter().flatten().chain(first).chain(self.hessian.iter().flatten().flatten().flatten())
    }

    /// Whether all is finite, and no value loses so many digits to rounding that its differences may tell of no derivative.
    fn has_digits(&self) -> bool {
        let lost = |(v, e): &Entry| UNIT.get() * e > LOST * v.abs().max(1.0);
        self.entries().all(|e| e.0.is_finite() && e.1.is_finite()) && !self.value.iter().flatten().any(lost)
    }

    /// The largest of all entries.
    fn largest(&self) -> f64 {
        self.entries().map(|(w, _)| w.abs()).filter(|w| w.is_finite()).fold(0.0, f64::max)
    }

    /// What a function should return, flat.
    fn of(&self, asked: Asked, point: &Point, seeds: &[f64], program: &Program) -> Vec<Entry> {
        let value: Vec<Entry> = self.value.concat();
        let positions = || point.wrt.iter().flat_map(Clone::clone);
        let block = |o: usize, wrt: &std::ops::Range<usize>| {
            let columns = &self.jacobian[o][wrt.clone()];
            (0..self.value[o].len()).flat_map(|r| columns.iter().map(move |c| c[r])).collect::<Vec<_>>()
        };
        let all: Vec<(usize, usize)> = (0..self.value.len()).flat_map(|o| (0..self.value[o].len()).map(move |r| (o, r))).collect();
        let matrix = || all.iter().flat_map(|(o, r)| positions().map(|p| self.jacobian[*o][p][*r])).collect::<Vec<Entry>>();
        let blocks: Vec<Entry> = if program.stacked {
            matrix()
        } else {
            (0..self.value.len()).flat_map(|o| point.wrt.iter().flat_map(move |w| block(o, w))).collect()
        };
        let sum = |terms: &mut dyn Iterator<Item = (f64, Entry)>| {
            terms.fold((0.0, 0.0), |(s, e), (t, (v, d))| (s + t * v, e + (t * v).abs() + t.abs() * d))
        };
        let pairs = || point.wrt.iter().flat_map(|a| point.wrt.iter().map(move |b| (a.clone(), b.clone())));
        let by_pairs = |entry: &mut dyn FnMut(usize, usize) -> Entry| {
            let of_blocks = || pairs().flat_map(|(a, b)| a.flat_map(move |i| b.clone().map(move |j| (i, j)))).collect::<Vec<_>>();
            let of_matrix = || positions().flat_map(|i| positions().map(move |j| (i, j))).collect();
            let all = if program.stacked { of_matrix() } else { of_blocks() };
            all.into_iter().map(|(i, j)| entry(i, j)).collect::<Vec<Entry>>()
        };
        match asked {
            Asked::Check => Vec::new(),
            Asked::Value => value,
            Asked::Jacobian | Asked::Into | Asked::Update | Asked::Batch => blocks,
            Asked::ValueAndJacobian => [value, blocks].concat(),
            Asked::Sparse => matrix(),
            Asked::Pushforward => self.of(Asked::Jvp, point, seeds, program).split_off(value.len()),
            Asked::Pullback => self.of(Asked::Vjp, point, seeds, program).split_off(value.len()),
            Asked::Normal | Asked::WeightedNormal => {
                let weight = |k: usize| match (asked, program.loss) {
                    (Asked::Normal, None) => (1.0, 0.0),
                    (Asked::Normal, Some(loss)) => robust_weight(loss, value[k]),
                    _ => (seeds[k], 0.0),
                };
                // an entry times an entry of which the first is exact but for its bound
                let times = |(a, d): Entry, (b, e): Entry| (a * b, (a * e).abs() + (b * d).abs() + TOLERANCE * UNIT.get() * d * e);
                let total = |factors: &dyn Fn(usize, usize) -> Entry| {
                    sum(&mut all.iter().enumerate().map(|(k, (o, r))| (1.0, times(weight(k), factors(*o, *r)))))
                };
                let square = by_pairs(&mut |i, j| total(&|o, r| times(self.jacobian[o][i][r], self.jacobian[o][j][r])));
                let product = positions().map(|i| total(&|o, r| times(self.jacobian[o][i][r], self.value[o][r]))).collect();
                [value, square, product].concat()
            }
            Asked::WeightedHessian => {
                by_pairs(&mut |i, j| sum(&mut all.iter().zip(seeds).map(|((o, r), t)| (*t, self.hessian[i][j][*o][*r]))))
            }
            Asked::Jvp => {
                let row = |o: usize, r: usize| sum(&mut positions().zip(seeds).map(|(p, t)| (*t, self.jacobian[o][p][r])));
                let along = (0..self.value.len()).flat_map(|o| (0..self.value[o].len()).map(move |r| (o, r))).map(|(o, r)| row(o, r));
                value.iter().copied().chain(along.collect::<Vec<_>>()).collect()
            }
            Asked::Vjp => {
                let column = |p: usize| sum(&mut all.iter().zip(seeds).map(|((o, r), t)| (*t, self.jacobian[*o][p][*r])));
                value.iter().copied().chain(positions().map(column).collect::<Vec<_>>()).collect()
            }
            Asked::Hessian | Asked::HessianBatch => by_pairs(&mut |i, j| self.hessian[i][j][0][0]),
        }
    }
}

/// The weight `ρ′(r²)` of a residual, and its bound.
fn robust_weight((loss, scale): (&str, f64), (r, e): Entry) -> Entry {
    let weight = |r: f64| {
        let u = (r / scale) * (r / scale);
        match loss {
            "huber" => (scale / r.abs()).min(1.0),
            "soft_l1" => 1.0 / (1.0 + u).sqrt(),
            "cauchy" => 1.0 / (1.0 + u),
            "geman_mcclure" => 1.0 / ((1.0 + u) * (1.0 + u)),
            "welsch" => (-u).exp(),
            "tukey" => (1.0 - u).max(0.0) * (1.0 - u).max(0.0),
            other => unreachable!("no loss is called {other}"),
        }
    };
    let step = 1e-4 * r.abs().max(scale);
    let slope = (weight(r + step) - weight(r - step)) / (2.0 * step);
    (weight(r), slope.abs() * e + weight(r))
}

/// How far beside a kink a second derivative is taken.
const BESIDE: f64 = 1e-5;

/// An error of this many units of the bound is a wrong number: what is reassociated is at most some units off,
/// what is wrong by a term or a sign is 1e16 off.
const TOLERANCE: f64 = 1e4;
/// Terms that cancel without rounding in the source, as `a·b` and `−a·b` do, need not in another order: an entry may be
/// off by this many units of the largest of the point, too: of the value and of all derivatives.
const OF_LARGEST: f64 = 10.0;

/// Where the bound of an entry is as large as this it tells nothing: neither is a number wrong, nor that it overflows.
const BOUNDLESS: f64 = 1e150;

/// The part of a value that may be lost where `check!` is called.
const LOST: f64 = 0.01;

/// Points at which `check!` is called: ordinary ones, of different lengths.
const CHECKED: [usize; 2] = [0, 8];
/// The functions whose results begin with the value.
const HAS_VALUE: [Asked; 5] = [Asked::ValueAndJacobian, Asked::Jvp, Asked::Vjp, Asked::Normal, Asked::WeightedNormal];

/// Compares a program at points, and prints a line for each function that is wrong, and one at the end.
pub fn check(program: &Program, points: usize) {
    std::panic::set_hook(Box::new(|_| {}));
    UNIT.set(if program.single.is_some() { f64::from(f32::EPSILON) } else { f64::EPSILON });
    let (mut compared, mut skipped, mut entries) = (0, 0, 0);
    let mut failed = Vec::new();
    for k in 0..points {
        let point = Point::number(k, program);
        let Some(expected) = Expected::at(&point, program) else {
            skipped += 1;
            continue;
        };
        let Ok(value) = program.call(Asked::Value, &point, &[]) else {
            skipped += 1;
            continue;
        };
        compared += 1;
        let mut r = Random(k as u64 + 77);
        for &asked in program.asked {
            let count = match asked {
                Asked::Vjp | Asked::Pullback | Asked::WeightedHessian | Asked::WeightedNormal => expected.value.iter().map(Vec::len).sum(),
                _ => point.wrt.iter().map(ExactSizeIterator::len).sum(),
            };
            let seeds: Vec<f64> = (0..count).map(|_| r.sign()).collect();
            let want = expected.of(asked, &point, &seeds, program);
            entries += want.len();
            if failed.contains(&asked) || asked == Asked::Check && !(CHECKED.contains(&k) && expected.has_digits()) {
                continue;
            }
            let got = program.call(asked, &point, &seeds);
            let other = |g: &Vec<f64>| g.iter().zip(&value).any(|(a, b)| a.to_bits() != b.to_bits() && !(a.is_nan() && b.is_nan()));
            let rounded = program.strict && HAS_VALUE.contains(&asked) && got.as_ref().is_ok_and(other);
            let complaint =
                complaint(got, &want, expected.largest()).or_else(|| rounded.then(|| format!("is strict, but its value is not {value:?}")));
            if let Some(complaint) = complaint {
                let Point { x, lengths, integers, layout, .. } = &point;
                println!("FAIL {} {asked:?} {complaint} at x = {x:?}, lengths {lengths:?}, integers {integers:?}, layout {layout}, seeds {seeds:?}", program.name);
                failed.push(asked);
            }
        }
    }
    println!("DONE {} {compared} {skipped} {entries}", program.name);
}

fn complaint(got: Result<Vec<f64>, String>, want: &[Entry], largest: f64) -> Option<String> {
    let got = match got {
        Ok(got) => got,
        Err(message) => return Some(format!("panics: {message}")),
    };
    if got.len() != want.len() {
        return Some(format!("has {} entries, expected {}", got.len(), want.len()));
    }
    // what is smaller may be of products that have underflowed
    let smallest = if UNIT.get() > f64::EPSILON { f64::from(f32::MIN_POSITIVE) } else { f64::MIN_POSITIVE }.sqrt();
    let wrong = |(k, (g, (w, e))): (usize, (&f64, &Entry))| {
        let tolerance = UNIT.get() * (TOLERANCE * e).max(OF_LARGEST * largest) + smallest;
        let bad = w.is_finite() && tolerance < BOUNDLESS && !((g - w).abs() <= tolerance);
        bad.then(|| format!("entry {k} is {g:?}, expected {w:?} ± {tolerance:?}"))
    };
    got.iter().zip(want).enumerate().find_map(wrong)
}
