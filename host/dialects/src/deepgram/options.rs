//! The parameters in the URL of a Deepgram client.
//!
//! One that changes which words or data come out and cannot be served is refused. One that only changes their form, or how
//! Deepgram works, is accepted and named as ignored. Unknown ones have no effect, as in Deepgram. No I/O.

use super::ignored;
use auricle_core::{AudioFormat, Encoding, Failure, FailureCode};
use form_urlencoded::parse;
use std::time::Duration;

/// What a client asks for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// The model's name.
    pub model: Option<String>,
    /// The spoken language; `None` to detect it.
    pub language: Option<String>,
    /// The format of the audio.
    pub audio: AudioFormat,
    /// Whether unstable text is sent.
    pub interim_results: bool,
    /// Whether the starts of speech are sent.
    pub vad_events: bool,
    /// The time without a word after which an utterance has ended.
    pub utterance_end: Option<Duration>,
    /// Phrases that are likely to be spoken.
    pub phrases: Vec<String>,
    /// The parameters without effect.
    pub ignored: Vec<&'static str>,
}

/// Parameters whose data this server does not have.
const REFUSED: [&str; 17] = [
    "callback",
    "detect_entities",
    "detect_language",
    "diarize",
    "diarize_model",
    "dictation",
    "intents",
    "profanity_filter",
    "redact",
    "replace",
    "search",
    "sentiment",
    "summarize",
    "topics",
    "detect_topics",
    "translate",
    "custom_topic",
];

impl Options {
    /// Reads the query of a URL, without `?`.
    ///
    /// # Errors
    /// A value is invalid, or cannot be served.
    pub fn parse(query: &str) -> Result<Self, Failure> {
        let mut options = Self::default();
        let (mut encoding, mut sample_rate, mut multichannel) = (None, None, false);
        for (name, value) in parse(query.as_bytes()) {
            match &*name {
                "model" => options.model = Some(value.into_owned()).filter(|model| !model.is_empty()),
                "language" => options.language = Some(value.into_owned()).filter(|tag| !is_any(tag)),
                "encoding" => encoding = Some(read_encoding(&value)?),
                "sample_rate" => sample_rate = Some(number(&name, &value)?),
                "channels" => options.audio.channels = number(&name, &value)?,
                "multichannel" => multichannel = flag(&name, &value)?,
                "interim_results" => options.interim_results = flag(&name, &value)?,
                "vad_events" => options.vad_events = flag(&name, &value)?,
                "utterance_end_ms" => {
                    options.utterance_end = (!is_off(&value)).then(|| number(&name, &value)).transpose()?.map(millis);
                }
                "keyterm" => options.phrases.extend(phrase(&value)),
                "keywords" => options.phrases.extend(keyword(&value)?),
                name if REFUSED.contains(&name) => {
                    if !is_off(&value) {
                        return Err(unsupported(&format!("`{name}` is not supported: leave it out")));
                    }
                }
                name => options.ignored.extend(ignored::named(name, &value)),
            }
        }
        options.ignored.sort_unstable();
        options.ignored.dedup();
        options.audio.encoding = encoding.ok_or_else(|| {
            unsupported("without `encoding` the audio is in a container, which is not supported here: set `encoding` and `sample_rate`")
        })?;
        options.audio.sample_rate =
            sample_rate.ok_or_else(|| invalid("`sample_rate` is required when `encoding` is set"))?;
        options.audio.check().map_err(|problem| invalid(&problem.to_string()))?;
        if multichannel && options.audio.channels > 1 {
            let message = "`multichannel` is not supported with several `channels`: without it they are mixed; or use a connection \
                           for each channel";
            return Err(unsupported(message));
        }
        Ok(options)
    }
}

fn invalid(message: &str) -> Failure {
    Failure::new(FailureCode::BadMessage, message)
}

fn unsupported(message: &str) -> Failure {
    Failure::new(FailureCode::InvalidOption, message)
}

/// Whether a language means any language.
fn is_any(tag: &str) -> bool {
    tag.is_empty() || tag == "multi"
}

/// Whether a value turns a feature off.
pub(super) fn is_off(value: &str) -> bool {
    value.is_empty() || value.eq_ignore_ascii_case("false")
}

/// A boolean, which Python writes with a capital.
fn flag(name: &str, value: &str) -> Result<bool, Failure> {
    match value.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" | "" => Ok(false),
        _ => Err(invalid(&format!("`{name}` is `{value}`: it must be true or false"))),
    }
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, Failure> {
    value.parse().map_err(|_| invalid(&format!("`{name}` is `{value}`: it must be a whole number")))
}

fn millis(count: u32) -> Duration {
    Duration::from_millis(count.into())
}

fn read_encoding(value: &str) -> Result<Encoding, Failure> {
    match value {
        "linear16" => Ok(Encoding::S16le),
        "linear32" => Ok(Encoding::F32le),
        "mulaw" => Ok(Encoding::Mulaw),
        "alaw" => Ok(Encoding::Alaw),
        _ => {
            let known = "linear16, linear32, mulaw, alaw";
            Err(unsupported(&format!("`encoding` is `{value}`, which is not supported here; supported: {known}")))
        }
    }
}

fn phrase(text: &str) -> Option<String> {
    Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The phrase of `keywords`, which may have an intensifier: `Auricle:2`. How strong phrases are is set by the preset.
fn keyword(value: &str) -> Result<Option<String>, Failure> {
    match value.rsplit_once(':') {
        Some((text, intensifier)) if intensifier.parse::<f64>().is_ok_and(f64::is_finite) => {
            if intensifier.starts_with('-') {
                return Err(unsupported(&format!("`keywords` is `{value}`: words cannot be made less likely")));
            }
            Ok(phrase(text))
        }
        _ => Ok(phrase(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAW: &str = "encoding=linear16&sample_rate=16000";

    #[test]
    fn what_the_published_client_sends_is_read() {
        let options = Options::parse(
            "channels=1&encoding=linear16&endpointing=300&interim_results=true&keyterm=foo+bar&keyterm=b%C3%A4r&language=en\
             &model=nova-3&punctuate=true&sample_rate=48000&smart_format=false&utterance_end_ms=1000&vad_events=True",
        )
        .unwrap();
        let expected = Options {
            model: Some("nova-3".into()),
            language: Some("en".into()),
            audio: AudioFormat { sample_rate: 48_000, ..AudioFormat::default() },
            interim_results: true,
            vad_events: true,
            utterance_end: Some(Duration::from_secs(1)),
            phrases: vec!["foo bar".into(), "bär".into()],
            ignored: vec!["endpointing", "punctuate"],
        };
        assert_eq!(options, expected);
    }

    #[test]
    fn what_is_off_is_not_asked_for() {
        let query =
            format!("{RAW}&redact=false&diarize=False&utterance_end_ms=false&language=multi&numerals=false&no=1");
        let options = Options::parse(&query).unwrap();
        assert_eq!((options.language, options.utterance_end, options.ignored), (None, None, vec![]));
        let options = Options::parse(&format!("{RAW}&keywords=Auricle:2&keywords=a:b&multichannel=true")).unwrap();
        assert_eq!(options.phrases, ["Auricle", "a:b"]);
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        for (query, problem) in [
            ("", "without `encoding`"),
            ("encoding=linear16", "`sample_rate` is required"),
            ("encoding=speex&sample_rate=16000", "`encoding` is `speex`"),
            ("encoding=linear16&sample_rate=16k", "`sample_rate` is `16k`"),
            ("encoding=linear16&sample_rate=1", "`sample_rate` is 1"),
            (&format!("{RAW}&redact=pci"), "`redact` is not supported"),
            (&format!("{RAW}&diarize=true"), "`diarize` is not supported"),
            (&format!("{RAW}&channels=2&multichannel=true"), "`multichannel`"),
            (&format!("{RAW}&interim_results=yes"), "`interim_results` is `yes`"),
            (&format!("{RAW}&keywords=a:-2"), "less likely"),
        ] {
            let failure = Options::parse(query).unwrap_err();
            assert!(failure.message.contains(problem), "{query}: {failure}");
        }
    }
}
