//! The log's last lines, when a fatal signal ends the process: what was being called, and from where the signal came.

use auricle_plugin_api::host::on_crash;
use tracing::{Level, debug, enabled, error, warn};

/// Has crashes of this process logged. To be called once there is a log, before any engine is called.
///
/// `drain` waits until what was logged is written: the process ends when it returns, or where it does not, after the time
/// that [`on_crash`] gives it. The line is then written to standard error without the log, if that takes it.
pub(crate) fn log_crashes(drain: impl Fn() + Send + 'static) {
    let installed = on_crash(move |crash| {
        // The line that matters comes first: finding the frames' names may fail.
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
