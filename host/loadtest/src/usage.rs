//! Reads the processor time and resident memory of processes and their children. Linux only; elsewhere the functions
//! return `None`.

use std::fs;
use tokio::time::Instant;

/// Usage of a process and its children at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    at: Instant,
    /// Processor time so far, in seconds.
    cpu: f64,
    /// Resident memory, in bytes.
    pub(super) memory: u64,
    /// Number of processes.
    pub(super) processes: usize,
}

impl Usage {
    /// Usage of a process and its descendants; `None` if there is no such process.
    pub fn of(pid: u32) -> Option<Self> {
        let mut usage = Self { at: Instant::now(), cpu: cpu(pid)?, memory: 0, processes: 0 };
        let mut family = vec![pid];
        let all = relations();
        let mut next = 0;
        while let Some(&parent) = family.get(next) {
            family.extend(all.iter().filter(|(_, of)| *of == parent).map(|(child, _)| *child));
            next += 1;
        }
        // Processes that have ended in the meantime are skipped.
        usage.cpu = family.iter().filter_map(|pid| cpu(*pid)).sum();
        usage.memory = family.iter().filter_map(|pid| memory(*pid)).sum();
        usage.processes = family.len();
        Some(usage)
    }

    /// Usage of this process.
    pub(super) fn own() -> Option<Self> {
        let pid = std::process::id();
        Some(Self { at: Instant::now(), cpu: cpu(pid)?, memory: memory(pid)?, processes: 1 })
    }

    /// Processor time since `earlier`, in seconds. That of processes which have ended since then is missing.
    pub fn seconds_since(&self, earlier: &Self) -> f64 {
        (self.cpu - earlier.cpu).max(0.0)
    }

    /// Average number of busy processors since `earlier`.
    pub(super) fn cores_since(&self, earlier: &Self) -> f64 {
        (self.cpu - earlier.cpu) / self.at.duration_since(earlier.at).as_secs_f64().max(1e-9)
    }
}

/// Processor time of a process so far, in seconds.
fn cpu(pid: u32) -> Option<f64> {
    let stat = stat(pid)?;
    let ticks = |field: usize| stat.get(field)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / ticks_per_second())
}

/// Resident memory of a process, in bytes.
fn memory(pid: u32) -> Option<u64> {
    Some(stat(pid)?.get(21)?.parse::<u64>().ok()? * page_size())
}

/// The fields of proc_pid_stat(5) after the name, which may contain any characters.
fn stat(pid: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(stat.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

#[cfg(unix)]
fn page_size() -> u64 {
    rustix::param::page_size() as u64
}

#[cfg(not(unix))]
fn page_size() -> u64 {
    4_096
}

#[cfg(unix)]
fn ticks_per_second() -> f64 {
    rustix::param::clock_ticks_per_second() as f64
}

#[cfg(not(unix))]
fn ticks_per_second() -> f64 {
    100.0
}

/// All processes with their parents.
fn relations() -> Vec<(u32, u32)> {
    let parent = |pid: &u32| -> Option<u32> { stat(*pid)?.get(1)?.parse().ok() };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Some((pid, parent(&pid)?))).collect()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::{
        io::{BufRead, BufReader},
        process::{Command, Stdio},
    };

    #[test]
    fn children_count() {
        // A shell, and a shell that it starts.
        let script = "sh -c 'echo there; read line; :'; :";
        let mut shell =
            Command::new("sh").args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(shell.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let usage = Usage::of(shell.id()).unwrap();
        shell.kill().unwrap();
        shell.wait().unwrap();
        assert_eq!((line.trim(), usage.processes), ("there", 2));
        assert!(usage.memory > 0);
        assert!(Usage::of(shell.id()).is_none());
    }

    #[test]
    fn work_takes_time() {
        let before = Usage::own().unwrap();
        let after = loop {
            let now = Usage::own().unwrap();
            if now.cpu > before.cpu {
                break now;
            }
        };
        assert!(after.cores_since(&before) > 0.0 && after.memory > 0);
    }
}
