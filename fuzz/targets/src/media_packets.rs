//! Orders a peer's packets of a real-time codec and decodes them: any bytes, sequence numbers, timestamps and pauses.
//!
//! Checks: each packet passes at most once, in the order of its number; the frames of all pieces are within the time that passed; the
//! samples have the length of the frames, and none is NaN or infinite.

use crate::input::Input;
use auricle_audio::{Intake, JitterBuffer, PacketCodec, Piece};
use bytes::Bytes;
use std::time::{Duration, Instant};

const CODECS: [PacketCodec; 3] = [PacketCodec::Opus, PacketCodec::Pcmu, PacketCodec::Pcma];
/// The longest packet, in bytes.
const MAX_PACKET: usize = 200;
/// Frames of audio that a piece may be ahead of the time that passed, in seconds; and the longest packet of Opus.
const SLACK_SECONDS: f64 = 1.0 + 0.12;

/// The target; see the module.
pub fn media_packets(bytes: &[u8]) {
    let mut input = Input(bytes);
    let codec = CODECS[usize::from(input.u8() % 3)];
    let rate = codec.clock_rate();
    // The rate of the decoder itself, so that the number of samples is known.
    let model_rate = if codec == PacketCodec::Opus { 16_000 } else { 8_000 };
    let mut intake = Intake::of_packets(codec, model_rate).expect("the rates fit");
    let (mut buffer, mut samples) = (JitterBuffer::new(codec), Vec::new());
    let (start, mut passed, mut pieces, mut accepted) = (Instant::now(), Duration::ZERO, 0u64, 0);
    let mut hear = |piece: Piece, now: Duration| {
        let before = (samples.len(), intake.frames());
        if let Piece::Lost { frames, .. } | Piece::Silence { frames } = piece {
            assert!(frames > 0 && f64::from(frames) <= (now.as_secs_f64() + SLACK_SECONDS) * f64::from(rate));
        }
        intake.push_piece(&piece, &mut samples);
        let frames = intake.frames() - before.1;
        let made = (samples.len() - before.0) as u64;
        assert_eq!(made, frames * u64::from(model_rate) / u64::from(rate), "samples of {frames} frames");
        assert!(samples[before.0..].iter().all(|sample| sample.is_finite()));
        if matches!(piece, Piece::Packet(_)) {
            pieces += 1;
        }
        // The rest of a long run needs no memory.
        samples.clear();
    };
    while !input.0.is_empty() {
        let (sequence, time) = (u64::from(input.u16() % 512), u64::from(input.u24()));
        passed += Duration::from_millis(u64::from(input.u8()));
        let length = usize::from(input.u8()) % MAX_PACKET;
        buffer.push(sequence, time, Bytes::copy_from_slice(input.bytes(length)), start + passed);
        accepted += 1;
        while let Some(piece) = buffer.pop(start + passed) {
            hear(piece, passed);
        }
    }
    while let Some(piece) = buffer.rest() {
        hear(piece, passed);
    }
    assert!(pieces <= accepted, "{pieces} of {accepted} packets");
}
