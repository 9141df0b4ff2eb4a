//! The fields of streams, which clients may set.

use super::{
    Subject, Verdict,
    case::Checked,
    config, ensure,
    wrong::{self, Refusals, of_scope},
};
use auricle_plugin_api::{Error, ErrorCode, Scope};
use serde_json::{Value, json};

/// Opens a stream with one field.
fn open(subject: &Subject) -> Result<impl Fn(&str, &Value) -> Result<(), Error>, Verdict> {
    let model = subject.model()?;
    Ok(move |name: &str, value: &Value| {
        let mut fields = serde_json::Map::new();
        fields.insert(name.to_owned(), value.clone());
        model.try_stream(Value::Object(fields)).map(drop)
    })
}

pub(super) fn wrong_values(subject: &Subject) -> Checked {
    let open = open(subject)?;
    let mut refusals = Refusals::default();
    for (name, value) in wrong::values(&config::schema(subject)?.1, Scope::Stream) {
        refusals.add(&name, &value, open(&name, &value))?;
    }
    refusals.result()
}

/// Whether a value that the schema allows is accepted, or refused with the names of fields.
fn allowed(name: &str, value: &Value, result: Result<(), Error>) -> Result<bool, Verdict> {
    match result {
        Ok(()) => Ok(true),
        Err(Error { code: ErrorCode::PANIC, message }) => {
            Err(Verdict::fail(format!("with `{name}` = {value} the engine {message}")))
        }
        Err(Error { code: ErrorCode::CAPACITY, message }) => {
            Err(Verdict::fail(format!("with `{name}` = {value} the engine is full: {message}")))
        }
        Err(error) => {
            let says = error.message.contains("field `") || error.message.contains(name);
            ensure!(says, warning, "the schema allows `{name}` = {value}, and the error names no field: {error}");
            Ok(false)
        }
    }
}

fn each(subject: &Subject, values: impl Fn(&Value) -> Vec<Value>) -> Checked {
    let open = open(subject)?;
    let (mut tried, mut refused) = (0, Vec::new());
    for (name, field) in of_scope(&config::schema(subject)?.1, Scope::Stream) {
        for value in values(&field) {
            tried += 1;
            if !allowed(&name, &value, open(&name, &value))? {
                refused.push(format!("{name} = {value}"));
            }
        }
    }
    ensure!(tried > 0, skipped, "the engine has no such field");
    let count = refused.len();
    Ok(if count == 0 { format!("{tried} values") } else { format!("{tried} values, {count} refused by name") })
}

pub(super) fn choices(subject: &Subject) -> Checked {
    each(subject, |field| field["enum"].as_array().cloned().unwrap_or_default())
}

pub(super) fn limits(subject: &Subject) -> Checked {
    each(subject, |field| ["minimum", "maximum"].iter().filter_map(|limit| field.get(*limit).cloned()).collect())
}

pub(super) fn hotwords(subject: &Subject) -> Checked {
    let open = open(subject)?;
    let fields = config::schema(subject)?.1;
    let field = of_scope(&fields, Scope::Stream).find(|(name, _)| matches!(name.as_str(), "hotwords" | "phrases"));
    let Some((name, field)) = field else { return Err(Verdict::skipped("the engine has no field `hotwords`")) };
    let words = if field["type"] == "array" { json!(["hello", "world"]) } else { json!("hello world") };
    let accepted = allowed(&name, &words, open(&name, &words))?;
    Ok(if accepted { "accepted".to_owned() } else { "refused by name".to_owned() })
}

pub(super) fn unknown(subject: &Subject) -> Checked {
    match open(subject)?(wrong::UNKNOWN, &json!({"a": [null]})) {
        Ok(()) => Ok("ignored".to_owned()),
        Err(Error { code: ErrorCode::PANIC, message }) => Err(Verdict::fail(format!("the engine {message}"))),
        Err(error) if error.message.contains(wrong::UNKNOWN) => Ok("refused".to_owned()),
        Err(error) => Err(Verdict::warning(format!("the error does not name the field: {error}"))),
    }
}

pub(super) fn per_stream(subject: &Subject) -> Checked {
    let (model, audio, alone) = subject.heard()?;
    let fields: Vec<_> = of_scope(&config::schema(subject)?.1, Scope::Stream).collect();
    ensure!(!fields.is_empty(), skipped, "the engine has no fields of streams");
    ensure!(model.metadata().max_streams.is_none_or(|most| most > 1), skipped, "the model serves one stream at a time");
    // The fields of another stream must not reach this one.
    let mut others = Vec::new();
    for (name, field) in &fields {
        let other = field["enum"].as_array().and_then(|choices| choices.last()).or_else(|| field.get("maximum"));
        let Some(other) = other else { continue };
        if let Ok(stream) = model.try_stream(json!({name: other})) {
            others.push(stream);
            break;
        }
    }
    let beside = model.try_run(&audio)?;
    drop(others);
    crate::compare::same(&alone.segments, &beside.segments)
        .map_err(|difference| Verdict::fail(format!("beside a stream with another option, {difference}")))?;
    Ok(String::new())
}
