//! Which engine host gets the next stream. Only numbers, no hosts: tests and simulations can call it.

/// An engine host that serves the preset.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Candidate {
    /// How many more streams it accepts, as it told last, less those placed there since.
    pub(crate) room: usize,
    /// The share of the time that its model's threads are busy, as it told last.
    pub(crate) load: Option<f64>,
    /// Streams of its model, as it told last, and those placed there since.
    pub(crate) streams: usize,
}

/// The best place: the one with the least load, if loads are known and clearly differ, else the one with the fewest
/// streams. A candidate without room is taken only if `must`, which holds for streams that run already.
pub(crate) fn best(candidates: &[Option<Candidate>], must: bool) -> Option<usize> {
    let has_place = |candidate: &Candidate| candidate.room > 0;
    let pick = |wanted: &dyn Fn(&Candidate) -> bool| {
        let fit = candidates.iter().enumerate().filter_map(|(n, candidate)| Some((n, candidate.filter(wanted)?)));
        fit.min_by(|(_, one), (_, other)| compare(one, other)).map(|(n, _)| n)
    };
    pick(&has_place).or_else(|| if must { pick(&|_| true) } else { None })
}

fn compare(one: &Candidate, other: &Candidate) -> std::cmp::Ordering {
    // In steps: measurements that hardly differ say nothing.
    let step = |load: f64| (load * 20.0).round() as i64;
    let by_load = match (one.load, other.load) {
        (Some(one), Some(other)) => step(one).cmp(&step(other)),
        _ => std::cmp::Ordering::Equal,
    };
    by_load.then_with(|| one.streams.cmp(&other.streams)).then_with(|| other.room.cmp(&one.room))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(room: usize, load: Option<f64>, streams: usize) -> Option<Candidate> {
        Some(Candidate { room, load, streams })
    }

    #[test]
    fn the_least_load_and_then_the_fewest_streams_decide() {
        assert_eq!(best(&[candidate(9, Some(0.5), 2), candidate(9, Some(0.2), 7)], false), Some(1));
        assert_eq!(best(&[candidate(9, Some(0.21), 2), candidate(9, Some(0.20), 7)], false), Some(0));
        assert_eq!(best(&[candidate(9, None, 3), candidate(9, Some(0.9), 2)], false), Some(1));
        assert_eq!(best(&[candidate(5, None, 2), candidate(9, None, 2)], false), Some(1));
    }

    #[test]
    fn only_a_stream_that_runs_already_is_placed_where_no_room_is() {
        let full = [None, candidate(0, Some(0.9), 9), candidate(0, Some(0.8), 9)];
        assert_eq!((best(&full, false), best(&full, true)), (None, Some(2)));
        let one = [candidate(0, Some(0.1), 1), candidate(1, Some(0.9), 9)];
        assert_eq!(best(&one, true), Some(1));
        assert_eq!(best(&[None, None], true), None);
    }

    #[test]
    fn streams_that_come_together_are_spread() {
        let mut hosts = [Candidate { room: 100, ..Candidate::default() }; 3];
        for _ in 0..99 {
            let at = best(&hosts.map(Some), false).unwrap();
            hosts[at].room -= 1;
            hosts[at].streams += 1;
        }
        assert_eq!(hosts.map(|host| host.streams), [33; 3]);
    }
}
