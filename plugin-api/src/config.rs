//! Typed access to a preset's fields, with errors that name the field.

use crate::{Error, Schema};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// An engine's configuration: a JSON object, with the schema's defaults filled in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Config {
    fields: Map<String, Value>,
}

impl Config {
    /// Creates a configuration with exactly these fields.
    pub fn new(fields: Map<String, Value>) -> Self {
        Self { fields }
    }

    /// Creates a configuration with these fields, and the defaults of `schema` for absent ones.
    pub fn with_defaults(fields: Map<String, Value>, schema: &Schema) -> Self {
        let mut fields = fields;
        for (name, default) in schema.defaults() {
            fields.entry(name).or_insert(default);
        }
        Self { fields }
    }

    /// Returns the field as a `T`.
    ///
    /// # Errors
    /// The field is absent or not a `T`; the message names it.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Result<T, Error> {
        self.get_optional(name)?.ok_or_else(|| Error::config(name, "is missing"))
    }

    /// Returns the field as a `T`, or `None` if it is absent or null.
    ///
    /// # Errors
    /// The field is not a `T`; the message names it.
    pub fn get_optional<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Error> {
        match self.fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => T::deserialize(value).map(Some).map_err(|problem| Error::config(name, problem)),
        }
    }

    /// All fields, including unknown ones.
    pub fn fields(&self) -> &Map<String, Value> {
        &self.fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Field;
    use serde_json::json;

    fn config(value: Value) -> Config {
        let Value::Object(fields) = value else { panic!("not an object") };
        Config::with_defaults(fields, &Schema::new().field(Field::load("beam").integer(1, 64).default(8)))
    }

    #[test]
    fn defaults_come_from_the_schema() {
        assert_eq!(config(json!({})).get::<u32>("beam").unwrap(), 8);
        assert_eq!(config(json!({"beam": 2})).get::<u32>("beam").unwrap(), 2);
    }

    #[test]
    fn errors_name_the_field() {
        let error = config(json!({"beam": "wide"})).get::<u32>("beam").unwrap_err();
        assert_eq!(error.message, r#"field `beam`: invalid type: string "wide", expected u32"#);
        assert_eq!(config(json!({})).get::<String>("model").unwrap_err().message, "field `model`: is missing");
    }

    #[test]
    fn null_is_absent() {
        assert_eq!(config(json!({"prompt": null})).get_optional::<String>("prompt").unwrap(), None);
    }
}
