//! The host of the ABI tests: `abi-host RESOURCES LIBRARY...` opens each library, calls all there is to call, and prints
//! what it saw as one JSON list. The directory of a library is its origin.
//!
//! Compiled against each version of the plugin API; with feature `v1_1` it uses what a later version adds, with
//! `claims` it reads them and checks the model against them, with `stages` it calls them.

use auricle_plugin_api::{
    Error, Segment,
    host::{BatchEntry, EventSink, HostServices, Library, LogLevel, NotLoadable, read_manifest},
};
use serde_json::{Map, Value, json};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

struct Services {
    origin: PathBuf,
    resources: PathBuf,
    log: Mutex<Vec<String>>,
}

impl HostServices for Services {
    fn log_level(&self) -> LogLevel {
        LogLevel::Info
    }

    fn log(&self, level: LogLevel, target: &str, message: &str) {
        if let Ok(mut log) = self.log.lock() {
            log.push(format!("{level:?} {target}: {message}"));
        }
    }

    fn origin_dir(&self) -> PathBuf {
        self.origin.clone()
    }

    fn resource_dirs(&self) -> Vec<PathBuf> {
        vec![self.resources.clone()]
    }

    #[cfg(feature = "v1_1")]
    fn clock(&self) -> Option<u64> {
        Some(1_234)
    }
}

#[derive(Default, Clone)]
struct Events(Vec<String>);

impl EventSink for Events {
    fn partial(&mut self, segment: Segment) {
        self.0.push(format!("partial {}..{} {}", segment.start, segment.end, segment.text()));
    }

    fn segment(&mut self, segment: Segment) {
        let words: Vec<_> = segment
            .words
            .iter()
            .map(|w| format!("{}..{} {} {:?} {}", w.start, w.end, w.text(), w.confidence, json!(w.extra)))
            .collect();
        self.0.push(format!(
            "segment {}..{} {} {:?} {:?} {words:?} {}",
            segment.start,
            segment.end,
            segment.text(),
            segment.confidence,
            segment.language,
            json!(segment.extra)
        ));
    }

    fn speech_started(&mut self, sample: u64) {
        self.0.push(format!("speech started at {sample}"));
    }

    fn endpoint(&mut self, sample: u64) {
        self.0.push(format!("endpoint at {sample}"));
    }

    fn restart_point(&mut self, sample: u64, state: &[u8]) {
        self.0.push(format!("restart point at {sample} {state:?}"));
    }

    fn cancelled(&self) -> bool {
        true
    }

    #[cfg(feature = "stages")]
    fn turn(&mut self, turn: auricle_plugin_api::Turn) {
        use auricle_plugin_api::{TurnChange, TurnTrigger};
        let what = match turn.change {
            TurnChange::Started => "started",
            TurnChange::Ended(TurnTrigger::Manual) => "ended by manual",
            _ => "?",
        };
        self.0.push(format!("turn {what} at {} of {}", turn.sample, turn.number));
    }

    #[cfg(feature = "v1_1")]
    fn keyword(&mut self, sample: u64, text: &str) {
        self.0.push(format!("keyword {text} at {sample}"));
    }
}

fn answer(bytes: Option<Vec<u8>>) -> Option<String> {
    bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn named(name: &str) -> Map<String, Value> {
    [("name".to_owned(), json!(name))].into_iter().collect()
}

fn code(result: Result<(), Error>) -> Value {
    match result {
        Ok(()) => json!("ok"),
        Err(error) => json!(error.code.name()),
    }
}

/// Everything that the library's first engine says when it is asked everything.
fn interview(library: &Path, services: &Arc<Services>) -> Result<Value, Error> {
    let services = Arc::clone(services) as Arc<dyn HostServices>;
    let library = Library::open(library, services).map_err(Error::other)?;
    #[cfg(feature = "stages")]
    let stages = library.stages().iter().map(stage).collect::<Result<Vec<_>, _>>()?;
    #[cfg(feature = "stages")]
    if library.engines().is_empty() {
        return Ok(json!({"stages": stages}));
    }
    let mut engines = library.into_engines();
    let engine = engines.remove(0);
    let echo = answer(engine.extension("echo", b"hello")?);
    let unheard_of = answer(engine.extension("unheard-of", b"hello")?);
    let thread = answer(engine.extension("thread", b"")?);
    let model = engine.load(&Map::new())?;

    let mut stream = model.processor(&named("ann"))?;
    let mut events = Events::default();
    let mut kinds = vec![answer(model.extension("kind", b"")?), answer(stream.extension("kind", b"")?)];
    stream.init(100)?;
    stream.insert_audio_chunk(&[0.5; 8])?;
    stream.process_iter(&mut events)?;
    #[cfg(feature = "v1_1")]
    kinds.push(Some(format!("hint taken: {}", stream.hint("abc")?)));
    stream.restore(200, b"\x01\xff")?;
    stream.insert_audio_chunk(&[0.25; 4])?;
    stream.process_iter(&mut events)?;
    stream.finish(&mut events)?;
    kinds.retain(Option::is_some);

    let mut second = model.processor(&named("panic"))?;
    let (mut sink, mut second_sink) = (Events::default(), Events::default());
    let batch = |first: &mut _, second: &mut _, sink: &mut Events, second_sink: &mut Events| {
        let mut batch = [
            BatchEntry { processor: first, sink, result: Ok(()) },
            BatchEntry { processor: second, sink: second_sink, result: Ok(()) },
        ];
        model.process_batch(&mut batch);
        batch.map(|entry| code(entry.result))
    };
    let mut other = model.processor(&named("bob"))?;
    let healthy = batch(&mut stream, &mut other, &mut sink, &mut second_sink);
    let poisoned = batch(&mut stream, &mut second, &mut Events::default(), &mut Events::default());
    let texts: Vec<_> = [sink, second_sink].into_iter().map(|sink| sink.0.len()).collect();

    #[allow(unused_mut, reason = "grows in later versions")]
    let mut seen = json!({
        "backend": engine.backend(),
        "fields": engine.schema().names().collect::<Vec<_>>(),
        "extensions": [echo, unheard_of, thread],
        "metadata": model.metadata(),
        "kinds": kinds,
        "events": events.0,
        "batch": [healthy, poisoned, texts],
        "after": code(stream.init(0)),
        "bystander": code(other.init(0)),
        "full": code(model.processor(&named("one too many")).map(drop)),
    });
    #[cfg(feature = "stages")]
    {
        seen["stages"] = json!(stages);
    }
    Ok(seen)
}

/// Everything that a stage says when it is asked everything.
#[cfg(feature = "stages")]
fn stage(loader: &auricle_plugin_api::host::LoadedStageLoader) -> Result<Value, Error> {
    use auricle_plugin_api::StageEvent;
    let stage = loader.load(&Map::new())?;
    let mut events = Events::default();
    let mut stream = stage.stream(&Map::new())?;
    stream.init(100)?;
    stream.audio(&[0.5; 3], &mut events)?;
    stream.event(&StageEvent::Segment(Segment::new(100, 103, "hi")), &mut events)?;
    stream.event(&StageEvent::Partial(Segment::new(100, 103, "hm")), &mut events)?;
    stream.event(&StageEvent::SpeechStarted(100), &mut events)?;
    stream.event(&StageEvent::Endpoint(103), &mut events)?;
    stream.end_turn(&mut events)?;
    stream.finish(&mut events)?;
    let state = stream.save()?;
    let mut other = stage.stream(&Map::new())?;
    other.restore(103, &[&state[..0], &[1, 255]].concat())?;
    let mut restored = Events::default();
    other.finish(&mut restored)?;
    let panic = [("mark".to_owned(), json!("panic"))].into_iter().collect();
    let mut broken = stage.stream(&panic)?;
    let panics = [code(broken.audio(&[0.0], &mut restored.clone())), code(broken.init(0))];
    Ok(json!({
        "name": loader.name(),
        "fields": loader.schema().names().collect::<Vec<_>>(),
        "metadata": stage.metadata(),
        "events": events.0,
        "restored": restored.0,
        "panic": panics,
    }))
}

/// Adds what the library claims, and whether the model is as it claims.
#[cfg(feature = "claims")]
fn claims(library: &Path, seen: &mut Value) {
    use auricle_plugin_api::{Metadata, Schema, host::read_plugin};
    let Ok((_, claims)) = read_plugin(library) else { return };
    let kept = |claims: &auricle_plugin_api::Claims| {
        let metadata: Metadata = serde_json::from_value(seen["metadata"].clone()).unwrap_or_default();
        claims.check(&metadata, &Schema::new())
    };
    seen["claims"] = json!([claims, claims.as_ref().map(kept).transpose().err()]);
}

fn look(library: &Path, resources: &Path) -> Value {
    let manifest = match read_manifest(library) {
        Ok(manifest) => manifest,
        Err(NotLoadable::NotAPlugin) => return json!({"not a plugin": true}),
        Err(NotLoadable::Refused(reason)) => return json!({"refused": reason}),
    };
    let services = Arc::new(Services {
        origin: library.parent().map(Path::to_path_buf).unwrap_or_default(),
        resources: resources.to_path_buf(),
        log: Mutex::default(),
    });
    match interview(library, &services) {
        Ok(mut seen) => {
            #[cfg(feature = "claims")]
            claims(library, &mut seen);
            seen["api"] = json!(manifest.api());
            seen["log"] = json!(services.log.lock().map(|log| log.clone()).unwrap_or_default());
            seen
        }
        Err(error) => json!({"refused": error.message}),
    }
}

fn main() {
    let mut paths = std::env::args_os().skip(1).map(PathBuf::from);
    let resources = paths.next().unwrap_or_default();
    let seen: Vec<_> = paths.map(|library| look(&library, &resources)).collect();
    println!("{}", Value::from(seen));
}
