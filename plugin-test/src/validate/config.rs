//! The schema of the configuration.

use super::{Subject, Verdict, case::Checked, ensure};
use serde_json::{Map, Value};

/// Fields of a preset that the server takes for itself.
const RESERVED: [&str; 2] = ["backend", "host"];
/// As above, of an entry of `stages`.
const RESERVED_OF_STAGES: [&str; 1] = ["stage"];

/// The schema as JSON, and its fields.
pub(super) fn schema(subject: &Subject) -> Result<(Value, Map<String, Value>), Verdict> {
    let schema = Value::Object(subject.schema()?.json().clone());
    let fields = schema["properties"].as_object().cloned().unwrap_or_default();
    Ok((schema, fields))
}

/// The fields of a schema.
fn fields(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema["properties"].as_object().into_iter().flatten()
}

pub(super) fn valid(subject: &Subject) -> Checked {
    check_valid(&schema(subject)?.0)
}

fn check_valid(schema: &Value) -> Checked {
    let problem = jsonschema::meta::validate(schema).err();
    let problem = problem.or_else(|| jsonschema::validator_for(schema).err());
    if let Some(problem) = problem {
        return Err(Verdict::fail(format!("at `{}`: {problem}", problem.instance_path())));
    }
    let count = fields(schema).count();
    Ok(format!("{count} field{}", if count == 1 { "" } else { "s" }))
}

pub(super) fn stable(subject: &Subject) -> Checked {
    let (first, second) = (schema(subject)?.0, schema(subject)?.0);
    ensure!(first == second, fail, "the schema differs when the plugin is opened again");
    Ok(String::new())
}

pub(super) fn scopes(subject: &Subject) -> Checked {
    check_scopes(&schema(subject)?.0)
}

fn check_scopes(schema: &Value) -> Checked {
    for (name, field) in fields(schema) {
        let scope = &field["x-auricle-scope"];
        ensure!(!scope.is_null(), warning, "field `{name}` has no scope: servers take it for `load`");
        ensure!(scope == "load" || scope == "stream", fail, "field `{name}` has the scope {scope}");
    }
    Ok(String::new())
}

pub(super) fn defaults(subject: &Subject) -> Checked {
    check_defaults(&schema(subject)?.0)
}

fn check_defaults(schema: &Value) -> Checked {
    for (name, field) in fields(schema) {
        let Some(default) = field.get("default") else { continue };
        let validator = jsonschema::validator_for(field).map_err(|problem| Verdict::fail(problem.to_string()))?;
        if let Err(problem) = validator.validate(default) {
            return Err(Verdict::fail(format!("the default of field `{name}` is not allowed: {problem}")));
        }
    }
    Ok(String::new())
}

pub(super) fn descriptions(subject: &Subject) -> Checked {
    check_descriptions(&schema(subject)?.0)
}

fn check_descriptions(schema: &Value) -> Checked {
    let lacks = |field: &Value| field["description"].as_str().is_none_or(|text| text.trim().is_empty());
    let lacking: Vec<_> = fields(schema).filter(|(_, field)| lacks(field)).map(|(name, _)| name.as_str()).collect();
    ensure!(lacking.is_empty(), warning, "fields without a description: {}", lacking.join(", "));
    Ok(String::new())
}

pub(super) fn reserved(subject: &Subject) -> Checked {
    let names: &[&str] = if subject.stage.is_some() { &RESERVED_OF_STAGES } else { &RESERVED };
    check_reserved(&schema(subject)?.0, names)
}

fn check_reserved(schema: &Value, names: &[&str]) -> Checked {
    let taken = names.iter().copied().find(|name| fields(schema).any(|(field, _)| field == name));
    ensure!(taken.is_none(), fail, "field `{}` never reaches the plugin", taken.unwrap_or_default());
    Ok(String::new())
}

pub(super) fn required(subject: &Subject) -> Checked {
    check_required(&schema(subject)?.0)
}

fn check_required(schema: &Value) -> Checked {
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let field = fields(schema).find(|(field, _)| *field == name);
        let has_default = field.is_some_and(|(_, field)| field.get("default").is_some());
        ensure!(field.is_some(), fail, "field `{name}` is required but not listed");
        ensure!(!has_default, warning, "field `{name}` is required, so its default is never used");
    }
    Ok(String::new())
}

pub(super) fn given(subject: &Subject) -> Checked {
    let (schema, fields) = schema(subject)?;
    let validator = jsonschema::validator_for(&schema).map_err(|problem| Verdict::fail(problem.to_string()))?;
    let config = Value::Object(subject.fields.clone());
    if let Some(problem) = validator.iter_errors(&config).next() {
        return Err(Verdict::fail(format!("the server refuses this configuration: {problem}")));
    }
    let unknown = |name: &&String| !fields.contains_key(*name) && !matches!(name.as_str(), "model" | "lan");
    let unknown: Vec<_> = subject.fields.keys().filter(unknown).cloned().collect();
    ensure!(unknown.is_empty(), warning, "fields that the schema does not list: {}", unknown.join(", "));
    Ok(String::new())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::Outcome;
    use serde_json::json;

    #[test]
    fn a_schema_that_breaks_a_clause_is_noticed() {
        let sound = json!({"type": "integer", "x-auricle-scope": "load", "description": "a number", "default": 1});
        let with = |keyword: &str, value: Value| {
            let mut field = sound.clone();
            field[keyword] = value;
            json!({"properties": {"field": field}})
        };
        type Check = fn(&Value) -> Checked;
        let cases: [(Check, Value, Outcome); 9] = [
            (check_valid, with("type", json!("integral")), Outcome::Fail),
            (check_valid, with("minimum", json!("one")), Outcome::Fail),
            (check_scopes, with("x-auricle-scope", Value::Null), Outcome::Warning),
            (check_scopes, with("x-auricle-scope", json!("session")), Outcome::Fail),
            (check_defaults, with("default", json!("one")), Outcome::Fail),
            (check_defaults, with("maximum", json!(0)), Outcome::Fail),
            (check_descriptions, with("description", json!(" ")), Outcome::Warning),
            (check_required, json!({"properties": {}, "required": ["field"]}), Outcome::Fail),
            (check_required, json!({"properties": {"field": sound}, "required": ["field"]}), Outcome::Warning),
        ];
        for (check, schema, outcome) in cases {
            let found = check(&schema).unwrap_err();
            assert_eq!(found.outcome, outcome, "{schema}: {}", found.reason);
        }
        assert!(check_reserved(&json!({"properties": {"host": sound}}), &RESERVED).is_err());
        let schema = json!({"properties": {"field": sound}});
        check_reserved(&schema, &RESERVED).unwrap();
        for check in [check_valid, check_scopes, check_defaults, check_descriptions, check_required] {
            check(&schema).unwrap();
        }
    }
}
