//! An engine that ignores its audio. With `stamped` the first samples of the audio are the time at which it was sent.
//! The text of the last segment is the delay of each chunk in microseconds, separated by spaces.

use auricle_plugin_api::{
    AsrProcessor, Config, Error, Field, Host, Metadata, Model, ModelLoader, Schema, Segment, Sink,
};
use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

/// Number of bytes of `s16le` audio that contain a stamp.
pub const STAMP_BYTES: usize = 8;

/// Nanoseconds of the system's clock, the only clock of the standard library that is the same in all processes.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64)
}

/// The current time as the first samples of `s16le` audio.
pub fn stamp() -> [u8; STAMP_BYTES] {
    now().to_le_bytes()
}

/// The time in the first samples, if there are enough of them.
fn read_stamp(samples: &[f32]) -> Option<u64> {
    let levels: &[f32; STAMP_BYTES / 2] = samples.first_chunk()?;
    // Every 16-bit level maps to a different float, so the bits that were sent can be restored.
    let word = |level: &f32| u64::from(((level * 32_768.0) as i16).cast_unsigned());
    Some(levels.iter().rev().fold(0, |stamp, level| stamp << 16 | word(level)))
}

/// The loader.
#[derive(Debug)]
pub struct Null;

impl ModelLoader for Null {
    type Model = NullModel;

    fn backend(&self) -> &str {
        "null"
    }

    fn schema(&self) -> Schema {
        Schema::new()
            .field(Field::load("chunk_samples").integer(1, 480_000).default(1_600).describe("samples per chunk"))
            .field(Field::load("stamped").boolean().default(false).describe("measure the delay of chunks"))
    }

    fn load(&self, config: &Config, _: &Host) -> Result<NullModel, Error> {
        Ok(NullModel { chunk_samples: config.get("chunk_samples")?, stamped: config.get("stamped")? })
    }
}

/// The settings shared by the streams.
#[derive(Debug)]
pub struct NullModel {
    chunk_samples: u32,
    stamped: bool,
}

impl Model for NullModel {
    type Processor = NullProcessor;

    fn metadata(&self) -> Metadata {
        Metadata::new(16_000, self.chunk_samples)
    }

    fn processor(self: &Arc<Self>, _: &Config) -> Result<NullProcessor, Error> {
        Ok(NullProcessor { delays: self.stamped.then(Vec::new) })
    }
}

/// The delays of a stream, if they are measured.
#[derive(Debug)]
pub struct NullProcessor {
    delays: Option<Vec<u64>>,
}

impl AsrProcessor for NullProcessor {
    fn init(&mut self, _: u64) -> Result<(), Error> {
        Ok(())
    }

    fn insert_audio_chunk(&mut self, samples: &[f32]) -> Result<(), Error> {
        if let Some(delays) = &mut self.delays {
            delays.extend(read_stamp(samples).map(|sent| now().saturating_sub(sent) / 1_000));
        }
        Ok(())
    }

    fn process_iter(&mut self, _: &mut Sink<'_>) -> Result<(), Error> {
        Ok(())
    }

    fn finish(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        if let Some(delays) = self.delays.take() {
            let texts: Vec<_> = delays.iter().map(ToString::to_string).collect();
            sink.segment(&Segment::new(0, 0, texts.join(" ")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_survives_as_audio() {
        let before = now();
        let bytes = stamp();
        let (levels, _) = bytes.as_chunks::<2>();
        let samples: Vec<f32> = levels.iter().map(|level| f32::from(i16::from_le_bytes(*level)) / 32_768.0).collect();
        let read = read_stamp(&samples).unwrap();
        assert_eq!(read, u64::from_le_bytes(bytes));
        assert!((before..=now()).contains(&read));
    }
}
