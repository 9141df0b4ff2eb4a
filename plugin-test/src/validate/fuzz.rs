//! Random sequences of calls that a server may make: audio in pieces of any length, flushes, resets, streams at once,
//! drops.
//!
//! Invariant: the sequence depends only on the seed and on the engine's metadata. Each stream must report the same as
//! the same calls do alone.

use super::{Subject, Verdict};
use crate::{Recording, TestModel, TestStream, compare::same};
use auricle_plugin_api::{Error, Segment};
use fastrand::Rng;
use serde_json::json;
use std::{fmt, time::Instant};

/// Calls in a round, and streams at once.
const CALLS: usize = 40;
const STREAMS: usize = 3;

/// A sequence of calls, from one seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// The seed.
    pub seed: u64,
    calls: Vec<(usize, Call)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    /// Pushes audio of the recording: the first sample, and the number of samples.
    Push(usize, usize),
    Flush,
    Reset(u64),
    Finish,
    Drop,
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}:", self.seed)?;
        for (stream, call) in &self.calls {
            match call {
                Call::Push(from, samples) => write!(f, " {stream}:push({from}, {samples})")?,
                Call::Flush => write!(f, " {stream}:flush")?,
                Call::Reset(offset) => write!(f, " {stream}:reset({offset})")?,
                Call::Finish => write!(f, " {stream}:finish")?,
                Call::Drop => write!(f, " {stream}:drop")?,
            }
        }
        Ok(())
    }
}

impl Round {
    /// Streams are numbered; a finished or dropped one is followed by a new one in its place.
    fn new(seed: u64, audio: usize, chunk: usize, streams: usize) -> Self {
        let mut random = Rng::with_seed(seed);
        let call = |random: &mut Rng| match random.u32(..20) {
            0 | 1 => Call::Flush,
            2 => Call::Reset(if random.bool() { 0 } else { random.u64(..1 << 40) }),
            3 => Call::Finish,
            4 => Call::Drop,
            _ => {
                let most = [1, chunk / 2 + 1, chunk, 2 * chunk + 1, 7 * chunk][random.usize(..5)].min(audio);
                let samples = random.usize(..=most);
                Call::Push(random.usize(..=audio - samples), samples)
            }
        };
        let calls = (0..random.usize(1..=CALLS)).map(|_| (random.usize(..streams), call(&mut random))).collect();
        Self { seed, calls }
    }
}

/// Runs random rounds until the end, the first with this seed. `begin` is told each round before it runs, so that it is
/// known if the process ends. Returns the number of rounds.
///
/// # Errors
/// What a round found.
pub fn fuzz(subject: &Subject, seed: u64, end: Instant, mut begin: impl FnMut(&Round)) -> Result<u64, Verdict> {
    let model = subject.model()?;
    let audio = subject.audio(&model)?;
    let metadata = model.metadata();
    let streams = metadata.max_streams.map_or(STREAMS, |most| STREAMS.min(most.saturating_sub(1) as usize)).max(1);
    let mut rounds = 0;
    while rounds == 0 || Instant::now() < end {
        let round = Round::new(seed.wrapping_add(rounds), audio.len(), metadata.chunk_samples as usize, streams);
        begin(&round);
        run(&model, &audio, &round, streams)?;
        rounds += 1;
    }
    Ok(rounds)
}

fn run(model: &TestModel, audio: &[f32], round: &Round, streams: usize) -> Result<(), Verdict> {
    let mut together: Vec<Line> = (0..streams).map(|_| Line::default()).collect();
    for (stream, call) in &round.calls {
        together[*stream].call(model, audio, *call)?;
    }
    let together = together.into_iter().map(Line::end).collect::<Result<Vec<_>, Error>>()?;
    for (stream, found) in together.into_iter().enumerate() {
        let mut alone = Line::default();
        for (_, call) in round.calls.iter().filter(|(its, _)| *its == stream) {
            alone.call(model, audio, *call)?;
        }
        let expected = alone.end()?;
        let differs = |difference| Verdict::fail(format!("stream {stream} beside others: {difference}"));
        same(&expected, &found).map_err(differs)?;
    }
    Ok(())
}

/// The streams of one number, one after another, and all that they report.
#[derive(Default)]
struct Line {
    stream: Option<TestStream>,
    segments: Vec<Segment>,
}

impl Line {
    fn call(&mut self, model: &TestModel, audio: &[f32], call: Call) -> Result<(), Error> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => model.try_stream(json!({}))?,
        };
        match call {
            Call::Push(from, samples) => stream.push(&audio[from..from + samples])?,
            Call::Flush => stream.flush()?,
            Call::Reset(offset) => stream.reset(offset)?,
            Call::Finish => {
                self.segments.extend(stream.finish()?.segments);
                return Ok(());
            }
            Call::Drop => {
                let Recording { segments, .. } = stream.into_recording();
                self.segments.extend(segments);
                return Ok(());
            }
        }
        self.stream = Some(stream);
        Ok(())
    }

    fn end(self) -> Result<Vec<Segment>, Error> {
        let Self { stream, mut segments } = self;
        if let Some(stream) = stream {
            segments.extend(stream.finish()?.segments);
        }
        Ok(segments)
    }
}
