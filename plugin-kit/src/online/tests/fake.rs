//! Synthetic speech: a word is a run of one value that identifies it; zeros are silence.

use crate::online::{Buffer, Passage, Report, Request, TimedWord, Transcriber, Transcript};
use auricle_plugin_api::{Error, Segment};

/// The unit of a word's value.
const STEP: f32 = 1.0 / 4_096.0;

/// The audio of words `first` to `first + count`, each followed by silence; lengths depend on the word.
pub(super) fn speech(first: usize, count: usize) -> Vec<f32> {
    let mut audio = vec![0.0; 4_000];
    for word in first..first + count {
        let (length, pause) = (3_000 + word * 7_919 % 7_000, 1_000 + word * 104_729 % 9_000);
        audio.extend(std::iter::repeat_n((word % 4_000 + 1) as f32 * STEP, length));
        audio.extend(std::iter::repeat_n(0.0, pause));
    }
    audio
}

/// The words in `speech`.
pub(super) fn script(first: usize, count: usize) -> String {
    (first..first + count).map(|word| format!("w{}", word % 4_000)).collect::<Vec<_>>().join(" ")
}

/// Recognises the words, with errors that depend only on the buffer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fake {
    /// Whether it reports passages, each of five words.
    pub(super) passages: bool,
    /// Whether a word is never recognised the same way twice in a row.
    pub(super) fickle: bool,
    /// Whether it mistakes the last word of the buffer, with a low probability.
    pub(super) unsure: bool,
    /// Whether it recognises nothing.
    pub(super) deaf: bool,
    /// Whether it recognises nothing after a pause of half a second.
    pub(super) ends_early: bool,
    pub(super) decodes: usize,
    /// Number of samples in the longest buffer, and in the last.
    pub(super) longest: usize,
    pub(super) received: usize,
    pub(super) longest_prompt: usize,
}

impl Transcriber for Fake {
    fn transcribe(&mut self, samples: Buffer<'_>, request: Request<'_>) -> Result<Transcript, Error> {
        self.decodes += 1;
        self.received = samples.len();
        self.longest = self.longest.max(samples.len());
        self.longest_prompt = self.longest_prompt.max(request.prompt.chars().count());
        let mut words = Vec::new();
        let mut at = 0;
        for run in samples.chunk_by(|a, b| a == b) {
            let (start, value) = (at, run[0]);
            at += run.len();
            if self.ends_early && value == 0.0 && at - start >= 8_000 && !words.is_empty() {
                break;
            }
            if value == 0.0 || self.deaf {
                continue;
            }
            let word = (value / STEP).round() as usize - 1;
            // A word at the end of the audio is not clear yet.
            let unclear = if at == samples.len() { format!("?{}", at % 7) } else { String::new() };
            let fickle = if self.fickle { format!("-{}", samples.len() / 8_000 % 3) } else { String::new() };
            let jitter = (samples.len() / 1_000 * 31 + word) % 800;
            let second = |sample: usize| sample as f64 / 16_000.0;
            let place = TimedWord::new(second(start + jitter), second(at), format!("w{word}{unclear}{fickle}"));
            words.push(TimedWord { probability: Some(0.5), ..place });
        }
        if let Some(last) = words.last_mut().filter(|_| self.unsure) {
            (last.text, last.probability) = ("guess".into(), Some(0.3));
        }
        if !self.passages {
            return Ok(words.into());
        }
        let passage =
            |words: &[TimedWord]| Passage { end: words[words.len() - 1].end, no_speech: 0.1, words: words.to_vec() };
        Ok(Transcript { passages: words.chunks(5).map(passage).collect(), language: Some("x".into()) })
    }
}

/// An event.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Event {
    Partial(Segment),
    Segment(Segment),
    Speech(u64),
    Endpoint(u64),
    Restart(u64, Vec<u8>),
}

/// Records the events.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Recorder(pub(super) Vec<Event>);

impl Recorder {
    pub(super) fn segments(&self) -> Vec<&Segment> {
        self.0
            .iter()
            .filter_map(|event| if let Event::Segment(segment) = event { Some(segment) } else { None })
            .collect()
    }

    pub(super) fn words(&self) -> Vec<String> {
        self.segments().iter().flat_map(|segment| &segment.words).map(|word| word.text().into_owned()).collect()
    }

    pub(super) fn text(&self) -> String {
        self.segments().iter().map(|segment| segment.text().into_owned()).collect::<Vec<_>>().join(" ")
    }

    pub(super) fn restarts(&self) -> Vec<(u64, Vec<u8>)> {
        let restart =
            |event: &Event| if let Event::Restart(at, state) = event { Some((*at, state.clone())) } else { None };
        self.0.iter().filter_map(restart).collect()
    }

    /// Checks that segments follow one another, and their words too.
    pub(super) fn assert_in_order(&self) {
        let mut after = 0;
        for segment in self.segments() {
            assert!(after <= segment.start && segment.start <= segment.end, "{segment:?} after {after}");
            after = segment.start;
            for word in &segment.words {
                assert!(after <= word.start && word.start <= word.end && word.end <= segment.end, "{segment:?}");
                after = word.end;
            }
            let words: Vec<_> = segment.words.iter().map(|word| word.text()).collect();
            assert_eq!(segment.text(), words.join(" "));
            after = segment.end;
        }
    }
}

impl Report for Recorder {
    fn partial(&mut self, segment: &Segment) {
        self.0.push(Event::Partial(segment.clone()));
    }

    fn segment(&mut self, segment: &Segment) {
        self.0.push(Event::Segment(segment.clone()));
    }

    fn speech_started(&mut self, sample: u64) {
        self.0.push(Event::Speech(sample));
    }

    fn endpoint(&mut self, sample: u64) {
        self.0.push(Event::Endpoint(sample));
    }

    fn restart_point(&mut self, sample: u64, state: &[u8]) {
        self.0.push(Event::Restart(sample, state.to_vec()));
    }

    fn cancelled(&self) -> bool {
        false
    }
}
