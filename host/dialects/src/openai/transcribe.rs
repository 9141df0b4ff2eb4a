//! A request with an audio file, from its body to the text.
//!
//! Invariant: the client is admitted before its file is read, and the session opens when all of it is there, because a parameter may
//! follow the file. The audio is sent at the pace of the engine by a task of its own; if the response is dropped, because the client
//! is gone, the task ends and the session with it. Threads: the request's task, the task that sends the audio.

use super::{
    Problem,
    codes::status,
    form::{Form, boundary},
    hearing::{Hearing, streamed},
    parameters::{Format, Parameters, Task},
    response,
    transcript::{Transcript, check_capabilities},
};
use crate::{
    RequestContext, Uploads,
    fields::note_ignored,
    upload::{
        discard,
        feed::{Feed, Warnings},
        recording::Recording,
    },
};
use auricle_core::Pace;
use auricle_session::{Admitted, Codes, Protocol, SessionRequest};
use axum::{extract::Request, response::Response};
use std::sync::Arc;

/// The dialect's name.
pub(super) const NAME: &str = "openai";

/// Answers a request. Without a response it was refused before it requested a session.
pub(super) async fn transcribe(
    task: Task,
    request: Request,
    RequestContext { caller, sessions, uploads, .. }: RequestContext,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let mut body = body.into_data_stream();
    let protocol = Protocol { name: NAME, codes: Codes::Status(status) };
    let read = async {
        let admitted = sessions.admit(caller, protocol)?;
        let boundary = boundary(&parts.headers, &uploads)?;
        Ok((admitted, Form::read(&mut body, &boundary, &uploads).await?))
    };
    let (admitted, form) = match read.await {
        Ok(read) => read,
        Err(problem) => {
            discard(&parts.headers, &mut body, &uploads).await;
            return Err(problem);
        }
    };
    let file = form.file.ok_or_else(|| Problem::missing("file"))?;
    let mut parameters = Parameters::read(&form.fields)?;
    let preset = sessions.preset_for(&parameters.model);
    admitted.caller().check_preset(&preset)?;
    let known = sessions.preset(&preset);
    let opens = |field: &str| sessions.opens(&preset, field);
    let options = known.map(|known| parameters.options(task, &known, opens)).transpose()?;
    let recording = Recording::open(file, None).await?;
    if let Some(seconds) = recording.seconds() {
        uploads.check_length(seconds)?;
    }
    let (options, audio) = (options.unwrap_or_default(), recording.format());
    let request = SessionRequest { preset, options, audio, multichannel: false, pace: Pace::File };
    Ok(open(admitted, request, recording, parameters, task, uploads).await)
}

/// Opens the session and answers with its text. Refusals are recorded by the session.
async fn open(
    admitted: Admitted,
    request: SessionRequest,
    recording: Recording,
    parameters: Parameters,
    task: Task,
    uploads: Uploads,
) -> Response {
    let (drain, metrics) = (admitted.caller().drain.clone(), Arc::clone(admitted.sessions().metrics()));
    let (session, events) = match admitted.open(request).await {
        Ok(opened) => opened,
        Err(failure) => return response::error(&failure.into()),
    };
    let info = Arc::clone(session.info());
    note_ignored(NAME, &parameters.ignored, &info, &metrics);
    let unable = check_capabilities(&parameters, &info.metadata).err();
    let unable = unable.map(|(param, reason)| Problem::unsupported(param, reason));
    let warnings = Warnings::default();
    let feed = Feed { recording, uploads, drain, warnings: Arc::clone(&warnings) };
    let feeding = tokio::spawn(feed.run(session, unable.as_ref().map(|unable| unable.failure.clone())));
    let transcript = Transcript::new(&info.metadata, warnings);
    let mut hearing = Hearing::new(events, feeding, transcript, parameters.logprobs);
    let answered = match parameters.stream {
        // Not before the engine is ready, so that a failure until then has its HTTP status.
        true => hearing.next().await.map(|first| streamed(hearing, first)),
        false => hearing.finish().await.map(|()| whole(&hearing.transcript, &parameters, task)),
    };
    let answered = answered.unwrap_or_else(|failure| response::error(&unable.unwrap_or_else(|| failure.into())));
    response::with_id(answered, &info.id)
}

/// The response when the text is complete.
fn whole(transcript: &Transcript, parameters: &Parameters, task: Task) -> Response {
    match transcript.plain(parameters.format) {
        Some((content_type, text)) => response::text_of(200, content_type, text),
        None if parameters.format == Format::VerboseJson => response::json(200, &transcript.verbose(parameters, task)),
        None => response::json(200, &transcript.json(parameters.logprobs)),
    }
}
