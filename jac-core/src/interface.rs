//! The Rust side of a program: the function as the user wrote it, and what is generated beside it.
//!
//! Shared by the front, which reads it, and emission, which writes it.

use crate::effort::Effort;
use crate::ir::{Size, Tensor};
use crate::ops::Loss;
use crate::sparse::Order;
use proc_macro2::{Span, TokenStream};
use quote::quote;
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
    /// A vector, matrix or point of nalgebra.
    Matrix(Matrix),
    /// A part of the entries of a sparse form, which generated code stores into as an array of the given rank.
    List(usize),
}

impl Ty {
    /// The number of axes.
    pub fn rank(&self) -> usize {
        match self {
            Ty::Scalar => 0,
            Ty::Array(lengths) => lengths.len(),
            Ty::Nd(rank) | Ty::List(rank) => *rank,
            Ty::Slice => 1,
            Ty::Matrix(matrix) => matrix.lengths.len(),
        }
    }
}

/// A vector, matrix or point of nalgebra. In memory its columns follow one another.
#[derive(Clone, Debug)]
pub struct Matrix {
    /// The path of nalgebra.
    pub library: TokenStream,
    /// The length of a vector, or the numbers of rows and columns; none is known only at run time.
    pub lengths: Vec<Option<TokenStream>>,
    /// Whether it is a point.
    pub is_point: bool,
}

impl Matrix {
    /// Whether all lengths are in its type.
    pub fn is_fixed(&self) -> bool {
        self.lengths.iter().all(Option::is_some)
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
    /// How numbers become values of it.
    pub numbers: Numbers,
    /// Whether a value is copied where it is read; else it is cloned.
    pub is_copy: bool,
}

/// How numbers become values of a type parameter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Numbers {
    /// `T::from(x).unwrap()`, by `NumCast` of num-traits.
    Cast,
    /// `T::from_f64(x).unwrap()`, by `FromPrimitive` of num-traits.
    Primitive,
    /// By `From<f64>`.
    From,
    /// By a function of a trait of the user's, which takes an `f64` and returns a value.
    Own(syn::Ident),
}

impl Generic {
    /// The value that an `f64` becomes.
    pub fn number(&self, x: &TokenStream) -> TokenStream {
        let float = &self.ident;
        match &self.numbers {
            Numbers::Cast => quote!(#float::from(#x).unwrap()),
            Numbers::Primitive => quote!(#float::from_f64(#x).unwrap()),
            Numbers::From => quote!(<#float as ::core::convert::From<::core::primitive::f64>>::from(#x)),
            Numbers::Own(function) => quote!(#float::#function(#x)),
        }
    }

    /// The number 0.
    pub fn zero(&self) -> TokenStream {
        let float = &self.ident;
        match &self.numbers {
            Numbers::Own(_) => self.number(&quote!(0.0)),
            _ => quote!(#float::zero()),
        }
    }

    /// The number 1.
    pub fn one(&self) -> TokenStream {
        let float = &self.ident;
        match &self.numbers {
            Numbers::Own(_) => self.number(&quote!(1.0)),
            _ => quote!(#float::one()),
        }
    }
}

/// A `Result` or `Option` around the results.
#[derive(Clone, Debug)]
pub struct Wrapper {
    /// The type, with the results as its first argument.
    pub ty: syn::Path,
    /// `Ok` or `Some`.
    pub constructor: TokenStream,
}

/// A step from a function towards a form of its derivative.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Differentiates every result by every input: each result gains the axes of the input.
    Jacobian,
    /// Differentiates the results along tangents of the inputs, which become parameters.
    Jvp,
    /// Weighs the results by cotangents, which become parameters, and differentiates their sum by every input.
    Vjp,
    /// Makes the normal equations of the results and their Jacobian: `JᵀJ` and `Jᵀr`.
    Normal,
    /// The same with a weight for each element of the results, which become parameters: `JᵀWJ` and `JᵀWr`.
    WeightedNormal,
    /// Takes the diagonal of a square Jacobian.
    Diagonal,
    /// Takes of each block of the Jacobian the part in which the first axes of the result and the input are at the same place,
    /// outside of which nothing may stand.
    BlockDiagonal,
    /// Makes the diagonal of `JᵀJ`.
    NormalDiagonal,
    /// Keeps the entries alone that are not zero, in one list; of second derivatives the lower triangle.
    Sparse,
}

impl Step {
    /// Whether it differentiates.
    pub fn differentiates(self) -> bool {
        matches!(self, Step::Jacobian | Step::Jvp | Step::Vjp)
    }
}

/// What the elements along an axis of a matrix are of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// All results, one after the other.
    Results,
    /// All inputs that it is differentiated by.
    Inputs,
}

/// A form of the derivative.
#[derive(PartialEq, Eq, Debug)]
pub struct Form {
    /// The option of the attribute that asks for it; without one it is always generated.
    pub option: Option<&'static str>,
    /// What follows the name of the user's function, and an underscore.
    pub suffix: &'static str,
    /// The first line of its documentation, with `{f}` for the function and `{by}` for the inputs.
    pub doc: &'static str,
    /// What the derivative, or each of the groups that it consists of, is called where it is a parameter: memory of the
    /// caller.
    pub names: &'static [&'static str],
    /// What is done to the function, in order.
    pub steps: &'static [Step],
    /// Whether the function's value is returned, too, in front.
    pub value: bool,
}

/// The forms, in the order in which they are generated.
pub static FORMS: [Form; 18] = [
    Form {
        option: None,
        suffix: "jacobian",
        doc: "The Jacobian of [`{f}`] with respect to {by}.",
        names: &["jacobian"],
        steps: &[Step::Jacobian],
        value: false,
    },
    Form {
        option: Some("value"),
        suffix: "value_and_jacobian",
        doc: "The value of [`{f}`] and its Jacobian with respect to {by}.",
        names: &["jacobian"],
        steps: &[Step::Jacobian],
        value: true,
    },
    Form {
        option: Some("jvp"),
        suffix: "jvp",
        doc: "The value of [`{f}`] and its JVP: its Jacobian with respect to {by} times the tangents.",
        names: &["jvp"],
        steps: &[Step::Jvp],
        value: true,
    },
    Form {
        option: Some("vjp"),
        suffix: "vjp",
        doc: "The value of [`{f}`] and its VJP: the cotangents times its Jacobian with respect to {by}.",
        names: &["vjp"],
        steps: &[Step::Vjp],
        value: true,
    },
    Form {
        option: Some("hessian"),
        suffix: "hessian",
        doc: "The Hessian of [`{f}`]: its second derivatives with respect to {by}.",
        names: &["hessian"],
        steps: &[Step::Jacobian, Step::Jacobian],
        value: false,
    },
    Form {
        option: Some("hvp"),
        suffix: "hvp",
        doc: "The HVP of [`{f}`]: its Hessian with respect to {by} times the tangents.",
        names: &["hvp"],
        steps: &[Step::Jacobian, Step::Jvp],
        value: false,
    },
    Form {
        option: Some("pushforward"),
        suffix: "pushforward",
        doc: "The JVP of [`{f}`] without the value: its Jacobian with respect to {by} times the tangents.",
        names: &["jvp"],
        steps: &[Step::Jvp],
        value: false,
    },
    Form {
        option: Some("pullback"),
        suffix: "pullback",
        doc: "The VJP of [`{f}`] without the value: the cotangents times its Jacobian with respect to {by}.",
        names: &["vjp"],
        steps: &[Step::Vjp],
        value: false,
    },
    Form {
        option: Some("weighted_hessian"),
        suffix: "weighted_hessian",
        doc: "The Hessian of the cotangents times [`{f}`], as of a Lagrangian: its second derivatives with respect to {by}.",
        names: &["hessian"],
        steps: &[Step::Vjp, Step::Jacobian],
        value: false,
    },
    Form {
        option: Some("normal"),
        suffix: "normal",
        doc: "The value `r` of [`{f}`] and its normal equations, `JᵀJ` and `Jᵀr`, by its Jacobian with respect to {by}.",
        names: &["jtj", "jtr"],
        steps: &[Step::Jacobian, Step::Normal],
        value: true,
    },
    Form {
        option: Some("weighted_normal"),
        suffix: "weighted_normal",
        doc: "The value `r` of [`{f}`] and its normal equations with weights, `JᵀWJ` and `JᵀWr`, by its Jacobian with respect to {by}.",
        names: &["jtj", "jtr"],
        steps: &[Step::Jacobian, Step::WeightedNormal],
        value: true,
    },
    Form {
        option: Some("jacobian_diagonal"),
        suffix: "jacobian_diagonal",
        doc: "The diagonal of the Jacobian of [`{f}`] with respect to {by}: of each element of the result by the one at its place.",
        names: &["diagonal"],
        steps: &[Step::Jacobian, Step::Diagonal],
        value: false,
    },
    Form {
        option: Some("block_diagonal"),
        suffix: "jacobian_block_diagonal",
        doc: "The blocks of the diagonal of the Jacobian of [`{f}`] with respect to {by}: of each row of a result by the row at its place.",
        names: &["blocks"],
        steps: &[Step::Jacobian, Step::BlockDiagonal],
        value: false,
    },
    Form {
        option: Some("normal_diagonal"),
        suffix: "normal_diagonal",
        doc: "The diagonal of `JᵀJ` for the Jacobian of [`{f}`] with respect to {by}: the sum of the squares of each column.",
        names: &["diagonal"],
        steps: &[Step::Jacobian, Step::NormalDiagonal],
        value: false,
    },
    Form {
        option: Some("sparse"),
        suffix: "jacobian_values",
        doc: "The entries of the Jacobian of [`{f}`] with respect to {by} that are not zero, in the order of [`{f}_jacobian_pattern`].",
        names: &["values"],
        steps: &[Step::Jacobian, Step::Sparse],
        value: false,
    },
    Form {
        option: Some("sparse"),
        suffix: "value_and_jacobian_values",
        doc: "The value of [`{f}`], and the entries of its Jacobian with respect to {by} that are not zero, in the order of [`{f}_jacobian_pattern`].",
        names: &["values"],
        steps: &[Step::Jacobian, Step::Sparse],
        value: true,
    },
    Form {
        option: Some("sparse"),
        suffix: "hessian_values",
        doc: "The entries of the lower triangle of the Hessian of [`{f}`] with respect to {by} that are not zero, in the order of [`{f}_hessian_pattern`].",
        names: &["values"],
        steps: &[Step::Jacobian, Step::Jacobian, Step::Sparse],
        value: false,
    },
    Form {
        option: Some("sparse"),
        suffix: "weighted_hessian_values",
        doc: "The entries of the lower triangle of the Hessian of the cotangents times [`{f}`] with respect to {by} that are not zero, in the order of [`{f}_weighted_hessian_pattern`].",
        names: &["values"],
        steps: &[Step::Vjp, Step::Jacobian, Step::Sparse],
        value: false,
    },
];

impl Form {
    /// The form that an option asks for.
    pub fn asked_by(option: &str) -> Option<&'static Form> {
        FORMS.iter().find(|form| form.option == Some(option))
    }

    /// Of a sparse form the one whose entries it keeps.
    pub fn dense(&self) -> Option<&'static Form> {
        let (Step::Sparse, steps) = self.steps.split_last()? else { return None };
        FORMS.iter().find(|form| form.steps == steps && form.value == self.value)
    }

    /// Whether a function beside it says where its entries are; where the value is there, too, they are the same.
    pub fn has_pattern(&self) -> bool {
        self.dense().is_some() && !self.value
    }

    /// Whether it is generated where these options are given; a sparse one only beside the form whose entries it keeps.
    pub fn is_asked(&self, given: &dyn Fn(&str) -> bool) -> bool {
        self.option.is_none_or(given) && self.dense().is_none_or(|dense| dense.option.is_none_or(given))
    }

    /// The matrices that its blocks are parts of, by what the elements along their axes are of, and vectors, of one axis; none if
    /// it has no blocks of results by inputs or of inputs by inputs.
    pub fn matrices(&self) -> &'static [&'static [Side]] {
        match self.steps {
            [Step::Jacobian] => &[&[Side::Results, Side::Inputs]],
            [_, Step::Jacobian] => &[&[Side::Inputs, Side::Inputs]],
            [Step::Jacobian, Step::Normal | Step::WeightedNormal] => &[&[Side::Inputs, Side::Inputs], &[Side::Inputs]],
            _ => &[],
        }
    }

    /// Whether it is of a function with one scalar result.
    pub fn is_of_scalars(&self) -> bool {
        self.order() > 1 && self.steps[0] == Step::Jacobian
    }

    /// How often the function is differentiated.
    pub fn order(&self) -> usize {
        self.steps.iter().filter(|step| step.differentiates()).count()
    }
}

/// A parameter that the generated functions do not take: they are at these values of it.
#[derive(Clone, Debug)]
pub struct At {
    /// Its place among the parameters of the function.
    pub place: usize,
    /// The parameter.
    pub param: Param,
    /// Its tensor.
    pub tensor: Tensor,
    /// Its elements, or the number that all of them are.
    pub values: Vec<f64>,
    /// Where that is said.
    pub span: Span,
}

/// What normal equations are like.
#[derive(Clone, Copy, Debug, Default)]
pub struct Normal {
    /// The robust loss of each residual, and its scale.
    pub loss: Option<(&'static Loss, f64)>,
    /// Whether `JᵀJ` is computed on and below its diagonal alone, and is 0 above.
    pub lower: bool,
}

/// What a generated function does with its results.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Results {
    /// It returns them.
    Returned,
    /// It writes them into memory of the caller, whatever is in it.
    Written,
    /// It writes those of many points into slices of the caller, an element a point.
    Batched,
    /// It writes those of many points into slices of the caller, one for each number: a structure of arrays.
    Columns,
    /// It writes what changes into memory of the caller that was written for arguments of the same lengths: structural zeros
    /// and constants are there.
    Updated,
}

/// A function that is generated: a form, and what becomes of its results.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    /// Which form.
    pub form: &'static Form,
    /// What becomes of them.
    pub results: Results,
}

impl Request {
    /// What follows the name of the user's function, and an underscore.
    pub fn suffix(self) -> String {
        let more = match self.results {
            Results::Returned => "",
            // there is no other that would return them
            Results::Written if self.form.dense().is_some() => "",
            Results::Written => "_into",
            Results::Batched => "_batch",
            Results::Columns => "_soa",
            Results::Updated => "_update",
        };
        format!("{}{more}", self.form.suffix)
    }

    /// Whether memory of the caller for arrays may be a view of any layout.
    pub fn takes_views(self) -> bool {
        matches!(self.results, Results::Written | Results::Updated)
    }

    /// Whether it is for many points at once.
    pub fn is_batch(self) -> bool {
        matches!(self.results, Results::Batched | Results::Columns)
    }

    /// Whether it returns its results, and has no memory for them.
    pub fn returns(self) -> bool {
        self.results == Results::Returned
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
    /// Whether only the function itself says if there is a result: generated code calls it first.
    pub asks: bool,
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
    /// What is generated, the Jacobian first.
    pub requests: Vec<Request>,
    /// Where the forms beside the Jacobian are asked for.
    pub asked: Vec<(&'static Form, Span)>,
    /// The parameters that differ from point to point in a batch.
    pub varied: Vec<Tensor>,
    /// Where batches are asked for.
    pub batch: Option<proc_macro2::Span>,
    /// The parameters that are set to constants once the function is differentiated: none of `params`.
    pub at: Vec<At>,
    /// What normal equations are like.
    pub normal: Normal,
    /// Whether blocks stand in one matrix.
    pub stack: bool,
    /// The order of the entries of sparse matrices.
    pub order: Order,
    /// Whether the lengths of all results and of all that is differentiated by are known: a pattern is a constant then.
    pub fixed: bool,
    /// While a sparse form is emitted, the parts of its list of entries, as the numbers of their axes; none if it is one list.
    pub parts: Vec<usize>,
    /// How hard to simplify.
    pub effort: Effort,
    /// Whether nothing may be reassociated; the value is then that of the function, which is called.
    pub strict: bool,
    /// Whether the function stands in an `impl`.
    pub associated: bool,
}

impl Interface {
    /// Whether the generated function computes the value from its program.
    pub fn computes_value(&self, request: Request) -> bool {
        request.form.value && !self.strict
    }

    /// The parameters that the function is differentiated by, in their order.
    pub fn differentiated(&self) -> impl Iterator<Item = &Param> {
        let of = |x: &Tensor| {
            let all = self.params.iter().chain(self.at.iter().map(|at| &at.param));
            all.into_iter().find(|p| matches!(&p.kind, ParamKind::Float(_, t, _) if t == x))
        };
        self.wrt.iter().filter_map(of)
    }

    /// With the parameters that are set to constants among the others, as the function itself has them.
    #[must_use]
    pub fn as_written(&self) -> Interface {
        let mut all = self.clone();
        self.at.iter().for_each(|at| all.params.insert(at.place, at.param.clone()));
        all
    }

    /// Whether a parameter, result or constant is of nalgebra.
    pub fn has_matrices(&self) -> bool {
        let is_matrix = |p: &Param| matches!(&p.kind, ParamKind::Float(Ty::Matrix(_), ..));
        self.inputs().any(is_matrix) || self.outputs.iter().any(|y| matches!(y, Ty::Matrix(_)))
    }

    /// Parameters and constants: what the program reads.
    pub fn inputs(&self) -> impl Iterator<Item = &Param> {
        self.params.iter().chain(&self.constants)
    }
}
