//! A connection of an OpenAI client: changes of the session, audio and commits come in; items with their text go back.
//!
//! Invariants: what a client does wrong is answered with an `error` and changes nothing; the connection goes on. Changes
//! that an open stream cannot take up end it, all its text is sent, and the next audio opens another. No I/O.

use super::{
    asked::Asked,
    config::Config,
    detection::TurnDetection,
    items::Items,
    messages::{ClientEvent, ClientMessage, ServerEvent, ServerMessage, Shape},
};
use crate::{
    Visitor,
    fields::note_ignored,
    openai::Problem,
    preset::{default_preset, named_preset},
    websocket::{
        close_failed,
        side::{Ask, Side},
    },
};
use auricle_core::{Event, Failure, FailureCode, Pace, metrics::Metrics};
use auricle_session::{Admitted, Protocol, SessionInfo, SessionRequest};
use serde_json::{Map, Value};
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};
use uuid::Uuid;

/// The messages of one connection.
pub(super) struct Connection {
    protocol: Protocol,
    /// The model unless the client names one in the session; `None` if there is none.
    model: Option<String>,
    /// `None` if the client is refused.
    visitor: Option<Visitor>,
    id: String,
    /// Messages sent.
    count: u64,
    config: Config,
    /// What the next stream is opened with, or what the open one was opened with.
    asked: Asked,
    /// The open stream.
    stream: Option<SessionInfo>,
    /// Seconds of audio before the open stream.
    base: f64,
    /// Bytes of audio received in the open stream.
    received: u64,
    items: Items,
}

impl Connection {
    pub(super) fn new(model: Option<String>, protocol: Protocol, admitted: Option<&Admitted>) -> Self {
        let id = Uuid::new_v4().simple().to_string();
        let mut config = Config::default();
        config.transcription.model.clone_from(&model);
        Self {
            protocol,
            model,
            visitor: admitted.map(|admitted| Visitor {
                sessions: admitted.sessions().clone(),
                caller: admitted.caller().clone(),
                protocol,
            }),
            count: 0,
            config,
            asked: Asked::default(),
            stream: None,
            base: 0.0,
            received: 0,
            items: Items::new(id[..12].to_owned()),
            id,
        }
    }

    /// Seconds of audio received.
    fn now(&self) -> f64 {
        let audio = self.config.audio;
        let frames = self.received / audio.frame_bytes() as u64;
        self.base + frames as f64 / f64::from(audio.sample_rate)
    }

    fn messages(&mut self, events: impl IntoIterator<Item = ServerEvent>) -> Vec<Message> {
        let id = &self.id[..12];
        let count = &mut self.count;
        let message = |event| {
            *count += 1;
            Message::text(ServerMessage { event_id: format!("event_{id}{count:06}"), event }.to_string())
        };
        events.into_iter().map(message).collect()
    }

    fn say(&mut self, events: impl IntoIterator<Item = ServerEvent>) -> Ask {
        Ask { say: self.messages(events), ..Ask::default() }
    }

    fn session(&self, shape: Shape) -> Value {
        self.config.session(&format!("sess_{}", self.id), shape)
    }

    /// Does what a client asks for.
    fn handle(&mut self, event: ClientEvent) -> Result<Ask, Problem> {
        match event {
            ClientEvent::Update(shape, session) => self.update(shape, &session),
            ClientEvent::Append(audio) => {
                self.received += audio.len() as u64;
                Ok(Ask { audio, ..Ask::default() })
            }
            ClientEvent::Commit => {
                let events = self.items.commit(self.now())?;
                Ok(self.flush(events))
            }
            ClientEvent::Clear => {
                if !self.items.clear(self.now()) {
                    return Ok(self.say([ServerEvent::Cleared]));
                }
                Ok(self.flush(vec![ServerEvent::Cleared]))
            }
        }
    }

    /// Asks for the text of all audio so far. Without a stream it is there already.
    fn flush(&mut self, mut events: Vec<ServerEvent>) -> Ask {
        if self.stream.is_none() {
            self.items.settle(&self.config, &mut events);
        }
        Ask { flush: true, ..self.say(events) }
    }

    fn update(&mut self, shape: Shape, session: &Map<String, Value>) -> Result<Ask, Problem> {
        let mut next = self.config.clone();
        next.apply(session)?;
        if next.transcription.model.is_none() {
            next.transcription.model.clone_from(&self.model);
        }
        let asked = self.asked(&next);
        let restarts = asked.and_then(|asked| {
            next.has_stage = asked.as_ref().is_some_and(|asked| asked.has_stage);
            self.restarts(&next, asked)
        });
        let finish = restarts.inspect_err(|problem| {
            self.visitor.iter().for_each(|visitor| visitor.refuse(&problem.failure));
        })?;
        if finish || next.audio != self.config.audio {
            // Audio is counted in the format in which it came.
            self.base = self.now();
            self.received = 0;
        }
        self.config = next;
        self.items.shape = shape;
        let session = self.session(shape);
        let updated = match shape {
            Shape::Current => ServerEvent::Updated { session },
            Shape::Beta => ServerEvent::BetaUpdated { session },
        };
        Ok(Ask { finish, ..self.say([updated]) })
    }

    /// What a stream would be opened with; `None` if that is known only then.
    fn asked(&self, next: &Config) -> Result<Option<Asked>, Problem> {
        let (Some(visitor), Some(model)) = (&self.visitor, &next.transcription.model) else { return Ok(None) };
        let preset = named_preset(model, &visitor.sessions, &visitor.caller)?;
        Asked::new(preset, next, &visitor.sessions).map(Some)
    }

    /// Checks a change. Returns whether the open stream cannot take it up.
    fn restarts(&self, next: &Config, asked: Option<Asked>) -> Result<bool, Problem> {
        let Some(info) = &self.stream else { return Ok(false) };
        match asked {
            Some(asked) if asked.is_same(&self.asked) && next.audio == self.config.audio => {
                can_tell(next, info)?;
                Ok(false)
            }
            _ => Ok(true),
        }
    }
}

/// Checks that the model has what is to be told.
fn can_tell(config: &Config, info: &SessionInfo) -> Result<(), Problem> {
    let has_confidence = info.metadata.capabilities.iter().any(|name| name == "confidence");
    if config.logprobs && !has_confidence {
        let problem = format!("the model of preset `{}` reports no probabilities", info.preset);
        return Err(Problem::unsupported("session.include", problem));
    }
    Ok(())
}

impl Side for Connection {
    fn protocol(&self) -> Protocol {
        self.protocol
    }

    fn hello(&mut self) -> Vec<Message> {
        let session = self.session(Shape::Current);
        self.messages([ServerEvent::Created { session }])
    }

    fn text(&mut self, text: &Utf8Bytes) -> Result<Ask, Failure> {
        let ClientMessage { event_id, event } = ClientMessage::parse(text);
        Ok(event.and_then(|event| self.handle(event)).unwrap_or_else(|problem| {
            tracing::debug!(session = self.id, "a message of a client of OpenAI is refused: {problem}");
            self.say([ServerEvent::error(&problem, event_id)])
        }))
    }

    fn binary(&mut self, _: Bytes) -> Result<Ask, Failure> {
        let problem = Problem::malformed("a binary message: send audio as base64 in `input_audio_buffer.append`");
        Ok(self.say([ServerEvent::error(&problem, None)]))
    }

    fn request(&mut self, admitted: &Admitted) -> Result<SessionRequest, Failure> {
        let wanted = &self.config.transcription;
        let preset = match &wanted.model {
            Some(model) => named_preset(model, admitted.sessions(), admitted.caller())?,
            None => {
                let advice = "set `model` in `session.audio.input.transcription`, or ";
                default_preset(None, self.protocol.name, advice, admitted)?
            }
        };
        self.asked =
            Asked::new(preset.clone(), &self.config, admitted.sessions()).map_err(|problem| problem.failure)?;
        let options = self.asked.fields.clone();
        Ok(SessionRequest { preset, options, audio: self.config.audio, multichannel: false, pace: Pace::Live })
    }

    fn opened(&mut self, info: &SessionInfo, metrics: &Metrics, _: &mut Vec<Message>) -> Result<(), Failure> {
        can_tell(&self.config, info).map_err(|problem| problem.failure)?;
        self.items.open(&info.metadata, self.base);
        self.stream = Some(info.clone());
        tracing::debug!(stream = info.id, session = self.id, "stream of a client of OpenAI");
        self.config.has_stage = self.asked.has_stage;
        let mut ignored = self.config.ignored.clone();
        ignored.extend(self.asked.ignored);
        if matches!(self.config.detection(), TurnDetection::Meaning(_)) && !self.items.has_stage() {
            ignored.push("turn_detection.type");
        }
        note_ignored(self.protocol.name, &ignored, info, metrics);
        Ok(())
    }

    fn tell(&mut self, event: &Event, out: &mut Vec<Message>) {
        let events = self.items.event(event, &self.config);
        out.extend(self.messages(events));
    }

    fn wants_flush(&mut self) -> bool {
        self.items.take_flush()
    }

    /// The stream ends because of a change; the connection goes on.
    fn done(&mut self, _: &mut Vec<Message>) -> bool {
        self.stream = None;
        true
    }

    fn failed(&mut self, failure: &Failure) -> Vec<Message> {
        let problem = Problem::from(failure.clone());
        let stops = failure.code == FailureCode::ShuttingDown;
        // All text is there then.
        let mut events = if stops || failure.code == FailureCode::EndedByOperator {
            self.items.end(self.now(), &self.config)
        } else {
            self.items.fail(&problem)
        };
        // When the server stops, clients connect again, which some do not after an `error`.
        if !stops {
            events.push(ServerEvent::error(&problem, None));
        }
        let mut last = self.messages(events);
        last.push(close_failed(failure));
        last
    }
}
