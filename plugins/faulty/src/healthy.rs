//! The healthy part: what was heard, as numbers. The same text as the engine `tone` gives, so that one test helper
//! reads both; the few lines are written again because two engines' export symbols cannot share one library.

use auricle_plugin_api::{Error, Segment, Sink};

/// Counts a stream's samples and keeps a checksum of them that depends on their order.
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

    /// The sample after the last one heard.
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

    /// A partial after each chunk, a segment after every `segment_chunks`.
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
            sink.partial(&self.heard());
        }
        Ok(())
    }

    pub(crate) fn finish(&mut self, sink: &mut Sink<'_>) {
        if self.position > self.start {
            self.emit(sink);
        }
    }

    fn emit(&mut self, sink: &mut Sink<'_>) {
        sink.segment(&self.heard());
        sink.endpoint(self.position);
        sink.restart_point(self.position, &[]);
        self.restart(self.position);
    }

    fn heard(&self) -> Segment {
        let text = format!("{}:{:08x}", self.position - self.start, self.checksum);
        Segment::new(self.start, self.position, text).confidence(1.0).language(self.language.clone())
    }
}
