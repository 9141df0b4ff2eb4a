//! A streaming network: windows of features in, frames out, caches from step to step.
//!
//! A [`Layout`] says how a file wants it; one step is the same for every kind, of one stream or of several together.
//! Invariant: a network that was opened has run and gave what its layout says, so that a file which lies about itself is
//! refused at load. Threads: any, several at once; the caches belong to one stream.

use crate::cache::{Cache, Caches};
use auricle_plugin_api::Error;
use auricle_plugin_kit::{fbank, onnx::Sessions};
use ndarray::{ArrayView3, Ix3};
use ort::{
    session::SessionInputValue,
    value::{DynValue, TensorRef},
};

/// Caches beyond this are not a stream's state but a mistake.
const MOST_CACHE_VALUES: usize = 64 << 20;
/// Ten minutes of frames: more is no window.
const MOST_FRAMES: usize = 60_000;

/// How a file's network is fed. Inputs go by position: features, their length where it wants one, the caches. So do outputs:
/// frames, their length where there is one, the caches.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// What it is, for messages.
    pub(crate) kind: &'static str,
    /// The features it was trained on.
    pub(crate) features: fbank::Options,
    /// Frames of features a step takes.
    pub(crate) window: usize,
    /// Frames from one step's first to the next one's.
    pub(crate) shift: usize,
    /// Frames of features for one frame of output.
    pub(crate) subsampling: usize,
    /// Numbers in a frame of output.
    pub(crate) width: usize,
    /// How a window of features lies.
    pub(crate) window_order: Order,
    /// How the frames of output lie.
    pub(crate) frame_order: Order,
    /// Whether lengths go in and come out beside features and frames.
    pub(crate) lengths: bool,
    /// What goes from step to step.
    pub(crate) caches: Vec<Cache>,
}

/// The order of a tensor's axes after the first, which counts streams.
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
    /// Whether several streams can step together.
    pub(crate) batches: bool,
    sessions: Sessions,
}

/// What a step gave.
pub(crate) struct Frames {
    values: DynValue,
    order: Order,
}

impl Encoder {
    /// Opens the network after a layout that the file's metadata gave, and runs it once. The error does not name the file.
    pub(crate) fn open(sessions: Sessions, layout: Layout) -> Result<Self, Error> {
        let mut encoder = Self { layout, batches: false, sessions };
        let lies = |problem: Error| Error::model(format!("is not what its metadata say: {}", problem.message));
        encoder.check().map_err(lies)?;
        // A network that was exported for one stream cannot, which is no fault.
        encoder.batches = encoder.try_step(2).is_ok();
        Ok(encoder)
    }

    fn check(&self) -> Result<(), Error> {
        let Layout { window, shift, subsampling, .. } = &self.layout;
        if *window == 0 || *shift == 0 || *subsampling == 0 || shift > window || *window > MOST_FRAMES {
            return Err(Error::model(format!("window {window}, shift {shift}, subsampling {subsampling}")));
        }
        let cached = self.layout.caches.iter().map(Cache::values).fold(0, usize::saturating_add);
        if cached > MOST_CACHE_VALUES {
            return Err(Error::model(format!("caches of {cached} values")));
        }
        let frames = self.try_step(1)?;
        if frames * subsampling != *shift {
            return Err(Error::model(format!(
                "a step of {shift} frames gave {frames}, not one for every {subsampling} (subsampling factor)"
            )));
        }
        Ok(())
    }

    /// Steps so many new streams in silence; returns how many frames that gives.
    fn try_step(&self, streams: usize) -> Result<usize, Error> {
        let mut caches = (0..streams).map(|_| self.fresh()).collect::<Result<Vec<_>, _>>()?;
        let silence = vec![0.0; streams * self.window_values()];
        let frames = self.step(&silence, &mut caches.iter_mut().collect::<Vec<_>>())?;
        Ok(frames.view()?.dim().1)
    }

    /// Values in a window of features.
    pub(crate) fn window_values(&self) -> usize {
        self.layout.features.bins * self.layout.window
    }

    /// The caches of a new stream.
    pub(crate) fn fresh(&self) -> Result<Caches, Error> {
        Ok(Caches(self.layout.caches.iter().map(Cache::zeros).collect::<ort::Result<_>>()?))
    }

    /// One step of the streams that these caches are of: `features` are their windows, one after the other. Where it fails
    /// the caches are as they were.
    pub(crate) fn step(&self, features: &[f32], caches: &mut [&mut Caches]) -> Result<Frames, Error> {
        let Layout { features: fbank, window, window_order, lengths, caches: layout, .. } = &self.layout;
        let streams = caches.len();
        let shape = match window_order {
            Order::FramesFirst => [streams, *window, fbank.bins],
            Order::WidthFirst => [streams, fbank.bins, *window],
        };
        let frames = vec![*window as i64; streams];
        let mut inputs: Vec<SessionInputValue<'_>> = Vec::with_capacity(2 + layout.len());
        inputs.push(TensorRef::from_array_view((shape, features))?.into());
        if *lengths {
            inputs.push(TensorRef::from_array_view(([streams], &frames[..]))?.into());
        }
        for (number, cache) in layout.iter().enumerate() {
            inputs.push(match &*caches {
                [only] => (&only.0[number]).into(),
                several => {
                    let values: Vec<&DynValue> = several.iter().map(|caches| &caches.0[number]).collect();
                    cache.stack(&values)?.into()
                }
            });
        }
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
        let frames = self.frames(frames, streams)?;
        if after.len() != layout.len() {
            return Err(Error::model(format!("a step gave {} caches of {}", after.len(), layout.len())));
        }
        layout.iter().zip(&after).try_for_each(|(cache, value)| cache.check(value, streams))?;
        match caches {
            [only] => only.0 = after,
            several => {
                let mut apart: Vec<_> = several.iter().map(|_| Vec::with_capacity(layout.len())).collect();
                for (cache, value) in layout.iter().zip(&after) {
                    let parts = cache.unstack(value, streams)?;
                    apart.iter_mut().zip(parts).for_each(|(caches, part)| caches.push(part));
                }
                several.iter_mut().zip(apart).for_each(|(caches, apart)| caches.0 = apart);
            }
        }
        Ok(frames)
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

    /// The caches as bytes, for [`caches`](Self::caches).
    pub(crate) fn bytes(&self, caches: &Caches) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::with_capacity(self.cache_bytes());
        for (cache, value) in self.layout.caches.iter().zip(&caches.0) {
            cache.bytes(value, &mut bytes)?;
        }
        Ok(bytes)
    }

    /// How many bytes a stream's caches are.
    pub(crate) fn cache_bytes(&self) -> usize {
        self.layout.caches.iter().map(Cache::size).sum()
    }

    /// The caches that [`bytes`](Self::bytes) wrote; `None` where these are not of this network.
    pub(crate) fn caches(&self, mut bytes: &[u8]) -> Option<Caches> {
        let mut caches = Vec::new();
        for cache in &self.layout.caches {
            caches.push(cache.tensor(bytes.split_off(..cache.size())?).ok()?);
        }
        bytes.is_empty().then_some(Caches(caches))
    }
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
