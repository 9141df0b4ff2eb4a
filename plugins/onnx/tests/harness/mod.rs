//! What the tests share: the engine without a server around it, the committed model, and the bundled recordings.

#![allow(dead_code, reason = "no test binary needs all of it")]

use auricle_engine_onnx::Loader;
use auricle_plugin_api::{
    Error, Segment,
    host::{BatchEntry, EventSink, HostServices, LoadedEngine, LoadedModel, LoadedProcessor, LogLevel},
};
use serde_json::{Map, Value};
use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The folder of ONNX Runtime, which `cargo xtask test` names.
pub(crate) fn runtime() -> PathBuf {
    let folder = env::var_os("AURICLE_RUNTIME").map_or_else(|| root().join("target/runtime"), PathBuf::from);
    assert!(folder.exists(), "{} is missing: run the tests by `cargo xtask test`", folder.display());
    folder
}

/// A server that looks in these places.
pub(crate) struct Services(pub(crate) Vec<PathBuf>);

impl HostServices for Services {
    fn log_level(&self) -> LogLevel {
        LogLevel::Warn
    }

    fn log(&self, _: LogLevel, target: &str, message: &str) {
        println!("{target}: {message}");
    }

    fn origin_dir(&self) -> PathBuf {
        PathBuf::from("/nowhere")
    }

    fn resource_dirs(&self) -> Vec<PathBuf> {
        self.0.clone()
    }
}

/// The engine, looking for models in `models` and for the runtime where it is.
pub(crate) fn engine(models: &Path) -> LoadedEngine {
    LoadedEngine::in_process(Loader, Arc::new(Services(vec![runtime(), models.to_owned()]))).unwrap()
}

/// A configuration with the schema's defaults, as a server gives it.
pub(crate) fn config(engine: &LoadedEngine, fields: Value) -> Map<String, Value> {
    let Value::Object(mut fields) = fields else { panic!("not an object") };
    for (name, default) in engine.schema().defaults() {
        fields.entry(name).or_insert(default);
    }
    fields
}

/// Why a model cannot be loaded.
pub(crate) fn refusal(engine: &LoadedEngine, fields: Value) -> Error {
    match engine.load(&config(engine, fields)) {
        Err(refusal) => refusal,
        Ok(_) => panic!("was loaded"),
    }
}

/// The committed model and a configuration to open streams with.
pub(crate) fn digits(fields: Value) -> (LoadedModel, Map<String, Value>) {
    let engine = engine(&root().join("models"));
    let mut config = config(&engine, fields);
    config.insert("model".into(), "digits".into());
    (engine.load(&config).unwrap(), config)
}

/// What a client would be told.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Told {
    pub(crate) segments: Vec<Segment>,
    pub(crate) partials: Vec<Segment>,
    pub(crate) speech: Vec<u64>,
    pub(crate) ends: Vec<u64>,
    pub(crate) points: Vec<(u64, Vec<u8>)>,
}

impl EventSink for Told {
    fn partial(&mut self, segment: Segment) {
        self.partials.push(segment);
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
    pub(crate) fn texts(&self) -> Vec<String> {
        self.segments.iter().map(|segment| segment.text().into_owned()).collect()
    }
}

/// Feeds chunks of this many samples, and finishes.
pub(crate) fn feed(processor: &mut LoadedProcessor, audio: &[f32], chunk: usize, told: &mut Told) {
    for chunk in audio.chunks(chunk) {
        processor.insert_audio_chunk(chunk).unwrap();
        processor.process_iter(told).unwrap();
    }
    processor.finish(told).unwrap();
}

/// A whole stream from sample 0.
pub(crate) fn hear(model: &LoadedModel, options: &Map<String, Value>, audio: &[f32]) -> Told {
    let mut processor = model.processor(options).unwrap();
    processor.init(0).unwrap();
    let mut told = Told::default();
    feed(&mut processor, audio, model.metadata().chunk_samples as usize, &mut told);
    told
}

/// Whole streams from sample 0 that go together, chunk by chunk; each ends with its last one.
pub(crate) fn hear_together(model: &LoadedModel, options: &Map<String, Value>, audios: &[&[f32]]) -> Vec<Told> {
    let chunk = model.metadata().chunk_samples as usize;
    let mut streams: Vec<_> = audios.iter().map(|_| (model.processor(options).unwrap(), Told::default())).collect();
    streams.iter_mut().for_each(|(processor, _)| processor.init(0).unwrap());
    let longest = audios.iter().map(|audio| audio.len()).max().unwrap();
    for start in (0..longest).step_by(chunk) {
        let mut entries = Vec::new();
        for ((processor, told), audio) in streams.iter_mut().zip(audios) {
            let end = audio.len().min(start + chunk);
            if start < end {
                processor.insert_audio_chunk(&audio[start..end]).unwrap();
                if end == audio.len() {
                    processor.announce_end().unwrap();
                }
                entries.push(BatchEntry { processor, sink: told, result: Ok(()) });
            }
        }
        model.process_batch(&mut entries);
        entries.iter().for_each(|entry| assert_eq!(entry.result, Ok(())));
    }
    streams.into_iter().map(|(_, told)| told).collect()
}

/// A bundled recording: 16 kHz, mono, 16 bit.
pub(crate) fn fixture(name: &str) -> Vec<f32> {
    samples(&fs::read(root().join("fixtures").join(name)).unwrap())
}

/// The samples of a WAV file with the shortest of headers.
pub(crate) fn samples(bytes: &[u8]) -> Vec<f32> {
    bytes[44..].as_chunks().0.iter().map(|bytes| f32::from(i16::from_le_bytes(*bytes)) / 32_768.0).collect()
}
