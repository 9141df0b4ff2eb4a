//! Streams the recordings to a server.
//!
//! As many streams at a time as the command line says; the transcripts keep the order of the recordings.

use super::{EvaluateArgs, EvaluateError, Recording, Timing, Transcript};
use auricle_audio::file::Options;
use auricle_client::{
    Event, Pace, Text,
    session::{End, Observer, Session},
    source::Source,
    summary::Summary,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use std::{io, time::Duration};
use tokio::sync::mpsc;

/// The transcripts of all recordings by a preset, each after each length of silence; and their texts with times.
pub(super) async fn all(
    args: &EvaluateArgs,
    preset: &str,
    recordings: &[Recording],
) -> Result<Vec<(Transcript, Vec<Text>)>, EvaluateError> {
    args.server.warn();
    let session = Session {
        server: args.server.clone(),
        preset: preset.to_owned(),
        options: args.options.iter().cloned().collect(),
        multichannel: false,
        pace: if args.realtime { Pace::Live } else { Pace::File },
        // A text that was recognised in two parts would count as the engine's.
        reconnect: Duration::ZERO,
    };
    let runs: Vec<_> = recordings
        .iter()
        .flat_map(|recording| args.lead_silence.iter().map(move |silence| (recording, *silence)))
        .collect();
    let style =
        ProgressStyle::with_template("{pos}/{len} {wide_bar} {eta}").unwrap_or_else(|_| ProgressStyle::default_bar());
    let progress = ProgressBar::new(runs.len() as u64).with_style(style);
    let texts = stream::iter(runs).map(|(recording, lead_silence)| {
        let (session, progress) = (&session, &progress);
        async move {
            let recognized = one(session, recording, lead_silence).await;
            progress.inc(1);
            let recording = recording.name.clone();
            match recognized {
                Ok((Segments { text, texts, .. }, summary)) => {
                    Ok((Transcript { recording, lead_silence, text, timing: timing(&summary) }, texts))
                }
                Err(end) => Err(EvaluateError::Stream { recording, end }),
            }
        }
    });
    let transcripts = texts.buffered(args.jobs.into()).try_collect().await;
    progress.finish_and_clear();
    transcripts
}

async fn one(session: &Session, recording: &Recording, lead_silence: f64) -> Result<(Segments, Summary), End> {
    let source = Source::open(&recording.path, Options::default()).await.map_err(End::Source)?;
    let mut segments = Segments::default();
    // Ctrl-C ends the program.
    let (_sender, mut interrupts) = mpsc::channel(1);
    let report = session.run(source.after_silence(lead_silence), &mut segments, &mut interrupts).await;
    report.end.map(|()| (segments, report.summary))
}

fn timing(summary: &Summary) -> Option<Timing> {
    let Summary { audio_seconds, wall_seconds, done_ms, .. } = *summary;
    Some(Timing { audio_seconds, wall_seconds, delay_ms: done_ms? })
}

/// The segments so far, and their text.
#[derive(Default)]
struct Segments {
    separator: String,
    text: String,
    texts: Vec<Text>,
}

impl Observer for Segments {
    fn message(&mut self, _: &str, event: Option<&Event>) -> io::Result<()> {
        match event {
            Some(Event::Ready(ready)) => self.separator.clone_from(&ready.separator),
            Some(Event::Segment(segment)) => {
                if !self.text.is_empty() {
                    self.text.push_str(&self.separator);
                }
                self.text.push_str(&segment.text);
                self.texts.push(segment.clone());
            }
            _ => {}
        }
        Ok(())
    }
}
