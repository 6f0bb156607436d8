//! The functions that are timed beside hand-written code, num-dual and central differences.

use jac_runtime::jacobian;

/// A camera of the Bundle Adjustment in the Large data: rotation vector, translation, focal length
/// and two coefficients of distortion; with respect to camera and point, 2×12.
#[jacobian(value)]
pub fn bal(camera: &[f64; 9], point: &[f64; 3]) -> [f64; 2] {
    let w = [camera[0], camera[1], camera[2]];
    let theta2 = w[0] * w[0] + w[1] * w[1] + w[2] * w[2];
    let theta = theta2.sqrt();
    let (s, c) = theta.sin_cos();
    let axis = [w[0] / theta, w[1] / theta, w[2] / theta];
    let cross = [axis[1] * point[2] - axis[2] * point[1], axis[2] * point[0] - axis[0] * point[2], axis[0] * point[1] - axis[1] * point[0]];
    let along = (axis[0] * point[0] + axis[1] * point[1] + axis[2] * point[2]) * (1.0 - c);
    let mut p = [0.0; 3];
    for k in 0..3 {
        p[k] = point[k] * c + cross[k] * s + axis[k] * along + camera[3 + k];
    }
    let x = -p[0] / p[2];
    let y = -p[1] / p[2];
    let r2 = x * x + y * y;
    let distortion = 1.0 + r2 * (camera[7] + camera[8] * r2);
    [camera[6] * distortion * x, camera[6] * distortion * y]
}

/// The position of the tool of an arm with seven joints in general position (Denavit–Hartenberg), 3×7.
#[jacobian(value)]
pub fn arm(q: &[f64; 7]) -> [f64; 3] {
    let a = [0.12, 0.31, -0.07, 0.25, 0.05, 0.11, 0.09];
    let d = [0.34, 0.03, 0.28, -0.04, 0.22, 0.06, 0.13];
    let ca = [0.28, -0.6, 0.8, 0.96, -0.28, 0.6, 0.8];
    let sa = [0.96, 0.8, -0.6, 0.28, 0.96, 0.8, 0.6];
    let mut r = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    let mut p = [0.0; 3];
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
    p
}

/// The inverse of a matrix by its cofactors, 9×9.
/// range: 0.2..1.5
#[jacobian(value)]
pub fn inverse3(m: &[[f64; 3]; 3]) -> [[f64; 3]; 3] {
    let c00 = m[1][1] * m[2][2] - m[1][2] * m[2][1];
    let c10 = m[1][2] * m[2][0] - m[1][0] * m[2][2];
    let c20 = m[1][0] * m[2][1] - m[1][1] * m[2][0];
    let det = m[0][0] * c00 + m[0][1] * c10 + m[0][2] * c20;
    [
        [c00 / det, (m[0][2] * m[2][1] - m[0][1] * m[2][2]) / det, (m[0][1] * m[1][2] - m[0][2] * m[1][1]) / det],
        [c10 / det, (m[0][0] * m[2][2] - m[0][2] * m[2][0]) / det, (m[0][2] * m[1][0] - m[0][0] * m[1][2]) / det],
        [c20 / det, (m[0][1] * m[2][0] - m[0][0] * m[2][1]) / det, (m[0][0] * m[1][1] - m[0][1] * m[1][0]) / det],
    ]
}

/// The inverse of a matrix by 2×2 minors, 16×16.
#[jacobian(value)]
pub fn inverse4(m: &[[f64; 4]; 4]) -> [[f64; 4]; 4] {
    let s0 = m[0][0] * m[1][1] - m[1][0] * m[0][1];
    let s1 = m[0][0] * m[1][2] - m[1][0] * m[0][2];
    let s2 = m[0][0] * m[1][3] - m[1][0] * m[0][3];
    let s3 = m[0][1] * m[1][2] - m[1][1] * m[0][2];
    let s4 = m[0][1] * m[1][3] - m[1][1] * m[0][3];
    let s5 = m[0][2] * m[1][3] - m[1][2] * m[0][3];
    let c5 = m[2][2] * m[3][3] - m[3][2] * m[2][3];
    let c4 = m[2][1] * m[3][3] - m[3][1] * m[2][3];
    let c3 = m[2][1] * m[3][2] - m[3][1] * m[2][2];
    let c2 = m[2][0] * m[3][3] - m[3][0] * m[2][3];
    let c1 = m[2][0] * m[3][2] - m[3][0] * m[2][2];
    let c0 = m[2][0] * m[3][1] - m[3][0] * m[2][1];
    let det = s0 * c5 - s1 * c4 + s2 * c3 + s3 * c2 - s4 * c1 + s5 * c0;
    [
        [
            (m[1][1] * c5 - m[1][2] * c4 + m[1][3] * c3) / det,
            (-m[0][1] * c5 + m[0][2] * c4 - m[0][3] * c3) / det,
            (m[3][1] * s5 - m[3][2] * s4 + m[3][3] * s3) / det,
            (-m[2][1] * s5 + m[2][2] * s4 - m[2][3] * s3) / det,
        ],
        [
            (-m[1][0] * c5 + m[1][2] * c2 - m[1][3] * c1) / det,
            (m[0][0] * c5 - m[0][2] * c2 + m[0][3] * c1) / det,
            (-m[3][0] * s5 + m[3][2] * s2 - m[3][3] * s1) / det,
            (m[2][0] * s5 - m[2][2] * s2 + m[2][3] * s1) / det,
        ],
        [
            (m[1][0] * c4 - m[1][1] * c2 + m[1][3] * c0) / det,
            (-m[0][0] * c4 + m[0][1] * c2 - m[0][3] * c0) / det,
            (m[3][0] * s4 - m[3][1] * s2 + m[3][3] * s0) / det,
            (-m[2][0] * s4 + m[2][1] * s2 - m[2][3] * s0) / det,
        ],
        [
            (-m[1][0] * c3 + m[1][1] * c1 - m[1][2] * c0) / det,
            (m[0][0] * c3 - m[0][1] * c1 + m[0][2] * c0) / det,
            (-m[3][0] * s3 + m[3][1] * s1 - m[3][2] * s0) / det,
            (m[2][0] * s3 - m[2][1] * s1 + m[2][2] * s0) / det,
        ],
    ]
}

/// A·B·C by each, 3×3.
#[jacobian(value)]
pub fn chain3(a: &[[f64; 3]; 3], b: &[[f64; 3]; 3], c: &[[f64; 3]; 3]) -> [[f64; 3]; 3] {
    let mut ab = [[0.0; 3]; 3];
    let mut abc = [[0.0; 3]; 3];
    for i in 0..3 {
        for j in 0..3 {
            for k in 0..3 {
                ab[i][j] += a[i][k] * b[k][j];
            }
        }
    }
    for i in 0..3 {
        for j in 0..3 {
            for k in 0..3 {
                abc[i][j] += ab[i][k] * c[k][j];
            }
        }
    }
    abc
}

/// A·B·C by each, 4×4.
#[jacobian(value)]
pub fn chain4(a: &[[f64; 4]; 4], b: &[[f64; 4]; 4], c: &[[f64; 4]; 4]) -> [[f64; 4]; 4] {
    let mut ab = [[0.0; 4]; 4];
    let mut abc = [[0.0; 4]; 4];
    for i in 0..4 {
        for j in 0..4 {
            for k in 0..4 {
                ab[i][j] += a[i][k] * b[k][j];
            }
        }
    }
    for i in 0..4 {
        for j in 0..4 {
            for k in 0..4 {
                abc[i][j] += ab[i][k] * c[k][j];
            }
        }
    }
    abc
}

/// Rosenbrock's function of a hundred variables.
#[jacobian(value)]
pub fn rosen100(x: &[f64; 100]) -> f64 {
    let mut r = 0.0;
    for i in 0..99 {
        let a = 1.0 - x[i];
        let b = x[i + 1] - x[i] * x[i];
        r += a * a + 100.0 * (b * b);
    }
    r
}

/// The Brusselator with diffusion on 32 cells, 64×64 (Hairer & Wanner, *Solving Ordinary
/// Differential Equations II*, IV.10).
#[jacobian(value)]
pub fn brusselator(y: &[f64; 64]) -> [f64; 64] {
    let alpha = 0.02 * 33.0 * 33.0;
    let mut r = [0.0; 64];
    for i in 0..32 {
        let (u, v) = (y[2 * i], y[2 * i + 1]);
        let (mut ul, mut vl, mut ur, mut vr) = (1.0, 3.0, 1.0, 3.0);
        if i > 0 {
            ul = y[2 * i - 2];
            vl = y[2 * i - 1];
        }
        if i < 31 {
            ur = y[2 * i + 2];
            vr = y[2 * i + 3];
        }
        let uuv = u * u * v;
        r[2 * i] = 1.0 + uuv - 4.0 * u + alpha * (ul - 2.0 * u + ur);
        r[2 * i + 1] = 3.0 * u - uuv + alpha * (vl - 2.0 * v + vr);
    }
    r
}

/// Softmax of 16 values.
#[jacobian(value)]
pub fn softmax(x: &[f64; 16]) -> [f64; 16] {
    let mut e = [0.0; 16];
    let mut total = 0.0;
    for i in 0..16 {
        e[i] = x[i].exp();
        total += e[i];
    }
    let mut y = [0.0; 16];
    for i in 0..16 {
        y[i] = e[i] / total;
    }
    y
}

/// The geometric mean of 17 values.
/// range: 0.5..2
#[jacobian(value)]
pub fn geometric_mean(x: &[f64; 17]) -> f64 {
    let mut product = 1.0;
    for k in 0..17 {
        product *= x[k];
    }
    product.powf(1.0 / 17.0)
}
