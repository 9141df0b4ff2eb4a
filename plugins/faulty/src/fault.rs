//! The names of the faults, and of the points where they can occur.

use auricle_plugin_api::{Config, Error};

/// A unit-only enum whose variants have these literals as names in the configuration.
macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($(#[$note:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $name { $($(#[$note])* $variant),+ }

        impl $name {
            pub(crate) const ALL: &[(&str, Self)] = &[$(($text, Self::$variant)),+];

            /// The variant that the configuration's field selects.
            pub(crate) fn read(config: &Config, field: &str) -> Result<Self, Error> {
                let text: String = config.get(field)?;
                let known = Self::ALL.iter().find(|(name, _)| *name == text);
                known.map(|(_, value)| *value).ok_or_else(|| Error::config(field, format!("`{text}` is unknown")))
            }
        }
    };
}
pub(crate) use names;

names! {
    /// A fault.
    Fault {
        None = "none",
        Panic = "panic",
        Error = "error",
        /// Sleeps for `seconds`, then continues.
        Sleep = "sleep",
        /// Never returns.
        Hang = "hang",
        /// Never returns, and keeps a processor core busy.
        Spin = "spin",
        /// Leaks `megabytes` each time; with many `times` the memory grows with the chunks.
        Leak = "leak",
        /// Takes all remaining file descriptors of the process, and keeps them.
        Descriptors = "descriptors",
        /// Writes binary data to standard output and standard error.
        Print = "print",
        /// Attempts things that a sandbox refuses, and reports the results; reads `canary_file`.
        Canary = "canary",
        Flood = "flood",
        Disordered = "disordered",
        Outside = "outside",
        InvalidUtf8 = "invalid-utf8",
        /// A segment of `megabytes` of text.
        HugeText = "huge-text",
        NotANumber = "not-a-number",
        BadState = "bad-state",
        /// Claims a sample rate of 0.
        BadMetadata = "bad-metadata",
        Sigsegv = "sigsegv",
        Sigabrt = "sigabrt",
        Sigkill = "sigkill",
        Exit = "exit",
        StackOverflow = "stack-overflow",
        /// In a thread that the engine starts itself; the call waits for it. The same holds for the next two.
        ThreadSigsegv = "thread-sigsegv",
        ThreadSigabrt = "thread-sigabrt",
        ThreadExit = "thread-exit",
    }
}

names! {
    /// A point where a fault can occur.
    FaultPoint {
        Processor = "processor",
        Init = "init",
        InsertAudioChunk = "insert_audio_chunk",
        ProcessIter = "process_iter",
        /// In `process_iter`, after its events.
        Reported = "reported",
        Finish = "finish",
        Drop = "drop",
        Load = "load",
        Metadata = "metadata",
        ModelDrop = "model-drop",
    }
}

impl FaultPoint {
    /// Whether the point is in the model; the others are in its processors.
    pub(crate) fn of_a_model(self) -> bool {
        matches!(self, Self::Load | Self::Metadata | Self::ModelDrop)
    }

    /// Whether the fault would have a visible effect at this point.
    pub(crate) fn can_show(self, fault: Fault) -> bool {
        match fault {
            Fault::Error => !matches!(self, Self::Drop | Self::Metadata | Self::ModelDrop),
            Fault::BadMetadata => self == Self::Metadata,
            Fault::Canary
            | Fault::Flood
            | Fault::Disordered
            | Fault::Outside
            | Fault::InvalidUtf8
            | Fault::HugeText
            | Fault::NotANumber
            | Fault::BadState => matches!(self, Self::ProcessIter | Self::Finish),
            _ => true,
        }
    }
}
