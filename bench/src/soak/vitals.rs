//! The server's usage: memory, open files, processes.

use crate::Done;
use auricle_plugin_test::server::Process;
use rustix::process::{Pid, Signal, kill_process};
use std::{fs, time::Duration};

/// The usage at a moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vitals {
    /// Minutes since the start.
    pub(super) minute: f64,
    /// Resident memory of the host, in MiB.
    pub(super) host: f64,
    /// Resident memory of all workers together, in MiB.
    pub(super) workers: f64,
    /// Number of open files of the host.
    pub(super) files: u32,
    /// Number of workers.
    pub(super) processes: u32,
    /// Percentiles of the delays of finals since the last measurement, in milliseconds.
    pub(super) p50: f64,
    pub(super) p99: f64,
}

impl Vitals {
    pub(super) fn of(host: &Process, since: Duration) -> Done<Self> {
        const MIB: f64 = (1 << 20) as f64;
        let workers = host.workers();
        let own = host.memory("VmRSS").ok_or("the host has ended")? as f64;
        let all = host.resident().ok_or("the host has ended")? as f64;
        Ok(Self {
            minute: since.as_secs_f64() / 60.0,
            host: own / MIB,
            workers: (all - own) / MIB,
            files: fs::read_dir(format!("/proc/{}/fd", host.pid()))?.count() as u32,
            processes: workers.len() as u32,
            p50: 0.0,
            p99: 0.0,
        })
    }
}

/// Growth of a value per hour: the slope of the regression line.
pub(super) fn slope(all: &[Vitals], value: fn(&Vitals) -> f64) -> f64 {
    let count = all.len() as f64;
    let (x, y) = (|v: &Vitals| v.minute / 60.0, value);
    let mean = |of: &dyn Fn(&Vitals) -> f64| all.iter().map(of).sum::<f64>() / count;
    let (mean_x, mean_y) = (mean(&x), mean(&y));
    let covariance: f64 = all.iter().map(|v| (x(v) - mean_x) * (y(v) - mean_y)).sum();
    let variance: f64 = all.iter().map(|v| (x(v) - mean_x).powi(2)).sum();
    if variance > 0.0 { covariance / variance } else { 0.0 }
}

/// Kills a process like the out-of-memory killer.
pub(super) fn kill(process: u32) {
    if let Some(pid) = i32::try_from(process).ok().and_then(Pid::from_raw) {
        // It may have ended already.
        let _ = kill_process(pid, Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_straight_line_has_its_slope() {
        let at = |minute: f64| Vitals {
            minute,
            host: 5.0 + minute,
            workers: 0.0,
            files: 1,
            processes: 1,
            p50: 0.0,
            p99: 0.0,
        };
        let all: Vec<_> = (0..10).map(|n| at(f64::from(n))).collect();
        assert!((slope(&all, |v| v.host) - 60.0).abs() < 1e-9);
        assert_eq!(slope(&all, |v| v.workers), 0.0);
    }
}
