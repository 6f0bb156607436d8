//! What the tests of jac share: dual numbers that look like floats, and the flat form of arrays.

pub mod faults;
pub mod linalg;

use ndarray::{Array, Array0, Array1, Array2, Array3, Array4, Array5, Array6, Dimension};
use num_dual::{Dual64, DualNum};
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Rem, Sub, SubAssign};

/// A dual number of num-dual's with the operators and methods of `f64`.
#[derive(Clone, Copy, Debug)]
pub struct D(Dual64);

impl D {
    /// A constant.
    pub fn new(x: f64) -> D {
        D(Dual64::from_re(x))
    }

    /// A number with a tangent.
    pub fn with_tangent(x: f64, tangent: f64) -> D {
        D(Dual64::new(x, tangent))
    }

    /// The value.
    pub fn re(self) -> f64 {
        self.0.re
    }

    /// The tangent.
    pub fn eps(self) -> f64 {
        self.0.eps
    }

    /// Sine and cosine.
    pub fn sin_cos(self) -> (D, D) {
        let (s, c) = self.0.sin_cos();
        (D(s), D(c))
    }

    /// `self` to an integer power.
    pub fn powi(self, n: i32) -> D {
        D(self.0.powi(n))
    }

    /// `self` to the power `n`.
    pub fn powf(self, n: D) -> D {
        if n.0.eps == 0.0 {
            D(self.0.powf(n.0.re))
        } else {
            D(self.0.powd(n.0))
        }
    }

    /// The angle of `(x, self)`.
    pub fn atan2(self, x: D) -> D {
        D(self.0.atan2(x.0))
    }

    /// The length of `(self, y)`.
    pub fn hypot(self, y: D) -> D {
        (self * self + y * y).sqrt()
    }

    /// The logarithm to a base.
    pub fn log(self, base: D) -> D {
        self.ln() / base.ln()
    }

    /// `self · a + b`.
    pub fn mul_add(self, a: D, b: D) -> D {
        self * a + b
    }

    /// Absolute value.
    pub fn abs(self) -> D {
        if self.0.re < 0.0 {
            -self
        } else {
            self
        }
    }

    /// The larger.
    pub fn max(self, other: D) -> D {
        if self.0.re >= other.0.re {
            self
        } else {
            other
        }
    }

    /// The smaller.
    pub fn min(self, other: D) -> D {
        if self.0.re <= other.0.re {
            self
        } else {
            other
        }
    }
}

macro_rules! methods {
    ($($name:ident)*) => {
        impl D {
            $(#[doc = concat!("`", stringify!($name), "` of `f64`.")] pub fn $name(self) -> D { D(DualNum::$name(&self.0)) })*
        }
    };
}

methods!(sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh exp exp2 exp_m1 ln ln_1p log2 log10 sqrt cbrt recip);

macro_rules! operators {
    ($($trait:ident $f:ident $assign:ident $g:ident;)*) => {
        $(
            impl $trait for D {
                type Output = D;
                fn $f(self, other: D) -> D { D($trait::$f(self.0, other.0)) }
            }
            impl<'a> $trait<&'a D> for D {
                type Output = D;
                fn $f(self, other: &D) -> D { D($trait::$f(self.0, other.0)) }
            }
            impl<'a> $trait<D> for &'a D {
                type Output = D;
                fn $f(self, other: D) -> D { D($trait::$f(self.0, other.0)) }
            }
            impl<'a, 'b> $trait<&'b D> for &'a D {
                type Output = D;
                fn $f(self, other: &D) -> D { D($trait::$f(self.0, other.0)) }
            }
            impl<'a> $assign<&'a D> for D {
                fn $g(&mut self, other: &D) { *self = $trait::$f(*self, *other); }
            }
            impl $assign for D {
                fn $g(&mut self, other: D) { *self = $trait::$f(*self, other); }
            }
        )*
    };
}

operators! { Add add AddAssign add_assign; Sub sub SubAssign sub_assign; Mul mul MulAssign mul_assign; Div div DivAssign div_assign; }

impl Rem for D {
    type Output = D;
    fn rem(self, other: D) -> D {
        self - D::new((self.re() / other.re()).trunc()) * other
    }
}

impl Neg for D {
    type Output = D;
    fn neg(self) -> D {
        D(-self.0)
    }
}

impl Neg for &D {
    type Output = D;
    fn neg(self) -> D {
        D(-self.0)
    }
}

impl PartialEq for D {
    fn eq(&self, other: &D) -> bool {
        self.re() == other.re()
    }
}

impl PartialOrd for D {
    fn partial_cmp(&self, other: &D) -> Option<std::cmp::Ordering> {
        self.re().partial_cmp(&other.re())
    }
}

impl num_traits::Zero for D {
    fn zero() -> D {
        D::new(0.0)
    }
    fn is_zero(&self) -> bool {
        self.re() == 0.0 && self.eps() == 0.0
    }
}

impl num_traits::One for D {
    fn one() -> D {
        D::new(1.0)
    }
}

impl num_traits::FromPrimitive for D {
    fn from_i64(n: i64) -> Option<D> {
        Some(D::new(n as f64))
    }
    fn from_u64(n: u64) -> Option<D> {
        Some(D::new(n as f64))
    }
}

impl<'a> std::iter::Sum<&'a D> for D {
    fn sum<I: Iterator<Item = &'a D>>(items: I) -> D {
        items.copied().sum()
    }
}

impl std::iter::Product for D {
    fn product<I: Iterator<Item = D>>(items: I) -> D {
        items.fold(D::new(1.0), |a, b| a * b)
    }
}

impl<'a> std::iter::Product<&'a D> for D {
    fn product<I: Iterator<Item = &'a D>>(items: I) -> D {
        items.copied().product()
    }
}

impl std::iter::Sum for D {
    fn sum<I: Iterator<Item = D>>(items: I) -> D {
        items.fold(D::new(0.0), |a, b| a + b)
    }
}

impl ndarray::ScalarOperand for D {}

/// A value made of floats, in row-major order.
pub trait Flat<T> {
    /// Takes the value's elements from the front of `x`.
    fn read(x: &mut impl Iterator<Item = T>, shape: &[usize]) -> Self;
    /// Puts the value's elements at the end of `out`.
    fn write(&self, out: &mut Vec<T>);
}

macro_rules! flat_scalars {
    ($($t:ty, $element:ty, $from:expr, $to:expr;)*) => { $(
        impl Flat<$element> for $t {
            fn read(x: &mut impl Iterator<Item = $element>, _: &[usize]) -> Self { $from(x.next().expect("enough elements")) }
            fn write(&self, out: &mut Vec<$element>) { out.push($to(*self)); }
        }
    )* };
}

flat_scalars! {
    f64, f64, |x| x, |x| x;
    f32, f64, |x| x as f32, f64::from;
    D, D, |x| x, |x| x;
}

impl<T, U: Flat<T>, const N: usize> Flat<T> for [U; N] {
    fn read(x: &mut impl Iterator<Item = T>, shape: &[usize]) -> Self {
        std::array::from_fn(|_| U::read(x, shape))
    }
    fn write(&self, out: &mut Vec<T>) {
        self.iter().for_each(|u| u.write(out));
    }
}

impl<T, U: Flat<T>> Flat<T> for Vec<U> {
    fn read(x: &mut impl Iterator<Item = T>, shape: &[usize]) -> Self {
        (0..shape[0]).map(|_| U::read(x, &shape[1..])).collect()
    }
    fn write(&self, out: &mut Vec<T>) {
        self.iter().for_each(|u| u.write(out));
    }
}

impl<T, U: Flat<T>, I: Dimension> Flat<T> for Array<U, I> {
    fn read(x: &mut impl Iterator<Item = T>, shape: &[usize]) -> Self {
        let count = shape.iter().product();
        let elements: Vec<U> = (0..count).map(|_| U::read(x, &[])).collect();
        let array = Array::from_shape_vec(shape.to_vec(), elements).expect("as many elements as the shape has");
        array.into_dimensionality().expect("the rank of the type")
    }
    fn write(&self, out: &mut Vec<T>) {
        self.iter().for_each(|u| u.write(out));
    }
}

/// The results of a function, each flat.
pub trait Outputs<T> {
    /// Appends one vector a result.
    fn each(&self, out: &mut Vec<Vec<T>>);
}

macro_rules! single {
    ($($t:ty, $element:ty $(, $n:ident)?;)*) => { $(
        impl $(<const $n: usize>)? Outputs<$element> for $t {
            fn each(&self, out: &mut Vec<Vec<$element>>) { let mut v = Vec::new(); self.write(&mut v); out.push(v); }
        }
    )* };
}

single! {
    f64, f64; f32, f64; D, D;
    Array0<f64>, f64; Array1<f64>, f64; Array2<f64>, f64; Array3<f64>, f64; Array4<f64>, f64; Array5<f64>, f64; Array6<f64>, f64;
    Array0<D>, D; Array1<D>, D; Array2<D>, D; Array3<D>, D; Array4<D>, D;
    Array1<f32>, f64; Array2<f32>, f64;
}

impl<T, U: Flat<T>, const N: usize> Outputs<T> for [U; N] {
    fn each(&self, out: &mut Vec<Vec<T>>) {
        let mut v = Vec::new();
        self.write(&mut v);
        out.push(v);
    }
}

macro_rules! tuples {
    ($(($($t:ident $k:tt),*))*) => { $(
        impl<T, $($t: Outputs<T>),*> Outputs<T> for ($($t,)*) {
            fn each(&self, out: &mut Vec<Vec<T>>) { $(self.$k.each(out);)* }
        }
    )* };
}

tuples! { (A 0) (A 0, B 1) (A 0, B 1, C 2) (A 0, B 1, C 2, E 3) (A 0, B 1, C 2, E 3, F 4) (A 0, B 1, C 2, E 3, F 4, G 5) (A 0, B 1, C 2, E 3, F 4, G 5, H 6) (A 0, B 1, C 2, E 3, F 4, G 5, H 6, I 7) }

impl<T> Outputs<T> for () {
    fn each(&self, _: &mut Vec<Vec<T>>) {}
}

impl<T, U: Outputs<T>> Outputs<T> for Option<U> {
    fn each(&self, out: &mut Vec<Vec<T>>) {
        self.as_ref().expect("a result").each(out);
    }
}

impl<T, U: Outputs<T>> Outputs<T> for Result<U, String> {
    fn each(&self, out: &mut Vec<Vec<T>>) {
        self.as_ref().expect("a result").each(out);
    }
}

impl<T, U: Flat<T>> Outputs<T> for Vec<U> {
    fn each(&self, out: &mut Vec<Vec<T>>) {
        let mut v = Vec::new();
        self.write(&mut v);
        out.push(v);
    }
}

/// The results of a function, each flat.
pub fn outputs<T>(value: &impl Outputs<T>) -> Vec<Vec<T>> {
    let mut out = Vec::new();
    value.each(&mut out);
    out
}

/// The blocks of a Jacobian, one after the other.
pub fn blocks<T>(value: &impl Outputs<T>) -> Vec<T> {
    outputs(value).into_iter().flatten().collect()
}

/// What is computed of many points.
pub type Many = Box<dyn Fn(&[Vec<f64>]) -> Vec<Vec<f64>> + Sync>;

/// A parameter of a function of the corpus.
#[derive(Clone, Debug)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Whether the function is differentiated by it.
    pub wrt: bool,
    /// Its value, if it is an integer.
    pub integer: Option<i64>,
}

impl Param {
    /// The number of floats.
    pub fn count(&self) -> usize {
        if self.integer.is_some() {
            0
        } else {
            self.shape.iter().product()
        }
    }
}

/// A function from flat inputs.
pub type Function<T, R> = Box<dyn Fn(&[T]) -> R>;

/// A function of the corpus.
pub struct Case {
    /// Its name.
    pub name: &'static str,
    /// The options of its attribute.
    pub options: &'static str,
    /// Its source.
    pub item: &'static str,
    /// Whether it computes in `f32`.
    pub single: bool,
    /// Where its inputs are drawn from.
    pub range: (f64, f64),
    /// Its parameters.
    pub params: Vec<Param>,
    /// The function.
    pub value: Function<f64, Vec<Vec<f64>>>,
    /// The generated Jacobian: for each output, for each input, the block in row-major order.
    pub jacobian: Function<f64, Vec<f64>>,
    /// What `check!` calls.
    pub check: Function<f64, ()>,
    /// The generated function that returns both, if it is asked for: the outputs, then the blocks.
    pub both: Option<Function<f64, Vec<f64>>>,
    /// The generated Jacobian of many points at once, if its lengths are known: the blocks of each point.
    pub batch: Option<Many>,
    /// The function over dual numbers.
    pub dual: Option<Function<D, Vec<Vec<D>>>>,
}
