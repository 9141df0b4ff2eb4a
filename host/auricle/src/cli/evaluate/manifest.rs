//! Manifests: lists of recordings with their texts, as lines of JSON (as NeMo has them) or as tab-separated values.
//!
//! Paths are relative to the manifest's folder.

use super::{Recording, RecordingsError};
use auricle_core::{text_file, wording::from_json};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Names of the columns that have the path, and the text. Corpora differ.
const PATHS: [&str; 4] = ["audio_filepath", "path", "audio", "file"];
const TEXTS: [&str; 3] = ["text", "sentence", "transcript"];

/// A line of JSON. Other fields, such as `duration`, are ignored.
#[derive(Deserialize)]
struct Entry {
    audio_filepath: PathBuf,
    text: String,
    /// Start of the part that is meant, in seconds.
    #[serde(default)]
    offset: f64,
}

/// Whether a file is a manifest, by its name.
pub(super) fn is_manifest(path: &Path) -> bool {
    path.extension().and_then(|extension| extension.to_str()).is_some_and(|extension| {
        ["json", "jsonl", "ndjson", "tsv"].iter().any(|known| extension.eq_ignore_ascii_case(known))
    })
}

/// Reads a manifest.
pub(super) fn read(path: &Path) -> Result<Vec<Recording>, RecordingsError> {
    let text = text_file::read(path).map_err(|error| RecordingsError::Read { path: path.to_owned(), error })?;
    let is_tsv = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tsv"));
    let found = if is_tsv { from_columns(path, &text) } else { from_lines(path, &text) }?;
    if found.is_empty() {
        return Err(RecordingsError::Empty(path.to_owned()));
    }
    Ok(found)
}

fn from_lines(manifest: &Path, text: &str) -> Result<Vec<Recording>, RecordingsError> {
    let mut found = Vec::new();
    for (line, text) in lines(text) {
        let entry: Entry =
            from_json(text).map_err(|error| RecordingsError::Parse { manifest: manifest.to_owned(), line, error })?;
        if entry.offset != 0.0 {
            let what = "`offset` is not 0: parts of recordings cannot be evaluated; cut them out first";
            return Err(RecordingsError::Line { manifest: manifest.to_owned(), line, what });
        }
        found.push(recording(manifest, &entry.audio_filepath, entry.text));
    }
    Ok(found)
}

fn from_columns(manifest: &Path, text: &str) -> Result<Vec<Recording>, RecordingsError> {
    let mut lines = lines(text).peekable();
    let (mut path_column, mut text_column) = (0, 1);
    if let Some((_, head)) = lines.peek() {
        let place = |names: &[&str]| head.split('\t').position(|name| names.contains(&name.trim()));
        if let (Some(path), Some(text)) = (place(&PATHS), place(&TEXTS)) {
            (path_column, text_column) = (path, text);
            lines.next();
        }
    }
    let mut found = Vec::new();
    for (line, text) in lines {
        let fields: Vec<_> = text.split('\t').collect();
        let (Some(path), Some(text)) = (fields.get(path_column), fields.get(text_column)) else {
            let what = "must have the path of a recording, a tab, and its text";
            return Err(RecordingsError::Line { manifest: manifest.to_owned(), line, what });
        };
        found.push(recording(manifest, Path::new(path.trim()), (*text).to_owned()));
    }
    Ok(found)
}

/// The lines that are not empty, with their numbers.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty())
}

fn recording(manifest: &Path, path: &Path, said: String) -> Recording {
    let folder = manifest.parent().unwrap_or(Path::new(""));
    Recording { name: path.display().to_string(), path: folder.join(path), said }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn read_as(name: &str, text: &str) -> Result<Vec<(String, String)>, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        let found = read(&file).map_err(|error| error.to_string())?;
        assert!(found.iter().all(|one| one.path == folder.path().join(&one.name)));
        Ok(found.into_iter().map(|one| (one.name, one.said)).collect())
    }

    #[test]
    fn every_kind_of_manifest_is_read() {
        let json = "{\"audio_filepath\": \"a/1.wav\", \"duration\": 2.5, \"text\": \"one\"}\n\n\
                    {\"audio_filepath\": \"a/2.wav\", \"offset\": 0, \"text\": \"two, too\"}\n";
        let expected = [("a/1.wav", "one"), ("a/2.wav", "two, too")].map(|(name, said)| (name.into(), said.into()));
        assert_eq!(read_as("m.jsonl", json).unwrap(), expected);
        assert_eq!(read_as("m.json", json).unwrap(), expected);
        assert_eq!(read_as("m.tsv", "a/1.wav\tone\na/2.wav\ttwo, too\n").unwrap(), expected);
        let common_voice = "client_id\tpath\tsentence\tage\nx\ta/1.wav\tone\t\ny\ta/2.wav\ttwo, too\t30\n";
        assert_eq!(read_as("M.TSV", common_voice).unwrap(), expected);
        assert!(is_manifest(Path::new("M.JSONL")) && !is_manifest(Path::new("talk.wav")));
    }

    #[test]
    fn the_line_that_is_wrong_is_named() {
        for (name, text, problem) in [
            ("m.jsonl", "{}", "m.jsonl, line 1: the field `audio_filepath` is missing"),
            ("m.jsonl", "\n[1]", "m.jsonl, line 2: "),
            ("m.jsonl", "{\"audio_filepath\": \"a\", \"text\": \"\", \"offset\": 1}", "line 1: `offset` is not 0"),
            ("m.tsv", "a.wav\tone\nb.wav two", "m.tsv, line 2: must have the path of a recording, a tab, and its text"),
            ("m.tsv", "path\ttext\n", "m.tsv: the manifest lists no recordings"),
        ] {
            let error = read_as(name, text).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
    }
}
