//! Reasons why a process cannot enter the sandbox. Each message is one line.

use std::io;

/// Why a process could not enter the sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The threads cannot be counted.
    #[error("cannot sandbox: /proc is not readable: {0}")]
    Proc(io::Error),
    /// There are other threads, which would not be restricted.
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
