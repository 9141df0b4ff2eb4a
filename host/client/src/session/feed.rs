//! The sending half of a session: `start`, the audio at its pace, `finish`.

use crate::source::{Piece, Source, SourceError};
use auricle_dialects::native::messages::ClientMessage;
use futures_util::{Sink, SinkExt};
use std::time::Duration;
use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, sleep_until},
};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

/// How to send.
pub(super) struct Feed<'a> {
    /// At the speed of speech.
    pub(super) live: bool,
    /// The server is ready for audio.
    pub(super) ready: &'a Notify,
    /// No more audio, please.
    pub(super) stop: &'a Notify,
    /// Hears how far it is.
    pub(super) tell: mpsc::Sender<News>,
}

/// How far it is.
pub(super) enum News {
    /// Audio is about to be.
    Begun,
    /// Up to so many seconds of it are being sent.
    Sending(f64),
    /// A damaged part is left out.
    Damage(String),
    /// All of it has been sent, at that moment.
    Ended(Instant),
}

impl Feed<'_> {
    /// Sends everything; gives the source's error where it ended with one.
    pub(super) async fn run(
        self,
        start: ClientMessage,
        mut sink: impl Sink<Message, Error = WsError> + Unpin,
        source: &mut Source,
    ) -> Result<Option<SourceError>, WsError> {
        sink.send(text(&start)?).await?;
        self.ready.notified().await;
        self.tell(News::Begun).await;
        let unread = self.audio(&mut sink, source).await?;
        self.tell(News::Ended(Instant::now())).await;
        sink.send(text(&ClientMessage::Finish {})?).await?;
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
                    self.tell(News::Damage(what)).await;
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
            // Told first, so that nobody hears of text before its audio.
            self.tell(News::Sending(seconds)).await;
            sink.send(Message::Binary(bytes)).await?;
        }
    }

    async fn tell(&self, news: News) {
        // The listener goes only when the session is over, and this with it.
        let _ = self.tell.send(news).await;
    }
}

fn text(message: &ClientMessage) -> Result<Message, WsError> {
    serde_json::to_string(message).map(Message::text).map_err(|error| WsError::Io(error.into()))
}
