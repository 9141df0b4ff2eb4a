//! Child processes of this program that run plugin code: their limits, and their end with the parent.
//!
//! Threads: the one that waits for the child; in the child one that waits for the parent's end.

use crate::platform::resident_bytes;
use std::{
    io::{self, Read},
    process::{Child, ExitStatus},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

/// What a child process may use.
#[derive(Debug, Clone, Copy)]
pub struct ChildLimits {
    /// The longest it may run.
    pub time: Duration,
    /// The resident memory that it may use, in bytes, where the system reports it.
    pub memory: Option<u64>,
}

/// How a child process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChildEnd {
    /// By itself.
    Exited(ExitStatus),
    /// It ran too long and was killed.
    Slow,
    /// It used this much memory, in bytes, and was killed.
    Large(u64),
}

/// Waits for the child to end, and kills it if it exceeds a limit.
///
/// # Errors
/// The system's error.
pub fn wait(child: &mut Child, limits: ChildLimits) -> io::Result<ChildEnd> {
    let end = Instant::now() + limits.time;
    let mut pause = Duration::from_millis(1);
    let exceeded = loop {
        if let Some(status) = child.try_wait()? {
            return Ok(ChildEnd::Exited(status));
        }
        if Instant::now() >= end {
            break ChildEnd::Slow;
        }
        let used = limits.memory.and_then(|most| resident_bytes(child.id()).filter(|used| *used > most));
        if let Some(used) = used {
            break ChildEnd::Large(used);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    };
    child.kill()?;
    child.wait()?;
    Ok(exceeded)
}

/// Ends this process when its parent ends, even if a plugin hangs. The parent holds the other end of standard input.
///
/// # Errors
/// The thread cannot be started.
pub fn end_with_parent() -> io::Result<()> {
    let (ready, watching) = mpsc::channel();
    thread::Builder::new().name("parent-watch".into()).spawn(move || {
        // From here on this thread must not initialise thread-locals: they need the loader's lock, and a plugin that
        // hangs in its constructor holds it.
        let mut input = io::stdin().lock();
        let _ = ready.send(());
        while input.read(&mut [0; 64]).is_ok_and(|count| count > 0) {}
        // Not `exit`, for the same reason.
        std::process::abort();
    })?;
    // Returns when the thread is ready, or with an error if it has ended.
    let _ = watching.recv();
    Ok(())
}
