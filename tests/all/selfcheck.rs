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
