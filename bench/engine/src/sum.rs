//! An engine that adds up its samples: the smallest one that reads all of its audio.

use auricle_plugin_api::{AsrProcessor, Config, Error, Host, Metadata, Model, ModelLoader, Segment, Sink};
use std::sync::Arc;

/// The loader, the model and the processor; only the last has a state.
#[derive(Debug, Default)]
pub struct Sum(f32);

impl ModelLoader for Sum {
    type Model = Self;

    fn backend(&self) -> &str {
        "sum"
    }

    fn load(&self, _: &Config, _: &Host) -> Result<Self, Error> {
        Ok(Self::default())
    }
}

impl Model for Sum {
    type Processor = Self;

    fn metadata(&self) -> Metadata {
        Metadata::new(16_000, 320)
    }

    fn processor(self: &Arc<Self>, _: &Config) -> Result<Self, Error> {
        Ok(Self::default())
    }
}

impl AsrProcessor for Sum {
    fn init(&mut self, _: u64) -> Result<(), Error> {
        self.0 = 0.0;
        Ok(())
    }

    fn insert_audio_chunk(&mut self, samples: &[f32]) -> Result<(), Error> {
        self.0 = samples.iter().sum();
        Ok(())
    }

    fn process_iter(&mut self, _: &mut Sink<'_>) -> Result<(), Error> {
        Ok(())
    }

    fn finish(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        sink.segment(&Segment::new(0, 0, self.0.to_string()));
        Ok(())
    }
}
