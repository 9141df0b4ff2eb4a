//! An engine for a model that can only transcribe a buffer.
//!
//! Invariant: every stream of a model has the chunk in the model's metadata. Threads: a model's methods are called from
//! any thread, a stream's from one at a time.

use super::{
    processor::OnlineProcessor,
    settings::Settings,
    transcript::{SAMPLE_RATE, Transcriber},
    vac::{VAC_CHUNK, Vac},
};
use crate::vad::{Detector, Vad};
use auricle_plugin_api::{AsrProcessor, Config, Error, Field, Host, Metadata, Model, Replay, Schema, Sink};
use std::sync::Arc;

const VAC: &str = "vac";

/// A loaded model: creates a [`Transcriber`] for each stream.
pub trait Recognizer: Send + Sync + 'static {
    /// The type of the transcriber.
    type Transcriber: Transcriber;

    /// Creates a transcriber for a stream. `options` is the configuration with the stream's own fields merged into it.
    ///
    /// # Errors
    /// Like [`Model::processor`].
    fn transcriber(self: &Arc<Self>, options: &Config) -> Result<Self::Transcriber, Error>;

    /// The metadata for clients: languages, number of streams, and the separator of segments, which is empty for
    /// languages written without spaces. [`Streaming`] sets rate, chunk and replay, and adds `partials`, `word-times`
    /// and `endpoints` to the capabilities.
    fn metadata(&self) -> Metadata {
        Metadata::default()
    }
}

/// A [`Model`] that streams audio through a [`Recognizer`].
pub struct Streaming<R> {
    recognizer: Arc<R>,
    chunk: u32,
    /// Set if only speech is decoded.
    detector: Option<Detector>,
}

impl<R: Recognizer> Streaming<R> {
    /// Adds the fields of streaming to an engine's own.
    pub fn schema(own: Schema) -> Schema {
        let schema = Settings::fields(own).field(
            Field::load(VAC)
                .boolean()
                .default(false)
                .describe("decode only speech, and end the utterance when the speech ends"),
        );
        Detector::field(schema)
    }

    /// Creates the model, with the speech detector if `config` requires one.
    ///
    /// # Errors
    /// A field is invalid, or something is missing; the message names it.
    pub fn new(recognizer: R, config: &Config, host: &Host) -> Result<Self, Error> {
        let chunk = Settings::new(config)?.chunk_samples();
        let detector = if config.get(VAC)? { Some(Detector::load(config, host)?) } else { None };
        Ok(Self { recognizer: Arc::new(recognizer), chunk, detector })
    }
}

impl<R: Recognizer> Model for Streaming<R> {
    type Processor = Stream<R::Transcriber>;

    fn metadata(&self) -> Metadata {
        let mut metadata = self.recognizer.metadata().replay(Replay::Lossless);
        metadata.sample_rate = SAMPLE_RATE;
        metadata.chunk_samples = if self.detector.is_some() { VAC_CHUNK } else { self.chunk };
        let endpoints = self.detector.is_some().then_some("endpoints");
        metadata.capabilities.extend(["partials", "word-times"].into_iter().chain(endpoints).map(str::to_owned));
        metadata
    }

    fn processor(self: &Arc<Self>, options: &Config) -> Result<Self::Processor, Error> {
        let settings = Settings::new(options)?;
        let transcriber = self.recognizer.transcriber(options)?;
        let kind = match &self.detector {
            None => Kind::Everything(OnlineProcessor::new(transcriber, &settings)),
            Some(detector) => Kind::Speech(Vac::new(transcriber, &settings, detector.detector())),
        };
        Ok(Stream { kind })
    }
}

/// A stream of a [`Streaming`] model.
pub struct Stream<T> {
    kind: Kind<T>,
}

/// The audio that is decoded: all of it, or only speech.
enum Kind<T> {
    Everything(OnlineProcessor<T>),
    Speech(Vac<T, Box<dyn Vad>>),
}

impl<T: Transcriber> AsrProcessor for Stream<T> {
    fn init(&mut self, offset: u64) -> Result<(), Error> {
        match &mut self.kind {
            Kind::Everything(online) => online.init(offset),
            Kind::Speech(vac) => vac.init(offset),
        }
        Ok(())
    }

    fn insert_audio_chunk(&mut self, samples: &[f32]) -> Result<(), Error> {
        match &mut self.kind {
            Kind::Everything(online) => online.insert_audio_chunk(samples),
            Kind::Speech(vac) => vac.insert_audio_chunk(samples),
        }
        Ok(())
    }

    fn process_iter(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        match &mut self.kind {
            Kind::Everything(online) => online.process_iter(sink),
            Kind::Speech(vac) => vac.process_iter(sink),
        }
    }

    fn finish(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        match &mut self.kind {
            Kind::Everything(online) => online.finish(sink),
            Kind::Speech(vac) => vac.finish(sink),
        }
    }

    fn restore(&mut self, sample: u64, state: &[u8]) -> Result<(), Error> {
        match &mut self.kind {
            Kind::Everything(online) => online.restore(sample, state),
            Kind::Speech(vac) => vac.restore(sample, state),
        }
    }
}
