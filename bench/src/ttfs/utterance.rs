//! An utterance, sent at the speed of speech.

use super::detector::Ends;
use crate::Done;
use auricle_client::{Event, Server, Settings, Stream};
use auricle_core::word_errors::{Errors, align, words};
use auricle_plugin_test::audio;
use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::{sleep, sleep_until};

/// Samples of a frame, and its length.
const FRAME: usize = 320;
const FRAME_LENGTH: Duration = Duration::from_millis(20);
/// A text that comes so long after the last one belongs to the utterance.
const SETTLED: Duration = Duration::from_secs(1);

/// What ends an utterance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trigger {
    Server,
    Client,
}

impl Trigger {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Server => "the server",
            Self::Client => "a client, 200 ms of silence",
        }
    }
}

/// An utterance with silence after it.
pub(super) struct Utterance {
    samples: Vec<i16>,
    words: Vec<String>,
    /// Where speech ends, in seconds.
    end: f64,
}

/// What became of an utterance.
pub(super) struct Outcome {
    /// From the end of speech to the last text; `None` without text.
    pub(super) final_ms: Option<f64>,
    /// Whether an end was found before the end of speech.
    pub(super) early: bool,
    pub(super) errors: Errors,
}

impl Utterance {
    /// Reads at most this many from the folder.
    pub(super) fn find(work: &Path, most: usize) -> Done<Vec<Arc<Self>>> {
        let mut found = Vec::new();
        for number in 1..=most {
            let file = work.join(format!("utterances/{number}.wav"));
            if !file.is_file() {
                break;
            }
            let labels = fs::read_to_string(file.with_extension("labels"))?;
            let fields = labels.lines().map(|line| line.split('\t').collect::<Vec<_>>());
            let (mut said, mut end) = (Vec::new(), 0.0);
            for field in fields {
                let [_, until, word] = field[..] else { return Err(format!("{}: labels", file.display()).into()) };
                said.extend(words(word));
                end = until.parse()?;
            }
            let (_, samples) = audio::wav(&file);
            found.push(Arc::new(Self { samples, words: said, end }));
        }
        if found.is_empty() {
            return Err(format!("{} has no utterances: bench/live/prepare.py makes them", work.display()).into());
        }
        Ok(found)
    }

    /// Sends it on a stream of its own.
    pub(super) async fn send(&self, server: &Server, preset: &str, trigger: Trigger, mut ends: Ends) -> Done<Outcome> {
        let stream = Stream::open(Settings::new(server.clone(), preset)).await?;
        let begun = Instant::now();
        let (mut frames, mut sent) = (self.samples.chunks_exact(FRAME), 0u32);
        let (mut texts, mut last, mut early, mut answered) = (Vec::new(), None, false, false);
        loop {
            let due = begun + FRAME_LENGTH * (sent + 1);
            tokio::select! {
                () = sleep_until(due.into()), if frames.len() > 0 => {
                    let Some(frame) = frames.next() else { continue };
                    sent += 1;
                    stream.send(audio::bytes(frame))?;
                    let ended = ends.process(frame.iter().map(|sample| f32::from(*sample) / 32_768.0))?;
                    if ended && trigger == Trigger::Client {
                        early |= f64::from(sent) * FRAME_LENGTH.as_secs_f64() < self.end;
                        stream.flush()?;
                    }
                }
                event = stream.next() => match event.ok_or("the stream ended early")?? {
                    Event::Segment(text) => {
                        last = Some(Instant::now());
                        texts.push(text.text);
                    }
                    Event::Endpoint { time } if trigger == Trigger::Server => {
                        early |= f64::from(sent) * FRAME_LENGTH.as_secs_f64() < self.end;
                        answered |= time + SETTLED.as_secs_f64() >= self.end && !early;
                    }
                    Event::Flushed { .. } => answered |= begun.elapsed().as_secs_f64() > self.end,
                    _ => {}
                },
                () = sleep(SETTLED), if answered || frames.len() == 0 => break,
            }
        }
        let heard = words(&texts.join(" "));
        let speech_end = begun + Duration::from_secs_f64(self.end);
        let final_ms = last.map(|last| last.saturating_duration_since(speech_end).as_secs_f64() * 1000.0);
        Ok(Outcome { final_ms, early, errors: Errors::of(&align(&self.words, &heard)) })
    }
}
