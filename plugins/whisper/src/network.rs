//! The networks: the encoder computes its output from features, the decoder computes logits from that and tokens.
//!
//! Two layouts of files are supported (`stock`, `fast`), each implements [`Layout`]. Invariants: the encoder's output
//! and the caches of a decode are the runtime's own tensors, and are not copied for the next token; opened networks
//! have run once. Threads: any, several at once; a [`Decode`] belongs to one stream.

mod fast;
mod half;
mod stock;

use crate::{config::Settings, folder::Files, window::Window};
use auricle_plugin_api::Error;
use auricle_plugin_kit::onnx::{Options, Runtime};
use ort::value::DynValue;

/// An opened model.
pub(crate) struct Network {
    layout: Box<dyn Layout>,
}

/// The encoder's output for a window of audio.
pub(crate) struct Audio(Vec<DynValue>);

/// The attention of tokens: the probabilities of the alignment heads, `[heads, tokens, frames]`.
pub(crate) struct Attention {
    pub(crate) heads: usize,
    pub(crate) tokens: usize,
    /// Number of frames of 20 ms.
    pub(crate) frames: usize,
    pub(crate) values: Vec<f32>,
}

/// A layout of files, and how to run them.
trait Layout: Send + Sync {
    /// Runs the encoder on a window.
    fn encode(&self, window: &Window) -> Result<Audio, Error>;

    /// Runs a prompt, in one call. Logits are available after the tokens at `rows`.
    fn begin<'a>(
        &'a self,
        audio: &'a Audio,
        prompt: &[u32],
        rows: &[usize],
        beams: usize,
    ) -> Result<Box<dyn Decode + 'a>, Error>;

    /// Whether the files return the attention of the alignment heads.
    fn attends(&self) -> bool;

    /// The attention of `tokens` from the one at `from` on, over the first `frames` frames.
    fn attention(&self, audio: &Audio, tokens: &[u32], from: usize, frames: usize) -> Result<Attention, Error>;
}

/// A decode in progress, of one text or several beams.
pub(crate) trait Decode {
    /// Appends a token to each beam, after the text of the beam in `parents`. After the prompt all parents are equal.
    fn step(&mut self, tokens: &[u32], parents: &[usize]) -> Result<(), Error>;

    /// Appends the first token to the only text, and as many of the others as the layout can append in the same call.
    /// Returns their number.
    fn extend(&mut self, tokens: &[u32]) -> Result<usize, Error>;

    /// Removes the last `count` tokens, which [`Self::extend`] appended.
    fn take_back(&mut self, count: usize);

    /// The logits of the last call: a row for each requested row of the prompt, for each beam, or after each token of
    /// [`Self::extend`].
    fn logits(&mut self, row: usize) -> Result<&mut [f32], Error>;
}

/// The sizes in `config.json`.
#[derive(Debug, Clone)]
struct Sizes {
    bins: usize,
    /// Number of feature frames in a window.
    frames: usize,
    /// Number of output frames of the encoder.
    states: usize,
    width: usize,
    layers: usize,
    heads: usize,
    head_width: usize,
    vocabulary: usize,
    /// Maximum number of tokens in a decode, including the prompt.
    positions: usize,
    start: u32,
    /// Layer and head of the alignment heads.
    alignment: Vec<(usize, usize)>,
}

impl Sizes {
    fn new(settings: &Settings) -> Self {
        let config = &settings.config;
        Self {
            bins: config.num_mel_bins,
            frames: config.max_source_positions * 2,
            states: config.max_source_positions,
            width: config.d_model,
            layers: config.decoder_layers,
            heads: config.decoder_attention_heads,
            head_width: settings.head_width(),
            vocabulary: config.vocab_size,
            positions: config.max_target_positions,
            start: config.decoder_start_token_id,
            alignment: settings.alignment_heads(),
        }
    }
}

impl Network {
    /// Opens the networks and runs them once, so that a model that does not match its configuration is refused here.
    pub(crate) fn open(runtime: &Runtime, files: &Files, settings: &Settings, options: Options) -> Result<Self, Error> {
        let sizes = Sizes::new(settings);
        let layout: Box<dyn Layout> = match files {
            Files::Stock { encoder, decoder } => {
                Box::new(stock::Stock::open(runtime, encoder, decoder, sizes.clone(), options)?)
            }
            Files::Fast { encoder, decoder } => {
                Box::new(fast::Fast::open(runtime, encoder, decoder, sizes.clone(), options)?)
            }
        };
        let network = Self { layout };
        network.check(&sizes).map_err(|problem| {
            let folder = files.folder().display();
            Error::model(format!("{folder}: the networks do not match config.json: {}", problem.message))
        })?;
        Ok(network)
    }

    /// Runs everything once, without audio.
    fn check(&self, sizes: &Sizes) -> Result<(), Error> {
        let audio = self.encode(&Window::new(sizes.bins, sizes.frames))?;
        let mut decode = self.begin(&audio, &[sizes.start; 2], &[0, 1], 1)?;
        for after in ["the prompt", "a token"] {
            let found = decode.logits(0)?.len();
            if found != sizes.vocabulary {
                let expected = sizes.vocabulary;
                return Err(Error::model(format!("the decoder returned {found} logits after {after}, not {expected}")));
            }
            decode.step(&[sizes.start], &[0])?;
        }
        drop(decode);
        if self.attends() {
            self.attention(&audio, &[sizes.start; 2], 0, sizes.states)?;
        }
        Ok(())
    }

    /// See [`Layout::encode`].
    pub(crate) fn encode(&self, window: &Window) -> Result<Audio, Error> {
        self.layout.encode(window)
    }

    /// See [`Layout::begin`].
    pub(crate) fn begin<'a>(
        &'a self,
        audio: &'a Audio,
        prompt: &[u32],
        rows: &[usize],
        beams: usize,
    ) -> Result<Box<dyn Decode + 'a>, Error> {
        self.layout.begin(audio, prompt, rows, beams)
    }

    /// See [`Layout::attends`].
    pub(crate) fn attends(&self) -> bool {
        self.layout.attends()
    }

    /// See [`Layout::attention`].
    pub(crate) fn attention(
        &self,
        audio: &Audio,
        tokens: &[u32],
        from: usize,
        frames: usize,
    ) -> Result<Attention, Error> {
        self.layout.attention(audio, tokens, from, frames)
    }
}

impl Attention {
    /// Cuts `[all tokens, all frames]` matrices, one for each head, to the rows from `from` on and the first `frames`
    /// columns.
    fn cut<'a>(
        heads: impl IntoIterator<Item = &'a [f32]>,
        width: usize,
        from: usize,
        frames: usize,
    ) -> Result<Self, Error> {
        let frames = frames.min(width);
        let mut attention = Self { heads: 0, tokens: 0, frames, values: Vec::new() };
        for head in heads {
            let rows = head.chunks_exact(width).skip(from);
            (attention.heads, attention.tokens) = (attention.heads + 1, rows.len());
            attention.values.extend(rows.flat_map(|row| &row[..frames]));
        }
        Ok(attention)
    }
}

#[cfg(test)]
impl Audio {
    /// An output of the encoder, by its index.
    pub(crate) fn values(&self, output: usize) -> Result<(Vec<i64>, &[f32]), Error> {
        let (shape, values) = self.0[output].try_extract_tensor::<f32>()?;
        Ok((shape.to_vec(), values))
    }
}

fn ids(tokens: &[u32]) -> Vec<i64> {
    tokens.iter().map(|token| i64::from(*token)).collect()
}

fn missing(output: &str) -> Error {
    Error::model(format!("the network has no output `{output}`: it is not from the supported exporter"))
}

/// Checks the shape of a network's output.
fn expect(what: &str, value: &DynValue, expected: &[usize]) -> Result<(), Error> {
    let found = value.shape();
    let same = found.len() == expected.len() && found.iter().zip(expected).all(|(found, size)| *found == *size as i64);
    if same { Ok(()) } else { Err(Error::model(format!("`{what}` is {:?} instead of {expected:?}", &found[..]))) }
}
