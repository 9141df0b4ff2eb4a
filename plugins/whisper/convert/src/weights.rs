//! Turns CTranslate2's variables into the weights of a Whisper model.
//!
//! Invariant: each variable is used, or is known to have no effect. A file with any other variable is refused, because the networks
//! would compute something else than CTranslate2. Source: `WhisperSpec` of CTranslate2 4.8. In `self_attention`, `linear_0` stacks the
//! matrices of queries, keys and values. In the decoder's `attention`, `linear_1` stacks those of keys and values. The bias of keys is
//! zero.

use crate::{
    model::{
        Attention, Decoder, DecoderLayer, Encoder, EncoderLayer, FeedForward, Linear, Norm, Numbers, Sizes, Tensor,
        Whisper,
    },
    model_bin::{Kind, Variable, Variables},
};
use std::ops::RangeInclusive;

/// The engine's limits. A file with sizes beyond them is damaged.
const WIDTHS: RangeInclusive<usize> = 1..=1 << 16;
const LAYERS: RangeInclusive<usize> = 1..=256;
const POSITIONS: RangeInclusive<usize> = 16..=1 << 16;
/// Frames that the encoder outputs per second.
const STATES_PER_SECOND: usize = 50;
/// ONNX Runtime's attention needs heads whose width is a multiple of this.
const EIGHTS: usize = 8;
/// The width of a head in every published model.
const HEAD: usize = 64;
/// The settings of every Whisper model: GELU, and norms before the layers. All other settings must be zero (off).
const SETTINGS: [(&str, i64); 2] = [("decoder/activation", 3), ("decoder/pre_norm", 1)];
/// CTranslate2's default alignment heads. They are ignored: `settings` has its own default.
const UNUSED: [&str; 2] = ["decoder/alignment_heads", "decoder/alignment_layer"];
const PROJECTION: &str = "decoder/projection/weight";

/// Why variables are not those of a Whisper model. The text continues the file's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WeightsError {
    /// A missing variable.
    #[error("has no `{0}`, which every Whisper model of CTranslate2 has")]
    Missing(String),
    /// A variable of another architecture.
    #[error("has `{0}`, which no Whisper model has: this architecture is not supported")]
    Unknown(String),
    /// Weights of an unsupported type.
    #[error(
        "has `{name}` in {kind}: only float16 and float32 can be read; use a model that was converted with `--quantization float16`"
    )]
    Kind {
        /// The variable.
        name: String,
        /// Its type.
        kind: Kind,
    },
    /// A shape that does not match the other variables.
    #[error("has `{name}` with the shape {found:?}, but its other variables require {expected:?}")]
    Shape {
        /// The variable.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape that the other variables require.
        expected: Vec<usize>,
    },
    /// A wrong number of axes.
    #[error("has `{name}` with the shape {found:?}, but it must have {axes} axes")]
    Axes {
        /// The variable.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// The number of axes that it must have.
        axes: usize,
    },
    /// An infinite value or NaN.
    #[error("has an infinite value or NaN in `{0}`: it is damaged")]
    NotFinite(String),
    /// A setting of another architecture.
    #[error("has {found} for `{name}`, but a Whisper model has {expected}")]
    Setting {
        /// The variable.
        name: String,
        /// Its value.
        found: i64,
        /// The value in a Whisper model.
        expected: i64,
    },
    /// A bias of keys that is not zero.
    #[error("has a bias for the keys in `{0}`, but in a Whisper model it is zero")]
    KeyBias(String),
    /// A separate matrix for the logits.
    #[error(
        "has a `{PROJECTION}` that differs from `decoder/embeddings/weight`, but in a Whisper model they are the same"
    )]
    Projection,
    /// A size that the engine does not support.
    #[error("has the {what} {found}, but it must {rule}")]
    Size {
        /// The name of the size.
        what: &'static str,
        /// Its value.
        found: usize,
        /// The condition that it must meet.
        rule: &'static str,
    },
}

/// Builds a model from a file's variables.
pub(crate) fn read(variables: Variables) -> Result<Whisper, WeightsError> {
    let mut reading = Reading(variables);
    let sizes = reading.sizes()?;
    let encoder = reading.encoder(&sizes)?;
    let decoder = reading.decoder(&sizes)?;
    match reading.0.into_keys().next() {
        Some(name) => Err(WeightsError::Unknown(name)),
        None => Ok(Whisper { sizes, encoder, decoder }),
    }
}

/// The variables that are not used yet.
struct Reading(Variables);

impl Reading {
    fn look(&self, name: &str) -> Result<&Variable, WeightsError> {
        self.0.get(name).ok_or_else(|| WeightsError::Missing(name.to_owned()))
    }

    /// The shape of weights with `N` axes.
    fn shape<const N: usize>(&self, name: &str) -> Result<[usize; N], WeightsError> {
        let Variable { kind, shape, .. } = self.look(name)?;
        if !matches!(kind, Kind::Float16 | Kind::Float32) {
            return Err(WeightsError::Kind { name: name.to_owned(), kind: *kind });
        }
        let refused = |_| WeightsError::Axes { name: name.to_owned(), found: shape.clone(), axes: N };
        shape.as_slice().try_into().map_err(refused)
    }

    /// Removes the settings and reads the sizes from the shapes.
    fn sizes(&mut self) -> Result<Sizes, WeightsError> {
        let [width, bins, _] = self.shape("encoder/conv1/weight")?;
        let [states, _] = self.shape("encoder/position_encodings/encodings")?;
        let [positions, _] = self.shape("decoder/position_encodings/encodings")?;
        let [vocabulary, _] = self.shape("decoder/embeddings/weight")?;
        let [encoder_inner, _] = self.shape("encoder/layer_0/ffn/linear_0/weight")?;
        let [decoder_inner, _] = self.shape("decoder/layer_0/ffn/linear_0/weight")?;
        let layers = |side: &str| {
            let is_there = |layer: &usize| self.0.contains_key(&format!("{side}/layer_{layer}/ffn/linear_0/weight"));
            (0..).take_while(is_there).count()
        };
        let (encoder_layers, decoder_layers) = (layers("encoder"), layers("decoder"));
        let (encoder_heads, decoder_heads) = (self.heads("encoder", width)?, self.heads("decoder", width)?);
        self.settings()?;
        let sizes = Sizes {
            width,
            bins,
            states,
            positions,
            vocabulary,
            encoder_layers,
            encoder_heads,
            encoder_inner,
            decoder_layers,
            decoder_heads,
            decoder_inner,
        };
        check(&sizes)?;
        Ok(sizes)
    }

    fn heads(&mut self, side: &str, width: usize) -> Result<usize, WeightsError> {
        let name = format!("{side}/num_heads");
        let Some(variable) = self.0.remove(&name) else { return Ok(width / HEAD) };
        let heads = variable.integer().and_then(|heads| usize::try_from(heads).ok());
        heads.ok_or(WeightsError::Unknown(name))
    }

    fn settings(&mut self) -> Result<(), WeightsError> {
        let mut wrong = None;
        self.0.retain(|name, variable| {
            let Some(found) = variable.integer().filter(|_| variable.shape.is_empty()) else { return true };
            let expected = SETTINGS.iter().find(|(setting, _)| setting == name).map_or(0, |(_, value)| *value);
            if found != expected && !UNUSED.contains(&name.as_str()) {
                wrong.get_or_insert_with(|| WeightsError::Setting { name: name.clone(), found, expected });
            }
            false
        });
        wrong.map_or(Ok(()), Err)
    }

    /// Removes a variable, checks its shape and values, and returns its numbers.
    fn take(&mut self, variable: &str, shape: &[usize]) -> Result<Numbers, WeightsError> {
        let name = || variable.to_owned();
        let found = self.0.remove(variable).ok_or_else(|| WeightsError::Missing(name()))?;
        let numbers = match found.kind {
            Kind::Float16 => Numbers::Float16(found.bytes),
            Kind::Float32 => Numbers::Float32(found.bytes),
            kind => return Err(WeightsError::Kind { name: name(), kind }),
        };
        if found.shape != shape {
            return Err(WeightsError::Shape { name: name(), found: found.shape, expected: shape.to_vec() });
        }
        if numbers.iter().any(|number| !number.is_finite()) {
            return Err(WeightsError::NotFinite(name()));
        }
        Ok(numbers)
    }

    fn tensor(&mut self, variable: &str, name: &str, shape: &[usize]) -> Result<Tensor, WeightsError> {
        let numbers = self.take(variable, shape)?;
        Ok(Tensor { name: name.to_owned(), shape: shape.to_vec(), numbers })
    }

    fn norm(&mut self, variable: &str, name: &str, width: usize) -> Result<Norm, WeightsError> {
        let weight = self.tensor(&format!("{variable}/gamma"), &format!("{name}.weight"), &[width])?;
        let bias = self.tensor(&format!("{variable}/beta"), &format!("{name}.bias"), &[width])?;
        Ok(Norm { weight, bias })
    }

    /// Splits a variable into `N` matrices that are stacked by rows. Each has the shape `rows`, then `columns`.
    fn linears<const N: usize>(
        &mut self,
        variable: &str,
        names: [&str; N],
        rows: usize,
        columns: &[usize],
    ) -> Result<[Linear; N], WeightsError> {
        let stacked = |columns: &[usize]| [&[rows * N], columns].concat();
        let weights = self.take(&format!("{variable}/weight"), &stacked(columns))?;
        let biases = self.take(&format!("{variable}/bias"), &stacked(&[]))?;
        let mut part = 0;
        let mut no_bias = Ok(());
        let linears = names.map(|name| {
            let (weight, bias) = (weights.part(part, N), biases.part(part, N));
            part += 1;
            let is_key = name.ends_with("k_proj");
            if is_key && bias.iter().any(|number| number != 0.0) {
                no_bias = Err(WeightsError::KeyBias(format!("{variable}/bias")));
            }
            let weight = Tensor { name: format!("{name}.weight"), shape: [&[rows], columns].concat(), numbers: weight };
            let bias = Tensor { name: format!("{name}.bias"), shape: vec![rows], numbers: bias };
            Linear { weight, bias: (!is_key).then_some(bias) }
        });
        no_bias.map(|()| linears)
    }

    fn linear(&mut self, variable: &str, name: &str, rows: usize, columns: &[usize]) -> Result<Linear, WeightsError> {
        self.linears(variable, [name], rows, columns).map(|[linear]| linear)
    }

    fn self_attention(&mut self, variable: &str, layer: &str, width: usize) -> Result<Attention, WeightsError> {
        let (variable, name) = (format!("{variable}/self_attention"), format!("{layer}.self_attn"));
        let [q, k, v, out] = ["q", "k", "v", "out"].map(|part| format!("{name}.{part}_proj"));
        let norm = self.norm(&format!("{variable}/layer_norm"), &format!("{name}_layer_norm"), width)?;
        let [query, key, value] = self.linears(&format!("{variable}/linear_0"), [&q, &k, &v], width, &[width])?;
        let out = self.linear(&format!("{variable}/linear_1"), &out, width, &[width])?;
        Ok(Attention { name, norm, query, key, value, out })
    }

    fn cross_attention(&mut self, variable: &str, layer: &str, width: usize) -> Result<Attention, WeightsError> {
        let (variable, name) = (format!("{variable}/attention"), format!("{layer}.encoder_attn"));
        let [q, k, v, out] = ["q", "k", "v", "out"].map(|part| format!("{name}.{part}_proj"));
        let norm = self.norm(&format!("{variable}/layer_norm"), &format!("{name}_layer_norm"), width)?;
        let query = self.linear(&format!("{variable}/linear_0"), &q, width, &[width])?;
        let [key, value] = self.linears(&format!("{variable}/linear_1"), [&k, &v], width, &[width])?;
        let out = self.linear(&format!("{variable}/linear_2"), &out, width, &[width])?;
        Ok(Attention { name, norm, query, key, value, out })
    }

    fn feed_forward(
        &mut self,
        variable: &str,
        name: &str,
        width: usize,
        inner: usize,
    ) -> Result<FeedForward, WeightsError> {
        let variable = format!("{variable}/ffn");
        let norm = self.norm(&format!("{variable}/layer_norm"), &format!("{name}.final_layer_norm"), width)?;
        let first = self.linear(&format!("{variable}/linear_0"), &format!("{name}.fc1"), inner, &[width])?;
        let second = self.linear(&format!("{variable}/linear_1"), &format!("{name}.fc2"), width, &[inner])?;
        Ok(FeedForward { norm, first, second })
    }

    fn encoder(&mut self, sizes: &Sizes) -> Result<Encoder, WeightsError> {
        let (width, name) = (sizes.width, "model.encoder");
        let convolutions = [
            self.linear("encoder/conv1", &format!("{name}.conv1"), width, &[sizes.bins, 3])?,
            self.linear("encoder/conv2", &format!("{name}.conv2"), width, &[width, 3])?,
        ];
        let positions = format!("{name}.embed_positions.weight");
        let positions = self.tensor("encoder/position_encodings/encodings", &positions, &[sizes.states, width])?;
        let mut layers = Vec::new();
        for layer in 0..sizes.encoder_layers {
            let (variable, name) = (format!("encoder/layer_{layer}"), format!("{name}.layers.{layer}"));
            let attention = self.self_attention(&variable, &name, width)?;
            let feed_forward = self.feed_forward(&variable, &name, width, sizes.encoder_inner)?;
            layers.push(EncoderLayer { attention, feed_forward });
        }
        let norm = self.norm("encoder/layer_norm", &format!("{name}.layer_norm"), width)?;
        Ok(Encoder { convolutions, positions, layers, norm })
    }

    fn decoder(&mut self, sizes: &Sizes) -> Result<Decoder, WeightsError> {
        let (width, name) = (sizes.width, "model.decoder");
        let (vocabulary, tokens) = ([sizes.vocabulary, width], format!("{name}.embed_tokens.weight"));
        if let Some(projection) = self.0.remove(PROJECTION) {
            let tokens = self.look("decoder/embeddings/weight")?;
            if (projection.kind, &projection.shape, &projection.bytes) != (tokens.kind, &tokens.shape, &tokens.bytes) {
                return Err(WeightsError::Projection);
            }
        }
        let tokens = self.tensor("decoder/embeddings/weight", &tokens, &vocabulary)?;
        let positions = format!("{name}.embed_positions.weight");
        let positions = self.tensor("decoder/position_encodings/encodings", &positions, &[sizes.positions, width])?;
        let mut layers = Vec::new();
        for layer in 0..sizes.decoder_layers {
            let (variable, name) = (format!("decoder/layer_{layer}"), format!("{name}.layers.{layer}"));
            let attention = self.self_attention(&variable, &name, width)?;
            let cross = self.cross_attention(&variable, &name, width)?;
            let feed_forward = self.feed_forward(&variable, &name, width, sizes.decoder_inner)?;
            layers.push(DecoderLayer { attention, cross, feed_forward });
        }
        let norm = self.norm("decoder/layer_norm", &format!("{name}.layer_norm"), width)?;
        Ok(Decoder { tokens, positions, layers, norm })
    }
}

/// Refuses sizes that the engine or the runtime does not support.
fn check(sizes: &Sizes) -> Result<(), WeightsError> {
    let size =
        |what, found, rule, fits: bool| if fits { Ok(()) } else { Err(WeightsError::Size { what, found, rule }) };
    let Sizes { width, bins, states, positions, vocabulary, encoder_layers, decoder_layers, .. } = *sizes;
    let widths = [("width", width), ("mel band count", bins), ("vocabulary size", vocabulary)];
    let inner = [("encoder's inner width", sizes.encoder_inner), ("decoder's inner width", sizes.decoder_inner)];
    for (what, found) in widths.into_iter().chain(inner) {
        let (most, rule) =
            if what.contains("vocabulary") { (1 << 24, "be 1 to 16777216") } else { (*WIDTHS.end(), "be 1 to 65536") };
        size(what, found, rule, found >= *WIDTHS.start() && found <= most)?;
    }
    for (what, found) in [("encoder layer count", encoder_layers), ("decoder layer count", decoder_layers)] {
        size(what, found, "be 1 to 256", LAYERS.contains(&found))?;
    }
    size("maximum token count", positions, "be 16 to 65536", POSITIONS.contains(&positions))?;
    let seconds = states > 0 && states <= *POSITIONS.end() && states % STATES_PER_SECOND == 0;
    size("encoder frame count", states, "be 50 for each second of a window", seconds)?;
    for (what, heads) in [("encoder head count", sizes.encoder_heads), ("decoder head count", sizes.decoder_heads)] {
        let fits = heads > 0 && width % heads == 0 && (width / heads) % EIGHTS == 0;
        size(what, heads, "divide the width into multiples of 8", fits)?;
    }
    Ok(())
}
