//! Diagnostics: what is said to the user, in rustc's voice.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;

/// A mistake in the user's code: a message at a span, with notes and help.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// Where.
    pub span: Span,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What it follows from.
    pub note: Option<String>,
    /// What to write instead.
    pub help: Option<String>,
    /// Whether rustc is all but certain to report the same mistake; then it is left to rustc, and
    /// the generated functions do not compile if rustc does not.
    pub deferred: bool,
    /// Whether the code would be too long: with loops where it was written out it may not be.
    pub too_long: bool,
}

/// That a function is too much for a pass: what ends the pass, and becomes an error at the function.
#[derive(Clone, Copy, Debug)]
pub struct Refusal {
    /// What is too much.
    pub message: &'static str,
    /// What to write instead.
    pub help: &'static str,
}

impl Refusal {
    /// Leaves the pass, for whoever called the compiler.
    pub fn raise(self) -> ! {
        std::panic::resume_unwind(Box::new(self))
    }
}

/// Proof that a diagnostic was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reported;

/// Diagnostics, collected as they are found.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    found: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Records one; gives it back to add a note or help.
    pub fn error(&mut self, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.found.push(Diagnostic { span, message: message.into(), note: None, help: None, deferred: false, too_long: false });
        self.found.last_mut().expect("just pushed")
    }

    /// How many were found.
    pub fn count(&self) -> usize {
        self.found.len()
    }

    /// Takes back the last one.
    pub fn retract(&mut self) -> Option<Diagnostic> {
        self.found.pop()
    }

    /// Records one that was taken back.
    pub fn report(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// All that was found.
    pub fn into_vec(self) -> Vec<Diagnostic> {
        self.found
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }
}

impl Diagnostic {
    /// Says what it follows from.
    pub fn note(&mut self, text: impl Into<String>) -> &mut Self {
        self.note = Some(text.into());
        self
    }

    /// Says what to write instead.
    pub fn help(&mut self, text: impl Into<String>) -> &mut Self {
        self.help = Some(text.into());
        self
    }

    /// Leaves the report to rustc.
    pub fn defer(&mut self) -> &mut Self {
        self.deferred = true;
        self
    }

    /// Says that the code would be too long.
    pub fn too_long(&mut self) -> &mut Self {
        self.too_long = true;
        self
    }

    /// The end of a chain: `Err(Reported)`.
    ///
    /// # Errors
    /// Always.
    pub fn fail<T>(&mut self) -> Result<T, Reported> {
        Err(Reported)
    }

    /// The text as rustc shows it.
    pub fn text(&self) -> String {
        let mut text = self.message.clone();
        for (label, line) in [("note", &self.note), ("help", &self.help)] {
            if let Some(line) = line {
                text += &format!("\n{label}: {line}");
            }
        }
        text
    }

    /// An expression of any type that fails to compile once the rest of the crate does.
    pub fn to_deferred_tokens(&self) -> TokenStream {
        let text = self.text();
        quote_spanned! {self.span=> const { ::core::panic!(#text) } }
    }

    /// The `compile_error!`.
    pub fn to_tokens(&self) -> TokenStream {
        let text = self.text();
        quote_spanned! {self.span=> ::core::compile_error! { #text } }
    }
}

/// Help for a name that does not exist: the nearest of those that do.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|k| (strsim::osa_distance(name, k), k))
        .filter(|(distance, k)| *distance <= 1 + k.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, k)| k)
}
