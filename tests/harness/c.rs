//! Compiles engines in C and C++.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// The folder of `auricle.h` and `auricle.hpp`.
pub fn c_headers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin-api/include")
}

/// Compiles an engine in C, or in C++ if its name ends with `cpp`, with the system's compiler (`CC`, `CXX`) and with warnings as
/// errors.
pub fn compile_engine(source: &Path, headers: &Path, library: &Path) {
    let cpp = source.extension().is_some_and(|extension| extension == "cpp");
    let (variable, usual, standard) = if cpp { ("CXX", "c++", "-std=c++17") } else { ("CC", "cc", "-std=c99") };
    let mut command = Command::new(env::var_os(variable).unwrap_or_else(|| usual.into()));
    command.args([
        standard,
        "-Wall",
        "-Wextra",
        // The tables decide what parameters a function has.
        "-Wno-unused-parameter",
        "-Wpedantic",
        "-Werror",
        "-O1",
        "-shared",
        "-fPIC",
        "-fvisibility=hidden",
    ]);
    command.arg("-I").arg(headers).arg("-o").arg(library).arg(source).arg("-lm");
    let output = command.output().unwrap_or_else(|error| panic!("{usual}, which is needed for this test: {error}"));
    assert!(output.status.success(), "{}: {}", source.display(), String::from_utf8_lossy(&output.stderr));
}
