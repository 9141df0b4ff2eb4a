//! The fuzz targets: a function for each parser that reads bytes of a client, a file or a worker process.
//!
//! A target panics if a property does not hold. `cargo xtask fuzz` generates inputs for it; the tests here run it over the kept
//! inputs in `fuzz/seeds/`, `fuzz/findings/` and `fuzz/corpus/`. A new target is a file here, a line in [`TARGETS`], a file in
//! `fuzz/fuzz_targets/`, and a `[[bin]]` in `fuzz/Cargo.toml`.

#![forbid(unsafe_code)]

mod assembly_ai_messages;
mod audio_files;
mod audio_intake;
mod claims;
mod client_messages;
mod cluster_messages;
mod deepgram_messages;
mod flux_messages;
mod hisi_configurations;
mod input;
mod manifests;
mod media_packets;
mod moshi_messages;
mod online_restarts;
mod onnx_networks;
mod onnx_restarts;
mod onnx_texts;
mod openai_forms;
mod packages;
mod plugin_files;
mod presets;
mod realtime_messages;
mod riva_messages;
mod settings;
mod sherpa_messages;
mod stored_points;
mod telephone_messages;
#[cfg(test)]
mod tests;
mod vosk_messages;
mod webrtc_datagrams;
mod webrtc_offers;
mod whisper_live_kit_messages;
mod whisper_live_messages;
mod whisper_weights;
mod worker_messages;
mod wyoming_events;

pub use assembly_ai_messages::assembly_ai_messages;
pub use audio_files::audio_files;
pub use audio_intake::audio_intake;
pub use claims::claims;
pub use client_messages::client_messages;
pub use cluster_messages::cluster_messages;
pub use deepgram_messages::deepgram_messages;
pub use flux_messages::flux_messages;
pub use hisi_configurations::hisi_configurations;
pub use manifests::manifests;
pub use media_packets::media_packets;
pub use moshi_messages::moshi_messages;
pub use online_restarts::online_restarts;
pub use onnx_networks::onnx_networks;
pub use onnx_restarts::onnx_restarts;
pub use onnx_texts::onnx_texts;
pub use openai_forms::openai_forms;
pub use packages::packages;
pub use plugin_files::plugin_files;
pub use presets::presets;
pub use realtime_messages::realtime_messages;
pub use riva_messages::riva_messages;
pub use settings::settings;
pub use sherpa_messages::sherpa_messages;
pub use stored_points::stored_points;
pub use telephone_messages::telephone_messages;
pub use vosk_messages::vosk_messages;
pub use webrtc_datagrams::webrtc_datagrams;
pub use webrtc_offers::webrtc_offers;
pub use whisper_live_kit_messages::whisper_live_kit_messages;
pub use whisper_live_messages::whisper_live_messages;
pub use whisper_weights::whisper_weights;
pub use worker_messages::worker_messages;
pub use wyoming_events::wyoming_events;

/// A function that accepts any bytes.
pub type Target = fn(&[u8]);

/// All targets by name.
pub const TARGETS: [(&str, Target); 34] = [
    ("assembly_ai_messages", assembly_ai_messages),
    ("audio_files", audio_files),
    ("audio_intake", audio_intake),
    ("claims", claims),
    ("client_messages", client_messages),
    ("cluster_messages", cluster_messages),
    ("deepgram_messages", deepgram_messages),
    ("flux_messages", flux_messages),
    ("hisi_configurations", hisi_configurations),
    ("manifests", manifests),
    ("media_packets", media_packets),
    ("moshi_messages", moshi_messages),
    ("online_restarts", online_restarts),
    ("onnx_networks", onnx_networks),
    ("onnx_restarts", onnx_restarts),
    ("onnx_texts", onnx_texts),
    ("openai_forms", openai_forms),
    ("packages", packages),
    ("plugin_files", plugin_files),
    ("presets", presets),
    ("realtime_messages", realtime_messages),
    ("riva_messages", riva_messages),
    ("settings", settings),
    ("sherpa_messages", sherpa_messages),
    ("stored_points", stored_points),
    ("telephone_messages", telephone_messages),
    ("vosk_messages", vosk_messages),
    ("webrtc_datagrams", webrtc_datagrams),
    ("webrtc_offers", webrtc_offers),
    ("whisper_live_kit_messages", whisper_live_kit_messages),
    ("whisper_live_messages", whisper_live_messages),
    ("whisper_weights", whisper_weights),
    ("worker_messages", worker_messages),
    ("wyoming_events", wyoming_events),
];

/// Checks that a message about bad input is one line without control characters: input must not write lines into a log.
fn assert_one_line(message: impl std::fmt::Display) {
    let message = message.to_string();
    assert!(!message.contains(char::is_control), "more than one line, or hidden: {message:?}");
}
