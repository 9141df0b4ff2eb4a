//! Live audio: messages come in, results go back.
//!
//! Invariants: audio is read as fast as the engine processes it. The session opens with the first audio, which shows whether there is
//! a header. When the client has ended its messages, all text is sent before the status. A client that is gone ends the task, and one
//! that does not read the results ends its session. One task for each stream, and a thread for audio in a container.

use super::{
    codes::status,
    messages::{RequestId, StreamingRecognizeRequest, StreamingRecognizeResponse, StreamingRequest},
    options::{NAME, Options},
    results::Wording,
    settings::RivaSettings,
};
use crate::{
    fields::note_ignored,
    upload::recording::check_channels,
    websocket::{
        ConnectionSettings,
        unpack::{Unpacked, Unpacker},
    },
};
use auricle_core::{AudioFormat, Event, Failure, FailureCode, Pace};
use auricle_session::{Admitted, NumberedEvent, Session, SessionEvents};
use futures_util::Stream;
use std::{
    error::Error,
    future::pending,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    sync::mpsc::{Receiver, Sender, channel},
    time::timeout,
};
use tokio_tungstenite::tungstenite::Bytes;
use tonic::{Code, Status, Streaming};

/// Responses that may wait to be sent.
const WAITING: usize = 16;

/// The responses of a call.
pub(super) struct Responses<T>(Receiver<Result<T, Status>>);

impl<T> Stream for Responses<T> {
    type Item = Result<T, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}

/// Why a stream ends early.
enum End {
    Failed(Failure),
    /// The client is gone.
    Gone,
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Starts the stream's task.
pub(super) fn recognize(
    requests: Streaming<StreamingRecognizeRequest>,
    settings: RivaSettings,
    admitted: Admitted,
    limits: Arc<ConnectionSettings>,
) -> Responses<StreamingRecognizeResponse> {
    let (out, responses) = channel(WAITING);
    tokio::spawn(async move {
        let gone = out.clone();
        let mut stream = LiveStream { requests, settings, limits, out, admitted: Some(admitted), open: None, id: None };
        let ended = tokio::select! {
            ended = stream.run() => ended,
            () = gone.closed() => Err(End::Gone),
        };
        if let Err(End::Failed(failure)) = ended {
            stream.fail(failure).await;
        }
    });
    Responses(responses)
}

struct LiveStream {
    requests: Streaming<StreamingRecognizeRequest>,
    settings: RivaSettings,
    limits: Arc<ConnectionSettings>,
    out: Sender<Result<StreamingRecognizeResponse, Status>>,
    /// `None` once the session is open.
    admitted: Option<Admitted>,
    open: Option<Open>,
    /// The client's id for its request, or the session's.
    id: Option<RequestId>,
}

/// The open session.
struct Open {
    session: Session,
    events: SessionEvents,
    wording: Wording,
}

impl LiveStream {
    /// Serves the stream to its end.
    async fn run(&mut self) -> Result<(), End> {
        let drain = self.admitted.as_ref().map(|admitted| admitted.caller().drain.clone()).unwrap_or_default();
        let (mut asked, interim) = self.settings_of_client().await?;
        let mut audio = None;
        loop {
            let idle = self.limits.idle_limit;
            let message = tokio::select! {
                message = received(&mut self.requests, idle) => message?,
                batch = next(&mut self.open) => {
                    self.tell(&batch, interim).await?;
                    continue;
                }
                () = drain.cancelled() => {
                    self.finish(interim).await?;
                    let message = "the server is shutting down; call again";
                    return Err(Failure::new(FailureCode::ShuttingDown, message).into());
                }
            };
            let Some(message) = message else { break };
            if !message.runtime_config.is_empty() && !asked.ignored.contains(&"runtime_config") {
                asked.ignored.push("runtime_config");
            }
            match message.streaming_request {
                Some(StreamingRequest::AudioContent(bytes)) if !bytes.is_empty() => {
                    let source = match &mut audio {
                        Some(source) => source,
                        none => none.insert(Source::new(&asked, &bytes)?),
                    };
                    self.receive(source, Some(bytes), &asked, interim).await?;
                }
                Some(StreamingRequest::StreamingConfig(_)) => {
                    let message = "`streaming_config` came twice: it belongs in the first message only";
                    return Err(Failure::new(FailureCode::BadMessage, message).into());
                }
                _ => {}
            }
        }
        if let Some(source) = &mut audio {
            self.receive(source, None, &asked, interim).await?;
        }
        self.finish(interim).await
    }

    /// Reads the first message. Returns what is asked for, and whether texts that may change are wanted.
    async fn settings_of_client(&mut self) -> Result<(Options, bool), End> {
        let first = received(&mut self.requests, self.limits.start_limit).await?;
        let first = first.ok_or_else(|| bad("the call ended without a message"))?;
        let Some(StreamingRequest::StreamingConfig(config)) = first.streaming_request else {
            return Err(bad("the first message must have `streaming_config`").into());
        };
        self.id = first.id;
        Ok((Options::read(config.config.unwrap_or_default())?, config.interim_results))
    }

    /// Processes bytes of audio; `None` is their end.
    async fn receive(
        &mut self,
        source: &mut Source,
        bytes: Option<Bytes>,
        asked: &Options,
        interim: bool,
    ) -> Result<(), End> {
        match (source, bytes) {
            (Source::Raw(format), Some(bytes)) => self.process(*format, bytes, asked, interim).await,
            (Source::Raw(_), None) => Ok(()),
            (Source::Container(unpacker), bytes) => {
                match bytes {
                    Some(bytes) => unpacker.push(bytes),
                    None => unpacker.end(),
                }
                while let Some(unpacked) = unpacker.next().await {
                    let Unpacked { format, channels, part } = unpacked?;
                    if asked.per_channel {
                        check_channels(channels, format)?;
                    }
                    self.process(format, part.audio, asked, interim).await?;
                }
                Ok(())
            }
        }
    }

    /// Processes audio, a second at a time, and sends the texts meanwhile.
    async fn process(
        &mut self,
        format: AudioFormat,
        mut audio: Bytes,
        asked: &Options,
        interim: bool,
    ) -> Result<(), End> {
        self.start(format, asked).await?;
        let second = format.frame_bytes() * format.sample_rate as usize;
        while !audio.is_empty() {
            if let Some(open) = &mut self.open {
                open.session.audio(audio.split_to(audio.len().min(second))).await;
            }
            while let Some(Open { session, events, .. }) = &mut self.open {
                let (batch, is_over) = events.until_caught_up(session).await;
                self.tell(&batch, interim).await?;
                if is_over {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Opens the session, if it is not open.
    async fn start(&mut self, format: AudioFormat, asked: &Options) -> Result<(), End> {
        let Some(admitted) = &self.admitted else { return Ok(()) };
        let request = asked.session(format, Pace::Live, &self.settings, admitted)?;
        let metrics = Arc::clone(admitted.sessions().metrics());
        // From now on the session records refusals.
        let Some(admitted) = self.admitted.take() else { return Ok(()) };
        let (session, events) = admitted.open(request).await?;
        let info = Arc::clone(session.info());
        self.id.get_or_insert_with(|| RequestId { value: info.id.clone() });
        self.open = Some(Open { session, events, wording: Wording::new(&info.metadata, asked.words) });
        note_ignored(NAME, &asked.ignored, &info, &metrics);
        Ok(())
    }

    /// Ends the audio and sends all text.
    async fn finish(&mut self, interim: bool) -> Result<(), End> {
        if let Some(open) = &mut self.open {
            open.session.finish();
        }
        while self.open.is_some() {
            let batch = next(&mut self.open).await;
            self.tell(&batch, interim).await?;
            if batch.last().is_none_or(|last| last.is_last()) {
                break;
            }
        }
        Ok(())
    }

    /// Sends the text of events.
    async fn tell(&mut self, batch: &[Arc<NumberedEvent>], interim: bool) -> Result<(), End> {
        let Some(open) = &mut self.open else { return Ok(()) };
        for event in batch {
            let result = match &event.event {
                Event::Segment(segment) if !segment.text_bytes().is_empty() => {
                    open.wording.segment(event.channel, segment)
                }
                Event::Partial(text) if interim && !text.text_bytes().is_empty() => {
                    open.wording.partial(event.channel, text)
                }
                Event::Failed(failure) => return Err(failure.clone().into()),
                // The protocol has no messages for these.
                _ => continue,
            };
            let response = StreamingRecognizeResponse { results: vec![result], id: self.id.clone() };
            match timeout(self.limits.write_limit, self.out.send(Ok(response))).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(End::Gone),
                Err(_) => {
                    let message = format!("the client read nothing for {} s", self.limits.write_limit.as_secs_f64());
                    let failure = Failure::new(FailureCode::SlowReader, message);
                    open.events.give_up(failure);
                    return Err(End::Gone);
                }
            }
        }
        if let Some(last) = batch.last() {
            open.events.acknowledge(last.seq);
        }
        Ok(())
    }

    /// Ends the session with a failure, and tells the client.
    async fn fail(&mut self, failure: Failure) {
        if let Some(admitted) = &self.admitted {
            admitted.refuse(&failure);
        }
        if let Some(open) = &mut self.open {
            open.session.fail(failure.clone());
            // The last event is taken: the client is told.
            open.events.take();
        }
        // It may be gone.
        let _ = timeout(self.limits.write_limit, self.out.send(Err(status(&failure)))).await;
    }
}

/// How the audio is read.
enum Source {
    Raw(AudioFormat),
    Container(Unpacker),
}

impl Source {
    /// Decides by the first audio.
    fn new(asked: &Options, first: &[u8]) -> Result<Self, Failure> {
        Ok(match asked.raw_format(first)? {
            Some(format) => Self::Raw(format),
            None => Self::Container(Unpacker::start()?),
        })
    }
}

/// Waits for the next message; `None` at their end.
async fn received(
    requests: &mut Streaming<StreamingRecognizeRequest>,
    limit: Duration,
) -> Result<Option<StreamingRecognizeRequest>, End> {
    match timeout(limit, requests.message()).await {
        Ok(Ok(message)) => Ok(message),
        // The client has cancelled the call, or the connection is lost.
        Ok(Err(broken)) if broken.source().is_some() || broken.code() == Code::Cancelled => Err(End::Gone),
        Ok(Err(invalid)) if invalid.code() == Code::OutOfRange => {
            let message = format!("the message is too large: {}; send smaller chunks", invalid.message());
            Err(Failure::new(FailureCode::TooLarge, message).into())
        }
        Ok(Err(invalid)) => Err(bad(format_args!("the message cannot be read: {}", invalid.message())).into()),
        Err(_) => {
            let message = format!("nothing was received for {} s", limit.as_secs_f64());
            Err(Failure::new(FailureCode::IdleTimeout, message).into())
        }
    }
}

/// Waits for events; for ever if there is no session, and after the last.
async fn next(open: &mut Option<Open>) -> Vec<Arc<NumberedEvent>> {
    match open {
        Some(open) => open.events.next().await,
        None => pending().await,
    }
}

fn bad(problem: impl std::fmt::Display) -> Failure {
    Failure::new(FailureCode::BadMessage, problem)
}
