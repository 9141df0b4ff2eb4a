//! A connection of an offline client: recordings one after another, each answered by one result.
//!
//! A recording is processed while it arrives. No I/O.

use super::{
    messages::{END, FileResult},
    settings::SherpaSettings,
    tokens::Tokens,
    upload::Upload,
};
use crate::websocket::{
    close, close_failed,
    side::{Ask, Side},
};
use auricle_core::{Event, Failure, metrics::Metrics};
use auricle_plugin_api::Segment;
use auricle_session::{Admitted, Protocol, SessionInfo, SessionRequest};
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};

/// The messages of one connection.
pub(super) struct Offline {
    settings: SherpaSettings,
    protocol: Protocol,
    upload: Upload,
    /// The model's sample rate in Hz.
    rate: u32,
    separator: String,
    result: FileResult,
}

impl Offline {
    pub(super) fn new(settings: SherpaSettings, protocol: Protocol) -> Self {
        let (rate, separator) = (settings.sample_rate, " ".to_owned());
        Self { settings, protocol, upload: Upload::default(), rate, separator, result: FileResult::default() }
    }

    fn add(&mut self, segment: &Segment) {
        if segment.text_bytes().is_empty() {
            return;
        }
        let Tokens { tokens, starts, ends, log_probs } = Tokens::new(segment, &self.separator);
        let seconds = |samples: u64| samples as f64 / f64::from(self.rate);
        let result = &mut self.result;
        if !result.text.is_empty() {
            result.text.push_str(&self.separator);
        }
        result.text.push_str(&segment.text());
        if result.lang.is_empty() {
            result.lang = segment.language.clone().unwrap_or_default();
        }
        result.durations.extend(starts.iter().zip(ends).map(|(start, end)| seconds(end - start)));
        result.timestamps.extend(starts.into_iter().map(seconds));
        result.tokens.extend(tokens);
        result.ys_log_probs.extend(log_probs);
    }
}

impl Side for Offline {
    fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Any text ends the connection.
    fn text(&mut self, text: &Utf8Bytes) -> Result<Ask, Failure> {
        let reason = if text.as_str() == END { END.to_owned() } else { format!("Invalid payload: {text}") };
        Ok(Ask { leave: Some(vec![close(1000, &reason)]), ..Ask::default() })
    }

    fn binary(&mut self, mut frame: Bytes) -> Result<Ask, Failure> {
        let part = self.upload.frame(&frame)?;
        let audio = frame.split_off(part.header);
        Ok(Ask { audio, finish: part.is_last, ..Ask::default() })
    }

    fn request(&mut self, admitted: &Admitted) -> Result<SessionRequest, Failure> {
        self.settings.request(self.upload.audio(), admitted)
    }

    fn opened(&mut self, info: &SessionInfo, _: &Metrics, _: &mut Vec<Message>) -> Result<(), Failure> {
        self.rate = info.metadata.sample_rate;
        self.separator.clone_from(&info.metadata.separator);
        Ok(())
    }

    fn tell(&mut self, event: &Event, _: &mut Vec<Message>) {
        if let Event::Segment(segment) = event {
            self.add(segment);
        }
    }

    fn done(&mut self, out: &mut Vec<Message>) -> bool {
        let mut result = std::mem::take(&mut self.result);
        // A list that lacks some tokens would fit none.
        if result.ys_log_probs.len() != result.tokens.len() {
            result.ys_log_probs.clear();
        }
        out.push(Message::text(result.to_string()));
        true
    }

    fn failed(&mut self, failure: &Failure) -> Vec<Message> {
        vec![close_failed(failure)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use auricle_plugin_api::Word;

    fn offline() -> Offline {
        let protocol = Protocol {
            name: "sherpa-offline",
            codes: auricle_session::Codes::Close(crate::websocket::registered_close_code),
        };
        Offline::new(SherpaSettings::default(), protocol)
    }

    #[test]
    fn a_recording_has_the_text_of_all_its_segments() {
        let mut offline = offline();
        let word = |start, text: &str| Word::new(start, start + 4_000, text);
        let first = Segment::new(0, 8_000, "one").words(vec![word(800, "one").confidence(0.5)]).language("en");
        let second = Segment::new(8_000, 16_000, "two").words(vec![word(8_000, "two")]);
        let mut out = Vec::new();
        for event in [Event::Partial(Segment::new(0, 1, "o")), Event::Segment(first), Event::Segment(second)] {
            offline.tell(&event, &mut out);
        }
        assert_eq!(out, []);
        assert!(offline.done(&mut out));
        let result: FileResult = serde_json::from_str(out[0].to_text().unwrap()).unwrap();
        let expected = FileResult {
            lang: "en".into(),
            text: "one two".into(),
            timestamps: vec![0.05, 0.5],
            durations: vec![0.25, 0.25],
            tokens: vec![" one".into(), " two".into()],
            ys_log_probs: Vec::new(),
        };
        assert_eq!(result, expected);
        offline.done(&mut out);
        assert_eq!(serde_json::from_str::<FileResult>(out[1].to_text().unwrap()).unwrap(), FileResult::default());
    }

    #[test]
    fn a_text_closes() {
        for (text, reason) in [("Done", "Done"), ("done", "Invalid payload: done")] {
            let ask = offline().text(&text.into()).unwrap();
            assert_eq!(ask.leave, Some(vec![close(1000, reason)]));
        }
    }
}
