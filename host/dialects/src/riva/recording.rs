//! A recording in one request: from the message to its text.
//!
//! The audio is sent at the pace of the engine by a task of its own; if the call is dropped, because the client is gone, the task ends
//! and the session with it. Threads: the call's task, the task that sends the audio.

use super::{
    codes::status,
    messages::{RecognizeRequest, RecognizeResponse, RequestId, SpeechRecognitionResult},
    options::{NAME, Options},
    results::Wording,
    settings::RivaSettings,
};
use crate::{
    Upload, Uploads,
    fields::note_ignored,
    upload::{
        feed::{Feed, Warnings},
        recording::{Recording, check_channels, unreadable},
    },
};
use auricle_core::{Event, Failure, Pace};
use auricle_session::{Admitted, SessionEvents};
use std::sync::Arc;
use tokio_util::task::AbortOnDropHandle;
use tonic::Status;

/// Transcribes a recording.
///
/// # Errors
/// Why it is refused, or has failed; that is recorded.
pub(super) async fn recognize(
    request: RecognizeRequest,
    settings: RivaSettings,
    admitted: Admitted,
    uploads: Uploads,
) -> Result<RecognizeResponse, Status> {
    let id = request.id.clone();
    let prepared = prepare(request, &uploads).await.inspect_err(|failure| admitted.refuse(failure));
    let (options, recording) = prepared.map_err(|failure| status(&failure))?;
    let transcribed = transcribe(options, recording, &settings, admitted, uploads).await;
    let (stream, results) = transcribed.map_err(|failure| status(&failure))?;
    Ok(RecognizeResponse { results, id: Some(id.unwrap_or(RequestId { value: stream })) })
}

/// Reads the settings and the head of the audio.
async fn prepare(request: RecognizeRequest, uploads: &Uploads) -> Result<(Options, Recording), Failure> {
    let options = Options::read(request.config.unwrap_or_default())?;
    if request.audio.is_empty() {
        return Err(unreadable("`audio` is empty"));
    }
    let raw = options.raw_format(&request.audio)?;
    let mut file = Upload::new(uploads.clone());
    file.push(&request.audio)?;
    let recording = Recording::open(file, raw).await?;
    if let Some(seconds) = recording.seconds() {
        uploads.check_length(seconds)?;
    }
    if options.per_channel {
        check_channels(recording.channels(), recording.format())?;
    }
    Ok((options, recording))
}

/// Opens the session, and waits for its text. Returns also its id. Refusals are recorded by the session.
async fn transcribe(
    options: Options,
    recording: Recording,
    settings: &RivaSettings,
    admitted: Admitted,
    uploads: Uploads,
) -> Result<(String, Vec<SpeechRecognitionResult>), Failure> {
    let (drain, metrics) = (admitted.caller().drain.clone(), Arc::clone(admitted.sessions().metrics()));
    let asked = options.session(recording.format(), Pace::File, settings, &admitted);
    let request = asked.inspect_err(|failure| admitted.refuse(failure))?;
    let (session, events) = admitted.open(request).await?;
    let info = Arc::clone(session.info());
    note_ignored(NAME, &options.ignored, &info, &metrics);
    let wording = Wording::new(&info.metadata, options.words);
    let feed = Feed { recording, uploads, drain, warnings: Warnings::default() };
    let feeding = AbortOnDropHandle::new(tokio::spawn(feed.run(session, None)));
    let heard = hear(events, &wording).await;
    feeding.abort();
    // It ends by being aborted. Then the permits are free for the client's next call.
    let _ = feeding.await;
    Ok((info.id.clone(), heard?))
}

/// Waits for all text: of the first channel first.
async fn hear(mut events: SessionEvents, wording: &Wording) -> Result<Vec<SpeechRecognitionResult>, Failure> {
    let mut results: Vec<SpeechRecognitionResult> = Vec::new();
    loop {
        for event in events.next().await {
            events.acknowledge(event.seq);
            match &event.event {
                Event::Segment(segment) if !segment.text_bytes().is_empty() => {
                    results.push(wording.recorded(event.channel, segment));
                }
                Event::Failed(failure) => return Err(failure.clone()),
                Event::Done(_) => {
                    results.sort_by_key(|result| result.channel_tag);
                    return Ok(results);
                }
                _ => {}
            }
        }
    }
}
