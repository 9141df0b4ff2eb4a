//! Conversions of published models into layouts that the engines run faster.

use crate::run::{Done, root, run};
use clap::{Subcommand, ValueEnum};
use std::{path::PathBuf, process::Command};

/// Which engine's.
#[derive(Subcommand)]
pub(crate) enum Convert {
    /// A Whisper from Hugging Face's ONNX layout to the fast layout of engine `whisper`; what moved is measured and said
    Whisper(Whisper),
}

/// What `cargo xtask convert whisper` converts.
#[derive(clap::Args)]
pub(crate) struct Whisper {
    /// The model's folder, as Optimum exports it and `onnx-community` publishes it, with 32 or 16 bits
    #[arg(value_name = "DIR")]
    source: PathBuf,
    /// The folder to write; a conversion that is there already is replaced
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Of the matrices
    #[arg(long, value_enum, default_value_t = Precision::Int8)]
    precision: Precision,
    /// A recording to measure on as well: WAV, 16 kHz, mono, 16 bits
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

/// Runs a converter, which makes its own environment under `target/`.
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
