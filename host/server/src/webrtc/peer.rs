//! One peer, from its offer to its end: a task that drives its connection and its session.
//!
//! Invariants: each change of the connection is followed by all its output (`Peer::drain`). A peer that hangs up ends its audio: its
//! last words go to its transcript and the journal. Whatever ends the task, the table and the counts have the peer no longer.

use super::{
    inbox::{Inbound, Packet},
    link::Link,
    media::{self, Media},
    peers::PeerEntry,
    texts::Texts,
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
use str0m::{Event, IceConnectionState, Input, Output, Rtc, RtcError, net::Receive, rtp::RtpPacket};
use tokio::{
    select,
    sync::{mpsc, watch},
    time::sleep_until,
};

/// Packets that are processed before the session gets them.
const BATCH: usize = 32;
/// The time for the peer to receive the last texts.
const LINGER: Duration = Duration::from_secs(5);

/// What a peer is made of.
pub(super) struct Parts {
    pub(super) rtc: Rtc,
    pub(super) inbox: mpsc::Receiver<Inbound>,
    pub(super) link: Link,
    pub(super) entry: PeerEntry,
    pub(super) texts: Texts,
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
    rtc: Rtc,
    inbox: mpsc::Receiver<Inbound>,
    link: Link,
    entry: PeerEntry,
    texts: Texts,
    media: Media,
    visitor: Visitor,
    /// What the session is opened with, until it is.
    opening: Option<(SessionRequest, watch::Sender<Transcript>)>,
    conversation: Option<Conversation>,
    connect_by: Instant,
    /// Messages of the peer that were not read yet.
    said: Vec<String>,
    is_connected: bool,
    is_gone: bool,
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
        let Parts { rtc, inbox, link, entry, texts, visitor, request, transcript, connect_by, connection } = parts;
        Self {
            rtc,
            inbox,
            link,
            entry,
            texts,
            media: Media::default(),
            visitor,
            opening: Some((request, transcript)),
            conversation: None,
            connect_by,
            said: Vec::new(),
            is_connected: false,
            is_gone: false,
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
            if self.texts.send(&mut self.rtc, now) {
                continue;
            }
            if self.is_gone {
                self.hang_up().await;
                return Ok(());
            }
            if self.conversation.as_ref().is_some_and(Conversation::is_over) {
                let done_at = *done_at.get_or_insert(now);
                if self.texts.are_received(&mut self.rtc) || now >= done_at + LINGER {
                    self.rtc.close()?;
                    self.drain()?;
                    return Ok(());
                }
                due = due.min(done_at + LINGER);
            } else if let Some(limit) = self.texts.deadline() {
                if now >= limit {
                    self.give_up();
                    return Ok(());
                }
                due = due.min(limit);
            }
            if !self.is_connected {
                if now >= self.connect_by {
                    let message = "the peer did not connect in time after its offer (webrtc.connect_seconds)";
                    self.visitor.refuse(&Failure::new(FailureCode::IdleTimeout, message));
                    return Ok(());
                }
                due = due.min(self.connect_by);
            }
            due = self.media.deadline(now).map_or(due, |deadline| due.min(deadline));
            let is_full = self.texts.is_full();
            let wake = select! {
                Some(arrived) = self.inbox.recv() => Wake::Arrived(arrived),
                said = next(&mut self.conversation), if !is_full => Wake::Said(said),
                () = sleep_until(due.into()) => Wake::Time,
                () = drain.cancelled(), if !is_draining => Wake::Drain,
            };
            match wake {
                Wake::Arrived(arrived) => self.arrive(arrived)?,
                Wake::Time => self.rtc.handle_input(Input::Timeout(Instant::now()))?,
                Wake::Said(texts) => {
                    self.texts.push(texts, Instant::now());
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
                Some(Inbound::Candidate(candidate)) => self.rtc.add_remote_candidate(candidate),
                Some(Inbound::End) => self.is_gone = true,
                None => break,
            }
            self.drain()?;
            next = if left > 0 { self.inbox.try_recv().ok() } else { None };
        }
        Ok(())
    }

    fn packet(&mut self, Packet { protocol, source, bytes, answers }: Packet) {
        let Some(destination) = self.link.local(protocol, source) else { return };
        // A packet that is none of WebRTC's is dropped.
        let Ok(receive) = Receive::new(protocol, source, destination, &bytes) else { return };
        let input = Input::Receive(Instant::now(), receive);
        if !self.rtc.accepts(&input) {
            return;
        }
        if let Some(answers) = answers {
            self.link.connected(source, answers);
        }
        // Somebody may forge the peer's address, so an invalid packet is no reason to end.
        if let Err(error) = self.rtc.handle_input(input) {
            tracing::debug!(%source, "a packet of WebRTC is not valid: {error}");
        }
    }

    /// Takes all output of the connection. Returns when it wants to be woken.
    fn drain(&mut self) -> Result<Instant, RtcError> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(at) => return Ok(at),
                Output::Transmit(packet) => {
                    // An ICE-lite server sends only to where it got something that was valid.
                    self.entry.proved(packet.proto, packet.destination);
                    self.link.send(&packet);
                }
                Output::Event(event) => self.event(event),
            }
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Connected => self.is_connected = true,
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => self.is_gone |= self.is_connected,
            Event::Closed => self.is_gone = true,
            Event::ChannelOpen(id, _) => self.texts.opened(id),
            Event::ChannelClose(id) => self.texts.closed(id),
            Event::ChannelData(data) if !data.binary => self.said.extend(String::from_utf8(data.data)),
            Event::RtpPacket(packet) => self.rtp(&packet),
            _ => {}
        }
    }

    fn rtp(&mut self, packet: &RtpPacket) {
        let codec = media::codec(self.rtc.codec_config(), packet.header.payload_type);
        let mid = self.rtc.direct_api().stream_rx(&packet.header.ssrc).map(|stream| stream.mid());
        if let (Some(codec), Some(mid)) = (codec, mid) {
            self.media.receive(packet, mid, codec, packet.timestamp);
        }
    }

    /// Opens the session of a peer that is connected now, and passes its audio and its messages on.
    async fn converse(&mut self) {
        if self.is_connected
            && let Some((request, transcript)) = self.opening.take()
        {
            self.conversation = Some(match self.visitor.admit() {
                Ok(admitted) => Conversation::open(admitted, request, transcript),
                Err(failure) => {
                    let (refused, text) = Conversation::refused(&failure, transcript);
                    self.texts.push(vec![text], Instant::now());
                    refused
                }
            });
        }
        let Some(conversation) = &mut self.conversation else { return };
        hear(conversation, &mut self.media).await;
        for text in self.said.drain(..) {
            let Some(work) = conversation.read(&text) else { continue };
            // What came before a command belongs to it, though something before that is missing.
            self.media.finish();
            hear(conversation, &mut self.media).await;
            conversation.work(work).await;
        }
    }

    /// Ends the audio.
    async fn finish(&mut self) {
        self.media.finish();
        self.converse().await;
        if let Some(conversation) = &mut self.conversation {
            conversation.work(Work::Finish).await;
        }
    }

    /// The peer has hung up.
    async fn hang_up(&mut self) {
        self.rtc.disconnect();
        self.texts.discard();
        self.finish().await;
    }

    /// The peer does not take its texts.
    fn give_up(&mut self) {
        let seconds = self.texts.limit().as_secs_f64();
        let message = format!("the peer took no message of its data channel for {seconds} s");
        if let Some(conversation) = &mut self.conversation {
            conversation.give_up(Failure::new(FailureCode::SlowReader, message));
        }
        self.rtc.disconnect();
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
