//! The engine and its model: the files, and the decoders that streams borrow.
//!
//! Invariant: at most `max_streams` decoders are borrowed at once. A returned decoder is between utterances and gives
//! the same results as a new one. Decoders are opened when first needed, and kept. Threads: any, several at once.

use crate::{
    decoder::{CEPSTRA, CepstralMean, Decoder},
    endpointer::{BLOCK, Cutting},
    files::Files,
    processor::Processor,
    recognizer::Recognizer,
};
use auricle_plugin_api::{Config, Error, ErrorCode, Field, Host, Metadata, Model, ModelLoader, Replay, Schema};
use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The initial cepstral mean of a stream, measured over the recordings in `accuracy.rs`. PocketSphinx's own is 40, 3,
/// -1 and zeros, which costs these short streams one more word in thirty.
pub(crate) const FIRST_MEAN: CepstralMean = [49.9, 3.6, -2.6, 8.6, -7.6, 2.8, -7.0, -4.9, -1.2, -1.8, 2.2, -0.5, 2.7];

/// The loader of the backend `pocketsphinx`.
pub struct PocketSphinx;

impl ModelLoader for PocketSphinx {
    type Model = Decoders;

    fn backend(&self) -> &str {
        "pocketsphinx"
    }

    fn schema(&self) -> Schema {
        let mean: Vec<f64> = FIRST_MEAN.iter().map(|component| (f64::from(*component) * 10.0).round() / 10.0).collect();
        Schema::new()
            .field(Field::load("model").default("en-us").describe(
                "folder of the model, in the engine's own folder or a resource directory; it holds NAME/ (the acoustic \
                 model), NAME.lm.bin and cmudict-NAME.dict",
            ))
            .field(
                Field::load("lan").default("en-US").describe("language of the model (BCP 47), as reported to clients"),
            )
            .field(Field::load("max_streams").integer(1, 256).default(4).describe(
                "maximum number of streams; each needs about 110 MB, and a fifth of a processor core during speech",
            ))
            .field(
                Field::stream("silence_ms")
                    .integer(200, 5_000)
                    .default(600)
                    .describe("milliseconds without speech that end an utterance"),
            )
            .field(
                Field::stream("max_utterance_seconds")
                    .integer(6, 60)
                    .default(15)
                    .describe("maximum length of an utterance; the cost of its last pass grows faster than its length"),
            )
            .field(
                Field::stream("vad_mode")
                    .integer(0, 3)
                    .default(2)
                    .describe("aggressiveness of the speech detector: 0 detects whispers, 3 ignores the most noise"),
            )
            .field(
                Field::stream("first_mean")
                    .set("type", "array")
                    .set("items", serde_json::json!({"type": "number", "minimum": -200, "maximum": 200}))
                    .set("minItems", CEPSTRA)
                    .set("maxItems", CEPSTRA)
                    .default(mean)
                    .describe(
                        "initial cepstral mean of a stream, 13 numbers; from the second utterance on it is measured \
                         from the audio",
                    ),
            )
    }

    fn load(&self, config: &Config, host: &Host) -> Result<Decoders, Error> {
        let name: String = config.get("model")?;
        let folder = host.find(&name).ok_or_else(|| {
            let own = host.origin_dir().display();
            let dirs: Vec<_> = host.resource_dirs().iter().map(|dir| dir.display().to_string()).collect();
            let places = match dirs.is_empty() {
                true => "; there are no resource directories: `--resources` was not given".to_owned(),
                false => format!(", nor in the resource directories {}", dirs.join(", ")),
            };
            Error::model(format!("there is no model `{name}` in the engine's folder {own}{places}"))
        })?;
        Decoders::load(Files::in_folder(&folder)?, config.get("max_streams")?, config.get("lan")?)
    }
}

/// A loaded model.
pub struct Decoders {
    files: Files,
    max_streams: u32,
    language: String,
    pool: Mutex<Pool>,
}

struct Pool {
    idle: Vec<Decoder>,
    lent: u32,
}

impl Decoders {
    /// Opens one decoder right away, so that an invalid model is refused here and not at the first stream.
    pub(crate) fn load(files: Files, max_streams: u32, language: String) -> Result<Self, Error> {
        let first = open(&files)?;
        Ok(Self { files, max_streams, language, pool: Mutex::new(Pool { idle: vec![first], lent: 0 }) })
    }

    pub(crate) fn borrow(self: &Arc<Self>) -> Result<Lent, Error> {
        let idle = {
            let mut pool = self.pool();
            if pool.lent >= self.max_streams {
                let streams =
                    if self.max_streams == 1 { "1 stream".into() } else { format!("{} streams", self.max_streams) };
                let problem = format!(
                    "pocketsphinx serves {streams} at once (max_streams); try again when one has ended, or raise \
                     max_streams at about 110 MB a stream"
                );
                return Err(Error::new(ErrorCode::CAPACITY, problem));
            }
            pool.lent += 1;
            pool.idle.pop()
        };
        // From here on `lent` returns the permit if opening fails.
        let mut lent = Lent { decoder: idle, model: Arc::clone(self) };
        if lent.decoder.is_none() {
            lent.decoder = Some(open(&self.files)?);
        }
        Ok(lent)
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens a decoder with the settings of this engine, which were chosen on the recordings in `accuracy.rs`: without
/// PocketSphinx's second pass, which gives no better text there and makes the end of a long utterance three times as
/// late, and with a lower weight of the language model (6 instead of 6.5), which is one word in a hundred better.
fn open(files: &Files) -> Result<Decoder, Error> {
    Decoder::open(files, &[("-fwdflat", "no"), ("-lw", "6.0")])
}

impl Model for Decoders {
    type Processor = Processor;

    fn metadata(&self) -> Metadata {
        Metadata::new(16_000, BLOCK as u32)
            .separator(" ")
            .max_streams(self.max_streams)
            .replay(Replay::Exact)
            .languages([self.language.as_str()])
            .capabilities(["partials", "word-times", "confidence", "endpoints"])
    }

    fn processor(self: &Arc<Self>, options: &Config) -> Result<Processor, Error> {
        let cutting = Cutting {
            silence_ms: options.get("silence_ms")?,
            max_seconds: options.get("max_utterance_seconds")?,
            vad_mode: options.get("vad_mode")?,
        };
        let first_mean = options.get::<CepstralMean>("first_mean")?;
        Ok(Processor::new(Recognizer::new(self.borrow()?, cutting, first_mean)?))
    }
}

/// A decoder borrowed from the pool; it is returned when dropped.
pub(crate) struct Lent {
    /// `Some` except while it is opened or returned.
    decoder: Option<Decoder>,
    model: Arc<Decoders>,
}

impl Deref for Lent {
    type Target = Decoder;

    fn deref(&self) -> &Decoder {
        let Some(decoder) = &self.decoder else { unreachable!("a borrowed decoder is always open") };
        decoder
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut Decoder {
        let Some(decoder) = &mut self.decoder else { unreachable!("a borrowed decoder is always open") };
        decoder
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let sound = self.decoder.take().filter(|decoder| !decoder.is_broken());
        let sound = sound.and_then(|mut decoder| decoder.abandon().is_ok().then_some(decoder));
        let mut pool = self.model.pool();
        pool.idle.extend(sound);
        pool.lent -= 1;
    }
}
