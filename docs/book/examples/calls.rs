//! An engine that reports which calls it got.

use auricle_plugin_api::{AsrProcessor, Config, Error, Host, Metadata, Model, ModelLoader, Segment, Sink};
use std::sync::Arc;

pub struct Loader;

impl ModelLoader for Loader {
    type Model = Calls;

    fn backend(&self) -> &str {
        "calls"
    }

    fn load(&self, _: &Config, _: &Host) -> Result<Calls, Error> {
        Ok(Calls)
    }
}

pub struct Calls;

impl Model for Calls {
    type Processor = Stream;

    fn metadata(&self) -> Metadata {
        Metadata::new(16_000, 10_000)
    }

    fn processor(self: &Arc<Self>, _: &Config) -> Result<Stream, Error> {
        Ok(Stream { calls: String::new(), start: 0, end: 0 })
    }
}

pub struct Stream {
    calls: String,
    start: u64,
    end: u64,
}

impl AsrProcessor for Stream {
    fn init(&mut self, offset: u64) -> Result<(), Error> {
        (self.start, self.end) = (offset, offset);
        self.calls = format!("init({offset})");
        Ok(())
    }

    fn insert_audio_chunk(&mut self, samples: &[f32]) -> Result<(), Error> {
        self.end += samples.len() as u64;
        self.calls += &format!(" insert_audio_chunk({})", samples.len());
        Ok(())
    }

    fn process_iter(&mut self, _: &mut Sink<'_>) -> Result<(), Error> {
        self.calls += " process_iter";
        Ok(())
    }

    fn finish(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        self.calls += " finish";
        sink.segment(&Segment::new(self.start, self.end, self.calls.as_str()));
        Ok(())
    }
}

#[test]
fn the_calls_of_a_stream() {
    use auricle_plugin_test::{StubHost, TestEngine};
    use serde_json::json;

    // ANCHOR: calls
    let model = TestEngine::in_process(Loader, &StubHost::new()).load(json!({}));
    let mut stream = model.stream();
    // Audio as it comes from the network.
    stream.push(&[0.0; 7_000]).unwrap();
    stream.push(&[0.0; 18_000]).unwrap();
    // The client wants the text so far, and goes on.
    stream.flush().unwrap();
    stream.push(&[0.0; 12_000]).unwrap();
    let recording = stream.finish().unwrap();
    assert_eq!(
        recording.texts(),
        [
            "init(0) insert_audio_chunk(10000) process_iter insert_audio_chunk(10000) process_iter \
             insert_audio_chunk(5000) finish",
            "init(25000) insert_audio_chunk(10000) process_iter insert_audio_chunk(2000) finish",
        ]
    );
    // ANCHOR_END: calls
}
