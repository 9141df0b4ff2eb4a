//! The JSON files: reads those of CTranslate2 and creates those of the engine.
//!
//! Invariant: the created files match the weights and the tokenizer; a tokenizer of another model is refused.
//! `preprocessor_config.json` is not copied, because the features follow from the weights; a file that describes other features is
//! refused.

use crate::model::Sizes;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// A model is multilingual if its vocabulary has at least as many tokens, as in the reference implementation.
const MULTILINGUAL: usize = 51_865;
/// The latest start of the first segment, in steps of 20 ms: 1 s, as in the reference implementation.
const FIRST_TIME: u32 = 50;
/// The most characters of a name that a message quotes.
const MOST_QUOTED: usize = 40;
/// Hz.
const RATE: usize = 16_000;
/// Samples of a Fourier transform.
const WINDOW: usize = 400;
/// Samples from one feature frame to the next.
const HOP: usize = 160;

/// Why a file cannot be used. The text continues the file's name.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Not JSON, or with missing fields or fields of another type.
    #[error("cannot be read: {0}")]
    Json(serde_json::Error),
    /// Not UTF-8.
    #[error("is not UTF-8 at byte {0}")]
    Text(usize),
    /// A special token is missing.
    #[error("has no token {0}: it is not a Whisper tokenizer")]
    NoToken(&'static str),
    /// A token that the network does not have.
    #[error(
        "has the token {token} in `{field}`, but the network has {vocabulary} tokens: they belong to different models"
    )]
    Token {
        /// The field that has the token.
        field: &'static str,
        /// The token.
        token: i64,
        /// The network's number of tokens.
        vocabulary: usize,
    },
    /// An attention head that the network does not have.
    #[error(
        "has head {head} of layer {layer} in `alignment_heads`, but the decoder has {layers} layers of {heads} heads; remove that \
         field to use all heads of the upper half of the layers"
    )]
    Head {
        /// The layer.
        layer: usize,
        /// The head.
        head: usize,
        /// The decoder's number of layers.
        layers: usize,
        /// Heads per layer.
        heads: usize,
    },
    /// A vocabulary file and tokenizer.json differ.
    #[error("has {found:?} for token {token}, but tokenizer.json has {expected}: they belong to different models")]
    Vocabulary {
        /// The token.
        token: usize,
        /// Its name in the vocabulary file.
        found: String,
        /// Its name in tokenizer.json.
        expected: &'static str,
    },
    /// Other features than the network needs.
    #[error("has {found} for `{field}`, but the network needs {expected}")]
    Features {
        /// The field.
        field: &'static str,
        /// Its value.
        found: usize,
        /// The value that the network needs.
        expected: usize,
    },
}

/// The fields of CTranslate2's `config.json`. Each may be missing or `null`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Decoding {
    alignment_heads: Option<Vec<(usize, usize)>>,
    suppress_ids: Option<Vec<i64>>,
    suppress_ids_begin: Option<Vec<i64>>,
}

impl Decoding {
    pub(crate) fn read(file: &[u8], sizes: &Sizes) -> Result<Self, SettingsError> {
        let found: Self = json_of(file)?;
        let lists = [("suppress_ids", &found.suppress_ids), ("suppress_ids_begin", &found.suppress_ids_begin)];
        for (field, tokens) in lists {
            // -1 stands for the reference implementation's own list. The engine ignores it.
            if let Some(token) = tokens.iter().flatten().find(|token| !(-1..sizes.vocabulary as i64).contains(token)) {
                return Err(SettingsError::Token { field, token: *token, vocabulary: sizes.vocabulary });
            }
        }
        let (layers, heads) = (sizes.decoder_layers, sizes.decoder_heads);
        for &(layer, head) in found.alignment_heads.iter().flatten() {
            if layer >= layers || head >= heads {
                return Err(SettingsError::Head { layer, head, layers, heads });
            }
        }
        Ok(found)
    }

    /// Layer and head of each cross attention that follows the audio. If the file has none: all heads of the upper half of the layers.
    pub(crate) fn alignment_heads(&self, sizes: &Sizes) -> Vec<(usize, usize)> {
        let later = sizes.decoder_layers / 2..sizes.decoder_layers;
        let all = || later.flat_map(|layer| (0..sizes.decoder_heads).map(move |head| (layer, head))).collect();
        self.alignment_heads.clone().filter(|heads| !heads.is_empty()).unwrap_or_else(all)
    }

    /// `generation_config.json`.
    pub(crate) fn generation(&self, sizes: &Sizes, tokens: &Tokens) -> Value {
        json!({
            "alignment_heads": self.alignment_heads(sizes),
            "begin_suppress_tokens": self.suppress_ids_begin.as_deref().unwrap_or_default(),
            "decoder_start_token_id": tokens.start,
            "eos_token_id": tokens.end,
            "is_multilingual": sizes.vocabulary >= MULTILINGUAL,
            "max_initial_timestamp_index": FIRST_TIME,
            "no_timestamps_token_id": tokens.no_timestamps,
            "suppress_tokens": self.suppress_ids.as_deref().unwrap_or_default(),
        })
    }
}

/// The special tokens that every model needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tokens {
    start: usize,
    end: usize,
    no_timestamps: usize,
}

const START: &str = "<|startoftranscript|>";
const END: &str = "<|endoftext|>";
const NO_TIMESTAMPS: &str = "<|notimestamps|>";

impl Tokens {
    /// Reads `tokenizer.json`.
    pub(crate) fn read(file: &[u8], sizes: &Sizes) -> Result<Self, SettingsError> {
        #[derive(Deserialize)]
        struct Tokenizer {
            added_tokens: Vec<Added>,
        }
        #[derive(Deserialize)]
        struct Added {
            id: usize,
            content: String,
        }
        let Tokenizer { added_tokens: added } = json_of(file)?;
        let vocabulary = sizes.vocabulary;
        if let Some(Added { id, .. }) = added.iter().find(|token| token.id >= vocabulary) {
            return Err(SettingsError::Token { field: "added_tokens", token: *id as i64, vocabulary });
        }
        let token = |name| {
            let found = added.iter().find(|token| token.content == name).map(|token| token.id);
            found.ok_or(SettingsError::NoToken(name))
        };
        Ok(Self { start: token(START)?, end: token(END)?, no_timestamps: token(NO_TIMESTAMPS)? })
    }

    /// Checks the special tokens in `vocabulary.json`, a list.
    pub(crate) fn check_list(&self, file: &[u8]) -> Result<(), SettingsError> {
        let names: Vec<String> = json_of(file)?;
        self.check(names.iter().map(String::as_str))
    }

    /// Checks the special tokens in `vocabulary.txt`, which has one token per line.
    pub(crate) fn check_lines(&self, file: &[u8]) -> Result<(), SettingsError> {
        self.check(text(file)?.split('\n'))
    }

    fn check<'a>(&self, names: impl Iterator<Item = &'a str>) -> Result<(), SettingsError> {
        let names: Vec<&str> = names.collect();
        for (token, expected) in [(self.start, START), (self.end, END), (self.no_timestamps, NO_TIMESTAMPS)] {
            let found = names.get(token).copied().unwrap_or_default();
            if found != expected {
                let found = found.chars().take(MOST_QUOTED).collect();
                return Err(SettingsError::Vocabulary { token, found, expected });
            }
        }
        Ok(())
    }
}

/// Hugging Face's `config.json`.
pub(crate) fn config(sizes: &Sizes, tokens: &Tokens) -> Value {
    json!({
        "activation_function": "gelu",
        "architectures": ["WhisperForConditionalGeneration"],
        "bos_token_id": tokens.end,
        "d_model": sizes.width,
        "decoder_attention_heads": sizes.decoder_heads,
        "decoder_ffn_dim": sizes.decoder_inner,
        "decoder_layers": sizes.decoder_layers,
        "decoder_start_token_id": tokens.start,
        "encoder_attention_heads": sizes.encoder_heads,
        "encoder_ffn_dim": sizes.encoder_inner,
        "encoder_layers": sizes.encoder_layers,
        "eos_token_id": tokens.end,
        "max_source_positions": sizes.states,
        "max_target_positions": sizes.positions,
        "model_type": "whisper",
        "num_mel_bins": sizes.bins,
        "pad_token_id": tokens.end,
        "scale_embedding": false,
        "vocab_size": sizes.vocabulary,
    })
}

/// `preprocessor_config.json`.
pub(crate) fn features(sizes: &Sizes) -> Value {
    json!({
        "chunk_length": seconds(sizes),
        "feature_extractor_type": "WhisperFeatureExtractor",
        "feature_size": sizes.bins,
        "hop_length": HOP,
        "n_fft": WINDOW,
        "n_samples": seconds(sizes) * RATE,
        "nb_max_frames": 2 * sizes.states,
        "sampling_rate": RATE,
    })
}

/// Refuses a `preprocessor_config.json` whose features differ from those of [`features`].
pub(crate) fn check_features(file: &[u8], sizes: &Sizes) -> Result<(), SettingsError> {
    #[derive(Deserialize)]
    struct Features {
        chunk_length: Option<usize>,
        feature_size: Option<usize>,
        hop_length: Option<usize>,
        n_fft: Option<usize>,
        sampling_rate: Option<usize>,
    }
    let Features { chunk_length, feature_size, hop_length, n_fft, sampling_rate } = json_of(file)?;
    let fields = [
        ("chunk_length", chunk_length, seconds(sizes)),
        ("feature_size", feature_size, sizes.bins),
        ("hop_length", hop_length, HOP),
        ("n_fft", n_fft, WINDOW),
        ("sampling_rate", sampling_rate, RATE),
    ];
    for (field, found, expected) in fields {
        if let Some(found) = found.filter(|found| *found != expected) {
            return Err(SettingsError::Features { field, found, expected });
        }
    }
    Ok(())
}

fn seconds(sizes: &Sizes) -> usize {
    sizes.states / 50
}

fn text(file: &[u8]) -> Result<&str, SettingsError> {
    let file = file.strip_prefix("\u{feff}".as_bytes()).unwrap_or(file);
    str::from_utf8(file).map_err(|problem| SettingsError::Text(problem.valid_up_to()))
}

fn json_of<T: DeserializeOwned>(file: &[u8]) -> Result<T, SettingsError> {
    serde_json::from_str(text(file)?).map_err(SettingsError::Json)
}
