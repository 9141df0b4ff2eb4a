//! Riva's results of segments. No I/O.

use super::messages::{SpeechRecognitionAlternative, SpeechRecognitionResult, StreamingRecognitionResult, WordInfo};
use auricle_core::times::seconds;
use auricle_plugin_api::{Metadata, Segment, Word};

/// How segments become results.
#[derive(Debug, Clone)]
pub(super) struct Wording {
    rate: u32,
    separator: String,
    /// Whether results have words.
    words: bool,
}

impl Wording {
    pub(super) fn new(metadata: &Metadata, words: bool) -> Self {
        Self { rate: metadata.sample_rate, separator: metadata.separator.clone(), words }
    }

    /// A segment of a live stream. The channel counts from 0; without one, all are mixed.
    pub(super) fn segment(&self, channel: Option<u16>, segment: &Segment) -> StreamingRecognitionResult {
        StreamingRecognitionResult { is_final: true, stability: 1.0, ..self.live(channel, segment, &self.separator) }
    }

    /// A text of a live stream that may change.
    pub(super) fn partial(&self, channel: Option<u16>, text: &Segment) -> StreamingRecognitionResult {
        self.live(channel, text, "")
    }

    /// A segment of a recording.
    pub(super) fn recorded(&self, channel: Option<u16>, segment: &Segment) -> SpeechRecognitionResult {
        let StreamingRecognitionResult { alternatives, channel_tag, audio_processed, .. } =
            self.live(channel, segment, &self.separator);
        SpeechRecognitionResult { alternatives, channel_tag, audio_processed }
    }

    fn live(&self, channel: Option<u16>, segment: &Segment, after: &str) -> StreamingRecognitionResult {
        // Clients join the transcripts as they are.
        let transcript = format!("{}{after}", segment.text());
        let words = segment.words.iter().filter(|_| self.words).map(|word| self.word(word, segment.confidence));
        let alternative = SpeechRecognitionAlternative {
            transcript,
            confidence: segment.confidence.or_else(|| mean(&segment.words)).unwrap_or_default(),
            words: words.collect(),
            language_code: segment.language.iter().cloned().collect(),
        };
        StreamingRecognitionResult {
            alternatives: vec![alternative],
            is_final: false,
            stability: 0.0,
            channel_tag: i32::from(channel.unwrap_or(0)) + 1,
            audio_processed: seconds(segment.end, self.rate) as f32,
        }
    }

    fn word(&self, word: &Word, of_segment: Option<f32>) -> WordInfo {
        let milliseconds = |sample| (seconds(sample, self.rate) * 1000.0).round() as i32;
        WordInfo {
            start_time: milliseconds(word.start),
            end_time: milliseconds(word.end),
            word: word.text().into_owned(),
            confidence: word.confidence.or(of_segment).unwrap_or_default(),
        }
    }
}

/// The mean confidence of the words, if each has one.
fn mean(words: &[Word]) -> Option<f32> {
    let sum: f32 = words.iter().map(|word| word.confidence).sum::<Option<f32>>()?;
    (!words.is_empty()).then(|| sum / words.len() as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_ends_with_the_separator_and_has_words_if_they_are_asked_for() {
        let metadata = Metadata::default();
        let words =
            vec![Word::new(8_000, 16_000, "one").confidence(0.5), Word::new(16_000, 24_000, "two").confidence(1.0)];
        let segment = Segment::new(8_000, 24_000, "one two").words(words).language("en");
        let told = Wording::new(&metadata, true).segment(Some(1), &segment);
        assert_eq!((told.is_final, told.channel_tag, told.audio_processed), (true, 2, 1.5));
        let text = &told.alternatives[0];
        assert_eq!((text.transcript.as_str(), text.confidence, text.language_code.len()), ("one two ", 0.75, 1));
        assert_eq!((text.words[1].start_time, text.words[1].end_time, &*text.words[1].word), (1_000, 1_500, "two"));
        let told = Wording::new(&metadata, false).partial(None, &segment);
        assert_eq!((told.is_final, &*told.alternatives[0].transcript), (false, "one two"));
        assert!(told.alternatives[0].words.is_empty());
    }
}
