//! The words that are said in a recording, with their times.

use auricle_core::word_errors::words;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// A file of labels cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LabelsError {
    /// It cannot be read.
    #[error("{}: {error}", .file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The cause.
        error: io::Error,
    },
    /// A line is not a label.
    #[error("{}: line {line} is not a start and an end in seconds and a word, with tabs between them", .file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// Its number, from 1.
        line: usize,
    },
    /// It has no words.
    #[error("{}: there are no words in it", .0.display())]
    Empty(PathBuf),
    /// There are not as many files as recordings.
    #[error(
        "{labels} files of labels were given for {recordings} recordings; each recording needs one, in the same order"
    )]
    Number {
        /// The files of labels.
        labels: usize,
        /// The recordings.
        recordings: usize,
    },
}

/// A word that is said.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Label {
    /// In lower case, without punctuation.
    pub(super) text: String,
    /// Its end, in seconds of the recording.
    pub(super) end: f64,
}

/// Reads labels in Audacity's format: lines with a start, an end, and a word.
///
/// # Errors
/// See [`LabelsError`].
pub(super) fn read(file: &Path) -> Result<Vec<Label>, LabelsError> {
    let text = fs::read_to_string(file).map_err(|error| LabelsError::Read { file: file.to_owned(), error })?;
    let mut labels = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let problem = || LabelsError::Line { file: file.to_owned(), line: number };
        let mut fields = line.splitn(3, '\t');
        let seconds = |field: Option<&str>| field.and_then(|field| field.trim().parse::<f64>().ok());
        let (Some(start), Some(end), Some(word)) = (seconds(fields.next()), seconds(fields.next()), fields.next())
        else {
            return Err(problem());
        };
        if !(0.0 <= start && start <= end && end.is_finite()) {
            return Err(problem());
        }
        labels.extend(words(word).into_iter().map(|text| Label { text, end }));
    }
    if labels.is_empty() { Err(LabelsError::Empty(file.to_owned())) } else { Ok(labels) }
}

/// The labels of a recording of `seconds`, of which the first `length` seconds are sent; it begins again if it is shorter.
pub(super) fn repeated(labels: &[Label], seconds: f64, length: f64) -> Vec<Label> {
    let rounds = (length / seconds).ceil() as usize;
    let shifted = (0..rounds).flat_map(|round| {
        let later = round as f64 * seconds;
        labels.iter().map(move |label| Label { text: label.text.clone(), end: label.end + later })
    });
    shifted.filter(|label| label.end <= length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(labels: &[(f64, &str)]) -> Vec<Label> {
        labels.iter().map(|(end, text)| Label { text: (*text).to_owned(), end: *end }).collect()
    }

    #[test]
    fn a_recording_that_begins_again_says_its_words_again() {
        let again = repeated(&labels(&[(1.0, "one"), (2.0, "two")]), 2.5, 6.5);
        assert_eq!(again, labels(&[(1.0, "one"), (2.0, "two"), (3.5, "one"), (4.5, "two"), (6.0, "one")]));
    }

    #[test]
    fn labels_are_read_and_what_is_not_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let read = |text: &str| {
            let file = folder.path().join("talk.labels");
            fs::write(&file, text).unwrap();
            read(&file)
        };
        assert_eq!(
            read("0.1\t0.5\tWell-known\n1\t2\tman.\n").unwrap(),
            labels(&[(0.5, "well"), (0.5, "known"), (2.0, "man")])
        );
        for (text, line) in [("0.1\t0.5\tone\n0.5 0.9 two", 2), ("1\t0.5\tone", 1), ("0\tinf\tone", 1)] {
            assert!(matches!(read(text), Err(LabelsError::Line { line: at, .. }) if at == line), "{text}");
        }
        assert!(read("").unwrap_err().to_string().ends_with("talk.labels: there are no words in it"));
    }
}
