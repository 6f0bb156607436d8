//! The text form reads back, and means the same.

use crate::common::{inputs, point, stages};
use crate::corpus;
use jac_core::ir::{eval, parse, verify};

#[test]
fn every_program_reads_back() {
    for case in corpus::cases() {
        let stages = stages(&case);
        for program in [&stages.primal, &stages.derivative, &stages.jacobian, &stages.value_and_jacobian().0] {
            let text = program.to_text();
            let read = parse(&text).unwrap_or_else(|e| panic!("{}: {e}\n{text}", case.name));
            verify(&read).unwrap_or_else(|e| panic!("{}: {e}", case.name));
            assert_eq!(read.to_text(), text, "{}", case.name);
            if case.single {
                continue;
            }
            let x = point(&case, 1);
            let (ours, theirs) = (eval(program, &inputs(&case, program, &x)), eval(&read, &inputs(&case, &read, &x)));
            for (a, b) in program.results().zip(read.results()) {
                assert_eq!(ours[&a], theirs[&b], "{}", case.name);
            }
        }
    }
}

#[test]
fn what_does_not_verify_is_refused() {
    let broken = |text: &str| verify(&parse(text).expect("it parses")).expect_err("it is broken");
    assert!(broken("fn f(x: [3]) -> y\ny = x[0] + x\n").contains("rank"));
    assert!(broken("fn f(x: [3]) -> y\ny = x[3]\n").contains("position 3"));
    assert!(broken("fn f(x: [], c: bool) -> y\ny = c + x\n").contains("truth"));
    assert!(parse("fn f(x: [3]) -> y\ny = z[0]\n").is_err());
    assert!(parse("fn f(x: [3]) -> y\ny = x[i]\n").is_err());
    assert!(parse("").is_err());
}
