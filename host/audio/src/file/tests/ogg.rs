//! Ogg with Vorbis, Opus and FLAC.

use super::*;

/// The packets of a file in Ogg.
pub(super) fn packets(file: &[u8]) -> Vec<Vec<u8>> {
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
pub(super) fn pages() -> Vec<Vec<u8>> {
    let packets = packets(VORBIS);
    let last = packets.len() - 1;
    packets
        .iter()
        .enumerate()
        .map(|(number, packet)| page(number as u32, number == 0, number == last, packet))
        .collect()
}

/// A page of one packet without a position; the last one has position 4,000.
fn page(sequence: u32, first: bool, last: bool, packet: &[u8]) -> Vec<u8> {
    placed(sequence, first, last, if last { 4_000 } else { -1 }, packet)
}

/// A page of one packet with a position.
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

/// Sets the correct checksum.
fn sealed(mut page: Vec<u8>) -> Vec<u8> {
    page[22..26].fill(0);
    let step = |crc: u32, _| crc << 1 ^ if crc >> 31 == 1 { 0x04c1_1db7 } else { 0 };
    let crc = page.iter().fold(0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte) << 24, step));
    page[22..26].copy_from_slice(&crc.to_le_bytes());
    page
}

#[test]
fn pages_of_ogg_without_a_position_are_read() {
    assert_eq!(undamaged(read(&pages().concat(), None).unwrap()), undamaged(read(VORBIS, None).unwrap()));
}

#[test]
fn an_impossible_position_cuts_nothing_off() {
    let (others, last) = VORBIS.split_at(3_446);
    let (lacing, body) = (&last[27..37], &last[37..]);
    // All audio packets five times; the position says that they end at frame 5.
    let header = [&last[..6], &5_i64.to_le_bytes(), &last[14..26], &[50]].concat();
    let page = sealed([&header, &lacing.repeat(5)[..], &body.repeat(5)].concat());
    let audio = undamaged(read(&[others, &page].concat(), None).unwrap());
    assert!(audio.len() / 4 > 5 * 4_000, "{}", audio.len() / 4);
}

#[test]
fn missing_pages_of_ogg_are_reported() {
    let clean = undamaged(read(VORBIS, None).unwrap()).len();
    let damages_of = |pages: &[Vec<u8>]| {
        let (bytes, damages) = all(read(&pages.concat(), None).unwrap());
        assert!(bytes.len() > clean / 2 && bytes.len() < clean, "{}", bytes.len());
        damages
    };
    let mut pages = pages();
    let middle = pages.len() / 2 + 2;
    let last = pages.len() - 1;
    pages[last].pop();
    assert_eq!(damages_of(&pages), [Damage::CutOff]);
    pages[last].push(0);
    // Up to a page, in the middle of a packet.
    let long = page(last as u32, false, false, &[0; 255 * 3]);
    let cut = sealed([&long[..26], &[3, 255, 255, 255], &long[30..]].concat());
    assert_eq!(damages_of(&[&pages[..last], &[cut]].concat()), [Damage::CutOff]);
    let packet = pages[middle].len() - 1;
    pages[middle][packet] ^= 0xff;
    assert!(damages_of(&pages).contains(&Damage::MissingPages));
    pages.remove(middle);
    assert!(damages_of(&pages).contains(&Damage::MissingPages));
}

#[test]
fn a_stream_without_its_end_before_another_is_reported() {
    let pages = pages();
    let cut = pages[..pages.len() - 1].concat();
    let (bytes, damages) = all(read(&[&cut, VORBIS].concat(), None).unwrap());
    assert_eq!(damages, [Damage::MissingPages]);
    assert!(bytes.ends_with(&undamaged(read(VORBIS, None).unwrap())));
}

/// The pages of the same Opus with one packet of 20 ms each; the first two are headers.
pub(super) fn opus_pages(packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let last = packets.len() as u32 - 1;
    let granule = |number: u32| if number == last { 312 + 12_000 } else { 960 * i64::from(number.saturating_sub(1)) };
    (0..)
        .zip(packets)
        .map(|(number, packet)| placed(number, number == 0, number == last, granule(number), packet))
        .collect()
}

#[test]
fn opus_begins_and_ends_at_its_positions() {
    let clean = undamaged(read(OPUS, None).unwrap());
    let mut packets = packets(OPUS);
    assert_eq!(undamaged(read(&opus_pages(&packets).concat(), None).unwrap()), clean);
    // Positions may be missing; without that of the last page nothing is cut off.
    let mut pages = opus_pages(&packets);
    for (number, packet) in packets.iter().enumerate().skip(2).take(packets.len() - 3) {
        pages[number] = placed(number as u32, false, false, -1, packet);
    }
    assert_eq!(undamaged(read(&pages.concat(), None).unwrap()), clean);
    let number = packets.len() - 1;
    pages[number] = placed(number as u32, false, true, -1, &packets[number]);
    let all_of_it = undamaged(read(&pages.concat(), None).unwrap());
    assert_eq!(all_of_it.len() / 4, (packets.len() - 2) * 960 - 312);
    assert_eq!(all_of_it[..clean.len()], clean);
    // Half as loud, and nothing skipped at the start.
    let half = -1_541_i16;
    packets[0][10..12].fill(0);
    packets[0][16..18].copy_from_slice(&half.to_le_bytes());
    let audio = undamaged(read(&opus_pages(&packets).concat(), None).unwrap());
    let sample = |bytes: &[u8], at: usize| f32::from_le_bytes(*bytes[at * 4..].first_chunk().unwrap());
    assert_eq!(audio.len() / 4, 312 + 12_000);
    assert!((sample(&audio, 312 + 6_010) * 2.0 - sample(&clean, 6_010)).abs() < 1e-4);
    assert!(sample(&clean, 6_010).abs() > 0.001);
}

#[test]
fn missing_opus_is_reported() {
    let packets = packets(OPUS);
    let read_pages = |pages: &[Vec<u8>]| {
        let (bytes, damages) = all(read(&pages.concat(), None).unwrap());
        (bytes.len() / 4, damages)
    };
    let mut pages = opus_pages(&packets);
    pages[6].pop();
    assert_eq!(read_pages(&pages), (12_000 - 960, vec![Damage::MissingPages]));
    // The page numbers do not show packets that were lost before the pages were written.
    pages = opus_pages(&packets);
    pages.drain(6..9);
    for (number, page) in pages.iter_mut().enumerate() {
        page[18] = number as u8;
        *page = sealed(page.clone());
    }
    assert_eq!(read_pages(&pages), (12_000 - 3 * 960, vec![Damage::Missing { seconds: 0.06 }]));
    pages = opus_pages(&packets);
    pages[6] = placed(6, false, false, 5 * 960, b"\x01abc");
    assert!(
        matches!(&read_pages(&pages), (frames, damages) if *frames == 12_000 - 960 && matches!(damages[..], [Damage::Undecodable(_)]))
    );
}

#[test]
fn opus_of_several_channels_is_read() {
    let mut packets = packets(OPUS);
    let clean = undamaged(read(OPUS, None).unwrap());
    // Three channels: one is silent, the others are the same stream.
    packets[0][9] = 3;
    packets[0][18] = 1;
    packets[0].extend([1, 0, 0, 255, 0]);
    let file = read(&opus_pages(&packets).concat(), None).unwrap();
    assert_eq!(file.format().channels, 3);
    let three: Vec<u8> = clean.as_chunks().0.iter().flat_map(|s: &[u8; 4]| [*s, [0; 4], *s].concat()).collect();
    assert!(undamaged(file) == three);
    for (at, value) in [(8, 0x10), (18, 2), (9, 0)] {
        let mut wrong = packets.clone();
        wrong[0][at] = value;
        let error = read(&opus_pages(&wrong).concat(), None).err().unwrap().to_string();
        assert!(error.contains("an unsupported kind of Opus; convert it first"), "{error}");
    }
    packets[0][21] = 1;
    assert!(matches!(read(&opus_pages(&packets).concat(), None), Err(ReadError::AllDamaged)));
}

#[test]
fn an_unsupported_stream_of_ogg_is_reported() {
    let speex = page(0, true, true, b"Speex   1.2");
    let error = read(&speex, None).err().unwrap().to_string();
    assert_eq!(
        error,
        "unsupported format: Ogg with Speex; convert it first: `ffmpeg -i in.ogg -ar 16000 -ac 1 out.wav`"
    );
    let clean = undamaged(read(VORBIS, None).unwrap());
    assert_eq!(all(read(&[VORBIS, &speex].concat(), None).unwrap()), (clean.clone(), vec![Damage::Recording]));
    // Parallel to Vorbis, as a video to its sound, it is ignored.
    let first = page(0, true, false, b"\x80theora");
    let beside = [&VORBIS[..58], &sealed([&first[..14], &[9], &first[15..]].concat()), &VORBIS[58..]].concat();
    assert_eq!(undamaged(read(&beside, None).unwrap()), clean);
}

#[test]
fn flac_in_ogg_is_read() {
    let parts = flac::coded(4);
    let (description, frames) = (&parts[0][8..], &parts[1..]);
    let first = [b"\x7fFLAC\x01\0\0\x01fLaC\0\0\0\x22".as_slice(), description].concat();
    let mut pages = vec![page(0, true, false, &first), page(1, false, false, b"\x84\0\0\0")];
    pages.extend((2..).zip(frames).map(|(number, frame)| page(number, false, number == 5, frame)));
    assert_eq!(undamaged(read(&pages.concat(), None).unwrap()), undamaged(read(&parts.concat(), None).unwrap()));
}
