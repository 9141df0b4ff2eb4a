//! A plugin of the ABI tests that has a stage, and no engine.

#[path = "probe_stage.rs"]
mod probe_stage;

auricle_plugin_api::export_plugin! { stages: [probe_stage::ProbeStage] }
