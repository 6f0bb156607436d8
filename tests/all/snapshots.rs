//! What the compiler makes of every function of the corpus: the program, the derivative, the
//! closed form and the emitted code. The numeric tests check that it is right.

use crate::common::{compile, without_attribute};
use crate::corpus;

#[test]
fn corpus() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let mut names = std::collections::BTreeSet::new();
    settings.bind(|| {
        for case in corpus::cases() {
            assert!(names.insert(case.name), "two functions of the corpus are called `{}`", case.name);
            let item = without_attribute(case.item);
            let compiled = compile(case.options, &item);
            let stages = compiled.stages.expect("no mistake");
            let mut generated: syn::File = syn::parse2(compiled.tokens).expect("the expansion parses");
            // the first item is the user's own
            generated.items.remove(0);
            // what `check!` calls follows from the signature alone: see `check.rs`
            generated.items.pop();
            let (both, report) = stages.value_and_jacobian();
            let counts = format!("{} operations, {} before simplification", report.after, report.before);
            let text = format!("{}\n{}\n{counts}\n\n{}", stages.primal.to_text(), both.to_text(), prettyplease::unparse(&generated));
            insta::assert_snapshot!(case.name, text);
        }
    });
}
