//! Compiles engines in C and C++.

use std::{
    env, fs,
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

/// Compiles the example `loudness.c` in this folder, after edits of its text and of the header's: what to replace, by what.
pub fn compile_loudness(folder: &Path, edits: &[(&str, &str)], header_edits: &[(&str, &str)]) -> PathBuf {
    compile_example("loudness", folder, edits, header_edits)
}

/// As [`compile_loudness`], for `level.c`, which is a stage.
pub fn compile_level(folder: &Path, edits: &[(&str, &str)], header_edits: &[(&str, &str)]) -> PathBuf {
    compile_example("level", folder, edits, header_edits)
}

fn compile_example(name: &str, folder: &Path, edits: &[(&str, &str)], header_edits: &[(&str, &str)]) -> PathBuf {
    let edit = |file: PathBuf, edits: &[(&str, &str)]| {
        let mut text = fs::read_to_string(&file).unwrap();
        for (from, to) in edits {
            assert!(text.contains(from), "{} has no `{from}`", file.display());
            text = text.replace(from, to);
        }
        fs::write(folder.join(file.file_name().unwrap()), text).unwrap();
    };
    let source = format!("{name}.c");
    edit(c_headers().join("../examples").join(&source), edits);
    edit(c_headers().join("auricle.h"), header_edits);
    let library = folder.join(format!("lib{name}.so"));
    compile_engine(&folder.join(source), folder, &library);
    library
}
