//! The limit set by the network alone: two threads, each with a session of one thread, step as many streams as possible
//! and do nothing else. No server on two processors can handle more streams with this file and this ONNX Runtime.
//!
//! The caches returned by a step are passed to the next step unchanged, so that nothing is copied.

use super::sides::THREADS;
use crate::{Done, stats};
use auricle_plugin_kit::onnx::LIBRARY;
use ort::{
    environment::Environment,
    session::{Session, SessionInputValue, builder::GraphOptimizationLevel},
    value::{DynValue, Outlet, Tensor, TensorElementType, ValueType},
};
use std::{
    path::Path,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

/// Minimum time and number of steps for measuring a batch size.
const LENGTH: Duration = Duration::from_secs(2);
const LEAST: usize = 5;
/// Distance between two frames of features, in seconds.
const FRAME: f64 = 0.01;
/// The metadata names of window and shift: in NeMo's networks, and in zipformers.
const NAMES: [[&str; 2]; 2] = [["window_size", "chunk_shift"], ["T", "decode_chunk_len"]];

/// Loads ONNX Runtime from a folder; returns its build, and the environment for sessions.
pub(super) fn load(folder: &Path) -> Done<(String, Environment)> {
    let library = folder.join(LIBRARY);
    let builder = ort::init_from(&library).map_err(|problem| format!("{}: {problem}", library.display()))?;
    let environment =
        builder.with_name("capacity").with_telemetry(false).build().map_err(|problem| problem.to_string())?;
    Ok((ort::info().to_owned(), environment))
}

/// Number of real-time streams that the file's network can step, for each of these batch sizes.
pub(super) fn streams(environment: &Environment, file: &Path, batches: &[usize]) -> Done<Vec<(usize, f64)>> {
    let mut networks = Vec::new();
    for _ in 0..THREADS {
        networks.push(Network::open(environment, file).map_err(|problem| format!("{}: {problem}", file.display()))?);
    }
    let mut found = Vec::new();
    for batch in batches {
        let together = Barrier::new(THREADS);
        let rates: Vec<Done<f64>> = thread::scope(|scope| {
            let threads: Vec<_> =
                networks.iter_mut().map(|network| scope.spawn(|| network.rate(*batch, &together))).collect();
            threads.into_iter().map(|thread| thread.join().map_err(|_| "a session panicked")?).collect()
        });
        found.push((*batch, rates.into_iter().sum::<Done<f64>>()?));
    }
    Ok(found)
}

/// A session and its inputs.
struct Network {
    session: Session,
    window: usize,
    /// Length of the audio of a step, in seconds.
    period: f64,
    /// Number of inputs before the caches, and of outputs before the next step's caches.
    others: usize,
}

impl Network {
    fn open(environment: &Environment, file: &Path) -> ort::Result<Self> {
        let session = Session::builder(environment)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_intra_threads(1)?
            .with_inter_threads(1)?
            .commit_from_file(file)?;
        let (window, period, others) = {
            let metadata = session.metadata()?;
            let number = |key: &str| metadata.custom(key).and_then(|value| value.parse::<usize>().ok());
            let of = |[window, shift]: [&str; 2]| Some((number(window)?, number(shift)?));
            let found = NAMES.iter().enumerate().find_map(|(kind, names)| Some((kind, of(*names)?)));
            let (kind, (window, shift)) = found.ok_or_else(|| ort::Error::new("no streaming network that is known"))?;
            // NeMo's have a length in addition to the features.
            (window, shift as f64 * FRAME, 2 - kind)
        };
        Ok(Self { session, window, period, others })
    }

    /// Number of real-time streams with this batch size, while the other threads do the same.
    fn rate(&mut self, batch: usize, together: &Barrier) -> Done<f64> {
        let mut step = self.first(batch);
        together.wait();
        let mut times = Vec::new();
        let mut begun: Option<Instant> = None;
        // The first steps fill the caches and warm up.
        for number in 0.. {
            let before = Instant::now();
            if let Ok(inputs) = &mut step {
                step = self.step(std::mem::take(inputs));
            }
            if number >= LEAST {
                times.push(before.elapsed().as_secs_f64());
                let since = *begun.get_or_insert(before);
                if times.len() >= LEAST && since.elapsed() > LENGTH {
                    break;
                }
            }
        }
        step?;
        Ok(batch as f64 * self.period / stats::median(&times))
    }

    /// The inputs of new streams: noise, and caches of zeros.
    fn first(&self, batch: usize) -> Done<Vec<DynValue>> {
        let mut random = fastrand::Rng::with_seed(7);
        let features = self.tensor(&self.session.inputs()[0], batch, || random.f32() * 8.0 - 12.0)?;
        let mut inputs = vec![features];
        for input in &self.session.inputs()[1..] {
            let length = (inputs.len() < self.others).then_some(self.window as f32);
            inputs.push(self.tensor(input, batch, || length.unwrap_or_default())?);
        }
        Ok(inputs)
    }

    fn tensor(&self, input: &Outlet, batch: usize, mut value: impl FnMut() -> f32) -> Done<DynValue> {
        let ValueType::Tensor { ty, shape, dimension_symbols } = input.dtype() else { return Err("no tensor".into()) };
        let known = shape.iter().zip(dimension_symbols.iter()).map(|(length, symbol)| match length {
            -1 if symbol == "T" => self.window,
            -1 => batch,
            length => *length as usize,
        });
        let shape: Vec<usize> = known.collect();
        let count = shape.iter().product();
        Ok(match ty {
            TensorElementType::Int64 => {
                Tensor::from_array((shape, (0..count).map(|_| value() as i64).collect::<Vec<_>>()))?.into_dyn()
            }
            _ => Tensor::from_array((shape, (0..count).map(|_| value()).collect::<Vec<_>>()))?.into_dyn(),
        })
    }

    /// Runs a step; returns the inputs of the next one.
    fn step(&mut self, mut inputs: Vec<DynValue>) -> Done<Vec<DynValue>> {
        let fed: Vec<SessionInputValue<'_>> = inputs.iter().map(Into::into).collect();
        let caches: Vec<_> =
            self.session.run(fed.as_slice())?.into_iter().skip(self.others).map(|(_, value)| value).collect();
        drop(fed);
        inputs.truncate(self.others);
        inputs.extend(caches);
        Ok(inputs)
    }
}
