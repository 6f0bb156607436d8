//! Functions whose derivative grows exponentially if sharing is lost.

use jac_runtime::jacobian;
use ndarray::Array1;

/// More than a thousand statements: they are cut into pieces.
/// range: -0.5..0.5
#[jacobian(value, effort = "low")]
pub fn in_pieces(u: &[f64; 120]) -> [f64; 120] {
    let mut y = [0.0; 120];
    for i in 1..119 {
        y[i] = (u[i - 1] - u[i] + u[i + 1]) * u[i] * (1.0 - u[i] * u[i + 1]).sqrt();
    }
    y
}

/// range: 0.1..0.9
#[jacobian]
pub fn branches_in_a_loop(x: f64, z: f64) -> f64 {
    let mut y = z;
    for _ in 0..12 {
        if y > 1.0 {
            y = y * 0.5;
        } else if y < -1.0 {
            y = 0.0;
        } else {
            y = y.max(0.1) + z;
        }
        y = y * x + (x * y - 0.3).abs();
    }
    y
}

#[jacobian]
pub fn rectified_layers(x: &[f64; 3], w: &[[f64; 3]; 3]) -> f64 {
    let mut h = *x;
    for _ in 0..4 {
        let mut next = [0.0; 3];
        for i in 0..3 {
            for j in 0..3 {
                next[i] += w[i][j] * h[j];
            }
            next[i] = next[i].max(0.0);
        }
        h = next;
    }
    h[0] + h[1] * x[2]
}

/// shapes: x = [3]
/// range: -0.5..0.5
#[jacobian]
pub fn squarings_of_elements(x: &Array1<f64>) -> Array1<f64> {
    x.mapv(|v| {
        let mut a = v;
        for _ in 0..8 {
            a = a * a - 0.1;
        }
        a
    })
}

/// shapes: x = [3]
/// range: 0.1..0.9
#[jacobian]
pub fn branches_of_elements(x: &Array1<f64>, s: f64) -> Array1<f64> {
    x.mapv(|v| {
        let mut a = v;
        for _ in 0..8 {
            a = if a > 0.5 { a * s } else { a + v };
        }
        a
    })
}

/// A sum over a run-time length in every link of a chain.
/// shapes: y = [4]
#[jacobian]
pub fn sums_in_a_chain(x: f64, y: &[f64], z: [f64; 2]) -> f64 {
    let mut s = x;
    for a in z {
        for _ in 0..2 {
            for v in y {
                if *v > 0.5 {
                    continue;
                }
                s += (x + v) * a;
            }
            s = a / (s * s + 1.0);
        }
        s = if s > a { s * 0.5 } else { s * (s.tanh() + a).cos() };
    }
    s
}
