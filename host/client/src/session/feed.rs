//! The sending half of a session: the audio, at its pace.

use crate::source::{Piece, Source, SourceError};
use std::time::Duration;
use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, sleep_until},
};
use tokio_tungstenite::tungstenite::Bytes;

/// Settings and signals of the sending half.
pub(super) struct Feed<'a> {
    /// Send at the speed of speech.
    pub(super) live: bool,
    /// Notified to end the audio.
    pub(super) stop: &'a Notify,
    /// Receives the progress.
    pub(super) progress: mpsc::Sender<Progress>,
}

/// Progress of the sending half.
pub(super) enum Progress {
    /// The first audio is about to be sent.
    Begun,
    /// The audio up to this time, in seconds, is being sent.
    Sending(f64),
    /// A damaged part is skipped.
    Damage(String),
    /// A warning about the audio.
    Warning(String),
    /// All audio was sent at this time.
    Ended(Instant),
}

impl Feed<'_> {
    /// Sends all of the audio with `send`, which returns false if the stream takes no more. Returns the source's error if the
    /// audio ended with one.
    pub(super) async fn run(self, source: &mut Source, send: impl AsyncFnMut(Bytes) -> bool) -> Option<SourceError> {
        self.report(Progress::Begun).await;
        let unread = self.audio(source, send).await;
        self.report(Progress::Ended(Instant::now())).await;
        unread
    }

    async fn audio(&self, source: &mut Source, mut send: impl AsyncFnMut(Bytes) -> bool) -> Option<SourceError> {
        let format = source.format();
        let begun = Instant::now();
        let mut frames = 0u64;
        loop {
            let piece = tokio::select! {
                biased;
                () = self.stop.notified() => return None,
                piece = source.next() => piece,
            };
            let bytes = match piece {
                None => return None,
                Some(Err(error)) => return Some(error),
                Some(Ok(Piece::Damage(what))) => {
                    self.report(Progress::Damage(what)).await;
                    continue;
                }
                Some(Ok(Piece::Warning(text))) => {
                    self.report(Progress::Warning(text)).await;
                    continue;
                }
                Some(Ok(Piece::Audio(bytes))) => bytes,
            };
            frames += (bytes.len() / format.frame_bytes()) as u64;
            let seconds = frames as f64 / f64::from(format.sample_rate);
            if self.live {
                tokio::select! {
                    biased;
                    () = self.stop.notified() => return None,
                    () = sleep_until(begun + Duration::from_secs_f64(seconds)) => {}
                }
            }
            // Reported first, so that the audio is counted before its text.
            self.report(Progress::Sending(seconds)).await;
            let sent = tokio::select! {
                biased;
                sent = send(bytes) => sent,
                // While there is no connection, this would wait for it.
                () = self.stop.notified() => return None,
            };
            if !sent {
                return None;
            }
        }
    }

    async fn report(&self, progress: Progress) {
        // The receiver is dropped only with the whole session, which ends this future too.
        let _ = self.progress.send(progress).await;
    }
}
