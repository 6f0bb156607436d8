//! Elementary functions of all lanes at once.
//!
//! Each holds in the interval that its line in `lanes.rs` names, with an error of at most 2 ulp: what `measured.rs` finds is
//! noted there. No lane decides about another: where a function has cases, both are computed, of as little as differs.
//!
//! Most are fdlibm's algorithms, with the coefficients of its successor, FreeBSD's msun: of `e_log.c`, `e_log2.c`, `e_log10.c`
//! and `s_log1p.c` the logarithms, `s_atan.c` the arctangent, `e_asin.c` and `e_acos.c` the other inverses, and what
//! `s_tanh.c`, `e_sinh.c`, `s_asinh.c`, `e_acosh.c` and `e_atanh.c` make of exponentials and logarithms. (Copyright (C) 1993 by
//! Sun Microsystems, Inc. All rights reserved. Permission to use, copy, modify, and distribute this software is freely granted,
//! provided that this notice is preserved.) The two polynomials that are not from there are interpolations at Chebyshev points,
//! as mpmath's `chebyfit` gives them.

use super::{Lane, F64};
#[cfg(not(target_feature = "avx"))]
use wide::u64x2 as U64;
#[cfg(target_feature = "avx")]
use wide::u64x4 as U64;

/// Added to a number below 2⁵¹ and subtracted again, it rounds that to an integer, which stands in its last bits in between.
const ROUNDING: f64 = 6_755_399_441_055_744.0;
const SIGN: f64 = -0.0;
/// The upper half of a number.
const UPPER: f64 = f64::from_bits(0xffff_ffff_0000_0000);
/// The exponent of 1.
const BIAS: u64 = 1023 << 52;

const LN_2_HIGH: f64 = 6.931_471_803_691_238_164_90e-1;
const LN_2_LOW: f64 = 1.908_214_929_270_587_700_02e-10;

/// Of `(eʳ − 1 − r) / r²` for `|r| ≤ ln 2 / 2`, to 1.5·10⁻¹⁸: an interpolation.
const EXPONENTIAL: [f64; 11] = [
    0.5,
    0.166_666_666_666_666_710_3,
    0.041_666_666_666_666_669_783,
    0.008_333_333_333_326_083_120_2,
    0.001_388_888_888_888_371_116_7,
    0.000_198_412_698_750_022_787_93,
    0.000_024_801_587_325_677_461_9,
    2.755_725_517_000_088_743_8e-6,
    2.755_727_347_871_858_047_4e-7,
    2.510_531_272_962_210_178_7e-8,
    2.091_475_532_589_320_22e-9,
];

/// Of `(ln(1 + f) − 2s) / s` by `z = s²`, with `s = f / (2 + f)`, without its factor `z`: msun's `Lg1` to `Lg7`.
const LOGARITHM: [f64; 7] = [
    6.666_666_666_666_735_130e-1,
    3.999_999_999_940_941_908e-1,
    2.857_142_874_366_239_149e-1,
    2.222_219_843_214_978_396e-1,
    1.818_357_216_161_805_012e-1,
    1.531_383_769_920_937_332e-1,
    1.479_819_860_511_658_591e-1,
];

/// Of `(2·artanh(z) − 2z − ⅔·z³) / z⁵` by `z²`, for `m = (1 + z) / (1 − z)` between `√½` and `√2`, to 2·10⁻¹⁸: an interpolation.
const POWER: [f64; 8] = [
    0.399_999_999_999_999_998_173,
    0.285_714_285_714_293_656_699_7,
    0.222_222_222_216_562_315_310_3,
    0.181_818_183_353_144_030_775_6,
    0.153_845_949_708_954_578_173_7,
    0.133_348_042_382_253_445_233_7,
    0.117_062_485_409_223_853_359_6,
    0.117_230_510_280_977_529_196_4,
];
const TWO_THIRDS: f64 = 2.0 / 3.0;
const TWO_THIRDS_LOW: f64 = 3.700_743_415_417_188e-17;

/// Of `(z − atan z) / z³` by `z²`, for `z` up to 7/16: msun's `aT`.
const ARCTANGENT: [f64; 11] = [
    3.333_333_333_333_293_180_27e-1,
    -1.999_999_999_987_648_324_76e-1,
    1.428_571_427_250_346_637_11e-1,
    -1.111_111_040_546_235_578_80e-1,
    9.090_887_133_436_506_561_96e-2,
    -7.691_876_205_044_829_994_95e-2,
    6.661_073_137_387_531_206_69e-2,
    -5.833_570_133_790_573_486_45e-2,
    4.976_877_994_615_932_360_17e-2,
    -3.653_157_274_421_691_552_70e-2,
    1.628_582_011_536_578_236_23e-2,
];

/// π/2 in three parts, of which the first two have 33 digits: msun's `pio2_1`, `pio2_2` and `pio2_2t`.
const HALF_PI: [f64; 3] = [1.570_796_326_734_125_614_17, 6.077_100_506_303_965_976_60e-11, 2.022_266_248_795_950_631_54e-21];

/// Of `(sin r − r) / r³` by `r²`, for `|r| ≤ π/4`: msun's `S1` to `S6`.
const SINE: [f64; 6] = [
    -1.666_666_666_666_663_243_48e-1,
    8.333_333_333_322_489_461_24e-3,
    -1.984_126_982_985_794_931_34e-4,
    2.755_731_370_707_006_767_89e-6,
    -2.505_076_025_340_686_341_95e-8,
    1.589_690_995_211_550_102_21e-10,
];
/// Of `(cos r − 1 + r²/2) / r⁴` by `r²`, for `|r| ≤ π/4`: msun's `C1` to `C6`.
const COSINE: [f64; 6] = [
    4.166_666_666_666_660_190_37e-2,
    -1.388_888_888_887_410_957_49e-3,
    2.480_158_728_947_672_941_78e-5,
    -2.755_731_435_139_066_330_35e-7,
    2.087_572_321_298_174_827_90e-9,
    -1.135_964_755_778_819_482_65e-11,
];

/// Of `(asin(s) − s) / s` by `z = s²`, without its factor `z`: msun's `pS` and `qS`.
const ARCSINE_NUMERATOR: [f64; 6] = [
    1.666_666_666_666_666_574_15e-1,
    -3.255_658_186_224_009_154_05e-1,
    2.012_125_321_348_629_258_81e-1,
    -4.005_553_450_067_941_140_27e-2,
    7.915_349_942_898_145_321_76e-4,
    3.479_331_075_960_211_675_70e-5,
];
const ARCSINE_DENOMINATOR: [f64; 5] =
    [1.0, -2.403_394_911_734_414_218_78, 2.020_945_760_233_505_694_71, -6.882_839_716_054_532_930_30e-1, 7.703_815_055_590_193_527_91e-2];

#[inline(always)]
fn all(x: f64) -> F64 {
    F64::splat(x)
}

#[inline(always)]
fn bits(x: F64) -> U64 {
    wide::bytemuck::cast(x)
}

#[inline(always)]
fn of_bits(x: U64) -> F64 {
    wide::bytemuck::cast(x)
}

#[inline(always)]
fn choose(mask: F64, a: F64, b: F64) -> F64 {
    Lane::select(mask, a, b)
}

/// `x` with the sign of `of`, if `x` is not negative.
#[inline(always)]
fn signed(x: F64, of: F64) -> F64 {
    x | (of & all(SIGN))
}

/// `c₀ + c₁·x + c₂·x² + …`, of which the even and the odd powers do not wait for each other.
#[inline(always)]
fn polynomial<const N: usize>(x: F64, c: [f64; N]) -> F64 {
    let square = x * x;
    let sum = |parity: usize| {
        let mut of_parity = (0..N).rev().filter(|k| k % 2 == parity);
        let last = of_parity.next().map_or(0.0, |k| c[k]);
        of_parity.fold(all(last), |sum, k| sum.mul_add(square, all(c[k])))
    };
    sum(1).mul_add(x, sum(0))
}

/// A sum and its rounding error, if `a` is not smaller than `b`, or 0.
#[inline(always)]
fn sum(a: F64, b: F64) -> (F64, F64) {
    let sum = a + b;
    (sum, (a - sum) + b)
}

/// A product and, where products are fused with sums, its rounding error.
#[inline(always)]
fn product(a: F64, b: F64) -> (F64, F64) {
    let product = a * b;
    (product, a.mul_sub(b, product))
}

/// `x = k·ln 2 + r + rest`: what rounds to the integer `k`, `r` and the rest.
#[inline(always)]
fn reduced(x: F64) -> (F64, F64, F64) {
    let rounding = x.mul_add(all(core::f64::consts::LOG2_E), all(ROUNDING));
    let k = rounding - all(ROUNDING);
    // exact, as the factors have few digits
    let high = x - k * all(LN_2_HIGH);
    let low = k * all(LN_2_LOW);
    let r = high - low;
    (rounding, r, (high - r) - low)
}

/// `2ᵏ`, of what rounds to `k`.
#[inline(always)]
fn power_of_2(rounding: F64) -> F64 {
    of_bits((bits(rounding) << 52_u32) + U64::splat(BIAS))
}

/// `(eʳ − 1 − r) / r²`, for `|r|` up to `ln 2 / 2`.
#[inline(always)]
fn exponential(r: F64) -> F64 {
    polynomial(r, EXPONENTIAL)
}

/// `eˣ·(1 + rest)`.
#[inline(always)]
fn exp_of_sum(x: F64, rest: F64) -> F64 {
    let (k, r, low) = reduced(x);
    let small = r * r * exponential(r);
    let rest = rest.mul_add(r + small, low + rest);
    power_of_2(k) * (all(1.0) + (r + (small + rest)))
}

#[inline(always)]
pub(super) fn exp(x: F64) -> F64 {
    let (k, r, _) = reduced(x);
    power_of_2(k) * (all(1.0) + (r * r).mul_add(exponential(r), r))
}

#[inline(always)]
pub(super) fn exp2(x: F64) -> F64 {
    let rounding = x + all(ROUNDING);
    let r = (x - (rounding - all(ROUNDING))) * all(core::f64::consts::LN_2);
    power_of_2(rounding) * (all(1.0) + (r * r).mul_add(exponential(r), r))
}

#[inline(always)]
pub(super) fn exp_m1(x: F64) -> F64 {
    // below, it is −1
    let bounded = x.max(all(-50.0));
    let (k, r, rest) = reduced(bounded);
    let scale = power_of_2(k);
    let (high, low) = sum(scale - all(1.0), scale * r);
    let small = (r * r).mul_add(exponential(r), rest);
    // of −0 it is −0
    signed(high + scale.mul_add(small, low), x)
}

#[inline(always)]
pub(super) fn sinh(x: F64) -> F64 {
    let t = exp_m1(x.abs());
    signed(all(0.5) * (t + t / (t + all(1.0))), x)
}

#[inline(always)]
pub(super) fn cosh(x: F64) -> F64 {
    let half = all(0.5) * exp(x.abs());
    half + all(0.25) / half
}

#[inline(always)]
pub(super) fn tanh(x: F64) -> F64 {
    // above, it is 1
    let size = x.abs().min(all(22.0));
    let t = exp_m1(size + size);
    let is_small = size.lt(all(0.5));
    let quotient = choose(is_small, t, all(-2.0)) / (t + all(2.0));
    signed(choose(is_small, quotient, all(1.0) + quotient), x)
}

/// `x = 2ᵏ·m`, with `m` between `√½` and `√2`: `m` and `k`.
#[inline(always)]
fn split(x: F64) -> (F64, F64) {
    let (x, root) = (bits(x), U64::splat(core::f64::consts::FRAC_1_SQRT_2.to_bits()));
    let exponent = (x - root + U64::splat(BIAS)) >> 52_u32;
    let mantissa = x + U64::splat(BIAS) - (exponent << 52_u32);
    // the last bits of 2⁵²
    let (bottom, offset) = ((1_u64 << 52) as f64, 1023.0);
    let k = of_bits(exponent | U64::splat(bottom.to_bits())) - all(bottom + offset);
    (of_bits(mantissa), k)
}

/// `ln(1 + f) = f − f²/2 + rest`: `f²/2` and the rest.
#[inline(always)]
fn logarithm(f: F64) -> (F64, F64) {
    let half_square = all(0.5) * f * f;
    let s = f / (all(2.0) + f);
    let z = s * s;
    let series = z * polynomial(z, LOGARITHM);
    (half_square, s * (half_square + series))
}

#[inline(always)]
pub(super) fn ln(x: F64) -> F64 {
    let (m, k) = split(x);
    let f = m - all(1.0);
    let (half_square, rest) = logarithm(f);
    k.mul_add(all(LN_2_HIGH), f - (half_square - k.mul_add(all(LN_2_LOW), rest)))
}

#[inline(always)]
pub(super) fn ln_1p(x: F64) -> F64 {
    let u = all(1.0) + x;
    let from_x = u - all(1.0);
    let lost = (all(1.0) - (u - from_x)) + (x - from_x);
    let (m, k) = split(u);
    let f = m - all(1.0);
    let (half_square, rest) = logarithm(f);
    let low = rest + k.mul_add(all(LN_2_LOW), lost / u);
    // of −0 it is −0
    let size = k.mul_add(all(LN_2_HIGH), f - (half_square - low));
    size | (x & all(SIGN))
}

/// `k·unit + ln(m)·factor`, with the unit and the factor in two parts each, of which the first have few digits.
#[inline(always)]
fn logarithm_of_base(x: F64, unit: [f64; 2], factor: [f64; 2]) -> F64 {
    let (m, k) = split(x);
    let f = m - all(1.0);
    let (half_square, rest) = logarithm(f);
    let high = (f - half_square) & all(UPPER);
    let low = f - high - half_square + rest;
    let small = k.mul_add(all(unit[1]), (low + high) * all(factor[1])) + low * all(factor[0]);
    let (sum, lost) = sum(k * all(unit[0]), high * all(factor[0]));
    sum + (lost + small)
}

#[inline(always)]
pub(super) fn log2(x: F64) -> F64 {
    logarithm_of_base(x, [1.0, 0.0], [1.442_695_040_721_446_275_71, 1.675_171_316_488_651_183_53e-10])
}

#[inline(always)]
pub(super) fn log10(x: F64) -> F64 {
    let unit = [3.010_299_956_636_117_713_06e-1, 3.694_239_077_158_930_786_16e-13];
    logarithm_of_base(x, unit, [4.342_944_818_781_688_809_39e-1, 2.508_294_671_164_527_522_98e-11])
}

#[inline(always)]
pub(super) fn asinh(x: F64) -> F64 {
    let (size, square) = (x.abs(), x * x);
    signed(ln_1p(size + square / (all(1.0) + (square + all(1.0)).sqrt())), x)
}

#[inline(always)]
pub(super) fn acosh(x: F64) -> F64 {
    let t = x - all(1.0);
    ln_1p(t + (t + t + t * t).sqrt())
}

#[inline(always)]
pub(super) fn atanh(x: F64) -> F64 {
    let size = x.abs();
    let double = size + size;
    signed(all(0.5) * ln_1p(double + double * size / (all(1.0) - size)), x)
}

/// Whether all are in the domain of [`powf`].
#[inline(always)]
pub(super) fn has_power(x: F64, y: F64) -> bool {
    // no more than a bound is needed here, by the exponent; without products of twice the digits there is no gain
    cfg!(target_feature = "fma") && x.is_inside(1e-290, 1e290) && {
        let (_, k) = split(x);
        ((k.abs() + all(0.5)) * y).is_inside(-1000.0, 1000.0)
    }
}

/// Of numbers that were `f32`, for whose powers 53 bits of the logarithm do.
#[inline(always)]
pub(super) fn powf_of_f32(x: F64, y: F64) -> F64 {
    // both compared, as their product is NaN where one of them is
    if x.is_inside(1e-300, 1e300) {
        let exponent = y * ln(x);
        if exponent.is_inside(-700.0, 700.0) {
            return exp(exponent);
        }
    }
    F64::new(super::by_lane2(x.to_array(), y.to_array(), f64::powf))
}

/// By the logarithm in two parts, which has some 64 bits.
#[inline(always)]
pub(super) fn powf(x: F64, y: F64) -> F64 {
    let (m, k) = split(x);
    // z = (m − 1) / (m + 1), whose numerator is exact
    let (numerator, (denominator, lost)) = (m - all(1.0), sum(all(1.0).max(m), all(1.0).min(m)));
    let inverse = all(1.0) / denominator;
    let z = numerator * inverse;
    let z_low = (z.mul_neg_add(denominator, numerator) - z * lost) * inverse;
    // z² and z³ in two parts
    let (square, error) = product(z, z);
    let square_low = (z + z).mul_add(z_low, error);
    let (cube, error) = product(square, z);
    let cube_low = square.mul_add(z_low, square_low.mul_add(z, error));
    // ln m = 2z + z³·(⅔ + z²·…)
    let (factor, lost) = sum(all(TWO_THIRDS), square * polynomial(square, POWER));
    let (rest, error) = product(cube, factor);
    let rest_low = cube_low.mul_add(factor, cube.mul_add(lost + all(TWO_THIRDS_LOW), error));
    // and k·ln 2
    let (high, error) = product(k, all(core::f64::consts::LN_2));
    let low = k.mul_add(all(2.319_046_813_846_299_6e-17), error);
    let (high, lost) = sum(high, z + z);
    let low = low + lost + (z_low + z_low);
    let (high, lost) = sum(high, rest);
    let low = low + lost + rest_low;
    let (high, low) = sum(high, low);
    let (exponent, error) = product(high, y);
    exp_of_sum(exponent, low.mul_add(y, error))
}

/// The angle whose tangent is a quotient that is not above 1, in two parts.
#[inline(always)]
fn angle(small: F64, large: F64) -> (F64, F64) {
    let (is_low, is_middle) = (small.lt(all(0.4375) * large), small.lt(all(0.6875) * large));
    let pick = |low: F64, middle: F64, high: F64| choose(is_low, low, choose(is_middle, middle, high));
    let numerator = pick(small, small + small - large, small - large);
    let denominator = pick(large, large + large + small, small + large);
    let z = numerator / denominator;
    let square = z * z;
    let rest = z * square * polynomial(square, ARCTANGENT);
    let high = pick(all(0.0), all(0.463_647_609_000_806_1), all(core::f64::consts::FRAC_PI_4));
    let low = pick(all(0.0), all(2.269_877_745_296_168_7e-17), all(3.061_616_997_868_383e-17));
    let (high, lost) = sum(high, z);
    (high, (lost + low) - rest)
}

const HALF_PI_LOW: f64 = 6.123_233_995_736_766e-17;

#[inline(always)]
pub(super) fn atan(x: F64) -> F64 {
    let size = x.abs();
    let is_steep = all(1.0).lt(size);
    let (high, low) = angle(size.min(all(1.0)), size.max(all(1.0)));
    // π/2 less the angle between the line and the other axis
    let (steep, lost) = sum(all(core::f64::consts::FRAC_PI_2), -high);
    let steep_low = (lost + all(HALF_PI_LOW)) - low;
    signed(choose(is_steep, steep, high) + choose(is_steep, steep_low, low), x)
}

/// Whether all are in the domain of [`atan2`] and [`hypot`]: what is not 0 is far from where quotients or squares have no digits,
/// and not both are 0.
#[inline(always)]
pub(super) fn is_point(x: F64, y: F64) -> bool {
    let (x, y) = (x.abs(), y.abs());
    let (small, large) = (x.min(y), x.max(y));
    let small = choose(small.eq(all(0.0)), large, small);
    // both are compared, as one may be NaN
    (x + y).is_inside(1e-140, 1e140) && small.is_inside(1e-140, 1e140)
}

#[inline(always)]
pub(super) fn atan2(y: F64, x: F64) -> F64 {
    let (width, height) = (x.abs(), y.abs());
    let (is_steep, is_left) = (width.lt(height), x.lt(all(0.0)));
    let (high, low) = angle(width.min(height), width.max(height));
    // from π/2, π or 0, which way the angle is turned
    let pick = |half: f64| choose(is_steep, all(half), choose(is_left, all(2.0 * half), all(0.0)));
    let is_back = (is_steep & !is_left) | (!is_steep & is_left);
    let flip = |x: F64| choose(is_back, -x, x);
    let (sum, lost) = sum(pick(core::f64::consts::FRAC_PI_2), flip(high));
    signed(sum + (lost + (pick(HALF_PI_LOW) + flip(low))), y)
}

#[inline(always)]
pub(super) fn hypot(x: F64, y: F64) -> F64 {
    x.mul_add(x, y * y).sqrt()
}

/// `(asin(s) − s) / s`, of the square `z` of `s` up to ½.
#[inline(always)]
fn arcsine(z: F64) -> F64 {
    let numerator = z * polynomial(z, ARCSINE_NUMERATOR);
    numerator / polynomial(z, ARCSINE_DENOMINATOR)
}

/// Of `|x|` above ½ the sine of half the angle to 1, else `|x|`; and what the arc of that is longer than it.
#[inline(always)]
fn arc(x: F64) -> (F64, F64, F64) {
    let size = x.abs();
    let is_small = size.lt(all(0.5));
    let z = choose(is_small, size * size, all(0.5) * (all(1.0) - size));
    let s = choose(is_small, size, z.sqrt());
    (is_small, s, s * arcsine(z))
}

#[inline(always)]
pub(super) fn asin(x: F64) -> F64 {
    let (is_small, s, rest) = arc(x);
    let (high, lost) = sum(all(core::f64::consts::FRAC_PI_2), -(s + s));
    let large = high + (lost + (all(HALF_PI_LOW) - (rest + rest)));
    signed(choose(is_small, s + rest, large), x)
}

#[inline(always)]
pub(super) fn acos(x: F64) -> F64 {
    let (is_small, s, rest) = arc(x);
    let is_left = x.lt(all(0.0));
    // π/2 − x, or twice the arc, from 0 or back from π
    let (high, lost) = sum(all(core::f64::consts::FRAC_PI_2), -signed(s, x));
    let small = high + (lost + (all(HALF_PI_LOW) - signed(rest, x)));
    let twice = (s + rest) + (s + rest);
    let (high, lost) = sum(all(core::f64::consts::PI), -(s + s));
    let left = high + (lost + (all(2.0 * HALF_PI_LOW) - (rest + rest)));
    choose(is_small, small, choose(is_left, left, twice))
}

#[inline(always)]
pub(super) fn sin_cos(x: F64) -> (F64, F64) {
    x.sin_cos()
}

#[inline(always)]
pub(super) fn sin(x: F64) -> F64 {
    F64::sin(x)
}

#[inline(always)]
pub(super) fn cos(x: F64) -> F64 {
    F64::cos(x)
}

#[inline(always)]
pub(super) fn cbrt(x: F64) -> F64 {
    F64::cbrt(x)
}

/// By the quotient of sine and cosine, each in two parts, of what is left of multiples of π/2.
#[inline(always)]
pub(super) fn tan(x: F64) -> F64 {
    let rounding = x.mul_add(all(core::f64::consts::FRAC_2_PI), all(ROUNDING));
    let k = rounding - all(ROUNDING);
    let [first, second, third] = HALF_PI.map(all);
    // the factors have few digits, and their products are exact
    let high = x - k * first;
    let part = k * second;
    let r = high - part;
    let taken = high - r;
    let lost = (high - (r + taken)) + (taken - part);
    let (r, low) = sum(r, lost - k * third);
    let z = r * r;
    // sin r = r + rest and cos r = 1 + rest
    let cubic = z * r * polynomial(z, SINE);
    let (sin, sin_low) = sum(r, cubic + (low - all(0.5) * z * low));
    let square = z * z * polynomial(z, COSINE) - all(0.5) * z;
    let (cos, cos_low) = sum(all(1.0), square - r * low);
    // of an odd k it is −cos r / sin r
    let is_odd = of_bits(U64::splat(0) - (bits(rounding) & U64::splat(1)));
    let pick = |a: F64, b: F64| choose(is_odd, b, a);
    let (numerator, numerator_low) = (pick(sin, -cos), pick(sin_low, -cos_low));
    let (denominator, denominator_low) = (pick(cos, sin), pick(cos_low, sin_low));
    let inverse = all(1.0) / denominator;
    let quotient = numerator * inverse;
    let lost = quotient.mul_neg_add(denominator, numerator) + (numerator_low - quotient * denominator_low);
    signed_as_zero(lost.mul_add(inverse, quotient), x)
}

/// `y`, but for the sign of zero that `x` has.
#[inline(always)]
fn signed_as_zero(y: F64, x: F64) -> F64 {
    choose(x.eq(all(0.0)), x, y)
}
