//! The host's end of a call: wraps an [`EventSink`] for the boundary.

use crate::{
    Segment, StageEvent, Turn,
    abi::{AbiSegment, AbiSink, AbiSink_TO, AbiSinkMut},
    guard::guard,
};
use abi_stable::{sabi_trait::TD_Opaque, sabi_types::RMut, std_types::RSlice};

/// Receives the events of a call. They are not validated: times may be wrong, texts may be very long.
pub trait EventSink {
    /// See [`crate::Sink::partial`].
    fn partial(&mut self, segment: Segment);
    /// See [`crate::Sink::segment`].
    fn segment(&mut self, segment: Segment);
    /// See [`crate::Sink::speech_started`].
    fn speech_started(&mut self, sample: u64);
    /// See [`crate::Sink::endpoint`].
    fn endpoint(&mut self, sample: u64);
    /// Something happened to a turn: of stages only.
    fn turn(&mut self, turn: Turn) {
        let _ = turn;
    }
    /// See [`crate::Sink::restart_point`].
    fn restart_point(&mut self, sample: u64, state: &[u8]);
    /// An event of any kind.
    fn event(&mut self, event: StageEvent) {
        match event {
            StageEvent::Partial(segment) => self.partial(segment),
            StageEvent::Segment(segment) => self.segment(segment),
            StageEvent::SpeechStarted(sample) => self.speech_started(sample),
            StageEvent::Endpoint(sample) => self.endpoint(sample),
            StageEvent::Turn(turn) => self.turn(turn),
        }
    }
    /// See [`crate::Sink::cancelled`].
    fn cancelled(&self) -> bool {
        false
    }
}

/// Wraps an [`EventSink`] for the boundary. A panic in it is a bug of the host: it is caught and logged.
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
}
