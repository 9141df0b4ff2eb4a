//! A WebSocket connection with the native protocol.
//!
//! Two tasks: one reads (`Reader`), one writes (`Writer`). Reads never block on writes.
//! At the end the writer sends the last event and the close frame. The reader continues until the client answers, for a
//! short time at most.

use super::{
    messages::Start,
    reader::{First, Reader},
    resumption::{self, Opened},
    translate::Translator,
    writer::{Signals, Writer},
};
use crate::websocket::{ConnectionSettings, WebSocket, split};
use auricle_core::{Failure, FailureCode};
use auricle_session::{Admitted, Resumed, SessionRequest};
use std::sync::Arc;
use tokio::{sync::Notify, time::timeout};
use tokio_util::sync::CancellationToken;

/// Serves a connection to its end. When the caller's `drain` is cancelled, the stream is finished early.
pub(super) async fn serve(socket: WebSocket, settings: &ConnectionSettings, admitted: Admitted) {
    let (receiver, sender) = split(socket, settings);
    let (ping, sessions) = (Arc::new(Notify::new()), Arc::clone(admitted.sessions()));
    let mut reader = Reader::new(receiver, settings.idle_limit, Arc::clone(&ping));
    let writer = Writer::new(sender);
    let drain = admitted.caller().drain.clone();
    let first = tokio::select! {
        first = timeout(settings.start_limit, reader.first()) => first.unwrap_or_else(|_| {
            let message = format!("no `start` message within {} s", settings.start_limit.as_secs_f64());
            Err(Some(Failure::new(FailureCode::IdleTimeout, message)))
        }),
        () = drain.cancelled() => {
            let message = "the server is shutting down; connect again";
            Err(Some(Failure::new(FailureCode::ShuttingDown, message)))
        }
    };
    let opened = match first {
        Ok(First::Start(start)) => {
            let is_resumable = start.resume;
            match request(start) {
                Ok(request) => reader.meanwhile(resumption::open(admitted, request, is_resumable)).await,
                Err(failure) => {
                    admitted.refuse(&failure);
                    Some(Err(failure))
                }
            }
        }
        Ok(First::Resume(resume)) => reader.meanwhile(resumption::resume(admitted, resume)).await,
        Err(failure) => failure.map(|failure| {
            admitted.refuse(&failure);
            Err(failure)
        }),
    };
    match opened {
        Some(Ok(opened)) => converse(reader, writer, opened, Signals { ping, sessions }, drain).await,
        Some(Err(failure)) => close_with(reader, writer, failure).await,
        None => {}
    }
}

/// Sends the failure to a client that was not admitted, and closes the connection.
pub(super) async fn refuse(socket: WebSocket, settings: &ConnectionSettings, failure: Failure) {
    let (receiver, sender) = split(socket, settings);
    close_with(Reader::new(receiver, settings.idle_limit, Arc::default()), Writer::new(sender), failure).await;
}

async fn close_with(reader: Reader, mut writer: Writer, failure: Failure) {
    writer.refuse(failure).await;
    reader.linger(writer).await;
}

async fn converse(reader: Reader, mut writer: Writer, opened: Opened, signals: Signals, drain: CancellationToken) {
    let Opened { state, hold, first } = opened;
    match state {
        Resumed::Open(session, events) => {
            let translator = Translator::new(Arc::clone(session.info()), hold.as_ref());
            let stop = CancellationToken::new();
            let writing = tokio::spawn(writer.run(events, translator, first, signals, stop.clone()));
            reader.run(*session, hold, (writing, stop), drain).await;
        }
        Resumed::Ended(ended) => {
            let last = ended.events.last().cloned();
            if let Some(hold) = hold {
                hold.ended(ended);
            }
            writer.end(first, last.as_deref()).await;
            reader.linger(writer).await;
        }
    }
}

/// The request in `start`.
fn request(start: Start) -> Result<SessionRequest, Failure> {
    let audio = start.audio();
    let out_of_range = |problem| Failure::new(FailureCode::BadMessage, format!("`start`: {problem}"));
    audio.check().map_err(out_of_range)?;
    if start.multichannel && audio.channel.is_some() {
        let message =
            "`start`: `channel` selects one channel, and `multichannel` asks for a transcript of each: set one of them";
        return Err(Failure::new(FailureCode::BadMessage, message));
    }
    let Start { preset, options, multichannel, pace, .. } = start;
    Ok(SessionRequest { preset, options, audio, multichannel, pace })
}
