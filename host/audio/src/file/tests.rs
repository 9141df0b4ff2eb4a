//! Coded and raw audio, whole, damaged and cut short.

use super::*;
use auricle_core::Encoding;
use proptest::prelude::*;
use std::io::{self, Cursor};

const FLAC: &[u8] = include_bytes!("testdata/tone.flac");
const MP3: &[u8] = include_bytes!("testdata/tone.mp3");
const VORBIS: &[u8] = include_bytes!("testdata/tone.ogg");
const OPUS: &[u8] = include_bytes!("testdata/tone.opus");
const WEBM: &[u8] = include_bytes!("testdata/tone.webm");
const M4A: &[u8] = include_bytes!("testdata/tone.m4a");
const AAC: &[u8] = include_bytes!("testdata/tone.aac");

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
    for (file, encoding, sample_rate) in [
        (FLAC, Encoding::S16le, 16_000),
        (MP3, Encoding::F32le, 16_000),
        (VORBIS, Encoding::F32le, 16_000),
        (OPUS, Encoding::F32le, 48_000),
        (M4A, Encoding::F32le, 16_000),
    ] {
        let file = read(file, None).unwrap();
        assert_eq!(file.format(), AudioFormat { encoding, sample_rate, ..AudioFormat::default() });
        let bytes = whole(file);
        let samples: Vec<f32> = match encoding {
            Encoding::S16le => {
                bytes.as_chunks().0.iter().map(|bytes| f32::from(i16::from_le_bytes(*bytes)) / 32_768.0).collect()
            }
            _ => bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
        };
        // 250 ms of a tone at 440 Hz: 110 periods, without what the encoder put around them.
        assert_eq!(samples.len(), sample_rate as usize / 4, "{encoding:?}");
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

#[test]
fn tags_around_a_recording_are_no_part_of_it() {
    let id3v1 = [b"TAGa title".as_slice(), &[0; 118]].concat();
    let ape = [b"APETAGEX\xd0\x07\0\0\x28\0\0\0\x01\0\0\0\0\0\0\xa0".as_slice(), &[0; 48]].concat();
    let id3v2 = [b"ID3\x04\0\0\0\0\x01\x02".as_slice(), &[b'x'; 130]].concat();
    for file in [FLAC, MP3, VORBIS, OPUS] {
        let clean = whole(read(file, None).unwrap());
        for behind in [&id3v1, &ape, &id3v2, &[&ape[..], &id3v1].concat()] {
            assert_eq!(whole(read(&[&id3v2, file, behind].concat(), None).unwrap()), clean);
        }
    }
}

#[test]
fn joined_recordings_are_heard_one_behind_the_other() {
    let tag = [b"ID3\x04\0\0\0\0\x01\x02".as_slice(), &[b'x'; 130]].concat();
    for file in [FLAC, MP3, VORBIS, OPUS] {
        let clean = whole(read(file, None).unwrap());
        assert_eq!(whole(read(&file.repeat(3), None).unwrap()), clean.repeat(3));
        if file == FLAC || file == MP3 {
            assert_eq!(whole(read(&[file, &tag, file].concat(), None).unwrap()), clean.repeat(2));
        }
    }
    // Behind an MP3 recording one that says nothing of itself: more packets than were promised, all of them heard.
    let more = whole(read(&[MP3, &MP3[288..]].concat(), None).unwrap());
    assert_eq!(more.len(), (2 * 9 * 576 - 1_105) * 4);
}

#[test]
fn what_changes_in_the_middle_is_heard() {
    // Packets of MPEG 1 at 44.1 kHz in stereo, 128 kbit/s, all silent.
    let packet = [b"\xff\xfb\x90\0".as_slice(), &[0; 413]].concat();
    let mut file = read(&[MP3, &packet.repeat(49), MP3].concat(), None).unwrap();
    assert_eq!(file.format(), AudioFormat { encoding: Encoding::F32le, ..AudioFormat::default() });
    let mut heard = Vec::new();
    while file.step(&mut heard).unwrap() != Step::End {}
    let silence = 49 * 1_152 * 16_000_usize / 44_100;
    assert!((heard.len() / 4).abs_diff(2 * 4_000 + silence) <= 1, "{}", heard.len() / 4);
}

/// FLAC of one channel at 16 kHz, 16 bits: frames of 1,000 samples as they are, each with a number of its own.
fn flac(frames: u8) -> Vec<Vec<u8>> {
    let crc = |bits: u32, polynomial: u32, bytes: &[u8]| {
        let step = |crc: u32, _| crc << 1 ^ if crc >> (bits - 1) & 1 == 1 { polynomial } else { 0 };
        bytes.iter().fold(0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte) << (bits - 8), step)) & ((1 << bits) - 1)
    };
    let mut head = b"fLaC\x80\0\0\x22\x03\xe8\x03\xe8\0\0\0\0\0\0\x03\xe8\0\xf0\0\0".to_vec();
    head.extend((1_000 * u16::from(frames)).to_be_bytes());
    head.extend([0; 16]);
    let frame = |number: u8| {
        let mut frame = vec![0xff, 0xf8, 0x75, 0x08, number, 0x03, 0xe7];
        frame.push(crc(8, 0x07, &frame) as u8);
        frame.push(2);
        frame.extend((0..1_000_i16).flat_map(|n| (n * 31 % 2_000 - i16::from(number)).to_be_bytes()));
        frame.extend((crc(16, 0x8005, &frame) as u16).to_be_bytes());
        frame
    };
    [vec![head], (0..frames).map(frame).collect()].concat()
}

#[test]
fn frames_of_flac_that_are_missing_are_told() {
    let mut parts = flac(8);
    let clean = whole(read(&parts.concat(), None).unwrap());
    assert_eq!(clean.len(), 8 * 2_000);
    let told = |parts: &[Vec<u8>]| {
        let (bytes, damages) = all(read(&parts.concat(), None).unwrap());
        (bytes.len() / 2_000, damages)
    };
    let missing = |frames: u32| vec![Damage::Missing { seconds: f64::from(frames) / 16.0 }];
    assert_eq!(told(&parts[..6]), (5, missing(3)));
    parts.remove(4);
    assert_eq!(told(&parts), (7, missing(1)));
    parts[3][700] ^= 1;
    assert_eq!(told(&parts), (6, missing(2)));
}

#[test]
fn packets_of_mp3_that_are_missing_are_told() {
    // The first of the ten says that there are nine others.
    let (bytes, damages) = all(read(&MP3[..900], None).unwrap());
    assert!(!bytes.is_empty() && matches!(damages[..], [Damage::Missing { seconds }] if seconds > 0.1), "{damages:?}");
}

/// The packets of a file in Ogg.
fn packets(file: &[u8]) -> Vec<Vec<u8>> {
    let mut packets: Vec<Vec<u8>> = Vec::new();
    let mut rest = file;
    while let [header, ..] = rest.as_chunks::<27>().0 {
        let lacing = usize::from(header[26]);
        let mut body = &rest[27 + lacing..];
        for sizes in rest[27..27 + lacing].split_inclusive(|size| *size < 255) {
            let size = sizes.iter().map(|size| usize::from(*size)).sum();
            packets.push(body[..size].to_vec());
            body = &body[size..];
        }
        rest = body;
    }
    packets
}

/// The pages of the same Vorbis with one packet each.
fn pages() -> Vec<Vec<u8>> {
    let packets = packets(VORBIS);
    let last = packets.len() - 1;
    packets
        .iter()
        .enumerate()
        .map(|(number, packet)| page(number as u32, number == 0, number == last, packet))
        .collect()
}

/// A page without a position, of one packet; the last one says 4,000.
fn page(sequence: u32, first: bool, last: bool, packet: &[u8]) -> Vec<u8> {
    placed(sequence, first, last, if last { 4_000 } else { -1 }, packet)
}

/// A page with a position, of one packet.
fn placed(sequence: u32, first: bool, last: bool, granule: i64, packet: &[u8]) -> Vec<u8> {
    let mut page =
        [b"OggS\0".as_slice(), &[u8::from(first) << 1 | u8::from(last) << 2], &granule.to_le_bytes()].concat();
    page.extend([7, 0, 0, 0]);
    page.extend(sequence.to_le_bytes());
    page.extend([0; 4]);
    page.push((packet.len() / 255 + 1) as u8);
    page.extend(vec![255; packet.len() / 255]);
    page.push((packet.len() % 255) as u8);
    page.extend(packet);
    sealed(page)
}

/// With the right checksum.
fn sealed(mut page: Vec<u8>) -> Vec<u8> {
    page[22..26].fill(0);
    let step = |crc: u32, _| crc << 1 ^ if crc >> 31 == 1 { 0x04c1_1db7 } else { 0 };
    let crc = page.iter().fold(0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte) << 24, step));
    page[22..26].copy_from_slice(&crc.to_le_bytes());
    page
}

#[test]
fn pages_of_ogg_without_a_position_are_heard() {
    assert_eq!(whole(read(&pages().concat(), None).unwrap()), whole(read(VORBIS, None).unwrap()));
}

#[test]
fn a_position_that_cannot_be_cuts_nothing_off() {
    let (others, last) = VORBIS.split_at(3_446);
    let (lacing, body) = (&last[27..37], &last[37..]);
    // All of the packets of audio five times, which are said to end at frame 5.
    let header = [&last[..6], &5_i64.to_le_bytes(), &last[14..26], &[50]].concat();
    let page = sealed([&header, &lacing.repeat(5)[..], &body.repeat(5)].concat());
    let heard = whole(read(&[others, &page].concat(), None).unwrap());
    assert!(heard.len() / 4 > 5 * 4_000, "{}", heard.len() / 4);
}

#[test]
fn pages_of_ogg_that_are_missing_are_told() {
    let clean = whole(read(VORBIS, None).unwrap()).len();
    let told = |pages: &[Vec<u8>]| {
        let (bytes, damages) = all(read(&pages.concat(), None).unwrap());
        assert!(bytes.len() > clean / 2 && bytes.len() < clean, "{}", bytes.len());
        damages
    };
    let mut pages = pages();
    let middle = pages.len() / 2 + 2;
    let last = pages.len() - 1;
    pages[last].pop();
    assert_eq!(told(&pages), [Damage::CutOff]);
    pages[last].push(0);
    // Up to a page, in the middle of a packet.
    let long = page(last as u32, false, false, &[0; 255 * 3]);
    let cut = sealed([&long[..26], &[3, 255, 255, 255], &long[30..]].concat());
    assert_eq!(told(&[&pages[..last], &[cut]].concat()), [Damage::CutOff]);
    let packet = pages[middle].len() - 1;
    pages[middle][packet] ^= 0xff;
    assert!(told(&pages).contains(&Damage::Pages));
    pages.remove(middle);
    assert!(told(&pages).contains(&Damage::Pages));
}

/// The pages of the same Opus with one packet each, of 20 ms; the first two are words.
fn opus_pages(packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let last = packets.len() as u32 - 1;
    let granule = |number: u32| if number == last { 312 + 12_000 } else { 960 * i64::from(number.saturating_sub(1)) };
    (0..)
        .zip(packets)
        .map(|(number, packet)| placed(number, number == 0, number == last, granule(number), packet))
        .collect()
}

#[test]
fn opus_begins_and_ends_where_it_says() {
    let clean = whole(read(OPUS, None).unwrap());
    let mut packets = packets(OPUS);
    assert_eq!(whole(read(&opus_pages(&packets).concat(), None).unwrap()), clean);
    // Positions may be left out; without that of the last page nothing is cut off.
    let mut pages = opus_pages(&packets);
    for (number, packet) in packets.iter().enumerate().skip(2).take(packets.len() - 3) {
        pages[number] = placed(number as u32, false, false, -1, packet);
    }
    assert_eq!(whole(read(&pages.concat(), None).unwrap()), clean);
    let number = packets.len() - 1;
    pages[number] = placed(number as u32, false, true, -1, &packets[number]);
    let all_of_it = whole(read(&pages.concat(), None).unwrap());
    assert_eq!(all_of_it.len() / 4, (packets.len() - 2) * 960 - 312);
    assert_eq!(all_of_it[..clean.len()], clean);
    // Half as loud, and of what was cut off at the start all is there.
    let half = -1_541_i16;
    packets[0][10..12].fill(0);
    packets[0][16..18].copy_from_slice(&half.to_le_bytes());
    let heard = whole(read(&opus_pages(&packets).concat(), None).unwrap());
    let sample = |bytes: &[u8], at: usize| f32::from_le_bytes(*bytes[at * 4..].first_chunk().unwrap());
    assert_eq!(heard.len() / 4, 312 + 12_000);
    assert!((sample(&heard, 312 + 6_010) * 2.0 - sample(&clean, 6_010)).abs() < 1e-4);
    assert!(sample(&clean, 6_010).abs() > 0.001);
}

#[test]
fn opus_that_is_missing_is_told() {
    let packets = packets(OPUS);
    let heard = |pages: &[Vec<u8>]| {
        let (bytes, damages) = all(read(&pages.concat(), None).unwrap());
        (bytes.len() / 4, damages)
    };
    let mut pages = opus_pages(&packets);
    pages[6].pop();
    assert_eq!(heard(&pages), (12_000 - 960, vec![Damage::Pages]));
    // Numbers of pages say nothing of packets that were lost before there were pages.
    pages = opus_pages(&packets);
    pages.drain(6..9);
    for (number, page) in pages.iter_mut().enumerate() {
        page[18] = number as u8;
        *page = sealed(page.clone());
    }
    assert_eq!(heard(&pages), (12_000 - 3 * 960, vec![Damage::Missing { seconds: 0.06 }]));
    pages = opus_pages(&packets);
    pages[6] = placed(6, false, false, 5 * 960, b"\x01abc");
    assert!(
        matches!(&heard(&pages), (frames, damages) if *frames == 12_000 - 960 && matches!(damages[..], [Damage::Undecodable(_)]))
    );
}

#[test]
fn opus_of_several_channels_is_heard() {
    let mut packets = packets(OPUS);
    let clean = whole(read(OPUS, None).unwrap());
    // A file of three channels, of which one is silent and the others are the same stream.
    packets[0][9] = 3;
    packets[0][18] = 1;
    packets[0].extend([1, 0, 0, 255, 0]);
    let file = read(&opus_pages(&packets).concat(), None).unwrap();
    assert_eq!(file.format().channels, 3);
    let three: Vec<u8> = clean.as_chunks().0.iter().flat_map(|s: &[u8; 4]| [*s, [0; 4], *s].concat()).collect();
    assert!(whole(file) == three);
    for (at, value) in [(8, 0x10), (18, 2), (9, 0)] {
        let mut wrong = packets.clone();
        wrong[0][at] = value;
        let error = read(&opus_pages(&wrong).concat(), None).err().unwrap().to_string();
        assert!(error.contains("Opus that is not known here; convert it first"), "{error}");
    }
    packets[0][21] = 1;
    assert!(matches!(read(&opus_pages(&packets).concat(), None), Err(ReadError::AllDamaged)));
}

#[test]
fn a_stream_of_ogg_that_is_not_understood_is_told() {
    let speex = page(0, true, true, b"Speex   1.2");
    let error = read(&speex, None).err().unwrap().to_string();
    assert_eq!(error, "an Ogg file of Speex; convert it first: `ffmpeg -i in.ogg -ar 16000 -ac 1 out.wav`");
    let clean = whole(read(VORBIS, None).unwrap());
    assert_eq!(all(read(&[VORBIS, &speex].concat(), None).unwrap()), (clean.clone(), vec![Damage::Recording]));
    // Beside Vorbis, as a picture beside its sound, it is passed over.
    let first = page(0, true, false, b"\x80theora");
    let beside = [&VORBIS[..58], &sealed([&first[..14], &[9], &first[15..]].concat()), &VORBIS[58..]].concat();
    assert_eq!(whole(read(&beside, None).unwrap()), clean);
}

#[test]
fn flac_in_ogg_is_heard() {
    let parts = flac(4);
    let (description, frames) = (&parts[0][8..], &parts[1..]);
    let first = [b"\x7fFLAC\x01\0\0\x01fLaC\0\0\0\x22".as_slice(), description].concat();
    let mut pages = vec![page(0, true, false, &first), page(1, false, false, b"\x84\0\0\0")];
    pages.extend((2..).zip(frames).map(|(number, frame)| page(number, false, number == 5, frame)));
    assert_eq!(whole(read(&pages.concat(), None).unwrap()), whole(read(&parts.concat(), None).unwrap()));
}

#[test]
fn webm_of_unknown_length_is_heard() {
    // Opus as in Ogg, but for what is cut off at the end.
    let clean = whole(read(OPUS, None).unwrap());
    let file = read(WEBM, None).unwrap();
    assert_eq!((file.format(), file.seconds()), (read(OPUS, None).unwrap().format(), None));
    let heard = whole(file);
    assert_eq!((heard.len() / 4, heard[..clean.len()] == clean), (13 * 960 - 312, true));
    // Neither the segment nor its one cluster says how long it is.
    let place = |bytes: &[u8]| WEBM.windows(bytes.len()).position(|seen| seen == bytes).unwrap();
    assert!(WEBM[place(b"\x18\x53\x80\x67")..].starts_with(b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff"));
    let cluster = place(b"\x1f\x43\xb6\x75");
    assert_eq!(WEBM[cluster + 4] >> 6, 1);
    let open = [&WEBM[..cluster], b"\x1f\x43\xb6\x75\xff", &WEBM[cluster + 6..]].concat();
    assert_eq!(whole(read(&open, None).unwrap()), heard);
    // The second half a second later.
    let mut late = WEBM.to_vec();
    let blocks: Vec<usize> = (1..late.len() - 5)
        .filter(|at| late[at - 1] > 0x80 && late[*at] == 0x81 && late[at + 3] == 0x80 && late[at + 4] == 0x48)
        .collect();
    assert!(blocks.len() > 10, "{blocks:?}");
    for at in &blocks[6..] {
        let time = u16::from_be_bytes([late[at + 1], late[at + 2]]) + 500;
        late[at + 1..at + 3].copy_from_slice(&time.to_be_bytes());
    }
    let (bytes, damages) = all(read(&late, None).unwrap());
    assert_eq!(bytes, heard);
    assert!(matches!(damages[..], [Damage::Missing { seconds }] if (seconds - 0.5).abs() < 0.01), "{damages:?}");
}

#[test]
fn another_file_behind_webm_or_mp4_is_told() {
    for file in [M4A, &streamed()] {
        let clean = whole(read(file, None).unwrap());
        assert_eq!(all(read(&file.repeat(2), None).unwrap()), (clean, vec![Damage::Recording]));
    }
    // The same segment with its length.
    let start = WEBM.windows(4).position(|seen| seen == b"\x18\x53\x80\x67").unwrap() + 4;
    let length = 1 << 56 | (WEBM.len() - start - 8) as u64;
    let known = [&WEBM[..start], &length.to_be_bytes(), &WEBM[start + 8..]].concat();
    let clean = whole(read(&known, None).unwrap());
    assert_eq!(clean, whole(read(WEBM, None).unwrap()));
    let bytes = known.len() as u64;
    assert_eq!(all(read(&known.repeat(2), None).unwrap()), (clean, vec![Damage::Unknown { bytes }]));
}

/// A box of MP4.
fn boxed(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 8).to_be_bytes(), &name[..], body].concat()
}

/// The same M4A with its index before its audio.
fn streamed() -> Vec<u8> {
    let movie = M4A.windows(4).position(|name| name == b"moov").unwrap() - 4;
    let audio = M4A.windows(4).position(|name| name == b"mdat").unwrap() - 4;
    let mut index = M4A[movie..].to_vec();
    let offset = index.windows(4).position(|name| name == b"stco").unwrap() + 12;
    let place = u32::from_be_bytes(*index[offset..].first_chunk().unwrap()) + index.len() as u32;
    index[offset..offset + 4].copy_from_slice(&place.to_be_bytes());
    [&M4A[..audio], &index, &M4A[audio..movie]].concat()
}

#[test]
fn mp4_begins_and_ends_where_it_says() {
    let clean = whole(read(M4A, None).unwrap());
    let file = read(&streamed(), None).unwrap();
    assert_eq!(file.seconds(), Some(0.25));
    assert_eq!(whole(file), clean);
    let replaced = |name: &[u8; 4], by: &[u8; 4]| {
        let place = M4A.windows(4).position(|seen| seen == name).unwrap();
        [&M4A[..place], by, &M4A[place + 4..]].concat()
    };
    // Without a list of edits all that is coded is heard.
    let plain = replaced(b"edts", b"free");
    let all_of_it = whole(read(&plain, None).unwrap());
    assert_eq!(all_of_it.len() / 4, 5 * 1_024 - 96);
    assert_eq!(all_of_it[1_024 * 4..], clean);
    // What Apple's encoders say: 1,000 frames before, 20 behind, 3,980 between.
    let text = [[0; 8].as_slice(), b" 00000000 000003E8 00000014 0000000000000F8C 00000000"].concat();
    let parts =
        [boxed(b"mean", b"\0\0\0\0com.apple.iTunes"), boxed(b"name", b"\0\0\0\0iTunSMPB"), boxed(b"data", &text)];
    let words = [[0; 4].as_slice(), &boxed(b"ilst", &boxed(b"----", &parts.concat()))].concat();
    let tag = boxed(b"udta", &boxed(b"meta", &words));
    let movie = plain.windows(4).position(|name| name == b"moov").unwrap();
    let other = plain.windows(4).position(|name| name == b"udta").unwrap();
    let mut tagged = [&plain[..other], b"free", &plain[other + 4..], &tag].concat();
    let size = (tagged.len() - movie + 4) as u32;
    tagged[movie - 4..movie].copy_from_slice(&size.to_be_bytes());
    assert_eq!(whole(read(&tagged, None).unwrap()), all_of_it[4_000..4_000 + 3_980 * 4]);
}

#[test]
fn mp4_that_is_cut_off_is_told() {
    let file = streamed();
    let (bytes, damages) = all(read(&file[..file.len() - 700], None).unwrap());
    assert!(!bytes.is_empty() && bytes.len() < 3_000 * 4, "{}", bytes.len());
    let heard = bytes.len() as f64 / 64_000.0;
    assert!(
        matches!(damages[..], [Damage::Missing { seconds }] if (seconds + heard - 0.25).abs() < 1e-6),
        "{damages:?}"
    );
    let error = read(&M4A[..1_500], None).err().unwrap().to_string();
    assert!(error.contains("missing moov"), "{error}");
}

#[test]
fn high_efficiency_aac_is_named() {
    // Its description says that half of the rate is made up.
    let place = M4A.windows(5).position(|seen| seen == b"\x14\x08\x56\xe5\0").unwrap();
    let high = [&M4A[..place], b"\x2c\x0a\x88\0\0", &M4A[place + 5..]].concat();
    let error = read(&high, None).err().unwrap().to_string();
    assert!(error.starts_with("a file of HE-AAC") && error.contains("convert it first"), "{error}");
}

#[test]
fn aac_without_a_container_is_heard() {
    let file = read(AAC, None).unwrap();
    assert_eq!(file.format(), AudioFormat { encoding: Encoding::F32le, ..AudioFormat::default() });
    let heard = whole(file);
    // Nothing says where the encoder began; it is the same as in the other container.
    assert_eq!(heard.len() / 4, 5 * 1_024);
    assert_eq!(heard[1_024 * 4..][..4_000 * 4], whole(read(M4A, None).unwrap()));
    // Each recording begins afresh only where something stands between them.
    assert_eq!(whole(read(&AAC.repeat(2), None).unwrap()).len(), 2 * heard.len());
    let (bytes, damages) = all(read(&[AAC, &[7; 100], AAC].concat(), None).unwrap());
    assert_eq!((bytes.len(), damages), (2 * heard.len(), vec![Damage::Unknown { bytes: 100 }]));
}

#[test]
fn a_file_that_is_damaged_from_its_beginning_is_said_to_be() {
    let mut noise = FLAC.to_vec();
    noise[86..].fill(0x55);
    for file in [&noise, &FLAC[..20], &FLAC[..60], &VORBIS[..200], &VORBIS[..58]] {
        let error = read(file, None).err().unwrap();
        assert!(matches!(error, ReadError::AllDamaged | ReadError::Decoder(_) | ReadError::Silent), "{error}");
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
            0 => flac(4).concat(),
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
        let (mut heard, mut steps) = (Vec::new(), 0);
        while !matches!(opened.step(&mut heard), Ok(Step::End) | Err(_)) {
            steps += 1;
            prop_assert!(steps < 1_000);
        }
        prop_assert!(heard.len().is_multiple_of(opened.format().frame_bytes()));
    }
}
