//! A connection of a Deepgram client: audio and a few commands come in, results go back.
//!
//! Times are of the audio, not of the clock. No I/O.

use super::{
    codes::{close_code, close_reason},
    messages::{ClientMessage, Metadata, ServerMessage, Warning},
    options::Options,
    results::{CHANNEL, Timeline},
    utterance::UtteranceGap,
};
use crate::{
    fields::{HOTWORDS, WantedLanguage, note_ignored},
    websocket::{
        close,
        dialogue::{Ask, Side},
    },
};
use auricle_core::{Event, Failure, FailureCode, Pace, metrics::Metrics};
use auricle_plugin_api::Segment;
use auricle_session::{Admitted, Protocol, SessionInfo, SessionRequest};
use serde_json::Map;
use sha2::{Digest, Sha256};
use std::time::SystemTime;
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};

/// What the URL of a connection asks for.
#[derive(Debug, Clone, Default)]
pub(super) struct Request {
    pub(super) id: String,
    pub(super) preset: String,
    pub(super) options: Options,
}

/// The messages of one connection.
pub(super) struct Connection {
    request: Request,
    protocol: Protocol,
    language: WantedLanguage,
    created: SystemTime,
    hash: Sha256,
    /// Bytes of audio received.
    received: u64,
    timeline: Timeline,
    gap: UtteranceGap,
}

impl Connection {
    pub(super) fn new(request: Request, protocol: Protocol) -> Self {
        let timeline = Timeline::new(&request.id, request.options.language.is_none());
        let gap = UtteranceGap::new(request.options.utterance_end);
        Self {
            request,
            protocol,
            language: WantedLanguage::default(),
            created: SystemTime::now(),
            hash: Sha256::new(),
            received: 0,
            timeline,
            gap,
        }
    }

    /// Seconds of audio received.
    fn time(&self) -> f64 {
        let audio = self.request.options.audio;
        let frames = self.received / audio.frame_bytes() as u64;
        frames as f64 / f64::from(audio.sample_rate)
    }

    fn configure(&self, keyterms: Option<Vec<String>>) -> ServerMessage {
        let request_id = self.request.id.clone();
        match keyterms {
            None => ServerMessage::ConfigureSuccess { request_id },
            Some(_) => ServerMessage::ConfigureFailure {
                request_id,
                code: "CONFIGURE_KEYTERMS_NOT_SUPPORTED".to_owned(),
                description: "`keyterms` cannot change during a stream: set `keyterm` in the URL of the next one"
                    .to_owned(),
            },
        }
    }

    fn speech(&mut self, text: &Segment) -> Option<ServerMessage> {
        let start = text.words.first().map_or(text.start, |word| word.start);
        self.gap.spoken(self.timeline.time(start)).map(utterance_end)
    }

    /// The messages for an event.
    fn messages(&mut self, event: &Event) -> Vec<ServerMessage> {
        let options = &self.request.options;
        let mut out = Vec::new();
        match event {
            Event::SpeechStarted(sample) if options.vad_events => {
                out.extend(self.timeline.release());
                out.push(ServerMessage::SpeechStarted { channel: CHANNEL, timestamp: self.timeline.time(*sample) });
            }
            Event::Partial(text) if !text.text_bytes().is_empty() => {
                let sends = options.interim_results;
                out.extend(self.timeline.release());
                out.extend(self.speech(text));
                out.extend(sends.then(|| self.timeline.partial(text)));
            }
            Event::Segment(text) if !text.text_bytes().is_empty() => {
                out.extend(self.timeline.release());
                out.extend(self.speech(text));
                out.extend(self.timeline.segment(text));
                let end = text.words.last().map_or(text.end, |word| word.end);
                self.gap.settled(self.timeline.time(end));
            }
            Event::Endpoint(sample) => {
                out.extend(self.timeline.endpoint(*sample));
                if let Some(last_word) = self.gap.passed(self.timeline.time(*sample)) {
                    out.extend(self.timeline.release());
                    out.push(utterance_end(last_word));
                }
            }
            Event::Flushed(frames) => {
                let time = *frames as f64 / f64::from(options.audio.sample_rate);
                out.push(self.timeline.finalized(time));
            }
            // The protocol has no messages for these.
            _ => {}
        }
        out
    }
}

fn utterance_end(last_word_end: f64) -> ServerMessage {
    ServerMessage::UtteranceEnd { channel: CHANNEL, last_word_end }
}

fn texts(messages: impl IntoIterator<Item = ServerMessage>) -> impl Iterator<Item = Message> {
    messages.into_iter().map(|message| Message::text(message.to_string()))
}

impl Side for Connection {
    fn protocol(&self) -> Protocol {
        self.protocol
    }

    fn text(&mut self, text: &Utf8Bytes) -> Result<Ask, Failure> {
        Ok(match ClientMessage::parse(text)? {
            ClientMessage::KeepAlive => Ask::default(),
            // Without audio there is nothing to decode, but clients wait for the answer.
            ClientMessage::Finalize { .. } if self.received == 0 => {
                Ask { say: texts([self.timeline.finalized(0.0)]).collect(), ..Ask::default() }
            }
            ClientMessage::Finalize { .. } => {
                self.timeline.finalize();
                Ask { flush: true, ..Ask::default() }
            }
            ClientMessage::CloseStream => Ask { finish: true, ..Ask::default() },
            ClientMessage::Configure { keyterms } => {
                Ask { say: texts([self.configure(keyterms)]).collect(), ..Ask::default() }
            }
        })
    }

    fn binary(&mut self, audio: Bytes) -> Result<Ask, Failure> {
        // All audio before is processed.
        let ended = self.gap.passed(self.time());
        let held = ended.and_then(|_| self.timeline.release());
        let say = texts(held.into_iter().chain(ended.map(utterance_end))).collect();
        self.hash.update(&audio);
        self.received += audio.len() as u64;
        Ok(Ask { say, finish: audio.is_empty(), audio, ..Ask::default() })
    }

    fn request(&mut self, admitted: &Admitted) -> Result<SessionRequest, Failure> {
        let Request { options, preset, .. } = &self.request;
        let mut fields = Map::new();
        self.language = WantedLanguage::new(options.language.as_deref(), preset, admitted.sessions(), &mut fields);
        if !options.phrases.is_empty() {
            fields.insert(HOTWORDS.to_owned(), options.phrases.clone().into());
        }
        Ok(SessionRequest { preset: preset.clone(), options: fields, audio: options.audio, pace: Pace::Live })
    }

    fn opened(&mut self, info: &SessionInfo, metrics: &Metrics, _: &mut Vec<Message>) -> Result<(), Failure> {
        self.language.check(info)?;
        self.timeline.open(info);
        tracing::debug!(stream = info.id, request_id = self.request.id, "stream of a Deepgram client");
        note_ignored(self.protocol.name, &self.request.options.ignored, info, metrics);
        Ok(())
    }

    fn tell(&mut self, event: &Event, out: &mut Vec<Message>) {
        out.extend(texts(self.messages(event)));
    }

    fn done(&mut self, out: &mut Vec<Message>) -> bool {
        let duration = self.time();
        if self.received > 0 {
            out.extend(texts([self.timeline.ended(duration)]));
        }
        let options = &self.request.options;
        let metadata = Metadata {
            transaction_key: "deprecated".to_owned(),
            request_id: self.request.id.clone(),
            sha256: hex::encode(self.hash.clone().finalize()),
            created: humantime::format_rfc3339_millis(self.created).to_string(),
            duration,
            channels: options.audio.channels,
            warnings: options.ignored.iter().map(|name| Warning::without_effect(name)).collect(),
        };
        out.extend(texts([ServerMessage::Metadata(metadata)]));
        out.push(close(1000, ""));
        false
    }

    fn failed(&mut self, failure: &Failure) -> Vec<Message> {
        let error = (failure.code == FailureCode::BadMessage)
            .then(|| ServerMessage::Error { variant: "SchemaError".to_owned(), description: failure.to_string() });
        let held = self.timeline.held();
        texts(held.into_iter().chain(error)).chain([close(close_code(failure.code), &close_reason(failure))]).collect()
    }
}
