//! Streams the recordings to a server.

use super::{EvaluateArgs, EvaluateError, Recording, Transcript};
use auricle_audio::file::Options;
use auricle_client::{
    Event, Pace,
    session::{End, Observer, Session},
    source::Source,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use std::{io, time::Duration};
use tokio::sync::mpsc;

/// The transcripts of all recordings, each after each length of silence.
pub(super) async fn all(args: &EvaluateArgs, recordings: &[Recording]) -> Result<Vec<Transcript>, EvaluateError> {
    args.server.warn();
    let session = Session {
        server: args.server.clone(),
        preset: args.preset.clone().unwrap_or_default(),
        options: args.options.iter().cloned().collect(),
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
            let text = one(session, recording, lead_silence).await;
            progress.inc(1);
            let name = recording.name.clone();
            match text {
                Ok(text) => Ok(Transcript { recording: name, lead_silence, text }),
                Err(end) => Err(EvaluateError::Stream { recording: name, end }),
            }
        }
    });
    let transcripts = texts.buffered(args.streams.into()).try_collect().await;
    progress.finish_and_clear();
    transcripts
}

async fn one(session: &Session, recording: &Recording, lead_silence: f64) -> Result<String, End> {
    let source = Source::open(&recording.path, Options::default()).await.map_err(End::Source)?;
    let mut segments = Segments::default();
    // Ctrl-C ends the program.
    let (_sender, mut interrupts) = mpsc::channel(1);
    let report = session.run(source.after_silence(lead_silence), &mut segments, &mut interrupts).await;
    report.end.map(|()| segments.text)
}

/// The text of the segments so far.
#[derive(Default)]
struct Segments {
    separator: String,
    text: String,
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
            }
            _ => {}
        }
        Ok(())
    }
}
