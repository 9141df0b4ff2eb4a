//! A jitter buffer: puts a sender's packets in order, and waits for missing ones.
//!
//! Speech that is only recognised needs no steady playback. So a packet whose turn it is passes at once, and only a gap costs time:
//! the packets after it wait for the missing one. How long adapts to the network: [`SPREADS`] times the longest delay of packets that
//! came out of turn, which is forgotten by half every [`HALF_LIFE`], and always from [`MIN_WAIT`] to [`MAX_WAIT`]. At most
//! [`MAX_WAITING`] packets wait.
//!
//! Invariants: each packet passes at most once, in the order of sequence numbers. The frames of all pieces together are at most those
//! of the packets, plus the time that passed, plus [`SLACK`] for each restart of the clock: a wrong timestamp cannot make hours of
//! silence. There is no clock in here.

use super::{PacketCodec, Piece};
use bytes::Bytes;
use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

/// The shortest wait for a missing packet.
const MIN_WAIT: Duration = Duration::from_millis(20);
/// The longest wait for a missing packet.
const MAX_WAIT: Duration = Duration::from_millis(400);
/// The longest delay that is assumed before anything is known of the network.
const FIRST_SPREAD: Duration = Duration::from_millis(60);
/// How many times the longest delay a missing packet is given.
const SPREADS: f64 = 1.5;
/// Time in which an observed delay counts half.
const HALF_LIFE: Duration = Duration::from_secs(10);
/// Packets that may wait.
const MAX_WAITING: usize = 100;
/// Missing packets whose arrival is still expected.
const MAX_MISSING: usize = 64;
/// Audio that may be ahead of the time that passed.
const SLACK: Duration = Duration::from_secs(1);
/// The longest silence of a sender that pauses. A longer pause is shortened to it.
const MAX_SILENCE: Duration = Duration::from_secs(30);

/// Orders the packets of one sender.
#[derive(Debug)]
pub struct JitterBuffer {
    codec: PacketCodec,
    /// `None` before the first packet.
    next: Option<Next>,
    waiting: BTreeMap<u64, Waiting>,
    /// Sequence numbers of missing packets, given up or not, and when they were missed.
    missing: VecDeque<(u64, Instant)>,
    /// The longest delay of a packet that came out of turn, and when it was observed.
    spread: (Duration, Option<Instant>),
    /// A packet that follows the piece that was returned last.
    after: Option<Bytes>,
}

/// What comes next in order.
#[derive(Debug, Clone, Copy)]
struct Next {
    sequence: u64,
    /// The timestamp, if nothing is lost and the sender is not silent.
    time: u64,
    /// Frames of the last packet.
    frames: u32,
    /// When the last packet that passed had arrived.
    passed: Instant,
}

#[derive(Debug)]
struct Waiting {
    time: u64,
    packet: Bytes,
    arrived: Instant,
}

impl JitterBuffer {
    /// A buffer for packets of a codec.
    pub fn new(codec: PacketCodec) -> Self {
        Self {
            codec,
            next: None,
            waiting: BTreeMap::new(),
            missing: VecDeque::new(),
            spread: (FIRST_SPREAD, None),
            after: None,
        }
    }

    /// The codec of the packets.
    pub fn codec(&self) -> PacketCodec {
        self.codec
    }

    /// Accepts a packet: its sequence number and timestamp, both extended so that they do not wrap around, and its arrival.
    pub fn push(&mut self, sequence: u64, time: u64, packet: Bytes, now: Instant) {
        let frames = self.codec.frames(&packet).unwrap_or(0);
        let next = *self.next.get_or_insert(Next { sequence, time, frames, passed: now });
        self.observe(sequence, now);
        if sequence < next.sequence || self.waiting.contains_key(&sequence) {
            return;
        }
        let newest = self.waiting.last_key_value().map_or(next.sequence, |(newest, _)| newest + 1);
        for missing in newest.max(sequence.saturating_sub(MAX_MISSING as u64))..sequence {
            if self.missing.len() == MAX_MISSING {
                self.missing.pop_front();
            }
            self.missing.push_back((missing, now));
        }
        self.waiting.insert(sequence, Waiting { time, packet, arrived: now });
    }

    /// Notes how late a packet is that was missed before.
    fn observe(&mut self, sequence: u64, now: Instant) {
        let Some(index) = self.missing.iter().position(|(missing, _)| *missing == sequence) else { return };
        let Some((_, missed)) = self.missing.remove(index) else { return };
        let late = now.saturating_duration_since(missed);
        if late >= self.spread(now) {
            self.spread = (late.min(MAX_WAIT), Some(now));
        }
    }

    /// The longest delay observed, as far as it still counts.
    fn spread(&self, now: Instant) -> Duration {
        let (spread, observed) = self.spread;
        let age = observed.map_or(Duration::ZERO, |observed| now.saturating_duration_since(observed));
        spread.mul_f64(0.5f64.powf(age.as_secs_f64() / HALF_LIFE.as_secs_f64()))
    }

    /// How long a missing packet is waited for.
    pub fn wait(&self, now: Instant) -> Duration {
        self.spread(now).mul_f64(SPREADS).clamp(MIN_WAIT, MAX_WAIT)
    }

    /// Takes the next piece. `None` if there is none yet.
    pub fn pop(&mut self, now: Instant) -> Option<Piece> {
        if let Some(packet) = self.after.take() {
            return Some(Piece::Packet(packet));
        }
        let next = self.next?;
        let (sequence, first) = self.waiting.first_key_value()?;
        let is_in_turn = *sequence == next.sequence;
        let patient = self.waiting.len() < MAX_WAITING && now < first.arrived + self.wait(now);
        if !is_in_turn && patient {
            return None;
        }
        self.take()
    }

    /// When [`pop`](Self::pop) should be called again, if no packet arrives before that.
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        self.waiting.first_key_value().map(|(_, first)| first.arrived + self.wait(now))
    }

    /// Takes the next piece without waiting for missing packets, because no more will come. `None` when there is none left.
    pub fn rest(&mut self) -> Option<Piece> {
        if let Some(packet) = self.after.take() {
            return Some(Piece::Packet(packet));
        }
        self.take()
    }

    /// Takes the first packet that waits, with what is missing before it.
    fn take(&mut self) -> Option<Piece> {
        let next = self.next?;
        let (sequence, Waiting { time, packet, arrived }) = self.waiting.pop_first()?;
        let frames = self.codec.frames(&packet).unwrap_or(next.frames);
        self.next = Some(Next {
            sequence: sequence + 1,
            time: time.saturating_add(frames.into()),
            frames,
            passed: next.passed.max(arrived),
        });
        let lost = sequence - next.sequence;
        let rate = f64::from(self.codec.clock_rate());
        let passed = arrived.saturating_duration_since(next.passed);
        let most = ((passed + SLACK).min(MAX_SILENCE).as_secs_f64() * rate) as u64;
        let gap = match time.checked_sub(next.time) {
            // The sender's clock is steady.
            Some(gap) if gap <= ((passed + SLACK).as_secs_f64() * rate) as u64 => gap.min(most),
            // The sender has a new clock: what was lost had the usual length.
            _ => lost.saturating_mul(next.frames.into()).min(most),
        };
        let Some(frames) = u32::try_from(gap).ok().filter(|gap| *gap > 0) else {
            return Some(Piece::Packet(packet));
        };
        self.after = Some(packet.clone());
        Some(match lost {
            0 => Piece::Silence { frames },
            _ => Piece::Lost { frames, next: Some(packet) },
        })
    }
}

#[cfg(test)]
mod tests;
