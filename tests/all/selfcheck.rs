//! What every expansion is compared with.

use crate::common;
use crate::corpus;

/// No function of the corpus is suspected, and nearly all can be told from rounding.
#[test]
fn the_corpus_agrees() {
    let mut blind = Vec::new();
    let mut count = 0;
    for case in corpus::cases().iter().chain(&corpus::references()) {
        let stages = common::stages(case);
        assert!(stages.withdrawn.is_empty(), "{}: {:?}", case.name, stages.withdrawn);
        for (kind, points) in &stages.compared {
            count += 1;
            if *points == 0 {
                blind.push(format!("{}_{}", case.name, kind.suffix()));
            }
        }
    }
    assert!(blind.len() * 50 < count, "{} of {count}: {blind:?}", blind.len());
}

/// The list of faults cannot rot: each text stands in its file once.
#[test]
fn every_fault_can_be_planted() {
    let mut seen = std::collections::BTreeSet::new();
    let all = [jac_tests::faults::ALONE, jac_tests::faults::MORE_POINTS, jac_tests::faults::FAULTS];
    for fault in all.into_iter().flatten() {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../jac-core/src").join(fault.file);
        let source = std::fs::read_to_string(&file).expect("a source file");
        assert_eq!(source.matches(fault.right).count(), 1, "{fault:?}");
        assert_ne!(fault.right, fault.wrong);
        assert!(seen.insert((fault.file, fault.right, fault.wrong)), "twice: {fault:?}");
    }
    assert!(seen.len() >= 50, "{}", seen.len());
}
