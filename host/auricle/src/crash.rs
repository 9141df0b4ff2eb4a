//! Logs a fatal signal before it ends the process: the call that was running, and where the signal came from.

use auricle_plugin_api::host::on_crash;
use tracing::{Level, debug, enabled, error, warn};

/// Installs the crash handler. Call it once the log has started, before any engine is called.
///
/// `drain` waits until the log is written. The process ends when `drain` returns, or after the time that [`on_crash`]
/// gives it. In the latter case the line goes directly to standard error, if that accepts it.
pub(crate) fn log_crashes(drain: impl Fn() + Send + 'static) {
    let installed = on_crash(move |crash| {
        // The most important line comes first: resolving the frames' names may fail.
        error!("{crash}");
        drain();
        if enabled!(Level::DEBUG) {
            debug!("crashed in {}", crash.frames().join(", called from "));
            drain();
        }
    });
    if let Err(problem) = installed {
        warn!("a crash of an engine will not be logged: {problem}");
    }
}
