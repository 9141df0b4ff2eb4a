//! Tells systemd what the server does, by the protocol of sd_notify(3): ready, stopping, and that it is alive.
//!
//! Invariant: each sign of life follows a task that the runtime has run since the last one, while every listener
//! accepts. A server that hangs is restarted by systemd. Tasks: one.

use std::time::Duration;

/// The service manager's socket, if the server was started by one.
#[derive(Debug)]
pub(super) struct Notifier {
    #[cfg(unix)]
    socket: Option<std::os::unix::net::UnixDatagram>,
    /// Time between two signs of life: half of what is allowed.
    every: Option<Duration>,
}

impl Notifier {
    /// From `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
    pub(super) fn from_environment() -> Self {
        let variable = |name: &str| std::env::var(name).ok();
        let ours = variable("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
        let limit = variable("WATCHDOG_USEC").filter(|_| ours).and_then(|limit| limit.parse().ok());
        Self::new(variable("NOTIFY_SOCKET").as_deref(), limit.map(Duration::from_micros))
    }

    /// `address` is a path, or an abstract name after `@`. `limit`: the longest time between two signs of life.
    fn new(address: Option<&str>, limit: Option<Duration>) -> Self {
        let every = limit.filter(|limit| !limit.is_zero()).map(|limit| limit / 2);
        #[cfg(unix)]
        {
            let socket = address.and_then(|address| {
                connect(address).inspect_err(|error| tracing::warn!("NOTIFY_SOCKET={address}: {error}")).ok()
            });
            Self { socket, every }
        }
        #[cfg(not(unix))]
        {
            let _ = address;
            Self { every }
        }
    }

    /// Sends a state, such as `READY=1`.
    pub(super) fn send(&self, state: &str) {
        #[cfg(unix)]
        if let Some(socket) = &self.socket
            && let Err(error) = socket.send(state.as_bytes())
        {
            tracing::debug!("cannot send {state} to the service manager: {error}");
        }
        #[cfg(not(unix))]
        let _ = state;
    }

    /// Sends signs of life as long as `accepting` holds and the runtime runs tasks.
    pub(super) async fn keep_alive(&self, accepting: impl Fn() -> bool) {
        let Some(every) = self.every else { return };
        let mut tick = tokio::time::interval(every);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            if accepting() && tokio::spawn(tokio::task::yield_now()).await.is_ok() {
                self.send("WATCHDOG=1");
            }
        }
    }
}

#[cfg(unix)]
fn connect(address: &str) -> std::io::Result<std::os::unix::net::UnixDatagram> {
    use std::os::unix::net::UnixDatagram;
    let socket = UnixDatagram::unbound()?;
    // The server does not wait for its manager.
    socket.set_nonblocking(true)?;
    match address.strip_prefix('@') {
        #[cfg(target_os = "linux")]
        Some(name) => {
            use std::os::{linux::net::SocketAddrExt, unix::net::SocketAddr};
            socket.connect_addr(&SocketAddr::from_abstract_name(name)?)?;
        }
        _ => socket.connect(address)?,
    }
    Ok(socket)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::{cell::Cell, os::unix::net::UnixDatagram};

    const LIMIT: Duration = Duration::from_millis(20);

    fn manager(dir: &tempfile::TempDir) -> (UnixDatagram, Notifier) {
        let path = dir.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        (socket, Notifier::new(path.to_str(), Some(LIMIT)))
    }

    fn message(socket: &UnixDatagram) -> Option<String> {
        let mut bytes = [0; 64];
        socket.recv(&mut bytes).ok().map(|count| String::from_utf8(bytes[..count].to_vec()).unwrap())
    }

    #[test]
    fn states_reach_a_path_and_an_abstract_name() {
        let dir = tempfile::tempdir().unwrap();
        let (socket, notifier) = manager(&dir);
        notifier.send("READY=1");
        assert_eq!(message(&socket).unwrap(), "READY=1");
        #[cfg(target_os = "linux")]
        {
            use std::os::{linux::net::SocketAddrExt, unix::net::SocketAddr};
            let name = format!("auricle-test-{}", std::process::id());
            let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
            Notifier::new(Some(&format!("@{name}")), None).send("STOPPING=1");
            assert_eq!(message(&socket).unwrap(), "STOPPING=1");
        }
        // Without a manager, or with one that is gone, nothing happens.
        drop(socket);
        notifier.send("READY=1");
        Notifier::new(None, Some(LIMIT)).send("READY=1");
        Notifier::new(Some("/nowhere/at/all"), None).send("READY=1");
    }

    #[test]
    fn a_runtime_that_hangs_and_a_listener_that_ended_give_no_sign_of_life() {
        let dir = tempfile::tempdir().unwrap();
        let (socket, notifier) = manager(&dir);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let accepting = Cell::new(true);
        runtime.block_on(async {
            let wait = async || tokio::time::sleep(10 * LIMIT).await;
            tokio::select! { () = notifier.keep_alive(|| accepting.get()) => {}, () = wait() => {} }
            assert_eq!(message(&socket).unwrap(), "WATCHDOG=1");
            socket.set_nonblocking(true).unwrap();
            while message(&socket).is_some() {}
            accepting.set(false);
            tokio::select! { () = notifier.keep_alive(|| accepting.get()) => {}, () = wait() => {} }
            assert_eq!(message(&socket), None);
            accepting.set(true);
            let hang = async {
                // Only the first sign comes before this blocks the runtime's thread.
                tokio::task::yield_now().await;
                while message(&socket).is_some() {}
                std::thread::sleep(5 * LIMIT);
                assert_eq!(message(&socket), None);
            };
            tokio::select! { biased; () = notifier.keep_alive(|| accepting.get()) => {}, () = hang => {} }
        });
    }
}
