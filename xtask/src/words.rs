//! Finds names and phrases that this repository has replaced: `cargo xtask words`.
//!
//! They have another meaning in a speech server, or only their author understands them. ARCHITECTURE.md has the
//! glossary.

use crate::run::{Done, root};
use std::{fs, path::Path, process::Command};

/// A name or phrase, where it is not allowed, and its replacement. A name matches as a whole word.
struct Replaced {
    text: &'static str,
    /// Beginnings of paths.
    places: &'static [&'static str],
    instead: &'static str,
}

const RUST: &[&str] = &["bench/src/", "host/", "plugin-kit/", "plugin-test/", "plugins/", "tests/", "xtask/"];
const ALL: &[&str] = &[""];

const fn name(text: &'static str, instead: &'static str) -> Replaced {
    Replaced { text, places: RUST, instead }
}

const fn phrase(text: &'static str, instead: &'static str) -> Replaced {
    Replaced { text, places: ALL, instead }
}

const REPLACED: &[Replaced] = &[
    Replaced { text: "Voice", places: &["host/"], instead: "EngineSession" },
    Replaced { text: "Runtime", places: &["host/stream/", "host/session/"], instead: "ModelScheduler" },
    Replaced { text: "apart", places: &["host/stream/src/scheduler.rs"], instead: "dedicated" },
    Replaced { text: "hear", places: &["host/stream/"], instead: "process" },
    Replaced { text: "sentence", places: &["host/engines/"], instead: "kill_reason" },
    Replaced { text: "nowhere", places: &["host/engines/"], instead: "unsupported" },
    name("struct Place", "what it is: Permit, Destination, ..."),
    name("enum Place", "what it is: FaultPoint, TextMatch, ..."),
    name("Scene", "CallContext"),
    name("Past", "ReplayBuffer"),
    name("Again", "ReplayFilter"),
    name("Rerun", "ReplayPlan"),
    name("Trouble", "an error type named by what failed"),
    name("hear_together", "process_batch"),
    name("HearTogether", "ProcessBatch"),
    name("Shop", "ProcessorTable"),
    name("Hired", "ProcessorEntry"),
    name("Happening", "EngineEvent"),
    name("Life", "WorkerMonitor"),
    name("Roster", "StreamRegistry"),
    name("Ticket", "StreamLease"),
    name("struct Door", "Connector"),
    name("struct Take", "StreamRun"),
    name("struct Turn", "BatchEntry"),
    phrase("What is fetched is said", "Downloads are logged"),
    phrase("read whatever becomes of its events", "reads never block on writes"),
    phrase("whatever becomes of", "regardless of"),
    phrase("puts right what it can", "sanitises what it can"),
    phrase("made cheaper", "optimized"),
    phrase("cheaper form", "optimization"),
    phrase("/// Of one stream.", "what it is: a per-stream inbox"),
];

/// Fails if one of them is in a file under version control.
pub(crate) fn words() -> Done {
    let list = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output();
    let list = list.map_err(|problem| format!("git ls-files: {problem}"))?;
    let mut found = Vec::new();
    for path in String::from_utf8_lossy(&list.stdout).split('\0').filter(|path| is_text(path)) {
        let Ok(text) = fs::read_to_string(root().join(path)) else { continue };
        found.extend(look(path, &text));
    }
    if found.is_empty() { Ok(()) } else { Err(format!("words that were replaced are back:\n{}", found.join("\n"))) }
}

/// Whether the file is text, except for this list, the kept versions of the API, and the changelog.
fn is_text(path: &str) -> bool {
    let kept = ["tests/abi/1.0/", "tests/abi/2.0/", "xtask/src/words.rs", "CHANGELOG.md", "fuzz/seeds/"];
    let kind = Path::new(path).extension().and_then(|kind| kind.to_str()).unwrap_or_default();
    ["rs", "md", "toml", "yaml"].contains(&kind) && !kept.iter().any(|start| path.starts_with(start))
}

fn look(path: &str, text: &str) -> Vec<String> {
    let replaced = || REPLACED.iter().filter(|word| word.places.iter().any(|place| path.starts_with(place)));
    let lines = text.lines().enumerate();
    lines
        .flat_map(|(number, line)| {
            let here = replaced().filter(|word| has(line, word.text));
            here.map(move |Replaced { text, instead, .. }| format!("{path}:{}: `{text}`: write {instead}", number + 1))
        })
        .collect()
}

/// Whether the line contains the text as a whole word.
fn has(line: &str, text: &str) -> bool {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(text)
        .any(|(at, text)| !part(line[..at].chars().next_back()) && !part(line[at + text.len()..].chars().next()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_words_are_found_where_they_must_not_be() {
        assert_eq!(
            look("host/stream/src/a.rs", "let voice: Voice = x;\nVoices"),
            ["host/stream/src/a.rs:1: `Voice`: write EngineSession"]
        );
        assert_eq!(look("plugin-kit/src/vad.rs", "enum Voice {}"), [""; 0]);
        assert_eq!(look("README.md", "It puts right what it can.").len(), 1);
    }
}
