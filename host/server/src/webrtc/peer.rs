//! One peer, from its offer to its end: a task that drives its connection and its session.
//!
//! Invariants: a peer that hangs up ends its audio: its last words go to its transcript and the journal. Whatever ends the task, the
//! table and the counts have the peer no longer.

use super::{
    connection::{PeerConnection, Way},
    inbox::{Inbound, Packet},
    link::Link,
    media::Media,
    peers::PeerEntry,
};
use crate::connections::Connection;
use auricle_core::{Failure, FailureCode};
use auricle_dialects::{
    Visitor,
    webrtc::{Conversation, Transcript, Work},
};
use auricle_session::SessionRequest;
use std::{
    future::pending,
    time::{Duration, Instant},
};
use str0m::RtcError;
use tokio::{
    select,
    sync::{mpsc, watch},
    time::sleep_until,
};

/// Packets that are processed before the session gets them.
const BATCH: usize = 32;
/// The message that resets a session.
const RESET: &str = r#"{"type": "reset"}"#;
/// The time for the peer to receive the last texts.
const LINGER: Duration = Duration::from_secs(5);

/// What a peer is made of.
pub(super) struct Parts {
    pub(super) peer: PeerConnection,
    pub(super) inbox: mpsc::Receiver<Inbound>,
    pub(super) link: Link,
    pub(super) entry: PeerEntry,
    pub(super) visitor: Visitor,
    pub(super) request: SessionRequest,
    pub(super) transcript: watch::Sender<Transcript>,
    /// Until when it must be connected.
    pub(super) connect_by: Instant,
    /// Its share of the limits of connections.
    pub(super) connection: Connection,
}

/// A peer.
pub(super) struct Peer {
    peer: PeerConnection,
    inbox: mpsc::Receiver<Inbound>,
    link: Link,
    entry: PeerEntry,
    visitor: Visitor,
    /// What the session is opened with, until it is.
    opening: Option<(SessionRequest, watch::Sender<Transcript>)>,
    conversation: Option<Conversation>,
    connect_by: Instant,
    _connection: Connection,
}

/// What a peer's task wakes up for.
enum Wake {
    Arrived(Inbound),
    Time,
    Said(Vec<String>),
    Drain,
}

impl Peer {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { peer, inbox, link, entry, visitor, request, transcript, connect_by, connection } = parts;
        Self {
            peer,
            inbox,
            link,
            entry,
            visitor,
            opening: Some((request, transcript)),
            conversation: None,
            connect_by,
            _connection: connection,
        }
    }

    /// Serves the peer to its end.
    pub(super) async fn run(mut self) {
        if let Err(error) = self.serve().await {
            tracing::debug!("a connection over WebRTC broke: {error}");
            self.hang_up().await;
        }
        let mut over = self.conversation.is_none();
        while let Some(conversation) =
            self.conversation.as_mut().filter(|conversation| !over && !conversation.is_over())
        {
            // Nobody reads the texts, but the transcript and the journal have them.
            conversation.next().await;
            conversation.catch_up().await;
            over = conversation.is_over();
        }
    }

    /// Serves the peer until it is gone or has everything.
    async fn serve(&mut self) -> Result<(), RtcError> {
        let drain = self.visitor.caller.drain.clone();
        let (mut is_draining, mut done_at) = (false, None);
        loop {
            let mut due = self.drain()?;
            self.converse().await;
            let now = Instant::now();
            if self.peer.send_texts(now) {
                continue;
            }
            if self.peer.is_gone(now) {
                self.hang_up().await;
                return Ok(());
            }
            if self.conversation.as_ref().is_some_and(Conversation::is_over) {
                let done_at = *done_at.get_or_insert(now);
                if self.peer.has_received_texts() || now >= done_at + LINGER {
                    self.peer.close()?;
                    self.drain()?;
                    return Ok(());
                }
                due = due.min(done_at + LINGER);
            } else if let Some(limit) = self.peer.texts.deadline() {
                if now >= limit {
                    self.give_up();
                    return Ok(());
                }
                due = due.min(limit);
            }
            if !self.peer.is_connected {
                if now >= self.connect_by {
                    let message = "the peer did not connect in time after its offer (webrtc.connect_seconds)";
                    self.visitor.refuse(&Failure::new(FailureCode::IdleTimeout, message));
                    return Ok(());
                }
                due = due.min(self.connect_by);
            }
            due = self.peer.gone_at().map_or(due, |at| due.min(at));
            due = self.peer.media.deadline(now).map_or(due, |deadline| due.min(deadline));
            let is_full = self.peer.texts.is_full();
            let wake = select! {
                Some(arrived) = self.inbox.recv() => Wake::Arrived(arrived),
                said = next(&mut self.conversation), if !is_full => Wake::Said(said),
                () = sleep_until(due.into()) => Wake::Time,
                () = drain.cancelled(), if !is_draining => Wake::Drain,
            };
            match wake {
                Wake::Arrived(arrived) => self.arrive(arrived)?,
                Wake::Time => self.peer.timeout(Instant::now())?,
                Wake::Said(texts) => {
                    self.peer.texts.push(texts, Instant::now());
                    if let Some(conversation) = &mut self.conversation {
                        conversation.catch_up().await;
                    }
                }
                Wake::Drain if self.conversation.is_none() => return Ok(()),
                Wake::Drain => {
                    is_draining = true;
                    self.finish().await;
                }
            }
        }
    }

    /// Processes what has arrived, and what has arrived with it.
    fn arrive(&mut self, first: Inbound) -> Result<(), RtcError> {
        let mut next = Some(first);
        for left in (0..BATCH).rev() {
            match next {
                Some(Inbound::Packet(packet)) => self.packet(packet),
                Some(Inbound::Candidate(candidate)) => self.peer.candidate(candidate),
                // As if it had come over the data channel.
                Some(Inbound::Reset) => self.peer.said.push(RESET.to_owned()),
                Some(Inbound::End) => self.peer.has_hung_up = true,
                None => break,
            }
            self.drain()?;
            next = if left > 0 { self.inbox.try_recv().ok() } else { None };
        }
        Ok(())
    }

    fn packet(&mut self, Packet { protocol, source, bytes, answers }: Packet) {
        let Some(destination) = self.link.local(protocol, source) else { return };
        if self.peer.packet(Way { protocol, source, destination }, &bytes, Instant::now())
            && let Some(answers) = answers
        {
            self.link.connected(source, answers);
        }
    }

    /// Takes all output of the connection. Returns when it wants to be woken.
    fn drain(&mut self) -> Result<Instant, RtcError> {
        self.peer.drain(|packet| {
            // An ICE-lite server sends only to where it got something that was valid.
            self.entry.proved(packet.proto, packet.destination);
            self.link.send(packet);
        })
    }

    /// Opens the session of a peer that is connected now, and passes its audio and its messages on.
    async fn converse(&mut self) {
        if self.peer.is_connected
            && let Some((request, transcript)) = self.opening.take()
        {
            self.conversation = Some(match self.visitor.admit() {
                Ok(admitted) => Conversation::open(admitted, request, transcript),
                Err(failure) => {
                    let (refused, text) = Conversation::refused(&failure, transcript);
                    self.peer.texts.push(vec![text], Instant::now());
                    refused
                }
            });
        }
        let Some(conversation) = &mut self.conversation else { return };
        hear(conversation, &mut self.peer.media).await;
        for text in self.peer.said.drain(..) {
            let Some(work) = conversation.read(&text) else { continue };
            // What came before a command belongs to it, though something before that is missing.
            self.peer.media.finish();
            hear(conversation, &mut self.peer.media).await;
            conversation.work(work).await;
        }
    }

    /// Ends the audio.
    async fn finish(&mut self) {
        self.peer.media.finish();
        self.converse().await;
        if let Some(conversation) = &mut self.conversation {
            conversation.work(Work::Finish).await;
        }
    }

    /// The peer has hung up.
    async fn hang_up(&mut self) {
        self.peer.disconnect();
        self.peer.texts.discard();
        self.finish().await;
    }

    /// The peer does not take its texts.
    fn give_up(&mut self) {
        let seconds = self.peer.texts.limit().as_secs_f64();
        let message = format!("the peer took no message of its data channel for {seconds} s");
        if let Some(conversation) = &mut self.conversation {
            conversation.give_up(Failure::new(FailureCode::SlowReader, message));
        }
        self.peer.disconnect();
    }
}

/// Passes audio whose turn it is to the session.
async fn hear(conversation: &mut Conversation, media: &mut Media) {
    let now = Instant::now();
    while let Some((codec, piece)) = media.next(now) {
        conversation.work(Work::Hear(codec, piece)).await;
    }
}

/// Waits for texts of the session; for ever if there is none.
async fn next(conversation: &mut Option<Conversation>) -> Vec<String> {
    match conversation {
        Some(conversation) => conversation.next().await,
        None => pending().await,
    }
}
