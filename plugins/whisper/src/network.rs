//! The networks: features to the encoder's states, states and tokens to logits.
//!
//! Invariant: nothing that the runtime gave is copied for the next token; a decode's caches and states are the runtime's own
//! tensors, handed back as they are. Threads: any, several at once; an [`Audio`] and a [`Decode`] belong to one stream.
//!
//! Source: the layout of Optimum's export. `past_key_values.N.decoder.key` and the like go in, `present.N.decoder.key` come
//! out, [batch, heads, tokens, head width]; the encoder's keys and values come out with the prompt and stay.

use crate::{
    config::Settings,
    folder::{self, Files},
};
use auricle_plugin_api::Error;
use auricle_plugin_kit::onnx::{Options, Runtime, Sessions};
use ndarray::{ArrayView1, ArrayView2, Axis, Ix3};
use ort::{
    session::SessionInputValue,
    value::{DynValue, Tensor, TensorRef},
};
use std::sync::Arc;

/// An opened model.
pub(crate) struct Network {
    encoder: Sessions,
    decoder: Decoder,
    bins: usize,
    frames: usize,
    states: usize,
    layers: usize,
    heads: usize,
    head_width: usize,
    vocabulary: usize,
    /// The caches' names, a decode's and the audio's: of inputs, of outputs.
    names: Names,
}

enum Decoder {
    Merged(Sessions),
    Split { first: Sessions, next: Sessions },
}

struct Names {
    own: Vec<(String, String)>,
    audio: Vec<(String, String)>,
}

/// What the encoder made of a window of audio.
pub(crate) struct Audio {
    states: Arc<DynValue>,
}

#[cfg(test)]
impl Audio {
    /// [states, width].
    pub(crate) fn states(&self) -> Result<ArrayView2<'_, f32>, Error> {
        let states = self.states.try_extract_array::<f32>()?.into_dimensionality::<Ix3>()?;
        Ok(states.index_axis_move(Axis(0), 0))
    }
}

/// A decode under way: the caches after the tokens so far.
pub(crate) struct Decode {
    states: Arc<DynValue>,
    own: Vec<DynValue>,
    /// The encoder's keys and values.
    audio: Vec<DynValue>,
}

/// Logits of a call: [tokens, vocabulary].
pub(crate) struct Logits(DynValue);

impl Logits {
    /// Those after each token of the call.
    pub(crate) fn all(&self) -> Result<ArrayView2<'_, f32>, Error> {
        let logits = self.0.try_extract_array::<f32>()?.into_dimensionality::<Ix3>()?;
        Ok(logits.index_axis_move(Axis(0), 0))
    }

    /// Those after the last.
    pub(crate) fn last(&self) -> Result<ArrayView1<'_, f32>, Error> {
        let all = self.all()?;
        let last = all.nrows().checked_sub(1).ok_or_else(|| Error::model("the decoder gave no logits"))?;
        Ok(all.index_axis_move(Axis(0), last))
    }
}

impl Network {
    /// Opens the networks and runs them once, so that a model which is not what its configuration says is refused here.
    pub(crate) fn open(runtime: &Runtime, files: &Files, settings: &Settings, options: Options) -> Result<Self, Error> {
        let open = |file| Sessions::open(runtime, file, options);
        let decoder = match &files.decoder {
            folder::Decoder::Merged(file) => Decoder::Merged(open(file)?),
            folder::Decoder::Split { first, next } => Decoder::Split { first: open(first)?, next: open(next)? },
        };
        let config = &settings.config;
        let names = |place: &str| {
            let name = |layer: usize, what: &str| {
                let end = format!("{layer}.{place}.{what}");
                (format!("past_key_values.{end}"), format!("present.{end}"))
            };
            (0..config.decoder_layers).flat_map(|layer| [name(layer, "key"), name(layer, "value")]).collect()
        };
        let network = Self {
            encoder: open(&files.encoder)?,
            decoder,
            bins: config.num_mel_bins,
            frames: config.max_source_positions * 2,
            states: config.max_source_positions,
            layers: config.decoder_layers,
            heads: config.decoder_attention_heads,
            head_width: settings.head_width(),
            vocabulary: config.vocab_size,
            names: Names { own: names("decoder"), audio: names("encoder") },
        };
        network.check(settings).map_err(|problem| {
            let folder = files.encoder.parent().unwrap_or(&files.encoder).display();
            Error::model(format!("{folder}: the networks are not what config.json says: {}", problem.message))
        })?;
        Ok(network)
    }

    fn check(&self, settings: &Settings) -> Result<(), Error> {
        let audio = self.encode(&vec![0.0; self.bins * self.frames])?;
        let expected = [1, self.states as i64, settings.config.d_model as i64];
        if audio.states.shape().to_vec() != expected {
            let found = audio.states.shape().to_vec();
            return Err(Error::model(format!("the encoder gave {found:?} instead of {expected:?}")));
        }
        let start = settings.config.decoder_start_token_id;
        let (mut decode, _) = self.begin(&audio, &[start, start])?;
        let logits = self.next(&mut decode, start)?;
        let found = logits.all()?.dim();
        if found != (1, self.vocabulary) {
            return Err(Error::model(format!("the decoder gave logits {found:?} instead of (1, {})", self.vocabulary)));
        }
        Ok(())
    }

    /// Runs the encoder on features [bins, frames] of a whole window.
    pub(crate) fn encode(&self, features: &[f32]) -> Result<Audio, Error> {
        let features = TensorRef::from_array_view(([1, self.bins, self.frames], features))?;
        let mut session = self.encoder.lend()?;
        let mut outputs = session.run(ort::inputs!["input_features" => features])?;
        let states = outputs.remove("last_hidden_state").ok_or_else(|| missing("last_hidden_state"))?;
        Ok(Audio { states: Arc::new(states) })
    }

    /// Begins a decode with its prompt, in one call.
    pub(crate) fn begin(&self, audio: &Audio, prompt: &[u32]) -> Result<(Decode, Logits), Error> {
        let (sessions, merged) = match &self.decoder {
            Decoder::Merged(sessions) => (sessions, true),
            Decoder::Split { first, .. } => (first, false),
        };
        let states = Arc::clone(&audio.states);
        let tokens = tokens(prompt);
        let mut inputs = vec![
            ("input_ids", TensorRef::from_array_view(([1, prompt.len()], tokens.as_slice()))?.into()),
            ("encoder_hidden_states", SessionInputValue::from(&*states)),
        ];
        // What is not used must still be there.
        let nothing = merged.then(|| self.nothing()).transpose()?;
        let no_past = [false];
        if let Some(nothing) = &nothing {
            for (name, _) in self.names.own.iter().chain(&self.names.audio) {
                inputs.push((name, SessionInputValue::from(nothing)));
            }
            inputs.push(("use_cache_branch", TensorRef::from_array_view(([1], no_past.as_slice()))?.into()));
        }
        let mut session = sessions.lend()?;
        let mut outputs = session.run(inputs)?;
        let mut take = |name: &str| outputs.remove(name).ok_or_else(|| missing(name));
        let mut caches =
            |names: &[(String, String)]| names.iter().map(|(_, name)| take(name)).collect::<Result<_, _>>();
        let (own, audio) = (caches(&self.names.own)?, caches(&self.names.audio)?);
        let logits = Logits(take("logits")?);
        drop(outputs);
        Ok((Decode { states, own, audio }, logits))
    }

    /// Goes on with a decode by a token.
    pub(crate) fn next(&self, decode: &mut Decode, token: u32) -> Result<Logits, Error> {
        let (sessions, merged) = match &self.decoder {
            Decoder::Merged(sessions) => (sessions, true),
            Decoder::Split { next, .. } => (next, false),
        };
        let tokens = tokens(&[token]);
        let past = [true];
        let mut inputs: Vec<(&str, SessionInputValue<'_>)> = Vec::with_capacity(4 * self.layers + 3);
        inputs.push(("input_ids", TensorRef::from_array_view(([1, 1], tokens.as_slice()))?.into()));
        if merged {
            inputs.push(("encoder_hidden_states", SessionInputValue::from(&*decode.states)));
            inputs.push(("use_cache_branch", TensorRef::from_array_view(([1], past.as_slice()))?.into()));
        }
        for ((name, _), value) in
            self.names.own.iter().zip(&decode.own).chain(self.names.audio.iter().zip(&decode.audio))
        {
            inputs.push((name, SessionInputValue::from(value)));
        }
        let mut session = sessions.lend()?;
        let mut outputs = session.run(inputs)?;
        for ((_, name), value) in self.names.own.iter().zip(&mut decode.own) {
            *value = outputs.remove(name).ok_or_else(|| missing(name))?;
        }
        outputs.remove("logits").map(Logits).ok_or_else(|| missing("logits"))
    }

    /// A past of no tokens. The runtime wants one frame of audio at the least.
    fn nothing(&self) -> Result<DynValue, Error> {
        let shape = [1, self.heads, 1, self.head_width];
        Ok(Tensor::from_array((shape, vec![0.0f32; self.heads * self.head_width]))?.into_dyn())
    }
}

fn tokens(tokens: &[u32]) -> Vec<i64> {
    tokens.iter().map(|token| i64::from(*token)).collect()
}

fn missing(output: &str) -> Error {
    Error::model(format!("the network gave no `{output}`: it is not as Optimum exports it"))
}
