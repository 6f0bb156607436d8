//! Functions in the manner of public crates: filters, kinematics, cameras, likelihoods. Only their
//! types are rewritten where they use another matrix library.

use jac_runtime::jacobian;

/// Brown–Conrady lens distortion, after OpenCV's `projectPoints`.
#[jacobian(value)]
pub fn project(camera: &[f64; 9], rotation: &[f64; 3], translation: &[f64; 3], point: &[f64; 3]) -> [f64; 2] {
    let [fx, fy, cx, cy, k1, k2, p1, p2, k3] = *camera;
    let theta2: f64 = rotation.iter().map(|w| w * w).sum();
    let (a, b) = if theta2 > 1e-12 {
        let theta = theta2.sqrt();
        (theta.sin() / theta, (1.0 - theta.cos()) / theta2)
    } else {
        (1.0 - theta2 / 6.0, 0.5 - theta2 / 24.0)
    };
    let cross = |u: &[f64; 3], v: &[f64; 3]| [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
    let wp = cross(rotation, point);
    let wwp = cross(rotation, &wp);
    let mut p = [0.0; 3];
    for i in 0..3 {
        p[i] = point[i] + a * wp[i] + b * wwp[i] + translation[i] + if i == 2 { 4.0 } else { 0.0 };
    }
    let (x, y) = (p[0] / p[2], p[1] / p[2]);
    let r2 = x * x + y * y;
    let radial = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3));
    let xd = x * radial + 2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x);
    let yd = y * radial + p1 * (r2 + 2.0 * y * y) + 2.0 * p2 * x * y;
    [fx * xd + cx, fy * yd + cy]
}

/// The coordinated turn of an extended Kalman filter, with its straight limit.
#[jacobian]
pub fn coordinated_turn(state: &[f64; 5], dt: f64) -> [f64; 5] {
    let [x, y, v, heading, rate] = *state;
    let (nx, ny) = if rate.abs() > 1e-6 {
        let end = heading + rate * dt;
        (x + v / rate * (end.sin() - heading.sin()), y + v / rate * (heading.cos() - end.cos()))
    } else {
        (x + v * dt * heading.cos(), y + v * dt * heading.sin())
    };
    [nx, ny, v, heading + rate * dt, rate]
}

/// Denavit–Hartenberg forward kinematics of a planar-elbow arm.
/// differences only
#[jacobian]
pub fn forward_kinematics(q: &[f64; 4]) -> [f64; 3] {
    const D: [f64; 4] = [0.3, 0.0, 0.1, 0.05];
    const A: [f64; 4] = [0.0, 0.4, 0.35, 0.0];
    const ALPHA: [f64; 4] = [std::f64::consts::FRAC_PI_2, 0.0, 0.2, -std::f64::consts::FRAC_PI_2];
    fn multiply(a: &[[f64; 4]; 4], b: &[[f64; 4]; 4]) -> [[f64; 4]; 4] {
        let mut out = [[0.0; 4]; 4];
        for i in 0..4 {
            for j in 0..4 {
                for k in 0..4 {
                    out[i][j] += a[i][k] * b[k][j];
                }
            }
        }
        out
    }
    let mut t = [[0.0; 4]; 4];
    for i in 0..4 {
        t[i][i] = 1.0;
    }
    for (i, theta) in q.iter().enumerate() {
        let (s, c) = theta.sin_cos();
        let (sa, ca) = ALPHA[i].sin_cos();
        let link = [[c, -s * ca, s * sa, A[i] * c], [s, c * ca, -c * sa, A[i] * s], [0.0, sa, ca, D[i]], [0.0, 0.0, 0.0, 1.0]];
        t = multiply(&t, &link);
    }
    [t[0][3], t[1][3], t[2][3]]
}

/// The logistic regression's log-likelihood, guarded as in practice.
/// shapes: x = [4, 2], y = [4]
#[jacobian]
pub fn log_likelihood(beta: &[f64; 3], x: &ndarray::Array2<f64>, y: &[f64]) -> f64 {
    let mut total = 0.0;
    for (row, label) in x.rows().into_iter().zip(y.iter()) {
        let eta = beta[0] + beta[1] * row[0] + beta[2] * row[1];
        let softplus = if eta > 0.0 { eta + (-eta).exp().ln_1p() } else { eta.exp().ln_1p() };
        total += label * eta - softplus;
    }
    total
}

/// A GARCH(1,1) negative log-likelihood: state carried through a run-time series.
/// shapes: r = [6]
/// range: 0.1..0.9
#[jacobian]
pub fn garch(omega: f64, alpha: f64, beta: f64, r: &[f64]) -> f64 {
    let mut variance = omega / (1.5 - alpha * beta);
    let mut nll = 0.0;
    for value in r.iter() {
        nll += 0.5 * (variance.ln() + value * value / variance);
        variance = omega + alpha * value * value + beta * variance;
    }
    nll
}

/// One step of the classical Runge–Kutta method on the van der Pol oscillator.
#[jacobian(value)]
pub fn runge_kutta_step(y: &[f64; 2], mu: f64) -> [f64; 2] {
    let f = |y: [f64; 2]| [y[1], mu * (1.0 - y[0] * y[0]) * y[1] - y[0]];
    let add = |a: [f64; 2], k: [f64; 2], h: f64| [a[0] + h * k[0], a[1] + h * k[1]];
    let h = 0.05;
    let k1 = f(*y);
    let k2 = f(add(*y, k1, h / 2.0));
    let k3 = f(add(*y, k2, h / 2.0));
    let k4 = f(add(*y, k3, h));
    std::array::from_fn(|i| y[i] + h / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]))
}

/// The Rosenbrock function as argmin's test functions have it, over a slice.
/// shapes: param = [4]
#[jacobian]
pub fn rosenbrock(param: &[f64]) -> f64 {
    param.iter().zip(param.iter().skip(1)).map(|(xi, xi1)| (1.0 - xi).powi(2) + 100.0 * (xi1 - xi.powi(2)).powi(2)).sum()
}

/// Huber loss of a line fit.
/// shapes: t = [5], y = [5]
#[jacobian]
pub fn huber_line(p: &[f64; 2], t: &[f64], y: &[f64], delta: f64) -> f64 {
    let mut loss = 0.0;
    for i in 0..t.len() {
        let r = y[i] - (p[0] + p[1] * t[i]);
        loss += match r.abs() {
            a if a <= delta => 0.5 * r * r,
            a => delta * (a - 0.5 * delta),
        };
    }
    loss / t.len() as f64
}

/// The redundant quaternion rotation of an inertial residual.
#[jacobian]
pub fn rotate_by_quaternion(q: &[f64; 4], v: &[f64; 3]) -> [f64; 3] {
    let norm = q.iter().map(|a| a.powi(2)).sum::<f64>().sqrt();
    let [w, x, y, z] = q.map(|a| a / norm);
    let t = [2.0 * (y * v[2] - z * v[1]), 2.0 * (z * v[0] - x * v[2]), 2.0 * (x * v[1] - y * v[0])];
    [v[0] + w * t[0] + y * t[2] - z * t[1], v[1] + w * t[1] + z * t[0] - x * t[2], v[2] + w * t[2] + x * t[1] - y * t[0]]
}

/// The right-hand side of a compartment model, as ODE crates ask for it.
#[jacobian(wrt(y))]
pub fn seir(_t: f64, y: &[f64; 4], dy: &mut [f64; 4]) {
    let (beta, sigma, gamma) = (0.4, 0.2, 0.1);
    let n: f64 = y.iter().sum();
    let infection = beta * y[0] * y[2] / n;
    dy[0] = -infection;
    dy[1] = infection - sigma * y[1];
    dy[2] = sigma * y[1] - gamma * y[2];
    dy[3] = gamma * y[2];
}

/// Whether an entry of a matrix of known lengths is there is not for the length of the data to decide.
/// shapes: t = [4]
#[jacobian(wrt(p))]
pub fn by_data_alone(p: &[f64; 3], t: &[f64]) -> f64 {
    (0..t.len()).map(|_| p[0]).sum::<f64>().atan() + p[1]
}

/// Where there is no `y` nothing is read of `z`, which may then be too short.
/// shapes: y = [2], z = [3]
/// integer: n = 3
#[jacobian]
pub fn read_for_each(y: &[f64], z: &[f64], n: usize) -> Vec<f64> {
    (0..n).map(|i| y.iter().map(|_| z[i] * 2.0).sum::<f64>()).collect()
}

/// A length that no axis of the matrix has decides a branch.
/// const: N = 4
#[jacobian(wrt(x, y, z))]
pub fn by_a_generic_length<const N: usize>(x: f64, y: f64, z: f64, g: &[f64; N]) -> f64 {
    let scaled: Vec<f64> = g.iter().map(|v| v * y).collect();
    (y + z).atan() * (0.25 + if N > 1 { scaled[1] } else { x })
}

/// A chain of springs: each pulls at two of the nodes, of which there is one more.
/// shapes: x = [4], k = [4]
#[jacobian(wrt(x))]
pub fn spring_chain(x: &[f64], k: &[f64]) -> Vec<f64> {
    let n = x.len();
    let mut force = vec![0.0; n + 1];
    for i in 0..n {
        let pull = k[i] * (x[i] - 1.0);
        force[i] += pull;
        force[i + 1] -= pull * x[i];
    }
    force
}
