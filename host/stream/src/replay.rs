//! The audio that a new processor needs if the engine dies: everything since a point from which it can continue.
//!
//! That point is the engine's last restart point, or else the position where it was last started. An engine without
//! restart points is started after the last segment. If the audio is longer than the limit, the oldest is dropped, and
//! a recovery leaves a gap.
//!
//! Events sent since that point must not be sent twice. An engine whose replay is exact repeats the same events, so
//! they are counted. For other engines a text's words and times decide.
//!
//! Threads: the model thread that holds the stream's engine.

use super::overlap;
use auricle_plugin_api::{Replay, Segment};
use std::{collections::VecDeque, sync::Arc};

/// A point from which a new processor can continue, as reported by the engine.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RestartPoint {
    /// The first sample that the processor needs.
    pub(super) sample: u64,
    /// The state that the processor is restored with.
    pub(super) state: Arc<[u8]>,
}

/// The audio of a stream since the last point from which a new processor can continue.
#[derive(Debug, Default)]
pub(super) struct ReplayBuffer {
    origin: Origin,
    /// Pieces of audio as they were inserted, each with the position of its first sample.
    audio: VecDeque<(u64, Vec<f32>)>,
    kept: usize,
    /// The number of events sent since the origin, without partials.
    sent: usize,
    /// Where the client ended a turn since the origin, in order. A restart point has the state after those before it.
    turn_ends: VecDeque<u64>,
    /// Whether the engine was started anew at the origin, where it once got state. Then it does not repeat those events.
    anew: bool,
}

/// Where a new processor starts.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Origin {
    Start(u64),
    Restart(RestartPoint),
}

impl Default for Origin {
    fn default() -> Self {
        Self::Start(0)
    }
}

impl Origin {
    pub(super) fn sample(&self) -> u64 {
        match self {
            Self::Start(sample) => *sample,
            Self::Restart(point) => point.sample,
        }
    }
}

/// The steps of one recovery.
#[derive(Debug)]
pub(super) struct ReplayPlan {
    pub(super) origin: Origin,
    pub(super) audio: VecDeque<(u64, Vec<f32>)>,
    /// Where the client ended a turn; the audio before is processed first.
    pub(super) turn_ends: VecDeque<u64>,
    /// Audio that is missing, from and to.
    pub(super) gap: Option<(u64, u64)>,
    pub(super) filter: ReplayFilter,
}

impl ReplayBuffer {
    /// The engine was started at `offset`.
    pub(super) fn start(&mut self, offset: u64) {
        *self = Self { origin: Origin::Start(offset), ..Self::default() };
    }

    /// The engine continues from here; `to_skip` events after it have been sent already.
    pub(super) fn continued(&mut self, origin: Origin, to_skip: usize) {
        *self = Self { origin, sent: to_skip, ..Self::default() };
    }

    /// The engine reported a restart point. During a replay, `to_skip` events after it have been sent already.
    pub(super) fn restart(&mut self, point: RestartPoint, to_skip: usize) {
        self.sent = to_skip;
        self.turn_ends.clear();
        self.anew = false;
        self.origin = Origin::Restart(point);
        self.drop_before_origin();
    }

    /// The engine is to be started anew at the last point, without its state. Returns the sample.
    pub(super) fn start_anew(&mut self) -> u64 {
        (self.origin, self.anew) = (Origin::Start(self.origin.sample()), true);
        self.origin.sample()
    }

    /// All text up to `sample` was sent, by an engine that reports no restart points.
    pub(super) fn settle(&mut self, sample: u64) {
        let ends_after = |(start, piece): &(u64, Vec<f32>)| start + piece.len() as u64 > sample;
        if let Some((start, _)) = self.audio.iter().find(|piece| ends_after(piece)) {
            self.origin = Origin::Start((*start).max(self.origin.sample()));
            self.drop_before_origin();
        }
    }

    /// The client ended a turn at this sample.
    pub(super) fn note_turn_end(&mut self, sample: u64) {
        self.turn_ends.push_back(sample);
    }

    /// An event other than a partial was sent.
    pub(super) fn note_sent(&mut self) {
        self.sent += 1;
    }

    /// A piece of audio was inserted, whose first sample is `start`. At most `most` samples are kept.
    pub(super) fn remember(&mut self, start: u64, piece: Vec<f32>, most: usize) {
        self.kept += piece.len();
        self.audio.push_back((start, piece));
        self.drop_before_origin();
        while self.kept > most && self.audio.len() > 1 {
            self.drop_first();
        }
    }

    /// Plans the recovery after a death. Takes out the audio; the caller remembers it again when it is processed.
    /// Times of words may be off by `near`.
    pub(super) fn plan(&mut self, replay: Replay, sent: Sent, near: u64) -> ReplayPlan {
        let sample = self.origin.sample();
        let first = self.audio.front().map_or(sample, |(start, _)| *start);
        let until = self.audio.back().map_or(sample, |(start, piece)| start + piece.len() as u64);
        let gap = (first > sample).then(|| (sent.text.clamp(sample, first), first));
        let skip = (replay == Replay::Exact && gap.is_none() && !self.anew).then_some(self.sent);
        let filter = ReplayFilter { until, skip, sent, near };
        if gap.is_some() {
            self.origin = Origin::Start(first);
        }
        self.kept = 0;
        let mut audio = std::mem::take(&mut self.audio);
        // A restart point may lie within a piece.
        if let Some((start, piece)) = audio.front_mut().filter(|(start, _)| *start < sample) {
            piece.drain(..(sample - *start) as usize);
            *start = sample;
        }
        let mut turn_ends = std::mem::take(&mut self.turn_ends);
        // Without restart points, all before the origin is settled.
        turn_ends.retain(|end| *end >= self.origin.sample());
        ReplayPlan { origin: self.origin.clone(), audio, turn_ends, gap, filter }
    }

    fn drop_before_origin(&mut self) {
        let origin = self.origin.sample();
        while self.audio.front().is_some_and(|(start, piece)| start + piece.len() as u64 <= origin) {
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        if let Some((_, piece)) = self.audio.pop_front() {
            self.kept -= piece.len();
        }
    }
}

/// The last events that were sent. Positions are in samples.
#[derive(Debug, Clone, Default)]
pub(super) struct Sent {
    /// The end of the last segment.
    pub(super) text: u64,
    /// The last words of the segments.
    pub(super) last: Vec<String>,
    /// The time of the last other event that is not a partial.
    pub(super) other: u64,
}

/// Drops events that were sent before a crash and are repeated by the replay. The default drops none.
#[derive(Debug, Clone, Default)]
pub(super) struct ReplayFilter {
    /// The sample up to which the engine had come: partials up to here are old.
    until: u64,
    /// The number of events to come that were sent before, if the replay is exact.
    skip: Option<usize>,
    /// The last events before the crash, if the replay is not exact. The words only as long as no new text came.
    sent: Sent,
    /// How far the times of words may be off, in samples.
    near: u64,
}

impl ReplayFilter {
    /// Of a stream that another process began: `skip` if the engine repeats its events exactly. Times of words may be off by `near`.
    pub(super) fn of_continuation(skip: Option<usize>, sent: Sent, near: u64) -> Self {
        Self { until: sent.text, skip, sent, near }
    }

    /// Whether the engine repeats its events exactly.
    pub(super) fn is_exact(&self) -> bool {
        self.skip.is_some()
    }

    /// The number of events to come that were sent before.
    pub(super) fn to_skip(&self) -> usize {
        self.skip.unwrap_or(0)
    }

    /// Whether a partial is old. `position` is the number of samples inserted when it was reported.
    pub(super) fn is_old_partial(&self, position: u64) -> bool {
        position <= self.until && self.until > 0
    }

    /// Whether an event at `sample` was sent before.
    pub(super) fn is_old(&mut self, sample: u64) -> bool {
        match &mut self.skip {
            Some(skip) => {
                let old = *skip > 0;
                *skip = skip.saturating_sub(1);
                old
            }
            None => sample <= self.sent.other && self.sent.other > 0,
        }
    }

    /// The part of a segment that was not sent before.
    pub(super) fn new_part(&mut self, mut segment: Segment, separator: &str) -> Option<Segment> {
        if self.skip.is_some() {
            return (!self.is_old(segment.end)).then_some(segment);
        }
        let sent = self.sent.text;
        let may_repeat = segment.start < sent + self.near && !self.sent.last.is_empty();
        if segment.start >= sent && !may_repeat {
            return Some(segment);
        }
        let words = overlap::words(&segment);
        let is_new = |start: u64, end: u64| start + end > 2 * sent;
        let told =
            overlap::told(&words, &self.sent.last, sent, self.near).unwrap_or_else(|| match segment.words.len() {
                0 if is_new(segment.start, segment.end) => 0,
                0 => words.len(),
                _ => words.iter().position(|word| is_new(word.start, word.end)).unwrap_or(words.len()),
            });
        let first = words.get(told)?;
        // What comes next was not told.
        self.sent.last.clear();
        if told == 0 {
            return Some(segment);
        }
        let texts: Vec<_> = words[told..].iter().map(|word| word.text.as_str()).collect();
        let mut part = Segment::new(first.start.max(sent), segment.end.max(sent), texts.join(separator));
        segment.words.drain(..told.min(segment.words.len()));
        (part.confidence, part.language) = (segment.confidence, segment.language);
        (part.words, part.extra) = (segment.words, segment.extra);
        Some(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use auricle_plugin_api::Word;

    fn buffer() -> ReplayBuffer {
        let mut buffer = ReplayBuffer::default();
        for start in [0, 10, 20, 30] {
            buffer.remember(start, vec![start as f32; 10], 1_000);
        }
        buffer
    }

    fn starts(audio: &VecDeque<(u64, Vec<f32>)>) -> Vec<(u64, usize)> {
        audio.iter().map(|(start, piece)| (*start, piece.len())).collect()
    }

    #[test]
    fn a_restart_point_lets_go_of_what_is_before_it() {
        let mut buffer = buffer();
        buffer.note_sent();
        buffer.restart(RestartPoint { sample: 14, state: [1].into() }, 0);
        buffer.note_sent();
        let plan = buffer.plan(Replay::Exact, Sent::default(), 0);
        assert_eq!(starts(&plan.audio), [(14, 6), (20, 10), (30, 10)]);
        assert_eq!((plan.origin.sample(), plan.gap, plan.filter.to_skip()), (14, None, 1));
        let mut filter = plan.filter;
        assert!(filter.is_old(39) && !filter.is_old(39));
        assert!(filter.is_old_partial(40) && !filter.is_old_partial(41));
    }

    #[test]
    fn ends_of_turns_are_repeated_unless_a_point_has_their_state() {
        let mut buffer = buffer();
        buffer.note_turn_end(20);
        buffer.restart(RestartPoint { sample: 14, state: [1].into() }, 0);
        buffer.note_turn_end(40);
        assert_eq!(buffer.plan(Replay::Exact, Sent::default(), 0).turn_ends, [40]);
        assert!(buffer.plan(Replay::Exact, Sent::default(), 0).turn_ends.is_empty());
    }

    #[test]
    fn too_much_audio_leaves_a_gap() {
        let mut buffer = ReplayBuffer::default();
        for start in [0, 10, 20, 30] {
            buffer.remember(start, vec![0.0; 10], 25);
        }
        let plan = buffer.plan(Replay::Exact, Sent { text: 7, ..Sent::default() }, 0);
        assert_eq!((starts(&plan.audio), plan.gap), (vec![(20, 10), (30, 10)], Some((7, 20))));
        assert_eq!(plan.origin, Origin::Start(20));
    }

    #[test]
    fn an_engine_that_is_started_anew_gets_no_state_and_its_events_are_compared_by_time() {
        let mut buffer = buffer();
        buffer.restart(RestartPoint { sample: 20, state: [1].into() }, 0);
        buffer.note_sent();
        assert_eq!(buffer.start_anew(), 20);
        let plan = buffer.plan(Replay::Exact, Sent { other: 25, ..Sent::default() }, 0);
        assert_eq!((plan.origin, starts(&plan.audio)), (Origin::Start(20), vec![(20, 10), (30, 10)]));
        let mut filter = plan.filter;
        assert!(filter.is_old(25) && !filter.is_old(26));
        buffer.restart(RestartPoint { sample: 40, state: [2].into() }, 0);
        let plan = buffer.plan(Replay::Exact, Sent { other: 25, ..Sent::default() }, 0);
        assert_eq!(plan.filter.to_skip(), 0);
        let mut filter = plan.filter;
        assert!(!filter.is_old(25), "counted again");
    }

    #[test]
    fn without_restart_points_it_goes_on_after_the_last_segment() {
        let mut buffer = buffer();
        buffer.settle(25);
        let plan = buffer.plan(Replay::None, Sent { text: 25, ..Sent::default() }, 0);
        assert_eq!((plan.origin.sample(), starts(&plan.audio)), (20, vec![(20, 10), (30, 10)]));
        assert_eq!(plan.gap, None);
    }

    #[test]
    fn a_text_told_in_part_is_cut_at_a_word() {
        let mut filter =
            ReplayFilter { sent: Sent { text: 20, other: 20, ..Sent::default() }, ..ReplayFilter::default() };
        let word = |start, text: &str| Word::new(start, start + 8, text);
        let words = vec![word(0, "one"), word(13, "two"), word(21, "three"), word(30, "four")];
        let segment = Segment::new(0, 38, "one two three four").words(words.clone());
        let part = filter.new_part(segment, " ").unwrap();
        assert_eq!((part.start, part.end, part.text().as_ref()), (21, 38, "three four"));
        let old = Segment::new(0, 21, "one two").words(words[..2].to_vec());
        assert_eq!(filter.new_part(old, " "), None);
        assert!(filter.is_old(20) && !filter.is_old(21));
    }

    #[test]
    fn a_word_told_with_another_time_is_not_told_again_and_none_is_lost() {
        let filter = || {
            let sent = Sent { text: 40, other: 0, last: vec!["one".into(), "two".into()] };
            ReplayFilter::of_continuation(None, sent, 20)
        };
        let word = |start, text: &str| Word::new(start, start + 8, text);
        let text = |segment: Option<Segment>| segment.map(|segment| (segment.start, segment.text().into_owned()));
        let timed = |words: Vec<Word>| {
            let texts: Vec<_> = words.iter().map(|word| word.text().into_owned()).collect();
            Segment::new(words[0].start, words[words.len() - 1].end, texts.join(" ")).words(words)
        };
        // Later than before: by its times it would be new.
        let later = timed(vec![word(32, "one"), word(43, "two"), word(52, "three")]);
        assert_eq!(text(filter().new_part(later, " ")), Some((52, "three".into())));
        // Earlier: by its times `three` would be old.
        let earlier = timed(vec![word(10, "One"), word(20, "two,"), word(30, "three"), word(39, "four")]);
        assert_eq!(text(filter().new_part(earlier, " ")), Some((40, "three four".into())));
        // Without times of words.
        assert_eq!(
            text(filter().new_part(Segment::new(20, 60, "one two three four"), " ")),
            Some((40, "three four".into()))
        );
        // Once new text came, a word may be said again.
        let mut filter = filter();
        assert_eq!(text(filter.new_part(timed(vec![word(42, "three")]), " ")), Some((42, "three".into())));
        assert_eq!(text(filter.new_part(timed(vec![word(52, "two")]), " ")), Some((52, "two".into())));
    }
}
