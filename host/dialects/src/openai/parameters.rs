//! The parameters of a request, and what becomes of each. `docs/dialects.md` has the same table.
//!
//! A parameter that changes what comes out is done or refused. One that only polishes the result is ignored, logged and counted.
//! Names that are not in the table are ignored.

use super::Problem;
use crate::fields::{KEYTERMS, LANGUAGE, LANGUAGES, PROMPT, is_same};
use auricle_session::Preset;
use serde_json::{Map, Value};

/// What a parameter leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Done,
    /// It changes what comes out, and cannot be done. The text says why.
    Refused(&'static str),
    /// It only polishes the result, and has no effect.
    Ignored,
}

const SPEAKERS: &str = "this server does not tell speakers apart";

const TABLE: [(&str, Class); 13] = [
    ("file", Class::Done),
    ("model", Class::Done),
    ("language", Class::Done),
    ("languages", Class::Done),
    ("prompt", Class::Done),
    ("keywords", Class::Done),
    ("response_format", Class::Done),
    ("timestamp_granularities", Class::Done),
    ("temperature", Class::Done),
    ("include", Class::Done),
    ("stream", Class::Done),
    ("chunking_strategy", Class::Ignored),
    ("known_speaker_names", Class::Refused(SPEAKERS)),
];

/// Finds a parameter by the name of a field: `include[]` is an element of the list `include`, `chunking_strategy[type]` a field of
/// the object `chunking_strategy`.
fn find(field: &str) -> Option<(&'static str, Class)> {
    let name = field.split('[').next().unwrap_or_default();
    // The other half of the same parameter.
    let name = if name == "known_speaker_references" { "known_speaker_names" } else { name };
    TABLE.into_iter().find(|(known, _)| *known == name)
}

/// Checks whether a field may be sent, before its value is read.
///
/// # Errors
/// It is a parameter that cannot be done.
pub(super) fn check_name(field: &str) -> Result<(), Problem> {
    match find(field) {
        Some((param, Class::Refused(reason))) => Err(Problem::unsupported(param, reason)),
        _ => Ok(()),
    }
}

/// What the engine is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// The spoken words.
    Transcribe,
    /// The spoken words in English.
    Translate,
}

/// The format of the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Text,
    Srt,
    Vtt,
    VerboseJson,
}

/// The parameters of a request, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// The model's name.
    pub model: String,
    /// The languages that may be spoken; none if the client does not say.
    languages: Vec<String>,
    prompt: String,
    keywords: Vec<String>,
    /// 0 is the engine's own choice.
    temperature: f64,
    pub(super) format: Format,
    /// Whether the text is sent as it is recognized.
    pub(super) stream: bool,
    /// Whether `verbose_json` has the words.
    pub(super) words: bool,
    /// Whether `verbose_json` has the segments.
    pub(super) segments: bool,
    /// Whether the response has the probabilities of the words.
    pub(super) logprobs: bool,
    /// Parameters that have no effect.
    pub(super) ignored: Vec<&'static str>,
}

impl Parameters {
    /// Reads the fields of a form. An empty value counts as none; of a repeated field that is no list, the last counts.
    ///
    /// # Errors
    /// A parameter is missing, has an invalid value, or cannot be done.
    pub fn read(fields: &[(String, String)]) -> Result<Self, Problem> {
        let mut parameters = Self {
            model: String::new(),
            languages: Vec::new(),
            prompt: String::new(),
            keywords: Vec::new(),
            temperature: 0.0,
            format: Format::Json,
            stream: false,
            words: false,
            segments: false,
            logprobs: false,
            ignored: Vec::new(),
        };
        for (field, value) in fields.iter().filter(|(_, value)| !value.trim().is_empty()) {
            check_name(field)?;
            if let Some((param, class)) = find(field) {
                parameters.set(param, class, value.trim())?;
            }
        }
        parameters.check()?;
        Ok(parameters)
    }

    fn set(&mut self, param: &'static str, class: Class, value: &str) -> Result<(), Problem> {
        if class == Class::Ignored {
            self.ignore(param);
            return Ok(());
        }
        match param {
            "model" => value.clone_into(&mut self.model),
            "language" | "languages" => self.languages.push(value.to_owned()),
            "prompt" => value.clone_into(&mut self.prompt),
            "keywords" => self.keywords.push(value.to_owned()),
            "temperature" => {
                let number = value.parse().ok().filter(|number| (0.0..=1.0).contains(number));
                self.temperature = number.ok_or_else(|| Problem::invalid(param, "must be a number from 0 to 1"))?;
            }
            "response_format" => {
                self.format = match value {
                    "json" => Format::Json,
                    "text" => Format::Text,
                    "srt" => Format::Srt,
                    "vtt" => Format::Vtt,
                    "verbose_json" => Format::VerboseJson,
                    "diarized_json" => return Err(Problem::unsupported(param, SPEAKERS)),
                    _ => return Err(Problem::invalid(param, "must be `json`, `text`, `srt`, `vtt` or `verbose_json`")),
                }
            }
            "stream" => {
                self.stream = match value.to_ascii_lowercase().as_str() {
                    "true" | "1" => true,
                    "false" | "0" => false,
                    _ => return Err(Problem::invalid(param, "must be `true` or `false`")),
                }
            }
            "timestamp_granularities" => match value {
                "word" => self.words = true,
                "segment" => self.segments = true,
                _ => return Err(Problem::invalid(param, "must be `word` or `segment`")),
            },
            "include" => match value {
                "logprobs" => self.logprobs = true,
                _ => return Err(Problem::invalid(param, "must be `logprobs`")),
            },
            // The file is no field with a value.
            _ => {}
        }
        Ok(())
    }

    /// Checks what depends on several parameters.
    fn check(&mut self) -> Result<(), Problem> {
        if self.model.is_empty() {
            return Err(Problem::missing("model"));
        }
        if (self.words || self.segments) && self.format != Format::VerboseJson {
            return Err(Problem::invalid("timestamp_granularities", "needs `response_format` `verbose_json`"));
        }
        if self.logprobs && self.format != Format::Json {
            return Err(Problem::invalid("include", "with `logprobs` needs `response_format` `json`"));
        }
        if self.stream && !matches!(self.format, Format::Json | Format::Text) {
            return Err(Problem::invalid("stream", "needs `response_format` `json` or `text`"));
        }
        // As the original does.
        self.segments |= !self.words;
        Ok(())
    }

    fn ignore(&mut self, param: &'static str) {
        if !self.ignored.contains(&param) {
            self.ignored.push(param);
        }
    }

    /// The stream fields for it, as far as clients of the preset may send them.
    ///
    /// # Errors
    /// The preset cannot do what is asked.
    pub(super) fn options(
        &mut self,
        task: Task,
        preset: &Preset,
        opens: impl Fn(&str) -> bool,
    ) -> Result<Map<String, Value>, Problem> {
        let fixed = |name: &str| preset.fields.get(name).and_then(Value::as_str);
        let cannot = |what: &str| format!("preset `{}` does not open `{what}` to clients", preset.name);
        let mut options = Map::new();
        let mut set = |name: &str, value: Value| drop(options.insert(name.to_owned(), value));
        let is_fixed = fixed("lan").is_some_and(|fixed| self.languages.iter().any(|asked| is_same(asked, fixed)));
        match self.languages.as_slice() {
            [] => {}
            _ if is_fixed => {}
            [language] if opens(LANGUAGE) => set(LANGUAGE, language.as_str().into()),
            [_] => return Err(Problem::unsupported("language", cannot(LANGUAGE))),
            languages if opens(LANGUAGES) => set(LANGUAGES, languages.into()),
            _ => return Err(Problem::unsupported("languages", cannot(LANGUAGES))),
        }
        if !self.prompt.is_empty() {
            match (opens(PROMPT), opens(KEYTERMS)) {
                (true, _) => set(PROMPT, self.prompt.as_str().into()),
                (false, true) => self.keywords.extend(phrases(&self.prompt)),
                (false, false) => return Err(Problem::unsupported("prompt", cannot(PROMPT))),
            }
        }
        if !self.keywords.is_empty() {
            if !opens(KEYTERMS) {
                return Err(Problem::unsupported("keywords", cannot(KEYTERMS)));
            }
            set(KEYTERMS, self.keywords.clone().into());
        }
        if self.temperature > 0.0 {
            match opens("temperature") {
                true => set("temperature", vec![self.temperature].into()),
                false => self.ignore("temperature"),
            }
        }
        if task == Task::Translate && fixed("task") != Some("translate") {
            if !opens("task") {
                return Err(Problem::unsupported("model", cannot("task")));
            }
            set("task", "translate".into());
        }
        Ok(options)
    }

    /// The language that the client asked for, if it asked for one only.
    pub(super) fn language(&self) -> Option<&str> {
        match self.languages.as_slice() {
            [language] => Some(language),
            _ => None,
        }
    }
}

/// The phrases in a prompt for engines that only know phrases.
pub(crate) fn phrases(prompt: &str) -> impl Iterator<Item = String> {
    prompt.split([',', ';', '\n']).map(str::trim).filter(|phrase| !phrase.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn read(list: &[(&str, &str)]) -> Result<Parameters, Problem> {
        Parameters::read(&fields(&[&[("model", "m")], list].concat()))
    }

    fn opens(preset: &Preset) -> impl Fn(&str) -> bool {
        |name| preset.host.open.iter().any(|open| open == name)
    }

    fn preset(fields: &str, open: &str) -> Preset {
        Preset::parse("p", &format!(r#"{{"backend": "x", {fields} "host": {{"open": {open}}}}}"#)).unwrap()
    }

    #[test]
    fn what_is_asked_for_is_done_refused_or_ignored() {
        let plain = read(&[("prompt", ""), ("temperature", "0"), ("user", "me"), ("stream", "False")]).unwrap();
        assert_eq!((plain.format, plain.stream, plain.segments, plain.ignored.len()), (Format::Json, false, true, 0));
        let words = read(&[("response_format", "verbose_json"), ("timestamp_granularities[]", "word")]).unwrap();
        assert!(words.words && !words.segments);
        let ignored =
            read(&[("chunking_strategy[type]", "server_vad"), ("chunking_strategy[threshold]", "0.5")]).unwrap();
        assert_eq!(ignored.ignored, ["chunking_strategy"]);
        for (name, value, param, code) in [
            ("response_format", "diarized_json", "response_format", "unsupported_parameter"),
            ("response_format", "html", "response_format", "invalid_value"),
            ("known_speaker_names[]", "agent", "known_speaker_names", "unsupported_parameter"),
            ("timestamp_granularities[]", "word", "timestamp_granularities", "invalid_value"),
            ("include[]", "tokens", "include", "invalid_value"),
            ("temperature", "2", "temperature", "invalid_value"),
            ("temperature", "NaN", "temperature", "invalid_value"),
            ("stream", "maybe", "stream", "invalid_value"),
        ] {
            let problem = read(&[(name, value)]).unwrap_err();
            assert_eq!((problem.param, problem.code), (Some(param), Some(code)), "{name}: {problem}");
        }
        assert_eq!(Parameters::read(&[]).unwrap_err().code, Some("missing_required_parameter"));
        assert!(read(&[("stream", "true"), ("response_format", "srt")]).is_err());
    }

    #[test]
    fn fields_that_the_preset_opens_are_set() {
        let open = preset("", r#"["language", "prompt", "keyterms", "temperature", "task"]"#);
        let asked = [("language", "de"), ("prompt", "Ja, nein"), ("keywords[]", "Wal"), ("temperature", "0.5")];
        let options = |list: &[(&str, &str)], task, preset| read(list).unwrap().options(task, preset, opens(preset));
        let expected = json!({
            "language": "de", "prompt": "Ja, nein", "keyterms": ["Wal"], "temperature": [0.5], "task": "translate",
        });
        assert_eq!(Value::from(options(&asked, Task::Translate, &open).unwrap()), expected);
        let phrases = preset("", r#"["keyterms"]"#);
        let options = |list: &[(&str, &str)], preset| options(list, Task::Transcribe, preset);
        let expected = json!({"keyterms": ["Wal", "ZyntriQix", "New York"]});
        assert_eq!(
            Value::from(options(&[("keywords", "Wal"), ("prompt", "ZyntriQix,\nNew York.;")][..1], &phrases).unwrap()),
            json!({"keyterms": ["Wal"]})
        );
        assert_eq!(
            Value::from(options(&[("keywords", "Wal"), ("prompt", "ZyntriQix,\nNew York;")], &phrases).unwrap()),
            expected
        );
    }

    #[test]
    fn what_a_preset_cannot_do_is_refused_and_what_it_does_anyway_is_not() {
        let fixed = preset(r#""lan": "en-US", "task": "translate","#, "[]");
        let refused = |list: &[(&str, &str)], task| {
            let mut parameters = read(list).unwrap();
            parameters
                .options(task, &fixed, opens(&fixed))
                .map(|options| options.len())
                .map_err(|problem| problem.param.unwrap())
        };
        assert_eq!(refused(&[("language", "en")], Task::Translate), Ok(0));
        assert_eq!(refused(&[("languages[]", "en"), ("languages[]", "de")], Task::Transcribe), Ok(0));
        assert_eq!(refused(&[("language", "de")], Task::Transcribe), Err("language"));
        assert_eq!(refused(&[("languages[]", "fr"), ("languages[]", "de")], Task::Transcribe), Err("languages"));
        assert_eq!(refused(&[("prompt", "hello")], Task::Transcribe), Err("prompt"));
        assert_eq!(refused(&[("keywords", "hello")], Task::Transcribe), Err("keywords"));
        let mut parameters = read(&[("temperature", "0.2")]).unwrap();
        assert_eq!(parameters.options(Task::Translate, &preset("", "[]"), |_| false).unwrap_err().param, Some("model"));
        assert_eq!(parameters.ignored, ["temperature"]);
    }
}
