//! A stream that is fed as by the server.
//!
//! Invariant: the engine gets whole chunks of its own size, regardless of how the audio is pushed. Only right before
//! `finish`, and right after a restart point within a chunk, it gets fewer samples.

use crate::{Recording, RestartPoint};
use auricle_plugin_api::{
    Error,
    host::{BatchEntry, LoadedModel, LoadedProcessor},
};
use serde_json::{Map, Value};

/// A stream of a model, with all events of the engine.
pub struct TestStream {
    processor: LoadedProcessor,
    recording: Recording,
    /// Number of samples in the first chunk, and in each later one.
    first: usize,
    chunk: usize,
    /// The sample from which chunks are counted: the start of the stream, or the last flush or reset.
    origin: u64,
    /// The sample after the last one that the engine received.
    position: u64,
    /// Less than a chunk.
    pending: Vec<f32>,
}

impl TestStream {
    pub(crate) fn open(model: &LoadedModel, options: &Map<String, Value>) -> Result<Self, Error> {
        let mut processor = model.processor(options)?;
        processor.init(0)?;
        let metadata = model.metadata();
        let chunk = metadata.chunk_samples as usize;
        Ok(Self {
            processor,
            recording: Recording::default(),
            first: metadata.first_chunk_samples.map_or(chunk, |first| first as usize),
            chunk,
            origin: 0,
            position: 0,
            pending: Vec::new(),
        })
    }

    /// Uses chunks of this many samples instead of the model's.
    ///
    /// # Panics
    /// `samples` is 0.
    #[must_use]
    pub fn in_chunks(mut self, samples: usize) -> Self {
        assert!(samples > 0, "a chunk must have samples");
        (self.first, self.chunk) = (samples, samples);
        self
    }

    /// Adds any amount of mono audio at the model's rate, and lets the engine process each full chunk.
    ///
    /// # Errors
    /// The engine's error; the engine does not receive the rest of the audio.
    pub fn push(&mut self, mut audio: &[f32]) -> Result<(), Error> {
        while !audio.is_empty() {
            let missing = self.until_chunk_is_full() - self.pending.len();
            let (head, tail) = audio.split_at(missing.min(audio.len()));
            self.pending.extend_from_slice(head);
            audio = tail;
            if head.len() == missing {
                self.insert_pending()?;
                self.processor.process_iter(&mut self.recording)?;
            }
        }
        Ok(())
    }

    /// Ends the current audio like a client's `flush`, and starts again at that sample.
    ///
    /// # Errors
    /// The engine's error.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.insert_pending()?;
        self.processor.finish(&mut self.recording)?;
        self.begin(self.position)
    }

    /// Discards all audio like a client's `reset`, and starts again at sample `offset`.
    ///
    /// # Errors
    /// The engine's error.
    pub fn reset(&mut self, offset: u64) -> Result<(), Error> {
        self.pending.clear();
        self.begin(offset)
    }

    /// Continues from a restart point of another stream of the same model; the audio from its sample on follows.
    ///
    /// # Errors
    /// The engine's error.
    pub fn restore(&mut self, RestartPoint { sample, state, .. }: &RestartPoint) -> Result<(), Error> {
        self.processor.restore(*sample, state)?;
        self.position = *sample;
        self.pending.clear();
        Ok(())
    }

    /// Ends the stream. Returns all events of the engine.
    ///
    /// # Errors
    /// The engine's error.
    pub fn finish(mut self) -> Result<Recording, Error> {
        self.insert_pending()?;
        self.processor.finish(&mut self.recording)?;
        Ok(self.recording)
    }

    /// All events of the engine so far.
    pub fn recording(&self) -> &Recording {
        &self.recording
    }

    /// Like [`recording`](Self::recording), to read or clear it.
    pub fn recording_mut(&mut self) -> &mut Recording {
        &mut self.recording
    }

    /// Drops the stream as if its client had disconnected. Returns all events of the engine.
    pub fn into_recording(self) -> Recording {
        self.recording
    }

    /// The sample after the last one that the engine received.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The processor itself, for calls that the kit does not support.
    pub fn processor(&mut self) -> &mut LoadedProcessor {
        &mut self.processor
    }

    /// Number of samples that the engine's next chunk needs.
    pub(crate) fn until_chunk_is_full(&self) -> usize {
        let done = (self.position - self.origin) as usize;
        if done < self.first { self.first - done } else { self.chunk - (done - self.first) % self.chunk }
    }

    /// Counts samples that the engine received without [`push`](Self::push).
    pub(crate) fn count(&mut self, samples: usize) {
        self.position += samples as u64;
    }

    pub(crate) fn batch_entry(&mut self) -> BatchEntry<'_> {
        BatchEntry { processor: &mut self.processor, sink: &mut self.recording, result: Ok(()) }
    }

    fn begin(&mut self, offset: u64) -> Result<(), Error> {
        (self.origin, self.position) = (offset, offset);
        self.processor.init(offset)
    }

    fn insert_pending(&mut self) -> Result<(), Error> {
        if self.pending.is_empty() {
            return Ok(());
        }
        self.processor.insert_audio_chunk(&self.pending)?;
        self.position += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }
}
