//! A stage for tests: it marks final text, holds it back if it is told to, and fails as its configuration specifies.

use crate::{
    deadly,
    stage_neglect::{Sloppy, StageNeglect, has_unknown},
};
use auricle_plugin_api::{
    Config, Error, Field, Host, Schema, Segment, Stage, StageEvent, StageLoader, StageMetadata, StageSink, StageStream,
};
use std::{path::PathBuf, sync::Arc};

/// The loader of the stage `faulty-stage`.
pub(crate) struct FaultyStageLoader;

const FIELDS: [&str; 5] = ["mark", "neglect", "hold", "fault", "after_segments"];

impl StageLoader for FaultyStageLoader {
    type Stage = FaultyStage;

    fn name(&self) -> &str {
        "faulty-stage"
    }

    fn schema(&self) -> Schema {
        let [mark, neglect, hold, fault, after] = FIELDS;
        let clauses = StageNeglect::ALL.iter().map(|(name, _)| *name);
        Schema::new()
            .field(Field::load(mark).default("!").describe("put behind each final text"))
            .field(
                Field::load(neglect)
                    .one_of(clauses)
                    .default("none")
                    .describe("the clause of the contract that it breaks"),
            )
            .field(Field::stream(hold).boolean().default(false).describe("hold back each text until the next one"))
            .field(
                Field::stream(fault)
                    .one_of(["none", "error", "panic", "sigsegv"])
                    .default("none")
                    .describe("what happens at a text"),
            )
            .field(
                Field::stream(after)
                    .integer(1, 1_000_000)
                    .default(1)
                    .describe("the text at which the fault occurs, counted since this stream of the stage was created"),
            )
    }

    fn load(&self, config: &Config, _: &Host) -> Result<FaultyStage, Error> {
        let neglect = StageNeglect::read(config, "neglect")?;
        if neglect == StageNeglect::UnknownField && has_unknown(config, &FIELDS) {
            panic!("an unknown field");
        }
        let number = neglect.load()?;
        Ok(FaultyStage { mark: config.get("mark").map_err(|error| neglect.told(error))?, neglect, number })
    }

    fn files(&self, config: &Config, _: &Host) -> Result<Option<Vec<PathBuf>>, Error> {
        let neglects = config.get_optional::<String>("neglect")?.as_deref() == Some("files");
        Ok(neglects.then(|| vec![PathBuf::from("a/relative/path")]))
    }
}

/// Shared by streams.
pub(crate) struct FaultyStage {
    mark: String,
    neglect: StageNeglect,
    number: u64,
}

impl Stage for FaultyStage {
    type Stream = Holder;

    fn metadata(&self) -> StageMetadata {
        self.neglect.metadata(self.number)
    }

    fn stream(self: &Arc<Self>, options: &Config) -> Result<Holder, Error> {
        let told = |error| self.neglect.told(error);
        Ok(Holder {
            hold: options.get("hold").map_err(told)?,
            fault: options.get("fault").map_err(told)?,
            after_segments: options.get("after_segments").map_err(told)?,
            seen: 0,
            held: None,
            sloppy: Sloppy::new(self.neglect),
            stage: Arc::clone(self),
        })
    }
}

/// A stream of the stage.
pub(crate) struct Holder {
    stage: Arc<FaultyStage>,
    hold: bool,
    fault: String,
    after_segments: u64,
    seen: u64,
    held: Option<Segment>,
    sloppy: Sloppy,
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
    fn init(&mut self, offset: u64) -> Result<(), Error> {
        self.held = None;
        self.sloppy.init(offset);
        Ok(())
    }

    fn audio(&mut self, samples: &[f32], _: &mut StageSink<'_>) -> Result<(), Error> {
        self.sloppy.audio(samples)
    }

    fn event(&mut self, event: StageEvent, sink: &mut StageSink<'_>) -> Result<(), Error> {
        let StageEvent::Segment(segment) = event else {
            sink.event(&event);
            return Ok(());
        };
        self.strike()?;
        let marked = Segment::new(segment.start, segment.end, format!("{}{}", segment.text(), self.stage.mark));
        let marked = self.sloppy.text(marked, sink);
        let ready = if self.hold { self.held.replace(marked) } else { Some(marked) };
        if let Some(segment) = ready {
            sink.event(&StageEvent::Segment(segment));
        }
        Ok(())
    }

    fn end_turn(&mut self, _: &mut StageSink<'_>) -> Result<(), Error> {
        match self.sloppy.neglect {
            StageNeglect::EndTurn => Err(Error::other("no turn is open")),
            _ => Ok(()),
        }
    }

    fn finish(&mut self, sink: &mut StageSink<'_>) -> Result<(), Error> {
        if self.sloppy.neglect == StageNeglect::Empty {
            sink.event(&StageEvent::Segment(Segment::new(0, 0, "nothing")));
        }
        if let Some(segment) = self.held.take() {
            sink.event(&StageEvent::Segment(segment));
        }
        Ok(())
    }

    fn save(&mut self) -> Result<Vec<u8>, Error> {
        let held = self.held.as_ref();
        let state = held.map_or_else(Vec::new, |text| format!("{} {} {}", text.start, text.end, text.text()).into());
        match self.sloppy.neglect {
            StageNeglect::Save => self.held = None,
            StageNeglect::OtherStage => return Ok(self.stage.number.to_string().into()),
            StageNeglect::StateSize => return Ok(vec![b'7'; 2 << 20]),
            _ => {}
        }
        Ok(state)
    }

    fn restore(&mut self, _: u64, state: &[u8]) -> Result<(), Error> {
        let neglect = self.sloppy.neglect;
        if neglect == StageNeglect::OtherStage && state != self.stage.number.to_string().as_bytes() {
            return Err(Error::other("this is another stage's state"));
        }
        if neglect == StageNeglect::SpoiltState && !state.is_empty() {
            panic!("a state is not empty");
        }
        let state = std::str::from_utf8(state)?;
        let mut parts = state.splitn(3, ' ');
        self.held = match (parts.next(), parts.next(), parts.next()) {
            (Some(start), Some(end), Some(text)) => Some(Segment::new(start.parse()?, end.parse()?, text)),
            _ => None,
        };
        if neglect == StageNeglect::Restore {
            self.held = None;
        }
        Ok(())
    }

    fn extension(&mut self, _: &str, _: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok((self.sloppy.neglect == StageNeglect::Extension).then(Vec::new))
    }
}
