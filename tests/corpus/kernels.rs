//! Kernels whose operations are counted: value and Jacobian.

use jac_runtime::jacobian;

/// Rosenbrock, n = 10: R¹⁰ → R.
#[jacobian(value)]
pub fn rosen10(x: &[f64; 10]) -> f64 {
    let mut r = 0.0;
    for i in 0..9 {
        let a = 1.0 - x[i];
        let b = x[i + 1] - x[i] * x[i];
        r += a * a + 100.0 * (b * b);
    }
    r
}

/// POLLU, the air-pollution problem of Verwer: 20 species, 25 reactions.
#[jacobian(value)]
pub fn pollu(y: &[f64; 20]) -> [f64; 20] {
    let k = [
        0.35, 26.6, 12300.0, 0.00086, 0.00082, 15000.0, 0.00013, 24000.0, 16500.0, 9000.0, 0.022, 12000.0, 1.88, 16300.0, 4800000.0,
        0.00035, 0.0175, 1e8, 4.44e11, 1240.0, 2.1, 5.78, 0.0474, 1780.0, 3.12,
    ];
    let r1 = k[0] * y[0];
    let r2 = k[1] * y[1] * y[3];
    let r3 = k[2] * y[4] * y[1];
    let r4 = k[3] * y[6];
    let r5 = k[4] * y[6];
    let r6 = k[5] * y[6] * y[5];
    let r7 = k[6] * y[8];
    let r8 = k[7] * y[8] * y[5];
    let r9 = k[8] * y[10] * y[1];
    let r10 = k[9] * y[10] * y[0];
    let r11 = k[10] * y[12];
    let r12 = k[11] * y[9] * y[1];
    let r13 = k[12] * y[13];
    let r14 = k[13] * y[0] * y[5];
    let r15 = k[14] * y[2];
    let r16 = k[15] * y[3];
    let r17 = k[16] * y[3];
    let r18 = k[17] * y[15];
    let r19 = k[18] * y[15];
    let r20 = k[19] * y[16] * y[5];
    let r21 = k[20] * y[18];
    let r22 = k[21] * y[18];
    let r23 = k[22] * y[0] * y[3];
    let r24 = k[23] * y[18] * y[0];
    let r25 = k[24] * y[19];
    [
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
    ]
}

/// Bundle adjustment (the ADBench residual): camera = rotation vector, centre, focal length, principal point, k1, k2;
/// with respect to camera (11), point (3) and weight (1); the feature is given: 2×15.
#[jacobian(wrt(cam, point, weight), value)]
pub fn bundle_adjustment(cam: &[f64; 11], point: &[f64; 3], weight: f64, feature: &[f64; 2]) -> [f64; 2] {
    let p = [point[0] - cam[3], point[1] - cam[4], point[2] - cam[5]];
    let theta = (cam[0] * cam[0] + cam[1] * cam[1] + cam[2] * cam[2]).sqrt();
    let (si, co) = theta.sin_cos();
    let ti = 1.0 / theta;
    let w = [cam[0] * ti, cam[1] * ti, cam[2] * ti];
    let cr = [w[1] * p[2] - w[2] * p[1], w[2] * p[0] - w[0] * p[2], w[0] * p[1] - w[1] * p[0]];
    let t = (w[0] * p[0] + w[1] * p[1] + w[2] * p[2]) * (1.0 - co);
    let mut q = [0.0; 3];
    for i in 0..3 {
        q[i] = p[i] * co + cr[i] * si + w[i] * t;
    }
    let u = [q[0] / q[2], q[1] / q[2]];
    let rs = u[0] * u[0] + u[1] * u[1];
    let l = 1.0 + cam[9] * rs + cam[10] * rs * rs;
    [weight * (u[0] * l * cam[6] + cam[7] - feature[0]), weight * (u[1] * l * cam[6] + cam[8] - feature[1])]
}

/// (A + B)(A·B)ᵀ, 3×3: R¹⁸ → R⁹.
#[jacobian(value)]
pub fn sum_times_product(a: &[[f64; 3]; 3], b: &[[f64; 3]; 3]) -> [[f64; 3]; 3] {
    let mut p = [[0.0; 3]; 3];
    let mut out = [[0.0; 3]; 3];
    for i in 0..3 {
        for j in 0..3 {
            for k in 0..3 {
                p[i][j] += a[i][k] * b[k][j];
            }
        }
    }
    for i in 0..3 {
        for j in 0..3 {
            for k in 0..3 {
                out[i][j] += (a[i][k] + b[i][k]) * p[j][k];
            }
        }
    }
    out
}

/// UR5 forward kinematics (Denavit–Hartenberg), position of the tool: R⁶ → R³.
#[jacobian(value)]
pub fn ur5(q: &[f64; 6]) -> [f64; 3] {
    let d = [0.089159, 0.0, 0.0, 0.10915, 0.09465, 0.0823];
    let a = [0.0, -0.425, -0.39225, 0.0, 0.0, 0.0];
    let ca = [0.0, 1.0, 1.0, 0.0, 0.0, 1.0];
    let sa = [1.0, 0.0, 0.0, 1.0, -1.0, 0.0];
    let mut t = [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]];
    for i in 0..6 {
        let (s, c) = q[i].sin_cos();
        let m = [
            [c, -(s * ca[i]), s * sa[i], a[i] * c],
            [s, c * ca[i], -(c * sa[i]), a[i] * s],
            [0.0, sa[i], ca[i], d[i]],
            [0.0, 0.0, 0.0, 1.0],
        ];
        let mut n = [[0.0; 4]; 3];
        for r in 0..3 {
            for k in 0..4 {
                for j in 0..4 {
                    n[r][j] += t[r][k] * m[k][j];
                }
            }
        }
        t = n;
    }
    [t[0][3], t[1][3], t[2][3]]
}

/// Double pendulum, unit masses and lengths: R⁴ → R⁴.
#[jacobian(value)]
pub fn double_pendulum(v: &[f64; 4]) -> [f64; 4] {
    let [t1, t2, w1, w2] = *v;
    let g = 9.81;
    let delta = t1 - t2;
    let (sd, cd) = (delta.sin(), delta.cos());
    let den = 3.0 - (cd * cd - sd * sd);
    let a1 = (-(g * 3.0) * t1.sin() - g * (t1 - 2.0 * t2).sin() - 2.0 * sd * (w2 * w2 + w1 * w1 * cd)) / den;
    let a2 = (2.0 * sd * (w1 * w1 * 2.0 + g * 2.0 * t1.cos() + w2 * w2 * cd)) / den;
    [w1, w2, a1, a2]
}

/// R(q)ᵀ(p − t) with respect to the quaternion (x, y, z, w) and t; p is given: 3×7.
#[jacobian(wrt(q, t), value)]
pub fn inverse_transform(q: &[f64; 4], t: &[f64; 3], p: &[f64; 3]) -> [f64; 3] {
    let [x, y, z, w] = *q;
    let r = [
        [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - z * w), 2.0 * (x * z + y * w)],
        [2.0 * (x * y + z * w), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - x * w)],
        [2.0 * (x * z - y * w), 2.0 * (y * z + x * w), 1.0 - 2.0 * (x * x + y * y)],
    ];
    let d = [p[0] - t[0], p[1] - t[1], p[2] - t[2]];
    [
        r[0][0] * d[0] + r[1][0] * d[1] + r[2][0] * d[2],
        r[0][1] * d[0] + r[1][1] * d[1] + r[2][1] * d[2],
        r[0][2] * d[0] + r[1][2] * d[1] + r[2][2] * d[2],
    ]
}

/// Real spherical harmonics for l < 8 by recurrence: R³ → R⁶⁴.
#[jacobian(value)]
pub fn spherical_harmonics(v: &[f64; 3]) -> [f64; 64] {
    let [x, y, z] = *v;
    let mut c = [0.0; 8];
    let mut s = [0.0; 8];
    c[0] = 1.0;
    for m in 1..8 {
        s[m] = x * c[m - 1] - y * s[m - 1];
        c[m] = x * s[m - 1] + y * c[m - 1];
    }
    let mut p = [[0.0; 8]; 8];
    p[0][0] = 1.0;
    for l in 1..8 {
        p[l][l] = (1.0 - 2.0 * l as f64) * p[l - 1][l - 1];
        p[l][l - 1] = (2.0 * l as f64 - 1.0) * z * p[l - 1][l - 1];
        for m in 0..l - 1 {
            let (lf, mf) = (l as f64, m as f64);
            p[l][m] = (2.0 * lf - 1.0) / (lf - mf) * z * p[l - 1][m] - (lf + mf - 1.0) / (lf - mf) * p[l - 2][m];
        }
    }
    let mut out = [0.0; 64];
    for l in 0..8usize {
        for k in 0..2 * l + 1 {
            let m = if k < l { l - k } else { k - l };
            let mut ratio = 1.0;
            for f in l - m + 1..l + m + 1 {
                ratio /= f as f64;
            }
            let n = ((2.0 * l as f64 + 1.0) / (4.0 * std::f64::consts::PI) * ratio).sqrt();
            out[l * l + k] = n * p[l][m] * if k < l { s[m] } else { c[m] };
        }
    }
    out
}
