//! The file names of a repository or folder, and what is wrong with them.
//!
//! Invariant: no name leaves its folder.

use std::collections::BTreeSet;

/// The files do not make up a model. The text continues the name of the repository or folder.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SelectionError {
    #[error("lists a file outside its folder: {name:?}; nothing was downloaded")]
    Outside { name: String },
    /// `there` lists the files of that kind.
    #[error("has no {name}, which a Whisper model needs; {there}")]
    Missing { name: &'static str, there: String },
    /// `there` lists the available precisions, or else the networks.
    #[error("has no {encoder} with a decoder, so no Whisper model {}; {there}", spoken(.precision))]
    Networks { encoder: String, precision: String, there: String },
    /// `there` lists the available precisions, or else the networks.
    #[error("has no transducer or CTC network {}; {there}", spoken(.precision))]
    Streaming { precision: String, there: String },
}

/// The file names of a repository or folder.
pub(super) struct Names<'a>(BTreeSet<&'a str>);

impl<'a> Names<'a> {
    /// Refuses a list with a name that leaves the folder.
    pub(super) fn new(names: impl IntoIterator<Item = &'a str>) -> Result<Self, SelectionError> {
        let names: BTreeSet<_> = names.into_iter().collect();
        match names.iter().find(|name| !stays_below(name)) {
            Some(name) => Err(SelectionError::Outside { name: (*name).to_owned() }),
            None => Ok(Self(names)),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &'a str> + Clone {
        self.0.iter().copied()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// A network and the files with its external weights.
    pub(super) fn with_data(&self, network: &str) -> impl Iterator<Item = String> {
        let data = self.0.iter().filter(move |name| **name == network || is_data_of(network, name));
        data.map(|name| (*name).to_owned())
    }

    /// The names with an extension, for messages.
    pub(super) fn list(&self, kind: &str, extension: &str) -> String {
        let names: Vec<_> = self.0.iter().filter(|name| name.ends_with(extension)).copied().collect();
        listed(kind, &names)
    }
}

fn spoken(precision: &str) -> String {
    if precision.is_empty() { "in full precision".to_owned() } else { format!("in precision {precision}") }
}

/// Describes the available values of `--precision`: those with a name, and the plain export. `otherwise` is used if there
/// are none.
pub(super) fn available(named: &BTreeSet<&str>, plain: bool, otherwise: impl FnOnce() -> String) -> String {
    let names = || named.iter().copied().collect::<Vec<_>>().join(", ");
    match (named.is_empty(), plain) {
        (false, true) => format!("--precision may be {}, or left out", names()),
        (false, false) => format!("--precision may be {}", names()),
        (true, true) => "only the plain export is available: omit --precision".to_owned(),
        (true, false) => otherwise(),
    }
}

/// Whether the file holds external weights of a network: `NETWORK_data`, or its parts `NETWORK_data_1` and so on.
fn is_data_of(network: &str, name: &str) -> bool {
    match name.strip_prefix(network) {
        Some("_data" | ".data") => true,
        Some(end) => end.strip_prefix("_data_").is_some_and(|part| part.parse::<u16>().is_ok()),
        None => false,
    }
}

fn stays_below(name: &str) -> bool {
    let ordinary = |part: &str| !matches!(part, "" | "." | "..");
    name.split('/').all(ordinary) && !name.contains(|letter: char| letter == '\\' || letter.is_control())
}

fn listed(what: &str, names: &[&str]) -> String {
    const MOST: usize = 12;
    match names.len() {
        0 => format!("it has no {what}"),
        count if count > MOST => format!("its {what}: {} and {} more", names[..MOST].join(", "), count - MOST),
        _ => format!("its {what}: {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_with_a_name_that_leaves_its_folder_is_refused() {
        for name in ["../x.onnx", "/etc/passwd", "onnx/../../x", "onnx//x", "", ".", "a\\..\\b", "onnx/\u{1b}[2J", "x/"]
        {
            let refusal = Names::new(["config.json", name]).err().unwrap().to_string();
            assert!(refusal.contains("outside its folder"), "{name}: {refusal}");
            assert!(!refusal.contains('\u{1b}'), "{refusal}");
        }
        assert!(Names::new(["..onnx/x..y", "a b", "é"]).is_ok());
    }
}
