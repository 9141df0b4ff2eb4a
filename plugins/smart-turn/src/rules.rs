//! Turns from the probabilities of speech, window by window, and from the network's answers at pauses.
//!
//! A turn starts with the first window of speech. A pause begins with the first window of silence after speech, and ends with speech;
//! windows between speech and silence change nothing. The network is asked once in each pause, when it is long enough. Times are
//! samples of the stream: a start is that of its window, an end is where the pause began. Invariant: a turn that started ends before the
//! next one starts. Threads: one at a time.

use auricle_plugin_api::{Error, Turn, TurnChange, TurnTrigger};
use auricle_plugin_kit::vad::WINDOW;
use serde::{Deserialize, Serialize};

/// How far silence is below speech, as a probability.
const BELOW: f32 = 0.15;

/// When turns end. Lengths are in samples.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// The probability of speech.
    pub(crate) speech: f32,
    /// The pause after which the network is asked.
    pub(crate) pause: u64,
    /// The answer from which the turn is over.
    pub(crate) end: f32,
    /// The answer from which it is probably over.
    pub(crate) eager: Option<f32>,
    /// The pause that ends a turn.
    pub(crate) silence: u64,
    /// The longest turn.
    pub(crate) timeout: Option<u64>,
    /// How often a turn is told to go on.
    pub(crate) update: Option<u64>,
}

/// The turns of a stream.
pub(crate) struct Rules {
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
    pause: Option<Pause>,
    /// Whether it was told that the turn is probably over.
    is_eager: bool,
    /// When it was last told that it goes on.
    updated: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Pause {
    begin: u64,
    /// Whether the network was asked.
    is_judged: bool,
}

impl Rules {
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

    /// Whether a turn is open.
    pub(crate) fn is_open(&self) -> bool {
        self.state.turn.is_some()
    }

    /// Ends the open turn, if there is one.
    pub(crate) fn end(&mut self, trigger: TurnTrigger) -> Option<TurnChange> {
        self.state.turn.take().map(|_| TurnChange::Ended(trigger))
    }

    /// The next window has this probability of speech. `judge` asks the network about the audio up to its end.
    ///
    /// # Errors
    /// That of `judge`.
    pub(crate) fn window(
        &mut self,
        probability: f32,
        judge: impl FnOnce() -> Result<f32, Error>,
        mut tell: impl FnMut(Turn),
    ) -> Result<(), Error> {
        let first = self.state.now;
        let now = first + WINDOW as u64;
        self.state.now = now;
        let limits = &self.limits;
        let is_speech = probability >= limits.speech;
        let Some(turn) = &mut self.state.turn else {
            if is_speech {
                tell(Turn::new(first, TurnChange::Started));
                self.state.turn = Some(Open { start: first, pause: None, is_eager: false, updated: first });
            }
            return Ok(());
        };
        if is_speech {
            turn.pause = None;
            if std::mem::take(&mut turn.is_eager) {
                tell(Turn::new(first, TurnChange::Resumed));
            }
        } else if probability < limits.speech - BELOW {
            turn.pause.get_or_insert(Pause { begin: first, is_judged: false });
        }
        let mut ended = None;
        if let Some(Pause { begin, is_judged }) = &mut turn.pause {
            let length = now - *begin;
            if length >= limits.pause && !*is_judged {
                *is_judged = true;
                let answer = judge()?;
                let turn_at = |change| Turn::new(*begin, change).confidence(answer);
                if answer >= limits.end {
                    ended = Some(turn_at(TurnChange::Ended(TurnTrigger::Model)));
                } else if limits.eager.is_some_and(|eager| answer >= eager) {
                    turn.is_eager = true;
                    tell(turn_at(TurnChange::EagerEnd));
                }
            }
            if ended.is_none() && length >= limits.silence {
                ended = Some(Turn::new(*begin, TurnChange::Ended(TurnTrigger::Timeout)));
            }
        }
        if ended.is_none() && limits.timeout.is_some_and(|most| now - turn.start >= most) {
            ended = Some(Turn::new(now, TurnChange::Ended(TurnTrigger::Timeout)));
        }
        if let Some(end) = ended {
            self.state.turn = None;
            tell(end);
            return Ok(());
        }
        if limits.update.is_some_and(|every| now - turn.updated >= every) {
            turn.updated = now;
            tell(Turn::new(now, TurnChange::Update));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TurnChange::{EagerEnd, Ended, Resumed, Started, Update};

    const LIMITS: Limits =
        Limits { speech: 0.5, pause: 2 * 512, end: 0.5, eager: None, silence: 6 * 512, timeout: None, update: None };
    const OVER: TurnChange = Ended(TurnTrigger::Model);
    const LATE: TurnChange = Ended(TurnTrigger::Timeout);

    /// What is told of windows: `#` speech, `-` between speech and silence, `.` silence. The network gives these answers, one
    /// after another. Samples are in windows.
    fn told(limits: Limits, windows: &str, answers: &[f32]) -> Vec<(f64, TurnChange)> {
        let mut rules = Rules::new(limits);
        let (mut told, mut answers) = (Vec::new(), answers.iter());
        for window in windows.chars() {
            let probability = match window {
                '#' => 0.9,
                '-' => 0.4,
                _ => 0.1,
            };
            // Its state says it all.
            let state = rules.state();
            rules.init(77);
            rules.restore(state);
            let judge = || Ok(*answers.next().unwrap());
            rules
                .window(probability, judge, |turn| told.push((turn.sample as f64 / WINDOW as f64, turn.change)))
                .unwrap();
        }
        assert_eq!(answers.next(), None, "the network was asked less often");
        told
    }

    #[test]
    fn the_network_ends_a_turn_at_a_pause() {
        assert_eq!(told(LIMITS, "..##..#", &[0.5]), [(2.0, Started), (4.0, OVER), (6.0, Started)]);
        assert_eq!(told(LIMITS, "#-..", &[0.9]), [(0.0, Started), (2.0, OVER)]);
        assert_eq!(told(LIMITS, "#.#.#.", &[]), [(0.0, Started)]);
        assert_eq!(told(LIMITS, "......", &[]), []);
    }

    #[test]
    fn it_is_asked_once_in_a_pause_which_ends_the_turn_if_it_is_long() {
        assert_eq!(told(LIMITS, "#....#..", &[0.1, 0.8]), [(0.0, Started), (6.0, OVER)]);
        assert_eq!(told(LIMITS, "##......", &[0.1]), [(0.0, Started), (2.0, LATE)]);
        let impatient = Limits { silence: 512, ..LIMITS };
        assert_eq!(told(impatient, "#.#", &[]), [(0.0, Started), (1.0, LATE), (2.0, Started)]);
    }

    #[test]
    fn what_is_probably_over_may_go_on() {
        let limits = Limits { eager: Some(0.3), ..LIMITS };
        let expected = [(0.0, Started), (1.0, EagerEnd), (4.0, Resumed), (7.0, EagerEnd), (7.0, LATE)];
        assert_eq!(told(limits.clone(), "#...#-#......", &[0.3, 0.4]), expected);
        assert_eq!(told(limits, "#..", &[0.2]), [(0.0, Started)]);
    }

    #[test]
    fn a_long_turn_is_told_to_go_on_and_times_out() {
        let limits = Limits { update: Some(2 * 512), timeout: Some(5 * 512), ..LIMITS };
        let expected = [(0.0, Started), (2.0, Update), (4.0, Update), (5.0, LATE), (5.0, Started)];
        assert_eq!(told(limits, "#######", &[])[..5], expected);
    }

    #[test]
    fn the_answer_is_told_and_an_error_is_passed_on() {
        let mut rules = Rules::new(LIMITS);
        let mut ends = Vec::new();
        for probability in [0.9, 0.1, 0.1] {
            rules.window(probability, || Ok(0.75), |turn| ends.push(turn.confidence)).unwrap();
        }
        assert_eq!(ends, [None, Some(0.75)]);
        for probability in [0.9, 0.1] {
            rules.window(probability, || Ok(0.0), |_| {}).unwrap();
        }
        assert!(rules.window(0.1, || Err(Error::other("no")), |_| {}).is_err());
    }

    #[test]
    fn a_turn_is_ended_on_request_once() {
        let mut rules = Rules::new(LIMITS);
        assert_eq!(rules.end(TurnTrigger::Manual), None);
        rules.window(0.9, || Ok(0.0), |_| {}).unwrap();
        assert!(rules.is_open());
        assert_eq!(rules.end(TurnTrigger::Manual), Some(Ended(TurnTrigger::Manual)));
        assert_eq!((rules.end(TurnTrigger::Manual), rules.now()), (None, 512));
    }
}
