//! The text of a session as it comes, and the response that sends it on.
//!
//! Invariant: when the last event is returned, the session's permits are free. If the response is dropped, because the client is
//! gone, the session ends.

use super::{messages::StreamEvent, response, transcript::Transcript};
use auricle_core::{Event, Failure};
use auricle_session::SessionEvents;
use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::Response,
};
use futures_util::{Stream, stream};
use serde::Serialize;
use std::convert::Infallible;
use tokio::task::JoinHandle;
use tokio_util::task::AbortOnDropHandle;

/// The last event of a streamed response.
const DONE: &str = "data: [DONE]\n\n";

/// The text of a session as it comes.
pub(crate) struct Hearing {
    /// The events, and the task that sends the audio, until the session has ended.
    open: Option<(SessionEvents, AbortOnDropHandle<()>)>,
    pub(crate) transcript: Transcript,
    /// Segments whose probabilities were sent.
    told: usize,
    logprobs: bool,
}

/// What events mean to a client.
#[derive(Default)]
pub(crate) struct Heard {
    /// Text to append.
    delta: String,
    /// Whether the text is complete.
    pub(crate) is_done: bool,
}

impl Hearing {
    /// `feeding` is the task that sends the audio.
    pub(crate) fn new(events: SessionEvents, feeding: JoinHandle<()>, transcript: Transcript, logprobs: bool) -> Self {
        Self { open: Some((events, AbortOnDropHandle::new(feeding))), transcript, told: 0, logprobs }
    }

    /// Waits for events and adds them. When it returns the last one, the session's permits are free for the client's next
    /// request.
    ///
    /// # Errors
    /// The session failed.
    pub(crate) async fn next(&mut self) -> Result<Heard, Failure> {
        let mut heard = Heard::default();
        let Some((events, _)) = &mut self.open else { return Ok(heard) };
        let mut failed = None;
        for event in events.next().await {
            events.acknowledge(event.seq);
            match &event.event {
                Event::Failed(failure) => failed = Some(failure.clone()),
                Event::Done(_) => heard.is_done = true,
                _ => {}
            }
            heard.delta.extend(self.transcript.add(&event.event));
        }
        if (heard.is_done || failed.is_some())
            && let Some((events, feeding)) = self.open.take()
        {
            drop(events);
            feeding.abort();
            // It ends by being aborted.
            let _ = feeding.await;
        }
        failed.map_or(Ok(heard), Err)
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// The session failed.
    pub(crate) async fn finish(&mut self) -> Result<(), Failure> {
        while !self.next().await?.is_done {}
        Ok(())
    }

    /// The events of the response for what was heard.
    fn messages(&mut self, heard: Heard) -> String {
        let mut messages = String::new();
        if !heard.delta.is_empty() {
            let logprobs = self.logprobs.then(|| self.transcript.logprobs(self.told));
            self.told = self.transcript.len();
            messages += &message(&StreamEvent::Delta { delta: heard.delta, logprobs });
        }
        if heard.is_done {
            messages += &message(&StreamEvent::Done(self.transcript.json(self.logprobs)));
            messages += DONE;
        }
        messages
    }
}

/// A server-sent event.
fn message(body: &impl Serialize) -> String {
    // Of these types serde_json can write every value.
    format!("data: {}\n\n", serde_json::to_string(body).unwrap_or_default())
}

/// The response whose text is sent as it comes.
pub(super) fn streamed(mut hearing: Hearing, first: Heard) -> Response {
    let (ended, first) = (first.is_done, hearing.messages(first));
    let rest = stream::unfold((hearing, Some(first), ended), |(mut hearing, first, ended)| async move {
        if let Some(first) = first {
            return Some((Ok::<_, Infallible>(first), (hearing, None, ended)));
        }
        if ended {
            return None;
        }
        let (text, ended) = match hearing.next().await {
            Ok(heard) => {
                let ended = heard.is_done;
                (hearing.messages(heard), ended)
            }
            Err(failure) => (format!("event: error\n{}", message(&response::error_body(&failure.into()))), true),
        };
        Some((Ok(text), (hearing, None, ended)))
    });
    event_stream(rest)
}

/// A response of server-sent events.
pub(crate) fn event_stream(events: impl Stream<Item = Result<String, Infallible>> + Send + 'static) -> Response {
    let mut response = Response::new(Body::from_stream(events));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
