//! Transcripts of recordings: of this program or of any other, as lines of JSON.

use super::{Recording, Timing};
use auricle_core::{
    text_file,
    wording::{ParseError, from_json},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

/// The text that was recognized in a recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Transcript {
    /// The recording's file name.
    pub(super) recording: String,
    /// Length of the silence before the recording, in seconds.
    #[serde(default)]
    pub(super) lead_silence: f64,
    pub(super) text: String,
    /// How long it took, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) timing: Option<Timing>,
}

/// A file of transcripts cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum TranscriptsError {
    #[error("{}: {error}", .file.display())]
    Read { file: PathBuf, error: io::Error },
    #[error("{}, line {line}: {error}", .file.display())]
    Parse { file: PathBuf, line: usize, error: ParseError },
    #[error("{}, line {line}: {what}", .file.display())]
    Line { file: PathBuf, line: usize, what: String },
    #[error("{system}: has no transcript of `{recording}`{}", silence(*.lead_silence))]
    Missing { system: String, recording: String, lead_silence: f64 },
    #[error("{}: {error}", .file.display())]
    Write { file: PathBuf, error: io::Error },
}

/// Names a length of silence before a recording.
pub(super) fn silence(seconds: f64) -> String {
    if seconds == 0.0 { String::new() } else { format!(" after {seconds} s of silence") }
}

impl Transcript {
    /// What tells a transcript from the others, in milliseconds.
    pub(super) fn key(&self) -> (String, u64) {
        (self.recording.clone(), (self.lead_silence * 1e3).round() as u64)
    }
}

/// Reads the transcripts of these recordings; there must be one of each, and may be others.
pub(super) fn read(file: &Path, recordings: &[Recording]) -> Result<Vec<Transcript>, TranscriptsError> {
    let text = text_file::read(file).map_err(|error| TranscriptsError::Read { file: file.to_owned(), error })?;
    let (mut transcripts, mut keys) = (Vec::new(), BTreeSet::new());
    for (line, text) in (1..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty()) {
        let transcript: Transcript =
            from_json(text).map_err(|error| TranscriptsError::Parse { file: file.to_owned(), line, error })?;
        let refuse = |what| Err(TranscriptsError::Line { file: file.to_owned(), line, what });
        if !(0.0..=60.0).contains(&transcript.lead_silence) {
            return refuse("`lead_silence` must be from 0 to 60".to_owned());
        }
        if !keys.insert(transcript.key()) {
            let Transcript { recording, lead_silence, .. } = transcript;
            return refuse(format!("there are two transcripts of `{recording}`{}", silence(lead_silence)));
        }
        if recordings.iter().any(|recording| recording.name == transcript.recording) {
            transcripts.push(transcript);
        }
    }
    match recordings.iter().find(|recording| transcripts.iter().all(|one| one.recording != recording.name)) {
        None => Ok(transcripts),
        Some(Recording { name, .. }) => {
            let system = file.display().to_string();
            Err(TranscriptsError::Missing { system, recording: name.clone(), lead_silence: 0.0 })
        }
    }
}

/// Writes transcripts.
pub(super) fn write(file: &Path, transcripts: &[Transcript]) -> Result<(), TranscriptsError> {
    let write = || {
        let mut lines = String::new();
        for transcript in transcripts {
            lines.push_str(&serde_json::to_string(transcript)?);
            lines.push('\n');
        }
        fs::write(file, lines)
    };
    write().map_err(|error| TranscriptsError::Write { file: file.to_owned(), error })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording(name: &str) -> Recording {
        Recording { name: name.into(), path: name.into(), said: String::new() }
    }

    #[test]
    fn what_is_written_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("texts.jsonl");
        let took = Timing { audio_seconds: 1.5, wall_seconds: 0.25, delay_ms: 3.0 };
        let of = |lead_silence, timing| Transcript {
            recording: "a.wav".into(),
            lead_silence,
            text: "Ä\n\"b\"".into(),
            timing,
        };
        let written = [of(0.0, None), of(0.1, Some(took))];
        write(&file, &written).unwrap();
        assert_eq!(read(&file, &[recording("a.wav")]).unwrap(), written);
        let error = read(&file, &[recording("a.wav"), recording("b.wav")]).unwrap_err();
        assert!(error.to_string().ends_with("texts.jsonl: has no transcript of `b.wav`"), "{error}");
    }

    #[test]
    fn the_line_that_is_wrong_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("texts.jsonl");
        let good = r#"{"recording": "a.wav", "text": ""}"#;
        for (line, what) in [
            ("x", "line 2: not JSON"),
            (r#"{"recording": "a.wav"}"#, "line 2: the field `text` is missing"),
            (r#"{"recording": "a.wav", "text": "", "lead_silence": -1}"#, "`lead_silence` must be from 0 to 60"),
            (good, "line 2: there are two transcripts of `a.wav`"),
        ] {
            fs::write(&file, format!("{good}\n{line}\n")).unwrap();
            let error = read(&file, &[recording("a.wav")]).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
    }
}
