//! An engine whose restart points have a state: it numbers the seconds that are loud.

use auricle_plugin_api::{
    AsrProcessor, Config, Error, ErrorCode, Host, Metadata, Model, ModelLoader, Replay, Segment, Sink,
};
use std::sync::Arc;

pub struct Loader;

impl ModelLoader for Loader {
    type Model = Numbered;

    fn backend(&self) -> &str {
        "numbered"
    }

    fn load(&self, _: &Config, _: &Host) -> Result<Numbered, Error> {
        Ok(Numbered)
    }
}

pub struct Numbered;

impl Model for Numbered {
    type Processor = Stream;

    fn metadata(&self) -> Metadata {
        Metadata::new(16_000, 16_000).replay(Replay::Exact)
    }

    fn processor(self: &Arc<Self>, _: &Config) -> Result<Stream, Error> {
        Ok(Stream { second: Vec::new(), start: 0, number: 0 })
    }
}

pub struct Stream {
    second: Vec<f32>,
    start: u64,
    /// Loud seconds so far.
    number: u32,
}

// ANCHOR: state
impl AsrProcessor for Stream {
    fn init(&mut self, offset: u64) -> Result<(), Error> {
        (self.start, self.number) = (offset, 0);
        self.second.clear();
        Ok(())
    }

    fn insert_audio_chunk(&mut self, samples: &[f32]) -> Result<(), Error> {
        self.second.extend_from_slice(samples);
        Ok(())
    }

    fn process_iter(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        let end = self.start + self.second.len() as u64;
        if self.second.iter().any(|sample| sample.abs() > 0.1) {
            self.number += 1;
            sink.segment(&Segment::new(self.start, end, format!("number {}", self.number)));
        }
        self.second.clear();
        self.start = end;
        // All text before `end` is final. The next audio, and the number, are all that a new processor needs.
        sink.restart_point(end, &self.number.to_le_bytes());
        Ok(())
    }

    fn restore(&mut self, sample: u64, state: &[u8]) -> Result<(), Error> {
        let state = state.try_into().map_err(|_| Error::new(ErrorCode::CONTRACT, "a state has 4 bytes"))?;
        self.init(sample)?;
        self.number = u32::from_le_bytes(state);
        Ok(())
    }

    fn finish(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        self.process_iter(sink)
    }
}
// ANCHOR_END: state

#[test]
fn a_new_processor_continues_the_numbers() {
    use auricle_plugin_test::{StubHost, TestEngine, check};
    use serde_json::json;

    let audio = [vec![0.5; 40_000], vec![0.0; 20_000], vec![0.5; 30_000]].concat();
    // ANCHOR: test
    let model = TestEngine::in_process(Loader, &StubHost::new()).load(json!({}));
    let whole = model.run(&audio);
    assert_eq!(whole.text(), "number 1 number 2 number 3 number 4 number 5 number 6");
    let point = &whole.restart_points[1];
    let mut stream = model.stream();
    stream.restore(point).unwrap();
    stream.push(&audio[point.sample as usize..]).unwrap();
    assert_eq!(stream.finish().unwrap().text(), "number 3 number 4 number 5 number 6");
    // The same for every point.
    check::restart_points_hold(&model, &audio);
    // ANCHOR_END: test
}
