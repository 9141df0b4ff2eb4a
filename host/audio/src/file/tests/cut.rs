//! A file that is cut off anywhere is never read as if it were complete.
//!
//! Every position is tried: the file yields all of its audio, reports damage, or is refused.

use super::{demux::streamed, *};
use std::ops::Range;

/// Cuts a file at every position. `undetectable` holds the positions where what is left is a complete file in its format, and
/// `tolerated` is the length in seconds that may be missing without a report.
fn cut(name: &str, file: &[u8], tolerated: f64, undetectable: &[usize]) {
    let opened = read(file, None).unwrap();
    let format = opened.format();
    let complete = undamaged(opened);
    for at in 0..file.len() {
        let (audio, reported) = read_part(&file[..at]);
        let missing = complete.len().saturating_sub(audio) / format.frame_bytes();
        let seconds = missing as f64 / f64::from(format.sample_rate);
        let known = undetectable.contains(&at);
        assert!(
            reported || known || seconds <= tolerated,
            "{name} cut at {at}: {seconds} s are missing without a report"
        );
        assert!(!(reported && known), "{name} cut at {at} is reported");
    }
}

/// The bytes of audio in a part of a file, and whether anything was reported.
fn read_part(part: &[u8]) -> (usize, bool) {
    let (mut audio, mut reported) = (Vec::new(), false);
    let Ok(mut file) = AudioFile::open(Cursor::new(part.to_vec()), Options::default()) else { return (0, true) };
    loop {
        match file.step(&mut audio) {
            Ok(Step::Audio | Step::OppositePhase) => {}
            Ok(Step::Damage(_)) => reported = true,
            Ok(Step::End) => return (audio.len(), reported),
            Err(_) => return (audio.len(), true),
        }
    }
}

/// WAV with a second of 16-bit samples.
fn wav(size: u32) -> Vec<u8> {
    let header = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data";
    [header.as_slice(), &size.to_le_bytes(), &[7; 16_000]].concat()
}

#[test]
fn wav_that_is_cut_off_is_reported() {
    // The sizes in a header are often rounded, so 20 ms may be missing.
    cut("WAV", &wav(16_000), 0.02, &[]);
}

#[test]
fn flac_that_is_cut_off_is_reported() {
    cut("FLAC", FLAC, 0.0, &[]);
}

#[test]
fn ogg_that_is_cut_off_is_reported() {
    cut("Vorbis", VORBIS, 0.0, &[]);
    cut("Opus", OPUS, 0.0, &[]);
    cut("Opus in small pages", &opus_pages(&packets(OPUS)).concat(), 0.0, &[]);
}

#[test]
fn mp3_that_is_cut_off_is_reported() {
    cut("MP3", MP3, 0.0, &[]);
    // Without the information packet the number of packets is unknown, so a cut between two packets cannot be detected.
    let plain = &MP3[288..];
    let bounds = bounds(plain, 0..plain.len(), |packet| {
        let kilobits = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160][usize::from(packet[2] >> 4)];
        72 * kilobits * 1_000 / 16_000 + usize::from(packet[2] >> 1 & 1)
    });
    cut("MP3 without its number of packets", plain, 0.0, &bounds);
}

#[test]
fn aac_that_is_cut_off_is_reported() {
    // The number of packets is unknown, so a cut between two packets cannot be detected.
    let bounds = bounds(AAC, 0..AAC.len(), |packet| {
        usize::from(packet[3] & 3) << 11 | usize::from(packet[4]) << 3 | usize::from(packet[5] >> 5)
    });
    cut("AAC", AAC, 0.0, &bounds);
}

#[test]
fn m4a_that_is_cut_off_is_reported() {
    cut("M4A", M4A, 0.0, &[]);
    // The length in the index is in ticks of the movie, so 20 ms may be missing.
    cut("M4A with its index first", &streamed(), 0.02, &[]);
}

#[test]
fn webm_that_is_cut_off_is_reported() {
    let cluster = WEBM.windows(4).position(|seen| seen == b"\x1f\x43\xb6\x75").unwrap();
    // The segment has no size, but its cluster has.
    cut("WebM", WEBM, 0.0, &[]);
    // Without any size a cut between two blocks cannot be detected.
    let open = [&WEBM[..cluster], b"\x1f\x43\xb6\x75\xff", &WEBM[cluster + 6..]].concat();
    let blocks = bounds(&open, cluster + 5..open.len(), |element| 2 + usize::from(element[1] & 0x7f));
    cut("WebM without sizes", &open, 0.0, &blocks[1..]);
}

/// The positions where the packets in a part of a file begin, except the first.
fn bounds(file: &[u8], part: Range<usize>, size: impl Fn(&[u8]) -> usize) -> Vec<usize> {
    let next = |at: &usize| Some(at + size(&file[*at..])).filter(|next| *next < part.end);
    std::iter::successors(Some(part.start), next).skip(1).collect()
}
