//! Runs one stream: sends audio on schedule and records every new text.
//!
//! Invariant: times count from the schedule, not from when the audio could actually be sent. If the server is slow to
//! answer the handshake or to read, its texts are late; the schedule does not move.
//!
//! One task: sending and reading are two futures polled side by side.

use super::{recording::Recording, watch::Watch};
use auricle_client::{
    Failure,
    connect::{Connector, Socket, close_reason, failure},
};
use auricle_dialects::client::{ClientSide, Update};
use futures_util::{Sink, SinkExt, StreamExt};
use std::{
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Notify,
    time::{Instant, sleep_until, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Error as WsError, Message},
};

/// Time from the start of the handshake to the beginning of the first frame.
pub(super) const LEAD: Duration = Duration::from_millis(500);
/// Time limit for the server to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Opens connections to the server.
pub(super) trait Transport: Clone + Send + Sync + 'static {
    /// The byte stream of a connection.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Opens a connection.
    fn connect(&self) -> impl Future<Output = Result<WebSocketStream<Self::Io>, Failure>> + Send;
}

impl Transport for Connector {
    type Io = tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>;

    async fn connect(&self) -> Result<Socket, Failure> {
        self.open().await
    }
}

/// The schedule of a stream.
pub(super) struct Plan<'a> {
    pub(super) recording: &'a Recording,
    /// Start of the first frame. Each frame is due at its end.
    pub(super) start: Instant,
    /// Time to wait for the last text after the end of the audio.
    pub(super) patience: Duration,
}

/// The record of a stream. Times are in seconds since the schedule's start.
#[derive(Debug, Clone, Default)]
pub(super) struct StreamRun {
    /// Every text that differs from the previous one.
    pub(super) texts: Vec<TimedText>,
    /// When the last final text arrived, if the stream ended normally.
    pub(super) finished: Option<f64>,
    /// The reason, if the stream did not end normally.
    pub(super) end: Option<Ending>,
    /// For each frame: by how many seconds this program sent it late.
    pub(super) late: Vec<f32>,
}

/// The whole text at a moment, final and partial, with single spaces between words.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TimedText {
    pub(super) at: f64,
    /// Frames sent before the text arrived.
    pub(super) sent: usize,
    pub(super) text: String,
}

/// Why a stream did not end normally.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    /// The server refused it.
    Refused(String),
    /// It failed later.
    Failed(String),
}

/// Opens a stream and runs it to its end.
pub(super) async fn run<W: Transport>(
    way: W,
    dialect: Box<dyn ClientSide>,
    plan: &Plan<'_>,
    watch: &Watch,
) -> StreamRun {
    sleep_until(plan.start - LEAD).await;
    match way.connect().await {
        Ok(socket) => {
            let _open = watch.open();
            converse(socket, dialect, plan, watch).await
        }
        Err(Failure::Refused { status, line, .. }) => refused(if line.is_empty() { status } else { line }),
        Err(Failure::Connect { reason, .. }) => refused(format!("cannot connect: {reason}")),
        Err(end) => refused(end.to_string()),
    }
}

fn refused(reason: String) -> StreamRun {
    StreamRun { end: Some(Ending::Refused(reason)), ..StreamRun::default() }
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    socket: WebSocketStream<S>,
    mut dialect: Box<dyn ClientSide>,
    plan: &Plan<'_>,
    watch: &Watch,
) -> StreamRun {
    let (mut sink, mut incoming) = socket.split();
    let (sent, ready) = (AtomicUsize::new(0), Notify::new());
    let mut notes = Notes::new(plan);
    let (mut late, mut updates) = (Vec::with_capacity(plan.recording.frames.len()), Vec::new());
    let mut open = !dialect.waits();
    let reason = {
        let hello = dialect.hello();
        let talk = SendHalf { plan, hello, wait: dialect.waits().then_some(&ready), end: dialect.end(), sent: &sent };
        let mut speaking = pin!(talk.run(&mut sink, &mut late));
        let mut patience = pin!(sleep_until(plan.start + plan.recording.length() + plan.patience));
        let (mut spoken, mut broken) = (false, None);
        'reading: loop {
            let message = tokio::select! {
                biased;
                message = incoming.next() => message,
                result = &mut speaking, if !spoken => {
                    spoken = true;
                    // The server's reason may still arrive.
                    broken = result.err().map(|error| failure(&error));
                    continue;
                }
                () = &mut patience => {
                    let what = if open { "no end" } else { "not ready" };
                    break Some(format!("{what} within {} s after the end of the audio", plan.patience.as_secs_f64()));
                }
            };
            let now = Instant::now();
            let line = match message {
                Some(Ok(Message::Text(line))) => line,
                Some(Ok(Message::Close(_))) | None if spoken && broken.is_none() && dialect.ends_by_closing() => {
                    notes.done(now);
                    break None;
                }
                Some(Ok(Message::Close(frame))) => break Some(close_reason(frame.as_ref())),
                Some(Err(error)) => break Some(broken.unwrap_or_else(|| failure(&error))),
                None => break Some(broken.unwrap_or_else(|| close_reason(None))),
                Some(Ok(_)) => continue,
            };
            dialect.receive(&line, &mut updates);
            for update in updates.drain(..) {
                match update {
                    Update::Ready => {
                        open = true;
                        ready.notify_one();
                    }
                    Update::Partial(text) => notes.partial(now, sent.load(Relaxed), &text),
                    Update::Final(text) => notes.last(now, sent.load(Relaxed), &text),
                    Update::Done => {
                        notes.done(now);
                        break 'reading None;
                    }
                    Update::Failed(reason) => break 'reading Some(reason),
                }
            }
            watch.message();
        }
    };
    // The stream is over, normally or not.
    let _ = timeout(CLOSE_TIMEOUT, sink.close()).await;
    notes.into_run(reason.map(if open { Ending::Failed } else { Ending::Refused }), late)
}

/// The sending half.
struct SendHalf<'a> {
    plan: &'a Plan<'a>,
    hello: Option<Message>,
    /// Set if the client must wait for the server to be ready before it sends audio.
    wait: Option<&'a Notify>,
    end: Message,
    /// Frames sent so far.
    sent: &'a AtomicUsize,
}

impl SendHalf<'_> {
    async fn run(
        self,
        sink: &mut (impl Sink<Message, Error = WsError> + Unpin),
        late: &mut Vec<f32>,
    ) -> Result<(), WsError> {
        if let Some(hello) = self.hello {
            sink.send(hello).await?;
        }
        if let Some(wait) = self.wait {
            wait.notified().await;
        }
        let Plan { recording, start, .. } = self.plan;
        let (mut due, mut free) = (*start, Instant::now());
        for (number, frame) in recording.frames.iter().enumerate() {
            due += recording.frame;
            sleep_until(due).await;
            // Counts from when the frame was due, or from when the server had accepted the previous one.
            late.push(due.max(free).elapsed().as_secs_f32());
            sink.send(Message::Binary(frame.clone())).await?;
            self.sent.store(number + 1, Relaxed);
            free = Instant::now();
        }
        sink.send(self.end).await
    }
}

/// The texts recorded so far.
pub(super) struct Notes {
    start: Instant,
    /// End of the audio, in seconds.
    end: f64,
    texts: Vec<TimedText>,
    /// All final text, and when the last of it arrived.
    finals: String,
    last: f64,
    finished: Option<f64>,
}

impl Notes {
    pub(super) fn new(plan: &Plan<'_>) -> Self {
        let end = plan.recording.length().as_secs_f64();
        Self { start: plan.start, end, texts: Vec::new(), finals: String::new(), last: 0.0, finished: None }
    }

    pub(super) fn partial(&mut self, now: Instant, sent: usize, text: &str) {
        let mut all = self.finals.clone();
        append(&mut all, text);
        self.note(now, sent, all);
    }

    pub(super) fn last(&mut self, now: Instant, sent: usize, text: &str) {
        append(&mut self.finals, text);
        self.last = self.at(now);
        self.note(now, sent, self.finals.clone());
    }

    /// The stream ended normally. If no final text arrived after the end of the audio, the text is final only now.
    pub(super) fn done(&mut self, now: Instant) {
        self.finished = Some(if self.last >= self.end { self.last } else { self.at(now) });
    }

    /// The record of the stream.
    pub(super) fn into_run(self, end: Option<Ending>, late: Vec<f32>) -> StreamRun {
        StreamRun { texts: self.texts, finished: self.finished, end, late }
    }

    fn note(&mut self, now: Instant, sent: usize, text: String) {
        if self.texts.last().map_or("", |last| &last.text) != text {
            self.texts.push(TimedText { at: self.at(now), sent, text });
        }
    }

    fn at(&self, now: Instant) -> f64 {
        now.duration_since(self.start).as_secs_f64()
    }
}

/// Appends words, separated by single spaces.
fn append(words: &mut String, more: &str) {
    for word in more.split_whitespace() {
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(word);
    }
}
