//! The audio that a fresh processor needs if the engine dies: everything since a point from which it can go on.
//!
//! That place is the engine's last restart point, else where it was last started; an engine that reports none is started
//! anew after the last segment. Of audio that reaches too far back the oldest is let go: a recovery then leaves a gap.
//!
//! What was told since that place must not be told twice. An engine whose replay is exact tells the same events again, so
//! they are counted; otherwise a text's time decides.

use auricle_plugin_api::{Replay, Segment};
use std::collections::VecDeque;

/// From where a fresh processor could go on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RestartPoint {
    /// The first sample it needs.
    pub(super) sample: u64,
    /// What it must be given.
    pub(super) state: Vec<u8>,
}

/// The audio of a stream since the last point from which a fresh processor can go on.
#[derive(Debug, Default)]
pub(super) struct ReplayBuffer {
    origin: Origin,
    /// Pieces as the engine was given them, each with its first sample.
    audio: VecDeque<(u64, Vec<f32>)>,
    kept: usize,
    /// Events told since the origin, partials aside.
    told: usize,
}

/// From where to go on.
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

/// What a recovery has to do.
#[derive(Debug)]
pub(super) struct ReplayPlan {
    pub(super) origin: Origin,
    pub(super) audio: VecDeque<(u64, Vec<f32>)>,
    /// Audio that is lost, from and to, where some is.
    pub(super) gap: Option<(u64, u64)>,
    pub(super) filter: ReplayFilter,
}

impl ReplayBuffer {
    /// The engine is started at `offset`.
    pub(super) fn start(&mut self, offset: u64) {
        *self = Self { origin: Origin::Start(offset), ..Self::default() };
    }

    /// The engine reports a restart point, after events of which `untold` are still to be told filter.
    pub(super) fn restart(&mut self, point: RestartPoint, untold: usize) {
        self.told = untold;
        self.origin = Origin::Restart(point);
        self.let_go();
    }

    /// Everything up to `sample` is told, by an engine that reports no restart points.
    pub(super) fn settle(&mut self, sample: u64) {
        let ends_after = |(start, piece): &(u64, Vec<f32>)| start + piece.len() as u64 > sample;
        if let Some((start, _)) = self.audio.iter().find(|piece| ends_after(piece)) {
            self.origin = Origin::Start((*start).max(self.origin.sample()));
            self.let_go();
        }
    }

    /// An event that is not a partial was told.
    pub(super) fn tell(&mut self) {
        self.told += 1;
    }

    /// The engine was given a piece; at most `most` samples are kept.
    pub(super) fn remember(&mut self, start: u64, piece: Vec<f32>, most: usize) {
        self.kept += piece.len();
        self.audio.push_back((start, piece));
        self.let_go();
        while self.kept > most && self.audio.len() > 1 {
            self.drop_first();
        }
    }

    /// How to go on, after a death. The audio is taken out: it is to be remembered again as it is heard.
    pub(super) fn plan(&mut self, replay: Replay, told: Told) -> ReplayPlan {
        let sample = self.origin.sample();
        let first = self.audio.front().map_or(sample, |(start, _)| *start);
        let until = self.audio.back().map_or(sample, |(start, piece)| start + piece.len() as u64);
        let gap = (first > sample).then(|| (told.text.clamp(sample, first), first));
        let filter =
            ReplayFilter { until, skip: (replay == Replay::Exact && gap.is_none()).then_some(self.told), told };
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
        ReplayPlan { origin: self.origin.clone(), audio, gap, filter }
    }

    fn let_go(&mut self) {
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

/// Up to where things were told.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Told {
    /// End of the last segment.
    pub(super) text: u64,
    /// Sample of the last other event, partials aside.
    pub(super) other: u64,
}

/// What comes again after a recovery and is not to be told filter. Without a recovery: nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct ReplayFilter {
    /// Up to this sample the engine has been before: its partials are old.
    until: u64,
    /// Events to come that were told, where the engine repeats itself exactly.
    skip: Option<usize>,
    /// What was told before, where it does not.
    told: Told,
}

impl ReplayFilter {
    /// Events still to come that were told.
    pub(super) fn untold(&self) -> usize {
        self.skip.unwrap_or(0)
    }

    /// Whether a partial is old, told when `position` samples had been heard.
    pub(super) fn is_old_partial(&self, position: u64) -> bool {
        position <= self.until && self.until > 0
    }

    /// Whether an event at `sample` was told before.
    pub(super) fn is_old(&mut self, sample: u64) -> bool {
        match &mut self.skip {
            Some(skip) => {
                let old = *skip > 0;
                *skip = skip.saturating_sub(1);
                old
            }
            None => sample <= self.told.other && self.told.other > 0,
        }
    }

    /// What of a segment was not told before.
    pub(super) fn new_part(&mut self, mut segment: Segment, separator: &str) -> Option<Segment> {
        if self.skip.is_some() {
            return (!self.is_old(segment.end)).then_some(segment);
        }
        let told = self.told.text;
        if segment.start >= told {
            return Some(segment);
        }
        let is_new = |start: u64, end: u64| start + end > 2 * told;
        let words = segment.words.len();
        segment.words.retain(|word| is_new(word.start, word.end));
        if words == 0 {
            return is_new(segment.start, segment.end).then_some(segment);
        }
        let first = segment.words.first()?;
        if segment.words.len() == words {
            return Some(segment);
        }
        let texts: Vec<_> = segment.words.iter().map(|word| word.text().trim().to_owned()).collect();
        let mut part = Segment::new(first.start, segment.end, texts.join(separator));
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
        buffer.tell();
        buffer.restart(RestartPoint { sample: 14, state: vec![1] }, 0);
        buffer.tell();
        let plan = buffer.plan(Replay::Exact, Told::default());
        assert_eq!(starts(&plan.audio), [(14, 6), (20, 10), (30, 10)]);
        assert_eq!((plan.origin.sample(), plan.gap, plan.filter.untold()), (14, None, 1));
        let mut filter = plan.filter;
        assert!(filter.is_old(39) && !filter.is_old(39));
        assert!(filter.is_old_partial(40) && !filter.is_old_partial(41));
    }

    #[test]
    fn too_much_audio_leaves_a_gap() {
        let mut buffer = ReplayBuffer::default();
        for start in [0, 10, 20, 30] {
            buffer.remember(start, vec![0.0; 10], 25);
        }
        let plan = buffer.plan(Replay::Exact, Told { text: 7, other: 0 });
        assert_eq!((starts(&plan.audio), plan.gap), (vec![(20, 10), (30, 10)], Some((7, 20))));
        assert_eq!(plan.origin, Origin::Start(20));
    }

    #[test]
    fn without_restart_points_it_goes_on_after_the_last_segment() {
        let mut buffer = buffer();
        buffer.settle(25);
        let plan = buffer.plan(Replay::None, Told { text: 25, other: 0 });
        assert_eq!((plan.origin.sample(), starts(&plan.audio)), (20, vec![(20, 10), (30, 10)]));
        assert_eq!(plan.gap, None);
    }

    #[test]
    fn a_text_told_in_part_is_cut_at_a_word() {
        let mut filter = ReplayFilter { told: Told { text: 20, other: 20 }, ..ReplayFilter::default() };
        let word = |start, text: &str| Word::new(start, start + 8, text);
        let words = vec![word(0, "one"), word(13, "two"), word(21, "three"), word(30, "four")];
        let segment = Segment::new(0, 38, "one two three four").words(words.clone());
        let part = filter.new_part(segment, " ").unwrap();
        assert_eq!((part.start, part.end, part.text().as_ref()), (21, 38, "three four"));
        let old = Segment::new(0, 21, "one two").words(words[..2].to_vec());
        assert_eq!(filter.new_part(old, " "), None);
        assert!(filter.is_old(20) && !filter.is_old(21));
    }
}
