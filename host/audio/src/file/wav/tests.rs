//! WAV files as recorders, pipes and editors write them.

use super::{
    super::{AudioFile, Options, Step, unsupported::Unsupported},
    *,
};
use auricle_core::{AudioFormat, Encoding};
use proptest::prelude::*;
use std::io::Cursor;

/// A chunk, padded.
fn chunk(id: &[u8; 4], content: &[u8]) -> Vec<u8> {
    sized(id, content.len() as u32, content)
}

/// A chunk that states another size.
fn sized(id: &[u8; 4], size: u32, content: &[u8]) -> Vec<u8> {
    [id.as_slice(), &size.to_le_bytes(), content, &[0][..content.len() % 2]].concat()
}

/// A `fmt ` chunk at 16 kHz.
fn fmt(tag: u16, bits: u16, channels: u16) -> Vec<u8> {
    let block = bits.div_ceil(8) * channels;
    let second = 16_000 * u32::from(block);
    let [tag, channels, block, bits] = [tag, channels, block, bits].map(u16::to_le_bytes);
    chunk(b"fmt ", &[&tag[..], &channels, &16_000_u32.to_le_bytes(), &second.to_le_bytes(), &block, &bits].concat())
}

fn riff(chunks: &[&[u8]]) -> Vec<u8> {
    let content = chunks.concat();
    [b"RIFF".as_slice(), &(content.len() as u32 + 4).to_le_bytes(), b"WAVE", &content].concat()
}

/// One channel of 16 bits, half a second.
fn samples() -> Vec<u8> {
    (0..8_000_u32).flat_map(|n| ((n * 37 % 20_000) as i16 - 10_000).to_le_bytes()).collect()
}

fn open(file: &[u8], channel: Option<u16>) -> Result<AudioFile, ReadError> {
    AudioFile::open(Cursor::new(file.to_vec()), Options { length: Some(file.len() as u64), raw: None, channel })
}

/// All audio of a file, and the reported damage.
fn read(file: &[u8]) -> (AudioFormat, Vec<u8>, Vec<Damage>) {
    let mut file = open(file, None).unwrap();
    let (mut bytes, mut damages) = (Vec::new(), Vec::new());
    loop {
        match file.step(&mut bytes).unwrap() {
            Step::Audio => {}
            Step::Damage(damage) => damages.push(damage),
            Step::OppositePhase => {}
            Step::End => return (file.format(), bytes, damages),
        }
    }
}

/// All audio of a file without damage.
fn undamaged(file: &[u8]) -> Vec<u8> {
    let (_, bytes, damages) = read(file);
    assert_eq!(damages, []);
    bytes
}

#[test]
fn every_width_is_read() {
    let floats = |samples: &[f32]| samples.iter().flat_map(|sample| sample.to_le_bytes()).collect::<Vec<u8>>();
    let doubles: Vec<u8> = [0.5_f64, -0.25].iter().flat_map(|sample| sample.to_le_bytes()).collect();
    for (tag, bits, data, encoding, audio) in [
        (1, 8, vec![0x80, 0xff, 0], Encoding::S16le, vec![0, 0, 0, 0x7f, 0, 0x80]),
        (1, 16, vec![1, 2, 3, 4], Encoding::S16le, vec![1, 2, 3, 4]),
        (1, 12, vec![0x10, 2, 0x30, 4], Encoding::S16le, vec![0x10, 2, 0x30, 4]),
        (1, 24, vec![0, 0, 0x40, 0, 0, 0xc0], Encoding::F32le, floats(&[0.5, -0.5])),
        (1, 32, vec![0, 0, 0, 0x40, 0, 0, 0, 0xc0], Encoding::F32le, floats(&[0.5, -0.5])),
        (3, 32, floats(&[0.5, -0.25]), Encoding::F32le, floats(&[0.5, -0.25])),
        (3, 64, doubles, Encoding::F32le, floats(&[0.5, -0.25])),
        (6, 8, vec![1, 2], Encoding::Alaw, vec![1, 2]),
        (7, 8, vec![1, 2], Encoding::Mulaw, vec![1, 2]),
    ] {
        let plain = fmt(tag, bits, 1);
        // The same with its tag in the extension: valid bits, speakers, and a GUID that begins with the tag.
        let guid = b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71";
        let extension =
            [&22_u16.to_le_bytes()[..], &bits.to_le_bytes(), &[4, 0, 0, 0], &tag.to_le_bytes(), guid].concat();
        let extensible = chunk(b"fmt ", &[&0xfffe_u16.to_le_bytes(), &plain[10..], &extension].concat());
        for fmt in [plain, extensible] {
            let (format, bytes, damages) = read(&riff(&[&fmt, &chunk(b"data", &data)]));
            assert_eq!(format, AudioFormat { encoding, ..AudioFormat::default() }, "{tag} {bits}");
            assert_eq!((bytes, damages), (audio.clone(), vec![]), "{tag} {bits}");
        }
    }
}

#[test]
fn samples_may_be_wider_than_their_bits() {
    // 24 bits in four bytes each.
    let mut fmt = fmt(1, 24, 1);
    fmt[20..22].copy_from_slice(&4_u16.to_le_bytes());
    let half = 0.5_f32.to_le_bytes();
    assert_eq!(undamaged(&riff(&[&fmt, &chunk(b"data", &[0, 0, 0, 0x40])])), half);
}

#[test]
fn a_size_that_is_wrong_loses_no_sample() {
    let data = samples();
    // From a recorder that crashed, and from ffmpeg, sox and arecord into a pipe.
    for size in [0, u32::MAX, 0x7fff_f000, 0x8000_0000] {
        for bits in [8, 16, 24] {
            let fmt = fmt(1, bits, 1);
            let right = undamaged(&riff(&[&fmt, &chunk(b"data", &data)]));
            for total in [0, 36, u32::MAX] {
                let mut file = riff(&[&fmt, &sized(b"data", size, &data)]);
                file[4..8].copy_from_slice(&total.to_le_bytes());
                assert_eq!(undamaged(&file), right, "{bits} bits, {size} bytes in {total}");
            }
        }
    }
}

#[test]
fn a_long_file_has_its_size_in_a_chunk_of_its_own() {
    let data = samples();
    let ds64 = |bytes: usize| chunk(b"ds64", &[&[0; 8], &(bytes as u64).to_le_bytes()[..], &[0; 12]].concat());
    let after = chunk(b"LIST", b"INFOISFT\x04\0\0\0test");
    for name in [b"RF64", b"BW64"] {
        let mut file = riff(&[&ds64(data.len()), &fmt(1, 16, 1), &sized(b"data", u32::MAX, &data), &after]);
        file[..8].copy_from_slice(&[name.as_slice(), &[0xff; 4]].concat());
        assert_eq!(undamaged(&file), data);
        assert_eq!(open(&file, None).unwrap().seconds(), Some(0.5));
    }
}

#[test]
fn chunks_around_the_samples_are_skipped() {
    let (data, fmt) = (samples(), fmt(1, 16, 1));
    let samples = chunk(b"data", &data);
    let odd = chunk(b"LIST", b"INFOabc");
    let unpadded = &odd[..odd.len() - 1];
    // One byte less, one more, and more than the file has.
    let [short, long, endless] = [5, 8, 60_000].map(|size| sized(b"LIST", size, b"INFOab"));
    for before in [&odd, unpadded, &short, &long, &endless, &chunk(b"JUNK", &vec![1; 200_000])] {
        assert_eq!(undamaged(&riff(&[before, &fmt, &samples])), data, "{:?} before the format", &before[..8]);
        assert_eq!(undamaged(&riff(&[&fmt, before, &samples, before])), data, "{:?} around", &before[..8]);
    }
    // A format chunk that states two bytes more than it has, and one that has two more than it states.
    let more = [b"fmt \x12\0\0\0", &fmt[8..]].concat();
    assert_eq!(undamaged(&riff(&[&more, &samples])), data);
    assert_eq!(undamaged(&riff(&[&fmt, &[0, 0], &samples])), data);
    // An odd number of bytes of samples, with and without a padding byte.
    let bytes = chunk(b"data", &[0x80; 801]);
    for samples in [&bytes[..], &bytes[..bytes.len() - 1]] {
        assert_eq!(undamaged(&riff(&[&self::fmt(1, 8, 1), samples, &odd])).len(), 1_602);
    }
}

#[test]
fn one_channel_of_many_can_be_selected() {
    let frames: Vec<u8> = (0..640_u16).flat_map(u16::to_le_bytes).collect();
    let file = riff(&[&fmt(1, 16, 64), &chunk(b"data", &frames)]);
    let mut last = open(&file, Some(63)).unwrap();
    assert_eq!(last.format(), AudioFormat::default());
    let mut audio = Vec::new();
    last.step(&mut audio).unwrap();
    assert_eq!(audio, (0..10_u16).flat_map(|n| (64 * n + 63).to_le_bytes()).collect::<Vec<u8>>());
    assert!(matches!(open(&file, Some(64)), Err(ReadError::NoChannel { channel: 64, channels: 64 })));
    let mut many = file;
    many[22..24].copy_from_slice(&65_281_u16.to_le_bytes());
    assert!(matches!(open(&many, None), Err(ReadError::Channels(65_281))));
}

#[test]
fn joined_recordings_are_read_one_after_the_other() {
    let data = samples();
    let one = riff(&[&fmt(1, 16, 1), &chunk(b"data", &data), &chunk(b"LIST", b"INFOabc")]);
    assert_eq!(undamaged(&one.repeat(3)), data.repeat(3));
    // From a service that writes into a pipe, without sizes: the second header is not audio.
    for size in [0, u32::MAX] {
        let one = riff(&[&fmt(1, 16, 1), &sized(b"data", size, &data)]);
        for gap in [0, 1, 3_181, 3_200] {
            let shorter = &one[..one.len() - gap];
            assert_eq!(
                undamaged(&[shorter, &one].concat()),
                [&data[..data.len() - gap.next_multiple_of(2)], &data].concat()
            );
        }
    }
    // Another format is converted to the first.
    let eight = riff(&[&fmt(1, 8, 1), &chunk(b"data", &[0xff; 100])]);
    assert_eq!(undamaged(&[&one[..], &eight].concat()), [data.clone(), [0, 0x7f].repeat(100)].concat());
    // One that cannot be read is reported.
    let other = riff(&[&fmt(2, 4, 1), &chunk(b"data", &[0; 9_000])]);
    assert_eq!(read(&[one, other].concat()).1, data);
}

#[test]
fn missing_and_unknown_bytes_are_reported() {
    let (data, fmt) = (samples(), fmt(1, 16, 1));
    let damages_of = |file: &[u8]| {
        let (_, bytes, damages) = read(file);
        assert_eq!(bytes, data);
        damages
    };
    assert_eq!(damages_of(&riff(&[&fmt, &sized(b"data", 48_000, &data)])), [Damage::Missing { seconds: 1.0 }]);
    let noise = [0x81; 5_000];
    let file = riff(&[&fmt, &chunk(b"data", &data)]);
    assert_eq!(damages_of(&[&file[..], &noise].concat()), [Damage::Unknown { bytes: 5_000 }]);
    let other = riff(&[&self::fmt(2, 4, 1), &chunk(b"data", &noise)]);
    assert_eq!(damages_of(&[&file[..], &other].concat()), [Damage::Recording]);
    // Zeros, and less than a frame of speech, are not reported.
    assert_eq!(damages_of(&[&file[..], &[0; 5_000]].concat()), []);
    assert_eq!(damages_of(&[&file[..], b"TAGa title"].concat()), []);
}

#[test]
fn unsupported_files_are_named() {
    let error = |fmt: &[u8]| open(&riff(&[fmt, &chunk(b"data", &[0; 64])]), None).err().unwrap();
    assert!(matches!(error(&fmt(0x31, 0, 1)), ReadError::Unsupported(gsm) if gsm == Unsupported::in_wav(0x31)));
    assert!(matches!(error(&fmt(1, 48, 1)), ReadError::SampleBits(48)));
    assert!(matches!(error(&fmt(1, 16, 0)), ReadError::Channels(0)));
    assert!(matches!(error(&chunk(b"JUNK", &[])), ReadError::NoSamples));
    assert!(matches!(open(&riff(&[&fmt(1, 16, 1)]), None), Err(ReadError::NoSamples)));
}

proptest! {
    #[test]
    fn any_bytes_after_a_header_are_read_to_their_end(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        place in 12_usize..60,
        count in 0_usize..8,
    ) {
        // A good file with a few bytes of its header changed.
        let mut file = riff(&[&chunk(b"LIST", b"INFOabc"), &fmt(1, 16, 1), &chunk(b"data", &bytes)]);
        for (at, byte) in bytes.iter().take(count).enumerate() {
            file[place + at] = *byte;
        }
        let Ok(mut opened) = open(&file, None) else { return Ok(()) };
        let (mut audio, mut steps) = (Vec::new(), 0);
        while !matches!(opened.step(&mut audio), Ok(Step::End) | Err(_)) {
            steps += 1;
            prop_assert!(steps < 1_000);
        }
        prop_assert!(audio.len().is_multiple_of(opened.format().frame_bytes()));
    }
}
