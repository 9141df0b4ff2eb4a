//! The objects at the boundary, as `sabi_trait`s, and the root module that creates the first of them.
//!
//! The methods mirror [`crate::ModelLoader`], [`crate::Model`] and [`crate::AsrProcessor`], which document their
//! contracts. To extend a trait within 1.x, append a method with a default body after the one marked
//! `last_prefix_field`.

#![allow(missing_docs, non_camel_case_types, non_local_definitions, reason = "sabi_trait generates undocumented items")]
#![allow(clippy::undocumented_unsafe_blocks, unsafe_op_in_unsafe_fn, reason = "sabi_trait generates unsafe code")]

use super::{AbiResult, AbiSegment, AbiStageLoaderBox};
use abi_stable::{
    StableAbi, declare_root_module_statics,
    library::RootModule,
    package_version_strings, sabi_trait,
    sabi_types::{RMut, VersionStrings},
    std_types::{RBox, ROption, RSlice, RSliceMut, RStr, RString, RVec},
};

/// The host's end of a call: receives the engine's events.
#[sabi_trait]
pub trait AbiSink {
    fn partial(&mut self, segment: AbiSegment<'_>);
    fn segment(&mut self, segment: AbiSegment<'_>);
    fn speech_started(&mut self, sample: u64);
    fn endpoint(&mut self, sample: u64);
    fn restart_point(&mut self, sample: u64, state: RSlice<'_, u8>);
    #[sabi(last_prefix_field)]
    fn cancelled(&self) -> bool;
}
pub type AbiSinkMut<'a> = AbiSink_TO<'a, RMut<'a, ()>>;

/// The services that the host offers a plugin. Thread-safe.
#[sabi_trait]
pub trait AbiHost: Send + Sync {
    /// The most detailed level that is logged: 0 off, 1 error, ... 5 trace.
    fn log_level(&self) -> u32;
    fn log(&self, level: u32, target: RStr<'_>, message: RStr<'_>);
    fn origin_dir(&self) -> RString;
    fn resource_dirs(&self) -> RVec<RString>;
    #[sabi(last_prefix_field)]
    fn extension(&self, id: RStr<'_>, request: RSlice<'_, u8>) -> ROption<RVec<u8>>;
}
pub type AbiHostBox = AbiHost_TO<'static, RBox<()>>;

/// A factory of models. Documents are JSON.
#[sabi_trait]
pub trait AbiLoader: Send + Sync {
    fn backend(&self) -> AbiResult<RVec<u8>>;
    fn schema(&self) -> AbiResult<RVec<u8>>;
    fn load(&self, config: RSlice<'_, u8>) -> AbiResult<AbiModelBox>;
    #[sabi(last_prefix_field)]
    fn extension(&self, id: RStr<'_>, request: RSlice<'_, u8>) -> AbiResult<ROption<RVec<u8>>>;
}
pub type AbiLoaderBox = AbiLoader_TO<'static, RBox<()>>;

/// A loaded model.
#[sabi_trait]
pub trait AbiModel: Send + Sync {
    fn metadata(&self) -> AbiResult<RVec<u8>>;
    fn processor(&self, options: RSlice<'_, u8>) -> AbiResult<AbiProcessorBox>;
    fn process_batch(&self, batch: RSliceMut<'_, AbiBatchItem<'_>>);
    #[sabi(last_prefix_field)]
    fn extension(&self, id: RStr<'_>, request: RSlice<'_, u8>) -> AbiResult<ROption<RVec<u8>>>;
}
pub type AbiModelBox = AbiModel_TO<'static, RBox<()>>;

/// The state of one stream.
#[sabi_trait]
pub trait AbiProcessor: Send {
    fn init(&mut self, offset: u64) -> AbiResult<()>;
    fn insert_audio_chunk(&mut self, samples: RSlice<'_, f32>) -> AbiResult<()>;
    fn process_iter(&mut self, sink: AbiSinkMut<'_>) -> AbiResult<()>;
    fn finish(&mut self, sink: AbiSinkMut<'_>) -> AbiResult<()>;
    fn restore(&mut self, sample: u64, state: RSlice<'_, u8>) -> AbiResult<()>;
    #[sabi(last_prefix_field)]
    fn extension(&mut self, id: RStr<'_>, request: RSlice<'_, u8>) -> AbiResult<ROption<RVec<u8>>>;
}
pub type AbiProcessorBox = AbiProcessor_TO<'static, RBox<()>>;

/// An entry of a batch, for one stream; the plugin sets `result`.
#[repr(C)]
#[derive(StableAbi)]
pub struct AbiBatchItem<'a> {
    pub processor: RMut<'a, AbiProcessorBox>,
    pub sink: AbiSinkMut<'a>,
    pub result: AbiResult<()>,
}

/// The root module: the only function that a plugin exports, reached through a data symbol that is read before any
/// call.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginModuleRef)))]
#[sabi(missing_field(panic))]
pub struct PluginModule {
    /// Returns the plugin's engines. Called once per loaded library, before anything else.
    #[sabi(last_prefix_field)]
    pub engines: extern "C" fn(AbiHostBox) -> AbiResult<RVec<AbiLoaderBox>>,
    /// Returns the plugin's stages. Called like `engines`, after it. Absent from plugins built against 1.0; not released yet.
    #[sabi(missing_field(option))]
    pub stages: extern "C" fn(AbiHostBox) -> AbiResult<RVec<AbiStageLoaderBox>>,
}

impl RootModule for PluginModuleRef {
    declare_root_module_statics! {PluginModuleRef}
    const BASE_NAME: &'static str = "auricle_plugin";
    const NAME: &'static str = "auricle_plugin";
    const VERSION_STRINGS: VersionStrings = package_version_strings!();
}
