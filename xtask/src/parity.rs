//! Compares engines, or parts of engines, with their references: the same files and recordings, word for word.

use crate::run::{Done, root, run};
use clap::Subcommand;
use std::{
    path::{PathBuf, absolute},
    process::Command,
};

/// Selects the comparison.
#[derive(Subcommand)]
pub(crate) enum Parity {
    /// With the PyPI package `pocketsphinx`, in an environment under target/
    Pocketsphinx,
    /// With the PyPI package `sherpa-onnx`: the digits, and synthetic models of every kind and of published sizes; the
    /// features with `kaldi-native-fbank`
    Onnx {
        /// Create the models and the reference results again, including the small committed ones
        #[arg(long)]
        again: bool,
    },
    /// With the PyPI package `transformers`, on synthetic models of sizes tiny and base, in both layouts
    Whisper,
    /// The training recipes with `sherpa-onnx` and `transformers`: their own tests, in their environments (about 5 GB
    /// each)
    Training,
    /// The dialects with the agents that speak them: the services of Pipecat and the plug-ins of LiveKit, in environments
    /// under target/ (half a gigabyte each); WebRTC with the server of fastrtc (a gigabyte)
    Clients,
    /// The stage `smart-turn` with the PyPI packages `pipecat-ai` and `onnxruntime`: features and answers
    SmartTurn {
        /// Recordings of speech besides those of the repository: WAV files of 16 kHz, one channel, 16 bits
        recordings: Vec<PathBuf>,
    },
    /// The log-mel features of `plugin-kit` with the PyPI packages `kaldi-native-fbank` and `transformers`
    Features,
}

/// Runs an engine, or a part of one, and its reference on the same recordings.
pub(crate) fn parity(engine: &Parity) -> Done {
    let mut options: Vec<PathBuf> = Vec::new();
    let scripts: &[&str] = match engine {
        Parity::Pocketsphinx => {
            crate::fetch::pocketsphinx()?;
            &["plugins/pocketsphinx/parity/compare.py"]
        }
        Parity::Onnx { again } => {
            crate::fetch::onnxruntime()?;
            if *again {
                options.push("--again".into());
            }
            &["plugin-kit/parity/fbank.py", "plugins/onnx/parity/compare.py"]
        }
        Parity::Whisper => {
            crate::fetch::onnxruntime()?;
            &["plugins/whisper/parity/compare.py"]
        }
        Parity::Training => return crate::train::tests(),
        Parity::Clients => {
            let clients = ["--test", "server", "--", "agents::", "webrtc::reference::"].map(str::to_owned);
            return crate::test::test(true, &[], &clients);
        }
        Parity::SmartTurn { recordings } => {
            crate::fetch::smart_turn(&crate::fetch::onnxruntime()?)?;
            // The script runs in the root of the repository.
            for recording in recordings {
                options.push(absolute(recording).map_err(|error| format!("{}: {error}", recording.display()))?);
            }
            &["plugins/smart-turn/parity/compare.py"]
        }
        Parity::Features => &["plugin-kit/parity/fbank.py", "plugin-kit/parity/logmel.py"],
    };
    let command = |script| run(Command::new("python3").arg(script).args(&options).current_dir(root()));
    scripts.iter().try_for_each(command)
}
