//! Linear algebra: lengths known only at run time, known ones, and in the middle of other things.

use jac_runtime::{jacobian, linalg};
use ndarray::{array, Array1, Array2, Axis};

/// Diagonally dominant.
/// shapes: x = [5, 5]
#[jacobian(value, into)]
pub fn inverse(x: &Array2<f64>) -> Array2<f64> {
    linalg::inv(&(x + &(Array2::<f64>::eye(x.nrows()) * 6.0)))
}

/// shapes: x = [5, 5]
#[jacobian(value)]
pub fn determinant(x: &Array2<f64>) -> f64 {
    linalg::det(x)
}

/// shapes: x = [5, 5]
#[jacobian(value)]
pub fn log_determinant(x: &Array2<f64>) -> f64 {
    linalg::ln_det(x)
}

/// shapes: a = [5, 5], b = [5]
#[jacobian(value, into)]
pub fn solution(a: &Array2<f64>, b: &Array1<f64>) -> Array1<f64> {
    linalg::solve(a, b)
}

/// shapes: a = [4, 4], b = [4, 3]
#[jacobian(value, into)]
pub fn solutions(a: &Array2<f64>, b: &Array2<f64>) -> Array2<f64> {
    linalg::solve(a, b)
}

/// shapes: a = [5, 3]
#[jacobian(value, into)]
pub fn factor(a: &Array2<f64>) -> Array2<f64> {
    let gram = a.t().dot(a) + Array2::<f64>::eye(a.ncols());
    linalg::cholesky(&gram)
}

/// The factor of a matrix that is not symmetric is that of its symmetric part.
/// shapes: a = [4, 4]
/// range: 0..1
#[jacobian(value)]
pub fn factor_of_symmetric_part(a: &Array2<f64>) -> Array2<f64> {
    let n = a.nrows();
    linalg::cholesky(&(a + Array2::<f64>::eye(n) * 5.0))
}

/// shapes: s = [4, 4], r = [4]
#[jacobian(value, into)]
pub fn gaussian_log_likelihood(s: &Array2<f64>, r: &Array1<f64>) -> f64 {
    let sigma = s.t().dot(s) + Array2::<f64>::eye(4);
    -0.5 * (linalg::ln_det(&sigma) + r.dot(&linalg::solve(&sigma, r)))
}

/// By the factor: `ln det` is twice the sum of the logarithms of its diagonal.
/// shapes: s = [4, 4]
#[jacobian(value)]
pub fn by_factor(s: &Array2<f64>) -> f64 {
    let n = s.nrows();
    let l = linalg::cholesky(&(s.t().dot(s) + Array2::<f64>::eye(n)));
    let mut sum = 0.0;
    for i in 0..n {
        sum += l[[i, i]].ln();
    }
    2.0 * sum
}

/// shapes: p = [3, 3], h = [2, 3], r = [2, 2]
#[jacobian(value, into)]
pub fn kalman_gain(p: &Array2<f64>, h: &Array2<f64>, r: &Array2<f64>) -> Array2<f64> {
    let innovation = h.dot(p).dot(&h.t()) + r + Array2::<f64>::eye(2) * 9.0;
    p.dot(&h.t()).dot(&linalg::inv(&innovation))
}

/// The stationary point of a quadratic depends on a parameter.
/// shapes: theta = [2], a = [4, 4]
#[jacobian(value, into)]
pub fn stationary(theta: &Array1<f64>, a: &Array2<f64>) -> Array1<f64> {
    let n = a.nrows();
    let m = a.t().dot(a) * theta[0] * theta[0] + Array2::<f64>::eye(n) * theta[1].exp();
    let b = a.sum_axis(Axis(0)) * theta[1];
    linalg::solve(&m, &b)
}

/// shapes: x = [4, 4]
#[jacobian(value)]
pub fn traces_and_norms(x: &Array2<f64>) -> (f64, f64, f64) {
    (linalg::trace(&x.dot(x)), linalg::norm(x), linalg::norm(&x.row(1)))
}

/// A matrix and what is made of it share one factorisation.
/// shapes: x = [5, 5], b = [5]
#[jacobian(value, into)]
pub fn shared(x: &Array2<f64>, b: &Array1<f64>) -> (f64, Array1<f64>, Array2<f64>) {
    (linalg::ln_det(x), linalg::solve(x, b), linalg::inv(x))
}

/// Of known lengths: cofactors.
/// shapes: x = [2, 2]
#[jacobian(value, shape(x = [2, 2]))]
pub fn inverse_2(x: &Array2<f64>) -> Array2<f64> {
    linalg::inv(x)
}

/// shapes: x = [3, 3]
#[jacobian(value, into, shape(x = [3, 3]))]
pub fn inverse_3(x: &Array2<f64>) -> Array2<f64> {
    linalg::inv(x)
}

/// shapes: x = [4, 4]
#[jacobian(value, shape(x = [4, 4]))]
pub fn inverse_4(x: &Array2<f64>) -> Array2<f64> {
    linalg::inv(x)
}

/// shapes: x = [1, 1]
#[jacobian(value, shape(x = [1, 1]))]
pub fn inverse_1(x: &Array2<f64>) -> Array2<f64> {
    linalg::inv(x)
}

/// shapes: x = [4, 4]
#[jacobian(value, shape(x = [4, 4]))]
pub fn determinant_4(x: &Array2<f64>) -> f64 {
    linalg::det(x)
}

/// shapes: x = [3, 3]
#[jacobian(value, shape(x = [3, 3]))]
pub fn log_determinant_3(x: &Array2<f64>) -> f64 {
    linalg::ln_det(x)
}

/// shapes: a = [3, 3], b = [3]
#[jacobian(value, shape(a = [3, 3], b = [3]))]
pub fn solution_3(a: &Array2<f64>, b: &Array1<f64>) -> Array1<f64> {
    linalg::solve(a, b)
}

/// shapes: a = [2, 2], b = [2, 2]
#[jacobian(value, shape(a = [2, 2], b = [2, 2]))]
pub fn solutions_2(a: &Array2<f64>, b: &Array2<f64>) -> Array2<f64> {
    linalg::solve(a, b)
}

/// shapes: a = [4, 4]
/// range: 0..1
#[jacobian(value, shape(a = [4, 4]))]
pub fn factor_4(a: &Array2<f64>) -> Array2<f64> {
    linalg::cholesky(&(a + Array2::<f64>::eye(4) * 5.0))
}

/// Of known lengths, but too many for cofactors.
/// shapes: x = [5, 5]
#[jacobian(value, into, shape(x = [5, 5]))]
pub fn inverse_5(x: &Array2<f64>) -> Array2<f64> {
    linalg::inv(&(x + &(Array2::<f64>::eye(5) * 6.0)))
}

/// A matrix of literals and scalars.
#[jacobian(value)]
pub fn rotation_and_scale(angle: f64, scale: f64) -> Array2<f64> {
    let (s, c) = angle.sin_cos();
    linalg::inv(&array![[c * scale, -s], [s, c * scale + 3.0]])
}

/// shapes: x = [2, 2]
/// range: 1..2
#[jacobian(value, shape(x = [2, 2]))]
pub fn symmetric_in_place(x: &Array2<f64>) -> f64 {
    let m = x + &x.t();
    linalg::det(&m) / linalg::trace(&m)
}

/// The cotangent of the solution is the same everywhere, that of the inverse a product.
/// shapes: a = [5, 5], b = [5], c = [5]
#[jacobian(value)]
pub fn even_cotangents(a: &Array2<f64>, b: &Array1<f64>, c: &Array1<f64>) -> f64 {
    let m = a + &(Array2::<f64>::eye(a.nrows()) * 6.0);
    linalg::solve(&m, b).sum() + b.dot(&linalg::inv(&m).dot(c)) + linalg::solve(&m, a).sum() + linalg::inv(&m).sum()
}

/// Solutions of solutions.
/// shapes: a = [4, 4], b = [4]
#[jacobian(value)]
pub fn twice(a: &Array2<f64>, b: &Array1<f64>) -> Array1<f64> {
    let m = a + &(Array2::<f64>::eye(a.nrows()) * 6.0);
    let first = linalg::solve(&m, b);
    linalg::solve(&m.t().to_owned(), &first.mapv(f64::sin))
}

/// A family of matrices, by one scalar.
/// shapes: a = [4, 4]
#[jacobian(value, wrt(t))]
pub fn along_a_line(t: f64, a: &Array2<f64>) -> (f64, Array2<f64>) {
    let m = a * t + Array2::<f64>::eye(a.nrows()) * 6.0;
    (linalg::det(&m), linalg::cholesky(&(m.t().dot(&m))))
}
