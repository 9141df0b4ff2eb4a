//! What a dialect says about its messages on one connection, so that [`dialogue`](super::dialogue) can serve it.

use auricle_core::{Event, Failure, metrics::Metrics};
use auricle_session::{Admitted, Protocol, SessionInfo, SessionRequest};
use std::time::Duration;
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};

/// A dialect's messages on one connection.
pub(crate) trait Side: Send {
    /// The protocol, for the log.
    fn protocol(&self) -> Protocol;

    /// The messages before the first of the client. If there are any, a refused client is told at once, because it waits
    /// for them.
    fn hello(&mut self) -> Vec<Message> {
        Vec::new()
    }

    /// Reads a text message.
    ///
    /// # Errors
    /// The message is invalid; the connection ends.
    fn text(&mut self, text: &Utf8Bytes) -> Result<Ask, Failure>;

    /// Reads a binary message.
    ///
    /// # Errors
    /// The message is invalid; the connection ends.
    fn binary(&mut self, bytes: Bytes) -> Result<Ask, Failure>;

    /// The session that the client needs.
    ///
    /// # Errors
    /// What it asks for cannot be done.
    fn request(&mut self, admitted: &Admitted) -> Result<SessionRequest, Failure>;

    /// The session is open.
    ///
    /// # Errors
    /// What the client asked for cannot be done with this model.
    fn opened(&mut self, info: &SessionInfo, metrics: &Metrics, out: &mut Vec<Message>) -> Result<(), Failure>;

    /// Adds the messages for an event.
    fn tell(&mut self, event: &Event, out: &mut Vec<Message>);

    /// Adds the messages for an event of a channel, from 0; `None` if it is about all of them.
    fn tell_of_channel(&mut self, channel: Option<u16>, event: &Event, out: &mut Vec<Message>) {
        let _ = channel;
        self.tell(event, out);
    }

    /// Whether the text of all audio so far is wanted, as by [`Ask::flush`], because of the events that were told last.
    fn wants_flush(&mut self) -> bool {
        false
    }

    /// Whether the audio is in a container. It is decoded first, and shows the format of the audio.
    fn is_contained(&self) -> bool {
        false
    }

    /// Whether each channel of the audio has a transcript.
    fn splits_channels(&self) -> bool {
        false
    }

    /// So many frames of audio are processed.
    fn processed(&mut self, frames: u64) {
        let _ = frames;
    }

    /// All text has been told. Adds the last messages. Returns whether another stream may follow on the connection.
    fn done(&mut self, out: &mut Vec<Message>) -> bool;

    /// The last messages after a failure, with the close frame.
    fn failed(&mut self, failure: &Failure) -> Vec<Message>;

    /// How long audio may pause before the text so far becomes final.
    fn pause(&self) -> Option<Duration> {
        None
    }
}

/// What a message asks for, in this order.
#[derive(Debug, Default)]
pub(crate) struct Ask {
    /// To send these messages.
    pub(crate) say: Vec<Message>,
    /// A session, if there is none.
    pub(crate) open: bool,
    /// To process audio; opens a session, too.
    pub(crate) audio: Bytes,
    /// The text of all audio so far; `Event::Flushed` follows if there is a session.
    pub(crate) flush: bool,
    /// The end of the audio.
    pub(crate) finish: bool,
    /// These last messages at once, without a session.
    pub(crate) leave: Option<Vec<Message>>,
}
