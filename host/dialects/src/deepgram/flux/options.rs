//! The parameters in the URL of a client of Flux. What is refused and ignored is as for Deepgram's other protocol. No I/O.

use crate::{
    deepgram::options::{audio, is_any},
    query::{ignored, invalid, is_off, millis, number, phrase, unsupported},
};
use auricle_core::{AudioFormat, Failure};
use form_urlencoded::parse;
use std::{ops::RangeInclusive, time::Duration};

/// The values that `eot_timeout_ms` may have.
const SILENCES: RangeInclusive<u32> = 500..=10_000;
/// Its default, as in Deepgram.
const SILENCE: u32 = 5_000;

/// The parameters without effect, each with its default.
const IGNORED: [(&str, &str); 4] =
    [("eot_threshold", "0.7"), ("mip_opt_out", "false"), ("numerals", "false"), ("tag", "")];

/// What a client asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The model's name.
    pub model: Option<String>,
    /// The spoken language; `None` to detect it.
    pub language: Option<String>,
    /// The format of the audio; `None` if it is in a container, which shows it.
    pub audio: Option<AudioFormat>,
    /// Phrases that are likely to be spoken.
    pub phrases: Vec<String>,
    /// The silence after which a turn ends.
    pub silence: Duration,
    /// The parameters without effect.
    pub ignored: Vec<&'static str>,
}

impl Default for Options {
    fn default() -> Self {
        let silence = millis(SILENCE);
        Self { model: None, language: None, audio: None, phrases: Vec::new(), silence, ignored: Vec::new() }
    }
}

impl Options {
    /// Reads the query of a URL, without `?`.
    ///
    /// # Errors
    /// A value is invalid, or cannot be served.
    pub fn parse(query: &str) -> Result<Self, Failure> {
        let mut options = Self::default();
        let (mut encoding, mut sample_rate, mut languages) = (None, None, Vec::new());
        for (name, value) in parse(query.as_bytes()) {
            match &*name {
                "model" => options.model = Some(value.into_owned()).filter(|model| !model.is_empty()),
                "language_hint" => languages.extend(Some(value.into_owned()).filter(|tag| !is_any(tag))),
                "encoding" => encoding = Some(value.into_owned()),
                "sample_rate" => sample_rate = Some(number(&name, &value)?),
                "eot_timeout_ms" => options.silence = silence(number(&name, &value)?)?,
                "keyterm" => options.phrases.extend(phrase(&value)),
                "eager_eot_threshold" | "profanity_filter" | "redact" => {
                    if !is_off(&value) {
                        return Err(unsupported(&format!("`{name}` is not supported: leave it out")));
                    }
                }
                name => options.ignored.extend(ignored(&IGNORED, name, &value)),
            }
        }
        if languages.len() > 1 {
            let all = languages.join("`, `");
            return Err(unsupported(&format!("`language_hint` is `{all}`: set one language, or none to detect it")));
        }
        options.language = languages.pop();
        options.audio = audio(encoding, sample_rate, 1)?;
        options.ignored.sort_unstable();
        options.ignored.dedup();
        Ok(options)
    }
}

/// The silence of `eot_timeout_ms`.
///
/// # Errors
/// It is out of range.
pub(super) fn silence(milliseconds: u32) -> Result<Duration, Failure> {
    if !SILENCES.contains(&milliseconds) {
        let (least, most) = (SILENCES.start(), SILENCES.end());
        return Err(invalid(&format!("`eot_timeout_ms` is {milliseconds}: it must be from {least} to {most}")));
    }
    Ok(millis(milliseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_published_client_sends_is_read() {
        let query = "model=flux-general-en&encoding=linear16&sample_rate=16000&eot_threshold=0.7&eot_timeout_ms=6000\
                     &keyterm=foo+bar&language_hint=en&profanity_filter=false&numerals=true&mip_opt_out=false&tag=a&more=1";
        let expected = Options {
            model: Some("flux-general-en".into()),
            language: Some("en".into()),
            audio: Some(AudioFormat::default()),
            phrases: vec!["foo bar".into()],
            silence: Duration::from_secs(6),
            ignored: vec!["numerals", "tag"],
        };
        assert_eq!(Options::parse(query), Ok(expected));
        assert_eq!(Options::parse("encoding=ogg-opus&language_hint=multi"), Ok(Options::default()));
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        for (query, problem) in [
            ("encoding=linear16", "`sample_rate` is required"),
            ("encoding=opus&sample_rate=16000", "`encoding` is `opus`"),
            ("eot_timeout_ms=499", "`eot_timeout_ms` is 499: it must be from 500 to 10000"),
            ("eot_timeout_ms=5s", "`eot_timeout_ms` is `5s`"),
            ("eager_eot_threshold=0.4", "`eager_eot_threshold` is not supported"),
            ("redact=numbers", "`redact` is not supported"),
            ("language_hint=en&language_hint=de", "`language_hint` is `en`, `de`: set one language"),
        ] {
            let failure = Options::parse(query).unwrap_err();
            assert!(failure.message.contains(problem), "{query}: {failure}");
        }
    }
}
