//! Vectors, matrices and points of nalgebra: arrays of numbers, column by column.

use crate::interface::{Matrix, Ty};
use proc_macro2::TokenStream;
use quote::quote;

/// The type, of a float type.
pub(super) fn class(matrix: &Matrix, float: &TokenStream) -> TokenStream {
    let library = &matrix.library;
    match (matrix.lengths.as_slice(), matrix.is_point) {
        ([Some(n)], true) => quote!(#library::Point<#float, #n>),
        ([Some(n)], false) => quote!(#library::SVector<#float, #n>),
        ([Some(rows), Some(columns)], _) => quote!(#library::SMatrix<#float, #rows, #columns>),
        ([_], _) => quote!(#library::DVector<#float>),
        _ => quote!(#library::DMatrix<#float>),
    }
}

/// What follows a value of fixed lengths where its numbers are meant, as nested arrays: a vector as one.
pub(super) fn numbers(ty: &Ty) -> TokenStream {
    let Ty::Matrix(matrix) = ty else { return TokenStream::new() };
    let coordinates = matrix.is_point.then(|| quote!(.coords));
    match matrix.lengths.len() {
        _ if !matrix.is_fixed() => TokenStream::new(),
        1 => quote!(#coordinates.data.0[0]),
        _ => quote!(#coordinates.data.0),
    }
}

/// The value made of numbers: nested arrays, or of run-time lengths a `Vec`, row by row.
pub(super) fn made(matrix: &Matrix, float: &TokenStream, numbers: &TokenStream, shape: &[TokenStream]) -> TokenStream {
    let library = &matrix.library;
    match (matrix.is_fixed(), shape) {
        (true, [n]) => {
            let vector = quote!(#library::SVector::<#float, #n>::from_array_storage(#library::ArrayStorage([#numbers])));
            if matrix.is_point {
                quote!(#library::Point::<#float, #n>::from(#vector))
            } else {
                vector
            }
        }
        (true, [rows, columns]) => {
            quote!(#library::SMatrix::<#float, #rows, #columns>::from_array_storage(#library::ArrayStorage(#numbers)))
        }
        (false, [rows, columns]) => quote!(#library::DMatrix::<#float>::from_row_slice(#rows, #columns, &#numbers)),
        _ => quote!(#library::DVector::<#float>::from_vec(#numbers)),
    }
}
