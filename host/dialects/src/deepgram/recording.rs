//! A request with a recording: from its body to the response.
//!
//! Invariant: the client is admitted before its file is read, and the session opens when all of it is there, because some kinds of
//! files show only then what they hold. The audio is sent at the pace of the engine by a task of its own; if the request is dropped,
//! because the client is gone, the task ends and the session with it. Threads: the request's task, the task that sends the audio.

use super::{
    codes::{error_body, status},
    handshake::Deepgram,
    headers::{new_id, token, visible},
    messages::{ModelInfo, Warning},
    options::Way,
    request::{NAME, Request},
    response::{self, Metadata, Results, Utterance},
    transcript::Transcript,
};
use crate::{
    RefusedRequest, RequestContext, RestDialect, Upload, Uploads,
    fields::note_ignored,
    upload::{
        discard,
        feed::{Feed, Warnings},
        is_timeout,
        recording::{Recording, check_channels, unreadable},
        slow, too_large,
    },
};
use auricle_core::{Event, Failure, FailureCode, Pace};
use auricle_session::{Admitted, Codes, Protocol, SessionEvents};
use axum::{
    body::BodyDataStream,
    extract,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, future::BoxFuture};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
    time::SystemTime,
};
use tokio_util::task::AbortOnDropHandle;

const ROUTES: &[(Method, &str)] = &[(Method::POST, "/v1/listen")];

/// Time to wait before the next try, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

impl RestDialect for Deepgram {
    fn name(&self) -> &'static str {
        NAME
    }

    fn routes(&self) -> &'static [(Method, &'static str)] {
        ROUTES
    }

    fn key<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        token(headers)
    }

    fn refusal(&self, failure: &Failure) -> Response {
        refusal(failure, &new_id())
    }

    fn answer(
        self: Arc<Self>,
        request: extract::Request,
        context: RequestContext,
    ) -> BoxFuture<'static, Result<Response, RefusedRequest>> {
        Box::pin(async move {
            let answered = listen(&self, request, context).await;
            answered.map_err(|failure| RefusedRequest { response: refusal(&failure, &new_id()), failure })
        })
    }
}

/// A recording that was received.
struct Received {
    file: Upload,
    sha256: String,
}

/// Answers a request.
///
/// # Errors
/// It is refused before it requested a session.
async fn listen(
    dialect: &Deepgram,
    request: extract::Request,
    RequestContext { caller, sessions, uploads, .. }: RequestContext,
) -> Result<Response, Failure> {
    let created = SystemTime::now();
    let (parts, body) = request.into_parts();
    let mut body = body.into_data_stream();
    let protocol = Protocol { name: NAME, codes: Codes::Status(status) };
    let read = async {
        let admitted = sessions.admit(caller, protocol)?;
        let query = parts.uri.query().unwrap_or_default();
        let request = Request::read(query, Way::Recording, &dialect.settings, &admitted)?;
        check_body(&parts.headers, &uploads)?;
        Ok((admitted, request, receive(&mut body, &uploads).await?))
    };
    let (admitted, request, received) = match read.await {
        Ok(read) => read,
        Err(failure) => {
            discard(&parts.headers, &mut body, &uploads).await;
            return Err(failure);
        }
    };
    let recording = Recording::open(received.file, request.options.audio).await.map_err(unprocessed)?;
    if let Some(seconds) = recording.seconds() {
        uploads.check_length(seconds)?;
    }
    if request.options.multichannel {
        check_channels(recording.channels(), recording.format())?;
    }
    let start = Start { request, recording, uploads, created, sha256: received.sha256 };
    let id = start.request.id.clone();
    Ok(start.transcribe(admitted).await.unwrap_or_else(|failure| refusal(&unprocessed(failure), &id)))
}

/// Checks what the head of a request tells of its body.
fn check_body(headers: &HeaderMap, uploads: &Uploads) -> Result<(), Failure> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let length = text(header::CONTENT_LENGTH).and_then(|length| length.parse().ok());
    if length.is_some_and(|length: u64| length > uploads.max_bytes as u64) {
        return Err(too_large(uploads.max_bytes));
    }
    if text(header::CONTENT_TYPE).is_some_and(|kind| kind.trim_start().starts_with("application/json")) {
        let message = "this server does not fetch recordings from a `url`: send the recording itself as the body, with the \
                       `Content-Type` of the audio";
        return Err(Failure::new(FailureCode::BadMessage, message));
    }
    Ok(())
}

/// Reads the body.
async fn receive(body: &mut BodyDataStream, uploads: &Uploads) -> Result<Received, Failure> {
    let (mut file, mut hash) = (Upload::new(uploads.clone()), Sha256::new());
    while let Some(part) = body.next().await {
        let part = part.map_err(|error| match is_timeout(&error) {
            true => slow(),
            false => Failure::new(FailureCode::BadMessage, format!("the body cannot be read: {error}")),
        })?;
        hash.update(&part);
        file.push(&part)?;
    }
    if file.is_empty() {
        return Err(unprocessed(unreadable("the body is empty; send the recording as the body")));
    }
    Ok(Received { file, sha256: hex::encode(hash.finalize()) })
}

/// Words a failure of the audio as Deepgram does.
fn unprocessed(failure: Failure) -> Failure {
    if failure.code != FailureCode::BadAudio {
        return failure;
    }
    Failure { message: format!("Bad Request: failed to process audio: {}", failure.message), ..failure }
}

/// A recording that is ready for its session.
struct Start {
    request: Request,
    recording: Recording,
    uploads: Uploads,
    created: SystemTime,
    sha256: String,
}

impl Start {
    /// Opens the session, and waits for its text. Refusals are recorded by the session.
    async fn transcribe(self, admitted: Admitted) -> Result<Response, Failure> {
        let Self { request, recording, uploads, created, sha256 } = self;
        let (drain, metrics) = (admitted.caller().drain.clone(), Arc::clone(admitted.sessions().metrics()));
        let of_file = recording.channels();
        let mut wanted = request.session(recording.format(), Pace::File);
        wanted.multichannel = request.options.multichannel;
        let (session, events) = admitted.open(wanted).await?;
        let info = Arc::clone(session.info());
        tracing::debug!(stream = info.id, request_id = request.id, "recording of a Deepgram client");
        note_ignored(NAME, &request.options.ignored, &info, &metrics);
        let transcript = || Transcript::new(&info.metadata, request.options.language.is_none());
        let count = if info.multichannel { info.audio.channels } else { 1 };
        let mut transcripts: Vec<Transcript> = (0..count).map(|_| transcript()).collect();
        let warnings = Warnings::default();
        let feed = Feed { recording, uploads, drain, warnings: Arc::clone(&warnings) };
        let feeding = AbortOnDropHandle::new(tokio::spawn(feed.run(session, None)));
        let heard = hear(events, &mut transcripts).await;
        feeding.abort();
        // It ends by being aborted. Then the permits are free for the client's next request.
        let _ = feeding.await;
        heard?;
        let damages = warnings.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let ignored = request.options.ignored.iter().copied().chain(info.warnings.iter().map(|warning| warning.field));
        let ignored = ignored.map(Warning::without_effect);
        let unheard = damages.into_iter().chain(transcripts.iter().flat_map(Transcript::problems));
        let metadata = Metadata {
            transaction_key: "deprecated",
            request_id: request.id.clone(),
            sha256,
            created: humantime::format_rfc3339_millis(created).to_string(),
            duration: transcripts.iter().map(Transcript::duration).fold(0.0, f64::max),
            channels: of_file,
            models: [info.preset.clone()],
            model_info: BTreeMap::from([(info.preset.clone(), ModelInfo::of(&info))]),
            warnings: ignored.chain(unheard.map(Warning::unheard)).collect(),
        };
        let results = Results {
            channels: transcripts.iter().map(|transcript| transcript.whole().into()).collect(),
            utterances: request.options.utterances.then(|| utterances(&transcripts, request.options.utterance_split)),
        };
        Ok(json(StatusCode::OK, &response::Response { metadata, results }, &request.id))
    }
}

/// Waits for all text.
async fn hear(mut events: SessionEvents, transcripts: &mut [Transcript]) -> Result<(), Failure> {
    loop {
        for event in events.next().await {
            events.acknowledge(event.seq);
            let concerned = (0..).zip(&mut *transcripts);
            for (_, transcript) in concerned.filter(|(channel, _)| event.channel.is_none_or(|of| of == *channel)) {
                transcript.add(&event.event);
            }
            match &event.event {
                Event::Failed(failure) => return Err(failure.clone()),
                Event::Done(_) => return Ok(()),
                _ => {}
            }
        }
    }
}

/// The utterances of all channels, by their time.
fn utterances(transcripts: &[Transcript], split: Option<f64>) -> Vec<Utterance> {
    let of_channels = transcripts.iter().enumerate();
    let mut utterances: Vec<_> =
        of_channels.flat_map(|(channel, transcript)| transcript.utterances(channel, split)).collect();
    utterances.sort_by(|one, other| one.start.total_cmp(&other.start));
    utterances
}

fn json(status: StatusCode, body: &impl serde::Serialize, id: &str) -> Response {
    // Of these types serde_json can write every value.
    let body = serde_json::to_string(body).unwrap_or_default();
    let mut response = (status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
    response.headers_mut().insert("dg-request-id", visible(id));
    response
}

/// Deepgram's response to a refused request.
fn refusal(failure: &Failure, id: &str) -> Response {
    let status = StatusCode::from_u16(status(failure.code)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json(status, &error_body(failure, id), id);
    let headers = response.headers_mut();
    headers.insert("dg-error", visible(&failure.to_string()));
    if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        headers.insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    response
}
