//! Strings from clients must not name files.
//!
//! The sandbox lets an engine read the files that its configuration names, and engines open what they are told to open. So a
//! string from a client is refused if it could be a path. Models are named, and found in the resource directories.

use auricle_core::{Failure, FailureCode};
use serde_json::{Map, Value};
use std::path::Path;

/// Checks all strings in a client's fields.
///
/// # Errors
/// The field whose string could name a file.
pub(super) fn check(fields: &Map<String, Value>) -> Result<(), Failure> {
    match fields.iter().find(|(_, value)| could_name_a_file(value)) {
        None => Ok(()),
        Some((name, _)) => {
            let message = format!(
                "`{name}` could name a file: clients may give names only, without a path from the root, without `..`, and not \
                 of a file in the server's directory"
            );
            Err(Failure::new(FailureCode::InvalidOption, message))
        }
    }
}

fn could_name_a_file(value: &Value) -> bool {
    match value {
        Value::String(text) => is_path(text),
        Value::Array(values) => values.iter().any(could_name_a_file),
        Value::Object(fields) => fields.iter().any(|(name, value)| is_path(name) || could_name_a_file(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn is_path(text: &str) -> bool {
    let is_of_drive = || matches!(text.as_bytes(), [letter, b':', b'/' | b'\\', ..] if letter.is_ascii_alphabetic());
    text.starts_with(['/', '\\'])
        || is_of_drive()
        || text.split(['/', '\\']).any(|part| part == "..")
        // Relative to the directory in which the server was started.
        || Path::new(text).symlink_metadata().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_could_be_a_path_is_refused() {
        for value in [
            json!("/etc/passwd"),
            json!("a/../b"),
            json!(".."),
            json!(r"..\b"),
            json!(r"\\server\share"),
            json!("C:/model"),
            // The tests run in the crate's folder.
            json!("Cargo.toml"),
            json!("src/lib.rs"),
            json!("."),
            json!(["tiny", ["/x"]]),
            json!({"a": {"b": "/x"}}),
            json!({"/x": 1}),
        ] {
            let fields = Map::from_iter([("good".into(), json!("tiny")), ("bad".into(), value.clone())]);
            let failure = check(&fields).unwrap_err();
            assert!(failure.message.starts_with("`bad` could name a file"), "{value}: {failure}");
        }
    }

    #[test]
    fn names_and_sentences_are_not_paths() {
        let fields = json!({
            "model": "openai/whisper-tiny", "lan": "de", "beam": 5, "vac": true, "none": null, "empty": "",
            "prompt": "Q: Well ... a/b, 5:30, and so on.", "hotwords": ["Auricle", "U.S.A."], "weights": {"one": 1.5},
        });
        check(fields.as_object().unwrap()).unwrap();
    }
}
