//! The stream on the server: how to resume it, and what has arrived of it.

use auricle_core::native::{Ack, Ready, Resume, ServerEvent, Told};

/// Messages of the server, after which it is told that they arrived.
const ACK_EVERY: u64 = 16;

/// How to resume the server's stream.
#[derive(Debug)]
pub(super) struct ServerStream {
    pub(super) stream: String,
    pub(super) token: String,
    /// Position where the stream begins.
    pub(super) origin: u64,
    /// The last message of the server.
    last_seq: Option<u64>,
    /// Up to here the server knows that it arrived.
    acknowledged: u64,
    /// Whether the server should know what has arrived now.
    wants_ack: bool,
    /// What has arrived since the server's last `ready`.
    pub(super) told: Told,
    /// If the server stores how far the stream is: the position that it would need if it died.
    pub(super) durable: Option<u64>,
}

impl ServerStream {
    pub(super) fn new(ready: &Ready, origin: u64) -> Option<Self> {
        let offer = ready.resume.as_ref()?;
        let (stream, token, durable) = (ready.stream.clone(), offer.token.clone(), offer.survives.map(|_| origin));
        let (last_seq, acknowledged, wants_ack, told) = (None, 0, false, Told::default());
        Some(Self { stream, token, origin, last_seq, acknowledged, wants_ack, told, durable })
    }

    pub(super) fn resume(&self) -> Resume {
        let (stream, token, last_seq) = (self.stream.clone(), self.token.clone(), self.last_seq);
        Resume { stream, token, last_seq, told: self.durable.map(|_| self.told.clone()) }
    }

    /// Which messages the server should be told of now, because it waits for it or they are many.
    pub(super) fn take_ack(&mut self) -> Option<Ack> {
        let wants_ack = std::mem::take(&mut self.wants_ack);
        let seq = self.last_seq.filter(|seq| wants_ack || *seq >= self.acknowledged + ACK_EVERY)?;
        self.acknowledged = seq;
        Some(Ack { seq })
    }

    /// A message with this number came. Returns whether it is new.
    pub(super) fn arrived(&mut self, seq: u64) -> bool {
        let is_new = self.last_seq.is_none_or(|last| seq > last);
        if is_new {
            self.last_seq = Some(seq);
        }
        is_new
    }

    /// Counts a message that is new.
    pub(super) fn note(&mut self, event: &ServerEvent) {
        let told = &mut self.told;
        match event {
            ServerEvent::Ready(ready) => *told = Told { epoch: ready.epoch, ..Told::default() },
            ServerEvent::Flushed { .. } => told.flushes += 1,
            ServerEvent::Segment(text) => {
                (told.events, told.text_end) = (told.events + 1, text.end);
                told.text.clone_from(&text.text);
            }
            ServerEvent::SpeechStarted { time } | ServerEvent::Endpoint { time } => {
                (told.events, told.event_time) = (told.events + 1, *time);
            }
            _ => {}
        }
    }

    /// The server waits to be told what has arrived.
    pub(super) fn want_ack(&mut self) {
        self.wants_ack = self.last_seq.is_some_and(|seq| seq == 0 || seq > self.acknowledged);
    }
}
