//! A streaming network: features in, log-probabilities of tokens out, caches from step to step.
//!
//! A [`Layout`] says how a file wants it; one step is the same for every kind. Invariant: a network that was opened has run
//! once and gave what its layout says, so that a file which lies about itself is refused at load. Threads: any, several at
//! once; the caches belong to one stream.

use auricle_plugin_api::Error;
use auricle_plugin_kit::{fbank, onnx::Sessions};
use ndarray::ArrayView2;
use ort::{
    session::SessionInputValue,
    value::{DynValue, Tensor, TensorElementType, TensorRef, ValueType},
};

/// Caches beyond this are not a stream's state but a mistake.
const MOST_CACHE_VALUES: usize = 64 << 20;
/// Ten minutes of frames: more is no window.
const MOST_FRAMES: usize = 60_000;

/// How a file's network is fed.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// The features it was trained on.
    pub(crate) features: fbank::Options,
    /// Frames of features a step takes.
    pub(crate) window: usize,
    /// Frames from one step's first to the next one's.
    pub(crate) shift: usize,
    /// Frames of features for one frame of output.
    pub(crate) subsampling: usize,
    /// Symbols it tells apart, the blank included.
    pub(crate) symbols: usize,
    /// Input: features [1, bins, window].
    pub(crate) audio: String,
    /// Input: how many frames there are, [1].
    pub(crate) length: String,
    /// Output: log-probabilities [1, frames, symbols].
    pub(crate) logprobs: String,
    /// What goes from step to step.
    pub(crate) caches: Vec<Cache>,
}

/// A tensor that a step gives for the next step of the same stream. All zero at the start.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    pub(crate) input: String,
    pub(crate) output: String,
    /// With a batch of one.
    pub(crate) shape: Vec<usize>,
    pub(crate) kind: Kind,
}

/// Of what a cache consists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Floats,
    Integers,
}

/// An opened network.
pub(crate) struct Network {
    pub(crate) layout: Layout,
    sessions: Sessions,
}

/// The caches of one stream, in the layout's order.
pub(crate) struct Caches(Vec<DynValue>);

impl Network {
    /// Opens the network after a layout that the file's metadata gave, and runs it once. The error does not name the file.
    pub(crate) fn open(sessions: Sessions, layout: Layout) -> Result<Self, Error> {
        let network = Self { layout, sessions };
        network
            .check()
            .map_err(|problem| Error::model(format!("is not what its metadata say: {}", problem.message)))?;
        Ok(network)
    }

    fn check(&self) -> Result<(), Error> {
        let Layout { features, window, shift, subsampling, .. } = &self.layout;
        if *window == 0 || *shift == 0 || *subsampling == 0 || shift > window || *window > MOST_FRAMES {
            return Err(Error::model(format!("window {window}, shift {shift}, subsampling {subsampling}")));
        }
        let cached = self.layout.caches.iter().map(Cache::values).sum::<usize>();
        if cached > MOST_CACHE_VALUES {
            return Err(Error::model(format!("caches of {cached} values")));
        }
        let frames = self.step(&vec![0.0; features.bins * window], &mut self.fresh()?, |logprobs| logprobs.nrows())?;
        if frames * subsampling != *shift {
            return Err(Error::model(format!(
                "a step of {shift} frames gave {frames}, not one for every {subsampling} (subsampling factor)"
            )));
        }
        Ok(())
    }

    /// The caches of a new stream.
    pub(crate) fn fresh(&self) -> Result<Caches, Error> {
        let fresh = self.layout.caches.iter().map(|cache| cache.tensor(&vec![0; cache.bytes()]));
        Ok(Caches(fresh.collect::<ort::Result<_>>()?))
    }

    /// One step: `features` are a window [bins, window]; `heard` gets the log-probabilities [frames, symbols].
    pub(crate) fn step<T>(
        &self,
        features: &[f32],
        caches: &mut Caches,
        heard: impl FnOnce(ArrayView2<'_, f32>) -> T,
    ) -> Result<T, Error> {
        let Layout { window, audio, length, logprobs, symbols, .. } = &self.layout;
        let frames = [*window as i64];
        let mut inputs: Vec<(&str, SessionInputValue<'_>)> = vec![
            (audio, TensorRef::from_array_view(([1, features.len() / window, *window], features))?.into()),
            (length, TensorRef::from_array_view(([1], &frames[..]))?.into()),
        ];
        for (cache, value) in self.layout.caches.iter().zip(&caches.0) {
            inputs.push((&cache.input, value.into()));
        }
        let mut session = self.sessions.lend()?;
        let mut outputs = session.run(inputs)?;
        for (cache, value) in self.layout.caches.iter().zip(&mut caches.0) {
            let next = outputs.remove(&cache.output).ok_or_else(|| missing(&cache.output))?;
            cache.check(&next)?;
            *value = next;
        }
        let output = outputs.get(logprobs).ok_or_else(|| missing(logprobs))?;
        let array = output.try_extract_array::<f32>()?;
        match array.into_dimensionality::<ndarray::Ix3>() {
            Ok(array) if array.dim().0 == 1 && array.dim().2 == *symbols => {
                Ok(heard(array.index_axis_move(ndarray::Axis(0), 0)))
            }
            _ => Err(Error::model(format!(
                "output `{logprobs}` is {:?}, not [1, frames, {symbols} symbols]",
                output.shape().to_vec()
            ))),
        }
    }

    /// The caches as bytes, for [`caches`](Self::caches).
    pub(crate) fn bytes(&self, caches: &Caches) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::with_capacity(self.cache_bytes());
        for (cache, value) in self.layout.caches.iter().zip(&caches.0) {
            match cache.kind {
                Kind::Floats => bytes.extend(value.try_extract_tensor::<f32>()?.1.iter().flat_map(|x| x.to_le_bytes())),
                Kind::Integers => {
                    bytes.extend(value.try_extract_tensor::<i64>()?.1.iter().flat_map(|x| x.to_le_bytes()))
                }
            }
        }
        Ok(bytes)
    }

    /// How many bytes a stream's caches are.
    pub(crate) fn cache_bytes(&self) -> usize {
        self.layout.caches.iter().map(Cache::bytes).sum()
    }

    /// The caches that [`bytes`](Self::bytes) wrote; `None` where these are not of this network.
    pub(crate) fn caches(&self, mut bytes: &[u8]) -> Option<Caches> {
        let mut caches = Vec::new();
        for cache in &self.layout.caches {
            caches.push(cache.tensor(bytes.split_off(..cache.bytes())?).ok()?);
        }
        bytes.is_empty().then_some(Caches(caches))
    }
}

impl Cache {
    fn values(&self) -> usize {
        self.shape.iter().fold(1, |product, length| product.saturating_mul(*length))
    }

    fn bytes(&self) -> usize {
        self.values().saturating_mul(match self.kind {
            Kind::Floats => size_of::<f32>(),
            Kind::Integers => size_of::<i64>(),
        })
    }

    fn tensor(&self, bytes: &[u8]) -> ort::Result<DynValue> {
        Ok(match self.kind {
            Kind::Floats => {
                let values: Vec<f32> = bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
                Tensor::from_array((self.shape.as_slice(), values))?.into_dyn()
            }
            Kind::Integers => {
                let values: Vec<i64> = bytes.as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect();
                Tensor::from_array((self.shape.as_slice(), values))?.into_dyn()
            }
        })
    }

    fn check(&self, value: &DynValue) -> Result<(), Error> {
        let shape: Vec<usize> = value.shape().iter().map(|length| *length as usize).collect();
        let sound = shape == self.shape && self.kind.is(value.dtype());
        sound.then_some(()).ok_or_else(|| {
            Error::model(format!(
                "output `{}` is {:?}, its input `{}` {:?}",
                self.output, shape, self.input, self.shape
            ))
        })
    }
}

impl Kind {
    /// Whether a tensor of this type holds it.
    pub(crate) fn is(self, kind: &ValueType) -> bool {
        let element = match self {
            Self::Floats => TensorElementType::Float32,
            Self::Integers => TensorElementType::Int64,
        };
        matches!(kind, ValueType::Tensor { ty, .. } if *ty == element)
    }
}

fn missing(output: &str) -> Error {
    Error::model(format!("a step gave no `{output}`"))
}
