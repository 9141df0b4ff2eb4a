//! The configuration fields of an engine as a JSON Schema (2020-12), each marked with its scope.
//!
//! The scope is the keyword `x-auricle-scope`. `load` fields select the model: streams with equal values share one.
//! `stream` fields may differ between streams, and a preset can allow clients to set them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

const SCOPE: &str = "x-auricle-scope";

/// When a field takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// When the model is loaded. It is part of the model's identity; clients cannot set it.
    Load,
    /// When a stream starts.
    Stream,
}

/// An engine's fields. Fields that are not listed are passed to the engine unchanged, with scope `load`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Schema {
    json: Map<String, Value>,
}

impl Default for Schema {
    fn default() -> Self {
        Self::new()
    }
}

impl Schema {
    /// A schema without fields.
    pub fn new() -> Self {
        let mut json = Map::new();
        json.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
        json.insert("type".into(), "object".into());
        json.insert("properties".into(), json!({}));
        Self { json }
    }

    /// A schema from its JSON. What is missing of the frame is added.
    #[cfg(feature = "host")]
    pub(crate) fn from_json(json: Map<String, Value>) -> Self {
        let mut schema = Self::new();
        schema.json.extend(json);
        schema
    }

    /// Adds a field, or replaces the one with the same name.
    #[must_use]
    pub fn field(mut self, field: Field) -> Self {
        if field.required {
            let required = self.json.entry("required").or_insert_with(|| json!([]));
            if let Value::Array(names) = required {
                names.push(field.name.clone().into());
            }
        }
        let properties = self.json.entry("properties").or_insert_with(|| json!({}));
        if let Value::Object(properties) = properties {
            properties.insert(field.name, Value::Object(field.json));
        }
        self
    }

    /// The JSON Schema itself.
    pub fn json(&self) -> &Map<String, Value> {
        &self.json
    }

    /// The scope of a field: `load` unless marked otherwise. `None` if the field is not listed.
    pub fn scope(&self, name: &str) -> Option<Scope> {
        let field = self.properties()?.get(name)?;
        let scope = field.get(SCOPE).and_then(|scope| Scope::deserialize(scope).ok());
        Some(scope.unwrap_or(Scope::Load))
    }

    /// The names of the listed fields.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.properties().into_iter().flat_map(Map::keys).map(String::as_str)
    }

    /// The fields with a default, and their defaults.
    pub fn defaults(&self) -> impl Iterator<Item = (String, Value)> + '_ {
        self.properties()
            .into_iter()
            .flatten()
            .filter_map(|(name, field)| Some((name.clone(), field.get("default")?.clone())))
    }

    fn properties(&self) -> Option<&Map<String, Value>> {
        self.json.get("properties").and_then(Value::as_object)
    }
}

/// A field of a [`Schema`]; a string unless a type is chosen.
#[derive(Debug, Clone)]
pub struct Field {
    name: String,
    json: Map<String, Value>,
    required: bool,
}

impl Field {
    /// Creates a field that selects the model.
    pub fn load(name: &str) -> Self {
        Self::new(name, "load")
    }

    /// Creates a field that may differ between streams.
    pub fn stream(name: &str) -> Self {
        Self::new(name, "stream")
    }

    fn new(name: &str, scope: &str) -> Self {
        let field = Self { name: name.into(), json: Map::new(), required: false };
        field.set("type", "string").set(SCOPE, scope)
    }

    /// An integer from `least` to `most`.
    #[must_use]
    pub fn integer(self, least: i64, most: i64) -> Self {
        self.set("type", "integer").set("minimum", least).set("maximum", most)
    }

    /// A number from `least` to `most`.
    #[must_use]
    pub fn number(self, least: f64, most: f64) -> Self {
        self.set("type", "number").set("minimum", least).set("maximum", most)
    }

    /// True or false.
    #[must_use]
    pub fn boolean(self) -> Self {
        self.set("type", "boolean")
    }

    /// One of these strings.
    #[must_use]
    pub fn one_of<T: Into<String>>(self, choices: impl IntoIterator<Item = T>) -> Self {
        let choices: Vec<Value> = choices.into_iter().map(|choice| choice.into().into()).collect();
        self.set("enum", choices)
    }

    /// A list of at most `most` strings.
    #[must_use]
    pub fn strings(self, most: usize) -> Self {
        self.set("type", "array").set("items", json!({"type": "string"})).set("maxItems", most)
    }

    /// Sets any JSON Schema keyword.
    #[must_use]
    pub fn set(mut self, keyword: &str, value: impl Into<Value>) -> Self {
        self.json.insert(keyword.into(), value.into());
        self
    }

    /// Sets the value that is used if a preset does not set one; `Config::get` then always finds the field.
    #[must_use]
    pub fn default(self, value: impl Into<Value>) -> Self {
        self.set("default", value)
    }

    /// Describes the field, its unit and its effect, for operators.
    #[must_use]
    pub fn describe(self, text: &str) -> Self {
        self.set("description", text)
    }

    /// Makes the field mandatory in presets.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_and_defaults_are_read_back() {
        let schema = Schema::new()
            .field(Field::load("model").required())
            .field(Field::stream("lan").default("auto").describe("language"));
        let text = serde_json::to_string(&schema).unwrap();
        let schema: Schema = serde_json::from_str(&text).unwrap();
        assert_eq!(schema.scope("model"), Some(Scope::Load));
        assert_eq!(schema.scope("lan"), Some(Scope::Stream));
        assert_eq!(schema.scope("beam"), None);
        assert_eq!(schema.defaults().collect::<Vec<_>>(), [("lan".to_owned(), json!("auto"))]);
        assert_eq!(schema.json()["required"], json!(["model"]));
    }
}
