//! A session's lease: what it holds while it is open (permits, registry entry, journal), and its measurements (audio
//! when it arrives, events when they are sent).
//!
//! A delay is the time from the arrival of the audio of a text's end to the moment when the text is given to the
//! connection. Threads: the tasks that read and write the connection, each for a few instructions under a lock of the
//! session.

use super::{
    access::StreamRecord,
    admission::Places,
    journal::Recorder,
    registry::{Entry, SessionRegistry},
};
use auricle_core::{
    Event, Failure, FailureCode, Pace,
    metrics::{Metrics, StreamMeter},
};
use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Audio that arrives within this time counts as one arrival.
const GRAIN: Duration = Duration::from_millis(50);
/// The number of arrivals kept. The delay of a text that ends before them is unknown.
const MOMENTS: usize = 256;

/// Resources and measurements of an open session.
#[derive(Debug)]
pub(super) struct Lease {
    entry: Arc<Entry>,
    record: Arc<StreamRecord>,
    registry: Arc<SessionRegistry>,
    metrics: Arc<Metrics>,
    /// One for each stream.
    channels: Vec<ChannelMeter>,
    recorder: Option<Recorder>,
    _places: Vec<Places>,
}

/// The measurements of a stream of the session.
#[derive(Debug)]
struct ChannelMeter {
    meter: StreamMeter,
    arrivals: Mutex<Arrivals>,
}

/// The failure of a session whose journal cannot be written.
pub(super) fn journal_failure(error: &io::Error) -> Failure {
    Failure::new(FailureCode::JournalFailed, "the server cannot write the journal of this session").with_detail(error)
}

impl Lease {
    /// Enters the session in the registry. It has a stream for each of the places.
    pub(super) fn new(
        entry: Arc<Entry>,
        record: Arc<StreamRecord>,
        places: Vec<Places>,
        registry: Arc<SessionRegistry>,
        metrics: Arc<Metrics>,
        recorder: Option<Recorder>,
    ) -> Self {
        let meter = || metrics.stream_opened(&entry.preset, &entry.backend);
        let channels = places.iter().map(|_| ChannelMeter { meter: meter(), arrivals: Mutex::default() }).collect();
        registry.add(Arc::clone(&entry));
        Self { entry, record, registry, metrics, channels, recorder, _places: places }
    }

    /// The session's id.
    pub(super) fn id(&self) -> &str {
        &self.entry.id
    }

    /// Counts samples of a channel that arrived, at the model's rate.
    pub(super) fn received(&self, channel: usize, samples: usize, now: Instant) {
        if channel == 0 {
            self.entry.add_samples(samples as u64);
        }
        let ChannelMeter { meter, arrivals } = &self.channels[channel];
        let mut arrivals = lock(arrivals);
        arrivals.note(samples as u64, now);
        // Not for every frame, because all streams of a preset share the counter.
        let rate = u64::from(self.entry.sample_rate);
        if arrivals.uncounted >= rate {
            let samples = std::mem::take(&mut arrivals.uncounted);
            meter.audio(samples as f64 / rate as f64);
        }
    }

    /// The epoch began in another process: what arrives next is this sample.
    pub(super) fn continue_from(&self, sample: u64) {
        self.channels.iter().for_each(|channel| lock(&channel.arrivals).position = sample);
    }

    /// Whether the session waits for its client.
    pub(super) fn set_waiting(&self, is_waiting: bool) {
        self.entry.set_waiting(is_waiting);
    }

    /// Starts a new epoch: times start at 0 again.
    pub(super) fn reset(&self) {
        self.channels.iter().for_each(|channel| lock(&channel.arrivals).restart());
    }

    /// Writes an event to the journal, if there is one, and measures it. Call it before the event is sent.
    ///
    /// # Errors
    /// The journal cannot be written. The event must not be sent.
    pub(super) fn sending(&self, channel: Option<u16>, event: &Event) -> Result<(), Failure> {
        self.note(channel, event)?;
        let place = usize::from(channel.unwrap_or(0));
        let of_channel = &self.channels[place];
        match event {
            Event::Lag(waited) => self.entry.set_lag(place, *waited),
            Event::Restarted(_) => of_channel.meter.restarted(),
            Event::Failed(failure) => self.failed(failure, true),
            Event::Done(_) => {
                self.entry.clear_lag();
                self.record.done();
            }
            Event::Partial(text) => of_channel.meter.partial(self.delay(of_channel, text.end, false)),
            Event::Segment(text) => {
                of_channel.meter.segment(self.delay(of_channel, text.end, true));
                self.record.segment();
            }
            _ => {}
        }
        Ok(())
    }

    /// Writes a failure to the journal of which the client is not told, because it does not read, and counts it.
    ///
    /// # Errors
    /// The journal cannot be written. The failure is counted nevertheless.
    pub(super) fn giving_up(&self, failure: &Failure) -> Result<(), Failure> {
        self.failed(failure, false);
        self.note(None, &Event::Failed(failure.clone()))
    }

    fn note(&self, channel: Option<u16>, event: &Event) -> Result<(), Failure> {
        let Some(recorder) = &self.recorder else { return Ok(()) };
        recorder.note(channel, event).map_err(|error| journal_failure(&error))
    }

    /// Counts a failure. `told`: whether the client is told.
    pub(super) fn failed(&self, failure: &Failure, told: bool) {
        // The waiting audio was dropped, so it is no longer part of the model's lag.
        self.entry.clear_lag();
        self.metrics.stream_failed(&self.entry.preset, &self.entry.backend, failure.code);
        self.record.failed(failure, told);
    }

    /// The time since the audio before `sample` arrived. `None` for files, which arrive faster than they were spoken.
    fn delay(&self, channel: &ChannelMeter, sample: u64, is_final: bool) -> Option<Duration> {
        if self.entry.pace == Pace::File {
            return None;
        }
        let mut arrivals = lock(&channel.arrivals);
        let arrived = arrivals.moment(sample);
        if is_final {
            arrivals.forget(sample);
        }
        arrived.map(|arrived| arrived.elapsed())
    }
}

fn lock(arrivals: &Mutex<Arrivals>) -> MutexGuard<'_, Arrivals> {
    arrivals.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Lease {
    fn drop(&mut self) {
        for ChannelMeter { meter, arrivals } in &self.channels {
            let left = lock(arrivals).uncounted;
            meter.audio(left as f64 / f64::from(self.entry.sample_rate));
        }
        self.registry.remove(&self.entry);
    }
}

/// When the audio of an epoch arrived.
#[derive(Debug, Default)]
struct Arrivals {
    position: u64,
    /// Samples not yet in the metrics.
    uncounted: u64,
    /// Positions, and when all audio before each had arrived. Sorted.
    moments: VecDeque<(u64, Instant)>,
    /// The start of the last moment.
    begun: Option<Instant>,
}

impl Arrivals {
    fn note(&mut self, samples: u64, now: Instant) {
        self.position += samples;
        self.uncounted += samples;
        match (self.moments.back_mut(), self.begun) {
            (Some(last), Some(begun)) if now - begun < GRAIN => *last = (self.position, now),
            _ => {
                if self.moments.len() == MOMENTS {
                    self.moments.pop_front();
                }
                self.moments.push_back((self.position, now));
                self.begun = Some(now);
            }
        }
    }

    fn moment(&self, sample: u64) -> Option<Instant> {
        let at = self.moments.partition_point(|(position, _)| *position < sample);
        // Audio before the first known moment may have arrived long before.
        if at == 0 && self.moments.len() == MOMENTS {
            return None;
        }
        self.moments.get(at).map(|(_, arrived)| *arrived)
    }

    /// Drops the moments before `sample`, because no later text ends there.
    fn forget(&mut self, sample: u64) {
        let past = self.moments.partition_point(|(position, _)| *position < sample);
        self.moments.drain(..past);
    }

    fn restart(&mut self) {
        *self = Self { uncounted: self.uncounted, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_moment_is_when_the_last_of_the_audio_came() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut arrivals = Arrivals::default();
        for n in 1..=10 {
            arrivals.note(100, at(100 * n));
        }
        assert_eq!(arrivals.moment(100), Some(at(100)));
        assert_eq!(arrivals.moment(101), Some(at(200)));
        assert_eq!(arrivals.moment(1_000), Some(at(1_000)));
        assert_eq!(arrivals.moment(1_001), None);
        arrivals.forget(450);
        assert_eq!((arrivals.moments.len(), arrivals.moment(450)), (6, Some(at(500))));
        arrivals.restart();
        assert_eq!((arrivals.moment(1), arrivals.uncounted), (None, 1_000));
    }

    #[test]
    fn small_frames_and_long_silence_cost_no_memory() {
        let start = Instant::now();
        let mut arrivals = Arrivals::default();
        for n in 1..=100_000 {
            arrivals.note(1, start + Duration::from_millis(n));
        }
        assert!(arrivals.moments.len() <= MOMENTS);
        assert_eq!(arrivals.moment(5), None);
        assert_eq!(arrivals.moment(100_000), Some(start + Duration::from_millis(100_000)));
    }
}
