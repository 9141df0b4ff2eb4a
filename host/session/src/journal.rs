//! What was said, kept on disk: only where the settings ask for it.
//!
//! Invariant: a segment is in its stream's file before it is given to the client's connection. What was written survives
//! the death of this process; the death of the machine too, where each write waits for the disk (`sync`). A file is only
//! ever appended to, and nobody but the server's user can read it.
//!
//! One file a stream, of JSON lines: `start`, then `segment` and `reset` as they come, then `end`; a stream without `end`
//! was open when the server died. Threads: each stream's writing task; one that removes old files now and then.

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

/// How a journal's file ends.
const SUFFIX: &str = "jsonl";

/// What was said, kept on disk: `[journal]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalSettings {
    /// The directory, of mode 0700.
    pub dir: PathBuf,
    /// Each write waits for the disk, so that it survives the machine, not only the server.
    #[serde(default)]
    pub sync: bool,
    /// Days after which a session is removed; never unless given.
    pub keep_days: Option<u32>,
}

/// A directory of sessions.
#[derive(Debug)]
pub struct Journal {
    dir: PathBuf,
    sync: bool,
    keep: Option<Duration>,
}

/// A line of a session's file. Times are seconds, as clients see them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Line {
    /// The first one.
    Start(Start),
    /// Final text.
    Segment(SessionText),
    /// Times start at 0 again, in this epoch.
    Reset {
        /// As clients see it.
        epoch: u32,
    },
    /// The last one: `done`, or the code of a failure.
    End {
        /// How.
        outcome: String,
    },
}

/// Who began what and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// The stream's id, as in the log.
    pub stream: String,
    /// Its preset.
    pub preset: String,
    /// Its engine.
    pub backend: String,
    /// The name of the client's API key.
    pub key: Option<String>,
    /// RFC 3339, UTC.
    pub time: String,
    /// Joins segments' texts.
    pub separator: String,
}

impl Journal {
    /// Opens the directory, made if need be.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn open(settings: &JournalSettings) -> io::Result<Self> {
        let cannot = |error: io::Error| {
            io::Error::new(error.kind(), format!("journal {} (`journal.dir`): {error}", settings.dir.display()))
        };
        platform::make_private_dir(&settings.dir).map_err(cannot)?;
        tempfile::tempfile_in(&settings.dir).map_err(cannot)?;
        let keep = settings.keep_days.map(|days| Duration::from_secs(86_400 * u64::from(days)));
        Ok(Self { dir: settings.dir.clone(), sync: settings.sync, keep })
    }

    /// Begins a session's file.
    ///
    /// # Errors
    /// The system's.
    pub fn begin(&self, start: Start, sample_rate: u32) -> io::Result<Recorder> {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        // Sorted by name they are sorted by time.
        let path = self.dir.join(format!("{:013}-{}.{SUFFIX}", since.as_millis(), start.stream));
        let mut options = OpenOptions::new();
        options.append(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let recorder = Recorder { file: Mutex::new(options.open(path)?), sync: self.sync, sample_rate };
        recorder.write(&Line::Start(start))?;
        if self.sync {
            // The file's name, too.
            tokio::task::block_in_place(|| File::open(&self.dir)?.sync_all())?;
        }
        Ok(recorder)
    }

    /// Removes what is older than it may be kept.
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

/// Writes one session.
#[derive(Debug)]
pub struct Recorder {
    file: Mutex<File>,
    sync: bool,
    sample_rate: u32,
}

impl Recorder {
    /// Notes an event that is about to be told; those that are not to be kept are passed over.
    ///
    /// # Errors
    /// The system's: what is not written must not be told.
    pub fn note(&self, event: &Event) -> io::Result<()> {
        match event {
            Event::Segment(segment) => self.write(&Line::Segment(SessionText::new(segment, self.sample_rate))),
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
            // The disk takes its time; others on this thread need not wait for it.
            tokio::task::block_in_place(write)
        } else {
            let mut write = write;
            write()
        }
    }
}
