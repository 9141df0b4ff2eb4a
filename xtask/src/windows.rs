//! Checks that the host compiles for Windows. Needs Rust's standard library for that target and a C compiler; if they
//! are missing, it prints a message and succeeds.

use crate::run::{Done, cargo, run};
use std::{path::Path, process::Command};

const TARGET: &str = "x86_64-pc-windows-gnu";
const COMPILER: &str = "x86_64-w64-mingw32-gcc";

pub(crate) fn check() -> Done {
    match missing() {
        None => run(&mut cargo(&["clippy", "--target", TARGET, "--package", "auricle", "--", "-D", "warnings"])),
        Some(what) => {
            eprintln!("xtask: skipped the check that the host compiles for Windows: {what}");
            Ok(())
        }
    }
}

fn missing() -> Option<String> {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output().ok()?;
    let sysroot = String::from_utf8(sysroot.stdout).ok()?;
    if !Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET).is_dir() {
        return Some(format!("Rust has no {TARGET} (`rustup target add {TARGET}`)"));
    }
    if Command::new(COMPILER).arg("--version").output().is_err() {
        return Some(format!("{COMPILER} is missing (Debian's gcc-mingw-w64-x86-64)"));
    }
    None
}
