//! What a network carries from step to step of one stream: tensors that a step gives for the next one.
//!
//! Invariant: a value has its cache's shape and kind. What a step of several streams gave stays side by side along each
//! cache's axis for streams: a stream's caches are its place there, until its next step. Those who were side by side and are
//! again are handed on as they are; others are copied together once, into room that is used again. Threads: a stream's caches
//! are its own; what they lie in is shared, and never changed.

use auricle_plugin_api::Error;
use ort::{
    session::SessionInputValue,
    value::{DynValue, PrimitiveTensorElementType, Tensor, TensorElementType, TensorRef, ValueType},
};
use std::{fmt::Debug, sync::Arc};

/// A tensor that a step gives for the next step of the same stream. All zero at the start.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    /// The input's name, for messages.
    pub(crate) name: String,
    /// With one stream.
    pub(crate) shape: Vec<usize>,
    /// The axis that counts streams.
    pub(crate) axis: usize,
    pub(crate) kind: Kind,
}

/// Of what a tensor consists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Floats,
    Integers,
}

/// What a step gave for the next one, in the layout's order: the caches of all its streams.
struct Given {
    values: Vec<DynValue>,
    streams: usize,
}

/// The caches of one stream.
#[derive(Clone)]
pub(crate) struct Caches {
    given: Arc<Given>,
    place: usize,
}

/// Where the caches of streams that were not side by side are put together. Kept from step to step: to give such pieces of
/// memory back each time would have the allocator tidy up each time.
#[derive(Default)]
pub(crate) struct Room {
    floats: Vec<f32>,
    integers: Vec<i64>,
}

/// One stream's part of a value.
struct Part<'a, T> {
    values: &'a [T],
    place: usize,
    streams: usize,
    /// How many values of one stream lie together.
    run: usize,
}

impl<T> Part<'_, T> {
    fn run(&self, number: usize) -> &[T] {
        let start = (number * self.streams + self.place) * self.run;
        &self.values[start..start + self.run]
    }
}

impl Caches {
    /// Those of a new stream.
    pub(crate) fn fresh(layout: &[Cache]) -> ort::Result<Self> {
        let values = layout.iter().map(Cache::zeros).collect::<ort::Result<_>>()?;
        Ok(Self::alone(values))
    }

    fn alone(values: Vec<DynValue>) -> Self {
        Self { given: Arc::new(Given { values, streams: 1 }), place: 0 }
    }

    /// Hands what a step gave to its streams, if it is what the next step takes.
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

    /// Adds the inputs of a step of these streams.
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

    /// What a step of exactly these streams gave, in this order.
    fn side_by_side<'a>(streams: &'a [&mut Self]) -> Option<&'a Given> {
        let given = &streams.first()?.given;
        let same = |(place, caches): (usize, &&mut Self)| Arc::ptr_eq(&caches.given, given) && caches.place == place;
        (given.streams == streams.len() && streams.iter().enumerate().all(same)).then_some(given)
    }

    /// Adds them as bytes, for [`from_bytes`](Self::from_bytes) on the same machine.
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

    /// What [`write`](Self::write) wrote; `None` where these bytes are not of this layout.
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

/// Takes so many of the first values.
fn take<'a, T>(values: &mut &'a [T], count: usize) -> &'a [T] {
    let (taken, left) = values.split_at(count);
    *values = left;
    taken
}

impl Cache {
    /// How many values one stream has.
    pub(crate) fn values(&self) -> usize {
        self.shape.iter().fold(1, |product, length| product.saturating_mul(*length))
    }

    /// How many bytes it is.
    pub(crate) fn size(&self) -> usize {
        self.values().saturating_mul(match self.kind {
            Kind::Floats => size_of::<f32>(),
            Kind::Integers => size_of::<i64>(),
        })
    }

    fn zeros(&self) -> ort::Result<DynValue> {
        self.tensor(&vec![0; self.size()])
    }

    /// The value of one stream that these bytes are.
    fn tensor(&self, bytes: &[u8]) -> ort::Result<DynValue> {
        let shape = self.shape.as_slice();
        Ok(match self.kind {
            Kind::Floats => Tensor::from_array((shape, bytemuck::pod_collect_to_vec::<u8, f32>(bytes)))?.into_dyn(),
            Kind::Integers => Tensor::from_array((shape, bytemuck::pod_collect_to_vec::<u8, i64>(bytes)))?.into_dyn(),
        })
    }

    /// Whether a value that a step of so many streams gave can be the input of the next.
    fn check(&self, value: &DynValue, streams: usize) -> Result<(), Error> {
        let wanted = self.shape_of(streams);
        let sound = value.shape().iter().map(|length| *length as usize).eq(wanted.iter().copied());
        (sound && self.kind.is(value.dtype())).then_some(()).ok_or_else(|| {
            let shape = value.shape();
            Error::model(format!("a step gave {shape:?} for the input `{}`, which is {wanted:?}", self.name))
        })
    }

    /// Adds the parts of several streams, side by side.
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

    /// How many times values of one stream lie together.
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
    /// Whether a tensor of this type holds it.
    pub(crate) fn is(self, kind: &ValueType) -> bool {
        let element = match self {
            Self::Floats => TensorElementType::Float32,
            Self::Integers => TensorElementType::Int64,
        };
        matches!(kind, ValueType::Tensor { ty, .. } if *ty == element)
    }
}
