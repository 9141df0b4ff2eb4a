//! Runs every target over the kept inputs, so that a fixed finding stays fixed.

use crate::TARGETS;
use std::{fs, path::Path, process::Command};

#[test]
fn kept_inputs_pass() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (name, target) in TARGETS {
        let seeds = run(&fuzz.join("seeds").join(name), target);
        assert!(seeds > 0, "{name} has no seeds");
        run(&fuzz.join("findings").join(name), target);
        let corpus = tempfile::tempdir().unwrap();
        let packed = fuzz.join("corpus").join(format!("{name}.tar.gz"));
        let unpacked = Command::new("tar").arg("-xzf").arg(&packed).arg("-C").arg(corpus.path()).status().unwrap();
        assert!(unpacked.success() && run(corpus.path(), target) > 0, "{}", packed.display());
        target(&[]);
    }
}

/// Runs a target over the files of a folder; returns their number.
fn run(folder: &Path, target: fn(&[u8])) -> usize {
    let files = fs::read_dir(folder).into_iter().flatten();
    files
        .map(|file| {
            let file = file.unwrap().path();
            // Shown if the target panics.
            println!("{}", file.display());
            target(&fs::read(file).unwrap());
        })
        .count()
}
