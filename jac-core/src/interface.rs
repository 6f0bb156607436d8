//! The Rust side of a program: the function as the user wrote it, and what is generated beside it.
//!
//! Shared by the front, which reads it, and emission, which writes it.

use crate::ir::{Size, Tensor};
use proc_macro2::TokenStream;
use std::collections::BTreeMap;

/// The shape of a Rust type of floats.
#[derive(Clone, Debug)]
pub enum Ty {
    /// `f64`, or a reference to it.
    Scalar,
    /// A nested fixed array, the outermost length first.
    Array(Vec<TokenStream>),
    /// An ndarray type of the given rank.
    Nd(usize),
}

impl Ty {
    /// The number of axes.
    pub fn rank(&self) -> usize {
        match self {
            Ty::Scalar => 0,
            Ty::Array(lengths) => lengths.len(),
            Ty::Nd(rank) => *rank,
        }
    }
}

/// What a parameter is to the program.
#[derive(Clone, Debug)]
pub enum ParamKind {
    /// Floats: a tensor. The flag says that the value is behind a reference.
    Float(Ty, Tensor, bool),
    /// A truth value.
    Truth(Tensor, bool),
    /// An integer.
    Integer(Size, bool),
    /// Passed along and never used.
    Other,
}

/// A parameter of the generated functions.
#[derive(Clone, Debug)]
pub struct Param {
    /// Its name there.
    pub ident: syn::Ident,
    /// Its type, as written.
    pub ty: syn::Type,
    /// What it is to the program.
    pub kind: ParamKind,
}

/// The signature of the function and of what is generated beside it.
#[derive(Clone, Debug)]
pub struct Interface {
    /// The function.
    pub item: syn::ItemFn,
    /// Its parameters.
    pub params: Vec<Param>,
    /// Its results.
    pub outputs: Vec<Ty>,
    /// Whether the results stand in a tuple.
    pub tuple: bool,
    /// The parameters to differentiate by.
    pub wrt: Vec<Tensor>,
    /// The floating-point type, as the user writes it.
    pub float: TokenStream,
    /// What a const generic or `const` item is written as.
    pub items: BTreeMap<Size, TokenStream>,
    /// The path of the user's ndarray.
    pub ndarray: TokenStream,
    /// The path of the runtime crate.
    pub runtime: TokenStream,
    /// Whether `f_value_and_jacobian` is asked for.
    pub value: bool,
}
