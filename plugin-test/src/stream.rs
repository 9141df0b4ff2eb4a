//! One stream, fed as the server feeds it.
//!
//! Invariant: the engine gets whole chunks of its own size however the audio is pushed; less only right before `finish`, and
//! right after a restart point that lies within a chunk.

use crate::{Recording, RestartPoint};
use auricle_plugin_api::{
    Error,
    host::{BatchEntry, LoadedModel, LoadedProcessor},
};
use serde_json::{Map, Value};

/// A stream of a model, with everything that the engine reported.
pub struct TestStream {
    processor: LoadedProcessor,
    recording: Recording,
    /// Samples of the first chunk and of each later one.
    first: usize,
    chunk: usize,
    /// Where the chunks are counted from: the start of the stream, the last flush or reset.
    origin: u64,
    /// The sample after the last one that the engine has.
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

    /// With chunks of this many samples instead of the model's.
    ///
    /// # Panics
    /// Where `samples` is 0.
    #[must_use]
    pub fn in_chunks(mut self, samples: usize) -> Self {
        assert!(samples > 0, "a chunk has samples");
        (self.first, self.chunk) = (samples, samples);
        self
    }

    /// Adds mono audio at the model's rate, however little or much, and has the engine process each chunk that is full.
    ///
    /// # Errors
    /// The engine's; the rest of the audio is not given to it.
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

    /// Ends the audio so far as a client's `flush` does, and begins anew at that sample.
    ///
    /// # Errors
    /// The engine's.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.insert_pending()?;
        self.processor.finish(&mut self.recording)?;
        self.begin(self.position)
    }

    /// Forgets all audio as a client's `reset` does, and begins anew at sample `offset`.
    ///
    /// # Errors
    /// The engine's.
    pub fn reset(&mut self, offset: u64) -> Result<(), Error> {
        self.pending.clear();
        self.begin(offset)
    }

    /// Goes on from a restart point of another stream of the same model: audio from its sample on follows.
    ///
    /// # Errors
    /// The engine's.
    pub fn restore(&mut self, RestartPoint { sample, state, .. }: &RestartPoint) -> Result<(), Error> {
        self.processor.restore(*sample, state)?;
        self.position = *sample;
        self.pending.clear();
        Ok(())
    }

    /// Ends the stream: everything that the engine reported.
    ///
    /// # Errors
    /// The engine's.
    pub fn finish(mut self) -> Result<Recording, Error> {
        self.insert_pending()?;
        self.processor.finish(&mut self.recording)?;
        Ok(self.recording)
    }

    /// What the engine has reported so far.
    pub fn recording(&self) -> &Recording {
        &self.recording
    }

    /// As [`recording`](Self::recording), to look at it or to empty it.
    pub fn recording_mut(&mut self) -> &mut Recording {
        &mut self.recording
    }

    /// Drops the stream as when its client vanishes: what the engine had reported.
    pub fn into_recording(self) -> Recording {
        self.recording
    }

    /// The sample after the last one that the engine has.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The processor itself, for calls that the kit has no words for.
    pub fn processor(&mut self) -> &mut LoadedProcessor {
        &mut self.processor
    }

    /// Samples that the engine's next chunk has.
    pub(crate) fn until_chunk_is_full(&self) -> usize {
        let done = (self.position - self.origin) as usize;
        if done < self.first { self.first - done } else { self.chunk - (done - self.first) % self.chunk }
    }

    /// Counts samples that the engine got past [`push`](Self::push).
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
