//! Converts between tokens and text, and finds the special tokens.
//!
//! Invariant: every special token is within the network's vocabulary and matches its `config.json`, so that a tokenizer
//! of another model is refused when it is loaded. Source: the vocabulary of Radford et al. 2022, in Hugging Face's
//! format.

use crate::config::Settings;
use auricle_plugin_api::Error;
use auricle_plugin_kit::files;
use std::path::Path;
use tokenizers::Tokenizer;

/// Seconds between two timestamp tokens.
pub(crate) const TIMESTAMP: f64 = 0.02;

/// Whisper's languages whose token differs from the BCP 47 tag.
const BCP_47: [(&str, &str); 2] = [("jw", "jv"), ("iw", "he")];

/// The tokens of a model.
pub(crate) struct Vocabulary {
    tokenizer: Tokenizer,
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) transcribe: Option<u32>,
    pub(crate) translate: Option<u32>,
    /// Announces earlier text.
    pub(crate) before: Option<u32>,
    pub(crate) no_speech: Option<u32>,
    pub(crate) no_timestamps: u32,
    /// The token of 0.00 seconds; those of later times follow.
    pub(crate) zero: u32,
    /// Languages by tag and token, in the vocabulary's order; empty for models that only know English.
    pub(crate) languages: Vec<(String, u32)>,
}

impl Vocabulary {
    pub(crate) fn read(folder: &Path, settings: &Settings) -> Result<Self, Error> {
        let file = folder.join("tokenizer.json");
        let refused = |problem: String| Error::model(format!("{}: {problem}", file.display()));
        if !file.is_file() {
            return Err(refused("is missing".to_owned()));
        }
        let tokenizer =
            Tokenizer::from_bytes(files::read_text(&file)?).map_err(|problem| refused(problem.to_string()))?;
        Self::new(tokenizer, settings).map_err(refused)
    }

    fn new(tokenizer: Tokenizer, settings: &Settings) -> Result<Self, String> {
        let size = settings.config.vocab_size;
        let token = |name: &str| tokenizer.token_to_id(name);
        let needed = |name: &str| token(name).ok_or_else(|| format!("has no {name}: not a tokenizer of Whisper"));
        let (start, end) = (needed("<|startoftranscript|>")?, needed("<|endoftext|>")?);
        let no_timestamps = needed("<|notimestamps|>")?;
        // Early exports lack the timestamps in the file; they follow the token before them.
        let zero = token("<|0.00|>").unwrap_or(no_timestamps.saturating_add(1));
        let config = &settings.config;
        if (start, end) != (config.decoder_start_token_id, config.eos_token_id) {
            return Err(format!(
                "has {start} for <|startoftranscript|> and {end} for <|endoftext|>, config.json {} and {}: it belongs to \
                 another model",
                config.decoder_start_token_id, config.eos_token_id
            ));
        }
        if zero as usize >= size || tokenizer.get_vocab_size(false) > size {
            let found = tokenizer.get_vocab_size(true);
            return Err(format!("has {found} tokens, the network {size}: it belongs to another model"));
        }
        let transcribe = token("<|transcribe|>");
        let mut languages: Vec<(String, u32)> = match settings.generation.is_multilingual {
            Some(false) => Vec::new(),
            _ => tokenizer.get_vocab(true).into_iter().filter_map(|(name, id)| Some((language(&name)?, id))).collect(),
        };
        // Languages are between the start and the tasks, and no other token there has these brackets.
        languages.retain(|(_, id)| *id > start && transcribe.is_none_or(|task| *id < task));
        languages.sort_by_key(|(_, id)| *id);
        Ok(Self {
            start,
            end,
            transcribe,
            translate: token("<|translate|>"),
            before: token("<|startofprev|>"),
            no_speech: token("<|nospeech|>").or_else(|| token("<|nocaptions|>")),
            no_timestamps,
            zero,
            languages,
            tokenizer,
        })
    }

    /// The token of a language, by its BCP 47 tag; regions are ignored.
    pub(crate) fn language(&self, tag: &str) -> Option<u32> {
        let primary = tag.split('-').next().unwrap_or(tag).to_ascii_lowercase();
        self.languages.iter().find(|(language, _)| *language == primary).map(|(_, id)| *id)
    }

    /// The tag of a language's token.
    pub(crate) fn tag(&self, token: u32) -> Option<&str> {
        self.languages.iter().find(|(_, id)| *id == token).map(|(tag, _)| tag.as_str())
    }

    /// Whether it is a timestamp.
    pub(crate) fn is_time(&self, token: u32) -> bool {
        token >= self.zero
    }

    /// Whether it is text, not a timestamp or another special token.
    pub(crate) fn is_text(&self, token: u32) -> bool {
        token < self.end
    }

    /// The tokens of a text.
    pub(crate) fn encode(&self, text: &str) -> Result<Vec<u32>, Error> {
        let encoding = self.tokenizer.encode(text, false);
        encoding.map(|encoding| encoding.get_ids().to_vec()).map_err(|problem| Error::other(problem.to_string()))
    }

    /// The text of tokens; timestamps and special tokens have none. Invalid bytes become U+FFFD.
    pub(crate) fn decode(&self, tokens: &[u32]) -> Result<String, Error> {
        let text: Vec<u32> = tokens.iter().copied().filter(|token| self.is_text(*token)).collect();
        self.tokenizer.decode(&text, false).map_err(|problem| Error::other(problem.to_string()))
    }
}

/// The BCP 47 tag of a language's token, such as `<|en|>`.
fn language(name: &str) -> Option<String> {
    let code = name.strip_prefix("<|")?.strip_suffix("|>")?;
    let sound = (2..=3).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_lowercase());
    let tag = BCP_47.iter().find(|(whisper, _)| *whisper == code).map_or(code, |(_, tag)| *tag);
    sound.then(|| tag.to_owned())
}
