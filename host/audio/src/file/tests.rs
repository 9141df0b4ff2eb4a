//! Coded and raw audio, intact, damaged and cut off.

mod cut;
mod demux;
mod flac;
mod mpeg;
mod ogg;

use super::*;
use auricle_core::Encoding;
use ogg::{opus_pages, packets, pages};
use proptest::prelude::*;
use std::io::{self, Cursor};

const FLAC: &[u8] = include_bytes!("testdata/tone.flac");
const MP3: &[u8] = include_bytes!("testdata/tone.mp3");
const VORBIS: &[u8] = include_bytes!("testdata/tone.ogg");
const OPUS: &[u8] = include_bytes!("testdata/tone.opus");
const WEBM: &[u8] = include_bytes!("testdata/tone.webm");
const M4A: &[u8] = include_bytes!("testdata/tone.m4a");
const AAC: &[u8] = include_bytes!("testdata/tone.aac");

/// A reader that returns a few bytes at a time, as a pipe may.
struct SmallReads<R>(R);

impl<R: Read> Read for SmallReads<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let few = out.len().min(7);
        self.0.read(&mut out[..few])
    }
}

fn read(bytes: &[u8], raw: Option<AudioFormat>) -> Result<AudioFile, ReadError> {
    let length = Some(bytes.len() as u64);
    AudioFile::open(SmallReads(Cursor::new(bytes.to_vec())), Options { length, raw, channel: None })
}

/// All of the audio, and the reported damage.
fn all(mut file: AudioFile) -> (Vec<u8>, Vec<Damage>) {
    let (mut bytes, mut damages) = (Vec::new(), Vec::new());
    loop {
        match file.step(&mut bytes).unwrap() {
            Step::Audio => {}
            Step::Damage(damage) => damages.push(damage),
            Step::OppositePhase => {}
            Step::End => return (bytes, damages),
        }
    }
}

/// All of the audio of a file without damage.
fn undamaged(file: AudioFile) -> Vec<u8> {
    let (bytes, damages) = all(file);
    assert_eq!(damages, []);
    bytes
}

#[test]
fn raw_audio_is_returned_unchanged() {
    let format = AudioFormat { encoding: Encoding::Mulaw, sample_rate: 8_000, channels: 2, channel: None };
    let file = read(&[1; 2_401], Some(format)).unwrap();
    assert_eq!((file.format(), file.seconds()), (format, Some(0.15)));
    // The single sample at the end is not a frame.
    assert_eq!(undamaged(file), [1; 2_400]);
}

#[test]
fn channels_in_opposite_phase_are_reported_once() {
    let found = |frames: u16, options: Options| {
        let sample = |n: u16| ((f64::from(n) * 0.3).sin() * 9_000.0) as i16;
        let bytes: Vec<u8> = (0..frames).flat_map(|n| [sample(n), -sample(n)]).flat_map(i16::to_le_bytes).collect();
        let raw = Some(AudioFormat { channels: 2, ..AudioFormat::default() });
        let mut file = AudioFile::open(Cursor::new(bytes.clone()), Options { raw, ..options }).unwrap();
        let (mut audio, mut found) = (Vec::new(), 0);
        loop {
            match file.step(&mut audio).unwrap() {
                Step::End => break,
                step => found += usize::from(step == Step::OppositePhase),
            }
        }
        assert_eq!(audio.len(), bytes.len() / if options.channel.is_some() { 2 } else { 1 });
        found
    };
    // Less than a second is decided at the end.
    for (frames, number) in [(40_000, 1), (8_000, 1), (1_000, 0)] {
        assert_eq!(found(frames, Options::default()), number, "{frames} frames");
        assert_eq!(found(frames, Options { channel: Some(0), ..Options::default() }), 0);
    }
}

#[test]
fn coded_audio_is_decoded() {
    for (file, encoding, sample_rate) in [
        (FLAC, Encoding::S16le, 16_000),
        (MP3, Encoding::F32le, 16_000),
        (VORBIS, Encoding::F32le, 16_000),
        (OPUS, Encoding::F32le, 48_000),
        (M4A, Encoding::F32le, 16_000),
    ] {
        let file = read(file, None).unwrap();
        assert_eq!(file.format(), AudioFormat { encoding, sample_rate, ..AudioFormat::default() });
        let bytes = undamaged(file);
        let samples: Vec<f32> = match encoding {
            Encoding::S16le => {
                bytes.as_chunks().0.iter().map(|bytes| f32::from(i16::from_le_bytes(*bytes)) / 32_768.0).collect()
            }
            _ => bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
        };
        // 250 ms of a tone at 440 Hz: 110 periods, without the encoder's padding.
        assert_eq!(samples.len(), sample_rate as usize / 4, "{encoding:?}");
        let rises = samples.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
        assert!((105..=120).contains(&rises), "{encoding:?}: {rises}");
    }
}

#[test]
fn a_wav_file_after_junk_is_not_recognized() {
    // The decoder must not get a header that was not checked.
    let mut file = vec![0x49; 142];
    file.extend(
        b"RIFF\x40\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data\x08\0\0\0abcdefgh",
    );
    assert!(matches!(read(&file, None), Err(ReadError::Unrecognized)));
}

#[test]
fn a_damaged_part_is_skipped_and_reported() {
    // Without the first frame, of 288 bytes, which states the length of the file.
    let mut file = MP3[288..].repeat(8);
    // The header of a frame in the middle is kept, its content is destroyed.
    let middle = file.len() / 2;
    file[middle + 4..middle + 40].fill(0xff);
    let (bytes, damages) = all(read(&file, None).unwrap());
    assert!((1..=3).contains(&damages.len()), "{damages:?}");
    assert!(bytes.len() > 7 * 4_000 * 4, "{}", bytes.len());
}

#[test]
fn a_text_is_not_recognized() {
    assert!(matches!(read(b"a text that is no audio", None), Err(ReadError::Unrecognized)));
}

#[test]
fn tags_around_a_recording_are_no_part_of_it() {
    let id3v1 = [b"TAGa title".as_slice(), &[0; 118]].concat();
    let ape = [b"APETAGEX\xd0\x07\0\0\x28\0\0\0\x01\0\0\0\0\0\0\xa0".as_slice(), &[0; 48]].concat();
    let id3v2 = [b"ID3\x04\0\0\0\0\x01\x02".as_slice(), &[b'x'; 130]].concat();
    for file in [FLAC, MP3, VORBIS, OPUS] {
        let clean = undamaged(read(file, None).unwrap());
        for after in [&id3v1, &ape, &id3v2, &[&ape[..], &id3v1].concat()] {
            assert_eq!(undamaged(read(&[&id3v2, file, after].concat(), None).unwrap()), clean);
        }
    }
}

#[test]
fn joined_recordings_are_read_one_after_the_other() {
    let tag = [b"ID3\x04\0\0\0\0\x01\x02".as_slice(), &[b'x'; 130]].concat();
    for file in [FLAC, MP3, VORBIS, OPUS] {
        let clean = undamaged(read(file, None).unwrap());
        assert_eq!(undamaged(read(&file.repeat(3), None).unwrap()), clean.repeat(3));
        if file == FLAC || file == MP3 {
            assert_eq!(undamaged(read(&[file, &tag, file].concat(), None).unwrap()), clean.repeat(2));
        }
    }
    // An MP3 recording without an information packet after one with: all of its packets are decoded, too.
    let more = undamaged(read(&[MP3, &MP3[288..]].concat(), None).unwrap());
    assert_eq!(more.len(), (2 * 9 * 576 - 1_105) * 4);
}

#[test]
fn a_format_that_changes_in_the_middle_is_converted() {
    // Packets of MPEG 1 at 44.1 kHz in stereo, 128 kbit/s, all silent.
    let packet = [b"\xff\xfb\x90\0".as_slice(), &[0; 413]].concat();
    let mut file = read(&[MP3, &packet.repeat(49), MP3].concat(), None).unwrap();
    assert_eq!(file.format(), AudioFormat { encoding: Encoding::F32le, ..AudioFormat::default() });
    let mut audio = Vec::new();
    while file.step(&mut audio).unwrap() != Step::End {}
    let silence = 49 * 1_152 * 16_000_usize / 44_100;
    assert!((audio.len() / 4).abs_diff(2 * 4_000 + silence) <= 1, "{}", audio.len() / 4);
}

#[test]
fn a_file_that_is_damaged_from_its_beginning_is_refused() {
    let mut noise = FLAC.to_vec();
    noise[86..].fill(0x55);
    for file in [&noise, &FLAC[..20], &FLAC[..60], &VORBIS[..200], &VORBIS[..58]] {
        let error = read(file, None).err().unwrap();
        assert!(matches!(error, ReadError::AllDamaged | ReadError::Decoder(_) | ReadError::NoAudio), "{error}");
    }
}

proptest! {
    #[test]
    fn damaged_files_end_and_give_whole_frames(
        kind in 0..8,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
        twice in any::<bool>(),
    ) {
        let mut file = match kind {
            0 => flac::coded(4).concat(),
            1 => FLAC.to_vec(),
            2 => MP3.to_vec(),
            3 => opus_pages(&packets(OPUS)).concat(),
            4 => WEBM.to_vec(),
            5 => M4A.to_vec(),
            6 => AAC.to_vec(),
            _ => pages().concat(),
        };
        for (place, byte) in changes {
            let place = place.index(file.len());
            file[place] = byte;
        }
        if twice {
            file.extend(file.clone());
        }
        let place = cut.index(file.len());
        file.drain(place..file.len().min(place + 50));
        let Ok(mut opened) = read(&file, None) else { return Ok(()) };
        let (mut audio, mut steps) = (Vec::new(), 0);
        while !matches!(opened.step(&mut audio), Ok(Step::End) | Err(_)) {
            steps += 1;
            prop_assert!(steps < 1_000);
        }
        prop_assert!(audio.len().is_multiple_of(opened.format().frame_bytes()));
    }
}
