//! The three traits that an author implements: a loader loads models, a model creates processors, a processor
//! recognises one stream.
//!
//! Invariant: a model outlives its processors (the boundary keeps an `Arc` of it with each), and a processor is never
//! shared between streams. Threads: loaders and models are called from any thread, several at once; a processor by one
//! thread at a time, not always the same.

use crate::{Config, Error, ErrorCode, Host, Metadata, Schema, Sink};
use std::{path::PathBuf, sync::Arc};

/// An engine: loads a model from a configuration.
pub trait ModelLoader: Send + Sync + 'static {
    /// The type of the loaded model.
    type Model: Model;

    /// The name by which presets select this engine. It must be unique among the engines of a server, and the same at
    /// every call.
    fn backend(&self) -> &str;

    /// The configuration fields of this engine. The server checks presets against them, fills in the defaults, and lets
    /// clients set only fields of scope [`stream`](crate::Field::stream).
    fn schema(&self) -> Schema {
        Schema::new()
    }

    /// Loads the model that `config` describes. This may take long: the server calls it on a dedicated thread, once per
    /// distinct set of `load` fields.
    ///
    /// # Errors
    /// The model cannot be loaded. The message should tell an operator what to do.
    fn load(&self, config: &Config, host: &Host) -> Result<Self::Model, Error>;

    /// The files and folders that a model with this configuration reads, besides those that every engine may read: its
    /// own, the resource directories, and the paths that are values of the configuration. `None`, the default, if there
    /// are none. The server calls it in a process without a sandbox and adds the paths to the worker's sandbox.
    ///
    /// # Errors
    /// The configuration is invalid.
    fn files(&self, config: &Config, host: &Host) -> Result<Option<Vec<PathBuf>>, Error> {
        let _ = (config, host);
        Ok(None)
    }

    /// Answers an optional request, identified by its id; `None` if the id is unknown. This allows the interface to
    /// grow without new methods.
    ///
    /// # Errors
    /// As defined by the extension.
    fn extension(&self, id: &str, request: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let _ = (id, request);
        Ok(None)
    }
}

/// Loaded weights and settings, shared by many streams.
pub trait Model: Send + Sync + 'static {
    /// The state of one stream.
    type Processor: AsrProcessor;

    /// The properties of the model, above all its sample rate, chunk and separator. The same at every call.
    fn metadata(&self) -> Metadata;

    /// Creates a processor for a stream. `options` is the configuration with the stream's own fields merged into it.
    ///
    /// # Errors
    /// [`ErrorCode::CAPACITY`] if no further stream can be served now; otherwise the options are invalid.
    fn processor(self: &Arc<Self>, options: &Config) -> Result<Self::Processor, Error>;

    /// Does one [`process_iter`](AsrProcessor::process_iter) for each item, as a batch. Called only if
    /// [`Metadata::max_batch`] is above 1, with at most that many processors of this model. Each item gets its own
    /// result; a panic poisons every processor of the batch. If the model sets [`Metadata::ends_in_batch`], an item
    /// with [`ends`](BatchItem::ends) must be finished instead.
    fn process_batch(&self, batch: &mut [BatchItem<'_, Self::Processor>]) {
        for BatchItem { processor, sink, result, ends, .. } in batch {
            *result = if *ends { processor.finish(sink) } else { processor.process_iter(sink) };
        }
    }

    /// Like [`ModelLoader::extension`], for a model.
    ///
    /// # Errors
    /// As defined by the extension.
    fn extension(&self, id: &str, request: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let _ = (id, request);
        Ok(None)
    }
}

/// The state of one stream: receives audio, reports text.
pub trait AsrProcessor: Send + 'static {
    /// Discards all state and restarts at sample `offset` of the stream. Called before the first audio, after a flush,
    /// and when a client resets the stream.
    ///
    /// # Errors
    /// An error closes the stream.
    fn init(&mut self, offset: u64) -> Result<(), Error>;

    /// Receives mono audio at the model's rate, in [-1, 1] (the server replaces values that are not finite by 0). It
    /// has exactly [`Metadata::chunk_samples`] samples; the first time [`Metadata::first_chunk_samples`], if set; and
    /// fewer only right before [`finish`](Self::finish) and right after [`restore`](Self::restore), whose sample may
    /// lie within a chunk.
    ///
    /// # Errors
    /// An error closes the stream.
    fn insert_audio_chunk(&mut self, samples: &[f32]) -> Result<(), Error>;

    /// Processes the audio received since the last call and reports any number of events to `sink`.
    ///
    /// # Errors
    /// An error closes the stream; events reported before it still reach the client.
    fn process_iter(&mut self, sink: &mut Sink<'_>) -> Result<(), Error>;

    /// Processes the end of the audio: decodes the rest and reports all of it as segments.
    ///
    /// # Errors
    /// An error closes the stream; events reported before it still reach the client.
    fn finish(&mut self, sink: &mut Sink<'_>) -> Result<(), Error>;

    /// Continues, in this new processor, from a restart point that another processor of the same model reported with
    /// [`Sink::restart_point`]. The audio from `sample` on follows.
    ///
    /// # Errors
    /// [`ErrorCode::UNSUPPORTED`] unless the engine reports restart points; otherwise `state` is invalid.
    fn restore(&mut self, sample: u64, state: &[u8]) -> Result<(), Error> {
        let _ = (sample, state);
        Err(Error::new(ErrorCode::UNSUPPORTED, "this engine reports no restart points"))
    }

    /// Like [`ModelLoader::extension`], for a stream.
    ///
    /// # Errors
    /// As defined by the extension.
    fn extension(&mut self, id: &str, request: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let _ = (id, request);
        Ok(None)
    }
}

/// An item of [`Model::process_batch`], for one stream.
pub struct BatchItem<'a, P> {
    /// The stream's processor, which has received its new audio.
    pub processor: &'a mut P,
    /// Receives the stream's events.
    pub sink: Sink<'a>,
    /// Whether the stream's audio ends here, possibly without any since the last call: the batch must do what
    /// [`finish`](AsrProcessor::finish) would do. Always false unless the model sets [`Metadata::ends_in_batch`].
    pub ends: bool,
    /// The result for this stream; `Ok` unless set.
    pub result: Result<(), Error>,
    /// The original index of the item, because an engine may reorder the items.
    pub(crate) place: usize,
}
