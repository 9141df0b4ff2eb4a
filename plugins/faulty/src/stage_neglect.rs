//! Clauses of the contract that the stage neglects: its field `neglect`. Without one it breaks none.

use crate::fault::names;
use auricle_plugin_api::{Config, Error, Segment, StageEvent, StageMetadata, StageSink, Turn, TurnChange, Word};
use std::{
    hint::black_box,
    mem::forget,
    net::UdpSocket,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread::{self, ThreadId},
    time::Duration,
};

/// Stages that were loaded, and streams that were created, are alive and were dropped, in this process.
static LOADED: AtomicU64 = AtomicU64::new(0);
static CREATED: AtomicU64 = AtomicU64::new(0);
static ALIVE: AtomicU64 = AtomicU64::new(0);
static DROPPED: AtomicU64 = AtomicU64::new(0);

names! {
    /// A neglected clause.
    StageNeglect {
        None = "none",
        /// Loading is an error, a panic, or the end of the process.
        LoadError = "load-error",
        LoadPanic = "load-panic",
        LoadExit = "load-exit",
        /// The delay is negative.
        Delay = "delay",
        /// Metadata differ from load to load.
        Metadata = "metadata",
        /// No model has the sample rate.
        Rate = "rate",
        /// A capability is no name.
        Capabilities = "capabilities",
        /// A second stage in a process is an error.
        Second = "second",
        /// Errors do not name the field.
        Errors = "errors",
        /// A field that is not in the schema is a panic.
        UnknownField = "unknown-field",
        /// Requests that nobody knows are answered.
        Extension = "extension",
        /// A path is relative.
        Files = "files",
        /// `finish` reports text without audio.
        Empty = "empty",
        /// Silence is an error.
        Silence = "silence",
        /// A sample that is not finite is a panic.
        NotFinite = "not-finite",
        /// Texts depend on how the audio is cut.
        Pieces = "pieces",
        /// Texts depend on the streams before.
        Repeated = "again",
        /// Texts depend on other streams.
        Others = "others",
        /// Texts depend on the thread.
        Thread = "thread",
        /// Texts depend on streams that were dropped.
        Dropped = "dropped",
        /// `init` keeps the state.
        Reset = "reset",
        /// `init` ignores the offset.
        Offset = "offset",
        /// The end of a turn is an error.
        EndTurn = "end-turn",
        /// An event lies ahead of the audio.
        Ahead = "ahead",
        /// Texts overlap.
        Order = "order",
        /// Texts are not UTF-8.
        Utf8 = "utf8",
        /// Texts are very long.
        Size = "size",
        /// The metadata do not say that text is changed.
        Changes = "changes",
        /// Turns are reported without the capability.
        Turns = "turns",
        /// `save` forgets what is withheld.
        Save = "save",
        /// `restore` forgets what was withheld.
        Restore = "restore",
        /// A state is good for one loaded stage only.
        OtherStage = "other-stage",
        /// The state is larger than servers accept.
        StateSize = "state-size",
        /// An invalid state is a panic.
        SpoiltState = "spoilt-state",
        /// Lines on standard output.
        Prints = "prints",
        /// A socket is opened.
        Socket = "socket",
        /// Much is logged.
        Log = "log",
        /// Audio takes long.
        Slow = "slow",
        /// Memory grows with the audio.
        Leak = "leak",
        /// Memory is left behind by each stream.
        Leftovers = "leftovers",
    }
}

impl StageNeglect {
    /// What goes wrong while the stage is loaded. Returns its number.
    pub(crate) fn load(self) -> Result<u64, Error> {
        let number = LOADED.fetch_add(1, Relaxed);
        match self {
            Self::LoadError => Err(Error::other("the error asked for")),
            Self::LoadPanic => panic!("the panic asked for"),
            Self::LoadExit => std::process::exit(3),
            Self::Second if number > 0 => Err(Error::other("there is a stage already")),
            _ => Ok(number),
        }
    }

    pub(crate) fn metadata(self, number: u64) -> StageMetadata {
        let sound = StageMetadata::new().changes_text();
        match self {
            Self::Delay => sound.delay(-1.0),
            Self::Metadata => sound.delay(number as f64),
            Self::Rate => sound.sample_rate(7),
            Self::Capabilities => sound.capabilities(["two words"]),
            Self::Changes => StageMetadata::new(),
            _ => sound,
        }
    }

    /// The error as it is, or without its field.
    pub(crate) fn told(self, error: Error) -> Error {
        if self == Self::Errors { Error::other("something is wrong") } else { error }
    }
}

/// What a neglectful stream needs to know.
pub(crate) struct Sloppy {
    pub(crate) neglect: StageNeglect,
    /// The pieces of audio, and the texts, since `init`.
    pieces: u64,
    texts: u64,
    start: u64,
    /// The streams that were created, and dropped, before.
    number: u64,
    dropped: u64,
    thread: ThreadId,
}

impl Drop for Sloppy {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Relaxed);
        DROPPED.fetch_add(1, Relaxed);
        if self.neglect == StageNeglect::Leftovers {
            forget(black_box(vec![1_u8; 1 << 20]));
        }
    }
}

impl Sloppy {
    pub(crate) fn new(neglect: StageNeglect) -> Self {
        ALIVE.fetch_add(1, Relaxed);
        Self {
            neglect,
            pieces: 0,
            texts: 0,
            start: 0,
            number: CREATED.fetch_add(1, Relaxed),
            dropped: DROPPED.load(Relaxed),
            thread: thread::current().id(),
        }
    }

    pub(crate) fn init(&mut self, offset: u64) {
        self.pieces = 0;
        if self.neglect != StageNeglect::Reset {
            self.texts = 0;
        }
        self.start = offset;
    }

    pub(crate) fn audio(&mut self, samples: &[f32]) -> Result<(), Error> {
        self.pieces += 1;
        match self.neglect {
            StageNeglect::Silence if samples.iter().all(|sample| *sample == 0.0) => {
                return Err(Error::other("the audio is silent"));
            }
            StageNeglect::NotFinite if samples.iter().any(|sample| !sample.is_finite()) => {
                panic!("a sample is not finite")
            }
            StageNeglect::Prints => println!("heard {} samples", samples.len()),
            StageNeglect::Socket => drop(UdpSocket::bind("127.0.0.1:0")?),
            StageNeglect::Log => tracing::info!("heard {} samples", samples.len()),
            StageNeglect::Slow => thread::sleep(Duration::from_millis(20)),
            StageNeglect::Leak => forget(black_box(vec![1_u8; 10_000])),
            _ => {}
        }
        Ok(())
    }

    /// A final text as it is reported.
    pub(crate) fn text(&mut self, mut text: Segment, sink: &mut StageSink<'_>) -> Segment {
        self.texts += 1;
        let with =
            |text: &Segment, number: u64| Segment::new(text.start, text.end, format!("{} {number}", text.text()));
        match self.neglect {
            StageNeglect::Pieces => text = with(&text, self.pieces),
            StageNeglect::Repeated => text = with(&text, self.number),
            StageNeglect::Others => text = with(&text, ALIVE.load(Relaxed)),
            StageNeglect::Thread => text = with(&text, u64::from(thread::current().id() == self.thread)),
            StageNeglect::Dropped => text = with(&text, self.dropped),
            StageNeglect::Reset => text = with(&text, self.texts),
            StageNeglect::Offset => (text.start, text.end) = (text.start - self.start, text.end - self.start),
            StageNeglect::Ahead => sink.event(&StageEvent::Endpoint(u64::MAX)),
            StageNeglect::Order => text.start = self.start,
            StageNeglect::Utf8 => text.words = vec![Word::new(text.start, text.end, b"caf\xe9")],
            StageNeglect::Size => text = Segment::new(text.start, text.end, "long ".repeat(20_000)),
            StageNeglect::Turns => sink.turn(Turn::new(text.start, TurnChange::Started)),
            _ => {}
        }
        text
    }
}

/// Whether a configuration has fields that the schema does not list.
pub(crate) fn has_unknown(config: &Config, known: &[&str]) -> bool {
    config.fields().keys().any(|name| !known.contains(&name.as_str()))
}
