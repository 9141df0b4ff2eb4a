//! Whether there is memory for a second model beside the one in service. Threads: any; reads files of the system.

use auricle_engines::memory;
use auricle_stream::ModelScheduler;

/// Why a second model does not fit. The sizes are in MiB.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoRoom {
    /// Both together would exceed `host.memory_mb`.
    #[error(
        "`host.memory_mb` is {limit}, and the model in service has {used} MiB of memory: there is no room for a second \
         one"
    )]
    Limit { limit: u64, used: u64 },
    /// The machine, or the control group of the server, has too little left.
    #[error(
        "{available} MiB of memory are available, and the model in service has {used}: there is no room for a second one"
    )]
    Machine { available: u64, used: u64 },
}

/// Checks that a model of about the same size fits beside `model`. `memory_mb` is the limit of the new one. The size of
/// an in-process model is unknown, so there is always room beside it.
///
/// # Errors
/// What is too small.
pub(super) fn check(model: &ModelScheduler, memory_mb: Option<u64>) -> Result<(), NoRoom> {
    match model.resident_bytes() {
        Some(used) => compare(used >> 20, memory_mb, memory::available_bytes().map(|bytes| bytes >> 20)),
        None => Ok(()),
    }
}

fn compare(used: u64, limit: Option<u64>, available: Option<u64>) -> Result<(), NoRoom> {
    if let Some(limit) = limit.filter(|limit| *limit < used.saturating_mul(2)) {
        return Err(NoRoom::Limit { limit, used });
    }
    match available.filter(|available| *available < used) {
        Some(available) => Err(NoRoom::Machine { available, used }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_models_must_fit_into_the_limit_and_the_second_one_into_the_machine() {
        assert_eq!(compare(100, None, None), Ok(()));
        assert_eq!(compare(100, Some(200), Some(100)), Ok(()));
        assert_eq!(compare(100, Some(199), Some(1_000)), Err(NoRoom::Limit { limit: 199, used: 100 }));
        assert_eq!(compare(100, None, Some(99)), Err(NoRoom::Machine { available: 99, used: 100 }));
    }
}
