//! Where a processor reports what it heard.

use crate::{
    Segment,
    abi::{AbiSinkMut, lend},
};

/// The stream's end of a call: takes any number of events, in the order they are to be told.
///
/// Lent for one call; it belongs to the server, so new kinds of events can be added without breaking engines.
pub struct Sink<'a> {
    sink: AbiSinkMut<'a>,
}

impl<'a> Sink<'a> {
    pub(crate) fn new(sink: AbiSinkMut<'a>) -> Self {
        Self { sink }
    }

    /// The unstable hypothesis after the last segment. The next one replaces it; a segment clears it.
    pub fn partial(&mut self, segment: &Segment) {
        lend(segment, |lent| self.sink.partial(lent));
    }

    /// Final text, never to be changed: segments follow one another in the order of their times.
    pub fn segment(&mut self, segment: &Segment) {
        lend(segment, |lent| self.sink.segment(lent));
    }

    /// Somebody began to speak at this sample.
    pub fn speech_started(&mut self, sample: u64) {
        self.sink.speech_started(sample);
    }

    /// The utterance ended at this sample: a good place to act on what was said.
    pub fn endpoint(&mut self, sample: u64) {
        self.sink.endpoint(sample);
    }

    /// A fresh processor could go on from `sample`, given `state` (at most 1 MiB; see
    /// [`AsrProcessor::restore`](crate::AsrProcessor::restore)). Everything said before is final.
    pub fn restart_point(&mut self, sample: u64, state: &[u8]) {
        self.sink.restart_point(sample, state.into());
    }

    /// Nobody waits for the result of this call any more: a long decode may stop.
    pub fn cancelled(&self) -> bool {
        self.sink.cancelled()
    }

    /// A keyword ended at this sample. Since 1.1; an older server drops it.
    pub fn keyword(&mut self, sample: u64, text: &str) {
        self.sink.keyword(sample, text.as_bytes().into());
    }
}
