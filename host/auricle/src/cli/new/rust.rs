//! Projects in Rust.

use super::{
    name::Name,
    project::{Kind, Project},
};
use std::path::Path;

/// The crates of Auricle that a project uses, with their versions in the template, and their folders in a checkout.
const CRATES: [(&str, &str); 3] = [
    ("auricle-plugin-api = \"1\"", "plugin-api"),
    ("auricle-plugin-kit = \"0.1\"", "plugin-kit"),
    ("auricle-plugin-test = \"0.1\"", "plugin-test"),
];

/// A project that uses the published crates, or those of a checkout.
pub(super) fn project(name: &Name, kind: Kind, checkout: Option<&Path>) -> Result<Project, String> {
    let mut manifest = include_str!("rust/Cargo.toml.in").to_owned();
    let engine = match kind {
        Kind::Streaming => {
            manifest = manifest.replace("auricle-plugin-kit = \"0.1\"\n", "");
            include_str!("rust/streaming.rs")
        }
        Kind::Buffer => include_str!("rust/buffer.rs"),
    };
    if let Some(checkout) = checkout {
        manifest = of_checkout(&manifest, checkout)?;
    }
    Ok(Project::new(name, name.identifier())
        .file("Cargo.toml", &manifest)
        .file("src/lib.rs", engine)
        .file("src/keypad.rs", include_str!("rust/keypad.rs"))
        .file("tests/engine.rs", include_str!("rust/tests.rs"))
        .file("configs/presets/my-engine.json", preset(kind))
        .file(".github/workflows/ci.yml", include_str!("rust/ci.yml"))
        .file(".gitignore", include_str!("rust/gitignore"))
        .file("README.md", include_str!("rust/README.md.in"))
        .command("cd my-engine && cargo test && cargo build")
        .command("auricle validate target/debug/libmy_engine.so --audio audio/keys.wav")
        .command("auricle serve --plugins target/debug --configs configs"))
}

/// A project of a stage, as above.
pub(super) fn stage(name: &Name, checkout: Option<&Path>) -> Result<Project, String> {
    let mut manifest = include_str!("rust/stage/Cargo.toml.in").to_owned();
    if let Some(checkout) = checkout {
        manifest = of_checkout(&manifest, checkout)?;
    }
    Ok(Project::empty(name, name.identifier())
        .file("Cargo.toml", &manifest)
        .file("src/lib.rs", include_str!("rust/stage/lib.rs"))
        .file("tests/stage.rs", include_str!("rust/stage/tests.rs"))
        .file("configs/presets/my-engine.json", include_str!("rust/stage/preset.json"))
        .file(".github/workflows/ci.yml", include_str!("rust/stage/ci.yml"))
        .file(".gitignore", include_str!("rust/gitignore"))
        .file("README.md", include_str!("rust/stage/README.md.in"))
        .command("cd my-engine && cargo test && cargo build")
        .command("auricle validate target/debug/libmy_engine.so --preset configs/presets/my-engine.json"))
}

/// Only the first kind has a field that clients may set.
fn preset(kind: Kind) -> &'static str {
    match kind {
        Kind::Streaming => include_str!("shared/preset.json"),
        Kind::Buffer => include_str!("rust/buffer.json"),
    }
}

fn of_checkout(manifest: &str, checkout: &Path) -> Result<String, String> {
    let cannot = |problem: &str| format!("--api {}: {problem}", checkout.display());
    let root = checkout.canonicalize().map_err(|error| cannot(&error.to_string()))?;
    if !root.join("plugin-api/Cargo.toml").is_file() {
        return Err(cannot("is no checkout of Auricle: it has no plugin-api/Cargo.toml"));
    }
    Ok(CRATES.iter().fold(manifest.to_owned(), |manifest, (published, folder)| {
        let (name, _) = published.split_once(' ').unwrap_or_default();
        // A path may have quotes; in TOML such a string ends at the other kind.
        let path = toml_string(&root.join(folder).to_string_lossy());
        manifest.replace(published, &format!("{name} = {{ path = {path} }}"))
    }))
}

/// A basic string of TOML, whose escapes are those of JSON.
fn toml_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_are_those_of_this_repository() {
        let template = include_str!("rust/Cargo.toml.in");
        for (published, _) in CRATES {
            assert_eq!(template.matches(published).count(), 1, "{published}");
        }
        let major = auricle_plugin_api::Manifest::API_MAJOR;
        assert_eq!(CRATES[0].0, format!("auricle-plugin-api = \"{major}\""));
        assert!(env!("CARGO_PKG_VERSION").starts_with("0.1."), "the versions in the template are 0.1");
    }

    #[test]
    fn a_folder_that_is_no_checkout_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let refused = of_checkout("", folder.path()).unwrap_err();
        assert!(refused.contains("is no checkout of Auricle"), "{refused}");
        assert_eq!(toml_string(r#"C:\a "b""#), r#""C:\\a \"b\"""#);
    }
}
