//! The engine of the ABI tests: uses all that the boundary offers and reports, as text, what it got.
//!
//! Compiled against each version of the plugin API; with feature `v1_1` it uses what a later version adds, with `claims` it makes
//! some, with `stages` it has one. Its folder holds a data file and a sibling library.

use auricle_plugin_api::{
    AsrProcessor, BatchItem, Config, Error, ErrorCode, Field, Host, Metadata, Model, ModelLoader, Replay, Schema,
    Segment, Sink, Word,
};
use serde_json::{Value, json};
use std::sync::Arc;

struct Probe;

impl ModelLoader for Probe {
    type Model = Report;

    fn backend(&self) -> &str {
        "probe"
    }

    fn schema(&self) -> Schema {
        Schema::new()
            .field(Field::load("tries").integer(1, 9).default(3))
            .field(Field::stream("name").default("nobody").describe("named in every segment"))
    }

    fn load(&self, config: &Config, host: &Host) -> Result<Report, Error> {
        tracing::info!(target: "probe", tries = config.get::<u32>("tries")?, "loading");
        tracing::trace!("not worth sending");
        let read = |name: &str| -> Result<String, Error> {
            let path = host.find(name).ok_or_else(|| Error::model(format!("no file {name}")))?;
            Ok(std::fs::read_to_string(path)?)
        };
        let names = |path: &std::path::Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
        #[allow(unused_mut, reason = "grows in later versions")]
        let mut report = json!({
            "origin": names(host.origin_dir()),
            "resources": host.resource_dirs().iter().map(|dir| names(dir)).collect::<Vec<_>>(),
            "own file": read("greeting.txt")?,
            "shared file": read("shared.txt")?,
            "no file": host.find("absent.txt"),
            "sibling": sibling(host)?,
            "service": host.extension("unheard-of", b"please"),
        });
        #[cfg(feature = "v1_1")]
        {
            report["clock"] = json!(host.clock());
        }
        Ok(Report(report))
    }

    fn extension(&self, id: &str, request: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        match id {
            "echo" => Ok(Some(request.to_vec())),
            "thread" => {
                // A panic that no call is there to report.
                let died = std::thread::spawn(|| panic!("alone")).join().is_err();
                Ok(Some(died.to_string().into_bytes()))
            }
            _ => Ok(None),
        }
    }
}

/// Calls a library that lies beside this one.
fn sibling(host: &Host) -> Result<u32, Error> {
    let path = host.origin_dir().join(libloading::library_filename("abi_sibling"));
    // SAFETY: the library is the test's own; it has no constructors, and the function's type is this one.
    unsafe {
        let library = libloading::Library::new(path)?;
        let answer = library.get::<extern "C" fn() -> u32>(b"abi_sibling_answer")?;
        Ok(answer())
    }
}

struct Report(Value);

impl Model for Report {
    type Processor = Stream;

    fn metadata(&self) -> Metadata {
        let mut metadata = Metadata::new(8_000, 800)
            .separator("_")
            .max_streams(7)
            .max_batch(2)
            .replay(Replay::Lossless)
            .languages(["en"])
            .capabilities(["partials"]);
        metadata.extra = self.0.as_object().cloned().unwrap_or_default();
        metadata
    }

    fn processor(self: &Arc<Self>, options: &Config) -> Result<Stream, Error> {
        let name: String = options.get("name")?;
        if name == "one too many" {
            return Err(Error::new(ErrorCode::CAPACITY, "full"));
        }
        Ok(Stream { name, start: 0, heard: 0, note: String::new() })
    }

    fn process_batch(&self, batch: &mut [BatchItem<'_, Stream>]) {
        let streams = batch.len();
        for item in batch {
            item.processor.note = format!("one of {streams}");
            item.result = item.processor.process_iter(&mut item.sink);
        }
    }

    fn extension(&self, id: &str, _: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok((id == "kind").then(|| b"model".to_vec()))
    }
}

struct Stream {
    name: String,
    start: u64,
    heard: u64,
    note: String,
}

impl AsrProcessor for Stream {
    fn init(&mut self, offset: u64) -> Result<(), Error> {
        (self.start, self.heard) = (offset, 0);
        Ok(())
    }

    fn insert_audio_chunk(&mut self, samples: &[f32]) -> Result<(), Error> {
        self.heard += samples.len() as u64;
        self.note += &format!("+{}", samples.iter().sum::<f32>());
        Ok(())
    }

    fn process_iter(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        if self.name == "panic" {
            panic!("asked to");
        }
        let end = self.start + self.heard;
        sink.speech_started(self.start);
        sink.partial(&Segment::new(self.start, end, "hm"));
        #[cfg(feature = "v1_1")]
        sink.keyword(end, "abracadabra");
        let words = vec![
            Word::new(self.start, end, self.name.clone()).confidence(0.25).extra("rank", 1),
            Word::new(end, end, vec![b'c', 0xff]),
        ];
        let text = format!("{}: {}", self.name, std::mem::take(&mut self.note));
        sink.segment(&Segment::new(self.start, end, text).confidence(0.5).language("en").words(words).extra("k", "v"));
        sink.endpoint(end);
        sink.restart_point(end, b"\x00state\xff");
        self.init(end)
    }

    fn finish(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        sink.segment(&Segment::new(self.start, self.start, format!("cancelled: {}", sink.cancelled())));
        Ok(())
    }

    fn restore(&mut self, sample: u64, state: &[u8]) -> Result<(), Error> {
        self.note = format!("restored from {state:?}");
        self.init(sample)
    }

    fn extension(&mut self, id: &str, _: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok((id == "kind").then(|| b"stream".to_vec()))
    }

    #[cfg(feature = "v1_1")]
    fn hint(&mut self, text: &str) -> Result<bool, Error> {
        self.note = format!("told {text}");
        Ok(true)
    }
}

#[cfg(feature = "stages")]
#[path = "probe_stage.rs"]
mod probe_stage;

#[cfg(not(feature = "claims"))]
auricle_plugin_api::export_engine!(Probe);
#[cfg(feature = "claims")]
auricle_plugin_api::export_plugin! {
    engines: [Probe],
    stages: [probe_stage::ProbeStage],
    claims: {"can": ["partials", "batches"], "languages": ["en"], "needs": ["files"], "later": {"than": "all"}}
}
