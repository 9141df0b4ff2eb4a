//! One stream of audio to a server, which outlives its connections.
//!
//! Invariant: no audio is lost and none is recognised twice, within the limit of what is kept (see the file `core`).
//!
//! A task of the runtime holds the connection; dropping the stream ends it. All methods may be called from any task or thread.

mod backoff;
mod core;
mod driver;
mod event;
mod kept_audio;
mod sending;
mod server_stream;
mod settings;
mod shared;

pub use core::State;
pub use event::{Event, Message};
pub use settings::Settings;

use crate::{connect::Connector, failure::Failure, url::STREAM_PATH};
use auricle_core::native::Ready;
use core::Core;
use shared::Shared;
use std::sync::Arc;
use tokio::task::AbortHandle;
use tokio_tungstenite::tungstenite::Bytes;

/// One stream of audio, which outlives its connections.
#[derive(Debug)]
pub struct Stream {
    shared: Arc<Shared>,
    driver: AbortHandle,
}

impl Stream {
    /// Connects and waits until the server is ready.
    ///
    /// # Errors
    /// The server cannot be reached, or refuses the stream.
    pub async fn open(settings: Settings) -> Result<Self, Failure> {
        let stream = Self::connect(settings)?;
        stream.ready().await?;
        Ok(stream)
    }

    /// Begins to connect. Must be called in a Tokio runtime.
    ///
    /// # Errors
    /// The key or the file of trusted certificates cannot be used.
    pub fn connect(settings: Settings) -> Result<Self, Failure> {
        let connector = Connector::new(&settings.server, STREAM_PATH)?;
        let shared = Arc::new(Shared::new(Core::new(&settings)));
        let driver = tokio::spawn(driver::drive(Arc::clone(&shared), connector)).abort_handle();
        Ok(Self { shared, driver })
    }

    /// Waits for the first connection. Returns what the server says of the preset.
    ///
    /// # Errors
    /// The server cannot be reached, or refuses the stream.
    pub async fn ready(&self) -> Result<Ready, Failure> {
        self.shared
            .until(|core| match (core.ready(), core.state()) {
                (Some(ready), _) => Some(Ok(ready.clone())),
                (None, State::Closed) => Some(Err(core.reason().cloned().unwrap_or(Failure::Finished))),
                (None, _) => None,
            })
            .await
    }

    /// What the stream does now.
    pub fn state(&self) -> State {
        self.shared.look().state()
    }

    /// Seconds of audio given since the start or the last reset.
    pub fn seconds(&self) -> f64 {
        self.shared.look().seconds()
    }

    /// Sends audio in the format of the settings, in pieces of any size. Does not wait: while there is no connection, audio is kept.
    ///
    /// # Errors
    /// What ended the stream; [`Failure::Finished`] after `finish` or `cancel`.
    pub fn send(&self, audio: impl Into<Bytes>) -> Result<(), Failure> {
        self.shared.change(|core| core.push(audio.into()))
    }

    /// Waits until the network has taken most of what was sent. For audio that is sent faster than it is spoken.
    pub async fn drained(&self) {
        self.shared.until(|core| (core.is_drained() || core.state() == State::Closed).then_some(())).await;
    }

    /// Asks for the text of everything so far; [`Event::Flushed`] follows it. The audio is cut there, even within a word.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn flush(&self) -> Result<(), Failure> {
        self.shared.change(Core::flush)
    }

    /// Discards what has no text yet. [`Event::Ready`] with the next epoch follows, after which times start at 0.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn reset(&self) -> Result<(), Failure> {
        self.shared.change(Core::reset)
    }

    /// Ends the audio. The rest of the text follows; the last event is [`Event::Done`].
    pub fn finish(&self) {
        self.shared.change(Core::finish);
    }

    /// Ends the stream without waiting for the rest of its text.
    pub fn cancel(&self) {
        self.shared.change(Core::end);
    }

    /// The next event; `None` after [`Event::Done`], after `cancel`, and after a failure, which is told once. What is not read
    /// stays with the server, which ends a stream that is never read (`slow_reader`). Nothing is lost if the future is dropped.
    pub async fn next(&self) -> Option<Result<Event, Failure>> {
        loop {
            match self.next_message().await? {
                Ok(Message { event: Some(event), .. }) => return Some(Ok(event)),
                Ok(_) => {}
                Err(failure) => return Some(Err(failure)),
            }
        }
    }

    /// Like [`next`](Self::next), with the server's own words.
    pub async fn next_message(&self) -> Option<Result<Message, Failure>> {
        let next = self
            .shared
            .until(|core| match core.next() {
                (None, false) => None,
                (next, _) => Some(next),
            })
            .await;
        // There may be room for what the server has sent.
        self.shared.change(|_| ());
        next
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
