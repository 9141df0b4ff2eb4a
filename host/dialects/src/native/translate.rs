//! Translates a session's events to messages.

use super::messages::{
    Heard, Ready, ResumeOffer, Resumed, Seam, ServerEvent, ServerMessage, Survives, Text, TurnEnd, TurnEvent,
    TurnTrigger,
};
use auricle_core::{
    Event, Failure, Warning,
    times::{rounded, seconds},
};
use auricle_plugin_api::{self as api, Metadata, Segment, Turn, TurnChange};
use auricle_session::{self as session, Hold, NumberedEvent, Progress, SessionInfo};
use std::sync::Arc;

/// Has what `ready` tells.
#[derive(Debug, Clone)]
pub(crate) struct Translator {
    info: Arc<SessionInfo>,
    /// If the client can resume the session.
    resume: Option<ResumeOffer>,
}

impl Translator {
    pub(crate) fn new(info: Arc<SessionInfo>, hold: Option<&Hold>) -> Self {
        let offer = |hold: &Hold| {
            let survives = hold.survives().map(wire_survives);
            ResumeOffer { token: hold.token().to_owned(), seconds: hold.seconds(), survives }
        };
        Self { info, resume: hold.map(offer) }
    }

    /// Whether the client can resume the session.
    pub(super) fn is_resumable(&self) -> bool {
        self.resume.is_some()
    }

    /// What a client is told that resumes; it has lost so many events.
    pub(super) fn resumed(&self, progress: Progress, missed: u64, seam: Option<session::Seam>) -> ServerEvent {
        let Progress { epoch, received, flushes, finished } = progress;
        let (stream, resume) = (self.info.id.clone(), self.resume.clone().unwrap_or_default());
        let seam = seam.map(|seam| match seam {
            session::Seam::Exact => Seam::Exact,
            session::Seam::Lossless => Seam::Lossless,
        });
        ServerEvent::Resumed(Resumed { stream, epoch, received, flushes, finished, missed, seam, resume })
    }

    /// What the server has.
    pub(super) fn heard(&self, heard: session::Heard) -> Heard {
        let session::Heard { epoch, received, final_end, durable, wants_ack: _ } = heard;
        if let Some(session::Durable::From(frame, survives)) = durable {
            return Heard { epoch, received, durable: frame.min(received), survives: Some(wire_survives(survives)) };
        }
        let Metadata { sample_rate, chunk_samples, .. } = self.info.metadata;
        let durable = final_end.saturating_sub(chunk_samples.into()) as f64;
        // Without a store, whoever goes on elsewhere needs what is not final, and a chunk before it.
        let durable = (durable * f64::from(self.info.audio.sample_rate) / f64::from(sample_rate)) as u64;
        Heard { epoch, received, durable: durable.min(received), survives: None }
    }

    /// Translates an event, with its number and its channel.
    pub(crate) fn numbered(&self, NumberedEvent { seq, channel, event }: &NumberedEvent) -> ServerMessage {
        ServerMessage { seq: Some(*seq), channel: *channel, event: self.message(event) }
    }

    /// Translates an event.
    fn message(&self, event: &Event) -> ServerEvent {
        let rate = self.info.metadata.sample_rate;
        let seconds = |samples: u64| seconds(samples, rate);
        let text = |segment: &Segment| Text::of(segment, rate);
        match event {
            Event::Ready { epoch } => ServerEvent::Ready(self.ready(*epoch)),
            Event::Warning(Warning { field, message }) => {
                ServerEvent::Warning { field: (*field).to_owned(), message: message.clone() }
            }
            Event::SpeechStarted(sample) => ServerEvent::SpeechStarted { time: seconds(*sample) },
            Event::Partial(segment) => ServerEvent::Partial(text(segment)),
            Event::Segment(segment) => ServerEvent::Segment(text(segment)),
            Event::Endpoint(sample) => ServerEvent::Endpoint { time: seconds(*sample) },
            Event::Turn(turn) => turn_event(turn, seconds(turn.sample)),
            Event::Lag(waited) => ServerEvent::Lag { seconds: rounded(*waited) },
            Event::Gap(start, end) => ServerEvent::Gap { start: seconds(*start), end: seconds(*end) },
            Event::Restarted(sample) => ServerEvent::Restarted { time: seconds(*sample) },
            Event::Flushed(sample) => ServerEvent::Flushed { sample: *sample },
            Event::Failed(failure) => Self::error(failure),
            Event::Done(sample) => ServerEvent::Done { seconds: seconds(*sample) },
        }
    }

    /// Translates a failure.
    pub(crate) fn error(failure: &Failure) -> ServerEvent {
        ServerEvent::Error { code: failure.code.for_clients(), message: failure.message.clone() }
    }

    fn ready(&self, epoch: u32) -> Ready {
        let SessionInfo { id, preset, backend, metadata, audio, multichannel, warnings: _ } = &*self.info;
        let Metadata { separator, sample_rate, chunk_samples, languages, capabilities, .. } = metadata;
        Ready {
            stream: id.clone(),
            epoch,
            preset: preset.clone(),
            backend: backend.clone(),
            separator: separator.clone(),
            sample_rate: *sample_rate,
            chunk_seconds: seconds((*chunk_samples).into(), *sample_rate),
            languages: languages.clone(),
            capabilities: capabilities.clone(),
            audio: *audio,
            multichannel: *multichannel,
            resume: self.resume.clone(),
        }
    }
}

/// The message of something that happened to a turn, at this time.
fn turn_event(turn: &Turn, time: f64) -> ServerEvent {
    let Turn { change, confidence, number, .. } = *turn;
    let event = TurnEvent { turn: number, time, confidence };
    match change {
        TurnChange::Started => ServerEvent::TurnStarted(event),
        TurnChange::EagerEnd => ServerEvent::TurnEagerEnd(event),
        TurnChange::Resumed => ServerEvent::TurnResumed(event),
        TurnChange::Ended(trigger) => {
            let trigger = match trigger {
                api::TurnTrigger::Manual => TurnTrigger::Manual,
                api::TurnTrigger::Timeout => TurnTrigger::Timeout,
                _ => TurnTrigger::Model,
            };
            ServerEvent::TurnEnded(TurnEnd { turn: number, time, trigger, confidence })
        }
        _ => ServerEvent::TurnUpdate(event),
    }
}

fn wire_survives(survives: session::Survives) -> Survives {
    match survives {
        session::Survives::Process => Survives::Process,
        session::Survives::Machine => Survives::Machine,
    }
}
