//! Why a sandbox cannot be entered. Each is one line.

use std::io;

/// Why a process could not give up what an engine does not need.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// It cannot be told how many threads there are.
    #[error("cannot sandbox: /proc is not readable: {0}")]
    Proc(io::Error),
    /// Other threads would stay free.
    #[error("cannot sandbox: the process has {0} threads already")]
    Threads(usize),
    /// Landlock refuses its rules.
    #[cfg(target_os = "linux")]
    #[error("cannot sandbox: landlock: {0}")]
    Landlock(landlock::RulesetError),
    /// A seccomp filter cannot be made.
    #[cfg(target_os = "linux")]
    #[error("cannot sandbox: seccomp: {0}")]
    Filter(seccompiler::BackendError),
    /// The kernel refuses a seccomp filter.
    #[cfg(target_os = "linux")]
    #[error("cannot sandbox: seccomp: {0}")]
    Seccomp(seccompiler::Error),
}
