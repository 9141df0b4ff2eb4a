//! WebM, MP4 and AAC without a container.

use super::*;

#[test]
fn webm_of_unknown_length_is_read() {
    // The same Opus as in Ogg, but its end is not trimmed.
    let clean = undamaged(read(OPUS, None).unwrap());
    let file = read(WEBM, None).unwrap();
    assert_eq!((file.format(), file.seconds()), (read(OPUS, None).unwrap().format(), None));
    let audio = undamaged(file);
    assert_eq!((audio.len() / 4, audio[..clean.len()] == clean), (13 * 960 - 312, true));
    // Neither the segment nor its only cluster states its length.
    let place = |bytes: &[u8]| WEBM.windows(bytes.len()).position(|seen| seen == bytes).unwrap();
    assert!(WEBM[place(b"\x18\x53\x80\x67")..].starts_with(b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff"));
    let cluster = place(b"\x1f\x43\xb6\x75");
    assert_eq!(WEBM[cluster + 4] >> 6, 1);
    let open = [&WEBM[..cluster], b"\x1f\x43\xb6\x75\xff", &WEBM[cluster + 6..]].concat();
    assert_eq!(undamaged(read(&open, None).unwrap()), audio);
    // The second half, half a second later.
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
    assert_eq!(bytes, audio);
    assert!(matches!(damages[..], [Damage::Missing { seconds }] if (seconds - 0.5).abs() < 0.01), "{damages:?}");
}

#[test]
fn a_cut_file_and_another_file_after_it_are_reported() {
    for file in [M4A, &streamed()] {
        let clean = undamaged(read(file, None).unwrap());
        assert_eq!(all(read(&file.repeat(2), None).unwrap()), (clean, vec![Damage::Recording]));
    }
    // WebM with the length of its segment, and without.
    let start = WEBM.windows(4).position(|seen| seen == b"\x18\x53\x80\x67").unwrap() + 4;
    let length = 1 << 56 | (WEBM.len() - start - 8) as u64;
    let known = [&WEBM[..start], &length.to_be_bytes(), &WEBM[start + 8..]].concat();
    let clean = undamaged(read(WEBM, None).unwrap());
    for file in [WEBM, &known] {
        assert_eq!(undamaged(read(file, None).unwrap()), clean);
        let (bytes, damages) = all(read(&file.repeat(2), None).unwrap());
        assert_eq!((bytes.len(), bytes == clean, damages), (clean.len(), true, vec![Damage::Recording]));
        let cut = &file[..file.len() - 3];
        let (bytes, damages) = all(read(cut, None).unwrap());
        assert!(clean.starts_with(&bytes) && bytes.len() < clean.len());
        assert_eq!(damages, [Damage::CutOff]);
    }
    // Bytes after a segment of known length.
    let followed = [&known[..], &[7; 2_000]].concat();
    assert_eq!(all(read(&followed, None).unwrap()), (clean, vec![Damage::Unknown { bytes: 2_000 }]));
}

/// A box of MP4.
fn boxed(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 8).to_be_bytes(), &name[..], body].concat()
}

/// The same M4A with its index before its audio.
pub(super) fn streamed() -> Vec<u8> {
    let movie = M4A.windows(4).position(|name| name == b"moov").unwrap() - 4;
    let audio = M4A.windows(4).position(|name| name == b"mdat").unwrap() - 4;
    let mut index = M4A[movie..].to_vec();
    let offset = index.windows(4).position(|name| name == b"stco").unwrap() + 12;
    let place = u32::from_be_bytes(*index[offset..].first_chunk().unwrap()) + index.len() as u32;
    index[offset..offset + 4].copy_from_slice(&place.to_be_bytes());
    [&M4A[..audio], &index, &M4A[audio..movie]].concat()
}

#[test]
fn mp4_begins_and_ends_at_its_edits() {
    let clean = undamaged(read(M4A, None).unwrap());
    let file = read(&streamed(), None).unwrap();
    assert_eq!(file.seconds(), Some(0.25));
    assert_eq!(undamaged(file), clean);
    let replaced = |name: &[u8; 4], by: &[u8; 4]| {
        let place = M4A.windows(4).position(|seen| seen == name).unwrap();
        [&M4A[..place], by, &M4A[place + 4..]].concat()
    };
    // Without an edit list all coded audio is returned.
    let plain = replaced(b"edts", b"free");
    let all_of_it = undamaged(read(&plain, None).unwrap());
    assert_eq!(all_of_it.len() / 4, 5 * 1_024 - 96);
    assert_eq!(all_of_it[1_024 * 4..], clean);
    // Apple's tag: 1,000 frames before, 20 after, 3,980 between.
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
    assert_eq!(undamaged(read(&tagged, None).unwrap()), all_of_it[4_000..4_000 + 3_980 * 4]);
}

#[test]
fn mp4_that_is_cut_off_is_reported() {
    let file = streamed();
    let (bytes, damages) = all(read(&file[..file.len() - 700], None).unwrap());
    assert!(!bytes.is_empty() && bytes.len() < 3_000 * 4, "{}", bytes.len());
    let seconds_read = bytes.len() as f64 / 64_000.0;
    assert!(
        matches!(damages[..], [Damage::Missing { seconds }] if (seconds + seconds_read - 0.25).abs() < 1e-6),
        "{damages:?}"
    );
    let error = read(&M4A[..1_500], None).err().unwrap().to_string();
    assert!(error.contains("missing moov"), "{error}");
}

#[test]
fn high_efficiency_aac_is_named() {
    // Its description says that half of the rate is synthesized (SBR).
    let place = M4A.windows(5).position(|seen| seen == b"\x14\x08\x56\xe5\0").unwrap();
    let high = [&M4A[..place], b"\x2c\x0a\x88\0\0", &M4A[place + 5..]].concat();
    let error = read(&high, None).err().unwrap().to_string();
    assert!(error.starts_with("unsupported format: HE-AAC") && error.contains("convert it first"), "{error}");
}

#[test]
fn aac_without_a_container_is_read() {
    let file = read(AAC, None).unwrap();
    assert_eq!(file.format(), AudioFormat { encoding: Encoding::F32le, ..AudioFormat::default() });
    let audio = undamaged(file);
    // The start of the recording is not stated; the rest is the same as in M4A.
    assert_eq!(audio.len() / 4, 5 * 1_024);
    assert_eq!(audio[1_024 * 4..][..4_000 * 4], undamaged(read(M4A, None).unwrap()));
    // Without bytes between them two recordings are one.
    assert_eq!(undamaged(read(&AAC.repeat(2), None).unwrap()).len(), 2 * audio.len());
    let (bytes, damages) = all(read(&[AAC, &[7; 100], AAC].concat(), None).unwrap());
    assert_eq!((bytes.len(), damages), (2 * audio.len(), vec![Damage::Unknown { bytes: 100 }]));
}
