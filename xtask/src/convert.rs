//! Converts published models to layouts that the engines run faster.

use crate::run::{Done, root, run};
use clap::{Subcommand, ValueEnum};
use std::{path::PathBuf, process::Command};

/// Selects the engine.
#[derive(Subcommand)]
pub(crate) enum Convert {
    /// Convert a Whisper model from Hugging Face's ONNX layout to the fast layout of engine `whisper`; prints the
    /// differences in the results
    Whisper(Whisper),
}

/// Arguments of `cargo xtask convert whisper`.
#[derive(clap::Args)]
pub(crate) struct Whisper {
    /// Folder of the model, as exported by Optimum and published by `onnx-community`, with 32 or 16 bits
    #[arg(value_name = "DIR")]
    source: PathBuf,
    /// Output folder; an existing conversion is replaced
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Precision of the matrices
    #[arg(long, value_enum, default_value_t = Precision::Int8)]
    precision: Precision,
    /// A recording for additional measurements: WAV, 16 kHz, mono, 16 bits
    #[arg(long, value_name = "FILE")]
    audio: Option<PathBuf>,
}

/// Precisions of the fast layout.
#[derive(Clone, Copy, ValueEnum)]
enum Precision {
    /// 8 bits
    Int8,
    /// 32 bits
    Fp32,
    /// The encoder with 32 bits, the decoder with 8
    Mixed,
}

/// Runs a converter, which creates its own environment under `target/`.
pub(crate) fn convert(engine: &Convert) -> Done {
    let Convert::Whisper(options) = engine;
    let precision = match options.precision {
        Precision::Int8 => "int8",
        Precision::Fp32 => "fp32",
        Precision::Mixed => "mixed",
    };
    let mut command = Command::new("python3");
    command.arg(root().join("plugins/whisper/convert/convert.py")).arg(&options.source).arg("--out").arg(&options.out);
    command.args(["--precision", precision]);
    if let Some(file) = &options.audio {
        command.arg("--audio").arg(file);
    }
    run(command.env("PYTHONDONTWRITEBYTECODE", "1"))
}
