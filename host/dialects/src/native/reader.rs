//! The reading half of a connection: forwards the client's messages to its session.
//!
//! Invariant: nothing the client does after `finish` loses text, whether it sends another message, sends invalid data,
//! or closes its sending half.

use super::{
    messages::{ClientMessage, Resume, Start},
    writer::{End, Writer, Written},
};
use crate::websocket::{Incoming, Receiver};
use auricle_core::{Failure, FailureCode};
use auricle_session::{EndedSession, Hold, Session};
use std::{future::pending, pin::pin, sync::Arc, time::Duration};
use tokio::{
    sync::Notify,
    task::{JoinError, JoinHandle},
    time::{Instant, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;

/// A client's first message.
pub(super) enum First {
    Start(Start),
    Resume(Resume),
}

/// Why a connection is not read any more.
enum Read {
    /// The writer is done.
    Written(Result<Written, JoinError>),
    /// The client has disconnected or is silent, or goes on in another connection.
    Gone,
    /// The server stops, and the next one can continue the session.
    Suspended,
}

/// Reads a connection.
pub(super) struct Reader {
    receiver: Receiver,
    idle_limit: Duration,
    /// Notifies the writer to send a ping.
    ping: Arc<Notify>,
}

impl Reader {
    pub(super) fn new(receiver: Receiver, idle_limit: Duration, ping: Arc<Notify>) -> Self {
        Self { receiver, idle_limit, ping }
    }

    /// Reads the first message. `Err(None)` means that the client disconnected without one.
    pub(super) async fn first(&mut self) -> Result<First, Option<Failure>> {
        let out_of_turn = |what: &str| {
            let message = format!("the first message must be `start` or `resume`, but is {what}");
            Err(Some(Failure::new(FailureCode::BadMessage, message)))
        };
        loop {
            match self.receiver.next().await? {
                Incoming::Text(text) => match ClientMessage::parse(text.as_str())? {
                    ClientMessage::Start(start) => return Ok(First::Start(start)),
                    ClientMessage::Resume(resume) => return Ok(First::Resume(resume)),
                    _ => return out_of_turn("another message"),
                },
                Incoming::Binary(_) => return out_of_turn("audio"),
                Incoming::Alive => {}
                Incoming::Ended | Incoming::Gone => return Err(None),
            }
        }
    }

    /// Waits until the session is open, which may load a model. Returns `None` if the client disconnects.
    pub(super) async fn meanwhile<T>(&mut self, opening: impl Future<Output = T>) -> Option<T> {
        self.receiver.meanwhile(opening).await
    }

    /// Reads until the writer is done or the client has disconnected. Then a session that its client can resume waits for
    /// it, or for the next server; others are cancelled. The second of `writing` stops the writer.
    pub(super) async fn run(
        mut self,
        mut session: Session,
        hold: Option<Hold>,
        writing: (JoinHandle<Written>, CancellationToken),
        drain: CancellationToken,
    ) {
        let (mut writing, stop) = writing;
        let read = self.read(&mut session, hold.as_ref(), &mut writing, drain).await;
        let (is_suspended, is_connected) = (matches!(read, Read::Suspended), !matches!(read, Read::Gone));
        let written = match read {
            Read::Written(written) => written,
            Read::Gone | Read::Suspended => {
                stop.cancel();
                writing.await
            }
        };
        let Ok(Written { mut writer, events, end }) = written else { return };
        match hold {
            _ if is_suspended => {
                // It also has the last point stored.
                events.heard();
                writer.suspend().await;
            }
            Some(hold) if end == End::Closed => {
                let (info, progress) = (Arc::clone(session.info()), session.progress());
                hold.ended(EndedSession { info, progress, events: events.into_retained() });
            }
            Some(hold) if !self.receiver.has_left() => return hold.park(session, events),
            _ => drop(events),
        }
        drop(session);
        if is_connected {
            self.linger(writer).await;
        }
    }

    /// Reads until the writer is done, or the connection is not needed any more.
    async fn read(
        &mut self,
        session: &mut Session,
        hold: Option<&Hold>,
        writing: &mut JoinHandle<Written>,
        drain: CancellationToken,
    ) -> Read {
        let mut wanted = pin!(async {
            match hold {
                Some(hold) => hold.wanted().await,
                None => pending().await,
            }
        });
        let idle_limit = self.idle_limit;
        let mut alive = Instant::now();
        // Not at once: a client that half-closes early could no longer answer the ping, and may take that for an error.
        let mut check = tokio::time::interval_at(alive + idle_limit / 4, idle_limit / 4);
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut finished, mut drained) = (session.progress().finished, pin!(drain.cancelled()));
        loop {
            tokio::select! {
                // Received data comes first: the other branches need not be polled for every frame.
                biased;
                incoming = self.receiver.next(), if !self.receiver.is_over() => {
                    match incoming {
                        Ok(Incoming::Gone) => return Read::Gone,
                        // After `finish`, other messages and errors are ignored.
                        Ok(Incoming::Text(text)) if finished => {
                            if let Ok(ClientMessage::Ack(ack)) = ClientMessage::parse(text.as_str()) {
                                session.acknowledge(ack.seq);
                            }
                        }
                        _ if finished => {}
                        Ok(Incoming::Ended) => return Read::Gone,
                        Ok(Incoming::Alive) => {}
                        Ok(Incoming::Binary(audio)) => session.audio_and(audio, || self.receiver.more()).await,
                        Ok(Incoming::Text(text)) => {
                            match ClientMessage::parse(text.as_str()).and_then(|message| execute(session, message)) {
                                Ok(ends) => finished = ends,
                                Err(failure) => session.fail(failure),
                            }
                        }
                        Err(failure) => session.fail(failure),
                    }
                    alive = Instant::now();
                }
                // A client that has closed its sending half cannot answer pings; the write limit detects when it is
                // gone.
                _ = check.tick(), if !self.receiver.is_over() => {
                    if alive.elapsed() >= idle_limit {
                        if hold.is_some() {
                            // The network is gone and did not say so. The client may come back.
                            return Read::Gone;
                        }
                        let message = format!("nothing was received for {} s, not even an answer to a ping", idle_limit.as_secs_f64());
                        session.fail(Failure::new(FailureCode::IdleTimeout, message));
                    }
                    self.ping.notify_one();
                }
                () = &mut drained, if !finished => {
                    if hold.is_some_and(|hold| hold.outlives_server(session)) {
                        return Read::Suspended;
                    }
                    session.finish();
                    finished = true;
                }
                () = &mut wanted => return Read::Gone,
                written = &mut *writing => return Read::Written(written),
            }
        }
    }

    /// Waits for the client's close frame: see [`Receiver::linger`].
    pub(super) async fn linger(self, writer: Writer) {
        self.receiver.linger(writer.into_sender()).await;
    }
}

/// Executes a message. Returns whether the audio has ended.
fn execute(session: &mut Session, message: ClientMessage) -> Result<bool, Failure> {
    match message {
        ClientMessage::Start(_) => {
            return Err(Failure::new(FailureCode::BadMessage, "a second `start`: a connection carries one stream"));
        }
        ClientMessage::Resume(_) => {
            return Err(Failure::new(FailureCode::BadMessage, "`resume` must be the first message of a connection"));
        }
        ClientMessage::Ack(ack) => session.acknowledge(ack.seq),
        ClientMessage::Flush => session.flush(),
        ClientMessage::EndTurn => session.end_turn()?,
        ClientMessage::Reset => session.reset(),
        ClientMessage::Finish => {
            session.finish();
            return Ok(true);
        }
    }
    Ok(false)
}
