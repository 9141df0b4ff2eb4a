//! A WebSocket connection with the native protocol.
//!
//! Two tasks: one reads (`Reader`), one writes (`Writer`). Reads never block on writes.
//! At the end the writer sends the last event and the close frame. The reader continues until the client answers, for a
//! short time at most.

use super::{reader::Reader, translate::Translator, writer::Writer};
use crate::websocket::{ConnectionSettings, WebSocket, split};
use auricle_core::{Failure, FailureCode};
use auricle_session::{Admitted, SessionRequest};
use std::sync::Arc;
use tokio::{sync::Notify, time::timeout};

/// Serves a connection to its end. When the caller's `drain` is cancelled, the stream is finished early.
pub(super) async fn serve(socket: WebSocket, settings: &ConnectionSettings, admitted: Admitted) {
    let (receiver, sender) = split(socket, settings);
    let ping = Arc::new(Notify::new());
    let mut reader = Reader::new(receiver, settings.idle_limit, Arc::clone(&ping));
    let writer = Writer::new(sender);
    let drain = admitted.caller().drain.clone();
    let request = tokio::select! {
        request = timeout(settings.start_limit, request(&mut reader)) => request.unwrap_or_else(|_| {
            let message = format!("no `start` message within {} s", settings.start_limit.as_secs_f64());
            Err(Some(Failure::new(FailureCode::IdleTimeout, message)))
        }),
        () = drain.cancelled() => {
            let message = "the server is shutting down; connect again";
            Err(Some(Failure::new(FailureCode::ShuttingDown, message)))
        }
    };
    let opened = match request {
        Ok(request) => reader.meanwhile(admitted.open(request)).await,
        Err(failure) => {
            if let Some(failure) = failure {
                admitted.refuse(&failure);
                close_with(reader, writer, failure).await;
            }
            return;
        }
    };
    match opened {
        Some(Ok((session, events))) => {
            let translator = Translator::new(Arc::clone(session.info()));
            let writing = tokio::spawn(writer.run(events, translator, ping));
            reader.run(session, writing, drain).await;
        }
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

/// The request in `start`. `Err(None)` means that the client disconnected.
async fn request(reader: &mut Reader) -> Result<SessionRequest, Option<Failure>> {
    let start = reader.start().await?;
    let audio = start.audio();
    let out_of_range = |problem| Some(Failure::new(FailureCode::BadMessage, format!("`start`: {problem}")));
    audio.check().map_err(out_of_range)?;
    Ok(SessionRequest { preset: start.preset, options: start.options, audio, pace: start.pace })
}
