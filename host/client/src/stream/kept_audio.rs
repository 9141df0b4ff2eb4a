//! Audio that may be needed again, with its position in the stream. Positions are bytes from the start.
//!
//! Invariant: what is kept is contiguous and ends at `end`.

use std::collections::VecDeque;
use tokio_tungstenite::tungstenite::Bytes;

/// The end of a stream's audio, in the pieces in which it was given.
#[derive(Debug, Default)]
pub(super) struct KeptAudio {
    /// Each with the position of its first byte; none is empty.
    pieces: VecDeque<(u64, Bytes)>,
    end: u64,
}

impl KeptAudio {
    /// The position of the first byte that is kept.
    pub(super) fn start(&self) -> u64 {
        self.pieces.front().map_or(self.end, |(start, _)| *start)
    }

    /// The position after the last byte.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Appends audio.
    pub(super) fn push(&mut self, audio: Bytes) {
        if !audio.is_empty() {
            let start = self.end;
            self.end += audio.len() as u64;
            self.pieces.push_back((start, audio));
        }
    }

    /// Drops what is before a position.
    pub(super) fn release(&mut self, position: u64) {
        while let Some((start, piece)) = self.pieces.front_mut() {
            let before = position.saturating_sub(*start);
            if before < piece.len() as u64 {
                // Without copying.
                drop(piece.split_to(before as usize));
                *start += before;
                return;
            }
            self.pieces.pop_front();
        }
    }

    /// Audio from a position that is kept, at most up to `end` and of `most` bytes, without copying: perhaps less than there is.
    pub(super) fn read(&self, position: u64, end: u64, most: usize) -> Bytes {
        let after = self.pieces.partition_point(|(start, _)| *start <= position);
        let Some((start, piece)) = after.checked_sub(1).and_then(|index| self.pieces.get(index)) else {
            return Bytes::new();
        };
        let from = ((position - start) as usize).min(piece.len());
        let to = piece.len().min(from + most).min(end.saturating_sub(*start) as usize).max(from);
        piece.slice(from..to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything from a position on, in pieces of three bytes.
    fn rest(kept: &KeptAudio, mut position: u64) -> Vec<u8> {
        let mut all = Vec::new();
        while position < kept.end() {
            let piece = kept.read(position, kept.end(), 3);
            assert!(!piece.is_empty() && piece.len() <= 3);
            position += piece.len() as u64;
            all.extend_from_slice(&piece);
        }
        all
    }

    #[test]
    fn audio_is_kept_from_any_position_to_the_end() {
        let mut kept = KeptAudio::default();
        for piece in [&[0, 1, 2, 3][..], &[], &[4], &[5, 6, 7, 8, 9, 10, 11]] {
            kept.push(Bytes::copy_from_slice(piece));
        }
        for position in 0..=12 {
            assert_eq!(rest(&kept, position.into()), (position..12).collect::<Vec<u8>>());
        }
        assert_eq!(kept.read(6, 8, 100), Bytes::from_static(&[6, 7]));
        kept.release(7);
        assert_eq!((kept.start(), kept.end(), rest(&kept, 7)), (7, 12, vec![7, 8, 9, 10, 11]));
        kept.release(100);
        assert_eq!((kept.start(), kept.end(), rest(&kept, 12)), (12, 12, vec![]));
        assert!(kept.read(12, 12, 1).is_empty());
    }
}
