//! A vosk client's session, which opens at the first audio, and the answers to its messages.

use super::{
    config::{Config, Options},
    messages::ServerMessage,
    reply::{Milestone, Replies},
    settings::VoskSettings,
};
use crate::fields::KEYTERMS;
use auricle_core::{AudioFormat, Encoding, Failure, FailureCode, Pace};
use auricle_session::{Admitted, NumberedEvent, Session, SessionEvents, SessionRequest};
use serde_json::{Map, Value};
use std::{future, sync::Arc};
use tokio_tungstenite::tungstenite::Bytes;

/// A connection's stream.
pub(super) struct Stream {
    names: Arc<VoskSettings>,
    options: Options,
    state: State,
}

enum State {
    /// No audio yet.
    Waiting(Admitted),
    Open(Box<Open>),
    /// The session could not be opened.
    Refused,
}

struct Open {
    session: Session,
    events: SessionEvents,
    replies: Replies,
}

impl Stream {
    pub(super) fn new(names: Arc<VoskSettings>, admitted: Admitted) -> Self {
        Self { names, options: Options::default(), state: State::Waiting(admitted) }
    }

    /// Applies a `config`.
    ///
    /// # Errors
    /// The message is too late, or its values are invalid.
    pub(super) fn configure(&mut self, config: Config) -> Result<(), Failure> {
        let before = self.options.sample_rate;
        self.options.apply(config, self.is_open())?;
        if let State::Open(open) = &mut self.state {
            open.replies.configure(&self.options);
            if self.options.sample_rate != before {
                open.session.configure(audio(&self.options)?)?;
            }
        }
        Ok(())
    }

    /// Processes audio. Returns the answer once the engine has processed it.
    pub(super) async fn audio(&mut self, audio: Bytes) -> Result<ServerMessage, Failure> {
        // At most one second at a time, as much as a live stream may have waiting.
        let second = 2 * self.options.sample_rate as usize;
        let open = self.open().await?;
        let mut left = audio;
        loop {
            open.session.audio(left.split_to(left.len().min(second))).await;
            open.catch_up().await?;
            if left.is_empty() {
                return Ok(open.replies.answer_audio());
            }
        }
    }

    /// Decodes all audio. Returns the final text since the last answer.
    pub(super) async fn reset(&mut self) -> Result<ServerMessage, Failure> {
        if let State::Open(open) = &mut self.state {
            open.session.flush();
            open.until(Milestone::Flushed).await?;
        }
        Ok(self.last_answer())
    }

    /// Ends the audio. Returns the final text since the last answer.
    pub(super) async fn finish(&mut self) -> Result<ServerMessage, Failure> {
        if let State::Open(open) = &mut self.state {
            open.session.finish();
            open.until(Milestone::Done).await?;
        }
        Ok(self.last_answer())
    }

    /// Waits until the session fails.
    pub(super) async fn failure(&mut self) -> Failure {
        if let State::Open(open) = &mut self.state {
            loop {
                if let Err(failure) = open.next().await {
                    return failure;
                }
            }
        }
        future::pending().await
    }

    /// Whether the session is open.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// Ends the stream with a failure. Returns the final text that was not sent yet, if there is any.
    pub(super) fn fail(&mut self, failure: &Failure) -> Option<ServerMessage> {
        match &mut self.state {
            State::Waiting(admitted) => admitted.refuse(failure),
            State::Refused => {}
            State::Open(open) => {
                open.session.fail(failure.clone());
                let events = open.events.take();
                // The result is the failure itself, which is reported already.
                let _ = open.apply(events);
                return open.replies.has_final().then(|| open.replies.answer_end());
            }
        }
        None
    }

    /// Ends the session of a client that does not read its answers.
    pub(super) fn give_up(&mut self, failure: Failure) {
        if let State::Open(open) = &mut self.state {
            open.events.give_up(failure);
        }
    }

    fn last_answer(&mut self) -> ServerMessage {
        match &mut self.state {
            State::Open(open) => open.replies.answer_end(),
            _ => Replies::new(&self.options, 1, "").answer_end(),
        }
    }

    /// Opens the session unless it is open.
    async fn open(&mut self) -> Result<&mut Open, Failure> {
        if let State::Waiting(admitted) = &self.state {
            let preset = self.names.preset(&self.options, admitted)?;
            let request = self.request(preset)?;
            if let State::Waiting(admitted) = std::mem::replace(&mut self.state, State::Refused) {
                let (session, events) = admitted.open(request).await?;
                let metadata = &session.info().metadata;
                let replies = Replies::new(&self.options, metadata.sample_rate, &metadata.separator);
                self.state = State::Open(Box::new(Open { session, events, replies }));
            }
        }
        match &mut self.state {
            State::Open(open) => Ok(open),
            _ => Err(Failure::new(FailureCode::EngineUnavailable, "the stream could not be opened")),
        }
    }

    fn request(&self, preset: String) -> Result<SessionRequest, Failure> {
        let mut options = Map::new();
        if !self.options.phrases.is_empty() {
            options.insert(KEYTERMS.to_owned(), Value::from(self.options.phrases.clone()));
        }
        Ok(SessionRequest { preset, options, audio: audio(&self.options)?, multichannel: false, pace: Pace::Live })
    }
}

/// The audio format in the client's options.
fn audio(options: &Options) -> Result<AudioFormat, Failure> {
    let sample_rate = options.sample_rate;
    let audio = AudioFormat { encoding: Encoding::S16le, sample_rate, channels: 1, channel: None };
    audio.check().map_err(|problem| Failure::new(FailureCode::BadMessage, format!("`config`: {problem}")))?;
    Ok(audio)
}

impl Open {
    /// Waits until the engine has processed all the audio that fills its chunks.
    async fn catch_up(&mut self) -> Result<(), Failure> {
        loop {
            let events = tokio::select! {
                events = self.events.next() => events,
                () = self.session.caught_up() => {
                    let events = self.events.take();
                    return self.apply(events).map(drop);
                }
            };
            self.apply(events)?;
        }
    }

    /// Processes events up to a milestone.
    async fn until(&mut self, milestone: Milestone) -> Result<(), Failure> {
        while self.next().await? != Some(milestone.clone()) {}
        Ok(())
    }

    async fn next(&mut self) -> Result<Option<Milestone>, Failure> {
        let events = self.events.next().await;
        if events.is_empty() {
            return future::pending().await;
        }
        self.apply(events)
    }

    /// Processes events; returns the last milestone among them.
    fn apply(&mut self, events: Vec<Arc<NumberedEvent>>) -> Result<Option<Milestone>, Failure> {
        let mut passed = Ok(None);
        for event in events {
            // They are sent with the next answer at the latest, and this protocol cannot request them again.
            self.events.acknowledge(event.seq);
            match self.replies.apply(event.event.clone()) {
                Some(Milestone::Failed(failure)) => passed = Err(failure),
                Some(milestone) => passed = Ok(Some(milestone)),
                None => {}
            }
        }
        passed
    }
}
