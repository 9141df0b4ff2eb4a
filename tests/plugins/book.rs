//! The authors' book: its examples run, and everything that its chapters include and link to exists.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The examples. Each has a test of its own.
macro_rules! examples {
    ($($name:ident $file:literal)*) => {
        $(
            #[allow(dead_code, missing_docs, unreachable_pub, reason = "written as in a crate of its own")]
            #[path = $file]
            mod $name;
        )*
    };
}
examples! {
    batching "../../docs/book/examples/batching.rs"
    calls "../../docs/book/examples/calls.rs"
    errors "../../docs/book/examples/errors.rs"
    state "../../docs/book/examples/state.rs"
}

fn chapters() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/book/src").canonicalize().unwrap()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What stands between two marks, each time.
fn between<'a>(text: &'a str, open: &str, close: &str) -> Vec<&'a str> {
    text.split(open).skip(1).filter_map(|rest| Some(rest.split_once(close)?.0)).collect()
}

/// What is missing for `{{#include FILE:ANCHOR}}` in this folder.
fn problem(folder: &Path, include: &str) -> Option<String> {
    let (file, anchor) = include.split_once(':').map_or((include, None), |(file, anchor)| (file, Some(anchor)));
    let Ok(text) = fs::read_to_string(folder.join(file)) else { return Some(format!("there is no {file}")) };
    let ends = |line: &str, mark: &str, anchor: &str| {
        line.split_once(mark).is_some_and(|(_, name)| name.split_whitespace().next() == Some(anchor))
    };
    let anchor = anchor?;
    let found = ["ANCHOR:", "ANCHOR_END:"].map(|mark| text.lines().filter(|line| ends(line, mark, anchor)).count());
    // Without an end, the passage goes to the end of the file.
    (found[0] != 1 || found[1] > 1)
        .then(|| format!("{file} begins `{anchor}` {} times and ends it {}", found[0], found[1]))
}

/// The blocks of a chapter that no test covers: code is included; the rest are commands, which `cargo xtask book --follow`
/// runs, and what they print.
fn untested(chapter: &str) -> Vec<&str> {
    let is_covered = |block: &str| {
        let (kind, code) = block.split_once('\n').unwrap_or((block, ""));
        let is_included = code.starts_with("{{#include ") && code.lines().count() == 1;
        is_included || ["sh", "sh,server", "sh,setup", "text"].contains(&kind)
    };
    chapter.split("\n```").skip(1).step_by(2).filter(|block| !is_covered(block)).collect()
}

#[test]
fn every_include_has_its_file_and_passage() {
    let mut problems = Vec::new();
    for entry in fs::read_dir(chapters()).unwrap() {
        let path = entry.unwrap().path();
        let text = read(&path);
        let includes = between(&text, "{{#include ", "}}");
        problems.extend(
            includes
                .iter()
                .filter_map(|include| Some(format!("{}: {}", path.display(), problem(&chapters(), include)?))),
        );
        problems.extend(
            untested(&text).iter().map(|block| format!("{}: not included from a file: {block}", path.display())),
        );
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_chapter_is_listed_once_and_every_link_leads_to_one() {
    let names = |text: &str| -> Vec<String> {
        let links = between(text, "](", ")").into_iter().map(|link| link.split('#').next().unwrap_or_default());
        links.filter(|link| !link.is_empty() && !link.contains("://")).map(str::to_owned).collect()
    };
    let listed = names(&read(&chapters().join("SUMMARY.md")));
    let files: BTreeSet<String> =
        fs::read_dir(chapters()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let expected: BTreeSet<String> = listed.iter().cloned().chain(["SUMMARY.md".to_owned()]).collect();
    assert_eq!((&files, files.len()), (&expected, listed.len() + 1));
    for file in &files {
        for link in names(&read(&chapters().join(file))) {
            assert!(files.contains(&link), "{file}: there is no chapter {link}");
        }
    }
}

#[test]
fn what_is_missing_is_found() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.rs"), "// ANCHOR: one\nfn one() {}\n// ANCHOR_END: one\n").unwrap();
    assert_eq!(problem(folder.path(), "a.rs:one"), None);
    assert!(problem(folder.path(), "a.rs:three").unwrap().contains("begins `three` 0 times"));
    assert_eq!(problem(folder.path(), "b.rs:one").unwrap(), "there is no b.rs");
    let chapter = "a\n```sh\nls\n```\nb\n```rust\n{{#include a.rs}}\n```\nc\n```rust\nfn two() {}\n```\n";
    assert_eq!(untested(chapter), ["rust\nfn two() {}"]);
}
