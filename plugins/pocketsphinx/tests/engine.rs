//! The engine as the server sees it: through the boundary, from configuration to events.

#![allow(clippy::unwrap_used, reason = "test code")]

use auricle_engine_pocketsphinx::PocketSphinx;
use auricle_plugin_api::{
    ErrorCode, Replay, Segment,
    host::{EventSink, HostServices, LoadedEngine, LoadedModel, LoadedProcessor, LogLevel},
};
use serde_json::{Map, Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

const CHUNK: usize = 1_600;

struct Services(Arc<Mutex<Vec<String>>>);

impl HostServices for Services {
    fn log_level(&self) -> LogLevel {
        LogLevel::Warn
    }

    fn log(&self, _: LogLevel, _: &str, message: &str) {
        self.0.lock().unwrap().push(message.to_owned());
    }

    fn origin_dir(&self) -> PathBuf {
        PathBuf::from("/nowhere/pocketsphinx.engine")
    }

    fn resource_dirs(&self) -> Vec<PathBuf> {
        vec![Path::new(env!("POCKETSPHINX_TEST_MODEL")).parent().unwrap().to_owned()]
    }
}

fn engine() -> LoadedEngine {
    LoadedEngine::in_process(PocketSphinx, Arc::new(Services(Arc::default()))).unwrap()
}

fn config(fields: Value) -> Map<String, Value> {
    let Value::Object(fields) = fields else { panic!("not an object") };
    fields
}

fn model(fields: Value) -> (LoadedModel, Map<String, Value>) {
    let config = config(fields);
    (engine().load(&config).unwrap(), config)
}

/// What a client would be told.
#[derive(Default)]
struct Told {
    segments: Vec<Segment>,
    partials: usize,
    speech: Vec<u64>,
    ends: Vec<u64>,
    points: Vec<(u64, Vec<u8>)>,
}

impl EventSink for Told {
    fn partial(&mut self, _: Segment) {
        self.partials += 1;
    }

    fn segment(&mut self, segment: Segment) {
        self.segments.push(segment);
    }

    fn speech_started(&mut self, sample: u64) {
        self.speech.push(sample);
    }

    fn endpoint(&mut self, sample: u64) {
        self.ends.push(sample);
    }

    fn restart_point(&mut self, sample: u64, state: &[u8]) {
        self.points.push((sample, state.to_vec()));
    }
}

impl Told {
    fn text(&self) -> String {
        self.segments.iter().map(|segment| segment.text().into_owned()).collect::<Vec<_>>().join(" ")
    }
}

fn fixture(name: &str) -> Vec<f32> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name);
    let bytes = fs::read(path).unwrap();
    bytes[44..].as_chunks().0.iter().map(|bytes| f32::from(i16::from_le_bytes(*bytes)) / 32_768.0).collect()
}

/// Feeds as the server does: whole chunks, the rest before the finish.
fn feed(processor: &mut LoadedProcessor, audio: &[f32], told: &mut Told) {
    let (chunks, rest) = audio.as_chunks::<CHUNK>();
    for chunk in chunks {
        processor.insert_audio_chunk(chunk).unwrap();
        processor.process_iter(told).unwrap();
    }
    if !rest.is_empty() {
        processor.insert_audio_chunk(rest).unwrap();
    }
    processor.finish(told).unwrap();
}

#[test]
fn a_stream_is_told_what_was_said_and_when() {
    let (model, config) = model(json!({}));
    let facts = model.metadata();
    assert_eq!((facts.sample_rate, facts.chunk_samples, facts.max_streams), (16_000, 1_600, Some(4)));
    assert_eq!((facts.replay, &facts.languages[..]), (Replay::Exact, &["en-US".to_owned()][..]));

    let mut processor = model.processor(&config).unwrap();
    processor.init(0).unwrap();
    let (audio, mut told) = (fixture("demo.wav"), Told::default());
    feed(&mut processor, &audio, &mut told);
    let said = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/demo.txt")).unwrap();
    assert_eq!(told.text(), said.lines().collect::<Vec<_>>().join(" "));
    assert_eq!((told.speech.len(), told.ends.len()), (4, 4));
    assert!(told.partials > 10, "{}", told.partials);
    for segment in &told.segments {
        let words: Vec<_> = segment.words.iter().map(|word| word.text()).collect();
        assert_eq!(segment.text(), words.join(" "));
        assert_eq!((segment.start, segment.end), (segment.words[0].start, segment.words[words.len() - 1].end));
        assert!(segment.end <= audio.len() as u64 && (0.0..=1.0).contains(&segment.confidence.unwrap()));
    }

    // A flush, then more: the processor begins anew at that sample and hears the same.
    let offset = audio.len() as u64;
    processor.init(offset).unwrap();
    let mut again = Told::default();
    feed(&mut processor, &audio, &mut again);
    assert_eq!(again.text(), told.text());
    assert_eq!(again.segments[0].start, told.segments[0].start + offset);
}

#[test]
fn another_processor_goes_on_from_a_restart_point() {
    let (model, config) = model(json!({}));
    let (audio, mut whole) = (fixture("demo.wav"), Told::default());
    let mut first = model.processor(&config).unwrap();
    first.init(0).unwrap();
    feed(&mut first, &audio, &mut whole);
    let (at, state) = &whole.points[whole.points.len() / 2];
    assert!(state.len() < 64 * 1024, "{}", state.len());

    let mut second = model.processor(&config).unwrap();
    second.restore(*at, state).unwrap();
    let mut rest = Told::default();
    feed(&mut second, &audio[*at as usize..], &mut rest);
    let expected: Vec<_> = whole.segments.iter().filter(|segment| segment.start >= *at).collect();
    assert!(!expected.is_empty());
    assert_eq!(rest.segments.iter().collect::<Vec<_>>(), expected);
    assert_eq!(second.restore(0, b"something else").unwrap_err().code, ErrorCode::CONTRACT);
}

#[test]
fn more_streams_than_said_are_refused_until_one_ends() {
    let (model, config) = model(json!({"max_streams": 2}));
    let first = model.processor(&config).unwrap();
    let _second = model.processor(&config).unwrap();
    let refused = model.processor(&config).err().unwrap();
    assert_eq!(refused.code, ErrorCode::CAPACITY);
    assert!(refused.message.starts_with("pocketsphinx serves 2 streams at once (max_streams)"), "{refused}");
    drop(first);
    assert!(model.processor(&config).is_ok());
}

#[test]
fn streams_at_once_do_not_disturb_one_another() {
    let (model, config) = model(json!({}));
    let names = ["weather", "train", "report"];
    let texts: Vec<String> = std::thread::scope(|scope| {
        let streams = names.map(|name| {
            let (model, config) = (&model, &config);
            scope.spawn(move || {
                let (mut processor, mut told) = (model.processor(config).unwrap(), Told::default());
                processor.init(0).unwrap();
                feed(&mut processor, &fixture(&format!("{name}.wav")), &mut told);
                told.text()
            })
        });
        streams.map(|stream| stream.join().unwrap()).into()
    });
    for (name, text) in names.iter().zip(texts) {
        let said = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(format!("{name}.txt"));
        assert_eq!(text, fs::read_to_string(said).unwrap().trim());
    }
}

#[test]
fn what_is_wrong_is_said() {
    let error = engine().load(&config(json!({"model": "de-de"}))).err().unwrap();
    assert_eq!(error.code, ErrorCode::MODEL);
    assert!(error.message.starts_with("there is no model `de-de` in /nowhere/pocketsphinx.engine, "), "{error}");
    let (model, _) = model(json!({}));
    let error = model.processor(&config(json!({"first_mean": [1, 2]}))).err().unwrap();
    assert_eq!(error.code, ErrorCode::CONFIG, "{error}");
    assert!(error.message.starts_with("field `first_mean`"), "{error}");
}
