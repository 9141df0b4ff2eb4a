//! The three traits of a stage: a loader loads stages, a stage creates the state of streams, a stream of it changes events.
//!
//! Invariant and threads: as for engines ([`crate::ModelLoader`]). A stage outlives its streams; a stream of it is called by one
//! thread at a time.

use crate::{Config, Error, Host, Schema, StageEvent, StageMetadata, StageSink};
use std::{path::PathBuf, sync::Arc};

/// A plugin of the second kind: it hears the audio and the events of a stream, and adds, changes or withholds events.
///
/// A preset lists its stages under `"stages"`, in the order in which events pass them. They run where the engine runs, for every
/// engine. New in plugin API 1.1, which is not released yet.
pub trait StageLoader: Send + Sync + 'static {
    /// The type of the loaded stage.
    type Stage: Stage;

    /// The name by which presets select it. It must be unique among the stages of a server, and the same at every call: 1 to 64
    /// letters, digits, dots, dashes or underscores.
    fn name(&self) -> &str;

    /// The configuration fields, as [`crate::ModelLoader::schema`].
    fn schema(&self) -> Schema {
        Schema::new()
    }

    /// Loads what all streams share. Called on a dedicated thread, once for each model whose preset lists the stage.
    ///
    /// # Errors
    /// It cannot be loaded. The message should tell an operator what to do.
    fn load(&self, config: &Config, host: &Host) -> Result<Self::Stage, Error>;

    /// The files that the stage reads, as [`crate::ModelLoader::files`].
    ///
    /// # Errors
    /// The configuration is invalid.
    fn files(&self, config: &Config, host: &Host) -> Result<Option<Vec<PathBuf>>, Error> {
        let _ = (config, host);
        Ok(None)
    }

    /// Answers an optional request, as [`crate::ModelLoader::extension`].
    ///
    /// # Errors
    /// As defined by the extension.
    fn extension(&self, id: &str, request: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let _ = (id, request);
        Ok(None)
    }
}

/// Loaded weights and settings of a stage, shared by many streams.
pub trait Stage: Send + Sync + 'static {
    /// The state of one stream.
    type Stream: StageStream;

    /// The properties of the stage. The same at every call.
    fn metadata(&self) -> StageMetadata;

    /// Creates the state of a stream. `options` is the configuration with the stream's own fields merged into it, and with
    /// `sample_rate`, the rate of its audio in Hz.
    ///
    /// # Errors
    /// The options are invalid.
    fn stream(self: &Arc<Self>, options: &Config) -> Result<Self::Stream, Error>;
}

/// The state of one stream in a stage.
///
/// The same calls must lead to the same events: a stream whose worker dies is repeated from a point in it, and what clients have
/// already is counted. Partials are the exception: they are not repeated exactly, so nothing else may depend on them.
pub trait StageStream: Send + 'static {
    /// Discards all state and restarts at sample `offset` of the stream. Called before anything else, after a flush, and when a
    /// client resets the stream.
    ///
    /// # Errors
    /// An error closes the stream.
    fn init(&mut self, offset: u64) -> Result<(), Error>;

    /// Receives mono audio at the model's rate, in [-1, 1]. All of it, in pieces of any length, before the events whose times lie
    /// in it.
    ///
    /// # Errors
    /// An error closes the stream.
    fn audio(&mut self, samples: &[f32], sink: &mut StageSink<'_>) -> Result<(), Error> {
        let _ = (samples, sink);
        Ok(())
    }

    /// Receives an event of the engine, or of a stage before this one. Only what is passed to `sink` reaches the next stage and
    /// the client. By default the event passes unchanged, and so should any event that a stage does not know.
    ///
    /// # Errors
    /// An error closes the stream; events before it still reach the client.
    fn event(&mut self, event: StageEvent, sink: &mut StageSink<'_>) -> Result<(), Error> {
        sink.event(&event);
        Ok(())
    }

    /// The client ends the turn: report its end, if there is an open one. Only for stages that find turns.
    ///
    /// # Errors
    /// An error closes the stream.
    fn end_turn(&mut self, sink: &mut StageSink<'_>) -> Result<(), Error> {
        let _ = sink;
        Ok(())
    }

    /// The end of the audio, or a flush, after the engine's last event: report everything that is withheld.
    ///
    /// # Errors
    /// An error closes the stream; events before it still reach the client.
    fn finish(&mut self, sink: &mut StageSink<'_>) -> Result<(), Error> {
        let _ = sink;
        Ok(())
    }

    /// Everything that [`restore`](Self::restore) needs in another process, including events that are withheld; all states of a
    /// stream together have at most 1 MiB. Called whenever the engine reports a restart point. By default there is no state.
    ///
    /// # Errors
    /// An error closes the stream.
    fn save(&mut self) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }

    /// Continues, in this new stream of the same stage, from a state that [`save`](Self::save) returned when the audio before
    /// `sample` had been heard. The audio from there on follows. By default as [`init`](Self::init).
    ///
    /// # Errors
    /// The state is invalid.
    fn restore(&mut self, sample: u64, state: &[u8]) -> Result<(), Error> {
        let _ = state;
        self.init(sample)
    }

    /// Answers an optional request, as [`crate::AsrProcessor::extension`].
    ///
    /// # Errors
    /// As defined by the extension.
    fn extension(&mut self, id: &str, request: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let _ = (id, request);
        Ok(None)
    }
}
