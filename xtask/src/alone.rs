//! Compiles each of the host's crates, and what is fuzzed, on its own.
//!
//! In a build of the workspace a crate gets every feature that any other crate requests of its dependencies, so a
//! missing feature is not noticed. It is noticed only by a project that depends on that crate alone.

use crate::run::{Done, cargo, root, run};
use serde_json::Value;
use std::path::Path;

/// Crates with another form, and the features of that form.
const FORMS: [(&str, &[&str]); 2] = [("auricle-dialects", &["client"]), ("auricle-client", &["cli"])];

/// Compiles the crates.
pub(crate) fn check() -> Done {
    let metadata = cargo(&["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .map_err(|error| format!("`cargo metadata` cannot be started: {error}"))?;
    if !metadata.status.success() {
        return Err(format!("`cargo metadata` failed: {}", String::from_utf8_lossy(&metadata.stderr).trim_end()));
    }
    // The fuzzer has a workspace of its own.
    let fuzzed = packages(&metadata.stdout, &root().join("fuzz"))?;
    for name in packages(&metadata.stdout, &root().join("host"))?.into_iter().chain(fuzzed) {
        run(&mut cargo(&["check", "--package", &name, "--all-targets"]))?;
        for (_, features) in FORMS.iter().filter(|(form, _)| *form == name) {
            let features = features.join(",");
            run(&mut cargo(&["check", "--package", &name, "--no-default-features", "--features", &features]))?;
        }
    }
    Ok(())
}

/// The names of the packages whose manifest is in the folder or below it.
fn packages(metadata: &[u8], folder: &Path) -> Done<Vec<String>> {
    let metadata: Value = serde_json::from_slice(metadata).map_err(|error| format!("`cargo metadata`: {error}"))?;
    let packages = metadata["packages"].as_array().ok_or("`cargo metadata` lists no packages")?;
    let text = |package: &Value, field: &str| {
        package[field].as_str().map(str::to_owned).ok_or(format!("`cargo metadata`: a package without `{field}`"))
    };
    let mut names = Vec::new();
    for package in packages {
        if Path::new(&text(package, "manifest_path")?).starts_with(folder) {
            names.push(text(package, "name")?);
        }
    }
    if names.is_empty() {
        return Err(format!("`cargo metadata` lists no package under {}", folder.display()));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_those_of_the_folder() {
        let metadata = br#"{"packages": [
            {"name": "auricle", "manifest_path": "/r/host/Cargo.toml"},
            {"name": "auricle-core", "manifest_path": "/r/host/core/Cargo.toml"},
            {"name": "auricle-hosting", "manifest_path": "/r/hosting/Cargo.toml"}
        ]}"#;
        assert_eq!(packages(metadata, Path::new("/r/host")).unwrap(), ["auricle", "auricle-core"]);
        assert!(packages(metadata, Path::new("/r/none")).unwrap_err().contains("no package under /r/none"));
        assert!(packages(br#"{"packages": [{}]}"#, Path::new("/r")).unwrap_err().contains("`manifest_path`"));
    }
}
