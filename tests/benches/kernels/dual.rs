//! The functions over any number of num-dual's, `f64` among them.

use num_dual::{DualNum, DualNumCopy};

/// What the functions compute with.
pub trait Number: DualNumCopy + DualNum<Primitive = f64> {}
impl<T: DualNumCopy + DualNum<Primitive = f64>> Number for T {}

fn number<T: Number>(x: f64) -> T {
    T::from(x)
}

pub fn bal<T: Number>(v: &[T], out: &mut [T]) {
    let (camera, point) = v.split_at(9);
    let w = [camera[0], camera[1], camera[2]];
    let theta = (w[0] * w[0] + w[1] * w[1] + w[2] * w[2]).sqrt();
    let (s, c) = theta.sin_cos();
    let inverse = theta.recip();
    let axis = [w[0] * inverse, w[1] * inverse, w[2] * inverse];
    let cross = [axis[1] * point[2] - axis[2] * point[1], axis[2] * point[0] - axis[0] * point[2], axis[0] * point[1] - axis[1] * point[0]];
    let along = (axis[0] * point[0] + axis[1] * point[1] + axis[2] * point[2]) * (-c + 1.0);
    let mut p = [number(0.0); 3];
    for k in 0..3 {
        p[k] = point[k] * c + cross[k] * s + axis[k] * along + camera[3 + k];
    }
    let depth = -p[2].recip();
    let (x, y) = (p[0] * depth, p[1] * depth);
    let r2 = x * x + y * y;
    let distortion = r2 * (camera[7] + camera[8] * r2) + 1.0;
    out.copy_from_slice(&[camera[6] * distortion * x, camera[6] * distortion * y]);
}

pub fn arm<T: Number>(q: &[T], out: &mut [T]) {
    let a = [0.12, 0.31, -0.07, 0.25, 0.05, 0.11, 0.09];
    let d = [0.34, 0.03, 0.28, -0.04, 0.22, 0.06, 0.13];
    let ca = [0.28, -0.6, 0.8, 0.96, -0.28, 0.6, 0.8];
    let sa = [0.96, 0.8, -0.6, 0.28, 0.96, 0.8, 0.6];
    let (zero, one) = (number::<T>(0.0), number::<T>(1.0));
    let mut r = [[one, zero, zero], [zero, one, zero], [zero, zero, one]];
    let mut p = [zero; 3];
    for i in 0..7 {
        let (s, c) = q[i].sin_cos();
        for k in 0..3 {
            let x = r[k][0] * c + r[k][1] * s;
            let y = r[k][1] * c - r[k][0] * s;
            let z = r[k][2];
            p[k] += x * a[i] + z * d[i];
            r[k] = [x, y * ca[i] + z * sa[i], z * ca[i] - y * sa[i]];
        }
    }
    out.copy_from_slice(&p);
}

pub fn inverse3<T: Number>(v: &[T], out: &mut [T]) {
    let m = [&v[0..3], &v[3..6], &v[6..9]];
    let minor = |a: usize, b: usize, i: usize, j: usize| m[a][i] * m[b][j] - m[a][j] * m[b][i];
    let s = (m[0][0] * minor(1, 2, 1, 2) + m[0][1] * minor(1, 2, 2, 0) + m[0][2] * minor(1, 2, 0, 1)).recip();
    out.copy_from_slice(&[
        minor(1, 2, 1, 2) * s,
        minor(0, 2, 2, 1) * s,
        minor(0, 1, 1, 2) * s,
        minor(1, 2, 2, 0) * s,
        minor(0, 2, 0, 2) * s,
        minor(0, 1, 2, 0) * s,
        minor(1, 2, 0, 1) * s,
        minor(0, 2, 1, 0) * s,
        minor(0, 1, 0, 1) * s,
    ]);
}

pub fn inverse4<T: Number>(v: &[T], out: &mut [T]) {
    let m = [&v[0..4], &v[4..8], &v[8..12], &v[12..16]];
    let minor = |i: usize, j: usize, a: usize, b: usize| m[i][a] * m[j][b] - m[j][a] * m[i][b];
    let s = [minor(0, 1, 0, 1), minor(0, 1, 0, 2), minor(0, 1, 0, 3), minor(0, 1, 1, 2), minor(0, 1, 1, 3), minor(0, 1, 2, 3)];
    let c = [minor(2, 3, 0, 1), minor(2, 3, 0, 2), minor(2, 3, 0, 3), minor(2, 3, 1, 2), minor(2, 3, 1, 3), minor(2, 3, 2, 3)];
    let d = (s[0] * c[5] - s[1] * c[4] + s[2] * c[3] + s[3] * c[2] - s[4] * c[1] + s[5] * c[0]).recip();
    out.copy_from_slice(&[
        (m[1][1] * c[5] - m[1][2] * c[4] + m[1][3] * c[3]) * d,
        (m[0][2] * c[4] - m[0][1] * c[5] - m[0][3] * c[3]) * d,
        (m[3][1] * s[5] - m[3][2] * s[4] + m[3][3] * s[3]) * d,
        (m[2][2] * s[4] - m[2][1] * s[5] - m[2][3] * s[3]) * d,
        (m[1][2] * c[2] - m[1][0] * c[5] - m[1][3] * c[1]) * d,
        (m[0][0] * c[5] - m[0][2] * c[2] + m[0][3] * c[1]) * d,
        (m[3][2] * s[2] - m[3][0] * s[5] - m[3][3] * s[1]) * d,
        (m[2][0] * s[5] - m[2][2] * s[2] + m[2][3] * s[1]) * d,
        (m[1][0] * c[4] - m[1][1] * c[2] + m[1][3] * c[0]) * d,
        (m[0][1] * c[2] - m[0][0] * c[4] - m[0][3] * c[0]) * d,
        (m[3][0] * s[4] - m[3][1] * s[2] + m[3][3] * s[0]) * d,
        (m[2][1] * s[2] - m[2][0] * s[4] - m[2][3] * s[0]) * d,
        (m[1][1] * c[1] - m[1][0] * c[3] - m[1][2] * c[0]) * d,
        (m[0][0] * c[3] - m[0][1] * c[1] + m[0][2] * c[0]) * d,
        (m[3][1] * s[1] - m[3][0] * s[3] - m[3][2] * s[0]) * d,
        (m[2][0] * s[3] - m[2][1] * s[1] + m[2][2] * s[0]) * d,
    ]);
}

pub fn chain<T: Number, const N: usize>(v: &[T], out: &mut [T]) {
    let product = |a: &dyn Fn(usize, usize) -> T, b: &dyn Fn(usize, usize) -> T| {
        let mut out = [[number::<T>(0.0); N]; N];
        for i in 0..N {
            for k in 0..N {
                for j in 0..N {
                    out[i][j] += a(i, k) * b(k, j);
                }
            }
        }
        out
    };
    let ab = product(&|i, k| v[i * N + k], &|k, j| v[N * N + k * N + j]);
    let abc = product(&|i, k| ab[i][k], &|k, j| v[2 * N * N + k * N + j]);
    for i in 0..N {
        out[i * N..(i + 1) * N].copy_from_slice(&abc[i]);
    }
}

pub fn rosenbrock<T: Number>(x: &[T], out: &mut [T]) {
    let mut r = number::<T>(0.0);
    for i in 0..x.len() - 1 {
        let a = -x[i] + 1.0;
        let b = x[i + 1] - x[i] * x[i];
        r += a * a + b * b * 100.0;
    }
    out[0] = r;
}

pub fn pollu<T: Number>(y: &[T], out: &mut [T]) {
    let r1 = y[0] * 0.35;
    let r2 = y[1] * y[3] * 26.6;
    let r3 = y[4] * y[1] * 12300.0;
    let r4 = y[6] * 0.00086;
    let r5 = y[6] * 0.00082;
    let r6 = y[6] * y[5] * 15000.0;
    let r7 = y[8] * 0.00013;
    let r8 = y[8] * y[5] * 24000.0;
    let r9 = y[10] * y[1] * 16500.0;
    let r10 = y[10] * y[0] * 9000.0;
    let r11 = y[12] * 0.022;
    let r12 = y[9] * y[1] * 12000.0;
    let r13 = y[13] * 1.88;
    let r14 = y[0] * y[5] * 16300.0;
    let r15 = y[2] * 4800000.0;
    let r16 = y[3] * 0.00035;
    let r17 = y[3] * 0.0175;
    let r18 = y[15] * 1e8;
    let r19 = y[15] * 4.44e11;
    let r20 = y[16] * y[5] * 1240.0;
    let r21 = y[18] * 2.1;
    let r22 = y[18] * 5.78;
    let r23 = y[0] * y[3] * 0.0474;
    let r24 = y[18] * y[0] * 1780.0;
    let r25 = y[19] * 3.12;
    out.copy_from_slice(&[
        -r1 - r10 - r14 - r23 - r24 + r2 + r3 + r9 + r11 + r12 + r22 + r25,
        -r2 - r3 - r9 - r12 + r1 + r21,
        -r15 + r1 + r17 + r19 + r22,
        -r2 - r16 - r17 - r23 + r15,
        -r3 + r4 + r4 + r6 + r7 + r13 + r20,
        -r6 - r8 - r14 - r20 + r3 + r18 + r18,
        -r4 - r5 - r6 + r13,
        r4 + r5 + r6 + r7,
        -r7 - r8,
        -r12 + r7 + r9,
        -r9 - r10 + r8 + r11,
        r9,
        -r11 + r10,
        -r13 + r12,
        r14,
        -r18 - r19 + r16,
        -r20,
        r20,
        -r21 - r22 - r24 + r23 + r25,
        -r25 + r24,
    ]);
}

pub fn brusselator<T: Number>(y: &[T], out: &mut [T]) {
    let alpha = 0.02 * 33.0 * 33.0;
    for i in 0..32 {
        let (u, v) = (y[2 * i], y[2 * i + 1]);
        let (ul, vl) = if i > 0 { (y[2 * i - 2], y[2 * i - 1]) } else { (number(1.0), number(3.0)) };
        let (ur, vr) = if i < 31 { (y[2 * i + 2], y[2 * i + 3]) } else { (number(1.0), number(3.0)) };
        let uuv = u * u * v;
        out[2 * i] = uuv - u * 4.0 + (ul - u * 2.0 + ur) * alpha + 1.0;
        out[2 * i + 1] = u * 3.0 - uuv + (vl - v * 2.0 + vr) * alpha;
    }
}

pub fn spherical_harmonics<T: Number>(v: &[T], out: &mut [T]) {
    let (x, y, z) = (v[0], v[1], v[2]);
    let mut c = [number::<T>(0.0); 8];
    let mut s = [number::<T>(0.0); 8];
    c[0] = number(1.0);
    for m in 1..8 {
        s[m] = x * c[m - 1] - y * s[m - 1];
        c[m] = x * s[m - 1] + y * c[m - 1];
    }
    let mut p = [[number::<T>(0.0); 8]; 8];
    p[0][0] = number(1.0);
    for l in 1..8 {
        p[l][l] = p[l - 1][l - 1] * (1.0 - 2.0 * l as f64);
        p[l][l - 1] = z * p[l - 1][l - 1] * (2.0 * l as f64 - 1.0);
        for m in 0..l - 1 {
            let (lf, mf) = (l as f64, m as f64);
            p[l][m] = z * p[l - 1][m] * ((2.0 * lf - 1.0) / (lf - mf)) - p[l - 2][m] * ((lf + mf - 1.0) / (lf - mf));
        }
    }
    for l in 0..8usize {
        for k in 0..=2 * l {
            let m = k.abs_diff(l);
            let ratio: f64 = (l - m + 1..=l + m).map(|f| 1.0 / f as f64).product();
            let n = ((2.0 * l as f64 + 1.0) / (4.0 * std::f64::consts::PI) * ratio).sqrt();
            out[l * l + k] = p[l][m] * if k < l { s[m] } else { c[m] } * n;
        }
    }
}

pub fn softmax<T: Number>(x: &[T], out: &mut [T]) {
    let mut total = number::<T>(0.0);
    for (e, x) in out.iter_mut().zip(x) {
        *e = x.exp();
        total += *e;
    }
    let inverse = total.recip();
    for e in out {
        *e *= inverse;
    }
}

pub fn geometric_mean<T: Number>(x: &[T], out: &mut [T]) {
    out[0] = x.iter().fold(number::<T>(1.0), |p, x| p * *x).powf(1.0 / 17.0);
}
