//! The gate of one stream: audio goes in, what the engine is called with comes out.
//!
//! Windows are counted from the stream's last start, and a decision depends on the audio up to the end of a window only. So
//! the engine is called in the same way however the audio arrives. While somebody speaks the engine gets audio before it is
//! looked at, because the hold is passed on in any case: its text is no later than without a gate. Invariants: the engine gets
//! each sample at most once, in order, in its own chunks. What is left out lies between the hold after speech and the
//! pre-roll of the next speech. Restart points never move back. Threads: one at a time.

use super::{
    activity::Change,
    point::{Engine, Point, State, refused},
    rules::Rules,
    timeline::Timeline,
};
use auricle_plugin_api::Error;
use auricle_plugin_kit::vad::{Vad, WINDOW};

/// A start of speech is reported so long before its first window, and an end so long after the start of the first quiet one.
const PAD: u64 = 1_600;
/// The distance of restart points while nobody speaks.
const POINTS_EVERY: u64 = 16_000;

/// What is to be done next.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::worker) enum Step {
    /// The engine is started at `offset`. If speech is to be reported, it starts at `speech`.
    Open { offset: u64, speech: Option<u64> },
    /// The engine gets a chunk and processes it.
    Chunk(Vec<f32>),
    /// The engine gets the rest, unless it is empty, and finishes. [`Gate::closed`] must be called before the next step.
    Close(Vec<f32>),
    /// The engine is not called: a restart point.
    Point { sample: u64, state: Vec<u8> },
}

/// The gate of one stream.
pub(in crate::worker) struct Gate {
    rules: Rules,
    detector: Box<dyn Vad>,
    state: State,
    /// Audio from the sample `base` of the stream on.
    held: Vec<f32>,
    base: u64,
    /// Audio that the engine gets next: before this sample of the stream, except what is left out.
    queue: Vec<f32>,
    passed: u64,
    /// Whether the engine must be started, and where speech began.
    opening: Option<u64>,
    /// The next restart point while nobody speaks.
    point_at: u64,
    /// Whether no more audio comes.
    ends: bool,
    /// Whether the engine gets its last audio.
    over: bool,
}

impl Gate {
    pub(super) fn new(rules: Rules, detector: Box<dyn Vad>) -> Self {
        Self {
            rules,
            detector,
            state: State::default(),
            held: Vec::new(),
            base: 0,
            queue: Vec::new(),
            passed: 0,
            opening: None,
            point_at: POINTS_EVERY,
            ends: false,
            over: false,
        }
    }

    /// Discards all state and restarts at sample `offset`.
    pub(in crate::worker) fn init(&mut self, offset: u64) {
        self.detector.reset();
        self.held.clear();
        self.queue.clear();
        self.state = State { origin: offset, detected: offset, decided: offset, ..State::default() };
        (self.base, self.passed, self.point_at) = (offset, offset, offset.saturating_add(POINTS_EVERY));
        (self.opening, self.ends, self.over) = (None, false, false);
    }

    /// Continues from a restart point; the audio from `sample` on follows. If the engine was started, returns the sample and
    /// the state with which it is restored.
    ///
    /// # Errors
    /// The state is not of a gate.
    pub(in crate::worker) fn restore<'a>(
        &mut self,
        sample: u64,
        state: &'a [u8],
    ) -> Result<Option<(u64, &'a [u8])>, Error> {
        let Point { state, detector, engine } = Point::decode(state)?;
        self.init(sample);
        if let Some(place) = state.engine {
            self.passed = state.timeline.start(place.next);
        }
        if sample > self.passed.min(state.detected) || !self.detector.restore(&detector) {
            return Err(refused());
        }
        self.state = state;
        Ok(self.state.engine.map(|place| (place.next, engine)))
    }

    /// Takes audio; `ends` if no more comes.
    pub(in crate::worker) fn push(&mut self, audio: &[f32], ends: bool) {
        self.held.extend_from_slice(audio);
        self.ends |= ends;
    }

    /// What is to be done next. `None` until more audio comes.
    ///
    /// # Errors
    /// The detector's error.
    pub(in crate::worker) fn next(&mut self) -> Result<Option<Step>, Error> {
        loop {
            self.pass_on();
            let step = if self.state.engine.is_some() { self.engine_step() } else { self.point()? };
            if step.is_some() || !self.detect()? {
                return Ok(step);
            }
        }
    }

    /// The engine has finished. Returns where speech ended, if that is to be reported.
    pub(in crate::worker) fn closed(&mut self) -> Option<u64> {
        let State { decided, reported, .. } = self.state;
        let quiet = self.state.activity.quiet.unwrap_or(decided);
        self.state.engine = None;
        self.state.timeline = Timeline::default();
        // The engine's points of this utterance are of no use any more.
        self.point_at = self.base;
        (self.rules.reports && !self.over).then(|| quiet.saturating_add(PAD).max(reported).min(decided))
    }

    /// The engine's restart point at its own sample: the sample of the stream, and the state.
    ///
    /// # Errors
    /// The state cannot be encoded.
    pub(super) fn engine_point(&self, sample: u64, engine: &[u8]) -> Result<Option<(u64, Vec<u8>)>, Error> {
        let Some(place) = self.state.engine.filter(|_| self.rules.has_points) else { return Ok(None) };
        let next = sample.clamp(place.start, place.next);
        let state = State {
            engine: Some(Engine { next, ..place }),
            timeline: self.state.timeline.since(next),
            ..self.state.clone()
        };
        // The detector may need earlier audio than the engine.
        let sample = state.timeline.start(next).min(state.detected);
        let point = Point { state, detector: self.detector.state(), engine };
        Ok(Some((sample, point.encode()?)))
    }

    /// Whether the gate reports the starts and ends of speech, instead of the engine.
    pub(super) fn reports(&self) -> bool {
        self.rules.reports
    }

    /// The engine's times.
    pub(super) fn timeline(&self) -> &Timeline {
        &self.state.timeline
    }

    /// A text was reported that ends here.
    pub(super) fn note_text(&mut self, end: u64) {
        self.state.reported = self.state.reported.max(end);
    }

    /// Puts the audio into the queue that was decided on, and drops what is not needed any more.
    fn pass_on(&mut self) {
        if self.state.engine.is_none() {
            return;
        }
        let end = self.state.decided.min(self.base + self.held.len() as u64);
        while self.passed < end {
            let gap = self.state.timeline.gap(self.passed);
            let (is_left_out, until) = match gap {
                Some(gap) if gap.from <= self.passed => (true, gap.to.min(end)),
                Some(gap) => (false, gap.from.min(end)),
                None => (false, end),
            };
            if !is_left_out {
                let place = |sample: u64| (sample - self.base) as usize;
                self.queue.extend_from_slice(&self.held[place(self.passed)..place(until)]);
            }
            self.passed = until;
        }
        self.drop_before(self.passed.min(self.state.detected));
    }

    /// What a started engine is called with.
    fn engine_step(&mut self) -> Option<Step> {
        let place = self.state.engine.as_mut()?;
        if let Some(speech) = self.opening.take() {
            return Some(Step::Open { offset: place.start, speech: self.rules.reports.then_some(speech) });
        }
        let wanted = self.rules.wanted(place.next - place.start);
        if self.queue.len() >= wanted {
            place.next += wanted as u64;
            return Some(Step::Chunk(self.queue.drain(..wanted).collect()));
        }
        let State { detected, decided, activity, .. } = self.state;
        let is_paused =
            !activity.speech && self.passed >= decided && detected.saturating_sub(decided) >= self.rules.finish_after;
        (is_paused || self.over).then(|| {
            place.next += self.queue.len() as u64;
            Step::Close(std::mem::take(&mut self.queue))
        })
    }

    /// A restart point, if one is due while the engine is not started.
    fn point(&mut self) -> Result<Option<Step>, Error> {
        if !self.rules.has_points || self.over || self.base < self.point_at {
            return Ok(None);
        }
        self.point_at = self.base.saturating_add(POINTS_EVERY);
        let point = Point { state: self.state.clone(), detector: self.detector.state(), engine: &[] };
        Ok(Some(Step::Point { sample: self.base, state: point.encode()? }))
    }

    /// Decides with the next window, of which the last one may be short. Returns whether anything has changed.
    fn detect(&mut self) -> Result<bool, Error> {
        self.drop_silence();
        let at = self.state.detected.saturating_sub(self.base) as usize;
        let rest = self.held.get(at..).unwrap_or_default();
        let mut window = [0.0; WINDOW];
        let count = rest.len().min(WINDOW);
        if count < WINDOW && (!self.ends || count == 0) {
            return Ok(self.ends && !std::mem::replace(&mut self.over, true));
        }
        window[..count].copy_from_slice(&rest[..count]);
        let first = self.state.detected;
        let end = first + count as u64;
        let probability = self.detector.probability(&window)?;
        let change = self.state.activity.window(probability, (first, end), self.rules.hold);
        if change == Some(Change::Starts) {
            self.open(first);
        }
        self.state.detected = end;
        if self.state.activity.speech {
            // A pause cannot begin before.
            self.state.decided = self.state.activity.quiet.unwrap_or(end).saturating_add(self.rules.hold);
        } else if change == Some(Change::Pauses) {
            self.state.decided = end;
        }
        Ok(true)
    }

    /// Speech starts in the window from sample `first` on: the engine gets it with the audio that is held.
    fn open(&mut self, first: u64) {
        match self.state.engine {
            Some(place) => {
                let at = place.next + self.queue.len() as u64;
                self.state.timeline.leave_out(at, self.passed, self.base);
            }
            None => {
                self.state.engine = Some(Engine { start: self.base, next: self.base });
                self.state.reported = self.base;
                self.opening = Some(first.saturating_sub(PAD).max(self.base));
            }
        }
        self.passed = self.passed.max(self.base);
    }

    /// Drops held audio that is too old for the pre-roll.
    fn drop_silence(&mut self) {
        let State { origin, detected, decided, activity, engine, .. } = self.state;
        if activity.speech || (engine.is_some() && self.passed < decided) {
            return;
        }
        let grid = if engine.is_some() { decided } else { origin };
        let old = detected.saturating_sub(self.rules.pre_roll).saturating_sub(grid);
        self.drop_before((grid + old - old % self.rules.step).max(decided));
    }

    /// Drops held audio before a sample of the stream.
    fn drop_before(&mut self, sample: u64) {
        let count = self.held.len().min(sample.saturating_sub(self.base) as usize);
        self.held.drain(..count);
        self.base += count as u64;
    }
}
