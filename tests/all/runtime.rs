//! What generated functions do besides computing: shapes, panics, layouts.

use jac_runtime::jacobian;
use ndarray::{array, s, Array1, Array2, ArrayView2, ShapeBuilder};

#[jacobian]
fn product(a: &Array2<f64>, b: &Array2<f64>) -> Array2<f64> {
    a.dot(b)
}

#[jacobian(shape(x = [3]))]
fn three(x: &Array1<f64>) -> f64 {
    x.dot(x)
}

#[jacobian]
fn bordered(x: &Array1<f64>, y: &Array1<f64>) -> Array1<f64> {
    &x.slice(s![1..]) * y
}

#[jacobian]
fn viewed(m: ArrayView2<f64>) -> Array2<f64> {
    m.dot(&m)
}

#[jacobian]
fn by_value(m: Array2<f64>, k: f64) -> Array2<f64> {
    m * k
}

#[jacobian]
fn third_column(x: &Array2<f64>) -> Array1<f64> {
    Array1::from_shape_fn(x.nrows(), |i| x[[i, 2]] * x[[i, 0]])
}

fn message(run: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let error = std::panic::catch_unwind(run).expect_err("a panic");
    error.downcast_ref::<String>().cloned().expect("a formatted message")
}

#[test]
fn lengths_are_checked_on_entry() {
    let (a, b) = (Array2::zeros((2, 3)), Array2::zeros((4, 5)));
    assert_eq!(
        message(move || drop(product_jacobian(&a, &b))),
        "`product`: axis 0 of `b` has length 4, expected 3, the length of axis 1 of `a`"
    );
    assert_eq!(message(|| drop(three_jacobian(&Array1::zeros(4)))), "`three`: axis 0 of `x` has length 4, expected 3");
    let (x, y) = (Array1::zeros(4), Array1::zeros(4));
    assert_eq!(message(move || drop(bordered_jacobian(&x, &y))), "`bordered`: axis 0 of `y` has length 4, expected 3");
    let _ = (
        three(&Array1::zeros(3)),
        bordered(&array![1.0, 2.0], &array![3.0]),
        product(&array![[1.0]], &array![[1.0]]),
        third_column(&Array2::ones((1, 3))),
    );
}

#[test]
fn every_layout_gives_the_same_numbers() {
    let m = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 10.0]];
    let reference = viewed_jacobian(m.view());
    let mut fortran = Array2::zeros((3, 3).f());
    fortran.assign(&m);
    assert_eq!(viewed_jacobian(fortran.view()), reference);
    let mut wide = Array2::zeros((6, 3));
    wide.slice_mut(s![..;2, ..;-1]).assign(&m);
    assert_eq!(viewed_jacobian(wide.slice(s![..;2, ..;-1])), reference);
    assert_eq!(viewed_jacobian(m.t().to_owned().t()), reference);
    assert_eq!(viewed(m.view()), m.dot(&m));
}

#[test]
fn arrays_without_elements_have_jacobians_without_elements() {
    let j = viewed_jacobian(Array2::zeros((0, 0)).view());
    assert_eq!(j.shape(), [0, 0, 0, 0]);
    let (a, b) = product_jacobian(&Array2::zeros((2, 0)), &Array2::zeros((0, 3)));
    assert_eq!((a.shape(), b.shape()), (&[2, 3, 2, 0][..], &[2, 3, 0, 3][..]));
}

#[test]
fn what_is_passed_by_value_is_taken_by_value() {
    let (by_m, by_k) = by_value_jacobian(array![[1.0, 2.0]], 3.0);
    assert_eq!(by_m.shape(), [1, 2, 1, 2]);
    assert_eq!(by_k, array![[1.0, 2.0]]);
    assert_eq!(by_value(array![[1.0, 2.0]], 3.0), array![[3.0, 6.0]]);
}

#[test]
fn the_branch_that_is_not_taken_leaks_nothing() {
    #[jacobian]
    fn root(x: f64) -> f64 {
        if x > 0.0 {
            x.sqrt()
        } else {
            0.0
        }
    }
    assert_eq!(root_jacobian(-1.0), 0.0);
    assert_eq!(root_jacobian(4.0), 0.25);
    assert_eq!(root(4.0), 2.0);
}

#[test]
fn angles_keep_their_derivative_where_squares_overflow() {
    #[jacobian]
    fn angle(y: f64, x: f64) -> f64 {
        y.atan2(x)
    }
    for scale in [1e-300, 1e-160, 1.0, 1e160, 1e300] {
        let (by_y, by_x) = angle_jacobian(scale, scale);
        assert!((by_y * scale - 0.5).abs() < 1e-15 && (by_x * scale + 0.5).abs() < 1e-15, "at {scale}: {by_y}, {by_x}");
    }
    assert_eq!(angle(0.0, 1.0), 0.0);
}

#[test]
fn names_of_the_users_do_not_meet_ours() {
    #[allow(non_upper_case_globals, dead_code)]
    const t1: f64 = 3.0;
    #[jacobian(value)]
    fn crowded(j: f64, out: f64, __t1: f64) -> [f64; 2] {
        let jac = j * out + __t1;
        let theta = jac.sin() * jac.cos();
        [theta * jac, theta / out]
    }
    let (value, _) = crowded_value_and_jacobian(0.3, 0.7, 0.1);
    assert_eq!(value, crowded(0.3, 0.7, 0.1));
}

mod framework {
    //! A crate that re-exports jac.
    pub mod derivatives {
        pub use jac_runtime::*;
    }
}

#[test]
fn the_runtime_may_be_reexported() {
    #[framework::derivatives::jacobian(crate = crate::runtime::framework::derivatives)]
    fn product(a: &Array2<f64>, b: &Array2<f64>) -> Array2<f64> {
        a.dot(b)
    }
    let m = array![[1.0, 2.0], [3.0, 4.0]];
    assert_eq!(product_jacobian(&m, &m).0.shape(), [2, 2, 2, 2]);
    assert_eq!(product(&m, &m), m.dot(&m));
}

#[test]
fn the_derivative_can_be_read_as_text() {
    const TEXT: &str = three_jacobian_ir();
    assert_eq!(TEXT, "fn three(x: [3]) wrt x\nJ: [3]\nJ[0] = 2 * x[0]\nJ[1] = 2 * x[1]\nJ[2] = 2 * x[2]\nblock J: 0 by x\n");
}

#[test]
fn long_functions_compile_and_are_right() {
    // some 1400 statements: more than one block may hold
    #[jacobian]
    fn iterated(x: f64) -> f64 {
        let mut y = x;
        for _ in 0..700 {
            y = y.sin() + x;
        }
        y
    }
    let x = 0.1_f64;
    let (mut y, mut dy) = (x, 1.0_f64);
    for _ in 0..700 {
        (y, dy) = (y.sin() + x, dy * y.cos() + 1.0);
    }
    assert_eq!(iterated(x), y);
    assert!((iterated_jacobian(x) - dy).abs() < 1e-12 * dy);
}

mod signatures {
    #![deny(warnings, missing_docs)]
    //! Signatures of every kind, without a warning.

    use jac_runtime::jacobian;
    use ndarray::{Array1, ArrayView1};

    const N: usize = 3;

    /// Not differentiated.
    pub struct Unit;

    /// A pattern, a `mut` and a parameter of another type.
    #[jacobian(value)]
    pub fn patterns([x, y]: [f64; 2], mut z: f64, _unit: &Unit) -> f64 {
        z *= x;
        z + y
    }

    /// A raw name, a lifetime, a length that is a constant.
    #[jacobian(value)]
    pub(crate) fn lengths<'a>(r#type: &'a f64, v: &'a [f64; N]) -> [f64; N] {
        let mut w = *v;
        w[0] *= *r#type;
        w
    }

    /// Arrays without elements.
    #[jacobian]
    pub fn nothing(x: &[f64; 0], y: &[[f64; 0]; 3], t: f64) -> f64 {
        let _ = (x, y);
        t
    }

    /// A const generic.
    #[jacobian(value)]
    pub fn generic<const K: usize>(x: &[f64; K], s: f64) -> ([f64; K], f64) {
        let mut y = [0.0; K];
        y[0] = x[1] * s;
        (y, s)
    }

    /// `f32`, a view, integers and truth values.
    #[jacobian(value)]
    #[must_use]
    pub fn single(x: ArrayView1<'_, f32>, k: &i64, flag: bool) -> Array1<f32> {
        if flag {
            x.mapv(|v| v * *k as f32)
        } else {
            x.to_owned()
        }
    }
}

#[test]
fn signatures_of_every_kind() {
    use signatures::*;
    assert_eq!(patterns_value_and_jacobian([1.0, 2.0], 3.0, &Unit), (patterns([1.0, 2.0], 3.0, &Unit), ([3.0, 1.0], 1.0)));
    assert_eq!(patterns_jacobian([1.0, 2.0], 3.0, &Unit), ([3.0, 1.0], 1.0));
    let by_v = [[2.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    assert_eq!(lengths_value_and_jacobian(&2.0, &[1.0, 2.0, 3.0]), (lengths(&2.0, &[1.0, 2.0, 3.0]), ([1.0, 0.0, 0.0], by_v)));
    assert_eq!(lengths_jacobian(&2.0, &[1.0, 2.0, 3.0]).1, by_v);
    assert_eq!(nothing_jacobian(&[], &[[]; 3], nothing(&[], &[[]; 3], 1.0)), ([], [[]; 3], 1.0));
    let jacobian = (([[0.0, 3.0], [0.0, 0.0]], [2.0, 0.0]), ([0.0, 0.0], 1.0));
    assert_eq!(generic_jacobian(&[1.0, 2.0], 3.0), jacobian);
    assert_eq!(generic_value_and_jacobian(&[1.0, 2.0], 3.0), (generic(&[1.0, 2.0], 3.0), jacobian));
    let x = array![1.0_f32, 2.0];
    assert_eq!(single_jacobian(x.view(), &3, true), array![[3.0, 0.0], [0.0, 3.0]]);
    assert_eq!(single_value_and_jacobian(x.view(), &3, false), (single(x.view(), &3, false), array![[1.0, 0.0], [0.0, 1.0]]));
}

#[test]
fn coefficients_out_of_range_stay_apart() {
    #[jacobian(value)]
    fn scaled(x: f64, y: f64) -> [f64; 2] {
        [x * 1e200 * 1e200 * y, x * 1e-200 * 1e-200 * y]
    }
    let (value, (by_x, by_y)) = scaled_value_and_jacobian(1e-300, 1e-50);
    assert_eq!(value[0], scaled(1e-300, 1e-50)[0]);
    assert!((by_y[0] / 1e100 - 1.0).abs() < 1e-14, "{by_y:?}");
    let (_, (small_x, _)) = scaled_value_and_jacobian(1e250, 1e250);
    assert!((small_x[1] / 1e-150 - 1.0).abs() < 1e-14, "{small_x:?}");
    assert_eq!(by_x[0], f64::INFINITY);
}

#[test]
fn a_position_outside_an_axis_is_never_the_next_row() {
    let x = Array2::ones((3, 2));
    assert_eq!(message(move || drop(third_column_jacobian(&x))), "position 2 is outside an axis of length 2");
    assert_eq!(third_column_jacobian(&Array2::ones((2, 3)))[[1, 1, 2]], 1.0);
}

#[jacobian(value)]
fn scaled_by_products(a: &Array2<f64>, x: &Array1<f64>) -> Array1<f64> {
    a.dot(x).mapv(f64::sin)
}

#[test]
fn products_of_rows_of_any_length() {
    for n in 0..40 {
        let a = Array2::from_shape_fn((2, n), |(i, j)| ((3 * i + 7 * j) as f64).sin());
        let x = Array1::from_shape_fn(n, |j| (j as f64 * 0.3).cos());
        let (value, (_, by_x)) = scaled_by_products_value_and_jacobian(&a, &x);
        let expected = scaled_by_products(&a, &x);
        assert!(value.iter().zip(&expected).all(|(v, e)| (v - e).abs() < 1e-14), "length {n}");
        for i in 0..2 {
            let sum: f64 = (0..n).map(|j| a[[i, j]] * x[j]).sum();
            assert!((0..n).all(|j| (by_x[[i, j]] - sum.cos() * a[[i, j]]).abs() < 1e-14), "length {n}");
        }
    }
}
