//! The stream of a stage that rewrites each text by itself. It has no state.

use crate::words::{Rule, rewrite};
use auricle_plugin_api::{Error, StageEvent, StageSink, StageStream};
use std::sync::Arc;

/// Rewrites final texts and partials.
pub struct Rewriter {
    rule: Arc<dyn Rule>,
}

impl Rewriter {
    pub(crate) fn new(rule: Arc<dyn Rule>) -> Self {
        Self { rule }
    }
}

impl StageStream for Rewriter {
    fn init(&mut self, _: u64) -> Result<(), Error> {
        Ok(())
    }

    fn event(&mut self, event: StageEvent, sink: &mut StageSink<'_>) -> Result<(), Error> {
        sink.event(&match event {
            StageEvent::Segment(segment) => StageEvent::Segment(rewrite(segment, &*self.rule)),
            StageEvent::Partial(segment) => StageEvent::Partial(rewrite(segment, &*self.rule)),
            other => other,
        });
        Ok(())
    }
}
