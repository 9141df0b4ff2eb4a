//! The engine's factory and its model.
//!
//! Invariant: a model that was loaded has run once. Threads: any, several at once.

use crate::{endpoint::Rules, folder::Files, kinds, network::Network, processor::Processor, restart, symbols::Symbols};
use auricle_plugin_api::{Config, Error, Field, Host, Metadata, Model, ModelLoader, Replay, Schema};
use auricle_plugin_kit::{
    fbank::Plan,
    onnx::{Options, Runtime, Sessions},
    resources,
};
use std::{path::Path, sync::Arc};

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
                    .describe("folder of the model, in a resource directory; it holds an ONNX file and tokens.txt"),
            )
            .field(Field::load("file").describe("the ONNX file in that folder, where it holds several"))
            .field(Field::load("lan").default("auto").describe("language of the model (BCP 47), as clients are told"))
            .field(Field::load("threads").integer(1, 256).default(1).describe(
                "processor threads for one step; more streams at once are better served by the host's `concurrency`",
            ))
            .field(Field::load("tail_padding").number(0.0, 10.0).default(0.8).describe(
                "seconds of silence the network hears after the end of the audio, so that it tells the last word",
            ));
        Rules::fields(schema)
    }

    fn load(&self, config: &Config, host: &Host) -> Result<Recognizer, Error> {
        let folder = resources::find(host, "the model", &config.get::<String>("model")?)?;
        let files = Files::in_folder(&folder, config.get_optional::<String>("file")?.as_deref())?;
        let runtime = Runtime::load(host)?;
        Recognizer::open(&runtime, &files, config)
    }
}

/// A loaded model.
pub struct Recognizer {
    pub(crate) network: Network,
    pub(crate) symbols: Symbols,
    pub(crate) features: Arc<Plan>,
    /// Samples of silence after the end of the audio.
    pub(crate) tail: usize,
    language: Option<String>,
}

impl Recognizer {
    fn open(runtime: &Runtime, files: &Files, config: &Config) -> Result<Self, Error> {
        let symbols = Symbols::read(&files.tokens)?;
        let options = Options { threads: config.get("threads")?, ..Options::default() };
        let sessions = Sessions::open(runtime, &files.network, options)?;
        let network = network(sessions, &files.network)?;
        if network.layout.symbols != symbols.len() {
            let (network, tokens) = (network.layout.symbols, files.tokens.display());
            let found = symbols.len();
            return Err(Error::model(format!("{tokens} has {found} symbols, the network tells {network} apart")));
        }
        let features = Arc::new(Plan::new(&network.layout.features)?);
        let tail = (config.get::<f64>("tail_padding")? * f64::from(network.layout.features.sample_rate)) as usize;
        // Enough for the step that the last frame of audio is in.
        let tail = tail.max((network.layout.window + network.layout.shift) * features.shift());
        let language = Some(config.get::<String>("lan")?).filter(|language| language != "auto");
        Ok(Self { network, symbols, features, tail, language })
    }

    /// Samples per second.
    pub(crate) fn rate(&self) -> u32 {
        self.network.layout.features.sample_rate
    }

    /// Samples from one frame of features to the next.
    pub(crate) fn hop(&self) -> u64 {
        self.features.shift() as u64
    }
}

fn network(sessions: Sessions, file: &Path) -> Result<Network, Error> {
    let layout = kinds::layout(&*sessions.lend()?);
    let network = layout.and_then(|layout| Network::open(sessions, layout));
    network.map_err(|problem| Error::new(problem.code, format!("{} {}", file.display(), problem.message)))
}

impl Model for Recognizer {
    type Processor = Processor;

    fn metadata(&self) -> Metadata {
        let layout = &self.network.layout;
        let chunk = (layout.shift * self.features.shift()) as u32;
        // The tokens of an utterance that has not ended come on top of the caches.
        let exact = self.network.cache_bytes() <= restart::MOST_BYTES / 2;
        Metadata::new(layout.features.sample_rate, chunk)
            .separator(" ")
            .replay(if exact { Replay::Exact } else { Replay::None })
            .languages(&self.language)
            .capabilities(["partials", "word-times", "confidence", "endpoints"])
    }

    fn processor(self: &Arc<Self>, options: &Config) -> Result<Processor, Error> {
        Processor::new(Arc::clone(self), Rules::new(options)?)
    }
}
