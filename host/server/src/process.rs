//! Metrics of the server's own process, under the names that all Prometheus clients use. Linux only; elsewhere there are
//! none. Workers are not included: `auricle_worker_memory_bytes` is theirs.

use prometheus_client::registry::Registry;

/// Measures the process and adds the metrics.
#[cfg(not(target_os = "linux"))]
pub(super) fn measure(_: &mut Registry) {}

/// Measures the process and adds the metrics. What cannot be read is left out.
#[cfg(target_os = "linux")]
pub(super) fn measure(all: &mut Registry) {
    use linux::{Stat, open_files, started};
    use prometheus_client::{
        metrics::{counter::Counter, gauge::Gauge},
        registry::Unit,
    };
    use rustix::process::{Resource, getrlimit};
    use std::sync::atomic::AtomicU64;

    let gauge = |value: u64| {
        let gauge = Gauge::<i64>::default();
        gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        gauge
    };
    if let Some(stat) = Stat::read() {
        let cpu = Counter::<f64, AtomicU64>::default();
        cpu.inc_by(stat.cpu_seconds);
        all.register_with_unit("process_cpu", "Processor time of the server's process", Unit::Seconds, cpu);
        let (resident, of_addresses) = (gauge(stat.resident), gauge(stat.addresses));
        all.register_with_unit("process_resident_memory", "Resident memory", Unit::Bytes, resident);
        all.register_with_unit("process_virtual_memory", "Size of the address space", Unit::Bytes, of_addresses);
        if let Some(time) = started(&stat) {
            let start = Gauge::<f64, AtomicU64>::default();
            start.set(time);
            all.register_with_unit("process_start_time", "When the process started, since 1970", Unit::Seconds, start);
        }
    }
    if let Some(count) = open_files() {
        all.register("process_open_fds", "Open file descriptors", gauge(count));
    }
    if let Some(limit) = getrlimit(Resource::Nofile).current {
        all.register("process_max_fds", "Limit of open file descriptors", gauge(limit));
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use rustix::param::{clock_ticks_per_second, page_size};
    use std::fs;

    /// From proc_pid_stat(5). Sizes are in bytes.
    pub(super) struct Stat {
        pub(super) cpu_seconds: f64,
        /// Seconds from the start of the system.
        started: f64,
        pub(super) addresses: u64,
        pub(super) resident: u64,
    }

    impl Stat {
        pub(super) fn read() -> Option<Self> {
            let stat = fs::read_to_string("/proc/self/stat").ok()?;
            // After the name, which may contain any characters.
            let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
            let number = |field: usize| fields.get(field)?.parse::<u64>().ok();
            let seconds = |ticks: u64| ticks as f64 / clock_ticks_per_second() as f64;
            Some(Self {
                cpu_seconds: seconds(number(11)? + number(12)?),
                started: seconds(number(19)?),
                addresses: number(20)?,
                resident: number(21)? * page_size() as u64,
            })
        }
    }

    /// When the process started, in seconds since 1970.
    pub(super) fn started(stat: &Stat) -> Option<f64> {
        let system = fs::read_to_string("/proc/stat").ok()?;
        let boot: f64 = system.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
        Some(boot + stat.started)
    }

    /// The number of open file descriptors, without the one that counts them.
    pub(super) fn open_files() -> Option<u64> {
        Some(fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1) as u64)
    }
}
