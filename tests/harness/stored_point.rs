//! What a server has stored of its streams.

use auricle_plugin_test::server::Host;
use serde_json::Value;
use std::fs;

/// The stored point of the only stream in the directory `resume`: its sample.
pub fn stored_point(host: &Host) -> Option<u64> {
    let mut files = fs::read_dir(host.path("resume")).ok()?.flatten().map(|file| file.path());
    let bytes = fs::read(files.find(|path| path.extension().is_some_and(|extension| extension == "point"))?).ok()?;
    let header = bytes.split(|byte| *byte == b'\n').nth(1)?;
    serde_json::from_slice::<Value>(header).ok()?["sample"].as_u64()
}
