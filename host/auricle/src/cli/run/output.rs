//! Prints a stream's text, as it comes; subtitles of a format that numbers them too.

use super::{RunError, RunFormat};
use auricle_core::{
    Event,
    subtitles::{srt, vtt},
    times::seconds,
};
use auricle_plugin_api::Segment;
use auricle_stream::Stream;
use serde_json::{Value, json};
use std::{
    io::{self, Write},
    sync::Arc,
};

/// Where the text goes, and in which format.
#[derive(Debug)]
pub(super) struct Output {
    format: RunFormat,
    rate: u32,
    partials: bool,
    /// For subtitles, which are printed at the end.
    segments: Vec<Segment>,
}

impl Output {
    /// `rate` is that of the model; `partials` says whether partials are printed.
    pub(super) fn new(format: RunFormat, rate: u32, partials: bool) -> Self {
        Self { format, rate, partials, segments: Vec::new() }
    }

    /// Prints the stream's text until its end. Returns the number of samples that were processed.
    ///
    /// # Errors
    /// The engine failed, or standard output cannot be written. Text from before is printed.
    pub(super) async fn print(&mut self, stream: &Arc<Stream>) -> Result<u64, RunError> {
        let mut written = Ok(());
        let end = 'stream: loop {
            for event in stream.events().await {
                match event {
                    Event::Done(samples) => break 'stream Ok(samples),
                    Event::Failed(failure) => break 'stream Err(RunError::Engine(failure.explained().to_string())),
                    Event::Segment(segment) => written = self.segment(segment),
                    Event::Partial(partial) if self.partials => written = self.partial(&partial),
                    Event::Gap(from, to) => {
                        let [from, to] = [from, to].map(|sample| seconds(sample, self.rate));
                        notice(&format!("no engine has processed the audio from {from:.1} s to {to:.1} s"));
                    }
                    _ => {}
                }
                if written.is_err() {
                    break 'stream Ok(0);
                }
            }
        };
        written.and_then(|()| self.subtitles()).map_err(RunError::Output)?;
        end
    }

    fn segment(&mut self, segment: Segment) -> io::Result<()> {
        match self.format {
            RunFormat::Text => line(&segment.text()),
            RunFormat::Jsonl => line(&self.object("segment", &segment).to_string()),
            RunFormat::Srt | RunFormat::Vtt => {
                self.segments.push(segment);
                Ok(())
            }
        }
    }

    fn partial(&self, partial: &Segment) -> io::Result<()> {
        if self.format == RunFormat::Jsonl {
            return line(&self.object("partial", partial).to_string());
        }
        notice(&format!("{} ...", partial.text()));
        Ok(())
    }

    fn subtitles(&self) -> io::Result<()> {
        match self.format {
            RunFormat::Srt => write!(io::stdout(), "{}", srt(&self.segments, self.rate)),
            RunFormat::Vtt => write!(io::stdout(), "{}", vtt(&self.segments, self.rate)),
            RunFormat::Text | RunFormat::Jsonl => Ok(()),
        }
    }

    /// A text as JSON, with the names of the native protocol.
    fn object(&self, kind: &str, segment: &Segment) -> Value {
        let time = |sample| json!(seconds(sample, self.rate));
        let (start, end) = (time(segment.start), time(segment.end));
        let mut object = json!({"type": kind, "start": start, "end": end, "text": segment.text()});
        if let Some(confidence) = segment.confidence {
            object["confidence"] = json!(confidence);
        }
        if let Some(language) = &segment.language {
            object["language"] = json!(language);
        }
        if !segment.words.is_empty() {
            let word = |word: &auricle_plugin_api::Word| {
                let mut object = json!({"start": time(word.start), "end": time(word.end), "text": word.text()});
                if let Some(confidence) = word.confidence {
                    object["confidence"] = json!(confidence);
                }
                object
            };
            object["words"] = segment.words.iter().map(word).collect();
        }
        object
    }
}

fn line(text: &str) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "{text}")?;
    out.flush()
}

/// Prints a line for the user.
pub(super) fn notice(text: &str) {
    // Without standard error there is nobody to tell.
    let _ = writeln!(io::stderr(), "{text}");
}
