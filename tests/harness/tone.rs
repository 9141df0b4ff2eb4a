//! The expected text of the engine `tone`.

use auricle_engine_tone::Checksum;
use auricle_plugin_test::audio::floats;

/// The texts of the segments that `tone` reports for this audio; a segment has `samples` samples.
pub fn tone_segments(audio: &[i16], samples: usize) -> Vec<String> {
    let text = |piece: &[i16]| {
        let mut checksum = Checksum::default();
        checksum.update(&floats(piece));
        checksum.text(piece.len() as u64)
    };
    audio.chunks(samples).map(text).collect()
}
