//! The names of what can go wrong, and of the places where it can.

use auricle_plugin_api::{Config, Error};

/// A unit-only enum whose variants are spelled in the configuration as the literals.
macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($(#[$note:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $name { $($(#[$note])* $variant),+ }

        impl $name {
            pub(crate) const ALL: &[(&str, Self)] = &[$(($text, Self::$variant)),+];

            /// The variant that the configuration's field names.
            pub(crate) fn read(config: &Config, field: &str) -> Result<Self, Error> {
                let text: String = config.get(field)?;
                let known = Self::ALL.iter().find(|(name, _)| *name == text);
                known.map(|(_, value)| *value).ok_or_else(|| Error::config(field, format!("`{text}` is unknown")))
            }
        }
    };
}

names! {
    /// A way to go wrong.
    Fault {
        None = "none",
        Panic = "panic",
        Error = "error",
        /// Takes `seconds`, then goes on.
        Sleep = "sleep",
        /// Never returns.
        Hang = "hang",
        /// Never returns, and keeps a processor core busy.
        Spin = "spin",
        /// Keeps `megabytes` for ever, each time: with many `times`, memory that grows with the chunks.
        Leak = "leak",
        /// Takes all file descriptors that the process may still have, and keeps them.
        Descriptors = "descriptors",
        /// Writes to standard output and standard error what is no text.
        Print = "print",
        /// Tries what a sandbox refuses, and reports how that went; reads `canary_file`.
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
        /// In a thread that the host knows nothing of; the call waits for it, as it does for the next two.
        ThreadSigsegv = "thread-sigsegv",
        ThreadSigabrt = "thread-sigabrt",
        ThreadExit = "thread-exit",
    }
}

names! {
    /// A point to go wrong in.
    FaultPoint {
        Processor = "processor",
        Init = "init",
        InsertAudioChunk = "insert_audio_chunk",
        ProcessIter = "process_iter",
        /// Still in `process_iter`, after what it reports.
        Reported = "reported",
        Finish = "finish",
        Drop = "drop",
        Load = "load",
        Metadata = "metadata",
        ModelDrop = "model-drop",
    }
}

impl FaultPoint {
    /// A point in the model; the others are in its processors.
    pub(crate) fn of_a_model(self) -> bool {
        matches!(self, Self::Load | Self::Metadata | Self::ModelDrop)
    }

    /// Whether anybody could tell that the fault struck here.
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
