//! Connects, sends and receives until the stream ends. The core decides what.
//!
//! One task. Sending and reading are two futures polled side by side, so a server that does not read for a while cannot
//! delay its own events.

use super::{
    core::{Core, State},
    sending::Outgoing,
    shared::Shared,
};
use crate::{
    connect::{Connector, Socket, close_reason, failure},
    failure::Failure,
};
use futures_util::{Sink, SinkExt, StreamExt};
use std::{pin::pin, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

/// Time limit for the closing handshake after the server's last message.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Runs a stream to its end.
pub(super) async fn drive(shared: Arc<Shared>, connector: Connector) {
    loop {
        let failure = tokio::select! {
            opened = connector.open() => match opened {
                Ok(socket) => converse(&shared, socket).await,
                Err(failure) => failure,
            },
            () = closed(&shared) => return,
        };
        let Some(wait) = shared.change(|core| core.closed(failure, Instant::now(), fastrand::f64())) else { return };
        tokio::select! {
            () = sleep(wait) => {}
            () = closed(&shared) => return,
        }
        shared.change(Core::connecting);
    }
}

/// Waits until the stream is over.
async fn closed(shared: &Shared) {
    shared.until(|core| (core.state() == State::Closed).then_some(())).await;
}

/// One connection from its handshake to its end. Returns why it ended.
async fn converse(shared: &Shared, socket: Socket) -> Failure {
    shared.change(Core::connected);
    let (mut sink, mut incoming) = socket.split();
    let mut broken = None;
    {
        let mut writing = pin!(write(shared, &mut sink));
        let mut is_writing = true;
        loop {
            tokio::select! {
                error = &mut writing, if is_writing => {
                    // Do not stop yet: the server's reason may still arrive.
                    is_writing = false;
                    broken.get_or_insert(failure(&error));
                }
                message = next(shared, &mut incoming) => match message {
                    None => break,
                    Some(Err(error)) => {
                        broken.get_or_insert(failure(&error));
                        break;
                    }
                    Some(Ok(Message::Close(frame))) => {
                        broken.get_or_insert(close_reason(frame.as_ref()));
                        break;
                    }
                    Some(Ok(Message::Text(line))) => shared.change(|core| core.received(&line, Instant::now())),
                    Some(Ok(_)) => {}
                },
                () = shared.until(|core| core.is_over().then_some(())) => break,
            }
        }
    }
    // Without it the server would take this for a lost connection. Its answer does not matter.
    let _ = timeout(CLOSE_TIMEOUT, async {
        sink.close().await?;
        while incoming.next().await.transpose()?.is_some() {}
        Ok::<_, WsError>(())
    })
    .await;
    Failure::Lost(broken.unwrap_or_else(|| "closed before the end".to_owned()))
}

/// Sends what there is to send. Ends with an error only.
async fn write(shared: &Shared, sink: &mut (impl Sink<Message, Error = WsError> + Unpin)) -> WsError {
    loop {
        let message = match shared.until(|core| core.next_message()).await {
            Outgoing::Audio(bytes) => Message::Binary(bytes),
            Outgoing::Command(command) => match serde_json::to_string(&command) {
                Ok(text) => Message::text(text),
                Err(error) => return WsError::Io(error.into()),
            },
        };
        // Waits while the network takes no more.
        if let Err(error) = sink.send(message).await {
            return error;
        }
        // Those who wait until it is drained.
        shared.change(|_| ());
    }
}

/// The next message of the server, once the reader is not behind.
async fn next(
    shared: &Shared,
    incoming: &mut (impl futures_util::Stream<Item = Result<Message, WsError>> + Unpin),
) -> Option<Result<Message, WsError>> {
    shared.until(|core| (!core.is_full()).then_some(())).await;
    incoming.next().await
}
