//! A connection of a Deepgram client: audio and a few commands come in, results go back.
//!
//! Times are of the audio, not of the clock. No I/O.

use super::{
    channel_results::ChannelResults,
    codes::{close_code, close_reason},
    messages::{ClientMessage, Metadata, ServerMessage, Warning},
    request::Request,
};
use crate::{
    fields::note_ignored,
    websocket::{
        close,
        side::{Ask, Side},
    },
};
use auricle_core::{AudioFormat, Event, Failure, FailureCode, Pace, metrics::Metrics};
use auricle_session::{Admitted, Protocol, SessionInfo, SessionRequest};
use sha2::{Digest, Sha256};
use std::time::SystemTime;
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};

/// The messages of one connection.
pub(super) struct Connection {
    request: Request,
    protocol: Protocol,
    created: SystemTime,
    hash: Sha256,
    /// The format of the audio. That of a container is known when the session is open.
    audio: AudioFormat,
    /// Frames of audio received.
    frames: u64,
    /// One, or one for each channel.
    channels: Vec<ChannelResults>,
}

impl Connection {
    pub(super) fn new(request: Request, protocol: Protocol) -> Self {
        let audio = request.options.audio.unwrap_or_default();
        let channels = channels(&request, audio);
        Self { request, protocol, created: SystemTime::now(), hash: Sha256::new(), audio, frames: 0, channels }
    }

    /// Seconds of audio received.
    fn time(&self) -> f64 {
        self.frames as f64 / f64::from(self.audio.sample_rate)
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
}

/// One for the mix of the channels, or one for each.
fn channels(request: &Request, audio: AudioFormat) -> Vec<ChannelResults> {
    let count = if request.options.multichannel { audio.channels } else { 1 };
    (0..count).map(|channel| ChannelResults::new(request, [channel, count])).collect()
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
            ClientMessage::Finalize { .. } if self.frames == 0 => Ask {
                say: texts(self.channels.iter_mut().map(|channel| channel.finalized(0.0))).collect(),
                ..Ask::default()
            },
            ClientMessage::Finalize { .. } => {
                self.channels.iter_mut().for_each(ChannelResults::finalize);
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
        let now = self.time();
        let say = texts(self.channels.iter_mut().flat_map(|channel| channel.passed(now))).collect();
        self.hash.update(&audio);
        Ok(Ask { say, finish: audio.is_empty(), audio, ..Ask::default() })
    }

    fn is_contained(&self) -> bool {
        self.request.options.audio.is_none()
    }

    fn splits_channels(&self) -> bool {
        self.request.options.multichannel
    }

    fn processed(&mut self, frames: u64) {
        self.frames = frames;
    }

    fn request(&mut self, _: &Admitted) -> Result<SessionRequest, Failure> {
        Ok(self.request.session(self.audio, Pace::Live))
    }

    fn opened(&mut self, info: &SessionInfo, metrics: &Metrics, _: &mut Vec<Message>) -> Result<(), Failure> {
        self.audio = info.audio;
        self.channels = channels(&self.request, self.audio);
        self.channels.iter_mut().for_each(|channel| channel.open(info));
        tracing::debug!(stream = info.id, request_id = self.request.id, "stream of a Deepgram client");
        note_ignored(self.protocol.name, &self.request.options.ignored, info, metrics);
        self.request.options.ignored.extend(info.warnings.iter().map(|warning| warning.field));
        Ok(())
    }

    fn tell(&mut self, event: &Event, out: &mut Vec<Message>) {
        self.tell_of_channel(None, event, out);
    }

    fn tell_of_channel(&mut self, channel: Option<u16>, event: &Event, out: &mut Vec<Message>) {
        let (options, rate) = (&self.request.options, self.audio.sample_rate);
        let concerned =
            (0..).zip(&mut self.channels).filter(|(place, _)| channel.is_none_or(|channel| channel == *place));
        out.extend(texts(concerned.flat_map(|(_, channel)| channel.messages(event, options, rate))));
    }

    fn done(&mut self, out: &mut Vec<Message>) -> bool {
        let duration = self.time();
        if self.frames > 0 {
            out.extend(texts(self.channels.iter_mut().map(|channel| channel.ended(duration))));
        }
        let options = &self.request.options;
        let metadata = Metadata {
            transaction_key: "deprecated".to_owned(),
            request_id: self.request.id.clone(),
            sha256: hex::encode(self.hash.clone().finalize()),
            created: humantime::format_rfc3339_millis(self.created).to_string(),
            duration,
            channels: self.audio.channels,
            warnings: options.ignored.iter().map(|name| Warning::without_effect(name)).collect(),
        };
        out.extend(texts([ServerMessage::Metadata(metadata)]));
        out.push(close(1000, ""));
        false
    }

    fn failed(&mut self, failure: &Failure) -> Vec<Message> {
        let error = (failure.code == FailureCode::BadMessage)
            .then(|| ServerMessage::Error { variant: "SchemaError".to_owned(), description: failure.to_string() });
        let held = self.channels.iter().filter_map(ChannelResults::held);
        texts(held.chain(error)).chain([close(close_code(failure.code), &close_reason(failure))]).collect()
    }
}
