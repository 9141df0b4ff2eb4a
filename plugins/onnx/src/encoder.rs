//! A streaming network: its inputs are windows of features, its outputs frames, and its caches are passed from step to
//! step.
//!
//! A [`Layout`] describes the inputs and outputs of a file. A step is the same for every kind of network, with one
//! stream or several. Invariant: an opened network has run once and its outputs fitted the layout, so that a file with
//! wrong metadata is refused when it is loaded. Threads: any, several at once; the caches belong to one stream.

use crate::cache::{Cache, Caches, Room};
use auricle_plugin_api::Error;
use auricle_plugin_kit::{fbank, onnx::Sessions};
use ndarray::{ArrayView3, Ix3};
use ort::{
    session::SessionInputValue,
    value::{DynValue, TensorRef},
};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// More values in caches are an error.
const MOST_CACHE_VALUES: usize = 64 << 20;
/// Half a minute of frames; a longer window is an error.
const MOST_FRAMES: usize = 3_000;

/// The inputs and outputs of a network, by position. Inputs: features, their length if required, the caches. Outputs:
/// frames, their length if there is one, the caches.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// Name of the kind, for messages.
    pub(crate) kind: &'static str,
    /// The features that it was trained on.
    pub(crate) features: fbank::Options,
    /// Number of feature frames in a step.
    pub(crate) window: usize,
    /// Number of frames between the starts of two steps.
    pub(crate) shift: usize,
    /// Number of feature frames per output frame.
    pub(crate) subsampling: usize,
    /// Number of values in an output frame.
    pub(crate) width: usize,
    /// Order of the axes of a window of features.
    pub(crate) window_order: Order,
    /// Order of the axes of the output frames.
    pub(crate) frame_order: Order,
    /// Whether there are lengths in addition to features and frames.
    pub(crate) lengths: bool,
    /// The caches, which are passed from step to step.
    pub(crate) caches: Vec<Cache>,
}

/// The order of a tensor's axes after the first, which is for streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// [streams, frames, width]
    FramesFirst,
    /// [streams, width, frames]
    WidthFirst,
}

/// An opened network.
pub(crate) struct Encoder {
    pub(crate) layout: Layout,
    /// Whether it supports batches.
    pub(crate) batches: bool,
    sessions: Sessions,
    /// The initial caches of every stream.
    fresh: Caches,
    /// As many as the largest number of concurrent calls so far.
    benches: Mutex<Vec<Bench>>,
}

/// Buffers for the inputs of a step.
#[derive(Default)]
pub(crate) struct Bench {
    windows: Vec<f32>,
    room: Room,
}

impl Bench {
    /// A buffer for this many values of features.
    pub(crate) fn windows(&mut self, values: usize) -> &mut [f32] {
        self.windows.resize(values, 0.0);
        &mut self.windows
    }
}

/// The output of a step.
pub(crate) struct Frames {
    values: DynValue,
    order: Order,
}

impl Encoder {
    /// Opens a network with a layout from its metadata, and runs it once. The error does not name the file.
    pub(crate) fn open(sessions: Sessions, layout: Layout) -> Result<Self, Error> {
        let lies = |problem: Error| Error::model(format!("does not match its metadata: {}", problem.message));
        bounded(&layout).map_err(lies)?;
        let fresh = Caches::fresh(&layout.caches)?;
        let mut encoder = Self { layout, batches: false, sessions, fresh, benches: Mutex::default() };
        encoder.check().map_err(lies)?;
        // A network that was exported for one stream does not support it, which is not an error.
        encoder.batches = encoder.try_step(2).is_ok();
        Ok(encoder)
    }

    fn check(&self) -> Result<(), Error> {
        let Layout { shift, subsampling, .. } = self.layout;
        let frames = self.try_step(1)?;
        if frames * subsampling != shift {
            return Err(Error::model(format!(
                "a step of {shift} frames gave {frames}, not one for every {subsampling} (subsampling factor)"
            )));
        }
        Ok(())
    }

    /// Runs a step of new streams with silence; returns the number of output frames.
    fn try_step(&self, streams: usize) -> Result<usize, Error> {
        let mut caches = vec![self.fresh(); streams];
        let mut bench = self.bench();
        bench.windows(streams * self.window_values()).fill(0.0);
        let frames = self.step(bench, &mut caches.iter_mut().collect::<Vec<_>>())?;
        Ok(frames.view()?.dim().1)
    }

    /// Number of values in a window of features.
    pub(crate) fn window_values(&self) -> usize {
        self.layout.features.bins * self.layout.window
    }

    /// The caches of a new stream.
    pub(crate) fn fresh(&self) -> Caches {
        self.fresh.clone()
    }

    /// Buffers for a step.
    pub(crate) fn bench(&self) -> Bench {
        self.benches().pop().unwrap_or_default()
    }

    /// Runs a step of the streams with these caches. The windows, one after another, are in the buffers. If it fails,
    /// the caches are unchanged.
    pub(crate) fn step(&self, mut bench: Bench, caches: &mut [&mut Caches]) -> Result<Frames, Error> {
        let Layout { features: fbank, window, window_order, lengths, caches: layout, .. } = &self.layout;
        let streams = caches.len();
        let shape = match window_order {
            Order::FramesFirst => [streams, *window, fbank.bins],
            Order::WidthFirst => [streams, fbank.bins, *window],
        };
        let frames = vec![*window as i64; streams];
        let mut inputs: Vec<SessionInputValue<'_>> = Vec::with_capacity(2 + layout.len());
        inputs.push(TensorRef::from_array_view((shape, &bench.windows[..]))?.into());
        if *lengths {
            inputs.push(TensorRef::from_array_view(([streams], &frames[..]))?.into());
        }
        Caches::inputs(layout, caches, &mut bench.room, &mut inputs)?;
        let (frames, after) = {
            let mut session = self.sessions.lend()?;
            let mut outputs = session.run(inputs.as_slice())?.into_iter().map(|(_, value)| value);
            let frames = outputs.next();
            if *lengths {
                outputs.next();
            }
            (frames, outputs.collect::<Vec<_>>())
        };
        drop(inputs);
        self.benches().push(bench);
        let frames = self.frames(frames, streams)?;
        Caches::hand_on(layout, after, caches)?;
        Ok(frames)
    }

    fn benches(&self) -> MutexGuard<'_, Vec<Bench>> {
        self.benches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn frames(&self, values: Option<DynValue>, streams: usize) -> Result<Frames, Error> {
        let Layout { width, frame_order: order, .. } = self.layout;
        let frames = Frames { values: values.ok_or_else(|| Error::model("a step gave no frames"))?, order };
        let shape = frames.values.shape().to_vec();
        let found = frames.view().map(|view| (view.dim().0, view.dim().2));
        if found.is_ok_and(|found| found == (streams, width)) {
            return Ok(frames);
        }
        Err(Error::model(match order {
            Order::FramesFirst => format!("a step gave {shape:?}, not [{streams}, frames, {width}]"),
            Order::WidthFirst => format!("a step gave {shape:?}, not [{streams}, {width}, frames]"),
        }))
    }

    /// Size of a stream's caches in bytes.
    pub(crate) fn cache_bytes(&self) -> usize {
        self.layout.caches.iter().map(Cache::size).sum()
    }
}

/// Checks the values of a layout.
fn bounded(layout: &Layout) -> Result<(), Error> {
    let Layout { window, shift, subsampling, .. } = layout;
    if *window == 0 || *shift == 0 || *subsampling == 0 || shift > window || *window > MOST_FRAMES {
        return Err(Error::model(format!("window {window}, shift {shift}, subsampling {subsampling}")));
    }
    let cached = layout.caches.iter().map(Cache::values).fold(0, usize::saturating_add);
    if cached > MOST_CACHE_VALUES {
        return Err(Error::model(format!("caches of {cached} values")));
    }
    Ok(())
}

impl Frames {
    /// [streams, frames, width]
    pub(crate) fn view(&self) -> Result<ArrayView3<'_, f32>, Error> {
        let view = self.values.try_extract_array::<f32>()?;
        let view = view.into_dimensionality::<Ix3>().map_err(|problem| Error::model(problem.to_string()))?;
        Ok(match self.order {
            Order::FramesFirst => view,
            Order::WidthFirst => view.permuted_axes([0, 2, 1]),
        })
    }
}
