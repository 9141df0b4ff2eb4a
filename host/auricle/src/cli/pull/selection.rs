//! Selects the files of a repository that make up a model, in one precision: `whisper` for engine `whisper`, `streaming`
//! for engine `onnx`.
//!
//! Only file names known here are selected, so a repository cannot choose paths on this machine.

mod streaming;
mod whisper;

use super::names::{Names, SelectionError};

/// The files of a model.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Selected {
    pub(super) engine: Engine,
    pub(super) files: Vec<String>,
}

/// The engine that a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Engine {
    Whisper,
    Onnx,
}

impl Engine {
    /// The name of the backend in presets.
    pub(super) fn backend(self) -> &'static str {
        match self {
            Self::Whisper => "whisper",
            Self::Onnx => "onnx",
        }
    }

    /// The engine of a repository that cannot be reached, by its name.
    fn expected(repository: &str) -> Self {
        if repository.contains("sherpa-onnx") { Self::Onnx } else { Self::Whisper }
    }
}

/// Selects the model's files in a precision. The error lists what is missing and what is available.
pub(super) fn choose(names: &Names<'_>, precision: &str) -> Result<Selected, SelectionError> {
    let (engine, files) = if names.has(streaming::SYMBOLS) && !names.has(whisper::TOKENIZER) {
        (Engine::Onnx, streaming::choose(names, precision)?)
    } else {
        (Engine::Whisper, whisper::choose(names, precision)?)
    };
    Ok(Selected { engine, files })
}

/// Describes how to download the model by hand, for when the hub cannot be reached.
pub(super) fn by_hand(repository: &str, precision: &str, folder: &str) -> String {
    match Engine::expected(repository) {
        Engine::Whisper => whisper::by_hand(repository, precision, folder),
        Engine::Onnx => streaming::by_hand(repository, precision, folder),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHISPER: [&str; 5] = [
        "config.json",
        "onnx/decoder_model_merged.onnx",
        "onnx/encoder_model.onnx",
        "preprocessor_config.json",
        "tokenizer.json",
    ];

    #[test]
    fn the_files_determine_the_engine() {
        let engine = |names: &[&str]| {
            choose(&Names::new(names.iter().copied()).unwrap(), "").map(|selected| selected.engine.backend())
        };
        assert_eq!(engine(&WHISPER), Ok("whisper"));
        assert_eq!(engine(&["model.onnx", "tokens.txt"]), Ok("onnx"));
        // Exports of Whisper may have a list of tokens too.
        assert_eq!(engine(&[&WHISPER[..], &["tokens.txt"]].concat()), Ok("whisper"));
    }
}
