//! The journal: recognized text, written to disk if the settings enable it.
//!
//! Invariant: a segment is in its session's file before it is given to the client's connection. Written text survives a
//! crash of this process, and with `sync` also a crash of the machine. Files are only appended to, and only the
//! server's user can read them.
//!
//! Each session has one file of JSON lines: `start`, then `segment` and `reset`, then `end`. A file without `end` was
//! open when the server died, or still is. Threads: each session's writing task, and a blocking thread that deletes old
//! files.

mod sessions;

pub use sessions::{Session, SessionText, list, read};

use auricle_core::Event;
use auricle_engines::platform;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

/// The extension of journal files.
const SUFFIX: &str = "jsonl";

/// The settings `[journal]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalSettings {
    /// The directory; created with mode 0700.
    pub dir: PathBuf,
    /// Whether each write waits for the disk, so that text survives a crash of the machine.
    #[serde(default)]
    pub sync: bool,
    /// Days after which a session is deleted. If absent, sessions are kept.
    pub keep_days: Option<u32>,
}

/// A directory of session files.
#[derive(Debug)]
pub struct Journal {
    dir: PathBuf,
    sync: bool,
    keep: Option<Duration>,
}

/// A line of a session file. Times are in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Line {
    /// The first line.
    Start(Start),
    /// Final text.
    Segment(SessionText),
    /// A new epoch; times start at 0 again.
    Reset {
        /// The epoch's number, as in the protocol.
        epoch: u32,
    },
    /// The last line.
    End {
        /// `done`, or the code of a failure.
        outcome: String,
    },
}

/// The start of a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// The stream's id, as in the log.
    pub stream: String,
    /// The preset's name.
    pub preset: String,
    /// The engine's backend name.
    pub backend: String,
    /// The name of the client's API key.
    pub key: Option<String>,
    /// The time of the start: RFC 3339, UTC.
    pub time: String,
    /// The text between segments.
    pub separator: String,
}

impl Journal {
    /// Opens the directory, and creates it if necessary.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn open(settings: &JournalSettings) -> io::Result<Self> {
        let cannot = |error: io::Error| {
            io::Error::new(error.kind(), format!("journal {} (`journal.dir`): {error}", settings.dir.display()))
        };
        platform::make_private_dir(&settings.dir).map_err(cannot)?;
        tempfile::tempfile_in(&settings.dir).map_err(cannot)?;
        let keep = settings.keep_days.map(|days| Duration::from_secs(86_400 * u64::from(days)));
        Ok(Self { dir: settings.dir.clone(), sync: settings.sync, keep })
    }

    /// Creates the file of a session.
    ///
    /// # Errors
    /// The file cannot be created or written.
    pub fn begin(&self, start: Start, sample_rate: u32) -> io::Result<Recorder> {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        // The names sort by time.
        let path = self.dir.join(format!("{:013}-{}.{SUFFIX}", since.as_millis(), start.stream));
        let mut options = OpenOptions::new();
        options.append(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let recorder = Recorder { file: Mutex::new(options.open(path)?), sync: self.sync, sample_rate };
        recorder.write(&Line::Start(start))?;
        if self.sync {
            // Also write the directory entry to disk.
            tokio::task::block_in_place(|| File::open(&self.dir)?.sync_all())?;
        }
        Ok(recorder)
    }

    /// Deletes files that are older than `keep_days`.
    pub fn remove_old(&self) {
        let Some(keep) = self.keep else { return };
        let Ok(entries) = fs::read_dir(&self.dir) else { return };
        for path in entries.flatten().map(|entry| entry.path()).filter(|path| is_session(path)) {
            let changed = path.metadata().and_then(|metadata| metadata.modified());
            if changed.is_ok_and(|changed| changed.elapsed().is_ok_and(|age| age > keep))
                && let Err(error) = fs::remove_file(&path)
            {
                tracing::warn!(file = %path.display(), "an old session cannot be removed from the journal: {error}");
            }
        }
    }
}

fn is_session(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == SUFFIX)
}

/// Writes the file of one session.
#[derive(Debug)]
pub struct Recorder {
    file: Mutex<File>,
    sync: bool,
    sample_rate: u32,
}

impl Recorder {
    /// Writes an event that is about to be sent, of a channel if each has a transcript. Ignores kinds of events that are not kept.
    ///
    /// # Errors
    /// The file cannot be written. The event must not be sent then.
    pub fn note(&self, channel: Option<u16>, event: &Event) -> io::Result<()> {
        match event {
            Event::Segment(segment) => self.write(&Line::Segment(SessionText::new(channel, segment, self.sample_rate))),
            Event::Ready { epoch } if *epoch > 0 => self.write(&Line::Reset { epoch: *epoch }),
            Event::Done(_) => self.write(&Line::End { outcome: "done".into() }),
            Event::Failed(failure) => self.write(&Line::End { outcome: failure.code.name() }),
            _ => Ok(()),
        }
    }

    fn write(&self, line: &Line) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let write = || file.write_all(&bytes).and_then(|()| if self.sync { file.sync_data() } else { Ok(()) });
        if self.sync {
            // The disk is slow: let the other tasks of this thread continue elsewhere.
            tokio::task::block_in_place(write)
        } else {
            let mut write = write;
            write()
        }
    }
}
