//! Uses too many resources: memory, file descriptors, stack, the host's output.

use std::{
    hint::black_box,
    io::{self, Write},
    mem::forget,
};

/// Maximum number of descriptors that `keep_descriptors` takes if there is no other limit.
const DESCRIPTORS: usize = 1 << 20;

/// Number of bytes that `print` writes.
const PRINTED: usize = 64 << 10;

/// Leaks memory.
pub(crate) fn keep_memory(megabytes: usize) {
    // Written to, so that it is really allocated.
    forget(black_box(vec![1u8; megabytes << 20]));
}

/// Takes descriptors until there are none left, and keeps them. They are pipes, because no sandbox refuses these.
pub(crate) fn keep_descriptors() {
    // The other end is closed at once, so its number is reused first.
    let Ok((end, _)) = io::pipe() else { return };
    for _ in 0..DESCRIPTORS {
        match end.try_clone() {
            Ok(copy) => forget(copy),
            Err(_) => break,
        }
    }
    forget(end);
}

/// Writes bytes of all values, which are not valid text.
pub(crate) fn print() {
    let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(PRINTED).collect();
    // Ignores errors, because nobody may be reading.
    let _ = io::stdout().write_all(&bytes).and_then(|()| io::stdout().flush());
    let _ = io::stderr().write_all(&bytes);
}

/// Calls itself until the stack is used up.
#[allow(unconditional_recursion, reason = "the fault")]
pub(crate) fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    recurse(depth + 1) + frame[0]
}
