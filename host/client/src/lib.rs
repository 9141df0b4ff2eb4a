#![doc = include_str!("../README.md")]
//!
//! With feature `cli`: what the commands of `auricle` share. [`session`] is `auricle stream`: it gives a [`source`] to a [`Stream`] and
//! tells an observer, such as those of [`render`]. [`http`] asks the server's other routes. One task, and one thread that reads and
//! decodes.
#![forbid(unsafe_code)]
#![cfg_attr(not(feature = "cli"), allow(rustdoc::broken_intra_doc_links, reason = "these modules are not there"))]

#[cfg(feature = "cli")]
pub mod args;
#[cfg(feature = "cli")]
mod command;
pub mod connect;
mod dial;
pub mod failure;
#[cfg(feature = "cli")]
pub mod http;
#[cfg(feature = "cli")]
pub mod render;
pub mod server;
#[cfg(feature = "cli")]
pub mod session;
#[cfg(feature = "cli")]
pub mod source;
pub mod stream;
#[cfg(feature = "cli")]
pub mod summary;
mod tls;
pub mod url;

#[cfg(feature = "cli")]
pub use args::StreamArgs;
pub use auricle_core::{
    AudioFormat, Encoding,
    native::{Pace, Ready, Text, TextWord},
};
#[cfg(feature = "cli")]
pub use command::run;
pub use failure::Failure;
pub use server::Server;
pub use stream::{Event, Message, Settings, State, Stream};
