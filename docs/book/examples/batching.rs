//! An engine whose network computes the chunks of several streams at once.

use auricle_plugin_api::{
    AsrProcessor, BatchItem, Config, Error, Host, Metadata, Model, ModelLoader, Replay, Segment, Sink,
};
use std::sync::Arc;

const CHUNK: usize = 1_600;

pub struct Loader;

impl ModelLoader for Loader {
    type Model = Network;

    fn backend(&self) -> &str {
        "batched"
    }

    fn load(&self, _: &Config, _: &Host) -> Result<Network, Error> {
        // As an average of the samples, the smallest network there is.
        Ok(Network { weights: vec![1.0 / CHUNK as f32; CHUNK] })
    }
}

pub struct Network {
    weights: Vec<f32>,
}

impl Network {
    /// One result for each row, in one run.
    fn run(&self, rows: &[Vec<f32>]) -> Vec<f32> {
        rows.iter().map(|row| row.iter().zip(&self.weights).map(|(sample, weight)| sample * weight).sum()).collect()
    }
}

// ANCHOR: model
impl Model for Network {
    type Processor = Stream;

    fn metadata(&self) -> Metadata {
        Metadata::new(16_000, CHUNK as u32).max_batch(8).ends_in_batch().replay(Replay::Exact)
    }

    fn processor(self: &Arc<Self>, _: &Config) -> Result<Stream, Error> {
        Ok(Stream { model: Arc::clone(self), chunk: Vec::new(), start: 0 })
    }

    fn process_batch(&self, batch: &mut [BatchItem<'_, Stream>]) {
        // A stream that ends may have no new audio.
        let with_audio = batch.iter_mut().filter(|item| !item.processor.chunk.is_empty());
        let mut items: Vec<_> = with_audio.collect();
        let rows: Vec<_> = items.iter().map(|item| item.processor.row()).collect();
        for (item, level) in items.iter_mut().zip(self.run(&rows)) {
            item.processor.report(level, &mut item.sink);
        }
    }
}
// ANCHOR_END: model

pub struct Stream {
    model: Arc<Network>,
    chunk: Vec<f32>,
    start: u64,
}

impl Stream {
    /// The chunk, filled up at the end of the audio.
    fn row(&self) -> Vec<f32> {
        let mut row = self.chunk.clone();
        row.resize(CHUNK, 0.0);
        row
    }

    fn report(&mut self, level: f32, sink: &mut Sink<'_>) {
        let end = self.start + self.chunk.len() as u64;
        sink.segment(&Segment::new(self.start, end, format!("{level:.2}")));
        sink.restart_point(end, &[]);
        self.chunk.clear();
        self.start = end;
    }
}

// ANCHOR: single
impl AsrProcessor for Stream {
    fn init(&mut self, offset: u64) -> Result<(), Error> {
        self.start = offset;
        self.chunk.clear();
        Ok(())
    }

    fn insert_audio_chunk(&mut self, samples: &[f32]) -> Result<(), Error> {
        self.chunk.extend_from_slice(samples);
        Ok(())
    }

    /// A batch of one.
    fn process_iter(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        if !self.chunk.is_empty() {
            let level = self.model.run(&[self.row()])[0];
            self.report(level, sink);
        }
        Ok(())
    }

    fn finish(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        self.process_iter(sink)
    }

    fn restore(&mut self, sample: u64, _: &[u8]) -> Result<(), Error> {
        self.init(sample)
    }
}
// ANCHOR_END: single

#[test]
fn streams_at_once_have_the_texts_of_each_alone() {
    use auricle_plugin_test::{StubHost, TestEngine, check};
    use serde_json::json;

    let model = TestEngine::in_process(Loader, &StubHost::new()).load(json!({}));
    let audios: Vec<Vec<f32>> = (1..6).map(|n| vec![0.1 * n as f32; 1_000 * n]).collect();
    // ANCHOR: test
    let audios: Vec<&[f32]> = audios.iter().map(Vec::as_slice).collect();
    check::streams_do_not_mix(&model, &audios);
    // ANCHOR_END: test
    assert_eq!(model.run_together(&audios)[4].texts(), ["0.50", "0.50", "0.50", "0.06"]);
}
