//! Skips tags before and after a recording: titles, pictures, lyrics.

use super::input::Input;

/// Bytes of a lyrics tag that are searched for its end.
const MAX_LYRICS: usize = 5_120;

/// The length of a tag, by its first 32 bytes (fewer at the end of the input); `None` if no tag begins here.
pub(super) fn length(start: &[u8]) -> Option<u64> {
    let byte = |at: usize| start.get(at).copied().map(u64::from);
    if start.starts_with(b"ID3") {
        // Each byte holds seven bits.
        let bytes = [byte(6)?, byte(7)?, byte(8)?, byte(9)?];
        let known = byte(3)? < 0x10 && bytes.iter().all(|byte| *byte < 0x80);
        let footer = if byte(5)? & 0x10 == 0 { 0 } else { 10 };
        return known.then(|| 10 + footer + bytes.into_iter().fold(0, |size, byte| size << 7 | byte));
    }
    if start.starts_with(b"APETAGEX") {
        let size = byte(12)? | byte(13)? << 8 | byte(14)? << 16 | byte(15)? << 24;
        // Without this flag it is the footer: the entries came before it.
        let header = byte(23)? & 0x20 != 0;
        return Some(if header { 32 + size } else { 32 });
    }
    match start {
        [b'T', b'A', b'G', b'+', ..] => Some(227),
        [b'T', b'A', b'G', ..] => Some(128),
        _ => None,
    }
}

/// Skips all tags that begin here; returns whether there was one.
pub(super) fn skip(input: &mut Input) -> bool {
    let mut skipped = false;
    loop {
        let start = input.peek(32);
        let length = match length(start) {
            Some(length) => length,
            None if start.starts_with(b"LYRICSBEGIN") => {
                let seen = input.peek(MAX_LYRICS);
                let end = seen.windows(9).position(|bytes| matches!(bytes, b"LYRICS200" | b"LYRICSEND"));
                end.map_or(11, |end| end as u64 + 9)
            }
            None => return skipped,
        };
        skipped = true;
        input.skip(length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn tags_are_skipped_over() {
        let id3 = [b"ID3\x03\0\0\0\0\x01\x02".as_slice(), &[b'x'; 130]].concat();
        let ape = [b"APETAGEX\xd0\x07\0\0\x28\0\0\0\x01\0\0\0\0\0\0\xa0".as_slice(), &[0; 48]].concat();
        let id3v1 = [b"TAG".as_slice(), &[b' '; 125]].concat();
        let words = b"LYRICSBEGINwords of a song000000LYRICS200";
        let all = [&id3, &ape[..], &id3v1, words, b"audio"].concat();
        let mut input = Input::new(Cursor::new(all));
        assert!(skip(&mut input));
        assert_eq!(input.peek(9), b"audio");
        assert!(!skip(&mut input));
    }
}
