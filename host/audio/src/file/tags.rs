//! Tags before and behind a recording: titles, pictures, words of songs.

use super::input::Input;

/// Most of a tag of verses, which is searched for its end.
const LYRICS: usize = 5_120;

/// The length of a tag by its first 32 bytes, or fewer where there are no more.
pub(super) fn length(start: &[u8]) -> Option<u64> {
    let byte = |at: usize| start.get(at).copied().map(u64::from);
    if start.starts_with(b"ID3") {
        // Seven bits of each byte count.
        let bytes = [byte(6)?, byte(7)?, byte(8)?, byte(9)?];
        let known = byte(3)? < 0x10 && bytes.iter().all(|byte| *byte < 0x80);
        let footer = if byte(5)? & 0x10 == 0 { 0 } else { 10 };
        return known.then(|| 10 + footer + bytes.into_iter().fold(0, |size, byte| size << 7 | byte));
    }
    if start.starts_with(b"APETAGEX") {
        let size = byte(12)? | byte(13)? << 8 | byte(14)? << 16 | byte(15)? << 24;
        // Where this is the tag's end, its entries are behind us.
        let header = byte(23)? & 0x20 != 0;
        return Some(if header { 32 + size } else { 32 });
    }
    match start {
        [b'T', b'A', b'G', b'+', ..] => Some(227),
        [b'T', b'A', b'G', ..] => Some(128),
        _ => None,
    }
}

/// Passes over all tags that begin here; returns whether there was one.
pub(super) fn pass(input: &mut Input) -> bool {
    let mut passed = false;
    loop {
        let start = input.peek(32);
        let length = match length(start) {
            Some(length) => length,
            None if start.starts_with(b"LYRICSBEGIN") => {
                let seen = input.peek(LYRICS);
                let end = seen.windows(9).position(|bytes| matches!(bytes, b"LYRICS200" | b"LYRICSEND"));
                end.map_or(11, |end| end as u64 + 9)
            }
            None => return passed,
        };
        passed = true;
        input.skip(length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn tags_are_passed_over() {
        let id3 = [b"ID3\x03\0\0\0\0\x01\x02".as_slice(), &[b'x'; 130]].concat();
        let ape = [b"APETAGEX\xd0\x07\0\0\x28\0\0\0\x01\0\0\0\0\0\0\xa0".as_slice(), &[0; 48]].concat();
        let id3v1 = [b"TAG".as_slice(), &[b' '; 125]].concat();
        let words = b"LYRICSBEGINwords of a song000000LYRICS200";
        let all = [&id3, &ape[..], &id3v1, words, b"audio"].concat();
        let mut input = Input::new(Cursor::new(all));
        assert!(pass(&mut input));
        assert_eq!(input.peek(9), b"audio");
        assert!(!pass(&mut input));
    }
}
