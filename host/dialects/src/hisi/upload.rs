//! `POST /upload_and_transcribe`: the text of a file as it is recognised, as server-sent events.
//!
//! Invariant: each event `output` has the whole text so far and only the new segments, as its clients expect. Progress is told at
//! most once for each second of the audio, in events that its page skips.

use super::{answer, listen::Received};
use crate::openai::{Hearing, event_stream};
use axum::response::Response;
use futures_util::stream;
use serde_json::{Value, json};
use std::convert::Infallible;

/// Seconds of audio between two events of progress.
const STEP: f64 = 1.0;

/// A text that is told as it grows.
struct Telling {
    hearing: Hearing,
    /// Length of the recording, if it is known.
    seconds: Option<f64>,
    /// Segments that were told.
    told: usize,
    /// Position that was told, in seconds.
    position: f64,
    is_over: bool,
}

/// Answers with the text of a request's file.
pub(super) async fn transcribe(received: Received) -> Response {
    let seconds = received.seconds();
    let mut hearing = match received.listen().await {
        Ok(hearing) => hearing,
        Err(failure) => return answer::error(&failure),
    };
    // Not before the engine is ready, so that a failure until then has its HTTP status.
    let is_done = match hearing.next().await {
        Ok(heard) => heard.is_done,
        Err(failure) => return answer::error(&failure),
    };
    let mut telling = Telling { hearing, seconds, told: 0, position: 0.0, is_over: false };
    let first = telling.news(is_done);
    event_stream(stream::unfold((telling, Some(first)), |(mut telling, first)| async move {
        if let Some(first) = first {
            return Some((Ok::<_, Infallible>(first), (telling, None)));
        }
        if telling.is_over {
            return None;
        }
        let text = match telling.hearing.next().await {
            Ok(heard) => telling.news(heard.is_done),
            Err(failure) => {
                telling.is_over = true;
                event("error", &json!({"message": failure.message}))
            }
        };
        Some((Ok(text), (telling, None)))
    }))
}

impl Telling {
    /// The events for what is new.
    fn news(&mut self, is_done: bool) -> String {
        let transcript = &self.hearing.transcript;
        let (mut events, position) = (String::new(), transcript.position());
        let segments: Vec<Value> = transcript
            .texts(self.told)
            .map(|text| json!({"start": text.start, "end": text.end, "text": text.text}))
            .collect();
        let state = |segments: Value, timestamp: f64| json!({"full_transcript": transcript.text(), "segments": segments, "timestamp": timestamp, "duration": self.seconds});
        if let Some(end) = segments.last().and_then(|last| last["end"].as_f64()) {
            events += &event("output", &state(segments.into(), end));
        } else if !is_done && position >= self.position + STEP {
            events += &event("progress", &json!(position));
        }
        if is_done {
            let mut last = state(json!([]), position);
            last["warnings"] = transcript.problems().into();
            events += &event("done", &last);
            self.is_over = true;
        }
        if !events.is_empty() {
            self.position = position;
        }
        self.told = transcript.len();
        events
    }
}

/// A server-sent event.
fn event(name: &str, data: &Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}
