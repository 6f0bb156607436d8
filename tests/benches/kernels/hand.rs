//! Value and Jacobian as a careful programmer writes them: what is shared is computed once,
//! divisions are few, loops are left where the compiler vectorises them.

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// By the left Jacobian of SO(3): ∂(R·X)/∂w = −[R·X]× · J, J = a·I + b·[w]× + c·w·wᵀ.
pub fn bal(camera: &[f64; 9], point: &[f64; 3]) -> ([f64; 2], ([[f64; 9]; 2], [[f64; 3]; 2])) {
    let w = [camera[0], camera[1], camera[2]];
    let theta2 = dot(w, w);
    let theta = theta2.sqrt();
    let (s, cos) = theta.sin_cos();
    let inverse = 1.0 / theta;
    let inverse2 = inverse * inverse;
    let a = s * inverse;
    let b = (1.0 - cos) * inverse2;
    let c = (1.0 - a) * inverse2;
    let bw = [b * w[0], b * w[1], b * w[2]];
    let cw = [c * w[0], c * w[1], c * w[2]];
    let aw = [a * w[0], a * w[1], a * w[2]];
    let (r01, r02, r12) = (bw[0] * w[1], bw[0] * w[2], bw[1] * w[2]);
    let r = [
        [cos + bw[0] * w[0], r01 - aw[2], r02 + aw[1]],
        [r01 + aw[2], cos + bw[1] * w[1], r12 - aw[0]],
        [r02 - aw[1], r12 + aw[0], cos + bw[2] * w[2]],
    ];
    let q = [dot(r[0], *point), dot(r[1], *point), dot(r[2], *point)];
    let (j01, j02, j12) = (cw[0] * w[1], cw[0] * w[2], cw[1] * w[2]);
    // the columns of J
    let left = [
        [a + cw[0] * w[0], j01 + bw[2], j02 - bw[1]],
        [j01 - bw[2], a + cw[1] * w[1], j12 + bw[0]],
        [j02 + bw[1], j12 - bw[0], a + cw[2] * w[2]],
    ];
    let p = [q[0] + camera[3], q[1] + camera[4], q[2] + camera[5]];
    let depth = 1.0 / p[2];
    let (x, y) = (-p[0] * depth, -p[1] * depth);
    let r2 = x * x + y * y;
    let (f, k1, k2) = (camera[6], camera[7], camera[8]);
    let distortion = 1.0 + r2 * (k1 + k2 * r2);
    let slope = 2.0 * f * (k1 + 2.0 * k2 * r2);
    let fd = f * distortion;
    let (uu, uv, vv) = (fd + slope * x * x, slope * x * y, fd + slope * y * y);
    let by_p = [[-uu * depth, -uv * depth, -(uu * x + uv * y) * depth], [-uv * depth, -vv * depth, -(uv * x + vv * y) * depth]];
    let turned = left.map(|column| cross(column, q));
    let mut by_camera = [[0.0; 9]; 2];
    let mut by_point = [[0.0; 3]; 2];
    for row in 0..2 {
        let value = if row == 0 { x } else { y };
        for k in 0..3 {
            by_camera[row][k] = dot(by_p[row], turned[k]);
            by_camera[row][3 + k] = by_p[row][k];
            by_point[row][k] = by_p[row][0] * r[0][k] + by_p[row][1] * r[1][k] + by_p[row][2] * r[2][k];
        }
        by_camera[row][6] = distortion * value;
        by_camera[row][7] = f * value * r2;
        by_camera[row][8] = f * value * r2 * r2;
    }
    ([fd * x, fd * y], (by_camera, by_point))
}

/// The geometric Jacobian: column i is zᵢ × (p − pᵢ).
pub fn arm(q: &[f64; 7]) -> ([f64; 3], [[f64; 7]; 3]) {
    const A: [f64; 7] = [0.12, 0.31, -0.07, 0.25, 0.05, 0.11, 0.09];
    const D: [f64; 7] = [0.34, 0.03, 0.28, -0.04, 0.22, 0.06, 0.13];
    const CA: [f64; 7] = [0.28, -0.6, 0.8, 0.96, -0.28, 0.6, 0.8];
    const SA: [f64; 7] = [0.96, 0.8, -0.6, 0.28, 0.96, 0.8, 0.6];
    let (mut x, mut y, mut z) = ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]);
    let mut p = [0.0; 3];
    let mut axes = [[0.0; 3]; 7];
    let mut origins = [[0.0; 3]; 7];
    for i in 0..7 {
        let (s, c) = q[i].sin_cos();
        axes[i] = z;
        origins[i] = p;
        for k in 0..3 {
            let turned = x[k] * c + y[k] * s;
            let side = y[k] * c - x[k] * s;
            p[k] += turned * A[i] + z[k] * D[i];
            (x[k], y[k], z[k]) = (turned, side * CA[i] + z[k] * SA[i], z[k] * CA[i] - side * SA[i]);
        }
    }
    let mut j = [[0.0; 7]; 3];
    for i in 0..7 {
        let column = cross(axes[i], [p[0] - origins[i][0], p[1] - origins[i][1], p[2] - origins[i][2]]);
        for k in 0..3 {
            j[k][i] = column[k];
        }
    }
    (p, j)
}

/// ∂Y[i,j]/∂X[k,l] = −Y[i,k]·Y[l,j].
fn with_inverse_jacobian<const N: usize>(y: Matrix<N>) -> (Matrix<N>, Block<N>) {
    let mut out = (y, [[[[0.0; N]; N]; N]; N]);
    for i in 0..N {
        for j in 0..N {
            for k in 0..N {
                for l in 0..N {
                    out.1[i][j][k][l] = -y[i][k] * y[l][j];
                }
            }
        }
    }
    out
}

pub fn inverse3(m: &Matrix<3>) -> (Matrix<3>, Block<3>) {
    let c00 = m[1][1] * m[2][2] - m[1][2] * m[2][1];
    let c10 = m[1][2] * m[2][0] - m[1][0] * m[2][2];
    let c20 = m[1][0] * m[2][1] - m[1][1] * m[2][0];
    let s = 1.0 / (m[0][0] * c00 + m[0][1] * c10 + m[0][2] * c20);
    let y = [
        [c00 * s, (m[0][2] * m[2][1] - m[0][1] * m[2][2]) * s, (m[0][1] * m[1][2] - m[0][2] * m[1][1]) * s],
        [c10 * s, (m[0][0] * m[2][2] - m[0][2] * m[2][0]) * s, (m[0][2] * m[1][0] - m[0][0] * m[1][2]) * s],
        [c20 * s, (m[0][1] * m[2][0] - m[0][0] * m[2][1]) * s, (m[0][0] * m[1][1] - m[0][1] * m[1][0]) * s],
    ];
    with_inverse_jacobian(y)
}

pub fn inverse4(m: &Matrix<4>) -> (Matrix<4>, Block<4>) {
    let minor = |i: usize, j: usize, a: usize, b: usize| m[i][a] * m[j][b] - m[j][a] * m[i][b];
    let (s0, s1, s2) = (minor(0, 1, 0, 1), minor(0, 1, 0, 2), minor(0, 1, 0, 3));
    let (s3, s4, s5) = (minor(0, 1, 1, 2), minor(0, 1, 1, 3), minor(0, 1, 2, 3));
    let (c0, c1, c2) = (minor(2, 3, 0, 1), minor(2, 3, 0, 2), minor(2, 3, 0, 3));
    let (c3, c4, c5) = (minor(2, 3, 1, 2), minor(2, 3, 1, 3), minor(2, 3, 2, 3));
    let d = 1.0 / (s0 * c5 - s1 * c4 + s2 * c3 + s3 * c2 - s4 * c1 + s5 * c0);
    let y = [
        [
            (m[1][1] * c5 - m[1][2] * c4 + m[1][3] * c3) * d,
            (m[0][2] * c4 - m[0][1] * c5 - m[0][3] * c3) * d,
            (m[3][1] * s5 - m[3][2] * s4 + m[3][3] * s3) * d,
            (m[2][2] * s4 - m[2][1] * s5 - m[2][3] * s3) * d,
        ],
        [
            (m[1][2] * c2 - m[1][0] * c5 - m[1][3] * c1) * d,
            (m[0][0] * c5 - m[0][2] * c2 + m[0][3] * c1) * d,
            (m[3][2] * s2 - m[3][0] * s5 - m[3][3] * s1) * d,
            (m[2][0] * s5 - m[2][2] * s2 + m[2][3] * s1) * d,
        ],
        [
            (m[1][0] * c4 - m[1][1] * c2 + m[1][3] * c0) * d,
            (m[0][1] * c2 - m[0][0] * c4 - m[0][3] * c0) * d,
            (m[3][0] * s4 - m[3][1] * s2 + m[3][3] * s0) * d,
            (m[2][1] * s2 - m[2][0] * s4 - m[2][3] * s0) * d,
        ],
        [
            (m[1][1] * c1 - m[1][0] * c3 - m[1][2] * c0) * d,
            (m[0][0] * c3 - m[0][1] * c1 + m[0][2] * c0) * d,
            (m[3][1] * s1 - m[3][0] * s3 - m[3][2] * s0) * d,
            (m[2][0] * s3 - m[2][1] * s1 + m[2][2] * s0) * d,
        ],
    ];
    with_inverse_jacobian(y)
}

type Matrix<const N: usize> = [[f64; N]; N];
type Block<const N: usize> = [[[[f64; N]; N]; N]; N];

fn product<const N: usize>(a: &Matrix<N>, b: &Matrix<N>) -> Matrix<N> {
    let mut out = [[0.0; N]; N];
    for i in 0..N {
        for k in 0..N {
            for j in 0..N {
                out[i][j] += a[i][k] * b[k][j];
            }
        }
    }
    out
}

/// By A: δ(i,k)·(B·C)[l,j]; by B: A[i,k]·C[l,j]; by C: (A·B)[i,k]·δ(j,l).
pub fn chain<const N: usize>(a: &Matrix<N>, b: &Matrix<N>, c: &Matrix<N>) -> (Matrix<N>, (Block<N>, Block<N>, Block<N>)) {
    let ab = product(a, b);
    let bc = product(b, c);
    let zeros = [[[[0.0; N]; N]; N]; N];
    let mut out = (product(&ab, c), (zeros, zeros, zeros));
    let (by_a, by_b, by_c) = &mut out.1;
    for i in 0..N {
        for j in 0..N {
            for l in 0..N {
                by_a[i][j][i][l] = bc[l][j];
                by_c[i][j][l][j] = ab[i][l];
                for k in 0..N {
                    by_b[i][j][k][l] = a[i][k] * c[l][j];
                }
            }
        }
    }
    out
}

/// Loops without a chain through memory, and four sums, so that all of it is done in vectors.
pub fn rosen100(x: &[f64; 100]) -> (f64, [f64; 100]) {
    let mut b = [0.0; 99];
    let mut g = [0.0; 100];
    let mut sums = [0.0; 4];
    for i in 0..99 {
        b[i] = x[i + 1] - x[i] * x[i];
    }
    for i in 0..99 {
        g[i] = 2.0 * (x[i] - 1.0) - 400.0 * b[i] * x[i];
    }
    for i in 0..99 {
        g[i + 1] += 200.0 * b[i];
    }
    for i in 0..96 {
        let a = 1.0 - x[i];
        sums[i % 4] += a * a + 100.0 * (b[i] * b[i]);
    }
    for i in 96..99 {
        let a = 1.0 - x[i];
        sums[i % 4] += a * a + 100.0 * (b[i] * b[i]);
    }
    (sums[0] + sums[1] + (sums[2] + sums[3]), g)
}

pub fn pollu(y: &[f64; 20]) -> ([f64; 20], [[f64; 20]; 20]) {
    const K: [f64; 25] = [
        0.35, 26.6, 12300.0, 0.00086, 0.00082, 15000.0, 0.00013, 24000.0, 16500.0, 9000.0, 0.022, 12000.0, 1.88, 16300.0, 4800000.0,
        0.00035, 0.0175, 1e8, 4.44e11, 1240.0, 2.1, 5.78, 0.0474, 1780.0, 3.12,
    ];
    let r2y1 = K[1] * y[3];
    let r2y3 = K[1] * y[1];
    let r3y1 = K[2] * y[4];
    let r3y4 = K[2] * y[1];
    let r6y5 = K[5] * y[6];
    let r6y6 = K[5] * y[5];
    let r8y5 = K[7] * y[8];
    let r8y8 = K[7] * y[5];
    let r9y1 = K[8] * y[10];
    let r9y10 = K[8] * y[1];
    let r10y0 = K[9] * y[10];
    let r10y10 = K[9] * y[0];
    let r12y1 = K[11] * y[9];
    let r12y9 = K[11] * y[1];
    let r14y0 = K[13] * y[5];
    let r14y5 = K[13] * y[0];
    let r20y5 = K[19] * y[16];
    let r20y16 = K[19] * y[5];
    let r23y0 = K[22] * y[3];
    let r23y3 = K[22] * y[0];
    let r24y0 = K[23] * y[18];
    let r24y18 = K[23] * y[0];
    let r1 = K[0] * y[0];
    let r2 = r2y3 * y[3];
    let r3 = r3y4 * y[4];
    let r4 = K[3] * y[6];
    let r5 = K[4] * y[6];
    let r6 = r6y6 * y[6];
    let r7 = K[6] * y[8];
    let r8 = r8y8 * y[8];
    let r9 = r9y10 * y[10];
    let r10 = r10y10 * y[10];
    let r11 = K[10] * y[12];
    let r12 = r12y9 * y[9];
    let r13 = K[12] * y[13];
    let r14 = r14y5 * y[5];
    let r15 = K[14] * y[2];
    let r16 = K[15] * y[3];
    let r17 = K[16] * y[3];
    let r18 = K[17] * y[15];
    let r19 = K[18] * y[15];
    let r20 = r20y16 * y[16];
    let r21 = K[20] * y[18];
    let r22 = K[21] * y[18];
    let r23 = r23y3 * y[3];
    let r24 = r24y18 * y[18];
    let r25 = K[24] * y[19];
    let f = [
        -r1 - r10 - r14 - r23 - r24 + r2 + r3 + r9 + r11 + r12 + r22 + r25,
        -r2 - r3 - r9 - r12 + r1 + r21,
        -r15 + r1 + r17 + r19 + r22,
        -r2 - r16 - r17 - r23 + r15,
        -r3 + 2.0 * r4 + r6 + r7 + r13 + r20,
        -r6 - r8 - r14 - r20 + r3 + 2.0 * r18,
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
    ];
    let mut out = (f, [[0.0; 20]; 20]);
    let j = &mut out.1;
    j[0][0] = -K[0] - r10y0 - r14y0 - r23y0 - r24y0;
    j[0][1] = r2y1 + r3y1 + r9y1 + r12y1;
    j[0][3] = r2y3 - r23y3;
    j[0][4] = r3y4;
    j[0][5] = -r14y5;
    j[0][9] = r12y9;
    j[0][10] = r9y10 - r10y10;
    j[0][12] = K[10];
    j[0][18] = K[21] - r24y18;
    j[0][19] = K[24];
    j[1][0] = K[0];
    j[1][1] = -j[0][1];
    j[1][3] = -r2y3;
    j[1][4] = -r3y4;
    j[1][9] = -r12y9;
    j[1][10] = -r9y10;
    j[1][18] = K[20];
    j[2][0] = K[0];
    j[2][2] = -K[14];
    j[2][3] = K[16];
    j[2][15] = K[18];
    j[2][18] = K[21];
    j[3][0] = -r23y0;
    j[3][1] = -r2y1;
    j[3][2] = K[14];
    j[3][3] = -r2y3 - (K[15] + K[16]) - r23y3;
    j[4][1] = -r3y1;
    j[4][4] = -r3y4;
    j[4][5] = r6y5 + r20y5;
    j[4][6] = 2.0 * K[3] + r6y6;
    j[4][8] = K[6];
    j[4][13] = K[12];
    j[4][16] = r20y16;
    j[5][0] = -r14y0;
    j[5][1] = r3y1;
    j[5][4] = r3y4;
    j[5][5] = -r6y5 - r8y5 - r14y5 - r20y5;
    j[5][6] = -r6y6;
    j[5][8] = -r8y8;
    j[5][15] = 2.0 * K[17];
    j[5][16] = -r20y16;
    j[6][5] = -r6y5;
    j[6][6] = -(K[3] + K[4]) - r6y6;
    j[6][13] = K[12];
    j[7][5] = r6y5;
    j[7][6] = K[3] + K[4] + r6y6;
    j[7][8] = K[6];
    j[8][5] = -r8y5;
    j[8][8] = -K[6] - r8y8;
    j[9][1] = r9y1 - r12y1;
    j[9][8] = K[6];
    j[9][9] = -r12y9;
    j[9][10] = r9y10;
    j[10][0] = -r10y0;
    j[10][1] = -r9y1;
    j[10][5] = r8y5;
    j[10][8] = r8y8;
    j[10][10] = -r9y10 - r10y10;
    j[10][12] = K[10];
    j[11][1] = r9y1;
    j[11][10] = r9y10;
    j[12][0] = r10y0;
    j[12][10] = r10y10;
    j[12][12] = -K[10];
    j[13][1] = r12y1;
    j[13][9] = r12y9;
    j[13][13] = -K[12];
    j[14][0] = r14y0;
    j[14][5] = r14y5;
    j[15][3] = K[15];
    j[15][15] = -(K[17] + K[18]);
    j[16][5] = -r20y5;
    j[16][16] = -r20y16;
    j[17][5] = r20y5;
    j[17][16] = r20y16;
    j[18][0] = r23y0 - r24y0;
    j[18][3] = r23y3;
    j[18][18] = -(K[20] + K[21]) - r24y18;
    j[18][19] = K[24];
    j[19][0] = r24y0;
    j[19][18] = r24y18;
    j[19][19] = -K[24];
    out
}

pub fn brusselator(y: &[f64; 64]) -> ([f64; 64], [[f64; 64]; 64]) {
    const ALPHA: f64 = 0.02 * 33.0 * 33.0;
    let mut out = ([0.0; 64], [[0.0; 64]; 64]);
    let (f, j) = &mut out;
    for i in 0..32 {
        let (a, b) = (2 * i, 2 * i + 1);
        let (u, v) = (y[a], y[b]);
        let (ul, vl) = if i > 0 { (y[a - 2], y[b - 2]) } else { (1.0, 3.0) };
        let (ur, vr) = if i < 31 { (y[a + 2], y[b + 2]) } else { (1.0, 3.0) };
        let (uv, uu) = (u * v, u * u);
        f[a] = 1.0 + u * uv - (4.0 + 2.0 * ALPHA) * u + ALPHA * (ul + ur);
        f[b] = 3.0 * u - u * uv - 2.0 * ALPHA * v + ALPHA * (vl + vr);
        j[a][a] = 2.0 * uv - (4.0 + 2.0 * ALPHA);
        j[a][b] = uu;
        j[b][a] = 3.0 - 2.0 * uv;
        j[b][b] = -uu - 2.0 * ALPHA;
        if i > 0 {
            j[a][a - 2] = ALPHA;
            j[b][b - 2] = ALPHA;
        }
        if i < 31 {
            j[a][a + 2] = ALPHA;
            j[b][b + 2] = ALPHA;
        }
    }
    out
}

/// The recurrences of the function, differentiated by hand; the normalisation is a table.
pub fn spherical_harmonics(v: &[f64; 3]) -> ([f64; 64], [[f64; 3]; 64]) {
    static NORM: std::sync::LazyLock<[[f64; 8]; 8]> = std::sync::LazyLock::new(|| {
        let mut norm = [[0.0; 8]; 8];
        for l in 0..8 {
            for m in 0..=l {
                let ratio: f64 = (l - m + 1..=l + m).map(|k| 1.0 / k as f64).product();
                norm[l][m] = ((2.0 * l as f64 + 1.0) / (4.0 * std::f64::consts::PI) * ratio).sqrt();
            }
        }
        norm
    });
    let norm = &*NORM;
    let [x, y, z] = *v;
    let (mut c, mut s, mut cx, mut cy, mut sx, mut sy) = ([0.0; 8], [0.0; 8], [0.0; 8], [0.0; 8], [0.0; 8], [0.0; 8]);
    c[0] = 1.0;
    for m in 1..8 {
        s[m] = x * c[m - 1] - y * s[m - 1];
        c[m] = x * s[m - 1] + y * c[m - 1];
        sx[m] = c[m - 1] + x * cx[m - 1] - y * sx[m - 1];
        sy[m] = x * cy[m - 1] - s[m - 1] - y * sy[m - 1];
        cx[m] = s[m - 1] + x * sx[m - 1] + y * cx[m - 1];
        cy[m] = x * sy[m - 1] + c[m - 1] + y * cy[m - 1];
    }
    let mut p = [[0.0; 8]; 8];
    let mut pz = [[0.0; 8]; 8];
    p[0][0] = 1.0;
    for l in 1..8 {
        let lf = l as f64;
        p[l][l] = (1.0 - 2.0 * lf) * p[l - 1][l - 1];
        p[l][l - 1] = (2.0 * lf - 1.0) * z * p[l - 1][l - 1];
        pz[l][l - 1] = (2.0 * lf - 1.0) * p[l - 1][l - 1];
        for m in 0..l - 1 {
            let inverse = 1.0 / (l - m) as f64;
            let (a, b) = ((2.0 * lf - 1.0) * inverse, (l + m - 1) as f64 * inverse);
            p[l][m] = a * z * p[l - 1][m] - b * p[l - 2][m];
            pz[l][m] = a * (p[l - 1][m] + z * pz[l - 1][m]) - b * pz[l - 2][m];
        }
    }
    let mut f = [0.0; 64];
    let mut j = [[0.0; 3]; 64];
    for l in 0..8usize {
        for k in 0..=2 * l {
            let m = k.abs_diff(l);
            let (t, tx, ty) = if k < l { (s[m], sx[m], sy[m]) } else { (c[m], cx[m], cy[m]) };
            let np = norm[l][m] * p[l][m];
            f[l * l + k] = np * t;
            j[l * l + k] = [np * tx, np * ty, norm[l][m] * pz[l][m] * t];
        }
    }
    (f, j)
}

/// ∂yᵢ/∂xⱼ = yᵢ·(δ(i,j) − yⱼ).
pub fn softmax(x: &[f64; 16]) -> ([f64; 16], [[f64; 16]; 16]) {
    let mut y = x.map(f64::exp);
    let inverse = 1.0 / y.iter().sum::<f64>();
    for e in &mut y {
        *e *= inverse;
    }
    let mut j = [[0.0; 16]; 16];
    for i in 0..16 {
        for k in 0..16 {
            j[i][k] = -y[i] * y[k];
        }
        j[i][i] += y[i];
    }
    (y, j)
}

/// ∂g/∂xᵢ = g / (17·xᵢ), the quotients by products of the factors before and after xᵢ.
pub fn geometric_mean(x: &[f64; 17]) -> (f64, [f64; 17]) {
    let mut before = [1.0; 18];
    for i in 0..17 {
        before[i + 1] = before[i] * x[i];
    }
    let g = before[17].powf(1.0 / 17.0);
    let mut scale = g / (17.0 * before[17]);
    let mut j = [0.0; 17];
    for i in (0..17).rev() {
        j[i] = scale * before[i];
        scale *= x[i];
    }
    (g, j)
}
