//! The path of a stream from audio to events: the endpointer selects the audio to decode, the decoder recognises it.
//!
//! Invariant: the events depend only on the audio since [`begin`](Recognizer::begin), in blocks of fixed length, with
//! any decoder of the pool: each utterance depends only on the cepstral mean at its start, which the stream keeps. A
//! restart point contains everything that later events depend on. Threads: one at a time, not always the same.

use crate::{
    decoder::{CepstralMean, DecodedWord, Decoder, FRAME},
    endpointer::{BLOCK, BlockResult, Cutting, Endpointer},
    restart,
};
use auricle_plugin_api::Error;
use std::ops::{Deref, DerefMut};

/// Number of blocks between restart points during silence: one second.
const RESTART_BLOCKS: u32 = 10;

/// An event for the client. All times are samples of the stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    SpeechStarted(u64),
    Partial(Vec<TimedWord>),
    Segment(Vec<TimedWord>),
    Endpoint(u64),
    RestartPoint(u64, Vec<u8>),
}

/// A word with its times in the stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TimedWord {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) text: String,
    pub(crate) confidence: f32,
}

/// A stream that uses the decoder in `D`.
pub(crate) struct Recognizer<D> {
    decoder: D,
    cutting: Cutting,
    /// The cepstral mean at the start of a stream.
    first_mean: CepstralMean,
    endpointer: Endpointer,
    /// The cepstral mean at the start of the next utterance.
    mean: CepstralMean,
    /// One past the last sample processed.
    position: u64,
    utterance: Option<Utterance>,
    silent_blocks: u32,
    #[cfg(test)]
    pub(crate) trace: Vec<Trace>,
}

struct Utterance {
    start: u64,
    partial: Vec<TimedWord>,
}

/// The decoder's input for an utterance, for comparison with another build of PocketSphinx.
#[cfg(test)]
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    pub(crate) start: u64,
    pub(crate) mean: CepstralMean,
    pub(crate) pieces: Vec<usize>,
    pub(crate) words: Vec<DecodedWord>,
}

impl<D: Deref<Target = Decoder> + DerefMut> Recognizer<D> {
    pub(crate) fn new(decoder: D, cutting: Cutting, first_mean: CepstralMean) -> Result<Self, Error> {
        Ok(Self {
            decoder,
            cutting,
            first_mean,
            endpointer: Endpointer::new(cutting)?,
            mean: first_mean,
            position: 0,
            utterance: None,
            silent_blocks: 0,
            #[cfg(test)]
            trace: Vec::new(),
        })
    }

    /// Discards all state and continues at `sample`.
    pub(crate) fn begin(&mut self, sample: u64) -> Result<(), Error> {
        self.endpointer = Endpointer::new(self.cutting)?;
        self.mean = self.first_mean;
        self.go_on_at(sample)
    }

    /// Continues from a restart point.
    pub(crate) fn restore(&mut self, sample: u64, state: &[u8]) -> Result<(), Error> {
        let (mean, vad, history) = restart::decode(state)?;
        self.endpointer = Endpointer::restored(self.cutting, vad, history);
        self.mean = mean;
        self.go_on_at(sample)
    }

    fn go_on_at(&mut self, sample: u64) -> Result<(), Error> {
        self.utterance = None;
        self.silent_blocks = 0;
        self.position = sample;
        self.decoder.abandon()
    }

    /// Processes the next block: [`BLOCK`] samples, fewer only right before [`finish`](Self::finish).
    pub(crate) fn process(&mut self, block: &[i16], events: &mut Vec<Event>) -> Result<(), Error> {
        debug_assert!(block.len() <= BLOCK);
        self.position += block.len() as u64;
        match self.endpointer.process(block)? {
            BlockResult::Silence => self.silent(events),
            BlockResult::Begins { audio, before } => {
                let start = self.position - audio.len() as u64;
                events.push(Event::SpeechStarted(start + before as u64));
                self.start_utterance(start)?;
                self.listen(&audio, events)?;
            }
            BlockResult::Speech => self.listen(block, events)?,
            BlockResult::Ends => {
                self.decode(block)?;
                self.end_utterance(events)?;
                self.restart_point(events);
            }
        }
        Ok(())
    }

    /// Ends the audio: the rest is reported as a segment.
    pub(crate) fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), Error> {
        if self.utterance.is_some() { self.end_utterance(events) } else { Ok(()) }
    }

    fn silent(&mut self, events: &mut Vec<Event>) {
        self.silent_blocks += 1;
        if self.silent_blocks == RESTART_BLOCKS {
            self.restart_point(events);
        }
    }

    fn restart_point(&mut self, events: &mut Vec<Event>) {
        self.silent_blocks = 0;
        if let Some((vad, history)) = self.endpointer.silence() {
            events.push(Event::RestartPoint(self.position, restart::encode(&self.mean, vad, history)));
        }
    }

    fn start_utterance(&mut self, start: u64) -> Result<(), Error> {
        self.decoder.set_cmn(&self.mean)?;
        self.decoder.start()?;
        self.utterance = Some(Utterance { start, partial: Vec::new() });
        #[cfg(test)]
        self.trace.push(Trace { start, mean: self.mean, pieces: Vec::new(), words: Vec::new() });
        Ok(())
    }

    fn decode(&mut self, audio: &[i16]) -> Result<(), Error> {
        #[cfg(test)]
        if let Some(trace) = self.trace.last_mut() {
            trace.pieces.push(audio.len());
        }
        self.decoder.process(audio)
    }

    fn listen(&mut self, audio: &[i16], events: &mut Vec<Event>) -> Result<(), Error> {
        self.decode(audio)?;
        let decoded = self.decoder.words()?;
        let position = self.position;
        let Some(utterance) = &mut self.utterance else { return Ok(()) };
        let words = timed(&decoded, utterance.start, position);
        let same = words.iter().map(|word| &word.text).eq(utterance.partial.iter().map(|word| &word.text));
        if !same {
            events.push(Event::Partial(words.clone()));
            utterance.partial = words;
        }
        Ok(())
    }

    fn end_utterance(&mut self, events: &mut Vec<Event>) -> Result<(), Error> {
        self.decoder.end()?;
        let decoded = self.decoder.words()?;
        self.mean = self.decoder.cmn()?;
        if let Some(utterance) = self.utterance.take() {
            let words = timed(&decoded, utterance.start, self.position);
            if !words.is_empty() {
                events.push(Event::Segment(words));
            } else if !utterance.partial.is_empty() {
                events.push(Event::Partial(words)); // removes a partial that turned out to have no words
            }
        }
        events.push(Event::Endpoint(self.position));
        #[cfg(test)]
        if let Some(trace) = self.trace.last_mut() {
            trace.words = decoded;
        }
        Ok(())
    }
}

/// The words with their times in the stream; the utterance begins at `start`, and no time is after `end`.
fn timed(words: &[DecodedWord], start: u64, end: u64) -> Vec<TimedWord> {
    let place = |word: &DecodedWord| TimedWord {
        start: (start + word.first_frame * FRAME).min(end),
        end: (start + (word.last_frame + 1) * FRAME).min(end),
        text: word.text.clone(),
        confidence: word.posterior,
    };
    words.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, CUTTING, events, text};

    fn spoken(name: &str) -> String {
        let path = testing::root().join("fixtures").join(format!("{name}.txt"));
        std::fs::read_to_string(path).unwrap().lines().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn understands_the_fixtures() {
        for name in ["demo", "weather", "train", "report"] {
            let mut recognizer = testing::recognizer(CUTTING);
            let found = events(&mut recognizer, &testing::fixture(&format!("{name}.wav")));
            assert_eq!(text(&found), spoken(name), "{name}");
        }
    }

    #[test]
    fn tells_of_each_sentence_in_order() {
        let audio = testing::fixture("demo.wav");
        let found = events(&mut testing::recognizer(CUTTING), &audio);
        let segments: Vec<_> = found
            .iter()
            .filter_map(|event| if let Event::Segment(words) = event { Some(words) } else { None })
            .collect();
        assert_eq!(segments.len(), 4, "{found:?}");
        let mut last = 0;
        for word in segments.iter().flat_map(|words| words.iter()) {
            assert!(last <= word.start && word.start < word.end && word.end <= audio.len() as u64, "{word:?}");
            assert!((0.0..=1.0).contains(&word.confidence), "{word:?}");
            last = word.end;
        }
        // For each sentence: start of speech, growing text, the segment, its end.
        let kinds: String = found
            .iter()
            .map(|event| match event {
                Event::SpeechStarted(_) => 's',
                Event::Partial(_) => 'p',
                Event::Segment(_) => 'S',
                Event::Endpoint(_) => 'e',
                Event::RestartPoint(..) => 'r',
            })
            .collect();
        for sentence in kinds.split_inclusive('e') {
            let kind = sentence.trim_matches('r');
            assert!(kind.is_empty() || kind.starts_with("spp") && kind.ends_with("pSe"), "{kinds}");
        }
    }

    #[test]
    fn times_are_those_of_the_stream() {
        let audio = testing::fixture("train.wav");
        let mut recognizer = testing::recognizer(CUTTING);
        let from_zero = events(&mut recognizer, &audio);
        recognizer.begin(1_000_000).unwrap();
        let later = events(&mut recognizer, &audio);
        for (before, after) in from_zero.iter().zip(&later) {
            if let (Event::Segment(before), Event::Segment(after)) = (before, after) {
                assert_eq!(before[0].start + 1_000_000, after[0].start);
            }
        }
        assert_eq!(from_zero.len(), later.len());
    }

    #[test]
    fn silence_and_noise_say_nothing() {
        let mut random = 1u32;
        let noise: Vec<i16> = std::iter::repeat_with(|| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 24) as i16 - 128
        })
        .take(16_000 * 20)
        .collect();
        for audio in [vec![0; 16_000 * 20], noise] {
            assert_eq!(text(&events(&mut testing::recognizer(CUTTING), &audio)), "");
        }
    }

    #[test]
    fn a_decoder_that_served_others_hears_the_same() {
        let (first, second) = (testing::fixture("weather.wav"), testing::fixture("demo.wav"));
        let fresh = events(&mut testing::recognizer(CUTTING), &second);
        let mut used = testing::recognizer(CUTTING);
        events(&mut used, &first);
        used.begin(0).unwrap();
        assert_eq!(events(&mut used, &second), fresh, "after a finished stream");
        used.begin(0).unwrap();
        for block in first.chunks(BLOCK).take(30) {
            used.process(block, &mut Vec::new()).unwrap();
        }
        used.begin(0).unwrap();
        assert_eq!(events(&mut used, &second), fresh, "after one that broke off while somebody spoke");
    }

    #[test]
    fn every_restart_point_goes_on_exactly() {
        let mut audio = testing::fixture("weather.wav");
        audio.extend(vec![0; 16_000 * 3]);
        audio.extend(testing::fixture("report.wav"));
        audio.extend(testing::fixture("train.wav"));
        let whole = events(&mut testing::recognizer(CUTTING), &audio);
        let points = whole.iter().enumerate();
        let points: Vec<_> = points
            .filter_map(
                |(i, event)| if let Event::RestartPoint(at, state) = event { Some((i, *at, state)) } else { None },
            )
            .collect();
        assert!(points.len() >= 5, "{}", points.len());
        for (i, at, state) in points {
            let mut other = testing::recognizer(CUTTING);
            other.restore(at, state).unwrap();
            assert_eq!(events(&mut other, &audio[at as usize..]), whole[i + 1..], "from {at}");
        }
    }
}
