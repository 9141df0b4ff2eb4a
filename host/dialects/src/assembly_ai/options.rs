//! The parameters of an AssemblyAI client: in the URL, and those that change later.
//!
//! One that changes which words or data come out and cannot be served is refused. One that only changes how AssemblyAI works is
//! accepted and named as ignored. Unknown ones have no effect. No I/O.

use super::messages::Update;
use crate::query::{flag, ignored, invalid, is_off, millis, number, phrase, unsupported};
use auricle_core::{AudioFormat, Encoding, Failure};
use form_urlencoded::parse;
use serde_json::Value;
use std::{ops::RangeInclusive, time::Duration};

/// The values that `max_turn_silence` may have, in ms.
const SILENCES: RangeInclusive<u32> = 100..=60_000;

/// Parameters whose data this server does not have.
const REFUSED: [&str; 10] = [
    "acknowledge_silence",
    "agent_context",
    "domain",
    "filter_profanity",
    "llm_gateway",
    "redact_pii",
    "session_heartbeat",
    "speaker_labels",
    "webhook_url",
    "word_boost",
];

/// The parameters without effect.
const IGNORED: [(&str, &str); 14] = [
    ("continuous_partials", ""),
    ("customer_support_audio_capture", ""),
    ("end_of_turn_confidence_threshold", ""),
    ("inactivity_timeout", ""),
    ("interruption_delay", ""),
    ("min_end_of_turn_silence_when_confident", ""),
    ("min_turn_silence", ""),
    ("mode", ""),
    ("noise_suppression_model", ""),
    ("noise_suppression_threshold", ""),
    ("turn_left_pad_ms", ""),
    ("vad_threshold", ""),
    ("voice_focus", ""),
    ("voice_focus_threshold", ""),
];

/// What a client asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The model's name.
    pub model: Option<String>,
    /// The spoken language, or those that may be spoken; none to detect any.
    pub languages: Vec<String>,
    /// Whether a detected language is told.
    pub detects_language: bool,
    /// The format of the audio; `None` if it is in a container, which shows it.
    pub audio: Option<AudioFormat>,
    /// Phrases that are likely to be spoken.
    pub phrases: Vec<String>,
    /// Text before the audio.
    pub prompt: String,
    /// Whether the ends of turns are marked as formatted.
    pub format_turns: bool,
    /// Whether turns are told before they end.
    pub partial_turns: bool,
    /// The silence after which a turn ends.
    pub silence: Duration,
    /// The parameters without effect.
    pub ignored: Vec<&'static str>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            model: None,
            languages: Vec::new(),
            detects_language: false,
            audio: Some(AudioFormat::default()),
            phrases: Vec::new(),
            prompt: String::new(),
            format_turns: false,
            partial_turns: true,
            silence: Duration::MAX,
            ignored: Vec::new(),
        }
    }
}

impl Options {
    /// Reads the query of a URL, without `?`.
    ///
    /// # Errors
    /// A value is invalid, or cannot be served.
    pub fn parse(query: &str) -> Result<Self, Failure> {
        let mut options = Self::default();
        let (mut encoding, mut sample_rate) = (String::new(), None);
        for (name, value) in parse(query.as_bytes()) {
            match &*name {
                "encoding" => encoding = value.into_owned(),
                "sample_rate" => sample_rate = Some(number(&name, &value)?),
                "speech_model" => options.model = phrase(&value),
                "language_code" => options.languages = known_languages(vec![value.into_owned()]),
                "language_codes" => options.languages = known_languages(list(&name, &value)?),
                "language_detection" => options.detects_language = flag(&name, &value)?,
                "keyterms_prompt" => {
                    options.phrases = list(&name, &value)?.iter().filter_map(|term| phrase(term)).collect();
                }
                "prompt" => options.prompt = phrase(&value).unwrap_or_default(),
                "format_turns" => options.format_turns = flag(&name, &value)?,
                "include_partial_turns" => options.partial_turns = value.is_empty() || flag(&name, &value)?,
                "max_turn_silence" => options.silence = silence(number(&name, &value)?)?,
                name if REFUSED.contains(&name) => {
                    if !is_off(&value) {
                        return Err(unsupported(&format!("`{name}` is not supported: leave it out")));
                    }
                }
                name => options.ignored.extend(ignored(&IGNORED, name, &value)),
            }
        }
        options.audio = audio(&encoding, sample_rate)?;
        options.ignored.sort_unstable();
        options.ignored.dedup();
        Ok(options)
    }

    /// Changes what can change in the middle of a stream.
    ///
    /// # Errors
    /// Something cannot; then nothing changes.
    pub fn update(&mut self, update: &Update) -> Result<(), Failure> {
        let phrases: Option<Vec<String>> =
            update.keyterms_prompt.as_ref().map(|terms| terms.iter().filter_map(|term| phrase(term)).collect());
        let languages = update.language_codes.clone().map(known_languages);
        let others = [
            ("keyterms_prompt", phrases.is_some_and(|phrases| phrases != self.phrases)),
            ("prompt", update.prompt.as_ref().is_some_and(|prompt| prompt.trim() != self.prompt)),
            ("language_codes", languages.is_some_and(|languages| languages != self.languages)),
        ];
        if let Some((name, _)) = others.into_iter().find(|(_, is_other)| *is_other) {
            let message = format!("`{name}` cannot change during a stream: set it in the URL of the next one");
            return Err(unsupported(&message));
        }
        let is_on = |value: &Value| !matches!(value, Value::Null | Value::Bool(false)) && *value != "";
        if let Some(name) = REFUSED.iter().find(|name| update.others.get(**name).is_some_and(is_on)) {
            return Err(unsupported(&format!("`{name}` is not supported: leave it out")));
        }
        self.silence = update.max_turn_silence.map(silence).transpose()?.unwrap_or(self.silence);
        self.format_turns = update.format_turns.unwrap_or(self.format_turns);
        Ok(())
    }
}

/// The silence of `max_turn_silence`.
fn silence(milliseconds: u32) -> Result<Duration, Failure> {
    if !SILENCES.contains(&milliseconds) {
        let (least, most) = (SILENCES.start(), SILENCES.end());
        return Err(invalid(&format!("`max_turn_silence` is {milliseconds}: it must be from {least} to {most}")));
    }
    Ok(millis(milliseconds))
}

/// A list in JSON.
fn list(name: &str, value: &str) -> Result<Vec<String>, Failure> {
    if value.is_empty() {
        return Ok(Vec::new());
    }
    serde_json::from_str(value).map_err(|_| invalid(&format!("`{name}` must be a list of texts, as JSON")))
}

/// The languages among these; `multi` means any.
fn known_languages(mut languages: Vec<String>) -> Vec<String> {
    languages.retain(|tag| !tag.is_empty() && tag != "multi");
    languages
}

/// The format of samples; `None` if the audio is in a container.
fn audio(encoding: &str, sample_rate: Option<u32>) -> Result<Option<AudioFormat>, Failure> {
    let encoding = match encoding {
        "" | "pcm_s16le" => Encoding::S16le,
        "pcm_mulaw" => Encoding::Mulaw,
        "ogg_opus" | "aac" => return Ok(None),
        _ => {
            let known = "pcm_s16le, pcm_mulaw, ogg_opus, aac";
            let message = format!("`encoding` is `{encoding}`, which is not supported here; supported: {known}");
            return Err(unsupported(&message));
        }
    };
    let sample_rate = sample_rate.ok_or_else(|| invalid("`sample_rate` is required"))?;
    let audio = AudioFormat { encoding, sample_rate, channels: 1, channel: None };
    audio.check().map_err(|problem| invalid(&problem.to_string()))?;
    Ok(Some(audio))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn update(changes: Value) -> Update {
        serde_json::from_value(changes).unwrap()
    }

    #[test]
    fn what_the_published_client_sends_is_read() {
        let query = "sample_rate=8000&encoding=pcm_mulaw&speech_model=universal-streaming-english&format_turns=True\
                     &keyterms_prompt=%5B%22foo+bar%22%2C+%22%22%5D&language_codes=%5B%22en%22%5D&language_detection=False\
                     &max_turn_silence=1280&min_turn_silence=160&vad_threshold=0.5&redact_pii=False&token=k&more=1";
        let expected = Options {
            model: Some("universal-streaming-english".into()),
            languages: vec!["en".into()],
            audio: Some(AudioFormat { encoding: Encoding::Mulaw, sample_rate: 8_000, ..AudioFormat::default() }),
            phrases: vec!["foo bar".into()],
            format_turns: true,
            silence: Duration::from_millis(1_280),
            ignored: vec!["min_turn_silence", "vad_threshold"],
            ..Options::default()
        };
        assert_eq!(Options::parse(query), Ok(expected));
        assert_eq!(Options::parse("encoding=ogg_opus&language_code=multi").unwrap().audio, None);
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        for (query, problem) in [
            ("", "`sample_rate` is required"),
            ("sample_rate=16k", "`sample_rate` is `16k`"),
            ("sample_rate=1", "`sample_rate` is 1"),
            ("sample_rate=16000&encoding=opus", "`encoding` is `opus`"),
            ("sample_rate=16000&speaker_labels=true", "`speaker_labels` is not supported"),
            ("sample_rate=16000&keyterms_prompt=foo", "`keyterms_prompt` must be a list of texts"),
            ("sample_rate=16000&max_turn_silence=5", "`max_turn_silence` is 5: it must be from 100 to 60000"),
        ] {
            let failure = Options::parse(query).unwrap_err();
            assert!(failure.message.contains(problem), "{query}: {failure}");
        }
    }

    #[test]
    fn an_update_changes_all_or_nothing() {
        let mut options = Options { phrases: vec!["a".into()], ..Options::default() };
        let before = options.clone();
        for (changes, problem) in [
            (json!({"max_turn_silence": 900, "keyterms_prompt": ["b"]}), "`keyterms_prompt` cannot change"),
            (json!({"prompt": "b"}), "`prompt` cannot change"),
            (json!({"language_codes": ["en"]}), "`language_codes` cannot change"),
            (json!({"max_turn_silence": 1}), "`max_turn_silence` is 1"),
            (json!({"format_turns": true, "filter_profanity": true}), "`filter_profanity` is not supported"),
        ] {
            let failure = options.update(&update(changes)).unwrap_err();
            assert!(failure.message.contains(problem), "{failure}");
            assert_eq!(options, before);
        }
        let changes = json!({"max_turn_silence": 900, "format_turns": true, "keyterms_prompt": ["a"], "prompt": "",
            "language_codes": [], "vad_threshold": 0.5, "filter_profanity": false});
        options.update(&update(changes)).unwrap();
        assert_eq!((options.silence.as_millis(), options.format_turns), (900, true));
    }
}
