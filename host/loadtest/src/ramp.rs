//! Chooses the next number of streams: it grows until a level is not held, then bisects.
//!
//! Invariant: the choice depends only on the largest level that was held and the smallest that was not, so a search
//! that is restarted in the middle takes the same steps.

/// A search for the largest number of streams that is held.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ramp {
    /// The first level.
    pub from: usize,
    /// Growth while levels are held.
    pub growth: Growth,
    /// If this many streams are not held, the search stops; 0 searches in any case.
    pub least: usize,
    /// Upper limit of the search.
    pub most: usize,
    /// The search ends when the gap between held and not held is at most this share of what is held.
    pub precision: f64,
}

/// Growth from one level to the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Growth {
    /// Multiply the number of streams by this.
    Factor(f64),
    /// Add this many streams.
    Step(usize),
}

impl Ramp {
    /// The next level; `None` at the end. `held` is the largest level that was held (0 for none), `broke` the smallest
    /// that was not.
    pub fn next(&self, held: usize, broke: Option<usize>) -> Option<usize> {
        match broke {
            Some(broke) if broke <= self.least => None,
            Some(broke) => {
                let apart = broke.saturating_sub(held);
                let enough = (held as f64 * self.precision) as usize;
                (apart > enough.max(1)).then_some(held + apart / 2)
            }
            None if held == 0 => Some(self.from.clamp(1, self.most.max(1))),
            None if held >= self.most => None,
            None => {
                let more = match self.growth {
                    Growth::Factor(factor) => (held as f64 * factor) as usize,
                    Growth::Step(step) => held.saturating_add(step),
                };
                Some(more.clamp(held + 1, self.most))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Simulates a server with this capacity; returns the levels tried and the result.
    fn search(ramp: &Ramp, capacity: usize) -> (Vec<usize>, usize) {
        let (mut tried, mut held, mut broke) = (Vec::new(), 0, None);
        while let Some(streams) = ramp.next(held, broke) {
            tried.push(streams);
            if streams <= capacity { held = streams } else { broke = Some(streams) }
        }
        (tried, held)
    }

    fn ramp(growth: Growth) -> Ramp {
        Ramp { from: 10, growth, least: 0, most: 1_000, precision: 0.02 }
    }

    #[test]
    fn it_grows_and_then_closes_in() {
        let (tried, held) = search(&ramp(Growth::Factor(2.0)), 100);
        assert_eq!((tried.as_slice(), held), (&[10, 20, 40, 80, 160, 120, 100, 110, 105, 102][..], 100));
        let (tried, held) = search(&ramp(Growth::Step(30)), 45);
        assert_eq!((tried.as_slice(), held), (&[10, 40, 70, 55, 47, 43, 45, 46][..], 45));
    }

    #[test]
    fn it_goes_below_its_beginning_and_not_above_its_end() {
        assert_eq!(search(&ramp(Growth::Factor(1.5)), 0), (vec![10, 5, 2, 1], 0));
        assert_eq!(search(&ramp(Growth::Factor(1.5)), 1), (vec![10, 5, 2, 1], 1));
        let (tried, held) = search(&ramp(Growth::Factor(10.0)), 5_000);
        assert_eq!((tried.as_slice(), held), (&[10, 100, 1_000][..], 1_000));
    }

    #[test]
    fn what_is_less_than_wanted_is_left() {
        let ramp = Ramp { from: 100, least: 100, ..ramp(Growth::Factor(1.5)) };
        assert_eq!(search(&ramp, 99), (vec![100], 0));
        assert_eq!(search(&ramp, 100), (vec![100, 150, 125, 112, 106, 103, 101], 100));
    }

    proptest! {
        #[test]
        fn what_it_finds_is_within_its_precision(
            capacity in 0usize..3_000,
            from in 1usize..500,
            factor in 1.01f64..4.0,
            precision in 0.0f64..0.2,
        ) {
            let ramp = Ramp { from, growth: Growth::Factor(factor), least: 0, most: 10_000, precision };
            let (tried, held) = search(&ramp, capacity);
            prop_assert!(held <= capacity && (capacity - held) as f64 <= (held as f64 * precision).max(0.0));
            prop_assert!(tried.len() < 1_200);
        }
    }
}
