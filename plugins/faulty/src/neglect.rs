//! Clauses of the contract that the engine neglects, without an error or a crash: field `neglect`.

use crate::fault::names;
use auricle_plugin_api::{Config, Error, Metadata, Replay, Segment};
use std::{
    hint::black_box,
    mem::forget,
    net::UdpSocket,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    thread,
    time::Duration,
};

/// Models loaded, processors created, processors alive, processors dropped, and metadata asked for, in this process.
static LOADED: AtomicU64 = AtomicU64::new(0);
static CREATED: AtomicU64 = AtomicU64::new(0);
static ALIVE: AtomicU64 = AtomicU64::new(0);
static DROPPED: AtomicU64 = AtomicU64::new(0);
static ASKED: AtomicU64 = AtomicU64::new(0);
/// Whether the loader answers all requests.
static ANSWERS: AtomicBool = AtomicBool::new(false);

names! {
    /// A neglected clause.
    Neglect {
        None = "none",
        /// `init` keeps the state.
        Reset = "reset",
        /// `init` ignores the offset.
        Offset = "offset",
        /// Offsets are kept in 32 bits.
        FarOffset = "far-offset",
        /// A second `init` is an error.
        InitTwice = "init-twice",
        /// The text depends on the thread.
        Thread = "thread",
        /// The text depends on other streams.
        Others = "others",
        /// The text depends on streams before.
        Repeated = "again",
        /// The text depends on the models loaded before.
        Loads = "loads",
        /// The text depends on streams that were dropped.
        Dropped = "dropped",
        /// Only one stream is accepted at a time, although the metadata allow two.
        OneStream = "one-stream",
        /// `finish` reports nothing.
        LastWords = "last-words",
        /// `finish` reports text without audio.
        Empty = "empty",
        /// A short last chunk is an error.
        Short = "short",
        /// The end without new audio is an error.
        WholeChunks = "whole-chunks",
        /// Silence is an error.
        Silence = "silence",
        /// A sample above half of full scale is an error.
        Loud = "loud",
        /// A sample that is not finite is a panic.
        NotFinite = "not-finite",
        /// A chunk of another length is an error.
        AnyChunks = "any-chunks",
        /// A call without audio, and one after `finish`, is a panic.
        Calls = "calls",
        /// The last decode takes long and does not ask whether it is cancelled.
        Cancelled = "cancelled",
        /// Streams of a batch beyond the first fail.
        Batch = "batch",
        /// The end in a batch is ignored.
        BatchEnds = "batch-ends",
        Blank = "blank",
        Control = "control",
        /// Metadata that are wrong: claims, limits, names.
        Claims = "claims",
        Limits = "limits",
        Languages = "languages",
        Capabilities = "capabilities",
        /// The metadata differ at each call.
        Metadata = "metadata",
        /// A second model is an error.
        SecondModel = "second-model",
        /// Each load leaves memory behind.
        Unload = "unload",
        /// Errors do not name the field.
        Errors = "errors",
        /// Fields that the schema does not list cause a panic.
        UnknownField = "unknown-field",
        /// Restart points are reported but not claimed.
        ReplayClaim = "replay-claim",
        /// `restore` forgets what follows.
        Restore = "restore",
        /// A state holds for one model only.
        OtherModel = "other-model",
        /// A state that is not its own causes a panic.
        SpoiltState = "spoilt-state",
        /// Restart points do not count the offset.
        PointOffset = "point-offset",
        /// Restart points go back.
        PointOrder = "point-order",
        /// No restart points, but `restore` succeeds.
        Supported = "supported",
        /// Unknown requests get an answer.
        Extension = "extension",
        /// The files are named by relative paths.
        Files = "files",
        /// The model needs a socket.
        Socket = "socket",
        /// The model needs the working directory.
        Directory = "directory",
        /// Each chunk is logged.
        Log = "log",
        /// Each stream leaves a thread behind.
        Threads = "threads",
    }
}

impl Neglect {
    pub(crate) fn of(config: &Config) -> Result<Self, Error> {
        Self::read(config, "neglect")
    }

    /// When a model is loaded.
    pub(crate) fn load(self) -> Result<(), Error> {
        let loaded = LOADED.fetch_add(1, Relaxed);
        match self {
            Self::Extension => ANSWERS.store(true, Relaxed),
            Self::SecondModel if loaded > 0 => return Err(Error::other("there is a model already")),
            Self::Unload => forget(black_box(vec![1u8; 16 << 20])),
            Self::Socket => drop(UdpSocket::bind("127.0.0.1:0")?),
            Self::Directory if std::env::current_dir()?.parent().is_none() => {
                return Err(Error::other("this is not the directory where it works"));
            }
            _ => {}
        }
        Ok(())
    }

    /// What the metadata say instead.
    pub(crate) fn metadata(self, mut metadata: Metadata) -> Metadata {
        match self {
            Self::Claims => metadata.capabilities = vec!["word-times".into()],
            Self::Limits => metadata.max_batch = 0,
            Self::Languages => metadata.languages = vec!["the English one".into()],
            Self::Capabilities => metadata.capabilities = vec!["two words".into()],
            Self::Metadata => metadata.separator = " ".repeat(1 + ASKED.fetch_add(1, Relaxed) as usize % 2),
            Self::ReplayClaim | Self::Supported => metadata.replay = Replay::None,
            Self::OneStream => metadata.max_streams = Some(2),
            _ => {}
        }
        metadata
    }

    /// When a processor is created.
    pub(crate) fn create(self) -> Result<(), Error> {
        CREATED.fetch_add(1, Relaxed);
        if self == Self::OneStream && ALIVE.load(Relaxed) > 0 {
            return Err(Error::other("there is a stream already"));
        }
        if self == Self::Threads {
            thread::spawn(|| thread::sleep(Duration::from_secs(3_600)));
        }
        ALIVE.fetch_add(1, Relaxed);
        Ok(())
    }

    /// When a processor is dropped.
    pub(crate) fn forget(self) {
        ALIVE.fetch_sub(1, Relaxed);
        DROPPED.fetch_add(1, Relaxed);
    }

    /// Whether a loader answers, which has no configuration of its own.
    pub(crate) fn answers() -> bool {
        ANSWERS.load(Relaxed)
    }

    /// The offset that `init` uses.
    pub(crate) fn offset(self, offset: u64) -> u64 {
        match self {
            Self::Offset => 0,
            Self::FarOffset => u64::from(offset as u32),
            _ => offset,
        }
    }

    /// Whether the samples of a chunk are accepted.
    pub(crate) fn hear(self, samples: &[f32], chunk: usize) -> Result<(), Error> {
        let refused = match self {
            Self::Short => samples.len() < chunk,
            Self::AnyChunks => samples.len() > chunk,
            Self::Silence => samples.len() == chunk && samples.iter().all(|sample| *sample == 0.0),
            Self::Loud => samples.iter().any(|sample| sample.abs() > 0.5),
            Self::NotFinite => {
                assert!(samples.iter().all(|sample| sample.is_finite()), "a sample is not finite");
                false
            }
            _ => false,
        };
        if self == Self::Log {
            tracing::info!(samples = samples.len(), "a chunk");
        }
        if refused { Err(Error::other("this audio is not what it expects")) } else { Ok(()) }
    }

    /// Changes a text that is reported.
    pub(crate) fn text(self, segment: Segment) -> Segment {
        let about = match self {
            Self::Thread => format!("{:?}", thread::current().id()),
            Self::Others => ALIVE.load(Relaxed).to_string(),
            Self::Repeated => CREATED.load(Relaxed).to_string(),
            Self::Loads => LOADED.load(Relaxed).to_string(),
            Self::Dropped => (DROPPED.load(Relaxed) > 1).to_string(),
            Self::Control => "\n".into(),
            Self::Blank => return Segment::new(segment.start, segment.end, "  "),
            _ => return segment,
        };
        Segment::new(segment.start, segment.end, format!("{} {about}", segment.text()))
    }
}
