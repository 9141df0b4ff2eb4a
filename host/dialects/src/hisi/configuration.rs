//! The body of `POST /load_model`: a configuration of HISI-interface, which becomes the fields of a preset.

use auricle_core::{
    Failure, FailureCode,
    wording::{from_json, from_value},
};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The engine of a configuration that names none.
const DEFAULT_BACKEND: &str = "whisper_timestamped";
/// Its Whisper engines. Here there is one, unless an engine of such a name is registered.
const WHISPER_BACKENDS: [&str; 2] = [DEFAULT_BACKEND, "mlx_whisper"];
const WHISPER: &str = "whisper";

/// Folders of models, which the server's settings name here.
const FOLDERS: [&str; 2] = ["model_dir", "model_cache_dir"];
/// Servers that relay WebRTC, which clients configure here.
const TURN: &str = "turn_config";

/// The fields that are checked. Engines may have any others.
#[derive(Deserialize)]
struct Checked {
    #[serde(rename = "model")]
    _model: String,
    backend: Option<String>,
    vad: Option<Value>,
}

/// The fields of the preset: an engine's name in `backend`, and what it is configured with. `engines` are those that are
/// registered.
///
/// # Errors
/// The body is no configuration, or has a field that cannot be used here.
pub fn read(body: &[u8], engines: &[String]) -> Result<Map<String, Value>, Failure> {
    let bad = |problem: &dyn std::fmt::Display| {
        Failure::new(FailureCode::BadMessage, format!("not a valid configuration: {problem}"))
    };
    let text = str::from_utf8(body).map_err(|_| bad(&"it is not UTF-8"))?;
    let mut fields: Map<String, Value> = from_json(text).map_err(|problem| bad(&problem))?;
    // As if they were not there.
    fields.retain(|name, value| !value.is_null() && name != TURN);
    let Checked { _model, backend, vad } =
        from_value(".", Value::Object(fields.clone())).map_err(|problem| bad(&problem))?;
    if let Some(folder) = FOLDERS.iter().find(|name| fields.contains_key(**name)) {
        let message =
            format!("`{folder}` cannot be set: models are found by their names in the server's resource directories");
        return Err(Failure::new(FailureCode::ForbiddenField, message));
    }
    // Both switch on what is one field here.
    if let Some(Value::Bool(vad)) = vad {
        fields.remove("vad");
        if vad {
            fields.insert("vac".to_owned(), Value::Bool(true));
        }
    }
    let backend = backend.unwrap_or_else(|| DEFAULT_BACKEND.to_owned());
    let is_registered = engines.contains(&backend);
    let backend = if !is_registered && WHISPER_BACKENDS.contains(&&*backend) { WHISPER.to_owned() } else { backend };
    fields.insert("backend".to_owned(), Value::String(backend));
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read_from(body: &Value) -> Result<Value, Failure> {
        read(body.to_string().as_bytes(), &["tone".to_owned(), "mlx_whisper".to_owned()]).map(Value::Object)
    }

    #[test]
    fn a_configuration_becomes_the_fields_of_a_preset() {
        for (body, fields) in [
            (json!({"model": "tiny"}), json!({"model": "tiny", "backend": "whisper"})),
            (
                json!({"model": "tiny", "backend": "whisper", "model_dir": null, "vac": false, "vad": false, "own": [1],
                    "turn_config": {"provider": "none"}}),
                json!({"model": "tiny", "backend": "whisper", "vac": false, "own": [1]}),
            ),
            (
                json!({"model": "m", "backend": "tone", "vad": true}),
                json!({"model": "m", "backend": "tone", "vac": true}),
            ),
            (json!({"model": "m", "vad": "silero"}), json!({"model": "m", "backend": "whisper", "vad": "silero"})),
            // An operator has an engine of this name.
            (json!({"model": "m", "backend": "mlx_whisper"}), json!({"model": "m", "backend": "mlx_whisper"})),
        ] {
            assert_eq!(read_from(&body).unwrap(), fields);
        }
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (body, problem) in [
            (json!([]), "not a valid configuration: "),
            (json!({"backend": "tone"}), "the field `model` is missing"),
            (json!({"model": 1}), "`model` must be "),
            (json!({"model": "m", "backend": []}), "`backend` must be "),
            (json!({"model": "m", "model_dir": "/models"}), "`model_dir` cannot be set"),
        ] {
            let failure = read_from(&body).unwrap_err();
            assert!(failure.message.contains(problem), "{failure}");
        }
        assert!(read(b"\xff", &[]).is_err());
    }
}
