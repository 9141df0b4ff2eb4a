//! The stream fields that every engine has for clients under the same names: `keyterms`, `language` and `languages`.
//!
//! Each becomes the engine's own field of this meaning, whatever its name there. What an engine cannot do is refused, or the client is
//! warned, as the preset says. Threads: any.

use super::preset::{Preset, Unsupported};
use auricle_core::{Failure, FailureCode, Warning};
use auricle_plugin_api::{Metadata, Schema, Scope};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Phrases that are likely to be spoken: a list of strings.
pub const KEYTERMS: &str = "keyterms";
/// The spoken language: a BCP 47 tag, or `auto`.
pub const LANGUAGE: &str = "language";
/// The languages that may be spoken: a list of BCP 47 tags.
pub const LANGUAGES: &str = "languages";

/// What engines call them, the first that an engine has.
const NAMES: [(&str, &[&str]); 3] =
    [(KEYTERMS, &[KEYTERMS, "hotwords", "phrases"]), (LANGUAGE, &[LANGUAGE, "lan"]), (LANGUAGES, &[LANGUAGES])];

/// What the engine calls a field; `None` if it is one of these and the engine has none.
pub(super) fn of_engine<'a>(schema: &Schema, name: &'a str) -> Option<&'a str> {
    match NAMES.iter().find(|(own, _)| *own == name) {
        Some((_, names)) => names.iter().copied().find(|name| schema.scope(name) == Some(Scope::Stream)),
        None => Some(name),
    }
}

/// Whether a preset opens a field, by its own name or by what the engine calls it.
pub(super) fn is_open(open: &[String], schema: &Schema, name: &str) -> bool {
    let field = of_engine(schema, name);
    open.iter().any(|opened| opened == name || (field.is_some() && of_engine(schema, opened) == field))
}

/// Whether a client may send a field: it is open, or the client is only warned.
pub(super) fn takes(preset: &Preset, schema: &Schema, name: &str) -> bool {
    let warns = preset.host.unsupported == Unsupported::Warn && of_engine(schema, name).is_none();
    warns || is_open(&preset.host.open, schema, name)
}

/// What a client asks for that is not a field of its engine, to be compared with the model.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Asked {
    language: Option<String>,
    languages: Vec<String>,
    /// The engine has no field for phrases.
    keyterms: bool,
}

/// Turns these fields of a client into those of the engine.
///
/// # Errors
/// A value is of the wrong kind, the same is asked for twice, or the preset does not open it.
pub(super) fn translate(options: &mut Map<String, Value>, preset: &Preset, schema: &Schema) -> Result<Asked, Failure> {
    let keyterms: Vec<String> = take(options, KEYTERMS, "a list of strings")?.unwrap_or_default();
    let language: Option<String> = take(options, LANGUAGE, "a string")?.filter(|tag: &String| !tag.is_empty());
    let mut languages: Vec<String> = take(options, LANGUAGES, "a list of strings")?.unwrap_or_default();
    let mut asked = Asked::default();
    let mut set = |name: &str, value: Value| match of_engine(schema, name) {
        Some(field) if is_open(&preset.host.open, schema, name) => match options.insert(field.to_owned(), value) {
            None => Ok(true),
            Some(_) => {
                let message = format!("`{name}` and `{field}` are the same option: set one of them");
                Err(Failure::new(FailureCode::InvalidOption, message))
            }
        },
        _ => Ok(false),
    };
    if !keyterms.is_empty() && !set(KEYTERMS, keyterms.into())? {
        if of_engine(schema, KEYTERMS).is_some() {
            return Err(Failure::new(
                FailureCode::ForbiddenField,
                format!("option `{KEYTERMS}` is not open to clients in preset `{}`", preset.name),
            ));
        }
        asked.keyterms = true;
    }
    let has_list = of_engine(schema, LANGUAGES).is_some() && is_open(&preset.host.open, schema, LANGUAGES);
    // One that may be spoken is the one that is.
    let is_one = language.is_none() && languages.len() == 1 && !has_list;
    let language = if is_one { languages.pop() } else { language };
    if let Some(language) = language
        && !set(LANGUAGE, language.as_str().into())?
        && language != "auto"
    {
        asked.language = Some(language);
    }
    if !languages.is_empty() && !set(LANGUAGES, languages.clone().into())? {
        asked.languages = languages;
    }
    Ok(asked)
}

fn take<T: DeserializeOwned>(options: &mut Map<String, Value>, name: &str, kind: &str) -> Result<Option<T>, Failure> {
    let Some(value) = options.remove(name) else { return Ok(None) };
    let wrong = |_| Failure::new(FailureCode::InvalidOption, format!("option `{name}` must be {kind}"));
    serde_json::from_value(value).map(Some).map_err(wrong)
}

impl Asked {
    /// Compares it with the model. Returns what the client is warned of.
    ///
    /// # Errors
    /// The model cannot do it, and the preset does not say that clients are only warned.
    pub(super) fn check(self, preset: &Preset, metadata: &Metadata) -> Result<Vec<Warning>, Failure> {
        let (known, name) = (&metadata.languages, &preset.name);
        let mut warnings = Vec::new();
        let mut unsupported = |field: &'static str, message: String| match preset.host.unsupported {
            Unsupported::Refuse => Err(Failure::new(FailureCode::InvalidOption, message)),
            Unsupported::Warn => {
                warnings.push(Warning { field, message });
                Ok(())
            }
        };
        if self.keyterms {
            let message = format!("`{KEYTERMS}`: the engine `{}` of preset `{name}` takes none", preset.backend);
            unsupported(KEYTERMS, message)?;
        }
        // A model that does not name its languages has any.
        if let Some(language) = self.language
            && !known.is_empty()
            && !known.iter().any(|known| is_same(known, &language))
        {
            let known = known.join(", ");
            let message = format!("`{LANGUAGE}` is `{language}`, but the model of preset `{name}` knows: {known}");
            unsupported(LANGUAGE, message)?;
        }
        let is_allowed = |known: &String| self.languages.iter().any(|allowed| is_same(known, allowed));
        if !self.languages.is_empty() && (known.is_empty() || !known.iter().all(is_allowed)) {
            let known = if known.is_empty() { "it does not name them".to_owned() } else { known.join(", ") };
            let message = format!(
                "`{LANGUAGES}`: the model of preset `{name}` cannot be limited to some of its languages ({known})"
            );
            unsupported(LANGUAGES, message)?;
        }
        Ok(warnings)
    }
}

/// Whether two BCP 47 tags are of the same language, whatever the region.
pub fn is_same(one: &str, other: &str) -> bool {
    let language = |tag: &str| tag.split(['-', '_']).next().unwrap_or_default().to_lowercase();
    language(one) == language(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use auricle_plugin_api::Field;
    use serde_json::json;

    fn preset(host: &Value) -> Preset {
        Preset::parse("p", &json!({"backend": "b", "host": host}).to_string()).unwrap()
    }

    fn fields(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn whisper() -> Schema {
        Schema::new().field(Field::stream("hotwords").strings(9)).field(Field::stream("lan"))
    }

    #[test]
    fn they_become_the_engines_own_fields_whatever_name_the_preset_opens() {
        for open in [json!(["keyterms", "language"]), json!(["hotwords", "lan"])] {
            let preset = preset(&json!({"open": open}));
            let mut options = fields(json!({"keyterms": ["Auricle"], "language": "de"}));
            assert_eq!(translate(&mut options, &preset, &whisper()), Ok(Asked::default()));
            assert_eq!(Value::from(options), json!({"hotwords": ["Auricle"], "lan": "de"}));
            // One of several languages is the language.
            let mut options = fields(json!({"languages": ["de"], "keyterms": []}));
            translate(&mut options, &preset, &whisper()).unwrap();
            assert_eq!(Value::from(options), json!({"lan": "de"}));
            assert!(["keyterms", "hotwords", "language", "lan"].iter().all(|name| takes(&preset, &whisper(), name)));
        }
    }

    #[test]
    fn what_is_wrong_closed_or_said_twice_is_refused() {
        let open = preset(&json!({"open": ["hotwords"]}));
        let code =
            |options: Value, preset: &Preset| translate(&mut fields(options), preset, &whisper()).unwrap_err().code;
        assert_eq!(code(json!({"keyterms": "Auricle"}), &open), FailureCode::InvalidOption);
        assert_eq!(code(json!({"language": ["de"]}), &open), FailureCode::InvalidOption);
        assert_eq!(code(json!({"keyterms": ["a"], "hotwords": ["b"]}), &open), FailureCode::InvalidOption);
        let closed = preset(&json!({"unsupported": "warn"}));
        assert_eq!(code(json!({"keyterms": ["a"]}), &closed), FailureCode::ForbiddenField);
        assert!(!takes(&closed, &whisper(), KEYTERMS));
    }

    #[test]
    fn what_the_engine_cannot_do_is_refused_or_the_client_is_warned() {
        let metadata = |languages: &[&str]| Metadata::new(16_000, 1_600).languages(languages.iter().copied());
        for (options, languages, field) in [
            (json!({"keyterms": ["a"]}), &[][..], Some(KEYTERMS)),
            (json!({"language": "de"}), &["en", "fr-CA"], Some(LANGUAGE)),
            (json!({"language": "fr"}), &["en", "fr-CA"], None),
            (json!({"language": "de"}), &[], None),
            (json!({"language": "auto"}), &["en"], None),
            (json!({"languages": ["en", "de"]}), &["en"], None),
            (json!({"languages": ["en", "de"]}), &["en", "fr"], Some(LANGUAGES)),
            (json!({"languages": ["en", "de"]}), &[], Some(LANGUAGES)),
        ] {
            let check = |host: Value| {
                let preset = preset(&host);
                let asked = translate(&mut fields(options.clone()), &preset, &Schema::new()).unwrap();
                asked.check(&preset, &metadata(languages))
            };
            let warned = check(json!({"unsupported": "warn"})).unwrap();
            assert_eq!(
                warned.iter().map(|warning| warning.field).collect::<Vec<_>>(),
                Vec::from_iter(field),
                "{options}"
            );
            let refused = check(json!({})).err().map(|failure| failure.code);
            assert_eq!(refused, field.map(|_| FailureCode::InvalidOption), "{options}");
        }
        assert!(takes(&preset(&json!({"unsupported": "warn"})), &Schema::new(), KEYTERMS));
        assert!(!takes(&preset(&json!({})), &Schema::new(), KEYTERMS));
    }

    #[test]
    fn regions_do_not_matter() {
        assert!(is_same("en", "en-US") && is_same("pt_BR", "PT"));
        assert!(!is_same("en", "eng") && !is_same("de", "en"));
    }
}
