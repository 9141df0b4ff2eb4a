//! The sending half of a session: `start`, the audio, `finish`.

use crate::source::{Piece, Source, SourceError};
use auricle_dialects::native::messages::ClientMessage;
use futures_util::{Sink, SinkExt};
use std::time::Duration;
use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, sleep_until},
};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

/// Settings and signals of the sending half.
pub(super) struct Feed<'a> {
    /// Send at the speed of speech.
    pub(super) live: bool,
    /// Notified when the server is ready for audio.
    pub(super) ready: &'a Notify,
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
    /// Sends everything. Returns the source's error if the audio ended with one.
    pub(super) async fn run(
        self,
        start: ClientMessage,
        mut sink: impl Sink<Message, Error = WsError> + Unpin,
        source: &mut Source,
    ) -> Result<Option<SourceError>, WsError> {
        sink.send(text(&start)?).await?;
        self.ready.notified().await;
        self.report(Progress::Begun).await;
        let unread = self.audio(&mut sink, source).await?;
        self.report(Progress::Ended(Instant::now())).await;
        sink.send(text(&ClientMessage::Finish)?).await?;
        Ok(unread)
    }

    async fn audio(
        &self,
        sink: &mut (impl Sink<Message, Error = WsError> + Unpin),
        source: &mut Source,
    ) -> Result<Option<SourceError>, WsError> {
        let format = source.format();
        let begun = Instant::now();
        let mut frames = 0u64;
        loop {
            let piece = tokio::select! {
                biased;
                () = self.stop.notified() => return Ok(None),
                piece = source.next() => piece,
            };
            let bytes = match piece {
                None => return Ok(None),
                Some(Err(error)) => return Ok(Some(error)),
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
                    () = self.stop.notified() => return Ok(None),
                    () = sleep_until(begun + Duration::from_secs_f64(seconds)) => {}
                }
            }
            // Reported first, so that the audio is counted before its text.
            self.report(Progress::Sending(seconds)).await;
            sink.send(Message::Binary(bytes)).await?;
        }
    }

    async fn report(&self, progress: Progress) {
        // The receiver is dropped only with the whole session, which ends this future too.
        let _ = self.progress.send(progress).await;
    }
}

fn text(message: &ClientMessage) -> Result<Message, WsError> {
    serde_json::to_string(message).map(Message::text).map_err(|error| WsError::Io(error.into()))
}
