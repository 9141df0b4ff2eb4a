//! What is fuzzed: a function for each parser that meets bytes of a client, a file or a worker, and what must hold of it.
//!
//! A target panics where something does not hold. `cargo xtask fuzz` makes inputs for it; the tests here run it over those
//! that are kept, in `fuzz/seeds/`, `fuzz/findings/` and `fuzz/corpus/`. A new target is a room here, a line in [`TARGETS`], a file in
//! `fuzz/fuzz_targets/`, and a `[[bin]]` in `fuzz/Cargo.toml`.

#![forbid(unsafe_code)]

mod audio_files;
mod audio_intake;
mod client_messages;
mod input;
mod manifests;
mod online_restarts;
mod onnx_networks;
mod onnx_restarts;
mod onnx_texts;
mod plugin_files;
mod presets;
mod settings;
#[cfg(test)]
mod tests;
mod vosk_messages;
mod worker_messages;

pub use audio_files::audio_files;
pub use audio_intake::audio_intake;
pub use client_messages::client_messages;
pub use manifests::manifests;
pub use online_restarts::online_restarts;
pub use onnx_networks::onnx_networks;
pub use onnx_restarts::onnx_restarts;
pub use onnx_texts::onnx_texts;
pub use plugin_files::plugin_files;
pub use presets::presets;
pub use settings::settings;
pub use vosk_messages::vosk_messages;
pub use worker_messages::worker_messages;

/// What is run on any bytes.
pub type Target = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: [(&str, Target); 13] = [
    ("audio_files", audio_files),
    ("audio_intake", audio_intake),
    ("client_messages", client_messages),
    ("manifests", manifests),
    ("online_restarts", online_restarts),
    ("onnx_networks", onnx_networks),
    ("onnx_restarts", onnx_restarts),
    ("onnx_texts", onnx_texts),
    ("plugin_files", plugin_files),
    ("presets", presets),
    ("settings", settings),
    ("vosk_messages", vosk_messages),
    ("worker_messages", worker_messages),
];

/// What is said of bad input is one line: a log's lines are not the input's to make.
fn assert_one_line(message: impl std::fmt::Display) {
    let message = message.to_string();
    assert!(!message.contains(char::is_control), "more than one line, or hidden: {message:?}");
}
