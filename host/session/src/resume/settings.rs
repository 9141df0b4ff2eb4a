//! How sessions wait for clients that resume them, and where their points are stored.

use serde::Deserialize;
use std::path::PathBuf;

/// How sessions wait for their clients.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResumeSettings {
    /// Seconds that a session waits without a connection. With 0, none can be resumed.
    pub seconds: f64,
    /// Number of sessions that may wait. If there are more, the one that has waited longest can no longer be resumed.
    pub max_streams: usize,
    /// The directory of stored points, from which streams are continued after this process has died; none by default. Created
    /// with mode 0700.
    pub dir: Option<PathBuf>,
    /// Whether each write waits for the disk, so that a point survives a crash of the machine.
    pub sync: bool,
    /// Seconds between two points of a stream.
    pub store_seconds: f64,
    /// Seconds that the points of a process that has died are kept.
    pub keep_seconds: f64,
    /// The largest size of all points, in MiB.
    pub max_megabytes: u64,
    /// The largest number of points.
    pub max_points: usize,
}

impl Default for ResumeSettings {
    fn default() -> Self {
        Self {
            seconds: 60.0,
            max_streams: 1_000,
            dir: None,
            sync: false,
            store_seconds: 5.0,
            keep_seconds: 3_600.0,
            max_megabytes: 256,
            max_points: 10_000,
        }
    }
}
