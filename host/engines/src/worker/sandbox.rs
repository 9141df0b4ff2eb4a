//! What a worker process gives up before plugin code runs in it.
//!
//! An engine needs its files, memory and threads, no more. One that was taken over, by a crafted model or recording,
//! must not reach the network, the files of the user that the server runs as, or other processes. On Linux a worker
//! therefore enters three things that cannot be left again: `no_new_privs`, landlock (`files`: reading what was named and
//! what the system's runtimes need, writing next to nothing) and seccomp (`calls`: no new socket, no new process, no
//! other file's attributes). Whatever was open before stays usable: that is how the worker talks to the host.
//!
//! What remains possible: asking whether a foreign path exists and how large it is, using up memory and processor time,
//! and changing the priority of another process of the same user.
//!
//! Threads: landlock and seccomp bind the calling thread and those that it starts later, so there must be no other yet.

#[cfg(target_os = "linux")]
mod calls;
mod error;
#[cfg(target_os = "linux")]
mod files;

pub use error::SandboxError;

use std::path::PathBuf;

/// The files that the engine is there for. The system's libraries and what runtimes read of `/proc` and `/sys` are known.
///
/// A path that does not exist is passed over: the engine that misses it says so better.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    /// Files, and folders with all that is below them, that may be read: the plugin's copy, models, runtimes. Links
    /// within the folders may lead elsewhere, as they do in caches of models.
    pub read: Vec<PathBuf>,
    /// A private folder for temporary files, where files may also be made, written and removed.
    pub scratch: Option<PathBuf>,
}

/// What [`enter`] achieved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Protection {
    lacking: Vec<&'static str>,
}

impl Protection {
    /// Whether all of it is in force.
    pub fn is_full(&self) -> bool {
        self.lacking.is_empty()
    }

    /// A line for the log where a part could not be had.
    pub fn warning(&self) -> Option<String> {
        (!self.is_full()).then(|| format!("engines are sandboxed in part only: {}", self.lacking.join("; ")))
    }
}

/// Gives up what an engine does not need, for good. To be called once, before the first thread and before a plugin's
/// library is opened.
///
/// A part that this system does not have is told in the [`Protection`]; elsewhere than on Linux that is all of it.
///
/// # Errors
/// Where the process has threads already or the system refuses what it should be able to do. The process may
/// be bound by a part then.
pub fn enter(files: &Files) -> Result<Protection, SandboxError> {
    #[cfg(target_os = "linux")]
    {
        let threads = std::fs::read_dir("/proc/self/task").map(Iterator::count);
        match threads.map_err(SandboxError::Proc)? {
            1 => {}
            threads => return Err(SandboxError::Threads(threads)),
        }
        let lacking = [files::restrict(files)?, calls::restrict()?];
        Ok(Protection { lacking: lacking.into_iter().flatten().collect() })
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = files;
        Ok(Protection { lacking: vec!["there is no sandbox on this system, the engine can do what the server could"] })
    }
}
