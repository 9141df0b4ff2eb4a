//! Build a speech-recognition engine for the Auricle server.
//!
//! An engine is a shared library made from one small crate. Implement three traits, name your loader in
//! [`export_engine!`], build, and put the file into the server's plugin directory; the server registers it under its
//! backend name while it runs. A whole engine, one that reports how loud each second was:
//!
//! ```
//! use auricle_plugin_api::{AsrProcessor, Config, Error, Field, Host, Metadata, Model, ModelLoader, Schema, Segment, Sink};
//! use std::sync::Arc;
//!
//! struct Loudness;
//! impl ModelLoader for Loudness {
//!     type Model = Meter;
//!     fn backend(&self) -> &str { "loudness" }
//!     fn schema(&self) -> Schema {
//!         Schema::new().field(Field::stream("unit").one_of(["dB", "rms"]).default("dB").describe("what to report"))
//!     }
//!     fn load(&self, _: &Config, _: &Host) -> Result<Meter, Error> { Ok(Meter) }
//! }
//!
//! struct Meter;
//! impl Model for Meter {
//!     type Processor = Second;
//!     fn metadata(&self) -> Metadata { Metadata::new(16_000, 16_000) } // 16 kHz, one second a chunk
//!     fn processor(self: &Arc<Self>, options: &Config) -> Result<Second, Error> {
//!         Ok(Second { unit: options.get("unit")?, start: 0, chunk: Vec::new() })
//!     }
//! }
//!
//! struct Second { unit: String, start: u64, chunk: Vec<f32> }
//! impl AsrProcessor for Second {
//!     fn init(&mut self, offset: u64) -> Result<(), Error> { self.start = offset; self.chunk.clear(); Ok(()) }
//!     fn insert_audio_chunk(&mut self, samples: &[f32]) -> Result<(), Error> { self.chunk.extend_from_slice(samples); Ok(()) }
//!     fn process_iter(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
//!         if self.chunk.is_empty() { return Ok(()) }
//!         let rms = (self.chunk.iter().map(|x| x * x).sum::<f32>() / self.chunk.len() as f32).sqrt();
//!         let text = if self.unit == "dB" { format!("{:.0} dB", 20.0 * rms.log10()) } else { format!("{rms:.3}") };
//!         let end = self.start + self.chunk.len() as u64;
//!         sink.segment(&Segment::new(self.start, end, text));
//!         self.init(end)
//!     }
//!     fn finish(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> { self.process_iter(sink) }
//! }
//!
//! auricle_plugin_api::export_engine!(Loudness);
//! # fn main() {}
//! ```
//!
//! with this in `Cargo.toml`:
//!
//! ```toml
//! [lib]
//! crate-type = ["cdylib"]
//! [dependencies]
//! auricle-plugin-api = "1"
//! ```
//!
//! `auricle validate FILE` checks a built engine against everything that this documentation says, and `auricle run FILE
//! speech.wav` transcribes with it. `auricle plugin pack` makes a package of it, for other people's servers. [`Claims`] say
//! what it can do and needs: without them it has neither network nor GPU there.
//!
//! A plugin can also have stages, which change the events of every engine: [`StageLoader`], [`export_plugin!`].
//!
//! Guarantees of the server:
//!
//! - A processor is called by one thread at a time, not always the same one; a model by several at once.
//! - `process_iter` is called once for each full chunk of new audio ([`Metadata::chunk_samples`]), never without new
//!   audio. So the same audio leads to the same calls, regardless of how the network split it.
//! - `finish` is called once at the end of the audio (and at a client's flush), also if the client has disconnected.
//! - A panic in any method, or in `Drop`, closes only that stream, with the panic's message.
//!
//! Times are `u64` samples at the model's rate, counted from the start of the stream. Calls are synchronous and
//! run on the server's threads. `tracing` events of the engine appear in the server's log with the stream's id.
//!
//! The ABI behind the traits is stable within a major version, in both directions: an engine built against 1.0 runs on
//! every later 1.x server, and one built against 1.x on a 1.0 server. It is defined in the module [`abi`], which
//! engines do not use.

pub mod abi;
mod claims;
mod config;
mod engine;
mod error;
mod event;
mod export;
mod guard;
#[cfg(feature = "host")]
pub mod host;
mod logging;
mod manifest;
mod metadata;
mod schema;
mod services;
mod sink;
mod stage;
mod stage_event;
mod stage_metadata;
mod stage_sink;
mod turn;

pub use claims::{Claims, Need};
pub use config::Config;
pub use engine::{AsrProcessor, BatchItem, Model, ModelLoader};
pub use error::{Error, ErrorCode};
pub use event::{Segment, Word};
pub use manifest::{Interface, Manifest};
pub use metadata::{Metadata, Replay};
pub use schema::{Field, Schema, Scope};
pub use services::Host;
pub use sink::Sink;
pub use stage::{Stage, StageLoader, StageStream};
pub use stage_event::StageEvent;
pub use stage_metadata::StageMetadata;
pub use stage_sink::StageSink;
pub use turn::{Turn, TurnChange, TurnTrigger};
