//! Signals to the server, and the limit of open files.

use std::io;

/// A request to the server by a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// SIGTERM or Ctrl-C; also SIGHUP if standard input is a terminal, because it then means that the terminal was
    /// closed.
    Stop,
    /// SIGHUP otherwise.
    Reload,
}

/// Receives the requests to the process.
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
    /// Installs the signal handlers. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// A signal handler cannot be installed.
    pub fn new() -> io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            // Checked now, because a closed terminal no longer counts as one.
            let meaning = if io::IsTerminal::is_terminal(&io::stdin()) { Request::Stop } else { Request::Reload };
            Ok(Self {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
                hangup: (signal(SignalKind::hangup())?, meaning),
            })
        }
        #[cfg(windows)]
        Ok(Self { interrupt: tokio::signal::windows::ctrl_c()? })
    }

    /// Waits for the next request.
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

/// Raises the limit of open files as far as the system allows, and logs a warning if that is too low for `connections`.
pub fn raise_file_limit(connections: usize) {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        /// For plugins, models, private copies and the log.
        const OTHERS: u64 = 200;
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        if current.is_some() && setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_err() {
            tracing::debug!("cannot raise the limit of open files");
        }
        let wanted = (connections as u64).saturating_add(OTHERS);
        if let Some(limit) = getrlimit(Resource::Nofile).current.filter(|limit| *limit < wanted) {
            tracing::warn!(
                "the limit of open files is {limit}, but all connections would need {wanted}: raise it with `ulimit -n`"
            );
        }
    }
    #[cfg(not(unix))]
    let _ = connections;
}
