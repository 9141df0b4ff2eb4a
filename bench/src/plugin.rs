//! An engine from its plugin file, opened as by the server, in this process.

use crate::{Done, from_xtask};
use auricle_plugin_api::host::LogLevel;
use auricle_plugin_test::{StubHost, TestEngine};
use rustix::time::{ClockId, clock_gettime};
use std::{
    env::consts::{DLL_PREFIX, DLL_SUFFIX},
    path::Path,
};

/// Opens the engine with this backend name; returns it with the host that has its log. Its models are in `models`.
pub(crate) fn open(backend: &str, models: &Path, level: LogLevel) -> Done<(TestEngine, StubHost)> {
    let host = StubHost::new().resource_dir(from_xtask("AURICLE_RUNTIME")?).resource_dir(models).log_level(level);
    let file = from_xtask("AURICLE_PLUGINS")?.join(format!("{DLL_PREFIX}auricle_engine_{backend}{DLL_SUFFIX}"));
    Ok((TestEngine::from_library(&file, backend, &host), host))
}

/// Processor time of this process so far, in seconds.
pub(crate) fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
