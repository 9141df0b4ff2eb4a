//! The peers: `bench/whisper/ctranslate.py` and `bench/whisper/whispercpp.cpp`.

use super::Phases;
use crate::{Done, peer::Peer};
use serde_json::Value;
use std::{fs, path::Path, process::Command};

/// A running peer, which is stopped when this is dropped.
pub(super) struct Theirs(Peer);

impl Theirs {
    /// CTranslate2 with a model of this precision. The environment variables select its instruction set.
    pub(super) fn ctranslate2(
        work: &Path,
        models: &Path,
        precision: &str,
        threads: usize,
        variables: &[(&str, &str)],
    ) -> Done<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("whisper/ctranslate.py");
        let mut command = Command::new("python3");
        command.arg(script).arg(models.join(format!("ct2-{precision}"))).arg(work.join("weather.f32"));
        command.arg(threads.to_string()).args(Tokens::read(models)?.arguments()).envs(variables.iter().copied());
        Ok(Self(Peer::start(&mut command)?))
    }

    /// A build of whisper.cpp with a model of this precision.
    pub(super) fn whisper_cpp(
        work: &Path,
        models: &Path,
        precision: &str,
        threads: usize,
        build: &str,
        flash: bool,
    ) -> Done<Self> {
        let mut command = Command::new(work.join("whisper.cpp").join(build).join("whispercpp"));
        command.arg(models.join(format!("ggml-{precision}.bin"))).arg(work.join("weather.f32"));
        command.args([threads.to_string(), u8::from(flash).to_string()]).args(Tokens::read(models)?.arguments());
        Ok(Self(Peer::start(&mut command)?))
    }

    pub(super) fn name(&self) -> &str {
        &self.0.name
    }

    pub(super) fn text(&mut self) -> Done<String> {
        let answer = self.0.ask("text")?;
        answer.as_str().map(str::to_owned).ok_or_else(|| format!("{} answered {answer}", self.0.name).into())
    }

    pub(super) fn decode(&mut self, tokens: usize) -> Done<Phases> {
        let answer = self.0.ask(&tokens.to_string())?;
        let read = |field: &str| answer[field].as_f64().ok_or_else(|| format!("{} answered {answer}", self.0.name));
        let decoded = answer["tokens"].as_array().map_or(0, Vec::len);
        if decoded != tokens {
            return Err(format!("{} decoded {decoded} tokens instead of {tokens}", self.0.name).into());
        }
        let token = read("tokens_ms")? / (tokens - 1) as f64;
        Ok(Phases { encoder: read("encoder_ms")?, prompt: read("prompt_ms")?, token })
    }
}

/// The tokens before the first decoded one, and those that are never decoded.
struct Tokens {
    prompt: [u64; 4],
    end: u64,
}

impl Tokens {
    fn read(models: &Path) -> Done<Self> {
        let file = models.join("export/generation_config.json");
        let text = fs::read_to_string(&file).map_err(|problem| format!("{}: {problem}", file.display()))?;
        let fields: Value = serde_json::from_str(&text)?;
        let token = |pointer: &str| {
            let value = fields.pointer(pointer).and_then(Value::as_u64);
            value.ok_or_else(|| format!("{} has no {pointer}", file.display()))
        };
        let prompt = [
            token("/decoder_start_token_id")?,
            token("/lang_to_id/<|en|>")?,
            token("/task_to_id/transcribe")?,
            token("/no_timestamps_token_id")?,
        ];
        Ok(Self { prompt, end: token("/eos_token_id")? })
    }

    /// The tokens as arguments of the peers' programs.
    fn arguments(&self) -> [String; 2] {
        [self.prompt.map(|token| token.to_string()).join(","), self.end.to_string()]
    }
}
