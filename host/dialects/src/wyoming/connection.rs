//! A connection of a Wyoming client: events are executed in order, one at a time.
//!
//! Invariants: a session opens at the first audio and ends with the transcript, so a connection may have several, one after
//! another. Audio is read as fast as the engine processes it. From `audio-stop` until the transcript is sent nothing is
//! read, so nothing that a client does meanwhile costs a word. One task.

use super::{
    events::{Chunk, ClientEvent, Transcribe},
    frame::{Decoder, Frame},
    info::info,
    settings::WyomingSettings,
};
use crate::{
    Visitor,
    fields::{KEYTERMS, LANGUAGE, note_ignored},
    preset::default_preset,
    websocket::{ConnectionSettings, Duplex},
};
use auricle_core::{Event, Failure, FailureCode, Pace};
use auricle_session::{NumberedEvent, Session, SessionEvents, SessionRequest};
use serde_json::Map;
use std::{convert::Infallible, future, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, sleep_until, timeout},
};
use tokio_tungstenite::tungstenite::Bytes;

/// Bytes that are read at once.
const READ_BYTES: usize = 8 << 10;
/// Time for the client to read the last event and to close.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// Why a connection ends.
enum End {
    Failed(Failure),
    /// The client is gone, or does not read.
    Gone,
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Serves a connection to its end.
pub(super) async fn serve(
    settings: &WyomingSettings,
    socket: Box<dyn Duplex>,
    limits: &ConnectionSettings,
    visitor: Result<Visitor, Failure>,
) {
    let mut wire = Wire { socket, decoder: Decoder::new(limits.max_message_bytes), write_limit: limits.write_limit };
    let failure = match visitor {
        Ok(visitor) => {
            let mut connection =
                Connection { settings, visitor, wire: &mut wire, asked: Transcribe::default(), open: None };
            let Err(end) = connection.run(limits).await;
            match end {
                End::Failed(failure) => {
                    connection.fail(&failure);
                    failure
                }
                End::Gone => return,
            }
        }
        Err(failure) => failure,
    };
    wire.close(&Frame::error(&failure)).await;
}

/// The socket, as frames.
struct Wire {
    socket: Box<dyn Duplex>,
    decoder: Decoder,
    write_limit: Duration,
}

impl Wire {
    /// Waits for the next event; `None` at the end of the input. Cancel-safe.
    async fn next(&mut self) -> Result<Option<Frame>, Failure> {
        loop {
            if let Some(frame) = self.decoder.next_frame()? {
                return Ok(Some(frame));
            }
            let buffer = self.decoder.buffer();
            buffer.reserve(READ_BYTES);
            match self.socket.read_buf(buffer).await {
                Ok(0) | Err(_) => return Ok(None),
                Ok(_) => {}
            }
        }
    }

    /// Sends events. Returns whether that is not possible any more, and the client is too slow.
    async fn send(&mut self, frames: &[Frame]) -> Result<(), Option<Failure>> {
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::encode).collect();
        let write = async {
            self.socket.write_all(&bytes).await?;
            self.socket.flush().await
        };
        match timeout(self.write_limit, write).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                tracing::debug!("cannot send: {error}");
                Err(None)
            }
            Err(_) => {
                let message = format!("the client read nothing for {} s", self.write_limit.as_secs_f64());
                Err(Some(Failure::new(FailureCode::SlowReader, message)))
            }
        }
    }

    /// Sends the last event and closes. Closing with unread input could discard what was sent, so that is read first.
    async fn close(mut self, last: &Frame) {
        if self.send(std::slice::from_ref(last)).await.is_err() || self.socket.shutdown().await.is_err() {
            return;
        }
        let read_on = async {
            let mut discarded = vec![0; READ_BYTES];
            while self.socket.read(&mut discarded).await.is_ok_and(|count| count > 0) {}
        };
        let _ = timeout(CLOSE_LIMIT, read_on).await;
    }
}

/// A session, and its text so far.
struct Open {
    session: Session,
    events: SessionEvents,
    separator: String,
    /// `None` before the first segment.
    text: Option<String>,
    language: Option<String>,
}

struct Connection<'a> {
    settings: &'a WyomingSettings,
    visitor: Visitor,
    wire: &'a mut Wire,
    /// What the next audio is transcribed with.
    asked: Transcribe,
    open: Option<Open>,
}

impl Connection<'_> {
    async fn run(&mut self, limits: &ConnectionSettings) -> Result<Infallible, End> {
        let drain = self.visitor.caller.drain.clone();
        let (mut alive, mut limit) = (Instant::now(), limits.start_limit);
        loop {
            tokio::select! {
                frame = self.wire.next() => {
                    let event = ClientEvent::parse(frame?.ok_or(End::Gone)?)?;
                    self.execute(event).await?;
                    (alive, limit) = (Instant::now(), limits.idle_limit);
                }
                batch = events(&mut self.open) => drop(self.tell(batch).await?),
                () = sleep_until(alive + limit) => {
                    let message = format!("nothing was received for {} s", limit.as_secs_f64());
                    return Err(Failure::new(FailureCode::IdleTimeout, message).into());
                }
                () = drain.cancelled() => {
                    self.finish().await?;
                    let message = "the server is shutting down; connect again";
                    return Err(Failure::new(FailureCode::ShuttingDown, message).into());
                }
            }
        }
    }

    async fn execute(&mut self, event: ClientEvent) -> Result<(), End> {
        match event {
            ClientEvent::Describe => {
                let offers = self.visitor.sessions.offers(&self.visitor.caller);
                self.send(&[info(offers, self.settings)]).await
            }
            ClientEvent::Ping(text) => self.send(&[Frame::pong(text)]).await,
            ClientEvent::Transcribe(_) if self.open.is_some() => {
                let message = "`transcribe` after audio: send it before, or `audio-stop` first";
                Err(Failure::new(FailureCode::BadMessage, message).into())
            }
            ClientEvent::Transcribe(asked) => {
                self.asked = asked;
                Ok(())
            }
            ClientEvent::AudioChunk(chunk) => self.audio(chunk).await,
            ClientEvent::AudioStop => {
                if self.open.is_none() {
                    self.send(&transcript(None, None)).await?;
                }
                self.finish().await
            }
            ClientEvent::AudioStart | ClientEvent::Other => Ok(()),
        }
    }

    /// Processes a chunk, a second at a time, and sends the text meanwhile.
    async fn audio(&mut self, Chunk { audio, bytes }: Chunk) -> Result<(), End> {
        match &mut self.open {
            None => self.start(audio).await?,
            Some(open) if open.session.info().audio != audio => open.session.configure(audio)?,
            Some(_) => {}
        }
        let mut left = Bytes::from(bytes);
        let second = audio.frame_bytes() * audio.sample_rate as usize;
        while !left.is_empty() {
            if let Some(open) = &mut self.open {
                open.session.audio(left.split_to(left.len().min(second))).await;
            }
            while let Some(Open { session, events, .. }) = &mut self.open {
                let (batch, is_over) = tokio::select! {
                    batch = events.next() => (batch, false),
                    () = session.caught_up() => (events.take(), true),
                };
                self.tell(batch).await?;
                if is_over {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Opens a session.
    async fn start(&mut self, audio: auricle_core::AudioFormat) -> Result<(), End> {
        let Transcribe { name, language, names, terms, mut ignored } = std::mem::take(&mut self.asked);
        let admitted = self.visitor.admit()?;
        let preset = match name {
            Some(name) => self.visitor.sessions.preset_for(&name),
            None => {
                default_preset(self.settings.preset.as_ref(), "wyoming", "name a model in `transcribe`, or ", &admitted)
                    .inspect_err(|failure| admitted.refuse(failure))?
            }
        };
        let mut options = Map::new();
        if let Some(language) = language {
            options.insert(LANGUAGE.to_owned(), language.into());
        }
        let phrases = [("transcript_names", names), ("transcript_terms", terms)];
        let phrases = phrases.into_iter().filter(|(_, phrases)| !phrases.is_empty());
        if self.visitor.sessions.opens(&preset, KEYTERMS) {
            let phrases: Vec<String> = phrases.flat_map(|(_, phrases)| phrases).collect();
            if !phrases.is_empty() {
                options.insert(KEYTERMS.to_owned(), phrases.into());
            }
        } else {
            // Clients send the names that they know without being told to, so this is no reason to refuse them.
            ignored.extend(phrases.map(|(field, _)| field));
        }
        let (session, events) =
            admitted.open(SessionRequest { preset, options, audio, multichannel: false, pace: Pace::Live }).await?;
        let info = Arc::clone(session.info());
        let separator = info.metadata.separator.clone();
        self.open = Some(Open { session, events, separator, text: None, language: None });
        note_ignored(self.visitor.protocol.name, &ignored, &info, self.visitor.sessions.metrics());
        Ok(())
    }

    /// Ends the audio and sends the transcript, if there is a session.
    async fn finish(&mut self) -> Result<(), End> {
        let Some(open) = &mut self.open else { return Ok(()) };
        open.session.finish();
        loop {
            let batch = events(&mut self.open).await;
            if self.tell(batch).await? {
                break;
            }
        }
        // Its permits are returned before the client learns that it may go on.
        let Some(Open { text, language, .. }) = self.open.take() else { return Ok(()) };
        self.send(&transcript(text.as_deref(), language.as_deref())).await
    }

    /// Sends the text of events. Returns whether they were the last.
    async fn tell(&mut self, batch: Vec<Arc<NumberedEvent>>) -> Result<bool, End> {
        let Some(open) = &mut self.open else { return Ok(true) };
        let mut frames = Vec::new();
        let mut end = Ok(false);
        for event in &batch {
            open.events.acknowledge(event.seq);
            match &event.event {
                Event::Segment(segment) if !segment.text_bytes().is_empty() => {
                    let mut chunk = segment.text().into_owned();
                    match &mut open.text {
                        Some(text) => {
                            chunk.insert_str(0, &open.separator);
                            text.push_str(&chunk);
                        }
                        None => {
                            open.language.clone_from(&segment.language);
                            frames.push(Frame::transcript_start(open.language.as_deref()));
                            open.text = Some(chunk.clone());
                        }
                    }
                    frames.push(Frame::transcript_chunk(&chunk));
                }
                Event::Failed(failure) => {
                    // All text is there then.
                    if failure.code == FailureCode::EndedByOperator {
                        frames.extend(transcript(open.text.as_deref(), open.language.as_deref()));
                    }
                    end = Err(End::Failed(failure.clone()));
                }
                Event::Done(_) => end = Ok(true),
                // The protocol has no messages for these.
                _ => {}
            }
        }
        if !frames.is_empty() {
            self.send(&frames).await?;
        }
        end
    }

    async fn send(&mut self, frames: &[Frame]) -> Result<(), End> {
        self.wire.send(frames).await.map_err(|late| {
            if let (Some(failure), Some(open)) = (late, &mut self.open) {
                open.events.give_up(failure);
            }
            End::Gone
        })
    }

    /// Ends the open session with a failure.
    fn fail(&mut self, failure: &Failure) {
        if let Some(open) = &mut self.open {
            open.session.fail(failure.clone());
            open.events.take();
        }
    }
}

/// The events at the end of a text; without text it also begins here.
fn transcript(text: Option<&str>, language: Option<&str>) -> Vec<Frame> {
    let start = text.is_none().then(|| Frame::transcript_start(language));
    let end = [Frame::transcript(text.unwrap_or_default(), language), Frame::transcript_stop()];
    start.into_iter().chain(end).collect()
}

/// Waits for events; for ever if there is no session.
async fn events(open: &mut Option<Open>) -> Vec<Arc<NumberedEvent>> {
    match open {
        Some(open) => {
            let batch = open.events.next().await;
            if batch.is_empty() { future::pending().await } else { batch }
        }
        None => future::pending().await,
    }
}
