//! A stage for tests: it marks final text, holds it back if it is told to, and fails as its configuration specifies.

use crate::deadly;
use auricle_plugin_api::{
    Config, Error, Field, Host, Schema, Segment, Stage, StageEvent, StageLoader, StageMetadata, StageSink, StageStream,
};
use std::sync::Arc;

/// The loader of the stage `faulty-stage`.
pub(crate) struct FaultyStageLoader;

impl StageLoader for FaultyStageLoader {
    type Stage = FaultyStage;

    fn name(&self) -> &str {
        "faulty-stage"
    }

    fn schema(&self) -> Schema {
        Schema::new()
            .field(Field::load("mark").default("!").describe("put behind each final text"))
            .field(Field::stream("hold").boolean().default(false).describe("hold back each text until the next one"))
            .field(Field::stream("fault").one_of(["none", "error", "panic", "sigsegv"]).default("none"))
            .field(
                Field::stream("after_segments")
                    .integer(1, 1_000_000)
                    .default(1)
                    .describe("the text at which the fault occurs, counted since this stream of the stage was created"),
            )
    }

    fn load(&self, config: &Config, _: &Host) -> Result<FaultyStage, Error> {
        Ok(FaultyStage { mark: config.get("mark")? })
    }
}

/// Shared by streams.
pub(crate) struct FaultyStage {
    mark: String,
}

impl Stage for FaultyStage {
    type Stream = Holder;

    fn metadata(&self) -> StageMetadata {
        StageMetadata::new().changes_text()
    }

    fn stream(self: &Arc<Self>, options: &Config) -> Result<Holder, Error> {
        Ok(Holder {
            mark: self.mark.clone(),
            hold: options.get("hold")?,
            fault: options.get("fault")?,
            after_segments: options.get("after_segments")?,
            seen: 0,
            held: None,
        })
    }
}

/// A stream of the stage.
pub(crate) struct Holder {
    mark: String,
    hold: bool,
    fault: String,
    after_segments: u64,
    seen: u64,
    held: Option<Segment>,
}

impl Holder {
    fn strike(&mut self) -> Result<(), Error> {
        self.seen += 1;
        if self.seen == self.after_segments {
            match self.fault.as_str() {
                "error" => return Err(Error::other("the error asked for")),
                "panic" => panic!("the panic asked for"),
                "sigsegv" => deadly::segmentation_fault(),
                _ => {}
            }
        }
        Ok(())
    }
}

impl StageStream for Holder {
    fn init(&mut self, _: u64) -> Result<(), Error> {
        self.held = None;
        Ok(())
    }

    fn event(&mut self, event: StageEvent, sink: &mut StageSink<'_>) -> Result<(), Error> {
        let StageEvent::Segment(segment) = event else {
            sink.event(&event);
            return Ok(());
        };
        self.strike()?;
        let marked = Segment::new(segment.start, segment.end, format!("{}{}", segment.text(), self.mark));
        let ready = if self.hold { self.held.replace(marked) } else { Some(marked) };
        if let Some(segment) = ready {
            sink.event(&StageEvent::Segment(segment));
        }
        Ok(())
    }

    fn finish(&mut self, sink: &mut StageSink<'_>) -> Result<(), Error> {
        if let Some(segment) = self.held.take() {
            sink.event(&StageEvent::Segment(segment));
        }
        Ok(())
    }

    fn save(&mut self) -> Result<Vec<u8>, Error> {
        let held = self.held.as_ref();
        Ok(held.map_or_else(Vec::new, |text| format!("{} {} {}", text.start, text.end, text.text()).into_bytes()))
    }

    fn restore(&mut self, _: u64, state: &[u8]) -> Result<(), Error> {
        let state = std::str::from_utf8(state)?;
        let mut parts = state.splitn(3, ' ');
        self.held = match (parts.next(), parts.next(), parts.next()) {
            (Some(start), Some(end), Some(text)) => Some(Segment::new(start.parse()?, end.parse()?, text)),
            _ => None,
        };
        Ok(())
    }
}
