//! `GET /transcript?webrtc_id=`: the text of a connection as server-sent events, as the original server has it.
//!
//! Invariant: a reader gets the newest state, however slowly it reads, and the last state before the end. Each event has the whole
//! text, as clients of the original server expect. Threads: the connection's task writes, the task of each request reads.

use auricle_core::{Event, times::seconds};
use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::Response,
};
use futures_util::stream;
use serde::Serialize;
use serde_json::json;
use std::{convert::Infallible, time::Duration};
use tokio::{sync::watch, time::timeout};

/// Time between comments that keep the connection open through proxies.
const ALIVE_EVERY: Duration = Duration::from_secs(15);

/// The text of a connection so far. Readers subscribe to it.
pub type Transcripts = watch::Receiver<Transcript>;

/// The text of a connection.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Transcript {
    full_transcript: String,
    segments: Vec<Text>,
    #[serde(skip)]
    end: Option<End>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Text {
    start: f64,
    end: f64,
    text: String,
}

#[derive(Debug, Clone, PartialEq)]
enum End {
    Done,
    Failed(String),
}

impl Transcript {
    /// Adds an event. Returns whether readers must be told.
    pub(crate) fn add(&mut self, event: &Event, separator: &str, rate: u32) -> bool {
        match event {
            Event::Segment(segment) => {
                let text = segment.text().into_owned();
                if !self.full_transcript.is_empty() {
                    self.full_transcript += separator;
                }
                self.full_transcript += &text;
                self.segments.push(Text { start: seconds(segment.start, rate), end: seconds(segment.end, rate), text });
            }
            Event::Ready { epoch } if *epoch > 0 => *self = Self::default(),
            Event::Done(_) => self.end = Some(End::Done),
            Event::Failed(failure) => self.fail(&failure.message),
            _ => return false,
        }
        true
    }

    /// Ends with a message.
    pub(super) fn fail(&mut self, message: &str) {
        self.end = Some(End::Failed(message.to_owned()));
    }
}

/// The response that sends a connection's text as it comes.
pub fn transcript_response(transcripts: Transcripts) -> Response {
    let events = stream::unfold(Some((transcripts, true)), |state| async move {
        let (mut transcripts, is_first) = state?;
        if !is_first {
            match timeout(ALIVE_EVERY, transcripts.changed()).await {
                Err(_) => return Some((Ok::<_, Infallible>(": alive\n\n".to_owned()), Some((transcripts, false)))),
                // The connection is gone before it had an end.
                Ok(Err(_)) => return None,
                Ok(Ok(())) => {}
            }
        }
        let (text, ended) = {
            let now = transcripts.borrow_and_update();
            (message(&now), now.end.is_some())
        };
        Some((Ok(text), (!ended).then_some((transcripts, false))))
    });
    let mut response = Response::new(Body::from_stream(events));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// The server-sent events for a state.
fn message(transcript: &Transcript) -> String {
    // serde_json can write every value of this type.
    let mut text = format!("event: output\ndata: {}\n\n", serde_json::to_string(transcript).unwrap_or_default());
    match &transcript.end {
        None => {}
        Some(End::Done) => text += "event: done\ndata: {}\n\n",
        Some(End::Failed(message)) => text += &format!("event: error\ndata: {}\n\n", json!({"message": message})),
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use auricle_core::{Failure, FailureCode};
    use auricle_plugin_api::Segment;

    #[test]
    fn each_event_has_the_whole_text_and_the_end_is_told() {
        let mut transcript = Transcript::default();
        for (start, text) in [(0, "one"), (8_000, "two")] {
            assert!(transcript.add(&Event::Segment(Segment::new(start, start + 8_000, text)), " ", 16_000));
        }
        assert!(!transcript.add(&Event::Partial(Segment::new(0, 1, "three")), " ", 16_000));
        let expected = r#"{"full_transcript":"one two","segments":[{"start":0.0,"end":0.5,"text":"one"},{"start":0.5,"end":1.0,"text":"two"}]}"#;
        assert_eq!(message(&transcript), format!("event: output\ndata: {expected}\n\n"));
        let mut failed = transcript.clone();
        failed.add(&Event::Failed(Failure::new(FailureCode::EngineError, "bad\"")), " ", 16_000);
        assert!(message(&failed).ends_with("event: error\ndata: {\"message\":\"bad\\\"\"}\n\n"));
        transcript.add(&Event::Ready { epoch: 1 }, " ", 16_000);
        assert_eq!(transcript, Transcript::default());
    }
}
