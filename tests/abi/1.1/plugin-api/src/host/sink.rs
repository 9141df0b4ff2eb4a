//! The host's end of a call: an [`EventSink`] behind the boundary's object.

use crate::{
    Segment,
    abi::{AbiSegment, AbiSink, AbiSink_TO, AbiSinkMut},
    guard::guard,
};
use abi_stable::{sabi_trait::TD_Opaque, sabi_types::RMut, std_types::RSlice};

/// Takes the events of one call. What it is given is the engine's word, unchecked: times may lie, text may be endless.
pub trait EventSink {
    /// See [`crate::Sink::partial`].
    fn partial(&mut self, segment: Segment);
    /// See [`crate::Sink::segment`].
    fn segment(&mut self, segment: Segment);
    /// See [`crate::Sink::speech_started`].
    fn speech_started(&mut self, sample: u64);
    /// See [`crate::Sink::endpoint`].
    fn endpoint(&mut self, sample: u64);
    /// See [`crate::Sink::restart_point`].
    fn restart_point(&mut self, sample: u64, state: &[u8]);
    /// See [`crate::Sink::cancelled`].
    fn cancelled(&self) -> bool {
        false
    }
    /// See [`crate::Sink::keyword`].
    fn keyword(&mut self, sample: u64, text: &str) {
        let _ = (sample, text);
    }
}

/// An [`EventSink`] as it crosses the boundary. A panic in it is the host's bug: caught, logged, not passed on.
pub(super) struct Adapter<'a>(pub(super) &'a mut dyn EventSink);

impl Adapter<'_> {
    pub(super) fn cross(&mut self) -> AbiSinkMut<'_> {
        AbiSink_TO::from_ptr(RMut::new(self), TD_Opaque)
    }

    fn tell(&mut self, tell: impl FnOnce(&mut dyn EventSink)) {
        let outcome = guard(|| {
            tell(self.0);
            Ok(())
        });
        if let Err(error) = outcome {
            tracing::error!("the host's event sink {error}");
        }
    }
}

impl AbiSink for Adapter<'_> {
    fn partial(&mut self, segment: AbiSegment<'_>) {
        self.tell(|sink| sink.partial(segment.into()));
    }

    fn segment(&mut self, segment: AbiSegment<'_>) {
        self.tell(|sink| sink.segment(segment.into()));
    }

    fn speech_started(&mut self, sample: u64) {
        self.tell(|sink| sink.speech_started(sample));
    }

    fn endpoint(&mut self, sample: u64) {
        self.tell(|sink| sink.endpoint(sample));
    }

    fn restart_point(&mut self, sample: u64, state: RSlice<'_, u8>) {
        self.tell(|sink| sink.restart_point(sample, &state));
    }

    fn cancelled(&self) -> bool {
        guard(|| Ok(self.0.cancelled())).unwrap_or(false)
    }

    fn keyword(&mut self, sample: u64, text: RSlice<'_, u8>) {
        self.tell(|sink| sink.keyword(sample, &String::from_utf8_lossy(&text)));
    }
}
