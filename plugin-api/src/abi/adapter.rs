//! The plugin's side of the boundary: wraps an author's loader, model and processor in the boundary's objects.
//!
//! Invariants: no panic leaves one of their methods or `Drop`s; a processor that panicked is never called again; a
//! processor is dropped before its model.

use super::{
    AbiBatchItem, AbiError, AbiHostBox, AbiLoader, AbiLoader_TO, AbiLoaderBox, AbiModel, AbiModel_TO, AbiModelBox,
    AbiProcessor, AbiProcessor_TO, AbiProcessorBox, AbiResult, AbiSinkMut, AbiStageLoaderBox, ENDS, FILES,
    PluginModule, PluginModuleRef,
};
use crate::{
    AsrProcessor, BatchItem, Config, Error, ErrorCode, Host, Model, ModelLoader, Schema, Sink,
    guard::{Guarded, guard},
    logging,
};
use abi_stable::{
    library::{CheckTypeLayout, LibHeader, RootModuleResult},
    prefix_type::PrefixTypeTrait,
    sabi_trait::{TD_CanDowncast, TD_Opaque},
    std_types::{ROption, RResult, RSlice, RSliceMut, RStr, RVec},
};
use serde_json::{Map, Value};
use std::{mem, sync::Arc};

/// Wraps an engine's loader for the boundary.
pub fn loader<L: ModelLoader>(loader: L, host: &Host) -> AbiLoaderBox {
    AbiLoader_TO::from_value(GuardedLoader { loader: Guarded::new(loader), host: host.clone() }, TD_Opaque)
}

pub(super) fn cross<T, U>(result: Result<T, Error>) -> AbiResult<U>
where
    T: Into<U>,
{
    match result {
        Ok(value) => RResult::ROk(value.into()),
        Err(error) => RResult::RErr(AbiError::from(error)),
    }
}

pub(super) fn fields(json: &[u8]) -> Result<Map<String, Value>, Error> {
    serde_json::from_slice(json)
        .map_err(|problem| Error::new(ErrorCode::CONTRACT, format!("configuration is not a JSON object: {problem}")))
}

pub(super) fn answer(result: Result<Option<Vec<u8>>, Error>) -> AbiResult<ROption<RVec<u8>>> {
    cross(result.map(|answer| ROption::from(answer.map(RVec::from))))
}

struct GuardedLoader<L: ModelLoader> {
    loader: Guarded<L>,
    host: Host,
}

impl<L: ModelLoader> GuardedLoader<L> {
    fn files(&self, request: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let config = Config::with_defaults(fields(request)?, &self.loader.schema());
        let files = self.loader.files(&config, &self.host)?;
        Ok(files.map(|files| serde_json::to_vec(&files)).transpose()?)
    }
}

impl<L: ModelLoader> AbiLoader for GuardedLoader<L> {
    fn backend(&self) -> AbiResult<RVec<u8>> {
        cross(guard(|| Ok(self.loader.backend().as_bytes().to_vec())))
    }

    fn schema(&self) -> AbiResult<RVec<u8>> {
        cross(guard(|| Ok(serde_json::to_vec(&self.loader.schema())?)))
    }

    fn load(&self, config: RSlice<'_, u8>) -> AbiResult<AbiModelBox> {
        cross(guard(|| {
            let schema = self.loader.schema();
            let config = Config::with_defaults(fields(&config)?, &schema);
            let model =
                Arc::new(Guarded::new(Shared { model: Arc::new(self.loader.load(&config, &self.host)?), schema }));
            Ok(AbiModel_TO::from_value(GuardedModel { shared: model }, TD_Opaque))
        }))
    }

    fn extension(&self, id: RStr<'_>, request: RSlice<'_, u8>) -> AbiResult<ROption<RVec<u8>>> {
        answer(guard(|| if id == FILES { self.files(&request) } else { self.loader.extension(id.as_str(), &request) }))
    }
}

/// Shared by a model's object and its processors.
struct Shared<M> {
    model: Arc<M>,
    schema: Schema,
}

struct GuardedModel<M: Model> {
    shared: Arc<Guarded<Shared<M>>>,
}

impl<M: Model> AbiModel for GuardedModel<M> {
    fn metadata(&self) -> AbiResult<RVec<u8>> {
        cross(guard(|| Ok(serde_json::to_vec(&self.shared.model.metadata())?)))
    }

    fn processor(&self, options: RSlice<'_, u8>) -> AbiResult<AbiProcessorBox> {
        cross(guard(|| {
            let options = Config::with_defaults(fields(&options)?, &self.shared.schema);
            let processor = Guarded::new(self.shared.model.processor(&options)?);
            let shared = Arc::clone(&self.shared);
            Ok(AbiProcessor_TO::from_value(
                GuardedProcessor { processor, poisoned: false, ends: false, shared },
                TD_CanDowncast,
            ))
        }))
    }

    fn process_batch(&self, mut batch: RSliceMut<'_, AbiBatchItem<'_>>) {
        let mut accepted = Vec::with_capacity(batch.len());
        let mut outcomes = Vec::with_capacity(batch.len());
        for AbiBatchItem { processor, sink, result } in batch.iter_mut() {
            match processor.get_mut().obj.downcast_as_mut::<GuardedProcessor<M>>() {
                Ok(processor) if Arc::ptr_eq(&processor.shared, &self.shared) => {
                    if processor.poisoned {
                        *result = RResult::RErr(poisoned().into());
                        continue;
                    }
                    accepted.push(BatchItem {
                        processor: &mut *processor.processor,
                        sink: Sink::new(sink.sabi_reborrow_mut()),
                        ends: mem::take(&mut processor.ends),
                        result: Ok(()),
                        place: outcomes.len(),
                    });
                    outcomes.push((&mut processor.poisoned, result));
                }
                _ => *result = RResult::RErr(Error::new(ErrorCode::CONTRACT, "not a processor of this model").into()),
            }
        }
        let whole = guard(|| {
            self.shared.model.process_batch(&mut accepted);
            Ok(())
        });
        // By place, because the engine may have reordered the items.
        for item in accepted {
            if let Some((poisoned, result)) = outcomes.get_mut(item.place) {
                let own = whole.clone().and(item.result);
                **poisoned = is_panic(&own);
                **result = cross(own);
            }
        }
    }

    fn extension(&self, id: RStr<'_>, request: RSlice<'_, u8>) -> AbiResult<ROption<RVec<u8>>> {
        answer(guard(|| self.shared.model.extension(id.as_str(), &request)))
    }
}

pub(super) fn poisoned() -> Error {
    Error::new(ErrorCode::POISONED, "the stream's processor panicked before and is not called any more")
}

pub(super) fn is_panic<T>(result: &Result<T, Error>) -> bool {
    matches!(result, Err(error) if error.code == ErrorCode::PANIC)
}

/// A processor behind the boundary. The fields are dropped in this order.
struct GuardedProcessor<M: Model> {
    processor: Guarded<M::Processor>,
    poisoned: bool,
    /// See [`ENDS`].
    ends: bool,
    shared: Arc<Guarded<Shared<M>>>,
}

impl<M: Model> GuardedProcessor<M> {
    fn call<T, U>(&mut self, call: impl FnOnce(&mut M::Processor) -> Result<T, Error>) -> AbiResult<U>
    where
        T: Into<U>,
    {
        if self.poisoned {
            return cross(Err::<T, _>(poisoned()));
        }
        let result = guard(|| call(&mut self.processor));
        self.poisoned = is_panic(&result);
        cross(result)
    }
}

impl<M: Model> AbiProcessor for GuardedProcessor<M> {
    fn init(&mut self, offset: u64) -> AbiResult<()> {
        self.call(|processor| processor.init(offset))
    }

    fn insert_audio_chunk(&mut self, samples: RSlice<'_, f32>) -> AbiResult<()> {
        self.call(|processor| processor.insert_audio_chunk(&samples))
    }

    fn process_iter(&mut self, sink: AbiSinkMut<'_>) -> AbiResult<()> {
        self.call(|processor| processor.process_iter(&mut Sink::new(sink)))
    }

    fn finish(&mut self, sink: AbiSinkMut<'_>) -> AbiResult<()> {
        self.call(|processor| processor.finish(&mut Sink::new(sink)))
    }

    fn restore(&mut self, sample: u64, state: RSlice<'_, u8>) -> AbiResult<()> {
        self.call(|processor| processor.restore(sample, &state))
    }

    fn extension(&mut self, id: RStr<'_>, request: RSlice<'_, u8>) -> AbiResult<ROption<RVec<u8>>> {
        if id == ENDS {
            self.ends = true;
            return RResult::ROk(ROption::RSome(RVec::new()));
        }
        self.call(|processor| {
            processor.extension(id.as_str(), &request).map(|answer| ROption::from(answer.map(RVec::from)))
        })
    }
}

/// A plugin, as declared by [`export_plugin!`](crate::export_plugin).
pub trait Plugin {
    /// Creates the engines, wrapped for the boundary.
    fn engines(host: &Host) -> Vec<AbiLoaderBox>;

    /// Creates the stages, wrapped for the boundary. None by default: plugins written against 1.0 have none.
    fn stages(host: &Host) -> Vec<AbiStageLoaderBox> {
        let _ = host;
        Vec::new()
    }
}

extern "C" fn engines<P: Plugin>(host: AbiHostBox) -> AbiResult<RVec<AbiLoaderBox>> {
    cross(guard(|| {
        let host = Host::new(host);
        logging::install(&host);
        Ok(P::engines(&host))
    }))
}

extern "C" fn stages<P: Plugin>(host: AbiHostBox) -> AbiResult<RVec<AbiStageLoaderBox>> {
    cross(guard(|| Ok(P::stages(&Host::new(host)))))
}

extern "C" fn root_module<P: Plugin>() -> RootModuleResult {
    abi_stable::library::__call_root_module_loader(|| {
        PluginModule { engines: engines::<P>, stages: stages::<P> }.leak_into_prefix()
    })
}

/// The value of the data symbol that the host reads.
pub const fn root_header<P: Plugin>() -> LibHeader {
    // SAFETY: `root_module` returns exactly the module type whose layout the header states.
    unsafe { LibHeader::from_constructor::<PluginModuleRef>(root_module::<P>, CheckTypeLayout::Yes) }
}
