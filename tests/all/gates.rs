//! What the generated code costs, counted on its tokens: gates that no noise touches.

use crate::common::{compile, without_attribute};
use crate::corpus;
use std::collections::BTreeMap;
use syn::visit::{self, Visit};

/// Operations by name; `sin_cos` is one entry that counts two, a negation none.
#[derive(Default)]
struct Count(BTreeMap<String, u32>);

impl Count {
    fn of(&self, names: &[&str]) -> u32 {
        names.iter().filter_map(|n| self.0.get(*n)).sum()
    }

    fn total(&self) -> u32 {
        self.0.iter().map(|(name, n)| if name == "sin_cos" { 2 * n } else { *n }).sum()
    }

    fn add(&mut self, name: &str) {
        *self.0.entry(name.to_owned()).or_default() += 1;
    }
}

impl<'a> Visit<'a> for Count {
    fn visit_expr_binary(&mut self, e: &'a syn::ExprBinary) {
        match e.op {
            syn::BinOp::Add(_) | syn::BinOp::Sub(_) => self.add("+"),
            syn::BinOp::Mul(_) => self.add("*"),
            syn::BinOp::Div(_) => self.add("/"),
            _ => {}
        }
        visit::visit_expr_binary(self, e);
    }

    fn visit_expr_method_call(&mut self, e: &'a syn::ExprMethodCall) {
        self.add(&e.method.to_string());
        visit::visit_expr_method_call(self, e);
    }
}

/// The operations of `f_value_and_jacobian`, from its tokens.
fn emitted(name: &str, options: &str) -> Count {
    let cases = corpus::cases();
    let case = cases.iter().find(|c| c.name == name).expect("a function of the corpus");
    let file: syn::File = syn::parse2(compile(options, &without_attribute(case.item)).tokens).expect("Rust");
    let wanted = format!("{name}_value_and_jacobian");
    let function = file.items.iter().find_map(|i| match i {
        syn::Item::Fn(f) if f.sig.ident == wanted => Some(f),
        _ => None,
    });
    let mut count = Count::default();
    count.visit_item_fn(function.expect("value and Jacobian"));
    count
}

/// Value and Jacobian in no more operations than these: the least of what CasADi 3.8 (`cse`),
/// SymPy (`cse`), SymForce 0.12 and wrenfold 0.5 need, or less.
const LARGEST: [(&str, u32); 17] = [
    ("rosen10", 107),
    ("pollu", 109),
    ("bundle_adjustment", 252),
    ("sum_times_product", 261),
    ("spherical_harmonics", 326),
    ("ur5", 67),
    ("double_pendulum", 64),
    ("inverse_transform", 81),
    ("bal", 245),
    ("arm", 370),
    ("inverse3", 95),
    ("inverse4", 295),
    ("chain3", 216),
    ("chain4", 592),
    ("rosen100", 1218),
    ("brusselator", 592),
    ("softmax", 215),
];

#[test]
fn operations_of_the_kernels() {
    for (name, largest) in LARGEST {
        let count = emitted(name, "value");
        assert!(count.total() <= largest, "{name}: {} operations, {:?}", count.total(), count.0);
    }
}

#[test]
fn expensive_operations_are_shared() {
    let bal = emitted("bal", "value");
    assert!(bal.of(&["/"]) <= 6, "{:?}", bal.0);
    assert_eq!((bal.of(&["sin_cos"]), bal.of(&["sin", "cos"])), (1, 0));
    let arm = emitted("arm", "value");
    assert_eq!((arm.of(&["sin_cos"]), arm.of(&["sin", "cos"])), (7, 0));
    assert_eq!(emitted("softmax", "value").of(&["exp", "exp_m1", "powf"]), 16);
    assert!(emitted("inverse4", "value").of(&["/"]) <= 2);
    assert!(emitted("chain4", "value").of(&["+", "*"]) <= 592);
}

/// The derivative of an inverse is −Y⊗Y: beyond the value, one product an entry.
#[test]
fn an_inverse_needs_one_product_an_entry() {
    let cases = corpus::cases();
    let item = cases.iter().find(|c| c.name == "inverse4").expect("a function of the corpus").item;
    let item: syn::ItemFn = syn::parse_str(&without_attribute(item)).expect("a function");
    let mut value = Count::default();
    value.visit_item_fn(&item);
    let both = emitted("inverse4", "value");
    assert!(both.total() <= value.total() + 256, "{} beyond {}", both.total(), value.total());
}

#[test]
fn more_effort_is_never_dearer() {
    for name in ["rosen10", "pollu", "double_pendulum", "inverse_transform", "ur5", "softmax", "geometric_mean"] {
        let by = |effort: &str| emitted(name, &format!("value, effort = \"{effort}\"")).total();
        let (low, default, high) = (by("low"), by("default"), by("high"));
        assert!(high <= default && default <= low, "{name}: {low}, {default}, {high}");
        assert_eq!(default, emitted(name, "value").total());
    }
}
