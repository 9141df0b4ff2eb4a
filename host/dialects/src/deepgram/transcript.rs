//! The transcript of a channel of a recording, and its utterances. No I/O.

use super::{
    headers::new_id,
    messages::{Alternative, Word},
    response::Utterance,
    words::{alternative, confidence},
};
use auricle_core::{Event, times::seconds};
use auricle_plugin_api::{Metadata, Segment};

/// Seconds without a word between two utterances, if the client does not say.
const SPLIT: f64 = 0.8;

/// What the engine has reported about a channel.
#[derive(Debug)]
pub(super) struct Transcript {
    rate: u32,
    separator: String,
    detects_language: bool,
    segments: Vec<Segment>,
    /// The samples that were processed.
    samples: u64,
    /// Parts that were lost, in samples.
    gaps: Vec<(u64, u64)>,
}

impl Transcript {
    pub(super) fn new(metadata: &Metadata, detects_language: bool) -> Self {
        let (rate, separator) = (metadata.sample_rate, metadata.separator.clone());
        Self { rate, separator, detects_language, segments: Vec::new(), samples: 0, gaps: Vec::new() }
    }

    /// Adds an event.
    pub(super) fn add(&mut self, event: &Event) {
        match event {
            Event::Segment(segment) if !segment.text_bytes().is_empty() => self.segments.push(segment.clone()),
            Event::Gap(start, end) => self.gaps.push((*start, *end)),
            Event::Done(samples) => self.samples = *samples,
            _ => {}
        }
    }

    /// The length of the audio in seconds.
    pub(super) fn duration(&self) -> f64 {
        seconds(self.samples, self.rate)
    }

    /// What was not heard, in words.
    pub(super) fn problems(&self) -> impl Iterator<Item = String> {
        self.gaps.iter().map(|(start, end)| {
            let [start, end] = [start, end].map(|sample| seconds(*sample, self.rate));
            format!("the audio from {start} s to {end} s was not processed, because the engine failed")
        })
    }

    fn parts(&self) -> impl Iterator<Item = (&Segment, Alternative)> {
        self.segments.iter().map(|segment| (segment, alternative(segment, self.rate, self.detects_language)))
    }

    /// The whole text.
    pub(super) fn whole(&self) -> Alternative {
        let parts: Vec<Alternative> = self.parts().map(|(_, part)| part).collect();
        let texts: Vec<&str> = parts.iter().map(|part| part.transcript.as_str()).collect();
        let transcript = texts.join(&self.separator);
        let mut languages: Vec<String> = Vec::new();
        parts.iter().flat_map(|part| &part.languages).for_each(|language| {
            if !languages.contains(language) {
                languages.push(language.clone());
            }
        });
        let words: Vec<Word> = parts.iter().flat_map(|part| part.words.clone()).collect();
        let confidence = match (words.as_slice(), parts.len()) {
            ([], 0) => 0.0,
            ([], count) => parts.iter().map(|part| part.confidence).sum::<f64>() / count as f64,
            (words, _) => confidence(words),
        };
        Alternative { transcript, confidence, languages, words }
    }

    /// The utterances: words with less than `split` seconds between them. A segment without times of words is one.
    pub(super) fn utterances(&self, channel: usize, split: Option<f64>) -> Vec<Utterance> {
        let mut utterances: Vec<Utterance> = Vec::new();
        for (segment, part) in self.parts() {
            let mut pieces = pieces(part.words, split.unwrap_or(SPLIT));
            // As the segment has it, if it is one utterance.
            let text = match pieces.len() {
                0 => {
                    pieces.push(Vec::new());
                    Some(part.transcript)
                }
                1 => Some(part.transcript),
                _ => None,
            };
            for words in pieces {
                let start = words.first().map_or(seconds(segment.start, self.rate), |word| word.start);
                let end = words.last().map_or(seconds(segment.end, self.rate), |word| word.end);
                let written: Vec<&str> = words.iter().map(|word| word.punctuated_word.as_str()).collect();
                let transcript = text.clone().unwrap_or_else(|| written.join(&self.separator));
                let sure = if words.is_empty() { part.confidence } else { confidence(&words) };
                match utterances.last_mut().filter(|last| !words.is_empty() && goes_on(last, start, split)) {
                    Some(last) => {
                        last.transcript = [last.transcript.as_str(), &transcript].join(&self.separator);
                        last.words.extend(words);
                        (last.end, last.confidence) = (end, confidence(&last.words));
                    }
                    None => utterances.push(Utterance {
                        start,
                        end,
                        confidence: sure,
                        channel,
                        transcript,
                        words,
                        id: new_id(),
                    }),
                }
            }
        }
        utterances
    }
}

/// Whether words from `start` on belong to an utterance.
fn goes_on(last: &Utterance, start: f64, split: Option<f64>) -> bool {
    !last.words.is_empty() && start - last.end < split.unwrap_or(SPLIT)
}

/// Words, cut at pauses.
fn pieces(words: Vec<Word>, split: f64) -> Vec<Vec<Word>> {
    let mut pieces: Vec<Vec<Word>> = Vec::new();
    for word in words {
        match pieces.last_mut() {
            Some(piece) if piece.last().is_some_and(|last| word.start - last.end < split) => piece.push(word),
            _ => pieces.push(vec![word]),
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use auricle_plugin_api as api;

    /// A transcript of segments, which are lists of words: start and end in seconds, text.
    fn transcript(segments: &[&[(u64, u64, &str)]]) -> Transcript {
        let mut transcript = Transcript::new(&Metadata::new(10, 10).separator(" "), true);
        for segment in segments {
            let text: Vec<_> = segment.iter().map(|(_, _, text)| *text).collect();
            let words =
                segment.iter().map(|(start, end, text)| api::Word::new(*start * 10, *end * 10, *text)).collect();
            let (start, end) = (segment[0].0 * 10, segment[segment.len() - 1].1 * 10);
            let segment = Segment::new(start, end, text.join(" ") + ".").words(words).language("en");
            transcript.add(&Event::Segment(segment));
        }
        transcript.add(&Event::Done(200));
        transcript
    }

    fn brief(utterances: &[Utterance]) -> Vec<(f64, f64, &str)> {
        utterances.iter().map(|one| (one.start, one.end, one.transcript.as_str())).collect()
    }

    #[test]
    fn the_whole_is_all_segments() {
        let transcript = transcript(&[&[(0, 1, "Four"), (1, 2, "one")], &[(5, 6, "two")]]);
        let whole = transcript.whole();
        assert_eq!((whole.transcript.as_str(), whole.words.len(), whole.confidence), ("Four one. two.", 3, 1.0));
        assert_eq!((whole.languages, transcript.duration()), (vec!["en".to_owned()], 20.0));
        let nothing = Transcript::new(&Metadata::new(10, 10), true).whole();
        assert_eq!((nothing.transcript.as_str(), nothing.confidence, nothing.words.len()), ("", 0.0, 0));
    }

    #[test]
    fn utterances_end_at_pauses_and_nowhere_else() {
        let transcript = transcript(&[&[(0, 1, "a"), (1, 2, "b")], &[(2, 3, "c"), (5, 6, "d")], &[(9, 10, "e")]]);
        let utterances = transcript.utterances(1, None);
        assert_eq!(brief(&utterances), [(0.0, 3.0, "a b. c"), (5.0, 6.0, "d"), (9.0, 10.0, "e.")]);
        assert!(utterances.iter().all(|one| one.channel == 1 && one.id.len() == 36));
        assert_eq!(brief(&transcript.utterances(0, Some(2.5))), [(0.0, 6.0, "a b. c d."), (9.0, 10.0, "e.")]);
        assert_eq!(transcript.utterances(0, Some(0.0)).len(), 5);
    }

    #[test]
    fn segments_without_words_are_utterances() {
        let mut transcript = Transcript::new(&Metadata::new(10, 10), true);
        for start in [0, 10] {
            transcript.add(&Event::Segment(Segment::new(start, start + 10, "text")));
        }
        assert_eq!(brief(&transcript.utterances(0, None)), [(0.0, 1.0, "text"), (1.0, 2.0, "text")]);
    }

    #[test]
    fn what_was_lost_is_told() {
        let mut transcript = transcript(&[]);
        transcript.add(&Event::Gap(15, 20));
        let problems: Vec<_> = transcript.problems().collect();
        assert_eq!(problems, ["the audio from 1.5 s to 2 s was not processed, because the engine failed"]);
    }
}
