//! What a stream reports. Times are seconds from the start of the stream, or from its last reset, with three decimals.

use crate::failure::Failure;
use auricle_core::native::{Ready, ServerEvent, ServerMessage, Text, TurnEnd, TurnEvent};
use std::time::Duration;

/// An event of a stream.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A connection is open; again after each reconnect, and with the next epoch after a reset.
    Ready(Ready),
    /// The engine cannot do something that the options ask for.
    Warning {
        /// The option.
        field: String,
        /// What is not done, and why, for people.
        message: String,
    },
    /// Somebody began to speak.
    SpeechStarted {
        /// When.
        time: f64,
    },
    /// Unstable text after the last segment. It replaces the one before; a segment ends it.
    Partial(Text),
    /// Final text. It never changes afterwards; segments come in order and do not overlap.
    Segment(Text),
    /// The utterance is complete.
    Endpoint {
        /// Up to here.
        time: f64,
    },
    /// How long the oldest audio has waited for the engine; 0 when the stream has caught up.
    Lag {
        /// The wait.
        seconds: f64,
    },
    /// Audio without text: a failure in the server, or the connection was away for longer than audio is kept.
    Gap {
        /// Start of the audio.
        start: f64,
        /// End of the audio.
        end: f64,
    },
    /// The engine reported no text although somebody speaks, and was started anew. Nothing needs to be done.
    Restarted {
        /// Where: it gets the audio from there on again.
        time: f64,
    },
    /// Everything sent before a flush has been reported.
    Flushed {
        /// Frames sent before the flush.
        sample: u64,
    },
    /// All text has been reported. The last event.
    Done {
        /// Length of the audio.
        seconds: f64,
    },
    /// The server is about to stop, and finishes the stream then. If the audio has not ended by then, the stream goes on with
    /// another connection; nothing needs to be done.
    GoingAway {
        /// Time until then.
        seconds: f64,
    },
    /// The connection broke, or the server refused the next one for now.
    Lost {
        /// Why.
        failure: Failure,
        /// The wait until the next try.
        retry_in: Duration,
    },
    /// Connected again.
    Resumed {
        /// Audio from this second on was sent again.
        start: f64,
        /// Time without a connection.
        away: Duration,
        /// Whether the text is that of an uncut stream. Otherwise the server has begun anew at `start`, or near it: no audio is
        /// lost, but words there may differ.
        is_exact: bool,
    },
}

/// An event, with the server's message in which it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The message as the server sent it, one JSON object; after a reconnect its times are those of the whole stream. `None` for
    /// what the server does not say: [`Event::Lost`], [`Event::Resumed`], and gaps between two connections.
    pub line: Option<String>,
    /// `None` for `error`, which is the stream's [`Failure`], for turns, and for messages of later versions.
    pub event: Option<Event>,
    /// If each channel has a transcript: the channel that the event is about, from 0. What is about all channels has none.
    pub channel: Option<u16>,
}

/// The same message, with times later by some seconds.
pub(super) fn later(message: ServerMessage, seconds: f64) -> ServerMessage {
    use ServerEvent as E;
    let at = |time: f64| ((time + seconds) * 1000.0).round() / 1000.0;
    let event = match message.event {
        E::SpeechStarted { time } => E::SpeechStarted { time: at(time) },
        E::Endpoint { time } => E::Endpoint { time: at(time) },
        E::Gap { start, end } => E::Gap { start: at(start), end: at(end) },
        E::TurnStarted(turn) => E::TurnStarted(TurnEvent { time: at(turn.time), ..turn }),
        E::TurnUpdate(turn) => E::TurnUpdate(TurnEvent { time: at(turn.time), ..turn }),
        E::TurnEagerEnd(turn) => E::TurnEagerEnd(TurnEvent { time: at(turn.time), ..turn }),
        E::TurnResumed(turn) => E::TurnResumed(TurnEvent { time: at(turn.time), ..turn }),
        E::TurnEnded(end) => E::TurnEnded(TurnEnd { time: at(end.time), ..end }),
        E::Restarted { time } => E::Restarted { time: at(time) },
        E::Partial(text) => E::Partial(later_text(text, at)),
        E::Segment(text) => E::Segment(later_text(text, at)),
        event => event,
    };
    ServerMessage { event, ..message }
}

fn later_text(mut text: Text, at: impl Fn(f64) -> f64) -> Text {
    (text.start, text.end) = (at(text.start), at(text.end));
    for word in &mut text.words {
        (word.start, word.end) = (at(word.start), at(word.end));
    }
    text
}

/// The event in a message; `None` for `error` and for turns.
pub(super) fn event(event: ServerEvent) -> Option<Event> {
    use ServerEvent as E;
    Some(match event {
        E::Ready(ready) => Event::Ready(ready),
        E::Warning { field, message } => Event::Warning { field, message },
        E::SpeechStarted { time } => Event::SpeechStarted { time },
        E::Partial(text) => Event::Partial(text),
        E::Segment(text) => Event::Segment(text),
        E::Endpoint { time } => Event::Endpoint { time },
        E::Lag { seconds } => Event::Lag { seconds },
        E::Gap { start, end } => Event::Gap { start, end },
        E::Restarted { time } => Event::Restarted { time },
        E::Flushed { sample } => Event::Flushed { sample },
        E::Done { seconds } => Event::Done { seconds },
        E::GoingAway { seconds } => Event::GoingAway { seconds },
        E::Error { .. } | E::Ack(_) | E::Resumed(_) => return None,
        // They are in the message's line.
        E::TurnStarted(_) | E::TurnUpdate(_) | E::TurnEagerEnd(_) | E::TurnResumed(_) | E::TurnEnded(_) => return None,
    })
}
