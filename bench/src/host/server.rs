//! The hosts in the benchmarks, and the usage of their processes.

use crate::Done;
use auricle_plugin_test::server::{Process, Setup};
use std::fs;

/// No stream is closed for being slow, and none is refused: that is not what is measured.
pub(crate) const SETTINGS: &str = "[limits]
max_streams = 100000
max_lag_seconds = 3600.0
report_lag_seconds = 3600.0
max_backlog_seconds = 3600.0
max_shared_backlog_seconds = 1_000_000.0
";

/// A host with these settings and presets (name and text), and an empty plugin directory. It logs only errors.
pub(crate) fn setup(settings: &str, presets: &[(&str, &str)]) -> Done<Setup> {
    let mut setup = Setup::new().exact_settings(settings).log("error");
    for (name, text) in presets {
        setup = setup.preset(name, &serde_json::from_str(text)?);
    }
    Ok(setup)
}

/// Processor time of a server and its worker processes so far, in seconds.
pub(crate) fn cpu_with_workers(server: &Process) -> Done<f64> {
    let mut sum = cpu(server.pid())?;
    for worker in server.workers() {
        sum += cpu(worker)?;
    }
    Ok(sum)
}

/// Processor time of a process so far, in seconds.
pub(crate) fn cpu(process: u32) -> Done<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The program's name, in parentheses, may contain anything.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |n: usize| fields.get(n).and_then(|field| field.parse::<u64>().ok()).ok_or("/proc/PID/stat");
    Ok((ticks(11)? + ticks(12)?) as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// Processor time of the threads that a process has now, in nanoseconds: finer than [`cpu`].
pub(crate) fn cpu_nanoseconds(process: u32) -> Done<u64> {
    let mut sum = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let figures = fs::read_to_string(thread?.path().join("schedstat"))?;
        sum += figures.split(' ').next().ok_or("/proc/PID/task/TID/schedstat")?.parse::<u64>()?;
    }
    Ok(sum)
}
