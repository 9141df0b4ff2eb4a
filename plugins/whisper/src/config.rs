//! A model's JSON files: `config.json`, `generation_config.json`, `preprocessor_config.json`.
//!
//! Only the fields in use are declared. Older exports lack the generation file or parts of it, which are then derived
//! from the vocabulary. Source: Hugging Face's Whisper, as exported by Optimum.

use auricle_plugin_api::Error;
use auricle_plugin_kit::files;
use serde::{Deserialize, de::DeserializeOwned};
use std::{ops::RangeInclusive, path::Path};

/// Larger sizes are those of a damaged file.
const MOST_LAYERS: usize = 256;
const MOST_WIDTH: usize = 1 << 16;
/// Allowed number of tokens in a decode, including the prompt; Whisper has 448. With fewer there is no room for a
/// prompt and a word.
const POSITIONS: RangeInclusive<usize> = 16..=1 << 16;

/// The network's sizes and its special tokens.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Config {
    pub(crate) vocab_size: usize,
    #[serde(default = "eighty")]
    pub(crate) num_mel_bins: usize,
    pub(crate) d_model: usize,
    pub(crate) decoder_layers: usize,
    pub(crate) decoder_attention_heads: usize,
    /// Number of output frames of the encoder: one for two frames of features.
    pub(crate) max_source_positions: usize,
    /// Maximum number of tokens in the decoder, including the prompt.
    pub(crate) max_target_positions: usize,
    pub(crate) decoder_start_token_id: u32,
    pub(crate) eos_token_id: u32,
    /// Number of frames over which the attention of an alignment head is smoothed.
    #[serde(default = "seven")]
    pub(crate) median_filter_width: usize,
    #[serde(default)]
    suppress_tokens: Option<Vec<i64>>,
    #[serde(default)]
    begin_suppress_tokens: Option<Vec<i64>>,
}

/// Settings for decoding.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Generation {
    suppress_tokens: Option<Vec<i64>>,
    begin_suppress_tokens: Option<Vec<i64>>,
    /// The latest first timestamp, in steps of 20 ms.
    pub(crate) max_initial_timestamp_index: Option<u32>,
    /// Layer and head of the decoder, for each alignment head.
    pub(crate) alignment_heads: Option<Vec<(usize, usize)>>,
    pub(crate) is_multilingual: Option<bool>,
}

/// Settings for the features.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Preprocessor {
    pub(crate) feature_size: usize,
    #[serde(default = "sixteen_kilohertz")]
    pub(crate) sampling_rate: u32,
    #[serde(default = "four_hundred")]
    pub(crate) n_fft: usize,
    #[serde(default = "hundred_and_sixty")]
    pub(crate) hop_length: usize,
    #[serde(default = "thirty")]
    pub(crate) chunk_length: usize,
}

fn eighty() -> usize {
    80
}
fn seven() -> usize {
    7
}
fn sixteen_kilohertz() -> u32 {
    16_000
}
fn four_hundred() -> usize {
    400
}
fn hundred_and_sixty() -> usize {
    160
}
fn thirty() -> usize {
    30
}

/// The content of all files.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    pub(crate) config: Config,
    pub(crate) generation: Generation,
}

impl Settings {
    /// Reads the files in a folder.
    pub(crate) fn read(folder: &Path) -> Result<Self, Error> {
        let config: Config = required(&folder.join("config.json"))?;
        let preprocessor: Preprocessor = required(&folder.join("preprocessor_config.json"))?;
        let generation = optional(&folder.join("generation_config.json"))?.unwrap_or_default();
        let settings = Self { config, generation };
        settings.check(&preprocessor).map_err(|problem| {
            Error::model(format!("{} is not a supported Whisper model: {problem}", folder.display()))
        })?;
        Ok(settings)
    }

    fn check(&self, preprocessor: &Preprocessor) -> Result<(), String> {
        let Config { num_mel_bins, d_model, decoder_layers, decoder_attention_heads, .. } = &self.config;
        let Config { vocab_size, max_source_positions, max_target_positions, .. } = &self.config;
        let Preprocessor { feature_size, sampling_rate, n_fft, hop_length, chunk_length } = preprocessor;
        if feature_size != num_mel_bins {
            return Err(format!("feature_size is {feature_size}, num_mel_bins {num_mel_bins}"));
        }
        if (*sampling_rate, *n_fft, *hop_length) != (16_000, 400, 160) {
            return Err(format!(
                "features are computed at {sampling_rate} Hz with n_fft {n_fft} and hop_length {hop_length}, not at \
                 16000, 400 and 160"
            ));
        }
        if chunk_length.saturating_mul(50) != *max_source_positions {
            return Err(format!(
                "chunk_length is {chunk_length} s, max_source_positions {max_source_positions}: not 50 for each second"
            ));
        }
        if let Some((layer, head)) = self
            .alignment_heads()
            .iter()
            .find(|(layer, head)| layer >= decoder_layers || head >= decoder_attention_heads)
        {
            return Err(format!(
                "alignment_heads has head {head} of layer {layer}, but there are {decoder_layers} layers of \
                 {decoder_attention_heads} heads"
            ));
        }
        if self.config.median_filter_width.is_multiple_of(2) || self.config.median_filter_width > 99 {
            let width = self.config.median_filter_width;
            return Err(format!("median_filter_width is {width}, not an odd number up to 99"));
        }
        let widths = [d_model, vocab_size, decoder_attention_heads, decoder_layers];
        if widths.iter().any(|width| **width == 0)
            || *d_model > MOST_WIDTH
            || *decoder_layers > MOST_LAYERS
            || !POSITIONS.contains(max_target_positions)
            || d_model % decoder_attention_heads != 0
        {
            return Err(format!(
                "d_model {d_model}, decoder_layers {decoder_layers}, decoder_attention_heads {decoder_attention_heads}, \
                 vocab_size {vocab_size}, max_target_positions {max_target_positions}"
            ));
        }
        Ok(())
    }

    /// Number of values in a head.
    pub(crate) fn head_width(&self) -> usize {
        self.config.d_model / self.config.decoder_attention_heads
    }

    /// Layers and heads that follow the audio; by default those of the second half of the layers.
    pub(crate) fn alignment_heads(&self) -> Vec<(usize, usize)> {
        let Config { decoder_layers: layers, decoder_attention_heads: heads, .. } = self.config;
        let later = || (layers / 2..layers).flat_map(|layer| (0..heads).map(move |head| (layer, head))).collect();
        let named = self.generation.alignment_heads.as_ref().filter(|named| !named.is_empty());
        named.cloned().unwrap_or_else(later)
    }

    /// Tokens that are never allowed.
    pub(crate) fn suppressed(&self) -> Vec<u32> {
        tokens(self.generation.suppress_tokens.as_ref().or(self.config.suppress_tokens.as_ref()))
    }

    /// Tokens that are not allowed first.
    pub(crate) fn suppressed_at_begin(&self) -> Vec<u32> {
        tokens(self.generation.begin_suppress_tokens.as_ref().or(self.config.begin_suppress_tokens.as_ref()))
    }
}

/// Token ids of a list in which -1 stands for none.
fn tokens(list: Option<&Vec<i64>>) -> Vec<u32> {
    list.into_iter().flatten().filter_map(|id| u32::try_from(*id).ok()).collect()
}

fn required<T: DeserializeOwned>(file: &Path) -> Result<T, Error> {
    optional(file)?.ok_or_else(|| {
        Error::model(format!("{} is missing: a model is a folder in Hugging Face's ONNX layout", file.display()))
    })
}

fn optional<T: DeserializeOwned>(file: &Path) -> Result<Option<T>, Error> {
    if !file.exists() {
        return Ok(None);
    }
    serde_json::from_str(&files::read_text(file)?)
        .map(Some)
        .map_err(|problem| Error::model(format!("{}: {problem}", file.display())))
}
