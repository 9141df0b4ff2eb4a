//! One stream: audio out at the moments of a plan, and a note of every new text that comes back.
//!
//! Invariant: moments count from the plan, whenever the audio could in fact be sent. A server that answers the handshake late or
//! does not read makes its own texts late, not the plan.
//!
//! One task: sending and reading are two futures polled side by side.

use super::{recording::Recording, watch::Watch};
use auricle_client::session::{
    End,
    connect::{Connector, Socket},
    heard::{broke, closed},
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

/// From the handshake to when the first frame begins.
pub(super) const LEAD: Duration = Duration::from_millis(500);
/// For the server to answer a close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A way to the server.
pub(super) trait Transport: Clone + Send + Sync + 'static {
    /// What the bytes go through.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// A new connection.
    fn connect(&self) -> impl Future<Output = Result<WebSocketStream<Self::Io>, End>> + Send;
}

impl Transport for Connector {
    type Io = tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>;

    async fn connect(&self) -> Result<Socket, End> {
        self.open().await
    }
}

/// What a stream is to do.
pub(super) struct Plan<'a> {
    pub(super) recording: &'a Recording,
    /// When its first frame begins; each is due when it is whole.
    pub(super) start: Instant,
    /// How long to wait for the last text after the end of the audio.
    pub(super) patience: Duration,
}

/// What came of it. Moments are seconds since the plan's start.
#[derive(Debug, Clone, Default)]
pub(super) struct StreamRun {
    /// Every text that differed from the one before it.
    pub(super) texts: Vec<Heard>,
    /// When the last final text came, if all was told.
    pub(super) finished: Option<f64>,
    /// How it ended, where it did not end well.
    pub(super) end: Option<Ending>,
    /// For each frame by how many seconds this program itself was late to send it.
    pub(super) late: Vec<f32>,
}

/// All text that there was at a moment, final or not, its words set apart by single spaces.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Heard {
    pub(super) at: f64,
    /// Frames sent before it came.
    pub(super) sent: usize,
    pub(super) text: String,
}

/// A stream that did not end well; why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    /// It was never let in.
    Refused(String),
    /// It was lost on the way.
    Failed(String),
}

/// Opens a stream and sees it through.
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
        Err(End::Refused { status, line, .. }) => refused(if line.is_empty() { status } else { line }),
        Err(End::Connect { reason, .. }) => refused(format!("cannot connect: {reason}")),
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
    let (sent, let_in) = (AtomicUsize::new(0), Notify::new());
    let mut notes = Notes::new(plan);
    let (mut late, mut told) = (Vec::with_capacity(plan.recording.frames.len()), Vec::new());
    let mut open = !dialect.waits();
    let reason = {
        let hello = dialect.hello();
        let talk = Talk { plan, hello, wait: dialect.waits().then_some(&let_in), end: dialect.end(), sent: &sent };
        let mut speaking = pin!(talk.speak(&mut sink, &mut late));
        let mut patience = pin!(sleep_until(plan.start + plan.recording.length() + plan.patience));
        let (mut spoken, mut broken) = (false, None);
        'hearing: loop {
            let message = tokio::select! {
                biased;
                message = incoming.next() => message,
                result = &mut speaking, if !spoken => {
                    spoken = true;
                    // What the server has to say about it may still be on its way.
                    broken = result.err().map(|error| broke(&error));
                    continue;
                }
                () = &mut patience => {
                    let what = if open { "no end" } else { "not let in" };
                    break Some(format!("{what} within {} s of the end of the audio", plan.patience.as_secs_f64()));
                }
            };
            let now = Instant::now();
            let line = match message {
                Some(Ok(Message::Text(line))) => line,
                Some(Ok(Message::Close(_))) | None if spoken && broken.is_none() && dialect.ends_by_closing() => {
                    notes.done(now);
                    break None;
                }
                Some(Ok(Message::Close(frame))) => break Some(closed(frame.as_ref())),
                Some(Err(error)) => break Some(broken.unwrap_or_else(|| broke(&error))),
                None => break Some(broken.unwrap_or_else(|| closed(None))),
                Some(Ok(_)) => continue,
            };
            dialect.receive(&line, &mut told);
            for told in told.drain(..) {
                match told {
                    Update::Ready => {
                        open = true;
                        let_in.notify_one();
                    }
                    Update::Partial(text) => notes.partial(now, sent.load(Relaxed), &text),
                    Update::Final(text) => notes.last(now, sent.load(Relaxed), &text),
                    Update::Done => {
                        notes.done(now);
                        break 'hearing None;
                    }
                    Update::Failed(reason) => break 'hearing Some(reason),
                }
            }
            watch.message();
        }
    };
    // It was all said, or is no use any more.
    let _ = timeout(CLOSE_TIMEOUT, sink.close()).await;
    let end = reason.map(if open { Ending::Failed } else { Ending::Refused });
    StreamRun { texts: notes.texts, finished: notes.finished, end, late }
}

/// The sending half.
struct Talk<'a> {
    plan: &'a Plan<'a>,
    hello: Option<Message>,
    /// To be let in before there is any audio.
    wait: Option<&'a Notify>,
    end: Message,
    /// Frames sent so far.
    sent: &'a AtomicUsize,
}

impl Talk<'_> {
    async fn speak(
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
            // Since it was due, or since the server had taken the one before it.
            late.push(due.max(free).elapsed().as_secs_f32());
            sink.send(Message::Binary(frame.clone())).await?;
            self.sent.store(number + 1, Relaxed);
            free = Instant::now();
        }
        sink.send(self.end).await
    }
}

/// What was heard so far.
struct Notes {
    start: Instant,
    /// When the audio ends, in seconds.
    end: f64,
    texts: Vec<Heard>,
    /// All text that is final, and when the last of it came.
    finals: String,
    last: f64,
    finished: Option<f64>,
}

impl Notes {
    fn new(plan: &Plan<'_>) -> Self {
        let end = plan.recording.length().as_secs_f64();
        Self { start: plan.start, end, texts: Vec::new(), finals: String::new(), last: 0.0, finished: None }
    }

    fn partial(&mut self, now: Instant, sent: usize, text: &str) {
        let mut all = self.finals.clone();
        append(&mut all, text);
        self.note(now, sent, all);
    }

    fn last(&mut self, now: Instant, sent: usize, text: &str) {
        append(&mut self.finals, text);
        self.last = self.at(now);
        self.note(now, sent, self.finals.clone());
    }

    /// There is nothing more. Where no final text came after the end of the audio, it is this that makes the text final.
    fn done(&mut self, now: Instant) {
        self.finished = Some(if self.last >= self.end { self.last } else { self.at(now) });
    }

    fn note(&mut self, now: Instant, sent: usize, text: String) {
        if self.texts.last().map_or("", |last| &last.text) != text {
            self.texts.push(Heard { at: self.at(now), sent, text });
        }
    }

    fn at(&self, now: Instant) -> f64 {
        now.duration_since(self.start).as_secs_f64()
    }
}

/// Appends words, with single spaces between them.
fn append(words: &mut String, more: &str) {
    for word in more.split_whitespace() {
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(word);
    }
}
