//! Values that a field of the configuration does not allow, and what an engine must say about them.

use super::Verdict;
use auricle_plugin_api::{Error, ErrorCode, Scope};
use serde_json::{Map, Value, json};

/// The name of a field that no engine has.
pub(super) const UNKNOWN: &str = "auricle_validate_unknown";

/// The fields of this scope, each with values that its schema does not allow.
pub(super) fn values(fields: &Map<String, Value>, scope: Scope) -> Vec<(String, Value)> {
    let mut wrong = Vec::new();
    for (name, field) in of_scope(fields, scope) {
        match field["type"].as_str() {
            Some("string") => wrong.push((name.clone(), json!(7))),
            Some("integer" | "number") => wrong.push((name.clone(), json!("seven"))),
            Some("boolean") => wrong.push((name.clone(), json!("perhaps"))),
            Some("array" | "object") => wrong.push((name.clone(), json!(7))),
            _ => {}
        }
        if field["enum"].is_array() {
            wrong.push((name.clone(), json!("no-such-choice")));
        }
        if let Some(most) = field["maximum"].as_i64() {
            wrong.push((name.clone(), json!(most.saturating_add(1))));
        }
        if let Some(least) = field["minimum"].as_i64() {
            wrong.push((name, json!(least.saturating_sub(1))));
        }
    }
    wrong
}

/// The fields of this scope.
pub(super) fn of_scope(fields: &Map<String, Value>, scope: Scope) -> impl Iterator<Item = (String, Value)> {
    let is_stream = move |field: &Value| field["x-auricle-scope"] == "stream";
    let fields = fields.iter().filter(move |(_, field)| is_stream(field) == (scope == Scope::Stream));
    fields.map(|(name, field)| (name.clone(), field.clone()))
}

/// The refusals of wrong values, which are counted.
#[derive(Default)]
pub(super) struct Refusals {
    tried: usize,
    accepted: Vec<String>,
    unclear: Option<String>,
}

impl Refusals {
    /// Adds the result of a value of the field.
    ///
    /// # Errors
    /// The engine panicked.
    pub(super) fn add<T>(&mut self, name: &str, value: &Value, result: Result<T, Error>) -> Result<(), Verdict> {
        self.tried += 1;
        match result {
            Ok(_) if self.accepted.iter().any(|accepted| accepted == name) => {}
            Ok(_) => self.accepted.push(name.to_owned()),
            Err(Error { code: ErrorCode::PANIC, message }) => {
                return Err(Verdict::fail(format!("with `{name}` = {value} the engine {message}")));
            }
            Err(Error { message, .. }) if message.trim().contains('\n') || !message.contains(name) => {
                let problem = if message.contains('\n') { "has several lines" } else { "does not name the field" };
                self.unclear.get_or_insert(format!("the error for `{name}` = {value} {problem}: {}", message.trim()));
            }
            Err(_) => {}
        }
        Ok(())
    }

    /// The result: servers check the schema too, so accepted values are no fault.
    pub(super) fn result(self) -> Result<String, Verdict> {
        let Self { tried, accepted, unclear } = self;
        match unclear {
            Some(unclear) => Err(Verdict::warning(unclear)),
            None if tried == 0 => Err(Verdict::skipped("the engine has no such field")),
            None if accepted.is_empty() => Ok(format!("{tried} values refused")),
            None => Ok(format!("{tried} values; only the server refuses those of {}", accepted.join(", "))),
        }
    }
}
