//! The list of stages in a configuration. Threads: any.

use serde_json::{Map, Value};

/// The field of a configuration that lists the stages.
pub const STAGES: &str = "stages";
/// The field of an entry that names the stage. The others are the stage's own.
pub const STAGE: &str = "stage";

/// The list of stages, as in a preset: their names with their fields.
pub fn list<'a>(stages: impl IntoIterator<Item = (&'a str, Map<String, Value>)>) -> Value {
    let entry = |(name, mut fields): (&str, Map<String, Value>)| {
        fields.insert(STAGE.to_owned(), name.into());
        Value::Object(fields)
    };
    stages.into_iter().map(entry).collect()
}
