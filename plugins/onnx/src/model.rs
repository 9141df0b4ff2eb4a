//! The engine and its model.
//!
//! Invariant: a loaded model has run once. Threads: any, several at once.

use crate::{
    batch,
    encoder::Encoder,
    folder::{Files, naming},
    graph::Optimization,
    kinds::{self, Head},
    optimize::{self, OptimizationEffect},
    options,
    pieces::Pieces,
    processor::Processor,
    restart::Points,
    search::Decoder,
    symbols::Symbols,
    transducer::{Parts, Transducer},
};
use auricle_plugin_api::{BatchItem, Config, Error, Field, Host, Metadata, Model, ModelLoader, Replay, Schema};
use auricle_plugin_kit::{
    fbank::Plan,
    onnx::{Options, Runtime, Sessions},
    resources,
};
use std::sync::Arc;

/// Networks in files up to this size gain from larger batches, because much of the cost of a step does not depend on
/// the number of streams. A step of a larger network takes long, and all streams in it wait for its end.
const SMALL_BYTES: u64 = 16 << 20;
const SMALL_BATCH: u32 = 16;
const LARGE_BATCH: u32 = 8;

/// How far a frame extends after its start, in shifts, rounded up.
const FRAMES_BEYOND: usize = 3;

/// The loader of the backend `onnx`.
pub struct Loader;

impl ModelLoader for Loader {
    type Model = Recognizer;

    fn backend(&self) -> &str {
        "onnx"
    }

    fn schema(&self) -> Schema {
        let schema = Schema::new()
            .field(
                Field::load("model")
                    .required()
                    .describe("folder of the model, in a resource directory; it holds ONNX files and tokens.txt"),
            )
            .field(Field::load("file").describe("the network or encoder in that folder, if it contains several"))
            .field(Field::load("precision").default("").describe(
                "selects its files by the end of their names, such as `int8` of encoder.int8.onnx; `fp32` for those without",
            ))
            .field(Field::load("lan").default("auto").describe("language of the model (BCP 47), as reported to clients"))
            .field(Field::load("threads").integer(1, 256).default(1).describe(
                "processor threads per step; for more concurrent streams, the host's `concurrency` is more efficient",
            ))
            .field(optimize::field())
            .field(
                Field::load("max_batch")
                    .integer(1, 64)
                    .describe("maximum number of streams in a batch, if the network supports it; by default 16, or 8 above 16 MB"),
            )
            .field(Field::load("tail_padding").number(0.0, 10.0).default(0.8).describe(
                "seconds of silence after the end of the audio, so that the network reports the last word",
            ));
        options::Options::fields(schema)
    }

    fn load(&self, config: &Config, host: &Host) -> Result<Recognizer, Error> {
        let folder = resources::find(host, "the model", &config.get::<String>("model")?)?;
        let file = config.get_optional::<String>("file")?;
        let files = Files::in_folder(&folder, file.as_deref(), &config.get::<String>("precision")?)?;
        let runtime = Runtime::load(host)?;
        Recognizer::open(&runtime, &files, config)
    }
}

/// A loaded model.
pub struct Recognizer {
    pub(crate) encoder: Encoder,
    pub(crate) decoder: Decoder,
    pub(crate) symbols: Symbols,
    pub(crate) pieces: Pieces,
    pub(crate) features: Arc<Plan>,
    /// Number of samples of silence after the end of the audio.
    pub(crate) tail: usize,
    /// When restart points are reported.
    pub(crate) points: Points,
    max_batch: u32,
    language: Option<String>,
    /// The effects of the requested optimizations.
    effects: Vec<OptimizationEffect>,
}

impl Recognizer {
    fn open(runtime: &Runtime, files: &Files, config: &Config) -> Result<Self, Error> {
        let symbols = Symbols::read(&files.tokens)?;
        let pieces = files.pieces.as_deref().map_or_else(|| Ok(Pieces::default()), Pieces::read)?;
        let options = Options { threads: config.get("threads")?, ..Options::default() };
        let (encoder, decoder, effects) = open(runtime, files, options, &optimize::optimizations(config)?, &symbols)?;
        let layout = &encoder.layout;
        let features = Arc::new(Plan::new(&layout.features)?);
        let tail = (config.get::<f64>("tail_padding")? * f64::from(layout.features.sample_rate)) as usize;
        // Enough for a step whose window has the last frame of audio, which extends some frames beyond its end.
        let tail = tail.max((layout.shift + FRAMES_BEYOND) * features.shift());
        let max_batch = match config.get_optional("max_batch")? {
            _ if !encoder.batches => 1,
            Some(most) => most,
            None if files.network.metadata().is_ok_and(|file| file.len() <= SMALL_BYTES) => SMALL_BATCH,
            None => LARGE_BATCH,
        };
        let language = Some(config.get::<String>("lan")?).filter(|language| language != "auto");
        let points = Points::of(encoder.cache_bytes());
        Ok(Self { encoder, decoder, symbols, pieces, features, tail, points, max_batch, language, effects })
    }

    /// Sample rate in Hz.
    pub(crate) fn rate(&self) -> u32 {
        self.encoder.layout.features.sample_rate
    }

    /// Number of samples between two frames of features.
    pub(crate) fn hop(&self) -> u64 {
        self.features.shift() as u64
    }
}

/// Opens the networks and runs them once.
fn open(
    runtime: &Runtime,
    files: &Files,
    options: Options,
    optimizations: &[Optimization],
    symbols: &Symbols,
) -> Result<(Encoder, Decoder, Vec<OptimizationEffect>), Error> {
    let transducer = match &files.transducer {
        Some(pair) => Some((pair, Parts::open(runtime, pair, options)?)),
        None => None,
    };
    let read = |sessions: &Sessions| {
        let predictor = transducer.as_ref().map(|(_, parts)| parts.predictor().lend()).transpose()?;
        kinds::read(&*sessions.lend()?, predictor.as_deref())
    };
    let sessions = Sessions::open(runtime, &files.network, options)?;
    let reading = read(&sessions).map_err(naming(&files.network))?;
    let encoder = Encoder::open(sessions, reading.encoder).map_err(naming(&files.network))?;
    let optimized =
        optimize::open(
            runtime,
            &files.network,
            options,
            optimizations,
            encoder,
            |sessions| Ok(read(sessions)?.encoder),
        );
    let (encoder, effects) = optimized.map_err(naming(&files.network))?;
    let count = match reading.head {
        Head::Ctc => encoder.layout.width,
        Head::Transducer { symbols, .. } => symbols,
    };
    let differ = |what: String| Error::model(format!("{} {what}", files.tokens.display()));
    if !symbols.are(count) {
        let found = symbols.len();
        return Err(differ(format!("has {found} symbols, but the network has {count}")));
    }
    let decoder = match (reading.head, transducer) {
        (Head::Transducer { memory, rules, .. }, Some((pair, parts))) => {
            if rules.blank != symbols.blank() {
                let (wanted, found) = (rules.blank, symbols.blank());
                return Err(differ(format!(
                    "has the blank as symbol {found}, but a network of this kind has it as {wanted}"
                )));
            }
            let width = encoder.layout.width;
            let transducer = Transducer::open(parts, pair, memory, rules, (width, count), symbols.unknown())?;
            Decoder::Transducer(Box::new(transducer))
        }
        _ => Decoder::Ctc { blank: symbols.blank() },
    };
    Ok((encoder, decoder, effects))
}

impl Model for Recognizer {
    type Processor = Processor;

    fn metadata(&self) -> Metadata {
        let layout = &self.encoder.layout;
        let chunk = (layout.shift * self.features.shift()) as u32;
        let first = self.features.samples_for(layout.window as u64 - 1);
        let mut metadata = Metadata::new(layout.features.sample_rate, chunk)
            .first_chunk(u32::try_from(first).unwrap_or(chunk))
            .separator(if self.symbols.has_words() { " " } else { "" })
            .replay(match self.points {
                Points::Every(_) => Replay::Exact,
                Points::AtEndpoints => Replay::Lossless,
            })
            .max_batch(self.max_batch)
            .ends_in_batch()
            .languages(&self.language)
            .capabilities(["partials", "word-times", "confidence", "endpoints"]);
        metadata.extra.insert("kind".into(), layout.kind.into());
        if !self.effects.is_empty() {
            metadata
                .extra
                .insert(optimize::FIELD.into(), self.effects.iter().map(OptimizationEffect::described).collect());
        }
        metadata
    }

    fn processor(self: &Arc<Self>, options: &Config) -> Result<Processor, Error> {
        Processor::new(Arc::clone(self), options::Options::new(self, options)?)
    }

    fn process_batch(&self, batch: &mut [BatchItem<'_, Processor>]) {
        batch::process(self, batch);
    }
}
