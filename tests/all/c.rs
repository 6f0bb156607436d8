//! The other target: C, compiled by the system's compiler, against the functions that Rust compiled.

use crate::common::{inputs, point, stages};
use crate::corpus;
use jac_core::emit::c;
use jac_core::ir::{lengths, Role, Size};
use jac_tests::Case;
use std::fmt::Write as _;
use std::process::Command;

/// Functions of the corpus that are as C what they are as Rust; most of the others have run-time lengths.
const AT_LEAST: usize = 290;

#[test]
fn c_computes_what_rust_does() {
    let mut functions = String::from(c::HEADER);
    functions += "#include <stdio.h>\n";
    let mut calls = String::from("int main(void) {\n");
    let mut expected: Vec<(&str, Vec<f64>, f64)> = Vec::new();
    let cases: Vec<Case> = corpus::cases().into_iter().chain(corpus::references()).collect();
    for case in &cases {
        let program = stages(case).jacobian;
        let name = format!("{}_jacobian", case.name);
        let Ok(text) = jac_core::to_c(&name, &program) else { continue };
        let float = if case.single { "float" } else { "double" };
        functions += &text;
        for seed in 0..2 {
            let x = point(case, seed);
            let inputs = inputs(case, &program, &x);
            let mut arguments: Vec<String> = (0..program.sizes.len() as u32).map(|k| inputs.sizes[&Size(k)].to_string()).collect();
            calls += "  {\n";
            for t in program.params() {
                let values = &inputs.tensors[&t];
                match (program.info(t).role, values.as_slice(), program.info(t).shape.is_empty()) {
                    (Role::Truth, _, _) => arguments.push((values[0] as u8).to_string()),
                    (_, [x], true) => arguments.push(format!("{x:?}")),
                    (_, all, _) => {
                        let all: Vec<String> = all.iter().map(|x| format!("{x:?}")).collect();
                        let _ = writeln!(calls, "    {float} a{}[] = {{{}}};", arguments.len(), all.join(", "));
                        arguments.push(format!("a{}", arguments.len()));
                    }
                }
            }
            let mut prints = String::new();
            for block in &program.blocks {
                let (k, count) = (arguments.len(), lengths(&program.info(block.tensor).shape).iter().product::<usize>());
                // what is there before does not matter
                let _ = writeln!(calls, "    {float} a{k}[{0}]; for (int k = 0; k < {0}; k++) a{k}[k] = NAN;", count.max(1));
                let _ = writeln!(prints, "    for (int k = 0; k < {count}; k++) printf(\"%.17g\\n\", (double)a{k}[k]);");
                arguments.push(format!("a{k}"));
            }
            let _ = writeln!(calls, "    {name}({});\n{prints}  }}", arguments.join(", "));
            expected.push((case.name, (case.jacobian)(&x), if case.single { 1e-5 } else { 1e-12 }));
        }
    }
    calls += "}\n";
    let directory = std::env::temp_dir().join(format!("jac-c-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory for temporary files");
    let (source, program) = (directory.join("corpus.c"), directory.join("corpus"));
    std::fs::write(&source, functions + &calls).expect("it is written");
    // the linker that Rust itself uses
    let mut compiler = Command::new("cc");
    compiler
        .args(["-std=c99", "-Wall", "-Werror", "-Wno-unused-variable", "-Wno-unused-but-set-variable", "-ffp-contract=off", "-O1"])
        .arg(&source);
    let compiled = compiler.arg("-o").arg(&program).arg("-lm").output().expect("a C compiler");
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let output = Command::new(&program).output().expect("it runs");
    let text = String::from_utf8(output.stdout).expect("numbers");
    std::fs::remove_dir_all(&directory).expect("the directory is ours");
    let mut numbers = text.lines().map(|line| line.parse::<f64>().expect("a number"));
    for (name, rust, tolerance) in &expected {
        let scale = rust.iter().filter(|x| x.is_finite()).fold(1.0_f64, |most, x| most.max(x.abs()));
        for (k, x) in rust.iter().enumerate() {
            let c = numbers.next().unwrap_or_else(|| panic!("{name}: C has no entry {k}"));
            assert!(
                (c - x).abs() <= tolerance * scale || c.is_nan() && x.is_nan() || c == *x,
                "{name}: entry {k} is {c} in C, {x} in Rust"
            );
        }
    }
    assert_eq!(numbers.next(), None);
    assert!(expected.len() >= 2 * AT_LEAST, "{} functions", expected.len() / 2);
}
