//! Follows the elements of a WebM file while a demuxer reads it, to detect a file that is cut off.
//!
//! Browsers write segments and clusters without their sizes, so a demuxer cannot know whether it has reached the end. But
//! every block has a size: a file that ends within one is cut off. So is one that ends within a cluster of known size.
//! Format: RFC 8794 (EBML), RFC 9559 (Matroska).
//!
//! Threads: the demuxer reads; the result is shared with the code around it.

use super::super::input::Input;
use std::{
    io::{self, Read},
    sync::{Arc, Mutex, PoisonError},
};

const EBML: u32 = 0x1a45_dfa3;
const SEGMENT: u32 = 0x1853_8067;
const CLUSTER: u32 = 0x1f43_b675;
/// The largest header (an identifier and a size), in bytes.
const MAX_HEADER: usize = 12;

/// The position of the bytes read so far within the file's elements.
#[derive(Debug, Clone, Default)]
pub(super) struct Elements {
    /// The bytes of an incomplete element header.
    header: Vec<u8>,
    /// Bytes left of the element that is being skipped.
    left: u64,
    /// Bytes read.
    at: u64,
    /// The position where the segment ends, if it has a size.
    end: Option<u64>,
    /// The position where the last cluster ends, if it has a size.
    cluster_end: Option<u64>,
    /// The position where the elements end and other bytes begin.
    trailing: Option<u64>,
    joined: bool,
}

impl Elements {
    /// Whether the file ends within an element, if it ends here.
    pub(super) fn is_cut_off(&self) -> bool {
        let whole = match self.end {
            Some(end) => self.at - self.header.len() as u64 >= end,
            None => self.left == 0 && self.header.is_empty() && self.cluster_end.is_none_or(|end| self.at >= end),
        };
        self.trailing.is_none() && !whole
    }

    /// Whether another file follows the first one.
    pub(super) fn is_joined(&self) -> bool {
        self.joined
    }

    /// How many bytes follow that are not elements.
    pub(super) fn trailing_bytes(&self) -> u64 {
        self.trailing.map_or(0, |trailing| self.at - trailing)
    }

    fn follow(&mut self, mut bytes: &[u8]) {
        while let Some(&byte) = bytes.first() {
            if self.trailing.is_some() {
                self.at += bytes.len() as u64;
                return;
            }
            if self.left > 0 {
                let skipped = self.left.min(bytes.len() as u64);
                self.left -= skipped;
                self.at += skipped;
                bytes = &bytes[skipped as usize..];
                continue;
            }
            self.header.push(byte);
            self.at += 1;
            bytes = &bytes[1..];
            self.enter();
        }
    }

    /// Enters or skips the element whose header is complete.
    fn enter(&mut self) {
        let begin = self.at - self.header.len() as u64;
        let Some((id, id_bytes)) = identifier(&self.header) else {
            // No element begins like this.
            if self.header[0] < 0x10 {
                self.trailing = Some(begin);
            }
            return;
        };
        self.joined = id == EBML && begin > 0;
        if self.joined || self.end.is_some_and(|end| begin >= end) {
            self.trailing = Some(begin);
            return;
        }
        let size = match size(&self.header[id_bytes..]) {
            Some(size) => size,
            None if self.header.len() < MAX_HEADER => return,
            None => {
                self.trailing = Some(begin);
                return;
            }
        };
        self.header.clear();
        match (id, size) {
            (SEGMENT, size) => self.end = size.and_then(|size| self.at.checked_add(size)),
            (CLUSTER, size) => self.cluster_end = size.and_then(|size| self.at.checked_add(size)),
            (_, Some(size)) => self.left = size,
            (_, None) => self.trailing = Some(begin),
        }
    }
}

/// An element's identifier and its length in bytes, once it is complete.
fn identifier(bytes: &[u8]) -> Option<(u32, usize)> {
    let width = bytes.first()?.leading_zeros() as usize + 1;
    let bytes = bytes.get(..width).filter(|_| width <= 4)?;
    Some((bytes.iter().fold(0, |id, byte| id << 8 | u32::from(*byte)), width))
}

/// An element's size, `Some(None)` where it is unknown (all ones), once it is complete.
fn size(bytes: &[u8]) -> Option<Option<u64>> {
    let width = bytes.first()?.leading_zeros() as usize + 1;
    let bytes = bytes.get(..width).filter(|_| width <= 8)?;
    let value = bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
    let ones = (1_u64 << (7 * width)) - 1;
    Some((value & ones != ones).then_some(value & ones))
}

/// A reader that follows a file's elements. It ends where the elements end; the bytes after them are counted.
pub(super) struct Followed {
    input: Input,
    elements: Arc<Mutex<Elements>>,
}

impl Followed {
    pub(super) fn new(input: Input) -> (Self, Arc<Mutex<Elements>>) {
        let elements = Arc::default();
        (Self { input, elements: Arc::clone(&elements) }, elements)
    }
}

impl Read for Followed {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut elements = self.elements.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = elements.at;
        let read = if elements.trailing.is_some() { 0 } else { self.input.read(out)? };
        elements.follow(&out[..read]);
        let Some(trailing) = elements.trailing else { return Ok(read) };
        elements.at += self.input.skip_all();
        Ok((trailing.saturating_sub(begin) as usize).min(read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WEBM: &[u8] = include_bytes!("../testdata/tone.webm");

    fn follow(bytes: &[u8], piece: usize) -> Elements {
        let mut elements = Elements::default();
        bytes.chunks(piece).for_each(|bytes| elements.follow(bytes));
        elements
    }

    #[test]
    fn a_whole_file_is_not_cut_off_and_its_parts_are() {
        for piece in [1, 7, WEBM.len()] {
            let whole = follow(WEBM, piece);
            assert!(!whole.is_cut_off() && !whole.is_joined() && whole.trailing_bytes() == 0, "{whole:?}");
            let cut = follow(&WEBM[..WEBM.len() - 3], piece);
            assert!(cut.is_cut_off(), "{cut:?}");
        }
    }

    #[test]
    fn another_file_and_other_bytes_are_found_after_it() {
        let joined = follow(&WEBM.repeat(2), 100);
        assert!(joined.is_joined() && !joined.is_cut_off());
        let zeros = follow(&[WEBM, &[0; 50]].concat(), 100);
        assert_eq!((zeros.trailing_bytes(), zeros.is_joined(), zeros.is_cut_off()), (50, false, false));
    }

    proptest! {
        #[test]
        fn any_bytes_are_followed_the_same_in_pieces(bytes: Vec<u8>, piece in 1_usize..9) {
            let bytes = [&WEBM[..40], &bytes].concat();
            let (pieces, whole) = (follow(&bytes, piece), follow(&bytes, bytes.len()));
            prop_assert_eq!(
                (pieces.is_cut_off(), pieces.is_joined(), pieces.trailing_bytes()),
                (whole.is_cut_off(), whole.is_joined(), whole.trailing_bytes())
            );
            prop_assert_eq!(whole.at, bytes.len() as u64);
        }
    }
}
