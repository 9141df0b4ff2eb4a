//! Reads the text of a preset's file.
//!
//! Checks: it is refused with a one-line error, or is unchanged after it was written and read again. The same holds for errors that
//! only a schema detects.

use crate::assert_one_line;
use auricle_plugin_api::{Field, Schema};
use auricle_session::Preset;
use serde_json::Value;

/// The target; see the module.
pub fn presets(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let preset = match Preset::parse("x", text) {
        Ok(preset) => preset,
        Err(problem) => return assert_one_line(problem),
    };
    let mut fields = preset.fields.clone();
    fields.insert("backend".into(), preset.backend.clone().into());
    fields.insert("host".into(), serde_json::to_value(&preset.host).expect("what was read can be written"));
    let stages = preset.stages.iter().map(|entry| {
        let mut fields = entry.fields.clone();
        fields.insert("stage".into(), entry.name.clone().into());
        Value::from(fields)
    });
    fields.insert("stages".into(), stages.collect());
    let written = Value::from(fields).to_string();
    let again = Preset::parse("x", &written).expect("what was written can be read");
    assert_eq!(again, preset, "written as {written}");
    let schema = Schema::new().field(Field::stream("lan")).field(Field::load("model"));
    if let Err(problem) = preset.check_open_fields(&schema, &[]) {
        assert_one_line(problem);
    }
    assert!(preset.unknown_fields(&schema).all(|name| preset.fields.contains_key(name)));
}
