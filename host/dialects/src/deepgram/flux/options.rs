//! The parameters in the URL of a client of Flux. What is refused and ignored is as for Deepgram's other protocol. No I/O.

use super::messages::Thresholds;
use crate::{
    deepgram::options::{audio, is_any},
    query::{ignored, invalid, is_off, number, phrase, unsupported},
};
use auricle_core::{AudioFormat, Failure};
use form_urlencoded::parse;

/// The parameters without effect, each with its default.
const IGNORED: [(&str, &str); 3] = [("mip_opt_out", "false"), ("numerals", "false"), ("tag", "")];

/// What a client asks for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// The model's name.
    pub model: Option<String>,
    /// The spoken language; `None` to detect it.
    pub language: Option<String>,
    /// The format of the audio; `None` if it is in a container, which shows it.
    pub audio: Option<AudioFormat>,
    /// Phrases that are likely to be spoken.
    pub phrases: Vec<String>,
    /// When turns end, as far as the client has set it.
    pub thresholds: Thresholds,
    /// The parameters without effect.
    pub ignored: Vec<&'static str>,
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
                "eager_eot_threshold" => options.thresholds.eager_eot_threshold = share(&name, &value)?,
                "eot_threshold" => options.thresholds.eot_threshold = share(&name, &value)?,
                "eot_timeout_ms" => options.thresholds.eot_timeout_ms = Some(number(&name, &value)?),
                "keyterm" => options.phrases.extend(phrase(&value)),
                "profanity_filter" | "redact" => {
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
        options.thresholds.check()?;
        options.language = languages.pop();
        options.audio = audio(encoding, sample_rate, 1)?;
        options.ignored.sort_unstable();
        options.ignored.dedup();
        Ok(options)
    }
}

/// A threshold; `None` if it is turned off.
fn share(name: &str, value: &str) -> Result<Option<f64>, Failure> {
    if is_off(value) {
        return Ok(None);
    }
    let number = value.parse().map_err(|_| invalid(&format!("`{name}` is `{value}`: it must be a number")))?;
    Ok(Some(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_published_client_sends_is_read() {
        let query = "model=flux-general-en&encoding=linear16&sample_rate=16000&eager_eot_threshold=0.4&eot_threshold=0.7&eot_timeout_ms=6000\
                     &keyterm=foo+bar&language_hint=en&profanity_filter=false&numerals=true&mip_opt_out=false&tag=a&more=1";
        let expected = Options {
            model: Some("flux-general-en".into()),
            language: Some("en".into()),
            audio: Some(AudioFormat::default()),
            phrases: vec!["foo bar".into()],
            thresholds: Thresholds {
                eager_eot_threshold: Some(0.4),
                eot_threshold: Some(0.7),
                eot_timeout_ms: Some(6_000),
            },
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
            ("eot_threshold=high", "`eot_threshold` is `high`: it must be a number"),
            ("eot_threshold=NaN", "`eot_threshold` is NaN: it must be from 0.05 to 0.99"),
            (
                "eot_threshold=0.4&eager_eot_threshold=0.5",
                "`eager_eot_threshold` is 0.5: it must be at most `eot_threshold`",
            ),
            ("redact=numbers", "`redact` is not supported"),
            ("language_hint=en&language_hint=de", "`language_hint` is `en`, `de`: set one language"),
        ] {
            let failure = Options::parse(query).unwrap_err();
            assert!(failure.message.contains(problem), "{query}: {failure}");
        }
    }
}
