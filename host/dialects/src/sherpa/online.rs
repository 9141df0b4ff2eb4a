//! A connection of an online client: binary messages are audio, `Done` ends it; the results of its segments go back.
//!
//! A result has the text of one segment. Its times count from the end of the segment before. After `Done` a segment is
//! held until the next event, because the last result has a mark. No I/O.

use super::{
    messages::{END, ENDED, StepResult},
    settings::SherpaSettings,
    tokens::Tokens,
};
use crate::websocket::{
    close_failed,
    side::{Ask, Side},
};
use auricle_core::{Event, Failure, metrics::Metrics};
use auricle_plugin_api::Segment;
use auricle_session::{Admitted, Protocol, SessionInfo, SessionRequest};
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};

/// The messages of one connection.
pub(super) struct Online {
    settings: SherpaSettings,
    protocol: Protocol,
    /// The model's sample rate in Hz.
    rate: u32,
    separator: String,
    /// The number of the next segment, and the sample at which it starts.
    segment: (u64, u64),
    finishing: bool,
    held: Option<StepResult>,
}

impl Online {
    pub(super) fn new(settings: SherpaSettings, protocol: Protocol) -> Self {
        let (rate, separator) = (settings.sample_rate, " ".to_owned());
        Self { settings, protocol, rate, separator, segment: (0, 0), finishing: false, held: None }
    }

    fn result(&self, segment: &Segment) -> StepResult {
        let (number, start) = self.segment;
        let Tokens { tokens, starts, log_probs, .. } = Tokens::new(segment, &self.separator);
        let seconds = |samples: u64| samples as f64 / f64::from(self.rate);
        StepResult {
            text: segment.text().into_owned(),
            tokens,
            timestamps: starts.iter().map(|sample| seconds(sample.saturating_sub(start))).collect(),
            ys_probs: log_probs,
            segment: number,
            start_time: seconds(start),
            is_final: false,
            is_eof: false,
        }
    }

    /// Sends the held result: another one follows.
    fn release(&mut self, out: &mut Vec<Message>) {
        out.extend(self.held.take().map(|held| Message::text(held.to_string())));
    }
}

impl Side for Online {
    fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Any text but `Done` is ignored, as by sherpa-onnx.
    fn text(&mut self, text: &Utf8Bytes) -> Result<Ask, Failure> {
        self.finishing = text.as_str() == END;
        Ok(Ask { finish: self.finishing, ..Ask::default() })
    }

    fn binary(&mut self, audio: Bytes) -> Result<Ask, Failure> {
        Ok(Ask { audio, ..Ask::default() })
    }

    fn request(&mut self, admitted: &Admitted) -> Result<SessionRequest, Failure> {
        self.settings.request(self.settings.audio(), admitted)
    }

    fn opened(&mut self, info: &SessionInfo, _: &Metrics, _: &mut Vec<Message>) -> Result<(), Failure> {
        self.rate = info.metadata.sample_rate;
        self.separator.clone_from(&info.metadata.separator);
        Ok(())
    }

    fn tell(&mut self, event: &Event, out: &mut Vec<Message>) {
        match event {
            Event::Partial(segment) => {
                self.release(out);
                out.push(Message::text(self.result(segment).to_string()));
            }
            Event::Segment(segment) => {
                self.release(out);
                self.held = Some(StepResult { is_final: true, ..self.result(segment) });
                self.segment = (self.segment.0 + 1, segment.end);
                if !self.finishing {
                    self.release(out);
                }
            }
            // The protocol has no messages for these.
            _ => {}
        }
    }

    /// Clients expect at least one result before `Done!`.
    fn done(&mut self, out: &mut Vec<Message>) -> bool {
        let last = self.held.take().unwrap_or_else(|| self.result(&Segment::new(self.segment.1, self.segment.1, "")));
        let last = StepResult { is_final: true, is_eof: true, ..last };
        out.extend([last.to_string(), ENDED.to_owned()].map(Message::text));
        (self.segment, self.finishing) = ((0, 0), false);
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

    fn online() -> Online {
        let protocol =
            Protocol { name: "sherpa", codes: auricle_session::Codes::Close(crate::websocket::registered_close_code) };
        Online::new(SherpaSettings::default(), protocol)
    }

    /// One word of half a second.
    fn segment(start: u64, text: &str) -> Segment {
        Segment::new(start, start + 8_000, text).words(vec![Word::new(start, start + 8_000, text)])
    }

    fn told(online: &mut Online, events: &[Event]) -> Vec<StepResult> {
        let mut out = Vec::new();
        events.iter().for_each(|event| online.tell(event, &mut out));
        results(&out)
    }

    fn results(messages: &[Message]) -> Vec<StepResult> {
        messages.iter().filter_map(|message| serde_json::from_str(message.to_text().unwrap()).ok()).collect()
    }

    fn last(online: &mut Online) -> StepResult {
        let mut out = Vec::new();
        assert!(online.done(&mut out));
        assert_eq!(out.last(), Some(&Message::text("Done!")));
        results(&out).pop().unwrap()
    }

    #[test]
    fn times_count_from_the_end_of_the_segment_before() {
        let mut online = online();
        let told = told(
            &mut online,
            &[
                Event::Partial(segment(1_600, "one")),
                Event::Segment(segment(1_600, "one")),
                Event::Partial(segment(16_000, "two")),
            ],
        );
        let times: Vec<_> =
            told.iter().map(|told| (told.segment, told.start_time, told.timestamps[0], told.is_final)).collect();
        assert_eq!(times, [(0, 0.0, 0.1, false), (0, 0.0, 0.1, true), (1, 0.6, 0.4, false)]);
        assert_eq!(told[0].tokens, [" one"]);
    }

    #[test]
    fn the_last_segment_has_the_mark_of_the_end() {
        let mut online = online();
        online.text(&END.into()).unwrap();
        let before = told(&mut online, &[Event::Segment(segment(0, "one")), Event::Segment(segment(8_000, "two"))]);
        assert_eq!(before.len(), 1);
        assert!(before[0].is_final && !before[0].is_eof);
        let end = last(&mut online);
        assert_eq!((end.text.as_str(), end.segment, end.is_final, end.is_eof), ("two", 1, true, true));
        // The next stream of the connection.
        assert_eq!(told(&mut online, &[Event::Partial(segment(0, "three"))])[0].segment, 0);
    }

    #[test]
    fn a_stream_without_text_has_a_result_too() {
        let mut online = online();
        told(&mut online, &[Event::Segment(segment(0, "one"))]);
        online.text(&END.into()).unwrap();
        let end = last(&mut online);
        assert_eq!((end.text.as_str(), end.segment, end.is_eof), ("", 1, true));
        assert!(online.text(&"done".into()).is_ok_and(|ask| !ask.finish));
    }
}
