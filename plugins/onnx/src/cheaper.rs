//! An encoder in the cheaper forms that a preset asks for, and what they do to what it says.
//!
//! Invariant: a form that was opened has heard the same noise as the file as it is; how far that moved its output is told, and
//! where a form is to compute the same, more than the last digits is an error. Threads: that of the load.

use crate::{
    encoder::{Encoder, Layout, Order},
    graph::{self, Form},
};
use auricle_plugin_api::{Config, Error, Field};
use auricle_plugin_kit::{
    fbank::{Fbank, Plan},
    onnx::{Options, Runtime, Sessions},
};
use serde_json::{Value, json};
use std::{path::Path, sync::Arc};

/// The field that names forms.
pub(crate) const FIELD: &str = "optimize";
/// Steps that both hear: with these, caches of the usual lengths are full, and move on.
const STEPS: usize = 16;
/// How far a form that computes the same may move an output, for each of the greatest output: rounding, through many layers.
const ROUNDING: f32 = 1e-3;

pub(crate) fn field() -> Field {
    let forms = Form::ALL.map(Form::name);
    Field::load(FIELD).strings(forms.len()).default(Vec::<String>::new()).set("items", json!({"enum": forms})).describe(
        "cheaper forms of the network or encoder, made of its file when it is loaded: `projected-cache` (NeMo: attention's keys \
         and values are cached, not made again at each step; says the same), `int8` (weights of 8 bits; says a little else)",
    )
}

/// The forms that are asked for, in the order in which they are made.
pub(crate) fn forms(config: &Config) -> Result<Vec<Form>, Error> {
    let named: Vec<String> = config.get(FIELD)?;
    let known = |name: &&String| Form::ALL.iter().any(|form| form.name() == **name);
    if let Some(unknown) = named.iter().find(|name| !known(name)) {
        let forms = Form::ALL.map(Form::name).join(", ");
        return Err(Error::config(FIELD, format!("there is no form `{unknown}`; there are {forms}")));
    }
    Ok(Form::ALL.into_iter().filter(|form| named.iter().any(|name| name == form.name())).collect())
}

/// What a form does, together with those before it.
#[derive(Debug)]
pub(crate) struct Effect {
    form: Form,
    /// How many parts of the network were changed.
    parts: usize,
    /// How far it moves an output at most.
    moved: f32,
    /// The greatest output.
    greatest: f32,
}

impl Effect {
    /// For the model's metadata.
    pub(crate) fn told(&self) -> Value {
        let Self { form, parts, moved, greatest } = self;
        json!({"form": form.name(), "parts": parts, "moved": moved, "greatest": greatest})
    }
}

/// The encoder in these forms, in place of `plain`, which is the file as it is. The error does not name the file.
pub(crate) fn open(
    runtime: &Runtime,
    file: &Path,
    options: Options,
    forms: &[Form],
    plain: Encoder,
    read: impl Fn(&Sessions) -> Result<Layout, Error>,
) -> Result<(Encoder, Vec<Effect>), Error> {
    if forms.is_empty() {
        return Ok((plain, Vec::new()));
    }
    let expected = outputs(&plain)?;
    let (mut encoder, mut effects) = (plain, Vec::new());
    for (last, form) in forms.iter().enumerate() {
        let these = forms[..=last].to_vec();
        let sessions = Sessions::open_prepared(runtime, file, options, move |file| graph::rewrite(file, &these))?;
        let parts = sessions.lend()?.metadata()?.custom(form.mark()).and_then(|parts| parts.parse().ok());
        let layout = read(&sessions)?;
        encoder = Encoder::open(sessions, layout)?;
        let effect = effect(*form, parts.unwrap_or_default(), &expected, &outputs(&encoder)?)?;
        let Effect { parts, moved, greatest, .. } = &effect;
        tracing::info!(file = %file.display(), form = form.name(), parts, moved, greatest, "made cheaper");
        effects.push(effect);
    }
    Ok((encoder, effects))
}

fn effect(form: Form, parts: usize, expected: &[f32], found: &[f32]) -> Result<Effect, Error> {
    let greatest = expected.iter().fold(0.0, |most: f32, value| most.max(value.abs()));
    let moved = expected.iter().zip(found).fold(0.0, |most: f32, (one, other)| most.max((one - other).abs()));
    let finite = |values: &[f32]| values.iter().all(|value| value.is_finite());
    let sound = expected.len() == found.len() && (finite(found) || !finite(expected));
    if !sound || form == Form::ProjectedCache && moved > ROUNDING * greatest.max(1.0) {
        return Err(Error::model(format!(
            "in the form {} says something else: of outputs up to {greatest} some are moved by {moved}",
            form.name()
        )));
    }
    Ok(Effect { form, parts, moved, greatest })
}

/// What an encoder says of noise, from the beginning of a stream on.
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
