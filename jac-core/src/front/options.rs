//! Methods of options.

use super::body::{Eval, Reader};
use super::value::{Truth, Value};
use proc_macro2::Span;

impl Reader<'_> {
    /// A method of an option, or of a `Result` that is an `Ok`.
    pub(super) fn option_method(&mut self, there: Truth, inner: Value, name: &str, call: &syn::ExprMethodCall, span: Span) -> Eval {
        match (name, call.args.len()) {
            ("unwrap" | "expect", _) if there == Truth::Known(false) => {
                self.fail(span, "there is no value here", "where the function panics there is no derivative")
            }
            ("unwrap" | "expect", _) => Ok(inner),
            ("ok_or" | "ok_or_else" | "ok" | "map_err" | "as_ref" | "copied" | "cloned", _) => Ok(Value::Option(there, Box::new(inner))),
            ("is_some" | "is_ok", 0) => Ok(Value::Truth(there)),
            ("is_none" | "is_err", 0) => Ok(Value::Truth(self.not(there))),
            ("unwrap_or", 1) => {
                let otherwise = self.expr(&call.args[0])?;
                self.decide(there, |_| Ok(inner), |_| Ok(otherwise))
            }
            ("unwrap_or_default", 0) => {
                let zero = match inner {
                    Value::Int(_) => Value::int(0),
                    _ => Value::Float(self.program.arena.constant(0)),
                };
                self.decide(there, |_| Ok(inner), |_| Ok(zero))
            }
            ("unwrap_or_else", 1) => {
                let f = self.callable(&call.args[0])?;
                // of a `Result` it takes the error
                let arguments = match &f {
                    super::methods::Callable::Closure(f) => vec![Value::Poison; f.inputs.len()],
                    _ => Vec::new(),
                };
                self.decide(there, |_| Ok(inner), |r| r.invoke(&f, arguments, span))
            }
            ("map", 1) => {
                let f = self.callable(&call.args[0])?;
                let value = self.decide(there, |r| r.invoke(&f, vec![inner], span).map(Value::some), |_| Ok(Value::none()))?;
                Ok(value)
            }
            ("or", 1) => {
                let otherwise = self.referent(&call.args[0])?;
                self.decide(there, |_| Ok(Value::some(inner)), |_| Ok(otherwise))
            }
            ("or_else", 1) => {
                let f = self.callable(&call.args[0])?;
                self.decide(there, |_| Ok(Value::some(inner)), |r| r.invoke(&f, Vec::new(), span))
            }
            ("and_then", 1) => {
                let f = self.callable(&call.args[0])?;
                self.decide(there, |r| r.invoke(&f, vec![inner], span), |_| Ok(Value::none()))
            }
            ("map_or", 2) => {
                let otherwise = self.expr(&call.args[0])?;
                let f = self.callable(&call.args[1])?;
                self.decide(there, |r| r.invoke(&f, vec![inner], span), |_| Ok(otherwise))
            }
            ("map_or_else", 2) => {
                let otherwise = self.callable(&call.args[0])?;
                let f = self.callable(&call.args[1])?;
                self.decide(there, |r| r.invoke(&f, vec![inner], span), |r| r.invoke(&otherwise, Vec::new(), span))
            }
            ("is_some_and", 1) => {
                let f = self.callable(&call.args[0])?;
                self.decide(there, |r| r.invoke(&f, vec![inner], span), |_| Ok(Value::Truth(Truth::Known(false))))
            }
            _ => self.no_method(name, "an option", ["unwrap", "expect", "map", "unwrap_or", "map_or", "is_some", "and_then"], span),
        }
    }
}
