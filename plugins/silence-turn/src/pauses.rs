//! Turns from the probabilities of speech, window by window.
//!
//! A turn starts with the first window of speech. A pause begins with the first window of silence after speech, and ends with speech;
//! windows between speech and silence change nothing. Times are samples of the stream: a start is that of its window, an end is where
//! the pause began. Invariant: a turn that started ends before the next one starts. Threads: one at a time.

use auricle_plugin_api::{Turn, TurnChange, TurnTrigger};
use auricle_plugin_kit::vad::WINDOW;
use serde::{Deserialize, Serialize};

/// How far silence is below speech, as a probability.
const BELOW: f32 = 0.15;

/// When turns end. Lengths are in samples.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// The probability of speech.
    pub(crate) speech: f32,
    /// The pause that ends a turn.
    pub(crate) silence: u64,
    /// The pause that probably ends it.
    pub(crate) eager: Option<u64>,
    /// The longest turn.
    pub(crate) timeout: Option<u64>,
    /// How often a turn is told to go on.
    pub(crate) update: Option<u64>,
}

/// The turns of a stream.
pub(crate) struct Pauses {
    limits: Limits,
    state: State,
}

/// What is known after a window.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// One past the last window.
    now: u64,
    turn: Option<Open>,
}

/// An open turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Open {
    start: u64,
    /// Where the current pause began.
    pause: Option<u64>,
    /// Whether it was told that the turn is probably over.
    is_eager: bool,
    /// When it was last told that it goes on.
    updated: u64,
}

impl Pauses {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, state: State::default() }
    }

    /// Discards all state and restarts at a sample.
    pub(crate) fn init(&mut self, offset: u64) {
        self.state = State { now: offset, turn: None };
    }

    pub(crate) fn state(&self) -> State {
        self.state.clone()
    }

    pub(crate) fn restore(&mut self, state: State) {
        self.state = state;
    }

    /// One past the last window.
    pub(crate) fn now(&self) -> u64 {
        self.state.now
    }

    /// Ends the open turn, if there is one.
    pub(crate) fn end(&mut self, trigger: TurnTrigger) -> Option<TurnChange> {
        self.state.turn.take().map(|_| TurnChange::Ended(trigger))
    }

    /// The next window has this probability of speech.
    pub(crate) fn window(&mut self, probability: f32, mut tell: impl FnMut(Turn)) {
        let first = self.state.now;
        let now = first + WINDOW as u64;
        self.state.now = now;
        let is_speech = probability >= self.limits.speech;
        let Some(turn) = &mut self.state.turn else {
            if is_speech {
                tell(Turn::new(first, TurnChange::Started));
                self.state.turn = Some(Open { start: first, pause: None, is_eager: false, updated: first });
            }
            return;
        };
        if is_speech {
            turn.pause = None;
            if std::mem::take(&mut turn.is_eager) {
                tell(Turn::new(first, TurnChange::Resumed));
            }
        } else if probability < self.limits.speech - BELOW {
            turn.pause.get_or_insert(first);
        }
        let pause = turn.pause.map(|begin| (begin, now - begin));
        let is_over = pause.filter(|(_, length)| *length >= self.limits.silence);
        let end = match is_over {
            Some((begin, _)) => Some((begin, TurnTrigger::Model)),
            None => (self.limits.timeout.is_some_and(|most| now - turn.start >= most))
                .then_some((now, TurnTrigger::Timeout)),
        };
        if let Some((sample, trigger)) = end {
            self.state.turn = None;
            tell(Turn::new(sample, TurnChange::Ended(trigger)));
            return;
        }
        if let Some((begin, length)) = pause
            && !turn.is_eager
            && self.limits.eager.is_some_and(|eager| length >= eager)
        {
            turn.is_eager = true;
            tell(Turn::new(begin, TurnChange::EagerEnd));
        }
        if self.limits.update.is_some_and(|every| now - turn.updated >= every) {
            turn.updated = now;
            tell(Turn::new(now, TurnChange::Update));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { speech: 0.5, silence: 4 * 512, eager: None, timeout: None, update: None };

    /// What is told of windows: `#` speech, `-` between speech and silence, `.` silence. Samples are in windows.
    fn told(limits: Limits, windows: &str) -> Vec<(f64, TurnChange)> {
        let mut pauses = Pauses::new(limits);
        let mut told = Vec::new();
        for window in windows.chars() {
            let probability = match window {
                '#' => 0.9,
                '-' => 0.4,
                _ => 0.1,
            };
            // Its state says it all.
            let state = pauses.state();
            pauses.init(77);
            pauses.restore(state);
            pauses.window(probability, |turn| told.push((turn.sample as f64 / WINDOW as f64, turn.change)));
        }
        told
    }

    #[test]
    fn a_turn_ends_where_a_pause_that_is_long_enough_began() {
        use TurnChange::{Ended, Started};
        let end = Ended(TurnTrigger::Model);
        assert_eq!(told(LIMITS, "..##..#...."), [(2.0, Started), (7.0, end)]);
        assert_eq!(told(LIMITS, "#...-#"), [(0.0, Started), (1.0, end), (5.0, Started)]);
        assert_eq!(told(LIMITS, "#-...."), [(0.0, Started), (2.0, end)]);
        assert_eq!(told(LIMITS, "......"), []);
    }

    #[test]
    fn a_pause_may_be_told_before_it_is_long_enough() {
        use TurnChange::{EagerEnd, Ended, Resumed, Started};
        let limits = Limits { eager: Some(2 * 512), ..LIMITS };
        let expected =
            [(0.0, Started), (1.0, EagerEnd), (3.0, Resumed), (4.0, EagerEnd), (4.0, Ended(TurnTrigger::Model))];
        assert_eq!(told(limits, "#..#...."), expected);
    }

    #[test]
    fn a_long_turn_is_told_to_go_on_and_times_out() {
        use TurnChange::{Ended, Started, Update};
        let limits = Limits { update: Some(2 * 512), timeout: Some(5 * 512), ..LIMITS };
        let expected =
            [(0.0, Started), (2.0, Update), (4.0, Update), (5.0, Ended(TurnTrigger::Timeout)), (5.0, Started)];
        assert_eq!(told(limits, "#######")[..5], expected);
    }

    #[test]
    fn a_turn_is_ended_on_request_once() {
        let mut pauses = Pauses::new(LIMITS);
        assert_eq!(pauses.end(TurnTrigger::Manual), None);
        pauses.window(0.9, |_| {});
        assert_eq!(pauses.end(TurnTrigger::Manual), Some(TurnChange::Ended(TurnTrigger::Manual)));
        assert_eq!((pauses.end(TurnTrigger::Manual), pauses.now()), (None, 512));
    }
}
