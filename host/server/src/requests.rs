//! What the system asks of the server, and what the server asks of the system: signals, and the limit of open files.

use std::io;

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
