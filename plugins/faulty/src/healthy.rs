//! The healthy part: reports the audio as numbers. The text is the same as that of the engine `tone`, so that tests can
//! share a helper. The code is duplicated because one library cannot contain the export symbols of two engines.

use auricle_plugin_api::{Error, Segment, Sink};

/// Counts a stream's samples, and computes a checksum of them that depends on their order.
pub(crate) struct Counter {
    segment_chunks: u64,
    language: String,
    start: u64,
    position: u64,
    chunks: u64,
    checksum: u32,
    fresh: bool,
}

impl Counter {
    pub(crate) fn new(segment_chunks: u64, language: String) -> Self {
        Self { segment_chunks, language, start: 0, position: 0, chunks: 0, checksum: 0, fresh: false }
    }

    pub(crate) fn restart(&mut self, at: u64) {
        (self.start, self.position, self.chunks, self.checksum, self.fresh) = (at, at, 0, 0, false);
    }

    /// The sample after the last one received.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    pub(crate) fn process(&mut self, samples: &[f32]) {
        for sample in samples {
            let level = (sample * 32_768.0).round() as i32;
            self.checksum = self.checksum.wrapping_mul(31).wrapping_add(level as u32);
        }
        self.position += samples.len() as u64;
        self.chunks += 1;
        self.fresh = true;
    }

    /// Reports a partial after each chunk, and a segment after every `segment_chunks`.
    pub(crate) fn report(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        if !std::mem::take(&mut self.fresh) {
            return Err(Error::other("process_iter was called without new audio"));
        }
        if self.chunks == 1 {
            sink.speech_started(self.start);
        }
        if self.chunks == self.segment_chunks {
            self.emit(sink);
        } else {
            sink.partial(&self.segment());
        }
        Ok(())
    }

    pub(crate) fn finish(&mut self, sink: &mut Sink<'_>) {
        if self.position > self.start {
            self.emit(sink);
        }
    }

    fn emit(&mut self, sink: &mut Sink<'_>) {
        sink.segment(&self.segment());
        sink.endpoint(self.position);
        sink.restart_point(self.position, &[]);
        self.restart(self.position);
    }

    fn segment(&self) -> Segment {
        let text = format!("{}:{:08x}", self.position - self.start, self.checksum);
        Segment::new(self.start, self.position, text).confidence(1.0).language(self.language.clone())
    }
}
