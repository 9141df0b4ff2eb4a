//! The reading half of a connection: what the client says becomes calls on its stream.

use super::{
    messages::{ClientMessage, Start},
    writer::Writer,
};
use crate::{
    admission::Ticket,
    audio::Intake,
    failure::{Failure, FailureCode},
    stream::Stream,
};
use futures_util::{FutureExt, StreamExt, stream::SplitStream};
use std::{pin::pin, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::Notify,
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Bytes, Error as WsError, Message,
        error::{CapacityError, ProtocolError},
    },
};
use tokio_util::sync::CancellationToken;

/// Bytes of audio decoded and resampled before other tasks get a turn.
const BYTES_PER_TURN: usize = 1 << 14;
/// How long the client has to answer the close frame.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// Reads one connection.
pub(super) struct Reader<S> {
    source: SplitStream<WebSocketStream<S>>,
    idle_limit: Duration,
    /// Asks the writer for a ping.
    ping: Arc<Notify>,
    /// Came while something else was being done, and is next.
    held: Option<Result<Incoming, Failure>>,
    /// Where one message ends and the next begins cannot be told any more: nothing else will come.
    broken: bool,
    /// The samples of one turn; kept for its room.
    samples: Vec<f32>,
}

/// What came from the client.
enum Incoming {
    Audio(Bytes),
    Message(ClientMessage),
    /// A ping, a pong.
    Life,
    Gone,
}

impl<S> Reader<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    pub(super) fn new(source: SplitStream<WebSocketStream<S>>, idle_limit: Duration, ping: Arc<Notify>) -> Self {
        Self { source, idle_limit, ping, held: None, broken: false, samples: Vec::new() }
    }

    /// The first message; `None` where the client went away without one.
    pub(super) async fn start(&mut self) -> Result<Start, Option<Failure>> {
        let out_of_turn = |what: &str| {
            let message = format!("the first message must be `start`, this is {what}");
            Err(Some(Failure::new(FailureCode::BadMessage, message)))
        };
        loop {
            match self.next().await? {
                Incoming::Message(ClientMessage::Start(start)) => return Ok(start),
                Incoming::Message(_) => return out_of_turn("another one"),
                Incoming::Audio(_) => return out_of_turn("audio"),
                Incoming::Life => {}
                Incoming::Gone => return Err(None),
            }
        }
    }

    /// Awaits the opening of the stream, which may load a model; pings are answered meanwhile. `None` where the client
    /// goes away.
    pub(super) async fn meanwhile<T>(&mut self, opening: impl Future<Output = T>) -> Option<T> {
        let mut opening = pin!(opening);
        loop {
            tokio::select! {
                opened = &mut opening => return Some(opened),
                incoming = self.next(), if self.held.is_none() => match incoming {
                    Ok(Incoming::Life) => {}
                    Ok(Incoming::Gone) => return None,
                    other => self.held = Some(other),
                },
            }
        }
    }

    /// May be dropped before it is ready: nothing is lost.
    async fn next(&mut self) -> Result<Incoming, Failure> {
        if let Some(held) = self.held.take() {
            return held;
        }
        let error = match self.source.next().await {
            Some(Ok(Message::Binary(bytes))) => return Ok(Incoming::Audio(bytes)),
            Some(Ok(Message::Text(text))) => return ClientMessage::parse(text.as_str()).map(Incoming::Message),
            Some(Ok(Message::Close(_))) => {
                // Lets the answer out.
                let _ = timeout(CLOSE_LIMIT, self.source.next()).await;
                return Ok(Incoming::Gone);
            }
            Some(Ok(_)) => return Ok(Incoming::Life),
            None => return Ok(Incoming::Gone),
            Some(Err(error)) => error,
        };
        self.broken = true;
        match error {
            WsError::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
                let message =
                    format!("a message of {size} bytes; the limit is {max_size}: send audio in smaller pieces");
                Err(Failure::new(FailureCode::TooLarge, message))
            }
            WsError::Utf8(_) => Err(Failure::new(FailureCode::BadMessage, "a text message that is not UTF-8")),
            WsError::Protocol(problem) if problem != ProtocolError::ResetWithoutClosingHandshake => {
                Err(Failure::new(FailureCode::BadMessage, format!("this is not WebSocket: {problem}")))
            }
            error => {
                tracing::debug!("connection lost: {error}");
                Ok(Incoming::Gone)
            }
        }
    }

    /// Reads until the writer is done or the client is gone.
    pub(super) async fn run(
        mut self,
        stream: &Arc<Stream>,
        ticket: &Ticket,
        mut intake: Intake,
        mut writing: JoinHandle<Writer<S>>,
        drain: CancellationToken,
    ) {
        let idle_limit = self.idle_limit;
        let mut alive = Instant::now();
        let mut check = tokio::time::interval(idle_limit / 4);
        let mut finished = false;
        loop {
            tokio::select! {
                incoming = self.next(), if !self.broken || self.held.is_some() => {
                    alive = Instant::now();
                    match incoming {
                        Ok(Incoming::Gone) => break,
                        Ok(Incoming::Life) => {}
                        Ok(_) if finished => {} // Said after `finish`, or on its way when the server began to stop.
                        Ok(Incoming::Audio(bytes)) => {
                            self.take_audio(stream, ticket, &mut intake, bytes).await;
                            alive = Instant::now();
                        }
                        Ok(Incoming::Message(message)) => match obey(stream, ticket, &mut intake, message) {
                            Ok(ends) => finished = ends,
                            Err(failure) => stream.fail(failure),
                        },
                        Err(failure) => stream.fail(failure),
                    }
                }
                _ = check.tick() => {
                    if alive.elapsed() >= idle_limit {
                        let message = format!("nothing came for {} s, not even an answer to a ping", idle_limit.as_secs_f64());
                        stream.fail(Failure::new(FailureCode::IdleTimeout, message));
                    }
                    self.ping.notify_one();
                }
                () = drain.cancelled(), if !finished => {
                    finish(stream, ticket, &mut intake);
                    finished = true;
                }
                written = &mut writing => {
                    if let Ok(writer) = written {
                        self.linger(writer).await;
                    }
                    return;
                }
            }
        }
        if !finished {
            tracing::info!(stream = stream.id(), "client gone; the rest of its audio is worked on");
        }
        stream.abandon();
        writing.abort();
    }

    /// Takes audio, and more of it that is there already, in turns; between them other tasks have theirs. Waits for room.
    async fn take_audio(&mut self, stream: &Arc<Stream>, ticket: &Ticket, intake: &mut Intake, mut audio: Bytes) {
        loop {
            stream.room().await;
            self.samples.clear();
            self.decode_turn(intake, &mut audio);
            ticket.heard(self.samples.len());
            stream.push(&self.samples);
            if audio.is_empty() {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Decodes audio and what has come behind it, up to a turn's worth: the stream and its model are troubled once for
    /// all of it.
    fn decode_turn(&mut self, intake: &mut Intake, audio: &mut Bytes) {
        let mut left = BYTES_PER_TURN;
        loop {
            let length = audio.len().min(left);
            intake.push(&audio.split_to(length), &mut self.samples);
            left -= length;
            if left == 0 {
                return;
            }
            match self.next().now_or_never() {
                Some(Ok(Incoming::Audio(more))) => *audio = more,
                other => {
                    self.held = other;
                    return;
                }
            }
        }
    }

    /// After the close frame: reads on until the client has seen it, a moment at most. A connection closed with unread input
    /// would take what was sent to the client with it.
    pub(super) async fn linger(mut self, writer: Writer<S>) {
        let read_on = async {
            while let Some(Ok(_)) = self.source.next().await {}
            // The client's answer cannot be told from the rest: reads up to the end of everything.
            if self.broken
                && let Ok(mut socket) = self.source.reunite(writer.into_sink())
            {
                let socket = socket.get_mut();
                let mut waste = vec![0; 4 << 10];
                let _ = socket.shutdown().await;
                while socket.read(&mut waste).await.is_ok_and(|count| count > 0) {}
            }
        };
        let _ = timeout(CLOSE_LIMIT, read_on).await;
    }
}

/// Does what a message asks; returns whether the audio has ended.
fn obey(stream: &Arc<Stream>, ticket: &Ticket, intake: &mut Intake, message: ClientMessage) -> Result<bool, Failure> {
    match message {
        ClientMessage::Start(_) => {
            Err(Failure::new(FailureCode::BadMessage, "a second `start`: one stream a connection"))
        }
        ClientMessage::Flush {} => {
            push_rest(stream, ticket, intake);
            stream.flush(intake.frames());
            Ok(false)
        }
        ClientMessage::Finish {} => {
            finish(stream, ticket, intake);
            Ok(true)
        }
        ClientMessage::Reset {} => {
            intake.reset();
            ticket.reset();
            stream.reset();
            Ok(false)
        }
    }
}

fn finish(stream: &Arc<Stream>, ticket: &Ticket, intake: &mut Intake) {
    push_rest(stream, ticket, intake);
    stream.finish();
}

fn push_rest(stream: &Arc<Stream>, ticket: &Ticket, intake: &mut Intake) {
    let mut samples = Vec::new();
    intake.finish(&mut samples);
    ticket.heard(samples.len());
    stream.push(&samples);
}
