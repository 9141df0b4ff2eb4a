//! Does one job: fetches its audio, streams it to the server, makes the result.

use crate::{
    error::JobsError,
    job::{Audio, Job},
    store::{self, Store},
};
use auricle_audio::file::Options;
use auricle_client::{
    Event, Failure, Pace, Server, Text,
    session::{End, Observer, Session},
    source::Source,
};
use serde_json::json;
use std::{io, time::Duration};
use tempfile::NamedTempFile;
use tokio::{sync::mpsc, time::sleep};

/// How long a stream tries to get its connection back.
const RECONNECT: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What came of a job.
pub(crate) enum Transcribed {
    /// The result, as JSON.
    Result(Vec<u8>),
    /// It can never be done, and why.
    Never(String),
}

/// Does a job. While the server is full, or away, it waits: live streams come first.
pub(crate) async fn transcribe(job: &Job, store: &Store, server: &Server) -> Result<Transcribed, JobsError> {
    let local = |error| JobsError::Read { name: job.name.clone(), error };
    let file = NamedTempFile::new().map_err(local)?;
    let copy = file.reopen().map_err(local)?;
    match &job.audio {
        Audio::Store => store.download(&job.upload(), copy).await?,
        Audio::Url(address) => {
            if store::fetch(address, Some(copy)).await? != job.sha256 {
                return Ok(Transcribed::Never(format!(
                    "{address} has changed since it was submitted; submit it again"
                )));
            }
        }
    }
    let session = Session {
        server: server.clone(),
        preset: job.preset.clone(),
        options: job.options.clone(),
        pace: Pace::File,
        reconnect: RECONNECT,
        multichannel: false,
    };
    let mut pause = FIRST_PAUSE;
    loop {
        let source = match Source::open(file.path(), Options::default()).await {
            Ok(source) => source,
            Err(error) => return Ok(Transcribed::Never(named(job, &file, &error))),
        };
        let mut heard = Heard::default();
        // Nobody interrupts it.
        let (_sender, mut interrupts) = mpsc::channel(1);
        let report = session.run(source, &mut heard, &mut interrupts).await;
        let damaged = match report.end {
            Ok(()) => 0,
            Err(End::Damaged { parts }) => parts,
            Err(End::Stream(failure)) if failure.passes() => {
                tracing::info!(key = job.key, "the job is tried again in {} s: {failure}", pause.as_secs());
                sleep(pause).await;
                pause = (2 * pause).min(LONGEST_PAUSE);
                continue;
            }
            // It is not the job's fault.
            Err(End::Stream(refused @ Failure::Refused { .. })) => return Err(JobsError::Server(refused.to_string())),
            Err(end) => return Ok(Transcribed::Never(named(job, &file, &end))),
        };
        let result = json!({
            "name": job.name,
            "sha256": job.sha256,
            "preset": job.preset,
            "options": job.options,
            "audio_seconds": report.summary.audio_seconds,
            "text": heard.text,
            "segments": heard.segments,
            "damaged_parts": damaged,
        });
        return Ok(Transcribed::Result(result.to_string().into_bytes()));
    }
}

/// An error, without the name of the temporary file.
fn named(job: &Job, file: &NamedTempFile, error: &dyn std::fmt::Display) -> String {
    let path = file.path().display().to_string();
    error.to_string().replace(&format!("{path}: "), "").replace(&path, &job.name)
}

/// What the server told.
#[derive(Default)]
struct Heard {
    separator: String,
    text: String,
    segments: Vec<Text>,
}

impl Observer for Heard {
    fn message(&mut self, _: &str, event: Option<&Event>) -> io::Result<()> {
        match event {
            Some(Event::Ready(ready)) => self.separator.clone_from(&ready.separator),
            Some(Event::Segment(segment)) => {
                if !self.text.is_empty() {
                    self.text.push_str(&self.separator);
                }
                self.text.push_str(&segment.text);
                self.segments.push(segment.clone());
            }
            _ => {}
        }
        Ok(())
    }
}
