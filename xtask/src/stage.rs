//! Builds, and lays out a plugin directory: the engines and nothing else.

use crate::{
    fetch,
    run::{Done, cargo, root, run, target},
};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Engines that are one file.
const FILES: [&str; 2] = ["onnx", "tone"];

/// A built host and its engines.
pub(crate) struct Built {
    /// The program.
    pub(crate) host: PathBuf,
    /// The plugin directory.
    pub(crate) plugins: PathBuf,
    /// Resource directories: ONNX Runtime, and the models that come with the repository.
    pub(crate) resources: Vec<PathBuf>,
}

/// The host as users run it: `target/release/auricle` and `target/plugins`.
pub(crate) fn release() -> Done<Built> {
    build(&["build", "--release", "--workspace", "--exclude", "xtask"], "release", "plugins")
}

/// The same as tests run it: the development profile, which unit tests share.
pub(crate) fn development() -> Done<Built> {
    build(&["build", "--workspace"], "debug", "debug/plugins")
}

fn build(args: &[&str], profile: &str, plugins: &str) -> Done<Built> {
    let source = fetch::pocketsphinx()?;
    let resources = vec![fetch::onnxruntime()?, root().join("models")];
    run(&mut cargo(args))?;
    let (binaries, plugins) = (target().join(profile), target().join(plugins));
    stage(&binaries, &source, &plugins).map_err(|error| format!("cannot lay out {}: {error}", plugins.display()))?;
    let host = binaries.join(format!("auricle{}", std::env::consts::EXE_SUFFIX));
    let built = Built { host, plugins, resources };
    eprintln!("xtask: host {}, engines in {}", built.host.display(), built.plugins.display());
    for folder in &built.resources {
        eprintln!("xtask: resources in {}", folder.display());
    }
    Ok(built)
}

fn stage(binaries: &Path, pocketsphinx: &Path, plugins: &Path) -> io::Result<()> {
    if plugins.exists() {
        fs::remove_dir_all(plugins)?;
    }
    fs::create_dir_all(plugins)?;
    for engine in FILES {
        let name = library(engine);
        fs::copy(binaries.join(&name), plugins.join(&name))?;
    }
    let folder = plugins.join("pocketsphinx.engine");
    let name = library("pocketsphinx");
    fs::create_dir_all(&folder)?;
    fs::copy(binaries.join(&name), folder.join(&name))?;
    copy_folder(&pocketsphinx.join("model/en-us"), &folder.join("en-us"))
}

fn library(engine: &str) -> String {
    let (prefix, suffix) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    format!("{prefix}auricle_engine_{engine}{suffix}")
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, copy) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy_folder(&source, &copy)?;
        } else if fs::hard_link(&source, &copy).is_err() {
            // Another file system.
            fs::copy(&source, &copy)?;
        }
    }
    Ok(())
}
