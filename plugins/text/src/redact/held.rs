//! Events that wait, because the text that they begin with may go on as something to hide.
//!
//! Invariant: the first event is a segment, or there is none; a segment is never released without what is found in it, and in it
//! together with its neighbours, being hidden. What is hidden across segments has its mark in the first of them; a segment without
//! words left is not told. A segment with something hidden loses its `extra` fields, which may repeat the text.

use super::finder::Finder;
use crate::words::{Edit, edit_text, edit_words, split, with_text};
use auricle_plugin_api::{Segment, StageEvent, Turn, Word};
use serde::{Deserialize, Serialize};
use serde_json::Map;
use std::collections::VecDeque;

/// The events, in order.
#[derive(Default)]
pub(super) struct Held(VecDeque<StageEvent>);

/// An event as it is saved. Additional fields are JSON.
#[derive(Serialize, Deserialize)]
pub(super) enum Saved {
    Segment {
        start: u64,
        end: u64,
        text: Vec<u8>,
        confidence: Option<f32>,
        language: Option<String>,
        words: Vec<SavedWord>,
        extra: String,
    },
    SpeechStarted(u64),
    Endpoint(u64),
    Turn(String),
}

#[derive(Serialize, Deserialize)]
pub(super) struct SavedWord {
    start: u64,
    end: u64,
    text: Vec<u8>,
    confidence: Option<f32>,
    extra: String,
}

/// The words of several texts, one after another.
struct Joined<'a> {
    words: Vec<&'a str>,
    /// How many of them the texts have up to each one's end.
    ends: Vec<usize>,
}

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn push(&mut self, event: StageEvent) {
        self.0.push_back(event);
    }

    /// Releases all events before the first segment that must wait.
    pub(super) fn settle(&mut self, finder: &Finder, tell: impl FnMut(StageEvent)) {
        let texts = self.texts();
        let joined = Joined::new(&texts);
        let Some(mut open) = finder.open(&joined.words) else { return self.release(finder, tell) };
        // What is found already stays together.
        for Edit { range, .. } in finder.find(&joined.words).into_iter().rev() {
            if range.contains(&joined.begin(joined.text_of(open))) {
                open = range.start;
            }
        }
        let waits = joined.text_of(open);
        let place = self.0.iter().enumerate().filter(|(_, event)| matches!(event, StageEvent::Segment(_))).nth(waits);
        let place = place.map_or(self.0.len(), |(place, _)| place);
        let waiting = self.0.split_off(place);
        self.release(finder, tell);
        self.0 = waiting;
    }

    /// Releases all events.
    pub(super) fn release(&mut self, finder: &Finder, mut tell: impl FnMut(StageEvent)) {
        if self.is_empty() {
            return;
        }
        let texts = self.texts();
        let joined = Joined::new(&texts);
        let edits = joined.edits(&finder.find(&joined.words));
        let timed = self.timed();
        let joined = Joined::of_words(&timed);
        let of_timed = joined.edits(&finder.find(&joined.words));
        let mut edits = texts.into_iter().zip(edits).zip(of_timed);
        for event in self.0.drain(..) {
            let StageEvent::Segment(segment) = event else {
                tell(event);
                continue;
            };
            let Some(((text, edits), of_timed)) = edits.next() else { continue };
            if edits.is_empty() && of_timed.is_empty() {
                tell(StageEvent::Segment(segment));
                continue;
            }
            let segment = hidden(segment, &split(&text), &edits, &of_timed);
            if !segment.text_bytes().is_empty() {
                tell(StageEvent::Segment(segment));
            }
        }
    }

    /// A partial with the text of the waiting segments before it, up to what may become something to hide.
    pub(super) fn with_partial(&self, finder: &Finder, partial: Segment) -> Segment {
        let mut texts = self.texts();
        texts.push(partial.text().into_owned());
        let joined = Joined::new(&texts);
        let (edits, open) = (finder.find(&joined.words), finder.open(&joined.words));
        if self.is_empty() && edits.is_empty() && open.is_none() {
            return partial;
        }
        let shown = edit_text(&joined.words, &cut(edits, open, joined.words.len()));
        let mut timed = self.timed();
        timed.push(partial.words.iter().map(|word| word.text().into_owned()).collect());
        let joined = Joined::of_words(&timed);
        let edits = cut(finder.find(&joined.words), finder.open(&joined.words), joined.words.len());
        let mut shown = Segment::new(self.start().unwrap_or(partial.start), partial.end, shown);
        let words = self.segments().chain([&partial]).flat_map(|segment| segment.words.iter().cloned());
        shown = shown.words(edit_words(words.collect(), &edits));
        (shown.confidence, shown.language) = (partial.confidence, partial.language);
        shown
    }

    pub(super) fn save(&self) -> Vec<Saved> {
        self.0.iter().filter_map(Saved::new).collect()
    }

    pub(super) fn restore(saved: Vec<Saved>) -> Self {
        Self(saved.into_iter().filter_map(Saved::event).collect())
    }

    fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.0.iter().filter_map(|event| match event {
            StageEvent::Segment(segment) => Some(segment),
            _ => None,
        })
    }

    fn start(&self) -> Option<u64> {
        self.segments().next().map(|segment| segment.start)
    }

    fn texts(&self) -> Vec<String> {
        self.segments().map(|segment| segment.text().into_owned()).collect()
    }

    /// The timed words of each segment.
    fn timed(&self) -> Vec<Vec<String>> {
        self.segments().map(|segment| segment.words.iter().map(|word| word.text().into_owned()).collect()).collect()
    }
}

impl<'a> Joined<'a> {
    fn new(texts: &'a [String]) -> Self {
        Self::of(texts.iter().map(|text| split(text)))
    }

    fn of_words(texts: &'a [Vec<String>]) -> Self {
        Self::of(texts.iter().map(|words| words.iter().map(|word| word.trim()).collect()))
    }

    fn of(texts: impl Iterator<Item = Vec<&'a str>>) -> Self {
        let mut joined = Self { words: Vec::new(), ends: Vec::new() };
        for words in texts {
            joined.words.extend(words);
            joined.ends.push(joined.words.len());
        }
        joined
    }

    /// The text that a word is in.
    fn text_of(&self, word: usize) -> usize {
        self.ends.partition_point(|end| *end <= word)
    }

    /// The first word of a text.
    fn begin(&self, text: usize) -> usize {
        text.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    /// The edits of each text. The mark of an edit is in the first one.
    fn edits(&self, edits: &[Edit]) -> Vec<Vec<Edit>> {
        let mut of_texts = vec![Vec::new(); self.ends.len()];
        for Edit { range, text } in edits {
            let mut text = text.clone();
            for (place, of_text) in of_texts.iter_mut().enumerate() {
                let (begin, end) = (self.begin(place), self.ends[place]);
                let (first, last) = (range.start.max(begin), range.end.min(end));
                if first < last {
                    of_text.push(Edit { range: first - begin..last - begin, text: text.take() });
                }
            }
        }
        of_texts
    }
}

/// Leaves out everything from `open` on.
fn cut(mut edits: Vec<Edit>, open: Option<usize>, all: usize) -> Vec<Edit> {
    if let Some(open) = open {
        edits.retain(|edit| edit.range.end <= open);
        edits.push(Edit { range: open..all, text: None });
    }
    edits
}

fn hidden(segment: Segment, words: &[&str], edits: &[Edit], of_timed: &[Edit]) -> Segment {
    let text = if edits.is_empty() { words.join(" ") } else { edit_text(words, edits) };
    let mut segment = with_text(segment, text);
    segment.words = edit_words(segment.words, of_timed);
    segment.extra = Map::new();
    segment
}

impl Saved {
    fn new(event: &StageEvent) -> Option<Self> {
        let extra = |fields: &Map<String, serde_json::Value>| serde_json::Value::Object(fields.clone()).to_string();
        Some(match event {
            StageEvent::Segment(of) => Self::Segment {
                start: of.start,
                end: of.end,
                text: of.text_bytes().to_vec(),
                confidence: of.confidence,
                language: of.language.clone(),
                words: of
                    .words
                    .iter()
                    .map(|of| SavedWord {
                        start: of.start,
                        end: of.end,
                        text: of.text_bytes().to_vec(),
                        confidence: of.confidence,
                        extra: extra(&of.extra),
                    })
                    .collect(),
                extra: extra(&of.extra),
            },
            StageEvent::SpeechStarted(sample) => Self::SpeechStarted(*sample),
            StageEvent::Endpoint(sample) => Self::Endpoint(*sample),
            StageEvent::Turn(turn) => Self::Turn(serde_json::to_string(turn).ok()?),
            // A partial never waits.
            _ => return None,
        })
    }

    fn event(self) -> Option<StageEvent> {
        let fields = |json: &str| serde_json::from_str(json).unwrap_or_default();
        Some(match self {
            Self::Segment { start, end, text, confidence, language, words, extra } => {
                let word = |of: SavedWord| {
                    let mut word = Word::new(of.start, of.end, of.text);
                    (word.confidence, word.extra) = (of.confidence, fields(&of.extra));
                    word
                };
                let mut segment = Segment::new(start, end, text).words(words.into_iter().map(word).collect());
                (segment.confidence, segment.language, segment.extra) = (confidence, language, fields(&extra));
                StageEvent::Segment(segment)
            }
            Self::SpeechStarted(sample) => StageEvent::SpeechStarted(sample),
            Self::Endpoint(sample) => StageEvent::Endpoint(sample),
            Self::Turn(json) => StageEvent::Turn(serde_json::from_str::<Turn>(&json).ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::finder::tests::finder, *};

    fn segment(start: u64, text: &str) -> Segment {
        let words = split(text);
        let timed = (start..).zip(&words).map(|(at, word)| Word::new(at, at + 1, *word)).collect();
        Segment::new(start, start + words.len() as u64, text).words(timed).extra("heard", text)
    }

    /// The texts told after each segment, and at the end.
    fn told(texts: &[&str]) -> Vec<Vec<String>> {
        let (mut held, mut all) = (Held::default(), Vec::new());
        let text = |event| match event {
            StageEvent::Segment(segment) => {
                let words: Vec<_> = segment.words.iter().map(Word::text).collect();
                assert_eq!(words.join(" "), segment.text());
                assert!(segment.extra.is_empty() || segment.extra["heard"] == *segment.text());
                segment.text().into_owned()
            }
            other => format!("{other:?}"),
        };
        for (number, line) in (0..).zip(texts) {
            let mut now = Vec::new();
            held.push(StageEvent::Segment(segment(100 * number, line)));
            held = Held::restore(held.save());
            held.settle(&finder(), |event| now.push(text(event)));
            if !held.is_empty() {
                held.push(StageEvent::Endpoint(number));
            }
            all.push(now);
        }
        let mut now = Vec::new();
        held.release(&finder(), |event| now.push(text(event)));
        all.push(now);
        all
    }

    #[test]
    fn what_is_across_segments_is_hidden() {
        let expected: [&[&str]; 4] = [&["hello"], &[], &["call [phone]", "Endpoint(1)", "now please"], &[]];
        assert_eq!(told(&["hello", "call 555 121", "21 23 now please"]), expected);
        let expected: [&[&str]; 3] = [&[], &["write to [email]", "Endpoint(0)", "today"], &[]];
        assert_eq!(told(&["write to jane dot", "doe at example dot com today"]), expected);
        // A segment without words left is not told.
        let expected: [&[&str]; 3] = [&[], &[], &["it is [card]", "Endpoint(0)", "Endpoint(1)"]];
        assert_eq!(told(&["it is 4111 1111", "1111 1111"]), expected);
        let expected: [&[&str]; 2] = [&[], &["only 12", "Endpoint(0)"]];
        assert_eq!(told(&["only 12"]), expected);
    }

    #[test]
    fn a_partial_ends_before_what_may_become_something_to_hide() {
        let mut held = Held::default();
        let partial = held.with_partial(&finder(), segment(0, "hello, my number is 555"));
        assert_eq!((partial.text(), partial.words.len()), ("hello, my number is".into(), 4));
        held.push(StageEvent::Segment(segment(7, "call 555 121")));
        let partial = held.with_partial(&finder(), segment(10, "21 23 please"));
        assert_eq!(
            (partial.start, partial.text(), partial.words[1].text()),
            (7, "call [phone] please".into(), "[phone]".into())
        );
    }
}
