//! Says whether the compiler names the file that a macro is used in: since Rust 1.88.

use std::process::Command;

/// The first minor version of Rust 1 with `proc_macro::Span::local_file`.
const NAMES_FILES: u32 = 88;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(names_files)");
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = Command::new(rustc).arg("--version").output().map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let minor = version.ok().and_then(|text| text.split_whitespace().nth(1)?.split('.').nth(1)?.parse::<u32>().ok());
    if minor.is_some_and(|minor| minor >= NAMES_FILES) {
        println!("cargo::rustc-cfg=names_files");
    }
}
