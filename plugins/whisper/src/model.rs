//! The engine and its model.
//!
//! Invariant: a loaded model has run once. Threads: any, several at once.

use crate::{
    config::Settings,
    fallback::Fallback,
    folder::{Files, Layout},
    network::Network,
    transcriber::Listener,
    vocabulary::Vocabulary,
};
use auricle_plugin_api::{Config, Error, Field, Host, Metadata, ModelLoader, Schema};
use auricle_plugin_kit::{
    logmel::Plan,
    online::{Policy, Recognizer, Streaming},
    onnx::{Options, Runtime},
    resources,
};
use std::sync::Arc;

/// The loader of the backend `whisper`.
pub struct Loader;

impl ModelLoader for Loader {
    type Model = Streaming<Whisper>;

    fn backend(&self) -> &str {
        "whisper"
    }

    fn schema(&self) -> Schema {
        let schema = Schema::new()
            .field(
                Field::load("model")
                    .required()
                    .describe("folder of the model, in a resource directory, in Hugging Face's ONNX layout"),
            )
            .field(Field::load("layout").one_of(["auto", "stock", "fast"]).default("auto").describe(
                "layout of its networks: as exported, or the converted fast layout; auto uses the fast one if it exists",
            ))
            .field(Field::load("precision").default("").describe(
                "selects its networks by the end of their files' names, such as `int8` of encoder_model_int8.onnx",
            ))
            .field(Field::stream("lan").default("auto").describe("language spoken (BCP 47); `auto` detects it"))
            .field(
                Field::stream("languages")
                    .strings(100)
                    .default(Vec::<String>::new())
                    .describe("the languages that `auto` may detect (BCP 47); any if there are none"),
            )
            .field(
                Field::stream("task")
                    .one_of(["transcribe", "translate"])
                    .default("transcribe")
                    .describe("transcription, or translation into English"),
            )
            .field(Field::stream("prompt").default("").describe("text that the model treats as spoken before the stream"))
            .field(
                Field::stream("beam_size")
                    .integer(1, 10)
                    .default(1)
                    .describe("number of beams at temperature 0: more cost more and make fewer errors"),
            )
            .field(
                Field::stream("max_repetitions")
                    .integer(0, 1000)
                    .default(8)
                    .describe("number of times that a text may repeat its last words before it is cut; 0 allows any number"),
            )
            .field(
                Field::stream("hotwords")
                    .strings(100)
                    .default(Vec::<String>::new())
                    .describe("words to expect, given to the model like the prompt"),
            );
        Streaming::<Whisper>::schema(Fallback::fields(Options::fields(schema)))
    }

    fn load(&self, config: &Config, host: &Host) -> Result<Self::Model, Error> {
        let folder = resources::find(host, "the model", &config.get::<String>("model")?)?;
        let settings = Settings::read(&folder)?;
        let vocabulary = Vocabulary::read(&folder, &settings)?;
        let files = Files::in_folder(&folder, config.get::<Layout>("layout")?, &config.get::<String>("precision")?)?;
        let runtime = Runtime::load(host)?;
        let network = Network::open(&runtime, &files, &settings, Options::new(config)?)?;
        let features = Arc::new(Plan::new(settings.config.num_mel_bins)?);
        let layout = files.layout();
        Streaming::new(Whisper { network, vocabulary, settings, features, layout }, config, host)
    }
}

/// A loaded model.
pub struct Whisper {
    pub(crate) network: Network,
    pub(crate) vocabulary: Vocabulary,
    pub(crate) settings: Settings,
    pub(crate) features: Arc<Plan>,
    /// The layout of its files.
    pub(crate) layout: &'static str,
}

impl Whisper {
    /// Number of feature frames in a window.
    pub(crate) fn frames(&self) -> usize {
        self.settings.config.max_source_positions * 2
    }
}

impl Recognizer for Whisper {
    type Transcriber = Listener;

    fn transcriber(self: &Arc<Self>, options: &Config) -> Result<Listener, Error> {
        if options.get::<Policy>("policy")? == Policy::AlignAtt && !self.network.attends() {
            let problem = "`alignatt` needs word times by attention, which this model's files do not have: convert it to the \
                           fast layout, or export it with `cross_attentions`";
            return Err(Error::config("policy", problem));
        }
        Listener::new(Arc::clone(self), options)
    }

    fn metadata(&self) -> Metadata {
        let languages = &self.vocabulary.languages;
        let english = languages.is_empty().then_some("en");
        let mut metadata = Metadata::default()
            .languages(languages.iter().map(|(tag, _)| tag.as_str()).chain(english))
            .capabilities(["confidence"]);
        // Without attention, the time of a word within its passage is estimated by its length.
        let times = if self.network.attends() { "attention" } else { "timestamps" };
        metadata.extra.insert("word_times".into(), times.into());
        metadata.extra.insert("layout".into(), self.layout.into());
        metadata
    }
}
