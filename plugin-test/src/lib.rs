//! A test kit for engines of the Auricle server.
//!
//! Add it to the engine's `[dev-dependencies]` and test the engine as the server uses it: through the plugin boundary,
//! with audio in whole chunks. No server is needed:
//!
//! ```
//! # use auricle_plugin_api::{AsrProcessor, Config, Error, Host, Metadata, Model, ModelLoader, Segment, Sink};
//! # use std::sync::Arc;
//! # struct Loader;
//! # impl ModelLoader for Loader {
//! #     type Model = Counter;
//! #     fn backend(&self) -> &str { "counter" }
//! #     fn load(&self, _: &Config, _: &Host) -> Result<Counter, Error> { Ok(Counter) }
//! # }
//! # struct Counter;
//! # impl Model for Counter {
//! #     type Processor = Count;
//! #     fn metadata(&self) -> Metadata { Metadata::new(16_000, 1_600) }
//! #     fn processor(self: &Arc<Self>, _: &Config) -> Result<Count, Error> { Ok(Count(0, 0)) }
//! # }
//! # struct Count(u64, u64);
//! # impl AsrProcessor for Count {
//! #     fn init(&mut self, offset: u64) -> Result<(), Error> { *self = Self(offset, offset); Ok(()) }
//! #     fn insert_audio_chunk(&mut self, samples: &[f32]) -> Result<(), Error> { self.1 += samples.len() as u64; Ok(()) }
//! #     fn process_iter(&mut self, _: &mut Sink<'_>) -> Result<(), Error> { Ok(()) }
//! #     fn finish(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
//! #         sink.segment(&Segment::new(self.0, self.1, format!("{} samples", self.1 - self.0)));
//! #         Ok(())
//! #     }
//! # }
//! use auricle_plugin_test::{StubHost, TestEngine, check};
//! use serde_json::json;
//!
//! // `Loader` is the engine's own. `TestEngine::from_library` takes a built library instead.
//! let engine = TestEngine::in_process(Loader, &StubHost::new().resource_dir("models"));
//! let model = engine.load(json!({"lan": "en"}));
//!
//! let audio = vec![0.0; 24_000];
//! assert_eq!(model.run(&audio).text(), "24000 samples");
//!
//! // A flush in the middle of a stream.
//! let mut stream = model.stream();
//! stream.push(&audio[..8_000]).unwrap();
//! stream.flush().unwrap();
//! stream.push(&audio[8_000..]).unwrap();
//! assert_eq!(stream.finish().unwrap().texts(), ["8000 samples", "16000 samples"]);
//!
//! // Checks that apply to every engine.
//! check::times_are_in_order(&model, &audio);
//! check::flush_and_offset_start_anew(&model, &audio);
//! ```
//!
//! Feature `server` adds the module `server`: a real server process with the built plugin in its plugin directory, and
//! a client that streams to it. Feature `validate` adds the module `validate`: the cases of `auricle validate`.
//!
//! Everything else here is for tests, so it panics where a test would fail.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test kit panics where a test fails")]

pub mod audio;
pub mod check;
mod compare;
mod engine;
mod recording;
#[cfg(feature = "server")]
pub mod server;
mod skip;
mod stage;
mod stream;
mod stub_host;
#[cfg(feature = "validate")]
pub mod validate;
pub mod words;

pub use engine::{TestEngine, TestModel};
pub use recording::{CancelAfter, Recording, RestartPoint};
pub use skip::skip;
pub use stage::{TestStage, TestStageStream};
pub use stream::TestStream;
pub use stub_host::{LogLine, StubHost, onnx_runtime_dir};
