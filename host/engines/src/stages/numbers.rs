//! Numbers the turns that leave a chain, and drops what makes no sense: the start of a turn while one is open, and anything else while
//! none is. It is part of the chain's state, so that a recovered chain goes on with the same numbers. Threads: the stream's.

use auricle_plugin_api::{Turn, TurnChange};
use serde::{Deserialize, Serialize};

/// The turns of a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Numbers {
    last: u64,
    is_open: bool,
    /// Whether the client was told that it is probably over.
    is_eager: bool,
}

impl Numbers {
    /// The stream restarts at this sample: at 0 as a new one.
    pub(super) fn init(&mut self, offset: u64) {
        let last = if offset == 0 { 0 } else { self.last };
        *self = Self { last, ..Self::default() };
    }

    /// The turn with its number; `None` if it makes no sense.
    pub(super) fn number(&mut self, turn: Turn) -> Option<Turn> {
        let starts = turn.change == TurnChange::Started;
        let makes_sense = match turn.change {
            TurnChange::Started => !self.is_open,
            TurnChange::EagerEnd => self.is_open && !self.is_eager,
            TurnChange::Resumed => self.is_open && self.is_eager,
            _ => self.is_open,
        };
        if !makes_sense {
            return None;
        }
        self.last += u64::from(starts);
        self.is_open = !matches!(turn.change, TurnChange::Ended(_));
        self.is_eager = turn.change == TurnChange::EagerEnd || (self.is_eager && turn.change == TurnChange::Update);
        let mut turn = turn;
        turn.number = self.last;
        Some(turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use auricle_plugin_api::TurnTrigger;

    #[test]
    fn turns_are_numbered_and_nonsense_is_dropped() {
        use TurnChange::{EagerEnd, Ended, Resumed, Started, Update};
        let end = Ended(TurnTrigger::Model);
        let mut numbers = Numbers::default();
        for (change, number) in [
            (Update, None),
            (end, None),
            (Started, Some(1)),
            (Started, None),
            (Resumed, None),
            (Update, Some(1)),
            (EagerEnd, Some(1)),
            (EagerEnd, None),
            (Update, Some(1)),
            (Resumed, Some(1)),
            (EagerEnd, Some(1)),
            (end, Some(1)),
            (Resumed, None),
            (Started, Some(2)),
        ] {
            let told = numbers.number(Turn::new(5, change));
            assert_eq!(told.map(|turn| turn.number), number, "{change:?}");
        }
        numbers.init(9);
        assert_eq!(numbers.number(Turn::new(10, Started)).map(|turn| turn.number), Some(3));
        numbers.init(0);
        assert_eq!(numbers.number(Turn::new(0, Started)).map(|turn| turn.number), Some(1));
    }
}
