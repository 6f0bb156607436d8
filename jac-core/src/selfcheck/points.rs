//! The points at which a function is checked: the same for every function of the same parameters.

use crate::ir::{Affine, Map, Program, Role, Size, Symbol, Tensor};

/// Values of the parameters.
#[derive(Clone, Debug)]
pub struct Point {
    /// The elements of each parameter, row-major; truth values are 1 and 0.
    pub tensors: Map<Tensor, Vec<f64>>,
    /// The run-time lengths and integers.
    pub sizes: Vec<i64>,
}

/// Numbers that look random and are the same on every machine: Knuth's generator.
pub struct Random(pub u64);

impl Random {
    /// Between 0 and 1.
    pub fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A direction's part: of either sign, and not small.
    pub fn part(&mut self) -> f64 {
        let size = 0.5 + self.unit();
        if self.unit() < 0.5 {
            -size
        } else {
            size
        }
    }
}

/// Where parameters lie, attempt by attempt; none suits every function.
const RANGES: [(f64, f64); 8] = [(0.4, 1.6), (-1.3, 1.3), (0.05, 0.95), (1.1, 3.0), (-0.9, 0.9), (4.0, 40.0), (-3.0, -0.2), (0.001, 0.1)];
/// The lengths and integers, attempt by attempt: neighbours differ, so that no two are mistaken, or are equal, as some
/// functions need them; long ones are for functions that read at fixed positions.
const SIZES: [[i64; 3]; 11] =
    [[2, 3, 4], [3, 2, 2], [1, 2, 3], [3, 3, 3], [0, 1, 2], [4, 3, 2], [2, 1, 0], [1, 1, 1], [5, 6, 7], [9, 8, 9], [16, 17, 18]];
/// Arrays of more numbers are not made: 8 MB.
const MOST_NUMBERS: i64 = 1 << 20;
/// The number of points that are tried.
pub const ATTEMPTS: usize = 24;

impl Point {
    /// The parameters of an attempt, if there are arrays of such lengths, and not too long ones.
    pub fn attempt(program: &Program, attempt: usize) -> Option<Point> {
        let sizes = (0..program.sizes.len()).map(|k| SIZES[attempt % SIZES.len()][k % 3]).collect();
        let mut point = Point { tensors: Map::default(), sizes };
        let mut random = Random(attempt as u64 + 1);
        for t in program.params() {
            let shape = &program.info(t).shape;
            let lengths: Vec<i64> = shape.iter().map(|n| point.position(n, |_| 0)).collect();
            if lengths.iter().any(|n| *n < 0) {
                return None;
            }
            // later attempts mix the ranges
            let own = if attempt < RANGES.len() { attempt } else { (random.unit() * RANGES.len() as f64) as usize };
            let (low, high) = RANGES[own % RANGES.len()];
            let count = lengths.iter().try_fold(1_i64, |count, n| count.checked_mul(*n)).filter(|count| *count <= MOST_NUMBERS)?;
            let mut values: Vec<f64> = (0..count).map(|_| low + (high - low) * random.unit()).collect();
            match (program.info(t).role, lengths.as_slice()) {
                (Role::Truth, _) => values.iter_mut().for_each(|x| *x = f64::from(u8::from(random.unit() < 0.5))),
                // a matrix may have to be regular, or positive definite
                (_, [rows, columns]) if rows == columns && attempt % 2 == 0 => {
                    values.iter_mut().step_by(*rows as usize + 1).for_each(|x| *x += *rows as f64 * high);
                }
                _ => {}
            }
            point.tensors.insert(t, values);
        }
        Some(point)
    }

    /// An integer expression.
    pub fn position(&self, a: &Affine, mut symbol: impl FnMut(Symbol) -> i64) -> i64 {
        let mut value = |s: &Symbol| match s {
            Symbol::Size(Size(n)) => self.sizes[*n as usize],
            other => symbol(*other),
        };
        a.terms().iter().fold(a.constant(), |sum, (s, c)| sum + c * value(s))
    }

    /// A length, 0 where it would be negative.
    pub fn length(&self, a: &Affine) -> usize {
        usize::try_from(self.position(a, |_| 0)).unwrap_or(0)
    }
}
