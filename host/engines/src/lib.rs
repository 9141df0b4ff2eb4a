//! Engines: finds them in a directory, registers them by name, and runs them in this process or in worker processes.
#![forbid(unsafe_code)]

pub mod child;
mod library;
mod load;
pub mod memory;
pub mod platform;
pub mod plugins;
mod services;
pub mod stages;
pub mod stamp;
mod voice_gate;
pub mod worker;

pub use library::{LibraryError, LibraryFile, locate_library, open_library};
pub use load::{Isolation, LoadSpec};
pub use voice_gate::{Cut, VoiceGate};
