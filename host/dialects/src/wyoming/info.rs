//! The event `info`: the presets that a client may use, as models.

use super::{frame::Frame, settings::WyomingSettings};
use auricle_session::Offer;
use serde_json::{Value, json};

/// Describes the presets. The default preset is the first: clients without a choice take the first model.
pub(super) fn info(offers: Vec<Offer>, settings: &WyomingSettings) -> Frame {
    let version = env!("CARGO_PKG_VERSION");
    let attribution = json!({"name": "Auricle", "url": ""});
    let (first, rest): (Vec<_>, Vec<_>) =
        offers.into_iter().partition(|offer| settings.preset.as_ref() == Some(&offer.name));
    let models = first.into_iter().chain(rest).map(|Offer { name, title, languages }| {
        let languages = if languages.is_empty() { settings.languages.clone() } else { languages };
        json!({
            "name": name, "attribution": attribution, "installed": true, "description": title, "version": null,
            "languages": languages,
        })
    });
    let program = json!({
        "name": "auricle", "attribution": attribution, "installed": true,
        "description": "Auricle, streaming speech recognition", "version": version,
        "models": models.collect::<Vec<_>>(), "supports_transcript_streaming": true, "requires_external_vad": true,
        "prefers_auto_gain_enabled": true, "prefers_noise_reduction_enabled": true,
    });
    let mut frame = Frame::new("info", serde_json::Map::new());
    frame.data.insert("asr".into(), json!([program]));
    for other in ["tts", "handle", "intent", "wake", "mic", "snd"] {
        frame.data.insert(other.into(), Value::Array(Vec::new()));
    }
    frame
}
