//! How long to wait before the next try to connect.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(5);

/// The wait before try number `attempt`, which counts from 0: twice as long each time, up to a limit. `chance` is from 0 to 1: up
/// to half of the wait is left to it, so that the clients of a server that was restarted do not all come back at once.
pub(super) fn backoff(attempt: u32, chance: f64) -> Duration {
    let longest = FIRST.saturating_mul(1 << attempt.min(16)).min(LONGEST);
    longest.mul_f64(1.0 - chance / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_a_limit_and_differ() {
        let longest: Vec<_> = (0..8).map(|attempt| backoff(attempt, 0.0).as_secs_f64()).collect();
        assert_eq!(longest, [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0]);
        assert_eq!(backoff(2, 1.0).as_secs_f64(), 0.5);
        assert_eq!(backoff(u32::MAX, 0.0), LONGEST);
    }
}
