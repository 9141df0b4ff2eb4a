//! The text of a file as it grows, and the responses made of it.

use super::{
    messages::{Logprob, Transcription, Usage, Verbose, VerboseSegment, VerboseWord},
    parameters::{Format, Parameters, Task},
};
use crate::upload::feed::Warnings;
use auricle_core::{Event, native::Text, subtitles::SubtitleFormat, times::seconds};
use auricle_plugin_api::{Metadata, Segment};
use std::{borrow::Cow, sync::PoisonError};

/// The logarithmic probability of what has none in practice.
const LEAST: f64 = -100.0;

/// What an engine has reported about a file.
#[derive(Debug)]
pub(crate) struct Transcript {
    rate: u32,
    separator: String,
    segments: Vec<Segment>,
    /// The samples that were processed.
    samples: u64,
    /// The end of the last text, also of one that is not final.
    told_to: u64,
    warnings: Warnings,
}

impl Transcript {
    pub(crate) fn new(metadata: &Metadata, warnings: Warnings) -> Self {
        let (rate, separator) = (metadata.sample_rate, metadata.separator.clone());
        Self { rate, separator, segments: Vec::new(), samples: 0, told_to: 0, warnings }
    }

    /// Adds an event. Returns the text to append, if it is a segment.
    pub(crate) fn add(&mut self, event: &Event) -> Option<String> {
        if let Event::Segment(segment) | Event::Partial(segment) = event {
            self.told_to = self.told_to.max(segment.end);
        }
        match event {
            Event::Segment(segment) if !segment.text_bytes().is_empty() => {
                let text = self.separated(self.segments.len(), &segment.text());
                self.segments.push(segment.clone());
                return Some(text);
            }
            Event::Gap(start, end) => {
                let [start, end] = [start, end].map(|sample| seconds(*sample, self.rate));
                let warning =
                    format!("the audio from {start} s to {end} s was not processed, because the engine failed");
                self.warnings().push(warning);
            }
            Event::Warning(warning) => self.warnings().push(warning.message.clone()),
            Event::Done(samples) => self.samples = *samples,
            _ => {}
        }
        None
    }

    /// The text of the item `n` of a list, as it is appended to those before.
    fn separated(&self, n: usize, text: &str) -> String {
        if n == 0 { text.to_owned() } else { format!("{}{text}", self.separator) }
    }

    /// The segments from `from` on.
    pub(crate) fn texts(&self, from: usize) -> impl Iterator<Item = Text> {
        self.segments.iter().skip(from).map(|segment| Text::of(segment, self.rate))
    }

    /// How much of the audio has text, in seconds; in the end the length of the audio.
    pub(crate) fn position(&self) -> f64 {
        seconds(self.told_to.max(self.samples), self.rate)
    }

    /// What of the audio was not recognised, and why.
    pub(crate) fn problems(&self) -> Vec<String> {
        self.warnings().clone()
    }

    fn warnings(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The length of the audio.
    fn duration(&self) -> f64 {
        seconds(self.samples, self.rate)
    }

    pub(crate) fn text(&self) -> String {
        let texts: Vec<Cow<'_, str>> = self.segments.iter().map(Segment::text).collect();
        texts.join(&self.separator)
    }

    /// The language that the engine has detected.
    pub(crate) fn language(&self) -> Option<&str> {
        self.segments.iter().find_map(|segment| segment.language.as_deref())
    }

    /// The response in one of the formats that are not JSON, else `None`.
    pub(super) fn plain(&self, format: Format) -> Option<(&'static str, String)> {
        match format {
            Format::Text => Some(("text/plain; charset=utf-8", self.text() + "\n")),
            Format::Srt => Some(("text/plain; charset=utf-8", self.subtitles(SubtitleFormat::Srt))),
            Format::Vtt => Some(("text/vtt; charset=utf-8", self.subtitles(SubtitleFormat::Vtt))),
            Format::Json | Format::VerboseJson => None,
        }
    }

    fn subtitles(&self, format: SubtitleFormat) -> String {
        format.file(&self.texts(0).collect::<Vec<_>>())
    }

    /// The response `json`, also the last event of a streamed response.
    pub(super) fn json(&self, logprobs: bool) -> Transcription {
        Transcription {
            text: self.text(),
            logprobs: logprobs.then(|| self.logprobs(0)),
            usage: Usage::new(self.duration()),
            warnings: self.warnings().clone(),
        }
    }

    /// The response `verbose_json`.
    pub(super) fn verbose(&self, parameters: &Parameters, task: Task) -> Verbose {
        let time = |sample: u64| seconds(sample, self.rate);
        let segment = |(id, segment): (usize, &Segment)| VerboseSegment {
            id,
            seek: 0,
            start: time(segment.start),
            end: time(segment.end),
            text: segment.text().into_owned(),
            tokens: [],
            temperature: 0.0,
            avg_logprob: segment.confidence.map_or(0.0, logprob),
            compression_ratio: 1.0,
            no_speech_prob: 0.0,
        };
        let words = self.segments.iter().flat_map(|segment| &segment.words).map(|word| VerboseWord {
            word: word.text().into_owned(),
            start: time(word.start),
            end: time(word.end),
        });
        Verbose {
            task: match task {
                Task::Transcribe => "transcribe",
                Task::Translate => "translate",
            },
            language: self.language().or(parameters.language()).unwrap_or("unknown").to_owned(),
            duration: self.duration(),
            text: self.text(),
            segments: parameters.segments.then(|| self.segments.iter().enumerate().map(segment).collect()),
            words: parameters.words.then(|| words.collect()),
            usage: Usage::new(self.duration()),
            warnings: self.warnings().clone(),
        }
    }

    /// The probabilities of the words from the segment `from` on; of the whole segment if its words have none. What has no
    /// probability is left out.
    pub(crate) fn logprobs(&self, from: usize) -> Vec<Logprob> {
        let mut list = Vec::new();
        for (n, segment) in self.segments.iter().enumerate().skip(from) {
            let words: Vec<_> = segment.words.iter().filter_map(|word| Some((word.text(), word.confidence?))).collect();
            let whole = || segment.confidence.map(|confidence| vec![(segment.text(), confidence)]);
            let tokens = if words.is_empty() { whole().unwrap_or_default() } else { words };
            for (place, (text, confidence)) in tokens.into_iter().enumerate() {
                let token = self.separated(n + place, &text);
                list.push(Logprob { logprob: logprob(confidence), bytes: token.clone().into_bytes(), token });
            }
        }
        list
    }

    /// The number of segments.
    pub(crate) fn len(&self) -> usize {
        self.segments.len()
    }
}

/// The logarithm of a confidence.
fn logprob(confidence: f32) -> f64 {
    f64::from(confidence).ln().clamp(LEAST, 0.0)
}

/// Whether the model can report what the client asks for.
///
/// # Errors
/// The parameter that it cannot do, and why.
pub(super) fn check_capabilities(parameters: &Parameters, metadata: &Metadata) -> Result<(), (&'static str, String)> {
    let lacks = |capability: &str| !metadata.capabilities.iter().any(|has| has == capability);
    if parameters.words && lacks("word-times") {
        return Err(("timestamp_granularities", "the model reports no times of words".to_owned()));
    }
    if parameters.logprobs && lacks("confidence") {
        return Err(("include", "the model reports no probabilities".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use auricle_plugin_api::Word;
    use serde_json::{Value, json};

    fn transcript(separator: &str) -> Transcript {
        let mut transcript = Transcript::new(&Metadata::new(16_000, 1_600).separator(separator), Warnings::default());
        let words = vec![Word::new(0, 8_000, "four").confidence(0.5), Word::new(8_000, 16_000, "one").confidence(0.0)];
        let first = Segment::new(0, 16_000, "four one").words(words).language("en");
        assert_eq!(transcript.add(&Event::Segment(first)), Some("four one".to_owned()));
        let second = Segment::new(16_000, 24_000, "two").confidence(1.0);
        assert_eq!(transcript.add(&Event::Segment(second)), Some(format!("{separator}two")));
        transcript.add(&Event::Partial(Segment::new(24_000, 25_000, "unstable")));
        transcript.add(&Event::Gap(24_000, 32_000));
        transcript.add(&Event::Done(40_000));
        transcript
    }

    fn parameters(list: &[(&str, &str)]) -> Parameters {
        let fields: Vec<_> = [&[("model", "m")], list].concat();
        let fields: Vec<_> = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Parameters::read(&fields).unwrap()
    }

    #[test]
    fn segments_are_joined_as_the_language_joins_them() {
        for (separator, text) in [(" ", "four one two"), ("", "four onetwo")] {
            let transcript = transcript(separator);
            assert_eq!(transcript.json(false).text, text);
            assert_eq!(transcript.plain(Format::Text).unwrap().1, format!("{text}\n"));
        }
    }

    #[test]
    fn the_verbose_response_has_what_was_asked_for() {
        let (transcript, verbose) = (transcript(" "), ("response_format", "verbose_json"));
        let told = |list: &[(&str, &str)]| -> Value {
            let parameters = parameters(&[&[verbose], list].concat());
            serde_json::to_value(transcript.verbose(&parameters, Task::Transcribe)).unwrap()
        };
        let plain = told(&[]);
        assert_eq!((&plain["language"], &plain["duration"], plain.get("words")), (&json!("en"), &json!(2.5), None));
        assert_eq!(plain["segments"][1]["start"], 1.0);
        assert_eq!(
            plain["warnings"],
            json!(["the audio from 1.5 s to 2 s was not processed, because the engine failed"])
        );
        let words = told(&[("timestamp_granularities[]", "word")]);
        assert_eq!(words["words"][1], json!({"word": "one", "start": 0.5, "end": 1.0}));
        assert!(words.get("segments").is_none());
    }

    #[test]
    fn probabilities_are_those_of_words_or_of_the_segment() {
        let list = transcript(" ").logprobs(0);
        let tokens: Vec<_> = list.iter().map(|token| (token.token.as_str(), token.logprob)).collect();
        assert_eq!(tokens, [("four", 0.5f64.ln()), (" one", LEAST), (" two", 0.0)]);
        assert_eq!(transcript(" ").logprobs(1).len(), 1);
    }
}
