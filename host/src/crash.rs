//! The log's last lines, when a fatal signal ends the process: what was being called, and from where the signal came.

use auricle_plugin_api::host::on_crash;
use tracing::{Level, debug, enabled, error, warn};

/// Has crashes of this process logged. To be called once there is a log, before any engine is called.
pub fn log_crashes() {
    let installed = on_crash(|crash| {
        // The line that matters comes first: finding the frames' names may fail.
        error!("{crash}");
        if enabled!(Level::DEBUG) {
            debug!("crashed in {}", crash.frames().join(", called from "));
        }
    });
    if let Err(problem) = installed {
        warn!("a crash of an engine will not be logged: {problem}");
    }
}
