//! MP3.

use super::*;

#[test]
fn bytes_before_an_mp3_recording_are_skipped() {
    let clean = undamaged(read(MP3, None).unwrap());
    // A tag (ID3v2.3) of 100,000 bytes, its length in groups of 7 bits, all of them padding.
    let length = 100_000_u32;
    let groups = [21, 14, 7, 0].map(|shift| (length >> shift) as u8 & 0x7f);
    let tag = [b"ID3\x03\0\0".as_slice(), &groups, &vec![0; length as usize]].concat();
    for before in [tag, vec![0x55; 1_000]] {
        assert_eq!(undamaged(read(&[&before, MP3].concat(), None).unwrap()), clean);
    }
}

#[test]
fn missing_packets_of_mp3_are_reported() {
    // The first of the ten states that nine follow.
    let (bytes, damages) = all(read(&MP3[..900], None).unwrap());
    assert!(!bytes.is_empty() && matches!(damages[..], [Damage::Missing { seconds }] if seconds > 0.1), "{damages:?}");
}
