//! One WebSocket connection speaking the native protocol.
//!
//! Two tasks: one reads (`Reader`), one writes (`Writer`), so that a live stream is read whatever becomes of its events.
//! The end: the writer sends the last event and the close frame; the reader goes on until the client answers, a moment at
//! most. Every way out finishes the processor.

use super::{
    messages::{Ready, Start, seconds},
    reader::Reader,
    translate::Translator,
    writer::Writer,
};
use crate::{
    access::Caller,
    admission::{Admission, Ticket},
    audio::Intake,
    catalog::Opening,
    failure::{Failure, FailureCode},
    metrics::METRICS,
    stream::{Stream, StreamSettings},
};
use futures_util::StreamExt;
use std::{sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Notify,
    time::timeout,
};
use tokio_tungstenite::WebSocketStream;

/// What a connection needs of the server's settings.
#[derive(Debug, Clone)]
pub struct ConnectionSettings {
    /// From the upgrade to `start`.
    pub start_limit: Duration,
    /// Without any sign of life from the client.
    pub idle_limit: Duration,
    /// For the client to take what is sent to it.
    pub write_limit: Duration,
    /// Bounds of the stream; the pace is the client's.
    pub stream: StreamSettings,
}

/// An open stream and what its connection needs for it.
struct Opened {
    stream: Arc<Stream>,
    ticket: Arc<Ticket>,
    translator: Translator,
    intake: Intake,
}

/// Serves one connection to its end. The caller's `drain` asks it to finish its stream early.
pub async fn serve<S>(
    socket: WebSocketStream<S>,
    admission: Arc<Admission>,
    settings: Arc<ConnectionSettings>,
    caller: Caller,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sink, source) = socket.split();
    let ping = Arc::new(Notify::new());
    let mut reader = Reader::new(source, settings.idle_limit, Arc::clone(&ping));
    let writer = Writer::new(sink, settings.write_limit);
    let refuse = |code, message: String| Err(Some(Failure::new(code, message)));
    let opened = tokio::select! {
        started = timeout(settings.start_limit, reader.start()) => started.unwrap_or_else(|_| {
            let limit = settings.start_limit.as_secs_f64();
            refuse(FailureCode::IdleTimeout, format!("no `start` message within {limit} s"))
        }),
        () = caller.drain.cancelled() => refuse(FailureCode::ShuttingDown, "the server is going away; connect again".into()),
    };
    let opened = match opened {
        Ok(start) => match reader.meanwhile(open(start, &admission, &settings, &caller)).await {
            Some(opened) => opened.map_err(Some),
            None => Err(None),
        },
        Err(failure) => Err(failure),
    };
    let Opened { stream, ticket, translator, intake } = match opened {
        Ok(opened) => opened,
        Err(failure) => {
            if let Some(failure) = failure {
                say_no(reader, writer, failure).await;
            }
            return;
        }
    };
    let writing = tokio::spawn(writer.run(Arc::clone(&stream), Arc::clone(&ticket), translator, ping));
    reader.run(&stream, &ticket, intake, writing, caller.drain).await;
}

/// Ends a connection that may not even say what it wants.
pub async fn refuse<S>(socket: WebSocketStream<S>, settings: &ConnectionSettings, failure: Failure)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sink, source) = socket.split();
    let reader = Reader::new(source, settings.idle_limit, Arc::default());
    say_no(reader, Writer::new(sink, settings.write_limit), failure).await;
}

async fn say_no<S>(reader: Reader<S>, mut writer: Writer<S>, failure: Failure)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    tracing::info!(code = %failure.code, "stream refused: {failure}");
    METRICS.refused(failure.code.name());
    writer.refuse(failure).await;
    reader.linger(writer).await;
}

async fn open(
    start: Start,
    admission: &Admission,
    settings: &ConnectionSettings,
    caller: &Caller,
) -> Result<Opened, Failure> {
    let audio = start.audio();
    audio.check().map_err(|problem| Failure::new(FailureCode::BadMessage, format!("`start`: {problem}")))?;
    let Opening { preset, runtime, fields } = admission.open(caller, &start.preset, start.options, start.pace).await?;
    let metadata = runtime.metadata().clone();
    let intake =
        Intake::new(audio, metadata.sample_rate).map_err(|problem| Failure::new(FailureCode::BadAudio, problem))?;
    let id = uuid::Uuid::new_v4().simple().to_string();
    let stream_settings = StreamSettings { pace: start.pace, ..settings.stream.clone() };
    let stream = Stream::open(id, runtime, fields, stream_settings)?;
    let ticket = admission.enter(caller, &preset.name, &preset.backend, &stream, start.pace)?;
    let key = caller.key.as_ref().map(|key| key.name());
    tracing::info!(stream = stream.id(), preset = preset.name, pace = ?start.pace, key, "stream opened");
    let ready = Ready {
        stream: stream.id().to_owned(),
        epoch: 0,
        preset: preset.name.clone(),
        backend: preset.backend.clone(),
        separator: metadata.separator,
        sample_rate: metadata.sample_rate,
        chunk_seconds: seconds(metadata.chunk_samples.into(), metadata.sample_rate),
        languages: metadata.languages,
        capabilities: metadata.capabilities,
        audio,
    };
    Ok(Opened { stream, ticket: Arc::new(ticket), translator: Translator { ready }, intake })
}
