//! The three traits an author implements: a loader makes models, a model makes processors, a processor hears one stream.
//!
//! Invariant: a model outlives its processors (the boundary keeps an `Arc` of it beside each), and a processor is never
//! shared between streams. Threads: loaders and models are called from any thread, several at once; a processor by one
//! thread at a time, not always the same.

use crate::{Config, Error, ErrorCode, Host, Metadata, Schema, Sink};
use std::sync::Arc;

/// An engine's factory: turns a configuration into a model.
pub trait ModelLoader: Send + Sync + 'static {
    /// What [`load`](Self::load) gives.
    type Model: Model;

    /// The name presets choose this engine by. Unique among the engines of a server; the same at every call.
    fn backend(&self) -> &str;

    /// The configuration fields this engine reads. The server checks presets against it, fills in the defaults, and lets
    /// clients set only fields of scope [`stream`](crate::Field::stream).
    fn schema(&self) -> Schema {
        Schema::new()
    }

    /// Loads the model that `config` asks for. May take long: the server calls it on a thread of its own, once per
    /// distinct set of `load` fields.
    ///
    /// # Errors
    /// Anything that keeps the model from being served, said so that an operator can act on it.
    fn load(&self, config: &Config, host: &Host) -> Result<Self::Model, Error>;

    /// Answers an optional request by its id; `None` where the id is unknown. The door for growth without a new method.
    ///
    /// # Errors
    /// What the extension says.
    fn extension(&self, id: &str, request: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let _ = (id, request);
        Ok(None)
    }
}

/// Loaded weights and settings, shared by many streams.
pub trait Model: Send + Sync + 'static {
    /// The state of one stream.
    type Processor: AsrProcessor;

    /// What the server must know of the model: its rate, chunk and separator above all. The same at every call.
    fn metadata(&self) -> Metadata;

    /// A fresh processor for one stream. `options` holds the configuration with the stream's own fields laid over it.
    ///
    /// # Errors
    /// [`ErrorCode::CAPACITY`] where no further stream can be served now; else what is wrong with the options.
    fn processor(self: &Arc<Self>, options: &Config) -> Result<Self::Processor, Error>;

    /// One [`process_iter`](AsrProcessor::process_iter) for each item, together. Called only where
    /// [`Metadata::max_batch`] is above 1, with at most that many processors of this very model. Each item gets its own
    /// result; a panic poisons every processor of the batch. Where the model says [`Metadata::ends_in_batch`], an item that
    /// [`ends`](BatchItem::ends) is to be finished instead.
    fn process_batch(&self, batch: &mut [BatchItem<'_, Self::Processor>]) {
        for BatchItem { processor, sink, result, ends, .. } in batch {
            *result = if *ends { processor.finish(sink) } else { processor.process_iter(sink) };
        }
    }

    /// As [`ModelLoader::extension`], for one model.
    ///
    /// # Errors
    /// What the extension says.
    fn extension(&self, id: &str, request: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let _ = (id, request);
        Ok(None)
    }
}

/// The state of one stream: takes audio, gives text.
pub trait AsrProcessor: Send + 'static {
    /// Forgets everything and starts anew at sample `offset` of the stream. Called before the first audio, after a
    /// flush, and at a client's reset.
    ///
    /// # Errors
    /// Closes the stream.
    fn init(&mut self, offset: u64) -> Result<(), Error>;

    /// Takes mono audio at the model's rate, in [-1, 1] (the server replaces what is not finite by 0): exactly
    /// [`Metadata::chunk_samples`] samples; the first time, [`Metadata::first_chunk_samples`] where the model has them;
    /// fewer only right before [`finish`](Self::finish) and right after [`restore`](Self::restore), whose sample may lie
    /// within a chunk.
    ///
    /// # Errors
    /// Closes the stream.
    fn insert_audio_chunk(&mut self, samples: &[f32]) -> Result<(), Error>;

    /// Works on what was inserted since the last call and reports to `sink`: nothing, or any number of events.
    ///
    /// # Errors
    /// Closes the stream; what `sink` got before still reaches the client.
    fn process_iter(&mut self, sink: &mut Sink<'_>) -> Result<(), Error>;

    /// The audio ends here: decodes what is left and reports all of it as segments.
    ///
    /// # Errors
    /// Closes the stream; what `sink` got before still reaches the client.
    fn finish(&mut self, sink: &mut Sink<'_>) -> Result<(), Error>;

    /// Makes this fresh processor go on from a restart point that another one of the same model reported with
    /// [`Sink::restart_point`]: audio from `sample` on follows.
    ///
    /// # Errors
    /// [`ErrorCode::UNSUPPORTED`] unless the engine reports restart points; else what is wrong with `state`.
    fn restore(&mut self, sample: u64, state: &[u8]) -> Result<(), Error> {
        let _ = (sample, state);
        Err(Error::new(ErrorCode::UNSUPPORTED, "this engine reports no restart points"))
    }

    /// As [`ModelLoader::extension`], for one stream.
    ///
    /// # Errors
    /// What the extension says.
    fn extension(&mut self, id: &str, request: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let _ = (id, request);
        Ok(None)
    }
}

/// One stream's place in [`Model::process_batch`].
pub struct BatchItem<'a, P> {
    /// The stream's processor, with its new audio inserted.
    pub processor: &'a mut P,
    /// Where that stream's events go.
    pub sink: Sink<'a>,
    /// Whether its audio ends here, perhaps without any since the last call: the batch is to do for it what
    /// [`finish`](AsrProcessor::finish) would. Never, unless the model says [`Metadata::ends_in_batch`].
    pub ends: bool,
    /// How it went for that stream; `Ok` unless set.
    pub result: Result<(), Error>,
    /// Which of the streams it is, for an engine may change the items' order.
    pub(crate) place: usize,
}
