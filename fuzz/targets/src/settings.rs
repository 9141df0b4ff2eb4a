//! Reads the text of `auricle.toml`.
//!
//! Checks: it is refused with a one-line error, or every wait in it is within a clock's range.

use crate::assert_one_line;
use auricle_core::times::wait;
use auricle_server::settings::Settings;
use std::time::Instant;

/// The target; see the module.
pub fn settings(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let settings = match Settings::parse(text) {
        Ok(settings) => settings,
        Err(problem) => return assert_one_line(problem),
    };
    let timeouts = &settings.timeouts;
    for seconds in [
        timeouts.start_seconds,
        timeouts.idle_seconds,
        timeouts.write_seconds,
        timeouts.call_seconds,
        timeouts.load_seconds,
        timeouts.probe_seconds,
        settings.limits.quarantine_seconds,
    ] {
        // A connection is checked four times within `idle_seconds`, and the interval of a timer must not be 0.
        assert!(!(wait(seconds) / 4).is_zero(), "{seconds}");
        assert!(Instant::now().checked_add(wait(seconds)).is_some(), "{seconds}");
    }
}
