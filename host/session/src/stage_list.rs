//! The stages of a preset: the list in its file, and which options of clients are theirs.
//!
//! A client sets the field of a stage by `STAGE.FIELD`. Threads: any.

use auricle_core::one_line;
use auricle_engines::stages::STAGE;
use serde_json::{Map, Value};

/// A stage in a preset.
#[derive(Debug, Clone, PartialEq)]
pub struct StageEntry {
    /// The stage's name.
    pub name: String,
    /// Its fields.
    pub fields: Map<String, Value>,
}

/// Why a list of stages is invalid.
#[derive(Debug, thiserror::Error)]
pub enum StageListError {
    /// It is not a list.
    #[error("field `stages` must be a list of objects")]
    NotAList,
    /// An entry has no name.
    #[error("entry {0} of `stages` must be an object with the name of a stage: {{\"stage\": \"NAME\", ...}}")]
    NoName(usize),
    /// Two entries are of the same stage.
    #[error("field `stages` has the stage `{}` twice", one_line(.0))]
    Twice(String),
}

/// Reads the list of a preset.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(list: Value) -> Result<Vec<StageEntry>, StageListError> {
    let Value::Array(list) = list else { return Err(StageListError::NotAList) };
    let mut entries: Vec<StageEntry> = Vec::with_capacity(list.len());
    for (number, entry) in (1..).zip(list) {
        let Value::Object(mut fields) = entry else { return Err(StageListError::NoName(number)) };
        let Some(Value::String(name)) = fields.remove(STAGE) else { return Err(StageListError::NoName(number)) };
        if entries.iter().any(|entry| entry.name == name) {
            return Err(StageListError::Twice(name));
        }
        entries.push(StageEntry { name, fields });
    }
    Ok(entries)
}

/// The stage, by its place, and the field that an option sets; `None` if it is an option of the engine.
pub(super) fn of_option<'a>(stages: &[StageEntry], option: &'a str) -> Option<(usize, &'a str)> {
    let field = |entry: &StageEntry| option.strip_prefix(entry.name.as_str())?.strip_prefix('.');
    (0..).zip(stages).find_map(|(place, entry)| Some((place, field(entry)?)))
}

/// Takes the options of stages out of a client's options. Returns the fields of each stage with them.
pub(super) fn merge(stages: &[StageEntry], options: &mut Map<String, Value>) -> Vec<Map<String, Value>> {
    let mut fields: Vec<_> = stages.iter().map(|entry| entry.fields.clone()).collect();
    let own = std::mem::take(options);
    for (name, value) in own {
        match of_option(stages, &name).and_then(|(place, field)| Some((fields.get_mut(place)?, field))) {
            Some((fields, field)) => drop(fields.insert(field.to_owned(), value)),
            None => drop(options.insert(name, value)),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_list_is_read_or_the_problem_is_named() {
        let entries = read(json!([{"stage": "a", "x": 1}, {"stage": "b"}])).unwrap();
        assert_eq!((entries[0].name.as_str(), entries[0].fields["x"].clone()), ("a", json!(1)));
        assert!(entries[1].fields.is_empty());
        for (list, problem) in [
            (json!({}), "must be a list"),
            (json!(["a"]), "entry 1 of `stages` must be an object"),
            (json!([{"stage": "a"}, {"stage": 1}]), "entry 2 of `stages`"),
            (json!([{"stage": "a"}, {"stage": "a"}]), "has the stage `a` twice"),
        ] {
            let error = read(list).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn options_go_to_the_stage_that_they_name() {
        let stages = read(json!([{"stage": "a", "x": 1}, {"stage": "b.c", "y": 1}])).unwrap();
        let mut options = json!({"a.x": 2, "b.c.z": 3, "a": 4, "d.x": 5, "ax": 6}).as_object().unwrap().clone();
        let fields = merge(&stages, &mut options);
        assert_eq!((json!(fields[0]), json!(fields[1])), (json!({"x": 2}), json!({"y": 1, "z": 3})));
        assert_eq!(json!(options), json!({"a": 4, "d.x": 5, "ax": 6}));
    }
}
