//! Functions as people have them: results that may fail, enums, structs, macros and casts inside them, float types of any trait.

use jac_runtime::jacobian;

fn difference(f: impl Fn(f64) -> f64, x: f64) -> f64 {
    (f(x + 1e-6) - f(x - 1e-6)) / 2e-6
}

fn near(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-6 * (1.0 + b.abs()), "{a} {b}");
}

#[jacobian(value)]
fn checked(x: f64, y: f64) -> Result<f64, String> {
    if x < 0.0 {
        return Err(format!("{x} is negative"));
    }
    let z = helper(y)?;
    Ok(x.sqrt() * z)
}

fn helper(y: f64) -> Result<f64, String> {
    if y == 0.0 {
        Err("zero".into())
    } else {
        Ok(1.0 / y)
    }
}

#[test]
fn errors_are_those_of_the_function() {
    assert_eq!(checked_jacobian(-1.0, 2.0), Err("-1 is negative".to_string()));
    assert_eq!(checked_jacobian(1.0, 0.0), Err("zero".to_string()));
    assert_eq!(checked_value_and_jacobian(4.0, 2.0), Ok((1.0, (0.125, -0.5))));
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Fast,
    Slow(f64),
}

#[jacobian]
fn by_mode(x: f64, mode: Mode, opt: Option<f64>) -> f64 {
    let k = match mode {
        Mode::Fast => 1.0,
        Mode::Slow(k) => k,
    };
    let extra = if let Some(v) = opt { v * x } else { 0.0 };
    k * x * x + extra
}

#[test]
fn what_is_only_read_is_taken_apart_as_written() {
    assert_eq!(by_mode_jacobian(3.0, Mode::Slow(2.0), Some(5.0)), 17.0);
    assert_eq!(by_mode_jacobian(3.0, Mode::Fast, None), 6.0);
}

#[jacobian]
fn wrapped(x: f64) -> f64 {
    let turns = (x / 3.0) as i64;
    let odd = turns % 2 == 1;
    let r = x - turns as f64 * 3.0;
    if odd {
        -r * r
    } else {
        r * r
    }
}

#[test]
fn integers_that_depend_on_floats_are_steps() {
    for x in [-7.5, -1.0, 0.5, 4.0, 7.0, 10.0] {
        near(wrapped_jacobian(x), difference(wrapped, x));
    }
}

macro_rules! horner {
    ($x:expr, $a:expr) => { $a };
    ($x:expr, $a:expr, $($rest:expr),+) => {{ let t = $x; $a + t * horner!(t, $($rest),+) }};
}
macro_rules! declare {
    ($($name:ident),*) => { $(let mut $name = 0.0;)* };
}

#[jacobian]
fn by_macros(t: f64, x: f64) -> f64 {
    declare!(a, b);
    a += horner!(x + t, 1.0, t, 3.0, 0.5);
    b -= a * t;
    a * b
}

#[test]
fn macros_are_written_out() {
    let (by_t, by_x) = by_macros_jacobian(0.3, 0.7);
    near(by_t, difference(|t| by_macros(t, 0.7), 0.3));
    near(by_x, difference(|x| by_macros(0.3, x), 0.7));
}

#[derive(Clone, Copy)]
struct State {
    pos: [f64; 2],
    vel: f64,
}
#[derive(Clone, Copy)]
struct Pair(f64, f64);
impl std::ops::Add for Pair {
    type Output = Pair;
    fn add(self, other: Pair) -> Pair {
        Pair(self.0 + other.0, self.1 * other.1)
    }
}
impl State {
    fn new(x: f64, y: f64) -> Self {
        State { vel: x * y, pos: [x, y] }
    }
    fn advance(&mut self, h: f64) {
        self.pos[0] += h * self.vel;
        self.vel *= 1.0 - h;
    }
    fn energy(&self) -> f64 {
        self.pos.iter().map(|p| p * p).sum::<f64>() + self.vel * self.vel
    }
}

#[jacobian]
fn simulated(x: f64, y: f64) -> f64 {
    let mut s = State::new(x, y);
    let other = State { vel: 2.0 * y, ..s };
    for _ in 0..3 {
        s.advance(0.1 * x);
    }
    if x > 0.2 {
        s.vel += other.vel;
        s = State { vel: s.vel * s.vel, ..s };
    }
    let Pair(a, b) = Pair(x, y) + Pair(y, s.vel);
    let State { pos: [p, q], vel } = s;
    s.energy() + other.energy() * p * q + vel * a + b
}

#[test]
fn structs_are_values() {
    for x in [0.1, 0.5] {
        let (by_x, by_y) = simulated_jacobian(x, 0.7);
        near(by_x, difference(|x| simulated(x, 0.7), x));
        near(by_y, difference(|y| simulated(x, y), 0.7));
    }
}

#[derive(Clone, Copy, PartialEq)]
#[allow(dead_code)]
enum Region {
    One,
    Two,
    Three,
}
fn volume(r: Region, p: f64) -> f64 {
    match r {
        Region::One => p * p,
        Region::Two => p.sin(),
        Region::Three => 1.0 / p,
    }
}

#[jacobian]
fn regions(p: f64, t: f64) -> f64 {
    let r = if p > t {
        Region::One
    } else if p > 0.5 * t {
        Region::Two
    } else {
        Region::Three
    };
    let c = if t > 1.0 { 'a' } else { 'b' };
    let f = match c {
        'a' => 2.0,
        'b' | 'c' => t,
        _ => 0.0,
    };
    if !(0.0..=100.0).contains(&p) {
        return 0.0;
    }
    volume(r, p) * f
}

#[test]
fn variants_and_characters_may_depend_on_floats() {
    for (p, t) in [(2.0, 1.5), (1.0, 1.5), (0.3, 1.5), (0.3, 0.2), (0.3, 0.5), (0.1, 0.5)] {
        let (by_p, by_t) = regions_jacobian(p, t);
        near(by_p, difference(|p| regions(p, t), p));
        near(by_t, difference(|t| regions(p, t), t));
    }
}

/// A trait of the crate's own, by which a float type is known.
pub trait Number: Copy + std::ops::Add<Output = Self> + std::ops::Mul<Output = Self> + std::ops::Div<Output = Self> {
    const HALF: Self;
    fn of(x: f64) -> Self;
    fn sin(self) -> Self;
    fn cos(self) -> Self;
    fn squared(self) -> Self {
        self * self
    }
}

impl Number for f64 {
    const HALF: f64 = 0.5;
    fn of(x: f64) -> f64 {
        x
    }
    fn sin(self) -> f64 {
        self.sin()
    }
    fn cos(self) -> f64 {
        self.cos()
    }
}

#[jacobian]
fn own_trait<T: Number>(x: T, y: T) -> T {
    (x * y).sin() * T::HALF + y.squared() / T::of(3.0)
}

#[jacobian]
fn passed_through<T: num_traits::Float, N: AsRef<str>>(x: T, name: N) -> T {
    if name.as_ref() == "square" {
        x * x
    } else {
        x
    }
}

#[test]
fn float_types_are_told_by_their_traits() {
    let (by_x, by_y) = own_trait_jacobian(0.4, 1.3);
    near(by_x, difference(|x| own_trait(x, 1.3), 0.4));
    near(by_y, difference(|y| own_trait(0.4, y), 1.3));
    assert_eq!((passed_through_jacobian(3.0, "square"), passed_through_jacobian(3.0_f32, "no")), (6.0, 1.0));
}

/// Kepler's equation by Newton's steps.
#[jacobian(value)]
fn kepler(m: f64, e: f64) -> f64 {
    let mut x = m;
    let mut step = 1.0_f64;
    while step.abs() > 1e-13 {
        step = (x - e * x.sin() - m) / (1.0 - e * x.cos());
        x -= step;
    }
    x
}

/// A continued fraction, left in the middle of a round.
#[jacobian]
fn tangent(x: f64, eps: f64) -> f64 {
    let mut value = 0.0;
    let mut last = f64::MAX;
    let mut depth = 1.0;
    loop {
        value = x / (1.0 - x * x / (3.0 - x * x / (2.0 * depth + 3.0))) + 0.1 * value;
        if (value - last).abs() < eps {
            break;
        }
        last = value;
        depth += 1.0;
    }
    value * x
}

/// The arithmetic-geometric mean, in at most 40 rounds.
#[jacobian]
fn agm(a: f64, b: f64) -> f64 {
    let (mut a, mut b) = (a, b);
    let mut k = 0;
    while k < 40 && (a - b).abs() > 1e-14 * a {
        let next = 0.5 * (a + b);
        b = (a * b).sqrt();
        a = next;
        k += 1;
    }
    a + k as f64 * b * 1e-3
}

/// What a sum has when it passes a level: data of a run-time length, and a loop that is left.
#[jacobian(wrt(w, level))]
fn passed(w: f64, level: f64, x: &[f64]) -> f64 {
    if w < 0.0 {
        return level;
    }
    let mut sum = 0.0;
    for (k, v) in x.iter().enumerate() {
        if sum > level {
            return sum * k as f64;
        }
        sum += w * v * v;
        if *v < 0.0 {
            sum += level;
            break;
        }
    }
    sum * sum
}

#[test]
fn loops_end_when_they_end() {
    for (m, e) in [(0.3, 0.1), (1.2, 0.7), (3.0, 0.9)] {
        let (x, (by_m, by_e)) = kepler_value_and_jacobian(m, e);
        assert_eq!(x, kepler(m, e));
        near(by_m, 1.0 / (1.0 - e * x.cos()));
        near(by_e, x.sin() / (1.0 - e * x.cos()));
    }
    for x in [0.2, 0.7] {
        near(tangent_jacobian(x, 1e-9).0, difference(|x| tangent(x, 1e-9), x));
    }
    let (by_a, by_b) = agm_jacobian(1.0, 3.0);
    near(by_a, difference(|a| agm(a, 3.0), 1.0));
    near(by_b, difference(|b| agm(1.0, b), 3.0));
    for data in [&[1.0, 2.0, 3.0, 4.0][..], &[1.0, -2.0, 3.0], &[0.1, 0.2], &[]] {
        for (w, level) in [(0.5, 2.0), (0.5, 100.0), (-1.0, 2.0)] {
            let (by_w, by_level) = passed_jacobian(w, level, data);
            near(by_w, difference(|w| passed(w, level, data), w));
            near(by_level, difference(|l| passed(w, l, data), level));
        }
    }
}
