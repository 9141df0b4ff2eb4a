//! The session of one peer: its audio in, the texts for its data channel and its transcript out.
//!
//! Texts are the native protocol's. Audio and commands that come before the session is open, while its model is loaded, wait, for
//! [`MAX_WAITING`] pieces of audio at most. Threads: the peer's task.

use super::Transcript;
use crate::native::{messages::ServerMessage, translate::Translator};
use auricle_audio::{PacketCodec, Piece};
use auricle_core::{Failure, FailureCode, native::ClientMessage};
use auricle_session::{Admitted, Session, SessionEvents, SessionRequest};
use futures_util::future::BoxFuture;
use std::{collections::VecDeque, fmt, sync::Arc};
use tokio::sync::watch;

/// Pieces of audio that wait for the model: five minutes of packets of 20 ms.
const MAX_WAITING: usize = 15_000;
/// What clients of fastrtc send when their data channel is open.
const GREETING: &str = "handshake";

/// What a peer wants of its session.
#[derive(Debug)]
pub enum Work {
    /// To process audio.
    Hear(PacketCodec, Piece),
    /// The text of all audio so far.
    Flush,
    /// The end of the turn.
    EndTurn,
    /// To forget all audio.
    Reset,
    /// The end of the audio.
    Finish,
}

/// A session and what waits for it.
pub struct Conversation {
    state: State,
    waiting: VecDeque<Work>,
    transcript: watch::Sender<Transcript>,
}

enum State {
    Opening(BoxFuture<'static, Result<(Session, SessionEvents), Failure>>),
    Open(Box<Open>),
    Over,
}

/// An open session.
struct Open {
    session: Session,
    /// Of the audio so far.
    codec: Option<PacketCodec>,
    events: SessionEvents,
    has_finished: bool,
}

impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conversation").field("waiting", &self.waiting.len()).finish_non_exhaustive()
    }
}

impl Conversation {
    /// Opens the session of an admitted peer.
    pub fn open(admitted: Admitted, request: SessionRequest, transcript: watch::Sender<Transcript>) -> Self {
        let opening = Box::pin(admitted.open(request));
        Self { state: State::Opening(opening), waiting: VecDeque::new(), transcript }
    }

    /// A conversation that is over before it began. Returns the last text for the peer, too.
    pub fn refused(failure: &Failure, transcript: watch::Sender<Transcript>) -> (Self, String) {
        let mut refused = Self { state: State::Over, waiting: VecDeque::new(), transcript };
        let text = refused.fail_unopened(failure);
        (refused, text)
    }

    /// Whether the session has told its last text.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Reads a text message of the data channel.
    pub fn read(&mut self, text: &str) -> Option<Work> {
        if text == GREETING {
            return None;
        }
        let problem = match ClientMessage::parse(text) {
            Ok(ClientMessage::Flush) => return Some(Work::Flush),
            Ok(ClientMessage::EndTurn) => return Some(Work::EndTurn),
            Ok(ClientMessage::Reset) => return Some(Work::Reset),
            Ok(ClientMessage::Finish) => return Some(Work::Finish),
            Ok(ClientMessage::Start(_)) => {
                let message = "`start` is not for WebRTC: the offer has the preset and the options";
                Failure::new(FailureCode::BadMessage, message)
            }
            Ok(ClientMessage::Resume(_) | ClientMessage::Ack(_)) => {
                let message = "a stream over WebRTC cannot be resumed: make a new offer";
                Failure::new(FailureCode::BadMessage, message)
            }
            Err(problem) => problem,
        };
        self.fail(problem);
        None
    }

    /// Ends the session with a failure. Texts from before are still sent.
    pub fn fail(&mut self, failure: Failure) {
        match &mut self.state {
            State::Open(open) => open.session.fail(failure),
            State::Opening(opening) => *opening = Box::pin(std::future::ready(Err(failure))),
            State::Over => {}
        }
    }

    /// Ends the session of a peer that does not read.
    pub fn give_up(&mut self, failure: Failure) {
        if let State::Open(open) = &mut self.state {
            self.transcript.send_modify(|transcript| transcript.fail(&failure.message));
            open.events.give_up(failure);
        }
        self.state = State::Over;
    }

    /// Does what the peer wants, or keeps it until the session is open.
    pub async fn work(&mut self, work: Work) {
        self.waiting.push_back(work);
        self.catch_up().await;
        if self.waiting.len() > MAX_WAITING {
            let message = "too much audio came before the model was loaded";
            self.waiting.clear();
            self.fail(Failure::new(FailureCode::LagExceeded, message));
        }
    }

    /// Does what has waited for the session, if it is open.
    pub async fn catch_up(&mut self) {
        let State::Open(open) = &mut self.state else { return };
        let Open { session, codec, has_finished, .. } = &mut **open;
        while let Some(work) = self.waiting.pop_front() {
            match work {
                // The peer's microphone goes on.
                _ if *has_finished => {}
                Work::Hear(of, piece) => {
                    if *codec != Some(of) {
                        *codec = Some(of);
                        if let Err(failure) = session.configure_packets(of) {
                            session.fail(failure);
                        }
                    }
                    session.piece(piece).await;
                }
                Work::Flush => session.flush(),
                Work::EndTurn => {
                    if let Err(failure) = session.end_turn() {
                        session.fail(failure);
                    }
                }
                Work::Reset => session.reset(),
                Work::Finish => {
                    *has_finished = true;
                    session.finish();
                }
            }
        }
    }

    /// Waits for texts for the data channel; for ever when it is over. Call [`catch_up`](Self::catch_up) then. Cancel-safe.
    pub async fn next(&mut self) -> Vec<String> {
        match &mut self.state {
            State::Opening(opening) => match opening.await {
                Ok((session, events)) => {
                    self.state = State::Open(Box::new(Open { session, codec: None, events, has_finished: false }));
                    Vec::new()
                }
                Err(failure) => vec![self.fail_unopened(&failure)],
            },
            State::Open(open) => {
                let Open { session, events, .. } = &mut **open;
                let batch = events.next().await;
                if let Some(last) = batch.last() {
                    events.acknowledge(last.seq);
                }
                let info = Arc::clone(session.info());
                let ended = batch.last().is_none_or(|last| last.is_last());
                let translator = Translator::new(Arc::clone(&info), None);
                let texts = batch.iter().map(|event| json(&translator.numbered(event))).collect();
                let metadata = &info.metadata;
                self.transcript.send_if_modified(|transcript| {
                    let mut told = false;
                    for event in &batch {
                        told |= transcript.add(&event.event, &metadata.separator, metadata.sample_rate);
                    }
                    told
                });
                if ended {
                    self.state = State::Over;
                }
                texts
            }
            State::Over => std::future::pending().await,
        }
    }

    /// Ends a session that was not opened. Returns the last text.
    fn fail_unopened(&mut self, failure: &Failure) -> String {
        self.state = State::Over;
        self.transcript.send_modify(|transcript| transcript.fail(&failure.message));
        json(&ServerMessage { seq: Some(0), channel: None, event: Translator::error(failure) })
    }
}

fn json(message: &ServerMessage) -> String {
    // Numbers are finite and keys are strings, so it can be written.
    serde_json::to_string(message).unwrap_or_default()
}
