//! Messages in the words of our documents: numbers of things, and why JSON or TOML cannot be read.
//!
//! `serde` reports an error as a text about Rust's types (`invalid type: string "x", expected u32`). Users know fields,
//! numbers, strings, lists and objects, so the text is rewritten: which field, what it must be, what it is. A text of an
//! unknown form is passed on. All messages are one line.

use super::one_line;
use serde::de::DeserializeOwned;
use serde_json::{Value, error::Category};

/// A number of things: `1 stream`, `2 streams`.
pub fn count(number: impl TryInto<u64>, thing: &str) -> String {
    match number.try_into().unwrap_or(u64::MAX) {
        1 => format!("1 {thing}"),
        number => format!("{number} {thing}s"),
    }
}

/// A number of things with its verb: `1 stream was`, `2 streams were`.
pub fn count_with(number: impl TryInto<u64>, thing: &str, [one, more]: [&str; 2]) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    format!("{} {}", count(number, thing), if number == 1 { one } else { more })
}

/// Why a text cannot be read: which field, what it must be, what it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParseError(String);

/// What an object is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Notation {
    Json,
    Toml,
}

impl ParseError {
    /// An error of the TOML parser in the value at `path`, such as `limits.max_streams`; `.` for the document.
    pub fn toml(path: &str, message: &str) -> Self {
        Self(reword(path, message, Notation::Toml))
    }
}

/// Reads JSON text.
///
/// # Errors
/// The text is not JSON, or not a `T`.
pub fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, ParseError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut deserializer);
    let value = value.map_err(|error| json_error(&error.path().to_string(), error.inner()))?;
    deserializer.end().map_err(|error| json_error(".", &error))?;
    Ok(value)
}

/// Reads a JSON value. `path` is its own place, such as `host`; `.` if it is the whole document.
///
/// # Errors
/// The value is not a `T`.
pub fn from_value<T: DeserializeOwned>(path: &str, value: Value) -> Result<T, ParseError> {
    serde_path_to_error::deserialize(value)
        .map_err(|error| json_error(&join(path, &error.path().to_string()), error.inner()))
}

fn json_error(path: &str, error: &serde_json::Error) -> ParseError {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let text = text.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&text);
    ParseError(match error.classify() {
        Category::Data => reword(path, text, Notation::Json),
        _ => format!("not JSON: {} at line {line}, column {column}", syntax(text)),
    })
}

/// What is wrong with the text as JSON.
fn syntax(text: &str) -> String {
    match text {
        "expected value" => "there is no value".to_owned(),
        "trailing characters" => "there is more text behind the value".to_owned(),
        "trailing comma" => "there is a comma behind the last element".to_owned(),
        "key must be a string" => "the name of a field must be a string in double quotes".to_owned(),
        "recursion limit exceeded" => "the values are nested too deeply".to_owned(),
        "number out of range" => "the number is too large".to_owned(),
        _ if text.starts_with("EOF while parsing") => "the text ends too early".to_owned(),
        _ => one_line(text),
    }
}

/// Rewrites an error about the value at `path`.
fn reword(path: &str, text: &str, notation: Notation) -> String {
    let field = |name: &str| format!("`{}`", one_line(join(path, name)));
    let value = || if path == "." { "it".to_owned() } else { format!("`{}`", one_line(path)) };
    let typed = text.strip_prefix("invalid type: ").or_else(|| text.strip_prefix("invalid value: "));
    if let Some((is, must)) = typed.and_then(|text| text.rsplit_once(", expected ")) {
        return format!("{} must be {}, not {}", value(), must_be(must, notation), what_is(is, notation));
    }
    if let Some(rest) = text.strip_prefix("unknown variant `") {
        return match rest.rsplit_once("`, expected ") {
            Some((name, names)) => format!("{} must be {}, not `{}`", value(), one_of(names), one_line(name)),
            None => format!("{}: {}", value(), one_line(text)),
        };
    }
    if let Some(rest) = text.strip_prefix("unknown field `") {
        let (name, known) = match rest.rsplit_once("`, expected ") {
            Some((name, names)) => (name, format!("known are {}", plain_list(names))),
            None => (rest.split_once("`, ").map_or(rest, |(name, _)| name), "there are none here".to_owned()),
        };
        // The path ends with the field, unless it was found without reading a value.
        let parent = path.strip_suffix(name).map_or(path, |parent| parent.trim_end_matches('.'));
        return format!(
            "unknown field `{}`; {known}",
            one_line(join(if parent.is_empty() { "." } else { parent }, name))
        );
    }
    let named = |prefix: &str| text.strip_prefix(prefix)?.strip_suffix('`');
    if let Some(name) = named("missing field `") {
        return format!("the field {} is missing", field(name));
    }
    if let Some(name) = named("duplicate field `") {
        return format!("the field {} is there twice", field(name));
    }
    let text = one_line(text.replace('\n', ", "));
    if path == "." { text } else { format!("{}: {text}", value()) }
}

/// `host` and `open[0]` become `host.open[0]`. `.` is the document.
fn join(path: &str, name: &str) -> String {
    match (path, name) {
        (".", name) => name.to_owned(),
        (path, ".") => path.to_owned(),
        (path, name) if name.starts_with('[') => format!("{path}{name}"),
        (path, name) => format!("{path}.{name}"),
    }
}

/// What a value must be.
fn must_be(expected: &str, notation: Notation) -> String {
    let object = if notation == Notation::Json { "an object" } else { "a table" };
    match expected {
        "u8" => "a whole number from 0 to 255".to_owned(),
        "u16" => "a whole number from 0 to 65535".to_owned(),
        "u32" => "a whole number from 0 to 4294967295".to_owned(),
        "u64" | "usize" => "a whole number, 0 or more".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a borrowed string" | "string" | "variant identifier" | "field identifier" => "a string".to_owned(),
        "path string" => "a path, as a string".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => object.to_owned(),
        _ if ["struct ", "internally tagged enum ", "adjacently tagged enum "]
            .iter()
            .any(|kind| expected.starts_with(kind)) =>
        {
            object.to_owned()
        }
        _ if expected.starts_with('`') || expected.starts_with("one of `") => one_of(expected),
        other => one_line(other),
    }
}

/// What a value is.
fn what_is(unexpected: &str, notation: Notation) -> String {
    let quoted = |kind: &str| Some(unexpected.strip_prefix(kind)?.strip_suffix('`')?.to_owned());
    let number = || quoted("integer `").or_else(|| quoted("floating point `"));
    match unexpected {
        "null" | "unit value" => "null".to_owned(),
        "map" if notation == Notation::Json => "an object".to_owned(),
        "map" => "a table".to_owned(),
        "sequence" => "a list".to_owned(),
        _ if unexpected.starts_with("string ") => one_line(format_args!("the {unexpected}")),
        _ => match quoted("boolean `").or_else(number) {
            Some(value) => value,
            None => one_line(unexpected),
        },
    }
}

/// `` `a` or `b` ``, and `` one of `a`, `b`, `c` ``.
fn one_of(names: &str) -> String {
    let names = plain_list(names);
    if names.contains(", ") { format!("one of {names}") } else { names }
}

fn plain_list(names: &str) -> String {
    one_line(names.trim_start_matches("one of ").replace("` or `", "`, `"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only read")]
    struct Outer {
        rate: u32,
        small: Option<u16>,
        flag: Option<bool>,
        share: Option<f64>,
        kind: Option<Kind>,
        inner: Option<Inner>,
        list: Option<Vec<Inner>>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only read")]
    struct Inner {
        name: String,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Live,
        File,
        Both,
    }

    #[test]
    fn the_field_is_named_with_what_it_must_be_and_what_it_is() {
        for (json, message) in [
            (r#"{"rate": "x"}"#, r#"`rate` must be a whole number from 0 to 4294967295, not the string "x""#),
            (r#"{"rate": -1}"#, "`rate` must be a whole number from 0 to 4294967295, not -1"),
            (r#"{"rate": 1.5}"#, "`rate` must be a whole number from 0 to 4294967295, not 1.5"),
            (r#"{"rate": null}"#, "`rate` must be a whole number from 0 to 4294967295, not null"),
            (r#"{"rate": 1, "small": 70000}"#, "`small` must be a whole number from 0 to 65535, not 70000"),
            (r#"{"rate": 1, "flag": 1}"#, "`flag` must be true or false, not 1"),
            (r#"{"rate": 1, "share": []}"#, "`share` must be a number, not a list"),
            (r#"{"rate": 1, "kind": "dead"}"#, "`kind` must be one of `live`, `file`, `both`, not `dead`"),
            (r#"{"rate": 1, "inner": {"name": true}}"#, "`inner.name` must be a string, not true"),
            (r#"{"rate": 1, "inner": 5}"#, "`inner` must be an object, not 5"),
            (r#"{"rate": 1, "list": [{"name": "a"}, {"name": {}}]}"#, "`list[1].name` must be a string, not an object"),
            (r#"{"rate": 1, "list": [{}]}"#, "the field `list[0].name` is missing"),
            (r#"{"rate": 1, "inner": {"nam": "a"}}"#, "unknown field `inner.nam`; known are `name`"),
            (
                r#"{"rats": 1}"#,
                "unknown field `rats`; known are `rate`, `small`, `flag`, `share`, `kind`, `inner`, `list`",
            ),
            (r#"{"rate": 1, "inner": {"name": "a", "name": "b"}}"#, "the field `inner.name` is there twice"),
            (r"{}", "the field `rate` is missing"),
            (r"3", "it must be an object, not 3"),
            (
                r#"{"rate": "a, expected u8"}"#,
                r#"`rate` must be a whole number from 0 to 4294967295, not the string "a, expected u8""#,
            ),
            (r#"{"rate": 1"#, "not JSON: the text ends too early at line 1, column 10"),
            (r#"{"rate": 1} x"#, "not JSON: there is more text behind the value at line 1, column 13"),
            ("hello", "not JSON: there is no value at line 1, column 1"),
        ] {
            assert_eq!(from_json::<Outer>(json).unwrap_err().to_string(), message, "{json}");
            if let Ok(value) = serde_json::from_str::<Value>(json)
                && !message.contains("twice")
            {
                assert_eq!(from_value::<Outer>(".", value).unwrap_err().to_string(), message, "{json}");
            }
        }
        let nested = from_value::<Inner>("host", serde_json::json!({"name": 1, "b": 2})).unwrap_err().to_string();
        assert!(
            nested == "unknown field `host.b`; known are `name`" || nested == "`host.name` must be a string, not 1",
            "{nested}"
        );
    }

    #[test]
    fn one_thing_is_not_things() {
        assert_eq!([0, 1, 2].map(|number| count(number, "stream")), ["0 streams", "1 stream", "2 streams"]);
        assert_eq!([1_u8, 2].map(|number| count_with(number, "byte", ["is", "are"])), ["1 byte is", "2 bytes are"]);
    }

    proptest! {
        #[test]
        fn every_message_is_one_line(text in ".*", path in ".{0,10}") {
            for notation in [Notation::Json, Notation::Toml] {
                let message = reword(&path, &text, notation);
                prop_assert!(!message.contains(char::is_control), "{:?}", message);
            }
            if let Err(error) = from_json::<Outer>(&text) {
                prop_assert!(!error.to_string().contains(char::is_control), "{:?}", error);
            }
        }
    }
}
