//! The stage of the ABI tests: uses all that the boundary offers to stages and reports, as events, what it got.

use auricle_plugin_api::{
    Config, Error, Field, Host, Schema, Segment, Stage, StageEvent, StageLoader, StageMetadata, StageSink, StageStream,
    Turn, TurnChange, TurnTrigger,
};
use std::sync::Arc;

pub(crate) struct ProbeStage;

impl StageLoader for ProbeStage {
    type Stage = Marks;

    fn name(&self) -> &str {
        "probe-stage"
    }

    fn schema(&self) -> Schema {
        Schema::new().field(Field::stream("mark").default("?"))
    }

    fn load(&self, _: &Config, _: &Host) -> Result<Marks, Error> {
        Ok(Marks)
    }
}

pub(crate) struct Marks;

impl Stage for Marks {
    type Stream = Marker;

    fn metadata(&self) -> StageMetadata {
        StageMetadata::new().sample_rate(8_000).delay(0.5).changes_text().capabilities(["turns"])
    }

    fn stream(self: &Arc<Self>, options: &Config) -> Result<Marker, Error> {
        Ok(Marker { mark: options.get("mark")?, at: 0, held: b"hi".to_vec() })
    }
}

pub(crate) struct Marker {
    mark: String,
    at: u64,
    held: Vec<u8>,
}

impl StageStream for Marker {
    fn init(&mut self, offset: u64) -> Result<(), Error> {
        self.at = offset;
        Ok(())
    }

    fn audio(&mut self, samples: &[f32], sink: &mut StageSink<'_>) -> Result<(), Error> {
        if self.mark == "panic" {
            panic!("asked to");
        }
        sink.event(&StageEvent::Partial(Segment::new(self.at, self.at, format!("{}", samples.len()))));
        self.at += samples.len() as u64;
        Ok(())
    }

    fn event(&mut self, event: StageEvent, sink: &mut StageSink<'_>) -> Result<(), Error> {
        match event {
            StageEvent::Segment(text) => {
                let marked = format!("{}{}", text.text(), self.mark);
                sink.event(&StageEvent::Segment(Segment::new(text.start, text.end, marked)));
            }
            event => sink.event(&event),
        }
        Ok(())
    }

    fn end_turn(&mut self, sink: &mut StageSink<'_>) -> Result<(), Error> {
        sink.turn(Turn::new(101, TurnChange::Started));
        sink.turn(Turn::new(self.at, TurnChange::Ended(TurnTrigger::Manual)).confidence(0.5));
        Ok(())
    }

    fn finish(&mut self, sink: &mut StageSink<'_>) -> Result<(), Error> {
        sink.event(&StageEvent::Segment(Segment::new(self.at, self.at, format!("held {:?}", self.held))));
        Ok(())
    }

    fn save(&mut self) -> Result<Vec<u8>, Error> {
        Ok(self.held.clone())
    }

    fn restore(&mut self, sample: u64, state: &[u8]) -> Result<(), Error> {
        self.held = state.to_vec();
        self.init(sample)
    }
}
