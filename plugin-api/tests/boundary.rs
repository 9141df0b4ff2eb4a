//! What the boundary promises both sides, through its real objects: every call goes host -> ABI -> guard -> engine.

#![allow(clippy::unwrap_used, reason = "a test may")]

use auricle_plugin_api::{
    AsrProcessor, BatchItem, Config, Error, ErrorCode, Field, Host, Metadata, Model, ModelLoader, Schema, Segment,
    Sink,
    host::{BatchEntry, EventSink, LoadedEngine, LoadedModel, LoadedProcessor},
};
use auricle_plugin_test::{Recording, StubHost};
use serde_json::{Map, Value, json};
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// An engine that does what the `say` field of a stream tells it to.
struct Puppet(Arc<AtomicUsize>);
struct Stage {
    alive: Arc<AtomicUsize>,
    drop_panics: bool,
}
struct Actor {
    stage: Arc<Stage>,
    say: String,
}

impl ModelLoader for Puppet {
    type Model = Stage;
    fn backend(&self) -> &str {
        "puppet"
    }
    fn schema(&self) -> Schema {
        Schema::new()
            .field(Field::load("drop_panics").boolean().default(false))
            .field(Field::stream("say").default("nothing"))
    }
    fn load(&self, config: &Config, host: &Host) -> Result<Stage, Error> {
        assert_eq!(host.origin_dir(), PathBuf::from("/origin"));
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(Stage { alive: Arc::clone(&self.0), drop_panics: config.get("drop_panics")? })
    }
    fn files(&self, config: &Config, host: &Host) -> Result<Option<Vec<PathBuf>>, Error> {
        let folder = config.get_optional::<String>("folder")?;
        Ok(folder.map(|folder| vec![host.origin_dir().join(folder)]))
    }
    fn extension(&self, id: &str, request: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok((id == "echo").then(|| request.to_vec()))
    }
}

impl Model for Stage {
    type Processor = Actor;
    fn metadata(&self) -> Metadata {
        Metadata::new(16_000, 1_600).max_batch(4)
    }
    fn processor(self: &Arc<Self>, options: &Config) -> Result<Actor, Error> {
        Ok(Actor { stage: Arc::clone(self), say: options.get("say")? })
    }
    fn process_batch(&self, batch: &mut [BatchItem<'_, Actor>]) {
        let size = batch.len();
        batch.sort_by(|one, other| other.processor.say.cmp(&one.processor.say));
        for item in batch {
            item.sink.partial(&Segment::new(0, 1, format!("one of {size}")));
            let BatchItem { processor, sink, ends, .. } = item;
            item.result = if *ends { processor.finish(sink) } else { processor.process_iter(sink) };
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::SeqCst);
        assert!(!self.drop_panics, "the stage breaks down");
    }
}

impl AsrProcessor for Actor {
    fn init(&mut self, _: u64) -> Result<(), Error> {
        Ok(())
    }
    fn insert_audio_chunk(&mut self, _: &[f32]) -> Result<(), Error> {
        Ok(())
    }
    fn process_iter(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        match self.say.as_str() {
            "panic" => panic!("stage fright"),
            "bomb" => std::panic::panic_any(Bomb),
            "error" => Err(Error::new(ErrorCode(1_234), "lost the thread")),
            text => {
                sink.segment(&Segment::new(0, 1, text));
                Ok(())
            }
        }
    }
    fn finish(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        sink.segment(&Segment::new(0, 1, if sink.cancelled() { "cancelled" } else { "the end" }));
        Ok(())
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        assert_eq!(self.stage.alive.load(Ordering::SeqCst), 1, "the model outlives its processors");
        assert!(self.say != "drop", "exit, pursued by a bear");
    }
}

/// A panic payload whose own `Drop` panics.
struct Bomb;
impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("bomb");
    }
}

/// The sink of a client that has left, and of a host with a bug.
#[derive(Default)]
struct Departed {
    recording: Recording,
    panics: bool,
}

impl EventSink for Departed {
    fn partial(&mut self, segment: Segment) {
        self.recording.partial(segment);
    }
    fn segment(&mut self, segment: Segment) {
        assert!(!self.panics, "the host's own bug");
        self.recording.segment(segment);
    }
    fn speech_started(&mut self, sample: u64) {
        self.recording.speech_started(sample);
    }
    fn endpoint(&mut self, sample: u64) {
        self.recording.endpoint(sample);
    }
    fn restart_point(&mut self, sample: u64, state: &[u8]) {
        self.recording.restart_point(sample, state);
    }
    fn cancelled(&self) -> bool {
        assert!(!self.panics, "the host's own bug");
        true
    }
}

/// The texts of partials, in brackets, and of segments.
fn texts(recording: &Recording) -> String {
    let partials = recording.partials.iter().map(|segment| format!("({})", segment.text()));
    partials.chain(recording.texts()).collect::<Vec<_>>().join(" ")
}

fn fields(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn engine(alive: &Arc<AtomicUsize>) -> LoadedEngine {
    let host = StubHost::new().origin_dir("/origin");
    LoadedEngine::in_process(Puppet(Arc::clone(alive)), host.services()).unwrap()
}

fn model(alive: &Arc<AtomicUsize>, config: Value) -> Result<LoadedModel, Error> {
    engine(alive).load(&fields(config))
}

fn plain_model() -> LoadedModel {
    model(&Arc::default(), json!({})).unwrap()
}

fn actor(model: &LoadedModel, say: &str) -> LoadedProcessor {
    model.processor(&fields(json!({"say": say}))).unwrap()
}

fn entries<S: EventSink>(streams: &mut [(LoadedProcessor, S)]) -> Vec<BatchEntry<'_>> {
    streams.iter_mut().map(|(processor, sink)| BatchEntry { processor, sink, result: Ok(()) }).collect()
}

#[test]
fn a_panic_is_an_error_and_the_processor_is_not_called_again() {
    let model = plain_model();
    for (say, message) in [("panic", "panicked: stage fright"), ("bomb", "panicked: panic without a message")] {
        let mut processor = actor(&model, say);
        let mut recording = Recording::default();
        let error = processor.process_iter(&mut recording).unwrap_err();
        assert_eq!((error.code, error.message.as_str()), (ErrorCode::PANIC, message));
        assert_eq!(processor.finish(&mut recording).unwrap_err().code, ErrorCode::POISONED);
        assert_eq!(processor.init(0).unwrap_err().code, ErrorCode::POISONED);
        assert_eq!(recording, Recording::default());
    }
    // The model serves on.
    let mut recording = Recording::default();
    actor(&model, "hello").process_iter(&mut recording).unwrap();
    assert_eq!(recording.texts(), ["hello"]);
}

#[test]
fn an_error_keeps_its_code_and_poisons_nothing() {
    let model = plain_model();
    let mut processor = actor(&model, "error");
    for _ in 0..2 {
        let error = processor.process_iter(&mut Recording::default()).unwrap_err();
        assert_eq!((error.code.0, error.message.as_str()), (1_234, "lost the thread"));
    }
}

#[test]
fn a_panic_in_drop_is_harmless_and_a_model_outlives_its_processors() {
    let alive = Arc::default();
    let model = model(&alive, json!({"drop_panics": true})).unwrap();
    let processor = actor(&model, "drop");
    drop(model);
    assert_eq!(alive.load(Ordering::SeqCst), 1);
    drop(processor);
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}

#[test]
fn each_stream_of_a_batch_has_its_own_result() {
    let model = plain_model();
    let mut streams = ["a", "error", "c"].map(|say| (actor(&model, say), Recording::default()));
    let mut batch = entries(&mut streams);
    model.process_batch(&mut batch);
    let codes: Vec<_> = batch.into_iter().map(|entry| entry.result.map_err(|error| error.code.0)).collect();
    assert_eq!(codes, [Ok(()), Err(1_234), Ok(())]);
    let texts = streams.map(|(_, recording)| texts(&recording));
    assert_eq!(texts, ["(one of 3) a", "(one of 3)", "(one of 3) c"]);
}

#[test]
fn a_batch_finishes_the_streams_that_end() {
    let model = plain_model();
    let mut streams = ["a", "b"].map(|say| (actor(&model, say), Departed::default()));
    for (ending, expected) in
        [["(one of 2) cancelled", "(one of 2) b"], ["(one of 2) a", "(one of 2) cancelled"]].into_iter().enumerate()
    {
        streams[ending].0.announce_end().unwrap();
        let mut batch = entries(&mut streams);
        model.process_batch(&mut batch);
        assert!(batch.iter().all(|entry| entry.result.is_ok()));
        drop(batch);
        assert_eq!(streams.each_mut().map(|(_, sink)| texts(&sink.recording.take())), expected);
    }
}

#[test]
fn a_panic_poisons_the_whole_batch_and_nothing_else() {
    let model = plain_model();
    let mut bystander = actor(&model, "bystander");
    let mut streams = ["a", "panic", "c"].map(|say| (actor(&model, say), Recording::default()));
    let mut batch = entries(&mut streams);
    model.process_batch(&mut batch);
    for entry in &batch {
        assert_eq!(entry.result.as_ref().unwrap_err().code, ErrorCode::PANIC);
    }
    drop(batch);
    for (processor, recording) in &mut streams {
        assert_eq!(processor.process_iter(recording).unwrap_err().code, ErrorCode::POISONED);
    }
    bystander.process_iter(&mut Recording::default()).unwrap();
}

#[test]
fn a_poisoned_processor_sits_a_batch_out() {
    let model = plain_model();
    let mut streams = ["panic", "b"].map(|say| (actor(&model, say), Recording::default()));
    streams[0].0.process_iter(&mut Recording::default()).unwrap_err();
    let mut batch = entries(&mut streams);
    model.process_batch(&mut batch);
    assert_eq!(batch[0].result.as_ref().unwrap_err().code, ErrorCode::POISONED);
    assert_eq!(batch[1].result, Ok(()));
    drop(batch);
    assert_eq!(texts(&streams[1].1), "(one of 1) b");
}

#[test]
fn another_models_processor_is_refused_and_left_alone() {
    let (model, other) = (plain_model(), plain_model());
    for say in ["b", "panic"] {
        let mut streams = [actor(&other, "stranger"), actor(&model, say)].map(|actor| (actor, Recording::default()));
        let mut batch = entries(&mut streams);
        model.process_batch(&mut batch);
        assert_eq!(batch[0].result.as_ref().unwrap_err().code, ErrorCode::CONTRACT, "beside {say}");
        assert_eq!(batch[1].result.is_ok(), say == "b");
        drop(batch);
        let [(stranger, recording), _] = &mut streams;
        assert_eq!(*recording, Recording::default());
        stranger.process_iter(recording).unwrap();
    }
}

#[test]
fn an_empty_batch_is_nothing() {
    plain_model().process_batch(&mut []);
}

#[test]
fn a_panic_in_the_hosts_sink_stays_with_the_host() {
    let model = plain_model();
    let mut processor = actor(&model, "hello");
    let mut sink = Departed { panics: true, ..Departed::default() };
    processor.process_iter(&mut sink).unwrap();
    processor.finish(&mut sink).unwrap();
    let mut sink = Departed::default();
    processor.process_iter(&mut sink).unwrap();
    processor.finish(&mut sink).unwrap();
    assert_eq!(sink.recording.texts(), ["hello", "cancelled"]);
}

#[test]
fn what_an_engine_does_not_offer_is_said() {
    let engine = engine(&Arc::default());
    assert_eq!(engine.extension("echo", b"hi").unwrap(), Some(b"hi".to_vec()));
    assert_eq!(engine.extension("unheard-of", b"hi").unwrap(), None);
    let model = engine.load(&Map::new()).unwrap();
    assert_eq!(model.extension("echo", b"hi").unwrap(), None);
    let mut processor = actor(&model, "x");
    assert_eq!(processor.extension("echo", b"hi").unwrap(), None);
    assert_eq!(processor.restore(5, b"").unwrap_err().code, ErrorCode::UNSUPPORTED);
}

#[test]
fn an_engine_names_the_files_that_it_needs() {
    let engine = engine(&Arc::default());
    let files = |config: Value| engine.files(config.as_object().unwrap());
    assert_eq!(files(json!({"folder": "words"})).unwrap(), Some(vec![PathBuf::from("/origin/words")]));
    assert_eq!(files(json!({})).unwrap(), None);
    assert!(files(json!({"folder": 5})).unwrap_err().message.starts_with("field `folder`: "));
}

#[test]
fn a_field_of_the_wrong_type_is_named() {
    let error = model(&Arc::default(), json!({"drop_panics": "perhaps"})).err().unwrap();
    assert_eq!(error.code, ErrorCode::CONFIG);
    assert!(error.message.starts_with("field `drop_panics`: "), "{}", error.message);
}
