//! The parts of a row in the matrix.

use auricle_core::FailureCode;
use serde_json::Value;

/// A fault and its consequences, for an engine in the server's own process and for one in a worker.
pub(crate) struct Case {
    /// Name of the fault.
    pub(crate) fault: &'static str,
    /// The call, or the time.
    pub(crate) place: &'static str,
    pub(crate) how: How,
    pub(crate) in_process: Cell,
    pub(crate) worker: Cell,
}

/// How a fault is provoked.
pub(crate) enum How {
    /// By fields of the stream.
    Stream(Value),
    /// By fields of a model that no other stream uses. The model is unloaded after the stream has ended.
    Model(Value),
    /// By fields of a model of an engine in C++, with this backend; as [`How::Model`].
    Cpp(&'static str, Value),
    /// By an act while the stream is open, and by fields of the stream.
    Act(Act, Value),
}

/// A disturbance of a running server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    KillWorkers,
    StopWorker,
    DeletePlugin,
    OverwritePlugin,
    ReplacePlugin,
    /// The server is limited to 4 GiB of addresses; the stream uses them up.
    LimitAddresses,
    FillDisk,
    /// The server has few file descriptors, and connections use them up.
    Connect,
    /// A preset of the engine `onnx` whose model is truncated.
    CutModel,
    /// The log, at level `trace` as in the next two, is a pipe whose reader is closed.
    CloseLog,
    /// The log is a full pipe whose reader does not read.
    BlockLog,
    /// The log is a file on a full disk.
    FillLog,
    /// A signal to the server and to all of its workers.
    SignalAll(&'static str),
    /// A signal to the workers only.
    SignalWorkers(&'static str),
    /// The connection ends; the client resumes its stream, as in the next ones.
    CutConnection,
    /// Nothing comes over the connection any more, but it stays open.
    HalfOpen,
    /// The store of points takes none.
    FullStore,
    /// The directory of points is removed.
    LoseStore,
    /// The stored points are changed.
    DamagePoints,
    /// The clock is set forward or back.
    SetClock(&'static str),
    /// A signal to the engine host of the stream, which is on a front with two of them, as in the next one.
    SignalEngineHost(&'static str),
    /// All engine hosts are killed, and one is started again.
    LoseEngineHosts,
}

impl Act {
    /// Whether the server is a front with two engine hosts.
    pub(crate) fn is_of_a_cluster(self) -> bool {
        matches!(self, Self::SignalEngineHost(_) | Self::LoseEngineHosts)
    }

    /// Whether the stream is resumed in another connection.
    pub(crate) fn is_resumed(self) -> bool {
        matches!(
            self,
            Self::CutConnection
                | Self::HalfOpen
                | Self::FullStore
                | Self::LoseStore
                | Self::DamagePoints
                | Self::SetClock(_)
        )
    }
}

/// Where the engine's code runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    InProcess,
    Worker,
}

/// The consequences of a fault in one of the columns.
pub(crate) struct Cell {
    pub(crate) outcome: Outcome,
    /// Texts that a single line of the log contains.
    pub(crate) log: &'static [&'static str],
    /// Additional information for the page.
    pub(crate) note: &'static str,
    /// Whether the server is changed permanently: it is not used for another row.
    pub(crate) spoilt: bool,
    /// Whether the server accepts no new connections afterwards.
    pub(crate) deaf: bool,
}

/// The consequences for the stream with the fault.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The client gets the complete text and nothing else.
    Whole,
    /// The client gets the complete text, and this corrected form of the engine's invalid text.
    Sanitised(&'static str),
    /// The stream is closed with this code. The message, or the log, contains the text. Earlier events have arrived.
    Closed(FailureCode, &'static str),
    /// All clients get the complete text; then the server, which was asked to stop, exits with status 0.
    Stops,
    /// The server ends.
    Ends(Ending),
    /// The fault does not exist in this column.
    Nothing,
}

/// How the server's process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Signal(&'static str, i32),
    Status(i32),
}

impl Case {
    pub(crate) fn cell(&self, column: Column) -> &Cell {
        match column {
            Column::InProcess => &self.in_process,
            Column::Worker => &self.worker,
        }
    }

    /// Whether the fault exists in this column.
    pub(crate) fn exists(&self, column: Column) -> bool {
        self.cell(column).outcome != Outcome::Nothing
    }

    /// Whether the server needs a short time limit for calls. Other cases must not fail because a machine is busy.
    pub(crate) fn does_not_return(&self) -> bool {
        match &self.how {
            How::Stream(fields) => matches!(fields["fault"].as_str(), Some("hang" | "spin")),
            How::Model(_) | How::Cpp(..) => false,
            How::Act(act, _) => *act == Act::StopWorker,
        }
    }

    /// Whether it can share a server with the other rows of its chapter.
    pub(crate) fn shares(&self, column: Column) -> bool {
        let cell = self.cell(column);
        !matches!(self.how, How::Act(..)) && !matches!(cell.outcome, Outcome::Ends(_)) && !cell.spoilt
    }
}

impl Cell {
    fn of(outcome: Outcome) -> Self {
        Self { outcome, log: &[], note: "", spoilt: false, deaf: false }
    }

    pub(crate) fn whole() -> Self {
        Self::of(Outcome::Whole)
    }

    pub(crate) fn sanitised(text: &'static str) -> Self {
        Self::of(Outcome::Sanitised(text))
    }

    pub(crate) fn closed(code: FailureCode, text: &'static str) -> Self {
        Self::of(Outcome::Closed(code, text))
    }

    pub(crate) fn stops() -> Self {
        Self::of(Outcome::Stops)
    }

    pub(crate) fn ends(ending: Ending) -> Self {
        Self::of(Outcome::Ends(ending))
    }

    pub(crate) fn nothing() -> Self {
        Self::of(Outcome::Nothing)
    }

    pub(crate) fn log(self, texts: &'static [&'static str]) -> Self {
        Self { log: texts, ..self }
    }

    pub(crate) fn note(self, note: &'static str) -> Self {
        Self { note, ..self }
    }

    pub(crate) fn spoilt(self) -> Self {
        Self { spoilt: true, ..self }
    }

    pub(crate) fn deaf(self) -> Self {
        Self { deaf: true, ..self.spoilt() }
    }
}
