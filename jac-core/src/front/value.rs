//! What an expression of the body stands for while it is read.

use super::integers::{Int, IntType};
use super::iterators::Iter;
use super::methods::Callable;
use super::source::Home;
use crate::diag::Diagnostic;
use crate::ir::{Affine, Expr, Index};
use std::rc::Rc;

/// The value of an expression.
#[derive(Clone, Debug)]
pub enum Value {
    /// A float.
    Float(Expr),
    /// An integer.
    Int(Int),
    /// An integer that depends on floats, as the float that it is.
    Whole(Expr),
    /// A truth value.
    Truth(Truth),
    /// An array whose elements are one expression: ndarray, or a fixed array of generic length.
    Tensor(Tensor),
    /// A fixed array of known length.
    Array(Vec<Value>),
    /// A tuple.
    Tuple(Vec<Value>),
    /// A range of integers, the upper end not included; the type is that of both.
    Range(Affine, Option<Affine>, Option<IntType>),
    /// The rows of an ndarray position or of `s![…]`.
    Slices(Vec<Slice>),
    /// `Axis(k)`.
    Axis(usize),
    /// A closure.
    Closure(Rc<Closure>),
    /// `std::array::from_fn(f)`, whose length its type tells.
    Generator(Rc<Closure>),
    /// An `Option`, or an `Ok`: whether there is a value, and the value where there is.
    Option(Truth, Box<Value>),
    /// What computes its items when it is asked for them.
    Iter(Box<Iter>),
    /// What a loop over a run-time length goes through.
    Stream(Stream),
    /// `Zip::from(a).and(b)`.
    Zip(Vec<Value>),
    /// A vector to which the rounds of a loop push, and what this round pushed: it is not read there.
    Growing(Vec<Value>),
    /// `&mut` to a variable or a part of one.
    Reference(Place),
    /// A literal that is no number, or the variant of an enum: what it is equal to is known.
    Word(Rc<syn::Expr>),
    /// One of several of these: the first whose condition holds, else the last.
    Words(Vec<(Expr, Rc<syn::Expr>)>, Rc<syn::Expr>),
    /// A struct.
    Struct(Struct),
    /// Rust that does not depend on what is differentiated by: a constant, once its type is known.
    Opaque(Rc<syn::Expr>),
    /// What two arms of a branch left that is no value together: a mistake once it is used.
    Unjoined(Rc<Diagnostic>),
    /// Follows a mistake that was reported.
    Poison,
}

/// A truth value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Truth {
    /// Decided while compiling.
    Known(bool),
    /// Decided at run time.
    Open(Expr),
}

/// An item for each position of a run-time length.
#[derive(Clone, Debug)]
pub struct Stream {
    /// The positions, outermost first.
    pub indices: Vec<Index>,
    /// The item there.
    pub item: Box<Value>,
    /// What is still to be done with each item, in order: closures that change variables.
    pub pending: Vec<Callable>,
}

/// A struct of the crate's own.
#[derive(Clone, Debug)]
pub struct Struct {
    /// Its type, and where that is written, if it is known.
    pub ty: Option<(Rc<syn::Type>, Home)>,
    /// The fields by their names, or the numbers of those of a tuple struct.
    pub fields: Vec<(String, Value)>,
}

impl Struct {
    /// Which one a field is.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|(own, _)| own == name)
    }
}

/// A variable or a part of one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The variable.
    pub slot: usize,
    /// The positions in it.
    pub path: Vec<Vec<Affine>>,
}

/// An array over index variables.
#[derive(Clone, Debug)]
pub struct Tensor {
    /// The length of each axis.
    pub shape: Vec<Affine>,
    /// Its elements.
    pub elements: Elements,
    /// Whose array it is.
    pub library: Library,
}

/// Whose arrays they are, which says what operators, positions and methods mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Library {
    /// Arrays, slices and vectors of the language: they have no arithmetic.
    Core,
    /// ndarray: element by element, and lengths of 1 are repeated.
    Ndarray,
    /// nalgebra: matrices, of which a vector is one with one column; `*` is their product.
    Nalgebra,
}

/// The elements of a tensor.
#[derive(Clone, Debug)]
pub enum Elements {
    /// One expression over an index for each axis.
    Each(Vec<Index>, Expr),
    /// One expression an element, row-major; the lengths are known.
    List(Vec<Expr>),
}

/// One axis of a slice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Slice {
    /// A single position; the axis goes.
    At(Affine),
    /// From, to (`None`: the end), step; a negative end counts from the back.
    Range(Affine, Option<Affine>, i64),
    /// `NewAxis`.
    New,
}

/// A closure or a nested function, with the scope it was written in.
#[derive(Clone, Debug)]
pub struct Closure {
    /// The patterns of its parameters.
    pub inputs: Vec<syn::Pat>,
    /// The type that it returns, if it stands there.
    pub output: Option<syn::Type>,
    /// The const generics of a function: the length of an argument tells each.
    pub lengths: Vec<syn::Ident>,
    /// Its body.
    pub body: syn::Expr,
    /// The type parameters of a function.
    pub types: Vec<syn::Ident>,
    /// Whether it is a method that changes `self`.
    pub changes_self: bool,
    /// The variables it sees.
    pub scope: Vec<(String, usize)>,
    /// Where its names are looked up, if not where the annotated function's are.
    pub home: Option<Home>,
    /// What a function is called that was found elsewhere.
    pub elsewhere: Option<String>,
}

impl Closure {
    /// A function, seen from outside.
    pub fn of(item: &syn::ItemFn) -> Closure {
        let inputs = item.sig.inputs.iter().map(|input| match input {
            syn::FnArg::Typed(typed) => syn::Pat::Type(typed.clone()),
            syn::FnArg::Receiver(r) => syn::Pat::Ident(syn::PatIdent {
                attrs: Vec::new(),
                by_ref: None,
                mutability: None,
                ident: r.self_token.into(),
                subpat: None,
            }),
        });
        let body = syn::Expr::Block(syn::ExprBlock { attrs: Vec::new(), label: None, block: (*item.block).clone() });
        let output = match &item.sig.output {
            syn::ReturnType::Type(_, ty) => Some((**ty).clone()),
            syn::ReturnType::Default => None,
        };
        let lengths = item.sig.generics.const_params().map(|c| c.ident.clone()).collect();
        let types = super::floats::of_function(&item.sig.generics);
        let changes_self = item.sig.receiver().is_some_and(|r| matches!(&r.kind, syn::ReceiverKind::Reference(.., Some(_))));
        Closure { inputs: inputs.collect(), output, lengths, body, types, changes_self, scope: Vec::new(), home: None, elsewhere: None }
    }
}

/// Whether a name is written as constants are.
pub fn is_constant(name: &str) -> bool {
    name.starts_with(char::is_uppercase) && !name.contains(char::is_lowercase)
}

impl Value {
    /// `Some(value)`.
    pub fn some(value: Value) -> Value {
        Value::Option(Truth::Known(true), Box::new(value))
    }

    /// The float that a value is, if it is there: `T::from_f64(x)` returns an option for some traits and for others none, and
    /// rustc has seen which it is.
    pub fn definite(self) -> Value {
        match self {
            Value::Option(Truth::Known(true), inner) if matches!(*inner, Value::Float(_)) => *inner,
            value => value,
        }
    }

    /// `None`.
    pub fn none() -> Value {
        Value::Option(Truth::Known(false), Box::new(Value::unit()))
    }

    /// `()`.
    pub fn unit() -> Value {
        Value::Tuple(Vec::new())
    }

    /// What it is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Float(_) => "a float",
            Value::Int(_) => "an integer",
            Value::Truth(_) => "a truth value",
            Value::Tensor(t) if t.library == Library::Ndarray => "an ndarray",
            Value::Tensor(_) | Value::Array(_) => "an array",
            Value::Tuple(_) => "a tuple",
            Value::Range(..) => "a range",
            Value::Slices(_) => "a slice",
            Value::Axis(_) => "an axis",
            Value::Closure(_) => "a closure",
            Value::Generator(_) => "an array of unknown length",
            Value::Option(..) => "an option",
            Value::Stream(_) | Value::Iter(_) => "an iterator",
            Value::Growing(_) => "a vector that grows in a loop over a run-time length",
            Value::Zip(_) => "a `Zip`",
            Value::Reference(_) => "a mutable reference",
            Value::Word(_) | Value::Words(..) => "a constant that is no number",
            Value::Struct(_) => "a struct",
            Value::Whole(_) => "an integer that depends on floats",
            Value::Opaque(_) => "a constant of unknown type",
            Value::Unjoined(_) => "what is not the same in both arms of a branch",
            Value::Poison => "a mistake",
        }
    }
}
