//! Engines, or parts of engines, against their references: the same files and recordings, word for word.

use crate::run::{Done, root, run};
use clap::Subcommand;
use std::process::Command;

/// What is compared.
#[derive(Subcommand)]
pub(crate) enum Parity {
    /// Against the PyPI package `pocketsphinx`, fetched into an environment under target/
    Pocketsphinx,
    /// Against the PyPI package `sherpa-onnx`: the digits, and made-up models of every kind and of published sizes; and its
    /// features, against `kaldi-native-fbank`
    Onnx {
        /// Make the models and what the reference says anew, the small committed ones too
        #[arg(long)]
        again: bool,
    },
    /// Against the PyPI package `transformers` on made-up models of sizes tiny and base, in both layouts
    Whisper,
    /// The training recipes against `sherpa-onnx` and `transformers`: their own tests, in their environments (about 5 GB each)
    Training,
    /// The log-mel features of `plugin-kit`, against the PyPI packages `kaldi-native-fbank` and `transformers`
    Features,
}

/// Runs an engine, or a part of engines, and its reference on the same recordings.
pub(crate) fn parity(engine: &Parity) -> Done {
    let mut options: &[&str] = &[];
    let scripts: &[&str] = match engine {
        Parity::Pocketsphinx => {
            crate::fetch::pocketsphinx()?;
            &["plugins/pocketsphinx/parity/compare.py"]
        }
        Parity::Onnx { again } => {
            crate::fetch::onnxruntime()?;
            if *again {
                options = &["--again"];
            }
            &["plugin-kit/parity/fbank.py", "plugins/onnx/parity/compare.py"]
        }
        Parity::Whisper => {
            crate::fetch::onnxruntime()?;
            &["plugins/whisper/parity/compare.py"]
        }
        Parity::Training => return crate::train::tests(),
        Parity::Features => &["plugin-kit/parity/fbank.py", "plugin-kit/parity/logmel.py"],
    };
    let command = |script| run(Command::new("python3").arg(script).args(options).current_dir(root()));
    scripts.iter().try_for_each(command)
}
