//! The fault fields of the configuration, and when a fault occurs.
//!
//! A combination without a visible effect is a configuration error, so that no test passes because nothing happened.

use crate::{
    canary, deadly,
    fault::{Fault, FaultPoint},
    greed, lies,
};
use auricle_plugin_api::{Config, Error, Field, Schema, Sink};
use std::{
    path::PathBuf,
    process,
    thread::{self, sleep},
    time::Duration,
};

/// Exit status of `exit`.
const EXIT_STATUS: i32 = 3;

/// Adds the fault fields.
pub(crate) fn fields(schema: Schema) -> Schema {
    let faults = || Fault::ALL.iter().map(|(name, _)| *name);
    let places = |of_a_model| {
        FaultPoint::ALL.iter().filter(move |(_, point)| point.of_a_model() == of_a_model).map(|(name, _)| *name)
    };
    schema
        .field(Field::stream("fault").one_of(faults()).default("none").describe("the stream's fault"))
        .field(
            Field::stream("at").one_of(places(false)).default("process_iter").describe("the call in which it occurs"),
        )
        .field(
            Field::stream("after_chunks")
                .integer(0, 1_000_000)
                .default(0)
                .describe("number of chunks, including the current one, after which the fault occurs"),
        )
        .field(
            Field::stream("times")
                .integer(1, 1_000_000)
                .default(1)
                .describe("number of calls in which the fault occurs"),
        )
        .field(Field::stream("seconds").number(0.0, 86_400.0).default(1.0).describe("duration of `sleep`"))
        .field(Field::stream("megabytes").integer(1, 4_096).default(100).describe("size of `huge-text` and of `leak`"))
        .field(
            Field::stream("canary_file").default("").describe(
                "a file that `canary` should not be able to read, with `|` for `/`: clients may not name files",
            ),
        )
        .field(Field::load("model_fault").one_of(faults()).default("none").describe("the model's fault"))
        .field(Field::load("model_at").one_of(places(true)).default("load").describe("the call in which it occurs"))
        .field(Field::load("model_seconds").number(0.0, 86_400.0).default(1.0).describe("duration of its `sleep`"))
}

/// Executes a fault of the thread or the process, which does not report events.
fn strike(fault: Fault, seconds: f64, megabytes: usize, point: FaultPoint) -> Result<(), Error> {
    match fault {
        Fault::Panic => panic!("the panic asked for in {point:?}"),
        Fault::Error => return Err(Error::other(format!("the error asked for in {point:?}"))),
        Fault::Sleep => sleep(Duration::from_secs_f64(seconds)),
        Fault::Hang => loop {
            sleep(Duration::from_secs(3_600));
        },
        Fault::Spin => loop {
            std::hint::spin_loop();
        },
        Fault::Leak => greed::keep_memory(megabytes),
        Fault::Descriptors => greed::keep_descriptors(),
        Fault::Print => greed::print(),
        Fault::Sigsegv => deadly::segmentation_fault(),
        Fault::Sigabrt => process::abort(),
        Fault::Sigkill => deadly::kill(),
        Fault::Exit => process::exit(EXIT_STATUS),
        Fault::StackOverflow => drop(greed::recurse(0)),
        Fault::ThreadSigsegv => in_a_thread(deadly::segmentation_fault),
        Fault::ThreadSigabrt => in_a_thread(|| process::abort()),
        Fault::ThreadExit => in_a_thread(|| process::exit(EXIT_STATUS)),
        _ => {}
    }
    Ok(())
}

fn in_a_thread(act: fn()) {
    // It ends with the process.
    let _ = thread::spawn(act).join();
}

/// The point selected by `field`, which must be one where `fault` has an effect, in the model or in a processor.
fn point(config: &Config, field: &str, fault: Fault, of_a_model: bool) -> Result<FaultPoint, Error> {
    let point = FaultPoint::read(config, field)?;
    if point.of_a_model() == of_a_model && (fault == Fault::None || point.can_show(fault)) {
        Ok(point)
    } else {
        Err(Error::config(field, format!("{fault:?} in {point:?} would have no effect")))
    }
}

fn seconds(config: &Config, field: &str) -> Result<f64, Error> {
    let seconds: f64 = config.get(field)?;
    if (0.0..=86_400.0).contains(&seconds) { Ok(seconds) } else { Err(Error::config(field, "is not 0 to 86400")) }
}

/// A model's fault.
pub(crate) struct ModelPlan {
    pub(crate) fault: Fault,
    point: FaultPoint,
    seconds: f64,
}

impl ModelPlan {
    pub(crate) fn read(config: &Config) -> Result<Self, Error> {
        let fault = Fault::read(config, "model_fault")?;
        let point = point(config, "model_at", fault, true)?;
        Ok(Self { fault, point, seconds: seconds(config, "model_seconds")? })
    }

    pub(crate) fn strike(&self, point: FaultPoint) -> Result<(), Error> {
        if self.point == point { strike(self.fault, self.seconds, 100, point) } else { Ok(()) }
    }
}

/// A stream's fault.
pub(crate) struct Plan {
    fault: Fault,
    point: FaultPoint,
    after_chunks: u64,
    times: u64,
    seconds: f64,
    megabytes: usize,
    canary_file: PathBuf,
    chunks: u64,
}

impl Plan {
    pub(crate) fn read(options: &Config) -> Result<Self, Error> {
        let fault = Fault::read(options, "fault")?;
        Ok(Self {
            fault,
            point: point(options, "at", fault, false)?,
            after_chunks: options.get("after_chunks")?,
            times: options.get("times")?,
            seconds: seconds(options, "seconds")?,
            megabytes: options.get("megabytes")?,
            canary_file: options.get::<String>("canary_file")?.replace('|', "/").into(),
            chunks: 0,
        })
    }

    /// Counts a chunk.
    pub(crate) fn chunk(&mut self) {
        self.chunks += 1;
    }

    /// Executes the fault if it is due. `output` is the sink for invalid events, and the sample after the last one
    /// received.
    pub(crate) fn strike(&mut self, point: FaultPoint, output: Option<(&mut Sink<'_>, u64)>) -> Result<(), Error> {
        if self.point != point || self.chunks < self.after_chunks || self.times == 0 {
            return Ok(());
        }
        self.times -= 1;
        if let Some((sink, position)) = output {
            if self.fault == Fault::Canary {
                canary::report(&self.canary_file, sink, position);
            }
            lies::report(self.fault, self.megabytes, sink, position);
        }
        strike(self.fault, self.seconds, self.megabytes, point)
    }
}
