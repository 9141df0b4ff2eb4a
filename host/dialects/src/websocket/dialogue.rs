//! A connection on which texts are sent while audio arrives, for dialects without answers to each message.
//!
//! A dialect says what its messages mean ([`Side`]), this module in which order things are done. Invariants: messages are
//! processed in order. Audio is read as fast as the engine processes it, so a client that sends a recording at once is
//! held back by its socket. From the end of the audio until all text is sent nothing is read, so nothing that a client
//! does after it costs a word. One task.

use super::{
    ConnectionSettings, Incoming, Receiver, Sender, Unsent, WebSocket,
    clock::Clock,
    side::{Ask, Side},
    split,
    unpack::{Unpacked, Unpacker},
};
use crate::{Visitor, upload::recording::check_channels};
use auricle_core::{AudioFormat, Event, Failure, FailureCode};
use auricle_session::{Admitted, NumberedEvent, Session, SessionEvents};
use std::{future, pin::pin, sync::Arc};
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::{Bytes, Message};

/// Why a connection ends.
enum End {
    /// The last messages, with the close frame.
    Close(Vec<Message>),
    Failed(Failure),
    /// The client does not read.
    Late,
    /// The client is gone.
    Gone,
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Serves a connection to its end.
pub(crate) async fn serve(
    mut side: impl Side,
    socket: WebSocket,
    settings: &ConnectionSettings,
    admitted: Result<Admitted, Failure>,
) {
    let (mut receiver, sender) = split(socket, settings);
    let visitor = admitted.as_ref().ok().map(|admitted| Visitor {
        sessions: Arc::clone(admitted.sessions()),
        caller: admitted.caller().clone(),
        protocol: side.protocol(),
    });
    let mut dialogue =
        Dialogue { sender, side: &mut side, visitor, admitted: Some(admitted), open: None, container: None };
    let end = match dialogue.run(&mut receiver, settings).await {
        Ok(never) => match never {},
        Err(end) => end,
    };
    let last = match end {
        End::Gone | End::Late => return,
        End::Close(last) => last,
        End::Failed(failure) => dialogue.fail(&failure),
    };
    let mut sender = dialogue.sender;
    // If it cannot be sent, the client is gone.
    if sender.send(last).await.is_ok() {
        receiver.linger(sender).await;
    }
}

struct Dialogue<'a, S> {
    sender: Sender,
    side: &'a mut S,
    /// Who opens the next sessions; `None` if the client is refused.
    visitor: Option<Visitor>,
    /// What the next session is opened with; `None` after the first.
    admitted: Option<Result<Admitted, Failure>>,
    open: Option<(Session, SessionEvents)>,
    /// The container that the client is sending.
    container: Option<Unpacker>,
}

impl<S: Side> Dialogue<'_, S> {
    async fn run(
        &mut self,
        receiver: &mut Receiver,
        settings: &ConnectionSettings,
    ) -> Result<std::convert::Infallible, End> {
        let drain = self.visitor.as_ref().map(|visitor| visitor.caller.drain.clone()).unwrap_or_default();
        let going_away = || Failure::new(FailureCode::ShuttingDown, "the server is shutting down; connect again");
        let hello = self.side.hello();
        if !hello.is_empty() {
            if let Some(Err(refused)) = &self.admitted {
                return Err(refused.clone().into());
            }
            self.send(hello).await?;
        }
        let mut clock = Clock::start(settings);
        let mut timer = pin!(sleep_until(clock.due()));
        let mut drained = pin!(drain.cancelled());
        loop {
            tokio::select! {
                // Received data comes before events, which are told while it is processed: most branches need not be polled
                // for every frame.
                biased;
                () = &mut drained => {
                    if self.open.is_some() {
                        receiver.meanwhile(self.finish()).await.ok_or(End::Gone)??;
                    }
                    return Err(going_away().into());
                }
                incoming = receiver.next() => {
                    let ask = match incoming? {
                        Incoming::Text(text) => self.side.text(&text)?,
                        Incoming::Binary(bytes) => self.side.binary(bytes)?,
                        // Without a session, a pong does not keep the connection open.
                        Incoming::Alive if self.open.is_none() => continue,
                        Incoming::Alive => Ask::default(),
                        Incoming::Ended | Incoming::Gone => return Err(End::Gone),
                    };
                    if !ask.audio.is_empty() {
                        clock.settle = self.side.pause().map(|pause| Instant::now() + pause);
                    }
                    if ask.finish {
                        // A close that is read is answered, and nothing can be sent after that.
                        self.execute(ask).await?;
                    } else {
                        receiver.meanwhile(self.execute(ask)).await.ok_or(End::Gone)??;
                    }
                    clock.heard(settings);
                    if clock.due() < timer.deadline() {
                        timer.as_mut().reset(clock.due());
                    }
                }
                batch = events(&mut self.open) => drop(self.tell(&batch).await?),
                () = &mut timer => {
                    let now = Instant::now();
                    if clock.settle.take_if(|settle| *settle <= now).is_some() {
                        self.open.iter_mut().for_each(|(session, _)| session.flush());
                    }
                    if clock.is_silent(now) {
                        let seconds = clock.limit.as_secs_f64();
                        let message = format!("nothing was received for {seconds} s, not even an answer to a ping");
                        return Err(Failure::new(FailureCode::IdleTimeout, message).into());
                    }
                    if clock.pings(now) {
                        self.sender.ping().await.map_err(|_| End::Gone)?;
                    }
                    timer.as_mut().reset(clock.due());
                }
            }
        }
    }

    async fn execute(&mut self, ask: Ask) -> Result<(), End> {
        let Ask { say, open, audio, flush, finish, leave } = ask;
        if let Some(last) = leave {
            return Err(End::Close(last));
        }
        self.send(say).await?;
        if self.side.is_contained() {
            self.unpack(audio, finish).await?;
        } else {
            if self.open.is_none() && (open || !audio.is_empty()) {
                self.start(None).await?;
            }
            self.audio(audio).await?;
        }
        if let Some((session, _)) = self.open.as_mut().filter(|_| flush) {
            session.flush();
        }
        if finish {
            let mut last = Vec::new();
            self.finish().await?;
            // Its permits are returned before the client learns that it may go on.
            self.open = None;
            let goes_on = self.side.done(&mut last);
            if !goes_on {
                return Err(End::Close(last));
            }
            self.send(last).await?;
        }
        Ok(())
    }

    /// Opens the session. The audio of a container has this format.
    async fn start(&mut self, decoded: Option<AudioFormat>) -> Result<(), End> {
        let admitted = match (self.admitted.take(), &self.visitor) {
            (Some(admitted), _) => admitted?,
            (None, Some(visitor)) => visitor.admit()?,
            (None, None) => return Err(End::Gone),
        };
        let mut request = self.side.request(&admitted).inspect_err(|failure| admitted.refuse(failure))?;
        request.audio = decoded.unwrap_or(request.audio);
        request.multichannel = self.side.splits_channels();
        let metrics = Arc::clone(admitted.sessions().metrics());
        let (session, events) = admitted.open(request).await?;
        let info = Arc::clone(session.info());
        self.open = Some((session, events));
        let mut first = Vec::new();
        self.side.opened(&info, &metrics, &mut first)?;
        self.send(first).await
    }

    /// Decodes a piece of a container, or with `ends` its rest, and processes the audio.
    async fn unpack(&mut self, piece: Bytes, ends: bool) -> Result<(), End> {
        let mut container = match self.container.take() {
            Some(container) => container,
            None if piece.is_empty() => return Ok(()),
            None => Unpacker::start()?,
        };
        let ways = [(!piece.is_empty()).then_some(Some(piece)), ends.then_some(None)];
        for way in ways.into_iter().flatten() {
            match way {
                Some(piece) => container.push(piece),
                None => container.end(),
            }
            while let Some(unpacked) = container.next().await {
                self.unpacked(unpacked?).await?;
            }
        }
        self.container = Some(container).filter(|_| !ends);
        Ok(())
    }

    async fn unpacked(&mut self, Unpacked { format, channels, part }: Unpacked) -> Result<(), End> {
        if self.open.is_none() {
            if self.side.splits_channels() {
                check_channels(channels, format)?;
            }
            self.start(Some(format)).await?;
        }
        if let Some((session, _)) = &self.open {
            let stream = &session.info().id;
            part.warnings.iter().for_each(|warning| tracing::warn!(stream, "the client's audio: {warning}"));
        }
        self.audio(part.audio).await
    }

    /// Processes audio, a second at a time, and sends the texts meanwhile.
    async fn audio(&mut self, mut audio: Bytes) -> Result<(), End> {
        while !audio.is_empty() {
            let Some((session, _)) = &mut self.open else { return Ok(()) };
            let format = session.info().audio;
            let second = format.frame_bytes() * format.sample_rate as usize;
            session.audio(audio.split_to(audio.len().min(second))).await;
            loop {
                let Some((session, events)) = &mut self.open else { return Ok(()) };
                let (batch, is_over) = events.until_caught_up(session).await;
                self.tell(&batch).await?;
                if is_over {
                    break;
                }
            }
            if let Some((session, _)) = &self.open {
                self.side.processed(session.received());
            }
        }
        Ok(())
    }

    /// Ends the audio and tells all text.
    async fn finish(&mut self) -> Result<(), End> {
        if let Some((session, _)) = &mut self.open {
            session.finish();
            loop {
                let batch = events(&mut self.open).await;
                if self.tell(&batch).await? {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Sends the messages for events. Returns whether the session has ended.
    async fn tell(&mut self, batch: &[Arc<NumberedEvent>]) -> Result<bool, End> {
        let mut out = Vec::new();
        let mut failed = None;
        for NumberedEvent { channel, event, .. } in batch.iter().map(|event| &**event) {
            match event {
                Event::Failed(failure) => failed = Some(failure.clone()),
                Event::Done(_) => {}
                event => self.side.tell_of_channel(*channel, event, &mut out),
            }
        }
        self.send(out).await?;
        let wants_flush = self.side.wants_flush();
        // Without events it has ended before.
        let Some(last) = batch.last() else { return Ok(true) };
        if let Some((session, events)) = &mut self.open {
            events.acknowledge(last.seq);
            if wants_flush {
                session.flush();
            }
        }
        failed.map_or(Ok(last.is_last()), |failure| Err(failure.into()))
    }

    async fn send(&mut self, messages: Vec<Message>) -> Result<(), End> {
        if messages.is_empty() {
            return Ok(());
        }
        self.sender.send(messages).await.map_err(|unsent| match unsent {
            Unsent::Lost => End::Gone,
            Unsent::Late => {
                let message = format!("the client read nothing for {} s", self.sender.limit().as_secs_f64());
                if let Some((_, events)) = &mut self.open {
                    events.give_up(Failure::new(FailureCode::SlowReader, message));
                }
                End::Late
            }
        })
    }

    /// Ends the open session with a failure. Returns the last messages.
    fn fail(&mut self, failure: &Failure) -> Vec<Message> {
        let mut last = Vec::new();
        if let Some(Ok(admitted)) = &self.admitted {
            admitted.refuse(failure);
        }
        if let Some((session, events)) = &mut self.open {
            session.fail(failure.clone());
            // Text that was not sent yet.
            for event in events.take() {
                self.side.tell_of_channel(event.channel, &event.event, &mut last);
            }
        }
        last.extend(self.side.failed(failure));
        last
    }
}

/// Waits for events; for ever if there is no session.
async fn events(open: &mut Option<(Session, SessionEvents)>) -> Vec<Arc<NumberedEvent>> {
    match open {
        Some((_, events)) => events.next().await,
        None => future::pending().await,
    }
}
