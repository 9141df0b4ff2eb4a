//! One WebSocket connection speaking the native protocol.
//!
//! Two tasks: this one reads, the other writes, so that a live stream is read whatever becomes of its events. The end:
//! the writer sends the last event and the close frame; the reader goes on until the client answers, a moment at most.
//! Every way out finishes the processor.

use super::{
    messages::{ClientMessage, Ready, ServerEvent, ServerMessage, Start, seconds},
    translate::Translator,
};
use crate::{
    audio::Intake,
    catalog::{Catalog, Opening},
    failure::{Failure, FailureCode},
    stream::{Event, Stream, StreamSettings},
};
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use std::{sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Bytes, Error as WsError, Message, Utf8Bytes,
        error::CapacityError,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};
use tokio_util::sync::CancellationToken;

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

/// Samples decoded and resampled before other tasks get a turn.
const SAMPLES_PER_TURN: usize = 1 << 14;
/// How long the reader waits for the client's answer to the close frame.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);
const CLOSE_REASON_BYTES: usize = 123;

/// Serves one connection to its end. `drain` asks it to finish its stream early.
pub async fn serve<S>(
    socket: WebSocketStream<S>,
    catalog: Arc<Catalog>,
    settings: Arc<ConnectionSettings>,
    drain: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sink, source) = socket.split();
    let (control, controls) = mpsc::channel(4);
    let mut reader = Reader { source, settings: Arc::clone(&settings), control };
    let mut writer = Writer { sink, sequence: 0, limit: settings.write_limit };
    let opened = match timeout(settings.start_limit, reader.start()).await {
        Ok(opened) => opened,
        Err(_) => {
            let limit = settings.start_limit.as_secs_f64();
            Err(Some(Failure::new(FailureCode::IdleTimeout, format!("no `start` message within {limit} s"))))
        }
    };
    let opened = match opened {
        Ok(start) => open(start, &catalog, &settings).await.map_err(Some),
        Err(failure) => Err(failure),
    };
    let (stream, translator, intake) = match opened {
        Ok(opened) => opened,
        Err(failure) => {
            if let Some(failure) = failure {
                tracing::info!(code = %failure.code, "stream refused: {failure}");
                writer.refuse(failure).await;
                reader.drain_source().await;
            }
            return;
        }
    };
    let writing = tokio::spawn(writer.run(Arc::clone(&stream), translator, controls));
    reader.run(&stream, intake, writing, drain).await;
}

async fn open(
    start: Start,
    catalog: &Catalog,
    settings: &ConnectionSettings,
) -> Result<(Arc<Stream>, Translator, Intake), Failure> {
    let audio = start.audio();
    audio.check().map_err(|problem| Failure::new(FailureCode::BadMessage, format!("`start`: {problem}")))?;
    let Opening { preset, runtime, fields } = catalog.open(&start.preset, start.options).await?;
    let metadata = runtime.metadata().clone();
    let intake =
        Intake::new(audio, metadata.sample_rate).map_err(|problem| Failure::new(FailureCode::BadAudio, problem))?;
    let id = uuid::Uuid::new_v4().simple().to_string();
    let stream_settings = StreamSettings { pace: start.pace, ..settings.stream.clone() };
    let stream = Stream::open(id, runtime, fields, stream_settings)?;
    tracing::info!(stream = stream.id(), preset = preset.name, pace = ?start.pace, "stream opened");
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
    Ok((stream, Translator { ready }, intake))
}

/// What the reader asks of the writer besides the stream's events.
enum Control {
    Ping,
}

struct Reader<S> {
    source: SplitStream<WebSocketStream<S>>,
    settings: Arc<ConnectionSettings>,
    control: mpsc::Sender<Control>,
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
    /// The first message; `None` where the client went away without one.
    async fn start(&mut self) -> Result<Start, Option<Failure>> {
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

    async fn next(&mut self) -> Result<Incoming, Failure> {
        match self.source.next().await {
            Some(Ok(Message::Binary(bytes))) => Ok(Incoming::Audio(bytes)),
            Some(Ok(Message::Text(text))) => parse(&text).map(Incoming::Message),
            Some(Ok(Message::Close(_))) | None => Ok(Incoming::Gone),
            Some(Ok(_)) => Ok(Incoming::Life),
            Some(Err(WsError::Capacity(CapacityError::MessageTooLong { size, max_size }))) => {
                let message =
                    format!("a message of {size} bytes; the limit is {max_size}: send audio in smaller pieces");
                Err(Failure::new(FailureCode::TooLarge, message))
            }
            Some(Err(WsError::Utf8(_))) => {
                Err(Failure::new(FailureCode::BadMessage, "a text message that is not UTF-8"))
            }
            Some(Err(error)) => {
                tracing::debug!("connection lost: {error}");
                Ok(Incoming::Gone)
            }
        }
    }

    /// Reads until the writer is done or the client is gone.
    async fn run(
        mut self,
        stream: &Arc<Stream>,
        mut intake: Intake,
        mut writing: JoinHandle<()>,
        drain: CancellationToken,
    ) {
        let idle_limit = self.settings.idle_limit;
        let mut alive = Instant::now();
        let mut check = tokio::time::interval(idle_limit / 4);
        let mut finished = false;
        loop {
            tokio::select! {
                incoming = self.next() => {
                    alive = Instant::now();
                    match incoming {
                        Ok(Incoming::Gone) => break,
                        Ok(Incoming::Life) => {}
                        Ok(_) if finished => {} // Said after `finish`, or on its way when the server began to stop.
                        Ok(Incoming::Audio(bytes)) => {
                            take_audio(stream, &mut intake, &bytes).await;
                            alive = Instant::now();
                        }
                        Ok(Incoming::Message(message)) => match obey(stream, &mut intake, message) {
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
                        break;
                    }
                    // A full channel means that the writer is stuck: its own limit deals with that.
                    let _ = self.control.try_send(Control::Ping);
                }
                () = drain.cancelled(), if !finished => {
                    finish(stream, &mut intake);
                    finished = true;
                }
                _ = &mut writing => {
                    self.drain_source().await;
                    return;
                }
            }
        }
        if !finished {
            tracing::info!(stream = stream.id(), "client gone; the rest of its audio is worked on");
        }
        stream.abandon();
        // What is on its way out still goes out, if the client takes it.
        if timeout(CLOSE_LIMIT, &mut writing).await.is_err() {
            writing.abort();
        }
    }

    /// Reads on until the client has seen the close frame, so that what was sent before it is not lost.
    async fn drain_source(&mut self) {
        let read_on = async { while !matches!(self.source.next().await, None | Some(Err(_))) {} };
        let _ = timeout(CLOSE_LIMIT, read_on).await;
    }
}

fn parse(text: &Utf8Bytes) -> Result<ClientMessage, Failure> {
    serde_json::from_str(text.as_str()).map_err(|error| {
        Failure::new(FailureCode::BadMessage, format!("a text message is not one of this protocol: {error}"))
    })
}

/// Decodes audio a piece at a time, letting other connections have their turn, and waits for room.
async fn take_audio(stream: &Arc<Stream>, intake: &mut Intake, bytes: &[u8]) {
    let mut samples = Vec::new();
    for (n, piece) in bytes.chunks(SAMPLES_PER_TURN).enumerate() {
        if n > 0 {
            tokio::task::yield_now().await;
        }
        stream.room().await;
        samples.clear();
        intake.push(piece, &mut samples);
        stream.push(&samples);
    }
}

/// Does what a message asks; returns whether the audio has ended.
fn obey(stream: &Arc<Stream>, intake: &mut Intake, message: ClientMessage) -> Result<bool, Failure> {
    match message {
        ClientMessage::Start(_) => {
            Err(Failure::new(FailureCode::BadMessage, "a second `start`: one stream a connection"))
        }
        ClientMessage::Flush => {
            push_rest(stream, intake);
            stream.flush(intake.frames());
            Ok(false)
        }
        ClientMessage::Finish => {
            finish(stream, intake);
            Ok(true)
        }
        ClientMessage::Reset => {
            intake.reset();
            stream.reset();
            Ok(false)
        }
    }
}

fn finish(stream: &Arc<Stream>, intake: &mut Intake) {
    push_rest(stream, intake);
    stream.finish();
}

fn push_rest(stream: &Arc<Stream>, intake: &mut Intake) {
    let mut samples = Vec::new();
    intake.finish(&mut samples);
    stream.push(&samples);
}

struct Writer<S> {
    sink: SplitSink<WebSocketStream<S>, Message>,
    sequence: u64,
    limit: Duration,
}

impl<S> Writer<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    /// Sends the stream's events until the last, then closes. Ends early where the client does not take them.
    async fn run(mut self, stream: Arc<Stream>, translator: Translator, mut controls: mpsc::Receiver<Control>) {
        loop {
            let sent = tokio::select! {
                events = stream.events() => {
                    let mut end = None;
                    let mut messages = Vec::with_capacity(events.len());
                    for event in events {
                        end = match &event {
                            Event::Done(_) => Some(None),
                            Event::Failed(failure) => Some(Some(failure.clone())),
                            _ => None,
                        };
                        messages.push(self.number(translator.message(event)));
                    }
                    if let Some(failure) = end {
                        messages.push(close_message(failure.as_ref()));
                        let _ = self.send(messages).await;
                        return;
                    }
                    self.send(messages).await
                }
                Some(Control::Ping) = controls.recv() => self.send(vec![Message::Ping(Bytes::new())]).await,
            };
            match sent {
                Ok(()) => {}
                // The reader sees the same and finishes the stream.
                Err(Unsent::Lost) => return,
                Err(Unsent::Late) => {
                    let limit = self.limit.as_secs_f64();
                    let message = format!("the client took nothing for {limit} s");
                    stream.fail(Failure::new(FailureCode::SlowReader, message));
                    return;
                }
            }
        }
    }

    /// Says why there is no stream, and closes.
    async fn refuse(&mut self, failure: Failure) {
        let close = close_message(Some(&failure));
        let error = self.number(ServerEvent::Error { code: failure.code, message: failure.message });
        let _ = self.send(vec![error, close]).await;
    }

    fn number(&mut self, event: ServerEvent) -> Message {
        let message = ServerMessage { seq: self.sequence, event };
        self.sequence += 1;
        match serde_json::to_string(&message) {
            Ok(text) => Message::text(text),
            // Numbers are finite and keys are texts: nothing in a message can fail to be written.
            Err(error) => Message::text(format!(r#"{{"seq":{},"type":"error","message":"{error}"}}"#, message.seq)),
        }
    }

    async fn send(&mut self, messages: Vec<Message>) -> Result<(), Unsent> {
        let send = async {
            for message in messages {
                self.sink.feed(message).await?;
            }
            self.sink.flush().await
        };
        match timeout(self.limit, send).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                tracing::debug!("cannot send: {error}");
                Err(Unsent::Lost)
            }
            Err(_) => Err(Unsent::Late),
        }
    }
}

/// Why messages did not get to the client.
enum Unsent {
    /// The connection is gone.
    Lost,
    /// The client does not read.
    Late,
}

fn close_message(failure: Option<&Failure>) -> Message {
    let (code, reason) = match failure {
        None => (CloseCode::Normal, String::new()),
        Some(failure) => (CloseCode::from(failure.code.close_code()), format!("{}: {failure}", failure.code)),
    };
    let mut end = reason.len().min(CLOSE_REASON_BYTES);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    Message::Close(Some(CloseFrame { code, reason: reason[..end].into() }))
}
