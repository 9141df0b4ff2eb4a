//! Coded and raw audio, whole, damaged and cut short.

use super::*;
use auricle_core::Encoding;
use std::io::{self, Cursor};

const FLAC: &[u8] = include_bytes!("testdata/tone.flac");
const MP3: &[u8] = include_bytes!("testdata/tone.mp3");
const VORBIS: &[u8] = include_bytes!("testdata/tone.ogg");

/// A reader that gives a few bytes at a time, as a pipe may.
struct Drops<R>(R);

impl<R: Read> Read for Drops<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let few = out.len().min(7);
        self.0.read(&mut out[..few])
    }
}

fn read(bytes: &[u8], raw: Option<AudioFormat>) -> Result<AudioFile, ReadError> {
    let length = Some(bytes.len() as u64);
    AudioFile::open(Drops(Cursor::new(bytes.to_vec())), Options { length, raw, channel: None })
}

/// All of it, and what was damaged.
fn all(mut file: AudioFile) -> (Vec<u8>, Vec<Damage>) {
    let (mut bytes, mut damages) = (Vec::new(), Vec::new());
    loop {
        match file.step(&mut bytes).unwrap() {
            Step::Audio => {}
            Step::Damage(damage) => damages.push(damage),
            Step::End => return (bytes, damages),
        }
    }
}

/// All of it, which is whole.
fn whole(file: AudioFile) -> Vec<u8> {
    let (bytes, damages) = all(file);
    assert_eq!(damages, []);
    bytes
}

#[test]
fn raw_audio_is_taken_as_it_is() {
    let format = AudioFormat { encoding: Encoding::Mulaw, sample_rate: 8_000, channels: 2, channel: None };
    let file = read(&[1; 2_401], Some(format)).unwrap();
    assert_eq!((file.format(), file.seconds()), (format, Some(0.15)));
    // The sample of one channel at the end is no frame.
    assert_eq!(whole(file), [1; 2_400]);
}

#[test]
fn coded_audio_is_decoded() {
    for (file, encoding) in [(FLAC, Encoding::S16le), (MP3, Encoding::F32le), (VORBIS, Encoding::F32le)] {
        let file = read(file, None).unwrap();
        assert_eq!(file.format(), AudioFormat { encoding, ..AudioFormat::default() });
        let bytes = whole(file);
        let samples: Vec<f32> = match encoding {
            Encoding::S16le => {
                bytes.as_chunks().0.iter().map(|bytes| f32::from(i16::from_le_bytes(*bytes)) / 32_768.0).collect()
            }
            _ => bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
        };
        // 250 ms of a tone at 440 Hz: 110 periods; MP3 may add silence.
        assert!((4_000..6_400).contains(&samples.len()), "{encoding:?}: {}", samples.len());
        let rises = samples.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
        assert!((105..=120).contains(&rises), "{encoding:?}: {rises}");
    }
}

#[test]
fn what_stands_before_an_mp3_recording_is_passed_over() {
    let clean = whole(read(MP3, None).unwrap());
    // A tag (ID3v2.3) of 100,000 bytes, its length in groups of 7 bits, all of them padding.
    let length = 100_000_u32;
    let groups = [21, 14, 7, 0].map(|shift| (length >> shift) as u8 & 0x7f);
    let tag = [b"ID3\x03\0\0".as_slice(), &groups, &vec![0; length as usize]].concat();
    for before in [tag, vec![0x55; 1_000]] {
        assert_eq!(whole(read(&[&before, MP3].concat(), None).unwrap()), clean);
    }
}

#[test]
fn a_wav_file_behind_junk_is_no_audio() {
    // Its header would not have been looked at before the decoder sees it.
    let mut file = vec![0x49; 142];
    file.extend(
        b"RIFF\x40\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data\x08\0\0\0abcdefgh",
    );
    assert!(matches!(read(&file, None), Err(ReadError::Unknown)));
}

#[test]
fn a_damaged_part_is_left_out_and_told() {
    // Without the first frame, of 288 bytes, which says how long the file is.
    let mut file = MP3[288..].repeat(8);
    // The header of a frame in the middle stays, what follows it makes no sense.
    let middle = file.len() / 2;
    file[middle + 4..middle + 40].fill(0xff);
    let (bytes, damages) = all(read(&file, None).unwrap());
    assert!((1..=3).contains(&damages.len()), "{damages:?}");
    assert!(bytes.len() > 7 * 4_000 * 4, "{}", bytes.len());
}

#[test]
fn what_is_no_audio_is_told_apart() {
    assert!(matches!(read(b"a text that is no audio", None), Err(ReadError::Unknown)));
}
