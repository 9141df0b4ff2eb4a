//! Tests that this machine cannot run.
//!
//! Cargo hides the output of tests that pass. So that a skipped test is not taken for a passed one, it is also listed in the
//! file that `AURICLE_SKIPPED` names, if it is set.

use std::{env, fmt::Display, fs::OpenOptions, io::Write, thread};

/// Reports that the current test is skipped, and why. The test then returns.
///
/// # Panics
/// If the file cannot be written.
pub fn skip(reason: impl Display) {
    let current = thread::current();
    let line = format!("{}: {reason}", current.name().unwrap_or("a test"));
    println!("skipped {line}");
    if let Some(file) = env::var_os("AURICLE_SKIPPED") {
        // One call, so that lines of tests in parallel do not mix.
        let opened = OpenOptions::new().append(true).create(true).open(file);
        opened
            .and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()))
            .expect("AURICLE_SKIPPED is writable");
    }
}
