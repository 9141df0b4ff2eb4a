//! The turns of an epoch, as the client was told of them.
//!
//! Stages find turns, and their chain numbers them. After a recovery some are reported again. If the replay is exact they are counted,
//! apart from the events that clients count ([`super::point`]): so clients that know nothing of turns can resume a stream that has
//! them. Otherwise the chain may have begun anew: what lies before the last one that was told is dropped, and numbers go on.
//!
//! Invariant: clients get a start before anything else of a turn, one end, and growing numbers. Threads: the model thread that holds the
//! stream's engine.

use auricle_plugin_api::{Turn, TurnChange};

/// The turns that the client was told of.
#[derive(Debug, Default)]
pub(super) struct Turns {
    number: u64,
    is_open: bool,
    /// The time of the last event.
    last: u64,
    /// The number of events since the engine's last point, and how many of those to come the client has.
    told: usize,
    skip: usize,
    /// In a replay that is not exact: the client has what is up to here.
    until: Option<u64>,
}

impl Turns {
    /// The engine reported a restart point, or was started.
    pub(super) fn point(&mut self) {
        self.told = self.skip;
    }

    /// A new processor continues from the last point.
    pub(super) fn replay(&mut self, is_exact: bool) {
        (self.skip, self.until) =
            if is_exact { (self.told, None) } else { (0, (self.number > 0).then_some(self.last)) };
    }

    /// The event for the client; `None` if it has it, or it makes no sense.
    pub(super) fn tell(&mut self, mut turn: Turn) -> Option<Turn> {
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        if self.until.is_some_and(|until| turn.sample <= until) {
            return None;
        }
        let starts = turn.change == TurnChange::Started;
        match (starts, self.is_open) {
            (true, true) => return None,
            (true, false) => self.number = turn.number.max(self.number.saturating_add(1)),
            // Another process has told its start.
            (false, false) if turn.number > self.number => self.number = turn.number,
            (false, false) => return None,
            (false, true) => {}
        }
        self.is_open = !matches!(turn.change, TurnChange::Ended(_));
        (turn.number, self.last) = (self.number, turn.sample);
        self.told += 1;
        Some(turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use auricle_plugin_api::TurnTrigger;

    const END: TurnChange = TurnChange::Ended(TurnTrigger::Model);

    /// Tells what a chain reports; returns the numbers that the client gets.
    fn tell(turns: &mut Turns, reported: &[(u64, TurnChange, u64)]) -> Vec<u64> {
        let turn = |(sample, change, number): &(u64, TurnChange, u64)| {
            let mut turn = Turn::new(*sample, *change);
            turn.number = *number;
            turns.tell(turn).map(|turn| turn.number)
        };
        reported.iter().filter_map(turn).collect()
    }

    #[test]
    fn an_exact_replay_is_counted_from_the_point() {
        let mut turns = Turns::default();
        assert_eq!(tell(&mut turns, &[(5, TurnChange::Started, 1)]), [1]);
        turns.point();
        let after = [(9, END, 1), (20, TurnChange::Started, 2), (20, TurnChange::Update, 2)];
        assert_eq!(tell(&mut turns, &after), [1, 2, 2]);
        turns.replay(true);
        assert_eq!(tell(&mut turns, &after[..1]), [] as [u64; 0]);
        // A point within the replay: two of the events after it are told already.
        turns.point();
        assert_eq!(tell(&mut turns, &after[1..2]), [] as [u64; 0]);
        turns.replay(true);
        assert_eq!(tell(&mut turns, &after[1..]), [] as [u64; 0]);
        assert_eq!(tell(&mut turns, &[(30, END, 2)]), [2]);
    }

    #[test]
    fn a_chain_that_begins_anew_goes_on_with_the_numbers() {
        let mut turns = Turns::default();
        let before = [(5, TurnChange::Started, 1), (9, END, 1), (20, TurnChange::Started, 2)];
        assert_eq!(tell(&mut turns, &before), [1, 1, 2]);
        turns.replay(false);
        let anew = [(5, TurnChange::Started, 1), (9, END, 1), (21, TurnChange::Started, 2), (30, END, 2)];
        assert_eq!(tell(&mut turns, &anew), [2]);
        assert_eq!(tell(&mut turns, &[(40, TurnChange::Started, 3), (50, END, 3)]), [3, 3]);
    }

    #[test]
    fn a_turn_that_another_process_began_goes_on() {
        let mut turns = Turns::default();
        assert_eq!(tell(&mut turns, &[(50, TurnChange::Update, 7), (60, END, 7), (61, END, 7)]), [7, 7]);
        assert_eq!(tell(&mut turns, &[(70, TurnChange::Started, 8)]), [8]);
    }
}
