//! The plugin's side of the boundary, for stages: wraps an author's loader, stage and streams in the boundary's objects.
//!
//! Invariants: those of `adapter`. An event of a kind that this version does not know passes the stage unchanged.

use super::{
    AbiEvent, AbiResult, AbiStage, AbiStage_TO, AbiStageBox, AbiStageLoader, AbiStageLoader_TO, AbiStageLoaderBox,
    AbiStageSinkMut, AbiStageStream, AbiStageStream_TO, AbiStageStreamBox, FILES,
    adapter::{answer, cross, fields, is_panic, poisoned},
    known_event,
};
use crate::{
    Config, Error, Host, Schema, Stage, StageLoader, StageSink, StageStream,
    guard::{Guarded, guard},
};
use abi_stable::{
    sabi_trait::TD_Opaque,
    std_types::{ROption, RSlice, RStr, RVec},
};
use std::sync::Arc;

/// Wraps a stage's loader for the boundary.
pub fn stage_loader<L: StageLoader>(loader: L, host: &Host) -> AbiStageLoaderBox {
    AbiStageLoader_TO::from_value(GuardedLoader { loader: Guarded::new(loader), host: host.clone() }, TD_Opaque)
}

struct GuardedLoader<L: StageLoader> {
    loader: Guarded<L>,
    host: Host,
}

impl<L: StageLoader> AbiStageLoader for GuardedLoader<L> {
    fn name(&self) -> AbiResult<RVec<u8>> {
        cross(guard(|| Ok(self.loader.name().as_bytes().to_vec())))
    }

    fn schema(&self) -> AbiResult<RVec<u8>> {
        cross(guard(|| Ok(serde_json::to_vec(&self.loader.schema())?)))
    }

    fn load(&self, config: RSlice<'_, u8>) -> AbiResult<AbiStageBox> {
        cross(guard(|| {
            let schema = self.loader.schema();
            let config = Config::with_defaults(fields(&config)?, &schema);
            let stage = Arc::new(self.loader.load(&config, &self.host)?);
            let shared = Arc::new(Guarded::new(Shared { stage, schema }));
            Ok(AbiStage_TO::from_value(GuardedStage { shared }, TD_Opaque))
        }))
    }

    fn extension(&self, id: RStr<'_>, request: RSlice<'_, u8>) -> AbiResult<ROption<RVec<u8>>> {
        answer(guard(|| if id == FILES { self.files(&request) } else { self.loader.extension(id.as_str(), &request) }))
    }
}

impl<L: StageLoader> GuardedLoader<L> {
    fn files(&self, request: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let config = Config::with_defaults(fields(request)?, &self.loader.schema());
        let files = self.loader.files(&config, &self.host)?;
        Ok(files.map(|files| serde_json::to_vec(&files)).transpose()?)
    }
}

/// Shared by a stage's object and its streams.
struct Shared<S> {
    stage: Arc<S>,
    schema: Schema,
}

struct GuardedStage<S: Stage> {
    shared: Arc<Guarded<Shared<S>>>,
}

impl<S: Stage> AbiStage for GuardedStage<S> {
    fn metadata(&self) -> AbiResult<RVec<u8>> {
        cross(guard(|| Ok(serde_json::to_vec(&self.shared.stage.metadata())?)))
    }

    fn stream(&self, options: RSlice<'_, u8>) -> AbiResult<AbiStageStreamBox> {
        cross(guard(|| {
            let options = Config::with_defaults(fields(&options)?, &self.shared.schema);
            let stream = Guarded::new(self.shared.stage.stream(&options)?);
            let shared = Arc::clone(&self.shared);
            Ok(AbiStageStream_TO::from_value(
                GuardedStream::<S> { stream, poisoned: false, _shared: shared },
                TD_Opaque,
            ))
        }))
    }
}

/// A stream of a stage behind the boundary. The fields are dropped in this order.
struct GuardedStream<S: Stage> {
    stream: Guarded<S::Stream>,
    poisoned: bool,
    _shared: Arc<Guarded<Shared<S>>>,
}

impl<S: Stage> GuardedStream<S> {
    fn call<T, U>(&mut self, call: impl FnOnce(&mut S::Stream) -> Result<T, Error>) -> AbiResult<U>
    where
        T: Into<U>,
    {
        if self.poisoned {
            return cross(Err::<T, _>(poisoned()));
        }
        let result = guard(|| call(&mut self.stream));
        self.poisoned = is_panic(&result);
        cross(result)
    }
}

impl<S: Stage> AbiStageStream for GuardedStream<S> {
    fn init(&mut self, offset: u64) -> AbiResult<()> {
        self.call(|stream| stream.init(offset))
    }

    fn audio(&mut self, samples: RSlice<'_, f32>, sink: AbiStageSinkMut<'_>) -> AbiResult<()> {
        self.call(|stream| stream.audio(&samples, &mut StageSink::new(sink)))
    }

    fn event(&mut self, event: AbiEvent<'_>, sink: AbiStageSinkMut<'_>) -> AbiResult<()> {
        let mut sink = StageSink::new(sink);
        self.call(|stream| match known_event(&event) {
            Some(event) => stream.event(event, &mut sink),
            None => {
                sink.pass(event);
                Ok(())
            }
        })
    }

    fn end_turn(&mut self, sink: AbiStageSinkMut<'_>) -> AbiResult<()> {
        self.call(|stream| stream.end_turn(&mut StageSink::new(sink)))
    }

    fn finish(&mut self, sink: AbiStageSinkMut<'_>) -> AbiResult<()> {
        self.call(|stream| stream.finish(&mut StageSink::new(sink)))
    }

    fn save(&mut self) -> AbiResult<RVec<u8>> {
        self.call(|stream| stream.save())
    }

    fn restore(&mut self, sample: u64, state: RSlice<'_, u8>) -> AbiResult<()> {
        self.call(|stream| stream.restore(sample, &state))
    }

    fn extension(&mut self, id: RStr<'_>, request: RSlice<'_, u8>) -> AbiResult<ROption<RVec<u8>>> {
        self.call(|stream| stream.extension(id.as_str(), &request).map(|answer| ROption::from(answer.map(RVec::from))))
    }
}
