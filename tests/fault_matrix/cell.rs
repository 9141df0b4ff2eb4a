//! What a row of the matrix consists of.

use auricle_core::FailureCode;
use serde_json::Value;

/// A fault and what comes of it, where the engine runs in the server's own process and where it runs in a worker.
pub(crate) struct Case {
    /// What goes wrong.
    pub(crate) fault: &'static str,
    /// In which call, or when.
    pub(crate) place: &'static str,
    pub(crate) how: How,
    pub(crate) in_process: Cell,
    pub(crate) worker: Cell,
}

/// How a fault is provoked.
pub(crate) enum How {
    /// By fields of the stream.
    Stream(Value),
    /// By fields of a model that no other stream is on; it is let go when the stream has ended.
    Model(Value),
    /// By an act while the stream is open, and by fields of the stream.
    Act(Act, Value),
}

/// Something that is done to a running server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    KillWorkers,
    StopWorker,
    DeletePlugin,
    OverwritePlugin,
    ReplacePlugin,
    /// The server may use 4 GiB of addresses; the act itself is the stream's.
    LimitAddresses,
    FillDisk,
    /// The server may have few file descriptors, and connections take them all.
    Connect,
    /// A preset of the engine `onnx`, whose model is cut short.
    CutModel,
    /// The log, at level `trace` as in the next two, is a pipe that has no reader any more.
    CloseLog,
    /// The log is a full pipe whose reader does not read.
    BlockLog,
    /// The log is a file on a full disk.
    FillLog,
    /// A signal to the server and to all of its workers.
    SignalAll(&'static str),
    /// A signal to the workers only.
    SignalWorkers(&'static str),
}

/// Where the engine's code runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    InProcess,
    Worker,
}

/// What comes of a fault in one of the columns.
pub(crate) struct Cell {
    pub(crate) outcome: Outcome,
    /// Texts that one line of the log has.
    pub(crate) log: &'static [&'static str],
    /// A further fact, for people.
    pub(crate) note: &'static str,
    /// What is left of the server is not as before: it is not used for another row.
    pub(crate) spoilt: bool,
    /// What is left of it takes no new connection.
    pub(crate) deaf: bool,
}

/// What becomes of the stream on which the engine goes wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Its client gets all of its text and nothing else.
    Whole,
    /// Its client gets all of its text, and this corrected form of the engine's invalid text.
    Sanitised(&'static str),
    /// It is closed with this code; the message holds the text. What was reported before has arrived.
    Closed(FailureCode, &'static str),
    /// Its client gets all of its text, as do the others; then the server, which was asked to stop, exits with status 0.
    Stops,
    /// The server ends.
    Ends(Ending),
    /// There is no such thing in this column.
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

    /// Whether it can happen in this column.
    pub(crate) fn exists(&self, column: Column) -> bool {
        self.cell(column).outcome != Outcome::Nothing
    }

    /// Whether the server is to have little patience with calls: others must not fail for being slow on a busy machine.
    pub(crate) fn does_not_return(&self) -> bool {
        match &self.how {
            How::Stream(fields) => matches!(fields["fault"].as_str(), Some("hang" | "spin")),
            How::Model(_) => false,
            How::Act(act, _) => *act == Act::StopWorker,
        }
    }

    /// Whether it can have a server together with the other rows of its chapter.
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
