//! The healthy part: reports the audio as numbers. The text is the same as that of the engine `tone`, so that tests can
//! share a helper. The code is duplicated because one library cannot contain the export symbols of two engines.

use crate::neglect::Neglect;
use auricle_plugin_api::{Error, Segment, Sink};

/// Counts a stream's samples, and computes a checksum of them that depends on their order.
pub(crate) struct Counter {
    neglect: Neglect,
    /// Where the stream started.
    origin: u64,
    /// The state of restart points.
    state: Vec<u8>,
    segment_chunks: u64,
    language: String,
    start: u64,
    position: u64,
    chunks: u64,
    checksum: u32,
    fresh: bool,
}

impl Counter {
    pub(crate) fn new(segment_chunks: u64, language: String, neglect: Neglect, state: Vec<u8>) -> Self {
        let (origin, start, position, chunks, checksum, fresh) = (0, 0, 0, 0, 0, false);
        Self { neglect, origin, state, segment_chunks, language, start, position, chunks, checksum, fresh }
    }

    /// A stream starts at this sample.
    pub(crate) fn begin(&mut self, at: u64) {
        self.origin = at;
        self.restart(at);
    }

    pub(crate) fn restart(&mut self, at: u64) {
        (self.start, self.position, self.chunks, self.checksum, self.fresh) = (at, at, 0, 0, false);
    }

    /// Whether all audio was processed.
    pub(crate) fn is_whole(&self) -> bool {
        !self.fresh
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
            assert!(self.neglect != Neglect::Calls, "process_iter was called without new audio");
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
        let is_empty = self.position == self.start;
        match self.neglect {
            Neglect::LastWords => {}
            Neglect::Empty if is_empty => sink.segment(&Segment::new(self.start, self.start, "nothing")),
            _ if is_empty => {}
            _ => self.emit(sink),
        }
    }

    fn emit(&mut self, sink: &mut Sink<'_>) {
        sink.segment(&self.segment());
        sink.endpoint(self.position);
        match self.neglect {
            Neglect::PointOffset => sink.restart_point(self.position - self.origin, &self.state),
            Neglect::PointOrder => sink.restart_point(self.origin + 10_000_000 - self.position, &self.state),
            Neglect::Supported => {}
            _ => sink.restart_point(self.position, &self.state),
        }
        self.restart(self.position);
    }

    fn segment(&self) -> Segment {
        let text = format!("{}:{:08x}", self.position - self.start, self.checksum);
        let segment = Segment::new(self.start, self.position, text).confidence(1.0).language(self.language.clone());
        self.neglect.text(segment)
    }
}
