//! The Rust side of a program: the function as the user wrote it, and what is generated beside it.
//!
//! Shared by the front, which reads it, and emission, which writes it.

use crate::effort::Effort;
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
    /// A slice or `Vec`.
    Slice,
}

impl Ty {
    /// The number of axes.
    pub fn rank(&self) -> usize {
        match self {
            Ty::Scalar => 0,
            Ty::Array(lengths) => lengths.len(),
            Ty::Nd(rank) => *rank,
            Ty::Slice => 1,
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
    /// A `&mut` to floats, which the function fills: a result. The tensor is its old content.
    Out(Ty, Tensor),
    /// Of a type that is not read; its fields may be.
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
    /// For a constant that is no parameter: the expression that it is.
    pub source: Option<TokenStream>,
}

/// The type parameter that stands for the float type.
#[derive(Clone, Debug)]
pub struct Generic {
    /// Its name.
    pub ident: syn::Ident,
    /// The trait that it is bounded by: `Float` of num-traits.
    pub bound: syn::Path,
}

/// A `Result` or `Option` around the results.
#[derive(Clone, Debug)]
pub struct Wrapper {
    /// The type, with the results as its first argument.
    pub ty: syn::Path,
    /// `Ok` or `Some`.
    pub constructor: TokenStream,
}

/// Which function is generated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `f_jacobian`.
    Jacobian,
    /// `f_value_and_jacobian`.
    ValueAndJacobian,
    /// `f_jacobian_into`.
    Into,
    /// `f_jvp`.
    Jvp,
    /// `f_vjp`.
    Vjp,
    /// `f_hessian`.
    Hessian,
}

impl Kind {
    /// What follows the name of the user's function, and an underscore.
    pub fn suffix(self) -> &'static str {
        match self {
            Kind::Jacobian => "jacobian",
            Kind::ValueAndJacobian => "value_and_jacobian",
            Kind::Into => "jacobian_into",
            Kind::Jvp => "jvp",
            Kind::Vjp => "vjp",
            Kind::Hessian => "hessian",
        }
    }

    /// Whether it returns the value, too.
    pub fn has_value(self) -> bool {
        matches!(self, Kind::ValueAndJacobian | Kind::Jvp | Kind::Vjp)
    }
}

/// The signature of the function and of what is generated beside it.
#[derive(Clone, Debug)]
pub struct Interface {
    /// The function.
    pub item: syn::ItemFn,
    /// Its `self`.
    pub receiver: Option<syn::Receiver>,
    /// Its parameters.
    pub params: Vec<Param>,
    /// What the body reads from outside: constants and fields.
    pub constants: Vec<Param>,
    /// The modules that must be `jac_runtime::linalg`, as written.
    pub modules: Vec<syn::Path>,
    /// Its results: what it returns, then its out-parameters.
    pub outputs: Vec<Ty>,
    /// Whether the results stand in a tuple.
    pub tuple: bool,
    /// What stands around them.
    pub wrapper: Option<Wrapper>,
    /// The parameters to differentiate by.
    pub wrt: Vec<Tensor>,
    /// The floating-point type, as the user writes it.
    pub float: TokenStream,
    /// The float type as a type parameter.
    pub generic: Option<Generic>,
    /// What a const generic or `const` item is written as.
    pub items: BTreeMap<Size, TokenStream>,
    /// The path of the user's ndarray.
    pub ndarray: TokenStream,
    /// The path of the runtime crate.
    pub runtime: TokenStream,
    /// Whether `f_value_and_jacobian` is asked for.
    pub value: bool,
    /// The products that are asked for, and the Hessian.
    pub products: Vec<Kind>,
    /// How hard to simplify.
    pub effort: Effort,
    /// Whether nothing may be reassociated; the value is then that of the function, which is called.
    pub strict: bool,
    /// Whether the function stands in an `impl`.
    pub associated: bool,
}

impl Interface {
    /// Whether the generated function computes the value from its program.
    pub fn computes_value(&self, kind: Kind) -> bool {
        kind.has_value() && !self.strict
    }

    /// Parameters and constants: what the program reads.
    pub fn inputs(&self) -> impl Iterator<Item = &Param> {
        self.params.iter().chain(&self.constants)
    }
}
