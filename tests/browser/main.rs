//! The web pages in Chromium, driven by chromedriver over its REST interface. A fake microphone plays a WAV file.
//!
//! The tests run with `cargo xtask test --with browser`. One at a time, because the fake microphone loses audio when the
//! machine is busy.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod access;
mod admin;
mod broken;
mod captions;
mod driver;
mod files;
mod form;
mod long;
mod microphone;
mod refusals;
mod stand;
mod tls;
mod webrtc;
