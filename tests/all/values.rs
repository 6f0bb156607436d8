//! Functions that mix what can stand in them: every entry against differences.

use jac_runtime::jacobian;
use nalgebra::{DMatrix, DVector, Matrix2, Matrix2x3, Matrix3, SMatrix, SVector, Vector2, Vector3};

fn difference(f: impl Fn(f64) -> f64, x: f64) -> f64 {
    (f(x + 1e-6) - f(x - 1e-6)) / 2e-6
}
/// The same by an element of what the function is of.
fn by_element<I: Copy, X: Clone + std::ops::IndexMut<I, Output = f64>>(f: impl Fn(&X) -> f64, x: &X, at: I) -> f64 {
    let moved = |t| {
        let mut moved = x.clone();
        moved[at] = t;
        f(&moved)
    };
    difference(moved, x[at])
}

#[track_caller]
fn near(a: f64, b: f64) {
    assert!((a - b).abs() < 2e-6 * (1.0 + b.abs()), "{a} {b}");
}

#[jacobian]
fn side(x: f64, y: f64) -> f64 {
    let mut a = x;
    let mut s = 0.0;
    while {
        a *= 0.5;
        a > 0.01 * y
    } {
        s += a * a;
    }
    s + a
}

#[jacobian]
fn long_for(x: f64, tol: f64) -> f64 {
    let mut t = 1.0;
    let mut s = 1.0;
    for k in 1..200 {
        t *= x / k as f64;
        if k % 2 == 1 {
            continue;
        }
        s += t;
        if t.abs() < tol {
            break;
        }
        s *= 1.0 + 1e-3 * t;
    }
    s * t + s
}

#[jacobian]
fn open_for(x: f64, n: usize) -> f64 {
    let mut s = x;
    for i in 0..n {
        s = s.sin() + 0.1 * i as f64;
        if s > 1.2 {
            break;
        }
    }
    s * s
}

#[jacobian]
fn with_value(x: f64) -> f64 {
    let mut y = x;
    let z = x * 2.0;
    let mut k = 0;
    loop {
        y = 0.5 * (y + z / y);
        k += 1;
        if (y * y - z).abs() < 1e-13 {
            break;
        }
        if k > 60 {
            return -1.0;
        }
    }
    y * k as f64
}

struct Model {
    gain: f64,
}
impl Model {
    #[jacobian]
    fn settle(&self, x: &[f64; 2], v: Vec<f64>) -> [f64; 2] {
        let mut a = *x;
        let mut err = f64::INFINITY;
        while err > 1e-10 {
            let next = [self.gain * a[1].sin() + x[0], self.gain * a[0].cos() * v[0]];
            err = (next[0] - a[0]).abs() + (next[1] - a[1]).abs();
            a = next;
        }
        a
    }
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    Alpha,
    Beta,
}
impl Kind {
    const DEFAULT: Kind = Kind::Beta;
}
use Kind::Alpha as First;
const CHOSEN: Kind = Kind::Alpha;

#[jacobian]
fn kinds(x: f64, y: f64) -> f64 {
    let k = if x > y { Kind::Alpha } else { Kind::Beta };
    let a = match k {
        First => x * x,
        _ => y * x,
    };
    let b = match k {
        Kind::DEFAULT => x.sin(),
        _ => y.cos(),
    };
    let c = match k {
        CHOSEN => 3.0,
        _ => 5.0,
    };
    let d = if k == Kind::Beta { x } else { y };
    a + b + c * x + d * y
}

#[derive(Clone, Copy)]
struct V2 {
    x: f64,
    y: f64,
}
impl std::ops::Mul<f64> for V2 {
    type Output = V2;
    fn mul(self, k: f64) -> V2 {
        V2 { x: self.x * k, y: self.y * k }
    }
}
impl std::ops::Mul<V2> for V2 {
    type Output = f64;
    fn mul(self, o: V2) -> f64 {
        self.x * o.x + self.y * o.y
    }
}
impl std::ops::Sub for V2 {
    type Output = V2;
    fn sub(self, o: V2) -> V2 {
        V2 { x: self.x - o.x, y: self.y - o.y }
    }
}
impl std::ops::Neg for V2 {
    type Output = V2;
    fn neg(self) -> V2 {
        V2 { x: -self.x, y: -self.y }
    }
}
fn grow(v: &mut V2, by: f64) {
    v.x += by;
    v.y *= by;
}

#[jacobian]
fn vectors(a: f64, b: f64) -> f64 {
    let mut p = V2 { x: a, y: b };
    let q = p * 3.0 - V2 { y: a, x: b };
    grow(&mut p, a * b);
    let mut all = [p, q, -p];
    all[1].x += 1.0;
    let s: f64 = all.iter().map(|v| *v * *v).sum();
    s + p * q + all[1].x
}

#[jacobian]
fn steps(x: f64, n: i32) -> f64 {
    let k = x.floor() as i32;
    let m = match k {
        0 => 1.0,
        1..=3 => x,
        _ => x * x,
    };
    let j = if x > 2.0 { 3 } else { n };
    m * (k.pow(2) + j) as f64 + (k as f64 + 0.5) * x
}

#[jacobian(jvp, vjp, hessian)]
fn quadratic(x: &SVector<f64, 3>, a: &Matrix3<f64>) -> f64 {
    (x.transpose() * a * x)[0] + (a * x).norm_squared()
}

#[jacobian(jvp, vjp, stack)]
fn two(x: &Vector2<f64>, y: &[f64; 2], s: f64) -> (Vector2<f64>, f64) {
    let m = Matrix2x3::from_columns(&[*x, Vector2::new(y[0], s), Vector2::from_vec(vec![s * s, y[1]])]);
    let w = Matrix2::from_vec(vec![x.x, x.y, y[0], y[1]]);
    let r = Matrix2::from_row_slice(&[x.x, x.y, y[0], y[1]]);
    let mut out = m * Vector3::new(1.0, s, 2.0) + w * x + r * x;
    out[0] += w[1] * w[2] + m[(1, 2)] * m[4];
    (out, (w - r).abs().sum() + w.component_mul(&r).trace())
}

#[jacobian]
fn blocks(x: &SVector<f64, 4>) -> SMatrix<f64, 3, 3> {
    let mut m = Matrix3::zeros();
    m.fixed_view_mut::<2, 2>(1, 1).copy_from(&Matrix2::new(x[0], x[1], x[2], x[3]));
    let sum = m.fixed_view::<2, 2>(0, 0) + Matrix2::identity() * x[0] * x[1];
    m.fixed_view_mut::<2, 2>(0, 0).copy_from(&sum);
    m.set_column(2, &Vector3::new(x[3], x[2] * x[2], 1.0));
    let row = m.row(1) * 2.0;
    m.row_mut(0).copy_from(&row);
    for v in m.iter_mut() {
        *v *= x[3];
    }
    m
}

#[jacobian(value, into, hessian)]
fn regress(x: &DVector<f64>, a: &DMatrix<f64>, b: &DVector<f64>) -> f64 {
    let r = a * x - b;
    0.5 * r.dot(&r) + 0.1 * x.norm_squared() + r.iter().map(|v| v.powi(4)).sum::<f64>()
}

#[jacobian(sparse)]
fn sparse_one(x: &SVector<f64, 3>) -> SVector<f64, 3> {
    SVector::<f64, 3>::new(x[0] * x[0], x[1] * x[2], x[2])
}

#[test]
fn functions_with_values_of_all_kinds() {
    for (x, y) in [(1.0, 1.0), (3.0, 0.4), (0.2, 2.0)] {
        let (a, b) = side_jacobian(x, y);
        near(a, difference(|x| side(x, y), x));
        near(b, difference(|y| side(x, y), y));
        let (a, b) = kinds_jacobian(x, y + 0.01);
        near(a, difference(|x| kinds(x, y + 0.01), x));
        near(b, difference(|t| kinds(x, t), y + 0.01));
        let (a, b) = vectors_jacobian(x, y);
        near(a, difference(|x| vectors(x, y), x));
        near(b, difference(|y| vectors(x, y), y));
    }
    for x in [0.3, 1.7, -2.2] {
        let (a, _) = long_for_jacobian(x, 1e-8);
        near(a, difference(|x| long_for(x, 1e-8), x));
    }
    for n in [0, 1, 5, 30] {
        near(open_for_jacobian(0.7, n), difference(|x| open_for(x, n), 0.7));
    }
    near(with_value_jacobian(1.3), difference(with_value, 1.3));
    let m = Model { gain: 0.4 };
    let (jx, jv) = m.settle_jacobian(&[0.3, 0.8], vec![0.9]);
    for i in 0..2 {
        near(jx[i][0], difference(|t| m.settle(&[t, 0.8], vec![0.9])[i], 0.3));
        near(jx[i][1], difference(|t| m.settle(&[0.3, t], vec![0.9])[i], 0.8));
        near(jv[[i, 0]], difference(|t| m.settle(&[0.3, 0.8], vec![t])[i], 0.9));
    }
    for x in [0.4, 1.5, 2.5, 4.5, -0.5] {
        near(steps_jacobian(x, 2), difference(|x| steps(x, 2), x));
    }
}

#[test]
fn functions_of_matrices_in_all_forms() {
    let (x, a) = (Vector3::new(0.3, -0.4, 0.9), Matrix3::new(1.0, 2.0, 0.3, 0.1, -1.0, 0.7, 0.2, 0.8, 1.1));
    let (g, ga) = quadratic_jacobian(&x, &a);
    for k in 0..3 {
        near(g[k], by_element(|p| quadratic(p, &a), &x, k));
        for l in 0..3 {
            near(ga[(k, l)], by_element(|p| quadratic(&x, p), &a, (k, l)));
        }
    }
    let (t, ta) = (Vector3::new(0.1, 0.2, 0.3), Matrix3::from_fn(|i, j| (i as f64) - 0.3 * j as f64));
    let (_, jt) = quadratic_jvp(&x, &a, &t, &ta);
    near(jt, g.dot(&t) + ga.dot(&ta));
    let (_, (vx, va)) = quadratic_vjp(&x, &a, 2.0);
    assert!((vx - g * 2.0).norm() < 1e-9 && (va - ga * 2.0).norm() < 1e-9);
    let ((h, _), _) = quadratic_hessian(&x, &a);
    for k in 0..3 {
        for l in 0..3 {
            near(h[(k, l)], by_element(|p| quadratic_jacobian(p, &a).0[k], &x, l));
        }
    }
    let (x, y, s) = (Vector2::new(0.3, 0.7), [1.1, -0.4], 0.6);
    let j = two_jacobian(&x, &y, s);
    let f = |v: &[f64; 5]| {
        let (a, b) = two(&Vector2::new(v[0], v[1]), &[v[2], v[3]], v[4]);
        [a[0], a[1], b]
    };
    let all = [0.3, 0.7, 1.1, -0.4, 0.6];
    for (r, c) in (0..3).flat_map(|r| (0..5).map(move |c| (r, c))) {
        near(j[r][c], by_element(|v| f(v)[r], &all, c));
    }
    let x4 = SVector::<f64, 4>::new(0.3, 0.7, -0.2, 1.4);
    let jb = blocks_jacobian(&x4);
    for (r, c, k) in (0..36).map(|i| (i / 12, i / 4 % 3, i % 4)) {
        near(jb[r][c][k], by_element(|p| blocks(p)[(r, c)], &x4, k));
    }
    let (m, n) = (4, 3);
    let a = DMatrix::from_fn(m, n, |i, j| 0.3 * i as f64 - 0.2 * (j * j) as f64 + 0.1);
    let (x, b) = (DVector::from_fn(n, |i, _| 0.2 + i as f64 * 0.3), DVector::from_fn(m, |i, _| 0.1 * i as f64));
    let (v, (gx, ga, gb)) = regress_value_and_jacobian(&x, &a, &b);
    near(v, regress(&x, &a, &b));
    for k in 0..n {
        near(gx[k], by_element(|p| regress(p, &a, &b), &x, k));
    }
    for k in 0..m {
        near(gb[k], by_element(|p| regress(&x, &a, p), &b, k));
    }
    for i in 0..m {
        for k in 0..n {
            near(ga[(i, k)], by_element(|p| regress(&x, p, &b), &a, (i, k)));
        }
    }
    let mut into = (DVector::zeros(n), DMatrix::zeros(m, n), DVector::zeros(m));
    regress_jacobian_into(&x, &a, &b, &mut into);
    assert_eq!(into, (gx, ga, gb));
    let ((hxx, ..), ..) = regress_hessian(&x, &a, &b);
    for k in 0..n {
        for l in 0..n {
            near(hxx[(k, l)], by_element(|p| regress_jacobian(p, &a, &b).0[k], &x, l));
        }
    }
    assert_eq!(sparse_one_jacobian_pattern().nnz(), 4);
    assert_eq!(sparse_one(&Vector3::new(1.0, 2.0, 3.0)), Vector3::new(1.0, 6.0, 3.0));
    let mut values = [0.0; 4];
    sparse_one_jacobian_values(&Vector3::new(1.0, 2.0, 3.0), &mut values);
    assert_eq!(values, [2.0, 3.0, 2.0, 1.0]);
}
