//! Arguments from flat inputs, flat outputs from results.

use ndarray::{s, Array, Array1, Array2, Array3, Axis, Dimension};

/// Reads arguments from a flat list; arrays in one of four layouts.
pub struct In<'a, T> {
    x: &'a [T],
    layout: usize,
}

impl<'a, T: Copy> In<'a, T> {
    pub fn new(x: &'a [T], layout: usize) -> Self {
        In { x, layout }
    }

    fn take(&mut self, n: usize) -> &'a [T] {
        let (head, rest) = self.x.split_at(n);
        self.x = rest;
        head
    }

    pub fn scalar(&mut self) -> T {
        self.take(1)[0]
    }

    pub fn fixed<const N: usize>(&mut self) -> [T; N] {
        self.take(N).try_into().expect("as many as asked for")
    }

    pub fn fixed2<const N: usize, const M: usize>(&mut self) -> [[T; M]; N] {
        std::array::from_fn(|_| self.fixed())
    }

    pub fn fixed3<const N: usize, const M: usize, const L: usize>(&mut self) -> [[[T; L]; M]; N] {
        std::array::from_fn(|_| self.fixed2())
    }

    pub fn vec(&mut self, n: usize) -> Vec<T> {
        self.take(n).to_vec()
    }

    /// In standard layout, every second of a longer array, or reversed.
    pub fn arr1(&mut self, n: usize) -> Array1<T> {
        let x = self.vec(n);
        match self.layout {
            1 => Array1::from_iter(x.iter().flat_map(|v| [*v, *v])).slice_move(s![..;2]),
            2 => Array1::from_iter(x.iter().rev().copied()).slice_move(s![..;-1]),
            _ => Array1::from(x),
        }
    }

    /// In standard layout, transposed, with rows reversed, or every second column of a wider matrix.
    pub fn arr2(&mut self, n: usize, m: usize) -> Array2<T> {
        let x = self.vec(n * m);
        let at = |i: usize, j: usize| x[i * m + j];
        match self.layout {
            1 => Array2::from_shape_fn((m, n), |(j, i)| at(i, j)).reversed_axes(),
            2 => {
                let mut a = Array2::from_shape_fn((n, m), |(i, j)| at(n - 1 - i, j));
                a.invert_axis(Axis(0));
                a
            }
            3 => Array2::from_shape_fn((n, 2 * m), |(i, j)| at(i, j / 2)).slice_move(s![.., ..;2]),
            _ => Array2::from_shape_fn((n, m), |(i, j)| at(i, j)),
        }
    }

    /// In standard layout, with axes exchanged, or every second of the last axis.
    pub fn arr3(&mut self, n: usize, m: usize, l: usize) -> Array3<T> {
        let x = self.vec(n * m * l);
        let at = |i: usize, j: usize, k: usize| x[(i * m + j) * l + k];
        match self.layout {
            1 => Array3::from_shape_fn((l, m, n), |(k, j, i)| at(i, j, k)).reversed_axes(),
            2 => Array3::from_shape_fn((m, n, l), |(j, i, k)| at(i, j, k)).permuted_axes([1, 0, 2]),
            3 => Array3::from_shape_fn((n, m, 2 * l), |(i, j, k)| at(i, j, k / 2)).slice_move(s![.., .., ..;2]),
            _ => Array3::from_shape_fn((n, m, l), |(i, j, k)| at(i, j, k)),
        }
    }
}

/// A value made of floats, in row-major order.
pub trait Out<T> {
    fn put(&self, out: &mut Vec<T>);
    /// Overwrites every float.
    fn soil(&mut self, with: T);
}

pub fn flat<T>(value: &impl Out<T>) -> Vec<T> {
    let mut out = Vec::new();
    value.put(&mut out);
    out
}

macro_rules! scalars {
    ($($t:ty)*) => { $(
        impl Out<$t> for $t {
            fn put(&self, out: &mut Vec<$t>) { out.push(*self); }
            fn soil(&mut self, with: $t) { *self = with; }
        }
    )* };
}
scalars! { f32 f64 crate::H }

impl<T: Copy, U: Out<T>, const N: usize> Out<T> for [U; N] {
    fn put(&self, out: &mut Vec<T>) {
        self.iter().for_each(|u| u.put(out));
    }
    fn soil(&mut self, with: T) {
        self.iter_mut().for_each(|u| u.soil(with));
    }
}
impl<T: Copy, U: Out<T>> Out<T> for Vec<U> {
    fn put(&self, out: &mut Vec<T>) {
        self.iter().for_each(|u| u.put(out));
    }
    fn soil(&mut self, with: T) {
        self.iter_mut().for_each(|u| u.soil(with));
    }
}
impl<T: Copy, U: Out<T>, D: Dimension> Out<T> for Array<U, D> {
    fn put(&self, out: &mut Vec<T>) {
        self.iter().for_each(|u| u.put(out));
    }
    fn soil(&mut self, with: T) {
        self.iter_mut().for_each(|u| u.soil(with));
    }
}

impl<T: Copy, U: Out<T>> Out<T> for Option<U> {
    fn put(&self, out: &mut Vec<T>) {
        self.iter().for_each(|u| u.put(out));
    }
    fn soil(&mut self, with: T) {
        self.iter_mut().for_each(|u| u.soil(with));
    }
}
impl<T: Copy, U: Out<T>, E> Out<T> for Result<U, E> {
    fn put(&self, out: &mut Vec<T>) {
        self.iter().for_each(|u| u.put(out));
    }
    fn soil(&mut self, with: T) {
        self.iter_mut().for_each(|u| u.soil(with));
    }
}

macro_rules! tuples {
    ($(($($t:ident $k:tt),*))*) => { $(
        impl<T: Copy, $($t: Out<T>),*> Out<T> for ($($t,)*) {
            fn put(&self, out: &mut Vec<T>) { $(self.$k.put(out);)* }
            fn soil(&mut self, with: T) { $(self.$k.soil(with);)* }
        }
    )* };
}
tuples! { (A 0) (A 0, B 1) (A 0, B 1, C 2) (A 0, B 1, C 2, E 3) (A 0, B 1, C 2, E 3, F 4) (A 0, B 1, C 2, E 3, F 4, G 5) }
