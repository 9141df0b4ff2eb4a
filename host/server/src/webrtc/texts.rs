//! The texts that go over a peer's data channel.
//!
//! They wait for the channel to open, and for the peer to take them, up to [`MAX_UNSENT`] texts; the session pauses then.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};
use str0m::{Rtc, channel::ChannelId};

/// Texts that may wait.
const MAX_UNSENT: usize = 64;

/// The texts of one peer.
#[derive(Debug)]
pub(super) struct Texts {
    /// `None`: the peer has none, and reads its transcript instead, or has closed it.
    channel: Option<Channel>,
    unsent: VecDeque<String>,
    /// Since when the first text waits.
    since: Option<Instant>,
    limit: Duration,
}

#[derive(Debug, Clone, Copy)]
enum Channel {
    Awaited,
    Open(ChannelId),
}

impl Texts {
    /// `awaited`: the peer offers data channels. `limit`: how long it may take nothing.
    pub(super) fn new(awaited: bool, limit: Duration) -> Self {
        Self { channel: awaited.then_some(Channel::Awaited), unsent: VecDeque::new(), since: None, limit }
    }

    /// The peer has opened a channel. The first one is used.
    pub(super) fn opened(&mut self, id: ChannelId) {
        if matches!(self.channel, Some(Channel::Awaited)) {
            self.channel = Some(Channel::Open(id));
        }
    }

    /// The peer has closed a channel.
    pub(super) fn closed(&mut self, id: ChannelId) {
        if matches!(self.channel, Some(Channel::Open(open)) if open == id) {
            self.discard();
        }
    }

    /// No text can be sent any more.
    pub(super) fn discard(&mut self) {
        *self = Self::new(false, self.limit);
    }

    /// Adds texts, if the peer has a channel.
    pub(super) fn push(&mut self, texts: Vec<String>, now: Instant) {
        if self.channel.is_some() && !texts.is_empty() {
            self.unsent.extend(texts);
            self.since.get_or_insert(now);
        }
    }

    /// Whether no more texts should be added now.
    pub(super) fn is_full(&self) -> bool {
        self.unsent.len() >= MAX_UNSENT
    }

    /// Sends what the channel takes. Returns whether it took anything.
    pub(super) fn send(&mut self, rtc: &mut Rtc, now: Instant) -> bool {
        let Some(Channel::Open(id)) = self.channel else { return false };
        let mut took = false;
        while let Some(text) = self.unsent.front() {
            let Some(mut channel) = rtc.channel(id) else { break };
            match channel.write(false, text.as_bytes()) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => tracing::debug!("a text cannot be sent over the data channel: {error}"),
            }
            self.unsent.pop_front();
            took = true;
            self.since = (!self.unsent.is_empty()).then_some(now);
        }
        took
    }

    /// Whether the peer has received everything.
    pub(super) fn are_received(&self, rtc: &mut Rtc) -> bool {
        match self.channel {
            None => true,
            Some(Channel::Awaited) => self.unsent.is_empty(),
            Some(Channel::Open(id)) => {
                self.unsent.is_empty() && rtc.channel(id).is_none_or(|mut channel| channel.buffered_amount() == 0)
            }
        }
    }

    /// Until when the peer must have taken the first text.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.since.map(|since| since + self.limit)
    }

    /// How long the peer may take nothing.
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }
}
