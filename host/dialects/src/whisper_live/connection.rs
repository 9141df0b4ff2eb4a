//! A connection of a WhisperLive client: its options, then audio; the last segments go back whenever the text changes.
//!
//! Invariants: the times of segments only grow, and each segment is sent as complete in a message of its own. Before
//! that its final text was sent as incomplete: the published client writes an incomplete text that differs from the last
//! complete one into its subtitles, as a further line. No I/O.

use super::{
    messages::{END, Segment, ServerMessage, Status, Word},
    options::{Hello, Options, Samples},
    settings::WhisperLiveSettings,
};
use crate::{
    fields::{KEYTERMS, LANGUAGE, PROMPT, TASK, note_ignored},
    preset::default_preset,
    websocket::{
        close, registered_close_code,
        side::{Ask, Side},
    },
};
use auricle_core::{Event, Failure, FailureCode, Pace, metrics::Metrics};
use auricle_plugin_api as api;
use auricle_session::{Admitted, Protocol, SessionInfo, SessionRequest};
use serde_json::{Map, Value};
use std::{collections::VecDeque, time::Duration};
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};

/// A text becomes final if no audio follows for this long. The published client closes 15 s after the last change.
const SETTLE: Duration = Duration::from_secs(5);
/// The time after which a client may try again, in minutes.
const WAIT_MINUTES: f64 = 1.0;

/// The messages of one connection.
pub(super) struct WhisperLive {
    settings: WhisperLiveSettings,
    protocol: Protocol,
    uid: Value,
    /// `None` before the client's first message.
    options: Option<Options>,
    /// The model's sample rate in Hz.
    rate: u32,
    separator: String,
    complete: VecDeque<Segment>,
    /// The end of the last complete segment, in samples.
    end: u64,
    /// The text of the incomplete segment as it was sent last.
    incomplete: String,
    /// Whether the language was reported.
    has_language: bool,
}

impl WhisperLive {
    pub(super) fn new(settings: WhisperLiveSettings, protocol: Protocol) -> Self {
        Self {
            settings,
            protocol,
            uid: Value::Null,
            options: None,
            rate: 16_000,
            separator: " ".to_owned(),
            complete: VecDeque::new(),
            end: 0,
            incomplete: String::new(),
            has_language: false,
        }
    }

    fn preset(&self, options: &Options, admitted: &Admitted) -> Result<String, Failure> {
        let named = options.model.as_ref();
        let presets = admitted.sessions().presets(admitted.caller());
        let named = named.map(|model| admitted.sessions().preset_for(model));
        match named.filter(|preset| presets.contains(preset)) {
            Some(preset) => Ok(preset),
            None => default_preset(self.settings.preset.as_ref(), "whisper-live", "", admitted),
        }
    }

    /// Converts a text; its times are not before those of the segments before.
    fn segment(&self, text: &api::Segment, completed: bool) -> Segment {
        let seconds = |samples: u64| format!("{:.3}", samples as f64 / f64::from(self.rate));
        let has_words = self.options.as_ref().is_some_and(|options| options.words);
        let word = |word: &api::Word| {
            let sure = word.confidence.or(text.confidence).map_or(1.0, f64::from);
            Word {
                word: format!("{}{}", self.separator, word.text()),
                start: seconds(word.start),
                end: seconds(word.end),
                probability: (sure * 10_000.0).round() / 10_000.0,
            }
        };
        let start = text.start.max(self.end);
        Segment {
            start: seconds(start),
            end: seconds(text.end.max(start)),
            text: format!("{}{}", self.separator, text.text()),
            completed,
            words: text.words.iter().filter(|_| has_words).map(word).collect(),
        }
    }

    fn send(&mut self, text: &api::Segment, out: &mut Vec<Message>) {
        let Some(options) = &self.options else { return };
        if let Some(language) = text.language.as_ref().filter(|_| options.language.is_none() && !self.has_language) {
            // Engines do not report how sure they are of it.
            let message = ServerMessage::language(self.uid.clone(), language.clone(), 1.0);
            out.push(Message::text(message.to_string()));
            self.has_language = true;
        }
        let last = self.segment(text, false);
        self.incomplete.clone_from(&last.text);
        let before = self.complete.len().saturating_sub(options.last_segments - 1);
        let segments = self.complete.iter().skip(before).cloned().chain([last]).collect();
        out.push(Message::text(ServerMessage::segments(self.uid.clone(), segments).to_string()));
    }
}

impl Side for WhisperLive {
    fn protocol(&self) -> Protocol {
        self.protocol
    }

    fn text(&mut self, text: &Utf8Bytes) -> Result<Ask, Failure> {
        if self.options.is_some() {
            // The end is a binary message, but nothing else can be meant.
            let finish = text.as_bytes() == END;
            let message = "a text message after the options: send audio, or END_OF_AUDIO as a binary message";
            return if finish {
                Ok(Ask { finish, ..Ask::default() })
            } else {
                Err(Failure::new(FailureCode::BadMessage, message))
            };
        }
        let Hello { uid, options } = Hello::parse(text)?;
        self.uid = uid;
        self.options = Some(options?);
        Ok(Ask { open: true, ..Ask::default() })
    }

    fn binary(&mut self, bytes: Bytes) -> Result<Ask, Failure> {
        let Some(options) = &self.options else {
            let message = "the first message must be a text with the options, but is binary";
            return Err(Failure::new(FailureCode::BadMessage, message));
        };
        if &*bytes == END {
            return Ok(Ask { finish: true, ..Ask::default() });
        }
        let audio = match options.samples {
            Samples::Uint8 => bytes.iter().flat_map(|byte| ((i16::from(*byte) - 128) << 8).to_le_bytes()).collect(),
            Samples::Float32 | Samples::Int16 => bytes,
        };
        Ok(Ask { audio, ..Ask::default() })
    }

    fn request(&mut self, admitted: &Admitted) -> Result<SessionRequest, Failure> {
        let options = self.options.clone().unwrap_or_default();
        let preset = self.preset(&options, admitted)?;
        let mut fields = Map::new();
        if let Some(language) = options.language {
            fields.insert(LANGUAGE.to_owned(), language.into());
        }
        if options.translates {
            fields.insert(TASK.to_owned(), "translate".into());
        }
        if !options.hotwords.is_empty() {
            fields.insert(KEYTERMS.to_owned(), options.hotwords.into());
        }
        if !options.prompt.is_empty() {
            fields.insert(PROMPT.to_owned(), options.prompt.into());
        }
        Ok(SessionRequest {
            preset,
            options: fields,
            audio: options.samples.audio(),
            multichannel: false,
            pace: Pace::Live,
        })
    }

    fn opened(&mut self, info: &SessionInfo, metrics: &Metrics, out: &mut Vec<Message>) -> Result<(), Failure> {
        self.rate = info.metadata.sample_rate;
        self.separator.clone_from(&info.metadata.separator);
        // First of all: some clients take the first message for it, whatever it is.
        out.push(Message::text(ServerMessage::ready(self.uid.clone()).to_string()));
        let ignored = self.options.as_ref().map(|options| options.ignored.clone()).unwrap_or_default();
        note_ignored(self.protocol.name, &ignored, info, metrics);
        if !ignored.is_empty() {
            let text = format!("without effect: {}", ignored.join(", "));
            out.push(Message::text(ServerMessage::status(self.uid.clone(), Status::Warning, text).to_string()));
        }
        Ok(())
    }

    fn tell(&mut self, event: &Event, out: &mut Vec<Message>) {
        match event {
            Event::Partial(text) if !text.text_bytes().is_empty() => self.send(text, out),
            Event::Segment(text) if !text.text_bytes().is_empty() => {
                let complete = self.segment(text, true);
                if self.incomplete != complete.text {
                    self.send(text, out);
                }
                self.end = self.end.max(text.end);
                self.incomplete.clear();
                self.complete.push_back(complete);
                let most = self.options.as_ref().map_or(1, |options| options.last_segments);
                if self.complete.len() > most {
                    self.complete.pop_front();
                }
                let segments = self.complete.iter().cloned().collect();
                out.push(Message::text(ServerMessage::segments(self.uid.clone(), segments).to_string()));
            }
            // The protocol has no messages for these.
            _ => {}
        }
    }

    fn done(&mut self, out: &mut Vec<Message>) -> bool {
        out.push(close(1000, ""));
        false
    }

    fn failed(&mut self, failure: &Failure) -> Vec<Message> {
        use FailureCode as C;
        let uid = self.uid.clone();
        let message = match failure.code.for_clients() {
            C::Capacity | C::Overloaded => ServerMessage::wait(uid, WAIT_MINUTES),
            C::IdleTimeout | C::ShuttingDown => ServerMessage::disconnect(uid),
            code => ServerMessage::status(uid, Status::Error, format!("{code}: {failure}")),
        };
        vec![Message::text(message.to_string()), close(close_code(failure.code), &failure.to_string())]
    }

    fn pause(&self) -> Option<Duration> {
        Some(SETTLE)
    }
}

/// After `DISCONNECT` clients connect again unless the close is normal. So it is after a time limit, and is not when the
/// server stops.
pub(super) fn close_code(code: FailureCode) -> u16 {
    match code {
        FailureCode::IdleTimeout => 1000,
        code => registered_close_code(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(options: &str) -> WhisperLive {
        let protocol = Protocol { name: "whisper-live", codes: auricle_session::Codes::Close(close_code) };
        let mut connection = WhisperLive::new(WhisperLiveSettings::default(), protocol);
        connection.text(&options.into()).unwrap();
        connection
    }

    fn told(connection: &mut WhisperLive, events: &[Event]) -> Vec<ServerMessage> {
        let mut out = Vec::new();
        events.iter().for_each(|event| connection.tell(event, &mut out));
        out.iter().map(|message| serde_json::from_str(message.to_text().unwrap()).unwrap()).collect()
    }

    fn text(start: u64, text: &str) -> api::Segment {
        let words = vec![api::Word::new(start, start + 16_000, text).confidence(0.123_45)];
        api::Segment::new(start, start + 16_000, text).words(words)
    }

    fn texts(message: &ServerMessage) -> Vec<(&str, bool)> {
        message.segments.iter().map(|segment| (segment.text.as_str(), segment.completed)).collect()
    }

    #[test]
    fn a_final_text_is_sent_as_incomplete_first() {
        let mut connection = connection(r#"{"uid": "u", "send_last_n_segments": 2}"#);
        let told = told(
            &mut connection,
            &[
                Event::Partial(text(0, "on")),
                Event::Segment(text(0, "one")),
                Event::Partial(text(16_000, "two")),
                Event::Segment(text(16_000, "two")),
                Event::Partial(text(32_000, "")),
                Event::Segment(text(24_000, "three")),
            ],
        );
        let (texts, uids): (Vec<_>, Vec<_>) = told.iter().map(|told| (texts(told), &told.uid)).unzip();
        assert!(uids.iter().all(|uid| **uid == "u"));
        let expected = vec![
            vec![(" on", false)],
            vec![(" one", false)],
            vec![(" one", true)],
            vec![(" one", true), (" two", false)],
            vec![(" one", true), (" two", true)],
            vec![(" two", true), (" three", false)],
            vec![(" two", true), (" three", true)],
        ];
        assert_eq!(texts, expected);
        // The client drops a segment that begins before the end of the one before.
        let last = &told[6].segments[1];
        assert_eq!((last.start.as_str(), last.end.as_str(), last.words.len()), ("2.000", "2.500", 0));
    }

    #[test]
    fn words_and_the_language_are_told_if_they_are_asked_for() {
        let mut connection = connection(r#"{"uid": "u", "word_timestamps": true}"#);
        let told =
            told(&mut connection, &[Event::Partial(text(800, "one").language("en")), Event::Segment(text(800, "one"))]);
        assert_eq!((told[0].language.as_deref(), told.len()), (Some("en"), 3));
        assert!(told[1..].iter().all(|told| told.language.is_none()));
        let word = Word { word: " one".into(), start: "0.050".into(), end: "1.050".into(), probability: 0.123_4 };
        assert_eq!(told[1].segments[0].words, [Word { probability: 0.123_5, ..word }]);
    }

    #[test]
    fn bytes_become_integers() {
        let mut connection = connection(r#"{"audio_format": "uint8"}"#);
        let ask = connection.binary(Bytes::from_static(&[0, 128, 255])).unwrap();
        assert_eq!(&*ask.audio, [0, 0x80, 0, 0, 0, 0x7f]);
        assert!(connection.binary(Bytes::from_static(END)).unwrap().finish);
    }

    #[test]
    fn failures_have_a_form_that_clients_know() {
        let mut connection = connection(r#"{"uid": "u"}"#);
        let mut first = |code| connection.failed(&Failure::new(code, "why"))[0].to_text().unwrap().to_owned();
        assert_eq!(first(FailureCode::Streams), r#"{"uid":"u","status":"WAIT","message":1.0}"#);
        assert_eq!(first(FailureCode::ShuttingDown), r#"{"uid":"u","message":"DISCONNECT"}"#);
        let error = r#"{"uid":"u","status":"ERROR","message":"engine_error: why"}"#;
        assert_eq!(first(FailureCode::EngineError), error);
    }
}
