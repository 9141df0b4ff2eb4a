//! Finds cycles of files: `cargo xtask cycles`.
//!
//! A file depends on another if it imports or names something that is defined there. A `pub use` that only passes a
//! name on is no dependency; a file that uses the name depends on the file with the definition. The files of a cycle
//! cannot be understood or moved separately: two files may form one, more are too many. Crates cannot form cycles, so
//! each crate is checked separately.

mod said;
mod tree;

use crate::run::{Done, root};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};
use tree::Tree;

/// Maximum number of files in a cycle.
const MOST: usize = 2;

/// Dependencies between two files, each with a path in the code that causes it.
type Arrows = BTreeMap<(PathBuf, PathBuf), String>;

/// Files that depend on one another, directly or not.
type Cycle = BTreeSet<PathBuf>;

/// Looks for cycles in the crates under `host/`; fails if one is too large.
pub(crate) fn cycles() -> Done {
    let host = root().join("host");
    let mut arrows = Arrows::new();
    for package in packages(&host).map_err(|error| format!("{}: {error}", host.display()))? {
        arrows.extend(needs(&host, &package.join("src"))?);
    }
    let cycles = components(&arrows);
    match cycles.first() {
        None => eprintln!("xtask: no cycle of files under host/"),
        Some(largest) => {
            eprintln!("xtask: largest cycle of files under host/: {} ({})", largest.len(), names(largest));
        }
    }
    refuse_knots(&cycles, &arrows)
}

/// The folders of crates: `host` and those in it.
fn packages(host: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut folders = vec![host.to_owned()];
    for entry in fs::read_dir(host)? {
        folders.push(entry?.path());
    }
    folders.retain(|folder| folder.join("Cargo.toml").is_file() && folder.join("src").is_dir());
    folders.sort();
    Ok(folders)
}

/// The dependencies between a crate's files. The names are relative to `base`.
fn needs(base: &Path, src: &Path) -> Done<Arrows> {
    let mut arrows = Arrows::new();
    for file in ["lib.rs", "main.rs"].map(|name| src.join(name)).iter().filter(|file| file.is_file()) {
        let tree = Tree::read(file)?;
        let name = |file: usize| {
            let file = &tree.files[file];
            file.strip_prefix(base).unwrap_or(file).to_owned()
        };
        for ((from, to), path) in tree.arrows() {
            arrows.entry((name(from), name(to))).or_insert(path);
        }
    }
    Ok(arrows)
}

/// The cycles, largest first: sets of files in which each can be reached from every other.
fn components(arrows: &Arrows) -> Vec<Cycle> {
    let mut next = BTreeMap::<&Path, Vec<&Path>>::new();
    for (from, to) in arrows.keys() {
        next.entry(from).or_default().push(to);
    }
    let reached: BTreeMap<&Path, _> = next.keys().map(|file| (*file, reach(file, &next))).collect();
    let back = |from: &Path, to: &Path| reached.get(from).is_some_and(|reached| reached.contains(to));
    let cycle = |file: &Path| -> Cycle {
        let others = reached[file].iter().filter(|other| back(other, file));
        others.map(|other| (*other).to_owned()).collect()
    };
    let distinct: BTreeSet<Cycle> = reached.keys().map(|file| cycle(file)).filter(|cycle| !cycle.is_empty()).collect();
    let mut cycles: Vec<_> = distinct.into_iter().collect();
    cycles.sort_by_key(|cycle| Reverse(cycle.len()));
    cycles
}

/// The files that can be reached from a file, including itself if it is in a cycle.
fn reach<'a>(from: &'a Path, next: &BTreeMap<&'a Path, Vec<&'a Path>>) -> BTreeSet<&'a Path> {
    let (mut seen, mut left) = (BTreeSet::new(), vec![from]);
    while let Some(file) = left.pop() {
        left.extend(next.get(file).into_iter().flatten().filter(|file| seen.insert(**file)));
    }
    seen
}

/// Fails if a cycle has too many files, and lists their dependencies.
fn refuse_knots(cycles: &[Cycle], arrows: &Arrows) -> Done {
    let mut list = String::new();
    for cycle in cycles.iter().filter(|cycle| cycle.len() > MOST) {
        // Writing to a String cannot fail.
        let _ = write!(list, "\n{} files need one another ({}):", cycle.len(), names(cycle));
        for ((from, to), path) in arrows.iter().filter(|((from, to), _)| cycle.contains(from) && cycle.contains(to)) {
            let _ = write!(list, "\n  {} -> {}, for {path}", from.display(), to.display());
        }
    }
    if list.is_empty() {
        return Ok(());
    }
    Err(format!(
        "more than {MOST} files under host/ need one another; move what they share to a file that depends on none of them{list}"
    ))
}

fn names(cycle: &Cycle) -> String {
    let names: Vec<_> = cycle.iter().map(|file| file.display().to_string()).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The dependencies between the files of a crate, as `from -> to` without `.rs`.
    fn arrows(files: &[(&str, &str)]) -> Arrows {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let file = dir.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        needs(dir.path(), dir.path()).unwrap()
    }

    fn told(arrows: &Arrows) -> Vec<String> {
        let arrow =
            |(from, to): &(PathBuf, PathBuf)| format!("{} -> {}", from.display(), to.display()).replace(".rs", "");
        let mut told: Vec<_> = arrows.keys().map(arrow).collect();
        told.sort();
        told
    }

    #[test]
    fn imports_lead_to_the_file_that_defines() {
        let found = arrows(&[
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", "use crate::{b::{One, inner::{self, Two as Other}}, c::*}; fn f(_: Three) { inner::four() }"),
            ("b.rs", "pub struct One; pub mod inner;"),
            ("b/inner.rs", "use super::One; pub struct Two; pub fn four() {}"),
            ("c.rs", "pub struct Three;"),
        ]);
        assert_eq!(told(&found), ["a -> b", "a -> b/inner", "a -> c", "b/inner -> b"]);
    }

    #[test]
    fn a_name_that_is_passed_on_leads_to_its_origin() {
        let found = arrows(&[
            ("lib.rs", "mod stream; mod user;"),
            (
                "stream.rs",
                "mod event; mod session; pub use event::*; pub(crate) use session::{Session as Stream, session};",
            ),
            ("stream/event.rs", "pub struct Event;"),
            ("stream/session.rs", "use super::Event; pub struct Session(Event); pub fn session() {}"),
            ("user.rs", "use crate::stream::{self, Stream}; fn f(_: Stream, _: stream::Event) { stream::session() }"),
        ]);
        assert_eq!(told(&found), ["stream/session -> stream/event", "user -> stream/event", "user -> stream/session"]);
    }

    #[test]
    fn what_is_another_file_on_another_system_leads_to_both() {
        let found = arrows(&[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::Thing;"),
            (
                "b.rs",
                "mod c; #[cfg(not(unix))] mod d; #[cfg(unix)] pub use c::Thing; #[cfg(not(unix))] pub use d::Thing;",
            ),
            ("b/c.rs", "pub struct Thing;"),
            ("b/d.rs", "pub struct Thing;"),
        ]);
        assert_eq!(told(&found), ["a -> b/c", "a -> b/d"]);
    }

    #[test]
    fn who_passes_a_name_on_and_says_it_needs_it() {
        let found =
            arrows(&[("lib.rs", "mod a; pub use a::A; pub struct B(A);"), ("a.rs", "use super::B; pub struct A;")]);
        assert_eq!(told(&found), ["a -> lib", "lib -> a"]);
    }

    #[test]
    fn paths_count_wherever_they_are_said_but_not_in_comments_texts_and_tests() {
        let found = arrows(&[
            ("lib.rs", "mod a; mod b; mod c; mod d; mod e; mod tests;"),
            (
                "a.rs",
                r#"// crate::e::E
                /// See [`crate::e::E`].
                fn f() -> crate::b::B { println!("crate::e::E {:?}", [crate::c::C]); loop { use super::d::D; } }
                #[cfg(test)]
                use crate::e::E;
                #[cfg(test)]
                mod tests { use crate::e::E; }
                "#,
            ),
            ("b.rs", "pub struct B;"),
            ("c.rs", "pub const C: u8 = 0;"),
            ("d.rs", "pub trait D {}"),
            ("e.rs", "pub struct E;"),
            ("tests.rs", "use crate::e::E;"),
        ]);
        assert_eq!(told(&found), ["a -> b", "a -> c", "a -> d"]);
    }

    #[test]
    fn a_cycle_of_two_is_let_be_and_one_of_three_is_told_with_its_arrows() {
        let mut files = vec![
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", "use crate::b::B; pub struct A;"),
            ("b.rs", "use crate::a::A; use crate::c::C; pub struct B;"),
            ("c.rs", "pub struct C;"),
        ];
        let two = arrows(&files);
        let cycles = components(&two);
        assert_eq!(cycles.iter().map(names).collect::<Vec<_>>(), ["a.rs, b.rs"]);
        refuse_knots(&cycles, &two).unwrap();
        files[3].1 = "pub struct C(crate::a::A);";
        let three = arrows(&files);
        let problem = refuse_knots(&components(&three), &three).unwrap_err();
        assert!(problem.contains("3 files need one another (a.rs, b.rs, c.rs)"), "{problem}");
        assert!(problem.contains("c.rs -> a.rs, for crate::a::A"), "{problem}");
    }

    #[test]
    fn every_crate_of_a_family_is_found() {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["", "core", "stream", "docs"] {
            fs::create_dir_all(dir.path().join(folder).join("src")).unwrap();
        }
        for folder in ["core", "stream"] {
            fs::write(dir.path().join(folder).join("Cargo.toml"), "").unwrap();
        }
        assert_eq!(packages(dir.path()).unwrap(), [dir.path().join("core"), dir.path().join("stream")]);
        fs::write(dir.path().join("Cargo.toml"), "").unwrap();
        assert_eq!(packages(dir.path()).unwrap().len(), 3);
    }
}
