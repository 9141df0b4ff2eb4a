//! An encoder with the optimizations in a preset, and their effect on its outputs.
//!
//! Invariant: an optimized network is run with the same noise as the original file. The difference of the outputs is
//! reported; for an optimization that must give the same results, a difference beyond rounding is an error. Threads:
//! the one that loads the model.

use crate::{
    encoder::{Encoder, Layout, Order},
    graph::{self, Optimization},
};
use auricle_plugin_api::{Config, Error, Field};
use auricle_plugin_kit::{
    fbank::{Fbank, Plan},
    onnx::{Options, Runtime, Sessions},
};
use serde_json::{Value, json};
use std::{path::Path, sync::Arc};

/// The configuration field with the optimizations' names.
pub(crate) const FIELD: &str = "optimize";
/// Number of steps of both networks. After them, caches of the usual lengths are full and moving.
const STEPS: usize = 16;
/// Maximum change of an output by an optimization that must give the same results, relative to the largest output:
/// rounding over many layers.
const ROUNDING: f32 = 1e-3;

pub(crate) fn field() -> Field {
    let optimizations = Optimization::ALL.map(Optimization::name);
    Field::load(FIELD).strings(optimizations.len()).default(Vec::<String>::new()).set("items", json!({"enum": optimizations})).describe(
        "optimizations of the network or encoder, applied when its file is loaded: `projected-cache` (NeMo: caches attention's \
         keys and values instead of computing them at each step; same results), `int8` (weights of 8 bits; slightly different \
         results)",
    )
}

/// The optimizations that the configuration names, in the order in which they are applied.
pub(crate) fn optimizations(config: &Config) -> Result<Vec<Optimization>, Error> {
    let named: Vec<String> = config.get(FIELD)?;
    let known = |name: &&String| Optimization::ALL.iter().any(|optimization| optimization.name() == **name);
    if let Some(unknown) = named.iter().find(|name| !known(name)) {
        let optimizations = Optimization::ALL.map(Optimization::name).join(", ");
        return Err(Error::config(FIELD, format!("there is no optimization `{unknown}`; available: {optimizations}")));
    }
    Ok(Optimization::ALL
        .into_iter()
        .filter(|optimization| named.iter().any(|name| name == optimization.name()))
        .collect())
}

/// The effect of an optimization, together with those before it.
#[derive(Debug)]
pub(crate) struct OptimizationEffect {
    optimization: Optimization,
    /// Number of changed parts of the network.
    parts: usize,
    /// Maximum change of an output.
    moved: f32,
    /// The largest output.
    greatest: f32,
}

impl OptimizationEffect {
    /// The form for the model's metadata.
    pub(crate) fn described(&self) -> Value {
        let Self { optimization, parts, moved, greatest } = self;
        json!({"form": optimization.name(), "parts": parts, "moved": moved, "greatest": greatest})
    }
}

/// The encoder with these optimizations, in place of `plain`, the original file. The error does not name the file.
pub(crate) fn open(
    runtime: &Runtime,
    file: &Path,
    options: Options,
    optimizations: &[Optimization],
    plain: Encoder,
    read: impl Fn(&Sessions) -> Result<Layout, Error>,
) -> Result<(Encoder, Vec<OptimizationEffect>), Error> {
    if optimizations.is_empty() {
        return Ok((plain, Vec::new()));
    }
    let expected = outputs(&plain)?;
    let (mut encoder, mut effects) = (plain, Vec::new());
    for (last, optimization) in optimizations.iter().enumerate() {
        let these = optimizations[..=last].to_vec();
        let sessions = Sessions::open_prepared(runtime, file, options, move |file| graph::rewrite(file, &these))?;
        let parts = sessions.lend()?.metadata()?.custom(optimization.mark()).and_then(|parts| parts.parse().ok());
        let layout = read(&sessions)?;
        encoder = Encoder::open(sessions, layout)?;
        let effect = effect(*optimization, parts.unwrap_or_default(), &expected, &outputs(&encoder)?)?;
        let OptimizationEffect { parts, moved, greatest, .. } = &effect;
        tracing::info!(file = %file.display(), optimization = optimization.name(), parts, moved, greatest, "optimized");
        effects.push(effect);
    }
    Ok((encoder, effects))
}

fn effect(
    optimization: Optimization,
    parts: usize,
    expected: &[f32],
    found: &[f32],
) -> Result<OptimizationEffect, Error> {
    let greatest = expected.iter().fold(0.0, |most: f32, value| most.max(value.abs()));
    let moved = expected.iter().zip(found).fold(0.0, |most: f32, (one, other)| most.max((one - other).abs()));
    let finite = |values: &[f32]| values.iter().all(|value| value.is_finite());
    let sound = expected.len() == found.len() && (finite(found) || !finite(expected));
    if !sound || optimization == Optimization::ProjectedCache && moved > ROUNDING * greatest.max(1.0) {
        return Err(Error::model(format!(
            "as {} gives other outputs: of outputs up to {greatest} some are moved by {moved}",
            optimization.name()
        )));
    }
    Ok(OptimizationEffect { optimization, parts, moved, greatest })
}

/// The outputs of an encoder for noise, from the start of a stream.
fn outputs(encoder: &Encoder) -> Result<Vec<f32>, Error> {
    let layout = &encoder.layout;
    let mut features = Fbank::new(Arc::new(Plan::new(&layout.features)?));
    let frames = layout.window + (STEPS - 1) * layout.shift;
    let mut random = 1_u32;
    while features.ready() < frames as u64 {
        let noise = (0..features.plan().shift()).map(|_| {
            // Numerical Recipes' generator.
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            random as f32 / u32::MAX as f32 - 0.5
        });
        features.accept(&noise.collect::<Vec<f32>>());
    }
    let (mut caches, mut outputs) = (encoder.fresh(), Vec::new());
    for step in 0..STEPS {
        let first = (step * layout.shift) as u64;
        let frames = first..first + layout.window as u64;
        let mut bench = encoder.bench();
        let window = bench.windows(encoder.window_values());
        match layout.window_order {
            Order::FramesFirst => features.copy(frames, window),
            Order::WidthFirst => features.copy_transposed(frames, window),
        }
        outputs.extend(encoder.step(bench, &mut [&mut caches])?.view()?.iter());
    }
    Ok(outputs)
}
