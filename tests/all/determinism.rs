//! Equal input gives equal bytes, whatever ran before and in whatever process.

use crate::common::{compile, without_attribute};
use crate::corpus;

fn expansions(reversed: bool) -> Vec<(String, String)> {
    let mut cases = corpus::cases();
    if reversed {
        cases.reverse();
    }
    let mut out: Vec<(String, String)> =
        cases.iter().map(|c| (c.name.to_owned(), compile(c.options, &without_attribute(c.item)).tokens.to_string())).collect();
    if reversed {
        out.reverse();
    }
    out
}

#[test]
fn two_expansions_are_equal() {
    let first = expansions(false);
    // egg keeps its symbols in a global table: fill it with others
    for k in 0..1000 {
        let _ = egg::Symbol::from(format!("?{k}"));
    }
    let second = expansions(true);
    for (a, b) in first.iter().zip(&second) {
        assert_eq!(a, b);
    }
}

#[test]
fn another_process_expands_the_same() {
    let digest = |expansions: &[(String, String)]| {
        let bytes = expansions.iter().flat_map(|(_, text)| text.bytes());
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
    };
    const ASKED: &str = "JAC_TESTS_PRINT_DIGEST";
    if std::env::var_os(ASKED).is_some() {
        println!("digest {:016x}", digest(&expansions(true)));
        return;
    }
    let program = std::env::current_exe().expect("this test's path");
    let output = std::process::Command::new(program)
        .args(["--exact", "determinism::another_process_expands_the_same", "--nocapture"])
        .env(ASKED, "1")
        .output()
        .expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout);
    let theirs = text.lines().find_map(|l| l.split("digest ").nth(1)).expect("a digest");
    assert_eq!(theirs.trim(), format!("{:016x}", digest(&expansions(false))));
}
