//! What several tests need.

use jac_core::ir::{Inputs, Program, Role, SizeKind, Tensor};
use jac_core::{Compiled, Stages};
use jac_tests::Case;

/// Compiles a function given as text.
pub fn compile(options: &str, item: &str) -> Compiled {
    jac_core::compile(options.parse().expect("tokens"), item.parse().expect("tokens"))
}

/// Compiles a function without a mistake.
pub fn stages(case: &Case) -> Stages {
    let compiled = compile(case.options, &without_attribute(case.item));
    let errors: Vec<String> = compiled.diagnostics.iter().map(jac_core::diag::Diagnostic::text).collect();
    compiled.stages.unwrap_or_else(|| panic!("{}: {errors:?}", case.name))
}

/// The source without `#[jacobian]`.
pub fn without_attribute(item: &str) -> String {
    let mut item: syn::ItemFn = syn::parse_str(item).expect("a function");
    item.attrs.retain(|a| !a.path().is_ident("jacobian"));
    quote::ToTokens::to_token_stream(&item).to_string()
}

/// The Jacobian of a function of a vector by central differences, row by row.
pub fn differences(f: impl Fn(&[f64]) -> Vec<f64>, x: &[f64]) -> Vec<f64> {
    let at = |k: usize, by: f64| f(&x.iter().enumerate().map(|(i, v)| if i == k { v + by } else { *v }).collect::<Vec<f64>>());
    let columns: Vec<Vec<f64>> =
        (0..x.len()).map(|k| at(k, 1e-5).iter().zip(at(k, -1e-5)).map(|(up, down)| (up - down) / 2e-5).collect()).collect();
    (0..f(x).len()).flat_map(|row| columns.iter().map(move |c| c[row])).collect()
}

/// Asserts that numbers agree as well as differences do.
#[track_caller]
pub fn close<'a>(what: &str, ours: impl IntoIterator<Item = &'a f64>, other: &[f64]) {
    let ours: Vec<f64> = ours.into_iter().copied().collect();
    assert_eq!(ours.len(), other.len(), "{what}");
    for (a, b) in ours.iter().zip(other) {
        assert!((a - b).abs() <= 1e-7 * (1.0 + b.abs()), "{what}: {ours:?}, not {other:?}");
    }
}

/// Numbers that look random and are the same on every machine.
pub struct Random(pub u64);

impl Random {
    /// Between 0 and 1.
    pub fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.unit() * n as f64) as usize
    }
}

/// A point of the function's range.
pub fn point(case: &Case, seed: u64) -> Vec<f64> {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9).wrapping_add(case.name.len() as u64));
    let (low, high) = case.range;
    let count = case.params.iter().map(jac_tests::Param::count).sum();
    (0..count)
        .map(|_| {
            let x = low + (high - low) * random.unit();
            if case.single {
                f64::from(x as f32)
            } else {
                x
            }
        })
        .collect()
}

/// The inputs of a program at a flat point.
pub fn inputs(case: &Case, program: &Program, x: &[f64]) -> Inputs {
    let mut inputs = Inputs::default();
    let mut at = 0;
    let mut tensors = program.params().collect::<Vec<Tensor>>().into_iter();
    for p in &case.params {
        if let Some(value) = p.integer {
            let size = program.sizes.iter().position(|s| s.kind == SizeKind::Integer && s.name == p.name).expect("an integer");
            inputs.sizes.insert(jac_core::ir::Size(size as u32), value);
            continue;
        }
        let t = tensors.next().expect("a tensor for each parameter");
        assert_ne!(program.info(t).role, Role::Defined);
        inputs.tensors.insert(t, x[at..at + p.count()].to_vec());
        at += p.count();
        for (n, length) in program.info(t).shape.iter().zip(&p.shape) {
            if let Some(size) = n.as_size() {
                inputs.sizes.insert(size, *length as i64);
            }
        }
    }
    inputs
}
