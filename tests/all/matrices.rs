//! nalgebra: parameters, results and values inside functions are its vectors, matrices and points, and so are the derivatives.

use jac_runtime::jacobian;
use nalgebra::{self as na, DMatrix, DVector, Matrix2, Matrix3, Point2, Point3, RealField, SMatrix, SVector, Vector2, Vector3, Vector4};

/// Central differences of a function of a vector.
fn differences<const N: usize, const M: usize>(f: impl Fn(&SVector<f64, N>) -> SVector<f64, M>, x: &SVector<f64, N>) -> SMatrix<f64, M, N> {
    let mut j = SMatrix::<f64, M, N>::zeros();
    for k in 0..N {
        let h = 1e-6;
        let (mut a, mut b) = (*x, *x);
        a[k] += h;
        b[k] -= h;
        j.set_column(k, &((f(&a) - f(&b)) / (2.0 * h)));
    }
    j
}

/// The same by an element of a matrix.
fn by_element<const M: usize>(f: impl Fn(&Matrix3<f64>) -> SVector<f64, M>, m: &Matrix3<f64>, at: (usize, usize)) -> SVector<f64, M> {
    let h = 1e-5;
    let (mut a, mut b) = (*m, *m);
    a[at] += h;
    b[at] -= h;
    (f(&a) - f(&b)) / (2.0 * h)
}

fn close<const M: usize, const N: usize>(a: &SMatrix<f64, M, N>, b: &SMatrix<f64, M, N>) {
    assert!((a - b).norm() < 1e-6 * (1.0 + b.norm()), "{a} {b}");
}

fn one(x: f64) -> SVector<f64, 1> {
    SVector::<f64, 1>::new(x)
}

const P: Vector3<f64> = Vector3::new(0.3, -0.7, 1.9);

#[jacobian(value)]
fn project(p: &Vector3<f64>, k: &Matrix3<f64>) -> Vector2<f64> {
    let q = k * p;
    Vector2::new(q.x / q.z, q[1] / q[2])
}

#[jacobian(hessian, value)]
fn energy(p: &Vector3<f64>, m: &Matrix3<f64>) -> f64 {
    let v = m * p;
    0.5 * v.dot(p) + p.norm() * p.cross(&v).norm_squared()
}

#[jacobian]
fn rotate(q: &Vector4<f64>, v: &Vector3<f64>) -> Vector3<f64> {
    let u = q.fixed_rows::<3>(0).into_owned();
    let w = q.w;
    let t = u.cross(v) * 2.0;
    v + t * w + u.cross(&t)
}

#[jacobian(into, wrt(x))]
fn predict(x: &SVector<f64, 4>, f: &SMatrix<f64, 4, 4>, b: &SMatrix<f64, 4, 2>, u: &Vector2<f64>) -> SVector<f64, 4> {
    let mut out = f * x + b * u;
    out[3] += x[0].sin();
    out.x *= 2.0;
    let mut m = Matrix2::identity() * x.y;
    m[(0, 1)] = x[2];
    m.column_mut(0).copy_from(&Vector2::new(x.x, x.y));
    out += SVector::<f64, 4>::from_row_slice(&[m[(0, 0)], m.determinant(), m.trace(), (m * m.transpose())[(1, 1)]]);
    out
}

#[jacobian]
fn inverse(m: &Matrix3<f64>, v: &Vector3<f64>) -> Option<Vector3<f64>> {
    let inv = m.try_inverse()?;
    Some(inv * v)
}

#[jacobian(value)]
fn dynamic(a: &DMatrix<f64>, x: &DVector<f64>) -> DVector<f64> {
    (a * x).map(|v| v.sin()) + x.component_mul(x)
}

#[jacobian(value)]
fn dist(a: &Point3<f64>, b: &Point3<f64>) -> f64 {
    (a - b).norm() + na::distance(a, b) + (a.coords + b.coords).sum()
}

#[jacobian(value)]
fn moved(a: &Point2<f64>, angle: f64) -> Point2<f64> {
    let (s, c) = angle.sin_cos();
    let r = Matrix2::new(c, -s, s, c);
    Point2::from(r * a.coords) + Vector2::new(1.0, angle)
}

#[jacobian(value)]
fn generic<T: RealField>(p: &Vector3<T>, f: T) -> Vector2<T> {
    let half: T = na::convert(0.5);
    let z = p.z.clone() + T::from_f64(1e-3).unwrap();
    Vector2::new(f.clone() * p.x.clone() / z.clone(), f * p.y.clone() / z * half)
}

#[jacobian(value)]
fn generic_copy<T: RealField + Copy>(p: Vector3<T>, f: T) -> T {
    p.norm() * f.powi(2) + p.x.atan2(p.y) + T::pi()
}

#[test]
fn a_jacobian_of_vectors_is_a_matrix_of_outputs_by_inputs() {
    let k = Matrix3::new(500.0, 1.0, 320.0, 0.5, 480.0, 240.0, 0.01, 0.02, 1.0);
    let (v, (by_p, _)) = project_value_and_jacobian(&P, &k);
    assert!((v - project(&P, &k)).norm() < 1e-9);
    close(&by_p, &differences(|p| project(p, &k), &P));
    // higher ranks are arrays
    let (again, by_k): (SMatrix<f64, 2, 3>, [[[f64; 3]; 3]; 2]) = project_jacobian(&P, &k);
    close(&again, &by_p);
    for (r, c) in (0..3).flat_map(|r| (0..3).map(move |c| (r, c))) {
        let d = by_element(|k| project(&P, k), &k, (r, c));
        for i in 0..2 {
            assert!((d[i] - by_k[i][r][c]).abs() < 1e-6 * (1.0 + d[i].abs()), "{i} {r} {c}");
        }
    }
}

#[test]
fn gradients_and_hessians_have_the_types_of_their_inputs() {
    let m = Matrix3::new(1.0, 0.2, 0.3, -0.4, 2.0, 0.1, 0.7, 0.3, 1.5);
    let (by_p, by_m): (Vector3<f64>, Matrix3<f64>) = energy_jacobian(&P, &m);
    close(&by_p.transpose(), &differences(|p| one(energy(p, &m)), &P));
    for (r, c) in (0..3).flat_map(|r| (0..3).map(move |c| (r, c))) {
        let d = by_element(|m| one(energy(&P, m)), &m, (r, c))[0];
        assert!((d - by_m[(r, c)]).abs() < 1e-6 * (1.0 + d.abs()));
    }
    let ((by_both, _), _) = energy_hessian(&P, &m);
    close(&by_both, &differences(|p| energy_jacobian(p, &m).0, &P));
}

#[test]
fn parts_of_vectors_and_matrices_are_read_and_written() {
    let q = Vector4::new(0.1, 0.2, -0.3, 0.9);
    let (by_q, by_v) = rotate_jacobian(&q, &P);
    close(&by_q, &differences(|q| rotate(q, &P), &q));
    close(&by_v, &differences(|v| rotate(&q, v), &P));
    let f = SMatrix::<f64, 4, 4>::from_fn(|i, j| 0.1 * (i as f64) - 0.3 * j as f64 + 1.0);
    let b = SMatrix::<f64, 4, 2>::from_fn(|i, j| 0.5 * (i as f64) + j as f64);
    let (u, x) = (Vector2::new(0.3, 0.4), SVector::<f64, 4>::new(0.1, 0.7, -0.2, 0.5));
    let j = predict_jacobian(&x, &f, &b, &u);
    close(&j, &differences(|x| predict(x, &f, &b, &u), &x));
    let mut into = SMatrix::<f64, 4, 4>::from_element(f64::NAN);
    predict_jacobian_into(&x, &f, &b, &u, &mut into);
    close(&into, &j);
}

#[test]
fn what_has_no_inverse_has_no_derivative() {
    let m = Matrix3::new(1.0, 0.2, 0.3, -0.4, 2.0, 0.1, 0.7, 0.3, 1.5);
    let (_, by_v) = inverse_jacobian(&m, &P).unwrap();
    close(&by_v, &differences(|v| inverse(&m, v).unwrap(), &P));
    assert!(inverse_jacobian(&Matrix3::zeros(), &P).is_none());
}

#[test]
fn lengths_may_be_known_only_at_run_time() {
    for n in [1, 3, 6] {
        let a = DMatrix::from_fn(n, n, |i, j| 0.2 * i as f64 - 0.1 * j as f64 + 0.3);
        let x = DVector::from_fn(n, |i, _| 0.3 + 0.5 * i as f64);
        let (y, (_, by_x)): (DVector<f64>, (ndarray::Array3<f64>, DMatrix<f64>)) = dynamic_value_and_jacobian(&a, &x);
        assert!((y - dynamic(&a, &x)).norm() < 1e-12);
        for c in 0..n {
            let (mut p, mut q) = (x.clone(), x.clone());
            p[c] += 1e-6;
            q[c] -= 1e-6;
            let d = (dynamic(&a, &p) - dynamic(&a, &q)) / 2e-6;
            assert!((d - by_x.column(c)).norm() < 1e-7);
        }
    }
}

#[test]
fn points_are_vectors_of_coordinates() {
    let (a, b) = (Point3::new(0.1, 0.2, 0.3), Point3::new(1.0, -0.2, 0.7));
    let (d, (by_a, by_b)) = dist_value_and_jacobian(&a, &b);
    assert!((d - dist(&a, &b)).abs() < 1e-12);
    close(&by_a.transpose(), &differences(|x| one(dist(&Point3::from(*x), &b)), &a.coords));
    close(&by_b.transpose(), &differences(|x| one(dist(&a, &Point3::from(*x))), &b.coords));
    let p = Point2::new(0.4, 0.9);
    let (v, (by_p, by_angle)) = moved_value_and_jacobian(&p, 0.3);
    assert!((v - moved(&p, 0.3)).norm() < 1e-12);
    close(&by_p, &differences(|x| moved(&Point2::from(*x), 0.3).coords, &p.coords));
    close(&by_angle, &differences(|x: &SVector<f64, 1>| moved(&p, x[0]).coords, &one(0.3)));
}

#[test]
fn the_float_type_may_be_a_parameter() {
    let (v, (by_p, _)) = generic_value_and_jacobian(&P, 2.0);
    assert!((v - generic(&P, 2.0)).norm() < 1e-12);
    close(&by_p, &differences(|x| generic(x, 2.0), &P));
    let (v, (by_p, _)) = generic_copy_value_and_jacobian(P, 2.0);
    assert!((v - generic_copy(P, 2.0)).abs() < 1e-12);
    close(&by_p.transpose(), &differences(|x| one(generic_copy(*x, 2.0)), &P));
}
