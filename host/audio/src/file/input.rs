//! A file's bytes, with lookahead.

use std::io::{self, ErrorKind, Read};

/// Bytes read at a time; more if the caller looks further ahead.
const BLOCK: usize = 16 * 1024;

/// A stream of bytes. A failed read looks like the end; [`end`](Self::end) returns its error.
pub(super) struct Input {
    reader: Box<dyn Read + Send + Sync>,
    buffer: Vec<u8>,
    /// Bytes of the buffer that have been consumed.
    consumed: usize,
    ended: bool,
    error: Option<io::Error>,
}

impl Input {
    pub(super) fn new(reader: impl Read + Send + Sync + 'static) -> Self {
        Self { reader: Box::new(reader), buffer: Vec::new(), consumed: 0, ended: false, error: None }
    }

    /// The next `bytes` bytes; fewer if the input ends before. They are not consumed.
    pub(super) fn peek(&mut self, bytes: usize) -> &[u8] {
        let ready = self.ready(bytes);
        &ready[..ready.len().min(bytes)]
    }

    /// All buffered bytes, at least `bytes`; fewer if the input ends before. They are not consumed.
    pub(super) fn ready(&mut self, bytes: usize) -> &[u8] {
        while self.buffer.len() - self.consumed < bytes && !self.ended {
            self.buffer.drain(..self.consumed);
            self.consumed = 0;
            let held = self.buffer.len();
            self.buffer.resize(bytes.max(held + BLOCK), 0);
            let read = self.reader.read(&mut self.buffer[held..]);
            self.buffer.truncate(held + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => self.ended = true,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended = true;
                    self.error = Some(error);
                }
            }
        }
        &self.buffer[self.consumed..]
    }

    /// Consumes up to `bytes` bytes; returns how many there were.
    pub(super) fn skip(&mut self, bytes: u64) -> u64 {
        let mut skipped = 0;
        while skipped < bytes {
            let next = self.peek((bytes - skipped).min(BLOCK as u64) as usize).len();
            if next == 0 {
                break;
            }
            self.consumed += next;
            skipped += next as u64;
        }
        skipped
    }

    /// Consumes the rest of the input; returns its length without the zeros at its end.
    pub(super) fn skip_all(&mut self) -> u64 {
        let (mut skipped, mut used) = (0, 0);
        loop {
            let next = self.peek(BLOCK);
            if next.is_empty() {
                return used;
            }
            let length = next.len();
            if let Some(last) = next.iter().rposition(|byte| *byte != 0) {
                used = skipped + last as u64 + 1;
            }
            self.consumed += length;
            skipped += length as u64;
        }
    }

    /// Checks why the input ended. Call it when there are no more bytes.
    ///
    /// # Errors
    /// Reading failed.
    pub(super) fn end(&mut self) -> io::Result<()> {
        self.error.take().map_or(Ok(()), Err)
    }
}

impl Read for Input {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let seen = self.ready(1);
        let bytes = seen.len().min(out.len());
        out[..bytes].copy_from_slice(&seen[..bytes]);
        self.consumed += bytes;
        if bytes == 0 { self.end().map(|()| 0) } else { Ok(bytes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns some bytes, one at a time, then fails.
    struct Failing(&'static [u8]);

    impl Read for Failing {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            match self.0.read(&mut out[..1])? {
                0 => Err(io::Error::other("unplugged")),
                some => Ok(some),
            }
        }
    }

    #[test]
    fn bytes_are_peeked_and_consumed() {
        let mut input = Input::new(Failing(b"abcdef"));
        assert_eq!(input.peek(2), b"ab");
        assert_eq!(input.skip(1), 1);
        assert_eq!(input.peek(9), b"bcdef");
        assert_eq!(input.skip(9), 5);
        assert_eq!(input.peek(1), b"");
        assert_eq!(input.end().unwrap_err().to_string(), "unplugged");
    }

    #[test]
    fn zeros_at_the_end_do_not_count() {
        let bytes = [vec![0; BLOCK + 5], vec![7], vec![0; 2 * BLOCK]].concat();
        assert_eq!(Input::new(io::Cursor::new(bytes)).skip_all(), BLOCK as u64 + 6);
        assert_eq!(Input::new(io::empty()).skip_all(), 0);
    }
}
