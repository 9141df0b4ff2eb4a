//! Reads a journal, also while the server writes it.

use super::{Line, Start, is_session};
use auricle_core::times::seconds;
use auricle_plugin_api::Segment;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

/// The file of one session.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Session {
    /// The first line.
    #[serde(flatten)]
    pub start: Start,
    /// The segments of the last epoch, in order.
    pub segments: Vec<SessionText>,
    /// `done` or the code of a failure; `None` if the server died or the session is open.
    pub outcome: Option<String>,
}

/// A segment in the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionText {
    /// The channel, from 0, if each has a transcript.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<u16>,
    /// The start, in seconds.
    pub start: f64,
    /// The end, in seconds.
    pub end: f64,
    /// The recognized text.
    pub text: String,
    /// The confidence, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
    /// The language, a BCP 47 tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

impl SessionText {
    pub(super) fn new(channel: Option<u16>, segment: &Segment, rate: u32) -> Self {
        Self {
            channel,
            start: seconds(segment.start, rate),
            end: seconds(segment.end, rate),
            text: segment.text().into_owned(),
            confidence: segment.confidence,
            language: segment.language.clone(),
        }
    }
}

impl Session {
    /// The texts of all segments, joined by the separator. If each channel has a transcript, each is a line that begins with the
    /// number of the channel.
    pub fn text(&self) -> String {
        let text_of = |channel| {
            let of_channel = self.segments.iter().filter(|segment| segment.channel == channel);
            let texts: Vec<_> = of_channel.map(|segment| segment.text.as_str()).collect();
            texts.join(&self.start.separator)
        };
        let channels: BTreeSet<_> = self.segments.iter().filter_map(|segment| segment.channel).collect();
        if channels.is_empty() {
            return text_of(None);
        }
        let lines: Vec<_> = channels.iter().map(|channel| format!("{channel}: {}", text_of(Some(*channel)))).collect();
        lines.join("\n")
    }
}

/// The files of a journal, oldest first.
///
/// # Errors
/// The directory cannot be read.
pub fn list(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths: Vec<_> =
        fs::read_dir(dir)?.flatten().map(|entry| entry.path()).filter(|path| is_session(path)).collect();
    paths.sort();
    Ok(paths)
}

/// Reads a session file. Ignores an incomplete last line, which a crash of the machine can leave, and unknown kinds of
/// lines, which a later version may write.
///
/// # Errors
/// The file cannot be read, or its first line is not a `start`.
pub fn read(path: &Path) -> io::Result<Session> {
    let bytes = fs::read(path)?;
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
    let first = lines.next().and_then(|line| serde_json::from_slice(line).ok());
    let Some(Line::Start(start)) = first else {
        let problem = format!("{}: not a journal file", path.display());
        return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
    };
    let mut session = Session { start, segments: Vec::new(), outcome: None };
    for line in lines.filter_map(|line| serde_json::from_slice(line).ok()) {
        match line {
            Line::Segment(segment) => session.segments.push(segment),
            Line::Reset { .. } => session.segments.clear(),
            Line::End { outcome } => session.outcome = Some(outcome),
            Line::Start(_) => {}
        }
    }
    Ok(session)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FILE: &str = r#"{"type":"start","stream":"a1","preset":"p","backend":"b","key":null,"time":"2026-01-01T00:00:00Z","separator":" "}
{"type":"segment","start":0.0,"end":1.0,"text":"one"}
{"type":"reset","epoch":1}
{"type":"segment","start":0.0,"end":1.5,"text":"two","language":"en"}
{"type":"unheard_of"}
{"type":"segment","start":1.5,"end":2.0,"text":"three"}
{"type":"end","outcome":"done"}
"#;

    fn parse(bytes: &[u8]) -> io::Result<Session> {
        let file = tempfile::NamedTempFile::new()?;
        fs::write(file.path(), bytes)?;
        read(file.path())
    }

    #[test]
    fn a_session_is_read_back() {
        let session = parse(FILE.as_bytes()).unwrap();
        assert_eq!((session.text().as_str(), session.outcome.as_deref()), ("two three", Some("done")));
        let cut = parse(&FILE.as_bytes()[..FILE.len() - 30]).unwrap();
        assert_eq!((cut.text().as_str(), cut.outcome), ("two three", None));
        assert!(parse(b"").is_err() && parse(b"hello\n").is_err());
    }

    #[test]
    fn each_channel_has_a_line() {
        let segment =
            |channel, text| format!(r#"{{"type":"segment","channel":{channel},"start":0,"end":1,"text":"{text}"}}"#);
        let start = FILE.lines().next().unwrap();
        let file = [start, &segment(1, "yes"), &segment(0, "is it"), &segment(1, "it is"), ""].join("\n");
        assert_eq!(parse(file.as_bytes()).unwrap().text(), "0: is it\n1: yes it is");
    }

    proptest! {
        #[test]
        fn damaged_files_never_panic(cut in 0usize..700, at in 0usize..700, value in any::<u8>()) {
            let mut bytes = FILE.as_bytes().to_vec();
            bytes.truncate(cut);
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
            let _ = parse(&bytes);
        }
    }
}
