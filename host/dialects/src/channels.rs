//! The sessions of one client's audio: one that mixes its channels, or one for each channel.
//!
//! Invariants: all sessions get the same audio and the same commands, and each counts against the limits. There is at least one.
//! Threads: as for a session, one task drives [`Channels`], one takes the events.

use auricle_core::{AudioFormat, Failure, FailureCode};
use auricle_session::{Admitted, NumberedEvent, Session, SessionEvents, SessionInfo, SessionRequest};
use futures_util::future::select_all;
use std::{
    future::{Future, pending},
    pin::Pin,
    sync::Arc,
};
use tokio_tungstenite::tungstenite::Bytes;

/// The sessions that get the audio.
pub(crate) struct Channels(Vec<Session>);

/// The events of all sessions.
pub(crate) struct ChannelEvents {
    /// `None` after the last event of a session.
    open: Vec<Option<SessionEvents>>,
}

/// Events of one session.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The channel, from 0.
    pub(crate) channel: usize,
    pub(crate) events: Vec<Arc<NumberedEvent>>,
}

/// Opens one session, or with `split` one for each channel of the audio.
///
/// # Errors
/// One of them is refused, which is recorded. Then none stays open.
pub(crate) async fn open(
    admitted: Admitted,
    request: SessionRequest,
    split: bool,
) -> Result<(Channels, ChannelEvents), Failure> {
    let audio = request.audio;
    if !split || audio.channels == 1 {
        let (session, events) = admitted.open(request).await?;
        return Ok((Channels(vec![session]), ChannelEvents { open: vec![Some(events)] }));
    }
    // All permits first, so that a client that cannot have all its sessions does not begin with some.
    let mut admissions = Vec::new();
    for _ in 1..audio.channels {
        admissions.push(admitted.another().inspect_err(|failure| admitted.refuse(failure))?);
    }
    admissions.push(admitted);
    let (mut sessions, mut open): (Vec<Session>, Vec<_>) = Default::default();
    for (channel, admitted) in (0..audio.channels).zip(admissions) {
        let audio = AudioFormat { channel: Some(channel), ..audio };
        match admitted.open(SessionRequest { audio, ..request.clone() }).await {
            Ok((session, events)) => {
                sessions.push(session);
                open.push(Some(events));
            }
            Err(failure) => {
                sessions.iter_mut().for_each(|session| session.fail(failure.clone()));
                return Err(failure);
            }
        }
    }
    Ok((Channels(sessions), ChannelEvents { open }))
}

/// Checks that the channels of a file can have a session each: a file has more channels than its format if it has so many that they
/// are mixed.
///
/// # Errors
/// It has too many.
pub(crate) fn check_count(channels: u16, format: AudioFormat) -> Result<(), Failure> {
    if channels == format.channels {
        return Ok(());
    }
    let message = format!("the audio has {channels} channels, and at most 8 can have a transcript each");
    Err(Failure::new(FailureCode::BadAudio, message))
}

impl Channels {
    /// The properties of the first session. The others differ in the channel and the id.
    pub(crate) fn info(&self) -> &Arc<SessionInfo> {
        self.0[0].info()
    }

    /// The number of sessions.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The client's sample frames so far.
    pub(crate) fn received(&self) -> u64 {
        self.0[0].received()
    }

    /// Accepts audio, at the pace of the slowest session if the server sets it.
    pub(crate) async fn audio(&mut self, audio: Bytes) {
        for session in &mut self.0 {
            session.audio(audio.clone()).await;
        }
    }

    /// Asks for the text so far; `Event::Flushed` follows on each channel.
    pub(crate) fn flush(&mut self) {
        self.0.iter_mut().for_each(Session::flush);
    }

    /// Ends the audio.
    pub(crate) fn finish(&mut self) {
        self.0.iter_mut().for_each(Session::finish);
    }

    /// Ends all sessions with a failure.
    pub(crate) fn fail(&mut self, failure: &Failure) {
        self.0.iter_mut().for_each(|session| session.fail(failure.clone()));
    }

    /// Waits for events, or until the audio is processed. Returns the events so far, and whether it is processed.
    pub(crate) async fn progress(&mut self, events: &mut ChannelEvents) -> (Vec<Batch>, bool) {
        tokio::select! {
            biased;
            () = self.caught_up() => (events.take(), true),
            batch = events.next() => (vec![batch], false),
        }
    }

    /// Waits as [`Session::caught_up`].
    async fn caught_up(&mut self) {
        for session in &mut self.0 {
            session.caught_up().await;
        }
    }
}

impl ChannelEvents {
    /// Waits for events of any session; for ever after the last ones. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Batch {
        let mut waiting: Vec<_> =
            self.open.iter_mut().enumerate().filter_map(|(n, open)| Some((n, open.as_mut()?))).collect();
        let batch = match waiting.as_mut_slice() {
            [] => pending().await,
            [(channel, events)] => Batch { channel: *channel, events: events.next().await },
            _ => {
                let next = waiting.into_iter().map(|(channel, events)| {
                    Box::pin(async move { Batch { channel, events: events.next().await } })
                        as Pin<Box<dyn Future<Output = Batch> + Send>>
                });
                select_all(next).await.0
            }
        };
        self.close_if_last(&batch);
        batch
    }

    /// Takes all waiting events.
    pub(crate) fn take(&mut self) -> Vec<Batch> {
        let mut batches = Vec::new();
        for (channel, open) in self.open.iter_mut().enumerate() {
            let Some(events) = open.as_mut().map(SessionEvents::take) else { continue };
            batches.push(Batch { channel, events });
        }
        batches.iter().for_each(|batch| self.close_if_last(batch));
        batches.retain(|batch| !batch.events.is_empty());
        batches
    }

    /// Drops the retained events of a batch, because they have reached the client.
    pub(crate) fn acknowledge(&mut self, batch: &Batch) {
        if let (Some(Some(events)), Some(last)) = (self.open.get_mut(batch.channel), batch.events.last()) {
            events.acknowledge(last.seq);
        }
    }

    /// Ends the sessions of a client that does not read.
    pub(crate) fn give_up(&mut self, failure: &Failure) {
        self.open.iter_mut().flatten().for_each(|events| events.give_up(failure.clone()));
    }

    /// Whether each session's last event was taken.
    pub(crate) fn have_ended(&self) -> bool {
        self.open.iter().all(Option::is_none)
    }

    fn close_if_last(&mut self, Batch { channel, events }: &Batch) {
        if events.last().is_some_and(|event| event.is_last()) {
            self.open[*channel] = None;
        }
    }
}
