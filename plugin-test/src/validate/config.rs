//! The schema of the configuration.

use super::{Subject, Verdict, case::Checked, ensure};
use serde_json::{Map, Value};

/// Fields of a preset that the server takes for itself.
const RESERVED: [&str; 2] = ["backend", "host"];

/// The schema as JSON, and its fields.
pub(super) fn schema(subject: &Subject) -> Result<(Value, Map<String, Value>), Verdict> {
    let schema = Value::Object(subject.engine()?.schema().json().clone());
    let fields = schema["properties"].as_object().cloned().unwrap_or_default();
    Ok((schema, fields))
}

pub(super) fn valid(subject: &Subject) -> Checked {
    let (schema, fields) = schema(subject)?;
    let problem = jsonschema::meta::validate(&schema).err();
    let problem = problem.or_else(|| jsonschema::validator_for(&schema).err());
    if let Some(problem) = problem {
        return Err(Verdict::fail(format!("at `{}`: {problem}", problem.instance_path())));
    }
    let count = fields.len();
    Ok(format!("{count} field{}", if count == 1 { "" } else { "s" }))
}

pub(super) fn stable(subject: &Subject) -> Checked {
    let (first, second) = (schema(subject)?.0, schema(subject)?.0);
    ensure!(first == second, fail, "the schema differs when the plugin is opened again");
    Ok(String::new())
}

pub(super) fn scopes(subject: &Subject) -> Checked {
    for (name, field) in schema(subject)?.1 {
        let scope = field.get("x-auricle-scope").map(|scope| scope.as_str().unwrap_or_default().to_owned());
        match scope.as_deref() {
            Some("load" | "stream") => {}
            None => return Err(Verdict::warning(format!("field `{name}` has no scope: servers take it for `load`"))),
            Some(_) => return Err(Verdict::fail(format!("field `{name}` has another scope than `load` and `stream`"))),
        }
    }
    Ok(String::new())
}

pub(super) fn defaults(subject: &Subject) -> Checked {
    for (name, field) in schema(subject)?.1 {
        let Some(default) = field.get("default") else { continue };
        let validator = jsonschema::validator_for(&field).map_err(|problem| Verdict::fail(problem.to_string()))?;
        if let Err(problem) = validator.validate(default) {
            return Err(Verdict::fail(format!("the default of field `{name}` is not allowed: {problem}")));
        }
    }
    Ok(String::new())
}

pub(super) fn descriptions(subject: &Subject) -> Checked {
    let lacks = |field: &Value| field["description"].as_str().is_none_or(|text| text.trim().is_empty());
    let lacking: Vec<_> =
        schema(subject)?.1.into_iter().filter(|(_, field)| lacks(field)).map(|(name, _)| name).collect();
    ensure!(lacking.is_empty(), warning, "fields without a description: {}", lacking.join(", "));
    Ok(String::new())
}

pub(super) fn reserved(subject: &Subject) -> Checked {
    let fields = schema(subject)?.1;
    let taken = RESERVED.into_iter().find(|name| fields.contains_key(*name));
    ensure!(taken.is_none(), fail, "field `{}` never reaches the engine", taken.unwrap_or_default());
    Ok(String::new())
}

pub(super) fn required(subject: &Subject) -> Checked {
    let (schema, fields) = schema(subject)?;
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let field = fields.get(name);
        ensure!(field.is_some(), fail, "field `{name}` is required but not listed");
        let has_default = field.is_some_and(|field| field.get("default").is_some());
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
