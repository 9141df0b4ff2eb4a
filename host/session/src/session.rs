//! One session, as the task that reads its client drives it: audio and commands in.
//!
//! Invariants: audio reaches the stream in the order it came, decoded and resampled, and is counted and measured before that;
//! a session that is dropped without its end is cancelled, so that every way out finishes the processor. Threads: one task
//! drives a [`Session`], one takes its [`SessionEvents`](super::SessionEvents).

use super::lease::Lease;
use auricle_audio::Intake;
use auricle_core::{AudioFormat, Failure, FailureCode};
use auricle_plugin_api::Metadata;
use auricle_stream::Stream;
use bytes::Bytes;
use std::{sync::Arc, time::Instant};

/// Bytes of audio decoded and resampled before other tasks get a turn.
const BYTES_PER_TURN: usize = 1 << 14;

/// What both halves of a session share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) stream: Arc<Stream>,
    pub(super) lease: Lease,
}

/// What a client may know of its session.
#[derive(Debug, Clone)]
pub struct SessionInfo {
    /// The id, as in the log.
    pub id: String,
    /// The preset's name.
    pub preset: String,
    /// The engine.
    pub backend: String,
    /// What the model says of itself.
    pub metadata: Metadata,
    /// The client's audio as understood.
    pub audio: AudioFormat,
}

/// The half of an open session that takes audio and commands.
pub struct Session {
    shared: Arc<Shared>,
    info: Arc<SessionInfo>,
    intake: Intake,
    /// Frames received in this epoch before the format was last changed.
    before: u64,
    /// The samples of one turn; kept for its room.
    samples: Vec<f32>,
}

impl Session {
    pub(super) fn new(shared: Arc<Shared>, info: SessionInfo, intake: Intake) -> Self {
        Self { shared, info: Arc::new(info), intake, before: 0, samples: Vec::new() }
    }

    /// What a client may know of it.
    pub fn info(&self) -> &Arc<SessionInfo> {
        &self.info
    }

    /// The client's sample frames received in this epoch; a frame cut in two counts when it is whole.
    pub fn received(&self) -> u64 {
        self.before + self.intake.frames()
    }

    /// Takes a packet of audio. Waits for room where the server sets the pace.
    pub async fn audio(&mut self, packet: Bytes) {
        self.audio_and(packet, || None).await;
    }

    /// As [`audio`](Self::audio), and with it the packets that `more` says have come meanwhile: the stream and its model are
    /// troubled once for all of them. Between turns other tasks have theirs.
    pub async fn audio_and(&mut self, packet: Bytes, mut more: impl FnMut() -> Option<Bytes>) {
        let mut packet = packet;
        loop {
            self.shared.stream.room().await;
            let mut left = BYTES_PER_TURN;
            loop {
                let length = packet.len().min(left);
                self.intake.push(&packet.split_to(length), &mut self.samples);
                left -= length;
                if left == 0 {
                    break;
                }
                match more() {
                    Some(next) => packet = next,
                    None => break,
                }
            }
            self.push();
            if packet.is_empty() {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// The audio from here on is of another format.
    ///
    /// # Errors
    /// What is out of range; nothing has changed then.
    pub fn configure(&mut self, audio: AudioFormat) -> Result<(), Failure> {
        let intake = Intake::new(audio, self.info.metadata.sample_rate)
            .map_err(|problem| Failure::new(FailureCode::BadAudio, problem))?;
        self.push_rest();
        self.before = self.received();
        self.intake = intake;
        self.info = Arc::new(SessionInfo { audio, ..(*self.info).clone() });
        Ok(())
    }

    /// Has everything so far decoded and reported; `Event::Flushed` follows.
    pub fn flush(&mut self) {
        self.push_rest();
        self.shared.stream.flush(self.received());
    }

    /// Ends the audio: everything is decoded and reported, and `Event::Done` is the last event.
    pub fn finish(&mut self) {
        self.push_rest();
        self.shared.stream.finish();
    }

    /// Discards what was not reported and starts at time 0 in a new epoch; `Event::Ready` follows.
    pub fn reset(&mut self) {
        self.intake.reset();
        self.before = 0;
        self.shared.lease.reset();
        self.shared.stream.reset();
    }

    /// Ends the session with a failure; what was reported before still goes out.
    pub fn fail(&mut self, failure: Failure) {
        self.shared.stream.fail(failure);
    }

    /// The client is gone: what it sent is still worked on and the processor finished, the events are dropped.
    pub fn cancel(self) {}

    /// Completes when the engine has worked on all audio that it can be given, or the session has ended. For protocols that
    /// answer each packet. Take the events meanwhile: a session whose events nobody takes pauses.
    pub async fn caught_up(&mut self) {
        self.shared.stream.caught_up().await;
    }

    fn push_rest(&mut self) {
        self.intake.finish(&mut self.samples);
        self.push();
    }

    fn push(&mut self) {
        if !self.samples.is_empty() {
            let now = Instant::now();
            self.shared.lease.received(self.samples.len(), now);
            self.shared.stream.push(&self.samples, now);
            self.samples.clear();
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.shared.stream.abandon();
    }
}
