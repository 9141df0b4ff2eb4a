//! Engines: found in a directory, registered by name, and run, in this process or in workers of their own.
#![forbid(unsafe_code)]

mod library;
mod load;
pub mod platform;
pub mod plugins;
mod services;
pub mod stamp;
pub mod worker;

pub use library::{LibraryError, open_library};
pub use load::{Isolation, LoadSpec};
