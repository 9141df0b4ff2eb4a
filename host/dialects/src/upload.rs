//! A file in the body of a request: received ([`Upload`]), decoded (`recording`), and sent to its session (`feed`).
//!
//! Invariant: it is in memory once, as it was sent, and what the decoder has read is freed. One file is limited to
//! `max_bytes`, and all files that are in memory together are limited too, so that many clients cannot use up the memory.
//! Threads: the task that reads the body, then the thread that decodes.

pub(crate) mod feed;
pub(crate) mod recording;

use auricle_core::{Failure, FailureCode};
use axum::{
    body::Bytes,
    http::{HeaderMap, header},
};
use futures_util::{Stream, StreamExt};
use std::{
    collections::VecDeque,
    error::Error,
    io::{self, ErrorKind, Read},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::timeout;

/// Bytes of a block. A block is freed when it was read.
const BLOCK: usize = 256 << 10;

/// The time for a refused client to send the rest of its body, so that it reads why it was refused.
const DISCARD_LIMIT: Duration = Duration::from_secs(10);

/// The limits of files in request bodies. Clones share the count of bytes.
#[derive(Debug, Clone)]
pub struct Uploads {
    /// The largest size of a file, in bytes.
    pub max_bytes: usize,
    /// The longest audio in a file, in seconds.
    pub max_seconds: f64,
    /// The largest size of all files in memory, in bytes.
    max_shared_bytes: u64,
    held: Arc<AtomicU64>,
}

impl Uploads {
    /// The limits of a server: bytes of a file, seconds of audio in it, and bytes of all files together.
    pub fn new(max_bytes: usize, max_seconds: f64, max_shared_bytes: u64) -> Self {
        Self { max_bytes, max_seconds, max_shared_bytes, held: Arc::default() }
    }

    /// Checks the length of the audio in a file.
    ///
    /// # Errors
    /// It is longer than `max_seconds`.
    pub(crate) fn check_length(&self, seconds: f64) -> Result<(), Failure> {
        let most = self.max_seconds;
        if seconds <= most {
            return Ok(());
        }
        let message = format!("the audio is longer than {most} s (`limits.max_upload_seconds`); send it in parts");
        Err(Failure::new(FailureCode::TooLarge, message))
    }
}

/// A file that was received. Reading it frees it.
#[derive(Debug)]
pub struct Upload {
    blocks: VecDeque<Vec<u8>>,
    /// Bytes of the first block that were read.
    read: usize,
    /// Bytes that are in memory.
    length: usize,
    limits: Uploads,
}

impl Upload {
    /// An empty file.
    pub fn new(limits: Uploads) -> Self {
        Self { blocks: VecDeque::new(), read: 0, length: 0, limits }
    }

    /// Appends a part. Call it only before anything was read.
    ///
    /// # Errors
    /// The file, or all files together, would be too large.
    pub fn push(&mut self, mut part: &[u8]) -> Result<(), Failure> {
        let Uploads { max_bytes, max_shared_bytes, held, .. } = &self.limits;
        if self.length + part.len() > *max_bytes {
            return Err(too_large(*max_bytes));
        }
        let bytes = part.len() as u64;
        if held.fetch_add(bytes, Ordering::Relaxed) + bytes > *max_shared_bytes {
            held.fetch_sub(bytes, Ordering::Relaxed);
            let message = "the server has too many files in work (`limits.max_shared_upload_bytes`); try again later";
            return Err(Failure::new(FailureCode::Overloaded, message));
        }
        self.length += part.len();
        while !part.is_empty() {
            let room = self.blocks.back().map_or(0, |block| BLOCK - block.len());
            match self.blocks.back_mut() {
                Some(block) if room > 0 => {
                    let (now, later) = part.split_at(part.len().min(room));
                    block.extend_from_slice(now);
                    part = later;
                }
                _ => self.blocks.push_back(Vec::new()),
            }
        }
        Ok(())
    }

    /// Its bytes that were not read yet.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    fn free(&mut self, bytes: usize) {
        self.length -= bytes;
        self.limits.held.fetch_sub(bytes as u64, Ordering::Relaxed);
    }
}

impl Read for Upload {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let Some(block) = self.blocks.front() else { return Ok(0) };
        let left = &block[self.read..];
        let bytes = left.len().min(out.len());
        out[..bytes].copy_from_slice(&left[..bytes]);
        self.read += bytes;
        if self.read == block.len() {
            self.blocks.pop_front();
            self.read = 0;
        }
        self.free(bytes);
        Ok(bytes)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.free(self.length);
    }
}

/// The failure of a file above the limit.
pub(crate) fn too_large(max_bytes: usize) -> Failure {
    let message = format!("the file has more than {max_bytes} bytes (`limits.max_upload_bytes`); send it in parts");
    Failure::new(FailureCode::TooLarge, message)
}

/// The failure of a file that arrives too slowly.
pub(crate) fn slow() -> Failure {
    Failure::new(FailureCode::SlowRequest, "the file arrives too slowly")
}

/// Whether a body could not be read because it arrives too slowly.
pub(crate) fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::TimedOut) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Reads the rest of a refused request's body and drops it, within bounds. A client that is still sending when the
/// connection is closed may not read the response. One that waits for `100 Continue` sends nothing.
pub async fn discard<E>(
    headers: &HeaderMap,
    body: &mut (impl Stream<Item = Result<Bytes, E>> + Unpin),
    uploads: &Uploads,
) {
    if headers.contains_key(header::EXPECT) {
        return;
    }
    let mut left = uploads.max_bytes;
    let discarded = timeout(DISCARD_LIMIT, async {
        while let Some(Ok(part)) = body.next().await {
            left = left.saturating_sub(part.len());
            if left == 0 {
                return;
            }
        }
    });
    // What is left after the time is not read.
    let _ = discarded.await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(uploads: &Uploads) -> u64 {
        uploads.held.load(Ordering::Relaxed)
    }

    #[test]
    fn what_is_read_is_what_was_pushed_and_is_freed() {
        let uploads = Uploads::new(2 * BLOCK, 1.0, u64::MAX);
        let mut upload = Upload::new(uploads.clone());
        let bytes: Vec<u8> = (0..BLOCK + 1_000).map(|n| n as u8).collect();
        for part in bytes.chunks(7_001) {
            upload.push(part).unwrap();
        }
        assert_eq!((upload.len(), held(&uploads)), (bytes.len(), bytes.len() as u64));
        let mut start = vec![0; BLOCK];
        upload.read_exact(&mut start).unwrap();
        assert_eq!((held(&uploads), upload.blocks.len()), (1_000, 1));
        let mut rest = Vec::new();
        upload.read_to_end(&mut rest).unwrap();
        assert_eq!([start, rest].concat(), bytes);
        assert!(upload.is_empty() && held(&uploads) == 0);
    }

    #[test]
    fn a_file_and_all_files_together_are_limited() {
        let uploads = Uploads::new(10, 1.0, 15);
        let mut first = Upload::new(uploads.clone());
        first.push(&[0; 10]).unwrap();
        assert_eq!(first.push(&[0]).unwrap_err().code, FailureCode::TooLarge);
        let mut second = Upload::new(uploads.clone());
        assert_eq!(second.push(&[0; 6]).unwrap_err().code, FailureCode::Overloaded);
        second.push(&[0; 5]).unwrap();
        drop(first);
        second.push(&[0; 5]).unwrap();
        drop(second);
        assert_eq!(held(&uploads), 0);
    }
}
