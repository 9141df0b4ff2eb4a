//! The files of a project, made from templates, and the kinds of projects.
//!
//! Invariant: a template is a valid file of an engine `my-engine`, with the library or module `my_engine`. Lines that mark
//! passages for the authors' book (`ANCHOR`) are left out.

use super::{name::Name, recording};

/// What a recogniser needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Little audio at a time; it keeps a state between the calls.
    Streaming,
    /// A buffer with the whole audio of a text, as Whisper does.
    Buffer,
}

/// A project that is to be written.
pub(super) struct Project {
    name: Name,
    /// The name of its library or module.
    identifier: String,
    files: Vec<(String, Vec<u8>)>,
    /// What its author enters next.
    pub(super) commands: Vec<String>,
}

impl Project {
    /// A project without files yet, with this library or module.
    pub(super) fn empty(name: &Name, identifier: String) -> Self {
        Self { name: name.clone(), identifier, files: Vec::new(), commands: Vec::new() }
    }

    /// A project of an engine, with the files that all of them have.
    pub(super) fn new(name: &Name, identifier: String) -> Self {
        let (recording, text) = (recording::wav(), recording::TEXT.as_bytes().to_vec());
        let files = vec![("audio/keys.wav".to_owned(), recording), ("audio/keys.txt".to_owned(), text)];
        Self { files, ..Self::empty(name, identifier) }
    }

    /// Adds a file. Path and text are templates.
    #[must_use]
    pub(super) fn file(mut self, path: &str, text: &str) -> Self {
        let text: String = text.split_inclusive('\n').filter(|line| !line.contains("ANCHOR")).collect();
        self.files.push((self.named(path), self.named(&text).into_bytes()));
        self
    }

    /// Adds a command, a template.
    #[must_use]
    pub(super) fn command(mut self, command: &str) -> Self {
        self.commands.push(format!("  {}", self.named(command)));
        self
    }

    /// Paths and contents.
    pub(super) fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
    }

    fn named(&self, template: &str) -> String {
        template.replace("my-engine", self.name.as_str()).replace("my_engine", &self.identifier)
    }
}
