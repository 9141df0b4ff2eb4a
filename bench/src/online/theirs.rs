//! The other side: `bench/whisper/online.py`.

use super::{BEAM, CHUNK, FinalWord, PIECE, Results, Side, TRIM};
use crate::{Done, from_xtask, peer::Peer};
use serde_json::Value;
use std::{path::Path, process::Command};

/// Starts faster-whisper with this precision.
pub(super) fn open(work: &Path, audio: &Path, precision: &str, temperatures: &[f64]) -> Done<Side> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("whisper/online.py");
    let mut command = Command::new("python3");
    command.arg(script).arg(work.join(format!("online/ct2-{precision}"))).arg(precision);
    command.arg(from_xtask("AURICLE_RUNTIME")?.join("silero_vad.onnx")).arg(audio);
    command.args([PIECE.to_string(), CHUNK.to_string(), TRIM.to_string(), BEAM.to_string()]);
    command.arg(temperatures.iter().map(f64::to_string).collect::<Vec<_>>().join(","));
    let mut peer = Peer::start(&mut command)?;
    let name = format!("{} {precision}, in Python", peer.name);
    let run = move || {
        let answer = peer.ask("hear")?;
        let results = || {
            let word = |word: &Value| Some(FinalWord { text: word[0].as_str()?.to_owned(), at: word[3].as_f64()? });
            let words = answer["words"].as_array()?.iter().map(word).collect::<Option<_>>()?;
            Some(Results { cpu: answer["cpu"].as_f64()?, decodes: answer["decodes"].as_u64()? as usize, words })
        };
        results().ok_or_else(|| format!("{} answered {answer}", peer.name).into())
    };
    Ok(Side::new(name, run))
}
