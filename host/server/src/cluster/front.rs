//! A front's presets: those that its engine hosts have. One task.

use auricle_cluster::{EngineHosts, messages::ToldPreset};
use auricle_session::{Preset, Presets};
use std::{collections::BTreeMap, sync::Arc};

/// Follows what the engine hosts tell of their presets. `calls` is the number of concurrent calls of a preset's model.
pub(crate) async fn follow_engine_hosts(hosts: Arc<EngineHosts>, presets: Arc<Presets>, calls: usize) {
    let mut changes = hosts.changes();
    let mut known: BTreeMap<String, ToldPreset> = BTreeMap::new();
    loop {
        let told = changes.borrow_and_update().clone();
        known.retain(|name, _| {
            let stays = told.iter().any(|told| told.name == *name);
            if !stays {
                presets.remove(name);
            }
            stays
        });
        for preset in told {
            if known.get(&preset.name) == Some(&preset) {
                continue;
            }
            match hosts.known(preset.clone()) {
                Ok(found) => presets.add(Preset::on_engine_hosts(&found, calls)),
                Err(problem) => {
                    tracing::error!(preset = preset.name, "cannot offer what an engine host told: {problem}")
                }
            }
            known.insert(preset.name.clone(), preset);
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}
