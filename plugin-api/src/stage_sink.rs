//! The receiver of a stage's events.

use crate::{
    StageEvent, Turn,
    abi::{AbiEvent, AbiStageSinkMut, lend_event},
};

/// Takes a stage's events during a call, in the order in which the next stage and the client get them.
pub struct StageSink<'a> {
    sink: AbiStageSinkMut<'a>,
}

impl<'a> StageSink<'a> {
    pub(crate) fn new(sink: AbiStageSinkMut<'a>) -> Self {
        Self { sink }
    }

    /// Reports an event, or passes one on.
    pub fn event(&mut self, event: &StageEvent) {
        lend_event(event, |lent| self.sink.event(lent));
    }

    /// Reports that something happened to a turn.
    pub fn turn(&mut self, turn: Turn) {
        self.event(&StageEvent::Turn(turn));
    }

    /// Passes on an event of a kind that this version does not know.
    pub(crate) fn pass(&mut self, event: AbiEvent<'_>) {
        self.sink.event(event);
    }

    /// Whether the result of this call is no longer needed.
    pub fn cancelled(&self) -> bool {
        self.sink.cancelled()
    }
}
