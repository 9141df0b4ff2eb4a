//! The sandbox: a worker process drops rights before plugin code runs in it.
//!
//! An engine needs only its files, memory and threads. If it is taken over by a crafted model or recording, it must not
//! reach the network, the files of the server's user, or other processes. On Linux a worker therefore applies three
//! restrictions that cannot be undone: `no_new_privs`, landlock (`files`: it can read the named files and those that
//! system runtimes need, and write almost nothing) and seccomp (`calls`: no new sockets, no new processes, no changes
//! of file attributes). What a plugin claims to need, and is granted, is left out: connections to other machines, the devices of
//! graphics processors. Files and sockets that were open before stay usable; this is how the worker communicates with
//! the host.
//!
//! Still possible: checking whether any path exists and its size, using up memory and processor time, and changing the
//! priority of another process of the same user.
//!
//! Threads: landlock and seccomp restrict the calling thread and the threads that it starts later, so there must be no
//! other thread yet.

#[cfg(target_os = "linux")]
mod calls;
mod error;
#[cfg(target_os = "linux")]
mod files;

pub use error::SandboxError;

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What the engine may use. The system's libraries, and the parts of `/proc` and `/sys` that runtimes read,
/// are always readable.
///
/// Paths that do not exist are ignored, because the engine reports a missing file better.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowed {
    /// Files and folders that may be read, with all their content: the plugin's copy, models, runtimes. Links in the
    /// folders may point elsewhere, as they do in model caches.
    pub read: Vec<PathBuf>,
    /// A private folder for temporary files, where files may also be created, written and deleted.
    pub scratch: Option<PathBuf>,
    /// Connections to other machines. Accepting connections and local sockets stay refused.
    pub network: bool,
    /// The devices of graphics processors.
    pub gpu: bool,
}

/// The parts of the sandbox that [`enter`] could apply.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Protection {
    lacking: Vec<&'static str>,
}

impl Protection {
    /// Whether the whole sandbox is in force.
    pub fn is_full(&self) -> bool {
        self.lacking.is_empty()
    }

    /// A line for the log, if a part is not available.
    pub fn warning(&self) -> Option<String> {
        (!self.is_full()).then(|| format!("engines are sandboxed in part only: {}", self.lacking.join("; ")))
    }
}

/// Enters the sandbox, permanently. Call it once, before other threads start and before a plugin's library is opened.
///
/// The [`Protection`] lists parts that this system does not have. On systems other than Linux that is the whole
/// sandbox.
///
/// # Errors
/// The process has other threads, or the system refuses a restriction that it should support. Some restrictions may be
/// in force then.
pub fn enter(allowed: &Allowed) -> Result<Protection, SandboxError> {
    #[cfg(target_os = "linux")]
    {
        let threads = std::fs::read_dir("/proc/self/task").map(Iterator::count);
        match threads.map_err(SandboxError::Proc)? {
            1 => {}
            threads => return Err(SandboxError::Threads(threads)),
        }
        let lacking = [files::restrict(allowed)?, calls::restrict(allowed.network)?];
        Ok(Protection { lacking: lacking.into_iter().flatten().collect() })
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = allowed;
        Ok(Protection { lacking: vec!["there is no sandbox on this system, the engine can do what the server could"] })
    }
}
