//! Files as exported by Optimum.
//!
//! Inputs are `past_key_values.N.decoder.key` and similar, outputs `present.N.decoder.key`, [batch, heads, tokens, head
//! width]; the encoder's keys and values are outputs of the prompt and stay. Each call returns new caches, so beams
//! share their common part: a beam is a list of tensors that others may hold too. Exports with attentions have
//! `cross_attentions.N`, [batch, heads, tokens, frames].

use super::{
    Attention, Audio, Decode, Layout, Sizes, expect,
    half::{Taken, given, is_half, zeros},
    ids, missing,
};
use crate::{folder::Decoder as Files, window::Window};
use auricle_plugin_api::Error;
use auricle_plugin_kit::onnx::{Options, Runtime, Sessions};
use ort::{
    session::{Session, SessionInputValue, SessionOutputs},
    value::{DynValue, TensorRef},
};
use std::{path::Path, sync::Arc};

/// An opened export.
pub(super) struct Stock {
    encoder: Sessions,
    decoder: Decoder,
    sizes: Sizes,
    /// Names of the caches, of a decode and of the audio: inputs, outputs.
    own: Vec<(String, String)>,
    cross: Vec<(String, String)>,
    attends: bool,
    /// Whether the features have 16 bits, and the caches.
    half_features: bool,
    half_caches: bool,
}

enum Decoder {
    Merged(Sessions),
    Split { first: Sessions, next: Sessions },
}

impl Decoder {
    fn first(&self) -> &Sessions {
        match self {
            Self::Merged(sessions) => sessions,
            Self::Split { first, .. } => first,
        }
    }

    fn next(&self) -> &Sessions {
        match self {
            Self::Merged(sessions) => sessions,
            Self::Split { next, .. } => next,
        }
    }

    fn is_merged(&self) -> bool {
        matches!(self, Self::Merged(_))
    }
}

impl Stock {
    pub(super) fn open(
        runtime: &Runtime,
        encoder: &Path,
        decoder: &Files,
        sizes: Sizes,
        options: Options,
    ) -> Result<Self, Error> {
        let open = |file: &Path| Sessions::open(runtime, file, options);
        let decoder = match decoder {
            Files::Merged(file) => Decoder::Merged(open(file)?),
            Files::Split { first, next } => Decoder::Split { first: open(first)?, next: open(next)? },
        };
        let encoder = open(encoder)?;
        let names = |place: &str| {
            let name = |layer: usize, what: &str| {
                let end = format!("{layer}.{place}.{what}");
                (format!("past_key_values.{end}"), format!("present.{end}"))
            };
            (0..sizes.layers).flat_map(|layer| [name(layer, "key"), name(layer, "value")]).collect()
        };
        let (own, cross) = (names("decoder"), names("encoder"));
        let half_features = input_is_half(&*encoder.lend()?, "input_features");
        let half_caches = input_is_half(&*decoder.next().lend()?, "past_key_values.0.decoder.key");
        let gives = |session: &Session, name: &str| session.outputs().iter().any(|output| output.name() == name);
        let attends = !sizes.alignment.is_empty() && gives(&*decoder.first().lend()?, "cross_attentions.0");
        Ok(Self { encoder, decoder, sizes, own, cross, attends, half_features, half_caches })
    }

    /// Runs a prompt and passes on the outputs.
    fn prompt<T>(
        &self,
        audio: &Audio,
        prompt: &[u32],
        take: impl FnOnce(&mut SessionOutputs<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let tokens = ids(prompt);
        let mut inputs = vec![
            ("input_ids", TensorRef::from_array_view(([1, tokens.len()], tokens.as_slice()))?.into()),
            ("encoder_hidden_states", SessionInputValue::from(&audio.0[0])),
        ];
        // Inputs that a merged decoder does not use must still exist; the runtime needs at least one frame of them.
        let Sizes { heads, head_width, .. } = self.sizes;
        let nothing = zeros([1, heads, 1, head_width], self.half_caches)?;
        if self.decoder.is_merged() {
            for (name, _) in self.own.iter().chain(&self.cross) {
                inputs.push((name, SessionInputValue::from(&nothing)));
            }
            inputs.push(("use_cache_branch", TensorRef::from_array_view(([1], [false].as_slice()))?.into()));
        }
        let mut session = self.decoder.first().lend()?;
        let mut outputs = session.run(inputs)?;
        take(&mut outputs)
    }

    /// Appends a token: returns the caches after it, and its logits.
    fn next(&self, audio: &Audio, cross: &[DynValue], own: &[DynValue], token: u32) -> Result<(Beam, Taken), Error> {
        let tokens = ids(&[token]);
        let mut inputs: Vec<(&str, SessionInputValue<'_>)> = Vec::with_capacity(4 * self.sizes.layers + 3);
        inputs.push(("input_ids", TensorRef::from_array_view(([1, 1], tokens.as_slice()))?.into()));
        if self.decoder.is_merged() {
            inputs.push(("encoder_hidden_states", SessionInputValue::from(&audio.0[0])));
            inputs.push(("use_cache_branch", TensorRef::from_array_view(([1], [true].as_slice()))?.into()));
        }
        for ((name, _), value) in self.own.iter().zip(own).chain(self.cross.iter().zip(cross)) {
            inputs.push((name, SessionInputValue::from(value)));
        }
        let mut session = self.decoder.next().lend()?;
        let mut outputs = session.run(inputs)?;
        Ok((Arc::new(all(&mut outputs, &self.own)?), Taken::new(one(&mut outputs, "logits")?)?))
    }
}

impl Layout for Stock {
    fn encode(&self, window: &Window) -> Result<Audio, Error> {
        let Sizes { bins, frames, states, width, .. } = self.sizes;
        let input = given([1, bins, frames], &window.features, self.half_features)?;
        let mut session = self.encoder.lend()?;
        let mut outputs = session.run(ort::inputs!["input_features" => input])?;
        let found = one(&mut outputs, "last_hidden_state")?;
        expect("last_hidden_state", &found, &[1, states, width])?;
        Ok(Audio(vec![found]))
    }

    fn begin<'a>(
        &'a self,
        audio: &'a Audio,
        prompt: &[u32],
        rows: &[usize],
        _beams: usize,
    ) -> Result<Box<dyn Decode + 'a>, Error> {
        let (own, cross, logits) = self.prompt(audio, prompt, |outputs| {
            let own = Arc::new(all(outputs, &self.own)?);
            Ok((own, all(outputs, &self.cross)?, Taken::new(one(outputs, "logits")?)?))
        })?;
        let places = rows.iter().map(|row| (0, *row)).collect();
        Ok(Box::new(Text { stock: self, audio, cross, beams: vec![own], logits: vec![logits], places }))
    }

    fn attends(&self) -> bool {
        self.attends
    }

    fn attention(&self, audio: &Audio, tokens: &[u32], from: usize, frames: usize) -> Result<Attention, Error> {
        let Sizes { layers, heads, states, .. } = self.sizes;
        let mut looks = self.prompt(audio, tokens, |outputs| {
            let names = (0..layers).map(|layer| format!("cross_attentions.{layer}"));
            names
                .map(|name| {
                    let found = one(outputs, &name)?;
                    expect(&name, &found, &[1, heads, tokens.len(), states])?;
                    Taken::new(found)
                })
                .collect::<Result<Vec<_>, _>>()
        })?;
        let layers = looks.iter_mut().map(Taken::values).collect::<Result<Vec<_>, _>>()?;
        let size = tokens.len() * states;
        let heads = self.sizes.alignment.iter().map(|(layer, head)| &layers[*layer][head * size..][..size]);
        Attention::cut(heads, states, from, frames)
    }
}

/// The caches of a text, alternating keys and values, as returned by the network.
type Beam = Arc<Vec<DynValue>>;

/// A decode.
struct Text<'a> {
    stock: &'a Stock,
    audio: &'a Audio,
    cross: Vec<DynValue>,
    beams: Vec<Beam>,
    logits: Vec<Taken>,
    /// The places of the rows that can be requested: the index of the logits, and of the token in them.
    places: Vec<(usize, usize)>,
}

impl Decode for Text<'_> {
    fn step(&mut self, tokens: &[u32], parents: &[usize]) -> Result<(), Error> {
        let (mut beams, mut logits) = (Vec::with_capacity(tokens.len()), Vec::with_capacity(tokens.len()));
        for (token, parent) in tokens.iter().zip(parents) {
            let parent = &self.beams[(*parent).min(self.beams.len() - 1)];
            let (beam, after) = self.stock.next(self.audio, &self.cross, parent, *token)?;
            beams.push(beam);
            logits.push(after);
        }
        self.places = (0..beams.len()).map(|beam| (beam, 0)).collect();
        (self.beams, self.logits) = (beams, logits);
        Ok(())
    }

    fn extend(&mut self, tokens: &[u32]) -> Result<usize, Error> {
        // The caches of further tokens could not be taken back.
        self.step(&tokens[..1], &[0]).map(|()| 1)
    }

    fn take_back(&mut self, count: usize) {
        debug_assert_eq!(count, 0, "a single token is not taken back");
    }

    fn logits(&mut self, row: usize) -> Result<&mut [f32], Error> {
        let (value, place) = self.places[row];
        let size = self.stock.sizes.vocabulary;
        let values = self.logits[value].values()?;
        let whole = values.len();
        values.get_mut(place * size..(place + 1) * size).ok_or_else(|| {
            Error::model(format!("the decoder returned {whole} logits, which is not {size} for each token"))
        })
    }
}

fn input_is_half(session: &Session, name: &str) -> bool {
    session.inputs().iter().any(|input| input.name() == name && is_half(input.dtype()))
}

fn one(outputs: &mut SessionOutputs<'_>, name: &str) -> Result<DynValue, Error> {
    outputs.remove(name).ok_or_else(|| missing(name))
}

fn all(outputs: &mut SessionOutputs<'_>, names: &[(String, String)]) -> Result<Vec<DynValue>, Error> {
    names.iter().map(|(_, name)| one(outputs, name)).collect()
}
