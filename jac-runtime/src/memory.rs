//! Memory of the caller that several results are written into.

/// Memory for a tuple of results: a reference to such a tuple, or a tuple of views and references, one for each result.
///
/// What `f_jacobian_into` takes if the derivative is a tuple with ndarrays in it. `V` is the tuple of what is written through.
///
/// ```
/// use jac_runtime::jacobian;
/// use ndarray::{Array1, Array2, ArrayViewMut2, ShapeBuilder};
///
/// #[jacobian(into)]
/// fn scaled(x: &Array1<f64>, k: f64) -> Array1<f64> {
///     x * k
/// }
///
/// let x = Array1::from(vec![1.0, 2.0]);
/// let mut both = (Array2::zeros((2, 2)), Array1::zeros(2));
/// scaled_jacobian_into(&x, 3.0, &mut both);
/// // by columns, in a slice of one's own
/// let mut by_x = vec![0.0; 4];
/// let view = ArrayViewMut2::from_shape((2, 2).f(), &mut by_x).unwrap();
/// scaled_jacobian_into(&x, 3.0, (view, &mut both.1));
/// assert_eq!(by_x, [3.0, 0.0, 0.0, 3.0]);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no memory for these results",
    note = "it is a reference to a tuple of the types that the function without `_into` returns, or a tuple of views and references"
)]
pub trait Memory<V> {
    /// What is written through.
    fn parts(self) -> V;
}

/// What one of several results is written through.
#[derive(Debug)]
pub struct Part<V>(pub V);

impl<V, T: Into<V>> Memory<Part<V>> for T {
    fn parts(self) -> Part<V> {
        Part(self.into())
    }
}

macro_rules! tuples {
    ($(($($part:ident $view:ident $at:tt),*))*) => {$(
        impl<$($part: Memory<$view>, $view),*> Memory<($($view,)*)> for ($($part,)*) {
            fn parts(self) -> ($($view,)*) {
                ($(self.$at.parts(),)*)
            }
        }

        impl<'a, $($part, $view),*> Memory<($($view,)*)> for &'a mut ($($part,)*)
        where
            $(&'a mut $part: Memory<$view>),*
        {
            fn parts(self) -> ($($view,)*) {
                ($((&mut self.$at).parts(),)*)
            }
        }
    )*};
}

tuples! {
    (A V 0)
    (A V 0, B W 1)
    (A V 0, B W 1, C X 2)
    (A V 0, B W 1, C X 2, D Y 3)
    (A V 0, B W 1, C X 2, D Y 3, E Z 4)
    (A V 0, B W 1, C X 2, D Y 3, E Z 4, F V5 5)
    (A V 0, B W 1, C X 2, D Y 3, E Z 4, F V5 5, G V6 6)
    (A V 0, B W 1, C X 2, D Y 3, E Z 4, F V5 5, G V6 6, H V7 7)
    (A V 0, B W 1, C X 2, D Y 3, E Z 4, F V5 5, G V6 6, H V7 7, I V8 8)
    (A V 0, B W 1, C X 2, D Y 3, E Z 4, F V5 5, G V6 6, H V7 7, I V8 8, J V9 9)
    (A V 0, B W 1, C X 2, D Y 3, E Z 4, F V5 5, G V6 6, H V7 7, I V8 8, J V9 9, K V10 10)
    (A V 0, B W 1, C X 2, D Y 3, E Z 4, F V5 5, G V6 6, H V7 7, I V8 8, J V9 9, K V10 10, L V11 11)
}
