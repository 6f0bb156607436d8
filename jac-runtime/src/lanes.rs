//! Many points at once: the lanes of SIMD vectors, which batches are computed in.
//!
//! A vector holds the same quantity of neighbouring points: with AVX four of `f64` or eight of `f32`, else half as many. Arithmetic, roots and
//! comparisons are those of the floats themselves, lane by lane. Elementary functions have an error of at most 2 ulp: they are
//! computed for all lanes at once (`elementary.rs`) where all arguments lie in the interval that this was measured on
//! (`measured.rs`), and else by the standard library; of `f32` in `f64`, rounded. The standard library's are also taken where
//! vectors of the target are so narrow that they were not faster: see the example `lanes`.

// narrow vectors leave some to the standard library; the digits are those of the sources
#[cfg_attr(not(target_feature = "avx"), allow(dead_code))]
#[allow(clippy::excessive_precision)]
mod elementary;
#[cfg(test)]
mod measured;

use core::ops::{Add, BitAnd, BitOr, Div, Mul, Neg, Not, Sub};
#[cfg(not(target_feature = "avx"))]
use wide::{f32x4, f64x2};
#[cfg(target_feature = "avx")]
use wide::{f32x8, f64x4};

/// A vector of floats.
pub trait Lane:
    Copy
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + BitAnd<Output = Self>
    + BitOr<Output = Self>
    + Not<Output = Self>
{
    /// The floats.
    type Float: Copy;
    /// How many there are.
    const WIDTH: usize;
    /// The same float in every lane.
    fn splat(x: Self::Float) -> Self;
    /// What a function makes of each lane.
    fn map(self, f: impl Fn(Self::Float) -> Self::Float) -> Self;
    /// What a function makes of each lane of two.
    fn map2(self, other: Self, f: impl Fn(Self::Float, Self::Float) -> Self::Float) -> Self;
    /// A truth value in every lane.
    fn truth(holds: bool) -> Self;
    /// Of each lane, the first value where the truth value in `self` holds, else the second.
    fn select(self, a: Self, b: Self) -> Self;
    /// Where `self < other`.
    fn lt(self, other: Self) -> Self;
    /// Where `self <= other`.
    fn le(self, other: Self) -> Self;
    /// Where `self == other`.
    fn eq(self, other: Self) -> Self;
    /// Whether every lane lies in an interval, its ends included.
    fn is_inside(self, low: Self::Float, high: Self::Float) -> bool;
    /// A power, by squaring, as the method of floats of that name.
    fn powi(self, n: i32) -> Self;
    /// Reads the block of points that begins at a position into lanes, a vector for each of the floats that `part` says are a
    /// point's. Behind the last point stands that one again.
    ///
    /// # Panics
    /// If the position is not one of a point, or a point has fewer floats than there are vectors.
    fn read<T>(points: &[T], first: usize, lanes: &mut [Self], part: impl Fn(&T) -> &[Self::Float]);
    /// Reads lanes from where one quantity of all points stands, from a position on. Behind the last point stands that one
    /// again.
    ///
    /// # Panics
    /// If the position is not one of a point.
    fn load(points: &[Self::Float], first: usize) -> Self;
    /// Writes lanes to where one quantity of all points stands, from a position on.
    ///
    /// # Panics
    /// If the position lies behind the last point.
    fn store(self, points: &mut [Self::Float], first: usize);
    /// Writes the lanes of the block of points that begins at a position into the floats that `part` says are a point's.
    ///
    /// # Panics
    /// If the position lies behind the last point, or a point has fewer floats than there are vectors.
    fn write<T>(memory: &mut [T], first: usize, lanes: &[Self], part: impl Fn(&mut T) -> &mut [Self::Float]);
}

/// A function of floats of the standard library, on vectors.
macro_rules! functions {
    ($($name:ident)*; $($binary:ident)*) => {
        /// The functions of floats of these names, on vectors.
        pub trait Functions: Lane {
            $(#[doc = "As the method of floats of that name."] fn $name(self) -> Self;)*
            $(#[doc = "As the method of floats of that name."] fn $binary(self, other: Self) -> Self;)*
            /// As the method of floats of that name.
            fn sin_cos(self) -> (Self, Self);
            /// As the method of floats of that name: rounded once on every target.
            fn mul_add(self, factor: Self, summand: Self) -> Self;
        }
    };
}

functions!(sqrt abs floor ceil round trunc exp exp2 exp_m1 ln ln_1p log2 log10 sin cos tan asin acos atan sinh cosh tanh asinh
           acosh atanh cbrt signum; powf atan2 hypot max min copysign rem);

macro_rules! lanes {
    (
        $vector:ident of $width:literal $float:ident, $($lane:literal $point:ident)*,
        measured: $($name:ident in $low:literal..$high:literal)*; $($name2:ident if $domain:ident)*,
        through half: $($through:ident)*; $($through2:ident($of_half:expr))*,
        by lane: $($slow:ident)*; $($slow2:ident)*,
        sin_cos: $sin_cos:expr
    ) => {
        impl Lane for $vector {
            type Float = $float;
            const WIDTH: usize = $width;
            #[inline(always)]
            fn splat(x: $float) -> Self {
                $vector::splat(x)
            }
            #[inline(always)]
            fn map(self, f: impl Fn($float) -> $float) -> Self {
                let x = self.to_array();
                $vector::new([$(f(x[$lane])),*])
            }
            #[inline(always)]
            fn map2(self, other: Self, f: impl Fn($float, $float) -> $float) -> Self {
                let (a, b) = (self.to_array(), other.to_array());
                $vector::new([$(f(a[$lane], b[$lane])),*])
            }
            #[inline(always)]
            fn truth(holds: bool) -> Self {
                let x = $vector::splat(if holds { 0.0 } else { $float::NAN });
                x.simd_eq(x)
            }
            #[inline(always)]
            fn select(self, a: Self, b: Self) -> Self {
                self.bitselect(a, b)
            }
            #[inline(always)]
            fn lt(self, other: Self) -> Self {
                self.simd_lt(other)
            }
            #[inline(always)]
            fn le(self, other: Self) -> Self {
                self.simd_le(other)
            }
            #[inline(always)]
            fn eq(self, other: Self) -> Self {
                self.simd_eq(other)
            }
            #[inline(always)]
            fn is_inside(self, low: $float, high: $float) -> bool {
                ($vector::splat(low).simd_le(self) & self.simd_le($vector::splat(high))).all()
            }
            #[inline(always)]
            fn powi(self, n: i32) -> Self {
                let (mut power, mut square, mut left) = ($vector::splat(1.0), self, n.unsigned_abs());
                while left > 0 {
                    if left & 1 == 1 {
                        power *= square;
                    }
                    left >>= 1;
                    square *= square;
                }
                if n < 0 { $vector::splat(1.0) / power } else { power }
            }
            #[inline(always)]
            fn read<T>(points: &[T], first: usize, lanes: &mut [Self], part: impl Fn(&T) -> &[$float]) {
                let (from, last) = (&points[first..], points.len() - first - 1);
                let [$($point),*] = match from.first_chunk::<$width>() {
                    Some([$($point),*]) => [$(part($point)),*],
                    None => [$(part(&from[last.min($lane)])),*],
                };
                let whole = lanes.len() - lanes.len() % $width;
                for k in (0..whole).step_by($width) {
                    // as many floats of each point as there are points
                    let rows = [$($vector::new(*$point[k..].first_chunk().expect("a whole chunk"))),*];
                    lanes[k..k + $width].copy_from_slice(&$vector::transpose(rows));
                }
                for k in whole..lanes.len() {
                    lanes[k] = $vector::new([$($point[k]),*]);
                }
            }
            #[inline(always)]
            fn load(points: &[$float], first: usize) -> Self {
                let (from, last) = (&points[first..], points.len() - first - 1);
                match from.first_chunk::<$width>() {
                    Some(block) => $vector::new(*block),
                    None => $vector::new([$(from[last.min($lane)]),*]),
                }
            }
            #[inline(always)]
            fn store(self, points: &mut [$float], first: usize) {
                match points[first..].first_chunk_mut::<$width>() {
                    Some(block) => *block = self.to_array(),
                    None => points[first..].iter_mut().zip(self.to_array()).for_each(|(to, x)| *to = x),
                }
            }
            #[inline(always)]
            fn write<T>(memory: &mut [T], first: usize, lanes: &[Self], part: impl Fn(&mut T) -> &mut [$float]) {
                let Some([$($point),*]) = memory[first..].first_chunk_mut::<$width>() else {
                    for (l, point) in memory[first..].iter_mut().enumerate() {
                        part(point).iter_mut().zip(lanes).for_each(|(to, lanes)| *to = lanes.to_array()[l]);
                    }
                    return;
                };
                $(let $point = part($point);)*
                let whole = lanes.len() - lanes.len() % $width;
                for k in (0..whole).step_by($width) {
                    let [$($point),*] = {
                        let rows = $vector::transpose(*lanes[k..].first_chunk().expect("a whole chunk"));
                        [$((&mut *$point, rows[$lane].to_array())),*]
                    };
                    $($point.0[k..k + $width].copy_from_slice(&$point.1);)*
                }
                for k in whole..lanes.len() {
                    let x = lanes[k].to_array();
                    $($point[k] = x[$lane];)*
                }
            }
        }

        impl Functions for $vector {
            $(
                #[inline(always)]
                fn $name(self) -> Self {
                    if self.is_inside($low, $high) { elementary::$name(self) } else { $vector::new(by_lane(self.to_array(), $float::$name)) }
                }
            )*
            $(
                #[inline(always)]
                fn $name2(self, other: Self) -> Self {
                    if elementary::$domain(self, other) {
                        elementary::$name2(self, other)
                    } else {
                        $vector::new(by_lane2(self.to_array(), other.to_array(), $float::$name2))
                    }
                }
            )*
            $(
                #[inline(always)]
                fn $through(self) -> Self {
                    self.halves(<<$vector as Halves>::Half as Functions>::$through)
                }
            )*
            $(
                #[inline(always)]
                fn $through2(self, other: Self) -> Self {
                    self.halves2(other, $of_half)
                }
            )*
            $(
                #[inline(always)]
                fn $slow(self) -> Self {
                    $vector::new(by_lane(self.to_array(), $float::$slow))
                }
            )*
            $(
                #[inline(always)]
                fn $slow2(self, other: Self) -> Self {
                    $vector::new(by_lane2(self.to_array(), other.to_array(), $float::$slow2))
                }
            )*
            #[inline(always)]
            fn sqrt(self) -> Self {
                $vector::sqrt(self)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                $vector::abs(self)
            }
            #[inline(always)]
            fn floor(self) -> Self {
                $vector::floor(self)
            }
            #[inline(always)]
            fn ceil(self) -> Self {
                $vector::ceil(self)
            }
            #[inline(always)]
            fn trunc(self) -> Self {
                $vector::trunc(self)
            }
            #[inline(always)]
            fn round(self) -> Self {
                // the number before one half: a half itself would round up what is just below one
                let half = $vector::splat(0.5 - $float::EPSILON / 4.0);
                $vector::trunc(self + Functions::copysign(half, self))
            }
            #[inline(always)]
            fn signum(self) -> Self {
                Lane::select(Lane::eq(self, self), Functions::copysign($vector::splat(1.0), self), self)
            }
            #[inline(always)]
            fn copysign(self, other: Self) -> Self {
                let sign = $vector::splat(-0.0);
                (self & !sign) | (other & sign)
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                $vector::max(self, other)
            }
            #[inline(always)]
            fn min(self, other: Self) -> Self {
                $vector::min(self, other)
            }
            #[inline(always)]
            fn rem(self, other: Self) -> Self {
                self.map2(other, |a, b| a % b)
            }
            #[inline(always)]
            fn mul_add(self, factor: Self, summand: Self) -> Self {
                if cfg!(target_feature = "fma") {
                    return $vector::mul_add(self, factor, summand);
                }
                let (a, b, c) = (self.to_array(), factor.to_array(), summand.to_array());
                $vector::new([$(a[$lane].mul_add(b[$lane], c[$lane])),*])
            }
            #[inline(always)]
            fn sin_cos(self) -> (Self, Self) {
                let f: fn(Self) -> (Self, Self) = $sin_cos;
                f(self)
            }
        }
    };
}

/// Vectors of `f64`, with the intervals that are measured; of some functions only where vectors are wide.
macro_rules! of_f64 {
    (
        $vector:ident, $width:literal, $($lane:literal $point:ident)*,
        measured: $($name:ident in $low:literal..$high:literal)*; $($name2:ident if $domain:ident)*,
        by lane: $($slow:ident)*; $($slow2:ident)*
    ) => {
        lanes! {
            $vector of $width f64, $($lane $point)*,
            measured: exp in -700.0..700.0  exp2 in -1000.0..1000.0  exp_m1 in -1e300..700.0  ln in 1e-300..1e300
                      ln_1p in -0.999_999_999_999_999_9..1e300  log2 in 1e-300..1e300  log10 in 1e-300..1e300  asin in -1.0..1.0
                      acos in -1.0..1.0  sinh in -700.0..700.0  cosh in -700.0..700.0  tanh in -1e300..1e300
                      asinh in -1e150..1e150  acosh in 1.0..1e150  cbrt in 1e-290..1e290
                      atanh in -0.999_999_999_999_999_9..0.999_999_999_999_999_9  $($name in $low..$high)*;
                      atan2 if is_point  hypot if is_point  $($name2 if $domain)*,
            through half: ;,
            by lane: $($slow)*; $($slow2)*,
            sin_cos: |x| match x.is_inside(-1e5, 1e5) {
                true => elementary::sin_cos(x),
                false => ($vector::new(by_lane(x.to_array(), f64::sin)), $vector::new(by_lane(x.to_array(), f64::cos))),
            }
        }
    };
}

/// Vectors of `f32`, of which some functions are those of the two halves in `f64`, rounded.
macro_rules! of_f32 {
    (
        $vector:ident, $half:ident, $width:literal, $($lane:literal $point:ident)*; $($low:literal)*; $($high:literal)*,
        through half: $($name:ident)*; $($name2:ident($of_half:expr))*,
        by lane: $($slow:ident)*; $($slow2:ident)*,
        sin_cos: $sin_cos:expr
    ) => {
        lanes! {
            $vector of $width f32, $($lane $point)*,
            measured: ;,
            through half: exp_m1 ln_1p log10 tan sinh cosh tanh asinh acosh atanh $($name)*;
                          atan2(Functions::atan2) hypot(Functions::hypot) $($name2($of_half))*,
            by lane: $($slow)*; $($slow2)*,
            sin_cos: $sin_cos
        }

        impl Halves for $vector {
            type Half = $half;
            #[inline(always)]
            fn halves(self, f: impl Fn($half) -> $half) -> Self {
                self.halves2(self, |x, _| f(x))
            }
            #[inline(always)]
            fn pairs(self, f: impl Fn($half) -> ($half, $half)) -> (Self, Self) {
                let x = self.to_array();
                let half = |x: [f32; $width / 2]| {
                    let (a, b) = f($half::new(x.map(f64::from)));
                    (a.to_array(), b.to_array())
                };
                let (low, high) = (half([$(x[$low]),*]), half([$(x[$high]),*]));
                let join = |low: [f64; $width / 2], high: [f64; $width / 2]| {
                    $vector::new([$(if $lane < $width / 2 { low[$lane % ($width / 2)] } else { high[$lane % ($width / 2)] } as f32),*])
                };
                (join(low.0, high.0), join(low.1, high.1))
            }
            #[inline(always)]
            fn halves2(self, other: Self, f: impl Fn($half, $half) -> $half) -> Self {
                let (x, y) = (self.to_array(), other.to_array());
                let half = |x: [f32; $width / 2], y: [f32; $width / 2]| f($half::new(x.map(f64::from)), $half::new(y.map(f64::from))).to_array();
                let (low, high) = (half([$(x[$low]),*], [$(y[$low]),*]), half([$(x[$high]),*], [$(y[$high]),*]));
                $vector::new([$(if $lane < $width / 2 { low[$lane % ($width / 2)] } else { high[$lane % ($width / 2)] } as f32),*])
            }
        }
    };
}

/// Vectors whose halves are vectors of numbers of twice the width.
trait Halves: Lane {
    /// A half.
    type Half: Functions;
    /// What a function makes of both halves.
    fn halves(self, f: impl Fn(Self::Half) -> Self::Half) -> Self;
    /// What a function makes of both halves of two.
    fn halves2(self, other: Self, f: impl Fn(Self::Half, Self::Half) -> Self::Half) -> Self;
    /// Both of what a function makes of both halves.
    #[cfg_attr(not(target_feature = "avx"), allow(dead_code))]
    fn pairs(self, f: impl Fn(Self::Half) -> (Self::Half, Self::Half)) -> (Self, Self);
}

/// A vector of `f64`: as many as the target has in a register.
#[cfg(target_feature = "avx")]
pub type F64 = f64x4;
/// A vector of `f32`: as many as the target has in a register.
#[cfg(target_feature = "avx")]
pub type F32 = f32x8;
#[cfg(target_feature = "avx")]
of_f64! {
    f64x4, 4, 0 a 1 b 2 c 3 d,
    measured: sin in -1e5..1e5  cos in -1e5..1e5  tan in -1e5..1e5  atan in -1e300..1e300; powf if has_power,
    by lane: ;
}
#[cfg(target_feature = "avx")]
of_f32! {
    f32x8, f64x4, 8, 0 a 1 b 2 c 3 d 4 e 5 f 6 g 7 h; 0 1 2 3; 4 5 6 7,
    through half: exp exp2 ln log2 sin cos asin acos atan cbrt; powf(elementary::powf_of_f32),
    by lane: ;,
    sin_cos: |x| x.pairs(Functions::sin_cos)
}

/// A vector of `f64`: as many as the target has in a register.
#[cfg(not(target_feature = "avx"))]
pub type F64 = f64x2;
/// A vector of `f32`: as many as the target has in a register.
#[cfg(not(target_feature = "avx"))]
pub type F32 = f32x4;
#[cfg(not(target_feature = "avx"))]
of_f64! {
    f64x2, 2, 0 a 1 b,
    measured: ;,
    by lane: sin cos tan atan; powf
}
#[cfg(not(target_feature = "avx"))]
of_f32! {
    f32x4, f64x2, 4, 0 a 1 b 2 c 3 d; 0 1; 2 3,
    through half: ;,
    by lane: exp exp2 ln log2 sin cos asin acos atan cbrt; powf,
    sin_cos: |x| (Functions::sin(x), Functions::cos(x))
}

/// What is too rare, or too far from 2 ulp, for all lanes at once. Arrays are handed over, as vectors would stay in memory on the
/// other path, too.
#[cold]
#[inline(never)]
fn by_lane<T: Copy, const N: usize>(x: [T; N], f: impl Fn(T) -> T) -> [T; N] {
    x.map(f)
}

#[cold]
#[inline(never)]
fn by_lane2<T: Copy, const N: usize>(x: [T; N], y: [T; N], f: impl Fn(T, T) -> T) -> [T; N] {
    core::array::from_fn(|l| f(x[l], y[l]))
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use core::array::from_fn;

    /// The largest difference, in units in the last place of the expected number.
    fn ulps(found: f64, expected: f64) -> f64 {
        if found == expected || found.is_nan() && expected.is_nan() {
            return 0.0;
        }
        let size = expected.abs();
        (found - expected).abs() / (f64::from_bits(size.to_bits() + 1) - size)
    }

    #[test]
    fn powers_and_choices_are_those_of_the_floats() {
        let x = F64::new(from_fn(|l| [-1.5, 2.0, 0.0, 3.25][l]));
        for n in [-3, 0, 1, 2, 7, i32::MIN] {
            let found = Lane::powi(x, n).to_array();
            let expected = x.to_array().map(|x| x.powi(n));
            assert!(found.iter().zip(expected).all(|(a, b)| ulps(*a, b) <= 2.0), "{n}: {found:?}, not {expected:?}");
        }
        let chosen = Lane::select(x.lt(F64::splat(1.0)), F64::splat(1.0), F64::splat(f64::NAN)).to_array();
        assert!(chosen[0] == 1.0 && chosen[1].is_nan());
        let all = |holds: bool| Lane::select(F64::truth(holds), F64::splat(1.0), F64::splat(2.0)).to_array();
        assert_eq!((all(true), all(false)), ([1.0; F64::WIDTH], [2.0; F64::WIDTH]));
    }

    #[test]
    fn points_are_packed_and_unpacked_in_blocks_of_any_length() {
        let points: std::vec::Vec<[f64; 6]> = (0..7).map(|k| from_fn(|l| f64::from(k * 10 + l as i32))).collect();
        let mut memory = std::vec![(0.0, [0.0; 6]); 7];
        for first in (0..points.len()).step_by(F64::WIDTH) {
            let mut lanes = [F64::splat(0.0); 6];
            Lane::read(&points, first, &mut lanes, |p| p);
            Lane::write(&mut memory, first, &lanes, |m| &mut m.1);
        }
        assert!(memory.iter().zip(&points).all(|(m, p)| m.1 == *p));
    }
}
