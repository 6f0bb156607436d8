//! Compiled symbolic Jacobians: put [`macro@jacobian`] on a function and call `f_jacobian`.
//!
//! ```
//! use jac_runtime::jacobian;
//!
//! #[jacobian]
//! fn polar(r: f64, phi: f64) -> [f64; 2] {
//!     [r * phi.cos(), r * phi.sin()]
//! }
//!
//! let (by_r, by_phi) = polar_jacobian(2.0, 0.0);
//! assert_eq!(by_r, [1.0, 0.0]);
//! assert_eq!(by_phi, [0.0, 2.0]);
//! ```
//!
//! The generated code is plain Rust: no tape, no dual numbers, nothing allocated but the result and
//! the matrices that the closed form names.
//!
//! The option `sparse` writes the entries alone that are not zero, where a [`Pattern`] says they are.
//!
//! The feature `linalg` adds inverses, determinants, linear systems and Cholesky factors of ndarray; the feature `batch` what
//! functions under `#[jacobian(batch)]` compute many points with, on Rust 1.89 and later.

#![no_std]

extern crate alloc;
#[cfg(feature = "batch")]
extern crate std;
#[cfg(feature = "linalg")]
pub mod linalg;

pub use jac_macro::{check, jacobian};
pub use memory::{Memory, Part};
pub use pattern::{Compressed, Diagonal, Pattern};

mod check;
#[cfg(feature = "batch")]
#[doc(hidden)]
pub mod lanes;
mod memory;
mod pattern;

#[doc(hidden)]
pub mod __private {
    //! What generated code calls. Of one version with the macro, and no part of the interface.

    pub use crate::check::{beside, check, fill, fill_all, flat, Copied, Normal, OfClone, OfOthers, Other, Run, Step, Subject};
    pub use crate::pattern::{scattered, unstacked, List1, List2, List3, List4, List5, List6, Sorted};
    use alloc::vec::Vec;
    use core::ops::{Add, Mul};

    /// Panics unless the axis of a parameter has the length that the function needs.
    #[inline]
    #[track_caller]
    pub fn check_length(function: &str, parameter: &str, axis: usize, length: usize, expected: usize, why: &str) {
        if length != expected {
            wrong_length(function, parameter, axis, length, expected, why);
        }
    }

    /// The elements of an array in one slice: its own, or a copy of one that is not in standard layout.
    #[inline]
    pub fn contiguous<'a, F: Copy + 'a, I: Iterator<Item = &'a F>>(
        slice: Option<&'a [F]>,
        copy: &'a mut Vec<F>,
        all: impl FnOnce() -> I,
    ) -> &'a [F] {
        if let Some(slice) = slice {
            return slice;
        }
        copy.extend(all().copied());
        copy
    }

    /// `Σ aᵢ·bᵢ`, in eight sums that do not wait for each other.
    #[inline]
    #[must_use]
    pub fn dot<F: Copy + Add<Output = F> + Mul<Output = F>>(zero: F, a: &[F], b: &[F]) -> F {
        let (a, b) = (a.chunks_exact(8), b.chunks_exact(8));
        let rest = a.remainder().iter().zip(b.remainder()).fold(zero, |sum, (a, b)| sum + *a * *b);
        if a.len() == 0 {
            return rest;
        }
        let mut sums = [zero; 8];
        for (a, b) in a.zip(b) {
            for k in 0..8 {
                sums[k] = sums[k] + a[k] * b[k];
            }
        }
        let [a, b, c, d, e, f, g, h] = sums;
        ((a + e) + (c + g)) + ((b + f) + (d + h)) + rest
    }

    /// The position, unless it is outside an axis of the length.
    #[inline]
    #[track_caller]
    #[must_use]
    pub fn position(position: usize, length: usize) -> usize {
        assert!(position < length, "position {position} is outside an axis of length {length}");
        position
    }

    /// Panics because what a result is written into has another shape.
    #[cold]
    #[inline(never)]
    #[track_caller]
    pub fn wrong_shape(function: &str, parameter: &str, shape: &[usize], expected: &[usize]) -> ! {
        panic!("`{function}`: `{parameter}` has shape {shape:?}, expected {expected:?}")
    }

    #[cold]
    #[inline(never)]
    #[track_caller]
    fn wrong_length(function: &str, parameter: &str, axis: usize, length: usize, expected: usize, why: &str) -> ! {
        let comma = if why.is_empty() { "" } else { ", " };
        panic!("`{function}`: axis {axis} of `{parameter}` has length {length}, expected {expected}{comma}{why}")
    }
}
