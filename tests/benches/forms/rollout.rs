//! A cart with a pole under controls, by the method of Runge and Kutta: the Jacobians of what it goes through and where it ends, beside
//! the products of the Jacobians of its steps by hand, in memory that is there.

use jac_runtime::jacobian;
use ndarray::{Array2, Array3};

#[jacobian]
pub mod cart {
    use ndarray::Array2;

    fn swing(x: [f64; 4], u: f64) -> [f64; 4] {
        let (s, c) = (x[2].sin(), x[2].cos());
        let d = 1.0 + 0.1 * s * s;
        let a = (u + 0.1 * s * (0.5 * x[3] * x[3] + 9.81 * c)) / d;
        let b = (-u * c - 0.05 * x[3] * x[3] * c * s - 1.1 * 9.81 * s) / (0.5 * d);
        [x[1], a, x[3], b]
    }

    /// A step, of which the chains by hand are made.
    #[jacobian(value, wrt(x, u))]
    pub fn step(x: &[f64; 4], u: f64, h: f64) -> [f64; 4] {
        let k1 = swing(*x, u);
        let k2 = swing(std::array::from_fn(|i| x[i] + 0.5 * h * k1[i]), u);
        let k3 = swing(std::array::from_fn(|i| x[i] + 0.5 * h * k2[i]), u);
        let k4 = swing(std::array::from_fn(|i| x[i] + h * k3[i]), u);
        std::array::from_fn(|i| x[i] + h / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]))
    }

    /// The states after each step.
    #[jacobian(value, into, wrt(x0, u))]
    pub fn trajectory(x0: &[f64; 4], u: &[f64], h: f64) -> Array2<f64> {
        let mut all = Array2::zeros((u.len(), 4));
        let mut x = *x0;
        for k in 0..u.len() {
            x = step(&x, u[k], h);
            for i in 0..4 {
                all[[k, i]] = x[i];
            }
        }
        all
    }

    /// The state after all steps.
    #[jacobian(value, wrt(x0, u))]
    pub fn end(x0: &[f64; 4], u: &[f64], h: f64) -> [f64; 4] {
        let mut x = *x0;
        for u in u {
            x = step(&x, *u, h);
        }
        x
    }
}

/// The Jacobians by the start and by the controls, and the states; what later controls would change stays zero.
pub fn trajectory_by_hand(x0: &[f64; 4], u: &[f64], h: f64, all: &mut Array2<f64>, by_x0: &mut Array3<f64>, by_u: &mut Array3<f64>) {
    let mut x = *x0;
    for k in 0..u.len() {
        let (y, (a, b)) = cart::step_value_and_jacobian(&x, u[k], h);
        x = y;
        for i in 0..4 {
            all[[k, i]] = x[i];
            for j in 0..4 {
                by_x0[[k, i, j]] = if k == 0 { a[i][j] } else { (0..4).map(|m| a[i][m] * by_x0[[k - 1, m, j]]).sum() };
            }
            for j in 0..k {
                by_u[[k, i, j]] = (0..4).map(|m| a[i][m] * by_u[[k - 1, m, j]]).sum();
            }
            by_u[[k, i, k]] = b[i];
        }
    }
}

/// The state at the end, and its Jacobians by the start and by each control, backward.
pub fn end_by_hand(x0: &[f64; 4], u: &[f64], h: f64) -> ([f64; 4], [[f64; 4]; 4], Vec<[f64; 4]>) {
    let mut x = *x0;
    let mut steps = Vec::with_capacity(u.len());
    for u in u {
        let (y, jacobians) = cart::step_value_and_jacobian(&x, *u, h);
        steps.push(jacobians);
        x = y;
    }
    let mut after = [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]];
    let mut by_u = vec![[0.0; 4]; u.len()];
    for (by_u, (a, b)) in by_u.iter_mut().zip(&steps).rev() {
        *by_u = after.map(|row| row.iter().zip(b).map(|(g, b)| g * b).sum());
        after = after.map(|row| std::array::from_fn(|j| (0..4).map(|m| row[m] * a[m][j]).sum()));
    }
    (x, after, by_u)
}
