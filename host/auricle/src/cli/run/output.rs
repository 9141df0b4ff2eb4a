//! Prints a stream's text, as it comes.

use super::{RunError, RunFormat};
use auricle_core::{
    Event,
    native::Text,
    subtitles::{SubtitleFormat, Subtitles},
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
    subtitles: Option<Subtitles>,
}

impl Output {
    /// `rate` is that of the model; `partials` says whether partials are printed.
    pub(super) fn new(format: RunFormat, rate: u32, partials: bool) -> Self {
        let subtitles = match format {
            RunFormat::Srt => Some(Subtitles::new(SubtitleFormat::Srt)),
            RunFormat::Vtt => Some(Subtitles::new(SubtitleFormat::Vtt)),
            RunFormat::Text | RunFormat::Jsonl => None,
        };
        Self { format, rate, partials, subtitles }
    }

    /// Prints the stream's text until its end. Returns the number of samples that were processed.
    ///
    /// # Errors
    /// The engine failed, or standard output cannot be written. Text from before is printed.
    pub(super) async fn print(&mut self, stream: &Arc<Stream>) -> Result<u64, RunError> {
        let mut written = part(self.subtitles.as_ref().map_or("", Subtitles::head));
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
                    Event::Restarted(from) => {
                        let from = seconds(from, self.rate);
                        notice(&format!("the engine reported no text, and was started anew at {from:.1} s"));
                    }
                    _ => {}
                }
                if written.is_err() {
                    break 'stream Ok(0);
                }
            }
        };
        written.map_err(RunError::Output)?;
        end
    }

    fn segment(&mut self, segment: Segment) -> io::Result<()> {
        match &mut self.subtitles {
            Some(subtitles) => part(&subtitles.add(&Text::of(&segment, self.rate))),
            None if self.format == RunFormat::Jsonl => line(&self.object("segment", &segment).to_string()),
            None => line(&segment.text()),
        }
    }

    fn partial(&self, partial: &Segment) -> io::Result<()> {
        if self.format == RunFormat::Jsonl {
            return line(&self.object("partial", partial).to_string());
        }
        notice(&format!("{} ...", partial.text()));
        Ok(())
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
    part(&format!("{text}\n"))
}

fn part(text: &str) -> io::Result<()> {
    let mut out = io::stdout();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Prints a line for the user.
pub(super) fn notice(text: &str) {
    // Without standard error there is nobody to tell.
    let _ = writeln!(io::stderr(), "{text}");
}
