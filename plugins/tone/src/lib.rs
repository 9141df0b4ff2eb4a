//! A deterministic engine without a model: it reports its audio as numbers, so that a test can check from the text
//! alone whether every sample arrived once, in order and in the right chunks.
//!
//! A segment's text is `SAMPLES:CHECKSUM`, one segment for every `segment_chunks` chunks; after each other chunk there
//! is a partial. With `work` above 0, each chunk costs that many passes over its samples.

#![forbid(unsafe_code)]

use auricle_plugin_api::{
    AsrProcessor, Config, Error, Field, Host, Metadata, Model, ModelLoader, Replay, Schema, Segment, Sink,
};
use std::sync::Arc;

/// The loader.
pub struct Tone;

impl ModelLoader for Tone {
    type Model = ToneModel;

    fn backend(&self) -> &str {
        "tone"
    }

    fn schema(&self) -> Schema {
        Schema::new()
            .field(Field::load("model").default("tone").describe("ignored: there is no model"))
            .field(Field::load("sample_rate").integer(1_000, 384_000).default(16_000).describe("samples per second"))
            .field(Field::load("chunk_samples").integer(1, 480_000).default(1_600).describe("samples per chunk"))
            .field(Field::load("separator").default(" ").describe("separator between segments"))
            .field(
                Field::load("max_streams")
                    .integer(1, 1_000_000)
                    .describe("maximum number of streams; no limit by default"),
            )
            .field(Field::stream("lan").default("auto").describe("reported back as the segments' language"))
            .field(Field::stream("segment_chunks").integer(1, 10_000).default(10).describe("chunks per segment"))
            .field(Field::stream("work").integer(0, 1_000_000).default(0).describe("extra passes over each chunk"))
    }

    fn load(&self, config: &Config, _: &Host) -> Result<ToneModel, Error> {
        let mut metadata = Metadata::new(config.get("sample_rate")?, config.get("chunk_samples")?)
            .separator(config.get::<String>("separator")?)
            .replay(Replay::Exact)
            .capabilities(["partials", "endpoints"]);
        metadata.max_streams = config.get_optional("max_streams")?;
        tracing::info!(rate = metadata.sample_rate, "tone model ready");
        Ok(ToneModel { metadata })
    }
}

/// The settings shared by streams.
pub struct ToneModel {
    metadata: Metadata,
}

impl Model for ToneModel {
    type Processor = ToneProcessor;

    fn metadata(&self) -> Metadata {
        self.metadata.clone()
    }

    fn processor(self: &Arc<Self>, options: &Config) -> Result<ToneProcessor, Error> {
        Ok(ToneProcessor {
            segment_chunks: options.get("segment_chunks")?,
            work: options.get("work")?,
            language: options.get("lan")?,
            start: 0,
            position: 0,
            chunks: 0,
            checksum: Checksum::default(),
            fresh: false,
        })
    }
}

/// A checksum of samples that depends on their order.
///
/// `sum = sum * 31 + round(sample * 32768)` in wrapping 32-bit arithmetic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Checksum(u32);

impl Checksum {
    /// Adds samples.
    pub fn update(&mut self, samples: &[f32]) {
        for sample in samples {
            let level = (sample * 32_768.0).round() as i32;
            self.0 = self.0.wrapping_mul(31).wrapping_add(level as u32);
        }
    }

    /// The text of a segment with `samples` samples.
    pub fn text(self, samples: u64) -> String {
        format!("{samples}:{:08x}", self.0)
    }
}

/// The counters of a stream.
pub struct ToneProcessor {
    segment_chunks: u64,
    work: u32,
    language: String,
    start: u64,
    position: u64,
    chunks: u64,
    checksum: Checksum,
    fresh: bool,
}

impl ToneProcessor {
    fn segment(&self) -> Segment {
        Segment::new(self.start, self.position, self.checksum.text(self.position - self.start))
            .confidence(1.0)
            .language(self.language.clone())
    }

    fn emit(&mut self, sink: &mut Sink<'_>) {
        tracing::debug!(end = self.position, "segment reported");
        sink.segment(&self.segment());
        sink.endpoint(self.position);
        sink.restart_point(self.position, &[]);
        self.restart(self.position);
    }

    fn restart(&mut self, at: u64) {
        (self.start, self.position, self.chunks) = (at, at, 0);
        self.checksum = Checksum::default();
        self.fresh = false;
    }
}

impl AsrProcessor for ToneProcessor {
    fn init(&mut self, offset: u64) -> Result<(), Error> {
        self.restart(offset);
        Ok(())
    }

    fn insert_audio_chunk(&mut self, samples: &[f32]) -> Result<(), Error> {
        self.checksum.update(samples);
        for _ in 0..self.work {
            let mut waste = Checksum::default();
            waste.update(std::hint::black_box(samples));
            std::hint::black_box(waste);
        }
        self.position += samples.len() as u64;
        self.chunks += 1;
        self.fresh = true;
        Ok(())
    }

    fn process_iter(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        if !self.fresh {
            return Err(Error::other("process_iter was called without new audio"));
        }
        self.fresh = false;
        if self.chunks == 1 {
            sink.speech_started(self.start);
        }
        if self.chunks == self.segment_chunks {
            self.emit(sink);
        } else {
            sink.partial(&self.segment());
        }
        Ok(())
    }

    fn finish(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        if self.position > self.start {
            self.emit(sink);
        }
        Ok(())
    }

    fn restore(&mut self, sample: u64, _: &[u8]) -> Result<(), Error> {
        self.init(sample)
    }
}

auricle_plugin_api::export_engine!(Tone; claims: {"can": ["partials", "endpoints"], "needs": []});
