//! Points of a stream from which another server process could continue it. Only of streams that want them.
//!
//! Invariant: a point and the count of the events before it change together. A point says nothing of events that the client
//! may not have: whoever stores it compares `told` with what the client has. Threads: the model thread that holds the
//! stream's engine changes it, the connection's writing task reads it.

use super::replay::{Origin, RestartPoint};
use auricle_plugin_api::Metadata;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where the engine was last started in this epoch: its grid of chunks begins there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GridStart {
    /// The sample, at the model's rate.
    pub sample: u64,
    /// The same place in the client's frames.
    pub frame: u64,
    /// Number of flushes of this epoch before it.
    pub flushes: u64,
}

/// A point from which another process could continue the stream.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StreamPoint {
    /// Number of resets before it.
    pub epoch: u32,
    /// The engine's last start before it.
    pub grid: GridStart,
    /// The first sample that a new processor needs.
    pub sample: u64,
    /// The state of the engine's restart point; `None` if the processor is started at `sample`.
    pub state: Option<Arc<[u8]>>,
    /// Events of this epoch that were reported before this point: started speech, segments and endpoints.
    pub told: u64,
}

/// How a stream continues that another process began.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Continuation {
    /// The point.
    pub point: StreamPoint,
    /// Whether the engine is given its state. Otherwise it is started anew there.
    pub keeps_state: bool,
    /// Whether the engine repeats the events after the point exactly. Otherwise times decide which of them are new.
    pub is_exact: bool,
    /// Events of this epoch that the client has, counted as [`StreamPoint::told`].
    pub told: u64,
    /// The end of the last segment that the client has, in samples; it may be up to a millisecond later.
    pub text_end: u64,
    /// The text of that segment; empty if it is not known.
    pub text: String,
    /// The time of the last other event that the client has, in samples; it may be up to a millisecond later.
    pub event_time: u64,
}

impl StreamPoint {
    /// How far it is from the point to the end of its chunk, for a model whose chunks have these lengths.
    pub(super) fn to_grid(&self, first: usize, chunk: usize) -> usize {
        let past = self.sample.saturating_sub(self.grid.sample);
        match (past as usize).checked_sub(first) {
            None => first - past as usize,
            Some(past) => chunk - past % chunk,
        }
    }
}

/// The last point of a stream.
#[derive(Debug, Default)]
pub(super) struct Points(Mutex<Latest>);

#[derive(Debug, Default)]
struct Latest {
    point: StreamPoint,
    /// Events of this epoch.
    told: u64,
}

impl Points {
    /// The last point.
    pub(super) fn latest(&self) -> StreamPoint {
        self.lock().point.clone()
    }

    /// The stream continues from a point.
    pub(super) fn continued(&self, from: &Continuation) {
        *self.lock() = Latest { point: from.point.clone(), told: from.told.max(from.point.told) };
    }

    /// An epoch begins.
    pub(super) fn epoch(&self, epoch: u32) {
        *self.lock() = Latest { point: StreamPoint { epoch, ..StreamPoint::default() }, told: 0 };
    }

    /// The engine was started anew after a flush at this sample and frame.
    pub(super) fn flushed(&self, sample: u64, frame: u64) {
        let mut latest = self.lock();
        let grid = GridStart { sample, frame, flushes: latest.point.grid.flushes + 1 };
        latest.point = StreamPoint { epoch: latest.point.epoch, grid, sample, state: None, told: latest.told };
    }

    /// An event was reported that clients count.
    pub(super) fn told(&self) {
        self.lock().told += 1;
    }

    /// The engine reported a restart point. During a replay, `to_skip` events after it were reported before.
    pub(super) fn restart(&self, sample: u64, state: &Arc<[u8]>, to_skip: usize) {
        let mut latest = self.lock();
        let told = latest.told.saturating_sub(to_skip as u64);
        latest.point = StreamPoint { sample, state: Some(Arc::clone(state)), told, ..latest.point };
    }

    /// The engine is started anew at this sample, without its state.
    pub(super) fn start_anew(&self, sample: u64) {
        let mut latest = self.lock();
        let told = latest.told;
        latest.point = StreamPoint { sample, state: None, told, ..latest.point };
    }

    /// All text up to `sample` was reported, by an engine without restart points: it may be started with the chunk of this sample.
    pub(super) fn settle(&self, sample: u64, metadata: &Metadata) {
        let mut latest = self.lock();
        let first = u64::from(metadata.first_chunk_samples.unwrap_or(metadata.chunk_samples));
        let past = sample.saturating_sub(latest.point.grid.sample);
        let Some(beyond) = past.checked_sub(first) else { return };
        let chunk = u64::from(metadata.chunk_samples);
        let start = latest.point.grid.sample + first + beyond - beyond % chunk;
        if start > latest.point.sample {
            (latest.point.sample, latest.point.told) = (start, latest.told);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Latest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Continuation {
    /// Where the processor is started.
    pub(super) fn origin(&self) -> Origin {
        let sample = self.point.sample;
        match &self.point.state {
            Some(state) if self.keeps_state => Origin::Restart(RestartPoint { sample, state: Arc::clone(state) }),
            _ => Origin::Start(sample),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata() -> Metadata {
        Metadata::new(16_000, 10).first_chunk(15)
    }

    #[test]
    fn a_point_knows_the_rest_of_its_chunk() {
        let at = |sample| StreamPoint {
            grid: GridStart { sample: 100, ..GridStart::default() },
            sample,
            ..StreamPoint::default()
        };
        for (sample, rest) in [(100, 15), (101, 14), (114, 1), (115, 10), (120, 5), (125, 10), (126, 9)] {
            assert_eq!(at(sample).to_grid(15, 10), rest, "{sample}");
        }
    }

    #[test]
    fn events_are_counted_up_to_the_point() {
        let points = Points::default();
        (0..3).for_each(|_| points.told());
        points.restart(40, &Arc::from([1]), 0);
        points.told();
        // After a crash one of the events before the next point is repeated later.
        points.restart(50, &Arc::from([2]), 1);
        let latest = points.latest();
        assert_eq!((latest.sample, latest.told, latest.state.as_deref()), (50, 3, Some(&[2][..])));
        points.flushed(60, 180);
        let latest = points.latest();
        assert_eq!(latest.grid, GridStart { sample: 60, frame: 180, flushes: 1 });
        assert_eq!((latest.sample, latest.told, latest.state), (60, 4, None));
        points.epoch(1);
        assert_eq!(points.latest(), StreamPoint { epoch: 1, ..StreamPoint::default() });
    }

    #[test]
    fn without_restart_points_it_is_the_chunk_of_the_last_segments_end() {
        let points = Points::default();
        points.flushed(100, 100);
        for (text_end, sample) in [(110, 100), (115, 115), (124, 115), (139, 135), (120, 135)] {
            points.settle(text_end, &metadata());
            assert_eq!(points.latest().sample, sample, "{text_end}");
        }
    }
}
