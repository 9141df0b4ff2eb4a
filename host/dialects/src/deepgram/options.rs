//! The parameters in the URL of a Deepgram client.
//!
//! One that changes which words or data come out and cannot be served is refused. One that only changes their form, or how
//! Deepgram works, is accepted and named as ignored. Unknown ones have no effect, as in Deepgram. No I/O.

use super::ignored;
use crate::query::{flag, invalid, is_off, millis, number, phrase, unsupported};
use auricle_core::{AudioFormat, Encoding, Failure};
use form_urlencoded::parse;
use std::time::Duration;

/// How the audio comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Over a connection.
    Live,
    /// In the body of a request.
    Recording,
}

/// What a client asks for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// The model's name.
    pub model: Option<String>,
    /// The spoken language; `None` to detect it.
    pub language: Option<String>,
    /// The format of the audio; `None` if it is in a container, which shows it.
    pub audio: Option<AudioFormat>,
    /// Whether each channel has a transcript of its own.
    pub multichannel: bool,
    /// Whether unstable text is sent.
    pub interim_results: bool,
    /// Whether the starts of speech are sent.
    pub vad_events: bool,
    /// The time without a word after which an utterance has ended.
    pub utterance_end: Option<Duration>,
    /// Whether the utterances of a recording are listed.
    pub utterances: bool,
    /// The seconds without a word between two of them.
    pub utterance_split: Option<f64>,
    /// Phrases that are likely to be spoken.
    pub phrases: Vec<String>,
    /// The parameters without effect.
    pub ignored: Vec<&'static str>,
}

/// Parameters whose data this server does not have.
const REFUSED: [&str; 18] = [
    "callback",
    "custom_intent",
    "custom_topic",
    "detect_entities",
    "detect_language",
    "detect_topics",
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
    "translate",
];

/// The longest `utt_split` in seconds.
const MAX_SPLIT: f64 = 3_600.0;

impl Options {
    /// Reads the query of a URL, without `?`.
    ///
    /// # Errors
    /// A value is invalid, or cannot be served.
    pub fn parse(query: &str, way: Way) -> Result<Self, Failure> {
        let mut options = Self::default();
        let (mut encoding, mut sample_rate, mut channels) = (None, None, 1);
        for (name, value) in parse(query.as_bytes()) {
            match &*name {
                "model" => options.model = Some(value.into_owned()).filter(|model| !model.is_empty()),
                "language" => options.language = Some(value.into_owned()).filter(|tag| !is_any(tag)),
                "encoding" => encoding = Some(value.into_owned()),
                "sample_rate" => sample_rate = Some(number(&name, &value)?),
                "channels" => channels = number(&name, &value)?,
                "multichannel" => options.multichannel = flag(&name, &value)?,
                "interim_results" => options.interim_results = flag(&name, &value)?,
                "vad_events" => options.vad_events = flag(&name, &value)?,
                "utterance_end_ms" => {
                    options.utterance_end = (!is_off(&value)).then(|| number(&name, &value)).transpose()?.map(millis);
                }
                "utterances" => options.utterances = flag(&name, &value)?,
                "utt_split" => options.utterance_split = (!value.is_empty()).then(|| split(&value)).transpose()?,
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
        options.ignore_what_is_for_others(way);
        options.audio = audio(encoding, sample_rate, channels)?;
        Ok(options)
    }

    /// Parameters that only have an effect on audio that comes the other way.
    fn ignore_what_is_for_others(&mut self, way: Way) {
        let others = match way {
            Way::Live => vec![
                (std::mem::take(&mut self.utterances), "utterances"),
                (self.utterance_split.take().is_some(), "utt_split"),
            ],
            Way::Recording => vec![
                (std::mem::take(&mut self.interim_results), "interim_results"),
                (std::mem::take(&mut self.vad_events), "vad_events"),
                (self.utterance_end.take().is_some(), "utterance_end_ms"),
            ],
        };
        self.ignored.extend(others.into_iter().filter_map(|(is_set, name)| is_set.then_some(name)));
        self.ignored.sort_unstable();
        self.ignored.dedup();
    }
}

/// Whether a language means any language.
pub(super) fn is_any(tag: &str) -> bool {
    tag.is_empty() || tag == "multi"
}

/// The seconds of `utt_split`.
fn split(value: &str) -> Result<f64, Failure> {
    let seconds = value.parse().ok().filter(|seconds| (0.0..=MAX_SPLIT).contains(seconds));
    seconds.ok_or_else(|| invalid(&format!("`utt_split` is `{value}`: it must be seconds, from 0 to {MAX_SPLIT}")))
}

/// The format of samples; `None` if the audio is in a container.
pub(super) fn audio(
    encoding: Option<String>,
    sample_rate: Option<u32>,
    channels: u16,
) -> Result<Option<AudioFormat>, Failure> {
    let encoding = encoding.filter(|name| !name.is_empty());
    let Some(encoding) = encoding.as_deref().map(read_encoding).transpose()?.flatten() else { return Ok(None) };
    let sample_rate = sample_rate.ok_or_else(|| invalid("`sample_rate` is required when `encoding` is set"))?;
    let audio = AudioFormat { encoding, sample_rate, channels, channel: None };
    audio.check().map_err(|problem| invalid(&problem.to_string()))?;
    Ok(Some(audio))
}

/// The encoding of samples; `None` for one that is a container.
fn read_encoding(value: &str) -> Result<Option<Encoding>, Failure> {
    match value {
        "linear16" => Ok(Some(Encoding::S16le)),
        "linear32" => Ok(Some(Encoding::F32le)),
        "mulaw" => Ok(Some(Encoding::Mulaw)),
        "alaw" => Ok(Some(Encoding::Alaw)),
        "flac" | "ogg-opus" => Ok(None),
        _ => {
            let known = "linear16, linear32, mulaw, alaw, flac, ogg-opus; none for a file with a header";
            Err(unsupported(&format!("`encoding` is `{value}`, which is not supported here; supported: {known}")))
        }
    }
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

    fn live(query: &str) -> Result<Options, Failure> {
        Options::parse(query, Way::Live)
    }

    #[test]
    fn what_the_published_client_sends_is_read() {
        let options = live(
            "channels=1&encoding=linear16&endpointing=300&interim_results=true&keyterm=foo+bar&keyterm=b%C3%A4r&language=en\
             &model=nova-3&punctuate=true&sample_rate=48000&smart_format=false&utterance_end_ms=1000&vad_events=True",
        )
        .unwrap();
        let expected = Options {
            model: Some("nova-3".into()),
            language: Some("en".into()),
            audio: Some(AudioFormat { sample_rate: 48_000, ..AudioFormat::default() }),
            interim_results: true,
            vad_events: true,
            utterance_end: Some(Duration::from_secs(1)),
            phrases: vec!["foo bar".into(), "bär".into()],
            ignored: vec!["endpointing", "punctuate"],
            ..Options::default()
        };
        assert_eq!(options, expected);
    }

    #[test]
    fn what_is_off_is_not_asked_for() {
        let query =
            format!("{RAW}&redact=false&diarize=False&utterance_end_ms=false&language=multi&numerals=false&no=1");
        let options = live(&query).unwrap();
        assert_eq!((options.language, options.utterance_end, options.ignored), (None, None, vec![]));
        let options = live(&format!("{RAW}&keywords=Auricle:2&keywords=a:b&multichannel=true")).unwrap();
        assert_eq!(options.phrases, ["Auricle", "a:b"]);
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        for (query, problem) in [
            ("encoding=linear16", "`sample_rate` is required"),
            ("encoding=speex&sample_rate=16000", "`encoding` is `speex`"),
            ("encoding=linear16&sample_rate=16k", "`sample_rate` is `16k`"),
            ("encoding=linear16&sample_rate=1", "`sample_rate` is 1"),
            (&format!("{RAW}&redact=pci"), "`redact` is not supported"),
            (&format!("{RAW}&diarize=true"), "`diarize` is not supported"),
            (&format!("{RAW}&channels=9&multichannel=true"), "`channels` is 9"),
            ("utt_split=-1", "`utt_split` is `-1`"),
            ("utt_split=NaN", "`utt_split` is `NaN`"),
            (&format!("{RAW}&interim_results=yes"), "`interim_results` is `yes`"),
            (&format!("{RAW}&keywords=a:-2"), "less likely"),
        ] {
            let failure = live(query).unwrap_err();
            assert!(failure.message.contains(problem), "{query}: {failure}");
        }
    }

    #[test]
    fn without_samples_the_audio_is_in_a_container() {
        for query in
            ["", "encoding=", "channels=2&sample_rate=48000", "encoding=ogg-opus", "encoding=flac&sample_rate=8000"]
        {
            assert_eq!(live(query).unwrap().audio, None, "{query}");
        }
    }

    #[test]
    fn what_is_for_the_other_way_is_ignored() {
        let query = "interim_results=true&vad_events=true&utterance_end_ms=1000&utterances=true&utt_split=0.5";
        let live = live(query).unwrap();
        assert_eq!(
            (live.ignored, live.utterances, live.interim_results),
            (vec!["utt_split", "utterances"], false, true)
        );
        let recording = Options::parse(query, Way::Recording).unwrap();
        assert_eq!(recording.ignored, ["interim_results", "utterance_end_ms", "vad_events"]);
        assert_eq!((recording.utterances, recording.utterance_split, recording.vad_events), (true, Some(0.5), false));
    }
}
