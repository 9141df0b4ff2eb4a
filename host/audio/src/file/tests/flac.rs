//! FLAC.

use super::*;

/// FLAC of one channel at 16 kHz, 16 bits: numbered frames of 1,000 samples, not compressed.
pub(super) fn coded(frames: u8) -> Vec<Vec<u8>> {
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
fn missing_frames_of_flac_are_reported() {
    let mut parts = coded(8);
    let clean = undamaged(read(&parts.concat(), None).unwrap());
    assert_eq!(clean.len(), 8 * 2_000);
    let read_parts = |parts: &[Vec<u8>]| {
        let (bytes, damages) = all(read(&parts.concat(), None).unwrap());
        (bytes.len() / 2_000, damages)
    };
    let missing = |frames: u32| vec![Damage::Missing { seconds: f64::from(frames) / 16.0 }];
    assert_eq!(read_parts(&parts[..6]), (5, missing(3)));
    parts.remove(4);
    assert_eq!(read_parts(&parts), (7, missing(1)));
    parts[3][700] ^= 1;
    assert_eq!(read_parts(&parts), (6, missing(2)));
}
