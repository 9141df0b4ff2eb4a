//! What differs between operating systems. Linux is run and tested; macOS and Windows are written for.

use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
};

/// Whether the file's name is that of a shared library here.
pub fn is_library(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == std::env::consts::DLL_EXTENSION)
}

/// The running program, also after its file was replaced.
///
/// # Errors
/// Where the system does not tell.
pub fn this_program() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok(PathBuf::from("/proc/self/exe")) } else { std::env::current_exe() }
}

/// Makes a directory that only this user can enter; parents as usual.
///
/// # Errors
/// The system's.
pub fn make_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Bytes of memory that a process has in use, where the system tells.
pub fn resident_bytes(pid: u32) -> Option<u64> {
    // proc_pid_status(5), in KiB.
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kibibytes| kibibytes << 10)
}

/// Lets the process have as many open files as the system's administrator allows, and says so where that is too few for
/// so many connections.
pub fn raise_file_limit(connections: usize) {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        /// Plugins, models, copies, the log.
        const OTHERS: u64 = 200;
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        if current.is_some() && setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_err() {
            tracing::debug!("cannot raise the limit of open files");
        }
        let wanted = (connections as u64).saturating_add(OTHERS);
        if let Some(limit) = getrlimit(Resource::Nofile).current.filter(|limit| *limit < wanted) {
            tracing::warn!("{limit} files may be open, {wanted} would be needed for all connections: see `ulimit -n`");
        }
    }
    #[cfg(not(unix))]
    let _ = connections;
}

/// How a process ended, for people: `crashed (SIGSEGV)`, `ended with status 3`.
pub fn describe_exit(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        let name = match signal {
            4 => "SIGILL",
            6 => "SIGABRT",
            7 => "SIGBUS",
            8 => "SIGFPE",
            9 => "SIGKILL",
            11 => "SIGSEGV",
            15 => "SIGTERM",
            _ => return format!("crashed (signal {signal})"),
        };
        return format!("crashed ({name})");
    }
    match status.code() {
        Some(code) => format!("ended with status {code}"),
        None => "ended".into(),
    }
}

/// Keeps the signals that come to the terminal's whole foreground (Ctrl-C, its end) from a child process.
pub fn own_process_group(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(not(unix))]
    let _ = command;
}

/// What the server can be asked by a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// SIGTERM, Ctrl-C; SIGHUP where standard input is a terminal, for it says then that the terminal is gone.
    Stop,
    /// SIGHUP otherwise.
    Reload,
}

/// The requests that come to the process from now on.
#[derive(Debug)]
pub struct Requests {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    hangup: (tokio::signal::unix::Signal, Request),
    #[cfg(windows)]
    interrupt: tokio::signal::windows::CtrlC,
}

impl Requests {
    /// Begins to listen, within a Tokio runtime.
    ///
    /// # Errors
    /// Where the system refuses to tell.
    pub fn new() -> io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            // Now: a terminal that is gone is none any more.
            let meaning = if io::stdin().is_terminal() { Request::Stop } else { Request::Reload };
            Ok(Self {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
                hangup: (signal(SignalKind::hangup())?, meaning),
            })
        }
        #[cfg(windows)]
        Ok(Self { interrupt: tokio::signal::windows::ctrl_c()? })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) -> Request {
        #[cfg(unix)]
        return tokio::select! {
            _ = self.terminate.recv() => Request::Stop,
            _ = self.interrupt.recv() => Request::Stop,
            _ = self.hangup.0.recv() => self.hangup.1,
        };
        #[cfg(windows)]
        {
            self.interrupt.recv().await;
            Request::Stop
        }
    }
}
