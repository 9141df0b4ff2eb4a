//! A connection of a vosk client.
//!
//! Invariant: the client's messages are processed one at a time, and each is answered before the next is read. An audio
//! message is answered once the engine has processed all of it that fills its chunks. So a client that waits for
//! answers sends as fast as the engine works, and one that does not wait is slowed down by its socket. The session
//! opens at the first audio. One task.

use super::{
    messages::{ClientMessage, ServerMessage},
    settings::VoskSettings,
    stream::Stream,
};
use crate::websocket::{
    ConnectionSettings, Incoming, Receiver, Sender, Unsent, WebSocket, close, registered_close_code, split,
};
use auricle_core::{Failure, FailureCode};
use auricle_session::Admitted;
use std::sync::Arc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

/// The reason why a connection ends.
enum End {
    /// The client sent `eof`.
    Eof,
    Failed(Failure),
    /// The client does not read its answers.
    Late(Failure),
    /// The client is gone.
    Gone,
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Serves a connection to its end.
pub(super) async fn serve(
    names: Arc<VoskSettings>,
    socket: WebSocket,
    settings: Arc<ConnectionSettings>,
    admitted: Result<Admitted, Failure>,
) {
    let (receiver, sender) = split(socket, &settings);
    let mut connection = Connection { receiver, sender };
    let end = match admitted {
        Ok(admitted) => {
            let drain = admitted.caller().drain.clone();
            let mut stream = Stream::new(names, admitted);
            match connection.converse(&mut stream, &settings, drain).await {
                Err(End::Failed(failure)) => {
                    // Send the remaining text before the failure.
                    if let Some(last) = stream.fail(&failure) {
                        let _ = connection.send(&last).await;
                    }
                    End::Failed(failure)
                }
                Err(End::Late(failure)) => {
                    stream.give_up(failure);
                    End::Gone
                }
                Err(end) => end,
                Ok(()) => End::Eof,
            }
        }
        Err(failure) => End::Failed(failure),
    };
    connection.close(end).await;
}

struct Connection {
    receiver: Receiver,
    sender: Sender,
}

impl Connection {
    /// Answers messages until the client sends `eof`.
    async fn converse(
        &mut self,
        stream: &mut Stream,
        settings: &ConnectionSettings,
        drain: CancellationToken,
    ) -> Result<(), End> {
        let late = |what: &str, limit: f64| {
            End::Failed(Failure::new(FailureCode::IdleTimeout, format!("{what} within {limit} s")))
        };
        let going_away =
            || End::from(Failure::new(FailureCode::ShuttingDown, "the server is shutting down; connect again"));
        let mut next = tokio::select! {
            first = timeout(settings.start_limit, self.first()) => {
                first.map_err(|_| late("no message received", settings.start_limit.as_secs_f64()))?
            }
            () = drain.cancelled() => return Err(going_away()),
        };
        let mut alive = Instant::now();
        let every = settings.idle_limit / 4;
        // Not at once, as in `native::reader`.
        let mut check = interval_at(alive + every, every);
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let incoming = next?;
            // Without a session, a pong does not keep the connection open.
            let counts = stream.is_open() || !matches!(incoming, Incoming::Alive);
            if self.answer(stream, incoming).await? {
                return Ok(());
            }
            if counts {
                alive = Instant::now();
            }
            next = loop {
                tokio::select! {
                    incoming = self.receiver.next() => break incoming,
                    // Between messages only a failure matters; text is sent with the next answer.
                    failure = stream.failure() => return Err(failure.into()),
                    () = drain.cancelled() => {
                        let last = self.meanwhile(stream.finish()).await?;
                        self.send(&last).await?;
                        return Err(going_away());
                    }
                    _ = check.tick() => {
                        if alive.elapsed() >= settings.idle_limit {
                            let limit = settings.idle_limit.as_secs_f64();
                            return Err(late("nothing was received, not even an answer to a ping,", limit));
                        }
                        self.sender.ping().await.map_err(|_| End::Gone)?;
                    }
                }
            };
        }
    }

    /// Reads the first message.
    async fn first(&mut self) -> Result<Incoming, Failure> {
        loop {
            match self.receiver.next().await {
                Ok(Incoming::Alive) => {}
                first => return first,
            }
        }
    }

    /// Executes and answers a message. Returns whether it was the last.
    async fn answer(&mut self, stream: &mut Stream, incoming: Incoming) -> Result<bool, End> {
        let message = match incoming {
            Incoming::Binary(audio) => {
                let answer = self.meanwhile(stream.audio(audio)).await?;
                self.send(&answer).await?;
                return Ok(false);
            }
            Incoming::Text(text) => ClientMessage::parse(text.as_str())?,
            Incoming::Alive => return Ok(false),
            Incoming::Ended | Incoming::Gone => return Err(End::Gone),
        };
        match message {
            ClientMessage::Config(config) => stream.configure(config)?,
            ClientMessage::Reset => {
                let answer = self.meanwhile(stream.reset()).await?;
                self.send(&answer).await?;
            }
            ClientMessage::Eof => {
                let answer = self.meanwhile(stream.finish()).await?;
                self.send(&answer).await?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Waits for an answer. Pings are answered in the meantime.
    async fn meanwhile(
        &mut self,
        work: impl Future<Output = Result<ServerMessage, Failure>>,
    ) -> Result<ServerMessage, End> {
        Ok(self.receiver.meanwhile(work).await.ok_or(End::Gone)??)
    }

    async fn send(&mut self, answer: &ServerMessage) -> Result<(), End> {
        self.sender.send([Message::text(answer.to_string())]).await.map_err(|unsent| match unsent {
            Unsent::Lost => End::Gone,
            Unsent::Late => {
                let message = format!("the client read nothing for {} s", self.sender.limit().as_secs_f64());
                End::Late(Failure::new(FailureCode::SlowReader, message))
            }
        })
    }

    /// Sends the failure, if there is one, and closes.
    async fn close(mut self, end: End) {
        let messages = match end {
            End::Gone | End::Late(_) => return,
            End::Eof => vec![close(1000, "")],
            End::Failed(failure) => {
                let close = close(registered_close_code(failure.code), &failure.to_string());
                vec![Message::text(ServerMessage::from(failure).to_string()), close]
            }
        };
        // If it cannot be sent, the client is gone.
        if self.sender.send(messages).await.is_ok() {
            self.receiver.linger(self.sender).await;
        }
    }
}
