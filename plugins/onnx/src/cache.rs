//! The caches of a stream: tensors that a step passes to the next one.
//!
//! Invariant: a value has its cache's shape and kind. The output of a batch stays together along each cache's axis for
//! streams, and a stream's caches are its part of it until the next step. If the same streams form the next batch, the
//! tensors are passed on unchanged; otherwise the parts are copied into a new tensor, whose memory is reused. Threads:
//! a stream's caches are used by one thread at a time; shared tensors never change.

use auricle_plugin_api::Error;
use ort::{
    session::SessionInputValue,
    value::{DynValue, PrimitiveTensorElementType, Tensor, TensorElementType, TensorRef, ValueType},
};
use std::{fmt::Debug, sync::Arc};

/// A tensor that a step passes to the next step of the same stream. All zero at the start.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    /// The input's name, for messages.
    pub(crate) name: String,
    /// The shape for one stream.
    pub(crate) shape: Vec<usize>,
    /// The axis for streams.
    pub(crate) axis: usize,
    pub(crate) kind: Kind,
}

/// The type of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Floats,
    Integers,
}

/// The caches that a step returned, in the layout's order, for all its streams.
struct Given {
    values: Vec<DynValue>,
    streams: usize,
}

/// The caches of a stream.
#[derive(Clone)]
pub(crate) struct Caches {
    given: Arc<Given>,
    place: usize,
}

/// Buffers for combining the caches of streams. They are kept between steps, because freeing them makes the allocator
/// return their memory to the system each time.
#[derive(Default)]
pub(crate) struct Room {
    floats: Vec<f32>,
    integers: Vec<i64>,
}

/// A stream's part of a value.
struct Part<'a, T> {
    values: &'a [T],
    place: usize,
    streams: usize,
    /// Number of consecutive values of a stream.
    run: usize,
}

impl<T> Part<'_, T> {
    fn run(&self, number: usize) -> &[T] {
        let start = (number * self.streams + self.place) * self.run;
        &self.values[start..start + self.run]
    }
}

impl Caches {
    /// The caches of a new stream.
    pub(crate) fn fresh(layout: &[Cache]) -> ort::Result<Self> {
        let values = layout.iter().map(Cache::zeros).collect::<ort::Result<_>>()?;
        Ok(Self::alone(values))
    }

    fn alone(values: Vec<DynValue>) -> Self {
        Self { given: Arc::new(Given { values, streams: 1 }), place: 0 }
    }

    /// Passes the output of a step to its streams, if it fits the next step.
    pub(crate) fn hand_on(layout: &[Cache], values: Vec<DynValue>, to: &mut [&mut Self]) -> Result<(), Error> {
        if values.len() != layout.len() {
            return Err(Error::model(format!("a step gave {} caches of {}", values.len(), layout.len())));
        }
        layout.iter().zip(&values).try_for_each(|(cache, value)| cache.check(value, to.len()))?;
        let given = Arc::new(Given { values, streams: to.len() });
        for (place, caches) in to.iter_mut().enumerate() {
            **caches = Self { given: Arc::clone(&given), place };
        }
        Ok(())
    }

    /// Adds the inputs of a step with these streams.
    pub(crate) fn inputs<'a>(
        layout: &[Cache],
        streams: &'a [&mut Self],
        room: &'a mut Room,
        to: &mut Vec<SessionInputValue<'a>>,
    ) -> ort::Result<()> {
        if let Some(given) = Self::side_by_side(streams) {
            to.extend(given.values.iter().map(SessionInputValue::from));
            return Ok(());
        }
        room.floats.clear();
        room.integers.clear();
        for (number, cache) in layout.iter().enumerate() {
            match cache.kind {
                Kind::Floats => cache.gather(number, streams, &mut room.floats)?,
                Kind::Integers => cache.gather(number, streams, &mut room.integers)?,
            }
        }
        let (mut floats, mut integers) = (&room.floats[..], &room.integers[..]);
        for cache in layout {
            let (shape, count) = (cache.shape_of(streams.len()), cache.values() * streams.len());
            let value = match cache.kind {
                Kind::Floats => TensorRef::from_array_view((shape, take(&mut floats, count)))?.into_dyn(),
                Kind::Integers => TensorRef::from_array_view((shape, take(&mut integers, count)))?.into_dyn(),
            };
            to.push(value.into());
        }
        Ok(())
    }

    /// The output of the last step, if it had exactly these streams in this order.
    fn side_by_side<'a>(streams: &'a [&mut Self]) -> Option<&'a Given> {
        let given = &streams.first()?.given;
        let same = |(place, caches): (usize, &&mut Self)| Arc::ptr_eq(&caches.given, given) && caches.place == place;
        (given.streams == streams.len() && streams.iter().enumerate().all(same)).then_some(given)
    }

    /// Appends the caches as bytes, for [`from_bytes`](Self::from_bytes) on the same machine.
    pub(crate) fn write(&self, layout: &[Cache], to: &mut Vec<u8>) -> ort::Result<()> {
        for (number, cache) in layout.iter().enumerate() {
            match cache.kind {
                Kind::Floats => self.write_one::<f32>(cache, number, to)?,
                Kind::Integers => self.write_one::<i64>(cache, number, to)?,
            }
        }
        Ok(())
    }

    fn write_one<T>(&self, cache: &Cache, number: usize, to: &mut Vec<u8>) -> ort::Result<()>
    where
        T: PrimitiveTensorElementType + bytemuck::Pod + Debug,
    {
        let part = self.part::<T>(cache, number)?;
        (0..cache.runs()).for_each(|run| to.extend_from_slice(bytemuck::cast_slice(part.run(run))));
        Ok(())
    }

    /// Reads the bytes of [`write`](Self::write); `None` if they do not fit the layout.
    pub(crate) fn from_bytes(layout: &[Cache], mut bytes: &[u8]) -> Option<Self> {
        let mut values = Vec::with_capacity(layout.len());
        for cache in layout {
            values.push(cache.tensor(bytes.split_off(..cache.size())?).ok()?);
        }
        bytes.is_empty().then(|| Self::alone(values))
    }

    fn part<T>(&self, cache: &Cache, number: usize) -> ort::Result<Part<'_, T>>
    where
        T: PrimitiveTensorElementType + Debug + 'static,
    {
        let (_, values) = self.given.values[number].try_extract_tensor::<T>()?;
        Ok(Part { values, place: self.place, streams: self.given.streams, run: cache.values() / cache.runs().max(1) })
    }
}

/// Takes the first `count` values.
fn take<'a, T>(values: &mut &'a [T], count: usize) -> &'a [T] {
    let (taken, left) = values.split_at(count);
    *values = left;
    taken
}

impl Cache {
    /// Number of values of a stream.
    pub(crate) fn values(&self) -> usize {
        self.shape.iter().fold(1, |product, length| product.saturating_mul(*length))
    }

    /// Size in bytes.
    pub(crate) fn size(&self) -> usize {
        self.values().saturating_mul(match self.kind {
            Kind::Floats => size_of::<f32>(),
            Kind::Integers => size_of::<i64>(),
        })
    }

    fn zeros(&self) -> ort::Result<DynValue> {
        self.tensor(&vec![0; self.size()])
    }

    /// The value of one stream in these bytes.
    fn tensor(&self, bytes: &[u8]) -> ort::Result<DynValue> {
        let shape = self.shape.as_slice();
        Ok(match self.kind {
            Kind::Floats => Tensor::from_array((shape, bytemuck::pod_collect_to_vec::<u8, f32>(bytes)))?.into_dyn(),
            Kind::Integers => Tensor::from_array((shape, bytemuck::pod_collect_to_vec::<u8, i64>(bytes)))?.into_dyn(),
        })
    }

    /// Checks that a value returned by a step with this many streams can be an input of the next one.
    fn check(&self, value: &DynValue, streams: usize) -> Result<(), Error> {
        let wanted = self.shape_of(streams);
        let sound = value.shape().iter().map(|length| *length as usize).eq(wanted.iter().copied());
        (sound && self.kind.is(value.dtype())).then_some(()).ok_or_else(|| {
            let shape = value.shape();
            Error::model(format!("a step gave {shape:?} for the input `{}`, which is {wanted:?}", self.name))
        })
    }

    /// Copies the parts of several streams side by side.
    fn gather<T>(&self, number: usize, streams: &[&mut Caches], to: &mut Vec<T>) -> ort::Result<()>
    where
        T: PrimitiveTensorElementType + Copy + Debug + 'static,
    {
        let parts = streams.iter().map(|caches| caches.part::<T>(self, number)).collect::<ort::Result<Vec<_>>>()?;
        for run in 0..self.runs() {
            parts.iter().for_each(|part| to.extend_from_slice(part.run(run)));
        }
        Ok(())
    }

    /// Number of separate runs of values of a stream.
    fn runs(&self) -> usize {
        self.shape[..self.axis].iter().product()
    }

    fn shape_of(&self, streams: usize) -> Vec<usize> {
        let mut shape = self.shape.clone();
        shape[self.axis] = streams;
        shape
    }
}

impl Kind {
    /// Whether a tensor of this type has this kind.
    pub(crate) fn is(self, kind: &ValueType) -> bool {
        let element = match self {
            Self::Floats => TensorElementType::Float32,
            Self::Integers => TensorElementType::Int64,
        };
        matches!(kind, ValueType::Tensor { ty, .. } if *ty == element)
    }
}
