//! How full the server is: what a load balancer or an autoscaler asks for. Threads: any.

use super::{PresetState, Sessions, models::owned, own_fields, report::may_be_told};
use auricle_cluster::messages::{HostStatus, ToldPreset};
use auricle_core::Pace;
use auricle_plugin_api::Scope;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How full the server is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Open streams of the server.
    pub streams: usize,
    /// The largest number of open streams (`limits.max_streams`).
    pub max_streams: usize,
    /// Whether a stream of some preset would be accepted now.
    pub accepting: bool,
    /// Every preset, sorted by name.
    pub presets: Vec<PresetStatus>,
}

/// How full the model of a preset is. Presets with the same model share its streams.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PresetStatus {
    /// The preset's name.
    pub name: String,
    /// The engine's backend name; empty if the preset is invalid.
    pub backend: String,
    /// Whether streams can be opened.
    pub state: PresetState,
    /// Whether another live stream would be accepted now.
    pub accepting: bool,
    /// Why not, for people.
    pub reason: Option<String>,
    /// The loaded model; `None` if it is not loaded.
    pub model: Option<LoadedModel>,
    /// Open streams of the model.
    pub streams: usize,
    /// The largest number of open streams of the model; `None` if only the server's limit applies.
    pub max_streams: Option<usize>,
    /// The share of the time that the model's threads are busy with its live streams, from 0; above 1 they cannot keep
    /// up. `None` while the model has not processed enough audio.
    pub load: Option<f64>,
    /// The median lag of the model's live streams, in seconds.
    pub lag_seconds: f64,
    /// How many more live streams would be accepted, by all limits and the load. An estimate: streams cost different
    /// amounts.
    pub room: usize,
}

/// A loaded model, and the worker processes in which it runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadedModel {
    /// Distinguishes models: presets with the same number share one. Each loading gets a new number.
    pub id: u64,
    /// The preset that loaded it, as in the metrics.
    pub preset: String,
    /// Its worker processes; 0 if it runs in the server's process. Two versions of a preset count together while one
    /// takes over from the other.
    pub workers: u64,
    /// The resident memory of these workers, in bytes; 0 if it runs in the server's process.
    pub memory_bytes: u64,
    /// Workers that replaced one that died, since the server started.
    pub restarts: u64,
}

impl Sessions {
    /// How full the server is now.
    pub fn status(&self) -> Status {
        let admission = self.admission();
        let (streams, max_streams) = (admission.taken(), admission.max_streams());
        let left = if self.is_stopping() { 0 } else { max_streams.saturating_sub(streams) };
        let presets: Vec<_> = self
            .catalog()
            .report(true)
            .into_iter()
            .map(|preset| {
                let model = self.catalog().loaded(&preset.name);
                let mut status = PresetStatus {
                    name: preset.name,
                    backend: preset.backend,
                    state: preset.state,
                    accepting: left > 0 && preset.state != PresetState::Unavailable,
                    reason: preset.reason,
                    model: None,
                    streams: preset.streams,
                    max_streams: None,
                    load: None,
                    lag_seconds: 0.0,
                    room: left,
                };
                if let Some(model) = model {
                    let workers = self.metrics().workers_of(model.name(), &status.backend);
                    status.model = Some(LoadedModel {
                        id: model.id(),
                        preset: model.name().to_owned(),
                        workers: workers.running,
                        memory_bytes: workers.memory_bytes,
                        restarts: workers.restarts,
                    });
                    let live = self.registry().live(|entry| entry.model == model.id());
                    status.max_streams = model.max_streams();
                    status.load = model.load_with(live);
                    status.lag_seconds = self.registry().median_lag(|entry| entry.model == model.id());
                    if let Err(failure) = admission.check(&status.name, &model, Pace::Live, 1) {
                        (status.accepting, status.reason) = (false, Some(failure.message));
                    }
                    if let Some(most) = status.max_streams {
                        status.room = status.room.min(most.saturating_sub(status.streams));
                    }
                    if let Some(room) = model.room() {
                        status.room = status.room.min(room);
                    }
                    if let Some(one) = model.load_with(1).filter(|one| *one > 0.0) {
                        // The first live stream is always accepted.
                        let fit = ((admission.max_load() / one) as usize).max(1);
                        status.room = status.room.min(fit.saturating_sub(live));
                    }
                }
                status.accepting &= status.room > 0;
                if !status.accepting {
                    status.room = 0;
                }
                status
            })
            .collect();
        Status { streams, max_streams, accepting: presets.iter().any(|preset| preset.accepting), presets }
    }

    /// What an engine host tells its fronts.
    pub fn host_status(&self) -> HostStatus {
        let status = self.status();
        let presets = status.presets.into_iter().map(|preset| self.told(preset)).collect();
        HostStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            stopping: self.is_stopping(),
            streams: status.streams,
            presets,
        }
    }

    fn told(&self, status: PresetStatus) -> ToldPreset {
        let told = ToldPreset {
            usable: false,
            reason: status.reason,
            streams: status.streams,
            load: status.load,
            room: status.room,
            name: status.name,
            backend: status.backend,
            ..ToldPreset::default()
        };
        let Some(resolved) = self.catalog().resolved(&told.name) else { return told };
        let (preset, schema) = (&resolved.preset, resolved.engine.schema());
        let of_streams = |name: &String| schema.scope(name) == Some(Scope::Stream);
        let properties = schema.json().get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
        let fields = preset.fields.iter().filter(|(name, value)| {
            let is_secret =
                properties.get(*name).is_some_and(|field| field.get("writeOnly") == Some(&Value::Bool(true)));
            of_streams(name) && !is_secret && may_be_told(value)
        });
        let opened = preset.host.open.iter().filter_map(|field| own_fields::of_engine(schema, field));
        ToldPreset {
            usable: status.state != PresetState::Unavailable,
            title: preset.host.title.clone(),
            identity: resolved.identity(),
            // Those of stages cannot be set through a front.
            open: opened.filter(|field| schema.scope(field).is_some()).map(str::to_owned).collect(),
            fields: owned(fields),
            schema: owned(properties.iter().filter(|(name, _)| of_streams(name))),
            ..told
        }
    }
}
