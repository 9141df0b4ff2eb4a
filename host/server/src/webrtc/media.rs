//! A peer's audio: RTP packets become pieces in order.
//!
//! Only the first audio line of a peer is heard. A new source or codec on it starts a new jitter buffer, after the rest of the old one.

use auricle_audio::{JitterBuffer, PacketCodec, Piece};
use axum::body::Bytes;
use std::{collections::VecDeque, time::Instant};
use str0m::{
    format::{Codec, CodecConfig},
    media::{Mid, Pt},
    rtp::{RtpPacket, Ssrc},
};

/// The audio of one peer.
#[derive(Debug, Default)]
pub(super) struct Media {
    mid: Option<Mid>,
    source: Option<(Ssrc, JitterBuffer)>,
    ready: VecDeque<(PacketCodec, Piece)>,
}

/// The codec of a payload type. `None`: what it carries is not audio that can be decoded.
pub(super) fn codec(config: &CodecConfig, payload_type: Pt) -> Option<PacketCodec> {
    let params = config.params().iter().find(|params| params.pt() == payload_type)?;
    match params.spec().codec {
        Codec::Opus => Some(PacketCodec::Opus),
        Codec::PCMU => Some(PacketCodec::Pcmu),
        Codec::PCMA => Some(PacketCodec::Pcma),
        _ => None,
    }
}

impl Media {
    /// Accepts a packet of the audio line `mid`.
    pub(super) fn receive(&mut self, packet: &RtpPacket, mid: Mid, codec: PacketCodec, now: Instant) {
        if *self.mid.get_or_insert(mid) != mid || packet.payload.is_empty() {
            return;
        }
        let ssrc = packet.header.ssrc;
        if self.source.as_ref().is_none_or(|(of, buffer)| *of != ssrc || buffer.codec() != codec) {
            self.finish();
            self.source = Some((ssrc, JitterBuffer::new(codec)));
        }
        if let Some((_, buffer)) = &mut self.source {
            buffer.push(*packet.seq_no, packet.time.numer(), Bytes::copy_from_slice(&packet.payload), now);
        }
    }

    /// Takes the next piece whose turn it is.
    pub(super) fn next(&mut self, now: Instant) -> Option<(PacketCodec, Piece)> {
        if let Some(ready) = self.ready.pop_front() {
            return Some(ready);
        }
        let (_, buffer) = self.source.as_mut()?;
        buffer.pop(now).map(|piece| (buffer.codec(), piece))
    }

    /// No more packets come: what waits for missing ones passes.
    pub(super) fn finish(&mut self) {
        if let Some((_, mut buffer)) = self.source.take() {
            while let Some(piece) = buffer.rest() {
                self.ready.push_back((buffer.codec(), piece));
            }
        }
    }

    /// When [`next`](Self::next) may have something without another packet.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        self.source.as_ref().and_then(|(_, buffer)| buffer.deadline(now))
    }
}
