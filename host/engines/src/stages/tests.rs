//! A model with stages goes on from each of its restart points as if nothing had happened.

use super::{STAGE, STAGES, Staged, list};
use auricle_plugin_api::{
    AsrProcessor, Config, Error, Field, Host, Metadata, Model, ModelLoader, Replay, Schema, Segment, Sink, Stage,
    StageEvent, StageLoader, StageMetadata, StageSink, StageStream, Turn, TurnChange, TurnTrigger,
    host::{EventSink, LoadedEngine, LoadedStageLoader},
};
use auricle_plugin_test::StubHost;
use auricle_stream::{BatchEntry, CallError, Model as _, Processor};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Reports a segment at each 30 samples, and a restart point five samples before its end.
struct Thirty;

impl ModelLoader for Thirty {
    type Model = Thirty;

    fn backend(&self) -> &str {
        "thirty"
    }

    fn load(&self, _: &Config, _: &Host) -> Result<Self, Error> {
        Ok(Self)
    }
}

impl Model for Thirty {
    type Processor = Count;

    fn metadata(&self) -> Metadata {
        Metadata::new(8_000, 10).replay(Replay::Exact).max_batch(4)
    }

    fn processor(self: &Arc<Self>, options: &Config) -> Result<Count, Error> {
        assert!(!options.fields().contains_key(STAGES), "the list of stages is not the engine's");
        Ok(Count { position: 0, told: 0 })
    }
}

struct Count {
    position: u64,
    told: u64,
}

impl AsrProcessor for Count {
    fn init(&mut self, offset: u64) -> Result<(), Error> {
        (self.position, self.told) = (offset, offset);
        Ok(())
    }

    fn insert_audio_chunk(&mut self, samples: &[f32]) -> Result<(), Error> {
        self.position += samples.len() as u64;
        Ok(())
    }

    fn process_iter(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        sink.partial(&Segment::new(self.told, self.position, "..."));
        while self.position >= self.told + 30 {
            let end = self.told + 30;
            sink.segment(&Segment::new(self.told, end, "text"));
            sink.endpoint(end);
            self.told = end;
            sink.restart_point(end - 5, &end.to_le_bytes());
        }
        Ok(())
    }

    fn finish(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        sink.segment(&Segment::new(self.told, self.position, "rest"));
        Ok(())
    }

    fn restore(&mut self, sample: u64, state: &[u8]) -> Result<(), Error> {
        let state = state.try_into().map_err(|_| Error::other("the state is not its own"))?;
        (self.position, self.told) = (sample, u64::from_le_bytes(state));
        Ok(())
    }
}

/// Holds each segment back until the next one, and adds how much audio it has heard. A turn takes 20 samples.
struct Holding;

impl StageLoader for Holding {
    type Stage = Holding;

    fn name(&self) -> &str {
        "holding"
    }

    fn schema(&self) -> Schema {
        Schema::new().field(Field::stream("mark").default("?"))
    }

    fn load(&self, _: &Config, _: &Host) -> Result<Self, Error> {
        Ok(Self)
    }
}

impl Stage for Holding {
    type Stream = Held;

    fn metadata(&self) -> StageMetadata {
        StageMetadata::new().sample_rate(8_000).changes_text().capabilities(["turns"])
    }

    fn stream(self: &Arc<Self>, options: &Config) -> Result<Held, Error> {
        assert!(!options.fields().contains_key(STAGE), "the name is not a field");
        Ok(Held { mark: options.get("mark")?, heard: 0, held: Vec::new() })
    }
}

struct Held {
    mark: String,
    heard: u64,
    held: Vec<(u64, u64, String)>,
}

impl Held {
    fn tell(&mut self, sink: &mut StageSink<'_>) {
        for (start, end, text) in self.held.drain(..) {
            sink.event(&StageEvent::Segment(Segment::new(start, end, text)));
        }
    }
}

impl StageStream for Held {
    fn init(&mut self, offset: u64) -> Result<(), Error> {
        (self.heard, self.held) = (offset, Vec::new());
        Ok(())
    }

    fn audio(&mut self, samples: &[f32], sink: &mut StageSink<'_>) -> Result<(), Error> {
        for _ in samples {
            match self.heard % 20 {
                0 => sink.turn(Turn::new(self.heard, TurnChange::Started)),
                15 => sink.turn(Turn::new(self.heard, TurnChange::Ended(TurnTrigger::Model))),
                _ => {}
            }
            self.heard += 1;
        }
        Ok(())
    }

    fn event(&mut self, event: StageEvent, sink: &mut StageSink<'_>) -> Result<(), Error> {
        assert!(event.sample() <= self.heard, "an event about audio that it has not heard");
        match event {
            StageEvent::Segment(text) => {
                self.tell(sink);
                self.held.push((text.start, text.end, format!("{}{}{}", text.text(), self.mark, self.heard)));
            }
            event => sink.event(&event),
        }
        Ok(())
    }

    fn finish(&mut self, sink: &mut StageSink<'_>) -> Result<(), Error> {
        self.tell(sink);
        Ok(())
    }

    fn save(&mut self) -> Result<Vec<u8>, Error> {
        Ok(postcard::to_stdvec(&(self.heard, &self.held))?)
    }

    fn restore(&mut self, sample: u64, state: &[u8]) -> Result<(), Error> {
        (self.heard, self.held) = postcard::from_bytes(state)?;
        assert_eq!(self.heard, sample, "the audio after what it has heard follows");
        Ok(())
    }
}

/// What leaves the chain, but partials, and its points with the number of events before them.
#[derive(Default)]
struct Told {
    events: Vec<String>,
    points: Vec<(u64, Vec<u8>, usize)>,
}

impl EventSink for Told {
    fn partial(&mut self, _: Segment) {}

    fn segment(&mut self, segment: Segment) {
        self.events.push(format!("{}..{} {}", segment.start, segment.end, segment.text()));
    }

    fn speech_started(&mut self, _: u64) {}

    fn endpoint(&mut self, sample: u64) {
        self.events.push(format!("endpoint {sample}"));
    }

    fn turn(&mut self, turn: Turn) {
        self.events.push(format!("turn {} {:?} at {}", turn.number, turn.change, turn.sample));
    }

    fn restart_point(&mut self, sample: u64, state: &[u8]) {
        self.points.push((sample, state.to_vec(), self.events.len()));
    }
}

fn model(stages: &[&str]) -> Result<Staged, Error> {
    let engine = LoadedEngine::in_process(Thirty, StubHost::new().services())?;
    let stage = LoadedStageLoader::in_process(Holding, StubHost::new().services())?;
    let loaded = stages.iter().map(|name| Ok(((*name).to_owned(), stage.load(&Map::new())?)));
    Staged::new(Box::new(engine.load(&Map::new())?), loaded.collect::<Result<_, Error>>()?)
}

fn options() -> Map<String, Value> {
    let fields = |mark: &str| json!({"mark": mark}).as_object().unwrap().clone();
    let stages = list([("first", fields("-")), ("second", fields("+"))]);
    [(STAGES.to_owned(), stages)].into_iter().collect()
}

/// Processes audio from a sample on, in chunks of ten, and ends it.
fn run(processor: &mut dyn Processor, from: usize, told: &mut Told) -> Result<(), CallError> {
    let audio = vec![0.0; 97];
    let mut at = from;
    while at + 10 - at % 10 <= audio.len() {
        let next = at + 10 - at % 10;
        processor.process(&audio[at..next], false, told)?;
        at = next;
    }
    processor.process(&audio[at..], true, told)
}

#[test]
fn a_chain_goes_on_from_each_of_its_points() {
    let model = model(&["first", "second"]).unwrap();
    assert!(model.metadata().capabilities.contains(&"turns".to_owned()));
    let open = || model.processor("s", &options()).unwrap();
    let (mut processor, mut uncut) = (open(), Told::default());
    processor.init(0).unwrap();
    run(&mut *processor, 0, &mut uncut).unwrap();
    assert_eq!(uncut.events.iter().filter(|event| event.contains("text-30+")).count(), 1, "{:?}", uncut.events);
    assert!(uncut.events.contains(&"turn 5 Ended(Model) at 95".to_owned()), "{:?}", uncut.events);
    assert_eq!(uncut.points.len(), 3);
    for (sample, state, before) in &uncut.points {
        let (mut processor, mut told) = (open(), Told::default());
        processor.restore(*sample, state).unwrap();
        run(&mut *processor, *sample as usize, &mut told).unwrap();
        assert_eq!(told.events, uncut.events[*before..], "from {sample}");
    }
    let state = &uncut.points[0].1;
    assert!(open().restore(25, &state[1..]).is_err());
}

#[test]
fn a_batch_tells_what_its_streams_tell_alone() {
    let model = model(&["first", "second"]).unwrap();
    let mut alone = Told::default();
    let mut processor = model.processor("s", &options()).unwrap();
    run(&mut *processor, 0, &mut alone).unwrap();
    let mut streams: Vec<_> = (0..3).map(|_| (model.processor("s", &options()).unwrap(), Told::default())).collect();
    let audio = [0.0_f32; 10];
    for _ in 0..9 {
        let entries = streams.iter_mut().map(|(processor, sink)| BatchEntry {
            processor: &mut **processor,
            audio: &audio,
            ends: false,
            sink,
            outcome: Err(CallError::Unavailable("not processed".into())),
        });
        let mut entries: Vec<_> = entries.collect();
        model.process_batch(&mut entries);
        assert!(entries.iter().all(|entry| entry.outcome.is_ok()));
    }
    for (mut processor, mut told) in streams {
        processor.process(&audio[..7], true, &mut told).unwrap();
        assert_eq!(told.events, alone.events);
    }
}

#[test]
fn the_client_ends_a_turn_only_of_stages_that_know_it() {
    let model = model(&["first"]).unwrap();
    let mut processor = model.processor("s", &Map::new()).unwrap();
    let mut told = Told::default();
    processor.end_turn(&mut told).unwrap();
    assert!(told.events.is_empty());
}
