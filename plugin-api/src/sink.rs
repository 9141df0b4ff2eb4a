//! The receiver of a processor's events.

use crate::{
    Segment,
    abi::{AbiSinkMut, lend},
};

/// The receiver of a stream's events during a call, in the order in which clients get them.
///
/// Lent for one call. It belongs to the server, so new kinds of events can be added without breaking engines.
pub struct Sink<'a> {
    sink: AbiSinkMut<'a>,
}

impl<'a> Sink<'a> {
    pub(crate) fn new(sink: AbiSinkMut<'a>) -> Self {
        Self { sink }
    }

    /// Reports the unstable hypothesis after the last segment. The next partial replaces it; a segment clears it.
    pub fn partial(&mut self, segment: &Segment) {
        lend(segment, |lent| self.sink.partial(lent));
    }

    /// Reports final text. Segments follow one another in the order of their times.
    pub fn segment(&mut self, segment: &Segment) {
        lend(segment, |lent| self.sink.segment(lent));
    }

    /// Reports that speech started at this sample.
    pub fn speech_started(&mut self, sample: u64) {
        self.sink.speech_started(sample);
    }

    /// Reports that the utterance ended at this sample. Applications can act on it.
    pub fn endpoint(&mut self, sample: u64) {
        self.sink.endpoint(sample);
    }

    /// Reports that a new processor could continue from `sample`, given `state` (at most 1 MiB; see
    /// [`AsrProcessor::restore`](crate::AsrProcessor::restore)). Everything reported before is final. Points do not go
    /// back: the server drops the audio before the last one.
    pub fn restart_point(&mut self, sample: u64, state: &[u8]) {
        self.sink.restart_point(sample, state.into());
    }

    /// Whether the result of this call is no longer needed: a long decode may stop.
    pub fn cancelled(&self) -> bool {
        self.sink.cancelled()
    }
}
